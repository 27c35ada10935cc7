"""An empty `url` or `pushurl`: git 2.46 and newer then forget the values before it, older gits take it as one more."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from conftest import ELSEWHERE, OSC_FR1, SECNUM, STALE, Repo, Run
from pasting import Paste, field, paste
from test_undo import listing

from git_scalingo_region.repository.git import version

__all__ = ["paste"]

resets = pytest.mark.skipif(version() < (2, 46), reason="before git 2.46, an empty url resets nothing")
no_resets = pytest.mark.skipif(version() >= (2, 46), reason="since git 2.46, an empty url resets the list")

Settings = Sequence[tuple[str, str]]
Listing = dict[str, list[tuple[str, str]]]


def configure(repo: Repo, settings: Settings) -> Listing:
    """Add the settings, each in the repository's configuration or in the user's; return what git then lists."""
    for where, value in settings:
        scope, _, variable = where.rpartition(" ")
        repo.git("config", f"--{scope or 'local'}", "--add", f"remote.scalingo.{variable}", value)
    return listing()


@pytest.mark.parametrize(
    "settings",
    [
        [("url", ELSEWHERE), ("url", ""), ("url", OSC_FR1)],
        [("url", OSC_FR1), ("url", ""), ("url", STALE), ("url", SECNUM)],
        [("url", OSC_FR1), ("pushurl", "")],
        [("url", OSC_FR1), ("pushurl", ELSEWHERE), ("pushurl", "")],
        [("url", OSC_FR1), ("pushurl", ELSEWHERE), ("pushurl", ""), ("pushurl", SECNUM)],
        [("url", OSC_FR1), ("url", ""), ("pushurl", STALE)],
        [("global url", ELSEWHERE), ("url", ""), ("url", OSC_FR1)],
        [("global pushurl", ELSEWHERE), ("pushurl", ""), ("url", STALE)],
    ],
)
def test_any_git_and_the_program_push_to_the_same_urls(repo: Repo, run: Run, settings: Settings) -> None:
    """Whatever an empty url means to this git, it means to `status` and `doctor` as well."""
    configure(repo, settings)
    (remote,) = run("status", "--json", "--offline").json["remotes"]
    assert remote["push_urls"] == repo.git("remote", "get-url", "--push", "--all", "scalingo").split("\n")
    (push_url,) = (
        check for check in run("doctor", "--json", "--offline").json["checks"] if check["check"] == "push-url"
    )
    assert (push_url["status"] == "ok") == (remote["state"] == "current")


@resets
@pytest.mark.parametrize(
    "settings",
    [
        [("url", ELSEWHERE), ("url", ""), ("url", OSC_FR1)],
        [("url", OSC_FR1), ("pushurl", ELSEWHERE), ("pushurl", "")],
        [("global pushurl", ELSEWHERE), ("pushurl", ""), ("url", OSC_FR1)],
    ],
)
def test_what_was_reset_is_no_reason_to_change_anything(repo: Repo, run: Run, settings: Settings) -> None:
    """A remote whose other urls are reset is current: `add` and `sync` leave it alone, `url` prints what is left."""
    before = configure(repo, settings)
    assert run("status", "--offline").status == 0
    assert field(run("add", "osc-fr1", "myapp", "--offline"), "url") == OSC_FR1
    assert run("sync", "--offline").stdout == "No Scalingo remote is stale\n"
    assert run("url", "--offline").stdout == f"{OSC_FR1}\n"
    assert listing() == before


@resets
@pytest.mark.parametrize("command", ["sync", "add osc-fr1 myapp", "add --force osc-fr1 myapp"])
@pytest.mark.parametrize(
    "settings",
    [
        [("url", ELSEWHERE), ("url", ""), ("url", STALE)],
        [("url", STALE), ("url", ""), ("url", STALE), ("pushurl", SECNUM), ("pushurl", "")],
        [("global url", ELSEWHERE), ("url", ""), ("url", STALE)],
        [("url", OSC_FR1), ("pushurl", ELSEWHERE), ("pushurl", ""), ("pushurl", STALE)],
    ],
)
def test_an_update_keeps_a_reset_and_its_undo_brings_it_back(
    repo: Repo, run: Run, paste: Paste, settings: Settings, command: str
) -> None:
    """The push goes to the app afterwards, and what is pasted restores every value, empty ones too, in order."""
    before = configure(repo, settings)
    result = run(*command.split(), "--offline")
    assert (result.status, repo.push_urls()) == (0, [OSC_FR1])
    assert run("status", "--offline").status == 0
    assert paste(field(result, "undo")).returncode == 0
    assert listing() == before


@resets
@pytest.mark.parametrize(
    "settings",
    [
        [("global url", ELSEWHERE), ("url", ""), ("url", ELSEWHERE)],
        [("global url", ELSEWHERE), ("url", SECNUM), ("url", ""), ("url", ELSEWHERE), ("url", STALE)],
        [("global pushurl", ELSEWHERE), ("pushurl", ""), ("url", ELSEWHERE)],
        [("global pushurl", ELSEWHERE), ("pushurl", ""), ("pushurl", ELSEWHERE), ("url", STALE)],
        [("global url", ELSEWHERE), ("url", ""), ("global pushurl", SECNUM), ("pushurl", ""), ("pushurl", ELSEWHERE)],
    ],
)
def test_force_keeps_what_hides_inherited_urls(repo: Repo, run: Run, paste: Paste, settings: Settings) -> None:
    """Without the repository's own empty value, urls of the user's configuration would be in force again."""
    before = configure(repo, settings)
    assert run("add", "osc-fr1", "myapp", "--offline").status == 6
    result = run("add", "osc-fr1", "myapp", "--offline", "--force")
    assert (result.status, repo.push_urls()) == (0, [OSC_FR1])
    assert run("status", "--offline").status == 0
    assert paste(field(result, "undo")).returncode == 0
    assert listing() == before


@resets
def test_a_remote_whose_urls_are_all_reset_is_made_anew(repo: Repo, run: Run) -> None:
    """No url of it is in force, so `add` creates it: with a url behind the empty one."""
    configure(repo, [("global url", ELSEWHERE), ("url", SECNUM), ("url", "")])
    assert run("status", "--json", "--offline").json["remotes"] == []
    assert run("add", "osc-fr1", "myapp", "--json", "--offline").json["outcome"] == "created"
    assert repo.push_urls() == [OSC_FR1]
    assert repo.git("config", "--local", "--get-all", "remote.scalingo.url").split("\n") == [SECNUM, "", OSC_FR1]


@no_resets
def test_before_git_2_46_an_empty_url_is_one_more(repo: Repo, run: Run, paste: Paste) -> None:
    """The push would go to both, so the remote is diverted; `add` replaces it only with --force."""
    before = configure(repo, [("url", STALE), ("url", "")])
    assert run("status", "--json", "--offline").json["remotes"][0]["state"] == "diverted"
    assert run("add", "osc-fr1", "myapp", "--offline").status == 6
    result = run("add", "osc-fr1", "myapp", "--force", "--offline")
    assert (result.status, repo.push_urls()) == (0, [OSC_FR1])
    assert paste(field(result, "undo")).returncode == 0
    assert listing() == before
