from __future__ import annotations

from typing import NamedTuple

from git_scalingo_region.context import Context
from git_scalingo_region.model import ListSource, Platform, Region, RegionList
from git_scalingo_region.scalingo import builtin


class Found(NamedTuple):
    region: Region
    regions: RegionList


class Catalog:
    def __init__(self, context: Context) -> None:
        self.l = RegionList(builtin.REGIONS, ListSource.BUILT_IN, None, anonymous=True)

    def load(self) -> RegionList:
        return self.l

    def refresh(self) -> RegionList:
        return self.l

    def find(self, name: str) -> Found | None:
        r = self.l.find(name)
        return Found(r, self.l) if r else None

    def known(self, name: str) -> bool:
        return bool(self.l.find(name))

    def is_restricted(self, name: str) -> bool:
        return False

    def platform(self) -> Platform:
        return Platform(builtin.REGIONS, builtin.DOMAIN, {"scalingo.com": "agora-fr1"})
