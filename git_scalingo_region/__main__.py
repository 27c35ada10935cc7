"""The entry point: signals first, then everything else, so that Ctrl-C is quiet from the first moment on."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
from types import FrameType


def main() -> None:
    """Run the program and exit with its status."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by the caller, and the next file opened would take its place
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - it stays open
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _terminate)
    # A process of a fifth of a second makes little garbage, and collecting it during the imports costs a tenth of them.
    gc.disable()
    try:
        from git_scalingo_region.cli.run import run

        status = run(sys.argv[1:])
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    # All is written: to take the modules down one by one would cost as long as an empty Python runs.
    os._exit(status)


def _interrupt(signum: int, frame: FrameType | None) -> None:
    # git passes a Ctrl-C on to its external commands, which have had it from the terminal already.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _terminate(signum: int, frame: FrameType | None) -> None:
    # Python's default would leave lock files behind: this runs what stands in `finally`.
    sys.exit(128 + signum)


if __name__ == "__main__":
    main()
