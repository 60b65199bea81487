"""The force of the simulated city and a need for it, as arrays: what the staff benchmarks are asked with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from becalm.simulate.force import DAYS_BACK, StaffTables, draw_staff
from becalm.simulate.names import COMMAND_UNITS
from becalm.staff.core.force import Force, Officer, Span, State, mark_spans, may_work, select_officers
from becalm.staff.core.need import TourNeed
from becalm.staff.core.roster_problem import RosterProblem, RosterQuestion, build_problem
from becalm.staff.core.rule_book import RuleBook
from becalm.staff.files.read_rules import read_rules

PIVOT, DAYS, OFFICERS, TOURS_WANTED = date(2020, 5, 4), 14, 640, 3600
ZONE = "Europe/London"
RULES: RuleBook = read_rules()


@dataclass(frozen=True)
class DrawnForce:
    """A force with every absence, also those that are not known yet."""

    tables: StaffTables
    officers: tuple[Officer, ...]
    spans: tuple[Span, ...]
    published: np.ndarray
    first_day: date

    def known_before(self, day: date | None) -> Force:
        """The force with the absences that were recorded before this midnight; without one, all."""
        midnight = datetime.combine(day, time(), ZoneInfo(ZONE)) if day else None
        spans = [span for span in self.spans if midnight is None or span.recorded_at < midnight]
        days = self.published.shape[1]
        is_away, is_admin = mark_spans(self.officers, spans, first_day=self.first_day, days=days)
        return select_officers(
            Force(self.officers, self.first_day, self.published, is_away, is_admin), RULES.rostered_ranks
        )


def draw(seed: int, *, officers: int = OFFICERS) -> DrawnForce:
    """The officers that `becalm simulate` would write with this seed."""
    tables = draw_staff(COMMAND_UNITS, np.random.default_rng(seed), count=officers, pivot=PIVOT)
    numbers = {"rest": 0, **{kind.tour: RULES.tour_number(kind.tour) for kind in RULES.tours}}
    roster = [numbers[name] for name in tables.roster.column("tour").to_pylist()]
    people = tuple(_officer(row) for row in tables.officers.to_pylist())
    spans = tuple(_span(row) for row in tables.availability.to_pylist())
    published = np.array(roster, np.int8).reshape(officers, -1)
    return DrawnForce(tables, people, spans, published, PIVOT - timedelta(days=DAYS_BACK))


def _officer(row: Mapping[str, object]) -> Officer:
    skills = [entry.split(":") for entry in filter(None, str(row["skills"]).split(";"))]
    return Officer(
        staff_number=str(row["staff_number"]),
        rank=str(row["rank"]),
        command_unit=str(row["command_unit"]),
        contracted_hours=float(str(row["contracted_hours"])),
        skills={name: date.fromisoformat(expiry) for name, expiry in skills},
        is_tutor=row["tutor"] == "yes",
        recruit_since=date.fromisoformat(str(row["recruit_since"])) if row["recruit_since"] else None,
        barred_tours=tuple(filter(None, str(row["barred_tours"]).split(";"))),
        unwelcome_tours=tuple(filter(None, str(row["unwelcome_tours"]).split(";"))),
        has_opted_out=row["opted_out"] == "yes",
        earlier_hours=float(str(row["earlier_hours"])),
    )


def _span(row: Mapping[str, object]) -> Span:
    columns = ("from", "until", "recorded_at")
    since, until, recorded_at = (datetime.fromisoformat(str(row[name])) for name in columns)
    state: State = row["state"]
    return Span(str(row["staff_number"]), since, until, state, recorded_at.replace(tzinfo=ZoneInfo(ZONE)))


def draw_needs(force: Force, seed: int, *, total: int = TOURS_WANTED) -> tuple[TourNeed, ...]:
    """About `total` tours, shared out by what each command unit has, uneven over days and tours."""
    rng = np.random.default_rng(seed + 100)
    column = force.day_index(PIVOT)
    possible = may_work(force, RULES, first_day=PIVOT, days=DAYS)
    published = np.maximum(force.published[:, column : column + DAYS], 0).astype(np.int64)
    rows, columns = np.indices(published.shape)
    is_there = possible[rows, columns, published] & (published > 0)
    units = [COMMAND_UNITS.index(officer.command_unit) for officer in force.officers]
    strength = np.bincount(units, is_there.sum(axis=1), len(COMMAND_UNITS))
    needs = []
    for unit, share in zip(COMMAND_UNITS, strength / strength.sum(), strict=True):
        drawn = rng.dirichlet(np.full(DAYS * len(RULES.tours), 12.0)) * share * total
        officers = np.maximum(1, np.round(drawn)).astype(np.int64).reshape(DAYS, len(RULES.tours))
        needs += [
            TourNeed(unit, PIVOT + timedelta(days=day), kind.tour, int(officers[day, tour]), "drawn")
            for day in range(DAYS)
            for tour, kind in enumerate(RULES.tours)
        ]
    return tuple(needs)


def draw_problem(seed: int, *, lend: bool = False) -> tuple[Force, RosterQuestion, RosterProblem]:
    """The question of one seed; `lend` lets each command unit lend to the two beside it."""
    force = draw(seed).known_before(None)
    count = len(COMMAND_UNITS)
    neighbours = {
        unit: (COMMAND_UNITS[(n - 1) % count], COMMAND_UNITS[(n + 1) % count])
        for n, unit in enumerate(COMMAND_UNITS)
    }
    question = RosterQuestion(
        PIVOT, DAYS, PIVOT - timedelta(days=1), ZONE, draw_needs(force, seed), neighbours if lend else {}
    )
    return force, question, build_problem(force, RULES, question)
