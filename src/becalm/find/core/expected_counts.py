"""How many incidents to expect of each place, and what that rests on.

A place's own memory, a mixture of several half-lives, is weighed by the gamma-Poisson rule against a
forecast from everything else: its neighbours near, around and of late, related offences, and an even spread.
The shares of both are fitted to the months that came after each forecast, by likelihood with a belief in
equal shares that is worth a few incidents: where the record is thin the blend stays an even mixture of
half-lives and neighbours. The weight of the own memory is fitted too, and the doubt about the forecast is
carried.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from becalm.find.core.place_panel import PlacePanel, share_evenly
from becalm.find.core.settings import FindSettings
from becalm.methods import gamma_poisson
from becalm.methods.arrays import Floats
from becalm.methods.calibrated_means import calibrate_means
from becalm.methods.faded_counts import (
    CountSeries,
    choose_half_life,
    fading_weights,
    forecast_total,
    half_age,
    kish_factor,
    memories,
    sum_faded,
)
from becalm.methods.place_classes import mix_classes
from becalm.terms import BlendPart, QuestionError

LEAST_EVEN_SHARE = 1e-3
AT_ONCE = 2
LEAST_SELECTED = 0.02  # of the memory: what fewer places hold, known by it alone, changes nothing of note
SHARE_BELIEF = 3.0  # how many incidents the belief in equal shares is worth

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
    all else, whose half-life is `others_half_life` and whose relative variance is `prior_doubt`.
    """

    origin: int
    half_life: float
    others_half_life: float
    own_half_lives: tuple[float, ...]
    own_shares: Floats
    posterior: gamma_poisson.GammaPosterior
    own_counts: Floats
    own_exposure: float
    prior_mean: Floats
    prior_doubt: Floats
    prior: gamma_poisson.PriorFit
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
    """What is to be expected of each place at each origin, from the months before it alone?

    Without a boundary a forecast is of the places alone that were known before its origin
    (`PlacePanel.known_before`).
    """
    return tuple(forecast_each(panel, settings, origins))


def forecast_each(panel: PlacePanel, settings: FindSettings, origins: Sequence[int]) -> Iterator[Forecast]:
    """The same forecasts, one after the other."""
    half_life_by_origin = choose_half_lives(panel, settings, origins)
    training_by_origin = {origin: _training_months(settings, origin) for origin in origins}
    for origin in origins:
        _check_past(panel, origin, training_by_origin[origin])
    # Origins share most of their training months: each month's parts are made once for each half-life.
    parts_by_month_life: dict[tuple[int, float], Floats] = {}
    for half_life in sorted(set(half_life_by_origin.values())):
        shared_origins = [origin for origin in origins if half_life_by_origin[origin] == half_life]
        needed_months = sorted(
            {month for origin in shared_origins for month in (*training_by_origin[origin], origin)}
        )
        parts_by_month = _build_parts(panel, settings, half_life, needed_months)
        parts_by_month_life |= {
            (month, half_life): month_parts for month, month_parts in parts_by_month.items()
        }
    memories_by_month = _build_memories(
        panel, settings, {month for origin in origins for month in (*training_by_origin[origin], origin)}
    )

    def forecast(origin: int) -> Forecast:
        half_life, needed_months = half_life_by_origin[origin], (*training_by_origin[origin], origin)
        parts_by_month = {month: parts_by_month_life[month, half_life] for month in needed_months}
        return _forecast_origin(panel, settings, origin, half_life, memories_by_month, parts_by_month)

    # Two at a time: origins are independent, and their sums leave the interpreter free. No more, for
    # each holds a dozen arrays over all places.
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for start in range(0, len(origins), AT_ONCE):
            yield from pool.map(forecast, origins[start : start + AT_ONCE])


def forecast_next_month(panel: PlacePanel, settings: FindSettings) -> tuple[Forecast, Floats | None]:
    """The forecast with all months known, and what was expected without the last, where history allows."""
    next_month = len(panel.months)
    training_months = list(_training_months(settings, next_month - 1))
    if not training_months or panel.target.totals[training_months].sum() == 0:
        return forecast_counts(panel, settings, [next_month])[0], None
    earlier_forecast, forecast = forecast_counts(panel, settings, [next_month - 1, next_month])
    earlier_counts = np.zeros(panel.size)
    earlier_counts[panel.places_known_before(next_month - 1)[1]] = earlier_forecast.expected_counts
    return forecast, earlier_counts


def choose_half_lives(panel: PlacePanel, settings: FindSettings, origins: Sequence[int]) -> dict[int, float]:
    """Which single half-life predicted the training months before each origin best?"""
    half_life_by_origin = {}
    for origin in origins:
        known_panel, _ = panel.known_before(origin)
        training_months = _training_months(settings, origin)
        half_life_by_origin[origin] = choose_half_life(
            known_panel.target, known_panel.even, half_lives=settings.half_lives, origins=training_months
        ).steps
    return half_life_by_origin


def _build_parts(
    panel: PlacePanel, settings: FindSettings, half_life: float, months: Sequence[int]
) -> dict[int, Floats]:
    """The forecasts from everything but the place's own past: one distribution per part over known places.

    A place that was not known before the month has no chance in any of them.
    """
    near_m, around_m = settings.near_m, settings.around_m
    known_places_by_month = {month: panel.places_known_before(month) for month in months}

    def density(month: int, memory: Floats, sigma_m: float = 0.0, *, without_own: bool = True) -> Floats:
        (known_places, known_index), chances = known_places_by_month[month], np.zeros(panel.size)
        smoothed_memory = memory[known_index]
        if sigma_m > 0:
            smoothed_memory = known_places.smooth(smoothed_memory, sigma_m, without_own=without_own)
        chances[known_index] = _normalise(smoothed_memory, share_evenly(known_places))
        return chances

    # Neighbours are smoothed without the place itself: its own past enters once, as its own memory.
    parts_by_month = {
        month: [density(month, memory, near_m), density(month, memory, around_m)]
        for month, memory in memories(panel.target, half_life, months)
    }
    for month, memory in memories(panel.fresh or panel.target, settings.repeat_half_life, months):
        parts_by_month[month].append(density(month, memory, near_m))
    if panel.related is not None:
        for month, memory in memories(panel.related, half_life, months):
            parts_by_month[month] += [
                density(month, memory),
                density(month, memory, near_m, without_own=False),
            ]
    zero_counts = np.zeros(panel.size)  # spread evenly over what is known
    return {m: np.array([*month_parts, density(m, zero_counts)]) for m, month_parts in parts_by_month.items()}


def decompose_blend(forecast: Forecast) -> tuple[BlendPart, ...]:
    """Which share of all expected incidents comes from which part?"""
    prior, means = forecast.prior.best, forecast.prior_mean
    prior_rates = prior.shape(means, forecast.prior_doubt) / (prior.scale * means)
    posterior_rates = prior_rates + forecast.own_exposure
    own_total = float((forecast.own_counts / posterior_rates).sum())
    prior_weight = prior.scale * prior_rates / posterior_rates * means
    prior_weight = prior_weight / (forecast.part_shares @ forecast.parts)
    total_count = own_total + float((forecast.part_shares @ forecast.parts * prior_weight).sum())
    own_share, prior_weight = own_total / total_count, prior_weight / total_count
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
    known_panel, known_index = panel.known_before(origin)
    target_series, parts = panel.target, parts_by_month[origin][:, known_index]
    part_shares = _fit_part_shares(panel, _training_months(settings, origin), parts_by_month)
    expected_total = forecast_total(target_series.totals[:origin], target_series.exposure[:origin])
    prior_mean = expected_total * (part_shares @ parts)
    own_shares, own_counts, half_age_months = _mix_memories(
        panel, settings, origin, memories_by_month, parts_by_month
    )
    own_counts = own_counts[known_index]
    own_exposure = float(own_counts.sum()) / expected_total
    doubt = _measure_doubt(known_panel, settings, origin, half_life, part_shares) / (part_shares @ parts) ** 2
    truncation_exposure = float(target_series.totals[:origin].sum()) / expected_total
    truncation = _find_truncation(known_panel, origin, own_counts, truncation_exposure)
    if truncation is None:
        prior_mean = calibrate_means(prior_mean, own_counts, own_exposure)
    prior = gamma_poisson.fit_prior(prior_mean, own_counts, own_exposure, doubt=doubt, truncation=truncation)
    posterior = gamma_poisson.update_posterior(prior, prior_mean, own_counts, own_exposure, doubt=doubt)
    posterior = mix_classes(
        posterior, prior, prior_mean, own_counts, own_exposure, doubt=doubt, truncation=truncation
    )
    related_part_names = ("related", "related_near") if panel.related is not None else ()
    return Forecast(
        origin=origin,
        half_life=half_age_months,
        others_half_life=half_life,
        own_half_lives=settings.own_half_lives,
        own_shares=own_shares,
        posterior=posterior,
        own_counts=own_counts,
        own_exposure=own_exposure,
        prior_mean=prior_mean,
        prior_doubt=doubt,
        prior=prior,
        part_names=("near", "around", "recent", *related_part_names, "even"),
        part_shares=part_shares,
        parts=parts,
    )


def _find_truncation(
    known_panel: PlacePanel, origin: int, own_counts: Floats, exposure: float
) -> gamma_poisson.Truncation | None:
    """Which places are on record by their own incidents alone; None where they hold next to nothing."""
    if known_panel.first_other is None:
        return None
    is_selected = known_panel.first_other >= origin
    if own_counts[is_selected].sum() <= LEAST_SELECTED * own_counts.sum():
        return None
    return gamma_poisson.Truncation(is_selected, exposure)


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
        busy_places, month_memories = panel.known_events(month)[0], memories_by_month[month]
        memory_totals = np.maximum(month_memories.sum(axis=1, keepdims=True), 1e-300)
        return np.concatenate(
            [month_memories[:, busy_places] / memory_totals, parts_by_month[month][:, busy_places]]
        )

    # The parts compete for the training months with the memories, else the shortest memory would be paid
    # for near repeats that the neighbours explain better; only the memories' own shares are kept.
    training_months = _training_months(settings, origin)
    fitted_shares = _fit_shares(
        np.concatenate([chances(month) for month in training_months], axis=1),
        np.concatenate([panel.known_events(month)[1] for month in training_months]),
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


def _fit_part_shares(panel: PlacePanel, training: range, parts_by_month: Mapping[int, Floats]) -> Floats:
    """The shares that best predicted where each training month's incidents fell."""
    known_events_of_month = [panel.known_events(month) for month in training]
    part_chances = [
        parts_by_month[month][:, places]
        for month, (places, _) in zip(training, known_events_of_month, strict=True)
    ]
    part_shares = _fit_shares(
        np.concatenate(part_chances, axis=1), np.concatenate([c for _, c in known_events_of_month])
    )
    part_shares[-1] = max(part_shares[-1], LEAST_EVEN_SHARE)  # no place is impossible
    return np.asarray(part_shares / part_shares.sum())


def _fit_shares(chances: Floats, counts: Floats) -> Floats:
    # An imagined incident that only one forecast thought possible is worth the logarithm of that one's share:
    # together they are a Dirichlet prior, and no share can fall to 0 for want of records.
    part_count = len(chances)
    imagined_counts = np.full(part_count, SHARE_BELIEF / part_count)
    return gamma_poisson.fit_mixture(
        np.hstack([chances, np.eye(part_count)]), np.concatenate([counts, imagined_counts])
    )


def _measure_doubt(
    panel: PlacePanel, settings: FindSettings, origin: int, half_life: float, part_shares: Floats
) -> Floats:
    """The variance of the forecast from all else, as a share of all incidents: it too is a sum of few events.

    A sum of events with weights w varies as the sum of w squared. The square of a fading weight fades with
    half its half-life; that of a Gaussian is one with its deviation over the root of 2, over the places
    that it reaches.
    """
    near_m, around_m = settings.near_m, settings.around_m
    sources: list[tuple[CountSeries, float, float]] = [
        (panel.target, half_life, near_m),
        (panel.target, half_life, around_m),
        (panel.fresh or panel.target, settings.repeat_half_life, near_m),
    ]
    if panel.related is not None:
        sources += [(panel.related, half_life, 0.0), (panel.related, half_life, near_m)]
    variance_of_place = np.zeros(panel.size)
    for (series, steps, sigma_m), share in zip(sources, part_shares, strict=False):
        faded_weight_total = sum_faded(series.totals, steps, origin)
        if faded_weight_total <= 0 or share < 1e-6:
            continue
        ((_, squared_weights),) = memories(series, steps / 2.0, [origin])
        if sigma_m > 0:
            smooth_weights = panel.places.smooth(squared_weights, sigma_m / np.sqrt(2.0), without_own=True)
            squared_weights = smooth_weights / max(4.0 * np.pi * sigma_m**2 * panel.places_per_m2, 1.0)
        variance_of_place += (share / faded_weight_total) ** 2 * squared_weights
    return variance_of_place


def _training_months(settings: FindSettings, origin: int) -> range:
    return range(max(settings.least_history, origin - settings.training_months), origin)


def _normalise(place_values: Floats, even_shares: Floats) -> Floats:
    value_total = float(place_values.sum())
    return place_values / value_total if value_total > 0 else even_shares
