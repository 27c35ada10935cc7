"""Pure decisions about remotes: whether a remote is Scalingo's, what state it is in, and how it has to change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.errors import RemoteConflict
from git_scalingo_region.model import SSH_USER, Outcome, Platform, Region, RemoteUrl
from git_scalingo_region.repository.configuration import VALUELESS, Configuration, Entry, Remote, without_login

OTHER_NAME = "choose another name with --remote"

FindRegion = Callable[[str], Region | None]


class State(str, Enum):
    """The state of a remote, or of one of its urls. Only `status` uses `MISSING` and `DIFFERS`."""

    CURRENT = "current"
    STALE = "stale"
    UNKNOWN_REGION = "unknown-region"
    DIVERTED = "diverted"
    MISSING = "missing"
    DIFFERS = "differs"


class Judgement(NamedTuple):
    """What one url of a remote is: the app's url, as configured or as git rewrites it, its region, and its state."""

    url: RemoteUrl
    region: str
    state: State


class Examined(NamedTuple):
    """A Scalingo remote: the url that it points at, its region ("" if the url does not tell), and its state."""

    remote: Remote
    url: RemoteUrl
    region: str
    state: State

    @property
    def configured_url(self) -> str:
        """The remote's first url as the configuration holds it."""
        return self.remote.in_force[0].value


class Examiner:
    """The one place that tells whether a remote is Scalingo's, and whether it is current."""

    def __init__(self, configuration: Configuration, platform: Platform, find_region: FindRegion) -> None:
        """Take the configuration, the platform (which tells a url's region), and what finds a region by its name."""
        self._configuration = configuration
        self._platform = platform
        self._find_region = find_region

    def examine(self, name: str) -> Examined | None:
        """Return the remote with its url, region and state, or None if it is not Scalingo's."""
        remote = self._configuration.remote(name)
        pushed = [self.judge(remote, entry) for entry in remote.push_entries]
        fetched = [self.judge(remote, entry) for entry in remote.urls] if remote.pushurls else []
        ours = [judgement for judgement in (*pushed, *fetched) if judgement]
        if not ours:
            return None
        return Examined(remote, ours[0].url, ours[0].region, _state(remote, pushed, ours))

    def judge(self, remote: Remote, entry: Entry) -> Judgement | None:
        """Return the judgement of one url of a remote, or None if the url is not Scalingo's."""
        held, reached = (self._owned(text) for text in (entry.value, self._reached(remote, entry)))
        for url in filter(None, (held, reached)):
            region = self._region(url)
            if region and (url.endpoint, url.user) == (region.ssh, SSH_USER):
                is_reached = reached is not None and reached._replace(suffix=url.suffix) == url
                is_current = is_reached or entry not in remote.push_entries
                return Judgement(url, region.name, State.CURRENT if is_current else State.DIVERTED)
        if not (found := held or reached):
            return None
        state = State.STALE if self._region(found) else State.UNKNOWN_REGION
        return Judgement(found, self._platform.region_name(found), state)

    def _reached(self, remote: Remote, entry: Entry) -> str:
        """Return the url as git rewrites it. git applies `pushInsteadOf` only if there is no `pushurl`."""
        return self._configuration.rewritten(entry.value, push=not remote.pushurls)

    def _owned(self, text: str) -> RemoteUrl | None:
        url = RemoteUrl.try_parse(text)
        return url if url and self._platform.owns(url) else None

    def _region(self, url: RemoteUrl) -> Region | None:
        return self._find_region(self._platform.region_name(url))

    def equal(self, remote: Remote, entry: Entry, url: RemoteUrl) -> bool:
        """Return whether a remote's entry, as configured or as git rewrites it, is this url."""
        return url in (RemoteUrl.try_parse(text) for text in self._spellings(remote, entry))

    def owns(self, remote: Remote, entry: Entry) -> bool:
        """Return whether a remote's entry, as configured or as git rewrites it, is the url of an app."""
        return any(self._owned(text) for text in self._spellings(remote, entry))

    def _spellings(self, remote: Remote, entry: Entry) -> tuple[str, ...]:
        return entry.value, self._configuration.rewritten(entry.value), self._reached(remote, entry)

    def replacement(self, remote: Remote, entry: Entry) -> RemoteUrl | None:
        """Return the url that replaces a stale one, for the same app in the same region; None if it is not stale."""
        judgement = self.judge(remote, entry)
        if not judgement or judgement.state is not State.STALE:
            return None
        region = self._region(judgement.url)
        return region and region.remote_url(judgement.url.app)

    def push_urls_after(self, remote: Remote, changes: Sequence[Change]) -> tuple[str, ...]:
        """Return where `git push` will go once the changes are made."""
        url, pushurl = (list(_after(remote, variable, changes)) for variable in ("url", "pushurl"))
        return self._configuration.push_urls(url, pushurl)


def _state(remote: Remote, pushed: Sequence[Judgement | None], ours: Sequence[Judgement]) -> State:
    """Return the state of a remote; a fault of its push counts before a stale url."""
    if ours[0].state is State.UNKNOWN_REGION:
        return State.UNKNOWN_REGION
    if remote.helper or len(pushed) != 1 or pushed[0] is None or pushed[0].state is State.DIVERTED:
        return State.DIVERTED
    return State.STALE if any(judgement.state is State.STALE for judgement in ours) else State.CURRENT


class Change(NamedTuple):
    """All values of one key, old and new, in a file (an origin of `git config --show-origin`; "" for the main file)."""

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

    `url` is the app's url; `configured_url` is what the configuration will hold, perhaps in another spelling.
    """

    remote: str
    outcome: Outcome
    url: RemoteUrl
    configured_url: str
    previous_url: str | None
    changes: tuple[Change, ...]
    push_urls: tuple[str, ...]

    @property
    def elsewhere(self) -> list[str]:
        """The push urls that are not the app's."""
        return [url for url in self.push_urls if RemoteUrl.try_parse(url) != self.url]

    @property
    def replacements(self) -> tuple[tuple[str, str], ...]:
        """What an update replaces, as text for a person: each variable, and `old -> new`."""
        if self.outcome is not Outcome.UPDATED:
            return ()
        return tuple(
            (change.variable, f"{_shown(change.old) or '(none)'} -> {_shown(change.new) or '(none)'}")
            for change in self.changes
        )


def _shown(values: Iterable[str]) -> str:
    return ", ".join("(no value)" if value is VALUELESS else value for value in values)


def plan_add(remote: Remote, url: RemoteUrl, examiner: Examiner, *, force: bool = False) -> Plan:
    """Return the plan that points the remote at `url`; raise `RemoteConflict` if the program must not change it."""
    conflict = _conflict(remote, examiner, url)
    if conflict and not force:
        raise conflict
    if not remote.exists:
        changes = _creation(remote, url)
    elif conflict:
        changes = _takeover(remote, url)
    else:
        changes = _replaced(remote, lambda entry: None if examiner.equal(remote, entry, url) else url)
    return _planned(remote, url, changes, examiner)


def plan_sync(examined: Examined, examiner: Examiner, *, everywhere: bool = False) -> Plan:
    """Return the plan that moves each stale url to its region's ssh endpoint.

    Raises `RemoteConflict` for a url from outside the repository, unless urls may change `everywhere`.
    """
    remote = examined.remote
    for entry in () if everywhere else remote.inherited:
        if examiner.replacement(remote, entry):
            raise _inherited(remote, entry)
    changes = _replaced(remote, lambda entry: examiner.replacement(remote, entry))
    return _planned(remote, examiner.replacement(remote, remote.push_entries[0]) or examined.url, changes, examiner)


def _creation(remote: Remote, url: RemoteUrl) -> tuple[Change, ...]:
    """Return the changes that create a remote as `git remote add` does; existing empty urls stay before the new one."""
    origin = next((entry.origin for entry in reversed(remote.variables.get("url", ())) if entry.own), "")
    held = remote.values_in(origin, "url")
    changes = [Change(origin, remote.key("url"), held, (*held, str(url)))]
    if "fetch" not in remote.variables:
        changes.append(Change("", remote.key("fetch"), (), (f"+refs/heads/*:refs/remotes/{remote.name}/*",)))
    return tuple(changes)


def _planned(remote: Remote, url: RemoteUrl, changes: tuple[Change, ...], examiner: Examiner) -> Plan:
    """Return the plan with these changes. The previous url is the one that is replaced, or else the current one."""
    held = [entry.value for entry in remote.push_entries]
    old = [value for change in changes for value in change.old if remote.exists]
    kept = {"", *(value for change in changes for value in change.new)}
    candidates = [*(value for value in old if value not in kept), *old, *held]
    previous = next((value for value in candidates if value is not VALUELESS), None)
    outcome = Outcome.UNCHANGED if not changes else Outcome.UPDATED if remote.exists else Outcome.CREATED
    configured_url = str(url) if changes or not held else held[0]
    return Plan(remote.name, outcome, url, configured_url, previous, changes, examiner.push_urls_after(remote, changes))


def _replaced(remote: Remote, replace: Callable[[Entry], RemoteUrl | None]) -> tuple[Change, ...]:
    """Return the changes that replace each url in force with `replace(entry)`, unless that is None."""
    new = {id(entry): str(url) for entry in remote.in_force if (url := replace(entry))}
    changes = []
    for variable, origin in dict.fromkeys((entry.variable, entry.origin) for entry in remote.in_force):
        entries = [entry for entry in remote.variables[variable] if entry.origin == origin]
        values = tuple(new.get(id(entry), entry.value) for entry in entries)
        changes.append(Change(origin, remote.key(variable), remote.values_in(origin, variable), values))
    return tuple(change for change in changes if change.old != change.new)


def _conflict(remote: Remote, examiner: Examiner, url: RemoteUrl) -> RemoteConflict | None:
    """Return why the program must not change the remote, or None."""
    name = f"the remote '{remote.name}'"
    foreign = [entry.value for entry in remote.in_force if not examiner.owns(remote, entry)]
    can_force = all(entry.own for entry in remote.pushurls)
    if remote.helper:
        return RemoteConflict(f"{name} is reached through the remote helper '{remote.helper}'", OTHER_NAME)
    if len(remote.urls) > 1 or len(remote.pushurls) > 1:
        hint = OTHER_NAME + (", or replace them all with --force" if can_force else "")
        urls = _shown(entry.value for entry in remote.in_force)
        return RemoteConflict(f"{name} has several urls: {without_login(urls)}", hint)
    if foreign:
        hint = OTHER_NAME + (", or replace it with --force" if can_force else "")
        return RemoteConflict(f"{name} points elsewhere: {without_login(_shown(foreign[:1]))}", hint)
    if remote.inherited and not all(examiner.equal(remote, entry, url) for entry in remote.in_force):
        return _inherited(remote, remote.inherited[0])
    return None


def _inherited(remote: Remote, entry: Entry) -> RemoteConflict:
    return RemoteConflict(
        f"the remote '{remote.name}' comes from the {entry.scope} configuration ({entry.file})", OTHER_NAME
    )


def _takeover(remote: Remote, url: RemoteUrl) -> tuple[Change, ...]:
    """Return the changes after which only `url` is in force, for a remote that only --force may change.

    The repository's own pushurl hides an inherited url, but none of these changes would hide an inherited pushurl.
    """
    foreign = next((entry for entry in remote.pushurls if not entry.own), None)
    if remote.helper or foreign:
        origin = f" from {foreign.file}" if foreign else ""
        raise RemoteConflict(
            f"--force cannot replace the remote '{remote.name}' from here: remove it{origin} first", OTHER_NAME
        )
    is_inherited = not all(entry.own for entry in remote.urls)
    return (
        *_replace_all(remote, "url", (*_reset(remote, "url"), str(url))),
        *_replace_all(remote, "pushurl", (*_reset(remote, "pushurl"), *([str(url)] if is_inherited else []))),
    )


def _reset(remote: Remote, variable: str) -> tuple[str, ...]:
    """Return one empty value if the repository has one that hides inherited values, and so has to keep it."""
    entries, in_force = remote.variables.get(variable, ()), {id(entry) for entry in remote.in_force}
    hides = any(not entry.own and id(entry) not in in_force for entry in entries)
    return ("",) if hides and any(entry.own and not entry.value for entry in entries) else ()


def _replace_all(remote: Remote, variable: str, new: tuple[str, ...]) -> Iterator[Change]:
    """Yield one change per file: the first file that has the variable gets the new values, the others get none."""
    own = [entry for entry in remote.variables.get(variable, ()) if entry.own]
    for origin in dict.fromkeys(entry.origin for entry in own) or ({"": None} if new else {}):
        old = remote.values_in(origin, variable)
        if old != new:
            yield Change(origin, remote.key(variable), old, new)
        new = ()


def _after(remote: Remote, variable: str, changes: Iterable[Change]) -> Iterator[str]:
    """Yield the values that a variable will have after the changes, those in a new file last."""
    new = {change.origin: change.new for change in changes if change.key == remote.key(variable)}
    for entry in remote.variables.get(variable, ()):
        yield from new.get(entry.origin, (entry.value,))
        if entry.origin in new:
            new[entry.origin] = ()
    yield from (value for values in new.values() for value in values)


def undo_commands(plan: Plan, origin_path: Callable[[str], str | None]) -> tuple[str, ...]:
    """Return the commands that restore what an update replaces; none if one of them cannot be written exactly.

    `origin_path` gives the path of a change's file, or None for the file that `git remote` and `git config` write to.
    """
    replaced = [value for change in plan.changes for value in change.old]
    if plan.outcome is not Outcome.UPDATED or any(value is VALUELESS for value in replaced):
        return ()
    words = (words for change in plan.changes for words in _undo(plan.remote, change, origin_path(change.origin)))
    commands = tuple(shell.git(*line) for line in words)
    return commands if all(commands) else ()


def _undo(remote: str, change: Change, path: str | None) -> Iterator[tuple[str, ...]]:
    """Yield the words of each command that restores what a change replaces."""
    is_simple = path is None and len(change.old) == len(change.new) == 1 and remote
    if is_simple and not (change.old[0] or "-").startswith("-") and not remote.startswith("-"):
        push = ["--push"] if change.variable == "pushurl" else []
        yield ("remote", "set-url", *push, remote, change.old[0])
        return
    config = ("config", *(("--file", path) if path else ()))
    if not change.old:
        yield (*config, "--unset-all", change.key)
    for index, old in enumerate(change.old):
        yield (*config, "--add" if index else "--replace-all", change.key, old)
