"""A watch for the public gives no small count away, whoever adds and subtracts."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from becalm.measure.core.public import PublicFigure, build_tables, withhold_figures
from becalm.methods.cell_suppression import LEAST_VALUES, list_unsafe
from becalm.sustain.core.public import list_watch_figures, publish_watch
from becalm.sustain.core.watch import Watch
from becalm.sustain.files.watch import watch_object
from becalm.terms import Period

BY = ("borough", "offence_group")
REFERENCE = Period(date(2019, 1, 1), date(2020, 1, 1))


@pytest.fixture(scope="module")
def figures(watch_of_counts) -> tuple[Watch, list[PublicFigure], list[int]]:
    """Two boroughs by three offences with their sums; one series holds next to nothing."""
    rng = np.random.default_rng(2)
    means = np.array([8.0, 5.0, 0.05, 9.0, 6.0, 4.0])
    counts = rng.poisson(means[:, None], (6, 180)).astype(float)
    keys = [(area, offence) for area in ("Brent", "Camden") for offence in ("a", "b", "c")]
    watch = watch_of_counts(keys, counts, date(2017, 1, 2), date(2020, 1, 6))
    listed = list_watch_figures(watch, REFERENCE)
    public = [
        PublicFigure(BY, figure.key if any(figure.key) else (), figure.windows, figure.count)
        for figure in listed
    ]
    return watch, public, [figure.row for figure in listed]


def test_sums_are_those_of_their_series(figures):
    watch, public, _ = figures
    count = {(f.key, f.windows): f.count for f in public}
    for (key, windows), total in count.items():
        if key == ("Brent", ""):
            assert total == sum(count[("Brent", offence), windows] for offence in "abc")
    assert len(watch.series) == 6 + 2 + 3 + 1


def test_nothing_that_is_withheld_can_be_worked_out(figures):
    _, public, rows = figures
    flags = withhold_figures(public, (), below=5, blocks=rows)
    withheld = {f.key for f, flag in zip(public, flags, strict=True) if flag}
    assert ("Brent", "c") in withheld
    assert 2 <= len(withheld) < 9
    tables = build_tables(public, (), rows)
    is_withheld = np.array(flags)
    assert list(list_unsafe(tables, is_withheld)) == []
    for cell in np.flatnonzero(is_withheld):
        low, high = tables.attack(is_withheld, int(cell))
        assert high - low >= LEAST_VALUES - 1


def test_hiding_the_small_one_alone_would_give_it_back(figures):
    _, public, rows = figures
    careless = np.array([f.key == ("Brent", "c") for f in public])
    assert list(list_unsafe(build_tables(public, (), rows), careless)) != []


def test_the_published_watch_holds_no_score_and_no_weekly_count(figures):
    watch, _, _ = figures
    published = publish_watch(watch, frozenset({2}))
    answer = watch_object(published)
    assert {row["score"] for row in answer["series"]} == {None}
    assert all(np.isnan(series.counts).all() for series in published.series)
    withheld = answer["series"][2]
    assert (withheld["state"], withheld["weekly_mean"], withheld["fallen"]) == ("withheld", None, None)
    assert answer["series"][0]["weekly_mean"] is not None
