"""`url`: print the remote url of an app, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from git_scalingo_region.commands.selection import choose_region, read_or_warn, select
from git_scalingo_region.context import Context
from git_scalingo_region.errors import ExitStatus
from git_scalingo_region.model import RemoteUrl
from git_scalingo_region.scalingo.apps import find_app
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.scalingo.choice import Choice, RegionSource, Wish, read_arguments, warn_if_elsewhere
from git_scalingo_region.terminal import Style


class Url(NamedTuple):
    """The url of an app, and the region that was chosen for it."""

    url: RemoteUrl
    choice: Choice

    @property
    def exit_status(self) -> ExitStatus:
        """0: anything else is an error."""
        return ExitStatus.DONE

    def text(self, style: Style) -> str:
        """Show the url and nothing else."""
        return f"{self.url}\n"

    def json(self) -> dict[str, Any]:
        """Return the url, the app, and the region with its reason."""
        return {
            "url": str(self.url),
            "app": self.url.app,
            **self.choice.json(),
            "app_found": self.choice.app_found,
        }

    def hints(self) -> Sequence[str]:
        """Return nothing: the url says it all."""
        return ()


def run(context: Context, *, region: str, app: str) -> Url:
    """Return the remote url of an app; the region APIs are asked only if no region is named.

    Raises `InvalidInput`, `RegionError` or `CredentialsError`.
    """
    catalog = Catalog(context)
    selection = select(context, catalog, read_or_warn(context), existing=True)
    region, app = read_arguments(context, catalog, "url", region, app, remote_app=selection.app)
    wish = Wish(RegionSource.ARGUMENT, region)
    choice = choose_region(selection, wish, lambda: find_app(catalog, app), app)
    if choice.source in (RegionSource.CLI_CONFIG, RegionSource.DEFAULT):  # the app was looked up, in vain
        choice = warn_if_elsewhere(context, choice, app, find_app(catalog, app))
    return Url(choice.region.remote_url(app), choice)
