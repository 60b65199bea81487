"""What phones sent, looked at: who is where by check-in, and records of which two may tell of one thing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations
from typing import Final

from becalm.desk import Desk
from becalm.ledger import Entry, Fact

NEAR: Final = timedelta(minutes=10)
OUTCOME_KINDS: Final = ("burst_done", "arrest_made", "seizure_made", "stop_made")
TABLE: Final = "street_record"
TIMES: Final = ("starts_at", "ends_at")


@dataclass(frozen=True, slots=True)
class CheckIn:
    """Where a unit said last that it is, and whether it has left since."""

    unit: str
    hotspot: str
    at: datetime
    is_there: bool


@dataclass(frozen=True, slots=True)
class StreetEntry:
    """An entry that came from a phone: what it is, who wrote it, and its facts."""

    seq: int
    kind: str
    unit: str
    actor: str
    at: datetime
    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class EntryPair:
    """Two entries that may tell of one thing, or that cannot both be so. Both stay."""

    reason: str
    entries: tuple[StreetEntry, StreetEntry]


def last_check_ins(desk: Desk, *, since: datetime) -> dict[str, CheckIn]:
    """The last check-in or check-out of each unit since then, by unit."""
    check_in_by_unit: dict[str, CheckIn] = {}
    rows = desk.open_ledger().state_rows(TABLE)
    check_rows = (row for row in rows if row["kind"] in ("check_in", "check_out") and row.get("unit"))
    for row in sorted(check_rows, key=lambda row: (str(row["at"]), int(str(row["seq"])))):
        at = datetime.fromisoformat(str(row["at"]))
        if at >= since:
            unit = str(row["unit"])
            check_in_by_unit[unit] = CheckIn(unit, str(row.get("hotspot", "")), at, row["kind"] == "check_in")
    return check_in_by_unit


def list_street_entries(desk: Desk, *, since: datetime) -> tuple[StreetEntry, ...]:
    """The outcomes that phones sent and that happened since then, the oldest first."""
    ledger = desk.open_ledger()
    entry_seqs = {int(str(row["entry"])) for row in ledger.state_rows(TABLE)}
    entries = (entry for entry in ledger.entries(kinds=OUTCOME_KINDS) if entry.seq in entry_seqs)
    recent = [_street_entry(entry) for entry in entries if entry.event.occurred_at >= since]
    return tuple(sorted(recent, key=lambda entry: (entry.at, entry.seq)))


def _street_entry(entry: Entry) -> StreetEntry:
    event = entry.event
    facts = {name: fact for name, fact in event.facts.items() if name != "reference"}
    return StreetEntry(
        entry.seq, event.kind, str(facts.get("unit", "")), event.actor, event.occurred_at, facts
    )


def find_pairs(entries: tuple[StreetEntry, ...]) -> Iterator[EntryPair]:
    """Pairs of entries of one unit: two places at once, or one thing that two people may have written."""
    for first, second in combinations(entries, 2):
        if first.kind != second.kind or not first.unit or first.unit != second.unit:
            continue
        if first.kind == "burst_done":
            if _is_overlapping(first, second):
                yield EntryPair("One unit, two places or two records at the same time.", (first, second))
        elif second.at - first.at <= NEAR and first.facts.get("hotspot") == second.facts.get("hotspot"):
            yield EntryPair("Two records of one kind within ten minutes: one thing or two?", (first, second))


def _is_overlapping(first: StreetEntry, second: StreetEntry) -> bool:
    (start, end), (other_start, other_end) = (
        [datetime.fromisoformat(str(entry.facts[name])) for name in TIMES] for entry in (first, second)
    )
    return start < other_end and other_start < end
