"""`process`: how a program ends, whatever it has started."""

from __future__ import annotations

import sys
import time

import pytest

from git_scalingo_region.errors import RepositoryError
from git_scalingo_region.process import Finished, run


def test_what_a_program_wrote_counts_even_if_its_streams_stay_open() -> None:
    """A program that has ended is not late because something that it started holds its streams."""
    script = (
        "import subprocess, sys; subprocess.Popen(['sleep', '3'], start_new_session=True);"
        "print('out', flush=True); print('error', file=sys.stderr); sys.exit(124)"
    )
    assert run(sys.executable, "-c", script, seconds=1) == Finished(124, "out\n", "error\n")


def test_a_late_program_ends_with_all_that_it_started() -> None:
    """After its time a program is ended, with its children, and what it wrote does not count."""
    started = time.monotonic()
    late = run("sh", "-c", "echo out; sleep 60; sleep 60", seconds=0.5)
    assert (late.timed_out, late.output, late.error) == (True, "", "nothing within 0.5 seconds")
    assert time.monotonic() - started < 30


def test_an_argument_that_no_program_can_take() -> None:
    """A NUL in an argument is an error in one sentence."""
    with pytest.raises(RepositoryError, match=r"^git cannot be run: embedded null byte$"):
        run("git", "a\0b")
