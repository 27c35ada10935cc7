"""git's configuration of all scopes, as `git config --list` prints it: entries, remotes, and url rewriting.

This module is pure (`repository.git` asks git for the listing), and knows nothing about regions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, KeysView, Mapping, Sequence
from typing import NamedTuple

# How to ask git for the whole configuration, in the form that `parse_listing` reads.
LISTING = ("config", "--null", "--list", "--show-scope", "--show-origin")


class _Valueless(str):
    """The value of a variable without "=": true (git-config(1), "Values"). No git command writes such a line."""


VALUELESS = _Valueless("true")


class Entry(NamedTuple):
    """One line of `git config --list --show-scope --show-origin`."""

    scope: str
    origin: str
    key: str
    value: str

    @property
    def own(self) -> bool:
        """Whether the entry comes from the repository's own files, or from files that they include."""
        return self.scope in ("local", "worktree")

    @property
    def variable(self) -> str:
        """The last part of the key, such as `url` or `pushurl`."""
        return self.key.rpartition(".")[2]

    @property
    def file(self) -> str:
        """The file that the entry comes from, or `the command line` (`git -c` and the environment)."""
        return self.origin.removeprefix("file:") if self.origin.startswith("file:") else "the command line"


def parse_listing(text: str) -> Iterator[Entry]:
    """Yield the entries in git's answer to `LISTING`."""
    fields = iter(text.split("\0"))
    for scope, origin, item in zip(fields, fields, fields):
        yield Entry(scope, origin, *_item(item))


def parse_items(text: str) -> list[tuple[str, str]]:
    """Return the keys and values in the output of `git config --file FILE --null --list`, in the order of the file."""
    return [_item(item) for item in text.split("\0")[:-1]]


def _item(text: str) -> tuple[str, str]:
    key, newline, value = text.partition("\n")
    return key, value if newline else VALUELESS


def without_login(urls: str) -> str:
    """Return a text without the user and password of its http and ftp urls, as git does: either may be a token."""
    return re.sub(r"(?i)\b((?:http|ftp)s?://)[^/]*@", r"\1", urls)


def split_key(key: str) -> tuple[str, str | None, str]:
    """Return the section, subsection and variable of a key; the subsection is None in a key such as `push.default`."""
    section, _, rest = key.partition(".")
    subsection, dot, variable = rest.rpartition(".")
    return section, subsection if dot else None, variable


class Remote(NamedTuple):
    """What the configuration says about one remote: the urls in force, all variables, and where `git push` goes."""

    name: str
    urls: tuple[Entry, ...] = ()
    pushurls: tuple[Entry, ...] = ()
    variables: Mapping[str, Sequence[Entry]] = {}
    push_urls: tuple[str, ...] = ()

    @property
    def exists(self) -> bool:
        """Whether git considers it a remote, which means that it has a url, a pushurl or a helper."""
        return bool(self.urls or self.pushurls or self.helper)

    @property
    def helper(self) -> str:
        """The remote helper that git runs instead of connecting to the url (`remote.NAME.vcs`)."""
        return self.variables["vcs"][-1].value if "vcs" in self.variables else ""

    @property
    def in_force(self) -> tuple[Entry, ...]:
        """Every url in force: those of `url`, then those of `pushurl`."""
        return (*self.urls, *self.pushurls)

    @property
    def push_entries(self) -> tuple[Entry, ...]:
        """The urls that git pushes to: a `pushurl` hides every `url`."""
        return self.pushurls or self.urls

    @property
    def inherited(self) -> tuple[Entry, ...]:
        """The urls that come from outside the repository."""
        return tuple(entry for entry in self.in_force if not entry.own)

    def key(self, variable: str) -> str:
        """Return the full key of one of the remote's variables."""
        return f"remote.{self.name}.{variable}"

    def values_in(self, origin: str, variable: str) -> tuple[str, ...]:
        """Return all values of a variable in one file, including those that a later empty value hides."""
        return tuple(entry.value for entry in self.variables.get(variable, ()) if entry.origin == origin)


class Configuration:
    """The whole configuration that git sees from the current folder, read once; `listed` holds its entries."""

    def __init__(self, entries: Iterable[Entry], *, empty_resets: bool = False) -> None:
        """Take git's listing. `empty_resets`: an empty url clears the list so far, as in git 2.46 and newer."""
        self._empty_resets = empty_resets
        self.listed = list(entries)
        self._entries: dict[str, list[Entry]] = {}
        self._remotes: dict[str, dict[str, list[Entry]]] = {}
        # By kind, then by base: if two bases match equally well, git uses the one that it met first.
        self._rewrites: dict[str, dict[str, list[str]]] = {"insteadof": {}, "pushinsteadof": {}}
        for entry in self.listed:
            self._entries.setdefault(entry.key, []).append(entry)
            section, name, variable = split_key(entry.key)
            if section == "remote" and name is not None:
                self._remotes.setdefault(name, {}).setdefault(variable, []).append(entry)
            elif section == "url" and name is not None and variable in self._rewrites:
                self._rewrites[variable].setdefault(name, []).append(entry.value)

    def get(self, key: str) -> str:
        """Return the last value of a key, as git does, or ""."""
        return self._entries[key][-1].value if key in self._entries else ""

    def entries(self, key: str) -> Sequence[Entry]:
        """Return every entry of a key, in the order in which git read them."""
        return self._entries.get(key, ())

    def last_of(self, *keys: str) -> str:
        """Return the one of these keys that git read last, or ""."""
        return next((entry.key for entry in reversed(self.listed) if entry.key in keys), "")

    def users_own(self, key: str) -> str:
        """Return the last value that a key has outside the repository (system, user or `git -c`), or ""."""
        return next((entry.value for entry in reversed(self.entries(key)) if not entry.own), "")

    @property
    def remote_names(self) -> KeysView[str]:
        """The names of all remotes that have any setting, in the order of the configuration."""
        return self._remotes.keys()

    def remote(self, name: str) -> Remote:
        """Return the remote of that name, or one without settings if there is none."""
        variables = self._remotes.get(name, {})
        held = [variables.get(variable, ()) for variable in ("url", "pushurl")]
        values = [[entry.value for entry in entries] for entries in held]
        urls, pushurls = (tuple(entries[self._start(texts) :]) for entries, texts in zip(held, values))
        return Remote(name, urls, pushurls, variables, self.push_urls(*values))

    def _start(self, values: Sequence[str]) -> int:
        """Return the index of the first value that is in force."""
        return max((index + 1 for index, value in enumerate(values) if self._empty_resets and not value), default=0)

    def rewritten(self, url: str, *, push: bool = False) -> str:
        """Return the url as `url.*.insteadOf` rewrites it, or, with `push`, `url.*.pushInsteadOf` if that applies."""
        implied = _rewritten(url, self._rewrites["pushinsteadof"]) if push else None
        return implied if implied is not None else _rewritten(url, self._rewrites["insteadof"]) or url

    def push_urls(self, urls: Sequence[str], pushurls: Sequence[str]) -> tuple[str, ...]:
        """Return where `git push` goes for these values of `url` and `pushurl`.

        git's rule (git-config(1), `url.*.pushInsteadOf`): a `pushurl` hides every `url`, and only `insteadOf` applies
        to it. Without a `pushurl`, the urls that `pushInsteadOf` rewrites hide the others.
        """
        urls, pushurls = (values[self._start(values) :] for values in (urls, pushurls))
        explicit = [self.rewritten(url) for url in pushurls]
        implied = [_rewritten(url, self._rewrites["pushinsteadof"]) for url in urls]
        return tuple(explicit or [url for url in implied if url is not None] or [self.rewritten(url) for url in urls])


def _rewritten(url: str, rules: Mapping[str, Sequence[str]]) -> str | None:
    """Apply the rule with the longest matching prefix (the first of equally long ones); return None if none matches."""
    matching = [(prefix, base) for base, prefixes in rules.items() for prefix in prefixes if url.startswith(prefix)]
    if not matching:
        return None
    prefix, base = max(matching, key=lambda rule: len(rule[0]))
    return base + url[len(prefix) :]
