"""The cache of region lists: what it stores, what it treats as missing, and how it serves many runs at once."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from conftest import TOKEN

from git_scalingo_region.model import ListSource, Region, RegionList, SshEndpoint
from git_scalingo_region.scalingo.cache import PUBLIC, Cache

SERVICE = "https://auth.example.org:8443/path"
NOW = 1_750_000_000.25
ENDPOINTS = [SshEndpoint("h.example.org", 2222), SshEndpoint("::1")]
REGIONS = (
    Region("osc-fr1", "Paris - \u00e9", ENDPOINTS[0], "https://a", "https://d", "https://b", default=True),
    Region("scw-par", "", ENDPOINTS[1]),
)
STORED = RegionList(REGIONS, ListSource.CACHE, NOW)
LISTED = [region.to_json() for region in REGIONS]
RECORD = {"version": 1, "service": SERVICE, "account": PUBLIC, "fetched_at": NOW, "regions": LISTED}


@pytest.fixture
def cache(home: Path) -> Cache:
    return Cache.for_token(str(home / "cache" / "regions"), SERVICE, "")


def path_of(cache: Cache, suffix: str = "json") -> Path:
    return Path(cache.folder) / f"auth.example.org_8443_path-{cache.account}.{suffix}"


def files(cache: Cache) -> set[str]:
    return set(os.listdir(cache.folder))


def test_what_is_stored_is_loaded(cache: Cache) -> None:
    """A stored list is loaded unchanged from a file with the expected fields, and its names are in a file beside it."""
    assert cache.load() is None
    cache.store(REGIONS, NOW)
    assert cache.load() == STORED
    assert json.loads(path_of(cache).read_text()) == RECORD
    assert (Path(cache.folder) / "names").read_text() == "osc-fr1\nscw-par\n"
    assert files(cache) == {path_of(cache).name, "names"}


def test_files_are_private_whatever_the_umask(cache: Cache) -> None:
    """The cache folder and its files are private even with a umask of 0, as in many containers."""
    before = os.umask(0)
    try:
        with cache.turn(1):
            cache.store(REGIONS, NOW)
            cache.pause(10)
    finally:
        os.umask(before)
    modes = {name: oct((Path(cache.folder) / name).stat().st_mode & 0o777) for name in (".", *files(cache))}
    assert modes == {".": "0o700", **dict.fromkeys(files(cache), "0o600")}
    assert len(files(cache)) == 4


def test_each_account_and_service_has_a_list_of_its_own(cache: Cache) -> None:
    """Each account and each service has a list of its own, and the token itself is not stored."""
    account = Cache.for_token(cache.folder, SERVICE, TOKEN)
    account.store(REGIONS, NOW)
    others = [(SERVICE, ""), (SERVICE, f"{TOKEN}x"), ("https://auth.example.org", TOKEN)]
    assert [Cache.for_token(cache.folder, *other).load() for other in others] == [None, None, None]
    assert account.load() == STORED
    assert not any(TOKEN in name or TOKEN in (Path(cache.folder) / name).read_text() for name in files(cache))


def test_an_address_is_no_path(home: Path) -> None:
    """A service's address cannot lead out of the cache folder, and even a long one gives a usable file name."""
    for address in ("https://../../x", "https://h/../../../x", f"https://{'a' * 300}"):
        cache = Cache(str(home / "cache"), address)
        cache.store(REGIONS, NOW)
        assert cache.load() is not None
    assert os.listdir(home / "cache").count("names") == 1
    assert len(os.listdir(home / "cache")) == 4
    assert sorted(os.listdir(home)) == [".gitconfig", "cache"]


def but(**fields: Any) -> bytes:
    """Return the text of a cached list in which these fields have other values."""
    return json.dumps({**RECORD, **fields}).encode()


def pipe_with_a_list(path: Path) -> None:
    os.mkfifo(path)
    os.write(os.open(path, os.O_RDWR), but())  # left open, because a pipe that nobody holds open is empty


def list_of_another_user(path: Path) -> None:
    """Write a list and give it to another user, which only root can do, or else make it unreadable."""
    path.write_bytes(but())
    if os.geteuid() == 0:
        os.chown(path, 12345, 12345)
    else:
        path.chmod(0)


# What replaces the cached file: its new bytes, or a function that puts something else in its place.
ODDITIES: dict[str, bytes | Callable[[Path], object]] = {
    **{repr(text): text.encode() for text in ("", "[]", "null", '"version"', "\0")},
    "deep": b"[" * 100_000,
    "binary": b"\xff\x00\xfe",
    "half": but()[:200],
    "huge": but() + b" " * (1 << 20),
    "another version": but(version=2),
    "another service": but(service="https://auth.scalingo.com"),
    "another account": but(account="0123456789abcdef"),
    "no region": but(regions=[]),
    "an odd region": but(regions=[{"name": "a", "ssh": "-oProxyCommand=x"}]),
    "two defaults": but(regions=[{"name": name, "ssh": "h", "default": True} for name in "ab"]),
    "no time": but().replace(b'"fetched_at"', b'"x"'),
    **{f"time {time!s:.9}": but(fetched_at=time) for time in ("1", None, -1, float("nan"), float("inf"), 1e300)},
    "time of many digits": but(fetched_at=10**400),
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "pipe with a list": pipe_with_a_list,
    "another user's": list_of_another_user,
    "endless device": lambda path: path.symlink_to("/dev/zero"),
    "link to nowhere": lambda path: path.symlink_to("none"),
    "link to itself": lambda path: path.symlink_to(path),
}


@pytest.mark.parametrize("oddity", ODDITIES)
def test_an_odd_file_is_a_miss_and_is_replaced(cache: Cache, oddity: str) -> None:
    """A damaged or odd cached file counts as missing, and the next list replaces it unless it is a folder."""
    cache.store(REGIONS, NOW)
    path, put = path_of(cache), ODDITIES[oddity]
    path.unlink()
    if isinstance(put, bytes):
        path.write_bytes(put)
    else:
        put(path)
    assert cache.load() is None
    cache.store(REGIONS, NOW)
    assert (cache.load() is None) == (oddity == "folder")
    assert files(cache) == {path.name, "names"}


def test_a_system_without_users_or_pipes_has_a_cache(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache works on a system without user ids, O_NONBLOCK or fcntl."""
    monkeypatch.delattr(os, "geteuid")
    monkeypatch.delattr(os, "O_NONBLOCK")
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with cache.turn(60) as is_our_turn:
        cache.store(REGIONS, NOW)
    assert (is_our_turn, cache.load()) == (True, STORED)


def test_a_full_disk_leaves_the_old_list(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a new list cannot be written, the old one stays, and no partial file is left."""
    cache.store(REGIONS, NOW)
    monkeypatch.setattr(os, "replace", lambda source, target: os.rename(source, "/none/x"))
    cache.store(REGIONS[:1], NOW + 1)
    assert cache.load() == STORED
    assert files(cache) == {path_of(cache).name, "names"}


# How many seconds of pause the service asks for: the tested seconds after which the pause still lasts.
PAUSES = {30: [0, 29], 0: [], -5: [], 3600: [0, 29, 31, 59], 1e18: [0, 29, 31, 59]}


@pytest.mark.parametrize("seconds", PAUSES)
def test_how_long_a_pause_lasts(cache: Cache, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """A pause lasts as long as asked, but at most a minute, and does not count if the clock was set back."""
    now = [NOW]
    monkeypatch.setattr(time, "time", lambda: now[0])
    assert not cache.paused()
    cache.pause(seconds)
    paused = []
    for after in (-3600, 0, 29, 31, 59, 61):
        now[0] = NOW + after
        paused += [after] if cache.paused() else []
    assert paused == PAUSES[seconds]


def test_a_reader_finds_a_whole_list_at_any_moment(cache: Cache) -> None:
    """While many runs write, each reader finds one complete list or the other, and no temporary file is left."""
    lists = [REGIONS, tuple(Region(f"r{number}", "x" * 150, SshEndpoint("h")) for number in range(200))]

    def write_and_read(turn: int) -> RegionList | None:
        cache.store(lists[turn % 2], NOW)
        return cache.load()

    with ThreadPoolExecutor(8) as runs:
        assert all(found and found.regions in lists for found in runs.map(write_and_read, range(160)))
    assert files(cache) == {path_of(cache).name, "names"}


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/null", path)])
def test_an_odd_lock_holds_nobody_up(cache: Cache, make: Callable[[Path], None]) -> None:
    """A folder, a pipe or a device in place of the lock delays no run, and the list is still stored."""
    os.makedirs(cache.folder)
    make(path_of(cache, "lock"))
    with cache.turn(60):
        cache.store(REGIONS, NOW)
    assert cache.load() is not None
