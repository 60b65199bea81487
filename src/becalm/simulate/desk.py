"""Making a simulated city: drawn from a seed, written with its truth."""

from pathlib import Path

from becalm.methods.arrays import seed_generator
from becalm.simulate.city import simulate_city
from becalm.simulate.request import CityRequest
from becalm.simulate.settings import Effect, Settings, keep_rates_constant, shrink_to_town
from becalm.simulate.write_city import CitySummary, write_city
from becalm.terms import Progress


def make_city(request: CityRequest, *, progress: Progress) -> CitySummary:
    """Draw a city from its seed and write it; the same request gives the same bytes."""
    effect = Effect(
        kind=request.effect,
        size=request.effect_size,
        displaced=request.displaced,
        hotspots=request.hotspots,
        day_share=request.day_share,
        start=request.effect_start,
        end=request.effect_until or request.end,
    )
    settings = Settings(start=request.start, end=request.end, incidents=request.incidents, effect=effect)
    if request.size == "town":
        settings = shrink_to_town(settings, incidents=request.incidents)
    if request.nothing_at_all:
        settings = keep_rates_constant(settings)
    # One more generator changes none of the others.
    city_rng, file_rng, staff_rng, people_rng, burden_rng, door_rng = seed_generator(request.seed).spawn(6)
    with progress("simulate", total=2, unit="steps") as report_progress:
        city = simulate_city(settings, city_rng)
        report_progress(1)
        return write_city(
            city,
            Path(request.out),
            file_rng,
            seed=request.seed,
            staff_rng=staff_rng,
            people_rng=people_rng,
            burden_rng=burden_rng,
            door_rng=door_rng,
            extract=request.extract,
        )
