"""`known_hosts`, and the keys that a host offers: scan, read, compare, append.

The file's format is sshd(8)'s, section "SSH_KNOWN_HOSTS FILE FORMAT". Which file, and under which name ssh looks a host
up there, is asked of ssh itself (`ssh -G`). Decides nothing about trust. Imports `model` and `errors`.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fnmatch
import hmac
import os
import re
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha1, sha256

from git_scalingo_region.errors import RepositoryError, ServiceError
from git_scalingo_region.model import SSH_USER, SshEndpoint

KEY_TYPES = "rsa,ecdsa,ed25519"
REVOKED = "@revoked"
SSH_SECONDS = 5.0

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


@dataclass(frozen=True)
class HostKey:
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


@dataclass(frozen=True)
class KnownKey:
    """A line of a `known_hosts` file that names the host."""

    path: str
    marker: str
    key: HostKey


@dataclass(frozen=True)
class Lookup:
    """Where ssh looks a host's key up: the name it uses, the user's file, and all files it reads."""

    name: str
    user_file: str
    files: tuple[str, ...]


def is_fingerprint(text: str) -> bool:
    """Whether the text is a SHA256 fingerprint as `ssh-keygen -l` prints it."""
    return bool(_FINGERPRINT.fullmatch(text))


def lookup(endpoint: SshEndpoint, ssh_command: str) -> Lookup:
    """Ask ssh (`ssh -G`), or the `GIT_SSH_COMMAND` given, how it looks the endpoint's key up.

    Raises `RepositoryError` where ssh is missing or refuses its own configuration.
    """
    arguments = ["-G", "-p", str(endpoint.port), f"{SSH_USER}@{endpoint.host}"]
    try:
        command = shlex.split(ssh_command) or ["ssh"]
        answer = _run([*command, *arguments], SSH_SECONDS)
    except (ValueError, OSError, subprocess.TimeoutExpired):
        raise RepositoryError("ssh cannot be asked for its configuration (ssh -G)") from None
    if answer.returncode:
        raise RepositoryError(f"ssh says: {answer.stderr.strip().splitlines()[0] if answer.stderr.strip() else '?'}")
    options = dict(line.partition(" ")[::2] for line in answer.stdout.splitlines())
    user_files = _paths(options.get("userknownhostsfile", ""))
    place = SshEndpoint(options.get("hostname", endpoint.host), int(options.get("port", endpoint.port)))
    return Lookup(
        name=options.get("hostkeyalias") or place.known_hosts_name,
        user_file=user_files[0] if user_files else "",
        files=(*user_files, *_paths(options.get("globalknownhostsfile", ""))),
    )


def _paths(text: str) -> tuple[str, ...]:
    """Split ssh's list of files; it does not quote a blank inside a path."""
    paths = re.split(r" (?=[/~])", text)
    return tuple(os.path.expanduser(path) for path in paths if path and path not in ("none", "/dev/null"))


def known_keys(name: str, files: Iterable[str]) -> tuple[KnownKey, ...]:
    """Return the keys that the files hold for a name (`HOST` or `[HOST]:PORT`), hashed and pattern lines included."""
    return tuple(key for path in files for key in _known_in(path, name))


def _known_in(path: str, name: str) -> Iterator[KnownKey]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    except OSError:
        return
    for line in text.splitlines():
        words = line.split()
        marker = words.pop(0) if words and words[0].startswith("@") else ""
        named = len(words) >= 3 and not words[0].startswith("#") and _names(words[0], name)
        if named and (key := HostKey.from_words(words[1:])):
            yield KnownKey(path, marker, key)


def _names(hosts: str, name: str) -> bool:
    if hosts.startswith("|1|"):
        return _is_hash_of(hosts, name)
    found = False
    for pattern in hosts.lower().split(","):
        # Brackets are part of the name here, not a set of characters.
        plain = pattern.removeprefix("!").replace("[", "[[]")
        if fnmatch.fnmatchcase(name, plain):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _is_hash_of(hosts: str, name: str) -> bool:
    with contextlib.suppress(ValueError, binascii.Error):
        salt, digest = (base64.b64decode(part, validate=True) for part in hosts[3:].split("|"))
        return hmac.compare_digest(hmac.new(salt, name.encode(), sha1).digest(), digest)
    return False


def scan(endpoint: SshEndpoint, *, seconds: float) -> tuple[HostKey, ...]:
    """Return the keys that the endpoint offers (`ssh-keyscan`); nothing vouches for them yet.

    Raises `ServiceError` where nothing answers, `RepositoryError` where `ssh-keyscan` is missing.
    """
    command = ["ssh-keyscan", "-T", str(int(seconds)), "-t", KEY_TYPES, "-p", str(endpoint.port), endpoint.host]
    try:
        output = _run(command, seconds + 1).stdout
    except subprocess.TimeoutExpired:
        output = ""
    except OSError:
        raise RepositoryError("ssh-keyscan is not on PATH", "install the OpenSSH client") from None
    lines = (line.split() for line in output.splitlines() if not line.startswith("#"))
    keys = dict.fromkeys(key for words in lines if (key := HostKey.from_words(words[1:])))
    if not keys:
        raise ServiceError(f"{endpoint} offers no host key: it cannot be reached")
    return tuple(keys)


def append(path: str, name: str, keys: Iterable[HostKey]) -> tuple[HostKey, ...]:
    """Add the keys that the file does not hold for `name` yet, and return those added.

    One write at the end of the file, under a lock that keeps our own parallel runs from adding a key twice: ssh itself
    may append at the same time, and loses nothing. Modes are set on what is made here alone. Raises `RepositoryError`
    where the file cannot be written.
    """
    try:
        os.makedirs(os.path.dirname(path) or ".", mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with open(descriptor, "r+b", buffering=0) as file:
            with contextlib.suppress(ImportError, OSError):
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX)
            held = {known.key for known in known_keys(name, [path]) if not known.marker}
            missing = tuple(key for key in keys if key not in held)
            text = "".join(f"{name} {key}\n" for key in missing).encode()
            size = file.seek(0, os.SEEK_END)
            if text and size and _last_byte(file, size) != b"\n":
                text = b"\n" + text
            if file.write(text) != len(text):
                file.truncate(size)
                raise RepositoryError(f"cannot write {path}: the disk is full")
    except OSError as error:
        raise RepositoryError(f"cannot write {path}: {error.strerror}") from None
    return missing


def _last_byte(file: object, size: int) -> bytes:
    return os.pread(file.fileno(), 1, size - 1)  # type: ignore[attr-defined]


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
