"""`status` and `sync`: the Scalingo remotes of the repository, and those whose region has moved.

However many remotes there are, the configuration is read once and written once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from git_scalingo_region.commands.changes import apply, retrying, shared_files, undo_commands
from git_scalingo_region.commands.regions import Request, find_region, load_regions, may_look_again, platform_of
from git_scalingo_region.errors import RemoteConflict, RepositoryError
from git_scalingo_region.model import Region, RegionList, RemoteUrl
from git_scalingo_region.outcomes import RemoteStatus, Statuses, Synced, SyncedRemote
from git_scalingo_region.repository.plan import (
    STALE,
    UNKNOWN_REGION,
    Plan,
    Platform,
    plan_remote,
    remote_state,
    remote_url,
)

if TYPE_CHECKING:
    from git_scalingo_region.repository.configuration import Configuration, Remote


def status(request: Request, names: Sequence[str]) -> Statuses:
    """Return the state of each Scalingo remote, or of the remotes named.

    Raises `RepositoryError` for a name that is no remote, `RemoteConflict` for one that is not Scalingo's.
    """
    from git_scalingo_region.repository.git import Repository

    configuration = Repository().read()
    remotes = _remotes(configuration, names)
    regions = _regions(request, configuration, remotes)
    return Statuses(tuple(item for item, _ in statuses(configuration, regions, remotes, named=bool(names))))


def sync(request: Request, names: Sequence[str], *, dry_run: bool) -> Synced:
    """Bring stale remotes to their region's endpoint, and leave all others as they are.

    Raises what `status` raises, and `RepositoryError` where the configuration cannot be written.
    """
    from git_scalingo_region.repository.git import Repository

    repository = Repository()
    configuration = repository.read()
    regions = _regions(request, configuration, _remotes(configuration, names))

    def attempt(configuration: Configuration) -> tuple[list[tuple[Plan, str]], list[str], int]:
        planned = _plan(configuration, regions, _remotes(configuration, names), named=bool(names))
        if not dry_run:
            apply(repository, [plan for plan, _ in planned[0]])
        return planned

    plans, refused, left = retrying(repository, configuration, attempt, "the remotes")
    for conflict in refused:
        request.warn(conflict)
    for path in shared_files(repository, [plan for plan, _ in plans]):
        request.warn(f"remotes stand in {path}, which other repositories may include")
    synced = tuple(
        SyncedRemote(
            plan.remote,
            region,
            plan.previous_url or "",
            str(plan.url),
            plan.replacements,
            undo_commands(repository, plan),
        )
        for plan, region in plans
    )
    return Synced(synced, left, tuple(refused), dry_run)


def _remotes(configuration: Configuration, names: Sequence[str]) -> list[Remote]:
    unknown = [name for name in names if name not in configuration.remote_names]
    if unknown:
        raise RepositoryError(f"there is no remote '{unknown[0]}'", "git remote -v")
    return [configuration.remote(name) for name in dict.fromkeys(names) or configuration.remote_names]


def _regions(request: Request, configuration: Configuration, remotes: Sequence[Remote]) -> RegionList:
    """Return the regions, asked for anew where a cached list lacks the region of a remote."""
    regions = load_regions(request)
    if may_look_again(request, regions):
        found = statuses(configuration, regions, remotes, named=False)
        if any(item.state == UNKNOWN_REGION for item, _ in found):
            return load_regions(replace(request, refresh=True))
    return regions


def statuses(
    configuration: Configuration, regions: RegionList, remotes: Sequence[Remote], *, named: bool
) -> Iterator[tuple[RemoteStatus, Region | None]]:
    """Yield the status and the region of each Scalingo remote; raise `RemoteConflict` for a `named` other one."""
    platform = platform_of(regions)
    for remote in remotes:
        url = remote_url(remote, platform, configuration)
        if url:
            yield _status(remote, url, platform, configuration, regions)
        elif named:
            where = f"it points to {remote.urls[0].value}" if remote.urls else "it has no url"
            raise RemoteConflict(f"the remote '{remote.name}' is not Scalingo's: {where}")


def _status(
    remote: Remote, url: RemoteUrl, platform: Platform, configuration: Configuration, regions: RegionList
) -> tuple[RemoteStatus, Region | None]:
    name = platform.region_name(url) or ""
    region, _ = find_region(regions, name)
    urls, pushurls = [entry.value for entry in remote.urls], [entry.value for entry in remote.pushurls]
    push_urls = configuration.push_urls(urls, pushurls)
    state = remote_state(url, push_urls, region, platform)
    return RemoteStatus(remote.name, url.app, name, (urls or pushurls)[0], push_urls, state), region


def _plan(
    configuration: Configuration, regions: RegionList, remotes: Sequence[Remote], *, named: bool
) -> tuple[list[tuple[Plan, str]], list[str], int]:
    """Return the plans with their regions' names, why the others that are stale are refused, and how many are not."""
    platform = platform_of(regions)
    plans: list[tuple[Plan, str]] = []
    refused: list[str] = []
    left = 0
    for item, region in statuses(configuration, regions, remotes, named=named):
        if item.state != STALE or region is None:
            left += 1
            continue
        try:
            remote = configuration.remote(item.remote)
            plan = plan_remote(remote, region.remote_url(item.app), platform, configuration)
            plans.append((plan, region.name))
        except RemoteConflict as conflict:
            refused.append(conflict.message)
    return plans, refused, left
