"""What must hold of every comparison."""

from __future__ import annotations

import contextlib
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from becalm.measure import compare_periods
from becalm.measure.core.baseline import parse_baseline
from becalm.measure.core.request import CompareSettings
from becalm.methods.multiplicity import adjust
from becalm.methods.rate_ratios import rate_p_values, rate_ratios
from becalm.tables import CountTable
from becalm.terms import Period, UsageError, parse_period

counts = st.integers(0, 10**9)
dispersions = st.floats(1.0, 200.0)
levels = st.floats(0.5, 0.999)


@given(counts, counts, dispersions, levels, st.sampled_from(["exact", "mid-p"]))
def test_the_interval_holds_the_ratio(new, old, phi, level, kind):
    found = rate_ratios(new, old, dispersion=phi, level=level, kind=kind)
    assert 0 <= found.low <= found.high
    if new or old:
        slack = 1e-9 * float(found.ratio) if old else 0.0
        assert found.low - slack <= found.ratio <= found.high + slack


@given(counts, counts, dispersions)
def test_swapping_the_periods_inverts_the_ratio(new, old, phi):
    there, back = rate_ratios(new, old, dispersion=phi), rate_ratios(old, new, dispersion=phi)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose([there.low, there.high], [1 / back.high, 1 / back.low], rtol=1e-8)
    assert float(rate_p_values(new, old, dispersion=phi)) == pytest.approx(
        float(rate_p_values(old, new, dispersion=phi)), rel=1e-6, abs=1e-300
    )


@given(counts, counts, st.floats(1e-3, 1e3))
def test_a_longer_baseline_scales_the_ratio_and_its_interval(new, old, times):
    plain, scaled = rate_ratios(new, old), rate_ratios(new, old, old_exposure=times)
    np.testing.assert_allclose(scaled.low, plain.low * times, rtol=1e-9)
    np.testing.assert_allclose(scaled.high, plain.high * times, rtol=1e-9)


@given(st.integers(0, 10**6), st.integers(0, 10**6), dispersions)
def test_one_more_offence_never_lowers_the_ratio_or_either_limit(new, old, phi):
    less, more = (rate_ratios(n, old, dispersion=phi) for n in (new, new + 1))
    assert more.low >= less.low * (1 - 1e-9)
    assert more.high >= less.high * (1 - 1e-9)


@given(st.integers(0, 10**6), st.integers(0, 10**6), dispersions)
def test_more_dispersion_never_narrows_the_interval(new, old, phi):
    narrow, wide = rate_ratios(new, old), rate_ratios(new, old, dispersion=phi)
    assert wide.low <= narrow.low * (1 + 1e-9)
    assert wide.high >= narrow.high * (1 - 1e-9)


@given(st.integers(0, 10**6), st.integers(0, 10**6), dispersions, levels)
def test_p_is_small_exactly_where_the_interval_leaves_out_no_change(new, old, phi, level):
    found = rate_ratios(new, old, dispersion=phi, level=level)
    p = float(rate_p_values(new, old, dispersion=phi))
    if abs(p - (1 - level)) > 1e-6:
        assert (p < 1 - level) == bool(found.low > 1 or found.high < 1)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.sampled_from([0.5, 0.8, 0.95, 0.99]))
def test_mid_p_lies_within_exact(new, old, level):
    mid, exact = (rate_ratios(new, old, level=level, kind=kind) for kind in ("mid-p", "exact"))
    assert mid.low >= exact.low * (1 - 1e-9)
    assert mid.high <= exact.high * (1 + 1e-9)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_q_is_never_below_p_and_keeps_the_order(p_values):
    q = adjust(p_values, "BH")
    assert (q >= np.array(p_values) - 1e-15).all()
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(q[order]) >= 0).all()


def table(rows: list[list[int]]) -> CountTable:
    times = tuple(date(2014 + i // 12, i % 12 + 1, 1) for i in range(len(rows[0])))
    names = tuple(f"group {i}" for i in range(len(rows)))
    finders = ("victim",) * len(rows)
    return CountTable(
        "offence_group", "month", names, times, np.array(rows), finders, "drawn", date(2020, 1, 1)
    )


JANUARIES = [Period(date(y, 1, 1), date(y, 2, 1)) for y in (2018, 2017)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 500), min_size=52, max_size=52), min_size=1, max_size=4))
def test_a_comparison_of_any_counts_adds_up_and_can_be_turned_round(rows):
    there, back = (
        compare_periods(table(rows), period=new, baseline=old)
        for new, old in (JANUARIES, reversed(JANUARIES))
    )
    assert there.total.new == sum(row.new for row in there.rows)
    assert there.total.old == sum(row.old for row in there.rows)
    for row, turned in zip(there.rows, back.rows, strict=True):
        assert (row.new, row.old, row.difference) == (turned.old, turned.new, -turned.difference)
        assert row.overdispersion == turned.overdispersion
        assert row.low * turned.high == pytest.approx(1.0) or row.low == 0 or turned.low == 0
        assert row.change_percent is None or row.old >= 50
        assert row.low <= (row.ratio if row.ratio is not None else row.high) <= row.high


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 500), min_size=52, max_size=52), st.floats(0.5, 0.99))
def test_a_surer_level_gives_a_wider_interval(row, level):
    narrow, wide = (
        compare_periods(
            table([row]), period=JANUARIES[0], baseline=JANUARIES[1], settings=CompareSettings(level=at)
        ).total
        for at in (level, (1 + level) / 2)
    )
    assert wide.low <= narrow.low
    assert wide.high >= narrow.high


@given(
    st.text()
    | st.from_regex(
        r"(last )?[0-9]{1,9}(-W?[0-9]{2}){0,2}(\.\.[0-9]{4}(-W?[0-9]{2}){0,2})?( (weeks|months|days))?"
    )
)
def test_a_text_is_a_period_and_a_baseline_or_is_refused_in_words(text):
    last = date(2020, 5, 31)
    asked = parse_period("2020-04", last_day=last)
    for read in (
        lambda: parse_period(text, last_day=last),
        lambda: parse_baseline(text, written_period=asked, last_day=last),
    ):
        with contextlib.suppress(UsageError):
            read()


@given(st.dates(date(1990, 1, 1), date(2060, 1, 1)), st.integers(1, 500))
def test_days_that_are_written_out_are_read_back(start, days):
    last = date.fromordinal(start.toordinal() + days - 1)
    period = parse_period(f"{start}..{last}", last_day=date(2020, 1, 1)).period
    assert (period.start, period.last_day, period.days) == (start, last, days)
