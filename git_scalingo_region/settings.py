"""What the environment says, read once into a frozen value.

Every default is a named constant; nothing is read at import time. Imports `errors` alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from git_scalingo_region.errors import InvalidInput

DEFAULT_SERVICE = "https://auth.scalingo.com"
DEFAULT_REMOTE = "scalingo"
CACHE_FRESH_SECONDS = 24 * 60 * 60
NETWORK_SECONDS = 10.0
LOCK_SECONDS = 5.0

# Plain http carries the token in the clear: only the machine itself may be spoken to like that.
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Settings:
    """The environment's part of an invocation; an empty variable counts as not set."""

    service: str = DEFAULT_SERVICE
    api_token: str = field(default="", repr=False)
    region: str = ""
    app: str = ""
    home: str = ""
    cache_home: str = ""
    ssh_command: str = ""
    ssh_program: str = ""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read the variables that the manual lists; raise `InvalidInput` for an unusable `SCALINGO_AUTH_URL`."""
        home = environ.get("HOME", "")
        xdg_cache = environ.get("XDG_CACHE_HOME", "")
        # The XDG specification: relative paths are to be ignored.
        default_cache = os.path.join(home, ".cache") if os.path.isabs(home) else ""
        return cls(
            service=_service(environ.get("SCALINGO_AUTH_URL", "")),
            api_token=environ.get("SCALINGO_API_TOKEN", "").strip(),
            region=environ.get("SCALINGO_REGION", ""),
            app=environ.get("SCALINGO_APP", ""),
            home=home if os.path.isabs(home) else "",
            cache_home=xdg_cache if os.path.isabs(xdg_cache) else default_cache,
            ssh_command=environ.get("GIT_SSH_COMMAND", ""),
            ssh_program=environ.get("GIT_SSH", ""),
        )

    @property
    def ssh(self) -> str:
        """The ssh of git, as a line for sh: GIT_SSH_COMMAND, else the program of GIT_SSH; empty for plain ssh."""
        if self.ssh_command or not self.ssh_program:
            return self.ssh_command
        from shlex import quote  # seldom needed

        return quote(self.ssh_program)

    @property
    def cache_folder(self) -> str:
        """The folder of the cache, or an empty text where there can be none."""
        return self.cache_home and os.path.join(self.cache_home, "git-scalingo-region")

    @property
    def cli_folder(self) -> str:
        """The folder of the platform CLI's own files, or an empty text."""
        return self.home and os.path.join(self.home, ".config", "scalingo")

    @property
    def service_host(self) -> str:
        """The service's host, with its port where the address has one: the key in the platform CLI's auth file."""
        return self.service.partition("://")[2].partition("/")[0]


def _service(text: str) -> str:
    text = text.strip()
    if not text:
        return DEFAULT_SERVICE
    from urllib.parse import urlsplit  # only where the address is not the usual one

    try:
        url = urlsplit(text if "://" in text else f"https://{text}")
        host, port = url.hostname, url.port
    except ValueError:
        host = None
    if not host or not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise InvalidInput(f"SCALINGO_AUTH_URL is not an address: it looks like {DEFAULT_SERVICE}")
    if url.username is not None or url.query or url.fragment or url.scheme not in ("http", "https"):
        raise InvalidInput(f"SCALINGO_AUTH_URL is not a plain https address: it looks like {DEFAULT_SERVICE}")
    if url.scheme == "http" and host not in LOOPBACK_HOSTS:
        raise InvalidInput("SCALINGO_AUTH_URL is not https: a token would travel in the clear")
    place = f"[{host}]" if ":" in host else host
    return f"{url.scheme}://{place}{f':{port}' if port else ''}{url.path.rstrip('/')}"
