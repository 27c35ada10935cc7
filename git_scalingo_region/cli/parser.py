"""Read any command line with Typer, with help, every spelling, and mistakes. Only this module imports Typer.

The Typer app is generated from `options`. It runs nothing: each of its commands returns the `Call` to be made.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import partial
from inspect import Parameter, Signature
from typing import Annotated, Any

import typer
import typer.main
from typer.core import TyperCommand

from git_scalingo_region.cli.options import BY_NAME, COMMANDS, HELP, VERSION, Argument, Command, Option
from git_scalingo_region.cli.reader import Call
from git_scalingo_region.errors import InvalidInput
from git_scalingo_region.shell import PROGRAM

INTRODUCTION = """Add the git remote of a Scalingo app, in the right region.

The manual: git help scalingo-region
"""

# The common base of Typer's complaints about the command line has no public name.
_UsageError: type[Exception] = typer.BadParameter.__base__  # type: ignore[assignment]


def parse(arguments: Sequence[str]) -> Call | str:
    """Return the call that the line makes, or the help page that it asks for; raise `InvalidInput` for a mistake."""
    page = io.StringIO()
    try:
        # Typer exits in its own way if stdout is a closed pipe, so it must not write there itself.
        with contextlib.redirect_stdout(page):
            call = typer.main.get_command(_app())(list(arguments), prog_name=PROGRAM, standalone_mode=False)
    except _UsageError as error:
        raise _mistake(error, arguments) from None
    return call if isinstance(call, Call) else page.getvalue()


class _Command(TyperCommand):
    """A command whose help page looks the same with every version of Typer."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what follows the command's name in the synopsis."""
        return ["[OPTIONS]", *(argument.metavar for argument in BY_NAME[self.name or ""].arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and the options."""
        command = BY_NAME[self.name or ""]
        arguments = [(argument.metavar, argument.help) for argument in command.arguments]
        options = [(_spelling(option), option.help) for option in (*command.options, HELP)]
        for title, rows in (("Arguments", arguments), ("Options", options)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def _spelling(option: Option) -> str:
    return f"{', '.join(reversed(option.flags))} {option.metavar}".rstrip()


def _app() -> typer.Typer:
    app = typer.Typer(
        # rich's boxes and colours would cost 150 ms for each help page, and would also go into pipes.
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        suggest_commands=False,
        context_settings={"help_option_names": list(reversed(HELP.flags))},
    )
    app.callback(help=INTRODUCTION)(_function(lambda values: None, (VERSION,)))
    for command in COMMANDS:
        # The help is the short help too, because Typer does not truncate a given one.
        register = app.command(command.name, cls=_Command, help=command.help, short_help=command.help)
        register(_function(partial(Call, command), command.parameters))
    return app


def _function(answer: Callable[[dict[str, Any]], Any], declared: Iterable[Argument | Option]) -> Callable[..., Any]:
    """Return a function with these parameters; Typer makes a command from its signature."""

    def function(**values: Any) -> Any:
        return answer(values | {each.name: tuple(values[each.name] or ()) for each in declared if each.repeated})

    function.__signature__ = Signature([_parameter(each) for each in declared])  # type: ignore[attr-defined]
    return function


def _parameter(declared: Argument | Option) -> Parameter:
    info: Any
    default: Any
    if isinstance(declared, Option):
        info, default = typer.Option(*declared.flags, help=declared.help), declared.default
    else:
        info = typer.Argument(metavar=declared.name.upper())
        default = Parameter.empty if declared.required else ""
    kind: Any = bool if default is False else str
    if declared.repeated:
        kind, default = list[str], None
    return Parameter(declared.name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info])


def _mistake(error: Any, arguments: Sequence[str]) -> InvalidInput:
    """Return Typer's complaint in this program's style, with hints such as a guess."""
    first = next(iter(arguments), "")
    # Options may stand before the command by mistake. Any other word in its place is taken for the command.
    words = arguments if first.startswith("-") else [first]
    command = next((BY_NAME[word] for word in words if word in BY_NAME), None)
    guesses = list(getattr(error, "possibilities", None) or ())
    text = " ".join((error.message if guesses else error.format_message()).split()).rstrip(".")
    hints: list[str] = []
    if error.ctx and error.ctx.parent is None:
        guesses = [] if command else get_close_matches(first, BY_NAME)
        if command:
            hints = [f"options come after the command: {PROGRAM} {command.name} [OPTIONS]"]
    elif command:
        text, *hints = _about_command(text, command)
    if guesses:
        hints.insert(0, f"did you mean {' or '.join(guesses)}?")
    manual = f"{PROGRAM} {command.name} -h" if command else f"{PROGRAM} -h"
    return InvalidInput(text[:1].lower() + text[1:], *hints, manual)


def _about_command(text: str, command: Command) -> list[str]:
    """Return the text of a mistake within a command, and its hints."""
    extra = re.fullmatch(r"Got unexpected extra argument(?:\(s\)|s)? \((.*)\)", text)
    if extra:
        return [f"too many arguments for {command.name}: {extra[1]}", f"usage: {PROGRAM} {command.synopsis}"]
    if re.match("No such option: -[^-]", text) and any(argument.name == "app" for argument in command.arguments):
        return [f"{text}; a name cannot start with a hyphen either"]
    return [text]
