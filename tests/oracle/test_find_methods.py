"""The methods behind hotspots, against brute force, other programs and known limits."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from scipy import stats
from scipy.special import gammaln

from becalm.methods.concentration import concentration, even_null, gini, gini_generalised
from becalm.methods.faded_counts import (
    build_series,
    choose_half_life,
    forecast_total,
    kish_factor,
    memories,
    sum_faded,
)
from becalm.methods.forecast_scores import draw_resamples, mean_interval, paired_interval
from becalm.methods.gamma_poisson import (
    GammaPosterior,
    Scatter,
    Truncation,
    fit_mixture,
    fit_prior,
    fit_scatter,
    update_posterior,
    widen_posterior,
)
from becalm.methods.grid import build_grid, clip_cells, clip_squares, to_cells
from becalm.methods.neighbourhood import smooth_raster
from becalm.methods.rank_certainty import rank_certainty

RNG = np.random.default_rng(11)


def series_of(counts: np.ndarray, exposure: float = 1.0):
    step, place = np.nonzero(counts)
    return build_series(
        step, place, counts[step, place], exposure=np.full(len(counts), exposure), size=counts.shape[1]
    )


# Cells


def test_clipped_areas_are_those_of_cutting_every_cell():
    angles = np.sort(RNG.random(40)) * 2 * np.pi
    radii = 600 + 500 * RNG.random(40)
    outline = shapely.Polygon(np.column_stack([1234 + radii * np.cos(angles), -321 + radii * np.sin(angles)]))
    region = shapely.difference(outline, shapely.box(1100, -500, 1333, -210)).union(
        shapely.box(2600, 0, 2777, 40)
    )
    grid = clip_cells(region, 70.0)
    cells = shapely.box(
        *((grid.columns * 70.0, grid.rows * 70.0, grid.columns * 70.0 + 70, grid.rows * 70.0 + 70))
    )
    brute = shapely.area(shapely.intersection(cells, region))
    assert grid.place_areas_m2 == pytest.approx(brute, abs=1e-6)
    assert grid.place_areas_m2.sum() == pytest.approx(region.area, rel=1e-12)
    cut = clip_squares(region, grid.columns, grid.rows, 70.0)
    assert shapely.area(cut) == pytest.approx(brute, abs=1e-6)


def test_cells_are_counted_from_the_origin_of_the_coordinate_system():
    columns, rows = to_cells(
        np.array([-0.1, 0.0, 149.9, 150.0]), np.array([10.0, 160.0, -150.0, 299.0]), 150.0
    )
    assert columns.tolist() == [-1, 0, 0, 1]
    assert rows.tolist() == [0, 1, -1, 1]


def test_places_are_numbered_row_by_row_and_cells_elsewhere_are_none():
    grid = build_grid(np.array([5, 3, 4]), np.array([8, 7, 7]), 10.0)
    assert grid.columns.tolist() == [3, 4, 5]
    assert grid.numbers(np.array([3, 4, 5, 3, 99, -4]), np.array([7, 7, 8, 8, 7, 7])).tolist() == [
        0,
        1,
        2,
        -1,
        -1,
        -1,
    ]


# Memory


def test_a_memory_is_the_faded_sum_of_all_earlier_counts():
    counts = RNG.poisson(0.7, (15, 8))
    for origin, memory in memories(series_of(counts), 3.0, [0, 4, 15]):
        brute = sum(0.5 ** ((origin - 1 - t) / 3.0) * counts[t] for t in range(origin))
        assert memory == pytest.approx(np.zeros(8) + brute)
        assert sum_faded(counts[:, 0].astype(float), 3.0, origin) == pytest.approx((np.zeros(8) + brute)[0])


def test_an_endless_half_life_is_plain_counting():
    counts = RNG.poisson(0.7, (15, 8))
    ((_, memory),) = memories(series_of(counts), np.inf, [15])
    assert memory.tolist() == counts.sum(axis=0).tolist()
    assert kish_factor(np.ones(15), np.ones(15)) == 1.0


def test_an_effective_count_varies_as_much_as_its_mean():
    counts = RNG.poisson(2.0, (20, 40_000))
    ((_, memory),) = memories(series_of(counts), 4.0, [20])
    scaled = memory * kish_factor(0.5 ** (np.arange(20)[::-1] / 4.0), np.ones(20))
    assert scaled.var() == pytest.approx(scaled.mean(), rel=0.03)


def test_a_steady_world_chooses_a_long_memory_and_a_moving_one_a_short():
    rates = RNG.gamma(0.5, 2.0, 400)
    steady = RNG.poisson(rates, (40, 400))
    moving = np.array([RNG.poisson(np.roll(rates, 37 * (t // 3))) for t in range(40)])
    even = np.full(400, 1 / 400)
    chosen = [
        choose_half_life(series_of(c), even, half_lives=(1.0, 3.0, 12.0, 48.0), origins=range(10, 40)).steps
        for c in (steady, moving)
    ]
    assert chosen == [48.0, 1.0]


def test_the_total_follows_the_level_and_passes_over_missing_months():
    assert forecast_total(np.full(12, 62.0), np.full(12, 31 / 30)) == pytest.approx(60.0)
    gap = np.where(np.arange(12) == 5, 0.0, 1.0)
    assert forecast_total(60 * gap, gap) == pytest.approx(60.0)
    fallen = np.array([100.0] * 12 + [50.0] * 6)
    assert 48 < forecast_total(fallen, np.ones(18)) < 58


# Smoothing


def test_smoothing_is_the_direct_sum_over_all_cells_inside():
    area = (RNG.random((17, 13)) < 0.8) * RNG.random((17, 13))
    counts = RNG.poisson(1.0, area.shape) * (area > 0)
    y, x = np.mgrid[:17, :13]
    for without_own in (False, True):
        made = smooth_raster(counts.astype(float), area, sigma=1.4, without_own=without_own)
        for j, i in ((0, 0), (8, 6), (16, 12), (3, 11)):
            weight = np.exp(-((y - j) ** 2 + (x - i) ** 2) / (2 * 1.4**2))
            weight[(np.abs(y - j) > 6) | (np.abs(x - i) > 6)] = 0.0
            weight[j, i] *= not without_own
            wanted = (weight * counts).sum() / (weight * area).sum() if area[j, i] > 0 else 0.0
            assert made[j, i] == pytest.approx(wanted)


def test_even_counts_stay_even_up_to_the_edge():
    area = np.zeros((30, 30))
    area[4:22, 7:25] = 2.5
    made = smooth_raster(3.0 * area, area, sigma=3.0)
    assert made[area > 0] == pytest.approx(3.0)
    assert not made[area == 0].any()


# Blend


def test_shares_are_those_that_the_events_were_drawn_with():
    parts = RNG.dirichlet(np.full(500, 0.3), size=3)
    truth = np.array([0.6, 0.3, 0.1])
    fitted = fit_mixture(parts, RNG.multinomial(200_000, truth @ parts).astype(float))
    assert fitted == pytest.approx(truth, abs=0.01)


def test_no_other_shares_are_likelier():
    parts, counts = RNG.dirichlet(np.ones(60), size=4), RNG.poisson(3.0, 60).astype(float)
    best = counts @ np.log(fit_mixture(parts, counts) @ parts)
    others = RNG.dirichlet(np.ones(4), size=2_000)
    assert best >= (np.log(others @ parts) @ counts).max() - 1e-6


@pytest.mark.parametrize("many", [1, 2, 5, 9])
def test_at_the_fitted_shares_the_likelihood_slopes_up_to_nowhere(many):
    parts = RNG.dirichlet(np.full(4_000, 0.05), size=many)
    parts[-1] = 1.0 / 4_000  # the even spread, without which some events would be impossible
    counts = RNG.poisson(1_000.0 * RNG.dirichlet(np.ones(many)) @ parts).astype(float)
    shares = fit_mixture(parts, counts)
    slope = (
        parts @ (counts / (shares @ parts)) / counts.sum()
    )  # at the one top: 1 where held, below elsewhere
    assert shares.sum() == pytest.approx(1.0, abs=1e-12)
    assert slope.max() <= 1.0 + 1e-6
    assert slope[shares > 0] == pytest.approx(1.0, abs=1e-6)


def test_events_that_no_forecast_thought_possible_change_no_share():
    parts = RNG.dirichlet(np.ones(50), size=3)
    counts = RNG.poisson(5.0, 50).astype(float)
    more = np.concatenate([parts, np.zeros((3, 2))], axis=1)
    assert np.array_equal(fit_mixture(more, np.append(counts, [7.0, 1.0])), fit_mixture(parts, counts))


def test_a_forecast_given_twice_gets_the_share_of_one():
    parts, counts = RNG.dirichlet(np.ones(50), size=2), RNG.poisson(5.0, 50).astype(float)
    twice = fit_mixture(parts[[0, 0, 1]], counts)
    assert twice[0] + twice[1] == pytest.approx(fit_mixture(parts, counts)[0], abs=1e-6)


def test_the_prior_is_the_one_that_rates_were_drawn_from():
    means = RNG.gamma(1.0, 0.5, 60_000) + 0.01
    shape = 0.9 * means**0.4
    counts = RNG.poisson(8.0 * RNG.gamma(shape, means / shape))
    found = fit_prior(means, counts.astype(float), 8.0).best
    assert found.strength == pytest.approx(0.9, rel=0.05)
    assert found.power == pytest.approx(0.4, abs=0.05)


def test_grouping_like_places_changes_the_prior_by_nothing_of_note():
    means = RNG.gamma(1.0, 0.3, 5_000) + 0.01
    counts = RNG.poisson(4.0 * RNG.gamma(0.8, means / 0.8)).astype(float)
    found = fit_prior(means, counts, 4.0).best

    def log_likelihood(strength: float, power: float) -> float:
        shape = strength * means**power
        return float(stats.nbinom.logpmf(counts, shape, (shape / means) / (shape / means + 4.0)).sum())

    best = log_likelihood(found.strength, found.power)
    near = [(found.strength * s, found.power + p) for s in (0.97, 1.03) for p in (-0.03, 0.03)]
    assert all(log_likelihood(*other) < best for other in near)


def test_the_posterior_mean_lies_between_forecast_and_own_rate():
    prior = fit_prior(np.full(300, 0.5), RNG.poisson(2.0, 300).astype(float), 4.0)
    made = update_posterior(prior, np.array([0.5, 0.5]), np.array([0.0, 40.0]), 4.0)
    assert 0.0 < made.mean[0] < 0.5 < made.mean[1] < 10.0


# Certainty


def posterior(size: int = 3_000) -> GammaPosterior:
    return GammaPosterior(RNG.gamma(1.0, 3.0, size) + 0.3, np.full(size, 5.0))


def test_ranks_are_as_sure_as_drawing_everyone_makes_them():
    made, top = posterior(9_000), 30
    asked = np.argsort(-made.mean)[:top]
    quick = rank_certainty(made, asked, top=top, level=0.8)
    everyone = np.random.default_rng(2).standard_gamma(made.shape, (2_000, 9_000)) / made.rate
    ranks = np.array([(row[:, None] < row[asked]).sum(0) for row in everyone])
    ranks = 9_000 - ranks
    assert quick.p_top == pytest.approx((ranks <= top).mean(axis=0), abs=0.04)
    assert quick.rank_low == pytest.approx(np.quantile(ranks, 0.1, axis=0), rel=0.1, abs=2)
    assert quick.rank_high == pytest.approx(np.quantile(ranks, 0.9, axis=0), rel=0.1, abs=4)


def test_no_interval_depends_on_how_many_places_are_asked_about():
    made = posterior(4_000)
    order = np.argsort(-made.mean)
    few, many = (rank_certainty(made, order[:n], top=n, level=0.8) for n in (20, 800))
    assert few.rank_low.tolist() == many.rank_low[:20].tolist()
    assert few.rank_high.tolist() == many.rank_high[:20].tolist()
    assert (few.p_top <= many.p_top[:20]).all()


def test_the_chances_of_all_places_add_up_to_the_length_of_the_list():
    made = posterior(500)
    everyone = rank_certainty(made, np.arange(500), top=40, level=0.8)
    assert everyone.p_top.sum() == pytest.approx(40, rel=0.02)


def test_places_that_are_alike_share_the_chance():
    made = GammaPosterior(np.full(20_000, 0.4), np.full(20_000, 4.0))
    sure = rank_certainty(made, np.arange(50), top=50, level=0.8)
    assert sure.p_top.mean() == pytest.approx(50 / 20_000, abs=0.001)
    assert sure.tied_below == 20_000 - 50


def test_the_prior_is_found_where_no_empty_place_is_ever_seen():
    """A place without a count is unknown; without the truncation the prior would be far too sure."""
    rates = RNG.gamma(0.7, 1 / 0.7, 40_000) * 0.5
    counts = RNG.poisson(rates * 2.0).astype(float)
    seen = counts > 0
    means = np.full(int(seen.sum()), counts.sum() / 2.0 / seen.sum())
    truncation = Truncation(np.ones(int(seen.sum()), bool), 2.0)
    found = fit_prior(means, counts[seen], 2.0, truncation=truncation)
    assert found.best.scale * means[0] == pytest.approx(0.5, rel=0.15)
    assert found.best.shape(means)[0] == pytest.approx(0.7, rel=0.2)
    blind = fit_prior(means, counts[seen], 2.0)
    assert blind.best.shape(means)[0] > 2.0


def test_a_prior_of_few_counts_is_not_taken_as_known():
    means, counts = np.full(400, 0.05), np.zeros(400)
    counts[:20] = 1.0
    found = fit_prior(means, counts, 1.0)
    strengths = np.log([prior.strength for prior in found.priors])
    assert (
        np.sqrt(
            np.average((strengths - np.average(strengths, weights=found.weights)) ** 2, weights=found.weights)
        )
        > 1.0
    )
    assert sum(found.weights) == pytest.approx(1.0)


def test_the_doubt_about_the_forecast_stays_when_places_are_all_as_forecast():
    means = np.full(5_000, 2.0)
    counts = RNG.poisson(means * 10.0).astype(float)
    found = fit_prior(means, counts, 10.0, doubt=0.25)
    made = update_posterior(found, means, np.zeros(5_000), 1e-9, doubt=0.25)
    assert 1 / made.shape[0] == pytest.approx(0.25, abs=0.05)


def test_bursts_and_drift_are_found_and_told_apart():
    size = 40_000
    shape, evidence = np.full(size, 30.0), np.zeros(size)
    means = RNG.gamma(1.0, 6.0, size) + 0.2
    known = GammaPosterior(shape, shape / means)
    rates = means * RNG.gamma(30.0, 1 / 30.0, size) * RNG.gamma(10.0, 0.1, size)
    counts = RNG.negative_binomial(rates / 0.5, 1 / 1.5).astype(float)
    found = fit_scatter(known, evidence, counts)
    assert found.burst == pytest.approx(1.5, abs=0.08)
    assert found.drift == pytest.approx(0.1, abs=0.03)
    assert (
        fit_scatter(known, evidence, RNG.poisson(means * RNG.gamma(30.0, 1 / 30.0, size)).astype(float)).drift
        < 0.01
    )


def test_widening_keeps_the_mean_and_adds_the_squared_variation():
    known = GammaPosterior(np.array([4.0, 20.0]), np.array([2.0, 5.0]))
    wide = widen_posterior(known, np.array([0.0, 12.0]), Scatter(burst=2.0, drift=0.1))
    assert wide.mean == pytest.approx(known.mean)
    assert 1 / wide.shape == pytest.approx([1 / 4 + 0.1, 1 / 14 + 0.1])


# Concentration and resampling


def test_the_interval_of_what_cannot_be_negative_ends_at_zero():
    values = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 9.0])
    resamples = draw_resamples(6, rounds=2_000, rng=np.random.default_rng(1))
    made = mean_interval(values, resamples, level=0.95, bounds=(0.0, 100.0))
    assert 0.0 <= made.low < made.value < made.high <= 100.0
    assert mean_interval(values, resamples, level=0.95).low == pytest.approx(1.5 - 1.5 * np.sqrt(6 / 5))
    near = np.array([40.0, 41.0, 39.0, 40.5])
    resamples = draw_resamples(4, rounds=2_000, rng=np.random.default_rng(1))
    plain, bounded = (mean_interval(near, resamples, level=0.95, bounds=b) for b in (None, (0.0, 100.0)))
    assert (bounded.low, bounded.high) == pytest.approx((plain.low, plain.high), rel=0.01)


def test_the_even_null_is_what_throwing_at_random_gives():
    areas = np.where(np.arange(3_000) % 3 == 0, 0.4, 1.0)
    thrown = RNG.multinomial(2_500, areas / areas.sum(), size=60)
    shares = np.array([[c.share_25, c.share_50] for c in map(concentration, thrown.astype(float))])
    assert even_null(2_500, areas) == pytest.approx(shares.mean(axis=0), rel=0.02)


def test_concentration_of_a_small_table_by_hand():
    made = concentration(np.array([1.0, 0.0, 5.0, 2.0]))
    assert made.share_50 == pytest.approx(0.8 / 4)
    assert made.share_25 == pytest.approx(0.4 / 4)
    pairs = np.abs(np.subtract.outer([1, 0, 5, 2], [1, 0, 5, 2])).mean()
    assert made.gini == pytest.approx(pairs / (2 * 2.0))


def test_the_generalised_gini_forgives_having_fewer_events_than_places():
    assert gini_generalised(np.array([1.0, 1.0, 0.0, 0.0])) == pytest.approx(0.0)
    assert gini(np.array([1.0, 1.0, 0.0, 0.0])) == pytest.approx(0.5)
    assert gini_generalised(np.array([2.0, 0.0, 0.0, 0.0])) == pytest.approx(0.5)


def test_bootstrap_intervals_cover_as_often_as_they_say():
    drawn = draw_resamples(24, rounds=600, rng=RNG)
    held = 0
    for _ in range(400):
        made = mean_interval(RNG.normal(3.0, 1.0, 24), drawn, level=0.9)
        held += made.low <= 3.0 <= made.high
    assert held / 400 == pytest.approx(0.9, abs=0.045)


def test_a_paired_difference_ignores_what_both_share():
    months = RNG.normal(0.0, 50.0, 24)
    drawn = draw_resamples(24, rounds=500, rng=RNG)
    made = paired_interval(months + 1.0, months, drawn, level=0.95)
    assert (made.low, made.value, made.high) == pytest.approx((1.0, 1.0, 1.0))


def test_the_negative_binomial_of_the_prior_is_that_of_scipy():
    shape, rate, exposure, count = 0.7, 1.3, 4.0, 6.0
    ours = (
        gammaln(shape + count) - gammaln(shape) + shape * np.log(rate / (rate + exposure))
        + count * np.log(exposure / (rate + exposure)) - gammaln(count + 1)
    )  # fmt: skip
    assert ours == pytest.approx(stats.nbinom.logpmf(count, shape, rate / (rate + exposure)))
