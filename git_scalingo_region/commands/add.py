"""`add`: make `git push scalingo main` work."""

from __future__ import annotations

from typing import Any

from git_scalingo_region import shell
from git_scalingo_region.commands.selection import Remotes
from git_scalingo_region.commands.target import Done, choose_target, host_key_advice, make_remotes
from git_scalingo_region.context import Context
from git_scalingo_region.model import Outcome
from git_scalingo_region.repository.git import Repository
from git_scalingo_region.repository.push import Push
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.scalingo.choice import Choice, RegionSource, Wish, tell_region_from_app
from git_scalingo_region.terminal import Result


def run(context: Context, *, region: str, app: str, remote: str, force: bool, dry_run: bool) -> Result:
    """Add the remote of an app, or bring it up to date.

    Raises `InvalidInput`, `RegionError`, `CredentialsError`, `RepositoryError` or `RemoteConflict`.
    """
    repository = Repository()
    configuration = repository.read()
    catalog = Catalog(context)
    remotes = Remotes(catalog, configuration)
    selection = remotes.select(remote)
    words = remotes.add_words(selection.remote)
    region, app = tell_region_from_app(catalog, region, app, words=words, remote_app=selection.app)
    target = choose_target(selection, repository, Wish(RegionSource.ARGUMENT, region), app, force=force)
    (done,) = make_remotes(repository, configuration, [target], dry_run=dry_run)
    plan = done.plan
    is_changed = plan.outcome is not Outcome.UNCHANGED
    if is_changed and not dry_run:
        configuration = repository.read()  # a new url may switch on an include (includeIf.hasconfig)
    push = Push(repository, configuration, plan.remote)
    is_exact = not push.problems and not plan.elsewhere
    command = push.command if is_exact else ""
    advice = list(push.problems)
    if not is_exact:
        advice.append(f"see what can be done about it: {shell.plugin('doctor', plan.remote)}")
    if not push.head.has_commit:
        advice.append("there is no commit to push yet")
    return Result(
        text=lambda style: done.text(style, command),
        json=lambda: _json(done, target.choice, command),
        hints=lambda: [*advice, *(host_key_advice(remotes, target.choice.region) if is_changed else ())],
    )


def _json(done: Done, choice: Choice, command: str) -> dict[str, Any]:
    plan = done.plan
    return {
        "outcome": plan.outcome.value,
        "remote": plan.remote,
        "url": plan.configured_url,
        "previous_url": plan.previous_url,
        "push_urls": list(plan.push_urls),
        "app": plan.url.app,
        **choice.json(),
        "app_found": choice.app_found,
        "undo": list(done.undo),
        "next": command or None,
        "dry_run": done.dry_run,
    }
