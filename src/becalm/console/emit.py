"""How answers are printed: as lines of words, as one JSON text, or as csv; and the receipt of an entry."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import typer

from becalm.console.options import Format
from becalm.ledger.event import Entry


def emit(format: Format, *, lines: Iterable[str], told: object, rows: Iterable[Mapping[str, object]]) -> None:
    """Print an answer as lines of words, as one JSON text, or as the rows of a csv."""
    if format is Format.json:
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False, default=_plain))
    elif format is Format.csv:
        typer.echo(_csv(list(rows)), nl=False)
    else:
        for line in lines:
            typer.echo("".join(c if c.isprintable() else " " for c in line))


def tabulate(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> Iterable[str]:
    """Rows below their headings, each column as wide as its widest cell but the last."""
    cells = [[fact_text(row.get(name)) for name in columns] for row in rows]
    widths = [max(len(name), *(len(row[i]) for row in cells), 0) for i, name in enumerate(columns)]
    for row in ([*columns], *cells):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def instant(moment: datetime) -> str:
    """An instant as people and programs read it."""
    return moment.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ")


def print_receipt(entry: Entry, format: Format) -> None:
    """Print an entry that was just written."""
    told = entry_told(entry, with_subject=False)
    words = f"Entry {entry.seq}: {entry.event.kind}"
    words += f", corrects entry {entry.event.corrects}" if entry.event.corrects else ""
    emit(format, lines=[words], told=told, rows=[{**told, "facts": facts_text(told["facts"])}])


def entry_told(entry: Entry, *, with_subject: bool) -> dict[str, object]:
    """An entry as names and values; whom it is about only where that was asked for."""
    event = entry.event
    return {
        "seq": entry.seq,
        "recorded_at": instant(entry.recorded_at),
        "occurred_at": instant(event.occurred_at),
        "kind": event.kind,
        "version": event.version,
        "actor": event.actor,
        "role": event.role,
        "purpose": event.purpose,
        **({"subject": event.subject} if with_subject else {}),
        "corrects": event.corrects,
        "facts": dict(event.facts),
        "hash": entry.hash,
    }


def facts_text(facts: object) -> str:
    """The facts of an entry in one line."""
    assert isinstance(facts, Mapping)
    return "; ".join(f"{name}={fact_text(value)}" for name, value in facts.items())


def fact_text(value: object) -> str:
    """One value in a line; of a long list its beginning and its length."""
    if isinstance(value, tuple | list):
        shown = ", ".join(fact_text(part) for part in value[:8])
        return f"[{shown}, … {len(value)} in all]" if len(value) > 8 else f"[{shown}]"
    return "" if value is None else str(value)


def _csv(rows: Sequence[Mapping[str, object]]) -> str:
    from becalm.render.spreadsheet import csv_text

    cells = ([fact_text(v) if isinstance(v, tuple | list) else v for v in row.values()] for row in rows)
    return csv_text(rows[0], cells) if rows else ""


def _plain(value: object) -> object:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
