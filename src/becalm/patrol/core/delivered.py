"""What was delivered? Visits from traces and from check-ins; raw positions go no further than this.

Planned, delivered and background: what was meant for each hotspot, and what it got.

Positions of officers, as a radio or a phone told them. Kept in memory only, and never for long.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
from shapely.geometry.base import BaseGeometry

from becalm.methods.arrays import Floats, Ints
from becalm.methods.routes.fence_stays import Stays, find_stays, signed_distances
from becalm.patrol.core.places_and_shifts import Burst, PatrolPlace, Span
from becalm.patrol.core.policy import DeliveryRule

Source = Literal["trace", "check-in"]
LONGEST_SHIFT_S = 14 * 3600.0  # a silence longer than this is time off duty


@dataclass(frozen=True, slots=True)
class DeliveredVisit:
    """One unit at one hotspot: its patrol-minutes are those of `span`, officer-minutes add up its crew."""

    unit: str
    hotspot: str
    span: Span
    officers: int
    officer_minutes: float
    source: Source
    accuracy_m: float | None  # median of the fixes; None where no device told it
    fixes: int = 0


@dataclass(frozen=True, slots=True)
class DeliveredVisits:
    """All visits by start, and what the traces could not tell."""

    visits: tuple[DeliveredVisit, ...]
    notes: tuple[str, ...]


def visits_from_traces(
    traces: Traces,
    places: Sequence[PatrolPlace],
    rule: DeliveryRule,
    *,
    outlines: Mapping[str, BaseGeometry] | None = None,
) -> DeliveredVisits:
    """Which units were at which hotspots, from when to when?

    A fix belongs to the hotspot whose outline (else circle) it is deepest in, or at most `buffer_m` outside.
    An officer enters with `fixes` in a row and leaves likewise; stays that lie `merged_gap_minutes` apart
    are one; shorter ones than `least_minutes` are passing by. A visit is the union of its unit's officers.
    """
    used = _usable(traces, rule)
    shapes = np.array([(outlines or {}).get(p.hotspot) for p in places], dtype=object)
    fence, depth = signed_distances(
        np.column_stack([used.easting_m, used.northing_m]),
        np.array([(p.easting_m, p.northing_m) for p in places], dtype=np.float64).reshape(-1, 2),
        np.array([p.radius_m for p in places], dtype=np.float64),
        shapes,
        rule.buffer_m,
    )
    silence_s = rule.silence_minutes * 60
    stays = find_stays(used.officer, used.at_s, fence, depth, fixes=rule.fixes, silence_s=silence_s)
    merged = _merge(_presences(stays, used), rule)
    visits = [v for group in _by_unit(merged).values() for v in _union(group, used, places)]
    notes = (*_left_out(traces, used, rule), *_silences(used, silence_s))
    return DeliveredVisits(tuple(sorted(visits, key=_order)), notes)


def visits_from_check_ins(check_ins: Sequence[CheckIn]) -> tuple[DeliveredVisit, ...]:
    """Check-ins as visits of their own kind: an officer's word is not a measurement."""
    visits = [
        DeliveredVisit(
            unit=c.unit,
            hotspot=c.hotspot,
            span=Span(c.start, c.end),
            officers=c.officers,
            officer_minutes=c.officers * Span(c.start, c.end).minutes,
            source="check-in",
            accuracy_m=None,
        )
        for c in check_ins
    ]
    return tuple(sorted(visits, key=_order))


@dataclass(frozen=True, slots=True)
class _Presence:
    """One officer at one hotspot."""

    officer: int
    unit: int
    fence: int
    start_s: float
    end_s: float
    first: int
    last: int


def _usable(traces: Traces, rule: DeliveryRule) -> Traces:
    """Fixes that are good enough, in order, one for each officer and moment."""
    good = ~(traces.accuracy_m > rule.worst_accuracy_m)
    order = np.lexsort((traces.at_s, traces.officer))
    order = order[good[order]]
    twice = np.zeros(len(order), dtype=bool)
    same_officer = traces.officer[order[1:]] == traces.officer[order[:-1]]
    twice[1:] = same_officer & (traces.at_s[order[1:]] == traces.at_s[order[:-1]])
    kept = order[~twice]
    return Traces(
        officer=traces.officer[kept],
        unit=traces.unit[kept],
        units=traces.units,
        at_s=traces.at_s[kept],
        easting_m=traces.easting_m[kept],
        northing_m=traces.northing_m[kept],
        accuracy_m=traces.accuracy_m[kept],
        left_out=traces.left_out,
    )


def _presences(stays: Stays, used: Traces) -> list[_Presence]:
    columns = (stays.mover, used.unit[stays.first], stays.fence, stays.start_s, stays.end_s)
    rows = zip(*(c.tolist() for c in (*columns, stays.first, stays.last)), strict=True)
    return [_Presence(*row) for row in rows]


def _merge(found: list[_Presence], rule: DeliveryRule) -> list[_Presence]:
    """Join stays of one officer at one hotspot that lie close together; then drop what is too short."""
    joined: list[_Presence] = []
    for stay in sorted(found, key=lambda s: (s.officer, s.fence, s.start_s)):
        last = joined[-1] if joined else None
        if (
            last is not None
            and (last.officer, last.fence, last.unit) == (stay.officer, stay.fence, stay.unit)
            and stay.start_s - last.end_s <= rule.merged_gap_minutes * 60
        ):
            joined[-1] = _Presence(
                last.officer, last.unit, last.fence, last.start_s, stay.end_s, last.first, stay.last
            )
        else:
            joined.append(stay)
    return [s for s in joined if s.end_s - s.start_s >= rule.least_minutes * 60]


def _by_unit(stays: list[_Presence]) -> dict[tuple[int, int, int], list[_Presence]]:
    """Officers of one unit belong together; one whose unit nobody knows stands alone."""
    groups: dict[tuple[int, int, int], list[_Presence]] = {}
    for stay in stays:
        alone = stay.officer if stay.unit < 0 else -1
        groups.setdefault((stay.unit, alone, stay.fence), []).append(stay)
    return groups


def _union(group: list[_Presence], used: Traces, places: Sequence[PatrolPlace]) -> list[DeliveredVisit]:
    crews: list[list[_Presence]] = []
    until = -np.inf
    for stay in sorted(group, key=lambda s: s.start_s):
        if stay.start_s > until:
            crews.append([])
        crews[-1].append(stay)
        until = max(until, stay.end_s)
    return [_visit(crew, used, places) for crew in crews]


def _visit(crew: list[_Presence], used: Traces, places: Sequence[PatrolPlace]) -> DeliveredVisit:
    told = np.concatenate([used.accuracy_m[s.first : s.last + 1] for s in crew])
    known = told[np.isfinite(told)]
    unit = crew[0].unit
    return DeliveredVisit(
        unit=used.units[unit] if unit >= 0 else "",
        hotspot=places[crew[0].fence].hotspot,
        span=Span(_instant(crew[0].start_s), _instant(max(s.end_s for s in crew))),
        officers=len({s.officer for s in crew}),
        officer_minutes=sum(s.end_s - s.start_s for s in crew) / 60,
        source="trace",
        accuracy_m=float(np.median(known)) if len(known) else None,
        fixes=len(told),
    )


def _instant(at_s: float) -> datetime:
    return datetime.fromtimestamp(round(at_s), UTC)


def _order(visit: DeliveredVisit) -> tuple[datetime, str, str]:
    return (visit.span.start, visit.hotspot, visit.unit)


def _left_out(traces: Traces, used: Traces, rule: DeliveryRule) -> list[str]:
    poor = int((traces.accuracy_m > rule.worst_accuracy_m).sum())
    twice = traces.size - poor - used.size
    told = [f"{count:,} fixes left out: {why}." for why, count in traces.left_out if count]
    if poor:
        told.append(f"{poor:,} fixes left out: less accurate than {rule.worst_accuracy_m:g} m.")
    return [*told, f"{twice:,} fixes left out: a second one of the same moment."] if twice else told


def _silences(used: Traces, silence_s: float) -> list[str]:
    """Traces with gaps: how long nobody knows where officers were. Which officers is not told."""
    gaps = np.diff(used.at_s)[np.diff(used.officer) == 0]
    silent = gaps[(gaps > silence_s) & (gaps < LONGEST_SHIFT_S)]
    if not len(silent):
        return []
    return [
        f"{len(silent):,} gaps of more than {silence_s / 60:g} minutes in the traces, "
        f"{silent.sum() / 3600:.1f} hours in all: what was delivered then is not known, and not counted."
    ]


@dataclass(frozen=True, slots=True)
class PlaceDelivery:
    """One hotspot: minutes and visits that were planned, that were given, and that came unplanned.

    Patrol-minutes count a moment once, however many officers stood there; officer-minutes count each of
    them. `background` is patrol that no plan asked for. Check-ins are an officer's word and stand apart:
    `check_in_only_visits` are those that no trace bears out.
    """

    hotspot: str
    name: str
    planned_visits: int
    planned_minutes: float
    delivered_visits: int  # planned ones that took place
    patrol_minutes: float  # of planned visits that took place
    background_visits: int
    background_minutes: float
    officer_minutes: float  # planned or not
    check_in_visits: int
    check_in_minutes: float
    check_in_only_visits: int

    @property
    def missed_visits(self) -> int:
        """Planned visits that no trace bears out."""
        return self.planned_visits - self.delivered_visits

    @property
    def delivered_share(self) -> float | None:
        """Of the planned minutes, how much was given at the planned times? None where nothing was planned."""
        return self.patrol_minutes / self.planned_minutes if self.planned_minutes else None


@dataclass(frozen=True, slots=True)
class Delivery:
    """Every hotspot's delivery over one span of time, and what its reader must be told."""

    span: Span
    places: tuple[PlaceDelivery, ...]
    notes: tuple[str, ...]


def compare_delivery(
    planned: Sequence[Burst],
    visits: Sequence[DeliveredVisit],
    places: Sequence[PatrolPlace],
    rule: DeliveryRule,
    *,
    span: Span,
    notes: Sequence[str] = (),
) -> Delivery:
    """What did each hotspot get of what was planned for it in this span, and what beside it?

    A visit belongs to the planned one at its hotspot that it overlaps most, or else that it starts nearest
    to, within `match_minutes`; which unit came does not matter. What belongs to none is background.
    """
    inside = [v for v in visits if v.span.start < span.end and v.span.end > span.start]
    bursts = [b for b in planned if span.start <= b.span.start < span.end]
    strangers = {v.hotspot for v in inside} - {p.hotspot for p in places}
    told = (
        (f"{len(strangers)} hotspots that were visited are not in the plan: left out.",) if strangers else ()
    )
    rows = tuple(
        _place(
            place,
            [b for b in bursts if b.hotspot == place.hotspot],
            [v for v in inside if v.hotspot == place.hotspot],
            timedelta(minutes=rule.match_minutes),
        )
        for place in places
    )
    return Delivery(span, rows, (*notes, *told))


def union_minutes(spans: Iterable[Span]) -> float:
    """How many minutes do these spans cover, each moment counted once?"""
    total, until = timedelta(), None
    for span in sorted(spans, key=lambda s: s.start):
        start = span.start if until is None else max(span.start, until)
        if span.end > start:
            total += span.end - start
            until = span.end
    return total / timedelta(minutes=1)


def _place(
    place: PatrolPlace, bursts: list[Burst], visits: list[DeliveredVisit], near: timedelta
) -> PlaceDelivery:
    traced = [v for v in visits if v.source == "trace"]
    stated = [v for v in visits if v.source == "check-in"]
    matched = {i: _match(v.span, bursts, near) for i, v in enumerate(traced)}
    given = [traced[i].span for i, b in matched.items() if b is not None]
    everything = union_minutes(v.span for v in traced)
    as_planned = union_minutes(given)
    return PlaceDelivery(
        hotspot=place.hotspot,
        name=place.name,
        planned_visits=len(bursts),
        planned_minutes=union_minutes(b.span for b in bursts),
        delivered_visits=len({b for b in matched.values() if b is not None}),
        patrol_minutes=as_planned,
        background_visits=sum(b is None for b in matched.values()),
        background_minutes=everything - as_planned,
        officer_minutes=sum(v.officer_minutes for v in traced),
        check_in_visits=len(stated),
        check_in_minutes=union_minutes(v.span for v in stated),
        check_in_only_visits=sum(not any(_overlap(c.span, t.span) for t in traced) for c in stated),
    )


def _match(span: Span, bursts: Sequence[Burst], near: timedelta) -> int | None:
    """Which planned burst is this visit? Ends that lie apart are told by how far."""
    able = [
        (-_overlap(span, b.span), abs(b.span.start - span.start), i)
        for i, b in enumerate(bursts)
        if _overlap(span, b.span) > 0 or _apart(span, b.span) <= near
    ]
    return min(able)[2] if able else None


def _overlap(a: Span, b: Span) -> float:
    shared: timedelta = min(a.end, b.end) - max(a.start, b.start)
    return max(0.0, shared / timedelta(minutes=1))


def _apart(a: Span, b: Span) -> timedelta:
    later: datetime = max(a.start, b.start)
    return later - min(a.end, b.end)


@dataclass(frozen=True, slots=True, eq=False)
class Traces:
    """Fixes in the order of officer and time, as parallel arrays; metres of the city, seconds since 1970.

    `officer` is a number without a name: which device it was is not kept. `unit[i]` is a place in `units`,
    -1 where nobody knows. `accuracy_m` is not a number where the device tells none. `left_out` says how many
    fixes were not used, and why.
    """

    officer: Ints
    unit: Ints
    units: tuple[str, ...]
    at_s: Floats
    easting_m: Floats
    northing_m: Floats
    accuracy_m: Floats
    left_out: tuple[tuple[str, int], ...] = field(default=())

    @property
    def size(self) -> int:
        """How many fixes are there?"""
        return len(self.at_s)


@dataclass(frozen=True, slots=True)
class CheckIn:
    """An officer's own word that a unit was at a hotspot."""

    unit: str
    hotspot: str
    start: datetime
    end: datetime
    officers: int = 1
