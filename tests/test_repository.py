"""The repository, in all the places and states in which git has one, and what git says about it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import OSC_FR1, SECNUM, Repo, git
from editing import KEY, OTHER, URL, write

from git_scalingo_region.errors import ExitStatus, RepositoryError
from git_scalingo_region.repository.git import Head, Repository, refusal, version

Place = Callable[[Repo, Path], tuple[Path, Path]]

# --- where the repository is -----------------------------------------------------------------------------------------


def in_top(repo: Repo, base: Path) -> tuple[Path, Path]:
    return repo.path, repo.config


def in_subfolder(repo: Repo, base: Path) -> tuple[Path, Path]:
    (repo.path / "a" / "b c").mkdir(parents=True)
    return repo.path / "a" / "b c", repo.config


def in_git_folder(repo: Repo, base: Path) -> tuple[Path, Path]:
    return repo.path / ".git", repo.config


def deep_in_git_folder(repo: Repo, base: Path) -> tuple[Path, Path]:
    return repo.path / ".git" / "refs" / "heads", repo.config


def in_linked_worktree(repo: Repo, base: Path) -> tuple[Path, Path]:
    repo.git("worktree", "add", "--quiet", str(base / "linked"))
    (base / "linked" / "sub").mkdir()
    return base / "linked" / "sub", repo.config


def in_submodule(repo: Repo, base: Path) -> tuple[Path, Path]:
    git("init", "--quiet", str(base / "super"))
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repo.path), "m", cwd=base / "super")
    (base / "super" / "m" / "sub").mkdir()
    return base / "super" / "m" / "sub", base / "super" / ".git" / "modules" / "m" / "config"


def in_bare(repo: Repo, base: Path) -> tuple[Path, Path]:
    git("init", "--quiet", "--bare", str(base / "bare.git"))
    return base / "bare.git", base / "bare.git" / "config"


def deep_in_bare(repo: Repo, base: Path) -> tuple[Path, Path]:
    git("init", "--quiet", "--bare", str(base / "bare.git"))
    return base / "bare.git" / "refs", base / "bare.git" / "config"


def with_separate_git_folder(repo: Repo, base: Path) -> tuple[Path, Path]:
    git("init", "--quiet", "--separate-git-dir", str(base / "elsewhere"), str(base / "tree"))
    return base / "tree", base / "elsewhere" / "config"


def with_core_worktree(repo: Repo, base: Path) -> tuple[Path, Path]:
    (base / "tree" / "sub").mkdir(parents=True)
    repo.git("config", "core.worktree", str(base / "tree"))
    return repo.path / ".git", repo.config


def through_a_link(repo: Repo, base: Path) -> tuple[Path, Path]:
    (base / "link").symlink_to(repo.path)
    return base / "link", repo.config


def named(name: str) -> Place:
    def make(repo: Repo, base: Path) -> tuple[Path, Path]:
        path = base / name
        git("init", "--quiet", str(path))
        (path / name).mkdir()
        return path / name, path / ".git" / "config"

    return make


PLACES: list[Place] = [
    *(in_top, in_subfolder, in_git_folder, deep_in_git_folder, in_linked_worktree, in_submodule, in_bare, deep_in_bare),
    *(with_separate_git_folder, with_core_worktree, through_a_link),
    *(named(name) for name in ["a b", "a\nb", "true\n", "d$HOME", "-x", "é", "a'\"b", os.fsdecode(b"\xff")]),
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
    assert (repository.is_main_file(origin), repository.is_private_file(origin)) == (True, True)
    assert repository.shared_files([origin]) == []
    write([URL], (OTHER,), origin=origin)
    assert repository.push_urls("r") == (URL,)


@pytest.mark.parametrize("make", PLACES)
def test_the_configuration_is_found_from_everywhere(
    make_repo: Callable[[str], Repo], make: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever one is and whatever folders are called, git's own configuration file is written, and read back."""
    folder, config = make(make_repo("repo"), tmp_path)
    monkeypatch.chdir(folder)
    check_it_is_found(config)


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
    assert (repository.is_main_file(origin), repository.is_private_file(origin)) == (False, private)
    assert [os.path.samefile(file, shared) for shared in repository.shared_files([origin])] == [True] * (not private)
    write([URL], (OTHER,), origin=origin)
    assert file.read_text() == f'[remote "r"] ; ours\n\turl = {URL}\n# the end'
    assert repo.config.read_bytes() == main


# --- what git says ---------------------------------------------------------------------------------------------------


def outside(repo: Repo, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)


def owned_by_another(repo: Repo, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")


def deleted(repo: Repo, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "gone").mkdir()
    monkeypatch.chdir(home / "gone")
    (home / "gone").rmdir()


def without_git(repo: Repo, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(home))


def with_a_bad_line(repo: Repo, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with repo.config.open("a") as file:
        file.write("[oops\n")


def with_a_bad_line_at_home(repo: Repo, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / ".gitconfig").write_text("=\n")


def of_a_later_version(repo: Repo, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.git("config", "core.repositoryFormatVersion", "9")


@pytest.mark.parametrize(
    ("make", "reason", "hint"),
    [
        (outside, "git says: not a git repository (or any of the parent directories): .git", "git init"),
        (
            owned_by_another,
            "git says: detected dubious ownership in repository at '{repo}'",
            "git config --global --add safe.directory {repo}",
        ),
        (deleted, "git says: Unable to read current working directory: No such file or directory", ""),
        (without_git, "git is not installed, or not on PATH", "install git 2.26 or newer"),
        (with_a_bad_line, "git says: bad config line 6 in file .git/config", ""),
        (with_a_bad_line_at_home, "git says: bad config line 1 in file {home}/.gitconfig", ""),
        (of_a_later_version, "git says: Expected git repo version <= 1, found 9", ""),
    ],
)
def test_a_refusal_of_git_is_passed_on(
    repo: Repo, home: Path, make: Callable[..., None], reason: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If there is no repository, or git refuses it, git's own reason is told in one sentence, with exit status 5."""
    make(repo, home, monkeypatch)
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


def tagged(*names: str) -> frozenset[str]:
    return frozenset(names)


@pytest.mark.parametrize(
    ("commands", "head"),
    [
        ([], Head("refs/heads/main", True, tagged())),
        (["checkout -q -b feature/x"], Head("refs/heads/feature/x", True, tagged())),
        (["checkout -q -b tags/x"], Head("refs/heads/tags/x", True, tagged())),
        (["checkout -q --detach"], Head("", True, tagged())),
        (["checkout -q --orphan new"], Head("refs/heads/new", False, tagged())),
        (["symbolic-ref HEAD refs/remotes/x/y"], Head("refs/remotes/x/y", False, tagged())),
        (["update-ref refs/tags/HEAD HEAD"], Head("refs/heads/main", True, tagged())),
        (["update-ref refs/tags/HEAD HEAD", "checkout -q --detach"], Head("", True, tagged())),
        (["update-ref refs/tags/main HEAD"], Head("refs/heads/main", True, tagged("refs/tags/main"))),
        (["update-ref refs/main HEAD"], Head("refs/heads/main", True, tagged("refs/main"))),
        (
            ["update-ref refs/tags/refs/heads/main HEAD"],
            Head("refs/heads/main", True, tagged("refs/tags/refs/heads/main")),
        ),
        (["tag mainly", "branch x/main"], Head("refs/heads/main", True, tagged())),
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
    assert Repository().head() == Head("refs/heads/main", has_commit=False, refs=tagged())
    Repo(Path.cwd()).commit()
    assert Repository().head() == Head("refs/heads/main", has_commit=True, refs=tagged())
    check_it_is_found(Path(".git", "config"))


def test_a_shallow_clone_is_told_from_a_whole_one(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A history that was cut off is noticed."""
    repo.commit()
    assert not Repository().is_shallow()
    git("clone", "--quiet", "--depth", "1", f"file://{repo.path}", str(tmp_path / "shallow"))
    monkeypatch.chdir(tmp_path / "shallow")
    assert Repository().is_shallow()


@pytest.mark.parametrize("scope", ["--local", "--global"])
@pytest.mark.parametrize("variable", ["url", "pushurl"])
def test_push_urls_are_known_for_remotes_of_every_scope(repo: Repo, scope: str, variable: str) -> None:
    """Where a push goes is told for a remote of the user's own configuration too, which `git remote` does not know."""
    repo.git("config", scope, f"remote.r.{variable}", "sc:app.git")
    repo.git("config", scope, "url.git@h.example:.insteadOf", "sc:")
    assert Repository().push_urls("r") == ("git@h.example:app.git",)


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
        assert Repository().push_urls("r") == expected
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
    ("value", "expected"),
    [("true", True), ("0x1", True), ("1k", True), ("no", False), ("", False), ("00", False), ("maybe", None)],
)
def test_a_boolean_is_read_as_git_reads_it(repo: Repo, value: str, expected: bool | None) -> None:
    """Only git says what is true and what is false, and which value it refuses."""
    repo.git("config", "k.b", value)
    assert Repository().boolean("k.b") is expected
