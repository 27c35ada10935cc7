"""install.sh: one real installation with pip, and many fast ones with a stub for Python and pip."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import executable

Done = subprocess.CompletedProcess[str]

CHECKOUT = Path(__file__).resolve().parent.parent
NAME = "git-scalingo-region"
SYSTEM = "/usr/local"
DATA = [f"bash-completion/completions/{NAME}", f"fish/vendor_completions.d/{NAME}.fish", f"man/man1/{NAME}.1"]
ZSH = f"zsh/site-functions/_{NAME}"
SHELLS = ["sh", "dash", "bash --posix", "busybox sh", "posh", "mksh", "yash -o posixlycorrect"]
KEPT = re.compile(r"PIP_.*|SSL_.*|(REQUESTS|CURL)_CA_BUNDLE|\w+_proxy", re.IGNORECASE)
USAGE = """\
usage: install.sh [--prefix DIR] [--uninstall]

Install git-scalingo-region from this checkout, or upgrade it: only for you,
under ~/.local, or, as root, for everybody under /usr/local.

  --prefix DIR   install under DIR instead: DIR/bin, DIR/share, DIR/lib
  --uninstall    remove what this script installed there
  -h, --help     show this text

PYTHON=/path/to/python3 chooses the Python, which must be 3.10 or newer.
"""
ELSEWHERE = "choose another place: --prefix DIR"

# A stub for Python. It runs the script's own probe after PRELUDE has changed what the probe sees, and only
# pretends to make an environment. FAKE_* variables change the wheel, or add shell code to a step.
STUB = """\
#!/bin/sh
venv=${0%/bin/python}
case "$2 $3" in
"-m venv")
  mkdir -p "$4/bin" && cp "$0" "$4/bin/python" && eval "$FAKE_VENV" ;;
"-m pip")
  case $5$6 in
  --help) echo '  -i, --index-url <url>  Base URL (default https://index.example/simple). More.'; exit ;;
  --quietfile:///*/checkout) ;;
  *) exit 1 ;;
  esac
  for file in DATA $FAKE_DATA man/man1/of-a-dependency.1; do
    mkdir -p "$venv/share/${file%/*}" && echo "$file" >"$venv/share/$file"
  done
  echo "#!/bin/sh
${FAKE_PROGRAM:-echo git-scalingo-region version 1.0}" >"$venv/bin/git-scalingo-region"
  chmod +x "$venv/bin/git-scalingo-region" && eval "$FAKE_PIP" ;;
*)
  case $3 in *ensurepip*) exec REAL -I -c "PRELUDE
exec(sys.argv.pop(1))" "$3" ;; esac
  exec REAL "$@" ;;
esac
"""
DEFAULTS = (
    "import os, signal, sys; [signal.signal(n, signal.SIG_DFL) for n in (1, 2, 15)]; os.execvp('sh', sys.argv[1:])"
)
GOOD = "import sys, types; sys.version_info = (3, 12, 1); sys.modules['ensurepip'] = types.SimpleNamespace(bootstrap=1)"
OLD = "import sys; sys.version_info = (3, 9, 25)"
BARE = "import sys; sys.modules['ensurepip'] = None"


def call(*command: str | Path, env: dict[str, str], cwd: Path, text: str | None = None, umask: int = -1) -> Done:
    """Run a command to its end, whatever its status, with text on its stdin."""
    return subprocess.run(
        command, check=False, capture_output=True, text=True, env=env, cwd=cwd, input=text, umask=umask
    )


def stub(path: Path, prelude: str = GOOD) -> Path:
    """Write an executable at path that acts as Python."""
    text = STUB.replace("REAL", shlex.quote(sys.executable)).replace("PRELUDE", prelude)
    return executable(path, text.replace("DATA $", f"{' '.join(DATA)} $"))


def tree(folder: Path) -> dict[str, str]:
    """Map each path under folder to what it is: its link target, its text, or a slash."""
    found = {}
    for path in sorted(folder.rglob("*")):
        link = f"-> {path.readlink()}" if path.is_symlink() else ""
        found[str(path.relative_to(folder))] = link or ("/" if path.is_dir() else path.read_text())
    return found


def files(folder: Path) -> list[str]:
    """List everything under folder except folders."""
    return [path for path, kind in tree(folder).items() if kind != "/"]


class Box:
    """A home folder, a checkout that holds only the script, and stubs that come first on PATH."""

    def __init__(self, root: Path, env: dict[str, str]) -> None:
        self.root, self.env = root, env
        self.home, self.script = root / "home", root / "checkout" / "install.sh"
        self.system = root / "system"  # what stands for /usr/local in the copy of the script
        self.own = self.home / ".local/share" / NAME  # the folder that holds the environments
        self.program = self.home / ".local/bin" / NAME  # the link that a user's PATH leads to

    def environ(self, **changes: str | None) -> dict[str, str]:
        """Return the environment with changes; None removes a variable."""
        return {key: value for key, value in {**self.env, **changes}.items() if value is not None}

    def run(self, *args: str, shell: str = "sh", umask: int = -1, **changes: str | None) -> Done:
        """Run the script to its end."""
        return call(*shell.split(), self.script, *args, env=self.environ(**changes), cwd=self.root, umask=umask)

    def check(self, *args: str, **changes: Any) -> str:
        """Run the script, which must succeed and write nothing to stderr, and return its stdout."""
        done = self.run(*args, **changes)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def refuse(self, *args: str, **changes: Any) -> list[str]:
        """Run the script, which must fail with status 1, and return its error and its hint."""
        done = self.run(*args, **changes)
        assert done.returncode == 1, done
        error, hint = done.stderr.splitlines()
        return [error.removeprefix("error: "), hint.removeprefix("hint: ")]

    def begin(self) -> subprocess.Popen[str]:
        """Start the script in a process group of its own, and return when it is inside pip."""
        streams: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        # A shell cannot trap a signal that was ignored when it started, as under nohup or in the background.
        line = [sys.executable, "-c", DEFAULTS, "sh", str(self.script)]
        env = self.environ(FAKE_PIP="echo inside; read go")
        process = subprocess.Popen(line, **streams, text=True, env=env, start_new_session=True)
        assert process.stdout
        assert [process.stdout.readline() for _ in range(2)][1] == "inside\n"
        return process

    def environments(self) -> list[str]:
        """Return the names of the existing environments."""
        return sorted(path.name for path in self.own.glob("venv-*"))

    def installed(self, program: Path | None = None) -> str:
        """Return what a successful installation prints."""
        return f"""\
Installing {NAME} from {self.script.parent} with {self.env["PYTHON"]} (Python 3.12.1). This may take half a minute.

Installed {NAME} version 1.0: {program or self.program}
Next:  git scalingo-region add osc-fr1 myapp
Help:  git help scalingo-region
"""


def fake_id(folder: Path, user: int) -> None:
    """Put a fake `id` command into folder that prints this user id."""
    executable(folder / "id", f"#!/bin/sh\necho {user}\n")


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """Make the box of an ordinary user, whoever runs the tests."""
    root = tmp_path / "my [box]"
    for name in ["home", "checkout", "stubs", "system"]:
        (root / name).mkdir(parents=True)
    text = (CHECKOUT / "install.sh").read_text()
    assert text.count(SYSTEM) == 1, "the tests must be able to keep away from the real folder"
    (root / "checkout/install.sh").write_text(text.replace(SYSTEM, f"'{root}/system'"))
    shutil.copy(CHECKOUT / "pyproject.toml", root / "checkout")
    fake_id(root / "stubs", 1000)
    env = {
        "HOME": str(root / "home"),
        "XDG_RUNTIME_DIR": str(root),  # otherwise fish leaves a folder in /tmp
        "PATH": f"{root}/home/.local/bin:{root}/system/bin:{root}/stubs:{os.environ['PATH']}",
        "PYTHON": str(stub(root / "stubs/fake-python")),
    }
    return Box(root, env)


def only_tools(box: Box, *more: str) -> str:
    """Return a PATH with only the stubs and the standard tools: no git, and no Python but the stubs."""
    folder = box.root / "tools"
    folder.mkdir()
    tools = "sh cat chmod cp date find grep ln mkdir readlink rm rmdir sed sort"
    for tool in [*tools.split(), *more]:
        (folder / tool).symlink_to(shutil.which(tool) or "/nowhere")
    return f"{box.root}/stubs:{folder}"


@pytest.mark.slow
def test_a_real_installation(tmp_path: Path) -> None:
    """Despite an odd folder name and hostile Python and pip settings, git runs the program, and its files are found."""
    pytest.importorskip("ensurepip", reason="this Python cannot make an environment with pip in it")
    home, checkout, lost = tmp_path / "home", tmp_path / "check [out]", tmp_path / "lost"
    shutil.copytree(CHECKOUT, checkout, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    before = sorted(checkout.rglob("*"))
    lost.mkdir()
    (lost / "encodings.py").write_text("raise SystemExit('PYTHONPATH was not unset')")
    (home / ".config/pip").mkdir(parents=True, exist_ok=True)
    (home / ".config/pip/pip.conf").write_text(f"[global]\ntarget = {lost}\n[install]\nprefix = {lost}\nuser = true\n")
    fake_id(tmp_path / "stubs", 1000)
    kept = {key: value for key, value in os.environ.items() if KEPT.fullmatch(key)}
    path = f"{home}/.local/bin:{tmp_path}/stubs:{os.environ['PATH']}"
    env = {**kept, "HOME": str(home), "PATH": path, "LC_ALL": "C"}
    wrong = dict.fromkeys(["PIP_TARGET", "PIP_PREFIX", "PYTHONPATH", "PYTHONHOME"], str(lost))
    hostile = {"HOME": "home", "PYTHON": sys.executable, "PIP_USER": "1", **wrong}
    done = call("sh", "check [out]/install.sh", cwd=tmp_path, env={**env, **hostile})
    assert done.returncode == 0, done.stderr
    version = re.search(r'__version__ = "(.+)"', (CHECKOUT / "git_scalingo_region/__init__.py").read_text())
    assert version
    assert f"Installed {NAME} version {version[1]}: {home}/.local/bin/{NAME}\n" in done.stdout
    assert (sorted(checkout.rglob("*")), files(lost)) == (before, ["encodings.py"])

    done = call("git", "scalingo-region", "--version", env=env, cwd=home)
    assert (done.returncode, done.stdout) == (0, f"{NAME} version {version[1]}\n")
    _, _, text = (CHECKOUT / "pyproject.toml").read_text().partition("shared-data]\n")
    named = re.findall(r'^"(.+)" = "(.+)"$', text.partition("\n[")[0], re.MULTILINE)
    assert len(named) >= 4
    for source, place in named:
        link = home / ".local" / place
        assert (link.is_symlink(), link.read_text()) == (True, (checkout / source).read_text())
    if shutil.which("man"):
        page = home / f".local/share/man/man1/{NAME}.1"
        assert call("man", "-w", NAME, env=env, cwd=home).stdout == f"{page.resolve()}\n"


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_full_circle_in_every_shell(box: Box, shell: str) -> None:
    """In every shell, the script can install, upgrade and uninstall, and then leaves the home folder as it was."""
    if not shutil.which(shell.split(maxsplit=1)[0]):
        pytest.skip(f"there is no {shell}")
    assert [box.check(shell=shell), box.check(shell=shell)] == [box.installed(), box.installed()]
    assert len(box.environments()) == 1
    assert box.check("--uninstall", shell=shell) == f"Removed {NAME} from {box.program.parent}.\n"
    assert tree(box.home) == {}


def test_links_lead_through_current(box: Box) -> None:
    """An installation is one environment and links to its files through "current"; with umask 077 it is private."""
    box.check(umask=0o077)
    assert [path for path in box.home.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o077] == []
    (venv,) = box.environments()
    found = {path: kind for path, kind in tree(box.home).items() if f"/{venv}/" not in path}
    own, live = f".local/share/{NAME}", f"-> {box.own}/current"
    folders = found.pop(f"{own}/folders").splitlines()
    assert found == {
        **{os.path.relpath(folder, box.home): "/" for folder in folders},
        f".local/bin/{NAME}": f"{live}/bin/{NAME}",
        **{f".local/share/{file}": f"{live}/share/{file}" for file in DATA},
        f"{own}/{venv}": "/",
        f"{own}/current": f"-> {venv}",
    }


@pytest.mark.slow
def test_upgrade_follows_the_data_files(box: Box) -> None:
    """An upgrade links new data files and unlinks those that are gone, and only a user of zsh gets the line for zsh."""
    conf, share = f"fish/vendor_conf.d/{NAME}.fish", box.home / ".local/share"
    assert box.check(FAKE_DATA=conf, SHELL="/bin/zsh") == box.installed()
    assert ((share / conf).exists(), (share / ZSH).is_symlink()) == (True, False)
    assert box.check(FAKE_DATA=ZSH, SHELL="/bin/bash") == box.installed()
    assert ((share / conf).is_symlink(), (share / ZSH).exists()) == (False, True)
    line = f"zsh:   put this into ~/.zshrc, before compinit: fpath=('{(share / ZSH).parent}' $fpath)\n"
    assert box.check(FAKE_DATA=ZSH, SHELL="/usr/bin/zsh") == box.installed() + line
    box.check("--uninstall")
    assert tree(box.home) == {}


NEEDED = "Python 3.10 or newer is needed, and"
LACKS = "lacks the venv or the ensurepip module"
OTHER = "name another: PYTHON=/path/to/python3 sh install.sh"
APT = "on Debian and Ubuntu: apt install"
NO_PIP, UNCHANGED = f"pip cannot install {NAME} from the package index", "nothing was changed"
NO_HOME = ["HOME is not set", "say where to install: --prefix DIR"]
# What is changed in the environment, the error, and the hint.
REFUSED: dict[str, tuple[dict[str, str], str, str]] = {
    "folder": ({"HOME": "{root}/file"}, "cannot make the folder {root}/file", ELSEWHERE),
    "git": ({"PATH": "{tools}"}, "git is not installed", f"{NAME} is a git command: install git first"),
    "old": ({"PYTHON": "old"}, f"{NEEDED} old is Python 3.9.25", OTHER),
    "missing": ({"PYTHON": "/nowhere/python3"}, f"{NEEDED} /nowhere/python3 does not run", OTHER),
    "bare": ({"PYTHON": "bare"}, f"{NEEDED} bare {LACKS}", f"{APT} python3-venv"),
    "3.12": ({"PYTHON": "python3.12"}, f"{NEEDED} python3.12 {LACKS}", f"{APT} python3.12-venv"),
    "venv": ({"FAKE_VENV": "exit 1"}, "{python} cannot make a virtual environment", UNCHANGED),
    "program": ({"FAKE_PROGRAM": "exit 1"}, f"the new {NAME} does not start", UNCHANGED),
    "pip": ({"FAKE_PIP": "exit 1"}, f"{NO_PIP} https://index.example/simple", f"pip says why above; {UNCHANGED}"),
    "foreign": ({"FAKE_DATA": ZSH}, "{zsh} is not from this script", f"remove it: rm -r '{{zsh}}'; or {ELSEWHERE}"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", REFUSED)
def test_failure_changes_nothing(box: Box, case: str) -> None:
    """If an installation or an upgrade fails, one error and one hint say why and what to do, and nothing changes."""
    (box.root / "file").touch()
    for name, prelude in {"old": OLD, "bare": BARE, "python3.12": BARE}.items():
        stub(box.root / "stubs" / name, prelude)
    foreign = executable(box.home / ".local/share" / ZSH, "not ours")
    names = {"root": box.root, "tools": only_tools(box), "python": box.env["PYTHON"], "zsh": foreign}
    changes, *expected = REFUSED[case]
    for _ in ("first", "upgrade"):
        before = tree(box.home)
        refused = box.refuse(**{name: value.format_map(names) for name, value in changes.items()})
        assert (refused, tree(box.home)) == ([text.format_map(names) for text in expected], before)
        box.check()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_interrupt_changes_nothing(box: Box, number: signal.Signals) -> None:
    """A signal during an installation leaves everything as before; after SIGKILL, the next run removes what is left."""
    for _ in ("first", "upgrade"):
        before = tree(box.home)
        process = box.begin()
        os.killpg(process.pid, number)
        process.communicate()
        if number == signal.SIGKILL:
            assert (box.own / "lock").is_symlink()
            (box.own / "current.new").symlink_to("what a later death leaves")
        else:
            assert (process.returncode, tree(box.home)) == (128 + number, before)
        box.check()
        assert (len(box.environments()), (box.own / "lock").is_symlink()) == (1, False)


@pytest.mark.slow
def test_second_run_at_the_same_time_is_refused(box: Box) -> None:
    """While one installation runs, another run is refused with the reason and a way out, and the first one succeeds."""
    process = box.begin()
    error = f"another installation is at work, process {process.pid}"
    expected = [error, f"if that is something else: rm '{box.own}/lock'"]
    assert [box.refuse(), box.refuse("--uninstall")] == [expected, expected]
    assert process.communicate("\n") == ("".join(box.installed().splitlines(keepends=True)[1:]), "")
    assert call(box.program, env={}, cwd=box.root).stdout == f"{NAME} version 1.0\n"


@pytest.mark.slow
def test_uninstall_leaves_what_is_not_ours(box: Box) -> None:
    """Uninstall keeps what is not from the script: other programs, files beside its own, and folders from before."""
    (box.home / ".local/bin").mkdir(parents=True)
    (box.home / ".local/share/fish").mkdir(parents=True)
    before = tree(box.home)
    box.check()
    (box.own / "notes").write_text("mine")
    box.program.unlink()
    box.program.write_text("mine")
    box.check("--uninstall")
    own = f".local/share/{NAME}"
    assert tree(box.home) == {**before, f".local/bin/{NAME}": "mine", own: "/", f"{own}/notes": "mine"}


@pytest.mark.slow
def test_uninstall_of_what_is_not_all_there(box: Box) -> None:
    """Uninstall works without the environment, the checkout, git or Python, and says if there is nothing to remove."""
    expected = f"Nothing to remove: this script has not installed {NAME} in {box.program.parent}.\n"
    assert [box.check("--uninstall") for _ in range(2)] == [expected] * 2
    assert [box.refuse(HOME=None), box.refuse("--uninstall", HOME=None)] == [NO_HOME, NO_HOME]
    assert tree(box.home) == {}
    box.check()
    env = box.environ(PATH=only_tools(box), PYTHON=None)
    done = call("sh", "-s", "--", "--uninstall", text=box.script.read_text(), env=env, cwd=box.root)
    assert (done.returncode, tree(box.home)) == (0, {})
    box.check()
    shutil.rmtree(box.own)
    box.check("--uninstall")
    assert files(box.home) == []


@pytest.mark.slow
@pytest.mark.parametrize("place", ["p q", "./x/../p q/", "{root}/p q"])
def test_prefix_holds_everything(box: Box, place: str) -> None:
    """Everything goes under --prefix, even if that path is relative or has dots or a space, and HOME is not needed."""
    (box.root / "x").mkdir()
    place, prefix = place.format(root=box.root), box.root / "p q"
    assert box.run(f"--prefix={place}", HOME=None).stdout == box.installed(prefix / "bin" / NAME)
    assert {path.name for path in prefix.iterdir()} == {"bin", "lib", "share"}
    assert (prefix / f"share/man/man1/{NAME}.1").exists()
    assert call(prefix / "bin" / NAME, env={}, cwd=box.root).stdout == f"{NAME} version 1.0\n"
    box.check("--prefix", str(prefix), "--uninstall")
    assert (prefix.exists(), tree(box.home)) == (False, {})


@pytest.mark.slow
def test_an_installation_is_found_again(box: Box) -> None:
    """Upgrade and uninstall need no XDG_DATA_HOME or --prefix again: they follow the link in ~/.local/bin."""
    data = box.root / "data"
    box.check(XDG_DATA_HOME=str(data))
    assert (data / NAME / "current").exists()
    assert (data / "fish/vendor_completions.d" / f"{NAME}.fish").exists()
    assert files(box.home) == [f".local/bin/{NAME}", f".local/share/man/man1/{NAME}.1"]
    box.check()
    box.check("--uninstall")
    assert (data.exists(), tree(box.home)) == (False, {})
    box.check("--prefix", str(box.home / ".local"))
    assert (box.home / ".local/lib" / NAME / "current").exists()
    box.check()
    assert not box.own.exists()
    box.check("--uninstall")
    assert tree(box.home) == {}


def test_a_relative_home_is_one_in_the_current_folder(box: Box) -> None:
    """A relative HOME is taken as relative to the current folder."""
    bin_folder = box.root / "rel/.local/bin"
    expected = box.installed(bin_folder / NAME)
    assert box.check(HOME="rel", PATH=f"{bin_folder}:{box.env['PATH']}") == expected
    box.check("--uninstall", HOME="rel")
    assert not (box.root / "rel").exists()


@pytest.mark.slow
@pytest.mark.parametrize("home", [None, "home"])
def test_root_installs_for_everybody(box: Box, home: str | None) -> None:
    """As root, the script installs under the system's folder, and everybody can read the files, whatever the umask."""
    fake_id(box.root / "stubs", 0)
    assert box.check(HOME=home, umask=0o077) == box.installed(box.system / "bin" / NAME)
    assert {path.name for path in box.system.iterdir()} == {"bin", "lib", "share"}
    modes = {path: path.stat().st_mode for path in box.system.rglob("*")}
    assert [path for path, mode in modes.items() if not mode & stat.S_IROTH] == []
    assert [path for path, mode in modes.items() if stat.S_ISDIR(mode) and not mode & stat.S_IXOTH] == []
    box.check("--uninstall", HOME=home)
    assert (tree(box.home), tree(box.system)) == ({}, {})


@pytest.mark.slow
@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "fish"])
def test_program_off_path_gets_the_line_that_cures_it(box: Box, shell: str) -> None:
    """If the program's folder is not on PATH, a warning gives a line for the shell's start file that cures it."""
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell}")
    box.env["HOME"] = f"{box.home}/it's $HOME"
    path = f"{box.root}/stubs:{os.environ['PATH']}"
    done = box.run(PATH=path, SHELL=f"/bin/{shell}")
    bin_folder = f"{box.env['HOME']}/.local/bin"
    warning = f"warning: {bin_folder} is not on PATH; put this into your shell's start file: "
    line = done.stderr.removeprefix(warning)
    assert (done.returncode, line != done.stderr) == (0, True)
    done = call(shell, "-c", f"{line}\n{NAME}", env=box.environ(PATH=path), cwd=box.root)
    assert (done.stdout, done.stderr) == (f"{NAME} version 1.0\n", "")


def test_program_behind_another_is_reported(box: Box) -> None:
    """If another program of the same name comes first on PATH, a warning names it."""
    other = executable(box.root / "stubs" / NAME, "#!/bin/sh\n")
    done = box.run(PATH=f"{box.root}/stubs:{box.env['PATH']}")
    assert (done.returncode, done.stderr) == (0, f"warning: {other} comes first on PATH\n")


PIPX = "{home}/.local/share/pipx/venvs/git-scalingo-region/bin/git-scalingo-region"
UV = "{home}/.local/share/uv/tools/git-scalingo-region/bin/git-scalingo-region"
FOREIGN = {
    "file": ("echo mine >{program}", "is not from this script", "rm -r '{program}'"),
    "folder": ("mkdir {program}", "is not from this script", "rm -r '{program}'"),
    "link": ("ln -s /bin/sh {program}", "leads to /bin/sh", "rm -r '{program}'"),
    "dangling link": ("ln -s /nowhere {program}", "leads to /nowhere", "rm -r '{program}'"),
    "pipx": (f"ln -s {PIPX} {{program}}", f"leads to {PIPX}, installed by pipx", f"pipx uninstall {NAME}"),
    "uv": (f"ln -s {UV} {{program}}", f"leads to {UV}, installed by uv", f"uv tool uninstall {NAME}"),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", FOREIGN)
def test_foreign_program_is_never_replaced(box: Box, case: str) -> None:
    """A program from elsewhere is neither replaced nor uninstalled; both runs say what it is and how to remove it."""
    box.program.parent.mkdir(parents=True)
    quoted = {"home": f"'{box.home}'", "program": f"'{box.program}'"}
    subprocess.run(["sh", "-ec", FOREIGN[case][0].format_map(quoted)], check=True)
    before = tree(box.home)
    what, cure = (text.format(home=box.home, program=box.program) for text in FOREIGN[case][1:])
    assert box.refuse() == [f"{box.program} {what}", f"remove it: {cure}; or {ELSEWHERE}"]
    assert box.check("--uninstall").splitlines()[1] == f"{box.program} {what}; remove it: {cure}"
    assert tree(box.home) == before
    if cure.startswith("rm "):
        subprocess.run(["sh", "-c", cure], check=True)
        box.check()


def test_first_python_that_will_do(box: Box) -> None:
    """Without PYTHON, the script skips a Python that is too old or has no venv, and names the one that it uses."""
    stubs = box.root / "stubs"
    stub(stubs / "python3", OLD)
    stub(stubs / "python3.13", BARE)
    stub(stubs / "python3.11")
    stdout = box.run(PYTHON=None, PATH=only_tools(box, "git")).stdout
    assert f" with {stubs}/python3.11 (Python 3.12.1). " in stdout


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_cannot_be_written(box: Box) -> None:
    """If a folder cannot be written to, install and uninstall end with one error and a way out."""
    box.check()
    for folder in (box.own, box.program.parent):
        folder.chmod(0o555)
        expected = [f"cannot write to {folder}", ELSEWHERE]
        assert [box.refuse(), box.refuse("--uninstall")] == [expected, expected]
        folder.chmod(0o755)


@pytest.mark.parametrize("way", ["sh", "sh ../other/link.sh", "sh ../other/copy.sh"])
def test_checkout_is_needed(box: Box, way: str) -> None:
    """From a pipe, a link or another project, the script refuses to run, and installs nothing from a package index."""
    other = box.root / "other"
    other.mkdir()
    (other / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    (other / "link.sh").symlink_to(box.script)
    shutil.copy(box.script, other / "copy.sh")
    done = call(*way.split(), text=box.script.read_text(), env=box.env, cwd=box.script.parent)
    message = f"error: install.sh must be run from its checkout of {NAME}\nhint: sh /path/to/checkout/install.sh\n"
    assert (done.returncode, done.stdout, done.stderr, tree(box.home)) == (1, "", message, {})


def test_checkout_is_found_from_any_folder(box: Box) -> None:
    """The script finds its checkout from inside it and from outside, whatever CDPATH says."""
    env = box.environ(CDPATH=str(box.root))
    for folder, script in {"checkout": "install.sh", ".": "checkout/install.sh"}.items():
        done = call("sh", script, env=env, cwd=box.root / folder)
        assert (done.stdout, done.stderr) == (box.installed(), "")


@pytest.mark.parametrize("arguments", [["--frob"], ["--prefix"], ["--prefix", ""]])
def test_wrong_usage(box: Box, arguments: list[str]) -> None:
    """Wrong arguments end with status 2, and with an error and the usage on stderr."""
    message = "--prefix needs a folder" if "--prefix" in arguments else "unknown argument: --frob"
    done = box.run(*arguments)
    usage = USAGE.replace(SYSTEM, str(box.system))
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {message}\n{usage}")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(option: str) -> None:
    """The script can be executed directly, and -h and --help print the usage even in an empty environment."""
    done = call(CHECKOUT / "install.sh", option, env={}, cwd=CHECKOUT)
    assert (done.returncode, done.stdout, done.stderr) == (0, USAGE, "")
