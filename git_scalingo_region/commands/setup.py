"""`setup`: make the remotes that `.gitscalingo` declares; with `--write`, make that file from the remotes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from git_scalingo_region import shell
from git_scalingo_region.commands.selection import Remotes, add_form
from git_scalingo_region.commands.target import (
    Done,
    Target,
    all_of,
    choose_target,
    headline,
    host_key_advice,
    make_remotes,
)
from git_scalingo_region.context import Context
from git_scalingo_region.errors import InvalidInput, RemoteConflict, RepositoryError, ScalingoRegionError
from git_scalingo_region.model import Outcome, Region, check_remote_name
from git_scalingo_region.repository.changes import write_values
from git_scalingo_region.repository.declared import EXAMPLE, FILE, Declared, path_of, read_declared
from git_scalingo_region.repository.git import Repository
from git_scalingo_region.repository.plan import OTHER_NAME, Examined, plan_add
from git_scalingo_region.scalingo import builtin
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.scalingo.choice import RegionSource, Wish
from git_scalingo_region.terminal import GREEN, Result, error_json, plural, record


def run(context: Context, *, remotes: tuple[str, ...], write: bool, trust: bool, force: bool, dry_run: bool) -> Result:
    """Make the declared remotes, or only those named; with `write`, declare the existing remotes.

    Raises `RepositoryError` without a usable file, `InvalidInput` for a bad one, `RegionError`, and `RemoteConflict`,
    which names every conflict, with nothing changed.
    """
    repository = Repository()
    if write:
        return _write(context, repository, remotes, dry_run=dry_run)
    wanted = _wanted(read_declared(context, repository), remotes)
    targets, done = _make(context, repository, wanted, force=force, dry_run=dry_run)
    changed = [item for item in done if item.plan.outcome is not Outcome.UNCHANGED]
    regions = {target.choice.region: target for target in targets}
    made = Result(
        text=lambda style: "\n".join(
            [*(item.text(style) for item in changed), _sum(len(changed), len(done), dry_run=dry_run)]
        ),
        json=lambda: {"remotes": [_json(*pair) for pair in zip(done, targets)], "dry_run": dry_run},
        hints=lambda: _advice(regions.values(), remotes) if changed and not trust else (),
    )
    return _and_trust(context, made, list(regions), dry_run=dry_run) if trust else made


def _make(
    context: Context, repository: Repository, wanted: Sequence[Declared], *, force: bool, dry_run: bool
) -> tuple[list[Target], list[Done]]:
    """Make the remotes in one step; return where they point, and what was done."""
    here = Remotes(Catalog(context), repository.read())

    def choose(item: Declared) -> Target:
        selection = here.select(item.remote)
        return choose_target(selection, repository, Wish(RegionSource.GITSCALINGO, item.region), item.app, force=force)

    try:
        targets = all_of(wanted, choose)
        return targets, make_remotes(repository, here.configuration, targets, dry_run=dry_run)
    except RemoteConflict as conflict:
        hints = (hint.replace(OTHER_NAME, f"give it another name in {FILE}") for hint in conflict.hints)
        raise RemoteConflict(conflict.message, *hints) from None


def _advice(targets: Iterable[Target], remotes: Sequence[str]) -> tuple[str, ...]:
    """Return what to do if ssh does not know the hosts: one command if the keys of all of them are published."""
    unknown = {
        target.choice.region.ssh: advice
        for target in targets
        if (advice := host_key_advice(target.selection.remotes, target.choice.region))
    }
    command = shell.plugin("setup", "--trust", *remotes)
    if command and unknown and all(map(builtin.fingerprints, unknown)):
        return (f"trust the host keys: {command}",)
    return tuple(dict.fromkeys(line for advice in unknown.values() for line in advice))


def _wanted(declared: Mapping[str, Declared] | None, names: Iterable[str]) -> list[Declared]:
    if declared is None:
        raise RepositoryError(
            f"there is no {FILE} at the top of this repository: commit one like this, or use setup --write", *EXAMPLE
        )
    if not declared:
        raise RepositoryError(f"{FILE} declares no remote", *EXAMPLE)
    for name in names:
        if name not in declared:
            raise InvalidInput(f"{FILE} does not declare '{name}'", f"it declares {', '.join(declared)}")
    return [declared[name] for name in dict.fromkeys(names) or declared]


def _sum(changed: int, declared: int, *, dry_run: bool) -> str:
    if not changed:
        return f"{plural(declared, 'declared remote')} up to date\n"
    left = f", {declared - changed} up to date" if declared > changed else ""
    return f"{plural(changed, 'remote')} {'to set up' if dry_run else 'set up'}{left}\n"


def _json(done: Done, target: Target) -> dict[str, Any]:
    choice = target.choice
    return {
        "remote": done.plan.remote,
        "outcome": done.plan.outcome.value,
        "app": target.app,
        "region": choice.region.name,
        "region_source": choice.source.key,
        "app_found": choice.app_found,
        "url": done.plan.configured_url,
        "previous_url": done.plan.previous_url,
        "undo": list(done.undo),
    }


def _and_trust(context: Context, made: Result, regions: Sequence[Region], *, dry_run: bool) -> Result:
    """Trust the host keys of the regions, and add the result; the exit status is that of `trust`."""
    trusted = _trust(context, regions, dry_run=dry_run)
    return Result(
        text=lambda style: "\n".join(filter(None, (made.text(style), trusted.text(style)))),
        json=lambda: {**made.json(), "trust": trusted.json()},
        hints=lambda: (*made.hints(), *trusted.hints()),
        exit_status=trusted.exit_status,
    )


def _trust(context: Context, regions: Sequence[Region], *, dry_run: bool) -> Result:
    """Return the result of `trust`; if it fails, one that says why, since the remotes are still made and shown."""
    from git_scalingo_region.commands.trust import trust_regions  # only needed for --trust

    try:
        return trust_regions(context, regions, dry_run=dry_run)
    except ScalingoRegionError as failure:
        error = failure
        context.warn(error.message)
        return Result(
            text=lambda style: "",
            json=lambda: {"error": error_json(error, ())["error"]},
            hints=lambda: error.hints,
            exit_status=error.exit_status,
        )


def _write(context: Context, repository: Repository, names: tuple[str, ...], *, dry_run: bool) -> Result:
    """Declare the Scalingo remotes of the repository, or those named."""
    if not repository.has_work_tree:
        raise RepositoryError(f"{FILE} belongs in a work tree, and this repository has none")
    declared = read_declared(context, repository)
    here = Remotes(Catalog(context), repository.read())
    found, hints = _declarable(here, here.examine(repository, names), are_named=bool(names))
    held = _values((declared or {}).values())
    values = {key: value for key, value in _values(found).items() if held.get(key) != value}
    if values and not dry_run:
        write_values(path_of(repository), values)
        hints.append(f"commit it, so that everybody can run: {shell.PROGRAM} setup")
    outcome = Outcome.UNCHANGED if not values else Outcome.CREATED if declared is None else Outcome.UPDATED
    title = headline(FILE, outcome, dry_run=dry_run)
    fields = [(item.remote, f"{item.app} in {item.region}") for item in found]
    remotes = [item._asdict() for item in found]
    return Result(
        text=lambda style: record(title, fields, style, GREEN),
        json=lambda: {"file": FILE, "outcome": outcome.value, "remotes": remotes, "dry_run": dry_run},
        hints=lambda: hints,
    )


def _declarable(here: Remotes, examined: Iterable[Examined], *, are_named: bool) -> tuple[list[Declared], list[str]]:
    """Return what to declare, and how to move remotes that are left out; raise `RepositoryError` if none is left.

    A remote whose region is gone is left out: declared without a region, it would be in another one in a new clone. A
    remote that `setup` would refuse, such as one that is fetched from elsewhere, is left out, or is a `RemoteConflict`
    if it is named.
    """
    warn, examiner = here.catalog.context.warn, here.examiner
    found, hints = [], []
    for item in examined:
        if here.has_unknown_region(item):
            warn(f"left out: the region of the remote '{item.remote.name}' is unknown")
            hints.append(here.move_hint(item))
            continue
        try:
            plan_add(item.remote, item.url, examiner)
        except RemoteConflict as conflict:
            if are_named:  # the conflict's hints are about `add`, so they are dropped
                raise RemoteConflict(conflict.message) from None
            warn(f"left out: {conflict.message}")
        else:
            found.append(Declared(check_remote_name(item.remote.name), item.url.app, item.region))
    if not found:
        raise RepositoryError("there is no Scalingo remote to declare", *(hints or [add_form()]))
    return found, hints


def _values(items: Iterable[Declared]) -> dict[str, str]:
    return {
        f"remote.{name}.{variable}": value
        for name, app, region in items
        for variable, value in (("app", app), ("region", region))
    }
