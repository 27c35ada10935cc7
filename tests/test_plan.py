"""The decisions about a remote: whose it is, what state it is in, and how it has to change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from conftest import ELSEWHERE, GONE, OSC_FR1, SECNUM, STALE

from git_scalingo_region.errors import RemoteConflict
from git_scalingo_region.model import Outcome, Platform, Region, RemoteUrl, SshEndpoint
from git_scalingo_region.repository.configuration import Configuration, Entry
from git_scalingo_region.repository.plan import Change, Examiner, Plan, State, plan_add, plan_sync

REGIONS = (
    Region("osc-fr1", "", SshEndpoint("ssh.osc-fr1.scalingo.com")),
    Region("osc-secnum-fr1", "", SshEndpoint("ssh.osc-secnum-fr1.scalingo.com")),
    Region("first", "", SshEndpoint("two.example", 2201)),
    Region("second", "", SshEndpoint("two.example", 2202)),
)
PLATFORM = Platform(REGIONS, "scalingo.com", {"scalingo.com": "agora-fr1"})
BY_NAME = {region.name: region for region in REGIONS}
URL = RemoteUrl.parse(OSC_FR1)
NO_USER = OSC_FR1.replace("git@", "")
SCP = "git@ssh.osc-fr1.scalingo.com:myapp.git"
NO_SUFFIX = OSC_FR1.removesuffix(".git")
SHORT = "sc:myapp.git"
RIGHT, OLD, EVIL = OSC_FR1.removesuffix("myapp.git"), STALE.removesuffix("myapp.git"), "git@evil.example:"
MAIN, INCLUDED, WORKTREE = "file:.git/config", "file:shared", "file:.git/config.worktree"

# (scope, origin, variable, value): a variable of remote.scalingo, or a whole key if it has a dot.
Setting = tuple[str, str, str, str]


def setter(variable: str, scope: str = "local", origin: str = MAIN) -> Callable[..., Setting]:
    """Return a function that makes a setting of the remote from a value and, if it is not the usual one, a file."""
    return lambda value, place=origin: (scope, place, variable, value)


url, pushurl, helper = setter("url"), setter("pushurl"), setter("vcs")
home_url, home_pushurl = (setter(variable, "global", "file:/home/me/.gitconfig") for variable in ("url", "pushurl"))
command_url, command_pushurl = (setter(variable, "command", "command line:") for variable in ("url", "pushurl"))


def instead(base: str, prefix: str) -> Setting:
    return ("local", MAIN, f"url.{base}.insteadof", prefix)


def push_instead(base: str, prefix: str) -> Setting:
    return ("local", MAIN, f"url.{base}.pushinsteadof", prefix)


def examiner_of(configuration: Configuration) -> Examiner:
    return Examiner(configuration, PLATFORM, BY_NAME.get)


def configured(*items: Setting, resets: bool = False) -> Configuration:
    keys = (key if "." in key else f"remote.scalingo.{key}" for _, _, key, _ in items)
    entries = (Entry(scope, origin, key, value) for key, (scope, origin, _, value) in zip(keys, items))
    return Configuration(entries, empty_resets=resets)


def plan(*items: Setting, force: bool = False, resets: bool = False) -> Plan:
    configuration = configured(*items, resets=resets)
    return plan_add(configuration.remote("scalingo"), URL, examiner_of(configuration), force=force)


def change(variable: str, *old: str, to: str = OSC_FR1, origin: str = MAIN) -> Change:
    """Return the change from the old values to the new one; "" means that there is no new value."""
    return Change(origin, f"remote.scalingo.{variable}", old, (to,) if to else ())


def refusal(*items: Setting, force: bool = False) -> tuple[str, tuple[str, ...]]:
    """Return the message and the hints of the conflict that adding the remote raises."""
    with pytest.raises(RemoteConflict) as caught:
        plan(*items, force=force)
    return caught.value.message, tuple(caught.value.hints)


FR1, SEC = "osc-fr1", "osc-secnum-fr1"
MIRROR = "git@mirror.example:"
# The remote, the url and the region that it points at, its state, and the variables that `add` and `sync` replace, each
# in its own file; None if that is a conflict.
STATES = [
    ([url(OSC_FR1)], OSC_FR1, FR1, State.CURRENT, "", ""),
    ([url(SCP)], OSC_FR1, FR1, State.CURRENT, "", ""),
    ([url(NO_SUFFIX)], NO_SUFFIX, FR1, State.CURRENT, "url", ""),
    ([home_url(OSC_FR1)], OSC_FR1, FR1, State.CURRENT, "", ""),
    ([url(STALE)], STALE, FR1, State.STALE, "url", "url"),
    ([home_url(STALE)], STALE, FR1, State.STALE, None, None),
    ([url(NO_USER)], NO_USER, FR1, State.STALE, "url", "url"),
    ([url(STALE[:-4])], STALE[:-4], FR1, State.STALE, "url", "url"),
    ([url(SECNUM, INCLUDED)], SECNUM, SEC, State.CURRENT, "url", ""),
    # url and pushurl: the push url counts, even in another region, but a stale fetch url makes the remote stale too
    ([url(OSC_FR1), pushurl(SECNUM)], SECNUM, SEC, State.CURRENT, "pushurl", ""),
    ([url(ELSEWHERE), pushurl(SECNUM)], SECNUM, SEC, State.CURRENT, None, ""),
    ([url(SECNUM), pushurl(STALE)], STALE, FR1, State.STALE, "url pushurl", "pushurl"),
    ([url(OSC_FR1), pushurl(ELSEWHERE)], OSC_FR1, FR1, State.DIVERTED, None, ""),
    ([url(STALE), home_pushurl(ELSEWHERE)], STALE, FR1, State.DIVERTED, None, "url"),
    ([pushurl(OSC_FR1)], OSC_FR1, FR1, State.CURRENT, "", ""),
    ([pushurl(STALE)], STALE, FR1, State.STALE, "pushurl", "pushurl"),
    ([url(OSC_FR1, INCLUDED), pushurl(OSC_FR1)], OSC_FR1, FR1, State.CURRENT, "", ""),
    ([url(OSC_FR1), pushurl(STALE)], STALE, FR1, State.STALE, "pushurl", "pushurl"),
    ([url(STALE), pushurl(SECNUM, INCLUDED)], SECNUM, SEC, State.STALE, "url pushurl", "url"),
    ([home_url(ELSEWHERE), pushurl(STALE)], STALE, FR1, State.STALE, None, "pushurl"),
    # several urls, and a helper
    ([url(OSC_FR1), url(OSC_FR1)], OSC_FR1, FR1, State.DIVERTED, None, ""),
    ([url(OSC_FR1), url(STALE, INCLUDED)], OSC_FR1, FR1, State.DIVERTED, None, "url"),
    ([url(ELSEWHERE), url(OSC_FR1)], OSC_FR1, FR1, State.DIVERTED, None, ""),
    ([url(OSC_FR1), helper("foo")], OSC_FR1, FR1, State.DIVERTED, None, ""),
    # a region that is gone, or that the url does not tell
    ([url(GONE)], GONE, "agora-fr1", State.UNKNOWN_REGION, "url", ""),
    ([url(GONE), url(OSC_FR1)], GONE, "agora-fr1", State.UNKNOWN_REGION, None, ""),
    ([url("git@two.example:a.git")], "git@two.example:a.git", "", State.UNKNOWN_REGION, "url", ""),
    ([url("ssh://git@two.example:2202/a.git")], "[git@two.example:2202]:a.git", "second", State.CURRENT, "url", ""),
    # insteadOf, and pushInsteadOf (which git ignores for a pushurl): away from the region, to it, and between others
    ([url(OSC_FR1), instead(OLD, RIGHT)], OSC_FR1, FR1, State.DIVERTED, "", ""),
    ([url(OSC_FR1), push_instead(EVIL, RIGHT)], OSC_FR1, FR1, State.DIVERTED, "", ""),
    ([url(STALE), instead(RIGHT, OLD)], OSC_FR1, FR1, State.CURRENT, "", ""),
    ([url(STALE), push_instead(RIGHT, OLD)], OSC_FR1, FR1, State.CURRENT, "", ""),
    ([url(SHORT), instead(RIGHT, "sc:")], OSC_FR1, FR1, State.CURRENT, "", ""),
    ([url(SHORT), push_instead(RIGHT, "sc:")], OSC_FR1, FR1, State.CURRENT, "", ""),
    ([url(SHORT), push_instead(OLD, "sc:")], STALE, FR1, State.STALE, "url", "url"),
    ([url(SHORT), instead(OLD, "sc:")], STALE, FR1, State.STALE, "url", "url"),
    ([url(OSC_FR1), instead(RIGHT[:-3], RIGHT[:-3])], OSC_FR1, FR1, State.CURRENT, "", ""),
    ([url(OSC_FR1), pushurl(SECNUM), instead(EVIL, RIGHT)], SECNUM, SEC, State.CURRENT, "pushurl", ""),
    ([url(SHORT), instead("git@scalingo.com:", "sc:")], GONE, "agora-fr1", State.UNKNOWN_REGION, "url", ""),
    ([url(STALE), instead(MIRROR, RIGHT)], STALE, FR1, State.STALE, "url", "url"),
    ([url(STALE), push_instead(MIRROR, RIGHT)], STALE, FR1, State.STALE, "url", "url"),
    ([url(OSC_FR1), pushurl(OSC_FR1), push_instead(EVIL, RIGHT)], OSC_FR1, FR1, State.CURRENT, "", ""),
]
NOT_OURS = [
    *([], [helper("foo")], [url(ELSEWHERE)], [url("true")]),
    [url(SHORT), instead(EVIL, "sc:")],
    [pushurl(SHORT), push_instead(RIGHT, "sc:")],
]


def replacing(items: list[Setting], variables: str, url: str) -> Plan:
    """Return the plan that sets these variables to the app's url, after which the remote points at `url`."""
    is_new = [key in variables.split() and value != OSC_FR1 for _, _, key, value in items]
    changes = tuple(change(item[2], item[3], origin=item[1]) for item, new in zip(items, is_new) if new)
    after = configured(*((*item[:3], OSC_FR1 if new else item[3]) for item, new in zip(items, is_new)))
    if changes:
        outcome, held, previous = Outcome.UPDATED, url, changes[0].old[0]
    else:
        outcome, held = Outcome.UNCHANGED, after.remote("scalingo").push_entries[0].value
        previous = held
    push_urls = after.remote("scalingo").push_urls
    return Plan("scalingo", outcome, RemoteUrl.parse(url), held, previous, changes, push_urls)


@pytest.mark.parametrize(("items", "place", "region", "state", "add", "sync"), STATES)
def test_a_remote_of_scalingo(
    items: list[Setting], place: str, region: str, state: State, add: str | None, sync: str | None
) -> None:
    """A remote is judged by its push url, then its others; `add` replaces all that differ, `sync` only stale ones."""
    examiner = examiner_of(configured(*items))
    found = examiner.examine("scalingo")
    assert found
    assert (found.url, found.region, found.state) == (RemoteUrl.parse(place), region, state)
    assert found.configured_url == items[0][3]
    if add is None:
        refusal(*items)
    else:
        assert plan(*items) == plan(*items, force=True) == replacing(items, add, OSC_FR1)
    if sync is None:
        with pytest.raises(RemoteConflict):
            plan_sync(found, examiner)
    else:
        is_moved = found.remote.push_entries[0].variable in sync.split()
        assert plan_sync(found, examiner) == replacing(items, sync, OSC_FR1 if is_moved else str(found.url))


@pytest.mark.parametrize("items", NOT_OURS)
def test_other_remotes_are_not_judged(items: list[Setting]) -> None:
    """A remote counts as Scalingo's only if one of its urls does, as it is configured or as git rewrites it."""
    assert examiner_of(configured(*items)).examine("scalingo") is None


def test_an_empty_url_empties_the_list() -> None:
    """A url that an empty one cancels does not count, and a new url is added after the empty one, so that it counts."""
    found = examiner_of(configured(url(STALE), url(""), url(OSC_FR1), resets=True)).examine("scalingo")
    assert found
    assert (found.state, found.remote.push_urls) == (State.CURRENT, (OSC_FR1,))
    planned = plan(url(ELSEWHERE), url("", INCLUDED), resets=True)
    assert planned.changes[0] == Change(INCLUDED, "remote.scalingo.url", ("",), ("", OSC_FR1))
    assert planned.push_urls == (OSC_FR1,)


FETCH = change("fetch", to="+refs/heads/*:refs/remotes/scalingo/*", origin="")


@pytest.mark.parametrize(
    ("items", "fetch"),
    [
        ([], [FETCH]),
        ([("local", MAIN, "fetch", "mine")], []),
        ([("global", "file:/home/me/.gitconfig", "prune", "true")], [FETCH]),
    ],
)
def test_a_remote_without_urls_is_created(items: list[Setting], fetch: list[Change]) -> None:
    """A remote without a url gets one in the main configuration file, and git's usual refspec unless it has its own."""
    changes = (change("url", origin=""), *fetch)
    assert plan(*items) == Plan("scalingo", Outcome.CREATED, URL, OSC_FR1, None, changes, (OSC_FR1,))


OTHER = "choose another name with --remote"
REPLACE = f"{OTHER}, or replace it with --force"
REPLACE_ALL = f"{OTHER}, or replace them all with --force"


@pytest.mark.parametrize(
    ("items", "reason", "hint"),
    [
        ([url(ELSEWHERE)], f"points elsewhere: {ELSEWHERE}", REPLACE),
        ([url("")], "points elsewhere: ", REPLACE),
        ([url(OSC_FR1), pushurl(ELSEWHERE)], f"points elsewhere: {ELSEWHERE}", REPLACE),
        ([pushurl("sc:a"), push_instead(RIGHT, "sc:")], "points elsewhere: sc:a", REPLACE),
        ([url(OSC_FR1), url(OSC_FR1)], f"has several urls: {OSC_FR1}, {OSC_FR1}", REPLACE_ALL),
        ([url(SECNUM), ("worktree", WORKTREE, "url", GONE)], f"has several urls: {SECNUM}, {GONE}", REPLACE_ALL),
        ([url(STALE), pushurl(GONE), home_pushurl("x")], f"has several urls: {STALE}, {GONE}, x", OTHER),
        ([home_url(STALE)], "comes from the global configuration (/home/me/.gitconfig)", OTHER),
        ([command_url(STALE)], "comes from the command configuration (the command line)", OTHER),
        ([url(OSC_FR1), home_pushurl(STALE)], "comes from the global configuration (/home/me/.gitconfig)", OTHER),
        ([url(OSC_FR1), helper("hg")], "is reached through the remote helper 'hg'", OTHER),
        ([helper("hg")], "is reached through the remote helper 'hg'", OTHER),
    ],
)
def test_another_remote_is_a_conflict(items: list[Setting], reason: str, hint: str) -> None:
    """A remote that points elsewhere, has several urls, is inherited or has a helper is refused, with the reason."""
    assert refusal(*items) == (f"the remote 'scalingo' {reason}", (hint,))


def test_force_hides_an_inherited_url_beside_the_repositorys_own() -> None:
    """With --force, a pushurl hides an inherited url, even if the repository itself already has the right url."""
    planned = plan(home_url(ELSEWHERE), url(OSC_FR1), force=True)
    hidden = (change("pushurl", origin=""),)
    assert (planned.outcome, planned.changes, planned.push_urls) == (Outcome.UPDATED, hidden, (OSC_FR1,))


def test_force_keeps_the_empty_values_that_hide_inherited_ones() -> None:
    """With --force, an empty value is kept, since from git 2.46 on it may be all that hides the user's own urls."""
    inherited, own = (home_url(ELSEWHERE), home_pushurl(ELSEWHERE)), (url(""), pushurl(""), url(ELSEWHERE))
    planned = plan(*inherited, *own, force=True, resets=True)
    changed = Change(MAIN, "remote.scalingo.url", ("", ELSEWHERE), ("", OSC_FR1))
    assert (planned.changes, planned.push_urls) == ((changed,), (OSC_FR1,))


@pytest.mark.parametrize(
    ("items", "place"),
    [
        ([url(ELSEWHERE), home_pushurl(ELSEWHERE)], " from /home/me/.gitconfig"),
        ([url(ELSEWHERE), command_pushurl(STALE)], " from the command line"),
        ([url(OSC_FR1), helper("hg")], ""),
    ],
)
def test_force_does_not_claim_what_it_cannot_do(items: list[Setting], place: str) -> None:
    """--force does not replace an inherited pushurl or a remote helper, and the error says that it cannot."""
    message = f"--force cannot replace the remote 'scalingo' from here: remove it{place} first"
    assert refusal(*items, force=True)[0] == message
