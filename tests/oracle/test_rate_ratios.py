"""Ratios of rates against published numbers, R, scipy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats
from statsmodels.stats.rates import confint_poisson_2indep
from statsmodels.stats.rates import test_poisson_2indep as statsmodels_test

from becalm.methods.rate_ratios import e_test_p_value, rate_p_values, rate_ratios


def clopper_pearson_odds(new, old, level=0.95):
    tail = (1 - level) / 2
    low = special.betaincinv(np.maximum(new, 1), old + 1, tail)
    high = special.betaincinv(new + 1, np.maximum(old, 1), 1 - tail)
    with np.errstate(divide="ignore"):
        return np.where(new > 0, low / (1 - low), 0.0), np.where(old > 0, high / (1 - high), np.inf)


def brute_mid_p_tail(new, old, share):
    """P(more than `new`) + P(new) / 2 of a binomial, by adding up its probabilities."""
    split = stats.binom(new + old, share)
    return split.sf(new) + 0.5 * split.pmf(new)


def test_65_against_100_is_as_r_prints_it():
    # R: poisson.test(c(65, 100))$conf.int
    found = rate_ratios(65, 100, kind="exact")
    assert float(found.ratio) == 0.65
    assert float(found.low) == pytest.approx(0.4681661, abs=5e-8)
    assert float(found.high) == pytest.approx(0.8971112, abs=5e-8)


def test_unequal_exposures_are_as_r_prints_them():
    # the example on R's own help page: poisson.test(c(11, 6+8+7), c(800, 1083+1050+878))
    found = rate_ratios(11, 21, new_exposure=800, old_exposure=3011, kind="exact")
    assert float(found.ratio) == pytest.approx(1.971488, abs=5e-7)
    assert (float(found.low), float(found.high)) == pytest.approx((0.8584264, 4.2772659), abs=5e-8)


@pytest.mark.parametrize(
    ("new", "old", "e_test", "exact", "statsmodels_mid_p"),
    [(0, 3, 0.0884, 0.25, 0.1875), (2, 6, 0.1749, 0.2890625, 0.234375)],
)
def test_the_examples_of_krishnamoorthy_and_thomson(new, old, e_test, exact, statsmodels_mid_p):
    assert e_test_p_value(new, old, new_exposure=100, old_exposure=100) == pytest.approx(e_test, abs=5e-5)
    assert float(rate_p_values(new, old, kind="exact")) == pytest.approx(exact)
    # statsmodels calls the exact p less half the observed point mid-p; ours halves the point in both tails
    point = stats.binom(new + old, 0.5).pmf(new)
    assert exact - 0.5 * point == pytest.approx(statsmodels_mid_p)
    assert float(rate_p_values(new, old)) == pytest.approx(exact - point)
    theirs = statsmodels_test(new, 100, old, 100, method="cond-midp").pvalue
    assert theirs == pytest.approx(statsmodels_mid_p)


@pytest.mark.parametrize(
    ("k1", "n1", "k2", "n2", "expected"),
    [
        (20, 10, 20, 10, 0.9999997568929630),
        (10, 10, 10, 10, 0.9999998403241203),
        (3, 100, 20, 300, 0.12202725450896404),
    ],
)
def test_the_e_test_gives_the_answers_of_its_authors_program(k1, n1, k2, n2, expected):
    assert e_test_p_value(k1, k2, new_exposure=n1, old_exposure=n2) == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize(
    ("k1", "n1", "k2", "n2", "options", "expected"),
    [
        (50, 15, 1, 1, {"diff": 0.05}, 0.09920321053409643),
        (3, 12, 4, 20, {"alternative": "greater"}, 0.40416087318539173),
        (4, 20, 3, 100, {"alternative": "greater"}, 0.008053640402974236),
        (4, 20, 3, 10, {"alternative": "less"}, 0.3083216325432898),
    ],
)
def test_the_engine_of_the_e_test_gives_its_authors_other_answers(k1, n1, k2, n2, options, expected):
    assert stats.poisson_means_test(k1, n1, k2, n2, **options).pvalue == pytest.approx(expected, abs=2e-6)


def test_the_e_test_hands_over_to_the_score_test_without_a_jump():
    below, above = e_test_p_value(2000, 1900), e_test_p_value(2001, 1901)
    assert below == pytest.approx(above, rel=0.01)
    assert e_test_p_value(48_670, 74_885) == 0.0


def test_exact_intervals_are_those_of_the_beta_quantiles():
    draw = np.random.default_rng(1)
    mean = 10 ** draw.uniform(-1, 6, 20_000)
    new, old = draw.poisson(mean), draw.poisson(mean * draw.uniform(0.2, 5, mean.size))
    found = rate_ratios(new, old, kind="exact")
    low, high = clopper_pearson_odds(new, old)
    np.testing.assert_allclose(found.low, low, rtol=1e-9)
    np.testing.assert_allclose(found.high, high, rtol=1e-9)


def test_mid_p_limits_are_where_the_added_up_probabilities_say():
    grid = np.array([(a, b) for a in range(30) for b in range(30)])
    new, old = grid.T
    found = rate_ratios(new, old)
    for a, b, low, high in zip(new, old, found.low, found.high, strict=True):
        if a:
            assert brute_mid_p_tail(a, b, low / (1 + low)) == pytest.approx(0.025, abs=1e-9)
        if b:
            assert brute_mid_p_tail(b, a, 1 / (1 + high)) == pytest.approx(0.025, abs=1e-9)


def test_large_counts_tend_to_the_normal_interval_of_the_log_ratio():
    for phi in (1.0, 3.0):
        found = rate_ratios(1_000_000, 900_000, dispersion=phi)
        spread = 1.959964 * np.sqrt(phi / 1_000_000 + phi / 900_000)
        assert float(found.low) == pytest.approx(10 / 9 * np.exp(-spread), rel=2e-6)
        assert float(found.high) == pytest.approx(10 / 9 * np.exp(spread), rel=2e-6)


def test_the_score_interval_of_statsmodels_is_near_for_middling_counts():
    low, high = confint_poisson_2indep(65, 1, 100, 1, method="score", compare="ratio")
    found = rate_ratios(65, 100)
    assert (float(found.low), float(found.high)) == pytest.approx((low, high), rel=0.01)


def coverage(mean, ratio, pairs, phi=1.0, seed=11):
    draw = np.random.default_rng(seed)

    def count(mu):
        return draw.poisson(mu, pairs) if phi == 1 else draw.negative_binomial(mu / (phi - 1), 1 / phi, pairs)

    found = rate_ratios(count(mean * ratio), count(mean), dispersion=phi)
    return float(((found.low <= ratio) & (ratio <= found.high)).mean())


@pytest.mark.parametrize("phi", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("mean", [50, 1_000, 100_000])
def test_a_95_percent_interval_holds_the_truth_95_times_in_100(mean, phi):
    assert 0.94 <= coverage(mean, 0.65, 20_000, phi) <= 0.97


@pytest.mark.parametrize("mean", [0.2, 1, 5])
def test_for_tiny_counts_it_errs_on_the_safe_side(mean):
    assert coverage(mean, 0.65, 20_000) >= 0.945


@pytest.mark.parametrize("spoilt", [np.nan, np.inf])
@pytest.mark.parametrize("position", range(5))
def test_what_is_not_finite_is_refused_wherever_it_stands(spoilt: float, position: int) -> None:
    values = [3.0, 5.0, 30.0, 31.0, 1.0]
    values[position] = spoilt
    new, old, new_exposure, old_exposure, dispersion = values
    pair = {"new_exposure": new_exposure, "old_exposure": old_exposure, "dispersion": dispersion}
    for ask in (rate_ratios, rate_p_values):
        with pytest.raises(ValueError, match="must be finite"):
            ask([1, new], [2, old], **pair)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"new": -1}, "A count is below 0"),
        ({"old": -0.5}, "A count is below 0"),
        ({"new_exposure": 0}, "An exposure is not above 0"),
        ({"old_exposure": -1}, "An exposure is not above 0"),
        ({"dispersion": 0.99}, "A dispersion is below 1"),
    ],
)
def test_counts_exposures_and_dispersions_out_of_bounds_are_refused(
    change: dict[str, float], reason: str
) -> None:
    for ask in (rate_ratios, rate_p_values):
        with pytest.raises(ValueError, match=reason):
            ask(**{"new": 0, "old": 0, **change})


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_a_level_lies_between_0_and_1(level: float) -> None:
    with pytest.raises(ValueError, match="not between 0 and 1"):
        rate_ratios(1, 2, level=level)
