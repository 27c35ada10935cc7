"""`doctor`: find what would make the first push fail, and say what fixes it. Changes nothing."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from git_scalingo_region import embedded, hostkeys
from git_scalingo_region.commands.regions import Request, load_regions, platform_of
from git_scalingo_region.errors import ExitStatus, RemoteConflict, ScalingoRegionError
from git_scalingo_region.model import Region, RegionList, RemoteUrl, check_remote_name
from git_scalingo_region.outcomes import Check, Diagnosis, RemoteStatus
from git_scalingo_region.policy import DEPLOYED_BRANCHES, refspec_to_push

if TYPE_CHECKING:
    from git_scalingo_region.gitconfig import Configuration
    from git_scalingo_region.remotes import Repository

# git config --show-scope came with 2.26, rsa-sha2 signatures with OpenSSH 7.2.
MIN_GIT = (2, 26)
MIN_SSH = (7, 2)
CONNECT_SECONDS = 20.0
OK, PROBLEM, SKIPPED = "ok", "problem", "skipped"

# What ssh and git say, most telling first: pattern, what it means, and the fix.
_CONNECTION_FAILURES = (
    (r"Could not resolve hostname", "the name {host} is not resolved", "getent hosts {host}"),
    (r"REMOTE HOST IDENTIFICATION HAS CHANGED|Offending .* key", "the host key is not the one known", "{trust}"),
    (r"Host key verification failed|No .* host key is known", "the host key is unknown", "{trust}"),
    (
        r"Connection refused|timed out|No route to host|unreachable",
        "port {port} of {host} is unreachable",
        "nc -vz {host} {port}",
    ),
    (r"Permission denied|Too many authentication failures", "no ssh key of yours is accepted", "ssh-add -l"),
    (r"Connection closed|Connection reset|Broken pipe", "{host} closed the connection", "ssh -v -p {port} git@{host}"),
)


def doctor(request: Request, remote: str, *, connect: bool) -> Diagnosis:
    """Check all that a push to the remote needs; `connect` tries a connection as well."""
    check_remote_name(remote)
    return Diagnosis(tuple(_Examination(request, remote).checks(connect=connect)))


class _Examination:
    """What the checks find out one after the other, for those that come later."""

    def __init__(self, request: Request, remote: str) -> None:
        self.request = request
        self.remote = remote
        self.repository: Repository | None = None
        self.configuration: Configuration | None = None
        self.regions: RegionList | None = None
        self.region: Region | None = None
        self.status: RemoteStatus | None = None

    def checks(self, *, connect: bool) -> Iterator[Check]:
        yield _guarded("git", lambda: _program(["git", "version"], MIN_GIT, "git"))
        yield _guarded("ssh", lambda: _program(["ssh", "-V"], MIN_SSH, "OpenSSH"))
        yield _guarded("repository", self._check_repository)
        regions = _guarded("regions", self._check_regions)
        yield self._needing_repository("remote", self._check_remote)
        yield self._needing_remote("push-url", self._check_push_url)
        yield regions
        yield self._needing_remote("host-key", self._check_host_key)
        yield self._needing_repository("history", self._check_history)
        yield self._needing_repository("follow-tags", self._check_follow_tags)
        yield self._needing_repository("commit", self._check_commit)
        yield self._needing_repository("branch", self._check_branch)
        if not connect:
            yield Check("connection", SKIPPED, "only with --connect")
        else:
            yield self._needing_remote("connection", self._check_connection)

    def _needing_repository(self, name: str, check: Callable[[Repository, Configuration], Check]) -> Check:
        repository, configuration = self.repository, self.configuration
        if repository is None or configuration is None:
            return Check(name, SKIPPED, "there is no repository")
        return _guarded(name, lambda: check(repository, configuration))

    def _needing_remote(self, name: str, check: Callable[[Repository, RemoteStatus, Region], Check]) -> Check:
        repository, status, region = self.repository, self.status, self.region
        if repository is None or status is None or region is None:
            return Check(name, SKIPPED, "there is no remote of a known region")
        return _guarded(name, lambda: check(repository, status, region))

    def _check_repository(self) -> Check:
        from git_scalingo_region.remotes import Repository

        repository = Repository()
        self.configuration = repository.read()
        self.repository = repository
        return Check("repository", OK, "git reads its configuration")

    def _check_regions(self) -> Check:
        """Ask for the list anew: only so is the token's acceptance found out."""
        warnings: list[str] = []
        request = replace(self.request, warn=warnings.append, refresh=not self.request.offline)
        try:
            self.regions = load_regions(request)
        except ScalingoRegionError:
            # A rejected token is this check's problem; the remote is still to be looked at.
            self.regions = RegionList(embedded.REGIONS, "embedded", None, anonymous=True)
            raise
        count = len(self.regions.regions)
        whose = "the public ones" if self.regions.anonymous else "the token is accepted"
        if self.request.offline:
            return Check("regions", SKIPPED, "--offline")
        if warnings:
            return Check("regions", PROBLEM, warnings[0], f"curl -sS {self.request.settings.service}/v1/regions")
        return Check("regions", OK, f"{count} from {self.request.settings.service}, {whose}")

    def _check_remote(self, repository: Repository, configuration: Configuration) -> Check:
        from git_scalingo_region.commands.status import statuses

        regions = self.regions or RegionList(embedded.REGIONS, "embedded", None, anonymous=True)
        add = f"git scalingo-region add{_remote_option(self.remote)} REGION APP"
        if self.remote not in configuration.remote_names:
            return Check("remote", PROBLEM, f"there is no remote '{self.remote}'", add)
        try:
            self.status, self.region = next(
                statuses(configuration, regions, [configuration.remote(self.remote)], named=True)
            )
        except RemoteConflict as conflict:
            return Check("remote", PROBLEM, conflict.message, f"{add} --force")
        if self.status.state == "unknown-region":
            return Check("remote", PROBLEM, f"its region, {self.status.region}, is not in the list", add)
        if self.status.state == "stale":
            fix = f"git scalingo-region sync {self.remote}"
            return Check("remote", PROBLEM, f"{self.status.url} is not the region's endpoint any more", fix)
        return Check("remote", OK, f"{self.remote} is {self.status.app} in {self.status.region}")

    def _check_push_url(self, repository: Repository, status: RemoteStatus, region: Region) -> Check:
        elsewhere = [
            url for url in repository.push_urls(status.remote) if not _is_of(url, status, region, self.regions)
        ]
        if not elsewhere:
            return Check("push-url", OK, ", ".join(status.push_urls))
        configuration = repository.read()
        remote = configuration.remote(status.remote)
        fix = "git config --show-origin --get-regexp '^url\\..*insteadof$'"
        if any(entry.own for entry in remote.pushurls):
            fix = f"git config --unset-all {remote.key('pushurl')}"
        return Check("push-url", PROBLEM, f"git push {status.remote} goes to {', '.join(elsewhere)}", fix)

    def _check_host_key(self, repository: Repository, status: RemoteStatus, region: Region) -> Check:
        place = hostkeys.lookup(region.ssh, self.request.settings.ssh_command)
        known = [known for known in hostkeys.known_keys(place.name, place.files) if not known.marker]
        published = embedded.FINGERPRINTS.get(str(region.ssh), {})
        if not known:
            return Check(
                "host-key", PROBLEM, f"ssh does not know {place.name} yet", f"git scalingo-region trust {region.name}"
            )
        for item in known:
            if published.get(item.key.type, item.key.fingerprint) != item.key.fingerprint:
                fix = f"ssh-keygen -R '{place.name}' -f {item.path}"
                return Check(
                    "host-key", PROBLEM, f"{item.path} holds a key for {place.name} that is not the published one", fix
                )
        vouched = any(item.key.fingerprint in published.values() for item in known)
        return Check(
            "host-key", OK, "known, and the published one" if vouched else "known; no fingerprint is published for it"
        )

    def _check_history(self, repository: Repository, configuration: Configuration) -> Check:
        if repository.is_shallow():
            return Check(
                "history", PROBLEM, "the clone is shallow, and such a push is refused", "git fetch --unshallow"
            )
        return Check("history", OK, "the clone is whole")

    def _check_follow_tags(self, repository: Repository, configuration: Configuration) -> Check:
        if configuration.get_bool("push.followtags"):
            fix = "git config push.followTags false"
            return Check("follow-tags", PROBLEM, "push.followTags is set, and Scalingo refuses tags", fix)
        return Check("follow-tags", OK, "push.followTags is not set")

    def _check_commit(self, repository: Repository, configuration: Configuration) -> Check:
        if repository.head().has_commit:
            return Check("commit", OK, "there is something to push")
        return Check("commit", PROBLEM, "there is no commit yet", "git commit")

    def _check_branch(self, repository: Repository, configuration: Configuration) -> Check:
        branch = repository.head().branch
        push = f"git push {self.remote} {refspec_to_push(branch)}"
        if branch in DEPLOYED_BRANCHES:
            return Check("branch", OK, f"{branch} is deployed: {push}")
        what = f"{branch} is not deployed under its own name" if branch else "HEAD is detached"
        return Check("branch", OK, f"{what}: {push}")

    def _check_connection(self, repository: Repository, status: RemoteStatus, region: Region) -> Check:
        if self.request.offline:
            return Check("connection", SKIPPED, "--offline")
        url = status.push_urls[0]
        exit_status, said = repository.connect(url, seconds=CONNECT_SECONDS)
        parsed = RemoteUrl.try_parse(url)
        endpoint = parsed.endpoint if parsed else region.ssh
        trust = f"git scalingo-region trust {region.name}"
        if exit_status is None:
            return Check(
                "connection",
                PROBLEM,
                f"{endpoint} did not answer within {CONNECT_SECONDS:.0f} seconds",
                f"nc -vz {endpoint.host} {endpoint.port}",
            )
        if exit_status == 0:
            return Check("connection", OK, f"{endpoint} lets you in, and {status.app} is there")
        for pattern, meaning, fix in _CONNECTION_FAILURES:
            if re.search(pattern, said):
                names = {"host": endpoint.host, "port": endpoint.port, "trust": trust}
                return Check("connection", PROBLEM, meaning.format(**names), fix.format(**names))
        return Check(
            "connection", PROBLEM, f"there is no app {status.app}, or you have no right on it", "scalingo apps"
        )


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    """Run one check: a failure of its own is its problem, not the end of the examination."""
    try:
        return check()
    except ScalingoRegionError as error:
        fixes = {ExitStatus.REPOSITORY: "git status", ExitStatus.SERVICE: "unset SCALINGO_API_TOKEN"}
        hint = next((hint for hint in error.hints if hint.startswith("git ")), "")
        return Check(name, PROBLEM, error.message, hint or fixes.get(error.exit_status, "git status"))


def _program(command: list[str], minimum: tuple[int, int], name: str) -> Check:
    check = name.removeprefix("Open").lower()
    install = f"install {name} {minimum[0]}.{minimum[1]} or newer"
    try:
        answer = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return Check(check, PROBLEM, f"{command[0]} is not on PATH", install)
    # ssh -V writes to stderr
    found = re.search(r"(?:version |OpenSSH_)(\d+)\.(\d+)", answer.stdout + answer.stderr)
    if not found:
        return Check(check, PROBLEM, f"{command[0]} does not tell its version", install)
    version = (int(found[1]), int(found[2]))
    if version < minimum:
        return Check(check, PROBLEM, f"{name} {found[1]}.{found[2]} is too old", install)
    return Check(check, OK, f"{name} {found[1]}.{found[2]}")


def _remote_option(remote: str) -> str:
    return "" if remote == "scalingo" else f" -r {remote}"


def _is_of(url: str, status: RemoteStatus, region: Region, regions: RegionList | None) -> bool:
    """Whether a push url leads to the app, in the region that the remote is of."""
    parsed = RemoteUrl.try_parse(url)
    if parsed is None or parsed.app != status.app or regions is None:
        return False
    return platform_of(regions).region_name(parsed) == region.name
