"""Which list of regions, which region, which app: what every verb asks first; and the verbs `url`, `list`, `show`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from git_scalingo_region.errors import CredentialsError, InvalidInput, RateLimited, ServiceError
from git_scalingo_region.model import (
    REGION_FIELDS,
    Region,
    RegionList,
    check_app_name,
    check_region_name,
    is_region_name,
)
from git_scalingo_region.outcomes import Listed, Resolution, Url
from git_scalingo_region.repository.plan import (
    Platform,
    choose_region_name,
    close_names,
    default_region,
    remote_url,
    unknown_region,
)
from git_scalingo_region.scalingo import builtin as embedded
from git_scalingo_region.scalingo.cache import Cache, is_fresh
from git_scalingo_region.scalingo.credentials import Token, cli_region, find_token
from git_scalingo_region.settings import CACHE_FRESH_SECONDS, DEFAULT_REMOTE, NETWORK_SECONDS, Settings

if TYPE_CHECKING:
    from git_scalingo_region.repository.configuration import Configuration


@dataclass(frozen=True)
class Request:
    """What all verbs are given: the environment, how the list of regions is to be had, and where warnings go."""

    settings: Settings
    warn: Callable[[str], None]
    refresh: bool = False
    offline: bool = False
    fallback: bool = False
    started: float = field(default_factory=time.time)


# --- which list ------------------------------------------------------------------------------------------------------


def load_regions(request: Request) -> RegionList:
    """Return the regions: a fresh cache, else the service's, else (with a warning) a stale cache or the embedded table.

    Raises `CredentialsError` for a token that is unusable or rejected.
    """
    settings = request.settings
    token = find_token(settings.api_token, settings.cli_folder, settings.service_host)
    cache = Cache.for_token(settings.cache_folder, settings.service, token.value if token else "")
    kept = cache.load()
    if kept and not request.refresh and is_fresh(kept, seconds=CACHE_FRESH_SECONDS):
        return kept
    try:
        return _fetch(request, cache, token)
    except CredentialsError as error:
        source = f", which is from {token.source}" if token else ""
        raise CredentialsError(f"{error.message}{source}", *error.hints) from None
    except ServiceError as failure:
        return _fall_back(request, kept, anonymous=token is None, reason=failure.message)


def _fetch(request: Request, cache: Cache, token: Token | None) -> RegionList:
    if request.offline:
        raise ServiceError("offline")
    deadline = time.monotonic() + NETWORK_SECONDS
    with cache.turn(NETWORK_SECONDS) as is_mine:
        seconds = deadline - time.monotonic()
        kept = cache.load()  # another run on this machine may have fetched it while this one waited for its turn
        if kept and kept.fetched_at is not None and request.started <= kept.fetched_at <= time.time():
            return kept
        if not is_mine:
            raise ServiceError(f"{cache.service} has not answered another run on this machine")
        if cache.paused():
            raise ServiceError(f"{cache.service} asked for fewer requests a moment ago")
        from git_scalingo_region.scalingo import api  # on a busy machine this takes a while, which is not the network's

        try:
            regions = api.fetch_regions(
                cache.service,
                token.value if token else "",
                exchange=bool(token and not token.is_bearer),
                seconds=seconds,
            )
        except RateLimited as limit:
            cache.pause(time.time() + limit.retry_after)
            raise
        fetched_at = time.time()
        cache.store(regions, fetched_at)
    return RegionList(regions, "api", fetched_at, anonymous=token is None)


def _fall_back(request: Request, kept: RegionList | None, *, anonymous: bool, reason: str) -> RegionList:
    if kept is None:
        request.warn(f"{reason}; using the built-in list of regions ({embedded.SOURCE})")
        return RegionList(embedded.REGIONS, "embedded", None, anonymous)
    if is_fresh(kept, seconds=CACHE_FRESH_SECONDS):
        request.warn(f"{reason}; using the cached list of regions")
        return kept
    day = time.strftime("%Y-%m-%d", time.gmtime(kept.fetched_at))
    request.warn(f"{reason}; using the list of regions cached on {day}")
    return kept._replace(source="stale-cache")


# --- which region ----------------------------------------------------------------------------------------------------


def find_region(regions: RegionList, name: str) -> tuple[Region | None, RegionList]:
    """Return the region of that name and the list that holds it: the embedded one where an anonymous list may lack it.

    Without a token the service lists the public regions only.
    """
    region = regions.find(name)
    if region is None and regions.anonymous:
        built_in = RegionList(embedded.REGIONS, "embedded", None, anonymous=True)
        if region := built_in.find(name):
            return region, built_in
    return region, regions


def resolve(request: Request, regions: RegionList, candidates: Iterable[tuple[str, str]]) -> Resolution:
    """Choose the region from the candidates, (source, name) in order of precedence, else the list's default."""
    source, name = choose_region_name(candidates)
    if not name:
        return Resolution(default_region(regions), source, regions)
    region, holder = find_region(regions, name)
    if region is None and may_look_again(request, regions):
        regions = load_regions(replace(request, refresh=True))
        region, holder = find_region(regions, name)
    if region is None and request.fallback:
        region, holder, source = default_region(regions), regions, "fallback"
        request.warn(f"there is no region '{name}': --fallback takes the default region, {region.name}")
    if region is None:
        raise unknown_region(name, regions, source)
    if holder.source == "embedded" != regions.source:
        request.warn(f"{name} is not among the public regions: its endpoint is the built-in one ({embedded.SOURCE})")
    return Resolution(region, source, holder)


def may_look_again(request: Request, regions: RegionList) -> bool:
    """Whether a name that the list lacks may be in the service's own: the list was cached before this run began."""
    cached = regions.source == "cache" and (regions.fetched_at or 0) < request.started
    return cached and not request.offline and not request.refresh


def platform_of(regions: RegionList) -> Platform:
    """Return what tells the platform's hosts: the list's regions first, then the built-in ones."""
    return Platform((*regions.regions, *embedded.REGIONS), embedded.DOMAIN, embedded.MOVED_HOSTS)


# --- which region and app, from the command line ---------------------------------------------------------------------


class Words(NamedTuple):
    """The positional arguments `[REGION] APP`, checked one by one; `either` is a word that may be one or the other."""

    region: str = ""
    app: str = ""
    either: str = ""


def read_words(words: Sequence[str], settings: Settings, verb: str) -> Words:
    """Check `[REGION] APP`; raise `InvalidInput` for what can be neither, before anything else is asked."""
    if len(words) > 2:
        raise InvalidInput(f"too many arguments: {verb} takes [REGION] APP", f"git scalingo-region {verb} -h")
    if len(words) == 2:
        return Words(region=check_region_name(words[0]), app=check_app_name(words[1]))
    if words:
        return Words(either=_region_or_app(words[0], settings))
    if not settings.app:
        raise InvalidInput(
            "no app is given, neither as an argument nor in SCALINGO_APP", f"git scalingo-region {verb} [REGION] APP"
        )
    return Words(app=_environment_app(settings))


def _region_or_app(word: str, settings: Settings) -> str:
    """Check a single word; where the environment gives the app it may be a region, with dots and underscores."""
    try:
        return check_app_name(word)
    except InvalidInput:
        if settings.app and not word.endswith(".git") and is_region_name(word):
            return word
        raise


def settle(words: Words, regions: RegionList, request: Request, verb: str) -> Words:
    """Tell whether a single word is a region or an app, now that the regions are known."""
    settings = request.settings
    if not words.either:
        return words
    if find_region(regions, words.either)[0] is None:
        if settings.app and (near := close_names(words.either, regions)):
            request.warn(f"'{words.either}' is taken for an app; did you mean the region {near[0]}?")
        return Words(app=check_app_name(words.either))
    if not settings.app:
        raise InvalidInput(
            f"no app is given: '{words.either}' is a region", f"git scalingo-region {verb} {words.either} APP"
        )
    return Words(region=words.either, app=_environment_app(settings))


def _environment_app(settings: Settings) -> str:
    try:
        return check_app_name(settings.app)
    except InvalidInput as error:
        raise InvalidInput(f"SCALINGO_APP: {error.message}", *error.hints) from None


# --- the verbs -------------------------------------------------------------------------------------------------------


def selected_candidates(request: Request, regions: RegionList, argument: str) -> Iterator[tuple[str, str]]:
    """Yield the candidates for a region where no remote is named, in order of precedence."""
    yield "argument", argument
    yield "environment", request.settings.region
    configuration = _read_configuration(request)
    yield from repository_candidates(request.settings, configuration, platform_of(regions), DEFAULT_REMOTE)


def repository_candidates(
    settings: Settings, configuration: Configuration, platform: Platform, remote: str
) -> Iterator[tuple[str, str]]:
    """Yield the candidates of a configuration and the one after them, in order of precedence."""
    yield "git-config", configuration.get("scalingo.region")
    url = remote_url(configuration.remote(remote), platform, configuration)
    yield "existing-remote", (platform.region_name(url) or "") if url else ""
    yield "cli-config", cli_region(settings.cli_folder)


def _read_configuration(request: Request) -> Configuration:
    """Return git's configuration, in a repository or not, without the cost of GitPython.

    Where git refuses it, it is warned of, since the region may be another than is meant.
    """
    import os
    import subprocess

    from git_scalingo_region.repository.configuration import LISTING, Configuration, parse_listing, reason_of

    # GIT_CONFIG would make git config, and nothing else of git, read another file.
    environment = {name: value for name, value in os.environ.items() if name != "GIT_CONFIG"} | {"LC_ALL": "C"}
    try:
        answer = subprocess.run(
            ["git", *LISTING], env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
        )
    except OSError:
        return Configuration([])
    if answer.returncode:
        request.warn(f"git's configuration is left aside, git says: {reason_of(os.fsdecode(answer.stderr))}")
        return Configuration([])
    return Configuration(parse_listing(os.fsdecode(answer.stdout)))


def url(request: Request, positionals: Sequence[str]) -> Url:
    """Return the remote url of an app."""
    words = read_words(positionals, request.settings, "url")
    regions = load_regions(request)
    words = settle(words, regions, request, "url")
    resolution = resolve(request, regions, selected_candidates(request, regions, words.region))
    return Url(resolution.region.remote_url(words.app), resolution)


def list_regions(request: Request) -> Listed:
    """Return the regions, and which of them this place selects."""
    regions = load_regions(request)
    settings = request.settings
    git_region = "" if settings.region else _read_configuration(request).get("scalingo.region")
    try:
        source, name = choose_region_name([("environment", settings.region), ("git-config", git_region)])
    except InvalidInput as error:
        request.warn(error.message)
        return Listed(regions, "", "")
    if name and find_region(regions, name)[0] is None:
        request.warn(unknown_region(name, regions, source).message)
    elif name and not regions.find(name):
        request.warn(f"{name}, which is selected here, is not among the public regions")
    return Listed(regions, name, source if name else "")


def show(request: Request, region: str, field: str) -> Resolution:
    """Return one region, the one named, else the one that is selected here; `field` is one that it has to have."""
    if field and field not in REGION_FIELDS:
        raise InvalidInput(f"there is no field '{field}'", f"the fields are {', '.join(REGION_FIELDS)}")
    regions = load_regions(request)
    return resolve(request, regions, selected_candidates(request, regions, region))
