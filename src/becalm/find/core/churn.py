"""How much does one month of records move the list?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from becalm.find.core.expected_counts import Forecast, forecast_counts
from becalm.find.core.place_panel import PlacePanel
from becalm.find.core.settings import FindSettings
from becalm.methods.arrays import Floats, Ints
from becalm.terms import Churn


def forecast_next_month(panel: PlacePanel, settings: FindSettings) -> tuple[Forecast, Forecast | None]:
    """The score with all months known, and with all but the last, where the history is long enough for it."""
    last = len(panel.months)
    trained = range(max(settings.least_history, last - 1 - settings.training_months), last - 1)
    if len(trained) == 0 or panel.target.totals[list(trained)].sum() == 0:
        return forecast_counts(panel, settings, [last])[0], None
    before, score = forecast_counts(panel, settings, [last - 1, last])
    return score, before


def measure_churn(months: Sequence[str], listed: Ints, earlier: Ints | None, p_top: Floats) -> Churn | None:
    """How many of the listed places are new since a month earlier, and how many are in doubt?"""
    if earlier is None:
        return None
    came = int(np.isin(listed, earlier, invert=True).sum())
    return Churn(months[-1], came, float((1.0 - p_top).sum()))
