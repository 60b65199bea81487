"""The dual of one area: the law of largest entropy that gives the visits wanted, gaps not counted.

The dual of the largest entropy at given expected visits is sum log Z(theta) - theta x target. Its gradient
is what the law expects less what is wanted; since visits are rare, its second derivative is near to the
expectation, and L-BFGS in units of its root needs some fifteen evaluations. Hours of the week are held to
the profile by a spring, places to their targets without one.

Sources: Jaynes, Physical Review 106 (1957) 620-630; Liu and Nocedal, Mathematical Programming 45 (1989)
503-528.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from becalm.methods.arrays import Floats, Ints
from becalm.methods.routes.exact_exp import nearest_grid
from becalm.methods.routes.sequential_expectation import expect_crowd
from becalm.methods.routes.sequential_routes import Crowd, Ground
from becalm.patrol.core.areas import Area, some_of
from becalm.patrol.core.draw import ground_of, kinds_of_walk
from becalm.patrol.core.request import HOURS_OF_WEEK

START_NATS = -3.0  # of a visit to the mean place, before anything is known
SPRING = 0.05  # how firmly hours keep to the profile: a shortfall of 5 % for each nat
MOST_NATS = 12.0  # of a visit; a place that needs more cannot be given what it is due
MOST_NATS_OF_A_WALK = 690.0  # all walks together: the logarithm of a double ends at 709
OVERFLOWN = 1e12  # the dual of a law that doubles cannot hold; far above that of any other
FLOOR_SHARE = 0.1  # of the mean hour: no hour is without any chance of a visit


def wanted_by_hour(area: Area) -> Floats:
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

    def rounded(self, base: Floats, area: Area) -> tuple[Ints, Ints]:
        """The law in whole numbers: by hour of the week, and by burst length."""
        lengths = self.length[:, None] * length_steps(area.policy.burst_minutes)
        most = most_nats(area) - np.maximum(lengths.max(axis=1, keepdims=True), 0.0)
        theta = np.clip(base + self.place[:, None] + self.hour, -MOST_NATS, np.maximum(most, -MOST_NATS))
        return nearest_grid(theta), nearest_grid(lengths)


def most_nats(area: Area) -> float:
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


def possible_minutes(area: Area) -> Floats:
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

    area: Area
    ground: Ground
    few: Crowd
    times: Floats
    base: Floats  # [n, 168] what the profile says of the hours
    spring: float = SPRING

    @staticmethod
    def of(area: Area) -> Dual:
        """The dual of an area."""
        shape = (len(area.places), HOURS_OF_WEEK)
        lengths = np.zeros((shape[0], len(area.policy.burst_minutes)), dtype=np.int64)
        ground = ground_of(area, np.zeros(shape, dtype=np.int64), lengths, ())
        examples, kind = kinds_of_walk(area)
        wanted = wanted_by_hour(area)
        on_duty = np.bincount(area.clock.local[0], minlength=HOURS_OF_WEEK)
        rate = wanted / np.maximum(on_duty, 1)
        middle = np.log(np.maximum(rate.sum(axis=1, keepdims=True) / HOURS_OF_WEEK, 1e-12))
        base = np.clip(np.log(np.maximum(rate, 1e-12)) - middle, -3.0, 3.0)
        return Dual(area, ground, some_of(area.crowd, examples), np.bincount(kind).astype(np.float64), base)

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
