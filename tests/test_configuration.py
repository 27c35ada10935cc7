"""The configuration: the program reads it as git does, and a hostile one does no harm."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from conftest import ELSEWHERE, OSC_FR1, SECNUM, STALE, TOKEN, Repo, Run, assert_clean, executable, git
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from git_scalingo_region.model import RemoteUrl
from git_scalingo_region.repository.configuration import LISTING, Configuration, Entry, parse_listing

MAIN, HOME = "file:.git/config", "file:/home/me/.gitconfig"


def test_the_last_value_counts() -> None:
    """If a key has several values, the last one counts; the user's own is the last one from outside the repository."""
    values = (("system", "1"), ("global", "2"), ("local", "3"))
    configuration = Configuration([Entry(scope, "", "remote.r.vcs", value) for scope, value in values])
    assert configuration.get("remote.r.vcs") == configuration.remote("r").helper == "3"
    assert (configuration.users_own("remote.r.vcs"), configuration.get("remote.r.url")) == ("2", "")


@pytest.mark.parametrize("variable", ["url", "pushurl"])
@pytest.mark.parametrize(
    ("held", "since_2_46"), [("a,b", "ab"), ("a,,b", "b"), (",a", "a"), ("a,", ""), ("", ""), ("a,,b,,c,d", "cd")]
)
def test_an_empty_url_empties_the_list_since_git_2_46(variable: str, held: str, since_2_46: str) -> None:
    """Since git 2.46, an empty value cancels the values before it in any file; for older gits it is one more url."""
    values = held.split(",")
    places = [("global", HOME), *[("local", MAIN)] * (len(values) - 1)]
    listing = [Entry(*place, f"remote.r.{variable}", value) for place, value in zip(places, values)]
    for resets, expected in ((False, values), (True, list(since_2_46))):
        remote = Configuration(listing, empty_resets=resets).remote("r")
        assert [entry.value for entry in remote.in_force] == expected
        assert remote.exists == bool(expected)
        assert remote.values_in(MAIN, variable) == tuple(values[1:]), "the file holds what is hidden, too"


URLS = ["sc:app", "sc:x/app", "sc", "git@h.example:app.git", "ssh://git@h.example:22/app.git", "https://h.example/app"]
PREFIXES = ["", "s", "sc:", "sc:x/", "git@", "git@h.example:", "ssh://", "ssh://git@h.example:22/", "https:"]
BASES = ["ssh://git@b1.example/", "sc:", "b2:", "/local/"]

rules = st.tuples(st.sampled_from(BASES), st.sampled_from(["insteadOf", "pushInsteadOf"]), st.sampled_from(PREFIXES))
remotes = st.lists(st.tuples(st.sampled_from(["url", "pushurl"]), st.sampled_from(URLS)), min_size=1, max_size=4)


@settings(max_examples=60)
@given(st.lists(rules, max_size=6), st.lists(remotes, min_size=1, max_size=6))
@example([("b2:", "insteadOf", "s"), ("sc:", "insteadOf", "sc:"), ("b2:", "insteadOf", "sc:")], [[("url", "sc:app")]])
def test_push_urls_are_those_of_git(
    bare: Path, rewriting: list[tuple[str, str, str]], drawn: list[list[tuple[str, str]]]
) -> None:
    """Whatever url, pushurl, insteadOf and pushInsteadOf say, the program finds the same push urls as git."""
    lines = [f'[url "{base}"]\n\t{variable} = "{prefix}"\n' for base, variable, prefix in rewriting]
    for number, settings_of_remote in enumerate(drawn):
        lines += [f'[remote "r{number}"]\n', *(f"\t{variable} = {url}\n" for variable, url in settings_of_remote)]
    (bare / "config").write_text("".join(["[core]\n\tbare\n", *lines]))
    said: dict[str, list[str]] = {}
    for line in git("remote", "-v", cwd=bare).splitlines():
        name, _, rest = line.partition("\t")
        if rest.endswith(" (push)"):
            said.setdefault(name, []).append(rest.removesuffix(" (push)"))
    configuration = Configuration(parse_listing(git(*LISTING, cwd=bare)))
    found = {name: configuration.remote(name) for name in configuration.remote_names}
    assert said == {
        name: list(configuration.push_urls([url.value for url in remote.urls], [url.value for url in remote.pushurls]))
        for name, remote in found.items()
    }


OPTIONS = ("--upload-pack=touch x", "-oProxyCommand=touch x", "--exec=touch${IFS}x")
NAMES = (
    *("scalingo", *OPTIONS, "$(touch${IFS}x)", "`touch x`", "../../x", "x.lock", "a b", "q\\\"\\\\'", "", "n" * 5000),
    *("\x1b]0;x\x07", "\x9b2J\r\b", "\u202e\u200b", "\x7f", "日本"),
)
OURS = (OSC_FR1, STALE, SECNUM.replace(":22/", ":2200/"), "git@ssh.agora-fr1.scalingo.com:gone.git")
NOT_OURS = (
    *(ELSEWHERE, *OPTIONS, "ext::sh -c touch% x", "file:///etc/passwd", "", "x" * 70_000, "\u202etig.ppaym"),
    "ssh://-oProxyCommand=touch${IFS}x/myapp.git",
    "ssh://git@-oProxyCommand=x.scalingo.com:22/myapp.git",
    "-oProxyCommand=x@ssh.osc-fr1.scalingo.com:myapp.git",
    "ssh://git@ssh.osc-fr1.scalingo.com:99999/myapp.git",
    "ssh://git@ssh.osc-fr1.scalingo.com:٢٢/myapp.git",
    "git@ssh.osc-fr1.scalingo.com:--upload-pack=x.git",
    "git@evil\x1b[2J.scalingo.com:\x9bapp.git",
    "ssh://git@\u017fcalingo.com:22/myapp.git",
)
VARIABLES = ("url", "URL", "pushurl", "vcs", "fetch", "push", "proxy", "uploadpack", "receivepack", "x-y")
FRAGMENTS = (
    *(b"[remote]\n\turl = x\n", b'[remote "scalingo"]\n\turl\n', b"= x\n", b"\x1b[2J\n", b"[", b'[remote "'),
    b'[remote "scalingo"]\n\turl = git@scalingo.com:\xff\xfe.git\n',
    b'[remote "\xff\x80"]\n\turl = git@scalingo.com:app.git\n\tpushurl = \xe2\x80\n',
    b'[remote "nul"]\n\turl = git@scalingo.com:a\0b.git\n',
    b'[remote "scal\0ingo"]\n\turl = git@scalingo.com:a.git\n',
    b'[remote "crlf"]\r\n\turl = git@scalingo.com:a.git\r\n',
    *(b"\xef\xbb\xbf[core]\n", b'[remote "x"]\n\turl = "never closed\n', b"[core]\n\tx = \\q\n"),
    *(b"[include]\n\tpath" + path + b"\n" for path in (b"", b"= missing.cfg", b"= config", b"= ..", b"= side.cfg")),
    b"[include]\n\tpath = ~nobody-at-all/x\n",
    b'[includeIf "hasconfig:remote.*.url:**"]\n\tpath = side.cfg\n',
    b'[includeIf "gitdir:**"]\n\tpath = side.cfg\n',
    b"[core]\n\trepositoryformatversion = 9\n",
    b"[core]\n\trepositoryformatversion = 1\n[extensions]\n\tnonsense = true\n",
    b"[extensions]\n\tworktreeConfig = true\n",
    *(b"[core]\n\tbare = perhaps\n", b"[core]\n\tbare = true\n", b"[core]\n\tworktree = /nonexistent\n"),
    *(b"[scalingo]\n\tregion = " + name + b"\n" for name in (b"osc-secnum-fr1", b"-oProxyCommand=x", b"\x1b[2J", b"x")),
    b"[scalingo]\n\tregion\n",
    b'[url "ext::sh -c touch% x "]\n\tinsteadOf = ssh://\n',
    b'[url "\x1b[2J"]\n\tpushInsteadOf = git@\n\tinsteadOf\n',
    b'[url "git@ssh.osc-fr1.scalingo.com:"]\n\tinsteadOf = ""\n',
    b"[push]\n\tfollowTags = perhaps\n",
)
LINES = (
    *("add osc-fr1 myapp", "add myapp", "add osc-fr1 myapp --force", "url myapp"),
    *("list", "show", "status", "sync", "doctor"),
)


def section(name: str, *lines: str) -> bytes:
    """Return a remote's section as git writes it."""
    escaped = name if "\\" in name else name.replace('"', '\\"')
    return "".join([f'[remote "{escaped}"]\n', *(f"\t{line}\n" for line in lines)]).encode()


def variable(name: str, value: str) -> str:
    return f'{name} = "{value}"'


remote_sections = st.builds(
    section,
    st.sampled_from(NAMES),
    st.builds(variable, st.sampled_from(VARIABLES), st.sampled_from((*OURS, *NOT_OURS, "x.scalingo.com:a.git\\n\\b"))),
    st.sampled_from(["", variable("url", STALE), variable("pushurl", ELSEWHERE), variable("fetch", "+refs/*:refs/*")]),
)


def append(repo: Repo, *fragments: bytes) -> bytes:
    """Append the fragments to a repository's configuration, and return the whole of it."""
    with repo.config.open("ab") as file:
        file.write(b"\n".join((b"", *fragments, b"")))
    return repo.config.read_bytes()


def pushed_to(repo: Repo) -> list[RemoteUrl | None] | None:
    """Return where git pushes to, or None if git refuses to push at all, as it does for an invalid refspec."""
    try:
        return [RemoteUrl.try_parse(url) for url in repo.push_urls()]
    except subprocess.CalledProcessError:
        return None


def refused_by_git(repo: Repo) -> bool:
    """Return whether git refuses to read the repository's configuration, or to list its remotes."""
    commands = [["git", "config", "--list"], ["git", "remote", "--verbose"]]
    return any(subprocess.run(c, cwd=repo.path, check=False, capture_output=True).returncode for c in commands)


@pytest.mark.slow
@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fragments=st.lists(st.sampled_from(FRAGMENTS) | remote_sections, min_size=1, max_size=4),
    line=st.sampled_from(LINES),
    as_json=st.booleans(),
)
def test_whatever_the_configuration_says(
    repo: Repo, run: Run, monkeypatch: pytest.MonkeyPatch, fragments: list[bytes], line: str, *, as_json: bool
) -> None:
    """With any configuration, commands end cleanly, only `add` and `sync` write, and `add` reports a diverted push."""
    monkeypatch.setenv("SCALINGO_API_TOKEN", TOKEN)
    side, was, beside = repo.config.with_name("side.cfg"), repo.config.read_bytes(), section("scalingo", f"url={STALE}")
    side.write_bytes(beside)
    command = line.partition(" ")[0]
    try:
        written = append(repo, *fragments)
        result = run(*line.split(), "--offline", *(["--json"] if as_json else []))
        assert_clean(result, command, as_json=as_json)
        after = repo.config.read_bytes(), side.read_bytes()
        if command not in ("add", "sync") or (command == "add" and result.status):
            # git refuses an invalid refspec, or an insteadOf without a prefix, only when it is asked about remotes.
            assert after == (written, beside) or (command == "add" and refused_by_git(repo))
            # Writing fails only if git refuses the configuration, or it has an include or a NUL (git reads no further).
            assert result.status != 5 or b"[include" in written or b"\0" in written or refused_by_git(repo)
        elif line.startswith("add osc-fr1"):
            expected = (None, [RemoteUrl.parse(OSC_FR1)])
            assert pushed_to(repo) in expected or "goes to" in result.stdout + result.stderr
    finally:
        repo.config.write_bytes(was)


def test_remotes_with_names_and_urls_made_to_mislead(repo: Repo, run: Run) -> None:
    """Of remotes with hostile names and urls, `status` lists only Scalingo's, and `add` refuses option-like names."""
    names = [name for name in NAMES if name not in ("", "scalingo") and "\\" not in name]
    append(repo, *(section(name, variable("url", SECNUM)) for name in names))
    append(repo, *(section(f"u{n}", variable("url", url)) for n, url in enumerate((*OURS, *NOT_OURS))))

    found = run("status", "--offline", "--json").json["remotes"]

    ours = dict.fromkeys(names, SECNUM) | {f"u{n}": url for n, url in enumerate(OURS)}
    assert {item["remote"]: item["url"] for item in found} == ours
    for name in names:
        assert_clean(shown := run("status", "--offline", "--", name), "status")
        assert shown.status == 0
        added = run("add", "osc-fr1", "myapp", "--offline", f"--remote={name}")
        assert_clean(added, "add")
        assert added.status in ((2,) if name[0] == "-" else (0, 2))


def test_a_remote_that_git_cannot_push_to_is_no_success(repo: Repo, run: Run) -> None:
    """If git refuses the remote because of an invalid refspec, `add` ends with status 5 and reports no success."""
    append(repo, section("scalingo", "fetch = :::"))
    result = run("add", "osc-fr1", "myapp", "--offline")
    assert (result.status, result.stdout, "error: git says: invalid refspec ':::'\n" in result.stderr) == (5, "", True)


def arm(repo: Repo, marker: Path) -> None:
    """Set every hook and every setting that makes git run a command to one that creates the marker."""
    hooks = repo.path / ".git" / "hooks"
    for name in ("pre-commit", "post-checkout", "pre-push", "post-index-change", "reference-transaction", "fsmonitor"):
        script = executable(hooks / name, f"#!/bin/sh\nexec touch {shlex.quote(str(marker))}\n")
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
    urls = {"scalingo": OSC_FR1, "stale": STALE, "evil": f"ext::{script}", "helped": OSC_FR1}
    for remote, url in urls.items():
        repo.git("config", f"remote.{remote}.url", url)
    repo.git("config", "core.hooksPath", str(hooks))
    repo.git("config", "remote.helped.vcs", "ext")
    repo.git("config", f"url.ext::{script} .insteadOf", "ssh://git@ssh.osc-secnum-fr1")
    repo.git("config", "protocol.allow", "always")


def test_nothing_of_a_repository_is_executed(
    repo: Repo, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program never runs a command that a repository's configuration, hooks or attributes name."""
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
    assert {line: run(*line.split(), "--offline").status for line in statuses} == statuses
    assert not marker.exists()
