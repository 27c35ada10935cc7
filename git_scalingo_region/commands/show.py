"""`show`: every field of one region."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from git_scalingo_region.commands.list import source_json
from git_scalingo_region.commands.selection import select_region
from git_scalingo_region.context import Context
from git_scalingo_region.errors import ExitStatus, InvalidInput
from git_scalingo_region.model import REGION_FIELDS
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.scalingo.choice import Choice
from git_scalingo_region.terminal import Style, record


class Shown(NamedTuple):
    """One region, why it is that one, and the field that alone is wanted ("" for all)."""

    choice: Choice
    field: str

    @property
    def exit_status(self) -> ExitStatus:
        """0: anything else is an error."""
        return ExitStatus.DONE

    def text(self, style: Style) -> str:
        """Show every field of the region, or the value of one."""
        fields = {label: _text_of(value) for label, value in self.choice.region.to_json().items()}
        if self.field:
            return f"{fields[self.field]}\n"
        return record(fields.pop("name"), fields.items(), style)

    def json(self) -> dict[str, Any]:
        """Return the region in the API's form, and why it is that one."""
        source = {"region_source": self.choice.source.key, **source_json(self.choice.regions)}
        return {**self.choice.region.to_json(), **source}

    def hints(self) -> Sequence[str]:
        """Return nothing."""
        return ()


def _text_of(value: str | bool) -> str:
    return value if isinstance(value, str) else str(value).lower()


def run(context: Context, *, region: str, field: str) -> Shown:
    """Return the region that is named, or the one that is selected here.

    Raises `InvalidInput` for a field that no region has, and what the choice of a region raises.
    """
    if field and field not in REGION_FIELDS:
        raise InvalidInput(f"there is no field '{field}'", f"the fields are {', '.join(REGION_FIELDS)}")
    return Shown(select_region(context, Catalog(context), region), field)
