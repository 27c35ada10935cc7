"""Give a key of the configuration new values, in the same way as every command."""

from __future__ import annotations

from collections.abc import Sequence

from conftest import OSC_FR1

from git_scalingo_region.model import Outcome, RemoteUrl
from git_scalingo_region.repository.changes import carry_out
from git_scalingo_region.repository.git import Repository
from git_scalingo_region.repository.plan import Change, Plan

URL, OTHER = OSC_FR1, "git@h.example:other.git"
KEY = "remote.r.url"


def planned(*changes: Change) -> Plan:
    """Return a plan of these changes."""
    return Plan("r", Outcome.UPDATED, RemoteUrl.parse(URL), URL, None, changes, ())


def write(new: Sequence[str], old: Sequence[str] = (), *, origin: str = "", key: str = KEY) -> None:
    """Replace the key's old values with the new ones, in the repository of the current folder."""
    write_all(Change(origin, key, tuple(old), tuple(new)))


def write_all(*changes: Change) -> None:
    """Make these changes in one step."""
    repository = Repository()
    carry_out(repository, repository.read(), lambda _: [planned(*changes)], dry_run=False)
