"""Can this be planned at all? Every reason why not, together, before anything is drawn."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from becalm.patrol.core.area_arrays import build_slot_grid, dose_factor_on, walk_row
from becalm.patrol.core.places_and_shifts import PatrolPlace, UnitShift
from becalm.patrol.core.plan_inputs import PlanInputs
from becalm.patrol.core.plan_result import PlaceDosage, RouteDistribution, Shortfall
from becalm.terms import Fault, PlanError

TOLERATED = 0.02  # of a target: a smaller gap between it and what is expected is not worth a word
TOLERATED_VISITS = 0.5


def check_feasible(request: PlanInputs) -> None:
    """Raise PlanError with every reason why this cannot be planned."""
    faults = [*_nothing(request), *_policy(request)]
    if not faults:
        faults = [*_doubles(request), *_names(request)]
    if not faults:
        faults = [*_shifts(request), *_idle(request), *_reach(request), *_minutes(request)]
    if faults:
        kinds = "1 reason" if len(faults) == 1 else f"{len(faults)} reasons"
        raise PlanError(
            f"No patrol plan can be made of this, for {kinds}; nothing was planned.", tuple(faults)
        )


def _nothing(request: PlanInputs) -> Iterator[Fault]:
    if not request.shifts:
        yield Fault("units", "no unit is on duty", "give at least one unit-shift")
    if not request.places:
        yield Fault("places", "there is no hotspot", "give at least one")
    if request.days < 1:
        yield Fault("days", f"{request.days} days are none", "plan for 1 day or more")
    try:
        ZoneInfo(request.zone)
    except (ZoneInfoNotFoundError, ValueError):
        yield Fault("zone", f"there is no time zone {request.zone!r}", 'name one such as "Europe/London"')


def _policy(request: PlanInputs) -> Iterator[Fault]:
    policy = request.policy
    if policy.slot_minutes < 1 or 60 % policy.slot_minutes:
        yield Fault("policy", f"slots of {policy.slot_minutes} minutes do not fill an hour", "take 5")
    if not policy.burst_minutes or min(policy.burst_minutes) < 1:
        yield Fault("policy", f"burst lengths {policy.burst_minutes}", "give at least one, in whole minutes")
    if policy.far_minutes < 0 or policy.feedback < 0 or policy.settle_minutes < 0:
        yield Fault("policy", "far_minutes, feedback or settle_minutes is below 0", "take 0 or more")
    for place in request.places:
        if not 0.0 <= place.gap_weight <= 1.0 or place.gap_minutes < 0:
            gap = f"a gap of {place.gap_minutes} minutes with weight {place.gap_weight}"
            yield Fault(f"hotspot {place.hotspot}", gap, "the weight lies in 0 .. 1, 0.5 is soft, 0 is hard")
        if len(place.profile) != 168 or min(place.profile) < 0:
            yield Fault(
                f"hotspot {place.hotspot}", "its profile is not of 168 hours", "give one share an hour"
            )
        if min(place.dosage.visits_per_day, place.dosage.minutes_per_day) < 0:
            yield Fault(f"hotspot {place.hotspot}", "its dosage is below 0", "give 0 or more")


def _doubles(request: PlanInputs) -> Iterator[Fault]:
    for hotspot, count in Counter(place.hotspot for place in request.places).items():
        if count > 1:
            yield Fault(f"hotspot {hotspot}", f"is listed {count} times", "list every hotspot once")
    tours: dict[str, list[UnitShift]] = defaultdict(list)
    for shift in sorted(request.shifts, key=lambda s: s.hours.start):
        tours[shift.unit].append(shift)
    for unit, own in tours.items():
        for one, other in pairwise(own):
            if other.hours.start < one.hours.end:
                what = f"its tour from {other.hours.start} begins before the one before has ended"
                yield Fault(f"unit {unit}", what, "one unit is in one place at a time; mend its hours")


def _names(request: PlanInputs) -> Iterator[Fault]:
    bases = {base.base for base in request.bases}
    for mode in sorted({shift.mode for shift in request.shifts}):
        if mode not in request.travel:
            yield Fault("travel", f"there is no table for units that go by {mode}", "give one")
    for shift in request.shifts:
        if shift.base not in bases:
            yield Fault(_tour(shift), f"its base {shift.base!r} is not known", "add it to the bases")
    for mode, table in request.travel.items():
        stops, wanted = set(table.stops), bases | {place.hotspot for place in request.places}
        lost = sorted(wanted - stops)
        if lost and any(shift.mode == mode for shift in request.shifts):
            yield Fault(f"travel by {mode}", f"knows no way to {', '.join(lost[:5])}", "add these stops")
        if np.isnan(table.minutes).any() or (table.minutes < 0).any():
            yield Fault(f"travel by {mode}", "has minutes below 0, or none", "an absent way is infinite")


def _shifts(request: PlanInputs) -> Iterator[Fault]:
    clock = build_slot_grid(request)
    last = request.first_day + timedelta(days=request.days)
    for shift in request.shifts:
        slots, _, paused, needed, first, end = walk_row(shift, clock, 0)
        if not request.first_day <= shift.day < last or shift.hours.start < clock.origin:
            yield Fault(_tour(shift), f"does not begin from {request.first_day} to {last}", "leave it out")
        if not 0.0 < shift.burst_share <= 1.0:
            what = f"a share of {shift.burst_share:g} of it is open to bursts"
            yield Fault(_tour(shift), what, "give a share above 0, up to 1, or leave the unit out")
        if not paused and (first > end or needed > slots):
            yield _no_meal(shift)


def _idle(request: PlanInputs) -> Iterator[Fault]:
    """Areas with units and nowhere to go: their tours would be planned without so much as a meal."""
    tours = Counter(shift.area for shift in request.shifts)
    for area in sorted(set(tours) - {place.area for place in request.places}):
        what = f"has {tours[area]} unit-shifts and no hotspot"
        yield Fault(f"area {area}", what, "leave them out, or lend them to another area")


def _no_meal(shift: UnitShift) -> Fault:
    length = f"{shift.hours.minutes:g} minutes"
    if shift.hours.minutes < shift.meal_minutes:
        return Fault(
            _tour(shift),
            f"lasts {length} and is shorter than its meal of {shift.meal_minutes}",
            "shorten the meal or lengthen the shift",
        )
    what = f"a meal of {shift.meal_minutes} minutes, begun on any minute of a slot, does not fit its window"
    return Fault(_tour(shift), what, "widen the window by 10 minutes or more")


def _tour(shift: UnitShift) -> str:
    return f"unit {shift.unit} on {shift.day}"


def _reach(request: PlanInputs) -> Iterator[Fault]:
    """Places to which no unit of their area can go and come back within its shift."""
    for area in sorted({place.area for place in request.places}):
        own = {(s.mode, s.base, s.hours.minutes - s.meal_minutes) for s in request.shifts if s.area == area}
        for place in request.places:
            if place.area != area or not is_owed_visits(request, place):
                continue
            if not own:
                yield Fault(f"hotspot {place.hotspot}", f"area {area} has no unit", "give it one")
            elif all(_way_and_back(request, place, mode, base) > room for mode, base, room in own):
                what = "no unit can get there, stay for a burst and be back within its shift"
                yield Fault(f"hotspot {place.hotspot}", what, "give a nearer base, a faster mode, or drop it")


def _way_and_back(request: PlanInputs, place: PatrolPlace, mode: str, base: str) -> float:
    table = next(table for name, table in request.travel.items() if name == mode)
    here, there = table.stops.index(base), table.stops.index(place.hotspot)
    way = float(table.minutes[here, there] + table.minutes[there, here])
    slack = 3 * request.policy.slot_minutes  # of rounding to slots
    return way + request.policy.settle_minutes + min(request.policy.burst_minutes) + slack


def is_owed_visits(request: PlanInputs, place: PatrolPlace) -> bool:
    """Is a place owed anything on any day of the plan?"""
    days = (request.first_day + timedelta(days=d) for d in range(request.days))
    return place.dosage.visits_per_day > 0 and any(dose_factor_on(request, place, day) for day in days)


def _minutes(request: PlanInputs) -> Iterator[Fault]:
    """Areas in which more minutes are wanted than units have."""
    for area in sorted({place.area for place in request.places}):
        own = [shift for shift in request.shifts if shift.area == area]
        have = sum((shift.hours.minutes - shift.meal_minutes) * shift.burst_share for shift in own)
        want = 0.0
        for place in request.places:
            if place.area == area:
                days = [request.first_day + timedelta(days=d) for d in range(request.days)]
                want += place.dosage.minutes_per_day * sum(dose_factor_on(request, place, d) for d in days)
        if own and want > have:
            what = (
                f"wants {want:,.0f} minutes of bursts in {request.days} days, and its units have {have:,.0f}"
            )
            needed = f"lower its dosage to {have / want:.0%} or less, or give it more units"
            yield Fault(f"area {area}", what, needed)


def find_shortfalls(
    request: PlanInputs, dosage: tuple[PlaceDosage, ...], distribution: RouteDistribution
) -> tuple[Shortfall, ...]:
    """Which targets is the plan not expected to meet, by how much, and what would mend it?"""
    places = {place.hotspot: place for place in request.places}
    by_area: dict[str, list[PlaceDosage]] = defaultdict(list)
    for row in dosage:
        by_area[places[row.hotspot].area].append(row)
    due = dict(zip(distribution.hotspots, distribution.due, strict=True))
    held = {row.hotspot for row in dosage if due[row.hotspot] < 990.0 * row.target_visits}
    found: list[Shortfall] = []
    for area, rows in sorted(by_area.items()):
        tours = sum(shift.area == area for shift in request.shifts)
        each = sum(row.expected_visits for row in rows) / max(tours, 1)
        short = [row for row in rows if _is_short(row)]
        more = sum(row.target_visits - row.expected_visits for row in short) / each if each > 0 else 0.0
        found += [_shortfall(request, row, more, area) for row in short if row.hotspot not in held]
        found += [_held(request, row, area) for row in short if row.hotspot in held]
    return tuple(found)


def _is_short(row: PlaceDosage) -> bool:
    missing = row.target_visits - row.expected_visits
    return missing > max(TOLERATED * row.target_visits, TOLERATED_VISITS)


def _held(request: PlanInputs, row: PlaceDosage, area: str) -> Shortfall:
    share = f"{request.policy.area_share_cap:.0%}"
    reason = f"the policy holds area {area} to {share} of all burst minutes"
    remedy = "a higher area_share_cap, reviewed and signed, or more units and dosage elsewhere"
    return Shortfall(row.hotspot, row.target_visits, row.expected_visits, reason, remedy)


def _shortfall(request: PlanInputs, row: PlaceDosage, more_tours: float, area: str) -> Shortfall:
    a_day = row.expected_visits / request.days
    remedy = f"a target of {a_day:.1f} visits a day"
    if more_tours > 0:
        remedy += f", or about {int(np.ceil(more_tours))} more unit-shifts in area {area} over the plan"
    reason = "units of its area have no more time for it, as far away, closed or spaced as it is"
    return Shortfall(row.hotspot, row.target_visits, row.expected_visits, reason, remedy)
