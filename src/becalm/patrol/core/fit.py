"""Fits the law of one area: by its dual, then by pilot draws for what gaps and clear places take.

Gaps and clear places are not in the dual. Pilot draws from public numbers tell, unit by unit and given the
units before it, what the law expects with them: c. The covariance H of visits about c, seen in the same
draws, is the derivative of c by the multipliers, so that each pilot gives a Newton step H^-1 (wanted - c);
the steps of the later half are averaged (Robbins and Monro 1951; averaged as in Polyak and Juditsky 1992).

Sources: Robbins and Monro, Annals of Mathematical Statistics 22 (1951) 400-407; Polyak and Juditsky, SIAM
Journal on Control and Optimization 30 (1992) 838-855.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from becalm.methods.arrays import Floats, Ints
from becalm.methods.routes.keyed_stream import public_numbers
from becalm.patrol.core.areas import Area
from becalm.patrol.core.draw import draw_area, draws_each, ground_of, pull_of
from becalm.patrol.core.dual import (
    MOST_NATS,
    Dual,
    Multipliers,
    Wanted,
    length_steps,
    possible_minutes,
    wanted_by_hour,
)
from becalm.patrol.core.nouns import Burst

ROUNDS, PILOTS = 12, 8
LONGEST_STEP = 0.7  # nats
PILOT_KEY = b"becalm pilot: public, never used for a plan"  # of the blocks closed to bursts


@dataclass(frozen=True)
class AreaLaw:
    """The law of one area in whole numbers, and what it gives on average."""

    hours: Ints  # [n, 168]
    lengths: Ints  # [n, lengths]
    due: Ints  # [n] thousandths of visits
    expected_visits: Floats  # [n] over the plan, by the last pilot
    expected_minutes: Floats


def fit_area(area: Area, earlier: tuple[Burst, ...]) -> AreaLaw:
    """The law under which an area is expected to get what it is due, gaps and clear places counted."""
    wanted = Wanted(wanted_by_hour(area), possible_minutes(area))
    dual = Dual.of(area)
    at = dual.fit(wanted, dual.start(wanted), ROUNDS)
    at, visits, minutes = calibrate(dual, at, wanted, earlier)
    hours, lengths = at.rounded(dual.base, area)
    due = np.rint(1000.0 * wanted.hours.sum(axis=1)).astype(np.int64)
    return AreaLaw(hours, lengths, due, visits, minutes)


@dataclass(frozen=True)
class Pilot:
    """What one pilot draw of all tours tells of a law."""

    visits: Floats  # [n] expected, each unit given those before it
    minutes: Floats  # [n]
    spread: Floats  # [n, n] covariance of the visits about what was expected


def pilot(area: Area, hours: Ints, lengths: Ints, earlier: tuple[Burst, ...], number: int) -> Pilot:
    """Draw all tours with public numbers, with nothing owed."""
    ground, n, count = ground_of(area, hours, lengths, earlier), len(area.places), len(area.shifts)
    nothing = pull_of(np.zeros((count, n)), np.zeros(n), 0.0)
    shape = (count, draws_each(area))
    draws = public_numbers(f"pilot {number} of area {area.area}", shape[0] * shape[1]).reshape(shape)
    drawn = draw_area(area, ground, nothing, draws, whole=False)
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
