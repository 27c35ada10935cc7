"""What most commands need first: the remotes and the regions, the remote that is meant, and the region it implies."""

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


class Remotes(NamedTuple):
    """The remotes of git's configuration, and the catalog, which tells which of them are Scalingo's."""

    catalog: Catalog
    configuration: Configuration

    @property
    def examiner(self) -> Examiner:
        """What examines the remotes, with the regions that are known so far."""
        # A remote whose region is gone must not make every run ask the service again.
        find_region = partial(self.catalog.find, max_age=LOOK_AGAIN_SECONDS)
        return Examiner(self.configuration, self.catalog.platform(), find_region)

    @property
    def default(self) -> str:
        """The remote that is meant if none is named."""
        return self.configuration.get("scalingo.remote") or DEFAULT_REMOTE

    def select(self, remote: str = "", *, existing: bool = False) -> Selection:
        """Find the remote that is meant: the one named, that of `git config scalingo.remote`, or `scalingo`.

        With `existing`, for a command that needs an existing remote, the only Scalingo remote counts as well.
        """
        name = remote or self.default
        try:
            check_remote_name(name)
        except InvalidInput as error:
            raise (error if remote else InvalidInput(f"git config scalingo.remote: {error.message}")) from None
        examiner = self.examiner
        if existing and not remote and name not in self.configuration.remote_names:
            ours = [other for other in self.configuration.remote_names if examiner.examine(other)]
            name = ours[0] if len(ours) == 1 else name
        return Selection(self, name, examiner.examine(name))

    def examine(
        self, repository: Repository, names: Sequence[str] = (), optional: Container[str] = ()
    ) -> Iterator[Examined]:
        """Yield the Scalingo remotes among `names`, or all of them if no names are given.

        Raises `RepositoryError` for a name that is no remote, and `RemoteConflict` for one that is not Scalingo's, or
        that a legacy file defines. Names in `optional` may be anything.
        """
        required = [name for name in names if name not in optional]
        for name in required:
            if file := repository.legacy_file(self.configuration.remote(name)):
                why = f"the remote '{name}' is defined by the file {file}, which this program leaves alone"
                raise RemoteConflict(why)
            if name not in self.configuration.remote_names:
                raise RepositoryError(f"there is no remote '{name}'", shell.git("remote", "-v"))
        listed = None
        while listed is not self.catalog.load():  # a new list was fetched: examine all again
            listed, examiner = self.catalog.load(), self.examiner
            found = {name: examiner.examine(name) for name in dict.fromkeys(names) or self.configuration.remote_names}
        for name in required:
            if not found[name]:
                raise RemoteConflict(not_ours(self.configuration.remote(name)))
        yield from filter(None, found.values())

    def has_unknown_region(self, item: Examined) -> bool:
        """Return whether the region of the remote is unknown or gone; one that this account may not see is neither."""
        return item.state is State.UNKNOWN_REGION and not self.catalog.is_restricted(item.region)

    def is_gone(self, item: Examined) -> bool:
        """Return whether the region of the remote is gone, or its url does not tell one; an old list is no proof."""
        return self.has_unknown_region(item) and (not item.region or self.catalog.is_gone(item.region))

    def add_words(self, remote: str) -> tuple[str, ...]:
        """Return the words of the command that adds or moves a remote, up to the region."""
        return ("add",) if remote == self.default else ("add", "-r", remote)

    def move_form(self, remote: str, app: str) -> str:
        """Return how to move a remote, with a placeholder for the region."""
        return f"{shell.plugin(*self.add_words(remote))} REGION {app}"

    def move_command(self, remote: str, region: Region, app: str) -> str:
        """Return the command that points a remote at the app in that region; "" if it would be refused."""
        try:
            plan_add(self.configuration.remote(remote), region.remote_url(app), self.examiner)
        except RemoteConflict:
            return ""
        return shell.plugin(*self.add_words(remote), region.name, app)

    def move_hint(self, item: Examined) -> str:
        """Return how to move a remote whose region is unknown, or how to get access if the account may not see it."""
        name, app = item.remote.name, item.url.app
        if not self.has_unknown_region(item):
            return f"{item.region}, the region of '{name}', {RESTRICTED}: {ASK_FOR_ACCESS}"
        if not self.is_gone(item):
            return f"{item.region}, the region of '{name}', may be newer than the list of regions"
        return f"if you know where {app} is now, move '{name}' there: {self.move_form(name, app)}"


class Selection(NamedTuple):
    """The remote that a command is about, whether or not it exists; `examined` is None if it is not Scalingo's."""

    remotes: Remotes
    remote: str
    examined: Examined | None

    @property
    def app(self) -> str:
        """The app that the remote points at, or ""."""
        return self.examined.url.app if self.examined else ""


def read_or_warn(context: Context) -> Configuration:
    """Return git's configuration; an empty one if git is missing or, with a warning, if git cannot read it."""
    try:
        return read_configuration()
    except MissingProgram:
        pass  # a command that needs no repository needs no git either
    except RepositoryError as error:
        context.warn(f"ignoring your git configuration: {error.message}")
    return Configuration([])


def not_ours(remote: Remote) -> str:
    """Return the message that a remote is not Scalingo's, and where it points."""
    where = f"it points to {without_login(remote.in_force[0].value)}" if remote.in_force else "it has no url"
    return f"the remote '{remote.name}' is not Scalingo's: {where}"


def add_form() -> str:
    """Return how to add a remote, with placeholders."""
    return f"{shell.plugin('add')} [REGION] APP"


def choose_region(selection: Selection, wish: Wish, app: str = "") -> Choice:
    """Choose the region by the order of precedence; warn if the environment or git's configuration names another.

    `app` is looked up if it is not empty. If the remote's region is gone, only that look-up can tell where the app is
    now. If it does not, `RegionError` names the regions.
    """
    remotes, _, examined = selection
    if examined and not wish.name and remotes.has_unknown_region(examined):
        return _moved(selection, examined, app)
    settings = (
        Wish(RegionSource.ENVIRONMENT, remotes.catalog.context.settings.region),
        Wish(RegionSource.GIT_CONFIG, remotes.configuration.get("scalingo.region")),
    )
    here = Wish(RegionSource.REMOTE, examined.region if examined else "")
    if here.name and not wish.name:
        for setting in settings:
            if setting.name not in ("", here.name):
                _warn_of_other(selection, here.name, setting, app or selection.app)
    return choose(remotes.catalog, (wish, here, *settings), app)


def _warn_of_other(selection: Selection, region: str, setting: Wish, app: str) -> None:
    """Warn that a setting names another region; give the command that moves the remote if it is known to work."""
    remotes, remote, _ = selection
    catalog = remotes.catalog
    is_usable = catalog.known(setting.name) and not catalog.is_restricted(setting.name)
    there = catalog.find(setting.name) if is_usable else None
    command = remotes.move_command(remote, there, app) if there else ""
    catalog.context.warn(
        f"{setting.source.setting} is {setting.name}, but the remote '{remote}' is in {region}"
        + (f"; to move it: {command}" if command else "")
    )


def _moved(selection: Selection, examined: Examined, app: str) -> Choice:
    """Return the region where the app of a gone or unknown region is now; raise `RegionError` if none can be told."""
    catalog, region = selection.remotes.catalog, examined.region
    is_gone = selection.remotes.is_gone(examined)
    if choice := where_the_app_is(catalog, catalog.find_app(app) if app and is_gone else None):
        return choice
    app = app or selection.app
    names = ", ".join(sorted(catalog.load().names))
    where = (
        f"the region {region}, which {'is gone' if is_gone else 'the list lacks'}" if region else "an unknown region"
    )
    raise RegionError(
        f"the remote '{selection.remote}' points at {where}: say where {app} is now ({names})",
        selection.remotes.move_form(selection.remote, app),
    )


def choose_region_only(catalog: Catalog, region: str) -> Choice:
    """Choose a region for a command that only needs one, such as `show`."""
    if region:
        return named(catalog, Wish(RegionSource.ARGUMENT, region))
    selection = Remotes(catalog, read_or_warn(catalog.context)).select(existing=True)
    return choose_region(selection, Wish(RegionSource.ARGUMENT, ""))


def ssh_command(context: Context, configuration: Configuration) -> str:
    """Return the ssh that git would run, as a line for `sh`; "" means `ssh`. The repository's own setting is ignored.

    git's order: GIT_SSH_COMMAND, core.sshCommand, GIT_SSH. A repository may come from anybody, so only
    `git push` runs what it configures.
    """
    settings = context.settings
    command = settings.ssh_command or configuration.users_own("core.sshcommand")
    return command or (shell.quote(settings.ssh_program) if settings.ssh_program else "")
