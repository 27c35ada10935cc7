"""`list`, `show` and `url`."""

from __future__ import annotations

import pytest
from conftest import OSC_FR1, SECNUM, Repo, Run, Service, region_json


def test_list_is_a_table(run: Run, service: Service) -> None:
    """`list` shows name, place, endpoint and which region is the default, in aligned columns."""
    assert run("list").stdout == (
        "NAME     WHERE             SSH ENDPOINT                 NOTE\n"
        "osc-fr1  Place of osc-fr1  ssh.osc-fr1.scalingo.com:22  default\n"
        "scw-par  Place of scw-par  ssh.scw-par.scalingo.com:22\n"
    )


def test_list_marks_what_is_selected_here(
    repo: Repo, run: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The region that git's configuration selects is marked, and the environment goes before it."""
    repo.git("config", "scalingo.region", "scw-par")
    assert run("list").stdout.splitlines()[2].endswith("22  selected from git config scalingo.region")

    monkeypatch.setenv("SCALINGO_REGION", "osc-fr1")
    assert run("list").stdout.splitlines()[1].endswith("22  default, selected from SCALINGO_REGION")


def test_list_names(run: Run, service: Service) -> None:
    """`list --names` is one name a line."""
    assert run("list", "--names").stdout == "osc-fr1\nscw-par\n"


def test_list_json(run: Run, service: Service) -> None:
    """`list --json` holds the API's own fields, where the list came from, and when."""
    listed = run("list", "--json").json
    kept = run("list", "--json").json

    assert {**listed, "fetched_at": ""} == {
        "regions": service.regions,
        "list_source": "api",
        "fetched_at": "",
        "warnings": [],
    }
    assert kept == {**listed, "list_source": "cache"}
    assert len(listed["fetched_at"]) == len("2026-11-22T00:00:00Z")


def test_show_every_field(run: Run, service: Service) -> None:
    """`show` prints every field of a region, the default one where none is named."""
    expected = (
        "osc-fr1\n"
        "  display_name  Place of osc-fr1\n"
        "  api           https://api.osc-fr1.scalingo.com\n"
        "  dashboard     https://my.osc-fr1.scalingo.com\n"
        "  database_api  https://db-api.osc-fr1.scalingo.com\n"
        "  ssh           ssh.osc-fr1.scalingo.com:22\n"
        "  default       true\n"
    )
    assert run("show", "osc-fr1").stdout == expected
    assert run("show").stdout == expected


@pytest.mark.parametrize(("field", "value"), [("ssh", "ssh.scw-par.scalingo.com:22"), ("default", "false")])
def test_show_one_field(run: Run, service: Service, field: str, value: str) -> None:
    """`show --field` prints one value alone."""
    assert run("show", "scw-par", "--field", field).stdout == f"{value}\n"


def test_show_an_unknown_field(run: Run, service: Service) -> None:
    """A field that no region has is a usage error that lists the fields."""
    result = run("show", "scw-par", "--field", "color")

    assert (result.status, result.stdout) == (2, "")
    assert result.stderr == (
        "error: there is no field 'color'\n"
        "hint: the fields are name, display_name, api, dashboard, database_api, ssh, default\n"
    )


def test_show_json(run: Run, service: Service) -> None:
    """`show --json` is the region in the API's shape, and why it is that one."""
    shown = run("show", "--json").json

    assert shown.pop("fetched_at")
    assert shown == {**service.regions[0], "region_source": "default", "list_source": "api", "warnings": []}


def test_url_prints_the_url_alone(run: Run, service: Service) -> None:
    """`url` needs no repository and prints one line."""
    result = run("url", "osc-fr1", "myapp")

    assert (result.status, result.stdout, result.stderr) == (0, f"{OSC_FR1}\n", "")


def test_url_json(run: Run, service: Service) -> None:
    """`url --json` tells the region and where it is from."""
    assert run("url", "myapp", "--json").json == {
        "url": OSC_FR1,
        "app": "myapp",
        "region": "osc-fr1",
        "region_source": "default",
        "list_source": "api",
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


def test_the_remote_chooses_the_region(repo: Repo, run: Run) -> None:
    """In a repository, `url` and `show` take the region that the remote points at, as `add` does."""
    repo.git("remote", "add", "scalingo", SECNUM)

    assert run("url", "myapp", "--offline").stdout == f"{SECNUM}\n"
    assert run("show", "--offline", "--json").json["region_source"] == "existing-remote"


@pytest.mark.parametrize(
    ("region", "warning"),
    [
        ("agora-fr1", "there is no region 'agora-fr1', which SCALINGO_REGION names"),
        ("osc fr1", "SCALINGO_REGION: 'osc fr1' is not a region name: it looks like osc-fr1"),
    ],
)
def test_list_warns_of_a_region_that_is_not_there(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch, region: str, warning: str
) -> None:
    """What is selected and is no region does not keep the list from being shown."""
    monkeypatch.setenv("SCALINGO_REGION", region)

    result = run("list")

    assert (result.status, result.stderr) == (0, f"warning: {warning}\n")
    assert len(result.stdout.splitlines()) == 3


@pytest.mark.parametrize("arguments", [["list", "--names"], ["show", "--field", "ssh"]])
def test_one_form_of_an_answer(run: Run, service: Service, arguments: list[str]) -> None:
    """`--names` and `--field` cannot be had as JSON."""
    assert run(*arguments, "--json").error["exit_status"] == 2
