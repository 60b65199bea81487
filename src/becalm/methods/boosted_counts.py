"""Counts predicted by boosted trees with a Poisson loss, as LightGBM grows them.

G. Ke et al., "LightGBM: A highly efficient gradient boosting decision tree", NeurIPS 30 (2017). LightGBM is
optional; it is only asked for when it is used.
"""

import numpy as np

from becalm.methods.arrays import Floats

TREES, LEAVES, LEAST_IN_LEAF, RATE = 100, 15, 100, 0.06


def forecast_counts(
    features: Floats, counts: Floats, weights: Floats, new_features: Floats, *, seed: int
) -> Floats:
    """The expected counts of rows of `new_features`, learnt from rows of `features`, counts and weights.

    The same input and seed give the same answer. Raises ImportError where LightGBM is not installed.
    """
    import lightgbm  # optional: the extra `challenger`

    fitted_trees = lightgbm.LGBMRegressor(
        objective="poisson",
        n_estimators=TREES,
        num_leaves=LEAVES,
        min_child_samples=LEAST_IN_LEAF,
        learning_rate=RATE,
        random_state=seed,
        deterministic=True,
        force_row_wise=True,
        n_jobs=1,
        verbose=-1,
    ).fit(features, counts, sample_weight=weights)
    return np.asarray(fitted_trees.predict(new_features), dtype=np.float64)
