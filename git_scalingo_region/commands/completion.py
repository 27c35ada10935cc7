"""`completion`: print the completion script of a shell, the same one that the installer installs."""

from __future__ import annotations

import os

from git_scalingo_region.context import Context
from git_scalingo_region.errors import InvalidInput
from git_scalingo_region.terminal import Result

FOLDER = os.path.join(os.path.dirname(os.path.dirname(__file__)), "completions")
SCRIPTS = {
    "bash": ("git-scalingo-region.bash",),
    "zsh": ("_git-scalingo-region",),
    # fish 3.6 does not complete "git scalingo-region" without the second one.
    "fish": ("git-scalingo-region.fish", "git-scalingo-region.conf.fish"),
}


def run(context: Context, *, shell: str) -> Result:
    """Return the script; raise `InvalidInput` for a shell without one."""
    if shell not in SCRIPTS:
        raise InvalidInput(f"there is no completion script for '{shell}'", f"the shells are {', '.join(SCRIPTS)}")
    script = "".join(map(_read, SCRIPTS[shell]))
    return Result(text=lambda style: script, json=lambda: {"shell": shell, "script": script})


def _read(name: str) -> str:
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return file.read()
