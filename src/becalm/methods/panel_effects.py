"""Did treated places part from the untreated ones when treatment began? Difference in differences for counts.

With one effect for each place and one for each time on the log scale, the Poisson likelihood of a whole panel
with one start has its maximum where the effect is the log ratio of totals,

    log(T_after / T_before) - log(C_after / C_before) ,

so that no fit is needed, and neither dispersion nor skewed places bias it. The variance is that of whole
places (or clusters of them), by the jackknife. Degrees of freedom are Welch's, since each arm has its
own variance, from an effective number of clusters, 1 / sum of squared shares: a few hold most of the counts.

Starts at several times are taken cohort by cohort against the places that are never treated, not by one
regression on two sets of effects, which weighs some of the effects below zero.

Sources: Wooldridge, Econometrics Journal 26 (2023) C31-C66, on Poisson difference in differences; Goodman-
Bacon, Journal of Econometrics 225 (2021) 254-277, and Callaway and Sant'Anna, 225 (2021) 200-230, on cohorts;
Efron and Stein, Annals of Statistics 9 (1981) 586-596, on the jackknife; Welch, Biometrika 34 (1947) 28-35;
Carter, Schnepel and Steigerwald, Review of Economics and Statistics 99 (2017) 698-709, on effective clusters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from becalm.methods.arrays import Bools, Floats, Ints

NEVER: Final = int(np.iinfo(np.int64).max)  # the start of a place that is never treated


@dataclass(frozen=True, slots=True)
class LogEffect:
    """An effect on the log scale, its interval and p-value by Student's t with `degrees` of freedom."""

    value: float
    standard_error: float
    low: float
    high: float
    p_value: float
    degrees: float


@dataclass(frozen=True, slots=True)
class EventStudy:
    """Log ratios of treated to control against the reference step, one for each step since the start.

    `steps` are times since the start, below 0 before it; `covariance` is that of `values`.
    """

    steps: Ints
    values: Floats
    covariance: Floats
    degrees: float

    def effect_after(self, level: float = 0.95) -> LogEffect:
        """The mean of the steps from the start on."""
        is_after = (self.steps >= 0) / (self.steps >= 0).sum()
        variance = float(is_after @ self.covariance @ is_after)
        return log_effect(float(is_after @ self.values), variance**0.5, self.degrees, level)


def log_effect(value: float, standard_error: float, degrees: float, level: float) -> LogEffect:
    """An estimate with its interval and two-sided p-value by Student's t."""
    half_width = float(stats.t.ppf(0.5 + level / 2.0, degrees)) * standard_error
    p_value = (
        float(2.0 * stats.t.sf(abs(value) / standard_error, degrees)) if standard_error else float("nan")
    )
    return LogEffect(value, standard_error, value - half_width, value + half_width, p_value, degrees)


def difference_in_differences(
    before: Floats,
    after: Floats,
    is_treated: Bools,
    *,
    clusters: Ints | None = None,
    level: float = 0.95,
) -> LogEffect:
    """How did the treated places' count change relative to the others', as a log ratio?

    `before` and `after` are each place's counts. Places of one cluster (its number) vary together.
    Raises ValueError where an arm has fewer than two clusters, or all its events lie in one.
    """
    starts = np.where(is_treated, 1, NEVER)
    return event_study(np.column_stack([before, after]), starts, clusters=clusters).effect_after(level)


def event_study(
    counts: Floats, starts: Ints, *, clusters: Ints | None = None, reference: int = -1
) -> EventStudy:
    """How far apart are treated and control at each step before and after the start, against `reference`?

    `counts` (places x times); `starts` is the time at which each place's treatment begins, or NEVER. Each
    cohort is set beside the places that are never treated; cohorts are joined in proportion to their counts
    at the reference step, over the steps that all of them have.

    Raises ValueError where there is no cohort, no place that is never treated, no time before the first
    start, or an arm with all its events in one cluster.
    """
    cohort_starts = [start for start in np.unique(starts).tolist() if start != NEVER]
    is_never = starts == NEVER
    if not cohort_starts or not is_never.any() or cohort_starts[0] + reference < 0:
        raise ValueError(
            "An event study needs places treated from a time on, others never, and times before."
        )
    steps = np.arange(-cohort_starts[0], counts.shape[1] - cohort_starts[-1])
    reference_column = int(np.flatnonzero(steps == reference)[0])
    cluster_of_place = (
        np.arange(len(counts)) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    )
    cohorts = [
        _Cohort(starts == start, counts[:, start + steps[0] : start + steps[-1] + 1])
        for start in cohort_starts
    ]
    cohort_shares = np.array([cohort.counts[cohort.is_in, reference_column].sum() for cohort in cohorts])
    cohort_sums = _join_cohorts(cohorts, is_never, cohort_shares, cluster_of_place, reference_column)
    welch_degrees = _welch_degrees(cohort_sums, counts, starts, cluster_of_place)
    arm_pulls = cohort_sums.treated_pull + cohort_sums.control_pull
    return EventStudy(steps, cohort_sums.values, arm_pulls.T @ arm_pulls, welch_degrees)


def cohort_effects(
    counts: Floats, starts: Ints, *, clusters: Ints | None = None, level: float = 0.95
) -> tuple[LogEffect, dict[int, LogEffect]]:
    """What did treatment do, where it began at several times: all cohorts joined, and each by its start?

    Each cohort's times from its start on are set beside its times before, and beside the same times of the
    places that are never treated. Cohorts are joined in proportion to the events that each would have had.

    Raises ValueError where there is no cohort, no place that is never treated, or an arm of a cohort has no
    events but in one cluster.
    """
    cohort_starts = [start for start in np.unique(starts).tolist() if start != NEVER]
    is_never = starts == NEVER
    if not cohort_starts or not is_never.any():
        raise ValueError("Cohorts need places that are treated from a time on, and others that never are.")
    cluster_of_place = (
        np.arange(len(counts)) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    )
    cohorts = [
        _Cohort(
            starts == start, np.column_stack([counts[:, :start].sum(axis=1), counts[:, start:].sum(axis=1)])
        )
        for start in cohort_starts
    ]

    def join(joined_cohorts: Sequence[_Cohort]) -> LogEffect:
        shares = np.array([cohort.expected(is_never) for cohort in joined_cohorts])
        cohort_sums = _join_cohorts(joined_cohorts, is_never, shares, cluster_of_place, 0).cut(1)
        degrees = _welch_degrees(cohort_sums, counts, starts, cluster_of_place)
        variance = float(((cohort_sums.treated_pull + cohort_sums.control_pull) ** 2).sum())
        return log_effect(float(cohort_sums.values[0]), variance**0.5, degrees, level)

    return join(cohorts), {
        start: join([cohort]) for start, cohort in zip(cohort_starts, cohorts, strict=True)
    }


@dataclass(frozen=True, slots=True, eq=False)
class _Cohort:
    """Places that begin together: which they are, and all places' counts at their steps."""

    is_in: Bools
    counts: Floats

    def expected(self, is_never: Bools) -> float:
        """Its events from the start on, had they changed as those of places that are never treated."""
        own_counts, never_counts = self.counts[self.is_in].sum(axis=0), self.counts[is_never].sum(axis=0)
        return float(own_counts[0] * never_counts[1] / max(never_counts[0], 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class _CohortSums:
    """Log ratios by step, and what each cluster pulls on them in the treated arms and in the control."""

    values: Floats
    treated_pull: Floats
    control_pull: Floats

    def cut(self, first: int) -> "_CohortSums":
        """The steps from this column on."""
        return _CohortSums(self.values[first:], self.treated_pull[:, first:], self.control_pull[:, first:])


def _join_cohorts(
    cohorts: Sequence[_Cohort], is_never: Bools, shares: Floats, cluster_of_place: Ints, reference: int
) -> _CohortSums:
    """Each cohort against the places that are never treated, joined by their shares."""
    cluster_count, step_count = int(cluster_of_place.max()) + 1, cohorts[0].counts.shape[1]
    values, treated_pull, control_pull = np.zeros(step_count), *np.zeros((2, cluster_count, step_count))
    for cohort, share in zip(cohorts, shares / max(shares.sum(), 1e-300), strict=True):
        for is_in_arm, sign, pull in ((cohort.is_in, 1.0, treated_pull), (is_never, -1.0, control_pull)):
            by_cluster = np.zeros((cluster_count, step_count))
            np.add.at(by_cluster, cluster_of_place[is_in_arm], cohort.counts[is_in_arm])
            log_changes, of_clusters = _jackknife(by_cluster, reference)
            values += sign * share * log_changes
            pull += sign * share * of_clusters
    return _CohortSums(values, treated_pull, control_pull)


def _jackknife(by_cluster: Floats, reference: int) -> tuple[Floats, Floats]:
    """The log totals against the reference, and each cluster's pull on them (its square: its variance)."""
    has_events = by_cluster.any(axis=1)
    cluster_count = int(has_events.sum())
    remaining_totals = by_cluster.sum(axis=0) - by_cluster[has_events]
    if cluster_count < 2 or (remaining_totals <= 0).any():
        raise ValueError(
            "An arm has all its events of some time in one cluster, so nothing says how they vary."
        )
    log_total, log_rest = np.log(by_cluster.sum(axis=0)), np.log(remaining_totals)
    log_ratios_without = log_rest - log_rest[:, reference, None]
    cluster_changes = np.zeros_like(by_cluster)
    cluster_changes[has_events] = -np.sqrt((cluster_count - 1) / cluster_count) * (
        log_ratios_without - log_ratios_without.mean(axis=0)
    )
    return log_total - log_total[reference], cluster_changes


def _welch_degrees(cohort_sums: _CohortSums, counts: Floats, starts: Ints, cluster_of_place: Ints) -> float:
    variances, degrees = [], []
    arms = ((cohort_sums.treated_pull, starts != NEVER), (cohort_sums.control_pull, starts == NEVER))
    for pull, is_in_arm in arms:
        size = np.bincount(cluster_of_place[is_in_arm], counts[is_in_arm].sum(axis=1))
        variances.append(float((pull.mean(axis=1) ** 2).sum()))
        degrees.append(max(float(size.sum() ** 2 / (size**2).sum()) - 1.0, 1.0))
    return float(sum(variances) ** 2 / sum(v**2 / d for v, d in zip(variances, degrees, strict=True)))
