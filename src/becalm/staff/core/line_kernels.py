"""The best line of tours for one officer given everybody else: a dynamic programme over days; compiled.

A line is what one officer works on each day: 0 for rest, else a tour. Which lines are lawful is said by an
automaton (`LineRules`): a state knows the last tour, the run of days and the run of nights, so that a tour
is judged by its state alone. Up to three counters (nights, weekends, tours) go beside it, each with a price
for its last value, so that a price may be convex, and a most or a least number is a price that is infinite.

Compiled by numba on first use, which takes some seconds; what it makes is kept beside this file.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from becalm.methods.arrays import Bools, Floats, Ints

WORKED_YESTERDAY, ONE_REST_DAY, LONG_REST = 0, 1, 2


class LineRules(NamedTuple):
    """Which tours may follow which, as arrays: S states, T tours, D days."""

    next_state: Ints  # [S, T + 1]: the state after a rest (0) or a tour, -1 where it is forbidden
    last_tour: Ints  # [S]: the last tour that was worked, 0 where it no longer matters
    rest_kind: Ints  # [S]: WORKED_YESTERDAY, ONE_REST_DAY or LONG_REST
    may_follow: Bools  # [2, D, T + 1, T + 1]: by kind of rest, may the second tour follow the first?


class Limits(NamedTuple):
    """How far the line of each of N officers may go: three counters, where it begins and where it may end."""

    first_state: Ints  # [N]: the state in which the first day begins
    may_end: Bools  # [N, S]: may the last day end in this state?
    steps: Ints  # [2, D, T + 1, 3]: what a tour adds, where the day before was worked (0) or not (1)
    sizes: (
        Ints  # [N, 3]: how many values, 0 included; a line that would need more is forbidden; 1: not counted
    )
    most_by_day: Ints  # [N, D]: the most that the third counter may stand at after this day
    price: Floats  # [N, 3, most size]: of the last value


class Layers(NamedTuple):
    """The cheapest price so far of each state and value of the counters, before and after a day."""

    value: Floats  # [S, A, B, C]
    is_open: Bools  # [S]
    next_value: Floats
    is_open_next: Bools


class Trail(NamedTuple):
    """By which state and tour each value was reached [D, S, A, B, C]."""

    state: NDArray[np.int16]
    option: NDArray[np.int8]


class Roster(NamedTuple):
    """Lines, where they are worked, and who is on each tour then."""

    lines: Ints  # [N, D]
    places: Ints  # [N, D]
    counts: Ints  # [U, D, T + 1, 3 + K]


class Cells(NamedTuple):
    """What each tour of each command unit needs, and the price of being short: U units, D days, K skills."""

    need: Ints  # [U, D, T + 1] officers; column 0 (rest) is not used
    need_skills: Ints  # [U, D, T + 1, K]
    short_price: float
    spare_price: float
    skill_price: Floats  # [K]
    recruit_price: float  # for each recruit without a tutor


class People(NamedTuple):
    """What is known of each of N officers."""

    has_skill: Bools  # [N, D, K]
    is_tutor: Bools  # [N]
    is_recruit: Bools  # [N]
    units: Ints  # [N, V]: where the officer may serve, home first, -1 beyond the last
    lending_price: Floats  # [N, V]
    line_price: Floats  # [N, D, T + 1]: of a change, a wish or a weekend; infinite where it cannot be


@njit(cache=True, nogil=True)
def find_best_line(prices: Floats, rules: LineRules, limits: Limits, officer: int, line: Ints) -> float:
    """Write the cheapest lawful line into `line` [D] and return its price; infinite where there is none.

    `prices` [D, T + 1] are those of each tour on each day, rest included.
    """
    days, states = prices.shape[0], rules.next_state.shape[0]
    size_a, size_b, size_c = limits.sizes[officer]
    shape = (states, size_a, size_b, size_c)
    layers = Layers(
        np.full(shape, np.inf), np.zeros(states, np.bool_), np.full(shape, np.inf), np.zeros(states, np.bool_)
    )
    trail = Trail(np.zeros((days, *shape), np.int16), np.zeros((days, *shape), np.int8))
    layers.value[limits.first_state[officer], 0, 0, 0] = 0.0
    layers.is_open[limits.first_state[officer]] = True
    for day in range(days):
        _advance_day(day, officer, prices, rules, limits, layers, trail)
        layers = Layers(layers.next_value, layers.is_open_next, layers.value, layers.is_open)
        layers.next_value[:] = np.inf
        layers.is_open_next[:] = False
    return _trace_line(layers.value, rules, limits, officer, trail, line)


@njit(cache=True, nogil=True)
def _advance_day(
    day: int, officer: int, prices: Floats, rules: LineRules, limits: Limits, layers: Layers, trail: Trail
) -> None:
    """One more day: every open state with every tour that may follow, and what is cheapest of each."""
    next_state, last_tour, rest_kind, may_follow = rules
    largest_count = min(limits.sizes[officer, 2] - 1, limits.most_by_day[officer, day])
    for state in range(layers.is_open.shape[0]):
        if not layers.is_open[state]:
            continue
        rest_kind_of_state = rest_kind[state]
        for option in range(prices.shape[1]):
            new_state = next_state[state, option]
            is_too_soon = (
                option > 0
                and rest_kind_of_state < 2
                and not may_follow[rest_kind_of_state, day, last_tour[state], option]
            )
            if new_state < 0 or is_too_soon or prices[day, option] == np.inf:
                continue
            layers.is_open_next[new_state] = True
            step = limits.steps[min(rest_kind_of_state, 1), day, option]
            _keep_cheaper(
                layers, trail, (day, state, new_state, option), prices[day, option], step, largest_count
            )


@njit(cache=True, nogil=True)
def _keep_cheaper(
    layers: Layers, trail: Trail, move: tuple[int, int, int, int], price: float, step: Ints, most: int
) -> None:
    """The counters move alike for all their values, so the innermost loops only add and compare."""
    day, state, new_state, option = move
    value, next_value = layers.value, layers.next_value
    size_a, size_b, size_c = value.shape[1:]
    step_a = step[0] if size_a > 1 else 0
    step_b = step[1] if size_b > 1 else 0
    step_c = step[2] if size_c > 1 else 0
    for a in range(size_a - step_a):
        for b in range(size_b - step_b):
            for c in range(min(size_c, most + 1) - step_c):
                new_value = value[state, a, b, c] + price
                if new_value < next_value[new_state, a + step_a, b + step_b, c + step_c]:
                    next_value[new_state, a + step_a, b + step_b, c + step_c] = new_value
                    trail.state[day, new_state, a + step_a, b + step_b, c + step_c] = state
                    trail.option[day, new_state, a + step_a, b + step_b, c + step_c] = option


@njit(cache=True, nogil=True)
def _trace_line(
    value: Floats,
    rules: LineRules,
    limits: Limits,
    officer: int,
    trail: Trail,
    line: Ints,
) -> float:
    """Choose the best end and walk back from it."""
    prices = limits.price[officer]
    best_value, place = float(np.inf), (-1, 0, 0, 0)
    for state, a, b, c in np.ndindex(value.shape):
        end_value = value[state, a, b, c]
        if end_value < np.inf and limits.may_end[officer, state]:
            end_value += prices[0, a] + prices[1, b] + prices[2, c]
            if end_value < best_value:
                best_value, place = float(end_value), (state, a, b, c)
    if place[0] < 0:
        return float(np.inf)
    state, a, b, c = place
    for day in range(line.shape[0] - 1, -1, -1):
        option, earlier_state = trail.option[day, state, a, b, c], trail.state[day, state, a, b, c]
        step = limits.steps[min(rules.rest_kind[earlier_state], 1), day, option]
        a = max(0, a - step[0])  # a counter of one value stands still
        b, c = max(0, b - step[1]), max(0, c - step[2])
        line[day], state = option, earlier_state
    return best_value


@njit(cache=True, nogil=True)
def price_line(prices: Floats, rules: LineRules, limits: Limits, officer: int, line: Ints) -> float:
    """What does this line cost? Infinite where it is not lawful."""
    price, state = 0.0, limits.first_state[officer]
    counts = np.zeros(3, np.int64)
    for day in range(line.shape[0]):
        option, kind = line[day], rules.rest_kind[state]
        price += prices[day, option]
        counts += limits.steps[min(kind, 1), day, option]
        state = _next_state(rules, state, kind, day, option)
        if state < 0 or not _is_within(limits, officer, day, counts):
            return float(np.inf)
    for counter in range(3):
        if limits.sizes[officer, counter] > 1:
            price += limits.price[officer, counter, counts[counter]]
        else:
            price += limits.price[officer, counter, 0]
    return price if limits.may_end[officer, state] else float(np.inf)


@njit(cache=True, nogil=True)
def _next_state(rules: LineRules, state: int, kind: int, day: int, option: int) -> int:
    """The state after this tour, -1 where it is forbidden."""
    if option > 0 and kind < 2 and not rules.may_follow[kind, day, rules.last_tour[state], option]:
        return -1
    return int(rules.next_state[state, option])


@njit(cache=True, nogil=True)
def _is_within(limits: Limits, officer: int, day: int, counts: Ints) -> bool:
    for counter in range(3):
        size = limits.sizes[officer, counter]
        if size > 1 and counts[counter] >= size:
            return False
    return bool(limits.sizes[officer, 2] <= 1 or counts[2] <= limits.most_by_day[officer, day])


@njit(cache=True, nogil=True)
def price_cell(count: Ints, need: int, need_skills: Ints, cells: Cells) -> float:
    """What does a tour cost with these counts: officers, recruits, tutors, then each skill?"""
    missing_count = need - count[0]
    price = cells.short_price * missing_count if missing_count > 0 else -cells.spare_price * missing_count
    if count[1] > count[2]:
        price += cells.recruit_price * (count[1] - count[2])
    for skill in range(need_skills.shape[0]):
        if need_skills[skill] > count[3 + skill]:
            price += cells.skill_price[skill] * (need_skills[skill] - count[3 + skill])
    return float(price)


@njit(cache=True, nogil=True)
def add_officer(count: Ints, people: People, officer: int, day: int, change: int) -> None:
    """Put the officer onto a tour (`change` 1) or take them off it (-1)."""
    count[0] += change
    if people.is_recruit[officer]:
        count[1] += change
    if people.is_tutor[officer]:
        count[2] += change
    for skill in range(people.has_skill.shape[2]):
        if people.has_skill[officer, day, skill]:
            count[3 + skill] += change


@njit(cache=True, nogil=True)
def count_cells(lines: Ints, places: Ints, people: People, cells: Cells) -> Ints:
    """Who is on each tour [U, D, T + 1, 3 + K], given lines [N, D] and where they are worked [N, D]?"""
    units, days, options = cells.need.shape
    counts = np.zeros((units, days, options, 3 + people.has_skill.shape[2]), np.int64)
    for officer in range(lines.shape[0]):
        for day in range(days):
            if lines[officer, day] > 0:
                add_officer(counts[places[officer, day], day, lines[officer, day]], people, officer, day, 1)
    return counts


@njit(cache=True, nogil=True)
def price_cells(counts: Ints, cells: Cells) -> Floats:
    """What do the tours of each command unit cost [U]?"""
    units, days, options = cells.need.shape
    prices = np.zeros(units)
    for unit in range(units):
        for day in range(days):
            for option in range(1, options):
                prices[unit] += price_cell(
                    counts[unit, day, option],
                    cells.need[unit, day, option],
                    cells.need_skills[unit, day, option],
                    cells,
                )
    return prices


@njit(cache=True, nogil=True)
def improve_lines(
    order: Ints,
    noise: Floats,
    roster: Roster,
    people: People,
    cells: Cells,
    rules: LineRules,
    limits: Limits,
) -> None:
    """Give each officer of `order` the best line given all others. Changes the roster.

    `noise` [officers of the order, D, T + 1] is added to the prices: without it this is a descent, with it a
    shake that leads out of a dead end.
    """
    days, options = noise.shape[1:]
    lines, places, counts = roster
    prices = np.empty((days, options))
    best_unit = np.empty((days, options), np.int64)
    line = np.empty(days, np.int64)
    for turn in range(order.shape[0]):
        officer = order[turn]
        _move_line(officer, lines, places, counts, people, -1)
        for day in range(days):
            for option in range(options):
                prices[day, option], best_unit[day, option] = _cheapest_unit(
                    counts, people, officer, day, cells, option
                )
        prices += noise[turn]
        if find_best_line(prices, rules, limits, officer, line) < np.inf:
            for day in range(days):
                lines[officer, day], places[officer, day] = line[day], best_unit[day, line[day]]
        _move_line(officer, lines, places, counts, people, 1)


@njit(cache=True, nogil=True)
def _move_line(officer: int, lines: Ints, places: Ints, counts: Ints, people: People, change: int) -> None:
    """Put an officer's whole line onto its tours (1), or take it off them (-1)."""
    for day in range(lines.shape[1]):
        if lines[officer, day] > 0:
            add_officer(counts[places[officer, day], day, lines[officer, day]], people, officer, day, change)


@njit(cache=True, nogil=True)
def _cheapest_unit(
    counts: Ints, people: People, officer: int, day: int, cells: Cells, option: int
) -> tuple[float, int]:
    """Where is this tour cheapest for the officer, given who is there, and at what price?"""
    own_price = people.line_price[officer, day, option]
    if option == 0 or own_price == np.inf:
        return own_price, people.units[officer, 0]
    best_price, best_unit = np.inf, people.units[officer, 0]
    for choice in range(people.units.shape[1]):
        unit = people.units[officer, choice]
        if unit < 0:
            break
        price = own_price + people.lending_price[officer, choice]
        price += _extra_price(counts[unit, day, option], people, officer, day, cells, unit, option)
        if price < best_price:
            best_price, best_unit = price, unit
    return best_price, best_unit


@njit(cache=True, nogil=True)
def _extra_price(
    count: Ints, people: People, officer: int, day: int, cells: Cells, unit: int, option: int
) -> float:
    need, need_skills = cells.need[unit, day, option], cells.need_skills[unit, day, option]
    old_price = price_cell(count, need, need_skills, cells)
    add_officer(count, people, officer, day, 1)
    new_price = price_cell(count, need, need_skills, cells)
    add_officer(count, people, officer, day, -1)
    return new_price - old_price


@njit(cache=True, nogil=True)
def price_lines(lines: Ints, places: Ints, people: People, rules: LineRules, limits: Limits) -> Floats:
    """What does the line of each officer cost by itself [N]: changes, lending, nights, weekends, wishes?"""
    prices = np.zeros(lines.shape[0])
    for officer in range(lines.shape[0]):
        prices[officer] = price_line(people.line_price[officer], rules, limits, officer, lines[officer])
        for day in range(lines.shape[1]):
            if lines[officer, day] > 0:
                for choice in range(people.units.shape[1]):
                    if people.units[officer, choice] == places[officer, day]:
                        prices[officer] += people.lending_price[officer, choice]
    return prices


@njit(cache=True, nogil=True)
def price_columns(
    officers: Ints,
    duals: Floats,
    people: People,
    rules: LineRules,
    limits: Limits,
    lines: Ints,
    places: Ints,
) -> Floats:
    """The line of least price at these duals for each of `officers`, into `lines` and `places`; that price.

    `duals` [U, D, T + 1, 2 + K] are what a tour gains by one more officer, by a tutor (and loses by a
    recruit), and by each skill.
    """
    days, options = duals.shape[1:3]
    prices = np.empty((days, options))
    best_unit = np.empty((days, options), np.int64)
    least = np.empty(officers.shape[0])
    for turn in range(officers.shape[0]):
        officer = officers[turn]
        for day in range(days):
            for option in range(options):
                prices[day, option], best_unit[day, option] = price_at_duals(
                    duals, people, officer, day, option
                )
        least[turn] = find_best_line(prices, rules, limits, officer, lines[turn])
        for day in range(days):
            places[turn, day] = best_unit[day, lines[turn, day]]
    return least


@njit(cache=True, nogil=True)
def price_at_duals(duals: Floats, people: People, officer: int, day: int, option: int) -> tuple[float, int]:
    """What a tour costs an officer less what it is worth at these duals, and where that is least."""
    own_price = people.line_price[officer, day, option]
    if option == 0 or own_price == np.inf:
        return own_price, people.units[officer, 0]
    best_price, best_unit = np.inf, people.units[officer, 0]
    for choice in range(people.units.shape[1]):
        unit = people.units[officer, choice]
        if unit < 0:
            break
        price = own_price + people.lending_price[officer, choice]
        price -= _worth(duals[unit, day, option], people, officer, day)
        if price < best_price:
            best_price, best_unit = price, unit
    return best_price, best_unit


@njit(cache=True, nogil=True)
def _worth(duals: Floats, people: People, officer: int, day: int) -> float:
    dual_value = duals[0]
    if people.is_tutor[officer]:
        dual_value += duals[1]
    if people.is_recruit[officer]:
        dual_value -= duals[1]
    for skill in range(people.has_skill.shape[2]):
        if people.has_skill[officer, day, skill]:
            dual_value += duals[2 + skill]
    return float(dual_value)


@njit(cache=True, nogil=True)
def find_end_states(later: Ints, rules: LineRules, first_column: int) -> Bools:
    """From which state [N, S] may each officer go on to the days that follow [N, L]? -1: no roster yet."""
    count, states = later.shape[0], rules.next_state.shape[0]
    may_end = np.ones((count, states), np.bool_)
    for officer in range(count):
        for state in range(states):
            may_end[officer, state] = _can_go_on(later[officer], rules, first_column, state)
        if not may_end[officer].any():  # what was published breaks a rule by itself: the judge says so
            may_end[officer] = True
    return may_end


@njit(cache=True, nogil=True)
def _can_go_on(later: Ints, rules: LineRules, first_column: int, state: int) -> bool:
    for day in range(later.shape[0]):
        if later[day] < 0:
            return True
        state = _next_state(rules, state, rules.rest_kind[state], first_column + day, later[day])
        if state < 0:
            return False
    return True
