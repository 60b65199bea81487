"""How far does the level of each series wander beside its trend and its season, alone and with others?

What a regression leaves of a series is weekly noise and a wandering level. The level is taken for
fractional Brownian motion (Mandelbrot and Van Ness, SIAM Review 10 (1968) 422-437): over h years its
logarithm moves by a variance of v h^DRIFT_POWER. Residuals are turned into the components of such a path,
seen through the regression, from the slowest to the fastest: the slow ones carry the drift, the fast half
little but noise. v is then the solution of the score equation of their likelihood (restricted maximum
likelihood: Patterson and Thompson, Biometrika 58 (1971) 545-554) with the weights of the mean of all
series. Series lend it to each other as in `shrink_estimates`. What the series of a group wander in common
comes from the products of their components.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from becalm.methods.arrays import Bools, Floats

DRIFT_POWER: Final = 0.4
FIRST_VARIANCE, LEAST_VARIANCE = 0.05**2, 1e-6  # of a year's drift, log scale
ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)
class ResidualDrift:
    """The drift of each series in a year, as a variance on the log scale.

    `doubt` is the variance of that estimate. `shared[g]` is the part that the series of each group of
    grouping g have in common. `in_residuals` is the variance that a drift of 1 leaves in a single residual.
    """

    variance: Floats
    doubt: Floats
    shared: tuple[float, ...]
    in_residuals: float

    def own_variance(self, variance: Floats) -> Floats:
        """What is left of such variances once the parts of the groups are taken out."""
        return np.asarray(np.maximum(variance - sum(self.shared), 0.0))


def fit_residual_drift(
    residuals: Floats, design: Floats, groupings: Sequence[Floats], *, cycle: float
) -> ResidualDrift:
    """What do relative residuals (series x times) of a regression on `design` say of the drift of each level?

    `groupings` number the group of each series, the widest first: what two groupings have in common belongs
    to the first. `cycle` is how many times make a year.
    """
    components, weights = drift_components(design, cycle)
    component_values = residuals @ components
    is_fast = np.arange(len(weights)) >= len(weights) // 2
    fast_square, fast_weight = (
        (component_values[:, is_fast] ** 2).mean(axis=1),
        float(weights[is_fast].mean()),
    )
    mean_variance = FIRST_VARIANCE
    for _ in range(ROUNDS):
        noise = np.maximum(fast_square - mean_variance * fast_weight, 0.1 * fast_square + 1e-12)[:, None]
        score_weights = weights / (noise + mean_variance * weights) ** 2
        information = (score_weights * weights).sum(axis=1)
        # What the fast components hold is noise, and their own small part of the drift.
        score_contrast = information - fast_weight * score_weights.sum(axis=1)
        variance = (
            (score_weights * component_values**2).sum(axis=1) - fast_square * score_weights.sum(axis=1)
        ) / score_contrast
        error_variance = 2.0 * information / score_contrast**2
        mean_variance = max(float(np.average(variance, weights=1.0 / error_variance)), LEAST_VARIANCE)
    shared_variance, doubt = shrink_estimates(variance, error_variance)
    shared: list[float] = []
    for numbers in groupings:
        common_variance = _common_variance(
            component_values, np.sqrt(score_weights), weights, is_fast, numbers
        )
        shared.append(max(common_variance - sum(shared[:1]), 0.0))
    return ResidualDrift(
        np.maximum(shared_variance, LEAST_VARIANCE), doubt, tuple(shared), float(weights.mean())
    )


def drift_components(design: Floats, cycle: float) -> tuple[Floats, Floats]:
    """What the regression leaves of a drifting path: its components and their variances, largest first."""
    time_count, column_count = design.shape
    basis, _ = np.linalg.qr(design)
    covariance = path_covariance(time_count, cycle)
    covariance = covariance - basis @ (basis.T @ covariance)
    covariance = covariance - (covariance @ basis) @ basis.T
    variances, components = np.linalg.eigh(covariance)
    order = np.argsort(-variances)[: time_count - column_count]
    return components[:, order], np.maximum(variances[order], 0.0)


def path_covariance(time_count: int, cycle: float) -> Floats:
    """The covariance of a path that drifts by a variance of 1 in a year, from its first time on."""
    years = np.arange(time_count) / cycle
    spans = np.abs(years[:, None] - years) ** DRIFT_POWER
    return np.asarray(0.5 * (spans[:1].T + spans[:1] - spans))


def draw_paths(rows: int, length: int, rng: np.random.Generator, *, cycle: float) -> Floats:
    """So many paths (rows) that drift by a variance of 1 in a year.

    By circulant embedding of their increments (Davies and Harte, Biometrika 74 (1987) 95-101), which is
    exact.
    """
    lag_steps = np.arange(length + 1, dtype=np.float64)
    covariance = 0.5 * (
        (lag_steps + 1.0) ** DRIFT_POWER
        - 2.0 * lag_steps**DRIFT_POWER
        + np.abs(lag_steps - 1.0) ** DRIFT_POWER
    )
    circulant_row = np.concatenate([covariance, covariance[-2:0:-1]])
    weights = np.sqrt(np.maximum(np.fft.fft(circulant_row).real, 0.0) / len(circulant_row))
    pair_count = (rows + 1) // 2
    normal_draws = rng.normal(size=(2, pair_count, len(circulant_row)))
    complex_paths = np.fft.fft(weights * (normal_draws[0] + 1j * normal_draws[1]), axis=1)[:, :length]
    increments = np.concatenate([complex_paths.real, complex_paths.imag])[
        :rows
    ]  # both parts are paths of their own
    return np.asarray(np.cumsum(increments, axis=1) / cycle ** (DRIFT_POWER / 2.0))


def shrink_estimates(estimates: Floats, variances: Floats) -> tuple[Floats, Floats]:
    """Estimates of one family (first axis), each drawn towards the family's mean by how little it knows.

    Given with the variance that is left. The spread of the family is what is left of the spread of the
    estimates beside their own variances. Source: DerSimonian and Laird, Controlled Clinical Trials 7 (1986)
    177-188; Morris, Journal of the American Statistical Association 78 (1983) 47-55.
    """
    weights = 1.0 / np.maximum(variances, 1e-12)
    weight_totals = weights.sum(axis=0)
    weighted_means = (weights * estimates).sum(axis=0) / weight_totals
    excess_scatter = (weights * (estimates - weighted_means) ** 2).sum(axis=0) - (len(estimates) - 1)
    between_variance = np.maximum(
        excess_scatter / np.maximum(weight_totals - (weights**2).sum(axis=0) / weight_totals, 1e-12), 0.0
    )
    own_share = between_variance / (between_variance + np.maximum(variances, 1e-12))
    return np.asarray(weighted_means + own_share * (estimates - weighted_means)), np.asarray(
        own_share * variances
    )


def _common_variance(
    values: Floats, root_scores: Floats, weights: Floats, fast: Bools, numbers: Floats
) -> float:
    """The drift that two series of one group have in common, from the products of all pairs of them."""
    product, square = 0.0, 0.0
    for number in np.unique(numbers):
        is_member = numbers == number
        member_count = int(is_member.sum())
        if member_count < 2:
            continue
        pair_count = member_count * (member_count - 1)
        fast_product = _sum_of_pairs(values[is_member][:, fast]) / fast.sum() / pair_count
        score_sum = _sum_of_pairs(root_scores[is_member])
        product += _sum_of_pairs(root_scores[is_member] * values[is_member]) - fast_product * score_sum
        square += _sum_of_pairs(root_scores[is_member] * np.sqrt(weights))
        square -= float(weights[fast].mean()) * score_sum
    return product / square if square > 0.0 else 0.0


def _sum_of_pairs(rows: Floats) -> float:
    """The sum of the products of all pairs of different rows, over all columns."""
    return float((rows.sum(axis=0) ** 2 - (rows**2).sum(axis=0)).sum())
