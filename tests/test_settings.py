"""The settings that are read from environment variables, those that are refused, and hostile environments."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import OSC_FR1, STALE, Repo, Result, Run, assert_clean, executable

from git_scalingo_region.errors import InvalidInput
from git_scalingo_region.settings import Settings


def service(address: str) -> Settings:
    return Settings.from_environ({"SCALINGO_AUTH_URL": address})


NAMES = """SCALINGO_AUTH_URL SCALINGO_API_TOKEN SCALINGO_REGION SCALINGO_APP HOME XDG_CACHE_HOME GIT_SSH_COMMAND GIT_SSH
CONFIG_DIR AUTH_FILE CONFIG_FILE_PATH"""
CACHE = "/h/.cache/git-scalingo-region"
AT_HOME = Settings(cli_auth_file="/h/.config/scalingo/auth", cli_config_file="/h/.config/scalingo/config.json")
MOVED = Settings(cli_auth_file="/c/auth", cli_config_file="/c/config.json")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, Settings("https://auth.scalingo.com")),
        (dict.fromkeys(NAMES.split(), ""), Settings()),
        ({"SCALINGO_AUTH_URL": " ", "SCALINGO_API_TOKEN": " \n"}, Settings()),
        ({"SCALINGO_AUTH_URL": "https://h.example"}, Settings(service="https://h.example")),
        ({"SCALINGO_API_TOKEN": " tk-us-secret\n"}, Settings(api_token="tk-us-secret")),
        ({"SCALINGO_REGION": "osc-fr1", "SCALINGO_APP": "myapp"}, Settings(region="osc-fr1", app="myapp")),
        ({"GIT_SSH_COMMAND": "ssh -v", "GIT_SSH": "/ssh"}, Settings(ssh_command="ssh -v", ssh_program="/ssh")),
        ({"HOME": "/h"}, AT_HOME._replace(cache_folder=CACHE)),
        ({"HOME": "h"}, Settings()),
        ({"CONFIG_DIR": "/c"}, MOVED),
        ({"CONFIG_DIR": "/c", "AUTH_FILE": "/a"}, MOVED._replace(cli_auth_file="/a")),
        ({"HOME": "/h", "CONFIG_FILE_PATH": "/f"}, AT_HOME._replace(cli_config_file="/f", cache_folder=CACHE)),
        ({"HOME": "/h", "XDG_CACHE_HOME": "x", "CONFIG_DIR": "/c"}, MOVED._replace(cache_folder=CACHE)),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/x"}, AT_HOME._replace(cache_folder="/x/git-scalingo-region")),
        ({"XDG_CACHE_HOME": "/x"}, Settings(cache_folder="/x/git-scalingo-region")),
    ],
)
def test_every_variable_is_read(environ: dict[str, str], expected: Settings) -> None:
    """Each variable sets its own field; empty values and relative folders are ignored, as the XDG standard asks."""
    assert Settings.from_environ(environ) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("auth.example.org", "https://auth.example.org"),
        ("https://auth.example.org/", "https://auth.example.org"),
        (" HTTPS://Auth.Example.ORG ", "https://auth.example.org"),
        ("auth.example.org:8443", "https://auth.example.org:8443"),
        ("https://example.org/auth//", "https://example.org/auth"),
        *((address, address) for address in ("https://[::1]:8443", "http://localhost:8080", "http://127.0.0.1")),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_an_address_is_taken_with_and_without_its_scheme(address: str, expected: str) -> None:
    """The service's address may be written in several ways; plain http is allowed only for this machine."""
    assert service(address).service == expected


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
    """An address that is invalid or unsafe for a token is refused, and not quoted, as it may hold a password."""
    with pytest.raises(InvalidInput) as caught:
        service(address)
    assert caught.value.message == f"SCALINGO_AUTH_URL {reason}"


FRENCH: dict[str, str | None] = {"LC_ALL": "C.UTF-8", "LANGUAGE": "fr", "LANG": "fr_FR.UTF-8"}
# The variables that are changed (None removes one), and the error, if any. git's errors are the same in any language.
ENVIRONMENTS: dict[str, tuple[dict[str, str | None], str]] = {
    "nothing": (dict.fromkeys(("HOME", "PATH", "TERM", "TMPDIR")), ""),
    "empty HOME": ({"HOME": "", "TERM": "\x1b[2J", "COLUMNS": "-1", "LINES": "x"}, ""),
    "relative folders": ({"HOME": "home", "XDG_CACHE_HOME": "cache", "XDG_CONFIG_HOME": "config"}, ""),
    "missing folders": (dict.fromkeys(("HOME", "TMPDIR", "GIT_CONFIG"), "/proc/nonexistent"), ""),
    "files as folders": ({"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null", "COLUMNS": "1"}, ""),
    "French": (FRENCH, ""),
    "French, without a repository": ({**FRENCH, "GIT_DIR": "/none"}, "git says: not a git repository: '/none'"),
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
    """In an odd environment, `add` creates the remote or says in one sentence why not, and leaves no other file."""
    changes, error = ENVIRONMENTS[kind]
    environment = {key: value for key, value in (os.environ | changes).items() if value is not None}
    files = sorted(repo.path.rglob("*"))

    # No region is named, so that SCALINGO_REGION is read.
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


@pytest.mark.parametrize(
    ("command", "status", "made_anew"), [("list", 0, False), ("status", 5, False), ("doctor", 7, True)]
)
def test_without_a_current_folder(tmp_path: Path, program: Run, command: str, status: int, made_anew: bool) -> None:
    """In a deleted or replaced folder, commands that need a repository say what is wrong, and the others work."""
    folder = tmp_path / "gone"
    folder.mkdir()

    def remove() -> None:
        folder.rmdir()
        if made_anew:
            folder.mkdir()

    result = program(command, "--offline", cwd=folder, preexec_fn=remove, env={**os.environ, "PWD": str(folder)})
    assert_clean(result, command)
    assert (result.status, result.stderr == "") == (status, command == "doctor")
    shown = result.stdout if command == "doctor" else result.stderr
    assert "Unable to read current working directory" in shown


C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.slow
@pytest.mark.parametrize("locale", [{}, C_LOCALE], ids=["utf-8", "c"])
def test_names_that_the_locale_cannot_write(tmp_path: Path, program: Run, locale: dict[str, str]) -> None:
    """Folders, files and remotes with odd names work, and are shown in printable characters, in any locale."""
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
    """The installed program loads no Python module and runs no program from the repository it is started in."""
    marker = tmp_path / "marker"
    source = f"open({str(marker)!r}, 'w').close()\nraise SystemExit(99)\n"
    modules = "requests git typer json sitecustomize usercustomize encodings git_scalingo_region"
    for name in modules.split():
        (repo.path / f"{name}.py").write_text(source)
        (repo.path / name).mkdir()
        (repo.path / name / "__init__.py").write_text(source)
    for name in ("git.exe", "ssh", "ssh-keyscan", "sh"):
        executable(repo.path / name, f"#!/bin/sh\ntouch {shlex.quote(str(marker))}\nexit 99\n")

    for line in ("add osc-fr1 myapp", "status", "doctor", "list"):
        done = subprocess.run([SCRIPT, *line.split()], check=False, capture_output=True, text=True)
        assert_clean(Result(done.returncode, done.stdout, done.stderr), line.partition(" ")[0])
    assert repo.push_urls() == [OSC_FR1]
    assert not marker.exists()
