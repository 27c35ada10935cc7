"""The manual page compared with the program: everything is documented, and everything documented exists."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Repo, Run

from git_scalingo_region import __version__, errors, model
from git_scalingo_region.cli.options import BY_NAME, COMMANDS, HELP, VERSION, Command, Option
from git_scalingo_region.cli.parser import parse
from git_scalingo_region.repository.plan import State
from git_scalingo_region.scalingo import builtin
from git_scalingo_region.scalingo.choice import RegionSource
from git_scalingo_region.settings import Settings

ROOT = Path(__file__).parent.parent
MANUAL = ROOT / "man" / "git-scalingo-region.1"
SOURCES = [path.read_text() for path in (ROOT / "git_scalingo_region").rglob("*.py")]

# The variables that requests reads by itself.
OF_REQUESTS = {"HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}


def plain(line: str) -> str:
    """Return a line of the page as it is shown, without fonts and without the spaces that .BR and the like drop."""
    macro = re.match(r"\.(B|I|BR|RB|BI|IB|IR|RI|SH|SS|IP) ", line)
    if macro:
        words = shlex.split(line[macro.end() :].replace("\\", "\\\\").replace("'", "\\'"))
        line = ("" if len(macro[1]) == 2 and macro[1][0] != "S" else " ").join(words)
    return re.sub(r"\\f[BIRP]|\\&", "", line).replace(r"\-", "-")


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


def words_of(section: str) -> set[str]:
    """Return the tags of a section, with lists such as `-h, --help` split up."""
    return set(", ".join(tags(section)).split(", "))


def test_describes_the_commands_in_the_words_of_the_help() -> None:
    """COMMANDS has a subsection for each command with its arguments, and each begins with the line of the help."""
    described = {name.partition("/")[2]: text for name, ((_, text), *_) in PAGE.items() if name.startswith("COMMANDS/")}
    assert list(described) == [command.synopsis for command in COMMANDS]
    assert [text.partition("\n")[0] for text in described.values()] == [command.help for command in COMMANDS]


OPTIONS = [*dict.fromkeys(option for command in COMMANDS for option in command.options), HELP]


def is_special(option: Option) -> bool:
    """Return whether the SYNOPSIS names an option; `[OPTION]...` stands there for those of nearly all commands."""
    return sum(option in command.options for command in COMMANDS) < len(COMMANDS) // 2


def spelling(option: Option) -> str:
    """Return an option as OPTIONS shows it."""
    return ", ".join(f"{flag} {option.metavar}".rstrip() for flag in sorted(option.flags, key=len))


def shown(option: Option) -> str:
    """Return an option as the SYNOPSIS shows it."""
    flag = min(option.flags, key=len)
    return f"[{flag}{option.metavar and ' '}{option.metavar}]" + ("..." if option.repeated else "")


def test_shows_every_command_in_the_synopsis() -> None:
    """The SYNOPSIS shows each command with its arguments and the options of its own."""
    ((_, text),) = PAGE["SYNOPSIS"]
    lines = re.sub(r"\n +", " ", text).splitlines()
    assert lines.pop() == "git scalingo-region --version"

    def parts(line: str) -> tuple[list[str], str]:
        head, _, arguments = line.partition("[OPTION]...")
        return sorted(re.findall(r"\[[^]]*\](?:\.\.\.)?", head)), arguments.strip()

    def expected(command: Command) -> tuple[list[str], str]:
        return sorted(map(shown, filter(is_special, command.options))), command.synopsis.partition(" ")[2]

    assert {line.split()[2]: parts(line) for line in lines} == {command.name: expected(command) for command in COMMANDS}


def holders(option: Option) -> str:
    """Return the commands that have an option, in the words of the manual."""
    names = [command.name for command in COMMANDS if option in command.options or option is HELP]
    others = [command.name for command in COMMANDS if command.name not in names]
    return "all" if not others else f"all but {others[0]}" if len(others) == 1 else ", ".join(names)


def test_describes_the_options_in_the_words_of_the_help() -> None:
    """OPTIONS shows each option with its spellings, its value, the commands that have it, and the text of the help."""
    written = {tag: text.splitlines() for tag, text in PAGE["OPTIONS"] if tag}
    assert written.pop("--version") == [VERSION.help]
    expected = {spelling(option): [f"({holders(option)})", option.help] for option in OPTIONS}
    assert {tag: lines[:2] for tag, lines in written.items()} == expected


def test_lists_the_variables_that_the_program_reads() -> None:
    """ENVIRONMENT lists the variables that the program or requests reads, SSH_AUTH_SOCK, and no other."""
    asked = set()

    class Recording(dict[str, str]):
        def get(self, key: str, default: Any = None) -> Any:
            asked.add(key)
            return super().get(key, default)

    Settings.from_environ(Recording())
    read = {name for source in SOURCES for name in re.findall(r"environ(?:\.get\(|\[)\"(\w+)\"(?!\] =)", source)}
    assert words_of("ENVIRONMENT") == asked | read | {"SSH_AUTH_SOCK"} | OF_REQUESTS


def test_lists_the_keys_of_git_config_that_the_program_reads() -> None:
    """CONFIGURATION lists the keys of git config that the program asks for by name, and no other."""
    key = r"\"((?:scalingo|core|push|submodule)\.[a-z]+)\""
    asked = {name for source in SOURCES for name in re.findall(key, source)}
    # Two matches are not keys: a host, and a name under which the program passes a value to git.
    assert {tag.lower() for tag in words_of("CONFIGURATION")} == asked - {builtin.DOMAIN, "scalingo.boolean"}


def keys_of(value: Any) -> Iterator[str]:
    """Yield the keys of a JSON value in order, including those of objects and lists inside it."""
    for name, item in value.items() if isinstance(value, dict) else ():
        yield from (name, *keys_of(item))
    for item in value if isinstance(value, list) else ():
        yield from keys_of(item)


# The commands whose JSON the manual shows, as it names them, and the arguments that the test adds to some of them.
EXAMPLES = ["add", "url", "list", "show", "status", "sync", "setup", "setup --write", "trust", "trust --all", "doctor"]
EXAMPLES += ["completion", "error"]
ARGUMENTS = {"add": "osc-fr1 myapp", "url": "osc-fr1 myapp", "sync": "old --dry-run", "setup --write": "--dry-run"}
ARGUMENTS |= {"trust": "osc-fr1", "completion": "fish"}


@pytest.mark.usefixtures("service", "offered")
def test_gives_the_keys_of_the_json(repo: Repo, run: Run) -> None:
    """The manual gives exactly the keys, in order, that the JSON of each command and of an error really has."""
    repo.git("remote", "add", "scalingo", "ssh://git@ssh.osc-fr1.scalingo.com/myapp.git")
    repo.git("remote", "add", "old", "ssh://git@ssh.osc-fr1.scalingo.com:2200/myapp.git")
    (repo.path / ".gitscalingo").write_text('[remote "scalingo"]\n\tapp = myapp\n\tregion = osc-fr1\n')
    assert tags("OUTPUT/JSON")[: len(EXAMPLES)] == EXAMPLES
    assert list(dict.fromkeys(name.split()[0] for name in EXAMPLES)) == [*BY_NAME, "error"]
    for name in EXAMPLES:
        line = "show nowhere" if name == "error" else f"{name} {ARGUMENTS.get(name, '')}"
        result = run(*line.split(), "--json")
        answer = json.loads(result.stdout or result.stderr)
        documented = re.findall(r'"(\w+)"', tagged("OUTPUT/JSON", name))
        assert list(dict.fromkeys(documented)) == list(dict.fromkeys(keys_of(answer))), name


ERRORS = (errors.InvalidInput, errors.RegionError, errors.ServiceError, errors.CredentialsError)
VALUES = {
    "outcome": [outcome.value for outcome in model.Outcome],
    "region_source": [source.key for source in RegionSource],
    "list_source": [source.value for source in model.ListSource],
    "status": ["ok", "warning", "problem", "skipped"],
    "kind": [kind.kind for kind in (*ERRORS, errors.RepositoryError, errors.RemoteConflict, errors.HostKeyError)],
}


def test_gives_the_values_that_a_script_may_compare_with(repo: Repo, run: Run) -> None:
    """The manual lists exactly the program's JSON values, region fields, states, checks and exit statuses, in order."""
    for key, values in VALUES.items():
        text = [text for tag, text in PAGE["OUTPUT/JSON"] if tag == key][-1].partition(";")[0]
        assert [word for word in re.findall(r"[a-z]+(?:-[a-z]+)*", text) if word != "or"] == values
    fields = PAGE["COMMANDS/show [REGION]"][0][1].partition("API:")[2]
    assert re.findall(r"\w+_\w+|\b(?!and)\w+\b", fields) == list(model.REGION_FIELDS)
    assert tags("COMMANDS/status [REMOTE]...") == [state.value for state in State]
    checks = run("doctor", "--offline", "--json").json["checks"]
    assert tags("COMMANDS/doctor [REMOTE]") == [check["check"] for check in checks]
    assert tags("EXIT STATUS") == [*(str(int(status)) for status in errors.ExitStatus), "128+N"]
    assert "141 if nobody reads the output" in tagged("EXIT STATUS", "128+N")


def test_has_the_sections_of_a_git_manual_in_their_order() -> None:
    """The sections of the manual are in the order that git's own pages use."""
    assert ", ".join(heading for heading in PAGE if "/" not in heading) == (
        "NAME, SYNOPSIS, DESCRIPTION, COMMANDS, OPTIONS, REGION, APP AND REMOTE, DECLARED REMOTES, OUTPUT, "
        "CONFIGURATION, ENVIRONMENT, FILES, EXIT STATUS, EXAMPLES, SECURITY, SEE ALSO"
    )


def test_gives_examples_that_the_program_takes() -> None:
    """The program can read each command line in EXAMPLES."""
    text = "".join(text for _, text in PAGE["EXAMPLES"])
    lines = re.findall(r"git scalingo-region ([^)\n]+)", text)
    assert len(lines) > 8
    for line in lines:
        assert not isinstance(parse(line.split()), str)


def test_says_the_versions_and_days_of_the_release() -> None:
    """All pages agree on the version and the day of the release, and the manual gives the day of the built-in data."""
    heading = shlex.split(MANUAL.read_text().partition("\n")[0].replace(r"\-", "-"))
    release = re.search(r"^## (\S+) - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert release
    assert heading[2:5] == ["1", release[2], f"git-scalingo-region {__version__}"]
    assert release[1] == __version__
    (day,) = re.findall(r"\d{4}-\d\d-\d\d", builtin.SOURCE)
    assert day in "".join(text for _, text in PAGE["SECURITY"])
    for page in ("README.md", "action.yml", "docs/gitlab-ci.yml"):
        assert re.findall(r"git-scalingo-region@(\S+)", (ROOT / page).read_text()) == [f"v{__version__}"]


LINTS = {"mandoc": ["-T", "lint", "-W", "warning"], "groff": ["-man", "-ww", "-T", "utf8", "-z"]}


@pytest.mark.parametrize("program", LINTS)
def test_is_clean(program: str) -> None:
    """Both mandoc and groff read the manual page without a warning."""
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    command = [program, *LINTS[program], str(MANUAL)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_fits_eighty_columns() -> None:
    """No line of the rendered manual page is longer than 80 columns."""
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed")
    page = subprocess.run(["mandoc", "-T", "ascii", str(MANUAL)], check=True, capture_output=True, text=True).stdout
    assert [line for line in re.sub(".\b", "", page).splitlines() if len(line) > 80] == []
