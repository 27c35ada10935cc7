"""What to push so that the platform deploys it, and which settings would divert or stop that push."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.repository.configuration import Configuration
from git_scalingo_region.repository.git import Head, Repository, version

# The branches that the platform deploys ("Deploying with git" in its documentation).
DEPLOYED_BRANCHES = ("main", "master")
SHALLOW = "the clone is shallow, and Scalingo refuses a push from it"
_TARGET = "refs/heads/main"
# With these values of push.default, what git makes of a bare branch name depends on the branch's upstream.
_FOLLOWING = ("upstream", "tracking")
_RECEIVER = "git-receive-pack"
_REFUSED = "git refuses to push with this value"
_TAGS = "the push would send tags as well, and Scalingo refuses tags"
# Which transports git may use (git-config(1), "protocol.allow"): that of ssh counts before that of all.
SSH_ALLOWED, ALL_ALLOWED = "protocol.ssh.allow", "protocol.allow"
_SUBMODULES = {
    "only": "the push would skip the repository and push only its submodules",
    "on-demand": "the push would push the submodules as well",
}
# Before 2.44 and the late releases of 2.43 (commit 37e8a341), git looked only at the last value of these settings.
_ONCE_LAST_ONLY = ("push.recursesubmodules", "push.gpgsign")
_EVERY_VALUE = (2, 44)
# git lists its settings in lower case.
_SPELLINGS = {
    key.lower(): key for key in ("push.followTags", "push.gpgSign", "push.pushOption", "push.recurseSubmodules")
}


class Obstacle(NamedTuple):
    """A setting that keeps every push to the remote from doing what its command line says."""

    key: str
    value: str
    why: str

    @property
    def text(self) -> str:
        """The obstacle for a person."""
        return f"{shown(self.key)} is {self.value}: {self.why}"


def shown(key: str) -> str:
    """Return the key of a setting as git's manual spells it."""
    return _SPELLINGS.get(key, key)


def refspec(head: Head, configuration: Configuration, remote: str) -> str:
    """Return what to push. It is the branch's name only if `git push REMOTE NAME` pushes exactly that branch.

    git completes a name by `remote.NAME.push` and by `push.default=upstream`, and refuses one that is also a tag's. It
    does neither with a full refspec. `HEAD^0` is the commit of HEAD even if there is a tag named HEAD.
    """
    name = head.ref.removeprefix("refs/heads/")
    full = {f"refs/tags/{head.ref}", f"refs/heads/{head.ref}", f"refs/{head.ref}"}
    if name == head.ref or head.refs & full:
        return f"HEAD^0:{_TARGET}"
    diverted = configuration.entries(f"remote.{remote}.push") or configuration.get("push.default") in _FOLLOWING
    if name in DEPLOYED_BRANCHES and not head.refs and not diverted:
        return name
    return f"{head.ref}:{_TARGET}"


def push_command(head: Head, configuration: Configuration, remote: str) -> str:
    """Return the command that pushes HEAD's commit to be deployed; "" if there is no commit, or no such command."""
    return shell.git("push", remote, refspec(head, configuration, remote)) if head.has_commit else ""


def hindrances(repository: Repository, head: Head, configuration: Configuration, remote: str) -> Iterator[str]:
    """Yield why no push to the remote does what its line says."""
    found = [obstacle.text for obstacle in obstacles(repository, configuration, remote)]
    yield from found
    if repository.is_shallow:
        yield SHALLOW
    if head.has_commit and not found and repository.push_refusal:
        yield repository.push_refusal


def obstacles(repository: Repository, configuration: Configuration, remote: str) -> Iterator[Obstacle]:
    """Yield the settings that no refspec can override. git is asked only about those that are set."""
    mirror, receiver = f"remote.{remote}.mirror", f"remote.{remote}.receivepack"
    yield from _enabled(repository, configuration, mirror, "git refuses to push a refspec to a mirror")
    command = configuration.get(receiver)
    if configuration.entries(receiver) and command != _RECEIVER:
        yield Obstacle(receiver, command, f"Scalingo runs no other program than {_RECEIVER}")
    for tags in _enabled(repository, configuration, "push.followtags", _TAGS):
        if tags.why == _REFUSED or repository.has_annotated_tags():
            yield tags
    for submodules in _recursions(repository, configuration):
        if submodules.why != _SUBMODULES["on-demand"] or repository.has_submodules():
            yield submodules
    yield from _enabled(repository, configuration, "push.gpgsign", "Scalingo does not accept signed pushes")
    if option := configuration.get("push.pushoption"):
        yield Obstacle("push.pushoption", option, "Scalingo does not accept push options")
    protocol = next(filter(configuration.entries, (SSH_ALLOWED, ALL_ALLOWED)), "")
    if protocol and configuration.get(protocol).lower() not in ("always", "user"):
        yield Obstacle(protocol, configuration.get(protocol), "git refuses to push over ssh")


def _recursions(repository: Repository, configuration: Configuration) -> Iterator[Obstacle]:
    """Yield the setting that pushes the submodules: the one of the two that git reads last counts."""
    push, submodule = "push.recursesubmodules", "submodule.recurse"
    last = configuration.last_of(push, submodule)
    how = configuration.get(push)
    for key in (push, submodule):
        if bad := refused(repository, configuration, key):
            yield Obstacle(key, ", ".join(bad), _REFUSED)
        elif key == last == submodule:
            yield from _enabled(repository, configuration, key, _SUBMODULES["on-demand"])
        elif key == last == push and how in _SUBMODULES:
            yield Obstacle(key, how, _SUBMODULES[how])


def _enabled(repository: Repository, configuration: Configuration, key: str, why: str) -> Iterator[Obstacle]:
    """Yield a boolean setting that is on, or that git refuses to read."""
    held = configuration.get(key)
    if bad := refused(repository, configuration, key):
        yield Obstacle(key, ", ".join(bad), _REFUSED)
    elif configuration.entries(key) and repository.boolean(held):
        yield Obstacle(key, held, why)


def refused(repository: Repository, configuration: Configuration, key: str) -> Sequence[str]:
    """Return the values of a boolean setting that make git refuse to push, even if a good one follows them."""
    values = [entry.value for entry in configuration.entries(key)]
    if len(values) > 1 and not reads_every_value(key):
        values = values[-1:]
    return [value for value in values if not _takes(repository, key, value)]


def reads_every_value(key: str) -> bool:
    """Return whether git refuses a bad value of the setting even if a good one follows."""
    return key not in _ONCE_LAST_ONLY or version() >= _EVERY_VALUE


def _takes(repository: Repository, key: str, value: str) -> bool:
    if key == "push.recursesubmodules":
        return value in ("check", *_SUBMODULES) or repository.boolean(value) is False
    if key == "push.gpgsign" and value.lower() == "if-asked":
        return True
    return repository.boolean(value) is not None
