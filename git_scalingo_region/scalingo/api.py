"""The platform over HTTP: its authentication service, and the API of each region.

The service: `GET /v1/regions` answers `{"regions": [{"name", "display_name", "api", "dashboard", "database_api", "ssh",
"default"}]}`. `POST /v1/tokens/exchange` (HTTP Basic, no user, the API token as password) answers `{"token":
"<bearer>"}`. `GET /v1/keys` answers `{"keys": [{"content": "ssh-ed25519 AAAA... comment"}]}`. It allows 60 requests a
minute, and answers 429 with plain text after that. The API of a region: `GET /v1/apps/APP` answers `{"app":
{"name"}}`, or 404.

No answer is trusted: it is read up to a maximum size and within a total time, and then parsed into values. No redirect
is followed. This is the only module that imports `requests`; nothing here prints, caches or decides.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late  # an alias of TimeoutError only since Python 3.11
from functools import partial
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import DecodeError, HTTPError
from urllib3.util.retry import Retry

from git_scalingo_region import __version__
from git_scalingo_region.errors import CredentialsError, InvalidInput, RateLimited, ScalingoRegionError, ServiceError
from git_scalingo_region.model import Region, dig, parse_regions
from git_scalingo_region.scalingo.credentials import Token, is_token, vouches_for

BODY_MAX = 1 << 20
RETRY_AFTER_SECONDS = 60.0

# What requests raises if the network fails, such as a TypeError if the address of a proxy has no host.
NETWORK_FAILURES = (requests.RequestException, HTTPError, Late, OSError, ValueError, TypeError)

T = TypeVar("T")


class Service:
    """The authentication service as one account uses it: the token is exchanged once, for any number of requests."""

    def __init__(self, url: str, token: Token | None) -> None:
        """Take the address of the service; without a token, the service answers only what is public."""
        self.url = url
        self._token = token
        self._session = _Session(url)
        self._bearer = token.value if token and token.is_bearer else ""
        self._refusal: ScalingoRegionError | None = None

    def fetch_regions(self, seconds: float) -> tuple[Region, ...]:
        """Return the regions that the account sees, or the public regions without a token.

        Raises `CredentialsError` for a rejected token, `RateLimited` for 429, `ServiceError` for any other failure.
        """
        deadline = time.monotonic() + seconds
        answer = self._ask("GET", "/v1/regions", deadline, headers=self._headers(deadline))
        try:
            return parse_regions(answer)
        except InvalidInput as error:
            raise ServiceError(f"{self.url} sent a malformed list of regions: {error.message}") from None

    def account_keys(self, seconds: float) -> list[str]:
        """Return the ssh keys of the account, each as `TYPE BASE64`.

        Raises like `fetch_regions`, but only `ServiceError` if the token may not read the keys.
        """
        deadline = time.monotonic() + seconds
        headers = self._headers(deadline)
        try:
            keys = dig(self._ask("GET", "/v1/keys", deadline, headers=headers), "keys")
        except CredentialsError as refusal:
            raise ServiceError(refusal.message) from None
        if not isinstance(keys, list):
            raise ServiceError(f"{self.url} sent a malformed list of keys")
        contents = (dig(key, "content") for key in keys)
        words = (content.split()[:2] for content in contents if isinstance(content, str))
        return [" ".join(pair) for pair in words if len(pair) == 2]

    def find_app(self, regions: Iterable[Region], app: str, seconds: float) -> dict[str, bool | None]:
        """Ask the regions in parallel whether the account sees the app; return their answers by the region's name.

        None means no usable answer. Only regions that the service vouches for get the token and are asked. A region
        that hangs takes at most half of the time: the rest is for what the run does next. Raises like `fetch_regions`
        if the token cannot be exchanged.
        """
        deadline = time.monotonic() + seconds / 2
        ask = partial(_has_app, app=app, headers=self._headers(deadline), seconds=seconds)
        asked = (region for region in regions if vouches_for(self.url, region.api))
        tasks = {region.name: _start(partial(ask, region.api.rstrip("/"))) for region in asked}
        answers: dict[str, bool | None] = dict.fromkeys(tasks)
        for name, task in tasks.items():
            with contextlib.suppress(ServiceError, *NETWORK_FAILURES):
                answers[name] = task.result(max(0.0, deadline - time.monotonic()))
        return answers

    def _headers(self, deadline: float) -> dict[str, str]:
        """Return the header with the bearer token, if there is a token; an API token is exchanged for one first."""
        if self._refusal:
            raise self._refusal
        if self._token and not self._bearer:
            try:
                answer = self._ask("POST", "/v1/tokens/exchange", deadline, auth=("", self._token.value))
                if not is_token(bearer := dig(answer, "token")):
                    raise ServiceError(f"{self.url} sent a malformed answer to the exchange of the token")
            except (CredentialsError, ServiceError) as failure:
                self._refusal = failure
                raise
            self._bearer = bearer
        return {"Authorization": f"Bearer {self._bearer}"} if self._bearer else {}

    def _ask(self, method: str, path: str, deadline: float, **options: Any) -> Any:
        """Send one request and return the JSON of the answer."""
        seconds = deadline - time.monotonic()
        try:
            if seconds <= 0:
                raise Late
            send = partial(_send, self._session, method, self.url, path, seconds, **options)
            response, answer = _start(send).result(seconds)
        except NETWORK_FAILURES as failure:
            raise ServiceError(f"{self.url} cannot be reached ({_reason(failure)})") from None
        if response.status_code in (401, 403) and self._token:
            raise CredentialsError(
                f"{self.url} rejected the API token from {self._token.source} ({response.status_code})",
                "put a new token into SCALINGO_API_TOKEN, or log in again with the Scalingo CLI",
            )
        if response.status_code == 429:
            wait = response.headers.get("Retry-After", "").strip()
            seconds = float(wait) if re.fullmatch("[0-9]{1,8}", wait) else RETRY_AFTER_SECONDS
            raise RateLimited(f"{self.url} asks for fewer requests (429)", seconds)
        if response.status_code != 200:
            raise ServiceError(f"{self.url} answered {response.status_code}")
        return answer


def _has_app(address: str, *, app: str, headers: dict[str, str], seconds: float) -> bool | None:
    """Ask the API of one region; return None for an answer that is neither yes nor no."""
    with _Session(address) as session:
        response, answer = _send(session, "GET", address, f"/v1/apps/{app}", seconds, headers=headers)
    if response.status_code == 404:
        return False
    return True if dig(answer, "app", "name") == app else None


def _start(work: Callable[[], T]) -> Future[T]:
    """Start work whose total time the caller can limit; the timeout of requests applies only to each read.

    The work runs in a daemon thread, because the interpreter waits for all other threads before it exits.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as failure:  # noqa: BLE001 - raised in the thread that waits
            future.set_exception(failure)

    threading.Thread(target=run, daemon=True).start()
    return future


class _Session(requests.Session):
    """A session for one address, which sends a request that fails once more, even a POST."""

    def __init__(self, address: str) -> None:
        super().__init__()
        # Plain http is only used on this machine, and must not go through a proxy, which would see the token.
        self.trust_env = address.startswith("https://")
        # Without this, requests lets an entry of ~/.netrc replace the Authorization header.
        self.auth = lambda request: request
        # The caller deals with 429 and Retry-After.
        retry = Retry(
            1,
            allowed_methods=None,
            status_forcelist=(502, 503, 504),
            respect_retry_after_header=False,
            raise_on_status=False,
        )
        self.mount(address, HTTPAdapter(max_retries=retry))
        self.headers.update({"User-Agent": f"git-scalingo-region/{__version__}", "Accept": "application/json"})

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: a redirect is an answer like any other.

        `allow_redirects=False` would not do: requests reads the body of a redirect anyway, without a limit.
        """


def _send(
    session: _Session, method: str, address: str, path: str, seconds: float, **options: Any
) -> tuple[requests.Response, Any]:
    """Send one request; return the response and, if its status is 200, the JSON of its body: no other body is read."""
    with session.request(method, address + path, timeout=seconds, stream=True, **options) as response:
        if response.status_code != 200:
            return response, None
        body = response.raw.read(BODY_MAX + 1, decode_content=True)
    if len(body) > BODY_MAX:
        raise ServiceError(f"{address} sent a malformed answer: it is larger than {BODY_MAX >> 20} MiB")
    try:
        return response, json.loads(body)
    except (ValueError, RecursionError):
        # A captive portal answers every request with a page of its own.
        raise ServiceError(f"{address} sent a malformed answer: it is not JSON") from None


def _reason(failure: BaseException) -> str:
    """Say in a few words what failed: the exceptions' own texts are long, and may quote a proxy with its password."""
    text = str(failure)
    match failure:
        case requests.exceptions.ProxyError():
            refusal = re.search(r"Tunnel connection failed: (\d{3})", text)
            return f"the proxy answered {refusal[1]}" if refusal else "the proxy does not answer"
        case requests.exceptions.SSLError():
            return "its certificate is not trusted" if "CERTIFICATE_VERIFY_FAILED" in text else "TLS failed"
        case requests.Timeout() | Late():
            return "no answer in time"
        case DecodeError():
            return "its answer cannot be decompressed"
        case requests.exceptions.InvalidSchema():
            return "the scheme of the proxy is not supported"
        case ValueError() | TypeError():
            return "its address, or the proxy's, is not usable"
        case requests.RequestException() | HTTPError():
            signs = {"NameResolutionError": "its name cannot be resolved", "refused": "the connection was refused"}
            return next((meaning for sign, meaning in signs.items() if sign in text), "the connection broke")
    return text  # by the system, or by requests about certificates: it names the path in REQUESTS_CA_BUNDLE
