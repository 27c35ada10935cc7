"""`trust`: put a region's host key into `known_hosts`, if the platform, or the user, vouches for it."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence

from git_scalingo_region.commands.regions import Request, load_regions, resolve, selected_candidates
from git_scalingo_region.errors import HostKeyError, InvalidInput, RepositoryError, ServiceError
from git_scalingo_region.model import Region, SshEndpoint
from git_scalingo_region.outcomes import Trusted, TrustedKey
from git_scalingo_region.scalingo import builtin as embedded
from git_scalingo_region.ssh import known_hosts as hostkeys
from git_scalingo_region.ssh.known_hosts import HostKey, KnownKey, Lookup

SCAN_SECONDS = 5.0
DOCUMENTATION = "the page 'Regions' of the platform's documentation, section 'SSH Endpoints'"


def trust(request: Request, region: str, *, known_hosts: str, fingerprints: Sequence[str], dry_run: bool) -> Trusted:
    """Append the keys of the region's ssh endpoint that are vouched for.

    Raises `HostKeyError`, with nothing changed, for a key that is not the one vouched for, or that nothing vouches for.
    """
    for text in fingerprints:
        if not hostkeys.is_fingerprint(text):
            raise InvalidInput(f"'{text}' is not a fingerprint: SHA256: and 43 characters, as ssh-keygen -l prints it")
    regions = load_regions(request)
    found = resolve(request, regions, selected_candidates(request, regions, region)).region
    if request.offline:
        raise ServiceError(f"{found.ssh} cannot be reached: --offline", "trust needs to ask the host for its key")
    place = _place(found.ssh, request.settings.ssh, known_hosts)
    offered = hostkeys.scan(place.endpoint, seconds=SCAN_SECONDS)
    verified = _verified(found, offered, fingerprints)
    _check_entries(request, place, offered, _expected(found, fingerprints))
    held = {entry.key for entry in hostkeys.trusted_keys(place)}
    missing = [key for key in verified if key not in held]
    added = missing if dry_run or not missing else hostkeys.append(place.user_file, place.name, missing)
    return Trusted(
        outcome="unchanged" if not added else "updated" if held else "created",
        region=found.name,
        endpoint=str(found.ssh),
        file=place.user_file,
        keys=tuple(TrustedKey(key.type, key.fingerprint, key in added) for key in verified),
        vouched_by="the fingerprint given" if fingerprints else embedded.SOURCE,
        dry_run=dry_run,
    )


def _place(endpoint: SshEndpoint, ssh_command: str, known_hosts: str) -> Lookup:
    """Return where to look and to write: the file given, under the endpoint's own name, or what ssh itself uses."""
    if known_hosts:
        try:
            path = os.path.abspath(known_hosts)
        except OSError as error:
            raise RepositoryError(f"cannot use {known_hosts}: {error.strerror}") from None
        return Lookup(endpoint, endpoint.known_hosts_name, path, (path,))
    place = hostkeys.lookup(endpoint, ssh_command)
    if not place.user_file:
        raise RepositoryError("ssh is set to use no known_hosts file of the user", "name one with --known-hosts FILE")
    return place


def _expected(region: Region, fingerprints: Sequence[str]) -> Collection[str]:
    """Return the fingerprints that vouch for a key: the user's word counts alone, where it is given."""
    return fingerprints or embedded.FINGERPRINTS.get(str(region.ssh), {}).values()


def _verified(region: Region, offered: Sequence[HostKey], fingerprints: Sequence[str]) -> list[HostKey]:
    """Return the offered keys that are vouched for; raise `HostKeyError` where one contradicts, or none is."""
    published = {} if fingerprints else embedded.FINGERPRINTS.get(str(region.ssh), {})
    listed = [f"{region.ssh} offers {key.type} {key.fingerprint}" for key in offered]
    if not published and not fingerprints:
        raise HostKeyError(
            f"nothing vouches for the host key of {region.ssh}: there is no published fingerprint",
            *listed,
            f"compare with {DOCUMENTATION}, then: git scalingo-region trust {region.name} --fingerprint SHA256:...",
        )
    for key in offered:
        if published.get(key.type, key.fingerprint) != key.fingerprint:
            raise _mismatch(region, f"its {key.type} key is not the published one", listed)
    verified = [key for key in offered if key.fingerprint in _expected(region, fingerprints)]
    if not verified:
        raise _mismatch(region, f"none of its keys is {'the one given' if fingerprints else 'published'}", listed)
    return verified


def _mismatch(region: Region, why: str, listed: Sequence[str]) -> HostKeyError:
    return HostKeyError(
        f"the host that answers at {region.ssh} may not be Scalingo's: {why}; nothing was changed",
        *listed,
        f"if the platform announced a new key, compare it with {DOCUMENTATION}, and name it with --fingerprint",
    )


def _check_entries(request: Request, place: Lookup, offered: Collection[HostKey], expected: Collection[str]) -> None:
    """Raise `HostKeyError` where a file holds another key for the host, or revokes one that is vouched for."""
    for entry in hostkeys.known_keys(place.name, place.files):
        what = f"{entry.key.type} {entry.key.fingerprint}"
        vouched = entry.key.fingerprint in expected
        if vouched and entry.marker == hostkeys.REVOKED:
            raise HostKeyError(f"{entry.path} revokes the host key {what} of {place.name}; nothing was changed")
        if vouched or entry.marker:
            continue
        if entry.key not in offered:
            raise _other_entry(entry, what)
        # The host offers it beside a verified key, and ssh adds such keys by itself (UpdateHostKeys in ssh_config(5)).
        request.warn(f"nothing vouches for another key that {entry.path} holds for {place.name}: {what}")


def _other_entry(entry: KnownKey, what: str) -> HostKeyError:
    return HostKeyError(
        f"{entry.path} holds another key for {entry.name}, which the host does not offer: {what}; nothing was changed",
        f"if the platform announced a new key, remove the old one: {entry.removal}",
    )
