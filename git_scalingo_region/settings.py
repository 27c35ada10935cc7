"""The settings from the environment, read once into an immutable value.

The defaults and the time limits of a run are named constants here. Nothing is read at import time.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from git_scalingo_region.errors import InvalidInput

DEFAULT_SERVICE = "https://auth.scalingo.com"
DEFAULT_REMOTE = "scalingo"
CACHE_FRESH_SECONDS = 24 * 60 * 60
LOOK_AGAIN_SECONDS = 5 * 60
NETWORK_SECONDS = 10.0
LOCK_SECONDS = 5.0
SSH_SECONDS = 5.0  # for an answer of ssh, ssh-keygen or ssh-add, which connect to nothing
SCAN_SECONDS = 5.0
PROBE_SECONDS = 1.0
CONNECT_SECONDS = 20.0

# Plain http would send the token unencrypted, so it is allowed only for this machine itself.
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "::1")


class Settings(NamedTuple):
    """The settings from the environment; an empty variable counts as not set. Folders are absolute paths or empty."""

    service: str = DEFAULT_SERVICE
    api_token: str = ""
    region: str = ""
    app: str = ""
    cache_folder: str = ""
    cli_auth_file: str = ""
    cli_config_file: str = ""
    ssh_command: str = ""
    ssh_program: str = ""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read the variables that the manual lists; raise `InvalidInput` for an unusable `SCALINGO_AUTH_URL`."""
        home = environ.get("HOME", "")
        # Relative folders are ignored, as the XDG specification asks.
        home = home if os.path.isabs(home) else ""
        cache = environ.get("XDG_CACHE_HOME", "")
        cache = cache if os.path.isabs(cache) else home and os.path.join(home, ".cache")
        # The variables of the platform's own CLI (1.48.0), which move its files.
        folder = environ.get("CONFIG_DIR") or (home and os.path.join(home, ".config", "scalingo"))
        return cls(
            service=_service(environ.get("SCALINGO_AUTH_URL", "")),
            api_token=environ.get("SCALINGO_API_TOKEN", "").strip(),
            region=environ.get("SCALINGO_REGION", ""),
            app=environ.get("SCALINGO_APP", ""),
            cache_folder=cache and os.path.join(cache, "git-scalingo-region"),
            cli_auth_file=environ.get("AUTH_FILE") or (folder and os.path.join(folder, "auth")),
            cli_config_file=environ.get("CONFIG_FILE_PATH") or (folder and os.path.join(folder, "config.json")),
            ssh_command=environ.get("GIT_SSH_COMMAND", ""),
            ssh_program=environ.get("GIT_SSH", ""),
        )

    @property
    def service_host(self) -> str:
        """The service's host without its port: the key in the platform CLI's auth file."""
        authority = self.service.partition("://")[2].partition("/")[0]
        return authority[1:].partition("]")[0] if authority.startswith("[") else authority.partition(":")[0]

    def __repr__(self) -> str:
        """Leave the token out: a traceback may end up in a bug report."""
        return f"Settings(service={self.service!r}, ...)"


def _service(text: str) -> str:
    text = text.strip()
    if not text:
        return DEFAULT_SERVICE
    from urllib.parse import urlsplit  # only needed if the address is not the default

    try:
        url = urlsplit(text if "://" in text else f"https://{text}")
        host, port = url.hostname, url.port
    except ValueError:
        host = port = None
    if not host or port == 0 or not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise InvalidInput(f"SCALINGO_AUTH_URL is not a valid address: expected one like {DEFAULT_SERVICE}")
    if url.username is not None or url.query or url.fragment or url.scheme not in ("http", "https"):
        raise InvalidInput(f"SCALINGO_AUTH_URL is not a plain https address: expected one like {DEFAULT_SERVICE}")
    if url.scheme == "http" and host not in LOOPBACK_HOSTS:
        raise InvalidInput("SCALINGO_AUTH_URL is not https: the token would be sent unencrypted")
    authority = f"[{host}]" if ":" in host else host
    return f"{url.scheme}://{authority}{f':{port}' if port else ''}{url.path.rstrip('/')}"
