"""Changes to the configuration: what is written, what stays the same, and what a failure leaves behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import STALE, Repo, Run, Service, git
from editing import KEY, OTHER, URL, planned, write, write_all

from git_scalingo_region import signals
from git_scalingo_region.errors import ExitStatus, RepositoryError
from git_scalingo_region.repository import changes
from git_scalingo_region.repository.changes import carry_out
from git_scalingo_region.repository.configuration import Configuration
from git_scalingo_region.repository.git import Repository, gitpython
from git_scalingo_region.repository.plan import Change, Plan
from git_scalingo_region.settings import LOCK_SECONDS


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the program give up at once if the configuration is locked."""
    monkeypatch.setattr(changes, "LOCK_SECONDS", 0.0)


def snapshot(folder: Path) -> dict[str, tuple[int, str | bytes]]:
    """Return the mode and the content, or the target of a link, of everything in a folder."""
    found: dict[str, tuple[int, str | bytes]] = {}
    for path in folder.rglob("*"):
        content = os.readlink(path) if path.is_symlink() else b"" if path.is_dir() else path.read_bytes()
        found[str(path.relative_to(folder))] = (path.lstat().st_mode, content)
    return found


def refusal(folder: Path, write: Callable[[], None]) -> str:
    """Call `write`, which must fail and change nothing in the folder, and return the message and the hints."""
    before = snapshot(folder)
    with pytest.raises(RepositoryError) as caught:
        write()
    assert snapshot(folder) == before
    assert caught.value.exit_status == ExitStatus.REPOSITORY
    return "; ".join([caught.value.message, *caught.value.hints])


FILE = """\
\ufeff# mine
[core]
\tbare = false ; as it is
[ReMoTe "r"] ; the app
    URL=old
\tpush = HEAD:main\r
  valueless
[remote "other"] url=elsewhere
[remote.dot]
\turl = "twice" # or more
\turl = a\\
b
; the end, without a newline"""


@pytest.mark.parametrize(
    ("key", "old", "new", "line", "lines"),
    [
        ("remote.r.url", ["old"], ["new"], "    URL=old\n", "\turl = new\n"),
        ("remote.r.url", ["old"], [" a #\u00a0\t\udcff"], "    URL=old\n", '\turl = " a #\u00a0\\t\udcff"\n'),
        ("remote.r.url", ["old"], ["old", "new"], "  valueless\n", "  valueless\n\turl = new\n"),
        ("remote.r.url", ["old"], [], "    URL=old\n", ""),
        ("remote.r.fetch", [], ["f"], "  valueless\n", "  valueless\n\tfetch = f\n"),
        ("remote.dot.url", ["twice", "ab"], ["ab"], '\turl = "twice" # or more\n\turl = a\\\nb\n', "\turl = ab\n"),
        ("remote.other.url", ["elsewhere"], ["x"], '"other"] url=elsewhere\n', '"other"]\n\turl = x\n'),
    ],
)
def test_every_other_line_stays(repo: Repo, key: str, old: list[str], new: list[str], line: str, lines: str) -> None:
    """A change rewrites only its own lines; comments, BOM, CRLF, odd spellings and the order of the rest stay."""
    repo.config.write_bytes(os.fsencode(FILE))
    assert FILE.count(line) == 1
    write(new, old, key=key)
    assert os.fsdecode(repo.config.read_bytes()) == FILE.replace(line, lines)


def test_several_values_are_written_in_order(repo: Repo) -> None:
    """A list of values can be replaced by any other one: longer, shorter, empty, or with empty values in it."""
    values: list[str] = []
    for new in (["a", "", "b"], ["", ""], ["-x", "a", "-x"], ["c"], [], ["d", "e"], ["d", "e", "f"]):
        write(new, values)
        assert [entry.value for entry in Repository().read().entries(KEY)] == new
        values = new


@pytest.mark.parametrize("mode", [0o444, 0o600, 0o664, 0o2755 if os.geteuid() == 0 else 0o755])
def test_link_and_mode_stay_and_nothing_is_left_behind(repo: Repo, tmp_path: Path, mode: int) -> None:
    """A linked configuration file stays a link, its target keeps its mode, and no other file is left behind."""
    real = repo.config.rename(tmp_path / "dotfile")
    repo.config.symlink_to(real)
    real.chmod(mode)
    before = snapshot(tmp_path)
    write([URL])
    assert git("config", "--file", str(real), KEY) == URL
    after = snapshot(tmp_path)
    assert {**after, "dotfile": ()} == {**before, "dotfile": ()}
    assert after["dotfile"][0] == before["dotfile"][0]


@pytest.mark.parametrize("holder", ["config", "inside.cfg", "../../outside.cfg", "linked"])
def test_nothing_is_written_elsewhere(
    repo: Repo, run: Run, service: Service, tmp_path: Path, home: Path, holder: str
) -> None:
    """`add` and `sync` change only the file that holds the remote, and runs that only read change only the cache."""
    file = repo.config.parent / ("../../target.cfg" if holder == "linked" else holder)
    with file.open("a") as target:
        target.write("".join(f'[remote "{name}"]\n\turl = {STALE}\n' for name in ("scalingo", "other")))
    if holder == "linked":
        (repo.config.parent / "linked").symlink_to(file.resolve())
    if holder != "config":
        repo.git("config", "include.path", holder)
    (home / ".netrc").write_text("default login me password word\n")

    def changed_by(*lines: str) -> set[str]:
        before = snapshot(tmp_path)
        assert {run(*line.split()).status for line in lines} <= {0, 7}
        after = snapshot(tmp_path)
        return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}

    cached = changed_by("list", "show", "url osc-fr1 a", "status", "doctor", "add osc-fr1 myapp -n", "sync -n")
    cache = home / ".cache"
    assert cached == {str(path.relative_to(tmp_path)) for path in (cache, *cache.rglob("*"))}
    assert changed_by("add osc-fr1 myapp", "sync") == {str(file.resolve().relative_to(tmp_path))}
    assert STALE not in file.read_text()


def test_a_dry_run_and_a_run_that_changes_nothing_take_no_lock(repo: Repo, no_wait: None) -> None:
    """If there is nothing to write, a lock held by another process is no obstacle."""
    repo.config.with_name("config.lock").touch()
    repository = Repository()
    plan = planned(Change("", KEY, (), (URL,)))
    assert carry_out(repository, repository.read(), lambda _: [plan], dry_run=True) == [plan]
    assert carry_out(repository, repository.read(), lambda _: [planned()], dry_run=False) == [planned()]


@pytest.mark.parametrize("of", ["file", "lock"])
def test_as_long_as_others_get_on_they_are_waited_for(repo: Repo, of: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run waits until the lock is gone, and waits longer if the file or the lock has changed in the meantime."""
    lock = repo.config.with_name("config.lock")
    lock.touch()
    now, waits = [0.0], []

    def sleep(seconds: float) -> None:
        assert KEY not in repo.git("config", "--list")
        waits.append(seconds)
        now[0] += LOCK_SECONDS * 0.9
        if now[0] > LOCK_SECONDS * 5:
            lock.unlink()
        else:
            os.utime(lock if of == "lock" else repo.config, (now[0], now[0]))

    monkeypatch.setattr(changes, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: now[0]))
    write([URL])
    assert repo.git("config", KEY) == URL
    assert len(set(waits)) > 1, "waiting processes should not wake up together"
    assert not lock.exists()


def test_a_lock_that_stays_is_named_and_left_alone(repo: Repo, no_wait: None) -> None:
    """If one of several files stays locked, the error names the lock, no file changes, and no other lock is left."""
    repo.git("config", "--file", ".git/team", "remote.t.url", OTHER)
    repo.git("config", "include.path", "team")
    origin = Repository().read().remote("t").urls[0].origin
    lock = repo.config.with_name("team.lock")
    lock.write_text("another's")
    both = Change("", KEY, (), (URL,)), Change(origin, "remote.t.url", (OTHER,), (URL,))
    hint = "if no git process is running in this repository, remove that file"
    assert refusal(repo.path, lambda: write_all(*both)) == f"the configuration is locked: {lock} exists; {hint}"


def test_a_plan_for_another_file_is_carried_out_there(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """If another process writes first, the plan is made anew under the lock, and any other file it needs is locked."""
    repo.config.with_name("team").write_text('[remote "r"]\n\turl = first\n')
    commands, editor, take = [("config", "include.path", "team")], gitpython, changes._take
    locked: list[str] = []

    def late() -> object:
        if commands:
            repo.git(*commands.pop())
        return editor()

    def noted(lock: str, path: str) -> None:
        locked.append(lock)
        take(lock, path)

    def decide(now: Configuration) -> list[Plan]:
        urls = now.remote("r").urls
        held = tuple(entry.value for entry in urls)
        return [planned(Change(urls[0].origin if urls else "", KEY, held, (*held, URL)))]

    monkeypatch.setattr(changes, "gitpython", late)
    monkeypatch.setattr(changes, "_take", noted)
    repository = Repository()
    carry_out(repository, repository.read(), decide, dry_run=False)
    for options in ((), ("--file", ".git/team")):
        assert repo.git("config", *options, "--get-all", KEY).split() == ["first", URL]
    assert [Path(lock).name for lock in locked] == ["config.lock", "team.lock"]
    assert not list(repo.config.parent.glob("*.lock"))


@pytest.mark.parametrize("new", [(URL,), ()])
def test_a_file_that_git_reads_twice_is_refused(repo: Repo, new: tuple[str, ...]) -> None:
    """A file that git reads more than once, even the repository's own, is not edited, and the error names it."""
    repo.git("config", KEY, OTHER)
    git("config", "--global", "include.path", str(repo.config))
    wanted = [Change(entry.origin, KEY, (OTHER,), new) for entry in Repository().read().remote("r").urls]
    message = refusal(repo.path, lambda: write_all(*wanted))
    assert message == f"git reads {repo.config} more than once: include it only once"


def test_what_cannot_be_written_is_said_in_one_sentence(repo: Repo) -> None:
    """If the folder is missing or git refuses an edit, one sentence says so, and nothing changes or is left behind."""
    file = repo.path / "none" / "config"
    message = refusal(repo.path, lambda: write([URL], origin=f"file:{file}"))
    assert message == f"cannot write {file}: No such file or directory"
    both = Change("", KEY, (), (URL,)), Change("", "remote.r.b_ad", (), ("x",))
    message = refusal(repo.path, lambda: write_all(*both))
    assert message == "git cannot edit its configuration: invalid key: remote.r.b_ad"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_must_not_be_written_is_named(repo: Repo) -> None:
    """If the git directory is not writable, nothing changes, and the error says why."""
    repo.config.parent.chmod(0o555)
    try:
        assert refusal(repo.path, lambda: write([URL])) == f"cannot write {repo.config}: Permission denied"
    finally:
        repo.config.parent.chmod(0o755)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    can_mount = os.geteuid() == 0 and shutil.which("mount")
    if not can_mount or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk, if the system allows it")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("pages", [0, 3], ids=["the copy", "git's edit"])
def test_a_full_disk_loses_nothing(small_disk: Path, pages: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the disk is full, the configuration stays as it was, no file is left beside it, and the error says why."""
    git("init", "--quiet", "--template=", str(small_disk))
    with (small_disk / ".git" / "config").open("a") as file:
        file.write("# a comment\n" * 1000)
    filling = small_disk / "filling"
    with filling.open("wb", buffering=0) as fill, contextlib.suppress(OSError):
        while True:
            fill.write(b"x" * 4096)
    os.truncate(filling, filling.stat().st_size - pages * 4096)
    monkeypatch.chdir(small_disk)
    message = refusal(small_disk, lambda: write([URL]))
    assert "No space left on device" in message or "failed to write new configuration file" in message


SIGNALS = [getattr(signal, name) for name in signals.NAMES]


@pytest.fixture
def handled() -> Iterator[None]:
    """Install the program's own signal handlers until the test ends."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signals.install()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("moment", ["sleep", "_take", "_edit", "_run", "rename"])
def test_a_signal_waits_until_git_has_ended(
    repo: Repo, handled: None, number: int, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal ends the run before anything changes, or, if the new file is just being put in place, right after."""
    # A copy, because threads of other tests may still be sleeping.
    clock = SimpleNamespace(sleep=time.sleep, monotonic=time.monotonic)
    monkeypatch.setattr(changes, "time", clock)
    owner: object = {"rename": os, "sleep": clock}.get(moment, changes)
    original, calls = getattr(owner, moment), []

    def interrupted(*arguments: object) -> object:
        calls.append(arguments)
        os.kill(os.getpid(), number)
        return original(*arguments)

    monkeypatch.setattr(owner, moment, interrupted)
    if moment == "sleep":
        repo.config.with_name("config.lock").touch()
    before = snapshot(repo.path)
    with pytest.raises(signals.Interrupted) as caught:
        write([URL])
    assert (caught.value.signal, len(calls)) == (number, 1)
    if moment == "rename":
        assert repo.git("config", KEY) == URL
        assert snapshot(repo.path).keys() == before.keys()
    else:
        assert snapshot(repo.path) == before
