"""The checks of `doctor` that need only the repository: its remote, its settings, and the commit to be pushed.

A fix is an exact command that cures its check. If there is none, the finding may have a probe: a command that tells
more, or one with a placeholder in capitals.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.commands.selection import add_words, move_command
from git_scalingo_region.context import Context
from git_scalingo_region.errors import RemoteConflict, RepositoryError
from git_scalingo_region.model import DEFAULT_SSH_PORT, SSH_USER, Region, RemoteUrl
from git_scalingo_region.repository.commit import author, has_submodules
from git_scalingo_region.repository.configuration import Configuration, Entry, Remote
from git_scalingo_region.repository.git import Head, Repository, ask, reason_of
from git_scalingo_region.repository.plan import Change, Examined, Examiner, State, plan_sync
from git_scalingo_region.repository.push import DEPLOYED_BRANCHES, SHALLOW, Obstacle, obstacles, push_command, shown
from git_scalingo_region.scalingo.catalog import Catalog

OK, WARNING, PROBLEM, SKIPPED = "ok", "warning", "problem", "skipped"

# The value that takes the place of one that stops or diverts a push.
_REPLACEMENTS = {
    "push.followtags": "false",
    "push.recursesubmodules": "no",
    "push.gpgsign": "false",
    "push.default": "simple",
    "submodule.recurse": "false",
    "mirror": "false",
}
# Of these git reads every value, and refuses to go on if one is bad.
_READ_WHOLLY = ("push.followtags", "submodule.recurse", "mirror")
# These collect all their values, from every file.
_LISTS = ("push.pushoption", "receivepack", "push")


class Finding(NamedTuple):
    """What one check comes to. `probe` is what the output calls `try`."""

    status: str
    detail: str
    fix: str = ""
    probe: str = ""


class Subject(NamedTuple):
    """What is examined. `examined` is None if the remote is missing or not Scalingo's; `region` is then None, too."""

    context: Context
    catalog: Catalog
    repository: Repository
    configuration: Configuration
    head: Head
    remote: str
    examiner: Examiner
    examined: Examined | None
    region: Region | None

    @property
    def add(self) -> tuple[str, ...]:
        """The words of the command that adds or moves the remote, up to the region."""
        return add_words(self.configuration, self.remote)

    def move(self, region: Region, app: str) -> str:
        """Return the command that points the remote at the app in that region; "" if it would be refused."""
        return move_command(self.examiner, self.configuration, self.remote, region, app)


class Target(NamedTuple):
    """A Scalingo remote of a known region."""

    subject: Subject
    examined: Examined
    region: Region

    @property
    def app(self) -> str:
        """The app that the remote points at."""
        return self.examined.url.app

    @property
    def configuration(self) -> Configuration:
        """The configuration of all scopes."""
        return self.subject.configuration

    @property
    def is_current(self) -> bool:
        """Whether a push goes to the app."""
        return self.examined.state is State.CURRENT


# --- changes to the configuration ------------------------------------------------------------------------------------


def _edit(repository: Repository, origin: str, *arguments: str) -> str:
    """Return the command that edits the file of an origin; "" if it is no file, or not one of this user's to edit."""
    if origin and not origin.startswith("file:"):
        return ""
    path = repository.real_path(origin)
    if not all(os.access(place, os.W_OK) for place in (path, os.path.dirname(path))):
        return ""
    file = () if repository.is_main_file(origin) else ("--file", path)
    return shell.git("config", *file, *arguments)


def _origins(entries: Iterable[Entry]) -> Iterable[str]:
    return dict.fromkeys(entry.origin for entry in entries)


def _unset(subject: Subject, key: str) -> str:
    """Return the command after which no file has the key."""
    origins = _origins(subject.configuration.entries(key))
    return shell.chain(*(_edit(subject.repository, origin, "--unset-all", shown(key)) for origin in origins))


def _override(subject: Subject, key: str, value: str, *, everywhere: bool) -> str:
    """Return the command after which the key has this value for git; "" if there is none from here.

    The last entry counts. If it is the user's or the system's, the repository's own comes after it. `everywhere`: git
    refuses one of the values, and reads them all, so each file has to change.
    """
    entries = subject.configuration.entries(key)
    if entries[-1].scope == "command":
        return ""
    changed = entries if everywhere else [entry for entry in entries[-1:] if entry.own]
    origins = _origins(changed) or ("",)
    return shell.chain(*(_edit(subject.repository, origin, "--replace-all", shown(key), value) for origin in origins))


def _cure(subject: Subject, key: str) -> str:
    """Return the command after which a setting does not stop or divert the push any more; "" if there is none."""
    setting = key.rpartition(".")[2] if key.startswith("remote.") else key
    if setting in _LISTS:
        return _unset(subject, key)
    reads_all = setting in _READ_WHOLLY
    everywhere = reads_all and subject.repository.boolean(key) is None
    return _override(subject, key, _REPLACEMENTS[setting], everywhere=everywhere)


# --- the remote ------------------------------------------------------------------------------------------------------


def bring_up_to_date(target: Target) -> str:
    """Return the command that gives a stale remote its region's endpoint; "" if there is none.

    `sync` leaves a url that comes from outside the repository alone. git itself changes it.
    """
    subject, examined = target.subject, target.examined
    try:
        plan_sync(examined, subject.examiner)
    except RemoteConflict:
        plan = plan_sync(examined._replace(remote=_as_own(examined.remote)), subject.examiner)
        return shell.chain(*(_assign(subject.repository, change) for change in plan.changes))
    return shell.plugin("sync", subject.remote)


def _as_own(remote: Remote) -> Remote:
    """Return the remote as if its urls were the repository's own."""
    own = {id(entry): entry._replace(scope="local") for held in remote.variables.values() for entry in held}
    return Remote(
        remote.name,
        tuple(own[id(entry)] for entry in remote.urls),
        tuple(own[id(entry)] for entry in remote.pushurls),
        {name: [own[id(entry)] for entry in held] for name, held in remote.variables.items()},
    )


def _assign(repository: Repository, change: Change) -> str:
    first, *others = change.new
    commands = [_edit(repository, change.origin, "--replace-all", change.key, first)]
    commands += [_edit(repository, change.origin, "--add", change.key, other) for other in others]
    return shell.chain(*commands)


def push_url(target: Target) -> Finding:
    """Look where `git push` really goes."""
    state, urls = target.examined.state, ", ".join(target.examined.push_urls)
    reached = {RemoteUrl.try_parse(url) for url in target.examined.push_urls}
    if state is State.CURRENT or (state is State.STALE and reached == {target.region.remote_url(target.app)}):
        return Finding(OK, urls)
    if state is State.STALE:
        return Finding(SKIPPED, "the remote is not up to date")
    name = target.subject.remote
    if helper := target.examined.remote.helper:
        return Finding(PROBLEM, f"git push {name} runs the remote helper '{helper}'", _straighten(target))
    return Finding(PROBLEM, f"git push {name} goes to {urls}", _straighten(target))


def _straighten(target: Target) -> str:
    """Return the command that makes the push go to the app, whatever diverts it; "" if there is none.

    A `pushurl` hides every `url`, and `pushInsteadOf` does not apply to it. The urls stay as they are.
    """
    subject, remote = target.subject, target.examined.remote
    url = target.region.remote_url(target.app)
    commands = [_unset(subject, remote.key("vcs"))] if remote.helper else []
    implied = target.configuration.push_urls([entry.value for entry in remote.urls], ())
    if [RemoteUrl.try_parse(text) for text in implied] == [url]:
        return shell.chain(*commands, *([_unset(subject, remote.key("pushurl"))] if remote.pushurls else []))
    spelling, rule = _spelling(target.configuration, url)
    others = [o for o in _origins(remote.variables.get("pushurl", ())) if not subject.repository.is_main_file(o)]
    commands += [_edit(subject.repository, origin, "--unset-all", remote.key("pushurl")) for origin in others]
    commands.append(spelling and _edit(subject.repository, "", "--replace-all", remote.key("pushurl"), spelling))
    return shell.chain(*commands, *rule)


def _spelling(configuration: Configuration, url: RemoteUrl) -> tuple[str, tuple[str, ...]]:
    """Return a spelling of the url that `insteadOf` leaves alone, or one with the command that makes it do so."""
    spellings = [str(url)]
    if url.endpoint.port == DEFAULT_SSH_PORT:
        place = f"{SSH_USER}@{url.endpoint.bracketed_host}"
        spellings += [f"ssh://{place}/{url.app}.git", f"{place}:{url.app}.git"]
    for text in spellings:
        if configuration.rewritten(text) == text:
            return text, ()
    for text in spellings:
        # The longest prefix wins, so a rule for all of the url does, unless there is one already.
        if configuration.rewritten(text[:-1]) + text[-1] == configuration.rewritten(text):
            return text, (shell.git("config", "--add", f"url.{text}.insteadOf", text),)
    return "", ()


# --- the settings ----------------------------------------------------------------------------------------------------


def follow_tags(subject: Subject) -> Finding:
    """Look whether the push sends tags as well."""
    key = "push.followtags"
    entries = subject.configuration.entries(key)
    enabled = subject.repository.boolean(key) if entries else False
    if enabled is False:
        return Finding(OK, "push.followTags is not set")
    fix = _cure(subject, key)
    if enabled is None:
        words = ", ".join(f"'{entry.value}'" for entry in entries)
        return Finding(PROBLEM, f"git refuses push.followTags: {words} is not true or false", fix)
    if subject.repository.has_annotated_tags():
        return Finding(PROBLEM, "push.followTags is set, and Scalingo refuses tags", fix)
    return Finding(
        WARNING, "push.followTags is set, and Scalingo refuses tags: the first annotated tag will count", fix
    )


def _obstacles(subject: Subject) -> Sequence[Obstacle]:
    return obstacles(subject.repository, subject.configuration, subject.remote)


def stops(subject: Subject) -> Sequence[Obstacle]:
    """Return the settings because of which no push works, except for `push.followTags`."""
    return [obstacle for obstacle in _obstacles(subject) if obstacle.key != "push.followtags"]


def refspec(subject: Subject) -> Finding:
    """Look for settings that stop a push, or send another one than its line says."""
    found = stops(subject)
    if found:
        detail = "; ".join(stop.text for stop in found)
        return Finding(PROBLEM, detail, shell.chain(*(_cure(subject, stop.key) for stop in found)))
    if subject.head.has_commit and (reason := subject.repository.push_refusal()):
        return Finding(PROBLEM, f"git refuses to push: {reason}", "", shell.git("config", "--list", "--show-origin"))
    diverting = list(_diverting(subject))
    if diverting:
        plain = shell.git("push", subject.remote) or "git push"
        details = [f"{shown(key)} is {', '.join(values)}" for key, values in diverting]
        detail = f"'{plain}' without a branch does not push only what is deployed: {'; '.join(details)}"
        return Finding(WARNING, detail, shell.chain(*(_cure(subject, key) for key, _ in diverting)))
    return Finding(OK, "no setting stops or diverts the push")


def _diverting(subject: Subject) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the settings that only a push without a refspec follows, unless they push just one deployed branch."""
    key = f"remote.{subject.remote}.push"
    values = [entry.value for entry in subject.configuration.entries(key)]
    goals = {value.rpartition(":")[2].removeprefix("refs/heads/") for value in values}
    if values and (len(values) > 1 or not goals <= set(DEPLOYED_BRANCHES)):
        yield key, values
    if not values and subject.configuration.get(key := "push.default") == "matching":
        yield key, ["matching"]


# --- the commit ------------------------------------------------------------------------------------------------------


def history(subject: Subject) -> Finding:
    """Look whether the clone is shallow."""
    if not subject.repository.is_shallow:
        return Finding(OK, "the clone is complete")
    branch = subject.head.ref.removeprefix("refs/heads/")
    source = subject.configuration.get(f"branch.{branch}.remote") or "origin"
    is_known = bool(subject.configuration.remote(source).urls) and not subject.examiner.examine(source)
    fetch = shell.git("fetch", "--unshallow")
    fix, probe = (fetch, "") if is_known else ("", f"{fetch} REMOTE")
    return Finding(PROBLEM, SHALLOW, fix, probe)


def commit(subject: Subject) -> Finding:
    """Look whether there is anything to push."""
    if subject.head.has_commit:
        return Finding(OK, "there is something to push")
    line = shell.chain(shell.git("add", "--all"), shell.git("commit", "--allow-empty", "--message", "First commit"))
    if not subject.repository.has_work_tree:
        return Finding(PROBLEM, "there is no commit yet, and this repository is bare")
    is_exact = not _identity_failure() and not subject.configuration.get("commit.gpgsign")
    return Finding(PROBLEM, "there is no commit yet", *((line, "") if is_exact else ("", line)))


def identity(subject: Subject) -> Finding:
    """Look whether the first commit can have an author."""
    if subject.head.has_commit:
        return Finding(OK, f"the commit is by {author()}")
    failure = _identity_failure()
    if not failure:
        return Finding(OK, "git knows who you are")
    config = shell.git("config")
    probe = f"{config} user.name NAME && {config} user.email EMAIL"
    return Finding(PROBLEM, f"git does not know whose commit it will be: {failure}", "", probe)


def _identity_failure() -> str:
    answers = [ask("var", f"GIT_{role}_IDENT") for role in ("AUTHOR", "COMMITTER")]
    fatal = [line for answer in answers if answer.status for line in answer.error.split("\n") if "fatal:" in line]
    return reason_of(fatal[0]) if fatal else ""


def submodules(subject: Subject) -> Finding:
    """Look whether the commit leaves out some of the content."""
    if not subject.head.has_commit:
        return Finding(SKIPPED, "there is no commit yet")
    try:
        found = has_submodules()
    except RepositoryError as error:  # a partial clone may lack the tree
        return Finding(SKIPPED, error.message)
    if found:
        return Finding(WARNING, "the commit has submodules, and the build does not get their content")
    return Finding(OK, "the commit has no submodules")


def branch(subject: Subject) -> Finding:
    """Say how to push, if that push goes to the app."""
    ref = subject.head.ref
    name = ref.removeprefix("refs/heads/")
    if not ref:
        what = "HEAD is detached"
    elif name in DEPLOYED_BRANCHES:
        what = f"{name} is deployed"
    else:
        what = f"{name} is not deployed under its own name"
    is_exact = subject.examined and subject.examined.state is State.CURRENT and not subject.repository.is_shallow
    is_exact = is_exact and not _obstacles(subject)
    push = push_command(subject.head, subject.configuration, subject.remote) if is_exact else ""
    return Finding(OK, f"{what}: {push}" if push else what)
