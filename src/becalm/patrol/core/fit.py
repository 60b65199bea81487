"""Fits the distribution of one area's tours: by its dual, then by pilot draws for what gaps take.

The dual of the largest entropy at given expected visits is sum log Z(theta) - theta x target. Its gradient
is what the distribution expects less its targets; since visits are rare, its second derivative is near to
the expectation, and L-BFGS in units of its root needs some fifteen evaluations. Hours of the week are held to
the profile by a spring, places to their targets without one.

Gaps and clear places are not in the dual. Pilot draws from public numbers tell, unit by unit and given the
units before it, what the distribution expects with them: c. The covariance H of visits about c, seen in the
same draws, is the derivative of c by the multipliers, so that each pilot gives a Newton step H^-1 (target -
c); the steps of the later half are averaged.

A plan's entropy is the sum over units, in the order of drawing, of the entropy of each tour given those
before it: exact, by the chain rule. No distribution over whole plans with the same expected visits by place
and hour of the week and the same expected minutes can have more than the sum of each unit's largest entropy,
which the dual bounds: every value of the dual is such a bound, and the smallest is the tightest. The bound
knows shifts, meals, travel, blackouts and dosage; it knows no gaps, no feedback of visits owed and no dearer
travel, which is why these have a price.

Sources: Jaynes, Physical Review 106 (1957) 620-630; Liu and Nocedal, Mathematical Programming 45 (1989)
503-528; Robbins and Monro, Annals of Mathematical Statistics 22 (1951) 400-407; Polyak and Juditsky, SIAM
Journal on Control and Optimization 30 (1992) 838-855; Cover and Thomas, "Elements of Information Theory"
(2006), theorems 2.5.1, 2.6.6 and 12.1.1.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from becalm.methods.arrays import Floats, Ints
from becalm.methods.routes.bit_exact import public_numbers, round_to_grid
from becalm.methods.routes.distribution import RouteDraws, RouteLattice, Walkers
from becalm.methods.routes.expected_visits import expect_visits
from becalm.patrol.core import draw
from becalm.patrol.core.area_arrays import AreaArrays, select_walkers
from becalm.patrol.core.plan_inputs import HOURS_OF_WEEK, Burst
from becalm.patrol.core.plan_result import GRID, RouteDistribution

ROUNDS, PILOTS, BOUND_ROUNDS = 12, 8, 10
START_NATS = -3.0  # of a visit to the mean place, before anything is known
SPRING = 0.05  # how firmly hours keep to the profile: a shortfall of 5 % for each nat
LONGEST_STEP = 0.7  # nats
MOST_NATS = 12.0  # of a visit; a place that needs more cannot be given what it is due
MOST_NATS_OF_A_WALK = 690.0  # all walks together: the logarithm of a double ends at 709
OVERFLOWN = 1e12  # the dual of a distribution that doubles cannot hold; far above that of any other
FLOOR_SHARE = 0.1  # of the mean hour: no hour is without any chance of a visit
PILOT_KEY = b"becalm pilot: public, never used for a plan"  # of the blocks closed to bursts


def fit_area_distribution(area: AreaArrays, earlier_bursts: tuple[Burst, ...]) -> RouteDistribution:
    """The distribution under which an area is expected to get what it is due, gaps and all."""
    targets = VisitTargets(target_visits_by_hour(area), possible_minutes(area))
    dual = build_dual(area)
    multipliers = dual.fit(targets, dual.start(targets), ROUNDS)
    multipliers, expected_visits, expected_minutes = calibrate(dual, multipliers, targets, earlier_bursts)
    hour_weights, length_weights = multipliers.rounded(dual)
    return RouteDistribution(
        hotspots=tuple(place.hotspot for place in area.places),
        hour_weights=tuple(map(tuple, hour_weights.tolist())),
        length_weights=tuple(map(tuple, length_weights.tolist())),
        due_millivisits=tuple(round(1000 * due_visits) for due_visits in targets.visits.tolist()),
        expected_millivisits=tuple(round(1000 * mean) for mean in expected_visits.tolist()),
        expected_milliminutes=tuple(round(1000 * mean) for mean in expected_minutes.tolist()),
    )


@dataclass(frozen=True)
class VisitTargets:
    """What the dual is fitted to: visits by hour of the week, and minutes."""

    visits_by_hour: Floats  # [n, 168]
    minutes: Floats  # [n]

    @property
    def visits(self) -> Floats:
        """Visits over the whole plan: [n]."""
        return np.asarray(self.visits_by_hour.sum(axis=1))


def target_visits_by_hour(area: AreaArrays) -> Floats:
    """The visits that are due in each hour of the week: by the profile, where units are on duty."""
    hour_of_week, walkers = area.grid.hour_of_week, area.walkers
    units_on_duty = np.zeros(area.grid.count)
    for first_slot, slot_count in zip(walkers.first_slot, walkers.fields[:, 0], strict=True):
        units_on_duty[first_slot : first_slot + slot_count] += 1.0
    hour_profile = np.array([place.profile for place in area.places])
    hour_profile = hour_profile / np.maximum(hour_profile.sum(axis=1, keepdims=True), 1e-12)
    # Without a floor an hour without past harm would never see a patrol, and whoever watches learns which.
    hour_profile = (1.0 - FLOOR_SHARE) * hour_profile + FLOOR_SHARE / HOURS_OF_WEEK
    due_by_slot = hour_profile[:, hour_of_week] * units_on_duty * area.dose_factor * (area.closed == 0)
    due_by_hour = np.zeros((len(area.places), HOURS_OF_WEEK))
    for j, due_of_slot in enumerate(due_by_slot):
        due_by_hour[j] = np.bincount(hour_of_week, weights=due_of_slot, minlength=HOURS_OF_WEEK)
    due_of_place = due_by_hour.sum(axis=1, keepdims=True)
    hour_share = np.divide(due_by_hour, due_of_place, out=np.zeros_like(due_by_hour), where=due_of_place > 0)
    return np.asarray(hour_share * area.target_visits[:, None])


def possible_minutes(area: AreaArrays) -> Floats:
    """The minutes that are due, held to what the burst lengths allow for the visits that are due."""
    burst_minutes = np.array(area.policy.burst_minutes, dtype=np.float64)
    low_minutes, high_minutes = burst_minutes.min(), burst_minutes.max()
    # At the very edge only an infinite multiplier gives the shortest (or longest) bursts alone.
    margin_minutes = 0.02 * (high_minutes - low_minutes)
    least_minutes = (low_minutes + margin_minutes) * area.target_visits
    most_minutes = (high_minutes - margin_minutes) * area.target_visits
    return np.asarray(np.clip(area.target_minutes, least_minutes, most_minutes))


def most_nats(area: AreaArrays) -> float:
    """The most that one visit may weigh, so that the weights of all walks can be summed in doubles.

    A walk of S slots holds at most V visits, and there are fewer than (choices e S / V)^V walks.
    """
    walk_slots = int(area.walkers.fields[:, 0].max(initial=1))
    most_visits = max(walk_slots // (int(area.length_slots.min()) + 1), 1)
    choice_count = len(area.places) * len(area.length_slots)
    walk_nats = np.log(choice_count) + 1.0 + np.log(max(walk_slots, 1) / most_visits)
    link_nats = max(float(np.log(area.links.weight.max(initial=1.0))), 0.0)
    feedback_nats = 1.0  # of visits owed and of a trial's arm
    return float(min(MOST_NATS_OF_A_WALK / most_visits - walk_nats - link_nats - feedback_nats, MOST_NATS))


def length_steps(burst_minutes: tuple[int, ...]) -> Floats:
    """Each burst length in steps of five minutes from the middle of all."""
    length_minutes = np.array(burst_minutes, dtype=np.float64)
    return np.asarray((length_minutes - length_minutes.mean()) / 5.0)


@dataclass(frozen=True)
class Multipliers:
    """A distribution before it is rounded: by place, by place and hour, and by place for lengths."""

    place: Floats  # [n]
    hour: Floats  # [n, 168]
    length: Floats  # [n] for each step of 5 minutes above the middle length

    def rounded(self, dual: "Dual") -> tuple[Ints, Ints]:
        """The weights in whole numbers: by hour of the week, and by burst length."""
        # Pilots draw from the rounded numbers, as a plan does: what rounding takes is mended too.
        length_nats = self.length[:, None] * length_steps(dual.area.policy.burst_minutes)
        most_place_nats = most_nats(dual.area) - np.maximum(length_nats.max(axis=1, keepdims=True), 0.0)
        raw_hour_nats = dual.profile_nats + self.place[:, None] + self.hour
        hour_nats = np.clip(raw_hour_nats, -MOST_NATS, np.maximum(most_place_nats, -MOST_NATS))
        return round_to_grid(hour_nats), round_to_grid(length_nats)


@dataclass(frozen=True)
class Dual:
    """The dual of one area without gaps: units of each kind, and where the search starts."""

    area: AreaArrays
    lattice: RouteLattice
    walkers: Walkers  # one of each kind
    walker_counts: Floats
    profile_nats: Floats  # [n, 168] what the profile says of the hours
    spring: float = SPRING

    def start(self, targets: VisitTargets) -> Multipliers:
        """Multipliers to start from: places in proportion to what they are due."""
        n = len(self.area.places)
        due_visits = np.maximum(targets.visits, 1e-9)
        return Multipliers(
            np.log(due_visits / due_visits.mean()) + START_NATS, np.zeros((n, HOURS_OF_WEEK)), np.zeros(n)
        )

    def fit(self, targets: VisitTargets, start: Multipliers, rounds: int) -> Multipliers:
        """Some rounds of L-BFGS, in units in which the dual is nearly round."""
        scales = self._scales(targets)
        # A place that cannot be given what it is due would be weighed up without end: bounds stop that.
        optimum = minimize(
            lambda x: self._value(x / scales, targets, scales),
            np.concatenate([start.place, start.length, start.hour.ravel()]) * scales,
            jac=True,
            method="L-BFGS-B",
            bounds=[(-MOST_NATS * scale, MOST_NATS * scale) for scale in scales],
            options={"maxiter": rounds, "maxfun": rounds + 4, "maxcor": 12},
        )
        return self._split(optimum.x / scales)

    def value(self, multipliers: Multipliers, targets: VisitTargets) -> float:
        """The dual: without a spring, no distribution with these visits and minutes has more nats."""
        x = np.concatenate([multipliers.place, multipliers.length, multipliers.hour.ravel()])
        return self._value(x, targets, np.ones(x.size))[0]

    def _scales(self, targets: VisitTargets) -> Floats:
        """The root of the second derivative's diagonal, place by place, of lengths, and hour by hour."""
        due_visits = np.maximum(targets.visits, 1e-3)
        length_spread = (length_steps(self.area.policy.burst_minutes) ** 2).mean()
        due_by_hour = np.maximum(targets.visits_by_hour, 1e-3).ravel()
        return np.asarray(
            np.sqrt(np.concatenate([due_visits, np.maximum(due_visits * length_spread, 1e-3), due_by_hour]))
        )

    def _split(self, x: Floats) -> Multipliers:
        n = len(self.area.places)
        return Multipliers(x[:n], x[2 * n :].reshape(n, HOURS_OF_WEEK), x[n : 2 * n])

    def _value(self, x: Floats, targets: VisitTargets, scales: Floats) -> tuple[float, Floats]:
        """The dual with its gradient; hours are held to the profile by a spring, places are not."""
        multipliers, steps = self._split(x), length_steps(self.area.policy.burst_minutes)
        hour_nats = self.profile_nats + multipliers.place[:, None] + multipliers.hour
        lattice = self.lattice._replace(
            weight=np.exp(hour_nats)[:, self.area.grid.hour_of_week] * self.area.dose_factor,
            length_weight=np.exp(multipliers.length[:, None] * steps),
        )
        by_hour, by_length, _, log_z = expect_visits(
            lattice, self.walkers, self.area.links, self.walker_counts, HOURS_OF_WEEK
        )
        # Too long a step overflows: a huge value with no slope lets the line search come back by itself.
        if np.isnan(log_z).any() or (log_z == np.inf).any():
            return OVERFLOWN, np.zeros(x.size)
        is_possible = np.isfinite(log_z)
        mean_burst_minutes = float(np.mean(self.area.policy.burst_minutes))
        due_step = (targets.minutes - mean_burst_minutes * targets.visits) / 5.0
        spring = self.spring * targets.visits_by_hour * multipliers.hour
        value = float(self.walker_counts[is_possible] @ log_z[is_possible])
        value -= float((hour_nats * targets.visits_by_hour).sum())
        value += 0.5 * float((spring * multipliers.hour).sum()) - float(multipliers.length @ due_step)
        excess = by_hour - targets.visits_by_hour
        gradient = (excess.sum(axis=1), by_length @ steps - due_step, (excess + spring).ravel())
        return value, np.asarray(np.concatenate(gradient) / scales)


def build_dual(area: AreaArrays) -> Dual:
    """The dual of an area."""
    lattice_shape = (len(area.places), HOURS_OF_WEEK)
    no_length_weights = np.zeros((lattice_shape[0], len(area.policy.burst_minutes)), dtype=np.int64)
    lattice = draw.build_lattice(area, np.zeros(lattice_shape, dtype=np.int64), no_length_weights, ())
    # Units of one kind have one log Z: a fortnight of tours costs the kernel no more than its distinct ones.
    example_units, kind_of_unit = draw.group_equal_walks(area)
    slots_of_hour = np.bincount(area.grid.hour_of_week, minlength=HOURS_OF_WEEK)
    hourly_rate = target_visits_by_hour(area) / np.maximum(slots_of_hour, 1)
    mean_log_rate = np.log(np.maximum(hourly_rate.sum(axis=1, keepdims=True) / HOURS_OF_WEEK, 1e-12))
    profile_nats = np.clip(np.log(np.maximum(hourly_rate, 1e-12)) - mean_log_rate, -3.0, 3.0)
    walker_counts = np.bincount(kind_of_unit).astype(np.float64)
    return Dual(area, lattice, select_walkers(area.walkers, example_units), walker_counts, profile_nats)


@dataclass(frozen=True)
class PilotDraw:
    """What one pilot draw of all tours tells of a distribution."""

    visits: Floats  # [n] expected, each unit given those before it
    minutes: Floats  # [n]
    covariance: Floats  # [n, n] of the visits about what was expected


def draw_pilot(
    area: AreaArrays, hour_weights: Ints, length_weights: Ints, earlier_bursts: tuple[Burst, ...], pilot: int
) -> PilotDraw:
    """Draw all tours with public numbers, with nothing owed."""
    # Never with the plan's key: a fit that hung on the key would tell of it in plan.json.
    shape = (len(area.shifts), draw.numbers_per_tour(area))
    numbers = public_numbers(f"pilot {pilot} of area {area.area}", shape[0] * shape[1]).reshape(shape)
    tour_draw = draw.TourDraw(
        area, hour_weights, length_weights, earlier_bursts, draw.no_feedback(area), numbers
    )
    tours = tour_draw.draw(with_entropy=False)
    excess = draw.count_visits(tours) - tours.expected_visits
    minutes_of_place = tours.visits_by_length @ np.array(area.policy.burst_minutes, dtype=np.float64)
    return PilotDraw(tours.expected_visits.sum(axis=0), np.asarray(minutes_of_place), excess.T @ excess)


def calibrate(
    dual: Dual, start: Multipliers, targets: VisitTargets, earlier_bursts: tuple[Burst, ...]
) -> tuple[Multipliers, Floats, Floats]:
    """The multipliers corrected for gaps, and the visits and minutes that are then to be expected."""
    due, multipliers = targets.visits, start
    length_spread = max(float((length_steps(dual.area.policy.burst_minutes) ** 2).mean()), 1e-9)
    covariance, pilot_trials, steps = np.zeros((due.size, due.size)), [], []
    for number in range(PILOTS):
        pilot = draw_pilot(dual.area, *multipliers.rounded(dual), earlier_bursts, number)
        covariance += pilot.covariance
        # The ridge keeps the step finite for places that no pilot has visited yet.
        slope = covariance / (number + 1) + np.diag(0.05 * np.maximum(due, 1.0))
        place_step = np.linalg.solve(slope, due - pilot.visits)
        mean_minutes = pilot.minutes / np.maximum(pilot.visits, 1e-9)
        length_step = (targets.minutes / np.maximum(due, 1e-9) - mean_minutes) / 5.0 / length_spread
        pilot_trials.append((multipliers, pilot))
        steps.append(
            (_shift_nats(multipliers.place, place_step), _shift_nats(multipliers.length, length_step))
        )
        # One pilot is noise: the mean of the later half settles, where the last step would jump about.
        places, lengths = zip(*steps[len(steps) // 2 :], strict=True)
        multipliers = replace(multipliers, place=np.mean(places, axis=0), length=np.mean(lengths, axis=0))
    late_trials = pilot_trials[PILOTS // 2 :]
    trial_visits = [pilot.visits + slope @ (multipliers.place - trial.place) for trial, pilot in late_trials]
    minutes = np.mean([pilot.minutes for _, pilot in late_trials], axis=0)
    return multipliers, np.maximum(np.mean(trial_visits, axis=0), 0.0), np.asarray(minutes)


def _shift_nats(values: Floats, step: np.ndarray) -> Floats:
    clipped = np.clip(step, -LONGEST_STEP, LONGEST_STEP)
    return np.asarray(np.clip(values + clipped, -MOST_NATS, MOST_NATS), dtype=np.float64)


def bound_bits(area: AreaArrays, tours: RouteDraws, distribution: RouteDistribution) -> float:
    """The most bits that any distribution could have which gives the visits and minutes of this one."""
    # Without spring, arm or weight on travel: only what cannot be otherwise binds the best distribution.
    links = area.links._replace(weight=np.where(area.links.weight > 0, 1.0, 0.0))
    dual = build_dual(replace(area, links=links, dose_factor=np.where(area.dose_factor > 0, 1.0, 0.0)))
    dual = replace(dual, profile_nats=np.zeros_like(dual.profile_nats), spring=0.0)
    minutes = tours.visits_by_length @ np.array(area.policy.burst_minutes, dtype=np.float64)
    targets = VisitTargets(tours.expected_by_hour, minutes)
    hour_weights, length_weights, _ = draw.select_weights(distribution, area)
    steps, no_nats = length_steps(area.policy.burst_minutes), np.zeros(len(area.places))
    start_multipliers = Multipliers(
        place=no_nats,
        hour=np.clip(hour_weights / GRID, -11.0, 11.0),
        length=length_weights @ steps / (steps @ steps) / GRID if steps.any() else no_nats,
    )
    # Every value of the dual is a bound: a fit that went astray makes it looser, never wrong.
    fit_multipliers = dual.fit(targets, start_multipliers, BOUND_ROUNDS)
    least_nats = min(dual.value(multipliers, targets) for multipliers in (start_multipliers, fit_multipliers))
    return least_nats / float(np.log(2.0))
