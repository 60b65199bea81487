"""The gamma that stands for a place's harm, against drawing every group by itself."""

from __future__ import annotations

import numpy as np
import pytest

from becalm.methods.gamma_poisson import GammaPosterior, weighted_sum
from becalm.methods.rank_certainty import rank_certainty

WEIGHTS = (7973.4, 799.6, 189.2)


def groups(rng: np.random.Generator, size: int) -> list[tuple[float, GammaPosterior]]:
    """A rare group, one in between and a frequent one, at as many places."""
    made = []
    for weight, mean, sure in zip(WEIGHTS, (0.002, 0.05, 0.3), (2.0, 5.0, 8.0), strict=True):
        means = mean * rng.gamma(0.5, 2.0, size) + mean / 20
        shape = sure * rng.uniform(0.5, 2.0, size)
        made.append((weight, GammaPosterior(shape, shape / means)))
    return made


def test_mean_and_variance_are_those_of_the_sum():
    rng = np.random.default_rng(1)
    parts = groups(rng, 5)
    summed = weighted_sum(parts)
    drawn = sum(w * rng.gamma(p.shape, 1 / p.rate, (200_000, 5)) for w, p in parts)
    assert summed.mean == pytest.approx(drawn.mean(axis=0), rel=0.02)
    assert summed.shape / summed.rate**2 == pytest.approx(drawn.var(axis=0), rel=0.06)


def test_one_part_alone_is_exact():
    part = GammaPosterior(np.array([2.0, 7.0]), np.array([3.0, 0.5]))
    summed = weighted_sum([(10.0, part)])
    assert summed.shape == pytest.approx(part.shape)
    assert summed.mean == pytest.approx(10 * part.mean)


def test_the_chance_to_be_in_the_top_is_that_of_drawing_every_group():
    rng = np.random.default_rng(2)
    parts, top = groups(rng, 800), 50
    summed = weighted_sum(parts)
    asked = np.argsort(-summed.mean)[:150]
    said = rank_certainty(summed, asked, top=top, level=0.8).p_top
    drawn = sum(w * rng.gamma(p.shape, 1 / p.rate, (4000, 800)) for w, p in parts)
    ranks = (-drawn).argsort(axis=1).argsort(axis=1)[:, asked]
    exact = (ranks < top).mean(axis=0)
    assert np.abs(said - exact).mean() < 0.02
    assert np.abs(said - exact).max() < 0.08
