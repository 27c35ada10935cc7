"""`list`: the regions."""

from __future__ import annotations

from git_scalingo_region.commands.selection import read_or_warn
from git_scalingo_region.context import Context
from git_scalingo_region.errors import InvalidInput, RegionError
from git_scalingo_region.model import Region, RegionList, is_region_name
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.scalingo.choice import RegionSource, Wish, named
from git_scalingo_region.terminal import Result, Style, table


def run(context: Context, *, names: bool) -> Result:
    """Return the regions, and which of them the environment or git's configuration selects."""
    catalog = Catalog(context)
    selected = Wish(RegionSource.ENVIRONMENT, context.settings.region)
    if not selected.name:
        selected = Wish(RegionSource.GIT_CONFIG, read_or_warn(context).get("scalingo.region"))
    if selected.name and not _is_known(catalog, selected):
        selected = Wish(selected.source, "")
    listed = catalog.load()
    return Result(
        text=lambda style: "".join(f"{name}\n" for name in listed.names) if names else _table(listed, selected, style),
        json=lambda: {"regions": [region.to_json() for region in listed.regions], **listed.source_json()},
    )


def _table(listed: RegionList, selected: Wish, style: Style) -> str:
    rows = [(region.name, region.display_name, str(region.ssh), _note(region, selected)) for region in listed.regions]
    return table(("NAME", "LOCATION", "SSH ENDPOINT", "NOTE"), rows, style, narrow=1)


def _note(region: Region, selected: Wish) -> str:
    notes = ["default"] if region.default else []
    if region.name == selected.name:
        notes.append(f"selected {selected.source.phrase}")
    return ", ".join(notes)


def _is_known(catalog: Catalog, wish: Wish) -> bool:
    """Return whether the selected region exists, and warn if it does not, since the list is still worth showing."""
    if is_region_name(wish.name) and catalog.find(wish.name):
        if not catalog.load().find(wish.name):
            catalog.context.warn(f"{wish.name}, which {wish.source.setting} names, is not among the public regions")
        return True
    try:
        named(catalog, wish)
    except (RegionError, InvalidInput) as error:
        catalog.context.warn(error.message)
    return False
