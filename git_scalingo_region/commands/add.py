"""`add`: make `git push scalingo main` work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.commands.selection import select
from git_scalingo_region.commands.target import Target, choose_target, elsewhere, host_key_advice, undo, warn_about
from git_scalingo_region.context import Context
from git_scalingo_region.errors import ExitStatus
from git_scalingo_region.model import Outcome
from git_scalingo_region.repository.changes import carry_out
from git_scalingo_region.repository.git import Repository
from git_scalingo_region.repository.plan import Plan
from git_scalingo_region.repository.push import SHALLOW, obstacles, push_command
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.scalingo.choice import Choice, RegionSource, Wish, read_arguments
from git_scalingo_region.terminal import GREEN, Style, record

HEADLINES = {
    (Outcome.CREATED, False): "Created remote '{}'",
    (Outcome.UPDATED, False): "Updated remote '{}'",
    (Outcome.UNCHANGED, False): "Remote '{}' is up to date",
    (Outcome.CREATED, True): "Would create remote '{}'",
    (Outcome.UPDATED, True): "Would update remote '{}'",
    (Outcome.UNCHANGED, True): "Remote '{}' is up to date",
}


class Added(NamedTuple):
    """What `add` did, or would do. `next` is the push command, "" if there is none that is exact."""

    plan: Plan
    choice: Choice
    push_urls: tuple[str, ...]
    undo: tuple[str, ...]
    next: str
    advice: tuple[str, ...]
    dry_run: bool

    @property
    def exit_status(self) -> ExitStatus:
        """0: anything else is an error."""
        return ExitStatus.DONE

    def text(self, style: Style) -> str:
        """Show what was done, in which region and why, how to undo it, and what to do next."""
        fields = (
            *(self.plan.replacements or [("url", self.plan.held_url)]),
            ("region", self.choice.why),
            ("undo", " && ".join(self.undo)),
            ("next", self.next),
        )
        return record(HEADLINES[self.plan.outcome, self.dry_run].format(self.plan.remote), fields, style, GREEN)

    def json(self) -> dict[str, Any]:
        """Return the outcome, the remote and its urls, and the region with its reason."""
        return {
            "outcome": self.plan.outcome.value,
            "remote": self.plan.remote,
            "url": self.plan.held_url,
            "previous_url": self.plan.previous_url,
            "push_urls": list(self.push_urls),
            "app": self.plan.url.app,
            **self.choice.json(),
            "app_found": self.choice.app_found,
            "undo": list(self.undo),
            "next": self.next or None,
            "dry_run": self.dry_run,
        }

    def hints(self) -> Sequence[str]:
        """Return what may keep the first push from working."""
        return self.advice


def run(context: Context, *, region: str, app: str, remote: str, force: bool, dry_run: bool) -> Added:
    """Add the remote of an app, or bring it up to date.

    Raises `InvalidInput`, `RegionError`, `CredentialsError`, `RepositoryError` or `RemoteConflict`.
    """
    repository = Repository()
    configuration = repository.read()
    catalog = Catalog(context)
    selection = select(context, catalog, configuration, remote)
    words = read_arguments(context, catalog, "add", region, app, remote_app=selection.app)
    wish = Wish(RegionSource.ARGUMENT, words.region)
    target = choose_target(selection, repository, wish, words.app, force=force)
    (plan,) = carry_out(repository, configuration, lambda now: [target.plan(now)], dry_run=dry_run)
    push_urls = plan.push_urls if dry_run else repository.push_urls(plan.remote)
    warn_about(context, repository, plan, push_urls)
    head = repository.head()
    stops = [stop.text for stop in obstacles(repository, configuration, plan.remote)]
    if repository.is_shallow:
        stops.append(SHALLOW)
    if plan.changes and head.has_commit and not stops and (refusal := repository.push_refusal()):
        stops.append(f"git refuses to push: {refusal}")
    is_exact = not stops and not elsewhere(plan, push_urls)
    return Added(
        plan,
        target.choice,
        push_urls,
        undo=() if dry_run else undo(repository, plan),
        next=push_command(head, configuration, plan.remote) if is_exact else "",
        advice=tuple(_advice(target, plan, stops, has_commit=head.has_commit, is_exact=is_exact)),
        dry_run=dry_run,
    )


def _advice(target: Target, plan: Plan, stops: Sequence[str], *, has_commit: bool, is_exact: bool) -> Iterator[str]:
    yield from stops
    if not is_exact:
        yield f"see what can be done about it: {shell.plugin('doctor', plan.remote)}"
    if not has_commit:
        yield "there is no commit to push yet"
    if plan.outcome is not Outcome.UNCHANGED:
        yield from host_key_advice(target)
