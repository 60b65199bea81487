"""Can one unit walk or drive its tour as planned, and eat?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from becalm.patrol.core.verdict import Violation

MINUTE = timedelta(minutes=1)
SLACK = 1e-6  # minutes, for rounding


@dataclass(frozen=True, slots=True)
class Visit:
    """A row of visits.csv."""

    unit: str
    hotspot: str
    start: datetime
    end: datetime
    row: Mapping[str, str]

    def breaks(self, kind: str, what: str) -> Violation:
        """Say that the visit breaks a rule."""
        return Violation(kind, self.unit, self.hotspot, written(self.start), what)


@dataclass(frozen=True, slots=True, eq=False)
class Tour:
    """One unit's tour with its meal; `minutes` is travel from stop to stop, where there is a way."""

    unit: str
    area: str
    day: str
    start: datetime
    end: datetime
    base: str
    settle: float
    meal_minutes: float
    meal_from: datetime
    meal_until: datetime
    meals: tuple[tuple[datetime, datetime], ...]
    share: float
    pair: str
    minutes: Mapping[tuple[str, str], float] = field(repr=False)


def judge_tour(tour: Tour, visits: Sequence[Visit]) -> Iterator[Violation]:
    """What is wrong with a tour as a whole: its ways, its meal, its share of bursts?"""
    ordered = sorted(visits, key=lambda v: (v.start, v.end))
    yield from _judge_meal(tour, ordered)
    if not ordered:
        return
    yield from _judge_ways(tour, ordered)
    minutes = sum((v.end - v.start) / MINUTE for v in ordered)
    allowed = tour.share * ((tour.end - tour.start) / MINUTE)
    if minutes > allowed + SLACK:
        yield _breaks(tour, "share", f"{minutes:g} minutes of bursts, {allowed:g} are open to them")


def _judge_ways(tour: Tour, ordered: Sequence[Visit]) -> Iterator[Violation]:
    first, last = ordered[0], ordered[-1]
    have = _free(tour, tour.start, first.start)
    if short := _short(tour, tour.base, first.hotspot, have, tour.settle):
        yield first.breaks("start", f"from {tour.base}: {short}")
    for one, other in pairwise(ordered):
        if other.start < one.end:
            yield other.breaks("overlap", f"the unit is at {one.hotspot} until {one.end:%H:%M} UTC")
            continue
        have = _free(tour, one.end, other.start)
        if short := _short(tour, one.hotspot, other.hotspot, have, tour.settle):
            yield other.breaks("travel", f"from {one.hotspot}: {short}")
    have = _free(tour, last.end, tour.end)
    if short := _short(tour, last.hotspot, tour.base, have, 0.0):
        yield last.breaks("end", f"back to {tour.base}: {short}")


def _short(tour: Tour, one: str, other: str, have: float, settle: float) -> str:
    """What is missing, in words; empty where there is time enough."""
    way = tour.minutes.get((one, other))
    if way is None:
        return "there is no way"
    needed = way + settle
    return "" if have + SLACK >= needed else f"{have:g} minutes, {needed:g} are needed"


def _free(tour: Tour, begin: datetime, end: datetime) -> float:
    """Minutes from `begin` to `end` that no meal takes."""
    eaten = sum(max((min(b, end) - max(a, begin)) / MINUTE, 0.0) for a, b in tour.meals)
    return (end - begin) / MINUTE - eaten


def _judge_meal(tour: Tour, ordered: Sequence[Visit]) -> Iterator[Violation]:
    if tour.meal_minutes <= 0:
        return
    if len(tour.meals) != 1:
        yield _breaks(tour, "meal", f"{len(tour.meals)} meals are planned, 1 is due")
        return
    begin, end = tour.meals[0]
    if (end - begin) / MINUTE + SLACK < tour.meal_minutes:
        yield _breaks(tour, "meal", f"{(end - begin) / MINUTE:g} minutes, {tour.meal_minutes:g} are due")
    if begin < tour.meal_from or end > tour.meal_until:
        window = f"{tour.meal_from:%H:%M} to {tour.meal_until:%H:%M}"
        yield _breaks(tour, "meal", f"{begin:%H:%M} to {end:%H:%M} UTC, its window is {window}")
    for visit in ordered:
        if visit.start < end and visit.end > begin:
            yield visit.breaks("meal", f"the meal is from {begin:%H:%M} to {end:%H:%M} UTC")


def _breaks(tour: Tour, kind: str, what: str) -> Violation:
    return Violation(kind, tour.unit, "", written(tour.start), what)


def moment(text: str) -> datetime:
    """An instant as plan.json and visits.csv write it; it must carry its zone."""
    at = datetime.fromisoformat(text)
    if at.utcoffset() is None:
        raise ValueError(f"{text} carries no zone")
    return at


def written(at: datetime) -> str:
    """An instant as it was written."""
    return at.isoformat().replace("+00:00", "Z")
