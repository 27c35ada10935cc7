"""`settings`: what the environment says, what of it is refused, and environments made hostile on purpose."""

from __future__ import annotations

import ctypes
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import OSC_FR1, STALE, Repo, Result, Run, assert_clean

from git_scalingo_region.errors import InvalidInput
from git_scalingo_region.settings import Settings


def service(address: str) -> Settings:
    return Settings.from_environ({"SCALINGO_AUTH_URL": address})


def test_an_empty_environment_gives_the_defaults() -> None:
    """Without any variable, or with empty ones, there is the default service and no folder at all."""
    names = ("SCALINGO_AUTH_URL", "SCALINGO_REGION", "SCALINGO_APP", "HOME", "XDG_CACHE_HOME", "GIT_SSH_COMMAND")
    folders = ("CONFIG_DIR", "AUTH_FILE", "CONFIG_FILE_PATH", "GIT_SSH")
    assert Settings.from_environ(dict.fromkeys((*names, *folders), "")) == Settings()
    assert Settings.from_environ({"SCALINGO_API_TOKEN": " \n", "SCALINGO_AUTH_URL": " "}) == Settings()
    assert (Settings().service, Settings().service_host) == ("https://auth.scalingo.com", "auth.scalingo.com")


def test_every_variable_is_read() -> None:
    """Each variable ends up in the field that is named for it."""
    settings = Settings.from_environ(
        {
            "SCALINGO_AUTH_URL": "https://auth.example.org",
            "SCALINGO_API_TOKEN": " tk-us-secret\n",
            "SCALINGO_REGION": "osc-fr1",
            "SCALINGO_APP": "myapp",
            "HOME": "/home/ann",
            "XDG_CACHE_HOME": "/var/cache/ann",
            "GIT_SSH_COMMAND": "ssh -v",
            "GIT_SSH": "/usr/bin/ssh",
        }
    )
    assert settings == Settings(
        service="https://auth.example.org",
        api_token="tk-us-secret",
        region="osc-fr1",
        app="myapp",
        cache_folder="/var/cache/ann/git-scalingo-region",
        cli_auth_file="/home/ann/.config/scalingo/auth",
        cli_config_file="/home/ann/.config/scalingo/config.json",
        ssh_command="ssh -v",
        ssh_program="/usr/bin/ssh",
    )


CACHE = "/h/.cache/git-scalingo-region"


@pytest.mark.parametrize(
    ("environ", "auth", "config", "cache"),
    [
        ({"HOME": "h"}, "", "", ""),
        ({"CONFIG_DIR": "/c"}, "/c/auth", "/c/config.json", ""),
        ({"HOME": "/h", "CONFIG_DIR": "/c", "AUTH_FILE": "/a"}, "/a", "/c/config.json", CACHE),
        ({"HOME": "/h", "CONFIG_FILE_PATH": "/f"}, "/h/.config/scalingo/auth", "/f", CACHE),
        ({"HOME": "/h", "XDG_CACHE_HOME": "x", "CONFIG_DIR": "/c"}, "/c/auth", "/c/config.json", CACHE),
        ({"XDG_CACHE_HOME": "/x"}, "", "", "/x/git-scalingo-region"),
    ],
)
def test_where_files_are_kept(environ: dict[str, str], auth: str, config: str, cache: str) -> None:
    """The CLI's own variables move its files; relative folders are ignored, as the XDG specification asks."""
    settings = Settings.from_environ(environ)
    assert (settings.cli_auth_file, settings.cli_config_file, settings.cache_folder) == (auth, config, cache)


@pytest.mark.parametrize(
    ("address", "expected", "host"),
    [
        ("auth.example.org", "https://auth.example.org", "auth.example.org"),
        ("https://auth.example.org/", "https://auth.example.org", "auth.example.org"),
        (" HTTPS://Auth.Example.ORG ", "https://auth.example.org", "auth.example.org"),
        ("auth.example.org:8443", "https://auth.example.org:8443", "auth.example.org"),
        ("https://example.org/auth//", "https://example.org/auth", "example.org"),
        ("https://[::1]:8443", "https://[::1]:8443", "::1"),
        ("http://localhost:8080", "http://localhost:8080", "localhost"),
        ("http://127.0.0.1", "http://127.0.0.1", "127.0.0.1"),
        ("http://[::1]:80", "http://[::1]:80", "::1"),
    ],
)
def test_an_address_is_taken_with_and_without_its_scheme(address: str, expected: str, host: str) -> None:
    """The spellings that people use come to one address; plain http is only for this machine itself."""
    assert (service(address).service, service(address).service_host) == (expected, host)


UNUSABLE = {
    "is not a valid address: expected one like https://auth.scalingo.com": (
        *("https://", "://x", "https://h:port", "https://h:99999", "https://h:0", "https://[::1", "https://a b"),
        *("https://a\nb", "https://\u00e9", "https://a\\@b", "https://\udcff", "https://\x1b[2J"),
    ),
    "is not a plain https address: expected one like https://auth.scalingo.com": (
        *("http://127.0.0.1@example.org", "ftp://h", "file://h/x", "https://h?a=b", "https://h#x", "https://@h"),
        "https://ann:secret@h",
    ),
    "is not https: the token would be sent unencrypted": (
        *("http://auth.scalingo.com", "http://127.0.0.1.example.org", "http://0.0.0.0", "http://10.0.0.1"),
    ),
}


@pytest.mark.parametrize(("reason", "address"), [(reason, item) for reason, them in UNUSABLE.items() for item in them])
def test_an_unusable_address_is_refused_without_quoting_it(reason: str, address: str) -> None:
    """An address that is not one, or that a token must not be sent to, is refused; it may hold a password."""
    with pytest.raises(InvalidInput) as caught:
        service(address)
    assert caught.value.message == f"SCALINGO_AUTH_URL {reason}"


# What the environment lacks or holds, and the error, if any.
ENVIRONMENTS: dict[str, tuple[dict[str, str | None], str]] = {
    "nothing": (dict.fromkeys(("HOME", "PATH", "TERM", "TMPDIR")), ""),
    "empty HOME": ({"HOME": "", "TERM": "\x1b[2J", "COLUMNS": "-1", "LINES": "x"}, ""),
    "relative folders": ({"HOME": "home", "XDG_CACHE_HOME": "cache", "XDG_CONFIG_HOME": "config"}, ""),
    "missing folders": ({"HOME": "/nonexistent", "TMPDIR": "/nonexistent", "GIT_CONFIG": "/nonexistent"}, ""),
    "files as folders": ({"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null", "COLUMNS": "1"}, ""),
    "French": ({"LC_ALL": "C.UTF-8", "LANGUAGE": "fr", "LANG": "fr_FR.UTF-8"}, ""),
    "warnings as errors": ({"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"}, ""),
    "GitPython": ({"GIT_PYTHON_GIT_EXECUTABLE": "/nonexistent", "GIT_PYTHON_REFRESH": "error"}, ""),
    "tracing": ({"GIT_TRACE2": "1", "GIT_PYTHON_TRACE": "full"}, ""),
    "no programs": ({"PATH": "/nonexistent"}, "git is not installed, or not on PATH"),
    "GIT_DIR": ({"GIT_DIR": "/nonexistent\x1b[2J"}, r"git says: not a git repository: '/nonexistent.\[2J'"),
    "GIT_CONFIG_COUNT": ({"GIT_CONFIG_COUNT": "x"}, "git says: .*GIT_CONFIG_COUNT.*"),
    "GIT_CONFIG_PARAMETERS": ({"GIT_CONFIG_PARAMETERS": "x"}, "git says: .*GIT_CONFIG_PARAMETERS.*"),
    "region": (
        {"SCALINGO_REGION": "\x1b[2J\udcff"},
        r"(?:SCALINGO_REGION: )?'\\x1b\[2J\\xff' is not a valid region name: .*",
    ),
    "service": ({"SCALINGO_AUTH_URL": "https://\x1b[2J"}, "SCALINGO_AUTH_URL is not a valid address: .*"),
}


@pytest.mark.parametrize("kind", ENVIRONMENTS)
def test_an_odd_environment(repo: Repo, program: Run, kind: str) -> None:
    """Whatever the environment lacks or holds, the remote is made, or one sentence says why it is not."""
    changes, error = ENVIRONMENTS[kind]
    environment = {key: value for key, value in (os.environ | changes).items() if value is not None}
    files = sorted(repo.path.rglob("*"))

    # Without a region, so that SCALINGO_REGION is looked at.
    result = program("add", "myapp", env=environment)

    assert_clean(result, "add")
    if error:
        assert re.search(f"(?:^|\n)error: {error}\n", result.stderr)
        assert repo.git("remote") == ""
    else:
        assert result.stdout == (
            f"Created remote 'scalingo'\n  url     {OSC_FR1}\n"
            "  region  osc-fr1 (Paris - Outscale), the default region\n  next    git push scalingo main\n"
        )
    assert sorted(repo.path.rglob("*")) == files


def without_privileges() -> None:
    """Take root's right to write everywhere from a process that is about to start (PR_CAPBSET_DROP, prctl(2))."""
    if os.geteuid() == 0:
        for capability in range(64):
            LIBC.prctl(24, capability, 0, 0, 0)


LIBC = ctypes.CDLL(None)


@pytest.mark.skipif(os.geteuid() == 0 and not sys.platform.startswith("linux"), reason="root may write everywhere")
def test_a_home_that_cannot_be_written(repo: Repo, program: Run, home: Path) -> None:
    """If nothing can be kept at home, the remote is made all the same."""
    home.chmod(0o500)
    result = program("add", "osc-fr1", "myapp", preexec_fn=without_privileges)
    home.chmod(0o700)
    assert_clean(result, "add")
    assert repo.push_urls() == [OSC_FR1]
    assert [path.name for path in home.iterdir()] == [".gitconfig"]


def test_the_messages_of_git_are_read_in_any_language(home: Path, program: Run) -> None:
    """If git speaks French, its reason is still told from its advice, and `doctor` knows what to do."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "fr"}
    french = subprocess.run(["git", "rev-parse"], env=environment, check=False, capture_output=True, text=True).stderr
    if french.startswith("fatal: not a git repository"):
        pytest.skip("this git only speaks English")

    result = program("add", "osc-fr1", "myapp", "--offline", env=environment)
    fixes = {check["check"]: check["fix"] for check in program("doctor", "--json", env=environment).json["checks"]}

    reason = "git says: not a git repository (or any of the parent directories): .git"
    assert result == Result(5, "", f"error: {reason}\nhint: git init\n")
    assert fixes["repository"] == "git init"


@pytest.mark.parametrize(("command", "status"), [("list", 0), ("status", 5)])
def test_without_a_current_folder(tmp_path: Path, program: Run, command: str, status: int) -> None:
    """In a folder that was deleted, what needs a repository says so, and all else works."""
    folder = tmp_path / "gone"
    folder.mkdir()
    result = program(command, "--offline", cwd=folder, preexec_fn=folder.rmdir)
    assert_clean(result, command)
    assert result.status == status
    assert "git says: Unable to read current working directory" in result.stderr


C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.slow
@pytest.mark.parametrize("locale", [{}, C_LOCALE], ids=["utf-8", "c"])
def test_names_that_the_locale_cannot_write(tmp_path: Path, program: Run, locale: dict[str, str]) -> None:
    """Folders, files and remotes with odd names are found, written, and named printably, in any locale."""
    repo = Repo(tmp_path / "日本 é\n$(touch x)" / "-x\x1b[2J\n")
    repo.path.mkdir(parents=True)
    repo.git("init", "--quiet")
    repo.git("config", "include.path", "日本.cfg")
    included = repo.config.with_name("日本.cfg")
    included.write_text(f'[remote "é"]\n\turl = {STALE}\n')

    def run(*arguments: str, cwd: Path = repo.path) -> Result:
        result = program(*arguments, "--offline", cwd=cwd, env={**os.environ, **locale})
        assert_clean(result, arguments[0])
        return result

    assert run("status", "é").status == 7
    assert run("sync", "é").status == 0
    assert included.read_text() == f'[remote "é"]\n\turl = {OSC_FR1}\n'
    assert run("add", "myapp", "-r", "é").stdout.startswith("Remote '")
    assert run("add", "osc-fr1", "myapp", cwd=repo.path.parent).status == 5


SCRIPT = Path(sys.executable).with_name("git-scalingo-region")


@pytest.mark.slow
@pytest.mark.skipif(not SCRIPT.exists(), reason="the program is not installed")
def test_nothing_in_the_current_folder_is_taken_for_a_part_of_the_program(repo: Repo, tmp_path: Path) -> None:
    """Modules and programs that lie in the repository are not loaded by the installed program."""
    marker = tmp_path / "marker"
    source = f"open({str(marker)!r}, 'w').close()\nraise SystemExit(99)\n"
    for name in [
        "requests",
        "git",
        "typer",
        "json",
        "sitecustomize",
        "usercustomize",
        "encodings",
        "git_scalingo_region",
    ]:
        (repo.path / f"{name}.py").write_text(source)
        (repo.path / name).mkdir()
        (repo.path / name / "__init__.py").write_text(source)
    for name in ("git.exe", "ssh", "ssh-keyscan", "sh"):
        (repo.path / name).write_text(f"#!/bin/sh\ntouch {shlex.quote(str(marker))}\nexit 99\n")
        (repo.path / name).chmod(0o755)

    for line in ("add osc-fr1 myapp", "status", "doctor", "list"):
        done = subprocess.run([SCRIPT, *line.split()], check=False, capture_output=True, text=True)
        assert_clean(Result(done.returncode, done.stdout, done.stderr), line.partition(" ")[0])
    assert repo.push_urls() == [OSC_FR1]
    assert not marker.exists()
