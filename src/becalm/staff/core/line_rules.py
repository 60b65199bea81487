"""Which lines of tours are lawful, as an automaton: what may follow what, how long a run may be."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from becalm.methods.arrays import Bools
from becalm.staff.core.line_kernels import LONG_REST, ONE_REST_DAY, WORKED_YESTERDAY, LineRules


@dataclass(frozen=True, slots=True)
class RunLimits:
    """How many days in a row may or must be worked or be free."""

    longest_run: int
    longest_night_run: int
    least_run: int = 1
    least_rest: int = 1


@dataclass(frozen=True, slots=True)
class LineState:
    """What the past means for what may come: the last tour, and how long work or rest has lasted."""

    tour: int = 0  # the last tour, 0 where it no longer matters
    run: int = 0  # days worked in a row, 0 while at rest
    nights: int = 0  # of them nights in a row
    rest_days: int = 0  # days of rest in a row, counted as far as it matters
    is_run_long_enough: bool = True


RESTED = LineState()


def build_line_rules(
    limits: RunLimits, *, is_night: Sequence[bool], may_follow: Bools
) -> tuple[LineRules, Mapping[LineState, int]]:
    """The automaton of all states that can be reached from long rest, and the number of each state.

    `is_night` is by tour (the first is tour 1), `may_follow` [2, D, T + 1, T + 1] as in `LineRules`.
    """
    number_of_state = {RESTED: 0}
    queue = [RESTED]
    rows: list[list[int]] = []
    for state in queue:  # grows while it is walked
        row = []
        for option in range(len(is_night) + 1):
            next_state = _advance(state, option, limits, is_night)
            if next_state is not None and next_state not in number_of_state:
                number_of_state[next_state] = len(queue)
                queue.append(next_state)
            row.append(-1 if next_state is None else number_of_state[next_state])
        rows.append(row)
    rest_kinds = [WORKED_YESTERDAY if s.run else ONE_REST_DAY if s.tour else LONG_REST for s in queue]
    rules = LineRules(
        next_state=np.array(rows, np.int64),
        last_tour=np.array([s.tour for s in queue], np.int64),
        rest_kind=np.array(rest_kinds, np.int64),
        may_follow=np.ascontiguousarray(may_follow),
    )
    return rules, number_of_state


def _advance(state: LineState, option: int, limits: RunLimits, is_night: Sequence[bool]) -> LineState | None:
    """The state after one more day, None where that day is forbidden."""
    if option == 0:
        if state.run and not state.is_run_long_enough and state.run < limits.least_run:
            return None
        if not state.run and not state.tour and not state.rest_days:
            return state  # long rest goes on
        rest_days = 1 if state.run else state.rest_days + 1
        is_over = rest_days >= max(limits.least_rest, 2)
        return RESTED if is_over else LineState(state.tour, 0, 0, rest_days)
    if not state.run and state.rest_days and state.rest_days < limits.least_rest:
        return None
    nights = state.nights + 1 if is_night[option - 1] else 0
    if state.run + 1 > limits.longest_run or nights > limits.longest_night_run:
        return None
    is_long_enough = state.run + 1 >= limits.least_run or (state.run > 0 and state.is_run_long_enough)
    return LineState(option, state.run + 1, nights, 0, is_long_enough)


def state_after(options: Sequence[int], limits: RunLimits, is_night: Sequence[bool]) -> LineState:
    """The state in which these past days leave an officer; a day that breaks a limit counts as the limit."""
    state = RESTED
    for option in options:
        next_state = _advance(state, option, limits, is_night)
        if next_state is None and option:
            nights = state.nights + 1 if is_night[option - 1] else 0
            next_state = LineState(
                option, min(state.run + 1, limits.longest_run), min(nights, limits.longest_night_run)
            )
        state = next_state or RESTED
    return state


def rest_hours_matrix(
    tours: Sequence[tuple[time, float]], *, first_day: date, days: int, zone: str, latest_start_minutes: int
) -> Iterator[tuple[int, int, int, int, float]]:
    """For each kind of rest, day and pair of tours: the real hours between the end of one and the next start.

    The first tour may start as late as the stagger allows and the second as early as it may, so that any
    start in between is lawful too. The hours are real ones, also in nights of 23 and 25 hours.
    """
    zone_info = ZoneInfo(zone)
    late = timedelta(minutes=latest_start_minutes)
    for kind in (WORKED_YESTERDAY, ONE_REST_DAY):
        for day in range(days):
            later_day = first_day + timedelta(days=day)
            earlier_day = later_day - timedelta(days=kind + 1)
            for earlier, (start, hours) in enumerate(tours, start=1):
                end = datetime.combine(earlier_day, start) + timedelta(hours=hours) + late
                for later, (next_start, _) in enumerate(tours, start=1):
                    next_starts_at = datetime.combine(later_day, next_start)
                    gap = (
                        next_starts_at.replace(tzinfo=zone_info).timestamp()
                        - end.replace(tzinfo=zone_info).timestamp()
                    )
                    yield kind, day, earlier, later, gap / 3600
