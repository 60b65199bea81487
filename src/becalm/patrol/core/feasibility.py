"""Can this be planned at all? Every reason why not, together, before anything is drawn."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from becalm.patrol.core.area_arrays import build_slot_grid, total_dose_factor, walk_row
from becalm.patrol.core.plan_inputs import HOURS_OF_WEEK, PatrolPlace, PlanInputs, UnitShift
from becalm.patrol.core.plan_result import PlaceDosage, RouteDistribution, Shortfall
from becalm.patrol.core.travel import round_trip_minutes
from becalm.terms import Fault, PlanError

TOLERATED_SHARE = 0.02  # of a target: a smaller gap between it and what is expected is not worth a word
TOLERATED_VISITS = 0.5


def check_feasible(inputs: PlanInputs) -> None:
    """Raise PlanError with every reason why this cannot be planned."""
    # In three steps: what a later one looks up (a zone, a base, a table) must have passed an earlier one.
    faults = [*_basic_faults(inputs), *_place_faults(inputs.places)]
    faults = faults or [*_double_faults(inputs), *_lookup_faults(inputs)]
    faults = faults or [*_shift_faults(inputs), *_area_faults(inputs)]
    if faults:
        count_text = "1 reason" if len(faults) == 1 else f"{len(faults)} reasons"
        raise PlanError(
            f"No patrol plan can be made of this, for {count_text}; nothing was planned.", tuple(faults)
        )


def _basic_faults(inputs: PlanInputs) -> Iterator[Fault]:
    if not inputs.shifts:
        yield Fault("units", "no unit is on duty", "give at least one unit-shift")
    if not inputs.places:
        yield Fault("places", "there is no hotspot", "give at least one")
    if inputs.days < 1:
        yield Fault("days", f"{inputs.days} days are too few", "plan for 1 day or more")
    try:
        ZoneInfo(inputs.zone)
    except (ZoneInfoNotFoundError, ValueError):
        yield Fault("zone", f"there is no time zone {inputs.zone!r}", 'name one such as "Europe/London"')
    policy = inputs.policy
    if policy.slot_minutes < 1 or 60 % policy.slot_minutes:
        yield Fault("policy", f"slots of {policy.slot_minutes} minutes do not fill an hour", "take 5")
    if not policy.burst_minutes or min(policy.burst_minutes) < 1:
        yield Fault("policy", f"burst lengths {policy.burst_minutes}", "give at least one, in whole minutes")
    if policy.far_minutes < 0 or policy.feedback < 0 or policy.settle_minutes < 0:
        yield Fault("policy", "far_minutes, feedback or settle_minutes is below 0", "take 0 or more")


def _place_faults(places: tuple[PatrolPlace, ...]) -> Iterator[Fault]:
    for place in places:
        place_text = f"hotspot {place.hotspot}"
        if not 0.0 <= place.gap_weight <= 1.0 or place.gap_minutes < 0:
            gap_text = f"a gap of {place.gap_minutes} minutes with weight {place.gap_weight}"
            yield Fault(place_text, gap_text, "the weight lies in 0 .. 1, 0.5 is soft, 0 is hard")
        if len(place.profile) != HOURS_OF_WEEK or min(place.profile) < 0:
            yield Fault(place_text, "its profile is not of 168 hours", "give one share an hour")
        if min(place.dosage.visits_per_day, place.dosage.minutes_per_day) < 0:
            yield Fault(place_text, "its dosage is below 0", "give 0 or more")


def _double_faults(inputs: PlanInputs) -> Iterator[Fault]:
    for hotspot, listed_count in Counter(place.hotspot for place in inputs.places).items():
        if listed_count > 1:
            yield Fault(f"hotspot {hotspot}", f"is listed {listed_count} times", "list every hotspot once")
    shifts_by_unit: dict[str, list[UnitShift]] = defaultdict(list)
    for shift in sorted(inputs.shifts, key=lambda s: s.hours.start):
        shifts_by_unit[shift.unit].append(shift)
    for unit, shifts in shifts_by_unit.items():
        for earlier_shift, later_shift in pairwise(shifts):
            if later_shift.hours.start < earlier_shift.hours.end:
                fault_text = (
                    f"its tour from {later_shift.hours.start} begins before the previous one has ended"
                )
                yield Fault(
                    f"unit {unit}", fault_text, "a unit can be in one place at a time; correct its hours"
                )


def _lookup_faults(inputs: PlanInputs) -> Iterator[Fault]:
    """Bases, tables of travel and stops that are named and not given."""
    bases = {base.base for base in inputs.bases}
    used_modes = {shift.mode for shift in inputs.shifts}
    for mode in sorted(used_modes - set(inputs.travel)):
        yield Fault("travel", f"there is no table for units that travel by {mode}", "give one")
    for shift in inputs.shifts:
        if shift.base not in bases:
            yield Fault(_tour_name(shift), f"its base {shift.base!r} is not known", "add it to the bases")
    for mode, travel_table in inputs.travel.items():
        missing_stops = sorted((bases | {place.hotspot for place in inputs.places}) - set(travel_table.stops))
        if missing_stops and mode in used_modes:
            yield Fault(
                f"travel by {mode}",
                f"has no travel time to {', '.join(missing_stops[:5])}",
                "add these stops",
            )
        if np.isnan(travel_table.minutes).any() or (travel_table.minutes < 0).any():
            yield Fault(
                f"travel by {mode}",
                "has negative or missing minutes",
                "write infinite where there is no route",
            )


def _shift_faults(inputs: PlanInputs) -> Iterator[Fault]:
    grid = build_slot_grid(inputs)
    end_day = inputs.first_day + timedelta(days=inputs.days)
    for shift in inputs.shifts:
        slot_count, _, has_paused, meal_slot_count, pause_first, pause_last = walk_row(shift, grid, 0)
        if not inputs.first_day <= shift.day < end_day or shift.hours.start < grid.origin:
            fault_text = f"does not begin from {inputs.first_day} to {end_day}"
            yield Fault(_tour_name(shift), fault_text, "leave it out")
        if not 0.0 < shift.burst_share <= 1.0:
            fault_text = f"a share of {shift.burst_share:g} of it is open to bursts"
            yield Fault(_tour_name(shift), fault_text, "give a share above 0, up to 1, or leave the unit out")
        if not has_paused and (pause_first > pause_last or meal_slot_count > slot_count):
            yield _meal_fault(shift)


def _meal_fault(shift: UnitShift) -> Fault:
    if shift.hours.minutes < shift.meal_minutes:
        fault_text = (
            f"lasts {shift.hours.minutes:g} minutes and is shorter than its meal of {shift.meal_minutes}"
        )
        return Fault(_tour_name(shift), fault_text, "shorten the meal or lengthen the shift")
    fault_text = (
        f"a meal of {shift.meal_minutes} minutes, begun on any minute of a slot, does not fit its window"
    )
    return Fault(_tour_name(shift), fault_text, "widen the window by 10 minutes or more")


def _tour_name(shift: UnitShift) -> str:
    return f"unit {shift.unit} on {shift.day}"


def _area_faults(inputs: PlanInputs) -> Iterator[Fault]:
    """Areas without hotspots, places out of reach, and areas in which more is owed than units have."""
    shifts_by_area: dict[str, list[UnitShift]] = defaultdict(list)
    for shift in inputs.shifts:
        shifts_by_area[shift.area].append(shift)
    areas_with_places = sorted({place.area for place in inputs.places})
    for area in sorted(set(shifts_by_area) - set(areas_with_places)):
        # Without a place to go to, a tour would be planned without so much as a meal.
        fault_text = f"has {len(shifts_by_area[area])} unit-shifts and no hotspot"
        yield Fault(f"area {area}", fault_text, "leave these shifts out, or lend them to another area")
    for area in areas_with_places:
        yield from _reach_faults(inputs, area, shifts_by_area[area])
    for area in areas_with_places:
        shifts = shifts_by_area[area]
        open_minutes = sum((s.hours.minutes - s.meal_minutes) * s.burst_share for s in shifts)
        owed_minutes = sum(
            place.dosage.minutes_per_day * total_dose_factor(inputs, place)
            for place in inputs.places
            if place.area == area
        )
        if shifts and owed_minutes > open_minutes:
            fault_text = (
                f"wants {owed_minutes:,.0f} minutes of bursts in {inputs.days} days, "
                f"and its units have {open_minutes:,.0f}"
            )
            dosage_remedy = (
                f"lower its dosage to {open_minutes / owed_minutes:.0%} or less, or give it more units"
            )
            yield Fault(f"area {area}", fault_text, dosage_remedy)


def _reach_faults(inputs: PlanInputs, area: str, shifts: list[UnitShift]) -> Iterator[Fault]:
    """Places to which no unit of their area can go and come back within its shift."""
    shift_kinds = {(s.mode, s.base, s.hours.minutes - s.meal_minutes) for s in shifts}
    slack_minutes = 3 * inputs.policy.slot_minutes  # of rounding to slots
    stay_minutes = inputs.policy.settle_minutes + min(inputs.policy.burst_minutes) + slack_minutes
    for place in inputs.places:
        is_owed = place.dosage.visits_per_day > 0 and total_dose_factor(inputs, place) > 0
        if place.area != area or not is_owed:
            continue
        if not shift_kinds:
            yield Fault(f"hotspot {place.hotspot}", f"area {area} has no unit", "give it one")
        elif all(
            round_trip_minutes(inputs.travel[mode], place.hotspot, base) + stay_minutes > shift_minutes
            for mode, base, shift_minutes in shift_kinds
        ):
            fault_text = "no unit can get there, stay for a burst and return within its shift"
            yield Fault(
                f"hotspot {place.hotspot}", fault_text, "give a nearer base, a faster mode, or drop it"
            )


def find_shortfalls(
    inputs: PlanInputs, dosage: tuple[PlaceDosage, ...], distribution: RouteDistribution
) -> tuple[Shortfall, ...]:
    """Which targets is the plan not expected to meet, by how much, and what would fix it?"""
    area_by_place = {place.hotspot: place.area for place in inputs.places}
    due_by_hotspot = dict(zip(distribution.hotspots, distribution.due_millivisits, strict=True))
    dosage_by_area: dict[str, list[PlaceDosage]] = defaultdict(list)
    for place in dosage:
        dosage_by_area[area_by_place[place.hotspot]].append(place)
    shortfalls: list[Shortfall] = []
    for area, area_dosage in sorted(dosage_by_area.items()):
        tour_count = sum(shift.area == area for shift in inputs.shifts)
        visits_per_tour = sum(place.expected_visits for place in area_dosage) / max(tour_count, 1)
        missing_by_place = {place: place.target_visits - place.expected_visits for place in area_dosage}
        short_places = [
            place
            for place, visits in missing_by_place.items()
            if visits > max(TOLERATED_SHARE * place.target_visits, TOLERATED_VISITS)
        ]
        missing_visits = sum(missing_by_place[place] for place in short_places)
        more_tours = missing_visits / visits_per_tour if visits_per_tour > 0 else 0.0
        # Where the distribution itself was fitted to less than the target, the area's share was capped.
        capped_places = [p for p in short_places if due_by_hotspot[p.hotspot] < 990.0 * p.target_visits]
        shortfalls += [
            _time_shortfall(inputs, p, more_tours, area) for p in short_places if p not in capped_places
        ]
        shortfalls += [_cap_shortfall(inputs, place, area) for place in capped_places]
    return tuple(shortfalls)


def _cap_shortfall(inputs: PlanInputs, place: PlaceDosage, area: str) -> Shortfall:
    reason_text = f"the policy limits area {area} to {inputs.policy.area_share_cap:.0%} of all burst minutes"
    remedy_text = "a higher area_share_cap, reviewed and signed, or more units and dosage elsewhere"
    return Shortfall(place.hotspot, place.target_visits, place.expected_visits, reason_text, remedy_text)


def _time_shortfall(inputs: PlanInputs, place: PlaceDosage, more_tours: float, area: str) -> Shortfall:
    remedy_text = f"a target of {place.expected_visits / inputs.days:.1f} visits a day"
    if more_tours > 0:
        remedy_text += f", or about {int(np.ceil(more_tours))} more unit-shifts in area {area} over the plan"
    reason_text = "units of its area have no more time for it, given its distance, closures and gaps"
    return Shortfall(place.hotspot, place.target_visits, place.expected_visits, reason_text, remedy_text)
