"""`status`: the Scalingo remotes of this repository, and their state."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.commands.selection import examiner_of, is_gone, move_form
from git_scalingo_region.context import Context
from git_scalingo_region.errors import ExitStatus, RemoteConflict, RepositoryError
from git_scalingo_region.repository.configuration import Configuration
from git_scalingo_region.repository.declared import FILE, Declared, read_declared
from git_scalingo_region.repository.git import Repository
from git_scalingo_region.repository.plan import Examined, State
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.scalingo.choice import ASK_FOR_ACCESS, RESTRICTED
from git_scalingo_region.terminal import Style, table


class RemoteStatus(NamedTuple):
    """A Scalingo remote, or one that is declared: what it points at, and its state."""

    remote: str
    app: str
    region: str
    url: str
    push_urls: tuple[str, ...]
    state: State
    advice: str = ""

    @property
    def shown_region(self) -> str:
        """The region for a person; a hyphen for a missing remote that may be in any region."""
        return self.region or ("unknown" if self.url else "-")


class Statuses(NamedTuple):
    """The Scalingo remotes and the declared ones, each with its state."""

    remotes: tuple[RemoteStatus, ...]

    @property
    def exit_status(self) -> ExitStatus:
        """7 unless every remote is current."""
        current = all(item.state is State.CURRENT for item in self.remotes)
        return ExitStatus.DONE if current else ExitStatus.PROBLEM

    def text(self, style: Style) -> str:
        """Show the remotes as a table."""
        if not self.remotes:
            return "No Scalingo remote in this repository\n"
        rows = [
            (
                item.remote,
                item.shown_region,
                item.app,
                item.state.value,
                ", ".join(item.push_urls),
            )
            for item in self.remotes
        ]
        return table(("REMOTE", "REGION", "APP", "STATE", "PUSH URL"), rows, style)

    def json(self) -> dict[str, Any]:
        """Return the remotes; a region or a url that is not known is null."""
        return {
            "remotes": [
                {
                    "remote": item.remote,
                    "app": item.app,
                    "region": item.region or None,
                    "url": item.url or None,
                    "push_urls": list(item.push_urls),
                    "state": item.state.value,
                }
                for item in self.remotes
            ]
        }

    def hints(self) -> Sequence[str]:
        """Return what to do about the remotes that are not current."""
        if not self.remotes:
            return [f"add one: {shell.plugin('add')} [REGION] APP"]
        return list(dict.fromkeys(hint for item in self.remotes if (hint := item.advice)))


def _advice(catalog: Catalog, configuration: Configuration, item: Examined, state: State) -> str:
    """Return what to do about a remote that is not current; a command only if it can do what the line says."""
    name = item.remote.name
    if state is State.STALE and item.remote.inherited:
        return f"'{name}' is not in this repository's own configuration; to see where: {shell.plugin('doctor', name)}"
    if state is State.STALE:
        return f"bring stale remotes to their region's endpoint: {shell.plugin('sync')}"
    if state is State.DIFFERS:
        return _set_up()
    if state is State.DIVERTED:
        return f"see what diverts the push: {shell.plugin('doctor', name)}"
    return move_hint(catalog, configuration, item) if state is State.UNKNOWN_REGION else ""


def _set_up() -> str:
    return f"set up what {FILE} declares: {shell.plugin('setup')}"


def move_hint(catalog: Catalog, configuration: Configuration, item: Examined) -> str:
    """Return how to move a remote whose region is unknown or gone, or how to see one that only this account lacks."""
    name, app = item.remote.name, item.url.app
    if not is_gone(catalog, item):
        return f"{item.region}, the region of '{name}', {RESTRICTED}: {ASK_FOR_ACCESS}"
    return f"if you know where {app} is now, move '{name}' there: {move_form(configuration, name, app)}"


def run(context: Context, *, remotes: tuple[str, ...]) -> Statuses:
    """Return the state of each Scalingo remote and of each declared one, or of the remotes named.

    Raises `RepositoryError` for a name that is no remote, `RemoteConflict` for one that is not Scalingo's, and what
    reading `.gitscalingo` raises.
    """
    repository = Repository()
    configuration = repository.read()
    declared = read_declared(context, repository) or {}
    check_names(repository, configuration, (name for name in remotes if name not in declared))
    catalog = Catalog(context)
    examined = examine(catalog, configuration, remotes, spare=declared)
    found = {item.remote.name: item for item in examined}
    wanted = dict.fromkeys(remotes) or dict.fromkeys((*found, *declared))
    return Statuses(
        tuple(
            _status(catalog, configuration, found[name], declared.get(name))
            if name in found
            else _absent(configuration, declared[name])
            for name in wanted
        )
    )


def _status(catalog: Catalog, configuration: Configuration, item: Examined, declared: Declared | None) -> RemoteStatus:
    state = item.state
    if declared and (declared.app, declared.region or item.region) != (item.url.app, item.region):
        state = State.DIFFERS
    advice = _advice(catalog, configuration, item, state)
    return RemoteStatus(item.remote.name, item.url.app, item.region, item.held_url, item.push_urls, state, advice)


def _absent(configuration: Configuration, declared: Declared) -> RemoteStatus:
    """Return the state of a declared remote that is not there, or that is there and not Scalingo's."""
    remote = configuration.remote(declared.remote)
    urls, pushurls = ([entry.value for entry in entries] for entries in (remote.urls, remote.pushurls))
    state, advice = State.MISSING, _set_up()
    if remote.exists:
        state = State.DIFFERS
        see = shell.plugin("setup", "-n", declared.remote)
        advice = f"'{declared.remote}' is not Scalingo's; to see what keeps setup from changing it: {see}"
    push_urls = configuration.push_urls(urls, pushurls)
    url = (*urls, *pushurls, "")[0]
    return RemoteStatus(declared.remote, declared.app, declared.region, url, push_urls, state, advice)


def check_names(repository: Repository, configuration: Configuration, names: Iterable[str]) -> None:
    """Raise `RepositoryError` for a name that is no remote, and `RemoteConflict` for one that a legacy file defines."""
    for name in names:
        if not configuration.remote(name).exists and (file := repository.legacy_file(name)):
            raise RemoteConflict(f"the remote '{name}' is defined by the file {file}, which this program leaves alone")
        if name not in configuration.remote_names:
            raise RepositoryError(f"there is no remote '{name}'", shell.git("remote", "-v"))


def examine(
    catalog: Catalog, configuration: Configuration, names: Sequence[str], spare: Container[str] = ()
) -> Iterator[Examined]:
    """Yield the Scalingo remotes among `names`, or all if there are no names.

    Raises `RemoteConflict` for a name that is not Scalingo's, unless it is in `spare`.
    """
    remotes = dict.fromkeys(names) or configuration.remote_names
    examiner = examiner_of(catalog, configuration)
    known = catalog.load()
    found = [examiner.examine(name) for name in remotes]
    if catalog.load() is not known:  # a region that the cached list lacked was looked up: it may tell more urls
        examiner = examiner_of(catalog, configuration)
        found = [examiner.examine(name) for name in remotes]
    for name, item in zip(remotes, found):
        if item:
            yield item
        elif names and name not in spare:
            entries = configuration.remote(name).located
            where = f"it points to {entries[0][1].value}" if entries else "it has no url"
            raise RemoteConflict(f"the remote '{name}' is not Scalingo's: {where}")
