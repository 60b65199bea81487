"""How good were forecasts? What a search in their order catches, how right chances were, how sure that is.

Equal scores are searched in random order; every figure of a search curve is the mean over that order, so that
no method gains or loses by how ties happen to be sorted. The area under the curve is the chance that an
event outranks a non-event: J. A. Hanley and B. J. McNeil, "The meaning and use of the area under a receiver
operating characteristic (ROC) curve", Radiology 143 (1982). Intervals come from resampling whole occasions:
B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap" (1993), chapters 13 and 16.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import rankdata

from becalm.methods.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True)
class SearchCurve:
    """Cumulative shares at the end of each group of equal scores, from (0, 0, 0) to (1, all, 1)."""

    area_share: Floats
    places: Floats
    event_share: Floats

    def event_share_at_area(self, share: float) -> float:
        """The share of events held by the best `share` of the area."""
        return float(np.interp(share, self.area_share, self.event_share))

    def event_share_at_places(self, count: int) -> float:
        """The share of events held by the best `count` places."""
        return float(np.interp(count, self.places, self.event_share))

    @property
    def gini(self) -> float:
        """Twice the area between the curve and the diagonal: 0 for blind search, near 1 for perfect."""
        return float(2.0 * np.trapezoid(self.event_share, self.area_share) - 1.0)


def search_order(scores: Floats, *, searched_first: Bools | None = None) -> tuple[Ints, Ints]:
    """The places from the highest score to the lowest, and where each group of equal scores ends.

    Where only some places can be searched on purpose, those come `searched_first`, and all others after them.
    """
    is_later = np.zeros(len(scores), dtype=bool) if searched_first is None else ~searched_first
    place_order = (
        np.lexsort((-scores, is_later)) if searched_first is not None else np.argsort(-scores, kind="stable")
    )
    falling_scores, is_later_in_order = scores[place_order], is_later[place_order]
    tie_ends = np.append(
        np.flatnonzero(
            (falling_scores[1:] != falling_scores[:-1]) | (is_later_in_order[1:] != is_later_in_order[:-1])
        ),
        len(place_order) - 1,
    )
    return place_order, tie_ends


def search_curve(order: tuple[Ints, Ints], events: Floats, areas: Floats) -> SearchCurve:
    """What does a search in this order (from `search_order`) catch of these events?"""
    place_order, tie_ends = order

    def cumulative(values: Floats) -> Floats:
        value_total = float(values.sum())
        cumulative_shares = np.cumsum(values[place_order])[tie_ends] / (
            value_total if value_total > 0 else 1.0
        )
        return np.concatenate([[0.0], cumulative_shares])

    return SearchCurve(
        area_share=cumulative(areas),
        places=np.concatenate([[0.0], tie_ends + 1.0]),
        event_share=cumulative(events),
    )


LEAST_CHANCE = 1e-6
LEAST_ODDS = 1e-9  # stands for a mean that lies on its bound
RANK_CLASSES = 4096


@dataclass(frozen=True, slots=True)
class Calibration:
    """Groups of equally many forecasts, lowest first: the mean chance in each, and what share happened."""

    chance: Floats
    event_share: Floats
    group: Ints  # of every forecast


def area_under_curve(chance: Floats, is_event: Bools) -> float:
    """How likely is an event to have had a higher chance than a non-event? Ties count half; 0.5 is no skill.

    >>> area_under_curve(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    event_count = int(is_event.sum())
    other_count = len(is_event) - event_count
    if not event_count or not other_count:
        return 0.5
    return float(
        (rankdata(chance)[is_event].sum() - event_count * (event_count + 1) / 2) / (event_count * other_count)
    )


def log_losses(chance: Floats, is_event: Bools) -> Floats:
    """The surprise of each outcome, in nats."""
    clipped_chances = np.clip(chance, LEAST_CHANCE, 1.0 - LEAST_CHANCE)
    return -np.log(np.where(is_event, clipped_chances, 1.0 - clipped_chances))


def calibrate(chance: Floats, is_event: Bools, *, groups: int = 10) -> Calibration:
    """Do events happen as often as was said, from the lowest forecasts to the highest?

    Groups are equal in size but for rounding; equal chances are split in the order given.
    """
    rising_order = np.argsort(chance, kind="stable")
    group_of_forecast = np.empty(len(rising_order), dtype=np.int64)
    group_of_forecast[rising_order] = np.arange(len(rising_order)) * groups // max(len(rising_order), 1)
    group_sizes = np.maximum(np.bincount(group_of_forecast, minlength=groups), 1)
    return Calibration(
        chance=np.bincount(group_of_forecast, chance, groups) / group_sizes,
        event_share=np.bincount(group_of_forecast, is_event, groups) / group_sizes,
        group=group_of_forecast,
    )


def curve_areas_resampled(chance: Floats, is_event: Bools, block: Ints, weights: Floats) -> Floats:
    """The area under the curve where block b counts `weights[r, b]` times, for every round r.

    Forecasts are put into 4,096 classes of equal size by rank, ties within a class counting half: the areas
    are right to about 1e-4, and differences between rounds to far less.
    """
    rank_class = (rankdata(chance) - 1.0) * RANK_CLASSES // max(len(chance), 1)
    table_cell = block * RANK_CLASSES + rank_class.astype(np.int64)
    table_shape = (weights.shape[1], RANK_CLASSES)
    cell_count = table_shape[0] * table_shape[1]
    event_sums = weights @ np.bincount(table_cell[is_event], minlength=cell_count).reshape(table_shape)
    other_sums = weights @ np.bincount(table_cell[~is_event], minlength=cell_count).reshape(table_shape)
    others_below = np.cumsum(other_sums, axis=1) - other_sums / 2
    pair_counts = event_sums.sum(axis=1) * other_sums.sum(axis=1)
    return np.where(
        pair_counts > 0, (event_sums * others_below).sum(axis=1) / np.maximum(pair_counts, 1e-300), 0.5
    )


@dataclass(frozen=True, slots=True)
class MeanInterval:
    """A mean with the central `level` of its resampled means."""

    value: float
    low: float
    high: float


def draw_resamples(occasions: int, *, rounds: int, rng: np.random.Generator) -> Ints:
    """Draw occasions with replacement: the same draws must serve every method that is compared."""
    return rng.integers(0, occasions, (rounds, occasions))


def mean_interval(
    values: Floats, resamples: Ints, *, level: float, bounds: tuple[float, float] | None = None
) -> MeanInterval:
    """The mean over occasions, and the interval that its resampled means fill.

    The percentile interval of few occasions is too short by a factor sqrt((n - 1) / n); the
    deviations are stretched by it. Values between `bounds` have an interval between them: their log odds are
    stretched instead, of which no length leads beyond a bound.
    """
    value_mean, n = float(values.mean()), len(values)
    spread_factor = np.sqrt(n / (n - 1.0)) if n > 1 else 1.0
    means = np.append(values[resamples].mean(axis=1), value_mean)
    if bounds is not None:
        low_bound, span = bounds[0], bounds[1] - bounds[0]
        means = logit(np.clip((means - low_bound) / span, LEAST_ODDS, 1.0 - LEAST_ODDS))
    overall_mean = means[-1]
    interval_ends = (
        overall_mean
        + np.quantile(means[:-1] - overall_mean, [(1.0 - level) / 2.0, (1.0 + level) / 2.0]) * spread_factor
    )
    low, high = interval_ends if bounds is None else low_bound + span * expit(interval_ends)
    return MeanInterval(value_mean, min(float(low), value_mean), max(float(high), value_mean))


def paired_interval(values: Floats, reference: Floats, resamples: Ints, *, level: float) -> MeanInterval:
    """The mean difference between two methods on the same occasions, with its interval."""
    return mean_interval(values - reference, resamples, level=level)
