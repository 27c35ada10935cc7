"""What a remote costs in a repository that has many: `status` and `sync` at 10 to 10,000 remotes, all of them stale."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench import PROGRAM, Cost, Sample, World, in_turns, measure, table, world

COUNTS = (0, 10, 100, 1_000, 10_000)
PROBLEM = 7  # what `status` says of stale remotes
STATUS, DRY_RUN, SYNC = "status", "sync --dry-run", "sync"
GIT_LIST, GIT_SET = "git remote -v", "git remote set-url"

# As the platform's hosts were named in former times.
STALE = '[remote "app-{0}"]\n\turl = git@scalingo.com:app-{0}.git\n\tfetch = +refs/heads/*:refs/remotes/app-{0}/*\n'
SYNCED = "ssh://git@ssh.osc-fr1.scalingo.com:22/"


def cases(here: World, count: int) -> dict[str, Callable[[], Sample]]:
    """Return what is measured in a repository with that many remotes, by name."""
    repository = here.repository(f"with-{count}")
    config = repository / ".git" / "config"
    stale = config.read_text() + "".join(map(STALE.format, range(count)))
    config.write_text(stale)
    run = partial(measure, cwd=repository, environ=here.environ)
    found: dict[str, Callable[[], Sample]] = {
        STATUS: partial(run, [PROGRAM, "status"], statuses=(PROBLEM if count else 0,)),
        DRY_RUN: partial(run, [PROGRAM, "sync", "--dry-run"]),
        SYNC: partial(sync, run, config, stale, count),
        GIT_LIST: partial(run, ["git", "remote", "-v"]),
    }
    if count:
        # The url that is there already: the configuration stays stale, and git writes it all the same.
        found[GIT_SET] = partial(run, ["git", "remote", "set-url", "app-0", "git@scalingo.com:app-0.git"])
    return found


def sync(run: Callable[..., Sample], config: Path, stale: str, count: int) -> Sample:
    """Measure `sync`, see that every remote is at its region's endpoint, and make all of them stale again."""
    sample = run([PROGRAM, "sync"])
    if config.read_text().count(f"url = {SYNCED}") != count:
        raise SystemExit("sync left stale remotes")
    config.write_text(stale)
    return sample


def row(name: str, count: int, cost: Cost, none: Cost | None) -> tuple[str, ...]:
    """Return a row of the table; a remote's cost is what the remotes add to a run in a repository without any."""
    each = ""
    if none and count:
        # The minima: of two medians on a busy machine the difference says little.
        added = cost.minimum - none.minimum
        each = f"{added / count * 1e6:.0f}" if added > none.median - none.minimum else "noise"
    return name, f"{count}", f"{cost.median * 1000:.0f}", f"{cost.minimum * 1000:.0f}", each, f"{cost.peak:.0f}"


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    with world() as here:
        here.fill_cache()
        found = {(name, count): case for count in COUNTS for name, case in cases(here, count).items()}
        costs = in_turns(found, rounds)
    table(
        ("", "remotes", "median ms", "min ms", "us a remote", "peak MiB"),
        *(
            row(name, count, costs[name, count], costs.get((name, 0)))
            for name in (STATUS, DRY_RUN, SYNC, GIT_LIST, GIT_SET)
            for count in COUNTS
            if (name, count) in costs
        ),
    )
    print()  # noqa: T201 - a benchmark prints
    table(
        ("to change all of them", "sync, s", f"N x {GIT_SET}, s", "times"),
        *(
            (f"{count}", f"{ours:.2f}", f"{count * each:.2f}", f"{count * each / ours:.1f}")
            for count in COUNTS[1:]
            for ours, each in [(costs[SYNC, count].minimum, costs[GIT_SET, count].minimum)]
        ),
    )


if __name__ == "__main__":
    main()
