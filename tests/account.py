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
        """Add a region to the list; its API is on loopback as well."""
        self.service.regions.append(region_json(name, ssh, default=default, api=f"{self.service.url}/{name}"))

    def add_app(self, region: str, app: str) -> None:
        """Make a region's API answer that it has the app."""
        self.answer(region, app, 200, {"app": {"name": app}})

    def hold(self, *keys: object) -> None:
        """Make the account hold these ssh keys and no others."""
        held = [{"id": "1", "name": "x", "content": f"{key} comment"} for key in keys]
        self.service.routes["GET", "/v1/keys"] = answers(200, {"keys": held})

    def answer(self, region: str, app: str, status: int, body: object) -> None:
        """Make a region's API give this answer when it is asked for the app."""
        self.service.routes["GET", f"/{region}/v1/apps/{app}"] = answers(status, body)

    @property
    def asked(self) -> list[str]:
        """The sorted paths of the requests since the last look; those of regional APIs, asked at once, come last."""
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
