"""How the ledger's answers are shown. Imported only when a command has something to show."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from becalm.console.emit import emit, entry_told, fact_text, facts_text, instant, tabulate
from becalm.console.options import Format
from becalm.ledger.event import Entry
from becalm.record.desk.answers import EntryShown, LedgerSource
from becalm.record.desk.import_log import LogImported
from becalm.record.desk.keep import Rebuilt
from becalm.terms import TamperError

HASH = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")  # shortened where people read a list
EVENT_COLUMNS = ("seq", "recorded_at", "occurred_at", "kind", "actor", "role", "purpose", "corrects", "facts")


def print_events(entries: Sequence[Entry], format: Format, *, with_subjects: bool) -> None:
    """Print entries in their order."""
    told = [entry_told(entry, with_subject=with_subjects) for entry in entries]
    columns = (*EVENT_COLUMNS[:-1], *(("subject",) if with_subjects else ()), "facts")
    rows = [{**row, "facts": facts_text(row["facts"])} for row in told]
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
        "facts": facts_text(shown.entry.event.facts),
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
    yield from (f"  {name:<16} {fact_text(value)}" for name, value in event.facts.items())
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
