"""`add`, in real repositories: what it writes and says, which region, app and remote it takes, and where the app is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from account import Account
from conftest import ELSEWHERE, OFFLINE, OSC_FR1, PAR, SECNUM, STALE, Repo, Result, Run, Service, refusal, region_json
from pasting import Paste, field, messages, printed

from git_scalingo_region.commands import target
from git_scalingo_region.repository.changes import carry_out
from git_scalingo_region.repository.plan import Plan

REGION = "  region  osc-fr1 (Paris - Outscale), given as an argument\n"
NEXT = "  next    git push scalingo main\n"
TRUST = "hint: ssh does not know the host key of ssh.osc-fr1.scalingo.com:22 yet: git scalingo-region trust osc-fr1\n"


def test_creates_the_remote_as_git_remote_add_would(repo: Repo, run: Run) -> None:
    """`add` writes the same configuration file as `git remote add`, byte for byte."""
    before = repo.config.read_bytes()
    repo.git("remote", "add", "scalingo", OSC_FR1)
    expected = repo.config.read_bytes()
    repo.config.write_bytes(before)
    result = run("add", "osc-fr1", "myapp", "--offline")
    assert result == Result(0, f"Created remote 'scalingo'\n  url     {OSC_FR1}\n{REGION}{NEXT}", OFFLINE + TRUST)
    assert repo.config.read_bytes() == expected


@pytest.mark.parametrize("before", ["", STALE])
@pytest.mark.parametrize(
    ("region", "meanwhile", "kept"), [("", SECNUM, True), ("", STALE, False), ("osc-fr1", SECNUM, False)]
)
def test_only_a_named_region_moves_what_another_run_has_just_made(
    repo: Repo, run: Run, monkeypatch: pytest.MonkeyPatch, before: str, region: str, meanwhile: str, kept: bool
) -> None:
    """If another run sets the remote first, `add` moves it to another region only if that region was named."""
    if before:
        repo.git("remote", "add", "scalingo", before)

    def write_late(*arguments: Any, **options: Any) -> Sequence[Plan]:
        repo.git("config", "remote.scalingo.url", meanwhile)
        return carry_out(*arguments, **options)

    monkeypatch.setattr(target, "carry_out", write_late)
    result = run("add", *filter(None, (region, "myapp")), "--offline")
    conflict = ["another process has just moved the remote 'scalingo'"]
    assert (result.status, messages(result, "error")) == ((6, conflict) if kept else (0, []))
    assert not list(repo.config.parent.glob("*.lock"))
    assert repo.push_urls() == [SECNUM if kept else OSC_FR1]


def test_updates_the_url_and_nothing_else(repo: Repo, run: Run, service: Service) -> None:
    """`add` replaces only the url and says what it did, as text or JSON; `-n` shows the plan and writes nothing."""
    repo.git("remote", "add", "scalingo", STALE)
    repo.git("config", "remote.scalingo.tagOpt", "--no-tags")
    before = repo.config.read_text()
    expected = {
        "outcome": "updated",
        "remote": "scalingo",
        "url": OSC_FR1,
        "previous_url": STALE,
        "push_urls": [OSC_FR1],
        "app": "myapp",
        "region": "osc-fr1",
        "region_source": "existing-remote",
        "list_source": "api",
        "app_found": None,
        "undo": [f"git remote set-url scalingo {STALE}"],
        "next": "git push scalingo main",
        "dry_run": False,
        "warnings": [],
    }
    planned = run("add", "--json", "-n")
    assert planned.json == {**expected, "undo": [], "dry_run": True}
    where = "  region  osc-fr1 (Place of osc-fr1), where the remote already points\n"
    change, undo = f"  url     {STALE} -> {OSC_FR1}\n{where}", f"  undo    git remote set-url scalingo {STALE}\n"
    assert run("add", "-n").stdout == f"Would update remote 'scalingo'\n{change}{NEXT}"
    assert run("add", "-n", "-r", "new", "myapp").stdout.startswith("Would create remote 'new'\n")
    assert repo.config.read_text() == before
    assert run("add").stdout == f"Updated remote 'scalingo'\n{change}{undo}{NEXT}"
    assert repo.config.read_text() == before.replace(STALE, OSC_FR1)
    repo.config.write_text(before)
    expected["list_source"] = "cache"
    done, again = run("add", "--json"), run("add", "--json")
    assert (done.json, planned.stderr + done.stderr + again.stderr) == (expected, "")
    assert again.json == {**expected, "outcome": "unchanged", "previous_url": OSC_FR1, "undo": []}


def test_a_remote_that_is_not_scalingos_is_a_conflict(repo: Repo, run: Run, service: Service) -> None:
    """Without `--force`, a remote that points elsewhere stays, with status 6; `-q` hides a success but not an error."""
    repo.git("remote", "add", "scalingo", ELSEWHERE)
    before = repo.config.read_bytes()
    hint = "choose another name with --remote, or replace it with --force"
    reason = f"the remote 'scalingo' points elsewhere: {ELSEWHERE}"
    assert run("add", "osc-fr1", "myapp", "-q") == refusal(6, reason, hint)
    assert repo.config.read_bytes() == before
    assert run("add", "osc-fr1", "myapp", "-q", "--force") == Result(0, "", "")
    assert repo.push_urls() == [OSC_FR1]


def test_a_pushurl_in_an_included_file_is_changed_there(repo: Repo, run: Run, tmp_path: Path) -> None:
    """A push url in an included file is changed there, with a warning that other repositories may include it."""
    shared = tmp_path / "shared.cfg"
    shared.write_text(f'[remote "scalingo"]\n\tpushurl = {STALE}\n')
    repo.git("remote", "add", "scalingo", OSC_FR1)
    repo.git("config", "include.path", str(shared))
    before = repo.config.read_bytes()

    result = run("add", "osc-fr1", "myapp", "--offline")

    assert result.stdout == (
        f"Updated remote 'scalingo'\n  pushurl  {STALE} -> {OSC_FR1}\n"
        "  region   osc-fr1 (Paris - Outscale), given as an argument\n"
        f"  undo     git config --file {shared} --replace-all remote.scalingo.pushurl {STALE}\n"
        "  next     git push scalingo main\n"
    )
    warning = f"the remote 'scalingo' is in {shared}, which other repositories may include"
    assert messages(result, "warning")[1:] == [warning]
    assert (shared.read_text(), repo.config.read_bytes()) == (f'[remote "scalingo"]\n\tpushurl = {OSC_FR1}\n', before)


@pytest.mark.parametrize("name", ["team/staging", "a.b", "é", "UP", 'q"x', "a#b", "日本", "a;b", "a'b", "a$b"])
def test_any_name_that_git_accepts(repo: Repo, run: Run, paste: Paste, name: str) -> None:
    """A remote may have any name that git accepts, and the `next` command printed for it works as it is."""
    result = run("add", "osc-fr1", "myapp", "--offline", f"--remote={name}")
    assert result.status == 0
    assert repo.push_urls(name) == [OSC_FR1]
    assert repo.git("config", f"remote.{name}.fetch") == f"+refs/heads/*:refs/remotes/{name}/*"
    pushed = paste(f"GIT_SSH_COMMAND='echo >&2' GIT_SSH_VARIANT=ssh {field(result, 'next')}")
    assert pushed.stderr.startswith("-p 22 git@ssh.osc-fr1.scalingo.com git-receive-pack '/myapp.git'\n")


SOURCES = [
    ("argument", "given as an argument"),
    ("existing-remote", "where the remote already points"),
    ("environment", "from SCALINGO_REGION"),
    ("git-config", "from git config scalingo.region"),
    ("app", "where the app is"),
    ("cli-config", "from the Scalingo CLI's configuration"),
    ("default", "the default region"),
]


@pytest.mark.parametrize("first", range(len(SOURCES)), ids=[source for source, _ in SOURCES])
def test_the_order_of_precedence(
    repo: Repo, run: Run, account: Account, home: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """The sources of the region have a fixed order, and `add`, `url` and `show` use the first that is not empty."""
    for number in range(len(SOURCES)):
        account.add_region(f"r{number}")
    source, phrase = SOURCES[first]
    if first <= 1:
        repo.git("remote", "add", "scalingo", "ssh://git@ssh.r1.scalingo.com:22/myapp.git")
    monkeypatch.setenv("SCALINGO_REGION", "r2" if first <= 2 else "")
    repo.git("config", "scalingo.region", "r3" if first <= 3 else "")
    if first <= 4:
        account.add_app("r4", "myapp")
    (home / ".config" / "scalingo").mkdir(parents=True)
    (home / ".config" / "scalingo" / "config.json").write_text(f'{{"region": "{"r5" if first <= 5 else ""}"}}')
    words = ["r0"] if first == 0 else []
    expected = "osc-fr1" if source == "default" else f"r{first}"

    results = [run("add", *words, "myapp", "--json", "-n"), run("url", *words, "myapp", "--json")]
    if source != "app":
        results.append(run("show", *words, "--json"))

    for result in results:
        shown = result.json
        assert (shown.get("region", shown.get("name")), shown["region_source"]) == (expected, source)
    assert field(run("add", *words, "myapp", "-n"), "region") == f"{expected} (Place of {expected}), {phrase}"


def test_an_unknown_region(repo: Repo, run: Run, service: Service) -> None:
    """An unknown region ends with status 3 and hints; with `--fallback`, the default region is used instead."""
    near = ("did you mean osc-fr1?", "the regions are osc-fr1, scw-par")
    token = "some regions are listed only with a token: set SCALINGO_API_TOKEN"
    assert run("add", "osc-fr2", "myapp") == refusal(3, "there is no region 'osc-fr2'", *near, token)
    assert repo.git("remote") == ""
    warning = "there is no region 'osc-fr2': using the default region, osc-fr1 (--fallback)"
    for command in ("add", "url"):
        shown = run(command, "osc-fr2", "myapp", "--fallback", "--json").json
        assert (shown["region"], shown["region_source"], shown["warnings"]) == ("osc-fr1", "fallback", [warning])
        shown = run(command, "scw-par", "myapp", "--fallback", "--json").json
        assert (shown["region"], shown["region_source"], shown["warnings"]) == ("scw-par", "argument", [])


def test_fallback_moves_no_remote(repo: Repo, run: Run, service: Service) -> None:
    """`--fallback` never moves a remote that is in another region or in a region that no longer exists."""
    warning = "warning: there is no region 'osc-fr2': using the default region, osc-fr1 (--fallback)\n"
    for url, region in ((PAR, "scw-par"), ("git@ssh.agora-fr1.scalingo.com:myapp.git", "agora-fr1")):
        repo.git("config", "remote.scalingo.url", url)
        message = f"the remote 'scalingo' is in {region}: --fallback does not move it to osc-fr1"
        error = f"error: {message}\nhint: to move it: git scalingo-region add osc-fr1 myapp\n"
        assert run("add", "osc-fr2", "myapp", "--fallback") == Result(3, "", warning + error)
        assert repo.push_urls() == [url]
    repo.git("config", "remote.scalingo.url", STALE)
    assert run("add", "osc-fr2", "myapp", "--fallback").status == 0
    assert repo.push_urls() == [OSC_FR1]


@pytest.mark.parametrize("line", ["url myapp", "add myapp -r new", "url nowhere myapp --fallback", "show"])
def test_without_a_default_there_is_no_guess(repo: Repo, run: Run, service: Service, line: str) -> None:
    """If no region is marked as the default and one is needed, the run ends with status 3 and lists the regions."""
    service.regions = [region_json("b"), region_json("a")]
    reason = "there is no default region: name the one you want"
    assert run(*line.split()) == refusal(3, reason, "the regions are a, b")


def test_a_wrong_name_in_the_environment_is_not_passed_over(
    run: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown region in SCALINGO_REGION is an error, unless an argument names the region."""
    monkeypatch.setenv("SCALINGO_REGION", "osc-fr2")
    assert (run("url", "myapp").status, run("url", "osc-fr1", "myapp").status) == (3, 0)


def test_a_setting_that_disagrees_with_the_remote(repo: Repo, run: Run, paste: Paste, service: Service) -> None:
    """If a setting disagrees with the remote, the remote stays, and a warning gives a working command to move it."""
    repo.git("remote", "add", "prod", PAR)
    repo.git("config", "scalingo.region", "osc-fr1")
    result = run("add", "myapp", "-r", "prod")
    assert result.stdout.startswith(f"Remote 'prod' is up to date\n  url     {PAR}\n")
    move = "git scalingo-region add -r prod osc-fr1 myapp"
    where = "git config scalingo.region is osc-fr1, but the remote 'prod' is in scw-par"
    assert messages(result, "warning") == [f"{where}; to move it: {move}"]
    assert paste(move).returncode == 0
    assert repo.push_urls("prod") == [OSC_FR1]
    assert messages(run("add", "myapp", "-r", "prod"), "warning") == []


@pytest.mark.parametrize("name", ["nowhere", "a b", "osc-secnum-fr1"])
def test_no_command_that_would_fail(
    repo: Repo, run: Run, account: Account, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """If a setting names a region that this account cannot use, the warning offers no command to move the remote."""
    account.service.regions.pop(1)
    repo.git("remote", "add", "scalingo", PAR)
    monkeypatch.setenv("SCALINGO_REGION", name)
    warning = f"SCALINGO_REGION is {name}, but the remote 'scalingo' is in scw-par"
    assert run("add", "--json").json["warnings"] == [warning]


# The arguments, SCALINGO_APP, the app of the existing remote, and the resulting region and app, or the error.
WORDS = [
    ("osc-fr1 one", "two", "three", "osc-fr1 one"),
    ("scw-par", "two", "three", "scw-par two"),
    ("scw-par", "", "three", "scw-par three"),
    ("scw-par", "", "", "no app is given: 'scw-par' is a region"),
    ("one", "", "", "osc-fr1 one"),
    ("one", "two", "", "osc-fr1 one"),
    ("", "two", "three", "osc-fr1 two"),
    ("", "", "three", "osc-fr1 three"),
    ("", "", "", "no app is given: name it as an argument or in SCALINGO_APP"),
    ("scw-par", "scw-par", "", "osc-fr1 scw-par"),
    ("scw-par", "", "scw-par", "osc-fr1 scw-par"),
    ("one scw-par", "", "", "'scw-par' is a region, but it is given as the app: REGION comes first"),
    ("", "Two", "", "SCALINGO_APP: 'Two' is not a valid app name: use lower-case letters, digits and single hyphens"),
]


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize(("words", "given", "held", "expected"), WORDS)
def test_which_word_is_the_region_and_which_the_app(
    repo: Repo, run: Run, monkeypatch: pytest.MonkeyPatch, words: str, given: str, held: str, expected: str
) -> None:
    """A single word is the app or the region, depending on which apps and regions are known."""
    monkeypatch.setenv("SCALINGO_APP", given)
    if held:
        repo.git("remote", "add", "scalingo", OSC_FR1.replace("myapp", held))
    result = run("add", *words.split(), "--json")
    if result.status:
        assert (result.status, result.error["message"][: len(expected)]) == (2, expected)
    else:
        assert f"{result.json['region']} {result.json['app']}" == expected


@pytest.mark.parametrize("remote", ["scalingo", "staging"])
def test_a_wrong_order_keeps_the_remote(repo: Repo, run: Run, service: Service, paste: Paste, remote: str) -> None:
    """The hints that show how to give REGION and APP keep the remote that was named."""
    words = "add" if remote == "scalingo" else f"add -r {remote}"
    form = f"git scalingo-region {words} scw-par APP"
    assert messages(run("add", "scw-par", "--remote", remote), "hint") == [form]
    assert messages(run("add", "--remote", remote), "hint") == [form.replace("scw-par", "[REGION]")]
    result = run("add", "myapp", "scw-par", "--remote", remote)
    assert messages(result, "hint") == [form.replace("APP", "myapp")]
    assert paste(printed(result)[-1]).returncode == 0
    assert repo.push_urls(remote) == [PAR]


def test_a_mistyped_region_is_pointed_at(
    repo: Repo, run: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An app name that resembles a region gets a warning, even for a weak resemblance if an app is already known."""
    warning = "'scw-pra' is taken as the app; did you mean the region scw-par?"
    assert messages(run("url", "scw-pra"), "warning") == [warning]
    assert messages(run("url", "scw-app"), "warning") == []
    monkeypatch.setenv("SCALINGO_APP", "myapp")
    assert messages(run("url", "scw-app"), "warning") == [warning.replace("scw-pra", "scw-app")]
    result = run("add", "scw-pra", "--json").json
    assert (result["region"], result["app"], result["warnings"]) == ("osc-fr1", "scw-pra", [warning])


def test_every_command_names_the_remote_that_it_is_about(
    repo: Repo, run: Run, account: Account, paste: Paste, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`scalingo.remote` sets the default remote, and commands printed for another remote name it and change only it."""
    repo.git("config", "scalingo.remote", "a b")
    message = "git config scalingo.remote: 'a b' is not a valid remote name"
    assert messages(run("add", "osc-fr1", "myapp", "--offline"), "error")[0].startswith(message)
    repo.git("config", "scalingo.remote", "prod")
    assert run("add", "osc-fr1", "myapp", "--offline").stdout.startswith("Created remote 'prod'\n")
    repo.git("remote", "remove", "prod")
    repo.git("remote", "add", "scalingo", PAR)
    monkeypatch.setenv("SCALINGO_REGION", "osc-fr1")

    (warning,) = messages(run("add", "-r", "scalingo"), "warning")
    assert warning.endswith("to move it: git scalingo-region add -r scalingo osc-fr1 myapp")
    assert paste(warning.rpartition(": ")[2]).returncode == 0
    assert (repo.git("remote"), repo.push_urls()) == ("scalingo", [OSC_FR1])

    monkeypatch.delenv("SCALINGO_REGION")
    account.add_app("scw-par", "myapp")
    # A named region is obeyed, even if the app is in another one.
    (warning,) = messages(run("add", "osc-secnum-fr1", "-r", "scalingo"), "warning")
    move = "git scalingo-region add -r scalingo scw-par myapp"
    there = "the app myapp is in scw-par, and osc-secnum-fr1 does not have it; to move the remote there: "
    assert (warning, repo.push_urls()) == (there + move, [SECNUM])
    assert paste(move).returncode == 0
    assert repo.push_urls() == [PAR]
    repo.git("remote", "set-url", "scalingo", "git@scalingo.com:gone.git")
    form = "git scalingo-region add -r scalingo REGION gone"
    assert messages(run("status"), "hint") == [f"if you know where gone is now, move 'scalingo' there: {form}"]
    assert messages(run("add", "-r", "scalingo"), "hint") == [form]


def test_what_the_regions_say_of_the_app(repo: Repo, run: Run, account: Account) -> None:
    """`add` uses the region that has the app, or the default with a warning if none has it, and refuses if two do."""

    def said(line: str) -> tuple[str, bool | None, list[str]]:
        shown = run("add", *line.split(), "--json", "-n").json
        return shown["region"], shown["app_found"], shown["warnings"]

    none = "this account sees no app named myapp"
    assert said("myapp") == ("osc-fr1", False, [none])
    assert said("scw-par myapp") == ("scw-par", False, [none])
    account.answer("scw-par", "myapp", 500, b"")
    silent = "cannot tell whether the app is in scw-par: no usable answer"
    assert said("myapp") == ("osc-fr1", None, [silent, f"{none} in osc-fr1"])
    account.add_app("osc-secnum-fr1", "myapp")
    assert said("myapp") == ("osc-secnum-fr1", True, [])
    account.add_app("scw-par", "myapp")
    reason = "the app myapp is in osc-secnum-fr1 and scw-par: say which region you mean"
    assert run("add", "myapp") == refusal(3, reason)
    assert repo.git("remote") == ""


def test_a_token_that_is_refused(repo: Repo, run: Run, account: Account) -> None:
    """A refused token ends `add` with status 4, even if a list is cached; no region is asked and nothing is written."""
    assert run("list").status == 0
    account.service.requests.clear()
    account.service.routes["POST", "/v1/tokens/exchange"] = lambda handler: handler.send_error(401)
    result = run("add", "osc-fr1", "myapp")
    error = f"error: {account.service.url} rejected the API token from SCALINGO_API_TOKEN (401)\n"
    assert (result.status, result.stdout, result.stderr[: len(error)]) == (4, "", error)
    assert account.asked == ["/v1/tokens/exchange"]
    assert repo.git("remote") == ""


def test_a_run_that_changes_nothing_asks_nobody(repo: Repo, run: Run, account: Account) -> None:
    """A repeated `add` that changes nothing makes no request, and neither does `--offline` or a conflict."""
    account.add_app("osc-fr1", "myapp")
    assert run("add", "myapp").status == 0
    repo.git("remote", "add", "other", ELSEWHERE)
    account.service.requests.clear()
    for line in ("", "myapp", "osc-fr1", "osc-fr1 myapp", "osc-fr1 -n", "-r new --offline myapp"):
        assert run("add", *line.split()).status == 0
    assert run("add", "myapp", "-r", "other").status == 6
    assert account.asked == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-- -x", "'-x' is not a valid app name"),
        ("myapp.git", "'myapp.git' is not a valid app name"),
        ("osc-fr1 My_App", "'My_App' is not a valid app name"),
        ("osc_fr1/ myapp", "'osc_fr1/' is not a valid region name"),
        ("myapp -r -x", "'-x' is not a valid remote name"),
        ("myapp -r a..b", "'a..b' is not a valid remote name"),
    ],
)
def test_bad_input_is_one_sentence(repo: Repo, run: Run, service: Service, line: str, message: str) -> None:
    """An invalid app, region or remote name ends with status 2 and one sentence, and nothing is written."""
    result = run("add", *line.split())
    (error,) = messages(result, "error")
    assert (result.status, result.stdout, error[: len(message)]) == (2, "", message)
    assert repo.git("remote") == ""


def test_through_git(repo: Repo, paste: Paste) -> None:
    """`git scalingo-region` works in a subfolder, with `git -C`, and through a git alias."""
    (repo.path / "a" / "b").mkdir(parents=True)
    repo.git("config", "alias.sr", "!git-scalingo-region")
    starts = (
        "cd a/b && git scalingo-region",
        f"cd / && git -C '{repo.path}/a' -c alias.x=y scalingo-region",
        "cd a && git sr",
    )
    for number, start in enumerate(starts):
        done = paste(f"{start} add osc-fr1 myapp --offline -q -r r{number}")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", OFFLINE)
    assert repo.git("remote").split() == ["r0", "r1", "r2"]


def test_outside_a_repository(run: Run, service: Service) -> None:
    """Outside a repository, `add` passes on git's reason, ends with status 5, and makes no request."""
    reason = "git says: not a git repository (or any of the parent directories): .git"
    assert run("add", "osc-fr1", "myapp") == refusal(5, reason, "git init")
    assert service.requests == []
