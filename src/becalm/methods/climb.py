"""The top of a smooth function of a few parameters within bounds.

Newton's method with the damping of D. W. Marquardt, "An algorithm for least-squares estimation of nonlinear
parameters", SIAM Journal 11 (1963) 431-441. For two or three parameters it takes a few steps of a few
microseconds, and no threads.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from becalm.methods.arrays import Floats

Rise = Callable[[Floats], tuple[float, Floats, Floats]]


def climb(
    rise: Rise, start: Floats, *, low: Floats, high: Floats, rounds: int = 60, tolerance: float = 1e-7
) -> Floats:
    """Where, between `low` and `high`, is the function highest, going uphill from `start`?

    `rise(theta)` gives the value, its gradient and its matrix of second derivatives. It stops where no
    parameter moves by `tolerance`.
    """
    theta, damping = start, 1e-3
    value, gradient, bends = rise(theta)
    for _ in range(rounds):
        step = _step(theta, gradient, bends, damping, low, high)
        there = np.clip(theta + step, low, high)
        if np.abs(there - theta).max() < tolerance:
            break
        reached = rise(there)
        if reached[0] > value:
            theta, damping = there, damping / 8.0
            value, gradient, bends = reached
        else:
            damping = max(damping, 1e-6) * 8.0
    return theta


def _step(
    theta: Floats, gradient: Floats, bends: Floats, damping: float, low: Floats, high: Floats
) -> Floats:
    """Newton's step among the parameters that no bound holds back, shortened where the top is not round."""
    free = ~(((theta <= low) & (gradient < 0.0)) | ((theta >= high) & (gradient > 0.0)))
    step = np.zeros_like(theta)
    if free.any():
        values, axes = np.linalg.eigh(-bends[np.ix_(free, free)])
        sizes = np.maximum(np.abs(values), 1e-12) * (1.0 + damping)
        step[free] = axes @ ((axes.T @ gradient[free]) / sizes)
    return step
