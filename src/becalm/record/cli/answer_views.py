"""How the ledger's answers are shown: entries, figures of arrests, imports and accesses."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from becalm.console.emit import RECEIPT as RECEIPT
from becalm.console.emit import View, entry_data, fact_text, facts_text, instant, tabulate
from becalm.ledger import Entry
from becalm.record.core.arrests import Arrest, ExcludedArrest
from becalm.record.core.request import ArrestsRequest
from becalm.record.desk.log_import import LogImport
from becalm.record.desk.personal_data import AccessLog
from becalm.record.desk.read import ArrestAnswer, LedgerSource, ProvenEntry

LONG_HASH = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")  # shortened where people read a list
EVENT_COLUMNS = ("seq", "recorded_at", "occurred_at", "kind", "actor", "role", "purpose", "corrects")
ARREST_COLUMNS = ("entry", "latest", "occurred_at", "unit", "activity", "offence", "easting_m", "northing_m")
Row = dict[str, object]


def events_view(*, with_subjects: bool) -> View[Sequence[Entry]]:
    """Entries in their order; whom they are about only where that was asked for."""
    column_names = (*EVENT_COLUMNS, *(("subject",) if with_subjects else ()), "facts")
    screen_column_names = tuple(name for name in column_names if name not in ("recorded_at", "purpose"))

    def data(entries: Sequence[Entry]) -> list[Row]:
        return [entry_data(entry, with_subject=with_subjects) for entry in entries]

    def rows(entries: Sequence[Entry]) -> list[Row]:
        entry_records = ({**record, "facts": facts_text(record["facts"])} for record in data(entries))
        return [{name: record.get(name) for name in (*column_names, "hash")} for record in entry_records]

    def lines(entries: Sequence[Entry]) -> Iterable[str]:
        short_rows = [{**row, "facts": LONG_HASH.sub(r"\1…", str(row["facts"]))} for row in rows(entries)]
        return tabulate(screen_column_names, short_rows)

    return View(data, rows, lines, is_private=with_subjects)


def arrests_view(request: ArrestsRequest) -> View[ArrestAnswer]:
    """The figure, the rule behind it, and the arrests where they are asked for."""

    def data(answer: ArrestAnswer) -> Row:
        excluded_entries = {"left_out_entries": _excluded_rows(answer)} if request.left_out else {}
        return {**_arrest_record(answer), **excluded_entries}

    def rows(answer: ArrestAnswer) -> list[Row]:
        if not request.left_out:
            return _counted_rows(answer)
        return [{**row, "reason": None} for row in _counted_rows(answer)] + _excluded_rows(answer)

    def lines(answer: ArrestAnswer) -> Iterable[str]:
        yield from _arrest_lines(answer)
        if request.list_counted:
            yield from tabulate(ARREST_COLUMNS, _counted_rows(answer))
        if request.left_out:
            yield from tabulate((*ARREST_COLUMNS, "reason"), _excluded_rows(answer))
        if not request.list_counted:
            yield "Next: --open lists them, --left-out the others; `becalm record show ENTRY` opens one."

    return View(data, rows, lines)


def _arrest_record(answer: ArrestAnswer) -> Row:
    figure, definition = answer.figure, answer.figure.definition
    rule_fields = ("key", "version", "title", "author", "reviewed_on", "sha256")
    return {
        "arrests": len(figure.counted_arrests),
        "first_day": answer.first_day,
        "last_day": answer.last_day,
        "definition": {field_name: getattr(definition, field_name) for field_name in rule_fields},
        "imported": sum(bool(arrest.imported_from) for arrest in figure.counted_arrests),
        "recorded_by_hand": sum(not arrest.imported_from for arrest in figure.counted_arrests),
        "corrected": sum(arrest.is_corrected for arrest in figure.counted_arrests),
        "left_out": _count_reasons(figure.excluded_arrests),
        "outside_the_period": figure.outside,
        "alike": figure.alike,
        "source": source_record(answer.source),
        "entries": _counted_rows(answer),
    }


def _arrest_lines(answer: ArrestAnswer) -> Iterable[str]:
    figure, rule, record = answer.figure, answer.figure.definition, _arrest_record(answer)
    yield f"{len(figure.counted_arrests):,} arrests, {answer.first_day} to {answer.last_day}: {rule.title}"
    yield (
        f"  of these     {record['imported']:,} imported, {record['recorded_by_hand']:,} recorded by hand; "
        f"{record['corrected']:,} corrected since"
    )
    if figure.alike:
        yield f"  alike        {figure.alike:,} are identical in every fact: several people, or one twice"
    reason_text = (
        ", ".join(f"{n:,} {reason}" for reason, n in _count_reasons(figure.excluded_arrests).items())
        or "none"
    )
    yield f"  left out     {reason_text}; {figure.outside:,} made before or after"
    count_by_unknown_activity = Counter(
        e.arrest.activity for e in figure.excluded_arrests if e.reason == "unknown activity"
    )
    for activity, arrest_count in count_by_unknown_activity.most_common(10):
        yield f"    the definition does not know the activity {activity!r} ({arrest_count:,})"
    yield f"  definition   {rule.key} {rule.version}, {rule.author}, {rule.reviewed_on}"
    yield f"               sha256 {rule.sha256}"
    yield from source_lines(answer.source)


def _count_reasons(exclusions: Sequence[ExcludedArrest]) -> dict[str, int]:
    return dict(Counter(exclusion.reason for exclusion in exclusions).most_common())


def _counted_rows(answer: ArrestAnswer) -> list[Row]:
    return [_arrest_row(arrest) for arrest in answer.figure.counted_arrests]


def _excluded_rows(answer: ArrestAnswer) -> list[Row]:
    return [{**_arrest_row(e.arrest), "reason": e.reason} for e in answer.figure.excluded_arrests]


def _arrest_row(arrest: Arrest) -> Row:
    return {
        "entry": arrest.seq,
        "latest": arrest.latest,
        "occurred_at": instant(arrest.occurred_at),
        "unit": arrest.unit,
        "activity": arrest.activity,
        "offence": arrest.offence,
        "easting_m": arrest.easting_m,
        "northing_m": arrest.northing_m,
        "import_sha256": arrest.imported_from,
    }


def _entry_record(proven: ProvenEntry) -> Row:
    return {
        **entry_data(proven.entry, with_subject=True),
        "previous": proven.entry.previous,
        "commitment": proven.entry.commitment,
        "details": _details_text(proven),
        "corrected_by": [entry_data(entry, with_subject=False) for entry in proven.corrections],
        "inclusion": {
            "leaf_index": proven.entry.seq - 1,
            "size": proven.source.head.size,
            "root": proven.source.head.root,
            "proof": list(proven.proof),
        },
        "source": source_record(proven.source),
    }


def _entry_row(proven: ProvenEntry) -> Row:
    return {
        **entry_data(proven.entry, with_subject=True),
        "facts": facts_text(proven.entry.event.facts),
        "details": _details_text(proven),
        "corrected_by": " ".join(str(entry.seq) for entry in proven.corrections),
        "size": proven.source.head.size,
        "root": proven.source.head.root,
        "proof": " ".join(proven.proof),
    }


def _entry_lines(proven: ProvenEntry) -> Iterable[str]:
    entry, event = proven.entry, proven.entry.event
    subject_text = f" about {event.subject}" if event.subject else ""
    yield f"Entry {entry.seq}: {event.kind} {event.version}{subject_text}"
    yield f"  occurred         {instant(event.occurred_at)}"
    actor_text = f"{event.actor} ({event.role}), for: {event.purpose}"
    yield f"  recorded         {instant(entry.recorded_at)} by {actor_text}"
    yield from (f"  {fact_name:<16} {fact_text(value)}" for fact_name, value in event.facts.items())
    if event.corrects:
        yield f"  corrects         entry {event.corrects}"
    for correction in proven.corrections:
        yield f"  corrected        by entry {correction.seq} ({correction.event.kind})"
    yield f"  details          {_details_text(proven)}"
    yield f"  hash             {entry.hash}"
    yield f"  previous         {entry.previous}"
    head_size = proven.source.head.size
    yield f"  proof            leaf {entry.seq - 1} of {head_size}, {len(proven.proof)} hashes up to the root"
    yield from source_lines(proven.source, margin=19)


def _details_text(proven: ProvenEntry) -> str:
    if proven.payload is not None:
        return proven.payload.decode("utf-8", "replace")
    if not proven.entry.commitment:
        return "none"
    return "erased; only their commitment is left" if proven.is_erased else "kept; not shown"


ENTRY_VIEW: View[ProvenEntry] = View(
    _entry_record, lambda proven: [_entry_row(proven)], _entry_lines, is_private=True
)


def _import_lines(log: LogImport) -> Iterable[str]:
    yield f"{log.file}: {log.status}, {log.rows:,} rows as {log.kind}"
    yield f"  entries      {log.first_seq} (the import) to {log.last_seq}"
    yield f"  mapping      {log.mapping}"
    yield f"  sha256       {log.sha256}"
    yield from (f"  note         {note}" for note in log.notes)


IMPORT_VIEW: View[LogImport] = View(
    data=asdict,
    rows=lambda log: [{**asdict(log), "notes": "; ".join(log.notes)}],
    lines=_import_lines,
)


def _access_lines(log: AccessLog) -> Iterable[str]:
    question_text = f"who saw {log.subject}" if log.subject else f"whom {log.actor} saw"
    yield f"{len(log.entries):,} accesses: {question_text}"
    for entry in log.entries:
        event = entry.event
        yield (
            f"  {instant(event.occurred_at)}  {event.actor} ({event.role}) saw {event.facts.get('what')} "
            f"of {event.subject}, for: {event.purpose}  [entry {entry.seq}]"
        )
    if not log.is_verified:
        yield "  Read by the index: the chain was not verified. Run `becalm record verify` too."
    yield from source_lines(log.source)


def _access_rows(log: AccessLog) -> list[Row]:
    return [entry_data(entry, with_subject=True) for entry in log.entries]


ACCESS_VIEW: View[AccessLog] = View(
    data=lambda log: {
        "accesses": _access_rows(log),
        "is_verified": log.is_verified,
        "source": source_record(log.source),
    },
    rows=lambda log: [{**row, "facts": str(row["facts"])} for row in _access_rows(log)],
    lines=_access_lines,
    is_private=True,
)


def source_record(source: LedgerSource) -> Mapping[str, object]:
    """What an answer was counted from."""
    return {
        "ledger": source.ledger,
        "size": source.head.size,
        "root": source.head.root,
        "last": source.head.last_hash,
        "asked_at": instant(source.asked_at),
    }


def source_lines(source: LedgerSource, *, margin: int = 15) -> Iterable[str]:
    """What an answer was counted from, in words that begin at this margin."""
    yield "  ledger".ljust(margin) + (
        f"{source.ledger}, {source.head.size:,} entries at {instant(source.asked_at)}"
    )
    yield " " * margin + f"root {source.head.root}"
