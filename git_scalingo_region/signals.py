"""Signals that end the program: they unwind it, so that every `finally` runs, or are held until it is safe to end it.

Only the first signal counts. git passes a Ctrl-C on to its external commands, which have already received it from the
terminal, and the second signal must not interrupt the unwinding that the first one started.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

# Not every system has all of them.
NAMES = ("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM")


class Interrupted(BaseException):
    """The program was told to end; `signal` is the signal's number. No `except Exception` may catch this."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


class _State:
    """How many blocks hold signals back, the first signal that arrived (0: none), and whether it was acted on."""

    depth = 0
    noted = 0
    acted = False


def install() -> None:
    """Raise `Interrupted` when one of the signals arrives; one that the parent ignores (nohup) stays ignored."""
    _State.depth, _State.noted, _State.acted = 0, 0, False
    for number in (getattr(signal, name) for name in NAMES if hasattr(signal, name)):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _arrived)


@contextlib.contextmanager
def deferred() -> Iterator[None]:
    """Hold back signals that arrive within the block; raise `Interrupted` for the first one at the end of the block."""
    _State.depth += 1
    try:
        yield
    finally:
        _State.depth -= 1
        if not _State.depth:
            check()


def check() -> None:
    """Raise `Interrupted` if a signal has been noted but not acted on yet."""
    if _State.noted and not _State.acted:
        _State.acted = True
        raise Interrupted(_State.noted)


def _arrived(number: int, frame: FrameType | None) -> None:
    _State.noted = _State.noted or number
    if not _State.depth:
        check()
