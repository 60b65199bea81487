"""The score: how many incidents to expect of each place, and what that rests on.

A place's own memory, a mixture of several half-lives, is weighed by the gamma-Poisson rule against a
forecast from everything else: its neighbours near, around and of late, related offences, and an even spread.
The shares of both are fitted by maximum likelihood to the months that came after each forecast, and so is the
weight of the own memory; none is set by hand and none can be negative.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from becalm.find.core.place_panel import PlacePanel
from becalm.find.core.settings import FindSettings
from becalm.methods.arrays import Floats
from becalm.methods.blend import GammaPosterior, GammaPrior, fit_prior, update
from becalm.methods.ewma import choose_half_life, fading, forecast_total, half_age, kish_factor, memories
from becalm.methods.mixture import fit_mixture
from becalm.methods.series import CountSeries
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

    `own` is each place's memory as an effective count over `exposure` (in units of 30 days at the
    current level of the whole), a mixture of those with `own_half_lives` in `own_shares` that has lost half
    of its weight at `half_life`; `parts[k]` with `shares[k]` make up the `forecast` from all else, whose
    half-life is `half_life_of_others`.
    """

    origin: int
    half_life: float
    half_life_of_others: float
    own_half_lives: tuple[float, ...]
    own_shares: Floats
    posterior: GammaPosterior
    own: Floats
    exposure: float
    forecast: Floats
    prior: GammaPrior
    names: tuple[str, ...]
    shares: Floats
    parts: Floats

    @property
    def expected(self) -> Floats:
        """Expected incidents of each place in 30 days."""
        return self.posterior.mean


def forecast_counts(
    panel: PlacePanel, settings: FindSettings, origins: Sequence[int]
) -> tuple[Forecast, ...]:
    """What is to be expected of each place at each origin, from the months before it alone?"""
    half_lives = choose_half_lives(panel, settings, origins)
    training = {t: _training(settings, t) for t in origins}
    for t in origins:
        _refuse_no_past(panel, t, training[t])
    parts: dict[tuple[int, float], Floats] = {}
    for half_life in sorted(set(half_lives.values())):
        needed = {u for t in origins if half_lives[t] == half_life for u in (*training[t], t)}
        for t, made in forecast_parts(panel, settings, half_life, sorted(needed)):
            parts[t, half_life] = made
    own = _own_memories(panel, settings, {u for t in origins for u in (*training[t], t)})
    return tuple(_score(panel, settings, t, half_lives[t], own, parts) for t in origins)


def choose_half_lives(panel: PlacePanel, settings: FindSettings, origins: Sequence[int]) -> dict[int, float]:
    """Which single half-life foretold the training months before each origin best?"""
    return {
        t: choose_half_life(
            panel.target, panel.even, half_lives=settings.half_lives, origins=_training(settings, t)
        ).steps
        for t in origins
    }


def forecast_parts(
    panel: PlacePanel, settings: FindSettings, half_life: float, origins: Sequence[int]
) -> list[tuple[int, Floats]]:
    """The forecasts from everything but the place's own past: one distribution over places per part."""
    near, around, fresh = settings.near_m, settings.around_m, panel.fresh or panel.target

    def density(memory: Floats, sigma_m: float, *, without_own: bool) -> Floats:
        return _share(panel.places.smooth(memory, sigma_m, without_own=without_own), panel.even)

    made = {
        t: [density(own, near, without_own=True), density(own, around, without_own=True)]
        for t, own in memories(panel.target, half_life, origins)
    }
    for t, memory in memories(fresh, settings.repeat_half_life, origins):
        made[t] += [density(memory, near, without_own=True)]
    if panel.related is not None:
        for t, memory in memories(panel.related, half_life, origins):
            made[t] += [_share(memory, panel.even), density(memory, near, without_own=False)]
    return [(t, np.array([*parts, panel.even])) for t, parts in made.items()]


def part_names(panel: PlacePanel) -> tuple[str, ...]:
    """The names of the forecast's parts, in their order."""
    related = ("related", "related_near") if panel.related is not None else ()
    return ("near", "around", "recent", *related, "even")


def decompose_blend(score: Forecast) -> tuple[BlendPart, ...]:
    """Which share of all expected incidents comes from which part?"""
    rate = score.posterior.rate
    total = float(score.expected.sum())
    own = float((score.own / rate).sum()) / total
    left = (rate - score.exposure) / rate * score.forecast.sum() / total
    rest = score.shares * (score.parts @ left)
    memory = [
        BlendPart(f"own_{half_life:g}", float(own * share), MEANINGS["own"].format(f"{half_life:g}"))
        for half_life, share in zip(score.own_half_lives, score.own_shares, strict=True)
    ]
    others = zip(score.names, rest, strict=True)
    return (*memory, *(BlendPart(name, float(share), MEANINGS[name]) for name, share in others))


def _score(
    panel: PlacePanel,
    settings: FindSettings,
    origin: int,
    half_life: float,
    memory: Mapping[int, Floats],
    parts: Mapping[tuple[int, float], Floats],
) -> Forecast:
    training = _training(settings, origin)
    learnt = {u: parts[u, half_life] for u in training}
    shares = _fit_shares(panel.target, training, learnt)
    here = parts[origin, half_life]
    level = forecast_total(panel.target.totals[:origin], panel.target.exposure[:origin])
    forecast = level * (shares @ here)
    own_shares, own, half = _own(panel, settings, origin, memory, learnt)
    exposure = float(own.sum()) / level
    prior = fit_prior(forecast, own, exposure)
    return Forecast(
        origin=origin,
        half_life=half,
        half_life_of_others=half_life,
        own_half_lives=settings.own_half_lives,
        own_shares=own_shares,
        posterior=update(prior, forecast, own, exposure),
        own=own,
        exposure=exposure,
        forecast=forecast,
        prior=prior,
        names=part_names(panel),
        shares=shares,
        parts=here,
    )


def _own_memories(panel: PlacePanel, settings: FindSettings, origins: set[int]) -> dict[int, Floats]:
    """Each place's own memories just before each origin, one row per half-life."""
    made: dict[int, list[Floats]] = {t: [] for t in origins}
    for half_life in settings.own_half_lives:
        for t, memory in memories(panel.target, half_life, sorted(origins)):
            made[t].append(memory)
    return {t: np.array(rows) for t, rows in made.items()}


def _own(
    panel: PlacePanel,
    settings: FindSettings,
    origin: int,
    memory: Mapping[int, Floats],
    parts: Mapping[int, Floats],
) -> tuple[Floats, Floats, float]:
    """The mixture of own memories that foretold best beside all else: shares, effective count, half age."""
    target, many = panel.target, len(settings.own_half_lives)

    def seen(u: int) -> Floats:
        at = target.places[u]
        held = np.maximum(memory[u].sum(axis=1, keepdims=True), 1e-300)
        return np.concatenate([memory[u][:, at] / held, parts[u][:, at]])

    training = _training(settings, origin)
    counts = np.concatenate([target.counts[u] for u in training])
    fitted = fit_mixture(np.concatenate([seen(u) for u in training], axis=1), counts)
    shares = np.maximum(fitted[:many], 1e-9)
    shares = shares / shares.sum()
    totals = memory[origin].sum(axis=1)
    weights = fading(settings.own_half_lives, shares, totals, origin)
    mixed = (shares / totals) @ memory[origin] / (shares / totals).sum()
    own = mixed * kish_factor(weights, target.exposure[:origin])
    return shares, own, half_age(settings.own_half_lives, shares, totals)


def _refuse_no_past(panel: PlacePanel, origin: int, training: Sequence[int]) -> None:
    if panel.target.totals[:origin].sum() == 0 or panel.target.totals[list(training)].sum() == 0:
        raise QuestionError(
            f"No incident of the target is on record before {_month(panel, origin)} from which "
            "the score could learn. Take a longer history with --since, or more offences with --target."
        )


def _month(panel: PlacePanel, origin: int) -> str:
    return panel.months[origin] if origin < panel.target.steps else f"the month after {panel.months[-1]}"


def _fit_shares(target: CountSeries, training: Sequence[int], parts: Mapping[int, Floats]) -> Floats:
    """The shares that best foretold where each training month's incidents fell."""
    seen = np.concatenate([parts[u][:, target.places[u]] for u in training], axis=1)
    shares = fit_mixture(seen, np.concatenate([target.counts[u] for u in training]))
    shares[-1] = max(shares[-1], LEAST_EVEN_SHARE)  # no place is impossible
    return np.asarray(shares / shares.sum())


def _training(settings: FindSettings, origin: int) -> range:
    return range(max(settings.least_history, origin - settings.training_months), origin)


def _share(values: Floats, even: Floats) -> Floats:
    total = float(values.sum())
    return values / total if total > 0 else even
