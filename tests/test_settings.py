"""`settings`: what the environment says, and what of it is refused."""

from __future__ import annotations

import pytest

from git_scalingo_region.errors import InvalidInput
from git_scalingo_region.settings import Settings

SECRET = "tk-us-secret"


def service(address: str) -> Settings:
    return Settings.from_environ({"SCALINGO_AUTH_URL": address})


def test_an_empty_environment_gives_the_defaults() -> None:
    """Without any variable, or with empty ones, there is the default service and no folder at all."""
    names = ("SCALINGO_AUTH_URL", "SCALINGO_REGION", "SCALINGO_APP", "HOME", "XDG_CACHE_HOME", "GIT_SSH_COMMAND")
    folders = ("CONFIG_DIR", "AUTH_FILE", "CONFIG_FILE_PATH", "GIT_SSH")
    assert Settings.from_environ(dict.fromkeys((*names, *folders), "")) == Settings()
    assert Settings.from_environ({"SCALINGO_API_TOKEN": " \n", "SCALINGO_AUTH_URL": " "}) == Settings()
    assert Settings().service == "https://auth.scalingo.com"
    assert Settings().service_host == "auth.scalingo.com"


def test_every_variable_is_read() -> None:
    """Each variable ends up in the field that is named for it."""
    settings = Settings.from_environ(
        {
            "SCALINGO_AUTH_URL": "https://auth.example.org",
            "SCALINGO_API_TOKEN": f" {SECRET}\n",
            "SCALINGO_REGION": "osc-fr1",
            "SCALINGO_APP": "myapp",
            "HOME": "/home/ann",
            "XDG_CACHE_HOME": "/var/cache/ann",
            "GIT_SSH_COMMAND": "ssh -v",
            "GIT_SSH": "/usr/bin/ssh",
        }
    )
    assert settings == Settings(
        service="https://auth.example.org",
        api_token=SECRET,
        region="osc-fr1",
        app="myapp",
        cache_folder="/var/cache/ann/git-scalingo-region",
        cli_auth_file="/home/ann/.config/scalingo/auth",
        cli_config_file="/home/ann/.config/scalingo/config.json",
        ssh_command="ssh -v",
        ssh_program="/usr/bin/ssh",
    )


@pytest.mark.parametrize(
    ("environ", "files"),
    [
        ({"HOME": "h"}, ("", "")),
        ({"CONFIG_DIR": "/c"}, ("/c/auth", "/c/config.json")),
        ({"HOME": "/h", "CONFIG_DIR": "/c", "AUTH_FILE": "/a"}, ("/a", "/c/config.json")),
        ({"HOME": "/h", "CONFIG_FILE_PATH": "/f"}, ("/h/.config/scalingo/auth", "/f")),
    ],
)
def test_the_platforms_cli_moves_its_files(environ: dict[str, str], files: tuple[str, str]) -> None:
    """Its own variables say where the platform's CLI keeps its files, as they do for that CLI."""
    settings = Settings.from_environ(environ)
    assert (settings.cli_auth_file, settings.cli_config_file) == files


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOME": "/h"}, "/h/.cache/git-scalingo-region"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "relative"}, "/h/.cache/git-scalingo-region"),
        ({"HOME": "h"}, ""),
        ({"XDG_CACHE_HOME": "/c"}, "/c/git-scalingo-region"),
    ],
)
def test_the_cache_is_where_xdg_says(environ: dict[str, str], expected: str) -> None:
    """Relative folders are ignored, as the XDG specification asks."""
    assert Settings.from_environ(environ).cache_folder == expected


@pytest.mark.parametrize(
    ("address", "expected", "host"),
    [
        ("auth.example.org", "https://auth.example.org", "auth.example.org"),
        ("https://auth.example.org/", "https://auth.example.org", "auth.example.org"),
        (" HTTPS://Auth.Example.ORG ", "https://auth.example.org", "auth.example.org"),
        ("auth.example.org:8443", "https://auth.example.org:8443", "auth.example.org"),
        ("https://example.org/auth//", "https://example.org/auth", "example.org"),
        ("https://[::1]:8443", "https://[::1]:8443", "::1"),
        ("http://localhost:8080", "http://localhost:8080", "localhost"),
        ("http://127.0.0.1", "http://127.0.0.1", "127.0.0.1"),
        ("http://[::1]:80", "http://[::1]:80", "::1"),
    ],
)
def test_an_address_is_taken_with_and_without_its_scheme(address: str, expected: str, host: str) -> None:
    """The spellings that people use come to one address; plain http is only for this machine itself."""
    assert (service(address).service, service(address).service_host) == (expected, host)


NOT_VALID = "is not a valid address: expected one like https://auth.scalingo.com"
NOT_PLAIN = "is not a plain https address: expected one like https://auth.scalingo.com"
NOT_HTTPS = "is not https: the token would be sent unencrypted"
UNUSABLE = {
    NOT_VALID: (
        *("https://", "://x", "https://h:port", "https://h:99999", "https://h:0", "https://[::1", "https://a b"),
        *("https://a\nb", "https://\u00e9", "https://a\\@b", "https://\udcff", "https://\x1b[2J"),
    ),
    NOT_PLAIN: (
        "http://127.0.0.1@example.org",
        "ftp://h",
        "file://h/x",
        "https://h?a=b",
        "https://h#x",
        "https://ann:secret@h",
        "https://@h",
    ),
    NOT_HTTPS: ("http://auth.scalingo.com", "http://127.0.0.1.example.org", "http://0.0.0.0", "http://10.0.0.1"),
}


@pytest.mark.parametrize(
    ("reason", "address"), [(reason, item) for reason, items in UNUSABLE.items() for item in items]
)
def test_an_unusable_address_is_refused_without_quoting_it(reason: str, address: str) -> None:
    """An address that is not one, or that a token must not be sent to, is refused; it may hold a password."""
    with pytest.raises(InvalidInput) as caught:
        service(address)
    assert caught.value.message == f"SCALINGO_AUTH_URL {reason}"


def test_the_token_is_not_part_of_the_text() -> None:
    """The value can be printed without the token."""
    assert SECRET not in repr(Settings.from_environ({"SCALINGO_API_TOKEN": SECRET}))
