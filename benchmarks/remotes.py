"""What remotes cost: `setup` and `sync` of 1 to 1,000, and the loop of `git remote add` that `setup` replaces."""

from __future__ import annotations

from functools import partial

from bench import Case, World, in_turns, main, table

COUNTS = {1: 1, 10: 1, 100: 3, 1_000: 15}  # the number of remotes, and the divisor of the rounds

DECLARED = '[remote "app-{0}"]\n\tapp = app-{0}\n\tregion = osc-fr1\n'
URL = "ssh://git@ssh.osc-fr1.scalingo.com:{1}/app-{0}.git"
REMOTE = '[remote "app-{0}"]\n\turl = ' + URL + "\n\tfetch = +refs/heads/*:refs/remotes/app-{0}/*\n"
PORT, FORMER_PORT = 22, 2200  # a remote with the former port is stale
LOOP = 'for n in $(seq "$1"); do git remote add "app-$n" "' + URL.format("$n", PORT) + '"; done'


def cases(here: World, count: int) -> dict[str, Case]:
    """Return what is measured with that many remotes, by name."""
    repository, numbers = here.repository(f"with-{count}"), range(1, count + 1)
    (repository / ".gitscalingo").write_text("".join(map(DECLARED.format, numbers)))
    empty = (repository / ".git" / "config").read_text()
    stale, current = (
        empty + "".join(REMOTE.format(number, port) for number in numbers) for port in (FORMER_PORT, PORT)
    )
    run, program = partial(here.measure_change, cwd=repository), here.installed("git-scalingo-region")
    return {
        "setup": partial(run, empty, current, program, "setup"),
        "setup, nothing to change": partial(run, current, current, program, "setup"),
        "sync": partial(run, stale, current, program, "sync"),
        "sync, nothing to change": partial(run, current, current, program, "sync"),
        "loop of git remote add": partial(run, empty, current, "sh", "-c", LOOP, "sh", str(count)),
    }


def measure(here: World, rounds: int) -> None:
    """Measure and print the table."""
    costs = {
        count: in_turns(here.empty_python, cases(here, count), max(2, rounds // divisor))
        for count, divisor in COUNTS.items()
    }
    rows = [
        (
            *(name, f"{count}", f"{cost.wall * 1000:.0f}", f"{cost.cpu * 1000:.0f}", f"{cost.cpu_ratio:.1f}"),
            *(f"{cost.wall * 1000 / count:.1f}", f"{cost.cpu * 1000 / count:.1f}"),
        )
        for name in costs[1]
        for count, cost in ((count, found[name]) for count, found in costs.items())
    ]
    table(("", "remotes", "wall ms", "cpu ms", "x cpu", "wall ms each", "cpu ms each"), *rows)


if __name__ == "__main__":
    main(measure)
