"""The commands that the program prints, and a shell to paste them into.

A test imports the fixture `paste`. A command with a placeholder in capitals (`REGION`) is a form, not a command.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Result

Paste = Callable[[str], subprocess.CompletedProcess[str]]

_FIELD = re.compile(r"^  (?:undo|next) +(.*)$", re.MULTILINE)
# A hint may be a command. In a warning or an error, a command comes after a colon.
_ADVICE = re.compile(
    r"^(?:hint: (?:.*: )?|(?:warning|error): .*: )(git (?:scalingo-region|push|remote|config|init) .*)$", re.MULTILINE
)
_FORM = re.compile(r"\b[A-Z]{3,}\b(?![_-])|\[")


def printed(result: Result) -> list[str]:
    """Return the commands that a run has printed, those of stdout first."""
    found = [*_FIELD.findall(result.stdout), *_ADVICE.findall(result.stderr)]
    return [command for command in found if not _FORM.search(command)]


def field(result: Result, label: str) -> str:
    """Return the value of a labelled line of the result, "" if there is no such line."""
    found = re.search(rf"^  {label} +(.*)$", result.stdout, re.MULTILINE)
    return found[1] if found else ""


def messages(result: Result, label: str) -> list[str]:
    """Return the texts of stderr with that label."""
    return re.findall(rf"^{label}: (.*)$", result.stderr, re.MULTILINE)


@pytest.fixture
def paste(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paste:
    """Return a function that gives a line to `sh` in the current folder; git finds the program on PATH."""
    program = tmp_path / "bin" / "git-scalingo-region"
    program.parent.mkdir(exist_ok=True)
    python = Path(sys.executable)
    # Not through sh, which would set PWD.
    program.write_text(f"#!/usr/bin/env {python.name}\nfrom git_scalingo_region.__main__ import main\nmain()\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(program.parent), str(python.parent), os.environ["PATH"]]))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))

    def run(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", line],
            check=False,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            stdin=subprocess.DEVNULL,
        )

    return run
