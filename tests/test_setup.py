"""`setup` makes the remotes that `.gitscalingo` declares; that file comes with a clone, so it cannot be trusted."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from account import Account
from conftest import ELSEWHERE, OSC_FR1, PAR, SECNUM, Repo, Result, Run, Service, git, refusal
from pasting import Paste, messages, printed
from ssh_server import Endpoint

STAGING = OSC_FR1.replace("myapp", "myapp-staging")
BOTH = '[remote "staging"]\n\tapp = myapp-staging\n\tregion = osc-fr1\n[remote "production"]\n\tapp = myapp\n'
EXAMPLE = ('[remote "scalingo"]', "    app = myapp")
TRUST = "hint: trust the host keys: git scalingo-region setup --trust\n"

Declare = Callable[[str], Path]


@pytest.fixture
def declare(repo: Repo) -> Declare:
    """Return a function that writes `.gitscalingo` at the top of the repository."""

    def write(text: str) -> Path:
        path = repo.path / ".gitscalingo"
        path.write_text(text)
        return path

    return write


def test_setup_makes_the_declared_remotes(
    declare: Declare, repo: Repo, run: Run, paste: Paste, service: Service
) -> None:
    """`setup` creates missing remotes as `git remote add` does and updates others; a second run changes nothing."""
    declare(f'{BOTH}[remote "other"]\n\tapp = myapp\n')
    repo.git("remote", "add", "staging", PAR)
    repo.git("remote", "add", "other", OSC_FR1)
    before = repo.config.read_text()
    repo.git("remote", "add", "production", OSC_FR1)
    expected = repo.config.read_text().replace(PAR, STAGING)
    repo.config.write_text(before)
    status = run("status")
    assert [line.split() for line in status.stdout.splitlines()[1:]] == [
        ["staging", "scw-par", "myapp", "differs", PAR],
        ["other", "osc-fr1", "myapp", "current", OSC_FR1],
        ["production", "-", "myapp", "missing"],
    ]
    assert printed(status) == ["git scalingo-region setup"]
    done = (
        "Updated remote 'staging'\n"
        f"  url     {PAR} -> {STAGING}\n"
        "  region  osc-fr1 (Place of osc-fr1), declared in .gitscalingo\n"
        f"  undo    git remote set-url staging {PAR}\n"
        "\n"
        "Created remote 'production'\n"
        f"  url     {OSC_FR1}\n"
        "  region  osc-fr1 (Place of osc-fr1), the default region\n"
        "\n"
        "2 remotes set up, 1 up to date\n"
    )
    planned = re.sub("  undo .*\n", "", done).replace("Updated", "Would update").replace("Created", "Would create")
    assert run("setup", "-n").stdout == planned.replace("set up", "to set up")
    assert run("setup") == Result(0, done, TRUST)
    assert repo.config.read_text() == expected
    assert run("setup") == Result(0, "3 declared remotes up to date\n", "")
    assert (run("status").status, repo.config.read_text()) == (0, expected)
    assert len(service.requests) == 1
    assert paste(f"git remote set-url staging {PAR}").returncode == 0
    assert repo.push_urls("staging") == [PAR]


def test_many_remotes_are_read_back_at_once(
    declare: Declare, repo: Repo, run: Run, service: Service, git_questions: list[tuple[str, ...]]
) -> None:
    """`setup` runs git as often for twenty declared remotes as for two."""
    counts = []
    for many in (2, 20):
        declare("".join(f'[remote "r{number}"]\n\tapp = app-{number}\n' for number in range(many)))
        assert run("setup", "-q").status == 0
        counts.append(len(git_questions))
        git_questions.clear()
    assert counts[0] == counts[1]
    assert repo.push_urls("r19") == [OSC_FR1.replace("myapp", "app-19")]


def test_setup_json(declare: Declare, repo: Repo, run: Run, account: Account) -> None:
    """`--json` lists each remote with its outcome and its undo; a run that changes nothing sends no request."""
    declare(BOTH)
    account.add_app("osc-fr1", "myapp")
    repo.git("remote", "add", "staging", OSC_FR1)
    staging: dict[str, object] = {
        "remote": "staging",
        "outcome": "updated",
        "app": "myapp-staging",
        "region": "osc-fr1",
        "region_source": "gitscalingo",
        "app_found": False,
        "url": STAGING,
        "previous_url": OSC_FR1,
        "undo": [f"git remote set-url staging {OSC_FR1}"],
    }
    production = staging | {"remote": "production", "outcome": "created", "app": "myapp", "region_source": "app"}
    production |= {"app_found": True, "url": OSC_FR1, "previous_url": None, "undo": []}
    warnings = ["this account sees no app named myapp-staging"]
    planned = {"remotes": [{**staging, "undo": []}, production], "dry_run": True, "warnings": warnings}
    assert run("setup", "--json", "-n").json == planned
    assert run("setup", "--json").json == {"remotes": [staging, production], "dry_run": False, "warnings": warnings}
    account.service.requests.clear()
    assert run("setup").stdout == "2 declared remotes up to date\n"
    assert run("status").status == 0
    assert account.asked == []


def test_only_the_remotes_named(declare: Declare, repo: Repo, run: Run, service: Service) -> None:
    """`setup REMOTE` makes only that remote and gives only its hints; a name that is not declared is an error."""
    declare(f'{BOTH}[remote "paris"]\n\tapp = myapp\n\tregion = scw-par\n')
    reason = ".gitscalingo does not declare 'test'"
    assert run("setup", "staging", "test") == refusal(2, reason, "it declares staging, production, paris")
    assert run("setup", "staging").stderr == TRUST.replace("--trust", "--trust staging")
    # `setup --trust` would fail for this region, so it is not advised.
    unknown = "ssh does not know the host key of ssh.scw-par.scalingo.com:22, and none is published"
    hint = f"{unknown}; to see its keys: git scalingo-region trust scw-par"
    assert messages(run("setup", "-n"), "hint")[-1] == hint
    assert messages(run("setup", "paris"), "hint") == [hint]
    assert repo.git("remote").split() == ["paris", "staging"]
    missing = ["production", "-", "myapp", "missing"]
    assert run("status", "production").stdout.splitlines()[1].split() == missing


def test_conflicts_are_reported_together(declare: Declare, repo: Repo, run: Run, service: Service) -> None:
    """Conflicting remotes are all reported and nothing changes; `--force` replaces them, but not a legacy one."""
    declare(BOTH + '[remote "third"]\n\tapp = third\n[remote "legacy"]\n\tapp = legacy\n')
    repo.git("remote", "add", "staging", ELSEWHERE)
    repo.git("remote", "add", "third", OSC_FR1)
    repo.git("remote", "set-url", "--add", "third", PAR)
    legacy = repo.path / ".git" / "remotes" / "legacy"
    legacy.parent.mkdir(exist_ok=True)
    legacy.write_text(f"URL: {ELSEWHERE}\n")
    before = repo.config.read_bytes()
    assert run("setup") == refusal(
        6,
        f"the remote 'staging' points elsewhere: {ELSEWHERE}; the remote 'third' has several urls: {OSC_FR1}, {PAR};"
        " the remote 'legacy' is defined by the file .git/remotes/legacy",
        "give it another name in .gitscalingo, or replace it with --force",
        "give it another name in .gitscalingo, or replace them all with --force",
        "give it another name in .gitscalingo",
    )
    status = run("status")
    assert status.stdout.splitlines()[2] == f"staging     osc-fr1  myapp-staging  differs  {ELSEWHERE}"
    refused = ("third", "staging", "legacy")
    why = [f"setup does not change '{name}'; to see why: git scalingo-region setup -n {name}" for name in refused]
    new = "set up what .gitscalingo declares: git scalingo-region setup production"
    assert messages(status, "hint") == [*why[:2], new, why[2]]
    assert (run("setup", "-n", "staging").status, run("setup", "--force").status) == (6, 6)
    assert repo.config.read_bytes() == before
    legacy.unlink()
    assert run("setup", "--force").status == 0
    assert repo.push_urls("staging") == [STAGING]


@pytest.mark.parametrize(
    ("script", "folder"),
    [
        ("mkdir -p 'repo/a b/c'; echo '[not this one' >'repo/a b/.gitscalingo'", "repo/a b/c"),
        ("git -C repo worktree add -q -b linked '../linked tree'", "linked tree"),
        ("git clone -q --bare repo bare.git; git -C bare.git update-ref refs/tags/HEAD HEAD~1", "bare.git/refs"),
    ],
)
def test_setup_from_anywhere(
    declare: Declare, repo: Repo, run: Run, tmp_path: Path, script: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From any folder, `setup` reads the file at the top of the work tree, or HEAD's file in a bare repository."""
    declare(BOTH)
    repo.git("add", ".gitscalingo")
    repo.commit()
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path / folder)
    done, status = run("setup", "--offline"), run("status", "--offline")
    assert (done.status, done.stdout.count("Created remote"), status.stdout.count("current")) == (0, 2, 2)
    assert git("remote", "get-url", "--push", "staging") == STAGING


def test_the_region_of_a_declared_remote(
    declare: Declare, repo: Repo, run: Run, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A remote's region is the first of: declared, the remote's own, the environment's, the app's, the default."""
    declare(
        '[remote "declared"]\napp = a\nregion = scw-par\n[remote "there"]\napp = a\n[remote "found"]\napp = found\n'
        '[remote "nowhere"]\napp = nowhere\n'
    )
    repo.git("remote", "add", "there", "ssh://git@ssh.osc-secnum-fr1.scalingo.com:22/a.git")
    account.add_app("scw-par", "a")
    account.add_app("scw-par", "found")
    shown = run("setup", "--json", "-n").json
    assert [(item["region"], item["region_source"], item["app_found"]) for item in shown["remotes"]] == [
        ("scw-par", "gitscalingo", True),
        ("osc-secnum-fr1", "existing-remote", None),
        ("scw-par", "app", True),
        ("osc-fr1", "default", False),
    ]
    assert shown["warnings"] == ["this account sees no app named nowhere"]
    monkeypatch.setenv("SCALINGO_REGION", "osc-secnum-fr1")
    selected = run("setup", "found", "there", "--json", "-n").json
    assert [item["region_source"] for item in selected["remotes"]] == ["environment", "existing-remote"]
    assert account.asked.count("/v1/tokens/exchange") == 2


TWICE = '[remote "x"]\napp = a\n{}[remote "x"]\napp = c\n{}'


@pytest.mark.parametrize(
    ("text", "declared"),
    [
        ('\ufeff[REMOTE "x"]\r\n\tAPP = "my"app ; c\r\n', ["x myapp default"]),
        (TWICE.format('[remote "y"]\napp = b\n', ""), ["x c default", "y b default"]),
        (TWICE.format("region = scw-par\n", "region =\n"), ["x c default"]),
        ("[remote.dotted]\napp = a\n", ["dotted a default"]),
        ('[remote "a/b"] # slash\n\tapp = a\n\tregion = scw-par\n', ["a/b a fallback"]),
    ],
)
def test_the_format_is_gits(declare: Declare, run: Run, text: str, declared: list[str]) -> None:
    """Comments, quotes, upper case and repeated sections mean the same in `.gitscalingo` as in git's own files."""
    declare(text)
    found = run("setup", "-n", "--offline", "--fallback", "--json").json["remotes"]
    assert [f"{item['remote']} {item['app']} {item['region_source']}" for item in found] == declared


APP, REGION, NAME = '[remote "x"]\napp = {}\n', '[remote "x"]\napp = a\nregion = {}\n', '[remote "{}"]\napp = a\n'
NO_APP = (
    "is not a valid app name: use lower-case letters, digits and single hyphens inside the name, at most 48 characters"
)
NO_REMOTE = "is not a valid remote name: use letters, digits, hyphens, dots and slashes, as in scalingo or team/staging"
NO_REGION = "is not a valid region name: expected one like osc-fr1\nhint: git scalingo-region list"
# What the file says, and why that is refused.
BAD = [
    *((APP.format(name), f": '{name}' {NO_APP}") for name in (ELSEWHERE, "-a")),
    (APP.format("\x1b[2J"), f": '\\x1b[2J' {NO_APP}"),
    (APP.format("a\\n"), f": 'a\\n' {NO_APP}"),
    (APP.format("ssh://evil.example/x"), f": 'ssh://evil.example/x' {NO_APP}\nhint: did you mean x?"),
    (APP.format(""), ": the app name is empty"),
    *((REGION.format(name), f": '{name}' {NO_REGION}") for name in ("-oProxyCommand=x", "--all", "h.example:22/")),
    *((NAME.format(name), f": '{name}' {NO_REMOTE}") for name in ("--upload-pack=id", "a b", "../x")),
    (NAME.format("\x1b]0;x\x07"), f": '\\x1b]0;x\\x07' {NO_REMOTE}"),
    (NAME.format(""), ": the remote name is empty"),
    ('[remote "x"]\n\tregion = osc-fr1\n', ": the remote 'x' has no app"),
    ('[remote "x"]\n\tapp\n', ": remote.x.app has no value"),
    ("[remote\n", " is not valid: bad config line 1"),
    ('[remote "x"]\n\tapp = "a\n', " is not valid: bad config line 2"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("text", "why"), BAD)
def test_a_bad_file_is_refused(
    declare: Declare, repo: Repo, run: Run, monkeypatch: pytest.MonkeyPatch, text: str, why: str
) -> None:
    """`setup` and `status` refuse bad names, bad syntax and a missing app, which SCALINGO_APP does not fill in."""
    declare(text)
    monkeypatch.setenv("SCALINGO_APP", "fromenv")
    before, expected = repo.config.read_bytes(), refusal(2, f".gitscalingo{why}")
    assert (run("setup", "--offline"), run("status", "--offline")) == (expected, expected)
    assert repo.config.read_bytes() == before


def test_a_file_that_declares_nothing_that_is_there(declare: Declare, run: Run, service: Service) -> None:
    """`setup`, but not `status`, refuses a file that declares no remote or an unknown region; it lists the regions."""
    for text in ("", "# nothing\n"):
        declare(text)
        assert run("setup") == refusal(5, ".gitscalingo declares no remote", *EXAMPLE)
        assert run("status").status == 0
    declare('[remote "x"]\n\tapp = a\n\tregion = nowhere\n')
    hints = ("the regions are osc-fr1, scw-par", "some regions are listed only with a token: set SCALINGO_API_TOKEN")
    assert run("setup") == refusal(3, "there is no region 'nowhere', which .gitscalingo names", *hints)
    assert run("status").status == 7


def test_no_file(run: Run, service: Service, repo: Repo) -> None:
    """Without `.gitscalingo`, the error shows an example, and `setup` works after it is pasted into the file."""
    reason = "there is no .gitscalingo at the top of this repository: commit one like this, or use setup --write"
    assert run("setup") == refusal(5, reason, *EXAMPLE)
    (repo.path / ".gitscalingo").write_text("\n".join(EXAMPLE) + "\n")
    assert run("setup").status == 0
    assert repo.push_urls() == [OSC_FR1]


def test_nothing_is_declared_in_a_new_bare_repository(run: Run) -> None:
    """In a bare repository without commits, `setup` finds no file, and `setup --write` refuses to make one."""
    git("init", "--quiet", "--bare")
    assert run("setup").status == 5
    reason = ".gitscalingo belongs in a work tree, and this repository has none"
    assert run("setup", "--write") == refusal(5, reason)


@pytest.mark.parametrize(
    "script", [f"printf '{BOTH!r}' >target; ln -s target", "ln -s target", "ln -s /dev/zero", "mkfifo", "mkdir"]
)
def test_what_is_no_regular_file_is_never_opened(repo: Repo, run: Run, script: str) -> None:
    """A link, a fifo or a folder named `.gitscalingo` is refused, and nothing hangs or is written through it."""
    repo.git("remote", "add", "scalingo", OSC_FR1)
    subprocess.run(["sh", "-ec", f"{script} .gitscalingo"], check=True)
    target = repo.path / "target"
    before = target.read_bytes() if target.exists() else b""
    for command in ("setup", "status", "setup --write"):
        result = run(*command.split(), "--offline")
        assert (result.status, result.stdout) == (5, "")
        assert "error: .gitscalingo is not a regular file" in result.stderr
    assert (target.read_bytes() if target.exists() else b"") == before


@pytest.mark.parametrize(
    "script",
    [
        *("ln -s /etc/passwd .gitscalingo; git add .", "mkdir .gitscalingo; touch .gitscalingo/x; git add ."),
        "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),.gitscalingo",
    ],
)
def test_only_a_regular_file_of_head_is_read(
    repo: Repo, run: Run, tmp_path: Path, script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a bare repository, a link, a folder or a submodule named `.gitscalingo` in HEAD is refused."""
    subprocess.run(["sh", "-ec", script], check=True)
    repo.commit()
    git("clone", "--quiet", "--bare", str(repo.path), str(tmp_path / "bare.git"))
    monkeypatch.chdir(tmp_path / "bare.git")
    assert run("setup") == refusal(5, ".gitscalingo is not a regular file in HEAD")


def test_a_large_file_is_refused(
    declare: Declare, repo: Repo, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of 1 MiB is accepted, and one that is a byte larger is refused, in a work tree and in HEAD."""
    text = BOTH + "#" * ((1 << 20) - len(BOTH))
    for content, large in ((text, False), (text + "#", True)):
        declare(content)
        repo.git("add", ".gitscalingo")
        repo.commit()
        bare = tmp_path / f"bare{large}.git"
        git("clone", "--quiet", "--bare", str(repo.path), str(bare))
        for folder in (repo.path, bare):
            monkeypatch.chdir(folder)
            result = run("setup", "-n", "--offline", "-q")
            why = ".gitscalingo is too large: it may have 1 MiB at most"
            assert result == (refusal(5, why) if large else Result(0, "", result.stderr))


def test_very_many_unknown_keys_take_no_time(declare: Declare, run: Run) -> None:
    """A file with 40,000 unknown keys cannot keep the program busy: reading it takes less than four seconds."""
    declare(BOTH + "[x]\n" + "".join(f"k{number}\n" for number in range(40_000)))
    begun = time.process_time()
    assert run("setup", "-n", "--offline").stderr.count("ignoring the unknown key") == 40_000
    assert time.process_time() - begun < 4


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_cannot_be_read_is_named(declare: Declare, run: Run) -> None:
    """If the file may not be read, the error names it and says why."""
    declare(BOTH).chmod(0)
    assert run("setup") == refusal(5, "cannot read .gitscalingo: Permission denied")


def test_only_names_count(declare: Declare, repo: Repo, run: Run, tmp_path: Path, service: Service) -> None:
    """Only apps and regions are read from the file; includes, urls and other keys are ignored with a warning."""
    (tmp_path / "more").write_text('[remote "evil"]\n\tapp = evil\n')
    declare(
        f'[include]\n\tpath = {tmp_path}/more\n[includeIf "gitdir:**"]\n\tpath = {tmp_path}/more\n'
        f'[remote "x"]\n\tapp = first\n\turl = {ELSEWHERE}\n\tregion = scw-par\n[alias]\n\tx = !touch x\n'
        '[core]\n\tsshCommand = touch x\n[remote "x"]\n\tapp = second\n[remote]\n\tapp = none\n'
    )
    result = run("setup")
    keys = ["include.path", "includeif.gitdir:**.path", "remote.x.url", "alias.x", "core.sshcommand", "remote.app"]
    assert messages(result, "warning") == [f".gitscalingo: ignoring the unknown key {key}" for key in keys]
    assert result.status == 0
    assert repo.git("remote") == "x"
    assert repo.push_urls("x") == ["ssh://git@ssh.scw-par.scalingo.com:22/second.git"]


NOTHING = "there is no Scalingo remote to declare"
LEFT_OUT = "warning: left out: the region of the remote 'gone' is unknown\n"
MOVE = "hint: if you know where gone is now, move 'gone' there: git scalingo-region add -r gone REGION gone\n"


def test_write_declares_the_remotes_there_are(repo: Repo, run: Run, service: Service, paste: Paste) -> None:
    """`--write` makes a file from which `setup` makes the same remotes; a second run leaves the file unchanged."""
    repo.git("remote", "add", "origin", ELSEWHERE)
    repo.git("remote", "add", "staging", STAGING)
    repo.git("remote", "add", "gone", "git@scalingo.com:gone.git")
    path = repo.path / ".gitscalingo"
    remotes = "  staging  myapp-staging in osc-fr1\n"
    assert run("setup", "--write", "-n") == Result(0, f"Would create .gitscalingo\n{remotes}", LEFT_OUT + MOVE)
    assert not path.exists()
    hint = "hint: commit it, so that everybody can run: git scalingo-region setup\n"
    assert run("setup", "--write") == Result(0, f"Created .gitscalingo\n{remotes}", LEFT_OUT + MOVE + hint)
    written = path.read_bytes()
    assert path.read_text() == '[remote "staging"]\n\tapp = myapp-staging\n\tregion = osc-fr1\n'
    (repo.path / "new").touch()
    assert path.stat().st_mode == (repo.path / "new").stat().st_mode
    again = run("setup", "--write", "--json").json
    assert (again["outcome"], again["file"], path.read_bytes()) == ("unchanged", ".gitscalingo", written)
    assert run("setup", "staging").stdout == "1 declared remote up to date\n"
    repo.git("remote", "remove", "staging")
    assert paste("git scalingo-region setup staging").returncode == 0
    assert repo.push_urls("staging") == [STAGING]


def test_write_declares_only_what_setup_would_make(declare: Declare, repo: Repo, run: Run, service: Service) -> None:
    """`--write` leaves out remotes that `setup` would refuse, and keeps comments, other sections and the mode."""
    text = '# ours\n[remote "staging"]\n\tapp = old ; why\n\tregion = osc-fr1\n[remote "other"]\n\tapp = other\n'
    path = declare(text)
    path.chmod(0o640)
    repo.git("remote", "add", "staging", STAGING)
    repo.git("remote", "add", "origin", ELSEWHERE)
    repo.git("remote", "set-url", "--push", "origin", OSC_FR1)
    reason = f"the remote 'origin' points elsewhere: {ELSEWHERE}"
    assert run("setup", "--write", "origin") == refusal(6, reason)
    assert run("setup", "--write", "--json").json == {
        "file": ".gitscalingo",
        "outcome": "updated",
        "remotes": [{"remote": "staging", "app": "myapp-staging", "region": "osc-fr1"}],
        "dry_run": False,
        "warnings": [f"left out: {reason}"],
    }
    assert path.read_text() == text.replace("old ; why", "myapp-staging")
    assert path.stat().st_mode & 0o777 == 0o640
    assert run("setup").status == 0


def test_write_of_a_region_that_this_account_does_not_see(repo: Repo, run: Run, account: Account) -> None:
    """`--write` declares a remote of a built-in region even if this account's list lacks the region."""
    account.service.regions.pop(1)
    repo.git("remote", "add", "scalingo", SECNUM)
    assert run("setup", "--write").stdout == "Created .gitscalingo\n  scalingo  myapp in osc-secnum-fr1\n"


@pytest.mark.parametrize(
    ("name", "url", "options", "result"),
    [
        ("origin", ELSEWHERE, "", refusal(5, NOTHING, "git scalingo-region add [REGION] APP")),
        ("gone", "git@scalingo.com:gone.git", "", Result(5, "", f"{LEFT_OUT}error: {NOTHING}\n{MOVE}")),
        ("a b", STAGING, "", refusal(2, f"'a b' {NO_REMOTE}")),
        ("origin", ELSEWHERE, "origin", refusal(6, f"the remote 'origin' is not Scalingo's: it points to {ELSEWHERE}")),
        ("origin", ELSEWHERE, "nothing", refusal(5, "there is no remote 'nothing'", "git remote -v")),
        ("origin", ELSEWHERE, "--trust", refusal(2, "--write and --trust cannot be used together")),
        ("origin", ELSEWHERE, "--force", refusal(2, "--write and --force cannot be used together")),
    ],
)
def test_what_cannot_be_written(
    declare: Declare, repo: Repo, run: Run, service: Service, name: str, url: str, options: str, result: Result
) -> None:
    """If `--write` cannot declare any remote, or if options conflict, it says why and leaves the file unchanged."""
    path = declare(old := '[remote "gone"]\n\tapp = old\n\tregion = osc-fr1\n')
    repo.git("config", f"remote.{name}.url", url)
    assert run("setup", "--write", *options.split()) == result
    assert path.read_text() == old


def test_trust(declare: Declare, repo: Repo, run: Run, endpoint: Endpoint, known_hosts: Path) -> None:
    """`--trust` makes the remotes, and then trusts each region's host key once; a second run changes nothing."""
    declare(BOTH)
    endpoint.publish("ed25519")
    planned = run("setup", "--trust", "-n")
    assert (planned.status, known_hosts.exists()) == (0, False)
    done = run("setup", "--trust")
    key = endpoint.key()
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout.endswith(
        "\n2 remotes set up\n\n"
        f"Trusted the host key of {endpoint.ssh}\n"
        f"  ssh-ed25519  {key.fingerprint} (added)\n"
        "  region       osc-fr1\n"
        f"  file         {known_hosts}\n"
        "  source       Scalingo's documentation of 2026-01-02\n"
    )
    assert known_hosts.read_text() == endpoint.line()
    assert run("add", "osc-fr1", "other", "-r", "more").stderr == ""  # nothing is left to do about the host key
    again = run("setup", "--trust", "--json").json
    # With one region, the JSON has the same form as with several.
    assert [item["outcome"] for item in (*again["remotes"], *again["trust"]["hosts"])] == ["unchanged"] * 3


def test_trust_that_fails(declare: Declare, repo: Repo, run: Run, endpoint: Endpoint) -> None:
    """If a host key cannot be trusted, `setup --trust` ends with the status of `trust`, but makes the remotes."""
    declare(BOTH)
    for options, status, why in (
        (["--trust"], 7, f"nothing vouches for the host key of {endpoint.ssh}: there is no published fingerprint"),
        (["--trust", "--offline"], 4, f"cannot ask {endpoint.ssh} for its key: --offline"),
    ):
        result = run("setup", *options)
        assert (result.status, result.stdout.startswith("Created remote 'staging'\n")) == (status, True)
        assert result.stdout.endswith("\n2 remotes set up\n")
        assert why in messages(result, "warning")
        key = f"{endpoint.ssh} offers ssh-ed25519 {endpoint.key().fingerprint}"
        assert (key in messages(result, "hint")) == (status == 7)
        answer = run("setup", *options, "--json").json
        assert answer["trust"]["error"]["kind"] == ("host-key" if status == 7 else "service")
        assert repo.git("remote").split() == ["production", "staging"]
        for name in ("production", "staging"):
            repo.git("remote", "remove", name)
