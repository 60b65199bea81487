"""Shares of several forecasts: which mixture of them makes what happened most likely?

The log-likelihood of the shares is concave, so it has one top. It is climbed by steps of Newton's method,
each of them a small quadratic programme that keeps shares from falling below 0: Y. Kim, P. Carbonetto,
M. Stephens and M. Anitescu, "A fast algorithm for maximum likelihood estimation of mixture proportions using
sequential quadratic programming", Journal of Computational and Graphical Statistics 29 (2020) 261-273. That
shares sum to 1 needs no bound: it holds at the top of the likelihood less their sum. The programme is
solved as non-negative least squares (C. L. Lawson and R. J. Hanson, "Solving Least Squares Problems", 1974).
"""

import numpy as np
from numba import njit
from scipy.linalg import solve_triangular
from scipy.optimize import nnls

from becalm.methods.arrays import Floats

BLOCK = 512  # events that are worked on at once, so that all of them stay in the nearest cache
IMPOSSIBLE = 1e-140  # its square is still a number
NO_GAIN = 1e-14  # in log-likelihood per event: the rounding of the sum is larger
LEAST_GAIN = 1e-4  # of what the slope promises: L. Armijo, Pacific Journal of Mathematics 16 (1966) 1-3
SLIGHT = 1e-12  # keeps forecasts that are the same from making the programme singular
MOST_HALVINGS = 40


def fit_mixture(parts: Floats, counts: Floats, *, rounds: int = 100, tolerance: float = 1e-8) -> Floats:
    """Which non-negative shares, summing to 1, make the counts most likely?

    `parts[k, i]` is the probability that forecast k gave to where event i fell; `counts[i]` is how
    many fell there. An event that no forecast thought possible tells nothing and is left out. It stops
    where no share would move by `tolerance`, or after `rounds`; without a single count all shares are equal.
    """
    shares = np.full(len(parts), 1.0 / len(parts))
    is_possible = (counts > 0) & (parts.max(axis=0, initial=0.0) > IMPOSSIBLE)
    if not is_possible.any():
        return shares
    # Sorted by count, so that neighbours share one logarithm of their product (see `_log_sum`).
    order = np.flatnonzero(is_possible)[np.argsort(counts[is_possible], kind="stable")]
    event_parts = np.ascontiguousarray(parts[:, order], dtype=np.float64)
    weights = np.asarray(counts[order], dtype=np.float64)
    weights /= weights.sum()
    point = _likelihood_slopes(event_parts, weights, shares)
    for _ in range(rounds):
        step = _best_step(shares, point[1] - 1.0, point[2])
        if np.abs(step).max() < tolerance or float((point[1] - 1.0) @ step) < NO_GAIN:
            shares = shares + step
            break
        shares, point = _search_line(event_parts, weights, shares, step, point)
    return np.asarray(shares / shares.sum())


def _best_step(shares: Floats, slope: Floats, bend: Floats) -> Floats:
    """To the top of the parabola that touches the likelihood here, or to where shares would fall below 0."""
    regular_bend = bend + np.eye(len(shares)) * (SLIGHT * np.trace(bend))
    root = np.linalg.cholesky(regular_bend).T
    target, _ = nnls(root, solve_triangular(root, slope + regular_bend @ shares, trans="T"))
    return np.asarray(target - shares)


def _search_line(
    event_parts: Floats, weights: Floats, shares: Floats, step: Floats, point: tuple[float, Floats, Floats]
) -> tuple[Floats, tuple[float, Floats, Floats]]:
    """Go the whole step, or half of it and so on until the likelihood rises as the slope promised."""
    value, promised_gain = point[0] - shares.sum(), float((point[1] - 1.0) @ step)
    next_shares, next_point = shares, point
    for halvings in range(MOST_HALVINGS):
        part = 0.5**halvings
        next_shares = shares + part * step
        next_point = _likelihood_slopes(event_parts, weights, next_shares)
        if next_point[0] - next_shares.sum() >= value + LEAST_GAIN * part * promised_gain - NO_GAIN:
            break
    return next_shares, next_point


@njit(cache=True, nogil=True)
def _likelihood_slopes(event_parts, weights, shares):  # type: ignore[no-untyped-def]  # a kernel
    """The log-likelihood, its slope, and minus its second derivatives."""
    part_count, events = event_parts.shape
    value, slope, bend = 0.0, np.zeros(part_count), np.zeros((part_count, part_count))
    for first in range(0, events, BLOCK):
        rows, block_weights = event_parts[:, first : first + BLOCK], weights[first : first + BLOCK]
        mixed = np.zeros(rows.shape[1])
        for k in range(part_count):
            for i in range(len(mixed)):
                mixed[i] += shares[k] * rows[k, i]
        logs = _log_sum(mixed, block_weights)
        if logs == -np.inf:
            return logs, slope, bend
        value += logs
        ratio = block_weights / mixed
        square = ratio / mixed
        for k in range(part_count):
            slope[k] += _sum_of_products(ratio, rows[k])
            tilted = square * rows[k]
            for other in range(k + 1):
                bend[k, other] += _sum_of_products(tilted, rows[other])
    return value, slope, bend + bend.T - np.diag(np.diag(bend))


# Here alone sums may be reordered, so that they run side by side: shares agree to the tolerance, not the bit.
@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _sum_of_products(values, others):  # type: ignore[no-untyped-def]  # a kernel
    """The scalar product, in whatever order is fastest."""
    total = 0.0
    for i in range(len(values)):
        total += values[i] * others[i]
    return total


@njit(cache=True, nogil=True)
def _log_sum(mixed, weights):  # type: ignore[no-untyped-def]  # a kernel
    """The weighted sum of logarithms; neighbours of one weight are multiplied first, and share one."""
    total, product, weight = 0.0, 1.0, 0.0
    for i in range(len(mixed)):
        if mixed[i] < IMPOSSIBLE:
            return -np.inf
        if weights[i] != weight or product < IMPOSSIBLE:
            total += weight * np.log(product)
            product, weight = 1.0, weights[i]
        product *= mixed[i]
    return total + weight * np.log(product)
