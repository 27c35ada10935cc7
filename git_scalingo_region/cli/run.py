"""Run a command and report the result: the streams, and the only error boundary.

A run imports only what it needs: `--version` loads almost nothing, and only the command that is called is loaded.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys

from git_scalingo_region import __version__
from git_scalingo_region.errors import ExitStatus, ScalingoRegionError

TYPE_CHECKING = False  # as in typing, which takes longer to load than --version may take
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TextIO

    from git_scalingo_region.cli.reader import Call
    from git_scalingo_region.terminal import Result, Style


def run(arguments: Sequence[str]) -> int:
    """Run the program with these arguments and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A locale without UTF-8 must not turn a name into a crash.
            stream.reconfigure(errors="backslashreplace")
    try:
        call = _read(arguments)
        return _write(call) if isinstance(call, str) else _execute(call)
    except ScalingoRegionError as error:
        return _fail(error, (), as_json="--json" in arguments)


def _read(arguments: Sequence[str]) -> Call | str:
    """Return the call that the line makes, or the text that answers it."""
    if arguments and arguments[0] == "--version":
        return f"git-scalingo-region version {__version__}\n"
    from git_scalingo_region.cli.reader import read

    call = read(arguments)
    if call is None:
        from git_scalingo_region.cli.parser import parse

        return parse(arguments)
    return call


def _execute(call: Call) -> int:
    from git_scalingo_region.cli.options import COMMON
    from git_scalingo_region.context import Context
    from git_scalingo_region.settings import Settings

    call.command.check(call.values)
    values = dict(call.values)
    as_json, quiet, refresh, offline, fallback = (values.pop(name, False) for name in COMMON)
    settings = Settings.from_environ(os.environ)
    context = Context(settings, refresh=refresh, offline=offline, fallback=fallback)
    try:
        module: Any = __import__(f"git_scalingo_region.commands.{call.command.name}", fromlist=["run"])
        result: Result = module.run(context, **values)
    except ScalingoRegionError as error:
        return _fail(error, context.warnings, as_json=as_json)
    if as_json:
        return _write(_json({**result.json(), "warnings": context.warnings})) or int(result.exit_status)
    _tell("warning", context.warnings)
    lost = _write("" if quiet else result.text(_style(sys.stdout)))
    if not quiet and not lost:
        _tell("hint", result.hints())
    return lost or int(result.exit_status)


def _write(text: str) -> int:
    """Write the result; return 0, or the exit status of a failure, such as a closed pipe or a full disk."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # What is left in the buffer must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 128 + signal.SIGPIPE  # as if the signal had ended the program
        _tell("error", [f"cannot write the result: {error.strerror}"])
        return ExitStatus.BUG
    return ExitStatus.DONE


def _fail(error: ScalingoRegionError, warnings: Sequence[str], *, as_json: bool) -> int:
    if as_json:
        from git_scalingo_region import terminal

        with contextlib.suppress(OSError):
            sys.stderr.write(_json(terminal.error_json(error, warnings)))
            sys.stderr.flush()
    else:
        _tell("warning", warnings)
        _tell("error", [error.message])
        _tell("hint", error.hints)
    return int(error.exit_status)


def _tell(label: str, texts: Sequence[str]) -> None:
    """Write lines to stderr; if that fails, ignore it, because the result still counts."""
    from git_scalingo_region import terminal

    with contextlib.suppress(OSError):
        style = _style(sys.stderr)
        for text in texts:
            sys.stderr.write(terminal.message(label, text, style))
        sys.stderr.flush()


def _json(value: Any) -> str:
    import json

    return json.dumps(value, indent=2) + "\n"


def _style(stream: TextIO) -> Style:
    from git_scalingo_region.terminal import Style

    if not stream.isatty():
        return Style()
    no_color = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    try:
        width = os.get_terminal_size(stream.fileno()).columns
    except OSError:
        width = 0
    return Style(colour=not no_color, width=width)
