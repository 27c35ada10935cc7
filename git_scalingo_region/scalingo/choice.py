"""Which region and which app: the one place that knows the order of precedence, and that says why.

Every command chooses here. The order is the platform CLI's: what a remote points at comes before the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.context import Context
from git_scalingo_region.errors import InvalidInput, RegionError
from git_scalingo_region.model import (
    ListSource,
    Region,
    RegionList,
    check_app_name,
    check_region_name,
    is_app_name,
    is_region_name,
)
from git_scalingo_region.scalingo import builtin
from git_scalingo_region.scalingo.apps import Whereabouts
from git_scalingo_region.scalingo.catalog import Catalog


class RegionSource(Enum):
    """Why a region was chosen, in the order of precedence: its name in JSON, and its phrase for a person."""

    ARGUMENT = ("argument", "given as an argument")
    GITSCALINGO = ("gitscalingo", "declared in .gitscalingo", ".gitscalingo")
    REMOTE = ("existing-remote", "where the remote already points", "the remote's url")
    ENVIRONMENT = ("environment", "from SCALINGO_REGION", "SCALINGO_REGION")
    GIT_CONFIG = ("git-config", "from git config scalingo.region", "git config scalingo.region")
    APP = ("app", "where the app is")
    CLI_CONFIG = ("cli-config", "from the Scalingo CLI's configuration", "the Scalingo CLI's configuration")
    DEFAULT = ("default", "the default region")
    FALLBACK = ("fallback", "the default region, because of --fallback")

    def __init__(self, key: str, phrase: str, place: str = "") -> None:
        self.key = key
        self.phrase = phrase
        self.place = place  # what an error or a warning calls it; an argument needs no mention


class Wish(NamedTuple):
    """A region that something names; an empty name is no wish."""

    source: RegionSource
    name: str


class Choice(NamedTuple):
    """A region, why it was chosen, the list that it is from, and whether the account sees the app (None: not asked)."""

    region: Region
    source: RegionSource
    regions: RegionList
    app_found: bool | None = None

    @property
    def why(self) -> str:
        """The region and the reason, for a person."""
        return f"{self.region}, {self.source.phrase}"

    def json(self) -> dict[str, str]:
        """Return the choice's part of a command's JSON."""
        return {
            "region": self.region.name,
            "region_source": self.source.key,
            "list_source": self.regions.source.value,
        }


# --- which app -------------------------------------------------------------------------------------------------------


class Arguments(NamedTuple):
    """REGION and APP, told apart and checked; an empty region leaves the choice to what comes next."""

    region: str
    app: str


def read_arguments(
    context: Context, catalog: Catalog, command: str, region: str, app: str, *, remote_app: str
) -> Arguments:
    """Tell REGION and APP apart; raise `InvalidInput` for a word that can be neither, or if no app is known.

    A single word is the app if that app is known already, or if nothing else says which app it is and no region has
    that name. Otherwise it is the region, if there is one of that name.
    """
    known = context.settings.app or remote_app
    if app:
        return _both(catalog, command, region, app)
    if not region:
        if not known:
            usage = f"{shell.plugin(command)} [REGION] APP"
            raise InvalidInput("no app is given: name it as an argument or in SCALINGO_APP", usage)
        return Arguments("", _known_app(context, known))
    if region in (context.settings.app, remote_app):
        return Arguments("", check_app_name(region))
    if not known:
        return _only_word(catalog, command, region)
    if not is_app_name(region) and (region.endswith(".git") or not is_region_name(region)):
        check_app_name(region)  # it can be neither: say so before anything is asked
    if catalog.known(region) or catalog.find(region):
        return Arguments(region, _known_app(context, known))
    if near := close_names(region, catalog.load()):
        context.warn(f"'{region}' is taken as the app; did you mean the region {near[0]}?")
    return Arguments("", check_app_name(region))


def _both(catalog: Catalog, command: str, region: str, app: str) -> Arguments:
    arguments = Arguments(region and check_region_name(region), check_app_name(app))
    if region and catalog.known(app) and is_app_name(region) and not catalog.find(region):
        usage = shell.plugin(command, app, region)
        raise InvalidInput(f"'{app}' is a region, but it is given as the app: REGION comes first", usage)
    return arguments


def _only_word(catalog: Catalog, command: str, word: str) -> Arguments:
    check_app_name(word)
    if catalog.known(word):
        raise InvalidInput(f"no app is given: '{word}' is a region", f"{shell.plugin(command, word)} APP")
    return Arguments("", word)


def _known_app(context: Context, known: str) -> str:
    try:
        return check_app_name(known)
    except InvalidInput as error:
        raise InvalidInput(f"SCALINGO_APP: {error.message}", *error.hints) from None


# --- which region ----------------------------------------------------------------------------------------------------

LookUp = Callable[[], "Whereabouts | None"]


def choose(
    context: Context, catalog: Catalog, wishes: Iterable[Wish], cli_region: str, look_up: LookUp | None = None
) -> Choice:
    """Choose the first region that is wished for; else the one where the app is; else a default.

    Raises `InvalidInput` for a name that no region can have, and `RegionError` for an unknown one, for an app in
    several regions, or if there is no default.
    """
    wish = next((wish for wish in wishes if wish.name), None)
    if wish:
        return named(context, catalog, wish)
    whereabouts = look_up() if look_up else None
    if choice := where_the_app_is(catalog, whereabouts):
        return choice
    app_found = whereabouts.found if whereabouts else None
    if cli_region:
        chosen = named(context, catalog, Wish(RegionSource.CLI_CONFIG, cli_region))
    else:
        regions = catalog.load()
        chosen = Choice(default_region(regions), RegionSource.DEFAULT, regions)
    return chosen._replace(app_found=app_found)


def where_the_app_is(catalog: Catalog, whereabouts: Whereabouts | None) -> Choice | None:
    """Return the one region where the app is; None if it was found nowhere, or nobody could be asked.

    Raises `RegionError` if several regions have an app of that name.
    """
    if not whereabouts or not whereabouts.present:
        return None
    if len(whereabouts.present) > 1:
        names = " and ".join(region.name for region in whereabouts.present)
        raise RegionError(f"an app of that name is in {names}: say which region you mean")
    return Choice(whereabouts.present[0], RegionSource.APP, catalog.load(), app_found=True)


def named(context: Context, catalog: Catalog, wish: Wish) -> Choice:
    """Return the region that is wished for by name; raise `InvalidInput` or `RegionError` as `choose` does."""
    place = wish.source.place
    try:
        check_region_name(wish.name)
    except InvalidInput as error:
        raise InvalidInput(f"{place}: {error.message}" if place else error.message, *error.hints) from None
    if found := catalog.find(wish.name):
        if found.regions.source is ListSource.BUILT_IN is not catalog.load().source:
            context.warn(
                f"{wish.name} is not among the public regions: using its built-in ssh endpoint ({builtin.SOURCE})"
            )
        return Choice(found.region, wish.source, found.regions)
    regions = catalog.load()
    if catalog.is_restricted(wish.name):
        raise RegionError(
            f"the region '{wish.name}' exists, but this account does not see it",
            "ask Scalingo's support for access to it",
        )
    if context.fallback:
        region = default_region(regions)
        context.warn(f"there is no region '{wish.name}': using the default region, {region.name} (--fallback)")
        return Choice(region, RegionSource.FALLBACK, regions)
    raise unknown_region(wish.name, regions, place)


def default_region(regions: RegionList) -> Region:
    """Return the region marked `default`; raise `RegionError` if there is none: a guess would send code elsewhere."""
    if regions.default:
        return regions.default
    raise RegionError(f"no region is given, and none is marked as the default: {_listed(regions)}")


def close_names(name: str, regions: RegionList) -> list[str]:
    """Return the names of regions that a mistyped name may have meant, the closest first."""
    from difflib import get_close_matches  # rarely needed

    return get_close_matches(name, regions.names, n=3, cutoff=0.6)


def unknown_region(name: str, regions: RegionList, place: str = "") -> RegionError:
    """Return the error for a name that no list has, with the closest names; `place` is where the name came from."""
    near = close_names(name, regions)
    hints = [f"did you mean {' or '.join(near)}?"] if near else []
    hints.append(f"the regions are {_listed(regions)}")
    if regions.anonymous:
        hints.append("some regions are listed only with a token: set SCALINGO_API_TOKEN")
    return RegionError(f"there is no region '{name}'" + (f", which {place} names" if place else ""), *hints)


def _listed(regions: RegionList) -> str:
    return ", ".join(sorted(regions.names))


def warn_if_elsewhere(
    context: Context, choice: Choice, app: str, whereabouts: Whereabouts | None, commands: Sequence[str] = ()
) -> Choice:
    """Return the choice with `app_found`, and warn if the account does not see the app in the chosen region.

    `commands` are the words of the command to repeat for another region, up to the region.
    """
    if whereabouts is None:
        return choice
    here, present = choice.region, sorted(region.name for region in whereabouts.present)
    if present and here.name not in present:
        command = shell.plugin(*commands, present[0], app) if commands and len(present) == 1 else ""
        not_here = "gives no usable answer" if here in whereabouts.silent else "does not have it"
        context.warn(
            f"the app {app} is in {' and '.join(present)}, and {here.name} {not_here}"
            + (f"; to move the remote there: {command}" if command else "")
        )
    elif whereabouts.found is False:
        context.warn(f"this account sees no app named {app}")
    elif here in whereabouts.absent:
        context.warn(f"this account sees no app named {app} in {here.name}")
    return choice._replace(app_found=whereabouts.found)
