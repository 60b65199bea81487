"""What will each place and each area get? Expected and drawn dosage with intervals, and who gets how much."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from becalm.patrol.core.nouns import PatrolPlace
from becalm.patrol.core.request import PlaceDosage
from becalm.terms import Estimate

LEVEL: Final = 0.95
Z: Final = 1.959964  # of a normal at that level
METHOD: Final = "normal about the law's mean, with the law's own spread"


@dataclass(frozen=True, slots=True)
class PlaceForecast:
    """One place over the whole plan: owed, expected, and drawn."""

    hotspot: str
    area: str
    name: str
    target_visits: float
    expected_visits: Estimate
    visits: int
    target_minutes: float
    expected_minutes: float
    minutes: int
    low_share: float
    high_share: float

    @property
    def within_band(self) -> bool:
        """Does what was drawn lie within the policy's band of the target?"""
        return self.low_share * self.target_visits <= self.visits <= self.high_share * self.target_visits

    @property
    def share(self) -> float:
        """What was drawn, over what is owed."""
        return self.visits / self.target_visits if self.target_visits else 1.0


@dataclass(frozen=True, slots=True)
class AreaForecast:
    """One area over the whole plan; `minutes_per_harm` is over that of the whole (1: its fair share)."""

    area: str
    places: int
    target_visits: float
    expected_visits: float
    visits: int
    minutes: int
    minutes_per_harm: float


@dataclass(frozen=True, slots=True)
class DosageForecast:
    """All places, worst served first, and all areas."""

    places: tuple[PlaceForecast, ...]
    areas: tuple[AreaForecast, ...]
    expected_error: float  # sum of |expected - target| over the sum of targets
    drawn_error: float  # the same of what was drawn

    @property
    def outside(self) -> tuple[PlaceForecast, ...]:
        """The places whose drawn dosage lies outside the policy's band."""
        return tuple(place for place in self.places if not place.within_band)


def forecast_dosage(places: Sequence[PatrolPlace], dosage: Iterable[PlaceDosage]) -> DosageForecast:
    """What will each place and area get, and how sure is that?"""
    known = {place.hotspot: place for place in places}
    rows = [_of_place(known[given.hotspot], given) for given in dosage]
    rows.sort(key=lambda row: (row.share, row.hotspot))
    names = sorted({place.area for place in places})
    harm, minutes = sum(p.harm for p in places), sum(row.minutes for row in rows)
    fair = minutes / harm if harm else 0.0
    areas = tuple(_of_area(name, [r for r in rows if r.area == name], known, fair) for name in names)
    targets = sum(row.target_visits for row in rows) or 1.0
    return DosageForecast(
        places=tuple(rows),
        areas=areas,
        expected_error=sum(abs(r.expected_visits.value - r.target_visits) for r in rows) / targets,
        drawn_error=sum(abs(r.visits - r.target_visits) for r in rows) / targets,
    )


def _of_place(place: PatrolPlace, given: PlaceDosage) -> PlaceForecast:
    spread = Z * given.sd_visits
    return PlaceForecast(
        hotspot=place.hotspot,
        area=place.area,
        name=place.name,
        target_visits=given.target_visits,
        expected_visits=Estimate(
            value=given.expected_visits,
            low=max(0.0, given.expected_visits - spread),
            high=given.expected_visits + spread,
            level=LEVEL,
            method=METHOD,
        ),
        visits=given.visits,
        target_minutes=given.target_minutes,
        expected_minutes=given.expected_minutes,
        minutes=given.minutes,
        low_share=place.dosage.low_share,
        high_share=place.dosage.high_share,
    )


def _of_area(
    name: str, rows: Sequence[PlaceForecast], known: dict[str, PatrolPlace], fair: float
) -> AreaForecast:
    minutes = sum(row.minutes for row in rows)
    harm = sum(known[row.hotspot].harm for row in rows)
    return AreaForecast(
        area=name,
        places=len(rows),
        target_visits=sum(row.target_visits for row in rows),
        expected_visits=sum(row.expected_visits.value for row in rows),
        visits=sum(row.visits for row in rows),
        minutes=minutes,
        minutes_per_harm=minutes / harm / fair if harm and fair else 0.0,
    )
