"""The command line around a command: help, mistakes, streams, colours, signals. The command itself is a stand-in."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from conftest import Result, Run, refusal
from hypothesis import given
from hypothesis import strategies as st
from terminals import in_terminal

import git_scalingo_region
from git_scalingo_region import terminal
from git_scalingo_region.cli import parser
from git_scalingo_region.cli.options import BY_NAME, COMMANDS
from git_scalingo_region.context import Context
from git_scalingo_region.errors import ExitStatus, InvalidInput, RegionError

# A program whose command `list` is the Python code in its first argument.
SCRIPT = """
import os, signal, sys, types
def result(text):
    return types.SimpleNamespace(
        exit_status=0, text=lambda style: f"{text}\\n", json=lambda: {"text": text}, hints=lambda: ["a hint"]
    )
stub = types.ModuleType("git_scalingo_region.commands.list")
exec("def run(context, names):\\n " + sys.argv.pop(1).replace("\\n", "\\n "))
stub.run = run
sys.modules[stub.__name__] = stub
from git_scalingo_region.__main__ import main
main()
"""
SAY = 'return result("done")'


def program(code: str, *arguments: str) -> list[str]:
    """Return the command line of a program whose `list` is this code."""
    return [sys.executable, "-c", SCRIPT, code, "list", *arguments]


def process(code: str, *arguments: str, shell: str = 'exec "$@"', **options: Any) -> tuple[int, str, str]:
    """Run the code as `list` in a process that a line of sh starts, and return status, stdout and stderr."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    line = ["sh", "-c", shell, "sh", *program(code, *arguments)]
    done = subprocess.run(line, check=False, text=True, **options)
    return done.returncode, done.stdout, done.stderr


# A result with text, JSON, a hint and an exit status.
SAID = terminal.Result(
    text=lambda style: f"text {tuple(style)}\n",
    json=lambda: {"text": "text"},
    hints=lambda: ["a hint"],
    exit_status=ExitStatus.PROBLEM,
)
Calls = list[tuple[Context, dict[str, Any]]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Replace each command with a stand-in, and return the list that collects their calls."""
    seen: Calls = []

    def run(context: Context, **values: Any) -> terminal.Result:
        seen.append((context, values))
        for _ in range(2):
            context.warn("a warning")
        if values.get("region") == "missing":
            raise RegionError("no such\x1b[2J region", "a hint\u202e")
        return SAID

    for command in COMMANDS:
        module: Any = types.ModuleType(f"git_scalingo_region.commands.{command.name}")
        module.run = run
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return seen


def test_version(run: Run) -> None:
    """`--version` prints the name and the version in the same form as git."""
    assert run("--version") == Result(0, f"git-scalingo-region version {git_scalingo_region.__version__}\n", "")


def test_help_of_the_program(run: Run) -> None:
    """`-h` lists every command with its full description, and says where the manual is."""
    page = run("-h")
    assert (page.status, page.stderr) == (0, "")
    assert page == run("--help")
    assert page.stdout.startswith(
        "Usage: git scalingo-region [OPTIONS] COMMAND [ARGS]...\n\n"
        "  Add the git remote of a Scalingo app, in the right region.\n\n"
        "  The manual: git help scalingo-region\n"
    )
    listed = page.stdout.partition("Commands:\n")[2].splitlines()
    assert [line.split(maxsplit=1) for line in listed] == [[command.name, command.help] for command in COMMANDS]


@pytest.mark.parametrize("columns", ["50", "80", "200"])
def test_help_of_the_commands(run: Run, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    """The help page of a command holds its synopsis and every help text, in plain ASCII, at any width."""
    monkeypatch.setenv("COLUMNS", columns)
    for command in COMMANDS:
        page = run(command.name, "-h").stdout
        words = " ".join(page.split())

        metavars = " ".join(["[OPTIONS]", *(argument.metavar for argument in command.arguments)])
        assert words.startswith(f"Usage: git scalingo-region {command.name} {metavars} {command.help}")
        assert all(parameter.help in words for parameter in command.parameters)
        assert all(flag in words for option in command.options for flag in option.flags)
        assert page.isascii()
        assert page.replace("\n", "").isprintable()


def test_help_of_a_command_in_full(run: Run) -> None:
    """The help page of a command looks exactly like this, whatever the version of Typer."""
    assert run("doctor", "--help").stdout == (
        "Usage: git scalingo-region doctor [OPTIONS] [REMOTE]\n\n"
        "  Find what would make the first push fail, and how to fix it.\n\n"
        "Arguments:\n"
        "  [REMOTE]  The remote; by default scalingo.\n\n"
        "Options:\n"
        "  --connect    Also try to connect, as git push would.\n"
        "  --json       Write the result, or the error, as JSON.\n"
        "  -q, --quiet  Write no result, only warnings and errors.\n"
        "  --refresh    Ask the service, even if the cached list is fresh.\n"
        "  --offline    Do not connect to anything.\n"
        "  -h, --help   Show this message and exit.\n"
    )


# Each line with its error and its hints, except the last hint, which names the help of the program or the command.
MISTAKES = {
    "": ("missing command",),
    "ad": ("no such command 'ad'", "did you mean add?"),
    "statsu -q": ("no such command 'statsu'", "did you mean status?"),
    "lst add": ("no such command 'lst'", "did you mean list?"),
    "zzz": ("no such command 'zzz'",),
    "-x": ("no such option: -x",),
    "-q list": ("no such option: -q", "options come after the command: git scalingo-region list [OPTIONS]"),
    "list --xyz": ("no such option: --xyz",),
    "list --jsn": ("no such option: --jsn", "did you mean --json?"),
    "add -r": ("option '-r' requires an argument",),
    "list --names=x": ("option '--names' does not take a value",),
    "add osc-fr1 -x": ("no such option: -x; a name cannot start with a hyphen either",),
    "list extra": ("too many arguments for list: extra", "usage: git scalingo-region list"),
    "completion": ("missing argument 'SHELL'",),
    "add a b c d": ("too many arguments for add: c d", "usage: git scalingo-region add [REGION] [APP]"),
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_sentence(run: Run, calls: Calls, line: str) -> None:
    """An invalid command line ends with status 2, an error in one sentence and hints, and no command runs."""
    first = next((word for word in line.split() if not word.startswith("-")), "")
    command = f"{first} " if first in BY_NAME else ""
    assert run(*line.split()) == refusal(2, *MISTAKES[line], f"git scalingo-region {command}-h")
    assert calls == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--json list", "no such option: --json"),
        ("list --jso --json", "no such option: --jso"),
        ("list --names --json", "--names and --json cannot be used together"),
        ("show --json --field x", "--field and --json cannot be used together"),
    ],
)
def test_a_mistake_as_json(run: Run, calls: Calls, line: str, message: str) -> None:
    """If `--json` is anywhere on an invalid command line, the error is written as JSON."""
    result = run(*line.split())
    assert (result.status, result.stdout) == (2, "")
    assert (result.error["kind"], result.error["message"], calls) == ("invalid-input", message, [])


@pytest.mark.slow
@given(st.lists(st.one_of(st.text(max_size=5), st.sampled_from(["list", "add", "--js", "-h", "-r"])), max_size=4))
def test_any_line_is_read_or_refused(line: list[str]) -> None:
    """Every command line is either parsed or refused with the program's own error."""
    with contextlib.suppress(InvalidInput):
        assert parser.parse(line)


def test_a_command_gets_its_values(run: Run, calls: Calls) -> None:
    """A command gets its values by name and the shared options in the context; `--fingerprint` keeps all repeats."""
    run("add", "osc-fr1", "myapp", "-nr", "staging", "--offline", "--fallback")
    run("add", "-r", "one", "--refresh", "--remote=two", "osc-fr1")
    run("trust", "a", "b", "--fingerprint", "x", "--fingerprint=y")

    (context, values), (other, plain), (_, repeated) = calls
    assert values == {"region": "osc-fr1", "app": "myapp", "remote": "staging", "force": False, "dry_run": True}
    assert plain == {"region": "osc-fr1", "app": "", "remote": "two", "force": False, "dry_run": False}
    given = {"regions": ("a", "b"), "fingerprint": ("x", "y")}
    assert repeated == {**given, "all": False, "known_hosts": "", "dry_run": False}
    assert (context.offline, context.refresh, context.fallback) == (True, False, True)
    assert (other.offline, other.refresh, other.fallback) == (False, True, False)


AS_JSON = '{\n  "text": "text",\n  "warnings": [\n    "a warning"\n  ]\n}\n'


@pytest.mark.parametrize(
    ("line", "stdout", "stderr"),
    [
        ("list", "text (False, 0)\n", "warning: a warning\nhint: a hint\n"),
        ("list -q", "", "warning: a warning\n"),
        ("list --json", AS_JSON, ""),
        ("list -q --json", AS_JSON, ""),
    ],
)
def test_a_result_is_written(run: Run, calls: Calls, line: str, stdout: str, stderr: str) -> None:
    """Text goes to stdout, hints and warnings to stderr, and JSON holds the warnings; the status is the result's."""
    assert run(*line.split()) == Result(7, stdout, stderr)


def test_a_failure_is_written(run: Run, calls: Calls) -> None:
    """Warnings, error and hints come in this order and cannot harm the terminal; with `--json` they are one object."""
    said = "warning: a warning\nerror: no such\\x1b[2J region\nhint: a hint\\u202e\n"
    assert run("show", "missing") == Result(3, "", said)
    failed = run("show", "missing", "--json")
    error = {"kind": "region", "message": "no such\x1b[2J region", "exit_status": 3, "hints": ["a hint\u202e"]}
    assert (failed.status, failed.stdout) == (3, "")
    assert json.loads(failed.stderr) == {"error": error, "warnings": ["a warning"]}


def test_one_list_has_one_source(run: Run, calls: Calls) -> None:
    """`--refresh` and `--offline` together end with status 2 and an error without a hint."""
    assert run("list", "--refresh", "--offline") == refusal(2, "--refresh and --offline cannot be used together")
    assert calls == []


def test_only_a_bug_shows_a_traceback() -> None:
    """An exception that is not one of the program's own errors shows a traceback and ends with status 1."""
    status, stdout, stderr = process("1 / 0")
    assert (status, stdout) == (1, "")
    assert stderr.startswith("Traceback")
    assert stderr.endswith("ZeroDivisionError: division by zero\n")


def test_nobody_reads_what_is_written() -> None:
    """If nobody reads the result, the program ends silently with 141, as by SIGPIPE; a lost warning does no harm."""
    read_end, nobody = os.pipe()
    os.close(read_end)
    for arguments in ((), ("--json",), ("-h",)):
        status, _, stderr = process(SAY, *arguments, stdout=nobody)
        assert (status, stderr) == (141, "")
    assert process(f'context.warn("a warning")\n{SAY}', stderr=nobody)[:2] == (0, "done\n")
    os.close(nobody)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk() -> None:
    """A result that cannot be written ends with status 1 and an error in one sentence."""
    status, _, stderr = process(SAY, shell='exec "$@" >/dev/full')
    assert (status, stderr) == (1, "error: cannot write the result: No space left on device\n")


def test_closed_streams(tmp_path: Path) -> None:
    """If the caller has closed the standard streams, no file that the program opens takes their place."""
    file = tmp_path / "file"
    code = f'print(open("{file}", "w").fileno(), file=open("{file}.number", "w"))\n{SAY}'
    assert process(code, shell='exec "$@" <&- >&- 2>&-')[0] == 0
    assert int((tmp_path / "file.number").read_text()) > 2
    assert file.read_text() == ""


def test_a_locale_without_utf8() -> None:
    """Characters that the locale cannot write are written as escapes."""
    locale = "export LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0"
    assert process('return result("\\u65e5")', shell=f'{locale}; exec "$@"')[:2] == (0, "\\u65e5\n")


@pytest.mark.parametrize(
    ("environment", "columns", "style"),
    [
        ({}, 60, (True, 60)),
        ({"NO_COLOR": "1"}, 60, (False, 60)),
        ({"NO_COLOR": ""}, 80, (True, 80)),
        ({"TERM": "dumb"}, 80, (False, 80)),
    ],
)
def test_colours_and_width_of_a_terminal(environment: dict[str, str], columns: int, style: tuple[bool, int]) -> None:
    """A terminal gets colours and a width; NO_COLOR and TERM=dumb turn the colours off."""
    code = 'context.warn("w")\nmade = result("")\nmade.text = lambda style: f"{tuple(style)}\\n"\nreturn made'
    argv = ["sh", "-c", f'stty cols {columns} -onlcr; exec "$@"', "sh", *program(code)]
    shown = in_terminal(argv, env={**os.environ, "TERM": "xterm", **environment})
    assert f"{style}\n" in shown
    assert ("\x1b[" in shown) == style[0]
    assert shown.replace("\x1b[33m", "").replace("\x1b[0m", "").startswith("warning: w\n")


UNWIND = """
try:
    os.kill(os.getpid(), signal.{name})
    print("went on")
except Exception:
    print("swallowed")
finally:
    os.kill(os.getpid(), signal.SIGINT)
    print("cleaned up")
"""
HOLD = """
from git_scalingo_region import signals
try:
    with signals.deferred(), signals.deferred():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        print("finished", flush=True)
    print("went on", flush=True)
finally:
    with signals.deferred():
        print("cleaned up", flush=True)
"""


@pytest.mark.parametrize(("name", "status"), [("SIGHUP", 129), ("SIGINT", 130), ("SIGQUIT", 131), ("SIGTERM", 143)])
def test_a_signal_unwinds_the_program(name: str, status: int) -> None:
    """A signal runs every `finally`, cannot be swallowed by `except Exception`, and is not interrupted by another."""
    code = UNWIND.format(name=name).replace('")\n', '", flush=True)\n')
    assert process(code) == (status, "cleaned up\n", "")


def test_a_signal_that_is_held_is_acted_on_later() -> None:
    """A deferred signal takes effect at the end of the block or at a check in it, and only the first one counts."""
    assert process(HOLD) == (143, "finished\ncleaned up\n", "")
    assert process(HOLD.replace('print("finished", flush=True)', "signals.check()")) == (143, "cleaned up\n", "")


def test_an_ignored_signal_stays_ignored() -> None:
    """A signal that the parent process ignores, as nohup does, does not end the program."""
    code = f"os.kill(os.getpid(), signal.SIGHUP)\n{SAY}"
    assert process(code, shell="""trap '' HUP; exec "$@" """)[:2] == (0, "done\n")
