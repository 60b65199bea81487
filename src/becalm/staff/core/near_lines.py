"""Every line of an officer that is nearly as cheap as the best one: what a proof of the best roster needs.

At the duals of a bound, a roster that holds a line costs at least the bound plus what that line costs above
the cheapest line of its officer. So a roster below a known cost holds only lines within the gap; where these
can all be listed, a choice among them is the best of all rosters (Baldacci, Christofides and Mingozzi 2008).
"""

import numpy as np
from numba import njit

from becalm.methods.arrays import Floats, Ints
from becalm.staff.core.line_kernels import Limits, LineRules, People, price_at_duals


@njit(cache=True, nogil=True)
def list_near_lines(
    officer: int,
    duals: Floats,
    people: People,
    rules: LineRules,
    limits: Limits,
    slack: float,
    lines: Ints,
) -> int:
    """Write the lines within `slack` of the cheapest into `lines` [M, D]; how many? -1: more than M."""
    days, options = duals.shape[1:3]
    prices = np.empty((days, options))
    for day in range(days):
        for option in range(options):
            prices[day, option], _ = price_at_duals(duals, people, officer, day, option)
    value = _value_to_go(prices, rules, limits, officer)
    least = value[0, limits.first_state[officer], 0, 0, 0]
    return _walk_lines(prices, rules, limits, officer, value, least + slack + 1e-7, lines)


@njit(cache=True, nogil=True)
def _value_to_go(prices: Floats, rules: LineRules, limits: Limits, officer: int) -> Floats:
    """The least price of the days from each on [D + 1, S, A, B, C], by state and counters."""
    days, states = prices.shape[0], rules.next_state.shape[0]
    size_a, size_b, size_c = limits.sizes[officer]
    value = np.full((days + 1, states, size_a, size_b, size_c), np.inf)
    end_prices = limits.price[officer]
    for state, a, b, c in np.ndindex(value.shape[1:]):
        if limits.may_end[officer, state]:
            value[days, state, a, b, c] = end_prices[0, a] + end_prices[1, b] + end_prices[2, c]
    for day in range(days - 1, -1, -1):
        for state, option in np.ndindex(states, prices.shape[1]):
            next_state = _next_state(rules, state, day, option)
            if next_state >= 0 and prices[day, option] < np.inf:
                step = _counted_step(rules, limits, officer, state, day, option)
                most = min(size_c - 1, limits.most_by_day[officer, day]) if size_c > 1 else 0
                _lower_values(value[day, state], value[day + 1, next_state], prices[day, option], step, most)
    return value


@njit(cache=True, nogil=True)
def _lower_values(value: Floats, later_value: Floats, price: float, step: Ints, most: int) -> None:
    """Let values [A, B, C] be no more than those of the day after, moved by a step, with its price."""
    for a in range(value.shape[0] - step[0]):
        for b in range(value.shape[1] - step[1]):
            for c in range(most + 1 - step[2]):
                new_value = price + later_value[a + step[0], b + step[1], c + step[2]]
                value[a, b, c] = min(value[a, b, c], new_value)


@njit(cache=True, nogil=True)
def _next_state(rules: LineRules, state: int, day: int, option: int) -> int:
    kind = rules.rest_kind[state]
    if option > 0 and kind < 2 and not rules.may_follow[kind, day, rules.last_tour[state], option]:
        return -1
    return int(rules.next_state[state, option])


@njit(cache=True, nogil=True)
def _counted_step(rules: LineRules, limits: Limits, officer: int, state: int, day: int, option: int) -> Ints:
    """What a tour adds to each counter; a counter of one value stands still."""
    step: Ints = limits.steps[min(rules.rest_kind[state], 1), day, option].copy()
    for counter in range(3):
        if limits.sizes[officer, counter] == 1:
            step[counter] = 0
    return step


@njit(cache=True, nogil=True)
def _walk_lines(
    prices: Floats,
    rules: LineRules,
    limits: Limits,
    officer: int,
    value: Floats,
    most_price: float,
    lines: Ints,
) -> int:
    """Walk through all lines, and turn back where even the cheapest end would be too dear."""
    days, options = prices.shape
    choice, states = np.full(days, -1), np.zeros(days + 1, np.int64)
    counts, price = np.zeros((days + 1, 3), np.int64), np.zeros(days + 1)
    states[0] = limits.first_state[officer]
    day, line_count = 0, 0
    while day >= 0:
        choice[day] += 1
        option = choice[day]
        if option == options:
            choice[day] = -1
            day -= 1
            continue
        next_state = _next_state(rules, states[day], day, option)
        if next_state < 0 or prices[day, option] == np.inf:
            continue
        new_counts = counts[day] + _counted_step(rules, limits, officer, states[day], day, option)
        if not _is_open(limits, officer, day, new_counts):
            continue
        a, b, c = new_counts
        price[day + 1] = price[day] + prices[day, option]
        if price[day + 1] + value[day + 1, next_state, a, b, c] > most_price:
            continue
        if day == days - 1:
            if line_count == lines.shape[0]:
                return -1
            lines[line_count] = choice
            line_count += 1
            continue
        day += 1
        states[day], counts[day] = next_state, new_counts
    return line_count


@njit(cache=True, nogil=True)
def _is_open(limits: Limits, officer: int, day: int, counts: Ints) -> bool:
    for counter in range(3):
        if counts[counter] >= limits.sizes[officer, counter]:
            return False
    return bool(limits.sizes[officer, 2] == 1 or counts[2] <= limits.most_by_day[officer, day])
