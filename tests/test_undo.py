"""The `undo` of an update, pasted into a shell, restores every value, in its order and in its file."""

from __future__ import annotations

import subprocess

import pytest
from conftest import ELSEWHERE, OSC_FR1, SECNUM, STALE, Repo, Run, git
from pasting import Paste, field

from git_scalingo_region.repository.git import version


def listing() -> list[tuple[str, str]]:
    """Return the origin of each value in git's configuration, and its key and text, by key and then in git's order."""
    items = git("config", "--list", "--show-origin", "--null").split("\0")
    return sorted(zip(items[::2], items[1::2]), key=lambda item: item[1].partition("\n")[0])


# The name of each case, and the script that makes the remote for `add --force` to replace; C stands for `git config`.
STATES = {
    "url": "C remote.scalingo.url git@ssh.osc-fr1.scalingo.com:other.git",
    "url and pushurl": f"C remote.scalingo.url {STALE}; C remote.scalingo.pushurl {STALE}",
    "several": "C remote.scalingo.url a:x; C --add remote.scalingo.url 'b:y z'",
    "several pushurls": "C remote.scalingo.url a:x; for u in b:1 b:2; do C --add remote.scalingo.pushurl $u; done",
    "the same twice": "C remote.scalingo.url a:x; C --add remote.scalingo.url a:x",
    "only a pushurl": "C remote.scalingo.pushurl a:x",
    "a list that is reset": f"for u in a:x '' {STALE}; do C --add remote.scalingo.url \"$u\"; done",
    "include": "C -f ../.git/team remote.scalingo.url a:x; C include.path team",
    "include with an odd name": 'F="a \'b \\$x"; C -f "../.git/$F" remote.scalingo.url a:x; C include.path "$F"',
    "pushurl included": f"C remote.scalingo.url {STALE}; C -f ../.git/t remote.scalingo.pushurl a:x; C include.path t",
    "two files": "C -f ../.git/team remote.scalingo.url a:x; C include.path team; C remote.scalingo.url b:y",
    "around an include": f"C remote.scalingo.url {STALE}; C -f ../.git/t remote.scalingo.url a:x; C include.path t;"
    f" C --add remote.scalingo.url {SECNUM}",
    "worktree": "C extensions.worktreeConfig true; C --worktree remote.scalingo.url a:x",
    "main file and worktree": "C extensions.worktreeConfig true; C --worktree remote.scalingo.url a:x;"
    f" C remote.scalingo.url {ELSEWHERE}; C remote.scalingo.pushurl {SECNUM}",
    "linked worktree": "C extensions.worktreeConfig true; rmdir $PWD; git -C .. worktree add -q $PWD; cd $PWD;"
    " C remote.scalingo.url a:x; C --worktree remote.scalingo.pushurl b:y",
    "inherited": "C --global remote.scalingo.url a:x",
    "with other settings": "git remote add scalingo a:x; C remote.scalingo.push +refs/heads/*:refs/heads/*",
    "spelled otherwise": "printf '[ReMoTe \"scalingo\"]\\n\\tURL=a:x # here\\n' >>../.git/config",
}


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
def test_each_value_returns_to_its_own_file(
    repo: Repo, run: Run, paste: Paste, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """The undo restores each value in the file that held it, even if it is pasted in a subfolder."""
    (repo.path / "sub").mkdir()
    script = f'C() {{ git config "$@"; }}; {STATES[state]}'
    subprocess.run(["sh", "-ec", script], check=True, capture_output=True, cwd=repo.path / "sub")
    monkeypatch.chdir(repo.path / "sub")
    before = listing()
    result = run("add", "osc-fr1", "myapp", "--offline", "--force")
    assert (result.status, git("remote", "get-url", "--push", "--all", "scalingo")) == (0, OSC_FR1), result.stderr
    assert listing() != before
    done = paste(field(result, "undo"))
    assert (done.returncode, done.stderr) == (0, "")
    assert listing() == before


def check_undo(run: Run, paste: Paste, count: int, *arguments: str) -> None:
    """Run a command that updates `count` remotes, and check that its undo, once pasted, restores everything."""
    before = listing()
    remotes = run(*arguments, "--offline", "--json").json["remotes"]
    assert len(remotes) == count
    lines = [" && ".join(remote["undo"]) for remote in remotes]
    assert all(line.isprintable() and line for line in lines)
    assert listing() != before
    done = paste("\n".join(lines))
    assert (done.returncode, done.stderr) == (0, "")
    assert listing() == before


NAMES = ["scalingo", "team/x", "a.b", "-dash", "--", "-", "", "a b", "é", 'q"\\', "it's"]
NAMES += ["$(touch pwned)", "a\tb\u00a0", "\udcff"]
VALUES = ["-oProxyCommand=x", "--push", "--", "#;x", "a\\b", "a:%s\\n\\t", "$(touch pwned)", "!!", "it's \\$HOME"]
VALUES += ['"q"', "", " a  b ", "a\u00a0b", "a:\tb", "a\nb", "\udcff\u00e9", "a:\x1b[2J"]


@pytest.mark.slow
def test_a_remote_of_any_name_is_brought_back(repo: Repo, run: Run, paste: Paste) -> None:
    """The undo of `sync` restores a remote of any name that git allows, and changes no other."""
    before = repo.config.read_bytes()
    for variables in (["url"], ["pushurl"], ["url", "pushurl"]):
        repo.config.write_bytes(before)
        for name in NAMES:
            for variable in variables:
                repo.git("config", f"remote.{name}.{variable}", STALE)
        assert "Would update remote '\\xff'\n" in run("sync", "--offline", "-n").stdout
        check_undo(run, paste, len(NAMES), "sync")
    assert not (repo.path / "pwned").exists()


@pytest.mark.slow
@pytest.mark.parametrize("held", [["url"], ["pushurl"], ["url", "pushurl", "pushurl", "url"]])
def test_any_value_is_brought_back(repo: Repo, run: Run, paste: Paste, held: list[str]) -> None:
    """The undo of `setup --force` restores all values that were replaced, byte for byte and in order."""
    # Since git 2.46, a remote whose only url is empty does not count as a remote.
    values = [value for value in VALUES if value or len(held) > 1 or version() < (2, 46)]
    for number, value in enumerate(values):
        for index, variable in enumerate(held):
            repo.git("config", "--add", f"remote.r{number}.{variable}", value if index % 2 == 0 else ELSEWHERE)
        repo.git("config", "--file", ".gitscalingo", f"remote.r{number}.app", "myapp")
    check_undo(run, paste, len(values), "setup", "--force")
    assert not (repo.path / "pwned").exists()


@pytest.mark.parametrize(
    ("lines", "shown"),
    [
        ([' = "a:x\\n"'], "a:x\\n"),
        ([""], "(no value)"),
        (["", " = a:x"], "(no value), a:x"),
        ([" = a:x", ""], "a:x, (no value)"),
    ],
)
def test_there_is_no_undo_that_would_not_be_exact(repo: Repo, run: Run, lines: list[str], shown: str) -> None:
    """If a value cannot be pasted into a shell, or a line has no value, no undo is shown rather than a wrong one."""
    with repo.config.open("a") as file:
        file.write('[remote "scalingo"]\n' + "".join(f"\turl{line}\n" for line in lines))
    assert run("add", "osc-fr1", "myapp", "--offline", "--force").stdout == (
        "Updated remote 'scalingo'\n"
        f"  url     {shown} -> {OSC_FR1}\n"
        "  region  osc-fr1 (Paris - Outscale), given as an argument\n"
        "  next    git push scalingo main\n"
    )
