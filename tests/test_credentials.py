"""`credentials`: where the token comes from, and that the platform CLI's files are only read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from git_scalingo_region.errors import CredentialsError
from git_scalingo_region.scalingo.credentials import Token, cli_region, find_token

HOST = "auth.scalingo.com"


@pytest.fixture
def folder(home: Path) -> Path:
    path = home / ".config" / "scalingo"
    path.mkdir(parents=True)
    return path


def auth_file(token: Any, host: str = HOST) -> str:
    account = {"tokens": {"token": token}, "user": {"username": "ann"}}
    return json.dumps({"auth_data_version": "2.1", "auth_config_data": {host: account}})


def test_the_environment_comes_first(folder: Path) -> None:
    """SCALINGO_API_TOKEN is taken before what the platform's CLI keeps."""
    (folder / "auth").write_text(auth_file("tk-us-cli"))
    assert find_token("tk-us-env", str(folder), HOST) == Token("tk-us-env", "SCALINGO_API_TOKEN")
    assert find_token("", str(folder), HOST) == Token("tk-us-cli", str(folder / "auth"))


@pytest.mark.parametrize("host", ["auth.example.org", "auth.scalingo.com:8443", "scalingo.com", ""])
def test_a_token_is_for_its_host_alone(folder: Path, host: str) -> None:
    """The CLI's token for one service is not taken for another."""
    (folder / "auth").write_text(auth_file("tk-us-cli"))
    assert find_token("", str(folder), host) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[" * 100_000,
        "null",
        "[]",
        "{}",
        '{"auth_config_data": null}',
        '{"auth_config_data": []}',
        json.dumps({"auth_config_data": {HOST: None}}),
        json.dumps({"auth_config_data": {HOST: {"tokens": []}}}),
        auth_file(None),
        auth_file(""),
        auth_file(["tk"]),
        '{"region": 1}',
        " " * (2 << 20) + auth_file("tk-us-cli"),
        b"\xff\xfe".decode("latin-1"),
    ],
)
def test_an_odd_file_of_the_cli_is_no_file(folder: Path, text: str) -> None:
    """A file of the CLI that is broken, huge or of another shape counts as missing."""
    for name in ("auth", "config.json"):
        (folder / name).write_text(text, encoding="latin-1")
    assert find_token("", str(folder), HOST) is None
    assert cli_region(str(folder)) == ""


def test_a_missing_file_of_the_cli_is_no_token(home: Path) -> None:
    """No folder, a missing one and a folder in a file's place are no token and no region."""
    (home / "auth").mkdir()
    (home / "config.json").mkdir()
    for place in ("", str(home / "none"), str(home)):
        assert find_token("", place, HOST) is None
        assert cli_region(place) == ""


def test_the_region_of_the_cli_is_read(folder: Path) -> None:
    """The default region stands in config.json."""
    (folder / "config.json").write_text('{"region": "osc-fr1"}')
    assert cli_region(str(folder)) == "osc-fr1"


@pytest.mark.parametrize("value", ["tk\nX: y", "tk\r", "tk\x00", "t k", "\u65e5\u672c", "tk\x7f", "tk\udcff"])
def test_what_cannot_be_a_token_is_an_error_that_does_not_quote_it(folder: Path, value: str) -> None:
    """A text that must not get into a header is refused, with where it stands and not what it is."""
    (folder / "auth").write_text(auth_file(value))
    for api_token, source in ((value, "SCALINGO_API_TOKEN"), ("", str(folder / "auth"))):
        with pytest.raises(CredentialsError) as caught:
            find_token(api_token, str(folder), HOST)
        assert caught.value.message == f"the token in {source} holds characters that no token has"
        assert caught.value.hints == ("copy it once more, or log in again with the Scalingo CLI",)


@pytest.mark.parametrize(
    ("value", "expected"),
    [("eyJh.eyJp.c2ln-_", True), ("tk-us-abc", False), ("a.b", False), ("a.b.c.d", False), ("a..c", False)],
)
def test_a_jwt_is_told_by_its_three_parts(value: str, expected: bool) -> None:
    """Three parts with dots between them are a bearer token; anything else is to be exchanged."""
    assert Token(value, "x").is_bearer is expected


def test_the_token_is_not_part_of_the_text() -> None:
    """The value can be printed without the token."""
    assert repr(Token("tk-us-secret", "SCALINGO_API_TOKEN")) == "Token(source='SCALINGO_API_TOKEN')"
