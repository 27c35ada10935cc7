"""What it costs to look up the app: an `add` that creates a remote, with a token and a slow service."""

from __future__ import annotations

import re
import shutil
import statistics

from bench import Case, Sample, World, in_turns, main, table
from service import APP, REGIONS, Service, serve

DELAYS = (0, 25, 100)  # ms for each request
TOKEN = "tk-us-benchmark"  # noqa: S105 - not a real token


class Creation:
    """An `add` that creates a remote, with the number of its requests and the time that it waited for the answers."""

    def __init__(
        self, here: World, service: Service, *, token: str = TOKEN, cached: bool = True, delay: int = 0
    ) -> None:
        """Make a repository, and a cache that holds the region list."""
        self._here, self._service, self._cached, self._delay = here, service, cached, delay / 1000
        self._repository = here.repository(f"lookup-{token}-{cached}-{delay}")
        self._config = (self._repository / ".git" / "config").read_text()
        self._cache, self._trace = self._repository / "cache", self._repository / "trace"
        places = {"XDG_CACHE_HOME": str(self._cache), "GIT_TRACE": str(self._trace)}
        self._environ = {"SCALINGO_AUTH_URL": service.url, "SCALINGO_API_TOKEN": token, **places}
        self._run("list")
        self.requests = 0
        self.waits: list[float] = []

    def _run(self, *words: str) -> Sample:
        program = self._here.installed("git-scalingo-region")
        return self._here.measure(program, *words, cwd=self._repository, **self._environ)

    def __call__(self) -> Sample:
        """Measure one run."""
        (self._repository / ".git" / "config").write_text(self._config)
        self._trace.unlink()
        if not self._cached:
            shutil.rmtree(self._cache)
        self._service.delay, self._service.requests = self._delay, 0
        sample = self._run("add", REGIONS[0], APP)
        self.requests = self._service.requests
        self.waits.append(sum(map(float, re.findall(r"network: ([\d.]+) s", self._trace.read_text()))))
        return sample


def measure(here: World, rounds: int) -> None:
    """Measure and print the table."""
    with serve() as service:
        base = Creation(here, service, token="")
        creations = {"no token, no look-up": Creation(here, service, token="", delay=1)}
        for name, cached in (("list cached", True), ("nothing cached", False)):
            ways = {f"{name}, {delay} ms": Creation(here, service, cached=cached, delay=delay) for delay in DELAYS}
            creations.update(ways)
        cases: dict[str, Case] = {**creations}
        costs = in_turns(base, cases, rounds)
    rows = []
    for name, cost in costs.items():
        waiting = statistics.median(creations[name].waits[1:])
        figures = f"{cost.wall * 1000:.0f}", f"{cost.cpu * 1000:.0f}", f"{cost.cpu_ratio:.2f}"
        rows.append(
            (name, str(creations[name].requests), *figures, f"{waiting * 1000:.0f}", f"{waiting / cost.wall:.0%}")
        )
    table(("add, creating", "requests", "wall ms", "cpu ms", "x cpu", "waiting ms", "share"), *rows)


if __name__ == "__main__":
    main(measure)
