"""What all tests share: a home of their own, real repositories, the program, and a service on loopback.

No test sees the user's own settings (home, git configuration, GIT_*, SCALINGO_*, proxies), and none reaches a network:
the service's address is a closed port of this machine unless a test uses `service`. Only the resolver may be asked, for
a name under .invalid, which never exists (RFC 6761).
"""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, settings

from git_scalingo_region.cli import run as cli
from git_scalingo_region.context import Context
from git_scalingo_region.process import Finished
from git_scalingo_region.repository import git as repository_git
from git_scalingo_region.scalingo.catalog import Catalog
from git_scalingo_region.settings import Settings

# Every test may use the fixtures of these modules.
pytest_plugins = ["account", "pasting", "ssh_server"]

# A slow machine is not a failure, and nothing is kept between runs. CI tries the same examples each time, so that a
# failure there can be repeated; all other runs try new ones.
settings.register_profile(
    "project",
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("project")

# If the tests are started in the background or by nohup, they ignore these signals, and so would all their children.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

# The discard port: nothing listens there.
NO_SERVICE = "http://127.0.0.1:9"

# Variables of the user's environment that would change what the program, git, ssh or a shell does.
LEAKS = re.compile(
    "(GIT|SCALINGO|XDG|SSH)_.*|.*_PROXY|(REQUESTS|CURL)_CA_BUNDLE"
    "|COLUMNS|LINES|LANGUAGE|LC_ALL|LC_MESSAGES|NO_COLOR|MANPATH|PWD",
    re.IGNORECASE,
)
# git must not start maintenance in the background, which could still be running when the test has ended.
GITCONFIG = """\
[user]
	name = A
	email = a@example.org
[init]
	defaultBranch = main
[maintenance]
	auto = false
[gc]
	auto = 0
"""

OSC_FR1 = "ssh://git@ssh.osc-fr1.scalingo.com:22/myapp.git"
SECNUM = "ssh://git@ssh.osc-secnum-fr1.scalingo.com:22/myapp.git"
PAR = "ssh://git@ssh.scw-par.scalingo.com:22/myapp.git"
STALE = "ssh://git@ssh.osc-fr1.scalingo.com:2200/myapp.git"
GONE = "git@scalingo.com:myapp.git"
ELSEWHERE = "git@github.com:me/myapp.git"
OFFLINE = "warning: offline; using the built-in list of regions (Scalingo's documentation of 2026-01-02)\n"

# An API token, which has to be exchanged, a token of three parts, and the token that the exchange returns.
TOKEN = "tk-us-c2VjcmV0LXRva2Vu"
JWT = "eyJhbGciOi.eyJpc3MiOi.c2lnbmF0dXJl"
BEARER = "aaa.bbb.ccc"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a home folder and an environment of its own, and make that home the current folder."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in list(os.environ):
        if LEAKS.fullmatch(name):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setenv("SCALINGO_AUTH_URL", NO_SERVICE)
    # ssh takes its home folder from the password file, not from HOME.
    known_hosts = folder / ".ssh" / "known_hosts"
    ssh = f"ssh -F none -o UserKnownHostsFile='{known_hosts}' -o GlobalKnownHostsFile=/dev/null -o BatchMode=yes"
    monkeypatch.setenv("GIT_SSH_COMMAND", ssh)
    monkeypatch.chdir(folder)
    (folder / ".gitconfig").write_text(GITCONFIG)
    return folder


@pytest.fixture
def known_hosts(home: Path) -> Path:
    """Return the path of ssh's known_hosts file; neither the file nor its folder exists yet."""
    return home / ".ssh" / "known_hosts"


def git(*arguments: str, cwd: Path | None = None) -> str:
    """Run git and return its output without the last newline."""
    done = subprocess.run(
        ["git", *arguments], cwd=cwd, check=True, capture_output=True, text=True, errors="surrogateescape"
    )
    return done.stdout.removesuffix("\n")


def executable(path: Path, text: str) -> Path:
    """Write an executable file, and make its folder if it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def need(program: str) -> str:
    """Return the path of a program; skip the test if it is not installed."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def load_tool(name: str) -> ModuleType:
    """Import a script of the folder `tools`."""
    with patch.object(sys, "path", [str(Path(__file__).parents[1] / "tools"), *sys.path]):
        return importlib.import_module(name)


@dataclass(frozen=True)
class Repo:
    """A real repository."""

    path: Path

    def git(self, *arguments: str) -> str:
        return git(*arguments, cwd=self.path)

    def commit(self) -> None:
        self.git("commit", "--quiet", "--allow-empty", "--message", "work")

    @property
    def config(self) -> Path:
        return self.path / ".git" / "config"

    def push_urls(self, remote: str = "scalingo") -> list[str]:
        return self.git("remote", "get-url", "--push", "--all", remote).splitlines()


@pytest.fixture
def make_repo(tmp_path: Path) -> Callable[[str], Repo]:
    """Return a function that makes a repository on branch main with one commit."""

    def make(name: str) -> Repo:
        repo = Repo(tmp_path / name)
        git("init", "--quiet", str(repo.path))
        repo.commit()
        return repo

    return make


@pytest.fixture
def repo(make_repo: Callable[[str], Repo], monkeypatch: pytest.MonkeyPatch) -> Repo:
    """Make a repository, on branch main with one commit, the current folder."""
    made = make_repo("repo")
    monkeypatch.chdir(made.path)
    return made


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an empty bare repository that a property test can ask many questions."""
    path = tmp_path_factory.mktemp("bare")
    environment = {"PATH": os.environ["PATH"], "HOME": str(path), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "--quiet", "--bare", "."], cwd=path, env=environment, check=True)
    return path


@dataclass(frozen=True)
class Result:
    """The result of a run of the program."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def error(self) -> Any:
        return json.loads(self.stderr)["error"]


def refusal(status: int, message: str, *hints: str) -> Result:
    """Return the result of a run that prints only this error and these hints."""
    return Result(status, "", "".join(f"{line}\n" for line in (f"error: {message}", *(f"hint: {h}" for h in hints))))


Run = Callable[..., Result]

# The exit statuses of each command, whatever happens; 1 means a bug, and is never allowed.
STATUSES = {
    "add": {0, 2, 3, 5, 6},
    "url": {0, 2, 3, 5},
    "list": {0, 2, 5},
    "show": {0, 2, 3, 5},
    "status": {0, 5, 6, 7},
    "sync": {0, 5, 6},
    "doctor": {0, 2, 7},
}
# What a terminal could act on, except a line break: C0, C1, invisible and bidirectional marks, broken characters.
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def assert_clean(result: Result, command: str, *, as_json: bool = False) -> None:
    """Assert that a run worked or ended with one error, and that its output cannot harm a terminal."""
    written = result.stdout + result.stderr
    assert not CONTROL.search(written)
    assert "Traceback" not in written
    assert TOKEN not in written
    assert result.status in STATUSES[command]
    if as_json:
        assert isinstance(result.json if result.stdout else result.error, dict)
        return
    labels = [line.partition(": ")[0] for line in result.stderr.removesuffix("\n").split("\n") if result.stderr]
    assert set(labels) <= {"warning", "error", "hint"}
    # There is an error if stdout is empty, and only then.
    assert labels.count("error") == (not result.stdout)
    assert result.status or result.stdout


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the program's command line in this process."""

    def run_here(*arguments: str) -> Result:
        capsys.readouterr()
        status = cli.run(arguments)
        captured = capsys.readouterr()
        return Result(int(status), captured.out, captured.err)

    return run_here


@pytest.fixture
def program() -> Run:
    """Return a function that runs the program as a process of its own, with keyword arguments for subprocess.run."""

    def run_there(*arguments: str, **options: Any) -> Result:
        command = [sys.executable, "-m", "git_scalingo_region", *arguments]
        options = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL, **options}
        done = subprocess.run(command, check=False, **options)
        return Result(done.returncode, done.stdout, done.stderr)

    return run_there


def region_json(name: str, ssh: str | None = None, *, default: bool = False, api: str | None = None) -> dict[str, Any]:
    """Return a region in the API's form."""
    return {
        "name": name,
        "display_name": f"Place of {name}",
        "api": f"https://api.{name}.scalingo.com" if api is None else api,
        "dashboard": f"https://my.{name}.scalingo.com",
        "database_api": f"https://db-api.{name}.scalingo.com",
        "ssh": ssh or f"ssh.{name}.scalingo.com:22",
        "default": default,
    }


@dataclass
class Service:
    """A real HTTP server on loopback that plays the authentication service, or the API of a region.

    It lists `regions`, and has `apps`. If `routes` holds a function for a (method, path), that function gets the
    request handler and writes the answer instead. Every request is recorded as (method, path, headers).
    """

    url: str = ""
    regions: list[dict[str, Any]] = field(
        default_factory=lambda: [region_json("osc-fr1", default=True), region_json("scw-par")]
    )
    apps: set[str] = field(default_factory=set)
    routes: dict[tuple[str, str], Respond] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append((handler.command, handler.path, dict(handler.headers)))
        route = self.routes.get((handler.command, handler.path))
        if route:
            route(handler)
        elif (handler.command, handler.path) == ("GET", "/v1/regions"):
            send(handler, 200, {"regions": self.regions})
        elif (handler.command, handler.path) == ("POST", "/v1/tokens/exchange"):
            send(handler, 200, {"token": BEARER})
        elif handler.path.startswith("/v1/apps/") and handler.path.removeprefix("/v1/apps/") in self.apps:
            send(handler, 200, {"app": {"name": handler.path.removeprefix("/v1/apps/"), "status": "running"}})
        else:
            send(handler, 404, {"resource": "app", "error": "not found"})


def send(handler: BaseHTTPRequestHandler, status: int, body: Any, **headers: str) -> None:
    """Write a complete answer; a body that is not bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(data)


Respond = Callable[[BaseHTTPRequestHandler], None]
RegionApis = Callable[..., list[Service]]


def answers(status: int, body: Any, **headers: str) -> Respond:
    """Return a route that gives this answer."""
    return lambda handler: send(handler, status, body, **headers)


def writes(data: bytes) -> Respond:
    """Return a route that writes these bytes and nothing else."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(data)

    return respond


def hang(handler: BaseHTTPRequestHandler) -> None:
    """Wait until the client gives up."""
    handler.rfile.read(1)


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection instead of answering."""
    handler.connection.shutdown(socket.SHUT_RDWR)


@contextmanager
def serve(service: Service, certificate: Path | None = None) -> Iterator[Service]:
    """Run a service, over TLS if a certificate is given (with its key in the same file)."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            service.answer(self)

        do_POST = do_CONNECT = do_GET  # noqa: N815 - the names that http.server calls

        def log_message(self, *arguments: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *arguments: Any) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        service.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Run the authentication service on loopback, and point the program at it."""
    with serve(Service()) as running:
        monkeypatch.setenv("SCALINGO_AUTH_URL", running.url)
        yield running


@pytest.fixture
def other_server() -> Iterator[Service]:
    """Run a server that the service does not list; as a proxy, it records what it is asked to connect to."""
    with serve(Service(apps={"myapp"})) as running:
        yield running


@pytest.fixture
def region_apis(service: Service) -> Iterator[RegionApis]:
    """Return a function that lists regions of these names, each with an API of its own on loopback."""
    with ExitStack() as stack:

        def start(*names: str) -> list[Service]:
            apis = [stack.enter_context(serve(Service())) for _ in names]
            service.regions = [
                region_json(name, default=index == 0, api=apis[index].url) for index, name in enumerate(names)
            ]
            return apis

        yield start


@pytest.fixture
def git_questions(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Return a list to which each question that `repository.git` asks git in this process is added from now on."""
    asked: list[tuple[str, ...]] = []
    original = repository_git.ask

    def noted(*arguments: str, given: bytes = b"") -> Finished:
        asked.append(arguments)
        return original(*arguments, given=given)

    monkeypatch.setattr(repository_git, "ask", noted)
    return asked


def new_catalog(**options: bool) -> Catalog:
    """Return a new catalog, as a run of the program in the test's environment makes it."""
    return Catalog(Context(Settings.from_environ(os.environ), **options))


def cache_files(home: Path, suffix: str = "json") -> list[Path]:
    return sorted((home / ".cache" / "git-scalingo-region").glob(f"*.{suffix}"))


def age(home: Path, seconds: float) -> str:
    """Make every cached list that many seconds old, and return the day on which it was fetched."""
    fetched_at = time.time() - seconds
    for path in cache_files(home):
        path.write_text(json.dumps({**json.loads(path.read_text()), "fetched_at": fetched_at}))
    return time.strftime("%Y-%m-%d", time.gmtime(fetched_at))
