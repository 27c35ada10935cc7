"""All calls to git: the only module that starts it, either directly or through GitPython.

git applies the user's own rules (safe.directory, all scopes of the configuration, worktrees), so whatever git can tell
is not read in any other way.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from git_scalingo_region import process, shell, trace
from git_scalingo_region.errors import RepositoryError
from git_scalingo_region.process import Finished
from git_scalingo_region.repository.configuration import LISTING, Configuration, Remote, parse_listing

if TYPE_CHECKING:
    import git

MINIMUM = (2, 26)  # git config --show-scope
_EMPTY_URL_RESETS = (2, 46)

# The last three answers that `Repository` asks for: the path may hold a newline, and without a work tree, the third
# answer is missing.
_PLACES = r"(.*)\n(?:true\n((?:\.\./)*)|false(?:\n(.+))?)"
# A question must not make git fetch objects that a partial clone lacks: that would run programs that its settings name.
_NO_CONTACT = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": ""}


class Head(NamedTuple):
    """What HEAD points at: `ref` is its full name ("": detached), `refs` existing refs that git may mistake for it.

    `has_commit` is false for a branch that has no commit yet.
    """

    ref: str
    has_commit: bool
    refs: frozenset[str]

    @property
    def branch(self) -> str:
        """The name of the branch; "" if HEAD is not on one."""
        return self.ref.removeprefix("refs/heads/") if self.ref.startswith("refs/heads/") else ""


def environment(*, may_connect: bool = False) -> dict[str, str]:
    """Return the environment for git, with messages in English; unless git `may_connect`, it contacts no other host."""
    # GIT_CONFIG would make `git config` read another file, unlike every other git command.
    kept = {
        name: text for name, text in os.environ.items() if name != "GIT_CONFIG" and not name.startswith("GIT_TRACE")
    }
    return {**kept, **({} if may_connect else _NO_CONTACT), "LC_ALL": "C", "LANGUAGE": "C"}


def ask(*arguments: str, given: bytes = b"") -> Finished:
    """Run git, with `given` on its standard input; raise `RepositoryError` if git is missing or cannot be run."""
    return process.run("git", *arguments, environment=environment(), given=given)


def execute(*arguments: str, trace_words: int | None = None) -> Finished:
    """Run git through GitPython, to edit the configuration or to examine a commit; load GitPython if need be.

    With `trace_words`, only that many arguments are traced: the others may hold a password.
    """
    trace.line(f"run: git {' '.join(arguments[:trace_words])}")
    status, out, error = gitpython().execute(
        ["git", *arguments],
        with_extended_output=True,
        with_exceptions=False,
        stdout_as_string=False,
        env={**environment(), "GIT_TRACE": "0"},
        start_new_session=True,
    )
    return Finished(status, os.fsdecode(out), str(error))


def gitpython() -> git.Git:
    """Return GitPython's git; loading GitPython takes a while."""
    # Without git on PATH, GitPython would print and raise when it is imported.
    os.environ["GIT_PYTHON_REFRESH"] = "quiet"
    import git

    return git.Git()


def output(*arguments: str) -> str:
    """Return what git prints; raise `RepositoryError` with git's own reason if git fails."""
    answer = ask(*arguments)
    if answer.status:
        raise refusal(answer.error)
    return answer.output


def refusal(stderr: str) -> RepositoryError:
    """Return the error that gives git's own reason in one sentence, with git's advice as hints."""
    reason = reason_of(stderr)
    advice = [line.strip() for line in stderr.split("\n") if line.startswith("\t")]
    if "not a git repository" in reason:
        advice.append(shell.git("init"))
    return RepositoryError(f"git says: {reason}" if reason else "git failed without saying why", *advice)


def reason_of(stderr: str) -> str:
    """Return why git failed, in its own words: its `fatal:` or `error:` line, or else the first line."""
    lines = stderr.strip().split("\n")
    told = next((line for line in lines if line.startswith(("fatal: ", "error: "))), lines[0])
    return told.removeprefix("fatal: ").removeprefix("error: ").strip()


def version() -> tuple[int, int]:
    """Return git's version, major and minor; (0, 0) if it does not say."""
    found = re.search(r"version (\d+)\.(\d+)", ask("version").output)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def read_configuration() -> Configuration:
    """Return the configuration that git sees from the current folder; raise `RepositoryError` if git refuses it."""
    entries = list(parse_listing(output(*LISTING)))
    has_empty_url = any(not entry.value and entry.variable in ("url", "pushurl") for entry in entries)
    return Configuration(entries, empty_resets=has_empty_url and version() >= _EMPTY_URL_RESETS)


class Repository:
    """The repository of the current folder, as git finds it."""

    def __init__(self) -> None:
        """Find the repository; raise `RepositoryError` with git's own reason if it finds or accepts none."""
        questions = ("--is-shallow-repository", "--git-path", "config", "--is-inside-work-tree", "--show-cdup")
        shallow, _, places = output("rev-parse", *questions).partition("\n")
        self.is_shallow = shallow == "true"  # its history was cut off when it was cloned
        found = re.fullmatch(_PLACES, places.removesuffix("\n"), re.DOTALL)
        assert found  # noqa: S101 - the pattern matches whatever git answers
        self._config_path: str = found[1]
        # Inside a work tree, the origins that `git config` prints are relative to its top, not to the current folder.
        self._start: str = found[2] or ""
        self.top: str = self._start or found[3] or ""  # of the work tree; --work-tree may name one that is elsewhere
        self.has_work_tree = found[2] is not None or bool(found[3])
        self._real_paths: dict[str, str] = {}

    def read(self) -> Configuration:
        """Return the whole configuration that git sees from here."""
        return read_configuration()

    def check_remotes(self) -> None:
        """Raise `RepositoryError` if git refuses the settings of any remote: git then refuses all remotes."""
        output("remote", "--verbose")

    def push_urls(self, *remotes: str) -> list[tuple[str, ...]]:
        """Return the urls that `git push` really uses for each remote, as git itself prints them.

        Raises `RepositoryError` for a remote without such a url: a push to it succeeds, but pushes nothing.
        """
        found: dict[str, list[str]] = {remote: [] for remote in remotes}
        for line in output("remote", "--verbose").split("\n"):
            remote, _, url = line.partition("\t")
            if remote in found and url.endswith(" (push)"):
                found[remote].append(url.removesuffix(" (push)"))
        for remote, urls in found.items():
            if not any(urls):
                raise RepositoryError(f"git push {remote} would go nowhere: the remote has no url")
        return [tuple(urls) for urls in found.values()]

    def head(self) -> Head:
        """Return what HEAD points at, as `git symbolic-ref` says: a tag named HEAD confuses all other commands."""
        ref = ask("symbolic-ref", "--quiet", "HEAD").output.removesuffix("\n")
        if not ref:
            return Head("", has_commit=True, refs=frozenset())
        name = ref.removeprefix("refs/heads/")
        alike = (f"refs/tags/{name}", f"refs/{name}", f"refs/tags/{ref}", f"refs/heads/{ref}", f"refs/{ref}")
        listed = output("for-each-ref", "--format=%(refname)", ref, *alike).split("\n")
        return Head(ref, has_commit=ref in listed, refs=frozenset(alike).intersection(listed) - {ref})

    def has_annotated_tags(self) -> bool:
        """Return whether there is a tag that `push.followTags` would push: an annotated one in HEAD's history."""
        listed = ask("for-each-ref", "--merged=HEAD^0", "--format=%(objecttype)", "refs/tags")
        return "tag" in listed.output.split("\n")

    def has_submodules(self) -> bool:
        """Return whether HEAD's commit contains a submodule, declared in `.gitmodules` or not."""
        return "160000 commit " in ask("ls-tree", "-r", "--full-tree", "HEAD^0").output

    def boolean(self, value: str) -> bool | None:
        """Return how git reads a boolean value; None if it refuses the value."""
        answer = ask("-c", f"scalingo.boolean={value}", "config", "--type=bool", "--get", "scalingo.boolean")
        return None if answer.status else answer.output == "true\n"

    def try_push(self, remote: str, refspec: str, ssh_command: str, *, seconds: float) -> Finished:
        """Try a push without its hooks: git connects, but stops before it would send anything.

        git asks no questions. `ssh_command` overrides every setting that names the ssh to run.
        """
        options = ("--dry-run", "--no-verify", "--no-signed", "--no-follow-tags", "--recurse-submodules=no")
        silent = {**environment(may_connect=True), "GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": ssh_command}
        return process.run("git", "push", *options, "--", remote, refspec, environment=silent, seconds=seconds)

    @cached_property
    def push_refusal(self) -> str:
        """Why git refuses every push of HEAD's commit, such as a setting that git cannot read; "" if it does not.

        The push that is tried would go to this repository itself; git stops it in the end, as no protocol is allowed.
        """
        answer = ask("push", "--dry-run", "--no-verify", "--", ".", "HEAD^0:refs/heads/main")
        reason = reason_of(answer.error)
        return "" if answer.status == 0 or reason.endswith("not allowed") else f"git refuses to push: {reason}"

    def legacy_file(self, remote: Remote) -> str:
        """Return the file that defines the remote in one of git's legacy forms; "" if there is none.

        gitrepository-layout(5): `remotes/NAME` and `branches/NAME`. git reads them if the configuration has no url.
        """
        folder = os.path.dirname(self._config_path)
        files = [os.path.join(folder, kind, remote.name) for kind in ("remotes", "branches") if not remote.exists]
        return next((path for path in files if os.path.isfile(path)), "")

    def file(self, origin: str) -> str:
        """Return the path of an origin of `git config --show-origin`; "" stands for the main configuration file."""
        return os.path.join(self._start, origin.removeprefix("file:")) if origin else self._config_path

    def real_path(self, origin: str) -> str:
        """Return the path of an origin with links followed, which is where git writes too."""
        if origin not in self._real_paths:
            self._real_paths[origin] = os.path.realpath(self.file(origin))
        return self._real_paths[origin]

    def is_main_file(self, origin: str) -> bool:
        """Return whether an origin is the configuration file that `git remote` and `git config` write to."""
        return self.real_path(origin) == self.real_path("")

    def shared_files(self, origins: Iterable[str]) -> Sequence[str]:
        """Return the real paths of the files outside the git directory: other repositories may include them as well."""
        folder = os.path.dirname(self.real_path(""))
        paths = {self.real_path(origin) for origin in origins}
        return sorted(path for path in paths if os.path.commonpath([folder, path]) != folder)
