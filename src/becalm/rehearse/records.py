"""What the rehearsed force writes down: the extract of a week, check-ins of crews, a log of arrests."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from becalm.methods.arrays import Bools, Ints
from becalm.rehearse.delivery import PlannedVisit
from becalm.rehearse.laws import VisitLog, deterrence
from becalm.rehearse.world import Course, World, as_city
from becalm.simulate.records import clock_times, extract_table, lookup_words
from becalm.simulate.settings import OFFENCES
from becalm.simulate.time_profiles import DAY_MINUTES, day_number, month_number, to_utc
from becalm.simulate.write_city import write_csv

MONTHS_BACK: Final = 3  # of a week's extract
MONTHS_BACK_MONTHLY: Final = 13  # of the first extract of a month, for what is recorded late
ARREST_SHARE: Final = 0.125
DEDICATED_ACTIVITIES: Final = ("hotspot patrol", "weapon sweep")
OTHER_ACTIVITIES: Final = ("response", "investigation")


def write_extract(
    world: World,
    course: Course,
    path: Path,
    *,
    day: date,
    is_whole: bool = False,
    is_of_whole_months: bool = False,
) -> int:
    """Write the records that the force has on the morning of this day; how many rows.

    The first one of a month holds thirteen months, the others three, a whole one the whole past. One
    `is_of_whole_months` leaves out the month that is under way.
    """
    as_of = day_number(day)
    incidents = course.incidents
    month = month_number(incidents.from_minute // DAY_MINUTES)
    this_month = int(month_number(np.array([as_of - 1]))[0])
    months_back = 10_000 if is_whole else MONTHS_BACK_MONTHLY if day.day <= 7 else MONTHS_BACK
    is_shown = (
        course.is_real
        & (incidents.recorded_day < as_of)
        & (month > this_month - months_back)
        & (month < this_month + (not is_of_whole_months))
        & ~_is_lost(world, incidents.recorded_day)
    )
    rows = extract_table(as_city(world, course, is_shown, as_of=as_of))
    plain = [f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in rows.schema]
    schema = pa.schema(list(zip(rows.column_names, plain, strict=True)))
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows.cast(schema), path, compression="zstd")
    return int(rows.num_rows)


def _is_lost(world: World, recorded_day: Ints) -> Bools:
    is_lost = np.zeros(len(recorded_day), dtype=bool)
    for week in world.scenario.records.lost_weeks:
        first_day = day_number(world.monday(week - 1))
        is_lost |= (recorded_day >= first_day) & (recorded_day < first_day + 7)
    return is_lost


def write_check_ins(path: Path, visits: Sequence[PlannedVisit]) -> None:
    """Write what crews checked in: one row for each visit."""
    times = [np.array([getattr(v, name) for v in visits], dtype="M8[m]") for name in ("start", "end")]
    start, end = (
        [f"{text}Z" for text in np.datetime_as_string(column, unit="s").tolist()] for column in times
    )
    columns = {"unit": [v.unit for v in visits], "hotspot": [v.hotspot for v in visits]}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_csv(pa.table({**columns, "start": start, "end": end}), path)


def write_arrests(world: World, course: Course, path: Path, week: int, visits: VisitLog) -> tuple[int, int]:
    """Write the arrests of this week; how many came from dedicated activity, and how many there are."""
    first_day, end_day = world.week_days(week)
    incidents = course.incidents
    days = incidents.minute // DAY_MINUTES
    is_violent = np.array([o.street_violence for o in OFFENCES])[incidents.offence]
    candidates = np.flatnonzero(
        course.is_real & is_violent & incidents.has_place & (days >= first_day) & (days < end_day)
    )
    rng = world.rng(week, 2)
    rows = candidates[rng.random(len(candidates)) < ARREST_SHARE]
    minute = to_utc(incidents.minute[rows]) + rng.integers(3, 60, len(rows))
    near = deterrence(visits, world.cells(course)[rows], minute, half_life_minutes=30.0)
    is_dedicated = near > rng.random(len(rows))
    kind = rng.integers(0, len(DEDICATED_ACTIVITIES), len(rows))
    activity = np.where(is_dedicated, kind, kind + len(DEDICATED_ACTIVITIES))
    order = np.argsort(minute, kind="stable")
    position = world.plan.places.address_position[incidents.address[rows]].astype(np.int64)[order]
    stamps = np.char.add(clock_times(minute[order]).to_numpy(zero_copy_only=False).astype(str), "Z")
    table = pa.table(
        {
            "arrested_at": pa.array([text.replace(" ", "T") for text in stamps.tolist()], pa.string()),
            "place_easting_m": position[:, 0],
            "place_northing_m": position[:, 1],
            "unit": lookup_words(is_dedicated[order] * 1, ("Response 1", "VSU 1")),
            "activity": lookup_words(activity[order], (*DEDICATED_ACTIVITIES, *OTHER_ACTIVITIES)),
            "offence": lookup_words(incidents.offence[rows][order], [o.word for o in OFFENCES]),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_csv(table, path)
    return int(is_dedicated.sum()), len(rows)
