"""`doctor`: find what would make the first push fail, and say what fixes it. It changes nothing."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from git_scalingo_region import shell
from git_scalingo_region.commands import access, checks
from git_scalingo_region.commands.checks import OK, PROBLEM, SKIPPED, WARNING, Finding, Skip, Subject
from git_scalingo_region.commands.selection import Remotes
from git_scalingo_region.context import Context
from git_scalingo_region.errors import (
    CredentialsError,
    ExitStatus,
    InvalidInput,
    MissingProgram,
    RepositoryError,
    ScalingoRegionError,
    SshRefusal,
)
from git_scalingo_region.model import check_remote_name
from git_scalingo_region.repository.configuration import Configuration
from git_scalingo_region.repository.git import MINIMUM, Repository
from git_scalingo_region.repository.git import version as git_version
from git_scalingo_region.repository.plan import State
from git_scalingo_region.repository.push import Push
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.scalingo.credentials import find_token
from git_scalingo_region.settings import Settings
from git_scalingo_region.ssh.client import version as ssh_version
from git_scalingo_region.terminal import GREEN, RED, Result, Style, plural, printable

MINIMUM_SSH = (7, 2)  # the signatures rsa-sha2-256 and rsa-sha2-512

_INSTALLERS = {
    "apt-get": "sudo apt-get install git openssh-client",
    "dnf": "sudo dnf install git openssh-clients",
    "apk": "sudo apk add git openssh-client",
    "brew": "brew install git openssh",
}


def run(context: Context, *, remote: str, connect: bool) -> Result:
    """Check everything that a push to the remote needs; with `connect`, try a connection as well.

    The exit status is 7 if there is a problem; a warning does not count. Raises `InvalidInput` for a name that no
    remote can have, and if it is not clear which remote is meant.
    """
    if remote:
        check_remote_name(remote)
    findings = dict(_findings(context, remote, connect=connect))
    return Result(
        text=lambda style: _text(findings, style),
        json=lambda: {"checks": [_json(*item) for item in findings.items()]},
        exit_status=ExitStatus.PROBLEM if _count(findings, PROBLEM) else ExitStatus.DONE,
    )


def _text(findings: Mapping[str, Finding], style: Style) -> str:
    """Show every check, and how many problems and warnings there are."""
    lines = []
    for name, (status, detail, fix, probe, _) in findings.items():
        lines.append(f"{style.paint_word(status, status.ljust(7))}  {name.ljust(11)}  {printable(detail)}\n")
        lines += [f"{' ' * 22}{label}: {command}\n" for label, command in (("fix", fix), ("try", probe)) if command]
    problems, warnings = _count(findings, PROBLEM), _count(findings, WARNING)
    total = f"{plural(problems, 'problem')} found" if problems else "No problem found"
    more = f", {plural(warnings, 'warning')}" if warnings else ""
    return "".join(lines) + style.paint(total, RED if problems else GREEN) + f"{more}\n"


def _json(name: str, finding: Finding) -> dict[str, Any]:
    status, detail, fix, probe, _ = finding
    return {"check": name, "status": status, "detail": detail, "fix": fix or None, "try": probe or None}


def _count(findings: Mapping[str, Finding], status: str) -> int:
    return sum(finding.status == status for finding in findings.values())


def _findings(context: Context, remote: str, *, connect: bool) -> Iterator[tuple[str, Finding]]:
    """Yield the checks by their names, which are stable; a check that cannot be made is skipped."""
    yield "git", _program("git", "git", git_version, MINIMUM)
    yield "ssh", _program("ssh", "OpenSSH", _ssh_version, MINIMUM_SSH)
    repository, finding = _find_repository()
    yield "repository", finding
    catalog, regions = _find_regions(context)
    look = partial(_run_check, _find_subject(context, catalog, remote, repository) if repository else None)
    yield "remote", look(checks.remote)
    yield "push-url", look(checks.push_url)
    yield "regions", regions
    yield "app", look(access.app)
    connection = look(access.connect) if connect else Finding(SKIPPED, "only with --connect")
    yield "host-key", look(partial(_host_key, connection=connection))
    yield "key", look(partial(_key, connection=connection))
    yield "history", look(checks.history)
    yield "refspec", look(checks.refspec)
    yield "follow-tags", look(checks.follow_tags)
    yield "commit", look(checks.commit)
    yield "identity", look(checks.identity)
    yield "submodules", look(checks.submodules)
    yield "branch", look(checks.branch)
    yield "connection", connection


def _run_check(subject: Subject | None, check: Callable[[Subject], Finding]) -> Finding:
    """Run one check. If it fails, that is reported as its problem, and the others are still run."""
    if subject is None:
        return Finding(SKIPPED, "there is no repository")
    try:
        return check(subject)
    except Skip as skip:
        return Finding(SKIPPED, str(skip))
    except MissingProgram as error:  # another check reports this as its problem
        return Finding(SKIPPED, error.message)
    except SshRefusal as error:
        return Finding(PROBLEM, error.message, "", "".join(error.hints))
    except ScalingoRegionError as error:
        return Finding(PROBLEM, error.message)


def _host_key(subject: Subject, connection: Finding) -> Finding:
    return _doubted(subject, _run_check(subject, access.host_key), connection)


def _doubted(subject: Subject, found: Finding, connection: Finding) -> Finding:
    """Return a finding about ssh, or a warning if git runs a different ssh from the one that was checked."""
    if found.status != PROBLEM or not access.has_own_ssh(subject):
        return found
    if connection.accepted is not None:
        return Finding(WARNING, f"{found.detail}, but this repository's core.sshCommand accepts the host")
    detail = f"{found.detail}, but git runs this repository's core.sshCommand"
    if connection.status != SKIPPED:
        return Finding(WARNING, detail)
    probe = shell.plugin("doctor", "--connect", subject.remote)
    return Finding(WARNING, f"{detail}, which only --connect tries", "", probe)


def _key(subject: Subject, connection: Finding) -> Finding:
    """Check the user's key. What the host says about it counts more than the account's list."""
    found = _doubted(subject, _run_check(subject, access.key), connection)
    if connection.accepted and found.status != OK:
        return Finding(OK, f"{subject.region.ssh} accepts your ssh key")
    if connection.accepted is False and found.status != PROBLEM:
        return access.key_refused(subject, f"{subject.region.ssh.host} accepts none of your ssh keys")
    return found


def _ssh_version() -> tuple[int, int]:
    found = re.match(r"OpenSSH_(\d+)\.(\d+)", ssh_version())
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _program(command: str, name: str, ask: Callable[[], tuple[int, int]], minimum: tuple[int, int]) -> Finding:
    """Check whether a program is installed and new enough. An install command may not work, so it is no fix."""
    try:
        version = ask()
    except RepositoryError as error:
        detail = error.message
    else:
        shown, needed = (f"{name} {major}.{minor}" for major, minor in (version, minimum))
        if version >= minimum:
            return Finding(OK, shown)
        is_old = version > (0, 0)
        detail = f"{shown} is too old: {needed} is needed" if is_old else f"{command} does not say that it is {name}"
    installation = next((line for installer, line in _INSTALLERS.items() if shutil.which(installer)), "")
    return Finding(PROBLEM, detail, "", installation)


def _find_repository() -> tuple[tuple[Repository, Configuration] | None, Finding]:
    try:
        repository = Repository()
        return (repository, repository.read()), Finding(OK, "git reads its configuration")
    except MissingProgram as error:
        return None, Finding(SKIPPED, error.message)
    except RepositoryError as error:
        ours = (shell.git("init"), "git config --global --add safe.directory ")
        fix = next((hint for hint in error.hints if hint.startswith(ours) and hint.isprintable()), "")
        return None, Finding(PROBLEM, error.message, fix, "" if fix else shell.git("status"))


def _find_regions(context: Context) -> tuple[Catalog, Finding]:
    """Fetch the list again, because only a new fetch shows whether the token is accepted.

    The catalog has a context of its own, since its warnings are findings here.
    """
    settings = context.settings
    catalog = Catalog(Context(settings, refresh=not context.offline, offline=context.offline))
    try:
        regions = catalog.load()
    except CredentialsError as error:
        # Only this check has a problem: the others can still look at the remote.
        return _kept_catalog(settings), Finding(PROBLEM, error.message, *_without_token(settings))
    if context.offline:
        return catalog, Finding(SKIPPED, "--offline")
    if catalog.context.warnings:
        reason, _, _ = catalog.context.warnings[0].partition("; using ")  # which list is used instead does not matter
        return catalog, Finding(PROBLEM, reason, "", shell.command("curl", "-sS", f"{settings.service}/v1/regions"))
    count, whose = len(regions.regions), ", the token is accepted" if catalog.token else ""
    return catalog, Finding(
        OK, f"{plural(count, 'region' if whose else 'public region')} from {settings.service}{whose}"
    )


def _without_token(settings: Settings) -> tuple[str, str]:
    """Return the command that removes a bad token, as a fix; otherwise the one that gets a new token, as a probe."""
    try:
        is_only_one = settings.api_token and not find_token(settings._replace(api_token=""))
    except CredentialsError:
        is_only_one = False
    # An empty variable counts as not set, and fish has no unset.
    return ("export SCALINGO_API_TOKEN=", "") if is_only_one else ("", "scalingo login")


def _kept_catalog(settings: Settings) -> Catalog:
    """Return a catalog that asks no service, with the account's cached list, or without an unusable token."""
    catalog = Catalog(Context(settings, offline=True))
    try:
        catalog.load()
    except CredentialsError:
        return Catalog(Context(settings._replace(api_token="", cli_auth_file=""), offline=True))
    return catalog


def _find_subject(context: Context, catalog: Catalog, remote: str, found: tuple[Repository, Configuration]) -> Subject:
    repository, configuration = found
    remotes = Remotes(catalog, configuration)
    selection = remotes.select(remote, existing=True)
    ours = [item.remote.name for item in remotes.examine(repository)]
    if not remote and selection.remote not in configuration.remote_names and len(ours) > 1:
        hints = filter(None, (shell.plugin("doctor", name) for name in ours))
        raise InvalidInput(f"several remotes are Scalingo's: {', '.join(ours)}: name one of them", *hints)
    examined = selection.examined
    region = catalog.find(examined.region) if examined and examined.state is not State.UNKNOWN_REGION else None
    push = Push(repository, configuration, selection.remote)
    return Subject(context, remotes, push, examined, region)
