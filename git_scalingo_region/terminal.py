"""Outcomes as text for a person, or as JSON for a script. Pure: returns texts, decides nothing.

One layout for all verbs: a headline, then labelled lines; several things of a kind are a table. What comes from a
repository or the network is escaped before it gets near a terminal. Imports `outcomes`, `model` and `errors`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from git_scalingo_region.errors import ScalingoRegionError
    from git_scalingo_region.model import RegionList
    from git_scalingo_region.outcomes import (
        Added,
        Check,
        Diagnosis,
        Listed,
        Resolution,
        Statuses,
        Synced,
        Trusted,
        Url,
    )

MIN_CELL = 12

REASONS = {
    "argument": "given as an argument",
    "environment": "from SCALINGO_REGION",
    "git-config": "from git config scalingo.region",
    "existing-remote": "where the remote points already",
    "cli-config": "from the Scalingo CLI's configuration",
    "default": "the default region",
    "fallback": "the default region, by --fallback",
}

_HEADLINES = {
    ("created", False): "Created remote '{}'",
    ("updated", False): "Updated remote '{}'",
    ("unchanged", False): "Remote '{}' is up to date",
    ("created", True): "Would create remote '{}'",
    ("updated", True): "Would update remote '{}'",
    ("unchanged", True): "Remote '{}' is up to date",
}


class Style(NamedTuple):
    """How a stream is written to: with colours or not, and how wide it is (0: as wide as needed)."""

    colour: bool = False
    width: int = 0

    def paint(self, text: str, *codes: int) -> str:
        """Return the text in the colours of these SGR codes (ECMA-48), if there are to be any."""
        return f"\x1b[{';'.join(map(str, codes))}m{text}\x1b[0m" if self.colour else text


BOLD, DIM, RED, GREEN, YELLOW = 1, 2, 31, 32, 33
_STATE_COLOURS = {"current": GREEN, "ok": GREEN, "stale": YELLOW, "skipped": DIM}


def printable(text: str) -> str:
    """Return the text with what a terminal could obey (control, bidirectional, broken characters) as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    # Python keeps a byte that is no text as a surrogate, U+DC00 and the byte (PEP 383).
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode()


def message(label: str, text: str, style: Style) -> str:
    """Return one line of stderr, `label: text`, as git writes it."""
    codes = {"error": (BOLD, RED), "warning": (YELLOW,)}.get(label, (DIM,))
    return f"{style.paint(label + ':', *codes)} {printable(text)}\n"


def error_json(error: ScalingoRegionError, warnings: Sequence[str]) -> dict[str, Any]:
    """Return what `--json` writes to stderr for a failure."""
    failure = {"kind": error.kind, "message": error.message, "exit_status": int(error.exit_status)}
    return {"error": {**failure, "hints": list(error.hints)}, "warnings": list(warnings)}


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _record(headline: str, fields: Iterable[tuple[str, str]], style: Style, *codes: int) -> str:
    """Return a headline and its labelled lines; a field without a value is left out."""
    shown = [(label, printable(value)) for label, value in fields if value]
    width = max(len(label) for label, _ in shown)
    lines = [f"  {style.paint(label.ljust(width), DIM)}  {value}\n" for label, value in shown]
    title = [style.paint(printable(headline), BOLD, *codes) + "\n"] if headline else []
    return "".join([*title, *lines])


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], style: Style, *, narrow: int | None) -> str:
    """Return aligned columns, the column `narrow` shortened to fit; where that is not enough, a record a row."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *cells)]
    excess = sum(widths) + 2 * (len(widths) - 1) - style.width if style.width else 0
    if excess > 0:
        if narrow is None or widths[narrow] - excess < MIN_CELL:
            return "".join(_record(row[0], zip(map(str.lower, header[1:]), row[1:]), style) for row in cells)
        widths[narrow] -= excess
        for row in cells:
            if len(row[narrow]) > widths[narrow]:
                row[narrow] = row[narrow][: widths[narrow] - 3] + "..."
    lines = []
    for row in [list(header), *cells]:
        padded = [cell.ljust(width) for cell, width in zip(row, widths)]
        painted = [
            style.paint(pad, _STATE_COLOURS[cell]) if cell in _STATE_COLOURS else pad for cell, pad in zip(row, padded)
        ]
        lines.append("  ".join(painted).rstrip())
    lines[0] = style.paint(lines[0], BOLD)
    return "\n".join(lines) + "\n"


def _why(resolution: Resolution) -> str:
    return f"{resolution.region}, {REASONS[resolution.source]}"


# --- add and url -----------------------------------------------------------------------------------------------------


def added_text(outcome: Added, style: Style) -> str:
    """Show what was done, in which region and why, how to undo it, and what to do next."""
    from shlex import join  # for what is to be pasted into a shell: a branch may have any name

    push = join(["git", "push", outcome.remote, outcome.refspec])
    fields = (
        *(_replaced(outcome.replacements) or [("url", str(outcome.url))]),
        ("region", _why(outcome.resolution)),
        ("undo", " && ".join(outcome.undo) if not outcome.dry_run else ""),
        ("next", push if outcome.has_commit else f"git commit, then {push}"),
    )
    return _record(_HEADLINES[outcome.outcome, outcome.dry_run].format(outcome.remote), fields, style, GREEN)


def _replaced(replacements: Iterable[tuple[str, str, str]]) -> list[tuple[str, str]]:
    return [(variable, f"{old} -> {new}") for variable, old, new in replacements]


def added_hints(outcome: Added) -> list[str]:
    """Return what may keep the first push from working."""
    if outcome.host_is_known:
        return []
    endpoint, region = outcome.url.endpoint, outcome.resolution.region.name
    return [f"ssh does not know the host key of {endpoint} yet: git scalingo-region trust {region}"]


def added_json(outcome: Added) -> dict[str, Any]:
    """Return the JSON of `add`."""
    return {
        "outcome": outcome.outcome,
        "remote": outcome.remote,
        "url": str(outcome.url),
        "previous_url": outcome.previous_url,
        "push_urls": list(outcome.push_urls),
        "app": outcome.url.app,
        **_resolution_json(outcome.resolution),
        "dry_run": outcome.dry_run,
    }


def _resolution_json(resolution: Resolution) -> dict[str, Any]:
    return {
        "region": resolution.region.name,
        "region_source": resolution.source,
        "list_source": resolution.regions.source,
    }


def url_text(outcome: Url, style: Style) -> str:
    """Show the url and nothing else."""
    return f"{outcome.url}\n"


def url_json(outcome: Url) -> dict[str, Any]:
    """Return the JSON of `url`."""
    return {"url": str(outcome.url), "app": outcome.url.app, **_resolution_json(outcome.resolution)}


# --- list and show ---------------------------------------------------------------------------------------------------


def listed_text(outcome: Listed, style: Style) -> str:
    """Show the regions as a table, with what makes one of them the choice here."""
    rows = []
    for region in outcome.regions.regions:
        notes = ["default"] if region.default else []
        if region.name == outcome.selected:
            notes.append(f"selected {REASONS[outcome.selected_source]}")
        rows.append((region.name, region.display_name, str(region.ssh), ", ".join(notes)))
    return _table(("NAME", "WHERE", "SSH ENDPOINT", "NOTE"), rows, style, narrow=1)


def names_text(outcome: Listed, style: Style) -> str:
    """Show the names, one a line."""
    return "".join(f"{name}\n" for name in outcome.regions.names)


def listed_json(outcome: Listed) -> dict[str, Any]:
    """Return the JSON of `list`: the regions in the API's own shape."""
    regions = [region.to_json() for region in outcome.regions.regions]
    return {"regions": regions, **_source_json(outcome.regions)}


def _source_json(regions: RegionList) -> dict[str, Any]:
    from datetime import datetime, timezone

    moment = regions.fetched_at
    stamp = datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if moment is not None else None
    return {"list_source": regions.source, "fetched_at": stamp}


def shown_text(outcome: Resolution, style: Style) -> str:
    """Show every field of one region."""
    fields = [(label, _field_text(value)) for label, value in outcome.region.to_json().items() if label != "name"]
    return _record(outcome.region.name, fields, style)


def field_text(outcome: Resolution, field: str) -> str:
    """Show the value of one field alone."""
    return f"{_field_text(outcome.region.to_json()[field])}\n"


def _field_text(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def shown_json(outcome: Resolution) -> dict[str, Any]:
    """Return the JSON of `show`: the region in the API's own shape, and why it is that one."""
    source = {"region_source": outcome.source, **_source_json(outcome.regions)}
    return {**outcome.region.to_json(), **source}


# --- status and sync -------------------------------------------------------------------------------------------------


def statuses_text(outcome: Statuses, style: Style) -> str:
    """Show the Scalingo remotes as a table."""
    if not outcome.remotes:
        return "No Scalingo remote in this repository\n"
    rows = [(item.remote, item.region, item.app, item.state, ", ".join(item.push_urls)) for item in outcome.remotes]
    return _table(("REMOTE", "REGION", "APP", "STATE", "PUSH URL"), rows, style, narrow=None)


def statuses_hints(outcome: Statuses) -> list[str]:
    """Return what to do about the remotes that are not current."""
    states = {item.state for item in outcome.remotes}
    advice = {
        "stale": "bring stale remotes to their region's endpoint: git scalingo-region sync",
        "diverted": "see what diverts a push: git config --show-origin --get-regexp '^remote.*url$|insteadof$'",
        "unknown-region": "see which regions there are: git scalingo-region list",
    }
    if not states:
        return ["add one: git scalingo-region add [REGION] APP"]
    return [text for state, text in advice.items() if state in states]


def statuses_json(outcome: Statuses) -> dict[str, Any]:
    """Return the JSON of `status`."""
    return {"remotes": [{**item._asdict(), "push_urls": list(item.push_urls)} for item in outcome.remotes]}


def synced_text(outcome: Synced, style: Style) -> str:
    """Show each remote that was brought up to date, then the sum."""
    headline = _HEADLINES["updated", outcome.dry_run]
    records = [
        _record(
            headline.format(item.remote),
            (
                *_replaced(item.replacements),
                ("region", item.region),
                ("undo", " && ".join(item.undo) if not outcome.dry_run else ""),
            ),
            style,
            GREEN,
        )
        for item in outcome.remotes
    ]
    return "".join([*records, _sync_sum(outcome)])


def _sync_sum(outcome: Synced) -> str:
    if not outcome.remotes and not outcome.refused:
        return "No Scalingo remote is stale\n"
    verb = "to update" if outcome.dry_run else "updated"
    sums = [f"{_plural(len(outcome.remotes), 'remote')} {verb}"]
    if outcome.refused:
        sums.append(f"{len(outcome.refused)} refused")
    if outcome.current:
        sums.append(f"{outcome.current} left as {'it was' if outcome.current == 1 else 'they were'}")
    return ", ".join(sums) + "\n"


def synced_json(outcome: Synced) -> dict[str, Any]:
    """Return the JSON of `sync`."""
    remotes = [
        {
            "remote": item.remote,
            "region": item.region,
            "previous_url": item.previous_url,
            "url": item.url,
            "undo": list(item.undo),
        }
        for item in outcome.remotes
    ]
    return {"remotes": remotes, "refused": list(outcome.refused), "dry_run": outcome.dry_run}


# --- trust and doctor ------------------------------------------------------------------------------------------------


def trusted_text(outcome: Trusted, style: Style) -> str:
    """Show which keys are trusted now, and on whose word."""
    one = len(outcome.keys) == 1
    keys = f"the host {'key' if one else 'keys'} of {outcome.endpoint}"
    if outcome.outcome == "unchanged":
        headline = f"{keys[0].upper()}{keys[1:]} {'is' if one else 'are'} trusted already"
    else:
        headline = f"{'Would trust' if outcome.dry_run else 'Trusted'} {keys}"
    fields = [
        (key.type, f"{key.fingerprint}{' (added)' if key.added and not outcome.dry_run else ''}")
        for key in outcome.keys
    ]
    fields += [("region", outcome.region), ("file", outcome.file), ("source", outcome.vouched_by)]
    return _record(headline, fields, style, GREEN)


def trusted_json(outcome: Trusted) -> dict[str, Any]:
    """Return the JSON of `trust`."""
    return {
        "outcome": outcome.outcome,
        "region": outcome.region,
        "endpoint": outcome.endpoint,
        "file": outcome.file,
        "keys": [key._asdict() for key in outcome.keys],
        "dry_run": outcome.dry_run,
    }


def diagnosis_text(outcome: Diagnosis, style: Style) -> str:
    """Show the checks, the fix under each problem, then the sum."""
    width = max(len(check.check) for check in outcome.checks)
    lines = [line for check in outcome.checks for line in _check_lines(check, width, style)]
    problems = sum(check.status == "problem" for check in outcome.checks)
    lines.append("No problem found" if not problems else f"{_plural(problems, 'problem')} found")
    return "\n".join(lines) + "\n"


def _check_lines(check: Check, width: int, style: Style) -> list[str]:
    status = style.paint(check.status.ljust(len("problem")), _STATE_COLOURS.get(check.status, RED))
    lines = [f"{status}  {check.check.ljust(width)}  {printable(check.detail)}"]
    if check.fix:
        lines.append(f"{'':{len('problem')}}  {'':{width}}  {style.paint('fix:', DIM)} {printable(check.fix)}")
    return lines


def diagnosis_json(outcome: Diagnosis) -> dict[str, Any]:
    """Return the JSON of `doctor`."""
    checks = [{**check._asdict(), "fix": check.fix or None} for check in outcome.checks]
    return {"checks": checks}
