"""Places of several classes: a few far above what was forecast of them, others near it.

One gamma prior says of all places that they differ from their forecast alike. Rates have longer tails than
that: the few places far above are drawn too near to the rest, and their intervals miss them. Here the prior
is a mixture of gammas around the one that was fitted; the shares of its classes are found by expectation and
maximisation (A. P. Dempster, N. M. Laird and D. B. Rubin, "Maximum likelihood from incomplete data via the EM
algorithm", Journal of the Royal Statistical Society B 39 (1977) 1-38). Places without a count that a
truncation hides are part of the expectation. A belief in the one gamma holds the others back: a thin record
cannot tell a class of few.
"""

import numpy as np

from becalm.methods import gamma_poisson
from becalm.methods.arrays import Floats

# How many times as sure, and as high, the prior of each class of places is as the one that is fitted to all.
CLASSES_OF_PLACES = ((1.0, 1.0), (4.0, 0.5), (4.0, 1.0), (2.0, 2.0), (2.0, 4.0), (2.0, 8.0))
CLASS_BELIEF = np.array([60.0, 0.2, 0.2, 0.2, 0.1, 0.05])  # in places
ROUNDS = 60


def mix_classes(
    posterior: gamma_poisson.GammaPosterior,
    fit: gamma_poisson.PriorFit,
    means: Floats,
    counts: Floats,
    exposure: float,
    *,
    doubt: Floats | float = 0.0,
    truncation: gamma_poisson.Truncation | None = None,
) -> gamma_poisson.GammaPosterior:
    """The posterior of each place where it may be of another class than the first, whose posterior is given.

    `means`, `counts`, `exposure`, `doubt` and `truncation` are those that the prior was fitted to. The gamma
    with the mean and the variance of the mixture; places that are surely of the first class stay as they are.
    """
    place_doubt = np.broadcast_to(doubt, means.shape)
    priors = [fit.best.multiply(strength, scale) for strength, scale in CLASSES_OF_PLACES]
    group_of_place = gamma_poisson.number_groups(means, counts, truncation)
    groups = gamma_poisson.average_groups(group_of_place, means, counts, place_doubt, truncation)
    chance_by_class = _fit_class_chances(priors, groups, exposure, truncation)
    mixed_index = np.flatnonzero((chance_by_class[0] < 1.0 - gamma_poisson.LEAST_WEIGHT)[group_of_place])
    class_chances = chance_by_class[:, group_of_place[mixed_index]]
    shapes, rates = [posterior.shape[mixed_index]], [posterior.rate[mixed_index]]
    for prior in priors[1:]:
        prior_shape = prior.shape(means[mixed_index], place_doubt[mixed_index])
        shapes.append(prior_shape + counts[mixed_index])
        rates.append(prior_shape / (prior.scale * means[mixed_index]) + exposure)
    class_means, class_rates = np.array(shapes) / np.array(rates), np.array(rates)
    mixture_mean = (class_chances * class_means).sum(axis=0)
    mixture_variance = (class_chances * (class_means / class_rates + (class_means - mixture_mean) ** 2)).sum(
        axis=0
    )
    place_means, place_shapes = posterior.mean.copy(), posterior.shape.copy()
    place_means[mixed_index], place_shapes[mixed_index] = mixture_mean, mixture_mean**2 / mixture_variance
    return gamma_poisson.GammaPosterior.with_mean(place_means, place_shapes)


def _fit_class_chances(
    priors: list[gamma_poisson.GammaPrior],
    groups: Floats,
    exposure: float,
    truncation: gamma_poisson.Truncation | None,
) -> Floats:
    """How likely is each group of like places (columns) to be of each class (rows)?"""
    means, counts, doubt, is_selected, sizes = groups
    log_densities, empty_chances = np.empty((len(priors), len(means))), np.zeros((len(priors), len(means)))
    for k, prior in enumerate(priors):
        shape = prior.shape(means, doubt)
        log_densities[k] = gamma_poisson.log_probability(shape, prior.scale * means, counts, exposure)
        if truncation is not None:
            empty_chances[k] = (1.0 + truncation.exposure * prior.scale * means / shape) ** -shape
    densities = np.exp(log_densities - log_densities.max(axis=0))
    class_shares = CLASS_BELIEF / CLASS_BELIEF.sum()
    for _ in range(ROUNDS):
        class_chances = class_shares[:, None] * densities
        class_chances /= class_chances.sum(axis=0)
        hidden_chances = class_shares[:, None] * empty_chances
        hidden_share = np.minimum(hidden_chances.sum(axis=0), 0.999)
        hidden_sizes = is_selected * sizes / (1.0 - hidden_share)
        class_sizes = CLASS_BELIEF + class_chances @ sizes + hidden_chances @ hidden_sizes
        class_shares = class_sizes / class_sizes.sum()
    return np.asarray(class_shares[:, None] * densities / (class_shares @ densities))
