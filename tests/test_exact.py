"""What the program prints is exact: every command that it prints is pasted into a shell, and what it did is looked at.

Each table is one class of states of git, named by hand. The region's endpoint is a real ssh server on loopback.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from account import Account, account
from conftest import OSC_FR1, SECNUM, Repo, Run, Service, git, region_json
from pasting import Paste, field, messages, paste, printed
from ssh_server import Endpoint, client_key, endpoint, make_host_key, needs_ssh_server

__all__ = ["account", "client_key", "endpoint", "make_host_key", "paste"]

ELSEWHERE = "git@example.org:me/myapp.git"
OLD_PORT = OSC_FR1.replace(":22/", ":2200/")
FULL = "git push scalingo refs/heads/main:refs/heads/main"
COMMIT = "git push scalingo 'HEAD^0:refs/heads/main'"
HEADS = ("for-each-ref", "--format=%(refname) %(objectname)")


def sh(script: str) -> None:
    """Arrange something in the current folder."""
    subprocess.run(["sh", "-ec", script], check=True, capture_output=True)


def listing(repo: Repo) -> list[str]:
    """Return git's configuration: what an undo has to bring back."""
    return sorted(repo.git("config", "--list", "--show-origin", "--null").split("\0"))


# --- next ------------------------------------------------------------------------------------------------------------

NEXT = {
    "main": ("", "git push scalingo main"),
    "master": ("git branch -m master", "git push scalingo master"),
    "feature": ("git switch -qc feature/x", "git push scalingo refs/heads/feature/x:refs/heads/main"),
    "detached": ("git checkout -q --detach", COMMIT),
    "tag HEAD": ("git update-ref refs/tags/HEAD HEAD^", "git push scalingo main"),
    "tag HEAD, detached": ("git update-ref refs/tags/HEAD HEAD^; git checkout -q --detach", COMMIT),
    "branch HEAD": (
        "git update-ref refs/heads/HEAD HEAD; git symbolic-ref HEAD refs/heads/HEAD",
        "git push scalingo refs/heads/HEAD:refs/heads/main",
    ),
    "HEAD outside refs/heads": ("git update-ref refs/x/main HEAD; git symbolic-ref HEAD refs/x/main", COMMIT),
    "HEAD is a remote's branch": (
        "git update-ref refs/remotes/o/main HEAD; git symbolic-ref HEAD refs/remotes/o/main",
        COMMIT,
    ),
    "tag main": ("git update-ref refs/tags/main HEAD^", FULL),
    "refs/main": ("git update-ref refs/main HEAD^", FULL),
    "branch refs/heads/main": ("git update-ref refs/heads/refs/heads/main HEAD^", COMMIT),
    "tag refs/heads/main": ("git update-ref refs/tags/refs/heads/main HEAD^", COMMIT),
    "remote branch main": ("git update-ref refs/remotes/main HEAD^", "git push scalingo main"),
    "upstream": (
        (
            "git config push.default upstream; git config branch.main.remote origin;"
            " git config branch.main.merge refs/heads/develop"
        ),
        FULL,
    ),
    "tracking": (
        (
            "git config push.default tracking; git config branch.main.remote scalingo;"
            " git config branch.main.merge refs/heads/develop"
        ),
        FULL,
    ),
    "nothing": ("git config push.default nothing", "git push scalingo main"),
    "matching": ("git branch other; git config push.default matching", "git push scalingo main"),
    "remote.push": ("git config remote.scalingo.push refs/heads/main:refs/heads/foo", FULL),
    "remote.push +": ("git config remote.scalingo.push +refs/heads/*:refs/heads/x/*", FULL),
    "pushRemote": ("git config branch.main.pushRemote origin; git config remote.pushDefault origin", None),
    "+foo": ("git switch -qc +foo", "git push scalingo refs/heads/+foo:refs/heads/main"),
    "heads/main": ("git switch -qc heads/main", "git push scalingo refs/heads/heads/main:refs/heads/main"),
    "tags/x": ("git switch -qc tags/x", "git push scalingo refs/heads/tags/x:refs/heads/main"),
    "branch like a command": (
        "git symbolic-ref HEAD 'refs/heads/$(touch${IFS}pwned)'; git commit -q --allow-empty -m x",
        "git push scalingo 'refs/heads/$(touch${IFS}pwned):refs/heads/main'",
    ),
    "branch with a no-break space": (
        "git switch -qc \"$(printf 'a\\302\\240b')\"",
        "git push scalingo \"$(printf 'refs/heads/a\\302\\240b:refs/heads/main')\"",
    ),
    "branch in latin-1": (
        "git switch -qc \"$(printf 'caf\\351')\"",
        "git push scalingo \"$(printf 'refs/heads/caf\\351:refs/heads/main')\"",
    ),
    "follow-tags, light tag": ("git config push.followTags true; git tag v1", "git push scalingo main"),
    "follow-tags off": ("git config push.followTags 0; git tag -am v1 v1", "git push scalingo main"),
    "submodules checked": ("git config push.recurseSubmodules check", "git push scalingo main"),
    "submodules off": (
        "git config submodule.recurse true; git config push.recurseSubmodules no",
        "git push scalingo main",
    ),
    "signed if asked": ("git config push.gpgSign if-asked", "git push scalingo main"),
    "not a mirror": ("git config remote.scalingo.mirror off", "git push scalingo main"),
    "a folder like the remote": ("mkdir scalingo", "git push scalingo main"),
    "a file like the branch": ("touch main", "git push scalingo main"),
}


@needs_ssh_server
@pytest.mark.slow
@pytest.mark.parametrize("state", NEXT)
def test_next_deploys_what_is_checked_out(
    endpoint: Endpoint, repo: Repo, run: Run, paste: Paste, home: Path, state: str
) -> None:
    """In every state of the repository, `next` sends the commit of HEAD to the deployed branch, and nothing else."""
    script, command = NEXT[state]
    app = endpoint.app("myapp")
    trust(endpoint, home)
    repo.commit()
    sh(script)
    commit = repo.git("log", "-1", "--format=%H", "HEAD^0")

    result = run("add", "osc-fr1", "myapp")
    assert field(result, "next") == (command or "git push scalingo main")
    done = paste(field(result, "next"))

    assert done.returncode == 0, done.stderr
    branch = "master" if state == "master" else "main"
    assert git(*HEADS, cwd=app) == f"refs/heads/{branch} {commit}"
    assert not (repo.path / "pwned").exists()


def trust(endpoint: Endpoint, home: Path) -> None:
    """Let ssh know the endpoint's host key."""
    (home / ".ssh").mkdir(mode=0o700, exist_ok=True)
    (home / ".ssh" / "known_hosts").write_text(endpoint.line())


SUBMODULE = "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),sub; git commit -qm sub; "
NO_NEXT = {
    "mirror": ("git config remote.scalingo.mirror true", "remote.scalingo.mirror"),
    "mirror, valueless": ("printf '[remote \"scalingo\"]\\n\\tmirror\\n' >>.git/config", "remote.scalingo.mirror"),
    "follow-tags": ("git config push.followTags 0x1; git tag -am v1 v1", "push.followTags"),
    "follow-tags maybe": ("git config push.followTags maybe", "push.followTags"),
    "submodules only": ("git config push.recurseSubmodules only", "push.recurseSubmodules"),
    "submodules on demand": (SUBMODULE + "git config push.recurseSubmodules on-demand", "push.recurseSubmodules"),
    "submodule.recurse": (SUBMODULE + "git config submodule.recurse true", "submodule.recurse"),
    "signed": ("git config push.gpgSign yes", "push.gpgSign"),
    "push option": ("git config push.pushOption ci.skip", "push.pushOption"),
    "shallow": ("git rev-parse HEAD >.git/shallow", "the clone"),
    "receive-pack": ("git config remote.scalingo.receivepack /opt/receive", "remote.scalingo.receivepack"),
}


@pytest.mark.parametrize("state", NO_NEXT)
def test_no_next_if_no_refspec_helps(repo: Repo, run: Run, paste: Paste, state: str) -> None:
    """If a setting spoils every push, no `next` is printed; the hints name the setting, and `doctor` finds it."""
    script, key = NO_NEXT[state]
    sh(script)

    result = run("add", "osc-fr1", "myapp", "--offline")

    assert (result.status, field(result, "next")) == (0, "")
    assert messages(result, "hint")[0].startswith(f"{key} is ")
    assert printed(result)[:1] == ["git scalingo-region doctor scalingo"]
    assert run("add", "osc-fr1", "myapp", "--offline", "--json").json["next"] is None
    assert paste(f"{printed(result)[0]} --offline").returncode == 7


@pytest.mark.parametrize("where", ["new", "orphan", "bare"])
def test_no_next_without_a_commit(
    repo: Repo, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Without a commit there is nothing to push: a hint says so, and `next` is null in JSON."""
    if where == "orphan":
        repo.git("switch", "--quiet", "--orphan", "empty")
    else:
        git("init", "--quiet", *(["--bare"] if where == "bare" else []), str(tmp_path / where))
        monkeypatch.chdir(tmp_path / where)

    result = run("add", "osc-fr1", "myapp", "--offline")

    assert (result.status, field(result, "next")) == (0, "")
    assert messages(result, "hint")[0] == "there is no commit to push yet"
    assert run("add", "osc-fr1", "myapp", "--offline", "--json").json["next"] is None


# --- undo ------------------------------------------------------------------------------------------------------------

# Each script makes the remote that `add --force` (or, if it says so, `sync`) replaces.
UNDO = {
    "url": "git remote add scalingo git@ssh.osc-fr1.scalingo.com:other.git",
    "url and pushurl": f"git remote add scalingo {OLD_PORT}; git config remote.scalingo.pushurl {OLD_PORT}",
    "several": "git remote add scalingo a:x; git remote set-url --add scalingo 'b:y z'",
    "several pushurls": "git remote add scalingo a:x; git config --add remote.scalingo.pushurl b:1;"
    " git config --add remote.scalingo.pushurl b:2",
    "the same twice": "git remote add scalingo a:x; git config --add remote.scalingo.url a:x",
    "only a pushurl": "git config remote.scalingo.pushurl a:x",
    "quotes": 'git config remote.scalingo.url "it\'s \\"x\\" \\\\\\$HOME;#"',
    "no-break space": "git config remote.scalingo.url \"$(printf 'a:\\302\\240x')\"",
    "tab and newline": "git config remote.scalingo.url \"$(printf 'a:\\tx\\ny')\"",
    "escape": "git config remote.scalingo.url \"$(printf 'a:\\033[2Jx')\"",
    "latin-1": "git config remote.scalingo.url \"$(printf 'a:caf\\351')\"",
    "percent and backslash": "git config remote.scalingo.url \"$(printf 'a:%%s\\\\n\\t!')\"",
    "empty": "git remote add scalingo a:x; git config --add remote.scalingo.url '';"
    " git config --add remote.scalingo.url b:y",
    "empty pushurl": "git config remote.scalingo.url a:x; git config remote.scalingo.pushurl ''",
    "like an option": "git config remote.scalingo.url --push",
    "like an option too": "git config remote.scalingo.url -oProxyCommand=x",
    "include": "git config -f .git/team remote.scalingo.url a:x; git config include.path team",
    "include with an odd name": "git config -f '.git/a $x' remote.scalingo.url a:x; git config include.path 'a $x'",
    "two files": "git config -f .git/team remote.scalingo.url a:x; git config include.path team;"
    " git config remote.scalingo.url b:y",
    "worktree": "git config extensions.worktreeConfig true; git config --worktree remote.scalingo.url a:x",
    "inherited": "git config --global remote.scalingo.url a:x",
    "with other settings": "git remote add scalingo a:x; git config remote.scalingo.push +refs/heads/*:refs/heads/*",
    "spelled otherwise": "printf '[ReMoTe \"scalingo\"]\\n\\tURL=a:x # here\\n' >>.git/config",
}


@pytest.mark.parametrize("state", UNDO)
def test_undo_of_add(repo: Repo, run: Run, paste: Paste, state: str) -> None:
    """The undo of an update brings back, for git, exactly the configuration from before."""
    sh(UNDO[state])
    before = listing(repo)

    result = run("add", "osc-fr1", "myapp", "--offline", "--force")
    assert (result.status, repo.push_urls()) == (0, [OSC_FR1]), result.stderr
    assert listing(repo) != before
    done = paste(field(result, "undo"))

    assert (done.returncode, done.stderr) == (0, "")
    assert listing(repo) == before


def test_undo_that_no_shell_can_carry(repo: Repo, run: Run) -> None:
    """A url that ends with a newline, which a command substitution drops, has no undo rather than a wrong one."""
    repo.git("config", "remote.scalingo.url", "a:x\n")

    result = run("add", "osc-fr1", "myapp", "--offline", "--force")

    assert result.stdout == (
        "Updated remote 'scalingo'\n"
        f"  url     a:x\\n -> {OSC_FR1}\n"
        "  region  osc-fr1 (Paris - Outscale), given as an argument\n"
        "  next    git push scalingo main\n"
    )


STALE_NAMES = ("-dash", "--", "a b", "q'x", "$(touch pwned)", "a\tb", "caf\udce9", "")


@pytest.mark.parametrize("name", STALE_NAMES)
def test_undo_of_sync(repo: Repo, run: Run, paste: Paste, name: str) -> None:
    """`sync` updates a remote of any name that git accepts in its file, and its undo, pasted, takes that back."""
    repo.git("config", f"remote.{name}.url", OLD_PORT)
    before = listing(repo)

    result = run("sync", "--offline")
    assert repo.git("config", f"remote.{name}.url") == OSC_FR1
    done = paste(field(result, "undo"))

    assert (done.returncode, done.stderr) == (0, "")
    assert listing(repo) == before
    assert not (repo.path / "pwned").exists()


def test_undo_from_a_subfolder(repo: Repo, run: Run, paste: Paste, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a subfolder, too, the undo names an included file as it has to be named from there."""
    sh(UNDO["include"])
    (repo.path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(repo.path / "a" / "b")
    before = listing(repo)

    result = run("add", "osc-fr1", "myapp", "--offline", "--force")

    assert repo.push_urls() == [OSC_FR1]
    assert paste(field(result, "undo")).returncode == 0
    assert listing(repo) == before


# --- the right place -------------------------------------------------------------------------------------------------


def test_a_region_that_is_new_is_no_app(
    repo: Repo, run: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A word that the cached list lacks is looked up again before it is taken as the app."""
    scw_par = service.regions.pop()
    run("list")
    service.regions.append(scw_par)
    monkeypatch.setenv("SCALINGO_APP", "myapp")

    assert run("add", "scw-par", "-n", "--json").json["url"] == "ssh://git@ssh.scw-par.scalingo.com:22/myapp.git"
    monkeypatch.delenv("SCALINGO_APP")
    service.regions.pop()
    run("list", "--refresh")
    service.regions.append(scw_par)
    repo.git("remote", "add", "scalingo", OSC_FR1)
    moved = run("add", "scw-par", "--json").json
    assert (moved["region"], moved["app"], moved["previous_url"]) == ("scw-par", "myapp", OSC_FR1)


@pytest.mark.parametrize("app", ["myapp", ""])
def test_a_region_that_the_account_does_not_see(
    repo: Repo, run: Run, service: Service, monkeypatch: pytest.MonkeyPatch, app: str
) -> None:
    """A known region that the token's list lacks is an error that says so, and never the name of another region."""
    monkeypatch.setenv("SCALINGO_API_TOKEN", "tk-us-x")
    monkeypatch.setenv("SCALINGO_APP", "myapp")

    result = run("add", "osc-secnum-fr1", *([app] if app else []))

    assert (result.status, result.stdout, result.stderr) == (
        3,
        "",
        (
            "error: the region 'osc-secnum-fr1' exists, but this account does not see it\n"
            "hint: ask Scalingo's support for access to it\n"
        ),
    )


def test_sync_keeps_each_urls_own_app_and_region(repo: Repo, run: Run, paste: Paste) -> None:
    """Of a url and a pushurl only the stale one changes, and each keeps its own app and region."""
    appa, appb = OLD_PORT.replace("myapp", "appa"), OLD_PORT.replace("myapp", "appb")
    sh(f"git remote add both {appa}; git config remote.both.pushurl {appb}")
    sh(f"git remote add mixed {SECNUM}; git config remote.mixed.pushurl {OLD_PORT}")
    before = listing(repo)
    new = [url.replace("2200", "22") for url in (appa, appb)]

    result = run("sync", "--offline")

    assert result.stdout == (
        "Updated remote 'both'\n"
        f"  url      {appa} -> {new[0]}\n"
        f"  pushurl  {appb} -> {new[1]}\n"
        "  region   osc-fr1\n"
        f"  undo     git remote set-url both {appa} && git remote set-url --push both {appb}\n"
        "\n"
        "Updated remote 'mixed'\n"
        f"  pushurl  {OLD_PORT} -> {OSC_FR1}\n"
        "  region   osc-fr1\n"
        f"  undo     git remote set-url --push mixed {OLD_PORT}\n"
        "\n"
        "2 remotes updated\n"
    )
    assert repo.git("config", "remote.mixed.url") == SECNUM
    for command in printed(result):
        assert paste(command).returncode == 0
    assert listing(repo) == before


# Hosts that do not tell a region that is there: url, what `status` calls the region, and the error of `add myapp`.
UNKNOWN = {
    "scalingo.com": (
        "git@scalingo.com:myapp.git",
        "agora-fr1",
        "the region agora-fr1, which is gone",
    ),
    "agora": ("git@ssh.agora-fr1.scalingo.com:myapp.git", "agora-fr1", "the region agora-fr1, which is gone"),
    "ssh.scalingo.com": ("git@ssh.scalingo.com:myapp.git", "unknown", "an unknown region"),
    "two on one host": ("ssh://git@ssh.example.com:22/myapp.git", "unknown", "an unknown region"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_a_host_that_does_not_tell_the_region(repo: Repo, run: Run, service: Service, case: str) -> None:
    """Such a remote stays where it is until its user names a region, and every hint says how to do that."""
    url, region, where = UNKNOWN[case]
    service.regions += [region_json("a", "ssh.example.com:2201"), region_json("b", "ssh.example.com:2202")]
    repo.git("remote", "add", "scalingo", url)
    before = repo.config.read_bytes()
    hint = "hint: if you know where myapp is now, move 'scalingo' there: git scalingo-region add REGION myapp\n"

    status, synced, refused = run("status"), run("sync"), run("add", "myapp")

    assert status.stdout.splitlines()[1].split() == ["scalingo", region, "myapp", "unknown-region", url]
    assert (status.status, status.stderr) == (7, hint)
    assert (synced.status, synced.stdout, synced.stderr) == (0, "No Scalingo remote is stale\n", hint)
    assert (refused.status, refused.stdout, refused.stderr) == (
        3,
        "",
        (
            f"error: the remote 'scalingo' points at {where}: say where myapp is now (a, b, osc-fr1, scw-par)\n"
            "hint: git scalingo-region add REGION myapp\n"
        ),
    )
    assert repo.config.read_bytes() == before
    assert run("add", "osc-fr1", "myapp").status == 0
    assert repo.push_urls() == [OSC_FR1]


def test_what_is_not_in_the_configuration_or_is_run_by_a_helper(repo: Repo, run: Run) -> None:
    """A remote of a helper, or of a legacy file, is a conflict; `status` says what git does with it."""
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


TWICE = {
    "two spellings": "git config include.path team; git config --add include.path ./team",
    "a link": "ln -s team .git/link; git config include.path team; git config --add include.path link",
    "one spelling": "git config include.path team; git config --add include.path team",
}


@pytest.mark.parametrize("url", ["https://example.com/o.git", OLD_PORT])
@pytest.mark.parametrize("case", TWICE)
def test_a_file_that_git_reads_twice(repo: Repo, run: Run, case: str, url: str) -> None:
    """A file that git reads twice is not edited: the values would be in force twice, or not at all."""
    team = repo.path / ".git" / "team"
    team.write_text(f'[remote "scalingo"]\n\turl = {url}\n')
    sh(TWICE[case])
    before = repo.config.read_bytes(), team.read_bytes()

    result = run("add", "osc-fr1", "myapp", "--force", "--offline")

    assert (result.status, result.stdout) == (5, "")
    assert f"error: git reads {team} more than once: include it only once\n" in result.stderr
    assert run("add", "osc-fr1", "myapp", "--offline").status == 6
    assert run("sync", "--offline").stdout == "No Scalingo remote is stale\n"
    assert (repo.config.read_bytes(), team.read_bytes()) == before


# --- a push that is diverted -----------------------------------------------------------------------------------------

DIVERTED = {
    "insteadOf, another port": (f"git config url.{OLD_PORT[:-9]}.insteadOf {OSC_FR1[:-9]}", OLD_PORT),
    "pushInsteadOf": ("git config url.git@proxy.example:.pushInsteadOf ssh://", None),
    "insteadOf, another host": ("git config url.git@proxy.example:.insteadOf ssh://", None),
    "another app": (f"git config url.{OSC_FR1[:-9]}x-.insteadOf {OSC_FR1[:-9]}", None),
    "global": ("git config --global url.git@proxy.example:.insteadOf ssh://", None),
}


@pytest.mark.parametrize("case", DIVERTED)
def test_a_diverted_remote_is_not_stale(repo: Repo, run: Run, paste: Paste, case: str) -> None:
    """If git rewrites the url, `status` says diverted, `sync` leaves it alone, `add` warns, and `doctor` knows why."""
    sh(f"git remote add scalingo {OSC_FR1}; {DIVERTED[case][0]}")
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


# --- what is printed is what is there --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spelling", ["git@ssh.osc-fr1.scalingo.com:myapp.git", "ssh://git@SSH.osc-fr1.scalingo.com/myapp.git/"]
)
def test_an_equal_remote_is_shown_as_it_is(repo: Repo, run: Run, spelling: str) -> None:
    """An equal remote is unchanged, byte for byte, and is shown as the configuration spells it."""
    repo.git("remote", "add", "scalingo", spelling)
    before = repo.config.read_bytes(), repo.config.stat().st_mtime_ns

    text, as_json = run("add", "osc-fr1", "myapp", "--offline"), run("add", "--offline", "--json").json

    assert text.stdout == (
        "Remote 'scalingo' is up to date\n"
        f"  url     {spelling}\n"
        "  region  osc-fr1 (Paris - Outscale), given as an argument\n"
        "  next    git push scalingo main\n"
    )
    assert (as_json["outcome"], as_json["url"], as_json["previous_url"], as_json["undo"]) == (
        "unchanged",
        spelling,
        spelling,
        [],
    )
    assert (repo.config.read_bytes(), repo.config.stat().st_mtime_ns) == before


def test_an_empty_region_counts_as_not_given(repo: Repo, run: Run) -> None:
    """`add "" myapp` and `url "" myapp` choose the region as if no REGION were given."""
    assert run("add", "", "myapp", "--offline", "--json").json["region_source"] == "default"
    assert run("url", "", "myapp", "--offline").stdout == f"{OSC_FR1}\n"
    assert run("url", "", "", "--offline").stdout == f"{OSC_FR1}\n"


def test_the_cli_is_logged_in_at_a_host_without_its_port(
    run: Run, service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The platform CLI's login counts for the service's host, whatever its port, and its variables move its files."""
    auth, config = tmp_path / "elsewhere" / "auth", tmp_path / "elsewhere" / "config.json"
    auth.parent.mkdir()
    auth.write_text('{"auth_config_data": {"127.0.0.1": {"tokens": {"token": "tk-us-cli"}}}}')
    config.write_text('{"region": "scw-par"}')
    monkeypatch.setenv("CONFIG_DIR", str(auth.parent))

    assert run("url", "myapp").stdout == "ssh://git@ssh.scw-par.scalingo.com:22/myapp.git\n"
    assert [path for _, path, _ in service.requests] == ["/v1/tokens/exchange", "/v1/regions"]
    monkeypatch.delenv("CONFIG_DIR")
    monkeypatch.setenv("AUTH_FILE", str(auth))
    monkeypatch.setenv("CONFIG_FILE_PATH", str(config))
    assert run("url", "myapp").stdout == "ssh://git@ssh.scw-par.scalingo.com:22/myapp.git\n"


@needs_ssh_server
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
    ],
    ids=["-C", "--git-dir", "GIT_DIR", "GIT_DIR from elsewhere", "-C .", "stale PWD"],
)
def test_commands_work_in_the_shell_of_a_user_who_is_elsewhere(
    endpoint: Endpoint, repo: Repo, home: Path, paste: Paste, monkeypatch: pytest.MonkeyPatch, start: str, shown: str
) -> None:
    """What is printed names the repository if the shell is in another folder, and works when pasted there."""
    app, prefix = endpoint.app("myapp"), shown.format(repo.path)
    trust(endpoint, home)
    repo.git("remote", "add", "scalingo", OLD_PORT)
    monkeypatch.chdir(home)
    monkeypatch.setenv("PWD", str(home))

    result = paste(f"{start.format(repo.path)} add osc-fr1 myapp")

    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines()[1:])
    assert lines["undo"] == f"{prefix} remote set-url scalingo {OLD_PORT}"
    assert lines["next"] == f"{prefix} push scalingo main"
    if prefix == "git":
        monkeypatch.chdir(repo.path)
    assert paste(lines["next"]).returncode == 0
    assert git(*HEADS, cwd=app) == f"refs/heads/main {repo.git('rev-parse', 'HEAD')}"
    assert paste(lines["undo"]).returncode == 0
    assert repo.push_urls() == [OLD_PORT]


def test_a_remote_in_a_region_that_the_account_does_not_see(repo: Repo, run: Run, account: Account) -> None:
    """The region is not gone: no command moves the remote to another one, even if that has an app of the name."""
    account.service.regions = [region for region in account.service.regions if region["name"] != "osc-secnum-fr1"]
    account.add_app("osc-fr1", "myapp")
    repo.git("remote", "add", "scalingo", SECNUM)
    hidden, ask = "exists, but this account does not see it", "ask Scalingo's support for access to it"
    error = f"error: the region 'osc-secnum-fr1' {hidden}\nhint: {ask}\n"
    hint = f"hint: osc-secnum-fr1, the region of 'scalingo', {hidden}: {ask}\n"

    for command in (["add"], ["add", "myapp"], ["url"]):
        result = run(*command)
        assert (result.status, result.stdout, result.stderr) == (3, "", error)
    result = run("sync")
    assert (result.status, result.stdout, result.stderr) == (0, "No Scalingo remote is stale\n", hint)
    result = run("status")
    assert (result.status, result.stderr) == (7, hint)
    remote = next(check for check in run("doctor", "--json").json["checks"] if check["check"] == "remote")
    detail = f"its region, osc-secnum-fr1, {hidden}: {ask}"
    assert remote == {"check": "remote", "status": "problem", "detail": detail, "fix": None, "try": None}
    assert repo.push_urls() == [SECNUM]


@pytest.mark.parametrize("key", ["push.autoSetupRemote", "remote.other.prune", "push.useForceIfIncludes"])
def test_a_setting_that_git_cannot_read(repo: Repo, run: Run, key: str) -> None:
    """If git would refuse every push, `doctor` says so in git's words, and `add` prints no push command."""
    repo.git("config", key, "maybe")
    said = f"bad boolean config value 'maybe' for '{key.lower()}'"
    if said not in refusal():
        pytest.skip("this git does not know the setting")

    added = run("add", "osc-fr1", "myapp", "--offline")
    check = next(item for item in run("doctor", "--offline", "--json").json["checks"] if item["check"] == "refspec")

    assert (field(added, "next"), added.status) == ("", 5 if key.startswith("remote.") else 0)
    assert said in added.stderr
    assert (check["status"], check["detail"]) == ("problem", f"git refuses to push: {said}")


def refusal() -> str:
    """Return what git says about a push that cannot be made anyway."""
    done = subprocess.run(["git", "push", "nowhere", "HEAD"], check=False, capture_output=True, text=True)
    return done.stderr
