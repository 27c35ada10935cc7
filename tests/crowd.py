"""Run the program many times at once, or kill it at each of its steps, without the cost of starting Python each time.

`python crowd.py crowd` and `python crowd.py kill` read JSON from standard input and write JSON. Both import the program
once and fork a process a run.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

# What a run does to the world: files, processes, locks. A kill before each of these is a kill at any moment.
STEPS = ("open", "os.", "fcntl.", "subprocess.Popen", "tempfile.")


def crowd(runs: list[list[str]]) -> list[tuple[int, str, str]]:
    """Start all runs together and return of each the exit status, stdout and stderr."""
    gate_read, gate_write = os.pipe()
    children = []
    for arguments in runs:
        files: list[IO[bytes]] = [TemporaryFile() for _ in range(2)]  # noqa: SIM115 - read after the child has ended
        pid = os.fork()
        if pid == 0:
            os.close(gate_write)
            os.dup2(files[0].fileno(), 1)
            os.dup2(files[1].fileno(), 2)
            os.read(gate_read, 1)
            os._exit(run(arguments))
        children.append((pid, files))
    os.close(gate_write)  # opens the gate: every child reads the end of the file
    return [(wait(pid), *map(text_of, files)) for pid, files in children]


def text_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def wait(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run(arguments: list[str]) -> int:
    from git_scalingo_region.cli import run as cli
    from git_scalingo_region.commands import changes

    changes.LOCK_SECONDS = 120  # a hundred runs share however few processors there are
    try:
        status = int(cli.run(arguments))
    except BaseException:  # noqa: BLE001 - the parent's stack must not be unwound here
        sys.excepthook(*sys.exc_info())
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def kill(arguments: list[str], file: Path, old: str | None) -> list[tuple[int, str | None, list[str]]]:
    """Run once for each step, killed there, until a run lives to its end.

    Before each run the file is put back to `old` (None: removed) and what was left beside it is removed. Returns of
    each run the exit status, the file's text, and the names beside it.
    """
    results = []
    for step in range(1, 10_000):
        for leftover in file.parent.glob(f"{file.name}.*"):
            leftover.unlink()
        file.unlink(missing_ok=True)
        if old is not None:
            file.write_text(old)
        pid = os.fork()
        if pid == 0:
            sys.addaudithook(killer(step))
            os._exit(run(arguments))
        status = wait(pid)
        text = file.read_text() if file.exists() else None
        results.append((status, text, sorted(path.name for path in file.parent.glob(f"{file.name}.*"))))
        if status >= 0:
            return results
    raise AssertionError


def killer(step: int) -> Any:
    seen = 0

    def hook(event: str, _: Any) -> None:
        nonlocal seen
        if event.startswith(STEPS):
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


def main() -> None:
    task = json.load(sys.stdin)
    output = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if sys.argv[1] == "crowd":
        result: Any = crowd(task["runs"])
    else:
        result = kill(task["arguments"], Path(task["file"]), task["old"])
    with open(output, "w", encoding="utf-8") as file:
        json.dump(result, file)


if __name__ == "__main__":
    # What the runs would import each for itself is imported once, before the forks.
    import hashlib  # noqa: F401

    main()
