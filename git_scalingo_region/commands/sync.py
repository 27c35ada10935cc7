"""`sync`: update the remotes whose ssh endpoint has moved. All changes are written in one step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from git_scalingo_region.commands.selection import Remotes
from git_scalingo_region.commands.target import Done, host_key_advice, undo
from git_scalingo_region.context import Context
from git_scalingo_region.errors import ExitStatus, RemoteConflict
from git_scalingo_region.model import Region
from git_scalingo_region.repository.changes import carry_out
from git_scalingo_region.repository.configuration import Configuration
from git_scalingo_region.repository.git import Repository
from git_scalingo_region.repository.plan import Examined, Plan, State, plan_add, plan_sync
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.terminal import Result, plural


def run(context: Context, *, remotes: tuple[str, ...], dry_run: bool) -> Result:
    """Update stale remotes, and leave all others as they are.

    The exit status is 6 if a remote that has to change must not be changed. Raises what `status` raises, and
    `RepositoryError` if the configuration cannot be written.
    """
    repository = Repository()
    here = Remotes(Catalog(context), repository.read())
    settled: list[tuple[Examined, Plan | RemoteConflict | None]] = []

    def decide(now: Configuration) -> list[Plan]:
        meanwhile = here._replace(configuration=now)
        settled[:] = [(item, _plan(meanwhile, item)) for item in meanwhile.examine(repository, remotes)]
        return [plan for _, plan in settled if isinstance(plan, Plan)]

    plans = carry_out(repository, here.configuration, decide, dry_run=dry_run)
    refused = [conflict.message for _, conflict in settled if isinstance(conflict, RemoteConflict)]
    left = [item for item, plan in settled if plan is None]
    for conflict in refused:
        context.warn(conflict)
    for path in repository.shared_files(change.origin for plan in plans for change in plan.changes):
        context.warn(f"remotes are in {path}, which other repositories may include")
    region_name = here.catalog.platform().region_name
    done = [Done(plan, region_name(plan.url), () if dry_run else undo(repository, plan), dry_run) for plan in plans]
    total = _sum(len(done), len(refused), len(left), dry_run=dry_run)
    return Result(
        text=lambda style: "\n".join([*(item.text(style) for item in done), total]),
        json=lambda: {"remotes": [_json(item) for item in done], "refused": refused, "dry_run": dry_run},
        hints=lambda: [*_advice(here, left), *_host_key_advice(here, plans)],
        exit_status=ExitStatus.CONFLICT if refused else ExitStatus.DONE,
    )


def _plan(here: Remotes, item: Examined) -> Plan | RemoteConflict | None:
    """Return how a remote has to change, or why it must not be changed; None if it stays as it is."""
    examiner, regions = here.examiner, _regions_with(here, item)
    try:
        if item.state is State.STALE:
            return plan_sync(item, examiner)
        return plan_add(item.remote, regions[0].remote_url(item.url.app), examiner) if len(regions) == 1 else None
    except RemoteConflict as conflict:
        return conflict


def _regions_with(here: Remotes, item: Examined) -> Sequence[Region]:
    """Return the regions where the app of a remote is now, if the remote's own region is gone."""
    if not item.region or not here.is_gone(item):
        return ()
    whereabouts = here.catalog.find_app(item.url.app)
    return whereabouts.present if whereabouts else ()


def _advice(here: Remotes, left: Iterable[Examined]) -> Iterator[str]:
    """Yield how to move the remotes whose region is gone."""
    for item in left:
        name, app = item.remote.name, item.url.app
        regions = _regions_with(here, item)
        for region in regions:
            command = here.move_command(name, region, app)
            yield f"{app} is in {region.name}" + (f"; to move '{name}' there: {command}" if command else "")
        if item.state is State.UNKNOWN_REGION and not regions:
            yield here.move_hint(item)


def _host_key_advice(here: Remotes, plans: Sequence[Plan]) -> dict[str, None]:
    """Return what to do if ssh does not know the hosts of the remotes that were updated."""
    names = [here.catalog.platform().region_name(plan.url) for plan in plans]
    regions = filter(None, map(here.catalog.find, dict.fromkeys(names)))
    return dict.fromkeys(advice for region in regions for advice in host_key_advice(here, region))


def _sum(done: int, refused: int, left: int, *, dry_run: bool) -> str:
    if not done and not refused:
        return "No Scalingo remote is stale\n"
    sums = [f"{plural(done, 'remote')} {'to update' if dry_run else 'updated'}"]
    sums += [f"{refused} refused"] if refused else []
    sums += [f"{left} left as {'it was' if left == 1 else 'they were'}"] if left else []
    return ", ".join(sums) + "\n"


def _json(done: Done) -> dict[str, object]:
    return {
        "remote": done.plan.remote,
        "region": done.region,
        "previous_url": done.plan.previous_url,
        "url": done.plan.configured_url,
        "undo": list(done.undo),
    }
