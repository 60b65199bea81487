"""What a roster changes against the published one, and which tours nobody can fill, each with its reason."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from becalm.methods.arrays import Ints
from becalm.staff.core.allocate import Lines
from becalm.staff.core.notice import Notice, NoticeClass, classify_change
from becalm.staff.core.roster_problem import RosterProblem
from becalm.staff.core.rule_book import RuleBook


@dataclass(frozen=True, slots=True)
class Move:
    """One change of one officer's day."""

    staff_number: str
    day: date
    old: str
    new: str
    command_unit: str  # where the new tour is
    notice: Notice
    why: str


@dataclass(frozen=True, slots=True)
class ShortTour:
    """A tour that has fewer officers than it needs."""

    command_unit: str
    day: date
    tour: str
    missing: int
    why: str


def list_moves(
    problem: RosterProblem, lines: Lines, rules: RuleBook, *, today: date, holidays: Collection[date] = ()
) -> tuple[Move, ...]:
    """Every change against the published roster that is not simply an absence."""
    old_tours, new_tours = problem.remaining_lines, lines.tours
    home_unit_numbers = problem.people.units[:, 0]
    is_lent = (new_tours > 0) & (lines.places != home_unit_numbers[:, None])
    moves = []
    for row, column in np.argwhere((old_tours != new_tours) | is_lent).tolist():
        day = problem.first_day + timedelta(days=column)
        old, new = rules.tour_name(int(old_tours[row, column])), rules.tour_name(int(new_tours[row, column]))
        place = problem.command_units[int(lines.places[row, column])]
        notice = classify_change(
            old, new, informed_on=today, duty_day=day, is_holiday=day in holidays, rules=rules
        )
        reason_text = _explain(problem, lines, rules, (row, column), place)
        moves.append(Move(problem.officers[row].staff_number, day, old, new, place, notice, reason_text))
    return tuple(sorted(moves, key=lambda move: (move.day, move.staff_number)))


NOTICE_ORDER: tuple[NoticeClass, ...] = (
    "none",
    "tour dropped",
    "start moved",
    "rest day, day in lieu",
    "rest day, short notice",
    "public holiday, short notice",
)
"""From the change that asks least of an officer to the one that asks most."""


def order_to_ask(moves: Sequence[Move], cancelled_count: Mapping[str, int]) -> tuple[Move, ...]:
    """Whom to ask first: by day, then by what the change asks, then by rest days lost so far."""
    moves_in_order = sorted(
        moves,
        key=lambda move: (
            move.day,
            NOTICE_ORDER.index(move.notice.notice_class),
            cancelled_count.get(move.staff_number, 0),
            move.staff_number,
        ),
    )
    return tuple(replace(move, why=_with_count(move, cancelled_count)) for move in moves_in_order)


def _with_count(move: Move, cancelled_count: Mapping[str, int]) -> str:
    count = cancelled_count.get(move.staff_number, 0)
    noun = "rest day" if count == 1 else "rest days"
    return f"{move.why}; lawful; {count} {noun} cancelled so far"


def _explain(problem: RosterProblem, lines: Lines, rules: RuleBook, cell: tuple[int, int], place: str) -> str:
    row, column = cell
    tour = int(lines.tours[row, column])
    if tour == 0:
        return "more officers than the tour needs, or rest that follows from another change"
    needed_count = int(problem.cells.need[int(lines.places[row, column]), column, tour])
    count = int(lines.counts[int(lines.places[row, column]), column, tour, 0])
    lending_text = "" if place == problem.officers[row].command_unit else f", lent to {place}"
    role_text = _name_roles(problem, lines, rules, cell)
    return f"{place} wants {needed_count} on this tour and has {count}{role_text}{lending_text}"


def _name_roles(problem: RosterProblem, lines: Lines, rules: RuleBook, cell: tuple[int, int]) -> str:
    """As what, beside one more officer, the tour would lack this one."""
    row, column = cell
    place = (int(lines.places[row, column]), column, int(lines.tours[row, column]))
    counts, people = lines.counts[place], problem.people
    roles = [
        need.skill
        for number, need in enumerate(rules.skills)
        if people.has_skill[row, column, number]
        and counts[3 + number] <= problem.cells.need_skills[place][number]
    ]
    roles += ["tutor"] if people.is_tutor[row] and counts[1] >= counts[2] else []
    return f", needed there as {' and '.join(roles)}" if roles else ""


def list_short_tours(problem: RosterProblem, lines: Lines, rules: RuleBook) -> tuple[ShortTour, ...]:
    """The tours that stay short, and how many officers might work them at all."""
    missing_counts = np.maximum(0, problem.cells.need - lines.counts[..., 0])
    return tuple(_short_tours(problem, lines, rules, missing_counts))


def _short_tours(problem: RosterProblem, lines: Lines, rules: RuleBook, missing: Ints) -> Iterator[ShortTour]:
    for unit, column, tour in np.argwhere(missing).tolist():
        is_serving = (problem.people.units == unit).any(axis=1)
        is_free = is_serving & problem.possible[:, column, tour] & (lines.tours[:, column] == 0)
        noun = "officer rests" if is_free.sum() == 1 else "officers rest"
        reason_text = (
            f"{int(is_free.sum())} {noun} that day, none can work it within the rules at a lower cost"
            if is_free.any()
            else "nobody is available who may work this tour"
        )
        day = problem.first_day + timedelta(days=column)
        yield ShortTour(
            problem.command_units[unit],
            day,
            rules.tour_name(tour),
            int(missing[unit, column, tour]),
            reason_text,
        )
