"""What the user has set up already: the API token, and the platform CLI's own files, which are never written.

The CLI's `auth` file is JSON: `auth_config_data` maps a service's host, without its port, to
`{"tokens": {"token": ...}}`. Its `config.json` holds the default region as `region` (CLI 1.48.0).
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from git_scalingo_region.errors import CredentialsError
from git_scalingo_region.model import dig
from git_scalingo_region.settings import LOOPBACK_HOSTS, Settings

FILE_MAX = 1 << 20


class Token(NamedTuple):
    """An API token and where it was found."""

    value: str
    source: str

    @property
    def is_bearer(self) -> bool:
        """Whether it is a JWT (RFC 7519: three parts), which is used as it is instead of being exchanged."""
        return bool(re.fullmatch(r"[\w-]+\.[\w-]+\.[\w-]+", self.value))

    def __repr__(self) -> str:
        """Leave the value out: a traceback may end up in a bug report."""
        return f"Token(source={self.source!r}, ...)"


def is_token(value: Any) -> bool:
    """Return whether a value may be used as a token in a header: printable ASCII without spaces."""
    return isinstance(value, str) and bool(re.fullmatch("[!-~]+", value))


def find_token(settings: Settings) -> Token | None:
    """Return the token from the environment, or else the one that the CLI keeps for the same service, or else None.

    Raises `CredentialsError` for text that cannot be a token.
    """
    value, source = settings.api_token, "SCALINGO_API_TOKEN"
    if not value:
        source = settings.cli_auth_file
        value = dig(_read_json(source), "auth_config_data", settings.service_host, "tokens", "token")
    if not value or not isinstance(value, str):
        return None
    if is_token(value):
        return Token(value, source)
    raise CredentialsError(
        f"the token in {source} contains characters that a token cannot have",
        "copy it again, or log in again with the Scalingo CLI",
    )


def cli_region(settings: Settings) -> str:
    """Return the default region in the platform CLI's configuration, or ""."""
    region = dig(_read_json(settings.cli_config_file), "region")
    return region if isinstance(region, str) else ""


def _read_json(path: str) -> Any:
    """Return the JSON in a file; None if the file is missing, broken or huge."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.loads(file.read(FILE_MAX))
    except (OSError, ValueError, RecursionError):
        return None


def vouches_for(service: str, address: str) -> bool:
    """Return whether the account's bearer token may be sent to this address of a region.

    It may if the address is https and its host is under the service's domain, which is the service's host without its
    first label (`auth.scalingo.com` vouches for `*.scalingo.com`), or if both are on this machine. An address with
    anything but a plain host, a port and a path is refused, so that no two programs read it in different ways.
    """
    from urllib.parse import urlsplit  # only needed if the network is used

    host = urlsplit(service).hostname or ""
    domain = host.partition(".")[2]
    if host in LOOPBACK_HOSTS:
        origin = r"https?://(?:localhost|127\.0\.0\.1|\[::1\])"
    elif "." in domain and not domain.rpartition(".")[2].isdecimal():
        origin = rf"https://(?:[a-z0-9-]+\.)+{re.escape(domain)}"
    else:  # an IPv4 address has no domain, and a domain without a dot belongs to nobody in particular
        return False
    found = re.fullmatch(rf"{origin}(?::([0-9]{{1,5}}))?(?:/[a-z0-9._~/-]*)?", address, re.ASCII | re.IGNORECASE)
    return found is not None and int(found[1] or 443) <= 65535
