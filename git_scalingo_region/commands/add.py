"""`add`: make `git push scalingo main` work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from git_scalingo_region.commands.changes import apply, retrying, shared_files, undo_commands
from git_scalingo_region.commands.regions import (
    Request,
    load_regions,
    platform_of,
    read_words,
    repository_candidates,
    resolve,
    settle,
)
from git_scalingo_region.errors import RepositoryError
from git_scalingo_region.model import RemoteUrl, SshEndpoint, check_remote_name
from git_scalingo_region.outcomes import Added
from git_scalingo_region.repository.plan import Plan, Platform, plan_remote, refspec_to_push
from git_scalingo_region.settings import Settings

if TYPE_CHECKING:
    from git_scalingo_region.repository.configuration import Configuration
    from git_scalingo_region.repository.git import Repository


def add(request: Request, positionals: Sequence[str], remote: str, *, force: bool, dry_run: bool) -> Added:
    """Add the remote of an app, or bring it up to date.

    Raises `InvalidInput`, `RegionError`, `CredentialsError`, `RepositoryError` or `RemoteConflict`.
    """
    check_remote_name(remote)
    words = read_words(positionals, request.settings, "add")
    from git_scalingo_region.repository.git import Repository

    repository = Repository()
    configuration = repository.read()
    regions = load_regions(request)
    words = settle(words, regions, request, "add")
    platform = platform_of(regions)
    resolution = resolve(
        request,
        regions,
        [
            ("argument", words.region),
            ("environment", request.settings.region),
            *repository_candidates(request.settings, configuration, platform, remote),
        ],
    )
    url = resolution.region.remote_url(words.app)
    plan = _carry_out(repository, configuration, platform, remote, url, force=force, dry_run=dry_run)
    for path in shared_files(repository, [plan]):
        request.warn(f"the remote '{remote}' stands in {path}, which other repositories may include")
    push_urls = plan.push_urls if dry_run else repository.push_urls(remote)
    for elsewhere in push_urls:
        if RemoteUrl.try_parse(elsewhere) != url:
            request.warn(f"git push {remote} goes to {elsewhere}: the git configuration rewrites the url")
    head = repository.head()
    return Added(
        outcome=plan.outcome,
        remote=remote,
        url=url,
        previous_url=plan.previous_url,
        push_urls=push_urls,
        resolution=resolution,
        replacements=plan.replacements,
        undo=undo_commands(repository, plan),
        refspec=refspec_to_push(head.branch),
        has_commit=head.has_commit,
        host_is_known=_host_is_known(url.endpoint, request.settings),
        dry_run=dry_run,
    )


def _carry_out(
    repository: Repository,
    configuration: Configuration,
    platform: Platform,
    remote: str,
    url: RemoteUrl,
    *,
    force: bool,
    dry_run: bool,
) -> Plan:
    """Plan and apply; a dry run only plans."""

    def attempt(configuration: Configuration) -> Plan:
        plan = plan_remote(configuration.remote(remote), url, platform, configuration, force=force)
        if plan.changes and not dry_run:
            repository.own_push_urls(remote)  # what git refuses is not written to
            apply(repository, [plan])
        return plan

    return retrying(repository, configuration, attempt, f"the remote '{remote}'")


def _host_is_known(endpoint: SshEndpoint, settings: Settings) -> bool:
    """Whether ssh knows the host's key already; where ssh cannot be asked there is nothing to advise."""
    from git_scalingo_region.ssh import known_hosts as hostkeys

    try:
        place = hostkeys.lookup(endpoint, settings.ssh)
    except RepositoryError:
        return True
    return bool(hostkeys.trusted_keys(place))
