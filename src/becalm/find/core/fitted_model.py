"""What is known of each place's rate: its score, and how sure it is with bursts and drift allowed for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from becalm.find.core.expected_counts import Forecast, decompose_blend, forecast_counts
from becalm.find.core.floating_boxes import BoxShrinkage
from becalm.find.core.location_uncertainty import LocationUncertainty, add_location_uncertainty
from becalm.find.core.place_panel import PlacePanel
from becalm.find.core.settings import FindSettings
from becalm.methods.blend import GammaPosterior
from becalm.methods.drift import Scatter, fit_scatter, widen
from becalm.terms import BlendPart

SCATTER_MONTHS = 12
CONTENDERS = 8  # times as many places as are listed: among these the order is decided
STEADY = Scatter(burst=1.0, drift=0.0)


@dataclass(frozen=True, slots=True)
class FittedModel:
    """The score just before the month to come, and a month earlier where the history is long enough.

    `posterior` allows for bursts and drift, `doubted` for records that were moved as well: all that is said
    of the order rests on it. `blend` says what the score is made of. For floating boxes all is cut to what is
    `lasting` of their catch.
    """

    score: Forecast
    before: Forecast | None
    scatter: Scatter | None
    posterior: GammaPosterior
    doubted: GammaPosterior
    blend: tuple[BlendPart, ...]
    lasting: BoxShrinkage | None = None


def fit_model(
    panel: PlacePanel,
    settings: FindSettings,
    location: LocationUncertainty | None,
    rng: np.random.Generator,
    *,
    otherwise: Scatter = STEADY,
    lasting: BoxShrinkage | None = None,
) -> FittedModel:
    """What do the records say of each place? `otherwise` stands in for scatter that they cannot measure.

    Boxes were laid on all months, so none of them can judge boxes: `lasting` was measured on other ground.
    """
    score, before = forecast_next_month(panel, settings)
    blend = decompose_blend(score)
    if lasting is None:
        scatter = measure_scatter(panel, settings)
    else:
        score, scatter = lasting.shrink(score, panel.places), lasting.scatter
        before = None if before is None else lasting.shrink(before, panel.places)
    posterior = widen(score.posterior, score.own, scatter or otherwise)
    doubted = posterior
    if location is not None:
        doubted = add_location_uncertainty(score.posterior, posterior, score.own, location, panel.places, rng)
    return FittedModel(score, before, scatter, posterior, doubted, blend, lasting)


def measure_scatter(panel: PlacePanel, settings: FindSettings) -> Scatter | None:
    """How much less sure are places than steady independent incidents would make them?

    The last months (up to 12, at most half of all) are held out and foretold from those before, at the
    places that were then best: it is their order that must be known. None where the history is
    too short for that.
    """
    last = len(panel.months)
    origin = max(last - SCATTER_MONTHS, (last + 1) // 2, settings.least_months)
    known, held_out = (panel.target.window(a, b) for a, b in ((0, origin), (origin, last)))
    learnt = panel.target.window(max(settings.least_history, origin - settings.training_months), origin)
    if origin >= last or min(known.sum(), held_out.sum()) < settings.least_incidents or not learnt.any():
        return None
    (score,) = forecast_counts(panel, settings, [origin])
    best = np.argsort(-score.expected, kind="stable")[: CONTENDERS * settings.count]
    among = GammaPosterior(score.posterior.shape[best], score.posterior.rate[best])
    return fit_scatter(among, score.own[best], held_out[best])


def forecast_next_month(panel: PlacePanel, settings: FindSettings) -> tuple[Forecast, Forecast | None]:
    """The score with all months known, and with all but the last, where the history is long enough for it."""
    last = len(panel.months)
    trained = range(max(settings.least_history, last - 1 - settings.training_months), last - 1)
    if len(trained) == 0 or panel.target.totals[list(trained)].sum() == 0:
        return forecast_counts(panel, settings, [last])[0], None
    before, score = forecast_counts(panel, settings, [last - 1, last])
    return score, before
