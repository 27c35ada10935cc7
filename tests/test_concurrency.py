"""Many runs at once, and runs that are killed at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler
from itertools import chain, repeat
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import OSC_FR1, PAR, STALE, Repo, Result, Service, answers, executable, hang
from ssh_server import needs_openssh

from git_scalingo_region.ssh.client import HostKey

pytestmark = pytest.mark.slow

HUNDRED = 100
LIST = ("GET", "/v1/regions")

Task = list[str] | dict[str, list[tuple[str, str]]]


class Killed(NamedTuple):
    status: int
    texts: list[str | None]
    beside: list[str]


def adding(*remotes: tuple[str, str]) -> Task:
    """Return a run that adds these remotes, given with their apps, in one step."""
    return {"remotes": list(remotes)}


def helper(task: str, data: dict[str, Any]) -> Any:
    script = [sys.executable, str(Path(__file__).with_name("crowd.py")), task]
    done = subprocess.run(script, input=json.dumps(data), check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def crowd(runs: Sequence[Task]) -> list[Result]:
    """Start all runs together, assert that each succeeds, and return their results."""
    results = [Result(*result) for result in helper("crowd", {"runs": runs})]
    assert [result.stderr for result in results if result.status] == []
    return results


def crowd_of_adds(region: str, count: int = HUNDRED) -> list[Any]:
    """Run `add` `count` times at once, each for a remote of its own, and return the JSON results."""
    return [result.json for result in crowd([["add", region, "myapp", "--json", "-r", f"r{n}"] for n in range(count)])]


def killed_at_each_step(run: Task, *files: tuple[Path, str | None]) -> list[Killed]:
    """Repeat the run from the same files, killed one step later each time until it completes; return all results."""
    task = {"run": run, "files": [str(file) for file, _ in files], "old": [old for _, old in files]}
    *killed, whole = (Killed(*row) for row in helper("kill", task))
    assert {run.status for run in killed} == {-signal.SIGKILL}
    assert (whole.status, whole.beside) == (0, [])
    return [*killed, whole]


def assert_old_then_new(texts: Sequence[str | None], old: str | None, new: str | None) -> None:
    """Assert that up to some step a killed run leaves the old text, and from then on the new one, but never another."""
    count = texts.count(new) if new != old else 0
    assert list(texts) == [old] * (len(texts) - count) + [new] * count


def test_a_hundred_runs_for_one_remote(repo: Repo) -> None:
    """If a hundred runs add the same remote at once, only one creates it, and only that one says so."""
    results = crowd([adding(("scalingo", "myapp"))] * HUNDRED)
    assert sorted(result.stdout for result in results) == ["created\n", *["unchanged\n"] * (HUNDRED - 1)]
    assert repo.git("config", "--get-all", "remote.scalingo.url") == OSC_FR1
    assert repo.git("config", "--get-all", "remote.scalingo.fetch") == "+refs/heads/*:refs/remotes/scalingo/*"
    assert not list(repo.config.parent.glob("config.*"))


def test_a_hundred_runs_in_several_files(repo: Repo) -> None:
    """If a hundred runs change two files each, in either order, all succeed, and no change is lost."""
    repo.git("config", "include.path", "team")
    team = repo.path / ".git" / "team"
    team.write_text("".join(f'[remote "r{n}"]\n\turl = {STALE}\n' for n in range(HUNDRED)))
    pairs = [((f"r{n}", f"app-{n}"), (f"new{n}", f"app-{n}")) for n in range(HUNDRED)]
    crowd([adding(*(pair if n % 2 else reversed(pair))) for n, pair in enumerate(pairs)])

    found = repo.git("config", "--get-regexp", r"^remote\.").splitlines()
    expected = [
        f"remote.{name}{n}.url {OSC_FR1.replace('myapp', f'app-{n}')}" for n in range(100) for name in ("r", "new")
    ]
    expected += [f"remote.new{n}.fetch +refs/heads/*:refs/remotes/new{n}/*" for n in range(HUNDRED)]
    assert sorted(found) == sorted(expected)
    assert team.read_text().count("[remote") == HUNDRED
    assert not [*repo.config.parent.glob("config.*"), *repo.config.parent.glob("team.*")]


def test_other_writers_lose_nothing(repo: Repo) -> None:
    """If `git config` writes at the same time as the program, neither loses what it wrote."""
    codes: list[int] = []

    def others() -> None:
        for n in range(HUNDRED):
            command = ["git", "config", f"other.k{n}", "v"]
            codes.append(subprocess.run(command, cwd=repo.path, check=False, stderr=subprocess.DEVNULL).returncode)

    thread = threading.Thread(target=others)
    thread.start()
    crowd([adding((f"r{n}", "myapp")) for n in range(20)])
    thread.join()

    assert len(repo.git("remote").split()) == 20
    # git itself does not wait for the lock: only the settings whose command succeeded are there.
    assert repo.git("config", "--get-regexp", r"^other\.").count("\n") + 1 == codes.count(0)


def test_killed_at_any_moment_the_configuration_is_whole(repo: Repo) -> None:
    """A run killed at any step leaves each file either old or new, so that no reader sees a partial file."""
    repo.git("remote", "add", "scalingo", STALE)
    repo.git("config", "include.path", "team")
    team = repo.path / ".git" / "team"
    team.write_text(f'# ours\n[remote "scalingo"]\n\tpushurl = {STALE}\n')
    old = [repo.config.read_text(), team.read_text()]

    runs = killed_at_each_step(adding(("scalingo", "myapp"), ("new", "myapp")), *zip((repo.config, team), old))

    new = runs[-1].texts
    assert (new[0] != old[0], new[1] != old[1]) == (True, True)
    for before, after, texts in zip(old, new, zip(*(run.texts for run in runs))):
        assert_old_then_new(texts, before, after)
    # Only locks, as when git itself is killed, and copies that no program reads are left.
    assert {name.split(".")[0] for run in runs for name in run.beside} <= {"config", "team"}


def test_a_hundred_runs_share_one_fetch(repo: Repo, service: Service) -> None:
    """If a hundred runs share an empty cache, only one asks the service, and all make the right remote."""
    assert {answer["url"] for answer in crowd_of_adds("scw-par")} == {PAR}
    assert len(service.requests) == 1


def test_over_the_limit_a_hundred_runs_fall_back(repo: Repo, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a cache, runs that the service refuses make the right remote from the built-in list, with a warning."""
    allowed, refused = answers(200, {"regions": service.regions}), answers(429, b"Retry later", Retry_After="30")
    responses = chain(repeat(allowed, 60), repeat(refused))  # the platform's limit per minute

    def answer(handler: BaseHTTPRequestHandler) -> None:
        next(responses)(handler)

    service.routes[LIST] = answer
    monkeypatch.delenv("HOME")
    found = crowd_of_adds("osc-fr1")
    assert {answer["url"] for answer in found} == {OSC_FR1}
    sources = [answer["list_source"] for answer in found]
    assert 0 < sources.count("api") <= 60  # a request that breaks is made once more
    assert sources.count("api") + sources.count("embedded") == HUNDRED
    assert all(len(answer["warnings"]) == (answer["list_source"] == "embedded") for answer in found)


def test_after_a_429_nobody_asks_for_a_while(repo: Repo, service: Service) -> None:
    """After a single 429, all runs on the machine fall back to the built-in list without another request."""
    service.routes[LIST] = answers(429, b"Retry later", Retry_After="30")
    crowd_of_adds("osc-fr1", 20)
    assert len(service.requests) == 1


def test_killed_at_any_moment_the_cache_is_whole(home: Path, service: Service) -> None:
    """A run killed at any step leaves either no cached list or a complete one, and its lock delays no other run."""
    folder = home / ".cache" / "git-scalingo-region"
    folder.mkdir(parents=True)
    place = service.url.removeprefix("http://").replace(":", "_")
    runs = killed_at_each_step(["list", "-q", "--refresh"], (folder / f"{place}-public.json", None))
    lists = [json.loads(text)["regions"] if (text := run.texts[0]) else None for run in runs]
    assert lists[-1] == service.regions
    assert_old_then_new([list_ and json.dumps(list_) for list_ in lists], None, json.dumps(service.regions))


@needs_openssh
def test_killed_at_any_moment_known_hosts_is_whole(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, other_key: HostKey
) -> None:
    """A run of `trust` killed at any step leaves the old known_hosts file or the new one, and no other file."""
    scan = executable(tmp_path / "bin" / "ssh-keyscan", f"#!/bin/sh\necho host {other_key}\n")
    monkeypatch.setenv("PATH", f"{scan.parent}:{os.environ['PATH']}")
    known_hosts = home / "known" / "hosts"
    known_hosts.parent.mkdir()
    old = f"other.example {other_key}"  # without a newline at its end

    line = f"trust osc-fr1 -q --known-hosts {known_hosts} --fingerprint {other_key.fingerprint}"
    runs = killed_at_each_step(line.split(), (known_hosts, old))

    assert_old_then_new([run.texts[0] for run in runs], old, f"{old}\nssh.osc-fr1.scalingo.com {other_key}\n")
    assert runs[-1].texts != [old]
    assert all(run.beside == [] for run in runs)


def test_a_signal_ends_the_run_quietly(repo: Repo, service: Service) -> None:
    """If Ctrl-C ends a run that waits for the service, it writes nothing and ends with 128 plus the signal's number."""
    asked = threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        hang(handler)

    service.routes[LIST] = answer
    command = [sys.executable, "-m", "git_scalingo_region", "add", "osc-fr1", "myapp"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert asked.wait(30)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout, stderr) == (128 + signal.SIGINT, b"", b"")
