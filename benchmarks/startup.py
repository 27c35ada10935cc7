"""What it costs to start: each verb against an empty Python and against `git remote set-url`, all in turns."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import PROGRAM, Cost, Sample, World, in_turns, measure, table, world

PYTHON = "python3 -c pass"
GIT = "git remote set-url"
TAB = "a TAB, for a region"
SHELL, SHELL_AND_TABS = "bash with git's completion", "the same and 20 TABs"
TABS = 20

ADD = ["add", "osc-fr1", "myapp"]
VERBS = {
    "--version": ["--version"],
    "-h": ["-h"],
    "list": ["list"],
    "url": ["url", "osc-fr1", "myapp"],
    "status": ["status"],
    "add, unchanged": ADD,
}

COMPLETION = Path(__file__).resolve().parents[1] / "git_scalingo_region" / "completions" / "git-scalingo-region.bash"
GIT_COMPLETION = Path("/usr/share/bash-completion/completions/git")
# What bash does at a TAB: it sets these variables and calls the function that git registered.
BASH = r"""
source "$1"; source "$2"
for ((i = 0; i < $3; i++)); do
  COMP_LINE="git scalingo-region add os" COMP_WORDS=(git scalingo-region add os) COMP_CWORD=3
  COMP_POINT=${#COMP_LINE} COMPREPLY=()
  __git_wrap__git_main
  [[ "${COMPREPLY[0]}" == "osc-fr1 " ]] || exit 1
done
"""


def cases(here: World) -> dict[str, Callable[[], Sample]]:
    """Return what is measured, by name."""
    repository = here.repository("repository")
    run = partial(measure, cwd=repository, environ=here.environ)
    config = repository / ".git" / "config"
    without_remote = config.read_text()
    run([PROGRAM, *ADD])
    with_remote = config.read_text()

    def add_new() -> Sample:
        config.write_text(without_remote)
        sample = run([PROGRAM, *ADD])
        if config.read_text() != with_remote:
            sys.exit("add did not create the remote")
        return sample

    url = "ssh://git@ssh.osc-fr1.scalingo.com:22/myapp.git"
    found: dict[str, Callable[[], Sample]] = {
        PYTHON: partial(run, [sys.executable, "-c", "pass"]),
        GIT: partial(run, ["git", "remote", "set-url", "scalingo", url]),
        **{name: partial(run, [PROGRAM, *words]) for name, words in VERBS.items()},
        "add, creating": add_new,
    }
    if GIT_COMPLETION.is_file():
        bash = ["bash", "--norc", "--noprofile", "-c", BASH, "bash", str(GIT_COMPLETION), str(COMPLETION)]
        found[SHELL] = partial(run, [*bash, "0"])
        found[SHELL_AND_TABS] = partial(run, [*bash, str(TABS)])
    return found


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    with world() as here:
        here.fill_cache()
        costs = in_turns(cases(here), rounds)
    if SHELL in costs:
        shell, tabs = costs.pop(SHELL), costs.pop(SHELL_AND_TABS)
        median, minimum = (tabs.median - shell.median) / TABS, (tabs.minimum - shell.minimum) / TABS
        costs[TAB] = Cost(median, minimum, tabs.peak)
    python, git = costs[PYTHON], costs[GIT]
    table(
        ("", "median ms", "min ms", "x python", "(of min)", "x git", "(of min)", "peak MiB"),
        *(
            (
                name,
                f"{cost.median * 1000:.1f}",
                f"{cost.minimum * 1000:.1f}",
                f"{cost.median / python.median:.1f}",
                f"{cost.minimum / python.minimum:.1f}",
                f"{cost.median / git.median:.1f}",
                f"{cost.minimum / git.minimum:.1f}",
                f"{cost.peak:.0f}",
            )
            for name, cost in costs.items()
        ),
    )


if __name__ == "__main__":
    main()
