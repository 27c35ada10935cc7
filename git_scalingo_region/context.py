"""What every command is given: the settings, the common options, a place for warnings, and a limited network time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from git_scalingo_region.settings import NETWORK_SECONDS, Settings


class Context:
    """One run of the program. `started` is in seconds since 1970, `network_seconds` is what is left for the network."""

    def __init__(
        self, settings: Settings, *, refresh: bool = False, offline: bool = False, fallback: bool = False
    ) -> None:
        """Take the settings and the common options."""
        self.settings = settings
        self.refresh = refresh
        self.offline = offline
        self.fallback = fallback
        self.started = time.time()
        self.network_seconds = NETWORK_SECONDS
        self._warnings: dict[str, None] = {}  # a hostile file may cause very many of them

    def warn(self, text: str) -> None:
        """Note a warning for stderr, or for the JSON; the same warning is not repeated."""
        self._warnings[text] = None

    @property
    def warnings(self) -> list[str]:
        """The warnings, in the order in which they were noted."""
        return list(self._warnings)

    @contextlib.contextmanager
    def network(self) -> Iterator[float]:
        """Yield the seconds left for the network, and deduct what the block uses.

        The limit is for the whole run. Only time in the block counts, not work outside it, such as loading a library.
        """
        begun = time.monotonic()
        try:
            yield self.network_seconds
        finally:
            self.network_seconds = max(0.0, self.network_seconds - (time.monotonic() - begun))
