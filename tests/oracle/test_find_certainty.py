"""P(in the true top) means what it says: judged on simulated cities whose true rates are known."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from becalm.find.core.expected_counts import forecast_counts
from becalm.find.core.fitted_model import STEADY, measure_scatter
from becalm.find.core.hotspots import find_hotspots
from becalm.find.core.place_panel import build_panel
from becalm.find.core.settings import FindSettings, Targets
from becalm.methods.gamma_poisson import widen_posterior
from becalm.methods.rank_certainty import rank_certainty
from becalm.simulate.city import simulate_city
from becalm.simulate.settings import OFFENCES, Settings
from becalm.simulate.truth import place_months
from becalm.tables import PlaceCounts
from becalm.terms import HotspotList

CELL_M = 150.0
GROUPS = ("robbery", "violence_with_injury", "violence_without_injury", "theft_from_the_person")
TARGETS = Targets(("robbery",), GROUPS[1:], ())
SETTINGS = FindSettings()


def cells_of(points: np.ndarray) -> np.ndarray:
    return np.floor(points / CELL_M).astype(np.int64)


def counts_of(city, months: int) -> PlaceCounts:
    """What the police would have counted in the city's first months, on cells."""
    happened, places = city.incidents, city.plan.places
    cells = cells_of(places.address_position[happened.address])
    month = happened.day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    first = int(month.min())
    group = np.array([GROUPS.index(o.group) if o.group in GROUPS else -1 for o in OFFENCES])[happened.offence]
    kept = happened.has_place & (group >= 0) & (month < first + months)
    table = np.column_stack([cells, month - first, group])[kept]
    entries, number = np.unique(table, axis=0, return_counts=True)
    return PlaceCounts(
        cell_m=CELL_M,
        columns=entries[:, 0],
        rows=entries[:, 1],
        months=tuple(str(np.datetime64(first + m, "M")) for m in range(months)),
        month_index=entries[:, 2],
        groups=GROUPS,
        group_index=entries[:, 3],
        counts=number,
        without_location=0,
        location_quality=(("exact", len(table)),),
        source="simulated_city",
        as_of=date(2022, 2, 1),
    )


def true_cells(plan, month: int) -> dict[tuple[int, int], float]:
    """The true expected robberies of each cell in this month."""
    places = plan.places
    rate = place_months(plan, "robbery").expected[:, month]
    shares = rate[places.address_place] * places.address_share
    cells, number = np.unique(cells_of(places.address_position), axis=0, return_inverse=True)
    return dict(zip(map(tuple, cells.tolist()), np.bincount(number.ravel(), shares), strict=True))


def judge_contenders(counts: PlaceCounts, truth: dict[tuple[int, int], float]) -> np.ndarray:
    """The same for the best 1,500 places, of which the first 250 would be listed (last column)."""
    panel = build_panel(counts, TARGETS, settings=SETTINGS)
    (forecast,) = forecast_counts(panel, SETTINGS, [len(counts.months)])
    posterior = widen_posterior(
        forecast.posterior, forecast.own_counts, measure_scatter(panel, SETTINGS) or STEADY
    )
    asked, top = np.argsort(-forecast.expected_counts, kind="stable")[:1500], SETTINGS.count
    said = rank_certainty(posterior, asked, top=top, level=SETTINGS.level)
    number = {cell: n for n, cell in enumerate(sorted(truth, key=truth.__getitem__, reverse=True), 1)}
    cells = zip(panel.grid.columns[asked].tolist(), panel.grid.rows[asked].tolist(), strict=True)
    rank = np.array([number.get(cell, len(number) + 1) for cell in cells])
    held = (said.rank_low <= rank) & (rank <= said.rank_high)
    return np.column_stack([said.p_top, rank <= top, held, np.arange(len(rank)) < top])


def judge(found: HotspotList, truth: dict[tuple[int, int], float]) -> np.ndarray:
    """For each listed place: P(top), whether it is in the true top, whether its rank interval holds."""
    order = sorted(truth, key=truth.__getitem__, reverse=True)
    rank = {cell: number for number, cell in enumerate(order, 1)}
    listed = [(h, rank.get((h.column, h.row), len(order) + 1)) for h in found.hotspots]
    rows = [(h.p_top, r <= len(found.hotspots), h.rank_low <= r <= h.rank_high) for h, r in listed]
    return np.array(rows, dtype=float)


@pytest.fixture(scope="module")
def judged() -> tuple[np.ndarray, list[float]]:
    """Four cities, each at two moments of its life: every listed place, and the attained shares."""
    rows, attained = [], []
    for seed in (1, 2, 3, 4):
        city = simulate_city(Settings(), np.random.default_rng(seed))
        for months in (24, 47):
            counts, truth = counts_of(city, months), true_cells(city.plan, months)
            rng = np.random.default_rng(seed)
            found = find_hotspots(counts, TARGETS, crs="EPSG:27700", settings=SETTINGS, rng=rng)
            rows.append(judge(found, truth))
            best = sum(sorted(truth.values(), reverse=True)[: len(found.hotspots)])
            attained.append(sum(truth.get((h.column, h.row), 0.0) for h in found.hotspots) / best)
    return np.concatenate(rows), attained


def test_the_mean_probability_is_the_share_that_is_truly_in_the_top(judged):
    p_top, hit, _ = judged[0].T
    assert p_top.mean() == pytest.approx(hit.mean(), abs=0.05)


def test_each_class_of_probability_comes_true_about_as_often_as_it_says(judged):
    p_top, hit, _ = judged[0].T
    for low, high in ((0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.01)):
        chosen = (p_top >= low) & (p_top < high)
        assert chosen.sum() > 100
        assert hit[chosen].mean() == pytest.approx(p_top[chosen].mean(), abs=0.08)


def test_rank_intervals_hold_the_true_rank_about_as_often_as_they_say(judged):
    assert judged[0][:, 2].mean() == pytest.approx(0.8, abs=0.08)


def test_the_list_attains_most_of_what_the_best_possible_list_would(judged):
    assert np.mean(judged[1]) > 0.93


@pytest.mark.exhaustive
def test_ten_classes_of_probability_come_true_within_three_points():
    """Sixteen cities at four moments: with half of them chance alone moves a class by a point or more."""
    rows = []
    for seed in range(1, 17):
        city = simulate_city(Settings(), np.random.default_rng(seed))
        moments = [(counts_of(city, months), true_cells(city.plan, months)) for months in (18, 24, 36, 47)]
        rows.extend(judge_contenders(counts, truth) for counts, truth in moments)
    p_top, hit, held, listed = np.concatenate(rows).T
    for low in np.arange(10) / 10:
        chosen = (p_top > 0) & (p_top >= low) & (p_top < (low + 0.1 if low < 0.85 else 1.01))
        assert chosen.sum() > 600
        assert hit[chosen].mean() == pytest.approx(p_top[chosen].mean(), abs=0.03), low
    assert 0.77 < held[listed == 1].mean() < 0.83
