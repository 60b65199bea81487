"""exp(k / 1024) for whole numbers k, the same to the last bit on every machine.

Libraries of mathematics differ in the last bit of exp, and one bit is enough to turn a draw. So exp is
taken from two tables, exp(i) and exp(j / 1024), each rounded once from 40 decimal digits, and a value
is one product of two doubles, which IEEE 754 fixes.
"""

from __future__ import annotations

from decimal import Context, Decimal
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from becalm.methods.arrays import Floats, Ints

GRID = 1024
LARGEST = 40  # whole nats on either side; beyond them a value is held at the end


@cache
def _tables() -> tuple[Floats, Floats]:
    context = Context(prec=40)
    whole = [float(context.exp(Decimal(i))) for i in range(-LARGEST, LARGEST + 1)]
    part = [float(context.exp(context.divide(Decimal(j), Decimal(GRID)))) for j in range(GRID)]
    return np.array(whole), np.array(part)


def exact_exp(k: ArrayLike) -> Floats:
    """exp(k / 1024), held within exp(-40) and exp(40).

    >>> float(exact_exp(0)), round(float(exact_exp(1024)), 12)
    (1.0, 2.718281828459)
    """
    whole, part = _tables()
    held = np.clip(np.asarray(k, dtype=np.int64), -LARGEST * GRID, LARGEST * GRID)
    return np.asarray(whole[(held >> 10) + LARGEST] * part[held & (GRID - 1)])


def nearest_grid(nats: ArrayLike) -> Ints:
    """The whole number of 1/1024 nat nearest to each value."""
    return np.rint(np.asarray(nats, dtype=np.float64) * GRID).astype(np.int64)
