"""Expected levels against a regression, against worlds whose level is known, and against real cities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray

from becalm.methods.expected_level import WEEKS_IN_YEAR, ExpectedCounts, expect_after, expect_each

WEEKS = 312


def steady_counts(
    level: float, *, drift: float = 0.0, cv: float = 0.0, series: int = 40
) -> NDArray[np.int64]:
    """Series with a season of 10 %, a level that drifts by so much a year, and this noise beyond Poisson."""
    rng = np.random.default_rng(5)
    weeks = np.arange(WEEKS)
    walk = np.cumsum(rng.normal(0, drift / np.sqrt(WEEKS_IN_YEAR), (series, WEEKS)), axis=1)
    season = 0.1 * np.cos(2 * np.pi * weeks / WEEKS_IN_YEAR)
    mean = level * np.exp(walk + season)
    return rng.poisson(mean * rng.gamma(1 / cv**2, cv**2, mean.shape) if cv else mean)


def held_share(expected: ExpectedCounts, counts: NDArray[np.int64], level: float) -> float:
    low, high = expected.interval(level)
    return float(((low <= counts) & (counts <= high)).mean())


def test_a_level_that_stands_still_is_expected_as_by_a_poisson_regression() -> None:
    counts = steady_counts(200.0, series=3)
    weeks = np.arange(WEEKS) / WEEKS_IN_YEAR
    waves = [wave(2 * np.pi * k * weeks) for k in (1, 2) for wave in (np.cos, np.sin)]
    design = np.column_stack([np.ones(WEEKS), *waves])
    expected = expect_after(counts, 260).mean
    for series, mean in zip(counts, expected, strict=True):
        fit = sm.GLM(series[:260], design[:260], family=sm.families.Poisson()).fit()
        assert mean == pytest.approx(fit.predict(design[260:]), rel=0.06)
        assert mean.sum() == pytest.approx(fit.predict(design[260:]).sum(), rel=0.04)


@pytest.mark.parametrize(
    ("level", "drift", "cv"), [(20.0, 0.07, 0.1), (100.0, 0.15, 0.1), (400.0, 0.07, 0.06)]
)
def test_intervals_hold_as_often_as_they_say_week_by_week(level: float, drift: float, cv: float) -> None:
    counts = steady_counts(level, drift=drift, cv=cv)
    expected = expect_each(counts, 156)
    assert 0.935 <= held_share(expected, counts[:, 156:], 0.95) <= 0.97
    assert 0.98 <= held_share(expected, counts[:, 156:], 0.99) <= 0.998


def test_a_year_ahead_the_drift_is_in_the_interval() -> None:
    counts = steady_counts(200.0, drift=0.1, cv=0.06, series=80)
    year_ahead = expect_after(counts, 260)
    assert 0.90 <= held_share(year_ahead, counts[:, 260:], 0.95) <= 0.99
    assert (np.diff(year_ahead.log_deviation, axis=1) > 0).all()


def test_after_a_declared_step_the_new_level_is_found_within_weeks() -> None:
    counts = steady_counts(100.0)
    counts[:, 208:] //= 2
    begins = np.zeros(counts.shape, dtype=bool)
    begins[:, 208] = True
    declared, silent = expect_each(counts, 156, begins=begins), expect_each(counts, 156)
    soon = slice(212 - 156, 220 - 156)
    assert declared.mean[:, soon].mean() == pytest.approx(counts[:, 212:220].mean(), rel=0.05)
    assert silent.mean[:, soon].mean() > 1.2 * counts[:, 212:220].mean()


def test_the_total_of_many_weeks_keeps_the_common_doubt() -> None:
    counts = steady_counts(100.0, drift=0.1, cv=0.1)
    weeks = expect_after(counts, 304)
    low, high = weeks.total().interval(0.95)
    week_low, week_high = weeks.interval(0.95)
    half_width = ((high - low)[:, 0] / weeks.mean.sum(axis=1)).mean()
    week_half_width = ((week_high - week_low) / weeks.mean).mean()
    assert week_half_width / np.sqrt(8) < half_width < week_half_width


def weekly(rows: pd.DataFrame, day: pd.Series, group: str, first: str, end: str) -> NDArray[np.int64]:
    """Counts of each group in each week from Monday to Sunday."""
    weeks = day.dt.to_period("W-SUN").dt.start_time
    counts = rows.groupby([group, weeks]).size().unstack(fill_value=0)
    columns = pd.date_range(first, end, freq="7D", inclusive="left")
    return counts.reindex(columns=columns, fill_value=0).to_numpy()


@pytest.mark.data
def test_real_cities_are_held_as_often_as_the_intervals_say(shared_data: Path) -> None:
    """The bars of the whole: 95 % intervals hold 94 to 96.5 %, 99 % ones 98 to 99.7 %."""
    toronto = pd.read_parquet(shared_data / "toronto" / "mci_2014_2021.parquet").drop_duplicates()
    day = pd.to_datetime(toronto["occurrencedate"].str[:10], format="%Y/%m/%d")
    chicago = pd.read_parquet(shared_data / "chicago" / "violent_2012_2015.parquet").drop_duplicates("id")
    cities = [
        (weekly(toronto, day, "MCI", "2014-01-06", "2019-12-30"), 156),
        (weekly(chicago, chicago["dt"], "primary_type", "2012-01-02", "2015-12-28"), 104),
    ]
    for counts, first in cities:
        expected = expect_each(counts, first)
        assert 0.94 <= held_share(expected, counts[:, first:], 0.95) <= 0.965
        assert 0.98 <= held_share(expected, counts[:, first:], 0.99) <= 0.997
