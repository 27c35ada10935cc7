"""`setup`: the remotes that `.gitscalingo` declares, a file that comes with a clone, so that nobody vouches for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from account import Account, account
from conftest import OSC_FR1, Repo, Run, Service, git
from pasting import Paste, messages, paste, printed
from ssh_server import Endpoint, client_key, endpoint, make_host_key, needs_ssh_server

__all__ = ["account", "client_key", "endpoint", "make_host_key", "paste"]

STAGING = OSC_FR1.replace("myapp", "myapp-staging")
PAR = "ssh://git@ssh.scw-par.scalingo.com:22/myapp.git"
ELSEWHERE = "git@github.com:me/myapp.git"
BOTH = '[remote "staging"]\n\tapp = myapp-staging\n\tregion = osc-fr1\n[remote "production"]\n\tapp = myapp\n'
EXAMPLE = 'hint: [remote "scalingo"]\nhint:     app = myapp\n'
TRUST = "hint: make ssh know the host keys: git scalingo-region setup --trust\n"

Declare = Callable[[str], Path]


@pytest.fixture
def declare(repo: Repo) -> Declare:
    """Return a function that writes `.gitscalingo` at the top of the repository."""

    def write(text: str) -> Path:
        path = repo.path / ".gitscalingo"
        path.write_text(text)
        return path

    return write


# --- making the remotes ----------------------------------------------------------------------------------------------


def test_setup_makes_the_declared_remotes(declare: Declare, repo: Repo, run: Run, service: Service) -> None:
    """All remotes are made in one step, as `git remote add` would; the second run changes nothing."""
    declare(BOTH)
    before = repo.config.read_bytes()
    repo.git("remote", "add", "staging", STAGING)
    repo.git("remote", "add", "production", OSC_FR1)
    expected = repo.config.read_bytes()
    repo.config.write_bytes(before)

    planned, done, again = (run("setup", *more) for more in (["-n"], [], []))

    assert planned.stdout == (
        "Would create remote 'staging'\n"
        f"  url     {STAGING}\n"
        "  region  osc-fr1 (Place of osc-fr1), declared in .gitscalingo\n"
        "\n"
        "Would create remote 'production'\n"
        f"  url     {OSC_FR1}\n"
        "  region  osc-fr1 (Place of osc-fr1), the default region\n"
        "\n"
        "2 remotes to set up\n"
    )
    assert (done.status, done.stdout, done.stderr) == (
        0,
        planned.stdout.replace("Would create", "Created").replace("to set up", "set up"),
        TRUST,
    )
    assert repo.config.read_bytes() == expected
    assert (again.status, again.stdout, again.stderr) == (0, "2 declared remotes up to date\n", "")
    assert repo.config.read_bytes() == expected
    assert len(service.requests) == 1


def test_many_remotes_are_read_back_at_once(
    declare: Declare, repo: Repo, run: Run, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many remotes are declared, `setup` asks git as few questions as for two."""
    from git_scalingo_region.repository import git

    asked: list[tuple[str, ...]] = []
    original = git.ask

    def counted(*arguments: str, given: bytes = b"") -> git.Answer:
        asked.append(arguments)
        return original(*arguments, given=given)

    monkeypatch.setattr(git, "ask", counted)
    counts = []
    for many in (2, 20):
        declare("".join(f'[remote "r{number}"]\n\tapp = app-{number}\n' for number in range(many)))
        assert run("setup", "-q").status == 0
        counts.append(len(asked))
        asked.clear()
    assert counts[0] == counts[1]
    assert repo.push_urls("r19") == [OSC_FR1.replace("myapp", "app-19")]


def test_setup_json(declare: Declare, repo: Repo, run: Run, service: Service) -> None:
    """`--json` lists every remote with its outcome, and how to undo an update."""
    declare(BOTH)
    repo.git("remote", "add", "staging", OSC_FR1)
    remotes: list[dict[str, object]] = [
        {
            "remote": "staging",
            "outcome": "updated",
            "app": "myapp-staging",
            "region": "osc-fr1",
            "region_source": "gitscalingo",
            "app_found": None,
            "url": STAGING,
            "previous_url": OSC_FR1,
            "undo": [f"git remote set-url staging {OSC_FR1}"],
        },
        {
            "remote": "production",
            "outcome": "created",
            "app": "myapp",
            "region": "osc-fr1",
            "region_source": "default",
            "app_found": None,
            "url": OSC_FR1,
            "previous_url": None,
            "undo": [],
        },
    ]

    planned, done = run("setup", "--json", "-n").json, run("setup", "--json").json

    assert planned == {"remotes": [{**remotes[0], "undo": []}, remotes[1]], "dry_run": True, "warnings": []}
    assert done == {"remotes": remotes, "dry_run": False, "warnings": []}


def test_setup_updates_what_differs(declare: Declare, repo: Repo, run: Run, paste: Paste, service: Service) -> None:
    """A Scalingo remote becomes what is declared, even if it is in another region; its undo takes that back."""
    declare(BOTH)
    repo.git("remote", "add", "staging", PAR)
    repo.git("remote", "add", "production", PAR)

    status, done = run("status"), run("setup")

    assert status.stdout.splitlines()[1:] == [
        f"staging     scw-par  myapp  differs  {PAR}",
        f"production  scw-par  myapp  current  {PAR}",
    ]
    assert printed(status) == ["git scalingo-region setup"]
    assert done.stdout == (
        "Updated remote 'staging'\n"
        f"  url     {PAR} -> {STAGING}\n"
        "  region  osc-fr1 (Place of osc-fr1), declared in .gitscalingo\n"
        f"  undo    git remote set-url staging {PAR}\n"
        "\n"
        "1 remote set up, 1 up to date\n"
    )
    assert run("status").status == 0
    assert paste(printed(done)[0]).returncode == 0
    assert repo.push_urls("staging") == [PAR]


def test_only_the_remotes_named(declare: Declare, repo: Repo, run: Run, service: Service) -> None:
    """REMOTE selects declared remotes; one that is not declared is a usage error that names those that are."""
    declare(BOTH)

    unknown = run("setup", "staging", "test")
    assert (unknown.status, unknown.stderr) == (
        2,
        "error: .gitscalingo does not declare 'test'\nhint: it declares staging, production\n",
    )
    assert run("setup", "production", "-q").stdout == ""
    assert repo.git("remote") == "production"
    assert run("status", "staging").stdout.splitlines()[1].split() == ["staging", "osc-fr1", "myapp-staging", "missing"]


def test_conflicts_are_reported_together(declare: Declare, repo: Repo, run: Run, service: Service) -> None:
    """If any remote is not Scalingo's, all of them are named and nothing is changed; `--force` replaces them."""
    declare(BOTH + '[remote "third"]\n\tapp = third\n[remote "legacy"]\n\tapp = legacy\n')
    repo.git("remote", "add", "staging", ELSEWHERE)
    repo.git("remote", "add", "third", OSC_FR1)
    repo.git("remote", "set-url", "--add", "third", PAR)
    legacy = repo.path / ".git" / "remotes" / "legacy"
    legacy.parent.mkdir(exist_ok=True)
    legacy.write_text(f"URL: {ELSEWHERE}\n")
    before = repo.config.read_bytes()

    result = run("setup")

    assert (result.status, result.stdout, result.stderr) == (
        6,
        "",
        (
            f"error: the remote 'staging' points elsewhere: {ELSEWHERE};"
            f" the remote 'third' has several urls: {OSC_FR1}, {PAR};"
            " the remote 'legacy' is defined by the file .git/remotes/legacy\n"
            "hint: give it another name in .gitscalingo, or replace it with --force\n"
            "hint: give it another name in .gitscalingo, or replace them all with --force\n"
            "hint: give it another name in .gitscalingo\n"
        ),
    )
    assert repo.config.read_bytes() == before
    assert run("status").stdout.splitlines()[2:3] == [f"staging     osc-fr1  myapp-staging  differs  {ELSEWHERE}"]
    assert messages(run("status"), "hint")[-1] == (
        "'staging' is not Scalingo's; to see what keeps setup from changing it: git scalingo-region setup -n staging"
    )
    assert run("setup", "-n", "staging").status == 6
    assert run("setup", "--force").status == 6
    assert repo.config.read_bytes() == before
    legacy.unlink()
    assert run("setup", "--force").status == 0
    assert repo.push_urls("staging") == [STAGING]


def test_setup_from_anywhere(repo: Repo, tmp_path: Path, paste: Paste, declare: Declare) -> None:
    """The file at the top counts in a subfolder and in a worktree, and that of HEAD in a bare repository."""
    declare(BOTH)
    repo.git("add", ".gitscalingo")
    repo.commit()
    (repo.path / "a" / "b").mkdir(parents=True)
    (repo.path / "a" / ".gitscalingo").write_text("[nothing]\n")
    git("clone", "--quiet", str(repo.path), str(tmp_path / "clone"))
    git("worktree", "add", "--quiet", str(tmp_path / "tree"), cwd=tmp_path / "clone")
    git("clone", "--quiet", "--bare", str(repo.path), str(tmp_path / "bare.git"))

    for folder, path in ((repo.path / "a" / "b",) * 2, (tmp_path / "tree",) * 2, (tmp_path / "bare.git",) * 2):
        done = paste(f"cd '{folder}' && git scalingo-region setup --offline && git scalingo-region status --offline")
        assert (done.returncode, done.stdout.count("Created remote"), done.stdout.count("current")) == (0, 2, 2)
        assert git("remote", "get-url", "--push", "staging", cwd=path) == STAGING


# --- which region, where the app is ----------------------------------------------------------------------------------


def test_the_region_of_a_declared_remote(
    declare: Declare, repo: Repo, run: Run, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The declared region, else that of the remote, the environment, where the app is, the default."""
    declare(
        '[remote "declared"]\napp = a\nregion = scw-par\n[remote "there"]\napp = a\n[remote "found"]\napp = found\n'
        '[remote "nowhere"]\napp = nowhere\n'
    )
    repo.git("remote", "add", "there", "ssh://git@ssh.osc-secnum-fr1.scalingo.com:22/a.git")
    account.add_app("scw-par", "a")
    account.add_app("scw-par", "found")

    shown = run("setup", "--json", "-n").json
    monkeypatch.setenv("SCALINGO_REGION", "osc-secnum-fr1")
    selected = run("setup", "found", "there", "--json", "-n").json

    assert [(item["region"], item["region_source"], item["app_found"]) for item in shown["remotes"]] == [
        ("scw-par", "gitscalingo", True),
        ("osc-secnum-fr1", "existing-remote", None),
        ("scw-par", "app", True),
        ("osc-fr1", "default", False),
    ]
    assert shown["warnings"] == ["this account sees no app named nowhere"]
    assert [item["region_source"] for item in selected["remotes"]] == ["environment", "existing-remote"]
    assert account.asked.count("/v1/tokens/exchange") == 2


def test_a_warm_setup_asks_nobody(declare: Declare, run: Run, account: Account) -> None:
    """A run that changes nothing makes no request."""
    declare(BOTH)
    account.add_app("osc-fr1", "myapp")
    account.add_app("osc-fr1", "myapp-staging")
    assert run("setup").status == 0
    account.service.requests.clear()

    assert run("setup").stdout == "2 declared remotes up to date\n"
    assert run("status").status == 0
    assert account.asked == []


# --- what is refused -------------------------------------------------------------------------------------------------

# The file, the exit status, and what is said.
BAD = {
    "empty": ("", 5, f"error: .gitscalingo declares no remote\n{EXAMPLE}"),
    "only comments": ("# nothing\n", 5, f"error: .gitscalingo declares no remote\n{EXAMPLE}"),
    "no app": (
        '[remote "x"]\n\tregion = osc-fr1\n',
        2,
        "error: .gitscalingo: the remote 'x' has no app\n",
    ),
    "an app without a value": ('[remote "x"]\n\tapp\n', 2, "error: .gitscalingo: remote.x.app has no value\n"),
    "an empty app": ('[remote "x"]\n\tapp =\n', 2, "error: .gitscalingo: the app name is empty\n"),
    "a bad app": (
        '[remote "x"]\n\tapp = My_App\n',
        2,
        (
            "error: .gitscalingo: 'My_App' is not a valid app name: use lower-case letters, digits and single hyphens"
            " inside the name, at most 48 characters\nhint: did you mean my-app?\n"
        ),
    ),
    "a url": (
        f'[remote "x"]\n\tapp = {ELSEWHERE}\n',
        2,
        (
            f"error: .gitscalingo: '{ELSEWHERE}' is not a valid app name: use lower-case letters, digits and single"
            " hyphens inside the name, at most 48 characters\n"
        ),
    ),
    "a bad region": (
        '[remote "x"]\n\tapp = a\n\tregion = -oProxyCommand=x\n',
        2,
        (
            "error: .gitscalingo: '-oProxyCommand=x' is not a valid region name: expected one like osc-fr1\n"
            "hint: git scalingo-region list\n"
        ),
    ),
    "an unknown region": (
        '[remote "x"]\n\tapp = a\n\tregion = nowhere\n',
        3,
        (
            "error: there is no region 'nowhere', which .gitscalingo names\n"
            "hint: the regions are osc-fr1, scw-par\n"
            "hint: some regions are listed only with a token: set SCALINGO_API_TOKEN\n"
        ),
    ),
    "a bad remote": (
        '[remote "-oProxyCommand=x"]\n\tapp = a\n',
        2,
        (
            "error: .gitscalingo: '-oProxyCommand=x' is not a valid remote name: use letters, digits, hyphens, dots and"
            " slashes, as in scalingo or team/staging\n"
        ),
    ),
    "an escape in a name": (
        '[remote "\x1b[2J"]\n\tapp = a\n',
        2,
        (
            "error: .gitscalingo: '\\x1b[2J' is not a valid remote name: use letters, digits, hyphens, dots and"
            " slashes, as in scalingo or team/staging\n"
        ),
    ),
    "a syntax error": ("[remote\n", 2, "error: .gitscalingo is not valid: bad config line 1\n"),
    "huge": ("#" * (1 << 20) + "\n", 5, "error: .gitscalingo is too large: it may have 1 MiB at most\n"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file(
    declare: Declare, repo: Repo, run: Run, service: Service, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """A bad file is an error that names it, in `setup` and, but for an unknown region, in `status`."""
    text, status, error = BAD[case]
    declare(text)
    monkeypatch.setenv("SCALINGO_APP", "fromenv")
    before = repo.config.read_bytes()

    result = run("setup")

    assert (result.status, result.stdout, result.stderr) == (status, "", error)
    assert repo.config.read_bytes() == before
    harmless = {"empty": 0, "only comments": 0, "an unknown region": 7}
    assert run("status").status == harmless.get(case, status)


def test_no_file(run: Run, service: Service, repo: Repo) -> None:
    """Without a file the error shows the lines that make one; they do, pasted into the file."""
    result = run("setup")

    assert (result.status, result.stdout, result.stderr) == (
        5,
        "",
        (
            "error: there is no .gitscalingo at the top of this repository:"
            f" commit one like this, or use setup --write\n{EXAMPLE}"
        ),
    )
    (repo.path / ".gitscalingo").write_text("\n".join(messages(result, "hint")) + "\n")
    assert run("setup").status == 0
    assert repo.push_urls() == [OSC_FR1]


@pytest.mark.parametrize("kind", ["link", "broken link", "fifo", "folder"])
@pytest.mark.parametrize("command", ["setup", "status", "setup --write"])
def test_what_is_no_regular_file_is_never_opened(
    repo: Repo, program: Run, tmp_path: Path, kind: str, command: str
) -> None:
    """A link, a fifo or a folder in the file's place is refused, and nothing hangs or is written through it."""
    path, target = repo.path / ".gitscalingo", tmp_path / "target"
    repo.git("remote", "add", "scalingo", OSC_FR1)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(target)
        if kind == "link":
            target.write_text(BOTH)

    result = program(*command.split(), "--offline", timeout=30)

    assert (result.status, result.stdout) == (5, "")
    assert "error: .gitscalingo is not a regular file" in result.stderr
    assert not target.exists() or target.read_text() == BOTH


def test_a_link_in_a_bare_repository(repo: Repo, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In HEAD, too, only a regular file counts."""
    (repo.path / ".gitscalingo").symlink_to("/etc/passwd")
    repo.git("add", ".gitscalingo")
    repo.commit()
    git("clone", "--quiet", "--bare", str(repo.path), str(tmp_path / "bare.git"))
    monkeypatch.chdir(tmp_path / "bare.git")

    assert run("setup").stderr == "error: .gitscalingo is not a regular file in HEAD\n"
    assert run("setup", "--write").stderr == (
        "error: .gitscalingo belongs in a work tree, and this repository has none\n"
    )


def test_only_names_count(declare: Declare, repo: Repo, run: Run, tmp_path: Path, service: Service) -> None:
    """Nothing is included, a url is an unknown key, and the last of two sections of one name counts."""
    (tmp_path / "more").write_text('[remote "evil"]\n\tapp = evil\n')
    declare(
        f'[include]\n\tpath = {tmp_path}/more\n[includeIf "gitdir:**"]\n\tpath = {tmp_path}/more\n'
        f'[remote "x"]\n\tapp = first\n\turl = {ELSEWHERE}\n\tregion = scw-par\n[alias]\n\tx = !touch x\n'
        '[core]\n\tsshCommand = touch x\n[remote "x"]\n\tapp = second\n[remote]\n\tapp = none\n'
    )

    result = run("setup")

    assert messages(result, "warning") == [
        f".gitscalingo: ignoring the unknown key {key}"
        for key in (
            "include.path",
            "includeif.gitdir:**.path",
            "remote.x.url",
            "alias.x",
            "core.sshcommand",
            "remote.app",
        )
    ]
    assert result.status == 0
    assert repo.git("remote") == "x"
    assert repo.push_urls("x") == ["ssh://git@ssh.scw-par.scalingo.com:22/second.git"]


# --- --write ---------------------------------------------------------------------------------------------------------


def test_write_declares_the_remotes_there_are(repo: Repo, run: Run, service: Service, paste: Paste) -> None:
    """`--write` makes a file from which `setup` makes the same remotes, and says the same again without a change."""
    repo.git("remote", "add", "origin", ELSEWHERE)
    repo.git("remote", "add", "staging", STAGING)
    repo.git("remote", "add", "gone", "git@scalingo.com:gone.git")
    path = repo.path / ".gitscalingo"
    remotes = "  staging  myapp-staging in osc-fr1\n"
    warning = "warning: leaving out the remote 'gone': its region is unknown\n"
    move = "hint: if you know where gone is now, move 'gone' there: git scalingo-region add -r gone REGION gone\n"

    planned = run("setup", "--write", "-n")
    assert (planned.stdout, planned.stderr) == (f"Would create .gitscalingo\n{remotes}", warning + move)
    assert not path.exists()
    done = run("setup", "--write")
    assert (done.status, done.stdout, done.stderr) == (
        0,
        f"Created .gitscalingo\n{remotes}",
        f"{warning}{move}hint: commit it, and everybody sets up with: git scalingo-region setup\n",
    )
    written = path.read_bytes()
    assert path.read_text() == '[remote "staging"]\n\tapp = myapp-staging\n\tregion = osc-fr1\n'
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask()
    again = run("setup", "--write", "--json").json
    assert (again["outcome"], again["file"], path.read_bytes()) == ("unchanged", ".gitscalingo", written)
    assert run("setup", "staging").stdout == "1 declared remote up to date\n"
    repo.git("remote", "remove", "staging")
    assert paste("git scalingo-region setup staging").returncode == 0
    assert repo.push_urls("staging") == [STAGING]


def umask() -> int:
    """Return the process's umask."""
    current = os.umask(0)
    os.umask(current)
    return current


def test_write_keeps_the_rest_of_the_file(declare: Declare, repo: Repo, run: Run, service: Service) -> None:
    """Only app and region of the remotes change; comments, other sections and the mode stay."""
    text = '# ours\n[remote "staging"]\n\tapp = old ; why\n\tregion = osc-fr1\n[remote "other"]\n\tapp = other\n'
    path = declare(text)
    path.chmod(0o640)
    repo.git("remote", "add", "staging", STAGING)

    result = run("setup", "--write", "--json")

    assert result.json == {
        "file": ".gitscalingo",
        "outcome": "updated",
        "remotes": [{"remote": "staging", "app": "myapp-staging", "region": "osc-fr1"}],
        "dry_run": False,
        "warnings": [],
    }
    assert path.read_text() == text.replace("old ; why", "myapp-staging")
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("declared", ["", '[remote "gone"]\n\tapp = old\n\tregion = osc-fr1\n'])
def test_write_of_a_remote_whose_region_is_gone(
    declare: Declare, repo: Repo, run: Run, service: Service, declared: str
) -> None:
    """Without its region a remote is not declared: in a new clone, `setup` would put it into the default region."""
    path = declare(declared)
    repo.git("remote", "add", "gone", "git@scalingo.com:gone.git")

    result = run("setup", "--write")

    assert (result.status, result.stderr) == (
        5,
        (
            "warning: leaving out the remote 'gone': its region is unknown\n"
            "error: there is no Scalingo remote to declare\n"
            "hint: if you know where gone is now, move 'gone' there: git scalingo-region add -r gone REGION gone\n"
        ),
    )
    assert path.read_text() == declared


def test_write_of_a_region_that_this_account_does_not_see(repo: Repo, run: Run, account: Account) -> None:
    """Such a region is still there, so the remote is declared with it."""
    repo.git("remote", "add", "scalingo", "ssh://git@ssh.osc-secnum-fr1.scalingo.com:22/myapp.git")

    assert run("setup", "--write").stdout == "Created .gitscalingo\n  scalingo  myapp in osc-secnum-fr1\n"


def test_write_declares_no_remote_that_setup_would_refuse(repo: Repo, run: Run, service: Service) -> None:
    """A remote whose name `.gitscalingo` cannot hold is an error: the file would be one that nobody can use."""
    repo.git("config", "remote.a b.url", STAGING)

    result = run("setup", "--write")

    assert (result.status, messages(result, "error")[0].partition(":")[0]) == (2, "'a b' is not a valid remote name")
    assert not (repo.path / ".gitscalingo").exists()


@pytest.mark.parametrize(
    ("line", "status", "error"),
    [
        ("setup --write", 5, "there is no Scalingo remote to declare"),
        ("setup --write origin", 6, f"the remote 'origin' is not Scalingo's: it points to {ELSEWHERE}"),
        ("setup --write nothing", 5, "there is no remote 'nothing'"),
        ("setup --write --trust", 2, "--write and --trust cannot be used together"),
        ("setup --write --force", 2, "--write and --force cannot be used together"),
    ],
)
def test_what_cannot_be_written(repo: Repo, run: Run, service: Service, line: str, status: int, error: str) -> None:
    """Without a Scalingo remote, or for what is none, there is nothing to write."""
    repo.git("remote", "add", "origin", ELSEWHERE)

    result = run(*line.split())

    assert (result.status, messages(result, "error")) == (status, [error])
    assert not (repo.path / ".gitscalingo").exists()


# --- --trust ---------------------------------------------------------------------------------------------------------


@needs_ssh_server
def test_trust(
    declare: Declare, repo: Repo, run: Run, endpoint: Endpoint, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--trust` makes the remotes, and then trusts each region's host key once; the second run finds all in place."""
    declare(BOTH)
    endpoint.publish(monkeypatch, "ed25519")
    known_hosts = home / ".ssh" / "known_hosts"

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
        "  source       the platform's documentation of 2026-01-02\n"
    )
    assert known_hosts.read_text() == endpoint.line()
    again = run("setup", "--trust", "--json").json
    assert [item["outcome"] for item in again["remotes"]] == ["unchanged"] * 2
    # One region is written like several.
    assert [host["outcome"] for host in again["trust"]["hosts"]] == ["unchanged"]


@needs_ssh_server
def test_trust_that_fails(declare: Declare, repo: Repo, run: Run, endpoint: Endpoint, home: Path) -> None:
    """If a key cannot be trusted the status is that of `trust`, and the remotes have been made all the same."""
    declare(BOTH)

    result = run("setup", "--trust")

    assert result.status == 7
    assert result.stdout.startswith("Created remote 'staging'\n")
    assert result.stdout.endswith("\n2 remotes set up\n")
    assert f"warning: nothing vouches for the host key of {endpoint.ssh}" in result.stderr
    assert f"hint: {endpoint.ssh} offers ssh-ed25519 {endpoint.key().fingerprint}\n" in result.stderr
    assert run("setup", "--trust", "--json").json["trust"]["error"]["kind"] == "host-key"
    assert repo.git("remote").split() == ["production", "staging"]


def test_trust_offline(declare: Declare, repo: Repo, run: Run) -> None:
    """Offline no host is asked: exit 4, with the remotes made and shown."""
    declare(BOTH)

    result = run("setup", "--trust", "--offline")

    assert result.status == 4
    assert result.stdout.endswith("\n2 remotes set up\n")
    assert "warning: ssh.osc-fr1.scalingo.com:22 cannot be reached: --offline\n" in result.stderr
    assert repo.git("remote").split() == ["production", "staging"]


def test_the_advice_about_host_keys_is_about_the_remotes_that_were_set_up(
    declare: Declare, repo: Repo, run: Run, service: Service
) -> None:
    """The command makes no remote that was not named; if no fingerprint is published, it would fail, and is not it."""
    declare(f'{BOTH}[remote "paris"]\n\tapp = myapp\n\tregion = scw-par\n')

    named, unpublished = run("setup", "staging"), run("setup", "paris")

    assert named.stderr == TRUST.replace("--trust", "--trust staging")
    unknown = "ssh does not know the host key of ssh.scw-par.scalingo.com:22, and none is published"
    assert messages(unpublished, "hint") == [f"{unknown}; to see its keys: git scalingo-region trust scw-par"]


def test_write_declares_only_what_setup_would_make(repo: Repo, run: Run) -> None:
    """A remote that is fetched from elsewhere is left out: every clone has an `origin`, and would meet a conflict."""
    repo.git("remote", "add", "origin", ELSEWHERE)
    repo.git("remote", "set-url", "--push", "origin", OSC_FR1)
    repo.git("remote", "add", "scalingo", OSC_FR1)

    named, written = run("setup", "--write", "origin", "--offline"), run("setup", "--write", "--offline")

    reason = f"the remote 'origin' points elsewhere: {ELSEWHERE}"
    assert (named.status, messages(named, "error")) == (6, [reason])
    assert messages(written, "warning")[1:] == [f"left out of .gitscalingo: {reason}"]
    assert (repo.path / ".gitscalingo").read_text() == '[remote "scalingo"]\n\tapp = myapp\n\tregion = osc-fr1\n'
    assert run("setup", "--offline").status == 0
