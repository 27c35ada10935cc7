"""What is advised to be pushed: the command is pasted into a shell, and real git shows what arrives."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from conftest import Repo, git

from git_scalingo_region.repository.git import Repository
from git_scalingo_region.repository.push import obstacles, push_command

FULL = "git push scalingo refs/heads/{0}:refs/heads/main"
DETACHED = "git push scalingo 'HEAD^0:refs/heads/main'"
SHORT = "git push scalingo main"


@pytest.fixture
def app(repo: Repo, tmp_path: Path) -> Path:
    """Make a local repository that stands for the app, and the remote that leads to it."""
    path = tmp_path / "the app.git"
    git("init", "--quiet", "--bare", str(path))
    repo.git("remote", "add", "scalingo", str(path))
    return path


def refs(path: Path) -> dict[str, str]:
    listed = git("for-each-ref", "--format=%(refname) %(objectname)", cwd=path)
    return dict(line.split() for line in listed.splitlines())


def advised(remote: str = "scalingo") -> str:
    repository = Repository()
    return push_command(repository.head(), repository.read(), remote)


def paste(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", line], check=False, capture_output=True, text=True)


# `other` is a second commit, that no advised push may send in place of HEAD's.
STATES = [
    ([], SHORT, "main"),
    (["branch -M master"], "git push scalingo master", "master"),
    (["checkout -q -b feature/x"], FULL.format("feature/x"), "main"),
    (["checkout -q -b +foo"], FULL.format("+foo"), "main"),
    (["checkout -q -b heads/main"], FULL.format("heads/main"), "main"),
    (["checkout -q -b tags/x", "update-ref refs/tags/x other"], FULL.format("tags/x"), "main"),
    (
        ["checkout -q -b $(touch${{IFS}}pwned)"],
        "git push scalingo 'refs/heads/$(touch${IFS}pwned):refs/heads/main'",
        "main",
    ),
    (["checkout -q -b HEADLESS", "branch -M main HEADS"], FULL.format("HEADLESS"), "main"),
    (["update-ref refs/heads/HEAD HEAD", "symbolic-ref HEAD refs/heads/HEAD"], FULL.format("HEAD"), "main"),
    # detached, or outside refs/heads
    (["checkout -q --detach"], DETACHED, "main"),
    (["checkout -q --detach", "update-ref refs/tags/HEAD other"], DETACHED, "main"),
    (["update-ref refs/x/y HEAD", "symbolic-ref HEAD refs/x/y"], DETACHED, "main"),
    (["update-ref refs/x/y HEAD", "symbolic-ref HEAD refs/x/y", "update-ref refs/heads/x/y other"], DETACHED, "main"),
    # other refs that git could take for the branch
    (["update-ref refs/tags/HEAD other"], SHORT, "main"),
    (["update-ref refs/tags/main other"], FULL.format("main"), "main"),
    (["update-ref refs/main other"], FULL.format("main"), "main"),
    (["update-ref refs/remotes/main other"], SHORT, "main"),
    (["update-ref refs/remotes/main/HEAD other"], SHORT, "main"),
    (["update-ref refs/heads/heads/main other"], SHORT, "main"),
    (["update-ref refs/tags/refs/heads/main other"], DETACHED, "main"),
    (["update-ref refs/heads/refs/heads/main other"], DETACHED, "main"),
    (["update-ref refs/refs/heads/main other"], DETACHED, "main"),
    (["checkout -q -b x", "update-ref refs/tags/refs/heads/x other"], DETACHED, "main"),
    # settings that send a short refspec elsewhere
    *(
        ([f"config push.default {how}", "config branch.main.remote scalingo", *merge], line, "main")
        for how, line in (("upstream", FULL.format("main")), ("tracking", FULL.format("main")), ("current", SHORT))
        for merge in ([], ["config branch.main.merge refs/heads/develop"])
    ),
    (["config push.default nothing"], SHORT, "main"),
    (["config push.default matching"], SHORT, "main"),
    (["config remote.scalingo.push refs/heads/main:refs/heads/foo"], FULL.format("main"), "main"),
    (["config remote.scalingo.push HEAD"], FULL.format("main"), "main"),
    (["config branch.main.pushRemote elsewhere"], SHORT, "main"),
]


@pytest.mark.parametrize(("commands", "line", "branch"), STATES)
def test_the_command_pushes_heads_commit_to_be_deployed(
    repo: Repo, app: Path, commands: list[str], line: str, branch: str
) -> None:
    """In every state, the one ref that arrives is the branch that is deployed, with the commit that HEAD names."""
    repo.git("branch", "other", repo.git("commit-tree", "-m", "other", "HEAD^{tree}"))
    for command in commands:
        repo.git(*command.replace("{{", "{").replace("}}", "}").split(" "))
    assert advised() == line
    done = paste(line)
    assert done.returncode == 0, done.stderr
    assert refs(app) == {f"refs/heads/{branch}": repo.git("rev-parse", "HEAD^0")}
    assert not (repo.path / "pwned").exists()


def test_a_remote_with_an_odd_name_is_pushed_to(repo: Repo, app: Path) -> None:
    """The remote's name is quoted as well."""
    repo.git("remote", "rename", "scalingo", "it's/$(me)")
    assert paste(advised("it's/$(me)")).returncode == 0
    assert list(refs(app)) == ["refs/heads/main"]


@pytest.mark.parametrize("tags", [[], ["refs/tags/HEAD"], ["refs/tags/new"]])
def test_without_a_commit_there_is_no_command(repo: Repo, tags: list[str]) -> None:
    """Before the first commit of a branch nothing can be pushed, even if a tag has the name HEAD."""
    for tag in tags:
        repo.git("update-ref", tag, "HEAD")
    repo.git("checkout", "--quiet", "--orphan", "new")
    assert advised() == ""


# --- obstacles -------------------------------------------------------------------------------------------------------

Settings = list[tuple[str, str]]


def configure(repo: Repo, settings: Settings) -> None:
    for key, value in settings:
        repo.git("config", "--add", key, value)


def found() -> list[tuple[str, str]]:
    repository = Repository()
    return [(stop.key, stop.why) for stop in obstacles(repository, repository.read(), "scalingo")]


MIRROR = ("remote.scalingo.mirror", "git refuses to push a refspec to a mirror")
RECEIVER = ("remote.scalingo.receivepack", "Scalingo runs no other program than git-receive-pack")
TAGS = ("push.followtags", "the push would send tags as well, and Scalingo refuses tags")
ONLY = ("push.recursesubmodules", "the push would skip the repository and push only its submodules")
ON_DEMAND = ("push.recursesubmodules", "the push would push the submodules as well")
RECURSE = ("submodule.recurse", "the push would push the submodules as well")
SIGNED = ("push.gpgsign", "Scalingo does not accept signed pushes")
OPTION = ("push.pushoption", "Scalingo does not accept push options")


def bad(key: str) -> tuple[str, str]:
    return key, "git refuses to push with this value"


@pytest.fixture
def submodule(repo: Repo, tmp_path: Path) -> Path:
    """Give the repository a submodule whose last commit was not pushed, and return where that would go."""
    origin = tmp_path / "origin.git"
    git("init", "--quiet", "--bare", str(origin))
    module = Repo(repo.path / "module")
    git("clone", "--quiet", str(origin), str(module.path))
    module.commit()
    module.git("push", "--quiet")
    module.git("commit", "--quiet", "--allow-empty", "--message", "not pushed")
    repo.git("submodule", "--quiet", "add", str(origin), "module")
    repo.commit()
    return origin


@pytest.mark.parametrize(
    ("settings", "obstacle"),
    [
        ([("remote.scalingo.mirror", "true")], MIRROR),
        ([("remote.scalingo.receivepack", "/bin/false")], RECEIVER),
        ([("remote.scalingo.receivepack", "")], RECEIVER),
        ([("push.followTags", "0x1")], TAGS),
        ([("push.followTags", "false"), ("push.followTags", "yes")], TAGS),
        ([("push.followTags", "maybe")], bad("push.followtags")),
        ([("push.followTags", "maybe"), ("push.followTags", "false")], bad("push.followtags")),
        ([("push.recurseSubmodules", "only")], ONLY),
        ([("push.recurseSubmodules", "on-demand")], ON_DEMAND),
        ([("push.recurseSubmodules", "true")], bad("push.recursesubmodules")),
        ([("push.recurseSubmodules", "CHECK")], bad("push.recursesubmodules")),
        ([("push.recurseSubmodules", "maybe")], bad("push.recursesubmodules")),
        ([("push.recurseSubmodules", "maybe"), ("submodule.recurse", "false")], bad("push.recursesubmodules")),
        ([("submodule.recurse", "maybe"), ("push.recurseSubmodules", "no")], bad("submodule.recurse")),
        ([("submodule.recurse", "1")], RECURSE),
        ([("submodule.recurse", "maybe")], bad("submodule.recurse")),
        ([("push.recurseSubmodules", "no"), ("submodule.recurse", "true")], RECURSE),
        ([("push.gpgSign", "true")], SIGNED),
        ([("push.gpgSign", "maybe")], bad("push.gpgsign")),
        ([("push.pushOption", "ci.skip")], OPTION),
        ([("push.pushOption", ""), ("push.pushOption", "a")], OPTION),
    ],
)
def test_an_obstacle_is_one_for_git(
    repo: Repo, app: Path, submodule: Path, settings: Settings, obstacle: tuple[str, str]
) -> None:
    """With the setting, the push of the full refspec fails, or sends something else as well or instead."""
    repo.git("tag", "-a", "-m", "annotated", "v1")
    configure(repo, settings)
    assert found() == [obstacle]
    before = refs(submodule)
    done = paste(FULL.format("main"))
    assert (done.returncode, refs(app), refs(submodule)) != (
        0,
        {"refs/heads/main": repo.git("rev-parse", "HEAD")},
        before,
    )


@pytest.mark.parametrize(
    "settings",
    [
        [],
        [("remote.scalingo.mirror", "false")],
        [("remote.scalingo.receivepack", "git-receive-pack")],
        [("remote.other.mirror", "true")],
        [("push.followTags", "true"), ("push.followTags", "0")],
        [("push.recurseSubmodules", "no")],
        [("push.recurseSubmodules", "")],
        [("push.recurseSubmodules", "only"), ("push.recurseSubmodules", "off")],
        [("push.recurseSubmodules", "only"), ("submodule.recurse", "false")],
        [("submodule.recurse", "true"), ("push.recurseSubmodules", "no")],
        [("push.gpgSign", "if-asked")],
        [("push.gpgSign", "IF-ASKED")],
        [("push.pushOption", "a"), ("push.pushOption", "")],
    ],
)
def test_a_harmless_setting_is_no_obstacle(repo: Repo, app: Path, submodule: Path, settings: Settings) -> None:
    """With the setting, the push sends exactly what it says."""
    repo.git("tag", "-a", "-m", "annotated", "v1")
    configure(repo, settings)
    assert found() == []
    before = refs(submodule)
    done = paste(FULL.format("main"))
    assert (done.returncode, refs(app)) == (0, {"refs/heads/main": repo.git("rev-parse", "HEAD")}), done.stderr
    assert refs(submodule) == before


@pytest.mark.parametrize("good", ["no", "false", "if-asked"])
@pytest.mark.parametrize("key", ["push.gpgSign", "push.recurseSubmodules", "push.followTags", "submodule.recurse"])
def test_a_bad_value_before_another_is_an_obstacle_if_it_is_one_for_git(
    repo: Repo, app: Path, key: str, good: str
) -> None:
    """Since git 2.44 it is one for every setting; before, two settings had only their last value looked at."""
    configure(repo, [(key, "maybe"), (key, good)])
    done = paste(FULL.format("main"))
    assert found() == ([bad(key.lower())] if done.returncode else [])


@pytest.mark.parametrize(
    "settings",
    [
        [("push.followTags", "true")],
        [("push.recurseSubmodules", "check")],
        [("push.recurseSubmodules", "on-demand")],
        [("submodule.recurse", "true")],
        [("push.gpgSign", "if-asked")],
    ],
)
def test_a_setting_that_finds_nothing_to_do_is_no_obstacle(repo: Repo, app: Path, settings: Settings) -> None:
    """Without an annotated tag of HEAD's history, and without submodules, these settings change nothing."""
    repo.git("tag", "light")
    repo.git("tag", "-a", "-m", "not in HEAD's history", "other", repo.git("commit-tree", "-m", "x", "HEAD^{tree}"))
    configure(repo, settings)
    assert found() == []
    assert paste(SHORT).returncode == 0
    assert list(refs(app)) == ["refs/heads/main"]
