"""What to push so that the platform deploys it, and which settings would divert or stop that push."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from git_scalingo_region import shell
from git_scalingo_region.repository.configuration import Configuration
from git_scalingo_region.repository.git import Repository, version

# The branches that the platform deploys ("Deploying with git" in its documentation).
DEPLOYED_BRANCHES = ("main", "master")
SHALLOW = "the clone is shallow, and Scalingo refuses a push from it"
_DEPLOYED_REF = "refs/heads/main"
# With these values of push.default, what git makes of a bare branch name depends on the branch's upstream.
_FOLLOWING = ("upstream", "tracking")
_RECEIVER = "git-receive-pack"
_REFUSED = "git refuses to push with this value"
_TAGS = "the push would send tags as well, and Scalingo refuses tags"
# Whether git may use ssh (git-config(1), "protocol.allow"): the setting for ssh counts before the one for all.
SSH_ALLOWED, ALL_ALLOWED = "protocol.ssh.allow", "protocol.allow"
_SUBMODULES = {
    "only": "the push would skip the repository and push only its submodules",
    "on-demand": "the push would push the submodules as well",
}
# Before 2.44 and the late releases of 2.43 (commit 37e8a341), git looked only at the last value of these settings.
_ONCE_LAST_ONLY = ("push.recursesubmodules", "push.gpgsign")
_EVERY_VALUE = (2, 44)
# git lists keys in lower case; its manual spells them like this.
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
        """The obstacle, as text for a person."""
        return f"{shown(self.key)} is {self.value or 'empty'}: {self.why}"


def shown(key: str) -> str:
    """Return the key of a setting as git's manual spells it."""
    return _SPELLINGS.get(key, key)


def reads_every_value(key: str) -> bool:
    """Return whether git refuses a bad value of the setting even if a good one follows."""
    return key not in _ONCE_LAST_ONLY or version() >= _EVERY_VALUE


class Push:
    """The push of HEAD's commit to a remote. git is asked only about settings that exist."""

    def __init__(self, repository: Repository, configuration: Configuration, remote: str) -> None:
        """Take the remote's name; it need not exist."""
        self.repository = repository
        self.configuration = configuration
        self.remote = remote
        self.head = repository.head()

    @property
    def refspec(self) -> str:
        """What to push: the bare name of the branch only if `git push REMOTE NAME` pushes exactly that branch.

        git completes a bare name as `remote.NAME.push` or `push.default=upstream` says, and refuses one that a tag has
        too. It does neither with a full refspec. `HEAD^0` is the commit of HEAD even if there is a tag named HEAD.
        """
        ref, name = self.head.ref, self.head.branch
        full = {f"refs/tags/{ref}", f"refs/heads/{ref}", f"refs/{ref}"}
        if not name or self.head.refs & full:
            return f"HEAD^0:{_DEPLOYED_REF}"
        get, refspecs = self.configuration.get, self.configuration.entries(f"remote.{self.remote}.push")
        is_diverted = refspecs or get("push.default") in _FOLLOWING
        is_short = name in DEPLOYED_BRANCHES and not self.head.refs and not is_diverted
        return name if is_short else f"{ref}:{_DEPLOYED_REF}"

    @property
    def command(self) -> str:
        """The command that pushes HEAD's commit to be deployed; "" if there is no commit, or no safe command."""
        return shell.git("push", self.remote, self.refspec) if self.head.has_commit else ""

    @cached_property
    def problems(self) -> Sequence[str]:
        """The reasons why no push to the remote does what its command line says."""
        found = [obstacle.text for obstacle in self.obstacles]
        shallow = [SHALLOW] if self.repository.is_shallow else []
        refusal = self.repository.push_refusal if self.head.has_commit and not found else ""
        return [*found, *shallow, *filter(None, [refusal])]

    @cached_property
    def obstacles(self) -> Sequence[Obstacle]:
        """The settings that stop or divert the push, whatever its refspec is."""
        return list(self._obstacles())

    def _obstacles(self) -> Iterator[Obstacle]:
        mirror, receiver = f"remote.{self.remote}.mirror", f"remote.{self.remote}.receivepack"
        get, entries = self.configuration.get, self.configuration.entries
        yield from self._enabled(mirror, "git refuses to push a refspec to a mirror")
        if entries(receiver) and get(receiver) != _RECEIVER:
            yield Obstacle(receiver, get(receiver), f"Scalingo runs no other program than {_RECEIVER}")
        for tags in self._enabled("push.followtags", _TAGS):
            if tags.why == _REFUSED or self.repository.has_annotated_tags():
                yield tags
        for submodules in self._recursions():
            if submodules.why != _SUBMODULES["on-demand"] or self.repository.has_submodules():
                yield submodules
        yield from self._enabled("push.gpgsign", "Scalingo does not accept signed pushes")
        if option := get("push.pushoption"):
            yield Obstacle("push.pushoption", option, "Scalingo does not accept push options")
        yield from self._transport()

    def _transport(self) -> Iterator[Obstacle]:
        """Yield the setting that keeps git from connecting over ssh; the environment takes precedence."""
        get, allowed = self.configuration.get, os.environ.get("GIT_ALLOW_PROTOCOL")
        protocol = next(filter(self.configuration.entries, (SSH_ALLOWED, ALL_ALLOWED)), "")
        if allowed is not None and "ssh" not in allowed.split(":"):
            yield Obstacle("GIT_ALLOW_PROTOCOL", allowed, "git refuses to push over ssh")
        elif allowed is None and protocol and get(protocol).lower() not in ("always", "user"):
            yield Obstacle(protocol, get(protocol), "git refuses to push over ssh")

    def _recursions(self) -> Iterator[Obstacle]:
        """Yield the settings that make the push include submodules, or fail: the last one that git reads counts."""
        push, submodule = "push.recursesubmodules", "submodule.recurse"
        last = self.configuration.last_of(push, submodule)
        how = self.configuration.get(push)
        for key in (push, submodule):
            if bad := self.bad_values(key):
                yield Obstacle(key, ", ".join(bad), _REFUSED)
            elif key == last == submodule:
                yield from self._enabled(key, _SUBMODULES["on-demand"])
            elif key == last == push and how in _SUBMODULES:
                yield Obstacle(key, how, _SUBMODULES[how])

    def _enabled(self, key: str, why: str) -> Iterator[Obstacle]:
        """Yield a boolean setting that is on, or that git refuses to read."""
        held = self.configuration.get(key)
        if bad := self.bad_values(key):
            yield Obstacle(key, ", ".join(bad), _REFUSED)
        elif self.configuration.entries(key) and self.repository.boolean(held):
            yield Obstacle(key, held, why)

    def bad_values(self, key: str) -> Sequence[str]:
        """Return the values of a boolean setting that make git refuse to push, even if a good one follows them."""
        values = [entry.value for entry in self.configuration.entries(key)]
        if len(values) > 1 and not reads_every_value(key):
            values = values[-1:]
        return [value for value in values if not self._takes(key, value)]

    def _takes(self, key: str, value: str) -> bool:
        if key == "push.recursesubmodules":
            return value in ("check", *_SUBMODULES) or self.repository.boolean(value) is False
        if key == "push.gpgsign" and value.lower() == "if-asked":
            return True
        return self.repository.boolean(value) is not None
