"""Carrying plans out in the repository, all of one file in one step, and how to take them back."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from git_scalingo_region.errors import RepositoryError
from git_scalingo_region.repository.plan import UPDATED, Change, Plan
from git_scalingo_region.settings import LOCK_SECONDS

if TYPE_CHECKING:
    from git_scalingo_region.repository.configuration import Configuration
    from git_scalingo_region.repository.git import Repository

ATTEMPTS = 100
PlannedT = TypeVar("PlannedT")


def retrying(
    repository: Repository, configuration: Configuration, attempt: Callable[[Configuration], PlannedT], what: str
) -> PlannedT:
    """Return what `attempt`, which plans and applies, comes to; anew where another process got between the two."""
    from git_scalingo_region.repository.git import ConfigurationChanged

    for _ in range(ATTEMPTS):
        try:
            return attempt(configuration)
        except ConfigurationChanged:  # noqa: PERF203 - to try again is what the loop is for
            configuration = repository.read()
    raise RepositoryError(f"other processes keep changing {what}")


def apply(repository: Repository, plans: Iterable[Plan]) -> None:
    """Write the plans' changes, all of them or none; raise what `Repository.write` raises."""
    by_origin: dict[str, list[Change]] = {}
    for plan in plans:
        for change in plan.changes:
            by_origin.setdefault(change.origin, []).append(change)
    from git_scalingo_region.repository.git import Edit

    edits = {
        origin: Edit({change.key: change.new for change in changes}, {change.key: change.old for change in changes})
        for origin, changes in by_origin.items()
    }
    repository.write(edits, seconds=LOCK_SECONDS)


def shared_files(repository: Repository, plans: Iterable[Plan]) -> list[str]:
    """Return the files of the plans that other repositories may include as well."""
    origins = {change.origin for plan in plans for change in plan.changes}
    return sorted(repository.file(origin) for origin in origins if not repository.is_private_file(origin))


def undo_commands(repository: Repository, plan: Plan) -> tuple[str, ...]:
    """Return the commands that bring back what an update replaces."""
    if plan.outcome != UPDATED:
        return ()
    return tuple(shlex.join(command) for change in plan.changes for command in _undo(repository, change, plan.remote))


def _undo(repository: Repository, change: Change, remote: str) -> Sequence[Sequence[str]]:
    if not repository.is_main_file(change.origin):
        config = ["git", "config", "--file", repository.file(change.origin)]
    elif not change.old:
        config = ["git", "config"]
    else:
        push = ["--push"] if change.key.endswith(".pushurl") else []
        adds = [[], *(["--add"] for _ in change.old[1:])]
        return [
            ["git", "remote", "set-url", *add, *push, *(["--"] if old.startswith("-") else []), remote, old]
            for add, old in zip(adds, change.old)
        ]
    if not change.old:
        return [[*config, "--unset-all", change.key]]
    first, *others = change.old
    return [[*config, "--replace-all", change.key, first], *([*config, "--add", change.key, old] for old in others)]
