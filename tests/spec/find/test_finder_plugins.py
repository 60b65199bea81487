"""Finders that come as plug-ins: what each keeps, what is refused, and what a list says of one."""

from __future__ import annotations

import json
from functools import partial
from importlib.metadata import EntryPoint, entry_points

import numpy as np
import pytest
from finder_suite import CHECKS, HOW_MANY, ORIGIN, made_ground, name_of, past, scores_of
from made_places import ROBBERY, drawn_places, true_rates
from street_archive import draw_archive
from town import becalm

from becalm.find.core.backtest import backtest
from becalm.find.core.plugin import NamedFinder, PastCounts
from becalm.find.core.settings import FindSettings
from becalm.find.desk.hotspots import FINDERS
from becalm.terms import QuestionError

INSTALLED = tuple(entry_points(group=FINDERS))


def last_summer(past: PastCounts, *, how_many: int, rng: np.random.Generator) -> np.ndarray:
    """The example of the manual: months like the one to come, smoothed a little."""
    del how_many, rng
    alike = [t for t in range(past.target.shape[1]) if (past.target.shape[1] - t) % 12 in (11, 0, 1)]
    return past.smooth(past.target[:, alike].sum(axis=1) + 0.01 * past.target.sum(axis=1), 100.0)


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
@pytest.mark.parametrize("entry", INSTALLED, ids=lambda entry: entry.name)
def test_every_installed_finder_keeps(entry: EntryPoint, check):
    check(entry.load())


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_the_finder_of_the_manual_keeps(check):
    check(last_summer)


def test_becalms_own_finders_are_plug_ins_like_any_other():
    assert {entry.name for entry in INSTALLED} >= {"blend", "count_12", "ewma"}


def test_a_finder_sees_the_months_before_and_cannot_write_to_them():
    shown = past(18)
    assert shown.target.shape == (144, 18)
    assert len(shown.months) == len(shown.exposure) == 18
    with pytest.raises(ValueError, match="read-only"):
        shown.target[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        shown.amounts[0] = 1.0


def _peeking(past: PastCounts, *, how_many: int, rng: np.random.Generator) -> np.ndarray:
    return rng.random(len(past.amounts)) + past.target.sum(axis=1)


def test_the_suite_allows_chance_from_the_generator_that_it_gives():
    CHECKS[1](_peeking)


def _faulty(past: PastCounts, *, how_many: int, rng: np.random.Generator, fault: str) -> np.ndarray:
    n, months = past.target.shape
    scores = past.target.sum(axis=1) + 0.1
    return {
        "none": scores,
        "one score too few where many are asked for": scores[: n - (how_many > n)],
        "chance of its own": scores + 0.01 * np.random.default_rng().random(n),
        "nothing from a short history": scores * (months >= ORIGIN),
        "no better than chance": rng.random(n),
    }[fault]


@pytest.mark.parametrize(
    ("fault", "broken"),
    [
        ("none", set()),
        ("one score too few where many are asked for", {"gives_one_sound_score_for_each_place"}),
        ("chance of its own", {"says_the_same_again_for_the_same_seed", "does_not_peek_at_later_months"}),
        ("nothing from a short history", {"does_with_a_short_history_and_nothing_to_borrow_from"}),
        ("no better than chance", {"ranks_places_better_than_chance"}),
    ],
)
def test_the_suite_names_what_a_finder_breaks_and_nothing_else(fault: str, broken: set[str]):
    failed = set()
    for check in CHECKS:
        try:
            check(partial(_faulty, fault=fault))
        except (AssertionError, QuestionError):
            failed.add(name_of(check))
    assert failed == broken


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda n: np.ones(n - 1), "not one for each"),
        (lambda n: np.full(n, np.nan), "144 scores that are negative or no numbers"),
        (lambda n: -np.ones(n), "negative"),
        (lambda n: np.zeros(n), "expects nothing"),
    ],
)
def test_a_finder_that_gives_no_scores_is_refused(answer, says):
    def finder(past: PastCounts, *, how_many: int, rng: np.random.Generator) -> np.ndarray:
        return answer(len(past.amounts))

    with pytest.raises(QuestionError, match=says):
        scores_of(finder, made_ground())


def test_a_finder_is_judged_beside_becalms_own():

    rng = np.random.default_rng(3)
    counts = drawn_places(true_rates(12, rng, mean=1.0), rng, months=24)
    options = {"origins": 6, "area_share": 0.1, "settings": FindSettings(count=HOW_MANY)}
    alone = backtest(counts, ROBBERY, rng=np.random.default_rng(1), **options)
    both = backtest(
        counts, ROBBERY, finder=NamedFinder("summer", last_summer), rng=np.random.default_rng(1), **options
    )
    assert [row.method for row in both.rows] == [*(row.method for row in alone.rows), "summer"]
    assert both.rows[:-1] == alone.rows


def test_a_list_names_the_finder_that_chose_it(tmp_path):
    becalm("init", tmp_path / "w")
    draw_archive(tmp_path / "w", seed=6, hour_of=None)
    asked = ("-w", tmp_path / "w", "-t", "robbery", "--count", 10, "--seed", 1)
    told = json.loads(becalm("find", "hotspots", *asked, "--finder", "count_12", "-f", "json").stdout)
    assert told["run"]["finder"] == told["run"]["parameters"]["finder"] == "count_12"
    assert "Chosen by the finder ewma" in becalm("find", "hotspots", *asked, "--finder", "ewma").stdout
    assert "Did you mean 'ewma'" in becalm("find", "hotspots", *asked, "--finder", "ewna", code=2).stderr
