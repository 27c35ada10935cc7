"""What the user has set up already: the API token, and the platform CLI's own files, which are only ever read.

The CLI's `auth` file is JSON: `auth_config_data` maps a service's host, without its port, to
`{"tokens": {"token": ...}}`. Its `config.json` holds the default region as `region` (CLI 1.48.0).
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from git_scalingo_region.errors import CredentialsError
from git_scalingo_region.settings import Settings

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


def find_token(settings: Settings) -> Token | None:
    """Return the token from the environment, else the one that the platform's CLI keeps for the same service.

    Raises `CredentialsError` for text that cannot be a token: it must not get into a header.
    """
    if settings.api_token:
        return _checked(Token(settings.api_token, "SCALINGO_API_TOKEN"))
    value: Any = _read_json(settings.cli_auth_file)
    for key in ("auth_config_data", settings.service_host, "tokens", "token"):
        value = value.get(key) if isinstance(value, dict) else None
    return _checked(Token(value, settings.cli_auth_file)) if isinstance(value, str) and value else None


def cli_region(settings: Settings) -> str:
    """Return the default region in the platform CLI's configuration, or ""."""
    region = _read_json(settings.cli_config_file).get("region")
    return region if isinstance(region, str) else ""


def _checked(token: Token) -> Token:
    if token.value.isascii() and token.value.isprintable() and " " not in token.value:
        return token
    raise CredentialsError(
        f"the token in {token.source} contains characters that a token cannot have",
        "copy it again, or log in again with the Scalingo CLI",
    )


def _read_json(path: str) -> dict[str, Any]:
    """Return the object in the file; an empty one if the file is missing, broken, huge or of another shape."""
    if not path:
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            value = json.loads(file.read(FILE_MAX))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
