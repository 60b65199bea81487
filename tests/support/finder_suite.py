"""What every finder keeps, whoever wrote it. Run each check of `CHECKS` on yours:

@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_my_finder_keeps(check):
    check(my_finder)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from made_places import BORROWING, ROBBERY, drawn_places, true_rates

from becalm.find.core.place_panel import PlacePanel, build_panel
from becalm.find.core.plugin import Finder, NamedFinder, PastCounts, cut_past, run_finder
from becalm.find.core.settings import FindSettings, Targets
from becalm.methods.faded_counts import CountSeries

ORIGIN = 18
HOW_MANY = 10


def made_ground(seed: int = 1, *, targets: Targets = BORROWING, months: int = 24) -> PlacePanel:
    """A square of 12 x 12 cells whose robberies and violence are drawn from known rates."""
    rng = np.random.default_rng(seed)
    counts = drawn_places(true_rates(12, rng, mean=1.0), rng, months=months)
    return build_panel(counts, targets, settings=FindSettings(count=HOW_MANY))


def scores_of(
    find: Finder, panel: PlacePanel, *, origin: int = ORIGIN, seed: int = 7, how_many: int = HOW_MANY
):
    """What the finder says just before month `origin`; a score that is no score is an error."""
    rng = np.random.default_rng(seed)
    return run_finder(NamedFinder("this one", find), panel, origin, how_many=how_many, rng=rng)


def gives_one_sound_score_for_each_place(find: Finder) -> None:
    panel = made_ground()
    for how_many in (1, HOW_MANY, 10 * panel.size):
        assert len(scores_of(find, panel, how_many=how_many)) == panel.size


def says_the_same_again_for_the_same_seed(find: Finder) -> None:
    panel = made_ground()
    assert np.array_equal(scores_of(find, panel), scores_of(find, panel))


def does_not_peek_at_later_months(find: Finder) -> None:
    panel = made_ground()
    later = made_ground(seed=2)
    spliced = replace(
        panel,
        target=_spliced(panel.target, later.target),
        related=_spliced(panel.related, later.related) if panel.related and later.related else None,
    )
    assert np.array_equal(scores_of(find, panel), scores_of(find, spliced))


def leaves_the_counts_as_they_are(find: Finder) -> None:
    panel = made_ground()
    before = [counts.copy() for counts in panel.target.counts]
    scores_of(find, panel)
    assert all(np.array_equal(a, b) for a, b in zip(before, panel.target.counts, strict=True))


def does_with_a_short_history_and_nothing_to_borrow_from(find: Finder) -> None:
    short = made_ground(targets=ROBBERY, months=FindSettings().least_months)
    assert scores_of(find, short, origin=len(short.months)).any()


def ranks_places_better_than_chance(find: Finder) -> None:
    """Twice as many robberies of the last months in its best tenth of places as lie there by chance."""
    panel = made_ground()
    best = np.argsort(-scores_of(find, panel), kind="stable")[: panel.size // 10]
    seen = panel.target.window(ORIGIN, len(panel.months))
    assert seen[best].sum() > 2 * seen.sum() * len(best) / panel.size


CHECKS: tuple[Callable[[Finder], None], ...] = (
    gives_one_sound_score_for_each_place,
    says_the_same_again_for_the_same_seed,
    does_not_peek_at_later_months,
    leaves_the_counts_as_they_are,
    does_with_a_short_history_and_nothing_to_borrow_from,
    ranks_places_better_than_chance,
)


def name_of(check: Callable[[Finder], None]) -> str:
    """The check as a sentence."""
    return check.__name__


def past(origin: int = ORIGIN) -> PastCounts:
    """What a finder is shown."""
    return cut_past(made_ground(), origin)


def _spliced(early: CountSeries, late: CountSeries) -> CountSeries:
    return CountSeries(
        early.size,
        early.places[:ORIGIN] + late.places[ORIGIN:],
        early.counts[:ORIGIN] + late.counts[ORIGIN:],
        early.exposure,
    )
