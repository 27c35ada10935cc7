"""`status`: the Scalingo remotes of this repository, and their state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.commands.selection import add_form, check_names, examine, move_hint
from git_scalingo_region.context import Context
from git_scalingo_region.errors import ExitStatus
from git_scalingo_region.repository.configuration import Configuration
from git_scalingo_region.repository.declared import FILE, Declared, read_declared
from git_scalingo_region.repository.git import Repository
from git_scalingo_region.repository.plan import Examined, State
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.terminal import Result, Style, table


def _set_up() -> str:
    return f"set up what {FILE} declares: {shell.plugin('setup')}"


class Status(NamedTuple):
    """A Scalingo remote, or one that is declared, as in the JSON: what it points at, and its state.

    A missing remote has no url, and no region if it may be in any.
    """

    remote: str
    app: str
    region: str | None
    url: str | None
    push_urls: tuple[str, ...]
    state: State


def run(context: Context, *, remotes: tuple[str, ...]) -> Result:
    """Return the state of each Scalingo remote and of each declared one, or of the remotes named; 7 if one needs care.

    Raises `RepositoryError` for a name that is no remote, `RemoteConflict` for one that is not Scalingo's, and what
    reading `.gitscalingo` raises.
    """
    repository = Repository()
    configuration = repository.read()
    declared = read_declared(context, repository) or {}
    check_names(repository, configuration, (name for name in remotes if name not in declared))
    found = {item.remote.name: item for item in examine(Catalog(context), configuration, remotes, spare=declared)}
    wanted = dict.fromkeys(remotes) or dict.fromkeys((*found, *declared))
    judged = [
        _judged(configuration, found[name], declared.get(name))
        if name in found
        else _absent(configuration, declared[name])
        for name in wanted
    ]
    statuses = [status for status, _ in judged]
    is_current = all(status.state is State.CURRENT for status in statuses)
    advice = dict.fromkeys(hint for _, hint in judged if hint) if judged else [f"add one: {add_form()}"]
    return Result(
        text=lambda style: _text(statuses, style),
        json=lambda: {"remotes": [status._asdict() for status in statuses]},
        hints=lambda: list(advice),
        exit_status=ExitStatus.DONE if is_current else ExitStatus.PROBLEM,
    )


def _text(statuses: Sequence[Status], style: Style) -> str:
    if not statuses:
        return "No Scalingo remote in this repository\n"
    rows = [
        (
            item.remote,
            item.region or ("unknown" if item.url else "-"),
            item.app,
            item.state.value,
            ", ".join(item.push_urls),
        )
        for item in statuses
    ]
    return table(("REMOTE", "REGION", "APP", "STATE", "PUSH URL"), rows, style)


def _judged(configuration: Configuration, item: Examined, declared: Declared | None) -> tuple[Status, str]:
    """Return the state of a Scalingo remote, and what to do about it."""
    state = item.state
    if declared and (declared.app, declared.region or item.region) != (item.url.app, item.region):
        state = State.DIFFERS
    status = Status(item.remote.name, item.url.app, item.region or None, item.held_url, item.push_urls, state)
    return status, _advice(configuration, item, state)


def _advice(configuration: Configuration, item: Examined, state: State) -> str:
    """Return what to do about a remote; a command only if it can do what the line says."""
    name = item.remote.name
    if state is State.STALE and item.remote.inherited:
        return f"'{name}' is not in this repository's own configuration; to see where: {shell.plugin('doctor', name)}"
    return {
        State.CURRENT: "",
        State.STALE: f"bring stale remotes to their region's endpoint: {shell.plugin('sync')}",
        State.DIFFERS: _set_up(),
        State.DIVERTED: f"see what diverts the push: {shell.plugin('doctor', name)}",
        State.UNKNOWN_REGION: move_hint(configuration, item),
    }[state]


def _absent(configuration: Configuration, declared: Declared) -> tuple[Status, str]:
    """Return the state of a declared remote that is not there, or that is there and not Scalingo's."""
    name, app, region = declared
    remote = configuration.remote(name)
    state, advice = State.MISSING, _set_up()
    if remote.exists:
        see = shell.plugin("setup", "-n", name)
        state, advice = State.DIFFERS, f"'{name}' is not Scalingo's; to see what keeps setup from changing it: {see}"
    url = remote.located[0].value if remote.located else None
    return Status(name, app, region or None, url, configuration.push_urls_of(remote), state), advice
