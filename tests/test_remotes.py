"""The repository, in all the places and states in which git has one, and writing its configuration."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import OSC_FR1, Repo, Run, git

from git_scalingo_region.errors import ExitStatus, RepositoryError
from git_scalingo_region.repository import configfile
from git_scalingo_region.repository import git as remotes
from git_scalingo_region.repository.git import ConfigurationChanged, Head, Repository

URL, OTHER = OSC_FR1, "git@h.example:other.git"
KEY = "remote.r.url"


def write(
    new: list[str], old: tuple[str, ...] = (), *, origin: str = "", key: str = KEY, seconds: float = 0.0
) -> Repository:
    """Give the key these values, in the repository of the current folder."""
    repository = Repository()
    repository.write({origin: remotes.Edit({key: new}, {key: old})}, seconds=seconds)
    return repository


def origin_of(repository: Repository, remote: str = "r") -> str:
    return repository.read().remote(remote).urls[0].origin


def inventory(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


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


def named(name: str) -> Callable[[Repo, Path], tuple[Path, Path]]:
    def make(repo: Repo, base: Path) -> tuple[Path, Path]:
        path = base / name
        git("init", "--quiet", str(path))
        (path / name).mkdir()
        return path / name, path / ".git" / "config"

    return make


PLACES = [
    *(in_top, in_subfolder, in_git_folder, deep_in_git_folder, in_linked_worktree, in_submodule, in_bare, deep_in_bare),
    *(with_separate_git_folder, with_core_worktree, through_a_link),
    *(named(name) for name in ["a b", "a\nb", "true\n", "d$HOME", "-x", "é", "a'\"b", os.fsdecode(b"\xff")]),
]


def keeps_in_order(config: Path) -> None:
    """Write, read back, and write where it was read, in the repository of the current folder."""
    before = config.read_bytes()
    repository = write([OTHER])
    assert git("config", "--file", str(config), KEY) == OTHER
    assert config.read_bytes().startswith(before)
    origin = origin_of(repository)
    assert os.path.samefile(repository.file(origin), config)
    assert (repository.is_main_file(origin), repository.is_private_file(origin)) == (True, True)
    write([URL], (OTHER,), origin=origin)
    assert repository.push_urls("r") == (URL,)


@pytest.mark.parametrize("make", PLACES)
def test_the_configuration_is_found_from_everywhere(
    make_repo: Callable[[str], Repo],
    make: Callable[[Repo, Path], tuple[Path, Path]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Wherever one stands and whatever folders are called, git's own configuration file is written, and read back."""
    folder, config = make(make_repo("repo"), tmp_path)
    monkeypatch.chdir(folder)
    keeps_in_order(config)


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
    (repo.path / "a" / "elsewhere").write_text(f'[remote "r"]\n\turl = {OTHER}\n')
    untouched = other.config.read_bytes()
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    monkeypatch.chdir(tmp_path / folder)
    keeps_in_order(repo.config)
    assert other.config.read_bytes() == untouched


def test_git_runs_the_program_where_it_is_told(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through `git -C FOLDER -c SETTING` the program works in that folder, and sees that setting."""
    command = tmp_path / "bin" / "git-scalingo-region"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m git_scalingo_region "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    rule = "url.git@mirror.example:.pushInsteadOf=ssh://git@ssh.osc-fr1.scalingo.com:22/"
    verb = ["scalingo-region", "add", "osc-fr1", "myapp", "--offline"]
    done = subprocess.run(["git", "-C", "repo", "-c", rule, *verb], check=True, capture_output=True, text=True)
    assert "git push scalingo goes to git@mirror.example:myapp.git" in done.stderr
    assert repo.push_urls() == [OSC_FR1]


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
    file.write_text(f'[remote "r"] ; ours\n\turl = {OTHER} ; here\n')
    for target in (path, "missing", f"{tmp_path}/missing"):
        repo.git("config", "--add", "include.path", target)
    main = repo.config.read_bytes()
    (repo.path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(repo.path / "a" / "b")
    repository = Repository()
    origin = origin_of(repository)
    assert (repository.is_main_file(origin), repository.is_private_file(origin)) == (False, private)
    write([URL], (OTHER,), origin=origin)
    assert file.read_text() == f'[remote "r"] ; ours\n\turl = {URL} ; here\n'
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
        (outside, "git says: not a git repository (or any of the parent directories): .git", ""),
        (
            owned_by_another,
            "git says: detected dubious ownership in repository at '{repo}'",
            "git config --global --add safe.directory {repo}",
        ),
        (deleted, "git says: Unable to read current working directory: No such file or directory", ""),
        (without_git, "git is not on PATH", "install git 2.26 or newer"),
        (with_a_bad_line, "git says: bad config line 6 in file .git/config", ""),
        (with_a_bad_line_at_home, "git says: bad config line 1 in file {home}/.gitconfig", ""),
        (of_a_later_version, "git says: Expected git repo version <= 1, found 9", ""),
    ],
)
def test_a_refusal_of_git_is_passed_on(
    repo: Repo, home: Path, run: Run, make: Callable[..., None], reason: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no repository, or git refuses it, git's own reason is told in one sentence, with exit status 5."""
    make(repo, home, monkeypatch)
    result = run("add", "osc-fr1", "myapp", "--offline")
    names = {"repo": repo.path, "home": home}
    expected = f"error: {reason}\n" + (f"hint: {hint}\n" if hint else "")
    assert (result.status, result.stdout, result.stderr) == (5, "", expected.format(**names))


def test_of_several_complaints_the_fatal_one_is_told() -> None:
    """Warnings before git's reason are no part of the sentence, and silence is named."""
    assert remotes._refusal("warning: w\nfatal: f\n\n\tdo this\n").message == "git says: f"
    assert remotes._refusal("").message == "git says: nothing, but it failed"


@pytest.mark.parametrize(
    ("commands", "head"),
    [
        ([], Head("main", has_commit=True)),
        ([["checkout", "--quiet", "-b", "feature/x"]], Head("feature/x", has_commit=True)),
        ([["checkout", "--quiet", "--detach"]], Head(None, has_commit=True)),
        ([["checkout", "--quiet", "--orphan", "new"]], Head("new", has_commit=False)),
    ],
)
def test_head(repo: Repo, commands: list[list[str]], head: Head) -> None:
    """HEAD is a branch or detached, with or without a commit."""
    for command in commands:
        repo.git(*command)
    assert Repository().head() == head


def test_a_reftable_repository_is_one_like_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file of git's own, the configuration aside, is read here: another storage of refs makes no difference."""
    done = subprocess.run(["git", "init", "--quiet", "--ref-format=reftable", "r"], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("this git has no reftable")
    monkeypatch.chdir("r")
    assert Repository().head() == Head("main", has_commit=False)
    Repo(Path.cwd()).commit()
    assert Repository().head() == Head("main", has_commit=True)
    keeps_in_order(Path(".git", "config"))


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


# --- writing ---------------------------------------------------------------------------------------------------------


def test_what_is_written_keeps_link_and_mode_and_leaves_nothing_behind(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A linked configuration file stays a link, the file its mode, and no other file is left anywhere."""
    real = tmp_path / "dotfiles"
    real.mkdir()
    repo.config.rename(real / "config")
    repo.config.symlink_to(real / "config")
    (real / "config").chmod(0o640)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    before = [inventory(folder) for folder in (repo.path, real, temporary)]
    write([URL])
    assert repo.config.is_symlink()
    assert git("config", "--file", str(real / "config"), KEY) == URL
    assert stat.S_IMODE((real / "config").stat().st_mode) == 0o640
    assert [inventory(folder) for folder in (repo.path, real, temporary)] == before


def test_a_lock_that_goes_away_is_waited_for(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another process holds git's lock nothing is written, and as soon as it is gone the write goes through."""
    lock = repo.config.with_name("config.lock")
    lock.touch()
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        assert KEY not in repo.git("config", "--list")
        waits.append(seconds)
        if len(waits) == 3:
            lock.unlink()

    # Its own time alone: another test's thread may sleep as well.
    monkeypatch.setattr(remotes, "time", SimpleNamespace(sleep=sleep, monotonic=time.monotonic))
    write([URL], seconds=60)
    assert repo.git("config", KEY) == URL
    assert len(set(waits)) == 3, "waiting processes should not wake up together"
    assert not lock.exists()


def test_a_lock_that_stays_is_named_and_left_alone(repo: Repo) -> None:
    """When the time is up, the error names the lock file, which is not touched, and neither is the configuration."""
    lock = repo.config.with_name("config.lock")
    lock.write_text("another's")
    before = repo.config.read_bytes()
    with pytest.raises(RepositoryError) as caught:
        write([URL])
    assert caught.value.message == f"the configuration is locked: {lock} exists"
    assert caught.value.hints == ("if no git process is running in this repository, remove that file",)
    assert (lock.read_text(), repo.config.read_bytes()) == ("another's", before)


@pytest.fixture
def meanwhile(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that has git change the configuration once, between the first proof and the lock."""
    prove = Repository._prove

    def prepare(*command: str) -> None:
        commands = [command]

        def prove_late(self: Repository, *arguments: object) -> None:
            prove(self, *arguments)  # type: ignore[arg-type]
            if commands:
                repo.git(*commands.pop())

        monkeypatch.setattr(Repository, "_prove", prove_late)

    return prepare


def test_what_others_write_meanwhile_is_kept(repo: Repo, meanwhile: Callable[..., None]) -> None:
    """A change of another key between reading and locking is kept, and the write goes through."""
    meanwhile("config", "remote.other.url", OTHER)
    write([URL])
    assert (repo.git("config", KEY), repo.git("config", "remote.other.url")) == (URL, OTHER)


def test_a_plan_for_other_values_is_not_carried_out(repo: Repo, meanwhile: Callable[..., None]) -> None:
    """Where the key itself holds something else than was planned for, before or meanwhile, nothing is written."""
    with pytest.raises(ConfigurationChanged):
        write([URL], ("something",))
    meanwhile("config", KEY, OTHER)
    with pytest.raises(ConfigurationChanged):
        write([URL])
    assert repo.git("config", KEY) == OTHER
    assert not repo.config.with_name("config.lock").exists()


def test_a_value_with_blanks_is_the_same_in_every_git(repo: Repo) -> None:
    """A tab inside a value, which older gits turn into a space, does not make it another value."""
    with repo.config.open("a") as file:
        file.write('[remote "r"]\n\turl = a\tb\n')
    write([URL], (repo.git("config", KEY),))
    assert repo.git("config", KEY) == URL


def test_a_file_that_git_reads_twice_is_refused(repo: Repo) -> None:
    """A value that counts twice since its file is included twice cannot be made one, and the error says why."""
    shared = repo.path / ".git" / "shared"
    shared.write_text(f'[remote "r"]\n\turl = {OTHER}\n')
    for _ in range(2):
        repo.git("config", "--add", "include.path", "shared")
    urls = Repository().read().remote("r").urls
    with pytest.raises(RepositoryError, match="more than once: include it only once"):
        write([URL], tuple(url.value for url in urls), origin=urls[0].origin)
    assert shared.read_text() == f'[remote "r"]\n\turl = {OTHER}\n'


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("bare = false", ""),
        lambda text: text + "[user]\n\tname = me\n",
        lambda text: text + f'[remote "r"]\n\turl = {URL}\n',
        lambda text: text.replace(URL, OTHER),
        lambda text: text.replace("[remote", "[remotes"),
    ],
)
def test_an_edit_that_git_reads_otherwise_is_not_written(
    repo: Repo, spoil: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new text in which git would find anything but what was there and what was assigned never replaces the old."""
    before, files = repo.config.read_bytes(), inventory(repo.path)
    assigned = configfile.assigned
    monkeypatch.setattr(configfile, "assigned", lambda *arguments: spoil(assigned(*arguments)))
    with pytest.raises(RepositoryError, match=r"in another way than expected: nothing was changed$"):
        write([URL])
    assert repo.config.read_bytes() == before
    assert inventory(repo.path) == files


def test_a_folder_that_is_not_there_is_named(repo: Repo, tmp_path: Path) -> None:
    """A file that cannot be made is an error of the repository, in one sentence."""
    with pytest.raises(RepositoryError) as caught:
        write([URL], origin=f"file:{tmp_path}/none/config")
    assert caught.value.message == f"cannot write {tmp_path}/none/config: No such file or directory"
    assert caught.value.exit_status == ExitStatus.REPOSITORY


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_must_not_be_written_is_named(repo: Repo) -> None:
    """Without the right to write in the git directory nothing is changed, and the error says why."""
    before = repo.config.read_bytes()
    repo.config.parent.chmod(0o555)
    try:
        with pytest.raises(RepositoryError) as caught:
            write([URL])
    finally:
        repo.config.parent.chmod(0o755)
    assert caught.value.message == f"cannot write {repo.config}: Permission denied"
    assert repo.config.read_bytes() == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if (
        os.geteuid()
        or not shutil.which("mount")
        or subprocess.run(command, check=False, capture_output=True).returncode
    ):
        pytest.skip("only root can mount a small disk, where the system lets it")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_loses_nothing(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk the configuration stays as it was, no lock is left, and the error says why."""
    git("init", "--quiet", "--template=", str(small_disk))
    config = small_disk / ".git" / "config"
    with config.open("a") as file:
        file.write("# a comment\n" * 1000)
    before = config.read_bytes()
    with (small_disk / "filling").open("wb", buffering=0) as filling, contextlib.suppress(OSError):
        while True:
            filling.write(b"x" * 4096)
    monkeypatch.chdir(small_disk)
    with pytest.raises(RepositoryError) as caught:
        write([URL])
    assert caught.value.message == f"cannot write {config}: No space left on device"
    assert config.read_bytes() == before
    assert not config.with_name("config.lock").exists()
