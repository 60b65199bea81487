"""Do shifts change all at once, so that everybody knows when nobody comes; and what would mend it?"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from becalm.patrol.core.nouns import UnitShift

MOST_AT_ONCE = 0.5  # of the units that start within three hours: more at one moment is a handover to watch
STEP_MINUTES, SPREAD_MINUTES = 15, 75


@dataclass(frozen=True, slots=True)
class StaggerAdvice:
    """Units of an area that start together, and how many minutes later some of them might start instead."""

    area: str
    starts_at: str  # UTC, of the clock
    units_together: int
    later_minutes: tuple[int, ...]  # one for each of these units
    sentence: str


def advise_staggered_starts(shifts: tuple[UnitShift, ...]) -> tuple[StaggerAdvice, ...]:
    """Which areas start so many units at one moment that their handover is foreseeable?

    Between the last burst of one shift and the first of the next, a place is seen by nobody; where all
    change together that hour is empty every day. Spread over 75 minutes it is not.
    """
    starts: dict[tuple[str, str], dict[str, list[UnitShift]]] = defaultdict(lambda: defaultdict(list))
    for shift in shifts:
        key = (shift.area, f"{shift.hours.start:%H:%M}")
        starts[key][f"{shift.hours.start:%F}"].append(shift)
    advice = []
    for (area, clock), by_day in sorted(starts.items()):
        together = max(len(own) for own in by_day.values())
        if together >= 2 and _is_crowded(shifts, area, by_day, together):
            advice.append(_advice(area, clock, together))
    return tuple(advice)


def _is_crowded(
    shifts: tuple[UnitShift, ...], area: str, by_day: dict[str, list[UnitShift]], together: int
) -> bool:
    """Whether those who start together are most of those who start within an hour and a half of them."""
    start = max(by_day.values(), key=len)[0].hours.start
    near = [s for s in shifts if s.area == area and abs((s.hours.start - start).total_seconds()) <= 90 * 60]
    return together > MOST_AT_ONCE * len(near)


def _advice(area: str, clock: str, together: int) -> StaggerAdvice:
    wide = min(SPREAD_MINUTES, STEP_MINUTES * (together - 1))
    later = tuple(
        round(wide * number / (together - 1) / STEP_MINUTES) * STEP_MINUTES for number in range(together)
    )
    minutes = ", ".join(str(m) for m in sorted(set(later)))
    sentence = (
        f"{together} units of area {area} start together at {clock} UTC; "
        f"let them start {minutes} minutes after it, so that no hour is empty every day."
    )
    return StaggerAdvice(area, clock, together, later, sentence)
