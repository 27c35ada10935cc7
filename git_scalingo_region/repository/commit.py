"""The commit to be pushed. GitPython runs git to read it, since its own reader of objects does not know SHA-256."""

from __future__ import annotations

import os

from git_scalingo_region import trace
from git_scalingo_region.errors import RepositoryError
from git_scalingo_region.repository.git import environment, reason_of

# git may take a plain HEAD for a tag of that name.
_COMMIT = "HEAD^0"


def author() -> str:
    """Return the author of the commit, as `NAME <EMAIL>`; raise `RepositoryError` if git cannot read it."""
    # `git log` would need the tree, which a partial clone may lack, and might run gpg as the settings say.
    return _ask("rev-list", "--max-count=1", "--format=%an <%ae>", _COMMIT).rpartition("\n")[2]


def has_gitmodules() -> bool:
    """Return whether the commit has a `.gitmodules`; raise `RepositoryError` if git cannot read it."""
    return bool(_ask("ls-tree", "--full-tree", "--name-only", _COMMIT, "--", ".gitmodules"))


def _ask(*arguments: str) -> str:
    # Without git on PATH, GitPython would print and raise when it is imported.
    os.environ["GIT_PYTHON_REFRESH"] = "quiet"
    import git

    trace.line(f"run: git {' '.join(arguments)}")
    try:
        answer = git.Git().execute(["git", *arguments], env={**environment(), "GIT_TRACE": "0"})
    except git.GitCommandError as error:
        # GitPython puts what git wrote between quotes.
        said = error.stderr.strip().removeprefix("stderr: '").removesuffix("'")
        raise RepositoryError(f"git says: {reason_of(said)}") from None
    return str(answer)
