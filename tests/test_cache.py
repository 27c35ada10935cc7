"""`cache`: what is kept and how, what is a miss, and many runs at the same time."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from git_scalingo_region.model import ListSource, Region, RegionList, SshEndpoint
from git_scalingo_region.scalingo.cache import PUBLIC, Cache, is_fresh

SERVICE = "https://auth.example.org:8443/path"
TOKEN = "tk-us-secret"
REGIONS = (
    Region(
        "osc-fr1", "Paris - \u00e9", SshEndpoint("h.example.org", 2222), "https://a", "https://d", "https://b", True
    ),
    Region("scw-par", "", SshEndpoint("::1")),
)
NOW = 1_750_000_000.25


@pytest.fixture
def cache(home: Path) -> Cache:
    return Cache.for_token(str(home / "cache" / "regions"), SERVICE, "")


def path_of(cache: Cache, suffix: str = "json") -> Path:
    return Path(cache.folder) / f"auth.example.org_8443_path-{cache.account}.{suffix}"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files(cache: Cache) -> set[str]:
    return set(os.listdir(cache.folder))


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_what_is_stored_is_loaded(cache: Cache) -> None:
    """A list comes back as it was, in files that only the user can read, with its names beside it."""
    assert cache.load() is None
    cache.store(REGIONS, NOW)
    assert cache.load() == RegionList(REGIONS, ListSource.CACHE, NOW)
    assert json.loads(path_of(cache).read_text()) == {
        "version": 1,
        "service": SERVICE,
        "account": PUBLIC,
        "fetched_at": NOW,
        "regions": [region.to_json() for region in REGIONS],
    }
    assert (Path(cache.folder) / "names").read_text() == "osc-fr1\nscw-par\n"
    assert files(cache) == {path_of(cache).name, "names"}
    assert mode(Path(cache.folder)) == 0o700
    assert {mode(Path(cache.folder) / name) for name in files(cache)} == {0o600}


def test_files_are_private_whatever_the_umask(cache: Cache) -> None:
    """A umask of 0, as in many containers, opens neither the folder nor a file."""
    before = os.umask(0)
    try:
        with cache.turn(1):
            cache.store(REGIONS, NOW)
            cache.pause(10)
    finally:
        os.umask(before)
    assert mode(Path(cache.folder)) == 0o700
    assert {mode(Path(cache.folder) / name) for name in files(cache)} == {0o600}
    assert len(files(cache)) == 4


def test_each_account_and_service_has_a_list_of_its_own(cache: Cache) -> None:
    """The list of one account or service is not shown for another, and only a hash of a token is kept."""
    account = Cache.for_token(cache.folder, SERVICE, TOKEN)
    account.store(REGIONS, NOW)
    others = [Cache.for_token(cache.folder, SERVICE, ""), Cache.for_token(cache.folder, SERVICE, f"{TOKEN}x")]
    others.append(Cache.for_token(cache.folder, "https://auth.example.org", TOKEN))
    assert [other.load() for other in others] == [None, None, None]
    assert account.load() == RegionList(REGIONS, ListSource.CACHE, NOW)
    assert not any(TOKEN in name or TOKEN in (Path(cache.folder) / name).read_text() for name in files(cache))


def test_an_address_is_no_path(home: Path) -> None:
    """Nothing in a service's address leads out of the folder, and a long one is not too long a name."""
    for address in ("https://../../x", "https://h/../../../x", f"https://{'a' * 300}"):
        cache = Cache(str(home / "cache"), address)
        cache.store(REGIONS, NOW)
        assert cache.load() is not None
    assert os.listdir(home / "cache").count("names") == 1
    assert len(os.listdir(home / "cache")) == 4
    assert sorted(os.listdir(home)) == [".gitconfig", "cache"]


@pytest.mark.parametrize(
    ("age", "expected"), [(0, True), (86399, True), (86401, False), (-1, False), (-1e9, False), (NOW, False)]
)
def test_a_list_is_fresh_for_a_time(monkeypatch: pytest.MonkeyPatch, age: float, expected: bool) -> None:
    """A list is fresh until it is as old as said; one from the future, after the clock jumped, is not."""
    monkeypatch.setattr(time, "time", lambda: NOW)
    assert is_fresh(RegionList(REGIONS, ListSource.CACHE, NOW - age), seconds=86400) is expected
    assert not is_fresh(RegionList(REGIONS, ListSource.BUILT_IN, None), seconds=86400)


# --- what is a miss --------------------------------------------------------------------------------------------------


def changed(**fields: Any) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))

    return change


def without(field: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        value = json.loads(path.read_text())
        del value[field]
        path.write_text(json.dumps(value))

    return change


def replaced(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.unlink()
        make(path)

    return change


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


ODDITIES = {
    "empty": lambda path: path.write_bytes(b""),
    "half": half,
    "binary": lambda path: path.write_bytes(b"\xff\x00\xfe"),
    "deep": lambda path: path.write_text("[" * 100_000),
    "list": lambda path: path.write_text("[]"),
    "null": lambda path: path.write_text("null"),
    "text": lambda path: path.write_text('"version"'),
    "another version": changed(version=2),
    "another service": changed(service="https://auth.scalingo.com"),
    "another account": changed(account="0123456789abcdef"),
    "no time": without("fetched_at"),
    "no region": changed(regions=[]),
    "an odd region": changed(regions=[{"name": "a", "ssh": "-oProxyCommand=x"}]),
    "two defaults": changed(
        regions=[{"name": "a", "ssh": "h", "default": True}, {"name": "b", "ssh": "h", "default": True}]
    ),
    "time as a text": changed(fetched_at="1"),
    "time null": changed(fetched_at=None),
    "time negative": changed(fetched_at=-1),
    "time not a number": changed(fetched_at=float("nan")),
    "time infinite": changed(fetched_at=float("inf")),
    "time beyond the calendar": changed(fetched_at=1e300),
    "time of many digits": changed(fetched_at=10**400),
    "huge": lambda path: path.write_bytes(path.read_bytes() + b" " * (1 << 20)),
    "folder": replaced(Path.mkdir),
    "named pipe": replaced(os.mkfifo),
    "endless device": replaced(lambda path: path.symlink_to("/dev/zero")),
    "link to nowhere": replaced(lambda path: path.symlink_to("none")),
    "link to itself": replaced(lambda path: path.symlink_to(path)),
}


@pytest.mark.parametrize("oddity", ODDITIES)
def test_an_odd_file_is_a_miss_and_is_replaced(cache: Cache, oddity: str) -> None:
    """An odd file is a miss, not a crash, and the next list takes its place."""
    cache.store(REGIONS, NOW)
    ODDITIES[oddity](path_of(cache))
    assert cache.load() is None
    cache.store(REGIONS, NOW)
    assert (cache.load() is None) == (oddity == "folder")
    assert files(cache) == {path_of(cache).name, "names"}


def test_a_pipe_with_a_list_in_it_is_a_miss(cache: Cache) -> None:
    """A pipe is not read, even if a list would come out of it."""
    cache.store(REGIONS, NOW)
    text = path_of(cache).read_bytes()
    path_of(cache).unlink()
    os.mkfifo(path_of(cache))
    pipe = os.open(path_of(cache), os.O_RDWR)
    os.write(pipe, text)
    assert cache.load() is None
    assert os.read(pipe, len(text)) == text
    os.close(pipe)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_a_miss(cache: Cache) -> None:
    """A list that somebody else put there is not used."""
    cache.store(REGIONS, NOW)
    os.chown(path_of(cache), 12345, 12345)
    assert cache.load() is None


def test_a_system_without_users_or_pipes_has_a_cache(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not every system has user ids, O_NONBLOCK or fcntl."""
    monkeypatch.delattr(os, "geteuid")
    monkeypatch.delattr(os, "O_NONBLOCK")
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with cache.turn(60) as is_our_turn:
        cache.store(REGIONS, NOW)
    assert is_our_turn
    assert cache.load() == RegionList(REGIONS, ListSource.CACHE, NOW)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_a_file_that_cannot_be_read_is_a_miss(cache: Cache) -> None:
    """A list that may not be read is a miss."""
    cache.store(REGIONS, NOW)
    path_of(cache).chmod(0)
    assert cache.load() is None


def no_folder(home: Path) -> str:
    return ""


def behind_a_file(home: Path) -> str:
    (home / "file").touch()
    return str(home / "file" / "cache")


def read_only(home: Path) -> str:
    if os.geteuid() == 0:
        pytest.skip("root can write everywhere")
    (home / "locked").mkdir(mode=0o500)
    return str(home / "locked" / "cache")


def link_to_nowhere(home: Path) -> str:
    (home / "link").symlink_to("none/cache")
    return str(home / "link")


@pytest.mark.parametrize("make", [no_folder, behind_a_file, read_only, link_to_nowhere])
def test_without_a_usable_folder_nothing_is_kept(home: Path, make: Callable[[Path], str]) -> None:
    """If the folder cannot be made, every load is a miss, and it is always our turn."""
    cache = Cache(make(home), SERVICE)
    with cache.turn(60):
        cache.store(REGIONS, NOW)
        cache.pause(30)
    assert cache.load() is None
    assert not cache.paused()


def test_a_full_disk_leaves_the_old_list(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a list cannot be written, the old one stays, and nothing half-written is left."""
    cache.store(REGIONS, NOW)

    def full(source: object, target: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    cache.store(REGIONS[:1], NOW + 1)
    assert cache.load() == RegionList(REGIONS, ListSource.CACHE, NOW)
    assert files(cache) == {path_of(cache).name, "names"}


# --- a pause ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "after", "expected"),
    [
        *((30, 0, True), (30, 29, True), (30, 31, False), (0, 0, False), (-5, 0, False)),
        *((3600, 1, True), (3600, 59, True), (3600, 61, False), (1e18, 1, True), (30, -3600, False)),
    ],
)
def test_a_pause_lasts_as_long_as_the_service_says_but_at_most_a_minute(
    cache: Cache, monkeypatch: pytest.MonkeyPatch, seconds: float, after: float, expected: bool
) -> None:
    """A pause ends by itself, after a minute at most, and does not count if the clock was set back."""
    assert not cache.paused()
    monkeypatch.setattr(time, "time", lambda: NOW)
    cache.pause(seconds)
    monkeypatch.setattr(time, "time", lambda: NOW + after)
    assert cache.paused() is expected


# --- many at once ----------------------------------------------------------------------------------------------------


def test_a_reader_finds_a_whole_list_at_any_moment(cache: Cache) -> None:
    """While many runs write, each reader finds one list or the other, and no other file is left at the end."""
    lists = [REGIONS, tuple(Region(f"r{number}", "x" * 150, SshEndpoint("h")) for number in range(200))]
    cache.store(lists[0], NOW)
    failures: list[object] = []

    def write(index: int) -> None:
        for _ in range(40):
            cache.store(lists[index % 2], NOW)

    def read() -> None:
        while any(writer.is_alive() for writer in writers):
            found = cache.load()
            if found is None or found.regions not in lists:
                failures.append(found)

    writers = [threading.Thread(target=write, args=(index,)) for index in range(4)]
    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in (*writers, *readers):
        thread.start()
    for thread in (*writers, *readers):
        thread.join()
    assert failures == []
    assert files(cache) == {path_of(cache).name, "names"}


def test_one_has_its_turn_at_a_time(cache: Cache) -> None:
    """Of many that want a turn, no two have it at the same time, and all get it."""
    inside: list[int] = []
    most: list[int] = []

    def take() -> None:
        with cache.turn(60):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0)  # lets another thread run, which must not get in
            inside.pop()

    threads = [threading.Thread(target=take) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 20


def test_a_turn_is_waited_for_so_long_and_no_longer(cache: Cache) -> None:
    """If another run keeps its turn, we go on without it when the time is over."""
    with cache.turn(1):
        started = time.monotonic()
        with cache.turn(0.1):
            waited = time.monotonic() - started
    assert 0.1 <= waited < 8


def test_a_turn_ends_with_the_process_that_has_it(cache: Cache) -> None:
    """The lock of a run that was killed delays nobody."""
    code = (
        "import sys, time; from git_scalingo_region.scalingo.cache import Cache\n"
        "with Cache(sys.argv[1], sys.argv[2]).turn(60): print('mine', flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", code, cache.folder, cache.service]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "mine\n"
        with path_of(cache, "lock").open() as lock:
            with pytest.raises(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            holder.send_signal(signal.SIGKILL)
            holder.wait(10)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/null", path)])
def test_an_odd_lock_holds_nobody_up(cache: Cache, make: Callable[[Path], None]) -> None:
    """With a folder, a pipe or a device in place of the lock, only the sharing is lost."""
    os.makedirs(cache.folder)
    make(path_of(cache, "lock"))
    with cache.turn(60):
        cache.store(REGIONS, NOW)
    assert cache.load() is not None
