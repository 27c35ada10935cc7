"""How the region of an app is found, whatever the regions answer, and that the token gets to trusted hosts only."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from conftest import BEARER, TOKEN, RegionApis, Respond, Service, answers, hang, new_catalog, region_json, send, writes

from git_scalingo_region.scalingo.catalog import Whereabouts

APP = ("GET", "/v1/apps/myapp")
Places = list[tuple[str, ...]]


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCALINGO_API_TOKEN", TOKEN)


def names(whereabouts: Whereabouts | None) -> Places | None:
    """Return the names of the regions that have the app, that lack it, and that gave no usable answer."""
    return whereabouts and [tuple(region.name for region in regions) for regions in whereabouts[1:]]


def paths(service: Service) -> list[tuple[str, str | None]]:
    return [(path, headers.get("Authorization")) for _, path, headers in service.requests]


def test_the_region_that_has_the_app_is_found(service: Service, region_apis: RegionApis) -> None:
    """Each region is asked for an app only once in a run, with the token of a single exchange."""
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
    service: Service, region_apis: RegionApis, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    """If no region can be asked, no request is made; with a JWT and a fresh list, only the region gets one."""
    (api,) = region_apis("a")
    if reason == "no token":
        monkeypatch.delenv("SCALINGO_API_TOKEN")
    if reason == "nothing to ask":
        service.regions = [region_json("a"), region_json("b", api="")]
    if is_jwt := reason == "a token of three parts":
        monkeypatch.setenv("SCALINGO_API_TOKEN", BEARER)
    new_catalog().load()
    service.requests.clear()
    found = new_catalog(offline=reason == "offline").find_app("myapp")
    assert names(found) == ([(), ("a",), ()] if is_jwt else None)
    assert (paths(api), paths(service)) == ([("/v1/apps/myapp", f"Bearer {BEARER}")] if is_jwt else [], [])


def test_regions_are_asked_side_by_side(region_apis: RegionApis) -> None:
    """All regions are asked at the same time, so that none waits for the answer of another."""
    apis = region_apis("a", "b", "c")
    everybody = threading.Barrier(3)

    def wait_for_all(handler: BaseHTTPRequestHandler) -> None:
        everybody.wait(8)
        send(handler, 200, {"app": {"name": "myapp"}})

    for api in apis:
        api.routes[APP] = wait_for_all
    assert names(new_catalog().find_app("myapp")) == [("a", "b", "c"), (), ()]


ODD_BODIES: list[Any] = [
    *(b"", b"<html>Log in", b"[" * 100_000, b"null", b"1", [], {}, {"app": None}, {"app": []}, {"app": {}}),
    *({"app": "myapp"}, {"app": {"name": "other"}}, {"app": {"name": ["myapp"]}}, {"app": {"name": None}}),
    b'{"app": {"name": "myapp"}}' + b" " * (1 << 20),
]
# The regions that then have the app, that lack it, and that gave no usable answer.
PRESENT: Places = [("odd",), ("sound",), ()]
ABSENT: Places = [(), ("odd", "sound"), ()]
SILENT: Places = [(), ("sound",), ("odd",)]
RESPONSES: dict[str, tuple[Respond, Places]] = {
    "app": (answers(200, {"app": {"name": "myapp", "x": 1}}), PRESENT),
    "missing": (answers(404, {"resource": "app", "error": "not found"}), ABSENT),
    "missing as text": (answers(404, b"<html>nothing here"), ABSENT),
    "missing, endless": (writes(b"HTTP/1.0 404 No\r\nContent-Length: 1099511627776\r\n\r\nx"), ABSENT),
    **{f"body {body!r:.40}": (answers(200, body), SILENT) for body in ODD_BODIES},
    **{f"status {code}": (answers(code, {"app": {"name": "myapp"}}), SILENT) for code in (201, 204, 400, 500, 511)},
    **{f"refused {status}": (answers(status, {"error": "x"}), SILENT) for status in (401, 403, 429, 503)},
    "redirect": (answers(302, b"", Location="/v1/apps/elsewhere"), SILENT),
    "no gzip": (answers(200, {"app": {"name": "myapp"}}, Content_Encoding="gzip"), SILENT),
    "no HTTP": (writes(b"SSH-2.0-x\r\n"), SILENT),
}


@pytest.mark.parametrize("response", RESPONSES)
def test_an_answer_is_yes_or_no_or_it_does_not_count(region_apis: RegionApis, response: str) -> None:
    """An undocumented answer counts as none: it gives at most a warning, and the other region is still believed."""
    odd, sound = region_apis("odd", "sound")
    odd.routes[APP], expected = RESPONSES[response]
    catalog = new_catalog()
    assert names(catalog.find_app("myapp")) == expected
    warning = "cannot tell whether the app is in odd: no usable answer"
    assert catalog.context.warnings == ([warning] if expected is SILENT else [])
    sound.apps.add("myapp")
    catalog = new_catalog()
    assert (whereabouts := catalog.find_app("myapp"))
    assert (whereabouts.found, catalog.context.warnings) == (True, [])
    assert {path for path, _ in paths(odd)} == {"/v1/apps/myapp"}


def test_a_region_that_hangs_leaves_time_for_the_next_question(service: Service, region_apis: RegionApis) -> None:
    """A region that hangs is given up after half of the network time, and the answers of the others still count."""
    region_apis("a", "b")[0].routes[APP] = hang
    catalog = new_catalog()
    catalog.load()
    catalog.context.network_seconds = 1.6
    assert names(catalog.find_app("myapp")) == [(), ("b",), ("a",)]
    assert 0 < catalog.context.network_seconds <= 0.8
    assert names(catalog.find_app("other")) == [(), ("a", "b"), ()]


def test_a_strange_address_is_silent(service: Service, region_apis: RegionApis, other_server: Service) -> None:
    """The token is not sent to a region's address that is not trusted, and the other regions are still asked."""
    region_apis("a")
    service.regions += [
        region_json(name, api=other_server.url.replace("127.0.0.1", host))
        for name, host in (("b", "127.0.0.2"), ("c", "u:p@127.0.0.1"), ("d", "localhost\\@127.0.0.1"))
    ]
    assert names(new_catalog().find_app("myapp")) == [(), ("a",), ("b", "c", "d")]
    assert other_server.requests == []


def test_an_exchange_that_fails_is_no_failure(service: Service, region_apis: RegionApis) -> None:
    """If the token cannot be exchanged, no region is asked, and after a 429 the next run does not try again."""
    (api,) = region_apis("a")
    new_catalog().load()
    service.routes["POST", "/v1/tokens/exchange"] = answers(429, b"Retry later")
    service.requests.clear()
    for _ in range(2):
        catalog = new_catalog()
        assert [names(catalog.find_app(app)) for app in ("myapp", "other")] == [[(), (), ("a",)]] * 2
    assert [path for path, _ in paths(service)] == ["/v1/tokens/exchange"]
    assert api.requests == []
