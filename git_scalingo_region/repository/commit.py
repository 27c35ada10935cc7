"""The commit to be pushed. GitPython runs git to read it, since GitPython's own reader does not know SHA-256."""

from __future__ import annotations

from git_scalingo_region.repository.git import execute, refusal

# A plain HEAD could also mean a tag named HEAD.
_COMMIT = "HEAD^0"


def author() -> str:
    """Return the author of the commit, as `NAME <EMAIL>`; raise `RepositoryError` if git cannot read it."""
    # `git log` would need the tree, which a partial clone may lack, and might run gpg if the settings say so.
    return _ask("rev-list", "--max-count=1", "--format=%an <%ae>", _COMMIT).rpartition("\n")[2]


def has_gitmodules() -> bool:
    """Return whether the commit has a `.gitmodules`; raise `RepositoryError` if git cannot read it."""
    return bool(_ask("ls-tree", "--full-tree", "--name-only", _COMMIT, "--", ".gitmodules"))


def _ask(*arguments: str) -> str:
    answer = execute(*arguments)
    if answer.status:
        raise refusal(answer.error)
    return answer.output
