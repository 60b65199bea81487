"""A commander's decision that a place must, or must not, be on the list: recorded, listed, honoured."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Literal
from zoneinfo import ZoneInfo

import shapely

from becalm.desk import Desk
from becalm.desk.audit import make_event, note_configuration
from becalm.find.files.rules import decision_in_words, override_lines
from becalm.ledger.event import Entry
from becalm.ledger.projection import WITHDRAWN, apply_corrections
from becalm.ledger.protocol import EventToAppend
from becalm.terms import PlaceDecision, ReplayError, UsageError
from becalm.workspace.boundaries import load_boundaries

__all__ = [
    "OverrideMade",
    "decision_in_words",
    "entries_that_stand",
    "override_lines",
    "override_pins",
    "override_place",
    "overrides_of",
    "standing_overrides",
]

KIND = "place_overridden"
PIN = "ledger/entry "
Word = Literal["include", "leave_out", "lift"]
CELL = re.compile(r"(\d+(?:\.\d+)?)m_(-?\d+)_(-?\d+)")
UNSEEN = (
    "Whether a place of the name {!r} competes is seen when a list is made: where none does, the next list "
    "says so ('override without effect')."
)


@dataclass(frozen=True, slots=True)
class OverrideMade:
    """An override that was just recorded, and what could not be seen of its place."""

    entry: Entry
    notes: tuple[str, ...] = ()


def override_place(
    desk: Desk, place_id: str, decision: Word, *, reason: str, until: date | None = None
) -> OverrideMade:
    """Record that from now on this place must be on every list, must not be, or is free again.

    A name of a cell is held against the boundaries; of other places it is said that this was not done.

    Raises
    ------
    UsageError
        where there is no reason, the last day is past, there is no override to lift, or the name is that of a
        cell without land.
    """
    if not reason.strip():
        raise UsageError("An override needs a reason that can be read later. Give it with --reason.")
    if until is not None and until < _today(desk):
        raise UsageError(f"{until} is past, so the override would never hold. Give a later day with --until.")
    if decision == "lift" and place_id not in {d.place_id for d in standing_overrides(desk)}:
        raise UsageError(f"No override of {place_id!r} stands. `becalm find overrides` lists those that do.")
    notes = () if decision == "lift" else _look_at_place(desk, place_id)
    facts = {"place": place_id, "decision": decision, "reason": reason}
    if until is not None:
        facts["until"] = until.isoformat()
    event = make_event(desk, KIND, purpose="hotspots", facts=facts)
    note_configuration(desk)
    return OverrideMade(desk.open_ledger().append([EventToAppend(event)])[0], notes)


def _look_at_place(desk: Desk, place_id: str) -> tuple[str, ...]:
    """Refuse a cell outside the boundaries; say where only a list can tell if there is such a place."""
    cell, boundaries = CELL.fullmatch(place_id), load_boundaries(desk.workspace)
    if cell is None or boundaries is None:
        return (UNSEEN.format(place_id),)
    side, column, row = float(cell[1]), int(cell[2]), int(cell[3])
    ground = shapely.box(column * side, row * side, (column + 1) * side, (row + 1) * side)
    if not shapely.intersects(boundaries.outline, ground):
        raise UsageError(
            f"The cell {place_id!r} lies outside the boundaries of this workspace, so no list can hold it. "
            "Copy its name from a list (`becalm find hotspots --format csv`)."
        )
    return ()


def standing_overrides(desk: Desk) -> tuple[PlaceDecision, ...]:
    """Which overrides hold today? The last one about a place counts; withdrawn and expired ones do not."""
    if desk.ledger_file is not None and not desk.ledger_file.exists():
        return ()
    entries = desk.open_ledger().entries(kinds=(KIND, WITHDRAWN))
    last: dict[str, PlaceDecision] = {}
    for corrected in apply_corrections(entries, kind=KIND):
        if corrected.is_withdrawn:
            continue
        facts = corrected.latest.event.facts
        last.pop(str(facts["place"]), None)
        if facts["decision"] != "lift":
            decision = _decision(corrected.latest)
            last[decision.place_id] = replace(decision, on=_day(desk, corrected.latest.event.occurred_at))
    return tuple(d for d in last.values() if d.until is None or d.until >= _today(desk))


def entries_that_stand(desk: Desk) -> tuple[int, ...]:
    """The entries of the ledger that hold the overrides of today."""
    return tuple(decision.entry for decision in standing_overrides(desk) if decision.entry is not None)


def overrides_of(desk: Desk, entries: Sequence[int]) -> tuple[PlaceDecision, ...]:
    """The decisions of these entries of the ledger, whatever was recorded since.

    Raises
    ------
    ReplayError
        where the ledger of this workspace does not hold them.
    """
    held = _entries(desk, entries)
    missing = [seq for seq in entries if seq not in held]
    if missing:
        raise ReplayError(
            f"The ledger of {desk.workspace.path} holds no override in entry {missing[0]}, by which this "
            "list was made. Use the workspace in which it was made, or restore its ledger."
        )
    made = (held[seq] for seq in entries)
    return tuple(replace(_decision(e), on=_day(desk, e.event.occurred_at)) for e in made)


def override_pins(desk: Desk, entries: Sequence[int]) -> dict[str, str]:
    """These entries with their hashes, as the record of a run names what it read."""
    held = _entries(desk, entries)
    return {f"{PIN}{seq}": held[seq].hash for seq in entries if seq in held}


def require_overrides(desk: Desk, data: Mapping[str, str]) -> None:
    """Refuse to repeat a run whose overrides are not in the ledger as it read them."""
    was = {key: sha for key, sha in data.items() if key.startswith(PIN)}
    now = override_pins(desk, pinned_entries(was))
    changed = sorted(key.removeprefix(PIN) for key in was if was[key] != now.get(key))
    if changed:
        raise ReplayError(
            f"The ledger of {desk.workspace.path} does not hold the overrides of this run as they were: look "
            f"at entry {', '.join(changed)}. `becalm record verify` says whether the ledger was altered; "
            "else use the workspace in which the run was made."
        )


def pinned_entries(data: Mapping[str, str]) -> tuple[int, ...]:
    """The entries with overrides that a run names among what it read."""
    return tuple(sorted(int(key.removeprefix(PIN)) for key in data if key.startswith(PIN)))


def _entries(desk: Desk, entries: Sequence[int]) -> dict[int, Entry]:
    if not entries or (desk.ledger_file is not None and not desk.ledger_file.exists()):
        return {}
    wanted = set(entries)
    found = desk.open_ledger().entries(after=min(wanted) - 1, until=max(wanted), kinds=(KIND,))
    return {entry.seq: entry for entry in found if entry.seq in wanted}


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
