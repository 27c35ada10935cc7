"""`add`, in real repositories."""

from __future__ import annotations

from conftest import OSC_FR1, Repo, Run


def test_creates_the_remote_as_git_remote_add_would(repo: Repo, run: Run) -> None:
    """The configuration file becomes, byte for byte, what `git remote add` makes of it."""
    before = repo.config.read_bytes()
    repo.git("remote", "add", "scalingo", OSC_FR1)
    expected = repo.config.read_bytes()
    repo.config.write_bytes(before)

    result = run("add", "osc-fr1", "myapp", "--offline")

    assert result.stdout == (
        "Created remote 'scalingo'\n"
        f"  url     {OSC_FR1}\n"
        "  region  osc-fr1 (Paris - Outscale), given as an argument\n"
        "  next    git push scalingo main\n"
    )
    assert result.status == 0
    assert repo.config.read_bytes() == expected
