"""Where a remote is to point: the app and the region, chosen once, and the plan that follows from them.

`add` and `setup` share it. The regional APIs are asked where the app is only if something is about to change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.commands.selection import Selection, add_words, choose_region, examiner_of, ssh_command
from git_scalingo_region.context import Context
from git_scalingo_region.errors import RemoteConflict, RepositoryError
from git_scalingo_region.model import RemoteUrl
from git_scalingo_region.repository.configuration import Configuration
from git_scalingo_region.repository.declared import FILE
from git_scalingo_region.repository.git import Repository
from git_scalingo_region.repository.plan import OTHER_NAME, Plan, plan_add, undo_commands
from git_scalingo_region.scalingo import builtin
from git_scalingo_region.scalingo.apps import find_app
from git_scalingo_region.scalingo.choice import Choice, Wish, warn_if_elsewhere


class Target(NamedTuple):
    """A remote, and the app and region that it is to point at."""

    selection: Selection
    app: str
    choice: Choice
    force: bool
    legacy_file: str

    def plan(self, configuration: Configuration) -> Plan:
        """Decide what has to change; raise `RemoteConflict` if the program must not change the remote."""
        remote = configuration.remote(self.selection.remote)
        examiner = examiner_of(self.selection.catalog, configuration)
        url = self.choice.region.remote_url(self.app)
        return plan_add(remote, url, examiner, force=self.force, legacy_file=self.legacy_file)


def choose_target(selection: Selection, repository: Repository, wish: Wish, app: str, *, force: bool) -> Target:
    """Choose the region of a remote, and look the app up if the remote has to change.

    A remote that is not Scalingo's is refused first. Raises what `choose_region` raises, and `RemoteConflict`.
    """
    catalog = selection.catalog
    legacy_file = repository.legacy_file(selection.remote)
    anywhere = catalog.load().regions[0]
    target = Target(selection, app, Choice(anywhere, wish.source, catalog.load()), force, legacy_file)
    if selection.examined is None:
        target.plan(selection.configuration)
    choice = choose_region(selection, wish, lambda: find_app(catalog, app), app)
    target = target._replace(choice=choice)
    words = add_words(selection.configuration, selection.remote)
    if not choice.app_found and target.plan(selection.configuration).changes:
        choice = warn_if_elsewhere(selection.context, choice, app, find_app(catalog, app), words)
    return target._replace(choice=choice)


def plan_all(targets: Iterable[Target], configuration: Configuration) -> list[Plan]:
    """Plan several remotes; raise one `RemoteConflict` that reports every conflict."""
    plans, conflicts = [], []
    for target in targets:
        try:
            plans.append(target.plan(configuration))
        except RemoteConflict as conflict:
            conflicts.append(conflict)
    raise_together(conflicts)
    return plans


def raise_together(conflicts: Sequence[RemoteConflict]) -> None:
    """Raise the conflicts of declared remotes, if any, as one."""
    if conflicts:
        other = f"give it another name in {FILE}"
        hints = dict.fromkeys(hint.replace(OTHER_NAME, other) for conflict in conflicts for hint in conflict.hints)
        raise RemoteConflict("; ".join(conflict.message for conflict in conflicts), *hints)


def warn_about(context: Context, repository: Repository, plan: Plan, push_urls: Sequence[str]) -> None:
    """Warn if the change affects other repositories, or if the push goes to another place than the app's."""
    for path in repository.shared_files(change.origin for change in plan.changes):
        context.warn(f"the remote '{plan.remote}' is in {path}, which other repositories may include")
    for url in elsewhere(plan, push_urls):
        context.warn(f"git push {plan.remote} goes to {url}: your git configuration rewrites the url")


def elsewhere(plan: Plan, push_urls: Iterable[str]) -> list[str]:
    """Return those of the push urls that are not the app's."""
    return [url for url in push_urls if RemoteUrl.try_parse(url) != plan.url]


def undo(repository: Repository, plan: Plan) -> tuple[str, ...]:
    """Return the commands that bring back what an update replaced; none if one of them cannot be written exactly."""

    def path(origin: str) -> str | None:
        return None if repository.is_main_file(origin) else repository.real_path(origin)

    commands = tuple(shell.git(*words) for words in undo_commands(plan, path))
    return commands if all(commands) else ()


def host_key_advice(target: Target) -> Sequence[str]:
    """Return what to do if ssh does not know the host of a remote that was made or moved."""
    from git_scalingo_region.ssh import client, known_hosts  # only needed if something has changed

    region, selection = target.choice.region, target.selection
    try:
        place = client.lookup(region.ssh, ssh_command(selection.context, selection.configuration))
        if known_hosts.trusted_keys(place):
            return ()
    except RepositoryError as error:
        return (error.message, *error.hints)
    trust = shell.plugin("trust", region.name)
    if not builtin.fingerprints(region.ssh):
        return (f"ssh does not know the host key of {region.ssh}, and none is published; to see its keys: {trust}",)
    return (f"ssh does not know the host key of {region.ssh} yet: {trust}",)
