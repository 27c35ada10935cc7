"""`setup`: make the remotes that `.gitscalingo` declares; with `--write`, make that file from the remotes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.commands.add import HEADLINES
from git_scalingo_region.commands.selection import select
from git_scalingo_region.commands.status import check_names, examine
from git_scalingo_region.commands.target import (
    Target,
    choose_target,
    host_key_advice,
    plan_all,
    raise_together,
    undo,
    warn_about,
)
from git_scalingo_region.context import Context
from git_scalingo_region.errors import ExitStatus, InvalidInput, RemoteConflict, RepositoryError, ScalingoRegionError
from git_scalingo_region.model import Outcome
from git_scalingo_region.repository.changes import carry_out, write_values
from git_scalingo_region.repository.configuration import Configuration
from git_scalingo_region.repository.declared import EXAMPLE, FILE, Declared, path_of, read_declared
from git_scalingo_region.repository.git import Repository
from git_scalingo_region.repository.plan import Examined, Plan, State
from git_scalingo_region.scalingo import builtin
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.scalingo.choice import Choice, RegionSource, Wish
from git_scalingo_region.terminal import GREEN, Style, error_json, plural, record

if TYPE_CHECKING:
    from git_scalingo_region.terminal import Result


class MadeRemote(NamedTuple):
    """A declared remote that was made, brought up to date, or found as it should be."""

    plan: Plan
    choice: Choice
    undo: tuple[str, ...]

    def json(self) -> dict[str, Any]:
        """Return the remote's part of the JSON."""
        choice = self.choice.json()
        return {
            "remote": self.plan.remote,
            "outcome": self.plan.outcome.value,
            "app": self.plan.url.app,
            "region": choice["region"],
            "region_source": choice["region_source"],
            "app_found": self.choice.app_found,
            "url": self.plan.held_url,
            "previous_url": self.plan.previous_url,
            "undo": list(self.undo),
        }


class Untrusted(NamedTuple):
    """What stands in for the result of `--trust` if it failed: the remotes are made all the same, and shown."""

    error: ScalingoRegionError

    @property
    def exit_status(self) -> ExitStatus:
        """That of the error."""
        return self.error.exit_status

    def text(self, style: Style) -> str:
        """Show nothing: a warning names the failure."""
        return ""

    def json(self) -> dict[str, Any]:
        """Return the error as `trust --json` writes it."""
        return {"error": error_json(self.error, ())["error"]}

    def hints(self) -> Sequence[str]:
        """Return the error's own hints."""
        return self.error.hints


class Setup(NamedTuple):
    """What `setup` did, or would do; `trusted` is what `--trust` came to."""

    remotes: tuple[MadeRemote, ...]
    trusted: Result | None
    advice: tuple[str, ...]
    dry_run: bool

    @property
    def exit_status(self) -> ExitStatus:
        """That of `--trust`, or 0."""
        return self.trusted.exit_status if self.trusted else ExitStatus.DONE

    def text(self, style: Style) -> str:
        """Show each remote that has changed, the sum, and the trusted keys."""
        records = [self._record(item, style) for item in self.remotes if item.plan.outcome is not Outcome.UNCHANGED]
        trusted = self.trusted.text(style) if self.trusted else ""
        return "\n".join([*records, self._sum(), *([trusted] if trusted else [])])

    def _record(self, item: MadeRemote, style: Style) -> str:
        fields = (
            *(item.plan.replacements or [("url", item.plan.held_url)]),
            ("region", item.choice.why),
            ("undo", " && ".join(item.undo)),
        )
        return record(HEADLINES[item.plan.outcome, self.dry_run].format(item.plan.remote), fields, style, GREEN)

    def _sum(self) -> str:
        changed = sum(item.plan.outcome is not Outcome.UNCHANGED for item in self.remotes)
        if not changed:
            return f"{plural(len(self.remotes), 'declared remote')} up to date\n"
        verb = "to set up" if self.dry_run else "set up"
        left = len(self.remotes) - changed
        return f"{plural(changed, 'remote')} {verb}" + (f", {left} up to date" if left else "") + "\n"

    def json(self) -> dict[str, Any]:
        """Return the remotes, and what `--trust` came to."""
        trusted = {"trust": self.trusted.json()} if self.trusted else {}
        return {"remotes": [item.json() for item in self.remotes], "dry_run": self.dry_run, **trusted}

    def hints(self) -> Sequence[str]:
        """Return what to do next."""
        return (*self.advice, *(self.trusted.hints() if self.trusted else ()))


class Written(NamedTuple):
    """What `setup --write` put into the file, or would put there."""

    file: str
    outcome: Outcome
    remotes: tuple[Declared, ...]
    dry_run: bool

    @property
    def exit_status(self) -> ExitStatus:
        """0: anything else is an error."""
        return ExitStatus.DONE

    def text(self, style: Style) -> str:
        """Show the file, and each remote with its app and region."""
        verbs = {
            Outcome.CREATED: "Would create" if self.dry_run else "Created",
            Outcome.UPDATED: "Would update" if self.dry_run else "Updated",
        }
        verb = verbs.get(self.outcome)
        headline = f"{verb} {self.file}" if verb else f"{self.file} is up to date"
        fields = [(item.remote, f"{item.app} in {item.region}" if item.region else item.app) for item in self.remotes]
        return record(headline, fields, style, GREEN)

    def json(self) -> dict[str, Any]:
        """Return the file, and what it declares for the remotes."""
        return {
            "file": self.file,
            "outcome": self.outcome.value,
            "remotes": [item._asdict() for item in self.remotes],
            "dry_run": self.dry_run,
        }

    def hints(self) -> Sequence[str]:
        """Return what to do with a new file."""
        if self.dry_run or self.outcome is Outcome.UNCHANGED:
            return ()
        return (f"commit it, and everybody sets up with: {shell.PROGRAM} setup",)


def run(
    context: Context, *, remotes: tuple[str, ...], write: bool, trust: bool, force: bool, dry_run: bool
) -> Setup | Written:
    """Make the declared remotes, or only those named; with `write`, declare the remotes that there are.

    Raises `RepositoryError` without a usable file, `InvalidInput` for a bad one, `RegionError`, and `RemoteConflict`,
    which names every conflict, with nothing changed.
    """
    repository = Repository()
    if write:
        return _write(context, repository, remotes, dry_run=dry_run)
    wanted = _wanted(read_declared(context, repository), remotes)
    configuration, catalog = repository.read(), Catalog(context)
    targets = _targets(context, catalog, repository, configuration, wanted, force=force)
    plans = carry_out(repository, configuration, lambda now: plan_all(targets, now), dry_run=dry_run)
    made = []
    for plan, target in zip(plans, targets):
        warn_about(context, repository, plan, plan.push_urls if dry_run else repository.push_urls(plan.remote))
        made.append(MadeRemote(plan, target.choice, () if dry_run else undo(repository, plan)))
    trusted = _trust(context, targets, dry_run=dry_run) if trust else None
    changed = any(item.plan.outcome is not Outcome.UNCHANGED for item in made)
    advice = _advice(targets, remotes) if changed and not trust else ()
    return Setup(tuple(made), trusted, advice, dry_run)


def _advice(targets: Iterable[Target], remotes: Sequence[str]) -> tuple[str, ...]:
    """Return what to do if ssh does not know the hosts: one command, if the keys of all of them are published."""
    unknown = {target.choice.region.ssh: advice for target in targets if (advice := host_key_advice(target))}
    command = shell.plugin("setup", "--trust", *remotes)
    if command and unknown and all(map(builtin.fingerprints, unknown)):
        return (f"make ssh know the host keys: {command}",)
    return tuple(dict.fromkeys(line for advice in unknown.values() for line in advice))


def _targets(
    context: Context,
    catalog: Catalog,
    repository: Repository,
    configuration: Configuration,
    wanted: Sequence[Declared],
    *,
    force: bool,
) -> list[Target]:
    """Choose where each remote is to point; raise every conflict together."""
    targets, conflicts = [], []
    for item in wanted:
        selection = select(context, catalog, configuration, item.remote)
        wish = Wish(RegionSource.GITSCALINGO, item.region)
        try:
            targets.append(choose_target(selection, repository, wish, item.app, force=force))
        except RemoteConflict as conflict:
            conflicts.append(conflict)
    raise_together(conflicts)
    return targets


def _trust(context: Context, targets: Sequence[Target], *, dry_run: bool) -> Result:
    from git_scalingo_region.commands import trust as trust_command  # ssh is only loaded if it is wanted

    regions = tuple(dict.fromkeys(target.choice.region.name for target in targets))
    try:
        return trust_command.run(context, regions=regions, all=False, known_hosts="", fingerprint=(), dry_run=dry_run)
    except ScalingoRegionError as error:
        context.warn(error.message)
        return Untrusted(error)


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


def _write(context: Context, repository: Repository, names: tuple[str, ...], *, dry_run: bool) -> Written:
    """Declare the Scalingo remotes of the repository, or those named."""
    if not repository.has_work_tree:
        raise RepositoryError(f"{FILE} belongs in a work tree, and this repository has none")
    declared = read_declared(context, repository)
    configuration = repository.read()
    check_names(repository, configuration, names)
    found = [_declaration(item, declared or {}) for item in examine(Catalog(context), configuration, names)]
    if not found:
        raise RepositoryError("there is no Scalingo remote to declare", f"{shell.plugin('add')} [REGION] APP")
    values = {
        f"remote.{item.remote}.{name}": value
        for item in found
        for name, value in (("app", item.app), ("region", item.region))
        if value and (item.remote not in (declared or {}) or getattr((declared or {})[item.remote], name) != value)
    }
    if values and not dry_run:
        write_values(path_of(repository), values)
    outcome = Outcome.UNCHANGED if not values else Outcome.CREATED if declared is None else Outcome.UPDATED
    return Written(FILE, outcome, tuple(found), dry_run)


def _declaration(item: Examined, declared: Mapping[str, Declared]) -> Declared:
    """Return what to declare for a remote; if its region is gone, the one that is declared stays."""
    name, region = item.remote.name, item.region
    if item.state is State.UNKNOWN_REGION:
        region = declared[name].region if name in declared else ""
    return Declared(name, item.url.app, region)
