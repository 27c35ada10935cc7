"""An ssh server on loopback that plays a region's endpoint: git over ssh, for one accepted client key.

It needs neither root nor a system user. An app is a bare repository in the folder of apps, and is found by every form
of path that git sends: `/myapp.git` or `~/myapp.git` for a url, `myapp.git` for the scp-like form.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from conftest import Service, git, region_json

from git_scalingo_region.model import SshEndpoint
from git_scalingo_region.scalingo import builtin
from git_scalingo_region.ssh import client
from git_scalingo_region.ssh.client import HostKey

needs_openssh = pytest.mark.skipif(
    not all(shutil.which(program) for program in ("ssh", "ssh-keygen", "ssh-keyscan")),
    reason="the OpenSSH client is not installed",
)

_COMMAND = re.compile(r"(git-receive-pack|git-upload-pack) '(?:~?/)?([^/']+)\.git'")


@dataclass
class Endpoint:
    """A running server: its port, the folder of its apps, and the files of its host keys by type."""

    port: int
    apps: Path
    keys: dict[str, Path]
    commands: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The host as known_hosts names it."""
        return f"[127.0.0.1]:{self.port}"

    @property
    def ssh(self) -> str:
        return f"127.0.0.1:{self.port}"

    def key(self, kind: str = "ed25519") -> HostKey:
        return public_key(self.keys[kind])

    def line(self, kind: str = "ed25519") -> str:
        """Return the line of known_hosts for the host key of that type."""
        return f"{self.name} {self.key(kind)}\n"

    def app(self, name: str) -> Path:
        """Make an app, which is an empty repository."""
        path = self.apps / f"{name}.git"
        git("init", "--quiet", "--bare", str(path))
        return path

    def publish(self, *kinds: str, others: Mapping[str, str] | None = None) -> None:
        """Make the platform publish the fingerprints of these keys, and others by type, while the server runs."""
        published = {key.type: key.fingerprint for key in map(self.key, kinds)} | dict(others or {})
        vars(builtin)["FINGERPRINTS"][SshEndpoint.parse(self.ssh)] = published


def public_key(path: Path) -> HostKey:
    key = HostKey.from_words(Path(f"{path}.pub").read_text().split())
    assert key
    return key


def make_key(path: Path, kind: str = "ed25519") -> Path:
    """Make a key pair of that type; without the OpenSSH client, skip the test."""
    if needs_openssh.args[0]:
        pytest.skip(needs_openssh.kwargs["reason"])
    bits = {"rsa": ["-b", "2048"]}.get(kind, [])
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *bits, "-N", "", "-C", "", "-f", str(path)], check=True)
    return path


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Make every host offer two keys that the platform publishes for it, and return their fingerprints by type."""
    blobs = {kind: len(kind).to_bytes(4, "big") + kind.encode() + bytes(32) for kind in ("ssh-rsa", "ssh-ed25519")}
    keys = [HostKey(kind, base64.b64encode(blob).decode()) for kind, blob in blobs.items()]
    fingerprints = {key.type: key.fingerprint for key in keys}
    monkeypatch.setattr(client, "scan", lambda endpoint, seconds: tuple(keys))
    monkeypatch.setattr(builtin, "FINGERPRINTS", {region.ssh: fingerprints for region in builtin.REGIONS})
    return fingerprints


@pytest.fixture(scope="session")
def make_host_key(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that makes a key pair of a type, the same one each time."""
    folder = tmp_path_factory.mktemp("host-keys")
    return cache(lambda kind: make_key(folder / kind, kind))


@pytest.fixture(scope="session")
def other_key(tmp_path_factory: pytest.TempPathFactory) -> HostKey:
    """Make an ed25519 key that no server has."""
    return public_key(make_key(tmp_path_factory.mktemp("other") / "key"))


@pytest.fixture
def client_key(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the key that servers accept, and make git's ssh use it, without loosening any check."""
    key = make_key(home / "client_key")
    ssh = f"{os.environ['GIT_SSH_COMMAND']} -o IdentitiesOnly=yes -i '{key}' -o StrictHostKeyChecking=yes"
    monkeypatch.setenv("GIT_SSH_COMMAND", ssh)
    return key


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """Run a real ssh-agent, and return a function that adds a key to it."""
    socket = tmp_path / "agent"

    def add(key: Path) -> None:
        subprocess.run(["ssh-add", "-q", str(key)], check=True)

    with subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline()  # it is listening
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        yield add
        process.terminate()


@contextmanager
def serving(apps: Path, keys: dict[str, Path], client_key: Path) -> Iterator[Endpoint]:
    """Run a server in a thread of its own until the block ends; without asyncssh, skip the test."""
    asyncssh = pytest.importorskip("asyncssh", reason="asyncssh is not installed")
    apps.mkdir(exist_ok=True)
    endpoint, loop = Endpoint(0, apps, keys), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def run(process: Any) -> None:
        process.exit(await _run(process, endpoint))

    async def listen() -> Any:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[str(path) for path in keys.values()],
            authorized_client_keys=asyncssh.read_authorized_keys(f"{client_key}.pub"),
            process_factory=run,
            encoding=None,
        )

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(20)
    endpoint.port = server.get_port()
    try:
        with patch.dict(vars(builtin)["FINGERPRINTS"]):
            yield endpoint
    finally:
        loop.call_soon_threadsafe(server.close)
        asyncio.run_coroutine_threadsafe(server.wait_closed(), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


async def _run(process: Any, endpoint: Endpoint) -> int:
    """Run git for the client, and copy its output by hand, because a redirection would lose the end of it."""
    endpoint.commands.append(process.command or "")
    match = _COMMAND.fullmatch(process.command or "")
    if not match or not (endpoint.apps / f"{match[2]}.git").is_dir():
        process.stderr.write(b"app not found\n")
        return 1
    child = await asyncio.create_subprocess_exec(
        *("git", match[1].removeprefix("git-"), str(endpoint.apps / f"{match[2]}.git")),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    feeding = asyncio.create_task(_pump(process.stdin, child.stdin))
    await asyncio.gather(_pump(child.stdout, process.stdout), _pump(child.stderr, process.stderr))
    feeding.cancel()
    return await child.wait()


async def _pump(source: Any, sink: Any) -> None:
    try:
        while data := await source.read(1 << 16):
            sink.write(data)
            await sink.drain()
        sink.write_eof()
    except (ConnectionError, RuntimeError):
        pass  # the other side has gone


@pytest.fixture
def endpoint(
    tmp_path: Path, client_key: Path, make_host_key: Callable[[str], Path], service: Service
) -> Iterator[Endpoint]:
    """Run a server with an ed25519 and an rsa key, as the endpoint of the region osc-fr1 that the service lists."""
    keys = {kind: make_host_key(kind) for kind in ("ed25519", "rsa")}
    with serving(tmp_path / "apps", keys, client_key) as running:
        service.regions = [region_json("osc-fr1", running.ssh, default=True)]
        yield running
