"""What is true of every expected level and of every public table."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from becalm.measure.core.public import PublicFigure, build_tables, withhold_figures
from becalm.methods.cell_suppression import list_unsafe
from becalm.methods.expected_level import expect_after, expect_each
from becalm.methods.multiplicity import adjust, adjust_in_two_stages
from becalm.terms import Period

APRIL, SPRING = Period(date(2020, 4, 1), date(2020, 5, 1)), Period(date(2020, 3, 1), date(2020, 6, 1))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.1, 3.0, 300.0]), st.integers(1, 6))
def test_no_week_is_expected_by_itself_or_by_a_later_one(seed: int, level: float, ahead: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(level, (3, 90))
    week = int(rng.integers(60, 90))
    changed = counts.copy()
    changed[:, week - ahead + 1 :] = rng.poisson(50, changed[:, week - ahead + 1 :].shape)
    before, after = (expect_each(values, 60, ahead=ahead) for values in (counts, changed))
    assert before.mean[:, : week - 60 + 1] == pytest.approx(after.mean[:, : week - 60 + 1])
    frozen, frozen_changed = (expect_after(values, week - ahead + 1) for values in (counts, changed))
    assert frozen.mean == pytest.approx(frozen_changed.mean)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.02, 1.0, 40.0, 5_000.0]))
def test_every_interval_holds_its_mean_and_wider_levels_hold_narrower_ones(seed: int, level: float) -> None:
    counts = np.random.default_rng(seed).poisson(level, (4, 80))
    expected = expect_each(counts, 60)
    (low, high), (lower, higher) = expected.interval(0.9), expected.interval(0.99)
    assert np.isfinite(expected.mean).all()
    assert (lower <= low).all()
    assert (high <= higher).all()
    assert (low <= expected.mean + 1).all()


def test_less_than_a_year_before_the_first_week_is_refused() -> None:
    with pytest.raises(ValueError, match="at least a year"):
        expect_each(np.ones((1, 80)), 40)


@st.composite
def public_tables(draw: st.DrawFn) -> list[PublicFigure]:
    """Counts of boroughs by groups in a month, their margins and, for some, a longer period."""
    boroughs, groups = draw(st.integers(2, 4)), draw(st.integers(2, 4))
    cells = np.array(
        draw(st.lists(st.integers(0, 12), min_size=boroughs * groups, max_size=boroughs * groups))
    ).reshape(boroughs, groups)
    by = ("borough", "offence_group")
    figures = [PublicFigure(by, (), (APRIL,), int(cells.sum()))]
    figures += [PublicFigure(by, (f"b{b}",), (APRIL,), int(row.sum())) for b, row in enumerate(cells)]
    figures += [
        PublicFigure(by, (f"b{b}", f"g{g}"), (APRIL,), int(count)) for (b, g), count in np.ndenumerate(cells)
    ]
    figures += [
        PublicFigure(("offence_group",), (f"g{g}",), (APRIL,), int(column.sum()))
        for g, column in enumerate(cells.T)
    ]
    return figures


@settings(max_examples=25, deadline=None)
@given(public_tables(), st.integers(2, 10))
def test_whoever_attacks_a_public_table_bounds_no_withheld_cell(
    figures: list[PublicFigure], below: int
) -> None:
    is_withheld = np.array(withhold_figures(figures, (), below=below))
    counts = np.array([figure.count for figure in figures])
    assert is_withheld[(counts > 0) & (counts < below)].all()
    if not is_withheld.all():
        assert list(list_unsafe(build_tables(figures, ()), is_withheld)) == []


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_member_stands_out_only_in_a_family_that_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    family_p, member_p = rng.random(6) ** 3, rng.random(30) ** 3
    families = rng.integers(0, 6, 30)
    q_of_family, q_of_member = adjust_in_two_stages(family_p, member_p, families, rate=0.05)
    assert q_of_family == pytest.approx(adjust(family_p, "BH"))
    assert (q_of_member[q_of_family[families] > 0.05] == 1.0).all()
    assert (q_of_member >= member_p - 1e-12).all()
