"""Fits the distribution of one area's tours by pilot draws: what each place, hour and length must weigh.

A pilot draws tours from public numbers and shows what the distribution expects, choice by choice. Visits
are rare, so that what a place is expected to get grows in proportion to its weight, all else equal: each
round moves the logarithm of the weight by that of the ratio of what is due and what is expected. All places
together answer less than in proportion, since a unit that is busy cannot set off; how much less, the rounds
before have shown. Hours of the week share one correction over all places of an area, for the profile of
each place is already in its weights. Steps of the later rounds shrink as in Robbins and Monro, so that what
a pilot says by chance is averaged out.

Sources: Deming and Stephan, Annals of Mathematical Statistics 11 (1940) 427-444 (proportional fitting);
Robbins and Monro, Annals of Mathematical Statistics 22 (1951) 400-407.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np

from becalm.methods.arrays import Floats, Ints
from becalm.methods.routes.bit_exact import public_numbers, round_to_grid
from becalm.methods.routes.route_types import RouteDraws
from becalm.patrol.core import draw_tours
from becalm.patrol.core.area_arrays import FLOOR_SHARE, AreaArrays, profile_by_cell, split_days
from becalm.patrol.core.plan_inputs import HOURS_OF_WEEK, Burst
from becalm.patrol.core.plan_result import RouteDistribution

WORKERS = 2
ROUNDS, SETTLING_ROUNDS = 7, 7  # with whole steps, then with shrinking ones
PILOT_TOURS, MOST_PILOTS = 500, 300  # tours of a round on each core, and pilots of a small area
LONG_PILOTS = 8  # times the tours of a round, for what the distribution is said to expect
START_NATS = -4.0  # of all visits together, against waiting a minute
LONGEST_STEP = 1.0  # nats
MOST_NATS = 12.0  # of a place; one that needs more cannot be given what it is due
MOST_HOUR_NATS = 2.0
LEAST_RESPONSE = 0.2  # of all visits to the weight of all places
LEAST_LEVEL_RESPONSE = 0.04  # the same, as two pilots of equal numbers show it
LARGEST_GAP = 0.008  # of all visits, in nats, that is left as it is
PILOT_KEY = b"becalm pilot: public, never used for a plan"  # of the blocks closed to bursts

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_threads(work: Callable[[Item], Result], items: Sequence[Item]) -> tuple[Result, ...]:
    """The answers in order. Kernels release the interpreter, so that threads work side by side."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return tuple(pool.map(work, items))


@dataclass(frozen=True)
class AreaTargets:
    """What an area's tours are fitted to."""

    visits: Floats  # [n] over the whole plan
    minutes: Floats  # [n]
    visits_by_hour: Floats  # [168] of all places, in the hours of the week


@dataclass(frozen=True)
class LawWeights:
    """A distribution before it is rounded, in nats."""

    profile: Floats  # [n, 168] what the profile says of the hours; its mean weighs 1
    place: Floats  # [n]
    hour: Floats  # [168]
    length: Floats  # [n] for each step of 5 minutes above the middle length
    steps: Floats  # [lengths] of each length

    def rounded(self) -> tuple[Ints, Ints]:
        """The weights in whole numbers of 1/1024 nat: by place and hour of the week, and by burst length."""
        # Pilots draw from the rounded numbers, as a plan does: what rounding takes is mended too.
        hour_nats = np.clip(self.profile + self.place[:, None] + self.hour, -MOST_NATS, MOST_NATS)
        return round_to_grid(hour_nats), round_to_grid(self.length[:, None] * self.steps)


@dataclass(frozen=True)
class PilotMeans:
    """What the distribution expects of all tours, by the mean of some pilots."""

    visits: Floats  # [n]
    minutes: Floats  # [n]
    visits_by_hour: Floats  # [168]


def fit_area_distribution(area: AreaArrays, earlier_bursts: tuple[Burst, ...]) -> RouteDistribution:
    """The distribution under which an area is expected to get what it is due, gaps and all."""
    parts, weights = split_days(area, PILOT_TOURS), start_weights(area)
    part_targets = [find_targets(part) for part in parts]
    response_share, old_gap, level = 0.5, 0.0, 0.0
    for number in range(ROUNDS + SETTLING_ROUNDS):
        # Two parts at a time, in turn: many days cost no more rounds than few.
        part_numbers = [(WORKERS * number + k) % len(parts) for k in range(WORKERS)]
        pilot_means = draw_pilots([parts[k] for k in part_numbers], weights, earlier_bursts, number)
        round_targets = add_targets([part_targets[k] for k in part_numbers])
        step_gain = 1.0 if number < ROUNDS else 2.0 / (number - ROUNDS + 3)
        log_gap = float(_log_ratio(round_targets.visits.sum(), pilot_means.visits.sum()))
        if number and number < ROUNDS and abs(level) > 0.02:
            response_share = float(np.clip((old_gap - log_gap) / level, LEAST_RESPONSE, 1.0))
        old_gap, level = log_gap, step_gain * log_gap / response_share
        weights = _move_weights(weights, round_targets, pilot_means, step_gain, level - step_gain * log_gap)
    due_visits = area.target_visits
    weights, pilot_means = _close_gap(parts, add_targets(part_targets), weights, earlier_bursts)
    hour_weights, length_weights = weights.rounded()
    return RouteDistribution(
        hotspots=tuple(place.hotspot for place in area.places),
        hour_weights=tuple(map(tuple, hour_weights.tolist())),
        length_weights=tuple(map(tuple, length_weights.tolist())),
        due_millivisits=tuple(round(1000 * visits) for visits in due_visits.tolist()),
        expected_millivisits=tuple(round(1000 * mean) for mean in pilot_means.visits.tolist()),
        expected_milliminutes=tuple(round(1000 * mean) for mean in pilot_means.minutes.tolist()),
    )


def _close_gap(
    parts: Sequence[AreaArrays], targets: AreaTargets, weights: LawWeights, earlier_bursts: tuple[Burst, ...]
) -> tuple[LawWeights, PilotMeans]:
    """Move all weights at once until all visits together are those due, and say what is expected then."""
    number, due_visits = ROUNDS + SETTLING_ROUNDS, targets.visits.sum()

    def draw_long_pilots(place_nats: Floats, number: int) -> tuple[PilotMeans, float]:
        moved_weights = replace(weights, place=np.clip(place_nats, -MOST_NATS, MOST_NATS))
        means = draw_pilots(parts, moved_weights, earlier_bursts, number, LONG_PILOTS * PILOT_TOURS)
        return means, float(_log_ratio(due_visits, means.visits.sum()))

    pilot_means, log_gap = draw_long_pilots(weights.place, number)
    if abs(log_gap) <= LARGEST_GAP:
        return weights, pilot_means
    # Units that are busy nearly all day hardly answer to their weights. The same numbers drawn twice show how
    # much they do; one round after another would not, for a pilot's chance is as large as their answer.
    trial_nats = log_gap / LEAST_RESPONSE
    _, trial_gap = draw_long_pilots(weights.place + trial_nats, number)
    response_share = float(np.clip((log_gap - trial_gap) / trial_nats, LEAST_LEVEL_RESPONSE, 1.0))
    level_nats = float(np.clip(log_gap / response_share, -LONGEST_STEP, LONGEST_STEP))
    weights = replace(weights, place=np.clip(weights.place + level_nats, -MOST_NATS, MOST_NATS))
    return weights, draw_long_pilots(weights.place, number + 1)[0]


def find_targets(area: AreaArrays) -> AreaTargets:
    """What is due, by place and by hour of the week: by the profiles, where units are on duty."""
    due_by_hour = target_visits_by_hour(area)
    return AreaTargets(due_by_hour.sum(axis=1), possible_minutes(area), due_by_hour.sum(axis=0))


def add_targets(targets: Sequence[AreaTargets]) -> AreaTargets:
    """What is due in several parts together."""
    return AreaTargets(*(sum(getattr(part, f.name) for part in targets) for f in fields(AreaTargets)))


def target_visits_by_hour(area: AreaArrays) -> Floats:
    """The visits that are due in each hour of the week: by the profile, where units are on duty."""
    grid, walkers = area.grid, area.walkers
    units_on_duty = np.zeros(grid.count + 1)
    np.add.at(units_on_duty, walkers.first_slot, 1.0)
    np.add.at(units_on_duty, walkers.first_slot + walkers.fields[:, 0], -1.0)
    units_by_cell = np.bincount(grid.cell, units_on_duty.cumsum()[:-1], len(grid.hour_of_cell))
    due_of_cell = profile_by_cell(area) * units_by_cell
    due_by_hour = np.stack([np.bincount(grid.hour_of_cell, due, HOURS_OF_WEEK) for due in due_of_cell])
    due_of_place = due_by_hour.sum(axis=1, keepdims=True)
    hour_shares = np.divide(due_by_hour, due_of_place, out=np.zeros_like(due_by_hour), where=due_of_place > 0)
    return np.asarray(hour_shares * area.target_visits[:, None])


def possible_minutes(area: AreaArrays) -> Floats:
    """The minutes that are due, held to what the burst lengths allow for the visits that are due."""
    burst_minutes = np.array(area.policy.burst_minutes, dtype=np.float64)
    low_minutes, high_minutes = burst_minutes.min(), burst_minutes.max()
    # At the very edge only an infinite multiplier gives the shortest (or longest) bursts alone.
    margin_minutes = 0.02 * (high_minutes - low_minutes)
    least_minutes_by_place = (low_minutes + margin_minutes) * area.target_visits
    most_minutes_by_place = (high_minutes - margin_minutes) * area.target_visits
    return np.asarray(np.clip(area.target_minutes, least_minutes_by_place, most_minutes_by_place))


def length_steps(burst_minutes: tuple[int, ...]) -> Floats:
    """Each burst length in steps of five minutes from the middle of all."""
    length_minutes = np.array(burst_minutes, dtype=np.float64)
    return np.asarray((length_minutes - length_minutes.mean()) / 5.0)


def start_weights(area: AreaArrays) -> LawWeights:
    """Weights to start from: places in proportion to what they are due, hours to the profile."""
    n, due_visits = len(area.places), np.maximum(area.target_visits, 1e-9)
    hour_profiles = np.array([place.profile for place in area.places], dtype=np.float64).reshape(
        n, HOURS_OF_WEEK
    )
    hour_profiles = hour_profiles / np.maximum(hour_profiles.sum(axis=1, keepdims=True), 1e-12)
    hour_profiles = (1.0 - FLOOR_SHARE) * hour_profiles * HOURS_OF_WEEK + FLOOR_SHARE
    start_nats = START_NATS + np.log(area.policy.slot_minutes) + np.log(due_visits / due_visits.sum())
    length_step_of_choice = length_steps(area.policy.burst_minutes)
    return LawWeights(
        np.log(hour_profiles), start_nats, np.zeros(HOURS_OF_WEEK), np.zeros(n), length_step_of_choice
    )


def draw_pilots(
    parts: Sequence[AreaArrays],
    weights: LawWeights,
    earlier_bursts: tuple[Burst, ...],
    number: int,
    tours: int = PILOT_TOURS,
) -> PilotMeans:
    """What the distribution expects of all tours of these parts, with nothing owed."""
    hour_weights, length_weights = weights.rounded()
    tour_count = sum(len(part.shifts) for part in parts)
    pilot_count = int(np.clip(tours * WORKERS // max(tour_count, 1), 1, MOST_PILOTS))
    part_lattices = [
        draw_tours.build_lattice(part, hour_weights, length_weights, earlier_bursts) for part in parts
    ]

    def draw_pilot(pilot: int) -> RouteDraws:
        # Never with the plan's key: a fit that hung on the key would tell of it in plan.json.
        part, lattice = parts[pilot % len(parts)], part_lattices[pilot % len(parts)]
        number_shape = (len(part.shifts), draw_tours.numbers_per_tour(part))
        pilot_numbers = public_numbers(
            f"pilot {number}.{pilot} of area {part.area}", number_shape[0] * number_shape[1]
        )
        pilot_draw = draw_tours.TourDraw(
            part, lattice, draw_tours.no_feedback(part), pilot_numbers.reshape(number_shape)
        )
        return pilot_draw.draw(with_entropy=False)

    pilot_means = map_in_threads(draw_pilot, range(pilot_count * len(parts)))
    by_hour = np.sum([pilot.expected_by_hour for pilot in pilot_means], axis=0) / pilot_count
    mean_visits_by_room = np.sum([pilot.visits_by_room for pilot in pilot_means], axis=0) / pilot_count
    minutes_by_room = draw_tours.expected_minutes_by_room(parts[0], length_weights)
    return PilotMeans(
        by_hour.sum(axis=1), (mean_visits_by_room * minutes_by_room).sum(axis=1), by_hour.sum(axis=0)
    )


def _log_ratio(due: Floats, expected: Floats, least: float = 1e-9) -> Floats:
    return np.clip(np.log((due + least) / (expected + least)), -LONGEST_STEP, LONGEST_STEP)


def _move_weights(
    weights: LawWeights, targets: AreaTargets, means: PilotMeans, gain: float, level: float
) -> LawWeights:
    """The weights after one round; `level` moves all places beyond what each of them would move."""
    place_nats = weights.place + gain * _log_ratio(targets.visits, means.visits) + level
    # An hour in which hardly a visit is due has no say: what pilots give it is chance.
    hour_ratio = _log_ratio(targets.visits_by_hour, means.visits_by_hour, least=1.0)
    # Against all hours together: where units cannot give some hours what is due, others must give more.
    hour_ratio = hour_ratio - _log_ratio(targets.visits.sum(), means.visits.sum())
    mean_minutes = means.minutes / np.maximum(means.visits, 1e-9)
    length_spread = max(float((weights.steps**2).mean()), 1e-9)
    due_minutes = targets.minutes / np.maximum(targets.visits, 1e-9)
    length_moves = np.where(means.visits > 0, (due_minutes - mean_minutes) / 5.0 / length_spread, 0.0)
    length_nats = weights.length + gain * np.clip(length_moves, -LONGEST_STEP, LONGEST_STEP)
    return LawWeights(
        profile=weights.profile,
        place=np.clip(place_nats, -MOST_NATS, MOST_NATS),
        hour=np.clip(weights.hour + 0.5 * gain * hour_ratio, -MOST_HOUR_NATS, MOST_HOUR_NATS),
        length=np.clip(length_nats, -MOST_NATS, MOST_NATS),
        steps=weights.steps,
    )
