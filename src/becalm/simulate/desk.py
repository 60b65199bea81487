"""Making a simulated city: drawn from a seed, written with its truth."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from numpy.random import default_rng

from becalm.simulate.city import simulate_city
from becalm.simulate.settings import Effect, Settings, nothing_at_all, small
from becalm.simulate.write import ExtractFormat, Written, write_city


def make_city(
    folder: Path,
    *,
    seed: int,
    start: date,
    end: date,
    incidents: int,
    town: bool = False,
    quiet: bool = False,
    effect: Effect | None = None,
    extract: ExtractFormat = "csv",
) -> Written:
    """Draw a city from this seed and write it; the same seed and settings give the same bytes.

    A `town` has a city's density on a twenty-fifth of the ground; in a `quiet` one every rate is constant.
    """
    settings = Settings(start=start, end=end, incidents=incidents, effect=effect or Effect())
    settings = small(settings, incidents=incidents) if town else settings
    settings = nothing_at_all(settings) if quiet else settings
    for_city, for_files = default_rng(seed).spawn(2)
    return write_city(simulate_city(settings, for_city), folder, for_files, seed=seed, extract=extract)
