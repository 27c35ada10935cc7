"""What the OpenSSH programs say: the only module that starts them.

`ssh -G` tells which host, port, names and files ssh uses, `ssh-keyscan` which keys a host offers, and `ssh-add -L`
which keys the agent holds. Nothing is decided here: a key that nothing vouches for is returned like any other.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from git_scalingo_region import process, shell
from git_scalingo_region.errors import ServiceError, SshRefusal
from git_scalingo_region.model import SSH_USER, SshEndpoint
from git_scalingo_region.process import Finished
from git_scalingo_region.settings import PROBE_SECONDS, SSH_SECONDS

KEY_TYPES = "rsa,ecdsa,ed25519"


def ask(*command: str, seconds: float = SSH_SECONDS, environment: Mapping[str, str] | None = None) -> Finished:
    """Run a program that asks no questions; raise `RepositoryError` if it cannot be started."""
    return process.run(*command, seconds=seconds, environment=environment)


def version() -> str:
    """Return what `ssh -V` says, such as `OpenSSH_9.2p1 Debian-2, OpenSSL 3.0.19`."""
    answer = ask("ssh", "-V")
    return (answer.error or answer.output).strip()


class HostKey(NamedTuple):
    """A public key: its type, such as `ssh-ed25519`, and its data in base64."""

    type: str
    data: str

    @property
    def fingerprint(self) -> str:
        """The SHA256 fingerprint, as `ssh-keygen -l` prints it."""
        from hashlib import sha256

        digest = sha256(base64.b64decode(self.data)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    @classmethod
    def from_words(cls, words: Sequence[str]) -> HostKey | None:
        """Return the key in `TYPE BASE64 [COMMENT]`; None unless the data starts with that type (RFC 4253)."""
        try:
            blob = base64.b64decode(words[1], validate=True)
        except (ValueError, IndexError):
            return None
        name = words[0].encode("utf-8", "surrogateescape")
        return cls(words[0], words[1]) if blob.startswith(len(name).to_bytes(4, "big") + name) else None

    def __str__(self) -> str:
        return f"{self.type} {self.data}"


class HostKeyLookup(NamedTuple):
    """How ssh looks up a host's key: where it connects, the name it looks for, the user's file, all files it reads."""

    endpoint: SshEndpoint
    name: str
    user_file: str
    files: tuple[str, ...]
    hash_known_hosts: bool = False


def lookup(endpoint: SshEndpoint, ssh_command: str) -> HostKeyLookup:
    """Ask ssh how it looks up the endpoint's key; `ssh_command` is a line for `sh`, and "" means `ssh`.

    Raises `RepositoryError` if ssh is missing, is not OpenSSH, or refuses its own configuration.
    """
    options = _configuration(endpoint, ssh_command)
    reached = SshEndpoint(_first(options, "hostname") or endpoint.host, int(_first(options, "port")))
    user_files = _paths(_first(options, "userknownhostsfile"))
    return HostKeyLookup(
        endpoint=reached,
        name=_first(options, "hostkeyalias") or reached.known_hosts_name,
        user_file=(*user_files, "")[0],
        files=(*user_files, *_paths(_first(options, "globalknownhostsfile"))),
        hash_known_hosts=_first(options, "hashknownhosts") == "yes",
    )


# With these, ssh never prompts and remembers nothing: no host key, no key in the agent, no connection after the run.
_CAUTIOUS = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "UpdateHostKeys": "no",
    "AddKeysToAgent": "no",
    "ControlMaster": "no",
}


def cautious(ssh_command: str) -> str:
    """Return the line for `sh` with options that keep ssh from prompting and from remembering anything.

    ssh uses the first value of an option, so they come right after the word `ssh`, and also at the end, in case the
    line runs ssh by another name: `is_cautious` tells whether they take effect.
    """
    options = " ".join(f"-o {name}={value}" for name, value in _CAUTIOUS.items())
    return f'ssh() {{ command ssh {options} "$@"; }}; {ssh_command.strip() or "ssh"} {options}'


def is_cautious(endpoint: SshEndpoint, ssh_command: str) -> bool:
    """Return whether the options of a line made by `cautious` take effect; raise `RepositoryError` as `lookup` does."""
    options = _configuration(endpoint, ssh_command)
    words = {"yes": ("yes", "true"), "no": ("no", "false")}
    return all(_first(options, name.lower()) in words[value] for name, value in _CAUTIOUS.items())


def _configuration(endpoint: SshEndpoint, ssh_command: str) -> dict[str, list[str]]:
    """Return the options of `ssh -G` with their values.

    The port is passed even if it is 22, as git does for a url that names it: it overrides ssh's configuration, but not
    a port in the command itself.
    """
    arguments = ["-G", "-p", str(endpoint.port), f"{SSH_USER}@{endpoint.host}"]
    line = ssh_command.strip()
    # git, too, runs GIT_SSH_COMMAND in a shell, which interprets its quotes and variables.
    answer = ask(*(["sh", "-c", f'{line} "$@"', "ssh"] if line else ["ssh"]), *arguments)
    options: dict[str, list[str]] = {}
    for option, _, value in (entry.partition(" ") for entry in answer.output.splitlines()):
        options.setdefault(option, []).append(value)
    if not answer.status and "userknownhostsfile" in options and _first(options, "port").isdecimal():
        return options
    import shutil

    if answer.status == 127 and not shutil.which("ssh"):
        raise process.missing("ssh")
    reason = next(iter(answer.error.strip().splitlines()), "")
    message = f"ssh says: {reason}" if reason else "ssh does not say how it is configured"
    question = f"{line or 'ssh'} {shell.command(*arguments)}"
    raise SshRefusal(message, *([question] if question.isprintable() else []))


def _first(options: Mapping[str, Sequence[str]], name: str) -> str:
    return options.get(name, ("",))[0]


def _paths(text: str) -> tuple[str, ...]:
    """Split ssh's list of files; ssh does not quote blanks inside a path."""
    paths = re.split(r" (?=[/~])", text)
    return tuple(_expanded(path) for path in paths if path not in ("", "none", "/dev/null"))


def _expanded(path: str, **tokens: str) -> str:
    """Expand what `ssh -G` leaves as it is: the tilde, and the tokens of identity files (ssh_config(5), "TOKENS")."""
    if path.startswith("~/"):
        path = os.path.join(_home(), path[2:])
    return re.sub("%(.)", lambda match: tokens.get(match[1], match[0]), path)


def _home() -> str:
    """Return the home folder that ssh uses: the one in the password file, whatever HOME says."""
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_dir
    except (ImportError, KeyError):
        return os.path.expanduser("~")


class PublicKey(NamedTuple):
    """A key that ssh offers to a host. `source` is its file, or its comment if it is only in the agent.

    Type and data are empty for a private key that needs a passphrase and has no `.pub` file.
    """

    source: str
    type: str
    data: str


def offered_keys(endpoint: SshEndpoint, ssh_command: str) -> tuple[PublicKey, ...]:
    """Return the keys that ssh would offer to the endpoint: those of the identity files, then the agent's other keys.

    Raises `RepositoryError` as `lookup` does.
    """
    options = _configuration(endpoint, ssh_command)
    agent = _agent_keys(_first(options, "identityagent"))
    tokens = {"%": "%", "d": _home(), "h": _first(options, "hostname"), "r": SSH_USER}
    files = [_expanded(path, **tokens) for path in options.get("identityfile", ()) if path.lower() != "none"]
    identities = [key for path in files if (key := _identity(path, agent))]
    others = agent if _first(options, "identitiesonly") != "yes" else []
    found: dict[tuple[str, ...], PublicKey] = {}
    for key in (*identities, *others):
        found.setdefault(key[1:] if key.data else key, key)
    return tuple(found.values())


def _agent_keys(agent: str) -> list[PublicKey]:
    """Return the keys in the agent that IdentityAgent names (ssh_config(5)), by default that of SSH_AUTH_SOCK."""
    name = "SSH_AUTH_SOCK" if agent in ("", "SSH_AUTH_SOCK") else agent[1:].strip("{}") if agent[:1] == "$" else ""
    socket = os.environ.get(name, "") if name else _expanded(agent)
    if socket in ("", "none"):
        return []
    answer = ask("ssh-add", "-L", environment={**os.environ, "SSH_AUTH_SOCK": socket})
    lines = [line.split(" ", 2) for line in answer.output.splitlines() if answer.status == 0]
    return [PublicKey((*words, "")[2] or "the agent", *key) for words in lines if (key := HostKey.from_words(words))]


def _identity(path: str, agent: Sequence[PublicKey]) -> PublicKey | None:
    """Return the key of an identity file; None unless ssh has its private part in a file or in the agent."""
    has_file = os.path.isfile(path)
    for file in (f"{path}.pub", path):
        if key := _public_key(file):
            is_usable = (has_file and file != path) or key in [held[1:] for held in agent]
            return PublicKey(file, *key) if is_usable else None
    if not has_file:
        return None
    answer = ask("ssh-keygen", "-y", "-P", "", "-f", path)
    return PublicKey(path, *(HostKey.from_words(answer.output.split()) or ("", "")))


def _public_key(path: str) -> HostKey | None:
    if not os.path.isfile(path):  # a fifo would block
        return None
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return HostKey.from_words(file.readline().split())
    except OSError:
        return None


def scan(endpoint: SshEndpoint, *, seconds: float) -> tuple[HostKey, ...]:
    """Return the keys that the endpoint offers (`ssh-keyscan`).

    Raises `ServiceError` naming what failed, and `RepositoryError` if `ssh-keyscan` is missing.
    """
    limit = max(1, int(seconds))
    options = ("-T", str(limit), "-t", KEY_TYPES, "-p", str(endpoint.port))
    answer = ask("ssh-keyscan", *options, endpoint.host, seconds=limit + 1)
    lines = (line.split() for line in answer.output.splitlines() if not line.startswith("#"))
    keys = dict.fromkeys(key for words in lines if (key := HostKey.from_words(words[1:])))
    if not keys:
        raise ServiceError(f"{endpoint} cannot be reached: {_silence(endpoint, answer)}")
    return tuple(keys)


def _silence(endpoint: SshEndpoint, answer: Finished) -> str:
    """Return why a host gave no key; ssh-keyscan itself does not always say."""
    import socket

    if answer.timed_out:
        return "it does not answer"
    if "getaddrinfo" in answer.error:
        return f"the name {endpoint.host} cannot be resolved"
    try:
        socket.create_connection(endpoint, PROBE_SECONDS).close()
    except ConnectionRefusedError:
        return "it refuses the connection"
    except TimeoutError:
        return "it does not answer"
    except OSError as error:
        return (error.strerror or "it does not answer").lower()
    return "it accepts the connection, but offers no host key"
