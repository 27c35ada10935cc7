"""Text for a terminal and JSON for a script: the helpers that the results of the commands use.

Pure: it returns text and writes nothing. One layout for all commands: a headline, then labelled lines; several things
of one kind are a table. Text from a repository or the network is escaped before it gets near a terminal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from git_scalingo_region.errors import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from git_scalingo_region.errors import ScalingoRegionError


class Result(NamedTuple):
    """The result of a command: functions that make each kind of output, and the exit status of the program.

    `text` is what a person reads on stdout, `json` what `--json` writes there, `hints` what to do next, for stderr.
    """

    text: Callable[[Style], str]
    json: Callable[[], dict[str, Any]]
    hints: Callable[[], Sequence[str]] = tuple
    exit_status: ExitStatus = ExitStatus.DONE


MIN_CELL = 12
BOLD, DIM, RED, GREEN, YELLOW = 1, 2, 31, 32, 33
_WORD_COLOURS = {"current": GREEN, "ok": GREEN, "stale": YELLOW, "warning": YELLOW, "skipped": DIM, "problem": RED}


class Style(NamedTuple):
    """How to write to a stream: with colours or without, and how wide it is in columns (0: no limit)."""

    colour: bool = False
    width: int = 0

    def paint(self, text: str, *codes: int) -> str:
        """Return the text in the colours of these SGR codes (ECMA-48), if colours are wanted."""
        return f"\x1b[{';'.join(map(str, codes))}m{text}\x1b[0m" if self.colour and codes else text

    def paint_word(self, word: str, padded: str = "") -> str:
        """Return a state, such as `stale`, in its colour; any other text as it is."""
        return self.paint(padded or word, *([_WORD_COLOURS[word]] if word in _WORD_COLOURS else []))


def printable(text: str) -> str:
    """Return the text with every control, bidirectional or invalid character escaped: a terminal might obey it."""
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    # Python keeps a byte that is not valid text as a surrogate, U+DC00 plus the byte (PEP 383).
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode()


def message(label: str, text: str, style: Style) -> str:
    """Return one line of stderr, `label: text`, in the way git writes it."""
    codes = {"error": (BOLD, RED), "warning": (YELLOW,)}.get(label, (DIM,))
    return f"{style.paint(label + ':', *codes)} {printable(text)}\n"


def error_json(error: ScalingoRegionError, warnings: Sequence[str]) -> dict[str, Any]:
    """Return what `--json` writes to stderr for a failure."""
    failure = {"kind": error.kind, "message": error.message, "exit_status": int(error.exit_status)}
    return {"error": {**failure, "hints": list(error.hints)}, "warnings": list(warnings)}


def plural(count: int, noun: str) -> str:
    """Return the count with its noun, such as `2 remotes`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def record(headline: str, fields: Iterable[tuple[str, str]], style: Style, *codes: int) -> str:
    """Return a headline (if any) and labelled lines; a field without a value is left out."""
    shown = [(label, printable(value)) for label, value in fields if value]
    width = max((len(label) for label, _ in shown), default=0)
    lines = [f"  {style.paint(label.ljust(width), DIM)}  {style.paint_word(value)}\n" for label, value in shown]
    title = [style.paint(printable(headline), BOLD, *codes) + "\n"] if headline else []
    return "".join([*title, *lines])


def table(header: Sequence[str], rows: Sequence[Sequence[str]], style: Style, *, narrow: int | None = None) -> str:
    """Return aligned columns, with the column `narrow` shortened to fit the width.

    If the table still does not fit, each row becomes a record, with a blank line between records.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *cells)]
    excess = sum(widths) + 2 * (len(widths) - 1) - style.width if style.width else 0
    if excess > 0:
        if narrow is None or widths[narrow] - excess < MIN_CELL:
            return "\n".join(record(row[0], zip(map(str.lower, header[1:]), row[1:]), style) for row in cells)
        widths[narrow] -= excess
        for row in cells:
            if len(row[narrow]) > widths[narrow]:
                row[narrow] = row[narrow][: widths[narrow] - 3] + "..."
    lines = [style.paint(_row(header, widths, Style()), BOLD), *(_row(row, widths, style) for row in cells)]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str], widths: Sequence[int], style: Style) -> str:
    padded = (style.paint_word(cell, cell.ljust(width)) for cell, width in zip(cells, [*widths[:-1], 0]))
    return "  ".join(padded).rstrip()
