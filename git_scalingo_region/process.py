"""Run other programs for their answers. Only this module starts processes itself.

Each program runs in a session of its own, so that Ctrl-C in the terminal reaches only this program, and so that a
program can be ended together with what it has started.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from typing import NamedTuple

from git_scalingo_region import trace
from git_scalingo_region.errors import MissingProgram, RepositoryError


class Finished(NamedTuple):
    """How a program ended, and what it wrote. Bytes that are not UTF-8 are kept as surrogates."""

    status: int
    output: str
    error: str
    timed_out: bool = False


def run(
    *command: str, environment: Mapping[str, str] | None = None, given: bytes = b"", seconds: float | None = None
) -> Finished:
    """Run a program with `given` on its standard input; after `seconds`, end it and its session.

    Raises `MissingProgram` if it is not installed, and `RepositoryError` if it cannot be started.
    """
    trace.line(f"run: {' '.join(command)}")
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            command, env=environment, start_new_session=True, stdin=pipe, stdout=pipe, stderr=pipe
        )
    except FileNotFoundError:
        raise missing(command[0]) from None
    except (OSError, ValueError) as error:
        raise RepositoryError(f"{command[0]} cannot be run: {getattr(error, 'strerror', None) or error}") from None
    with process:
        try:
            written = process.communicate(given, seconds)
        except subprocess.TimeoutExpired as late:
            if process.poll() is None:
                return Finished(-signal.SIGKILL, "", f"nothing within {seconds:g} seconds", timed_out=True)
            written = late.output or b"", late.stderr or b""  # it has ended, but something holds its streams open
        finally:
            # The program took too long, or a signal interrupted this one. Not every system has sessions.
            if process.returncode is None:
                with contextlib.suppress(OSError, AttributeError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.kill()
    output, errors = map(os.fsdecode, written)
    return Finished(process.returncode, output, errors)


def missing(program: str) -> MissingProgram:
    """Return the error for a program that is not installed."""
    advice = "install git 2.26 or newer" if program == "git" else "install the OpenSSH client"
    return MissingProgram(f"{program} is not installed, or not on PATH", advice)
