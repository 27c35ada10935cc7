"""`.gitscalingo`: what it declares, and what of it is refused. It comes with a clone, so nothing in it is trusted."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import Repo, git

from git_scalingo_region.context import Context
from git_scalingo_region.errors import ExitStatus, InvalidInput, RepositoryError, ScalingoRegionError
from git_scalingo_region.repository.declared import EXAMPLE, SIZE_MAX, Declared, read_declared
from git_scalingo_region.repository.git import Repository
from git_scalingo_region.settings import Settings

TWO = """\
[remote "staging"]
	app = myapp-staging
	region = osc-fr1
[remote "team/production"] # with a slash
	app = myapp
"""
DECLARED = {
    "staging": Declared("staging", "myapp-staging", "osc-fr1"),
    "team/production": Declared("team/production", "myapp", ""),
}


def read() -> tuple[Mapping[str, Declared] | None, list[str]]:
    """Return what the file of the current repository declares, and the warnings."""
    context = Context(Settings())
    return read_declared(context, Repository()), context.warnings


def refused(kind: type[ScalingoRegionError]) -> str:
    with pytest.raises(kind) as caught:
        read()
    return caught.value.message


@pytest.fixture
def file(repo: Repo) -> Path:
    return repo.path / ".gitscalingo"


# --- where it is -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "folder"),
    [
        ("", "repo"),
        ("mkdir -p 'repo/a b/c'; echo '[not this one' >'repo/a b/.gitscalingo'", "repo/a b/c"),
        ("git -C repo worktree add -q -b linked '../linked tree'", "linked tree"),
        ("git clone -q --bare repo bare.git; git -C bare.git update-ref refs/tags/HEAD HEAD~1", "bare.git/refs"),
    ],
)
def test_the_file_at_the_top_of_the_work_tree_is_read(
    repo: Repo, file: Path, tmp_path: Path, script: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is that of the work tree one is in; a bare repository has that of HEAD."""
    assert read() == (None, [])
    file.write_text(TWO)
    repo.git("add", ".gitscalingo")
    repo.commit()
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path / folder)
    assert read() == (DECLARED, [])


def test_a_bare_repository_without_a_commit_declares_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first push there is no file."""
    git("init", "--quiet", "--bare", str(tmp_path / "bare.git"))
    monkeypatch.chdir(tmp_path / "bare.git")
    assert read() == (None, [])


# --- what it says ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ("", {}),
        ("# nothing\n", {}),
        ('\ufeff[REMOTE "x"]\r\n\tAPP = "my"app ; c\r\n', {"x": Declared("x", "myapp", "")}),
        ('[remote "x"]\napp = a\n[remote "y"]\napp = b\n[remote "x"]\napp = c\n', {"x": "c", "y": "b"}),
        ('[remote "x"]\napp = a\nregion = r1\n[remote "x"]\napp = c\nregion =\n', {"x": Declared("x", "c", "")}),
        ("[remote.dotted]\napp = a\n", {"dotted": "a"}),
        ("\n".join(EXAMPLE), {"scalingo": "myapp"}),
    ],
)
def test_the_format_is_gits(file: Path, text: str, declared: Mapping[str, str | Declared]) -> None:
    """Comments, quotes, cases, and two sections of one name mean what they mean to git."""
    file.write_text(text)
    found = {name: item if isinstance(item, Declared) else Declared(name, item, "") for name, item in declared.items()}
    assert read() == (found, [])


def test_unknown_keys_are_warned_about(file: Path) -> None:
    """What this version does not know is named and ignored, includes and urls among it."""
    file.write_text(f"{TWO}\turl = ext::sh -c id\n[core]\n\tsshCommand = id\n[remote]\n\tapp = x\n")
    declared, warnings = read()
    assert declared == DECLARED
    keys = ("remote.team/production.url", "core.sshcommand", "remote.app")
    assert warnings == [f".gitscalingo: ignoring the unknown key {key}" for key in keys]


def test_includes_are_not_followed(file: Path, repo: Repo) -> None:
    """No other file is read, whatever the file asks for."""
    (repo.path / "other").write_text('[remote "x"]\n\tapp = evil\n')
    file.write_text(f'{TWO}[include]\n\tpath = other\n[includeIf "gitdir:**"]\n\tpath = {repo.path}/other\n')
    declared, warnings = read()
    assert (declared, len(warnings)) == (DECLARED, 2)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[oops\n", ".gitscalingo is not valid: bad config line 1"),
        ('[remote "x"]\n\tapp = "a\n', ".gitscalingo is not valid: bad config line 2"),
        ('[remote "x"]\n\tregion = osc-fr1\n', ".gitscalingo: the remote 'x' has no app"),
        ('[remote "x"]\n\tapp\n', ".gitscalingo: remote.x.app has no value"),
        ('[remote "x"]\n\tapp =\n', ".gitscalingo: the app name is empty"),
        (
            '[remote "x"]\n\tapp = ssh://evil.example/x\n',
            ".gitscalingo: 'ssh://evil.example/x' is not a valid app name",
        ),
        ('[remote "x"]\n\tapp = a\\n\n', ".gitscalingo: 'a\n' is not a valid app name"),
        ('[remote "x"]\n\tapp = \x1b[2J\n', ".gitscalingo: '\x1b[2J' is not a valid app name"),
        ('[remote "x"]\n\tapp = -a\n', ".gitscalingo: '-a' is not a valid app name"),
        ('[remote "x"]\n\tapp = a\n\tregion = --all\n', ".gitscalingo: '--all' is not a valid region name"),
        ('[remote "x"]\n\tapp = a\n\tregion = h.example:22/\n', ".gitscalingo: 'h.example:22/' is not a valid region"),
        ('[remote "--upload-pack=id"]\n\tapp = a\n', ".gitscalingo: '--upload-pack=id' is not a valid remote name"),
        ('[remote ""]\n\tapp = a\n', ".gitscalingo: the remote name is empty"),
        ('[remote "a b"]\n\tapp = a\n', ".gitscalingo: 'a b' is not a valid remote name"),
        ('[remote "\x1b]0;x\x07"]\n\tapp = a\n', ".gitscalingo: '\x1b]0;x\x07' is not a valid remote name"),
        ('[remote "../x"]\n\tapp = a\n', ".gitscalingo: '../x' is not a valid remote name"),
    ],
)
def test_a_bad_file_is_refused(file: Path, text: str, reason: str) -> None:
    """A syntax error and a bad or missing name are a mistake in the file, which the message names."""
    file.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        read()
    assert caught.value.message.startswith(reason)
    assert caught.value.exit_status == ExitStatus.USAGE


ODD = [
    "echo >real; ln -s real .gitscalingo",
    "ln -s nowhere .gitscalingo",
    "ln -s /dev/zero .gitscalingo",
    "mkfifo .gitscalingo",
    "mkdir .gitscalingo",
]


@pytest.mark.parametrize("script", ODD)
def test_only_a_regular_file_is_opened(repo: Repo, script: str) -> None:
    """A link, a fifo or a folder of that name is refused, and nothing hangs."""
    subprocess.run(["sh", "-ec", script], check=True)
    assert refused(RepositoryError).startswith(".gitscalingo is not a regular file")


@pytest.mark.parametrize(
    "script",
    [
        "ln -s nowhere .gitscalingo; git add .gitscalingo",
        "mkdir .gitscalingo; touch .gitscalingo/x; git add .gitscalingo",
        "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),.gitscalingo",
    ],
)
def test_only_a_regular_file_of_head_is_read(
    repo: Repo, tmp_path: Path, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a bare repository a link, a folder or a submodule of that name is refused as well."""
    subprocess.run(["sh", "-ec", script], check=True)
    repo.commit()
    git("clone", "--quiet", "--bare", str(repo.path), str(tmp_path / "bare.git"))
    monkeypatch.chdir(tmp_path / "bare.git")
    assert refused(RepositoryError) == ".gitscalingo is not a regular file in HEAD"


def test_a_large_file_is_refused(repo: Repo, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may have 1 MiB and not a byte more, in a work tree and in HEAD."""
    text = TWO + "#" * (SIZE_MAX - len(TWO))
    for content, large in ((text, False), (text + "#", True)):
        file.write_text(content)
        repo.git("add", ".gitscalingo")
        repo.commit()
        bare = tmp_path / f"bare{large}.git"
        git("clone", "--quiet", "--bare", str(repo.path), str(bare))
        for folder in (repo.path, bare):
            monkeypatch.chdir(folder)
            if large:
                assert refused(RepositoryError) == ".gitscalingo is too large: it may have 1 MiB at most"
            else:
                assert read() == (DECLARED, [])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_cannot_be_read_is_named(file: Path) -> None:
    """Without the right to read it the error says so."""
    file.touch(0o000)
    assert refused(RepositoryError) == "cannot read .gitscalingo: Permission denied"
