"""`status`: the Scalingo remotes of this repository, and their state."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.commands.selection import Remotes, add_form
from git_scalingo_region.context import Context
from git_scalingo_region.errors import ExitStatus
from git_scalingo_region.repository.configuration import Remote, without_login
from git_scalingo_region.repository.declared import FILE, Declared, read_declared
from git_scalingo_region.repository.git import Repository
from git_scalingo_region.repository.plan import Examined, State
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.settings import LOOK_AGAIN_SECONDS
from git_scalingo_region.terminal import Result, Style, table

_TO_SET_UP = (State.DIFFERS, State.MISSING)


class Status(NamedTuple):
    """A Scalingo or declared remote, as in the JSON. A missing one has no url, and no region if none is declared."""

    remote: str
    app: str
    region: str | None
    url: str | None
    push_urls: tuple[str, ...]
    state: State


def run(context: Context, *, remotes: tuple[str, ...]) -> Result:
    """Return the state of each Scalingo remote and of each declared one, or of the remotes named.

    The exit status is 7 if one of them is not current.

    Raises `RepositoryError` for a name that is no remote, `RemoteConflict` for one that is not Scalingo's, and what
    reading `.gitscalingo` raises.
    """
    repository = Repository()
    configuration = repository.read()
    declared = read_declared(context, repository) or {}
    here = Remotes(Catalog(context), configuration)
    found = {item.remote.name: item for item in here.examine(repository, remotes, optional=declared)}
    names = dict.fromkeys(remotes) or dict.fromkeys((*found, *declared))
    statuses = [_status(configuration.remote(name), found.get(name), declared.get(name)) for name in names]
    refused: Collection[str] = ()
    if any(status.state in _TO_SET_UP for status in statuses):
        able = {name: _can_set_up(here, repository, item, found.get(name)) for name, item in declared.items()}
        refused = [name for name in able if not able[name]]
    advice = [_advice(here, status, found.get(status.remote), refused) for status in statuses]
    is_current = all(status.state is State.CURRENT for status in statuses)
    return Result(
        text=lambda style: _text(statuses, style),
        json=lambda: {"remotes": [status._asdict() for status in statuses]},
        hints=lambda: list(filter(None, dict.fromkeys(advice))) if statuses else [f"add one: {add_form()}"],
        exit_status=ExitStatus.DONE if is_current else ExitStatus.PROBLEM,
    )


def _text(statuses: Sequence[Status], style: Style) -> str:
    if not statuses:
        return "No Scalingo remote in this repository\n"
    rows = [
        (name, region or ("unknown" if url else "-"), app, state.value, without_login(", ".join(push_urls)))
        for name, app, region, url, push_urls, state in statuses
    ]
    return table(("REMOTE", "REGION", "APP", "STATE", "PUSH URL"), rows, style)


def _status(remote: Remote, item: Examined | None, declared: Declared | None) -> Status:
    """Return the state of a remote that is Scalingo's (`item`), or declared, or both."""
    app, region, state = "", "", State.DIFFERS if remote.exists else State.MISSING
    if declared:
        _, app, region = declared
    if item:
        is_as_declared = not declared or (app, region or item.region) == (item.url.app, item.region)
        app, region, state = item.url.app, item.region, item.state if is_as_declared else State.DIFFERS
    url = remote.in_force[0].value if remote.in_force else None
    return Status(remote.name, app, region or None, url, remote.push_urls, state)


def _can_set_up(here: Remotes, repository: Repository, item: Declared, now: Examined | None) -> bool:
    """Return whether `setup` can make a declared remote. If no region is known for it, any region will do."""
    name = item.region or (now.region if now else "")
    # As for the regions of remotes, the service is not asked in every run.
    region = here.catalog.find(name, max_age=LOOK_AGAIN_SECONDS) or here.catalog.load().regions[0]
    is_legacy = repository.legacy_file(here.configuration.remote(item.remote))
    return not is_legacy and bool(here.move_command(item.remote, region, item.app))


def _advice(here: Remotes, status: Status, item: Examined | None, refused: Collection[str]) -> str:
    """Return what to do about a remote; advise a command only if it can do that.

    If `setup` refuses one remote, it makes none, unless the others are named.
    """
    name, state = status.remote, status.state
    if state in _TO_SET_UP and name in refused:
        return f"setup does not change '{name}'; to see why: {shell.plugin('setup', '-n', name)}"
    if state in _TO_SET_UP:
        return f"set up what {FILE} declares: {shell.plugin('setup', *([name] if refused else []))}"
    if state is State.STALE and here.configuration.remote(name).inherited:
        return f"'{name}' is not in this repository's own configuration; to see where: {shell.plugin('doctor', name)}"
    if state is State.STALE:
        return f"update stale remotes: {shell.plugin('sync')}"
    if state is State.DIVERTED:
        return f"see what diverts the push: {shell.plugin('doctor', name)}"
    return here.move_hint(item) if item and state is State.UNKNOWN_REGION else ""
