"""One question: what happens in a city whose truth is known?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.simulate.clock import DAY_MINUTES, day_number, skip_missing_hour
from becalm.simulate.delay import draw_delays, draw_windows
from becalm.simulate.details import Details, draw_details
from becalm.simulate.draw import Events, draw_events, draw_shocks, pick_address
from becalm.simulate.effects import Treatment, apply_effect, choose_treatment
from becalm.simulate.geography import Land, build_land
from becalm.simulate.intensity import BURN_IN_DAYS, Intensity, build_intensity
from becalm.simulate.places import Places, build_places
from becalm.simulate.settings import Settings
from becalm.simulate.streets import Streets, build_streets
from becalm.simulate.time import lockdown_depth

WITHOUT_PLACE: Final = 0.01  # share of records that nobody placed
DAYS_TO_EXTRACT: Final = 31  # the files are made this long after the last day


@dataclass(frozen=True, slots=True)
class Plan:
    """A city before anything happened in it: the same plan may be drawn from many times."""

    settings: Settings
    land: Land
    streets: Streets
    places: Places
    intensity: Intensity
    treatment: Treatment


@dataclass(frozen=True, slots=True)
class Incidents:
    """All that happened, in order of true time (parallel arrays).

    Minutes are local clock minutes since 1970-01-01 00:00; days are counted from 1970-01-01.
    """

    offence: NDArray[np.int8]
    place: NDArray[np.int32]  # the true place
    address: NDArray[np.int32]
    minute: Ints  # the true time
    from_minute: Ints  # the earliest and latest time that is written down
    to_minute: Ints
    recorded_day: Ints
    placed: Bools  # coordinates were written down
    repeat: Bools  # a near repeat
    displaced: Bools  # moved here from a treated hotspot
    details: Details

    def __len__(self) -> int:
        return len(self.offence)

    @property
    def day(self) -> Ints:
        """The true day."""
        return self.minute // DAY_MINUTES


@dataclass(frozen=True, slots=True)
class SimulatedCity:
    """A plan, what happened, and how each week was better or worse than expected."""

    plan: Plan
    incidents: Incidents
    shocks: Floats  # (offences, boroughs, weeks from the burn-in)

    @property
    def as_of(self) -> date:
        """The day on which the files are made; later records are in the truth alone."""
        return self.plan.settings.end + timedelta(days=DAYS_TO_EXTRACT)


def simulate_city(settings: Settings, rng: np.random.Generator) -> SimulatedCity:
    """What happens in this city? The same settings and generator give the same city."""
    planner, chance = rng.spawn(2)
    return live(plan_city(settings, planner), chance)


def plan_city(settings: Settings, rng: np.random.Generator) -> Plan:
    """What is this city like, and what is the true rate everywhere?"""
    for_land, for_streets, for_places, for_rates, for_effect = rng.spawn(5)
    land = build_land(settings, for_land)
    streets = build_streets(land, settings, for_streets)
    places = build_places(land, streets, settings, for_places)
    intensity = build_intensity(places, settings, for_rates)
    treatment = choose_treatment(places, intensity, settings, for_effect)
    return Plan(settings, land, streets, places, intensity, treatment)


def live(plan: Plan, rng: np.random.Generator) -> SimulatedCity:
    """Draw one life of the city. What a planted effect does not touch is the same without it."""
    for_shocks, for_events, for_rest, for_effect = rng.spawn(4)
    settings, intensity = plan.settings, plan.intensity
    shocks = draw_shocks(intensity, len(plan.land.borough_names), settings, for_shocks)
    events = draw_events(plan.land, plan.places, intensity, shocks, settings, for_events)
    incidents = _write_down(plan, events, for_rest)
    return SimulatedCity(plan, _with_effect(plan, incidents, for_effect), shocks)


def _write_down(plan: Plan, events: Events, rng: np.random.Generator) -> Incidents:
    """Put the events in order and add what the police write down about each."""
    first = day_number(plan.settings.start)
    minute = skip_missing_hour((events.day - BURN_IN_DAYS + first) * DAY_MINUTES + events.minute)
    order = np.lexsort((events.address, events.offence, minute))
    offence, address, minute = events.offence[order], events.address[order], minute[order]
    depth = lockdown_depth(plan.intensity.days)[events.day[order]]
    depth = depth if plan.settings.lockdown else np.zeros_like(depth)
    before, after = draw_windows(offence, rng)
    start, end = _round_times(minute, np.maximum(minute - before, first * DAY_MINUTES), minute + after, rng)
    start = skip_missing_hour(start)
    end = np.maximum(skip_missing_hour(end), start)
    return Incidents(
        offence=offence.astype(np.int8),
        place=plan.places.address_place[address].astype(np.int32),
        address=address.astype(np.int32),
        minute=minute,
        from_minute=start,
        to_minute=end,
        recorded_day=end // DAY_MINUTES + draw_delays(offence, rng),
        placed=rng.random(len(offence)) >= WITHOUT_PLACE,
        repeat=events.repeat[order],
        displaced=np.zeros(len(offence), dtype=bool),
        details=draw_details(offence, depth, rng),
    )


def _round_times(true: Ints, start: Ints, end: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """A third of the known times are given as the full or half hour, windows as quarters of an hour."""
    coarse = rng.random(len(true)) < 0.33
    known = np.where(coarse, true - true % 30, true)
    seen = start == end
    return np.where(seen, known, start - start % 15), np.where(seen, known, end + (-end) % 15)


def _with_effect(plan: Plan, incidents: Incidents, rng: np.random.Generator) -> Incidents:
    effect = plan.settings.effect
    if effect.kind == "none":
        return incidents
    for_effect, for_address = rng.spawn(2)
    day = incidents.day - day_number(plan.settings.start)
    place = incidents.place.astype(np.int64)
    kept, goal = apply_effect(
        effect, plan.treatment, incidents.offence.astype(np.int64), place, day, for_effect
    )
    moved = goal != place
    address = incidents.address.astype(np.int64)
    address[moved] = pick_address(plan.places, goal[moved], for_address)
    details = incidents.details
    return Incidents(
        offence=incidents.offence[kept],
        place=goal[kept].astype(np.int32),
        address=address[kept].astype(np.int32),
        minute=incidents.minute[kept],
        from_minute=incidents.from_minute[kept],
        to_minute=incidents.to_minute[kept],
        recorded_day=incidents.recorded_day[kept],
        placed=incidents.placed[kept],
        repeat=incidents.repeat[kept],
        displaced=moved[kept],
        details=Details(*(getattr(details, name)[kept] for name in ("weapon", "injury", "age", "outcome"))),
    )
