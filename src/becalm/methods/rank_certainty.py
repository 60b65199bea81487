"""How sure is an order? How likely each place is to come where, when the rates of all are known to a gamma.

H. Goldstein and D. J. Spiegelhalter, "League tables and their limitations", Journal of the Royal
Statistical Society A 159 (1996) 385-443, rank by draws from the posterior. Here nothing is drawn: given its
own rate, a place's rank is one more than a sum of independent events (each other place is above it or not),
which is close to normal (L. H. Y. Chen, L. Goldstein and Q.-M. Shao, "Normal Approximation by Stein's Method"
(2011), chapter 3), and its own rate is integrated out. So no answer about a place depends on how many are
asked about.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, gammaincc, gammaincinv, ndtr

from becalm.methods.arrays import Floats, Ints
from becalm.methods.gamma_poisson import GammaPosterior

NODES = np.linspace(-3.6, 3.6, 61)  # of a place's own rate, as normal scores: the tails decide about the top
NODE_WEIGHTS = np.exp(-(NODES**2) / 2.0) / np.exp(-(NODES**2) / 2.0).sum()
LEVELS = 200  # rates at which all places are counted, over eight decades
CLASS_WIDTH = 0.03  # in log shape and log rate: places nearer than this are counted as alike


@dataclass(frozen=True, slots=True)
class RankCertainty:
    """For each place asked about: P(in the true top), its rank interval and its tie group.

    `tied_below` is how many places after the last one asked about are tied with it.
    """

    p_top: Floats
    rank_low: Ints
    rank_high: Ints
    tie_group: Ints
    tied_below: int


def rank_certainty(posterior: GammaPosterior, places: Ints, *, top: int, level: float) -> RankCertainty:
    """How sure is the order of the places asked about (given in their listed order)?

    A place is in the top when fewer than `top` places have a higher rate. The rank interval holds the central
    `level` of its ranks, whatever `top` is. A place shares the tie group of the group's first unless that one
    is above it with more than the probability `level`.
    """
    tail_p = (1.0 - level) / 2.0
    mean_above, deviation = _count_above(posterior, places)

    def at_most(rank: Ints) -> Floats:
        """The probability that each place's rank is at most this."""
        chance_in_top = ndtr((rank[:, None] - 0.5 - mean_above) / deviation) @ NODE_WEIGHTS
        return np.where(rank >= len(posterior.shape), 1.0, chance_in_top)

    def first_rank(p: float) -> Ints:
        """The first rank that is reached with this probability, found by halving."""
        lowest_ranks = np.ones(len(places), dtype=np.int64)
        highest_ranks = np.full(len(places), len(posterior.shape), dtype=np.int64)
        while (lowest_ranks < highest_ranks).any():
            middle_ranks = (lowest_ranks + highest_ranks) // 2
            is_reached = at_most(middle_ranks) >= p
            lowest_ranks, highest_ranks = (
                np.where(is_reached, lowest_ranks, np.minimum(middle_ranks + 1, highest_ranks)),
                np.where(is_reached, middle_ranks, highest_ranks),
            )
        return lowest_ranks

    is_other = np.ones(len(posterior.shape), dtype=bool)
    is_other[places] = False
    is_tied = _chance_above(posterior, int(places[-1]), np.flatnonzero(is_other)) <= level
    return RankCertainty(
        p_top=at_most(np.full(len(places), top)),
        rank_low=first_rank(tail_p),
        rank_high=first_rank(1.0 - tail_p),
        tie_group=_group_ties(posterior, places, level),
        tied_below=int(is_tied.sum()),
    )


def _count_above(posterior: GammaPosterior, places: Ints) -> tuple[Floats, Floats]:
    """How many others lie above each place at each node of its own rate: mean and deviation."""
    shape, rate = posterior.shape[places][:, None], posterior.rate[places][:, None]
    node_chances = ndtr(NODES)
    own_rates = gammaincinv(shape, node_chances) / rate
    # Most places are alike, those without an incident above all: each class of them is counted once.
    unitless_rate = posterior.rate / posterior.rate.max()  # so that no class hangs on the unit
    class_pairs = np.stack([np.floor(np.log(v) / CLASS_WIDTH) for v in (posterior.shape, unitless_rate)])
    _, class_of_place, sizes = np.unique(class_pairs, axis=1, return_inverse=True, return_counts=True)
    class_shape, class_rate = (
        np.exp(np.bincount(class_of_place.ravel(), np.log(v)) / sizes)
        for v in (posterior.shape, posterior.rate)
    )
    highest_rate = float((gammaincinv(class_shape, 0.9999) / class_rate).max())
    log_levels = np.log(highest_rate) + np.linspace(-18.0, 0.7, LEVELS)
    chance_above = gammaincc(class_shape[:, None], class_rate[:, None] * np.exp(log_levels))
    log_own_rates = np.log(np.maximum(own_rates, 1e-300))
    mean_above = np.interp(log_own_rates, log_levels, sizes @ chance_above) - (1.0 - node_chances)
    variance_above = np.interp(
        log_own_rates, log_levels, sizes @ (chance_above * (1.0 - chance_above))
    ) - node_chances * (1.0 - node_chances)
    return np.maximum(mean_above, 0.0), np.sqrt(np.maximum(variance_above, 1e-6))


def _chance_above(posterior: GammaPosterior, place: int, other_places: Ints) -> Floats:
    """The probability that this place's rate is above that of each other: a beta distribution of the two."""
    own_rate, other_rates = posterior.rate[place], posterior.rate[other_places]
    rate_share = own_rate / (own_rate + other_rates)
    return np.asarray(1.0 - betainc(posterior.shape[place], posterior.shape[other_places], rate_share))


def _group_ties(posterior: GammaPosterior, places: Ints, level: float) -> Ints:
    tie_groups = np.empty(len(places), dtype=np.int64)
    start, tie_group = 0, 0
    while start < len(places):
        tie_group += 1
        is_below = _chance_above(posterior, int(places[start]), places[start + 1 :]) > level
        tie_length = int(is_below.argmax()) + 1 if is_below.any() else len(places) - start
        tie_groups[start : start + tie_length] = tie_group
        start += tie_length
    return tie_groups
