"""A month that is still being written down is not taken for a fall."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import ibis
import numpy as np
import pyarrow as pa
import pytest

from becalm.measure import compare_baselines
from becalm.measure.core.baseline import Baseline
from becalm.measure.core.comparison import ComparisonContext, ComparisonRow
from becalm.measure.core.completeness import KnownShare, estimate_known_shares
from becalm.tables import CountTable, KnownCounts, count_known, list_former_periods
from becalm.terms import Period

MAY = Period(date(2020, 5, 1), date(2020, 6, 1))
AS_OF = date(2020, 6, 2)


def test_former_months_go_back_by_months_and_only_settled_ones_count() -> None:
    windows = list_former_periods(MAY, first_day=date(2019, 8, 15), as_of=AS_OF)
    assert [str(w.start) for w in windows] == ["2019-11-01", "2019-10-01", "2019-09-01"]
    assert windows[0].end == date(2019, 12, 1)


def test_former_weeks_go_back_by_their_days() -> None:
    six_weeks = Period(date(2020, 4, 20), date(2020, 6, 1))
    windows = list_former_periods(six_weeks, first_day=date(2018, 1, 1), as_of=AS_OF)
    assert {(w.end - w.start).days for w in windows} == {42}
    assert all(newer.start == older.end for newer, older in pairwise(windows))


def incidents(*rows: tuple[str, str, str | None]) -> ibis.Table:
    days = [
        (group, date.fromisoformat(on), written and date.fromisoformat(written))
        for group, on, written in rows
    ]
    table = pa.table(
        {
            "offence_group": [group for group, _, _ in days],
            "occurred_on": pa.array([on for _, on, _ in days], pa.date32()),
            "recorded_on": pa.array([written for _, _, written in days], pa.date32()),
        }
    )
    return ibis.memtable(table)


def test_records_are_known_that_were_written_by_the_same_age() -> None:
    november = Period(date(2019, 11, 1), date(2019, 12, 1))
    october = Period(date(2019, 10, 1), date(2019, 11, 1))
    counts = count_known(
        incidents(
            ("stalking", "2019-11-30", "2019-12-01"),  # a day after it: known
            ("stalking", "2019-11-03", "2019-12-02"),  # just too late
            ("stalking", "2019-10-03", "2019-11-01"),
            ("robbery", "2019-11-03", None),  # nobody knows when
            ("robbery", "2019-12-03", "2019-12-03"),  # in no window
        ),
        by="offence_group",
        windows=(november, october),
        age_days=1,
    )
    assert counts.groups == ("robbery", "stalking")
    assert counts.known_counts.tolist() == [[0, 0], [1, 1]]
    assert counts.final_counts.tolist() == [[1, 0], [2, 1]]
    assert counts.undated_count == 1


def test_months_that_differ_more_than_chance_leave_more_doubt() -> None:
    final = np.full((1, 8), 1000)

    def error(known: list[int]) -> float:
        return estimate_known_shares(KnownCounts(("a",), (), np.array([known]), final, 0))["a"].log_error

    steady, wild = [800, 810, 790, 805, 795, 800, 803, 797], [900, 700, 850, 750, 800, 820, 780, 800]
    assert error(wild) > 10 * error(steady)
    assert error(steady) == pytest.approx(np.sqrt(0.2 / 0.8 / 8000), rel=0.01)
    assert error(wild) == pytest.approx(np.std(np.array(wild) / 1000, ddof=1) / 0.8, rel=0.1)


def test_nothing_is_learned_from_few_months_or_from_records_without_days_of_writing() -> None:
    known, final = np.full((1, 3), 80), np.full((1, 3), 100)
    assert not estimate_known_shares(KnownCounts(("a",), (), known, final, 0))
    known, final = np.full((1, 8), 80), np.full((1, 8), 100)
    assert not estimate_known_shares(KnownCounts(("a",), (), known, final, 300))
    assert set(estimate_known_shares(KnownCounts(("a",), (), known, final, 0))) == {"a", "total"}


def counts_of(new: int, old: int) -> CountTable:
    times = tuple(date(2018 + m // 12, m % 12 + 1, 1) for m in range(29))
    counts = np.full((1, 29), old)
    counts[0, -1] = new
    return CountTable("offence_group", "month", ("stalking",), times, counts, ("victim",), "drawn", AS_OF)


def row_of(known_shares: dict[str, KnownShare]) -> ComparisonRow:
    baseline = Baseline("2019-05", (Period(date(2019, 5, 1), date(2019, 6, 1)),), "same months")
    context = ComparisonContext(known_shares=known_shares)
    (row,) = compare_baselines(counts_of(800, 1000), period=MAY, baselines=[baseline], context=context).rows
    return row


def test_a_change_allows_for_what_is_still_to_come_and_the_counts_stay() -> None:
    plain, late = row_of({}), row_of({"stalking": KnownShare(0.8, 0.0)})
    assert (late.new, late.old) == (plain.new, plain.old) == (800, 1000)
    assert plain.ratio == pytest.approx(0.8)
    assert late.ratio == pytest.approx(1.0)
    assert late.low / plain.low == pytest.approx(1.25, rel=0.01)
    assert late.low < 1 < late.high
    assert plain.high < 1
    assert "about 80% is on record by now: the change allows for the rest" in late.notes
    assert not [note for note in plain.notes if "on record by now" in note]


def test_the_doubt_of_the_share_widens_the_interval() -> None:
    sure, unsure = row_of({"stalking": KnownShare(0.8, 0.0)}), row_of({"stalking": KnownShare(0.8, 0.1)})
    width, wider = (np.log(row.high / row.low) for row in (sure, unsure))
    assert wider == pytest.approx(np.hypot(width, 2 * 1.96 * 0.1), rel=0.03)


def test_the_interval_holds_the_truth_of_months_that_are_still_being_written() -> None:
    """Drawn months: true ratio 1, four in five records written by now, more or fewer by the month."""
    rng = np.random.default_rng(7)
    held = []
    for _ in range(300):
        shares = rng.beta(80, 20, 9)
        final = rng.poisson(400, 9)
        known = rng.binomial(final, shares)
        learned = estimate_known_shares(KnownCounts(("stalking",), (), known[None, 1:], final[None, 1:], 0))
        baseline = Baseline("2019-05", (Period(date(2019, 5, 1), date(2019, 6, 1)),), "same months")
        table = counts_of(int(known[0]), 400)
        counts = rng.poisson(400, (1, 29))
        counts[0, -1] = known[0]
        drawn = CountTable(table.by, "month", table.groups, table.times, counts, ("victim",), "drawn", AS_OF)
        context = ComparisonContext(known_shares=learned)
        (row,) = compare_baselines(drawn, period=MAY, baselines=[baseline], context=context).rows
        held.append(row.low <= 1 <= row.high)
    assert 0.91 <= np.mean(held) <= 0.985  # 95 %, plus or minus three standard errors
    assert MAY.end + timedelta(days=1) == AS_OF
