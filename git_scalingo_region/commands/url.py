"""`url`: print the remote url of an app, and nothing else."""

from __future__ import annotations

from git_scalingo_region.commands.selection import Remotes, choose_region, read_or_warn
from git_scalingo_region.context import Context
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.scalingo.choice import RegionSource, Wish, tell_region_from_app, warn_if_elsewhere
from git_scalingo_region.terminal import Result


def run(context: Context, *, region: str, app: str) -> Result:
    """Return the remote url of an app; the regional APIs are asked only if no region is named.

    Raises `InvalidInput`, `RegionError` or `CredentialsError`.
    """
    catalog = Catalog(context)
    selection = Remotes(catalog, read_or_warn(context)).select(existing=True)
    region, app = tell_region_from_app(catalog, region, app, words=["url"], remote_app=selection.app)
    choice = choose_region(selection, Wish(RegionSource.ARGUMENT, region), app)
    if choice.source in (RegionSource.CLI_CONFIG, RegionSource.DEFAULT):  # the app was looked up, but not found
        choice = warn_if_elsewhere(catalog, choice, app)
    url = str(choice.region.remote_url(app))
    return Result(
        text=lambda style: f"{url}\n",
        json=lambda: {"url": url, "app": app, **choice.json(), "app_found": choice.app_found},
    )
