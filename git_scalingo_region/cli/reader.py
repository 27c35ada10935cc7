"""Read the plain command lines that scripts and people use every day, without loading a library.

Typer reads each of these lines in the same way, as a property test checks; anything else is left to `parser`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from git_scalingo_region.cli.options import BY_NAME, Command, Option


class Call(NamedTuple):
    """A command line that has been read, with a value for every argument and option of the command."""

    command: Command
    values: dict[str, Any]


def read(arguments: Sequence[str]) -> Call | None:
    """Return the call that a plain line makes; None if the line is not plain, or is a mistake."""
    command = BY_NAME.get(arguments[0]) if arguments else None
    if command is None:
        return None
    flags = {flag: option for option in command.options for flag in option.flags}
    values: dict[str, Any] = {option.name: option.default for option in command.options}
    positionals: list[str] = []
    words = iter(arguments[1:])
    for word in words:
        if word == "--":
            positionals += words
        elif not word.startswith("-") or word == "-":
            positionals.append(word)
        elif not _read_option(word, words, flags, values):
            return None
    return _assign(command, positionals, values)


def _read_option(word: str, words: Iterator[str], flags: dict[str, Option], values: dict[str, Any]) -> bool:
    """Note an option, and its value from the next word if it needs one; return whether it is a plain option."""
    flag, attached, value = word.partition("=")
    option = flags.get(flag)
    if option is None or (attached and not (option.metavar and flag.startswith("--"))):
        return False
    if not option.metavar:
        values[option.name] = True
        return True
    given = value if attached else next(words, None)
    if given is not None:
        values[option.name] = (*values[option.name], given) if option.repeated else given
    return given is not None


def _assign(command: Command, positionals: list[str], values: dict[str, Any]) -> Call | None:
    for argument in command.arguments:
        if argument.required and not positionals:
            return None
        if argument.repeated:
            values[argument.name], positionals = tuple(positionals), []
        else:
            values[argument.name] = positionals.pop(0) if positionals else ""
    return None if positionals else Call(command, values)
