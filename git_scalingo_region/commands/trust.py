"""`trust`: put the host keys of regions into `known_hosts`, if the platform, or the user, vouches for them."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.commands.selection import Remotes, choose_region_only, read_or_warn, ssh_command
from git_scalingo_region.context import Context
from git_scalingo_region.errors import HostKeyError, InvalidInput, RepositoryError, ScalingoRegionError, ServiceError
from git_scalingo_region.model import Outcome, Region
from git_scalingo_region.repository.git import Repository
from git_scalingo_region.scalingo import builtin
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.settings import SCAN_SECONDS
from git_scalingo_region.ssh import client, known_hosts
from git_scalingo_region.ssh.client import HostKey, HostKeyLookup
from git_scalingo_region.ssh.known_hosts import KnownKey, is_fingerprint
from git_scalingo_region.terminal import GREEN, Result, Style, plural, record

DOCUMENTATION = "the page 'Regions' of Scalingo's documentation, section 'SSH Endpoints'"
# Who vouches for the keys.
GIVEN = "the fingerprint given"
KNOWN_BEFORE = "trusted before; no fingerprint is published"


class TrustedHost(NamedTuple):
    """A region's verified host keys, the file that they belong in, and the keys that it lacked."""

    region: Region
    lookup: HostKeyLookup
    keys: tuple[HostKey, ...]
    added: tuple[HostKey, ...]
    vouched_by: str
    is_known: bool

    @property
    def outcome(self) -> Outcome:
        """What happened to the entries of the host."""
        return Outcome.UNCHANGED if not self.added else Outcome.UPDATED if self.is_known else Outcome.CREATED

    def text(self, style: Style, *, dry_run: bool) -> str:
        """Show which keys are trusted now, and who vouches for them."""
        one = len(self.keys) == 1
        keys = f"host {'key' if one else 'keys'} of {self.region.ssh}"
        if self.added:
            headline = f"{'Would trust' if dry_run else 'Trusted'} the {keys}"
        else:
            headline = f"The {keys} {'is' if one else 'are'} trusted already"
        added = () if dry_run else self.added
        fields = [(key.type, key.fingerprint + (" (added)" if key in added else "")) for key in self.keys]
        fields += [("region", self.region.name), ("file", self.lookup.user_file), ("source", self.vouched_by)]
        return record(headline, fields, style, GREEN)

    def json(self) -> dict[str, Any]:
        """Return the JSON of the host."""
        return {
            "outcome": self.outcome.value,
            "region": self.region.name,
            "endpoint": str(self.region.ssh),
            "file": self.lookup.user_file,
            "keys": [
                {"type": key.type, "fingerprint": key.fingerprint, "added": key in self.added} for key in self.keys
            ],
        }


def run(
    context: Context,
    *,
    regions: tuple[str, ...],
    all: bool,  # noqa: A002 - the option's name
    known_hosts: str,
    fingerprint: tuple[str, ...],
    dry_run: bool,
) -> Result:
    """Append the vouched-for keys of the regions' ssh endpoints; nothing is written before all are verified.

    Raises what `trust_regions` and the choice of a region raise, and `InvalidInput` for options that clash.
    """
    for text in fingerprint:
        if not is_fingerprint(text):
            raise InvalidInput(f"'{text}' is not a fingerprint: SHA256: and 43 characters, as ssh-keygen -l prints it")
    if fingerprint and (all or len(set(regions)) > 1):
        raise InvalidInput("--fingerprint is for one region: name that region only")
    chosen, is_list = _chosen(context, regions, everything=all), all or len(regions) > 1
    return trust_regions(context, chosen, known_hosts, fingerprint, is_list=is_list, dry_run=dry_run)


def trust_regions(
    context: Context,
    regions: Sequence[Region],
    file: str = "",
    fingerprints: Sequence[str] = (),
    *,
    is_list: bool = True,
    dry_run: bool,
) -> Result:
    """Trust the regions' hosts. The JSON is `{"hosts": [...], "dry_run"}`, or that of the one host unless `is_list`.

    Raises `HostKeyError` for a key that is not the one vouched for, or that nothing vouches for, `ServiceError` for a
    host that is not reached, and `RepositoryError` without a usable file or ssh. In these cases, nothing is changed.
    """
    if context.offline:
        raise ServiceError(f"cannot ask {regions[0].ssh} for its key: --offline")
    hosts = _verified(context, regions, file, fingerprints)
    if not dry_run:
        hosts = [_append(host) if host.added else host for host in hosts]
    return Result(
        text=lambda style: "\n".join(host.text(style, dry_run=dry_run) for host in hosts),
        json=lambda: {
            **({"hosts": [host.json() for host in hosts]} if is_list else hosts[0].json()),
            "dry_run": dry_run,
        },
    )


def _append(host: TrustedHost) -> TrustedHost:
    lookup = host.lookup
    added = known_hosts.append(lookup.user_file, lookup.name, host.added, hashed=lookup.hash_known_hosts)
    return host._replace(added=added)


def _chosen(context: Context, names: Sequence[str], *, everything: bool) -> Sequence[Region]:
    if everything and names:
        raise InvalidInput("REGION and --all cannot be used together")
    catalog = Catalog(context)
    names = _regions_of_repository(context, catalog) if everything else names or ("",)
    if not names:
        raise RepositoryError(
            "no Scalingo remote here, and no declared one, is in a known region", f"{shell.plugin('trust')} REGION"
        )
    found = (choose_region_only(catalog, name).region for name in names)
    return list({region.name: region for region in found}.values())


def _regions_of_repository(context: Context, catalog: Catalog) -> Sequence[str]:
    """Return the names of the regions of the Scalingo remotes here, and of those that `.gitscalingo` declares.

    A remote whose region is unknown or gone has no host to trust; there is a warning instead.
    """
    from git_scalingo_region.repository.declared import read_declared  # only for --all

    repository = Repository()
    names = [item.region for item in (read_declared(context, repository) or {}).values() if item.region]
    here = Remotes(catalog, repository.read())
    for item in here.examine(repository):
        if here.has_unknown_region(item):
            context.warn(f"left out: the region of the remote '{item.remote.name}' is unknown")
        else:
            names.append(item.region)
    return names


def _lookup(region: Region, command: str, file: str) -> HostKeyLookup:
    """Return where to look and to write: in the given file by the endpoint's own name, or else as ssh does."""
    try:
        path = file and os.path.abspath(file)
    except OSError as error:
        raise RepositoryError(f"cannot use {file}: {error.strerror}") from None
    named = HostKeyLookup(region.ssh, region.ssh.known_hosts_name, path, (path,))
    lookup = named if file else client.lookup(region.ssh, command)
    if not lookup.user_file:
        raise RepositoryError("ssh is set to use no known_hosts file of the user", "name one with --known-hosts FILE")
    known_hosts.check_file(lookup.user_file)
    return lookup


def _verified(context: Context, regions: Sequence[Region], file: str, fingerprints: Sequence[str]) -> list[TrustedHost]:
    """Verify all regions; raise the error of the one that fails, or one error that reports all that fail."""
    command = "" if file else ssh_command(context, read_or_warn(context))
    hosts: list[TrustedHost] = []
    failed: dict[str, ScalingoRegionError] = {}
    for region in regions:
        try:
            hosts.append(_verify(context, region, _lookup(region, command, file), fingerprints))
        except ScalingoRegionError as error:
            failed[region.name] = error
    if failed:
        raise _together(failed) if len(regions) > 1 else failed[regions[0].name]
    return hosts


def _together(failed: Mapping[str, ScalingoRegionError]) -> ScalingoRegionError:
    kinds = [type(error) for error in failed.values()]
    kind = HostKeyError if HostKeyError in kinds else kinds[0]
    hints = [line for name, error in failed.items() for line in (f"{name}: {error.message}", *error.hints)]
    return kind(f"{plural(len(failed), 'region')} cannot be trusted; no host key was added", *dict.fromkeys(hints))


def _verify(context: Context, region: Region, lookup: HostKeyLookup, fingerprints: Sequence[str]) -> TrustedHost:
    with context.network() as seconds:
        offered = client.scan(lookup.endpoint, seconds=min(SCAN_SECONDS, seconds))
    entries = known_hosts.known_keys(lookup.name, lookup.files)
    trusted = {entry.key for entry in known_hosts.trusted(entries)}
    published = {} if fingerprints else builtin.fingerprints(region.ssh)
    expected = fingerprints or published.values()
    if not expected and (known := tuple(key for key in offered if key in trusted)):
        return TrustedHost(region, lookup, known, (), KNOWN_BEFORE, is_known=True)
    listed = [f"{region.ssh} offers {key.type} {key.fingerprint}" for key in offered]
    if not expected:
        raise HostKeyError(
            f"nothing vouches for the host key of {region.ssh}: there is no published fingerprint",
            *listed,
            f"compare with {DOCUMENTATION}, then: {shell.plugin('trust', region.name)} --fingerprint FINGERPRINT",
        )
    for key in offered:
        if published.get(key.type, key.fingerprint) != key.fingerprint:
            raise _mismatch(region, f"its {key.type} key is not the published one", listed)
    keys = tuple(key for key in offered if key.fingerprint in expected)
    if not keys:
        raise _mismatch(region, f"none of its keys is {'the one given' if fingerprints else 'published'}", listed)
    _check_entries(context, lookup.name, entries, offered, expected)
    added = tuple(key for key in keys if key not in trusted)
    return TrustedHost(region, lookup, keys, added, GIVEN if fingerprints else builtin.SOURCE, is_known=bool(trusted))


def _mismatch(region: Region, why: str, listed: Sequence[str]) -> HostKeyError:
    return HostKeyError(
        f"the host that answers at {region.ssh} may not be Scalingo's: {why}; no host key was added",
        *listed,
        f"if Scalingo announced a new key, compare it with {DOCUMENTATION}, and name it with --fingerprint",
    )


def _check_entries(
    context: Context,
    name: str,
    entries: Sequence[KnownKey],
    offered: Collection[HostKey],
    expected: Collection[str],
) -> None:
    """Raise `HostKeyError` if a file holds another key for the host, or revokes one that is vouched for."""
    revoked = [entry for entry in entries if entry.marker == known_hosts.REVOKED and entry.key.fingerprint in expected]
    unvouched = [entry for entry in entries if not entry.marker and entry.key.fingerprint not in expected]
    others = [entry for entry in unvouched if entry.key not in offered]
    for entry in unvouched:
        if entry.key in offered:
            # Not an error: the host also offers a verified key, and ssh adds its other keys by itself (UpdateHostKeys).
            context.warn(f"nothing vouches for another key that {entry.path} holds for {name}: {_what(entry)}")
    if revoked:
        raise HostKeyError(
            f"{revoked[0].path} revokes the host key {_what(revoked[0])} of {name}; no host key was added",
            _removal("if it was revoked by mistake, undo that", revoked),
        )
    if others:
        raise HostKeyError(
            f"{others[0].path} holds another key for {name}, which the host does not offer: {_what(others[0])}"
            "; no host key was added",
            *(f"{entry.path} also holds {_what(entry)}" for entry in others[1:]),
            _removal("if Scalingo announced a new key, remove the old one", others),
        )


def _what(entry: KnownKey) -> str:
    return f"{entry.key.type} {entry.key.fingerprint}"


def _removal(advice: str, entries: Sequence[KnownKey]) -> str:
    """Return a hint with the command that takes the entries out, or with the lines to look at."""
    lines = " and ".join(f"line {entry.line} of {entry.path}" for entry in entries)
    return f"{advice}: {known_hosts.removal(entries) or lines}"
