"""Officers into crews: drivers and tutors where they are needed, staggered starts, one use at a time."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
    supervisor: str = ""  # the staff number of who is within reach; empty where nobody is on the tour


@dataclass(frozen=True, slots=True)
class CrewRules:
    """What crews are formed by, beside who is there."""

    least: int
    supervisor_ranks: frozenset[str]
    partners: Mapping[date, Sequence[tuple[str, str]]]  # who is to serve together

    def is_supervisor(self, officer: Officer, day: date) -> bool:
        """Whether this officer may supervise, by rank or by a skill that has not expired."""
        return officer.rank in self.supervisor_ranks or officer.has_skill(SUPERVISOR, day)


SUPERVISOR = "supervisor"


def form_crews(
    problem: RosterProblem,
    lines: Lines,
    rules: RuleBook,
    partners: Sequence[tuple[str, str, date]] = (),
) -> tuple[Crew, ...]:
    """The crews of every tour, in order of day, tour and command unit.

    A recruit serves with a tutor or not on the street; whoever is left alone does administration. Those who
    are to serve together do; partners of the day before stay together where that costs nothing else.
    Supervisors are spread over crews, and each crew without one is within reach of one on its tour.
    """
    partners_by_day: dict[date, list[tuple[str, str]]] = {}
    for first, second, day in partners:
        partners_by_day.setdefault(day, []).append((first, second))
    ranks = frozenset(rank for skill in rules.skills if skill.skill == SUPERVISOR for rank in skill.ranks)
    crew_rules = CrewRules(int(rules.value("minimum_crew")), ranks, partners_by_day)
    crews: list[Crew] = []
    usual_partners: dict[str, frozenset[str]] = {}
    for day_index in range(problem.days):
        day_crews = [
            crew
            for tour_number in range(1, len(rules.tours) + 1)
            for unit_number in range(len(problem.command_units))
            for crew in _form_cell(
                problem, lines, rules, crew_rules, (day_index, tour_number, unit_number), usual_partners
            )
        ]
        for crew in day_crews:
            staff_numbers = frozenset(officer.staff_number for officer in crew.officers)
            usual_partners |= dict.fromkeys(staff_numbers, staff_numbers)
        crews += day_crews
    return tuple(crews)


def _form_cell(
    problem: RosterProblem,
    lines: Lines,
    rules: RuleBook,
    crew_rules: CrewRules,
    cell: tuple[int, int, int],
    usual_partners: Mapping[str, frozenset[str]],
) -> list[Crew]:
    """The crews of one command unit on one tour."""
    day_index, tour_number, unit_number = cell
    day, kind = problem.first_day + timedelta(days=day_index), rules.tours[tour_number - 1]
    command_unit = problem.command_units[unit_number]
    is_there = (lines.tours[:, day_index] == tour_number) & (lines.places[:, day_index] == unit_number)
    rows = is_there.nonzero()[0].tolist()
    officers = [problem.officers[row] for row in rows]
    recruits = {problem.officers[row].staff_number for row in rows if problem.people.is_recruit[row]}
    crews = []
    for number, (group, use) in enumerate(_group(officers, recruits, day, usual_partners, crew_rules)):
        start = _staggered(kind.start, rules.stagger_minutes[number % len(rules.stagger_minutes)])
        is_mobile = any(officer.has_skill("driver", day) for officer in group)
        unit = f"{command_unit} {kind.tour} {number + 1}"
        crews.append(
            Crew(unit, command_unit, day, kind.tour, start, kind.hours, use, is_mobile, tuple(group))
        )
    return _assign_supervisors(crews, day, crew_rules)


def _assign_supervisors(crews: Sequence[Crew], day: date, crew_rules: CrewRules) -> list[Crew]:
    """The supervisor of each crew: its own, else the one of the tour who has the fewest crews so far."""
    loads = {
        officer.staff_number: 0
        for crew in crews
        for officer in crew.officers
        if crew_rules.is_supervisor(officer, day)
    }
    supervised_crews = []
    for crew in crews:
        own_supervisors = [o.staff_number for o in crew.officers if o.staff_number in loads]
        supervisor = own_supervisors[0] if own_supervisors else min(loads, key=loads.__getitem__, default="")
        if supervisor:
            loads[supervisor] += 1
        supervised_crews.append(replace(crew, supervisor=supervisor))
    return supervised_crews


def _staggered(start: time, minutes: int) -> time:
    return (datetime.combine(date.min, start) + timedelta(minutes=minutes)).time()


def _group(
    officers: Sequence[Officer],
    recruits: set[str],
    day: date,
    usual_partners: Mapping[str, frozenset[str]],
    crew_rules: CrewRules,
) -> Iterator[tuple[list[Officer], Use]]:
    """Crews of the least size; who is left over joins the last crew, or does administration alone."""
    least = crew_rules.least
    pairs = list(_pinned_pairs(officers, recruits, crew_rules.partners.get(day, ())))
    taken_names = {o.staff_number for pair in pairs for o in pair}
    tutors = [o for o in officers if o.is_tutor and o.staff_number not in recruits | taken_names]
    learners = [o for o in officers if o.staff_number in recruits - taken_names]
    pairs += [[tutor, learner] for tutor, learner in zip(tutors, learners, strict=False)]
    paired_names = {o.staff_number for pair in pairs for o in pair}
    unaccompanied = [o for o in learners if o.staff_number not in paired_names]
    free_officers = [o for o in officers if o.staff_number not in paired_names | recruits]
    crews = [_fill(pair, free_officers, day, usual_partners, crew_rules) for pair in pairs]
    while len(free_officers) >= least:
        first_officers = [_next_first(free_officers, day)]
        crews.append(_fill(first_officers, free_officers, day, usual_partners, crew_rules))
    full_crews = [crew for crew in crews if len(crew) >= least]
    ungrouped_officers = [o for crew in crews if len(crew) < least for o in crew] + free_officers
    if full_crews and ungrouped_officers:
        full_crews[-1] = full_crews[-1] + ungrouped_officers
        ungrouped_officers = []
    for crew in full_crews:
        yield crew, "patrol"
    if unaccompanied or ungrouped_officers:
        yield unaccompanied + ungrouped_officers, "admin"


def _pinned_pairs(
    officers: Sequence[Officer], recruits: set[str], pairs: Sequence[tuple[str, str]]
) -> Iterator[list[Officer]]:
    """Those who are to serve together and are both there; a recruit only with a tutor."""
    officer_by_number = {officer.staff_number: officer for officer in officers}
    paired_names: set[str] = set()
    for names in pairs:
        if not set(names) <= officer_by_number.keys() - paired_names:
            continue
        pair = [officer_by_number[name] for name in names]
        learner_count = sum(name in recruits for name in names)
        tutor_count = sum(o.is_tutor and o.staff_number not in recruits for o in pair)
        if learner_count <= tutor_count:
            paired_names |= set(names)
            yield pair


def _next_first(free_officers: list[Officer], day: date) -> Officer:
    """Take a driver first, so that each crew has one as long as they last."""
    first = next((o for o in free_officers if o.has_skill("driver", day)), free_officers[0])
    free_officers.remove(first)
    return first


def _fill(
    crew: list[Officer],
    free_officers: list[Officer],
    day: date,
    usual_partners: Mapping[str, frozenset[str]],
    crew_rules: CrewRules,
) -> list[Officer]:
    """Fill a crew up: the driver that it lacks, a partner of yesterday, or whoever leaves a driver free."""
    while len(crew) < crew_rules.least and free_officers:
        known_names = usual_partners.get(crew[0].staff_number, frozenset())
        lacks_driver = not any(o.has_skill("driver", day) for o in crew)
        has_supervisor = any(crew_rules.is_supervisor(o, day) for o in crew)
        best_officer = min(
            free_officers,
            key=lambda o: (
                lacks_driver and not o.has_skill("driver", day),
                has_supervisor and crew_rules.is_supervisor(o, day),
                o.staff_number not in known_names,
                o.has_skill("driver", day) and not lacks_driver,
            ),
        )
        free_officers.remove(best_officer)
        crew.append(best_officer)
    return crew


def set_aside(crews: Sequence[Crew], visits: int, rules: RuleBook) -> tuple[Crew, ...]:
    """The same crews, so many of each command unit and day set aside for visits, from the first tour on."""
    tour_order = [kind.tour for kind in rules.tours]
    visits_left = Counter({(crew.command_unit, crew.day): visits for crew in crews})
    changed_crews = []
    for crew in sorted(
        crews, key=lambda crew: (crew.day, tour_order.index(crew.tour), crew.command_unit, crew.unit)
    ):
        if crew.use == "patrol" and visits_left[crew.command_unit, crew.day] > 0:
            visits_left[crew.command_unit, crew.day] -= 1
            crew = replace(crew, use="visits")
        changed_crews.append(crew)
    return tuple(changed_crews)
