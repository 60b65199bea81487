"""How often could units be back at a place after one of them left, by their number alone?

Were every unit on duty as likely to come as at any other time, visits after a departure would be as frequent
as ever, but for the unit that left: it may come back, and needs a moment to settle first. The fewer units are
on duty, the more its absence counts. What a planner falls short of this is its own doing, or travel's.
"""

from collections import defaultdict
from typing import Final

import numpy as np

from becalm.methods.arrays import Ints
from becalm.patrol.core.leak_scans import QUARTERS
from becalm.patrol.core.plan_inputs import Burst, PlanInputs, UnitShift

MINUTE_S: Final = 60
QUARTER_MINUTES: Final = 15


def bound_returns(inputs: PlanInputs, bursts: tuple[Burst, ...]) -> tuple[float, ...]:
    """The most visits in each quarter of an hour after a departure, over the usual ones, that units allow.

    The mean over all departures at which a unit is still on duty; 1 is no limit. Eight quarters, or none
    where nobody ever leaves.
    """
    area_of_place = {place.hotspot: place.area for place in inputs.places}
    ends_of_area: dict[str, list[int]] = defaultdict(list)
    for burst in bursts:
        ends_of_area[area_of_place[burst.hotspot]].append(int(burst.span.end.timestamp()) // MINUTE_S)
    sums, counts = np.zeros(QUARTERS), np.zeros(QUARTERS)
    for area, end_minutes in ends_of_area.items():
        shifts = [shift for shift in inputs.shifts if shift.area == area]
        first_minute, units_on_duty = _count_units(shifts)
        minute_numbers = np.array(end_minutes)[:, None] - first_minute + np.arange(QUARTERS * QUARTER_MINUTES)
        units = units_on_duty[np.clip(minute_numbers, 0, len(units_on_duty) - 1)]
        is_away = np.arange(minute_numbers.shape[1]) < inputs.policy.settle_minutes
        free_share = np.where(units > 0, np.maximum(units - is_away, 0) / np.maximum(units, 1), 0.0)
        sums += free_share.sum(axis=0).reshape(QUARTERS, -1).sum(axis=1)
        counts += (units > 0).sum(axis=0).reshape(QUARTERS, -1).sum(axis=1)
    return tuple((sums / np.maximum(counts, 1)).tolist()) if ends_of_area else ()


def _count_units(shifts: list[UnitShift]) -> tuple[int, Ints]:
    """The first minute of these shifts, and how many units are on duty in each minute from then on."""
    starts, ends = (
        np.array([int(getattr(shift.hours, end).timestamp()) // MINUTE_S for shift in shifts])
        for end in ("start", "end")
    )
    first_minute, minute_count = int(starts.min()), int(ends.max() - starts.min()) + 1
    count_changes = np.zeros(minute_count, dtype=np.int64)
    np.add.at(count_changes, starts - first_minute, 1)
    np.add.at(count_changes, ends - first_minute, -1)
    return first_minute, np.asarray(count_changes.cumsum())
