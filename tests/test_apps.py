"""Where an app is, whatever the regions answer, and that no token gets to a host that may not have it."""

from __future__ import annotations

import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from conftest import (
    BEARER,
    JWT,
    NO_SERVICE,
    TOKEN,
    Respond,
    Service,
    answers,
    hang,
    hang_up,
    new_catalog,
    region_json,
    send,
    writes,
)

from git_scalingo_region.scalingo.catalog import Whereabouts

APP = ("GET", "/v1/apps/myapp")
EXCHANGE = ("POST", "/v1/tokens/exchange")

StartApis = Callable[..., list[Service]]


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALINGO_API_TOKEN", TOKEN)


def names(whereabouts: Whereabouts | None) -> list[tuple[str, ...]] | None:
    """Return the names of the regions with the app, without it, and without an answer."""
    if whereabouts is None:
        return None
    groups = (whereabouts.present, whereabouts.absent, whereabouts.silent)
    return [tuple(region.name for region in regions) for regions in groups]


def paths(service: Service) -> list[tuple[str, str | None]]:
    return [(path, headers.get("Authorization")) for _, path, headers in service.requests]


def test_the_region_that_has_the_app_is_found(service: Service, region_apis: StartApis) -> None:
    """Every region is asked once in a run, with the bearer token of one exchange."""
    apis = region_apis("a", "b", "c")
    apis[1].apps.add("myapp")
    catalog = new_catalog()
    assert names(catalog.find_app("myapp")) == [("b",), ("a", "c"), ()]
    assert catalog.find_app("myapp") is catalog.find_app("myapp")
    assert names(catalog.find_app("other")) == [(), ("a", "b", "c"), ()]
    expected = [("/v1/apps/myapp", f"Bearer {BEARER}"), ("/v1/apps/other", f"Bearer {BEARER}")]
    assert [paths(api) for api in apis] == [expected] * 3
    assert [path for path, _ in paths(service)] == ["/v1/tokens/exchange", "/v1/regions"]


@pytest.mark.parametrize("reason", ["offline", "no token", "nothing to ask", "a token of three parts"])
def test_nobody_is_asked_without_need(
    service: Service, region_apis: StartApis, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """If no region may be asked, no token is exchanged; a JWT and a fresh list need no request to the service."""
    (api,) = region_apis("a")
    if reason == "no token":
        monkeypatch.delenv("SCALINGO_API_TOKEN")
    if reason == "nothing to ask":
        service.regions = [region_json("a"), region_json("b", api="")]
    if is_jwt := reason == "a token of three parts":
        monkeypatch.setenv("SCALINGO_API_TOKEN", JWT)
    new_catalog().load()
    service.requests.clear()
    found = new_catalog(offline=reason == "offline").find_app("myapp")
    assert names(found) == ([(), ("a",), ()] if is_jwt else None)
    assert (paths(api), paths(service)) == ([("/v1/apps/myapp", f"Bearer {JWT}")] if is_jwt else [], [])


def test_regions_are_asked_side_by_side(region_apis: StartApis) -> None:
    """No region waits for the answer of another one."""
    apis = region_apis("a", "b", "c")
    waiting: list[BaseHTTPRequestHandler] = []

    def wait_for_all(handler: BaseHTTPRequestHandler) -> None:
        waiting.append(handler)
        deadline = time.monotonic() + 8
        while len(waiting) < 3 and time.monotonic() < deadline:
            time.sleep(0.005)  # until the others have been asked
        send(handler, 200 if len(waiting) == 3 else 500, {"app": {"name": "myapp"}})

    for api in apis:
        api.routes[APP] = wait_for_all
    assert names(new_catalog().find_app("myapp")) == [("a", "b", "c"), (), ()]


ODD_BODIES: list[Any] = [
    *(b"", b"<html>Log in", b"[" * 100_000, b"null", b"1", [], {}, {"app": None}, {"app": []}, {"app": {}}),
    *({"app": "myapp"}, {"app": {"name": "other"}}, {"app": {"name": ["myapp"]}}, {"app": {"name": None}}),
    b'{"app": {"name": "myapp"}}' + b" " * (1 << 20),
]
RESPONSES: dict[str, tuple[Respond, bool | None]] = {
    "app": (answers(200, {"app": {"name": "myapp", "x": 1}}), True),
    "missing": (answers(404, {"resource": "app", "error": "not found"}), False),
    "missing as text": (answers(404, b"<html>nothing here"), False),
    "missing, endless": (writes(b"HTTP/1.0 404 No\r\nContent-Length: 1099511627776\r\n\r\nx"), False),
    **{f"body {body!r:.40}": (answers(200, body), None) for body in ODD_BODIES},
    **{f"status {status}": (answers(status, {"app": {"name": "myapp"}}), None) for status in (201, 204, 400, 500, 511)},
    **{f"refused {status}": (answers(status, {"error": "x"}), None) for status in (401, 403, 429, 503)},
    "redirect": (answers(302, b"", Location="/v1/apps/elsewhere"), None),
    "closed": (hang_up, None),
    "no gzip": (answers(200, {"app": {"name": "myapp"}}, Content_Encoding="gzip"), None),
    "no HTTP": (writes(b"SSH-2.0-x\r\n"), None),
}


@pytest.mark.parametrize("response", RESPONSES)
def test_an_answer_is_yes_or_no_or_it_does_not_count(region_apis: StartApis, response: str) -> None:
    """Only a documented answer counts. Any other one is a warning at most, and the other region is still believed."""
    odd, sound = region_apis("odd", "sound")
    odd.routes[APP], expected = RESPONSES[response]
    places: dict[bool | None, list[tuple[str, ...]]] = {
        True: [("odd",), ("sound",), ()],
        False: [(), ("odd", "sound"), ()],
        None: [(), ("sound",), ("odd",)],
    }
    warning = "cannot tell whether the app is in odd: no usable answer"
    for is_in_other, warnings in ((False, [warning] if expected is None else []), (True, [])):
        catalog = new_catalog()
        whereabouts = catalog.find_app("myapp")
        assert whereabouts
        assert whereabouts.found == (is_in_other or expected)
        assert catalog.context.warnings == warnings
        if not is_in_other:
            assert names(whereabouts) == places[expected]
        sound.apps.add("myapp")
    assert {path for path, _ in paths(odd)} == {"/v1/apps/myapp"}


def test_a_region_that_hangs_leaves_time_for_the_next_question(service: Service, region_apis: StartApis) -> None:
    """A region that does not answer is silent after half of the network time, and the others count."""
    region_apis("a", "b")[0].routes[APP] = hang
    catalog = new_catalog()
    catalog.load()
    catalog.context.network_seconds = 1.6
    assert names(catalog.find_app("myapp")) == [(), ("b",), ("a",)]
    assert 0 < catalog.context.network_seconds <= 0.8
    assert names(catalog.find_app("other")) == [(), ("a", "b"), ()]


STRANGE = [
    *("http://127.0.0.2:PORT", "http://0.0.0.0:PORT", "http://127.1:PORT", "http://2130706433:PORT", "", "x"),
    *("http://u:p@127.0.0.1:PORT", "http://localhost\\@127.0.0.1:PORT", "http://127.0.0.1:PORT?x="),
    "http://127.0.0.1:PORT#x",
]


def test_a_region_at_a_strange_address_is_silent(
    service: Service, region_apis: StartApis, other_server: Service
) -> None:
    """The token does not go to an address that is not vouched for; the other regions are asked."""
    region_apis("a")
    port = other_server.url.rpartition(":")[2]
    service.regions += [region_json(f"b{n}", api=text.replace("PORT", port)) for n, text in enumerate(STRANGE)]
    assert names(new_catalog().find_app("myapp")) == [(), ("a",), tuple(f"b{n}" for n in range(len(STRANGE)))]
    assert other_server.requests == []


def test_an_exchange_that_fails_is_no_failure(service: Service, region_apis: StartApis) -> None:
    """If the token cannot be exchanged, all regions are silent, and it is not tried again; 429 starts a pause."""
    (api,) = region_apis("a")
    new_catalog().load()
    service.routes[EXCHANGE] = answers(429, b"Retry later")
    service.requests.clear()
    for _ in range(2):
        catalog = new_catalog()
        assert [names(catalog.find_app(app)) for app in ("myapp", "other")] == [[(), (), ("a",)]] * 2
    assert [path for path, _ in paths(service)] == ["/v1/tokens/exchange"]
    assert api.requests == []


def test_a_service_on_this_machine_does_not_vouch_for_the_built_in_regions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a list there are the platform's regions, which are not asked on behalf of another service."""
    monkeypatch.setenv("SCALINGO_AUTH_URL", NO_SERVICE)
    catalog = new_catalog()
    assert catalog.find_app("myapp") is None
    assert catalog.load().names == ("osc-fr1", "osc-secnum-fr1")
