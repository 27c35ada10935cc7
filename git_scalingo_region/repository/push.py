"""What to push, so that the platform deploys it, and which settings would send that push elsewhere or stop it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.repository.configuration import Configuration
from git_scalingo_region.repository.git import Head, Repository, version

# The branches that the platform deploys ("Deploying with git" in its documentation).
DEPLOYED_BRANCHES = ("main", "master")
_TARGET = "refs/heads/main"
_RECEIVER = "git-receive-pack"


class Obstacle(NamedTuple):
    """A setting because of which no push to the remote does what its line says."""

    key: str
    value: str
    why: str


def refspec(head: Head, configuration: Configuration, remote: str) -> str:
    """Return what to push. It is the branch's name only if `git push REMOTE NAME` pushes exactly that branch.

    git completes a name by `remote.NAME.push` and by `push.default=upstream`, and refuses one that is also a tag's. It
    does neither to a full refspec. `HEAD^0` is the commit of HEAD even if there is a tag named HEAD.
    """
    name = head.ref.removeprefix("refs/heads/")
    full = {f"refs/tags/{head.ref}", f"refs/heads/{head.ref}", f"refs/{head.ref}"}
    if name == head.ref or head.refs & full:
        return f"HEAD^0:{_TARGET}"
    diverted = configuration.entries(f"remote.{remote}.push") or configuration.get("push.default") in _FOLLOWING
    if name in DEPLOYED_BRANCHES and not head.refs and not diverted:
        return name
    return f"{head.ref}:{_TARGET}"


_FOLLOWING = ("upstream", "tracking")


def push_command(head: Head, configuration: Configuration, remote: str) -> str:
    """Return the command that pushes HEAD's commit to be deployed; "" if there is no commit, or no such command."""
    return shell.command("git", "push", remote, refspec(head, configuration, remote)) if head.has_commit else ""


def obstacles(repository: Repository, configuration: Configuration, remote: str) -> tuple[Obstacle, ...]:
    """Return the settings that no refspec makes up for. git is only asked about those that are set."""
    return tuple(_obstacles(repository, configuration, remote))


def refused(repository: Repository, configuration: Configuration, key: str) -> Sequence[str]:
    """Return the values of a boolean setting with which git refuses to push, even if a later value overrides them."""
    values = [entry.value for entry in configuration.entries(key)]
    considered = values if reads_every_value(key) else values[-1:]
    return [value for value in considered if not _takes(repository, key, value)]


def reads_every_value(key: str) -> bool:
    """Return whether git refuses a bad value of the setting although a good one follows."""
    return key not in _ONCE_LAST_ONLY or version() >= _EVERY_VALUE


# Of these settings, git looked at the last value only, until 2.44 and the late releases of 2.43 (its commit 37e8a341).
_ONCE_LAST_ONLY = ("push.recursesubmodules", "push.gpgsign")
_EVERY_VALUE = (2, 44)


def _takes(repository: Repository, key: str, value: str) -> bool:
    if key == "push.recursesubmodules":
        return value in ("check", *_SUBMODULES) or repository.last_boolean(value) is False
    if key == "push.gpgsign" and value.lower() == "if-asked":
        return True
    return repository.last_boolean(value) is not None


def _obstacles(repository: Repository, configuration: Configuration, remote: str) -> Iterator[Obstacle]:
    if mirror := _enabled(repository, configuration, f"remote.{remote}.mirror"):
        yield _because(mirror, "git refuses to push a refspec to a mirror")
    command = configuration.get(key := f"remote.{remote}.receivepack")
    if configuration.entries(key) and command != _RECEIVER:
        yield Obstacle(key, command, f"Scalingo runs no other program than {_RECEIVER}")
    follow = _enabled(repository, configuration, "push.followtags")
    if follow and (follow.why or repository.has_annotated_tags()):
        yield _because(follow, "the push would send tags as well, and Scalingo refuses tags")
    yield from _recursions(repository, configuration)
    if sign := _enabled(repository, configuration, "push.gpgsign"):
        yield _because(sign, "Scalingo does not accept signed pushes")
    if option := configuration.get("push.pushoption"):
        yield Obstacle("push.pushoption", option, "Scalingo does not accept push options")


def _recursions(repository: Repository, configuration: Configuration) -> Iterator[Obstacle]:
    """Yield the setting that sends the submodules: of the two, the one that git reads last counts."""
    push, submodule = "push.recursesubmodules", "submodule.recurse"
    last = configuration.last_of(push, submodule)
    for key in (push, submodule):
        if bad := refused(repository, configuration, key):
            yield Obstacle(key, ", ".join(bad), _REFUSED)
        elif key == last == submodule and (recurse := _enabled(repository, configuration, key)):
            yield _because(recurse, _SUBMODULES["on-demand"])
        elif key == last == push and (how := configuration.get(key)) in _SUBMODULES:
            yield Obstacle(key, how, _SUBMODULES[how])


_SUBMODULES = {
    "only": "the push would skip the repository and push only its submodules",
    "on-demand": "the push would push the submodules as well",
}
_REFUSED = "git refuses to push with this value"


def _because(obstacle: Obstacle, why: str) -> Obstacle:
    return obstacle if obstacle.why else obstacle._replace(why=why)


def _enabled(repository: Repository, configuration: Configuration, key: str) -> Obstacle | None:
    """Return a boolean setting that is on, or that git refuses to read (`why` says so); None if it is off."""
    if not configuration.entries(key):
        return None
    if bad := refused(repository, configuration, key):
        return Obstacle(key, ", ".join(bad), _REFUSED)
    held = configuration.get(key)
    return Obstacle(key, held, "") if repository.last_boolean(held) else None
