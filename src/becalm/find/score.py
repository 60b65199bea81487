"""The score: how many incidents to expect of each place, and what that rests on.

A place's own memory is weighed by the gamma-Poisson rule against a forecast from everything else:
its neighbours near and around, related offences, and an even spread. The shares of that forecast
are fitted by EM to the months that came after each forecast, and the weight of the own memory by
maximum likelihood; none is set by hand and none can be negative.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from becalm.find.ground import Ground
from becalm.find.settings import FindSettings
from becalm.methods.blend import GammaPosterior, GammaPrior, fit_mixture, fit_prior, update
from becalm.methods.ewma import choose_half_life, effective_weight, forecast_total, memories
from becalm.methods.series import CountSeries
from becalm.terms.errors import QuestionError
from becalm.terms.hotspot import BlendPart

Floats = NDArray[np.float64]
LEAST_EVEN_SHARE = 1e-3

MEANINGS = {
    "own": "the place's own past",
    "near": "its close neighbours' past",
    "around": "its wider neighbourhood's past",
    "related": "other street violence at the place",
    "related_near": "other street violence near the place",
    "even": "the same for every square metre",
}


@dataclass(frozen=True, slots=True)
class Score:
    """The posterior of each place's incidents in 30 days, as seen just before month `origin`.

    `own` is each place's memory as an effective count over `exposure` (in units of 30 days at the
    current level of the whole); `parts[k]` with `shares[k]` make up the `forecast` from all else.
    """

    origin: int
    half_life: float
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


def score_places(ground: Ground, settings: FindSettings, origins: Sequence[int]) -> tuple[Score, ...]:
    """What is to be expected of each place at each origin, from the months before it alone?"""
    half_lives = {t: _half_life(ground, settings, t) for t in origins}
    training = {t: _training(settings, t) for t in origins}
    parts: dict[tuple[int, float], Floats] = {}
    for half_life in sorted(set(half_lives.values())):
        needed = {u for t in origins if half_lives[t] == half_life for u in (*training[t], t)}
        for t, made in forecasts(ground, settings, half_life, sorted(needed)):
            parts[t, half_life] = made
    return tuple(_score(ground, t, half_lives[t], training[t], parts) for t in origins)


def forecasts(
    ground: Ground, settings: FindSettings, half_life: float, origins: Sequence[int]
) -> list[tuple[int, Floats]]:
    """The forecasts from everything but the place's own past: one distribution over places per part."""
    near, around = settings.near_m, settings.around_m

    def density(memory: Floats, sigma_m: float, *, without_own: bool) -> Floats:
        return _share(ground.places.smooth(memory, sigma_m, without_own=without_own), ground.even)

    made = {
        t: [density(own, near, without_own=True), density(own, around, without_own=True)]
        for t, own in memories(ground.target, half_life, origins)
    }
    if ground.related is not None:
        for t, memory in memories(ground.related, half_life, origins):
            made[t] += [_share(memory, ground.even), density(memory, near, without_own=False)]
    return [(t, np.array([*parts, ground.even])) for t, parts in made.items()]


def part_names(ground: Ground) -> tuple[str, ...]:
    """The names of the forecast's parts, in their order."""
    related = ("related", "related_near") if ground.related is not None else ()
    return ("near", "around", *related, "even")


def read_blend(score: Score) -> tuple[BlendPart, ...]:
    """Which share of all expected incidents comes from which part?"""
    rate = score.posterior.rate
    total = float(score.expected.sum())
    own = float((score.own / rate).sum()) / total
    left = (rate - score.exposure) / rate * score.forecast.sum() / total
    rest = score.shares * (score.parts @ left)
    pairs = zip(("own", *score.names), (own, *rest), strict=True)
    return tuple(BlendPart(name, float(share), MEANINGS[name]) for name, share in pairs)


def _score(
    ground: Ground,
    origin: int,
    half_life: float,
    training: Sequence[int],
    parts: Mapping[tuple[int, float], Floats],
) -> Score:
    shares = _fit_shares(ground.target, training, {u: parts[u, half_life] for u in training})
    here = parts[origin, half_life]
    level = forecast_total(ground.target.totals[:origin], ground.target.exposure[:origin])
    forecast = level * (shares @ here)
    memory = next(memory for _, memory in memories(ground.target, half_life, [origin]))
    _refuse_no_past(ground, origin, memory, training)
    own = memory * effective_weight(ground.target.exposure, half_life, origin)
    exposure = float(own.sum()) / level
    prior = fit_prior(forecast, own, exposure)
    return Score(
        origin=origin,
        half_life=half_life,
        posterior=update(prior, forecast, own, exposure),
        own=own,
        exposure=exposure,
        forecast=forecast,
        prior=prior,
        names=part_names(ground),
        shares=shares,
        parts=here,
    )


def _refuse_no_past(ground: Ground, origin: int, memory: Floats, training: Sequence[int]) -> None:
    if memory.sum() == 0 or ground.target.totals[list(training)].sum() == 0:
        raise QuestionError(
            f"No incident of the target is on record before {_month(ground, origin)} from which "
            "the score could learn. Take a longer history with --since, or more offences with --target."
        )


def _month(ground: Ground, origin: int) -> str:
    return ground.months[origin] if origin < ground.target.steps else f"the month after {ground.months[-1]}"


def _fit_shares(target: CountSeries, training: Sequence[int], parts: Mapping[int, Floats]) -> Floats:
    """The shares that best foretold where each training month's incidents fell."""
    seen = np.concatenate([parts[u][:, target.places[u]] for u in training], axis=1)
    shares = fit_mixture(seen, np.concatenate([target.counts[u] for u in training]))
    shares[-1] = max(shares[-1], LEAST_EVEN_SHARE)  # no place is impossible
    return np.asarray(shares / shares.sum())


def _half_life(ground: Ground, settings: FindSettings, origin: int) -> float:
    steps = _training(settings, origin)
    return choose_half_life(ground.target, ground.even, half_lives=settings.half_lives, origins=steps).steps


def _training(settings: FindSettings, origin: int) -> range:
    return range(max(settings.least_history, origin - settings.training_months), origin)


def _share(values: Floats, even: Floats) -> Floats:
    total = float(values.sum())
    return values / total if total > 0 else even
