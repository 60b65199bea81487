"""Asking the ledger: what was done, how many arrests came of it, and where each figure comes from."""

from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from becalm.desk import Desk, make_event
from becalm.ledger import WITHDRAWN, Entry, EventToAppend, Head, Ledger
from becalm.ledger.chain import COLUMNS
from becalm.ledger.event_kinds import UNNAMED
from becalm.ledger.merkle import inclusion_proof
from becalm.record.core.arrests import COUNTED_KINDS, ArrestFigure, count_arrests
from becalm.record.core.request import ArrestsRequest, EntryRequest, EventsRequest
from becalm.record.files.definitions import load_definition
from becalm.terms import QuestionError, UsageError

HASH_INDEX = COLUMNS.index("hash")


@dataclass(frozen=True, slots=True)
class LedgerSource:
    """What an answer was counted from: which ledger, how long it was, and when it was asked."""

    ledger: str
    head: Head
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class ArrestAnswer:
    """The figure, what it was counted from, and the days that were asked for."""

    figure: ArrestFigure
    source: LedgerSource
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """One entry, the entries that correct it, and the proof that it is in the ledger."""

    entry: Entry
    corrections: tuple[Entry, ...]
    proof: tuple[str, ...]  # hashes in hex, from the leaf up (RFC 6962)
    source: LedgerSource
    is_erased: bool
    payload: bytes | None = None


def count_dedicated_arrests(desk: Desk, request: ArrestsRequest) -> ArrestAnswer:
    """How many arrests from dedicated activity were made from one day to another (both included)?

    Without a last day, up to now. Days are of the city's zone.
    """
    zone = ZoneInfo(desk.workspace.city.time_zone)
    last_day = request.until or desk.today
    if last_day < request.since:
        raise UsageError(
            f"{last_day} is before {request.since}. Give the first day with `since`, the last with `until`."
        )
    ledger = desk.open_ledger()
    ledger_source = describe_source(desk, ledger)
    definition_file = Path(request.definition) if request.definition else None
    arrest_figure = count_arrests(
        ledger.verified_entries(kinds=COUNTED_KINDS),
        load_definition(desk.workspace.path / "definitions", file=definition_file),
        since=_midnight(request.since, zone),
        until=_midnight(last_day + timedelta(days=1), zone),
    )
    return ArrestAnswer(arrest_figure, ledger_source, request.since, last_day)


def list_entries(desk: Desk, request: EventsRequest, *, limit: int | None = None) -> tuple[Entry, ...]:
    """The entries in their order. Whom they are about is told only for a purpose, and that is recorded.

    `limit` holds where the request names none.
    """
    ledger = desk.open_ledger()
    found_entries = ledger.entries(
        after=_first_place(desk, ledger, request), kinds=request.kind, actor=request.actor
    )
    entries = tuple(islice(found_entries, request.limit or limit))
    if not request.purpose:
        return entries
    seqs_by_subject: dict[str, list[int]] = defaultdict(list)
    for entry in entries:
        if entry.event.subject:
            seqs_by_subject[entry.event.subject].append(entry.seq)
    ledger.append(
        [
            EventToAppend(
                make_event(
                    desk,
                    "record_accessed",
                    purpose=request.purpose,
                    facts={"what": "list of entries", "entries": tuple(seqs)},
                    subject=subject,
                )
            )
            for subject, seqs in seqs_by_subject.items()
        ]
    )
    return entries


def _first_place(desk: Desk, ledger: Ledger, request: EventsRequest) -> int:
    """After which entry the answer begins: entries stand in the order in which they were recorded."""
    if request.since is None:
        return request.after
    begin = _midnight(request.since, ZoneInfo(desk.workspace.city.time_zone))
    size = ledger.head().size
    return max(
        request.after,
        bisect_left(range(1, size + 1), begin, key=lambda seq: read_entry(ledger, seq).recorded_at),
    )


def prove_entry(desk: Desk, request: EntryRequest) -> ProvenEntry:
    """What does one entry say, what corrects it, and how is it proved to be in the ledger?

    Raises
    ------
    QuestionError
        where there is no such entry.
    UsageError
        where it is about a person and no purpose is given. Showing it is recorded first.
    """
    ledger = desk.open_ledger()
    source, seq = describe_source(desk, ledger), request.entry
    entry = read_entry(ledger, seq)
    details_payload = _record_access(desk, ledger, entry, request)
    entry_hashes = [bytes.fromhex(str(row[HASH_INDEX])) for row in islice(ledger.rows(), source.head.size)]
    later_entries = ledger.entries(after=seq, until=source.head.size, kinds=(entry.event.kind, WITHDRAWN))
    return ProvenEntry(
        entry=entry,
        corrections=tuple(later_entry for later_entry in later_entries if later_entry.event.corrects == seq),
        proof=tuple(sibling_hash.hex() for sibling_hash in inclusion_proof(entry_hashes, seq - 1)),
        source=source,
        is_erased=any(row["seq"] == seq for row in ledger.state_rows("erased")),
        payload=details_payload,
    )


def read_entry(ledger: Ledger, seq: int) -> Entry:
    """The entry with this number.

    Raises QuestionError where there is none.
    """
    entry = next(ledger.entries(after=seq - 1, until=seq), None) if seq > 0 else None
    if entry is None:
        raise QuestionError(
            f"There is no entry {seq}: the ledger has {ledger.head().size}. "
            "`becalm record events` lists them."
        )
    return entry


def describe_source(desk: Desk, ledger: Ledger) -> LedgerSource:
    """Which ledger is asked, how long is it, and when?"""
    return LedgerSource(ledger.identity, ledger.head(), desk.now())


def _record_access(desk: Desk, ledger: Ledger, entry: Entry, request: EntryRequest) -> bytes | None:
    """Record that an entry about a person is shown; its personal details, where they are asked for."""
    subject = entry.event.subject
    if not subject and not request.details:
        return None
    if not request.purpose:
        entry_state_text = "is about a person" if subject else "may have personal details"
        raise UsageError(
            f"Entry {entry.seq} {entry_state_text}. Say what for with `purpose`; who looked will be recorded."
        )
    access_event = make_event(
        desk,
        "record_accessed",
        purpose=request.purpose,
        facts={"what": "payload" if request.details else "entry", "entries": (entry.seq,)},
        subject=subject or UNNAMED,
    )
    if request.details:
        return ledger.payload(entry.seq, access=access_event)
    ledger.append([EventToAppend(access_event)])
    return None


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
