"""What the engine is asked: officers, rules and needs as arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.staff.core import line_rules
from becalm.staff.core.force import Force, Officer, may_work
from becalm.staff.core.line_kernels import Cells, Limits, LineRules, People, find_end_states
from becalm.staff.core.need import TourNeed
from becalm.staff.core.notice import notice_days
from becalm.staff.core.rule_book import RuleBook
from becalm.terms import Fault, RosterError

LATER_DAYS = 8  # of the published roster that follow: they must stay lawful
MOST_NIGHTS = 8
FAIRNESS_WEEKS = 12
SHORT_CHANGES = 4  # with a price of any change: an officer who is missing is worth so many
PAST_DAYS = 16  # that say in which state a line begins


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is pinned and what officers ask for; each by staff number and day."""

    pins: Mapping[tuple[str, date], str] = field(default_factory=dict)  # a tour, or rest
    days_off: frozenset[tuple[str, date]] = frozenset()
    offers: frozenset[tuple[str, date]] = frozenset()  # a rest day that the officer would work
    swaps: tuple[tuple[str, str, date], ...] = ()  # two officers who would change places on a day
    partners: tuple[tuple[str, str, date], ...] = ()  # two who are to serve in one crew
    refusals: frozenset[tuple[str, date]] = frozenset()  # asked, and said no: not to be asked again

    @property
    def is_empty(self) -> bool:
        """Whether nobody asked for anything."""
        return not (self.pins or self.days_off or self.offers or self.swaps or self.partners)


@dataclass(frozen=True, slots=True)
class RosterQuestion:
    """Which days are planned, as known on which day, with what need; who may lend to whom."""

    first_day: date
    days: int
    today: date
    zone: str
    needs: tuple[TourNeed, ...]
    neighbours: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # empty: nobody lends
    wishes: Wishes = field(default_factory=Wishes)
    fixed_before: datetime | None = None  # (local) tours that begin before stay as they are
    change_price: float | None = None  # of any change, where only their number counts

    def covers(self, day: date) -> bool:
        """Whether this day is planned."""
        return self.first_day <= day < self.first_day + timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class RosterProblem:
    """The arrays of one question, and the names of their rows."""

    officers: tuple[Officer, ...]
    command_units: tuple[str, ...]
    first_day: date
    published: Ints  # [N, D]: tour numbers, 0 rest
    possible: Bools  # [N, D, T + 1]
    rules: LineRules
    limits: Limits
    cells: Cells
    people: People
    unjudged: tuple[str, ...]  # staff numbers with too little history for the average of hours

    @property
    def days(self) -> int:
        """How many days are planned."""
        return int(self.published.shape[1])

    @property
    def remaining_lines(self) -> Ints:
        """The published tours that can still be worked [N, D]."""
        rows, columns = np.indices(self.published.shape)
        return np.where(self.possible[rows, columns, self.published], self.published, 0)

    def find_places(self, places: Sequence[tuple[str, date, str]]) -> Ints:
        """Where each officer is on each day [N, D], home where nothing else is said."""
        row_of_officer = {officer.staff_number: row for row, officer in enumerate(self.officers)}
        where = np.repeat(self.people.units[:, :1], self.days, axis=1)
        for staff_number, day, unit in places:
            column = (day - self.first_day).days
            if staff_number in row_of_officer and 0 <= column < self.days:
                where[row_of_officer[staff_number], column] = self.command_units.index(unit)
        return where

    def list_resting(self, tours: Ints) -> tuple[tuple[str, date, str], ...]:
        """Who rests or is away on which day: staff number, day, command unit."""
        days = [self.first_day + timedelta(days=n) for n in range(self.days)]
        return tuple(
            (self.officers[row].staff_number, days[column], self.officers[row].command_unit)
            for row, column in np.argwhere(tours == 0).tolist()
        )


def check_problem(problem: RosterProblem) -> None:
    """Refuse what no roster can meet: pins that contradict an absence, and needs beyond all officers.

    Raises RosterError with every fault, and with what would make it possible.
    """
    faults = []
    for row, column in np.argwhere(~problem.possible.any(axis=2)).tolist():
        day = problem.first_day + timedelta(days=column)
        number = problem.officers[row].staff_number
        faults.append(
            Fault(f"{number} on {day}", "is pinned to a tour that cannot be worked", "take the pin back")
        )
    for unit_number, unit in enumerate(problem.command_units):
        is_serving = (problem.people.units == unit_number).any(axis=1)
        for column in range(problem.days):
            wanted_count = int(problem.cells.need[unit_number, column].sum())
            if wanted_count > int(is_serving.sum()):
                day = problem.first_day + timedelta(days=column)
                problem_text = (
                    f"{wanted_count} officers are wanted on {day}, and {unit} has {int(is_serving.sum())}"
                )
                faults.append(Fault(unit, problem_text, "ask for fewer, or let neighbours lend"))
    if faults:
        raise RosterError("No roster can meet this", tuple(faults))


def build_problem(force: Force, rules: RuleBook, question: RosterQuestion) -> RosterProblem:
    """The arrays for these days; `force` holds the officers that the rules roster."""
    first_day, days, column = question.first_day, question.days, force.day_index(question.first_day)
    command_units = tuple(sorted({officer.command_unit for officer in force.officers}))
    published = np.maximum(force.published[:, column : column + days], 0).astype(np.int64)
    is_possible = _apply_pins(may_work(force, rules, first_day=first_day, days=days), force, rules, question)
    line_states, number_of_state = _build_automaton(rules, question)
    past_options = _worked_options(force, rules, first_day=first_day, days=PAST_DAYS)
    later_options = force.published[:, column + days : column + days + LATER_DAYS].astype(np.int64)
    run_limits = _run_limits(rules)
    is_night = [kind.is_night for kind in rules.tours]
    first_states = [
        number_of_state[line_rules.state_after(row, run_limits, is_night)] for row in past_options.tolist()
    ]
    most_by_day, unjudged = _tours_left(force, rules, question)
    limits = Limits(
        first_state=np.array(first_states, np.int64),
        may_end=find_end_states(np.ascontiguousarray(later_options), line_states, days),
        steps=_counter_steps(is_night, days),
        sizes=_counter_sizes(most_by_day, days),
        most_by_day=most_by_day,
        price=_night_prices(force, rules, first_day=first_day),
    )
    return RosterProblem(
        force.officers, command_units, first_day, published, is_possible, line_states, limits,
        _build_cells(rules, question, command_units),
        _build_people(force, rules, question, command_units, published, is_possible),
        unjudged,
    )  # fmt: skip


def _run_limits(rules: RuleBook) -> line_rules.RunLimits:
    return line_rules.RunLimits(int(rules.value("longest_run_days")), int(rules.value("longest_night_run")))


def _build_automaton(
    rules: RuleBook, question: RosterQuestion
) -> tuple[LineRules, Mapping[line_rules.LineState, int]]:
    tour_count, days = len(rules.tours), question.days + LATER_DAYS
    may_follow = np.ones((2, days, tour_count + 1, tour_count + 1), np.bool_)
    least_hours = (rules.value("daily_rest_hours"), rules.value("weekly_rest_hours"))
    rest_hours = line_rules.rest_hours_matrix(
        [(kind.start, kind.hours) for kind in rules.tours],
        first_day=question.first_day,
        days=days,
        zone=question.zone,
        latest_start_minutes=max(rules.stagger_minutes),
    )
    for kind, day, earlier, later, hours in rest_hours:
        may_follow[kind, day, earlier, later] = hours >= least_hours[kind]
    is_night = [kind.is_night for kind in rules.tours]
    return line_rules.build_line_rules(_run_limits(rules), is_night=is_night, may_follow=may_follow)


def _apply_pins(possible: Bools, force: Force, rules: RuleBook, question: RosterQuestion) -> Bools:
    row_of_officer = force.row_of_officer
    for (staff_number, day), tour in question.wishes.pins.items():
        index = (day - question.first_day).days
        if staff_number in row_of_officer and 0 <= index < question.days:
            is_pinned_tour = np.arange(possible.shape[2]) == rules.tour_number(tour)
            possible[row_of_officer[staff_number], index] &= is_pinned_tour
    _bar_refused(possible, force, question)
    if question.fixed_before is not None:
        _fix_begun(possible, force, rules, question, question.fixed_before)
    return possible


def _fix_begun(
    possible: Bools, force: Force, rules: RuleBook, question: RosterQuestion, fixed_before: datetime
) -> None:
    """Keep tours that begin before an instant; one that can no longer be worked is rest, and is nobody's."""
    column = force.day_index(question.first_day)
    published = np.maximum(force.published[:, column : column + question.days], 0)
    rows, options = np.arange(len(published)), np.arange(possible.shape[2])
    for index in range(question.days):
        day = question.first_day + timedelta(days=index)
        starts = [datetime.combine(day, kind.start) for kind in rules.tours]
        has_begun = np.array([False, *(start < fixed_before for start in starts)])
        if not has_begun.any():
            break
        can_work = possible[rows, index, published[:, index]]
        tours = np.where(can_work, published[:, index], 0)
        is_fixed = has_begun[tours] | has_begun[1:].all()
        possible[:, index] &= ~has_begun
        possible[is_fixed, index] = options == tours[is_fixed, None]


def _worked_options(force: Force, rules: RuleBook, *, first_day: date, days: int) -> Ints:
    """The tours of the days before, as far as they are known; who was away did not work [N, days]."""
    column = force.day_index(first_day)
    first_column = max(0, column - days)
    options = np.maximum(force.published[:, first_column:column], 0).astype(np.int64)
    begin_day = force.first_day + timedelta(days=first_column)
    possible = may_work(force, rules, first_day=begin_day, days=column - first_column, with_bars=False)
    rows, columns = np.indices(options.shape)
    return np.where(possible[rows, columns, options], options, 0)


def _bar_refused(possible: Bools, force: Force, question: RosterQuestion) -> None:
    """Who said no for a day keeps what stands there, or rests."""
    row_of_officer, column = force.row_of_officer, force.day_index(question.first_day)
    for staff_number, day in question.wishes.refusals:
        index = (day - question.first_day).days
        if staff_number in row_of_officer and 0 <= index < question.days:
            row = row_of_officer[staff_number]
            options = np.arange(possible.shape[2])
            possible[row, index] &= (options == 0) | (options == force.published[row, column + index])


def _tours_left(force: Force, rules: RuleBook, question: RosterQuestion) -> tuple[Ints, tuple[str, ...]]:
    """The most tours that each may have worked by the end of each day [N, D] within the average of hours.

    The longest tour counts for all, so that what is left is never too much. Also whom the records do not
    reach back far enough to judge.
    """
    reference_days = int(7 * rules.value("reference_weeks"))
    most_hours = rules.value("weekly_hours") * rules.value("reference_weeks")
    tour_hours = np.array([0.0, *(kind.hours for kind in rules.tours)])
    options = _worked_options(force, rules, first_day=question.first_day, days=reference_days)
    daily_hours = tour_hours[options]
    missing_days = max(0, reference_days - question.days - options.shape[1])
    earlier_hours = [officer.earlier_hours for officer in force.officers]
    unjudged = [
        o.staff_number for o, hours in zip(force.officers, earlier_hours, strict=True) if hours is None
    ]
    earlier_daily = np.array([(hours or 0.0) / 112 for hours in earlier_hours])
    hours_before = np.zeros((len(force.officers), question.days))
    for day in range(question.days):
        kept_days = max(0, reference_days - day - 1)
        kept_hours = daily_hours[:, max(0, daily_hours.shape[1] - kept_days) :]
        hours_before[:, day] = kept_hours.sum(axis=1) + earlier_daily * max(
            0, kept_days - daily_hours.shape[1]
        )
    tours_left = np.floor((most_hours - hours_before) / tour_hours.max() + 1e-9).astype(np.int64)
    # Who opted out of the average week is still held to the average of night workers, if they are one.
    is_night = np.array([False, *(kind.is_night for kind in rules.tours)])
    may_be_night_worker = is_night[options].sum(axis=1) + MOST_NIGHTS >= rules.value("reference_weeks")
    has_opted_out = np.array([officer.has_opted_out for officer in force.officers])
    tours_left[has_opted_out & ~may_be_night_worker] = question.days
    return np.maximum(tours_left, 0), tuple(unjudged) if missing_days else ()


def _counter_steps(is_night: Sequence[bool], days: int) -> Ints:
    steps = np.zeros((2, days, len(is_night) + 1, 3), np.int64)
    steps[:, :, 1:, 0] = np.array(is_night)
    steps[:, :, 1:, 2] = 1
    return steps


def _counter_sizes(most_by_day: Ints, days: int) -> Ints:
    """Nights are counted for all; tours only where the hours left may not allow one a day."""
    sizes = np.ones((most_by_day.shape[0], 3), np.int64)
    sizes[:, 0] = min(days, MOST_NIGHTS) + 1
    may_bind = (most_by_day < np.arange(1, days + 1)).any(axis=1)
    sizes[may_bind, 2] = days + 1
    return sizes


def _night_prices(force: Force, rules: RuleBook, *, first_day: date) -> Floats:
    """A night costs more the more nights there are, and the more than others the officer had in 12 weeks."""
    options = _worked_options(force, rules, first_day=first_day, days=7 * FAIRNESS_WEEKS)
    is_night = np.array([False, *(kind.is_night for kind in rules.tours)])
    past_nights = is_night[options].sum(axis=1)
    night_surplus = np.clip((past_nights - past_nights.mean()) / (FAIRNESS_WEEKS / 2), -1, 2)
    night_counts = np.maximum(
        0, np.arange(MOST_NIGHTS + 8)[None, :] + night_surplus[:, None] - rules.free_nights
    )
    price = np.zeros((len(force.officers), 3, MOST_NIGHTS + 8))
    price[:, 0] = rules.prices["night"] / 2 * night_counts**2
    return np.round(price, 3)


def _build_cells(rules: RuleBook, question: RosterQuestion, command_units: Sequence[str]) -> Cells:
    shape = (len(command_units), question.days, len(rules.tours) + 1)
    need = np.zeros(shape, np.int64)
    for entry in question.needs:
        day = (entry.day - question.first_day).days
        if 0 <= day < question.days:
            need[command_units.index(entry.command_unit), day, rules.tour_number(entry.tour)] += (
                entry.officers
            )
    least = np.array([skill.least for skill in rules.skills], np.int64)
    return Cells(
        need,
        np.minimum(least, need[..., None]),
        max(float(rules.prices["short"]), SHORT_CHANGES * (question.change_price or 0.0)),
        float(rules.prices["spare"]),
        np.array([skill.price for skill in rules.skills], np.float64),
        float(rules.prices["recruit_alone"]),
    )


def _build_people(
    force: Force,
    rules: RuleBook,
    question: RosterQuestion,
    command_units: Sequence[str],
    published: Ints,
    possible: Bools,
) -> People:
    days = [question.first_day + timedelta(days=n) for n in range(question.days)]
    has_skill = np.array(
        [
            [[_holds(officer, need.skill, need.ranks, day) for need in rules.skills] for day in days]
            for officer in force.officers
        ]
    ).reshape(len(force.officers), len(days), len(rules.skills))
    units = _serving_units(force.officers, command_units, question.neighbours)
    lending_price = np.full(units.shape, float(rules.prices["lending"]))
    lending_price[:, 0] = 0.0
    recruit_weeks = timedelta(weeks=rules.value("recruit_weeks"))
    return People(
        has_skill,
        np.array([officer.is_tutor for officer in force.officers]),
        np.array(
            [
                o.recruit_since is not None and days[0] < o.recruit_since + recruit_weeks
                for o in force.officers
            ]
        ),
        units,
        lending_price,
        _line_prices(force, rules, question, published, possible),
    )


def _holds(officer: Officer, skill: str, ranks: Sequence[str], day: date) -> bool:
    return officer.rank in ranks or officer.has_skill(skill, day)


def _serving_units(
    officers: Sequence[Officer], command_units: Sequence[str], neighbours: Mapping[str, tuple[str, ...]]
) -> Ints:
    number_of_unit = {unit: number for number, unit in enumerate(command_units)}
    width = 1 + max((len(units) for units in neighbours.values()), default=0)
    serving_units = np.full((len(officers), width), -1, np.int64)
    for row, officer in enumerate(officers):
        names = (officer.command_unit, *neighbours.get(officer.command_unit, ()))
        numbers = [number_of_unit[name] for name in names if name in number_of_unit]
        serving_units[row, : len(numbers)] = numbers
    return serving_units


def _line_prices(
    force: Force, rules: RuleBook, question: RosterQuestion, published: Ints, possible: Bools
) -> Floats:
    """What each tour on each day costs an officer's line: changes of the roster, weekends, wishes."""
    prices = np.zeros(possible.shape)
    rows, columns = np.indices(published.shape)
    column = force.day_index(question.first_day)
    is_published = force.published[:, column : column + question.days] >= 0
    was_possible = possible[rows, columns, published] & is_published
    short_notice_days = rules.value("rest_day_notice_days")
    days = [question.first_day + timedelta(days=n) for n in range(question.days)]
    is_short = np.array([notice_days(question.today, day) < short_notice_days for day in days])
    cancelled_prices = np.where(is_short, rules.prices["rest_day_cancelled"], rules.prices["rest_day_moved"])
    for option in range(possible.shape[2]):
        change_prices = np.where(
            published == 0,
            cancelled_prices[None, :],
            rules.prices["tour_moved" if option else "tour_dropped"],
        )
        if question.change_price is not None:
            change_prices = np.full(published.shape, question.change_price)
        prices[:, :, option] = np.where(was_possible & (published != option), change_prices, 0.0)
    weekend_price = _weekend_prices(force, rules, first_day=question.first_day)
    is_weekend = np.array([day.weekday() >= 5 for day in days])
    prices[:, :, 1:] += (weekend_price[:, None] * is_weekend[None, :])[:, :, None]
    _add_wishes(prices, force, rules, question, published)
    prices[~possible] = np.inf
    return prices


def _add_wishes(
    prices: Floats, force: Force, rules: RuleBook, question: RosterQuestion, published: Ints
) -> None:
    row_of_officer, wish = force.row_of_officer, rules.prices["wish"]
    for row, officer in enumerate(force.officers):
        for tour in officer.unwelcome_tours:
            prices[row, :, rules.tour_number(tour)] += wish
    for staff_number, day in question.wishes.days_off | question.wishes.offers:
        index = (day - question.first_day).days
        if staff_number not in row_of_officer or not 0 <= index < question.days:
            continue
        row = row_of_officer[staff_number]
        if (staff_number, day) in question.wishes.days_off:
            prices[row, index, 0] = 0.0
            prices[row, index, 1:] += rules.prices["tour_dropped"] + wish
        elif published[row, index] == 0:
            prices[row, index, 1:] = wish


def _weekend_prices(force: Force, rules: RuleBook, *, first_day: date) -> Floats:
    """A weekend day costs whoever worked more of them than others in 12 weeks."""
    options = _worked_options(force, rules, first_day=first_day, days=7 * FAIRNESS_WEEKS)
    past_days = [first_day - timedelta(days=n) for n in range(options.shape[1], 0, -1)]
    is_weekend = np.array([day.weekday() >= 5 for day in past_days], np.bool_)
    weekend_days = (options[:, is_weekend] > 0).sum(axis=1)
    weekend_surplus = weekend_days - weekend_days.mean() if len(weekend_days) else weekend_days
    return np.asarray(np.round(np.maximum(0.0, weekend_surplus) * rules.prices["weekend"] / 2, 3))
