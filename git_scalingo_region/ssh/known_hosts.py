"""`known_hosts`, and the keys that a host offers: scan, read, compare, append.

The file's format is sshd(8)'s, section "SSH_KNOWN_HOSTS FILE FORMAT". Which file, and under which name ssh looks a host
up there, is asked of ssh itself (`ssh -G`). Decides nothing about trust. Imports `model` and `errors`.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import errno
import fcntl
import fnmatch
import hmac
import os
import pwd
import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha1, sha256
from io import FileIO
from typing import NamedTuple

from git_scalingo_region.errors import RepositoryError, ServiceError
from git_scalingo_region.model import SSH_USER, SshEndpoint

KEY_TYPES = "rsa,ecdsa,ed25519"
PLAIN, REVOKED, AUTHORITY = "", "@revoked", "@cert-authority"
SSH_SECONDS = 5.0

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_BLANKS = re.compile(r"[ \t]+")


class HostKey(NamedTuple):
    """A public host key: its type, such as `ssh-ed25519`, and its data in base64."""

    type: str
    data: str

    @property
    def fingerprint(self) -> str:
        """The SHA256 fingerprint, as `ssh-keygen -l` prints it."""
        digest = sha256(base64.b64decode(self.data)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    @classmethod
    def from_words(cls, words: Sequence[str]) -> HostKey | None:
        """Read `TYPE BASE64 [COMMENT]`; None where the data is not what it says (RFC 4253: it starts with the type)."""
        with contextlib.suppress(ValueError, IndexError, binascii.Error):
            blob = base64.b64decode(words[1], validate=True)
            length = int.from_bytes(blob[:4], "big")
            if blob[4 : 4 + length] == words[0].encode():
                return cls(words[0], words[1])
        return None

    def __str__(self) -> str:
        return f"{self.type} {self.data}"


class KnownKey(NamedTuple):
    """An entry of a `known_hosts` file: the name it was found by, the line's marker (such as @revoked), its key."""

    path: str
    name: str
    marker: str
    key: HostKey

    @property
    def removal(self) -> str:
        """The command that removes the file's entries for the name; it leaves lines with a marker alone."""
        return shlex.join(["ssh-keygen", "-R", self.name, "-f", self.path])


class Lookup(NamedTuple):
    """How ssh looks a host's key up: where it connects, the name it looks for, the user's file, all files it reads."""

    endpoint: SshEndpoint
    name: str
    user_file: str
    files: tuple[str, ...]


def is_fingerprint(text: str) -> bool:
    """Whether the text is a SHA256 fingerprint as `ssh-keygen -l` prints it."""
    return bool(_FINGERPRINT.fullmatch(text))


# --- which file, which name ------------------------------------------------------------------------------------------


def lookup(endpoint: SshEndpoint, ssh_command: str) -> Lookup:
    """Ask ssh (`ssh -G`), or the `GIT_SSH_COMMAND` given, how it looks the endpoint's key up.

    Raises `RepositoryError` where ssh is missing, is not OpenSSH, or refuses its own configuration.
    """
    # The port is an option even when it is 22, as git passes it on from such a url: it wins over ssh's configuration.
    options = _configuration(ssh_command, ["-G", "-p", str(endpoint.port), f"{SSH_USER}@{endpoint.host}"])
    place = SshEndpoint(options.get("hostname", endpoint.host), endpoint.port)
    user_files = _paths(options["userknownhostsfile"])
    return Lookup(
        endpoint=place,
        name=options.get("hostkeyalias") or place.known_hosts_name,
        user_file=user_files[0] if user_files else "",
        files=(*user_files, *_paths(options.get("globalknownhostsfile", ""))),
    )


def _configuration(ssh_command: str, arguments: Sequence[str]) -> dict[str, str]:
    # git, too, has a shell read GIT_SSH_COMMAND: only so do its quotes and variables mean the same.
    command = ["sh", "-c", f'{ssh_command} "$@"', "ssh"] if ssh_command.strip() else ["ssh"]
    try:
        answer = _run([*command, *arguments], SSH_SECONDS)
    except (ValueError, OSError, subprocess.TimeoutExpired):
        raise RepositoryError("ssh cannot be asked for its configuration", shlex.join(["ssh", *arguments])) from None
    options = dict(line.partition(" ")[::2] for line in answer.stdout.splitlines())
    if answer.returncode or "userknownhostsfile" not in options:
        reason = next(iter(answer.stderr.strip().splitlines()), "nothing about its configuration")
        raise RepositoryError(f"ssh says: {reason}", shlex.join(["ssh", *arguments]))
    return options


def _paths(text: str) -> tuple[str, ...]:
    """Split ssh's list of files; it does not quote a blank inside a path."""
    paths = re.split(r" (?=[/~])", text)
    return tuple(_expanded(path) for path in paths if path and path not in ("none", "/dev/null"))


def _expanded(path: str) -> str:
    # Old releases leave the tilde to us; for ssh the home is the password file's, whatever HOME says.
    if not path.startswith("~/"):
        return path
    try:
        return os.path.join(pwd.getpwuid(os.getuid()).pw_dir, path[2:])
    except KeyError:
        return os.path.expanduser(path)


# --- what is known ---------------------------------------------------------------------------------------------------


def known_keys(name: str, files: Iterable[str]) -> tuple[KnownKey, ...]:
    """Return the entries that the files hold for a name (`HOST` or `[HOST]:PORT`), hashed and pattern lines included.

    A file that cannot be read holds nothing, as for ssh.
    """
    return tuple(entry for path in files for entry in _known_in(path, name))


def trusted_keys(place):
    return ()


def _old(place):
    """Return the entries by which ssh accepts the host: plain ones, of keys that are not revoked."""
    entries = known_keys(place.name, place.files)
    revoked = {entry.key for entry in entries if entry.marker == REVOKED}
    return tuple(entry for entry in entries if not entry.marker and entry.key not in revoked)


def _known_in(path: str, name: str) -> Iterator[KnownKey]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            lines = file.read().split("\n")  # nothing else ends a line for ssh
    except OSError:
        return
    for line in (line.strip(" \t\r") for line in lines):
        # A space, and no tab, ends a marker; a line with an unknown one counts for nothing.
        marker, _, text = line.partition(" ") if line.startswith("@") else (PLAIN, "", line)
        words = _BLANKS.split(text.lstrip(" \t"))
        named = marker in (PLAIN, REVOKED, AUTHORITY) and not line.startswith("#") and _names(words[0], name)
        if named and (key := HostKey.from_words(words[1:])):
            yield KnownKey(path, name, marker, key)


def _names(hosts: str, name: str) -> bool:
    if hosts.startswith("|1|"):
        return _is_hash_of(hosts, name)
    found = False
    for pattern in hosts.lower().split(","):
        # Brackets are part of the name here, not a set of characters.
        plain = pattern.removeprefix("!").replace("[", "[[]")
        if fnmatch.fnmatchcase(name.lower(), plain):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _is_hash_of(hosts: str, name: str) -> bool:
    with contextlib.suppress(ValueError, binascii.Error):
        salt, digest = (base64.b64decode(part, validate=True) for part in hosts[3:].split("|"))
        return hmac.compare_digest(hmac.new(salt, name.encode(), sha1).digest(), digest)
    return False


# --- what is offered, what is added ----------------------------------------------------------------------------------


def scan(endpoint: SshEndpoint, *, seconds: float) -> tuple[HostKey, ...]:
    """Return the keys that the endpoint offers (`ssh-keyscan`); nothing vouches for them yet.

    Raises `ServiceError` where nothing answers in time, `RepositoryError` where `ssh-keyscan` is missing.
    """
    patience = str(max(1, int(seconds)))
    command = ["ssh-keyscan", "-T", patience, "-t", KEY_TYPES, "-p", str(endpoint.port), endpoint.host]
    try:
        output = _run(command, seconds + 1).stdout
    except subprocess.TimeoutExpired:
        output = ""
    except OSError:
        raise RepositoryError("ssh-keyscan is not on PATH", "install the OpenSSH client") from None
    lines = (line.split() for line in output.splitlines() if not line.startswith("#"))
    keys = dict.fromkeys(key for words in lines if (key := HostKey.from_words(words[1:])))
    if not keys:
        raise ServiceError(f"{endpoint} cannot be reached: it offers no host key")
    return tuple(keys)


def append(path: str, name: str, keys: Iterable[HostKey]) -> tuple[HostKey, ...]:
    """Add the keys that the file does not hold for `name` yet, and return those added.

    One write at the end of the file, under a lock that keeps our own parallel runs from adding a key twice: ssh itself
    may append at the same time, and loses nothing. Modes are set on what is made here alone. Raises `RepositoryError`
    where the file cannot be written.
    """
    try:
        with contextlib.suppress(FileExistsError):
            os.makedirs(os.path.dirname(path) or ".", mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with open(descriptor, "r+b", buffering=0) as file:
            with contextlib.suppress(OSError):  # some network file systems have no locks
                fcntl.flock(file, fcntl.LOCK_EX)
            held = {entry.key for entry in known_keys(name, [path]) if not entry.marker}
            missing = tuple(key for key in keys if key not in held)
            _write_at_end(file, "".join(f"{name} {key}\n" for key in missing).encode())
    except OSError as error:
        raise RepositoryError(f"cannot write {path}: {error.strerror}") from None
    return missing


def _write_at_end(file: FileIO, lines: bytes) -> None:
    """Write all of the lines or nothing, on a line of their own; raise `OSError` where there is no room."""
    size = file.seek(0, os.SEEK_END)
    if lines and size and os.pread(file.fileno(), 1, size - 1) != b"\n":
        lines = b"\n" + lines
    if file.write(lines) != len(lines):
        file.truncate(size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _run(command: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=seconds,
        check=False,
        encoding="utf-8",
        errors="surrogateescape",
    )
