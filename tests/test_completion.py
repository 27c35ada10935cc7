"""The completion scripts in the real shells: lines go in, the words that the shell offers come out.

Each shell has a driver, a short script in its own language. It loads our script as a user's shell
would, runs the shell's own completion on each line, and prints the words offered and then `==`.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from conftest import Repo, executable, load_tool, need
from terminals import DEADLINE, in_terminal

from git_scalingo_region.cli.options import COMMANDS, HELP, VERSION
from git_scalingo_region.commands.completion import FOLDER, SCRIPTS
from git_scalingo_region.model import REGION_FIELDS
from git_scalingo_region.scalingo.builtin import REGIONS

COMPLETIONS = Path(FOLDER)
EMBEDDED = sorted(region.name for region in REGIONS)
REMOTES = ["origin", "scalingo"]

# What is typed, and what TAB makes of it; `|` stands for a space that only zsh adds, after a file name.
TYPED = {
    # This line comes first, so that git's completion is not loaded yet.
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

# Splits the line into COMP_WORDS as readline does, and adds file names, as bash does, unless compopt is called.
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

# The line editor itself completes each line, in a widget that runs as soon as the first prompt is there.
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


Offer = Callable[..., list[list[str]]]


@pytest.fixture
def names(repo: Repo, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Make a repository with two remotes and a file, and return where the program caches names.

    The test fails if a completion starts Python or the program, because TAB has to answer at once.
    """
    called, cache = tmp_path / "called", tmp_path / "cache" / "git-scalingo-region"
    for name in ("git-scalingo-region", "python", "python3"):
        executable(tmp_path / "bin" / name, f'#!/bin/sh\necho "$0" >>{called}\n')
    for folder in (cache, home / ".config/fish/completions", home / ".config/fish/conf.d"):
        folder.mkdir(parents=True)
    shutil.copy(COMPLETIONS / "git-scalingo-region.fish", home / ".config/fish/completions")
    shutil.copy(COMPLETIONS / "git-scalingo-region.conf.fish", home / ".config/fish/conf.d")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    paths = {"ZDOTDIR": home, "XDG_CACHE_HOME": cache.parent, "COMPLETIONS": COMPLETIONS}
    for name, value in {**paths, "LC_ALL": "C.UTF-8", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, str(value))
    (repo.path / "somefile").touch()
    for remote in REMOTES:
        repo.git("remote", "add", remote, f"https://git.example/{remote}.git")
    repo.git("init", "--quiet", "elsewhere")
    repo.git("-C", "elsewhere", "remote", "add", "staging", "https://git.example/staging.git")
    yield cache / "names"
    assert not called.exists()


@pytest.fixture(scope="session")
def zsh_dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build zsh's index of completion functions once for all tests, because it takes a while, and return its path."""
    need("zsh")
    dump = tmp_path_factory.mktemp("zsh") / "dump"
    script = f"fpath=({shlex.quote(str(COMPLETIONS))} $fpath); autoload -Uz compinit; compinit -u -d {dump}"
    environ = {"PATH": os.environ["PATH"], "HOME": str(dump.parent), "ZDOTDIR": str(dump.parent)}
    subprocess.run(["zsh", "-df", "-c", script], env=environ, check=True)
    return dump


def git_for_bash() -> str:
    """Return the path of git's own completion script; skip the test if there is none."""
    for candidate in GIT_FOR_BASH:
        if Path(candidate).is_file():
            return candidate
    pytest.skip("git's completion for bash is not installed")


def split(output: str) -> list[list[str]]:
    """Return the words offered for each line, from what a driver printed."""
    return [sorted(set(part.split())) for part in output.split("==\n")[:-1]]


def driven(shell: str, *lines: str, **more: str) -> list[list[str]]:
    """Return what bash, through git's own completion, or fish offers for each line; assert that no error is printed."""
    argv = ["-c", FISH_DRIVER]
    if shell == "bash":
        argv = ["--norc", "--noprofile", "-c", BASH_DRIVER, "bash"]
        more["GIT_FOR_BASH"] = git_for_bash()
    command, environ = [need(shell), *argv, *lines], os.environ | more
    done = subprocess.run(command, env=environ, check=False, capture_output=True, text=True, timeout=DEADLINE)
    assert done.stderr == ""
    return split(done.stdout)


def zsh(dump: Path, *lines: str, **more: str) -> tuple[list[list[str]], list[str]]:
    """Return what zsh offers for each line, and the lines after completion."""
    home = Path.home()
    (home / ".zshrc").write_text(ZSH_DRIVER)
    shutil.copy(dump, home / "dump")
    files = {name: home / name.lower() for name in ("OFFERED", "COMPLETED", "ERRORS")}
    for file in files.values():
        file.write_bytes(b"")
    more |= {"LINES_TO_COMPLETE": "\n".join(lines), **{name: str(file) for name, file in files.items()}}
    # -d skips the system's zshrc, which would build an index of its own.
    in_terminal([need("zsh"), "-d", "-i"], env={**os.environ, **more})
    assert files["ERRORS"].read_text() == ""
    return split(files["OFFERED"].read_text()), files["COMPLETED"].read_text().splitlines()


@pytest.fixture(params=SCRIPTS)
def offers(request: pytest.FixtureRequest, names: Path) -> Offer:
    """Return a function that returns what one of the shells offers for each of the lines it is given."""
    if request.param != "zsh":
        return partial(driven, request.param)
    dump: Path = request.getfixturevalue("zsh_dump")
    return lambda *lines, **more: zsh(dump, *lines, **more)[0]


def offered(offers: Offer, expected: dict[str, list[str]]) -> None:
    """Assert what is offered for each line, in which `sr` stands for `git scalingo-region`."""
    lines = [line.replace("sr ", "git scalingo-region ", 1) for line in expected]
    assert dict(zip(expected, offers(*lines))) == expected


def test_the_scripts_follow_from_the_declaration() -> None:
    """The completion scripts are exactly what `tools/completions.py` generates."""
    generate = load_tool("completions")
    for name in generate.SCRIPTS:
        assert (COMPLETIONS / name).read_text() == generate.generated(name), "run python tools/completions.py"


@pytest.mark.slow
def test_every_place_is_offered_what_it_takes(offers: Offer) -> None:
    """TAB offers the commands, exactly the options of each, and the values they take, but nothing for an app."""
    names = sorted(command.name for command in COMMANDS)
    groups: list[tuple[list[str], list[str]]] = [
        (names, ["sr ", "git-scalingo-region "]),
        (sorted((*HELP.flags, *VERSION.flags)), ["sr -"]),
        (sorted(REGION_FIELDS), ["sr show --field ", "sr show --field="]),
        (REMOTES, ["sr add --remote ", "sr add osc-fr1 origin -r ", "sr doctor ", "sr status ", "sr setup "]),
        (["scalingo"], ["sr add --remote=s", "sr status --json origin "]),
        (["osc-secnum-fr1"], ["sr trust osc-fr1 "]),
        (["somefile"], ["sr trust --known-hosts s", "sr trust --known-hosts=s"]),
        (["bash", "fish", "zsh"], ["sr completion "]),
        (["--fingerprint"], ["sr trust --fingerprint x --fi"]),
        (["--fallback", "--force"], ["sr add osc-fr1 app --f"]),
        (["--dry-run"], ["sr sync origin --dry"]),
        (["--offline"], ["sr add osc-fr1 app --remote=x --off"]),
        ([], ["sr doctor origin s", "sr sync origin scalingo ", "sr trust --fingerprint ", "sr list some"]),
        ([], ["sr add osc-fr1 ", "sr add osc-fr1 some", "sr add some", "sr add -- osc-fr1 ", "sr add -- osc-fr1 --"]),
        ([], ["sr url -q osc-fr1 some", "sr show osc-fr1 some"]),
    ]
    places = {line: words for words, lines in groups for line in lines}
    for command in COMMANDS:
        flags = [flag for option in (*command.options, HELP) for flag in option.flags]
        places[f"git-scalingo-region {command.name} -"] = sorted(flags)
    offered(offers, places)


@pytest.mark.slow
def test_regions_of_the_cached_list(offers: Offer, names: Path) -> None:
    """The cached names are offered wherever a region is expected, and lines that are not valid names are left out."""
    junk = b"UPPER\ntwo words\n../up\n-rf\n*\n$HOME\n\xc3\xa9t\xc3\xa9\n\xff\ncrlf\r\n\n"
    names.write_bytes(b"here-1\n" + junk + b"far.away_2\nunended")
    places = {f"sr {command} ": ["far.away_2", "here-1", "unended"] for command in ("add", "url", "show", "trust")}
    places["sr trust far.away_2 "] = ["here-1", "unended"]
    places["sr add -n --remote=x --json he"] = places["sr add -r x --force he"] = ["here-1"]
    offered(offers, places)


@pytest.mark.slow
@pytest.mark.parametrize("script", ["true", ": >names", "echo 'NOT A NAME' >names", "mkdir names", "mkfifo names"])
def test_regions_without_a_cached_list(offers: Offer, names: Path, script: str) -> None:
    """If the cached list is missing, unusable, a folder or a pipe, the built-in regions are offered."""
    subprocess.run(["sh", "-ec", script], cwd=names.parent, check=True)
    offered(offers, {"sr add ": EMBEDDED})


@pytest.mark.slow
def test_a_relative_cache_folder_does_not_count(offers: Offer, names: Path, home: Path) -> None:
    """If XDG_CACHE_HOME is relative or empty, the names come from ~/.cache, as the specification says."""
    names.write_text("relative\n")
    (home / ".cache/git-scalingo-region").mkdir(parents=True)
    (home / ".cache/git-scalingo-region/names").write_text("at-home\n")
    for cache in (os.path.relpath(names.parents[1]), ""):
        assert offers("git scalingo-region add ", XDG_CACHE_HOME=cache) == [["at-home"]]


@pytest.fixture
def declared(repo: Repo) -> None:
    """Declare two good remotes, and some whose names must not get onto a command line."""
    remotes = ["team/staging", "scalingo", "$(touch oops)", "two words", "-rf", "a;b", "\x1b[31m"]
    text = "".join(f'[remote "{remote}"]\n\tapp = myapp\n' for remote in remotes)
    (repo.path / ".gitscalingo").write_text(f'{text}[remote "none"]\n\tregion = x\n')


@pytest.mark.slow
@pytest.mark.usefixtures("declared")
def test_declared_remotes(offers: Offer, repo: Repo) -> None:
    """`status` also offers the remotes that .gitscalingo declares, except those with hostile names."""
    places = {"sr status ": ["origin", "scalingo", "team/staging"], "sr status te": ["team/staging"]}
    places |= dict.fromkeys(("sr status team/staging ", "sr sync ", "sr doctor "), REMOTES)
    offered(offers, places)
    assert not (repo.path / "oops").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("declared")
@pytest.mark.parametrize(
    "script", ["mv $0 moved; ln -s moved $0", "rm $0; mkfifo $0", "rm $0; mkdir $0", "yes '#' | head -c 1048576 >>$0"]
)
def test_declared_remotes_come_from_a_regular_file(offers: Offer, script: str) -> None:
    """If .gitscalingo is a link, a pipe, a folder or larger than 1 MiB, no remotes are taken from it."""
    subprocess.run(["sh", "-ec", script, ".gitscalingo"], check=True)
    offered(offers, {"sr status ": REMOTES})


def test_remotes_outside_a_repository(offers: Offer, repo: Repo) -> None:
    """Outside a repository no remote is offered, and git's error message is not shown."""
    shutil.rmtree(repo.path / ".git")
    offered(offers, {"sr status ": [], "sr add --remote ": []})


@pytest.mark.parametrize("offers", ["bash", "zsh"], indirect=True)  # fish does not forward git's own options
def test_remotes_of_another_repository(offers: Offer) -> None:
    """With `git -C` or `--git-dir`, the remotes of the repository that it names are offered."""
    lines = [f"git {option} scalingo-region doctor " for option in ("-C elsewhere", "--git-dir=elsewhere/.git")]
    assert offers(*lines) == [["staging"], ["staging"]]


@pytest.mark.usefixtures("names")
def test_an_alias_and_given_options_in_bash(repo: Repo) -> None:
    """In bash, an alias of the command is completed too, and an option that is already on the line is left out."""
    repo.git("config", "alias.sr", "scalingo-region")
    lines = [f"git sr show {given} --f" for given in ("--field=x", "--field x", "")]
    expected = [["osc-fr1"], ["origin"], ["--fallback"], ["--fallback"], ["--fallback", "--field"]]
    assert driven("bash", "git sr add osc-f", "git sr sync o", *lines) == expected


@pytest.mark.usefixtures("names")
def test_lines_typed_in_bash(home: Path) -> None:
    """At a real bash prompt, the script is loaded on demand, words get their space, and no file name slips in."""
    if not Path(BASH_COMPLETION).is_file():
        pytest.skip("bash-completion is not installed")
    git_for_bash()
    folder = home / ".local/share/bash-completion/completions"
    folder.mkdir(parents=True)
    shutil.copy(COMPLETIONS / "git-scalingo-region.bash", folder / "git-scalingo-region")
    rc, completed = home / "bashrc", home / "completed"
    rc.write_text(BASH_IN_A_TERMINAL)
    keys = "".join(f"{line}\t\x14\x15" for line in TYPED) + "exit\n"
    environ = {**os.environ, "BASH_COMPLETION": BASH_COMPLETION, "COMPLETED": str(completed)}
    in_terminal([need("bash"), "--noprofile", "--rcfile", str(rc), "-i"], keys=keys, env=environ)
    # Git's completion, which is registered with -o nospace, leaves a file name without a space.
    assert completed.read_text().splitlines() == [line.rstrip("|") for line in TYPED.values()]


@pytest.mark.usefixtures("names")
def test_lines_typed_in_zsh(zsh_dump: Path) -> None:
    """At a real zsh prompt, a completed word gets its space, and no unwanted file name slips in."""
    assert zsh(zsh_dump, *TYPED)[1] == [line.replace("|", " ") for line in TYPED.values()]
