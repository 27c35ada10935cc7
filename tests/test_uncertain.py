"""What the program does if it cannot find something out: it changes nothing, and says what it does not know."""

from __future__ import annotations

from pathlib import Path

import pytest
from account import Account
from conftest import ELSEWHERE, OSC_FR1, Repo, Run, age, answers
from pasting import field, messages

from git_scalingo_region.repository.git import version

NEW = "ssh://git@ssh.eu-b.scalingo.com:2222/myapp.git"


@pytest.mark.parametrize("command", ["add", "url"])
def test_a_word_is_not_the_app_if_it_may_be_a_new_region(
    repo: Repo, run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """A word that may be a new region or an app is an error if the service cannot be asked, and no remote moves."""
    repo.git("remote", "add", "scalingo", OSC_FR1)
    monkeypatch.setenv("SCALINGO_APP", "other")
    result = run(command, "eu-b")
    why = "cannot tell whether 'eu-b' is a region or an app, since the list of regions is not up to date"
    assert (result.status, messages(result, "error")) == (3, [why])
    assert messages(result, "hint") == [f"name both: git scalingo-region {command} REGION APP"]
    assert repo.push_urls() == [OSC_FR1]


def test_an_old_list_does_not_tell_that_there_is_no_region(repo: Repo, run: Run) -> None:
    """If a list that is not up to date lacks a region, the error says so; with `--fallback`, it is a warning."""
    lacks = "the list of regions, which is not up to date, has no region 'eu-b'"
    assert messages(run("add", "eu-b", "myapp", "--offline"), "error") == [lacks]
    warning = f"{lacks}: using the default region, osc-fr1 (--fallback)"
    assert messages(run("add", "eu-b", "myapp", "--offline", "--fallback"), "warning")[1:] == [warning]


@pytest.mark.parametrize("line", ["sync", "add", "add myapp", "setup", "url myapp", "doctor"])
def test_an_old_list_does_not_tell_that_a_region_is_gone(
    repo: Repo, run: Run, account: Account, home: Path, line: str
) -> None:
    """If the service fails, a remote whose region the cached list lacks stays there, since the region may be new."""
    account.add_app("osc-fr1", "myapp")
    repo.git("remote", "add", "scalingo", NEW)
    repo.git("config", "-f", ".gitscalingo", "remote.scalingo.app", "myapp")
    run("list")
    age(home, 7200)
    account.service.routes["GET", "/v1/regions"] = answers(503, b"")
    result = run(*line.split())
    assert repo.push_urls() == [NEW]
    assert OSC_FR1 not in result.stdout
    assert "add osc-fr1" not in result.stdout + result.stderr
    if line == "sync":
        newer = "eu-b, the region of 'scalingo', may be newer than the list of regions"
        assert (result.status, messages(result, "hint")) == (0, [newer])
    elif line != "doctor":
        lacks = "the remote 'scalingo' points at the region eu-b, which the list lacks: say where myapp is now"
        assert messages(result, "error") == [f"{lacks} (osc-fr1, osc-secnum-fr1, scw-par)"]


@pytest.mark.parametrize("options", [[], ["-n"]])
def test_nothing_is_written_if_git_refuses_a_remote(repo: Repo, run: Run, options: list[str]) -> None:
    """If git refuses the configuration because of another remote, `add` says so before it writes anything."""
    repo.git("remote", "add", "scalingo", OSC_FR1)
    repo.git("config", "remote.old.url", ELSEWHERE)
    repo.git("config", "remote.old.fetch", "refs/heads/*:refs/remotes/old/")
    before = repo.config.read_bytes()
    result = run("add", "osc-secnum-fr1", "myapp", "--offline", "-q", *options)
    said = "git says: invalid refspec 'refs/heads/*:refs/remotes/old/'"
    assert (result.status, messages(result, "error"), repo.config.read_bytes()) == (5, [said], before)


def test_next_knows_what_the_new_url_switches_on(repo: Repo, run: Run, home: Path) -> None:
    """`next` takes into account a file that git includes only because of the new url."""
    if version() < (2, 36):
        pytest.skip("this git has no includeIf.hasconfig")
    repo.git("config", "--global", "includeIf.hasconfig:remote.*.url:ssh://*scalingo.com*/**.path", f"{home}/more")
    repo.git("config", "-f", f"{home}/more", "push.default", "upstream")
    result = run("add", "osc-fr1", "myapp", "--offline")
    assert field(result, "next") == "git push scalingo refs/heads/main:refs/heads/main"


def test_a_work_tree_that_is_elsewhere(repo: Repo, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If GIT_DIR and GIT_WORK_TREE are set, as by `git --work-tree`, the work tree is found from any folder."""
    repo.git("config", "-f", ".gitscalingo", "remote.scalingo.app", "myapp")
    monkeypatch.chdir(home)
    monkeypatch.setenv("GIT_DIR", "../repo/.git")
    monkeypatch.setenv("GIT_WORK_TREE", "../repo")
    assert run("status", "--offline").status == 7
    assert run("setup", "--offline").status == 0
    assert repo.push_urls() == [OSC_FR1]
    assert run("status", "--offline").status == 0
    assert run("setup", "--write", "--offline").stdout.startswith("Updated .gitscalingo\n")


def test_setup_is_advised_for_what_it_can_make(repo: Repo, run: Run) -> None:
    """If `setup` would refuse a declared remote, `status` advises `setup` only for the others."""
    repo.git("remote", "add", "other", ELSEWHERE)
    for name in ("other", "new"):
        repo.git("config", "-f", ".gitscalingo", f"remote.{name}.app", "myapp")
    repo.git("config", "--global", "remote.team.url", OSC_FR1)
    repo.git("config", "-f", ".gitscalingo", "remote.team.app", "myapp")
    repo.git("config", "-f", ".gitscalingo", "remote.team.region", "osc-secnum-fr1")
    assert messages(run("status", "--offline"), "hint") == [
        *(f"setup does not change '{x}'; to see why: git scalingo-region setup -n {x}" for x in ("team", "other")),
        "set up what .gitscalingo declares: git scalingo-region setup new",
    ]


def test_a_forced_move_is_advised_with_force(repo: Repo, run: Run, account: Account) -> None:
    """If `add --force` finds the app in another region, the command that it advises has `--force` as well."""
    account.add_app("scw-par", "myapp")
    repo.git("remote", "add", "scalingo", ELSEWHERE)
    (warning,) = messages(run("add", "osc-fr1", "myapp", "-f", "-n"), "warning")
    assert warning.endswith("; to move the remote there: git scalingo-region add --force scw-par myapp")


@pytest.mark.parametrize(("allowed", "shown"), [("https:http", "https:http"), ("", "empty")])
def test_the_environment_can_stop_a_push(
    repo: Repo, run: Run, monkeypatch: pytest.MonkeyPatch, allowed: str, shown: str
) -> None:
    """If GIT_ALLOW_PROTOCOL forbids ssh, `add` reports it as an obstacle to the push, and `doctor` does not connect."""
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", allowed)
    result = run("add", "osc-fr1", "myapp", "--offline")
    why = f"GIT_ALLOW_PROTOCOL is {shown}: git refuses to push over ssh"
    assert (field(result, "next"), messages(result, "hint")[0]) == ("", why)
    checks = {check["check"]: check for check in run("doctor", "--connect", "--json").json["checks"]}
    reason = f"git push does not get that far: GIT_ALLOW_PROTOCOL is {allowed}"
    assert (checks["refspec"]["detail"], checks["connection"]["detail"]) == (why, reason)


def test_status_does_not_ask_for_a_declared_region_in_every_run(repo: Repo, run: Run, account: Account) -> None:
    """An unknown region in `.gitscalingo` costs `status` no request if the list was fetched a moment ago."""
    repo.git("config", "-f", ".gitscalingo", "remote.new.app", "myapp")
    repo.git("config", "-f", ".gitscalingo", "remote.new.region", "nowhere")
    run("list")
    account.service.requests.clear()
    assert run("status").status == 7
    assert account.service.requests == []
