"""The configuration as git lists it: entries, remotes, rewriting, and what an empty url means."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import git
from hypothesis import example, given, settings
from hypothesis import strategies as st

from git_scalingo_region.repository.configuration import LISTING, Configuration, Entry, parse_listing, parse_values

MAIN, WORKTREE, HOME = "file:.git/config", "file:.git/config.worktree", "file:/home/me/.gitconfig"


def entries(*pairs: tuple[str, str], scope: str = "local", origin: str = MAIN) -> list[Entry]:
    return [Entry(scope, origin, key, value) for key, value in pairs]


def test_a_listing_is_read_entry_by_entry() -> None:
    """Values and origins may hold newlines and colons, and a variable without a value is true."""
    text = "local\0file:a\nb:c\0k.x\nv\nw\0global\0file:/g\0k.y\0command\0command line:\0k.z\n\0"
    found = list(parse_listing(text))
    assert found == [
        Entry("local", "file:a\nb:c", "k.x", "v\nw"),
        Entry("global", "file:/g", "k.y", "true"),
        Entry("command", "command line:", "k.z", ""),
    ]
    assert [entry.own for entry in found] == [True, False, False]
    assert [entry.place for entry in found] == ["a\nb:c", "/g", "the command line"]
    assert list(parse_listing("")) == []
    assert parse_values("k.x\na\nb\0k.y\0k.x\n\0") == {"k.x": ["a\nb", ""], "k.y": ["true"]}


def test_a_remote_is_all_that_is_said_of_it() -> None:
    """A remote gathers its settings from all scopes, and names with dots and without settings are no trouble."""
    own = entries(("remote.a.b.url", "1"), ("remote.a.b.fetch", "f"), ("remote.pushdefault", "a.b"))
    inherited = entries(
        ("remote.a.b.pushurl", "2"), ("remote.a.b.vcs", "hg"), ("remote.c.proxy", ""), scope="global", origin=HOME
    )
    configuration = Configuration([*own, *inherited])
    remote = configuration.remote("a.b")
    assert (remote.urls, remote.pushurls, remote.helper, remote.exists) == ((own[0],), (inherited[0],), "hg", True)
    assert remote.located == (("url", own[0]), ("pushurl", inherited[0]))
    assert remote.inherited == (inherited[0],)
    assert (remote.held(MAIN, "url"), remote.held(HOME, "url"), remote.last("fetch")) == (("1",), (), "f")
    assert remote.key("pushurl") == "remote.a.b.pushurl"
    assert list(configuration.remote_names) == ["a.b", "c"]
    assert configuration.readings == {("local", MAIN), ("global", HOME)}
    for name in ("absent", "c"):
        assert not configuration.remote(name).exists


def test_the_last_value_counts() -> None:
    """Of several values, and of several keys, git takes the last; the user's own come from outside the repository."""
    configuration = Configuration(
        [*entries(("k.a", "1"), scope="system"), *entries(("k.a", "2"), ("k.b", "3")), *entries(("k.a", "4"))]
    )
    assert (configuration.get("k.a"), configuration.get("k.c"), configuration.users_own("k.a")) == ("4", "", "1")
    assert [entry.value for entry in configuration.entries("k.a")] == ["1", "2", "4"]
    assert (configuration.last_of("k.a", "k.b"), configuration.last_of("k.b"), configuration.last_of()) == (
        *("k.a", "k.b"),
        "",
    )


@pytest.mark.parametrize(
    ("values", "since_2_46"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "", "b"], ["b"]),
        (["", "a"], ["a"]),
        (["a", ""], []),
        ([""], []),
        (["a", "", "b", "", "c", "d"], ["c", "d"]),
    ],
)
@pytest.mark.parametrize("variable", ["url", "pushurl"])
def test_an_empty_url_empties_the_list_since_git_2_46(variable: str, values: list[str], since_2_46: list[str]) -> None:
    """What stands before an empty value, in whichever file, is not in force; older gits take it for a url."""
    pairs = [(f"remote.r.{variable}", value) for value in values]
    listing = [*entries(*pairs[:1], scope="global", origin=HOME), *entries(*pairs[1:])]
    for resets, expected in ((False, values), (True, since_2_46)):
        configuration = Configuration(listing, empty_resets=resets)
        remote = configuration.remote("r")
        assert [entry.value for _, entry in remote.located] == expected
        assert remote.exists == bool(expected)
        assert configuration.has_empty_urls == ("" in values)
        assert remote.held(MAIN, variable) == tuple(values[1:]), "the file holds what is hidden, too"


URLS = ["sc:app", "sc:x/app", "sc", "git@h.example:app.git", "ssh://git@h.example:22/app.git", "https://h.example/app"]
PREFIXES = [
    "s",
    "sc:",
    "sc:x/",
    "git@",
    "git@h.example:",
    "ssh://",
    "ssh://git@h.example:22/",
    "https://h.example/",
    "",
]
BASES = ["ssh://git@b1.example/", "sc:", "b2:", "/local/"]

rules = st.tuples(st.sampled_from(BASES), st.sampled_from(["insteadOf", "pushInsteadOf"]), st.sampled_from(PREFIXES))
remotes = st.lists(st.tuples(st.sampled_from(["url", "pushurl"]), st.sampled_from(URLS)), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def write_config(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that gives the one repository of this module a configuration."""
    path = tmp_path_factory.mktemp("bare")
    environment = {"PATH": os.environ["PATH"], "HOME": str(path), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "--quiet", "--bare", "."], cwd=path, env=environment, check=True)
    original = (path / "config").read_text()

    def write(text: str) -> Path:
        (path / "config").write_text(original + text)
        return path

    return write


@settings(max_examples=60)
@given(st.lists(rules, max_size=6), st.lists(remotes, min_size=1, max_size=6))
@example([("b2:", "insteadOf", "s"), ("sc:", "insteadOf", "sc:"), ("b2:", "insteadOf", "sc:")], [[("url", "sc:app")]])
def test_push_urls_are_those_of_git(
    write_config: Callable[[str], Path], rewriting: list[tuple[str, str, str]], drawn: list[list[tuple[str, str]]]
) -> None:
    """Whatever url, pushurl, insteadOf and pushInsteadOf say, the push urls are those that git finds."""
    lines = [f'[url "{base}"]\n\t{variable} = "{prefix}"\n' for base, variable, prefix in rewriting]
    for number, settings_of_remote in enumerate(drawn):
        lines += [f'[remote "r{number}"]\n', *(f"\t{variable} = {url}\n" for variable, url in settings_of_remote)]
    path = write_config("".join(lines))
    said: dict[str, list[str]] = {}
    for line in git("remote", "-v", cwd=path).splitlines():
        name, _, rest = line.partition("\t")
        if rest.endswith(" (push)"):
            said.setdefault(name, []).append(rest.removesuffix(" (push)"))
    configuration = Configuration(parse_listing(git(*LISTING, cwd=path)))
    found = {name: configuration.remote(name) for name in configuration.remote_names}
    assert said == {
        name: list(configuration.push_urls([url.value for url in remote.urls], [url.value for url in remote.pushurls]))
        for name, remote in found.items()
    }
