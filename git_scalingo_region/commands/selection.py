"""What most commands need first: git's configuration, the remotes that are meant, and the region they imply."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.context import Context
from git_scalingo_region.errors import InvalidInput, MissingProgram, RegionError, RemoteConflict, RepositoryError
from git_scalingo_region.model import Region, check_remote_name
from git_scalingo_region.repository.configuration import Configuration, Remote, without_login
from git_scalingo_region.repository.git import Repository, read_configuration
from git_scalingo_region.repository.plan import Examined, Examiner, State, plan_add
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.scalingo.choice import (
    ASK_FOR_ACCESS,
    RESTRICTED,
    Choice,
    RegionSource,
    Wish,
    choose,
    named,
    where_the_app_is,
)
from git_scalingo_region.settings import DEFAULT_REMOTE, LOOK_AGAIN_SECONDS


class Selection(NamedTuple):
    """The remote that a command is about, whether or not it exists, and what it is if it is Scalingo's."""

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
    except MissingProgram:
        pass  # what needs no repository needs no git either
    except RepositoryError as error:
        context.warn(f"ignoring your git configuration: {error.message}")
    return Configuration([])


def examiner_of(catalog: Catalog, configuration: Configuration) -> Examiner:
    """Return an examiner for the remotes of a configuration, with the regions of a catalog."""
    # A remote whose region is gone must not make every run ask the service again.
    find_region = partial(catalog.find, believed=LOOK_AGAIN_SECONDS)
    return Examiner(configuration, catalog.platform(), find_region)


def default_remote(configuration: Configuration) -> str:
    """Return the remote that is meant if none is named."""
    return configuration.get("scalingo.remote") or DEFAULT_REMOTE


def select(catalog: Catalog, configuration: Configuration, remote: str = "", *, existing: bool = False) -> Selection:
    """Find the remote that is meant: the one named, that of `git config scalingo.remote`, or `scalingo`.

    With `existing`, for a command that needs an existing remote, the only Scalingo remote counts as well.
    """
    name = remote or default_remote(configuration)
    try:
        check_remote_name(name)
    except InvalidInput as error:
        raise (error if remote else InvalidInput(f"git config scalingo.remote: {error.message}")) from None
    examiner = examiner_of(catalog, configuration)
    if existing and not remote and name not in configuration.remote_names:
        ours = [other for other in configuration.remote_names if examiner.examine(other)]
        name = ours[0] if len(ours) == 1 else name
    return Selection(catalog, configuration, name, examiner.examine(name))


def examine(
    repository: Repository,
    catalog: Catalog,
    configuration: Configuration,
    names: Sequence[str] = (),
    spare: Container[str] = (),
) -> Iterator[Examined]:
    """Yield the Scalingo remotes among `names`, or all of them if no names are given.

    Raises `RepositoryError` for a name that is no remote, and `RemoteConflict` for one that is not Scalingo's, or that
    a legacy file defines. Names in `spare` may be anything.
    """
    remotes = dict.fromkeys(names) or configuration.remote_names
    required = [name for name in names if name not in spare]
    for name in required:
        if not configuration.remote(name).exists and (file := repository.legacy_file(name)):
            raise RemoteConflict(f"the remote '{name}' is defined by the file {file}, which this program leaves alone")
        if name not in configuration.remote_names:
            raise RepositoryError(f"there is no remote '{name}'", shell.git("remote", "-v"))
    listed = None
    while listed is not catalog.load():  # a region that the cached list lacks is looked up: the new list may tell more
        listed = catalog.load()
        examiner = examiner_of(catalog, configuration)
        found = {name: examiner.examine(name) for name in remotes}
    for name in required:
        if not found[name]:
            raise RemoteConflict(not_ours(configuration.remote(name)))
    yield from filter(None, found.values())


def not_ours(remote: Remote) -> str:
    """Return that a remote is not Scalingo's, and where it points."""
    where = f"it points to {without_login(remote.located[0].value)}" if remote.located else "it has no url"
    return f"the remote '{remote.name}' is not Scalingo's: {where}"


def add_form() -> str:
    """Return how to add a remote, with placeholders."""
    return f"{shell.plugin('add')} [REGION] APP"


def add_words(configuration: Configuration, remote: str) -> tuple[str, ...]:
    """Return the words of the command that adds or moves a remote, up to the region."""
    return ("add",) if remote == default_remote(configuration) else ("add", "-r", remote)


def move_form(configuration: Configuration, remote: str, app: str) -> str:
    """Return how to move a remote, with a placeholder for the region."""
    return f"{shell.plugin(*add_words(configuration, remote))} REGION {app}"


def is_gone(catalog: Catalog, item: Examined) -> bool:
    """Return whether nobody has the remote's region: one that only this account does not see is still there."""
    return item.state is State.UNKNOWN_REGION and not catalog.is_restricted(item.region)


def move_hint(catalog: Catalog, configuration: Configuration, item: Examined) -> str:
    """Return how to move a remote whose region is unknown or gone, or how to see one that only this account lacks."""
    name, app = item.remote.name, item.url.app
    if not is_gone(catalog, item):
        return f"{item.region}, the region of '{name}', {RESTRICTED}: {ASK_FOR_ACCESS}"
    return f"if you know where {app} is now, move '{name}' there: {move_form(configuration, name, app)}"


def move_command(examiner: Examiner, configuration: Configuration, remote: str, region: Region, app: str) -> str:
    """Return the command that points a remote at the app in that region; "" if it would be refused."""
    try:
        plan_add(configuration.remote(remote), region.remote_url(app), examiner)
    except RemoteConflict:
        return ""
    return shell.plugin(*add_words(configuration, remote), region.name, app)


def choose_region(selection: Selection, wish: Wish, app: str = "") -> Choice:
    """Choose the region by the order of precedence; warn if the environment or git's configuration names another.

    The app is looked up only if it is given. If the remote's region is gone, only that can tell where the app went:
    without an answer, `RegionError` names the regions.
    """
    catalog, examined = selection.catalog, selection.examined
    if examined and not wish.name and is_gone(catalog, examined):
        return _moved(selection, examined, app)
    settings = (
        Wish(RegionSource.ENVIRONMENT, catalog.context.settings.region),
        Wish(RegionSource.GIT_CONFIG, selection.configuration.get("scalingo.region")),
    )
    here = Wish(RegionSource.REMOTE, examined.region if examined else "")
    if here.name and not wish.name:
        for setting in settings:
            if setting.name not in ("", here.name):
                _warn_of_other(selection, here.name, setting, app or selection.app)
    return choose(catalog, (wish, here, *settings), app)


def _warn_of_other(selection: Selection, region: str, setting: Wish, app: str) -> None:
    """Warn that a setting names another region; give the command that moves the remote if that is known to work."""
    catalog, configuration, remote, _ = selection
    is_usable = catalog.known(setting.name) and not catalog.is_restricted(setting.name)
    there = catalog.find(setting.name) if is_usable else None
    examiner = examiner_of(catalog, configuration)
    command = move_command(examiner, configuration, remote, there, app) if there else ""
    catalog.context.warn(
        f"{setting.source.place} is {setting.name}, but the remote '{remote}' is in {region}"
        + (f"; to move it: {command}" if command else "")
    )


def _moved(selection: Selection, examined: Examined, app: str) -> Choice:
    """Return the region where the app of a gone region is now; raise `RegionError` if nobody knows."""
    if choice := where_the_app_is(selection.catalog, selection.catalog.find_app(app) if app else None):
        return choice
    app = app or selection.app
    names = ", ".join(sorted(selection.catalog.load().names))
    where = f"the region {examined.region}, which is gone" if examined.region else "an unknown region"
    raise RegionError(
        f"the remote '{selection.remote}' points at {where}: say where {app} is now ({names})",
        move_form(selection.configuration, selection.remote, app),
    )


def select_region(catalog: Catalog, region: str) -> Choice:
    """Choose a region for a command that only needs one, such as `show`."""
    if region:
        return named(catalog, Wish(RegionSource.ARGUMENT, region))
    selection = select(catalog, read_or_warn(catalog.context), existing=True)
    return choose_region(selection, Wish(RegionSource.ARGUMENT, ""))


def ssh_command(context: Context, configuration: Configuration) -> str:
    """Return the ssh that git would run, as a line for `sh`; "" means `ssh`. The repository's own setting is ignored.

    git's order: GIT_SSH_COMMAND, core.sshCommand, GIT_SSH. A repository may come from anybody, so what it wants to run
    is left to `git push`.
    """
    settings = context.settings
    command = settings.ssh_command or configuration.users_own("core.sshcommand")
    return command or (shell.quote(settings.ssh_program) if settings.ssh_program else "")
