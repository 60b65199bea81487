"""No month is predicted from anything that was not known before it: neither counts nor places."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from made_places import BORROWING, ROBBERY, drawn_places, place_counts, true_rates
from shaped import point_counts

from becalm.find.core.backtest import backtest, score_box_months
from becalm.find.core.build_places import build_tiles
from becalm.find.core.expected_counts import forecast_counts
from becalm.find.core.floating_boxes import BoxLand
from becalm.find.core.method_skill import score_months
from becalm.find.core.place_panel import build_panel
from becalm.find.core.plugin import NamedFinder, count_12
from becalm.find.core.settings import FindSettings
from becalm.methods.place_set import Lattice

SETTINGS = FindSettings(count=10, least_incidents=20)
TESTED = range(20, 24)
STREET = [(c, r, t, "robbery", 1 + (c + r + t) % 2) for c in range(6) for r in range(4) for t in range(24)]
FUTURE = (9, 9)  # a cell that holds its first record, of any kind, in the third tested month


def planted() -> list[tuple[int, int, int, str, int]]:
    return [*STREET, (*FUTURE, 22, "robbery", 40), (*FUTURE, 23, "robbery", 40)]


def everyone(past, *, how_many, rng):
    """A finder that looks at all it is given and wants the last of the places most."""
    del how_many, rng
    assert (past.target.sum(axis=1) > 0).all(), "a place without a record in the past"
    return np.arange(1.0, len(past.amounts) + 1)


def test_a_cell_of_the_future_is_in_no_method_before_its_first_record():
    panel = build_panel(place_counts(planted()), ROBBERY, settings=SETTINGS)
    finder = NamedFinder("everyone", everyone)
    months = list(score_months(panel, SETTINGS, TESTED, finder=finder, rng=np.random.default_rng(1)))
    for scores in months:
        cells = set(zip(scores.panel.grid.columns.tolist(), scores.panel.grid.rows.tolist(), strict=True))
        assert (FUTURE in cells) == (scores.origin > 22)
        assert all(len(score) == len(cells) for score in scores.by_method.values())
    assert [scores.elsewhere_count for scores in months] == [0.0, 0.0, 0.0, 40.0, 0.0]


def test_what_fell_in_unknown_cells_is_caught_by_no_method():
    tested = backtest(
        place_counts(planted()),
        ROBBERY,
        origins=4,
        area_share=1.0,
        settings=SETTINGS,
        rng=np.random.default_rng(1),
    )
    street = sum(n for _, _, t, _, n in STREET if t == 22)
    for row in tested.rows:
        assert row.pai.value == pytest.approx((1 + 1 + street / (street + 40) + 1) / 4)
    share = 40 / (sum(n for _, _, t, _, n in STREET if t in TESTED) + 80)
    assert tested.warnings[-1].startswith(
        f"{share:.0%} of the incidents fell in places without an earlier record"
    )


@pytest.mark.parametrize("method", ["blend", "ewma", "count_12", "kde_150", "season", "kde_all_150"])
def test_the_future_moves_no_score_of_the_past(method):
    """The fence-post: all records from the tested month on are drawn anew, and elsewhere."""
    rng = np.random.default_rng(5)
    rates = true_rates(10, rng, mean=0.5)
    past = drawn_places(rates, np.random.default_rng(1), months=24)
    other = drawn_places(rates[::-1], np.random.default_rng(2), months=24)
    scores = []
    for later in (past, other):
        entries = [
            (c, r, t, later.groups[g], n) if t >= 20 else None
            for c, r, t, g, n in zip(
                later.columns.tolist(), later.rows.tolist(), later.month_index.tolist(),
                later.group_index.tolist(), later.counts.tolist(), strict=True,
            )
        ]  # fmt: skip
        kept = [
            (c, r, t, past.groups[g], n)
            for c, r, t, g, n in zip(
                past.columns.tolist(), past.rows.tolist(), past.month_index.tolist(),
                past.group_index.tolist(), past.counts.tolist(), strict=True,
            )
            if t < 20
        ]  # fmt: skip
        counts = place_counts([*kept, *filter(None, entries)], groups=past.groups)
        panel = build_panel(counts, BORROWING, settings=SETTINGS)
        first = next(iter(score_months(panel, SETTINGS, [20, 21], rng=np.random.default_rng(1))))
        assert first.origin == 19
        at_20 = list(score_months(panel, SETTINGS, [20, 21], rng=np.random.default_rng(1)))[1]
        scores.append(at_20.by_method[method])
    assert scores[0] == pytest.approx(scores[1], rel=1e-9)


def test_tiles_and_the_ground_of_boxes_keep_to_what_was_known():
    column, row, month, number = np.array([(c, r, t, n) for c, r, t, _, n in planted()]).T
    x, y = np.repeat(100.0 * column + 50.0, number), np.repeat(100.0 * row + 50.0, number)
    counts = point_counts(x, y, np.repeat(month, number))
    tiles = build_tiles(Lattice("square", 150.0), counts, ROBBERY, None)
    assert tiles.is_footprint
    panel = build_panel(counts, ROBBERY, places=tiles, settings=SETTINGS)
    known, known_index = panel.known_before(22)
    assert known.size == panel.size - 1
    assert len(known_index) == known.size
    future = shapely.Point(950.0, 950.0)
    land = BoxLand(100.0, tiles)
    rng = np.random.default_rng(1)
    months = score_box_months(land, counts, ROBBERY, SETTINGS, TESTED, area_share=0.1, rng=rng)
    for scores in months:
        on_land = shapely.intersects(future, scores.panel.places.outlines).any()
        assert on_land == (scores.origin > 22)


def test_with_a_boundary_all_of_its_land_was_always_known():
    boundary = shapely.box(0, 0, 1000, 1000)
    panel = build_panel(place_counts(planted()), ROBBERY, boundary=boundary, settings=SETTINGS)
    assert panel.first_seen is None
    assert panel.known_before(5)[0] is panel


def test_training_leaves_out_what_fell_in_cells_that_were_not_yet_known():
    """Else new cells, which no memory can predict, would be paid for by the own memory of all others."""
    new_each_month = [(20 + t, 20 + t, t, "robbery", 6) for t in range(24)]
    panel = build_panel(place_counts([*STREET, *new_each_month]), ROBBERY, settings=SETTINGS)
    plain = build_panel(place_counts(STREET), ROBBERY, settings=SETTINGS)
    (forecast,), (reference,) = (forecast_counts(p, SETTINGS, [24]) for p in (panel, plain))
    assert panel.known_events(10)[1].sum() == plain.known_events(10)[1].sum()
    assert forecast.part_shares[-1] < reference.part_shares[-1] + 0.05


def test_the_finder_count_12_sees_the_same_places():
    panel = build_panel(place_counts(planted()), ROBBERY, settings=SETTINGS)
    finder = NamedFinder("mine", count_12)
    for scores in score_months(panel, SETTINGS, TESTED, finder=finder, rng=np.random.default_rng(1)):
        assert scores.by_method["mine"].tolist() == scores.by_method["count_12"].tolist()
