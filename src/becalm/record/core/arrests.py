"""How many arrests came from dedicated activity, by a published definition, down to each one?"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import hypot
from typing import Literal

from becalm.ledger import WITHDRAWN, CorrectedEntry, Entry, apply_corrections

ARREST, BURST = "arrest_made", "burst_done"
COUNTED_KINDS = (ARREST, BURST, WITHDRAWN)  # the kinds that a figure is counted from
ExclusionReason = Literal[
    "other activity", "unknown activity", "other unit", "not within a burst", "withdrawn"
]


@dataclass(frozen=True, slots=True)
class ArrestDefinition:
    """The published rule by which an arrest counts as one "from dedicated activity".

    Words are compared without regard to case, spaces, hyphens and underscores. An arrest counts if its
    activity is one of `activities`, its unit is of one of `unit_kinds` (any unit where none is named)
    and, where `within_burst`, it was made while and where a burst took place.
    """

    key: str
    version: str
    title: str
    author: str
    reviewed_on: date
    evidence: str
    sha256: str  # of the file that holds the rule
    activities: tuple[str, ...]
    other_activities: tuple[str, ...] = ()  # known, and not counted
    unit_kinds: tuple[str, ...] = ()  # "VSU" is the kind of "VSU 3"
    within_burst: bool = False
    around_minutes: int = 0  # before and after the burst
    around_m: int = 0  # beyond the hotspot's radius


@dataclass(frozen=True, slots=True)
class Arrest:
    """An arrest as the ledger has it now: its first entry, the latest that corrects it, and the facts."""

    seq: int
    latest: int  # the same as `seq` where nothing was corrected
    occurred_at: datetime
    unit: str
    activity: str
    offence: str
    easting_m: int | None
    northing_m: int | None
    imported_from: str  # SHA-256 of the log; empty where it was recorded by hand
    is_withdrawn: bool

    @property
    def is_corrected(self) -> bool:
        """Was it put right by a later entry?"""
        return self.latest != self.seq


@dataclass(frozen=True, slots=True)
class ExcludedArrest:
    """An arrest of the period that does not count, and why."""

    arrest: Arrest
    reason: ExclusionReason


@dataclass(frozen=True, slots=True)
class ArrestFigure:
    """How many arrests came from dedicated activity, by which definition, and what it was counted from."""

    definition: ArrestDefinition
    since: datetime
    until: datetime
    counted_arrests: tuple[Arrest, ...]
    excluded_arrests: tuple[ExcludedArrest, ...]
    outside: int  # arrests in the ledger that were made before or after the period
    alike: int  # counted ones that equal another in time, place, unit, activity and offence


def count_arrests(
    entries: Iterable[Entry], definition: ArrestDefinition, *, since: datetime, until: datetime
) -> ArrestFigure:
    """How many arrests from dedicated activity were made from `since` until before `until`?

    `entries` are those of the ledger in its order; kinds that do not matter are passed over.
    """
    entries = tuple(entries)
    all_arrests = [
        _read_arrest(corrected_entry) for corrected_entry in apply_corrections(entries, kind=ARREST)
    ]
    burst_index = _BurstIndex.of(entries, definition) if definition.within_burst else None
    period_arrests = [arrest for arrest in all_arrests if since <= arrest.occurred_at < until]
    arrests_with_reason = [
        (arrest, find_exclusion(arrest, definition, burst_index)) for arrest in period_arrests
    ]
    counted_arrests = tuple(arrest for arrest, reason in arrests_with_reason if reason is None)
    return ArrestFigure(
        definition=definition,
        since=since,
        until=until,
        counted_arrests=counted_arrests,
        excluded_arrests=tuple(
            ExcludedArrest(arrest, reason) for arrest, reason in arrests_with_reason if reason is not None
        ),
        outside=len(all_arrests) - len(period_arrests),
        alike=_count_alike(counted_arrests),
    )


def find_exclusion(
    arrest: Arrest, definition: ArrestDefinition, burst_index: _BurstIndex | None = None
) -> ExclusionReason | None:
    """Why does this arrest not count? None where it does."""
    folded_activity = fold_words(arrest.activity)
    if arrest.is_withdrawn:
        return "withdrawn"
    if folded_activity not in set(map(fold_words, definition.activities)):
        is_other_activity = folded_activity in map(fold_words, definition.other_activities)
        return "other activity" if is_other_activity else "unknown activity"
    if definition.unit_kinds and not _is_of_kind(arrest.unit, definition.unit_kinds):
        return "other unit"
    if burst_index is not None and not burst_index.covers(arrest):
        return "not within a burst"
    return None


def fold_words(words: str) -> str:
    """Words as they are compared.

    >>> fold_words("Hotspot_Patrol "), fold_words("hot-spot  patrol")
    ('hotspotpatrol', 'hotspotpatrol')
    """
    return re.sub(r"[\s_\-]+", "", words).casefold()


def _is_of_kind(unit: str, kind_words: Sequence[str]) -> bool:
    """Is the unit one of these kinds: its name, with a number or a further word behind it or not?"""
    unit_name = unit.strip().casefold()
    return any(re.match(rf"{re.escape(kind.casefold())}(?![^\W\d_])", unit_name) for kind in kind_words)


def _read_arrest(corrected_entry: CorrectedEntry) -> Arrest:
    event = corrected_entry.latest_entry.event
    arrest_facts = event.facts
    return Arrest(
        seq=corrected_entry.first_entry.seq,
        latest=corrected_entry.latest_entry.seq,
        occurred_at=event.occurred_at,
        unit=str(arrest_facts.get("unit") or ""),
        activity=str(arrest_facts.get("activity") or ""),
        offence=str(arrest_facts.get("offence") or ""),
        easting_m=_to_metres(arrest_facts.get("place_easting_m")),
        northing_m=_to_metres(arrest_facts.get("place_northing_m")),
        imported_from=str(corrected_entry.first_entry.event.facts.get("import_sha256") or ""),
        is_withdrawn=corrected_entry.is_withdrawn,
    )


def _to_metres(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _count_alike(arrests: Sequence[Arrest]) -> int:
    """How many equal another one in all that is known of them? Two people, or one that was counted twice."""
    count_by_occurrence = Counter(
        (
            a.occurred_at,
            a.easting_m,
            a.northing_m,
            fold_words(a.unit),
            fold_words(a.activity),
            fold_words(a.offence),
        )
        for a in arrests
    )
    return sum(arrest_count for arrest_count in count_by_occurrence.values() if arrest_count > 1)


@dataclass(frozen=True, slots=True)
class _Burst:
    start: datetime
    end: datetime
    easting_m: int
    northing_m: int
    reach_m: int


@dataclass(frozen=True, slots=True)
class _BurstIndex:
    """Bursts by the hours that they touch, with the definition's margins."""

    by_hour: Mapping[datetime, Sequence[_Burst]]

    @classmethod
    def of(cls, entries: Iterable[Entry], definition: ArrestDefinition) -> _BurstIndex:
        time_margin = timedelta(minutes=definition.around_minutes)
        bursts_by_hour: defaultdict[datetime, list[_Burst]] = defaultdict(list)
        for corrected_entry in apply_corrections(entries, kind=BURST):
            burst_facts = corrected_entry.latest_entry.event.facts
            x_m, y_m = (
                _to_metres(burst_facts.get("place_easting_m")),
                _to_metres(burst_facts.get("place_northing_m")),
            )
            if corrected_entry.is_withdrawn or x_m is None or y_m is None:
                continue
            covered_from = datetime.fromisoformat(str(burst_facts["starts_at"])) - time_margin
            covered_until = datetime.fromisoformat(str(burst_facts["ends_at"])) + time_margin
            reach_m = (_to_metres(burst_facts.get("radius_m")) or 0) + definition.around_m
            for hour in _list_hours(covered_from, covered_until):
                bursts_by_hour[hour].append(_Burst(covered_from, covered_until, x_m, y_m, reach_m))
        return cls(bursts_by_hour)

    def covers(self, arrest: Arrest) -> bool:
        """Was the arrest made while and where one of them took place?"""
        x_m, y_m = arrest.easting_m, arrest.northing_m
        if x_m is None or y_m is None:
            return False
        return any(
            burst.start <= arrest.occurred_at <= burst.end
            and hypot(x_m - burst.easting_m, y_m - burst.northing_m) <= burst.reach_m
            for burst in self.by_hour.get(_start_of_hour(arrest.occurred_at), ())
        )


def _start_of_hour(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)


def _list_hours(start: datetime, end: datetime) -> list[datetime]:
    first_hour = _start_of_hour(start)
    return [first_hour + timedelta(hours=n) for n in range(int((end - first_hour) / timedelta(hours=1)) + 1)]
