"""What is known of each place's rate: its score, and how sure it is with bursts and drift allowed for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from becalm.find.core.box_trial import Lasting
from becalm.find.core.churn import last_scores
from becalm.find.core.expected_counts import Score, read_blend, score_places
from becalm.find.core.location import LocationError, carry_error
from becalm.find.core.place_panel import Ground
from becalm.find.core.settings import FindSettings
from becalm.methods.blend import GammaPosterior
from becalm.methods.drift import Scatter, fit_scatter, widen
from becalm.terms import BlendPart

SCATTER_MONTHS = 12
CONTENDERS = 8  # times as many places as are listed: among these the order is decided
STEADY = Scatter(burst=1.0, drift=0.0)


@dataclass(frozen=True, slots=True)
class Known:
    """The score just before the month to come, and a month earlier where the history is long enough.

    `posterior` allows for bursts and drift, `doubted` for records that were moved as well: all that is said
    of the order rests on it. `blend` says what the score is made of. For floating boxes all is cut to what is
    `lasting` of their catch.
    """

    score: Score
    before: Score | None
    scatter: Scatter | None
    posterior: GammaPosterior
    doubted: GammaPosterior
    blend: tuple[BlendPart, ...]
    lasting: Lasting | None = None


def learn(
    ground: Ground,
    settings: FindSettings,
    location: LocationError | None,
    rng: np.random.Generator,
    *,
    otherwise: Scatter = STEADY,
    lasting: Lasting | None = None,
) -> Known:
    """What do the records say of each place? `otherwise` stands in for scatter that they cannot measure.

    Boxes were laid on all months, so none of them can judge boxes: `lasting` was measured on other ground.
    """
    score, before = last_scores(ground, settings)
    blend = read_blend(score)
    if lasting is None:
        scatter = measure_scatter(ground, settings)
    else:
        score, scatter = lasting.fair(score, ground.places), lasting.scatter
        before = None if before is None else lasting.fair(before, ground.places)
    posterior = widen(score.posterior, score.own, scatter or otherwise)
    doubted = posterior
    if location is not None:
        doubted = carry_error(score.posterior, posterior, score.own, location, ground.places, rng)
    return Known(score, before, scatter, posterior, doubted, blend, lasting)


def measure_scatter(ground: Ground, settings: FindSettings) -> Scatter | None:
    """How much less sure are places than steady independent incidents would make them?

    The last months (up to 12, at most half of all) are held out and foretold from those before, at the
    places that were then best: it is their order that must be known. None where the history is
    too short for that.
    """
    last = len(ground.months)
    origin = max(last - SCATTER_MONTHS, (last + 1) // 2, settings.least_months)
    known, held_out = (ground.target.window(a, b) for a, b in ((0, origin), (origin, last)))
    learnt = ground.target.window(max(settings.least_history, origin - settings.training_months), origin)
    if origin >= last or min(known.sum(), held_out.sum()) < settings.least_incidents or not learnt.any():
        return None
    (score,) = score_places(ground, settings, [origin])
    best = np.argsort(-score.expected, kind="stable")[: CONTENDERS * settings.count]
    among = GammaPosterior(score.posterior.shape[best], score.posterior.rate[best])
    return fit_scatter(among, score.own[best], held_out[best])
