"""Every command and option of the command line, declared once, as plain data.

`reader`, `parser`, the completion scripts (through `tools/completions.py`) and the tests of the manual read it. The
value of an argument or option reaches the command's `run` as the parameter of the same name.

`offers` says what completion offers for a value: `regions`, `remotes`, `declared` (existing remotes, and those that
`.gitscalingo` declares), `fields`, `files`, or the words themselves. If it is empty, completion offers nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from git_scalingo_region.errors import InvalidInput


class Option(NamedTuple):
    """An option. One with a `metavar` takes a value; one that is `repeated` collects its values in a tuple.

    `excludes` names the options that it cannot be used together with.
    """

    flags: tuple[str, ...]
    help: str
    metavar: str = ""
    repeated: bool = False
    excludes: tuple[str, ...] = ()
    offers: str = ""

    @property
    def name(self) -> str:
        """The option as a parameter of `run`, such as `dry_run`."""
        return self.flags[0][2:].replace("-", "_")

    @property
    def default(self) -> bool | str | tuple[str, ...]:
        """The value if the option is not given."""
        return (() if self.repeated else "") if self.metavar else False


class Argument(NamedTuple):
    """A positional argument. It is optional, and "" if missing; one that is `repeated` takes all remaining words."""

    name: str
    help: str
    repeated: bool = False
    required: bool = False
    offers: str = ""

    @property
    def metavar(self) -> str:
        """The argument in a synopsis, such as `[REGION]` or `[REMOTE]...`."""
        word = self.name.rstrip("s").upper() if self.repeated else self.name.upper()
        return (word if self.required else f"[{word}]") + ("..." if self.repeated else "")


class Command(NamedTuple):
    """A command, with one line of help that fits into 80 columns beside its name."""

    name: str
    help: str
    arguments: tuple[Argument, ...]
    options: tuple[Option, ...]

    @property
    def synopsis(self) -> str:
        """The command and its arguments, such as `add [REGION] [APP]`."""
        return " ".join([self.name, *(argument.metavar for argument in self.arguments)])

    @property
    def parameters(self) -> tuple[Argument | Option, ...]:
        """The arguments and the options."""
        return (*self.arguments, *self.options)

    def check(self, values: Mapping[str, Any]) -> None:
        """Raise `InvalidInput` if two of the options given cannot be used together."""
        given = [option for option in self.options if values[option.name]]
        for option in given:
            for other in given:
                if other.name in option.excludes:
                    both = f"{option.flags[0]} and {other.flags[0]}"
                    raise InvalidInput(f"{both} cannot be used together")


# These two run no command. The texts are Typer's own.
HELP = Option(("--help", "-h"), "Show this message and exit.")
VERSION = Option(("--version",), "Show the version and exit.")

JSON = Option(("--json",), "Write the result, or the error, as JSON.")
QUIET = Option(("--quiet", "-q"), "Write no result, only warnings and errors.")
REFRESH = Option(("--refresh",), "Ask the service, even if the cached list is fresh.", excludes=("offline",))
OFFLINE = Option(("--offline",), "Do not connect to anything.", excludes=("refresh",))
FALLBACK = Option(("--fallback",), "Use the default region if the named one is unknown.")
OUTPUT = (JSON, QUIET)
USUAL = (*OUTPUT, REFRESH, OFFLINE)
# A command's `run` does not get these: they set up the context and choose the output.
COMMON = tuple(option.name for option in (*USUAL, FALLBACK))

DRY_RUN = Option(("--dry-run", "-n"), "Change nothing; show what would be done.")
FORCE = Option(("--force", "-f"), "Replace a remote that is not Scalingo's.")
REMOTE_NAME = Option(("--remote", "-r"), "The remote's name; by default scalingo.", "NAME", offers="remotes")
NAMES = Option(("--names",), "Write only the names, one per line.", excludes=("json",))
FIELD = Option(("--field",), "Write only the value of this field.", "FIELD", excludes=("json",), offers="fields")
WRITE = Option(
    ("--write",), "Write .gitscalingo from this repository's remotes.", excludes=("trust", "force", "fallback")
)
TRUST = Option(("--trust",), "Also trust the host key of each region.")
ALL = Option(("--all",), "Trust the regions of all Scalingo remotes here.")
KNOWN_HOSTS = Option(("--known-hosts",), "The file to add to, instead of ssh's own.", "FILE", offers="files")
FINGERPRINT = Option(("--fingerprint",), "Expect this key; may be repeated.", "SHA256:...", repeated=True)
CONNECT = Option(("--connect",), "Also try to connect, as git push would.")

REGION = Argument("region", "The region; chosen for you if you leave it out.", offers="regions")
REGIONS = Argument("regions", "The regions; chosen for you if you leave them out.", repeated=True, offers="regions")
APP = Argument("app", "The app; by default that of SCALINGO_APP or of the remote.")
REMOTE = Argument("remote", "The remote; by default scalingo.", offers="remotes")
REMOTES = Argument("remotes", "Only these remotes.", repeated=True, offers="remotes")
DECLARED = REMOTES._replace(offers="declared")
SHELL = Argument("shell", "The shell: bash, zsh or fish.", required=True, offers="bash zsh fish")

COMMANDS = (
    Command(
        "add",
        "Add the remote of an app, or bring it up to date.",
        (REGION, APP),
        (REMOTE_NAME, FORCE, DRY_RUN, *USUAL, FALLBACK),
    ),
    Command("url", "Print the remote url of an app; needs no repository.", (REGION, APP), (*USUAL, FALLBACK)),
    Command("list", "List the regions.", (), (NAMES, *USUAL)),
    Command("show", "Show every field of one region.", (REGION,), (FIELD, *USUAL, FALLBACK)),
    Command("status", "Show this repository's Scalingo remotes and their state.", (DECLARED,), USUAL),
    Command("sync", "Update remotes whose ssh endpoint has moved.", (REMOTES,), (DRY_RUN, *USUAL)),
    Command(
        "setup",
        "Make the remotes that .gitscalingo declares.",
        (DECLARED,),
        (WRITE, TRUST, FORCE, DRY_RUN, *USUAL, FALLBACK),
    ),
    Command(
        "trust",
        "Add the published host keys of regions to known_hosts.",
        (REGIONS,),
        (ALL, KNOWN_HOSTS, FINGERPRINT, DRY_RUN, *USUAL, FALLBACK),
    ),
    Command("doctor", "Find what would make the first push fail, and how to fix it.", (REMOTE,), (CONNECT, *USUAL)),
    Command("completion", "Print the completion script for a shell.", (SHELL,), OUTPUT),
)

BY_NAME = {command.name: command for command in COMMANDS}
