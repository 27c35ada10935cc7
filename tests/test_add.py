"""`add`, in real repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from account import Account, account
from conftest import OSC_FR1, SECNUM, Repo, Run, Service, git
from pasting import Paste, field, messages, paste, printed

__all__ = ["account", "paste"]

PAR = "ssh://git@ssh.scw-par.scalingo.com:22/myapp.git"
OLD = OSC_FR1.replace(":22/", ":2200/")
ELSEWHERE = "git@github.com:me/myapp.git"
OFFLINE = "warning: offline; using the built-in list of regions (the platform's documentation of 2026-01-02)\n"
TRUST = "hint: ssh does not know the host key of ssh.osc-fr1.scalingo.com:22 yet: git scalingo-region trust osc-fr1\n"


# --- what is written, and what is said -------------------------------------------------------------------------------


def test_creates_the_remote_as_git_remote_add_would(repo: Repo, run: Run) -> None:
    """The configuration file becomes, byte for byte, what `git remote add` makes of it."""
    before = repo.config.read_bytes()
    repo.git("remote", "add", "scalingo", OSC_FR1)
    expected = repo.config.read_bytes()
    repo.config.write_bytes(before)

    result = run("add", "osc-fr1", "myapp", "--offline")

    assert (result.status, result.stdout, result.stderr) == (
        0,
        (
            "Created remote 'scalingo'\n"
            f"  url     {OSC_FR1}\n"
            "  region  osc-fr1 (Paris - Outscale), given as an argument\n"
            "  next    git push scalingo main\n"
        ),
        OFFLINE + TRUST,
    )
    assert repo.config.read_bytes() == expected


def test_updates_the_url_and_nothing_else(repo: Repo, run: Run) -> None:
    """An update changes the value of `url` in its line: comments, order, other settings and the mode stay."""
    template = (
        '# mine\n[remote "scalingo"]\n\ttagOpt = --no-tags ; none\n\tURL={}\n'
        "\tfetch = +refs/heads/*:refs/remotes/x/*\n[alias]\n    co = checkout\n"
    )
    before = repo.config.read_text()
    repo.config.write_text(before + template.format(OLD))
    repo.config.chmod(0o640)

    result = run("add", "osc-fr1", "myapp", "--offline")

    assert result.stdout == (
        "Updated remote 'scalingo'\n"
        f"  url     {OLD} -> {OSC_FR1}\n"
        "  region  osc-fr1 (Paris - Outscale), given as an argument\n"
        f"  undo    git remote set-url scalingo {OLD}\n"
        "  next    git push scalingo main\n"
    )
    after = before + template.format(OSC_FR1).replace("URL=", "URL = ")
    assert repo.config.read_text().replace("\turl = ", "\tURL = ") == after
    assert repo.config.stat().st_mode & 0o777 == 0o640


def test_json(repo: Repo, run: Run, service: Service) -> None:
    """`--json` is one object with these fields, and nothing is written to stderr."""
    repo.git("remote", "add", "scalingo", OLD)
    expected = {
        "outcome": "updated",
        "remote": "scalingo",
        "url": OSC_FR1,
        "previous_url": OLD,
        "push_urls": [OSC_FR1],
        "app": "myapp",
        "region": "osc-fr1",
        "region_source": "existing-remote",
        "list_source": "api",
        "app_found": None,
        "undo": [f"git remote set-url scalingo {OLD}"],
        "next": "git push scalingo main",
        "dry_run": False,
        "warnings": [],
    }

    planned, done, again = (run("add", "--json", *more) for more in (["-n"], [], []))

    assert planned.json == {**expected, "undo": [], "dry_run": True}
    assert done.json == {**expected, "list_source": "cache"}
    assert again.json == {
        **expected,
        "outcome": "unchanged",
        "previous_url": OSC_FR1,
        "list_source": "cache",
        "undo": [],
    }
    assert planned.stderr + done.stderr + again.stderr == ""


def test_dry_run_writes_nothing(repo: Repo, run: Run) -> None:
    """`-n` shows the plan in the conditional, without an undo, and writes nothing."""
    repo.git("remote", "add", "scalingo", OLD)
    before = repo.config.read_bytes()

    assert run("add", "osc-fr1", "myapp", "--offline", "-n").stdout == (
        "Would update remote 'scalingo'\n"
        f"  url     {OLD} -> {OSC_FR1}\n"
        "  region  osc-fr1 (Paris - Outscale), given as an argument\n"
        "  next    git push scalingo main\n"
    )
    assert run("add", "osc-fr1", "myapp", "--offline", "-n", "-r", "new").stdout.startswith(
        "Would create remote 'new'\n"
    )
    assert repo.config.read_bytes() == before


def test_quiet_writes_no_result(repo: Repo, run: Run, service: Service) -> None:
    """`-q` leaves both streams empty if there is nothing to warn about; a conflict is an error all the same."""
    result = run("add", "osc-fr1", "myapp", "-q")
    assert (result.status, result.stdout, result.stderr) == (0, "", "")
    assert repo.push_urls() == [OSC_FR1]

    repo.git("remote", "set-url", "scalingo", ELSEWHERE)
    assert run("add", "osc-fr1", "myapp", "-q").stderr.startswith("error: the remote 'scalingo' points elsewhere")


def test_errors_under_json_are_json(repo: Repo, run: Run) -> None:
    """With `--json` a failure is an object on stderr, with the warnings that came before it."""
    result = run("add", "os-fr1", "myapp", "--offline", "--json")

    assert (result.status, result.stdout) == (3, "")
    assert result.error == {
        "kind": "region",
        "message": "there is no region 'os-fr1'",
        "exit_status": 3,
        "hints": [
            "did you mean osc-fr1 or osc-secnum-fr1?",
            "the regions are osc-fr1, osc-secnum-fr1",
            "some regions are listed only with a token: set SCALINGO_API_TOKEN",
        ],
    }


# --- whose remote it is ----------------------------------------------------------------------------------------------

OTHER = "choose another name with --remote"
FOREIGN = {
    "elsewhere": (
        f"git remote add scalingo {ELSEWHERE}",
        f"points elsewhere: {ELSEWHERE}",
        f"{OTHER}, or replace it with --force",
    ),
    "pushurl elsewhere": (
        f"git remote add scalingo {OSC_FR1}; git config remote.scalingo.pushurl {ELSEWHERE}",
        f"points elsewhere: {ELSEWHERE}",
        f"{OTHER}, or replace it with --force",
    ),
    "several": (
        f"git remote add scalingo {OSC_FR1}; git remote set-url --add scalingo {SECNUM}",
        f"has several urls: {OSC_FR1}, {SECNUM}",
        f"{OTHER}, or replace them all with --force",
    ),
    "no url": (
        f"git config remote.scalingo.pushurl {ELSEWHERE}",
        f"points elsewhere: {ELSEWHERE}",
        f"{OTHER}, or replace it with --force",
    ),
    "global": (
        f"git config --global remote.scalingo.url {ELSEWHERE}",
        f"points elsewhere: {ELSEWHERE}",
        f"{OTHER}, or replace it with --force",
    ),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_a_remote_that_is_not_scalingos_is_a_conflict(repo: Repo, run: Run, home: Path, case: str) -> None:
    """It is left as it is (6); `--force` makes it Scalingo's, and a global one is hidden here, not changed."""
    script, why, hint = FOREIGN[case]
    subprocess.run(["sh", "-ec", script], check=True)
    before = repo.config.read_bytes(), (home / ".gitconfig").read_bytes()

    refused = run("add", "osc-fr1", "myapp", "--offline")

    assert (refused.status, refused.stdout, refused.stderr) == (
        6,
        "",
        f"{OFFLINE}error: the remote 'scalingo' {why}\nhint: {hint}\n",
    )
    assert (repo.config.read_bytes(), (home / ".gitconfig").read_bytes()) == before
    assert run("add", "osc-fr1", "myapp", "--offline", "--force").status == 0
    assert repo.push_urls() == [OSC_FR1]
    assert (home / ".gitconfig").read_bytes() == before[1]


def test_an_inherited_remote_that_has_to_change_is_a_conflict(repo: Repo, run: Run, home: Path) -> None:
    """A Scalingo remote of the user's own configuration is used if it is right, and never changed from here."""
    git("config", "--global", "remote.scalingo.url", OSC_FR1)
    assert run("add", "osc-fr1", "myapp", "--offline").stdout.startswith("Remote 'scalingo' is up to date\n")
    refused = run("add", "osc-secnum-fr1", "myapp", "--offline")
    assert refused.stderr == (
        f"{OFFLINE}error: the remote 'scalingo' comes from the global configuration ({home}/.gitconfig)\n"
        f"hint: {OTHER}\n"
    )
    assert refused.status == 6


def test_a_pushurl_of_scalingo_comes_along(repo: Repo, run: Run) -> None:
    """What an update shows is what it changes: the pushurl under its own name, and the url only if it changes."""
    repo.git("remote", "add", "scalingo", OSC_FR1)
    repo.git("remote", "set-url", "--push", "scalingo", OLD)

    result = run("add", "osc-fr1", "myapp", "--offline")

    assert result.stdout.splitlines()[1] == f"  pushurl  {OLD} -> {OSC_FR1}"
    assert field(result, "undo") == f"git remote set-url --push scalingo {OLD}"
    assert repo.push_urls() == [OSC_FR1]


def test_a_remote_in_an_included_file_is_changed_there(repo: Repo, run: Run, tmp_path: Path) -> None:
    """The value is replaced in the file that holds it, with a warning that others may include that file."""
    shared = tmp_path / "shared.cfg"
    shared.write_text(f'[remote "scalingo"]\n\turl = {OLD}\n')
    repo.git("config", "include.path", str(shared))
    before = repo.config.read_bytes()

    result = run("add", "osc-fr1", "myapp", "--offline")

    assert (shared.read_text(), repo.config.read_bytes()) == (f'[remote "scalingo"]\n\turl = {OSC_FR1}\n', before)
    assert messages(result, "warning")[1:] == [
        f"the remote 'scalingo' is in {shared}, which other repositories may include"
    ]
    assert field(result, "undo") == f"git config --file {shared} --replace-all remote.scalingo.url {OLD}"


@pytest.mark.parametrize("name", ["team/staging", "a.b", "é", "UP", 'q"x', "a#b", "日本", "a;b", "a'b", "a$b"])
def test_any_name_that_git_accepts(repo: Repo, run: Run, paste: Paste, name: str) -> None:
    """Odd names make a remote that git reads as meant; the commands printed for it are exact."""
    result = run("add", "osc-fr1", "myapp", "--offline", f"--remote={name}")

    assert result.status == 0
    assert repo.push_urls(name) == [OSC_FR1]
    assert repo.git("config", f"remote.{name}.fetch") == f"+refs/heads/*:refs/remotes/{name}/*"
    pushed = paste(f"GIT_SSH_COMMAND='echo >&2' GIT_SSH_VARIANT=ssh {field(result, 'next')}")
    assert pushed.stderr.startswith("-p 22 git@ssh.osc-fr1.scalingo.com git-receive-pack '/myapp.git'\n")


# --- which region, which app -----------------------------------------------------------------------------------------

SOURCES = [
    ("argument", "given as an argument"),
    ("existing-remote", "where the remote already points"),
    ("environment", "from SCALINGO_REGION"),
    ("git-config", "from git config scalingo.region"),
    ("app", "where the app is"),
    ("cli-config", "from the Scalingo CLI's configuration"),
    ("default", "the default region"),
]


@pytest.mark.parametrize("first", range(len(SOURCES)))
def test_the_order_of_precedence(
    repo: Repo, run: Run, account: Account, home: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    """Of all that names a region, the first in the order counts: without it the next one, for `add`, `url`, `show`."""
    for number in range(len(SOURCES)):
        account.add_region(f"r{number}")
    source, phrase = SOURCES[first]
    if first <= 1:
        repo.git("remote", "add", "scalingo", "ssh://git@ssh.r1.scalingo.com:22/myapp.git")
    if first <= 2:
        monkeypatch.setenv("SCALINGO_REGION", "r2")
    if first <= 3:
        repo.git("config", "scalingo.region", "r3")
    if first <= 4:
        account.add_app("r4", "myapp")
    if first <= 5:
        (home / ".config" / "scalingo").mkdir(parents=True)
        (home / ".config" / "scalingo" / "config.json").write_text('{"region": "r5"}')
    words = ["r0"] if first == 0 else []
    expected = "osc-fr1" if source == "default" else f"r{first}"

    results = [run("add", *words, "myapp", "--json", "-n"), run("url", *words, "myapp", "--json")]
    if source != "app":
        results.append(run("show", *words, "--json"))

    for result in results:
        shown = result.json
        assert (shown.get("region", shown.get("name")), shown["region_source"]) == (expected, source)
    assert field(run("add", *words, "myapp", "-n"), "region") == f"{expected} (Place of {expected}), {phrase}"


@pytest.mark.parametrize("source", ["SCALINGO_REGION", "git config scalingo.region"])
def test_a_setting_that_disagrees_with_the_remote(
    repo: Repo, run: Run, paste: Paste, service: Service, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """The remote stays where it is, and a warning names the command that moves it, which does so."""
    repo.git("remote", "add", "prod", PAR)
    if source.startswith("git"):
        repo.git("config", "scalingo.region", "osc-fr1")
    else:
        monkeypatch.setenv("SCALINGO_REGION", "osc-fr1")

    result = run("add", "myapp", "-r", "prod")

    assert result.stdout.startswith(f"Remote 'prod' is up to date\n  url     {PAR}\n")
    assert messages(result, "warning") == [
        (
            f"{source} is osc-fr1, but the remote 'prod' is in scw-par;"
            " to move it: git scalingo-region add -r prod osc-fr1 myapp"
        )
    ]
    assert paste(printed(result)[-1]).returncode == 0
    assert repo.push_urls("prod") == [OSC_FR1]
    assert messages(run("add", "myapp", "-r", "prod"), "warning") == []


@pytest.mark.parametrize("name", ["nowhere", "a b", "osc-secnum-fr1"])
def test_no_command_that_would_fail(
    repo: Repo, run: Run, account: Account, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """If the other region is none that this account could use, the warning offers no command."""
    account.service.regions.pop(1)
    repo.git("remote", "add", "scalingo", PAR)
    monkeypatch.setenv("SCALINGO_REGION", name)

    warnings = run("add", "--json").json["warnings"]

    assert warnings == [f"SCALINGO_REGION is {name}, but the remote 'scalingo' is in scw-par"]


# The word, SCALINGO_APP, the remote's app, and the region and the app that come of it ("" for an error).
WORDS = [
    (["osc-fr1", "one"], "two", "three", "osc-fr1", "one"),
    (["scw-par"], "two", "three", "scw-par", "two"),
    (["scw-par"], "", "three", "scw-par", "three"),
    (["scw-par"], "", "", "", "no app is given: 'scw-par' is a region"),
    (["one"], "", "", "osc-fr1", "one"),
    (["one"], "two", "", "osc-fr1", "one"),
    ([], "two", "three", "osc-fr1", "two"),
    ([], "", "three", "osc-fr1", "three"),
    ([], "", "", "", "no app is given: name it as an argument or in SCALINGO_APP"),
    (["scw-par"], "scw-par", "", "osc-fr1", "scw-par"),
    (["scw-par"], "", "scw-par", "osc-fr1", "scw-par"),
    (["one", "scw-par"], "", "", "", "'scw-par' is a region, but it is given as the app: REGION comes first"),
    (["scw-pra"], "two", "", "osc-fr1", "scw-pra"),
    (
        [],
        "Two",
        "",
        "",
        "SCALINGO_APP: 'Two' is not a valid app name: use lower-case letters, digits and single hyphens",
    ),
]


@pytest.mark.parametrize(("words", "environment", "held", "region", "app"), WORDS)
def test_which_word_is_the_region_and_which_the_app(
    repo: Repo,
    run: Run,
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    environment: str,
    held: str,
    region: str,
    app: str,
) -> None:
    """A single word is the app or the region, depending on which apps and regions are known."""
    monkeypatch.setenv("SCALINGO_APP", environment)
    if held:
        repo.git("remote", "add", "scalingo", OSC_FR1.replace("myapp", held))

    result = run("add", *words, "--json")

    if region:
        assert (result.json["region"], result.json["app"]) == (region, app)
    else:
        assert result.status == 2
        assert result.error["message"].startswith(app)


def test_a_mistyped_region_is_pointed_at(
    repo: Repo, run: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If an app is known, a word that is close to the name of a region is taken as the app, with a warning."""
    monkeypatch.setenv("SCALINGO_APP", "myapp")
    warning = "'scw-pra' is taken as the app; did you mean the region scw-par?"
    assert messages(run("add", "scw-pra"), "warning") == [warning]


def test_scalingo_remote_names_another_default(repo: Repo, run: Run) -> None:
    """`git config scalingo.remote` is the remote that `add` makes, and -r goes before it."""
    repo.git("config", "scalingo.remote", "prod")

    assert run("add", "osc-fr1", "myapp", "--offline").stdout.startswith("Created remote 'prod'\n")
    assert run("add", "osc-fr1", "myapp", "--offline", "-r", "scalingo").status == 0
    assert repo.git("remote").split() == ["prod", "scalingo"]
    repo.git("config", "scalingo.remote", "a b")
    message = "git config scalingo.remote: 'a b' is not a valid remote name"
    assert messages(run("add", "osc-fr1", "myapp", "--offline"), "error")[0].startswith(message)


def test_every_command_names_the_remote_that_it_is_about(
    repo: Repo, run: Run, account: Account, paste: Paste, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With another default, the commands printed for `scalingo` say so: none of them would change the default."""
    repo.git("config", "scalingo.remote", "prod")
    repo.git("remote", "add", "scalingo", PAR)
    monkeypatch.setenv("SCALINGO_REGION", "osc-fr1")

    (warning,) = messages(run("add", "-r", "scalingo"), "warning")
    assert warning.endswith("to move it: git scalingo-region add -r scalingo osc-fr1 myapp")
    assert paste(warning.rpartition(": ")[2]).returncode == 0
    assert (repo.git("remote"), repo.push_urls()) == ("scalingo", [OSC_FR1])

    monkeypatch.delenv("SCALINGO_REGION")
    account.add_app("scw-par", "myapp")
    (warning,) = messages(run("add", "osc-secnum-fr1", "-r", "scalingo"), "warning")
    assert warning.endswith("git scalingo-region add -r scalingo scw-par myapp")
    repo.git("remote", "set-url", "scalingo", "git@scalingo.com:gone.git")
    form = "git scalingo-region add -r scalingo REGION gone"
    assert messages(run("status"), "hint") == [f"if you know where gone is now, move 'scalingo' there: {form}"]
    assert messages(run("add", "-r", "scalingo"), "hint") == [form]


def test_the_default_is_only_taken_with_fallback(repo: Repo, run: Run, service: Service) -> None:
    """An unknown region is an error (3); `--fallback` takes the default, with a warning; no default is an error."""
    refused = run("add", "nowhere", "myapp")
    taken = run("add", "nowhere", "myapp", "--fallback", "--json").json

    assert (refused.status, refused.stderr.splitlines()[0]) == (3, "error: there is no region 'nowhere'")
    assert (taken["region"], taken["region_source"], taken["warnings"]) == (
        "osc-fr1",
        "fallback",
        ["there is no region 'nowhere': using the default region, osc-fr1 (--fallback)"],
    )
    service.regions[0]["default"] = False
    message = "there is no default region: name the one you want"
    assert run("add", "myapp", "-r", "new", "--refresh", "--json").error["message"] == message


# --- where the app is ------------------------------------------------------------------------------------------------


def test_the_app_is_found(repo: Repo, run: Run, account: Account) -> None:
    """Without a region named, the one region that has the app is taken; the token is exchanged once."""
    account.add_app("scw-par", "myapp")

    result = run("add", "myapp")

    assert result.stdout == (
        "Created remote 'scalingo'\n"
        f"  url     {PAR}\n"
        "  region  scw-par (Place of scw-par), where the app is\n"
        "  next    git push scalingo main\n"
    )
    assert account.asked == [
        "/v1/regions",
        "/v1/tokens/exchange",
        "/osc-fr1/v1/apps/myapp",
        "/osc-secnum-fr1/v1/apps/myapp",
        "/scw-par/v1/apps/myapp",
    ]


def test_an_app_in_several_regions(repo: Repo, run: Run, account: Account) -> None:
    """If several regions have the app, an error names them, and nothing is written."""
    account.add_app("scw-par", "myapp")
    account.add_app("osc-secnum-fr1", "myapp")
    before = repo.config.read_bytes()

    result = run("add", "myapp")

    assert (result.status, result.stdout, result.stderr) == (
        3,
        "",
        "error: an app of that name is in osc-secnum-fr1 and scw-par: say which region you mean\n",
    )
    assert repo.config.read_bytes() == before


def test_an_app_that_nobody_sees(repo: Repo, run: Run, account: Account) -> None:
    """An app that no region has: the default region with a warning, or the region named, with the same warning."""
    for words in (["myapp"], ["scw-par", "myapp"]):
        result = run("add", *words, "--json", "-n").json
        assert (result["app_found"], result["warnings"]) == (False, ["this account sees no app named myapp"])
    assert run("add", "myapp").status == 0
    assert repo.push_urls() == [OSC_FR1]


def test_a_named_region_is_obeyed(repo: Repo, run: Run, paste: Paste, account: Account) -> None:
    """If the app is in another region than the one named, the remote is made as told, and a warning says where to."""
    account.add_app("scw-par", "myapp")

    result = run("add", "osc-fr1", "myapp", "-r", "prod")

    assert messages(result, "warning") == [
        (
            "the app myapp is in scw-par, and osc-fr1 does not have it; to move the remote there:"
            " git scalingo-region add -r prod scw-par myapp"
        )
    ]
    assert repo.push_urls("prod") == [OSC_FR1]
    assert paste(messages(result, "warning")[0].rpartition(": ")[2]).returncode == 0
    assert repo.push_urls("prod") == [PAR]


SILENCE = {
    "HTML": (200, b"<html>"),
    "another shape": (200, {"app": "myapp"}),
    "another app": (200, {"app": {"name": "other"}}),
    "401": (401, {"error": "no"}),
    "403": (403, {}),
    "500": (500, b""),
    "a redirect": (302, b""),
}


@pytest.mark.parametrize("kind", SILENCE)
def test_a_region_that_does_not_answer(repo: Repo, run: Run, account: Account, kind: str) -> None:
    """A silent region does not count: one warning names it, unless the app is found in another."""
    account.answer("scw-par", "myapp", *SILENCE[kind])

    unknown = run("add", "myapp", "-n", "--json").json
    account.add_app("osc-secnum-fr1", "myapp")
    found = run("add", "myapp", "--json").json

    assert (unknown["region"], unknown["app_found"], unknown["warnings"]) == (
        "osc-fr1",
        None,
        [
            "cannot tell whether the app is in scw-par: no usable answer",
            "this account sees no app named myapp in osc-fr1",
        ],
    )
    assert (found["region"], found["app_found"], found["warnings"]) == ("osc-secnum-fr1", True, [])


def test_a_token_that_is_refused(repo: Repo, run: Run, account: Account) -> None:
    """A token that the service refuses is exit 4, and nothing is written."""
    account.service.routes["POST", "/v1/tokens/exchange"] = lambda handler: handler.send_error(401)
    before = repo.config.read_bytes()

    result = run("add", "osc-fr1", "myapp")

    assert result.status == 4
    assert result.stderr.startswith(f"error: {account.service.url} rejected the API token from SCALINGO_API_TOKEN")
    assert repo.config.read_bytes() == before


def test_a_run_that_changes_nothing_asks_nobody(repo: Repo, run: Run, account: Account) -> None:
    """A warm `add` makes no request, whatever named its region; nor does one with --offline, or a conflict."""
    account.add_app("osc-fr1", "myapp")
    assert run("add", "myapp").status == 0
    repo.git("remote", "add", "other", ELSEWHERE)
    account.service.requests.clear()

    for line in ("", "myapp", "osc-fr1", "osc-fr1 myapp", "osc-fr1 -n", "-r new --offline myapp"):
        assert run("add", *line.split()).status == 0
    assert run("add", "myapp", "-r", "other").status == 6
    assert account.asked == []


def test_where_the_app_of_a_gone_region_is_now(repo: Repo, run: Run, account: Account, paste: Paste) -> None:
    """A remote of a gone region follows its app, if exactly one region has it; its undo takes that back."""
    gone = "git@scalingo.com:myapp.git"
    repo.git("remote", "add", "scalingo", gone)

    assert run("add", "myapp").status == 3
    account.add_app("scw-par", "myapp")
    result = run("add")

    assert result.stdout == (
        "Updated remote 'scalingo'\n"
        f"  url     {gone} -> {PAR}\n"
        "  region  scw-par (Place of scw-par), where the app is\n"
        f"  undo    git remote set-url scalingo {gone}\n"
        "  next    git push scalingo main\n"
    )
    assert paste(field(result, "undo")).returncode == 0
    assert repo.push_urls() == [gone]
    assert "--offline" not in result.stderr
    assert run("add", "--offline").status == 3


# --- what is refused, and where it works -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-x"], "no such option: -x"),
        (["--", "-x"], "'-x' is not a valid app name"),
        (["a b"], "'a b' is not a valid app name"),
        (["myapp.git"], "'myapp.git' is not a valid app name"),
        (["git@ssh.osc-fr1.scalingo.com:myapp.git"], "'git@ssh.osc-fr1.scalingo.com:myapp.git' is not a valid app"),
        (["osc-fr1", "My_App"], "'My_App' is not a valid app name"),
        (["osc fr1", "myapp"], "'osc fr1' is not a valid region name"),
        (["osc-fr1", "myapp", "more"], ""),
        (["myapp", "-r", "-x"], "'-x' is not a valid remote name"),
        (["myapp", "-r", "a..b"], "'a..b' is not a valid remote name"),
        (["myapp", "--refresh", "--offline"], "--refresh and --offline cannot be used together"),
    ],
)
def test_bad_input_is_one_sentence(repo: Repo, run: Run, service: Service, arguments: list[str], message: str) -> None:
    """What can be no app, region or remote is an error (2) in one sentence; nothing is written."""
    before = repo.config.read_bytes()

    result = run("add", *arguments)

    (error,) = messages(result, "error")
    assert error.startswith(message)
    assert (result.status, result.stdout) == (2, "")
    assert repo.config.read_bytes() == before


def test_through_git_from_anywhere(repo: Repo, tmp_path: Path, paste: Paste) -> None:
    """`git scalingo-region` works in a subfolder, by `git -C`, by an alias, in a worktree and in a bare repository."""
    (repo.path / "a" / "b").mkdir(parents=True)
    repo.git("config", "alias.sr", "!git-scalingo-region")
    repo.git("worktree", "add", "--quiet", str(tmp_path / "tree"))
    git("clone", "--quiet", "--bare", str(repo.path), str(tmp_path / "bare.git"))
    add = "add osc-fr1 myapp --offline -q -r"

    for number, line in enumerate(
        (
            f"cd a/b && git scalingo-region {add}",
            f"cd / && git -C '{repo.path}/a' scalingo-region {add}",
            f"cd a && git sr {add}",
            f"cd '{tmp_path}/tree' && git -c alias.x=y scalingo-region {add}",
            f"cd '{tmp_path}/bare.git' && git scalingo-region {add}",
            f"cd .git && git scalingo-region {add}",
        )
    ):
        done = paste(f"{line} r{number}")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", OFFLINE)

    assert repo.git("remote").split() == ["r0", "r1", "r2", "r3", "r5"]
    assert git("remote", cwd=tmp_path / "bare.git").split() == ["origin", "r4"]


def test_outside_a_repository(run: Run, service: Service) -> None:
    """The reason that git gives is passed on, with exit 5, and nobody is asked."""
    result = run("add", "osc-fr1", "myapp")

    reason = "git says: not a git repository (or any of the parent directories): .git"
    assert (result.status, result.stdout, result.stderr) == (5, "", f"error: {reason}\nhint: git init\n")
    assert service.requests == []


def test_two_files_change_together_or_not_at_all(repo: Repo, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """If one of two files cannot be written, the other keeps its old text, too."""
    monkeypatch.setattr("git_scalingo_region.repository.changes.LOCK_SECONDS", 0.05)
    included = repo.config.with_name("included")
    included.write_text(f'[remote "scalingo"]\n\turl = {OLD}\n')
    repo.git("config", "include.path", "included")
    repo.git("config", "remote.scalingo.url", ELSEWHERE)
    before = repo.config.read_bytes(), included.read_bytes()
    lock = repo.config.with_name("config.lock")
    lock.touch()

    assert run("add", "osc-fr1", "myapp", "--offline", "--force").status == 5
    assert (repo.config.read_bytes(), included.read_bytes()) == before
    lock.unlink()
    assert run("add", "osc-fr1", "myapp", "--offline", "--force").status == 0
    assert repo.push_urls() == [OSC_FR1]
    assert sorted(os.listdir(repo.config.parent)) == sorted({*os.listdir(repo.config.parent)} - {"config.lock"})


def test_a_mistyped_region_as_the_only_word(repo: Repo, run: Run, service: Service) -> None:
    """If no app is known either, the word is the app, but a warning names a region that is very close."""
    assert messages(run("url", "scw-pra"), "warning") == [
        "'scw-pra' is taken as the app; did you mean the region scw-par?"
    ]
    assert messages(run("url", "scw-app"), "warning") == []
