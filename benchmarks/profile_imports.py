"""Where the start-up of a verb goes: the time of its imports, by the library that asked for them."""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

from bench import PROGRAM, table, world

# What is imported goes to the library that imports it first, the standard library's modules included.
LIBRARIES = {"git_scalingo_region": "our own", "typer": "typer", "git": "GitPython", "requests": "requests"}
OUR_OWN = LIBRARIES["git_scalingo_region"]
PYTHON = "Python itself"
LINE = re.compile(r"import time: +(\d+) \| +\d+ \| ( *)(\S+)")


class Import(NamedTuple):
    """One module: who asked for it, and the microseconds that it took without the modules that it imported."""

    library: str
    module: str
    microseconds: int


def imports(report: str) -> Iterator[Import]:
    """Read what `-X importtime` prints: a module follows those that it imports, which are indented deeper."""
    above: list[tuple[int, str]] = []
    for time, indent, module in reversed(LINE.findall(report)):
        depth = len(indent)
        while above and above[-1][0] >= depth:
            above.pop()
        library = LIBRARIES.get(module.partition(".")[0]) or (above[-1][1] if above else PYTHON)
        above.append((depth, library))
        yield Import(library, module, int(time))


def profile(words: list[str], runs: int) -> list[Import]:
    """Run a verb several times and return its imports, each with the least time that was seen."""
    least: dict[tuple[str, str], int] = {}
    with world() as here:
        here.fill_cache()
        repository = here.repository("repository")
        for _ in range(runs):
            command = [sys.executable, "-X", "importtime", PROGRAM, *words]
            done = subprocess.run(
                command, cwd=repository, env=here.environ, capture_output=True, text=True, check=False
            )
            if done.returncode:
                sys.exit(LINE.sub("", done.stderr).strip())
            for library, module, time in imports(done.stderr):
                least[library, module] = min(time, least.get((library, module), time))
    return [Import(*key, time) for key, time in least.items()]


def main() -> None:
    """Profile and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("verb", nargs="*", default=["add", "osc-fr1", "myapp"], help="the verb and its arguments")
    arguments = parser.parse_args()
    found = profile(arguments.verb, arguments.runs)
    total = sum(item.microseconds for item in found)
    groups = {item.library: [other for other in found if other.library == item.library] for item in found}
    sums = {library: sum(item.microseconds for item in items) for library, items in groups.items()}
    table(
        (" ".join(arguments.verb), "modules", "ms", "share"),
        *(
            (library, f"{len(groups[library])}", f"{time / 1000:.1f}", f"{time / total:.0%}")
            for library, time in sorted(sums.items(), key=lambda row: -row[1])
        ),
        ("all imports", f"{len(found)}", f"{total / 1000:.1f}", "100%"),
    )
    print()  # noqa: T201 - a benchmark prints
    table(
        ("our own, and what it alone asks for", "ms"),
        *(
            (item.module, f"{item.microseconds / 1000:.1f}")
            for item in sorted(groups[OUR_OWN], key=lambda item: -item.microseconds)[:20]
        ),
    )


if __name__ == "__main__":
    main()
