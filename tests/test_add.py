"""`add`, in real repositories."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from conftest import OSC_FR1, SECNUM, Repo, Run, Service, git

SCP_FORM = "git@ssh.osc-fr1.scalingo.com:myapp.git"
OLD = "git@scalingo.com:myapp.git"
ELSEWHERE = "git@github.com:me/myapp.git"


def test_creates_the_remote_as_git_remote_add_would(repo: Repo, run: Run) -> None:
    """The configuration file becomes, byte for byte, what `git remote add` makes of it."""
    before = repo.config.read_bytes()
    repo.git("remote", "add", "scalingo", OSC_FR1)
    expected = repo.config.read_bytes()
    repo.config.write_bytes(before)

    result = run("add", "osc-fr1", "myapp", "--offline")

    assert result.stdout == (
        "Created remote 'scalingo'\n"
        f"  url     {OSC_FR1}\n"
        "  region  osc-fr1 (Paris - Outscale), given as an argument\n"
        "  next    git push scalingo main\n"
    )
    assert result.stderr == (
        "warning: offline; using the built-in list of regions (the platform's documentation of 2026-01-02)\n"
        "hint: ssh does not know the host key of ssh.osc-fr1.scalingo.com:22 yet: git scalingo-region trust osc-fr1\n"
    )
    assert result.status == 0
    assert repo.config.read_bytes() == expected


@pytest.mark.parametrize("spelling", [OSC_FR1, SCP_FORM, "ssh://git@ssh.osc-fr1.scalingo.com/myapp.git"])
def test_leaves_an_equal_remote_alone(repo: Repo, run: Run, spelling: str) -> None:
    """A remote that is the same place in any spelling is unchanged, and so is every byte of the configuration."""
    repo.git("remote", "add", "scalingo", spelling)
    before = repo.config.read_bytes(), repo.config.stat().st_mtime_ns

    result = run("add", "osc-fr1", "myapp", "--offline")

    assert result.stdout.startswith("Remote 'scalingo' is up to date\n")
    assert result.status == 0
    assert (repo.config.read_bytes(), repo.config.stat().st_mtime_ns) == before


def test_updates_the_url_and_nothing_else(repo: Repo, run: Run) -> None:
    """An update changes the value of `url` in its line: comments, order, other settings and the mode stay."""
    template = (
        '# mine\n[remote "scalingo"]\n\tpush = HEAD:main ; deploy\n\tURL={}   # the old endpoint\n'
        "\tfetch = +refs/heads/*:refs/remotes/x/*\n[alias]\n    co = checkout\n"
    )
    repo.config.write_text(repo.config.read_text() + template.format(OLD))
    repo.config.chmod(0o640)
    expected = repo.config.read_text().replace(OLD, OSC_FR1)

    result = run("add", "osc-fr1", "myapp", "--offline")

    assert result.stdout == (
        "Updated remote 'scalingo'\n"
        f"  url     {OLD} -> {OSC_FR1}\n"
        "  region  osc-fr1 (Paris - Outscale), given as an argument\n"
        f"  undo    git remote set-url scalingo {OLD}\n"
        "  next    git push scalingo main\n"
    )
    assert repo.config.read_text() == expected
    assert repo.config.stat().st_mode & 0o777 == 0o640


def test_undo_brings_the_old_configuration_back(repo: Repo, run: Run) -> None:
    """The command that an update prints restores what git saw before."""
    repo.git("remote", "add", "scalingo", OLD)
    repo.git("remote", "set-url", "--push", "scalingo", "git@scalingo.com:myapp.git")
    before = repo.git("config", "--list")

    result = run("add", "osc-fr1", "myapp", "--offline")
    undo = next(line for line in result.stdout.splitlines() if line.startswith("  undo")).removeprefix("  undo    ")

    assert repo.push_urls() == [OSC_FR1]
    assert repo.git("config", "--list") != before
    subprocess.run(undo, shell=True, check=True, cwd=repo.path)
    assert repo.git("config", "--list") == before


def test_undo_of_a_forced_update_restores_several_urls(repo: Repo, run: Run) -> None:
    """Several urls and pushurls that `--force` replaces come back by the command printed."""
    repo.git("remote", "add", "scalingo", ELSEWHERE)
    repo.git("remote", "set-url", "--add", "scalingo", "other:x y.git")
    repo.git("remote", "set-url", "--add", "--push", "scalingo", "push:a.git")
    repo.git("remote", "set-url", "--add", "--push", "scalingo", "push:b.git")
    before = sorted(repo.git("config", "--list").splitlines())

    result = run("add", "osc-fr1", "myapp", "--offline", "--force")
    undo = next(line for line in result.stdout.splitlines() if line.startswith("  undo")).removeprefix("  undo    ")

    assert repo.push_urls() == [OSC_FR1]
    subprocess.run(undo, shell=True, check=True, cwd=repo.path)
    assert sorted(repo.git("config", "--list").splitlines()) == before


def test_brings_a_pushurl_of_scalingo_along(repo: Repo, run: Run) -> None:
    """A `pushurl` that is Scalingo's moves with the url, so that the push goes where the output says."""
    repo.git("remote", "add", "scalingo", OLD)
    repo.git("remote", "set-url", "--push", "scalingo", "ssh://git@ssh.osc-fr1.scalingo.com:2200/myapp.git")

    assert run("add", "osc-fr1", "myapp", "--offline").status == 0
    assert repo.git("config", "--get-all", "remote.scalingo.pushurl") == OSC_FR1
    assert repo.push_urls() == [OSC_FR1]


@pytest.mark.parametrize(
    ("setup", "message"),
    [
        ([("add", "scalingo", ELSEWHERE)], f"the remote 'scalingo' points elsewhere: {ELSEWHERE}"),
        (
            [("add", "scalingo", OSC_FR1), ("set-url", "--push", "scalingo", ELSEWHERE)],
            f"the remote 'scalingo' points elsewhere: {ELSEWHERE}",
        ),
        (
            [("add", "scalingo", OSC_FR1), ("set-url", "--add", "scalingo", SECNUM)],
            f"the remote 'scalingo' has several urls: {OSC_FR1}, {SECNUM}",
        ),
    ],
)
def test_a_remote_that_is_not_ours_is_a_conflict(
    repo: Repo, run: Run, setup: list[tuple[str, ...]], message: str
) -> None:
    """A remote with a url elsewhere, or several, is left as it is with exit 6; `--force` makes it ours alone."""
    for arguments in setup:
        repo.git("remote", *arguments)
    before = repo.config.read_bytes()

    refused = run("add", "osc-fr1", "myapp", "--offline")

    assert refused.status == 6
    assert refused.stdout == ""
    assert f"error: {message}\n" in refused.stderr
    assert repo.config.read_bytes() == before
    assert run("add", "osc-fr1", "myapp", "--offline", "--force").status == 0
    assert repo.push_urls() == [OSC_FR1]


def test_a_global_remote_is_a_conflict_that_force_hides(repo: Repo, run: Run) -> None:
    """A remote of the global configuration is not changed: `--force` hides it here with a pushurl."""
    git("config", "--global", "remote.scalingo.url", ELSEWHERE)
    before = Path.home().joinpath(".gitconfig").read_bytes()

    assert run("add", "osc-fr1", "myapp", "--offline").status == 6
    assert run("add", "osc-fr1", "myapp", "--offline", "--force").status == 0
    assert repo.push_urls() == [OSC_FR1]
    assert Path.home().joinpath(".gitconfig").read_bytes() == before


def test_dry_run_shows_the_same_and_writes_nothing(repo: Repo, run: Run) -> None:
    """`--dry-run` prints the plan of the real run, in the conditional, and the push urls as they would be."""
    repo.git("remote", "add", "scalingo", OLD)
    before = repo.config.read_bytes()

    shown = run("add", "osc-fr1", "myapp", "--offline", "--dry-run")
    planned = run("add", "osc-fr1", "myapp", "--offline", "--dry-run", "--json").json

    assert shown.stdout.startswith(f"Would update remote 'scalingo'\n  url     {OLD} -> {OSC_FR1}\n")
    assert repo.config.read_bytes() == before
    done = run("add", "osc-fr1", "myapp", "--offline", "--json").json
    assert planned == {**done, "dry_run": True}


def test_json(repo: Repo, run: Run, service: Service) -> None:
    """`--json` is one object with these fields, and nothing is written to stderr."""
    repo.git("remote", "add", "scalingo", OLD)

    result = run("add", "osc-fr1", "myapp", "--json")

    assert result.json == {
        "outcome": "updated",
        "remote": "scalingo",
        "url": OSC_FR1,
        "previous_url": OLD,
        "push_urls": [OSC_FR1],
        "app": "myapp",
        "region": "osc-fr1",
        "region_source": "argument",
        "list_source": "api",
        "dry_run": False,
        "warnings": [],
    }
    assert result.stderr == ""


def test_errors_under_json_are_json(repo: Repo, run: Run) -> None:
    """With `--json` a failure is an object on stderr, with the warnings that came before, and the same exit status."""
    result = run("add", "os-fr1", "myapp", "--offline", "--json")

    assert result.status == 3
    assert result.stdout == ""
    assert result.error["kind"] == "region"
    assert result.error["exit_status"] == 3
    assert result.error["hints"][0] == "did you mean osc-fr1 or osc-secnum-fr1?"
    assert run("add", "--json", "--nonsense").error["exit_status"] == 2


def test_quiet_writes_no_result(repo: Repo, run: Run, service: Service) -> None:
    """`--quiet` leaves both streams empty when there is nothing to warn of."""
    result = run("add", "osc-fr1", "myapp", "--quiet")

    assert (result.status, result.stdout, result.stderr) == (0, "", "")
    assert repo.push_urls() == [OSC_FR1]


@pytest.mark.parametrize(
    ("rule", "elsewhere"),
    [
        ("url.ssh://git@proxy.example/.insteadOf", "ssh://git@proxy.example/myapp.git"),
        ("url.ssh://git@proxy.example/.pushInsteadOf", "ssh://git@proxy.example/myapp.git"),
    ],
)
def test_warns_where_git_rewrites_the_push(repo: Repo, run: Run, rule: str, elsewhere: str) -> None:
    """Where `insteadOf` diverts the push, a warning says where it goes, and the JSON agrees with git."""
    repo.git("config", rule, "ssh://git@ssh.osc-fr1.scalingo.com:22/")

    result = run("add", "osc-fr1", "myapp", "--offline", "--json")

    warning = f"git push scalingo goes to {elsewhere}: the git configuration rewrites the url"
    assert result.json["push_urls"] == [elsewhere] == repo.push_urls()
    assert warning in result.json["warnings"]


@pytest.mark.parametrize(
    ("head", "command"),
    [
        ([], "git push scalingo main"),
        (["switch", "--quiet", "--create", "master"], "git push scalingo master"),
        (["switch", "--quiet", "--create", "feature/x"], "git push scalingo feature/x:main"),
        (["switch", "--quiet", "--detach"], "git push scalingo HEAD:refs/heads/main"),
        (["switch", "--quiet", "--orphan", "main2"], "git commit, then git push scalingo main2:main"),
    ],
)
def test_the_next_command_fits_the_repository(repo: Repo, run: Run, head: list[str], command: str) -> None:
    """The last line is the push that deploys what is checked out."""
    if head:
        repo.git(*head)

    assert run("add", "osc-fr1", "myapp", "--offline").stdout.splitlines()[-1] == f"  next    {command}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-x"], "no such option: -x"),
        (["--", "-x"], "'-x' is not an app name"),
        (["a b"], "'a b' is not an app name"),
        (["a/b"], "'a/b' is not an app name"),
        ([""], "an empty text is not an app name"),
        (["myapp.git"], "'myapp.git' is not an app name"),
        ([SCP_FORM], f"'{SCP_FORM}' is not an app name"),
        (["osc-fr1", "My_App"], "'My_App' is not an app name"),
        (["osc fr1", "myapp"], "'osc fr1' is not a region name"),
        (["osc-fr1", "myapp", "more"], "too many arguments"),
        (["osc-fr1"], "no app is given: 'osc-fr1' is a region"),
        ([], "no app is given, neither as an argument nor in SCALINGO_APP"),
        (["myapp", "-r", ""], "an empty text is not a remote name"),
        (["myapp", "-r", "-x"], "'-x' is not a remote name"),
        (["myapp", "-r", "a..b"], "'a..b' is not a remote name"),
        (["myapp", "--refresh", "--offline"], "--refresh asks the service and --offline never does"),
    ],
)
def test_bad_input_is_one_sentence(repo: Repo, run: Run, arguments: list[str], message: str) -> None:
    """What can be no app, region or remote ends with exit 2 and one sentence, and nothing is written."""
    before = repo.config.read_bytes()

    result = run("add", *arguments)

    lines = [line for line in result.stderr.splitlines() if not line.startswith(("hint: ", "warning: "))]
    assert len(lines) == 1
    assert lines[0].startswith(f"error: {message}")
    assert (result.status, result.stdout) == (2, "")
    assert repo.config.read_bytes() == before


def test_input_is_checked_before_all_else(run: Run, service: Service) -> None:
    """A name that cannot be right is refused before a repository is looked for or the service is asked."""
    assert run("add", "osc-fr1", "a b").status == 2
    assert run("add", "osc-fr1", "myapp", "-r", "a b").status == 2
    assert service.requests == []


@pytest.mark.parametrize("name", ["team/staging", "a.b", "é", "UP", 'q"x', "a#b", "日本"])
def test_any_name_that_git_admits_works(repo: Repo, run: Run, name: str) -> None:
    """Odd remote names, quotes and comment characters among them, make a remote that git reads as meant."""
    assert run("add", "osc-fr1", "myapp", "--offline", "-r", name).status == 0
    assert repo.push_urls(name) == [OSC_FR1]
    assert repo.git("config", f"remote.{name}.fetch") == f"+refs/heads/*:refs/remotes/{name}/*"


def test_a_single_word_is_a_region_if_it_is_one(repo: Repo, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """`add osc-secnum-fr1` takes the app from SCALINGO_APP; `add myapp` overrides it."""
    monkeypatch.setenv("SCALINGO_APP", "fromenv")

    as_region = run("add", "osc-secnum-fr1", "--offline", "--json").json
    as_app = run("add", "myapp", "--offline", "--json", "-r", "other").json

    assert (as_region["region"], as_region["app"]) == ("osc-secnum-fr1", "fromenv")
    assert (as_app["region"], as_app["app"]) == ("osc-fr1", "myapp")


def test_the_existing_remote_keeps_its_region(repo: Repo, run: Run) -> None:
    """Without a region given, the one that the remote points at stays, rather than the default."""
    repo.git("remote", "add", "scalingo", "ssh://git@ssh.osc-secnum-fr1.scalingo.com:2200/myapp.git")

    result = run("add", "myapp", "--offline", "--json").json

    assert (result["region"], result["region_source"], result["url"]) == ("osc-secnum-fr1", "existing-remote", SECNUM)


def test_a_region_that_is_gone_is_never_replaced_silently(repo: Repo, run: Run) -> None:
    """A remote of a region that no longer exists is an error with exit 3; `--fallback` takes the default, warned."""
    repo.git("remote", "add", "scalingo", "git@ssh.agora-fr1.scalingo.com:myapp.git")
    before = repo.config.read_bytes()

    assert run("add", "myapp", "--offline").status == 3
    assert repo.config.read_bytes() == before
    fallback = run("add", "myapp", "--offline", "--fallback", "--json").json
    assert (fallback["region"], fallback["region_source"]) == ("osc-fr1", "fallback")
    assert "there is no region 'agora-fr1': --fallback takes the default region, osc-fr1" in fallback["warnings"]


def test_works_through_git_from_a_subfolder(repo: Repo) -> None:
    """`git scalingo-region` in a subfolder, by `git -C` and by an alias, reaches the repository around it."""
    import sys

    folder = repo.path / "a" / "b"
    folder.mkdir(parents=True)
    executable = repo.path / "bin" / "git-scalingo-region"
    executable.parent.mkdir()
    executable.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m git_scalingo_region "$@"\n')
    executable.chmod(0o755)
    environment = {**os.environ, "PATH": f"{executable.parent}:{os.environ['PATH']}"}
    repo.git("config", "alias.sr", "!git-scalingo-region")
    add = ["add", "osc-fr1", "myapp", "--offline", "--quiet", "-r"]
    for number, start in enumerate((["git"], ["git", "-C", str(folder)], ["git", "-c", "alias.x=y"])):
        subprocess.run([*start, "scalingo-region", *add, f"r{number}"], cwd=folder, env=environment, check=True)
    subprocess.run(["git", "sr", *add, "r3"], cwd=folder, env=environment, check=True)

    assert repo.git("remote").split() == ["r0", "r1", "r2", "r3"]


def test_a_remote_in_an_included_file_is_changed_there(repo: Repo, run: Run, tmp_path: Path) -> None:
    """The value is replaced in the file that holds it, with a warning that others may include that file."""
    shared = tmp_path / "shared.cfg"
    shared.write_text(f'[remote "scalingo"]\n\turl = {OLD}\n')
    repo.git("config", "include.path", str(shared))
    before = repo.config.read_bytes()

    result = run("add", "osc-fr1", "myapp", "--offline")

    assert shared.read_text() == f'[remote "scalingo"]\n\turl = {OSC_FR1}\n'
    assert repo.config.read_bytes() == before
    assert f"warning: the remote 'scalingo' stands in {shared}, which other repositories may include\n" in result.stderr
    assert repo.push_urls() == [OSC_FR1]


def test_outside_a_repository(run: Run) -> None:
    """The reason that git gives is passed on, with exit 5."""
    result = run("add", "osc-fr1", "myapp", "--offline")

    reason = "git says: not a git repository (or any of the parent directories): .git"
    assert (result.status, result.stdout, result.stderr) == (5, "", f"error: {reason}\n")


def test_two_files_change_together_or_not_at_all(repo: Repo, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one of two files cannot be written, the other keeps its old text, too."""
    from git_scalingo_region.commands import changes

    monkeypatch.setattr(changes, "LOCK_SECONDS", 0.05)
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
    assert sorted(path.name for path in repo.config.parent.glob("*.lock")) == []


def test_a_pushurl_that_changes_is_named(repo: Repo, run: Run) -> None:
    """What an update shows is what it changes: a pushurl under its own name."""
    repo.git("remote", "add", "scalingo", OSC_FR1)
    repo.git("remote", "set-url", "--push", "scalingo", OLD)

    assert run("add", "osc-fr1", "myapp", "--offline").stdout.splitlines()[1] == f"  pushurl  {OLD} -> {OSC_FR1}"


def test_an_empty_bare_repository_has_no_commit(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file HEAD of the folder is not taken for what HEAD is."""
    git("init", "--quiet", "--bare", str(tmp_path / "bare.git"))
    monkeypatch.chdir(tmp_path / "bare.git")

    result = run("add", "osc-fr1", "myapp", "--offline")

    assert result.stdout.splitlines()[-1] == "  next    git commit, then git push scalingo main"


def test_a_mistyped_region_is_pointed_at(repo: Repo, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With SCALINGO_APP set, a word that comes near to a region is taken for an app with a warning."""
    monkeypatch.setenv("SCALINGO_APP", "fromenv")

    result = run("add", "osc-fr2", "--offline", "--json").json

    assert result["app"] == "osc-fr2"
    assert "'osc-fr2' is taken for an app; did you mean the region osc-fr1?" in result["warnings"]
