"""`api`, over real sockets: what is sent, what each answer becomes, and where the token does not go."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import requests_mock
from conftest import NO_SERVICE, Service, region_json, send, serve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from urllib3.util import parse_url

from git_scalingo_region import __version__
from git_scalingo_region.errors import CredentialsError, RateLimited, ServiceError
from git_scalingo_region.model import Region, RemoteUrl, SshEndpoint, parse_regions
from git_scalingo_region.scalingo import api
from git_scalingo_region.scalingo.credentials import Token, vouches_for

TOKEN = "tk-us-Zm9vYmFyYmF6"
JWT = "eyJhbGciOi.eyJpc3MiOi.c2lnbmF0dXJl"
BASIC = "Basic " + base64.b64encode(f":{TOKEN}".encode()).decode()
EXCHANGE = ("POST", "/v1/tokens/exchange")
LIST = ("GET", "/v1/regions")
REGIONS = ("osc-fr1", "scw-par")
ANSWER = json.dumps({"regions": [region_json("osc-fr1", default=True), region_json("scw-par")]}).encode()
HEAD = b"HTTP/1.1 200 OK\r\n"
BROKE = "cannot be reached (the connection broke)"
HUGE = "sent a malformed answer: it is larger than 1 MiB"

Answer = Callable[[socket.socket], None]
Listen = Callable[[Answer], str]


def service_of(url: str, token: str = "") -> api.Service:
    return api.Service(url, Token(token, "SCALINGO_API_TOKEN") if token else None)


def fetch(url: str, token: str = "", *, seconds: float = 10.0) -> tuple[Region, ...]:
    return service_of(url, token).fetch_regions(seconds)


def names(regions: tuple[Region, ...]) -> tuple[str, ...]:
    return tuple(region.name for region in regions)


def failure(url: str, token: str = "", *, seconds: float = 10.0) -> str:
    """Return the sentence of a failure that leads to an older list, without the address of the service."""
    with pytest.raises(ServiceError) as caught:
        fetch(url, token, seconds=seconds)
    return caught.value.message.removeprefix(f"{url} ")


def asked(service: Service) -> list[tuple[str, str, str | None]]:
    return [(method, path, headers.get("Authorization")) for method, path, headers in service.requests]


# --- servers ---------------------------------------------------------------------------------------------------------


def read_head(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(65536)
        if not data:
            break
        head += data
    return head


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Return a function that runs a bare TCP server: each connection is given to a function, which is its answer."""
    servers: list[socket.socket] = []

    def handle(connection: socket.socket, answer: Answer) -> None:
        with connection, suppress(OSError):
            answer(connection)

    def accept(server: socket.socket, answer: Answer) -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                threading.Thread(target=handle, args=(connection, answer), daemon=True).start()

    def start(answer: Answer) -> str:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)
        threading.Thread(target=accept, args=(server, answer), daemon=True).start()
        return f"127.0.0.1:{server.getsockname()[1]}"

    yield start
    for server in servers:
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
        server.close()


def raw(data: bytes) -> Answer:
    """Return the answer that consists of these bytes, whatever is asked."""

    def answer(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(data)

    return answer


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for 127.0.0.1 that nobody trusts, with its key in the same file."""
    if not shutil.which("openssl"):
        pytest.skip("openssl, which makes the certificate, is not installed")
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1"
    options = "-addext subjectAltName=IP:127.0.0.1 -keyout - -out -"
    arguments = f"{command} {options}".split()
    path.write_bytes(subprocess.run(arguments, check=True, capture_output=True, stdin=subprocess.DEVNULL).stdout)
    return path


@pytest.fixture
def tls(certificate: Path) -> Iterator[Service]:
    """Run the authentication service over TLS."""
    with serve(Service(), certificate) as running:
        yield running


@pytest.fixture
def trusted(tls: Service, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Run the service over TLS, with REQUESTS_CA_BUNDLE to trust it."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    return tls


@pytest.fixture
def netrc(home: Path) -> Path:
    """Write a .netrc with a password for whatever host is asked."""
    path = home / ".netrc"
    path.write_text("machine 127.0.0.1 login eve password netrc-secret\ndefault login eve password netrc-secret\n")
    path.chmod(0o600)
    return path


# --- what is asked ---------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("netrc")
@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("", [("GET", "/v1/regions", None)]),
        (JWT, [("GET", "/v1/regions", f"Bearer {JWT}")]),
        (TOKEN, [("POST", "/v1/tokens/exchange", BASIC), ("GET", "/v1/regions", "Bearer aaa.bbb.ccc")]),
    ],
)
def test_authorizes_as_documented(trusted: Service, token: str, expected: list[Any]) -> None:
    """An API token is exchanged, a JWT is used as it is, and .netrc neither replaces a token nor adds one."""
    assert names(fetch(trusted.url, token)) == REGIONS
    assert asked(trusted) == expected


def test_says_who_asks(service: Service) -> None:
    """The request names the program and its version, and asks for JSON."""
    fetch(service.url)
    headers = service.requests[0][2]
    assert (headers["User-Agent"], headers["Accept"]) == (f"git-scalingo-region/{__version__}", "application/json")


def test_asks_below_the_path_of_the_address(service: Service) -> None:
    """A service behind a path is asked below that path."""
    service.routes["GET", "/auth/v1/regions"] = lambda handler: send(handler, 200, {"regions": service.regions})
    assert names(fetch(f"{service.url}/auth")) == REGIONS


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("route", [LIST, EXCHANGE])
def test_does_not_follow_a_redirect(service: Service, status: int, route: tuple[str, str]) -> None:
    """A redirect is a failure, to another host or to the same one, and its target never hears from us."""
    with serve(Service()) as target:
        for location in (target.url, service.url):
            service.routes[route] = partial(send, status=status, body=b"", Location=f"{location}/x")
            assert failure(service.url, TOKEN) == f"answered {status}"
    assert "/x" not in [path for _, path, _ in (*target.requests, *service.requests)]


# --- what breaks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", [LIST, EXCHANGE])
@pytest.mark.parametrize("breakage", ["closed", 502, 503, 504])
def test_asks_once_more_if_it_breaks_once(service: Service, route: tuple[str, str], breakage: str | int) -> None:
    """One closed connection or busy answer, to the exchange or to the list, goes unnoticed."""

    def break_once(handler: BaseHTTPRequestHandler) -> None:
        del service.routes[route]
        if breakage == "closed":
            handler.connection.shutdown(socket.SHUT_RDWR)
        else:
            send(handler, int(breakage), b"busy")

    service.routes[route] = break_once
    assert names(fetch(service.url, TOKEN)) == REGIONS
    assert len(service.requests) == 3


def test_gives_up_on_a_busy_service(service: Service) -> None:
    """A service that stays busy is asked twice."""
    service.routes[LIST] = lambda handler: send(handler, 503, b"", Retry_After="3600")
    assert failure(service.url) == "answered 503"
    assert len(service.requests) == 2


def reset(connection: socket.socket) -> None:
    read_head(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


BROKEN: dict[str, tuple[Answer, str]] = {
    "closed at once": (lambda connection: None, BROKE),
    "closed after the request": (raw(b""), BROKE),
    "reset": (reset, BROKE),
    "not HTTP": (raw(b"SSH-2.0-OpenSSH_9.2\r\n"), BROKE),
    "many headers": (raw(HEAD + b"X: y\r\n" * 200 + b"\r\n"), BROKE),
    "long header": (raw(HEAD + b"X: " + b"y" * 70000 + b"\r\n\r\n"), BROKE),
    "cut off": (raw(HEAD + b"Content-Length: 9999\r\n\r\n" + ANSWER), BROKE),
    "no chunk": (raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"), BROKE),
    "no gzip": (
        raw(HEAD + b"Content-Encoding: gzip\r\n\r\n" + ANSWER),
        "cannot be reached (its answer cannot be decompressed)",
    ),
    "no content": (raw(b"HTTP/1.1 204 No Content\r\n\r\n"), "answered 204"),
    "no such status": (raw(b"HTTP/1.1 999 \r\n\r\n"), "answered 999"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_answer_is_a_failure_in_one_sentence(listen: Listen, broken: str) -> None:
    """Whatever comes over the wire instead of an answer, the failure says in a few words what it was."""
    answer, expected = BROKEN[broken]
    assert failure(f"http://{listen(answer)}") == expected


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (NO_SERVICE, "the connection was refused"),
        *(
            (address, "its address, or the proxy's, is not usable")
            for address in ("https://a..b", "https://.", "https://*", "https://[v1.x]", "https://h:99999")
        ),
    ],
)
def test_an_address_of_nobody_is_a_failure_in_one_sentence(address: str, reason: str) -> None:
    """A closed port is a failure, and so is an address that the settings accept and requests refuses."""
    assert failure(address) == f"cannot be reached ({reason})"


def drip(data: bytes, rest: bytes) -> Answer:
    """Return the answer that sends `data` and then `rest` again and again, byte by byte."""

    def answer(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(data)
        while True:
            for byte in rest:
                connection.sendall(bytes([byte]))
                time.sleep(0.02)  # the slowness is what is tested

    return answer


def hang(connection: socket.socket) -> None:
    while connection.recv(1024):
        pass


SLOW: dict[str, Answer] = {
    "nothing": hang,
    "headers": drip(HEAD, b"X: y\r\n"),
    "body": drip(HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
    "chunks": drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "continue": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("slow", SLOW)
def test_the_time_is_for_the_whole(listen: Listen, slow: str) -> None:
    """A service that sends a byte now and then, and never ends, is given up when the time is over."""
    started = time.monotonic()
    assert failure(f"http://{listen(SLOW[slow])}", seconds=0.3) == "cannot be reached (no answer in time)"
    assert time.monotonic() - started < 8


def test_without_time_nothing_is_asked(service: Service) -> None:
    """If no network time is left, the service is not contacted."""
    assert failure(service.url, TOKEN, seconds=0) == "cannot be reached (no answer in time)"
    assert service.requests == []


def flood(head: bytes, block: bytes, sent: list[int]) -> Answer:
    """Return the answer that sends up to 256 MiB of `block`, and notes how much was taken."""

    def answer(connection: socket.socket) -> None:
        read_head(connection)
        connection.sendall(head)
        try:
            for _ in range((256 << 20) // len(block)):
                connection.sendall(block)
                sent[0] += len(block)
        finally:
            sent[1] += 1

    return answer


@pytest.mark.parametrize("head", ["200 OK", "302 Found\r\nLocation: http://127.0.0.1/", "401 No", "429 No", "500 No"])
def test_a_huge_answer_is_not_read_to_its_end(listen: Listen, head: str) -> None:
    """Of an endless answer, even to a redirect, no more is read than the limit and what the system buffers."""
    sent = [0, 0]
    answer = flood(f"HTTP/1.1 {head}\r\n\r\n".encode(), b" " * 65536, sent)
    with pytest.raises(ServiceError, match=r"larger than 1 MiB|answered (302|401|500)|429"):
        fetch(f"http://{listen(answer)}")
    deadline = time.monotonic() + 10
    while not sent[1] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sent[1]
    assert sent[0] < 32 << 20


@pytest.mark.parametrize("times", [1, 2])
def test_a_bomb_is_not_unpacked(service: Service, times: int) -> None:
    """A small answer that unpacks to 64 MiB, gzipped once or twice, is refused at the limit and takes no memory."""
    bomb = b" " * (64 << 20)
    for _ in range(times):
        bomb = gzip.compress(bomb, 6)
    encoding = ", ".join(["gzip"] * times)
    service.routes[LIST] = lambda handler: send(handler, 200, bomb, Content_Encoding=encoding)
    tracemalloc.start()
    try:
        assert failure(service.url) == HUGE
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_list_of_just_the_limit_is_read(service: Service) -> None:
    """A list of exactly 1 MiB is read, compressed or not."""
    body = ANSWER + b" " * ((1 << 20) - len(ANSWER))
    packed = gzip.compress(body)
    service.routes[LIST] = lambda handler: send(handler, 200, packed, Content_Encoding="gzip")
    assert names(fetch(service.url)) == REGIONS
    service.routes[LIST] = lambda handler: send(handler, 200, body + b" ")
    assert failure(service.url) == HUGE


# --- what is answered ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "token"), [(401, ""), (403, ""), (404, JWT), (500, JWT), (511, "")])
def test_another_status_is_a_failure(service: Service, status: int, token: str) -> None:
    """Every status but 200 is a failure; 401 and 403 say nothing about a token that was not sent."""
    service.routes[LIST] = lambda handler: send(handler, status, {"error": "x"})
    assert failure(service.url, token) == f"answered {status}"


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(("token", "route"), [(TOKEN, EXCHANGE), (TOKEN, LIST), (JWT, LIST)])
def test_a_rejected_token_is_an_error_of_its_own(
    service: Service, status: int, token: str, route: tuple[str, str]
) -> None:
    """401 and 403 to a request with a token, in the exchange or after it, are more than a failure."""
    service.routes[route] = lambda handler: send(handler, status, {"error": token})
    with pytest.raises(CredentialsError) as caught:
        fetch(service.url, token)
    assert caught.value.message == f"{service.url} rejected the API token from SCALINGO_API_TOKEN ({status})"
    assert caught.value.hints == ("put a new token into SCALINGO_API_TOKEN, or log in again with the Scalingo CLI",)


@pytest.mark.parametrize(
    ("header", "expected"),
    [("7", 7.0), ("0", 0.0), (None, 60.0), ("", 60.0), ("-1", 60.0), ("soon", 60.0), ("9" * 400, 60.0)],
)
def test_too_many_requests_says_when_to_come_back(service: Service, header: str | None, expected: float) -> None:
    """429 is not asked again, whatever Retry-After says, and tells the caller the seconds to wait."""
    headers = {} if header is None else {"Retry_After": header}
    service.routes[LIST] = lambda handler: send(handler, 429, b"Retry later", **headers)
    with pytest.raises(RateLimited) as caught:
        fetch(service.url)
    assert caught.value.message == f"{service.url} asks for fewer requests (429)"
    assert caught.value.retry_after == expected
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", "answer: it is not JSON"),
        (b"<!doctype html><title>Log in to the hotel's network</title>", "answer: it is not JSON"),
        (b"[" * 100_000, "answer: it is not JSON"),
        (b'{"a":' * 100_000, "answer: it is not JSON"),
        (b"\xff\xfe\xfd", "answer: it is not JSON"),
        (b'{"regions": [' + b"9" * 10_000 + b"]}", "answer: it is not JSON"),
        (b"null", "list of regions: it holds no list of regions"),
        (b'{"regions": [{}]}', "list of regions: a region has no name or no ssh endpoint"),
        (
            b'{"regions": [{"name": "a", "ssh": "-oProxyCommand=x:22"}]}',
            "list of regions: '-oProxyCommand=x:22' is not an ssh endpoint: expected one like ssh.osc-fr1.scalingo.com",
        ),
        (
            b'{"regions": [{"name": "\\u001b]0;x", "ssh": "h"}]}',
            "list of regions: '\x1b]0;x' is not a valid region name: expected one like osc-fr1",
        ),
    ],
)
def test_a_malformed_answer_is_a_failure_in_one_sentence(service: Service, body: bytes, expected: str) -> None:
    """Anything but a list of regions in the documented form is refused, with what is wrong about it."""
    service.routes[LIST] = lambda handler: send(handler, 200, body)
    assert failure(service.url) == f"sent a malformed {expected}"


@pytest.mark.parametrize(
    "answer", [[], {}, {"token": ""}, {"token": 1}, {"token": None}, {"token": "a\r\nX: y"}, {"token": "é"}]
)
def test_a_malformed_exchange_is_a_failure(service: Service, answer: Any) -> None:
    """The answer to the exchange gets into a header only if it can be a token."""
    service.routes[EXCHANGE] = lambda handler: send(handler, 200, answer)
    assert failure(service.url, TOKEN) == "sent a malformed answer to the exchange of the token"
    assert len(service.requests) == 1


@pytest.mark.parametrize("status", [200, 401, 500])
def test_the_token_is_exchanged_once(service: Service, status: int) -> None:
    """Several questions share one exchange, and a failed exchange is not tried again."""
    if status != 200:
        service.routes[EXCHANGE] = lambda handler: send(handler, status, {"error": "x"})
    account = service_of(service.url, TOKEN)
    for question in (account.fetch_regions, account.account_keys, account.fetch_regions):
        with suppress(ServiceError, CredentialsError):
            question(10.0)
    assert [path for _, path, _ in service.requests].count("/v1/tokens/exchange") == 1
    assert len(service.requests) == (4 if status == 200 else 1)


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (200, {"keys": []}, []),
        (
            200,
            {"keys": [{"content": "ssh-ed25519 AAAA ann@x y"}, {"content": " ssh-rsa  BBBB\n"}]},
            ["ssh-ed25519 AAAA", "ssh-rsa BBBB"],
        ),
        (200, {"keys": [None, {}, {"content": 1}, {"content": "ssh-rsa"}]}, []),
        (200, {"keys": None}, "sent a malformed list of keys"),
        (200, [], "sent a malformed list of keys"),
        (403, {}, "rejected the API token from SCALINGO_API_TOKEN (403)"),
        (404, {}, "answered 404"),
    ],
)
def test_the_keys_of_the_account_are_read(service: Service, status: int, answer: Any, expected: Any) -> None:
    """Type and data of each key are read; a token that may not read the keys is a failure like any other."""
    service.routes["GET", "/v1/keys"] = lambda handler: send(handler, status, answer)
    account = service_of(service.url, TOKEN)
    if isinstance(expected, list):
        assert account.account_keys(10.0) == expected
        assert service.requests[-1][2]["Authorization"] == "Bearer aaa.bbb.ccc"
    else:
        with pytest.raises(ServiceError) as caught:
            account.account_keys(10.0)
        assert caught.value.message == f"{service.url} {expected}"


# --- where the token may go ------------------------------------------------------------------------------------------

PLATFORM, LOOPBACK = "https://auth.scalingo.com", "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("service_url", "address", "expected"),
    [
        *(
            (PLATFORM, address, True)
            for address in (
                *(
                    "https://api.osc-fr1.scalingo.com",
                    "https://api.osc-fr1.scalingo.com/",
                    "https://x.scalingo.com:8443/a",
                ),
                *("https://auth.scalingo.com", "HTTPS://API.Scalingo.COM"),
            )
        ),
        *(
            (PLATFORM, address, False)
            for address in (
                *("", "api.osc-fr1.scalingo.com", "//x.scalingo.com", "http://x.scalingo.com", "ftp://x.scalingo.com"),
                *(
                    "https://scalingo.com",
                    "https://.scalingo.com",
                    "https://evil-scalingo.com",
                    "https://x.scalingo.com.",
                ),
                *("https://x.scalingo.com.evil.org", "https://evil.org/x.scalingo.com", "https://x.scalingo.org"),
                *("https://u@x.scalingo.com", "https://u:p@x.scalingo.com", "https://x.scalingo.com@evil.org"),
                *("https://evil.org\\.scalingo.com", "https://evil.org\\@x.scalingo.com", "https:\\\\x.scalingo.com"),
                *("https://evil.org#.scalingo.com", "https://evil.org?.scalingo.com", "https://x.scalingo.com?a=b"),
                *("https://evil.org%2f.scalingo.com", "https://evil.org\t.scalingo.com", "https://x.scalingo.com\n"),
                *(" https://x.scalingo.com", "https://evil.org /.scalingo.com", "https://\u00e9.scalingo.com"),
                *("https://evil.org\uff0f.scalingo.com", "https://x..scalingo.com", "https://*.scalingo.com"),
                *("https://x.scalingo.com:99999", "https://x.scalingo.com:", "https://127.0.0.1", "https://[::1]"),
                *("http://127.0.0.1", "https:///x.scalingo.com", "https://[x.scalingo.com]", "file:///x.scalingo.com"),
            )
            if address != "https://x.scalingo.com:"  # an empty port is the usual one (RFC 3986)
        ),
        *(
            (LOOPBACK, f"{scheme}://{host}", True)
            for scheme in ("http", "https")
            for host in ("localhost:1", "[::1]:2")
        ),
        ("https://[::1]:3", "http://127.0.0.1:4", True),
        *(
            (LOOPBACK, address, False)
            for address in ("http://127.0.0.2", "https://x.0.0.1", "http://127.1", "http://0")
        ),
        (LOOPBACK, "http://api.scalingo.com", False),
        (LOOPBACK, "http://127.0.0.1@evil.org", False),
        ("https://auth.st-fr1.example.org:8443/v", "https://api.st-fr1.example.org", True),
        ("https://auth.st-fr1.example.org:8443/v", "https://api.example.org", False),
        ("https://scalingo.com", "https://api.com", False),
        ("https://localhost", "https://api.localhost", False),
        ("https://10.1.2.3", "https://9.1.2.3", False),
        ("https://10.1.2.3", "https://10.1.2.3", False),
        ("https://[::ffff:10.1.2.3]", "https://9.1.2.3", False),
    ],
)
def test_the_token_goes_where_the_service_vouches(service_url: str, address: str, expected: bool) -> None:
    """That is https under the domain of the service, or this machine; an address that is in any doubt is refused."""
    assert vouches_for(service_url, address) is expected


WORDS = ["https://", "http://", "x", ".scalingo.com", "evil.org", "127.0.0.1", "[::1]", ":8443", "/v", "%2f"]
PIECES = st.lists(st.sampled_from(WORDS) | st.sampled_from(":/?#@\\.-_ \n\t\u212a\uff0f"), max_size=6)


@given(PIECES.map(lambda pieces: "".join(["https://x.scalingo.com", *pieces])) | PIECES.map("".join))
def test_requests_goes_where_the_service_vouches(address: str) -> None:
    """Whatever an address is made of, if it is vouched for, requests connects to a host under the service's domain."""
    if vouches_for(PLATFORM, address):
        sent = str(requests.Request("GET", f"{address.rstrip('/')}/v1/apps/myapp").prepare().url)
        assert all(str(host).endswith(".scalingo.com") for host in (urlsplit(sent).hostname, parse_url(sent).host))


def test_a_list_may_lack_what_nothing_needs(service: Service) -> None:
    """A region needs a name and an ssh endpoint; fields that are missing, null or unknown do no harm."""
    service.regions = [{"name": "a", "ssh": "H.example.org", "api": None, "colour": {"x": 1}}]
    assert fetch(service.url) == (Region("a", "", SshEndpoint("h.example.org", 22)),)


def test_a_bug_is_not_mistaken_for_a_failure_of_the_service(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that the network cannot explain is not caught."""

    def parse(value: Any) -> Any:
        raise KeyError(value["regions"][0]["name"])

    monkeypatch.setattr(api, "parse_regions", parse)
    with pytest.raises(KeyError, match="osc-fr1"):
        fetch(service.url)


# --- TLS and proxies -------------------------------------------------------------------------------------------------


def test_a_certificate_that_nobody_trusts_is_a_failure(tls: Service) -> None:
    """Nothing, and no token, is sent to a service whose certificate is not trusted."""
    assert failure(tls.url, TOKEN) == "cannot be reached (its certificate is not trusted)"
    assert tls.requests == []


def test_a_certificate_of_another_host_is_a_failure(trusted: Service) -> None:
    """Nothing is sent to a service whose certificate is for another name."""
    url = trusted.url.replace("127.0.0.1", "localhost")
    assert failure(url, TOKEN) == "cannot be reached (its certificate is not trusted)"
    assert trusted.requests == []


def test_a_service_without_tls_is_a_failure(service: Service) -> None:
    """A plain http service behind an https address is not spoken to."""
    assert failure(service.url.replace("http:", "https:"), TOKEN) == "cannot be reached (TLS failed)"
    assert service.requests == []


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_missing_certificate_bundle_is_named(
    tls: Service, home: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """A bundle that is not there is a failure that names its path."""
    monkeypatch.setenv(variable, str(home / "none.pem"))
    assert f"invalid path: {home / 'none.pem'}" in failure(tls.url, TOKEN)


def test_a_broken_certificate_bundle_is_a_failure(tls: Service, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bundle without a certificate is a failure."""
    (home / "bundle.pem").write_text("not a certificate")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(home / "bundle.pem"))
    assert failure(tls.url) == "cannot be reached (TLS failed)"


def tunnel(heads: list[bytes]) -> Answer:
    """Return the answer of a proxy that opens a tunnel (RFC 9110, section 9.3.6) and notes what it was asked."""

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def answer(connection: socket.socket) -> None:
        head = read_head(connection)
        heads.append(head)
        host, _, port = head.split()[1].decode().rpartition(":")
        with socket.create_connection((host, int(port))) as service:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=pump, args=(service, connection), daemon=True)
            back.start()
            pump(connection, service)
            back.join(10)

    return answer


def test_a_proxy_is_used_and_sees_no_token(trusted: Service, listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY is honoured with its password, and all that the proxy sees unencrypted is an address."""
    heads: list[bytes] = []
    monkeypatch.setenv("HTTPS_PROXY", f"http://bob:proxy-secret@{listen(tunnel(heads))}")
    assert names(fetch(trusted.url, TOKEN)) == REGIONS
    place = trusted.url.removeprefix("https://")
    assert heads[0].startswith(f"CONNECT {place} HTTP/1.".encode())
    assert base64.b64encode(b"bob:proxy-secret") in heads[0]
    assert not any(secret.encode() in head for head in heads for secret in (TOKEN, BASIC, "aaa.bbb.ccc"))
    assert [headers.get("Proxy-Authorization") for _, _, headers in trusted.requests] == [None, None]


def test_no_proxy_is_honoured(trusted: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host in NO_PROXY is asked without the proxy."""
    monkeypatch.setenv("HTTPS_PROXY", NO_SERVICE)
    assert failure(trusted.url) == "cannot be reached (the proxy does not answer)"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert names(fetch(trusted.url)) == REGIONS


def test_plain_http_does_not_leave_the_machine(
    service: Service, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service on loopback is asked without a proxy, which would see the token unencrypted."""
    seen: list[bytes] = []
    proxy = f"http://{listen(lambda connection: seen.append(read_head(connection)))}"
    for variable in ("http_proxy", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, proxy)
    assert names(fetch(service.url, TOKEN)) == REGIONS
    assert seen == []


def test_a_proxy_that_refuses_is_named_with_its_status(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal of a proxy is not mistaken for a proxy that is not there."""
    refusal = raw(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
    monkeypatch.setenv("HTTPS_PROXY", f"http://bob:proxy-secret@{listen(refusal)}")
    assert failure("https://auth.example.org") == "cannot be reached (the proxy answered 407)"


@pytest.mark.parametrize(
    ("proxy", "reason"),
    [
        ("socks5://bob:proxy-secret@127.0.0.1:9", "the scheme of the proxy is not supported"),
        ("http://bob:proxy-secret@127.0.0.1:9", "the proxy does not answer"),
        ("http://bob:proxy-secret@", "its address, or the proxy's, is not usable"),
        ("http://bob:proxy-secret@h:port", "its address, or the proxy's, is not usable"),
        ("http://bob@..proxy-secret:1", "its address, or the proxy's, is not usable"),
        ("bob:proxy-secret@h", "its address, or the proxy's, is not usable"),
    ],
)
def test_an_unusable_proxy_is_a_failure_without_its_password(
    monkeypatch: pytest.MonkeyPatch, proxy: str, reason: str
) -> None:
    """A proxy that cannot be used is a failure whose sentence quotes nothing of the variable."""
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    assert failure("https://127.0.0.1:9") == f"cannot be reached ({reason})"


def test_the_process_ends_while_the_service_still_drips(listen: Listen) -> None:
    """A request that was given up does not keep the program from ending."""
    code = (
        "import sys; from git_scalingo_region.scalingo import api\n"
        "try: api.Service(sys.argv[1], None).fetch_regions(0.2)\n"
        "except api.ServiceError as error: print(error.message)"
    )
    url = f"http://{listen(drip(HEAD, b'X: y'))}"
    done = subprocess.run([sys.executable, "-c", code, url], check=False, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{url} cannot be reached (no answer in time)\n", "")


# --- hundreds more --------------------------------------------------------------------------------------------------

GOOD = [
    region_json("osc-fr1", default=True),
    region_json("scw-par", "[2001:DB8::1]:2222"),
    {"name": "a", "ssh": "127.0.0.1"},
    {"name": "b.c_d-1", "ssh": "H.example.org:65535", "default": True},
]
ODD_TEXTS = st.text(alphabet="aZ09.-_:[]@%/ \n\x1b$`;\u212a\u0663\ud800", max_size=12) | st.sampled_from(
    ["osc-fr1", "-oProxyCommand=x", "[::1]:22", "h:2222", "::ffff:127.0.0.1", "a" * 300, "ext::sh -c x"]
)
ODD_VALUES = st.recursive(
    ODD_TEXTS | st.sampled_from([None, True, 0, -1, 22, 1e999, 10**400]),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(ODD_TEXTS, values, max_size=3),
    max_leaves=3,
)
ODD_REGIONS = st.builds(
    lambda region, field, value: {**region, field: value},
    st.sampled_from(GOOD),
    st.sampled_from(["name", "name", "ssh", "ssh", "ssh", "display_name", "api", "default"]),
    ODD_TEXTS | ODD_VALUES,
)
# Right in most places, and odd in a few.
ANSWERS = st.lists(st.sampled_from(GOOD) | ODD_REGIONS | ODD_REGIONS | ODD_VALUES, max_size=3).map(
    lambda regions: {"regions": regions}
)


def assert_safe(regions: tuple[Region, ...]) -> None:
    """Assert what makes regions safe to show, to keep, and to make a remote url of."""
    assert regions
    assert len({region.name for region in regions}) == len(regions)
    assert sum(region.default for region in regions) <= 1
    for region in regions:
        url = str(region.remote_url("myapp"))
        place = url.removeprefix("ssh://git@").removesuffix("/myapp.git")
        host, _, port = place.rpartition(":")
        assert url == f"ssh://git@{host}:{port}/myapp.git"
        assert 1 <= int(port) <= 65535
        assert host[0].isalnum() or host.startswith("[")
        assert set(host) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-[:]")
        assert RemoteUrl.parse(url) == region.remote_url("myapp")
        assert not region.name.startswith("-")
        assert str(region).isprintable()
    assert parse_regions({"regions": [region.to_json() for region in regions]}) == regions


@settings(max_examples=300, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(ANSWERS, st.binary(max_size=3), st.integers(0, 400), st.sampled_from([200, 200, 200, 204, 302, 418]))
def test_whatever_is_answered_is_safe_or_a_failure(answer: Any, noise: bytes, cut: int, status: int) -> None:
    """Each of hundreds of mutated and damaged answers is a list of safe regions or a ServiceError."""
    body = json.dumps(answer).encode()
    body = body[:cut] + noise + body[cut + len(noise) :] if cut % 2 else body
    with requests_mock.Mocker() as mock:
        mock.get("https://auth.example.org/v1/regions", content=body, status_code=status)
        try:
            regions = fetch("https://auth.example.org", JWT)
        except ServiceError:
            return
    assert_safe(regions)
