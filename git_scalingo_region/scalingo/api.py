"""The platform over HTTP: its authentication service, and the API of each region.

The service: `GET /v1/regions` answers `{"regions": [{"name", "display_name", "api", "dashboard", "database_api", "ssh",
"default"}]}`. `POST /v1/tokens/exchange` (HTTP Basic, no user, the API token as password) answers `{"token":
"<bearer>"}`. `GET /v1/keys` answers `{"keys": [{"content": "ssh-ed25519 AAAA... comment"}]}`. It allows 60 requests a
minute, then it answers 429 with plain text. A region: `GET /v1/apps/APP` answers `{"app": {"name"}}`, or 404.

No answer is trusted: it is read up to a size and within a total time, and then parsed into values. No redirect is
followed. This is the only module that imports `requests`; nothing here prints, caches or decides.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util import parse_url
from urllib3.util.retry import Retry

from git_scalingo_region import __version__
from git_scalingo_region.errors import CredentialsError, InvalidInput, RateLimited, ScalingoRegionError, ServiceError
from git_scalingo_region.model import Region, parse_regions
from git_scalingo_region.scalingo.credentials import Token
from git_scalingo_region.settings import LOOPBACK_HOSTS

BODY_MAX = 1 << 20
RETRY_AFTER_SECONDS = 60.0
CHUNK = 16384
LATE = "no answer in time"

# What requests raises if the network fails: a TypeError for the address of a proxy without a host.
NETWORK_FAILURES = (requests.RequestException, HTTPError, OSError, ValueError, TypeError)

Answer = TypeVar("Answer")
Authorize = Callable[[requests.PreparedRequest], requests.PreparedRequest]


class Service:
    """The authentication service as one account uses it: the token is exchanged once, however much is asked."""

    def __init__(self, url: str, token: Token | None) -> None:
        """Take the address of the service; without a token it is asked as anybody may ask it."""
        self.url = url
        self._token = token
        self._session = _session(url)
        self._bearer = token.value if token and token.is_bearer else ""
        self._refusal: ServiceError | None = None

    def fetch_regions(self, seconds: float) -> tuple[Region, ...]:
        """Return the regions that the account sees, or the public regions without a token.

        Raises `CredentialsError` for a rejected token, `RateLimited` for 429, `ServiceError` for any other failure.
        """
        answer = self._get("/v1/regions", seconds)
        try:
            return parse_regions(answer)
        except InvalidInput as error:
            raise ServiceError(f"{self.url} sent a malformed list of regions: {error.message}") from None

    def account_keys(self, seconds: float) -> list[str]:
        """Return the ssh keys of the account, each as `TYPE BASE64`.

        Raises like `fetch_regions`, but a token that may not read the keys is a mere `ServiceError`.
        """
        deadline = time.monotonic() + seconds
        self._exchange(seconds)
        try:
            answer = self._get("/v1/keys", deadline - time.monotonic())
        except CredentialsError as refusal:
            raise ServiceError(refusal.message) from None
        keys = answer.get("keys") if isinstance(answer, dict) else None
        if not isinstance(keys, list):
            raise ServiceError(f"{self.url} sent a malformed list of keys")
        contents = (key.get("content") if isinstance(key, dict) else None for key in keys)
        words = (content.split()[:2] for content in contents if isinstance(content, str))
        return [" ".join(pair) for pair in words if len(pair) == 2]

    def find_app(self, regions: Iterable[Region], app: str, seconds: float) -> dict[str, bool]:
        """Ask regions, side by side, whether the account sees the app; return the answers by the name of the region.

        A region without a usable answer is left out. The token goes only to regions that the service vouches for.
        Raises `CredentialsError`, `RateLimited` or `ServiceError` if the token cannot be exchanged.
        """
        deadline = time.monotonic() + seconds
        asked = [region for region in regions if vouches_for(self.url, region.api)]
        if asked:
            self._exchange(seconds)
        ask = partial(_has_app, app=app, bearer=self._bearer, seconds=seconds)
        tasks = {region.name: _Task(partial(ask, region.api.rstrip("/"))) for region in asked}
        answers = {name: _usable_answer(task, deadline) for name, task in tasks.items()}
        return {name: answer for name, answer in answers.items() if answer is not None}

    def _get(self, path: str, seconds: float) -> Any:
        deadline = time.monotonic() + seconds
        self._exchange(seconds)
        return self._ask("GET", path, _bearer_header(self._bearer), deadline - time.monotonic())

    def _exchange(self, seconds: float) -> None:
        """Exchange an API token for a bearer token, unless that is done; a failure is not tried again."""
        if self._refusal:
            raise self._refusal
        if self._bearer or not self._token:
            return
        try:
            answer = self._ask("POST", "/v1/tokens/exchange", ("", self._token.value), seconds)
            self._bearer = self._bearer_of(answer)
        except ServiceError as failure:
            self._refusal = failure
            raise

    def _bearer_of(self, answer: Any) -> str:
        bearer = answer.get("token") if isinstance(answer, dict) else None
        if not isinstance(bearer, str) or not bearer or not bearer.isascii() or not bearer.isprintable():
            raise ServiceError(f"{self.url} sent a malformed answer to the exchange of the token")
        return bearer

    def _ask(self, method: str, path: str, auth: Authorize | tuple[str, str], seconds: float) -> Any:
        """Send one request and return the JSON of the answer; `seconds` is for the whole, not for each read."""
        try:
            if seconds <= 0:
                raise requests.Timeout
            return _Task(lambda: self._send(method, path, auth, seconds)).result(seconds)
        except ScalingoRegionError:
            raise
        except NETWORK_FAILURES as failure:
            raise ServiceError(f"{self.url} cannot be reached ({_reason(failure)})") from None

    def _send(self, method: str, path: str, auth: Authorize | tuple[str, str], seconds: float) -> Any:
        url = f"{self.url}{path}"
        with self._session.request(method, url, auth=auth, timeout=seconds, stream=True) as response:
            if response.status_code in (401, 403) and self._token:
                raise CredentialsError(
                    f"{self.url} rejected the API token from {self._token.source} ({response.status_code})",
                    "put a new token into SCALINGO_API_TOKEN, or log in again with the Scalingo CLI",
                )
            if response.status_code == 429:
                raise RateLimited(f"{self.url} asks for fewer requests (429)", _retry_after(response))
            if response.status_code != 200:
                raise ServiceError(f"{self.url} answered {response.status_code}")
            return _json_body(self.url, response)


def vouches_for(service: str, address: str) -> bool:
    """Return whether the account's bearer token may be sent to this address of a region.

    It may if the address is https and its host is under the service's domain, which is the service's host without its
    first label (`auth.scalingo.com` vouches for `*.scalingo.com`), or if both are on this machine.
    """
    host, scheme = _host_and_scheme(address)
    service_host = urlsplit(service).hostname or ""
    if host in LOOPBACK_HOSTS and service_host in LOOPBACK_HOSTS:
        return True
    domain = service_host.partition(".")[2]
    # An IPv4 address has no domain, and a domain without a dot is everybody's.
    if scheme != "https" or "." not in domain or domain.rpartition(".")[2].isdecimal():
        return False
    return bool(re.fullmatch(rf"(?:[a-z0-9-]+\.)+{re.escape(domain)}", host))


def _host_and_scheme(address: str) -> tuple[str, str]:
    """Return the host and the scheme to which requests would connect, or two empty texts if there is any doubt."""
    if not address.isascii() or not address.isprintable() or any(c in address for c in " @\\?#"):
        return "", ""
    try:
        sent = requests.Request("GET", f"{address.rstrip('/')}/v1/apps/app").prepare().url or ""
        # requests takes the host for the connection from urlsplit, and urllib3 has a parser of its own.
        urls = {(url.host or "", url.scheme or "") for url in (parse_url(address), parse_url(sent))}
        host, scheme = urlsplit(sent).hostname or "", urlsplit(sent).scheme
    except NETWORK_FAILURES:
        return "", ""
    is_certain = urls == {(f"[{host}]" if ":" in host else host, scheme)} and scheme in ("http", "https")
    return (host, scheme) if is_certain else ("", "")


def _has_app(address: str, *, app: str, bearer: str, seconds: float) -> bool | None:
    """Ask the API of one region; return None for an answer that is neither yes nor no."""
    url, auth = f"{address}/v1/apps/{app}", _bearer_header(bearer)
    with _session(address) as session, session.get(url, auth=auth, timeout=seconds, stream=True) as response:
        if response.status_code == 404:
            return False
        answer = _json_body(address, response) if response.status_code == 200 else None
    found = answer.get("app") if isinstance(answer, dict) else None
    return True if isinstance(found, dict) and found.get("name") == app else None


def _usable_answer(task: _Task[bool | None], deadline: float) -> bool | None:
    try:
        return task.result(deadline - time.monotonic())
    except (ServiceError, *NETWORK_FAILURES):
        return None


class _Task(threading.Thread, Generic[Answer]):
    """Work with a limit on its whole time, which requests does not have: its time-out is for each read.

    A daemon thread, because the interpreter waits for any other kind of thread before it exits.
    """

    def __init__(self, work: Callable[[], Answer]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self._answers: list[Answer] = []
        self._failure: BaseException = requests.Timeout()
        self.start()

    def run(self) -> None:
        """Do the work, and keep what comes of it for the thread that waits."""
        try:
            self._answers.append(self._work())
        except BaseException as failure:  # noqa: BLE001 - raised in the thread that waits
            self._failure = failure

    def result(self, seconds: float) -> Answer:
        """Return the answer; raise the failure of the work, or `requests.Timeout` after `seconds`."""
        self.join(max(0.0, seconds))
        if self._answers:
            return self._answers[0]
        raise self._failure


class _Session(requests.Session):
    """A session for which a redirect is an answer like any other.

    `allow_redirects=False` would not do: requests reads the body of a redirect anyway, without a limit.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: there is nowhere to go."""


def _session(url: str) -> _Session:
    session = _Session()
    # Plain http is only for this machine, so it does not go through a proxy, which would see the token.
    session.trust_env = url.startswith("https://")
    # Whatever breaks is tried once more, the exchange too. 429 and Retry-After are for the caller.
    retry = Retry(
        1,
        allowed_methods=None,
        status_forcelist=(502, 503, 504),
        respect_retry_after_header=False,
        raise_on_status=False,
    )
    session.mount(url, HTTPAdapter(max_retries=retry))
    session.headers["User-Agent"] = f"git-scalingo-region/{__version__}"
    session.headers["Accept"] = "application/json"
    return session


def _bearer_header(bearer: str) -> Authorize:
    """Return a function that sets the header: requests would let an entry of ~/.netrc replace a header that is set."""

    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if bearer:
            request.headers["Authorization"] = f"Bearer {bearer}"
        return request

    return authorize


def _retry_after(response: requests.Response) -> float:
    text = response.headers.get("Retry-After", "").strip()
    return float(text) if text.isdecimal() and len(text) < 9 else RETRY_AFTER_SECONDS


def _json_body(sender: str, response: requests.Response) -> Any:
    body = bytearray()
    for chunk in response.iter_content(CHUNK):
        body += chunk
        if len(body) > BODY_MAX:
            raise ServiceError(f"{sender} sent a malformed answer: it is larger than {BODY_MAX >> 20} MiB")
    try:
        return json.loads(bytes(body))
    except (ValueError, RecursionError):
        # A captive portal answers every request with a page of its own.
        raise ServiceError(f"{sender} sent a malformed answer: it is not JSON") from None


def _reason(failure: BaseException) -> str:
    """Say in a few words what failed: the exceptions' own texts are long, and may quote a proxy with its password."""
    text = str(failure)
    match failure:
        case requests.exceptions.ProxyError():
            refusal = re.search(r"Tunnel connection failed: (\d{3})", text)
            return f"the proxy answered {refusal[1]}" if refusal else "the proxy does not answer"
        case requests.exceptions.SSLError():
            return "its certificate is not trusted" if "CERTIFICATE_VERIFY_FAILED" in text else "TLS failed"
        case requests.exceptions.Timeout():
            return LATE
        case requests.exceptions.ContentDecodingError():
            return "its answer cannot be decompressed"
        case requests.exceptions.InvalidSchema():
            return "the scheme of the proxy is not supported"
        case ValueError() | TypeError():
            return "its address, or the proxy's, is not usable"
        case requests.RequestException() if "NameResolutionError" in text:
            return "its name cannot be resolved"
        case requests.RequestException() if "Connection refused" in text:
            return "the connection was refused"
        case requests.RequestException() | HTTPError():
            return "the connection broke"
    return text  # the system's or requests' own about certificates, with the path from REQUESTS_CA_BUNDLE
