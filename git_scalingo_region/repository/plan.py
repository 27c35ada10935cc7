"""The decisions, pure: which region and why, whose a remote is, and what to do with it.

No clock, no files, no network, no git: values in, values out. Imports `model`, `gitconfig` and `errors`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from git_scalingo_region.errors import InvalidInput, RegionError, RemoteConflict
from git_scalingo_region.model import SSH_USER, Region, RegionList, RemoteUrl, SshEndpoint, check_region_name

if TYPE_CHECKING:  # what needs no remote does without git's syntax
    from git_scalingo_region.repository.configuration import Configuration, Entry, Remote

CREATED, UPDATED, UNCHANGED = "created", "updated", "unchanged"
CURRENT, STALE, UNKNOWN_REGION, DIVERTED = "current", "stale", "unknown-region", "diverted"

# Branches that the platform deploys ("Deploying with git" in its documentation).
DEPLOYED_BRANCHES = ("main", "master")


# Where a name that is no argument comes from, by its source.
_PLACES = {
    "environment": "SCALINGO_REGION",
    "git-config": "git config scalingo.region",
    "existing-remote": "the remote's url",
    "cli-config": "the Scalingo CLI's configuration",
}


# --- which region ----------------------------------------------------------------------------------------------------


def choose_region_name(candidates: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """Return the first (source, name) with a name; ("default", "") leaves the choice to the list.

    Raises `InvalidInput` for a name that no region can have.
    """
    for source, name in candidates:
        if name:
            return source, _checked(name, source)
    return "default", ""


def _checked(name: str, source: str) -> str:
    try:
        return check_region_name(name)
    except InvalidInput as error:
        place = _PLACES.get(source)
        raise InvalidInput(f"{place}: {error.message}" if place else error.message, *error.hints) from None


def default_region(regions: RegionList) -> Region:
    """Return the region marked default; raise `RegionError` where none is: a guess would push code elsewhere."""
    if regions.default:
        return regions.default
    names = ", ".join(sorted(regions.names))
    raise RegionError(f"no region is given, and the list of regions marks none as default: {names}")


def close_names(name: str, regions: RegionList) -> list[str]:
    """Return the names of regions that a mistyped one may have meant, the nearest first."""
    from difflib import get_close_matches  # seldom needed

    return get_close_matches(name, regions.names, n=3, cutoff=0.6)


def unknown_region(name: str, regions: RegionList, source: str) -> RegionError:
    """Return the error for a name that is in no list, with the names that come nearest to it."""
    near = close_names(name, regions)
    hints = [f"did you mean {' or '.join(near)}?"] if near else []
    hints.append(f"the regions are {', '.join(sorted(regions.names))}")
    if regions.anonymous:
        hints.append("some regions are listed only with a token: set SCALINGO_API_TOKEN")
    place = f", which {_PLACES[source]} names" if source in _PLACES else ""
    return RegionError(f"there is no region '{name}'{place}", *hints)


# --- whose a remote is -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Platform:
    """What tells the platform's hosts from others: the regions, the domain, and the hosts of former times."""

    regions: Sequence[Region]
    domain: str
    moved_hosts: dict[str, str]

    @cached_property
    def _by_endpoint(self) -> dict[SshEndpoint, str]:
        return {region.ssh: region.name for region in reversed(self.regions)}  # the first of two counts

    @cached_property
    def _by_host(self) -> dict[str, str]:
        return {region.ssh.host: region.name for region in reversed(self.regions)}

    def region_name(self, url: RemoteUrl) -> str | None:
        """Return the name of the region that a url points at, by its endpoint, else by its host; None if not ours."""
        host = url.endpoint.host
        if name := self._by_endpoint.get(url.endpoint) or self._by_host.get(host) or self.moved_hosts.get(host):
            return name
        if not host.endswith(f".{self.domain}"):
            return None
        return host.removesuffix(f".{self.domain}").removeprefix("ssh.")

    def url_of(self, value: str, configuration: Configuration) -> RemoteUrl | None:
        """Read a configured url, as it stands or as `insteadOf` makes it; None if it is not the platform's."""
        for text in (value, configuration.rewritten(value)):
            url = RemoteUrl.try_parse(text)
            if url and self.region_name(url) is not None:
                return url
        return None


def remote_url(remote: Remote, platform: Platform, configuration: Configuration) -> RemoteUrl | None:
    """Return the app's url that a remote points at: its pushurl's, else its url's; None if it is not the platform's."""
    for entry in (*remote.pushurls, *remote.urls):
        if url := platform.url_of(entry.value, configuration):
            return url
    return None


# --- what to do with a remote ----------------------------------------------------------------------------------------


class Change(NamedTuple):
    """The values of one key in one file (an origin of `git config --show-origin`; empty for the repository's own)."""

    origin: str
    key: str
    old: tuple[str, ...]
    new: tuple[str, ...]


class Plan(NamedTuple):
    """What `add` or `sync` is to do with one remote, and where `git push` will go afterwards."""

    remote: str
    outcome: str
    url: RemoteUrl
    previous_url: str | None
    changes: tuple[Change, ...]
    push_urls: tuple[str, ...]

    @property
    def replacements(self) -> tuple[tuple[str, str, str], ...]:
        """What an update replaces: the variable (`url` or `pushurl`), and what it held and is to hold, for a person."""
        if self.outcome != UPDATED:
            return ()
        return tuple(
            (change.key.rpartition(".")[2], ", ".join(change.old) or "(none)", ", ".join(change.new) or "(none)")
            for change in self.changes
        )


def plan_remote(
    remote: Remote, url: RemoteUrl, platform: Platform, configuration: Configuration, *, force: bool = False
) -> Plan:
    """Decide how the remote comes to point at `url`; raise `RemoteConflict` where that is not ours to do."""
    if not remote.urls and not remote.pushurls and not remote.helper:
        return _creation(remote, url, configuration)
    if reason := _conflict(remote, platform, configuration, url):
        if not force:
            raise reason
        changes = _takeover(remote, url)
    else:
        changes = tuple(
            Change(entry.origin, remote.key(variable), (entry.value,), (str(url),))
            for variable, entry in _single_urls(remote)
            if not _is_equal(entry.value, url, configuration)
        )
    push_urls = configuration.push_urls(*_after(remote, changes))
    held = [value for change in changes for value in change.old] or [entry.value for _, entry in _single_urls(remote)]
    previous = held[0] if held else None
    return Plan(remote.name, UPDATED if changes else UNCHANGED, url, previous, changes, push_urls)


def _creation(remote: Remote, url: RemoteUrl, configuration: Configuration) -> Plan:
    fetch = (f"+refs/heads/*:refs/remotes/{remote.name}/*",)  # as git remote add writes it
    changes = [Change("", remote.key("url"), (), (str(url),))]
    if not remote.has_fetch:
        changes.append(Change("", remote.key("fetch"), (), fetch))
    return Plan(remote.name, CREATED, url, None, tuple(changes), configuration.push_urls([str(url)], []))


def _single_urls(remote: Remote) -> list[tuple[str, Entry]]:
    return [("url", entry) for entry in remote.urls] + [("pushurl", entry) for entry in remote.pushurls]


def _is_equal(value: str, url: RemoteUrl, configuration: Configuration) -> bool:
    return url in (RemoteUrl.try_parse(value), RemoteUrl.try_parse(configuration.rewritten(value)))


def _conflict(
    remote: Remote, platform: Platform, configuration: Configuration, url: RemoteUrl
) -> RemoteConflict | None:
    """Return why the remote is not to be changed, or None."""
    name = f"the remote '{remote.name}'"
    other = "choose another name with --remote"
    forced = "" if remote.helper or any(not entry.own for entry in remote.pushurls) else ", or replace {} with --force"
    values = [entry.value for _, entry in _single_urls(remote)]
    if remote.helper:
        return RemoteConflict(f"{name} is reached through the helper '{remote.helper}'", other)
    if len(remote.urls) > 1 or len(remote.pushurls) > 1:
        listed = ", ".join(values)
        return RemoteConflict(f"{name} has several urls: {listed}", other + forced.format("them all"))
    for value in values:
        if not platform.url_of(value, configuration):
            return RemoteConflict(f"{name} points elsewhere: {value}", other + forced.format("it"))
    if remote.inherited and not all(_is_equal(value, url, configuration) for value in values):
        entry = remote.inherited[0]
        return RemoteConflict(f"{name} comes from the {entry.scope} configuration ({_place(entry)})", other)
    return None


def _place(entry: Entry) -> str:
    # The other origin is "command line:", of git -c and of the environment.
    return entry.origin.removeprefix("file:") if entry.origin.startswith("file:") else "the command line"


def _takeover(remote: Remote, url: RemoteUrl) -> tuple[Change, ...]:
    """Return the changes that leave `url` alone in force, for a remote that was not ours.

    What is inherited cannot be removed from here. An inherited url can be hidden, by a pushurl of the repository's own;
    an inherited pushurl cannot.
    """
    if remote.helper or any(not entry.own for entry in remote.pushurls):
        entry = next((entry for entry in remote.pushurls if not entry.own), None)
        place = f" from {_place(entry)}" if entry else ""
        raise RemoteConflict(
            f"the remote '{remote.name}' cannot be replaced from here, not even by force: remove it{place} first",
            "choose another name with --remote",
        )
    inherited = any(not entry.own for entry in remote.urls)
    return (
        *_replace_all(remote.key("url"), [entry for entry in remote.urls if entry.own], (str(url),)),
        *_replace_all(remote.key("pushurl"), remote.pushurls, (str(url),) if inherited else ()),
    )


def _replace_all(key: str, entries: Sequence[Entry], new: tuple[str, ...]) -> list[Change]:
    """Return one change a file: the new values in the first file that holds the key, none in the others."""
    origins = dict.fromkeys(entry.origin for entry in entries) or ({"": None} if new else {})
    changes = []
    for origin in origins:
        old = tuple(entry.value for entry in entries if entry.origin == origin)
        changes.append(Change(origin, key, old, new))
        new = ()
    return [change for change in changes if change.old != change.new]


def _after(remote: Remote, changes: Sequence[Change]) -> tuple[list[str], list[str]]:
    """Return the values of url and pushurl that git will see once the changes are made."""
    found: dict[str, list[str]] = {}
    for variable, entries in (("url", remote.urls), ("pushurl", remote.pushurls)):
        changed = [change for change in changes if change.key == remote.key(variable)]
        kept = [entry.value for entry in entries if not any(entry.origin == change.origin for change in changed)]
        found[variable] = [*kept, *(value for change in changed for value in change.new)]
    return found["url"], found["pushurl"]


# --- the state of a remote -------------------------------------------------------------------------------------------


def remote_state(url: RemoteUrl, push_urls: Sequence[str], region: Region | None, platform: Platform) -> str:
    """Return `current`, `stale`, `unknown-region` or `diverted` for a remote that points at `url`.

    A spelling is no reason to be stale: what counts is the endpoint, and that ssh logs in as `git`.
    """
    if region is None:
        return UNKNOWN_REGION
    pushed = [RemoteUrl.try_parse(text) for text in push_urls]
    theirs = [push for push in pushed if push and push.app == url.app and platform.region_name(push) == region.name]
    if len(theirs) != 1 or len(pushed) != 1:
        return DIVERTED
    places = {(place.endpoint, place.user) for place in (url, *theirs)}
    return CURRENT if places == {(region.ssh, SSH_USER)} else STALE


# --- what to push ----------------------------------------------------------------------------------------------------


def refspec_to_push(branch: str | None) -> str:
    """Return what to push so that the platform deploys it: it takes `main` and `master` alone; None is detached."""
    if branch is None:
        # What HEAD alone is does not tell git where in refs/ a branch that is not there yet belongs.
        return "HEAD:refs/heads/main"
    return branch if branch in DEPLOYED_BRANCHES else f"{branch}:main"
