"""`status` and `sync`."""

from __future__ import annotations

import pytest
from conftest import OSC_FR1, Repo, Run, Service, region_json

STALE = "git@scalingo.com:old-app.git"
OLD_PORT = "ssh://git@ssh.osc-secnum-fr1.scalingo.com:2200/sec-app.git"
GONE = "git@ssh.agora-fr1.scalingo.com:gone.git"
ELSEWHERE = "git@github.com:me/myapp.git"


@pytest.fixture
def mixed(repo: Repo) -> Repo:
    """Make a repository with a remote in each state, and others that are none of ours."""
    for name, url in (
        ("scalingo", OSC_FR1),
        ("short", "git@ssh.osc-fr1.scalingo.com:myapp.git"),
        ("old", STALE),
        ("sec", OLD_PORT),
        ("gone", GONE),
        ("diverted", OSC_FR1),
        ("origin", ELSEWHERE),
    ):
        repo.git("remote", "add", name, url)
    repo.git("remote", "set-url", "--push", "diverted", ELSEWHERE)
    repo.git("config", "remote.empty.prune", "true")
    return repo


def test_status_is_a_table(mixed: Repo, run: Run) -> None:
    """`status` shows each Scalingo remote with its state, leaves all others out, and exits with 7."""
    result = run("status", "--offline")

    assert result.stdout == (
        "REMOTE    REGION          APP      STATE           PUSH URL\n"
        f"scalingo  osc-fr1         myapp    current         {OSC_FR1}\n"
        "short     osc-fr1         myapp    current         git@ssh.osc-fr1.scalingo.com:myapp.git\n"
        f"old       osc-fr1         old-app  stale           {STALE}\n"
        f"sec       osc-secnum-fr1  sec-app  stale           {OLD_PORT}\n"
        f"gone      agora-fr1       gone     unknown-region  {GONE}\n"
        f"diverted  osc-fr1         myapp    diverted        {ELSEWHERE}\n"
    )
    assert [line for line in result.stderr.splitlines() if line.startswith("hint")] == [
        "hint: bring stale remotes to their region's endpoint: git scalingo-region sync",
        "hint: see what diverts a push: git config --show-origin --get-regexp '^remote.*url$|insteadof$'",
        "hint: see which regions there are: git scalingo-region list",
    ]
    assert result.status == 7


def test_status_json(mixed: Repo, run: Run) -> None:
    """`status --json` has these fields for each remote; naming remotes selects them."""
    assert run("status", "diverted", "--offline", "--json").json["remotes"] == [
        {
            "remote": "diverted",
            "app": "myapp",
            "region": "osc-fr1",
            "url": OSC_FR1,
            "push_urls": [ELSEWHERE],
            "state": "diverted",
        }
    ]


def test_status_of_current_remotes_is_success(mixed: Repo, run: Run) -> None:
    """When every remote asked for is current the exit status is 0."""
    assert run("status", "scalingo", "short", "--offline").status == 0


def test_status_without_remotes(repo: Repo, run: Run) -> None:
    """A repository without a Scalingo remote is no problem."""
    result = run("status", "--offline")

    assert (result.status, result.stdout) == (0, "No Scalingo remote in this repository\n")
    assert result.stderr.splitlines()[-1] == "hint: add one: git scalingo-region add [REGION] APP"


@pytest.mark.parametrize("verb", ["status", "sync"])
@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("nothing", 5, "there is no remote 'nothing'"),
        ("origin", 6, f"the remote 'origin' is not Scalingo's: it points to {ELSEWHERE}"),
        ("empty", 6, "the remote 'empty' is not Scalingo's: it has no url"),
    ],
)
def test_a_named_remote_has_to_be_one(mixed: Repo, run: Run, verb: str, name: str, status: int, message: str) -> None:
    """A name that is no remote, or not Scalingo's, is an error."""
    result = run(verb, name, "--offline")

    assert result.status == status
    assert f"error: {message}\n" in result.stderr


def test_sync_brings_stale_remotes_up_to_date_and_only_those(mixed: Repo, run: Run) -> None:
    """`sync` replaces the urls of the stale remotes in place; every other byte stays; a second run finds nothing."""
    new = {STALE: "ssh://git@ssh.osc-fr1.scalingo.com:22/old-app.git", OLD_PORT: OLD_PORT.replace("2200", "22")}
    expected = mixed.config.read_text()
    for old_url, new_url in new.items():
        expected = expected.replace(old_url, new_url)

    planned = run("sync", "--offline", "--dry-run")
    assert planned.stdout.startswith(f"Would update remote 'old'\n  url     {STALE} -> {new[STALE]}\n")
    assert planned.stdout.endswith("2 remotes to update, 4 left as they were\n")
    assert mixed.config.read_text() != expected
    result = run("sync", "--offline")

    assert result.stdout == (
        "Updated remote 'old'\n"
        f"  url     {STALE} -> {new[STALE]}\n"
        "  region  osc-fr1\n"
        f"  undo    git remote set-url old {STALE}\n"
        "Updated remote 'sec'\n"
        f"  url     {OLD_PORT} -> {new[OLD_PORT]}\n"
        "  region  osc-secnum-fr1\n"
        f"  undo    git remote set-url sec {OLD_PORT}\n"
        "2 remotes updated, 4 left as they were\n"
    )
    assert mixed.config.read_text() == expected
    assert run("sync", "--offline").stdout == "No Scalingo remote is stale\n"
    assert mixed.config.read_text() == expected


def test_sync_json(mixed: Repo, run: Run) -> None:
    """`sync --json` lists what was changed, and how to undo it."""
    result = run("sync", "old", "--offline", "--json").json

    assert result.pop("warnings")
    assert result == {
        "remotes": [
            {
                "remote": "old",
                "region": "osc-fr1",
                "previous_url": STALE,
                "url": "ssh://git@ssh.osc-fr1.scalingo.com:22/old-app.git",
                "undo": [f"git remote set-url old {STALE}"],
            }
        ],
        "refused": [],
        "dry_run": False,
    }


def test_sync_leaves_inherited_remotes(repo: Repo, run: Run) -> None:
    """A stale remote of the global configuration is not changed from here: exit 6, with the reason."""
    repo.git("config", "--global", "remote.team.url", STALE)

    result = run("sync", "--offline")

    assert result.status == 6
    assert "warning: the remote 'team' comes from the global configuration" in result.stderr
    assert repo.git("config", "remote.team.url") == STALE


def test_a_moved_endpoint_is_found_by_its_host(repo: Repo, run: Run, service: Service) -> None:
    """When the service lists another port for a region, its remotes are stale, and `sync` moves them there."""
    service.regions = [region_json("osc-fr1", "ssh.osc-fr1.scalingo.com:2222", default=True)]
    repo.git("remote", "add", "scalingo", OSC_FR1)

    assert run("status", "--json").json["remotes"][0]["state"] == "stale"
    assert run("sync").status == 0
    assert repo.push_urls() == ["ssh://git@ssh.osc-fr1.scalingo.com:2222/myapp.git"]


def test_a_thousand_remotes_cost_the_same_few_processes(
    repo: Repo, run: Run, service: Service, tmp_path: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sync` runs git as often for a thousand stale remotes as for one."""
    from git_scalingo_region.repository import git as remotes

    calls: list[tuple[str, ...]] = []
    original = remotes.Repository._run

    def counted(self: remotes.Repository, *arguments: str, **options: object) -> tuple[int, str, str]:
        calls.append(arguments)
        return original(self, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(remotes.Repository, "_run", counted)
    repo.git("remote", "add", "one", STALE)
    run("sync")
    few = len(calls)
    with repo.config.open("a") as file:
        file.writelines(f'[remote "r{number}"]\n\turl = git@scalingo.com:app-{number}.git\n' for number in range(1000))
    calls.clear()

    assert run("sync", "--json").json["remotes"][999]["url"] == "ssh://git@ssh.osc-fr1.scalingo.com:22/app-999.git"
    assert len(calls) == few
    assert repo.push_urls("r500") == ["ssh://git@ssh.osc-fr1.scalingo.com:22/app-500.git"]
