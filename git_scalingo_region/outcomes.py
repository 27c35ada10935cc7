"""What the verbs come to, for `render` to show: values only. Imports `model` and `errors`.

Named tuples, not dataclasses: Python takes a millisecond at each start to make a dataclass, and there are many here.
"""

from __future__ import annotations

from typing import NamedTuple

from git_scalingo_region.errors import ExitStatus
from git_scalingo_region.model import Region, RegionList, RemoteUrl


class Resolution(NamedTuple):
    """A region, why it is that one (`region_source` in JSON), and the list that it is from."""

    region: Region
    source: str
    regions: RegionList


class Added(NamedTuple):
    """What `add` did, or would do: `outcome` is created, updated or unchanged."""

    outcome: str
    remote: str
    url: RemoteUrl
    previous_url: str | None
    push_urls: tuple[str, ...]
    resolution: Resolution
    replacements: tuple[tuple[str, str, str], ...]
    undo: tuple[str, ...]
    refspec: str
    has_commit: bool
    host_is_known: bool
    dry_run: bool


class Url(NamedTuple):
    """The answer of `url`."""

    url: RemoteUrl
    resolution: Resolution


class Listed(NamedTuple):
    """The answer of `list`: the regions, and the one that is selected here without an argument, and why."""

    regions: RegionList
    selected: str
    selected_source: str


class RemoteStatus(NamedTuple):
    """A Scalingo remote: `state` is current, stale, unknown-region or diverted."""

    remote: str
    app: str
    region: str
    url: str
    push_urls: tuple[str, ...]
    state: str


class Statuses(NamedTuple):
    """The answer of `status`."""

    remotes: tuple[RemoteStatus, ...]

    @property
    def exit_status(self) -> ExitStatus:
        """0 when every remote is current."""
        current = all(status.state == "current" for status in self.remotes)
        return ExitStatus.DONE if current else ExitStatus.PROBLEM


class SyncedRemote(NamedTuple):
    """A remote that `sync` brought to its region's endpoint."""

    remote: str
    region: str
    previous_url: str
    url: str
    replacements: tuple[tuple[str, str, str], ...]
    undo: tuple[str, ...]


class Synced(NamedTuple):
    """What `sync` did, or would do; `current` counts the remotes left as they are, `refused` names what it may not."""

    remotes: tuple[SyncedRemote, ...]
    current: int
    refused: tuple[str, ...]
    dry_run: bool

    @property
    def exit_status(self) -> ExitStatus:
        """6 when a stale remote is not ours to change."""
        return ExitStatus.CONFLICT if self.refused else ExitStatus.DONE


class TrustedKey(NamedTuple):
    """A host key that `trust` verified: whether it had to be added."""

    type: str
    fingerprint: str
    added: bool


class Trusted(NamedTuple):
    """What `trust` did, or would do: `outcome` is created, updated or unchanged, of the host's entries."""

    outcome: str
    region: str
    endpoint: str
    file: str
    keys: tuple[TrustedKey, ...]
    vouched_by: str
    dry_run: bool


class Check(NamedTuple):
    """One check of `doctor`: `status` is ok, problem or skipped; `fix` is a command, for a problem."""

    check: str
    status: str
    detail: str
    fix: str = ""


class Diagnosis(NamedTuple):
    """The answer of `doctor`."""

    checks: tuple[Check, ...]

    @property
    def exit_status(self) -> ExitStatus:
        """7 when something is a problem."""
        problem = any(check.status == "problem" for check in self.checks)
        return ExitStatus.PROBLEM if problem else ExitStatus.DONE
