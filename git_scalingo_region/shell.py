"""Commands to be pasted into a shell: text that is safe on a terminal and means exactly the words it was made of."""

from __future__ import annotations

import re

PROGRAM = "git scalingo-region"

# What no POSIX shell gives a meaning to. A word of these characters needs no quotes.
_PLAIN = r"[A-Za-z0-9_@%+=:,./^-]+"
# What `printf` writes as it is, in a shell that expands "!" even there.
_PRINTED = r"[A-Za-z0-9_@+=:,./^ ]"


def command(*words: str) -> str:
    """Return the command line of these words for `sh`; "" if a word cannot be written so that it survives pasting."""
    quoted = [quote(word) for word in words]
    return " ".join(quoted) if all(quoted) else ""


def plugin(*words: str) -> str:
    """Return a command line of this program, `git scalingo-region WORDS`; "" as `command` does."""
    return command(*PROGRAM.split(), *words)


def chain(*commands: str) -> str:
    """Return the commands joined by `&&`; "" if one of them is missing."""
    return " && ".join(commands) if all(commands) else ""


def quote(word: str) -> str:
    """Return one word quoted for `sh`, in printable characters only; "" if there is no such text.

    A terminal does not paste control characters, and bytes that are not UTF-8, as they were: `printf` carries them.
    """
    if re.fullmatch(_PLAIN, word):
        return word
    if word.isprintable():
        return "'" + word.replace("'", "'\"'\"'") + "'"
    if word.endswith("\n") or "\0" in word:  # a command substitution drops the last newlines
        return ""
    try:
        return "\"$(printf '" + "".join(map(_for_printf, word)) + "')\""
    except UnicodeEncodeError:  # not text, and not bytes of a file or the command line either
        return ""


def _for_printf(character: str) -> str:
    if re.match(_PRINTED, character):
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))
