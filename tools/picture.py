"""Draw the README's pictures of a terminal from what the program really prints: `python tools/picture.py`.

The commands run on a terminal of their own, in a new repository under an empty home, with the built-in regions as a
fresh cache, so that no request is made and every run prints the same. A test draws the pictures again and compares.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from git_scalingo_region.scalingo import builtin
from git_scalingo_region.scalingo.cache import Cache
from git_scalingo_region.settings import DEFAULT_SERVICE

PROJECT = Path(__file__).resolve().parents[1]
PREPARED = (
    "git init --quiet --initial-branch=main .",
    "git -c user.name=A -c user.email=a@example.org commit --quiet --allow-empty --message=work",
    "git remote add old ssh://git@ssh.osc-fr1.scalingo.com:2200/myapp.git",
)
SHOWN = (
    "git scalingo-region add osc-fr1 myapp",
    "git scalingo-region list",
    "git scalingo-region status",
)
COLUMNS = 100
# In pixels: the width of a character, the height of a line, the margin, and the size of the font.
CELL, LINE, MARGIN, SIZE = 7, 18, 16, 11.5
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


class Theme(NamedTuple):
    """The colours of a picture; `codes` maps SGR codes (ECMA-48) to colours."""

    background: str
    border: str
    text: str
    codes: Mapping[str, str]


THEMES = {
    "light": Theme(
        "#ffffff", "#d0d7de", "#1f2328", {"2": "#656d76", "31": "#cf222e", "32": "#1a7f37", "33": "#9a6700"}
    ),
    "dark": Theme("#0d1117", "#30363d", "#e6edf3", {"2": "#8b949e", "31": "#ff7b72", "32": "#3fb950", "33": "#d29922"}),
}


def session() -> str:
    """Return what a terminal shows when the commands run, with its SGR codes."""
    with tempfile.TemporaryDirectory() as folder:
        home, repository = Path(folder, "home"), Path(folder, "repository")
        (home / ".cache").mkdir(parents=True)
        repository.mkdir()
        cache = Cache.for_token(str(home / ".cache" / "git-scalingo-region"), DEFAULT_SERVICE, "")
        cache.store(builtin.REGIONS, time.time())
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm",
            "PYTHONPATH": str(PROJECT),
            "GIT_CONFIG_NOSYSTEM": "1",
            # ssh takes its home folder from the password file, not from HOME.
            "GIT_SSH_COMMAND": f"ssh -F none -o UserKnownHostsFile='{home}/known_hosts' -o GlobalKnownHostsFile=none",
        }
        for line in PREPARED:
            subprocess.run(line.split(), cwd=repository, env=environment, check=True)
        return "\n".join(f"\x1b[2m$\x1b[0m {line}\n{_on_a_terminal(line, repository, environment)}" for line in SHOWN)


def _on_a_terminal(line: str, folder: Path, environment: Mapping[str, str]) -> str:
    from fcntl import ioctl
    from struct import pack
    from termios import TIOCSWINSZ

    words = [sys.executable, "-m", "git_scalingo_region", *line.split()[2:]]
    outer, inner = pty.openpty()
    ioctl(inner, TIOCSWINSZ, pack("HHHH", 50, COLUMNS, 0, 0))
    process = subprocess.Popen(words, cwd=folder, env=environment, stdin=inner, stdout=inner, stderr=inner)
    os.close(inner)
    shown = b"".join(_output(outer))
    process.wait()
    os.close(outer)
    return shown.decode().replace("\r\n", "\n")


def _output(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            data = os.read(terminal, 4096)
        except OSError:  # Linux reports the end of the output this way
            return
        if not data:  # and macOS this way
            return
        yield data


def draw(text: str, theme: Theme) -> str:
    """Return the text of a terminal as SVG."""
    lines = text.rstrip("\n").split("\n")
    columns = max(len(re.sub("\x1b.*?m", "", line)) for line in lines)
    width, height = columns * CELL + 2 * MARGIN, len(lines) * LINE + 2 * MARGIN
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    label = quoteattr("A terminal: " + "; ".join(SHOWN))
    colours = f'fill="{theme.background}" stroke="{theme.border}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label={label}>',
            f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8" {colours}/>',
            f'<g font-family="{FONT}" font-size="{SIZE}" fill="{theme.text}" xml:space="preserve">',
            *(_line(line, number, theme) for number, line in enumerate(lines) if line),
            "</g>",
            "</svg>\n",
        ]
    )


def _line(line: str, number: int, theme: Theme) -> str:
    """Return one line; each piece has its own column, so that every font keeps the columns of a table aligned."""
    column, codes, pieces = 0, "", []
    for code, words in re.findall(r"\x1b\[([0-9;]*)m|([^\x1b]+)", line):
        codes = code if not words else codes
        for word in re.finditer(r"\S+(?: \S+)*", words):
            x = MARGIN + (column + word.start()) * CELL
            length = (word.end() - word.start()) * CELL
            attributes = f'x="{x}" textLength="{length}"{_attributes(codes, theme)}'
            pieces.append(f"<tspan {attributes}>{escape(word[0])}</tspan>")
        column += len(words)
    return f'<text y="{MARGIN + number * LINE + SIZE}">{"".join(pieces)}</text>'


def _attributes(codes: str, theme: Theme) -> str:
    colours = [theme.codes[code] for code in codes.split(";") if code in theme.codes]
    bold = ' font-weight="bold"' if "1" in codes.split(";") else ""
    return bold + (f' fill="{colours[-1]}"' if colours else "")


def main() -> None:
    """Write both pictures."""
    text = session()
    for name, theme in THEMES.items():
        (PROJECT / "docs" / f"terminal-{name}.svg").write_text(draw(text, theme), encoding="utf-8")


if __name__ == "__main__":
    main()
