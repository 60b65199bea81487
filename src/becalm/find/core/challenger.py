"""A challenger to the blend: boosted trees on the same evidence, used only where they win out of time."""

from __future__ import annotations

import numpy as np

from becalm.find.core.place_panel import PlacePanel
from becalm.find.core.plugin import BLEND, PastCounts
from becalm.find.core.settings import FindSettings
from becalm.methods.arrays import Floats
from becalm.methods.boosted_counts import foretell_counts
from becalm.methods.ewma import memories
from becalm.terms import Backtest, DependencyError

NAME = "challenger"
HALF_LIVES = (1.0, 3.0, 6.0, 12.0, 24.0, 96.0, float("inf"))
SPREAD = ((6.0, 150.0), (24.0, 150.0), (24.0, 450.0))  # half-life in months, metres
QUIET_SHARE = 0.2  # of the places that never had an incident: they are many, and say little


def challenger(past: PastCounts, *, how_many: int, rng: np.random.Generator) -> Floats:
    """How much do boosted trees expect of each place, from memories of it, of its neighbours and of others?

    They learn from the last twelve months, each with what was known before it.

    Raises
    ------
    DependencyError
        where LightGBM is not installed.
    """
    del how_many
    settings, last = FindSettings(), len(past.months)
    learnt = range(max(settings.least_history, last - settings.training_months), last)
    known = _features(past.panel, [*learnt, last])
    rows, counts, weights = [], [], []
    for t in learnt:
        happened = past.panel.target.window(t, t + 1)
        busy = (known[t][:, len(HALF_LIVES) - 1] > 0) | (happened > 0)
        kept = busy | (rng.random(past.panel.size) < QUIET_SHARE)
        rows.append(known[t][kept])
        counts.append(happened[kept])
        weights.append(np.where(busy, 1.0, 1.0 / QUIET_SHARE)[kept])
    learnt_from = (np.concatenate(rows), np.concatenate(counts), np.concatenate(weights))
    try:
        return foretell_counts(*learnt_from, known[last], seed=int(rng.integers(2**31)))
    except ImportError as error:
        raise DependencyError(
            'The challenger needs LightGBM, which is not installed. Run: pip install "becalm[challenger]"'
        ) from error


def is_better_than_blend(tested: Backtest) -> bool:
    """Is the whole interval of the finder's gain over the blend above 0, over months enough to say so?"""
    gain = tested.finder_gain
    return gain is not None and gain.low > 0 and tested.can_judge


def judge_challenger(tested: Backtest) -> tuple[str, tuple[str, ...]]:
    """Which finder may choose the places, and what is to be said of the trial."""
    gain = tested.finder_gain
    if gain is None:
        return BLEND, ()
    said = f"PAI {gain.value:+.2f} ({gain.low:+.2f} to {gain.high:+.2f}) in {tested.origins} months"
    if is_better_than_blend(tested):
        return NAME, (f"The challenger chose these places: it beats the blend, {said}.",)
    return BLEND, (f"The challenger does not beat the blend for sure, {said}: the blend chose these places.",)


def _features(panel: PlacePanel, origins: list[int]) -> dict[int, Floats]:
    """What is known of each place (row) just before each origin."""
    made: dict[int, list[Floats]] = {t: [] for t in origins}
    for half_life in HALF_LIVES:
        for t, memory in memories(panel.target, half_life, origins):
            made[t].append(memory)
    for half_life, sigma_m in SPREAD:
        for t, memory in memories(panel.target, half_life, origins):
            made[t].append(panel.places.smooth(memory, sigma_m, without_own=True))
    if panel.related is not None:
        for t, memory in memories(panel.related, 24.0, origins):
            made[t] += [memory, panel.places.smooth(memory, 150.0)]
    return {t: np.column_stack([*columns, panel.places.amounts]) for t, columns in made.items()}
