"""Short visits to places, as they were made or planned, however they were written down."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from becalm.methods.arrays import Ints
from becalm.patrol.core.plan_inputs import Burst, PatrolPlace


@dataclass(frozen=True, slots=True, eq=False)
class VisitLog:
    """Visits in the order of their starts; instants in seconds since 1970, UTC.

    `hotspot[i]` and `unit[i]` are places in `hotspots` and `units`; a unit that is not known is -1, and
    `units` is empty where the log names none. `areas[h]` is the area of hotspot h, "" where none is named.
    Civil days are those of `time_zone`.
    """

    hotspots: tuple[str, ...]
    units: tuple[str, ...]
    areas: tuple[str, ...]
    hotspot: Ints
    unit: Ints
    start_s: Ints
    end_s: Ints
    time_zone: str

    @property
    def size(self) -> int:
        """How many visits are there?"""
        return len(self.start_s)


def build_visit_log(
    *,
    hotspot: NDArray[np.str_],
    start_s: Ints,
    end_s: Ints,
    time_zone: str,
    unit: NDArray[np.str_] | None = None,
    area: NDArray[np.str_] | None = None,
) -> VisitLog:
    """Put visits in order: one element a visit. A hotspot's area is the one of its first visit."""
    visit_order = np.lexsort((hotspot, end_s, start_s))
    hotspots, first_visit, hotspot_index = np.unique(
        hotspot[visit_order], return_index=True, return_inverse=True
    )
    units, unit_index = (), np.full(len(visit_order), -1)
    if unit is not None:
        unit_names, unit_index = np.unique(unit[visit_order], return_inverse=True)
        units, unit_index = tuple(unit_names.tolist()), np.where(unit_names[unit_index] == "", -1, unit_index)
    return VisitLog(
        hotspots=tuple(hotspots.tolist()),
        units=units,
        areas=("",) * len(hotspots) if area is None else tuple(area[visit_order][first_visit].tolist()),
        hotspot=hotspot_index.astype(np.int64),
        unit=unit_index.astype(np.int64),
        start_s=start_s[visit_order].astype(np.int64),
        end_s=end_s[visit_order].astype(np.int64),
        time_zone=time_zone,
    )


def log_of_bursts(bursts: Sequence[Burst], places: Sequence[PatrolPlace], *, time_zone: str) -> VisitLog:
    """Planned bursts as a log of visits."""
    area_by_hotspot = {place.hotspot: place.area for place in places}
    start_s, end_s = (
        np.array([int(getattr(burst.span, end).timestamp()) for burst in bursts], dtype=np.int64)
        for end in ("start", "end")
    )
    return build_visit_log(
        hotspot=np.array([burst.hotspot for burst in bursts]),
        start_s=start_s,
        end_s=end_s,
        time_zone=time_zone,
        unit=np.array([burst.unit for burst in bursts]),
        area=np.array([area_by_hotspot[burst.hotspot] for burst in bursts]),
    )


def find_civil_days(log: VisitLog) -> tuple[date, date]:
    """The civil days of the first and of the last start."""
    zone = ZoneInfo(log.time_zone)
    first_day, last_day = (datetime.fromtimestamp(int(s), zone).date() for s in log.start_s[[0, -1]])
    return first_day, last_day


def midnights_s(first: date, days: int, time_zone: str) -> Ints:
    """The instants at which `days` civil days start, and the one at which the last of them ends."""
    zone = ZoneInfo(time_zone)
    midnights = (datetime.combine(first + timedelta(days=d), time(), zone) for d in range(days + 1))
    return np.array([int(midnight.timestamp()) for midnight in midnights], dtype=np.int64)
