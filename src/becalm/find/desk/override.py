"""A commander's decision that a place must, or must not, be on the list: recorded, listed, honoured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import shapely

from becalm.desk import Desk, make_event, note_configuration
from becalm.find.core.place_facts import find_cell_outline
from becalm.find.core.request import OverrideRequest
from becalm.find.files.rules_file import decision_in_words, override_lines
from becalm.ledger import WITHDRAWN, Entry, EventToAppend, apply_corrections
from becalm.terms import PlaceDecision, ReplayError, UsageError
from becalm.workspace.boundaries import load_boundaries

__all__ = [
    "OverrideAnswer",
    "active_entries",
    "active_overrides",
    "decision_in_words",
    "override_lines",
    "override_pins",
    "override_place",
    "read_overrides",
]

KIND = "place_overridden"
PIN = "ledger/entry "
UNCHECKED = (
    "Whether a place of the name {!r} competes is seen when a list is made: where none does, the next list "
    "says so ('override without effect')."
)


@dataclass(frozen=True, slots=True)
class OverrideAnswer:
    """An override that was just recorded, and what could not be seen of its place."""

    entry: Entry
    notes: tuple[str, ...] = ()


def override_place(desk: Desk, request: OverrideRequest) -> OverrideAnswer:
    """Record that from now on this place must be on every list, must not be, or is free again.

    A name of a cell is checked against the boundaries; of other places it is said that this was not done.

    Raises UsageError where the last day is past, there is no override to lift, or the name is that of a cell
    without land.
    """
    if request.until is not None and request.until < desk.today:
        raise UsageError(
            f"{request.until} is past, so the override would never hold. Give a later day with `until`."
        )
    if request.lift and request.place not in {d.place_id for d in active_overrides(desk)}:
        raise UsageError(
            f"No override of {request.place!r} is in force. `becalm find overrides` lists those that are."
        )
    place_notes = () if request.lift else _check_place(desk, request.place)
    event_facts = {"place": request.place, "decision": request.decision, "reason": request.reason}
    if request.until is not None:
        event_facts["until"] = request.until.isoformat()
    override_event = make_event(desk, KIND, purpose="hotspots", facts=event_facts)
    note_configuration(desk)
    return OverrideAnswer(desk.open_ledger().append([EventToAppend(override_event)])[0], place_notes)


def _check_place(desk: Desk, place_id: str) -> tuple[str, ...]:
    """Refuse a cell outside the boundaries; say where only a list can tell if there is such a place."""
    cell_outline, boundaries = find_cell_outline(place_id), load_boundaries(desk.workspace)
    if cell_outline is None or boundaries is None:
        return (UNCHECKED.format(place_id),)
    if not shapely.intersects(boundaries.outline, cell_outline):
        raise UsageError(
            f"The cell {place_id!r} lies outside the boundaries of this workspace, so no list can hold it. "
            "Copy its name from a list (`becalm find hotspots --format csv`)."
        )
    return ()


def active_overrides(desk: Desk) -> tuple[PlaceDecision, ...]:
    """Which overrides hold today? The last one about a place counts; withdrawn and expired ones do not."""
    if _has_no_ledger(desk):
        return ()
    override_entries = desk.open_ledger().entries(kinds=(KIND, WITHDRAWN))
    latest_by_place: dict[str, PlaceDecision] = {}
    for corrected_entry in apply_corrections(override_entries, kind=KIND):
        if corrected_entry.is_withdrawn:
            continue
        facts = corrected_entry.latest_entry.event.facts
        latest_by_place.pop(str(facts["place"]), None)  # the newest decision comes last in the order, too
        if facts["decision"] != "lift":
            place_decision = _read_decision(desk, corrected_entry.latest_entry)
            latest_by_place[place_decision.place_id] = place_decision
    return tuple(d for d in latest_by_place.values() if d.until is None or d.until >= desk.today)


def active_entries(desk: Desk) -> tuple[int, ...]:
    """The entries of the ledger that hold the overrides of today."""
    return tuple(decision.entry for decision in active_overrides(desk) if decision.entry is not None)


def read_overrides(desk: Desk, entries: Sequence[int]) -> tuple[PlaceDecision, ...]:
    """The decisions of these entries of the ledger, whatever was recorded since.

    Raises ReplayError where the ledger of this workspace does not hold them.
    """
    entry_by_number = _read_entries(desk, entries)
    missing_entries = [entry_number for entry_number in entries if entry_number not in entry_by_number]
    if missing_entries:
        raise ReplayError(
            f"The ledger of {desk.workspace.path} holds no override in entry {missing_entries[0]}, "
            "by which this "
            "list was made. Use the workspace in which it was made, or restore its ledger."
        )
    return tuple(_read_decision(desk, entry_by_number[entry_number]) for entry_number in entries)


def override_pins(desk: Desk, entries: Sequence[int]) -> dict[str, str]:
    """These entries with their hashes, as the record of a run names what it read."""
    entry_by_number = _read_entries(desk, entries)
    return {f"{PIN}{number}": entry_by_number[number].hash for number in entries if number in entry_by_number}


def check_override_pins(desk: Desk, data: Mapping[str, str]) -> None:
    """Refuse to repeat a run whose overrides are not in the ledger as it read them."""
    own_pins = {key: entry_sha256 for key, entry_sha256 in data.items() if key.startswith(PIN)}
    current_pins = override_pins(desk, pinned_entries(own_pins))
    changed_pins = sorted(key.removeprefix(PIN) for key in own_pins if own_pins[key] != current_pins.get(key))
    if changed_pins:
        raise ReplayError(
            f"The ledger of {desk.workspace.path} does not hold the overrides of this run as they were: look "
            f"at entry {', '.join(changed_pins)}. `becalm record verify` says whether the ledger was "
            "altered; else use the workspace in which the run was made."
        )


def pinned_entries(data: Mapping[str, str]) -> tuple[int, ...]:
    """The entries with overrides that a run names among what it read."""
    return tuple(sorted(int(pin_key.removeprefix(PIN)) for pin_key in data if pin_key.startswith(PIN)))


def _has_no_ledger(desk: Desk) -> bool:
    return desk.ledger_file is not None and not desk.ledger_file.exists()


def _read_entries(desk: Desk, entries: Sequence[int]) -> dict[int, Entry]:
    if not entries or _has_no_ledger(desk):
        return {}
    override_entries = desk.open_ledger().entries(after=min(entries) - 1, until=max(entries), kinds=(KIND,))
    return {entry.seq: entry for entry in override_entries if entry.seq in entries}


def _read_decision(desk: Desk, entry: Entry) -> PlaceDecision:
    event_facts = entry.event.facts
    until_text = event_facts.get("until")
    return PlaceDecision(
        place_id=str(event_facts["place"]),
        include=event_facts["decision"] == "include",
        reason=str(event_facts["reason"]),
        by=entry.event.actor,
        on=_local_day(desk, entry.event.occurred_at),
        entry=entry.seq,
        until=date.fromisoformat(str(until_text)) if until_text else None,
    )


def _local_day(desk: Desk, instant: datetime) -> date:
    return instant.astimezone(ZoneInfo(desk.workspace.city.time_zone)).date()
