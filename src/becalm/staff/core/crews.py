"""Officers into crews: drivers and tutors where they are needed, staggered starts, one use at a time."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Literal

from becalm.staff.core.allocate import Lines
from becalm.staff.core.force import Officer
from becalm.staff.core.roster_problem import RosterProblem
from becalm.staff.core.rule_book import RuleBook

Use = Literal["patrol", "visits", "admin"]
BURST_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Crew:
    """Officers who serve together on one tour."""

    unit: str
    command_unit: str
    day: date
    tour: str
    start: time
    hours: float
    use: Use
    is_mobile: bool  # somebody may drive
    officers: tuple[Officer, ...]


def form_crews(problem: RosterProblem, lines: Lines, rules: RuleBook) -> tuple[Crew, ...]:
    """The crews of every tour, in order of day, tour and command unit.

    A recruit serves with a tutor or not on the street; whoever is left alone does administration. Partners
    of the day before stay together where that costs nothing else.
    """
    crews: list[Crew] = []
    partners: dict[str, frozenset[str]] = {}
    for day_index in range(problem.days):
        day = problem.first_day + timedelta(days=day_index)
        new_partners: dict[str, frozenset[str]] = {}
        for tour_number, kind in enumerate(rules.tours, start=1):
            for unit_number, command_unit in enumerate(problem.command_units):
                is_there = (lines.tours[:, day_index] == tour_number) & (
                    lines.places[:, day_index] == unit_number
                )
                officers = [problem.officers[row] for row in is_there.nonzero()[0]]
                is_recruit = [bool(problem.people.is_recruit[row]) for row in is_there.nonzero()[0]]
                recruits = {o.staff_number for o, flag in zip(officers, is_recruit, strict=True) if flag}
                groups = _group(officers, recruits, day, partners, int(rules.value("minimum_crew")))
                for number, (group, use) in enumerate(groups):
                    start = _staggered(kind.start, rules.stagger_minutes[number % len(rules.stagger_minutes)])
                    unit = f"{command_unit} {kind.tour} {number + 1}"
                    is_mobile = any(officer.has_skill("driver", day) for officer in group)
                    crews.append(
                        Crew(
                            unit,
                            command_unit,
                            day,
                            kind.tour,
                            start,
                            kind.hours,
                            use,
                            is_mobile,
                            tuple(group),
                        )
                    )
                    names = frozenset(officer.staff_number for officer in group)
                    new_partners |= dict.fromkeys(names, names)
        partners |= new_partners
    return tuple(crews)


def _staggered(start: time, minutes: int) -> time:
    return (datetime.combine(date.min, start) + timedelta(minutes=minutes)).time()


def _group(
    officers: Sequence[Officer],
    recruits: set[str],
    day: date,
    partners: dict[str, frozenset[str]],
    least: int,
) -> Iterator[tuple[list[Officer], Use]]:
    """Crews of `least` officers; who is left over joins the last crew, or does administration alone."""
    tutors = [o for o in officers if o.is_tutor and o.staff_number not in recruits]
    learners = [o for o in officers if o.staff_number in recruits]
    pairs = [[tutor, learner] for tutor, learner in zip(tutors, learners, strict=False)]
    paired_names = {o.staff_number for pair in pairs for o in pair}
    unaccompanied = [o for o in learners if o.staff_number not in paired_names]
    free_officers = [o for o in officers if o.staff_number not in paired_names | recruits]
    crews = [_fill(pair, free_officers, day, partners, least) for pair in pairs]
    while len(free_officers) >= least:
        crews.append(_fill([_next_first(free_officers, day)], free_officers, day, partners, least))
    full_crews = [crew for crew in crews if len(crew) >= least]
    left_over = [o for crew in crews if len(crew) < least for o in crew] + free_officers
    if full_crews and left_over:
        full_crews[-1] = full_crews[-1] + left_over
        left_over = []
    for crew in full_crews:
        yield crew, "patrol"
    if unaccompanied or left_over:
        yield unaccompanied + left_over, "admin"


def _next_first(free_officers: list[Officer], day: date) -> Officer:
    """Take a driver first, so that each crew has one as long as they last."""
    first = next((o for o in free_officers if o.has_skill("driver", day)), free_officers[0])
    free_officers.remove(first)
    return first


def _fill(
    crew: list[Officer],
    free_officers: list[Officer],
    day: date,
    partners: dict[str, frozenset[str]],
    least: int,
) -> list[Officer]:
    """Fill a crew up: the driver that it lacks, a partner of yesterday, or whoever leaves a driver free."""
    while len(crew) < least and free_officers:
        usual_partners = partners.get(crew[0].staff_number, frozenset())
        lacks_driver = not any(o.has_skill("driver", day) for o in crew)
        best = min(
            free_officers,
            key=lambda o: (
                lacks_driver and not o.has_skill("driver", day),
                o.staff_number not in usual_partners,
                o.has_skill("driver", day) and not lacks_driver,
            ),
        )
        free_officers.remove(best)
        crew.append(best)
    return crew


def set_aside(crews: Sequence[Crew], visits: int, rules: RuleBook) -> tuple[Crew, ...]:
    """The same crews, so many of each command unit and day set aside for visits, from the first tour on."""
    order = [kind.tour for kind in rules.tours]
    left = Counter({(crew.command_unit, crew.day): visits for crew in crews})
    changed_crews = []
    for crew in sorted(
        crews, key=lambda crew: (crew.day, order.index(crew.tour), crew.command_unit, crew.unit)
    ):
        if crew.use == "patrol" and left[crew.command_unit, crew.day] > 0:
            left[crew.command_unit, crew.day] -= 1
            crew = replace(crew, use="visits")
        changed_crews.append(crew)
    return tuple(changed_crews)
