"""The repository is found wherever it is and in whatever state, and what git says about it is passed on."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from conftest import OSC_FR1, SECNUM, Repo, Run, git, refusal
from editing import KEY, OTHER, URL, write

from git_scalingo_region.errors import ExitStatus, RepositoryError
from git_scalingo_region.repository.configuration import Remote
from git_scalingo_region.repository.git import Head, Repository
from git_scalingo_region.repository.git import refusal as refusal_of_git

# The commands that are run beside the repository `repo`, the current folder, and git's own configuration file.
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
        (f"git init -q {shlex.quote(f'./{name}')}; mkdir {shlex.quote(f'./{name}/{name}')}", *paths)
        for name in ["a b", "a\nb", "d$HOME", "é", "a'\"b", os.fsdecode(b"\xff"), "true\n", "-x", "false"]
        for paths in [(f"{name}/{name}", f"{name}/.git/config")]
    ),
]


def check_it_is_found(config: Path) -> None:
    """Check that the current folder's repository is written to this file, and read and changed there."""
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


@pytest.mark.slow
@pytest.mark.parametrize(("script", "folder", "config"), PLACES)
def test_the_configuration_is_found_from_everywhere(
    repo: Repo, script: str, folder: str, config: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From any folder of a repository, whatever it is called, git's own configuration file is written and read."""
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path / folder)
    check_it_is_found(tmp_path / config)


@pytest.mark.slow
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
    repo: Repo, folder: str, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GIT_DIR and GIT_WORK_TREE are obeyed, even if relative; GIT_CONFIG is ignored, as `git push` ignores it."""
    git("init", "--quiet", str(tmp_path / "other"))
    untouched = (tmp_path / "other/.git/config").read_bytes()
    (repo.path / "a").mkdir()
    (repo.path / "a" / "elsewhere").write_text(f'[remote "r"]\n\turl = {SECNUM}\n')
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    monkeypatch.chdir(tmp_path / folder)
    check_it_is_found(repo.config)
    assert (tmp_path / "other/.git/config").read_bytes() == untouched


def test_an_included_file_may_be_shared(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Included files outside the git directory count as shared, however they are named; missing ones are ignored."""
    outside = {"../shared": repo.path / "shared", f"{tmp_path}/a b": tmp_path / "a b", "~/mine": Path.home() / "mine"}
    for path, file in {"own": repo.config.with_name("own"), **outside}.items():
        file.write_text(f'[remote "r"]\n\turl = {OTHER}\n')
        repo.git("config", "--add", "include.path", path)
    repo.git("config", "--add", "include.path", "missing")
    (repo.path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(repo.path / "a" / "b")
    repository = Repository()
    origins = [url.origin for url in repository.read().remote("r").urls]
    assert [repository.is_main_file(origin) for origin in origins] == [False] * 4
    assert repository.shared_files(origins) == sorted(os.path.realpath(file) for file in outside.values())


DUBIOUS = ["git says: detected dubious ownership in repository at '{repo}'"]
DUBIOUS += ["git config --global --add safe.directory {repo}"]


@pytest.mark.parametrize(
    ("script", "texts"),
    [
        ("echo '[oops' >>.git/config", ["git says: bad config line 6 in file .git/config"]),
        ("echo = >~/.gitconfig", ["git says: bad config line 1 in file {home}/.gitconfig"]),
        ("git config core.repositoryFormatVersion 9", ["git says: Expected git repo version <= 1, found 9"]),
        ("GIT_TEST_ASSUME_DIFFERENT_OWNER=1", DUBIOUS),
        ("PATH=/nowhere", ["git is not installed, or not on PATH", "install git 2.26 or newer"]),
    ],
)
def test_a_refusal_of_git_is_passed_on(
    repo: Repo, run: Run, home: Path, script: str, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If git is missing or refuses the repository, the command ends with status 5 and says why in one sentence."""
    if script.endswith(("=/nowhere", "=1")):
        monkeypatch.setenv(*script.split("="))
    else:
        subprocess.run(["sh", "-ec", script], check=True)
    reason, *hints = (text.format(repo=repo.path, home=home) for text in texts)
    assert run("status") == refusal(5, reason, *hints)


def test_of_several_complaints_the_fatal_one_is_told() -> None:
    """Only git's fatal message is passed on, not the warnings before it; if git says nothing, the error says so."""
    found = refusal_of_git("warning: w\nfatal: f\n\n\tdo this\n")
    assert (found.message, found.hints) == ("git says: f", ("do this",))
    assert refusal_of_git("").message == "git failed without saying why"


def test_a_reftable_repository_is_like_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository that stores its refs in the reftable format works like any other."""
    done = subprocess.run(["git", "init", "--quiet", "--ref-format=reftable", "r"], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("this git has no reftable")
    monkeypatch.chdir("r")
    assert Repository().head() == Head("refs/heads/main", has_commit=False, refs=frozenset())
    Repo(Path.cwd()).commit()
    assert Repository().head() == Head("refs/heads/main", has_commit=True, refs=frozenset())
    check_it_is_found(Path(".git", "config"))


@pytest.mark.parametrize("scope", ["--local", "--global"])
@pytest.mark.parametrize("variable", ["url", "pushurl"])
def test_push_urls_are_known_for_remotes_of_every_scope(repo: Repo, scope: str, variable: str) -> None:
    """The push urls are found, with `insteadOf` applied, even for a remote in the user's global configuration."""
    repo.git("config", scope, f"remote.r.{variable}", "sc:app.git")
    repo.git("config", scope, "url.git@h.example:.insteadOf", "sc:")
    assert Repository().push_urls("r") == [("git@h.example:app.git",)]


def test_a_push_that_goes_nowhere_is_an_error(repo: Repo) -> None:
    """A remote with only an empty url, or with none, is an error; among others, an empty url means what git means."""
    for value in (OTHER, "", URL):
        repo.git("config", "--add", "remote.reset.url", value)
    assert Repository().push_urls("reset") == [tuple(repo.push_urls("reset"))]
    repo.git("config", "remote.empty.url", "")
    repo.git("config", "remote.none.proxy", "")
    for name in ("empty", "none"):
        with pytest.raises(RepositoryError) as caught:
            Repository().push_urls(name)
        assert caught.value.exit_status == ExitStatus.REPOSITORY


def test_a_legacy_file_is_found(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """A remote in one of git's legacy files is found, even from a subfolder or if its name has a slash."""
    (repo.path / "sub").mkdir()
    monkeypatch.chdir(repo.path / "sub")
    for kind, name in (("remotes", "old"), ("branches", "team/older")):
        file = repo.path / ".git" / kind / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"URL: {OSC_FR1}\n")
        assert os.path.samefile(Repository().legacy_file(Remote(name)), file)
    assert Repository().legacy_file(Remote("none")) == ""
