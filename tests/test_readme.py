"""The README and the pages beside it: their examples are run, and print what is shown."""

from __future__ import annotations

import io
import os
import re
import shlex
import shutil
import subprocess
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from account import Account
from conftest import OSC_FR1, Repo, executable, load_tool
from pasting import PROGRAM, environment
from ssh_server import make_key, public_key

from git_scalingo_region.cli import run as cli
from git_scalingo_region.cli.options import BY_NAME
from git_scalingo_region.cli.parser import parse
from git_scalingo_region.commands.completion import SCRIPTS
from git_scalingo_region.model import SshEndpoint
from git_scalingo_region.repository.declared import FILE
from git_scalingo_region.scalingo import builtin
from git_scalingo_region.settings import DEFAULT_SERVICE

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PUBLISHED = builtin.fingerprints(SshEndpoint("ssh.osc-fr1.scalingo.com"))
SHELLS = ("sh", "bash", "zsh", "fish")

# .ci/run looks for this line in the README, too.
TEST_LINE = "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest"


def blocks(language: str) -> list[str]:
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", README, re.MULTILINE | re.DOTALL)
    return [re.sub(f"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


USE, SETUP, TESTS, TEAM, JOB, COMPLETION = blocks("sh")


def examples() -> list[tuple[str, str]]:
    """Return the commands of the console blocks, each with the output that follows it."""
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", "".join(blocks("console")), re.MULTILINE)


def program_lines() -> list[str]:
    """Return every call of the program that the README shows, from the command on."""
    text = "\n".join([*blocks("sh"), *blocks("console"), *re.findall(r"`([^`\n]+)`", README)])
    return re.findall(r"(?:git|myapp) scalingo-region ([^)&>\n]+)", text)


def need(*programs: str) -> None:
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


def run_in_terminal_order(line: str) -> str:
    """Run one line and return stdout and stderr in the order of writing; the program itself runs in this process."""
    words = shlex.split(line)
    if words[:2] != ["git", "scalingo-region"]:
        return subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    with io.TextIOWrapper(io.BytesIO(), encoding="utf-8") as stream, redirect_stdout(stream), redirect_stderr(stream):
        cli.run(words[2:])
        stream.seek(0)
        return stream.read()


def without_versions(text: str) -> str:
    return re.sub(r"(git|OpenSSH) \d+\.\d+", r"\1 VERSION", text)


@pytest.mark.usefixtures("repo")
def test_examples_print_what_is_shown(
    account: Account, offered: dict[str, str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The console examples, run one after the other on a platform like the real one, print what the README shows."""
    need("ssh", "ssh-keygen")
    url = account.service.url
    account.service.regions = [{**region.to_json(), "api": f"{url}/{region.name}"} for region in builtin.REGIONS]
    account.add_app("osc-fr1", "myapp")
    (home / ".ssh").mkdir(mode=0o700)
    key = make_key(home / ".ssh" / "id_ed25519")
    account.hold(public_key(key))
    monkeypatch.setenv("GIT_SSH_COMMAND", f"{os.environ['GIT_SSH_COMMAND']} -o IdentityFile='{key}'")
    replaced = {url: DEFAULT_SERVICE, str(home): "/home/you", "A <a@example.org>": "You <you@example.org>"}
    replaced |= {fingerprint: PUBLISHED[kind] for kind, fingerprint in offered.items()}
    for line, expected in examples():
        text = run_in_terminal_order(line)
        for here, there in replaced.items():
            text = text.replace(here, there)
        assert without_versions(text) == without_versions(expected), line


def test_pictures_show_what_the_program_prints() -> None:
    """The pictures in docs show exactly what the program prints on a terminal."""
    picture = load_tool("picture")
    need("ssh")
    text = picture.session()
    for name, theme in picture.THEMES.items():
        assert f"docs/terminal-{name}.svg" in README
        assert (ROOT / "docs" / f"terminal-{name}.svg").read_text(encoding="utf-8") == picture.draw(text, theme)


def test_every_command_is_mentioned_in_a_line_that_the_program_takes() -> None:
    """The program can read every call that the README shows, and the README mentions every command."""
    for line in program_lines():
        assert not isinstance(parse(shlex.split(line)), str)
    words = {word for text in re.findall(r"`([^`\n]+)`", README) for word in text.split()}
    assert set(BY_NAME) <= words | {line.split()[0] for line in program_lines()}


def test_setup_and_tests_are_one_line_each() -> None:
    """In the README, one line leads from a fresh machine to a remote, and the next script is one line for the tests."""
    assert re.fullmatch(r"\./install\.sh && .* add osc-fr1 myapp\n", SETUP)
    assert f"{TEST_LINE}\n" == TESTS
    assert README.count("pytest\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_the_lines_work_as_printed(shell: str, tmp_path: Path, home: Path) -> None:
    """In each shell, the setup line makes the remote and stays in the checkout, and the completion lines work."""
    need(shell)
    for script in blocks("sh"):
        subprocess.run([shell, "-n"], check=True, input=script, text=True)
    checkout = executable(tmp_path / "checkout" / "program", PROGRAM).parent
    install = "mkdir -p ~/.local/bin && cp program ~/.local/bin/git-scalingo-region"
    executable(checkout / "install.sh", f"#!/bin/sh\n{install}\n")
    script, env = f"{SETUP}test -x install.sh && echo in the checkout\n", environment()
    done = subprocess.run([shell, "-c", script], check=True, cwd=checkout, env=env, capture_output=True, text=True)
    assert done.stdout.endswith("in the checkout\n")
    assert Repo(home / "myapp").push_urls() == [OSC_FR1]
    env["PATH"] = f"{home}/.local/bin:{env['PATH']}"
    subprocess.run([shell, "-c", COMPLETION], check=True, env=env, capture_output=True)
    for line in COMPLETION.splitlines():
        name, file = re.search(r"completion (\w+) >~/(\S+)$", line).groups()  # type: ignore[union-attr]
        parts = [(ROOT / "git_scalingo_region" / "completions" / part).read_text() for part in SCRIPTS[name]]
        assert (home / file).read_text() == "".join(parts)


@pytest.mark.usefixtures("home")
def test_the_declared_remotes_are_made(repo: Repo) -> None:
    """The `.gitscalingo` that the README shows declares two remotes, and the `setup` line after it makes them."""
    (declared,) = blocks("ini")
    (repo.path / FILE).write_text(declared)
    line = TEAM.splitlines()[-1].replace(" --trust", " --offline").split()
    assert cli.run(line[2:]) == 0
    assert repo.git("remote").split() == ["production", "staging"]


def test_what_the_pages_name_is_there() -> None:
    """The README links to files that exist, and each promise of SECURITY.md names tests that exist."""
    links = re.findall(r"\]\(([\w./-]+)\)|(?:src|srcset)=\"([^\"]+)\"", README)
    for name in ("install.sh", *(link or source for link, source in links)):
        assert (ROOT / name).is_file(), name
    rows = re.findall(r"^\| [A-Z`].* \| (`.*) \|$", (ROOT / "SECURITY.md").read_text(), re.MULTILINE)
    names = {name for row in rows for name in re.findall(r"`(test_\w+)`", row)}
    assert rows
    assert {name for name in names if not (ROOT / "tests" / f"{name}.py").is_file()} == set()
