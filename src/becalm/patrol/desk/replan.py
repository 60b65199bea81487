"""Drawing the rest of a tour again, under a number that stands in the ledger, so that none is lost."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from becalm.desk import Desk, record_event
from becalm.formats.durable_files import sha256_of_text
from becalm.ledger import Fact
from becalm.patrol.core import replan as replan_core
from becalm.patrol.core.blackouts import Closure, list_closures
from becalm.patrol.core.instants import read_instant
from becalm.patrol.core.plan import plan_bursts
from becalm.patrol.core.plan_inputs import Burst, Span, UnitShift
from becalm.patrol.core.plan_result import UnitRoute, tally_bursts
from becalm.patrol.core.request import ReplanRequest
from becalm.patrol.core.seed_audit import count_replans
from becalm.patrol.core.seed_history import SeedHistory
from becalm.patrol.desk import seed
from becalm.patrol.desk.blackouts import load_blackouts
from becalm.patrol.desk.joining_units import find_joining_shifts
from becalm.patrol.desk.place_cards import load_notes
from becalm.patrol.files.plan_files import PLAN_FOLDER, plan_files
from becalm.patrol.files.read_plan import read_plan, read_shift
from becalm.patrol.files.sealed_box import plan_name
from becalm.patrol.files.unit_sheets import local_time_text
from becalm.patrol.files.write_plan import PlanDocument, instant, shift_object, span_pair
from becalm.render.pages import write_folder
from becalm.terms import PlanError, UsageError, suggest_word

URGENT_AHEAD = timedelta(hours=6)  # tours that begin within so long are drawn again for an urgent place


@dataclass(frozen=True, slots=True)
class Replan:
    """A plan of which some tours were drawn again."""

    folder: Path
    plan: PlanDocument
    index: int
    units: tuple[str, ...]
    dropped_count: int  # bursts that were planned and no longer are
    new_bursts: tuple[Burst, ...]
    lost_by_place: Mapping[str, int]  # bursts that were planned there, less those drawn anew


def replan_patrol(desk: Desk, request: ReplanRequest) -> Replan:
    """Draw the rest of these tours again, under the next number of the sealed seed.

    Raises PlanError where no unit is on tour then, the seed lies open, or a newer plan stands than the one
    named.
    """
    path, reason, zone = Path(request.plan), _check_reason(request), desk.workspace.city.time_zone
    _check_subject(request)
    at = desk.now() if request.at is None else read_instant(request.at, zone)
    free_from = _read_free_from(request, at, zone)
    plan = read_plan(path)
    seed.check_planner(plan.version)
    history = seed.find_seed_history(desk, str(plan.commitment.get("commitment") or ""))
    replan_number = len(plan.commitment["replans"]) + 1
    _check_newest(replan_number, history)
    joining_shifts = find_joining_shifts(desk, request.joining, plan, at) if request.joining else ()
    unit_states = tuple(_joining_state(shift, at) for shift in joining_shifts) or _unit_states(
        plan, request, at, free_from
    )
    unit_names = tuple(state.unit for state in unit_states)
    second_person = _check_second(desk, request, history, unit_names, at)
    sealed_seed = seed.open_sealed(desk, history)
    replan_note = {
        "index": replan_number,
        "at": instant(at),
        "reason": reason,
        "states": [_state_object(s) for s in unit_states],
        **_optional_notes(desk, request, plan, at, joining_shifts),
    }
    # Noted before it is drawn: a re-plan that did not suit cannot be left out of the ledger.
    _announce_replan(desk, request, history, replan_note, second_person)
    new_plan = apply_replan(plan, replan_note, sealed_seed.key)
    folder = path if path.is_dir() else path.parent
    plan_texts = plan_files(new_plan, load_notes(desk, folder))
    new_bursts = set(new_plan.bursts) - set(plan.bursts)
    dropped_count = len(set(plan.bursts) - set(new_plan.bursts))
    _record_replan(desk, sealed_seed, new_plan, plan_texts, request, dropped_count=dropped_count)
    write_folder(folder, plan_texts, kind=PLAN_FOLDER)
    ordered_bursts = tuple(sorted(new_bursts, key=lambda burst: (burst.span.start, burst.unit)))
    lost_by_place = tally_lost(plan, new_plan)
    return Replan(folder, new_plan, replan_number, unit_names, dropped_count, ordered_bursts, lost_by_place)


def _optional_notes(
    desk: Desk, request: ReplanRequest, plan: PlanDocument, at: datetime, shifts: tuple[UnitShift, ...]
) -> dict[str, Any]:
    """What a re-plan has to note besides, where there is any: an urgent place, closures, units that join."""
    closures = list_closures(plan.inputs.places, load_blackouts(desk).blackouts, after=at)
    notes = {
        "urgent": request.urgent,
        "blackouts": [[hotspot, *span_pair(span)] for hotspot, span in closures],
        "shifts": [shift_object(shift) for shift in shifts],
    }
    return {name: note for name, note in notes.items() if note}


def _announce_replan(
    desk: Desk, request: ReplanRequest, history: SeedHistory, note: Mapping[str, Any], second_person: str
) -> None:
    optional_facts = {"area": request.area, "second": second_person}
    event_facts: dict[str, Fact] = {
        "commitment": history.commitment,
        "replan": note["index"],
        "reason": note["reason"],
        "units": tuple(state["unit"] for state in note["states"]),
        "begins_at": note["at"],
        **{name: fact for name, fact in optional_facts.items() if fact},
    }
    record_event(desk, "patrol_replan_begun", purpose=seed.PURPOSE, facts=event_facts)


def _read_free_from(request: ReplanRequest, at: datetime, zone: str) -> datetime | None:
    """When the unit is free again; UsageError for a time before the re-plan: the unit would count as free."""
    if not request.busy_until:
        return None
    free_from = read_instant(request.busy_until, zone)
    if free_from < at:
        raise UsageError(
            f"The unit would be free again at {request.busy_until}, before the re-plan begins. Give a later "
            "`busy_until`, or leave it out."
        )
    return free_from


def _check_subject(request: ReplanRequest) -> None:
    if sum(map(bool, (request.unit, request.area, request.urgent, request.joining))) != 1:
        raise UsageError(
            "Name the unit to re-plan with `unit`, a whole area with `area`, a hotspot with `urgent`, or a "
            "file of units that join with `joining`: one of them, not several."
        )
    facts_of_unit = {
        "off_duty": request.off_duty,
        "busy_until": request.busy_until,
        "stop": request.stop,
        "cover": request.cover,
    }
    given_names = [f"`{name}`" for name, fact in facts_of_unit.items() if fact]
    if given_names and not request.unit:
        raise UsageError(
            f"{' and '.join(given_names)} is said of one unit. Name it with `unit`, or leave that out."
        )


def tally_lost(old_plan: PlanDocument, new_plan: PlanDocument) -> dict[str, int]:
    """How many bursts fewer does each place get than before? By name, the most first; no times."""
    name_by_hotspot = {place.hotspot: place.name or place.hotspot for place in new_plan.inputs.places}
    counts = Counter(name_by_hotspot[burst.hotspot] for burst in old_plan.bursts)
    counts.subtract(name_by_hotspot[burst.hotspot] for burst in new_plan.bursts)
    return {name: count for name, count in counts.most_common() if count > 0}


def apply_replan(plan: PlanDocument, note: Mapping[str, Any], key: bytes) -> PlanDocument:
    """The plan with the tours that this note names drawn again: the same note and key give the same plan."""
    plan = _add_joining_shifts(plan, note)
    replan_step = _replan_step(plan, note, key)
    new_routes = replan_core.replan_bursts(plan.inputs, replan_step.moment, replan_step.states)
    route_by_tour: dict[tuple[str, Any], UnitRoute] = {(r.unit, r.day): r for r in new_routes}
    routes = tuple(route_by_tour.get((route.unit, route.day), route) for route in plan.routes)
    all_bursts = (burst for route in routes for burst in route.bursts)
    ordered_bursts = tuple(
        sorted(all_bursts, key=lambda burst: (burst.span.start, burst.hotspot, burst.unit))
    )
    replan_notes = [*plan.commitment["replans"], dict(note)]
    return replace(
        plan,
        bursts=ordered_bursts,
        routes=routes,
        dosage=tally_bursts(plan.dosage, ordered_bursts),
        commitment={**plan.commitment, "replans": replan_notes},
    )


def _add_joining_shifts(plan: PlanDocument, note: Mapping[str, Any]) -> PlanDocument:
    """The plan with the tours of units that join, still without bursts."""
    joining_shifts = tuple(read_shift(shift) for shift in note.get("shifts", ()))
    known_tours = {(shift.unit, shift.hours.start) for shift in plan.inputs.shifts}
    new_shifts = tuple(s for s in joining_shifts if (s.unit, s.hours.start) not in known_tours)
    new_routes = tuple(
        UnitRoute(s.unit, s.area, s.day, (), None, 0.0, 0.0, 0.0, int(note["index"])) for s in joining_shifts
    )
    all_shifts = (*plan.inputs.shifts, *new_shifts)
    return replace(plan, inputs=replace(plan.inputs, shifts=all_shifts), routes=(*plan.routes, *new_routes))


def redraw_plan(plan: PlanDocument, key: bytes) -> tuple[PlanDocument, tuple[replan_core.ReplanStep, ...]]:
    """A plan drawn again, first draw and re-plans; and each re-plan with the moment it was made."""
    first_plan = plan_bursts(plan.sealed_inputs, key=key, distribution=plan.distribution)
    plan_document = PlanDocument.of(
        replace(first_plan, bound_bits=plan.bound_bits),
        plan.sealed_inputs,
        version=plan.version,
        crs=plan.crs,
        commitment={**plan.commitment, "replans": []},
        sources=plan.sources,
        capacity=plan.capacity,
        notes=plan.notes,
    )
    replan_steps = []
    for note in plan.commitment["replans"]:
        replan_steps.append(_replan_step(plan_document, note, key))
        plan_document = apply_replan(plan_document, note, key)
    # A step knows of the units that join with it only: their chances are not asked for.
    return plan_document, tuple(replan_steps)


def _replan_step(plan: PlanDocument, note: Mapping[str, Any], key: bytes) -> replan_core.ReplanStep:
    at = datetime.fromisoformat(note["at"])
    replan_moment = replan_core.ReplanMoment(
        plan.distribution,
        plan.routes,
        at,
        int(note["index"]),
        key,
        str(note.get("urgent") or ""),
        tuple(_read_closure(*closure) for closure in note.get("blackouts", ())),
    )
    return replan_core.ReplanStep(replan_moment, tuple(_read_state(state) for state in note["states"]))


def _read_closure(hotspot: str, start: str, end: str) -> Closure:
    return hotspot, Span(datetime.fromisoformat(start), datetime.fromisoformat(end))


def _joining_state(shift: UnitShift, at: datetime) -> replan_core.UnitState:
    return replan_core.UnitState(shift.unit, max(at, shift.hours.start), shift.base)


def _unit_states(
    plan: PlanDocument, request: ReplanRequest, at: datetime, free_from: datetime | None
) -> tuple[replan_core.UnitState, ...]:
    routes_on_tour = _select_routes(plan, request, at)
    if not routes_on_tour:
        unit_text = request.unit or f"of {request.area or request.urgent}"
        raise PlanError(
            f"No unit {unit_text} is on tour at {local_time_text(at, plan)} ({plan.inputs.zone}) in "
            "this plan. "
            "Name a unit and a time (`at`) within one of its tours."
        )
    states = tuple(replan_core.find_unit_state(plan.inputs, route, at) for route in routes_on_tour)
    if not request.unit:
        if request.urgent:
            replan_core.check_urgent(plan.inputs, request.urgent, states, at)
        return states
    stop_names = {place.hotspot for place in plan.inputs.places} | {base.base for base in plan.inputs.bases}
    if request.stop and request.stop not in stop_names:
        hint_text = suggest_word(request.stop, sorted(stop_names))
        raise UsageError(
            f"There is no hotspot and no base {request.stop!r} in this plan (`stop`). {hint_text}"
        )
    own_states = [state for state in states if state.unit == request.unit]
    if request.cover and len(own_states) == len(states):
        raise PlanError(
            f"{request.cover} is not on tour in the area of {request.unit} then, so it cannot take over. "
            "Name a unit of that area (`cover`)."
        )
    first_state = own_states[0]
    if free_from is not None and not request.off_duty:
        _check_tour_end(plan, routes_on_tour, request.unit, free_from)
    return (
        *(state for state in states if state.unit != request.unit),
        replace(
            first_state,
            on_duty=not request.off_duty,
            free_from=max(first_state.free_from, free_from or first_state.free_from),
            stop=request.stop or first_state.stop,
        ),
    )


def _check_tour_end(plan: PlanDocument, routes: list[UnitRoute], unit: str, free_from: datetime) -> None:
    own_route = next(route for route in routes if route.unit == unit)
    tour_end = replan_core.find_shift(plan.inputs, own_route).hours.end
    if free_from >= tour_end:
        raise PlanError(
            f"The tour of {unit} ends at {local_time_text(tour_end, plan)}, before it is free again. "
            "Say `off_duty`: it is not drawn for the rest of this tour."
        )


def _select_routes(plan: PlanDocument, request: ReplanRequest, at: datetime) -> list[UnitRoute]:
    """The tours that are drawn again: of a unit and its cover also before they begin, one for each unit."""
    sick_units = _units_off_duty(plan, at)
    if request.area:
        routes_on_tour = [route for route in plan.routes if _is_on_tour(plan, route, request, at)]
        return [route for route in routes_on_tour if route.unit not in sick_units]
    area_of_place = {place.hotspot: place.area for place in plan.inputs.places}
    if request.urgent and request.urgent not in area_of_place:
        hint_text = suggest_word(request.urgent, sorted(area_of_place))
        raise UsageError(
            f"{request.urgent!r} is no hotspot of this plan (`urgent`): it has no journeys and no weight. "
            f"{hint_text}"
        )
    routes_by_unit: dict[str, UnitRoute] = {}
    for route in sorted(plan.routes, key=lambda route: route.day):
        hours = replan_core.find_shift(plan.inputs, route).hours
        is_near = route.area == area_of_place.get(request.urgent, "") and route.unit not in sick_units
        is_named = route.unit in (request.unit, request.cover)
        if (is_named or (is_near and hours.start <= at + URGENT_AHEAD)) and replan_core.is_ahead(hours, at):
            routes_by_unit.setdefault(route.unit, route)
    own_area = routes_by_unit[request.unit].area if request.unit in routes_by_unit else ""
    is_own_missing = bool(request.unit) and not own_area
    return (
        []
        if is_own_missing
        else [route for route in routes_by_unit.values() if not own_area or route.area == own_area]
    )


def _units_off_duty(plan: PlanDocument, at: datetime) -> frozenset[str]:
    """The units that an earlier re-plan took off duty for the tour that they would be on now, or next."""
    hours_of_unit = {
        route.unit: hours
        for route in reversed(plan.routes)
        if replan_core.is_ahead(hours := replan_core.find_shift(plan.inputs, route).hours, at)
    }
    return frozenset(
        state["unit"]
        for note in plan.commitment["replans"]
        for state in note["states"]
        if state["unit"] in hours_of_unit
        and not state["on_duty"]
        and replan_core.is_ahead(hours_of_unit[state["unit"]], datetime.fromisoformat(note["at"]))
    )


def _is_on_tour(plan: PlanDocument, route: UnitRoute, request: ReplanRequest, at: datetime) -> bool:
    is_named = route.area == request.area
    shift_hours = replan_core.find_shift(plan.inputs, route).hours if is_named else None
    return shift_hours is not None and shift_hours.start <= at < shift_hours.end


def _check_newest(index: int, history: SeedHistory) -> None:
    if history.revealed_seq is not None:
        raise PlanError(
            "The seed of this plan is open: anyone who has read it could predict a re-plan. Make a "
            "new plan for the remaining days, and say why a seed is sealed for them again."
        )
    newest_replan = max((plan.replan for plan in history.plans), default=0)
    if index - 1 != newest_replan:
        raise PlanError(
            f"This plan has {index - 1} re-plans, and the ledger knows {newest_replan}: a newer one "
            "stands. Use "
            "that one; a re-plan drawn twice would be a choice."
        )


def _record_replan(
    desk: Desk,
    sealed_seed: seed.SealedSeed,
    plan: PlanDocument,
    files: Mapping[str, str | bytes],
    request: ReplanRequest,
    *,
    dropped_count: int,
) -> None:
    box, replan_index = seed.sealed_box(desk), len(plan.commitment["replans"])
    commitment = sealed_seed.history.commitment
    for name in ("visits.csv", "plan.json"):
        box.keep(commitment, plan_name(replan_index, name), str(files[name]))
    event_facts: dict[str, Fact] = {
        "plan_sha256": sha256_of_text(files["plan.json"]),
        "visits_sha256": sha256_of_text(files["visits.csv"]),
        "commitment": commitment,
        "bursts": len(plan.bursts),
        "dropped": dropped_count,
        "replan": replan_index,
        "reason": _check_reason(request),
    }
    optional_facts = {"unit": request.unit, "area": request.area}
    event_facts |= {name: value for name, value in optional_facts.items() if value}
    record_event(desk, "bursts_planned", purpose=seed.PURPOSE, facts=event_facts)


def _check_second(
    desk: Desk, request: ReplanRequest, history: SeedHistory, units: tuple[str, ...], at: datetime
) -> str:
    """Who agrees, where the policy asks for a second person: each re-plan is one more draw to choose from."""
    second, limit = request.second.strip(), seed.load_seal_rule(desk).most_replans_per_shift
    if second.casefold() == desk.actor.casefold():
        raise UsageError(f"`second` {request.second!r} is you. The second person is somebody else.")
    replan_count_by_unit = {
        most_replanned_unit: count_replans(history.announced_replans, most_replanned_unit, at)
        for most_replanned_unit in units
    }
    most_replanned_unit = max(replan_count_by_unit, key=lambda name: replan_count_by_unit[name])
    if replan_count_by_unit[most_replanned_unit] >= limit and not second:
        raise PlanError(
            f"{most_replanned_unit} was re-planned {replan_count_by_unit[most_replanned_unit]} times on "
            f"this shift; the policy allows {limit}. "
            "One more needs a second person who agrees: give `second NAME`."
        )
    return second


def _check_reason(request: ReplanRequest) -> str:
    """The reason as the ledger keeps it; that of an urgent place names the place."""
    if not request.reason.strip():
        raise UsageError("A re-plan needs a reason. Give it with `reason`; it stays in the ledger.")
    reason = request.reason.strip()
    return f"urgent place {request.urgent}: {reason}" if request.urgent else reason


def _state_object(state: replan_core.UnitState) -> dict[str, Any]:
    return {
        "unit": state.unit,
        "free_from": instant(state.free_from),
        "stop": state.stop,
        "meal_done": state.meal_done,
        "on_duty": state.on_duty,
    }


def _read_state(values: Mapping[str, Any]) -> replan_core.UnitState:
    return replan_core.UnitState(
        unit=str(values["unit"]),
        free_from=datetime.fromisoformat(str(values["free_from"])).astimezone(UTC),
        stop=str(values["stop"]),
        meal_done=bool(values["meal_done"]),
        on_duty=bool(values["on_duty"]),
    )
