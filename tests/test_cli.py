"""The command line: help, streams, colours, terminals, and what may go wrong with them."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import OSC_FR1, Repo, Run, Service

import git_scalingo_region
from git_scalingo_region.cli import run as cli
from git_scalingo_region.terminal import Style

VERBS = ["add", "url", "list", "show", "status", "sync", "trust", "doctor"]
PROGRAM = [sys.executable, "-m", "git_scalingo_region"]


def in_terminal(*arguments: str, columns: int = 80, **environment: str) -> str:
    """Run the program in a terminal of that width and return what the screen would get."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        ["sh", "-c", f'stty cols {columns} -onlcr; exec "$@"', "sh", *PROGRAM, *arguments],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm", **environment},
    )
    os.close(terminal)
    chunks = []
    while True:
        try:
            chunk = os.read(controller, 4096)
        except OSError:  # Linux says so when the last process has closed the terminal
            break
        if not chunk:
            break
        chunks.append(chunk)
    process.wait()
    os.close(controller)
    return b"".join(chunks).decode()


def test_version(run: Run) -> None:
    """`--version` prints name and version as git does."""
    expected = f"git-scalingo-region version {git_scalingo_region.__version__}\n"

    assert (run("--version").stdout, run("--version").status) == (expected, 0)


@pytest.mark.parametrize("arguments", [[], *([verb] for verb in VERBS)])
def test_help(run: Run, arguments: list[str]) -> None:
    """`-h` and `--help` print the same plain page, which names the program as it is typed."""
    short, long = run(*arguments, "-h"), run(*arguments, "--help")

    assert short == long
    assert short.status == 0
    assert short.stdout.startswith(f"Usage: {' '.join(['git scalingo-region', *arguments])} [OPTIONS]")
    assert short.stdout.isascii()
    assert "\x1b" not in short.stdout
    assert "--json" in short.stdout or not arguments


def test_help_lists_the_verbs_whole(run: Run) -> None:
    """The page of the program lists every verb with its whole sentence."""
    listed = run("-h").stdout.partition("Commands:\n")[2].splitlines()

    assert [line.split()[0] for line in listed] == VERBS
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        ([], "missing command", "git scalingo-region -h"),
        (["ad"], "no such command 'ad'", "git scalingo-region -h"),
        (["list", "--xyz"], "no such option: --xyz", "git scalingo-region list -h"),
        (["add", "myapp", "-r"], "option '-r' requires an argument", "git scalingo-region add -h"),
        (["list", "extra"], "got unexpected extra argument(s) (extra)", "git scalingo-region list -h"),
    ],
)
def test_usage_errors_in_one_sentence(run: Run, arguments: list[str], error: str, hint: str) -> None:
    """A command line that cannot be read is one sentence and a hint, with exit 2."""
    result = run(*arguments)

    assert (result.status, result.stdout, result.stderr) == (2, "", f"error: {error}\nhint: {hint}\n")


def test_a_misspelt_option_is_guessed(run: Run) -> None:
    """An option that comes near to another one gets it as a hint."""
    assert run("list", "--jsn").stderr == (
        "error: no such option: --jsn\nhint: did you mean --json?\nhint: git scalingo-region list -h\n"
    )


def test_colours_in_a_terminal_alone(repo: Repo, service: Service) -> None:
    """A terminal gets colours, a pipe none; NO_COLOR and TERM=dumb turn them off."""
    add = ("add", "osc-fr1", "myapp")

    coloured = in_terminal(*add)
    assert "\x1b[1;32mCreated remote 'scalingo'\x1b[0m" in coloured
    assert "\x1b" not in in_terminal(*add, NO_COLOR="1")
    assert "\x1b" not in in_terminal(*add, TERM="dumb")
    piped = subprocess.run([*PROGRAM, *add], check=True, capture_output=True, text=True)
    assert "\x1b" not in piped.stdout + piped.stderr


def test_tables_fit_the_terminal(repo: Repo, service: Service) -> None:
    """A narrow terminal shortens one column, a very narrow one gets a record a row; a pipe gets everything."""
    wide, narrow, tiny = (in_terminal("list", columns=width, NO_COLOR="1") for width in (80, 60, 40))

    assert wide.splitlines()[1] == "osc-fr1  Place of osc-fr1  ssh.osc-fr1.scalingo.com:22  default"
    assert narrow.splitlines()[1] == "osc-fr1  Place of o...  ssh.osc-fr1.scalingo.com:22  default"
    assert tiny.splitlines()[:4] == [
        "osc-fr1",
        "  where         Place of osc-fr1",
        "  ssh endpoint  ssh.osc-fr1.scalingo.com:22",
        "  note          default",
    ]


def test_a_closed_pipe_is_quiet(repo: Repo, service: Service) -> None:
    """`| head -0` leaves no word on stderr, and the status is that of a program that SIGPIPE ends."""
    command = f"{sys.executable} -m git_scalingo_region list; echo $? >&2"
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(["sh", "-c", command], stdout=write_end, stderr=subprocess.PIPE, check=False, text=True)
    os.close(write_end)

    assert done.stderr == "141\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_under_stdout_is_told(repo: Repo, service: Service) -> None:
    """A result that cannot be written is an error in one sentence, not a success."""
    with open("/dev/full", "w") as full:
        done = subprocess.run([*PROGRAM, "list"], stdout=full, stderr=subprocess.PIPE, check=False, text=True)

    assert (done.returncode, done.stderr) == (1, "error: cannot write the result: No space left on device\n")


def test_a_locale_without_utf8(repo: Repo, program: Run) -> None:
    """Names that the locale cannot write come out as escapes."""
    repo.git("remote", "add", "日本", OSC_FR1)
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

    result = program("status", "--offline", env=environment)

    assert result.status == 0
    assert result.stdout.splitlines()[1].startswith(r"\xe6\x97\xa5\xe6\x9c\xac  osc-fr1")


def test_only_a_bug_shows_a_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not one of the program's own errors escapes the boundary, for Python to show."""
    from git_scalingo_region.commands import regions

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(regions, "load_regions", broken)
    with pytest.raises(ZeroDivisionError):
        run("list")


def test_no_control_character_reaches_the_terminal(repo: Repo, run: Run) -> None:
    """What a repository holds is escaped: names and urls with escapes, newlines or bidirectional marks."""
    name = "x\u202ey\x9b"
    repo.git("remote", "add", name, OSC_FR1)
    with repo.config.open("a") as file:
        file.write('[remote "scalingo"]\n\turl = "git@evil.example:a\\n\\b\x1b[2Jb"\n')

    shown = run("status", "--offline")
    refused = run("add", "osc-fr1", "myapp", "--offline")

    assert shown.stdout.splitlines()[1].startswith(r"x\u202ey\x9b  osc-fr1")
    assert refused.stderr.splitlines()[1] == (
        r"error: the remote 'scalingo' points elsewhere: git@evil.example:a\n\x08\x1b[2Jb"
    )
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown.stdout + refused.stderr)


def test_style_paints_nothing_without_colour() -> None:
    """The style of a pipe returns texts as they are."""
    assert Style().paint("text", 1) == "text"
    assert Style(colour=True).paint("text", 1, 31) == "\x1b[1;31mtext\x1b[0m"


def test_every_verb_is_listed() -> None:
    """The registered verbs are the design's, in its order."""
    assert list(cli.VERBS) == VERBS


@pytest.mark.parametrize("arguments", [["-h"], ["--version"], ["list"]])
def test_nobody_reads(service: Service, arguments: list[str]) -> None:
    """Whatever is written into a pipe that nobody reads, the status is that of SIGPIPE, and nothing is said."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run([*PROGRAM, *arguments], stdout=write_end, stderr=subprocess.PIPE, check=False)
    os.close(write_end)

    assert (done.returncode, done.stderr) == (141, b"")


def test_nobody_reads_the_warnings(repo: Repo) -> None:
    """A warning that cannot be written keeps neither the work nor the result from being done."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [*PROGRAM, "add", "osc-fr1", "myapp", "--offline"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=write_end, check=False, text=True)
    os.close(write_end)

    assert done.returncode == 0
    assert done.stdout.startswith("Created remote 'scalingo'\n")


def test_options_stand_after_the_command(run: Run) -> None:
    """An option of a verb that is given before it is answered with where it belongs."""
    assert run("--json", "list").error["hints"][0] == (
        "options stand after the command: git scalingo-region list [OPTIONS]"
    )
