"""The repository and its remotes, through GitPython and the user's own `git`.

`git` itself answers every question (GitPython's own reading knows neither `safe.directory` nor global, worktree or
`-c` configuration), and each question is one process. Writing is a compare-and-swap: the new text of a configuration
file is made beside it, read by `git` for proof, and put in place under git's own lock if nothing changed meanwhile.
Whoever reads the file, or kills this program, at any moment finds the old text or the new one.

Owns GitPython. Knows no regions, never prints. Imports `gitconfig` and `errors`.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO, BinaryIO, cast

# Set before the import: without git on PATH, GitPython would print and raise there, rather than where it is used.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

import git
import git.exc

from git_scalingo_region.errors import RepositoryError
from git_scalingo_region.gitconfig import Assignments, Configuration, assigned, parse_listing, values

RETRY_SECONDS = 0.02


class ConfigurationChanged(Exception):
    """The values that a plan was made for are no longer there: read again, and plan again."""


@dataclass(frozen=True)
class Head:
    """The current branch (None: detached), and whether there is a commit to push."""

    branch: str | None
    has_commit: bool


class Repository:
    """The repository of the current folder, as git finds it."""

    def __init__(self) -> None:
        """Find the repository; raise `RepositoryError` with git's own reason where it finds or accepts none."""
        self._git = git.Git()
        # The last line, of ../ alone, leads to the folder that git's relative answers start from.
        self._config_path, _, top = self._ask("rev-parse", "--git-path", "config", "--show-cdup").rpartition("\n")
        self._top = top or "."

    def read(self) -> Configuration:
        """Return the whole configuration that git sees from here."""
        listing = self._ask("config", "--null", "--list", "--show-scope", "--show-origin")
        return Configuration(parse_listing(listing))

    def push_urls(self, remote: str) -> tuple[str, ...]:
        """Return where `git push` really goes, in git's own words."""
        return tuple(self._ask("remote", "get-url", "--push", "--all", remote).splitlines())

    def head(self) -> Head:
        """Return what HEAD is: one question where it is a commit, two where the branch has none yet."""
        status, name, _ = self._run("rev-parse", "--symbolic-full-name", "HEAD")
        if status:
            name = self._run("symbolic-ref", "--quiet", "HEAD")[1]
        return Head(branch=name.removeprefix("refs/heads/") if name != "HEAD" else None, has_commit=status == 0)

    def is_shallow(self) -> bool:
        """Whether the history was cut off when the repository was cloned."""
        return self._ask("rev-parse", "--is-shallow-repository") == "true"

    def is_main_file(self, origin: str) -> bool:
        """Whether an origin is the configuration file that `git remote` and `git config` write to."""
        return os.path.realpath(self.file(origin)) == os.path.realpath(self._config_path)

    def is_private_file(self, origin: str) -> bool:
        """Whether an origin lies in the git directory, so that no other repository is likely to include it."""
        folder = os.path.dirname(os.path.realpath(self._config_path))
        return os.path.commonpath([folder, os.path.realpath(self.file(origin))]) == folder

    def file(self, origin: str) -> str:
        """Return the path of an origin of `git config --show-origin`; of the main configuration file for ""."""
        return os.path.join(self._top, origin.removeprefix("file:")) if origin else self._config_path

    def connect(self, url: str, *, seconds: float) -> tuple[int | None, str]:
        """Try `git ls-remote` with nobody to answer questions; return its status (None: too late) and its stderr."""
        process = self._git.execute(
            ["git", "ls-remote", "--", url],
            as_process=True,
            env={"GIT_TERMINAL_PROMPT": "0", "SSH_ASKPASS_REQUIRE": "never"},
            start_new_session=True,
        )
        assert process.proc is not None  # noqa: S101 - GitPython drops it in its destructor alone
        return _finish(process.proc, seconds)

    def write(
        self,
        origin: str,
        assignments: Assignments,
        expected: Mapping[str, tuple[str, ...]],
        *,
        seconds: float,
    ) -> None:
        """Give each key of one file exactly the values of `assignments`, in one step.

        Raises `ConfigurationChanged` where a key does not hold what is `expected`, and `RepositoryError` where the file
        cannot be written, or stays locked for `seconds`.
        """
        path = os.path.realpath(self.file(origin))  # git, too, writes where a link leads
        deadline = time.monotonic() + seconds
        try:
            while True:
                old = _read(path)
                found = values(old)
                if any(tuple(found.get(key, ())) != old_values for key, old_values in expected.items()):
                    raise ConfigurationChanged
                new = assigned(old, assignments)
                self._prove(found, new, assignments)
                if _swap(path, old, new, deadline):
                    return
        except OSError as error:
            raise RepositoryError(f"cannot write {path}: {error.strerror}") from None

    def _prove(self, before: Mapping[str, list[str]], text: str, assignments: Assignments) -> None:
        """Let git read the new text: it must find what was there, the assignments, and nothing else."""
        wanted = {**before, **{key: list(new) for key, new in assignments.items()}}
        with tempfile.TemporaryFile() as file:
            file.write(_encoded(text))
            file.seek(0)
            listing = self._ask("config", "--file", "-", "--null", "--list", istream=file)
        found: dict[str, list[str]] = {}
        for item in listing.split("\0")[:-1]:
            key, _, value = item.partition("\n")
            found.setdefault(key, []).append(value)
        if _normal(found) != _normal(wanted):
            raise RepositoryError("git reads the configuration file in another way than expected: nothing was changed")

    def _ask(self, *arguments: str, istream: IO[bytes] | None = None) -> str:
        status, output, reason = self._run(*arguments, istream=istream)
        if status:
            raise _refusal(reason)
        return output

    def _run(self, *arguments: str, istream: IO[bytes] | None = None) -> tuple[int, str, str]:
        try:
            status, output, reason = self._git.execute(
                ["git", *arguments],
                istream=cast("BinaryIO", istream),
                with_extended_output=True,
                with_exceptions=False,
                stdout_as_string=False,
            )
        except git.exc.GitCommandNotFound:
            raise RepositoryError("git is not on PATH") from None
        return status, output.decode("utf-8", "surrogateescape"), reason


def _finish(process: subprocess.Popen[bytes], seconds: float) -> tuple[int | None, str]:
    """Wait for a process that leads its own session; when the time is up, end it and its children (git starts ssh)."""
    try:
        reason = process.communicate(timeout=seconds)[1]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None, ""
    return process.returncode, reason.decode("utf-8", "surrogateescape")


def _refusal(reason: str) -> RepositoryError:
    """Return git's own words as one sentence, with what it advises as a hint."""
    first, _, rest = reason.strip().removeprefix("fatal: ").removeprefix("error: ").partition("\n")
    advice = [line.strip() for line in rest.splitlines() if line.startswith("\t")]
    return RepositoryError(f"git says: {first.strip() or 'nothing, but it failed'}", *advice)


def _normal(found: Mapping[str, list[str]]) -> dict[str, list[str]]:
    # git before 2.45 turns each blank inside a value into a space: not a difference.
    return {key: [" ".join(value.split()) for value in items] for key, items in found.items() if items}


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _swap(path: str, old: str, new: str, deadline: float) -> bool:
    """Replace the file's text under git's lock if it is still `old`; tell whether it was."""
    lock = f"{path}.lock"
    descriptor = _take(lock, deadline)
    try:
        with open(descriptor, "wb") as file:
            if _read(path) != old:
                return False
            with contextlib.suppress(FileNotFoundError):
                os.fchmod(descriptor, stat.S_IMODE(os.stat(path).st_mode))
            file.write(_encoded(new))
        os.rename(lock, path)
        lock = ""
    finally:
        if lock:
            os.unlink(lock)
    return True


def _take(lock: str, deadline: float) -> int:
    """Create the lock file as git does, waiting for whoever holds it; a lock is never removed for another process."""
    while True:
        try:
            return os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        except FileExistsError:
            if time.monotonic() > deadline:
                raise RepositoryError(
                    f"the configuration is locked: {lock} exists",
                    "if no git process is running in this repository, remove that file",
                ) from None
        time.sleep(random.uniform(0.5, 1.5) * RETRY_SECONDS)
