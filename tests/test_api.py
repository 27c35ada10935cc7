"""The client of the service, over real sockets: what it sends, what it makes of each answer, and who gets the token."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import re
import socket
import struct
import subprocess
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import requests_mock
from conftest import BEARER, JWT, NO_SERVICE, TOKEN, Respond, Service, answers, hang, hang_up, need, serve, writes
from hypothesis import given, settings
from hypothesis import strategies as st
from urllib3.util import parse_url

from git_scalingo_region import __version__
from git_scalingo_region.errors import CredentialsError, RateLimited, ServiceError
from git_scalingo_region.model import Region, RemoteUrl, parse_regions
from git_scalingo_region.scalingo import api
from git_scalingo_region.scalingo.credentials import Token, vouches_for

BASIC = "Basic " + base64.b64encode(f":{TOKEN}".encode()).decode()
EXCHANGE = ("POST", "/v1/tokens/exchange")
LIST = ("GET", "/v1/regions")
REGIONS = ("osc-fr1", "scw-par")
ANSWER = json.dumps({"regions": Service().regions}).encode()
HEAD = b"HTTP/1.1 200 OK\r\n"
BROKE = "cannot be reached (the connection broke)"
HUGE = "sent a malformed answer: it is larger than 1 MiB"
UNUSABLE = "its address, or the proxy's, is not usable"


def service_of(url: str, token: str = "") -> api.Service:
    return api.Service(url, Token(token, "SCALINGO_API_TOKEN") if token else None)


def fetch(url: str, token: str = "", *, seconds: float = 10.0) -> tuple[str, ...]:
    return tuple(region.name for region in service_of(url, token).fetch_regions(seconds))


def failure(url: str, token: str = "", *, seconds: float = 10.0) -> str:
    """Fetch the list, which must fail, and return the error message without the address of the service."""
    with pytest.raises(ServiceError) as caught:
        fetch(url, token, seconds=seconds)
    return caught.value.message.removeprefix(f"{url} ")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a self-signed certificate for 127.0.0.1, with its key in the same file."""
    need("openssl")
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1"
    options = "-addext subjectAltName=IP:127.0.0.1 -keyout - -out -"
    arguments = f"{command} {options}".split()
    path.write_bytes(subprocess.run(arguments, check=True, capture_output=True, stdin=subprocess.DEVNULL).stdout)
    return path


@pytest.fixture
def tls(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Run the authentication service over TLS, and make REQUESTS_CA_BUNDLE trust it."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with serve(Service(), certificate) as running:
        yield running


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("", [("GET", "/at/v1/regions", None)]),
        (JWT, [("GET", "/at/v1/regions", f"Bearer {JWT}")]),
        (TOKEN, [("POST", "/at/v1/tokens/exchange", BASIC), ("GET", "/at/v1/regions", f"Bearer {BEARER}")]),
    ],
)
def test_asks_as_documented(tls: Service, home: Path, token: str, expected: list[Any]) -> None:
    """The token is exchanged unless it is a JWT, .netrc is ignored, and requests keep the path in the service's url."""
    (home / ".netrc").write_text("machine 127.0.0.1 login eve password x\ndefault login eve password x\n")
    (home / ".netrc").chmod(0o600)
    tls.routes["GET", "/at/v1/regions"] = answers(200, {"regions": tls.regions})
    tls.routes["POST", "/at/v1/tokens/exchange"] = answers(200, {"token": BEARER})
    assert fetch(f"{tls.url}/at", token) == REGIONS
    assert [(method, path, headers.get("Authorization")) for method, path, headers in tls.requests] == expected
    us = (f"git-scalingo-region/{__version__}", "application/json")
    assert {(headers["User-Agent"], headers["Accept"]) for _, _, headers in tls.requests} == {us}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("route", [LIST, EXCHANGE])
def test_follows_no_redirect(service: Service, other_server: Service, status: int, route: tuple[str, str]) -> None:
    """A redirect, to the same host or to another, is a failure, and its target gets no request."""
    for target in (other_server.url, service.url):
        service.routes[route] = answers(status, b"", Location=f"{target}/x")
        assert failure(service.url, TOKEN) == f"answered {status}"
    assert "/x" not in [path for _, path, _ in (*other_server.requests, *service.requests)]


@pytest.mark.parametrize("route", [LIST, EXCHANGE])
@pytest.mark.parametrize("status", [0, 502, 503, 504])
def test_asks_once_more_if_it_breaks_once(service: Service, route: tuple[str, str], status: int) -> None:
    """After a closed connection or a busy answer, a request is repeated once, and only a second failure counts."""
    fail = answers(status, b"busy", Retry_After="3600") if status else hang_up

    def fail_once(handler: BaseHTTPRequestHandler) -> None:
        del service.routes[route]
        fail(handler)

    service.routes[route] = fail_once
    assert fetch(service.url, TOKEN) == REGIONS
    assert len(service.requests) == 3
    service.routes[route] = fail
    assert failure(service.url, TOKEN) == (f"answered {status}" if status else BROKE)
    assert [(method, path) for method, path, _ in service.requests[-2:]] == [route, route]


def reset(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


NO_GZIP = "cannot be reached (its answer cannot be decompressed)"
NOT_JSON = "sent a malformed answer: it is not JSON"
NO_JSON = (
    *(b"", b"<!doctype html><title>Log in to the hotel's network</title>", b"[" * 100_000, b'{"a":' * 100_000),
    *(b"\xff\xfe\xfd", b'{"regions": [' + b"9" * 10_000 + b"]}"),
)
BROKEN: dict[str, tuple[Respond, str]] = {
    "closed": (hang_up, BROKE),
    "reset": (reset, BROKE),
    "not HTTP": (writes(b"SSH-2.0-OpenSSH_9.2\r\n"), BROKE),
    "many headers": (writes(HEAD + b"X: y\r\n" * 200 + b"\r\n"), BROKE),
    "long header": (writes(HEAD + b"X: " + b"y" * 70000 + b"\r\n\r\n"), BROKE),
    "cut off": (writes(HEAD + b"Content-Length: 9999\r\n\r\n" + ANSWER), BROKE),
    "no chunk": (writes(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"), BROKE),
    "no gzip": (answers(200, ANSWER, Content_Encoding="gzip"), NO_GZIP),
    "no content": (writes(b"HTTP/1.1 204 No Content\r\n\r\n"), "answered 204"),
    "no such status": (writes(b"HTTP/1.1 999 \r\n\r\n"), "answered 999"),
    **{f"status {status}": (answers(status, {"error": "x"}), f"answered {status}") for status in (401, 403, 404, 511)},
    **{f"no JSON {body!r:.40}": (answers(200, body), NOT_JSON) for body in NO_JSON},
    "no list": (answers(200, {}), "sent a malformed list of regions: it holds no list of regions"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_answer_is_a_failure_in_one_sentence(service: Service, broken: str) -> None:
    """An answer that is not a valid region list is a failure, and a few words say what is wrong with it."""
    service.routes[LIST], expected = BROKEN[broken]
    assert failure(service.url) == expected


def drip(data: bytes, rest: bytes) -> Respond:
    """Return a route that sends `data` and then repeats `rest` endlessly, one slow byte at a time."""

    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(data)
        for byte in itertools.cycle(rest):
            handler.wfile.write(bytes([byte]))
            time.sleep(0.02)  # the slowness is what is tested

    return respond


SLOW: dict[str, Respond] = {
    "nothing": hang,
    "headers": drip(HEAD, b"X: y\r\n"),
    "body": drip(HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
    "chunks": drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "continue": drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("slow", SLOW)
def test_the_time_is_for_the_whole(service: Service, slow: str) -> None:
    """A service that sends a byte now and then is given up in time, and no thread keeps the program from ending."""
    service.routes[LIST] = SLOW[slow]
    started, threads = time.monotonic(), threading.enumerate()
    assert failure(service.url, seconds=0) == "cannot be reached (no answer in time)"
    assert service.requests == []
    assert failure(service.url, seconds=0.3) == "cannot be reached (no answer in time)"
    assert time.monotonic() - started < 8
    assert all(thread.daemon for thread in threading.enumerate() if thread not in threads)


@pytest.mark.parametrize("head", ["200 OK", "302 Found\r\nLocation: http://127.0.0.1/", "401 No", "429 No", "500 No"])
def test_a_huge_answer_is_not_read_to_its_end(service: Service, head: str) -> None:
    """An endless answer, even a redirect or an error, is read only up to the limit and what the system buffers."""
    sent, ended = [0], threading.Event()

    def flood(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(f"HTTP/1.1 {head}\r\n\r\n".encode())
        try:
            while sent[0] < 256 << 20:
                handler.wfile.write(b" " * 65536)
                sent[0] += 65536
        finally:
            ended.set()

    service.routes[LIST] = flood
    with pytest.raises(ServiceError, match=r"larger than 1 MiB|answered (302|401|500)|429"):
        fetch(service.url)
    assert ended.wait(10)
    assert sent[0] < 32 << 20


@pytest.mark.parametrize("times", [1, 2])
def test_a_bomb_is_not_unpacked(service: Service, times: int) -> None:
    """A small answer, gzipped once or twice, that unpacks to 64 MiB is refused at the limit and takes little memory."""
    bomb = b" " * (64 << 20)
    for _ in range(times):
        bomb = gzip.compress(bomb, 6)
    service.routes[LIST] = answers(200, bomb, Content_Encoding=", ".join(["gzip"] * times))
    tracemalloc.start()
    try:
        assert failure(service.url) == HUGE
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_a_list_of_just_the_limit_is_read(service: Service) -> None:
    """A list of exactly 1 MiB is read, compressed or not, and a list one byte longer is refused."""
    body = ANSWER + b" " * ((1 << 20) - len(ANSWER))
    service.routes[LIST] = answers(200, gzip.compress(body), Content_Encoding="gzip")
    assert fetch(service.url) == REGIONS
    service.routes[LIST] = answers(200, body)
    assert fetch(service.url) == REGIONS
    service.routes[LIST] = answers(200, body + b" ")
    assert failure(service.url) == HUGE


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(("token", "route"), [(TOKEN, EXCHANGE), (TOKEN, LIST), (JWT, LIST)])
def test_a_rejected_token(service: Service, status: int, token: str, route: tuple[str, str]) -> None:
    """If a token is answered with 401 or 403, in the exchange or later, the error says where the token comes from."""
    service.routes[route] = answers(status, {"error": token})
    with pytest.raises(CredentialsError) as caught:
        fetch(service.url, token)
    assert caught.value.message == f"{service.url} rejected the API token from SCALINGO_API_TOKEN ({status})"
    assert caught.value.hints == ("put a new token into SCALINGO_API_TOKEN, or log in again with the Scalingo CLI",)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({"Retry_After": "7"}, 7.0), ({"Retry_After": "0"}, 0.0), ({}, 60.0)]
    + [({"Retry_After": odd}, 60.0) for odd in ("", "-1", "soon", "9" * 400)],
)
def test_too_many_requests_says_when_to_come_back(service: Service, headers: dict[str, str], expected: float) -> None:
    """A 429 is not retried, and the error holds the seconds of Retry-After, or 60 if they are missing or odd."""
    service.routes[LIST] = answers(429, b"Retry later", **headers)
    with pytest.raises(RateLimited) as caught:
        fetch(service.url)
    assert caught.value.message == f"{service.url} asks for fewer requests (429)"
    assert (caught.value.retry_after, len(service.requests)) == (expected, 1)


@pytest.mark.parametrize("answer", [[], {}, *({"token": odd} for odd in ("", 1, None, "a\r\nX: y", "é"))])
def test_a_malformed_exchange_is_a_failure(service: Service, answer: Any) -> None:
    """An exchange that returns no usable token is a failure, and is not repeated."""
    service.routes[EXCHANGE] = answers(200, answer)
    account = service_of(service.url, TOKEN)
    for question in (account.fetch_regions, account.account_keys):
        with pytest.raises(ServiceError, match="sent a malformed answer to the exchange of the token"):
            question(10.0)
    assert len(service.requests) == 1


TWO_KEYS = [{"content": "ssh-ed25519 AAAA ann@x y"}, {"content": " ssh-rsa  BBBB\n"}]
ODD_KEYS = [None, {}, {"content": 1}, {"content": "ssh-rsa"}]


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (200, {"keys": []}, []),
        (200, {"keys": [*ODD_KEYS, *TWO_KEYS]}, ["ssh-ed25519 AAAA", "ssh-rsa BBBB"]),
        (200, {"keys": None}, "sent a malformed list of keys"),
        (200, [], "sent a malformed list of keys"),
        (403, {}, "rejected the API token from SCALINGO_API_TOKEN (403)"),
        (404, {}, "answered 404"),
    ],
)
def test_the_keys_of_the_account_are_read(service: Service, status: int, answer: Any, expected: Any) -> None:
    """Type and data of each valid ssh key are read; a malformed or refused answer is a failure."""
    service.routes["GET", "/v1/keys"] = answers(status, answer)
    account = service_of(service.url, TOKEN)
    if isinstance(expected, list):
        assert account.account_keys(10.0) == expected
        assert service.requests[-1][2]["Authorization"] == f"Bearer {BEARER}"
    else:
        with pytest.raises(ServiceError) as caught:
            account.account_keys(10.0)
        assert caught.value.message == f"{service.url} {expected}"


# Each service, the addresses to which its token may be sent, and some to which it may not.
VOUCHED = [
    (
        "https://auth.scalingo.com",
        """https://api.osc-fr1.scalingo.com https://api.osc-fr1.scalingo.com/ https://x.scalingo.com:8443/a
        https://auth.scalingo.com HTTPS://API.Scalingo.COM""",
        r"""api.osc-fr1.scalingo.com //x.scalingo.com http://x.scalingo.com ftp://x.scalingo.com file:///x.scalingo.com
        https://scalingo.com https://.scalingo.com https://evil-scalingo.com https://x.scalingo.com.
        https://x.scalingo.com.evil.org https://evil.org/x.scalingo.com https://x.scalingo.org
        https://u@x.scalingo.com https://u:p@x.scalingo.com https://x.scalingo.com@evil.org
        https://evil.org\.scalingo.com https://evil.org\@x.scalingo.com https:\\x.scalingo.com
        https://evil.org#.scalingo.com https://evil.org?.scalingo.com https://x.scalingo.com?a=b
        https://evil.org%2f.scalingo.com https://é.scalingo.com https://x..scalingo.com https://*.scalingo.com
        https://x.scalingo.com:99999 https://127.0.0.1 https://[::1] http://127.0.0.1
        https:///x.scalingo.com https://[x.scalingo.com] https://x.scalingo.com:""",
    ),
    (
        "http://127.0.0.1:8000",
        "http://localhost:1 https://localhost:1 http://[::1]:2 https://[::1]:2",
        r"""http://127.0.0.2 https://x.0.0.1 http://127.1 http://0 http://0.0.0.0 http://2130706433 x
        http://127.0.0.1@evil.org http://u:p@127.0.0.1 http://localhost\@127.0.0.1 http://127.0.0.1?x= http://127.0.0.1#x
        http://api.scalingo.com https://api.osc-fr1.scalingo.com""",
    ),
    ("https://[::1]:3", "http://127.0.0.1:4", ""),
    ("https://auth.st-fr1.example.org:8443/v", "https://api.st-fr1.example.org", "https://api.example.org"),
    ("https://scalingo.com", "", "https://api.com"),
    ("https://localhost", "", "https://api.localhost"),
    ("https://10.1.2.3", "", "https://9.1.2.3 https://10.1.2.3"),
    ("https://[::ffff:10.1.2.3]", "", "https://9.1.2.3"),
]
ODD_ADDRESSES = [
    *("", "https://evil.org\t.scalingo.com", "https://x.scalingo.com\n", " https://x.scalingo.com"),
    *("https://evil.org /.scalingo.com", "https://evil.org\uff0f.scalingo.com"),
]


@pytest.mark.parametrize(("service_url", "vouched", "other"), VOUCHED, ids=[row[0] for row in VOUCHED])
def test_the_token_goes_where_the_service_vouches(service_url: str, vouched: str, other: str) -> None:
    """The token may go only to https under the service's domain, or on this machine if the service runs there too."""
    addresses = [*vouched.split(), *other.split(), *ODD_ADDRESSES]
    assert [address for address in addresses if vouches_for(service_url, address)] == vouched.split()


WORDS = ["https://", "http://", "x", ".scalingo.com", "evil.org", "127.0.0.1", "[::1]", ":8443", "/v", "%2f"]
PIECES = st.lists(st.sampled_from(WORDS) | st.sampled_from(":/?#@\\.-_ \n\t\u212a\uff0f"), max_size=6)


@given(PIECES.map(lambda pieces: "".join(["https://x.scalingo.com", *pieces])) | PIECES.map("".join))
def test_requests_goes_where_the_service_vouches(address: str) -> None:
    """If an address may get the token, requests really connects to a host under the service's domain."""
    if vouches_for("https://auth.scalingo.com", address):
        sent = str(requests.Request("GET", f"{address.rstrip('/')}/v1/apps/myapp").prepare().url)
        assert all(str(host).endswith(".scalingo.com") for host in (urlsplit(sent).hostname, parse_url(sent).host))


def test_a_bug_is_not_mistaken_for_a_failure_of_the_service(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that comes from a bug is not caught as if the service had failed."""
    monkeypatch.setattr(api, "parse_regions", lambda value: value["none"])
    with pytest.raises(KeyError, match="none"):
        fetch(service.url)


NOT_TRUSTED = "cannot be reached (its certificate is not trusted)"
NOBODY = NO_SERVICE.replace("http:", "https:")


@pytest.mark.parametrize(
    ("host", "variable", "bundle", "reason"),
    [
        ("127.0.0.1", "REQUESTS_CA_BUNDLE", "", NOT_TRUSTED),
        ("localhost", "REQUESTS_CA_BUNDLE", "{certificate}", NOT_TRUSTED),
        ("127.0.0.1", "REQUESTS_CA_BUNDLE", "{home}/none.pem", "invalid path: {home}/none.pem"),
        ("127.0.0.1", "CURL_CA_BUNDLE", "{home}/none.pem", "invalid path: {home}/none.pem"),
        ("127.0.0.1", "REQUESTS_CA_BUNDLE", "{home}/.gitconfig", "cannot be reached (TLS failed)"),
    ],
    ids=["unknown", "another host", "no bundle", "no curl bundle", "not a bundle"],
)
def test_nothing_is_sent_to_a_service_that_is_not_trusted(
    tls: Service, certificate: Path, monkeypatch: pytest.MonkeyPatch, host: str, variable: str, bundle: str, reason: str
) -> None:
    """If the certificate is untrusted or of another host, or the bundle unusable, the run fails and sends nothing."""
    places = {"home": Path.home(), "certificate": certificate}
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.setenv(variable, bundle.format(**places))
    assert reason.format(**places) in failure(tls.url.replace("127.0.0.1", host), TOKEN)
    assert tls.requests == []


def tunnel(handler: BaseHTTPRequestHandler) -> None:
    """Connect client and service as a proxy does (RFC 9110, section 9.3.6)."""

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    host, _, port = handler.path.rpartition(":")
    with socket.create_connection((host, int(port))) as service:
        handler.wfile.write(HEAD + b"\r\n")
        back = threading.Thread(target=pump, args=(service, handler.connection), daemon=True)
        back.start()
        pump(handler.connection, service)
        back.join(10)


def test_a_proxy_sees_no_token(tls: Service, other_server: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTPS_PROXY is used, with its password, unless NO_PROXY lists the host, and the proxy sees only the address."""
    place = tls.url.removeprefix("https://")
    other_server.routes["CONNECT", place] = tunnel
    monkeypatch.setenv("HTTPS_PROXY", other_server.url.replace("://", "://bob:proxy-secret@"))
    assert fetch(tls.url, TOKEN) == REGIONS
    (method, path, headers), *_ = other_server.requests
    credentials = base64.b64encode(b"bob:proxy-secret").decode()
    assert (method, path, headers["Proxy-Authorization"]) == ("CONNECT", place, f"Basic {credentials}")
    assert not any(secret in repr(other_server.requests) for secret in (TOKEN, BASIC, BEARER))
    assert [headers.get("Proxy-Authorization") for _, _, headers in tls.requests] == [None, None]
    monkeypatch.setenv("HTTPS_PROXY", NO_SERVICE)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert fetch(tls.url) == REGIONS


def test_plain_http_needs_no_proxy(service: Service, other_server: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service on loopback is asked without a proxy, which would see the token unencrypted."""
    for variable in ("http_proxy", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, other_server.url)
    assert fetch(service.url, TOKEN) == REGIONS
    assert other_server.requests == []


@pytest.mark.parametrize(
    ("address", "proxy", "reason"),
    [
        (NO_SERVICE, "", "the connection was refused"),
        *((f"https://{place}", "", UNUSABLE) for place in ("a..b", ".", "*", "[v1.x]", "h:99999")),
        ("https://OTHER", "", "TLS failed"),
        (NOBODY, "socks5://bob:proxy-secret@127.0.0.1:9", "the scheme of the proxy is not supported"),
        (NOBODY, "http://bob:proxy-secret@127.0.0.1:9", "the proxy does not answer"),
        (NOBODY, "http://bob:proxy-secret@OTHER", "the proxy answered 407"),
        (NOBODY, "http://bob:proxy-secret@", UNUSABLE),
        (NOBODY, "http://bob:proxy-secret@h:port", UNUSABLE),
        (NOBODY, "http://bob@..proxy-secret:1", UNUSABLE),
        (NOBODY, "bob:proxy-secret@h", UNUSABLE),
    ],
)
def test_an_unusable_address_or_proxy_is_a_failure_without_a_password(
    other_server: Service, monkeypatch: pytest.MonkeyPatch, address: str, proxy: str, reason: str
) -> None:
    """An unusable address or proxy is a failure whose message quotes nothing of the variable that names the proxy."""
    other_server.routes["CONNECT", "127.0.0.1:9"] = answers(407, b"")
    other = other_server.url.removeprefix("http://")
    monkeypatch.setenv("HTTPS_PROXY", proxy.replace("OTHER", other))
    assert failure(address.replace("OTHER", other)) == f"cannot be reached ({reason})"


GOOD = [
    *(Service().regions[0], {**Service().regions[1], "ssh": "[2001:DB8::1]:2222"}),
    *({"name": "a", "ssh": "127.0.0.1"}, {"name": "b.c_d-1", "ssh": "H.example.org:65535", "default": True}),
]
TEXTS = ["osc-fr1", "-oProxyCommand=x", "[::1]:22", "h:2222", "::ffff:127.0.0.1", "a" * 300, "ext::sh -c x"]
odd_texts = st.text(alphabet="aZ09.-_:[]@%/ \n\x1b$`;\u212a\u0663\ud800", max_size=12) | st.sampled_from(TEXTS)
odd_values = st.recursive(
    odd_texts | st.sampled_from([None, True, 0, -1, 22, 1e999, 10**400]),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(odd_texts, values, max_size=3),
    max_leaves=3,
)
odd_regions = st.builds(
    lambda region, field, value: {**region, field: value},
    st.sampled_from(GOOD),
    st.sampled_from(["name", "name", "ssh", "ssh", "ssh", "display_name", "api", "default"]),
    odd_texts | odd_values,
)
# Lists that are mostly valid, with a few odd values.
lists_of_regions = st.lists(st.sampled_from(GOOD) | odd_regions | odd_regions | odd_values, max_size=3)


def assert_safe(regions: tuple[Region, ...]) -> None:
    """Assert that regions are safe to show, to cache, and to build a remote url from."""
    assert regions
    assert len({region.name for region in regions}) == len(regions)
    assert sum(region.default for region in regions) <= 1
    for region in regions:
        url = region.remote_url("myapp")
        assert re.fullmatch(r"ssh://git@([a-z0-9][a-z0-9.-]*|\[[0-9a-f:.]+\]):\d+/myapp\.git", str(url))
        assert 1 <= url.endpoint.port <= 65535
        assert RemoteUrl.parse(str(url)) == url
        assert str(region).isprintable()
        assert not region.name.startswith("-")
    assert parse_regions({"regions": [region.to_json() for region in regions]}) == regions


@pytest.mark.slow
@settings(max_examples=300)
@given(lists_of_regions, st.binary(max_size=3), st.integers(0, 400), st.sampled_from([200, 200, 200, 204, 302, 418]))
def test_whatever_is_answered_is_safe_or_a_failure(answer: Any, noise: bytes, cut: int, status: int) -> None:
    """Each of hundreds of mutated or damaged answers gives either safe regions or a ServiceError."""
    body = json.dumps({"regions": answer}).encode()
    body = body[:cut] + noise + body[cut + len(noise) :] if cut % 2 else body
    with requests_mock.Mocker() as mock:
        mock.get("https://auth.example.org/v1/regions", content=body, status_code=status)
        try:
            regions = service_of("https://auth.example.org", JWT).fetch_regions(10.0)
        except ServiceError:
            return
    assert_safe(regions)
