"""How much each group varies beyond Poisson chance, by its own history."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from becalm.measure.core.series import Series
from becalm.methods.arrays import Floats
from becalm.methods.dispersion import overdispersion, seasonal_design
from becalm.terms import Period, month_start

LEAST_HISTORY: Final = {"months": 24, "weeks": 104}
MONTHS_USED: Final = 60
LATEST_MONTHS_IGNORED: Final = 2
DAYS_PER_YEAR: Final = 365.25


@dataclass(frozen=True, slots=True)
class GroupDispersion:
    """Variance over mean of each series, and the stretches of history that told it (0: none did)."""

    phi: Floats
    stretches: int
    unit: str

    @property
    def has_enough_history(self) -> bool:
        """Whether there was enough history."""
        return self.stretches >= LEAST_HISTORY[self.unit]

    def interval_method(self, g: int) -> str:
        """How the interval of series `g` was made."""
        if not self.has_enough_history:
            return (
                f"mid-p, Poisson ({self.stretches} {self.unit} of history, {LEAST_HISTORY[self.unit]} needed)"
            )
        return f"mid-p, overdispersion {self.phi[g]:.3g} from {self.stretches} {self.unit}"


def measure_dispersion(
    series: Series, *, apart_from: Sequence[Period], level: float, missing: Collection[str] = ()
) -> GroupDispersion:
    """How much more than Poisson chance does each series vary, outside the compared windows?

    Months (or, where days are known, stretches of seven days) of the five years before the latest
    window, without those that touch a window or a month `missing` from the records, are fitted by the
    equation below. The last two months
    are left out too, as far as enough history remains: a change that is about to be measured has often
    begun by then, and its beginning is no noise.

        log mu_t = log(days_t) + level + trend + two yearly harmonics,   variance = phi mu_t

    24 months are needed; with fewer, phi is 1 and the method says so. The phi returned also pays for
    being estimated (`methods.dispersion.Dispersion.interval_phi`).

    Sources: Wilson, J. Quantitative Criminology (2021), for widening crime counts by phi; Noufaily et al.,
    Statistics in Medicine 32 (2013) 1206-1222, for leaving the latest weeks out (26 there; on 1,080 months
    without an event, each further month left out costs false alarms, and two suffice for a fall in March).
    """
    latest_start = max(window.start for window in apart_from)
    unit_word = "months" if series.unit == "month" else "weeks"
    stretches = _month_stretches(series) if unit_word == "months" else _week_stretches(series, latest_start)
    past = [(span, columns) for span, columns in stretches if _is_history(span, latest_start, apart_from)]
    past = [(span, columns) for span, columns in past if not set(span.months) & set(missing)]
    past = _drop_latest(past, latest_start, least_history=LEAST_HISTORY[unit_word])
    if len(past) < LEAST_HISTORY[unit_word]:
        return GroupDispersion(np.ones(len(series.groups)), len(past), unit_word)
    span_days = np.array([span.days for span, _ in past], dtype=np.float64)
    middles = np.array([span.start.toordinal() for span, _ in past]) + span_days / 2.0
    history = np.stack([series.counts[:, columns].sum(axis=1) for _, columns in past], axis=1)
    dispersion = overdispersion(history, seasonal_design(middles, cycle=DAYS_PER_YEAR), exposure=span_days)
    return GroupDispersion(dispersion.interval_phi(level), len(past), unit_word)


def _is_history(span: Period, latest: date, apart_from: Sequence[Period]) -> bool:
    oldest_start = month_start(latest.year, latest.month - MONTHS_USED)
    return oldest_start <= span.start and span.end <= latest and not any(span.overlaps(w) for w in apart_from)


def _drop_latest(
    past: list[tuple[Period, slice]], latest: date, *, least_history: int
) -> list[tuple[Period, slice]]:
    """History without its last two months, or without as much of that as leaves what is needed."""
    settled_count = sum(
        span.end <= month_start(latest.year, latest.month - LATEST_MONTHS_IGNORED) for span, _ in past
    )
    return past[: max(settled_count, min(least_history, len(past)))]


def _month_stretches(series: Series) -> list[tuple[Period, slice]]:
    return [
        (Period(month_day, month_start(month_day.year, month_day.month + 1)), slice(i, i + 1))
        for i, month_day in enumerate(series.times)
    ]


def _week_stretches(series: Series, latest: date) -> list[tuple[Period, slice]]:
    """Stretches of seven days, counted back from the day before the latest window."""
    first_index = (latest - series.times[0]).days % 7
    return [
        (Period(series.times[i], series.times[i] + timedelta(days=7)), slice(i, i + 7))
        for i in range(first_index, len(series.times) - 6, 7)
    ]
