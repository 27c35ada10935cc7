"""Which region is chosen, through the command line; and that no token gets anywhere."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from conftest import NO_SERVICE, Repo, Result, Run, Service, region_json, send

TOKEN = "tk-us-c2VjcmV0LXRva2Vu"
JWT = "eyJhbGciOi.eyJpc3MiOi.c2lnbmF0dXJl"
BEARER = "aaa.bbb.ccc"


def cache_files(home: Path) -> list[Path]:
    return sorted((home / ".cache" / "git-scalingo-region").glob("*.json"))


def write_cli_files(home: Path, host: str, token: str = "", region: str = "") -> None:
    folder = home / ".config" / "scalingo"
    folder.mkdir(parents=True, exist_ok=True)
    auth = {"auth_data_version": "2.1", "auth_config_data": {host: {"tokens": {"token": token}}}}
    (folder / "auth").write_text(json.dumps(auth))
    (folder / "config.json").write_text(json.dumps({"region": region}))


# --- the token ----------------------------------------------------------------------------------------------------


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
        write_cli_files(home, "127.0.0.1", TOKEN)
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
    warning = "there is no region 'osc-fr2': using the default region, osc-fr1 (--fallback)"
    assert result.json["warnings"] == [warning]
    assert (result.json["region"], result.json["region_source"]) == ("osc-fr1", "fallback")
    known = run("url", "scw-par", "myapp", "--fallback", "--json")
    assert (known.json["region"], known.json["region_source"], known.json["warnings"]) == ("scw-par", "argument", [])


@pytest.mark.parametrize("arguments", [("url", "myapp"), ("url", "nowhere", "myapp", "--fallback"), ("show",)])
def test_without_a_default_there_is_no_guess(run: Run, service: Service, arguments: tuple[str, ...]) -> None:
    """Where no region is marked default, one must be named: exit 3 with the names."""
    service.regions = [region_json("b"), region_json("a")]
    assert run(*arguments) == Result(
        3, "", "error: there is no default region: name the one you want\nhint: the regions are a, b\n"
    )


SOURCES = ("argument", "existing-remote", "environment", "git-config", "cli-config", "default")


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
    for line in (("add", *words, "--json", "--force", "--dry-run"), ("url", *words, "--json")):
        result = run(*line)
        assert (result.json["region"], result.json["region_source"]) == (f"r{first}", SOURCES[first])


@pytest.mark.parametrize(("variable", "status"), [("osc-fr2", 3), ("-x", 2), ("OSC", 2)])
def test_a_wrong_name_in_the_environment_is_not_passed_over(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch, variable: str, status: int
) -> None:
    """An unknown or impossible name is an error wherever it stands, not a reason to take the next source."""
    monkeypatch.setenv("SCALINGO_REGION", variable)
    assert run("url", "myapp").status == status
    assert run("url", "osc-fr1", "myapp").status == 0
