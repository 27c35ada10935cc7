"""Many runs at once, and runs that are killed at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from conftest import OSC_FR1, Repo, Service, send

from git_scalingo_region.ssh.client import HostKey

pytestmark = pytest.mark.slow

HUNDRED = 100
STALE = OSC_FR1.replace(":22/", ":2200/")


class Outcome(NamedTuple):
    status: int
    stdout: str
    stderr: str


class Killed(NamedTuple):
    status: int
    texts: list[str | None]
    beside: list[str]


Task = list[str] | dict[str, list[tuple[str, str]]]


def adding(*remotes: tuple[str, str]) -> Task:
    """Return the run that adds these remotes, with their apps, in one step."""
    return {"remotes": list(remotes)}


def crowd(runs: Sequence[Task]) -> list[Outcome]:
    """Start all runs together; each has to succeed."""
    outcomes = [Outcome(*outcome) for outcome in helper("crowd", {"runs": runs})]
    assert [outcome.stderr for outcome in outcomes if outcome.status] == []
    return outcomes


def killed_at_each_step(run: Task, *files: tuple[Path, str | None]) -> list[Killed]:
    """Run from the same state of the files again and again, killed at one step after the other; the last run lives."""
    task = {"run": run, "files": [str(file) for file, _ in files], "old": [old for _, old in files]}
    *killed, whole = (Killed(*row) for row in helper("kill", task))
    assert whole.status == 0
    assert {run.status for run in killed} == {-signal.SIGKILL}
    assert whole.beside == []
    return [*killed, whole]


def helper(task: str, data: dict[str, Any]) -> Any:
    script = [sys.executable, str(Path(__file__).with_name("crowd.py")), task]
    done = subprocess.run(script, input=json.dumps(data), check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def left_over(repo: Repo) -> list[str]:
    return [path.name for path in repo.config.parent.glob("config.*")]


def test_a_hundred_runs_in_one_repository(repo: Repo) -> None:
    """A hundred runs at the same time, each with a remote of its own, all succeed and are all there."""
    crowd([adding((f"r{n}", f"app-{n}")) for n in range(HUNDRED)])

    assert set(repo.git("remote").split()) == {f"r{n}" for n in range(HUNDRED)}
    for n in range(HUNDRED):
        assert repo.git("config", "--get-all", f"remote.r{n}.url") == OSC_FR1.replace("myapp", f"app-{n}")
        assert repo.git("config", "--get-all", f"remote.r{n}.fetch") == f"+refs/heads/*:refs/remotes/r{n}/*"
    assert left_over(repo) == []


def test_a_hundred_runs_for_one_remote(repo: Repo) -> None:
    """A hundred runs that add the same remote make it once, and each says truly whether it was the one."""
    outcomes = crowd([adding(("scalingo", "myapp"))] * HUNDRED)

    assert sorted(outcome.stdout for outcome in outcomes) == ["created\n", *["unchanged\n"] * (HUNDRED - 1)]
    assert repo.git("config", "--get-all", "remote.scalingo.url") == OSC_FR1
    assert repo.git("config", "--get-all", "remote.scalingo.fetch") == "+refs/heads/*:refs/remotes/scalingo/*"
    assert left_over(repo) == []


def test_a_hundred_runs_in_several_files(repo: Repo) -> None:
    """Runs that change two files each, and name them in either order, never wait for each other for ever."""
    repo.git("config", "include.path", "team")
    team = repo.path / ".git" / "team"
    for n in range(HUNDRED):
        repo.git("config", "--file", str(team), f"remote.r{n}.url", STALE)
    pairs = [((f"r{n}", "myapp"), (f"new{n}", "myapp")) for n in range(HUNDRED)]
    crowd([adding(*(pair if n % 2 else reversed(pair))) for n, pair in enumerate(pairs)])

    assert repo.git("config", "--get-regexp", r"remote\..*\.url").split()[1::2] == [OSC_FR1] * (2 * HUNDRED)
    assert team.read_text().count(OSC_FR1) == HUNDRED
    assert left_over(repo) == []


def test_other_writers_lose_nothing(repo: Repo) -> None:
    """While our runs write, `git config` of others goes on, and neither loses a line."""
    codes: list[int] = []

    def others() -> None:
        for n in range(HUNDRED):
            key = f"other.k{n}"
            done = subprocess.run(["git", "config", key, "v"], cwd=repo.path, check=False, stderr=subprocess.DEVNULL)
            codes.append(done.returncode)

    thread = threading.Thread(target=others)
    thread.start()
    crowd([adding((f"r{n}", "myapp")) for n in range(20)])
    thread.join()

    assert len(repo.git("remote").split()) == 20
    # git itself does not wait for the lock: what it refused is not there, what it wrote is.
    assert repo.git("config", "--get-regexp", r"^other\.").count("\n") + 1 == codes.count(0)


@pytest.mark.parametrize("remote", ["scalingo", "new"])
def test_killed_at_any_moment_the_configuration_is_whole(repo: Repo, remote: str) -> None:
    """A run killed at each of its steps leaves each file as it was or as it is to be, and nobody reads a half."""
    repo.git("remote", "add", "scalingo", STALE)
    repo.git("config", "include.path", "team")
    team = repo.path / ".git" / "team"
    team.write_text(f'# ours\n[remote "scalingo"]\n\tpushurl = {STALE}\n')
    old = [repo.config.read_text(), team.read_text()]

    runs = killed_at_each_step(adding((remote, "myapp")), *zip((repo.config, team), old))

    new = runs[-1].texts
    assert (new[0] != old[0], new[1] != old[1]) == (True, remote == "scalingo")
    for before, after, texts in zip(old, new, zip(*(run.texts for run in runs))):
        count = texts.count(after) if after != before else 0
        assert texts == (*[before] * (len(texts) - count), *[after] * count)
    # What is left is the lock, as when git itself is killed, and copies, which nobody reads.
    assert {name.split(".")[0] for run in runs for name in run.beside} <= {"config", "team"}


@pytest.fixture
def limited(service: Service) -> Service:
    """Make the service answer 429 after sixty requests, as the platform's does within a minute."""
    lock = threading.Lock()
    left = [60]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        with lock:
            left[0] -= 1
            exhausted = left[0] < 0
        if exhausted:
            send(handler, 429, b"Retry later", Content_Type="text/plain", Retry_After="30")
        else:
            send(handler, 200, {"regions": service.regions})

    service.routes["GET", "/v1/regions"] = answer
    return service


def test_a_hundred_runs_share_one_fetch(
    make_repo: Callable[[str], Repo], limited: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred runs with an empty cache on one machine ask the service once, and all end with the right remote."""
    repo = make_repo("shared")
    monkeypatch.chdir(repo.path)

    outcomes = crowd([["add", "scw-par", "myapp", "--json", "-r", f"r{n}"] for n in range(HUNDRED)])

    assert {json.loads(outcome.stdout)["url"] for outcome in outcomes} == {OSC_FR1.replace("osc-fr1", "scw-par")}
    assert len(limited.requests) == 1


def test_over_the_limit_a_hundred_runs_fall_back(
    make_repo: Callable[[str], Repo], limited: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If no cache can be kept and the service refuses, every run ends with the right remote, and a warning."""
    repo = make_repo("uncached")
    monkeypatch.chdir(repo.path)
    monkeypatch.delenv("HOME")

    outcomes = crowd([["add", "osc-fr1", "myapp", "--json", "-r", f"r{n}"] for n in range(HUNDRED)])

    answers = [json.loads(outcome.stdout) for outcome in outcomes]
    assert {answer["url"] for answer in answers} == {OSC_FR1}
    sources = [answer["list_source"] for answer in answers]
    assert 0 < sources.count("api") <= 60  # a request that breaks is made once more
    assert sources.count("api") + sources.count("embedded") == HUNDRED
    assert all(len(answer["warnings"]) == (answer["list_source"] == "embedded") for answer in answers)


def test_after_a_429_nobody_asks_for_a_while(
    make_repo: Callable[[str], Repo], service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One refusal is enough for all runs of the machine: the others fall back without a request."""
    repo = make_repo("paused")
    monkeypatch.chdir(repo.path)
    service.routes["GET", "/v1/regions"] = lambda handler: send(handler, 429, b"Retry later", Retry_After="30")

    crowd([["add", "osc-fr1", "myapp", "--json", "-r", f"r{n}"] for n in range(20)])

    assert len(service.requests) == 1


def test_killed_at_any_moment_the_cache_is_whole(home: Path, service: Service) -> None:
    """A run killed at each of its steps leaves no cached list or a whole one."""
    folder = home / ".cache" / "git-scalingo-region"
    folder.mkdir(parents=True)
    place = service.url.removeprefix("http://").replace(":", "_")

    runs = killed_at_each_step(["list", "-q", "--refresh"], (folder / f"{place}-public.json", None))

    texts = [run.texts[0] for run in runs]
    assert texts[0] is None
    assert [json.loads(text)["regions"] for text in texts if text is not None] == [service.regions] * (
        len(texts) - texts.count(None)
    )


def test_killed_at_any_moment_known_hosts_is_whole(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A run of `trust` killed at each of its steps leaves the old file or the new one."""
    key = subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")],
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if key.returncode:
        pytest.skip("ssh-keygen makes no key")
    words = (tmp_path / "key.pub").read_text().split()
    fingerprint = HostKey(words[0], words[1]).fingerprint
    scan = tmp_path / "bin" / "ssh-keyscan"
    scan.parent.mkdir()
    scan.write_text(f"#!/bin/sh\necho host {words[0]} {words[1]}\n")
    scan.chmod(0o755)
    monkeypatch.setenv("PATH", f"{scan.parent}:{os.environ['PATH']}")
    known_hosts = home / "known" / "hosts"
    known_hosts.parent.mkdir()
    old = f"other.example {words[0]} {words[1]}"  # without the end of its line

    runs = killed_at_each_step(
        ["trust", "osc-fr1", "-q", "--known-hosts", str(known_hosts), "--fingerprint", fingerprint], (known_hosts, old)
    )

    new = f"{old}\nssh.osc-fr1.scalingo.com {words[0]} {words[1]}\n"
    texts = [run.texts[0] for run in runs]
    assert texts == [old] * texts.count(old) + [new] * texts.count(new)
    assert texts.count(new) > 0
    assert all(run.beside == [] for run in runs)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM])
def test_a_signal_ends_the_run_quietly(repo: Repo, service: Service, number: signal.Signals) -> None:
    """Ctrl-C and a termination end a run that waits for the service with 128 + the signal, without a traceback."""
    asked = threading.Event()
    released = threading.Event()

    def hang(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        released.wait(30)

    service.routes["GET", "/v1/regions"] = hang
    process = subprocess.Popen(
        [sys.executable, "-m", "git_scalingo_region", "add", "osc-fr1", "myapp"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert asked.wait(30)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    released.set()

    assert (process.returncode, stdout, stderr) == (128 + number, b"", b"")
