"""`sync`: bring the remotes whose ssh endpoint has moved up to date. However many there are, one step writes all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from git_scalingo_region.commands.add import HEADLINES
from git_scalingo_region.commands.selection import examiner_of, is_gone
from git_scalingo_region.commands.status import check_names, examine, move_hint
from git_scalingo_region.commands.target import undo
from git_scalingo_region.context import Context
from git_scalingo_region.errors import ExitStatus, RemoteConflict
from git_scalingo_region.model import Outcome, Region
from git_scalingo_region.repository.changes import carry_out
from git_scalingo_region.repository.configuration import Configuration
from git_scalingo_region.repository.git import Repository
from git_scalingo_region.repository.plan import Examined, Plan, State, plan_add, plan_sync
from git_scalingo_region.scalingo.apps import find_app
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.terminal import GREEN, Style, plural, record


class SyncedRemote(NamedTuple):
    """A remote that was brought to its region's endpoint, and how to undo that."""

    plan: Plan
    region: str
    undo: tuple[str, ...]


class Synced(NamedTuple):
    """What `sync` did, or would do. `left` counts the remotes that stay, `refused` says why others may not change."""

    remotes: tuple[SyncedRemote, ...]
    left: int
    refused: tuple[str, ...]
    advice: tuple[str, ...]
    dry_run: bool

    @property
    def exit_status(self) -> ExitStatus:
        """6 if a stale remote must not be changed."""
        return ExitStatus.CONFLICT if self.refused else ExitStatus.DONE

    def text(self, style: Style) -> str:
        """Show each remote that was brought up to date, then the sum."""
        headline = HEADLINES[Outcome.UPDATED, self.dry_run]
        records = [
            record(
                headline.format(item.plan.remote),
                (*item.plan.replacements, ("region", item.region), ("undo", " && ".join(item.undo))),
                style,
                GREEN,
            )
            for item in self.remotes
        ]
        return "\n".join([*records, self._sum()])

    def _sum(self) -> str:
        if not self.remotes and not self.refused:
            return "No Scalingo remote is stale\n"
        sums = [f"{plural(len(self.remotes), 'remote')} {'to update' if self.dry_run else 'updated'}"]
        if self.refused:
            sums.append(f"{len(self.refused)} refused")
        if self.left:
            sums.append(f"{self.left} left as {'it was' if self.left == 1 else 'they were'}")
        return ", ".join(sums) + "\n"

    def json(self) -> dict[str, Any]:
        """Return the remotes that were changed, and why others were not."""
        remotes = [
            {
                "remote": item.plan.remote,
                "region": item.region,
                "previous_url": item.plan.previous_url,
                "url": item.plan.held_url,
                "undo": list(item.undo),
            }
            for item in self.remotes
        ]
        return {"remotes": remotes, "refused": list(self.refused), "dry_run": self.dry_run}

    def hints(self) -> Sequence[str]:
        """Return what to do about remotes whose region is gone."""
        return self.advice


class _Decision:
    """The plans for a configuration, and what was found on the way; made anew if the configuration has changed."""

    def __init__(self, catalog: Catalog, names: Sequence[str]) -> None:
        self._catalog = catalog
        self._names = names
        self.refused: list[str] = []
        self.examined: list[Examined] = []

    def __call__(self, configuration: Configuration) -> list[Plan]:
        self.examined = list(examine(self._catalog, configuration, self._names))
        self.refused = []
        examiner = examiner_of(self._catalog, configuration)
        plans = []
        for item in self.examined:
            try:
                if item.state is State.STALE:
                    plans.append(plan_sync(item, examiner))
                elif region := self._new_region(item):
                    plans.append(plan_add(item.remote, region.remote_url(item.url.app), examiner))
            except RemoteConflict as conflict:
                self.refused.append(conflict.message)
        return plans

    def region_of(self, plan: Plan) -> str:
        """Return the name of the region that a plan's url points at."""
        return self._catalog.platform().region_name(plan.url)

    def _new_region(self, item: Examined) -> Region | None:
        """Return where the app of a gone region is now: the one region that has it, if there is just one."""
        if not item.region or not is_gone(self._catalog, item):
            return None
        whereabouts = find_app(self._catalog, item.url.app)
        present = whereabouts.present if whereabouts else ()
        return present[0] if len(present) == 1 else None


def run(context: Context, *, remotes: tuple[str, ...], dry_run: bool) -> Synced:
    """Bring stale remotes to their region's endpoint, and leave all others as they are.

    Raises what `status` raises, and `RepositoryError` if the configuration cannot be written.
    """
    repository = Repository()
    configuration = repository.read()
    check_names(repository, configuration, remotes)
    catalog = Catalog(context)
    decide = _Decision(catalog, remotes)
    plans = carry_out(repository, configuration, decide, dry_run=dry_run)
    for conflict in decide.refused:
        context.warn(conflict)
    for path in repository.shared_files(change.origin for plan in plans for change in plan.changes):
        context.warn(f"remotes are in {path}, which other repositories may include")
    regions = {plan.remote: decide.region_of(plan) for plan in plans}
    gone = [item for item in decide.examined if item.state is State.UNKNOWN_REGION and item.remote.name not in regions]
    return Synced(
        tuple(SyncedRemote(plan, regions[plan.remote], () if dry_run else undo(repository, plan)) for plan in plans),
        left=len(decide.examined) - len(plans) - len(decide.refused),
        refused=tuple(decide.refused),
        advice=tuple(move_hint(catalog, configuration, item) for item in gone),
        dry_run=dry_run,
    )
