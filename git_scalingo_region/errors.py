"""The exception tree and the exit statuses.

Every failure that a person can meet is a `ScalingoRegionError`: one sentence, optional hints, one exit status.
Anything else that escapes is a bug. Imports nothing of this package.
"""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """The exit statuses of the program, as the manual lists them."""

    DONE = 0
    BUG = 1
    USAGE = 2
    REGION = 3
    SERVICE = 4
    REPOSITORY = 5
    CONFLICT = 6
    PROBLEM = 7
    INTERRUPTED = 130


class ScalingoRegionError(Exception):
    """A failure that is explained to the user in one sentence, with hints."""

    exit_status = ExitStatus.BUG
    kind = "error"

    def __init__(self, message: str, *hints: str) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints


class InvalidInput(ScalingoRegionError):
    """An argument or an environment variable that cannot be what it should be."""

    exit_status = ExitStatus.USAGE
    kind = "invalid-input"


class RegionError(ScalingoRegionError):
    """No region can be chosen: the name is unknown, or no region is the default."""

    exit_status = ExitStatus.REGION
    kind = "region"


class ServiceError(ScalingoRegionError):
    """The authentication service, or a host, gave no usable answer."""

    exit_status = ExitStatus.SERVICE
    kind = "service"


class RateLimited(ServiceError):
    """The service answered 429; `retry_after` is in seconds."""

    kind = "rate-limited"

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CredentialsError(ServiceError):
    """The API token is unusable or was rejected; never answered with a fallback."""

    kind = "credentials"


class RepositoryError(ScalingoRegionError):
    """There is no repository, git refuses it, or its configuration cannot be written."""

    exit_status = ExitStatus.REPOSITORY
    kind = "repository"


class RemoteConflict(ScalingoRegionError):
    """The remote exists and is not ours to change without `--force`."""

    exit_status = ExitStatus.CONFLICT
    kind = "conflict"


class HostKeyError(ScalingoRegionError):
    """A host key that nothing vouches for, or that is not the one vouched for."""

    exit_status = ExitStatus.PROBLEM
    kind = "host-key"
