"""What does one more unit of a treatment do, where each unit's expected dose is known from how it was drawn?

A dose that was drawn, less what its draw expected, has mean 0 whatever the unit is like. So the slope of the
outcome on that remainder,

    effect = sum (D - E D) (Y - mu) / sum (D - E D)^2 ,

is the effect of one unit of dose, with no model of what the outcome would have been; mu, anything known
before the draw, only makes it sharper. Doses of one cluster (a day, say) may hang together; clusters are left
out one by one for its error (jackknife).

Sources: Borusyak and Hull, Econometrica 91 (2023) 2155-2185, on recentred treatments; Efron and Stein, Annals
of Statistics 9 (1981) 586-596, on the jackknife.
"""

import numpy as np

from becalm.methods.arrays import Floats, Ints
from becalm.methods.panel_effects import LogEffect, log_effect


def recentred_effect(
    outcome: Floats,
    dose: Floats,
    expected_dose: Floats,
    clusters: Ints,
    *,
    expected: Floats | float = 0.0,
    level: float = 0.95,
) -> LogEffect:
    """By how much does one more unit of dose change the outcome? All arrays have one element per unit.

    The answer is on the scale of the outcome, with Student's t by an effective number of clusters.
    Raises ValueError where fewer than five clusters have a dose that differs from what was expected.
    """
    recentred_dose = np.asarray(dose, dtype=np.float64) - expected_dose
    cluster_of_unit = np.unique(clusters, return_inverse=True)[1]
    cluster_products = np.bincount(cluster_of_unit, recentred_dose * (np.asarray(outcome) - expected))
    cluster_squares = np.bincount(cluster_of_unit, recentred_dose**2)
    cluster_count = int((cluster_squares > 1e-12).sum())
    if cluster_count < 5:
        raise ValueError(
            f"Only {cluster_count} clusters had a dose that differs from what was expected. Take more."
        )
    effect = float(cluster_products.sum() / cluster_squares.sum())
    effects_without = (cluster_products.sum() - cluster_products) / (cluster_squares.sum() - cluster_squares)
    effects_without = effects_without[cluster_squares > 1e-12]
    variance = (
        (cluster_count - 1) / cluster_count * float(((effects_without - effects_without.mean()) ** 2).sum())
    )
    effective_degrees = max(float(cluster_squares.sum() ** 2 / (cluster_squares**2).sum()) - 1.0, 1.0)
    return log_effect(effect, variance**0.5, effective_degrees, level)
