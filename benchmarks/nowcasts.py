"""Nowcasts of the newest week on a simulated city, whose late records are known: bias and coverage.

Every offence of every borough, at as-of days of two years, each from what was written by then alone. Printed
as Markdown by weekly level; "held" is by position within the predictive distribution, so that counts of whole
numbers can be judged at all. Bars: 90 % intervals hold 88 to 92 %; bias at most 2 % from 0.2 a week up.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from becalm.methods.reporting_delay import Nowcast, nowcast_triangle
from becalm.simulate.city import SimulatedCity, simulate_city
from becalm.simulate.settings import OFFENCES, Settings

LONGEST_DELAY = 26
LEVELS = (0.0, 0.2, 1.0, 5.0, 20.0, np.inf)


def full_triangle(city: SimulatedCity) -> NDArray[np.int64]:
    """All records by series (group and borough, then group), week and weeks waited, to whatever end."""
    groups = sorted({o.group for o in OFFENCES if o.recorded})
    group_of = np.array([groups.index(o.group) if o.recorded else -1 for o in OFFENCES])
    incidents = city.incidents
    group = group_of[incidents.offence]
    borough = city.plan.land.borough_of_lsoa[city.plan.places.lsoa][incidents.place]
    first_monday = (
        int(incidents.day.min()) + (-(int(incidents.day.min()) + 3)) % 7
    )  # 1970-01-01 was a Thursday
    week = (incidents.day - first_monday) // 7
    # The as-of day is the Monday after the newest week.
    delay = np.maximum((incidents.recorded_day - first_monday - 7 * (week + 1) + 6) // 7, 0)
    is_kept = (group >= 0) & (week >= 0) & (week < week.max()) & (delay <= LONGEST_DELAY)
    cells = (borough * len(groups) + group, week, delay)
    by_borough = np.zeros((borough.max() + 1) * len(groups) * int(week.max()) * (LONGEST_DELAY + 1), np.int64)
    shape = ((borough.max() + 1) * len(groups), int(week.max()), LONGEST_DELAY + 1)
    np.add.at(by_borough, np.ravel_multi_index([cell[is_kept] for cell in cells], shape), 1)
    triangle = by_borough.reshape(shape)
    city_wide = triangle.reshape(-1, len(groups), *shape[1:]).sum(axis=0)
    return np.concatenate([triangle, city_wide])


def nowcast_at(triangle: NDArray[np.int64], newest: int) -> Nowcast:
    """The nowcast when this week was the newest."""
    waited = np.arange(newest + 1)[::-1][:, None]
    return nowcast_triangle(np.where(np.arange(triangle.shape[2]) <= waited, triangle[:, : newest + 1], 0))


def main() -> None:
    """Print bias and coverage by weekly level."""
    triangle = full_triangle(simulate_city(Settings(), np.random.default_rng(21)))
    level = triangle.sum(axis=(1, 2)) / triangle.shape[1]
    rng = np.random.default_rng(1)
    errors, finals, positions = [], [], []
    for newest in range(triangle.shape[1] - 104, triangle.shape[1], 4):
        nowcast = nowcast_at(triangle, newest)
        final = triangle[:, newest].sum(axis=1)
        missing = final - nowcast.known_counts[:, -1]
        mean = np.maximum(nowcast.missing_counts[:, -1], 1e-9)
        size = mean**2 / np.maximum(nowcast.missing_variance[:, -1] - mean, 1e-9 * mean)
        chance = size / (size + mean)
        position = stats.nbinom.cdf(missing - 1, size, chance)
        position += rng.random(len(final)) * stats.nbinom.pmf(missing, size, chance)
        errors.append(nowcast.missing_counts[:, -1] - missing)
        finals.append(final)
        positions.append(position)
    print(
        "| weekly level | series | bias | its noise (2 s.e.) | 90 % interval holds |\n|---|---|---|---|---|"
    )
    for low, high in pairwise(LEVELS):
        band = (level > low) & (level <= high)
        error, final, position = (np.stack(part)[:, band] for part in (errors, finals, positions))
        bias, noise = error.sum() / final.sum(), 2 * np.sqrt((error.sum(axis=1) ** 2).sum()) / final.sum()
        held = ((position > 0.05) & (position < 0.95)).mean()
        print(f"| {low:g} to {high:g} | {band.sum()} | {bias:+.2%} | {noise:.2%} | {held:.1%} |")


if __name__ == "__main__":
    main()
