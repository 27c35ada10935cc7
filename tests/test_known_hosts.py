"""The ssh package with the real OpenSSH client: what it asks the programs, and what it does to `known_hosts`."""

from __future__ import annotations

import base64
import fcntl
import os
import pwd
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
from conftest import executable
from ssh_server import make_key, needs_openssh, public_key

from git_scalingo_region.errors import RepositoryError, ServiceError
from git_scalingo_region.model import SshEndpoint
from git_scalingo_region.ssh import client, known_hosts
from git_scalingo_region.ssh.client import HostKey, HostKeyLookup, PublicKey

pytestmark = needs_openssh

H = SshEndpoint("h.example")


def key_of(byte: int) -> HostKey:
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes([byte]) * 32
    return HostKey("ssh-ed25519", base64.b64encode(blob).decode())


KEY, OTHER = key_of(1), key_of(2)


def test_known_keys(tmp_path: Path) -> None:
    """Every valid line for a host is found with its number, and only plain lines of keys not revoked are trusted."""
    path = tmp_path / "known_hosts"
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "system").write_text(f"h.example {KEY}\n@revoked * {KEY}\n")
    lines = [
        f"# h.example {KEY}",
        f"a,H.example {KEY} me",
        f"  *.example\t{OTHER}\r",
        f"!h.example,* {KEY}",
        f"@revoked i {OTHER}",
        f"@cert-authority h.example {OTHER}",
        f"@other h.example {KEY}",
        "h.example 1024 35 12",
        f"h.example ssh-rsa {KEY.data}",
        f"[h.example]:2222 {KEY}",
        f"h.example {KEY} a\f\u2028h.example",
    ]
    path.write_text("\n".join(lines))
    files = [str(tmp_path / name) for name in ("known_hosts", "fifo", "none", ".", "system")]
    entries = known_hosts.known_keys("h.example", [*files, "/dev/stdin"])
    assert [entry[1:] for entry in entries] == [
        (2, "h.example", "", "a,H.example", KEY),
        (3, "h.example", "", "*.example", OTHER),
        (6, "h.example", "CA", "h.example", OTHER),
        (11, "h.example", "", "h.example", KEY),
        (1, "h.example", "", "h.example", KEY),
        (2, "h.example", "REVOKED", "*", KEY),
    ]
    assert known_hosts.trusted(entries) == (entries[1],)
    subprocess.run(["ssh-keygen", "-H", "-f", str(path)], check=False, capture_output=True)
    assert {entry.key for entry in known_hosts.known_keys("[h.example]:2222", [str(path)]) if not entry.marker} == {KEY}


def test_fingerprint_is_the_one_of_ssh_keygen(make_host_key: Callable[[str], Path]) -> None:
    """A key's fingerprint is, character by character, what `ssh-keygen -l` prints for it."""
    for path in map(make_host_key, ("ed25519", "rsa", "ecdsa")):
        said = subprocess.run(["ssh-keygen", "-lf", f"{path}.pub"], check=True, capture_output=True, text=True).stdout
        assert public_key(path).fingerprint == said.split()[1]
        assert known_hosts.is_fingerprint(said.split()[1])


def test_a_key_that_is_not_what_it_says_is_none() -> None:
    """A text is a host key only if its data is of the key type that the text names."""
    texts = ("", "ssh-ed25519", f"ssh-rsa {KEY.data}", "ssh-ed25519 AAAA!", f"ssh-ed25519 {KEY.data[:-2]}", "1024 35")
    assert [text for text in texts if HostKey.from_words(text.split())] == []


@pytest.mark.parametrize(
    ("options", "name", "files"),
    [
        ("-o UserKnownHostsFile='/k /other'", "[h.example]:2222", ("/k", "/other")),
        ("-o UserKnownHostsFile='\"/a b/k\" /c'", "[h.example]:2222", ("/a b/k", "/c")),
        ("-o UserKnownHostsFile=none", "[h.example]:2222", ()),
        ("-o UserKnownHostsFile=/dev/null", "[h.example]:2222", ()),
        ("-o UserKnownHostsFile=/k -o HostName=1.2.3.4", "[1.2.3.4]:2222", ("/k",)),
        ("-o UserKnownHostsFile=/k -o HostName=::1", "[::1]:2222", ("/k",)),
        ("-o UserKnownHostsFile=/k -o HostKeyAlias=scalingo", "scalingo", ("/k",)),
        ("-o UserKnownHostsFile=/k -o Port=18022", "[h.example]:18022", ("/k",)),
        ("-o UserKnownHostsFile=/k -p 22", "h.example", ("/k",)),
    ],
)
def test_lookup_follows_ssh(options: str, name: str, files: tuple[str, ...]) -> None:
    """A lookup uses the host name and the files that `ssh -G` gives, and a port in the ssh command wins over git's."""
    place = client.lookup(SshEndpoint("h.example", 2222), f"ssh -F none -o GlobalKnownHostsFile=/etc/g {options}")
    assert place[1:] == (name, files[0] if files else "", (*files, "/etc/g"), False)


def test_lookup_reads_configuration(home: Path) -> None:
    """The port that git uses wins over ssh's configuration, and a shell reads the ssh command, as it does for git."""
    (home / "my ssh").symlink_to(str(shutil.which("ssh")))
    (home / "config").write_text("Port 2200\nHostName 1.2.3.4\nHashKnownHosts yes\n")
    command = '"$HOME/my ssh" -F config -o UserKnownHostsFile="$HOME/.ssh/ci" -o GlobalKnownHostsFile=none'
    file = f"{home}/.ssh/ci"
    assert client.lookup(H, command) == HostKeyLookup(SshEndpoint("1.2.3.4", 22), "1.2.3.4", file, (file,), True)


def test_lookup_expands_the_tilde_that_old_releases_leave() -> None:
    """The tilde in the default files that OpenSSH 7.2 prints is the home folder in the password file, not HOME."""
    place = client.lookup(H, "echo port 22; echo 'userknownhostsfile ~/.ssh/known_hosts ~/.ssh/known_hosts2' #")
    folder = pwd.getpwuid(os.getuid()).pw_dir
    assert place.files == (f"{folder}/.ssh/known_hosts", f"{folder}/.ssh/known_hosts2")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("true", r"ssh does not say how it is configured"),
        ("echo port on board; echo userknownhostsfile /k #", r"ssh does not say how it is configured"),
        ("echo plink >&2; false", r"ssh says: plink"),
        ("no-such-ssh", r"ssh says: .*no-such-ssh.*"),
        ("echo '", r"ssh says: (.*nterminated.*|.*unexpected.*)"),
    ],
)
def test_lookup_if_the_command_is_not_openssh(command: str, message: str) -> None:
    """If GIT_SSH_COMMAND cannot answer `-G`, the error says what went wrong, and the hint is the command to try."""
    with pytest.raises(RepositoryError, match=rf"^{message}$") as caught:
        client.lookup(H, command)
    assert caught.value.hints == (f"{command} -G -p 22 git@h.example",)


def test_without_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a program of OpenSSH is missing, the error names it, and the hint says what to install."""
    (tmp_path / "sh").symlink_to(str(shutil.which("sh")))
    monkeypatch.setenv("PATH", str(tmp_path))
    questions: list[tuple[Callable[[], object], str]] = [
        (lambda: client.lookup(H, ""), "ssh"),
        (lambda: client.lookup(H, "ssh -F none"), "ssh"),
        (client.version, "ssh"),
        (lambda: client.scan(H, seconds=1), "ssh-keyscan"),
        (lambda: known_hosts.known_keys("h.example", [__file__]), "ssh-keygen"),
    ]
    for ask, program in questions:
        with pytest.raises(RepositoryError, match=rf"^{program} is not installed, or not on PATH$") as caught:
            ask()
        assert caught.value.hints == ("install the OpenSSH client",)


@pytest.mark.slow
def test_a_scan_comes_to_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan gives up on a silent host, and ends an `ssh-keyscan` that does not keep to its own time limit."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = SshEndpoint(*silent.getsockname())
        with pytest.raises(ServiceError, match=r"reached: it accepts the connection, but offers no host key$"):
            client.scan(place, seconds=1)
    executable(tmp_path / "ssh-keyscan", "#!/bin/sh\nexec tail -f /dev/null\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ServiceError, match=r"^h\.example:22 cannot be reached: it does not answer$"):
        client.scan(H, seconds=0)


def test_offered_keys(tmp_path: Path, agent: Callable[[Path], None]) -> None:
    """The keys that ssh offers are those of the agent, and those of identity files whose private part it can use."""
    names = ("plain", "bare", "in-agent", "public-only", "elsewhere", "locked")
    files = {name: make_key(tmp_path / name) for name in names}
    keys = {name: public_key(path) for name, path in files.items()}
    agent(files["in-agent"])
    agent(files["elsewhere"])
    for name in ("in-agent", "public-only"):
        files[name].unlink()
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "secret", "-f", str(files["locked"])], check=True)
    for name in ("bare", "locked"):
        Path(f"{files[name]}.pub").unlink()

    def offered(*options: str) -> list[PublicKey]:
        identities = [f"IdentityFile={tmp_path}/{name}" for name in names if name != "elsewhere"]
        words = [word for option in (*identities, *options) for word in ("-o", option)]
        return list(client.offered_keys(H, shlex.join(["ssh", "-F", "none", *words])))

    plain = PublicKey(f"{tmp_path}/plain.pub", *keys["plain"])
    bare = PublicKey(f"{tmp_path}/bare", *keys["bare"])
    in_agent = PublicKey(f"{tmp_path}/in-agent.pub", *keys["in-agent"])
    locked = PublicKey(f"{tmp_path}/locked", "", "")
    elsewhere = PublicKey(str(files["elsewhere"]), *keys["elsewhere"])
    assert offered() == [plain, bare, in_agent, locked, elsewhere]
    assert offered("IdentitiesOnly=yes") == [plain, bare, in_agent, locked]
    assert offered("IdentityAgent=none") == [plain, bare, locked]
    assert offered("IdentityAgent=$NO_SUCH") == [plain, bare, locked]
    assert offered("IdentityAgent=$SSH_AUTH_SOCK", f"IdentityFile={tmp_path}/%r-%h") == offered()
    make_key(Path("none"))  # in the current folder: to ssh, "none" means no file
    assert offered("IdentityFile=none") == offered()


REMOVALS = [
    ("# mine\nh.example {other}\nh.example {key} me\r\ni {key}", "# mine\nh.example {other}\ni {key}"),
    ("a,h.example {key}\nb {key}\n", "!h.example,a,h.example {key}\nb {key}\n"),
    ("  *.example {key}\n", "  !h.example,*.example {key}\n"),
    ("@revoked h.example {key}\nh.example {key}\n", ""),
    ("@revoked * {key}\nh.example {other}\n", "@revoked !h.example,* {key}\nh.example {other}\n"),
    ("@cert-authority * {other}\nH.example {key}\n", "@cert-authority * {other}\n"),
]


@pytest.mark.parametrize(("before", "after"), REMOVALS)
def test_removal_does_exactly_that(tmp_path: Path, before: str, after: str) -> None:
    """The removal command takes out only the key of this host, and does not touch a file that has changed since."""
    real, path = tmp_path / "it's real", tmp_path / "known_hosts"
    real.write_bytes(before.format(key=KEY, other=OTHER).encode())
    real.chmod(0o640)
    path.symlink_to(real)
    known = known_hosts.known_keys("h.example", [str(path)])
    command = known_hosts.removal([entry for entry in known if entry.key == KEY])

    subprocess.run(command, shell=True, check=True)

    assert real.read_bytes() == after.format(key=KEY, other=OTHER).encode()
    assert (path.is_symlink(), oct(real.stat().st_mode & 0o777)) == (True, "0o640")
    assert KEY not in {entry.key for entry in known_hosts.known_keys("h.example", [str(path)])}
    assert sorted(os.listdir(tmp_path)) == ["home", "it's real", "known_hosts"]

    moved = f"i {OTHER}\n".encode() * 3 + before.format(key=KEY, other=OTHER).encode()
    real.write_bytes(moved)
    subprocess.run(command, shell=True, check=True)
    assert real.read_bytes() == moved


def test_removal_of_hashed_lines_in_several_files(tmp_path: Path) -> None:
    """One command edits several files, and removes hashed lines whole, since each of them names only one host."""
    paths = [tmp_path / "a b", tmp_path / "tab\there"]
    for path in paths:
        path.write_text(f"h.example {KEY}\n[h.example]:2222 {KEY}\n")
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(path)], check=True, capture_output=True)
    kept = [path.read_text().splitlines(True)[0] for path in paths]
    entries = known_hosts.known_keys("[h.example]:2222", map(str, paths))
    subprocess.run(["sh", "-c", known_hosts.removal(entries)], check=True)
    assert [path.read_text() for path in paths] == kept


def test_no_removal_is_better_than_an_inexact_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no removal command for an empty list, an odd alias or a read-only file, or if FILE.new exists."""
    path = tmp_path / "known_hosts"
    path.write_text(f"a&b,c {KEY}\nh {KEY}\n")
    odd, entries = (known_hosts.known_keys(name, [str(path)]) for name in ("a&b", "h"))
    assert known_hosts.removal(entries)
    assert known_hosts.removal(()) == known_hosts.removal(odd) == ""
    path.with_name("known_hosts.new").touch()
    assert known_hosts.removal(entries) == ""
    path.with_name("known_hosts.new").unlink()
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    assert known_hosts.removal(entries) == ""


APPENDED = [
    (None, "h {key}\n"),
    ("", "h {key}\n"),
    ("# mine\n", "# mine\nh {key}\n"),
    ("# no newline", "# no newline\nh {key}\n"),
    ("h {key}", "h {key}"),
    ("h,i {key} me\n\n", "h,i {key} me\n\n"),
    ("@revoked h {key}\n", "@revoked h {key}\nh {key}\n"),
]


@pytest.mark.parametrize(("before", "after"), APPENDED)
def test_append_keeps_every_byte(tmp_path: Path, before: str | None, after: str) -> None:
    """Appending keeps every byte of the file, gives a new entry a line of its own, and does not repeat a known one."""
    path = tmp_path / "known_hosts"
    if before is not None:
        path.write_text(before.format(key=KEY))
    known_hosts.append(str(path), "h", [KEY])
    assert path.read_text() == after.format(key=KEY)


def test_append_hashes_the_name(tmp_path: Path) -> None:
    """With HashKnownHosts, an appended name is hashed with a salt of its own per line, and ssh-keygen finds it."""
    path = tmp_path / "known_hosts"
    for _ in range(2):
        known_hosts.append(str(path), "[h.example]:2222", [KEY, OTHER], hashed=True)
    first, second = (line.split(" ")[0] for line in path.read_text().splitlines())
    assert first.startswith("|1|")
    assert first != second
    found = known_hosts.known_keys("[h.example]:2222", [str(path)])
    assert [(entry.line, entry.key) for entry in found] == [(1, KEY), (2, OTHER)]


def test_append_makes_private_files_and_leaves_modes_and_links_alone(tmp_path: Path) -> None:
    """Missing folders get mode 0700 and a missing file 0600; existing modes and links are not changed."""
    made, there, link = tmp_path / "very" / "new" / "known_hosts", tmp_path / "there" / "known_hosts", tmp_path / "link"
    there.parent.mkdir(mode=0o755)
    there.touch(0o644)
    link.symlink_to(tmp_path / "target")
    for path in (made, there, link):
        known_hosts.append(str(path), "h", [KEY])
        assert path.read_text() == f"h {KEY}\n"
    assert link.is_symlink()
    paths = (made.parent.parent, made.parent, made, there.parent, there, tmp_path / "target")
    modes = [oct(path.stat().st_mode & 0o777) for path in paths]
    assert modes == ["0o700", "0o700", "0o600", "0o755", "0o644", "0o600"]


def test_append_looks_again_once_it_has_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that another run adds while this one waits for the lock is not added twice."""
    path, real = tmp_path / "known_hosts", fcntl.flock

    def flock(file: FileIO, operation: int) -> None:
        path.write_text(f"h {KEY}\n")
        real(file, operation)
        with path.open() as other, pytest.raises(BlockingIOError):
            real(other, fcntl.LOCK_EX | fcntl.LOCK_NB)

    monkeypatch.setattr(fcntl, "flock", flock)
    assert known_hosts.append(str(path), "h", [KEY, OTHER]) == (OTHER,)
    assert path.read_text() == f"h {KEY}\nh {OTHER}\n"


def test_append_without_room_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk is full, a partial write is taken back, and the error names the file and the reason."""
    path = tmp_path / "known_hosts"
    path.write_text("# mine\n")

    class Full(FileIO):
        def write(self, data: Any) -> int:
            return super().write(data[:5])

    monkeypatch.setattr("builtins.open", lambda file, *rest, **more: Full(file, "r+"))
    with pytest.raises(RepositoryError, match=r"known_hosts: No space left on device$"):
        known_hosts.append(str(path), "h", [KEY])
    monkeypatch.undo()
    assert path.read_text() == "# mine\n"


def test_append_where_it_cannot(tmp_path: Path) -> None:
    """To append to a folder, to a fifo, which would hang, or to a path below a fifo is an error."""
    os.mkfifo(tmp_path / "fifo")
    not_regular, below = "{path} is not a regular file", "cannot write {path}: Not a directory"
    for name, error in ((".", not_regular), ("fifo", not_regular), ("fifo/known_hosts", below)):
        path = str(tmp_path / name)
        with pytest.raises(RepositoryError, match=f"^{error.format(path=path)}$"):
            known_hosts.append(path, "h", [KEY])


def test_loads_without_fcntl_and_pwd(tmp_path: Path) -> None:
    """Without the modules fcntl and pwd, the ssh package loads, uses HOME, and names fcntl once it needs a lock."""
    script = (
        "import sys; sys.modules['fcntl'] = sys.modules['pwd'] = None\n"
        "from git_scalingo_region.errors import RepositoryError\n"
        "from git_scalingo_region.ssh import client, known_hosts\n"
        "print(client._home())\n"
        "try: known_hosts.append('k', 'h', [])\n"
        "except RepositoryError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    expected = [os.environ["HOME"], "cannot write k: Python has no fcntl module to lock it with"]
    assert done.stdout.splitlines() == expected
