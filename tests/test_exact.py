"""In unusual states of a repository, what the program prints is exact, and the push goes to the right place."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from account import Account
from conftest import OSC_FR1, SECNUM, STALE, Repo, Result, Run, Service, git, refusal, region_json
from pasting import Paste, field, messages, printed
from ssh_server import Endpoint

from git_scalingo_region.repository.git import version


def sh(script: str) -> None:
    """Run a shell script that prepares the current folder."""
    subprocess.run(["sh", "-ec", script], check=True, capture_output=True)


NO_COMMIT, DOCTOR = "there is no commit to push yet", "git scalingo-region doctor scalingo"
NO_NEXT = {
    NO_COMMIT: "git update-ref -d HEAD",
    "remote.scalingo.mirror is true": "git config remote.scalingo.mirror true",
    "push.followTags is yes": "git config push.followTags yes; git tag -am v1 v1",
    "the clone is shallow": "git rev-parse HEAD >.git/shallow",
    "git refuses to push: bad boolean config value 'maybe'": "git config push.useForceIfIncludes maybe",
}


@pytest.mark.parametrize("reason", NO_NEXT)
def test_no_next_if_nothing_can_be_pushed(repo: Repo, run: Run, paste: Paste, reason: str) -> None:
    """If nothing can be pushed, `add` prints a hint with the reason instead of `next`, and `doctor` finds a problem."""
    sh(NO_NEXT[reason])
    if "refuses" in reason and version() < (2, 30):
        pytest.skip("this git does not know the setting")
    result = run("add", "osc-fr1", "myapp", "--offline")
    assert (result.status, field(result, "next")) == (0, "")
    assert messages(result, "hint")[0].startswith(reason)
    assert (DOCTOR in printed(result)) == (reason != NO_COMMIT)
    assert run("add", "osc-fr1", "myapp", "--offline", "--json").json["next"] is None
    assert paste(f"{DOCTOR} --offline").returncode == 7


def test_a_region_that_is_new_is_no_app(repo: Repo, run: Run, service: Service) -> None:
    """If the cached region list lacks a word, a new list is fetched before the word is taken as the app."""
    scw_par = service.regions.pop()
    run("list")
    service.regions.append(scw_par)
    repo.git("remote", "add", "scalingo", OSC_FR1)
    moved = run("add", "scw-par", "--json").json
    assert (moved["region"], moved["app"], moved["previous_url"]) == ("scw-par", "myapp", OSC_FR1)


def test_a_region_that_the_account_does_not_see(repo: Repo, run: Run, account: Account) -> None:
    """If the account does not see a region, every command says so, and none offers or uses another region instead."""
    account.service.regions = [region for region in account.service.regions if region["name"] != "osc-secnum-fr1"]
    account.add_app("osc-fr1", "myapp")
    repo.git("remote", "add", "scalingo", SECNUM)
    hidden, ask = "exists, but this account does not see it", "ask Scalingo's support for access to it"
    for line in ("add", "add myapp", "add osc-secnum-fr1", "add osc-secnum-fr1 myapp", "url"):
        assert run(*line.split()) == refusal(3, f"the region 'osc-secnum-fr1' {hidden}", ask)
    hint = f"hint: osc-secnum-fr1, the region of 'scalingo', {hidden}: {ask}\n"
    assert run("sync") == Result(0, "No Scalingo remote is stale\n", hint)
    status = run("status")
    assert (status.status, status.stderr) == (7, hint)
    check = next(check for check in run("doctor", "--json").json["checks"] if check["check"] == "remote")
    detail = f"its region, osc-secnum-fr1, {hidden}: {ask}"
    assert check == {"check": "remote", "status": "problem", "detail": detail, "fix": None, "try": None}
    assert repo.push_urls() == [SECNUM]


# Hosts that lead to no known region: the url, what `status` calls the region, and the error of `add myapp`.
UNKNOWN = {
    "scalingo.com": ("git@scalingo.com:myapp.git", "agora-fr1", "the region agora-fr1, which is gone"),
    "agora": ("git@ssh.agora-fr1.scalingo.com:myapp.git", "agora-fr1", "the region agora-fr1, which is gone"),
    "ssh.scalingo.com": ("git@ssh.scalingo.com:myapp.git", "unknown", "an unknown region"),
    "two on one host": ("ssh://git@ssh.example.com:22/myapp.git", "unknown", "an unknown region"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_a_host_that_does_not_tell_the_region(repo: Repo, run: Run, service: Service, case: str) -> None:
    """A remote whose host does not tell its region stays as it is until the user names one, and every hint says how."""
    url, region, where = UNKNOWN[case]
    service.regions += [region_json("a", "ssh.example.com:2201"), region_json("b", "ssh.example.com:2202")]
    repo.git("remote", "add", "scalingo", url)
    before = repo.config.read_bytes()
    hint = "hint: if you know where myapp is now, move 'scalingo' there: git scalingo-region add REGION myapp\n"
    status = run("status")
    assert status.stdout.splitlines()[1].split() == ["scalingo", region, "myapp", "unknown-region", url]
    assert (status.status, status.stderr) == (7, hint)
    assert run("sync") == Result(0, "No Scalingo remote is stale\n", hint)
    why = f"the remote 'scalingo' points at {where}: say where myapp is now (a, b, osc-fr1, scw-par)"
    assert run("add", "myapp") == refusal(3, why, "git scalingo-region add REGION myapp")
    assert repo.config.read_bytes() == before
    assert run("add", "osc-fr1", "myapp").status == 0
    assert repo.push_urls() == [OSC_FR1]


def test_what_is_not_in_the_configuration_or_is_run_by_a_helper(repo: Repo, run: Run) -> None:
    """A remote with a remote helper, or from a legacy file, is a conflict for `add`, and `status` reports it."""
    sh(f"git remote add scalingo {OSC_FR1}; git config remote.scalingo.vcs foo; mkdir -p .git/remotes .git/branches")
    (repo.path / ".git" / "remotes" / "legacy").write_text(f"URL: {SECNUM}\n")
    (repo.path / ".git" / "branches" / "branch").write_text(f"{SECNUM}\n")
    before = repo.config.read_bytes()
    assert run("status", "--offline", "--json").json["remotes"][0]["state"] == "diverted"
    helped = run("add", "osc-fr1", "myapp", "--offline", "-q")
    assert "error: the remote 'scalingo' is reached through the remote helper 'foo'\n" in helped.stderr
    assert helped.status == 6
    for name, kind in (("legacy", "remotes"), ("branch", "branches")):
        result = run("add", "osc-fr1", "myapp", "--offline", "-r", name)
        assert f"error: the remote '{name}' is defined by the file .git/{kind}/{name}\n" in result.stderr
        assert result.status == 6
        assert run("status", name, "--offline").status == 6
    assert repo.config.read_bytes() == before


@pytest.mark.parametrize("url", ["https://example.com/o.git", STALE])
def test_a_file_that_git_reads_twice(repo: Repo, run: Run, url: str) -> None:
    """The program does not edit a file that git reads twice, since a url would then be in force twice or not at all."""
    team = repo.path / ".git" / "team"
    team.write_text(f'[remote "scalingo"]\n\turl = {url}\n')
    sh("git config include.path team; git config --add include.path ./team")
    before = repo.config.read_bytes(), team.read_bytes()
    result = run("add", "osc-fr1", "myapp", "--force", "--offline")
    assert (result.status, result.stdout) == (5, "")
    assert f"error: git reads {team} more than once: include it only once\n" in result.stderr
    assert run("add", "osc-fr1", "myapp", "--offline").status == 6
    assert run("sync", "--offline").stdout == "No Scalingo remote is stale\n"
    assert (repo.config.read_bytes(), team.read_bytes()) == before


DIVERTED = {
    "insteadOf, another port": f"url.{STALE[:-9]}.insteadOf {OSC_FR1[:-9]}",
    "pushInsteadOf": "url.git@proxy.example:.pushInsteadOf ssh://",
    "insteadOf, another host": "url.git@proxy.example:.insteadOf ssh://",
    "another app": f"url.{OSC_FR1[:-9]}x-.insteadOf {OSC_FR1[:-9]}",
    "global": "--global url.git@proxy.example:.insteadOf ssh://",
}


@pytest.mark.slow
@pytest.mark.parametrize("case", DIVERTED)
def test_a_diverted_remote_is_not_stale(repo: Repo, run: Run, paste: Paste, case: str) -> None:
    """If git rewrites the url, `status` says diverted, `sync` changes nothing, `add` warns, and `doctor` reports it."""
    sh(f"git remote add scalingo {OSC_FR1}; git config {DIVERTED[case]}")
    (reached,) = repo.push_urls()
    before = repo.config.read_bytes()
    status = run("status", "--offline")
    added = run("add", "osc-fr1", "myapp", "--offline")
    assert status.stdout.splitlines()[1].split() == ["scalingo", "osc-fr1", "myapp", "diverted", reached]
    assert printed(status) == ["git scalingo-region doctor scalingo"]
    assert paste(f"{printed(status)[0]} --offline").returncode == 7
    assert run("sync", "--offline").stdout == "No Scalingo remote is stale\n"
    assert f"git push scalingo goes to {reached}: your git configuration rewrites the url" in messages(added, "warning")
    assert (field(added, "next"), printed(added)) == ("", printed(status))
    assert repo.config.read_bytes() == before


SECRET = "https://oauth2:s3cret@x.org/a.git"


ADDED = f"git remote add scalingo {OSC_FR1}"


@pytest.mark.parametrize("token", ["oauth2:s3cret", "s3cret", "me:s3cret@x"])
@pytest.mark.parametrize(
    ("lines", "commands"),
    [
        (f"git remote add scalingo {SECRET}", "add osc-fr1 myapp; sync scalingo; status scalingo; doctor"),
        (f"{ADDED}; git remote set-url --add scalingo {SECRET}", "add; doctor"),
        (f"{ADDED}; git config url.{SECRET}.insteadOf {OSC_FR1}", "add; doctor; status"),
        (f"git config -f .gitscalingo remote.scalingo.app a; git remote add scalingo {SECRET}", "status; setup"),
    ],
)
def test_a_token_in_a_url_is_not_shown(repo: Repo, run: Run, lines: str, commands: str, token: str) -> None:
    """A token in a url is not shown by `add`, `sync`, `status`, `setup` or `doctor`, since output may be logged."""
    sh(lines.replace("oauth2:s3cret", token))
    for command in commands.split("; "):
        result = run(*command.split(), "--offline")
        assert "https://x.org/a.git" in result.stdout + result.stderr
        assert "s3cret" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    "spelling", ["git@ssh.osc-fr1.scalingo.com:myapp.git", "ssh://git@SSH.osc-fr1.scalingo.com/myapp.git/"]
)
def test_an_equal_remote_is_shown_as_it_is(repo: Repo, run: Run, spelling: str) -> None:
    """A remote that spells the right url differently is not changed, and is shown as the configuration spells it."""
    repo.git("remote", "add", "scalingo", spelling)
    before = repo.config.read_bytes(), repo.config.stat().st_mtime_ns
    text, as_json = run("add", "osc-fr1", "myapp", "--offline"), run("add", "--offline", "--json").json
    assert text.stdout == (
        "Remote 'scalingo' is up to date\n"
        f"  url     {spelling}\n"
        "  region  osc-fr1 (Paris - Outscale), given as an argument\n"
        "  next    git push scalingo main\n"
    )
    shown = [as_json[key] for key in ("outcome", "url", "previous_url", "undo")]
    assert shown == ["unchanged", spelling, spelling, []]
    assert (repo.config.read_bytes(), repo.config.stat().st_mtime_ns) == before


def test_an_empty_region_counts_as_not_given(repo: Repo, run: Run) -> None:
    """`add "" myapp` and `url "" myapp` choose the region as if no REGION were given."""
    assert run("add", "", "myapp", "--offline", "--json").json["region_source"] == "default"
    assert run("url", "", "myapp", "--offline").stdout == f"{OSC_FR1}\n"
    assert run("url", "", "", "--offline").stdout == f"{OSC_FR1}\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "shown"),
    [
        ("git -C '{}' scalingo-region", "git -C {}"),
        ("git --git-dir='{}/.git' scalingo-region", "git --git-dir={}/.git"),
        ("cd '{0}'; GIT_DIR=.git; export GIT_DIR; git scalingo-region", "git --git-dir={}/.git"),
        ("cd '{0}/..'; export GIT_DIR=repo/.git; git -C '{0}/..' scalingo-region", "git --git-dir={}/.git"),
        ("cd '{0}'; git -C . scalingo-region", "git"),
        ("env PWD=/nowhere git -C '{}' scalingo-region", "git"),
        (
            """cd '{}'; git -c "push.a=x'= y!" -c push.x -c core.a=b -c push.z= scalingo-region""",
            """git -c 'push.a=x'"'"'= y!' -c push.x -c push.z=""",
        ),
    ],
)
def test_commands_repeat_the_options_of_git(
    endpoint: Endpoint, repo: Repo, home: Path, paste: Paste, monkeypatch: pytest.MonkeyPatch, start: str, shown: str
) -> None:
    """Printed commands repeat the options of git (-C, --git-dir, -c) that they need to work when they are pasted."""
    app, prefix = endpoint.app("myapp"), shown.format(repo.path)
    (home / ".ssh").mkdir(mode=0o700)
    (home / ".ssh" / "known_hosts").write_text(endpoint.line())
    repo.git("remote", "add", "scalingo", STALE)
    monkeypatch.chdir(home)
    monkeypatch.setenv("PWD", str(home))

    result = paste(f"{start.format(repo.path)} add osc-fr1 myapp")

    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines()[1:])
    assert lines["undo"] == f"{prefix} remote set-url scalingo {STALE}"
    assert lines["next"] == f"{prefix} push scalingo main"
    if shown == prefix:
        monkeypatch.chdir(repo.path)
    assert paste(lines["next"]).returncode == 0
    assert git("rev-parse", "main", cwd=app) == repo.git("rev-parse", "HEAD")
    assert paste(lines["undo"]).returncode == 0
    assert repo.push_urls() == [STALE]


def test_a_url_with_a_password_is_shown_without_it(repo: Repo, run: Run) -> None:
    """If git turns an https url with a password into a Scalingo url, `add`, `doctor` and `status` hide the password."""
    for port, command in (("22", ["add", "--offline"]), ("2200", ["doctor", "--offline"]), ("2200", ["status"])):
        repo.git("config", "remote.scalingo.url", "https://me:secret@x.example/myapp.git")
        rule = f"url.ssh://git@ssh.osc-fr1.scalingo.com:{port}/.insteadOf"
        repo.git("config", rule, "https://me:secret@x.example/")
        result = run(*command)
        repo.git("config", "--unset", rule)
        assert "myapp" in result.stdout
        assert "secret" not in result.stdout + result.stderr
