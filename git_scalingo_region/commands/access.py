"""The checks of `doctor` that look beyond the repository: the app, the host key, the user's key, the connection."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.commands.checks import OK, PROBLEM, SKIPPED, WARNING, Finding, Target, stops
from git_scalingo_region.commands.selection import ssh_command
from git_scalingo_region.repository.push import refspec, shown
from git_scalingo_region.scalingo import builtin
from git_scalingo_region.scalingo.apps import find_app
from git_scalingo_region.ssh import client, known_hosts
from git_scalingo_region.ssh.client import PublicKey
from git_scalingo_region.ssh.known_hosts import KnownKey

CONNECT_SECONDS = 20.0
KEYS_PAGE = "https://dashboard.scalingo.com/account/keys"

# --- what the account has --------------------------------------------------------------------------------------------


def _unasked(target: Target) -> str:
    """Return why the service is not asked about the account, or ""."""
    if target.subject.context.offline:
        return "--offline"
    if target.subject.catalog.context.offline:
        return "the token is not accepted"
    return "" if target.subject.catalog.token else "there is no token"


def app(target: Target) -> Finding:
    """Look whether the account sees the app in the region of the remote."""
    name, here = target.app, target.region.name
    whereabouts = None if _unasked(target) else find_app(target.subject.catalog, name)
    if whereabouts is None:
        return Finding(SKIPPED, _unasked(target) or "the regions cannot be asked")
    present = [region.name for region in whereabouts.present]
    if here in present:
        return Finding(OK, f"this account sees {name} in {here}")
    if here not in [region.name for region in whereabouts.absent]:
        return Finding(SKIPPED, f"{here} gives no usable answer")
    if not present:
        probe = shell.command("scalingo", "--region", here, "apps")
        return Finding(PROBLEM, f"this account sees no app {name} in {here}", "", probe)
    fix = target.subject.move(whereabouts.present[0], name) if len(present) == 1 else ""
    return Finding(PROBLEM, f"{name} is not in {here} but in {' and '.join(present)}", fix)


def key(target: Target) -> Finding:
    """Look whether one of the keys that ssh offers is on the account."""
    reason = _unasked(target)
    known = None if reason else target.subject.catalog.account_keys()
    if known is None:
        return Finding(SKIPPED, reason or "the keys of the account cannot be read")
    offered = _offered(target)
    if not offered:
        # A key without a passphrase could be made by a pasted line, but whether to have one is for the user to decide.
        return Finding(PROBLEM, "ssh has no key to offer", "", "ssh-keygen -t ed25519")
    if match := next((item for item in offered if f"{item.type} {item.data}" in known), None):
        return Finding(OK, f"{match.source} is on the account")
    if locked := next((item for item in offered if not item.data), None):
        probe = shell.command("ssh-keygen", "-y", "-f", locked.source)
        return Finding(WARNING, f"cannot tell whether {locked.source} is on the account: it is locked", "", probe)
    return Finding(PROBLEM, f"none of your ssh keys is on the account: {_invitation(offered)}", "", _add(offered))


def _offered(target: Target) -> Sequence[PublicKey]:
    return client.offered_keys(target.region.ssh, ssh_command(target.subject.context, target.configuration))


def _invitation(offered: Sequence[PublicKey]) -> str:
    return f"add {offered[0].source} at {KEYS_PAGE}" if offered else f"add one at {KEYS_PAGE}"


def _add(offered: Sequence[PublicKey]) -> str:
    """Return how to add a key to the account: the platform's CLI takes the file of a public key."""
    source = offered[0].source if offered else ""
    for path in (source, f"{source}.pub"):
        if path.endswith(".pub") and os.path.isfile(path):
            return shell.command("scalingo", "keys-add", "NAME", path)
    if os.path.isfile(source):
        return shell.command("ssh-keygen", "-y", "-f", source)
    return "ssh-add -L" if offered else "ssh-keygen -t ed25519"


# --- the host key ----------------------------------------------------------------------------------------------------


class HostKeys(NamedTuple):
    """What ssh knows of the host, and what is published."""

    target: Target
    place: client.Lookup
    entries: Sequence[KnownKey]

    def problem(self, detail: str, wrong: Sequence[KnownKey] = ()) -> Finding:
        """Return a problem that `trust` solves once the wrong entries are out, if a key is published."""
        region = self.target.region
        trust = shell.plugin("trust", region.name)
        if not builtin.fingerprints(region.ssh):
            return Finding(PROBLEM, detail, "", f"{trust} --fingerprint FINGERPRINT")
        fix = shell.chain(*([known_hosts.removal(wrong)] if wrong else []), trust if self.place.user_file else "")
        look = shell.command("ssh-keygen", "-F", self.place.name, "-f", wrong[0].path) if wrong else ""
        return Finding(PROBLEM, detail, fix, "" if fix else look)


def _host_keys(target: Target) -> HostKeys:
    place = client.lookup(target.region.ssh, ssh_command(target.subject.context, target.configuration))
    return HostKeys(target, place, known_hosts.known_keys(place.name, place.files))


def host_key(target: Target) -> Finding:
    """Look whether ssh knows the host, by the published key."""
    keys = _host_keys(target)
    name, published = keys.place.name, builtin.fingerprints(target.region.ssh)
    revoked = [entry for entry in keys.entries if entry.marker == known_hosts.REVOKED]
    for entry in revoked:
        if entry.key.fingerprint in published.values():
            # Whether that was a mistake is for the user to decide: no command takes it back unasked.
            return Finding(PROBLEM, f"line {entry.line} of {entry.path} revokes the published key of {name}")
    plain = [entry for entry in keys.entries if not entry.marker]
    wrong = [entry for entry in plain if published.get(entry.key.type, entry.key.fingerprint) != entry.key.fingerprint]
    if wrong:
        return keys.problem(f"{wrong[0].path} holds a key for {name} that is not the published one", wrong)
    trusted = known_hosts.trusted_keys(keys.place)
    if not trusted:
        if plain:
            return keys.problem(f"the key that {plain[0].path} holds for {name} is revoked", plain)
        return keys.problem(f"ssh does not know {name} yet")
    if not published:
        return Finding(OK, "known; no fingerprint is published for it")
    if not any(entry.key.fingerprint in published.values() for entry in trusted):
        return keys.problem(f"ssh knows {name} by a key that is not published", trusted)
    return Finding(OK, "known, and the published one")


# --- the connection --------------------------------------------------------------------------------------------------

# What ssh says, most telling first: a pattern, and what it means.
_UNRESOLVED, _CHANGED, _UNKNOWN, _UNREACHABLE, _REFUSED, _CLOSED, _BROKEN, _SETTING = range(8)
_FAILURES = (
    (r"Could not resolve hostname", _UNRESOLVED, "the name {host} is not resolved"),
    (r"REVOKED HOST KEY|IDENTIFICATION HAS CHANGED|Offending .* key", _CHANGED, "the host key is not the one known"),
    (r"Host key verification failed|No .* host key is known", _UNKNOWN, "the host key is unknown"),
    (r"ssh: connect to host|Connection timed out", _UNREACHABLE, "port {port} of {host} is unreachable"),
    (r"Permission denied \(|Too many authentication failures", _REFUSED, "{host} accepts none of your ssh keys"),
    (r"Connection closed|Connection reset|Broken pipe", _CLOSED, "{host} closed the connection"),
    (r"cannot run |command not found|onfiguration option|terminating,", _BROKEN, "ssh cannot be run: {said}"),
    (
        r"^fatal: (bad|invalid|unable to parse|ssh variant)|^error: (malformed|bad|invalid)",
        _SETTING,
        "git does not push: {said}",
    ),
)
# Lines that tell nothing of the cause: ssh's warnings, and git's closing words.
_NOISE = re.compile(
    r"\s*$|\*\*|Warning: |fatal: (Could not read|the remote end)|Please make sure|and the repository|hint: "
)
# Settings with which no push to the platform gets as far as the app.
_HOPELESS = ("mirror", "receivepack", "pushoption")


class Attempt(NamedTuple):
    """What a connection comes to, and whether the host accepted one of the user's keys; None if it did not tell."""

    finding: Finding
    accepted: bool | None = None


def connect(target: Target) -> Attempt:
    """Make the connection that `git push` would make, and run what it would run, except for its hooks."""
    subject, endpoint = target.subject, target.region.ssh
    if reason := _unconnected(target):
        return Attempt(Finding(SKIPPED, reason))
    # As git chooses it: a core.sshCommand of the repository's own counts here, since git push would run it as well.
    line = client.cautious(
        subject.context.settings.ssh_command
        or target.configuration.get("core.sshcommand")
        or ssh_command(subject.context, target.configuration)
    )
    if not client.is_cautious(endpoint, line):
        return Attempt(Finding(SKIPPED, "the ssh that git runs might add a host key: it sets its own options"))
    what = refspec(subject.head, target.configuration, subject.remote)
    answer = subject.repository.try_push(subject.remote, what, line, seconds=CONNECT_SECONDS)
    if answer is None:
        late = f"{endpoint} did not answer within {CONNECT_SECONDS:.0f} seconds"
        return Attempt(Finding(PROBLEM, late, "", _ssh_probe(target)))
    if answer.status == 0:
        return Attempt(Finding(OK, f"{endpoint} lets you in, and {target.app} is there"), accepted=True)
    return _explain(target, answer.error)


def has_own_ssh(target: Target) -> bool:
    """Return whether git runs an ssh that the repository's own configuration names: only `connect` runs it, too."""
    entries = target.configuration.entries("core.sshcommand")
    return bool(entries) and entries[-1].own and not target.subject.context.settings.ssh_command


def _unconnected(target: Target) -> str:
    """Return why no connection is tried, or ""."""
    if target.subject.context.offline:
        return "--offline"
    if not target.is_current:
        return "git push does not go to the app"
    if not target.subject.head.has_commit:
        return "there is no commit to push"
    stop = next((stop for stop in stops(target.subject) if stop.key.rpartition(".")[2] in _HOPELESS), None)
    return f"git push does not get that far: {shown(stop.key)} is {stop.value}" if stop else ""


def _ssh_probe(target: Target) -> str:
    endpoint = target.region.ssh
    return shell.command("ssh", "-v", "-p", str(endpoint.port), f"git@{endpoint.host}")


def _explain(target: Target, said: str) -> Attempt:
    """Read what git and ssh said."""
    endpoint, remote = target.region.ssh, target.subject.remote
    words = next((line for line in reversed(said.splitlines()) if not _NOISE.match(line)), "it does not say why")
    for pattern, kind, meaning in _FAILURES:
        if re.search(pattern, said, re.MULTILINE):
            detail = meaning.format(host=endpoint.host, port=endpoint.port, said=words)
            return Attempt(_failure(target, kind, detail), False if kind == _REFUSED else None)
    if re.search(r"^ ! \[rejected\]", said, re.MULTILINE):
        detail = f"{endpoint} lets you in, but {remote} has commits that are not in this branch"
        return Attempt(Finding(PROBLEM, detail, "", shell.git("fetch", remote)), accepted=True)
    detail = f"there is no app {target.app}, or you have no right on it: {words}"
    probe = shell.command("scalingo", "--region", target.region.name, "apps")
    return Attempt(Finding(PROBLEM, detail, "", probe), accepted=True)


def _failure(target: Target, kind: int, detail: str) -> Finding:
    if kind in (_CHANGED, _UNKNOWN):
        keys = _host_keys(target)
        return keys.problem(detail, [entry for entry in keys.entries if not entry.marker and kind == _CHANGED])
    if kind == _REFUSED:
        return refused(target, detail)
    return Finding(PROBLEM, detail, "", "" if kind == _SETTING else _ssh_probe(target))


def refused(target: Target, detail: str) -> Finding:
    """Return the problem that the host accepts no key: which one to add, and where."""
    offered = _offered(target)
    return Finding(PROBLEM, f"{detail}: {_invitation(offered)}", "", _add(offered))
