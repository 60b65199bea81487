"""Which sealed patrols must be drawn again after a roster changed: crews gone, new or changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal


@dataclass(frozen=True, slots=True)
class PatrolTour:
    """What patrol knows of a crew on one day: no name."""

    start: time
    mode: str


@dataclass(frozen=True, slots=True)
class Replan:
    """One tour of patrol to draw again, and why."""

    kind: Literal["gone", "new", "changed"]
    unit: str
    at: datetime  # local: when its tour begins


Tours = Mapping[tuple[date, str], PatrolTour]


def list_replans(old_tours: Tours, new_tours: Tours, *, from_day: date) -> tuple[Replan, ...]:
    """The tours of patrol that differ between two rosters, from a day on, by their start.

    Who serves in a crew does not matter to patrol; that there is one, its start and its mode do.
    """
    replans = []
    for day, unit in sorted(old_tours.keys() | new_tours.keys()):
        old, new = old_tours.get((day, unit)), new_tours.get((day, unit))
        if day < from_day or old == new:
            continue
        start = datetime.combine(day, (new or old or PatrolTour(time(), "")).start)
        replans.append(Replan("gone" if new is None else "new" if old is None else "changed", unit, start))
    return tuple(sorted(replans, key=lambda replan: (replan.at, replan.kind, replan.unit)))
