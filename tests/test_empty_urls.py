"""An empty `url` or `pushurl`: since git 2.46 it cancels the values before it; for older gits it is one more url."""

from __future__ import annotations

import pytest
from conftest import ELSEWHERE, OSC_FR1, SECNUM, STALE, Repo, Run
from pasting import Paste, field
from test_undo import listing

from git_scalingo_region.repository.git import version

resets = pytest.mark.skipif(version() < (2, 46), reason="before git 2.46, an empty url resets nothing")
no_resets = pytest.mark.skipif(version() >= (2, 46), reason="since git 2.46, an empty url resets the list")

URLS = {"app": OSC_FR1, "stale": STALE, "secnum": SECNUM, "github": ELSEWHERE, "": ""}
NOTHING_STALE = "No Scalingo remote is stale\n"


def configure(repo: Repo, settings: str) -> list[tuple[str, str]]:
    """Add settings (`url=stale`, or `global-url=stale` for the user's own), and return what git then lists."""
    for setting in settings.split():
        key, _, url = setting.partition("=")
        scope, _, variable = key.rpartition("-")
        repo.git("config", f"--{scope or 'local'}", "--add", f"remote.scalingo.{variable}", URLS[url])
    return listing()


@pytest.mark.parametrize(
    "settings",
    [
        "url=github url= url=app",
        "url=app url= url=stale url=secnum",
        "url=app pushurl=",
        "url=app pushurl=github pushurl=",
        "url=app pushurl=github pushurl= pushurl=secnum",
        "url=app url= pushurl=stale",
        "global-url=github url= url=app",
        "global-pushurl=github pushurl= url=stale",
    ],
)
def test_any_git_and_the_program_push_to_the_same_urls(repo: Repo, run: Run, settings: str) -> None:
    """`status` and `doctor` treat an empty url in the same way as the installed git."""
    configure(repo, settings)
    (remote,) = run("status", "--json", "--offline").json["remotes"]
    assert remote["push_urls"] == repo.git("remote", "get-url", "--push", "--all", "scalingo").split("\n")
    checks = {check["check"]: check["status"] for check in run("doctor", "--json", "--offline").json["checks"]}
    assert (checks["push-url"] == "ok") == (remote["state"] == "current")


@resets
@pytest.mark.parametrize(
    "settings",
    ["url=github url= url=app", "url=app pushurl=github pushurl=", "global-pushurl=github pushurl= url=app"],
)
def test_what_was_reset_is_no_reason_to_change_anything(repo: Repo, run: Run, settings: str) -> None:
    """If an empty url cancels all but the right url, the remote is current, and `add` and `sync` leave it alone."""
    before = configure(repo, settings)
    assert run("status", "--offline").status == 0
    assert field(run("add", "osc-fr1", "myapp", "--offline"), "url") == OSC_FR1
    assert run("sync", "--offline").stdout == NOTHING_STALE
    assert run("url", "--offline").stdout == f"{OSC_FR1}\n"
    assert listing() == before


STALE_ONES = [
    "url=github url= url=stale",
    "url=stale url= url=stale pushurl=secnum pushurl=",
    "global-url=github url= url=stale",
    "url=app pushurl=github pushurl= pushurl=stale",
]
# Without the repository's own empty value, urls of the user's configuration would be in force again.
CONFLICTS = [
    "global-url=github url= url=github",
    "global-url=github url=secnum url= url=github url=stale",
    "global-pushurl=github pushurl= url=github",
    "global-pushurl=github pushurl= pushurl=github url=stale",
    "global-url=github url= global-pushurl=secnum pushurl= pushurl=github",
]
UPDATED = [
    *(pytest.param(settings, True, marks=resets) for settings in STALE_ONES),
    *(pytest.param(settings, False, marks=resets) for settings in CONFLICTS),
    pytest.param("url=stale url=", False, marks=no_resets),
]


@pytest.mark.parametrize(("settings", "is_stale"), UPDATED)
def test_an_update_keeps_a_reset_and_its_undo_brings_it_back(
    repo: Repo, run: Run, paste: Paste, settings: str, *, is_stale: bool
) -> None:
    """An update of a remote with empty urls makes it push to the app, and its `undo` restores every value in order."""
    # A remote that points elsewhere is updated only with --force. To older gits, an empty url points elsewhere.
    before = configure(repo, settings)
    assert run("add", "osc-fr1", "myapp", "--offline", "-n").status == (0 if is_stale else 6)
    assert (run("sync", "--offline", "-n").stdout == NOTHING_STALE) is not is_stale
    plain = ["sync", "add osc-fr1 myapp"] if is_stale else []
    for command in (*plain, "add --force osc-fr1 myapp"):
        result = run(*command.split(), "--offline")
        assert (result.status, repo.push_urls()) == (0, [OSC_FR1])
        assert run("status", "--offline").status == 0
        assert paste(field(result, "undo")).returncode == 0
        assert listing() == before


@resets
def test_a_remote_whose_urls_are_all_reset_is_made_anew(repo: Repo, run: Run) -> None:
    """If an empty url cancels all urls of a remote, `add` creates the remote, with its url after the empty one."""
    configure(repo, "global-url=github url=secnum url=")
    assert run("status", "--json", "--offline").json["remotes"] == []
    assert run("add", "osc-fr1", "myapp", "--json", "--offline").json["outcome"] == "created"
    assert repo.push_urls() == [OSC_FR1]
    assert repo.git("config", "--local", "--get-all", "remote.scalingo.url").split("\n") == [SECNUM, "", OSC_FR1]
