"""`url`, `list`, `show` and `completion`: what needs no repository."""

from __future__ import annotations

import subprocess

import pytest
from account import Account, account
from conftest import OSC_FR1, SECNUM, Repo, Run, Service, git, region_json
from pasting import messages

from git_scalingo_region.commands.completion import SCRIPTS

__all__ = ["account"]

PAR = "ssh://git@ssh.scw-par.scalingo.com:22/myapp.git"


# --- url -------------------------------------------------------------------------------------------------------------


def test_url_prints_the_url_and_nothing_else(run: Run, service: Service) -> None:
    """`url` needs no repository, and prints one line; a second run asks nobody."""
    for _ in range(2):
        result = run("url", "osc-fr1", "myapp")
        assert (result.status, result.stdout, result.stderr) == (0, f"{OSC_FR1}\n", "")
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

    assert (refused.status, refused.stdout, refused.stderr) == (
        3,
        "",
        (
            "error: the remote 'prod' points at the region agora-fr1, which is gone: say where myapp is now"
            " (osc-fr1, osc-secnum-fr1, scw-par)\n"
            "hint: git scalingo-region add -r prod REGION myapp\n"
        ),
    )
    assert run("url").stdout == f"{PAR}\n"


def test_a_configuration_that_git_refuses_is_no_hindrance(repo: Repo, run: Run) -> None:
    """`url`, `list` and `show` work without git's configuration, and say that they do."""
    repo.config.write_text("[\n")

    for line in ("url myapp", "list", "show"):
        result = run(*line.split(), "--offline")
        assert result.status == 0
        assert "ignoring your git configuration: git says: bad config line" in result.stderr


# --- list ------------------------------------------------------------------------------------------------------------


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
    listed, kept = run("list", "--json").json, run("list", "--json").json

    assert {**listed, "fetched_at": ""} == {
        "regions": service.regions,
        "list_source": "api",
        "fetched_at": "",
        "warnings": [],
    }
    assert kept == {**listed, "list_source": "cache"}
    assert len(listed["fetched_at"]) == len("2026-11-22T00:00:00Z")


# --- show ------------------------------------------------------------------------------------------------------------


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


def test_show_json(run: Run, service: Service) -> None:
    """`show --json` is the region in the API's form, and why it is that one."""
    shown = run("show", "--json").json

    assert shown.pop("fetched_at")
    assert shown == {**service.regions[0], "region_source": "default", "list_source": "api", "warnings": []}


def test_show_of_what_is_not_there(run: Run, service: Service) -> None:
    """An unknown field or region is an error that lists those there are; a known region may be built in."""
    field, region = run("show", "scw-par", "--field", "color"), run("show", "scw-pra")
    assert (field.status, field.stderr) == (
        2,
        (
            "error: there is no field 'color'\n"
            "hint: the fields are name, display_name, api, dashboard, database_api, ssh, default\n"
        ),
    )
    assert (region.status, region.stderr) == (
        3,
        (
            "error: there is no region 'scw-pra'\n"
            "hint: did you mean scw-par?\n"
            "hint: the regions are osc-fr1, scw-par\n"
            "hint: some regions are listed only with a token: set SCALINGO_API_TOKEN\n"
        ),
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

    assert messages(run("show"), "warning") == [
        (
            "SCALINGO_REGION is osc-fr1, but the remote 'scalingo' is in scw-par;"
            " to move it: git scalingo-region add osc-fr1 myapp"
        )
    ]


@pytest.mark.parametrize("line", ["list --names", "show --field ssh"])
def test_one_form_of_an_answer(run: Run, service: Service, line: str) -> None:
    """`--names` and `--field` contradict `--json`."""
    assert run(*line.split(), "--json").error["exit_status"] == 2


@pytest.mark.parametrize("line", ["url osc-fr1 myapp", "list", "show"])
def test_quiet(run: Run, service: Service, line: str) -> None:
    """`-q` writes no result."""
    assert (run(*line.split(), "-q").stdout, run(*line.split(), "-q").status) == ("", 0)


# --- completion ------------------------------------------------------------------------------------------------------


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
    result = run("completion", "tcsh")
    assert (result.status, result.stdout, result.stderr) == (
        2,
        "",
        "error: there is no completion script for 'tcsh'\nhint: the shells are bash, zsh, fish\n",
    )


def test_the_remote_counts_in_a_bare_repository_too(
    run: Run, service: Service, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`url` reads the configuration wherever git finds one."""
    folder = tmp_path_factory.mktemp("bare")
    git("init", "--quiet", "--bare", cwd=folder)
    git("remote", "add", "scalingo", SECNUM, cwd=folder)
    monkeypatch.chdir(folder)

    assert run("url").stdout == f"{SECNUM}\n"
