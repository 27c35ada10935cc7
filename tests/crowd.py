"""Run the program, or change remotes, many times at once or killed at each step, and start Python only once.

`python crowd.py crowd` and `python crowd.py kill` read JSON from standard input and write JSON. Both import everything
once and fork a process for each run. A run is either a list of the program's arguments, or an object of the form
`{"remotes": [[REMOTE, APP], ...]}`, which adds these remotes in one step, as the commands do, but without a command
line or a network.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

# The audit events of files, processes and locks. A run that is killed before each of them is killed at every moment.
STEPS = ("open", "os.", "fcntl.", "subprocess.Popen", "tempfile.")
MANY_SECONDS = 120  # a hundred runs may have to share one processor


def crowd(runs: list[Any]) -> list[tuple[int, str, str]]:
    """Start all runs together, and return the exit status, stdout and stderr of each."""
    gate_read, gate_write = os.pipe()
    children = []
    for task in runs:
        files: list[IO[bytes]] = [TemporaryFile() for _ in range(2)]  # noqa: SIM115 - read after the child has ended
        pid = os.fork()
        if pid == 0:
            os.close(gate_write)
            os.dup2(files[0].fileno(), 1)
            os.dup2(files[1].fileno(), 2)
            os.read(gate_read, 1)
            os._exit(run(task))
        children.append((pid, files))
    os.close(gate_write)  # opens the gate: every child reads the end of the file
    return [(wait(pid), text_of(out), text_of(err)) for pid, (out, err) in children]


def text_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def wait(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def run(task: Any) -> int:
    try:
        status = add_remotes(task["remotes"]) if isinstance(task, dict) else run_program(task)
    except BaseException:  # noqa: BLE001 - the parent's stack must not be unwound here
        sys.excepthook(*sys.exc_info())
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    return status


def run_program(arguments: list[str]) -> int:
    from git_scalingo_region.cli import run as cli
    from git_scalingo_region.repository import changes

    vars(changes)["LOCK_SECONDS"] = MANY_SECONDS
    return int(cli.run(arguments))


def add_remotes(remotes: list[tuple[str, str]]) -> int:
    from git_scalingo_region.model import Platform
    from git_scalingo_region.repository import changes
    from git_scalingo_region.repository.git import Repository
    from git_scalingo_region.repository.plan import Examiner, plan_add
    from git_scalingo_region.scalingo.builtin import REGIONS

    def decide(now: Any) -> list[Any]:
        examiner = Examiner(now, Platform(REGIONS, "scalingo.com", {}), {item.name: item for item in REGIONS}.get)
        return [plan_add(now.remote(name), REGIONS[0].remote_url(app), examiner) for name, app in remotes]

    repository = Repository()
    plans = changes.carry_out(repository, repository.read(), decide, dry_run=False)
    print(*(plan.outcome.value for plan in plans))  # noqa: T201
    return 0


def kill(task: Any, files: list[Path], old: list[str | None]) -> list[tuple[int, list[str | None], list[str]]]:
    """Run once for each step, and kill the run before that step, until a run reaches its end.

    Before each run, every file gets its `old` text back (None: it is removed), and files left beside it are removed.
    Return the exit status of each run, the texts of the files, and the names of the files left beside them.
    """
    results = []
    for step in range(1, 10_000):
        for leftover in beside(files):
            leftover.unlink(missing_ok=True)
        for file, text in zip(files, old):
            file.unlink(missing_ok=True)
            if text is not None:
                file.write_text(text)
        pid = os.fork()
        if pid == 0:
            sys.addaudithook(killer(step))
            os._exit(run(task))
        status = wait(pid)
        texts = [file.read_text() if file.exists() else None for file in files]
        results.append((status, texts, sorted(path.name for path in beside(files))))
        if status >= 0:
            return results
    raise AssertionError


def beside(files: list[Path]) -> list[Path]:
    return [path for file in files for path in file.parent.glob(f"{file.name}.*")]


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
        result = kill(task["run"], [Path(file) for file in task["files"]], task["old"])
    with open(output, "w", encoding="utf-8") as file:
        json.dump(result, file)


if __name__ == "__main__":
    # Import once, before the forks, what every run would otherwise import for itself.
    os.environ["GIT_PYTHON_REFRESH"] = "quiet"
    for name in (
        "git",
        "requests",
        "hashlib",
        *(f"git_scalingo_region.commands.{name}" for name in ("add", "list", "trust")),
    ):
        importlib.import_module(name)
    main()
