"""The checks of `doctor` that look at the repository: its remote, its settings, and the commit to be pushed.

A fix is an exact command that solves the problem. If there is none, the finding may have a probe: a command that
tells more, or one with a placeholder in capitals.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.commands.selection import Remotes, not_ours
from git_scalingo_region.context import Context
from git_scalingo_region.errors import CredentialsError, RemoteConflict, RepositoryError
from git_scalingo_region.model import DEFAULT_SSH_PORT, SSH_USER, Region, RemoteUrl
from git_scalingo_region.repository.commit import author, has_gitmodules
from git_scalingo_region.repository.configuration import Entry, without_login
from git_scalingo_region.repository.declared import read_declared
from git_scalingo_region.repository.git import Repository, ask, reason_of
from git_scalingo_region.repository.plan import Examined, State, plan_sync
from git_scalingo_region.repository.push import (
    ALL_ALLOWED,
    DEPLOYED_BRANCHES,
    SHALLOW,
    SSH_ALLOWED,
    Obstacle,
    Push,
    reads_every_value,
    shown,
)
from git_scalingo_region.scalingo.choice import ASK_FOR_ACCESS, RESTRICTED

OK, WARNING, PROBLEM, SKIPPED = "ok", "warning", "problem", "skipped"


class Skip(Exception):
    """Raised if a check cannot be made; the text is the reason."""


class Finding(NamedTuple):
    """The result of one check. `probe` is what the output calls `try`.

    `accepted`: whether the host accepted one of the user's keys; None if that is not known.
    """

    status: str
    detail: str
    fix: str = ""
    probe: str = ""
    accepted: bool | None = None


class Subject(NamedTuple):
    """What the checks look at. `examined` is None if the remote is missing or not Scalingo's.

    `known_region` is None if the region of the remote is not in the list.
    """

    context: Context
    remotes: Remotes
    push: Push
    examined: Examined | None
    known_region: Region | None

    @property
    def remote(self) -> str:
        """The name of the remote."""
        return self.push.remote

    @property
    def remote_and_region(self) -> tuple[Examined, Region]:
        """The Scalingo remote and its region; raises `Skip` if there is none, or if its region is not known."""
        if self.examined and self.known_region:
            return self.examined, self.known_region
        raise Skip("there is no remote in a known region")

    @property
    def region(self) -> Region:
        """The region of the remote; raises `Skip` as `remote_and_region` does."""
        return self.remote_and_region[1]

    @property
    def app(self) -> str:
        """The app that the remote points at; raises `Skip` as `remote_and_region` does."""
        return self.remote_and_region[0].url.app

    @property
    def is_current(self) -> bool:
        """Whether a push goes to the app."""
        return self.examined is not None and self.examined.state is State.CURRENT


# --- the remote ------------------------------------------------------------------------------------------------------


def remote(subject: Subject) -> Finding:
    """Check whether the remote exists, is Scalingo's, and is up to date."""
    examined, region = subject.examined, subject.known_region
    if examined is None:
        return _not_ours(subject)
    app = examined.url.app
    if region is None and not subject.remotes.has_unknown_region(examined):
        return Finding(PROBLEM, f"its region, {examined.region}, {RESTRICTED}: {ASK_FOR_ACCESS}")
    if region is None:
        gone = f"its region, {examined.region}, is not in the list" if examined.region else "its region is unknown"
        fix = follow(subject, app)
        return Finding(PROBLEM, gone, fix, "" if fix else subject.remotes.move_form(subject.remote, app))
    if examined.state is not State.STALE:
        return Finding(OK, f"{subject.remote} is {app} in {region.name}")
    replacement = partial(subject.remotes.examiner.replacement, examined.remote)
    values = ((entry.value, replacement(entry)) for entry in examined.remote.in_force)
    stale, current = next((value, url) for value, url in values if url)
    name = subject.remotes.catalog.platform().region_name(current)
    return Finding(PROBLEM, f"{without_login(stale)} is not what {name} has now: {current}", _update(subject, examined))


def _not_ours(subject: Subject) -> Finding:
    """Return what to do about a remote that is missing, or is not Scalingo's."""
    remotes, name = subject.remotes, subject.remote
    held = remotes.configuration.remote(name)
    if held.exists:
        force = ["--force"] if name == remotes.default else []
        probe = f"{shell.plugin('add', *force)} REGION APP"
        return Finding(PROBLEM, not_ours(held), "", probe)
    if file := subject.push.repository.legacy_file(held):
        return Finding(PROBLEM, f"the remote '{name}' is defined by the file {file}, and not Scalingo's")
    declared = (read_declared(subject.context, subject.push.repository) or {}).get(name)
    if declared and declared.region and remotes.catalog.find(declared.region):
        return Finding(PROBLEM, f"there is no remote '{name}', but it is declared", shell.plugin("setup", name))
    return Finding(PROBLEM, f"there is no remote '{name}'", "", remotes.move_form(name, "APP"))


def follow(subject: Subject, app: str) -> str:
    """Return the command that moves the remote to the one region where the app is; "" if that is not known."""
    remotes, examined = subject.remotes, subject.examined
    if examined and remotes.has_unknown_region(examined) and not remotes.is_gone(examined):
        return ""
    try:
        found = remotes.catalog.find_app(app)
    except CredentialsError:
        return ""
    if found is None or len(found.present) != 1:
        return ""
    return remotes.move_command(subject.remote, found.present[0], app)


def _update(subject: Subject, examined: Examined) -> str:
    """Return the command that gives a stale remote its region's endpoint; "" if there is none.

    For a url from outside the repository, which `sync` does not touch, it is a `git config` command.
    """
    examiner = subject.remotes.examiner
    try:
        plan_sync(examined, examiner)
    except RemoteConflict:
        edits = [
            _edit(subject.push.repository, change.origin, "--add" if index else "--replace-all", change.key, value)
            for change in plan_sync(examined, examiner, everywhere=True).changes
            for index, value in enumerate(change.new)
        ]
        return shell.chain(*edits)
    return shell.plugin("sync", subject.remote)


def push_url(subject: Subject) -> Finding:
    """Check whether `git push` really goes to the app."""
    examined, region = subject.remote_and_region
    urls = without_login(", ".join(examined.remote.push_urls))
    reached = {RemoteUrl.try_parse(url) for url in examined.remote.push_urls}
    is_stale = examined.state is State.STALE
    if subject.is_current or (is_stale and reached == {region.remote_url(subject.app)}):
        return Finding(OK, urls)
    if is_stale:
        raise Skip("the remote is not up to date")
    helper = examined.remote.helper
    where = f"runs the remote helper '{helper}'" if helper else f"goes to {urls}"
    return Finding(PROBLEM, f"git push {subject.remote} {where}", _straighten(subject))


def _straighten(subject: Subject) -> str:
    """Return the command that makes the push go to the app, whatever diverts it; "" if there is none.

    A `pushurl` hides every `url`, and `pushInsteadOf` does not apply to it. The values of `url` stay as they are.
    """
    examined, region = subject.remote_and_region
    held, url = examined.remote, region.remote_url(subject.app)
    helpers, pushurls = (held.variables.get(variable, ()) for variable in ("vcs", "pushurl"))
    commands = _edits(subject, helpers, "--unset-all", held.key("vcs")) if held.helper else []
    implied = subject.push.configuration.push_urls([entry.value for entry in held.urls], ())
    if [RemoteUrl.try_parse(text) for text in implied] == [url]:
        unset = _edits(subject, pushurls, "--unset-all", held.key("pushurl")) if held.pushurls else []
        return shell.chain(*commands, *unset)
    others = [entry for entry in pushurls if not subject.push.repository.is_main_file(entry.origin)]
    commands += _edits(subject, others, "--unset-all", held.key("pushurl"))
    return shell.chain(*commands, *_push_to(subject, held.key("pushurl"), url))


def _push_to(subject: Subject, key: str, url: RemoteUrl) -> Iterator[str]:
    """Yield the commands that set a `pushurl`, in a form that no rule rewrites, or that a new rule protects."""
    rewritten, spellings = subject.push.configuration.rewritten, [str(url)]
    if url.endpoint.port == DEFAULT_SSH_PORT:
        login = f"{SSH_USER}@{url.endpoint.bracketed_host}"
        spellings += [f"ssh://{login}/{url.app}.git", f"{login}:{url.app}.git"]
    untouched = next((text for text in spellings if rewritten(text) == text), "")
    # The longest prefix wins, so a rule for the whole url is enough, unless there is one already.
    free = next((text for text in spellings if rewritten(text[:-1]) + text[-1] == rewritten(text)), "")
    text = untouched or free
    yield _edit(subject.push.repository, "", "--replace-all", key, text) if text else ""
    if not untouched:
        yield shell.git("config", "--add", f"url.{text}.insteadOf", text)


# --- the settings ----------------------------------------------------------------------------------------------------


# The value that makes each setting harmless if it is the last value. Any other setting that stops or diverts a push
# has to be removed from every file.
_HARMLESS = {
    "push.followtags": "false",
    "push.recursesubmodules": "no",
    "push.gpgsign": "false",
    "push.default": "simple",
    "submodule.recurse": "false",
    SSH_ALLOWED: "always",
    ALL_ALLOWED: "always",  # for ssh only
    "mirror": "false",  # of a remote
}
_LAST_COUNTS = ("push.default", SSH_ALLOWED, ALL_ALLOWED)  # git does not look at the values before the last one


def _cure(subject: Subject, key: str) -> str:
    """Return the command after which a setting no longer stops or diverts the push; "" if there is none."""
    harmless = _HARMLESS.get(key.rpartition(".")[2] if key.startswith("remote.") else key)
    entries = subject.push.configuration.entries(key)
    if harmless is None:
        return shell.chain(*_edits(subject, entries, "--unset-all", shown(key)))
    change = ("--replace-all", SSH_ALLOWED if key == ALL_ALLOWED else shown(key), harmless)
    if key not in _LAST_COUNTS and reads_every_value(key) and subject.push.bad_values(key):
        return shell.chain(*_edits(subject, entries, *change))
    last = entries[-1]
    # If the last entry is the user's or the system's, an entry in the repository's own configuration comes after it.
    return _edit(subject.push.repository, last.origin if last.own else "", *change) if last.scope != "command" else ""


def _edits(subject: Subject, entries: Iterable[Entry], *arguments: str) -> list[str]:
    """Return the commands that make the same edit in each file of these entries."""
    origins = dict.fromkeys(entry.origin for entry in entries)
    return [_edit(subject.push.repository, origin, *arguments) for origin in origins]


def _edit(repository: Repository, origin: str, *arguments: str) -> str:
    """Return the command that edits the file of an origin; "" if it is not a file, or this user may not edit it."""
    if origin and not origin.startswith("file:"):
        return ""
    path = repository.real_path(origin)
    if not all(os.access(changed, os.W_OK) for changed in (path, os.path.dirname(path))):
        return ""
    file = () if repository.is_main_file(origin) else ("--file", path)
    return shell.git("config", *file, *arguments)


def follow_tags(subject: Subject) -> Finding:
    """Check whether the push sends tags as well."""
    key = "push.followtags"
    entries = subject.push.configuration.entries(key)
    is_refused = bool(subject.push.bad_values(key))
    if not entries or not (is_refused or subject.push.repository.boolean(entries[-1].value)):
        return Finding(OK, "push.followTags is not set")
    fix = _cure(subject, key)
    if is_refused:
        words = ", ".join(f"'{entry.value}'" for entry in entries)
        return Finding(PROBLEM, f"git refuses push.followTags: {words} is not true or false", fix)
    detail = "push.followTags is set, and Scalingo refuses tags"
    if subject.push.repository.has_annotated_tags():
        return Finding(PROBLEM, detail, fix)
    return Finding(WARNING, f"{detail}: the first annotated tag will count", fix)


def blocking(subject: Subject) -> Sequence[Obstacle]:
    """Return the settings that make every push fail, except for `push.followTags`."""
    return [obstacle for obstacle in subject.push.obstacles if obstacle.key != "push.followtags"]


def refspec(subject: Subject) -> Finding:
    """Look for settings that stop a push, or make it push something other than its command line says."""
    if found := blocking(subject):
        detail = "; ".join(stop.text for stop in found)
        return Finding(PROBLEM, detail, shell.chain(*(_cure(subject, stop.key) for stop in found)))
    if subject.push.head.has_commit and (refusal := subject.push.repository.push_refusal):
        return Finding(PROBLEM, refusal, "", shell.git("config", "--list", "--show-origin"))
    key, value = _diverting(subject)
    if key:
        plain = shell.git("push", subject.remote) or "git push"
        detail = f"'{plain}' without a branch does not push only what is deployed: {key} is {value}"
        return Finding(WARNING, detail, _cure(subject, key))
    return Finding(OK, "no setting stops or diverts the push")


def _diverting(subject: Subject) -> tuple[str, str]:
    """Return the setting and value that make a push without a refspec push more than one deployed branch, or two ""."""
    key = f"remote.{subject.remote}.push"
    values = [entry.value for entry in subject.push.configuration.entries(key)]
    goals = {value.rpartition(":")[2].removeprefix("refs/heads/") for value in values}
    if len(values) > 1 or not goals <= set(DEPLOYED_BRANCHES):
        return key, ", ".join(values)
    is_matching = not values and subject.push.configuration.get("push.default") == "matching"
    return ("push.default", "matching") if is_matching else ("", "")


# --- the commit ------------------------------------------------------------------------------------------------------


def history(subject: Subject) -> Finding:
    """Check whether the clone is shallow."""
    if not subject.push.repository.is_shallow:
        return Finding(OK, "the clone is complete")
    configuration = subject.push.configuration
    source = configuration.get(f"branch.{subject.push.head.branch}.remote") or "origin"
    is_known = bool(configuration.remote(source).urls) and not subject.remotes.examiner.examine(source)
    fetch = shell.git("fetch", "--unshallow")
    fix, probe = (fetch, "") if is_known else ("", f"{fetch} REMOTE")
    return Finding(PROBLEM, SHALLOW, fix, probe)


def commit(subject: Subject) -> Finding:
    """Check whether there is anything to push."""
    if subject.push.head.has_commit:
        return Finding(OK, "there is something to push")
    line = shell.chain(shell.git("add", "--all"), shell.git("commit", "--allow-empty", "--message", "First commit"))
    if not subject.push.repository.has_work_tree:
        return Finding(PROBLEM, "there is no commit yet, and this repository is bare")
    is_exact = not _identity_failure() and not subject.push.configuration.get("commit.gpgsign")
    return Finding(PROBLEM, "there is no commit yet", *((line, "") if is_exact else ("", line)))


def identity(subject: Subject) -> Finding:
    """Check whether git knows an author for the first commit."""
    if subject.push.head.has_commit:
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
    """Check whether the commit has submodules, whose content the build does not get."""
    if not subject.push.head.has_commit:
        return Finding(SKIPPED, "there is no commit yet")
    try:
        found = has_gitmodules()
    except RepositoryError as error:  # a partial clone may lack the tree
        return Finding(SKIPPED, error.message)
    if found:
        return Finding(WARNING, "the commit has submodules, and the build does not get their content")
    return Finding(OK, "the commit has no submodules")


def branch(subject: Subject) -> Finding:
    """Say whether Scalingo deploys the branch, and how to push if that push goes to the app."""
    push = subject.push
    name = push.head.branch or push.head.ref
    what = (
        f"Scalingo deploys {name}" if name in DEPLOYED_BRANCHES else f"Scalingo does not deploy a branch named {name}"
    )
    what = what if name else "HEAD is detached"
    command = push.command if subject.is_current and not push.problems else ""
    return Finding(OK, f"{what}: {command}" if command else what)
