"""Is a place visited every other day, every third, and so on? Even one that is hardly ever visited.

Whole days are counted, whatever the hour of a visit: with the clock left out, a place that is visited twice a
week shows its rhythm within ten weeks.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from becalm.methods.arrays import Floats

LEAST_VISITS: Final = 12
ALARM: Final = 0.001  # chance of a false alarm over all places and periods
MARGIN: Final = 1.2  # of the limit: counts of few visits have heavier tails than a normal


@dataclass(frozen=True, slots=True)
class DayRhythm:
    """A place whose days of visits come in a period; the strength is 1 by chance."""

    place: int
    days: int
    strength: float


def find_day_rhythms(counts: Floats, expected: Floats, *, most_days: int) -> tuple[DayRhythm, ...]:
    """Which places have a period of 2 to `most_days` days, that of a week and its multiples left out?

    `counts` and `expected` are visits by place and civil day, [P, D]. The answer has at most one rhythm for
    each place, that with the most strength.
    """
    day_count = counts.shape[1]
    period_days = np.array([days for days in range(2, min(most_days, day_count // 3) + 1) if days % 7])
    place_index = np.flatnonzero(counts.sum(axis=1) >= LEAST_VISITS)
    if not len(period_days) or not len(place_index):
        return ()
    unexpected_counts = (counts - expected)[place_index]
    wave_matrix = np.exp(-2j * np.pi * np.arange(day_count)[:, None] / period_days)
    wave_powers = np.abs(unexpected_counts @ wave_matrix) ** 2 / counts[place_index].sum(
        axis=1, keepdims=True
    )
    # Days that cluster or avoid each other raise the whole spectrum: a rhythm stands out of it.
    spectrum_powers = np.abs(np.fft.rfft(unexpected_counts, axis=1)[:, 1:]) ** 2 / counts[place_index].sum(
        axis=1, keepdims=True
    )
    strength = wave_powers / np.maximum(np.median(spectrum_powers, axis=1, keepdims=True) / np.log(2.0), 1.0)
    strength_limit = MARGIN * np.log(strength.size / ALARM)
    strongest_column = strength.argmax(axis=1)
    return tuple(
        DayRhythm(int(place), int(period_days[column]), float(strength[row, column]))
        for row, (place, column) in enumerate(zip(place_index, strongest_column, strict=True))
        if strength[row, column] > strength_limit
    )
