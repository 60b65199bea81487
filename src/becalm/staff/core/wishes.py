"""What officers asked for: swaps are tried against the rules first, and every wish gets an answer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from becalm.staff.core.allocate import Lines
from becalm.staff.core.crews import Crew
from becalm.staff.core.line_kernels import find_best_line
from becalm.staff.core.roster_problem import RosterProblem, Wishes
from becalm.staff.core.rule_book import REST_DAY, RuleBook
from becalm.terms import Fault, RosterError


@dataclass(frozen=True, slots=True)
class WishAnswer:
    """One wish and what came of it."""

    staff_number: str
    day: date
    kind: str
    partner: str  # the other officer of a swap or a crew
    is_granted: bool
    why: str


def settle_swaps(problem: RosterProblem, wishes: Wishes, rules: RuleBook) -> tuple[Wishes, dict[int, str]]:
    """The wishes with every lawful swap as two pins, and why each other swap is refused, by its place.

    `problem` is the question without the swaps. Swaps are settled in the order in which they were asked: a
    later one sees those before it.
    """
    pins, refusals = dict(wishes.pins), dict[int, str]()
    for place, (first, second, day) in enumerate(wishes.swaps):
        new_pins = _pins_of_swap(problem, first, second, day, rules)
        problem_text = new_pins if isinstance(new_pins, str) else _refuse(problem, pins, new_pins, rules)
        if problem_text or isinstance(new_pins, str):
            refusals[place] = problem_text
        else:
            pins |= new_pins
    return replace(wishes, pins=pins), refusals


Pins = Mapping[tuple[str, date], str]


def _pins_of_swap(
    problem: RosterProblem, first: str, second: str, day: date, rules: RuleBook
) -> dict[tuple[str, date], str] | str:
    """Who works what after the swap; a text where there is nothing to swap."""
    row_of_officer = {officer.staff_number: row for row, officer in enumerate(problem.officers)}
    column = (day - problem.first_day).days
    if first not in row_of_officer or second not in row_of_officer:
        return "one of them is not rostered by these rules"
    if not 0 <= column < problem.days:
        return "the day is not planned here"
    tours = [
        rules.tour_name(int(problem.published[row_of_officer[name], column])) for name in (first, second)
    ]
    if tours[0] == tours[1]:
        return "both have the same tour already"
    return {(first, day): tours[1], (second, day): tours[0]}


def _refuse(problem: RosterProblem, pins: Pins, new_pins: Pins, rules: RuleBook) -> str:
    """Why these pins cannot be, with those that hold already; empty where they can."""
    for (number, day), tour in new_pins.items():
        if pins.get((number, day), tour) != tour:
            return f"{number} is pinned to another tour that day"
        if not can_keep(problem, number, {**pins, **new_pins}, rules):
            return f"{number} could not work it within the rules"
    return ""


def can_keep(problem: RosterProblem, staff_number: str, pins: Pins, rules: RuleBook) -> bool:
    """Whether an officer has any lawful line with these pins."""
    row = next(n for n, officer in enumerate(problem.officers) if officer.staff_number == staff_number)
    is_allowed = problem.possible[row].copy()
    for (number, day), tour in pins.items():
        column = (day - problem.first_day).days
        if number == staff_number and 0 <= column < problem.days:
            is_allowed[column] &= np.arange(is_allowed.shape[1]) == rules.tour_number(tour)
    prices = np.where(is_allowed, 0.0, np.inf)
    line = np.zeros(problem.days, np.int64)
    return bool(find_best_line(prices, problem.rules, problem.limits, row, line) < np.inf)


def check_pins(problem: RosterProblem, wishes: Wishes, rules: RuleBook) -> None:
    """Refuse pins that an officer cannot work within the rules.

    Raises RosterError with each such officer.
    """
    staff_numbers = {officer.staff_number for officer in problem.officers}
    pinned_names = sorted({number for number, _ in wishes.pins} & staff_numbers)
    faults = tuple(
        Fault(number, "has no lawful roster with these pins", "take one of them back")
        for number in pinned_names
        if not can_keep(problem, number, wishes.pins, rules)
    )
    if faults:
        raise RosterError("No lawful roster keeps these pins", faults)


def answer_wishes(
    problem: RosterProblem,
    lines: Lines,
    crews: Sequence[Crew],
    wishes: Wishes,
    refusals: Mapping[int, str],
    rules: RuleBook,
) -> tuple[WishAnswer, ...]:
    """What came of each wish; those for days that are not planned here are left out."""
    tour_of_day = {
        (officer.staff_number, problem.first_day + timedelta(days=column)): rules.tour_name(int(tour))
        for officer, line in zip(problem.officers, lines.tours, strict=True)
        for column, tour in enumerate(line)
    }
    swaps = (
        WishAnswer(number, day, "swap", partner, place not in refusals, refusals.get(place, ""))
        for place, (number, partner, day) in enumerate(wishes.swaps)
    )
    return (*_answer_days(tour_of_day, wishes), *swaps, *_answer_crews(crews, wishes))


def _answer_days(tour_of_day: Pins, wishes: Wishes) -> Iterator[WishAnswer]:
    """Pins, days asked off and rest days offered."""
    swapped_keys = {(name, day) for *names, day in wishes.swaps for name in names}
    for key, tour in sorted(wishes.pins.items()):
        if key in tour_of_day and key not in swapped_keys:
            yield WishAnswer(*key, "pin", "", tour_of_day[key] == tour, f"works {tour_of_day[key]}")
    for key in sorted(wishes.days_off & tour_of_day.keys()):
        is_off = tour_of_day[key] == REST_DAY
        reason_text = "" if is_off else f"works {tour_of_day[key]}: the tour would be short"
        yield WishAnswer(*key, "off", "", is_off, reason_text)
    for key in sorted(wishes.offers & tour_of_day.keys()):
        is_used = tour_of_day[key] != REST_DAY
        reason_text = f"works {tour_of_day[key]}" if is_used else "not needed, or not within the rules"
        yield WishAnswer(*key, "offer", "", is_used, reason_text)


def _answer_crews(crews: Sequence[Crew], wishes: Wishes) -> Iterator[WishAnswer]:
    """Whether those who were to serve together do."""
    crew_names = [(crew.day, {officer.staff_number for officer in crew.officers}) for crew in crews]
    for number, partner, day in wishes.partners:
        is_together = any(crew_day == day and {number, partner} <= names for crew_day, names in crew_names)
        reason_text = "" if is_together else "they are not on the same tour, or a recruit would have no tutor"
        yield WishAnswer(number, day, "crew", partner, is_together, reason_text)
