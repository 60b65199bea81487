"""Who patrols the simulated city: a units file with one area for each command unit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from becalm.simulate import names
from becalm.simulate.city import Plan

TOURS: Final = (
    ("early", '"06:00:00", "06:40:00", "07:20:00"'),
    ("late", '"14:00:00", "14:40:00", "15:20:00"'),
    ("night", '"22:00:00", "22:40:00", "23:20:00"'),
)


def units_toml(plan: Plan) -> str:
    """The units for `becalm patrol`: nine cars with two officers a day in each command unit.

    Each has its base at the junction nearest to the middle of its command unit, and starts that
    are staggered by 40 minutes.
    """
    lines = [
        f"# Units of {names.CITY}, which does not exist: it was made by `becalm simulate`.",
        f'note = "{names.FORCE}; nine two-officer cars a day in each command unit, staggered by 40 minutes"',
        *_areas(plan),
        *_teams(plan),
    ]
    return "\n".join(lines) + "\n"


def _areas(plan: Plan) -> Iterable[str]:
    land = plan.land
    home = land.unit_of_borough[land.borough_of_lsoa]
    for unit, name in enumerate(land.unit_names):
        boroughs = [b for b, u in zip(land.borough_names, land.unit_of_borough, strict=True) if u == unit]
        middle = land.seeds[: len(home)][home == unit].mean(axis=0)
        east, north = plan.streets.nodes[np.argmin(np.hypot(*(plan.streets.nodes - middle).T))].tolist()
        listed = ", ".join(f'"{b}"' for b in boroughs)
        yield from ("", "[[areas]]", f'area = "{name}"', f"boroughs = [{listed}]")
        yield from ("", "[[bases]]", f'base = "base {name}"')
        yield from (f"easting_m = {east:.1f}", f"northing_m = {north:.1f}")


def _teams(plan: Plan) -> Iterable[str]:
    for name in plan.land.unit_names:
        for tour, starts in TOURS:
            yield from ("", "[[teams]]", f'team = "{name} {tour}"', f'area = "{name}"')
            yield from (f'base = "base {name}"', 'mode = "vehicle"', "crew = 2")
            yield from (f"starts = [{starts}]", "hours = 8.0", "burst_share = 0.9")
