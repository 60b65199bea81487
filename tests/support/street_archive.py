"""A small archive of robberies in two boroughs, drawn from known rates, for commands about hotspots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np
from made_places import months_from, true_rates
from records import incidents

from becalm.app.main import open_desk
from becalm.tables import TablePart

MONTHS = months_from("2018-01", 20)
SIDE = 8


def draw_archive(workspace: Path, *, seed: int, hour_of: Callable[[int, np.random.Generator], int] | None):
    """Cells of 150 m; the four western columns are Camden, the others Brent. `hour_of` draws hours."""
    rng = np.random.default_rng(seed)
    rates = true_rates(SIDE, rng, mean=0.8)
    rows = [
        _row(month, x, y, rng, hour_of)
        for month in MONTHS
        for y, x in np.ndindex(*rates.shape)
        for _ in range(rng.poisson(rates[y, x]))
    ]
    keep_incidents(workspace, "drawn", rows)


def keep_incidents(
    workspace: Path, source: str, rows: Sequence[Mapping[str, object]], months: Sequence[str] = MONTHS
):
    """Put these rows into the archive, one part for each month, whether or not it has rows."""
    with open_desk(workspace).archive.intake() as intake:
        for month in months:
            part = incidents([row for row in rows if row["month"] == month], source=source)
            intake.add(
                TablePart("incidents", source, month, part),
                as_of=date(2020, 6, 1),
                input_file="drawn",
                input_sha256=f"{source}{month}",
                recipe="drawn",
                recipe_sha256="1",
            )
        intake.commit()


def _row(month: str, x: int, y: int, rng: np.random.Generator, hour_of) -> dict[str, object]:
    at = rng.random(2) * 150
    row = {
        "month": month,
        "offence_group": "robbery",
        "borough": "Camden" if x < SIDE // 2 else "Brent",
        "location_quality": "exact",
        "easting_m": 530_100 + 150 * x + at[0],
        "northing_m": 180_000 + 150 * y + at[1],
    }
    return row if hour_of is None else row | {"hour_of_week": hour_of(x, rng), "precision": "hour"}
