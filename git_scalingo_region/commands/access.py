"""The checks of `doctor` that look beyond the repository: the app, the host key, the user's key, the connection."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence

from git_scalingo_region import shell
from git_scalingo_region.commands.checks import OK, PROBLEM, WARNING, Finding, Skip, Subject, blocking, follow
from git_scalingo_region.commands.selection import ssh_command
from git_scalingo_region.repository.push import shown
from git_scalingo_region.scalingo import builtin
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.settings import CONNECT_SECONDS
from git_scalingo_region.ssh import client, known_hosts
from git_scalingo_region.ssh.client import HostKeyLookup, PublicKey
from git_scalingo_region.ssh.known_hosts import KnownKey

KEYS_PAGE = "https://dashboard.scalingo.com/account/keys"


def _catalog_with_token(subject: Subject) -> Catalog:
    """Return the catalog if it can ask about the account; raise `Skip` if it cannot."""
    catalog = subject.remotes.catalog
    if subject.context.offline:
        raise Skip("--offline")
    if catalog.context.offline:
        raise Skip("the token is not accepted")
    if not catalog.token:
        raise Skip("there is no token")
    return catalog


def app(subject: Subject) -> Finding:
    """Check whether the account sees the app in the region of the remote."""
    name, here = subject.app, subject.region.name
    found = _catalog_with_token(subject).find_app(name)
    if found is None:
        raise Skip("the regions cannot be asked")
    present = [region.name for region in found.present]
    if here in present:
        return Finding(OK, f"this account sees {name} in {here}")
    if here not in [region.name for region in found.absent]:
        raise Skip(f"{here} gives no usable answer")
    if present:
        return Finding(PROBLEM, f"{name} is not in {here} but in {' and '.join(present)}", follow(subject, name))
    probe = shell.command("scalingo", "--region", here, "apps")
    return Finding(PROBLEM, f"this account sees no app {name} in {here}", "", probe)


def key(subject: Subject) -> Finding:
    """Check whether one of the keys that ssh offers is on the account."""
    endpoint = subject.region.ssh
    known = _catalog_with_token(subject).account_keys()
    if known is None:
        raise Skip("the keys of the account cannot be read")
    offered = client.offered_keys(endpoint, _ssh(subject))
    if not offered:
        # Not a fix: whether the new key has a passphrase is for the user to decide.
        return Finding(PROBLEM, "ssh has no key to offer", "", "ssh-keygen -t ed25519")
    if match := next((item for item in offered if f"{item.type} {item.data}" in known), None):
        return Finding(OK, f"{match.source} is on the account")
    if locked := next((item for item in offered if not item.data), None):
        probe = shell.command("ssh-keygen", "-y", "-f", locked.source)
        return Finding(WARNING, f"cannot tell whether {locked.source} is on the account: it is locked", "", probe)
    return _add_a_key("none of your ssh keys is on the account", offered)


def _ssh(subject: Subject) -> str:
    return ssh_command(subject.context, subject.push.configuration)


def key_refused(subject: Subject, detail: str) -> Finding:
    """Return the problem that the host accepts none of the keys, with the key to add, and where to add it."""
    found = _add_a_key(detail, client.offered_keys(subject.region.ssh, _ssh(subject)))
    return found._replace(accepted=False)


def _add_a_key(detail: str, offered: Sequence[PublicKey]) -> Finding:
    """Return the problem, and how to add a key to the account: the platform's CLI takes the file of a public key."""
    source = offered[0].source if offered else ""
    public = [path for path in (source, f"{source}.pub") if path.endswith(".pub") and os.path.isfile(path)]
    if not offered:
        probe = "ssh-keygen -t ed25519"
    elif public:
        probe = shell.command("scalingo", "keys-add", "NAME", public[0])
    else:
        probe = shell.command("ssh-keygen", "-y", "-f", source) if os.path.isfile(source) else "ssh-add -L"
    return Finding(PROBLEM, f"{detail}: add {source or 'one'} at {KEYS_PAGE}", "", probe)


def host_key(subject: Subject) -> Finding:
    """Check whether ssh knows the host by its published key, if a key is published."""
    published = builtin.fingerprints(subject.region.ssh)
    lookup, entries = _host_keys(subject)
    name = lookup.name
    for entry in entries:
        if entry.marker == known_hosts.REVOKED and entry.key.fingerprint in published.values():
            # Whether that was a mistake is for the user to decide, so no command undoes it.
            return Finding(PROBLEM, f"line {entry.line} of {entry.path} revokes the published key of {name}")
    plain = [entry for entry in entries if not entry.marker]
    wrong = [entry for entry in plain if published.get(entry.key.type, entry.key.fingerprint) != entry.key.fingerprint]
    trusted = known_hosts.trusted(entries)
    if wrong:
        detail = f"{wrong[0].path} holds a key for {name} that is not the published one"
        return _untrusted(subject, detail, wrong)
    if not trusted and plain:
        return _untrusted(subject, f"the key that {plain[0].path} holds for {name} is revoked", plain)
    if not trusted:
        return _untrusted(subject, f"ssh does not know {name} yet")
    if not published:
        return Finding(OK, "ssh knows a key; no fingerprint is published for it")
    if not any(entry.key.fingerprint in published.values() for entry in trusted):
        return _untrusted(subject, f"ssh knows {name} by a key that is not published", trusted)
    return Finding(OK, "ssh knows the published key")


def _host_keys(subject: Subject) -> tuple[HostKeyLookup, Sequence[KnownKey]]:
    """Return how ssh looks up the host's key, and what it finds."""
    lookup = client.lookup(subject.region.ssh, _ssh(subject))
    return lookup, known_hosts.known_keys(lookup.name, lookup.files)


def _untrusted(subject: Subject, detail: str, wrong: Sequence[KnownKey] = ()) -> Finding:
    """Return a problem that `trust` solves once the wrong entries are removed, if a key is published."""
    lookup = client.lookup(subject.region.ssh, _ssh(subject))
    trust = shell.plugin("trust", subject.region.name)
    if not builtin.fingerprints(subject.region.ssh):
        return Finding(PROBLEM, detail, "", f"{trust} --fingerprint FINGERPRINT")
    fix = shell.chain(*([known_hosts.removal(wrong)] if wrong else []), trust if lookup.user_file else "")
    look = shell.command("ssh-keygen", "-F", lookup.name, "-f", wrong[0].path) if wrong else ""
    return Finding(PROBLEM, detail, fix, "" if fix else look)


# Settings that stop every push to the platform before it reaches the app.
_HOPELESS = ("mirror", "receivepack", "pushoption", "allow", "GIT_ALLOW_PROTOCOL")


def connect(subject: Subject) -> Finding:
    """Make the connection that `git push` would make, and run what it would run, except for its hooks."""
    endpoint = subject.region.ssh
    _expect_a_push(subject)
    # The ssh that git chooses: the repository's own core.sshCommand counts here, since git push would run it as well.
    configured = subject.context.settings.ssh_command or subject.push.configuration.get("core.sshcommand")
    line = client.cautious(configured or _ssh(subject))
    if not client.is_cautious(endpoint, line):
        raise Skip("the ssh that git runs might add a host key: it sets its own options")
    push = subject.push
    answer = push.repository.try_push(push.remote, push.refspec, line, seconds=CONNECT_SECONDS)
    if answer.timed_out:
        return _unreached(subject, f"{endpoint} did not answer within {CONNECT_SECONDS:.0f} seconds")
    if answer.status == 0:
        return Finding(OK, f"{endpoint} lets you in, and {subject.app} is there", accepted=True)
    return _explain(subject, answer.error)


def has_own_ssh(subject: Subject) -> bool:
    """Return whether git runs an ssh that the repository's own configuration names; only `connect` runs it too."""
    entries = subject.push.configuration.entries("core.sshcommand")
    return bool(entries) and entries[-1].own and not subject.context.settings.ssh_command


def _expect_a_push(subject: Subject) -> None:
    """Raise `Skip` if no connection may be made, or if `git push` would not make one."""
    if subject.context.offline:
        raise Skip("--offline")
    if not subject.is_current:
        raise Skip("git push does not go to the app")
    if not subject.push.head.has_commit:
        raise Skip("there is no commit to push")
    for stop in blocking(subject):
        if stop.key.rpartition(".")[2] in _HOPELESS:
            raise Skip(f"git push does not get that far: {shown(stop.key)} is {stop.value}")
    if subject.push.repository.push_refusal:
        raise Skip(subject.push.repository.push_refusal)


def _unreached(subject: Subject, detail: str) -> Finding:
    endpoint = subject.region.ssh
    line = f"{_ssh(subject).strip() or 'ssh'} {shell.command('-v', '-p', str(endpoint.port), f'git@{endpoint.host}')}"
    return Finding(PROBLEM, detail, "", line if line.isprintable() else "")


def _changed(subject: Subject, detail: str) -> Finding:
    return _untrusted(subject, detail, [entry for entry in _host_keys(subject)[1] if not entry.marker])


def _unpushed(subject: Subject, detail: str) -> Finding:
    return Finding(PROBLEM, detail)


# What ssh and git say, the most specific first: a pattern, what it means, and the function that makes the finding.
_FAILURES: Sequence[tuple[str, str, Callable[[Subject, str], Finding]]] = (
    (r"Could not resolve hostname", "the name {host} cannot be resolved", _unreached),
    (r"REVOKED HOST KEY|IDENTIFICATION HAS CHANGED|Offending .* key", "the host key is not the one known", _changed),
    (r"Host key verification failed|No .* host key is known", "the host key is unknown", _untrusted),
    (r"ssh: connect to host|Connection timed out", "port {port} of {host} is unreachable", _unreached),
    (r"Permission denied \(|Too many authentication failures", "{host} accepts none of your ssh keys", key_refused),
    (r"Connection closed|Connection reset|Broken pipe", "{host} closed the connection", _unreached),
    (r"cannot run |command not found|onfiguration option|terminating,", "ssh cannot be run: {said}", _unreached),
    (r"^(fatal|error): (bad|invalid|malformed|unable to parse|ssh variant)", "git does not push: {said}", _unpushed),
)
# Lines that say nothing about the cause: ssh's warnings, and git's closing words.
_NOISE = re.compile(
    r"\s*$|\*\*|Warning: |fatal: (Could not read|the remote end)|Please make sure|and the repository|hint: "
)


def _explain(subject: Subject, said: str) -> Finding:
    """Return what the output of git and ssh means."""
    endpoint, remote = subject.region.ssh, subject.remote
    words = next((line for line in reversed(said.splitlines()) if not _NOISE.match(line)), "it does not say why")
    for pattern, meaning, finding in _FAILURES:
        if re.search(pattern, said, re.MULTILINE):
            host, port = client.lookup(endpoint, _ssh(subject)).endpoint  # ssh's configuration may name another place
            return finding(subject, meaning.format(host=host, port=port, said=words))
    if re.search(r"^ ! \[rejected\]", said, re.MULTILINE):
        detail = f"{endpoint} lets you in, but {remote} has commits that are not in this branch"
        return Finding(PROBLEM, detail, "", shell.git("fetch", remote), accepted=True)
    detail = f"there is no app {subject.app}, or you have no rights to it: {words}"
    probe = shell.command("scalingo", "--region", subject.region.name, "apps")
    return Finding(PROBLEM, detail, "", probe, accepted=True)
