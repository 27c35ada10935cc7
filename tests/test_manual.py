"""The manual page against the program, both ways: nothing undocumented, nothing documented that is not there."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main
from conftest import Repo, Run

from git_scalingo_region import __version__, errors, model
from git_scalingo_region import terminal as render
from git_scalingo_region.cli.run import app
from git_scalingo_region.repository import plan as policy
from git_scalingo_region.scalingo import builtin as embedded
from git_scalingo_region.settings import Settings
from git_scalingo_region.ssh import known_hosts as hostkeys

ROOT = Path(__file__).parent.parent
MANUAL = ROOT / "man" / "git-scalingo-region.1"
GROUP: Any = typer.main.get_command(app)
CONTEXT = typer.Context(GROUP)
VERBS: Mapping[str, Any] = {name: GROUP.get_command(CONTEXT, name) for name in GROUP.list_commands(CONTEXT)}

# What requests reads by itself.
OF_REQUESTS = {"HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}

_FONT = re.compile(r"\\f[BIRP]|\\&")


def plain(line: str) -> str:
    """Return a line of the page as it is read, without fonts, and without the space that .BR and its like leave out."""
    macro = re.match(r"\.(B|I|BR|RB|BI|IB|IR|RI|SH|SS|IP) ", line)
    if macro:
        words = shlex.split(line[macro.end() :].replace("\\", "\\\\").replace("'", "\\'"))
        line = ("" if len(macro[1]) == 2 and macro[1][0] != "S" else " ").join(words)
    return _FONT.sub("", line).replace(r"\-", "-")


def read_page() -> dict[str, list[tuple[str, str]]]:
    """Return the page as sections, `SECTION` and `SECTION/subsection`: each a list of (tag, text under it)."""
    sections: dict[str, list[tuple[str, str]]] = {}
    heading, tagged = "", False
    for line in MANUAL.read_text().splitlines():
        if line.startswith((".SH ", ".SS ")):
            top = heading.partition("/")[0]
            heading = plain(line) if line.startswith(".SH") else f"{top}/{plain(line)}"
            sections[heading] = [("", "")]
        elif line == ".TP":
            tagged = True
        elif tagged:
            sections[heading].append((plain(line), ""))
            tagged = False
        elif line == ".PP":
            sections[heading].append(("", ""))
        elif heading and line not in (".nf", ".fi"):
            tag, text = sections[heading][-1]
            sections[heading][-1] = (tag, f"{text}{plain(line)}\n")
    return sections


PAGE = read_page()


def tags(section: str) -> list[str]:
    return [tag for tag, _ in PAGE[section] if tag]


def tagged(section: str, tag: str) -> str:
    return next(text for found, text in PAGE[section] if found == tag)


def options_of(command: Any) -> list[list[str]]:
    """Return the spellings of each option of a command, -h aside."""
    return [list(param.opts) for param in command.params if param.param_type_name == "option"]


def all_options_of(command: Any) -> set[str]:
    return {name for names in options_of(command) for name in names}


def spellings(tag: str) -> list[str]:
    """Return the options that a tag such as `-r NAME, --remote NAME` names."""
    return re.findall(r"(?<![\w-])--?[a-z][a-z-]*", tag)


COMMON = [spellings(tag) for tag in tags("OPTIONS/Options of every command")]


# --- verbs and options -----------------------------------------------------------------------------------------------


def test_describes_every_verb_with_its_arguments_in_the_order_of_the_help() -> None:
    """The subsections of COMMANDS are the verbs of the program with their arguments, in its order."""
    usages = [" ".join(VERBS[name].collect_usage_pieces(typer.Context(VERBS[name]))) for name in VERBS]
    arguments = [usage.partition("[OPTIONS]")[2].replace("]...", "...]") for usage in usages]
    expected = [f"{name}{argument}" for name, argument in zip(VERBS, arguments)]
    assert [heading.partition("/")[2] for heading in PAGE if heading.startswith("COMMANDS/")] == expected


def test_synopsis_names_the_options_of_each_verb() -> None:
    """The SYNOPSIS gives each verb the options that it has beside the common ones, and the same arguments."""
    ((_, text),) = PAGE["SYNOPSIS"]
    lines = re.sub(r"\n +", " ", text).splitlines()
    shown = {line.split()[2]: spellings(line) for line in lines if not line.endswith("--version")}
    own = {
        name: sorted(names[-1] for names in options_of(verb) if sorted(names, key=len) not in COMMON)
        for name, verb in VERBS.items()
    }
    long = {name: names[-1] for verb in VERBS.values() for names in options_of(verb) for name in names}
    assert {name: sorted(long[option] for option in options) for name, options in shown.items()} == own
    for name, line in zip(VERBS, lines):
        arguments = next(heading for heading in PAGE if re.match(rf"COMMANDS/{name}\b", heading)).partition(name)[2]
        assert line.endswith("[OPTION...]" + arguments)


def test_options_of_every_command_are_had_by_every_command() -> None:
    """The common options of the manual are those that all verbs have, with all their spellings."""
    having_all = [names for names in options_of(VERBS["add"]) if all(names in options_of(v) for v in VERBS.values())]
    assert sorted(COMMON) == sorted([*(sorted(names, key=len) for names in having_all), ["-h", "--help"]])


def test_options_of_some_commands_name_these_commands() -> None:
    """Each other option is in the manual with all its spellings, its value, and the verbs that have it."""
    having: dict[tuple[str, ...], tuple[str, list[str]]] = {}
    for name, verb in VERBS.items():
        for param in verb.params:
            names = tuple(sorted(param.opts, key=len))
            if param.param_type_name == "option" and list(names) not in COMMON:
                value = "" if param.is_flag else param.metavar
                having.setdefault(names, (value, []))[1].append(name)
    written = {}
    for tag, text in PAGE["OPTIONS/Options of some commands"]:
        if tag:
            names = tuple(spellings(tag))
            values = {part.removeprefix(name).strip() for part, name in zip(tag.split(", "), names)}
            verbs = re.match(r"\(([a-z, ]+)\)", text)
            assert verbs, tag
            written[names] = (values.pop() if len(values) == 1 else values, verbs[1].split(", "))
    assert written == having


def test_options_of_the_program_itself() -> None:
    """What stands before the verb is in the manual as well."""
    assert list(map(spellings, tags("OPTIONS/Options of the program"))) == options_of(GROUP)


def test_show_names_the_fields() -> None:
    """The fields that `show --field` takes are listed where `show` is described."""
    ((_, text),) = PAGE["COMMANDS/show [REGION]"]
    assert re.findall(r"^(\w+)[,.]$", text, re.MULTILINE) == list(model.REGION_FIELDS)


# --- environment, configuration, statuses ----------------------------------------------------------------------------


def test_lists_the_variables_that_the_program_reads() -> None:
    """ENVIRONMENT holds every variable that the settings or the streams read, those of requests, and no other."""
    asked = set()

    class Recording(dict[str, str]):
        def get(self, key: str, default: Any = None) -> Any:
            asked.add(key)
            return super().get(key, default)

    Settings.from_environ(Recording())
    assert set(", ".join(tags("ENVIRONMENT")).split(", ")) == asked | {"NO_COLOR", "TERM"} | OF_REQUESTS


def test_reads_the_environment_in_no_other_place() -> None:
    """The modules that look at the environment by themselves read what the manual lists: colours, and no more."""
    reading = {
        path.name: set(re.findall(r"environ(?:\.\w+\(|\[)\"(?!GIT_)(\w+)\"", path.read_text()))
        for path in (ROOT / "git_scalingo_region").rglob("*.py")
        if "os.environ" in path.read_text() or "getenv" in path.read_text()
    }
    # remotes and regions set and drop variables of git alone, before git sees them.
    assert reading == {"run.py": {"NO_COLOR", "TERM"}, "git.py": set(), "regions.py": set()}


def test_lists_the_keys_of_git_config_that_the_program_reads() -> None:
    """CONFIGURATION holds the keys that the program asks for by name, and no other."""
    sources = "".join(path.read_text() for path in (ROOT / "git_scalingo_region").rglob("*.py"))
    asked = set(re.findall(r"(?:\bget(?:_bool)?\(|\"--get\", )\"([a-z]+\.[a-z.]+)\"", sources))
    assert asked == {tag.lower() for tag in tags("CONFIGURATION")}


def test_lists_the_exit_statuses() -> None:
    """EXIT STATUS holds the program's statuses, and those of a closed pipe and of SIGTERM, in order."""
    assert list(map(int, tags("EXIT STATUS"))) == sorted([*map(int, errors.ExitStatus), 128 + 13, 128 + 15])


@pytest.mark.parametrize("option", [[], ["--json"]], ids=["text", "json"])
def test_ends_with_141_where_the_reader_is_gone(option: list[str]) -> None:
    """A closed pipe ends the program quietly, with the status that the manual names."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "-m", "git_scalingo_region", "list", "--offline", *option]
    with open(write_end, "wb") as pipe:
        done = subprocess.run(command, check=False, stdout=pipe, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (141, False)


# --- JSON ------------------------------------------------------------------------------------------------------------


def keys_of(value: Any) -> list[str]:
    """Return the keys of a JSON value in order, those of a list's objects once, at their place."""
    if isinstance(value, list):
        return list(dict.fromkeys(key for item in value for key in keys_of(item)))
    return [key for name, item in value.items() for key in [name, *keys_of(item)]] if isinstance(value, dict) else []


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> str:
    """Let every host offer one key, and return its fingerprint."""
    key = hostkeys.HostKey("ssh-ed25519", base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + 32 * b"k").decode())
    monkeypatch.setattr(hostkeys, "scan", lambda endpoint, seconds: (key,))
    return key.fingerprint


COMMANDS: dict[str, Callable[[str], list[str]]] = {
    "add": lambda fingerprint: ["add", "osc-fr1", "myapp"],
    "url": lambda fingerprint: ["url", "osc-fr1", "myapp"],
    "list": lambda fingerprint: ["list"],
    "show": lambda fingerprint: ["show"],
    "status": lambda fingerprint: ["status"],
    "sync": lambda fingerprint: ["sync", "--dry-run"],
    "trust": lambda fingerprint: ["trust", "--fingerprint", fingerprint],
    "doctor": lambda fingerprint: ["doctor"],
    "error": lambda fingerprint: ["show", "nowhere"],
}


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("verb", COMMANDS)
def test_gives_the_keys_of_the_json(verb: str, repo: Repo, run: Run, offered: str) -> None:
    """The JSON in the manual has the keys of a real answer, in its order, and no other."""
    repo.git("remote", "add", "old", "git@scalingo.com:myapp.git")
    result = run(*COMMANDS[verb](offered), "--json")
    answer = json.loads(result.stderr if verb == "error" else result.stdout)
    written = tagged("OUTPUT/JSON", verb)
    assert re.findall(r'"(\w+)"', written) == keys_of(answer)


def test_json_is_given_for_every_verb() -> None:
    """The JSON subsection holds each verb, the error, and then the values that need a word."""
    assert tags("OUTPUT/JSON")[: len(VERBS) + 1] == [*VERBS, "error"] == list(COMMANDS)


VALUES = {
    "outcome": [policy.CREATED, policy.UPDATED, policy.UNCHANGED],
    "region_source": list(render.REASONS),
    "list_source": ["cache", "api", "stale-cache", "embedded"],
    "kind": [
        kind.kind
        for kind in (
            errors.InvalidInput,
            errors.RegionError,
            errors.ServiceError,
            errors.CredentialsError,
            errors.RepositoryError,
            errors.RemoteConflict,
            errors.HostKeyError,
        )
    ],
}


@pytest.mark.parametrize("key", VALUES)
def test_gives_the_values_that_a_script_may_compare_with(key: str) -> None:
    """The words that a key can hold are those of the program."""
    words = re.findall(r"[a-z]+(?:-[a-z]+)*", tagged("OUTPUT/JSON", key).partition(";")[0])
    assert [word for word in words if word != "or"] == VALUES[key]


def test_states_are_those_of_status() -> None:
    """The states that `status` knows are described, in order of gravity."""
    assert tags("COMMANDS/status [REMOTE...]") == [
        policy.CURRENT,
        policy.STALE,
        policy.UNKNOWN_REGION,
        policy.DIVERTED,
    ]


def test_checks_are_those_of_doctor(run: Run) -> None:
    """The checks are described under the names, and in the order, in which `doctor` gives them."""
    checks = run("doctor", "--offline", "--json").json["checks"]
    assert tags("COMMANDS/doctor [REMOTE]") == [check["check"] for check in checks]


# --- the page itself -------------------------------------------------------------------------------------------------


def test_has_the_sections_of_a_git_manual_in_their_order() -> None:
    """The sections stand in the order of git's own pages."""
    assert [heading for heading in PAGE if "/" not in heading] == [
        "NAME",
        "SYNOPSIS",
        "DESCRIPTION",
        "COMMANDS",
        "OPTIONS",
        "HOW THE REGION IS CHOSEN",
        "OUTPUT",
        "CONFIGURATION",
        "ENVIRONMENT",
        "FILES",
        "EXIT STATUS",
        "EXAMPLES",
        "SECURITY",
        "SEE ALSO",
    ]


def test_examples_are_commands_of_the_program() -> None:
    """Each command line of EXAMPLES is one that the program takes, and leaves no region to be chosen."""
    text = "".join(text for _, text in PAGE["EXAMPLES"])
    lines = re.findall(r"git scalingo-region ([a-z]+)([^)\n]*)", text)
    assert {verb for verb, _ in lines} == {"add", "url", "sync", "trust", "doctor"}
    for verb, rest in lines:
        assert set(spellings(rest)) <= all_options_of(VERBS[verb]), rest
        if "--fallback" in all_options_of(VERBS[verb]):  # the verbs that take a region
            assert {region.name for region in embedded.REGIONS} & set(rest.split()), rest


def test_says_the_version_and_the_day_of_its_release() -> None:
    """The heading has the package's version, and the day that the change log gives to it."""
    heading = shlex.split(MANUAL.read_text().partition("\n")[0].replace(r"\-", "-"))
    release = re.search(r"^## (\S+) - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert release
    assert heading[2:5] == ["1", release[2], f"git-scalingo-region {__version__}"]
    assert release[1] == __version__


def test_says_when_the_fingerprints_were_published() -> None:
    """The day of the built-in data is the same in the manual and in the program."""
    day = re.search(r"\d{4}-\d\d-\d\d", embedded.SOURCE)
    assert day
    assert day[0] in "".join(text for _, text in PAGE["SECURITY"])


@pytest.mark.parametrize(
    "lint",
    [["mandoc", "-T", "lint", "-W", "warning"], ["groff", "-man", "-ww", "-T", "utf8", "-z"]],
    ids=["mandoc", "groff"],
)
def test_is_clean(lint: list[str]) -> None:
    """Both formatters read the page without a warning."""
    if not shutil.which(lint[0]):
        pytest.skip(f"{lint[0]} is not installed")
    done = subprocess.run([*lint, str(MANUAL)], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_fits_eighty_columns() -> None:
    """No line of the rendered page is cut or broken in a terminal of 80 columns."""
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed")
    page = subprocess.run(["mandoc", "-T", "ascii", str(MANUAL)], check=True, capture_output=True, text=True).stdout
    overstruck = re.compile(".\b")
    assert [line for line in overstruck.sub("", page).splitlines() if len(line) > 80] == []
