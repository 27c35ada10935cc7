"""The decisions about a remote: whose it is, what state it is in, and how it has to change."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import OSC_FR1, SECNUM, Repo, git

from git_scalingo_region.errors import RemoteConflict, RepositoryError
from git_scalingo_region.model import Outcome, Platform, Region, RemoteUrl, SshEndpoint
from git_scalingo_region.repository.changes import carry_out
from git_scalingo_region.repository.configuration import Configuration, Entry
from git_scalingo_region.repository.git import Repository
from git_scalingo_region.repository.plan import Change, Examiner, Plan, State, Use, plan_add, plan_sync

REGIONS = (
    Region("osc-fr1", "", SshEndpoint("ssh.osc-fr1.scalingo.com")),
    Region("osc-secnum-fr1", "", SshEndpoint("ssh.osc-secnum-fr1.scalingo.com")),
    Region("first", "", SshEndpoint("two.example", 2201)),
    Region("second", "", SshEndpoint("two.example", 2202)),
)
PLATFORM = Platform(REGIONS, "scalingo.com", {"scalingo.com": "agora-fr1"})
BY_NAME = {region.name: region for region in REGIONS}
URL = RemoteUrl.parse(OSC_FR1)
ELSEWHERE = "git@github.com:me/myapp.git"
STALE = OSC_FR1.replace(":22/", ":2200/")
OTHER_APP = OSC_FR1.replace("myapp", "other")
GONE = "git@scalingo.com:myapp.git"
SCP = "git@ssh.osc-fr1.scalingo.com:myapp.git"
NO_SUFFIX = OSC_FR1.removesuffix(".git")
PREFIX = "ssh://git@ssh.osc-fr1.scalingo.com:22/"
FETCH = "+refs/heads/*:refs/remotes/scalingo/*"
MAIN, INCLUDED, WORKTREE, HOME = (
    "file:.git/config",
    "file:shared",
    "file:.git/config.worktree",
    "file:/home/me/.gitconfig",
)

# (scope, origin, variable, value) of remote.scalingo, or of another key with a dot.
Setting = tuple[str, str, str, str]


def local(variable: str, value: str, origin: str = MAIN) -> Setting:
    return ("local", origin, variable, value)


def from_home(variable: str, value: str) -> Setting:
    return ("global", HOME, variable, value)


def instead(base: str, prefix: str) -> Setting:
    return local(f"url.{base}.insteadof", prefix)


def push_instead(base: str, prefix: str) -> Setting:
    return local(f"url.{base}.pushinsteadof", prefix)


def examiner_of(configuration: Configuration) -> Examiner:
    return Examiner(configuration, PLATFORM, BY_NAME.get)


def configured(*items: Setting, resets: bool = False) -> Configuration:
    return Configuration(
        (
            Entry(scope, origin, key if "." in key else f"remote.scalingo.{key}", value)
            for scope, origin, key, value in items
        ),
        empty_resets=resets,
    )


def plan(*items: Setting, force: bool = False, resets: bool = False) -> Plan:
    configuration = configured(*items, resets=resets)
    return plan_add(configuration.remote("scalingo"), URL, examiner_of(configuration), force=force)


def change(variable: str, old: list[str], new: list[str], origin: str = MAIN) -> Change:
    return Change(origin, f"remote.scalingo.{variable}", tuple(old), tuple(new))


@pytest.mark.parametrize(
    ("items", "url", "region", "state"),
    [
        ([local("url", OSC_FR1)], OSC_FR1, "osc-fr1", State.CURRENT),
        ([local("url", SCP)], OSC_FR1, "osc-fr1", State.CURRENT),
        ([local("url", NO_SUFFIX)], NO_SUFFIX, "osc-fr1", State.CURRENT),
        ([from_home("url", OSC_FR1)], OSC_FR1, "osc-fr1", State.CURRENT),
        ([local("url", STALE)], STALE, "osc-fr1", State.STALE),
        ([from_home("url", STALE)], STALE, "osc-fr1", State.STALE),
        ([local("url", OSC_FR1.replace("git@", ""))], OSC_FR1.replace("git@", ""), "osc-fr1", State.STALE),
        # url and pushurl: the push counts, in a region of its own, but a stale url to fetch from is stale as well
        ([local("url", OSC_FR1), local("pushurl", SECNUM)], SECNUM, "osc-secnum-fr1", State.CURRENT),
        ([local("url", ELSEWHERE), local("pushurl", SECNUM)], SECNUM, "osc-secnum-fr1", State.CURRENT),
        ([local("url", SECNUM), local("pushurl", STALE)], STALE, "osc-fr1", State.STALE),
        ([local("url", STALE), local("pushurl", SECNUM)], SECNUM, "osc-secnum-fr1", State.STALE),
        ([local("url", OSC_FR1), local("pushurl", ELSEWHERE)], OSC_FR1, "osc-fr1", State.DIVERTED),
        ([local("url", STALE), from_home("pushurl", ELSEWHERE)], STALE, "osc-fr1", State.DIVERTED),
        # several urls, and a helper
        ([local("url", OSC_FR1), local("url", OSC_FR1)], OSC_FR1, "osc-fr1", State.DIVERTED),
        ([local("url", OSC_FR1), local("url", STALE, INCLUDED)], OSC_FR1, "osc-fr1", State.DIVERTED),
        ([local("url", ELSEWHERE), local("url", OSC_FR1)], OSC_FR1, "osc-fr1", State.DIVERTED),
        ([local("url", OSC_FR1), local("vcs", "foo")], OSC_FR1, "osc-fr1", State.DIVERTED),
        # a region that is gone, or that the url does not tell
        ([local("url", GONE)], GONE, "agora-fr1", State.UNKNOWN_REGION),
        ([local("url", GONE), local("url", OSC_FR1)], GONE, "agora-fr1", State.UNKNOWN_REGION),
        ([local("url", "git@ssh.scalingo.com:a.git")], "git@ssh.scalingo.com:a.git", "", State.UNKNOWN_REGION),
        ([local("url", "git@two.example:a.git")], "git@two.example:a.git", "", State.UNKNOWN_REGION),
        ([local("url", "ssh://git@two.example:2202/a.git")], "[git@two.example:2202]:a.git", "second", State.CURRENT),
        # insteadOf and pushInsteadOf: away from the region, to it, and between others
        ([local("url", OSC_FR1), instead(STALE[:-9], PREFIX)], OSC_FR1, "osc-fr1", State.DIVERTED),
        ([local("url", OSC_FR1), push_instead("git@evil.example:", PREFIX)], OSC_FR1, "osc-fr1", State.DIVERTED),
        (
            [local("pushurl", OSC_FR1), push_instead("git@evil.example:", PREFIX)],
            *(OSC_FR1, "osc-fr1", State.CURRENT),  # git does not apply pushInsteadOf to a pushurl
        ),
        ([local("url", STALE), instead(PREFIX, STALE[:-9])], OSC_FR1, "osc-fr1", State.CURRENT),
        ([local("url", STALE), push_instead(PREFIX, STALE[:-9])], OSC_FR1, "osc-fr1", State.CURRENT),
        ([local("url", "sc:myapp.git"), instead(PREFIX, "sc:")], OSC_FR1, "osc-fr1", State.CURRENT),
        ([local("url", "sc:myapp.git"), push_instead(PREFIX, "sc:")], OSC_FR1, "osc-fr1", State.CURRENT),
        ([local("url", "sc:myapp.git"), push_instead(STALE[:-9], "sc:")], STALE, "osc-fr1", State.STALE),
        ([local("url", "sc:myapp.git"), instead(STALE[:-9], "sc:")], STALE, "osc-fr1", State.STALE),
        ([local("url", OSC_FR1), instead(PREFIX[:-3], PREFIX[:-3])], OSC_FR1, "osc-fr1", State.CURRENT),
        (
            [local("url", OSC_FR1), local("pushurl", SECNUM), instead("git@evil.example:", PREFIX)],
            *(SECNUM, "osc-secnum-fr1", State.CURRENT),
        ),
    ],
)
def test_the_state_of_a_remote(items: list[Setting], url: str, region: str, state: State) -> None:
    """A remote is judged by where its push goes, then by its other urls, each in its own region."""
    found = examiner_of(configured(*items)).examine("scalingo")
    assert found
    assert (found.url, found.region, found.state) == (RemoteUrl.parse(url), region, state)
    assert found.held_url == items[0][3]


@pytest.mark.parametrize(
    "items",
    [
        [],
        [local("vcs", "foo")],
        [local("url", ELSEWHERE)],
        [local("url", "true")],
        [local("url", "sc:myapp.git"), instead("git@evil.example:", "sc:")],
        [local("pushurl", "sc:myapp.git"), push_instead(PREFIX, "sc:")],
    ],
)
def test_other_remotes_are_not_judged(items: list[Setting]) -> None:
    """A remote is Scalingo's only if one of its urls is, as it is or as git rewrites it."""
    assert examiner_of(configured(*items)).examine("scalingo") is None


def test_push_urls_of_a_remote_know_of_empty_urls() -> None:
    """What an empty url takes out of force does not count for the state."""
    items = [local("url", STALE), local("url", ""), local("url", OSC_FR1)]
    found = examiner_of(configured(*items, resets=True)).examine("scalingo")
    assert found
    assert (found.state, found.push_urls) == (State.CURRENT, (OSC_FR1,))


@pytest.mark.parametrize(
    ("items", "changes"),
    [
        ([], [change("url", [], [OSC_FR1], ""), change("fetch", [], [FETCH], "")]),
        ([local("fetch", "mine")], [change("url", [], [OSC_FR1], "")]),
        ([from_home("prune", "true")], [change("url", [], [OSC_FR1], ""), change("fetch", [], [FETCH], "")]),
    ],
)
def test_a_remote_without_urls_is_created(items: list[Setting], changes: list[Change]) -> None:
    """A remote that has no url gets one, and git's own refspec unless it has one, in the main configuration file."""
    assert plan(*items) == Plan("scalingo", Outcome.CREATED, URL, OSC_FR1, None, tuple(changes), (OSC_FR1,))


def test_a_url_is_added_behind_the_value_that_emptied_the_list() -> None:
    """If the file's last url is empty, the new one follows it, so that it is in force."""
    planned = plan(local("url", ELSEWHERE), local("url", "", INCLUDED), resets=True)
    assert planned.changes[0] == change("url", [""], ["", OSC_FR1], INCLUDED)
    assert planned.push_urls == (OSC_FR1,)


def test_a_legacy_remote_is_a_conflict() -> None:
    """A remote that one of git's legacy files defines is not hidden by one of the same name."""
    configuration = configured()
    with pytest.raises(RemoteConflict) as caught:
        plan_add(configuration.remote("scalingo"), URL, examiner_of(configuration), legacy_file=".git/remotes/scalingo")
    assert caught.value.message == "the remote 'scalingo' is defined by the file .git/remotes/scalingo"


@pytest.mark.parametrize(
    "items",
    [
        [local("url", OSC_FR1)],
        [local("url", SCP)],
        [local("url", "[git@SSH.osc-fr1.scalingo.com:22]:myapp.git")],
        [local("url", "git+ssh://git@ssh.osc-fr1.scalingo.com/~/myapp.git/")],
        [local("pushurl", OSC_FR1)],
        [local("url", OSC_FR1, INCLUDED), local("pushurl", OSC_FR1)],
        [from_home("url", OSC_FR1)],
        [local("url", "sc:myapp.git"), instead(PREFIX, "sc:")],
        [local("url", "sc:myapp.git"), push_instead(PREFIX, "sc:")],
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_an_equal_remote_is_left_alone(items: list[Setting], force: bool) -> None:
    """A remote that leads to the app already, in whatever spelling, file or scope, is unchanged, forced or not."""
    held = items[0][3]
    push_urls = (OSC_FR1,) if held.startswith("sc:") else (items[-1][3],)
    assert plan(*items, force=force) == Plan("scalingo", Outcome.UNCHANGED, URL, held, held, (), push_urls)


@pytest.mark.parametrize(
    ("items", "changes", "push_url"),
    [
        ([local("url", STALE)], [change("url", [STALE], [OSC_FR1])], OSC_FR1),
        ([local("url", GONE)], [change("url", [GONE], [OSC_FR1])], OSC_FR1),
        ([local("url", SECNUM, INCLUDED)], [change("url", [SECNUM], [OSC_FR1], INCLUDED)], OSC_FR1),
        ([local("url", NO_SUFFIX)], [change("url", [NO_SUFFIX], [OSC_FR1])], OSC_FR1),
        ([local("pushurl", STALE)], [change("pushurl", [STALE], [OSC_FR1])], OSC_FR1),
        (
            [local("url", STALE), local("pushurl", SECNUM, INCLUDED)],
            [change("url", [STALE], [OSC_FR1]), change("pushurl", [SECNUM], [OSC_FR1], INCLUDED)],
            OSC_FR1,
        ),
        ([local("url", OSC_FR1), local("pushurl", STALE)], [change("pushurl", [STALE], [OSC_FR1])], OSC_FR1),
        (
            [local("url", "sc:myapp.git"), instead("git@scalingo.com:", "sc:")],
            [change("url", ["sc:myapp.git"], [OSC_FR1])],
            OSC_FR1,
        ),
        (
            [local("url", "sc:myapp.git"), push_instead(STALE[:-9], "sc:")],
            [change("url", ["sc:myapp.git"], [OSC_FR1])],
            OSC_FR1,
        ),
        (
            [local("url", STALE), instead("git@mirror.example:", PREFIX)],
            [change("url", [STALE], [OSC_FR1])],
            "git@mirror.example:myapp.git",
        ),
        (
            [local("url", STALE), push_instead("git@mirror.example:", PREFIX)],
            [change("url", [STALE], [OSC_FR1])],
            "git@mirror.example:myapp.git",
        ),
    ],
)
def test_a_scalingo_remote_is_updated(items: list[Setting], changes: list[Change], push_url: str) -> None:
    """Each url that is Scalingo's is replaced in its own file, and the plan knows where a push will go."""
    previous = changes[0].old[0]
    planned = plan(*items)
    assert planned == Plan("scalingo", Outcome.UPDATED, URL, OSC_FR1, previous, tuple(changes), (push_url,))
    assert planned.replacements[0] == (changes[0].variable, f"{previous} -> {OSC_FR1}")


OTHER = "choose another name with --remote"
REPLACE = f"{OTHER}, or replace it with --force"
REPLACE_ALL = f"{OTHER}, or replace them all with --force"


@pytest.mark.parametrize(
    ("items", "reason", "hint"),
    [
        ([local("url", ELSEWHERE)], f"points elsewhere: {ELSEWHERE}", REPLACE),
        ([local("url", "")], "points elsewhere: ", REPLACE),
        ([local("url", OSC_FR1), local("pushurl", ELSEWHERE)], f"points elsewhere: {ELSEWHERE}", REPLACE),
        ([local("pushurl", "sc:a"), push_instead(PREFIX, "sc:")], "points elsewhere: sc:a", REPLACE),
        ([local("url", OSC_FR1), local("url", OSC_FR1)], f"has several urls: {OSC_FR1}, {OSC_FR1}", REPLACE_ALL),
        (
            [local("url", OSC_FR1), ("worktree", WORKTREE, "url", OSC_FR1)],
            *(f"has several urls: {OSC_FR1}, {OSC_FR1}", REPLACE_ALL),
        ),
        (
            [local("url", STALE), local("pushurl", STALE), from_home("pushurl", ELSEWHERE)],
            *(f"has several urls: {STALE}, {STALE}, {ELSEWHERE}", OTHER),
        ),
        ([from_home("url", STALE)], "comes from the global configuration (/home/me/.gitconfig)", OTHER),
        (
            [("command", "command line:", "url", STALE)],
            *("comes from the command configuration (the command line)", OTHER),
        ),
        (
            [local("url", OSC_FR1), ("system", "file:/etc/gitconfig", "pushurl", STALE)],
            *("comes from the system configuration (/etc/gitconfig)", OTHER),
        ),
        ([local("url", OSC_FR1), local("vcs", "hg")], "is reached through the remote helper 'hg'", OTHER),
        ([local("vcs", "hg")], "is reached through the remote helper 'hg'", OTHER),
    ],
)
def test_another_remote_is_a_conflict(items: list[Setting], reason: str, hint: str) -> None:
    """A remote that points elsewhere, has several urls, is inherited or has a helper is refused, with the reason."""
    with pytest.raises(RemoteConflict) as caught:
        plan(*items)
    assert (caught.value.message, caught.value.hints) == (f"the remote 'scalingo' {reason}", (hint,))


@pytest.mark.parametrize(
    ("items", "changes"),
    [
        ([local("url", ELSEWHERE)], [change("url", [ELSEWHERE], [OSC_FR1])]),
        ([local("url", OSC_FR1), local("pushurl", ELSEWHERE)], [change("pushurl", [ELSEWHERE], [])]),
        ([local("pushurl", ELSEWHERE)], [change("url", [], [OSC_FR1], ""), change("pushurl", [ELSEWHERE], [])]),
        (
            [local("url", STALE), local("url", ELSEWHERE, INCLUDED), local("url", STALE)],
            [change("url", [STALE, STALE], [OSC_FR1]), change("url", [ELSEWHERE], [], INCLUDED)],
        ),
        ([from_home("url", ELSEWHERE)], [change("url", [], [OSC_FR1], ""), change("pushurl", [], [OSC_FR1], "")]),
        ([from_home("url", ELSEWHERE), local("url", OSC_FR1)], [change("pushurl", [], [OSC_FR1], "")]),
    ],
)
def test_force_takes_a_remote_over(items: list[Setting], changes: list[Change]) -> None:
    """With --force only one url is in force afterwards: others are removed, and inherited ones hidden by a pushurl."""
    planned = plan(*items, force=True)
    assert (planned.outcome, planned.changes, planned.push_urls) == (Outcome.UPDATED, tuple(changes), (OSC_FR1,))


@pytest.mark.parametrize(
    ("items", "place"),
    [
        ([local("url", ELSEWHERE), from_home("pushurl", ELSEWHERE)], " from /home/me/.gitconfig"),
        ([local("url", ELSEWHERE), ("command", "command line:", "pushurl", STALE)], " from the command line"),
        ([local("url", OSC_FR1), local("vcs", "hg")], ""),
    ],
)
def test_force_does_not_claim_what_it_cannot_do(items: list[Setting], place: str) -> None:
    """An inherited pushurl and a helper cannot be replaced from here, and --force says so."""
    with pytest.raises(RemoteConflict) as caught:
        plan(*items, force=True)
    assert caught.value.message == (f"--force cannot replace the remote 'scalingo' from here: remove it{place} first")


@pytest.mark.parametrize(
    ("own", "worktree", "inherited", "possible"),
    [
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
    ],
)
def test_after_force_a_push_only_goes_to_the_app(
    repo: Repo, home: Path, own: str, worktree: str, inherited: str, possible: bool
) -> None:
    """--force, carried out for real, leaves the app as the one push url, or it refuses and changes nothing."""
    repo.git("config", "extensions.worktreeConfig", "true")
    (repo.path / ".git" / "once").write_text(f'[remote "scalingo"]\n url = {STALE}\n')
    files = {repo.config: own, repo.path / ".git" / "config.worktree": worktree, home / ".gitconfig": inherited}
    for path, text in files.items():
        with path.open("a") as file:
            file.write(f'[remote "scalingo"]\n {text}\n')
    before = {path: path.read_bytes() for path in files}
    repository = Repository()

    def decide(now: Configuration) -> list[Plan]:
        return [plan_add(now.remote("scalingo"), URL, examiner_of(now), force=True)]

    if possible:
        (made,) = carry_out(repository, repository.read(), decide, dry_run=False)
        assert made.push_urls == repository.push_urls("scalingo") == (OSC_FR1,)
        assert git("remote", "get-url", "--push", "--all", "scalingo") == OSC_FR1
    else:
        with pytest.raises((RemoteConflict, RepositoryError)):
            carry_out(repository, repository.read(), decide, dry_run=False)
        assert {path: path.read_bytes() for path in files} == before


def sync(*items: Setting) -> Plan:
    examiner = examiner_of(configured(*items))
    found = examiner.examine("scalingo")
    assert found
    return plan_sync(found, examiner)


@pytest.mark.parametrize(
    ("items", "changes", "url"),
    [
        ([local("url", STALE)], [change("url", [STALE], [OSC_FR1])], OSC_FR1),
        ([local("url", STALE.replace(".git", ""))], [change("url", [STALE[:-4]], [OSC_FR1])], OSC_FR1),
        # each value keeps its own app and region
        (
            [local("url", STALE), local("pushurl", STALE.replace("myapp", "other"))],
            [change("url", [STALE], [OSC_FR1]), change("pushurl", [STALE.replace("myapp", "other")], [OTHER_APP])],
            OTHER_APP,
        ),
        ([local("url", SECNUM), local("pushurl", STALE)], [change("pushurl", [STALE], [OSC_FR1])], OSC_FR1),
        ([local("url", STALE), local("pushurl", SECNUM)], [change("url", [STALE], [OSC_FR1])], SECNUM),
        ([from_home("url", ELSEWHERE), local("pushurl", STALE)], [change("pushurl", [STALE], [OSC_FR1])], OSC_FR1),
        (
            [local("url", "sc:myapp.git"), instead(STALE[:-9], "sc:")],
            *([change("url", ["sc:myapp.git"], [OSC_FR1])], OSC_FR1),
        ),
        (
            [local("url", "sc:myapp.git"), push_instead(STALE[:-9], "sc:")],
            *([change("url", ["sc:myapp.git"], [OSC_FR1])], OSC_FR1),
        ),
        # what only git's rewriting diverts has nothing to be brought up to date
        ([local("url", OSC_FR1), instead(STALE[:-9], PREFIX)], [], OSC_FR1),
    ],
)
def test_sync_changes_only_what_is_stale(items: list[Setting], changes: list[Change], url: str) -> None:
    """Only a stale value changes, to its own app in its own region."""
    planned = sync(*items)
    assert (planned.changes, planned.url) == (tuple(changes), RemoteUrl.parse(url))
    if changes:
        assert planned.push_urls == (url,)


def test_sync_leaves_what_it_cannot_change() -> None:
    """A stale url from outside the repository is a conflict that names the place."""
    with pytest.raises(RemoteConflict, match=r"comes from the global configuration \(/home/me/\.gitconfig\)$"):
        sync(from_home("url", STALE), local("pushurl", OSC_FR1))


def test_a_url_is_judged_by_its_use() -> None:
    """`pushInsteadOf` counts for a url that is pushed to, not for one that is only fetched from or a pushurl."""
    examiner = examiner_of(configured(push_instead("git@evil.example:", PREFIX)))
    states = [judged.state if (judged := examiner.judge(OSC_FR1, use)) else None for use in Use]
    assert states == [State.CURRENT, State.CURRENT, State.DIVERTED]
