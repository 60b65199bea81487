"""The delivery return: plans of this workspace, delivered visits, and outcomes from the ledger."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from becalm.desk import Desk
from becalm.ledger import WITHDRAWN, apply_corrections
from becalm.patrol.core.delivery_return import DeliveryReturn, Outcome, PlanFacts, build_return
from becalm.patrol.core.request import ReturnRequest
from becalm.patrol.desk.inputs import find_policy
from becalm.patrol.desk.seed import audit_patrol, sealed_box
from becalm.patrol.files.read_delivery import read_delivered
from becalm.patrol.files.read_plan import plan_of_texts, read_plan
from becalm.patrol.files.read_policy import load_policy
from becalm.patrol.files.write_plan import PlanDocument
from becalm.terms import PlanError, UsageError

KIND_OF_EVENT: Final = {"arrest_made": "arrests", "stop_made": "stops", "seizure_made": "seizures"}


def make_return(desk: Desk, request: ReturnRequest) -> DeliveryReturn:
    """What was planned and delivered, by place and area, month and quarter?

    Raises PlanError where there is no plan, or two cover one day and area; InputError with every fault of the
    files.
    """
    named_plans = [read_plan(Path(name)) for name in request.plan]
    plans = named_plans or list(_read_sealed_plans(desk))
    chosen_plans = [plan for plan in plans if _is_within(plan, request)]
    if not chosen_plans:
        raise PlanError(
            "There is no plan of these days in this workspace. Name one with `plan`, or other days."
        )
    _check_overlaps(chosen_plans)
    visits = read_delivered([Path(name) for name in request.visits])
    return build_return(
        [_facts_of(plan) for plan in chosen_plans],
        visits,
        tuple(_read_outcomes(desk)),
        load_policy(find_policy(desk.workspace, None)).delivered,
        sampled_share=request.sampled_share,
    )


def _read_sealed_plans(desk: Desk) -> Iterator[PlanDocument]:
    """The newest plan of each area and day, as it stands after its last re-plan."""
    box, kept_histories = sealed_box(desk), list[tuple[date, date, str]]()
    for history in sorted(audit_patrol(desk).histories, key=lambda history: -history.seq):
        texts = box.plans(history.commitment) if history.plans else ()
        is_replaced = any(
            first <= history.last_day and history.first_day <= last and area in ("", history.area)
            for first, last, area in kept_histories
        )
        if texts and not is_replaced:
            kept_histories.append((history.first_day, history.last_day, history.area))
            visits = box.visits_of(history.commitment, texts[-1])
            yield plan_of_texts(texts[-1], visits, where=f"the plan of {history.first_day}")


def _is_within(plan: PlanDocument, request: ReturnRequest) -> bool:
    """Does the plan lie within the days that were asked for, in part at least?"""
    first_day, inputs = request.first_day or date.min, plan.inputs
    end_day = first_day + timedelta(days=request.days) if request.days and request.first_day else date.max
    return inputs.first_day + timedelta(days=inputs.days) > first_day and inputs.first_day < end_day


def _check_overlaps(plans: Iterable[PlanDocument]) -> None:
    """A burst that is counted twice would look like delivery."""
    places_by_day: dict[tuple[date, str], int] = {}
    for number, plan in enumerate(plans):
        days = (plan.inputs.first_day + timedelta(days=n) for n in range(plan.inputs.days))
        for key in {(day, place.hotspot) for day in days for place in plan.inputs.places}:
            if places_by_day.setdefault(key, number) != number:
                raise UsageError(
                    f"Two plans cover {key[1]} on {key[0]}: its bursts would be counted twice. Name the "
                    "plans that stood with `plan`."
                )


def _facts_of(plan: PlanDocument) -> PlanFacts:
    inputs = plan.inputs
    return PlanFacts(inputs.first_day, inputs.days, inputs.zone, plan.bursts, inputs.places, inputs.shifts)


def _read_outcomes(desk: Desk) -> Iterator[Outcome]:
    """Arrests, stops and seizures that the ledger holds with a position, as they stand after corrections."""
    if desk.ledger_file is not None and not desk.ledger_file.exists():
        return
    zone = ZoneInfo(desk.workspace.city.time_zone)
    entries = tuple(desk.open_ledger().entries(kinds=(*KIND_OF_EVENT, WITHDRAWN)))
    for event_kind, kind in KIND_OF_EVENT.items():
        for corrected in apply_corrections(entries, kind=event_kind):
            event = corrected.latest_entry.event
            easting, northing = (event.facts.get(name) for name in ("place_easting_m", "place_northing_m"))
            if not corrected.is_withdrawn and easting is not None and northing is not None:
                on = event.occurred_at.astimezone(zone).date()
                yield Outcome(kind, on, float(str(easting)), float(str(northing)))
