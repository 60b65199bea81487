"""Importing a log: every row becomes an event, or none does."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from becalm.desk import Desk, make_event, note_configuration
from becalm.ledger import EventToAppend, Ledger
from becalm.record.core.request import ImportRequest
from becalm.record.files.log_file import Log, hash_file, read_log
from becalm.record.files.log_mapping import resolve_kind_name
from becalm.terms import Fault, InputError


@dataclass(frozen=True, slots=True)
class LogImport:
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


def import_log(desk: Desk, request: ImportRequest) -> LogImport:
    """Bring the rows of this log into the ledger, all or none.

    A file that was imported before is noticed by its hash, and nothing is written.

    Raises InputError with everything that is wrong with the file.
    """
    ledger, log_path = desk.open_ledger(), Path(request.file)
    kind_name = resolve_kind_name(request.kind, ledger.kinds)
    earlier_import = _find_earlier_import(ledger, hash_file(log_path), kind_name)
    if earlier_import is not None:
        return earlier_import
    unit_log = read_log(
        log_path,
        kind_name,
        desk.workspace.city,
        kinds=ledger.kinds,
        now=desk.now(),
        mapping=Path(request.mapping) if request.mapping is not None else None,
        own_mappings=desk.workspace.path / "logs",
    )
    _check_references(ledger, unit_log)
    note_configuration(desk)
    entries = ledger.append(_build_events(desk, unit_log, request.purpose))
    return LogImport(
        file=unit_log.file,
        sha256=unit_log.sha256,
        kind=kind_name,
        mapping=unit_log.mapping.label,
        rows=len(unit_log.rows),
        first_seq=entries[0].seq,
        last_seq=entries[-1].seq,
        status="imported",
        notes=_list_notes(unit_log),
    )


def _find_earlier_import(ledger: Ledger, sha256: str, kind: str) -> LogImport | None:
    for row in ledger.state_rows("import"):
        if (row["file_sha256"], row["imported"]) == (sha256, kind):
            row_count, import_seq = int(str(row["rows"])), int(str(row["seq"]))
            import_note = (
                f"imported as {row['file']} by {row['actor']} at {row['at']}; nothing was imported again"
            )
            return LogImport(
                file=str(row["file"]),
                sha256=sha256,
                kind=kind,
                mapping=str(row["mapping"]),
                rows=row_count,
                first_seq=import_seq,
                last_seq=import_seq + row_count,
                status="already imported",
                notes=(import_note,),
            )
    return None


def _check_references(ledger: Ledger, log: Log) -> None:
    """A number under which the source keeps a record comes once: in the file, and in the ledger."""
    place_by_reference = {
        str(entry.event.facts["reference"]): f"entry {entry.seq}"
        for entry in ledger.entries(kinds=(log.mapping.kind.name,))
        if entry.event.facts.get("reference") and entry.event.corrects is None
    }
    reference_faults = []
    for row in log.rows:
        reference_text = str(row.facts.get("reference") or "")
        if reference_text in place_by_reference:
            problem_text = f'reference "{reference_text}" is already {place_by_reference[reference_text]}'
            remedy_text = "leave the row out; a correction is recorded with `becalm record correct`"
            reference_faults.append(Fault(f"row {row.line}", problem_text, remedy_text))
        elif reference_text:
            place_by_reference[reference_text] = f"row {row.line}"
    if reference_faults:
        refusal_text = f"{len(reference_faults)} rows have a reference that is in use; nothing was imported"
        raise InputError(f"{log.file}: {refusal_text}", tuple(reference_faults))


def _build_events(desk: Desk, log: Log, purpose: str) -> list[EventToAppend]:
    import_event = make_event(
        desk,
        "import_done",
        purpose=purpose,
        facts={
            "file": log.file,
            "file_sha256": log.sha256,
            "imported": log.mapping.kind.name,
            "mapping": log.mapping.label,
            "mapping_sha256": log.mapping.sha256,
            "rows": len(log.rows),
        },
    )
    row_events = (
        make_event(
            desk,
            log.mapping.kind.name,
            purpose=purpose,
            occurred_at=row.occurred_at,
            facts={**row.facts, "import_sha256": log.sha256, "import_row": row.line},
        )
        for row in log.rows
    )
    return [EventToAppend(event) for event in (import_event, *row_events)]


def _list_notes(log: Log) -> tuple[str, ...]:
    count_by_occurrence = Counter(
        (row.occurred_at, tuple(sorted(row.facts.items(), key=str))) for row in log.rows
    )
    alike_row_count = sum(row_count for row_count in count_by_occurrence.values() if row_count > 1)
    ignored_text = ", ".join(log.ignored_columns)
    return (
        *((f"columns that were not imported: {ignored_text}",) if ignored_text else ()),
        *((f"{log.outside:,} rows are outside the city's extent",) if log.outside else ()),
        *(
            (f"{alike_row_count:,} rows are identical to another: several people, or one entered twice",)
            if alike_row_count
            else ()
        ),
    )
