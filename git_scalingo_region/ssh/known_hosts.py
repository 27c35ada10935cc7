"""`known_hosts`: which keys ssh knows for a host, and how to add and remove them.

The format is described in sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"; `ssh-keygen -F` reads it. Nothing here decides what
to trust.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from io import FileIO
from typing import NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.errors import RepositoryError
from git_scalingo_region.ssh import client
from git_scalingo_region.ssh.client import HostKey

REVOKED = "REVOKED"
_MARKERS = {REVOKED: "@revoked *", "CA": "@cert-authority *"}

# sed inserts a name of these characters as it is. The end of a key identifies it as well as the whole key does.
_NAME = r"[A-Za-z0-9._:\[\]-]+"
_KEY_END = 43


class KnownKey(NamedTuple):
    """A line of a `known_hosts` file: its number from 1, the name it was found by, its marker, its hosts, its key.

    The marker is "", `CA` or `REVOKED`, as `ssh-keygen -F` prints it.
    """

    path: str
    line: int
    name: str
    marker: str
    hosts: str
    key: HostKey


def is_fingerprint(text: str) -> bool:
    """Return whether the text is a SHA256 fingerprint as `ssh-keygen -l` prints it."""
    return bool(re.fullmatch("SHA256:[A-Za-z0-9+/]{43}", text))


def known_keys(name: str, files: Iterable[str]) -> tuple[KnownKey, ...]:
    """Return the entries that the files hold for a name (`HOST` or `[HOST]:PORT`), marked ones included.

    A file that is missing, unreadable or not a regular file counts as empty, as for ssh. Raises `RepositoryError` if
    ssh-keygen is missing, or cannot read a file.
    """
    usable = (path for path in files if os.path.isfile(path) and os.access(path, os.R_OK))
    return tuple(entry for path in usable for entry in _find(name, path))


def _find(name: str, path: str) -> Iterator[KnownKey]:
    answer = client.ask("ssh-keygen", "-F", name, "-f", path)
    if answer.status not in (0, 1):
        raise RepositoryError(f"ssh-keygen cannot read {path}: {answer.error.strip()}")
    lines = iter(answer.output.split("\n"))
    for head, text in zip(lines, lines):
        if found := re.fullmatch(r"# Host .* found: line ([0-9]+) ?(CA|REVOKED|) ?", head):
            words = re.split(r"[ \t]+", text.strip(" \t\r"))
            hosts, *rest = words[1:] if found[2] else words
            if key := HostKey.from_words(rest):
                yield KnownKey(path, int(found[1]), name, found[2], hosts, key)


def trusted(entries: Sequence[KnownKey]) -> tuple[KnownKey, ...]:
    """Return the entries by which ssh accepts their host: those without a marker, if their key is not revoked."""
    revoked = {entry.key for entry in entries if entry.marker == REVOKED}
    return tuple(entry for entry in entries if not entry.marker and entry.key not in revoked)


def removal(entries: Sequence[KnownKey]) -> str:
    """Return the command after which these entries no longer count for their host; "" if no command does just that.

    A line that names other hosts as well stays for them: `!HOST` is put in front of its hosts. The command compares
    the key, so that it changes no other line if the file has changed meanwhile. `ssh-keygen -R` will not do: it also
    removes the other hosts and the host's right keys, keeps revoked lines, and replaces a link with a file.
    """
    paths = dict.fromkeys(entry.path for entry in entries)
    return shell.chain(*(_edit(path, [entry for entry in entries if entry.path == path]) for path in paths))


def _edit(path: str, entries: Sequence[KnownKey]) -> str:
    path = os.path.abspath(path)
    scripts = [_script(entry) for entry in entries]
    sed = shell.command("sed", *(word for script in scripts for word in ("-e", script)), path)
    writable = os.access(path, os.W_OK) and os.access(os.path.dirname(path), os.W_OK)
    if not (all(scripts) and sed and writable) or os.path.lexists(f"{path}.new"):
        return ""
    old, new = shell.quote(path), shell.quote(f"{path}.new")
    # Writing into the old file keeps its mode, and any link to it.
    return f"{sed} >{new} && cat {new} >{old} && rm {new}"


def _script(entry: KnownKey) -> str:
    """Return the sed script after which one entry no longer counts for its host; "" if there is none."""
    if entry.hosts.startswith("|") or entry.hosts.lower() == entry.name.lower():
        change = "d"
    elif re.fullmatch(_NAME, entry.name):
        change = f"s|^[[:blank:]]*{_MARKERS.get(entry.marker, '')}|&!{entry.name},|"
    else:
        return ""
    return rf"{entry.line}{{\|{entry.key.data[-_KEY_END:]}|{change};}}"


def check_file(path: str) -> None:
    """Raise `RepositoryError` if there is something at the path that is not a regular file, such as a fifo."""
    try:
        is_file = stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise _cannot_write(path, error) from None
    if not is_file:
        raise RepositoryError(f"{path} is not a regular file", "name a file with --known-hosts FILE")


def append(path: str, name: str, keys: Iterable[HostKey], *, hashed: bool = False) -> tuple[HostKey, ...]:
    """Add the keys that the file does not hold for `name` yet, and return those added.

    They are added in one write at the end of the file, so that no line is lost if ssh appends at the same time. A lock
    keeps parallel runs of this program from adding a key twice. `hashed` is ssh's HashKnownHosts. Missing folders are
    made with mode 0700, a missing file with 0600. Raises `RepositoryError` if the file cannot be written.
    """
    try:
        import fcntl
    except ImportError:
        raise RepositoryError(f"cannot write {path}: Python has no fcntl module to lock it with") from None
    check_file(path)
    try:
        _make_folders(os.path.dirname(path))
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with open(descriptor, "r+b", buffering=0) as file:
            with contextlib.suppress(OSError):  # some network file systems have no locks
                fcntl.flock(file, fcntl.LOCK_EX)
            held = {entry.key for entry in known_keys(name, [path]) if not entry.marker}
            missing = tuple(key for key in keys if key not in held)
            lines = [f"{_hashed(name) if hashed else name} {key}\n" for key in missing]
            _write_at_end(file, "".join(lines).encode())
    except OSError as error:
        raise _cannot_write(path, error) from None
    return missing


def _cannot_write(path: str, error: Exception) -> RepositoryError:
    return RepositoryError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}")


def _make_folders(path: str) -> None:
    """Make a folder and its missing parents, mode 0700; `os.makedirs` sets the mode of the last one only."""
    if path and not os.path.isdir(path):
        _make_folders(os.path.dirname(path))
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)


def _hashed(name: str) -> str:
    """Return the name as ssh hashes it: HMAC-SHA1 with a random salt, both in base64 (hostfile.c of OpenSSH)."""
    import hmac

    salt = os.urandom(20)
    digest = hmac.digest(salt, name.encode(), "sha1")
    return "|1|" + "|".join(base64.b64encode(part).decode() for part in (salt, digest))


def _write_at_end(file: FileIO, lines: bytes) -> None:
    """Write all of the lines or nothing, starting on a new line; raise `OSError` if there is no room."""
    size = file.seek(0, os.SEEK_END)
    if lines and size and os.pread(file.fileno(), 1, size - 1) != b"\n":
        lines = b"\n" + lines
    if file.write(lines) != len(lines):
        file.truncate(size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
