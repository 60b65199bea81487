"""Drawing the rest of a tour anew, under a number that stands in the ledger, so that none is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from becalm.desk import Desk
from becalm.desk.audit import record_event
from becalm.ledger.event import Fact
from becalm.patrol.core.places_and_shifts import Burst
from becalm.patrol.core.plan import plan_bursts
from becalm.patrol.core.plan_result import Propensities, UnitRoute
from becalm.patrol.core.replan import (
    ReplanMoment,
    ReplanStep,
    UnitState,
    find_shift,
    find_unit_state,
    replan_bursts,
    update_propensities,
)
from becalm.patrol.desk.seed import PURPOSE, SealedSeed, open_sealed, sealed_box, story_of
from becalm.patrol.files.folder import PLAN_FOLDER, plan_files, sha256_of_text
from becalm.patrol.files.plan import PlanDocument, instant
from becalm.patrol.files.read_plan import read_plan
from becalm.patrol.files.sealed_box import plan_name
from becalm.patrol.files.sheets import local_time_text
from becalm.render.folder import write_folder
from becalm.terms import PlanError, UsageError


@dataclass(frozen=True, slots=True)
class ReplanQuestion:
    """Whose tour is drawn anew from when on, and why; where the unit is, if not where its tour says."""

    at: datetime
    reason: str
    unit: str = ""
    area: str = ""  # or all units of this area that are on duty
    off_duty: bool = False
    free_from: datetime | None = None
    stop: str = ""


@dataclass(frozen=True, slots=True)
class PlanReplanned:
    """A plan of which some tours were drawn anew."""

    folder: Path
    plan: PlanDocument
    index: int
    units: tuple[str, ...]
    dropped: int  # bursts that were planned and no longer are
    fresh: tuple[Burst, ...]


def replan_patrol(desk: Desk, path: Path, question: ReplanQuestion) -> PlanReplanned:
    """Draw the rest of these tours anew, under the next number of the sealed seed.

    Raises
    ------
    PlanError
        where no unit is on tour then, the seed lies open, or a newer plan stands than the one named.
    """
    plan = read_plan(path)
    folder = path if path.is_dir() else path.parent
    story = story_of(desk, str(plan.commitment.get("commitment") or ""))
    index = len(plan.commitment["replans"]) + 1
    _require_newest(index, [p.replan for p in story.plans], opened=story.revealed_seq is not None)
    states = _states(plan, question)
    sealed = open_sealed(desk, story)
    facts: dict[str, Fact] = {
        "commitment": story.commitment,
        "replan": index,
        "reason": _reason(question.reason),
        "units": tuple(state.unit for state in states),
        "begins_at": instant(question.at),
        **({"area": question.area} if question.area else {}),
    }
    note = {
        "index": index,
        "at": instant(question.at),
        "reason": _reason(question.reason),
        "states": [_state_object(state) for state in states],
    }
    record_event(desk, "patrol_replan_begun", purpose=PURPOSE, facts=facts)
    new = apply_replan(plan, note, sealed.key)
    files = plan_files(new, drawn_again(new, sealed.key)[1])
    _record(desk, sealed, new, files, question)
    write_folder(folder, files, kind=PLAN_FOLDER)
    before, after = set(plan.bursts), set(new.bursts)
    fresh = tuple(sorted(after - before, key=lambda burst: (burst.span.start, burst.unit)))
    return PlanReplanned(folder, new, index, tuple(s.unit for s in states), len(before - after), fresh)


def apply_replan(plan: PlanDocument, note: Mapping[str, Any], key: bytes) -> PlanDocument:
    """The plan with the tours that this note names drawn anew: the same note and key give the same plan."""
    step = _step(plan, note, key)
    drawn = replan_bursts(plan.inputs, step.moment, step.states)
    tours = {(route.unit, route.day): route for route in drawn}
    routes = tuple(_route_of(route, tours) for route in plan.routes)
    bursts = tuple(
        sorted(
            (burst for route in routes for burst in route.bursts),
            key=lambda b: (b.span.start, b.hotspot, b.unit),
        )
    )
    replans = [*plan.commitment["replans"], dict(note)]
    return replace(
        _with_dosage(plan, bursts), routes=routes, commitment={**plan.commitment, "replans": replans}
    )


def drawn_again(plan: PlanDocument, key: bytes) -> tuple[PlanDocument, Propensities]:
    """The first draw of this plan and its re-plans, with the chances of a start under the laws that held."""
    made = plan_bursts(plan.inputs, key=key, distribution=plan.distribution)
    again = PlanDocument.of(
        replace(made, bound_bits=plan.bound_bits),
        plan.inputs,
        version=plan.version,
        crs=plan.crs,
        commitment={**plan.commitment, "replans": []},
        sources=plan.sources,
        capacity=plan.capacity,
        notes=plan.notes,
    )
    steps = []
    for note in plan.commitment["replans"]:
        steps.append(_step(again, note, key))
        again = apply_replan(again, note, key)
    return again, update_propensities(plan.inputs, plan.distribution, key, made.propensities, steps)


def _step(plan: PlanDocument, note: Mapping[str, Any], key: bytes) -> ReplanStep:
    at = datetime.fromisoformat(note["at"])
    moment = ReplanMoment(plan.distribution, plan.routes, at, int(note["index"]), key)
    return ReplanStep(moment, tuple(_state(held) for held in note["states"]))


def _route_of(route: UnitRoute, tours: Mapping[tuple[str, Any], UnitRoute]) -> UnitRoute:
    return tours.get((route.unit, route.day), route)


def _with_dosage(plan: PlanDocument, bursts: tuple[Burst, ...]) -> PlanDocument:
    visits = Counter(burst.hotspot for burst in bursts)
    minutes: Counter[str] = Counter()
    for burst in bursts:
        minutes[burst.hotspot] += round(burst.span.minutes)
    dosage = tuple(
        replace(place, visits=visits[place.hotspot], minutes=minutes[place.hotspot]) for place in plan.dosage
    )
    return replace(plan, bursts=bursts, dosage=dosage)


def _states(plan: PlanDocument, question: ReplanQuestion) -> tuple[UnitState, ...]:
    if bool(question.unit) == bool(question.area):
        raise UsageError("Name the unit whose tour is drawn anew with --unit, or a whole area with --area.")
    routes = [route for route in plan.routes if _on_tour(plan, route, question)]
    if not routes:
        who = question.unit or f"of {question.area}"
        raise PlanError(
            f"No unit {who} is on tour at {local_time_text(question.at, plan)} ({plan.inputs.zone}) in this "
            "plan. Name a unit and a time (--from) within one of its tours."
        )
    found = tuple(find_unit_state(plan.inputs, route, question.at) for route in routes)
    if question.area:
        return found
    known = {place.hotspot for place in plan.inputs.places} | {base.base for base in plan.inputs.bases}
    if question.stop and question.stop not in known:
        raise UsageError(f"There is no hotspot and no base {question.stop!r} in this plan. Correct --stop.")
    given = replace(found[0], on_duty=not question.off_duty)
    given = replace(given, free_from=max(given.free_from, question.free_from or given.free_from))
    return (replace(given, stop=question.stop or given.stop),)


def _on_tour(plan: PlanDocument, route: UnitRoute, question: ReplanQuestion) -> bool:
    named = route.unit == question.unit if question.unit else route.area == question.area
    hours = find_shift(plan.inputs, route).hours if named else None
    return hours is not None and hours.start <= question.at < hours.end


def _require_newest(index: int, recorded: list[int], *, opened: bool) -> None:
    if opened:
        raise PlanError(
            "The seed of this plan lies open: whoever read it could foretell what a re-plan gives. Make a "
            "new plan for the days that remain, with --again."
        )
    if index - 1 != max(recorded, default=0):
        raise PlanError(
            f"This plan has {index - 1} re-plans, and the ledger knows {max(recorded, default=0)}: a newer "
            "one stands. Use that one; a re-plan drawn twice would be a choice."
        )


def _record(
    desk: Desk,
    sealed: SealedSeed,
    plan: PlanDocument,
    files: Mapping[str, str | bytes],
    question: ReplanQuestion,
) -> None:
    box, index = sealed_box(desk), len(plan.commitment["replans"])
    for name in ("visits.csv", "plan.json"):
        box.keep(sealed.story.commitment, plan_name(index, name), str(files[name]))
    facts: dict[str, Fact] = {
        "plan_sha256": sha256_of_text(files["plan.json"]),
        "visits_sha256": sha256_of_text(files["visits.csv"]),
        "commitment": sealed.story.commitment,
        "bursts": len(plan.bursts),
        "replan": index,
        "reason": _reason(question.reason),
    }
    optional = {"unit": question.unit, "area": question.area}
    facts |= {name: value for name, value in optional.items() if value}
    record_event(desk, "bursts_planned", purpose=PURPOSE, facts=facts)


def _reason(reason: str) -> str:
    if not reason.strip():
        raise UsageError("A tour is drawn anew for a reason. Give it with --reason; it stays in the ledger.")
    return reason.strip()


def _state_object(state: UnitState) -> dict[str, Any]:
    return {
        "unit": state.unit,
        "free_from": instant(state.free_from),
        "stop": state.stop,
        "meal_done": state.meal_done,
        "on_duty": state.on_duty,
    }


def _state(held: Mapping[str, Any]) -> UnitState:
    return UnitState(
        unit=str(held["unit"]),
        free_from=datetime.fromisoformat(str(held["free_from"])).astimezone(UTC),
        stop=str(held["stop"]),
        meal_done=bool(held["meal_done"]),
        on_duty=bool(held["on_duty"]),
    )
