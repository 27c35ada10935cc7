"""git's configuration, as git reads it: entries, remotes, url rewriting, and where a value stands in a file.

Pure: it reads and returns texts, `remotes` does the I/O. It exists because no command of git changes several values at
once, and none of git or GitPython does so without a moment at which the file is half-written: `git remote add` writes
twice, GitPython's `config_writer` drops comments. Knows nothing of regions. Imports `errors` alone.

The syntax is git-config(1)'s, section "CONFIGURATION FILE". Texts hold the bytes that are not UTF-8 as surrogates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from git_scalingo_region.errors import RepositoryError

# What to write in one file: each key with all the values it shall have there, in order.
Assignments = Mapping[str, Sequence[str]]

# Scopes of `git config --show-scope` that belong to the repository; system, global and command do not.
OWN_SCOPES = ("local", "worktree")


class Entry(NamedTuple):
    """One line of `git config --list --show-scope --show-origin`; a tuple, since there may be ten thousands."""

    scope: str
    origin: str
    key: str
    value: str

    @property
    def own(self) -> bool:
        """Whether the repository's own configuration, includes among it, holds the entry."""
        return self.scope in OWN_SCOPES


def parse_listing(text: str) -> Iterator[Entry]:
    """Read the output of `git config --null --list --show-scope --show-origin`."""
    fields = iter(text.split("\0"))
    for scope, origin, item in zip(fields, fields, fields):
        key, newline, value = item.partition("\n")
        # A variable without "=" is true (git-config(1), "Values").
        yield Entry(scope, origin, key, value if newline else "true")


@dataclass(frozen=True)
class Remote:
    """What the configuration of all scopes says of one remote."""

    name: str
    urls: tuple[Entry, ...] = ()
    pushurls: tuple[Entry, ...] = ()
    has_fetch: bool = False
    helper: str = ""

    @property
    def inherited(self) -> tuple[Entry, ...]:
        """The urls that come from outside the repository."""
        return tuple(entry for entry in (*self.urls, *self.pushurls) if not entry.own)

    def key(self, variable: str) -> str:
        """Return the full key of one of the remote's variables."""
        return f"remote.{self.name}.{variable}"


class Configuration:
    """The whole configuration that git sees from the current folder, read once."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._last: dict[str, str] = {}
        self._remotes: dict[str, dict[str, list[Entry]]] = {}
        self._rewrites: dict[str, list[tuple[str, str]]] = {"insteadof": [], "pushinsteadof": []}
        for entry in entries:
            self._last[entry.key] = entry.value
            section, _, rest = entry.key.partition(".")
            name, dot, variable = rest.rpartition(".")
            if dot and section == "remote":
                self._remotes.setdefault(name, {}).setdefault(variable, []).append(entry)
            elif dot and section == "url" and variable in self._rewrites:
                self._rewrites[variable].append((entry.value, name))

    def get(self, key: str) -> str:
        """Return the last value of a key, as git does, or an empty text."""
        return self._last.get(key, "")

    def get_bool(self, key: str) -> bool:
        """Return the last value of a key as git reads a boolean; what is none counts as false."""
        value = self.get(key).lower()
        return value in ("true", "yes", "on") or (value.isdecimal() and int(value) != 0)

    @property
    def remote_names(self) -> tuple[str, ...]:
        """The names of all remotes that have any setting, in the order of the configuration."""
        return tuple(self._remotes)

    def remote(self, name: str) -> Remote:
        """Return the remote of that name; one without settings where there is none."""
        variables = self._remotes.get(name, {})
        helpers = variables.get("vcs", [])
        return Remote(
            name,
            urls=tuple(variables.get("url", ())),
            pushurls=tuple(variables.get("pushurl", ())),
            has_fetch="fetch" in variables,
            helper=helpers[-1].value if helpers else "",
        )

    def rewritten(self, url: str) -> str:
        """Return the url after `url.*.insteadOf`."""
        return _rewritten(url, self._rewrites["insteadof"]) or url

    def push_urls(self, urls: Iterable[str], pushurls: Iterable[str]) -> tuple[str, ...]:
        """Return where `git push` goes for these values of `url` and `pushurl`.

        git's rule (git-config(1), `url.*.pushInsteadOf`): a `pushurl` hides every `url` and knows `insteadOf` alone;
        without one, the urls that `pushInsteadOf` rewrites hide those that it does not.
        """
        explicit = [self.rewritten(url) for url in pushurls]
        urls = list(urls)
        implied = [_rewritten(url, self._rewrites["pushinsteadof"]) for url in urls]
        return tuple(explicit or [url for url in implied if url is not None] or [self.rewritten(url) for url in urls])


def _rewritten(url: str, rules: list[tuple[str, str]]) -> str | None:
    """Apply the rule with the longest matching prefix, the first of them where two are as long."""
    matching = [(prefix, base) for prefix, base in rules if url.startswith(prefix)]
    if not matching:
        return None
    prefix, base = max(matching, key=lambda rule: len(rule[0]))
    return base + url[len(prefix) :]


# --- a configuration file's text -------------------------------------------------------------------------------------

_BLANK = re.compile(r"(?:\s|[#;][^\n]*)*")
_HEADER = re.compile(r'\[([A-Za-z0-9.-]+)(?:[ \t]+"((?:[^"\\\n]|\\[^\n])*)")?\]')
_KEY = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t]*(=[ \t]*)?")
_VALUE = re.compile(r'(?:[^\\"\n;#]|\\(?:\r?\n|[^\n])|"(?:[^"\\\n]|\\(?:\r?\n|[^\n]))*")*')
_PIECE = re.compile(r'\\(\r?\n|[^\n])|(")|([^\\"]+)')
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b"}
_PLAIN = re.compile(r'[^\s"\\#;](?:[^"\\#;\n\t\r]*[^\s"\\#;])?')


class Token(NamedTuple):
    """A section's header (`key` is the section's) or a variable: where it starts, and where its value stands."""

    key: str
    value: str | None
    start: int
    value_start: int
    end: int


def tokens(text: str) -> Iterator[Token]:
    """Yield the headers (value None) and variables of a configuration file.

    Raises `RepositoryError` where git would call the file bad.
    """
    position, section = int(text.startswith("\ufeff")), ""
    while (position := _match(_BLANK, text, position).end()) < len(text):
        if header := _HEADER.match(text, position):
            section = _section_key(header)
            yield Token(section, None, position, header.end(), header.end())
            position = header.end()
            continue
        key = _match(_KEY, text, position)
        value = _match(_VALUE, text, key.end()) if key[2] else None
        end = key.end() + len(value[0].rstrip()) if value else key.end(1)
        yield Token(
            f"{section}.{key[1].lower()}", _unquoted(value[0].rstrip()) if value else "", position, key.end(), end
        )
        position = value.end() if value else key.end()


def _match(pattern: re.Pattern[str], text: str, position: int) -> re.Match[str]:
    match = pattern.match(text, position)
    if match is None:
        raise RepositoryError(f"bad line {text.count(chr(10), 0, position) + 1} in the configuration file")
    return match


def _section_key(header: re.Match[str]) -> str:
    name, subsection = header[1].lower(), header[2]
    return name if subsection is None else name + "." + re.sub(r"\\(.)", r"\1", subsection)


def _unquoted(raw: str) -> str:
    return "".join(
        (escaped and _ESCAPES.get(escaped, "" if escaped.endswith("\n") else escaped)) or text or ""
        for escaped, _, text in _PIECE.findall(raw)
    )


def _quoted(value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def values(text: str) -> dict[str, list[str]]:
    """Return the values of every key of a configuration file, its includes left aside."""
    found: dict[str, list[str]] = {}
    for token in tokens(text):
        if token.value is not None:
            found.setdefault(token.key, []).append(token.value)
    return found


def assigned(text: str, assignments: Assignments) -> str:
    """Return the text with each key of `assignments` holding exactly the values given, and all else as it was.

    Values in place are replaced in place, surplus ones are removed, missing ones follow the last line of their
    section, or of the file.
    """
    splices: list[tuple[int, int, str]] = []
    places: dict[str, int] = {}
    present: dict[str, list[Token]] = {key: [] for key in assignments}
    for token in tokens(text):
        places[token.key if token.value is None else token.key.rpartition(".")[0]] = token.end
        if token.value is not None and token.key in present:
            present[token.key].append(token)
    added: dict[str, list[str]] = {}
    for key, wanted in assignments.items():
        section, _, variable = key.rpartition(".")
        found = present[key]
        for token, value in zip(found, wanted):
            if token.value != value:
                splices.append(_replacement(text, token, value))
        splices += [_removal(text, token) for token in found[len(wanted) :]]
        added.setdefault(section, []).extend(f"\t{variable} = {_quoted(value)}\n" for value in wanted[len(found) :])
    splices += [_insertion(text, places.get(section), section, lines) for section, lines in added.items() if lines]
    return _spliced(text, splices)


def _replacement(text: str, token: Token, value: str) -> tuple[int, int, str]:
    before = text[token.start : token.value_start]
    equals = "" if "=" in before else " = "
    return (token.value_start if not equals else token.end), token.end, equals + _quoted(value)


def _removal(text: str, token: Token) -> tuple[int, int, str]:
    line_start = text.rfind("\n", 0, token.start) + 1
    line_end = text.find("\n", token.end) + 1 or len(text)
    alone = not text[line_start : token.start].strip() and not text[token.end : line_end].strip()
    return (line_start, line_end, "") if alone else (token.start, token.end, "")


def _insertion(text: str, place: int | None, section: str, lines: list[str]) -> tuple[int, int, str]:
    if place is None:
        name, _, subsection = section.partition(".")
        escaped = subsection.replace("\\", "\\\\").replace('"', '\\"')
        lines = [f'[{name} "{escaped}"]\n', *lines]
        place = len(text)
    else:
        place = text.find("\n", place) + 1 or len(text)
    newline = "\n" if place and text[place - 1] != "\n" else ""
    return place, place, newline + "".join(lines)


def _spliced(text: str, splices: list[tuple[int, int, str]]) -> str:
    parts, position = [], 0
    for start, end, new in sorted(splices):
        parts += [text[position:start], new]
        position = end
    return "".join([*parts, text[position:]])
