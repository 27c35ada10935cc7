"""The decisions about remotes, pure: whose a remote is, what state it is in, and how it has to change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from git_scalingo_region.errors import RemoteConflict
from git_scalingo_region.model import SSH_USER, Outcome, Platform, Region, RemoteUrl
from git_scalingo_region.repository.configuration import Configuration, Entry, Remote

FindRegion = Callable[[str], "Region | None"]


class State(str, Enum):
    """The state of a remote, or of one of its urls."""

    CURRENT = "current"
    STALE = "stale"
    UNKNOWN_REGION = "unknown-region"
    DIVERTED = "diverted"
    MISSING = "missing"
    DIFFERS = "differs"


class Use(Enum):
    """What git uses a url for: a `url` without a `pushurl` beside it is for both."""

    FETCH = 1
    PUSH = 2
    BOTH = 3


# --- whose a remote is, and its state --------------------------------------------------------------------------------


class Judgement(NamedTuple):
    """What one url of a remote is: the app's url, as configured or as `insteadOf` makes it, its region, its state."""

    url: RemoteUrl
    region: str
    state: State


class Examined(NamedTuple):
    """A Scalingo remote: the url that it points at, its region ("" if the url does not tell), and its state."""

    remote: Remote
    url: RemoteUrl
    region: str
    state: State
    push_urls: tuple[str, ...]

    @property
    def held_url(self) -> str:
        """The remote's first url as the configuration holds it."""
        return self.remote.located[0][1].value


class Examiner:
    """Judges remotes: the one place that tells whether a remote is Scalingo's, and whether it is current."""

    def __init__(self, configuration: Configuration, platform: Platform, find_region: FindRegion) -> None:
        """Take the configuration, what tells the regions of urls, and what finds a region by its name."""
        self._configuration = configuration
        self._platform = platform
        self._find_region = find_region

    def examine(self, name: str) -> Examined | None:
        """Return what the remote is, or None if it is not Scalingo's."""
        remote = self._configuration.remote(name)
        pushed = [self.judge(entry.value, _use(remote, entry)) for entry in _pushed(remote)]
        fetched = [self.judge(entry.value, Use.FETCH) for entry in remote.urls] if remote.pushurls else []
        ours = [judgement for judgement in (*pushed, *fetched) if judgement]
        if not ours:
            return None
        urls, pushurls = ([entry.value for entry in entries] for entries in (remote.urls, remote.pushurls))
        push_urls = self._configuration.push_urls(urls, pushurls)
        return Examined(remote, ours[0].url, ours[0].region, _state(remote, pushed, ours), push_urls)

    def judge(self, value: str, use: Use) -> Judgement | None:
        """Judge one configured url; None if it is not Scalingo's."""
        held, reached = (self._owned(text) for text in (value, self._effective(value, use)))
        if held and self._is_current(held):
            same = reached is not None and reached._replace(suffix=held.suffix) == held
            return self._judgement(held, State.CURRENT if same or use is Use.FETCH else State.DIVERTED)
        if reached and self._is_current(reached):
            return self._judgement(reached, State.CURRENT)
        url = held or reached
        if url is None:
            return None
        known = self._find_region(self._platform.region_name(url)) is not None
        return self._judgement(url, State.STALE if known else State.UNKNOWN_REGION)

    def _effective(self, value: str, use: Use) -> str:
        """Return what git makes of a configured url."""
        if use is Use.BOTH:
            return self._configuration.push_urls([value], [])[0]
        return self._configuration.rewritten(value)

    def _owned(self, text: str) -> RemoteUrl | None:
        url = RemoteUrl.try_parse(text)
        return url if url and self._platform.owns(url) else None

    def _is_current(self, url: RemoteUrl) -> bool:
        region = self._find_region(self._platform.region_name(url))
        return region is not None and (url.endpoint, url.user) == (region.ssh, SSH_USER)

    def _judgement(self, url: RemoteUrl, state: State) -> Judgement:
        return Judgement(url, self._platform.region_name(url), state)

    def equal(self, value: str, url: RemoteUrl, use: Use) -> bool:
        """Return whether a configured value, as it is or as git rewrites it, is this url."""
        return url in (RemoteUrl.try_parse(text) for text in (value, *self._rewritten(value, use)))

    def owns(self, value: str, use: Use) -> bool:
        """Return whether a configured value, as it is or as git rewrites it, is the url of an app."""
        return any(self._owned(text) for text in (value, *self._rewritten(value, use)))

    def _rewritten(self, value: str, use: Use) -> tuple[str, str]:
        return self._configuration.rewritten(value), self._effective(value, use)

    def push_urls_after(self, remote: Remote, changes: Sequence[Change]) -> tuple[str, ...]:
        """Return where `git push` will go once the changes are made."""
        variables = {name: _after(remote, name, changes) for name in ("url", "pushurl")}
        entries = (entry for entries in variables.values() for entry in entries)
        changed = Configuration(entries, empty_resets=self._configuration.resets).remote(remote.name)
        urls, pushurls = ([entry.value for entry in entries] for entries in (changed.urls, changed.pushurls))
        return self._configuration.push_urls(urls, pushurls)

    def replacement(self, value: str, use: Use) -> RemoteUrl | None:
        """Return the url that takes the place of a stale value: the same app in the same region; None otherwise."""
        judgement = self.judge(value, use)
        region = self._find_region(judgement.region) if judgement and judgement.state is State.STALE else None
        return region.remote_url(judgement.url.app) if judgement and region else None


def _use(remote: Remote, entry: Entry) -> Use:
    """Return what git uses a url in force for."""
    if not remote.pushurls:
        return Use.BOTH
    return Use.PUSH if any(entry is pushurl for pushurl in remote.pushurls) else Use.FETCH


def _pushed(remote: Remote) -> tuple[Entry, ...]:
    return remote.pushurls or remote.urls


def _state(remote: Remote, pushed: Sequence[Judgement | None], ours: Sequence[Judgement]) -> State:
    """Return the state of a remote: what is wrong with its push first, then whether any url is stale."""
    if ours[0].state is State.UNKNOWN_REGION:
        return State.UNKNOWN_REGION
    if remote.helper or len(pushed) != 1 or pushed[0] is None or pushed[0].state is State.DIVERTED:
        return State.DIVERTED
    return State.STALE if any(judgement.state is State.STALE for judgement in ours) else State.CURRENT


# --- what to do with a remote ----------------------------------------------------------------------------------------


class Change(NamedTuple):
    """All values of one key in one file (an origin of `git config --show-origin`; "" for the main file)."""

    origin: str
    key: str
    old: tuple[str, ...]
    new: tuple[str, ...]

    @property
    def variable(self) -> str:
        """The last part of the key: `url`, `pushurl` or `fetch`."""
        return self.key.rpartition(".")[2]


class Plan(NamedTuple):
    """What is to be done with one remote, and where `git push` will go afterwards.

    `url` is the app's; `held_url` is the one that the configuration will hold, perhaps in another spelling.
    """

    remote: str
    outcome: Outcome
    url: RemoteUrl
    held_url: str
    previous_url: str | None
    changes: tuple[Change, ...]
    push_urls: tuple[str, ...]

    @property
    def replacements(self) -> tuple[tuple[str, str], ...]:
        """What an update replaces, for a person: the variable, and `old -> new`."""
        if self.outcome is not Outcome.UPDATED:
            return ()
        return tuple(
            (change.variable, f"{', '.join(change.old) or '(none)'} -> {', '.join(change.new) or '(none)'}")
            for change in self.changes
        )


def plan_add(remote: Remote, url: RemoteUrl, examiner: Examiner, *, force: bool = False, legacy_file: str = "") -> Plan:
    """Decide how the remote comes to point at `url`; raise `RemoteConflict` if the program must not change it."""
    if not remote.exists:
        if legacy_file:
            raise RemoteConflict(f"the remote '{remote.name}' is defined by the file {legacy_file}", OTHER_NAME)
        return _creation(remote, url, examiner)
    conflict = _conflict(remote, examiner, url)
    if conflict and not force:
        raise conflict
    if conflict:
        return _planned(remote, url, _takeover(remote, url), examiner)
    changes = _replaced(
        remote, lambda entry: None if examiner.equal(entry.value, url, _use(remote, entry)) else str(url)
    )
    return _planned(remote, url, changes, examiner)


def plan_sync(examined: Examined, examiner: Examiner) -> Plan:
    """Decide how each stale url of a remote moves to its own region's endpoint.

    Raises `RemoteConflict` if one of them comes from outside the repository.
    """
    remote = examined.remote

    def replacement(entry: Entry) -> RemoteUrl | None:
        return examiner.replacement(entry.value, _use(remote, entry))

    for _, entry in remote.located:
        if not entry.own and replacement(entry):
            raise _inherited(remote, entry)
    changes = _replaced(remote, lambda entry: str(replacement(entry) or "") or None)
    target = replacement(_pushed(remote)[0]) or examined.url
    return _planned(remote, target, changes, examiner)


def _creation(remote: Remote, url: RemoteUrl, examiner: Examiner) -> Plan:
    changes = [_appended(remote, "url", str(url))]
    if "fetch" not in remote.variables:  # as git remote add writes it
        changes.append(_appended(remote, "fetch", f"+refs/heads/*:refs/remotes/{remote.name}/*"))
    push_urls = examiner.push_urls_after(remote, changes)
    return Plan(remote.name, Outcome.CREATED, url, str(url), None, tuple(changes), push_urls)


def _appended(remote: Remote, variable: str, value: str) -> Change:
    """Return the change that adds a value: in the file that has the last value already, or in the main file."""
    own = [entry for entry in remote.variables.get(variable, ()) if entry.own]
    origin = own[-1].origin if own else ""
    held = remote.held(origin, variable)
    return Change(origin, remote.key(variable), held, (*held, value))


def _planned(remote: Remote, url: RemoteUrl, changes: tuple[Change, ...], examiner: Examiner) -> Plan:
    replaced = [value for change in changes for value in change.old if value and value not in change.new]
    held = [entry.value for entry in _pushed(remote)]
    previous = next(iter([*replaced, *(value for change in changes for value in change.old), *held]), None)
    outcome = Outcome.UPDATED if changes else Outcome.UNCHANGED
    held_url = str(url) if changes or not held else held[0]
    return Plan(remote.name, outcome, url, held_url, previous, changes, examiner.push_urls_after(remote, changes))


def _replaced(remote: Remote, replace: Callable[[Entry], str | None]) -> tuple[Change, ...]:
    """Return the changes that put `replace(entry)` in the place of each url in force for which it is not None."""
    new = {id(entry): value for _, entry in remote.located if (value := replace(entry)) is not None}
    changes = []
    for variable, origin in dict.fromkeys((variable, entry.origin) for variable, entry in remote.located):
        entries = [entry for entry in remote.variables[variable] if entry.origin == origin]
        old = tuple(entry.value for entry in entries)
        values = tuple(new.get(id(entry), entry.value) for entry in entries)
        changes.append(Change(origin, remote.key(variable), old, values))
    return tuple(change for change in changes if change.old != change.new)


OTHER_NAME = "choose another name with --remote"


def _conflict(remote: Remote, examiner: Examiner, url: RemoteUrl) -> RemoteConflict | None:
    """Return why the program must not change the remote, or None."""
    name = f"the remote '{remote.name}'"
    if remote.helper:
        return RemoteConflict(f"{name} is reached through the remote helper '{remote.helper}'", OTHER_NAME)
    can_force = all(entry.own for entry in remote.pushurls)
    values = [entry.value for _, entry in remote.located]
    if len(remote.urls) > 1 or len(remote.pushurls) > 1:
        hint = OTHER_NAME + (", or replace them all with --force" if can_force else "")
        return RemoteConflict(f"{name} has several urls: {', '.join(values)}", hint)
    foreign = [entry.value for _, entry in remote.located if not examiner.owns(entry.value, _use(remote, entry))]
    if foreign:
        hint = OTHER_NAME + (", or replace it with --force" if can_force else "")
        return RemoteConflict(f"{name} points elsewhere: {foreign[0]}", hint)
    if remote.inherited and not all(
        examiner.equal(entry.value, url, _use(remote, entry)) for _, entry in remote.located
    ):
        return _inherited(remote, remote.inherited[0])
    return None


def _inherited(remote: Remote, entry: Entry) -> RemoteConflict:
    return RemoteConflict(
        f"the remote '{remote.name}' comes from the {entry.scope} configuration ({entry.place})", OTHER_NAME
    )


def _takeover(remote: Remote, url: RemoteUrl) -> tuple[Change, ...]:
    """Return the changes after which only `url` is in force, for a remote that was not Scalingo's.

    Values from outside the repository cannot be removed from here. A pushurl of the repository's own hides an inherited
    url, but nothing hides an inherited pushurl.
    """
    foreign = next((entry for entry in remote.pushurls if not entry.own), None)
    if remote.helper or foreign:
        place = f" from {foreign.place}" if foreign else ""
        raise RemoteConflict(
            f"--force cannot replace the remote '{remote.name}' from here: remove it{place} first", OTHER_NAME
        )
    inherited = any(not entry.own for entry in remote.urls)
    return (
        *_replace_all(remote, "url", (str(url),)),
        *_replace_all(remote, "pushurl", (str(url),) if inherited else ()),
    )


def _replace_all(remote: Remote, variable: str, new: tuple[str, ...]) -> Iterator[Change]:
    """Yield one change per file: the new values in the first file that has the variable, none in the others."""
    own = [entry for entry in remote.variables.get(variable, ()) if entry.own]
    for origin in dict.fromkeys(entry.origin for entry in own) or ({"": None} if new else {}):
        old = remote.held(origin, variable)
        if old != new:
            yield Change(origin, remote.key(variable), old, new)
        new = ()


def _after(remote: Remote, variable: str, changes: Iterable[Change]) -> Iterator[Entry]:
    """Yield the entries of a variable once the changes are made, those of a new file last."""
    new = {change.origin: change.new for change in changes if change.variable == variable}
    key = remote.key(variable)
    for entry in remote.variables.get(variable, ()):
        if entry.origin not in new:
            yield entry
        elif values := new[entry.origin]:
            yield from (Entry(entry.scope, entry.origin, key, value) for value in values)
            new[entry.origin] = ()
    yield from (Entry("local", origin, key, value) for origin, values in new.items() for value in values)


def undo_commands(plan: Plan, origin_path: Callable[[str], str | None]) -> Iterator[tuple[str, ...]]:
    """Yield the git commands, as words, that bring back what an update replaces.

    `origin_path` gives the path of a change's file, or None for the file that `git remote` and `git config` write to.
    """
    for change in plan.changes if plan.outcome is Outcome.UPDATED else ():
        path = origin_path(change.origin)
        simple = path is None and len(change.old) == len(change.new) == 1 and plan.remote
        if simple and not (change.old[0] or "-").startswith("-") and not plan.remote.startswith("-"):
            push = ["--push"] if change.variable == "pushurl" else []
            yield ("remote", "set-url", *push, plan.remote, change.old[0])
            continue
        config = ("config", *(("--file", path) if path else ()))
        first, *others = change.old or ("",)
        yield (*config, "--replace-all", change.key, first) if change.old else (*config, "--unset-all", change.key)
        yield from ((*config, "--add", change.key, old) for old in others)
