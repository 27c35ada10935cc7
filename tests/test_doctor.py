"""`doctor`: each check in each of its states, and each fix carried out."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import NO_SERVICE, OSC_FR1, Repo, Result, Run, Service, git, region_json, send
from ssh_server import (
    Endpoint,
    client_key,
    endpoint,
    make_host_key,
    make_key,
    needs_openssh,
    needs_ssh_server,
    other_key,
)

from git_scalingo_region.commands import doctor as module
from git_scalingo_region.scalingo import builtin as embedded
from git_scalingo_region.ssh.known_hosts import HostKey

__all__ = ["client_key", "endpoint", "make_host_key", "other_key"]

HOST = "ssh.osc-fr1.scalingo.com"
NAMES = [
    *("git", "ssh", "repository", "remote", "push-url", "regions", "host-key"),
    *("history", "follow-tags", "commit", "branch", "connection"),
]

Check = dict[str, Any]


def checks(result: Result) -> dict[str, Check]:
    """Return the checks by their names, after a look at what holds for every run."""
    found: list[Check] = result.json["checks"]
    assert [check["check"] for check in found] == NAMES
    assert result.status == (7 if any(check["status"] == "problem" for check in found) else 0)
    assert all((check["fix"] is not None) == (check["status"] == "problem") for check in found)
    return {check.pop("check"): check for check in found}


def ok(detail: str) -> Check:
    return {"status": "ok", "detail": detail, "fix": None}


def skipped(detail: str) -> Check:
    return {"status": "skipped", "detail": detail, "fix": None}


def problem(detail: str, fix: str) -> Check:
    return {"status": "problem", "detail": detail, "fix": fix}


def fix(check: Check, **values: str) -> None:
    """Carry out a fix as a person would: the command as it stands, with the words in capitals filled in."""
    command = str(check["fix"]).replace("git scalingo-region", f"{sys.executable} -m git_scalingo_region")
    for word, value in values.items():
        command = command.replace(word, value)
    subprocess.run(command, shell=True, check=True, capture_output=True)


@pytest.fixture
def remote(repo: Repo, service: Service) -> Repo:
    """Make a repository with a current remote."""
    repo.git("remote", "add", "scalingo", OSC_FR1)
    return repo


@pytest.fixture
def known(home: Path, other_key: HostKey, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the host known by a key that is the published one."""
    path = home / ".ssh" / "known_hosts"
    path.parent.mkdir(mode=0o700)
    path.write_text(f"{HOST} {other_key}\n")
    monkeypatch.setitem(embedded.FINGERPRINTS, f"{HOST}:22", {other_key.type: other_key.fingerprint})
    return path


# --- the whole -------------------------------------------------------------------------------------------------------


@needs_openssh
def test_nothing_wrong(remote: Repo, service: Service, known: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all in order every check is ok, in text and in JSON, and the exit status is 0."""
    monkeypatch.setattr(module, "_program", lambda name, *rest: module.Finding("ok", f"{name} 9.9"))
    result = run("doctor")
    assert (result.status, result.stderr) == (0, "")
    assert result.stdout == (
        "ok       git          git 9.9\n"
        "ok       ssh          OpenSSH 9.9\n"
        "ok       repository   git reads its configuration\n"
        "ok       remote       scalingo is myapp in osc-fr1\n"
        f"ok       push-url     {OSC_FR1}\n"
        f"ok       regions      2 from {service.url}, the public ones\n"
        "ok       host-key     known, and the published one\n"
        "ok       history      the clone is whole\n"
        "ok       follow-tags  push.followTags is not set\n"
        "ok       commit       there is something to push\n"
        "ok       branch       main is deployed: git push scalingo main\n"
        "skipped  connection   only with --connect\n"
        "No problem found\n"
    )
    assert run("doctor", "--json").json == {
        "checks": [
            {"check": "git", **ok("git 9.9")},
            {"check": "ssh", **ok("OpenSSH 9.9")},
            {"check": "repository", **ok("git reads its configuration")},
            {"check": "remote", **ok("scalingo is myapp in osc-fr1")},
            {"check": "push-url", **ok(OSC_FR1)},
            {"check": "regions", **ok(f"2 from {service.url}, the public ones")},
            {"check": "host-key", **ok("known, and the published one")},
            {"check": "history", **ok("the clone is whole")},
            {"check": "follow-tags", **ok("push.followTags is not set")},
            {"check": "commit", **ok("there is something to push")},
            {"check": "branch", **ok("main is deployed: git push scalingo main")},
            {"check": "connection", **skipped("only with --connect")},
        ],
        "warnings": [],
    }


@needs_openssh
def test_everything_wrong(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty, misconfigured repository each problem comes with its fix, and one does not hide another."""
    monkeypatch.setattr(module, "_program", lambda name, *rest: module.Finding("problem", f"no {name}", "install"))
    git("init", "--quiet", "-b", "work", str(tmp_path / "empty"))
    git("config", "push.followTags", "true", cwd=tmp_path / "empty")
    monkeypatch.chdir(tmp_path / "empty")
    result = run("doctor", "--connect")
    assert (result.status, result.stderr) == (7, "")
    regions = result.stdout.splitlines()[8]
    assert regions.startswith(f"problem  regions      {NO_SERVICE} cannot be reached")
    assert regions.endswith("cannot be reached (the connection is refused)")
    assert result.stdout.replace(regions, "REGIONS") == (
        "problem  git          no git\n"
        "                      fix: install\n"
        "problem  ssh          no OpenSSH\n"
        "                      fix: install\n"
        "ok       repository   git reads its configuration\n"
        "problem  remote       there is no remote 'scalingo'\n"
        "                      fix: git scalingo-region add REGION APP\n"
        "skipped  push-url     there is no remote of a known region\n"
        "REGIONS\n"
        f"                      fix: curl -sS {NO_SERVICE}/v1/regions\n"
        "skipped  host-key     there is no remote of a known region\n"
        "ok       history      the clone is whole\n"
        "problem  follow-tags  push.followTags is set, and Scalingo refuses tags\n"
        "                      fix: git config push.followTags false\n"
        "problem  commit       there is no commit yet\n"
        "                      fix: git add --all && git commit --message 'First commit'\n"
        "ok       branch       work is not deployed under its own name: git push scalingo work:main\n"
        "skipped  connection   there is no remote of a known region\n"
        "6 problems found\n"
    )


@needs_openssh
def test_changes_nothing(remote: Repo, known: Path, run: Run) -> None:
    """Neither the configuration nor known_hosts nor their folders are touched."""
    watched = [remote.config, known, remote.config.parent, known.parent]
    before = [(path.read_bytes() if path.is_file() else sorted(path.iterdir()), path.stat()) for path in watched[:2]]
    names = [sorted(path.iterdir()) for path in watched[2:]]
    run("doctor")
    assert [(path.read_bytes(), path.stat()) for path in watched[:2]] == [(text, stat) for text, stat in before]
    assert [sorted(path.iterdir()) for path in watched[2:]] == names


def test_a_name_that_no_remote_can_have(run: Run) -> None:
    """A word that git takes as no remote's name is invalid input, before anything is looked at."""
    assert run("doctor", "a b").status == 2


# --- git and ssh -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "output", "status", "detail"),
    [
        ("git", "git version 2.26.0", "ok", "git 2.26"),
        ("git", "git version 3.0.1 (Apple Git-154)", "ok", "git 3.0"),
        ("git", "git version 2.25.9", "problem", "git 2.25 is too old"),
        ("git", "hello", "problem", "git does not say that it is git"),
        ("ssh", "OpenSSH_7.2p2 Ubuntu", "ok", "OpenSSH 7.2"),
        ("ssh", "OpenSSH_10.0p2 Debian-7, OpenSSL 3.5.1", "ok", "OpenSSH 10.0"),
        ("ssh", "OpenSSH_7.1p2", "problem", "OpenSSH 7.1 is too old"),
        ("ssh", "Dropbear v2022.83", "problem", "ssh does not say that it is OpenSSH"),
        ("ssh", None, "problem", "ssh is not on PATH"),
        ("git", None, "problem", "git is not on PATH"),
    ],
)
def test_programs(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, name: str, output: str | None, status: str, detail: str
) -> None:
    """A program that is missing, another one or too old is a problem; what installs it depends on the system."""
    folder = tmp_path / "bin"
    folder.mkdir()
    other = {"git": "ssh", "ssh": "git"}[name]
    if shutil.which(other):
        (folder / other).symlink_to(str(shutil.which(other)))
    if output is not None:
        (folder / name).write_text(f"#!/bin/sh\ncase $1 in version|-V) echo '{output}' >&2;; *) exit 1;; esac\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))

    found = checks(run("doctor", "--json", "--offline"))[name]
    assert (found["status"], found["detail"]) == (status, detail)
    if status == "problem":
        install = {"git": "install git 2.26 or newer", "ssh": "install OpenSSH 7.2 or newer"}
        assert found["fix"] == install[name]
        (folder / "apt-get").symlink_to("/bin/true")
        found = checks(run("doctor", "--json", "--offline"))[name]
        assert found["fix"] == "sudo apt-get install git openssh-client"


# --- the repository --------------------------------------------------------------------------------------------------


def test_no_repository(run: Run, service: Service, home: Path) -> None:
    """Outside a repository only the repository is a problem, and all that needs one is skipped."""
    found = checks(run("doctor", "--json"))
    reason = "git says: not a git repository (or any of the parent directories): .git"
    assert found["repository"] == problem(reason, "git init")
    needing = ["remote", "history", "follow-tags", "commit", "branch"]
    assert [found[name] for name in needing] == [skipped("there is no repository")] * len(needing)
    fix(found["repository"])
    assert checks(run("doctor", "--json"))["repository"]["status"] == "ok"


def test_a_repository_that_git_refuses(repo: Repo, run: Run) -> None:
    """Where git cannot read the configuration, its own words are the detail."""
    repo.config.write_text("[oops\n")
    assert checks(run("doctor", "--json", "--offline"))["repository"] == problem(
        "git says: bad config line 1 in file .git/config", "git status"
    )


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a repository to somebody else")
def test_the_repository_of_somebody_else(repo: Repo, run: Run) -> None:
    """What git advises for a repository of another owner is the fix, and it works."""
    os.chown(repo.path, 12345, 12345)
    os.chown(repo.path / ".git", 12345, 12345)
    found = checks(run("doctor", "--json", "--offline"))["repository"]
    assert found["fix"] == f"git config --global --add safe.directory {repo.path}"
    fix(found)
    assert checks(run("doctor", "--json", "--offline"))["repository"]["status"] == "ok"


def test_shallow_clone(repo: Repo, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shallow clone is a problem until it is whole."""
    repo.commit()
    git("clone", "--quiet", "--depth", "1", f"file://{repo.path}", str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    found = checks(run("doctor", "--json", "--offline"))["history"]
    assert found == problem("the clone is shallow, and such a push is refused", "git fetch --unshallow")
    fix(found)
    assert checks(run("doctor", "--json", "--offline"))["history"] == ok("the clone is whole")


@pytest.mark.parametrize("scope", ["--local", "--global"])
def test_follow_tags(repo: Repo, run: Run, scope: str) -> None:
    """push.followTags is a problem wherever it is set, and the fix overrules it here."""
    repo.git("config", scope, "push.followTags", "yes")
    found = checks(run("doctor", "--json", "--offline"))["follow-tags"]
    assert found == problem("push.followTags is set, and Scalingo refuses tags", "git config push.followTags false")
    fix(found)
    assert checks(run("doctor", "--json", "--offline"))["follow-tags"]["status"] == "ok"


def test_no_commit(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repository without a commit has nothing to push, until there is one."""
    git("init", "--quiet", str(tmp_path / "new"))
    (tmp_path / "new" / "file").touch()
    monkeypatch.chdir(tmp_path / "new")
    found = checks(run("doctor", "--json", "--offline"))
    assert found["commit"]["status"] == "problem"
    assert found["branch"] == ok("main is deployed: git push scalingo main")
    fix(found["commit"])
    assert checks(run("doctor", "--json", "--offline"))["commit"] == ok("there is something to push")


@pytest.mark.parametrize(
    ("arguments", "detail"),
    [
        (["-b", "master"], "master is deployed: git push scalingo master"),
        (["-b", "feature/x"], "feature/x is not deployed under its own name: git push scalingo feature/x:main"),
        (["-b", "$(id)"], "$(id) is not deployed under its own name: git push scalingo '$(id):main'"),
    ],
)
def test_branch(repo: Repo, run: Run, arguments: list[str], detail: str) -> None:
    """The command to push with fits the branch, and is safe to be pasted."""
    repo.git("checkout", "--quiet", *arguments)
    assert checks(run("doctor", "--json", "--offline"))["branch"] == ok(detail)


def test_detached_head(repo: Repo, run: Run) -> None:
    """A detached head is pushed by a refspec of its own."""
    repo.git("checkout", "--quiet", "--detach")
    assert checks(run("doctor", "--json", "--offline"))["branch"]["detail"].startswith(
        "HEAD is detached: git push scalingo HEAD:"
    )


# --- the remote ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "url", "detail", "command"),
    [
        ("scalingo", None, "there is no remote 'scalingo'", "git scalingo-region add REGION APP"),
        ("a/b", None, "there is no remote 'a/b'", "git scalingo-region add -r a/b REGION APP"),
        (
            "scalingo",
            "https://example.org/x.git",
            "the remote 'scalingo' is not Scalingo's: it points to https://example.org/x.git",
            "git scalingo-region add --force REGION APP",
        ),
        (
            "scalingo",
            "git@ssh.gone.scalingo.com:myapp.git",
            "its region, gone, is not in the list",
            "git scalingo-region add REGION myapp",
        ),
        (
            "scalingo",
            "git@scalingo.com:myapp.git",
            f"git@scalingo.com:myapp.git is not what osc-fr1 has now: {HOST}:22",
            "git scalingo-region sync scalingo",
        ),
    ],
)
def test_remote(repo: Repo, service: Service, run: Run, name: str, url: str | None, detail: str, command: str) -> None:
    """A remote that is missing, not Scalingo's, of an unknown region or stale has the command that makes it current."""
    if url:
        repo.git("remote", "add", name, url)
    found = checks(run("doctor", name, "--json"))["remote"]
    assert found == problem(detail, command)
    fix(found, REGION="osc-fr1", APP="myapp")
    assert checks(run("doctor", name, "--json"))["remote"] == ok(f"{name} is myapp in osc-fr1")


def test_a_remote_of_somebody_else_is_not_to_be_replaced(repo: Repo, service: Service, run: Run) -> None:
    """For a remote that is not Scalingo's, other than the usual one, the advice is to add one, not to replace it."""
    repo.git("remote", "add", "origin", "https://example.org/x.git")
    assert checks(run("doctor", "origin", "--json"))["remote"]["fix"] == "git scalingo-region add REGION APP"


@pytest.mark.parametrize(
    "settings",
    [
        [("remote.scalingo.pushurl", "https://example.org/x.git")],
        [
            ("remote.scalingo.pushurl", "https://example.org/x.git"),
            ("remote.scalingo.pushurl", "https://example.org/y.git"),
        ],
        [("url.ssh://git@example.org/.pushInsteadOf", f"ssh://git@{HOST}:22/")],
        [("url.ssh://git@example.org/.insteadOf", f"ssh://git@{HOST}:22/")],
        [("url.ssh://git@a.example/.insteadOf", "ssh://"), ("url.ssh://git@b.example/.pushInsteadOf", "ssh://git@")],
    ],
)
def test_push_url(remote: Repo, run: Run, settings: list[tuple[str, str]]) -> None:
    """Whatever diverts a push, it is named with where the push goes, and the fix brings it back."""
    for key, value in settings:
        remote.git("config", "--add", key, value)
    found = checks(run("doctor", "--json"))["push-url"]
    diverted = ", ".join(remote.push_urls())
    assert (found["status"], found["detail"]) == ("problem", f"git push scalingo goes to {diverted}")
    fix(found)
    assert remote.push_urls() == [OSC_FR1]
    assert checks(run("doctor", "--json"))["push-url"] == ok(OSC_FR1)


# --- the list and the token ------------------------------------------------------------------------------------------


def test_regions_with_a_token(service: Service, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token that the service accepts is told, and asked about anew each time."""
    monkeypatch.setenv("SCALINGO_API_TOKEN", "tk-us-x")
    for _ in range(2):
        detail = f"2 from {service.url}, the token is accepted"
        assert checks(run("doctor", "--json"))["regions"] == ok(detail)
    assert [path for _, path, _ in service.requests] == ["/v1/tokens/exchange", "/v1/regions"] * 2


@pytest.mark.parametrize("kept_by_cli", [False, True])
def test_rejected_token(
    service: Service, remote: Repo, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, *, kept_by_cli: bool
) -> None:
    """A rejected token is a problem of its own, with the way out that fits its source; the remote is still checked."""
    service.routes["POST", "/v1/tokens/exchange"] = lambda handler: send(handler, 401, {"error": "no"})
    if kept_by_cli:
        folder = home / ".config" / "scalingo"
        folder.mkdir(parents=True)
        account = {"tokens": {"token": "tk-us-x"}}
        data = {"auth_data_version": "2.1", "auth_config_data": {service.url.partition("://")[2]: account}}
        folder.joinpath("auth").write_text(json.dumps(data))
    else:
        monkeypatch.setenv("SCALINGO_API_TOKEN", "tk-us-x")
    found = checks(run("doctor", "--json"))
    assert found["regions"]["status"] == "problem"
    assert found["regions"]["detail"].startswith(f"{service.url} rejected the API token")
    assert found["regions"]["fix"] == ("scalingo login" if kept_by_cli else "unset SCALINGO_API_TOKEN")
    assert found["remote"] == ok("scalingo is myapp in osc-fr1")


@needs_openssh
def test_offline(remote: Repo, service: Service, known: Path, run: Run) -> None:
    """`--offline` looks at all that needs no network, and asks nobody."""
    found = checks(run("doctor", "--json", "--offline", "--connect"))
    assert {name for name, check in found.items() if check["status"] != "ok"} == {"regions", "connection"}
    assert found["regions"] == found["connection"] == skipped("--offline")
    assert service.requests == []


# --- the host key ----------------------------------------------------------------------------------------------------

TRUST = "git scalingo-region trust osc-fr1"


@needs_openssh
@pytest.mark.parametrize(
    ("text", "published", "expected"),
    [
        ("{HOST} {KEY}\n", True, ok("known, and the published one")),
        ("{HOST} {KEY}\n", False, ok("known; no fingerprint is published for it")),
        ("", True, problem(f"ssh does not know {HOST} yet", TRUST)),
        ("[{HOST}]:2200 {KEY}\n@cert-authority * {KEY}\n", True, problem(f"ssh does not know {HOST} yet", TRUST)),
        (
            "{HOST} {KEY}\n",
            "ssh-ed25519",
            problem(f"FILE holds a key for {HOST} that is not the published one", "RENEW"),
        ),
        ("{HOST} {KEY}\n", "ssh-rsa", problem(f"ssh knows {HOST} by a key that is not published", TRUST)),
        ("{HOST} {KEY}\n@revoked * {KEY}\n", True, problem(f"the key that FILE holds for {HOST} is revoked", "RENEW")),
    ],
)
def test_host_key(
    remote: Repo,
    known: Path,
    other_key: HostKey,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    published: bool | str,
    expected: Check,
) -> None:
    """A host is known, unknown, known by another key than the published one, or by a revoked one."""
    known.write_text(text.format(HOST=HOST, KEY=other_key))
    if published is not True:
        monkeypatch.setitem(embedded.FINGERPRINTS, f"{HOST}:22", {str(published): "SHA256:x"} if published else {})
    renew = f"ssh-keygen -R {HOST} -f {known} && {TRUST}"
    expected = {
        name: value and value.replace("FILE", str(known)).replace("RENEW", renew) for name, value in expected.items()
    }
    assert checks(run("doctor", "--json"))["host-key"] == expected


def test_host_key_where_ssh_cannot_be_asked(remote: Repo, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GIT_SSH_COMMAND that fails is the problem of this check, with the question to ask by hand."""
    monkeypatch.setenv("GIT_SSH_COMMAND", "echo broken >&2; false")
    assert checks(run("doctor", "--json"))["host-key"] == problem("ssh says: broken", f"ssh -G -p 22 git@{HOST}")


# --- the connection --------------------------------------------------------------------------------------------------


@pytest.fixture
def app(endpoint: Endpoint, repo: Repo, home: Path) -> Endpoint:
    """Make an app, its remote, and its host known."""
    endpoint.app("myapp")
    repo.git("remote", "add", "scalingo", f"ssh://git@{endpoint.ssh}/myapp.git")
    (home / ".ssh").mkdir(mode=0o700)
    (home / ".ssh" / "known_hosts").write_text(endpoint.line())
    return endpoint


def connection(run: Run) -> Check:
    return checks(run("doctor", "--json", "--connect"))["connection"]


@needs_ssh_server
def test_connection_works(app: Endpoint, run: Run, home: Path, repo: Repo) -> None:
    """Where the host, the key and the app are right, the connection is ok, and leaves no trace here."""
    before = [(home / ".ssh" / "known_hosts").read_bytes(), repo.config.read_bytes(), sorted((home / ".ssh").iterdir())]
    assert connection(run) == ok(f"{app.ssh} lets you in, and myapp is there")
    assert app.commands == ["git-upload-pack '/myapp.git'"]
    after = [(home / ".ssh" / "known_hosts").read_bytes(), repo.config.read_bytes(), sorted((home / ".ssh").iterdir())]
    assert after == before


@needs_ssh_server
def test_connection_app_not_found(app: Endpoint, run: Run, repo: Repo) -> None:
    """An app that is not there is told from all failures of ssh, in the server's own words."""
    shutil.rmtree(app.apps / "myapp.git")
    found = connection(run)
    assert found == problem(
        "there is no app myapp, or you have no right on it: app not found", "scalingo --region osc-fr1 apps"
    )


@needs_ssh_server
def test_connection_key_refused(app: Endpoint, run: Run, client_key: Path) -> None:
    """A client key that the server does not accept is told, and goes to the platform with one command."""
    client_key.unlink()
    make_key(client_key)
    found = connection(run)
    assert found == problem("no ssh key of yours is accepted", "scalingo keys-add KEY ~/.ssh/id_ed25519.pub")


@needs_ssh_server
def test_connection_host_key_unknown(app: Endpoint, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown host key is told, stays unknown, and the fix makes it known."""
    known_hosts = home / ".ssh" / "known_hosts"
    known_hosts.write_text("")
    found = connection(run)
    assert found == problem("the host key is unknown", TRUST)
    assert known_hosts.read_text() == ""
    app.publish(monkeypatch, "ed25519")
    assert run(*found["fix"].split()[2:]).status == 0
    assert connection(run)["status"] == "ok"


@needs_ssh_server
def test_connection_host_key_changed(
    app: Endpoint, run: Run, home: Path, other_key: HostKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed host key is told, and the fix takes the old one out and the new one in, verified."""
    known_hosts = home / ".ssh" / "known_hosts"
    known_hosts.write_text(f"{app.name} {other_key}\n")
    found = connection(run)
    removal = f"ssh-keygen -R '{app.name}' -f {known_hosts}"
    assert found == problem("the host key is not the one known", f"{removal} && {TRUST}")
    subprocess.run(removal, shell=True, check=True, capture_output=True)
    app.publish(monkeypatch, "ed25519")
    assert run("trust", "osc-fr1").status == 0
    assert connection(run)["status"] == "ok"


@needs_openssh
@pytest.mark.parametrize(
    ("place", "detail"),
    [
        ("127.0.0.1:9", "port 9 of 127.0.0.1 is unreachable"),
        ("ssh.invalid:22", "the name ssh.invalid is not resolved"),
    ],
)
def test_connection_unreachable(repo: Repo, service: Service, run: Run, place: str, detail: str) -> None:
    """A name that is not resolved and a port that nobody listens on are told apart."""
    service.regions = [region_json("osc-fr1", place, default=True)]
    repo.git("remote", "add", "scalingo", f"ssh://git@{place}/myapp.git")
    host, _, port = place.partition(":")
    assert connection(run) == problem(detail, f"ssh -v -p {port} git@{host}")


@needs_openssh
def test_connection_deadline(repo: Repo, service: Service, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that takes the connection and says nothing is given up, with its ssh."""
    monkeypatch.setattr(module, "CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        service.regions = [region_json("osc-fr1", f"127.0.0.1:{port}", default=True)]
        repo.git("remote", "add", "scalingo", f"ssh://git@127.0.0.1:{port}/myapp.git")
        found = connection(run)
    detail = f"127.0.0.1:{port} did not answer within 0 seconds"
    assert found == problem(detail, f"ssh -v -p {port} git@127.0.0.1")


@pytest.mark.parametrize(
    ("said", "detail"),
    [
        ("Connection closed by 1.2.3.4 port 22", f"{HOST} closed the connection"),
        ("kex_exchange_identification: read: Connection reset by peer", f"{HOST} closed the connection"),
        ("ssh: connect to host h port 22: Connection timed out", f"port 22 of {HOST} is unreachable"),
        ("ssh: connect to host h port 22: Network is unreachable", f"port 22 of {HOST} is unreachable"),
        ("git@h: Permission denied (publickey).", "no ssh key of yours is accepted"),
        ("Received disconnect: Too many authentication failures", "no ssh key of yours is accepted"),
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
    remote: Repo, known: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, detail: str
) -> None:
    """What ssh and the host say in other cases is read for what it means, and what is unknown is shown as it is."""
    (tmp_path / "said").write_text(said + "\n" if said else "")
    script = tmp_path / "ssh"
    script.write_text(f'#!/bin/sh\n[ "$1" = -G ] && exec ssh -F none "$@"\ncat {tmp_path}/said >&2\nexit 255\n')
    script.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(script))
    assert connection(run)["detail"] == detail


@needs_openssh
def test_connection_that_would_go_elsewhere(remote: Repo, run: Run) -> None:
    """Where the push does not go to the app, doctor does not go there either."""
    remote.git("config", "remote.scalingo.pushurl", "https://example.org/x.git")
    assert connection(run) == skipped("git push does not go to the app")


@needs_ssh_server
def test_connection_changes_nothing_where_ssh_accepts_new_keys(
    app: Endpoint, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where ssh is set to accept unknown keys, looking at the connection does not make them known."""
    (home / "ssh_config").write_text("StrictHostKeyChecking accept-new\n")
    command = os.environ["GIT_SSH_COMMAND"].replace("-F none", f"-F {home}/ssh_config")
    monkeypatch.setenv("GIT_SSH_COMMAND", command.replace("-o StrictHostKeyChecking=yes", ""))
    known_hosts = home / ".ssh" / "known_hosts"
    known_hosts.write_text("")
    connection(run)
    assert known_hosts.read_text() == ""
