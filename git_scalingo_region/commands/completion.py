"""`completion`: print the completion script of a shell, the same that the installer puts in place."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from git_scalingo_region.context import Context
from git_scalingo_region.errors import ExitStatus, InvalidInput
from git_scalingo_region.terminal import Style

FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "completions")
SCRIPTS = {
    "bash": ("git-scalingo-region.bash",),
    "zsh": ("_git-scalingo-region",),
    # fish 3.6 does not complete "git scalingo-region" without the second one.
    "fish": ("git-scalingo-region.fish", "git-scalingo-region.conf.fish"),
}


class Script(NamedTuple):
    """The completion script of a shell."""

    shell: str
    script: str
    exit_status: ExitStatus = ExitStatus.DONE

    def text(self, style: Style) -> str:
        """Show the script and nothing else."""
        return self.script

    def json(self) -> dict[str, Any]:
        """Return the shell and its script."""
        return {"shell": self.shell, "script": self.script}

    def hints(self) -> Sequence[str]:
        """Return nothing: the output is for the shell."""
        return ()


def run(context: Context, *, shell: str) -> Script:
    """Return the script; raise `InvalidInput` for a shell without one."""
    if shell not in SCRIPTS:
        raise InvalidInput(f"there is no completion script for '{shell}'", f"the shells are {', '.join(SCRIPTS)}")
    return Script(shell, "".join(map(_read, SCRIPTS[shell])))


def _read(name: str) -> str:
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()
