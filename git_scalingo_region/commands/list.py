"""`list`: the regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from git_scalingo_region.commands.selection import read_or_warn
from git_scalingo_region.context import Context
from git_scalingo_region.errors import ExitStatus, RegionError
from git_scalingo_region.model import RegionList, is_region_name
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.scalingo.choice import RegionSource, Wish, named
from git_scalingo_region.terminal import Style, table


class Listed(NamedTuple):
    """The regions, and the one that is selected here without an argument ("" for none), and why."""

    regions: RegionList
    selected: str
    source: RegionSource
    names: bool

    @property
    def exit_status(self) -> ExitStatus:
        """0: anything else is an error."""
        return ExitStatus.DONE

    def text(self, style: Style) -> str:
        """Show the regions as a table, or only their names."""
        if self.names:
            return "".join(f"{name}\n" for name in self.regions.names)
        rows = [
            (region.name, region.display_name, str(region.ssh), self._note(region.name, default=region.default))
            for region in self.regions.regions
        ]
        return table(("NAME", "LOCATION", "SSH ENDPOINT", "NOTE"), rows, style, narrow=1)

    def _note(self, name: str, *, default: bool) -> str:
        notes = ["default"] if default else []
        if name == self.selected:
            notes.append(f"selected {self.source.phrase}")
        return ", ".join(notes)

    def json(self) -> dict[str, Any]:
        """Return the regions in the API's form, and where the list came from."""
        return {"regions": [region.to_json() for region in self.regions.regions], **source_json(self.regions)}

    def hints(self) -> Sequence[str]:
        """Return nothing."""
        return ()


def source_json(regions: RegionList) -> dict[str, str | None]:
    """Return where a list came from, and when it was fetched (UTC)."""
    from datetime import datetime, timezone

    moment = regions.fetched_at
    stamp = datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if moment is not None else None
    return {"list_source": regions.source.value, "fetched_at": stamp}


def run(context: Context, *, names: bool) -> Listed:
    """Return the regions, and which of them the environment or git's configuration selects."""
    catalog = Catalog(context)
    source, name = RegionSource.ENVIRONMENT, context.settings.region
    if not name:
        source, name = RegionSource.GIT_CONFIG, read_or_warn(context).get("scalingo.region")
    if name and not _is_known(context, catalog, Wish(source, name)):
        name = ""
    return Listed(catalog.load(), name, source, names)


def _is_known(context: Context, catalog: Catalog, wish: Wish) -> bool:
    """Return whether the selected region exists, and warn if it does not: the list is still worth showing."""
    if is_region_name(wish.name) and (found := catalog.find(wish.name)):
        if not catalog.load().find(wish.name):
            context.warn(f"{wish.name}, which {wish.source.place} names, is not among the public regions")
        return found is not None
    from git_scalingo_region.errors import InvalidInput

    try:
        named(context, catalog, wish)
    except (RegionError, InvalidInput) as error:
        context.warn(error.message)
    return False
