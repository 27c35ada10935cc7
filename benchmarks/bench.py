"""What the benchmarks share: a world of their own, one measured run of a command, many in turns, and a table.

Nothing of the user's leaks in, and nothing reaches a network: the service's address is a closed port of this machine.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeVar

from git_scalingo_region.scalingo import builtin as embedded
from git_scalingo_region.scalingo.cache import Cache

Name = TypeVar("Name")

# The installed console script, as a user's shell runs it.
PROGRAM = str(Path(sys.executable).with_name("git-scalingo-region"))

AUTHOR = ("-c", "user.name=A", "-c", "user.email=a@example.org")

# The discard port: nothing listens there.
NO_SERVICE = "http://127.0.0.1:9"

# Starts a command, waits for it, and says how long it took (nanoseconds), its status, and its peak memory (KiB). A
# process of its own: Linux counts the memory of the process that starts a command as the command's, so it has to be
# as small as an empty Python.
STARTER = """
import os, sys, time
quiet = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
start = time.perf_counter_ns()
_, status, usage = os.wait4(os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=quiet), 0)
print(time.perf_counter_ns() - start, os.waitstatus_to_exitcode(status), usage.ru_maxrss)
"""


class World(NamedTuple):
    """A folder with a home, and the environment of a user who has nothing else."""

    root: Path
    environ: dict[str, str]

    @property
    def home(self) -> Path:
        """The home folder."""
        return self.root / "home"

    def repository(self, name: str) -> Path:
        """Make a repository with one commit, and return its folder."""
        path = self.root / name
        git = ["git", "-C", str(path), *AUTHOR]
        for command in (
            ["git", "init", "-q", "-b", "main", str(path)],
            [*git, "commit", "-q", "--allow-empty", "-m", "work"],
        ):
            subprocess.run(command, env=self.environ, check=True)
        return path

    def fill_cache(self) -> None:
        """Keep the regions as if they had just been fetched."""
        Cache(str(self.home / ".cache" / "git-scalingo-region"), NO_SERVICE).store(embedded.REGIONS, time.time())


@contextlib.contextmanager
def world() -> Iterator[World]:
    """Make a world that is gone at the end of the `with` block."""
    if not os.access(PROGRAM, os.X_OK):
        sys.exit(f"there is no {PROGRAM}: run this with the Python of a virtual environment that has the package")
    with TemporaryDirectory(prefix="git-scalingo-region-") as folder:
        root = Path(folder)
        (root / "home").mkdir()
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(root / "home"),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "SCALINGO_AUTH_URL": NO_SERVICE,
        }
        yield World(root, environ)


class Sample(NamedTuple):
    """What one run cost: seconds, and the peak memory of its largest process in MiB."""

    seconds: float
    peak: float


def measure(argv: Sequence[str], cwd: Path, environ: dict[str, str], *, statuses: Collection[int] = (0,)) -> Sample:
    """Run a command and return what it cost; end the benchmark where it fails."""
    starter = [sys.executable, "-IS", "-c", STARTER, *argv]
    done = subprocess.run(starter, cwd=cwd, env=environ, capture_output=True, text=True, check=True)
    nanoseconds, status, kibibytes = map(int, done.stdout.split())
    if status not in statuses:
        sys.exit(f"{' '.join(argv)} ended with status {status}\n{done.stderr}")
    return Sample(nanoseconds / 1e9, kibibytes / 1024)


class Cost(NamedTuple):
    """What many runs of one command cost."""

    median: float
    minimum: float
    peak: float

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Cost:
        """Sum the runs up."""
        seconds = sorted(sample.seconds for sample in samples)
        return cls(seconds[len(seconds) // 2], seconds[0], max(sample.peak for sample in samples))


def in_turns(cases: dict[Name, Callable[[], Sample]], rounds: int) -> dict[Name, Cost]:
    """Run every case once a round, after a round that does not count, so that a busy moment meets all of them alike."""
    samples: dict[Name, list[Sample]] = {name: [] for name in cases}
    for number in range(rounds + 1):
        for name, case in cases.items():
            sample = case()
            if number:
                samples[name].append(sample)
    return {name: Cost.of(found) for name, found in samples.items()}


def table(*rows: Sequence[str]) -> None:
    """Print rows in aligned columns, the first to the left, the others to the right; the first row is the header."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        first, *others = (f"{cell:>{width}}" for cell, width in zip(row, widths))
        print("  ".join([f"{first.strip():<{widths[0]}}", *others]).rstrip())  # noqa: T201 - a benchmark prints
