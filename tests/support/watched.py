"""Incidents of a city whose fall and rebound are known."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from becalm.tables import INCIDENTS

FIRST, WEEKS, STEP_WEEK, ONSET = date(2017, 1, 2), 208, 157, 177
STEP_DAY = FIRST + timedelta(weeks=STEP_WEEK)
STEP = ("step", "add", "--from", str(STEP_DAY), "--kind", "lockdown", "--reason", "first lockdown")


def drawn_incidents(seed: int = 4, *, rises: bool = True) -> pa.Table:
    """Robberies and burglaries of one city, 30 a week; both fall by half, and robberies may climb back."""
    rng, place_rng = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    rows: list[dict[str, Any]] = []
    for group in ("robbery", "burglary"):
        share = np.where(np.arange(WEEKS) < STEP_WEEK, 1.0, 0.5)
        if group == "robbery" and rises:
            share[STEP_WEEK:] *= 1.0 + np.clip((np.arange(STEP_WEEK, WEEKS) - ONSET + 1) / 8.0, 0.0, 1.0)
        for week, count in enumerate(rng.poisson(30.0 * share)):
            for number in range(count):
                day = FIRST + timedelta(weeks=week, days=int(rng.integers(7)))
                rows.append(
                    {
                        "incident_id": f"{group}-{week}-{number}",
                        "source": "drawn",
                        "file": "drawn",
                        "found_by": "victim",
                        "occurred_on": day,
                        "precision": "day",
                        "month": f"{day:%Y-%m}",
                        "as_of": FIRST + timedelta(weeks=WEEKS),
                        "offence": group,
                        "offence_group": group,
                        "easting_m": float(place_rng.uniform(520_000.0, 524_000.0)),
                        "northing_m": float(place_rng.uniform(180_000.0, 184_000.0)),
                        "location_quality": "exact",
                    }
                )
    return pa.Table.from_pylist(rows, schema=INCIDENTS.to_pyarrow())
