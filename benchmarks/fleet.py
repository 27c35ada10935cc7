"""A fleet of CI jobs on paper: what 10,000 jobs an hour ask of a service that allows 60 requests a minute.

No network and no clock: the jobs come at random moments of a simulated day, the same ones each time. What is assumed:

- Every job has an API token, so that a list takes two requests: the exchange of the token, then the list.
- The service counts by whole minutes, and `Retry-After` is the rest of the minute. Whether it counts by account or by
  address is not documented: the whole fleet may be one account or stand behind one address (one limit for all), or
  each runner may have an address of its own (a limit for each).
- A refused request is not repeated.
- A kept list is fresh as long as the program's own constant says; after a 429, a runner that keeps a cache asks no more
  until `Retry-After` is over.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bench import table

from git_scalingo_region.settings import CACHE_FRESH_SECONDS

ALLOWED_A_MINUTE = 60
HOUR = 3600.0
REQUESTS_A_LIST = 2


class Job(NamedTuple):
    """When a job starts, in seconds, and on which runner."""

    time: float
    runner: int


class Setup(NamedTuple):
    """How the jobs of a fleet come to a list of regions."""

    name: str
    asks: bool = True
    cached: bool = False
    falls_back: bool = True


SETUPS = (
    Setup("no cache, no fallback", falls_back=False),
    Setup("no cache, falling back to the embedded table"),
    Setup("cache kept between the jobs of a runner", cached=True),
    Setup("--offline, with the embedded table", asks=False),
)


@dataclass
class Service:
    """Counts the requests of each client in each minute."""

    in_minute: Counter[tuple[int, int]] = field(default_factory=Counter)
    requests: int = 0
    refused: int = 0

    def allows(self, client: int, time: float) -> bool:
        """Count one request and return whether it is answered."""
        minute = int(time // 60), client
        self.in_minute[minute] += 1
        self.requests += 1
        answered = self.in_minute[minute] <= ALLOWED_A_MINUTE
        self.refused += not answered
        return answered


class Outcome(NamedTuple):
    """What a day of jobs came to."""

    requests: int
    refused: int
    busiest_minute: int
    failed: int
    fell_back: int


def simulate(setup: Setup, jobs: Sequence[Job], *, one_limit: bool) -> Outcome:
    """Run the jobs one after the other, with one limit for the whole fleet or with one for each runner."""
    service = Service()
    fetched: dict[int, float] = {}
    paused: dict[int, float] = {}
    failed = fell_back = 0
    for job in jobs:
        if not setup.asks or (job.runner in fetched and job.time - fetched[job.runner] < CACHE_FRESH_SECONDS):
            continue
        client = 0 if one_limit else job.runner
        may_ask = job.time >= paused.get(job.runner, 0.0)
        if may_ask and all(service.allows(client, job.time) for _ in range(REQUESTS_A_LIST)):
            if setup.cached:
                fetched[job.runner] = job.time
            continue
        if setup.cached:
            paused[job.runner] = 60 * (job.time // 60 + 1)
        failed += not setup.falls_back
        fell_back += setup.falls_back
    busiest = Counter[int]()
    for (minute, _), count in service.in_minute.items():
        busiest[minute] += count
    return Outcome(service.requests, service.refused, max(busiest.values(), default=0), failed, fell_back)


def main() -> None:
    """Simulate and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10_000, help="jobs an hour")
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--runners", type=int, default=50)
    arguments = parser.parse_args()
    chance = random.Random(5)
    times = sorted(chance.uniform(0, arguments.hours * HOUR) for _ in range(arguments.jobs * arguments.hours))
    jobs = [Job(time, chance.randrange(arguments.runners)) for time in times]
    fleet = f"{len(jobs):,} jobs in {arguments.hours} h, {arguments.runners} runners"
    for one_limit, which in ((True, "one limit for the fleet"), (False, "a limit for each runner")):
        table(
            (f"{fleet}; {which}", "requests", "refused", "most in a minute", "jobs failed", "jobs that fell back"),
            *(
                (setup.name, *(f"{number:,}" for number in simulate(setup, jobs, one_limit=one_limit)))
                for setup in SETUPS
            ),
        )
        print()  # noqa: T201 - a benchmark prints


if __name__ == "__main__":
    main()
