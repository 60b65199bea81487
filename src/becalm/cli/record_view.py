"""How the ledger's answers are shown. Imported only when a command has something to show."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import typer

from becalm.cli.options import Format
from becalm.desk.record import EntryShown, LedgerSource
from becalm.desk.record_import import LogImported
from becalm.desk.record_keep import Rebuilt
from becalm.terms.errors import TamperError
from becalm.terms.event import Entry

HASH = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")  # shortened where people read a list
EVENT_COLUMNS = ("seq", "recorded_at", "occurred_at", "kind", "actor", "role", "purpose", "corrects", "facts")


def emit(format: Format, *, lines: Iterable[str], told: object, rows: Iterable[Mapping[str, object]]) -> None:
    """Print an answer as lines of words, as one JSON text, or as the rows of a csv."""
    if format is Format.json:
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False, default=_plain))
    elif format is Format.csv:
        typer.echo(_csv(list(rows)), nl=False)
    else:
        for line in lines:
            typer.echo("".join(c if c.isprintable() else " " for c in line))


def print_events(entries: Sequence[Entry], format: Format, *, with_subjects: bool) -> None:
    """Print entries in their order."""
    told = [entry_told(entry, with_subject=with_subjects) for entry in entries]
    columns = (*EVENT_COLUMNS[:-1], *(("subject",) if with_subjects else ()), "facts")
    rows = [{**row, "facts": _facts_text(row["facts"])} for row in told]
    shown = [{**row, "facts": HASH.sub(r"\1…", str(row["facts"]))} for row in rows]
    csv_rows = [{name: row.get(name) for name in (*columns, "hash")} for row in rows]
    emit(format, lines=tabulate(columns[:1] + columns[2:6] + columns[7:], shown), told=told, rows=csv_rows)


def print_entry(shown: EntryShown, format: Format) -> None:
    """Print one entry, its corrections and the proof that it stands in the ledger."""
    told = {
        **entry_told(shown.entry, with_subject=True),
        "previous": shown.entry.previous,
        "commitment": shown.entry.commitment,
        "details": _details(shown),
        "corrected_by": [entry_told(entry, with_subject=False) for entry in shown.corrections],
        "inclusion": {
            "leaf_index": shown.entry.seq - 1,
            "size": shown.source.head.size,
            "root": shown.source.head.root,
            "proof": list(shown.proof),
        },
        "source": source_told(shown.source),
    }
    row = {
        **entry_told(shown.entry, with_subject=True),
        "facts": _facts_text(shown.entry.event.facts),
        "details": _details(shown),
        "corrected_by": " ".join(str(entry.seq) for entry in shown.corrections),
        "size": shown.source.head.size,
        "root": shown.source.head.root,
        "proof": " ".join(shown.proof),
    }
    emit(format, lines=_entry_lines(shown), told=told, rows=[row])


def _entry_lines(shown: EntryShown) -> Iterable[str]:
    entry, event = shown.entry, shown.entry.event
    about = f" about {event.subject}" if event.subject else ""
    yield f"Entry {entry.seq}: {event.kind} {event.version}{about}"
    yield f"  occurred         {instant(event.occurred_at)}"
    by = f"{event.actor} ({event.role}), for: {event.purpose}"
    yield f"  recorded         {instant(entry.recorded_at)} by {by}"
    yield from (f"  {name:<16} {_fact_text(value)}" for name, value in event.facts.items())
    if event.corrects:
        yield f"  corrects         entry {event.corrects}"
    yield from (
        f"  corrected        by entry {later.seq} ({later.event.kind})" for later in shown.corrections
    )
    yield f"  details          {_details(shown)}"
    yield f"  hash             {entry.hash}"
    yield f"  previous         {entry.previous}"
    size = shown.source.head.size
    yield f"  proof            leaf {entry.seq - 1} of {size}, {len(shown.proof)} hashes up to the root"
    yield from source_lines(shown.source, margin=19)


def _details(shown: EntryShown) -> str:
    if shown.payload is not None:
        return shown.payload.decode("utf-8", "replace")
    if not shown.entry.commitment:
        return "none"
    return "erased; only their commitment is left" if shown.erased else "kept; not shown"


def print_import(made: LogImported, format: Format) -> None:
    """Print what became of a log."""
    told = {name: getattr(made, name) for name in LogImported.__dataclass_fields__}
    lines = [
        f"{made.file}: {made.status}, {made.rows:,} rows as {made.kind}",
        f"  entries      {made.first_seq} (the import) to {made.last_seq}",
        f"  mapping      {made.mapping}",
        f"  sha256       {made.sha256}",
        *(f"  note         {note}" for note in made.notes),
    ]
    emit(format, lines=lines, told=told, rows=[{**told, "notes": "; ".join(made.notes)}])


def print_written(entry: Entry, format: Format) -> None:
    """Print an entry that was just written."""
    told = entry_told(entry, with_subject=False)
    words = f"Entry {entry.seq}: {entry.event.kind}"
    words += f", corrects entry {entry.event.corrects}" if entry.event.corrects else ""
    emit(format, lines=[words], told=told, rows=[{**told, "facts": _facts_text(told["facts"])}])


def print_rebuilt(rebuilt: Rebuilt, format: Format) -> None:
    """Print what the rebuilding changed; TamperError where it changed anything."""
    told = {
        "tables": list(rebuilt.tables),
        "differences": list(rebuilt.differences),
        "source": source_told(rebuilt.source),
    }
    lines = [
        f"Rebuilt {len(rebuilt.tables)} state tables from {rebuilt.source.head.size:,} entries: "
        + (f"{len(rebuilt.differences)} differences" if rebuilt.differences else "nothing changed"),
        *(f"  {difference}" for difference in rebuilt.differences),
    ]
    emit(format, lines=lines, told=told, rows=[{"difference": d} for d in rebuilt.differences])
    if rebuilt.differences:
        raise TamperError(
            f"{len(rebuilt.differences)} rows of the state tables were not what the entries say. They were "
            "put right; find out who wrote to the database beside becalm."
        )


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


def source_told(source: LedgerSource) -> dict[str, object]:
    """What an answer was counted from."""
    return {
        "ledger": source.ledger,
        "size": source.head.size,
        "root": source.head.root,
        "last": source.head.last,
        "asked_at": instant(source.asked_at),
    }


def source_lines(source: LedgerSource, *, margin: int = 15) -> Iterable[str]:
    """What an answer was counted from, in words that begin at this margin."""
    words = f"{source.ledger}, {source.head.size:,} entries at {instant(source.asked_at)}"
    yield "  ledger".ljust(margin) + words
    yield " " * margin + f"root {source.head.root}"


def instant(moment: datetime) -> str:
    """An instant as people and programs read it."""
    return moment.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ")


def _facts_text(facts: object) -> str:
    assert isinstance(facts, Mapping)
    return "; ".join(f"{name}={_fact_text(value)}" for name, value in facts.items())


def _fact_text(value: object) -> str:
    if isinstance(value, tuple | list):
        shown = ", ".join(_fact_text(part) for part in value[:8])
        return f"[{shown}, … {len(value)} in all]" if len(value) > 8 else f"[{shown}]"
    return "" if value is None else str(value)


def tabulate(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> Iterable[str]:
    """Rows below their headings, each column as wide as its widest cell but the last."""
    cells = [[_fact_text(row.get(name)) for name in columns] for row in rows]
    widths = [max(len(name), *(len(row[i]) for row in cells), 0) for i, name in enumerate(columns)]
    for row in ([*columns], *cells):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _csv(rows: Sequence[Mapping[str, object]]) -> str:
    from becalm.publish.spreadsheet import csv_text

    cells = ([_fact_text(v) if isinstance(v, tuple | list) else v for v in row.values()] for row in rows)
    return csv_text(rows[0], cells) if rows else ""


def _plain(value: object) -> object:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
