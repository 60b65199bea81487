"""The simulated force's log of arrests: made up from its street violence, one row for each arrest."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from becalm.methods.arrays import Ints
from becalm.simulate.city import SimulatedCity
from becalm.simulate.clock import DAY_MINUTES, day_number, last_sunday
from becalm.simulate.extract import clock_times, in_extract, words
from becalm.simulate.offences import OFFENCES

ONE_IN: Final = 8  # of the recorded offences of street violence ends with an arrest that is in the log
DELAYS: Final = (2, 5, 9, 14, 25, 48, 95)  # minutes after the offence
ACTIVITIES: Final = (
    "hotspot patrol", "response", "weapon sweep", "hotspot patrol", "response", "warrant", "wanted offender",
    "hotspot patrol", "investigation", "response",
)  # fmt: skip
DEDICATED: Final = 6  # units of the violence suppression unit in each command unit


def arrests_table(city: SimulatedCity) -> pa.Table:
    """The log, in order of time, in the columns that `becalm record import --kind arrest` reads.

    Which offences end with an arrest follows from their number alone: the log takes no draw from the
    city's chance. Local times that came twice in autumn are left out, as nobody could tell them apart.
    """
    incidents, plan = city.incidents, city.plan
    violent = np.array([o.street_violence for o in OFFENCES])[incidents.offence]
    numbers = np.arange(len(incidents))
    rows = np.flatnonzero(in_extract(city) & violent & incidents.placed & (numbers % ONE_IN == 7))
    minute = incidents.from_minute[rows] + np.array(DELAYS)[rows // ONE_IN % len(DELAYS)]
    known = ~_came_twice(minute)
    rows, minute = rows[known], minute[known]
    order = np.argsort(minute, kind="stable")
    rows, minute = rows[order], minute[order]
    position = plan.places.address_position[incidents.address[rows]].astype(np.int64)
    activity = rows // ONE_IN % len(ACTIVITIES)
    return pa.table(
        {
            "arrested_at": clock_times(minute),
            "place_easting_m": position[:, 0],
            "place_northing_m": position[:, 1],
            "unit": _units(rows, activity),
            "activity": words(activity, ACTIVITIES),
            "offence": words(incidents.offence[rows], [o.word for o in OFFENCES]),
        }
    )


def _units(rows: Ints, activity: Ints) -> pa.Array:
    """Dedicated units do dedicated work; the rest is done by response teams."""
    names = [f"VSU {n + 1}" for n in range(DEDICATED)] + [f"Response {n + 1}" for n in range(DEDICATED)]
    apart = np.array([name in ("response", "investigation") for name in ACTIVITIES])[activity]
    return words(rows // 7 % DEDICATED + DEDICATED * apart, names)


def _came_twice(minutes: Ints) -> Ints:
    """Which local times lie in the hour that comes twice, or in the one that is skipped?"""
    twice = np.zeros(len(minutes), dtype=bool)
    for year in np.unique(
        minutes.astype("datetime64[m]").astype("datetime64[Y]").astype(int) + 1970
    ).tolist():
        for month in (3, 10):
            start = day_number(last_sunday(year, month)) * DAY_MINUTES + 60
            twice |= (minutes >= start) & (minutes < start + 60)
    return twice
