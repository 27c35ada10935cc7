"""`doctor`: find what would make the first push fail, and say what fixes it. It changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from git_scalingo_region import shell
from git_scalingo_region.commands import access, checks
from git_scalingo_region.commands.checks import OK, PROBLEM, SKIPPED, WARNING, Finding, Subject, Target
from git_scalingo_region.commands.selection import examiner_of, is_gone, select
from git_scalingo_region.context import Context
from git_scalingo_region.errors import CredentialsError, ExitStatus, InvalidInput, RepositoryError, ScalingoRegionError
from git_scalingo_region.model import RemoteUrl, check_remote_name
from git_scalingo_region.repository.configuration import Configuration
from git_scalingo_region.repository.declared import read_declared
from git_scalingo_region.repository.git import MINIMUM, Repository
from git_scalingo_region.repository.git import version as git_version
from git_scalingo_region.repository.plan import State
from git_scalingo_region.scalingo.apps import find_app
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.scalingo.choice import ASK_FOR_ACCESS, RESTRICTED
from git_scalingo_region.scalingo.credentials import find_token
from git_scalingo_region.settings import Settings
from git_scalingo_region.ssh.client import version as ssh_version
from git_scalingo_region.terminal import GREEN, RED, Style, plural, printable

MINIMUM_SSH = (7, 2)  # the signatures rsa-sha2-256 and rsa-sha2-512

_INSTALLERS = {
    "apt-get": "sudo apt-get install git openssh-client",
    "dnf": "sudo dnf install git openssh-clients",
    "apk": "sudo apk add git openssh-client",
    "brew": "brew install git openssh",
}
_NO_REPOSITORY = "there is no repository"
_NO_REMOTE = "there is no remote of a known region"

T = TypeVar("T")


class Check(NamedTuple):
    """A check by its name, which is stable, and what it comes to."""

    name: str
    finding: Finding

    def lines(self, style: Style) -> str:
        """Return the check for a person, with the command that fixes it or tells more on a line of its own."""
        status, detail, fix, probe = self.finding
        first = f"{style.paint_word(status, status.ljust(7))}  {self.name.ljust(11)}  {printable(detail)}\n"
        commands = (("fix", fix), ("try", probe))
        return first + "".join(f"{' ' * 22}{label}: {command}\n" for label, command in commands if command)


class Diagnosis(NamedTuple):
    """The checks, in the order in which they are shown."""

    checks: tuple[Check, ...]

    def _count(self, status: str) -> int:
        return sum(check.finding.status == status for check in self.checks)

    @property
    def exit_status(self) -> ExitStatus:
        """7 if there is a problem; a warning is none."""
        return ExitStatus.PROBLEM if self._count(PROBLEM) else ExitStatus.DONE

    def text(self, style: Style) -> str:
        """Show every check, and the sum."""
        problems, warnings = self._count(PROBLEM), self._count(WARNING)
        total = f"{plural(problems, 'problem')} found" if problems else "No problem found"
        total = style.paint(total, RED if problems else GREEN) + (
            f", {plural(warnings, 'warning')}" if warnings else ""
        )
        return "".join(check.lines(style) for check in self.checks) + total + "\n"

    def json(self) -> dict[str, Any]:
        """Return the checks; a `fix` or `try` that does not exist is null."""
        return {"checks": [_check_json(check) for check in self.checks]}

    def hints(self) -> Sequence[str]:
        """Return nothing: each check has its own command."""
        return ()


def _check_json(check: Check) -> dict[str, Any]:
    status, detail, fix, probe = check.finding
    return {"check": check.name, "status": status, "detail": detail, "fix": fix or None, "try": probe or None}


def run(context: Context, *, remote: str, connect: bool) -> Diagnosis:
    """Check everything that a push to the remote needs; with `connect`, try a connection as well.

    Raises `InvalidInput` for a name that no remote can have, and if it is not clear which remote is meant.
    """
    if remote:
        check_remote_name(remote)
    return Diagnosis(tuple(Check(name, finding) for name, finding in _findings(context, remote, connect=connect)))


def _findings(context: Context, remote: str, *, connect: bool) -> Iterator[tuple[str, Finding]]:
    """Yield the checks; what cannot be looked at is skipped."""
    git_finding, ssh_finding = _git(), _ssh()
    place, repository_finding = _find_place()
    catalog, regions_finding = _find_regions(context)
    subject = _find_subject(context, catalog, remote, *place) if place else None
    target = _target_of(subject) if subject else None
    key = _look(access.key, target, _NO_REMOTE)
    connection = _connection(target) if connect else access.Attempt(Finding(SKIPPED, "only with --connect"))
    yield "git", git_finding
    yield "ssh", ssh_finding
    yield "repository", repository_finding
    yield "remote", _look(_remote, subject, _NO_REPOSITORY)
    yield "push-url", _look(checks.push_url, target, _NO_REMOTE)
    yield "regions", regions_finding
    yield "app", _look(access.app, target, _NO_REMOTE)
    yield "host-key", _doubted(_look(access.host_key, target, _NO_REMOTE), target, accepted=connection.accepted)
    yield "key", _corrected(_doubted(key, target), connection.accepted, target)
    for name in ("history", "refspec", "follow-tags", "commit", "identity", "submodules", "branch"):
        yield name, _look(getattr(checks, name.replace("-", "_")), subject, _NO_REPOSITORY)
    yield "connection", connection.finding


def _look(look: Callable[[T], Finding], subject: T | None, missing: str) -> Finding:
    """Run one check. If it fails, that is its problem, and the others are still run."""
    if subject is None:
        return Finding(SKIPPED, missing)
    try:
        return look(subject)
    except ScalingoRegionError as error:
        return _failed(error)


def _failed(error: ScalingoRegionError) -> Finding:
    if "is not installed" in error.message:  # that is the problem of a check of its own
        return Finding(SKIPPED, error.message)
    return Finding(PROBLEM, error.message, "", next((hint for hint in error.hints if hint.startswith("ssh ")), ""))


def _connection(target: Target | None) -> access.Attempt:
    if target is None:
        return access.Attempt(Finding(SKIPPED, _NO_REMOTE))
    try:
        return access.connect(target)
    except ScalingoRegionError as error:
        return access.Attempt(_failed(error))


def _corrected(key: Finding, accepted: bool | None, target: Target | None) -> Finding:
    """Return the check of the user's key, given what the host said: it knows better than the account's list."""
    if accepted and target and key.status != OK:
        return Finding(OK, f"{target.region.ssh} accepts your ssh key")
    if accepted is False and target and key.status != PROBLEM:
        return access.refused(target, f"{target.region.ssh.host} accepts none of your ssh keys")
    return key


def _doubted(finding: Finding, target: Target | None, *, accepted: bool | None = None) -> Finding:
    """Return a finding about ssh, given that git may run another one than the one that was asked."""
    if finding.status != PROBLEM or target is None or not access.has_own_ssh(target):
        return finding
    if accepted is not None:
        return Finding(WARNING, f"{finding.detail}, but this repository's core.sshCommand accepts the host")
    detail = f"{finding.detail}, but git runs this repository's core.sshCommand, which only --connect tries"
    return Finding(WARNING, detail, "", shell.plugin("doctor", "--connect", target.subject.remote))


# --- the programs ----------------------------------------------------------------------------------------------------


def _git() -> Finding:
    try:
        return _judged("git", "git", git_version(), MINIMUM)
    except RepositoryError as error:
        return Finding(PROBLEM, error.message, "", _installation())


def _ssh() -> Finding:
    try:
        found = re.match(r"OpenSSH_(\d+)\.(\d+)", ssh_version())
    except RepositoryError as error:
        return Finding(PROBLEM, error.message, "", _installation())
    return _judged("ssh", "OpenSSH", (int(found[1]), int(found[2])) if found else (0, 0), MINIMUM_SSH)


def _judged(command: str, name: str, version: tuple[int, int], minimum: tuple[int, int]) -> Finding:
    shown, needed = (f"{name} {major}.{minor}" for major, minor in (version, minimum))
    if version == (0, 0):
        return Finding(PROBLEM, f"{command} does not say that it is {name}", "", _installation())
    if version < minimum:
        return Finding(PROBLEM, f"{shown} is too old: {needed} is needed", "", _installation())
    return Finding(OK, shown)


def _installation() -> str:
    """Return the command that installs both programs here, or "". Whether it works is not known."""
    import shutil

    return next((command for program, command in _INSTALLERS.items() if shutil.which(program)), "")


# --- what the other checks need --------------------------------------------------------------------------------------


def _find_place() -> tuple[tuple[Repository, Configuration] | None, Finding]:
    try:
        repository = Repository()
        return (repository, repository.read()), Finding(OK, "git reads its configuration")
    except RepositoryError as error:
        if "not installed" in error.message:
            return None, Finding(SKIPPED, "git is not installed")
        ours = (shell.git("init"), "git config --global --add safe.directory ")
        fix = next((hint for hint in error.hints if hint.startswith(ours) and hint.isprintable()), "")
        return None, Finding(PROBLEM, error.message, fix, "" if fix else shell.git("status"))


def _find_regions(context: Context) -> tuple[Catalog, Finding]:
    """Ask for the list anew: only then it is known whether the token is accepted.

    The catalog has a context of its own, since its warnings are findings here.
    """
    settings = context.settings
    catalog = Catalog(Context(settings, refresh=not context.offline, offline=context.offline))
    try:
        regions = catalog.load()
    except CredentialsError as error:
        # It is a problem of this check only: the remote can still be looked at.
        return _kept_catalog(settings), Finding(PROBLEM, error.message, *_without_token(settings))
    if context.offline:
        return catalog, Finding(SKIPPED, "--offline")
    if catalog.context.warnings:
        reason, _, _ = catalog.context.warnings[0].partition("; using ")  # which list is used instead does not matter
        return catalog, Finding(PROBLEM, reason, "", shell.command("curl", "-sS", f"{settings.service}/v1/regions"))
    whose = "the public ones" if regions.anonymous else "the token is accepted"
    return catalog, Finding(OK, f"{len(regions.regions)} from {settings.service}, {whose}")


def _without_token(settings: Settings) -> tuple[str, str]:
    """Return the command that gets rid of a bad token, or else the one that gets a new one."""
    login = ("", "scalingo login")
    try:
        others = find_token(settings._replace(api_token=""))
    except CredentialsError:
        return login
    return ("unset SCALINGO_API_TOKEN", "") if settings.api_token and not others else login


def _kept_catalog(settings: Settings) -> Catalog:
    """Return a catalog that asks nobody: with the account's cached list, or without the token if that is unusable."""
    catalog = Catalog(Context(settings, offline=True))
    try:
        catalog.load()
    except CredentialsError:
        return Catalog(Context(settings._replace(api_token="", cli_auth_file=""), offline=True))
    return catalog


def _find_subject(
    context: Context, catalog: Catalog, remote: str, repository: Repository, configuration: Configuration
) -> Subject:
    selection = select(context, catalog, configuration, remote, existing=True)
    if not remote and selection.remote not in configuration.remote_names:
        _refuse_several(catalog, configuration)
    examined = selection.examined
    found = catalog.find(examined.region) if examined and examined.region else None
    is_known = found is not None and examined is not None and examined.state is not State.UNKNOWN_REGION
    return Subject(
        context,
        catalog,
        repository,
        configuration,
        repository.head(),
        selection.remote,
        examiner_of(catalog, configuration),
        examined,
        found.region if found and is_known else None,
    )


def _refuse_several(catalog: Catalog, configuration: Configuration) -> None:
    examiner = examiner_of(catalog, configuration)
    ours = [name for name in configuration.remote_names if examiner.examine(name)]
    if len(ours) > 1:
        commands = [shell.plugin("doctor", name) for name in ours]
        raise InvalidInput(
            f"several remotes are Scalingo's: {', '.join(ours)}: name one of them", *filter(None, commands)
        )


def _target_of(subject: Subject) -> Target | None:
    return Target(subject, subject.examined, subject.region) if subject.examined and subject.region else None


# --- the remote ------------------------------------------------------------------------------------------------------


def _remote(subject: Subject) -> Finding:
    """Look whether the remote is there, is Scalingo's, and is up to date."""
    name, examined, region = subject.remote, subject.examined, subject.region
    if examined is None:
        return _not_ours(subject)
    if region is None and not is_gone(subject.catalog, examined):
        return Finding(PROBLEM, f"its region, {examined.region}, {RESTRICTED}: {ASK_FOR_ACCESS}")
    if region is None:
        gone = f"its region, {examined.region}, is not in the list" if examined.region else "its region is unknown"
        fix = _follow(subject, examined.url.app)
        probe = "" if fix else f"{shell.plugin(*subject.add)} REGION {examined.url.app}"
        return Finding(PROBLEM, gone, fix, probe)
    if examined.state is State.STALE:
        target = Target(subject, examined, region)
        parsed = ((entry.value, RemoteUrl.try_parse(entry.value)) for _, entry in examined.remote.located)
        old = next((text for text, url in parsed if url and url.endpoint != region.ssh), examined.held_url)
        detail = f"{old} is not what {region.name} has now: {region.ssh}"
        return Finding(PROBLEM, detail, checks.bring_up_to_date(target))
    return Finding(OK, f"{name} is {examined.url.app} in {region.name}")


def _not_ours(subject: Subject) -> Finding:
    """Return what to do about a remote that is missing, or that is there for something else."""
    name, remote = subject.remote, subject.configuration.remote(subject.remote)
    add = f"{shell.plugin(*subject.add)} REGION APP"
    if remote.exists:
        other = (
            f"{shell.plugin('add')} REGION APP"
            if subject.add != ("add",)
            else f"{shell.plugin('add', '--force')} REGION APP"
        )
        where = f"it points to {remote.located[0][1].value}" if remote.located else "it has no url"
        return Finding(PROBLEM, f"the remote '{name}' is not Scalingo's: {where}", "", other)
    if file := subject.repository.legacy_file(name):
        return Finding(PROBLEM, f"the remote '{name}' is defined by the file {file}, and not Scalingo's")
    declared = (read_declared(subject.context, subject.repository) or {}).get(name)
    if declared and declared.region and subject.catalog.find(declared.region):
        return Finding(PROBLEM, f"there is no remote '{name}', but it is declared", shell.plugin("setup", name))
    return Finding(PROBLEM, f"there is no remote '{name}'", "", add)


def _follow(subject: Subject, app: str) -> str:
    """Return the command that moves the remote to the one region where the app is now; "" if that is not known."""
    try:
        whereabouts = find_app(subject.catalog, app)
    except CredentialsError:
        return ""
    return subject.move(whereabouts.present[0], app) if whereabouts and len(whereabouts.present) == 1 else ""
