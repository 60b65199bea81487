"""A simulated city knows the true rates: do the intervals of a comparison hold the true ratios?"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from becalm.app.main import app
from becalm.measure import compare_periods
from becalm.tables import CountTable
from becalm.terms import Period

SIX_WEEKS = timedelta(weeks=6)
STARTS = [date(2018, 4, 2), date(2018, 11, 5), date(2019, 1, 7), date(2019, 9, 2), date(2020, 3, 30)]


@pytest.fixture(scope="module")
def truth(tmp_path_factory) -> pd.DataFrame:
    """Expected and real numbers of each offence in each borough and week."""
    folder: Path = tmp_path_factory.mktemp("city") / "town"
    words = ["--seed", "3", "--size", "town", "--months", "2016-01:2020-06", "--incidents", "200000"]
    done = CliRunner().invoke(app, ["simulate", *words, "--out", str(folder)])
    assert done.exit_code == 0, done.output
    weeks = pd.read_parquet(folder / "truth" / "weeks.parquet")
    monday = pd.to_datetime(weeks["monday"]).dt.date
    return weeks.assign(monday=monday, group=weeks["series"] + " in " + weeks["borough"])


def by_week(truth: pd.DataFrame, what: str) -> pd.DataFrame:
    return truth.pivot_table(index="group", columns="monday", values=what, aggfunc="sum").fillna(0)


def as_counts(happened: pd.DataFrame) -> CountTable:
    """Each week's number on its Monday."""
    first, last = happened.columns[0], happened.columns[-1]
    days = (last - first).days + 7
    counts = np.zeros((len(happened), days), dtype=np.int64)
    counts[:, [(monday - first).days for monday in happened.columns]] = happened.to_numpy()
    return CountTable(
        by="offence_group",
        unit="day",
        groups=tuple(happened.index),
        times=tuple(first + timedelta(days=n) for n in range(days)),
        counts=counts,
        found_by=("victim",) * len(happened),
        source="truth",
        as_of=date(2021, 1, 1),
    )


def test_95_percent_intervals_hold_the_true_ratio_95_times_in_100(truth):
    expected, counts = by_week(truth, "expected"), as_counts(by_week(truth, "happened"))
    rows, totals = [], []
    for start in STARTS:
        new = Period(start, start + SIX_WEEKS)
        old = Period(start - timedelta(weeks=52), start - timedelta(weeks=52) + SIX_WEEKS)
        then, now = (
            expected.loc[:, [day for day in expected.columns if window.start <= day < window.end]].sum(axis=1)
            for window in (old, new)
        )
        found = compare_periods(counts, period=new, baseline=old)
        rows += [(row.low <= now[row.group] / then[row.group] <= row.high, row.old) for row in found.rows]
        totals.append(found.total.low <= now.sum() / then.sum() <= found.total.high)
    held, old_counts = np.array(rows).T
    assert len(rows) > 700
    assert 0.93 <= held.mean() <= 0.99
    assert held[old_counts >= 50].mean() >= 0.89
    assert sum(totals) >= len(STARTS) - 1
