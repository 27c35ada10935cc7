"""Which regions there are, as told by a fresh cache, the service, a stale cache or the built-in list, in this order.

The catalog also knows where an app is, because it knows which regions to ask.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from git_scalingo_region import trace
from git_scalingo_region.context import Context
from git_scalingo_region.errors import RateLimited, ServiceError
from git_scalingo_region.model import ListSource, Platform, Region, RegionList
from git_scalingo_region.scalingo import builtin
from git_scalingo_region.scalingo.cache import Cache, is_fresh
from git_scalingo_region.scalingo.credentials import Token, find_token, vouches_for
from git_scalingo_region.settings import CACHE_FRESH_SECONDS, LOOK_AGAIN_SECONDS

if TYPE_CHECKING:
    from git_scalingo_region.scalingo.api import Service

T = TypeVar("T")


class Whereabouts(NamedTuple):
    """Where an app is: the regions that have it, those that do not, and those that were not asked or gave no answer."""

    app: str
    present: tuple[Region, ...]
    absent: tuple[Region, ...]
    silent: tuple[Region, ...]

    @property
    def found(self) -> bool | None:
        """True if a region has the app, False if every region says that it does not, None if that is not known."""
        return True if self.present else None if self.silent else False


class Catalog:
    """The regions as one run sees them. Nothing is read or asked before it is needed.

    The list is fetched at most twice (see `find`), and everything else is asked at most once.

    Any method may raise `CredentialsError` if the token is unusable or the service rejects it.
    """

    def __init__(self, context: Context) -> None:
        """Take the run's context: its settings, its options, and where its warnings go."""
        self.context = context
        self._regions: RegionList | None = None
        self._may_ask_again = not context.offline
        self._whereabouts: dict[str, Whereabouts | None] = {}

    @cached_property
    def token(self) -> Token | None:
        """The account's token, or None."""
        return find_token(self.context.settings)

    @cached_property
    def _cache(self) -> Cache:
        settings = self.context.settings
        return Cache.for_token(settings.cache_folder, settings.service, self.token.value if self.token else "")

    @cached_property
    def _service(self) -> Service:
        from git_scalingo_region.scalingo.api import Service  # loads requests, which takes a while

        return Service(self.context.settings.service, self.token)

    def load(self) -> RegionList:
        """Return the region list; warn if the service cannot be asked, so that it is a stale or built-in one."""
        if self._regions is None:
            self._regions = self._choose_list(refresh=self.context.refresh)
        return self._regions

    def find(self, name: str, *, max_age: float = 0.0) -> Region | None:
        """Return the region of that name, or None; before a name counts as unknown, ask the service once more.

        The service is not asked again if the list was fetched in the last `max_age` seconds. Without a token, it lists
        only the public regions, so the built-in list is searched as well.
        """
        regions = self.load()
        region = regions.find(name) or (None if self.token else builtin.LIST.find(name))
        if region or not name or not self._may_ask_again or is_fresh(regions, seconds=max_age):
            return region
        self._regions = self._choose_list(refresh=True)
        return self.find(name)

    def known(self, name: str) -> bool:
        """Return whether the list or the built-in list has a region of that name, without asking the service again."""
        return bool(self.load().find(name) or builtin.LIST.find(name))

    def is_up_to_date(self) -> bool:
        """Return whether the list was fetched so recently that a region missing from it does not exist."""
        return is_fresh(self.load(), seconds=LOOK_AGAIN_SECONDS)

    def is_gone(self, name: str) -> bool:
        """Return whether the platform no longer has the region. An old list cannot tell: the region may be new."""
        return name in builtin.FORMER_HOSTS.values() or (not self.known(name) and self.is_up_to_date())

    def is_restricted(self, name: str) -> bool:
        """Return whether the region exists but is missing from the list of this account."""
        return bool(self.token and not self.load().find(name) and builtin.LIST.find(name))

    def platform(self) -> Platform:
        """Return what recognises the platform's hosts: the regions of the list first, then the built-in ones."""
        return Platform((*self.load().regions, *builtin.REGIONS), builtin.DOMAIN, builtin.FORMER_HOSTS)

    def find_app(self, app: str) -> Whereabouts | None:
        """Ask every region of the list for the app, once per run.

        Return None if no region may be asked: offline, without a token, or if the service vouches for none of them. If
        the app may be in a region that gave no usable answer, one warning names those regions.
        """
        if app not in self._whereabouts:
            self._whereabouts[app] = self._look_up(app)
        return self._whereabouts[app]

    def _look_up(self, app: str) -> Whereabouts | None:
        if self.context.offline or not self.token:
            return None
        regions = self.load().regions
        if not any(vouches_for(self.context.settings.service, region.api) for region in regions):
            return None
        answers = self.ask(lambda service, seconds: service.find_app(regions, app, seconds)) or {}
        present, absent, silent = (
            tuple(region for region in regions if answers.get(region.name) is answer) for answer in (True, False, None)
        )
        whereabouts = Whereabouts(app, present, absent, silent)
        if whereabouts.found is None:
            names = ", ".join(region.name for region in silent)
            self.context.warn(f"cannot tell whether the app is in {names}: no usable answer")
        return whereabouts

    def account_keys(self) -> list[str] | None:
        """Return the ssh keys of the account, each as `TYPE BASE64`; None if there is no token or no answer."""
        return self.ask(lambda service, seconds: service.account_keys(seconds)) if self.token else None

    def ask(self, question: Callable[[Service, float], T]) -> T | None:
        """Ask the service a question; return None if it may not be asked now, or gives no usable answer."""
        with contextlib.suppress(ServiceError):
            return self._ask(question)
        return None

    def _ask(self, question: Callable[[Service, float], T]) -> T:
        """Ask within the network time of the run; respect a pause that the service wants; note it for other runs."""
        if self.context.offline:
            raise ServiceError("offline")
        if self._cache.paused():
            raise ServiceError(f"{self.context.settings.service} asked for fewer requests a moment ago")
        service = self._service  # loading a library does not count as network time
        begun = time.monotonic()
        try:
            with self.context.network() as seconds:
                return question(service, seconds)
        except RateLimited as limit:
            self._cache.pause(limit.retry_after)
            raise
        finally:
            trace.line(f"network: {time.monotonic() - begun:.3f} s, {self.context.settings.service} and what it lists")

    def _choose_list(self, *, refresh: bool) -> RegionList:
        cached = self._cache.load()
        if cached and not refresh and is_fresh(cached, seconds=CACHE_FRESH_SECONDS):
            trace.line(f"region list: from the cache, which is fresh: {self._cache.path('json')}")
            return cached
        trace.line(f"region list: {'asked for anew' if refresh else 'no fresh one in the cache'}")
        self._may_ask_again = False
        try:
            chosen = self._fetch()
        except ServiceError as failure:
            trace.line(f"region list: not from the service: {failure.message}")
            chosen = self._fall_back(cached, failure.message)
        trace.line(f"region list: source {chosen.source.value}")
        return chosen

    def _fetch(self) -> RegionList:
        if self.context.offline:
            raise ServiceError("offline")
        with contextlib.ExitStack() as stack:
            with self.context.network() as seconds:
                is_our_turn = stack.enter_context(self._cache.turn(seconds))
            # Another run on this machine may have fetched the list while this one waited for its turn.
            cached = self._cache.load()
            if cached and cached.fetched_at and self.context.started <= cached.fetched_at <= time.time():
                return cached
            if not is_our_turn:
                raise ServiceError(f"{self._cache.service} has not answered another run on this machine")
            regions = self._ask(lambda service, seconds: service.fetch_regions(seconds))
            fetched_at = time.time()
            self._cache.store(regions, fetched_at)
        return RegionList(regions, ListSource.API, fetched_at)

    def _fall_back(self, cached: RegionList | None, reason: str) -> RegionList:
        if cached is None:
            self.context.warn(f"{reason}; using the built-in list of regions ({builtin.SOURCE})")
            return builtin.LIST
        if is_fresh(cached, seconds=CACHE_FRESH_SECONDS):
            self.context.warn(f"{reason}; using the cached list of regions")
            return cached
        day = time.strftime("%Y-%m-%d", time.gmtime(cached.fetched_at))
        self.context.warn(f"{reason}; using the list of regions cached on {day}")
        return cached._replace(source=ListSource.STALE_CACHE)
