"""`hostkeys`, against what ssh itself makes of the same files and configurations."""

from __future__ import annotations

import base64
import fcntl
import os
import pwd
import shlex
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ssh_server import make_host_key, needs_openssh, other_key, public_key

from git_scalingo_region.errors import RepositoryError
from git_scalingo_region.model import SshEndpoint
from git_scalingo_region.ssh import known_hosts as hostkeys
from git_scalingo_region.ssh.known_hosts import HostKey, Lookup

__all__ = ["make_host_key", "other_key"]

KEYS = [
    HostKey(kind, base64.b64encode(len(kind).to_bytes(4, "big") + kind.encode() + body).decode())
    for kind, body in (("ssh-ed25519", b"\0\0\0\x20" + bytes(32)), ("ssh-ed25519", b"\0\0\0\x20" + bytes(31) + b"\1"))
]
KEY, OTHER = KEYS
NAMES = ["h.example", "H.example", "[h.example]:2222", "1.2.3.4", "[1.2.3.4]:22", "::1", "[::1]:2222", "alias"]


def keygen_finds(path: Path, name: str) -> list[str]:
    """Return the lines that `ssh-keygen -F` finds, without its comments."""
    found = subprocess.run(["ssh-keygen", "-F", name, "-f", str(path)], check=False, capture_output=True, text=True)
    return [line for line in found.stdout.splitlines() if not line.startswith("#")]


HOSTS = st.sampled_from(
    [
        *NAMES,
        "*",
        "*.example",
        "!h.example",
        "h.?xample",
        "!*",
        "h.[a-z]xample",
        "[*]:2222",
        "[h.example]:*",
        "",
        "x,",
        "#h",
    ]
)
LINES = st.one_of(
    st.builds(
        "{}{}{} {}{}".format,
        st.sampled_from(["", "@revoked ", "@cert-authority\t", "@other ", " ", "\t"]),
        st.lists(HOSTS, min_size=1, max_size=3).map(",".join),
        st.sampled_from(["", " ", "\t"]),
        st.sampled_from(KEYS),
        st.sampled_from(["", " comment", "\r", " a\f\vh.example", " \u2028h.example ssh-ed25519"]),
    ),
    st.sampled_from(
        ["", " ", "# h.example ssh-ed25519 AAAA", "h.example", "h.example ssh-ed25519", "h.example 1024 35 12"]
    ),
    st.sampled_from([f"h.example ssh-rsa {KEY.data}", f"h.example ssh-ed25519 {KEY.data[:-1]}", "@revoked", "@", "\0"]),
)


@needs_openssh
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(LINES, max_size=4), name=st.sampled_from(NAMES), hashed=st.booleans())
@example(lines=[f"*.example,!h.example {KEY}", f"h.example {OTHER}"], name="h.example", hashed=False)
@example(lines=[f"[h.example]:2222 {KEY}"], name="[h.example]:2222", hashed=True)
def test_finds_what_ssh_keygen_finds(tmp_path: Path, lines: list[str], name: str, *, hashed: bool) -> None:
    """Whatever lines a file holds, hashed or plain, with patterns, negations and markers, ssh reads it so."""
    path = tmp_path / "known_hosts"
    path.write_bytes("\n".join(lines).encode())
    if hashed:
        subprocess.run(["ssh-keygen", "-H", "-f", str(path)], check=False, capture_output=True)

    found = [[word for word in line.split() if not word.startswith("@")] for line in keygen_finds(path, name)]
    expected = [key for words in found if (key := HostKey.from_words(words[1:]))]

    assert [entry.key for entry in hostkeys.known_keys(name, [str(path)])] == expected


@needs_openssh
@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_fingerprint_is_the_one_of_ssh_keygen(make_host_key: Callable[[str], Path], kind: str) -> None:
    """A key's fingerprint is, character by character, what `ssh-keygen -l` prints for it."""
    path = make_host_key(kind)
    printed = subprocess.run(["ssh-keygen", "-lf", f"{path}.pub"], check=True, capture_output=True, text=True).stdout
    assert public_key(path).fingerprint == printed.split()[1]
    assert hostkeys.is_fingerprint(printed.split()[1])


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["ssh-ed25519"],
        ["ssh-rsa", KEY.data],
        ["ssh-ed25519", "AAAA!"],
        ["ssh-ed25519", KEY.data[:-2]],
        ["1024", "35"],
    ],
)
def test_a_key_that_is_not_what_it_says_is_none(words: list[str]) -> None:
    """Nothing becomes a host key unless its data is of the type in front of it."""
    assert HostKey.from_words(words) is None


def test_trusted_keys_are_those_that_ssh_accepts(tmp_path: Path) -> None:
    """A key revoked in any of the files, and an authority's, does not make the host known."""
    user, system = tmp_path / "user", tmp_path / "system"
    user.write_text(f"h.example {KEY}\n@cert-authority h.example {OTHER}\n")
    system.write_text(f"h.example {OTHER}\n@revoked * {KEY}\n")
    place = Lookup(SshEndpoint("h.example"), "h.example", str(user), (str(user), str(system), str(tmp_path / "none")))
    assert [(entry.path, entry.key) for entry in hostkeys.trusted_keys(place)] == [(str(system), OTHER)]


# --- which file, which name ------------------------------------------------------------------------------------------


def lookup(*options: str, port: int = 2222) -> tuple[SshEndpoint, str, str, tuple[str, ...]]:
    words = shlex.join(word for option in options for word in ("-o", option))
    place = hostkeys.lookup(SshEndpoint("h.example", port), f"ssh -F none -o GlobalKnownHostsFile=/etc/g {words}")
    return place.endpoint, place.name, place.user_file, place.files


@needs_openssh
@pytest.mark.parametrize(
    ("options", "name", "files"),
    [
        (["UserKnownHostsFile=/k"], "[h.example]:2222", ("/k",)),
        (["UserKnownHostsFile=/k /other"], "[h.example]:2222", ("/k", "/other")),
        (["UserKnownHostsFile='/a b/k' /c"], "[h.example]:2222", ("/a b/k", "/c")),
        (["UserKnownHostsFile=none"], "[h.example]:2222", ()),
        (["UserKnownHostsFile=/dev/null"], "[h.example]:2222", ()),
        (["UserKnownHostsFile=/k", "HostName=1.2.3.4"], "[1.2.3.4]:2222", ("/k",)),
        (["UserKnownHostsFile=/k", "HostName=::1"], "[::1]:2222", ("/k",)),
        (["UserKnownHostsFile=/k", "HostKeyAlias=scalingo"], "scalingo", ("/k",)),
        (["UserKnownHostsFile=/k", "Port=22"], "[h.example]:2222", ("/k",)),
    ],
)
def test_lookup_follows_the_configuration_of_ssh(options: list[str], name: str, files: tuple[str, ...]) -> None:
    """The name and the files are those of `ssh -G`: several files, blanks, aliases, another host, but git's port."""
    found = lookup(*options)
    assert found[1:] == (name, files[0] if files else "", (*files, "/etc/g"))


@needs_openssh
def test_lookup_tells_where_ssh_connects() -> None:
    """What `trust` scans is the host that ssh goes to, on the port that git names even where it is 22."""
    assert lookup("HostName=1.2.3.4", "Port=2200", port=22)[:2] == (SshEndpoint("1.2.3.4", 22), "1.2.3.4")


@needs_openssh
def test_lookup_reads_the_command_as_git_does(home: Path) -> None:
    """Variables and quotes in GIT_SSH_COMMAND mean what they mean when git runs it."""
    (home / "my ssh").symlink_to(subprocess.check_output(["which", "ssh"], text=True).strip())
    command = '"$HOME/my ssh" -F none -o UserKnownHostsFile="$HOME/.ssh/ci"'
    assert hostkeys.lookup(SshEndpoint("h.example"), command).user_file == f"{home}/.ssh/ci"


@pytest.mark.parametrize(
    ("answer", "files"),
    [
        ("userknownhostsfile ~/.ssh/known_hosts ~/.ssh/known_hosts2", (".ssh/known_hosts", ".ssh/known_hosts2")),
        ("userknownhostsfile ~/.ssh/known_hosts", (".ssh/known_hosts",)),
    ],
)
def test_lookup_expands_the_tilde_that_old_releases_leave(answer: str, files: tuple[str, ...]) -> None:
    """OpenSSH 7.2 prints its default files with a tilde: that is the home of the password file, not HOME."""
    place = hostkeys.lookup(SshEndpoint("h.example"), f"echo '{answer}' #")
    folder = pwd.getpwuid(os.getuid()).pw_dir
    assert place.files == tuple(os.path.join(folder, file) for file in files)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("true", r"nothing about its configuration"),
        ("echo plink >&2; false", r"plink"),
        ("no-such-ssh", r".*no-such-ssh.*"),
        ("echo '", r".*nterminated.*|.*unexpected.*"),
    ],
)
def test_lookup_where_the_command_is_not_openssh(command: str, message: str) -> None:
    """A GIT_SSH_COMMAND that does not know `-G` is an error in its own words, with the question as the hint."""
    with pytest.raises(RepositoryError, match=rf"^ssh says: ({message})$") as caught:
        hostkeys.lookup(SshEndpoint("h.example"), command)
    assert caught.value.hints == ("ssh -G -p 22 git@h.example",)


def test_lookup_without_ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ssh is missing, the error says that it cannot be asked."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RepositoryError, match=r"^ssh cannot be asked for its configuration$"):
        hostkeys.lookup(SshEndpoint("h.example"), "")


# --- appending -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "h {key}\n"),
        ("", "h {key}\n"),
        ("# mine\n", "# mine\nh {key}\n"),
        ("# no newline", "# no newline\nh {key}\n"),
        ("h {key}", "h {key}"),
        ("h,i {key} me\n\n", "h,i {key} me\n\n"),
        ("@revoked h {key}\n", "@revoked h {key}\nh {key}\n"),
    ],
)
def test_append_keeps_every_byte(tmp_path: Path, before: str | None, after: str) -> None:
    """What is there stays as it is, a new entry gets a line of its own, and a known one adds nothing."""
    path = tmp_path / "known_hosts"
    if before is not None:
        path.write_text(before.format(key=KEY))
    hostkeys.append(str(path), "h", [KEY])
    assert path.read_text() == after.format(key=KEY)


def test_append_makes_private_files_and_leaves_modes_alone(tmp_path: Path) -> None:
    """A missing folder and file are made 0700 and 0600; the modes of those that exist are not touched."""
    made, there = tmp_path / "made" / "known_hosts", tmp_path / "there" / "known_hosts"
    there.parent.mkdir()
    there.parent.chmod(0o755)
    there.touch()
    there.chmod(0o644)
    for path in (made, there):
        hostkeys.append(str(path), "h", [KEY])
    modes = [oct(path.stat().st_mode & 0o7777) for path in (made.parent, made, there.parent, there)]
    assert modes == ["0o700", "0o600", "0o755", "0o644"]


def test_append_through_a_link(tmp_path: Path) -> None:
    """A known_hosts file that is a symbolic link stays one; what it leads to is written, or made."""
    target, link = tmp_path / "dotfiles", tmp_path / "known_hosts"
    link.symlink_to(target)
    hostkeys.append(str(link), "h", [KEY])
    assert (os.readlink(link), target.read_text()) == (str(target), f"h {KEY}\n")


def test_append_from_many_at_once(tmp_path: Path) -> None:
    """However many runs append at the same time, each key is there once and no line is torn."""
    path = tmp_path / "known_hosts"
    with ThreadPoolExecutor(16) as pool:
        added = list(pool.map(lambda turn: hostkeys.append(str(path), "h", KEYS[:: 1 - 2 * (turn % 2)]), range(64)))
    assert sorted(path.read_text().splitlines()) == sorted(f"h {key}" for key in KEYS)
    assert sum(map(len, added)) == len(KEYS)


def test_append_looks_again_once_it_has_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another run adds while this one waits for the lock is not added twice."""
    path, real = tmp_path / "known_hosts", fcntl.flock

    def flock(file: FileIO, operation: int) -> None:
        path.write_text(f"h {KEY}\n")
        real(file, operation)
        with path.open() as other, pytest.raises(BlockingIOError):
            real(other, fcntl.LOCK_EX | fcntl.LOCK_NB)

    monkeypatch.setattr(fcntl, "flock", flock)
    assert hostkeys.append(str(path), "h", KEYS) == (OTHER,)
    assert path.read_text() == f"h {KEY}\nh {OTHER}\n"


def test_append_without_room_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that comes to its end half-way is taken back, and named."""
    path = tmp_path / "known_hosts"
    path.write_text("# mine\n")

    class Full(FileIO):
        def write(self, data: Any) -> int:
            return super().write(data[:5])

    real = open
    monkeypatch.setattr(
        "builtins.open",
        lambda file, *rest, **more: Full(file, "r+") if type(file) is int else real(file, *rest, **more),
    )
    with pytest.raises(RepositoryError, match=r"known_hosts: No space left on device$"):
        hostkeys.append(str(path), "h", [KEY])
    assert path.read_text() == "# mine\n"


def test_append_on_a_full_disk(tmp_path: Path) -> None:
    """On a file system without a free byte the file keeps its old text, and the error names it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8k,nr_inodes=10", "tmpfs", str(disk)]
    if os.getuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small file system")
    try:
        path = disk / "known_hosts"
        path.write_bytes(b"#" * 4095 + b"\n")
        (disk / "rest").write_bytes(bytes(4096))
        with pytest.raises(RepositoryError, match=r"known_hosts: No space left on device$"):
            hostkeys.append(str(path), "h", [KEY])
        assert path.read_bytes() == b"#" * 4095 + b"\n"
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize(("file", "reason"), [("", "Is a directory"), ("file/known_hosts", "Not a directory")])
def test_append_where_it_cannot(tmp_path: Path, file: str, reason: str) -> None:
    """A path that can be no file is an error with the system's reason."""
    (tmp_path / "file").touch()
    path = os.path.join(tmp_path, file).rstrip("/")
    with pytest.raises(RepositoryError, match=rf"^cannot write {path}: {reason}$"):
        hostkeys.append(path, "h", [KEY])
