"""The repository and its remotes, through GitPython and the user's own `git`.

`git` itself answers every question (GitPython's own reading knows neither `safe.directory` nor global, worktree or
`-c` configuration), and each question is one process. Writing is a compare-and-swap: the new text of a configuration
file is made beside it, read by `git` for proof, and put in place under git's own lock if nothing changed meanwhile.
Whoever reads the file, or kills this program, at any moment finds the old text or the new one.

Owns GitPython. Knows no regions, never prints. Imports `gitconfig`, `configfile` and `errors`.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, BinaryIO, NamedTuple, cast

# Set before the import: without git on PATH, GitPython would print and raise there, rather than where it is used.
os.environ["GIT_PYTHON_REFRESH"] = "quiet"

import git
import git.exc

from git_scalingo_region.errors import RepositoryError
from git_scalingo_region.repository.configuration import LISTING, Configuration, parse_listing, parse_values, reason_of

if TYPE_CHECKING:
    from git_scalingo_region.repository.configfile import Assignments

RETRY_SECONDS = 0.02
# Any of the paths may hold a newline; outside a work tree the last of the three answers is none that we need.
_PLACES = re.compile(r"(.*)\n(?:true\n((?:\.\./)*)|false(?:\n.*)?)\Z", re.DOTALL)


class ConfigurationChanged(Exception):
    """The values that a plan was made for are no longer there: read again, and plan again."""


class Head(NamedTuple):
    """The current branch (None: detached), and whether there is a commit to push."""

    branch: str | None
    has_commit: bool


class Edit(NamedTuple):
    """What keys of one file shall hold, and what they are expected to hold before."""

    assignments: Assignments
    expected: Mapping[str, tuple[str, ...]]


class Repository:
    """The repository of the current folder, as git finds it."""

    def __init__(self) -> None:
        """Find the repository; raise `RepositoryError` with git's own reason where it finds or accepts none."""
        # With it, git config would read another file than git remote and git push do.
        os.environ.pop("GIT_CONFIG", None)
        self._git = git.Git()
        places = self._ask("rev-parse", "--git-path", "config", "--is-inside-work-tree", "--show-cdup")
        # Inside a work tree git goes to its top before anything else, and its relative answers start from there.
        self._config_path, self._top = _PLACES.findall(places)[0]
        self._real_paths: dict[str, str] = {}

    def read(self) -> Configuration:
        """Return the whole configuration that git sees from here."""
        return Configuration(parse_listing(self._ask(*LISTING)))

    def push_urls(self, remote: str) -> tuple[str, ...]:
        """Return where `git push` really goes, in git's own words; raise `RepositoryError` where it refuses to say."""
        urls = self.own_push_urls(remote)
        if urls is not None:
            return urls
        # git remote knows the remotes of the repository's own configuration alone, git push those of every scope.
        configuration = self.read()
        found = configuration.remote(remote)
        return configuration.push_urls([url.value for url in found.urls], [url.value for url in found.pushurls])

    def own_push_urls(self, remote: str) -> tuple[str, ...] | None:
        """Return where `git push` goes by the repository's own configuration; None where that has no such remote."""
        status, output, reason = self._run("remote", "get-url", "--push", "--all", remote)
        if status and "No such remote" not in reason:
            raise _refusal(reason)
        return None if status else tuple(output.split("\n"))

    def head(self) -> Head:
        """Return what HEAD is: one question where it is a commit, two where the branch has none yet."""
        status, name, _ = self._run("rev-parse", "--verify", "--symbolic-full-name", "HEAD")  # not a file of that name
        if status:
            name = self._run("symbolic-ref", "--quiet", "HEAD")[1]
        return Head(branch=name.removeprefix("refs/heads/") if name != "HEAD" else None, has_commit=status == 0)

    def is_shallow(self) -> bool:
        """Whether the history was cut off when the repository was cloned."""
        return self._ask("rev-parse", "--is-shallow-repository") == "true"

    def is_main_file(self, origin: str) -> bool:
        """Whether an origin is the configuration file that `git remote` and `git config` write to."""
        return self._real_path(origin) == self._real_path("")

    def is_private_file(self, origin: str) -> bool:
        """Whether an origin lies in the git directory, so that no other repository is likely to include it."""
        folder = os.path.dirname(self._real_path(""))
        return os.path.commonpath([folder, self._real_path(origin)]) == folder

    def file(self, origin: str) -> str:
        """Return the path of an origin of `git config --show-origin`; of the main configuration file for ""."""
        return os.path.join(self._top, origin.removeprefix("file:")) if origin else self._config_path

    def _real_path(self, origin: str) -> str:
        if origin not in self._real_paths:
            self._real_paths[origin] = os.path.realpath(self.file(origin))
        return self._real_paths[origin]

    def connect(self, url: str, ssh_command: str, *, seconds: float) -> tuple[int | None, str]:
        """Try `git ls-remote` with nobody to answer questions; return its status (None: too late) and its stderr.

        ssh is told to ask nothing and to learn nothing: a look must not write `known_hosts`.
        """
        options = "-o BatchMode=yes -o StrictHostKeyChecking=yes -o UpdateHostKeys=no"
        process = self._git.execute(
            ["git", "ls-remote", "--", url],
            as_process=True,
            env={"GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": f"{ssh_command} {options}"},
            start_new_session=True,
        )
        assert process.proc is not None  # noqa: S101 - GitPython drops it in its destructor alone
        return _finish(process.proc, seconds)

    def write(self, edits: Mapping[str, Edit], *, seconds: float) -> None:
        """Make the edits, of files by their origin: each file in one step, and none before all are ready.

        Raises `ConfigurationChanged` where a key does not hold what is expected, and `RepositoryError` where a file
        cannot be written, stays locked for `seconds`, or is one that git reads more than once.
        """
        wanted = self._by_path(edits)
        try:
            texts = {path: self._edited(path, edit) for path, edit in wanted.items()}
            deadline = time.monotonic() + seconds
            with contextlib.ExitStack() as stack:
                locks = {path: stack.enter_context(_Lock(path, deadline)) for path in wanted}
                for path, (old, _) in texts.items():
                    if _read(path) != old:
                        # Another process was faster; once more, and now there can be no other.
                        texts[path] = self._edited(path, wanted[path])
                for path, lock in locks.items():
                    lock.fill(texts[path][1])
                for lock in locks.values():
                    lock.put()
        except OSError as error:
            path = str(error.filename or ", ".join(wanted)).removesuffix(".lock")
            raise RepositoryError(f"cannot write {path}: {error.strerror}") from None

    def _by_path(self, edits: Mapping[str, Edit]) -> dict[str, Edit]:
        """Return the edits by the file's real path (git, too, writes where a link leads), in one order for all runs.

        Two runs that take the locks of the same files in the same order cannot wait for each other.
        """
        found: dict[str, Edit] = {}
        for origin, edit in edits.items():
            path = self._real_path(origin)
            assignments, expected = found.get(path, Edit({}, {}))
            found[path] = Edit({**assignments, **edit.assignments}, {**expected, **edit.expected})
        return dict(sorted(found.items()))

    def _edited(self, path: str, edit: Edit) -> tuple[str, str]:
        """Return the text of a file, and the text with the edit made, which git has read for proof."""
        from git_scalingo_region.repository import configfile  # most runs write nothing

        old = _read(path)
        found = configfile.values(old)
        for key, held in edit.expected.items():
            _check_unchanged(path, found.get(_utf8(key), []), list(map(_utf8, held)))
        assignments = {_utf8(key): list(map(_utf8, new)) for key, new in edit.assignments.items()}
        new = configfile.assigned(old, assignments)
        self._prove(found, new, assignments)
        return old, new

    def _prove(self, before: Mapping[str, list[str]], text: str, assignments: Assignments) -> None:
        """Let git read the new text: it must find what was there, the assignments, and nothing else."""
        wanted = {**before, **{key: list(new) for key, new in assignments.items()}}
        with tempfile.TemporaryFile() as file:
            file.write(_encoded(text))
            file.seek(0)
            # From standard input, git would follow includes.
            question = ("config", "--file", "-", "--no-includes", "--null", "--list")
            found = parse_values(_utf8(self._ask(*question, istream=file)))
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
            raise RepositoryError("git is not on PATH", "install git 2.26 or newer") from None
        return status, os.fsdecode(output), reason


def _finish(process: subprocess.Popen[bytes], seconds: float) -> tuple[int | None, str]:
    """Wait for a process that leads its own session; when the time is up, end it and its children (git starts ssh)."""
    try:
        reason = process.communicate(timeout=seconds)[1]
    except BaseException as end:  # Ctrl-C as well: the terminal does not reach another session
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(end, subprocess.TimeoutExpired):
            return None, ""
        raise
    return process.returncode, os.fsdecode(reason)


def _refusal(reason: str) -> RepositoryError:
    """Return git's own words as one sentence, with what it advises as a hint."""
    advice = [line.strip() for line in reason.split("\n") if line.startswith("\t")]
    return RepositoryError(f"git says: {reason_of(reason) or 'nothing, but it failed'}", *advice)


def _check_unchanged(path: str, found: Sequence[str], expected: Sequence[str]) -> None:
    held, known = _blanked(found), _blanked(expected)
    if held == known:
        return
    if held and known and known == held * (len(known) // len(held)):
        raise RepositoryError(f"git reads {path} more than once: include it only once")
    raise ConfigurationChanged


def _normal(found: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    return {key: _blanked(items) for key, items in found.items() if items}


def _blanked(items: Sequence[str]) -> list[str]:
    # git before 2.45 turns each blank inside a value into a space: not a difference.
    return [item.replace("\t", " ").replace("\r", " ") for item in items]


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _utf8(text: str) -> str:
    """Return a text of the command line, or of git, as it stands in a file, whose text is UTF-8 in every locale."""
    return os.fsencode(text).decode("utf-8", "surrogateescape")


class _Lock:
    """git's lock on a file, held in a `with` block: dropped at its end, unless the new text was put in place."""

    def __init__(self, path: str, deadline: float) -> None:
        self._path = path
        self._name = f"{path}.lock"
        self._descriptor = _take(self._name, deadline)
        self._held = True

    def __enter__(self) -> _Lock:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
        if self._held:
            os.unlink(self._name)

    def fill(self, text: str) -> None:
        """Write the text to the lock file, and give that the file's mode."""
        with contextlib.suppress(FileNotFoundError):
            os.fchmod(self._descriptor, stat.S_IMODE(os.stat(self._path).st_mode))
        with open(self._descriptor, "wb", closefd=False) as file:
            file.write(_encoded(text))

    def put(self) -> None:
        """Give the lock file the place of the file."""
        os.rename(self._name, self._path)
        self._held = False  # from now on a file of that name is another process's lock


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
