"""What the benchmarks share: an isolated installation of the program, runs measured in pairs, and a table.

The program is installed from this checkout into a virtual environment of its own, with compiled bytecode, as its users
have it. Of the user's settings, the runs see only the ssh configuration. Only pip reaches a network.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]

# The discard port: nothing listens there. A request to the real service would fail.
NOWHERE = "http://127.0.0.1:9"

# Starts a command, waits for it, and prints its seconds, the processor seconds of all its processes, the peak memory of
# the largest in KiB, and its status. It is a process of its own, as small as an empty Python, because the kernel counts
# the memory of the process that starts a command as the command's.
STARTER = """
import os, sys, time
quiet = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
start = time.perf_counter()
_, status, usage = os.wait4(os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet), 0)
print(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
"""

FILL_CACHE = """
import sys, time
from git_scalingo_region.scalingo import builtin, cache
from git_scalingo_region.settings import DEFAULT_SERVICE
cache.Cache(sys.argv[1], DEFAULT_SERVICE).store(builtin.REGIONS, time.time())
"""


class Sample(NamedTuple):
    """The cost of one run: seconds, processor seconds, and peak memory in MiB."""

    wall: float
    cpu: float
    peak: float


Case = Callable[[], Sample]


class World(NamedTuple):
    """A folder with a home and the installed program, and the environment of a user without any settings."""

    root: Path
    environ: dict[str, str]

    def installed(self, name: str) -> str:
        """Return the path of a program of the virtual environment."""
        return str(self.root / "venv" / "bin" / name)

    def execute(self, *argv: str, cwd: Path | None = None) -> str:
        """Run a command that is not measured and return its output."""
        done = subprocess.run(argv, cwd=cwd, env=self.environ, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.strip()

    def repository(self, name: str) -> Path:
        """Create a repository with one commit, and return its folder."""
        path = self.root / name
        self.execute("git", "init", "-q", "-b", "main", str(path))
        author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        self.execute("git", *author, "commit", "-q", "--allow-empty", "-m", "work", cwd=path)
        return path

    def measure(self, *argv: str, cwd: Path | None = None, **variables: str) -> Sample:
        """Run a command, with these variables set as well, and return what it cost; end the benchmark if it fails."""
        starter = [self.installed("python"), "-IS", "-c", STARTER, *argv]
        environ = {**self.environ, **variables}
        done = subprocess.run(starter, cwd=cwd or self.root, env=environ, capture_output=True, text=True, check=True)
        wall, cpu, kibibytes, status = map(float, done.stdout.split())
        if status:
            sys.exit(f"{' '.join(argv)} ended with status {status:.0f}\n{done.stderr}")
        return Sample(wall, cpu, kibibytes / 1024)

    def measure_change(self, before: str, after: str, *argv: str, cwd: Path, **variables: str) -> Sample:
        """Measure a command that changes the configuration of a repository from one text to another."""
        config = cwd / ".git" / "config"
        config.write_text(before)
        sample = self.measure(*argv, cwd=cwd, **variables)
        if config.read_text() != after:
            sys.exit(f"{' '.join(argv)} did not do what it should")
        return sample

    def empty_python(self) -> Sample:
        """Measure the program's Python when it does nothing."""
        return self.measure(self.installed("python"), "-c", "pass")

    def describe(self) -> str:
        """Return what was measured, when, and on which system."""
        version = self.execute(self.installed("python"), "-V")
        system = f"{os.cpu_count()} processors, {platform.system()} {platform.machine()}"
        git = self.execute("git", "version").replace("version ", "")
        return f"{time.strftime('%Y-%m')}, {version}, {git}, {system}, load {os.getloadavg()[0]:.1f}"


@contextlib.contextmanager
def world() -> Iterator[World]:
    """Install the program, with the Python that runs this, into a world that lasts until the `with` block ends."""
    with TemporaryDirectory(prefix="git-scalingo-region-") as folder:
        root = Path(folder)
        (root / "home").mkdir()
        environ = {"PATH": os.environ["PATH"], "HOME": str(root / "home"), "LC_ALL": "C.UTF-8"}
        made = World(root, {**environ, "GIT_CONFIG_NOSYSTEM": "1", "https_proxy": NOWHERE})
        # pip keeps the user's settings, which may name an index. Python's are left out: they could prevent bytecode.
        pip = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        subprocess.run([sys.executable, "-m", "venv", root / "venv"], env=pip, check=True)
        subprocess.run([made.installed("pip"), "install", "-q", ROOT], env=pip, check=True)
        made.execute(made.installed("python"), "-c", FILL_CACHE, str(root / "home/.cache/git-scalingo-region"))
        yield made


class Cost:
    """The median cost of many runs, each paired with a run of the base just before it."""

    def __init__(self, pairs: Sequence[tuple[Sample, Sample]]) -> None:
        """Take the pairs, the base first. `low` and `high` are quartiles: half of the pairs are between them."""
        self.wall, self.cpu, self.peak = (statistics.median(figures) for figures in zip(*(own for _, own in pairs)))
        self.wall_ratio = statistics.median(own.wall / base.wall for base, own in pairs)
        ratios = [own.cpu / base.cpu for base, own in pairs]
        self.low, self.cpu_ratio, self.high = statistics.quantiles(ratios, n=4, method="inclusive")


def in_turns(base: Case, cases: dict[str, Case], rounds: int) -> dict[str, Cost]:
    """Run every case once a round, each just after a run of the base; the first round does not count.

    The machine is equally busy during both runs of a pair, so that their ratio says more than their seconds.
    """
    found = [{name: (base(), case()) for name, case in cases.items()} for _ in range(rounds + 1)]
    return {name: Cost([pairs[name] for pairs in found[1:]]) for name in cases}


def table(*rows: Sequence[str]) -> None:
    """Print rows in aligned columns, the first aligned left, the others right; the first row is the header."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    print()  # noqa: T201 - a benchmark prints
    for first, *others in rows:
        cells = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:])]
        print("  ".join([f"{first:<{widths[0]}}", *cells]).rstrip())  # noqa: T201


def main(*benchmarks: Callable[[World, int], None]) -> None:
    """Run benchmarks, each with the world and the number of rounds."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="how often a run is measured, at least 2 (default: 30)")
    rounds = max(2, parser.parse_args().rounds)
    with world() as here:
        print(here.describe())  # noqa: T201
        for benchmark in benchmarks:
            benchmark(here, rounds)
