"""`show`: every field of one region."""

from __future__ import annotations

from git_scalingo_region.commands.selection import choose_region_only
from git_scalingo_region.context import Context
from git_scalingo_region.errors import InvalidInput
from git_scalingo_region.model import REGION_FIELDS, Region
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.terminal import Result, Style, record


def run(context: Context, *, region: str, field: str) -> Result:
    """Return the region that is named, or the one that is selected here; with `field`, the text is only that field.

    Raises `InvalidInput` for a field that no region has, and what the choice of a region raises.
    """
    if field and field not in REGION_FIELDS:
        raise InvalidInput(f"there is no field '{field}'", f"the fields are {', '.join(REGION_FIELDS)}")
    choice = choose_region_only(Catalog(context), region)
    source = choice.source.key
    return Result(
        text=lambda style: _text(choice.region, field, style),
        json=lambda: {**choice.region.to_json(), "region_source": source, **choice.regions.source_json()},
    )


def _text(region: Region, field: str, style: Style) -> str:
    fields = {**region.to_json(), "default": str(region.default).lower()}
    return f"{fields[field]}\n" if field else record(fields.pop("name"), fields.items(), style)
