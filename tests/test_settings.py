"""`settings`: what the environment says, and what of it is refused."""

from __future__ import annotations

import pytest

from git_scalingo_region.errors import InvalidInput
from git_scalingo_region.settings import DEFAULT_SERVICE, Settings

SECRET = "tk-us-secret"


def service(address: str) -> Settings:
    return Settings.from_environ({"SCALINGO_AUTH_URL": address})


def test_an_empty_environment_gives_the_defaults() -> None:
    """Without a variable, as without HOME, there is the default service and no folder at all."""
    settings = Settings.from_environ({})
    assert settings == Settings(service=DEFAULT_SERVICE)
    assert (settings.cache_folder, settings.cli_folder, settings.service_host) == ("", "", "auth.scalingo.com")


def test_an_empty_variable_counts_as_not_set() -> None:
    """Every variable may be there and empty."""
    names = ("SCALINGO_AUTH_URL", "SCALINGO_API_TOKEN", "SCALINGO_REGION", "SCALINGO_APP", "HOME", "XDG_CACHE_HOME")
    empty = dict.fromkeys((*names, "GIT_SSH_COMMAND", "NO_COLOR"), "")
    assert Settings.from_environ(empty) == Settings.from_environ({})
    assert Settings.from_environ({"SCALINGO_API_TOKEN": " \n", "SCALINGO_AUTH_URL": " "}) == Settings.from_environ({})


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
        }
    )
    assert settings == Settings(
        service="https://auth.example.org",
        api_token=SECRET,
        region="osc-fr1",
        app="myapp",
        home="/home/ann",
        cache_home="/var/cache/ann",
        ssh_command="ssh -v",
    )
    assert settings.cli_folder == "/home/ann/.config/scalingo"
    assert settings.cache_folder == "/var/cache/ann/git-scalingo-region"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"HOME": "/h"}, "/h/.cache/git-scalingo-region"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "relative"}, "/h/.cache/git-scalingo-region"),
        ({"HOME": "h"}, ""),
        ({"XDG_CACHE_HOME": "/c"}, "/c/git-scalingo-region"),
    ],
)
def test_the_cache_stands_where_xdg_says(environ: dict[str, str], expected: str) -> None:
    """Relative folders are ignored, as the XDG specification asks."""
    assert Settings.from_environ(environ).cache_folder == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("auth.example.org", "https://auth.example.org"),
        ("https://auth.example.org/", "https://auth.example.org"),
        (" HTTPS://Auth.Example.ORG ", "https://auth.example.org"),
        ("auth.example.org:8443", "https://auth.example.org:8443"),
        ("https://example.org/auth//", "https://example.org/auth"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_an_address_is_taken_with_and_without_its_scheme(address: str, expected: str) -> None:
    """The spellings that people use come to one address; plain http is for this machine alone."""
    assert service(address).service == expected
    assert service(address).service_host == expected.partition("://")[2].removesuffix("/auth")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        *(
            (address, "is not an address: it looks like https://auth.scalingo.com")
            for address in ("https://", "://x", "https://h:port", "https://h:99999", "https://[::1", "https://a b")
        ),
        *(
            (address, "is not an address: it looks like https://auth.scalingo.com")
            for address in ("https://a\nb", "https://\u00e9", "https://a\\@b", "https://\udcff", "https://\x1b[2J")
        ),
        *(
            (address, "is not a plain https address: it looks like https://auth.scalingo.com")
            for address in (
                "ftp://h",
                "file://h/x",
                "https://h?a=b",
                "https://h#x",
                "https://ann:secret@h",
                "https://@h",
            )
        ),
        *(
            (address, "is not https: a token would travel in the clear")
            for address in (
                "http://auth.scalingo.com",
                "http://127.0.0.1.example.org",
                "http://0.0.0.0",
                "http://10.0.0.1",
            )
        ),
        ("http://127.0.0.1@example.org", "is not a plain https address: it looks like https://auth.scalingo.com"),
    ],
)
def test_an_unusable_address_is_refused_without_quoting_it(address: str, reason: str) -> None:
    """An address that is none, or that a token must not be sent to, is refused; it may hold a password."""
    with pytest.raises(InvalidInput) as caught:
        service(address)
    assert caught.value.message == f"SCALINGO_AUTH_URL {reason}"


def test_the_token_is_not_part_of_the_text() -> None:
    """The value can be printed without the token."""
    assert SECRET not in repr(Settings.from_environ({"SCALINGO_API_TOKEN": SECRET}))
