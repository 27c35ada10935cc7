"""What to push, so that the platform deploys it, and which settings would send that push elsewhere or stop it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.repository.configuration import Configuration
from git_scalingo_region.repository.git import Head, Repository

# The branches that the platform deploys ("Deploying with git" in its documentation).
DEPLOYED_BRANCHES = ("main", "master")
_TARGET = "refs/heads/main"


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
    diverted = configuration.get(f"remote.{remote}.push") or configuration.get("push.default") in _FOLLOWING
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


def _obstacles(repository: Repository, configuration: Configuration, remote: str) -> Iterator[Obstacle]:
    if mirror := _enabled(repository, configuration, f"remote.{remote}.mirror"):
        yield mirror._replace(why="git refuses to push a refspec to a mirror")
    if command := configuration.get(key := f"remote.{remote}.receivepack"):
        yield Obstacle(key, command, "Scalingo does not run another program than git-receive-pack")
    follow = _enabled(repository, configuration, "push.followtags")
    if follow and (follow.why or repository.has_annotated_tags()):
        yield follow._replace(why="the push would send tags as well, and Scalingo refuses tags")
    yield from _recursions(repository, configuration)
    if configuration.get("push.gpgsign") != "if-asked" and (
        sign := _enabled(repository, configuration, "push.gpgsign")
    ):
        yield sign._replace(why="Scalingo does not accept signed pushes")
    if option := configuration.get("push.pushoption"):
        yield Obstacle("push.pushoption", option, "Scalingo does not accept push options")


def _recursions(repository: Repository, configuration: Configuration) -> Iterator[Obstacle]:
    key = "push.recursesubmodules"
    if how := configuration.get(key).lower():
        if how == "only":
            yield Obstacle(key, how, "the push would skip the repository and push only its submodules")
        elif how != "check" and repository.boolean(key) is not False:
            yield Obstacle(key, how, "the push would push the submodules as well")
    elif recurse := _enabled(repository, configuration, "submodule.recurse"):
        yield recurse._replace(why="the push would push the submodules as well")


def _enabled(repository: Repository, configuration: Configuration, key: str) -> Obstacle | None:
    """Return a boolean setting that is on, or that git refuses to read (`why` says so); None if it is off."""
    if not configuration.entries(key):
        return None
    value = repository.boolean(key)
    why = "git cannot read it as true or false" if value is None else ""
    return Obstacle(key, configuration.get(key), why) if value is not False else None
