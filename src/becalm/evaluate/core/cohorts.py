"""Places that began on different days: cohorts, and the times of the panel at which they start."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

import numpy as np

from becalm.evaluate.core.count_study import BLOCK_DAYS, is_counted_by_month
from becalm.evaluate.core.protocol import Protocol
from becalm.evaluate.core.study import StudyCounts, StudyPlaces
from becalm.methods.arrays import Ints
from becalm.methods.panel_effects import NEVER
from becalm.terms import Fault, Period

COHORT_DESIGN: Final = "difference"  # the one that joins places that began on different days


def list_times(protocol: Protocol) -> tuple[date, ...]:
    """The first day of each time of the panel from the start on."""
    after = protocol.windows.after
    if is_counted_by_month(protocol):
        return tuple(date.fromisoformat(f"{month}-01") for month in after.months)
    return tuple(
        after.start + timedelta(days=day) for day in range(0, after.days - BLOCK_DAYS + 1, BLOCK_DAYS)
    )


def find_start_times(protocol: Protocol, counts: StudyCounts) -> Ints:
    """The time of the panel at which each place's treatment begins; NEVER for a control."""
    places = counts.places
    if not places.starts:
        return np.where(places.is_treated, counts.panel_start, NEVER)
    time_by_day = {day: counts.panel_start + number for number, day in enumerate(list_times(protocol))}
    return np.array([NEVER if day is None else time_by_day[day] for day in places.starts], dtype=np.int64)


def find_start_faults(protocol: Protocol, places: StudyPlaces) -> Iterator[Fault]:
    """Days of start that the design, or its windows, cannot use."""
    if not places.starts:
        return
    days, times = sorted({day for day in places.starts if day is not None}), list_times(protocol)
    field_text = f"{protocol.places.file}: start"
    if protocol.design != COHORT_DESIGN or set(protocol.choices.designs) - {COHORT_DESIGN}:
        yield Fault(
            field_text,
            f"only the design {COHORT_DESIGN} joins places that began on different days",
            "leave the column out, or use that design alone",
        )
        return
    strange_days = [day for day in days if day not in times]
    if strange_days:
        step_text = (
            "a month" if is_counted_by_month(protocol) else f"{BLOCK_DAYS} days, counted from the start"
        )
        usable_text = ", ".join(map(str, times[:3]))
        yield Fault(
            field_text,
            f"{', '.join(map(str, strange_days[:3]))}: counts are by {step_text}",
            f"write first days of these, e.g. {usable_text}",
        )
    elif days and days[0] != times[0]:
        yield Fault(
            field_text, f"the first is {days[0]}, and the window after begins on {times[0]}", "make them one"
        )
    yield from _find_window_faults(protocol, places)


def _find_window_faults(protocol: Protocol, places: StudyPlaces) -> Iterator[Fault]:
    windows = protocol.windows
    unlike_windows = [w for w in (windows.before, *protocol.choices.before) if w.end != windows.after.start]
    if unlike_windows:
        gap_period = Period(windows.before.start, windows.after.start)
        yield Fault(
            "windows.before", f"{unlike_windows[0]} does not reach to the start", f'write "{gap_period}"'
        )
    missing_count = sum(
        day is None for day, is_treated in zip(places.starts, places.is_treated, strict=True) if is_treated
    )
    control_count = sum(
        day is not None
        for day, is_treated in zip(places.starts, places.is_treated, strict=True)
        if not is_treated
    )
    if missing_count:
        yield Fault(
            f"{protocol.places.file}: start",
            f"{missing_count} treated places have none",
            "write one for each",
        )
    if control_count:
        yield Fault(
            f"{protocol.places.file}: start",
            f"{control_count} controls have one",
            "leave it empty for controls",
        )
