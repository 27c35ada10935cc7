"""The catalog of regions: which list is used, what the user is told about it, and which regions are found."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from conftest import TOKEN, Repo, Run, Service, age, answers, assert_clean, cache_files, hang, new_catalog, region_json

from git_scalingo_region.errors import CredentialsError
from git_scalingo_region.model import ListSource
from git_scalingo_region.scalingo import builtin
from git_scalingo_region.scalingo.cache import Cache
from git_scalingo_region.scalingo.catalog import Catalog

LIST = ("GET", "/v1/regions")
BUILT_IN = "using the built-in list of regions (Scalingo's documentation of 2026-01-02)"
DAY = 24 * 60 * 60


def load(**options: bool) -> tuple[str, list[str]]:
    """Load the list in a new run with these options, and return its source and the warnings."""
    catalog = new_catalog(**options)
    return catalog.load().source.value, catalog.context.warnings


def fail(service: Service) -> str:
    """Make the service fail, and return the reason that the program then gives."""
    service.routes[LIST] = answers(500, {"error": "x"})
    return f"{service.url} answered 500"


def test_a_list_is_fetched_once_and_kept_for_a_day(service: Service, home: Path) -> None:
    """The first run asks the service, and later ones only if the list is a day old; `--refresh` always asks."""
    assert [load(), load()] == [("api", []), ("cache", [])]
    age(home, DAY - 60)
    assert load() == ("cache", [])
    assert len(service.requests) == 1
    age(home, DAY + 1)
    assert [load(), load()] == [("api", []), ("cache", [])]
    service.regions = [region_json("new", default=True)]
    assert load(refresh=True) == ("api", [])
    assert new_catalog().load().names == ("new",)
    assert len(service.requests) == 3


def test_offline_never_asks(service: Service, home: Path) -> None:
    """`--offline` makes no request and no file; it uses the cached list, fresh or stale, or else the built-in one."""
    assert load(offline=True) == ("embedded", [f"offline; {BUILT_IN}"])
    assert service.requests == []
    assert not (home / ".cache").exists()
    load()
    assert load(offline=True) == ("cache", [])
    day = age(home, 3 * DAY)
    assert load(offline=True) == ("stale-cache", [f"offline; using the list of regions cached on {day}"])
    assert len(service.requests) == 1


def test_if_the_service_fails_an_older_list_is_used(service: Service, home: Path) -> None:
    """If the service fails, the cached list is used, fresh or stale, or else the built-in one, with a warning."""
    reason = fail(service)
    assert load() == ("embedded", [f"{reason}; {BUILT_IN}"])
    assert cache_files(home) == []
    service.routes.clear()
    load()
    fail(service)
    assert load(refresh=True) == ("cache", [f"{reason}; using the cached list of regions"])
    day = age(home, DAY + 1)
    assert load() == ("stale-cache", [f"{reason}; using the list of regions cached on {day}"])


@pytest.mark.parametrize("moment", [-1e10, 0.0, 2.5e11])
def test_a_clock_that_jumped(
    repo: Repo, run: Run, service: Service, home: Path, monkeypatch: pytest.MonkeyPatch, moment: float
) -> None:
    """After a large jump of the clock, the cached list is fetched again, and counts as stale if that is impossible."""
    load()
    before = cache_files(home)[0].read_bytes()
    monkeypatch.setattr(time, "time", lambda: moment)
    assert load(offline=True)[0] == "stale-cache"
    for line in ("add osc-fr1 myapp", "list", "status", "doctor"):
        cache_files(home)[0].write_bytes(before)
        service.requests.clear()
        assert_clean(result := run(*line.split(), "--json"), line.split()[0], as_json=True)
        assert (result.status in (0, 7), len(service.requests)) == (True, 1)


def test_without_a_cache_every_run_asks(service: Service, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the cache cannot be written, or HOME is not set, each run silently asks the service."""
    (home / ".cache").write_text("")
    assert [load(), load()] == [("api", []), ("api", [])]
    monkeypatch.delenv("HOME")
    assert [load(), load()] == [("api", []), ("api", [])]
    assert len(service.requests) == 4


def test_the_network_time_is_for_the_whole_run(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that does not answer uses up the network time of the run, so that no other request is tried."""
    monkeypatch.setenv("SCALINGO_API_TOKEN", TOKEN)
    service.routes[LIST] = hang
    catalog = new_catalog()
    catalog.context.network_seconds = 0.4
    started = time.monotonic()
    assert catalog.load().source is ListSource.BUILT_IN
    assert catalog.account_keys() is None
    assert time.monotonic() - started < 8
    assert catalog.context.warnings == [f"{service.url} cannot be reached (no answer in time); {BUILT_IN}"]
    assert catalog.context.network_seconds == 0
    # On a busy machine the list may have been requested a second time before the time was over.
    assert {path for _, path, _ in service.requests} == {"/v1/tokens/exchange", LIST[1]}


def test_another_run_on_this_machine_is_waited_for(service: Service, home: Path) -> None:
    """If two runs need the list, only one asks; the other uses that answer, or an older list if it comes too late."""
    cache = Cache(str(home / ".cache" / "git-scalingo-region"), service.url)
    with cache.turn(1):
        catalog = new_catalog(refresh=True)
        catalog.context.network_seconds = 0.1
        cache.store(builtin.REGIONS, time.time())
        assert catalog.load().source is ListSource.CACHE
        assert catalog.context.warnings == []
        cache_files(home)[0].unlink()
        catalog = new_catalog()
        catalog.context.network_seconds = 0.1
        assert catalog.load().source is ListSource.BUILT_IN
    assert catalog.context.warnings == [f"{service.url} has not answered another run on this machine; {BUILT_IN}"]
    assert service.requests == []


def test_after_too_many_requests_there_is_a_pause(service: Service, home: Path) -> None:
    """After a 429 an older list is used, and later runs do not ask, even with `--refresh`, until the pause is over."""
    service.routes[LIST] = answers(429, b"Retry later", Retry_After="3600")
    assert load() == ("embedded", [f"{service.url} asks for fewer requests (429); {BUILT_IN}"])
    service.routes.clear()
    expected = ("embedded", [f"{service.url} asked for fewer requests a moment ago; {BUILT_IN}"])
    assert [load(), load(refresh=True)] == [expected, expected]
    assert len(service.requests) == 1
    (pause,) = cache_files(home, "pause")
    os.utime(pause, (time.time() - 1, time.time() - 1))
    assert load() == ("api", [])


def test_a_useless_token_is_an_error(service: Service, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused or malformed token is an error even if a list is cached, and is exchanged at most once in a run."""
    monkeypatch.setenv("SCALINGO_API_TOKEN", TOKEN)
    load()
    age(home, 2 * DAY)
    for status, route in ((401, LIST), (403, ("POST", "/v1/tokens/exchange"))):
        service.routes[route] = answers(status, {"error": TOKEN})
        catalog = new_catalog()
        for _ in range(2):
            with pytest.raises(CredentialsError) as caught:
                catalog.load()
            assert caught.value.message == f"{service.url} rejected the API token from SCALINGO_API_TOKEN ({status})"
        assert catalog.context.warnings == []
    assert [path for _, path, _ in service.requests].count("/v1/tokens/exchange") == 3
    service.requests.clear()
    monkeypatch.setenv("SCALINGO_API_TOKEN", "tk-us\nX-Evil: y")
    for offline in (False, True):
        with pytest.raises(CredentialsError, match="the token in SCALINGO_API_TOKEN contains characters"):
            load(offline=offline)
    assert service.requests == []


def test_the_keys_of_the_account_need_a_token(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token, or with `--offline`, the account's keys stay unknown and no request is made."""
    service.routes["GET", "/v1/keys"] = answers(200, {"keys": [{"content": "ssh-rsa AAAA me"}]})
    for token, offline, keys in (("", False, None), (TOKEN, True, None), (TOKEN, False, ["ssh-rsa AAAA"])):
        monkeypatch.setenv("SCALINGO_API_TOKEN", token)
        assert new_catalog(offline=offline).account_keys() == keys
    assert [path for _, path, _ in service.requests] == ["/v1/tokens/exchange", "/v1/keys"]


def find(catalog: Catalog, name: str) -> tuple[str, str] | None:
    """Look up a region, and return its name and the source of the list that is in use after that."""
    region = catalog.find(name)
    return (region.name, catalog.load().source.value) if region else None


def test_a_gone_region_of_a_remote_is_looked_up_again_now_and_then(service: Service, home: Path) -> None:
    """The unknown region of a remote is looked up again at most once in five minutes, and an empty name never."""
    for seconds, expected in ((0, 1), (290, 1), (300, 2), (0, 2)):
        age(home, seconds)
        catalog = new_catalog()
        assert (catalog.find("", max_age=300), catalog.find("nowhere", max_age=300)) == (None, None)
        assert len(service.requests) == expected
    assert catalog.find("nowhere") is None
    assert len(service.requests) == 3


def test_a_name_that_a_cached_list_lacks_is_looked_up_once(service: Service) -> None:
    """Unknown names cost one more request only if the list was cached before, and a failure is reported only once."""
    for options, expected in (({}, 1), ({}, 2), ({"refresh": True}, 3), ({"offline": True}, 3)):
        catalog = new_catalog(**options)
        assert (catalog.find("nowhere"), catalog.find("elsewhere")) == (None, None)
        assert catalog.load() is catalog.load()
        assert len(service.requests) == expected
    service.regions.append(region_json("new-fr1"))
    catalog = new_catalog()
    assert (catalog.known("new-fr1"), find(catalog, "scw-par")) == (False, ("scw-par", "cache"))
    assert (find(catalog, "new-fr1"), catalog.known("new-fr1")) == (("new-fr1", "api"), True)
    assert len(service.requests) == 4
    reason = fail(service)
    catalog = new_catalog()
    assert (catalog.find("nowhere"), catalog.find("elsewhere")) == (None, None)
    assert catalog.context.warnings == [f"{reason}; using the cached list of regions"]
    assert len(service.requests) == 5


def test_a_restricted_region(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token, the built-in list adds its restricted regions; with one, only the account's list counts."""
    catalog = new_catalog()
    assert find(catalog, "osc-secnum-fr1") == ("osc-secnum-fr1", "api")
    assert (catalog.known("osc-secnum-fr1"), catalog.is_restricted("osc-secnum-fr1")) == (True, False)
    assert len(service.requests) == 1

    monkeypatch.setenv("SCALINGO_API_TOKEN", "a.b.c")
    catalog = new_catalog()
    assert (catalog.load().source, catalog.find("osc-secnum-fr1")) == (ListSource.API, None)
    names = ("osc-secnum-fr1", "osc-fr1", "nowhere")
    assert [catalog.known(name) for name in names] == [True, True, False]
    assert [catalog.is_restricted(name) for name in names] == [True, False, False]
    assert len(service.requests) == 2


def test_the_published_fingerprints_are_those_of_the_built_in_regions() -> None:
    """Each built-in ssh endpoint has a fingerprint for each type of key; the same host at another port has none."""
    for region in builtin.REGIONS:
        published = builtin.fingerprints(region.ssh)
        assert set(published) == {"ssh-rsa", "ssh-ed25519"}
        assert all(value.startswith("SHA256:") and len(value) == 50 for value in published.values())
        assert builtin.fingerprints(region.ssh._replace(port=2222)) == {}
