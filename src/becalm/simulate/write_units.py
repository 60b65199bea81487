"""Who patrols the simulated city: a units file with one area for each command unit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from becalm.simulate import names
from becalm.simulate.city import Plan

TOURS: Final = (("late", 14), ("early", 6), ("night", 22))  # and the hour at which they begin
VISITS_A_DAY: Final = np.array(
    [5.0, 3.5, 3.5, 2.0, 2.0]
)  # by fifths of the list, as the shipped policy has it
CARS_A_UNIT: Final = 9
STARTS_OVER_MINUTES: Final = 120


def units_toml(plan: Plan) -> str:
    """The units for `becalm patrol`: as many cars as nine for each command unit, most where most is needed.

    Each has two officers, its base at the junction nearest to the middle of its command unit, and a
    start that is staggered. Every command unit has a car on each tour; the others follow the hotspots.
    """
    lines = [
        f"# Units of {names.CITY}, which does not exist: it was made by `becalm simulate`.",
        f'note = "{names.FORCE}; two-officer cars, most of them where street violence is, staggered"',
        *_areas(plan),
        *_teams(plan),
    ]
    return "\n".join(lines) + "\n"


def cars_of_units(plan: Plan) -> list[int]:
    """How many cars a day has each command unit? One for each tour, and the rest as hotspots want."""
    land, centres = plan.land, plan.treatment.centre
    unit = land.unit_of_borough[land.borough_of_lsoa][plan.places.lsoa[centres]]
    fifth = np.arange(len(centres)) * len(VISITS_A_DAY) // max(1, len(centres))
    wanted = np.bincount(unit, VISITS_A_DAY[fifth], len(land.unit_names))
    total, least = CARS_A_UNIT * len(wanted), len(TOURS)
    cars = np.full(len(wanted), least)
    for _ in range(total - least * len(wanted)):
        cars[np.argmax(wanted / cars)] += 1
    return [int(n) for n in cars]


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
    for name, cars in zip(plan.land.unit_names, cars_of_units(plan), strict=True):
        for number, (tour, hour) in enumerate(TOURS):
            here = len(range(number, cars, len(TOURS)))
            starts = ", ".join(f'"{clock}"' for clock in _starts(hour, here))
            yield from ("", "[[teams]]", f'team = "{name} {tour}"', f'area = "{name}"')
            yield from (f'base = "base {name}"', 'mode = "vehicle"', "crew = 2")
            yield from (f"starts = [{starts}]", "hours = 8.0", "burst_share = 0.9")


def _starts(hour: int, cars: int) -> Iterable[str]:
    """Clock times for so many cars, spread over two hours in steps of five minutes."""
    for car in range(cars):
        minutes = 5 * (car * STARTS_OVER_MINUTES // (5 * cars))
        yield f"{hour + minutes // 60:02}:{minutes % 60:02}:00"
