"""Bursts as people read them: the city's time, the name of the place, where it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from pyproj import Transformer

from becalm.patrol.core.nouns import Burst
from becalm.patrol.files.plan import PlanDocument


@dataclass(frozen=True, slots=True)
class Stop:
    """One burst as the sheet shows it; times are the city's."""

    start: str
    end: str
    name: str
    hotspot: str
    position: str
    radius_m: str


def stops_of(plan: PlanDocument, bursts: Iterable[Burst]) -> tuple[Stop, ...]:
    """These bursts with the names and positions that people need."""
    places = {place.hotspot: place for place in plan.request.places}
    move = _to_wgs84(plan.crs)
    stops = []
    for burst in bursts:
        place = places[burst.hotspot]
        longitude, latitude = move.transform(place.easting_m, place.northing_m)
        stops.append(
            Stop(
                start=clock_of(burst.span.start, plan),
                end=clock_of(burst.span.end, plan),
                name=place.name or place.hotspot,
                hotspot=place.hotspot,
                position=f"{latitude:.5f}, {longitude:.5f}",
                radius_m=f"{place.radius_m:.0f}",
            )
        )
    return tuple(stops)


@cache
def _to_wgs84(crs: str) -> Transformer:
    """Making one takes far longer than using it."""
    return Transformer.from_crs(crs, "EPSG:4326", always_xy=True)


def clock_of(at: datetime, plan: PlanDocument) -> str:
    """The city's time of day."""
    return f"{at.astimezone(ZoneInfo(plan.request.zone)):%H:%M}"


def told_when(at: datetime, plan: PlanDocument) -> str:
    """The city's day and time."""
    return f"{at.astimezone(ZoneInfo(plan.request.zone)):%Y-%m-%d %H:%M}"
