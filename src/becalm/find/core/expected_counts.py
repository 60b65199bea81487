"""How many incidents to expect of each place, and what that rests on.

A place's own memory, a mixture of several half-lives, is weighed by the gamma-Poisson rule against a
forecast from everything else: its neighbours near, around and of late, related offences, and an even spread.
The shares of both are fitted by maximum likelihood to the months that came after each forecast, and so is the
weight of the own memory; none is set by hand and none can be negative.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from becalm.find.core.place_panel import PlacePanel
from becalm.find.core.settings import FindSettings
from becalm.methods.arrays import Floats
from becalm.methods.blend import GammaPosterior, GammaPrior, fit_mixture, fit_prior, update_posterior
from becalm.methods.faded_counts import (
    CountSeries,
    choose_half_life,
    fading_weights,
    forecast_total,
    half_age,
    kish_factor,
    memories,
)
from becalm.terms import BlendPart, QuestionError

LEAST_EVEN_SHARE = 1e-3

MEANINGS = {
    "own": "the place's own past, half-life {} months",
    "near": "its close neighbours' past",
    "around": "its wider neighbourhood's past",
    "recent": "its close neighbours' last weeks: near repeats",
    "related": "other street violence at the place",
    "related_near": "other street violence near the place",
    "even": "the same for every square metre",
}


@dataclass(frozen=True, slots=True)
class Forecast:
    """The posterior of each place's incidents in 30 days, as seen just before month `origin`.

    `own_counts` is each place's memory as an effective count over `own_exposure` (in units of 30 days at the
    current level of the whole), a mixture of those with `own_half_lives` in `own_shares` that has lost half
    of its weight at `half_life`; `parts[k]` with `part_shares[k]` make up the `prior_mean`, the forecast from
    all else, whose half-life is `others_half_life`.
    """

    origin: int
    half_life: float
    others_half_life: float
    own_half_lives: tuple[float, ...]
    own_shares: Floats
    posterior: GammaPosterior
    own_counts: Floats
    own_exposure: float
    prior_mean: Floats
    prior: GammaPrior
    part_names: tuple[str, ...]
    part_shares: Floats
    parts: Floats

    @property
    def expected_counts(self) -> Floats:
        """Expected incidents of each place in 30 days."""
        return self.posterior.mean


def forecast_counts(
    panel: PlacePanel, settings: FindSettings, origins: Sequence[int]
) -> tuple[Forecast, ...]:
    """What is to be expected of each place at each origin, from the months before it alone?"""
    half_life_at = choose_half_lives(panel, settings, origins)
    training_months = {origin: _training_months(settings, origin) for origin in origins}
    for origin in origins:
        _check_past(panel, origin, training_months[origin])
    # Origins share most of their training months: each month's parts are made once for each half-life.
    all_parts: dict[tuple[int, float], Floats] = {}
    for half_life in sorted(set(half_life_at.values())):
        shared_origins = [origin for origin in origins if half_life_at[origin] == half_life]
        months = sorted({month for origin in shared_origins for month in (*training_months[origin], origin)})
        parts_by_month = _build_parts(panel, settings, half_life, months)
        all_parts |= {(month, half_life): month_parts for month, month_parts in parts_by_month.items()}
    memories_by_month = _build_memories(
        panel, settings, {month for origin in origins for month in (*training_months[origin], origin)}
    )
    return tuple(
        _forecast_origin(
            panel,
            settings,
            origin,
            half_life_at[origin],
            memories_by_month,
            {month: all_parts[month, half_life_at[origin]] for month in (*training_months[origin], origin)},
        )
        for origin in origins
    )


def forecast_next_month(panel: PlacePanel, settings: FindSettings) -> tuple[Forecast, Forecast | None]:
    """The forecast with all months known, and with all but the last, where the history is long enough."""
    next_month = len(panel.months)
    training_months = list(_training_months(settings, next_month - 1))
    if not training_months or panel.target.totals[training_months].sum() == 0:
        return forecast_counts(panel, settings, [next_month])[0], None
    earlier_forecast, forecast = forecast_counts(panel, settings, [next_month - 1, next_month])
    return forecast, earlier_forecast


def choose_half_lives(panel: PlacePanel, settings: FindSettings, origins: Sequence[int]) -> dict[int, float]:
    """Which single half-life predicted the training months before each origin best?"""
    return {
        origin: choose_half_life(
            panel.target,
            panel.even,
            half_lives=settings.half_lives,
            origins=_training_months(settings, origin),
        ).steps
        for origin in origins
    }


def _build_parts(
    panel: PlacePanel, settings: FindSettings, half_life: float, months: Sequence[int]
) -> dict[int, Floats]:
    """The forecasts from everything but the place's own past: one distribution over places per part."""
    near_m, around_m = settings.near_m, settings.around_m

    def density(memory: Floats, sigma_m: float, *, without_own: bool) -> Floats:
        return _normalise(panel.places.smooth(memory, sigma_m, without_own=without_own), panel.even)

    # Neighbours are smoothed without the place itself: its own past enters once, as its own memory.
    parts_by_month = {
        month: [density(memory, near_m, without_own=True), density(memory, around_m, without_own=True)]
        for month, memory in memories(panel.target, half_life, months)
    }
    for month, memory in memories(panel.fresh or panel.target, settings.repeat_half_life, months):
        parts_by_month[month].append(density(memory, near_m, without_own=True))
    if panel.related is not None:
        for month, memory in memories(panel.related, half_life, months):
            parts_by_month[month] += [
                _normalise(memory, panel.even),
                density(memory, near_m, without_own=False),
            ]
    return {month: np.array([*month_parts, panel.even]) for month, month_parts in parts_by_month.items()}


def decompose_blend(forecast: Forecast) -> tuple[BlendPart, ...]:
    """Which share of all expected incidents comes from which part?"""
    rates = forecast.posterior.rate
    total_count = float(forecast.expected_counts.sum())
    own_share = float((forecast.own_counts / rates).sum()) / total_count
    prior_weight = (rates - forecast.own_exposure) / rates * forecast.prior_mean.sum() / total_count
    own_parts = zip(forecast.own_half_lives, forecast.own_shares, strict=True)
    other_parts = zip(
        forecast.part_names, forecast.part_shares * (forecast.parts @ prior_weight), strict=True
    )
    return (
        *(
            BlendPart(f"own_{steps:g}", float(own_share * share), MEANINGS["own"].format(f"{steps:g}"))
            for steps, share in own_parts
        ),
        *(BlendPart(part_name, float(share), MEANINGS[part_name]) for part_name, share in other_parts),
    )


def _forecast_origin(
    panel: PlacePanel,
    settings: FindSettings,
    origin: int,
    half_life: float,
    memories_by_month: Mapping[int, Floats],
    parts_by_month: Mapping[int, Floats],
) -> Forecast:
    target_series, parts = panel.target, parts_by_month[origin]
    part_shares = _fit_part_shares(target_series, _training_months(settings, origin), parts_by_month)
    expected_total = forecast_total(target_series.totals[:origin], target_series.exposure[:origin])
    prior_mean = expected_total * (part_shares @ parts)
    own_shares, own_counts, half_age_months = _mix_memories(
        panel, settings, origin, memories_by_month, parts_by_month
    )
    own_exposure = float(own_counts.sum()) / expected_total
    prior = fit_prior(prior_mean, own_counts, own_exposure)
    related_part_names = ("related", "related_near") if panel.related is not None else ()
    return Forecast(
        origin=origin,
        half_life=half_age_months,
        others_half_life=half_life,
        own_half_lives=settings.own_half_lives,
        own_shares=own_shares,
        posterior=update_posterior(prior, prior_mean, own_counts, own_exposure),
        own_counts=own_counts,
        own_exposure=own_exposure,
        prior_mean=prior_mean,
        prior=prior,
        part_names=("near", "around", "recent", *related_part_names, "even"),
        part_shares=part_shares,
        parts=parts,
    )


def _build_memories(panel: PlacePanel, settings: FindSettings, months: set[int]) -> dict[int, Floats]:
    """Each place's own memories just before each month, one row per half-life."""
    memories_by_month: dict[int, list[Floats]] = {month: [] for month in months}
    for half_life in settings.own_half_lives:
        for month, faded_counts in memories(panel.target, half_life, sorted(months)):
            memories_by_month[month].append(faded_counts)
    return {month: np.array(month_memories) for month, month_memories in memories_by_month.items()}


def _mix_memories(
    panel: PlacePanel,
    settings: FindSettings,
    origin: int,
    memories_by_month: Mapping[int, Floats],
    parts_by_month: Mapping[int, Floats],
) -> tuple[Floats, Floats, float]:
    """The mixture of own memories that predicted best beside all else: shares, effective count, half age."""
    target_series, half_lives = panel.target, settings.own_half_lives

    def chances(month: int) -> Floats:
        """What each memory and each part gave the places that had an incident in this month."""
        busy_places, month_memories = target_series.places[month], memories_by_month[month]
        memory_totals = np.maximum(month_memories.sum(axis=1, keepdims=True), 1e-300)
        return np.concatenate(
            [month_memories[:, busy_places] / memory_totals, parts_by_month[month][:, busy_places]]
        )

    # The parts compete for the training months with the memories, else the shortest memory would be paid
    # for near repeats that the neighbours explain better; only the memories' own shares are kept.
    training_months = _training_months(settings, origin)
    fitted_shares = fit_mixture(
        np.concatenate([chances(month) for month in training_months], axis=1),
        np.concatenate([target_series.counts[month] for month in training_months]),
    )
    memory_shares = np.maximum(fitted_shares[: len(half_lives)], 1e-9)
    memory_shares = memory_shares / memory_shares.sum()
    memory_totals = memories_by_month[origin].sum(axis=1)
    mixed_memory = (
        (memory_shares / memory_totals) @ memories_by_month[origin] / (memory_shares / memory_totals).sum()
    )
    # A fading sum is worth fewer whole incidents than it adds up to (Kish's effective sample size): taken at
    # face value, an old record would count as sure as one of last month.
    month_weights = fading_weights(half_lives, memory_shares, memory_totals, origin)
    own_counts = mixed_memory * kish_factor(month_weights, target_series.exposure[:origin])
    return memory_shares, own_counts, half_age(half_lives, memory_shares, memory_totals)


def _check_past(panel: PlacePanel, origin: int, training_months: range) -> None:
    month_totals = panel.target.totals
    if month_totals[:origin].sum() == 0 or month_totals[list(training_months)].sum() == 0:
        is_recorded = origin < panel.target.steps
        month_text = panel.months[origin] if is_recorded else f"the month after {panel.months[-1]}"
        raise QuestionError(
            f"No incident of the target is on record before {month_text} from which "
            "the score could learn. Take a longer history with `since`, or more offences with `target`."
        )


def _fit_part_shares(target: CountSeries, training: range, parts_by_month: Mapping[int, Floats]) -> Floats:
    """The shares that best predicted where each training month's incidents fell."""
    chances = np.concatenate([parts_by_month[month][:, target.places[month]] for month in training], axis=1)
    part_shares = fit_mixture(chances, np.concatenate([target.counts[month] for month in training]))
    part_shares[-1] = max(part_shares[-1], LEAST_EVEN_SHARE)  # no place is impossible
    return np.asarray(part_shares / part_shares.sum())


def _training_months(settings: FindSettings, origin: int) -> range:
    return range(max(settings.least_history, origin - settings.training_months), origin)


def _normalise(place_values: Floats, even_shares: Floats) -> Floats:
    value_total = float(place_values.sum())
    return place_values / value_total if value_total > 0 else even_shares
