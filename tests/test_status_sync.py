"""`status` shows the states of the remotes, and `sync` brings stale ones up to date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from account import Account
from conftest import ELSEWHERE, OSC_FR1, Repo, Result, Run, Service, age, region_json
from pasting import Paste, field, messages, printed

STALE = "ssh://git@ssh.osc-fr1.scalingo.com:2200/old-app.git"
STALE_SECNUM = "ssh://git@ssh.osc-secnum-fr1.scalingo.com:2200/sec-app.git"
GONE = "git@scalingo.com:gone.git"
UNKNOWN_HOST = "ssh does not know the host key of ssh.{0}.scalingo.com:22 yet: git scalingo-region trust {0}"
MOVE = "if you know where gone is now, move 'gone' there: git scalingo-region add -r gone REGION gone"


@pytest.fixture
def mixed(repo: Repo, service: Service) -> Repo:
    """Make a repository with a remote in each state, and with others that are not Scalingo's."""
    for name, url in (
        ("scalingo", OSC_FR1),
        ("short", "git@ssh.osc-fr1.scalingo.com:myapp.git"),
        ("old", STALE),
        ("sec", STALE),
        ("gone", GONE),
        ("diverted", OSC_FR1),
        ("origin", ELSEWHERE),
    ):
        repo.git("remote", "add", name, url)
    repo.git("remote", "set-url", "--push", "diverted", ELSEWHERE)
    repo.git("remote", "set-url", "--push", "sec", STALE_SECNUM)
    repo.git("config", "remote.empty.prune", "true")
    return repo


def test_status_is_a_table(mixed: Repo, run: Run) -> None:
    """`status` shows the state of every Scalingo remote, or of those named in their order, as a table or as JSON."""
    assert run("status") == Result(
        7,
        "REMOTE    REGION          APP      STATE           PUSH URL\n"
        f"scalingo  osc-fr1         myapp    current         {OSC_FR1}\n"
        "short     osc-fr1         myapp    current         git@ssh.osc-fr1.scalingo.com:myapp.git\n"
        f"old       osc-fr1         old-app  stale           {STALE}\n"
        f"sec       osc-secnum-fr1  sec-app  stale           {STALE_SECNUM}\n"
        f"gone      agora-fr1       gone     unknown-region  {GONE}\n"
        f"diverted  osc-fr1         myapp    diverted        {ELSEWHERE}\n",
        "hint: update stale remotes: git scalingo-region sync\n"
        f"hint: {MOVE}\n"
        "hint: see what diverts the push: git scalingo-region doctor diverted\n",
    )
    gone = {"remote": "gone", "app": "gone", "region": "agora-fr1", "url": GONE, "push_urls": [GONE]}
    diverted = {"remote": "diverted", "app": "myapp", "region": "osc-fr1", "url": OSC_FR1, "push_urls": [ELSEWHERE]}
    result = run("status", "diverted", "gone", "diverted", "--json")
    assert (result.status, result.stderr) == (7, "")
    remotes = [{**diverted, "state": "diverted"}, {**gone, "state": "unknown-region"}]
    assert result.json == {"remotes": remotes, "warnings": []}
    assert run("status", "scalingo", "short", "-q").status == 0


def test_status_without_remotes(repo: Repo, run: Run, service: Service) -> None:
    """In a repository without a Scalingo remote, `status` says so, advises `add`, and ends with status 0."""
    hint = "hint: add one: git scalingo-region add [REGION] APP\n"
    assert run("status") == Result(0, "No Scalingo remote in this repository\n", hint)


@pytest.mark.parametrize("command", ["status", "sync"])
def test_a_named_remote_has_to_be_one(mixed: Repo, run: Run, command: str) -> None:
    """Naming a remote that does not exist or is not Scalingo's is an error, and nothing is changed."""
    before = mixed.config.read_bytes()
    for name, status, said in (
        ("nothing", 5, "error: there is no remote 'nothing'\nhint: git remote -v\n"),
        ("origin", 6, f"error: the remote 'origin' is not Scalingo's: it points to {ELSEWHERE}\n"),
        ("empty", 6, "error: the remote 'empty' is not Scalingo's: it has no url\n"),
    ):
        assert run(command, "old", name, "-q") == Result(status, "", said)
    assert mixed.config.read_bytes() == before


def test_sync_brings_stale_remotes_up_to_date_and_only_those(mixed: Repo, run: Run, paste: Paste) -> None:
    """`sync` replaces only stale urls, each in its own line, and its undo restores them; a second run changes none."""
    before = mixed.config.read_text()
    new, new_secnum = (url.replace("2200", "22") for url in (STALE, STALE_SECNUM))
    done = (
        "Updated remote 'old'\n"
        f"  url     {STALE} -> {new}\n"
        "  region  osc-fr1\n"
        f"  undo    git remote set-url old {STALE}\n"
        "\n"
        "Updated remote 'sec'\n"
        f"  url      {STALE} -> {new}\n"
        f"  pushurl  {STALE_SECNUM} -> {new_secnum}\n"
        "  region   osc-secnum-fr1\n"
        f"  undo     git remote set-url sec {STALE} && git remote set-url --push sec {STALE_SECNUM}\n"
        "\n"
        "2 remotes updated, 4 left as they were\n"
    )
    planned = re.sub("  undo .*\n", "", done).replace("Updated", "Would update").replace("updated", "to update")
    assert run("sync", "-n").stdout == planned
    result = run("sync")
    hints = (MOVE, *(UNKNOWN_HOST.format(name) for name in ("osc-fr1", "osc-secnum-fr1")))
    assert result == Result(0, done, "".join(f"hint: {hint}\n" for hint in hints))
    after = before.replace(STALE, new).replace(STALE_SECNUM, new_secnum)
    assert mixed.config.read_text() == after
    assert run("sync").stdout == "No Scalingo remote is stale\n"
    assert mixed.config.read_text() == after
    assert [paste(command).returncode for command in printed(result)[:2]] == [0, 0]
    assert mixed.config.read_text() == before
    undo = [f"git remote set-url old {STALE}"]
    changed = {"remote": "old", "region": "osc-fr1", "previous_url": STALE, "url": new, "undo": undo}
    expected = {"remotes": [changed], "refused": [], "dry_run": False, "warnings": []}
    assert run("sync", "old", "--json").json == expected


def test_sync_leaves_inherited_remotes(repo: Repo, run: Run, service: Service, home: Path) -> None:
    """`sync` updates the other remotes, but refuses a stale one in the global configuration, with status 6."""
    repo.git("config", "--global", "remote.team.url", STALE)
    repo.git("remote", "add", "scalingo", STALE)
    why = f"the remote 'team' comes from the global configuration ({home}/.gitconfig)"
    assert messages(run("status", "team"), "hint") == [
        "'team' is not in this repository's own configuration; to see where: git scalingo-region doctor team"
    ]
    result = run("sync")
    assert (result.status, result.stderr) == (6, f"warning: {why}\nhint: {UNKNOWN_HOST.format('osc-fr1')}\n")
    assert result.stdout.endswith("\n1 remote updated, 1 refused\n")
    assert run("sync", "--json").json["refused"] == [why]
    assert repo.git("config", "remote.team.url") == STALE


def test_a_moved_endpoint_is_found_by_its_host(repo: Repo, run: Run, service: Service, paste: Paste) -> None:
    """If the service lists another port for a region, its remotes are stale, and the hint's command updates them."""
    service.regions = [region_json("osc-fr1", "ssh.osc-fr1.scalingo.com:2222", default=True)]
    repo.git("remote", "add", "scalingo", OSC_FR1)
    status = run("status")
    assert status.stdout.splitlines()[1].split()[3] == "stale"
    assert paste(*printed(status)).returncode == 0
    assert repo.push_urls() == ["ssh://git@ssh.osc-fr1.scalingo.com:2222/myapp.git"]
    assert run("status").status == 0


def test_a_region_that_is_new_makes_its_remotes_known(repo: Repo, run: Run, service: Service, home: Path) -> None:
    """If the cached list lacks the region of a remote, a new list is fetched before the region counts as unknown."""
    scw_par = service.regions.pop()
    run("list")
    age(home, 300)
    service.regions.append(scw_par)
    repo.git("remote", "add", "scalingo", "git@ssh.scw-par.scalingo.com:myapp.git")
    assert run("status").stdout.splitlines()[1].split()[1:4] == ["scw-par", "myapp", "current"]


def test_sync_follows_the_app_of_a_gone_region(repo: Repo, run: Run, account: Account, paste: Paste) -> None:
    """`sync` moves a remote of a gone region to the region of its app; if several have the app, hints name them."""
    for name in ("one", "two", "none"):
        repo.git("remote", "add", name, f"git@ssh.agora-fr1.scalingo.com:{name}.git")
    account.add_app("scw-par", "one")
    account.add_app("scw-par", "two")
    account.add_app("osc-fr1", "two")
    before = repo.config.read_bytes()
    assert run("sync", "-n").stdout.startswith("Would update remote 'one'\n")
    done = run("sync")
    assert done == Result(
        0,
        "Updated remote 'one'\n"
        "  url     git@ssh.agora-fr1.scalingo.com:one.git -> ssh://git@ssh.scw-par.scalingo.com:22/one.git\n"
        "  region  scw-par\n"
        "  undo    git remote set-url one git@ssh.agora-fr1.scalingo.com:one.git\n"
        "\n"
        "1 remote updated, 2 left as they were\n",
        "hint: two is in osc-fr1; to move 'two' there: git scalingo-region add -r two osc-fr1 two\n"
        "hint: two is in scw-par; to move 'two' there: git scalingo-region add -r two scw-par two\n"
        f"hint: {MOVE.replace('gone', 'none')}\n"
        "hint: ssh does not know the host key of ssh.scw-par.scalingo.com:22, and none is published; to see its keys: "
        "git scalingo-region trust scw-par\n",
    )
    assert paste(field(done, "undo")).returncode == 0
    assert repo.config.read_bytes() == before
    assert account.asked.count("/v1/tokens/exchange") == 2
    assert paste(messages(done, "hint")[1].partition("there: ")[2]).returncode == 0
    assert repo.push_urls("two") == ["ssh://git@ssh.scw-par.scalingo.com:22/two.git"]


def test_sync_of_remotes_that_are_there_asks_nobody(mixed: Repo, run: Run, account: Account, home: Path) -> None:
    """`status` never looks up an app, and `sync` does not if the regions of the remotes exist or it is offline."""
    run("list")
    account.service.requests.clear()
    assert run("status", "old", "scalingo", "diverted").status == 7
    assert run("sync", "old", "scalingo", "diverted").status == 0
    assert run("sync", "gone", "--offline").status == 0
    assert account.asked == []
    age(home, 300)
    assert [run("status").status for _ in range(3)] == [7, 7, 7]
    assert account.asked == ["/v1/regions", "/v1/tokens/exchange"]  # once, in case the list has agora-fr1 by now


def test_a_thousand_remotes_cost_the_same_few_processes(
    repo: Repo, run: Run, service: Service, git_questions: list[tuple[str, ...]]
) -> None:
    """`status` runs git as often for a thousand remotes as for one."""
    repo.git("remote", "add", "one", STALE)
    run("status")
    few = len(git_questions)
    with repo.config.open("a") as file:
        file.writelines(f'[remote "r{n}"]\n\turl = {STALE.replace("old", f"app-{n}")}\n' for n in range(1000))
    git_questions.clear()
    assert len(run("status", "--json").json["remotes"]) == 1001
    assert len(git_questions) == few
