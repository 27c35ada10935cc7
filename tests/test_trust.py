"""`trust`, against a real ssh server: who vouches for a key, what is written, and what never is."""

from __future__ import annotations

import os
import re
import shutil
import socket
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import Result, Run, Service, region_json
from ssh_server import Endpoint, client_key, endpoint, make_host_key, needs_openssh, needs_ssh_server, other_key

from git_scalingo_region.commands import trust as module
from git_scalingo_region.ssh.known_hosts import HostKey

__all__ = ["client_key", "endpoint", "make_host_key", "other_key"]

GIVEN = "the fingerprint given"
PUBLISHED = "the platform's documentation of 2026-01-02"


@pytest.fixture
def known_hosts(home: Path) -> Path:
    return home / ".ssh" / "known_hosts"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(text)


def snapshot(home: Path) -> dict[str, tuple[bytes, int]]:
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in sorted((home / ".ssh").glob("*")) if p.is_file()}


def refused(result: Result, error: str, *hints: str) -> None:
    assert (result.status, result.stdout) == (7, "")
    assert result.stderr == f"error: {error}\n" + "".join(f"hint: {hint}\n" for hint in hints)


def ssh_says(server: Endpoint) -> str:
    """Return what the user's own ssh, which accepts no unknown key, says of the server."""
    url = f"ssh://git@{server.ssh}/none.git"
    return subprocess.run(["git", "ls-remote", url], check=False, capture_output=True, text=True).stderr.splitlines()[0]


# --- keys that are vouched for ---------------------------------------------------------------------------------------


@needs_ssh_server
def test_adds_the_published_keys(
    endpoint: Endpoint, run: Run, known_hosts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys whose fingerprints the platform publishes are added, for ssh to accept; once is enough."""
    endpoint.publish(monkeypatch, "ed25519", "rsa")
    ed25519, rsa = (endpoint.key(kind).fingerprint for kind in ("ed25519", "rsa"))
    assert (
        ssh_says(endpoint)
        == "No ED25519 host key is known for " + endpoint.name + " and you have requested strict checking."
    )

    first = run("trust")
    written = snapshot(known_hosts.parent.parent)
    second = run("trust", "osc-fr1")

    assert (first.status, first.stderr, second.status, second.stderr) == (0, "", 0, "")
    lines = first.stdout.splitlines()
    assert lines[0] == f"Trusted the host keys of {endpoint.ssh}"
    assert sorted(lines[1:3]) == [f"  ssh-ed25519  {ed25519} (added)", f"  ssh-rsa      {rsa} (added)"]
    assert lines[3:] == ["  region       osc-fr1", f"  file         {known_hosts}", f"  source       {PUBLISHED}"]
    assert sorted(known_hosts.read_text().splitlines(True)) == [endpoint.line(), endpoint.line("rsa")]
    assert second.stdout.splitlines()[0] == f"The host keys of {endpoint.ssh} are trusted already"
    assert "(added)" not in second.stdout
    assert snapshot(known_hosts.parent.parent) == written
    assert ssh_says(endpoint) == "app not found"


@needs_ssh_server
def test_adds_the_key_of_the_fingerprint_given_alone(endpoint: Endpoint, run: Run, known_hosts: Path) -> None:
    """`--fingerprint` vouches for the key that it names, and for no other that the host offers."""
    wrong = "SHA256:" + "A" * 43
    result = run("trust", "--fingerprint", wrong, "--fingerprint", endpoint.key().fingerprint)
    assert result.stdout == (
        f"Trusted the host key of {endpoint.ssh}\n"
        f"  ssh-ed25519  {endpoint.key().fingerprint} (added)\n"
        "  region       osc-fr1\n"
        f"  file         {known_hosts}\n"
        f"  source       {GIVEN}\n"
    )
    assert known_hosts.read_text() == endpoint.line()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (known_hosts.parent, known_hosts)] == [0o700, 0o600]


@needs_ssh_server
def test_json(endpoint: Endpoint, run: Run, known_hosts: Path) -> None:
    """`--json` says what became of each key, also for a run that changes nothing."""

    def shape(outcome: str, *, added: bool, dry_run: bool) -> dict[str, Any]:
        key = {"type": "ssh-ed25519", "fingerprint": endpoint.key().fingerprint, "added": added}
        place = {"region": "osc-fr1", "endpoint": endpoint.ssh, "file": str(known_hosts)}
        return {"outcome": outcome, **place, "keys": [key], "dry_run": dry_run, "warnings": []}

    words = ["trust", "--json", "--fingerprint", endpoint.key().fingerprint]
    assert run(*words, "--dry-run").json == shape("created", added=True, dry_run=True)
    assert not known_hosts.parent.exists()
    assert run(*words).json == shape("created", added=True, dry_run=False)
    assert run(*words).json == shape("unchanged", added=False, dry_run=False)


@needs_ssh_server
def test_dry_run_writes_nothing(endpoint: Endpoint, run: Run, known_hosts: Path) -> None:
    """`--dry-run` says what would be done, and makes neither the file nor its folder."""
    result = run("trust", "-n", "--fingerprint", endpoint.key().fingerprint)
    assert result.stdout.splitlines()[:2] == [
        f"Would trust the host key of {endpoint.ssh}",
        f"  ssh-ed25519  {endpoint.key().fingerprint}",
    ]
    assert not known_hosts.parent.exists()


@needs_ssh_server
@pytest.mark.parametrize("hashed", [False, True])
def test_adds_what_is_missing_beside_what_is_known(
    endpoint: Endpoint, run: Run, known_hosts: Path, monkeypatch: pytest.MonkeyPatch, *, hashed: bool
) -> None:
    """An entry that is there, hashed or not, stays as it is, and the other published key follows it."""
    endpoint.publish(monkeypatch, "ed25519", "rsa")
    write(known_hosts, f"# mine\nexample.org {endpoint.key()}\n{endpoint.line()}")
    if hashed:
        subprocess.run(["ssh-keygen", "-H", "-f", str(known_hosts)], check=True, capture_output=True)
    before = known_hosts.read_text()

    assert run("trust", "--json").json["outcome"] == "updated"
    assert known_hosts.read_text() == before + endpoint.line("rsa")
    assert run("trust", "--json").json["outcome"] == "unchanged"


@needs_ssh_server
def test_a_key_that_ssh_knows_from_elsewhere_is_unchanged(
    endpoint: Endpoint, run: Run, known_hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a second or a system-wide file holds the key, ssh is content, and nothing is written."""
    write(tmp_path / "system", f"*,!example.org {endpoint.key()}\n")
    ssh = os.environ["GIT_SSH_COMMAND"].replace(
        "GlobalKnownHostsFile=/dev/null", f"GlobalKnownHostsFile={tmp_path}/system"
    )
    monkeypatch.setenv("GIT_SSH_COMMAND", ssh)
    assert run("trust", "--json", "--fingerprint", endpoint.key().fingerprint).json["outcome"] == "unchanged"
    assert not known_hosts.exists()
    assert ssh_says(endpoint) == "app not found"


@needs_ssh_server
def test_many_runs_at_once_add_each_key_once(
    endpoint: Endpoint, known_hosts: Path, program: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight processes at once all succeed, and leave each key there once beside what was there."""
    write(known_hosts, "# mine")
    words = [word for kind in ("ed25519", "rsa") for word in ("--fingerprint", endpoint.key(kind).fingerprint)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: program("trust", *words), range(8)))
    assert {(result.status, result.stderr) for result in results} == {(0, "")}
    assert sorted(known_hosts.read_text().splitlines(True)) == ["# mine\n", endpoint.line(), endpoint.line("rsa")]


# --- keys that are not -----------------------------------------------------------------------------------------------


@needs_ssh_server
def test_refuses_without_anybody_to_vouch(endpoint: Endpoint, run: Run, known_hosts: Path) -> None:
    """Where no fingerprint is published or given, the offered keys are shown, and nothing is trusted."""
    result = run("trust")
    offers = sorted(re.findall(r"^hint: (.* offers .*)$", result.stderr, re.MULTILINE))
    assert offers == [
        f"{endpoint.ssh} offers ssh-ed25519 {endpoint.key().fingerprint}",
        f"{endpoint.ssh} offers ssh-rsa {endpoint.key('rsa').fingerprint}",
    ]
    lines = result.stderr.splitlines()
    assert (result.status, result.stdout, len(lines)) == (7, "", 4)
    assert lines[0] == f"error: nothing vouches for the host key of {endpoint.ssh}: there is no published fingerprint"
    assert lines[-1] == (
        "hint: compare with the page 'Regions' of the platform's documentation, section 'SSH Endpoints', then: "
        "git scalingo-region trust osc-fr1 --fingerprint SHA256:..."
    )
    assert not known_hosts.parent.exists()


@needs_ssh_server
@pytest.mark.parametrize("given", [False, True])
def test_refuses_another_key(
    endpoint: Endpoint,
    run: Run,
    home: Path,
    known_hosts: Path,
    other_key: HostKey,
    monkeypatch: pytest.MonkeyPatch,
    *,
    given: bool,
) -> None:
    """A host that offers another key than the published one, or the one given, is refused, and nothing changes."""
    write(known_hosts, "# mine")
    before = snapshot(home)
    if not given:
        endpoint.publish(monkeypatch, key=other_key)
    result = run("trust", *(["--fingerprint", other_key.fingerprint] if given else []))
    why = "none of its keys is the one given" if given else "its ssh-ed25519 key is not the published one"
    lines = result.stderr.splitlines()
    assert (result.status, result.stdout) == (7, "")
    assert (
        lines[0] == f"error: the host that answers at {endpoint.ssh} may not be Scalingo's: {why}; nothing was changed"
    )
    assert f"hint: {endpoint.ssh} offers ssh-ed25519 {endpoint.key().fingerprint}" in lines
    assert snapshot(home) == before


@needs_ssh_server
def test_one_wrong_key_spoils_the_right_ones(
    endpoint: Endpoint, run: Run, known_hosts: Path, other_key: HostKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that offers one published key and one that contradicts a published one is not believed at all."""
    endpoint.publish(monkeypatch, "rsa")
    published = {"ssh-rsa": endpoint.key("rsa").fingerprint, "ssh-ed25519": other_key.fingerprint}
    monkeypatch.setitem(module.embedded.FINGERPRINTS, endpoint.ssh, published)
    assert run("trust", "--json").error["kind"] == "host-key"
    assert not known_hosts.exists()


@needs_ssh_server
def test_the_word_of_the_user_replaces_the_published_one(
    endpoint: Endpoint, run: Run, known_hosts: Path, other_key: HostKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a rotation `--fingerprint` names the new key, and the published one counts no more."""
    endpoint.publish(monkeypatch, key=other_key)
    assert run("trust", "--fingerprint", endpoint.key().fingerprint).status == 0
    assert known_hosts.read_text() == endpoint.line()


@needs_ssh_server
@pytest.mark.parametrize("names", ["{name}", "{name},example.org", "[127.0.0.*]:*", "*,!example.org"])
def test_refuses_an_entry_with_another_key(
    endpoint: Endpoint, run: Run, home: Path, known_hosts: Path, other_key: HostKey, names: str
) -> None:
    """Where the file holds another key for the host, nothing changes; the command advised makes way for the new one."""
    write(known_hosts, f"{names.format(name=endpoint.name)} {other_key}\n")
    before = snapshot(home)
    words = ["trust", "--fingerprint", endpoint.key().fingerprint]
    removal = f"ssh-keygen -R '{endpoint.name}' -f {known_hosts}"
    what = f"which the host does not offer: ssh-ed25519 {other_key.fingerprint}"

    refused(
        run(*words),
        f"{known_hosts} holds another key for {endpoint.name}, {what}; nothing was changed",
        f"if the platform announced a new key, remove the old one: {removal}",
    )
    assert snapshot(home) == before
    subprocess.run(removal, shell=True, check=True, capture_output=True)
    assert run(*words).status == 0
    assert known_hosts.read_text() == endpoint.line()


@needs_ssh_server
def test_refuses_a_revoked_key(endpoint: Endpoint, run: Run, home: Path, known_hosts: Path) -> None:
    """A key that the file revokes is not added, whoever vouches for it."""
    write(known_hosts, f"@revoked * {endpoint.key()}\n")
    before = snapshot(home)
    what = f"ssh-ed25519 {endpoint.key().fingerprint}"
    refused(
        run("trust", "--fingerprint", endpoint.key().fingerprint),
        f"{known_hosts} revokes the host key {what} of {endpoint.name}; nothing was changed",
    )
    assert snapshot(home) == before


@needs_ssh_server
@pytest.mark.parametrize(
    "line", ["@revoked {name} {other}\n", "@cert-authority * {other}\n", "127.0.0.1 {other}\n", "!{name},* {other}\n"]
)
def test_entries_that_say_nothing_of_the_key_are_left(
    endpoint: Endpoint, run: Run, known_hosts: Path, other_key: HostKey, line: str
) -> None:
    """Another revoked key, an authority, another port's entry and a negated name do not keep the key out."""
    before = line.format(name=endpoint.name, other=other_key)
    write(known_hosts, before)
    assert run("trust", "--fingerprint", endpoint.key().fingerprint).status == 0
    assert known_hosts.read_text() == before + endpoint.line()


@needs_ssh_server
def test_warns_of_a_known_key_that_nothing_vouches_for(endpoint: Endpoint, run: Run, known_hosts: Path) -> None:
    """A key that the host offers beside the verified one, as ssh itself adds them, is left, with a warning."""
    write(known_hosts, endpoint.line("rsa"))
    result = run("trust", "--fingerprint", endpoint.key().fingerprint)
    what = f"ssh-rsa {endpoint.key('rsa').fingerprint}"
    assert (
        result.stderr
        == f"warning: nothing vouches for another key that {known_hosts} holds for {endpoint.name}: {what}\n"
    )
    assert known_hosts.read_text() == endpoint.line("rsa") + endpoint.line()


@needs_ssh_server
def test_a_published_key_that_is_not_offered_now_is_no_other_key(
    endpoint: Endpoint, run: Run, known_hosts: Path, other_key: HostKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scan that sees only some of the published keys does not turn against an entry of the others."""
    published = {"ssh-ed25519": endpoint.key().fingerprint, "ecdsa-sha2-nistp256": other_key.fingerprint}
    monkeypatch.setitem(module.embedded.FINGERPRINTS, endpoint.ssh, published)
    write(known_hosts, f"{endpoint.name} {other_key}\n{endpoint.line()}")
    result = run("trust", "--json")
    assert (result.status, result.json["outcome"]) == (0, "unchanged")


# --- which file ------------------------------------------------------------------------------------------------------


@needs_ssh_server
def test_known_hosts_option(
    endpoint: Endpoint, run: Run, known_hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--known-hosts FILE` is the file to look at and to write, under the endpoint's own name, without asking ssh."""
    monkeypatch.setenv("GIT_SSH_COMMAND", "false")
    result = run("trust", "--known-hosts", "a b/hosts", "--fingerprint", endpoint.key().fingerprint, "--json")
    assert result.json["file"] == f"{Path.cwd()}/a b/hosts"
    assert (Path.cwd() / "a b" / "hosts").read_text() == endpoint.line()
    assert not known_hosts.exists()


@needs_ssh_server
def test_writes_where_ssh_looks(
    endpoint: Endpoint, run: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With an alias, several files and a blank in ssh's configuration, the entry makes ssh accept the host."""
    config = tmp_path / "ssh_config"
    config.write_text(f'Host 127.0.0.1\n  HostKeyAlias Scalingo\n  UserKnownHostsFile "{tmp_path}/a b" {tmp_path}/c\n')
    ssh = f"ssh -F {config} -i {home}/client_key -o IdentitiesOnly=yes -o BatchMode=yes -o GlobalKnownHostsFile=none"
    monkeypatch.setenv("GIT_SSH_COMMAND", ssh)
    assert run("trust", "--fingerprint", endpoint.key().fingerprint).status == 0
    assert (tmp_path / "a b").read_text() == f"scalingo {endpoint.key()}\n"
    assert ssh_says(endpoint) == "app not found"


@needs_ssh_server
def test_scans_where_ssh_connects(
    endpoint: Endpoint, run: Run, service: Service, known_hosts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where ssh's configuration gives the endpoint another address, that one is asked, and named in the file."""
    port = endpoint.port
    service.regions = [region_json("osc-fr1", f"ssh.invalid:{port}", default=True)]
    monkeypatch.setenv("GIT_SSH_COMMAND", os.environ["GIT_SSH_COMMAND"] + " -o HostName=127.0.0.1")
    assert run("trust", "--fingerprint", endpoint.key().fingerprint).status == 0
    assert known_hosts.read_text() == endpoint.line()


@needs_ssh_server
def test_no_file_of_the_user(endpoint: Endpoint, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ssh is set to use no file, one is to be named."""
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -F none -o UserKnownHostsFile=none")
    result = run("trust", "--fingerprint", endpoint.key().fingerprint)
    assert (result.status, result.stderr) == (
        5,
        "error: ssh is set to use no known_hosts file of the user\nhint: name one with --known-hosts FILE\n",
    )


@needs_ssh_server
def test_an_unwritable_file(endpoint: Endpoint, run: Run, home: Path) -> None:
    """A file that cannot be written is an error that names it."""
    (home / ".ssh").touch()
    result = run("trust", "--fingerprint", endpoint.key().fingerprint)
    assert (result.status, result.stderr) == (5, f"error: cannot write {home}/.ssh/known_hosts: Not a directory\n")


@needs_ssh_server
@pytest.mark.skipif(os.getuid() == 0, reason="root may write everything")
def test_a_read_only_file(endpoint: Endpoint, run: Run, known_hosts: Path) -> None:
    """A read-only file is not made writable, and is enough where it holds the key."""
    write(known_hosts, "")
    known_hosts.chmod(0o400)
    words = ["trust", "--fingerprint", endpoint.key().fingerprint]
    assert run(*words).stderr == f"error: cannot write {known_hosts}: Permission denied\n"
    known_hosts.chmod(0o600)
    known_hosts.write_text(endpoint.line())
    known_hosts.chmod(0o400)
    assert run(*words).status == 0
    assert stat.S_IMODE(known_hosts.stat().st_mode) == 0o400


# --- no answer -------------------------------------------------------------------------------------------------------

FINGERPRINT = ["--fingerprint", "SHA256:" + "A" * 43]


@pytest.mark.parametrize(
    "text", ["", "SHA256:", "A" * 43, "SHA256:" + "A" * 42, "SHA256:" + "A" * 43 + "=", "SHA256:" + "-" * 43, "MD5:00"]
)
def test_a_fingerprint_that_is_none(run: Run, text: str) -> None:
    """What cannot be a fingerprint is said before anybody is asked."""
    result = run("trust", "--fingerprint", text, "--offline")
    message = f"'{text}' is not a fingerprint: SHA256: and 43 characters, as ssh-keygen -l prints it"
    assert (result.status, result.stderr) == (2, f"error: {message}\n")


def test_offline(run: Run) -> None:
    """`--offline` says that the host cannot be reached, whatever vouches for its key."""
    result = run("trust", "osc-fr1", "--offline")
    assert result.status == 4
    assert result.stderr.splitlines()[-2:] == [
        "error: ssh.osc-fr1.scalingo.com:22 cannot be reached: --offline",
        "hint: trust needs to ask the host for its key",
    ]


@needs_openssh
@pytest.mark.parametrize("place", ["127.0.0.1:9", "ssh.invalid:22"])
def test_nobody_answers(service: Service, run: Run, known_hosts: Path, place: str) -> None:
    """A closed port and a name that is not resolved are errors, and an empty scan is no success."""
    service.regions = [region_json("osc-fr1", place, default=True)]
    result = run("trust", *FINGERPRINT)
    assert (result.status, result.stdout) == (4, "")
    assert result.stderr == f"error: {place} cannot be reached: it offers no host key\n"
    assert not known_hosts.parent.exists()


@needs_openssh
def test_a_host_that_never_speaks(service: Service, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that takes the connection and says nothing is given up."""
    monkeypatch.setattr(module, "SCAN_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        service.regions = [region_json("osc-fr1", place, default=True)]
        result = run("trust", *FINGERPRINT)
    assert (result.status, result.stderr) == (4, f"error: {place} cannot be reached: it offers no host key\n")


def test_a_scanner_that_never_ends(
    service: Service, run: Run, known_hosts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An `ssh-keyscan` that does not keep to its own time limit is ended."""
    (tmp_path / "bin").mkdir()
    scanner = tmp_path / "bin" / "ssh-keyscan"
    scanner.write_text(f"#!{sys.executable}\nimport signal\nsignal.pause()\n")
    scanner.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setattr(module, "SCAN_SECONDS", -0.9)
    assert run("trust", "--known-hosts", str(known_hosts), *FINGERPRINT).status == 4


@pytest.mark.parametrize(
    ("missing", "error"),
    [
        ("ssh", "error: ssh cannot be asked for its configuration\nhint: ssh -G -p 22 git@ssh.osc-fr1.scalingo.com\n"),
        ("ssh-keyscan", "error: ssh-keyscan is not on PATH\nhint: install the OpenSSH client\n"),
    ],
)
@needs_openssh
def test_without_the_openssh_client(
    service: Service, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, error: str
) -> None:
    """Where a program of OpenSSH's is missing, it is named."""
    (tmp_path / "bin").mkdir()
    for name in {"git", "ssh", "ssh-keyscan"} - {missing}:
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("GIT_SSH_COMMAND")
    result = run("trust", *FINGERPRINT)
    assert (result.status, result.stderr) == (5, error)
