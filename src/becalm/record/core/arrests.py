"""How many arrests came from dedicated activity, by a published definition, down to each one?"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import hypot

from becalm.ledger.event import Entry
from becalm.ledger.projection import WITHDRAWN, CorrectedEntry, apply_corrections
from becalm.record.core.arrest import Arrest, ArrestDefinition, ArrestFigure, LeftOut, WhyNot

ARREST, BURST = "arrest_made", "burst_done"
COUNTED_KINDS = (ARREST, BURST, WITHDRAWN)  # the kinds that a figure is counted from


def count_arrests(
    entries: Iterable[Entry], definition: ArrestDefinition, *, since: datetime, until: datetime
) -> ArrestFigure:
    """How many arrests from dedicated activity were made from `since` until before `until`?

    `entries` are those of the ledger in its order; kinds that do not matter are passed over.
    """
    held = tuple(entries)
    arrests = [_arrest(s) for s in apply_corrections(held, kind=ARREST)]
    bursts = _Bursts.of(held, definition) if definition.within_burst else None
    within = [a for a in arrests if since <= a.occurred_at < until]
    judged = [(arrest, why_not(arrest, definition, bursts)) for arrest in within]
    counted = tuple(arrest for arrest, reason in judged if reason is None)
    return ArrestFigure(
        definition=definition,
        since=since,
        until=until,
        counted=counted,
        left_out=tuple(LeftOut(arrest, reason) for arrest, reason in judged if reason is not None),
        outside=len(arrests) - len(within),
        alike=_alike(counted),
    )


def why_not(arrest: Arrest, definition: ArrestDefinition, bursts: _Bursts | None = None) -> WhyNot | None:
    """Why does this arrest not count? None where it does."""
    activity = folded(arrest.activity)
    if arrest.withdrawn:
        return "withdrawn"
    if activity not in set(map(folded, definition.activities)):
        return (
            "other activity" if activity in map(folded, definition.other_activities) else "unknown activity"
        )
    if definition.unit_kinds and not _of_kind(arrest.unit, definition.unit_kinds):
        return "other unit"
    if bursts is not None and not bursts.hold(arrest):
        return "not within a burst"
    return None


def folded(words: str) -> str:
    """Words as they are compared.

    >>> folded("Hotspot_Patrol "), folded("hot-spot  patrol")
    ('hotspotpatrol', 'hotspotpatrol')
    """
    return re.sub(r"[\s_\-]+", "", words).casefold()


def _of_kind(unit: str, kinds: Sequence[str]) -> bool:
    """Is the unit one of these kinds: its name, with a number or a further word behind it or not?"""
    name = unit.strip().casefold()
    return any(re.match(rf"{re.escape(kind.casefold())}(?![^\W\d_])", name) for kind in kinds)


def _arrest(corrected: CorrectedEntry) -> Arrest:
    event = corrected.latest.event
    facts = event.facts
    return Arrest(
        seq=corrected.first.seq,
        latest=corrected.latest.seq,
        occurred_at=event.occurred_at,
        unit=str(facts.get("unit") or ""),
        activity=str(facts.get("activity") or ""),
        offence=str(facts.get("offence") or ""),
        easting_m=_metres(facts.get("place_easting_m")),
        northing_m=_metres(facts.get("place_northing_m")),
        imported_from=str(corrected.first.event.facts.get("import_sha256") or ""),
        withdrawn=corrected.is_withdrawn,
    )


def _metres(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _alike(arrests: Sequence[Arrest]) -> int:
    """How many equal another one in all that is known of them? Two people, or one that was counted twice."""
    same = Counter(
        (a.occurred_at, a.easting_m, a.northing_m, folded(a.unit), folded(a.activity), folded(a.offence))
        for a in arrests
    )
    return sum(times for times in same.values() if times > 1)


@dataclass(frozen=True, slots=True)
class _Burst:
    start: datetime
    end: datetime
    easting_m: int
    northing_m: int
    reach_m: int


@dataclass(frozen=True, slots=True)
class _Bursts:
    """Bursts by the hours that they touch, with the definition's margins."""

    by_hour: Mapping[datetime, Sequence[_Burst]]

    @classmethod
    def of(cls, entries: Iterable[Entry], definition: ArrestDefinition) -> _Bursts:
        margin = timedelta(minutes=definition.around_minutes)
        by_hour: defaultdict[datetime, list[_Burst]] = defaultdict(list)
        for corrected in apply_corrections(entries, kind=BURST):
            facts = corrected.latest.event.facts
            place = _metres(facts.get("place_easting_m")), _metres(facts.get("place_northing_m"))
            if corrected.is_withdrawn or place[0] is None or place[1] is None:
                continue
            start = datetime.fromisoformat(str(facts["starts_at"])) - margin
            end = datetime.fromisoformat(str(facts["ends_at"])) + margin
            reach = (_metres(facts.get("radius_m")) or 0) + definition.around_m
            for hour in _hours(start, end):
                by_hour[hour].append(_Burst(start, end, place[0], place[1], reach))
        return cls(by_hour)

    def hold(self, arrest: Arrest) -> bool:
        """Was the arrest made while and where one of them took place?"""
        x, y = arrest.easting_m, arrest.northing_m
        if x is None or y is None:
            return False
        return any(
            burst.start <= arrest.occurred_at <= burst.end
            and hypot(x - burst.easting_m, y - burst.northing_m) <= burst.reach_m
            for burst in self.by_hour.get(_hour(arrest.occurred_at), ())
        )


def _hour(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)


def _hours(start: datetime, end: datetime) -> list[datetime]:
    first = _hour(start)
    return [first + timedelta(hours=n) for n in range(int((end - first) / timedelta(hours=1)) + 1)]
