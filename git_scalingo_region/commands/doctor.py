"""`doctor`: find what would make the first push fail, and say what fixes it. Changes nothing."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from git_scalingo_region.commands.regions import Request, load_regions, platform_of
from git_scalingo_region.errors import CredentialsError, RemoteConflict, ScalingoRegionError
from git_scalingo_region.model import Region, RegionList, RemoteUrl, check_remote_name
from git_scalingo_region.outcomes import Check, Diagnosis, RemoteStatus
from git_scalingo_region.repository.plan import DEPLOYED_BRANCHES, STALE, refspec_to_push
from git_scalingo_region.scalingo import builtin as embedded
from git_scalingo_region.settings import DEFAULT_REMOTE
from git_scalingo_region.ssh import known_hosts as hostkeys

if TYPE_CHECKING:
    from git_scalingo_region.repository.configuration import Configuration
    from git_scalingo_region.repository.git import Repository

# git config --show-scope came with 2.26, rsa-sha2 signatures with OpenSSH 7.2.
MIN_GIT = (2, 26)
MIN_SSH = (7, 2)
PROGRAM_SECONDS = 10.0
CONNECT_SECONDS = 20.0
OK, PROBLEM, SKIPPED = "ok", "problem", "skipped"

_INSTALLERS = {
    "apt-get": "sudo apt-get install git openssh-client",
    "dnf": "sudo dnf install git openssh-clients",
    "apk": "sudo apk add git openssh-client",
    "brew": "brew install git openssh",
}

# What ssh says, most telling first: pattern, what it means, and the fix.
_SSH_FAILURES = (
    (r"Could not resolve hostname", "the name {host} is not resolved", "{probe}"),
    (r"REVOKED HOST KEY|IDENTIFICATION HAS CHANGED|Offending .* key", "the host key is not the one known", "{renew}"),
    (r"Host key verification failed|No .* host key is known", "the host key is unknown", "{trust}"),
    (r"ssh: connect to host|Connection timed out", "port {port} of {host} is unreachable", "{probe}"),
    (r"Permission denied \(|Too many authentication failures", "no ssh key of yours is accepted", "{key}"),
    (r"Connection closed|Connection reset|Broken pipe", "{host} closed the connection", "{probe}"),
    (r"cannot run |command not found|onfiguration option|terminating,", "ssh cannot be run: {said}", "{probe}"),
)
# Lines that tell nothing of the cause: ssh's warnings, and git's closing words.
_NOISE = re.compile(r"\s*$|\*\*|Warning: |fatal: (Could not read|the remote end)|Please make sure|and the repository")


class Finding(NamedTuple):
    """What one check comes to, before it is given its name."""

    status: str
    detail: str
    fix: str = ""


@dataclass(frozen=True)
class Place:
    """The repository, and its configuration as it was read."""

    repository: Repository
    configuration: Configuration


@dataclass(frozen=True)
class Target:
    """A remote of a known region, and what was read to find that out."""

    request: Request
    place: Place
    regions: RegionList
    status: RemoteStatus
    region: Region

    def is_reached_by(self, url: str) -> bool:
        """Whether a push url leads to the app, in the region that the remote is of."""
        parsed = RemoteUrl.try_parse(url)
        if parsed is None or parsed.app != self.status.app:
            return False
        return platform_of(self.regions).region_name(parsed) == self.region.name

    @property
    def trust(self) -> str:
        """The command that makes the host key known."""
        return f"git scalingo-region trust {self.region.name}"


T = TypeVar("T")


def doctor(request: Request, remote: str, *, connect: bool) -> Diagnosis:
    """Check all that a push to the remote needs; `connect` tries a connection as well."""
    check_remote_name(remote)
    return Diagnosis(tuple(Check(name, *finding) for name, finding in _findings(request, remote, connect=connect)))


def _findings(request: Request, remote: str, *, connect: bool) -> Iterator[tuple[str, Finding]]:
    """Yield the checks' names, which are stable, and findings; what cannot be looked at is skipped."""
    yield "git", _program("git", ["git", "version"], r"version (\d+)\.(\d+)", MIN_GIT)
    yield "ssh", _program("OpenSSH", ["ssh", "-V"], r"OpenSSH_(\d+)\.(\d+)", MIN_SSH)
    place, repository_finding = _find_place()
    regions, regions_finding = _find_regions(request)
    target, remote_finding = _find_target(request, place, regions, remote)
    yield "repository", repository_finding
    yield "remote", remote_finding
    yield "push-url", _look(_push_url, target, "there is no remote of a known region")
    yield "regions", regions_finding
    yield "host-key", _look(_host_key, target, "there is no remote of a known region")
    for name, look in (("history", _history), ("follow-tags", _follow_tags), ("commit", _commit)):
        yield name, _look(look, place, "there is no repository")
    yield "branch", _look(lambda place: _branch(place, remote), place, "there is no repository")
    missing = "there is no remote of a known region" if connect else "only with --connect"
    yield "connection", _look(_connection, target if connect else None, missing)


def _look(look: Callable[[T], Finding], subject: T | None, missing: str) -> Finding:
    """Run one check: a failure of its own is its problem, not the end of the examination."""
    if subject is None:
        return Finding(SKIPPED, missing)
    try:
        return look(subject)
    except ScalingoRegionError as error:
        return _failed(error)


def _failed(error: ScalingoRegionError) -> Finding:
    fix = next((hint for hint in error.hints if hint.startswith(("git ", "ssh ", "install "))), "git status")
    return Finding(PROBLEM, error.message, fix)


# --- the programs ----------------------------------------------------------------------------------------------------


def _program(name: str, command: Sequence[str], version: str, minimum: tuple[int, int]) -> Finding:
    try:
        answer = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # where ssh -V writes to
            text=True,
            errors="replace",
            check=False,
            timeout=PROGRAM_SECONDS,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return Finding(PROBLEM, f"{command[0]} is not on PATH", _installation(name, minimum))
    found = re.search(version, answer)
    if not found:
        return Finding(PROBLEM, f"{command[0]} does not say that it is {name}", _installation(name, minimum))
    if (int(found[1]), int(found[2])) < minimum:
        return Finding(PROBLEM, f"{name} {found[1]}.{found[2]} is too old", _installation(name, minimum))
    return Finding(OK, f"{name} {found[1]}.{found[2]}")


def _installation(name: str, minimum: tuple[int, int]) -> str:
    known = (command for program, command in _INSTALLERS.items() if shutil.which(program))
    return next(known, f"install {name} {minimum[0]}.{minimum[1]} or newer")


# --- what the other checks stand on ----------------------------------------------------------------------------------


def _find_place() -> tuple[Place | None, Finding]:
    from git_scalingo_region.repository.git import Repository

    try:
        repository = Repository()
        return Place(repository, repository.read()), Finding(OK, "git reads its configuration")
    except ScalingoRegionError as error:
        finding = _failed(error)
        return None, finding._replace(fix="git init") if "not a git repository" in error.message else finding


def _find_regions(request: Request) -> tuple[RegionList, Finding]:
    """Ask for the list anew: only so is the token's acceptance found out."""
    warnings: list[str] = []
    service = request.settings.service
    try:
        regions = load_regions(replace(request, warn=warnings.append, refresh=not request.offline))
    except CredentialsError as error:
        # It is this check's problem alone: the remote is still to be looked at.
        fix = "unset SCALINGO_API_TOKEN" if request.settings.api_token else "scalingo login"
        return _kept_regions(request), Finding(PROBLEM, error.message, fix)
    if request.offline:
        return regions, Finding(SKIPPED, "--offline")
    if warnings:
        reason, _, _ = warnings[0].partition("; using ")  # which list stands in is of no matter here
        return regions, Finding(PROBLEM, reason, f"curl -sS {service}/v1/regions")
    whose = "the public ones" if regions.anonymous else "the token is accepted"
    return regions, Finding(OK, f"{len(regions.regions)} from {service}, {whose}")


def _kept_regions(request: Request) -> RegionList:
    try:
        return load_regions(replace(request, warn=lambda _: None, refresh=False, offline=True))
    except CredentialsError:
        return RegionList(embedded.REGIONS, "embedded", None, anonymous=True)


def _find_target(
    request: Request, place: Place | None, regions: RegionList, name: str
) -> tuple[Target | None, Finding]:
    from git_scalingo_region.commands.status import statuses

    if place is None:
        return None, Finding(SKIPPED, "there is no repository")
    add = "git scalingo-region add" + ("" if name == DEFAULT_REMOTE else f" -r {shlex.quote(name)}")
    if name not in place.configuration.remote_names:
        return None, Finding(PROBLEM, f"there is no remote '{name}'", f"{add} REGION APP")
    try:
        status, region = next(statuses(place.configuration, regions, [place.configuration.remote(name)], named=True))
    except RemoteConflict as conflict:
        # Another remote is there for a reason: it is not to be replaced.
        fix = f"{add} --force REGION APP" if name == DEFAULT_REMOTE else "git scalingo-region add REGION APP"
        return None, Finding(PROBLEM, conflict.message, fix)
    if region is None:
        fix = f"{add} REGION {status.app}"
        return None, Finding(PROBLEM, f"its region, {status.region}, is not in the list", fix)
    target = Target(request, place, regions, status, region)
    if status.state == STALE:
        fix = f"git scalingo-region sync {shlex.quote(name)}"
        return target, Finding(PROBLEM, f"{status.url} is not what {region.name} has now: {region.ssh}", fix)
    return target, Finding(OK, f"{name} is {status.app} in {region.name}")


# --- the checks of a remote ------------------------------------------------------------------------------------------


def _push_url(target: Target) -> Finding:
    name = target.status.remote
    urls = target.place.repository.push_urls(name)
    elsewhere = [url for url in urls if not target.is_reached_by(url)]
    if not elsewhere:
        return Finding(OK, ", ".join(urls))
    return Finding(PROBLEM, f"git push {name} goes to {', '.join(elsewhere)}", _redirection(target))


def _redirection(target: Target) -> str:
    """Return the command that makes the push go to the app, whatever diverts it."""
    for entry in target.place.configuration.remote(target.status.remote).pushurls:
        if not entry.own:  # it counts beside every pushurl of the repository's own
            file = entry.origin.removeprefix("file:")
            return shlex.join(["git", "config", "--file", file, "--unset-all", entry.key])
    url = str(target.region.remote_url(target.status.app))
    # A pushurl hides every url, and knows no pushInsteadOf.
    command = shlex.join(["git", "config", "--replace-all", f"remote.{target.status.remote}.pushurl", url])
    if target.place.configuration.rewritten(url) == url:
        return command
    # The longest prefix wins: a url that stands for itself is left alone.
    return f"{command} && {shlex.join(['git', 'config', f'url.{url}.insteadOf', url])}"


def _host_key(target: Target) -> Finding:
    place = hostkeys.lookup(target.region.ssh, target.request.settings.ssh)
    published = embedded.FINGERPRINTS.get(str(target.region.ssh), {})
    trusted = hostkeys.trusted_keys(place)
    for entry in hostkeys.known_keys(place.name, place.files):
        renew = f"{entry.removal} && {target.trust}"
        if not entry.marker and entry not in trusted:
            return Finding(PROBLEM, f"the key that {entry.path} holds for {place.name} is revoked", renew)
        if not entry.marker and published.get(entry.key.type, entry.key.fingerprint) != entry.key.fingerprint:
            return Finding(PROBLEM, f"{entry.path} holds a key for {place.name} that is not the published one", renew)
    if not trusted:
        return Finding(PROBLEM, f"ssh does not know {place.name} yet", target.trust)
    if not published:
        return Finding(OK, "known; no fingerprint is published for it")
    if not any(entry.key.fingerprint in published.values() for entry in trusted):
        return Finding(PROBLEM, f"ssh knows {place.name} by a key that is not published", target.trust)
    return Finding(OK, "known, and the published one")


def _connection(target: Target) -> Finding:
    if target.request.offline:
        return Finding(SKIPPED, "--offline")
    url = target.status.push_urls[0]
    parsed = RemoteUrl.try_parse(url)
    if parsed is None or not target.is_reached_by(url):
        return Finding(SKIPPED, "git push does not go to the app")
    # As git itself chooses it; core.sshCommand may come from the repository, and git push would run it as well.
    settings = target.request.settings
    ssh = settings.ssh_command or target.place.configuration.get("core.sshcommand") or settings.ssh or "ssh"
    status, said = target.place.repository.connect(url, ssh, seconds=CONNECT_SECONDS)
    probe = f"ssh -v -p {parsed.endpoint.port} git@{parsed.endpoint.host}"
    if status is None:
        return Finding(PROBLEM, f"{parsed.endpoint} did not answer within {CONNECT_SECONDS:.0f} seconds", probe)
    if status == 0:
        return Finding(OK, f"{parsed.endpoint} lets you in, and {parsed.app} is there")
    words = next((line for line in reversed(said.splitlines()) if not _NOISE.match(line)), "it does not say why")
    names = {"host": parsed.endpoint.host, "port": parsed.endpoint.port, "said": words, "probe": probe}
    names |= {"trust": target.trust, "renew": _renewal(target), "key": "scalingo keys-add KEY ~/.ssh/id_ed25519.pub"}
    for pattern, meaning, fix in _SSH_FAILURES:
        if re.search(pattern, said):
            return Finding(PROBLEM, meaning.format(**names), fix.format(**names))
    fix = f"scalingo --region {target.region.name} apps"
    return Finding(PROBLEM, f"there is no app {parsed.app}, or you have no right on it: {words}", fix)


def _renewal(target: Target) -> str:
    """Return the command that takes out what is known of the host, and learns its key anew, verified."""
    place = hostkeys.lookup(target.region.ssh, target.request.settings.ssh)
    removals = dict.fromkeys(e.removal for e in hostkeys.known_keys(place.name, place.files) if not e.marker)
    return " && ".join([*removals, target.trust])


# --- the checks of a repository --------------------------------------------------------------------------------------


def _history(place: Place) -> Finding:
    if place.repository.is_shallow():
        return Finding(PROBLEM, "the clone is shallow, and such a push is refused", "git fetch --unshallow")
    return Finding(OK, "the clone is whole")


def _follow_tags(place: Place) -> Finding:
    if place.configuration.get_bool("push.followtags"):
        return Finding(PROBLEM, "push.followTags is set, and Scalingo refuses tags", "git config push.followTags false")
    return Finding(OK, "push.followTags is not set")


def _commit(place: Place) -> Finding:
    if place.repository.head().has_commit:
        return Finding(OK, "there is something to push")
    return Finding(PROBLEM, "there is no commit yet", "git add --all && git commit --message 'First commit'")


def _branch(place: Place, remote: str) -> Finding:
    branch = place.repository.head().branch
    push = shlex.join(["git", "push", remote, refspec_to_push(branch)])
    if branch is None:
        return Finding(OK, f"HEAD is detached: {push}")
    deployed = "is deployed" if branch in DEPLOYED_BRANCHES else "is not deployed under its own name"
    return Finding(OK, f"{branch} {deployed}: {push}")
