"""What listed places had month by month, and how incidents lie over all places."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import briefings
import numpy as np
import pytest

from becalm.find.core.place_history import build_place_history
from becalm.find.files.concentration_chart import share_at
from becalm.tables import PlaceCounts

MONTHS = ("2020-03", "2020-04")


def counts(*entries: tuple[int, int, int, int]) -> PlaceCounts:
    """Entries of column, row, month and count."""
    columns, rows, months, numbers = (np.array(part, dtype=np.int64) for part in zip(*entries, strict=True))
    return PlaceCounts(
        months=MONTHS,
        month_index=months,
        groups=("robbery",),
        group_index=np.zeros(len(entries), dtype=np.int64),
        counts=numbers,
        without_location=0,
        location_quality=(),
        source="drawn",
        as_of=date(2020, 6, 1),
        cell_m=150.0,
        columns=columns,
        rows=rows,
    )


def test_a_place_has_its_own_counts_and_a_quiet_month_is_a_zero() -> None:
    places = (briefings.hotspot(1, 10, 20, p_top=0.9), briefings.hotspot(2, 20, 10, p_top=0.5))
    listed = briefings.hotspot_list(places)
    history = build_place_history(
        counts((10, 20, 0, 3), (10, 20, 1, 4), (20, 10, 1, 2), (5, 5, 0, 9)), listed
    )
    assert history.months == MONTHS
    assert history.counts_by_place == {places[0].place_id: (3, 4), places[1].place_id: (0, 2)}


def test_the_curve_holds_all_incidents_in_the_places_that_have_any() -> None:
    listed = briefings.hotspot_list((briefings.hotspot(1, 10, 20, p_top=0.9),))
    listed = replace(listed, concentration=replace(listed.concentration, places=100))
    history = build_place_history(counts((1, 1, 0, 6), (2, 2, 0, 3), (3, 3, 1, 1)), listed)
    assert history.curve[0] == (0.01, pytest.approx(0.6))
    assert share_at(history.curve, 0.03) == pytest.approx(1.0)
    assert history.curve[-1] == (1.0, pytest.approx(1.0))
    random = np.array(history.random_curve)
    assert (np.diff(random, axis=0) >= 0).all()
    assert share_at(history.random_curve, 0.05) == pytest.approx(0.5, abs=0.08)  # ten in a hundred places


def test_chance_alone_gives_the_random_curve() -> None:
    rng = np.random.default_rng(2)
    drawn = rng.poisson(2.0, 4000)
    entries = [(i, 0, 0, int(n)) for i, n in enumerate(drawn) if n]
    listed = briefings.hotspot_list((briefings.hotspot(1, 10, 20, p_top=0.9),))
    listed = replace(listed, concentration=replace(listed.concentration, places=4000))
    history = build_place_history(counts(*entries), listed)
    for share in (0.1, 0.3, 0.6):
        assert share_at(history.curve, share) == pytest.approx(
            share_at(history.random_curve, share), abs=0.02
        )
