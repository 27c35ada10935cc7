"""The README, and the pages beside it, against the program: examples are run, and print what is shown."""

from __future__ import annotations

import base64
import io
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer.main
from conftest import OSC_FR1, Repo, Service
from test_manual import tags

from git_scalingo_region.cli import run as cli
from git_scalingo_region.scalingo import builtin as embedded
from git_scalingo_region.settings import DEFAULT_SERVICE
from git_scalingo_region.ssh import known_hosts as hostkeys

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
GROUP: Any = typer.main.get_command(cli.app)
CONTEXT = typer.Context(GROUP)

# The first is also what .ci/run looks for.
TEST_LINE = "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def examples() -> list[tuple[str, str]]:
    """Return the commands of the console blocks, each with the output that follows it."""
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", "".join(blocks("console")), re.MULTILINE)


def program_lines() -> list[str]:
    """Return every call of the program that the README shows, from its verb on."""
    text = "\n".join([*blocks("sh"), *blocks("console"), *re.findall(r"`([^`\n]+)`", README)])
    return re.findall(r"git scalingo-region ([^)&\n]+)", text)


def table(heading: str) -> list[str]:
    """Return the first cells of the table under a heading."""
    section = README.partition(f"### {heading}\n")[2]
    return re.findall(r"^\| (.*?) \|", section.partition("\n#")[0], re.MULTILINE)[1:]


def fake_key(kind: str) -> hostkeys.HostKey:
    blob = len(kind).to_bytes(4, "big") + kind.encode() + bytes(32)
    return hostkeys.HostKey(kind, base64.b64encode(blob).decode())


@pytest.fixture
def as_shown(service: Service, home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Make a platform on loopback like the real one; return what turns the output here into the output there."""
    service.regions = [region.to_json() for region in embedded.REGIONS]
    monkeypatch.setenv("SCALINGO_API_TOKEN", "aaa.bbb.ccc")
    published = embedded.FINGERPRINTS
    keys = {kind: fake_key(kind) for kind in ("ssh-rsa", "ssh-ed25519")}
    offered = {endpoint: {kind: key.fingerprint for kind, key in keys.items()} for endpoint in published}
    monkeypatch.setattr(embedded, "FINGERPRINTS", offered)
    monkeypatch.setattr(hostkeys, "scan", lambda endpoint, seconds: tuple(keys.values()))

    def translate(text: str) -> str:
        text = text.replace(service.url, DEFAULT_SERVICE).replace(str(home), "/home/you")
        for kind, key in keys.items():
            text = text.replace(key.fingerprint, published["ssh.osc-fr1.scalingo.com:22"][kind])
        return text

    return translate


def run_in_terminal_order(line: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run one line and return stdout and stderr as they come; the program runs in this process."""
    words = shlex.split(line)
    if words[:2] != ["git", "scalingo-region"]:
        return subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    with io.TextIOWrapper(io.BytesIO(), encoding="utf-8") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        patch.setattr(sys, "stderr", stream)
        cli.run(words[2:])
        stream.seek(0)
        return stream.read()


def without_versions(text: str) -> str:
    return re.sub(r"(git|OpenSSH) \d+\.\d+", r"\1 VERSION", text)


@pytest.mark.usefixtures("repo")
def test_examples_print_what_is_shown(as_shown: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The console examples, run one after the other in a repository, print exactly what the README shows."""
    if not shutil.which("ssh"):
        pytest.skip("ssh is not installed")
    printed = [(line, as_shown(run_in_terminal_order(line, monkeypatch))) for line, _ in examples()]
    assert [(line, without_versions(text)) for line, text in printed] == [
        (line, without_versions(text)) for line, text in examples()
    ]


def test_there_is_an_example_of_every_verb() -> None:
    """No verb is without an example whose output is shown."""
    shown = {line.split()[2] for line, _ in examples() if line.startswith("git scalingo-region ")}
    assert shown == set(GROUP.list_commands(CONTEXT))


@pytest.mark.parametrize("line", program_lines())
def test_every_call_is_one_that_the_program_takes(line: str) -> None:
    """Each call in the README, in text and in scripts, has a verb and options that are there, and parses."""
    verb, *words = shlex.split(line)
    if verb != "-h":
        GROUP.get_command(CONTEXT, verb).make_context(verb, words, parent=CONTEXT)


def test_setup_lines_are_one_line_each() -> None:
    """From a fresh machine to a remote, and to the tests, is one command line each, and there is no other."""
    setup, tests, *others = blocks("sh")
    assert re.fullmatch(r"\./install\.sh && .* && git scalingo-region add osc-fr1 myapp\n", setup)
    assert tests == f"{TEST_LINE}\n"
    assert not any("install.sh &&" in other or "pytest" in other for other in others)


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh"])
def test_the_setup_line_works_as_printed(shell: str, tmp_path: Path, home: Path) -> None:
    """With an installer that does no more than to put the program into ~/.local/bin, the line makes the remote."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    installer = tmp_path / "install.sh"
    installer.write_text(
        "#!/bin/sh\nmkdir -p ~/.local/bin && cat >~/.local/bin/git-scalingo-region <<'END'\n"
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m git_scalingo_region "$@"\n'
        "END\nchmod +x ~/.local/bin/git-scalingo-region\n"
    )
    installer.chmod(0o755)
    subprocess.run([shell, "-c", blocks("sh")[0]], check=True, cwd=tmp_path, capture_output=True)
    assert Repo(home / "myapp").push_urls() == [OSC_FR1]


@pytest.mark.parametrize("number", range(len(blocks("sh"))))
@pytest.mark.parametrize("shell", ["sh", "bash", "zsh"])
def test_shells_read_the_scripts(shell: str, number: int) -> None:
    """The command lines are the language of the shells that people paste them into."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    assert subprocess.run([shell, "-n"], check=False, input=blocks("sh")[number], text=True).returncode == 0


def test_tables_are_those_of_the_manual() -> None:
    """The exit statuses and the variables are the manual's, which are held against the program."""
    assert table("Exit status") == tags("EXIT STATUS")
    assert sorted(re.findall(r"`(\w+)`", " ".join(table("Environment")))) == sorted(
        ", ".join(tags("ENVIRONMENT")).split(", ")
    )


def test_the_files_it_names_are_there() -> None:
    """What the README tells to copy or to run is in the checkout."""
    for name in ("install.sh", *re.findall(r"completions/[\w.-]+\.fish", README)):
        assert (ROOT / name).is_file(), name


def test_contributing_maps_every_module() -> None:
    """The module map has a row for each module, and none for what is gone."""
    rows = re.findall(r"^\| `([\w.]+)` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    package = ROOT / "git_scalingo_region"
    rooms = [path.parent for path in package.glob("*/__init__.py") if path.parent.name != "commands"]
    modules = {path.stem for path in package.glob("*.py")} | {"commands"}
    modules |= {f"{room.name}.{path.stem}" for room in rooms for path in room.glob("*.py")}
    assert sorted(rows) == sorted(name for name in modules if not name.rpartition(".")[2].startswith("_"))


def test_security_names_tests_that_are_there() -> None:
    """Each promise of SECURITY.md names its tests, and these exist."""
    rows = re.findall(r"^\| [A-Z].* \| (`.*) \|$", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)
    names = {name for row in rows for name in re.findall(r"`(test_\w+)`", row)}
    assert rows
    assert {name for name in names if not (ROOT / "tests" / f"{name}.py").is_file()} == set()
