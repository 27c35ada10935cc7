"""Make remotes point at their apps: choose the region once, plan, write, and report the result.

`add` and `setup` share it. The regional APIs are asked where the app is only if something is about to change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

from git_scalingo_region import shell
from git_scalingo_region.commands.selection import Remotes, Selection, choose_region, ssh_command
from git_scalingo_region.errors import RegionError, RemoteConflict, RepositoryError
from git_scalingo_region.model import Outcome, Region
from git_scalingo_region.repository.changes import carry_out
from git_scalingo_region.repository.configuration import Configuration, without_login
from git_scalingo_region.repository.git import Repository
from git_scalingo_region.repository.plan import OTHER_NAME, Examined, Plan, plan_add, undo_commands
from git_scalingo_region.scalingo import builtin
from git_scalingo_region.scalingo.choice import Choice, RegionSource, Wish, warn_if_elsewhere
from git_scalingo_region.terminal import GREEN, Style, record

Item = TypeVar("Item")
T = TypeVar("T")

_NAMED = (RegionSource.ARGUMENT, RegionSource.GITSCALINGO)


class Target(NamedTuple):
    """A remote, and the app and region that it is to point at."""

    selection: Selection
    app: str
    choice: Choice
    force: bool

    def plan(self, configuration: Configuration) -> Plan:
        """Decide what has to change; raise `RemoteConflict` if the program must not change the remote.

        If another process has just moved the remote to another region, only a region that the user named moves it.
        """
        (remotes, remote, before), chosen = self.selection, self.choice
        examiner = remotes._replace(configuration=configuration).examiner
        now = examiner.examine(remote) if chosen.source not in _NAMED else None
        if now and now.region not in (before and before.region, chosen.region.name):
            raise RemoteConflict(f"another process has just moved the remote '{remote}'", "run the same command again")
        return plan_add(configuration.remote(remote), chosen.region.remote_url(self.app), examiner, force=self.force)


def choose_target(selection: Selection, repository: Repository, wish: Wish, app: str, *, force: bool) -> Target:
    """Choose the region of a remote, and look up the app if the remote has to change.

    A remote that is not Scalingo's is refused before that. Raises what `choose_region` raises, and `RemoteConflict`.
    """
    (catalog, configuration), remote, examined = selection
    if file := repository.legacy_file(configuration.remote(remote)):
        raise RemoteConflict(f"the remote '{remote}' is defined by the file {file}", OTHER_NAME)
    listed = catalog.load()
    if examined is None:  # a conflict does not depend on the region, so any region will do
        Target(selection, app, Choice(listed.regions[0], wish.source, listed), force).plan(configuration)
    choice = choose_region(selection, wish, app)
    if choice.source is RegionSource.FALLBACK and examined and examined.region != choice.region.name:
        raise _unmoved(selection, examined, choice.region, app)
    target = Target(selection, app, choice, force)
    if choice.app_found or not target.plan(configuration).changes:
        return target
    words = (*selection.remotes.add_words(remote), *(["--force"] if force else []))
    return target._replace(choice=warn_if_elsewhere(catalog, choice, app, words))


def _unmoved(selection: Selection, examined: Examined, region: Region, app: str) -> RegionError:
    """Return the error for a remote that `--fallback` would move because of a mistyped region."""
    remote, move = selection.remote, selection.remotes.move_command(selection.remote, region, app)
    here = examined.region or "an unknown region"
    message = f"the remote '{remote}' is in {here}: --fallback does not move it to {region.name}"
    return RegionError(message, *([f"to move it: {move}"] if move else []))


class Done(NamedTuple):
    """What was done, or would be done, with a remote: its region as text, and the commands that undo it."""

    plan: Plan
    region: str
    undo: tuple[str, ...]
    dry_run: bool

    def text(self, style: Style, push: str = "") -> str:
        """Show what was done, in which region, how to undo it, and what to do next."""
        fields = (
            *(self.plan.replacements or [("url", without_login(self.plan.configured_url))]),
            ("region", self.region),
            ("undo", " && ".join(self.undo)),
            ("next", push),
        )
        title = headline(f"remote '{self.plan.remote}'", self.plan.outcome, dry_run=self.dry_run)
        return record(title, fields, style, GREEN)


def headline(thing: str, outcome: Outcome, *, dry_run: bool) -> str:
    """Return what happened, or would happen, to a remote or a file."""
    if outcome is Outcome.UNCHANGED:
        return f"{thing[:1].upper()}{thing[1:]} is up to date"
    return f"Would {outcome.value[:-1]} {thing}" if dry_run else f"{outcome.value.capitalize()} {thing}"


def make_remotes(
    repository: Repository, configuration: Configuration, targets: Sequence[Target], *, dry_run: bool
) -> list[Done]:
    """Make the remotes point at their targets in one step, and warn if a push goes elsewhere.

    Raises one `RemoteConflict` that names every conflict, and what `carry_out` raises.
    """
    plans = carry_out(
        repository, configuration, lambda now: all_of(targets, lambda target: target.plan(now)), dry_run=dry_run
    )
    done = []
    if not dry_run:
        reached = repository.push_urls(*(plan.remote for plan in plans))
        plans = [plan._replace(push_urls=urls) for plan, urls in zip(plans, reached)]
    for target, plan in zip(targets, plans):
        _warn_about(target, repository, plan)
        done.append(Done(plan, target.choice.why, () if dry_run else undo(repository, plan), dry_run))
    return done


def all_of(items: Iterable[Item], do: Callable[[Item], T]) -> list[T]:
    """Do something with each item; raise all the conflicts, if any, as one `RemoteConflict`."""
    done, conflicts = [], []
    for item in items:
        try:
            done.append(do(item))
        except RemoteConflict as conflict:
            conflicts.append(conflict)
    if conflicts:
        hints = dict.fromkeys(hint for conflict in conflicts for hint in conflict.hints)
        raise RemoteConflict("; ".join(conflict.message for conflict in conflicts), *hints)
    return done


def _warn_about(target: Target, repository: Repository, plan: Plan) -> None:
    """Warn if the change affects other repositories, or if the push goes somewhere other than to the app."""
    context = target.selection.remotes.catalog.context
    for path in repository.shared_files(change.origin for change in plan.changes):
        context.warn(f"the remote '{plan.remote}' is in {path}, which other repositories may include")
    for url in plan.elsewhere:
        context.warn(f"git push {plan.remote} goes to {without_login(url)}: your git configuration rewrites the url")


def undo(repository: Repository, plan: Plan) -> tuple[str, ...]:
    """Return the commands that bring back what an update replaced; none if one of them cannot be written exactly."""
    return undo_commands(plan, lambda origin: None if repository.is_main_file(origin) else repository.real_path(origin))


def host_key_advice(remotes: Remotes, region: Region) -> Sequence[str]:
    """Return what to do if ssh does not know the host of a new or moved remote's region; nothing if it does."""
    from git_scalingo_region.ssh import client, known_hosts  # only needed if something has changed

    endpoint = region.ssh
    try:
        lookup = client.lookup(endpoint, ssh_command(remotes.catalog.context, remotes.configuration))
        if known_hosts.trusted(known_hosts.known_keys(lookup.name, lookup.files)):
            return ()
    except RepositoryError as error:
        return (error.message, *error.hints)
    is_published = bool(builtin.fingerprints(endpoint))
    why = " yet" if is_published else ", and none is published; to see its keys"
    return (f"ssh does not know the host key of {endpoint}{why}: {shell.plugin('trust', region.name)}",)
