"""What is known of each place's rate: its forecast, and how sure it is with bursts and drift allowed for."""

from dataclasses import dataclass

import numpy as np

from becalm.find.core import expected_counts
from becalm.find.core.floating_boxes import BoxShrinkage
from becalm.find.core.location_uncertainty import LocationUncertainty, add_location_uncertainty
from becalm.find.core.place_panel import PlacePanel
from becalm.find.core.settings import FindSettings
from becalm.methods.arrays import Floats
from becalm.methods.faded_counts import measure_total_doubt
from becalm.methods.gamma_poisson import GammaPosterior, Scatter, fit_scatter, widen_posterior
from becalm.terms import BlendPart

SCATTER_MONTHS = 12
CONTENDING_SHARE = (
    0.5  # of what is expected: the best places that hold so much are judged, however many are listed
)
LEAST_CONTENDERS = 200
STEADY = Scatter(burst=1.0, drift=0.0)


@dataclass(frozen=True, slots=True)
class FittedModel:
    """The forecast of the month to come, and what was expected a month earlier where history allows.

    `posterior` allows for bursts, drift and the doubt about the level of the whole. All that is said of the
    order rests on `order_posterior`: the level moves all places alike and is left out, records moved by their
    source are allowed for. Both have the same means. `blend` says what the forecast is made of. For floating
    boxes all is cut by the `shrinkage` of their catch.
    """

    forecast: expected_counts.Forecast
    earlier_values: Floats | None
    scatter: Scatter | None
    posterior: GammaPosterior
    order_posterior: GammaPosterior
    blend: tuple[BlendPart, ...]
    shrinkage: BoxShrinkage | None = None

    @property
    def expected_values(self) -> Floats:
        """The expected incidents of each place in 30 days."""
        return self.forecast.expected_counts


def fit_model(
    panel: PlacePanel,
    settings: FindSettings,
    location: LocationUncertainty | None,
    rng: np.random.Generator,
    *,
    default_scatter: Scatter = STEADY,
    shrinkage: BoxShrinkage | None = None,
) -> FittedModel:
    """What do the records say of each place? Where they cannot measure scatter, the default is used."""
    forecast, earlier_values = expected_counts.forecast_next_month(panel, settings)
    blend = expected_counts.decompose_blend(forecast)
    if shrinkage is None:
        scatter = measure_scatter(panel, settings)
    else:
        # Boxes lie where all months are densest, so no month can judge them: what they lose and how they
        # scatter was measured on boxes that were placed without the last year.
        forecast, scatter = shrinkage.shrink(forecast, panel.places), shrinkage.scatter
    order_posterior = widen_posterior(forecast.posterior, forecast.own_counts, scatter or default_scatter)
    total_doubt = measure_total_doubt(panel.target.totals, panel.target.exposure)
    posterior = GammaPosterior.with_mean(
        order_posterior.mean,
        1.0 / (1.0 / order_posterior.shape + total_doubt * (1.0 + 1.0 / order_posterior.shape)),
    )
    if location is not None:
        order_posterior = add_location_uncertainty(
            forecast.posterior, order_posterior, forecast.own_counts, location, panel.places, rng
        )
    return FittedModel(forecast, earlier_values, scatter, posterior, order_posterior, blend, shrinkage)


def measure_scatter(panel: PlacePanel, settings: FindSettings) -> Scatter | None:
    """How much less sure are places than steady independent incidents would make them?

    The last months (up to 12, at most half of all) are held out and predicted from those before, at the
    places that were then best: it is their order that must be known. None where the history is
    too short for that.
    """
    month_count = len(panel.months)
    cut_month = max(month_count - SCATTER_MONTHS, (month_count + 1) // 2, settings.least_months)
    past_counts, held_out_counts = (
        panel.target.window(0, cut_month),
        panel.target.window(cut_month, month_count),
    )
    training_counts = panel.target.window(
        max(settings.least_history, cut_month - settings.training_months), cut_month
    )
    if (
        cut_month >= month_count
        or min(past_counts.sum(), held_out_counts.sum()) < settings.least_incidents
        or not training_counts.any()
    ):
        return None
    (forecast,) = expected_counts.forecast_counts(panel, settings, [cut_month])
    held_out_counts = held_out_counts[panel.places_known_before(cut_month)[1]]
    # Over all places the dispersion would be that of the many that hold nothing, which are never listed.
    best_index = np.argsort(-forecast.expected_counts, kind="stable")
    expected_shares = np.cumsum(forecast.expected_counts[best_index]) / forecast.expected_counts.sum()
    best_index = best_index[
        : max(int(np.searchsorted(expected_shares, CONTENDING_SHARE)) + 1, LEAST_CONTENDERS)
    ]
    if not held_out_counts[best_index].any():
        return None
    best_posterior = GammaPosterior(forecast.posterior.shape[best_index], forecast.posterior.rate[best_index])
    return fit_scatter(best_posterior, forecast.own_counts[best_index], held_out_counts[best_index])
