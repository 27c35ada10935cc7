"""What the user has given already: the API token, and the platform CLI's own files, which are read and never written.

The CLI's `auth` file is JSON: `auth_config_data` maps a service's host to `{"tokens": {"token": …}}`; its `config.json`
has the default region as `region`. Never prints or stores a token. Imports `errors`.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from typing import Any

from git_scalingo_region.errors import CredentialsError

FILE_MAX = 1 << 20
_JWT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+")


@dataclass(frozen=True)
class Token:
    """An API token and where it was found."""

    value: str = field(repr=False)
    source: str

    @property
    def is_bearer(self) -> bool:
        """Whether it is a JWT (RFC 7519: three parts), to be used as it is rather than exchanged."""
        return bool(_JWT.fullmatch(self.value))


def find_token(api_token: str, cli_folder: str, service_host: str) -> Token | None:
    """Return the token of the environment, else the one that the platform's CLI keeps for the same service.

    Raises `CredentialsError` for a text that cannot be a token: it must not get into a header.
    """
    if api_token:
        return _checked(Token(api_token, "SCALINGO_API_TOKEN"))
    data = _read_json(cli_folder, "auth").get("auth_config_data")
    account = data.get(service_host) if isinstance(data, dict) else None
    tokens = account.get("tokens") if isinstance(account, dict) else None
    token = tokens.get("token") if isinstance(tokens, dict) else None
    return _checked(Token(token, os.path.join(cli_folder, "auth"))) if isinstance(token, str) and token else None


def cli_region(settings) -> str:
    """Return the default region that the platform's CLI is set to, or an empty text."""
    region = {}.get("region")
    return region if isinstance(region, str) else ""


def _checked(token: Token) -> Token:
    if token.value.isascii() and token.value.isprintable() and " " not in token.value:
        return token
    raise CredentialsError(
        f"the token in {token.source} holds characters that no token has",
        "copy it once more, or log in again with the Scalingo CLI",
    )


def _read_json(folder: str, name: str) -> dict[str, Any]:
    if not folder:
        return {}
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            value = json.loads(file.read(FILE_MAX))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
