"""The commands that the program prints, and a shell to paste them into.

A command with a placeholder, such as `REGION` or `[REGION]`, is a form to fill in, and does not count as a command.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Result, executable

from git_scalingo_region.scalingo import builtin

# An executable that runs this checkout's program, for which the platform publishes the fingerprints in `environment()`.
# It is not a shell script, because sh would set PWD.
PROGRAM = f"""\
#!/usr/bin/env -S "{sys.executable}"
import json, os
from git_scalingo_region.__main__ import main
from git_scalingo_region.model import SshEndpoint
from git_scalingo_region.scalingo import builtin
for place, keys in json.loads(os.environ["FINGERPRINTS"]).items():
    builtin.FINGERPRINTS[SshEndpoint.parse(place)] = keys
main()
"""

Paste = Callable[[str], subprocess.CompletedProcess[str]]

_FIELD = re.compile(r"^  (?:undo|next) +(.*)$", re.MULTILINE)
# A hint may consist of a command. In a warning or an error, a command comes after a colon.
_ADVICE = re.compile(
    r"^(?:hint: (?:.*: )?|(?:warning|error): .*: )(git (?:scalingo-region|push|remote|config|init) .*)$", re.MULTILINE
)
_FORM = re.compile(r"\b[A-Z]{3,}\b(?![_-])|\[")


def printed(result: Result) -> list[str]:
    """Return the commands that a run has printed, those of stdout first."""
    found = [*_FIELD.findall(result.stdout), *_ADVICE.findall(result.stderr)]
    return [command for command in found if not _FORM.search(command)]


def field(result: Result, label: str) -> str:
    """Return the value of the result's line with that label, or "" if there is no such line."""
    found = re.search(rf"^  {label} +(.*)$", result.stdout, re.MULTILINE)
    return found[1] if found else ""


def messages(result: Result, label: str) -> list[str]:
    """Return the texts of stderr with that label."""
    return re.findall(rf"^{label}: (.*)$", result.stderr, re.MULTILINE)


def environment() -> dict[str, str]:
    """Return the environment variables for a process that starts the program."""
    published = json.dumps({str(place): dict(keys) for place, keys in builtin.FINGERPRINTS.items()})
    return {**os.environ, "FINGERPRINTS": published, "PYTHONPATH": str(Path(__file__).parents[1])}


@pytest.fixture
def paste(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paste:
    """Return a function that runs a line in `sh` in the current folder; git finds the program on PATH."""
    program = executable(tmp_path / "bin" / "git-scalingo-region", PROGRAM)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")

    def run(line: str) -> subprocess.CompletedProcess[str]:
        options: dict[str, Any] = {"capture_output": True, "text": True, "errors": "surrogateescape"}
        return subprocess.run(["sh", "-c", line], check=False, env=environment(), stdin=subprocess.DEVNULL, **options)

    return run
