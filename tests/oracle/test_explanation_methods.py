"""Gi*, local Moran, Knox and the scan against other programs, printed figures and brute force."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from statsmodels.stats.multitest import multipletests

from becalm.find.core.build_places import build_own_places
from becalm.methods.local_association import getis_ord, local_moran, permutation_p, upper_tail
from becalm.methods.multiplicity import adjust
from becalm.methods.near_repeat import local_knox, near_repeats
from becalm.methods.neighbourhood import ListedNeighbours, RasterNeighbours
from becalm.methods.place_set import PlaceSet
from becalm.methods.scan_statistic import scan

SIDE = 40
AROUND = shapely.box(0, 0, 5_000, 5_000)


@pytest.fixture(scope="module")
def raster() -> np.ndarray:
    rng = np.random.default_rng(5)
    return rng.poisson(rng.gamma(0.4, 2.5, SIDE * SIDE))


@pytest.fixture(scope="module")
def queens() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import libpysal

        return libpysal.weights.lat2W(SIDE, SIDE, rook=False)


def esda_g(values: np.ndarray, weights: object, permutations: int) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import esda

        return esda.G_Local(values, weights, transform="B", star=True, permutations=permutations, seed=1)


def whole(side: int = SIDE) -> RasterNeighbours:
    return RasterNeighbours(np.ones((side, side), dtype=bool))


def listed(weights: object) -> ListedNeighbours:
    rows = [sorted(weights.neighbors[i]) for i in range(weights.n)]
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    return ListedNeighbours(starts, np.concatenate(rows))


def test_gi_star_is_what_esda_computes(raster: np.ndarray, queens: object) -> None:
    theirs = esda_g(raster.astype(float), queens, 0).Zs
    assert np.abs(getis_ord(raster.astype(float), whole()) - theirs).max() < 1e-9
    assert np.abs(getis_ord(raster.astype(float), listed(queens)) - theirs).max() < 1e-9


@pytest.fixture(scope="module")
def beats() -> PlaceSet:
    """400 areas of every shape and size: the cells of random middles, cut to a square."""
    middles = np.random.default_rng(7).random((400, 2)) * 5_000
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.MultiPoint(middles), extend_to=AROUND))
    cut = shapely.intersection(cells, AROUND)
    return build_own_places([f"B{i}" for i in range(len(cut))], np.asarray(cut, dtype=object), None)


def test_on_areas_of_any_shape_gi_star_and_local_moran_are_esdas(beats: PlaceSet) -> None:
    """Which areas touch is given to esda as shapely's own relation says it, area by area."""
    values = np.random.default_rng(8).poisson(np.random.default_rng(9).gamma(0.5, 4.0, beats.size))
    touching = {
        i: np.flatnonzero(shapely.distance(outline, beats.outlines) < 1e-6).tolist()
        for i, outline in enumerate(beats.outlines)
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import esda
        import libpysal

        weights = libpysal.weights.W({i: [j for j in js if j != i] for i, js in touching.items()})
        moran = esda.Moran_Local(values.astype(float), weights, permutations=99, seed=1)
    own = beats.neighbours()
    assert len(set(own.numbers().tolist())) > 5
    theirs = esda_g(values.astype(float), weights, 0).Zs
    assert np.abs(getis_ord(values.astype(float), own) - theirs).max() < 1e-9
    ours = local_moran(values, own)
    assert np.allclose(ours.statistic * (beats.size - 1) / beats.size, moran.Is, atol=1e-9)
    assert np.array_equal(np.array([1, 3, 4, 2])[ours.quadrant], moran.q)


def test_gi_star_on_a_ground_with_holes_is_what_a_list_of_neighbours_gives(raster: np.ndarray) -> None:
    inside = np.random.default_rng(1).random((SIDE, SIDE)) < 0.7
    number = np.where(inside, np.cumsum(inside).reshape(inside.shape) - 1, -1)
    rows = []
    for r, c in zip(*np.nonzero(inside), strict=True):
        box = number[max(r - 1, 0) : r + 2, max(c - 1, 0) : c + 2].ravel()
        rows.append([n for n in box if n >= 0 and n != number[r, c]])
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    others = ListedNeighbours(starts, np.concatenate(rows).astype(np.int64))
    values = raster[inside.ravel()].astype(float)
    assert np.allclose(getis_ord(values, RasterNeighbours(inside)), getis_ord(values, others), atol=1e-12)


def test_the_shared_null_gives_the_p_values_of_999_permutations(queens: object) -> None:
    # nearly every sum is another one: among equal sums esda's rounding decides which counts as more
    values = np.rint(np.random.default_rng(5).gamma(0.4, 500.0, SIDE * SIDE)).astype(np.int64)
    ours = permutation_p(values, whole())
    theirs = esda_g(values.astype(float), queens, 999).p_sim  # folded: the smaller tail
    folded = np.minimum(ours, 1.0 - ours)
    noise = np.sqrt(folded * (1 - folded) / 999)
    assert np.abs(folded - theirs).max() < 5 * noise.max() + 8 / SIDE**2
    assert np.corrcoef(folded, theirs)[0, 1] > 0.99


def test_local_moran_is_esdas_up_to_its_divisor(raster: np.ndarray, queens: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import esda

        theirs = esda.Moran_Local(raster.astype(float), queens, permutations=99, seed=1)
    ours = local_moran(raster, whole())
    n = len(raster)
    assert np.allclose(ours.statistic * (n - 1) / n, theirs.Is, atol=1e-9)
    assert np.array_equal(np.array([1, 3, 4, 2])[ours.quadrant], theirs.q)


@pytest.mark.parametrize(("ours", "theirs"), [("BH", "fdr_bh"), ("BY", "fdr_by"), ("Holm", "holm")])
def test_adjusted_p_values_are_those_of_statsmodels(ours: str, theirs: str) -> None:
    p = np.random.default_rng(3).uniform(0, 1, 200) ** 3
    assert np.allclose(adjust(p, ours), multipletests(p, method=theirs)[1], atol=1e-12)


def test_no_more_than_one_null_city_in_twenty_has_a_discovery() -> None:
    rng = np.random.default_rng(11)
    neighbours = whole(25)
    found = [adjust(permutation_p(rng.poisson(0.5, 625), neighbours), "BH").min() <= 0.05 for _ in range(300)]
    assert np.mean(found) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


@pytest.mark.exhaustive
def test_at_most_five_percent_of_1000_null_cities_have_a_false_discovery() -> None:
    rng = np.random.default_rng(12)
    neighbours = whole(40)
    share = {}
    for mean in (0.1, 0.5, 2.0):
        cities = (rng.poisson(mean, 1600) for _ in range(1000))
        share[mean] = np.mean([adjust(permutation_p(c, neighbours), "BH").min() <= 0.05 for c in cities])
    assert max(share.values()) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 1000), share


def test_the_normal_p_of_gi_star_is_too_small_where_events_are_few() -> None:
    rng = np.random.default_rng(4)
    counts = rng.poisson(0.05, SIDE * SIDE)
    at = np.argmax(getis_ord(counts.astype(float), whole()))
    normal = upper_tail(getis_ord(counts.astype(float), whole()))[at]
    assert normal < permutation_p(counts, whole())[at] / 3


# What the Near Repeat Calculator 1.3 printed for these files (Manhattan distance, edges not included).
ARSON = [[0, 2, 0, 8], [9, 1, 1, 45], [4, 0, 0, 140], [6, 0, 0, 234], [393, 710, 770, 133658]]
BURGLARY = [
    [28, 5, 5, 2],
    [44, 13, 8, 4],
    [97, 56, 19, 16],
    [77, 67, 45, 20],
    [182194, 146149, 95237, 45879],
]


def dated_points(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = pd.read_csv(path, header=None)
    days = pd.to_datetime(rows[2]).to_numpy().astype("datetime64[D]").astype(np.int64)
    return rows[0].to_numpy(), rows[1].to_numpy(), days


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "edges", "delays", "printed"),
    [
        # the Calculator rounds 399.96 m to 400 m and counts it in the next band
        ("chicago_arson.csv", (200.0, 399.95, 600.0), (0, 1, 2), ARSON),
        ("chicago_be_month1.csv", (100.0, 200.0, 300.0), (6, 13, 20), BURGLARY),
    ],
)
def test_the_near_repeat_calculators_own_output_is_reproduced(
    shared_data: Path, name: str, edges: tuple[float, ...], delays: tuple[int, ...], printed: list[list[int]]
) -> None:
    x, y, days = dated_points(shared_data / "near_repeat" / name)
    table = near_repeats(
        x,
        y,
        days,
        distance_edges=edges,
        delay_edges=delays,
        orders=199,
        rng=np.random.default_rng(1),
        distance="manhattan",
    )
    assert table.observed.tolist() == printed
    assert table.observed.sum() == len(x) * (len(x) - 1) // 2
    if name == "chicago_be_month1.csv":  # printed with 19 orders: 1.652, 1.685, 1.318, each at p = 0.05
        assert table.ratio[:3, 0] == pytest.approx([1.652, 1.685, 1.318], rel=0.15)
    assert table.p[1, 0] == pytest.approx(1 / 200)


def brute_table(
    x: np.ndarray, y: np.ndarray, t: np.ndarray, edges: tuple[float, ...], delays: tuple[int, ...]
) -> np.ndarray:
    i, j = np.triu_indices(len(x), 1)
    far, late = np.hypot(x[i] - x[j], y[i] - y[j]), np.abs(t[i] - t[j])
    space = np.searchsorted([0.0, *edges], far, "left")
    time = np.searchsorted(delays, late, "left")
    out = np.zeros((len(edges) + 2, len(delays) + 1), dtype=np.int64)
    np.add.at(out, (space, time), 1)
    return out


@pytest.mark.parametrize("spread", [50.0, 1000.0, 100_000.0])
def test_pairs_are_those_of_brute_force(spread: float) -> None:
    rng = np.random.default_rng(int(spread))
    x, y = np.round(rng.uniform(0, spread, (2, 300)), 0)
    t = rng.integers(0, 60, 300)
    edges, delays = (40.0, 120.0), (3, 10, 20)
    table = near_repeats(x, y, t, distance_edges=edges, delay_edges=delays, orders=5, rng=rng)
    assert np.array_equal(table.observed, brute_table(x, y, t, edges, delays))
    assert np.allclose(table.expected.sum(axis=0), table.observed.sum(axis=0))
    assert np.allclose(table.expected.sum(axis=1), table.observed.sum(axis=1))


def test_knox_and_local_knox_are_those_of_pointpats() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pointpats import Knox, KnoxLocal

        rng = np.random.default_rng(8)
        points, times = rng.uniform(0, 1000, (150, 2)), rng.integers(0, 40, 150)
        events = np.column_stack([points, times])
        theirs = Knox(events[:, :2], events[:, 2:], delta=80, tau=5, permutations=99)
        local = KnoxLocal(events[:, :2], events[:, 2:], delta=80, tau=5, permutations=0)
    x, y = points.T.copy()
    ours = near_repeats(x, y, times, distance_edges=(80.0,), delay_edges=(5,), orders=999, rng=rng)
    assert ours.observed[:2, 0].sum() == theirs.statistic_
    assert abs(ours.p[1, 0] - theirs.p_sim) < 0.2
    mine = local_knox(x, y, times, near=80.0, soon=5)
    assert np.array_equal(mine.near_in_both, np.asarray(local.nsti).ravel())
    assert mine.near_in_both.sum() == 2 * theirs.statistic_


def test_many_events_on_one_point_are_normal() -> None:
    table = near_repeats(
        np.zeros(50),
        np.zeros(50),
        np.arange(50),
        distance_edges=(100.0,),
        delay_edges=(1,),
        orders=9,
        rng=np.random.default_rng(1),
    )
    assert table.observed.tolist() == [[49, 1176], [0, 0], [0, 0]]
    assert table.p[0, 0] == 1.0


def brute_scan(
    x: np.ndarray, y: np.ndarray, counts: np.ndarray, radius: float, longest: int
) -> tuple[float, int, int]:
    total, best = counts.sum(), (0.0, 0, 0)
    for centre in range(len(x)):
        far = np.hypot(x - x[centre], y - y[centre])
        for reach in np.unique(far[far <= radius]):
            held = counts[far <= reach]
            for first in range(counts.shape[1]):
                for last in range(first, min(first + longest, counts.shape[1])):
                    c = held[:, first : last + 1].sum()
                    mu = held.sum() * counts[:, first : last + 1].sum() / total
                    if c > mu and c > 1:
                        rest = (total - c) * np.log((total - c) / (total - mu)) if c < total else 0.0
                        best = max(best, (c * np.log(c / mu) + rest, first, last))
    return best


def test_the_strongest_cylinder_is_that_of_brute_force() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.uniform(0, 1000, (2, 25))
    site, period = rng.integers(0, 25, 200), rng.integers(0, 8, 200)
    counts = np.zeros((25, 8), dtype=np.int64)
    np.add.at(counts, (site, period), 1)
    best = scan(x, y, site, period, radius=300.0, longest=3, orders=9, rng=rng)[0]
    ratio, first, last = brute_scan(x, y, counts, 300.0, 3)
    assert best.log_ratio == pytest.approx(ratio)
    assert (best.first, best.last) == (first, last)


def test_a_planted_outbreak_is_found_and_chance_alone_seldom_is() -> None:
    rng = np.random.default_rng(6)
    x, y = rng.uniform(0, 4000, (2, 120))
    site, period = rng.integers(0, 120, 900), rng.integers(0, 12, 900)
    null = [
        scan(x, y, site, rng.permutation(period), radius=800.0, longest=3, orders=19, rng=rng)[0].p
        for _ in range(40)
    ]
    assert np.mean(np.array(null) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 40)
    near = np.flatnonzero(np.hypot(x - x[0], y - y[0]) < 500)
    planted = np.concatenate([site, rng.choice(near, 25)]), np.concatenate([period, np.full(25, 7)])
    best = scan(x, y, *planted, radius=800.0, longest=3, orders=99, rng=rng)[0]
    assert best.p == pytest.approx(0.01)
    assert best.first <= 7 <= best.last


def test_edges_that_do_not_rise_are_refused() -> None:
    bad = {"distance_edges": (200.0, 100.0), "delay_edges": (7,), "orders": 9}
    points = np.zeros(3), np.zeros(3), np.arange(3)
    with pytest.raises(ValueError, match="must rise"):
        near_repeats(*points, **bad, rng=np.random.default_rng(1))
