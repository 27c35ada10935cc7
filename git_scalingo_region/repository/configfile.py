"""A configuration file's text: where each value stands in it, and the same text with other values.

Pure: it reads and returns texts, `remotes` does the I/O. It exists because no command of git changes several values at
once, and none of git or GitPython does so without a moment at which the file is half-written: `git remote add` writes
twice, GitPython's `config_writer` drops comments. Imports `gitconfig` and `errors`.

The syntax is git-config(1)'s, section "CONFIGURATION FILE". Texts hold the bytes that are not UTF-8 as surrogates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from git_scalingo_region.errors import RepositoryError
from git_scalingo_region.repository.configuration import VALUELESS

# What to write in one file: each key with all the values it shall have there, in order.
Assignments = Mapping[str, Sequence[str]]

# What git takes for blank within a line: no other control character, and nothing outside ASCII.
_BLANKS = " \t\r"
_BLANK = re.compile(r"(?:[ \t\r\n]+|[#;][^\n]*)*")
_REST_OF_LINE = re.compile(r"[ \t\r]*(?:[#;][^\n]*)?\n?")
_HEADER = re.compile(r'\[([A-Za-z0-9.-]*)(?:[ \t\r]+"((?:[^"\\\n]|\\[^\n])*)"|(?<!\[))\]')
_KEY = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t]*(?:(=)[ \t]*|(?=\r?\n|\Z))")
_ESCAPE = r'\\(?:\r?\n|\Z|[\\"tnb])'
_VALUE = re.compile(rf'(?:[^\\"\n;#]+|{_ESCAPE}|"(?:[^"\\\n]|{_ESCAPE})*")*')
_PIECE = re.compile(r'\\(\r?\n|[\\"tnb]|\Z)|(")|([ \t\r]+)|([^\\" \t\r]+)')
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b", "\\": "\\", '"': '"'}
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
        name = f"{section}.{key[1].lower()}" if section else key[1].lower()
        if key[2]:
            raw = _match(_VALUE, text, key.end())[0]
            value = raw.rstrip(_BLANKS)
            yield Token(name, _unquoted(value), position, key.end(), key.end() + len(value))
            position = key.end() + len(raw)
        else:
            yield Token(name, VALUELESS, position, key.end(1), key.end(1))
            position = key.end()


def _match(pattern: re.Pattern[str], text: str, position: int) -> re.Match[str]:
    match = pattern.match(text, position)
    if match is None:
        raise RepositoryError(f"bad line {text.count(chr(10), 0, position) + 1} in the configuration file")
    return match


def _section_key(header: re.Match[str]) -> str:
    name, subsection = header[1].lower(), header[2]
    return name if subsection is None else name + "." + re.sub(r"\\(.)", r"\1", subsection)


def _unquoted(raw: str) -> str:
    parts: list[str] = []
    quoted = False
    for escaped, quote, blank, plain in _PIECE.findall(raw):
        quoted ^= bool(quote)
        # Blanks before the first character are none of the value.
        if piece := _ESCAPES.get(escaped) or plain or (blank if parts or quoted else ""):
            parts.append(piece)
    return "".join(parts)


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
    # At the end of the file, what belongs to its last section comes before the new sections.
    for section in sorted(added, key=lambda section: section not in places):
        if added[section]:
            splices.append(_insertion(text, places.get(section), section, added[section]))
    return _spliced(text, splices)


def _replacement(text: str, token: Token, value: str) -> tuple[int, int, str]:
    before = text[token.start : token.value_start]
    equals = "" if "=" in before else " = "
    return (token.value_start if not equals else token.end), token.end, equals + _quoted(value)


def _removal(text: str, token: Token) -> tuple[int, int, str]:
    line_start = text.rfind("\n", 0, token.start) + 1
    line_end = _match(_REST_OF_LINE, text, token.end).end()
    alone = not text[line_start : token.start].strip(_BLANKS) and not text[token.end : line_end].strip(_BLANKS + "\n")
    return (line_start, line_end, "") if alone else (token.start, token.end, "")


def _insertion(text: str, place: int | None, section: str, lines: list[str]) -> tuple[int, int, str]:
    if place is None:
        name, dot, subsection = section.partition(".")
        escaped = subsection.replace("\\", "\\\\").replace('"', '\\"')
        lines = [f'[{name} "{escaped}"]\n' if dot else f"[{name}]\n", *lines]
        place = len(text)
    else:
        place = _match(_REST_OF_LINE, text, place).end()
    return place, place, _line_break(text, place) + "".join(lines)


def _line_break(text: str, place: int) -> str:
    """Return what is missing for a line to begin here: the last line of a file may lack its end, or be continued."""
    begins = place == 0 or text[place - 1] == "\n"
    continued = place == len(text) and text.endswith(("\\", "\\\n", "\\\r\n"))
    return "\n" * ((not begins) + continued)


def _spliced(text: str, splices: list[tuple[int, int, str]]) -> str:
    parts, position = [], 0
    # Where two begin at one place they stay in order: a line that is added follows the one that was changed.
    for start, end, new in sorted(splices, key=lambda splice: splice[:2]):
        parts += [text[position:start], new]
        position = end
    return "".join([*parts, text[position:]])
