"""Repositories and environments made hostile on purpose: each command works, or ends with one clean sentence."""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import OSC_FR1, SECNUM, Repo, Result, Run, Service
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from git_scalingo_region.model import RemoteUrl

OLD = OSC_FR1.replace(":22/", ":2200/")
GONE = "git@scalingo.com:myapp.git"
ELSEWHERE = "git@example.org:me/myapp.git"
SECRET = "tk-us-do-not-show"
WARNING = "warning: offline; using the built-in list of regions (the platform's documentation of 2026-01-02)\n"

# What a verb may end with, whatever it meets: 1, a bug, is never among it.
STATUSES = {
    "add": {0, 2, 3, 5, 6},
    "url": {0, 2, 3, 5},
    "list": {0, 2, 5},
    "show": {0, 2, 3, 5},
    "status": {0, 5, 6, 7},
    "sync": {0, 5, 6},
    "doctor": {0, 2, 7},
}
COMMANDS = [
    ["add", "osc-fr1", "myapp"],
    ["add", "myapp"],
    ["add", "osc-fr1", "myapp", "--force"],
    ["url", "myapp"],
    ["list"],
    ["show"],
    ["status"],
    ["sync"],
    ["doctor"],
]
VERBS = [["add", "osc-fr1", "myapp"], ["url", "osc-fr1", "myapp"], *([v] for v in ("list", "show", "status", "sync"))]
# What a terminal could obey, a line break apart: C0, C1, invisible and bidirectional marks, broken characters.
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def assert_clean(result: Result, verb: str, *, as_json: bool = False) -> None:
    """Assert that a run worked, or ended with one sentence, and that no terminal can be harmed by what it wrote."""
    written = result.stdout + result.stderr
    assert not CONTROL.search(written)
    assert "Traceback" not in written
    assert SECRET not in written
    assert result.status in STATUSES[verb]
    if as_json:
        assert isinstance(result.json if result.stdout else result.error, dict)
        return
    labels = [line.partition(": ")[0] for line in result.stderr.removesuffix("\n").split("\n") if result.stderr]
    assert set(labels) <= {"warning", "error", "hint"}
    # Without a result on stdout there is an error, and only then.
    assert labels.count("error") == (not result.stdout)
    assert result.status or result.stdout


def write_config(repo: Repo, *fragments: str | bytes) -> bytes:
    """Append the fragments to a repository's configuration, and return it."""
    text = repo.config.read_bytes() + b"\n".join(f.encode() if isinstance(f, str) else f for f in fragments) + b"\n"
    repo.config.write_bytes(text)
    return text


# --- repositories made by someone else -------------------------------------------------------------------------------

OPTIONS = ("--upload-pack=touch x", "-oProxyCommand=touch x", "--exec=touch${IFS}x")
NAMES = (
    "scalingo",
    *OPTIONS,
    "$(touch${IFS}x)",
    "`touch x`",
    "../../x",
    "x.lock",
    "a b",
    "q\\\"\\\\'",
    "\x1b]0;x\x07",
    "\x9b2J\r\b",
    "\u202e\u200b",
    "\x7f",
    "日本",
    "",
    "n" * 5000,
)
URLS = (
    OSC_FR1,
    OLD,
    SECNUM.replace(":22/", ":2200/"),
    "git@ssh.agora-fr1.scalingo.com:gone.git",
    ELSEWHERE,
    *OPTIONS,
    "ext::sh -c touch% x",
    "file:///etc/passwd",
    "ssh://-oProxyCommand=touch${IFS}x/myapp.git",
    "ssh://git@-oProxyCommand=x.scalingo.com:22/myapp.git",
    "-oProxyCommand=x@ssh.osc-fr1.scalingo.com:myapp.git",
    "ssh://git@ssh.osc-fr1.scalingo.com:99999/myapp.git",
    "ssh://git@ssh.osc-fr1.scalingo.com:٢٢/myapp.git",
    "git@ssh.osc-fr1.scalingo.com:--upload-pack=x.git",
    "git@ssh.osc-fr1.scalingo.com:myapp.git\\n\\b",
    "git@evil\x1b[2J.scalingo.com:\x9bapp.git",
    "ssh://git@\u017fcalingo.com:22/myapp.git",
    "\u202etig.ppaym",
    "",
    "x" * 70_000,
)
VARIABLES = ("url", "URL", "pushurl", "vcs", "fetch", "push", "proxy", "uploadpack", "receivepack", "x-y")


def section(name: str, *lines: str, kind: str = "remote") -> bytes:
    """Return a configuration section as git writes it."""
    escaped = name if "\\" in name else name.replace('"', '\\"')
    return "".join([f'[{kind} "{escaped}"]\n', *(f"\t{line}\n" for line in lines)]).encode()


def variable(name: str, value: str) -> str:
    return f'{name} = "{value}"'


FRAGMENTS = (
    b"[remote]\n\turl = x\n",
    b'[remote "scalingo"]\n\turl\n',
    b'[remote "scalingo"]\n\turl = git@scalingo.com:\xff\xfe.git\n',
    b'[remote "\xff\x80"]\n\turl = git@scalingo.com:app.git\n\tpushurl = \xe2\x80\n',
    b'[remote "nul"]\n\turl = git@scalingo.com:a\0b.git\n',
    b'[remote "scal\0ingo"]\n\turl = git@scalingo.com:a.git\n',
    b'[remote "crlf"]\r\n\turl = git@scalingo.com:a.git\r\n',
    b"\xef\xbb\xbf[core]\n",
    b"[include]\n\tpath = missing.cfg\n",
    b"[include]\n\tpath = config\n",
    b"[include]\n\tpath = ..\n",
    b"[include]\n\tpath = ~nobody-at-all/x\n",
    b"[include]\n\tpath\n",
    b"[include]\n\tpath = side.cfg\n",
    b'[includeIf "hasconfig:remote.*.url:**"]\n\tpath = side.cfg\n',
    b'[includeIf "gitdir:**"]\n\tpath = side.cfg\n',
    b"[core]\n\trepositoryformatversion = 9\n",
    b"[core]\n\trepositoryformatversion = 1\n[extensions]\n\tnonsense = true\n",
    b"[extensions]\n\tworktreeConfig = true\n",
    b"[core]\n\tbare = perhaps\n",
    b"[core]\n\tbare = true\n",
    b"[core]\n\tworktree = /nonexistent\n",
    b"[scalingo]\n\tregion = osc-secnum-fr1\n",
    b"[scalingo]\n\tregion = -oProxyCommand=x\n",
    b"[scalingo]\n\tregion = \x1b[2J\n",
    b"[scalingo]\n\tregion = nowhere\n",
    b"[scalingo]\n\tregion\n",
    b'[url "ext::sh -c touch% x "]\n\tinsteadOf = ssh://\n',
    b'[url "\x1b[2J"]\n\tpushInsteadOf = git@\n\tinsteadOf\n',
    b'[url "git@ssh.osc-fr1.scalingo.com:"]\n\tinsteadOf = ""\n',
    b"[push]\n\tfollowTags = perhaps\n",
    b"[",
    b'[remote "',
    b'[remote "x"]\n\turl = "never closed\n',
    b"= x\n",
    b"\x1b[2J\n",
    b"[core]\n\tx = \\q\n",
)


def push_urls(repo: Repo) -> list[RemoteUrl | None] | None:
    """Return where git pushes to; None where git refuses to push at all, as it does for a refspec that is none."""
    try:
        return [RemoteUrl.try_parse(url) for url in repo.push_urls()]
    except subprocess.CalledProcessError:
        return None


def refused_by_git(repo: Repo) -> bool:
    """Whether git refuses the repository's configuration, or to list its remotes."""
    commands = [["git", "config", "--list"], ["git", "remote", "--verbose"]]
    return any(subprocess.run(c, cwd=repo.path, check=False, capture_output=True).returncode for c in commands)


remote_sections = st.builds(
    section,
    st.sampled_from(NAMES),
    st.sampled_from(VARIABLES).flatmap(lambda name: st.sampled_from(URLS).map(lambda url: variable(name, url))),
    st.sampled_from(["", variable("url", OLD), variable("pushurl", ELSEWHERE), variable("fetch", "+refs/*:refs/*")]),
)


@pytest.fixture
def hostile(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """Make a repository, beside whose configuration lies a file to include, and set a token."""
    repo.config.with_name("side.cfg").write_bytes(section("scalingo", variable("url", OLD)))
    monkeypatch.setenv("SCALINGO_API_TOKEN", SECRET)
    return repo


@settings(max_examples=250, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fragments=st.lists(st.sampled_from(FRAGMENTS) | remote_sections, min_size=1, max_size=4),
    command=st.sampled_from(COMMANDS),
    as_json=st.booleans(),
)
def test_whatever_the_configuration_says(
    hostile: Repo, run: Run, fragments: list[bytes], command: list[str], *, as_json: bool
) -> None:
    """Of hundreds of configurations none breaks a verb, none is half-written, and a success of `add` is one."""
    side = hostile.config.with_name("side.cfg")
    was, beside = hostile.config.read_bytes(), side.read_bytes()
    try:
        written = write_config(hostile, *fragments)
        result = run(*command, "--offline", *(["--json"] if as_json else []))
        assert_clean(result, command[0], as_json=as_json)
        after = hostile.config.read_bytes(), side.read_bytes()
        if command[0] not in ("add", "sync") or (command[0] == "add" and result.status):
            # A refspec that is none, or a rule without a prefix, git refuses only when it is asked about remotes.
            assert after == (written, beside) or (command[0] == "add" and refused_by_git(hostile))
            # Where git has no objection there is none to writing either: but git reads no further than a NUL.
            assert result.status != 5 or b"[include" in written or b"\0" in written or refused_by_git(hostile)
        elif command[:2] == ["add", "osc-fr1"]:
            pushed = push_urls(hostile)
            assert pushed in (None, [RemoteUrl.parse(OSC_FR1)]) or "goes to" in result.stdout + result.stderr
    finally:
        hostile.config.write_bytes(was)
        side.write_bytes(beside)


def test_remotes_with_names_and_urls_made_to_mislead(hostile: Repo, run: Run) -> None:
    """Option-like, escaping and malformed remotes are listed by what they are, and none is taken for Scalingo's."""
    names = [name for name in NAMES if name not in ("", "scalingo") and "\\" not in name]
    urls = [url for url in URLS if "\\" not in url]
    write_config(hostile, *(section(name, variable("url", SECNUM)) for name in names))
    write_config(hostile, *(section(f"u{n}", variable("url", url)) for n, url in enumerate(urls)))

    result = run("status", "--offline", "--json")

    ours = {item["remote"]: item["url"] for item in result.json["remotes"]}
    assert ours == dict.fromkeys(names, SECNUM) | {f"u{n}": url for n, url in enumerate(urls[:4])}
    for name in names:
        assert_clean(shown := run("status", "--offline", "--", name), "status")
        assert shown.status == 0
        assert run("add", "osc-fr1", "myapp", "--offline", f"--remote={name}").status in (
            (2,) if name[0] == "-" else (0, 2)
        )


@pytest.mark.parametrize("name", [*OPTIONS, "a b", "a\nb", "\x1b[2J", "a..b", "x.lock", "a:b", "-", "\udc80 "])
def test_a_name_that_cannot_be_a_remote_is_none(repo: Repo, run: Run, name: str) -> None:
    """A remote's name that git or a shell could take for something else is refused before anything is done."""
    for verb in (["add", "osc-fr1", "myapp", f"--remote={name}"], ["doctor", "--", name]):
        result = run(*verb, "--offline")
        assert_clean(result, verb[0])
        assert result.status == 2


@pytest.mark.slow
def test_ten_thousand_remotes(repo: Repo, run: Run) -> None:
    """Every Scalingo remote of ten thousand is found with its state, and of the stale ones those named are updated."""
    lines = []
    for n in range(10_000):
        url = (f"git@example.org:{n}.git", OSC_FR1, OLD, SECNUM)[n % 4]
        lines.append(f'[remote "r{n}"]\n\turl = {url}\n')
    before = write_config(repo, "".join(lines))

    found = run("status", "--offline", "--json").json["remotes"]
    assert [item["remote"] for item in found] == [f"r{n}" for n in range(10_000) if n % 4]
    assert [item["state"] for item in found] == ["current", "stale", "current"] * 2500
    assert run("sync", "r9998", "r9999", "--offline").stdout.endswith("\n1 remote updated, 1 left as it was\n")
    assert repo.config.read_bytes() == OSC_FR1.encode().join(before.rsplit(OLD.encode(), 1))
    assert run("add", "osc-fr1", "myapp", "--offline").stdout.startswith("Created remote 'scalingo'\n")


def test_no_region_is_guessed_where_git_refuses_the_configuration(repo: Repo, run: Run) -> None:
    """Where scalingo.region stands in a configuration that cannot be read, the default is not taken without a word."""
    write_config(repo, b"[scalingo]\n\tregion = osc-secnum-fr1\n[\n")

    assert "git says: bad config line" in run("url", "myapp", "--offline").stderr


@pytest.mark.parametrize("path", ["{}/side.cfg", "side.cfg", "missing.cfg"])
def test_a_configuration_with_includes_can_be_written(hostile: Repo, run: Run, path: str) -> None:
    """An include, of a missing file as well, is no hindrance to a remote beside it."""
    before = write_config(hostile, f"[include]\n\tpath = {path.format(hostile.config.parent)}")

    assert run("add", "osc-fr1", "myapp", "--offline", "-r", "new").status == 0
    assert hostile.push_urls("new") == [OSC_FR1]
    assert hostile.config.read_bytes().startswith(before)


def test_a_remote_that_git_cannot_push_to_is_no_success(repo: Repo, run: Run) -> None:
    """Where git refuses the remote, because of a refspec that is none, the output does not say that it works."""
    write_config(repo, section("scalingo", "fetch = :::"))

    result = run("add", "osc-fr1", "myapp", "--offline")

    assert result.status == 5
    assert "error: git says: invalid refspec ':::'\n" in result.stderr


# --- nothing is executed, nothing is written elsewhere ---------------------------------------------------------------


def arm(repo: Repo, marker: Path) -> None:
    """Set all that makes git run a command to one that makes the marker."""
    script = repo.path / "script"
    script.write_text(f"#!/bin/sh\nexec touch {shlex.quote(str(marker))}\n")
    script.chmod(0o755)
    hooks = repo.path / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-commit", "post-checkout", "pre-push", "post-index-change", "reference-transaction", "fsmonitor"):
        (hooks / name).write_bytes(script.read_bytes())
        (hooks / name).chmod(0o755)
    (repo.path / ".gitattributes").write_text("* filter=f diff=f merge=f\n")
    (repo.path / "file").write_text("text\n")
    repo.git("add", ".")
    keys = ["core.sshCommand", "core.fsmonitor", "core.editor", "core.pager", "core.askPass", "core.gitProxy"]
    keys += ["credential.helper", "diff.external", "diff.f.textconv", "filter.f.clean", "filter.f.smudge"]
    keys += ["filter.f.process", "merge.f.driver", "gpg.program", "sequence.editor", "uploadpack.packObjectsHook"]
    keys += [f"pager.{verb}" for verb in ("config", "remote", "rev-parse", "ls-remote")]
    keys += [f"alias.{verb}" for verb in ("config", "remote", "rev-parse", "symbolic-ref")]
    for remote in ("scalingo", "stale", "evil"):
        keys += [f"remote.{remote}.{name}" for name in ("uploadpack", "receivepack", "proxy")]
    for key in keys:
        repo.git("config", key, f"!{script}" if key.startswith(("alias.", "credential.")) else str(script))
    repo.git("config", "core.hooksPath", str(hooks))
    repo.git("config", "remote.scalingo.url", OSC_FR1)
    repo.git("config", "remote.stale.url", OLD)
    repo.git("config", "remote.evil.url", f"ext::{script}")
    repo.git("config", "remote.helped.url", OSC_FR1)
    repo.git("config", "remote.helped.vcs", "ext")
    repo.git("config", f"url.ext::{script} .insteadOf", "ssh://git@ssh.osc-secnum-fr1")
    repo.git("config", "protocol.allow", "always")


def test_nothing_of_a_repository_is_executed(
    repo: Repo, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever command the configuration, the hooks and the attributes name, no verb runs it."""
    marker = tmp_path / "marker"
    monkeypatch.delenv("GIT_SSH_COMMAND")
    arm(repo, marker)
    for armed in (["status"], ["ls-remote", "evil"], ["ls-remote", "scalingo"], ["commit", "-qm", "x"]):
        subprocess.run(["git", *armed], check=False, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
        assert marker.exists(), armed
        marker.unlink()

    statuses = {
        "add osc-fr1 myapp": 0,
        "add osc-secnum-fr1 myapp": 0,
        "add osc-fr1 myapp -r evil": 6,
        "add osc-fr1 myapp -r evil --force": 0,
        "add osc-fr1 myapp -r helped": 6,
        "status": 7,
        "sync": 0,
        "list": 0,
        "show": 0,
        "url myapp": 0,
        "doctor": 7,
        "doctor stale": 7,
    }
    assert {command: run(*command.split(), "--offline").status for command in statuses} == statuses
    assert not marker.exists()


def snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return the mode and the content, or what a link points to, of all that is in a folder."""
    found = {}
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        content = os.readlink(path).encode() if path.is_symlink() else b"" if path.is_dir() else path.read_bytes()
        found[str(path.relative_to(folder))] = (mode, content)
    return found


def changed(before: dict[str, tuple[int, bytes]], after: dict[str, tuple[int, bytes]]) -> set[str]:
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


@pytest.mark.parametrize("holder", ["config", "inside.cfg", "../../outside.cfg", "linked"])
def test_nothing_is_written_elsewhere(
    repo: Repo, run: Run, service: Service, tmp_path: Path, home: Path, holder: str
) -> None:
    """In the repository and at home only the file that holds the remote changes, and the cache is kept."""
    file = repo.config.parent / ("../../target.cfg" if holder == "linked" else holder)
    with file.open("ab") as target:
        target.write(section("scalingo", variable("url", OLD)) + section("other", variable("url", OLD)))
    if holder == "linked":
        (repo.config.parent / "linked").symlink_to(file.resolve())
    if holder != "config":
        write_config(repo, f"[include]\n\tpath = {holder}")
    (home / ".netrc").write_text("default login me password word\n")
    before = snapshot(tmp_path)

    for command in ("list", "show", "url osc-fr1 a", "status", "doctor", "add osc-fr1 myapp -n", "sync -n"):
        assert run(*command.split()).status in (0, 7)
    cache = home / ".cache" / "git-scalingo-region"
    kept = {".cache", ".cache/git-scalingo-region", *(f".cache/git-scalingo-region/{p.name}" for p in cache.iterdir())}
    assert changed(before, snapshot(tmp_path)) == {f"home/{name}" for name in kept}
    before = snapshot(tmp_path)
    for command in ("add osc-fr1 myapp", "sync"):
        assert run(*command.split()).status == 0

    assert changed(before, snapshot(tmp_path)) == {str(file.resolve().relative_to(tmp_path))}
    assert OLD not in file.read_text()


@pytest.mark.parametrize("verb", [["add", "myapp"], ["status"], ["sync"]])
def test_a_repository_of_another_owner(repo: Repo, run: Run, monkeypatch: pytest.MonkeyPatch, verb: list[str]) -> None:
    """A repository that git takes for somebody else's is neither read nor written, and git's advice is passed on."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    before = write_config(repo, section("scalingo", variable("url", OLD)), "[scalingo]\n\tregion = osc-secnum-fr1")

    result = run(*verb, "--offline")

    assert (result.status, result.stdout) == (5, "")
    assert result.stderr == (
        f"error: git says: detected dubious ownership in repository at '{repo.path}'\n"
        f"hint: git config --global --add safe.directory {repo.path}\n"
    )
    assert repo.config.read_bytes() == before
    assert run("url", "myapp", "--offline").stdout == f"{OSC_FR1}\n"


# --- the environment -------------------------------------------------------------------------------------------------


def without_privileges() -> None:
    """Take root's right to write everywhere from a process that is about to start (PR_CAPBSET_DROP, prctl(2))."""
    if os.geteuid() == 0:
        for capability in range(64):
            LIBC.prctl(24, capability, 0, 0, 0)


LIBC = ctypes.CDLL(None)


@pytest.mark.skipif(os.geteuid() == 0 and not sys.platform.startswith("linux"), reason="root may write everywhere")
def test_a_home_that_cannot_be_written(repo: Repo, program: Run, home: Path) -> None:
    """Where nothing can be kept at home the remote is made all the same."""
    home.chmod(0o500)

    result = program("add", "osc-fr1", "myapp", preexec_fn=without_privileges)

    home.chmod(0o700)
    assert_clean(result, "add")
    assert repo.push_urls() == [OSC_FR1]
    assert [path.name for path in home.iterdir()] == [".gitconfig"]


ENVIRONMENTS: dict[str, tuple[dict[str, str | None], str]] = {
    "no HOME": ({"HOME": None}, ""),
    "empty HOME": ({"HOME": ""}, ""),
    "relative HOME": ({"HOME": "home"}, ""),
    "missing HOME": ({"HOME": "/nonexistent"}, ""),
    "a file as HOME": ({"HOME": "/dev/null"}, ""),
    "relative XDG folders": ({"XDG_CACHE_HOME": "cache", "XDG_CONFIG_HOME": "config"}, ""),
    "a file as the cache": ({"XDG_CACHE_HOME": "/dev/null"}, ""),
    "no temporary folder": ({"TMPDIR": "/nonexistent"}, ""),
    "no PATH": ({"PATH": None}, ""),
    "no TERM": ({"TERM": None, "COLUMNS": "-1", "LINES": "x"}, ""),
    "narrow": ({"TERM": "\x1b[2J", "COLUMNS": "1"}, ""),
    "French": ({"LC_ALL": "C.UTF-8", "LANGUAGE": "fr", "LANG": "fr_FR.UTF-8"}, ""),
    "warnings as errors": ({"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"}, ""),
    "tracing": ({"GIT_TRACE2": "1", "GIT_PYTHON_TRACE": "full"}, ""),
    "GitPython's git": ({"GIT_PYTHON_GIT_EXECUTABLE": "/nonexistent", "GIT_PYTHON_REFRESH": "error"}, ""),
    "another GIT_CONFIG": ({"GIT_CONFIG": "/nonexistent"}, ""),
    "no programs": ({"PATH": "/nonexistent"}, "git is not installed, or not on PATH"),
    "GIT_DIR": ({"GIT_DIR": "/nonexistent\x1b[2J"}, r"git says: not a git repository: '/nonexistent.\[2J'"),
    "GIT_CONFIG_COUNT": ({"GIT_CONFIG_COUNT": "x"}, "git says: .*GIT_CONFIG_COUNT.*"),
    "GIT_CONFIG_PARAMETERS": ({"GIT_CONFIG_PARAMETERS": "x"}, "git says: .*GIT_CONFIG_PARAMETERS.*"),
    "region": (
        {"SCALINGO_REGION": "\x1b[2J\udcff"},
        r"(?:SCALINGO_REGION: )?'\\x1b\[2J\\xff' is not a valid region name: .*",
    ),
    "service": ({"SCALINGO_AUTH_URL": "https://\x1b[2J"}, "SCALINGO_AUTH_URL is not a valid address: .*"),
}


@pytest.mark.parametrize("kind", ENVIRONMENTS)
def test_an_odd_environment(repo: Repo, program: Run, kind: str) -> None:
    """Whatever the environment lacks or holds, the remote is made, or one sentence says why it is not."""
    changes, error = ENVIRONMENTS[kind]
    environment = {key: value for key, value in (os.environ | changes).items() if value is not None}
    before = snapshot(repo.path)

    # Not a default region: SCALINGO_REGION is looked at.
    result = program("add", "myapp", env=environment)

    assert_clean(result, "add")
    if error:
        assert re.search(f"(?:^|\n)error: {error}\n", result.stderr)
        assert snapshot(repo.path) == before
    else:
        assert result.stdout == (
            f"Created remote 'scalingo'\n  url     {OSC_FR1}\n"
            "  region  osc-fr1 (Paris - Outscale), the default region\n  next    git push scalingo main\n"
        )
        assert changed(before, snapshot(repo.path)) == {".git/config"}


def test_the_messages_of_git_are_read_in_any_language(home: Path, program: Run) -> None:
    """Where git speaks French, its reason is still told from its advice, and `doctor` knows what to do."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "fr"}
    french = subprocess.run(["git", "rev-parse"], env=environment, check=False, capture_output=True, text=True).stderr
    if french.startswith("fatal: not a git repository"):
        pytest.skip("this git speaks English alone")

    result = program("add", "osc-fr1", "myapp", "--offline", env=environment)
    fixes = {check["check"]: check["fix"] for check in program("doctor", "--json", env=environment).json["checks"]}

    reason = "git says: not a git repository (or any of the parent directories): .git"
    assert (result.status, result.stdout, result.stderr) == (5, "", f"error: {reason}\nhint: git init\n")
    assert fixes["repository"] == "git init"


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_without_a_current_folder(tmp_path: Path, program: Run, verb: list[str]) -> None:
    """In a folder that was deleted, what needs a repository says so, and all else works."""
    folder = tmp_path / "gone"
    folder.mkdir()

    result = program(*verb, "--offline", cwd=folder, preexec_fn=folder.rmdir)

    assert_clean(result, verb[0])
    if verb[0] in ("url", "list", "show"):
        assert result.status == 0
    else:
        assert (result.status, result.stderr.count("\n")) == (5, 1)
        assert "Unable to read current working directory" in result.stderr


def test_a_current_folder_that_was_made_anew(tmp_path: Path, program: Run) -> None:
    """If a folder of the same name is there again, doctor still says what git says."""
    folder = tmp_path / "gone"
    folder.mkdir()

    def replace() -> None:
        folder.rmdir()
        folder.mkdir()

    result = program("doctor", "--offline", cwd=folder, preexec_fn=replace, env={**os.environ, "PWD": str(folder)})

    assert_clean(result, "doctor")
    assert (result.status, result.stderr) == (7, "")
    assert "Unable to read current working directory" in result.stdout


C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize(
    ("folder", "locale"),
    [
        *((name, {}) for name in ("a b", "a\nb", "\n", "日本 é", "$(touch x)", "-x", "a\x1b[2J")),
        ("日本 é\n", C_LOCALE),
    ],
)
def test_paths_of_any_kind(make_repo: Callable[[str], Repo], program: Run, folder: str, locale: dict[str, str]) -> None:
    """A repository in a folder of any name, and a subfolder of it, works, and errors name it printably."""
    repo = make_repo(f"{folder}/repo{folder}")
    below = repo.path / folder / "deeper"
    below.mkdir(parents=True)
    environment = {**os.environ, **locale}

    for cwd, remote in ((repo.path, "scalingo"), (below, "below")):
        result = program("add", "osc-fr1", "myapp", "--offline", "-r", remote, cwd=cwd, env=environment)
        assert_clean(result, "add")
        assert repo.push_urls(remote) == [OSC_FR1]
    outside = program("add", "osc-fr1", "myapp", "--offline", cwd=repo.path.parent, env=environment)
    assert_clean(outside, "add")
    assert outside.status == 5


@pytest.mark.parametrize(
    "locale",
    [
        {},
        pytest.param(
            C_LOCALE,
        ),
    ],
    ids=["utf-8", "c"],
)
def test_names_that_the_locale_cannot_write(repo: Repo, program: Run, locale: dict[str, str]) -> None:
    """A remote and an included file with names beyond ASCII are found and written, in a locale without UTF-8 too."""
    included = repo.config.with_name("日本.cfg")
    included.write_bytes(section("é", f"url = {OLD}"))
    write_config(repo, f"[include]\n\tpath = {included.name}")
    environment = {**os.environ, **locale}

    assert program("status", "é", "--offline", env=environment).status == 7
    assert program("sync", "é", "--offline", env=environment).status == 0
    assert included.read_bytes() == section("é", f"url = {OSC_FR1}")
    assert program("add", "myapp", "-r", "é", "--offline", env=environment).stdout.startswith("Remote '")


@pytest.mark.parametrize("moment", [-1e10, 0.0, 2.5e11])
@pytest.mark.parametrize("verb", [*VERBS, ["doctor"]], ids=" ".join)
def test_a_clock_that_jumped(
    repo: Repo, run: Run, service: Service, monkeypatch: pytest.MonkeyPatch, moment: float, verb: list[str]
) -> None:
    """With a cache from what is now the far future or past, the service is asked, and its answer is shown."""
    assert run("list").status == 0
    monkeypatch.setattr(time, "time", lambda: moment)

    result = run(*verb, "--json")

    assert_clean(result, verb[0], as_json=True)
    assert result.status in (0, 7)
    assert len(service.requests) == 2


# --- streams and modules ---------------------------------------------------------------------------------------------


SCRIPT = Path(sys.executable).with_name("git-scalingo-region")


@pytest.mark.skipif(not SCRIPT.exists(), reason="the program is not installed")
def test_nothing_in_the_current_folder_is_taken_for_a_part_of_the_program(repo: Repo, tmp_path: Path) -> None:
    """Modules and programs that lie in the repository are not loaded by the installed program."""
    marker = tmp_path / "marker"
    source = f"open({str(marker)!r}, 'w').close()\nraise SystemExit(99)\n"
    for name in (
        "requests",
        "git",
        "typer",
        "json",
        "sitecustomize",
        "usercustomize",
        "encodings",
        "git_scalingo_region",
    ):
        (repo.path / f"{name}.py").write_text(source)
        (repo.path / name).mkdir()
        (repo.path / name / "__init__.py").write_text(source)
    for name in ("git", "ssh", "ssh-keyscan", "sh"):
        file = repo.path / ("git.exe" if name == "git" else name)
        file.write_text(f"#!/bin/sh\ntouch {shlex.quote(str(marker))}\nexit 99\n")
        file.chmod(0o755)

    for verb in (["add", "osc-fr1", "myapp"], ["status"], ["doctor"], ["list"]):
        done = subprocess.run([SCRIPT, *verb], check=False, capture_output=True, text=True)
        assert_clean(Result(done.returncode, done.stdout, done.stderr), verb[0])
    assert repo.push_urls() == [OSC_FR1]
    assert not marker.exists()
