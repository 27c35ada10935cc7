"""Which list of regions, and which region of it, through the command line; and that no token gets anywhere."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from conftest import NO_SERVICE, OSC_FR1, Repo, Result, Run, Service, region_json, send

from git_scalingo_region.commands import regions

TOKEN = "tk-us-c2VjcmV0LXRva2Vu"
JWT = "eyJhbGciOi.eyJpc3MiOi.c2lnbmF0dXJl"
BEARER = "aaa.bbb.ccc"
BUILT_IN = "using the built-in list of regions (the platform's documentation of 2026-01-02)"
HIDDEN = (
    "osc-secnum-fr1 is not among the public regions: its endpoint is the built-in one "
    "(the platform's documentation of 2026-01-02)"
)
DAY = 24 * 60 * 60


def place(service: Service) -> str:
    return service.url.removeprefix("http://")


def cache_files(home: Path) -> list[Path]:
    return sorted((home / ".cache" / "git-scalingo-region").glob("*.json"))


def age(home: Path, seconds: float) -> float:
    """Make every cached list that old, and return when that was."""
    fetched_at = time.time() - seconds
    for path in cache_files(home):
        path.write_text(json.dumps({**json.loads(path.read_text()), "fetched_at": fetched_at}))
    return fetched_at


def fail(service: Service, status: int = 500) -> None:
    service.routes["GET", "/v1/regions"] = lambda handler: send(handler, status, {"error": "x"})


def write_cli_files(home: Path, host: str, token: str = "", region: str = "") -> None:
    folder = home / ".config" / "scalingo"
    folder.mkdir(parents=True, exist_ok=True)
    auth = {"auth_data_version": "2.1", "auth_config_data": {host: {"tokens": {"token": token}}}}
    (folder / "auth").write_text(json.dumps(auth))
    (folder / "config.json").write_text(json.dumps({"region": region}))


def source(result: Result) -> tuple[int, str, list[str]]:
    """Return the status, the source of the list, and the warnings of a run with --json."""
    assert result.status == 0, result.stderr
    return result.status, result.json["list_source"], result.json["warnings"]


# --- which list ------------------------------------------------------------------------------------------------------


def test_a_list_is_fetched_once_and_kept_for_a_day(run: Run, service: Service, home: Path) -> None:
    """The first run asks the service, the next ones do not, until the list is a day old."""
    assert source(run("list", "--json")) == (0, "api", [])
    assert source(run("list", "--json")) == (0, "cache", [])
    age(home, DAY - 60)
    assert source(run("list", "--json")) == (0, "cache", [])
    assert len(service.requests) == 1
    age(home, DAY + 1)
    assert source(run("list", "--json")) == (0, "api", [])
    assert source(run("list", "--json")) == (0, "cache", [])
    assert len(service.requests) == 2


def test_refresh_asks_in_any_case(run: Run, service: Service) -> None:
    """--refresh does not take a fresh list, and keeps what it fetched."""
    run("list")
    service.regions = [region_json("new", default=True)]
    assert source(run("list", "--json", "--refresh")) == (0, "api", [])
    assert run("list", "--names").stdout == "new\n"
    assert len(service.requests) == 2


def test_offline_asks_in_no_case(run: Run, service: Service, home: Path) -> None:
    """--offline takes what there is: the built-in list, a fresh one, a stale one."""
    assert source(run("list", "--json", "--offline")) == (0, "embedded", [f"offline; {BUILT_IN}"])
    assert service.requests == []
    run("list")
    assert source(run("list", "--json", "--offline")) == (0, "cache", [])
    day = time.strftime("%Y-%m-%d", time.gmtime(age(home, 3 * DAY)))
    expected = (0, "stale-cache", [f"offline; using the list of regions cached on {day}"])
    assert source(run("list", "--json", "--offline")) == expected
    assert len(service.requests) == 1


def test_offline_and_refresh_exclude_each_other(run: Run) -> None:
    """Both together are a usage error."""
    result = run("list", "--offline", "--refresh")
    assert (result.status, result.stdout) == (2, "")
    assert result.stderr == "error: --refresh asks the service and --offline never does: give one of them\n"


def test_where_the_service_fails_the_list_is_an_older_one(run: Run, service: Service, home: Path) -> None:
    """A failure leads to the built-in list, with --refresh to the fresh one, else to the stale one, with a warning."""
    fail(service)
    reason = f"{service.url} answered 500"
    assert source(run("list", "--json")) == (0, "embedded", [f"{reason}; {BUILT_IN}"])
    service.routes.clear()
    run("list")
    fail(service)
    expected = (0, "cache", [f"{reason}; using the cached list of regions"])
    assert source(run("list", "--json", "--refresh")) == expected
    day = time.strftime("%Y-%m-%d", time.gmtime(age(home, DAY + 1)))
    expected = (0, "stale-cache", [f"{reason}; using the list of regions cached on {day}"])
    assert source(run("list", "--json")) == expected


def test_a_clock_that_jumped_is_no_reason_to_believe_a_list(run: Run, service: Service, home: Path) -> None:
    """A list from the future is fetched anew, and is a stale one where that fails."""
    run("list")
    age(home, -DAY)
    assert source(run("list", "--json", "--offline"))[1] == "stale-cache"
    assert source(run("list", "--json")) == (0, "api", [])


def test_a_cache_that_cannot_be_kept_is_no_reason_to_fail(run: Run, service: Service, home: Path) -> None:
    """With a file in the cache folder's place each run asks the service, without a word."""
    (home / ".cache").write_text("")
    for _ in range(2):
        assert source(run("list", "--json")) == (0, "api", [])
    assert len(service.requests) == 2


def test_without_a_home_there_is_no_cache(run: Run, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """HOME may be unset: nothing is read or kept."""
    monkeypatch.delenv("HOME")
    for _ in range(2):
        assert source(run("list", "--json")) == (0, "api", [])
    assert len(service.requests) == 2


def test_a_cached_list_that_is_odd_is_fetched_anew(run: Run, service: Service, home: Path) -> None:
    """A broken file in the cache is replaced, and where the service fails too the built-in list is left."""
    run("list")
    for path in cache_files(home):
        path.write_text(json.dumps({**json.loads(path.read_text()), "fetched_at": 1e300}))
    assert source(run("list", "--json", "--offline"))[1] == "embedded"
    assert source(run("list", "--json")) == (0, "api", [])
    assert source(run("list", "--json")) == (0, "cache", [])


def hang(handler: BaseHTTPRequestHandler) -> None:
    handler.rfile.read(1)


def test_the_network_part_ends(run: Run, repo: Repo, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that does not answer costs the time for the whole, the exchange and the list together."""
    monkeypatch.setattr(regions, "NETWORK_SECONDS", 0.4)
    monkeypatch.setenv("SCALINGO_API_TOKEN", TOKEN)
    service.routes["GET", "/v1/regions"] = hang
    started = time.monotonic()
    result = run("add", "osc-fr1", "myapp", "--json")
    assert time.monotonic() - started < 9
    reason = f"{service.url} cannot be reached (no answer in time)"
    assert source(result) == (0, "embedded", [f"{reason}; {BUILT_IN}"])
    assert repo.push_urls() == [OSC_FR1]


def test_after_too_many_requests_there_is_a_pause(run: Run, service: Service, home: Path) -> None:
    """429 leads to a fallback, later runs ask again only after the pause, and a refused --refresh says so."""
    service.routes["GET", "/v1/regions"] = lambda handler: send(handler, 429, b"Retry later", Retry_After="3600")
    reason = f"{service.url} wants fewer requests (429)"
    assert source(run("list", "--json")) == (0, "embedded", [f"{reason}; {BUILT_IN}"])
    service.routes.clear()
    reason = f"{service.url} asked for fewer requests a moment ago"
    for options in ((), ("--refresh",)):
        assert source(run("list", "--json", *options)) == (0, "embedded", [f"{reason}; {BUILT_IN}"])
    assert len(service.requests) == 1
    (pause,) = (home / ".cache" / "git-scalingo-region").glob("*.pause")
    os.utime(pause, (time.time() - 1, time.time() - 1))
    assert source(run("list", "--json")) == (0, "api", [])


BREAKAGES: dict[str, tuple[Callable[[BaseHTTPRequestHandler], None], str]] = {
    "portal": (lambda handler: send(handler, 200, b"<html>Log in"), "sent a malformed answer: it is not JSON"),
    "redirect": (lambda handler: send(handler, 302, b"", Location="http://127.0.0.1:9/login"), "answered 302"),
    "option": (
        lambda handler: send(handler, 200, {"regions": [region_json("osc-fr1", "-oProxyCommand=x:22")]}),
        (
            "sent a malformed list of regions: '-oProxyCommand=x:22' is not an ssh endpoint: "
            "it looks like ssh.osc-fr1.scalingo.com:22"
        ),
    ),
    "escape": (
        lambda handler: send(handler, 200, {"regions": [{"name": "\x1b]0;x\x07", "ssh": "h"}]}),
        "sent a malformed list of regions: '\\x1b]0;x\\x07' is not a region name: it looks like osc-fr1",
    ),
    "closed": (
        lambda handler: handler.connection.shutdown(socket.SHUT_RDWR),
        "cannot be reached (the connection broke)",
    ),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_broken_service_is_a_warning_and_the_right_remote(
    run: Run, repo: Repo, service: Service, home: Path, breakage: str
) -> None:
    """Whatever the service answers, `add` ends with the built-in endpoint and one warning, and nothing is kept."""
    service.routes["GET", "/v1/regions"], reason = BREAKAGES[breakage]
    result = run("add", "osc-fr1", "myapp", "--quiet")
    assert result == Result(0, "", f"warning: {service.url} {reason}; {BUILT_IN}\n")
    assert repo.push_urls() == [OSC_FR1]
    assert cache_files(home) == []


# --- with a token ----------------------------------------------------------------------------------------------------


def authorizations(service: Service) -> list[tuple[str, str | None]]:
    return [(path, headers.get("Authorization", "").partition(" ")[0]) for _, path, headers in service.requests]


def test_a_token_has_a_list_of_its_own(run: Run, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is listed for a token is not shown without it, and the other way round."""
    run("list")
    service.regions = [region_json("osc-fr1", default=True), region_json("osc-secnum-fr1")]
    monkeypatch.setenv("SCALINGO_API_TOKEN", TOKEN)
    for expected in ("api", "cache"):
        result = run("list", "--json")
        assert source(result) == (0, expected, [])
        assert [region["name"] for region in result.json["regions"]] == ["osc-fr1", "osc-secnum-fr1"]
    expected_requests = [("/v1/regions", ""), ("/v1/tokens/exchange", "Basic"), ("/v1/regions", "Bearer")]
    assert authorizations(service) == expected_requests
    monkeypatch.delenv("SCALINGO_API_TOKEN")
    assert run("list", "--names").stdout == "osc-fr1\nscw-par\n"


def test_a_jwt_is_used_as_it_is(run: Run, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token of three parts is not exchanged."""
    monkeypatch.setenv("SCALINGO_API_TOKEN", JWT)
    assert source(run("list", "--json")) == (0, "api", [])
    assert [headers["Authorization"] for _, _, headers in service.requests] == [f"Bearer {JWT}"]


def test_the_token_of_the_platforms_cli_is_for_its_host(run: Run, service: Service, home: Path) -> None:
    """The CLI's token is used for the service it is for, and for no other; its file stays as it is."""
    write_cli_files(home, "auth.scalingo.com", TOKEN)
    run("list")
    assert authorizations(service) == [("/v1/regions", "")]
    write_cli_files(home, place(service), TOKEN)
    before = (home / ".config" / "scalingo" / "auth").read_bytes()
    run("list")
    assert authorizations(service)[1:] == [("/v1/tokens/exchange", "Basic"), ("/v1/regions", "Bearer")]
    assert (home / ".config" / "scalingo" / "auth").read_bytes() == before


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(("method", "path"), [("POST", "/v1/tokens/exchange"), ("GET", "/v1/regions")])
def test_a_rejected_token_is_an_error_whatever_there_is_to_fall_back_on(
    run: Run,
    repo: Repo,
    service: Service,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    method: str,
    path: str,
) -> None:
    """401 and 403 are exit 4, with no remote made, even if there is a stale list and a built-in one."""
    monkeypatch.setenv("SCALINGO_API_TOKEN", TOKEN)
    run("list")
    age(home, 2 * DAY)
    service.routes[method, path] = lambda handler: send(handler, status, {"error": f"no such token {TOKEN}"})
    result = run("add", "osc-fr1", "myapp", "--fallback")
    assert result == Result(
        4,
        "",
        f"error: {service.url} rejected the API token ({status}), which is from SCALINGO_API_TOKEN\n"
        "hint: put a new token into SCALINGO_API_TOKEN, or log in again with the Scalingo CLI\n",
    )
    assert repo.git("remote") == ""
    assert run("add", "osc-fr1", "myapp", "--json").error["exit_status"] == 4


@pytest.mark.parametrize("token", ["tk-us\nX-Evil: y", "tk-us-\u00e9", "tk us", "tk-us\x7f"])
@pytest.mark.parametrize("offline", [True, False])
def test_a_token_that_cannot_be_one_is_an_error(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch, token: str, offline: bool
) -> None:
    """A token with a newline, a space or beyond ASCII is exit 4, and is neither sent nor shown."""
    monkeypatch.setenv("SCALINGO_API_TOKEN", token)
    assert run("list", *["--offline"][: int(offline)]) == Result(
        4,
        "",
        "error: the token in SCALINGO_API_TOKEN holds characters that no token has\n"
        "hint: copy it once more, or log in again with the Scalingo CLI\n",
    )
    assert service.requests == []


def breakages() -> list[Callable[[BaseHTTPRequestHandler], None] | None]:
    return [
        None,
        lambda handler: send(handler, 401, {"error": f"{TOKEN} {BEARER}"}),
        lambda handler: send(handler, 500, f"{TOKEN} {BEARER}".encode()),
        lambda handler: send(handler, 302, b"", Location=f"{NO_SERVICE}/?token={TOKEN}"),
        lambda handler: send(handler, 429, b""),
        lambda handler: send(handler, 200, b"not json"),
        lambda handler: handler.connection.shutdown(socket.SHUT_RDWR),
        lambda handler: send(handler, 200, {"regions": []}),
    ]


@pytest.mark.parametrize("where", ["environment", "cli"])
def test_the_token_gets_nowhere(
    run: Run, repo: Repo, service: Service, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """No output, no file and no argument list of a run that goes well or wrong holds the token or the bearer token."""
    if where == "cli":
        write_cli_files(home, place(service), TOKEN)
    else:
        monkeypatch.setenv("SCALINGO_API_TOKEN", TOKEN)
    commands: list[str] = []
    start = subprocess.Popen.__init__

    def spy(self: Any, arguments: Any, *more: Any, **options: Any) -> None:
        commands.append(repr(arguments))
        start(self, arguments, *more, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", spy)
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "git-trace"))
    outputs = []
    for number, breakage in enumerate(breakages()):
        for method, path in (("GET", "/v1/regions"), ("POST", "/v1/tokens/exchange")):
            service.routes = {(method, path): breakage} if breakage else {}
            outputs += [
                run("add", "osc-fr1", "myapp", "-r", f"r{number}", "--refresh"),
                run("add", "nowhere", "myapp", "--json"),
                run("list", "--json", "--refresh"),
                run("doctor", "--refresh"),
            ]
    assert len(service.requests) > 20
    assert {result.status for result in outputs} >= {0, 3, 4}
    assert commands
    own = home / ".config" / "scalingo" / "auth"
    texts = [repr(outputs), repr(commands)]
    texts += [path.read_bytes().decode("latin-1") for path in tmp_path.rglob("*") if path.is_file() and path != own]
    assert cache_files(home)
    assert (tmp_path / "git-trace").exists()
    secrets = (TOKEN, BEARER, TOKEN.removeprefix("tk-us-"))
    assert [secret for secret in secrets for text in texts if secret in text] == []


# --- which region ----------------------------------------------------------------------------------------------------


def test_a_name_that_a_cached_list_lacks_is_looked_up_again(run: Run, service: Service) -> None:
    """A region that is new since the list was cached is found, at the cost of one request."""
    run("list")
    service.regions.append(region_json("new-fr1"))
    result = run("url", "new-fr1", "myapp", "--json")
    assert source(result) == (0, "api", [])
    assert result.json["url"] == "ssh://git@ssh.new-fr1.scalingo.com:22/myapp.git"
    assert len(service.requests) == 2


def test_a_name_is_looked_up_again_once(run: Run, service: Service) -> None:
    """A name that the service lacks costs one request more than the list, from a cached list or not, offline none."""
    for options, expected in (((), 1), ((), 2), (("--refresh",), 3), (("--offline",), 3)):
        assert run("url", "nowhere", "myapp", *options).status == 3
        assert len(service.requests) == expected


def test_a_name_is_not_looked_up_again_where_the_service_fails(run: Run, service: Service) -> None:
    """A failure is reported once: a name that the built-in list lacks is unknown then."""
    fail(service)
    result = run("url", "nowhere", "myapp", "--json")
    assert (result.status, result.error["message"]) == (3, "there is no region 'nowhere'")
    assert json.loads(result.stderr)["warnings"] == [f"{service.url} answered 500; {BUILT_IN}"]
    assert len(service.requests) == 1


def test_a_hidden_region_is_found_in_the_built_in_list(run: Run, service: Service) -> None:
    """A region that is listed only with a token has its built-in endpoint without one, with a note and no request."""
    for requests in (1, 1):
        result = run("url", "osc-secnum-fr1", "myapp", "--json")
        assert source(result) == (0, "embedded", [HIDDEN])
        assert result.json["url"] == "ssh://git@ssh.osc-secnum-fr1.scalingo.com:22/myapp.git"
        assert len(service.requests) == requests


def test_a_region_that_a_token_does_not_list_is_unknown(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a token the service's list is the whole of it: the built-in one does not add to it."""
    monkeypatch.setenv("SCALINGO_API_TOKEN", JWT)
    assert run("url", "osc-secnum-fr1", "myapp") == Result(
        3,
        "",
        "error: there is no region 'osc-secnum-fr1'\nhint: did you mean osc-fr1?\n"
        "hint: the regions are osc-fr1, scw-par\n",
    )


def test_the_service_knows_better_than_the_built_in_list(run: Run, service: Service) -> None:
    """A region that has moved is where the service says."""
    service.regions = [region_json("osc-fr1", "ssh.example.org:2222", default=True)]
    assert run("url", "osc-fr1", "myapp").stdout == "ssh://git@ssh.example.org:2222/myapp.git\n"


def test_an_unknown_name_comes_with_the_nearest_ones(run: Run, service: Service, repo: Repo) -> None:
    """A name that is in no list is exit 3 with what it may have meant, and no remote is made."""
    service.regions = [region_json("osc-fr1", default=True), region_json("xyz")]
    assert run("add", "osc-fr2", "myapp") == Result(
        3,
        "",
        "error: there is no region 'osc-fr2'\nhint: did you mean osc-fr1?\n"
        "hint: the regions are osc-fr1, xyz\n"
        "hint: some regions are listed only with a token: set SCALINGO_API_TOKEN\n",
    )
    assert repo.git("remote") == ""


def test_fallback_takes_the_default_with_a_warning(run: Run, service: Service) -> None:
    """--fallback turns an unknown name into the default region, and says so."""
    result = run("url", "osc-fr2", "myapp", "--fallback", "--json")
    warning = "there is no region 'osc-fr2': --fallback takes the default region, osc-fr1"
    assert source(result) == (0, "api", [warning])
    assert (result.json["region"], result.json["region_source"]) == ("osc-fr1", "fallback")
    known = run("url", "scw-par", "myapp", "--fallback", "--json")
    assert (known.json["region"], known.json["region_source"], known.json["warnings"]) == ("scw-par", "argument", [])


@pytest.mark.parametrize("arguments", [("url", "myapp"), ("url", "nowhere", "myapp", "--fallback"), ("show",)])
def test_without_a_default_there_is_no_guess(run: Run, service: Service, arguments: tuple[str, ...]) -> None:
    """Where no region is marked default, one must be named: exit 3 with the names."""
    service.regions = [region_json("b"), region_json("a")]
    assert run(*arguments) == Result(
        3, "", "error: no region is given, and the list of regions marks none as default: a, b\n"
    )


SOURCES = ("argument", "environment", "git-config", "existing-remote", "cli-config", "default")


@pytest.mark.parametrize("first", range(len(SOURCES)))
@pytest.mark.parametrize("others", ["empty", "missing"])
def test_the_sources_of_a_region_come_in_their_order(
    run: Run, repo: Repo, service: Service, home: Path, monkeypatch: pytest.MonkeyPatch, first: int, others: str
) -> None:
    """Each source is taken before those that follow it, and those before it may be empty as well as missing."""
    service.regions = [
        region_json(f"r{number}", default=SOURCES[number] == "default") for number in range(len(SOURCES))
    ]

    def name(source: str) -> str:
        return f"r{SOURCES.index(source)}" if SOURCES.index(source) >= first else ""

    if name("environment") or others == "empty":
        monkeypatch.setenv("SCALINGO_REGION", name("environment"))
    if name("git-config") or others == "empty":
        repo.git("config", "scalingo.region", name("git-config"))
    if remote := name("existing-remote"):
        repo.git("remote", "add", "scalingo", f"git@ssh.{remote}.scalingo.com:myapp.git")
    elif others == "empty":
        repo.git("remote", "add", "scalingo", "git@ssh.example.org:myapp.git")
    if name("cli-config") or others == "empty":
        write_cli_files(home, "x", region=name("cli-config"))
    words = ["r0", "myapp"] if first == 0 else ["myapp"]
    result = run("add", *words, "--json", "--force", "--dry-run")
    assert (result.json["region"], result.json["region_source"]) == (f"r{first}", SOURCES[first])
    if SOURCES[first] != "existing-remote":
        result = run("url", *words, "--json")
        assert (result.json["region"], result.json["region_source"]) == (f"r{first}", SOURCES[first])


@pytest.mark.parametrize(("variable", "status"), [("osc-fr2", 3), ("-x", 2), ("OSC", 2)])
def test_a_wrong_name_in_the_environment_is_not_passed_over(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch, variable: str, status: int
) -> None:
    """An unknown or impossible name is an error wherever it stands, not a reason to take the next source."""
    monkeypatch.setenv("SCALINGO_REGION", variable)
    assert run("url", "myapp").status == status
    assert run("url", "osc-fr1", "myapp").status == 0
