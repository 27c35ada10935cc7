"""The completion scripts in the real shells: lines go in, the words that the shell offers come out.

Each shell has a driver, a short script in its own language. It loads our script as a user's shell
would, runs the shell's own completion on each line, and prints the words offered and then `==`.
"""

from __future__ import annotations

import importlib.util
import os
import pty
import select
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from git_scalingo_region.cli.options import COMMANDS, HELP, VERSION
from git_scalingo_region.model import Region
from git_scalingo_region.scalingo.builtin import REGIONS

PROJECT = Path(__file__).resolve().parents[1]
COMPLETIONS = PROJECT / "git_scalingo_region" / "completions"
SHELLS = ("bash", "zsh", "fish")
EMBEDDED = sorted(region.name for region in REGIONS)
REMOTES = ["origin", "scalingo"]
DEADLINE = 30.0
OTHER_REPOSITORY = ("-C elsewhere", "--git-dir=elsewhere/.git")

# What is typed, and what TAB makes of it. `|`: a space in zsh, which adds one after a file name.
TYPED = {
    # First, so that git's completion is not loaded yet.
    "git-scalingo-region tru": "git-scalingo-region trust ",
    "git scalingo-region add osc-s": "git scalingo-region add osc-secnum-fr1 ",
    "git scalingo-region add some": "git scalingo-region add some",
    "git scalingo-region add osc-fr1 some": "git scalingo-region add osc-fr1 some",
    "git scalingo-region list some": "git scalingo-region list some",
    "git scalingo-region add --remote=scal": "git scalingo-region add --remote=scalingo ",
    "git scalingo-region add --rem": "git scalingo-region add --remote=",
    "git scalingo-region sync sca": "git scalingo-region sync scalingo ",
    "git scalingo-region trust --known-hosts some": "git scalingo-region trust --known-hosts somefile|",
}

GIT_FOR_BASH = (
    "/usr/share/bash-completion/completions/git",
    "/usr/local/share/bash-completion/completions/git",
    "/usr/share/git/completion/git-completion.bash",
    "/usr/share/git-core/contrib/completion/git-completion.bash",
    "/opt/homebrew/etc/bash_completion.d/git-completion.bash",
    "/etc/bash_completion.d/git",
)
BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"

# COMP_WORDS as readline splits them. Where compopt is not called, bash adds file names.
BASH_DRIVER = r"""
source "$GIT_FOR_BASH"; source "$COMPLETIONS/git-scalingo-region.bash"
compopt () { [[ "$*" == "+o default +o bashdefault" ]] && files=no; }
for COMP_LINE in "$@"; do
  COMP_POINT=${#COMP_LINE} COMPREPLY=() files=yes
  read -ra COMP_WORDS <<<"${COMP_LINE//=/ = }"
  [[ "$COMP_LINE" == *[\ =] ]] && COMP_WORDS+=("")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  registered=$(complete -p "${COMP_WORDS[0]}")
  registered=${registered##*-F }
  ${registered% *}
  if ((${#COMPREPLY[@]} == 0)) && [[ $files == yes ]]; then
    COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
  fi
  for word in "${COMPREPLY[@]}"; do word=${word% }; printf "%s\n" "${word%=}"; done
  echo ==
done
"""

# Typed and completed by the line editor itself: its widget runs when the first prompt is there.
ZSH_DRIVER = r"""
fpath=($COMPLETIONS $fpath)
autoload -Uz compinit; compinit -C -d $ZDOTDIR/dump
compadd () {
  local -a offered
  # Calls with -O, -A or -D only ask what would match.
  if (( ! ${@[(I)-[OAD]*]} )); then
    builtin compadd -O offered "$@"
    print -rl -- $offered >>$OFFERED
  fi
  builtin compadd "$@"
}
zle -C complete-and-record complete-word _main_complete
zle-line-init () {
  local line
  for line in "${(@f)LINES_TO_COMPLETE}"; do
    BUFFER=$line CURSOR=$#line
    zle complete-and-record
    print '==' >>$OFFERED
    print -r -- "$BUFFER" >>$COMPLETED
  done 2>>$ERRORS
  BUFFER=exit; zle accept-line
}
zle -N zle-line-init
"""

FISH_DRIVER = r"""
for line in $argv
    complete -C "$line" | string replace -r '\t.*' '' | string replace -r '^--[a-z-]+=' ''
    echo ==
end
"""

# Ctrl-T records the line that is being edited.
BASH_IN_A_TERMINAL = r"""
PS1="READY> "; source "$BASH_COMPLETION"; bind -x '"\C-t": echo "$READLINE_LINE" >>"$COMPLETED"'
"""


@dataclass(frozen=True, slots=True)
class World:
    """A home folder, a repository with two remotes and a file, and a PATH that records calls."""

    root: Path

    @property
    def repository(self) -> Path:
        return self.root / "repository"

    @property
    def called(self) -> Path:
        return self.root / "called"

    @property
    def names(self) -> Path:
        return self.root / "cache/git-scalingo-region/names"

    def environ(self, **more: str) -> dict[str, str]:
        environ = {
            "PATH": f"{self.root / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm",
            "HOME": str(self.root / "home"),
            "ZDOTDIR": str(self.root / "home"),
            "XDG_CACHE_HOME": str(self.root / "cache"),
            "XDG_CONFIG_HOME": str(self.root / "config"),
            "XDG_DATA_HOME": str(self.root / "data"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "COMPLETIONS": str(COMPLETIONS),
        }
        return environ | more

    def cache(self, content: bytes) -> None:
        self.names.parent.mkdir(parents=True)
        self.names.write_bytes(content)

    def git(self, *args: str) -> None:
        subprocess.run(["git", *args], cwd=self.repository, env=self.environ(), check=True)


Offer = Callable[..., list[list[str]]]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a fresh world."""
    world = World(tmp_path / "world")
    for folder in ("bin", "home", "repository", "config/fish/completions", "config/fish/conf.d"):
        (world.root / folder).mkdir(parents=True)
    for name in ("git-scalingo-region", "python", "python3"):
        stub = world.root / "bin" / name
        stub.write_text(f'#!/bin/sh\necho "$0" >>{world.called}\n')
        stub.chmod(0o755)
    fish = world.root / "config/fish"
    shutil.copy(COMPLETIONS / "git-scalingo-region.fish", fish / "completions")
    shutil.copy(COMPLETIONS / "git-scalingo-region.conf.fish", fish / "conf.d")
    (world.repository / "somefile").touch()
    world.git("init", "--quiet")
    for remote in REMOTES:
        world.git("remote", "add", remote, f"https://git.example/{remote}.git")
    world.git("init", "--quiet", "elsewhere")
    world.git("-C", "elsewhere", "remote", "add", "staging", "https://git.example/staging.git")
    return world


@pytest.fixture(scope="session")
def zsh_dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return zsh's index of completion functions, which takes a while to build."""
    need("zsh")
    dump = tmp_path_factory.mktemp("zsh") / "dump"
    script = f"fpath=({shlex.quote(str(COMPLETIONS))} $fpath); autoload -Uz compinit; compinit -u -d {dump}"
    environ = {"PATH": os.environ["PATH"], "HOME": str(dump.parent), "ZDOTDIR": str(dump.parent)}
    subprocess.run(["zsh", "-df", "-c", script], env=environ, check=True)
    return dump


def need(program: str) -> str:
    """Return where the program is; skip the test where it is not installed."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


def git_for_bash() -> str:
    """Return git's own completion script; skip the test where there is none."""
    for candidate in GIT_FOR_BASH:
        if Path(candidate).is_file():
            return candidate
    pytest.skip("git's completion for bash is not installed")


def in_terminal(argv: list[str], world: World, environ: dict[str, str], *, keys: bytes = b"") -> None:
    """Run a shell in a terminal until it exits; type `keys` at its first `READY>`."""
    controller, terminal = pty.openpty()
    shell = subprocess.Popen(
        argv,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        cwd=world.repository,
        env=environ,
        start_new_session=True,
    )
    os.close(terminal)
    shown = b""
    end = time.monotonic() + DEADLINE
    try:
        while (left := end - time.monotonic()) > 0:
            if not select.select([controller], [], [], left)[0]:
                break
            try:
                chunk = os.read(controller, 65536)
            except OSError:  # Linux reports the end of a terminal this way.
                chunk = b""
            if not chunk:
                shell.wait(left)
                return
            shown += chunk
            if keys and b"READY> " in shown:
                os.write(controller, keys)
                keys = b""
    finally:
        shell.kill()
        shell.wait()
        os.close(controller)
    pytest.fail(f"{argv[0]} did not come to an end; it showed {shown!r}")


def split(output: str) -> list[list[str]]:
    """Return the words offered for each line, from what a driver printed."""
    return [sorted(set(part.split())) for part in output.split("==\n")[:-1]]


def bash_offers(world: World, *lines: str, **more: str) -> list[list[str]]:
    """Return what bash offers for each line, through git's own completion."""
    argv = [need("bash"), "--norc", "--noprofile", "-c", BASH_DRIVER, "bash", *lines]
    environ = world.environ(GIT_FOR_BASH=git_for_bash(), **more)
    return split(quiet(argv, world, environ))


def fish_offers(world: World, *lines: str, **more: str) -> list[list[str]]:
    """Return what fish offers for each line."""
    argv = [need("fish"), "-c", FISH_DRIVER, *lines]
    return split(quiet(argv, world, world.environ(**more)))


def quiet(argv: list[str], world: World, environ: dict[str, str]) -> str:
    """Return the output of a driver, which must not print an error."""
    done = subprocess.run(
        argv, cwd=world.repository, env=environ, check=False, capture_output=True, text=True, timeout=DEADLINE
    )
    assert done.stderr == ""
    return done.stdout


def zsh(world: World, dump: Path, *lines: str, **more: str) -> tuple[list[list[str]], list[str]]:
    """Return what zsh offers for each line, and the lines after completion."""
    (world.root / "home/.zshrc").write_text(ZSH_DRIVER)
    shutil.copy(dump, world.root / "home/dump")
    files = {name: world.root / name.lower() for name in ("OFFERED", "COMPLETED", "ERRORS")}
    for file in files.values():
        file.write_bytes(b"")
    environ = world.environ(LINES_TO_COMPLETE="\n".join(lines), **more)
    # -d: the system's zshrc would build an index of its own.
    in_terminal([need("zsh"), "-d", "-i"], world, environ | {name: str(file) for name, file in files.items()})
    assert files["ERRORS"].read_text() == ""
    return split(files["OFFERED"].read_text()), files["COMPLETED"].read_text().splitlines()


@pytest.fixture(params=SHELLS)
def offers(request: pytest.FixtureRequest, world: World) -> Offer:
    """Return a function that says what one of the shells offers for each of some lines."""
    if request.param == "zsh":
        dump: Path = request.getfixturevalue("zsh_dump")
        return lambda *lines, **more: zsh(world, dump, *lines, **more)[0]
    drive = {"bash": bash_offers, "fish": fish_offers}[request.param]
    return lambda *lines, **more: drive(world, *lines, **more)


def offered(offers: Offer, expected: dict[str, list[str]]) -> None:
    """Check what is offered for each line, `sr` standing for `git scalingo-region`."""
    lines = [line.replace("sr ", "git scalingo-region ", 1) for line in expected]
    assert dict(zip(expected, offers(*lines))) == expected


def generator() -> ModuleType:
    specification = importlib.util.spec_from_file_location("generate", PROJECT / "tools" / "completions.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_scripts_follow_from_the_declaration() -> None:
    """Commands, options, descriptions, fields and built-in regions are what `tools/completions.py` writes."""
    generate = generator()
    for name in generate.SCRIPTS:
        assert (COMPLETIONS / name).read_text() == generate.generated(name), "run python tools/completions.py"


def test_commands_and_options(offers: Offer) -> None:
    """Every command is offered, in both ways to call the program, and exactly the options that it takes."""
    names = sorted(command.name for command in COMMANDS)
    expected = {"sr ": names, "git-scalingo-region ": names, "sr -": sorted((*HELP.flags, *VERSION.flags))}
    for command in COMMANDS:
        flags = [flag for option in (*command.options, HELP) for flag in option.flags]
        expected[f"git-scalingo-region {command.name} -"] = sorted(flags)

    offered(offers, expected)


def test_values(offers: Offer) -> None:
    """Each place on the line is offered what it takes; an app, or one word too many, is offered nothing."""
    fields = sorted(Region._fields)
    offered(
        offers,
        {
            "sr show --field ": fields,
            "sr show --field=": fields,
            "sr add --remote ": REMOTES,
            "sr add --remote=s": ["scalingo"],
            "sr add osc-fr1 origin -r ": REMOTES,
            "sr doctor ": REMOTES,
            "sr doctor origin s": [],
            "sr status ": REMOTES,
            "sr status --json origin ": ["scalingo"],
            "sr sync origin scalingo ": [],
            "sr trust osc-fr1 ": ["osc-secnum-fr1"],
            "sr trust --known-hosts s": ["somefile"],
            "sr trust --known-hosts=s": ["somefile"],
            "sr trust --fingerprint ": [],
            "sr trust --fingerprint x --fi": ["--fingerprint"],
            "sr add osc-fr1 ": [],
            "sr add osc-fr1 some": [],
            "sr add some": [],
            "sr url -q osc-fr1 some": [],
            "sr add -- osc-fr1 ": [],
            "sr add -- osc-fr1 --": [],
            "sr show osc-fr1 some": [],
            "sr list some": [],
            "sr add osc-fr1 app --f": ["--fallback", "--force"],
            "sr sync origin --dry": ["--dry-run"],
            "sr add osc-fr1 app --remote=x --off": ["--offline"],
        },
    )


def test_regions_of_the_cached_list(offers: Offer, world: World) -> None:
    """The cached names are offered wherever a region can stand; whatever is not a name is left out."""
    junk = b"UPPER\ntwo words\n../up\n-rf\n*\n$HOME\n\xc3\xa9t\xc3\xa9\n\xff\ncrlf\r\n\n"
    world.cache(b"here-1\n" + junk + b"far.away_2\nunended")
    regions = ["far.away_2", "here-1", "unended"]
    offered(
        offers,
        {
            "sr add ": regions,
            "sr url ": regions,
            "sr show ": regions,
            "sr trust ": regions,
            "sr trust far.away_2 ": ["here-1", "unended"],
            "sr add -n --remote=x --json he": ["here-1"],
            "sr add -r x --force he": ["here-1"],
        },
    )


@pytest.mark.parametrize("content", [None, b"", b"\n\nNOT A NAME\n"], ids=["missing", "empty", "junk"])
def test_regions_without_a_cached_list(offers: Offer, world: World, content: bytes | None) -> None:
    """Without a usable cached list, the built-in regions are offered."""
    if content is not None:
        world.cache(content)
    offered(offers, {"sr add ": EMBEDDED})


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_a_cached_list_that_is_not_a_file(offers: Offer, world: World, make: Callable[[Path], None]) -> None:
    """If a folder or a pipe is in the place of the cached names, the built-in ones are offered at once."""
    world.names.parent.mkdir(parents=True)
    make(world.names)
    offered(offers, {"sr add ": EMBEDDED})


def test_a_relative_cache_folder_does_not_count(offers: Offer, world: World) -> None:
    """With a relative XDG_CACHE_HOME the names come from ~/.cache, as the specification says."""
    world.cache(b"relative\n")
    folder = world.root / "home/.cache/git-scalingo-region"
    folder.mkdir(parents=True)
    (folder / "names").write_text("at-home\n")
    relative = os.path.relpath(world.root / "cache", world.repository)
    assert offers("git scalingo-region add ", XDG_CACHE_HOME=relative) == [["at-home"]]
    assert offers("git scalingo-region add ", XDG_CACHE_HOME="") == [["at-home"]]


def declare(world: World) -> Path:
    """Declare two good remotes, and some whose names must not get onto a command line."""
    file = world.repository / ".gitscalingo"
    names = ["team/staging", "scalingo", "$(touch oops)", "two words", "-rf", "a;b", "\x1b[31m"]
    file.write_text(
        "".join(f'[remote "{name}"]\n\tapp = myapp\n' for name in names) + '[remote "none"]\n\tregion = x\n'
    )
    return file


def test_declared_remotes(offers: Offer, world: World) -> None:
    """`status` also offers what .gitscalingo declares, from a sub-folder too; hostile names are left out."""
    declare(world)
    offered(
        offers,
        {
            "sr status ": ["origin", "scalingo", "team/staging"],
            "sr status te": ["team/staging"],
            "sr status team/staging ": REMOTES,
            "sr sync ": REMOTES,
            "sr doctor ": REMOTES,
        },
    )
    assert not (world.repository / "oops").exists()


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "huge"])
def test_declared_remotes_come_from_a_regular_file(offers: Offer, world: World, kind: str) -> None:
    """A link, a pipe or a folder in the place of .gitscalingo is not opened, nor is a file of more than 1 MiB."""
    file = declare(world)
    moved = file.rename(world.root / "elsewhere")
    if kind == "link":
        file.symlink_to(moved)
    elif kind == "fifo":
        os.mkfifo(file)
    elif kind == "huge":
        file.write_text(moved.read_text() + "#" * (1 << 20) + "\n")
    else:
        file.mkdir()
    offered(offers, {"sr status ": REMOTES})


def test_remotes_outside_a_repository(offers: Offer, world: World) -> None:
    """Outside a repository no remote is offered, and git's error message is not shown."""
    shutil.rmtree(world.repository / ".git")
    lines = ["git scalingo-region status ", "git scalingo-region add --remote "]
    assert offers(*lines, GIT_CEILING_DIRECTORIES=str(world.root)) == [[], []]


@pytest.mark.parametrize("shell", ["bash", "zsh"])  # fish forwards without git's own options
def test_remotes_of_another_repository(world: World, shell: str, request: pytest.FixtureRequest) -> None:
    """`git -C` and `--git-dir` say whose remotes are offered."""
    lines = [f"git {option} scalingo-region doctor " for option in OTHER_REPOSITORY]
    if shell == "bash":
        assert bash_offers(world, *lines) == [["staging"], ["staging"]]
    else:
        assert zsh(world, request.getfixturevalue("zsh_dump"), *lines)[0] == [["staging"], ["staging"]]


def test_completion_starts_no_python(offers: Offer, world: World) -> None:
    """No completion starts Python or the program: TAB answers at once."""
    offers("git scal", "git scalingo-region ", *(f"git scalingo-region {command.name} " for command in COMMANDS))
    offers("git scalingo-region add -", "git scalingo-region add -r ", "git-scalingo-region ")
    assert not world.called.exists()


def test_an_alias_and_given_options_in_bash(world: World) -> None:
    """In bash an alias of the command completes too, and an option that is on the line already is left out."""
    world.git("config", "alias.sr", "scalingo-region")
    lines = [f"git sr show {given} --f" for given in ("--field=x", "--field x", "")]
    assert bash_offers(world, "git sr add osc-f", "git sr sync o", *lines) == [
        ["osc-fr1"],
        ["origin"],
        ["--fallback"],
        ["--fallback"],
        ["--fallback", "--field"],
    ]


def test_lines_typed_in_bash(world: World) -> None:
    """At a real prompt, loaded on demand, a word gets its space and no file name slips in."""
    if not Path(BASH_COMPLETION).is_file():
        pytest.skip("bash-completion is not installed")
    git_for_bash()
    folder = world.root / "data/bash-completion/completions"
    folder.mkdir(parents=True)
    shutil.copy(COMPLETIONS / "git-scalingo-region.bash", folder / "git-scalingo-region")
    rc = world.root / "bashrc"
    rc.write_text(BASH_IN_A_TERMINAL)
    completed = world.root / "completed"
    keys = "".join(f"{line}\t\x14\x15" for line in TYPED) + "exit\n"
    in_terminal(
        [need("bash"), "--noprofile", "--rcfile", str(rc), "-i"],
        world,
        world.environ(BASH_COMPLETION=BASH_COMPLETION, COMPLETED=str(completed)),
        keys=keys.encode(),
    )
    # Git's completion, which is registered with -o nospace, leaves a file name without a space.
    assert completed.read_text().splitlines() == [line.rstrip("|") for line in TYPED.values()]


def test_lines_typed_in_zsh(world: World, zsh_dump: Path) -> None:
    """At a real prompt a word gets its space and no file name slips in."""
    assert zsh(world, zsh_dump, *TYPED)[1] == [line.replace("|", " ") for line in TYPED.values()]
