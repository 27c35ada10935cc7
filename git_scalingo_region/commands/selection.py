"""What most commands need first: git's configuration, the remote that is meant, and the region that it implies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.context import Context
from git_scalingo_region.errors import InvalidInput, RegionError, RemoteConflict, RepositoryError
from git_scalingo_region.model import Region, check_remote_name
from git_scalingo_region.repository.configuration import Configuration
from git_scalingo_region.repository.git import read_configuration
from git_scalingo_region.repository.plan import Examined, Examiner, State, plan_add
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.scalingo.choice import (
    Choice,
    LookUp,
    RegionSource,
    Wish,
    choose,
    named,
    where_the_app_is,
)
from git_scalingo_region.scalingo.credentials import cli_region
from git_scalingo_region.settings import DEFAULT_REMOTE


class Selection(NamedTuple):
    """The remote that a command is about, whether or not it exists, and what it is if it is Scalingo's."""

    context: Context
    catalog: Catalog
    configuration: Configuration
    remote: str
    examined: Examined | None

    @property
    def app(self) -> str:
        """The app that the remote points at, or ""."""
        return self.examined.url.app if self.examined else ""


def read_or_warn(context: Context) -> Configuration:
    """Return git's configuration; an empty one, with a warning, if git refuses its own."""
    try:
        return read_configuration()
    except RepositoryError as error:
        if "not installed" not in error.message:
            context.warn(f"ignoring your git configuration: {error.message}")
        return Configuration([])


def examiner_of(catalog: Catalog, configuration: Configuration) -> Examiner:
    """Return what judges the remotes of a configuration by the regions of a catalog."""

    def find_region(name: str) -> Region | None:
        found = catalog.find(name) if name else None
        return found.region if found else None

    return Examiner(configuration, catalog.platform(), find_region)


def default_remote(configuration: Configuration) -> str:
    """Return the remote that is meant if none is named."""
    return configuration.get("scalingo.remote") or DEFAULT_REMOTE


def add_words(configuration: Configuration, remote: str) -> tuple[str, ...]:
    """Return the words of the command that adds or moves a remote, up to the region."""
    return ("add",) if remote == default_remote(configuration) else ("add", "-r", remote)


def move_form(configuration: Configuration, remote: str, app: str) -> str:
    """Return how to move a remote, with a placeholder for the region."""
    return f"{shell.plugin(*add_words(configuration, remote))} REGION {app}"


def move_command(examiner: Examiner, configuration: Configuration, remote: str, region: Region, app: str) -> str:
    """Return the command that points a remote at the app in that region; "" if it would be refused."""
    try:
        plan_add(configuration.remote(remote), region.remote_url(app), examiner)
    except RemoteConflict:
        return ""
    return shell.plugin(*add_words(configuration, remote), region.name, app)


def select(
    context: Context, catalog: Catalog, configuration: Configuration, remote: str = "", *, existing: bool = False
) -> Selection:
    """Find the remote that is meant: the one named, that of `git config scalingo.remote`, or `scalingo`.

    With `existing`, for a command that needs a remote that is there, the only Scalingo remote counts as well.
    """
    name = remote or default_remote(configuration)
    examiner = examiner_of(catalog, configuration)
    try:
        examined = examiner.examine(check_remote_name(name))
    except InvalidInput as error:
        raise (error if remote else InvalidInput(f"git config scalingo.remote: {error.message}")) from None
    if existing and not remote and name not in configuration.remote_names:
        others = [found for found in map(examiner.examine, configuration.remote_names) if found]
        if len(others) == 1:
            return Selection(context, catalog, configuration, others[0].remote.name, others[0])
    return Selection(context, catalog, configuration, name, examined)


def choose_region(selection: Selection, wish: Wish, look_up: LookUp | None = None, app: str = "") -> Choice:
    """Choose the region by the order of precedence; warn if the environment or git's configuration names another.

    If the remote's region is gone, only a look-up of the app can tell where it went: without an answer, `RegionError`
    names the regions.
    """
    context, examined = selection.context, selection.examined
    app = app or selection.app
    if examined and not wish.name and is_gone(selection.catalog, examined):
        return _moved(selection, examined, look_up, app)
    remote_region = examined.region if examined else ""
    settings = (
        Wish(RegionSource.ENVIRONMENT, context.settings.region),
        Wish(RegionSource.GIT_CONFIG, selection.configuration.get("scalingo.region")),
    )
    if remote_region and not wish.name:
        _warn_of_others(selection, remote_region, settings, app)
    wishes = (wish, Wish(RegionSource.REMOTE, remote_region), *settings)
    return choose(context, selection.catalog, wishes, cli_region(context.settings), look_up)


def is_gone(catalog: Catalog, examined: Examined) -> bool:
    """Return whether nobody has the remote's region: one that only this account does not see is still there."""
    return examined.state is State.UNKNOWN_REGION and not catalog.is_restricted(examined.region)


def _warn_of_others(selection: Selection, region: str, settings: Iterable[Wish], app: str) -> None:
    for setting in settings:
        if setting.name not in ("", region):
            command = _move_to(selection, setting.name, app)
            selection.context.warn(
                f"{setting.source.place} is {setting.name}, but the remote '{selection.remote}' is in {region}"
                + (f"; to move it: {command}" if command else "")
            )


def _move_to(selection: Selection, name: str, app: str) -> str:
    """Return the command that moves the remote to the region of that name; "" if that is not known to work."""
    catalog, configuration = selection.catalog, selection.configuration
    if not catalog.known(name) or catalog.is_restricted(name) or not (found := catalog.find(name)):
        return ""
    examiner = examiner_of(catalog, configuration)
    return move_command(examiner, configuration, selection.remote, found.region, app)


def _moved(selection: Selection, examined: Examined, look_up: LookUp | None, app: str) -> Choice:
    """Return the region where the app of a gone region is now; raise `RegionError` if nobody knows."""
    if choice := where_the_app_is(selection.catalog, look_up() if look_up else None):
        return choice
    names = ", ".join(sorted(selection.catalog.load().names))
    where = f"the region {examined.region}, which is gone" if examined.region else "an unknown region"
    raise RegionError(
        f"the remote '{selection.remote}' points at {where}: say where {app} is now ({names})",
        move_form(selection.configuration, selection.remote, app),
    )


def select_region(context: Context, catalog: Catalog, region: str, remote: str = "") -> Choice:
    """Choose a region for a command that only needs one, such as `show`."""
    if region:
        return named(context, catalog, Wish(RegionSource.ARGUMENT, region))
    selection = select(context, catalog, read_or_warn(context), remote, existing=True)
    return choose_region(selection, Wish(RegionSource.ARGUMENT, ""))


def ssh_command(context: Context, configuration: Configuration) -> str:
    """Return the ssh that git would run, as a line for `sh`; "" means `ssh`. The repository's own setting is ignored.

    git's order: GIT_SSH_COMMAND, core.sshCommand, GIT_SSH. A repository may come from anybody, so what it wants to run
    is left to `git push`.
    """
    settings = context.settings
    command = settings.ssh_command or configuration.users_own("core.sshcommand")
    return command or (shell.quote(settings.ssh_program) if settings.ssh_program else "")
