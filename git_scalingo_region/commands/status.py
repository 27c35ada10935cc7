"""`status`: the Scalingo remotes of this repository, and their state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.commands.selection import check_names, examine, move_hint
from git_scalingo_region.context import Context
from git_scalingo_region.errors import ExitStatus
from git_scalingo_region.repository.configuration import Configuration
from git_scalingo_region.repository.declared import FILE, Declared, read_declared
from git_scalingo_region.repository.git import Repository
from git_scalingo_region.repository.plan import Examined, State
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.terminal import Result, Style, table

SET_UP = f"set up what {FILE} declares: {shell.plugin('setup')}"


class Status(NamedTuple):
    """A Scalingo remote, or one that is declared: what it points at, its state, and what to do about that."""

    remote: str
    app: str
    region: str
    url: str
    push_urls: tuple[str, ...]
    state: State
    advice: str

    def row(self) -> tuple[str, ...]:
        """Return the remote's row; the region of a missing one that may be in any region is a hyphen."""
        region = self.region or ("unknown" if self.url else "-")
        return self.remote, region, self.app, self.state.value, ", ".join(self.push_urls)

    def json(self) -> dict[str, object]:
        """Return the remote's part of the JSON; a region or a url that is not known is null."""
        return {
            "remote": self.remote,
            "app": self.app,
            "region": self.region or None,
            "url": self.url or None,
            "push_urls": list(self.push_urls),
            "state": self.state.value,
        }


def run(context: Context, *, remotes: tuple[str, ...]) -> Result:
    """Return the state of each Scalingo remote and of each declared one, or of the remotes named; 7 if one needs care.

    Raises `RepositoryError` for a name that is no remote, `RemoteConflict` for one that is not Scalingo's, and what
    reading `.gitscalingo` raises.
    """
    repository = Repository()
    configuration = repository.read()
    declared = read_declared(context, repository) or {}
    check_names(repository, configuration, (name for name in remotes if name not in declared))
    examined = examine(Catalog(context), configuration, remotes, spare=declared)
    found = {item.remote.name: _status(configuration, item, declared.get(item.remote.name)) for item in examined}
    wanted = dict.fromkeys(remotes) or dict.fromkeys((*found, *declared))
    statuses = [found.get(name) or _absent(configuration, declared[name]) for name in wanted]
    is_current = all(status.state is State.CURRENT for status in statuses)
    return Result(
        text=lambda style: _text(statuses, style),
        json=lambda: {"remotes": [status.json() for status in statuses]},
        hints=lambda: list(dict.fromkeys(filter(None, (status.advice for status in statuses)))) if statuses else [_ADD],
        exit_status=ExitStatus.DONE if is_current else ExitStatus.PROBLEM,
    )


_ADD = f"add one: {shell.PROGRAM} add [REGION] APP"


def _text(statuses: Sequence[Status], style: Style) -> str:
    if not statuses:
        return "No Scalingo remote in this repository\n"
    return table(("REMOTE", "REGION", "APP", "STATE", "PUSH URL"), [status.row() for status in statuses], style)


def _status(configuration: Configuration, item: Examined, declared: Declared | None) -> Status:
    state = item.state
    if declared and (declared.app, declared.region or item.region) != (item.url.app, item.region):
        state = State.DIFFERS
    advice = _advice(configuration, item, state)
    return Status(item.remote.name, item.url.app, item.region, item.held_url, item.push_urls, state, advice)


def _advice(configuration: Configuration, item: Examined, state: State) -> str:
    """Return what to do about a remote; a command only if it can do what the line says."""
    name = item.remote.name
    if state is State.STALE and item.remote.inherited:
        return f"'{name}' is not in this repository's own configuration; to see where: {shell.plugin('doctor', name)}"
    return {
        State.CURRENT: "",
        State.STALE: f"bring stale remotes to their region's endpoint: {shell.plugin('sync')}",
        State.DIFFERS: SET_UP,
        State.DIVERTED: f"see what diverts the push: {shell.plugin('doctor', name)}",
        State.UNKNOWN_REGION: move_hint(configuration, item),
    }[state]


def _absent(configuration: Configuration, declared: Declared) -> Status:
    """Return the state of a declared remote that is not there, or that is there and not Scalingo's."""
    name, app, region = declared
    remote = configuration.remote(name)
    push_urls = configuration.push_urls_of(remote)
    url = remote.located[0].value if remote.located else ""
    state, advice = State.MISSING, SET_UP
    if remote.exists:
        see = shell.plugin("setup", "-n", name)
        state, advice = State.DIFFERS, f"'{name}' is not Scalingo's; to see what keeps setup from changing it: {see}"
    return Status(name, app, region, url, push_urls, state, advice)
