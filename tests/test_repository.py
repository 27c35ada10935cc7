"""The repository, in all the places and states in which git has one, and what git says about it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import OSC_FR1, SECNUM, Repo, git
from editing import KEY, OTHER, URL, write

from git_scalingo_region import shell
from git_scalingo_region.errors import ExitStatus, RepositoryError
from git_scalingo_region.repository.git import Head, Repository, refusal, version

# --- where the repository is -----------------------------------------------------------------------------------------

# What is done in the folder that holds the repository `repo`, where one is then, and which file is git's own.
PLACES = [
    ("", "repo", "repo/.git/config"),
    ("mkdir -p 'repo/a/b c'", "repo/a/b c", "repo/.git/config"),
    ("", "repo/.git", "repo/.git/config"),
    ("", "repo/.git/refs/heads", "repo/.git/config"),
    ("git -C repo worktree add -q ../linked; mkdir linked/sub", "linked/sub", "repo/.git/config"),
    (
        "git init -q super; cd super; git -c protocol.file.allow=always submodule --quiet add ../repo m; mkdir m/sub",
        *("super/m/sub", "super/.git/modules/m/config"),
    ),
    ("git init -q --bare bare.git", "bare.git", "bare.git/config"),
    ("git init -q --bare bare.git", "bare.git/refs", "bare.git/config"),
    ("git init -q --separate-git-dir elsewhere tree", "tree", "elsewhere/config"),
    ("mkdir tree; git -C repo config core.worktree ../../tree", "repo/.git", "repo/.git/config"),
    ("ln -s repo link", "link", "repo/.git/config"),
    *(
        (f"git init -q {shell.quote(f'./{name}')}; mkdir {shell.quote(f'{name}/{name}')}", *paths)
        for name in ["a b", "a\nb", "d$HOME", "é", "a'\"b", os.fsdecode(b"\xff")]
        for paths in [(f"{name}/{name}", f"{name}/.git/config")]
    ),
]


def check_it_is_found(config: Path) -> None:
    """Write, read back, and write where it was read, in the repository of the current folder."""
    before = config.read_bytes()
    write([OTHER])
    assert git("config", "--file", str(config), KEY) == OTHER
    assert config.read_bytes().startswith(before)
    repository = Repository()
    origin = repository.read().remote("r").urls[0].origin
    assert os.path.samefile(repository.file(origin), config)
    assert repository.is_main_file(origin)
    assert repository.shared_files([origin]) == []
    write([URL], (OTHER,), origin=origin)
    assert repository.push_urls("r") == [(URL,)]


@pytest.mark.parametrize(("script", "folder", "config"), PLACES)
def test_the_configuration_is_found_from_everywhere(
    repo: Repo, script: str, folder: str, config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever one is and whatever folders are called, git's own configuration file is written, and read back."""
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path / folder)
    check_it_is_found(tmp_path / config)


@pytest.mark.parametrize("name", ["true\n", "-x", "false"])
def test_a_folder_may_be_called_like_an_answer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder whose name git's answers could be mistaken for is no trouble."""
    git("init", "--quiet", f"./{name}")
    Path(name, name).mkdir()
    monkeypatch.chdir(f"./{name}/{name}")
    check_it_is_found(Path("..", ".git", "config"))


@pytest.mark.parametrize(
    ("folder", "environment"),
    [
        (".", {"GIT_DIR": "repo/.git"}),
        (".", {"GIT_DIR": "repo/.git", "GIT_WORK_TREE": "repo"}),
        ("repo/a", {"GIT_DIR": "../.git", "GIT_WORK_TREE": ".."}),
        ("repo/a", {"GIT_DIR": "../.git"}),
        ("other", {"GIT_DIR": "{}/repo/.git"}),
        ("repo/.git", {"GIT_DIR": "."}),
        ("repo/a", {"GIT_CONFIG": "elsewhere"}),
        ("other", {"GIT_DIR": "../repo/.git", "GIT_CONFIG": "../repo/a/elsewhere"}),
    ],
)
def test_the_environment_leads_to_the_repository(
    repo: Repo,
    make_repo: Callable[[str], Repo],
    folder: str,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """GIT_DIR and GIT_WORK_TREE count, relative ones too; GIT_CONFIG, which git push does not know, does not."""
    other = make_repo("other")
    (repo.path / "a").mkdir()
    (repo.path / "a" / "elsewhere").write_text(f'[remote "r"]\n\turl = {SECNUM}\n')
    untouched = other.config.read_bytes()
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    monkeypatch.chdir(tmp_path / folder)
    check_it_is_found(repo.config)
    assert other.config.read_bytes() == untouched


def test_a_worktrees_own_configuration_is_edited_where_it_is(repo: Repo) -> None:
    """With extensions.worktreeConfig a worktree's value is replaced in the worktree's file."""
    repo.git("config", "extensions.worktreeConfig", "true")
    repo.git("config", "--worktree", KEY, OTHER)
    main = repo.config.read_bytes()
    repository = Repository()
    (entry,) = repository.read().remote("r").urls
    assert (entry.scope, entry.own, repository.is_main_file(entry.origin)) == ("worktree", True, False)
    write([URL], (OTHER,), origin=entry.origin)
    assert repo.git("config", "--worktree", KEY) == URL
    assert repo.config.read_bytes() == main


@pytest.mark.parametrize(
    ("path", "private"),
    [("shared", True), ("../shared", False), ("{}/outside/a b", False), ("~/shared", False)],
)
def test_an_included_file_is_edited_where_it_is(
    repo: Repo, path: str, private: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A value in an included file is replaced there, from a subfolder as well, and missing includes are no trouble."""
    path = path.format(tmp_path)
    file = Path(os.path.expanduser(path)) if path.startswith("~") else repo.path / ".git" / path
    file.parent.mkdir(exist_ok=True)
    file.write_text(f'[remote "r"] ; ours\n\turl = {OTHER}\n# the end')
    for target in (path, "missing", f"{tmp_path}/missing"):
        repo.git("config", "--add", "include.path", target)
    main = repo.config.read_bytes()
    (repo.path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(repo.path / "a" / "b")
    repository = Repository()
    origin = repository.read().remote("r").urls[0].origin
    assert not repository.is_main_file(origin)
    assert [os.path.samefile(file, shared) for shared in repository.shared_files([origin])] == [True] * (not private)
    write([URL], (OTHER,), origin=origin)
    assert file.read_text() == f'[remote "r"] ; ours\n\turl = {URL}\n# the end'
    assert repo.config.read_bytes() == main


# --- what git says ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "environment", "reason", "hint"),
    [
        ("rm -rf .git", {}, "git says: not a git repository (or any of the parent directories): .git", "git init"),
        (
            "true",
            {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"},
            "git says: detected dubious ownership in repository at '{repo}'",
            "git config --global --add safe.directory {repo}",
        ),
        (
            "rm -rf ../repo",
            *({}, "git says: Unable to read current working directory: No such file or directory", ""),
        ),
        ("true", {"PATH": "/nowhere"}, "git is not installed, or not on PATH", "install git 2.26 or newer"),
        ("echo '[oops' >>.git/config", {}, "git says: bad config line 6 in file .git/config", ""),
        ("echo = >~/.gitconfig", {}, "git says: bad config line 1 in file {home}/.gitconfig", ""),
        (
            "git config core.repositoryFormatVersion 9",
            *({}, "git says: Expected git repo version <= 1, found 9", ""),
        ),
    ],
)
def test_a_refusal_of_git_is_passed_on(
    repo: Repo,
    home: Path,
    script: str,
    environment: dict[str, str],
    reason: str,
    hint: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If there is no repository, or git refuses it, git's own reason is told in one sentence, with exit status 5."""
    subprocess.run(["sh", "-ec", script], check=True)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RepositoryError) as caught:
        Repository().read()
    names = {"repo": repo.path, "home": home}
    assert caught.value.message == reason.format(**names)
    assert caught.value.hints == ((hint.format(**names),) if hint else ())
    assert caught.value.exit_status == ExitStatus.REPOSITORY


def test_of_several_complaints_the_fatal_one_is_told() -> None:
    """Warnings before git's reason are no part of the sentence, and silence is named."""
    found = refusal("warning: w\nfatal: f\n\n\tdo this\n")
    assert (found.message, found.hints) == ("git says: f", ("do this",))
    assert refusal("").message == "git says: nothing, but it failed"


@pytest.mark.parametrize(
    ("commands", "head"),
    [
        ([], Head("refs/heads/main", True, frozenset())),
        (["checkout -q -b feature/x"], Head("refs/heads/feature/x", True, frozenset())),
        (["checkout -q -b tags/x"], Head("refs/heads/tags/x", True, frozenset())),
        (["checkout -q --detach"], Head("", True, frozenset())),
        (["checkout -q --orphan new"], Head("refs/heads/new", False, frozenset())),
        (["symbolic-ref HEAD refs/remotes/x/y"], Head("refs/remotes/x/y", False, frozenset())),
        (["update-ref refs/tags/HEAD HEAD"], Head("refs/heads/main", True, frozenset())),
        (["update-ref refs/tags/HEAD HEAD", "checkout -q --detach"], Head("", True, frozenset())),
        (["update-ref refs/tags/main HEAD"], Head("refs/heads/main", True, frozenset({"refs/tags/main"}))),
        (["update-ref refs/main HEAD"], Head("refs/heads/main", True, frozenset({"refs/main"}))),
        (
            ["update-ref refs/tags/refs/heads/main HEAD"],
            Head("refs/heads/main", True, frozenset({"refs/tags/refs/heads/main"})),
        ),
        (["tag mainly", "branch x/main"], Head("refs/heads/main", True, frozenset())),
    ],
)
def test_head(repo: Repo, commands: list[str], head: Head) -> None:
    """HEAD is a branch or detached, with or without a commit, and there may be refs that are taken for it."""
    for command in commands:
        repo.git(*command.split())
    assert Repository().head() == head


def test_a_reftable_repository_is_like_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of git's own files only the configuration is read here: another storage of refs makes no difference."""
    done = subprocess.run(["git", "init", "--quiet", "--ref-format=reftable", "r"], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("this git has no reftable")
    monkeypatch.chdir("r")
    assert Repository().head() == Head("refs/heads/main", has_commit=False, refs=frozenset())
    Repo(Path.cwd()).commit()
    assert Repository().head() == Head("refs/heads/main", has_commit=True, refs=frozenset())
    check_it_is_found(Path(".git", "config"))


def test_a_shallow_clone_is_told_from_a_whole_one(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A history that was cut off is noticed."""
    repo.commit()
    assert not Repository().is_shallow
    git("clone", "--quiet", "--depth", "1", f"file://{repo.path}", str(tmp_path / "shallow"))
    monkeypatch.chdir(tmp_path / "shallow")
    assert Repository().is_shallow


@pytest.mark.parametrize("scope", ["--local", "--global"])
@pytest.mark.parametrize("variable", ["url", "pushurl"])
def test_push_urls_are_known_for_remotes_of_every_scope(repo: Repo, scope: str, variable: str) -> None:
    """Where a push goes is told for a remote of the user's own configuration too, which `git remote` does not know."""
    repo.git("config", scope, f"remote.r.{variable}", "sc:app.git")
    repo.git("config", scope, "url.git@h.example:.insteadOf", "sc:")
    assert Repository().push_urls("r") == [("git@h.example:app.git",)]


@pytest.mark.parametrize(
    ("values", "before", "since_2_46"),
    [([OTHER, "", URL], (OTHER, "", URL), (URL,)), ([OTHER, ""], (OTHER, ""), ()), ([""], (), ()), ([], (), ())],
)
def test_push_urls_are_those_of_this_git(
    repo: Repo, values: list[str], before: tuple[str, ...], since_2_46: tuple[str, ...]
) -> None:
    """An empty url means what it means to the git that is installed; a push that goes nowhere is an error."""
    repo.git("config", "remote.r.proxy", "")
    for value in values:
        repo.git("config", "--add", "remote.r.url", value)
    expected = since_2_46 if version() >= (2, 46) else before
    if expected:
        assert Repository().push_urls("r") == [expected]
        return
    with pytest.raises(RepositoryError) as caught:
        Repository().push_urls("r")
    assert caught.value.exit_status == ExitStatus.REPOSITORY


def test_a_legacy_file_is_found(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A remote of git's legacy forms is seen, from a subfolder and for a name with slashes as well."""
    (repo.path / "sub").mkdir()
    monkeypatch.chdir(repo.path / "sub")
    for kind, name in (("remotes", "old"), ("branches", "team/older")):
        file = repo.path / ".git" / kind / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"URL: {OSC_FR1}\n")
        assert os.path.samefile(Repository().legacy_file(name), file)
    assert Repository().legacy_file("none") == ""


@pytest.mark.parametrize(
    ("values", "every", "last"),
    [
        *((["no", value], True, True) for value in ("true", "0x1", "1k", "-1")),
        *((["yes", value], False, False) for value in ("no", "", "00")),
        (["maybe"], None, None),
        (["maybe", "false"], None, False),
    ],
)
def test_a_boolean_is_read_as_git_reads_it(
    repo: Repo, values: list[str], every: bool | None, last: bool | None
) -> None:
    """Only git says what is true and what is false, and which value it refuses."""
    for value in values:
        repo.git("config", "--add", "k.b", value)
    repository = Repository()
    assert (repository.boolean("k.b"), repository.last_boolean(values[-1])) == (every, last)
