"""Who is on duty when? A standing roster as shifts of units on given days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Literal

from becalm.patrol.core.calendar import day_span, tour_span
from becalm.patrol.core.nouns import Base, Mode, UnitShift
from becalm.patrol.core.policy import Meal, meal_minutes
from becalm.terms import Fault, PlanError


@dataclass(frozen=True, slots=True)
class PatrolArea:
    """One patrol area and the boroughs that it is made of."""

    area: str
    boroughs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Team:
    """Units that share everything but their start: one unit for each of `starts`."""

    team: str
    area: str
    base: str
    mode: Mode
    crew: int
    weekdays: tuple[int, ...]  # 0 is Monday
    starts: tuple[time, ...]  # clock times; staggered starts leave no hour without a unit
    hours: float  # by the clock
    burst_share: float = 1.0
    pair: str = ""

    def unit(self, index: int) -> str:
        """The name of the unit with this start."""
        return f"{self.team} {index + 1}" if len(self.starts) > 1 else self.team


@dataclass(frozen=True, slots=True)
class Absence:
    """A unit that is not there on these days; `until` is excluded."""

    unit: str
    since: date
    until: date
    reason: Literal["sick", "leave", "court", "training", "abstracted", "other"] = "other"


@dataclass(frozen=True, slots=True)
class Roster:
    """A standing roster: areas, bases, teams and known absences."""

    areas: tuple[PatrolArea, ...]
    bases: tuple[Base, ...]
    teams: tuple[Team, ...]
    absences: tuple[Absence, ...] = ()
    source: str = "the units file"

    @property
    def area_of_borough(self) -> dict[str, str]:
        """Which area does each borough belong to?"""
        return {borough: a.area for a in self.areas for borough in a.boroughs}

    @property
    def units(self) -> tuple[str, ...]:
        """The names of all units."""
        return tuple(team.unit(i) for team in self.teams for i in range(len(team.starts)))


def expand_shifts(
    roster: Roster, *, first: date, days: int, zone: str, meals: tuple[Meal, ...]
) -> tuple[UnitShift, ...]:
    """Which shifts start on these civil days, in order of day, area, unit?

    A meal is as long as the shift's real hours ask for, and falls in its middle half.

    Raises
    ------
    PlanError
        with every shift that is too short for its meal, or where nobody is on duty on these days.
    """
    shifts, faults = [], []
    for day in (first + timedelta(days=n) for n in range(days)):
        for team in roster.teams:
            for shift in _shifts_of(team, roster, day, zone, meals):
                faults += _too_short(shift)
                shifts.append(shift)
    if not shifts:
        until = first + timedelta(days=days)
        what = f"no unit is on duty on the {days} days from {first} until before {until}"
        faults.append(Fault(roster.source, what, "add [[teams]], or their weekdays"))
    if faults:
        noun = "fault" if len(faults) == 1 else "faults"
        raise PlanError(f"The roster has {len(faults)} {noun}; nothing was planned", tuple(faults))
    return tuple(sorted(shifts, key=lambda s: (s.day, s.area, s.unit)))


def changed_nights(*, first: date, days: int, zone: str) -> tuple[tuple[date, int], ...]:
    """Which of these days have 23 or 25 hours, so that a tour over night is not as long as its clock says?"""
    each = (first + timedelta(days=n) for n in range(days))
    lengths = ((day, round(day_span(day, 1, zone=zone).minutes / 60)) for day in each)
    return tuple((day, hours) for day, hours in lengths if hours != 24)


def _shifts_of(team: Team, roster: Roster, day: date, zone: str, meals: tuple[Meal, ...]) -> list[UnitShift]:
    if day.weekday() not in team.weekdays:
        return []
    made = []
    for index, start in enumerate(team.starts):
        if _absent(roster, team.unit(index), day):
            continue
        hours = tour_span(day, start, team.hours, zone=zone)
        made.append(
            UnitShift(
                unit=team.unit(index),
                area=team.area,
                day=day,
                hours=hours,
                base=team.base,
                crew=team.crew,
                mode=team.mode,
                meal_minutes=meal_minutes(meals, hours.minutes / 60),
                burst_share=team.burst_share,
                pair=team.pair,
            )
        )
    return made


def _absent(roster: Roster, unit: str, day: date) -> bool:
    return any(a.unit == unit and a.since <= day < a.until for a in roster.absences)


def _too_short(shift: UnitShift) -> list[Fault]:
    """The meal lies in the middle half of the shift, so a shift must be twice as long as its meal."""
    if shift.hours.minutes >= 2 * shift.meal_minutes:
        return []
    what = (
        f"the shift of {shift.unit} on {shift.day} has {shift.hours.minutes:g} minutes, "
        f"too few for its meal of {shift.meal_minutes} in its middle half"
    )
    return [Fault(shift.unit, what, "lengthen the tour, or change [[meals]] in the policy")]
