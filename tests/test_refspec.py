"""The push command that is advised: it is pasted into a shell, and real git shows what arrives."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from conftest import OSC_FR1, Repo, git

from git_scalingo_region.repository.git import Repository
from git_scalingo_region.repository.push import Push

FULL = "git push scalingo refs/heads/{0}:refs/heads/main"
SHORT = "git push scalingo main"


@pytest.fixture
def app(repo: Repo, tmp_path: Path) -> Path:
    """Make a local repository that stands for the app, and a remote that points at it."""
    path = tmp_path / "the app.git"
    git("init", "--quiet", "--bare", str(path))
    repo.git("remote", "add", "scalingo", str(path))
    return path


def refs(path: Path) -> dict[str, str]:
    listed = git("for-each-ref", "--format=%(refname) %(objectname)", cwd=path)
    return dict(line.split() for line in listed.splitlines())


def advised(remote: str = "scalingo") -> str:
    repository = Repository()
    return Push(repository, repository.read(), remote).command


def paste(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-c", line], check=False, capture_output=True, text=True, errors="surrogateescape")


# Each advised command, with the git commands after which it is advised. `other` is a commit that must not be pushed in
# place of HEAD's.
STATES = {
    SHORT: [
        "update-ref refs/heads/x HEAD",
        "tag mainly; branch x/main",
        "worktree add -q scalingo; worktree add -q --detach main",  # folders of these names
        "update-ref refs/tags/HEAD other",
        "update-ref refs/remotes/main other",
        "update-ref refs/remotes/main/HEAD other",
        "update-ref refs/heads/heads/main other",
        "config push.default current; config branch.main.remote scalingo; config branch.main.merge refs/heads/develop",
        "config push.default current; config branch.main.remote scalingo",
        "config push.default nothing",
        "config push.default matching",
        "config branch.main.pushRemote elsewhere; config remote.pushDefault elsewhere",
    ],
    "git push scalingo master": ["branch -M master"],
    FULL.format("main"): [
        "update-ref refs/tags/main other",
        "update-ref refs/main other",
        "config push.default upstream; config branch.main.remote scalingo; config branch.main.merge refs/heads/develop",
        "config push.default upstream; config branch.main.remote scalingo",
        "config push.default tracking; config branch.main.remote scalingo; config branch.main.merge refs/heads/develop",
        "config push.default tracking; config branch.main.remote scalingo",
        "config remote.scalingo.push refs/heads/main:refs/heads/foo",
        "config remote.scalingo.push +refs/heads/*:refs/heads/x/*",
        "config remote.scalingo.push HEAD",
    ],
    FULL.format("feature/x"): ["checkout -q -b feature/x"],
    FULL.format("+foo"): ["checkout -q -b +foo"],
    FULL.format("heads/main"): ["checkout -q -b heads/main"],
    FULL.format("tags/x"): ["checkout -q -b tags/x; update-ref refs/tags/x other"],
    FULL.format("HEADLESS"): ["checkout -q -b HEADLESS; branch -M main HEADS"],
    FULL.format("HEAD"): ["update-ref refs/heads/HEAD HEAD; symbolic-ref HEAD refs/heads/HEAD"],
    "git push scalingo 'refs/heads/$(touch${IFS}pwned):refs/heads/main'": ["checkout -q -b $(touch${IFS}pwned)"],
    "git push scalingo \"$(printf 'refs/heads/a\\302\\240b:refs/heads/main')\"": ["checkout -q -b a\u00a0b"],
    "git push scalingo \"$(printf 'refs/heads/caf\\351:refs/heads/main')\"": ["checkout -q -b caf\udce9"],
    # HEAD is detached or outside refs/heads, or git could take another ref for the branch's full name.
    "git push scalingo 'HEAD^0:refs/heads/main'": [
        "checkout -q --detach",
        "checkout -q --detach; update-ref refs/tags/HEAD other",
        "update-ref refs/remotes/o/main HEAD; symbolic-ref HEAD refs/remotes/o/main",
        "update-ref refs/x/main HEAD; symbolic-ref HEAD refs/x/main",
        "update-ref refs/x/y HEAD; symbolic-ref HEAD refs/x/y; update-ref refs/heads/x/y other",
        "update-ref refs/tags/refs/heads/main other",
        "update-ref refs/heads/refs/heads/main other",
        "update-ref refs/refs/heads/main other",
        "checkout -q -b x; update-ref refs/tags/refs/heads/x other",
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize(("line", "state"), [(line, state) for line, states in STATES.items() for state in states])
def test_the_command_pushes_heads_commit_to_be_deployed(repo: Repo, app: Path, line: str, state: str) -> None:
    """In every state, the advised command pushes HEAD's commit to the branch that is deployed, and nothing else."""
    repo.git("branch", "other", repo.git("commit-tree", "-m", "other", "HEAD^{tree}"))
    for command in state.split("; "):
        repo.git(*command.split(" "))
    assert advised() == line
    done = paste(line)
    assert done.returncode == 0, done.stderr
    branch = "master" if line.endswith("master") else "main"
    assert refs(app) == {f"refs/heads/{branch}": repo.git("rev-parse", "HEAD^0")}
    assert not (repo.path / "pwned").exists()


def test_without_a_commit_there_is_no_command(repo: Repo) -> None:
    """No push is advised before a branch's first commit, even if there are tags named HEAD and like the branch."""
    for tag in ("HEAD", "new"):
        repo.git("update-ref", f"refs/tags/{tag}", "HEAD")
    repo.git("checkout", "--quiet", "--orphan", "new")
    assert advised() == ""


def found() -> list[str]:
    repository = Repository()
    return [f"{stop.key}: {stop.why}" for stop in Push(repository, repository.read(), "scalingo").obstacles]


@pytest.fixture
def submodule(repo: Repo, tmp_path: Path) -> Repo:
    """Give the repository a submodule whose last commit was not pushed."""
    origin = tmp_path / "origin.git"
    git("init", "--quiet", "--bare", str(origin))
    module = Repo(repo.path / "module")
    git("clone", "--quiet", str(origin), str(module.path))
    module.commit()
    module.git("push", "--quiet")
    module.git("commit", "--quiet", "--allow-empty", "--message", "not pushed")
    repo.git("submodule", "--quiet", "add", str(origin), "module")
    repo.commit()
    return module


BAD = "git refuses to push with this value"
SUBMODULES = "the push would push the submodules as well"
TAGS = "the push would send tags as well, and Scalingo refuses tags"
# A setting, how it stops or changes a push ("" if it does not), and its cases. A case is a list of values that the
# setting gets in this order: `=` is an empty value, and KEY=VALUE sets another setting instead.
OBSTACLES = [
    ("remote.scalingo.mirror", "git refuses to push a refspec to a mirror", ["true"]),
    ("remote.scalingo.mirror", "", ["false", "remote.other.mirror=true"]),
    ("remote.scalingo.receivepack", "Scalingo runs no other program than git-receive-pack", ["/bin/false", "="]),
    ("remote.scalingo.receivepack", "", ["git-receive-pack"]),
    ("push.followTags", TAGS, ["0x1", "false yes", "0 1k", "0 -1"]),
    ("push.followTags", BAD, ["maybe", "maybe false"]),
    ("push.followTags", "", ["true 0", "true 00", "true no", "true ="]),
    ("push.recurseSubmodules", "the push would skip the repository and push only its submodules", ["only"]),
    ("push.recurseSubmodules", SUBMODULES, ["on-demand"]),
    ("push.recurseSubmodules", BAD, ["true", "CHECK", "maybe", "maybe submodule.recurse=false"]),
    ("push.recurseSubmodules", "", ["no", "=", "only =", "only off", "only submodule.recurse=false"]),
    ("submodule.recurse", SUBMODULES, ["1", "push.recurseSubmodules=no true"]),
    ("submodule.recurse", BAD, ["maybe", "maybe push.recurseSubmodules=no"]),
    ("submodule.recurse", "", ["true push.recurseSubmodules=no"]),
    ("push.gpgSign", "Scalingo does not accept signed pushes", ["true"]),
    ("push.gpgSign", BAD, ["maybe"]),
    ("push.gpgSign", "", ["if-asked", "IF-ASKED"]),
    ("push.pushOption", "Scalingo does not accept push options", ["ci.skip", "= a"]),
    ("push.pushOption", "", ["", "a ="]),
]


def pushed(repo: Repo, app: Path, key: str, values: str) -> bool:
    """Push the full refspec with these settings; return whether HEAD's commit, and nothing else, has arrived."""
    for ref in refs(app):
        git("update-ref", "-d", ref, cwd=app)
    repo.git("update-ref", "-d", "refs/remotes/scalingo/main")
    for other, _, value in (word.rpartition("=") for word in values.split()):
        repo.git("config", "--add", other or key, value)
    done = paste(FULL.format("main"))
    return (done.returncode, refs(app)) == (0, {"refs/heads/main": repo.git("rev-parse", "HEAD")})


@pytest.mark.slow
def test_an_obstacle_is_one_for_git(repo: Repo, app: Path, submodule: Repo) -> None:
    """A setting is an obstacle if it makes git's push fail or send something else, and only then."""
    repo.git("tag", "-a", "-m", "annotated", "v1")
    before, unpushed = repo.config.read_bytes(), submodule.git("rev-parse", "HEAD^")
    for key, why, values in [(key, why, item) for key, why, items in OBSTACLES for item in items]:
        repo.config.write_bytes(before)
        submodule.git("push", "--quiet", "--force", "origin", "HEAD^:main")
        arrived = pushed(repo, app, key, values) and submodule.git("rev-parse", "origin/main") == unpushed
        assert (found(), arrived) == ([f"{key.lower()}: {why}"] if why else [], not why), (key, values)


@pytest.mark.slow
def test_a_bad_value_before_a_good_one_is_an_obstacle_if_it_is_one_for_git(repo: Repo, app: Path) -> None:
    """A bad value before a good one is an obstacle if the installed git refuses to push, and only then."""
    # git 2.44 and newer refuse it for every setting; older versions look only at the last value of two of them.
    before = repo.config.read_bytes()
    for key in ("push.gpgSign", "push.recurseSubmodules", "push.followTags", "submodule.recurse"):
        for good in ("no", "false", "if-asked"):
            repo.config.write_bytes(before)
            arrived = pushed(repo, app, key, f"maybe {good}")
            assert found() == ([] if arrived else [f"{key.lower()}: {BAD}"])


def test_a_setting_that_finds_nothing_to_do_is_no_obstacle(repo: Repo, app: Path) -> None:
    """Without submodules and annotated tags in HEAD's history, the settings that push them are no obstacles."""
    repo.git("tag", "light")
    repo.git("tag", "-a", "-m", "not in HEAD's history", "other", repo.git("commit-tree", "-m", "x", "HEAD^{tree}"))
    for submodules in ("push.recurseSubmodules=check", "push.recurseSubmodules=on-demand", "submodule.recurse=true"):
        assert pushed(repo, app, "push.followTags", f"true {submodules}")
        assert found() == []


@pytest.mark.parametrize(
    ("settings", "obstacle"),
    [
        ("protocol.ssh.allow=never", "protocol.ssh.allow"),
        ("protocol.ssh.allow=", "protocol.ssh.allow"),
        ("protocol.allow=NEVER", "protocol.allow"),
        ("protocol.allow=never protocol.ssh.allow=User", ""),
        ("protocol.allow=never protocol.file.allow=never protocol.allow=Always", ""),
        ("protocol.allow=x protocol.ssh.allow=always", ""),
        ("protocol.file.allow=never", ""),
    ],
)
def test_the_transport_is_an_obstacle_if_git_refuses_it(repo: Repo, settings: str, obstacle: str) -> None:
    """A protocol setting is an obstacle if it keeps git from starting ssh, and only then."""
    repo.git("remote", "add", "scalingo", OSC_FR1)
    for setting in settings.split(" "):
        repo.git("config", "--add", *setting.split("="))
    done = paste("GIT_SSH_VARIANT=ssh GIT_SSH_COMMAND='echo started >&2; false' git push scalingo main")
    assert done.returncode
    assert ("started" in done.stderr) is not bool(obstacle)
    assert found() == ([f"{obstacle}: git refuses to push over ssh"] if obstacle else [])
