"""An account of the platform: a token, and regions whose APIs know its apps."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from conftest import TOKEN, Service, answers, region_json


@dataclass(frozen=True)
class Account:
    """The account, as the loopback service plays it."""

    service: Service

    def add_region(self, name: str, ssh: str | None = None, *, default: bool = False) -> None:
        """List a region whose API is on loopback, too."""
        self.service.regions.append(region_json(name, ssh, default=default, api=f"{self.service.url}/{name}"))

    def add_app(self, region: str, app: str) -> None:
        """Let a region's API have an app."""
        self.answer(region, app, 200, {"app": {"name": app}})

    def hold(self, *keys: object) -> None:
        """Let the account hold these ssh keys, and no other."""
        held = [{"id": "1", "name": "x", "content": f"{key} comment"} for key in keys]
        self.service.routes["GET", "/v1/keys"] = answers(200, {"keys": held})

    def answer(self, region: str, app: str, status: int, body: object) -> None:
        """Let a region's API give this answer when it is asked for an app."""
        self.service.routes["GET", f"/{region}/v1/apps/{app}"] = answers(status, body)

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
    for name in ("osc-fr1", "osc-secnum-fr1", "scw-par"):
        made.add_region(name, default=name == "osc-fr1")
    return made
