"""Asking the ledger: what was done, how many arrests came of it, and where each figure comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

from becalm.desk import Desk
from becalm.desk.audit import make_event
from becalm.ledger.chain import COLUMNS
from becalm.ledger.event import Entry, Head
from becalm.ledger.merkle import inclusion_proof
from becalm.ledger.projection import WITHDRAWN
from becalm.ledger.protocol import EventToAppend, Ledger
from becalm.record.core.arrest import ArrestFigure
from becalm.record.core.arrests import COUNTED_KINDS, count_arrests
from becalm.record.files.definitions import load_definition
from becalm.terms import QuestionError, UsageError

HASH = COLUMNS.index("hash")


@dataclass(frozen=True, slots=True)
class LedgerSource:
    """What an answer was counted from: which ledger, how long it was, and when it was asked."""

    ledger: str
    head: Head
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class ArrestsFound:
    """The figure, what it was counted from, and the days that were asked for."""

    figure: ArrestFigure
    source: LedgerSource
    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class EntryShown:
    """One entry, the entries that correct it, and the proof that it stands in the ledger."""

    entry: Entry
    corrections: tuple[Entry, ...]
    proof: tuple[str, ...]  # hashes in hex, from the leaf up (RFC 6962)
    source: LedgerSource
    erased: bool
    payload: bytes | None = None


def find_arrests(
    desk: Desk, *, since: date, until: date | None = None, definition: Path | None = None
) -> ArrestsFound:
    """How many arrests from dedicated activity were made from one day to another (both included)?

    Without `until`, up to now. Days are of the city's zone.
    """
    zone, now = ZoneInfo(desk.workspace.city.time_zone), desk.now()
    last_day = until or now.astimezone(zone).date()
    if last_day < since:
        raise UsageError(
            f"{last_day} is before {since}. Give the first day with --since, the last with --until."
        )
    ledger = desk.open_ledger()
    source = source_of(desk, ledger)
    figure = count_arrests(
        ledger.entries(until=source.head.size, kinds=COUNTED_KINDS),
        load_definition(desk.workspace.path / "definitions", named=definition),
        since=_midnight(since, zone),
        until=_midnight(date.fromordinal(last_day.toordinal() + 1), zone),
    )
    return ArrestsFound(figure, source, since, last_day)


def list_entries(
    desk: Desk, *, kinds: Sequence[str] = (), after: int = 0, limit: int | None = None, purpose: str = ""
) -> tuple[Entry, ...]:
    """The entries in their order. Whom they are about is told only for a purpose, and that is recorded."""
    ledger = desk.open_ledger()
    found = tuple(islice(ledger.entries(after=after, kinds=kinds), limit))
    if not purpose:
        return found
    by_subject: dict[str, list[int]] = {}
    for entry in found:
        if entry.event.subject:
            by_subject.setdefault(entry.event.subject, []).append(entry.seq)
    accesses = [
        make_event(
            desk,
            "record_accessed",
            purpose=purpose,
            facts={"what": "list of entries", "entries": tuple(seqs)},
            subject=subject,
        )
        for subject, seqs in by_subject.items()
    ]
    ledger.append([EventToAppend(access) for access in accesses])
    return found


def show_entry(desk: Desk, seq: int, *, purpose: str = "", details: bool = False) -> EntryShown:
    """What does one entry say, what corrects it, and how is it proved to be in the ledger?

    Raises
    ------
    QuestionError
        where there is no such entry.
    UsageError
        where it is about a person and no purpose is given. Showing it is recorded first.
    """
    ledger = desk.open_ledger()
    source = source_of(desk, ledger)
    entry = entry_at(ledger, seq)
    payload = _told(desk, ledger, entry, purpose, details=details)
    hashes = [bytes.fromhex(str(row[HASH])) for row in islice(ledger.rows(), source.head.size)]
    later = ledger.entries(after=seq, until=source.head.size, kinds=(entry.event.kind, WITHDRAWN))
    return EntryShown(
        entry=entry,
        corrections=tuple(e for e in later if e.event.corrects == seq),
        proof=tuple(part.hex() for part in inclusion_proof(hashes, seq - 1)),
        source=source,
        erased=any(row["seq"] == seq for row in ledger.state_rows("erased")),
        payload=payload,
    )


def entry_at(ledger: Ledger, seq: int) -> Entry:
    """The entry with this number.

    Raises QuestionError where there is none.
    """
    found = next(ledger.entries(after=seq - 1, until=seq), None) if seq > 0 else None
    if found is None:
        raise QuestionError(
            f"There is no entry {seq}: the ledger has {ledger.head().size}. "
            "`becalm record events` lists them."
        )
    return found


def source_of(desk: Desk, ledger: Ledger) -> LedgerSource:
    """Which ledger is asked, how long is it, and when?"""
    return LedgerSource(ledger.identity, ledger.head(), desk.now())


def _told(desk: Desk, ledger: Ledger, entry: Entry, purpose: str, *, details: bool) -> bytes | None:
    """Record that an entry about a person is shown; its personal details, where they are asked for."""
    if not entry.event.subject and not details:
        return None
    if not purpose:
        what = "is about a person" if entry.event.subject else "may have personal details"
        raise UsageError(
            f"Entry {entry.seq} {what}. Say what for with --purpose; who looked will be recorded."
        )
    access = make_event(
        desk,
        "record_accessed",
        purpose=purpose,
        facts={"what": "payload" if details else "entry", "entries": (entry.seq,)},
        subject=entry.event.subject or "unnamed",
    )
    if details:
        return ledger.payload(entry.seq, access=access)
    ledger.append([EventToAppend(access)])
    return None


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)
