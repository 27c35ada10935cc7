"""`url`, `list`, `show` and `completion`: what needs no repository."""

from __future__ import annotations

import re
import subprocess

import pytest
from account import Account
from conftest import OSC_FR1, PAR, SECNUM, Repo, Result, Run, Service, refusal, region_json
from pasting import messages

from git_scalingo_region.commands.completion import SCRIPTS


def test_url_prints_the_url_and_nothing_else(run: Run, service: Service) -> None:
    """`url` needs no repository, and prints one line; a second run asks nobody."""
    assert [run("url", "osc-fr1", "myapp") for _ in range(2)] == [Result(0, f"{OSC_FR1}\n", "")] * 2
    assert len(service.requests) == 1


def test_url_json(run: Run, service: Service) -> None:
    """`url --json` tells the app, and the region with its reason."""
    assert run("url", "myapp", "--json").json == {
        "url": OSC_FR1,
        "app": "myapp",
        "region": "osc-fr1",
        "region_source": "default",
        "list_source": "api",
        "app_found": None,
        "warnings": [],
    }


def test_url_with_a_port_and_an_address(run: Run, service: Service) -> None:
    """The port is always part of the url, and an IPv6 address stays in brackets."""
    service.regions = [region_json("a", "host.example:2222"), region_json("b", "[2001:db8::1]"), region_json("c", "h")]
    assert [run("url", name, "myapp").stdout for name in "abc"] == [
        "ssh://git@host.example:2222/myapp.git\n",
        "ssh://git@[2001:db8::1]:22/myapp.git\n",
        "ssh://git@h:22/myapp.git\n",
    ]


# The remotes of the repository, `scalingo.remote`, and what `url` prints ("" for an error).
REMOTES = {
    "scalingo": ({"scalingo": SECNUM, "other": PAR}, "", SECNUM),
    "the only one": ({"prod": SECNUM, "origin": "git@example.org:x.git"}, "", SECNUM),
    "one of two": ({"prod": SECNUM, "staging": PAR}, "", ""),
    "scalingo.remote": ({"prod": SECNUM, "staging": PAR, "scalingo": OSC_FR1}, "staging", PAR),
    "none": ({}, "", ""),
}


@pytest.mark.parametrize("case", REMOTES)
def test_the_remote_tells_app_and_region(repo: Repo, run: Run, service: Service, case: str) -> None:
    """Without arguments, `url` and `show` are about `scalingo.remote`, `scalingo`, or the only Scalingo remote."""
    remotes, name, url = REMOTES[case]
    for remote, value in remotes.items():
        repo.git("remote", "add", remote, value)
    if name:
        repo.git("config", "scalingo.remote", name)
    result = run("url")
    assert (result.status, result.stdout) == ((0, f"{url}\n") if url else (2, ""))
    source = run("show", "--json").json["region_source"]
    assert source == ("existing-remote" if url else "default")


def test_url_asks_where_the_app_is_only_if_nobody_says(run: Run, account: Account) -> None:
    """Only if no region is named does `url` look the app up, and it says what it assumes."""
    account.add_app("scw-par", "myapp")
    account.answer("scw-par", "silent", 500, b"")
    assert run("url", "myapp").stdout == f"{PAR}\n"
    assert len(account.asked) == 5
    assert run("url", "osc-fr1", "myapp").stderr == ""
    assert run("url", "myapp", "--offline").stdout == f"{OSC_FR1}\n"
    assert account.asked == []
    nobody, silent = run("url", "nobody"), run("url", "silent", "--json").json
    assert (nobody.status, nobody.stderr) == (0, "warning: this account sees no app named nobody\n")
    assert (silent["app_found"], silent["warnings"]) == (
        None,
        [
            "cannot tell whether the app is in scw-par: no usable answer",
            "this account sees no app named silent in osc-fr1",
        ],
    )
    account.add_app("osc-fr1", "myapp")
    assert run("url", "myapp").stderr == ("error: the app myapp is in osc-fr1 and scw-par: say which region you mean\n")


def test_url_of_a_gone_region(repo: Repo, run: Run, account: Account) -> None:
    """For a remote of a gone region, `url` finds the app or names the regions, and never assumes the default."""
    repo.git("remote", "add", "prod", "git@scalingo.com:myapp.git")
    refused = run("url")
    account.add_app("scw-par", "myapp")
    assert refused == refusal(
        3,
        "the remote 'prod' points at the region agora-fr1, which is gone: say where myapp is now"
        " (osc-fr1, osc-secnum-fr1, scw-par)",
        "git scalingo-region add -r prod REGION myapp",
    )
    assert run("url").stdout == f"{PAR}\n"


def test_a_configuration_that_git_refuses_is_no_hindrance(repo: Repo, run: Run) -> None:
    """`url`, `list` and `show` work without git's configuration, and say that they do."""
    repo.config.write_text("[\n")
    for line in ("url myapp", "list", "show"):
        result = run(*line.split(), "--offline")
        assert result.status == 0
        assert "ignoring your git configuration: git says: bad config line" in result.stderr


def test_list_is_a_table(run: Run, service: Service) -> None:
    """`list` shows name, location, endpoint and which region is the default, in aligned columns."""
    assert run("list").stdout == (
        "NAME     LOCATION          SSH ENDPOINT                 NOTE\n"
        "osc-fr1  Place of osc-fr1  ssh.osc-fr1.scalingo.com:22  default\n"
        "scw-par  Place of scw-par  ssh.scw-par.scalingo.com:22\n"
    )
    assert run("list", "--names").stdout == "osc-fr1\nscw-par\n"


def test_list_marks_what_is_selected_here(
    repo: Repo, run: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The region that git's configuration selects is marked, and the environment goes before it."""
    repo.git("config", "scalingo.region", "scw-par")
    assert run("list").stdout.splitlines()[2].endswith(":22  selected from git config scalingo.region")
    monkeypatch.setenv("SCALINGO_REGION", "osc-fr1")
    assert run("list").stdout.splitlines()[1].endswith(":22  default, selected from SCALINGO_REGION")


@pytest.mark.parametrize(
    ("region", "warning"),
    [
        ("agora-fr1", "there is no region 'agora-fr1', which SCALINGO_REGION names"),
        ("osc fr1", "SCALINGO_REGION: 'osc fr1' is not a valid region name: expected one like osc-fr1"),
        ("osc-secnum-fr1", "osc-secnum-fr1, which SCALINGO_REGION names, is not among the public regions"),
    ],
)
def test_list_warns_of_a_selected_region_that_is_not_in_it(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch, region: str, warning: str
) -> None:
    """A selected region that the list lacks does not keep the list from being shown."""
    monkeypatch.setenv("SCALINGO_REGION", region)
    result = run("list")
    assert (result.status, result.stderr, len(result.stdout.splitlines())) == (0, f"warning: {warning}\n", 3)


def test_list_json(run: Run, service: Service) -> None:
    """`list --json` holds the API's own fields, where the list came from, and when."""
    listed = run("list", "--json").json
    when = {"fetched_at": listed["fetched_at"]}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", when["fetched_at"])
    assert listed == {"regions": service.regions, "list_source": "api", **when, "warnings": []}
    assert run("list", "--json").json == {**listed, "list_source": "cache"}
    sources = {"region_source": "default", "list_source": "cache"}
    assert run("show", "--json").json == {**service.regions[0], **sources, **when, "warnings": []}


def test_show_every_field(run: Run, service: Service) -> None:
    """`show` prints every field of a region, by default of the default one; `--field` prints one value."""
    expected = (
        "osc-fr1\n"
        "  display_name  Place of osc-fr1\n"
        "  api           https://api.osc-fr1.scalingo.com\n"
        "  dashboard     https://my.osc-fr1.scalingo.com\n"
        "  database_api  https://db-api.osc-fr1.scalingo.com\n"
        "  ssh           ssh.osc-fr1.scalingo.com:22\n"
        "  default       true\n"
    )
    assert run("show", "osc-fr1").stdout == run("show").stdout == expected
    for field, value in {**service.regions[1], "default": "false"}.items():
        assert run("show", "scw-par", "--field", field).stdout == f"{value}\n"


def test_show_of_what_is_not_there(run: Run, service: Service) -> None:
    """An unknown field or region is an error that lists those there are; a known region may be built in."""
    fields = "the fields are name, display_name, api, dashboard, database_api, ssh, default"
    assert run("show", "scw-par", "--field", "color") == refusal(2, "there is no field 'color'", fields)
    assert run("show", "scw-pra") == refusal(
        3,
        "there is no region 'scw-pra'",
        "did you mean scw-par?",
        "the regions are osc-fr1, scw-par",
        "some regions are listed only with a token: set SCALINGO_API_TOKEN",
    )
    built_in = run("show", "osc-secnum-fr1", "--json").json
    assert built_in["list_source"] == "embedded"
    assert built_in["warnings"][0].startswith("osc-secnum-fr1 is not among the public regions: using its built-in ssh")


def test_show_warns_if_a_setting_disagrees(
    repo: Repo, run: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `show` says about the remote's region, `add` says too."""
    repo.git("remote", "add", "scalingo", PAR)
    monkeypatch.setenv("SCALINGO_REGION", "osc-fr1")
    why = "SCALINGO_REGION is osc-fr1, but the remote 'scalingo' is in scw-par"
    assert messages(run("show"), "warning") == [f"{why}; to move it: git scalingo-region add osc-fr1 myapp"]


@pytest.mark.parametrize("shell", SCRIPTS)
def test_completion(run: Run, shell: str) -> None:
    """The script is printed as it is, and in JSON; bash accepts its own."""
    result = run("completion", shell)
    assert (result.status, result.stderr) == (0, "")
    assert run("completion", shell, "--json").json == {"shell": shell, "script": result.stdout, "warnings": []}
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=result.stdout, text=True, check=True)


def test_completion_for_another_shell(run: Run) -> None:
    """A shell that there is no script for is a usage error."""
    reason = "there is no completion script for 'tcsh'"
    assert run("completion", "tcsh") == refusal(2, reason, "the shells are bash, zsh, fish")
