"""The platform's authentication service over HTTP.

The wire: `GET /v1/regions` answers `{"regions": [{"name", "display_name", "api", "dashboard", "database_api", "ssh",
"default"}]}`. An API token goes first to `POST /v1/tokens/exchange` (HTTP Basic, empty user name, the token as
password), which answers `{"token": "<bearer>"}`. At most 60 requests a minute; over it 429 with plain text. Nothing
that comes back is trusted: it is read up to a size, in a total time, and parsed into values.

Owns `requests`. Never prints, caches or decides. Imports `model` and `errors`.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from git_scalingo_region import __version__
from git_scalingo_region.errors import CredentialsError, InvalidInput, RateLimited, ScalingoRegionError, ServiceError
from git_scalingo_region.model import Region, parse_regions

BODY_MAX = 1 << 20
RETRY_AFTER_SECONDS = 60.0
CHUNK = 16384
LATE = "no answer in time"

Authorize = Callable[[requests.PreparedRequest], requests.PreparedRequest]


class _Session(requests.Session):
    """A session to which a redirect is an answer like any other: what is asked for, token or not, is for one service.

    `allow_redirects=False` would not do: requests reads the body of a redirect all the same, and without a limit.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None: there is nowhere to go on to."""


def fetch_regions(service: str, token: str, *, exchange: bool, seconds: float) -> tuple[Region, ...]:
    """Return the regions that the token's account sees, or the public ones for an empty token.

    `exchange` tells that the token is an API token rather than a bearer token; `seconds` is the time for the whole.
    Raises `CredentialsError` for a rejected token, `RateLimited` for 429, `ServiceError` for every other failure.
    """
    return _within(seconds, service, lambda: _fetch(service, token, exchange=exchange, seconds=seconds))


def _within(seconds: float, service: str, work: Callable[[], tuple[Region, ...]]) -> tuple[Region, ...]:
    """Run `work` with a limit on its whole time, which requests' own time-out (of each read) does not give.

    A daemon thread, since the interpreter waits for every other kind before it exits.
    """
    results: list[tuple[Region, ...]] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as failure:  # noqa: BLE001 - carried over to the waiting thread
            failures.append(failure)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if results:
        return results[0]
    if not failures:
        raise ServiceError(f"{service} cannot be reached ({LATE})")
    raise failures[0] if isinstance(failures[0], ScalingoRegionError) else _unreachable(service, failures[0])


def _fetch(service: str, token: str, *, exchange: bool, seconds: float) -> tuple[Region, ...]:
    with _Session() as session:
        # Plain http is for this machine alone, so it does not go through a proxy, which would see the token.
        session.trust_env = service.startswith("https://")
        # What breaks is tried once more, the exchange too: 429 and Retry-After are the caller's matter.
        retry = Retry(
            1,
            allowed_methods=None,
            status_forcelist=(502, 503, 504),
            respect_retry_after_header=False,
            raise_on_status=False,
        )
        session.mount(service, HTTPAdapter(max_retries=retry))
        session.headers["User-Agent"] = f"git-scalingo-region/{__version__}"
        session.headers["Accept"] = "application/json"
        if exchange and token:
            answer = _ask(session, "POST", f"{service}/v1/tokens/exchange", ("", token), seconds)
            token = _bearer(service, answer)
        answer = _ask(session, "GET", f"{service}/v1/regions", _bearer_header(token), seconds)
    try:
        return parse_regions(answer)
    except InvalidInput as error:
        raise ServiceError(f"{service} sent a malformed list of regions: {error.message}") from None


def _bearer_header(token: str) -> Authorize:
    """Return what sets the header itself: requests would let an entry of ~/.netrc replace a plain one."""

    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        return request

    return authorize


def _bearer(service: str, answer: Any) -> str:
    token = answer.get("token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise ServiceError(f"{service} sent a malformed answer to the exchange of the token")
    return token


def _ask(session: requests.Session, method: str, url: str, auth: Authorize | tuple[str, str], seconds: float) -> Any:
    with session.request(method, url, auth=auth, timeout=seconds, stream=True) as response:
        service = url.partition("/v1/")[0]
        authorized = "Authorization" in response.request.headers
        if response.status_code in (401, 403) and authorized:
            raise CredentialsError(
                f"{service} rejected the API token ({response.status_code})",
                "put a new token into SCALINGO_API_TOKEN, or log in again with the Scalingo CLI",
            )
        if response.status_code == 429:
            raise RateLimited(f"{service} wants fewer requests (429)", _retry_after(response))
        if response.status_code != 200:
            raise ServiceError(f"{service} answered {response.status_code}")
        return _json_body(service, response)


def _retry_after(response: requests.Response) -> float:
    text = response.headers.get("Retry-After", "").strip()
    return float(text) if text.isdecimal() and len(text) < 9 else RETRY_AFTER_SECONDS


def _json_body(service: str, response: requests.Response) -> Any:
    body = bytearray()
    for chunk in response.iter_content(CHUNK):
        body += chunk
        if len(body) > BODY_MAX:
            raise ServiceError(f"{service} sent a malformed answer: it is larger than {BODY_MAX >> 20} MiB")
    try:
        return json.loads(bytes(body))
    except (ValueError, RecursionError):
        # A captive portal answers every question with a page of its own.
        raise ServiceError(f"{service} sent a malformed answer: it is not JSON") from None


def _unreachable(service: str, failure: BaseException) -> ScalingoRegionError:
    # requests raises a TypeError for a proxy's address without a host.
    if not isinstance(failure, (requests.RequestException, HTTPError, OSError, ValueError, TypeError)):
        raise failure
    return ServiceError(f"{service} cannot be reached ({_reason(failure)})")


def _reason(failure: BaseException) -> str:
    """Say in a few words what failed; the exceptions' own texts are long, and may quote a proxy with its password."""
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
            return "the proxy's scheme is not supported"
        case ValueError() | TypeError():
            return "its address, or the proxy's, is not usable"
        case requests.RequestException() if "NameResolutionError" in text:
            return "its name is not resolved"
        case requests.RequestException() if "Connection refused" in text:
            return "the connection is refused"
        case requests.RequestException() | HTTPError():
            return "the connection broke"
    return text  # of the system or of requests about its certificates, as REQUESTS_CA_BUNDLE names them
