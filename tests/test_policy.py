"""The decisions: which region, whose a remote is, what to do with it, and what to push."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import OSC_FR1, SECNUM, Repo, git

from git_scalingo_region.commands.changes import apply
from git_scalingo_region.errors import InvalidInput, RegionError, RemoteConflict, RepositoryError
from git_scalingo_region.model import Region, RegionList, RemoteUrl, SshEndpoint
from git_scalingo_region.repository.configuration import Configuration, Entry
from git_scalingo_region.repository.git import Repository
from git_scalingo_region.repository.plan import (
    Change,
    Plan,
    Platform,
    choose_region_name,
    default_region,
    plan_remote,
    refspec_to_push,
    remote_state,
    remote_url,
    unknown_region,
)
from git_scalingo_region.scalingo import builtin as embedded

REGIONS = (
    *embedded.REGIONS,
    Region("moved", "", SshEndpoint("new.example", 2222)),
    Region("twin", "", SshEndpoint("new.example", 22)),
)
PLATFORM = Platform(REGIONS, embedded.DOMAIN, embedded.MOVED_HOSTS)
URL = RemoteUrl.parse(OSC_FR1)
ELSEWHERE = "git@github.com:me/myapp.git"
OLD = "git@scalingo.com:myapp.git"
NO_SUFFIX = OSC_FR1.removesuffix(".git")
FETCH = "+refs/heads/*:refs/remotes/scalingo/*"
MAIN = "file:.git/config"
INCLUDED = "file:shared"

# (scope, origin, variable, value) of remote.scalingo, or of another key with a dot.
Setting = tuple[str, str, str, str]


def local(variable: str, value: str, origin: str = MAIN) -> Setting:
    return ("local", origin, variable, value)


def from_home(variable: str, value: str) -> Setting:
    return ("global", "file:/home/me/.gitconfig", variable, value)


def configured(*items: Setting) -> Configuration:
    return Configuration(
        Entry(scope, origin, key if "." in key else f"remote.scalingo.{key}", value)
        for scope, origin, key, value in items
    )


def plan(*items: Setting, force: bool = False, url: RemoteUrl = URL) -> Plan:
    configuration = configured(*items)
    return plan_remote(configuration.remote("scalingo"), url, PLATFORM, configuration, force=force)


def change(variable: str, old: list[str], new: list[str], origin: str = MAIN) -> Change:
    return Change(origin, f"remote.scalingo.{variable}", tuple(old), tuple(new))


# --- which region ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("candidates", "chosen"),
    [
        ([], ("default", "")),
        ([("argument", ""), ("environment", "")], ("default", "")),
        ([("argument", "r1"), ("environment", "r2")], ("argument", "r1")),
        ([("argument", ""), ("environment", "r2"), ("git-config", "r3")], ("environment", "r2")),
    ],
)
def test_the_first_candidate_with_a_name_is_chosen(candidates: list[tuple[str, str]], chosen: tuple[str, str]) -> None:
    """An empty name counts as not given, and the first that is given wins."""
    assert choose_region_name(candidates) == chosen


def test_a_candidate_that_is_no_name_is_refused_and_later_ones_are_not_asked() -> None:
    """A name that no region can have is an error rather than skipped, and nothing after the first name is looked up."""
    with pytest.raises(InvalidInput):
        choose_region_name([("environment", "a b"), ("git-config", "r3")])
    candidates = iter([("argument", "r1"), ("environment", "r2")])
    choose_region_name(candidates)
    assert next(candidates) == ("environment", "r2")


def test_without_a_default_no_region_is_guessed() -> None:
    """The region marked default is taken, and where none is, the error lists the names in order."""
    assert default_region(RegionList(REGIONS, "api", 0.0, anonymous=True)).name == "osc-fr1"
    with pytest.raises(RegionError) as caught:
        default_region(RegionList(REGIONS[1:], "api", 0.0, anonymous=True))
    assert caught.value.message == (
        "no region is given, and the list of regions marks none as default: moved, osc-secnum-fr1, twin"
    )


TOKEN_HINT = "some regions are listed only with a token: set SCALINGO_API_TOKEN"
NAMES_HINT = "the regions are moved, osc-fr1, osc-secnum-fr1, twin"


@pytest.mark.parametrize(
    ("name", "anonymous", "hints"),
    [
        ("osc-fr2", True, ("did you mean osc-fr1?", NAMES_HINT, TOKEN_HINT)),
        ("mooved", False, ("did you mean moved?", NAMES_HINT)),
        ("xyz", False, (NAMES_HINT,)),
    ],
)
def test_an_unknown_region_comes_with_the_nearest_names(name: str, anonymous: bool, hints: tuple[str, ...]) -> None:
    """The error says where the name comes from, which names are near, which there are, and what a token may add."""
    error = unknown_region(name, RegionList(REGIONS, "api", 0.0, anonymous=anonymous), "environment")
    assert error.message == f"there is no region '{name}', which SCALINGO_REGION names"
    assert error.hints == hints


# --- whose a remote is -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "region"),
    [
        (OSC_FR1, "osc-fr1"),
        ("git@ssh.osc-fr1.scalingo.com:myapp.git", "osc-fr1"),
        ("ssh://git@ssh.osc-fr1.scalingo.com:2200/myapp.git", "osc-fr1"),
        (SECNUM, "osc-secnum-fr1"),
        (OLD, "osc-fr1"),
        ("ssh://git@scalingo.com:2200/myapp.git", "osc-fr1"),
        ("git@ssh.agora-fr1.scalingo.com:myapp.git", "agora-fr1"),
        ("git@scw-par.scalingo.com:myapp.git", "scw-par"),
        ("ssh://git@new.example:2222/myapp.git", "moved"),
        ("ssh://git@new.example/myapp.git", "twin"),
        ("ssh://git@new.example:1/myapp.git", "moved"),
        ("git@notscalingo.com:myapp.git", None),
        ("git@ssh.osc-fr1.scalingo.com.evil.example:myapp.git", None),
        ("git@evil.example:myapp.git", None),
    ],
)
def test_a_host_tells_the_region(text: str, region: str | None) -> None:
    """A url belongs to the region of its endpoint, else of its host, else of its name under the platform's domain."""
    assert PLATFORM.region_name(RemoteUrl.parse(text)) == region


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ([local("url", OSC_FR1)], OSC_FR1),
        ([local("url", ELSEWHERE)], None),
        ([], None),
        ([local("url", ELSEWHERE), local("pushurl", SECNUM)], SECNUM),
        ([local("url", OSC_FR1), local("pushurl", SECNUM)], SECNUM),
        ([local("url", OSC_FR1), local("pushurl", ELSEWHERE)], OSC_FR1),
        ([local("url", "sc:myapp.git"), local("url.git@scalingo.com:.insteadof", "sc:")], OLD),
        ([local("url", "sc:myapp.git"), local("url.git@evil.example:.insteadof", "sc:")], None),
    ],
)
def test_a_remote_is_the_platforms_by_its_urls(items: list[Setting], text: str | None) -> None:
    """A remote points at the app of its pushurl, else of its url, as written or as insteadOf makes it."""
    configuration = configured(*items)
    found = remote_url(configuration.remote("scalingo"), PLATFORM, configuration)
    assert found == (text and RemoteUrl.parse(text))


# --- what to do with a remote ----------------------------------------------------------------------------------------


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
    assert plan(*items) == Plan("scalingo", "created", URL, None, tuple(changes), (OSC_FR1,))


@pytest.mark.parametrize(
    "items",
    [
        [local("url", OSC_FR1)],
        [local("url", "git@ssh.osc-fr1.scalingo.com:myapp.git")],
        [local("url", "[git@SSH.osc-fr1.scalingo.com:22]:myapp.git")],
        [local("url", "git+ssh://git@ssh.osc-fr1.scalingo.com/~/myapp.git")],
        [local("pushurl", OSC_FR1)],
        [local("url", OSC_FR1, INCLUDED), local("pushurl", OSC_FR1)],
        [from_home("url", OSC_FR1)],
        [local("url", "sc:myapp.git"), local("url.git@ssh.osc-fr1.scalingo.com:.insteadof", "sc:")],
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_an_equal_remote_is_left_alone(items: list[Setting], force: bool) -> None:
    """A remote that leads to the app already, in whatever spelling, file or scope, is unchanged, forced or not."""
    planned = plan(*items, force=force)
    assert (planned.outcome, planned.changes, planned.previous_url) == ("unchanged", (), items[0][3])


@pytest.mark.parametrize(
    ("items", "changes", "push_urls"),
    [
        ([local("url", OLD)], [change("url", [OLD], [OSC_FR1])], [OSC_FR1]),
        ([local("url", SECNUM, INCLUDED)], [change("url", [SECNUM], [OSC_FR1], INCLUDED)], [OSC_FR1]),
        ([local("url", NO_SUFFIX)], [change("url", [NO_SUFFIX], [OSC_FR1])], [OSC_FR1]),
        ([local("pushurl", OLD)], [change("pushurl", [OLD], [OSC_FR1])], [OSC_FR1]),
        (
            [local("url", OLD), local("pushurl", SECNUM, INCLUDED)],
            [change("url", [OLD], [OSC_FR1]), change("pushurl", [SECNUM], [OSC_FR1], INCLUDED)],
            [OSC_FR1],
        ),
        ([local("url", OSC_FR1), local("pushurl", OLD)], [change("pushurl", [OLD], [OSC_FR1])], [OSC_FR1]),
        (
            [local("url", "sc:myapp.git"), local("url.git@scalingo.com:.insteadof", "sc:")],
            [change("url", ["sc:myapp.git"], [OSC_FR1])],
            [OSC_FR1],
        ),
        (
            [local("url", OLD), local("url.git@mirror.example:.insteadof", "ssh://git@ssh.osc-fr1.scalingo.com:22/")],
            [change("url", [OLD], [OSC_FR1])],
            ["git@mirror.example:myapp.git"],
        ),
        (
            [
                local("url", OLD),
                local("url.git@mirror.example:.pushinsteadof", "ssh://git@ssh.osc-fr1.scalingo.com:22/"),
            ],
            [change("url", [OLD], [OSC_FR1])],
            ["git@mirror.example:myapp.git"],
        ),
    ],
)
def test_a_remote_of_the_platform_is_updated(items: list[Setting], changes: list[Change], push_urls: list[str]) -> None:
    """Each url that is the platform's is replaced where it stands, and the plan knows where a push will go."""
    previous = changes[0].old[0]
    assert plan(*items) == Plan("scalingo", "updated", URL, previous, tuple(changes), tuple(push_urls))


OTHER = "choose another name with --remote"
REPLACE = f"{OTHER}, or replace it with --force"
REPLACE_ALL = f"{OTHER}, or replace them all with --force"


@pytest.mark.parametrize(
    ("items", "reason", "hint"),
    [
        ([local("url", ELSEWHERE)], f"points elsewhere: {ELSEWHERE}", REPLACE),
        ([local("url", "")], "points elsewhere: ", REPLACE),
        ([local("url", OSC_FR1), local("pushurl", ELSEWHERE)], f"points elsewhere: {ELSEWHERE}", REPLACE),
        ([local("url", OSC_FR1), local("url", OSC_FR1)], f"has several urls: {OSC_FR1}, {OSC_FR1}", REPLACE_ALL),
        (
            [local("url", OSC_FR1), ("worktree", "file:.git/config.worktree", "url", OSC_FR1)],
            f"has several urls: {OSC_FR1}, {OSC_FR1}",
            REPLACE_ALL,
        ),
        (
            [local("url", OLD), local("pushurl", OLD), local("pushurl", ELSEWHERE)],
            f"has several urls: {OLD}, {OLD}, {ELSEWHERE}",
            REPLACE_ALL,
        ),
        ([from_home("url", OLD)], "comes from the global configuration (/home/me/.gitconfig)", OTHER),
        ([("command", "command line:", "url", OLD)], "comes from the command configuration (the command line)", OTHER),
        (
            [local("url", OSC_FR1), ("system", "file:/etc/gitconfig", "pushurl", OLD)],
            "comes from the system configuration (/etc/gitconfig)",
            OTHER,
        ),
        ([local("url", OSC_FR1), local("vcs", "hg")], "is reached through the helper 'hg'", OTHER),
        ([local("vcs", "hg")], "is reached through the helper 'hg'", OTHER),
    ],
)
def test_a_remote_that_is_not_ours_is_a_conflict(items: list[Setting], reason: str, hint: str) -> None:
    """What points elsewhere, has several urls, is inherited or has a helper is refused, with the reason."""
    with pytest.raises(RemoteConflict) as caught:
        plan(*items)
    assert caught.value.message == f"the remote 'scalingo' {reason}"
    assert caught.value.hints == (hint,)


@pytest.mark.parametrize(
    ("items", "changes"),
    [
        ([local("url", ELSEWHERE)], [change("url", [ELSEWHERE], [OSC_FR1])]),
        (
            [local("url", OSC_FR1), local("pushurl", ELSEWHERE)],
            [change("pushurl", [ELSEWHERE], [])],
        ),
        ([local("pushurl", ELSEWHERE)], [change("url", [], [OSC_FR1], ""), change("pushurl", [ELSEWHERE], [])]),
        (
            [local("url", OLD), local("url", ELSEWHERE, INCLUDED), local("url", OLD)],
            [change("url", [OLD, OLD], [OSC_FR1]), change("url", [ELSEWHERE], [], INCLUDED)],
        ),
        ([from_home("url", ELSEWHERE)], [change("url", [], [OSC_FR1], ""), change("pushurl", [], [OSC_FR1], "")]),
        (
            [from_home("url", ELSEWHERE), local("url", OSC_FR1)],
            [change("pushurl", [], [OSC_FR1], "")],
        ),
    ],
)
def test_force_takes_a_remote_over(items: list[Setting], changes: list[Change]) -> None:
    """By force, url alone is in force afterwards: others are removed, and what is inherited is hidden by a pushurl."""
    planned = plan(*items, force=True)
    assert (planned.outcome, planned.changes, planned.push_urls) == ("updated", tuple(changes), (OSC_FR1,))


@pytest.mark.parametrize(
    ("items", "place"),
    [
        ([local("url", ELSEWHERE), from_home("pushurl", ELSEWHERE)], " from /home/me/.gitconfig"),
        ([local("url", ELSEWHERE), ("command", "command line:", "pushurl", OLD)], " from the command line"),
        ([local("url", OSC_FR1), local("vcs", "hg")], ""),
    ],
)
def test_force_does_not_claim_what_it_cannot_do(items: list[Setting], place: str) -> None:
    """An inherited pushurl and a helper cannot be overcome from here, and force says so."""
    with pytest.raises(RemoteConflict) as caught:
        plan(*items, force=True)
    assert caught.value.message == (
        f"the remote 'scalingo' cannot be replaced from here, not even by force: remove it{place} first"
    )


@pytest.mark.parametrize(
    ("own", "worktree", "inherited", "possible"),
    [
        (f"url = {ELSEWHERE}", "", "", True),
        (f"url = {ELSEWHERE}\n url = {OLD}\n pushurl = {ELSEWHERE}", "", "", True),
        (f"pushurl = {ELSEWHERE}\n pushurl = {OLD}", "", "", True),
        (f"url = {OSC_FR1}", f"url = {OSC_FR1}", "", True),
        (f"url = {OSC_FR1}", f"pushurl = {ELSEWHERE}", "", True),
        ("", f"url = {ELSEWHERE}\n pushurl = {ELSEWHERE}", "", True),
        ("", "", f"url = {ELSEWHERE}", True),
        (f"url = {OSC_FR1}", "", f"url = {ELSEWHERE}", True),
        (f"url = {ELSEWHERE}\n pushurl = {OLD}", f"pushurl = {OLD}", f"url = {ELSEWHERE}", True),
        ("url", "", "", True),
        ("url = ", "", "", True),
        (f"url = {ELSEWHERE}", "", f"pushurl = {ELSEWHERE}", False),
        ("vcs = hg", "", "", False),
        ("[include]\n path = once\n[include]\n path = once", "", "", False),
    ],
)
def test_after_force_a_push_goes_to_the_app_alone(
    repo: Repo, home: Path, own: str, worktree: str, inherited: str, possible: bool
) -> None:
    """Force, carried out for real, leaves the app as the one push url, or it refuses and changes nothing."""
    repo.git("config", "extensions.worktreeConfig", "true")
    (repo.path / ".git" / "once").write_text(f'[remote "scalingo"]\n url = {OLD}\n')
    files = {
        repo.config: (own, repo.config.read_text()),
        repo.path / ".git" / "config.worktree": (worktree, ""),
        home / ".gitconfig": (inherited, ""),
    }
    for path, (text, before) in files.items():
        path.write_text(f'{before}[remote "scalingo"]\n {text}\n')
    texts = {path: path.read_bytes() for path in files}
    repository = Repository()
    configuration = repository.read()
    remote = configuration.remote("scalingo")
    if possible:
        apply(repository, [plan_remote(remote, URL, PLATFORM, configuration, force=True)])
        assert git("remote", "get-url", "--push", "--all", "scalingo") == OSC_FR1
    else:
        with pytest.raises((RemoteConflict, RepositoryError)):
            apply(repository, [plan_remote(remote, URL, PLATFORM, configuration, force=True)])
        assert {path: path.read_bytes() for path in files} == texts


# --- the state of a remote -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "push_urls", "state"),
    [
        (OSC_FR1, [OSC_FR1], "current"),
        ("git@ssh.osc-fr1.scalingo.com:myapp", ["git@ssh.osc-fr1.scalingo.com:myapp"], "current"),
        (OLD, [OLD], "stale"),
        (OSC_FR1.replace(":22", ":2200"), [OSC_FR1.replace(":22", ":2200")], "stale"),
        (OSC_FR1.replace("git@", ""), [OSC_FR1.replace("git@", "")], "stale"),
        (OSC_FR1, [OLD], "stale"),
        (OSC_FR1, [ELSEWHERE], "diverted"),
        (OSC_FR1, [SECNUM], "diverted"),
        (OSC_FR1, [OSC_FR1.replace("myapp", "other")], "diverted"),
        (OSC_FR1, [OSC_FR1, ELSEWHERE], "diverted"),
        (OSC_FR1, [OSC_FR1, OSC_FR1], "diverted"),
        (OSC_FR1, [], "diverted"),
    ],
)
def test_the_state_of_a_remote(text: str, push_urls: list[str], state: str) -> None:
    """A remote is current at its region's endpoint, stale at a former one, diverted where pushes go elsewhere."""
    assert remote_state(RemoteUrl.parse(text), push_urls, embedded.REGIONS[0], PLATFORM) == state


def test_a_remote_of_no_listed_region_has_a_state_of_its_own() -> None:
    """Without a region there is nothing to compare with."""
    assert remote_state(URL, [OSC_FR1], None, PLATFORM) == "unknown-region"


@pytest.mark.parametrize(
    ("branch", "refspec"),
    [("main", "main"), ("master", "master"), ("feature/x", "feature/x:main"), (None, "HEAD:refs/heads/main")],
)
def test_what_to_push(branch: str | None, refspec: str) -> None:
    """What is advised to push is deployed: main and master as they are, anything else as main."""
    assert refspec_to_push(branch) == refspec
