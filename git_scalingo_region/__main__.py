"""The entry point: signals first, then everything else, so that Ctrl-C is handled quietly from the start."""

from __future__ import annotations

import contextlib
import gc
import os
import sys

from git_scalingo_region import signals


def main() -> None:
    """Run the program and exit with its status: 128 plus the signal's number if a signal ended it."""
    signals.install()
    _open_missing_streams()
    # A process this short makes little garbage, and collecting it during the imports takes a tenth of their time.
    gc.disable()
    try:
        from git_scalingo_region.cli.run import run

        status = run(sys.argv[1:])
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    except signals.Interrupted as end:
        status = 128 + end.signal
    # All output is written. Tearing down the modules one by one would take as long as an empty Python takes to run.
    os._exit(status)


def _open_missing_streams() -> None:
    """Open the null device for each closed standard stream; otherwise the next opened file would take its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - it stays open


if __name__ == "__main__":
    main()
