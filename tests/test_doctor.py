"""`doctor`: each check in each of its states, and each fix pasted into a shell."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import NO_SERVICE, OSC_FR1, Repo, Result, Run, Service, git, region_json, send
from ssh_server import (
    Endpoint,
    agent,
    client_key,
    endpoint,
    make_host_key,
    make_key,
    needs_openssh,
    needs_ssh_server,
    other_key,
    public_key,
)

from git_scalingo_region.commands import access as module
from git_scalingo_region.commands import doctor
from git_scalingo_region.commands.checks import Finding
from git_scalingo_region.model import SshEndpoint
from git_scalingo_region.scalingo import builtin
from git_scalingo_region.ssh.client import HostKey

__all__ = ["agent", "client_key", "endpoint", "make_host_key", "other_key"]

HOST = "ssh.osc-fr1.scalingo.com"
REMOTE = ("remote", "push-url", "app", "host-key", "key")
CONTENT = ("history", "refspec", "follow-tags", "commit", "identity", "submodules", "branch")
NAMES = ["git", "ssh", "repository", "remote", "push-url", "regions", *REMOTE[2:], *CONTENT, "connection"]
TRUST = "git scalingo-region trust osc-fr1"
KEYS_PAGE = "https://dashboard.scalingo.com/account/keys"

Check = dict[str, Any]
Paste = Callable[[str], None]


def checks(result: Result) -> dict[str, Check]:
    """Return the checks by their names, after a look at what holds for every run."""
    found: list[Check] = result.json["checks"]
    assert [check["check"] for check in found] == NAMES
    assert result.status == (7 if any(check["status"] == "problem" for check in found) else 0)
    for check in found:
        assert not (check["fix"] and check["try"])
        assert check["status"] in ("problem", "warning") or (check["fix"], check["try"]) == (None, None)
    return {check.pop("check"): check for check in found}


def finding(status: str, detail: str, fix: str | None = None, probe: str | None = None) -> Check:
    return {"status": status, "detail": detail, "fix": fix, "try": probe}


def ok(detail: str) -> Check:
    return finding("ok", detail)


def skipped(detail: str) -> Check:
    return finding("skipped", detail)


def problem(detail: str, fix: str | None = None, probe: str | None = None) -> Check:
    return finding("problem", detail, fix, probe)


@pytest.fixture
def look(run: Run) -> Callable[..., Check]:
    """Return a function that runs doctor offline and returns one of its checks."""
    return lambda name, *arguments: checks(run("doctor", "--json", "--offline", *arguments))[name]


@pytest.fixture
def paste(tmp_path: Path) -> Paste:
    """Return a function that runs a printed command, as it is, in a shell of the current folder."""
    script, command = tmp_path / "bin" / "program.py", tmp_path / "bin" / "git-scalingo-region"
    script.parent.mkdir()
    script.write_text(
        "import json, os\n"
        "from git_scalingo_region.model import SshEndpoint\n"
        "from git_scalingo_region.scalingo import builtin\n"
        "for place, keys in json.loads(os.environ['PUBLISHED']).items():\n"
        "    builtin.FINGERPRINTS[SshEndpoint.parse(place)] = keys\n"
        "from git_scalingo_region.__main__ import main\n"
        "main()\n"
    )
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(script))} "$@"\n')
    command.chmod(0o755)

    def run(line: str) -> None:
        published = json.dumps({str(place): dict(keys) for place, keys in builtin.FINGERPRINTS.items()})
        path = f"{command.parent}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "PUBLISHED": published}
        environment["PYTHONPATH"] = str(Path(__file__).parent.parent)
        done = subprocess.run(["sh", "-c", line], check=False, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr

    return run


@pytest.fixture
def remote(repo: Repo) -> Repo:
    """Make a repository with a current remote."""
    repo.git("remote", "add", "scalingo", OSC_FR1)
    return repo


def publish(monkeypatch: pytest.MonkeyPatch, fingerprints: dict[str, str]) -> None:
    monkeypatch.setitem(builtin.FINGERPRINTS, SshEndpoint(HOST), fingerprints)


@pytest.fixture
def known(home: Path, other_key: HostKey, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the host known by a key that is the published one."""
    path = home / ".ssh" / "known_hosts"
    path.parent.mkdir(mode=0o700)
    path.write_text(f"{HOST} {other_key}\n")
    publish(monkeypatch, {other_key.type: other_key.fingerprint})
    return path


@pytest.fixture
def account(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Give the account a token, and each region an API of its own."""
    monkeypatch.setenv("SCALINGO_API_TOKEN", "tk-us-x")
    for region in service.regions:
        region["api"] = f"{service.url}/{region['name']}"
    return service


def has_app(account: Service, region: str, status: int) -> None:
    body = {"app": {"name": "myapp"}} if status == 200 else {"resource": "app", "error": "not found"}
    account.routes["GET", f"/{region}/v1/apps/myapp"] = lambda handler: send(handler, status, body)


def has_keys(account: Service, *keys: HostKey) -> None:
    body = {"keys": [{"name": "x", "content": f"{key} comment"} for key in keys]}
    account.routes["GET", "/v1/keys"] = lambda handler: send(handler, 200, body)


# --- the whole -------------------------------------------------------------------------------------------------------


@needs_openssh
def test_nothing_wrong(
    remote: Repo, account: Service, known: Path, client_key: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With everything in order every check is ok, in text and in JSON, and nothing is changed or left behind."""
    monkeypatch.setattr(doctor, "_program", lambda command, name, *_: Finding("ok", f"{name} 9.9"))
    has_app(account, "osc-fr1", 200)
    has_app(account, "scw-par", 404)
    has_keys(account, public_key(client_key))
    folders = [remote.path / ".git", known.parent]
    before = [(path, path.stat().st_mtime_ns) for folder in folders for path in sorted(folder.rglob("*"))]
    expected = [
        ("ok", "git", "git 9.9"),
        ("ok", "ssh", "OpenSSH 9.9"),
        ("ok", "repository", "git reads its configuration"),
        ("ok", "remote", "scalingo is myapp in osc-fr1"),
        ("ok", "push-url", OSC_FR1),
        ("ok", "regions", f"2 from {account.url}, the token is accepted"),
        ("ok", "app", "this account sees myapp in osc-fr1"),
        ("ok", "host-key", "known, and the published one"),
        ("ok", "key", f"{client_key}.pub is on the account"),
        ("ok", "history", "the clone is complete"),
        ("ok", "refspec", "no setting stops or diverts the push"),
        ("ok", "follow-tags", "push.followTags is not set"),
        ("ok", "commit", "there is something to push"),
        ("ok", "identity", "the commit is by A <a@example.org>"),
        ("ok", "submodules", "the commit has no submodules"),
        ("ok", "branch", "main is deployed: git push scalingo main"),
        ("skipped", "connection", "only with --connect"),
    ]
    result = run("doctor")
    lines = [f"{status:7}  {name:11}  {detail}\n" for status, name, detail in expected]
    assert (result.status, result.stderr, result.stdout) == (0, "", "".join(lines) + "No problem found\n")
    assert [path for _, path, _ in account.requests].count("/v1/tokens/exchange") == 1
    assert run("doctor", "--json").json == {
        "checks": [{"check": name, **finding(status, detail)} for status, name, detail in expected],
        "warnings": [],
    }
    assert before == [(path, path.stat().st_mtime_ns) for folder in folders for path in sorted(folder.rglob("*"))]


@needs_openssh
def test_everything_wrong(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty, misconfigured repository each problem comes with what to do, and one does not hide another."""
    monkeypatch.setattr(doctor, "_program", lambda command, name, *_: Finding("problem", f"no {name}", "", "install"))
    monkeypatch.setenv("SCALINGO_AUTH_URL", f"{NO_SERVICE}/$(id)")
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
        "skipped  push-url     there is no remote of a known region\n"
        f"problem  regions      {NO_SERVICE}/$(id) cannot be reached (the connection was refused)\n"
        f"                      try: curl -sS '{NO_SERVICE}/$(id)/v1/regions'\n"
        "skipped  app          there is no remote of a known region\n"
        "skipped  host-key     there is no remote of a known region\n"
        "skipped  key          there is no remote of a known region\n"
        "ok       history      the clone is complete\n"
        "problem  refspec      push.gpgSign is true: Scalingo does not accept signed pushes\n"
        "                      fix: git config --replace-all push.gpgSign false\n"
        "warning  follow-tags  push.followTags is set, and Scalingo refuses tags: the first annotated tag will count\n"
        "                      fix: git config --replace-all push.followTags false\n"
        "problem  commit       there is no commit yet\n"
        "                      fix: git add --all && git commit --allow-empty --message 'First commit'\n"
        "ok       identity     git knows who you are\n"
        "skipped  submodules   there is no commit yet\n"
        "ok       branch       work is not deployed under its own name\n"
        "skipped  connection   there is no remote of a known region\n"
        "6 problems found, 1 warning\n"
    )


# --- every fix, pasted -----------------------------------------------------------------------------------------------

# The check, the part of its detail that tells the state, and the lines that make the state from a current remote.
FIXES = [
    ("remote", "is not what osc-fr1 has now", "git config remote.scalingo.url $U:2200/myapp.git"),
    ("remote", "is not what", "git remote rm scalingo; git config --global remote.scalingo.url $U:2200/myapp.git"),
    ("remote", "is not what", "git remote rm scalingo; git config -f .git/x remote.scalingo.url $U:99/myapp.git; $I"),
    ("remote", "is not what", "git config remote.scalingo.pushurl $U:2200/myapp.git"),
    (
        "remote",
        "there is no remote 'scalingo', but it is declared",
        "git remote rm scalingo; printf '[remote \"scalingo\"]\\n app = myapp\\n region = osc-fr1\\n' >.gitscalingo",
    ),
    ("push-url", "goes to https://x.org/a", "git config remote.scalingo.pushurl https://x.org/a"),
    (
        "push-url",
        "a, https://x.org/b",
        "for x in a b; do git config --add remote.scalingo.pushurl https://x.org/$x; done",
    ),
    ("push-url", "https://x.org/a", "git config -f .git/x remote.scalingo.pushurl https://x.org/a; $I"),
    ("push-url", "https://x.org/a", "git config --global remote.scalingo.pushurl https://x.org/a"),
    ("push-url", "https://x.org/a", "$W; git config --worktree remote.scalingo.pushurl https://x.org/a"),
    ("push-url", f"{HOST}:2200", "git config --add remote.scalingo.url $U:2200/myapp.git"),
    ("push-url", "https://x.org/", "git config url.https://x.org/.pushInsteadOf $U:22/"),
    ("push-url", "https://x.org/", "git config url.https://x.org/.insteadOf $U:22/"),
    ("push-url", f"{HOST}:2200", "git config url.$U:2200/.insteadOf $U:22/"),
    ("push-url", "https://x.org", "git config url.https://x.org.insteadOf $U:22/myapp.git"),
    (
        "push-url",
        "https://x.org",
        "D=url.https://x.org.insteadOf; for x in $U:22/myapp.git ssh:// git@; do git config --add $D $x; done",
    ),
    ("push-url", "the remote helper 'foo'", "git config --global remote.scalingo.vcs foo"),
    ("push-url", "the remote helper 'foo'", "git config -f .git/x remote.scalingo.vcs foo; $I"),
    ("follow-tags", "is set", "git config push.followTags 0x1"),
    ("follow-tags", "is set", "git config --global push.followTags yes"),
    ("follow-tags", "is set", "git config --add push.followTags true; git config --add push.followTags true"),
    ("follow-tags", "is set", "git config push.followTags true; $W; git config --worktree push.followTags true"),
    ("follow-tags", "is set", "git config push.followTags true; git config -f .git/x push.followTags true; $I"),
    ("follow-tags", "'maybe' is not true or false", "git config push.followTags maybe"),
    (
        "follow-tags",
        "'maybe', 'false' is not true or false",
        "git config --global push.followTags maybe; git config push.followTags false",
    ),
    ("refspec", "mirror is true", "git config remote.scalingo.mirror true"),
    ("refspec", "receivepack is x", "git config remote.scalingo.receivepack x"),
    ("refspec", "push.gpgSign is true", "git config --global push.gpgSign true"),
    ("refspec", "is b", "git config --global push.pushOption a; git config push.pushOption b"),
    ("refspec", "push.recurseSubmodules is only", "git config push.recurseSubmodules only"),
    ("refspec", "push.gpgSign is maybe", "git config --global push.gpgSign maybe"),
    (
        "refspec",
        "submodule.recurse is x: git refuses",
        "git config --global submodule.recurse x; git config submodule.recurse true",
    ),
    ("refspec", "push.recurseSubmodules is maybe", "git config push.recurseSubmodules maybe"),
    (
        "refspec",
        "maybe: git refuses",
        "git config --global push.gpgSign x; git config push.gpgSign no; git config --add push.gpgSign maybe",
    ),
    ("refspec", "submodule.recurse is true", "git config -f .git/x submodule.recurse true; $I; $S"),
    ("refspec", "pushes; push", "git config push.gpgSign true; git config push.pushOption a"),
    ("refspec", "push.default is matching", "git config --global push.default matching"),
    ("refspec", "remote.scalingo.push is main:foo", "git config remote.scalingo.push main:foo"),
    ("refspec", "push is main:main, x:y", "for x in main:main x:y; do git config --add remote.scalingo.push $x; done"),
    ("commit", "there is no commit yet", "git update-ref -d HEAD"),
    ("history", "the clone is shallow", "git remote add origin file://$PWD/../whole; git rev-parse HEAD >.git/shallow"),
]


@pytest.mark.parametrize(("name", "detail", "lines"), FIXES)
def test_fixes(
    remote: Repo,
    make_repo: Callable[[str], Repo],
    look: Callable[..., Check],
    paste: Paste,
    name: str,
    detail: str,
    lines: str,
) -> None:
    """Each fix, pasted as it is printed, cures its check."""
    if name == "history":
        remote.git("remote", "rename", "scalingo", "x")
        git("clone", "--quiet", "--bare", str(remote.path), str(remote.path.parent / "whole"))
        remote.git("remote", "rename", "x", "scalingo")
    macros = {
        "U": f"ssh://git@{HOST}",
        "I": "git config include.path x",
        "S": "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),sub; git commit -qm sub",
        "W": "git config extensions.worktreeConfig true",
    }
    for macro, text in macros.items():
        lines = lines.replace(f"${macro}", text)
    paste(lines)
    before = look(name)
    assert before["status"] in ("problem", "warning")
    assert detail in before["detail"]
    assert before["fix"]
    paste(before["fix"])
    after = look(name)
    assert (after["status"], after["fix"]) == ("ok", None)
    if name == "push-url":
        assert len(remote.push_urls()) == 1
        assert remote.push_urls()[0] in (OSC_FR1, OSC_FR1.replace(":22", ""), f"git@{HOST}:myapp.git")


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("remote", "remote.scalingo.pushurl", f"ssh://git@{HOST}:2200/myapp.git"),
        ("push-url", "remote.scalingo.pushurl", "https://example.org/x.git"),
        ("push-url", "remote.scalingo.vcs", "foo"),
        ("follow-tags", "push.followTags", "true"),
        ("follow-tags", "push.followTags", "maybe"),
        ("refspec", "push.gpgSign", "true"),
        ("refspec", "remote.scalingo.mirror", "true"),
    ],
)
def test_no_fix_for_the_command_line(
    remote: Repo, look: Callable[..., Check], monkeypatch: pytest.MonkeyPatch, name: str, key: str, value: str
) -> None:
    """What `git -c` sets cannot be cured from here, so there is no fix."""
    for variable, text in {"COUNT": "1", "KEY_0": key, "VALUE_0": value}.items():
        monkeypatch.setenv(f"GIT_CONFIG_{variable}", text)
    found = look(name)
    assert (found["status"] in ("problem", "warning"), found["fix"]) == (True, None)


# --- git and ssh -----------------------------------------------------------------------------------------------------


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
        ("ssh", None, "problem", "ssh is not installed"),
        ("git", None, "problem", "git is not installed, or not on PATH"),
    ],
)
def test_programs(
    remote: Repo,
    tmp_path: Path,
    look: Callable[..., Check],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    output: str | None,
    status: str,
    detail: str,
) -> None:
    """A program that is missing, too old or another one is a problem; what installs it depends on the system."""
    folder = tmp_path / "path"
    folder.mkdir()
    for other in {"sh", "git", "ssh"} - {name}:
        (folder / other).symlink_to(shutil.which(other) or "/bin/false")
    if output is not None:
        (folder / name).write_text(f"#!/bin/sh\ncase $1 in version|-V) echo '{output}';; *) exit 1;; esac\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    assert look(name) == finding(status, detail)
    if status == "problem":
        (folder / "apt-get").symlink_to("/bin/true")
        assert look(name) == problem(detail, None, "sudo apt-get install git openssh-client")
    if output is None:
        skipped_check = look({"git": "repository", "ssh": "host-key"}[name])
        assert skipped_check == skipped(f"{name} is not installed")


# --- the repository --------------------------------------------------------------------------------------------------


def test_no_repository(look: Callable[..., Check], run: Run, paste: Paste) -> None:
    """Outside a repository only the repository is a problem, and everything that needs one is skipped."""
    found = checks(run("doctor", "--json", "--offline"))
    reason = "git says: not a git repository (or any of the parent directories): .git"
    assert found["repository"] == problem(reason, "git init")
    assert [found[name] for name in (*REMOTE, *CONTENT)] == [skipped("there is no repository")] * 12
    paste("git init")
    assert look("repository")["status"] == "ok"
    assert run("doctor", "a b").status == 2


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a repository to somebody else")
def test_the_repository_of_somebody_else(repo: Repo, look: Callable[..., Check], paste: Paste) -> None:
    """What git advises for a repository of another owner is the fix; a broken configuration has none."""
    repo.config.write_text("[oops\n")
    reason = "git says: bad config line 1 in file .git/config"
    assert look("repository") == problem(reason, None, "git status")
    repo.config.write_text("")
    for path in (repo.path, repo.path / ".git"):
        os.chown(path, 12345, 12345)
    fix = look("repository")["fix"]
    assert fix == f"git config --global --add safe.directory {repo.path}"
    paste(fix)
    assert look("repository")["status"] == "ok"


def test_a_shallow_clone_without_a_source(remote: Repo, look: Callable[..., Check]) -> None:
    """If the rest of the history cannot be fetched from a remote that is known, there is only a hint how to."""
    (remote.path / ".git" / "shallow").write_text(remote.git("rev-parse", "HEAD") + "\n")
    reason = "the clone is shallow, and Scalingo refuses a push from it"
    assert look("history") == problem(reason, None, "git fetch --unshallow REMOTE")


def test_tags_are_a_problem_once_there_are_any(remote: Repo, look: Callable[..., Check]) -> None:
    """push.followTags is a warning until there is an annotated tag."""
    remote.git("config", "push.followTags", "true")
    remote.git("tag", "light")
    assert look("follow-tags")["status"] == "warning"
    remote.git("tag", "--annotate", "--message", "x", "v1")
    fix = "git config --replace-all push.followTags false"
    assert look("follow-tags") == problem("push.followTags is set, and Scalingo refuses tags", fix)


def test_no_identity(tmp_path: Path, run: Run, look: Callable[..., Check], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a name for the first commit no exact command makes it: only the user can say who they are."""
    git("init", "--quiet", str(tmp_path / "new"))
    monkeypatch.chdir(tmp_path / "new")
    assert (look("commit")["fix"], look("identity")) == (
        "git add --all && git commit --allow-empty --message 'First commit'",
        ok("git knows who you are"),
    )
    git("config", "--global", "--remove-section", "user")
    git("config", "--global", "user.useConfigOnly", "true")
    found = look("identity")
    assert found["detail"].startswith("git does not know whose commit it will be: no ")
    assert found["try"] == "git config user.name NAME && git config user.email EMAIL"
    assert look("commit") == problem(
        "there is no commit yet", None, "git add --all && git commit --allow-empty --message 'First commit'"
    )


@pytest.mark.parametrize("kind", ["plain", "sha256", "worktree", "bare", "subfolder", "a tag HEAD"])
def test_the_commit(tmp_path: Path, look: Callable[..., Check], monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """The author and the submodules of the commit are read in every kind of repository."""
    work = tmp_path / "work"
    git("init", "--quiet", f"--object-format={'sha256' if kind == 'sha256' else 'sha1'}", str(work))
    (work / "sub").mkdir()
    (work / ".gitmodules").touch()
    git("add", "--all", cwd=work)
    git("-c", "user.name=É", "commit", "--quiet", "--message", "x", cwd=work)
    if kind == "a tag HEAD":
        empty = git("hash-object", "-t", "tree", "-w", "/dev/null", cwd=work)
        git("update-ref", "refs/tags/HEAD", git("commit-tree", "-m", "y", empty, cwd=work), cwd=work)
    if kind == "worktree":
        git("worktree", "add", "--quiet", str(tmp_path / "linked"), cwd=work)
    if kind == "bare":
        git("clone", "--quiet", "--bare", str(work), str(tmp_path / "bare"))
    folders = {"worktree": tmp_path / "linked", "bare": tmp_path / "bare", "subfolder": work / "sub"}
    monkeypatch.chdir(folders.get(kind, work))
    assert look("identity") == ok("the commit is by É <a@example.org>")
    reason = "the commit has submodules, and the build does not get their content"
    assert look("submodules") == finding("warning", reason)


def test_a_partial_clone_is_not_completed(
    remote: Repo, tmp_path: Path, look: Callable[..., Check], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a partial clone lacks is not fetched, since that would run what its configuration names."""
    git("config", "--global", "uploadpack.allowFilter", "true")
    (remote.path / "file").touch()
    remote.git("add", "file")
    remote.commit()
    partial = Repo(tmp_path / "partial")
    git("clone", "--quiet", "--bare", "--filter=tree:0", f"file://{remote.path}", str(partial.path))
    partial.git("config", "remote.origin.url", f"ext::touch {tmp_path}/ran")
    partial.git("config", "protocol.ext.allow", "always")
    monkeypatch.chdir(partial.path)
    found = look("submodules")
    assert (found["status"], found["detail"].startswith("git says: ")) == ("skipped", True)
    assert look("identity") == ok("the commit is by A <a@example.org>")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("command", "detail"),
    [
        ("git checkout -q -b master", "master is deployed: git push scalingo master"),
        (
            "git checkout -q -b '$(id)'",
            "$(id) is not deployed under its own name: git push scalingo 'refs/heads/$(id):refs/heads/main'",
        ),
        ("git checkout -q --detach", "HEAD is detached: git push scalingo 'HEAD^0:refs/heads/main'"),
        ("git tag main", "main is deployed: git push scalingo refs/heads/main:refs/heads/main"),
        ("git update-ref refs/tags/HEAD HEAD", "main is deployed: git push scalingo main"),
        ("git config remote.scalingo.push x:y", "main is deployed: git push scalingo refs/heads/main:refs/heads/main"),
        ("git config remote.scalingo.mirror true", "main is deployed"),
        ("git config remote.scalingo.pushurl https://x.org", "main is deployed"),
        ("git update-ref -d HEAD", "main is deployed"),
    ],
)
def test_branch(remote: Repo, look: Callable[..., Check], paste: Paste, command: str, detail: str) -> None:
    """The command to push with fits the state, and there is none if no command does what it says."""
    paste(command)
    assert look("branch") == ok(detail)


# --- the remote ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "url", "detail", "probe"),
    [
        ("a/b", None, "there is no remote 'a/b'", "git scalingo-region add -r a/b REGION APP"),
        (
            "scalingo",
            "https://example.org/x.git",
            "the remote 'scalingo' is not Scalingo's: it points to https://example.org/x.git",
            "git scalingo-region add --force REGION APP",
        ),
        (
            "gh",
            "https://example.org/x.git",
            "the remote 'gh' is not Scalingo's: it points to https://example.org/x.git",
            "git scalingo-region add REGION APP",
        ),
        (
            "staging",
            "git@ssh.gone.scalingo.com:myapp.git",
            "its region, gone, is not in the list",
            "git scalingo-region add -r staging REGION myapp",
        ),
        (
            "scalingo",
            "git@scalingo.com:myapp.git",
            "its region, agora-fr1, is not in the list",
            "git scalingo-region add REGION myapp",
        ),
        (
            "scalingo",
            "git@ssh.scalingo.com:myapp.git",
            "its region is unknown",
            "git scalingo-region add REGION myapp",
        ),
    ],
)
def test_remote(repo: Repo, run: Run, paste: Paste, name: str, url: str | None, detail: str, probe: str) -> None:
    """A remote that is missing, not Scalingo's or of an unknown region: what to fill in, and no push command."""
    if url:
        repo.git("remote", "add", name, url)
    found = checks(run("doctor", name, "--json", "--offline"))
    assert found["remote"] == problem(detail, None, probe)
    assert found["branch"] == ok("main is deployed")
    assert found["push-url"] == skipped("there is no remote of a known region")
    paste(probe.replace("REGION", "osc-fr1").replace("APP", "myapp"))
    made = "scalingo" if name == "gh" else name
    found = checks(run("doctor", made, "--json", "--offline"))
    assert found["remote"] == ok(f"{made} is myapp in osc-fr1")


def test_which_remote(repo: Repo, run: Run, look: Callable[..., Check]) -> None:
    """The only Scalingo remote is the one that is meant; of several, one has to be named."""
    repo.git("remote", "add", "gh", "https://example.org/x.git")
    repo.git("remote", "add", "staging", OSC_FR1)
    assert look("remote") == ok("staging is myapp in osc-fr1")
    repo.git("remote", "add", "prod", OSC_FR1)
    result = run("doctor", "--offline")
    assert (result.status, result.stdout) == (2, "")
    assert result.stderr == (
        "error: several remotes are Scalingo's: staging, prod: name one of them\n"
        "hint: git scalingo-region doctor staging\n"
        "hint: git scalingo-region doctor prod\n"
    )
    repo.git("config", "scalingo.remote", "prod")
    assert look("remote") == ok("prod is myapp in osc-fr1")


def test_a_legacy_remote(repo: Repo, look: Callable[..., Check]) -> None:
    """A remote that a file of git's old form defines is named with that file."""
    (repo.path / ".git" / "remotes").mkdir(exist_ok=True)
    (repo.path / ".git" / "remotes" / "scalingo").write_text("URL: https://example.org/x.git\n")
    reason = "the remote 'scalingo' is defined by the file .git/remotes/scalingo, and not Scalingo's"
    assert look("remote") == problem(reason)


# --- the list, the token, the app and the key ------------------------------------------------------------------------


@pytest.mark.parametrize("kept_by_cli", [False, True])
def test_rejected_token(
    account: Service,
    remote: Repo,
    run: Run,
    home: Path,
    paste: Paste,
    monkeypatch: pytest.MonkeyPatch,
    *,
    kept_by_cli: bool,
) -> None:
    """A rejected token is a problem of its own, and what to do depends on its source; the remote is still checked."""
    account.routes["POST", "/v1/tokens/exchange"] = lambda handler: send(handler, 401, {"error": "no"})
    if kept_by_cli:
        monkeypatch.delenv("SCALINGO_API_TOKEN")
        folder = home / ".config" / "scalingo"
        folder.mkdir(parents=True)
        data = {"auth_config_data": {"127.0.0.1": {"tokens": {"token": "tk-us-x"}}}}
        folder.joinpath("auth").write_text(json.dumps(data))
    found = checks(run("doctor", "--json"))
    assert found["regions"]["status"] == "problem"
    assert found["regions"]["detail"].startswith(f"{account.url} rejected the API token")
    what = (found["regions"]["fix"], found["regions"]["try"])
    assert what == ((None, "scalingo login") if kept_by_cli else ("export SCALINGO_API_TOKEN=", None))
    assert found["remote"] == ok("scalingo is myapp in osc-fr1")
    assert found["app"] == found["key"] == skipped("the token is not accepted")
    if not kept_by_cli:
        paste(f"{what[0]}; git scalingo-region doctor | grep '^ok       regions      2 from .*, the public ones'")


@needs_openssh
def test_offline(remote: Repo, account: Service, known: Path, run: Run) -> None:
    """`--offline` looks at everything that needs no network, and asks nobody."""
    found = checks(run("doctor", "--json", "--offline", "--connect"))
    assert {name for name, check in found.items() if check["status"] != "ok"} == {"regions", "app", "key", "connection"}
    assert found["regions"] == found["app"] == found["key"] == found["connection"] == skipped("--offline")
    assert account.requests == []


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        (200, 404, ok("this account sees myapp in osc-fr1")),
        (200, 200, ok("this account sees myapp in osc-fr1")),
        (404, 200, problem("myapp is not in osc-fr1 but in scw-par", "git scalingo-region add scw-par myapp")),
        (404, 404, problem("this account sees no app myapp in osc-fr1", None, "scalingo --region osc-fr1 apps")),
        (404, 500, problem("this account sees no app myapp in osc-fr1", None, "scalingo --region osc-fr1 apps")),
        (500, 200, skipped("osc-fr1 gives no usable answer")),
    ],
)
def test_app(remote: Repo, account: Service, run: Run, paste: Paste, here: int, there: int, expected: Check) -> None:
    """The app is in the region of the remote, in another one, nowhere, or nobody can tell."""
    has_app(account, "osc-fr1", here)
    has_app(account, "scw-par", there)
    assert checks(run("doctor", "--json"))["app"] == expected
    if expected["fix"]:
        paste(expected["fix"])
        assert checks(run("doctor", "--json"))["app"] == ok("this account sees myapp in scw-par")


def test_a_remote_of_a_gone_region(repo: Repo, account: Service, run: Run, paste: Paste) -> None:
    """If the region of the remote is gone and one region has the app, the fix moves the remote there."""
    repo.git("remote", "add", "scalingo", "git@scalingo.com:myapp.git")
    has_app(account, "osc-fr1", 404)
    has_app(account, "scw-par", 200)
    found = checks(run("doctor", "--json"))["remote"]
    assert found == problem("its region, agora-fr1, is not in the list", "git scalingo-region add scw-par myapp")
    paste(found["fix"])
    assert checks(run("doctor", "--json"))["remote"] == ok("scalingo is myapp in scw-par")


@needs_openssh
def test_key(
    remote: Repo,
    account: Service,
    client_key: Path,
    other_key: HostKey,
    agent: Callable[[Path], None],
    run: Run,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The key is on the account or not, there is none, or it is locked; without an answer the check is skipped."""

    def key() -> Check:
        return checks(run("doctor", "--json"))["key"]

    assert key() == skipped("the keys of the account cannot be read")
    has_keys(account, other_key)
    reason = "none of your ssh keys is on the account: add"
    add = f"scalingo keys-add NAME {client_key}.pub"
    assert key() == problem(f"{reason} {client_key}.pub at {KEYS_PAGE}", None, add)
    mine = public_key(client_key)
    has_keys(account, other_key, mine)
    assert key() == ok(f"{client_key}.pub is on the account")

    has_keys(account, other_key)
    Path(f"{client_key}.pub").unlink()
    assert key() == problem(f"{reason} {client_key} at {KEYS_PAGE}", None, f"ssh-keygen -y -f {client_key}")
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", client_key], check=True, capture_output=True)
    detail = f"cannot tell whether {client_key} is on the account: it is locked"
    assert key() == finding("warning", detail, None, f"ssh-keygen -y -f {client_key}")
    client_key.unlink()
    assert key() == problem("ssh has no key to offer", None, "ssh-keygen -t ed25519")

    monkeypatch.setenv(
        "GIT_SSH_COMMAND", os.environ["GIT_SSH_COMMAND"].replace("IdentitiesOnly=yes", "IdentitiesOnly=no")
    )
    agent(make_key(home / "held"))
    add = f"scalingo keys-add NAME {home}/held.pub"
    assert key() == problem(f"{reason} {home}/held at {KEYS_PAGE}", None, add)
    (home / "held").rename(home / "moved")
    assert key() == problem(f"{reason} {home}/held at {KEYS_PAGE}", None, add)
    (home / "held.pub").rename(home / "moved.pub")
    assert key() == problem(f"{reason} {home}/held at {KEYS_PAGE}", None, "ssh-add -L")
    has_keys(account, public_key(home / "moved"))
    assert key() == ok(f"{home}/held is on the account")
    monkeypatch.delenv("SCALINGO_API_TOKEN")
    assert key() == skipped("there is no token")


# --- the host key ----------------------------------------------------------------------------------------------------


@needs_openssh
@pytest.mark.parametrize(
    ("lines", "published", "expected"),
    [
        ("HOST KEY", "same", ok("known, and the published one")),
        ("HOST KEY", "", ok("known; no fingerprint is published for it")),
        ("", "same", problem(f"ssh does not know {HOST} yet", TRUST)),
        ("", "", problem(f"ssh does not know {HOST} yet", None, f"{TRUST} --fingerprint FINGERPRINT")),
        ("[HOST]:2200 KEY\n@cert-authority * KEY", "same", problem(f"ssh does not know {HOST} yet", TRUST)),
        ("@revoked * KEY", "same", problem(f"line 1 of FILE revokes the published key of {HOST}")),
        ("HOST KEY\n@revoked * KEY", "same", problem(f"line 2 of FILE revokes the published key of {HOST}")),
        (
            "HOST KEY\n@revoked * KEY",
            "",
            problem(f"the key that FILE holds for {HOST} is revoked", None, f"{TRUST} --fingerprint FINGERPRINT"),
        ),
    ],
)
def test_host_key(
    remote: Repo,
    known: Path,
    other_key: HostKey,
    look: Callable[..., Check],
    monkeypatch: pytest.MonkeyPatch,
    lines: str,
    published: str,
    expected: Check,
) -> None:
    """The host is known, unknown, or its key is revoked, with a published fingerprint and without."""
    known.write_text(lines.replace("HOST", HOST).replace("KEY", str(other_key)) + "\n")
    publish(monkeypatch, {other_key.type: other_key.fingerprint} if published else {})
    expected = {**expected, "detail": expected["detail"].replace("FILE", str(known))}
    assert look("host-key") == expected


def test_host_key_if_ssh_cannot_be_asked(
    remote: Repo, look: Callable[..., Check], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GIT_SSH_COMMAND that fails is the problem of this check."""
    monkeypatch.setenv("GIT_SSH_COMMAND", "echo broken >&2; false")
    assert look("host-key")["detail"] == "ssh says: broken"


# --- the connection --------------------------------------------------------------------------------------------------


@pytest.fixture
def app(endpoint: Endpoint, repo: Repo, home: Path) -> Endpoint:
    """Make an app, its remote, and its host known."""
    endpoint.app("myapp")
    repo.git("remote", "add", "scalingo", f"ssh://git@{endpoint.ssh}/myapp.git")
    (home / ".ssh").mkdir(mode=0o700)
    (home / ".ssh" / "known_hosts").write_text(endpoint.line())
    return endpoint


@pytest.fixture
def connection(run: Run) -> Callable[[], Check]:
    return lambda: checks(run("doctor", "--json", "--connect"))["connection"]


@needs_ssh_server
@pytest.mark.parametrize(
    ("lines", "detail"),
    [
        ("{name} {wrong}", "{file} holds a key for {name} that is not the published one"),
        ("other.org,{name} {wrong}", "{file} holds a key for {name} that is not the published one"),
        ("@revoked {name} {wrong}\n{name} {wrong}", "{file} holds a key for {name} that is not the published one"),
        ("{name} {ecdsa}", "ssh knows {name} by a key that is not published"),
        ("other.org {wrong}", "ssh does not know {name} yet"),
    ],
)
def test_host_key_fixes(
    app: Endpoint,
    home: Path,
    other_key: HostKey,
    make_host_key: Callable[[str], Path],
    run: Run,
    paste: Paste,
    monkeypatch: pytest.MonkeyPatch,
    lines: str,
    detail: str,
) -> None:
    """Each fix makes the published key known, and leaves what other hosts have."""
    app.publish(monkeypatch, "ed25519")
    path = home / ".ssh" / "known_hosts"
    ecdsa = public_key(make_host_key("ecdsa"))
    path.write_text(lines.format(name=app.name, wrong=other_key, ecdsa=ecdsa) + "\n")
    found = checks(run("doctor", "--json"))["host-key"]
    assert (found["status"], found["detail"]) == ("problem", detail.format(file=path, name=app.name))
    paste(found["fix"])
    found = checks(run("doctor", "--json", "--connect"))
    assert found["host-key"] == ok("known, and the published one")
    assert found["connection"]["status"] == "ok"
    assert ("other.org" in path.read_text()) == ("other.org" in lines)


@needs_ssh_server
def test_connection_works(app: Endpoint, account: Service, run: Run, home: Path, repo: Repo) -> None:
    """The push is made up to where it would send something: no hook runs, and nothing is left behind."""
    hook = repo.path / ".git" / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {home}/hook\n")
    hook.chmod(0o755)
    has_keys(account)
    known_hosts = home / ".ssh" / "known_hosts"
    before = (known_hosts.read_bytes(), repo.config.read_bytes(), sorted(home.rglob("*")), repo.git("for-each-ref"))
    found = checks(run("doctor", "--json", "--connect"))
    assert found["connection"] == ok(f"{app.ssh} lets you in, and myapp is there")
    assert found["key"] == ok(f"{app.ssh} accepts your ssh key")  # the account's list says otherwise
    assert app.commands == ["git-receive-pack '/myapp.git'"]
    shutil.rmtree(home / ".cache")
    after = (known_hosts.read_bytes(), repo.config.read_bytes(), sorted(home.rglob("*")), repo.git("for-each-ref"))
    assert after == before
    assert git("for-each-ref", cwd=app.apps / "myapp.git") == ""


@needs_ssh_server
def test_connection_is_that_of_the_push(app: Endpoint, connection: Callable[[], Check], repo: Repo, home: Path) -> None:
    """A rewrite is applied once, as `git push` does, and the command that the second time would run is not run."""
    repo.git("config", "remote.scalingo.url", "sc:myapp.git")
    repo.git("config", f"url.ssh://git@{app.ssh}/.insteadOf", "sc:")
    repo.git("config", f"url.ext::touch {home}/ran .insteadOf", f"ssh://git@{app.ssh}/")
    repo.git("config", "protocol.ext.allow", "always")
    assert connection()["status"] == "ok"
    assert not (home / "ran").exists()


@needs_ssh_server
def test_connection_failures(
    app: Endpoint, run: Run, connection: Callable[[], Check], repo: Repo, client_key: Path, tmp_path: Path
) -> None:
    """A branch that is behind, an app that is not there and a key that is not accepted are told apart."""
    repo.git("push", "--quiet", "scalingo", "main")
    repo.git("commit", "--quiet", "--allow-empty", "--amend", "--message", "other")
    detail = f"{app.ssh} lets you in, but scalingo has commits that are not in this branch"
    assert connection() == problem(detail, None, "git fetch scalingo")
    shutil.rmtree(app.apps / "myapp.git")
    detail = "there is no app myapp, or you have no right on it: app not found"
    assert connection() == problem(detail, None, "scalingo --region osc-fr1 apps")
    client_key.unlink()
    make_key(client_key)
    found = checks(run("doctor", "--json", "--connect"))
    detail = f"127.0.0.1 accepts none of your ssh keys: add {client_key}.pub at {KEYS_PAGE}"
    assert found["connection"] == problem(detail, None, f"scalingo keys-add NAME {client_key}.pub")
    assert found["key"] == found["connection"]


@needs_ssh_server
@pytest.mark.parametrize(
    ("known", "detail"),
    [("", "the host key is unknown"), ("{name} {other}\n", "the host key is not the one known")],
)
def test_connection_host_key(
    app: Endpoint,
    connection: Callable[[], Check],
    paste: Paste,
    home: Path,
    other_key: HostKey,
    monkeypatch: pytest.MonkeyPatch,
    known: str,
    detail: str,
) -> None:
    """A host key that is unknown or another one stays so, and the fix, if there is one, cures it."""
    known_hosts = home / ".ssh" / "known_hosts"
    known_hosts.write_text(known.format(name=app.name, other=other_key))
    assert connection() == problem(detail, None, f"{TRUST} --fingerprint FINGERPRINT")
    app.publish(monkeypatch, "ed25519")
    found = connection()
    assert known_hosts.read_text() == known.format(name=app.name, other=other_key)
    paste(found["fix"])
    assert connection()["status"] == "ok"


@needs_ssh_server
@pytest.mark.parametrize("way", ["config", "command", "core.sshCommand", "wrapper", "GIT_SSH"])
def test_connection_learns_nothing(
    app: Endpoint, connection: Callable[[], Check], repo: Repo, home: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """However ssh is set to accept unknown keys, looking at the connection does not make them known."""
    command = os.environ["GIT_SSH_COMMAND"].replace("-o StrictHostKeyChecking=yes", "")
    accepting = f"{command} -o StrictHostKeyChecking=accept-new"
    known_hosts, wrapper = home / ".ssh" / "known_hosts", home / "wrapper"
    known_hosts.write_text("")
    wrapper.write_text(f'#!/bin/sh\nexec {accepting} "$@"\n')
    wrapper.chmod(0o755)
    (home / "ssh_config").write_text("StrictHostKeyChecking accept-new\n")
    monkeypatch.delenv("GIT_SSH_COMMAND")
    if way == "config":
        monkeypatch.setenv("GIT_SSH_COMMAND", command.replace("-F none", f"-F {home}/ssh_config"))
    elif way == "core.sshCommand":
        repo.git("config", "core.sshCommand", accepting)
    elif way == "GIT_SSH":
        monkeypatch.setenv("GIT_SSH", str(wrapper))
    else:
        monkeypatch.setenv("GIT_SSH_COMMAND", str(wrapper) if way == "wrapper" else accepting)
    if way in ("wrapper", "GIT_SSH"):
        assert connection() == skipped("the ssh that git runs might add a host key: it sets its own options")
    else:
        assert connection()["detail"] == "the host key is unknown"
    assert known_hosts.read_text() == ""


@needs_openssh
@pytest.mark.parametrize(
    ("command", "detail"),
    [
        ("git config remote.scalingo.pushurl https://example.org/x.git", "git push does not go to the app"),
        ("git config remote.scalingo.mirror true", "git push does not get that far: remote.scalingo.mirror is true"),
        ("git config push.pushOption a", "git push does not get that far: push.pushOption is a"),
        ("git update-ref -d HEAD", "there is no commit to push"),
    ],
)
def test_connection_skipped(
    remote: Repo, connection: Callable[[], Check], paste: Paste, command: str, detail: str
) -> None:
    """No connection is tried if `git push` would not make it either, or would go elsewhere."""
    paste(command)
    assert connection() == skipped(detail)


@needs_openssh
@pytest.mark.parametrize(
    ("place", "detail"),
    [
        ("127.0.0.1:9", "port 9 of 127.0.0.1 is unreachable"),
        ("ssh.invalid:22", "the name ssh.invalid is not resolved"),
        ("silent", "127.0.0.1:PORT did not answer within 0 seconds"),
    ],
)
def test_connection_unreachable(
    repo: Repo,
    service: Service,
    connection: Callable[[], Check],
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    detail: str,
) -> None:
    """A name that is not resolved, a closed port and a silent host are told apart; no ssh is left running."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        if place == "silent":
            monkeypatch.setattr(module, "CONNECT_SECONDS", 0.3)
            place = f"127.0.0.1:{port}"
        service.regions = [region_json("osc-fr1", place, default=True)]
        repo.git("remote", "add", "scalingo", f"ssh://git@{place}/myapp.git")
        host, _, number = place.partition(":")
        found = connection()
        if port in place:
            with silent.accept()[0] as peer:
                peer.settimeout(5)
                while peer.recv(4096):
                    pass  # until ssh has hung up
    ssh = os.environ["GIT_SSH_COMMAND"]
    assert found == problem(detail.replace("PORT", port), None, f"{ssh} -v -p {number} git@{host}")


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        ("Connection closed by 1.2.3.4 port 22", f"{HOST} closed the connection"),
        ("kex_exchange_identification: read: Connection reset by peer", f"{HOST} closed the connection"),
        ("ssh: connect to host h port 22: Connection timed out", f"port 22 of {HOST} is unreachable"),
        ("ssh: connect to host h port 22: Network is unreachable", f"port 22 of {HOST} is unreachable"),
        ("Received disconnect: Too many authentication failures", f"{HOST} accepts none of your ssh keys: add one at"),
        ("@ WARNING: REVOKED HOST KEY DETECTED! @\nHost key verification failed.", "the host key is not the one known"),
        ("No ED25519 host key is known for h\nHost key verification failed.", "the host key is unknown"),
        (
            "command-line: line 0: Bad configuration option: x",
            "ssh cannot be run: command-line: line 0: Bad configuration option: x",
        ),
        ("remote: Permission denied", "there is no app myapp, or you have no right on it: remote: Permission denied"),
        ("** WARNING: not post-quantum\nno {app}", "there is no app myapp, or you have no right on it: no {app}"),
        ("", "there is no app myapp, or you have no right on it: it does not say why"),
    ],
)
def test_connection_words(
    remote: Repo,
    known: Path,
    connection: Callable[[], Check],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    detail: str,
) -> None:
    """What ssh and the host say in other cases is read for its meaning, and shown as it is if that is not known."""
    (tmp_path / "said").write_text(said + "\n" if said else "")
    script = tmp_path / "ssh"
    script.write_text(
        '#!/bin/sh\nfor word; do [ "$word" = -G ] && exec ssh -F none "$@"; done\n'
        f"cat {shlex.quote(str(tmp_path))}/said >&2\nexit 255\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", shlex.quote(str(script)))
    assert connection()["detail"].startswith(detail)


def test_no_push_command_while_tags_would_be_sent_as_well(remote: Repo, look: Callable[..., Check]) -> None:
    """The branch check prints a push command only if no setting stops or diverts that push, tags included."""
    assert look("branch")["detail"] == "main is deployed: git push scalingo main"
    remote.git("tag", "-a", "-m", "annotated", "v1")
    remote.git("config", "push.followTags", "true")
    assert look("branch")["detail"] == "main is deployed"


@needs_openssh
def test_connection_if_git_takes_ssh_for_another_program(
    remote: Repo, connection: Callable[[], Check], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting because of which git cannot name a port is no missing app: git's own words are shown."""
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
    said = "git does not push: fatal: ssh variant 'simple' does not support setting port"
    assert connection() == {"status": "problem", "detail": said, "fix": None, "try": None}


@needs_ssh_server
def test_the_ssh_of_the_repository(
    app: Endpoint,
    account: Service,
    run: Run,
    repo: Repo,
    other_key: HostKey,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the user's own ssh lacks is no problem if the repository names another ssh, which only --connect runs."""
    has_keys(account, other_key)
    users = tmp_path / "ssh"
    users.write_text('#!/bin/sh\nexec ssh -F none -o UserKnownHostsFile=/x/y -o IdentityFile=/x "$@"\n')
    users.chmod(0o755)
    monkeypatch.setenv("GIT_SSH", str(users))
    repo.git("config", "core.sshCommand", os.environ["GIT_SSH_COMMAND"])
    monkeypatch.delenv("GIT_SSH_COMMAND")
    unknown, none = f"ssh does not know {app.name} yet", "ssh has no key to offer"

    found = checks(run("doctor", "--json"))
    why, probe = "git runs this repository's core.sshCommand", "git scalingo-region doctor --connect scalingo"
    for name, detail in (("host-key", unknown), ("key", none)):
        assert found[name] == finding("warning", f"{detail}, but {why}, which only --connect tries", None, probe)
    found = checks(run("doctor", "--json", "--connect"))
    detail = f"{unknown}, but this repository's core.sshCommand accepts the host"
    assert found["host-key"] == finding("warning", detail, None, None)
    assert found["key"] == ok(f"{app.ssh} accepts your ssh key")
    assert found["connection"]["status"] == "ok"


@needs_ssh_server
def test_connection_to_where_ssh_is_sent(
    app: Endpoint, connection: Callable[[], Check], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the command names another port, that one is unreachable, and the probe is made with the same command."""
    ssh = os.environ["GIT_SSH_COMMAND"] + " -o Port=9"
    monkeypatch.setenv("GIT_SSH_COMMAND", ssh)
    probe = f"{ssh} -v -p {app.port} git@127.0.0.1"
    assert connection() == problem("port 9 of 127.0.0.1 is unreachable", None, probe)


def test_a_current_folder_that_was_made_anew(tmp_path: Path, program: Run) -> None:
    """If the folder was deleted, and one of the same name is there again, doctor still says what git says."""
    folder = tmp_path / "gone"
    folder.mkdir()

    def replace() -> None:
        folder.rmdir()
        folder.mkdir()

    result = program("doctor", "--offline", cwd=folder, preexec_fn=replace, env={**os.environ, "PWD": str(folder)})

    assert (result.status, result.stderr) == (7, "")
    assert "Unable to read current working directory" in result.stdout
