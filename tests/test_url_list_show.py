"""`url`, `list`, `show` and `completion`: the commands that need no repository."""

from __future__ import annotations

import re
import subprocess

import pytest
from account import Account
from conftest import OSC_FR1, PAR, SECNUM, Repo, Result, Run, Service, refusal, region_json

from git_scalingo_region.commands.completion import SCRIPTS


def test_url(run: Run, service: Service) -> None:
    """`url` needs no repository, fetches the list once, and prints only the url; JSON tells the region's source."""
    service.regions += [region_json("a", "host.example:2222"), region_json("b", "[2001:db8::1]"), region_json("c", "h")]
    places = {"osc-fr1": "ssh.osc-fr1.scalingo.com:22", "a": "host.example:2222", "b": "[2001:db8::1]:22", "c": "h:22"}
    for name, place in places.items():
        assert run("url", name, "myapp") == Result(0, f"ssh://git@{place}/myapp.git\n", "")
    choice = {"region": "osc-fr1", "region_source": "default", "list_source": "cache", "app_found": None}
    assert run("url", "myapp", "--json").json == {"url": OSC_FR1, "app": "myapp", **choice, "warnings": []}
    assert len(service.requests) == 1


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
    """Without arguments, `url` and `show` use `scalingo.remote`, else `scalingo`, else the only Scalingo remote."""
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
    """`url` looks up the app only if no region is named, and warns if the account does not see the app."""
    account.add_app("scw-par", "myapp")
    account.answer("scw-par", "silent", 500, b"")
    assert run("url", "myapp").stdout == f"{PAR}\n"
    assert len(account.asked) == 5
    assert run("url", "osc-fr1", "myapp").stderr == ""
    assert run("url", "myapp", "--offline").stdout == f"{OSC_FR1}\n"
    assert account.asked == []
    nobody, silent = run("url", "nobody"), run("url", "silent", "--json").json
    assert (nobody.status, nobody.stderr) == (0, "warning: this account sees no app named nobody\n")
    unknown = "cannot tell whether the app is in scw-par: no usable answer"
    unseen = "this account sees no app named silent in osc-fr1"
    assert (silent["app_found"], silent["warnings"]) == (None, [unknown, unseen])
    account.add_app("osc-fr1", "myapp")
    assert run("url", "myapp") == refusal(3, "the app myapp is in osc-fr1 and scw-par: say which region you mean")


def test_url_of_a_gone_region(repo: Repo, run: Run, account: Account) -> None:
    """For a remote of a gone region, `url` finds the app or names the regions, and never assumes the default."""
    repo.git("remote", "add", "prod", "git@scalingo.com:myapp.git")
    refused = run("url")
    account.add_app("scw-par", "myapp")
    gone = "the remote 'prod' points at the region agora-fr1, which is gone"
    where = "say where myapp is now (osc-fr1, osc-secnum-fr1, scw-par)"
    assert refused == refusal(3, f"{gone}: {where}", "git scalingo-region add -r prod REGION myapp")
    assert run("url").stdout == f"{PAR}\n"


def test_a_configuration_that_git_refuses_is_no_hindrance(repo: Repo, run: Run) -> None:
    """If git refuses its configuration, `url`, `list` and `show` still work, and say that they ignore it."""
    repo.config.write_text("[\n")
    for line in ("url myapp", "list", "show"):
        result = run(*line.split(), "--offline")
        assert result.status == 0
        assert "ignoring your git configuration: git says: bad config line" in result.stderr


TABLE = (
    "NAME     LOCATION          SSH ENDPOINT                 NOTE\n"
    "osc-fr1  Place of osc-fr1  ssh.osc-fr1.scalingo.com:22  default{}\n"
    "scw-par  Place of scw-par  ssh.scw-par.scalingo.com:22{}\n"
)


def test_list_is_a_table(repo: Repo, run: Run, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """`list` shows all regions, and which is the default or selected; SCALINGO_REGION overrides git's setting."""
    assert run("list").stdout == TABLE.format("", "")
    assert run("list", "--names").stdout == "osc-fr1\nscw-par\n"
    repo.git("config", "scalingo.region", "scw-par")
    assert run("list").stdout == TABLE.format("", "  selected from git config scalingo.region")
    monkeypatch.setenv("SCALINGO_REGION", "osc-fr1")
    assert run("list").stdout == TABLE.format(", selected from SCALINGO_REGION", "")


@pytest.mark.parametrize(
    ("region", "warning"),
    [
        ("agora-fr1", "there is no region 'agora-fr1', which SCALINGO_REGION names"),
        ("osc fr1", "SCALINGO_REGION: 'osc fr1' is not a valid region name: expected one like osc-fr1"),
        ("osc-secnum-fr1", "osc-secnum-fr1, which SCALINGO_REGION names, is not among the public regions"),
    ],
)
def test_list_warns(run: Run, service: Service, monkeypatch: pytest.MonkeyPatch, region: str, warning: str) -> None:
    """If the selected region is invalid or not in the list, `list` warns and shows the list all the same."""
    monkeypatch.setenv("SCALINGO_REGION", region)
    assert run("list") == Result(0, TABLE.format("", ""), f"warning: {warning}\n")


def test_list_json(run: Run, service: Service) -> None:
    """`list --json` and `show --json` hold the API's own fields, the source of the list, and when it was fetched."""
    listed = run("list", "--json").json
    when = {"fetched_at": listed["fetched_at"]}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", when["fetched_at"])
    assert listed == {"regions": service.regions, "list_source": "api", **when, "warnings": []}
    assert run("list", "--json").json == {**listed, "list_source": "cache"}
    sources = {"region_source": "default", "list_source": "cache"}
    assert run("show", "--json").json == {**service.regions[0], **sources, **when, "warnings": []}


def test_show_every_field(repo: Repo, run: Run, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """`show` prints every field of the named or default region, or one field, and warns as `add` does."""
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
    repo.git("remote", "add", "scalingo", PAR)
    monkeypatch.setenv("SCALINGO_REGION", "osc-fr1")
    why = "SCALINGO_REGION is osc-fr1, but the remote 'scalingo' is in scw-par"
    warning = f"warning: {why}; to move it: git scalingo-region add osc-fr1 myapp\n"
    assert run("show", "--field", "name") == Result(0, "scw-par\n", warning)


def test_show_of_what_is_not_there(run: Run, service: Service) -> None:
    """An unknown field or region is an error that lists the valid ones; a region that is only built in is shown."""
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


def test_completion(run: Run) -> None:
    """`completion` prints each shell's script, also in JSON, and bash can parse its own; other shells are an error."""
    for shell in SCRIPTS:
        result = run("completion", shell)
        assert (result.status, result.stderr) == (0, "")
        assert run("completion", shell, "--json").json == {"shell": shell, "script": result.stdout, "warnings": []}
    subprocess.run(["bash", "-n"], input=run("completion", "bash").stdout, text=True, check=True)
    reason = "there is no completion script for 'tcsh'"
    assert run("completion", "tcsh") == refusal(2, reason, "the shells are bash, zsh, fish")
