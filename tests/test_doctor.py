"""`doctor`: each check in each of its states, and each fix, pasted into a shell."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from account import Account
from conftest import ELSEWHERE, OSC_FR1, SECNUM, STALE, Repo, Run, Service, answers, executable, git, refusal
from pasting import Paste
from ssh_server import Endpoint, make_key, needs_openssh, public_key

from git_scalingo_region.commands import access as module
from git_scalingo_region.commands import doctor as command
from git_scalingo_region.commands.checks import Finding
from git_scalingo_region.model import SshEndpoint
from git_scalingo_region.scalingo import builtin
from git_scalingo_region.ssh.client import HostKey

pytestmark = needs_openssh

HOST = "ssh.osc-fr1.scalingo.com"
REMOTE = ("remote", "push-url", "app", "host-key", "key")
CONTENT = ("history", "refspec", "follow-tags", "commit", "identity", "submodules", "branch")
NAMES = ["git", "ssh", "repository", "remote", "push-url", "regions", *REMOTE[2:], *CONTENT, "connection"]
TRUST = "git scalingo-region trust osc-fr1"
KEYS_PAGE = "https://dashboard.scalingo.com/account/keys"

Check = dict[str, Any]
Doctor = Callable[..., dict[str, Check]]


@pytest.fixture
def doctor(run: Run) -> Doctor:
    """Return a function that runs doctor, asserts what holds for every run, and returns the checks by name."""

    def look(*arguments: str) -> dict[str, Check]:
        result = run("doctor", "--json", *arguments)
        found: list[Check] = result.json["checks"]
        assert [check["check"] for check in found] == NAMES
        assert result.status == (7 if any(check["status"] == "problem" for check in found) else 0)
        for check in found:
            assert not (check["fix"] and check["try"])
            assert check["status"] in ("problem", "warning") or (check["fix"], check["try"]) == (None, None)
        return {check.pop("check"): check for check in found}

    return look


def finding(status: str, detail: str, fix: str | None = None, probe: str | None = None) -> Check:
    return {"status": status, "detail": detail, "fix": fix, "try": probe}


ok, skipped, warning, problem = (partial(finding, status) for status in ("ok", "skipped", "warning", "problem"))


def set_up(paste: Paste, line: str) -> None:
    """Run a line that makes or cures a state; it must succeed."""
    done = paste(line)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def remote(repo: Repo) -> Repo:
    """Make a repository with a current remote."""
    repo.git("remote", "add", "scalingo", OSC_FR1)
    return repo


@pytest.fixture
def known(known_hosts: Path, other_key: HostKey, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the host known by a key that is published for it, and return the known_hosts file."""
    known_hosts.parent.mkdir(mode=0o700)
    known_hosts.write_text(f"{HOST} {other_key}\n")
    monkeypatch.setitem(builtin.FINGERPRINTS, SshEndpoint(HOST), {other_key.type: other_key.fingerprint})
    return known_hosts


def test_nothing_wrong(
    remote: Repo, account: Account, known: Path, client_key: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If everything is in order, every check that runs is ok, in text and in JSON, and `doctor` changes no file."""
    monkeypatch.setattr(command, "_program", lambda _, name, *__: Finding("ok", f"{name} 9.9"))
    account.add_app("osc-fr1", "myapp")
    account.hold(public_key(client_key))

    def state() -> list[tuple[Path, int]]:
        paths = [path for folder in (remote.path / ".git", known.parent) for path in sorted(folder.rglob("*"))]
        return [(path, path.stat().st_mtime_ns) for path in paths]

    before = state()
    expected = [
        ("ok", "git", "git 9.9"),
        ("ok", "ssh", "OpenSSH 9.9"),
        ("ok", "repository", "git reads its configuration"),
        ("ok", "remote", "scalingo is myapp in osc-fr1"),
        ("ok", "push-url", OSC_FR1),
        ("ok", "regions", f"3 regions from {account.service.url}, the token is accepted"),
        ("ok", "app", "this account sees myapp in osc-fr1"),
        ("ok", "host-key", "ssh knows the published key"),
        ("ok", "key", f"{client_key}.pub is on the account"),
        ("ok", "history", "the clone is complete"),
        ("ok", "refspec", "no setting stops or diverts the push"),
        ("ok", "follow-tags", "push.followTags is not set"),
        ("ok", "commit", "there is something to push"),
        ("ok", "identity", "the commit is by A <a@example.org>"),
        ("ok", "submodules", "the commit has no submodules"),
        ("ok", "branch", "Scalingo deploys main: git push scalingo main"),
        ("skipped", "connection", "only with --connect"),
    ]
    result = run("doctor")
    lines = [f"{status:7}  {name:11}  {detail}\n" for status, name, detail in expected]
    assert (result.status, result.stderr, result.stdout) == (0, "", "".join(lines) + "No problem found\n")
    assert [path for _, path, _ in account.service.requests].count("/v1/tokens/exchange") == 1
    assert run("doctor", "--json").json == {
        "checks": [{"check": name, **finding(status, detail)} for status, name, detail in expected],
        "warnings": [],
    }
    assert state() == before


def test_everything_wrong(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty, misconfigured repository, `doctor` shows all problems at once, each with what to do about it."""
    monkeypatch.setattr(command, "_program", lambda _, name, *__: Finding("problem", f"no {name}", "", "install"))
    service = "http://127.0.0.1:9/$(id)"
    monkeypatch.setenv("SCALINGO_AUTH_URL", service)
    git("init", "--quiet", "-b", "work", str(tmp_path / "empty"))
    git("config", "push.followTags", "true", cwd=tmp_path / "empty")
    git("config", "push.gpgSign", "true", cwd=tmp_path / "empty")
    monkeypatch.chdir(tmp_path / "empty")
    result = run("doctor", "--connect")
    assert (result.status, result.stderr) == (7, "")
    assert result.stdout == (
        "problem  git          no git\n"
        "                      try: install\n"
        "problem  ssh          no OpenSSH\n"
        "                      try: install\n"
        "ok       repository   git reads its configuration\n"
        "problem  remote       there is no remote 'scalingo'\n"
        "                      try: git scalingo-region add REGION APP\n"
        "skipped  push-url     there is no remote in a known region\n"
        f"problem  regions      {service} cannot be reached (the connection was refused)\n"
        f"                      try: curl -sS '{service}/v1/regions'\n"
        "skipped  app          there is no remote in a known region\n"
        "skipped  host-key     there is no remote in a known region\n"
        "skipped  key          there is no remote in a known region\n"
        "ok       history      the clone is complete\n"
        "problem  refspec      push.gpgSign is true: Scalingo does not accept signed pushes\n"
        "                      fix: git config --replace-all push.gpgSign false\n"
        "warning  follow-tags  push.followTags is set, and Scalingo refuses tags: the first annotated tag will count\n"
        "                      fix: git config --replace-all push.followTags false\n"
        "problem  commit       there is no commit yet\n"
        "                      fix: git add --all && git commit --allow-empty --message 'First commit'\n"
        "ok       identity     git knows who you are\n"
        "skipped  submodules   there is no commit yet\n"
        "ok       branch       Scalingo does not deploy a branch named work\n"
        "skipped  connection   there is no remote in a known region\n"
        "6 problems found, 1 warning\n"
    )


# Shorthands for the lines of FIXES: the beginning of a url (U, X), git config (C), a declared remote (D), an included
# file (I), the worktree's own configuration (W), a submodule (S).
SHELL = f"""\
set -e; U=ssh://git@{HOST}; X=https://x.org
C() {{ git config "$@"; }}; D() {{ C -f .gitscalingo "remote.scalingo.$1" "$2"; }}
I() {{ C -f .git/x "$@"; C include.path x; }}; W() {{ C extensions.worktreeConfig true; C --worktree "$@"; }}
S() {{ git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),sub; git commit -qm sub; }}
"""
# The check, a part of its detail that identifies the state, and the lines that turn a current remote into that state.
FIXES = [
    ("remote", "is not what osc-fr1 has now", f"C remote.scalingo.url {STALE}"),
    ("remote", "is not what", f"git remote rm scalingo; C --global remote.scalingo.url {STALE}"),
    ("remote", "is not what", "git remote rm scalingo; I remote.scalingo.url $U:99/myapp.git"),
    ("remote", "is not what", f"C remote.scalingo.pushurl {STALE}"),
    ("remote", f"{STALE} is not what osc-fr1 has", f"C remote.scalingo.url a:x; C remote.scalingo.pushurl {STALE}"),
    ("remote", f"{STALE} is not what", f"C remote.scalingo.url {STALE}; C remote.scalingo.pushurl {SECNUM}"),
    ("remote", "but it is declared", "git remote rm scalingo; D app myapp; D region osc-fr1"),
    ("push-url", "goes to https://x.org/a", "C remote.scalingo.pushurl $X/a"),
    ("push-url", "a, https://x.org/b", "for x in a b; do C --add remote.scalingo.pushurl $X/$x; done"),
    ("push-url", "https://x.org/a", "I remote.scalingo.pushurl $X/a"),
    ("push-url", "https://x.org/a", "C --global remote.scalingo.pushurl $X/a"),
    ("push-url", "https://x.org/a", "W remote.scalingo.pushurl $X/a"),
    ("push-url", f"{HOST}:2200", "C --add remote.scalingo.url $U:2200/myapp.git"),
    ("push-url", "https://x.org/", "C url.$X/.pushInsteadOf $U:22/"),
    ("push-url", "https://x.org/", "C url.$X/.insteadOf $U:22/"),
    ("push-url", f"{HOST}:2200", "C url.$U:2200/.insteadOf $U:22/"),
    ("push-url", "https://x.org", "C url.$X.insteadOf $U:22/myapp.git"),
    ("push-url", "https://x.org", "for x in $U:22/myapp.git ssh:// git@; do C --add url.$X.insteadOf $x; done"),
    ("push-url", "the remote helper 'foo'", "C --global remote.scalingo.vcs foo"),
    ("push-url", "the remote helper 'foo'", "I remote.scalingo.vcs foo"),
    ("follow-tags", "is set", "C push.followTags 0x1"),
    ("follow-tags", "is set", "C --global push.followTags yes"),
    ("follow-tags", "is set", "C --add push.followTags true; C --add push.followTags true"),
    ("follow-tags", "is set", "C push.followTags true; W push.followTags true"),
    ("follow-tags", "is set", "C push.followTags true; I push.followTags true"),
    ("follow-tags", "'maybe' is not true or false", "C push.followTags maybe"),
    ("follow-tags", "'maybe', 'false' is not", "C --global push.followTags maybe; C push.followTags false"),
    ("refspec", "mirror is true", "C remote.scalingo.mirror true"),
    ("refspec", "receivepack is x", "C remote.scalingo.receivepack x"),
    ("refspec", "push.gpgSign is true", "C --global push.gpgSign true"),
    ("refspec", "is b", "C --global push.pushOption a; C push.pushOption b"),
    ("refspec", "push.recurseSubmodules is only", "C push.recurseSubmodules only"),
    ("refspec", "push.gpgSign is maybe", "C --global push.gpgSign maybe"),
    ("refspec", "recurse is x: git refuses", "C --global submodule.recurse x; C submodule.recurse true"),
    ("refspec", "maybe: git refuses", "C --global push.gpgSign x; C push.gpgSign no; C --add push.gpgSign maybe"),
    ("refspec", "push.recurseSubmodules is maybe", "C push.recurseSubmodules maybe"),
    ("refspec", "submodule.recurse is true", "I submodule.recurse true; S"),
    ("refspec", "pushes; push", "C push.gpgSign true; C push.pushOption a"),
    ("refspec", "protocol.ssh.allow is never", "C protocol.ssh.allow never"),
    ("refspec", "protocol.ssh.allow is x", "C --global protocol.ssh.allow x; C protocol.allow always"),
    ("refspec", "protocol.allow is never", "C --global protocol.allow never"),
    ("refspec", "push.default is matching", "C --global push.default matching"),
    ("refspec", "remote.scalingo.push is main:foo", "C remote.scalingo.push main:foo"),
    ("refspec", "push is main:main, x:y", "for x in main:main x:y; do C --add remote.scalingo.push $x; done"),
    ("commit", "there is no commit yet", "git update-ref -d HEAD"),
    ("history", "the clone is shallow", "git remote add origin file://$PWD/../whole; git rev-parse HEAD >.git/shallow"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "detail", "lines"), FIXES)
def test_fixes(remote: Repo, doctor: Doctor, paste: Paste, name: str, detail: str, lines: str) -> None:
    """Each fix that `doctor` prints, pasted as it is, makes its check ok."""
    if name == "history":
        git("clone", "--quiet", "--bare", str(remote.path), str(remote.path.parent / "whole"))
        git("remote", "remove", "origin", cwd=remote.path.parent / "whole")
    set_up(paste, SHELL + lines)
    before = doctor("--offline")[name]
    assert before["status"] in ("problem", "warning")
    assert detail in before["detail"]
    set_up(paste, before["fix"])
    after = doctor("--offline")[name]
    assert (after["status"], after["fix"]) == ("ok", None)
    if name == "push-url":
        (url,) = remote.push_urls()
        assert url in (OSC_FR1, OSC_FR1.replace(":22", ""), f"git@{HOST}:myapp.git")


def test_no_fix_for_the_command_line(remote: Repo, doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """`doctor` gives no fix for a setting that comes from `git -c`, because no command can remove it."""
    for name, setting in (
        ("remote", f"remote.scalingo.pushurl={STALE}"),
        ("push-url", "remote.scalingo.pushurl=https://example.org/x.git"),
        ("push-url", "remote.scalingo.vcs=foo"),
        ("follow-tags", "push.followTags=true"),
        ("follow-tags", "push.followTags=maybe"),
        ("refspec", "push.gpgSign=true"),
        ("refspec", "remote.scalingo.mirror=true"),
    ):
        monkeypatch.setenv("GIT_CONFIG_PARAMETERS", f"'{setting}'")
        found = doctor("--offline")[name]
        assert (found["status"] in ("problem", "warning"), found["fix"]) == (True, None), setting


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "output", "status", "detail"),
    [
        ("git", "git version 2.26.0", "ok", "git 2.26"),
        ("git", "git version 3.0.1 (Apple Git-154)", "ok", "git 3.0"),
        ("git", "git version 2.25.9", "problem", "git 2.25 is too old: git 2.26 is needed"),
        ("git", "hello", "problem", "git does not say that it is git"),
        ("ssh", "OpenSSH_7.2p2 Ubuntu", "ok", "OpenSSH 7.2"),
        ("ssh", "OpenSSH_10.0p2 Debian-7, OpenSSL 3.5.1", "ok", "OpenSSH 10.0"),
        ("ssh", "OpenSSH_7.1p2", "problem", "OpenSSH 7.1 is too old: OpenSSH 7.2 is needed"),
        ("ssh", "Dropbear v2022.83", "problem", "ssh does not say that it is OpenSSH"),
        ("ssh", "", "problem", "ssh is not installed, or not on PATH"),
        ("git", "", "problem", "git is not installed, or not on PATH"),
    ],
)
@pytest.mark.usefixtures("remote")
def test_programs(
    tmp_path: Path, doctor: Doctor, monkeypatch: pytest.MonkeyPatch, name: str, output: str, status: str, detail: str
) -> None:
    """A git or ssh that is missing, too old or another program is a problem; the advice fits the system."""
    folder = tmp_path / "path"
    folder.mkdir()
    for other in {"sh", "git", "ssh"} - {name}:
        (folder / other).symlink_to(shutil.which(other) or "/bin/false")
    if output:
        executable(folder / name, f"#!/bin/sh\ncase $1 in version|-V) echo '{output}';; *) exit 1;; esac\n")
    monkeypatch.setenv("PATH", str(folder))
    found = doctor("--offline")
    assert found[name] == finding(status, detail)
    if not output:
        assert found[{"git": "repository", "ssh": "host-key"}[name]] == skipped(
            f"{name} is not installed, or not on PATH"
        )
    if status == "problem":
        (folder / "apt-get").symlink_to("/bin/true")
        install = "sudo apt-get install git openssh-client"
        assert doctor("--offline")[name] == problem(detail, None, install)


def test_no_repository(doctor: Doctor, run: Run, paste: Paste) -> None:
    """Outside a repository, only the repository check is a problem, and every check that needs one is skipped."""
    found = doctor("--offline")
    reason = "git says: not a git repository (or any of the parent directories): .git"
    assert found["repository"] == problem(reason, "git init")
    assert [found[name] for name in (*REMOTE, *CONTENT)] == [skipped("there is no repository")] * 12
    set_up(paste, "git init")
    assert doctor("--offline")["repository"]["status"] == "ok"
    assert run("doctor", "a b").status == 2


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a repository to somebody else")
def test_the_repository_of_somebody_else(repo: Repo, doctor: Doctor, paste: Paste) -> None:
    """For a repository of another owner, the fix is what git advises; for a broken configuration, there is no fix."""
    repo.config.write_text("[oops\n")
    reason = "git says: bad config line 1 in file .git/config"
    assert doctor("--offline")["repository"] == problem(reason, None, "git status")
    repo.config.write_text("")
    for path in (repo.path, repo.path / ".git"):
        os.chown(path, 12345, 12345)
    fix = doctor("--offline")["repository"]["fix"]
    assert fix == f"git config --global --add safe.directory {repo.path}"
    set_up(paste, fix)
    assert doctor("--offline")["repository"]["status"] == "ok"


def test_no_identity(doctor: Doctor) -> None:
    """If git does not know the user's name, a missing first commit has no fix, only advice with a name to fill in."""
    git("init", "--quiet")
    git("config", "--global", "--remove-section", "user")
    git("config", "--global", "user.useConfigOnly", "true")
    found = doctor("--offline")
    assert found["identity"]["detail"].startswith("git does not know whose commit it will be: no ")
    assert found["identity"]["try"] == "git config user.name NAME && git config user.email EMAIL"
    first = "git add --all && git commit --allow-empty --message 'First commit'"
    assert found["commit"] == problem("there is no commit yet", None, first)


@pytest.mark.parametrize(
    ("options", "script", "folder"),
    [
        ("", "", "work"),
        ("--object-format=sha256", "", "work"),
        ("", "", "work/sub"),
        ("", "git -C work worktree add --quiet ../linked", "linked"),
        ("", "git clone --quiet --bare work bare", "bare"),
        ("", "cd work; git update-ref refs/tags/HEAD $(git commit-tree -m y $(git mktree </dev/null))", "work"),
    ],
)
def test_the_commit(
    doctor: Doctor, paste: Paste, monkeypatch: pytest.MonkeyPatch, options: str, script: str, folder: str
) -> None:
    """`doctor` reads the author and the submodules of the commit in every kind of repository."""
    make = "mkdir sub; touch .gitmodules; git add --all; git -c user.name=É commit --quiet --message x"
    set_up(paste, f"set -e; git init --quiet {options} work; (cd work; {make}); {script}")
    monkeypatch.chdir(folder)
    found = doctor("--offline")
    assert found["identity"] == ok("the commit is by É <a@example.org>")
    assert found["submodules"] == warning("the commit has submodules, and the build does not get their content")


def test_a_partial_clone_is_not_completed(
    remote: Repo, tmp_path: Path, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`doctor` does not fetch what a partial clone lacks, since that could run a command from its configuration."""
    git("config", "--global", "uploadpack.allowFilter", "true")
    (remote.path / "file").touch()
    remote.git("add", "file")
    remote.commit()
    partial = Repo(tmp_path / "partial")
    git("clone", "--quiet", "--bare", "--filter=tree:0", f"file://{remote.path}", str(partial.path))
    partial.git("config", "remote.origin.url", f"ext::touch {tmp_path}/ran")
    partial.git("config", "protocol.ext.allow", "always")
    monkeypatch.chdir(partial.path)
    found = doctor("--offline")
    assert (found["submodules"]["status"], found["submodules"]["detail"][:10]) == ("skipped", "git says: ")
    assert found["identity"] == ok("the commit is by A <a@example.org>")
    assert not (tmp_path / "ran").exists()


TAGS_OFF = "git config --replace-all push.followTags false"
SHALLOW = "the clone is shallow, and Scalingo refuses a push from it"
PUSH = "git push scalingo refs/heads"
LEGACY = "the remote 'scalingo' is defined by the file .git/remotes/scalingo, and not Scalingo's"
TAGS = "push.followTags is set, and Scalingo refuses tags"
STUCK = "git push does not get that far"
SIMPLE = "git does not push: fatal: ssh variant 'simple' does not support setting port"
# A check, the lines that turn a current remote into a state, and what the check then says.
STATES = [
    ("history", "git rev-parse HEAD >.git/shallow", problem(SHALLOW, None, "git fetch --unshallow REMOTE")),
    ("follow-tags", "C push.followTags 1; git tag x", warning(f"{TAGS}: the first annotated tag will count", TAGS_OFF)),
    ("follow-tags", "C push.followTags true; git tag -am x v1", problem(TAGS, TAGS_OFF)),
    ("remote", "git remote rm scalingo; mkdir -p .git/remotes; echo URL: $X >.git/remotes/scalingo", problem(LEGACY)),
    ("branch", "git checkout -q -b master", ok("Scalingo deploys master: git push scalingo master")),
    ("branch", "git checkout -q --detach", ok("HEAD is detached: git push scalingo 'HEAD^0:refs/heads/main'")),
    ("branch", "git checkout -q -b x", ok(f"Scalingo does not deploy a branch named x: {PUSH}/x:refs/heads/main")),
    ("branch", "git tag main", ok(f"Scalingo deploys main: {PUSH}/main:refs/heads/main")),
    ("branch", "C remote.scalingo.mirror true", ok("Scalingo deploys main")),
    ("branch", "C push.followTags true; git tag -am v1 v1", ok("Scalingo deploys main")),
    ("branch", "git rev-parse HEAD >.git/shallow", ok("Scalingo deploys main")),
    ("branch", "C remote.scalingo.pushurl $X", ok("Scalingo deploys main")),
    ("branch", "git update-ref -d HEAD", ok("Scalingo deploys main")),
    # No connection is tried if `git push` would not make it either, or would go elsewhere.
    ("connection", "C remote.scalingo.pushurl $X", skipped("git push does not go to the app")),
    ("connection", "C remote.scalingo.mirror true", skipped(f"{STUCK}: remote.scalingo.mirror is true")),
    ("connection", "C push.pushOption a", skipped(f"{STUCK}: push.pushOption is a")),
    ("connection", "C protocol.allow never", skipped(f"{STUCK}: protocol.allow is never")),
    ("connection", "git update-ref -d HEAD", skipped("there is no commit to push")),
    ("connection", "C ssh.variant simple", problem(SIMPLE)),
]


@pytest.mark.slow
@pytest.mark.usefixtures("remote")
@pytest.mark.parametrize(("name", "lines", "expected"), STATES)
def test_states(doctor: Doctor, paste: Paste, name: str, lines: str, expected: Check) -> None:
    """Each check says what state the repository is in, and shows a push command only if that push can work."""
    set_up(paste, SHELL + lines)
    assert doctor("--connect" if name == "connection" else "--offline")[name] == expected


ADD = "git scalingo-region add"
NOT_OURS = "the remote '{name}' is not Scalingo's: it points to {url}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "url", "detail", "probe"),
    [
        ("a/b", "", "there is no remote 'a/b'", f"{ADD} -r a/b REGION APP"),
        ("scalingo", ELSEWHERE, NOT_OURS, f"{ADD} --force REGION APP"),
        ("gh", ELSEWHERE, NOT_OURS, f"{ADD} REGION APP"),
        ("x", "git@ssh.gone.scalingo.com:a.git", "its region, gone, is not in the list", f"{ADD} -r x REGION a"),
        ("scalingo", "git@scalingo.com:a.git", "its region, agora-fr1, is not in the list", f"{ADD} REGION a"),
        ("scalingo", "git@ssh.scalingo.com:a.git", "its region is unknown", f"{ADD} REGION a"),
    ],
)
def test_remote(repo: Repo, doctor: Doctor, paste: Paste, name: str, url: str, detail: str, probe: str) -> None:
    """If a remote is missing, not Scalingo's or in an unknown region, `doctor` shows an `add` command to fill in."""
    if url:
        repo.git("remote", "add", name, url)
    found = doctor(name, "--offline")
    assert found["remote"] == problem(detail.format(name=name, url=url), None, probe)
    assert found["branch"] == ok("Scalingo deploys main")
    assert found["push-url"] == skipped("there is no remote in a known region")
    set_up(paste, probe.replace("REGION", "osc-fr1").replace("APP", "a"))
    made = "scalingo" if name == "gh" else name
    assert doctor(made, "--offline")["remote"] == ok(f"{made} is a in osc-fr1")


def test_which_remote(repo: Repo, run: Run, doctor: Doctor) -> None:
    """`doctor` checks the only Scalingo remote; if there are more, an argument or `scalingo.remote` must name one."""
    repo.git("remote", "add", "gh", ELSEWHERE)
    repo.git("remote", "add", "staging", OSC_FR1)
    assert doctor("--offline")["remote"] == ok("staging is myapp in osc-fr1")
    repo.git("remote", "add", "prod", OSC_FR1)
    hints = ("git scalingo-region doctor staging", "git scalingo-region doctor prod")
    assert run("doctor") == refusal(2, "several remotes are Scalingo's: staging, prod: name one of them", *hints)
    repo.git("config", "scalingo.remote", "prod")
    assert doctor("--offline")["remote"] == ok("prod is myapp in osc-fr1")


@pytest.mark.usefixtures("remote")
def test_rejected_token(
    account: Account, doctor: Doctor, home: Path, paste: Paste, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rejected token is a problem with advice that depends on its source, and the remote is still checked."""
    account.service.routes["POST", "/v1/tokens/exchange"] = answers(401, {"error": "no"})
    found = doctor()
    regions = found["regions"]
    assert regions["detail"].startswith(f"{account.service.url} rejected the API token")
    assert regions == problem(regions["detail"], "export SCALINGO_API_TOKEN=")
    assert found["remote"] == ok("scalingo is myapp in osc-fr1")
    assert found["app"] == found["key"] == skipped("the token is not accepted")
    public = "^ok       regions      3 public regions from .*"
    set_up(paste, f"{regions['fix']}; git scalingo-region doctor | grep '{public}'")
    monkeypatch.delenv("SCALINGO_API_TOKEN")
    (home / ".config" / "scalingo").mkdir(parents=True)
    data = {"auth_config_data": {"127.0.0.1": {"tokens": {"token": "tk-us-x"}}}}
    (home / ".config" / "scalingo" / "auth").write_text(json.dumps(data))
    regions = doctor()["regions"]
    assert regions == problem(regions["detail"], None, "scalingo login")


@pytest.mark.usefixtures("remote", "known")
def test_offline(account: Account, doctor: Doctor) -> None:
    """With `--offline`, `doctor` checks everything that needs no network, skips the rest, and sends no request."""
    found = doctor("--offline", "--connect")
    assert {name for name, check in found.items() if check["status"] != "ok"} == {"regions", "app", "key", "connection"}
    assert found["regions"] == found["app"] == found["key"] == found["connection"] == skipped("--offline")
    assert account.service.requests == []


NOT_SEEN = problem("this account sees no app myapp in osc-fr1", None, "scalingo --region osc-fr1 apps")


@pytest.mark.slow
@pytest.mark.usefixtures("remote")
@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        (200, 404, ok("this account sees myapp in osc-fr1")),
        (200, 200, ok("this account sees myapp in osc-fr1")),
        (404, 200, problem("myapp is not in osc-fr1 but in scw-par", "git scalingo-region add scw-par myapp")),
        (404, 404, NOT_SEEN),
        (404, 500, NOT_SEEN),
        (500, 200, skipped("osc-fr1 gives no usable answer")),
    ],
)
def test_app(account: Account, doctor: Doctor, paste: Paste, here: int, there: int, expected: Check) -> None:
    """`doctor` says whether the app is in the remote's region, in another one or in none, or skips the check."""
    for region, status in (("osc-fr1", here), ("scw-par", there)):
        body = {"app": {"name": "myapp"}} if status == 200 else {"resource": "app", "error": "not found"}
        account.answer(region, "myapp", status, body)
    assert doctor()["app"] == expected
    if expected["fix"]:
        set_up(paste, expected["fix"])
        assert doctor()["app"] == ok("this account sees myapp in scw-par")


def test_a_remote_of_a_gone_region(repo: Repo, account: Account, doctor: Doctor, paste: Paste) -> None:
    """If the region of the remote is gone and one region has the app, the fix moves the remote there."""
    repo.git("remote", "add", "scalingo", "git@scalingo.com:myapp.git")
    account.add_app("scw-par", "myapp")
    fix = "git scalingo-region add scw-par myapp"
    assert doctor()["remote"] == problem("its region, agora-fr1, is not in the list", fix)
    set_up(paste, fix)
    assert doctor()["remote"] == ok("scalingo is myapp in scw-par")


@pytest.mark.usefixtures("remote")
def test_key(
    account: Account, doctor: Doctor, client_key: Path, other_key: HostKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`doctor` says whether the ssh key is on the account, missing or locked, and skips this if it gets no answer."""
    assert doctor()["key"] == skipped("the keys of the account cannot be read")
    account.hold(other_key)
    reason = "none of your ssh keys is on the account: add"
    add = f"scalingo keys-add NAME {client_key}.pub"
    assert doctor()["key"] == problem(f"{reason} {client_key}.pub at {KEYS_PAGE}", None, add)
    account.hold(other_key, public_key(client_key))
    assert doctor()["key"] == ok(f"{client_key}.pub is on the account")
    account.hold(other_key)
    Path(f"{client_key}.pub").unlink()
    show = f"ssh-keygen -y -f {client_key}"
    assert doctor()["key"] == problem(f"{reason} {client_key} at {KEYS_PAGE}", None, show)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", client_key], check=True, capture_output=True)
    detail = f"cannot tell whether {client_key} is on the account: it is locked"
    assert doctor()["key"] == warning(detail, None, show)
    client_key.unlink()
    assert doctor()["key"] == problem("ssh has no key to offer", None, "ssh-keygen -t ed25519")
    monkeypatch.delenv("SCALINGO_API_TOKEN")
    assert doctor()["key"] == skipped("there is no token")


@pytest.mark.usefixtures("remote")
def test_key_of_the_agent(account: Account, doctor: Doctor, agent: Callable[[Path], None], home: Path) -> None:
    """A key that only the agent holds counts too; the advice is to add its .pub file, or `ssh-add -L` without one."""
    agent(make_key(home / "held"))
    account.hold()
    reason = f"none of your ssh keys is on the account: add {home}/held at {KEYS_PAGE}"
    add = f"scalingo keys-add NAME {home}/held.pub"
    assert doctor()["key"] == problem(reason, None, add)
    (home / "held").rename(home / "moved")
    assert doctor()["key"] == problem(reason, None, add)
    (home / "held.pub").rename(home / "moved.pub")
    assert doctor()["key"] == problem(reason, None, "ssh-add -L")
    account.hold(public_key(home / "moved"))
    assert doctor()["key"] == ok(f"{home}/held is on the account")


FINGERPRINT = f"{TRUST} --fingerprint FINGERPRINT"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lines", "published", "expected"),
    [
        ("HOST KEY", "same", ok("ssh knows the published key")),
        ("HOST KEY", "", ok("ssh knows a key; no fingerprint is published for it")),
        ("", "same", problem(f"ssh does not know {HOST} yet", TRUST)),
        ("", "", problem(f"ssh does not know {HOST} yet", None, FINGERPRINT)),
        ("[HOST]:2200 KEY\n@cert-authority * KEY", "same", problem(f"ssh does not know {HOST} yet", TRUST)),
        ("@revoked * KEY", "same", problem(f"line 1 of FILE revokes the published key of {HOST}")),
        ("HOST KEY\n@revoked * KEY", "same", problem(f"line 2 of FILE revokes the published key of {HOST}")),
        ("HOST KEY\n@revoked * KEY", "", problem(f"the key that FILE holds for {HOST} is revoked", None, FINGERPRINT)),
    ],
)
@pytest.mark.usefixtures("remote")
def test_host_key(
    known: Path, doctor: Doctor, monkeypatch: pytest.MonkeyPatch, lines: str, published: str, expected: Check
) -> None:
    """`doctor` tells a known host, an unknown one and a revoked key apart, with a published fingerprint and without."""
    host, key = known.read_text().strip().split(maxsplit=1)
    known.write_text(lines.replace("HOST", host).replace("KEY", key))
    if not published:
        monkeypatch.delitem(builtin.FINGERPRINTS, SshEndpoint(HOST))
    assert doctor("--offline")["host-key"] == {**expected, "detail": expected["detail"].replace("FILE", str(known))}


def test_host_key_if_ssh_cannot_be_asked(remote: Repo, doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """If GIT_SSH_COMMAND fails, the host-key check gives ssh's own words and the command that asks ssh again."""
    ssh = f"env -u X {shutil.which('ssh')} -o Bad=1"
    monkeypatch.setenv("GIT_SSH_COMMAND", ssh)
    found = doctor("--offline")["host-key"]
    assert found["detail"] == "ssh says: command-line: line 0: Bad configuration option: bad"
    assert found["try"] == f"{ssh} -G -p 22 git@{HOST}"


@pytest.fixture
def app(endpoint: Endpoint, repo: Repo, known_hosts: Path) -> Endpoint:
    """Make an app and its remote, and make its host known to ssh."""
    endpoint.app("myapp")
    repo.git("remote", "add", "scalingo", f"ssh://git@{endpoint.ssh}/myapp.git")
    known_hosts.parent.mkdir(mode=0o700)
    known_hosts.write_text(endpoint.line())
    return endpoint


@pytest.fixture
def keys(other_key: HostKey, make_host_key: Callable[[str], Path]) -> dict[str, HostKey]:
    """Return two keys that are not the published one: one of its type, and one of another type."""
    return {"wrong": other_key, "ecdsa": public_key(make_host_key("ecdsa"))}


NEW, WRONG = "ssh does not know {name} yet", "{file} holds a key for {name} that is not the published one"
UNKNOWN, CHANGED = "the host key is unknown", "the host key is not the one known"
NO_APP = "there is no app myapp, or you have no rights to it"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("lines", "detail"),
    [
        ("", NEW),
        ("other.org {wrong}", NEW),
        ("{name} {wrong}", WRONG),
        ("other.org,{name} {wrong}", WRONG),
        ("@revoked {name} {wrong}\n{name} {wrong}", WRONG),
        ("{name} {ecdsa}", "ssh knows {name} by a key that is not published"),
    ],
)
def test_host_key_fixes(
    app: Endpoint, keys: dict[str, HostKey], known_hosts: Path, doctor: Doctor, paste: Paste, lines: str, detail: str
) -> None:
    """`doctor` itself adds no host key; its fix makes the published key known, and keeps the entries of other hosts."""
    before, connection = lines.format(name=app.name, **keys) + "\n", UNKNOWN if detail == NEW else CHANGED
    known_hosts.write_text(before)
    assert doctor("--connect")["connection"] == problem(connection, None, FINGERPRINT)
    app.publish("ed25519")
    found = doctor("--connect")
    fix = found["host-key"]["fix"]
    assert found["host-key"] == problem(detail.format(file=known_hosts, name=app.name), fix)
    assert found["connection"] == problem(connection, fix)
    assert known_hosts.read_text() == before
    set_up(paste, fix)
    after = doctor("--connect")
    assert after["host-key"] == ok("ssh knows the published key")
    assert after["connection"]["status"] == "ok"
    assert ("other.org" in known_hosts.read_text()) == ("other.org" in lines)


def test_connection_works(account: Account, app: Endpoint, doctor: Doctor, home: Path, repo: Repo) -> None:
    """`doctor --connect` starts a push but sends nothing, runs no hook, and leaves nothing behind."""
    executable(repo.path / ".git" / "hooks" / "pre-push", f"#!/bin/sh\ntouch {home}/hook\n")
    # The url is rewritten only once, as by `git push`: to rewrite the result again would give a command to run.
    repo.git("config", "remote.scalingo.url", "sc:myapp.git")
    repo.git("config", f"url.ssh://git@{app.ssh}/.insteadOf", "sc:")
    repo.git("config", f"url.ext::touch {home}/ran .insteadOf", f"ssh://git@{app.ssh}/")
    repo.git("config", "protocol.ext.allow", "always")
    account.hold()

    def state() -> list[Any]:
        texts = [(home / ".ssh" / "known_hosts").read_bytes(), repo.config.read_bytes()]
        return [*texts, repo.git("for-each-ref"), [path for path in home.rglob("*") if ".cache" not in path.parts]]

    before = state()
    found = doctor("--connect")
    assert found["connection"] == ok(f"{app.ssh} lets you in, and myapp is there")
    assert found["key"] == ok(f"{app.ssh} accepts your ssh key")  # the account's list says otherwise
    assert app.commands == ["git-receive-pack '/myapp.git'"]
    assert state() == before
    assert git("for-each-ref", cwd=app.apps / "myapp.git") == ""


@pytest.mark.slow
def test_connection_failures(app: Endpoint, doctor: Doctor, repo: Repo, client_key: Path) -> None:
    """`doctor --connect` tells a branch that lacks pushed commits, a missing app and a rejected ssh key apart."""
    repo.git("push", "--quiet", "scalingo", "main")
    repo.git("commit", "--quiet", "--allow-empty", "--amend", "--message", "other")
    detail = f"{app.ssh} lets you in, but scalingo has commits that are not in this branch"
    assert doctor("--connect")["connection"] == problem(detail, None, "git fetch scalingo")
    shutil.rmtree(app.apps / "myapp.git")
    apps = "scalingo --region osc-fr1 apps"
    assert doctor("--connect")["connection"] == problem(f"{NO_APP}: app not found", None, apps)
    client_key.unlink()
    make_key(client_key)
    found = doctor("--connect")
    detail = f"127.0.0.1 accepts none of your ssh keys: add {client_key}.pub at {KEYS_PAGE}"
    assert found["connection"] == problem(detail, None, f"scalingo keys-add NAME {client_key}.pub")
    assert found["key"] == found["connection"]


@pytest.mark.slow
@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("way", ["config", "command", "core.sshCommand", "wrapper", "GIT_SSH"])
def test_connection_learns_nothing(
    doctor: Doctor, known_hosts: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Even if ssh is set to accept unknown host keys, in whatever way, `doctor --connect` does not make them known."""
    known_hosts.write_text("")
    command = os.environ["GIT_SSH_COMMAND"].replace("-o StrictHostKeyChecking=yes", "")
    accepting = f"{command} -o StrictHostKeyChecking=accept-new"
    wrapper = executable(known_hosts.parent / "wrapper", f'#!/bin/sh\nexec {accepting} "$@"\n')
    config = known_hosts.parent / "config"
    config.write_text("StrictHostKeyChecking accept-new\n")
    monkeypatch.delenv("GIT_SSH_COMMAND")
    values = {"config": command.replace("-F none", f"-F {config}"), "command": accepting}
    if way == "core.sshCommand":
        git("config", way, accepting)
    else:
        monkeypatch.setenv("GIT_SSH" if way == "GIT_SSH" else "GIT_SSH_COMMAND", values.get(way, str(wrapper)))
    found = doctor("--connect")["connection"]
    if way in ("wrapper", "GIT_SSH"):
        assert found == skipped("the ssh that git runs might add a host key: it sets its own options")
    else:
        assert found["detail"] == UNKNOWN
    assert known_hosts.read_text() == ""


@pytest.mark.parametrize(
    ("place", "options", "detail"),
    [
        ("127.0.0.1:9", "", "port 9 of 127.0.0.1 is unreachable"),
        ("127.0.0.1:22", " -o Port=9", "port 9 of 127.0.0.1 is unreachable"),
        ("ssh.invalid:22", "", "the name ssh.invalid cannot be resolved"),
        ("127.0.0.1:PORT", "", "127.0.0.1:PORT did not answer within 0 seconds"),
    ],
)
def test_connection_unreachable(
    repo: Repo, service: Service, doctor: Doctor, monkeypatch: pytest.MonkeyPatch, place: str, options: str, detail: str
) -> None:
    """`doctor --connect` tells an unknown host, a closed port and a silent host apart, and leaves no ssh running."""
    ssh = os.environ["GIT_SSH_COMMAND"] + options
    monkeypatch.setenv("GIT_SSH_COMMAND", ssh)
    if "PORT" in place:
        monkeypatch.setattr(module, "CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = place.replace("PORT", str(silent.getsockname()[1]))
        service.regions[0]["ssh"] = address
        repo.git("remote", "add", "scalingo", f"ssh://git@{address}/myapp.git")
        host, _, port = address.partition(":")
        found = doctor("--connect")["connection"]
        if "PORT" in place:
            with silent.accept()[0] as peer:
                peer.settimeout(5)
                while peer.recv(4096):
                    pass  # until ssh has hung up
    assert found == problem(detail.replace("PORT", port), None, f"{ssh} -v -p {port} git@{host}")


BAD_OPTION = "command-line: line 0: Bad configuration option: x"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "detail"),
    [
        ("Connection closed by 1.2.3.4 port 22", f"{HOST} closed the connection"),
        ("kex_exchange_identification: read: Connection reset by peer", f"{HOST} closed the connection"),
        ("ssh: connect to host h port 22: Connection timed out", f"port 22 of {HOST} is unreachable"),
        ("ssh: connect to host h port 22: Network is unreachable", f"port 22 of {HOST} is unreachable"),
        ("Received disconnect: Too many authentication failures", f"{HOST} accepts none of your ssh keys: add one at"),
        ("@ WARNING: REVOKED HOST KEY DETECTED! @\nHost key verification failed.", CHANGED),
        ("No ED25519 host key is known for h\nHost key verification failed.", UNKNOWN),
        (BAD_OPTION, f"ssh cannot be run: {BAD_OPTION}"),
        ("remote: Permission denied", f"{NO_APP}: remote: Permission denied"),
        ("** WARNING: not post-quantum\nno {app}", f"{NO_APP}: no {{app}}"),
        ("", f"{NO_APP}: it does not say why"),
    ],
)
@pytest.mark.usefixtures("remote", "known")
def test_connection_words(doctor: Doctor, home: Path, monkeypatch: pytest.MonkeyPatch, said: str, detail: str) -> None:
    """`doctor --connect` explains the messages of ssh and the host that it knows, and shows any other as it is."""
    (home / "said").write_text(said + "\n" if said else "")
    ask = 'for word; do [ "$word" = -G ] && exec ssh -F none "$@"; done'
    executable(home / "ssh", f"#!/bin/sh\n{ask}\ncat ~/said >&2\nexit 255\n")
    monkeypatch.setenv("GIT_SSH_COMMAND", "~/ssh")
    assert doctor("--connect")["connection"]["detail"].startswith(detail)


@pytest.mark.slow
def test_the_ssh_of_the_repository(
    account: Account, app: Endpoint, doctor: Doctor, repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If core.sshCommand names another ssh, only --connect runs it, and what the user's ssh lacks is only a warning."""
    account.hold()
    options = "-F none -o UserKnownHostsFile=/x/y -o IdentityFile=/x"
    users = executable(tmp_path / "ssh", f'#!/bin/sh\nexec ssh {options} "$@"\n')
    monkeypatch.setenv("GIT_SSH", str(users))
    repo.git("config", "core.sshCommand", os.environ["GIT_SSH_COMMAND"])
    monkeypatch.delenv("GIT_SSH_COMMAND")
    unknown, none = f"ssh does not know {app.name} yet", "ssh has no key to offer"

    found = doctor()
    why, probe = "git runs this repository's core.sshCommand", "git scalingo-region doctor --connect scalingo"
    for name, detail in (("host-key", unknown), ("key", none)):
        assert found[name] == warning(f"{detail}, but {why}, which only --connect tries", None, probe)
    found = doctor("--connect")
    assert found["host-key"] == warning(f"{unknown}, but this repository's core.sshCommand accepts the host")
    assert found["key"] == ok(f"{app.ssh} accepts your ssh key")
    assert found["connection"]["status"] == "ok"
    repo.git("config", "core.sshCommand", str(users))
    found = doctor("--connect")
    assert found["connection"]["detail"] == UNKNOWN
    assert found["host-key"] == warning(f"{unknown}, but {why}")
