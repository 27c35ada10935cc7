"""`credentials`: where the token comes from, which odd files count as missing, and that the token never leaks."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import BEARER, JWT, NO_SERVICE, TOKEN, RegionApis, Repo, Respond, Run, Service, answers, hang_up

from git_scalingo_region.errors import CredentialsError
from git_scalingo_region.scalingo.credentials import Token, cli_region, find_token
from git_scalingo_region.settings import Settings

HOST = "auth.scalingo.com"


def auth_file(token: Any, host: str = HOST) -> str:
    account = {"tokens": {"token": token}, "user": {"username": "ann"}}
    return json.dumps({"auth_data_version": "2.1", "auth_config_data": {host: account}})


def settings_with(home: Path, auth: str, config: str = "", encoding: str = "utf-8") -> Settings:
    """Write the files of the platform's CLI and return settings that name them."""
    (home / "auth").write_text(auth, encoding=encoding)
    (home / "config.json").write_text(config, encoding=encoding)
    return Settings(cli_auth_file=str(home / "auth"), cli_config_file=str(home / "config.json"))


def test_the_environment_comes_first(home: Path) -> None:
    """SCALINGO_API_TOKEN wins over the token of the platform's CLI, and the CLI's files are only read."""
    settings = settings_with(home, auth_file("tk-us-cli"), '{"region": "osc-fr1"}')
    assert find_token(settings._replace(api_token="tk-us-env")) == Token("tk-us-env", "SCALINGO_API_TOKEN")
    assert find_token(settings) == Token("tk-us-cli", str(home / "auth"))
    assert cli_region(settings) == "osc-fr1"
    assert (home / "auth").read_text() == auth_file("tk-us-cli")


# Addresses of services, and the hosts under which the CLI keeps their tokens.
HOSTS = {
    "https://auth.scalingo.com": HOST,
    "https://auth.scalingo.com:8443": HOST,
    "https://auth.scalingo.com/path": HOST,
    "http://127.0.0.1:8000": "127.0.0.1",
    "http://[::1]:8000": "::1",
    "https://scalingo.com": "scalingo.com",
}


@pytest.mark.parametrize("service", HOSTS)
def test_a_token_is_only_for_its_host(home: Path, service: str) -> None:
    """The CLI stores its tokens by host without the port, and the token of one host is not used for another."""
    for host in (*HOSTS.values(), f"{HOST}:8443"):
        settings = settings_with(home, auth_file("tk-us-cli", host))._replace(service=service)
        assert (find_token(settings) is not None) is (host == HOSTS[service])


ODD_FILES = [
    *("", "not json", "[" * 100_000, "null", "[]", "{}", '{"region": 1}', "\xff\xfe"),
    *('{"auth_config_data": null}', '{"auth_config_data": []}', json.dumps({"auth_config_data": {HOST: None}})),
    json.dumps({"auth_config_data": {HOST: {"tokens": []}}}),
    *(auth_file(None), auth_file(""), auth_file(["tk"])),
    " " * (2 << 20) + auth_file("tk-us-cli"),
]


def test_an_odd_file_of_the_cli_counts_as_missing(home: Path) -> None:
    """A file of the CLI that is missing, a folder, huge, broken or in another format gives no token and no region."""
    for text in ODD_FILES:
        settings = settings_with(home, text, text, "latin-1")
        assert (find_token(settings), cli_region(settings)) == (None, ""), text[:99]
    for path in ("", str(home / "none"), str(home)):
        settings = Settings(cli_auth_file=path, cli_config_file=path)
        assert (find_token(settings), cli_region(settings)) == (None, "")


@pytest.mark.parametrize("value", ["tk\nX: y", "tk\r", "tk\x00", "t k", "\u65e5\u672c", "tk\x7f", "tk\udcff"])
def test_text_that_cannot_be_a_token_is_an_error_that_does_not_quote_it(home: Path, value: str) -> None:
    """A token that must not get into a header is refused with an error that names its source but not its value."""
    settings = settings_with(home, auth_file(value))
    for given, source in ((settings._replace(api_token=value), "SCALINGO_API_TOKEN"), (settings, str(home / "auth"))):
        with pytest.raises(CredentialsError) as caught:
            find_token(given)
        assert caught.value.message == f"the token in {source} contains characters that a token cannot have"
        assert caught.value.hints == ("copy it again, or log in again with the Scalingo CLI",)


def test_a_jwt_is_recognised_by_its_three_parts() -> None:
    """A token of exactly three parts with dots between them counts as a bearer token, and no other does."""
    assert [text for text in (JWT, TOKEN, "a.b", "a.b.c.d", "a..c") if Token(text, "x").is_bearer] == [JWT]


def test_the_token_is_not_shown() -> None:
    """A token and the settings, printed in any way, do not show the token's value."""
    settings = Settings.from_environ({"SCALINGO_API_TOKEN": TOKEN})
    assert TOKEN not in f"{Token(TOKEN, '')} {Token(TOKEN, '')!r} {settings} {settings!r}"


LINES = (
    "add osc-fr1 myapp -r r{} --refresh",
    "add nowhere myapp --json",
    "list --json --refresh",
    "doctor r0 --refresh",
)
LEAKY = f"{TOKEN} {BEARER}"
BREAKAGES: list[Respond | None] = [
    *(None, hang_up, answers(401, {"error": LEAKY}), answers(500, LEAKY.encode()), answers(200, b"not json")),
    *(answers(302, b"", Location=f"{NO_SERVICE}/?token={TOKEN}"), answers(200, {"regions": []})),
    answers(429, b""),  # this comes last, because the program then sends no request for a while
]


@pytest.mark.slow
@pytest.mark.parametrize("where", ["environment", "cli"])
def test_the_token_gets_nowhere(
    run: Run, repo: Repo, service: Service, region_apis: RegionApis, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """No run, successful or not, leaves the token or the bearer token in its output, a file or an argument list."""
    home, everything = Path.home(), Path.home().parent
    own = home / ".config" / "scalingo" / "auth"
    if where == "cli":
        own.parent.mkdir(parents=True)
        own.write_text(auth_file(TOKEN, "127.0.0.1"))
    else:
        monkeypatch.setenv("SCALINGO_API_TOKEN", TOKEN)
    (api, _) = region_apis("osc-fr1", "scw-par")
    commands: list[str] = []
    start = subprocess.Popen.__init__

    def spy(self: Any, arguments: Any, *more: Any, **options: Any) -> None:
        commands.append(repr(arguments))
        start(self, arguments, *more, **options)

    monkeypatch.setattr(subprocess.Popen, "__init__", spy)
    monkeypatch.setenv("GIT_TRACE", str(everything / "git-trace"))
    outputs = []
    for number, breakage in enumerate(BREAKAGES):
        for method, path in (("GET", "/v1/regions"), ("POST", "/v1/tokens/exchange")):
            service.routes = {(method, path): breakage} if breakage else {}
            outputs += [run(*line.format(number).split()) for line in LINES]
    assert len(service.requests) > 20
    assert [headers["Authorization"] for _, _, headers in api.requests][:1] == [f"Bearer {BEARER}"]
    assert {result.status for result in outputs} >= {0, 3, 4}
    assert commands
    texts = [repr(outputs), repr(commands)]
    texts += [path.read_bytes().decode("latin-1") for path in everything.rglob("*") if path.is_file() and path != own]
    assert list((home / ".cache" / "git-scalingo-region").glob("*.json"))
    assert (everything / "git-trace").exists()
    secrets = (TOKEN, BEARER, TOKEN.removeprefix("tk-us-"))
    assert [secret for secret in secrets for text in texts if secret in text] == []
