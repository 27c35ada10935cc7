"""The commands that undo an update: pasted into a shell, they bring the configuration back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ELSEWHERE, OSC_FR1, SECNUM, STALE, Repo
from test_plan import examiner_of

from git_scalingo_region.model import Outcome, RemoteUrl
from git_scalingo_region.repository.changes import carry_out
from git_scalingo_region.repository.configuration import Configuration
from git_scalingo_region.repository.git import Repository, version
from git_scalingo_region.repository.plan import Plan, plan_add, plan_sync, undo_commands

Prepare = Callable[[Repo], None]


def listing() -> dict[str, list[tuple[str, str]]]:
    """Return each key's origins and values, in the order in which git reads them."""
    found: dict[str, list[tuple[str, str]]] = {}
    for item in Repository().read().listed:
        if item.key.startswith("remote."):
            found.setdefault(item.key, []).append((item.origin, item.value))
    return found


def force(name: str) -> Plan:
    """Make the remote point at the app, whatever it is now."""
    repository = Repository()
    url = RemoteUrl.parse(OSC_FR1)

    def decide(now: Configuration) -> list[Plan]:
        return [plan_add(now.remote(name), url, examiner_of(now), force=True)]

    return carry_out(repository, repository.read(), decide, dry_run=False)[0]


def sync(name: str) -> Plan:
    """Bring the remote up to date."""
    repository = Repository()

    def decide(now: Configuration) -> list[Plan]:
        examiner = examiner_of(now)
        examined = examiner.examine(name)
        assert examined
        return [plan_sync(examined, examiner)]

    return carry_out(repository, repository.read(), decide, dry_run=False)[0]


def undo(plan: Plan) -> list[str]:
    repository = Repository()

    def path(origin: str) -> str | None:
        return None if repository.is_main_file(origin) else repository.real_path(origin)

    return list(undo_commands(plan, path))


def check_undo(change: Callable[[str], Plan], name: str) -> list[str]:
    """Change the remote, paste what undoes it, and compare; return the commands."""
    before = listing()
    plan = change(name)
    assert plan.outcome is Outcome.UPDATED
    assert listing() != before
    commands = undo(plan)
    line = " && ".join(commands)
    assert line.isprintable()
    subprocess.run(["sh", "-c", line], check=True, capture_output=True)
    assert listing() == before
    return commands


NAMES = [
    "scalingo",
    "team/x",
    "a.b",
    "-dash",
    "--",
    "-",
    "",
    "a b",
    "é",
    'q"\\',
    "it's",
    "$(id)",
    "a\tb\u00a0",
    "\udcff",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("variables", [["url"], ["pushurl"], ["url", "pushurl"]])
def test_a_remote_of_any_name_is_brought_back(repo: Repo, name: str, variables: list[str]) -> None:
    """Whatever git lets a remote be called, the commands name that remote and none else."""
    repo.git("config", "remote.other.url", STALE)
    for variable in variables:
        repo.git("config", f"remote.{name}.{variable}", STALE)
    check_undo(sync, name)


VALUES = [
    "a\u00a0b",
    "a\tb",
    "a\nb",
    "\udcff\u00e9",
    "-x",
    "--",
    "",
    " a  b ",
    "#;x",
    '"q"',
    "a\\b",
    "$(touch pwned)",
    "!!",
]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(
    "held", [("url",), ("pushurl",), ("url", "pushurl"), ("url", "url"), ("url", "pushurl", "pushurl", "url")]
)
def test_any_value_is_brought_back(repo: Repo, value: str, held: tuple[str, ...]) -> None:
    """Whatever --force replaces, one value or several, comes back byte for byte and in order."""
    if not value and len(held) == 1 and version() >= (2, 46):
        pytest.skip("since git 2.46, a remote with an empty url and no other is none")
    for index, variable in enumerate(held):
        repo.git("config", "--add", f"remote.scalingo.{variable}", value if index % 2 == 0 else ELSEWHERE)
    check_undo(force, "scalingo")
    assert not (repo.path / "pwned").exists()


def in_the_worktree(repo: Repo) -> None:
    repo.git("config", "extensions.worktreeConfig", "true")
    repo.git("config", "--worktree", "remote.scalingo.url", STALE)


def in_main_and_worktree(repo: Repo) -> None:
    in_the_worktree(repo)
    repo.git("config", "remote.scalingo.url", ELSEWHERE)
    repo.git("config", "remote.scalingo.pushurl", SECNUM)


def included(repo: Repo) -> None:
    repo.git("config", "include.path", "a 'b")
    repo.git("config", "--file", str(repo.path / ".git" / "a 'b"), "remote.scalingo.url", STALE)


def in_main_and_included(repo: Repo) -> None:
    repo.git("config", "remote.scalingo.url", STALE)
    included(repo)
    repo.git("config", "--add", "remote.scalingo.url", SECNUM)


def pushurl_included(repo: Repo) -> None:
    repo.git("config", "remote.scalingo.url", STALE)
    repo.git("config", "include.path", "team")
    repo.git("config", "--file", str(repo.path / ".git" / "team"), "remote.scalingo.pushurl", STALE)


def inherited(repo: Repo) -> None:
    repo.git("config", "--global", "remote.scalingo.url", ELSEWHERE)


def reset(repo: Repo) -> None:
    for value in (ELSEWHERE, "", STALE):
        repo.git("config", "--add", "remote.scalingo.url", value)


@pytest.mark.parametrize(
    "prepare",
    [in_the_worktree, in_main_and_worktree, included, in_main_and_included, pushurl_included, inherited, reset],
)
def test_values_come_back_in_their_own_files(repo: Repo, prepare: Prepare, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each value returns to the file and the place that it had, wherever the commands are pasted in the repository."""
    prepare(repo)
    (repo.path / "sub").mkdir()
    monkeypatch.chdir(repo.path / "sub")
    check_undo(force, "scalingo")


def test_the_usual_undo_is_the_command_that_everybody_knows(repo: Repo) -> None:
    """One url for another is undone by `git remote set-url`."""
    repo.git("config", "remote.scalingo.url", STALE)
    repo.git("config", "remote.scalingo.pushurl", STALE)
    assert check_undo(sync, "scalingo") == [
        f"git remote set-url scalingo {STALE}",
        f"git remote set-url --push scalingo {STALE}",
    ]


@pytest.mark.parametrize("values", [[' = "a\\n"'], [""], ["", f" = {ELSEWHERE}"], [f" = {ELSEWHERE}", ""]])
def test_there_is_no_undo_that_would_not_be_exact(repo: Repo, values: list[str]) -> None:
    """A value that no shell can be given, or a line without a value, is not brought back by what comes close."""
    with repo.config.open("a") as file:
        file.write('[remote "scalingo"]\n' + "".join(f"\turl{value}\n" for value in values))
    plan = force("scalingo")
    assert undo(plan) == []
    assert all("true" not in text for _, text in plan.replacements)
    assert plan.previous_url in (None, ELSEWHERE, "a\n")


def test_what_was_created_has_no_undo(repo: Repo) -> None:
    """Only an update is undone: `git remote remove` is everybody's own decision."""
    plan = force("scalingo")
    assert (plan.outcome, undo(plan)) == (Outcome.CREATED, [])


def test_a_linked_worktree_is_undone_from_there(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a linked worktree the commands edit the configuration that both share, or the worktree's own."""
    repo.git("config", "extensions.worktreeConfig", "true")
    repo.git("worktree", "add", "--quiet", "-b", "linked", os.fspath(tmp_path / "linked tree"))
    monkeypatch.chdir(tmp_path / "linked tree")
    repo.git("config", "remote.scalingo.url", STALE)
    subprocess.run(["git", "config", "--worktree", "remote.scalingo.pushurl", STALE], check=True)
    check_undo(sync, "scalingo")
