"""The dual of one area: the law of largest entropy that gives the visits wanted, gaps not counted.

The dual of the largest entropy at given expected visits is sum log Z(theta) - theta x target. Its gradient
is what the law expects less what is wanted; since visits are rare, its second derivative is near to the
expectation, and L-BFGS in units of its root needs some fifteen evaluations. Hours of the week are held to
the profile by a spring, places to their targets without one.

Sources: Jaynes, Physical Review 106 (1957) 620-630; Liu and Nocedal, Mathematical Programming 45 (1989)
503-528.

Fits the law of one area: by its dual, then by pilot draws for what gaps and clear places take.

Gaps and clear places are not in the dual. Pilot draws from public numbers tell, unit by unit and given the
units before it, what the law expects with them: c. The covariance H of visits about c, seen in the same
draws, is the derivative of c by the multipliers, so that each pilot gives a Newton step H^-1 (wanted - c);
the steps of the later half are averaged (Robbins and Monro 1951; averaged as in Polyak and Juditsky 1992).

Sources: Robbins and Monro, Annals of Mathematical Statistics 22 (1951) 400-407; Polyak and Juditsky, SIAM
Journal on Control and Optimization 30 (1992) 838-855.

How unpredictable is a plan, against the least predictable one with the same dosage?

A plan's entropy is the sum over units, in the order of drawing, of the entropy of each tour given those
before it: exact, by the chain rule. No law over whole plans with the same expected visits by place and hour
of the week and the same expected minutes can have more than the sum of each unit's largest entropy, which
the dual bounds: every value of the dual is such a bound, and the smallest is the tightest. The bound knows
shifts, meals, travel, blackouts and dosage; it knows no gaps, no pull of visits owed and no dearer travel,
which is why these have a price.

Source: Cover and Thomas, "Elements of Information Theory" (2006), theorems 2.5.1, 2.6.6 and 12.1.1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize

from becalm.methods.arrays import Floats, Ints
from becalm.methods.routes.exact_exp import nearest_grid
from becalm.methods.routes.keyed_stream import public_numbers
from becalm.methods.routes.sequential_expectation import expect_crowd
from becalm.methods.routes.sequential_routes import Crowd, Drawn, Ground
from becalm.patrol.core.area_arrays import AreaArrays, select_walkers
from becalm.patrol.core.draw import (
    build_feedback,
    build_lattice,
    draw_area_tours,
    group_equal_walks,
    numbers_per_tour,
    select_weights,
)
from becalm.patrol.core.places_and_shifts import HOURS_OF_WEEK, Burst
from becalm.patrol.core.plan_result import GRID, RouteDistribution

START_NATS = -3.0  # of a visit to the mean place, before anything is known
SPRING = 0.05  # how firmly hours keep to the profile: a shortfall of 5 % for each nat
MOST_NATS = 12.0  # of a visit; a place that needs more cannot be given what it is due
MOST_NATS_OF_A_WALK = 690.0  # all walks together: the logarithm of a double ends at 709
OVERFLOWN = 1e12  # the dual of a law that doubles cannot hold; far above that of any other
FLOOR_SHARE = 0.1  # of the mean hour: no hour is without any chance of a visit
ROUNDS, PILOTS = 12, 8
LONGEST_STEP = 0.7  # nats
PILOT_KEY = b"becalm pilot: public, never used for a plan"  # of the blocks closed to bursts
BOUND_ROUNDS = 10


def wanted_by_hour(area: AreaArrays) -> Floats:
    """The visits wanted in each hour of the week: by the profile, where units are on duty."""
    hour = area.clock.local[0]
    on_duty, crowd = np.zeros(area.clock.count), area.crowd
    for first, slots in zip(crowd.first, crowd.walk[:, 0], strict=True):
        on_duty[first : first + slots] += 1.0
    profile = np.array([place.profile for place in area.places])
    profile = profile / np.maximum(profile.sum(axis=1, keepdims=True), 1e-12)
    profile = (1.0 - FLOOR_SHARE) * profile + FLOOR_SHARE / HOURS_OF_WEEK
    by_slot = profile[:, hour] * on_duty * area.scale * (area.closed == 0)
    wanted = np.zeros((len(area.places), HOURS_OF_WEEK))
    for j, row in enumerate(by_slot):
        wanted[j] = np.bincount(hour, weights=row, minlength=HOURS_OF_WEEK)
    whole = wanted.sum(axis=1, keepdims=True)
    share = np.divide(wanted, whole, out=np.zeros_like(wanted), where=whole > 0)
    return np.asarray(share * area.target_visits[:, None])


@dataclass(frozen=True)
class Wanted:
    """What the dual is fitted to: visits by hour of the week, and minutes."""

    hours: Floats  # [n, 168]
    minutes: Floats  # [n]


@dataclass(frozen=True)
class Multipliers:
    """A law before it is rounded: by place, by place and hour, and by place for the length of a burst."""

    place: Floats  # [n]
    hour: Floats  # [n, 168]
    length: Floats  # [n] for each step of 5 minutes above the middle length

    def rounded(self, base: Floats, area: AreaArrays) -> tuple[Ints, Ints]:
        """The law in whole numbers: by hour of the week, and by burst length."""
        lengths = self.length[:, None] * length_steps(area.policy.burst_minutes)
        most = most_nats(area) - np.maximum(lengths.max(axis=1, keepdims=True), 0.0)
        theta = np.clip(base + self.place[:, None] + self.hour, -MOST_NATS, np.maximum(most, -MOST_NATS))
        return nearest_grid(theta), nearest_grid(lengths)


def most_nats(area: AreaArrays) -> float:
    """The most that one visit may weigh, so that the weights of all walks can be summed in doubles.

    A walk of S slots holds at most V visits, and there are fewer than (choices e S / V)^V walks.
    """
    slots = int(area.crowd.walk[:, 0].max(initial=1))
    visits = max(slots // (int(area.lengths.min()) + 1), 1)
    choices = len(area.places) * len(area.lengths)
    walks = np.log(choices) + 1.0 + np.log(max(slots, 1) / visits)
    ways = max(float(np.log(area.ways.weight.max(initial=1.0))), 0.0)
    pull = 1.0  # of visits owed and of a trial's arm
    return float(min(MOST_NATS_OF_A_WALK / visits - walks - ways - pull, MOST_NATS))


def length_steps(burst_minutes: tuple[int, ...]) -> Floats:
    """Each burst length in steps of five minutes from the middle of all."""
    lengths = np.array(burst_minutes, dtype=np.float64)
    return np.asarray((lengths - lengths.mean()) / 5.0)


def possible_minutes(area: AreaArrays) -> Floats:
    """The minutes wanted, held to what the burst lengths allow for the visits wanted."""
    lengths = np.array(area.policy.burst_minutes, dtype=np.float64)
    low, high = lengths.min(), lengths.max()
    edge = 0.02 * (high - low)
    return np.asarray(
        np.clip(area.target_minutes, (low + edge) * area.target_visits, (high - edge) * area.target_visits)
    )


@dataclass(frozen=True)
class Dual:
    """The dual of one area without gaps: units of each kind, and where the search starts."""

    area: AreaArrays
    ground: Ground
    few: Crowd
    times: Floats
    base: Floats  # [n, 168] what the profile says of the hours
    spring: float = SPRING

    @staticmethod
    def of(area: AreaArrays) -> Dual:
        """The dual of an area."""
        shape = (len(area.places), HOURS_OF_WEEK)
        lengths = np.zeros((shape[0], len(area.policy.burst_minutes)), dtype=np.int64)
        ground = build_lattice(area, np.zeros(shape, dtype=np.int64), lengths, ())
        examples, kind = group_equal_walks(area)
        wanted = wanted_by_hour(area)
        on_duty = np.bincount(area.clock.local[0], minlength=HOURS_OF_WEEK)
        rate = wanted / np.maximum(on_duty, 1)
        middle = np.log(np.maximum(rate.sum(axis=1, keepdims=True) / HOURS_OF_WEEK, 1e-12))
        base = np.clip(np.log(np.maximum(rate, 1e-12)) - middle, -3.0, 3.0)
        return Dual(
            area, ground, select_walkers(area.crowd, examples), np.bincount(kind).astype(np.float64), base
        )

    def start(self, wanted: Wanted) -> Multipliers:
        """A law to start from: places in proportion to what they are due."""
        n = len(self.area.places)
        share = np.maximum(wanted.hours.sum(axis=1), 1e-9)
        level = np.log(share / share.mean()) + START_NATS
        return Multipliers(level, np.zeros((n, HOURS_OF_WEEK)), np.zeros(n))

    def fit(self, wanted: Wanted, at: Multipliers, rounds: int) -> Multipliers:
        """Some rounds of L-BFGS from a law, in units in which the dual is nearly round."""
        sizes = self._sizes(wanted)
        bounds = [(-MOST_NATS * s, MOST_NATS * s) for s in sizes]
        found = minimize(
            lambda x: self._value(x / sizes, wanted, sizes),
            np.concatenate([at.place, at.length, at.hour.ravel()]) * sizes,
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": rounds, "maxfun": rounds + 4, "maxcor": 12},
        )
        return self._parts(found.x / sizes)

    def value(self, at: Multipliers, wanted: Wanted) -> float:
        """The dual at a law: without a spring, no law with these visits and minutes has more nats."""
        x = np.concatenate([at.place, at.length, at.hour.ravel()])
        return self._value(x, wanted, np.ones(x.size))[0]

    def _sizes(self, wanted: Wanted) -> Floats:
        whole = np.maximum(wanted.hours.sum(axis=1), 1e-3)
        spread = (length_steps(self.area.policy.burst_minutes) ** 2).mean()
        parts = (whole, np.maximum(whole * spread, 1e-3), np.maximum(wanted.hours, 1e-3).ravel())
        return np.asarray(np.sqrt(np.concatenate(parts)))

    def _parts(self, x: Floats) -> Multipliers:
        n = len(self.area.places)
        return Multipliers(x[:n], x[2 * n :].reshape(n, HOURS_OF_WEEK), x[n : 2 * n])

    def _value(self, x: Floats, wanted: Wanted, sizes: Floats) -> tuple[float, Floats]:
        """The dual with its gradient; hours are held to the profile by a spring, places are not."""
        at, steps = self._parts(x), length_steps(self.area.policy.burst_minutes)
        theta = self.base + at.place[:, None] + at.hour
        ground = self.ground._replace(
            weight=np.exp(theta)[:, self.area.clock.local[0]] * self.area.scale,
            length_weight=np.exp(at.length[:, None] * steps),
        )
        hours, lengths, _, log_z = expect_crowd(ground, self.few, self.area.ways, self.times, HOURS_OF_WEEK)
        if np.isnan(log_z).any() or (log_z == np.inf).any():
            return OVERFLOWN, np.zeros(x.size)
        possible = np.isfinite(log_z)
        middle = float(np.mean(self.area.policy.burst_minutes))
        longer = (wanted.minutes - middle * wanted.hours.sum(axis=1)) / 5.0
        spring = self.spring * wanted.hours * at.hour
        value = float(self.times[possible] @ log_z[possible]) - float((theta * wanted.hours).sum())
        value += 0.5 * float((spring * at.hour).sum()) - float(at.length @ longer)
        away = hours - wanted.hours
        parts = (away.sum(axis=1), lengths @ steps - longer, (away + spring).ravel())
        return value, np.asarray(np.concatenate(parts) / sizes)


@dataclass(frozen=True)
class AreaDistribution:
    """The law of one area in whole numbers, and what it gives on average."""

    hours: Ints  # [n, 168]
    lengths: Ints  # [n, lengths]
    due: Ints  # [n] thousandths of visits
    expected_visits: Floats  # [n] over the plan, by the last pilot
    expected_minutes: Floats


def fit_area_distribution(area: AreaArrays, earlier: tuple[Burst, ...]) -> AreaDistribution:
    """The law under which an area is expected to get what it is due, gaps and clear places counted."""
    wanted = Wanted(wanted_by_hour(area), possible_minutes(area))
    dual = Dual.of(area)
    at = dual.fit(wanted, dual.start(wanted), ROUNDS)
    at, visits, minutes = calibrate(dual, at, wanted, earlier)
    hours, lengths = at.rounded(dual.base, area)
    due = np.rint(1000.0 * wanted.hours.sum(axis=1)).astype(np.int64)
    return AreaDistribution(hours, lengths, due, visits, minutes)


@dataclass(frozen=True)
class Pilot:
    """What one pilot draw of all tours tells of a law."""

    visits: Floats  # [n] expected, each unit given those before it
    minutes: Floats  # [n]
    spread: Floats  # [n, n] covariance of the visits about what was expected


def pilot(area: AreaArrays, hours: Ints, lengths: Ints, earlier: tuple[Burst, ...], number: int) -> Pilot:
    """Draw all tours with public numbers, with nothing owed."""
    ground, n, count = build_lattice(area, hours, lengths, earlier), len(area.places), len(area.shifts)
    nothing = build_feedback(np.zeros((count, n)), np.zeros(n), 0.0)
    shape = (count, numbers_per_tour(area))
    draws = public_numbers(f"pilot {number} of area {area.area}", shape[0] * shape[1]).reshape(shape)
    drawn = draw_area_tours(area, ground, nothing, draws, whole=False)
    seen = np.bincount(drawn.visits[:, 0] * n + drawn.visits[:, 2], minlength=count * n).reshape(count, n)
    about = seen - drawn.expected
    minutes = drawn.lengths @ np.array(area.policy.burst_minutes, dtype=np.float64)
    return Pilot(drawn.expected.sum(axis=0), np.asarray(minutes), about.T @ about)


def calibrate(
    dual: Dual, at: Multipliers, wanted: Wanted, earlier: tuple[Burst, ...]
) -> tuple[Multipliers, Floats, Floats]:
    """The law with its places mended for gaps, and the visits and minutes it is then expected to give."""
    due, steps = wanted.hours.sum(axis=1), length_steps(dual.area.policy.burst_minutes)
    spread, tried, aims = np.zeros((due.size, due.size)), [], []
    for number in range(PILOTS):
        seen = pilot(dual.area, *at.rounded(dual.base, dual.area), earlier, number)
        spread += seen.spread
        slope = spread / (number + 1) + np.diag(0.05 * np.maximum(due, 1.0))
        step = np.linalg.solve(slope, due - seen.visits)
        mean_minutes = seen.minutes / np.maximum(seen.visits, 1e-9)
        longer = (wanted.minutes / np.maximum(due, 1e-9) - mean_minutes) / 5.0
        longer /= max(float((steps**2).mean()), 1e-9)  # with one length only, there is nothing to turn
        tried.append((at, seen))
        aims.append(
            replace(
                at,
                place=np.clip(at.place + np.clip(step, -LONGEST_STEP, LONGEST_STEP), -MOST_NATS, MOST_NATS),
                length=np.clip(
                    at.length + np.clip(longer, -LONGEST_STEP, LONGEST_STEP), -MOST_NATS, MOST_NATS
                ),
            )
        )
        late = aims[len(aims) // 2 :]
        at = replace(
            at,
            place=np.mean([aim.place for aim in late], axis=0),
            length=np.mean([aim.length for aim in late], axis=0),
        )
    late_tries = tried[PILOTS // 2 :]
    moved = [seen.visits + slope @ (at.place - then.place) for then, seen in late_tries]
    minutes = np.mean([seen.minutes for _, seen in late_tries], axis=0)
    return at, np.maximum(np.mean(moved, axis=0), 0.0), np.asarray(minutes)


def bound_bits(area: AreaArrays, drawn: Drawn, distribution: RouteDistribution) -> float:
    """The most bits that any law could have which gives the visits and minutes that this draw was to give."""
    minutes = drawn.lengths @ np.array(area.policy.burst_minutes, dtype=np.float64)
    given = Wanted(drawn.hours, minutes)
    dual = free_dual(area)
    hours, lengths, _ = select_weights(distribution, area)
    steps = length_steps(area.policy.burst_minutes)
    start = Multipliers(
        place=np.zeros(len(area.places)),
        hour=np.clip(hours / GRID, -11.0, 11.0),
        length=lengths @ steps / (steps @ steps) / GRID if steps.any() else np.zeros(len(area.places)),
    )
    best = dual.fit(given, start, BOUND_ROUNDS)
    return min(dual.value(at, given) for at in (start, best)) / float(np.log(2.0))


def free_dual(area: AreaArrays) -> Dual:
    """The dual without spring, arm or weight on travel: only what cannot be otherwise."""
    ways = area.ways._replace(weight=np.where(area.ways.weight > 0, 1.0, 0.0))
    free = replace(area, ways=ways, scale=np.where(area.scale > 0, 1.0, 0.0))
    dual = Dual.of(free)
    return replace(dual, base=np.zeros_like(dual.base), spring=0.0)
