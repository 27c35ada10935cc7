"""Which region and which app to use: the one place that knows the order of precedence, and the reason for a choice.

Every command chooses here. The order is the platform CLI's: what a remote points at comes before the environment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.errors import InvalidInput, RegionError
from git_scalingo_region.model import Region, RegionList, check_app_name, check_region_name, is_app_name, is_region_name
from git_scalingo_region.scalingo import builtin
from git_scalingo_region.scalingo.catalog import Catalog, Whereabouts
from git_scalingo_region.scalingo.credentials import cli_region

RESTRICTED = "exists, but this account does not see it"
ASK_FOR_ACCESS = "ask Scalingo's support for access to it"


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

    def __init__(self, key: str, phrase: str, setting: str = "") -> None:
        self.key = key
        self.phrase = phrase
        self.setting = setting  # what errors and warnings call the source; an argument needs no mention


class Wish(NamedTuple):
    """The name of a region, and the source that names it; "" if the source names none."""

    source: RegionSource
    name: str


class Choice(NamedTuple):
    """A region, why it was chosen, the list that it is from, and whether any region has the app (None: not known)."""

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
        source, list_source = self.source.key, self.regions.source.value
        return {"region": self.region.name, "region_source": source, "list_source": list_source}


def tell_region_from_app(
    catalog: Catalog, region: str, app: str, *, words: Sequence[str], remote_app: str
) -> tuple[str, str]:
    """Tell REGION and APP apart, and return both; the region is "" if the words name none.

    A single word is the app if SCALINGO_APP or the remote names that app, or if neither names an app and no region has
    that name. Otherwise it is the region, if there is one of that name, or else the app. Raises `InvalidInput` for a
    word that can be neither, or if no app is known, and `RegionError` if only a newer region list could tell. `words`
    are the words of the command, up to the region, for the hints.
    """
    if app:
        found = region and check_region_name(region), check_app_name(app)
        if region and catalog.known(app) and is_app_name(region) and not catalog.find(region):
            usage = shell.plugin(*words, app, region)
            raise InvalidInput(f"'{app}' is a region, but it is given as the app: REGION comes first", usage)
        return found
    apps = [name for name in (catalog.context.settings.app, remote_app) if name]
    if region:
        return _read_word(catalog, region, apps, words)
    if apps:
        return "", check_app_name(apps[0], "SCALINGO_APP")
    usage = f"{shell.plugin(*words)} [REGION] APP"
    raise InvalidInput("no app is given: name it as an argument or in SCALINGO_APP", usage)


def _read_word(catalog: Catalog, word: str, apps: Sequence[str], words: Sequence[str]) -> tuple[str, str]:
    if word in apps:
        return "", check_app_name(word)
    if not apps:
        check_app_name(word)
        if catalog.known(word):
            raise InvalidInput(f"no app is given: '{word}' is a region", f"{shell.plugin(*words, word)} APP")
        _warn_of_near_names(catalog, word, cutoff=0.8)  # here the word is most likely an app
        return "", word
    if not is_app_name(word) and (word.endswith(".git") or not is_region_name(word)):
        check_app_name(word)  # it can be neither: say so before asking the service
    if catalog.known(word) or catalog.find(word):
        return word, check_app_name(apps[0], "SCALINGO_APP")
    if not catalog.is_up_to_date():
        why = f"cannot tell whether '{word}' is a region or an app, since the list of regions is not up to date"
        raise RegionError(why, f"name both: {shell.plugin(*words)} REGION APP")
    _warn_of_near_names(catalog, word, cutoff=0.6)
    return "", check_app_name(word)


def _warn_of_near_names(catalog: Catalog, word: str, *, cutoff: float) -> None:
    if near := _close_names(word, catalog.load(), cutoff):
        catalog.context.warn(f"'{word}' is taken as the app; did you mean the region {near[0]}?")


def choose(catalog: Catalog, wishes: Iterable[Wish], app: str = "") -> Choice:
    """Return the choice of the wish that comes first in the order of precedence, in whatever order they are passed.

    If there is no wish, choose the region where the app is, if that is known, or else a default. Raises `InvalidInput`
    for a name that no region can have, and `RegionError` for an unknown one, for an app in several regions, or if there
    is no default.
    """
    wished = {wish.source: wish for wish in wishes if wish.name}
    if first := next((source for source in RegionSource if source in wished), None):
        return named(catalog, wished[first])
    whereabouts = catalog.find_app(app) if app else None
    if choice := where_the_app_is(catalog, whereabouts):
        return choice
    configured = Wish(RegionSource.CLI_CONFIG, cli_region(catalog.context.settings))
    chosen = named(catalog, configured) if configured.name else _default(catalog, RegionSource.DEFAULT)
    return chosen._replace(app_found=whereabouts.found if whereabouts else None)


def where_the_app_is(catalog: Catalog, whereabouts: Whereabouts | None) -> Choice | None:
    """Return the one region where the app is; None if it was found nowhere, or no region could be asked.

    Raises `RegionError` if several regions have an app of that name.
    """
    if not whereabouts or not whereabouts.present:
        return None
    if len(whereabouts.present) > 1:
        names = " and ".join(region.name for region in whereabouts.present)
        raise RegionError(f"the app {whereabouts.app} is in {names}: say which region you mean")
    return Choice(whereabouts.present[0], RegionSource.APP, catalog.load(), app_found=True)


def named(catalog: Catalog, wish: Wish) -> Choice:
    """Return the choice of the region that a wish names; raise `InvalidInput` or `RegionError` as `choose` does."""
    context, setting = catalog.context, wish.source.setting
    name = check_region_name(wish.name, setting)
    if region := catalog.find(name):
        regions = catalog.load()
        if not regions.find(name):
            context.warn(f"{name} is not among the public regions: using its built-in ssh endpoint ({builtin.SOURCE})")
            regions = builtin.LIST
        return Choice(region, wish.source, regions)
    if catalog.is_restricted(name):
        raise RegionError(f"the region '{name}' {RESTRICTED}", ASK_FOR_ACCESS)
    if context.fallback:
        choice = _default(catalog, RegionSource.FALLBACK)
        context.warn(f"{_lacking(catalog, name)}: using the default region, {choice.region.name} (--fallback)")
        return choice
    raise _unknown_region(catalog, name, setting)


def _default(catalog: Catalog, source: RegionSource) -> Choice:
    """Return the default region; raise `RegionError` if there is none: a guess could send code to a wrong one."""
    regions = catalog.load()
    if regions.default:
        return Choice(regions.default, source, regions)
    raise RegionError("there is no default region: name the one you want", f"the regions are {_listed(regions)}")


def _close_names(name: str, regions: RegionList, cutoff: float = 0.6) -> list[str]:
    """Return the names of regions that a mistyped name may stand for, the closest first."""
    from difflib import get_close_matches  # rarely needed

    return get_close_matches(name, regions.names, n=3, cutoff=cutoff)


def _unknown_region(catalog: Catalog, name: str, setting: str) -> RegionError:
    regions = catalog.load()
    near = _close_names(name, regions)
    hints = [f"did you mean {' or '.join(near)}?"] if near else []
    hints.append(f"the regions are {_listed(regions)}")
    if not catalog.token:
        hints.append("some regions are listed only with a token: set SCALINGO_API_TOKEN")
    return RegionError(_lacking(catalog, name) + (f", which {setting} names" if setting else ""), *hints)


def _lacking(catalog: Catalog, name: str) -> str:
    """Return the message that no region has the name, as far as the region list tells."""
    if catalog.is_up_to_date():
        return f"there is no region '{name}'"
    return f"the list of regions, which is not up to date, has no region '{name}'"


def _listed(regions: RegionList) -> str:
    return ", ".join(sorted(regions.names))


def warn_if_elsewhere(catalog: Catalog, choice: Choice, app: str, words: Sequence[str] = ()) -> Choice:
    """Return the choice with `app_found`, and warn if the account does not see the app in the chosen region.

    `words` are the words, up to the region, of the command that the warning suggests for another region.
    """
    context, whereabouts = catalog.context, catalog.find_app(app)
    if whereabouts is None:
        return choice
    here, present = choice.region, sorted(region.name for region in whereabouts.present)
    if present and here.name not in present:
        command = shell.plugin(*words, present[0], app) if words and len(present) == 1 else ""
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
