"""A challenger to the blend: boosted trees on the same evidence, used only where they win out of time."""

import numpy as np

from becalm.find.core.place_panel import PlacePanel
from becalm.find.core.plugin import BLEND, PastCounts
from becalm.find.core.settings import FindSettings
from becalm.methods.arrays import Floats
from becalm.methods.boosted_counts import forecast_counts
from becalm.methods.faded_counts import memories
from becalm.terms import Backtest, load_extra

CHALLENGER = "challenger"
HALF_LIVES = (1.0, 3.0, 6.0, 12.0, 24.0, 96.0, float("inf"))
SPREAD = ((6.0, 150.0), (24.0, 150.0), (24.0, 450.0))  # half-life in months, metres
QUIET_SHARE = 0.2  # of the places that never had an incident: they are many, and say little


def challenger(past: PastCounts, *, how_many: int, rng: np.random.Generator) -> Floats:
    """How much do boosted trees expect of each place, from memories of it, of its neighbours and of others?

    They learn from the last twelve months, each with what was known before it.

    Raises DependencyError where LightGBM is not installed.
    """
    del how_many
    settings, next_month = FindSettings(), len(past.months)
    train_months = range(max(settings.least_history, next_month - settings.training_months), next_month)
    feature_rows = _build_features(past.panel, [*train_months, next_month])
    month_rows: list[tuple[Floats, Floats, Floats]] = []
    for month in train_months:
        month_counts = past.panel.target.window(month, month + 1)
        is_busy = (feature_rows[month][:, len(HALF_LIVES) - 1] > 0) | (month_counts > 0)
        is_drawn = is_busy | (rng.random(past.panel.size) < QUIET_SHARE)
        row_weights = np.where(is_busy, 1.0, 1.0 / QUIET_SHARE)
        month_rows.append((feature_rows[month][is_drawn], month_counts[is_drawn], row_weights[is_drawn]))
    row_features, row_counts, row_weights = (
        np.concatenate(arrays) for arrays in zip(*month_rows, strict=True)
    )
    load_extra("lightgbm", "challenger", "The challenger")
    return forecast_counts(
        row_features, row_counts, row_weights, feature_rows[next_month], seed=int(rng.integers(2**31))
    )


def is_better_than_blend(trial: Backtest) -> bool:
    """Is the whole interval of the finder's gain over the blend above 0, over months enough to say so?"""
    finder_gain = trial.finder_gain
    return finder_gain is not None and finder_gain.low > 0 and trial.can_judge


def judge_challenger(trial: Backtest) -> tuple[str, tuple[str, ...]]:
    """Which finder may choose the places, and what is to be said of the trial."""
    finder_gain = trial.finder_gain
    if finder_gain is None:
        return BLEND, ()
    gain_text = (
        f"PAI {finder_gain.value:+.2f} ({finder_gain.low:+.2f} to {finder_gain.high:+.2f}) "
        f"in {trial.origins} months"
    )
    if is_better_than_blend(trial):
        return CHALLENGER, (f"The challenger chose these places: it beats the blend, {gain_text}.",)
    return BLEND, (
        f"The challenger does not beat the blend for sure, {gain_text}: the blend chose these places.",
    )


def _build_features(panel: PlacePanel, origins: list[int]) -> dict[int, Floats]:
    """What is known of each place (row) just before each origin."""
    columns_by_origin: dict[int, list[Floats]] = {origin: [] for origin in origins}
    for half_life in HALF_LIVES:
        for origin, faded_counts in memories(panel.target, half_life, origins):
            columns_by_origin[origin].append(faded_counts)
    for half_life, sigma_m in SPREAD:
        for origin, faded_counts in memories(panel.target, half_life, origins):
            columns_by_origin[origin].append(panel.places.smooth(faded_counts, sigma_m, without_own=True))
    if panel.related is not None:
        for origin, faded_counts in memories(panel.related, 24.0, origins):
            columns_by_origin[origin] += [faded_counts, panel.places.smooth(faded_counts, 150.0)]
    return {
        origin: np.column_stack([*features, panel.places.amounts])
        for origin, features in columns_by_origin.items()
    }
