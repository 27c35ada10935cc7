"""The plain reader compared with Typer: Typer reads every line that the reader accepts in the same way."""

from __future__ import annotations

import subprocess
import sys
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_scalingo_region.cli import options, parser, reader
from git_scalingo_region.cli.options import BY_NAME, COMMANDS, Option

FLAGS = sorted({flag for command in COMMANDS for option in command.options for flag in option.flags})
WORDS = st.one_of(
    st.sampled_from([*FLAGS, "--", "-", "", "-h", "--help", "--version", "osc-fr1", "myapp"]),
    st.sampled_from(FLAGS).flatmap(lambda flag: st.sampled_from([f"{flag}=", f"{flag}=x", f"{flag}x", flag[:-1]])),
    st.text(max_size=4),
    st.text("-=nqr ", max_size=4),
)


@st.composite
def well_formed(draw: st.DrawFn) -> list[str]:
    """Draw a line that the reader must accept: options in any order and spelling, and not too many arguments."""
    command = draw(st.sampled_from(COMMANDS))
    parts = [
        [flag]
        if not option.metavar
        else [flag, value]
        if flag[1] != "-" or draw(st.booleans())
        else [f"{flag}={value}"]
        for option in draw(st.lists(st.sampled_from(command.options)))
        for flag in [draw(st.sampled_from(option.flags))]
        for value in [draw(st.text(max_size=4))]
    ]
    room = 4 if any(argument.repeated for argument in command.arguments) else len(command.arguments)
    least = sum(argument.required for argument in command.arguments)
    words = draw(st.lists(st.text(max_size=4), min_size=least, max_size=room))
    if draw(st.booleans()):
        return [command.name, *chain.from_iterable(parts), "--", *words]
    parts += [[word.lstrip("-")] for word in words]
    return [command.name, *chain.from_iterable(draw(st.permutations(parts)))]


@given(st.lists(WORDS, max_size=5).flatmap(lambda rest: st.sampled_from([[n, *rest] for n in [*BY_NAME, *rest[:1]]])))
def test_typer_reads_what_the_reader_accepts_in_the_same_way(line: list[str]) -> None:
    """For a random line, well-formed or not, the reader gives the same answer as Typer, or none."""
    call = reader.read(line)
    if call is not None:
        assert call == parser.parse(line)


@pytest.mark.slow
@given(well_formed())
def test_plain_lines_need_no_typer(line: list[str]) -> None:
    """The reader accepts every well-formed line, and reads it as Typer does."""
    call = reader.read(line)
    assert call is not None
    assert call == parser.parse(line)


def test_the_declaration_is_consistent() -> None:
    """Options are the same in every command, names are unique, excluded options exist, and help fits in 80 columns."""
    by_flag: dict[str, Option] = {}
    for command in COMMANDS:
        names = [parameter.name for parameter in command.parameters]
        assert len(set(names)) == len(names)
        assert all(excluded in names for option in command.options for excluded in option.excludes)
        for option in command.options:
            assert not set("[]") & set(option.help)  # zsh ends a description there
            assert all(by_flag.setdefault(flag, option) == option for flag in option.flags)
        assert len(f"  {command.name:<10}  {command.help}") <= 80
        assert command.help.endswith(".")
    assert set(options.COMMON) >= {option.name for option in options.USUAL}


HEAVY = {"typer", "inspect", "dataclasses", "subprocess", "json", "git", "requests", "difflib", "tempfile"}
READ = "from git_scalingo_region.cli.reader import read; assert read(['add', 'osc-fr1', 'myapp', '--remote=staging'])"
VERSION = "import os; from git_scalingo_region.cli.run import run; assert run(['--version']) == 0"


@pytest.mark.parametrize(("code", "never"), [(READ, HEAVY), (VERSION, {*HEAVY, "typing", "re"})])
def test_what_is_loaded(code: str, never: set[str]) -> None:
    """Reading a plain line loads no heavy module, and `--version` does not even load `typing` or `re`."""
    program = f"import sys; before = set(sys.modules); {code}; print(*set(sys.modules) - before, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert set(done.stderr.split()) & never == set()
