"""The region list on disk, so that a person or a thousand CI jobs need not ask the service every time.

There is one file for each service address and account in the cache folder, mode 0600:

    {"version": 1, "service": "https://...", "account": "public" or a hash, "fetched_at": seconds since 1970,
     "regions": [the API's own form]}

Beside it is `names`, with one region name on each line, for the shells' completion. The `.lock` and `.pause` files keep
parallel runs from asking at the same time, or too often. An unusable file (broken, too large, another user's, another
account's) is a cache miss. If the folder cannot be written, nothing is kept and no error is raised.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from git_scalingo_region.errors import InvalidInput
from git_scalingo_region.model import ListSource, Region, RegionList, parse_regions

VERSION = 1
PUBLIC = "public"
SIZE_MAX = 1 << 20
PAUSE_MAX_SECONDS = 60.0  # the service counts requests by the minute, so a minute is always enough
YEAR_10000 = 253_402_300_800
POLL_SECONDS = 0.02


class Cache(NamedTuple):
    """The cache of one service and one account; it keeps nothing if the folder is ""."""

    folder: str
    service: str
    account: str = PUBLIC

    @classmethod
    def for_token(cls, folder: str, service: str, token: str) -> Cache:
        """Return the cache of the account that the token belongs to; only a hash of the token is kept."""
        if not token:
            return cls(folder, service)
        from hashlib import sha256  # loads OpenSSL, which a run without a token does not need

        return cls(folder, service, sha256(f"{service}\n{token}".encode()).hexdigest()[:16])

    @property
    def _head(self) -> dict[str, Any]:
        """What distinguishes the file of this service and account from all others."""
        return {"version": VERSION, "service": self.service, "account": self.account}

    def load(self) -> RegionList | None:
        """Return the cached list, however old it is, or None."""
        try:
            value = json.loads(_read_own_file(self.path("json")))
            regions, fetched_at = parse_regions(value), value["fetched_at"]
            # A number that is not a date (infinite, or beyond the calendar) could not even be shown as a day.
            if self._head.items() <= value.items() and 0 <= fetched_at < YEAR_10000:
                return RegionList(regions, ListSource.CACHE, float(fetched_at))
        except (OSError, ValueError, TypeError, KeyError, RecursionError, InvalidInput):
            pass
        return None

    def store(self, regions: tuple[Region, ...], fetched_at: float) -> None:
        """Keep a list that was just fetched; `fetched_at` is in seconds since 1970."""
        value = {**self._head, "fetched_at": fetched_at, "regions": [region.to_json() for region in regions]}
        with contextlib.suppress(OSError):
            _replace(self.path("json"), json.dumps(value, indent=1) + "\n")
            _replace(os.path.join(self.folder, "names"), "".join(f"{region.name}\n" for region in regions))

    @contextlib.contextmanager
    def turn(self, seconds: float) -> Iterator[bool]:
        """Wait up to `seconds` while another run on this machine asks the service; yield whether it is our turn.

        The lock is the kernel's (flock(2)): it ends with the process that holds it, however that process ends. If
        there can be no lock, it is always our turn.
        """
        descriptor, is_ours = None, True
        with contextlib.suppress(OSError, ImportError):
            import fcntl

            path = self.path("lock")
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            lock = partial(fcntl.flock, descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = _wait_for(lock, time.monotonic() + seconds)
        try:
            yield is_ours
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def pause(self, seconds: float) -> None:
        """Note that the service wants no requests for so long, a minute at most; the file's date is when that ends."""
        with contextlib.suppress(OSError):
            _replace(self.path("pause"), "", time.time() + min(seconds, PAUSE_MAX_SECONDS))

    def paused(self) -> bool:
        """Return whether the pause still lasts; one that ends too far ahead is ignored, since the clock has jumped."""
        try:
            return 0 < os.stat(self.path("pause")).st_mtime - time.time() <= PAUSE_MAX_SECONDS
        except (OSError, ValueError):
            return False

    def path(self, suffix: str) -> str:
        """Return the path of this service and account's file; raise `FileNotFoundError` without a cache folder."""
        if not self.folder:
            raise FileNotFoundError("there is no cache folder")
        host = re.sub(r"[^\w.-]", "_", self.service.partition("://")[2])
        return os.path.join(self.folder, f"{host[:100]}-{self.account}.{suffix}")


def is_fresh(regions: RegionList, *, seconds: float) -> bool:
    """Return whether a list was fetched in the last `seconds`; False if it is from the future (a clock jump)."""
    return regions.fetched_at is not None and 0 <= time.time() - regions.fetched_at < seconds


def _wait_for(lock: Callable[[], None], deadline: float) -> bool:
    while True:
        try:
            lock()
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
        time.sleep(POLL_SECONDS)


def _read_own_file(path: str) -> bytes:
    """Return the content of a regular file of this user; raise `OSError` for anything else."""
    # Without O_NONBLOCK, a named pipe in the file's place would hang the program. Not every system has the flag.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        status = os.fstat(descriptor)
        user = os.geteuid() if hasattr(os, "geteuid") else status.st_uid
        if not stat.S_ISREG(status.st_mode) or status.st_uid != user or status.st_size > SIZE_MAX:
            raise FileNotFoundError(path)
        return os.read(descriptor, SIZE_MAX)
    finally:
        os.close(descriptor)


def _replace(path: str, text: str, modified: float | None = None) -> None:
    """Replace a whole file, mode 0600: at any moment, a reader finds either the old text or the new one."""
    from tempfile import mkstemp  # a run that only reads does not need it

    folder, name = os.path.split(path)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    descriptor, temporary = mkstemp(dir=folder, prefix=f"{name}.")
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        if modified is not None:
            os.utime(temporary, (modified, modified))
        os.replace(temporary, path)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
