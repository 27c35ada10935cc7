"""Where an app is: which regions say that the account sees it."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from git_scalingo_region.model import Region
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.scalingo.credentials import vouches_for


class Whereabouts(NamedTuple):
    """An app: the regions that have it, those that do not, and those that gave no usable answer or were not asked."""

    app: str
    present: tuple[Region, ...]
    absent: tuple[Region, ...]
    silent: tuple[Region, ...]

    @property
    def found(self) -> bool | None:
        """True if a region has the app, False if every region says that it does not, None if that is not known."""
        return True if self.present else None if self.silent else False


@cache
def find_app(catalog: Catalog, app: str) -> Whereabouts | None:
    """Ask every region of the list for the app, once per run; None if none of them may be asked.

    None may be asked if the run is offline, if there is no token, or if the service vouches for none of them. If
    the app was not found, one warning names the silent regions. Raises only `CredentialsError`, if the service rejects
    the token.
    """
    context = catalog.context
    if context.offline or not catalog.token:
        return None
    regions = catalog.load().regions
    if not any(vouches_for(context.settings.service, region.api) for region in regions):
        return None
    answers = catalog.ask(lambda service, seconds: service.find_app(regions, app, seconds)) or {}

    def those(answer: bool | None) -> tuple[Region, ...]:
        return tuple(region for region in regions if answers.get(region.name) is answer)

    whereabouts = Whereabouts(app, present=those(True), absent=those(False), silent=those(None))
    if whereabouts.found is None:
        names = ", ".join(region.name for region in whereabouts.silent)
        context.warn(f"cannot tell whether the app is in {names}: no usable answer")
    return whereabouts
