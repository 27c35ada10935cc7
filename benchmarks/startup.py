"""What a run costs: each command against `python3 -c pass` of the same Python, in pairs.

If SCALINGO_CLI names the platform's own compiled CLI, its `git-setup` is measured too, with a service on loopback.
"""

from __future__ import annotations

import os
from functools import partial

from bench import ROOT, Case, Sample, World, in_turns, main, table
from service import APP, REGIONS, Service, serve

ADD = ("add", REGIONS[0], APP)
# The arguments of each command, and the most that it may cost, in runs of an empty Python.
COMMANDS = {
    "--version": (("--version",), 2.0),
    "list": (("list",), 4.0),
    "show": (("show", REGIONS[0]), None),
    "url": (("url", REGIONS[0], APP), 4.0),
    "status": (("status",), 4.0),
    "add, nothing to change": (ADD, 4.6),
    "-h": (("-h",), None),
}
TAB, TAB_GOAL = "a TAB, for a region", 0.1

COMPLETION = ROOT / "git_scalingo_region" / "completions" / "git-scalingo-region.bash"
GIT_COMPLETION = "/usr/share/bash-completion/completions/git"
TABS = 20
# What bash does when TAB is pressed: it sets these variables and calls the function that git registered.
BASH = r"""
source "$1"; source "$2"
for ((i = 0; i < $3; i++)); do
  COMP_LINE="git scalingo-region add os" COMP_WORDS=(git scalingo-region add os) COMP_CWORD=3
  COMP_POINT=${#COMP_LINE} COMPREPLY=()
  __git_wrap__git_main
  [[ "${COMPREPLY[0]}" == "osc-fr1 " ]] || exit 1
done
"""


def commands(here: World) -> dict[str, Case]:
    """Return the commands to measure, by name."""
    repository, program = here.repository("startup"), here.installed("git-scalingo-region")
    config = repository / ".git" / "config"
    without_remote = config.read_text()
    here.execute(program, *ADD, "-q", cwd=repository)
    with_remote = config.read_text()
    run = partial(here.measure, program, cwd=repository)
    create = partial(here.measure_change, without_remote, with_remote, program, *ADD, cwd=repository)
    return {**{name: partial(run, *words) for name, (words, _) in COMMANDS.items()}, "add, creating": create}


def tab(here: World) -> dict[str, Case]:
    """Return the case of a TAB, without the start of the shell, or nothing if git's completion is not installed."""
    bash = ("bash", "--norc", "--noprofile", "-c", BASH, "bash", GIT_COMPLETION, str(COMPLETION))

    def case() -> Sample:
        shell, tabs = here.measure(*bash, "0"), here.measure(*bash, str(TABS))
        return Sample((tabs.wall - shell.wall) / TABS, (tabs.cpu - shell.cpu) / TABS, tabs.peak)

    return {TAB: case} if os.path.isfile(GIT_COMPLETION) else {}


def compiled_cli(here: World, service: Service) -> dict[str, Case]:
    """Return the `git-setup` and the `--version` of the platform's CLI, or nothing if SCALINGO_CLI is not set."""
    program = os.environ.get("SCALINGO_CLI")
    if not program:
        return {}
    address = {"SCALINGO_AUTH_URL": service.url, "SCALINGO_API_TOKEN": "tk-us-benchmark"}
    quiet = {"DISABLE_UPDATE_CHECKER": "true", "DISABLE_INTERACTIVE": "true"}
    run = partial(here.measure, os.path.abspath(program), cwd=here.repository("cli"), **address, **quiet)
    setup = ("--region", REGIONS[0], "--app", APP, "git-setup", "--force")
    return {"compiled CLI, --version": partial(run, "--version"), "compiled CLI, git-setup": partial(run, *setup)}


def measure(here: World, rounds: int) -> None:
    """Measure and print the table."""
    goals = {**{name: goal for name, (_, goal) in COMMANDS.items() if goal}, TAB: TAB_GOAL}
    with serve() as service:
        empty = {"python3 -c pass": here.empty_python}  # measured against itself, it shows the noise
        cases = {**empty, **commands(here), **tab(here), **compiled_cli(here, service)}
        costs = in_turns(here.empty_python, cases, rounds)
    rows = [
        (
            *(name, f"{cost.wall * 1000:.1f}", f"{cost.cpu * 1000:.1f}", f"{cost.wall_ratio:.2f}"),
            *(f"{cost.cpu_ratio:.2f}", f"{cost.low:.2f}-{cost.high:.2f}", f"{goals.get(name, '')}", f"{cost.peak:.0f}"),
        )
        for name, cost in costs.items()
    ]
    table(("start-up", "wall ms", "cpu ms", "x wall", "x cpu", "half of them", "goal", "peak MiB"), *rows)


if __name__ == "__main__":
    main(measure)
