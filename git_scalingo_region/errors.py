"""The exceptions and the exit statuses.

Every failure that a user can meet is a `ScalingoRegionError`: one sentence, optional hints, one exit status. Any other
exception that escapes is a bug.
"""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """The exit statuses of the program, as the manual lists them; a signal adds its number to 128."""

    DONE = 0
    BUG = 1
    USAGE = 2
    REGION = 3
    SERVICE = 4
    REPOSITORY = 5
    CONFLICT = 6
    PROBLEM = 7


class ScalingoRegionError(Exception):
    """A failure that is explained to the user in one sentence, with hints."""

    exit_status = ExitStatus.BUG
    kind = "error"

    def __init__(self, message: str, *hints: str) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints


class InvalidInput(ScalingoRegionError):
    """An argument, an environment variable or a file holds an invalid value."""

    exit_status = ExitStatus.USAGE
    kind = "invalid-input"


class RegionError(ScalingoRegionError):
    """No region can be chosen: its name is unknown, it is gone or restricted, or several or no regions fit."""

    exit_status = ExitStatus.REGION
    kind = "region"


class ServiceError(ScalingoRegionError):
    """The authentication service, a regional API or a host gave no usable answer."""

    exit_status = ExitStatus.SERVICE
    kind = "service"


class RateLimited(ServiceError):
    """The service answered 429; `retry_after` is in seconds."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CredentialsError(ScalingoRegionError):
    """The API token is unusable or was rejected; the program never goes on silently without it."""

    exit_status = ExitStatus.SERVICE
    kind = "credentials"


class RepositoryError(ScalingoRegionError):
    """git or ssh refuses to work, or a file of the repository or of ssh cannot be read or written."""

    exit_status = ExitStatus.REPOSITORY
    kind = "repository"


class MissingProgram(RepositoryError):
    """git or an OpenSSH program is not installed."""


class SshRefusal(RepositoryError):
    """ssh does not report its configuration; the hint, if any, is the command that asks for it."""


class RemoteConflict(ScalingoRegionError):
    """A remote is not Scalingo's, or must not be changed; `--force` may help."""

    exit_status = ExitStatus.CONFLICT
    kind = "conflict"


class HostKeyError(ScalingoRegionError):
    """Nothing vouches for a host key, or `known_hosts` or the host contradicts the published or given key."""

    exit_status = ExitStatus.PROBLEM
    kind = "host-key"
