"""Say what the program does while it does it, if GIT_TRACE asks for it. No line ever holds a token."""

from __future__ import annotations

import os

# git(1), "GIT_TRACE": 1, 2 or true mean stderr, a digit up to 9 an open file descriptor, an absolute path a file.
_STDERR = ("1", "2", "true")
_open: dict[str, int] = {}


def line(text: str) -> None:
    """Write one line with the time of day, as git does; do nothing unless GIT_TRACE is set."""
    if wanted := os.environ.get("GIT_TRACE"):
        _write(wanted, text)


def _write(wanted: str, text: str) -> None:
    from datetime import datetime

    descriptor = _descriptor(wanted)
    if descriptor is None:
        return
    stamp = datetime.now().strftime("%H:%M:%S.%f")  # local time, as git writes it
    printed = text if text.isprintable() else ascii(text)[1:-1]
    try:
        os.write(descriptor, f"{stamp} scalingo-region: {printed}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        _open[wanted] = -1  # nobody can read it: the program goes on without


def _descriptor(wanted: str) -> int | None:
    if wanted not in _open:
        _open[wanted] = _find(wanted)
    return None if _open[wanted] < 0 else _open[wanted]


def _find(wanted: str) -> int:
    if wanted.lower() in _STDERR:
        return 2
    if wanted.isdecimal() and len(wanted) == 1:
        return int(wanted) or -1
    if not os.path.isabs(wanted):
        return -1
    try:
        return os.open(wanted, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o666)
    except OSError:
        return -1
