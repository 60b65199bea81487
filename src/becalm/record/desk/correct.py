"""Putting an entry right: by a later one that takes its place, never by a change of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from becalm.desk import Desk
from becalm.desk.audit import make_event, record_event
from becalm.ledger.event import Entry
from becalm.ledger.projection import WITHDRAWN, apply_corrections
from becalm.ledger.protocol import EventToAppend, Ledger
from becalm.record.desk.add import read_fact
from becalm.record.desk.answers import entry_at
from becalm.terms import UsageError


def correct_entry(
    desk: Desk, seq: int, *, facts: Mapping[str, str], occurred_at: datetime | None = None
) -> Entry:
    """Record anew what stands for entry `seq`, with these facts in the place of the former ones.

    Raises
    ------
    UsageError
        where nothing would change, or the entry cannot be corrected.
    """
    ledger = desk.open_ledger()
    latest = _latest_correctable(ledger, seq)
    former = latest.event
    fields = ledger.kinds.by_key[former.kind, former.version].field_by_name
    changed = {
        **former.facts,
        **{name: read_fact(fields.get(name), name, text) for name, text in facts.items()},
    }
    moment = occurred_at or former.occurred_at
    if changed == dict(former.facts) and moment == former.occurred_at:
        raise UsageError(f"Entry {seq} says so already. Give what is to change, e.g. --set unit='VSU 2'.")
    purpose = former.purpose if former.subject else "correction"
    event = make_event(
        desk,
        former.kind,
        purpose=purpose,
        facts=changed,
        occurred_at=moment,
        subject=former.subject,
        corrects=seq,
    )
    return ledger.append([EventToAppend(event)])[0]


def withdraw_entry(desk: Desk, seq: int, *, reason: str) -> Entry:
    """Record that entry `seq` is wrong and that nothing takes its place."""
    _latest_correctable(desk.open_ledger(), seq)
    return record_event(desk, WITHDRAWN, purpose="correction", facts={"reason": reason}, corrects=seq)


def _latest_correctable(ledger: Ledger, seq: int) -> Entry:
    """The entry whose facts are in force for entry `seq`, where that may be corrected at all."""
    entry = entry_at(ledger, seq)
    kind = ledger.kinds.by_key.get((entry.event.kind, entry.event.version))
    if entry.event.corrects is not None:
        raise UsageError(
            f"Entry {seq} corrects entry {entry.event.corrects}. Correct that one: it is the first."
        )
    if kind is None or kind.corrects != "may":
        raise UsageError(
            f"Entry {seq} is {entry.event.kind}, which tells what happened and is not corrected."
        )
    (corrected,) = apply_corrections(
        ledger.entries(after=seq - 1, kinds=(entry.event.kind, WITHDRAWN)), kind=entry.event.kind
    )[:1]
    if corrected.is_withdrawn:
        raise UsageError(f"Entry {seq} was withdrawn. Record what happened as a new entry instead.")
    return corrected.latest
