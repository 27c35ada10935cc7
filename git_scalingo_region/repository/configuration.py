"""git's configuration of all scopes, as `git config --list` tells it: entries, remotes, and url rewriting.

Pure: `remotes` asks git. Knows nothing of regions or of files. Imports nothing of this package.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, KeysView, Mapping, Sequence
from typing import NamedTuple

# Scopes of `git config --show-scope` that belong to the repository; system, global and command do not.
OWN_SCOPES = ("local", "worktree")

# A variable without "=" is true (git-config(1), "Values").
VALUELESS = "true"
_TRUE = r"true|yes|on|[+-]?0*[1-9][0-9]*[kmg]?"


# What to ask git for the whole configuration, as `parse_listing` reads it.
LISTING = ("config", "--null", "--list", "--show-scope", "--show-origin")


def reason_of(stderr: str) -> str:
    """Return why git failed, in its own words: its `fatal:` or `error:` line, else its first."""
    lines = stderr.strip().split("\n")
    told = next((line for line in lines if line.startswith(("fatal: ", "error: "))), lines[0])
    return told.removeprefix("fatal: ").removeprefix("error: ").strip()


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
    """Read git's answer to `LISTING`."""
    fields = iter(text.split("\0"))
    for scope, origin, item in zip(fields, fields, fields):
        yield Entry(scope, origin, *_item(item))


def parse_values(text: str) -> dict[str, list[str]]:
    """Read the output of `git config --file FILE --null --list`: the values of every key."""
    found: dict[str, list[str]] = {}
    for item in text.split("\0")[:-1]:
        key, value = _item(item)
        found.setdefault(key, []).append(value)
    return found


def _item(text: str) -> tuple[str, str]:
    key, newline, value = text.partition("\n")
    return key, value if newline else VALUELESS


class Remote(NamedTuple):
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
        # By kind, then by base: of two bases with one prefix, git takes the one that it met first.
        self._rewrites: dict[str, dict[str, list[str]]] = {"insteadof": {}, "pushinsteadof": {}}
        for entry in entries:
            self._last[entry.key] = entry.value
            section, _, rest = entry.key.partition(".")
            name, dot, variable = rest.rpartition(".")
            if dot and section == "remote":
                self._remotes.setdefault(name, {}).setdefault(variable, []).append(entry)
            elif dot and section == "url" and variable in self._rewrites:
                self._rewrites[variable].setdefault(name, []).append(entry.value)

    def get(self, key: str) -> str:
        """Return the last value of a key, as git does, or an empty text."""
        return self._last.get(key, "")

    def get_bool(self, key: str) -> bool:
        """Return the last value of a key as git reads a boolean; what is none counts as false."""
        return bool(re.fullmatch(_TRUE, self.get(key).lower()))

    @property
    def remote_names(self) -> KeysView[str]:
        """The names of all remotes that have any setting, in the order of the configuration."""
        return self._remotes.keys()

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


def _rewritten(url: str, rules: Mapping[str, Sequence[str]]) -> str | None:
    """Apply the rule with the longest matching prefix, the first of those as long; None where no rule matches."""
    matching = [
        (len(prefix), base) for base, prefixes in rules.items() for prefix in prefixes if url.startswith(prefix)
    ]
    if not matching:
        return None
    length, base = max(matching, key=lambda rule: rule[0])
    return base + url[length:]
