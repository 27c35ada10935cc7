"""install.sh: one real installation with pip, and many fast ones with a stub for Python and pip."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

Done = subprocess.CompletedProcess[str]

CHECKOUT = Path(__file__).resolve().parent.parent
NAME = "git-scalingo-region"
SYSTEM = "/usr/local"
DATA = [
    f"bash-completion/completions/{NAME}",
    f"fish/vendor_completions.d/{NAME}.fish",
    f"man/man1/{NAME}.1",
]
SHELLS = ["sh", "dash", "bash --posix", "busybox sh", "posh", "mksh", "yash -o posixlycorrect"]
KEPT = re.compile(r"PIP_.*|SSL_.*|(REQUESTS|CURL)_CA_BUNDLE|\w+_proxy", re.IGNORECASE)
USAGE = """\
usage: install.sh [--prefix DIR] [--uninstall]

Install git-scalingo-region from this checkout, or upgrade it: for you alone
under ~/.local, or, as root, for everybody under /usr/local.

  --prefix DIR   install under DIR instead: DIR/bin, DIR/share, DIR/lib
  --uninstall    remove what this script installed there
  -h, --help     show this text

PYTHON=/path/to/python3 chooses the Python, which must be 3.10 or newer.
"""
IN_THE_WAY = """\
is in the way, and not from this script
hint: remove it, or choose another place: --prefix DIR
"""
ELSEWHERE = "hint: choose another place: --prefix DIR\n"
OTHER_PYTHON = "hint: name another: PYTHON=/path/to/python3 sh install.sh\n"

# Runs the script's own probe, after PRELUDE has changed what the probe will see, and makes an
# environment in no time. FAKE_* variables change the wheel, or add shell code to a step.
STUB = """\
#!/bin/sh
venv=${0%/bin/python}
case "$2 $3" in
"-m venv")
  mkdir -p "$4/bin" && cp "$0" "$4/bin/python" && eval "$FAKE_VENV" ;;
"-m pip")
  case $6 in file:///*/checkout) ;; *) exit 1 ;; esac
  for file in DATA $FAKE_DATA man/man1/of-a-dependency.1; do
    mkdir -p "$venv/share/${file%/*}" && echo "$file" >"$venv/share/$file"
  done
  echo "#!/bin/sh
${FAKE_PROGRAM:-echo git-scalingo-region version 1.0}" >"$venv/bin/git-scalingo-region"
  chmod +x "$venv/bin/git-scalingo-region" && eval "$FAKE_PIP" ;;
*)
  case $3 in *ensurepip*) exec 'REAL' -I -c "PRELUDE
exec(sys.argv.pop(1))" "$3" "$4" ;; esac
  exec 'REAL' "$@" ;;
esac
"""
GOOD = """\
import sys, types
sys.executable = '/bin/sh'
sys.modules['ensurepip'] = types.SimpleNamespace(bootstrap=None)"""
OLD = "import sys; sys.version_info = (3, 9, 25)"
BARE = "import sys; sys.modules['ensurepip'] = None"


def call(*command: str | Path, env: dict[str, str], cwd: Path, text: str | None = None, umask: int = -1) -> Done:
    """Run a command to its end, whatever its status, with text on its stdin."""
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env=env,
        cwd=cwd,
        input=text,
        umask=umask,
    )


def stub(path: Path, prelude: str = GOOD) -> Path:
    """Write an executable that plays Python at path."""
    text = STUB.replace("REAL", sys.executable).replace("PRELUDE", prelude)
    path.write_text(text.replace("DATA $", f"{' '.join(DATA)} $"))
    path.chmod(0o755)
    return path


def tree(folder: Path) -> dict[str, str]:
    """Map each path under folder to what it is: its link target, its text, or a slash."""
    found = {}
    for path in sorted(folder.rglob("*")):
        link = f"-> {path.readlink()}" if path.is_symlink() else ""
        found[str(path.relative_to(folder))] = link or ("/" if path.is_dir() else path.read_text())
    return found


@dataclasses.dataclass
class Box:
    """A home folder, a checkout with the script alone, and stubs that come first on PATH."""

    root: Path
    env: dict[str, str]

    @property
    def home(self) -> Path:
        """The user's home folder, empty at first."""
        return self.root / "home"

    @property
    def system(self) -> Path:
        """What stands for /usr/local in the copy of the script."""
        return self.root / "system"

    @property
    def script(self) -> Path:
        """The script in its checkout."""
        return self.root / "checkout" / "install.sh"

    @property
    def own(self) -> Path:
        """The folder that holds the environments."""
        return self.home / ".local/share" / NAME

    @property
    def program(self) -> Path:
        """The link that a user's PATH leads to."""
        return self.home / ".local/bin" / NAME

    def environ(self, **changes: str | None) -> dict[str, str]:
        """Return the environment with changes; None takes a variable away."""
        merged = {**self.env, **changes}
        return {key: value for key, value in merged.items() if value is not None}

    def run(self, *args: str, shell: str = "sh", umask: int = -1, **changes: str | None) -> Done:
        """Run the script to its end."""
        command: list[str | Path] = [*shell.split(), self.script, *args]
        return call(*command, env=self.environ(**changes), cwd=self.root, umask=umask)

    def check(self, *args: str, shell: str = "sh", umask: int = -1, **changes: str | None) -> str:
        """Run the script, which must succeed in silence on stderr, and return its stdout."""
        command: list[str | Path] = [*shell.split(), self.script, *args]
        done = call(*command, env=self.environ(**changes), cwd=self.root, umask=umask)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def refuse(self, *args: str, **changes: str | None) -> str:
        """Run the script, which must fail with status 1, and return its stderr."""
        done = call("sh", self.script, *args, env=self.environ(**changes), cwd=self.root)
        assert done.returncode == 1, done
        return done.stderr

    def begin(self) -> subprocess.Popen[str]:
        """Start the script in a process group of its own, and return when it is inside pip."""
        process = subprocess.Popen(
            ["sh", self.script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environ(FAKE_PIP="echo inside; read go"),
            start_new_session=True,
            preexec_fn=defaults,  # noqa: PLW1509 - there are no threads here
        )
        assert process.stdout
        assert [process.stdout.readline() for _ in range(2)][1] == "inside\n"
        return process

    def environments(self) -> list[str]:
        """Return the names of the environments there are."""
        return sorted(path.name for path in self.own.glob("venv-*"))


def defaults() -> None:
    """Undo what nohup, or a shell in the background, ignores: no shell traps a signal that it was born ignoring."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def installed(program: Path, checkout: Path, version: str = "1.0") -> str:
    """Return what a successful installation prints."""
    return f"""\
Installing git-scalingo-region from {checkout} ...

Installed git-scalingo-region version {version}: {program}
Next:  git scalingo-region add osc-fr1 myapp
Help:  git help scalingo-region
"""


def make_box(root: Path, user: int) -> Box:
    """Make a box whose user has the number given, whoever runs the tests."""
    for name in ["home", "checkout", "stubs", "system"]:
        (root / name).mkdir(parents=True)
    text = (CHECKOUT / "install.sh").read_text()
    assert text.count(SYSTEM) == 1, "the tests must be able to keep away from the real folder"
    (root / "checkout/install.sh").write_text(text.replace(SYSTEM, f"'{root}/system'"))
    shutil.copy(CHECKOUT / "pyproject.toml", root / "checkout")
    (root / "stubs/id").write_text(f"#!/bin/sh\necho {user}\n")
    (root / "stubs/id").chmod(0o755)
    env = {
        "HOME": str(root / "home"),
        "PATH": f"{root}/home/.local/bin:{root}/system/bin:{root}/stubs:{os.environ['PATH']}",
        "PYTHON": str(stub(root / "stubs/fake-python")),
    }
    return Box(root, env)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """Make the box of an ordinary user."""
    return make_box(tmp_path / "my [box]", 1000)


@pytest.fixture
def root_box(tmp_path: Path) -> Box:
    """Make the box of root, without ~/.local/bin on PATH."""
    box = make_box(tmp_path / "my [box]", 0)
    box.env["PATH"] = f"{box.system}/bin:{box.root}/stubs:{os.environ['PATH']}"
    return box


def only_tools(box: Box, *more: str) -> str:
    """Make a PATH of the stubs and the standard tools: no git, and no Python but the stubs."""
    folder = box.root / "tools"
    folder.mkdir()
    tools = "sh cat chmod cp date find grep ln mkdir readlink rm rmdir sed sort"
    for tool in [*tools.split(), *more]:
        found = shutil.which(tool)
        assert found
        (folder / tool).symlink_to(found)
    return f"{box.root}/stubs:{folder}"


# The real thing


@dataclasses.dataclass
class Real:
    """A finished installation, made by pip from a copy of the whole checkout."""

    home: Path
    checkout: Path
    files: list[Path]
    env: dict[str, str]
    done: Done


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Real:
    """Install the checkout from a folder with an odd name, past hostile variables."""
    pytest.importorskip("ensurepip", reason="this Python cannot make an environment with pip in it")
    root = tmp_path_factory.mktemp("real")
    home, checkout = root / "home", root / "check [out]"
    home.mkdir()
    shutil.copytree(CHECKOUT, checkout, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    script = checkout / "install.sh"
    # An installation of root's that this machine has must not be upgraded by a test.
    script.write_text(script.read_text().replace(SYSTEM, f"'{root}/system'"))
    files = sorted(checkout.rglob("*"))
    kept = {key: value for key, value in os.environ.items() if KEPT.fullmatch(key)}
    env = {
        **kept,
        "HOME": str(home),
        "PATH": f"{home}/.local/bin:{os.environ['PATH']}",
        "LC_ALL": "C",
    }
    hostile = {
        "PYTHON": sys.executable,
        "PIP_USER": "1",
        "PIP_TARGET": str(root / "lost"),
        "PIP_PREFIX": str(root / "lost"),
        "PYTHONPATH": str(root / "lost"),
        "PYTHONHOME": str(root / "lost"),
    }
    (root / "lost").mkdir()
    (root / "lost/encodings.py").write_text("raise SystemExit('PYTHONPATH was not unset')")
    done = call("sh", "check [out]/install.sh", cwd=root, env={**env, **hostile})
    assert done.returncode == 0, done.stderr
    return Real(home, checkout, files, env, done)


def test_real_installation_reports_the_version(real: Real) -> None:
    """A real installation prints its version, its place and the next step, and nothing else."""
    found = re.search(r'__version__ = "(.+)"', (CHECKOUT / "git_scalingo_region/__init__.py").read_text())
    assert found
    assert real.done.stdout == installed(real.home / ".local/bin" / NAME, real.checkout, found[1])


def test_real_program_runs_through_git(real: Real) -> None:
    """After a real installation git runs the program, with the libraries it needs."""
    done = call("git", "scalingo-region", "-h", env=real.env, cwd=real.home)
    assert (done.returncode, done.stderr) == (0, "")
    assert "scalingo-region" in done.stdout.splitlines()[0]


def test_real_data_files_are_all_linked(real: Real) -> None:
    """Every data file that pyproject.toml names is linked to where man and the shells look."""
    _, _, text = (CHECKOUT / "pyproject.toml").read_text().partition("shared-data]\n")
    table, _, _ = text.partition("\n[")
    named = re.findall(r'^"(.+)" = "(.+)"$', table, re.MULTILINE)
    assert len(named) >= 4
    for source, place in named:
        link = real.home / ".local" / place
        assert (link.is_symlink(), link.read_text()) == (True, (real.checkout / source).read_text())


@pytest.mark.skipif(not shutil.which("man"), reason="there is no man")
def test_real_manual_page_is_found(real: Real) -> None:
    """The page is found through PATH alone."""
    done = call("man", "-w", NAME, env=real.env, cwd=real.home)
    page = real.home / f".local/share/man/man1/{NAME}.1"
    assert done.stdout == f"{page.resolve()}\n"


def test_real_installation_leaves_the_checkout_alone(real: Real) -> None:
    """A build writes nothing into the checkout."""
    assert sorted(real.checkout.rglob("*")) == real.files


# A run from beginning to end


@pytest.mark.parametrize("shell", SHELLS)
def test_full_circle_in_every_shell(box: Box, shell: str) -> None:
    """In each shell, install, upgrade and uninstall work, and leave the home folder as it was."""
    if not shutil.which(shell.split(maxsplit=1)[0]):
        pytest.skip(f"there is no {shell}")
    expected = installed(box.program, box.script.parent)
    assert box.check(shell=shell) == expected
    assert box.check(shell=shell) == expected
    assert len(box.environments()) == 1
    assert box.check("--uninstall", shell=shell) == f"Removed {NAME} from {box.program.parent}.\n"
    assert tree(box.home) == {}


def test_links_lead_through_current(box: Box) -> None:
    """An installation is one environment, and links through "current" to its own files alone."""
    box.check()
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


def test_upgrade_follows_the_data_files(box: Box) -> None:
    """An upgrade links the data files that are new, and unlinks those that are gone."""
    conf, zsh = f"fish/vendor_conf.d/{NAME}.fish", f"zsh/site-functions/_{NAME}"
    share = box.home / ".local/share"
    box.check(FAKE_DATA=conf)
    assert ((share / conf).exists(), (share / zsh).is_symlink()) == (True, False)
    box.check(FAKE_DATA=zsh)
    assert ((share / conf).is_symlink(), (share / zsh).exists()) == (False, True)
    box.check("--uninstall")
    assert tree(box.home) == {}


UNCHANGED = "hint: nothing was changed\n"
BROKEN = {
    "venv": (
        {"FAKE_VENV": "exit 1"},
        f"error: {{stub}} cannot make a virtual environment\n{UNCHANGED}",
    ),
    "pip": (
        {"FAKE_PIP": "exit 1"},
        f"error: pip cannot install {NAME}\nhint: pip says why above; nothing was changed\n",
    ),
    "program": (
        {"FAKE_PROGRAM": "exit 1"},
        f"error: the new {NAME} does not start\n{UNCHANGED}",
    ),
    "foreign data file": (
        {"FAKE_DATA": f"zsh/site-functions/_{NAME}"},
        f"error: {{share}}/zsh/site-functions/_{NAME} {IN_THE_WAY}",
    ),
}


@pytest.mark.parametrize("first", [True, False], ids=["first", "upgrade"])
@pytest.mark.parametrize(("change", "message"), BROKEN.values(), ids=BROKEN)
def test_failure_changes_nothing(box: Box, change: dict[str, str], message: str, *, first: bool) -> None:
    """Whatever fails, there is one message, and all is as it was before."""
    share = box.home / ".local/share"
    functions = share / "zsh/site-functions"
    functions.mkdir(parents=True)
    (functions / f"_{NAME}").write_text("not ours")
    if not first:
        box.check()
    before = tree(box.home)
    assert box.refuse(**change) == message.format(share=share, stub=box.env["PYTHON"])
    assert tree(box.home) == before


@pytest.mark.parametrize("first", [True, False], ids=["first", "upgrade"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupt_changes_nothing(box: Box, number: signal.Signals, *, first: bool) -> None:
    """A signal in the middle ends it with the signal's status, and leaves what was there before."""
    if not first:
        box.check()
    before = tree(box.home)
    process = box.begin()
    os.killpg(process.pid, number)
    process.communicate()
    assert process.returncode == 128 + number
    assert tree(box.home) == before


def test_crash_is_cleaned_up_by_the_next_run(box: Box) -> None:
    """After a run that was killed, the next removes its environment and passes its lock."""
    box.check()
    process = box.begin()
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert (len(box.environments()), (box.own / "lock").is_symlink()) == (2, True)
    (box.own / "current.new").symlink_to("what a later death leaves")
    box.check()
    assert (len(box.environments()), (box.own / "lock").is_symlink()) == (1, False)


def test_second_run_at_the_same_time_is_refused(box: Box) -> None:
    """While one installation runs, another says so and how to go on, and the first ends well."""
    process = box.begin()
    expected = (
        f"error: another installation is at work, process {process.pid}\n"
        f"hint: if that is something else, remove {box.own}/lock\n"
    )
    assert [box.refuse(), box.refuse("--uninstall")] == [expected, expected]
    expected = "".join(installed(box.program, box.script.parent).splitlines(keepends=True)[1:])
    assert process.communicate("\n") == (expected, "")
    assert call(box.program, env={}, cwd=box.root).stdout == f"{NAME} version 1.0\n"


# Removing


def test_uninstall_leaves_what_is_not_ours(box: Box) -> None:
    """Uninstall keeps what others made: programs, files beside ours, folders from before."""
    (box.home / ".local/bin").mkdir(parents=True)
    (box.home / ".local/share/fish").mkdir(parents=True)
    before = tree(box.home)
    box.check()
    (box.own / "notes").write_text("mine")
    box.program.unlink()
    box.program.write_text("mine")
    box.check("--uninstall")
    assert tree(box.home) == {
        **before,
        f".local/bin/{NAME}": "mine",
        f".local/share/{NAME}": "/",
        f".local/share/{NAME}/notes": "mine",
    }


def test_second_uninstall_has_nothing_to_do(box: Box) -> None:
    """Uninstall says so when there is nothing to remove, and succeeds."""
    for _ in range(2):
        assert box.check("--uninstall") == f"Nothing to remove: {NAME} is not installed in {box.program.parent}.\n"
    assert tree(box.home) == {}


def test_uninstall_after_the_folder_was_deleted(box: Box) -> None:
    """Uninstall removes the links even when somebody deleted the environment by hand."""
    box.check()
    shutil.rmtree(box.own)
    box.check("--uninstall")
    assert [path for path, kind in tree(box.home).items() if kind != "/"] == []


def test_uninstall_needs_neither_checkout_nor_python(box: Box) -> None:
    """Uninstall works from a pipe, after the checkout, git and Python are gone."""
    box.check()
    env = box.environ(PATH=only_tools(box), PYTHON=None)
    text = box.script.read_text()
    done = call("sh", "-s", "--", "--uninstall", text=text, env=env, cwd=box.root)
    assert (done.returncode, tree(box.home)) == (0, {})


# Where things go


@pytest.mark.parametrize("place", ["p q", "./x/../p q/", "{root}/p q"])
def test_prefix_holds_everything(box: Box, place: str) -> None:
    """All goes under --prefix, be its name relative, dotted, absolute or spaced."""
    (box.root / "x").mkdir()
    place, prefix = place.format(root=box.root), box.root / "p q"
    done = box.run(f"--prefix={place}")
    assert done.stdout == installed(prefix / "bin" / NAME, box.script.parent)
    assert {path.name for path in prefix.iterdir()} == {"bin", "lib", "share"}
    assert (prefix / f"share/man/man1/{NAME}.1").exists()
    assert call(prefix / "bin" / NAME, env={}, cwd=box.root).stdout == f"{NAME} version 1.0\n"
    box.check("--prefix", str(prefix), "--uninstall")
    assert (prefix.exists(), tree(box.home)) == (False, {})


def test_data_home_moves_all_but_program_and_manual(box: Box) -> None:
    """XDG_DATA_HOME moves all but the program and the page, which man looks for beside it."""
    data = box.root / "data"
    box.check(XDG_DATA_HOME=str(data))
    assert (data / NAME / "current").exists()
    assert (data / "fish/vendor_completions.d" / f"{NAME}.fish").exists()
    page = f".local/share/man/man1/{NAME}.1"
    files = [path for path, kind in tree(box.home).items() if kind != "/"]
    assert files == [f".local/bin/{NAME}", page]
    assert (box.home / page).exists()
    box.check("--uninstall", XDG_DATA_HOME=str(data))
    assert (data.exists(), tree(box.home)) == (False, {})


@pytest.mark.parametrize("home", ["unset", "foreign", "own"])
def test_root_installs_for_everybody(root_box: Box, home: str) -> None:
    """As root, all goes to the system's folder and can be read by everybody, whatever the umask.

    So without HOME, with another user's (sudo may leave it), or without ~/.local/bin on PATH.
    """
    if home == "foreign" and os.geteuid() == 0:
        os.chown(root_box.home, 65534, -1)
        root_box.env["PATH"] = f"{root_box.home}/.local/bin:{root_box.env['PATH']}"
    where = None if home == "unset" else str(root_box.home)
    system = root_box.system
    expected = installed(system / "bin" / NAME, root_box.script.parent)
    assert root_box.check(HOME=where, umask=0o077) == expected
    assert {path.name for path in system.iterdir()} == {"bin", "lib", "share"}
    modes = {path: path.stat().st_mode for path in system.rglob("*")}
    assert [path for path, mode in modes.items() if not mode & stat.S_IROTH] == []
    assert [path for path, mode in modes.items() if stat.S_ISDIR(mode) and not mode & stat.S_IXOTH] == []
    root_box.check("--uninstall", HOME=where)
    assert (tree(root_box.home), tree(system)) == ({}, {})


def test_ordinary_umask_is_kept(box: Box) -> None:
    """An ordinary user's umask is respected: what was to be private is."""
    box.check(umask=0o077)
    assert [path for path in box.home.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o077] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a home folder that belongs to root")
def test_root_stays_where_the_first_installation_went(root_box: Box) -> None:
    """Root's own ~/.local is used when it is on PATH, and then again even when it no longer is."""
    path = f"{root_box.home}/.local/bin:{root_box.env['PATH']}"
    root_box.check(PATH=path)
    assert root_box.run().returncode == 0
    assert (root_box.program.exists(), len(root_box.environments()), tree(root_box.system)) == (
        True,
        1,
        {},
    )
    root_box.check("--uninstall")
    root_box.check()
    root_box.check(PATH=path)
    assert tree(root_box.home) == {}


def test_python_closed_to_others_is_the_last_choice(root_box: Box) -> None:
    """For everybody, a Python that only root can reach is passed over, or used with a warning."""
    stubs, closed = root_box.root / "stubs", root_box.root / "closed"
    closed.mkdir(mode=0o700)
    (closed / "python").touch(mode=0o755)
    prelude = GOOD.replace("/bin/sh", str(closed / "python"))
    stub(stubs / "python3", prelude)
    path = only_tools(root_box, "git")
    done = root_box.run(PYTHON="python3", PATH=path)
    assert done.returncode == 0
    assert done.stderr.splitlines()[0] == (f"warning: python3 is closed to other users, so only root can run {NAME}")
    stub(stubs / "python3.12")
    done = root_box.run(PYTHON=None, PATH=path, FAKE_VENV="echo $0 >&2")
    assert done.stderr.splitlines()[0] == f"{stubs}/python3.12"


# What is said on the way


def test_program_off_path_gets_the_line_that_cures_it(box: Box) -> None:
    """When the program's folder is not on PATH, one line says what to put where."""
    bin_folder = box.program.parent
    done = box.run(PATH=f"{box.root}/stubs:{os.environ['PATH']}")
    assert (done.returncode, done.stdout) == (0, installed(box.program, box.script.parent))
    assert done.stderr == (
        f"warning: {bin_folder} is not on PATH; "
        f'put this into your shell\'s start file: export PATH="{bin_folder}:$PATH"\n'
    )


def test_program_behind_another_is_reported(box: Box) -> None:
    """When another program of the name comes first on PATH, it is named."""
    other = box.root / "stubs" / NAME
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    done = box.run(PATH=f"{box.root}/stubs:{box.env['PATH']}")
    assert (done.returncode, done.stderr) == (0, f"warning: {other} comes first on PATH\n")


def test_zsh_user_gets_the_fpath_line(box: Box) -> None:
    """Who uses zsh is told the line that its completion needs, and who does not is not."""
    zsh = f"zsh/site-functions/_{NAME}"
    expected = installed(box.program, box.script.parent)
    assert box.check(FAKE_DATA=zsh, SHELL="/bin/bash") == expected
    functions = box.home / ".local/share/zsh/site-functions"
    line = f"zsh:   put this into ~/.zshrc, before compinit: fpath=({functions} $fpath)\n"
    assert box.check(FAKE_DATA=zsh, SHELL="/usr/bin/zsh") == expected + line


# What is refused, with nothing made


@pytest.mark.parametrize("kind", ["file", "folder", "link", "dangling link"])
def test_foreign_program_is_never_replaced(box: Box, kind: str) -> None:
    """A program of the name that another installer made is left alone, by uninstall too."""
    box.program.parent.mkdir(parents=True)
    if kind == "file":
        box.program.write_text("mine")
    elif kind == "folder":
        box.program.mkdir()
    else:
        box.program.symlink_to("/bin/sh" if kind == "link" else "/nowhere")
    before = tree(box.home)
    assert box.refuse() == f"error: {box.program} {IN_THE_WAY}"
    box.check("--uninstall")
    assert tree(box.home) == before


def test_home_is_needed(box: Box) -> None:
    """Without HOME the script asks for a place, and takes one."""
    for args in [(), ("--uninstall",)]:
        expected = "error: HOME is not set\nhint: say where to install: --prefix DIR\n"
        assert [box.refuse(*args, HOME=None), box.refuse(*args, HOME="")] == [expected, expected]
    box.check("--prefix", str(box.system), HOME=None)


def test_folder_that_cannot_be_made(box: Box) -> None:
    """A home folder that cannot be written gets one line and a way out."""
    (box.root / "file").touch()
    expected = f"error: cannot make the folder {box.root}/file\n{ELSEWHERE}"
    assert box.refuse(HOME=f"{box.root}/file") == expected


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
@pytest.mark.parametrize("place", ["own", "bin"])
def test_folder_that_cannot_be_written(box: Box, place: str) -> None:
    """An installation or a program folder of another user gets one line and a way out."""
    folder = box.own if place == "own" else box.program.parent
    box.check()
    folder.chmod(0o555)
    expected = f"error: cannot write to {folder}\n{ELSEWHERE}"
    assert [box.refuse(), box.refuse("--uninstall")] == [expected, expected]
    folder.chmod(0o755)


TOO_OLD = "error: Python 3.10 or newer is needed, and {python} is not\n" + OTHER_PYTHON
NO_VENV = """\
error: {python} lacks the venv or the ensurepip module
hint: on Debian and Ubuntu: apt install {python}-venv
"""


@pytest.mark.parametrize(
    ("python", "prelude", "message"),
    [
        ("python3", OLD, TOO_OLD),
        ("/nowhere/python3", GOOD, TOO_OLD),
        ("python3", BARE, NO_VENV),
        ("python3.12", BARE, NO_VENV),
    ],
    ids=["old", "missing", "without venv", "python3.12 without venv"],
)
def test_python_that_will_not_do(box: Box, python: str, prelude: str, message: str) -> None:
    """A Python that is too old, missing or bare is named with its cure, and nothing is made."""
    if "/" not in python:
        stub(box.root / "stubs" / python, prelude)
    assert box.refuse(PYTHON=python) == message.format(python=python)
    assert tree(box.home) == {}


def test_first_python_that_will_do(box: Box) -> None:
    """Without PYTHON, one too old and one without venv are passed over for one that will do."""
    stubs = box.root / "stubs"
    stub(stubs / "python3", OLD)
    stub(stubs / "python3.13", BARE)
    stub(stubs / "python3.11")
    done = box.run(PYTHON=None, FAKE_VENV="echo $0 >&2", PATH=only_tools(box, "git"))
    assert done.stderr.splitlines()[0] == f"{stubs}/python3.11"


def test_git_is_needed(box: Box) -> None:
    """Without git there is one line, and nothing is made."""
    assert box.refuse(PATH=only_tools(box)) == (
        f"error: git is not installed\nhint: {NAME} is a git command: install git first\n"
    )
    assert tree(box.home) == {}


@pytest.mark.parametrize("way", ["pipe", "symlink", "another project"])
def test_checkout_is_needed(box: Box, way: str) -> None:
    """Where the checkout cannot be found, no package index is asked for the bare name."""
    command = ["sh"] if way == "pipe" else ["sh", str(box.root / "other/install.sh")]
    other = box.root / "other"
    other.mkdir()
    (other / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    if way == "symlink":
        (other / "install.sh").symlink_to(box.script)
    elif way == "another project":
        shutil.copy(box.script, other)
    text = box.script.read_text() if way == "pipe" else None
    done = call(*command, text=text, env=box.env, cwd=box.script.parent)
    assert (done.returncode, done.stdout) == (1, "")
    hint = "hint: sh /path/to/checkout/install.sh"
    assert done.stderr == f"error: install.sh must be run from its checkout of {NAME}\n{hint}\n"
    assert tree(box.home) == {}


@pytest.mark.parametrize(("folder", "script"), [("checkout", "install.sh"), (".", "checkout/install.sh")])
def test_checkout_is_found_from_any_folder(box: Box, folder: str, script: str) -> None:
    """The script finds its checkout wherever it is called from and whatever CDPATH says."""
    env = box.environ(CDPATH=str(box.root))
    done = call("sh", script, env=env, cwd=box.root / folder)
    assert (done.stdout, done.stderr) == (installed(box.program, box.script.parent), "")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--frob"], "unknown argument: --frob"),
        (["osc-fr1"], "unknown argument: osc-fr1"),
        (["--prefix"], "--prefix needs a folder"),
        (["--prefix", ""], "--prefix needs a folder"),
    ],
    ids=["option", "argument", "nothing", "empty"],
)
def test_wrong_usage(box: Box, args: list[str], message: str) -> None:
    """Arguments that make no sense get the usage on stderr and status 2."""
    done = box.run(*args)
    usage = USAGE.replace(SYSTEM, str(box.system))
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {message}\n{usage}")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(option: str) -> None:
    """-h and --help print the usage, in an empty environment too."""
    done = call("/bin/sh", CHECKOUT / "install.sh", option, env={}, cwd=CHECKOUT)
    assert (done.returncode, done.stdout, done.stderr) == (0, USAGE, "")


# The text


def test_shellcheck_finds_nothing() -> None:
    """The script is POSIX sh to shellcheck."""
    checker = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if not checker:
        pytest.skip("there is no shellcheck")
    done = call(checker, "-s", "sh", "install.sh", env={}, cwd=CHECKOUT)
    assert (done.returncode, done.stdout) == (0, "")


def test_script_can_be_run() -> None:
    """The script is executable, as ./install.sh needs."""
    assert os.access(CHECKOUT / "install.sh", os.X_OK)
