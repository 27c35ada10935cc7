"""The decisions about a remote: whose it is, what state it is in, and how it has to change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ELSEWHERE, GONE, OSC_FR1, SECNUM, STALE, Repo, git

from git_scalingo_region.errors import RemoteConflict, RepositoryError
from git_scalingo_region.model import Outcome, Platform, Region, RemoteUrl, SshEndpoint
from git_scalingo_region.repository.changes import carry_out
from git_scalingo_region.repository.configuration import Configuration, Entry
from git_scalingo_region.repository.git import Repository
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
OTHER_APP = OSC_FR1.replace("myapp", "other")
STALE_OTHER = STALE.replace("myapp", "other")
SCP = "git@ssh.osc-fr1.scalingo.com:myapp.git"
NO_SUFFIX = OSC_FR1.removesuffix(".git")
SHORT = "sc:myapp.git"
RIGHT, OLD, EVIL = OSC_FR1.removesuffix("myapp.git"), STALE.removesuffix("myapp.git"), "git@evil.example:"
MAIN, INCLUDED, WORKTREE = "file:.git/config", "file:shared", "file:.git/config.worktree"

# (scope, origin, variable, value) of remote.scalingo, or of another key with a dot.
Setting = tuple[str, str, str, str]


def setter(variable: str, scope: str = "local", origin: str = MAIN) -> Callable[..., Setting]:
    """Return a function of a value that is the setting of the remote, in another file if one is named."""
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
    """Return the change of the old values to the new one, "" for none."""
    return Change(origin, f"remote.scalingo.{variable}", old, (to,) if to else ())


def refusal(*items: Setting, force: bool = False) -> tuple[str, tuple[str, ...]]:
    """Return message and hints of the conflict that adding the remote is."""
    with pytest.raises(RemoteConflict) as caught:
        plan(*items, force=force)
    return caught.value.message, tuple(caught.value.hints)


FR1, SEC = "osc-fr1", "osc-secnum-fr1"
# The remote, the url and the region that it points at, and its state.
STATES = [
    ([url(OSC_FR1)], OSC_FR1, FR1, State.CURRENT),
    ([url(SCP)], OSC_FR1, FR1, State.CURRENT),
    ([url(NO_SUFFIX)], NO_SUFFIX, FR1, State.CURRENT),
    ([home_url(OSC_FR1)], OSC_FR1, FR1, State.CURRENT),
    ([url(STALE)], STALE, FR1, State.STALE),
    ([home_url(STALE)], STALE, FR1, State.STALE),
    ([url(NO_USER)], NO_USER, FR1, State.STALE),
    # url and pushurl: the push counts, in a region of its own, but a stale url to fetch from is stale as well
    ([url(OSC_FR1), pushurl(SECNUM)], SECNUM, SEC, State.CURRENT),
    ([url(ELSEWHERE), pushurl(SECNUM)], SECNUM, SEC, State.CURRENT),
    ([url(SECNUM), pushurl(STALE)], STALE, FR1, State.STALE),
    ([url(STALE), pushurl(SECNUM)], SECNUM, SEC, State.STALE),
    ([url(OSC_FR1), pushurl(ELSEWHERE)], OSC_FR1, FR1, State.DIVERTED),
    ([url(STALE), home_pushurl(ELSEWHERE)], STALE, FR1, State.DIVERTED),
    # several urls, and a helper
    ([url(OSC_FR1), url(OSC_FR1)], OSC_FR1, FR1, State.DIVERTED),
    ([url(OSC_FR1), url(STALE, INCLUDED)], OSC_FR1, FR1, State.DIVERTED),
    ([url(ELSEWHERE), url(OSC_FR1)], OSC_FR1, FR1, State.DIVERTED),
    ([url(OSC_FR1), helper("foo")], OSC_FR1, FR1, State.DIVERTED),
    # a region that is gone, or that the url does not tell
    ([url(GONE)], GONE, "agora-fr1", State.UNKNOWN_REGION),
    ([url(GONE), url(OSC_FR1)], GONE, "agora-fr1", State.UNKNOWN_REGION),
    ([url("git@ssh.scalingo.com:a.git")], "git@ssh.scalingo.com:a.git", "", State.UNKNOWN_REGION),
    ([url("git@two.example:a.git")], "git@two.example:a.git", "", State.UNKNOWN_REGION),
    ([url("ssh://git@two.example:2202/a.git")], "[git@two.example:2202]:a.git", "second", State.CURRENT),
    # insteadOf and pushInsteadOf (not for a pushurl): away from the region, to it, and between others
    ([url(OSC_FR1), instead(OLD, RIGHT)], OSC_FR1, FR1, State.DIVERTED),
    ([url(OSC_FR1), push_instead(EVIL, RIGHT)], OSC_FR1, FR1, State.DIVERTED),
    ([pushurl(OSC_FR1), push_instead(EVIL, RIGHT)], OSC_FR1, FR1, State.CURRENT),
    ([url(STALE), instead(RIGHT, OLD)], OSC_FR1, FR1, State.CURRENT),
    ([url(STALE), push_instead(RIGHT, OLD)], OSC_FR1, FR1, State.CURRENT),
    ([url(SHORT), instead(RIGHT, "sc:")], OSC_FR1, FR1, State.CURRENT),
    ([url(SHORT), push_instead(RIGHT, "sc:")], OSC_FR1, FR1, State.CURRENT),
    ([url(SHORT), push_instead(OLD, "sc:")], STALE, FR1, State.STALE),
    ([url(SHORT), instead(OLD, "sc:")], STALE, FR1, State.STALE),
    ([url(OSC_FR1), instead(RIGHT[:-3], RIGHT[:-3])], OSC_FR1, FR1, State.CURRENT),
    ([url(OSC_FR1), pushurl(SECNUM), instead(EVIL, RIGHT)], SECNUM, SEC, State.CURRENT),
]
NOT_OURS = [
    *([], [helper("foo")], [url(ELSEWHERE)], [url("true")]),
    [url(SHORT), instead(EVIL, "sc:")],
    [pushurl(SHORT), push_instead(RIGHT, "sc:")],
]


@pytest.mark.parametrize(("items", "place", "region", "state"), STATES)
def test_the_state_of_a_remote(items: list[Setting], place: str, region: str, state: State) -> None:
    """A remote is judged by where its push goes, then by its other urls, each in its own region."""
    found = examiner_of(configured(*items)).examine("scalingo")
    assert found
    assert (found.url, found.region, found.state) == (RemoteUrl.parse(place), region, state)
    assert found.configured_url == items[0][3]


@pytest.mark.parametrize("items", NOT_OURS)
def test_other_remotes_are_not_judged(items: list[Setting]) -> None:
    """A remote is Scalingo's only if one of its urls is, as it is or as git rewrites it."""
    assert examiner_of(configured(*items)).examine("scalingo") is None


def test_a_url_is_judged_by_its_use() -> None:
    """`pushInsteadOf` counts for a url that is pushed to, not for one that is only fetched from or a pushurl."""
    states = []
    for items in ([url(OSC_FR1), pushurl(OSC_FR1)], [url(OSC_FR1)]):
        configuration = configured(push_instead(EVIL, RIGHT), *items)
        remote = configuration.remote("scalingo")
        judged = [examiner_of(configuration).judge(remote, entry) for entry in remote.in_force]
        states += [judgement and judgement.state for judgement in judged]
    assert states == [State.CURRENT, State.CURRENT, State.DIVERTED]


def test_an_empty_url_empties_the_list() -> None:
    """What an empty url takes out of force does not count; a new url is added behind it, so that it is in force."""
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
    """A remote that has no url gets one, and git's own refspec unless it has one, in the main configuration file."""
    changes = (change("url", origin=""), *fetch)
    assert plan(*items) == Plan("scalingo", Outcome.CREATED, URL, OSC_FR1, None, changes, (OSC_FR1,))


@pytest.mark.parametrize(
    "items",
    [
        [url(OSC_FR1)],
        [url(SCP)],
        [url("[git@SSH.osc-fr1.scalingo.com:22]:myapp.git")],
        [url("git+ssh://git@ssh.osc-fr1.scalingo.com/~/myapp.git/")],
        [pushurl(OSC_FR1)],
        [url(OSC_FR1, INCLUDED), pushurl(OSC_FR1)],
        [home_url(OSC_FR1)],
        [url(SHORT), instead(RIGHT, "sc:")],
        [url(SHORT), push_instead(RIGHT, "sc:")],
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_an_equal_remote_is_left_alone(items: list[Setting], force: bool) -> None:
    """A remote that leads to the app already, in whatever spelling, file or scope, is unchanged, forced or not."""
    held = items[0][3]
    push_urls = (OSC_FR1,) if held == SHORT else (items[-1][3],)
    assert plan(*items, force=force) == Plan("scalingo", Outcome.UNCHANGED, URL, held, held, (), push_urls)


MIRROR = "git@mirror.example:"


@pytest.mark.parametrize(
    ("items", "changes"),
    [
        ([url(STALE)], [change("url", STALE)]),
        ([url(GONE)], [change("url", GONE)]),
        ([url(SECNUM, INCLUDED)], [change("url", SECNUM, origin=INCLUDED)]),
        ([url(NO_SUFFIX)], [change("url", NO_SUFFIX)]),
        ([pushurl(STALE)], [change("pushurl", STALE)]),
        ([url(STALE), pushurl(SECNUM, INCLUDED)], [change("url", STALE), change("pushurl", SECNUM, origin=INCLUDED)]),
        ([url(OSC_FR1), pushurl(STALE)], [change("pushurl", STALE)]),
        ([url(SHORT), instead("git@scalingo.com:", "sc:")], [change("url", SHORT)]),
        ([url(SHORT), push_instead(OLD, "sc:")], [change("url", SHORT)]),
        ([url(STALE), instead(MIRROR, RIGHT)], [change("url", STALE)]),
        ([url(STALE), push_instead(MIRROR, RIGHT)], [change("url", STALE)]),
    ],
)
def test_a_scalingo_remote_is_updated(items: list[Setting], changes: list[Change]) -> None:
    """Each url that is Scalingo's is replaced in its own file, and the plan knows where a push will go."""
    previous = changes[0].old[0]
    push_url = f"{MIRROR}myapp.git" if MIRROR in items[-1][2] else OSC_FR1
    planned = plan(*items)
    assert planned == Plan("scalingo", Outcome.UPDATED, URL, OSC_FR1, previous, tuple(changes), (push_url,))
    assert planned.replacements[0] == (changes[0].variable, f"{previous} -> {OSC_FR1}")


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


@pytest.mark.parametrize(
    ("items", "changes"),
    [
        ([url(ELSEWHERE)], [change("url", ELSEWHERE)]),
        ([url(OSC_FR1), pushurl(ELSEWHERE)], [change("pushurl", ELSEWHERE, to="")]),
        ([pushurl(ELSEWHERE)], [change("url", origin=""), change("pushurl", ELSEWHERE, to="")]),
        (
            [url(STALE), url(ELSEWHERE, INCLUDED), url(STALE)],
            [change("url", STALE, STALE), change("url", ELSEWHERE, to="", origin=INCLUDED)],
        ),
        ([home_url(ELSEWHERE)], [change("url", origin=""), change("pushurl", origin="")]),
        ([home_url(ELSEWHERE), url(OSC_FR1)], [change("pushurl", origin="")]),
    ],
)
def test_force_takes_a_remote_over(items: list[Setting], changes: list[Change]) -> None:
    """With --force only one url is in force afterwards: others are removed, and inherited ones hidden by a pushurl."""
    planned = plan(*items, force=True)
    assert (planned.outcome, planned.changes, planned.push_urls) == (Outcome.UPDATED, tuple(changes), (OSC_FR1,))


def test_force_keeps_the_empty_values_that_hide_inherited_ones() -> None:
    """Since git 2.46 an empty value may be all that keeps the user's own urls out of force."""
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
    """An inherited pushurl and a helper cannot be replaced from here, and --force says so."""
    message = f"--force cannot replace the remote 'scalingo' from here: remove it{place} first"
    assert refusal(*items, force=True)[0] == message


# What the main file, the worktree's and the user's own say of the remote, and whether --force can replace it.
FORCED = [
    (f"url = {ELSEWHERE}", "", "", True),
    (f"url = {ELSEWHERE}\n url = {STALE}\n pushurl = {ELSEWHERE}", "", "", True),
    (f"pushurl = {ELSEWHERE}\n pushurl = {STALE}", "", "", True),
    (f"url = {OSC_FR1}", f"url = {OSC_FR1}", "", True),
    (f"url = {OSC_FR1}", f"pushurl = {ELSEWHERE}", "", True),
    ("", f"url = {ELSEWHERE}\n pushurl = {ELSEWHERE}", "", True),
    ("", "", f"url = {ELSEWHERE}", True),
    (f"url = {OSC_FR1}", "", f"url = {ELSEWHERE}", True),
    (f"url = {ELSEWHERE}\n pushurl = {STALE}", f"pushurl = {STALE}", f"url = {ELSEWHERE}", True),
    ("url", "", "", True),
    ("url = ", "", "", True),
    (f"url = {ELSEWHERE}", "", f"pushurl = {ELSEWHERE}", False),
    ("vcs = hg", "", "", False),
    ("[include]\n path = once\n[include]\n path = once", "", "", False),
]


@pytest.mark.parametrize(("own", "worktree", "inherited", "possible"), FORCED)
def test_after_force_a_push_only_goes_to_the_app(
    repo: Repo, own: str, worktree: str, inherited: str, possible: bool
) -> None:
    """--force, carried out for real, leaves the app as the one push url, or it refuses and changes nothing."""
    repo.git("config", "extensions.worktreeConfig", "true")
    folder = repo.config.parent
    (folder / "once").write_text(f'[remote "scalingo"]\n url = {STALE}\n')
    (Path.home() / ".gitconfig").write_text(f'[remote "scalingo"]\n {inherited}\n')
    for path, text in ((repo.config, own), (folder / "config.worktree", worktree)):
        with path.open("a") as file:
            file.write(f'[remote "scalingo"]\n {text}\n')
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    repository = Repository()

    def decide(now: Configuration) -> list[Plan]:
        return [plan_add(now.remote("scalingo"), URL, examiner_of(now), force=True)]

    if possible:
        (made,) = carry_out(repository, repository.read(), decide, dry_run=False)
        assert [made.push_urls] == repository.push_urls("scalingo") == [(OSC_FR1,)]
        assert git("remote", "get-url", "--push", "--all", "scalingo") == OSC_FR1
    else:
        with pytest.raises((RemoteConflict, RepositoryError)):
            carry_out(repository, repository.read(), decide, dry_run=False)
        assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def sync(*items: Setting) -> Plan:
    examiner = examiner_of(configured(*items))
    found = examiner.examine("scalingo")
    assert found
    return plan_sync(found, examiner)


@pytest.mark.parametrize(
    ("items", "changes", "push_url"),
    [
        ([url(STALE)], [change("url", STALE)], OSC_FR1),
        ([url(STALE[:-4])], [change("url", STALE[:-4])], OSC_FR1),
        # each value keeps its own app and region
        (
            [url(STALE), pushurl(STALE_OTHER)],
            [change("url", STALE), change("pushurl", STALE_OTHER, to=OTHER_APP)],
            OTHER_APP,
        ),
        ([url(SECNUM), pushurl(STALE)], [change("pushurl", STALE)], OSC_FR1),
        ([url(STALE), pushurl(SECNUM)], [change("url", STALE)], SECNUM),
        ([home_url(ELSEWHERE), pushurl(STALE)], [change("pushurl", STALE)], OSC_FR1),
        ([url(SHORT), instead(OLD, "sc:")], [change("url", SHORT)], OSC_FR1),
        ([url(SHORT), push_instead(OLD, "sc:")], [change("url", SHORT)], OSC_FR1),
        # what only git's rewriting diverts has nothing to be brought up to date
        ([url(OSC_FR1), instead(OLD, RIGHT)], [], OSC_FR1),
    ],
)
def test_sync_changes_only_what_is_stale(items: list[Setting], changes: list[Change], push_url: str) -> None:
    """Only a stale value changes, to its own app in its own region."""
    planned = sync(*items)
    assert (planned.changes, planned.url) == (tuple(changes), RemoteUrl.parse(push_url))
    if changes:
        assert planned.push_urls == (push_url,)
