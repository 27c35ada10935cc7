"""Changes to the configuration: planned, edited by git in a copy, and put in place under git's own lock.

At any moment, even if this program is killed, each file holds either the old text or the new one. git itself, run
by GitPython, edits the copy, so that nothing else has to read or write git's format.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from git_scalingo_region import signals
from git_scalingo_region.errors import RepositoryError
from git_scalingo_region.repository.configuration import VALUELESS, Configuration, parse_items
from git_scalingo_region.repository.git import Repository, execute, gitpython, reason_of
from git_scalingo_region.repository.plan import Change, Plan
from git_scalingo_region.settings import LOCK_SECONDS

_RETRY_SECONDS = 0.02

Decide = Callable[[Configuration], Sequence[Plan]]


def carry_out(repository: Repository, configuration: Configuration, decide: Decide, *, dry_run: bool) -> Sequence[Plan]:
    """Make the plans, carry out all their changes in one step, and return the plans; a dry run only plans.

    The plans are made again under the locks, since another process may have changed the configuration meanwhile.

    Raises what `decide` raises, and `RepositoryError` if git refuses a remote, or if a file cannot be written, stays
    locked, or is read by git more than once.
    """
    plans = decide(configuration)
    edited = [change for plan in plans for change in plan.changes]
    if edited and not any(value is VALUELESS for change in edited for value in change.old):
        repository.check_remotes()  # before anything is written
    while not dry_run and (paths := sorted(_by_path(repository, plans))):  # the same order in all runs: no deadlock
        gitpython()  # it is slow to load: do that before taking the locks
        with _locked(paths):
            configuration = repository.read()
            plans = decide(configuration)
            changes = _by_path(repository, plans)
            if changes.keys() <= set(paths):
                _edit_all(repository, configuration, changes)
                break
    return plans


def write_values(path: str, values: Mapping[str, str]) -> None:
    """Set each key to a single value, all in one step, in a file in git's format; leave the rest of the file as it is.

    Raises `RepositoryError` as `carry_out` does.
    """
    gitpython()
    with _locked([path]), _copies([path]) as copies:
        for key, value in values.items():
            _run(copies[path], "--replace-all", key, value)


def _by_path(repository: Repository, plans: Iterable[Plan]) -> dict[str, list[Change]]:
    """Return the changes grouped by the real path of their file."""
    changes: dict[str, list[Change]] = {}
    for plan in plans:
        for change in plan.changes:
            changes.setdefault(repository.real_path(change.origin), []).append(change)
    return changes


def _edit_all(repository: Repository, configuration: Configuration, changes: Mapping[str, Sequence[Change]]) -> None:
    """Edit copies of all files, then put all of them in place.

    Refuse a file that git reads more than once, because each of its values would be in force twice.
    """
    counted: dict[str, list[tuple[str, str]]] = {}
    for entry in configuration.listed:
        counted.setdefault(repository.real_path(entry.origin), []).append((entry.key, entry.value))
    with _copies(changes) as copies:
        for path, copy in copies.items():
            if parse_items(_run(copy, "--null", "--list")) != counted.get(path, []):
                raise RepositoryError(f"git reads {path} more than once: include it only once")
            for change in changes[path]:
                _edit(copy, change)


def _edit(copy: str, change: Change) -> None:
    """Let git set the new values of a key, in order: the first one replaces the old values, unless all of them stay."""
    kept = len(change.old) if change.new[: len(change.old)] == change.old else 0
    if change.old and not change.new:
        _run(copy, "--unset-all", change.key)
    elif change.old and not kept:
        _run(copy, "--replace-all", change.key, change.new[0])
        kept = 1
    for value in change.new[kept:]:
        _run(copy, "--add", change.key, value)


def _run(file: str, *arguments: str) -> str:
    signals.check()  # there can be very many edits, so a run that was told to end stops between two of them
    answer = execute("config", "--file", file, *arguments, trace_words=5)
    if answer.status:
        raise RepositoryError(f"git cannot edit its configuration: {reason_of(answer.error)}")
    return answer.output


@contextlib.contextmanager
def _copies(paths: Iterable[str]) -> Iterator[Mapping[str, str]]:
    """Yield the path of a copy of each file; at the end, replace the files with the copies."""
    with contextlib.ExitStack() as stack:
        copies = {path: stack.enter_context(_copy(path)) for path in paths}
        yield copies
        for path, copy in copies.items():
            os.rename(copy, path)


@contextlib.contextmanager
def _copy(path: str) -> Iterator[str]:
    """Yield the path of a copy beside the file, with the same mode; remove it at the end, unless it was renamed."""
    copy = f"{path}.{os.getpid()}-{os.urandom(4).hex()}"
    try:
        descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        with open(descriptor, "wb") as copied, contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
            os.chmod(copy, os.fstat(file.fileno()).st_mode & 0o7777)
            copied.write(file.read())
        yield copy
    except OSError as error:
        raise RepositoryError(f"cannot write {path}: {error.strerror}") from None
    finally:
        _remove(copy)


@contextlib.contextmanager
def _locked(paths: Iterable[str]) -> Iterator[None]:
    """Hold git's locks on the files; hold back signals that arrive meanwhile until it is safe to stop."""
    with signals.deferred(), contextlib.ExitStack() as stack:
        for path in paths:
            _take(f"{path}.lock", path)
            stack.callback(_remove, f"{path}.lock")
        yield


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def _take(lock: str, path: str) -> None:
    """Create the lock file as git does; wait while another process holds the lock, but never remove its lock file.

    Raises `RepositoryError` once neither the file nor its lock has changed for `LOCK_SECONDS`: as long as other runs
    make progress, it is worth waiting for them.
    """
    seen, deadline = (_version(path), _version(lock)), time.monotonic() + LOCK_SECONDS
    while True:
        try:
            os.close(os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
        except FileExistsError:
            signals.check()
        except OSError as error:
            raise RepositoryError(f"cannot write {path}: {error.strerror}") from None
        else:
            return
        if (now := (_version(path), _version(lock))) != seen:
            seen, deadline = now, time.monotonic() + LOCK_SECONDS
        if time.monotonic() > deadline:
            raise RepositoryError(
                f"the configuration is locked: {lock} exists",
                "if no git process is running in this repository, remove that file",
            )
        time.sleep(_RETRY_SECONDS * (0.5 + os.urandom(1)[0] / 255))  # random: runs must not retry all at once


def _version(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns
