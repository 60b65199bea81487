"""What must be true of every list of hotspots, whatever the records."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_places import BORROWING, drawn_places, true_rates

from becalm.find.core.choose_places import select_separated
from becalm.find.core.hotspots import find_hotspots
from becalm.find.core.settings import FindSettings, Targets
from becalm.methods.forecast_scores import search_curve, search_order
from becalm.tables import PlaceCounts

SMALL = FindSettings(count=12)
CITIES = st.integers(0, 10_000)
few = settings(max_examples=8)


def city(seed: int) -> PlaceCounts:
    rng = np.random.default_rng(seed)
    return drawn_places(true_rates(12, rng), rng, months=10)


def listed(counts: PlaceCounts, targets: Targets = BORROWING, chosen: FindSettings = SMALL):
    return find_hotspots(counts, targets, crs="EPSG:27700", settings=chosen, rng=np.random.default_rng(1))


@few
@given(CITIES, st.integers(-50, 50), st.integers(-50, 50))
def test_moving_the_city_by_whole_cells_moves_the_list_and_nothing_else(seed, east, north):
    counts = city(seed)
    moved = listed(replace(counts, columns=counts.columns + east, rows=counts.rows + north)).hotspots
    for here, there in zip(listed(counts).hotspots, moved, strict=True):
        assert (there.column, there.row) == (here.column + east, here.row + north)
        assert there.expected_count.value == pytest.approx(here.expected_count.value)
        assert (there.p_top, there.rank_low, there.tie_group) == (here.p_top, here.rank_low, here.tie_group)


@few
@given(CITIES, st.randoms(use_true_random=False))
def test_the_order_of_the_entries_does_not_matter(seed, random):
    counts = city(seed)
    order = list(range(len(counts.counts)))
    random.shuffle(order)
    arrays = ("columns", "rows", "month_index", "group_index", "counts")
    shuffled = replace(counts, **{name: getattr(counts, name)[order] for name in arrays})
    assert listed(shuffled).hotspots == listed(counts).hotspots


@few
@given(CITIES)
def test_the_names_of_groups_do_not_matter(seed):
    counts = city(seed)
    renamed = replace(counts, groups=tuple(f"x_{name}" for name in counts.groups))
    targets = Targets(
        *(tuple(f"x_{n}" for n in names) for names in (("robbery",), ("violence",), ("drugs",)))
    )
    assert listed(renamed, targets).hotspots == listed(counts).hotspots


@few
@given(CITIES)
def test_an_entry_split_in_two_is_the_same_entry(seed):
    counts = city(seed)
    arrays = ("columns", "rows", "month_index", "group_index")
    twice = {name: np.repeat(getattr(counts, name), 2) for name in arrays}
    halves = np.column_stack([counts.counts - counts.counts // 2, counts.counts // 2]).ravel()
    assert listed(replace(counts, counts=halves, **twice)).hotspots == listed(counts).hotspots


@few
@given(CITIES)
def test_every_incident_counted_twice_doubles_what_is_expected(seed):
    counts = city(seed)
    single, double = listed(counts), listed(replace(counts, counts=2 * counts.counts))
    everyone = FindSettings(count=144)
    totals = [
        sum(h.expected_count.value for h in listed(c, chosen=everyone).hotspots)
        for c in (counts, replace(counts, counts=2 * counts.counts))
    ]
    assert totals[1] == pytest.approx(2 * totals[0], rel=0.05)
    assert double.concentration.share_50 == pytest.approx(single.concentration.share_50)


@few
@given(CITIES, st.sampled_from([0.0, 1e-300, 99.0, 150.0, 600.0]))
def test_a_greater_separation_never_expects_more(seed, separation):
    counts = city(seed)
    free = sum(h.expected_count.value for h in listed(counts).hotspots)
    apart = listed(counts, chosen=replace(SMALL, separation_m=separation)).hotspots
    assert sum(h.expected_count.value for h in apart) <= free + 1e-9


@given(st.lists(st.floats(0, 10), min_size=1, max_size=40), st.floats(0, 5), st.integers(1, 20), CITIES)
def test_selection_is_greedy_and_keeps_apart(scores, separation, count, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.random(len(scores)) * 20, rng.random(len(scores)) * 20
    values = np.array(scores)
    chosen = select_separated(values, x, y, count=count, separation_m=separation).tolist()
    wanted: list[int] = []
    for place in np.argsort(-values, kind="stable").tolist():
        far = all(np.hypot(x[place] - x[p], y[place] - y[p]) >= separation for p in wanted)
        if far and len(wanted) < count:
            wanted.append(place)
    assert chosen == wanted


@given(st.lists(st.integers(0, 3), min_size=2, max_size=30), CITIES)
def test_a_search_with_ties_is_the_mean_over_all_their_orders(scores, seed):
    rng = np.random.default_rng(seed)
    values, events = np.array(scores, dtype=float), rng.poisson(1.0, len(scores)).astype(float)
    curve = search_curve(search_order(values), events, np.ones(len(values)))
    wanted = int(rng.integers(1, len(values) + 1))
    above = values > np.sort(values)[::-1][wanted - 1]
    tied = values == np.sort(values)[::-1][wanted - 1]
    caught = events[above].sum() + events[tied].mean() * (wanted - above.sum())
    assert curve.event_share_at_places(wanted) == pytest.approx(caught / max(events.sum(), 1.0))
