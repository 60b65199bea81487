"""What was delivered? Visits from traces and check-ins beside those planned; raw positions go no further.

Traces are positions of officers, as radios or phones sent them: kept in memory only, and never for long.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
from shapely.geometry.base import BaseGeometry

from becalm.methods.arrays import Floats, Ints
from becalm.methods.geofence_stays import Stays, find_stays, signed_distances
from becalm.patrol.core.plan_inputs import Burst, PatrolPlace, Span
from becalm.patrol.core.policy import DeliveryRule

Source = Literal["trace", "check-in"]
LONGEST_SHIFT_S = 14 * 3600.0  # a silence longer than this is time off duty


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
    fixes = _usable_fixes(traces, rule)
    fix_fence, fix_depth_m = signed_distances(
        np.column_stack([fixes.easting_m, fixes.northing_m]),
        np.array([(p.easting_m, p.northing_m) for p in places], dtype=np.float64).reshape(-1, 2),
        np.array([p.radius_m for p in places], dtype=np.float64),
        np.array([(outlines or {}).get(p.hotspot) for p in places], dtype=object),
        rule.buffer_m,
    )
    silence_s = rule.silence_minutes * 60
    stays = find_stays(
        fixes.officer, fixes.at_s, fix_fence, fix_depth_m, fixes=rule.fixes, silence_s=silence_s
    )
    stays = _join_stays(stays, fixes, rule)
    visits = [_build_visit(stays, crew, fixes, places) for crew in _group_crews(stays, fixes)]
    notes = (*_unused_notes(traces, fixes, rule), *_silence_notes(fixes, silence_s))
    return DeliveredVisits(tuple(sorted(visits, key=_visit_order)), notes)


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
    return tuple(sorted(visits, key=_visit_order))


def _visit_order(visit: DeliveredVisit) -> tuple[datetime, str, str]:
    return (visit.span.start, visit.hotspot, visit.unit)


def _usable_fixes(traces: Traces, rule: DeliveryRule) -> Traces:
    """Fixes that are good enough, in order, one for each officer and moment."""
    fix_order = np.lexsort((traces.at_s, traces.officer))
    is_inaccurate = traces.accuracy_m[fix_order] > rule.worst_accuracy_m  # one that tells none passes
    fix_order = fix_order[~is_inaccurate]
    is_first_of_moment = np.ones(len(fix_order), dtype=bool)
    is_first_of_moment[1:] = np.diff(traces.officer[fix_order]) != 0
    is_first_of_moment[1:] |= np.diff(traces.at_s[fix_order]) != 0
    fix_rows = fix_order[is_first_of_moment]
    column_names = [f.name for f in fields(traces) if f.name not in ("units", "left_out")]
    return replace(traces, **{name: getattr(traces, name)[fix_rows] for name in column_names})


def _join_stays(stays: Stays, fixes: Traces, rule: DeliveryRule) -> Stays:
    """Join stays of one officer at one hotspot that lie close together; then drop what is too short."""
    stay_order = np.lexsort((stays.start_s, stays.fence, stays.mover))
    movers, fences, units = (
        stays.mover[stay_order],
        stays.fence[stay_order],
        fixes.unit[stays.first][stay_order],
    )
    start_s, end_s = stays.start_s[stay_order], stays.end_s[stay_order]
    is_first = np.ones(len(stay_order), dtype=bool)
    is_first[1:] = (np.diff(movers) != 0) | (np.diff(fences) != 0) | (np.diff(units) != 0)
    is_first[1:] |= start_s[1:] - end_s[:-1] > rule.merged_gap_minutes * 60
    first_rows = np.flatnonzero(is_first)
    last_rows = np.append(first_rows[1:], len(stay_order))[: len(first_rows)] - 1
    # Joined before the short ones go: a radio that loses the satellites for a minute cuts a visit in pieces.
    is_long = end_s[last_rows] - start_s[first_rows] >= rule.least_minutes * 60
    first_rows, last_rows = first_rows[is_long], last_rows[is_long]
    first_fixes, last_fixes = stays.first[stay_order][first_rows], stays.last[stay_order][last_rows]
    return Stays(
        movers[first_rows], fences[first_rows], start_s[first_rows], end_s[last_rows], first_fixes, last_fixes
    )


def _group_crews(stays: Stays, fixes: Traces) -> list[list[int]]:
    """Stays that overlap, of officers of one unit at one place; one whose unit nobody knows stands alone."""
    unit_of_stay = fixes.unit[stays.first]
    lone_officer_of_stay = np.where(unit_of_stay < 0, stays.mover, -1)
    crews: list[list[int]] = []
    last_crew_key, until_s = None, -np.inf
    for stay_row in np.lexsort((stays.start_s, stays.fence, lone_officer_of_stay, unit_of_stay)).tolist():
        crew_key = (unit_of_stay[stay_row], lone_officer_of_stay[stay_row], stays.fence[stay_row])
        if crew_key != last_crew_key or stays.start_s[stay_row] > until_s:
            crews.append([])
            last_crew_key, until_s = crew_key, -np.inf
        crews[-1].append(stay_row)
        until_s = max(until_s, stays.end_s[stay_row])
    return crews


def _build_visit(
    stays: Stays, stay_rows: list[int], fixes: Traces, places: Sequence[PatrolPlace]
) -> DeliveredVisit:
    crew_rows = np.array(stay_rows)
    accuracies_m = np.concatenate([fixes.accuracy_m[stays.first[r] : stays.last[r] + 1] for r in stay_rows])
    known_accuracy_m = accuracies_m[np.isfinite(accuracies_m)]
    unit_code = int(fixes.unit[stays.first[stay_rows[0]]])
    start_s, end_s = float(stays.start_s[crew_rows].min()), float(stays.end_s[crew_rows].max())
    return DeliveredVisit(
        unit=fixes.units[unit_code] if unit_code >= 0 else "",
        hotspot=places[int(stays.fence[stay_rows[0]])].hotspot,
        span=Span(*(datetime.fromtimestamp(round(instant_s), UTC) for instant_s in (start_s, end_s))),
        officers=len(set(stays.mover[crew_rows].tolist())),
        officer_minutes=sum((stays.end_s[crew_rows] - stays.start_s[crew_rows]).tolist()) / 60,
        source="trace",
        accuracy_m=float(np.median(known_accuracy_m)) if len(known_accuracy_m) else None,
        fixes=len(accuracies_m),
    )


def _unused_notes(traces: Traces, fixes: Traces, rule: DeliveryRule) -> list[str]:
    inaccurate_count = int((traces.accuracy_m > rule.worst_accuracy_m).sum())
    reason_counts = [
        *traces.left_out,
        (f"less accurate than {rule.worst_accuracy_m:g} m", inaccurate_count),
        ("a second fix at the same moment", traces.size - inaccurate_count - fixes.size),
    ]
    return [f"{fix_count:,} fixes left out: {reason}." for reason, fix_count in reason_counts if fix_count]


def _silence_notes(fixes: Traces, silence_s: float) -> list[str]:
    """Traces with gaps: how long nobody knows where officers were. Which officers is not said."""
    gaps_s = np.diff(fixes.at_s)[np.diff(fixes.officer) == 0]
    silences_s = gaps_s[(gaps_s > silence_s) & (gaps_s < LONGEST_SHIFT_S)]
    if not len(silences_s):
        return []
    return [
        f"{len(silences_s):,} gaps of more than {silence_s / 60:g} minutes in the traces, "
        f"{silences_s.sum() / 3600:.1f} hours in all: what was delivered then is not known, and not counted."
    ]


@dataclass(frozen=True, slots=True)
class PlaceDelivery:
    """One hotspot: minutes and visits that were planned, that were given, and that came unplanned.

    Patrol-minutes count a moment once, however many officers stood there; officer-minutes count each of
    them. `background` is patrol that no plan asked for. Check-ins are an officer's word and stand apart:
    `check_in_only_visits` are those that no trace confirms.
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
        """Planned visits that no trace confirms."""
        return self.planned_visits - self.delivered_visits

    @property
    def delivered_share(self) -> float | None:
        """Of the planned minutes, how much was given at the planned times? None where nothing was planned."""
        return self.patrol_minutes / self.planned_minutes if self.planned_minutes else None


@dataclass(frozen=True, slots=True)
class Delivery:
    """Every hotspot's delivery over one span of time, and notes for its reader."""

    span: Span
    places: tuple[PlaceDelivery, ...]
    notes: tuple[str, ...]


def compare_delivery(
    planned_bursts: Sequence[Burst],
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
    visits_in_span = [v for v in visits if v.span.start < span.end and v.span.end > span.start]
    bursts_in_span = [b for b in planned_bursts if span.start <= b.span.start < span.end]
    unplanned_hotspots = {v.hotspot for v in visits_in_span} - {p.hotspot for p in places}
    left_out_note = f"{len(unplanned_hotspots)} visited hotspots are not in the plan and are left out."
    place_deliveries = tuple(
        _compare_place(
            place,
            [b for b in bursts_in_span if b.hotspot == place.hotspot],
            [v for v in visits_in_span if v.hotspot == place.hotspot],
            timedelta(minutes=rule.match_minutes),
        )
        for place in places
    )
    return Delivery(span, place_deliveries, (*notes, left_out_note) if unplanned_hotspots else tuple(notes))


def union_minutes(spans: Iterable[Span]) -> float:
    """How many minutes do these spans cover, each moment counted once?"""
    total_time, covered_until = timedelta(), None
    for span in sorted(spans, key=lambda s: s.start):
        uncovered_start = span.start if covered_until is None else max(span.start, covered_until)
        if span.end > uncovered_start:
            total_time += span.end - uncovered_start
            covered_until = span.end
    return total_time / timedelta(minutes=1)


def _compare_place(
    place: PatrolPlace, bursts: list[Burst], visits: list[DeliveredVisit], match_within: timedelta
) -> PlaceDelivery:
    traced_visits = [visit for visit in visits if visit.source == "trace"]
    check_ins = [visit for visit in visits if visit.source == "check-in"]
    burst_indices = [_match_burst(visit.span, bursts, match_within) for visit in traced_visits]
    traced_minutes = union_minutes(visit.span for visit in traced_visits)
    matched_minutes = union_minutes(
        visit.span
        for visit, burst_index in zip(traced_visits, burst_indices, strict=True)
        if burst_index is not None
    )
    return PlaceDelivery(
        hotspot=place.hotspot,
        name=place.name,
        planned_visits=len(bursts),
        planned_minutes=union_minutes(burst.span for burst in bursts),
        delivered_visits=len(set(burst_indices) - {None}),
        patrol_minutes=matched_minutes,
        background_visits=burst_indices.count(None),
        background_minutes=traced_minutes - matched_minutes,
        officer_minutes=sum(visit.officer_minutes for visit in traced_visits),
        check_in_visits=len(check_ins),
        check_in_minutes=union_minutes(visit.span for visit in check_ins),
        check_in_only_visits=sum(
            not any(_overlap(check_in.span, visit.span) > timedelta() for visit in traced_visits)
            for check_in in check_ins
        ),
    )


def _match_burst(span: Span, bursts: Sequence[Burst], match_within: timedelta) -> int | None:
    ranked_bursts = [
        (-max(overlap, timedelta()), abs(burst.span.start - span.start), i)
        for i, burst in enumerate(bursts)
        if (overlap := _overlap(span, burst.span)) >= -match_within
    ]
    return min(ranked_bursts)[2] if ranked_bursts else None


def _overlap(a: Span, b: Span) -> timedelta:
    """How long both last at once; below 0, how far apart they lie."""
    return min(a.end, b.end) - max(a.start, b.start)
