"""Forecasts of many places set right where they are all too high or too low, by what was counted there.

A smooth forecast is too low on peaks and too high beside them. How far, its own size tells: the counts of
places are regressed on the logarithm of their forecast, as a parabola (calibration in the large and of the
slope: D. R. Cox, "Two further applications of a model for binary regression", Biometrika 45 (1958) 562-565;
here for counts, with a term for the bend). A belief that the forecast is right keeps a thin record from
bending it.
"""

import numpy as np

from becalm.methods.arrays import Floats

CLASSES = 60  # of forecasts: places of one class are taken together
BELIEVED_DEVIATIONS = np.array([0.2, 0.1])  # of slope and bend, per factor of e in the forecast
WIDEST_LOG = 3.0  # from the mean of the logarithm on the forecast is moved as far as here
ROUNDS = 12


def calibrate_means(means: Floats, counts: Floats, exposure: float) -> Floats:
    """The forecasts of places moved to what places of their size have, as independent counts tell; same sum.

    `counts` over this exposure must not be part of what the forecasts were made from.
    """
    if not counts.any():
        return means
    log_means = np.log(means)
    log_centre = float(means @ log_means / means.sum())
    log_distances = np.clip(log_means - log_centre, -WIDEST_LOG, WIDEST_LOG)
    class_width = max(float(np.ptp(log_distances)), 1e-9) / CLASSES
    class_of_place = ((log_distances - log_distances.min()) / class_width).astype(np.int64)
    sizes, observed_counts, expected_counts, count_squares, distance_sums = (
        np.bincount(class_of_place, values)
        for values in (np.ones(len(means)), counts, exposure * means, counts**2, log_distances * means)
    )
    is_used = sizes > 0
    observed_counts, expected_counts = observed_counts[is_used], expected_counts[is_used]
    class_distances = distance_sums[is_used] * exposure / expected_counts
    design = np.column_stack([np.ones(len(class_distances)), class_distances, class_distances**2])
    # Counts of one class scatter more than chance, by what their own squares show.
    noise_ratio = float(count_squares.sum() / observed_counts.sum())
    penalty_matrix = np.diag([0.0, *1.0 / BELIEVED_DEVIATIONS**2])
    slopes = np.array([np.log(observed_counts.sum() / expected_counts.sum()), 0.0, 0.0])
    for _ in range(ROUNDS):
        fitted_counts = expected_counts * np.exp(np.clip(design @ slopes, -5.0, 5.0))
        gradient = design.T @ (observed_counts - fitted_counts) / noise_ratio - penalty_matrix @ slopes
        curvature = (design.T * fitted_counts) @ design / noise_ratio + penalty_matrix + 1e-9 * np.eye(3)
        slopes = slopes + np.clip(np.linalg.solve(curvature, gradient), -1.0, 1.0)
    calibrated_means = means * np.exp(slopes[1] * log_distances + slopes[2] * log_distances**2)
    return np.asarray(calibrated_means * (means.sum() / calibrated_means.sum()))
