"""Where and when were there suddenly more incidents than that place and that time explain?"""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np

from becalm.find.ground import Ground
from becalm.methods.scan import Cylinder, scan
from becalm.terms.errors import QuestionError, UsageError
from becalm.terms.explanation import Outbreak, Outbreaks

LEAST_INCIDENTS: Final = 30


def find_outbreaks(
    ground: Ground,
    *,
    target: tuple[str, ...],
    source: str,
    as_of: date,
    radius_m: float = 1000.0,
    longest_months: int = 3,
    orders: int = 199,
    level: float = 0.05,
    rng: np.random.Generator,
) -> Outbreaks:
    """Which circles and runs of months hold more than chance alone explains, having looked everywhere?

    A place that always carries much, or a month in which all of the city had more, is no outbreak: only
    both together are. Circles stand on the centres of the cells that had an incident.

    Raises
    ------
    QuestionError
        where there are too few incidents.
    UsageError
        where the radius or the longest run cannot be.
    """
    if radius_m <= 0 or not 1 <= longest_months < len(ground.months):
        raise UsageError(
            f"Circles up to {radius_m:g} m and {longest_months} months cannot be sought in "
            f"{len(ground.months)} months. Give a radius above 0 and fewer months than there are."
        )
    total = int(ground.target.totals.sum())
    if total < LEAST_INCIDENTS:
        raise QuestionError(
            f"{total} incidents of {' + '.join(target)}, need {LEAST_INCIDENTS}. Take more months."
        )
    x, y = ground.grid.centres_m
    steps = list(zip(ground.target.places, ground.target.counts, strict=True))
    place = np.concatenate([np.repeat(p, c.astype(int)) for p, c in steps])
    month = np.concatenate([np.full(int(c.sum()), t) for t, (_, c) in enumerate(steps)])
    used, site = np.unique(place, return_inverse=True)
    x, y = x[used], y[used]
    found = scan(x, y, site, month, radius=radius_m, longest=longest_months, orders=orders, rng=rng)
    return Outbreaks(
        target=target,
        cell_m=ground.grid.cell_m,
        incidents=total,
        first=ground.months[0],
        last=ground.months[-1],
        step="month",
        radius_m=radius_m,
        longest=longest_months,
        orders=orders,
        level=level,
        outbreaks=tuple(_outbreak(c, float(x[c.centre]), float(y[c.centre]), ground) for c in found),
        source=source,
        as_of=as_of,
    )


def _outbreak(found: Cylinder, x: float, y: float, ground: Ground) -> Outbreak:
    """A cylinder on the ground: its circle reaches to the edge of the outermost cells."""
    return Outbreak(
        easting_m=x,
        northing_m=y,
        radius_m=found.radius + ground.grid.cell_m / 2.0,
        first=ground.months[found.first],
        last=ground.months[found.last],
        observed=found.observed,
        expected=found.expected,
        p=found.p,
    )
