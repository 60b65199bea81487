"""What crews make of a plan: who is sick, what is left out, how late they come; and a rival's plan."""

import csv
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from becalm.rehearse.laws import VisitLog, sort_visits
from becalm.rehearse.world import COLUMN_SPAN, World
from becalm.simulate.names import TIME_ZONE
from becalm.simulate.time_profiles import day_number

ZONE = ZoneInfo(TIME_ZONE)
LATE_MINUTES = 4.0  # standard deviation
LEAST_MINUTES = 4


@dataclass(frozen=True, slots=True)
class PlannedVisit:
    """One visit as a plan or a check-in has it; minutes are UTC since 1970."""

    unit: str
    hotspot: str
    area: str
    start: int
    end: int

    @property
    def day(self) -> int:
        """The civil day on which it begins, since 1970."""
        return day_number(datetime.fromtimestamp(60 * self.start, ZONE).date())


def read_visits(path: Path, first_day: int, end_day: int) -> list[PlannedVisit]:
    """The visits of this file that begin on these civil days, in order of time."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = [
            PlannedVisit(
                row["unit"], row["hotspot"], row.get("area") or "", _minute(row["start"]), _minute(row["end"])
            )
            for row in csv.DictReader(file)
        ]
    inside = [v for v in rows if first_day <= v.day < end_day]
    return sorted(inside, key=lambda v: (v.start, v.unit, v.hotspot))


def _minute(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() // 60)


def visit_log(visits: list[PlannedVisit]) -> VisitLog:
    """These visits as the laws take them."""
    cells = np.array([cell_of(v.hotspot) for v in visits], dtype=np.int64)
    start, end = (np.array([getattr(v, name) for v in visits], dtype=np.int64) for name in ("start", "end"))
    return sort_visits(cells, start, end)


def cell_of(hotspot: str) -> int:
    """The cell of a place: "150m_4067_2799" is column 4067 and row 2799."""
    _, column, row = hotspot.split("_")
    return int(column) * COLUMN_SPAN + int(row)


def deliver(world: World, week: int, planned_visits: list[PlannedVisit]) -> list[PlannedVisit]:
    """What is delivered: crews fall sick for a day, visits are left out, all are a little off."""
    law, rng = world.scenario.force, world.rng(week, 4)
    crew_days = sorted({(v.unit, v.day) for v in planned_visits})
    is_sick = dict(zip(crew_days, rng.random(len(crew_days)) < law.sick_share, strict=True))
    is_done = rng.random(len(planned_visits)) < law.delivered_share
    late_by = np.rint(rng.normal(0, LATE_MINUTES, len(planned_visits))).astype(np.int64).tolist()
    moved_visits = [
        replace(v, start=v.start + late, end=max(v.end, v.start + LEAST_MINUTES) + late)
        for v, late in zip(planned_visits, late_by, strict=True)
    ]
    kept_visits = [
        v
        for v, plan, is_delivered in zip(moved_visits, planned_visits, is_done, strict=True)
        if is_delivered and not is_sick[plan.unit, plan.day]
    ]
    first_day, end_day = world.week_days(week)
    return [v for v in _without_overlap(kept_visits) if first_day <= v.day < end_day]


def _without_overlap(visits: list[PlannedVisit]) -> list[PlannedVisit]:
    """A crew is at one place at a time: what would begin before the last visit ended is put off."""
    free_from: dict[str, int] = defaultdict(int)
    kept_visits = []
    for v in sorted(visits, key=lambda visit: (visit.start, visit.unit)):
        start = max(v.start, free_from[v.unit])
        end = start + (v.end - v.start)
        free_from[v.unit] = end + 1
        kept_visits.append(replace(v, start=start, end=end))
    return kept_visits


def replace_by_most_overdue(
    planned_visits: list[PlannedVisit], last_visit: dict[str, int]
) -> list[PlannedVisit]:
    """The same crews with as many visits of the same length, but always to the place that has waited longest.

    A crew's visits are spread evenly over the time between its first and its last one. A place waits in
    proportion to how often the plan wanted it. `last_visit` (minutes by place) is carried on by weeks.
    """
    tours: dict[tuple[str, int], list[PlannedVisit]] = defaultdict(list)
    for v in planned_visits:
        tours[v.unit, v.day].append(v)
    moments = sorted(
        (
            (int(start), v.end - v.start, v)
            for tour in tours.values()
            for start, v in zip(
                np.linspace(tour[0].start, tour[-1].start, len(tour)).round(), tour, strict=True
            )
        ),
        key=lambda moment: (moment[0], moment[2].unit),
    )
    visit_counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for v in planned_visits:
        visit_counts[v.area][v.hotspot] += 1
    rival = []
    for start, minutes, v in moments:
        visit_count_by_place = visit_counts[v.area]
        place = max(
            sorted(visit_count_by_place),
            key=lambda p: (start - last_visit.get(p, 0)) * visit_count_by_place[p],
        )
        last_visit[place] = start
        rival.append(PlannedVisit(v.unit, place, v.area, start, start + minutes))
    return rival
