"""One question: what happens in a city whose truth is known?"""

from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.simulate.draw_events import (
    Details,
    Events,
    draw_delays,
    draw_details,
    draw_events,
    draw_shocks,
    draw_windows,
    pick_address,
)
from becalm.simulate.geography import Land, build_land
from becalm.simulate.intensity import (
    BURN_IN_DAYS,
    Intensity,
    Treatment,
    apply_effect,
    build_intensity,
    choose_treatment,
)
from becalm.simulate.places import Places, build_places
from becalm.simulate.settings import Settings
from becalm.simulate.streets import Streets, build_streets
from becalm.simulate.time_profiles import DAY_MINUTES, day_number, lockdown_depth, skip_missing_hour

Columns = TypeVar("Columns", "Incidents", "Details")
WITHOUT_PLACE: Final = 0.01  # share of records that nobody placed
DAYS_TO_EXTRACT: Final = 31  # the files are made this long after the last day


@dataclass(frozen=True, slots=True)
class CityPlan:
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
    has_place: Bools  # coordinates were written down
    is_repeat: Bools  # a near repeat
    is_displaced: Bools  # moved here from a treated hotspot
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

    plan: CityPlan
    incidents: Incidents
    shocks: Floats  # (offences, boroughs, weeks from the burn-in)

    @property
    def as_of(self) -> date:
        """The day on which the files are made; later records are in the truth alone."""
        return self.plan.settings.end + timedelta(days=DAYS_TO_EXTRACT)


def simulate_city(settings: Settings, rng: np.random.Generator) -> SimulatedCity:
    """What happens in this city? The same settings and generator give the same city."""
    plan_rng, life_rng = rng.spawn(2)
    return draw_life(plan_city(settings, plan_rng), life_rng)


def plan_city(settings: Settings, rng: np.random.Generator) -> CityPlan:
    """What is this city like, and what is the true rate everywhere?"""
    land_rng, street_rng, place_rng, rate_rng, effect_rng = rng.spawn(5)
    land = build_land(settings, land_rng)
    streets = build_streets(land, settings, street_rng)
    places = build_places(land, streets, settings, place_rng)
    intensity = build_intensity(places, settings, rate_rng)
    treatment = choose_treatment(places, intensity, settings, effect_rng)
    return CityPlan(settings, land, streets, places, intensity, treatment)


def draw_life(plan: CityPlan, rng: np.random.Generator) -> SimulatedCity:
    """Draw one life of the city. What a planted effect does not touch is the same without it."""
    shock_rng, event_rng, rest_rng, effect_rng = rng.spawn(4)
    settings, intensity = plan.settings, plan.intensity
    shock_factors = draw_shocks(intensity, len(plan.land.borough_names), settings, shock_rng)
    events = draw_events(plan.land, plan.places, intensity, shock_factors, settings, event_rng)
    incidents = _build_incidents(plan, events, rest_rng)
    return SimulatedCity(plan, _apply_planted_effect(plan, incidents, effect_rng), shock_factors)


def _build_incidents(plan: CityPlan, events: Events, rng: np.random.Generator) -> Incidents:
    """Put the events in order and add what the police write down about each."""
    first_day_number = day_number(plan.settings.start)
    minute_of_event = skip_missing_hour(
        (events.day - BURN_IN_DAYS + first_day_number) * DAY_MINUTES + events.minute
    )
    event_order = np.lexsort((events.address, events.offence, minute_of_event))
    offence, address, minute_of_event = (
        events.offence[event_order],
        events.address[event_order],
        minute_of_event[event_order],
    )
    depth_of_event = lockdown_depth(plan.intensity.days)[events.day[event_order]]
    depth_of_event = depth_of_event if plan.settings.lockdown else np.zeros_like(depth_of_event)
    minutes_before, minutes_after = draw_windows(offence, rng)
    from_minute, to_minute = _round_times(
        minute_of_event,
        np.maximum(minute_of_event - minutes_before, first_day_number * DAY_MINUTES),
        minute_of_event + minutes_after,
        rng,
    )
    from_minute = skip_missing_hour(from_minute)
    to_minute = np.maximum(skip_missing_hour(to_minute), from_minute)
    return Incidents(
        offence=offence.astype(np.int8),
        place=plan.places.address_place[address].astype(np.int32),
        address=address.astype(np.int32),
        minute=minute_of_event,
        from_minute=from_minute,
        to_minute=to_minute,
        recorded_day=to_minute // DAY_MINUTES + draw_delays(offence, rng),
        has_place=rng.random(len(offence)) >= WITHOUT_PLACE,
        is_repeat=events.is_repeat[event_order],
        is_displaced=np.zeros(len(offence), dtype=bool),
        details=draw_details(offence, depth_of_event, rng),
    )


def _round_times(minutes: Ints, from_minute: Ints, end: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """A third of the known times are given as the full or half hour, windows as quarters of an hour."""
    is_rounded = rng.random(len(minutes)) < 0.33
    rounded_minutes = np.where(is_rounded, minutes - minutes % 30, minutes)
    has_no_window = from_minute == end
    return np.where(has_no_window, rounded_minutes, from_minute - from_minute % 15), np.where(
        has_no_window, rounded_minutes, end + (-end) % 15
    )


def _apply_planted_effect(plan: CityPlan, incidents: Incidents, rng: np.random.Generator) -> Incidents:
    planted_effect = plan.settings.effect
    if planted_effect.kind == "none":
        return incidents
    effect_rng, address_rng = rng.spawn(2)
    day_index = incidents.day - day_number(plan.settings.start)
    place_index = incidents.place.astype(np.int64)
    is_kept, new_place_index = apply_effect(
        planted_effect, plan.treatment, incidents.offence.astype(np.int64), place_index, day_index, effect_rng
    )
    has_moved = new_place_index != place_index
    address_index = incidents.address.astype(np.int64)
    address_index[has_moved] = pick_address(plan.places, new_place_index[has_moved], address_rng)
    incidents = replace(
        incidents,
        place=new_place_index.astype(np.int32),
        address=address_index.astype(np.int32),
        is_displaced=has_moved,
        details=_select_rows(incidents.details, is_kept),
    )
    return _select_rows(incidents, is_kept)


def _select_rows(columns: Columns, is_kept: Bools) -> Columns:
    """The same parallel arrays with the kept rows alone; what is no array has been selected already."""
    value_by_field = {f.name: getattr(columns, f.name) for f in fields(columns)}
    kept_arrays = {name: a[is_kept] for name, a in value_by_field.items() if isinstance(a, np.ndarray)}
    return replace(columns, **kept_arrays)  # type: ignore[arg-type]  # the arrays alone are replaced
