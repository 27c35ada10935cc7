"""The commit to be pushed, read through GitPython.

GitPython runs git for this, as git's own object formats, partial clones and replaced objects ask for it: its own reader
of objects does not know SHA-256.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from git_scalingo_region import trace
from git_scalingo_region.errors import RepositoryError
from git_scalingo_region.repository.git import reason_of

# HEAD itself may be taken for a tag of that name.
_HEAD = "HEAD^0"


class Commit(NamedTuple):
    """The commit of HEAD: its author, as `NAME <EMAIL>`, and whether it has a `.gitmodules`."""

    author: str
    has_submodules: bool


def read_commit() -> Commit:
    """Return the commit of HEAD; raise `RepositoryError` if git cannot read it."""
    # Without git on PATH, GitPython would print and raise when it is imported.
    os.environ["GIT_PYTHON_REFRESH"] = "quiet"
    import git

    runner = git.Git()
    trace.line(f"run: git log and git ls-tree {_HEAD}")
    try:
        author = runner.log("-1", "--no-show-signature", "--format=%an <%ae>", _HEAD, env={"GIT_TRACE": "0"})
        modules = runner.ls_tree("--full-tree", "--name-only", _HEAD, "--", ".gitmodules", env={"GIT_TRACE": "0"})
    except git.GitCommandError as error:
        raise RepositoryError(f"git says: {reason_of(_words(error.stderr))}") from None
    return Commit(str(author), bool(modules))


def _words(stderr: str) -> str:
    """Return what git wrote: GitPython puts it between quotes."""
    return stderr.strip().removeprefix("stderr: '").removesuffix("'")
