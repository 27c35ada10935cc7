"""Quoting for a shell: pasting a quoted word gives exactly that word, whatever it contains."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from git_scalingo_region import shell

# What a word may hold: text, and bytes that are not text, in the form that Python gives them.
words = st.lists(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from([*"-!%\\'\"`$ \t\n~#*", "\u00a0", "\udcff", "\udc80"]),
    max_size=8,
).map("".join)


@given(words)
@example("-n\x01")
@example("%s\\x\t0")
@example("a\n")
@example("!!\x01$(id)`id`\"'")
def test_a_quoted_word_is_that_word_again(word: str) -> None:
    """A quoted word is printable and a shell reads the same word from it; it is empty only if that is impossible."""
    text = shell.quote(word)
    assert text.isprintable()
    if not text:
        assert word.endswith("\n") or "\0" in word
        return
    done = subprocess.run(["sh", "-c", f"printf %s {text}"], check=True, capture_output=True)
    assert done.stdout == os.fsencode(word)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("refs/heads/main:refs/heads/main", "refs/heads/main:refs/heads/main"),
        ("HEAD^0:refs/heads/main", "'HEAD^0:refs/heads/main'"),
        ("=ls", "'=ls'"),
        ("", "''"),
        ("a b", "'a b'"),
        ("$(id)", "'$(id)'"),
        ("it's", "'it'\"'\"'s'"),
        ("é", "'é'"),
        ("C:\\a", "'C:\\a'"),
        ("\\\\a\\", "''\"\\\\\"'\\a'\"\\\\\"''"),
        ("a\tb", "\"$(printf 'a\\011b')\""),
        ("-a\u00a0b", "\"$(printf '\\055a\\302\\240b')\""),
        ("\udcff!", "\"$(printf '\\377\\041')\""),
        ("a\n", ""),
        ("\0", ""),
        ("\ud800", ""),
    ],
)
def test_words_are_quoted_as_little_as_they_need(word: str, text: str) -> None:
    """A plain word is not quoted, a printable one is put in single quotes, and any other goes through `printf`."""
    assert shell.quote(word) == text


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
@pytest.mark.parametrize("word", ["\\\\server\\a\\", "\\'", "=ls", "HEAD^0", "a\tb", "it's", "~", "#", "!!"])
def test_other_shells_read_the_same_word(name: str, word: str) -> None:
    """bash, zsh with EXTENDED_GLOB, and fish read the same word as `sh` from the quoted text."""
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    options = ["-o", "extendedglob"] if name == "zsh" else []
    line = f"printf %s {shell.quote(word)}"
    done = subprocess.run([name, *options, "-c", line], check=True, capture_output=True)
    assert done.stdout == os.fsencode(word)


def test_bytes_are_those_of_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a locale that is not UTF-8, the quoted text stands for the bytes from which the word was read."""
    monkeypatch.setattr(os, "fsencode", lambda text: text.encode("latin-1"))
    assert shell.quote("æ\x97¥") == "\"$(printf '\\346\\227\\245')\""
