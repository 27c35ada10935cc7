"""Say what the program does while it does it, if GIT_TRACE asks for it. No line ever holds a token."""

from __future__ import annotations

import contextlib
import os
from functools import cache


def line(text: str) -> None:
    """Write one line with the time of day, as git does; do nothing unless GIT_TRACE is set."""
    wanted = os.environ.get("GIT_TRACE")
    if not wanted:
        return
    from datetime import datetime

    stamp = datetime.now().strftime("%H:%M:%S.%f")  # local time, as git writes it
    printed = text if text.isprintable() else ascii(text)[1:-1]
    with contextlib.suppress(OSError):  # if the trace cannot be written, the program goes on without it
        os.write(_descriptor(wanted), f"{stamp} scalingo-region: {printed}\n".encode("utf-8", "backslashreplace"))


@cache
def _descriptor(wanted: str) -> int:
    """Return the open file that GIT_TRACE means, or -1: 1, 2 or true is stderr, as git(1) says."""
    if wanted.lower() in ("1", "2", "true"):
        return 2
    if wanted in tuple("3456789"):
        return int(wanted)
    with contextlib.suppress(OSError):
        if os.path.isabs(wanted):
            return os.open(wanted, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o666)
    return -1
