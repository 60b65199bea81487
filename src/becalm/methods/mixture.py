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
    event_order = np.flatnonzero(is_possible)[np.argsort(counts[is_possible], kind="stable")]
    event_parts = np.ascontiguousarray(parts[:, event_order], dtype=np.float64)
    event_weights = np.asarray(counts[event_order], dtype=np.float64)
    event_weights /= event_weights.sum()
    likelihood_point = _likelihood_slopes(event_parts, event_weights, shares)
    for _ in range(rounds):
        share_step = _best_step(shares, likelihood_point[1] - 1.0, likelihood_point[2])
        if np.abs(share_step).max() < tolerance or float((likelihood_point[1] - 1.0) @ share_step) < NO_GAIN:
            shares = shares + share_step
            break
        shares, likelihood_point = _search_line(
            event_parts, event_weights, shares, share_step, likelihood_point
        )
    return np.asarray(shares / shares.sum())


def _best_step(shares: Floats, slope: Floats, bend: Floats) -> Floats:
    """To the top of the parabola that touches the likelihood here, or to where shares would fall below 0."""
    regular_bend = bend + np.eye(len(shares)) * (SLIGHT * np.trace(bend))
    bend_root = np.linalg.cholesky(regular_bend).T
    best_shares, _ = nnls(bend_root, solve_triangular(bend_root, slope + regular_bend @ shares, trans="T"))
    return np.asarray(best_shares - shares)


def _search_line(
    event_parts: Floats, weights: Floats, shares: Floats, step: Floats, point: tuple[float, Floats, Floats]
) -> tuple[Floats, tuple[float, Floats, Floats]]:
    """Go the whole step, or half of it and so on until the likelihood rises as the slope promised."""
    start_value, promised_gain = point[0] - shares.sum(), float((point[1] - 1.0) @ step)
    next_shares, next_point = shares, point
    for halvings in range(MOST_HALVINGS):
        step_share = 0.5**halvings
        next_shares = shares + step_share * step
        next_point = _likelihood_slopes(event_parts, weights, next_shares)
        if (
            next_point[0] - next_shares.sum()
            >= start_value + LEAST_GAIN * step_share * promised_gain - NO_GAIN
        ):
            break
    return next_shares, next_point


@njit(cache=True, nogil=True)
def _likelihood_slopes(event_parts, weights, shares):  # type: ignore[no-untyped-def]  # a kernel
    """The log-likelihood, its slope, and minus its second derivatives."""
    part_count, event_count = event_parts.shape
    value, slope, bend = 0.0, np.zeros(part_count), np.zeros((part_count, part_count))
    for first_event in range(0, event_count, BLOCK):
        block_parts, block_weights = (
            event_parts[:, first_event : first_event + BLOCK],
            weights[first_event : first_event + BLOCK],
        )
        mixed = np.zeros(block_parts.shape[1])
        for k in range(part_count):
            for i in range(len(mixed)):
                mixed[i] += shares[k] * block_parts[k, i]
        log_sum = _log_sum(mixed, block_weights)
        if log_sum == -np.inf:
            return log_sum, slope, bend
        value += log_sum
        ratio = block_weights / mixed
        square = ratio / mixed
        for k in range(part_count):
            slope[k] += _sum_of_products(ratio, block_parts[k])
            tilted = square * block_parts[k]
            for other in range(k + 1):
                bend[k, other] += _sum_of_products(tilted, block_parts[other])
    return value, slope, bend + bend.T - np.diag(np.diag(bend))


# Here alone sums may be reordered, so that they run side by side: shares agree to the tolerance, not the bit.
@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _sum_of_products(left_values, right_values):  # type: ignore[no-untyped-def]  # a kernel
    """The scalar product, in whatever order is fastest."""
    product_sum = 0.0
    for i in range(len(left_values)):
        product_sum += left_values[i] * right_values[i]
    return product_sum


@njit(cache=True, nogil=True)
def _log_sum(mixed, weights):  # type: ignore[no-untyped-def]  # a kernel
    """The weighted sum of logarithms; neighbours of one weight are multiplied first, and share one."""
    log_total, product, common_weight = 0.0, 1.0, 0.0
    for i in range(len(mixed)):
        if mixed[i] < IMPOSSIBLE:
            return -np.inf
        if weights[i] != common_weight or product < IMPOSSIBLE:
            log_total += common_weight * np.log(product)
            product, common_weight = 1.0, weights[i]
        product *= mixed[i]
    return log_total + common_weight * np.log(product)
