"""`catalog`: which list of regions is used, what the user is told about it, and which regions are found."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from conftest import Service, age, cache_files, new_catalog, region_json, send

from git_scalingo_region.errors import CredentialsError
from git_scalingo_region.model import ListSource, RemoteUrl, SshEndpoint
from git_scalingo_region.scalingo import builtin
from git_scalingo_region.scalingo.cache import Cache
from git_scalingo_region.scalingo.catalog import Catalog

TOKEN = "tk-us-c2VjcmV0LXRva2Vu"
JWT = "eyJhbGciOi.eyJpc3MiOi.c2lnbmF0dXJl"
LIST = ("GET", "/v1/regions")
BUILT_IN = "using the built-in list of regions (the platform's documentation of 2026-01-02)"
DAY = 24 * 60 * 60


def load(**options: bool) -> tuple[str, list[str]]:
    """Return the source of the list in a run with these options, and the warnings."""
    catalog = new_catalog(**options)
    return catalog.load().source.value, catalog.context.warnings


def fail(service: Service) -> str:
    """Let the service fail, and return the reason that is given then."""
    service.routes[LIST] = lambda handler: send(handler, 500, {"error": "x"})
    return f"{service.url} answered 500"


def authorizations(service: Service) -> list[tuple[str, str]]:
    return [(path, headers.get("Authorization", "").partition(" ")[0]) for _, path, headers in service.requests]


def hang(handler: BaseHTTPRequestHandler) -> None:
    handler.rfile.read(1)


# --- which list ------------------------------------------------------------------------------------------------------


def test_a_list_is_fetched_once_and_kept_for_a_day(service: Service, home: Path) -> None:
    """The first run asks the service, the next ones do not, until the list is a day old."""
    assert load() == ("api", [])
    assert load() == ("cache", [])
    age(home, DAY - 60)
    assert load() == ("cache", [])
    assert len(service.requests) == 1
    age(home, DAY + 1)
    assert [load(), load()] == [("api", []), ("cache", [])]
    assert len(service.requests) == 2


def test_refresh_always_asks(service: Service) -> None:
    """--refresh does not use a fresh list, and keeps the one that it fetched."""
    load()
    service.regions = [region_json("new", default=True)]
    assert load(refresh=True) == ("api", [])
    assert new_catalog().load().names == ("new",)
    assert len(service.requests) == 2


def test_offline_never_asks(service: Service, home: Path) -> None:
    """--offline uses what there is: the built-in list, a fresh one, a stale one. It leaves no file."""
    assert load(offline=True) == ("embedded", [f"offline; {BUILT_IN}"])
    assert service.requests == []
    assert not (home / ".cache").exists()
    load()
    assert load(offline=True) == ("cache", [])
    day = age(home, 3 * DAY)
    assert load(offline=True) == ("stale-cache", [f"offline; using the list of regions cached on {day}"])
    assert len(service.requests) == 1


def test_if_the_service_fails_an_older_list_is_used(service: Service, home: Path) -> None:
    """A failure leads to the built-in list, to a fresh one with --refresh, or to a stale one, with a warning."""
    reason = fail(service)
    assert load() == ("embedded", [f"{reason}; {BUILT_IN}"])
    service.routes.clear()
    load()
    fail(service)
    assert load(refresh=True) == ("cache", [f"{reason}; using the cached list of regions"])
    day = age(home, DAY + 1)
    assert load() == ("stale-cache", [f"{reason}; using the list of regions cached on {day}"])


def test_a_list_from_the_future_is_not_fresh(service: Service, home: Path) -> None:
    """If the clock jumped, the list is fetched again, and it counts as stale if that fails."""
    load()
    age(home, -DAY)
    assert load(offline=True)[0] == "stale-cache"
    assert load() == ("api", [])


@pytest.mark.parametrize("has_home", [True, False])
def test_without_a_cache_every_run_asks(
    service: Service, home: Path, monkeypatch: pytest.MonkeyPatch, has_home: bool
) -> None:
    """If the cache cannot be written, or HOME is not set, each run asks the service, without a word."""
    if has_home:
        (home / ".cache").write_text("")
    else:
        monkeypatch.delenv("HOME")
    assert [load(), load()] == [("api", []), ("api", [])]
    assert len(service.requests) == 2


def test_nothing_is_asked_twice_in_a_run(service: Service) -> None:
    """One run has one list, whatever it is asked for."""
    catalog = new_catalog()
    assert catalog.load() is catalog.load()
    assert catalog.find("nowhere") is None
    assert len(service.requests) == 1


def test_the_network_time_is_for_the_whole_run(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that does not answer costs the network time, and leaves nothing of it for the next question."""
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
    assert len(service.requests) == 2


def test_another_run_on_this_machine_is_waited_for(service: Service, home: Path) -> None:
    """Of two runs one asks; the other takes its list, or an older one if there is none when the time is over."""
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
    """429 leads to an older list, and later runs do not ask before the pause is over, even with --refresh."""
    service.routes[LIST] = lambda handler: send(handler, 429, b"Retry later", Retry_After="3600")
    assert load() == ("embedded", [f"{service.url} asks for fewer requests (429); {BUILT_IN}"])
    service.routes.clear()
    expected = ("embedded", [f"{service.url} asked for fewer requests a moment ago; {BUILT_IN}"])
    assert [load(), load(refresh=True)] == [expected, expected]
    assert len(service.requests) == 1
    (pause,) = cache_files(home, "pause")
    os.utime(pause, (time.time() - 1, time.time() - 1))
    assert load() == ("api", [])


BREAKAGES: dict[str, tuple[Callable[[BaseHTTPRequestHandler], None], str]] = {
    "portal": (lambda handler: send(handler, 200, b"<html>Log in"), "sent a malformed answer: it is not JSON"),
    "redirect": (lambda handler: send(handler, 302, b"", Location="http://127.0.0.1:9/login"), "answered 302"),
    "no list": (
        lambda handler: send(handler, 200, {"regions": []}),
        "sent a malformed list of regions: it holds no list of regions",
    ),
    "closed": (
        lambda handler: handler.connection.shutdown(socket.SHUT_RDWR),
        "cannot be reached (the connection broke)",
    ),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_broken_answer_is_one_warning_and_is_not_kept(service: Service, home: Path, breakage: str) -> None:
    """Whatever the service answers, the built-in list is left, with one warning that says why."""
    service.routes[LIST], reason = BREAKAGES[breakage]
    assert load() == ("embedded", [f"{service.url} {reason}; {BUILT_IN}"])
    assert cache_files(home) == []


# --- with a token ----------------------------------------------------------------------------------------------------


def test_a_token_has_a_list_of_its_own(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list for a token is not shown without it, and the other way round."""
    load()
    service.regions = [region_json("osc-fr1", default=True), region_json("osc-secnum-fr1")]
    monkeypatch.setenv("SCALINGO_API_TOKEN", TOKEN)
    for expected in (ListSource.API, ListSource.CACHE):
        regions = new_catalog().load()
        assert regions.source is expected
        assert regions.names == ("osc-fr1", "osc-secnum-fr1")
    assert authorizations(service) == [
        *(("/v1/regions", ""), ("/v1/tokens/exchange", "Basic"), ("/v1/regions", "Bearer"))
    ]
    monkeypatch.delenv("SCALINGO_API_TOKEN")
    assert new_catalog().load().names == ("osc-fr1", "scw-par")


def test_the_token_of_the_platforms_cli_is_for_its_host(service: Service, home: Path) -> None:
    """The CLI's token is used for the service that it belongs to, and for no other."""
    folder = home / ".config" / "scalingo"
    folder.mkdir(parents=True)
    for host, expected in (("auth.scalingo.com", 1), ("127.0.0.1", 3)):
        (folder / "auth").write_text(json.dumps({"auth_config_data": {host: {"tokens": {"token": TOKEN}}}}))
        assert load() == ("api", [])
        assert len(service.requests) == expected


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("route", [("POST", "/v1/tokens/exchange"), LIST])
def test_a_rejected_token_is_an_error_even_if_there_is_an_older_list(
    service: Service, home: Path, monkeypatch: pytest.MonkeyPatch, status: int, route: tuple[str, str]
) -> None:
    """401 and 403 never lead to a stale list or to the built-in one."""
    monkeypatch.setenv("SCALINGO_API_TOKEN", TOKEN)
    load()
    age(home, 2 * DAY)
    service.routes[route] = lambda handler: send(handler, status, {"error": f"no such token {TOKEN}"})
    catalog = new_catalog()
    for _ in range(2):
        with pytest.raises(CredentialsError) as caught:
            catalog.load()
        assert caught.value.message == f"{service.url} rejected the API token from SCALINGO_API_TOKEN ({status})"
    assert catalog.context.warnings == []


@pytest.mark.parametrize("offline", [True, False])
def test_a_token_that_cannot_be_one_is_an_error(
    service: Service, monkeypatch: pytest.MonkeyPatch, offline: bool
) -> None:
    """A token with a newline is not sent, and it is an error offline too."""
    monkeypatch.setenv("SCALINGO_API_TOKEN", "tk-us\nX-Evil: y")
    with pytest.raises(CredentialsError, match="the token in SCALINGO_API_TOKEN contains characters"):
        load(offline=offline)
    assert service.requests == []


def test_the_keys_of_the_account_need_a_token(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a token, offline or without an answer, the keys are not known."""
    service.routes["GET", "/v1/keys"] = lambda handler: send(handler, 200, {"keys": [{"content": "ssh-rsa AAAA me"}]})
    assert new_catalog().account_keys() is None
    monkeypatch.setenv("SCALINGO_API_TOKEN", TOKEN)
    assert new_catalog(offline=True).account_keys() is None
    assert service.requests == []
    assert new_catalog().account_keys() == ["ssh-rsa AAAA"]
    service.routes["GET", "/v1/keys"] = lambda handler: send(handler, 403, {})
    assert new_catalog().account_keys() is None
    service.routes["POST", "/v1/tokens/exchange"] = lambda handler: send(handler, 401, {})
    with pytest.raises(CredentialsError):
        new_catalog().account_keys()


# --- which region ----------------------------------------------------------------------------------------------------


def find(catalog: Catalog, name: str) -> tuple[str, str] | None:
    """Return the name of the region that is found, and the source of the list after that."""
    region = catalog.find(name)
    return (region.name, catalog.load().source.value) if region else None


def test_a_name_that_a_cached_list_lacks_is_looked_up_again(service: Service) -> None:
    """A region that is new since the list was cached is found, with one request."""
    load()
    service.regions.append(region_json("new-fr1"))
    catalog = new_catalog()
    assert not catalog.known("new-fr1")
    assert find(catalog, "scw-par") == ("scw-par", "cache")
    assert len(service.requests) == 1
    assert find(catalog, "new-fr1") == ("new-fr1", "api")
    assert catalog.known("new-fr1")
    assert len(service.requests) == 2


def test_a_gone_region_of_a_remote_is_looked_up_again_now_and_then(service: Service, home: Path) -> None:
    """Run after run, a remote of an unknown region costs one request in five minutes; one of no region costs none."""
    for seconds, expected in ((0, 1), (290, 1), (300, 2), (0, 2)):
        age(home, seconds)
        catalog = new_catalog()
        assert (catalog.find("", believed=300), catalog.find("nowhere", believed=300)) == (None, None)
        assert len(service.requests) == expected
    assert catalog.find("nowhere") is None
    assert len(service.requests) == 3


def test_names_are_looked_up_again_once(service: Service) -> None:
    """Unknown names cost one request more than the list if it was cached before, and none otherwise."""
    for options, expected in (({}, 1), ({}, 2), ({"refresh": True}, 3), ({"offline": True}, 3)):
        catalog = new_catalog(**options)
        assert (catalog.find("nowhere"), catalog.find("elsewhere")) == (None, None)
        assert len(service.requests) == expected


def test_names_are_not_looked_up_again_if_the_service_fails(service: Service) -> None:
    """A failure is reported once, and an unknown name stays unknown, with a cached list or without one."""
    load()
    reason = fail(service)
    catalog = new_catalog()
    assert (catalog.find("nowhere"), catalog.find("elsewhere")) == (None, None)
    assert catalog.context.warnings == [f"{reason}; using the cached list of regions"]
    assert len(service.requests) == 2


def test_a_hidden_region_is_found_in_the_built_in_list(service: Service) -> None:
    """A region that is listed only with a token has its built-in endpoint without one, at no request."""
    catalog = new_catalog()
    assert find(catalog, "osc-secnum-fr1") == ("osc-secnum-fr1", "api")
    assert (catalog.known("osc-secnum-fr1"), catalog.is_restricted("osc-secnum-fr1")) == (True, False)
    assert len(service.requests) == 1


def test_a_region_that_a_token_does_not_list_is_restricted(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a token the list is complete: a built-in region that it lacks, asked for again, is not for this account."""
    monkeypatch.setenv("SCALINGO_API_TOKEN", JWT)
    load()
    catalog = new_catalog()
    assert catalog.known("osc-secnum-fr1")
    assert catalog.find("osc-secnum-fr1") is None
    assert len(service.requests) == 2
    names = ("osc-secnum-fr1", "osc-fr1", "nowhere")
    assert [catalog.is_restricted(name) for name in names] == [True, False, False]
    service.regions.append(region_json("osc-secnum-fr1"))
    assert find(new_catalog(), "osc-secnum-fr1") == ("osc-secnum-fr1", "api")


def test_the_service_knows_better_than_the_built_in_list(service: Service) -> None:
    """A region that has moved is where the service says, and its old endpoint still names it."""
    service.regions = [region_json("osc-fr1", "ssh.example.org:2222", default=True)]
    catalog = new_catalog()
    found = catalog.find("osc-fr1")
    assert found
    assert str(found.ssh) == "ssh.example.org:2222"
    platform = catalog.platform()
    urls = ("ssh.example.org:2222", "ssh.osc-fr1.scalingo.com", "ssh.osc-secnum-fr1.scalingo.com", "scalingo.com")
    names = [platform.region_name(RemoteUrl(SshEndpoint.parse(url), "myapp")) for url in urls]
    assert names == ["osc-fr1", "osc-fr1", "osc-secnum-fr1", "agora-fr1"]


def test_the_published_fingerprints_are_those_of_the_built_in_regions() -> None:
    """Each built-in endpoint has a fingerprint for each type of key; the same host at another port has none."""
    for region in builtin.REGIONS:
        published = builtin.fingerprints(region.ssh)
        assert set(published) == {"ssh-rsa", "ssh-ed25519"}
        assert all(value.startswith("SHA256:") and len(value) == 50 for value in published.values())
        assert builtin.fingerprints(region.ssh._replace(port=2222)) == {}


def test_a_catalog_reads_nothing_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """To make a catalog is free, even if the token is unusable."""
    monkeypatch.setenv("SCALINGO_API_TOKEN", "tk us")
    assert isinstance(new_catalog(), Catalog)
