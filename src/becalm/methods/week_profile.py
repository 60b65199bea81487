"""A week's shares of many series of events, each shrunk to its neighbourhood and that to the whole.

Counts by hour of the week are smoothed round the clock and mixed with a prior that counts as so many events;
how many is estimated from how much the series scatter (method of moments of the Dirichlet-multinomial,
Mosimann, Biometrika 49 (1962) 65-82).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincc, betaincinv

from becalm.methods.arrays import Floats, Ints

HOURS_OF_WEEK = 168
SMOOTHING_HOURS = 1.5
CERTAIN = 1e6  # events that a prior is worth where nothing scatters more than chance makes it
LEAST_GROUPS = 3  # fewer neighbourhoods than this say nothing about how neighbourhoods differ


def week_profiles(counts: Floats, neighbourhood: Ints | None = None) -> Floats:
    """Which share of its week falls in each hour, for each row of `counts` (n x 168)?

    `neighbourhood[i]` is a whole number of row i's neighbourhood, below 0 for none. Rows are shrunk to
    their neighbourhood's week, and neighbourhoods to the whole's: a row with few events shows the week
    around it, one with many its own. Returns n x 168, each row summing to 1. At least one event
    is needed.

    Raises ValueError where there is no event at all.
    """
    if not counts.sum() > 0:
        raise ValueError("There is no event with an hour. A profile needs at least one.")
    total_counts = counts.sum(axis=0)
    prior_weight = shrinkage_weight(counts, total_counts)
    prior_weeks = _priors(counts, total_counts, neighbourhood)
    return np.stack(
        [week_profile(row, prior, prior_weight) for row, prior in zip(counts, prior_weeks, strict=True)]
    )


@dataclass(frozen=True, slots=True)
class Peaks:
    """Of each row: the first hour of its busiest run, the share of that with its interval, and `certainty`.

    `certainty` is the least probability that the run holds more than an average run of as many hours,
    allowing for its having been picked as the busiest of all that fit into a week side by side (Bonferroni).
    """

    start: Ints
    share: Floats
    low: Floats
    high: Floats
    certainty: Floats


def busiest_hours(counts: Floats, profiles: Floats, *, hours: int, level: float) -> Peaks:
    """Which `hours` in a row hold most of each row's week, round the clock, and how sure is that?

    Each row's week is taken as known like a count of its own events and of those that its neighbourhood is
    worth, at most all events there are: the share of a run is then beta.
    """
    total_counts = counts.sum(axis=0)
    effective_events = np.minimum(
        counts.sum(axis=1) + shrinkage_weight(counts, total_counts), max(float(total_counts.sum()), 1.0)
    )
    run_shares = np.sum([np.roll(profiles, -step, axis=1) for step in range(hours)], axis=0)
    start_hours = run_shares.argmax(axis=1)
    peak_shares = np.clip(run_shares[np.arange(len(run_shares)), start_hours], 1e-9, 1.0 - 1e-9)
    events_inside, events_outside = effective_events * peak_shares, effective_events * (1.0 - peak_shares)
    low, high = (
        betaincinv(events_inside, events_outside, q) for q in ((1.0 - level) / 2.0, (1.0 + level) / 2.0)
    )
    # The busiest run was looked for, and the best of many is high by chance alone.
    peak_doubts = 1.0 - betaincc(events_inside, events_outside, hours / HOURS_OF_WEEK)
    peak_certainties = np.maximum(1.0 - peak_doubts * (HOURS_OF_WEEK // hours), 0.0)
    return Peaks(
        start_hours,
        peak_shares,
        np.minimum(low, peak_shares),
        np.maximum(high, peak_shares),
        np.asarray(peak_certainties),
    )


def week_profile(counts: Floats, total_week: Floats, weight: float) -> Floats:
    """The share of the week in each of its 168 hours, given a row's counts and those of the whole.

    The whole's shares, smoothed round the clock, count as `weight` events: a row with few
    events shows the week of the whole, one with many shows its own.
    """
    prior_shape = smooth_week(total_week + 1.0 / HOURS_OF_WEEK)
    hour_shares = (smooth_week(counts) + weight * prior_shape / prior_shape.sum()) / (counts.sum() + weight)
    return np.asarray(hour_shares / hour_shares.sum())


def smooth_week(counts: Floats) -> Floats:
    """Spread counts over neighbouring hours by a Gaussian of 1.5 hours; Sunday night meets Monday."""
    hours_between = np.minimum(np.arange(HOURS_OF_WEEK), HOURS_OF_WEEK - np.arange(HOURS_OF_WEEK))
    kernel_weights = np.exp(-0.5 * (hours_between / SMOOTHING_HOURS) ** 2)
    spectrum = np.fft.rfft(kernel_weights / kernel_weights.sum()) * np.fft.rfft(counts)
    return np.maximum(np.fft.irfft(spectrum, HOURS_OF_WEEK), 0.0)


def shrinkage_weight(counts: Floats, total_week: Floats) -> float:
    """How many events is the whole's week worth as a guess at a row's own?

    Method of moments for the Dirichlet-multinomial over six four-hour parts of the day: if rows
    scatter about the whole no more than chance alone makes them, the answer is a very large weight.
    """
    day_parts = _parts_of_day(counts)
    row_totals = day_parts.sum(axis=1)
    day_parts, row_totals = day_parts[row_totals >= 2], row_totals[row_totals >= 2]
    part_shares = _parts_of_day(total_week[None, :])[0]
    part_shares = part_shares / part_shares.sum()
    if len(day_parts) < 2:
        return CERTAIN
    expected_counts = row_totals[:, None] * part_shares
    chi_squared = float(
        ((day_parts - expected_counts) ** 2 / np.maximum(expected_counts, 1e-12))[:, part_shares > 0].sum()
    )
    degrees_of_freedom = len(day_parts) * (int((part_shares > 0).sum()) - 1)
    dispersion = chi_squared / max(degrees_of_freedom, 1) - 1.0
    mean_total = float(row_totals.mean())
    return max(1.0, (mean_total - 1.0) / dispersion - 1.0) if dispersion > 1e-6 else CERTAIN


def _priors(counts: Floats, total_week: Floats, neighbourhood: Ints | None) -> Floats:
    """The week that each row is shrunk to, as counts."""
    if neighbourhood is None:
        return np.broadcast_to(total_week, counts.shape)
    neighbourhoods, row_index = np.unique(neighbourhood, return_inverse=True)
    if (neighbourhoods >= 0).sum() < LEAST_GROUPS:
        return np.broadcast_to(total_week, counts.shape)
    neighbourhood_counts = np.stack([counts[row_index == g].sum(axis=0) for g in range(len(neighbourhoods))])
    prior_weight = shrinkage_weight(neighbourhood_counts[neighbourhoods >= 0], total_week)
    shrunk_weeks = (
        np.stack([week_profile(row, total_week, prior_weight) for row in neighbourhood_counts])
        * total_week.sum()
    )
    shrunk_weeks[neighbourhoods < 0] = total_week
    return np.asarray(shrunk_weeks[row_index])


def _parts_of_day(counts: Floats) -> Floats:
    return np.asarray(counts.reshape(len(counts), 7, 6, 4).sum(axis=(1, 3)))
