"""How unpredictable is a plan, against the least predictable one with the same dosage?

A plan's entropy is the sum over units, in the order of drawing, of the entropy of each tour given those
before it: exact, by the chain rule. No law over whole plans with the same expected visits by place and hour
of the week and the same expected minutes can have more than the sum of each unit's largest entropy, which
the dual bounds: every value of the dual is such a bound, and the smallest is the tightest. The bound knows
shifts, meals, travel, blackouts and dosage; it knows no gaps, no pull of visits owed and no dearer travel,
which is why these have a price.

Source: Cover and Thomas, "Elements of Information Theory" (2006), theorems 2.5.1, 2.6.6 and 12.1.1.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from becalm.methods.routes.sequential_routes import Drawn
from becalm.patrol.core.areas import Area
from becalm.patrol.core.draw import rows_of
from becalm.patrol.core.dual import Dual, Multipliers, Wanted, length_steps
from becalm.patrol.core.request import GRID, RouteLaw

BOUND_ROUNDS = 10


def bound_bits(area: Area, drawn: Drawn, law: RouteLaw) -> float:
    """The most bits that any law could have which gives the visits and minutes that this draw was to give."""
    minutes = drawn.lengths @ np.array(area.policy.burst_minutes, dtype=np.float64)
    given = Wanted(drawn.hours, minutes)
    dual = free_dual(area)
    hours, lengths, _ = rows_of(law, area)
    steps = length_steps(area.policy.burst_minutes)
    start = Multipliers(
        place=np.zeros(len(area.places)),
        hour=np.clip(hours / GRID, -11.0, 11.0),
        length=lengths @ steps / (steps @ steps) / GRID if steps.any() else np.zeros(len(area.places)),
    )
    best = dual.fit(given, start, BOUND_ROUNDS)
    return min(dual.value(at, given) for at in (start, best)) / float(np.log(2.0))


def free_dual(area: Area) -> Dual:
    """The dual without spring, arm or weight on travel: only what cannot be otherwise."""
    ways = area.ways._replace(weight=np.where(area.ways.weight > 0, 1.0, 0.0))
    free = replace(area, ways=ways, scale=np.where(area.scale > 0, 1.0, 0.0))
    dual = Dual.of(free)
    return replace(dual, base=np.zeros_like(dual.base), spring=0.0)
