"""Who is on duty when? A roster as shifts of units on given days, and whether they all change at once."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from becalm.patrol.core.plan_inputs import Base, Mode, Span, UnitShift
from becalm.patrol.core.policy import Meal, meal_minutes
from becalm.terms import Fault, PlanError

MOST_AT_ONCE = 0.5  # of the units that start within three hours: more at one moment is a handover to watch
STEP_MINUTES, SPREAD_MINUTES = 15, 75
NEAR = timedelta(minutes=90)


@dataclass(frozen=True, slots=True)
class PatrolArea:
    """One patrol area and the boroughs that it is made of."""

    area: Annotated[str, Field(min_length=1)]
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
class DatedTour:
    """One unit on one day, as a roster of `becalm staff` says it."""

    unit: str
    area: str
    day: date
    base: str
    mode: Mode
    start: time
    hours: Annotated[float, Field(gt=0, le=24)]  # by the clock
    crew: Annotated[int, Field(ge=1, le=30)]
    burst_share: Annotated[float, Field(gt=0, le=1)] = 0.9
    pair: str = ""


@dataclass(frozen=True, slots=True)
class Absence:
    """A unit that is not there on these days; `until` is excluded."""

    unit: str
    since: date
    until: date
    reason: Literal["sick", "leave", "court", "training", "abstracted", "other"] = "other"


@dataclass(frozen=True, slots=True)
class Roster:
    """Areas, bases, teams and known absences."""

    areas: tuple[PatrolArea, ...]
    bases: tuple[Base, ...]
    teams: tuple[Team, ...]
    absences: tuple[Absence, ...] = ()
    source: str = "the units file"
    tours: tuple[DatedTour, ...] = ()  # on single days, beside the standing teams

    @property
    def area_of_borough(self) -> dict[str, str]:
        """Which area does each borough belong to?"""
        return {borough: a.area for a in self.areas for borough in a.boroughs}

    @property
    def units(self) -> tuple[str, ...]:
        """The names of all units."""
        team_units = [team.unit(i) for team in self.teams for i in range(len(team.starts))]
        return tuple(dict.fromkeys([*team_units, *(tour.unit for tour in self.tours)]))


def expand_shifts(
    roster: Roster, *, first: date, days: int, zone: str, meals: tuple[Meal, ...]
) -> tuple[UnitShift, ...]:
    """Which shifts start on these civil days, in order of day, area, unit?

    A meal is as long as the shift's real hours ask for, and falls in its middle half.

    Raises PlanError with every shift that is too short for its meal, or where nobody is on duty on these
    days.
    """
    all_shifts = [
        shift
        for day in (first + timedelta(days=offset) for offset in range(days))
        for team in roster.teams
        for shift in _team_shifts(team, roster, day, zone, meals)
    ]
    all_shifts += _dated_shifts(roster, first, first + timedelta(days=days), zone, meals)
    # The meal lies in the middle half of the shift, so a shift must be twice as long as its meal.
    meal_faults = [_meal_fault(shift) for shift in all_shifts if shift.hours.minutes < 2 * shift.meal_minutes]
    if not all_shifts:
        fault_text = (
            f"no unit is on duty on the {days} days from {first} until before {first + timedelta(days=days)}"
        )
        meal_faults.append(Fault(roster.source, fault_text, "add [[teams]], or their weekdays"))
    if meal_faults:
        fault_noun = "fault" if len(meal_faults) == 1 else "faults"
        raise PlanError(
            f"The roster has {len(meal_faults)} {fault_noun}; nothing was planned", tuple(meal_faults)
        )
    return tuple(sorted(all_shifts, key=lambda s: (s.day, s.area, s.unit)))


def find_changed_nights(*, first: date, days: int, zone: str) -> tuple[tuple[date, int], ...]:
    """Which of these days have 23 or 25 hours, so that a tour over night is not as long as its clock says?"""
    plan_days = (first + timedelta(days=n) for n in range(days))
    hours_of_day = ((day, round(day_span(day, 1, zone=zone).minutes / 60)) for day in plan_days)
    return tuple((day, hours) for day, hours in hours_of_day if hours != 24)


def _team_shifts(
    team: Team, roster: Roster, day: date, zone: str, meals: tuple[Meal, ...]
) -> Iterator[UnitShift]:
    absent_units = {absence.unit for absence in roster.absences if absence.since <= day < absence.until}
    for start_index, start_time in enumerate(team.starts):
        if day.weekday() in team.weekdays and team.unit(start_index) not in absent_units:
            shift_hours = tour_span(day, start_time, team.hours, zone=zone)
            yield UnitShift(
                unit=team.unit(start_index),
                area=team.area,
                day=day,
                hours=shift_hours,
                base=team.base,
                crew=team.crew,
                mode=team.mode,
                meal_minutes=meal_minutes(meals, shift_hours.minutes / 60),
                burst_share=team.burst_share,
                pair=team.pair,
            )


def _dated_shifts(
    roster: Roster, first: date, until: date, zone: str, meals: tuple[Meal, ...]
) -> Iterator[UnitShift]:
    for tour in roster.tours:
        is_absent = any(a.unit == tour.unit and a.since <= tour.day < a.until for a in roster.absences)
        if first <= tour.day < until and not is_absent:
            shift_hours = tour_span(tour.day, tour.start, tour.hours, zone=zone)
            yield UnitShift(
                unit=tour.unit,
                area=tour.area,
                day=tour.day,
                hours=shift_hours,
                base=tour.base,
                crew=tour.crew,
                mode=tour.mode,
                meal_minutes=meal_minutes(meals, shift_hours.minutes / 60),
                burst_share=tour.burst_share,
                pair=tour.pair,
            )


def _meal_fault(shift: UnitShift) -> Fault:
    fault_text = (
        f"the shift of {shift.unit} on {shift.day} has {shift.hours.minutes:g} minutes, "
        f"too few for its meal of {shift.meal_minutes} in its middle half"
    )
    return Fault(shift.unit, fault_text, "lengthen the tour, or change [[meals]] in the policy")


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
    unit_count_at = Counter((shift.area, shift.hours.start) for shift in shifts)
    busiest_starts: dict[tuple[str, str], tuple[int, datetime]] = {}  # the first of the days with most starts
    for (area, start), unit_count in sorted(unit_count_at.items()):
        most_unit_count, _ = busiest_starts.get((area, f"{start:%H:%M}"), (0, start))
        if unit_count > most_unit_count:
            busiest_starts[area, f"{start:%H:%M}"] = (unit_count, start)
    area_advice = []
    for (area, clock_text), (unit_count, start) in sorted(busiest_starts.items()):
        nearby_unit_count = sum(
            other_unit_count
            for (other_area, other_start), other_unit_count in unit_count_at.items()
            if other_area == area and abs(other_start - start) <= NEAR
        )
        if unit_count >= 2 and unit_count > MOST_AT_ONCE * nearby_unit_count:
            area_advice.append(_advise_area(area, clock_text, unit_count))
    return tuple(area_advice)


def _advise_area(area: str, clock_text: str, unit_count: int) -> StaggerAdvice:
    spread_minutes = min(SPREAD_MINUTES, STEP_MINUTES * (unit_count - 1))
    later_minutes = tuple(
        round(spread_minutes * n / (unit_count - 1) / STEP_MINUTES) * STEP_MINUTES for n in range(unit_count)
    )
    minutes_text = ", ".join(str(m) for m in sorted(set(later_minutes)))
    sentence = (
        f"{unit_count} units of area {area} start together at {clock_text} UTC; "
        f"let them start {minutes_text} minutes after it, so that no hour is empty every day."
    )
    return StaggerAdvice(area, clock_text, unit_count, later_minutes, sentence)


def tour_span(day: date, start: time, hours: float, *, zone: str) -> Span:
    """From when to when is a tour that starts on this day at this clock time and lasts so long by the clock?

    A roster is written in clock times: a tour of eight hours from 22:00 ends at 06:00, also in the night in
    which that is seven or nine hours later. A clock time that the night leaves out stands for the same
    time after the change; one that comes twice stands for its first coming.

    >>> tour_span(date(2026, 3, 28), time(22), 8.0, zone="Europe/London").minutes / 60
    7.0
    >>> tour_span(date(2026, 10, 24), time(22), 8.0, zone="Europe/London").minutes / 60
    9.0
    """
    local_start = datetime.combine(day, start)
    return Span(_instant(local_start, zone), _instant(local_start + timedelta(hours=hours), zone))


def day_span(day: date, days: int, *, zone: str) -> Span:
    """From when to when are these civil days, midnight to midnight in the city's zone?"""
    midnight = datetime.combine(day, time())
    return Span(_instant(midnight, zone), _instant(midnight + timedelta(days=days), zone))


def hour_of_week(at: datetime, *, zone: str) -> int:
    """Which hour of the local week is it: 0 on Monday from 00:00, 167 on Sunday from 23:00?"""
    local_time = at.astimezone(ZoneInfo(zone))
    return local_time.weekday() * 24 + local_time.hour


def _instant(local_time: datetime, zone: str) -> datetime:
    return local_time.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def select_working_shifts(
    shifts: Sequence[UnitShift], areas: Collection[str]
) -> tuple[tuple[UnitShift, ...], tuple[str, ...]]:
    """The tours of areas that have hotspots, and what is to be said of them and of the others."""
    idle_areas = sorted({shift.area for shift in shifts} - set(areas))
    idle_names_text = ", ".join(idle_areas)
    idle_note = (
        f"No hotspot lies in {idle_names_text}: their tours are not planned, and could be lent to others."
    )
    working_shifts = tuple(shift for shift in shifts if shift.area in areas)
    own_shifts = tuple(shift for shift in working_shifts if not shift.lent_from)
    advice_sentences = tuple(advice.sentence for advice in advise_staggered_starts(own_shifts))
    return working_shifts, (*((idle_note,) if idle_areas else ()), *advice_sentences)
