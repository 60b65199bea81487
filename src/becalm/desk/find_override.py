"""A commander's decision that a place must, or must not, be on the list: recorded, listed, honoured."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from becalm.desk.core import Desk
from becalm.desk.mark import event_of, note_configuration
from becalm.record.standing import WITHDRAWN, what_stands
from becalm.tables.ledger import Written
from becalm.terms.errors import UsageError
from becalm.terms.event import Entry
from becalm.terms.selection import PlaceDecision

KIND = "place_overridden"
Word = Literal["include", "leave_out", "lift"]


def override_place(
    desk: Desk, place_id: str, decision: Word, *, reason: str, until: date | None = None
) -> Entry:
    """Record that from now on this place must be on every list, must not be, or is free again.

    Raises
    ------
    UsageError
        where there is no reason, the last day is past, or there is no override to lift.
    """
    if not reason.strip():
        raise UsageError("An override needs a reason that can be read later. Give it with --reason.")
    if until is not None and until < _today(desk):
        raise UsageError(f"{until} is past, so the override would never hold. Give a later day with --until.")
    if decision == "lift" and place_id not in {d.place_id for d in standing_overrides(desk)}:
        raise UsageError(f"No override of {place_id!r} stands. `becalm find overrides` lists those that do.")
    facts = {"place": place_id, "decision": decision, "reason": reason}
    if until is not None:
        facts["until"] = until.isoformat()
    event = event_of(desk, KIND, purpose="hotspots", facts=facts)
    note_configuration(desk)
    return desk.open_ledger().append([Written(event)])[0]


def standing_overrides(desk: Desk) -> tuple[PlaceDecision, ...]:
    """Which overrides hold today? The last one about a place counts; withdrawn and expired ones do not."""
    if desk.ledger_file is not None and not desk.ledger_file.exists():
        return ()
    entries = desk.open_ledger().entries(kinds=(KIND, WITHDRAWN))
    last: dict[str, PlaceDecision] = {}
    for standing in what_stands(entries, kind=KIND):
        if standing.withdrawn:
            continue
        facts = standing.latest.event.facts
        last.pop(str(facts["place"]), None)
        if facts["decision"] != "lift":
            decision = _decision(standing.latest)
            last[decision.place_id] = replace(decision, on=_day(desk, standing.latest.event.occurred_at))
    return tuple(d for d in last.values() if d.until is None or d.until >= _today(desk))


def _decision(entry: Entry) -> PlaceDecision:
    facts = entry.event.facts
    until = facts.get("until")
    return PlaceDecision(
        place_id=str(facts["place"]),
        include=facts["decision"] == "include",
        reason=str(facts["reason"]),
        by=entry.event.actor,
        entry=entry.seq,
        until=date.fromisoformat(str(until)) if until else None,
    )


def _today(desk: Desk) -> date:
    return _day(desk, desk.now())


def _day(desk: Desk, at: datetime) -> date:
    return at.astimezone(ZoneInfo(desk.workspace.city.time_zone)).date()
