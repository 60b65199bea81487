"""Planned, delivered and background: what was meant for each hotspot, and what it got."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from becalm.patrol.core.delivered import DeliveredVisit
from becalm.patrol.core.nouns import Burst, PatrolPlace, Span
from becalm.patrol.core.policy import DeliveryRule


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
