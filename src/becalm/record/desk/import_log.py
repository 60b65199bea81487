"""Importing a log: every row becomes an event, or none does."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from becalm.desk import Desk
from becalm.desk.audit import make_event, note_configuration
from becalm.ledger.protocol import EventToAppend, Ledger
from becalm.record.files.log_mapping import resolve_kind_name
from becalm.record.files.logs import Log, file_sha256, read_log
from becalm.terms import Fault, InputError


@dataclass(frozen=True, slots=True)
class LogImported:
    """What became of a log: which entries its rows are, or which import had brought them before."""

    file: str
    sha256: str
    kind: str
    mapping: str
    rows: int
    first_seq: int
    last_seq: int
    status: str  # "imported" or "already imported"
    notes: tuple[str, ...]


def import_log(
    desk: Desk, path: Path, *, kind: str, mapping: Path | None = None, purpose: str = "record"
) -> LogImported:
    """Bring the rows of this log into the ledger, all or none.

    A file that was imported before is noticed by its hash, and nothing is written.

    Raises
    ------
    InputError
        with everything that is wrong with the file.
    """
    ledger = desk.open_ledger()
    name = resolve_kind_name(kind, ledger.kinds)
    held = _held(ledger, file_sha256(path), name)
    if held is not None:
        return held
    own = desk.workspace.path / "logs"
    log = read_log(
        path,
        name,
        desk.workspace.city,
        kinds=ledger.kinds,
        now=desk.now(),
        mapping=mapping,
        own=own,
    )
    _refuse_known_references(ledger, log)
    note_configuration(desk)
    entries = ledger.append(list(_events(desk, log, purpose)))
    return LogImported(
        file=log.file,
        sha256=log.sha256,
        kind=name,
        mapping=_mapping_name(log),
        rows=len(log.rows),
        first_seq=entries[0].seq,
        last_seq=entries[-1].seq,
        status="imported",
        notes=_notes(log),
    )


def _mapping_name(log: Log) -> str:
    return f"{log.chosen.mapping.name} {log.chosen.mapping.version}"


def _held(ledger: Ledger, sha256: str, kind: str) -> LogImported | None:
    for row in ledger.state_rows("import"):
        if (row["file_sha256"], row["imported"]) == (sha256, kind):
            rows, seq = int(str(row["rows"])), int(str(row["seq"]))
            note = f"imported as {row['file']} by {row['actor']} at {row['at']}; nothing was imported again"
            return LogImported(
                str(row["file"]),
                sha256,
                kind,
                str(row["mapping"]),
                rows,
                seq,
                seq + rows,
                "already imported",
                (note,),
            )
    return None


def _refuse_known_references(ledger: Ledger, log: Log) -> None:
    """A number under which the source keeps a record comes once: in the file, and in the ledger."""
    held = {
        str(entry.event.facts["reference"]): f"entry {entry.seq}"
        for entry in ledger.entries(kinds=(log.chosen.kind.name,))
        if entry.event.facts.get("reference") and entry.event.corrects is None
    }
    faults = []
    for row in log.rows:
        reference = str(row.facts.get("reference") or "")
        if reference in held:
            remedy = "leave the row out; a correction is recorded with `becalm record correct`"
            faults.append(
                Fault(f"row {row.line}", f'reference "{reference}" is {held[reference]} already', remedy)
            )
        elif reference:
            held[reference] = f"row {row.line}"
    if faults:
        raise InputError(f"{log.file}: {len(faults)} rows are known; nothing was imported", tuple(faults))


def _events(desk: Desk, log: Log, purpose: str) -> list[EventToAppend]:
    done = make_event(
        desk,
        "import_done",
        purpose=purpose,
        facts={
            "file": log.file,
            "file_sha256": log.sha256,
            "imported": log.chosen.kind.name,
            "mapping": _mapping_name(log),
            "mapping_sha256": log.chosen.sha256,
            "rows": len(log.rows),
        },
    )
    rows = [
        make_event(
            desk,
            log.chosen.kind.name,
            purpose=purpose,
            occurred_at=row.occurred_at,
            facts={**row.facts, "import_sha256": log.sha256, "import_row": row.line},
        )
        for row in log.rows
    ]
    return [EventToAppend(done), *map(EventToAppend, rows)]


def _notes(log: Log) -> tuple[str, ...]:
    times = Counter((row.occurred_at, tuple(sorted(row.facts.items(), key=str))) for row in log.rows)
    alike = sum(count for count in times.values() if count > 1)
    return (
        *((f"columns that were not taken: {', '.join(log.columns_left)}",) if log.columns_left else ()),
        *((f"{log.outside:,} rows lie beyond the city's extent",) if log.outside else ()),
        *((f"{alike:,} rows equal another one: several people, or one written twice",) if alike else ()),
    )
