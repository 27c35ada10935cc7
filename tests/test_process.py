"""`process`: how a run of a program ends, whatever that program has started."""

from __future__ import annotations

import sys
import time

import pytest

from git_scalingo_region.errors import RepositoryError
from git_scalingo_region.process import Finished, run


def test_what_a_program_wrote_counts_even_if_its_streams_stay_open() -> None:
    """A program that has ended in time does not count as late if a child process keeps its streams open."""
    script = (
        "import subprocess, sys; subprocess.Popen(['sleep', '3'], start_new_session=True);"
        "print('out', flush=True); print('error', file=sys.stderr); sys.exit(124)"
    )
    assert run(sys.executable, "-c", script, seconds=1) == Finished(124, "out\n", "error\n")


def test_a_late_program_ends_with_all_that_it_started() -> None:
    """A program that exceeds its time limit is ended with all its children, and its output is dropped."""
    started = time.monotonic()
    late = run("sh", "-c", "echo out; sleep 60; sleep 60", seconds=0.5)
    assert (late.timed_out, late.output, late.error) == (True, "", "nothing within 0.5 seconds")
    assert time.monotonic() - started < 30


def test_an_argument_that_no_program_can_take() -> None:
    """An argument with a NUL in it is an error that says in one sentence why git cannot be run."""
    with pytest.raises(RepositoryError, match=r"^git cannot be run: embedded null byte$"):
        run("git", "a\0b")
