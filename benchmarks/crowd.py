"""A hundred runs at once: with an empty cache and a service that allows 60 requests a minute, and in one repository.

The runs are real processes that start together, so that on few cores each has little time: a run that comes too late
for the service falls back as well.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from bench import PROGRAM, World, table, world

from git_scalingo_region.scalingo import builtin as embedded

ALLOWED_A_MINUTE = 60
URL = "ssh://git@ssh.osc-fr1.scalingo.com:22/{}.git"


# --- the service -----------------------------------------------------------------------------------------------------


@dataclass
class Service:
    """A service on loopback that counts by the minute, from its first request on."""

    url: str = ""
    asked: int = 0
    refused: int = 0
    started: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)
    in_minute: Counter[int] = field(default_factory=Counter)

    def seconds_to_wait(self) -> int:
        """Count a request; return 0, or how long it has to wait."""
        with self.lock:
            minute, seconds = divmod(int(time.monotonic() - self.started), 60)
            self.asked += 1
            self.in_minute[minute] += 1
            if self.in_minute[minute] <= ALLOWED_A_MINUTE:
                return 0
            self.refused += 1
            return 60 - seconds


@contextlib.contextmanager
def service() -> Iterator[Service]:
    """Run a service until the end of the `with` block."""
    running = Service()
    regions = json.dumps({"regions": [region.to_json() for region in embedded.REGIONS]}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wait = running.seconds_to_wait()
            body = b"Retry later" if wait else regions
            self.send_response(429 if wait else 200)
            self.send_header("Content-Length", str(len(body)))
            if wait:
                self.send_header("Retry-After", str(wait))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *arguments: Any) -> None:
            pass  # a run that gave up waiting has closed its connection

    with Server(("127.0.0.1", 0), Handler) as server:
        running.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield running
        server.shutdown()


# --- the crowd -------------------------------------------------------------------------------------------------------


class Run(NamedTuple):
    """One of the crowd: a command, where, and in which environment."""

    argv: Sequence[str]
    cwd: Path
    environ: dict[str, str]


def together(runs: Sequence[Run]) -> list[tuple[int, str]]:
    """Start all runs at the same moment and return the status and the stdout of each."""
    # Each waits for the end of its input, which comes to all of them when the pipe is closed.
    wait = ["sh", "-c", 'read -r _; exec "$@"', "sh"]
    gate, gatekeeper = os.pipe()
    processes = [
        subprocess.Popen(
            [*wait, *run.argv],
            cwd=run.cwd,
            env=run.environ,
            stdin=gate,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for run in runs
    ]
    os.close(gate)
    os.close(gatekeeper)
    outputs = [process.communicate()[0] for process in processes]
    return [(process.returncode, output) for process, output in zip(processes, outputs)]


def urls(here: World, repository: Path) -> dict[str, str]:
    """Return the url of every remote that is whole: one with a refspec to fetch."""
    listing = ["git", "config", "--get-regexp", r"^remote\..*\.(url|fetch)$"]
    done = subprocess.run(listing, cwd=repository, env=here.environ, capture_output=True, text=True, check=False)
    values = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    names = [key.removesuffix(".fetch") for key in values if key.endswith(".fetch")]
    return {name.removeprefix("remote."): values[f"{name}.url"] for name in names if f"{name}.url" in values}


# --- an empty cache and a service with a limit -----------------------------------------------------------------------


def fetching(here: World, name: str, environs: list[dict[str, str]]) -> tuple[str, ...]:
    """Let a run in each environment add a remote in a repository of its own, and return the row of the table."""
    repositories = [here.repository(f"{name}-{n}") for n in range(len(environs))]
    with service() as running:
        results = together(
            [
                Run([PROGRAM, "add", "osc-fr1", "myapp", "--json"], repository, {**e, "SCALINGO_AUTH_URL": running.url})
                for repository, e in zip(repositories, environs)
            ]
        )
    right = [urls(here, repository) == {"scalingo": URL.format("myapp")} for repository in repositories]
    sources = Counter(json.loads(stdout)["list_source"] for status, stdout in results if status == 0)
    lists = ", ".join(f"{source} {count}" for source, count in sorted(sources.items()))
    failures = sum(status != 0 for status, _ in results)
    numbers = (len(results), running.asked, running.refused, failures, sum(right))
    return (name, *map(str, numbers), lists)


def machines(here: World, runs: int) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Yield the set-ups: a name, and the environment of each run."""
    homeless = {name: value for name, value in here.environ.items() if name != "HOME"}
    yield "one machine", [here.environ] * runs
    yield "one machine, no HOME", [homeless] * runs
    homes = [here.root / f"home-{n}" for n in range(runs)]
    for home in homes:
        home.mkdir()
    yield f"{runs} machines, one address", [{**here.environ, "HOME": str(home)} for home in homes]


# --- one repository --------------------------------------------------------------------------------------------------


def writing(here: World, name: str, argv: Sequence[str], runs: int, rounds: int) -> tuple[str, ...]:
    """Let runs add remotes of different names to one repository, several times; return the worst as a table's row."""
    found = []
    for number in range(rounds):
        repository = here.repository(f"{name.replace(' ', '-')}-{runs}-{number}")
        crowd = [[word.format(n=n, url=URL.format(f"app-{n}")) for word in argv] for n in range(runs)]
        results = together([Run(command, repository, here.environ) for command in crowd])
        wanted = {f"r{n}": URL.format(f"app-{n}") for n in range(runs)}
        there = urls(here, repository).items() & wanted.items()
        found.append((len(there), sum(status != 0 for status, _ in results)))
    fewest, failed = min(found)
    return name, *map(str, (runs, failed, fewest, runs - fewest))


def main() -> None:
    """Run the crowds and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with world() as here:
        rows = [fetching(here, name, environs) for name, environs in machines(here, arguments.runs)]
        table(("empty cache", "runs", "requests", "refused", "failures", "right remote", "list"), *rows)
        print()  # noqa: T201 - a benchmark prints
        here.fill_cache()
        ours = [PROGRAM, "add", "osc-fr1", "app-{n}", "-r", "r{n}", "-q"]
        gits = ["git", "remote", "add", "r{n}", "{url}"]
        rows = [
            writing(here, name, argv, runs, arguments.rounds)
            for name, argv in (("git remote add", gits), ("git scalingo-region add", ours))
            for runs in sorted({20, arguments.runs})
        ]
        table(("one repository", "runs", "failures", "remotes there", "lost"), *rows)


if __name__ == "__main__":
    main()
