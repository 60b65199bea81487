"""How sure is an order? Draws of all rates at once, and how often each place comes where.

H. Goldstein and D. J. Spiegelhalter, "League tables and their limitations", Journal of the Royal
Statistical Society A 159 (1996) 385-443, ranks by posterior draws in the same way.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincc

from becalm.methods.arrays import Floats, Ints
from becalm.methods.blend import GammaPosterior


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


@dataclass(frozen=True, slots=True)
class RateDraws:
    """Joint draws of the rates of the contenders, `values[draw, contender]`.

    `other_rates[draw]` holds, in falling order, the rates of those non-contenders that came above the floor.
    """

    contenders: Ints
    values: Floats
    other_rates: tuple[Floats, ...]


def draw_rates(
    posterior: GammaPosterior,
    *,
    top: int,
    draws: int,
    rng: np.random.Generator,
    required: Ints,
) -> RateDraws:
    """Draw all rates `draws` times, wasting no time on places that have no chance.

    The contenders are the places in `required` and those most likely to exceed the rate near which
    the top ends (eight times `top`, at least 2,000); they are drawn one by one. All
    the others together send a Poisson number of places above a low floor, with the right mean at
    every height; that is exact as their chances go to 0. Those in `required` alone are drawn last and stay in
    that crowd, so that asking about one more place changes no draw of the others.
    """
    place_count = len(posterior.shape)
    threshold_rate = _find_threshold(posterior, top)
    top_chances = gammaincc(posterior.shape, posterior.rate * threshold_rate)
    likely_places = np.argsort(-top_chances, kind="stable")[: max(8 * top, 2000)]
    likely_places, required_places = np.sort(likely_places), np.setdiff1d(required, likely_places)
    other_places = np.setdiff1d(np.arange(place_count), likely_places)
    rates_by_draw = _draw_gammas(posterior, likely_places, draws, rng)
    other_rates = tuple(np.zeros(0) for _ in range(draws))
    if len(other_places):
        other_rates = _draw_other_rates(posterior, other_places, threshold_rate, draws, rng)
    contenders = np.concatenate([likely_places, required_places])
    contender_order = np.argsort(contenders)
    rates_by_draw = np.concatenate(
        [rates_by_draw, _draw_gammas(posterior, required_places, draws, rng)], axis=1
    )
    return RateDraws(contenders[contender_order], rates_by_draw[:, contender_order], other_rates)


def _draw_gammas(posterior: GammaPosterior, places: Ints, draws: int, rng: np.random.Generator) -> Floats:
    return rng.standard_gamma(posterior.shape[places], (draws, len(places))) / posterior.rate[places]


def rank_certainty(draws: RateDraws, places: Ints, *, top: int, level: float) -> RankCertainty:
    """How sure is the order of the places asked about (given in their listed order)?

    A place is in the top of a draw when fewer than `top` places have a higher rate. The rank interval
    holds the central `level` of its ranks. A place shares the tie group of the group's first
    unless that one is above it in more than `level` of the draws.
    """
    listed_columns = np.searchsorted(draws.contenders, places)
    ranks_by_draw = _rank_places(draws, listed_columns)
    tail_share = (1.0 - level) / 2.0
    low_ranks, high_ranks = np.quantile(
        ranks_by_draw, [tail_share, 1.0 - tail_share], axis=0, method="inverted_cdf"
    )
    tie_groups = _group_ties(draws.values, listed_columns, level)
    last_listed_rates = draws.values[:, listed_columns[-1]]
    other_columns = np.setdiff1d(np.arange(len(draws.contenders)), listed_columns)
    is_tied = np.mean(last_listed_rates[:, None] > draws.values[:, other_columns], axis=0) <= level
    return RankCertainty(
        p_top=np.mean(ranks_by_draw <= top, axis=0),
        rank_low=low_ranks.astype(np.int64),
        rank_high=high_ranks.astype(np.int64),
        tie_group=tie_groups,
        tied_below=int(is_tied.sum()),
    )


def _rank_places(draws: RateDraws, columns: Ints) -> Ints:
    """The rank of each asked contender in each draw, 1 for the highest rate of all places."""
    ranks_by_draw = np.empty((len(draws.values), len(columns)), dtype=np.int64)
    for d, (own_rates, low_rates) in enumerate(zip(draws.values, draws.other_rates, strict=True)):
        rising_rates = np.sort(np.concatenate([own_rates, low_rates]))
        ranks_by_draw[d] = (
            len(rising_rates) - np.searchsorted(rising_rates, own_rates[columns], side="right") + 1
        )
    return ranks_by_draw


def _group_ties(rates_by_draw: Floats, listed_columns: Ints, level: float) -> Ints:
    tie_groups = np.empty(len(listed_columns), dtype=np.int64)
    first_column, tie_group = listed_columns[0], 1
    for list_position, column in enumerate(listed_columns):
        if np.mean(rates_by_draw[:, first_column] > rates_by_draw[:, column]) > level:
            first_column, tie_group = column, tie_group + 1
        tie_groups[list_position] = tie_group
    return tie_groups


def _find_threshold(posterior: GammaPosterior, top: int) -> float:
    """The rate that `top` places are expected to exceed."""
    low_rate, high_rate = 0.0, float(posterior.mean.max() * 4.0 + 1e-12)
    for _ in range(26):  # halved to a hundred-millionth of the highest rate
        middle_rate = (low_rate + high_rate) / 2.0
        expected_count = float(gammaincc(posterior.shape, posterior.rate * middle_rate).sum())
        low_rate, high_rate = (middle_rate, high_rate) if expected_count > top else (low_rate, middle_rate)
    return (low_rate + high_rate) / 2.0


def _draw_other_rates(
    posterior: GammaPosterior, other_places: Ints, threshold: float, draws: int, rng: np.random.Generator
) -> tuple[Floats, ...]:
    """For each draw, the rates above the floor (half the cut) among the places of no chance."""
    rate_levels = threshold * np.geomspace(0.5, 6.0, 18)
    gamma_shape, gamma_rate = posterior.shape[other_places], posterior.rate[other_places]
    counts_above = np.array(
        [gammaincc(gamma_shape, gamma_rate * rate_level).sum() for rate_level in rate_levels]
    )
    drawn_counts = rng.poisson(counts_above[0], draws)
    return tuple(
        np.sort(np.interp(rng.random(n) * counts_above[0], counts_above[::-1], rate_levels[::-1]))[::-1]
        for n in drawn_counts
    )
