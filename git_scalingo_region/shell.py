"""Commands to be pasted into a shell: text that is safe on a terminal and stands for exactly the given words."""

from __future__ import annotations

import os
import re

PROGRAM = "git scalingo-region"

# Characters without a special meaning in any shell, even zsh with EXTENDED_GLOB. A word of these needs no quotes.
_PLAIN = r"(?!=)[A-Za-z0-9_@%+=:,./-]+"
# Characters that are passed to `printf` unescaped; "!" is not one of them, because some shells expand it anyway.
_PRINTED = r"[A-Za-z0-9_@+=:,./^ ]"
# A text as git quotes it in GIT_CONFIG_PARAMETERS, and the settings that may be shown: others may hold a password.
_QUOTED = r"'(?:[^']|'\\[!']')*'"
_REPEATED = r"(?i)(?:branch|protocol|push|scalingo|ssh|submodule)\."


def command(*words: str) -> str:
    """Return the command line of these words for `sh`; "" if a word has no form that survives pasting."""
    quoted = [quote(word) for word in words]
    return " ".join(quoted) if all(quoted) else ""


def git(*words: str) -> str:
    """Return a command line of git for the repository of this run; "" in the same case as `command`."""
    try:
        return command("git", *_git_options(), *words)
    except OSError:  # the current folder is gone
        return command("git", *words)


def plugin(*words: str) -> str:
    """Return a command line of this program, `git scalingo-region WORDS`; see `git`."""
    return git("scalingo-region", *words)


def _git_options() -> list[str]:
    """Return the options that git was given for this run, which a pasted command must repeat.

    `git -C DIR scalingo-region` runs in DIR, but PWD still names the shell's own folder. `git --git-dir=DIR` sets
    GIT_DIR, which looks as if the shell had set it. `git -c` writes GIT_CONFIG_PARAMETERS.
    """
    named = {"--git-dir": os.environ.get("GIT_DIR"), "--work-tree": os.environ.get("GIT_WORK_TREE")}
    options = [f"{option}={os.path.abspath(place)}" for option, place in named.items() if place]
    folder, here = os.environ.get("PWD", ""), os.getcwd()
    if os.path.isabs(folder) and os.path.isdir(folder) and not os.path.samefile(folder, here):
        options[:0] = ["-C", here]
    if settings := os.environ.get("GIT_CONFIG_PARAMETERS"):
        # 'KEY=VALUE', or, since git 2.31, 'KEY'='VALUE' and 'KEY'= for a key without a value.
        for key, value in re.findall(rf"({_QUOTED})=?({_QUOTED})?", settings):
            setting = "=".join(re.sub(r"'\\([!'])'", r"\1", text[1:-1]) for text in (key, value) if text)
            options += ["-c", setting] if re.match(_REPEATED, setting) else []
    return options


def chain(*commands: str) -> str:
    """Return the commands joined by `&&`; "" if one of them is missing."""
    return " && ".join(commands) if all(commands) else ""


def quote(word: str) -> str:
    """Return one word quoted for `sh`, in printable characters only; "" if that is impossible.

    Pasting may change control characters and bytes that are not UTF-8, so `printf` produces them.
    """
    if re.fullmatch(_PLAIN, word):
        return word
    if word.isprintable():
        inside = word.replace("'", "'\"'\"'")
        # In single quotes, fish treats a backslash before another backslash or a quote as an escape.
        return "'" + re.sub(r"\\(?=[\\']|$)", lambda _: "'\"\\\\\"'", inside) + "'"
    if word.endswith("\n") or "\0" in word:  # a command substitution drops the last newlines
        return ""
    try:
        return "\"$(printf '" + "".join(map(_for_printf, word)) + "')\""
    except UnicodeEncodeError:  # a surrogate that does not stand for a byte
        return ""


def _for_printf(character: str) -> str:
    if re.match(_PRINTED, character):
        return character
    return "".join(f"\\{byte:03o}" for byte in os.fsencode(character))
