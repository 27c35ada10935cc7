"""`.gitscalingo` comes with a clone, so nothing in it is trusted: what is refused, and what is only names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from conftest import OSC_FR1, Repo, Run, git

GOOD = '[remote "scalingo"]\n\tapp = myapp\n\tregion = osc-fr1\n'
SETUP = ("setup", "--offline", "--json")


def config(repo: Repo) -> bytes:
    return repo.config.read_bytes()


@pytest.mark.parametrize(
    ("text", "status", "said"),
    {
        "no app": ('[remote "a"]\n\tregion = osc-fr1\n', 2, "the remote 'a' has no app"),
        "a url as the app": ('[remote "a"]\n\tapp = ssh://evil.example/app\n', 2, "is not a valid app name"),
        "an option as the app": ('[remote "a"]\n\tapp = --upload-pack=id\n', 2, "is not a valid app name"),
        "a host as the region": ('[remote "a"]\n\tapp = myapp\n\tregion = evil:22\n', 2, "is not a valid region name"),
        "an unknown region": ('[remote "a"]\n\tapp = myapp\n\tregion = evil.example\n', 3, "no region 'evil.example'"),
        "an option as the remote": ('[remote "--force"]\n\tapp = myapp\n', 2, "is not a valid remote name"),
        "a key without a value": ('[remote "a"]\n\tapp\n', 2, "remote.a.app has no value"),
        "bad syntax": ('[remote "a"\n', 2, "is not valid: "),
        "nothing": ("# nothing\n", 5, "declares no remote"),
        "too large": ("#" * (1 << 20) + "\n", 5, "is too large"),
    }.values(),
)
def test_refuses_what_are_not_names(text: str, status: int, said: str, repo: Repo, run: Run) -> None:
    """A file that does not hold valid names ends with its status and names the file; no remote is made."""
    (repo.path / ".gitscalingo").write_text(text)
    before = config(repo)
    result = run(*SETUP)
    assert (result.status, config(repo)) == (status, before)
    assert said in result.error["message"]


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
@pytest.mark.parametrize(
    "command", [SETUP, ("setup", "--write", "--offline", "--json"), ("status", "--offline", "--json")]
)
def test_refuses_what_is_no_regular_file(kind: str, command: tuple[str, ...], repo: Repo, run: Run) -> None:
    """A link, a fifo or a folder in its place is refused before anything opens it, and stays."""
    file, elsewhere = repo.path / ".gitscalingo", repo.path / "elsewhere"
    repo.git("remote", "add", "scalingo", OSC_FR1)
    elsewhere.write_text(GOOD)
    if kind == "link":
        file.symlink_to(elsewhere)
    elif kind == "fifo":
        os.mkfifo(file)
    else:
        file.mkdir()
    before = config(repo), file.lstat()[:2]
    result = run(*command)
    assert (result.status, result.error["kind"]) == (5, "repository")
    assert (config(repo), file.lstat()[:2], elsewhere.read_text()) == (*before, GOOD)


def test_urls_and_includes_have_no_effect(repo: Repo, run: Run) -> None:
    """A url is an unknown key, which is only warned about, and no include is followed."""
    (repo.path / "more").write_text('[remote "evil"]\n\tapp = evil\n')
    text = f"{GOOD}\turl = ssh://evil.example/myapp.git\n[include]\n\tpath = more\n[core]\n\tsshCommand = id\n"
    (repo.path / ".gitscalingo").write_text(text)
    result = run(*SETUP)
    assert [item["url"] for item in result.json["remotes"]] == [OSC_FR1]
    unknown = ("remote.scalingo.url", "include.path", "core.sshcommand")
    warned = [text for text in result.json["warnings"] if "unknown key" in text]
    assert warned == [f".gitscalingo: ignoring the unknown key {key}" for key in unknown]


def test_the_last_of_two_counts(repo: Repo, run: Run) -> None:
    """Of two sections, or two keys, of one name the last one counts, as in git."""
    (repo.path / ".gitscalingo").write_text(GOOD.replace("myapp", "first") + GOOD + "\tapp = last\n")
    assert [item["app"] for item in run(*SETUP).json["remotes"]] == ["last"]


def test_a_bare_repository_has_it_in_its_head(
    repo: Repo, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a bare repository the file is that of HEAD, and cannot be written."""
    (repo.path / ".gitscalingo").write_text(GOOD)
    repo.git("add", "--all")
    repo.commit()
    git("clone", "--quiet", "--bare", str(repo.path), str(tmp_path / "bare"))
    monkeypatch.chdir(tmp_path / "bare")
    assert run(*SETUP).status == 0
    assert git("remote", "get-url", "scalingo") == OSC_FR1
    assert run("setup", "--write", "--offline").status == 5
