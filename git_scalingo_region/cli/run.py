"""The command line: the Typer app, the streams, and the one error boundary.

Knows no policy, no HTTP, no git: it turns words into plain values, hands them to a verb of `commands`, and what comes
back to `render`. The verbs are imported when they are called, so that each run loads no more than it needs. Owns Typer.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TextIO, TypeVar

import typer
import typer.main
from typer.core import TyperGroup

from git_scalingo_region import __version__
from git_scalingo_region import terminal as render
from git_scalingo_region.errors import ExitStatus, InvalidInput, ScalingoRegionError
from git_scalingo_region.settings import DEFAULT_REMOTE, Settings
from git_scalingo_region.terminal import Style

if TYPE_CHECKING:
    from git_scalingo_region.commands.regions import Request

PROGRAM = "git scalingo-region"
OutcomeT = TypeVar("OutcomeT")

VERBS: dict[str, Callable[..., int]] = {}


class _Group(TyperGroup):
    """The verbs, each made a command when it is called for: to make all of them takes longer than to run one."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the verbs in the order of the help."""
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of one verb, or None."""
        if cmd_name not in VERBS:
            return None
        single = typer.Typer(**_STYLE)
        single.command(cmd_name)(VERBS[cmd_name])
        return typer.main.get_command(single)


_STYLE: dict[str, Any] = {
    # Boxes and colours of rich would cost 150 ms a help page, and stay in pipes.
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "add_completion": False,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}
app = typer.Typer(cls=_Group, **_STYLE)


def _verb(function: Callable[..., int]) -> Callable[..., int]:
    """Make a function a verb of the command line, under its own name."""
    VERBS[function.__name__.rstrip("_")] = function
    return function


Words = Annotated[
    list[str] | None,
    typer.Argument(metavar="[REGION] APP", help="The app, and its region where that is not chosen otherwise."),
]
RegionWord = Annotated[str, typer.Argument(metavar="[REGION]", help="The region; else the one that is selected here.")]
RemoteWords = Annotated[list[str] | None, typer.Argument(metavar="[REMOTE]...", help="These remotes alone.")]
Json = Annotated[bool, typer.Option("--json", help="Write the result, or the error, as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Write no result, only warnings and errors.")]
Refresh = Annotated[bool, typer.Option("--refresh", help="Ask the service, even if the cached list is fresh.")]
Offline = Annotated[bool, typer.Option("--offline", help="Never ask the service.")]
Fallback = Annotated[bool, typer.Option("--fallback", help="Take the default region where the one named is unknown.")]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Write nothing, show what would be done.")]


# --- running a verb --------------------------------------------------------------------------------------------------


def run(arguments: Sequence[str]) -> int:
    """Run the program with these arguments and return its exit status."""
    for stream in (sys.stdout, sys.stderr):
        # A locale without UTF-8 must not turn a name into a crash.
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        return app(args=list(arguments), prog_name=PROGRAM, standalone_mode=False) or _flushed()
    except _UsageError as error:
        return _fail(_as_invalid_input(error, arguments), [], as_json="--json" in arguments)
    except ScalingoRegionError as error:
        return _fail(error, [], as_json="--json" in arguments)
    except SystemExit as end:
        # Typer ends like this where nobody reads its help any more; SIGTERM has a status of its own.
        return 128 + signal.SIGPIPE if end.code == 1 else int(end.code or 0)


def _flushed() -> int:
    try:
        sys.stdout.flush()
    except OSError as error:
        return _output_lost(error)
    return ExitStatus.DONE


# The common base of Typer's complaints about the command line has no public name before 0.28.
_UsageError: type[Exception] = typer.BadParameter.__base__  # type: ignore[assignment]


def _as_invalid_input(error: Any, arguments: Sequence[str]) -> InvalidInput:
    """Return Typer's complaint in the program's own voice, with its guess as a hint."""
    text, _, guess = " ".join(error.format_message().split()).rstrip(".").partition(" (Possible options: ")
    verb = next((word for word in arguments if word in VERBS), "")
    if re.match("No such option: -[^-]", text) and verb in ("add", "url"):
        text += ", nor is it a name: those hold lower-case letters, digits and single hyphens, not at either end"
    hints = [f"did you mean {guess.rstrip(')')}?"] if guess else []
    if verb and error.ctx and error.ctx.parent is None:
        hints = [f"options stand after the command: {PROGRAM} {verb} [OPTIONS]"]
    return InvalidInput(text[:1].lower() + text[1:], *hints, f"{PROGRAM} {verb}".rstrip() + " -h")


def _output_lost(error: OSError) -> int:
    """Return the status for a result that cannot be written: nobody reads it any more, or the disk is full."""
    # What is left in the buffer must not raise once more at the end.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        return 128 + signal.SIGPIPE  # as a program that the signal ends
    _tell("error", [f"cannot write the result: {error.strerror}"])
    return ExitStatus.BUG


def _fail(error: ScalingoRegionError, warnings: Sequence[str], *, as_json: bool) -> int:
    if as_json:
        with contextlib.suppress(OSError):
            _write_json(sys.stderr, render.error_json(error, warnings))
    else:
        _tell("warning", warnings)
        _tell("error", [error.message])
        _tell("hint", error.hints)
    return error.exit_status


def _tell(label: str, texts: Sequence[str]) -> None:
    style = _style(sys.stderr)
    with contextlib.suppress(OSError):  # nobody reads it: what counts is the result
        for text in texts:
            sys.stderr.write(render.message(label, text, style))
        sys.stderr.flush()


def _write_json(stream: TextIO, value: Any) -> None:
    import json

    stream.write(json.dumps(value, indent=2) + "\n")


def _style(stream: TextIO) -> Style:
    if not stream.isatty():
        return Style()
    no_color = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    try:
        width = os.get_terminal_size(stream.fileno()).columns
    except OSError:
        width = 0
    return Style(colour=not no_color, width=width)


class _Options(NamedTuple):
    """The options that verbs share."""

    as_json: bool
    quiet: bool
    refresh: bool
    offline: bool
    fallback: bool = False


def _run(
    verb: Callable[[Request], OutcomeT],
    text: Callable[[OutcomeT, Style], str],
    json: Callable[[OutcomeT], dict[str, Any]],
    options: _Options,
    hints: Callable[[OutcomeT], Sequence[str]] = lambda outcome: (),
) -> int:
    """Run a verb and write what it comes to: the result on stdout, warnings and hints on stderr."""
    from git_scalingo_region.commands.regions import Request

    warnings: list[str] = []
    try:
        if options.refresh and options.offline:
            raise InvalidInput("--refresh asks the service and --offline never does: give one of them")
        settings = Settings.from_environ(os.environ)
        outcome = verb(Request(settings, warnings.append, options.refresh, options.offline, options.fallback))
    except ScalingoRegionError as error:
        return _fail(error, warnings, as_json=options.as_json)
    if not options.as_json:
        _tell("warning", warnings)
    try:
        if options.as_json:
            _write_json(sys.stdout, {**json(outcome), "warnings": warnings})
        elif not options.quiet:
            sys.stdout.write(text(outcome, _style(sys.stdout)))
        sys.stdout.flush()
    except OSError as error:  # here, since Typer has an ending of its own for a closed pipe
        return _output_lost(error)
    if not options.as_json and not options.quiet:
        _tell("hint", hints(outcome))
    return int(getattr(outcome, "exit_status", ExitStatus.DONE))


# --- the verbs -------------------------------------------------------------------------------------------------------


def _version(value: bool) -> None:
    if value:
        sys.stdout.write(f"git-scalingo-region version {__version__}\n")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Add the git remote of a Scalingo app, in the right region.

    The manual: git help scalingo-region
    """


@_verb
def add(
    words: Words = None,
    remote: Annotated[str, typer.Option("--remote", "-r", metavar="NAME", help="The remote's name.")] = DEFAULT_REMOTE,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace a remote that is not Scalingo's.")] = False,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
    refresh: Refresh = False,
    offline: Offline = False,
    fallback: Fallback = False,
) -> int:
    """Add the remote of an app, or bring it up to date."""
    from git_scalingo_region.commands.add import add

    return _run(
        lambda request: add(request, words or [], remote, force=force, dry_run=dry_run),
        render.added_text,
        render.added_json,
        _Options(as_json, quiet, refresh, offline, fallback),
        render.added_hints,
    )


@_verb
def url(
    words: Words = None,
    as_json: Json = False,
    quiet: Quiet = False,
    refresh: Refresh = False,
    offline: Offline = False,
    fallback: Fallback = False,
) -> int:
    """Print the remote url of an app; needs no repository."""
    from git_scalingo_region.commands.regions import url

    return _run(
        lambda request: url(request, words or []),
        render.url_text,
        render.url_json,
        _Options(as_json, quiet, refresh, offline, fallback),
    )


@_verb
def list_(
    names: Annotated[bool, typer.Option("--names", help="Write the names alone, one a line.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    refresh: Refresh = False,
    offline: Offline = False,
) -> int:
    """List the regions."""
    from git_scalingo_region.commands.regions import list_regions

    if names and as_json:
        raise InvalidInput("--names and --json are two forms of the same answer: give one of them")

    return _run(
        list_regions,
        render.names_text if names else render.listed_text,
        render.listed_json,
        _Options(as_json, quiet, refresh, offline),
    )


@_verb
def show(
    region: RegionWord = "",
    field: Annotated[str, typer.Option("--field", metavar="FIELD", help="Write this field's value alone.")] = "",
    as_json: Json = False,
    quiet: Quiet = False,
    refresh: Refresh = False,
    offline: Offline = False,
    fallback: Fallback = False,
) -> int:
    """Show every field of one region."""
    from git_scalingo_region.commands.regions import show

    if field and as_json:
        raise InvalidInput("--field and --json are two forms of the same answer: give one of them")
    return _run(
        lambda request: show(request, region, field),
        (lambda outcome, style: render.field_text(outcome, field)) if field else render.shown_text,
        render.shown_json,
        _Options(as_json, quiet, refresh, offline, fallback),
    )


@_verb
def status(
    remotes: RemoteWords = None,
    as_json: Json = False,
    quiet: Quiet = False,
    refresh: Refresh = False,
    offline: Offline = False,
) -> int:
    """Show this repository's Scalingo remotes and their state."""
    from git_scalingo_region.commands.status import status

    return _run(
        lambda request: status(request, remotes or []),
        render.statuses_text,
        render.statuses_json,
        _Options(as_json, quiet, refresh, offline),
        render.statuses_hints,
    )


@_verb
def sync(
    remotes: RemoteWords = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
    refresh: Refresh = False,
    offline: Offline = False,
) -> int:
    """Bring Scalingo remotes whose endpoint has moved up to date."""
    from git_scalingo_region.commands.status import sync

    return _run(
        lambda request: sync(request, remotes or [], dry_run=dry_run),
        render.synced_text,
        render.synced_json,
        _Options(as_json, quiet, refresh, offline),
    )


@_verb
def trust(
    region: RegionWord = "",
    known_hosts: Annotated[
        str, typer.Option("--known-hosts", metavar="FILE", help="The file to add to, instead of ssh's own.")
    ] = "",
    fingerprint: Annotated[
        list[str] | None, typer.Option("--fingerprint", metavar="SHA256:...", help="Expect this key; repeatable.")
    ] = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    quiet: Quiet = False,
    refresh: Refresh = False,
    offline: Offline = False,
    fallback: Fallback = False,
) -> int:
    """Put the region's published host key into known_hosts."""
    from git_scalingo_region.commands.trust import trust

    return _run(
        lambda request: trust(
            request, region, known_hosts=known_hosts, fingerprints=fingerprint or [], dry_run=dry_run
        ),
        render.trusted_text,
        render.trusted_json,
        _Options(as_json, quiet, refresh, offline, fallback),
    )


@_verb
def doctor(
    remote: Annotated[str, typer.Argument(metavar="[REMOTE]", help="The remote to look at.")] = DEFAULT_REMOTE,
    connect: Annotated[bool, typer.Option("--connect", help="Try a connection with your own ssh as well.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    refresh: Refresh = False,
    offline: Offline = False,
) -> int:
    """Find what would make the first push fail, and what fixes it."""
    from git_scalingo_region.commands.doctor import doctor

    return _run(
        lambda request: doctor(request, remote, connect=connect),
        render.diagnosis_text,
        render.diagnosis_json,
        _Options(as_json, quiet, refresh, offline),
    )
