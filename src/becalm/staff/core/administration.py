"""Hours of administration: filled first by those who may do nothing else, which frees street tours."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from becalm.staff.core.crews import Crew
from becalm.staff.core.force import Force
from becalm.staff.core.need import AdminNeed
from becalm.staff.core.rule_book import RuleBook


@dataclass(frozen=True, slots=True)
class AdminDay:
    """Administration of one command unit on one day, in hours."""

    command_unit: str
    day: date
    needed_hours: float
    admin_only_hours: float  # done by officers who may do administration only
    crew_hours: float  # done by officers whom no crew could take
    hours_left: float

    @property
    def freed_hours(self) -> float:
        """Hours that street officers need not give because others do them."""
        return min(self.needed_hours, self.admin_only_hours)


@dataclass(frozen=True, slots=True)
class Administration:
    """Who does administration, and what that frees."""

    days: tuple[AdminDay, ...]
    crews: tuple[Crew, ...]  # of officers who may do administration only
    freed_tours: float  # street tours that are not lost to administration


def plan_administration(
    force: Force,
    needs: Sequence[AdminNeed],
    crews: Sequence[Crew],
    rules: RuleBook,
    *,
    first_day: date,
    days: int,
) -> Administration:
    """Officers who may do administration only work the tours that were published for them, from home.

    Nights count too: what they may not do is the street. `crews` are those of the roster.
    """
    admin_crews = tuple(_admin_crews(force, rules, first_day, days))
    hours_by_key: dict[tuple[str, date], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for crew in admin_crews:
        hours_by_key[crew.command_unit, crew.day][0] += crew.hours * len(crew.officers)
    for crew in crews:
        if crew.use == "admin":
            hours_by_key[crew.command_unit, crew.day][1] += crew.hours * len(crew.officers)
    admin_days = []
    for need in sorted(needs, key=lambda need: (need.day, need.command_unit)):
        if first_day <= need.day < first_day + timedelta(days=days):
            admin_only_hours, crew_hours = hours_by_key[need.command_unit, need.day]
            hours_left = max(0.0, need.hours - admin_only_hours - crew_hours)
            admin_days.append(
                AdminDay(need.command_unit, need.day, need.hours, admin_only_hours, crew_hours, hours_left)
            )
    tour_hours = max(kind.hours for kind in rules.tours)
    freed_tour_count = sum(day.freed_hours for day in admin_days) / tour_hours
    return Administration(tuple(admin_days), admin_crews, round(freed_tour_count, 1))


def _admin_crews(force: Force, rules: RuleBook, first_day: date, days: int) -> list[Crew]:
    """One crew for each command unit, day and tour on which somebody may do administration only."""
    crews = []
    columns = range(force.day_index(first_day), force.day_index(first_day) + days)
    units = sorted({officer.command_unit for officer in force.officers})
    home_unit_numbers = np.array([units.index(officer.command_unit) for officer in force.officers])
    for column in columns:
        day = force.first_day + timedelta(days=column)
        is_admin = force.is_admin[:, 2 * column : 2 * column + 2].all(axis=1)
        for number, kind in enumerate(rules.tours, start=1):
            is_there = is_admin & (force.published[:, column] == number)
            for unit_number in np.unique(home_unit_numbers[is_there]).tolist():
                unit = units[unit_number]
                rows = np.flatnonzero(is_there & (home_unit_numbers == unit_number))
                crews.append(
                    Crew(
                        f"{unit} {kind.tour} admin",
                        unit,
                        day,
                        kind.tour,
                        kind.start,
                        kind.hours,
                        "admin",
                        False,
                        tuple(force.officers[row] for row in rows.tolist()),
                    )
                )
    return crews
