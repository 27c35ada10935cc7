"""git's configuration, read and edited here, and read by git for comparison."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import git
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from git_scalingo_region.errors import RepositoryError
from git_scalingo_region.repository.configfile import assigned, tokens, values
from git_scalingo_region.repository.configuration import Configuration, Entry, parse_listing, parse_values

Values = dict[str, list[str]]


# --- the editor, against git -----------------------------------------------------------------------------------------


def read_by_git(text: str) -> Values | None:
    """Return what git reads in a configuration file; None if it refuses it."""
    command = ["git", "config", "--file", "-", "--null", "--list"]
    done = subprocess.run(command, input=text.encode("utf-8", "surrogateescape"), check=False, capture_output=True)
    return None if done.returncode else parse_values(done.stdout.decode("utf-8", "surrogateescape"))


def read_here(text: str) -> Values | None:
    try:
        return values(text)
    except RepositoryError:
        return None


def blanked(found: Values | None) -> Values | None:
    """Take all blanks within values for one: git before 2.45 makes spaces of them."""
    return found and {key: [item.translate({9: " ", 13: " "}) for item in items] for key, items in found.items()}


@dataclass(frozen=True)
class Piece:
    """A part of a generated file: a header or a variable with its key, a comment, or what lies between."""

    text: str
    kind: str = "filling"
    key: str = ""


HEADERS = [
    ('[remote "a"]', "remote.a"),
    ('[REMOTE \t "a"]', "remote.a"),
    ("[remote.A]", "remote.a"),
    ('[remote "A"]', "remote.A"),
    (r'[remote "q\"u\\o\te#;]"]', 'remote.q"u\\ote#;]'),
    ('[remote "é b.c"]', "remote.é b.c"),
    ('[remote "\udcff"]', "remote.\udcff"),
    ('[a.b "c"]', "a.b.c"),
    ("[core]", "core"),
]
SECTIONS = sorted({key for _, key in HEADERS} | {"remote.new", 'remote."\\', "extra"})
ATOMS = [
    *("a", "b  c", "x:y", "=", "[", "]", "'", "é", "\u00a0", "\x0b", "\x0c", "\u2028", "\udcfe", " ", "\t", "  ", "\r"),
    *('"q  q"', '"#;"', '""', '" "', '"\\\n"', '"a\\"', r"\\", r"\"", r"\n", r"\t", r"\b", "\\\n", "\\\r\n", "\\\n "),
]
BROKEN = [
    "\\q",
    '"',
    "\\",
    "\n[",
    "\n]",
    "\nx y",
    "\nx #",
    "\n=",
    "\n[a",
    '\n[a "b" ]',
    "\n[]",
    '\n[ "x"]',
    "\n\u00a0",
    "\n\x0b",
]

blanks = st.sampled_from(["", "", " ", "\t", " \t "])
newlines = st.sampled_from(["\n", "\n", "\r\n", "\n\n"])
comments = st.builds(
    lambda sign, text: Piece(sign + text, "comment"),
    st.sampled_from("#;"),
    st.sampled_from(["", " c", ' "', "\\", "[a]"]),
)
# Without a newline, which only an escape can write, and which the editor does write.
new_values = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6) | st.lists(
    st.sampled_from([" ", "\t", '"', "\\", "\n", "\r", "#", ";", "a", "\udcfe", "\b", "\u00a0"]), max_size=5
).map("".join)


@st.composite
def files(draw: st.DrawFn) -> list[Piece]:
    """Draw a configuration file as a person, or several programs, may have written it."""
    pieces = [Piece(draw(st.sampled_from(["", "", "\ufeff"])))]
    section = ""
    for kind in draw(st.lists(st.sampled_from(["header", "variable", "variable", "comment", "blank"]), max_size=9)):
        pieces.append(Piece(draw(blanks)))
        if kind == "header":
            text, section = draw(st.sampled_from(HEADERS))
            pieces.append(Piece(text, "header", section))
        elif kind == "variable":
            name = draw(st.sampled_from(["url", "URL", "pushurl", "x-1"]))
            key = f"{section}.{name.lower()}" if section else name.lower()
            raw = draw(st.none() | st.lists(st.sampled_from(ATOMS), max_size=5).map("".join))
            text = name + draw(blanks) + ("" if raw is None else "=" + draw(blanks) + raw)
            pieces.append(Piece(text, "variable", key))
        if (
            kind == "comment"
            or (kind == "header" and draw(st.booleans()))
            or (kind == "variable" and "=" in text and draw(st.booleans()))
        ):
            pieces.append(draw(comments))
        # A header may be followed by anything on its own line.
        if kind != "header" or pieces[-1].kind == "comment" or draw(st.booleans()):
            pieces.append(Piece(draw(newlines)))
    return pieces[:-1] if draw(st.booleans()) else pieces


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files(), st.none() | st.sampled_from(BROKEN), st.integers(0, 99))
@example([Piece("[a]\nx = \\\n  v")], None, 0)
@example([Piece('[a]\nx = ""  v')], None, 0)
@example([Piece("[a]\nx = v\u00a0\n\ty\n")], None, 0)
@example([Piece("[a]\nx = v\\")], None, 0)
@example([Piece("[a]\nx = v \\\n  ")], None, 0)
def test_a_file_is_read_as_git_reads_it(pieces: list[Piece], broken: str | None, place: int) -> None:
    """Every file has the values that git finds in it, and is refused if and only if git refuses it."""
    texts = [piece.text for piece in pieces]
    text = "".join([*texts[: place % (len(texts) + 1)], broken or "", *texts[place % (len(texts) + 1) :]])
    assert blanked(read_here(text)) == blanked(read_by_git(text))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    files(),
    st.dictionaries(
        st.builds("{}.{}".format, st.sampled_from(SECTIONS), st.sampled_from(["url", "pushurl", "fetch"])),
        st.lists(new_values, max_size=3),
        min_size=1,
        max_size=3,
    ),
)
@example([Piece("[a] ", "header"), Piece("[b] ", "header"), Piece("x = 1")], {"a.y": ["2"]})
@example([Piece("[a]\nx = v\\\n")], {"b.c.y": ["2"]})
@example([Piece("[a]\nx = v\\")], {"a.y": ["2"], "b.c.y": ["3"]})
@example([Piece("[a]\nx = v \\\n  \n")], {"a.y": ["2"]})
@example([Piece("[a]\nx\n")], {"a.x": ["true", "2"]})
@example([Piece("[a] "), Piece("x", "variable", "a.x")], {"a.x": ["1", "2"]})
@example([Piece("[a]", "header")], {"b.c.y": ["2"], "a.x": ["1"]})
def test_an_edit_changes_what_it_shall_and_nothing_else(pieces: list[Piece], assignments: Values) -> None:
    """After an edit git reads the keys assigned as given and all others as before, and every other byte is in place."""
    text = "".join(piece.text for piece in pieces)
    before = read_by_git(text)
    if before is None:
        with pytest.raises(RepositoryError):
            assigned(text, assignments)
        return
    edited = assigned(text, assignments)
    expected = {key: items for key, items in {**before, **assignments}.items() if items}
    assert blanked(read_by_git(edited)) == blanked(expected)
    position = 0
    for piece in pieces:
        if piece.kind != "filling" and piece.key not in assignments:
            found = edited.find(piece.text, position)
            assert found >= 0, piece
            position = found + len(piece.text)
    assert assigned(edited, assignments) == edited
    assert assigned(text, values(text)) == text


LAYOUT = """\
# mine
[core]
\tbare = false ; as it is
[remote "scalingo"] ; the app
\turl = old # where it was
\tpush = HEAD:main
[remote "other"]
    url=elsewhere
\turl = twice
"""


@pytest.mark.parametrize(
    ("assignments", "old", "new"),
    [
        ({"remote.scalingo.url": ["new"]}, "url = old #", "url = new #"),
        ({"remote.scalingo.url": ["a b"]}, "url = old #", "url = a b #"),
        ({"remote.scalingo.url": [" #"]}, "url = old #", 'url = " #" #'),
        ({"remote.scalingo.url": []}, "\turl = old #", "\t #"),
        ({"remote.scalingo.push": []}, "\tpush = HEAD:main\n", ""),
        ({"remote.scalingo.fetch": ["f"]}, "HEAD:main\n", "HEAD:main\n\tfetch = f\n"),
        ({"remote.other.url": ["one"]}, "url=elsewhere\n\turl = twice\n", "url=one\n"),
        ({"remote.other.url": ["a", "b", "c"]}, "url=elsewhere\n\turl = twice\n", "url=a\n\turl = b\n\turl = c\n"),
        (
            {"remote.new.url": ["u"], "remote.new.fetch": ["f"]},
            "twice\n",
            'twice\n[remote "new"]\n\turl = u\n\tfetch = f\n',
        ),
        ({'remote.q"\\.url': ["u"]}, "twice\n", 'twice\n[remote "q\\"\\\\"]\n\turl = u\n'),
    ],
)
def test_an_edit_keeps_the_layout(assignments: Values, old: str, new: str) -> None:
    """An edit replaces a value where it stands, adds below its section's last line, and removes whole lines."""
    assert LAYOUT.count(old) == 1
    assert assigned(LAYOUT, assignments) == LAYOUT.replace(old, new)


def test_a_bad_line_is_named() -> None:
    """A file that git would refuse is refused with the line's number."""
    with pytest.raises(RepositoryError, match=r"^bad line 3 in the configuration file$"):
        list(tokens("[a]\n\tx = 1\n[oops\n"))


# --- the whole configuration -----------------------------------------------------------------------------------------


def entries(*pairs: tuple[str, str], scope: str = "local") -> list[Entry]:
    return [Entry(scope, "file:.git/config", key, value) for key, value in pairs]


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
    assert list(parse_listing("")) == []


def test_a_remote_is_all_that_is_said_of_it() -> None:
    """A remote gathers its settings from all scopes, and names with dots and without settings are no trouble."""
    own = entries(("remote.a.b.url", "1"), ("remote.a.b.fetch", "f"), ("remote.pushdefault", "a.b"))
    inherited = entries(("remote.a.b.pushurl", "2"), ("remote.a.b.vcs", "hg"), ("remote.c.proxy", ""), scope="global")
    configuration = Configuration([*own, *inherited])
    remote = configuration.remote("a.b")
    assert (remote.urls, remote.pushurls, remote.has_fetch, remote.helper) == ((own[0],), (inherited[0],), True, "hg")
    assert remote.inherited == (inherited[0],)
    assert remote.key("pushurl") == "remote.a.b.pushurl"
    assert list(configuration.remote_names) == ["a.b", "c"]
    nothing = configuration.remote("absent")
    assert (nothing.urls, nothing.pushurls, nothing.has_fetch, nothing.helper) == ((), (), False, "")


TRUE = ["true", "TRUE", "yes", "on", "1", "2", "-1", "+3", "007", "1k", "9" * 6]
FALSE = ["false", "no", "off", "", "0", "00", "-0", "0k"]


@pytest.mark.parametrize("value", [*TRUE, *FALSE, "maybe", "\u0661", "9" * 5000])
def test_a_boolean_is_read_as_git_reads_it(value: str) -> None:
    """A setting counts as true where git takes it for true, and what git refuses breaks nothing."""
    configuration = Configuration(entries(("k.b", "true"), ("k.b", value)))
    if value in TRUE + FALSE:
        said = git("-c", f"k.b={value}", "config", "--type=bool", "k.b")
        assert configuration.get_bool("k.b") == (said == "true")
    else:
        configuration.get_bool("k.b")
    assert not configuration.get_bool("k.absent")


# --- where git push goes ---------------------------------------------------------------------------------------------

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


@settings(max_examples=60, deadline=None)
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
    said: Values = {}
    for line in git("remote", "-v", cwd=path).splitlines():
        name, _, rest = line.partition("\t")
        if rest.endswith(" (push)"):
            said.setdefault(name, []).append(rest.removesuffix(" (push)"))
    listing = git("config", "--null", "--list", "--show-scope", "--show-origin", cwd=path)
    configuration = Configuration(parse_listing(listing))
    found = {name: configuration.remote(name) for name in configuration.remote_names}
    assert said == {
        name: list(configuration.push_urls([url.value for url in remote.urls], [url.value for url in remote.pushurls]))
        for name, remote in found.items()
    }
