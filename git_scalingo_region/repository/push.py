"""What to push, so that the platform deploys it, and which settings would send that push elsewhere or stop it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.repository.configuration import Configuration
from git_scalingo_region.repository.git import Head, Repository

# The branches that the platform deploys ("Deploying with git" in its documentation).
DEPLOYED_BRANCHES = ("main", "master")
SHALLOW = "the clone is shallow, and Scalingo refuses a push from it"
_TARGET = "refs/heads/main"
_RECEIVER = "git-receive-pack"


class Obstacle(NamedTuple):
    """A setting because of which no push to the remote does what its line says."""

    key: str
    value: str
    why: str

    @property
    def text(self) -> str:
        """The obstacle for a person."""
        return f"{shown(self.key)} is {self.value}: {self.why}"


def shown(key: str) -> str:
    """Return the key of a setting as git's manual spells it; git itself does not care for the capitals."""
    return _SPELLINGS.get(key, key)


_SPELLINGS = {
    key.lower(): key for key in ("push.followTags", "push.gpgSign", "push.pushOption", "push.recurseSubmodules")
}


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
    return shell.git("push", remote, refspec(head, configuration, remote)) if head.has_commit else ""


def obstacles(repository: Repository, configuration: Configuration, remote: str) -> tuple[Obstacle, ...]:
    """Return the settings that no refspec makes up for. git is only asked about those that are set."""
    return tuple(_obstacles(repository, configuration, remote))


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
    if configuration.get("push.gpgsign").lower() != "if-asked" and (
        sign := _enabled(repository, configuration, "push.gpgsign")
    ):
        yield _because(sign, "Scalingo does not accept signed pushes")
    if option := configuration.get("push.pushoption"):
        yield Obstacle("push.pushoption", option, "Scalingo does not accept push options")


def _recursions(repository: Repository, configuration: Configuration) -> Iterator[Obstacle]:
    """Yield the setting that sends the submodules: of the two, the one that git reads last counts."""
    push, submodule = "push.recursesubmodules", "submodule.recurse"
    key = configuration.last_of(push, submodule)
    how = configuration.get(key)
    if key == push and how in ("only", "check", "on-demand"):
        found = Obstacle(key, how, _SUBMODULES[how]) if how != "check" else None
    else:
        found = _enabled(repository, configuration, key)
        found = found and _because(found, _SUBMODULES["on-demand"] if key == submodule else _REFUSED)
    # Without submodules there is nothing to push as well.
    if found and (found.why != _SUBMODULES["on-demand"] or repository.has_submodules()):
        yield found


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
    held = configuration.get(key)
    value = repository.last_boolean(held) if key in _LAST_ONLY else repository.boolean(key)
    return Obstacle(key, held, _REFUSED if value is None else "") if value is not False else None


# For these settings git looks at the last value only; a bad value before it does no harm (builtin/push.c).
_LAST_ONLY = ("push.recursesubmodules", "push.gpgsign")
