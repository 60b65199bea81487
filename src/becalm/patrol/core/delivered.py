"""What was delivered? Visits from traces and from check-ins; raw positions go no further than this."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from shapely.geometry.base import BaseGeometry

from becalm.methods.routes.fence_stays import Stays, find_stays, signed_distances
from becalm.patrol.core.nouns import PatrolPlace, Span
from becalm.patrol.core.policy import DeliveryRule
from becalm.patrol.core.traces import CheckIn, Traces

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
