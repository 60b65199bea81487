"""What a plan is made of, read and checked: places, shifts, bases, ways, policy, days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from becalm.patrol.core.places_and_shifts import Arm, Base, Burst, Mode, PatrolPlace, UnitShift
from becalm.patrol.core.policy import PatrolPolicy
from becalm.patrol.core.travel import TravelTable


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """All that a plan depends on, except its key.

    `travel` holds one table for each mode in use; its stops name every hotspot and base of those units.
    `arms` names the trial's arm of a place on a civil day, over the place's own; `owed_visits` are carried
    over from the period before (below 0: given too often); `earlier` are bursts that stand already and
    that this plan must keep clear of.
    """

    places: tuple[PatrolPlace, ...]
    shifts: tuple[UnitShift, ...]
    bases: tuple[Base, ...]
    travel: Mapping[Mode, TravelTable]
    policy: PatrolPolicy
    first_day: date
    days: int
    zone: str  # of the civil days and the profiles, e.g. "Europe/London"
    arms: Mapping[tuple[str, date], Arm] = field(default_factory=dict)
    owed_visits: Mapping[str, float] = field(default_factory=dict)
    earlier: tuple[Burst, ...] = ()
