"""An account of the platform: a token, and regions whose APIs know its apps. A test imports the fixture `account`."""

from __future__ import annotations

from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

import pytest
from conftest import Service, region_json, send

TOKEN = "tk-us-do-not-show"


@dataclass(frozen=True)
class Account:
    """The account, as the loopback service plays it."""

    service: Service

    def add_region(self, name: str, ssh: str | None = None, *, default: bool = False) -> None:
        """List a region whose API is on loopback, too."""
        region = {**region_json(name, ssh, default=default), "api": f"{self.service.url}/{name}"}
        self.service.regions.append(region)

    def add_app(self, region: str, app: str) -> None:
        """Let a region's API have an app."""
        self.answer(region, app, 200, {"app": {"name": app}})

    def hold(self, *keys: object) -> None:
        """Let the account hold these ssh keys, and no other."""
        body = {"keys": [{"id": "1", "name": "x", "content": f"{key} comment"} for key in keys]}
        self.service.routes["GET", "/v1/keys"] = lambda handler: send(handler, 200, body)

    def answer(self, region: str, app: str, status: int, body: object) -> None:
        """Let a region's API give this answer when it is asked for an app."""

        def route(handler: BaseHTTPRequestHandler) -> None:
            send(handler, status, body)

        self.service.routes["GET", f"/{region}/v1/apps/{app}"] = route

    @property
    def asked(self) -> list[str]:
        """The paths of the requests since the last look, in order; those of regional APIs, which come at once, last."""
        paths = [path for _, path, _ in self.service.requests]
        self.service.requests.clear()
        return sorted(paths, key=lambda path: (path.count("/") > 3, path))


@pytest.fixture
def account(service: Service, monkeypatch: pytest.MonkeyPatch) -> Account:
    """Make an account that sees osc-fr1 (the default), osc-secnum-fr1 and scw-par, and has no app yet."""
    monkeypatch.setenv("SCALINGO_API_TOKEN", TOKEN)
    service.regions = []
    made = Account(service)
    made.add_region("osc-fr1", default=True)
    made.add_region("osc-secnum-fr1")
    made.add_region("scw-par")
    return made
