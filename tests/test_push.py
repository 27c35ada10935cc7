"""The first push, end to end: `add`, `trust`, then `git push` over real ssh, and a look at what arrived."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Repo, Run, git
from ssh_server import Endpoint, client_key, endpoint, make_host_key, make_key, needs_ssh_server, other_key

from git_scalingo_region.ssh.known_hosts import HostKey

__all__ = ["client_key", "endpoint", "make_host_key", "other_key"]
pytestmark = needs_ssh_server

HEADS = ("for-each-ref", "--format=%(refname) %(objectname)")


def push(repo: Repo, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["git", "push", *(arguments or ("scalingo", "main"))]
    return subprocess.run(
        command, cwd=repo.path, env={**os.environ, "LC_ALL": "C"}, check=False, capture_output=True, text=True
    )


def trusted(run: Run, server: Endpoint) -> None:
    assert run("trust", "--fingerprint", server.key().fingerprint).status == 0


def test_add_trust_push(endpoint: Endpoint, repo: Repo, run: Run) -> None:
    """On a machine that knows nothing, `add` and `trust` are all that stands before a push that arrives whole."""
    app = endpoint.app("myapp")
    (repo.path / "data").write_text(os.urandom(1 << 20).hex())
    repo.git("add", "data")
    repo.commit()

    assert run("add", "myapp").status == 0
    assert "Host key verification failed" in push(repo).stderr
    trusted(run, endpoint)
    assert push(repo).returncode == 0

    assert git(*HEADS, cwd=app) == f"refs/heads/main {repo.git('rev-parse', 'HEAD')}"
    assert git("cat-file", "-p", "main:data", cwd=app) == repo.git("cat-file", "-p", "main:data")
    assert endpoint.commands == ["git-receive-pack '/myapp.git'"]


@pytest.mark.parametrize("form", ["ssh://git@{}/myapp.git", "ssh://git@{}/~/myapp.git", "[git@{}]:myapp.git"])
def test_server_takes_every_form_of_path(endpoint: Endpoint, repo: Repo, run: Run, form: str) -> None:
    """Whatever spelling `add` leaves as it is can be pushed to and fetched from: the tests' server is fair."""
    app = endpoint.app("myapp")
    trusted(run, endpoint)
    url = form.format(endpoint.ssh)
    assert push(repo, url, "main").returncode == 0
    assert repo.git("ls-remote", "--heads", url) == f"{git('rev-parse', 'main', cwd=app)}\trefs/heads/main"


def in_detached_head(repo: Repo) -> None:
    repo.git("checkout", "--quiet", "--detach")


def on_a_feature_branch(repo: Repo) -> None:
    repo.git("checkout", "--quiet", "-b", "feature/x")


def on_a_branch_with_a_bad_name(repo: Repo) -> None:
    repo.git("checkout", "--quiet", "-b", "$(touch${IFS}pwned)")


def on_main(repo: Repo) -> None:
    pass


def on_master(repo: Repo) -> None:
    repo.git("branch", "--move", "master")


@pytest.mark.parametrize(
    ("arrange", "command", "branch"),
    [
        (on_main, "git push scalingo main", "main"),
        (on_master, "git push scalingo master", "master"),
        (on_a_feature_branch, "git push scalingo feature/x:main", "main"),
        pytest.param(
            in_detached_head,
            "git push scalingo HEAD:refs/heads/main",
            "main",
        ),
        pytest.param(
            on_a_branch_with_a_bad_name,
            "git push scalingo '$(touch${IFS}pwned):main'",
            "main",
        ),
    ],
)
def test_next_command_works_as_printed(
    endpoint: Endpoint, repo: Repo, run: Run, arrange: Callable[[Repo], None], command: str, branch: str
) -> None:
    """The line `next` that `add` prints, run in a shell as it stands, deploys the commit that is checked out."""
    app = endpoint.app("myapp")
    trusted(run, endpoint)
    arrange(repo)

    printed = run("add", "myapp").stdout.splitlines()[-1].split(maxsplit=1)[1]
    done = subprocess.run(printed, shell=True, cwd=repo.path, check=False, capture_output=True, text=True)

    assert (printed, done.returncode) == (command, 0), done.stderr
    assert git(*HEADS, cwd=app) == f"refs/heads/{branch} {repo.git('rev-parse', 'HEAD')}"
    assert not (repo.path / "pwned").exists()


def test_empty_repository_pushes_after_its_first_commit(
    endpoint: Endpoint, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first commit `add` says what comes first, and with it the push works."""
    app = endpoint.app("myapp")
    trusted(run, endpoint)
    empty = Repo(tmp_path / "empty")
    git("init", "--quiet", str(empty.path))
    monkeypatch.chdir(empty.path)

    assert run("add", "myapp").stdout.splitlines()[-1] == "  next    git commit, then git push scalingo main"
    assert push(empty).returncode == 1
    empty.commit()
    assert push(empty).returncode == 0
    assert git(*HEADS, cwd=app) == f"refs/heads/main {empty.git('rev-parse', 'HEAD')}"


def with_another_host_key(server: Endpoint, known_hosts: Path, other: HostKey) -> None:
    known_hosts.write_text(f"{server.name} {other}\n")


def with_no_host_key(server: Endpoint, known_hosts: Path, other: HostKey) -> None:
    known_hosts.write_text("")


def with_another_client_key(server: Endpoint, known_hosts: Path, other: HostKey) -> None:
    client_key = known_hosts.parent.parent / "client_key"
    client_key.unlink()
    make_key(client_key)


@pytest.mark.parametrize(
    ("arrange", "said"),
    [
        (with_another_host_key, "REMOTE HOST IDENTIFICATION HAS CHANGED"),
        (with_no_host_key, "Host key verification failed."),
        (with_another_client_key, "Permission denied (publickey)."),
    ],
)
def test_push_fails_for_the_reason_arranged(
    endpoint: Endpoint, repo: Repo, run: Run, home: Path, other_key: HostKey, arrange: Callable[..., None], said: str
) -> None:
    """A wrong or unknown host key and a refused client key each keep everything from arriving."""
    app = endpoint.app("myapp")
    assert run("add", "myapp").status == 0
    (home / ".ssh").mkdir(mode=0o700)
    known_hosts = home / ".ssh" / "known_hosts"
    known_hosts.write_text(endpoint.line())
    arrange(endpoint, known_hosts, other_key)

    done = push(repo)

    assert (done.returncode, said in done.stderr) == (128, True), done.stderr
    assert git(*HEADS, cwd=app) == ""


def test_push_of_an_unknown_app_shows_what_the_server_says(endpoint: Endpoint, repo: Repo, run: Run) -> None:
    """An app that does not exist is refused by the server in its own words."""
    assert run("add", "myapp").status == 0
    trusted(run, endpoint)

    done = push(repo)

    assert (done.returncode, done.stderr.splitlines()[0]) == (128, "app not found")


def test_push_to_a_closed_port(repo: Repo, run: Run, home: Path, client_key: Path) -> None:
    """Where nothing listens, ssh says so: the case that `doctor --connect` is to recognise."""
    repo.git("remote", "add", "scalingo", "ssh://git@127.0.0.1:9/myapp.git")

    done = push(repo)

    assert done.returncode == 128
    assert done.stderr.startswith("ssh: connect to host 127.0.0.1 port 9: Connection refused")


@pytest.mark.parametrize("hashed", [False, True])
def test_add_advises_trust_until_the_host_is_known(
    endpoint: Endpoint, repo: Repo, run: Run, home: Path, *, hashed: bool
) -> None:
    """The hint at the end of `add` is there while ssh does not know the host, and gone when it does, hashed or not."""
    hint = f"hint: ssh does not know the host key of {endpoint.ssh} yet: git scalingo-region trust osc-fr1\n"
    assert run("add", "myapp").stderr == hint
    trusted(run, endpoint)
    if hashed:
        known_hosts = home / ".ssh" / "known_hosts"
        subprocess.run(["ssh-keygen", "-H", "-f", str(known_hosts)], check=True, capture_output=True)
        assert known_hosts.read_text().startswith("|1|")
    assert run("add", "myapp").stderr == ""


@pytest.mark.parametrize("marker", ["@revoked", "@cert-authority"])
def test_add_advises_trust_where_ssh_does_not_accept_the_host(
    endpoint: Endpoint, repo: Repo, run: Run, home: Path, marker: str
) -> None:
    """A revoked key, or an authority alone, does not make a host known."""
    (home / ".ssh").mkdir(mode=0o700)
    (home / ".ssh" / "known_hosts").write_text(f"{marker} {endpoint.line()}")
    assert "git scalingo-region trust" in run("add", "myapp").stderr
