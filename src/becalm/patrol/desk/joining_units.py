"""Units that join a plan that stands: who they are, and why one of them cannot."""

from collections.abc import Iterator
from datetime import datetime

from becalm.desk import Desk
from becalm.patrol.core import replan as replan_core
from becalm.patrol.core.plan_inputs import UnitShift
from becalm.patrol.core.roster import expand_shifts
from becalm.patrol.desk.inputs import find_policy, read_duty_units
from becalm.patrol.files.read_policy import load_policy
from becalm.patrol.files.write_plan import PlanDocument
from becalm.terms import Fault, PlanError, suggest_word


def find_joining_shifts(desk: Desk, units: str, plan: PlanDocument, at: datetime) -> tuple[UnitShift, ...]:
    """The tours of units that the plan does not know: under way at this moment, or next within 14 hours.

    Raises PlanError, with every reason, where there is none, or one has an area, a base or a way of travel
    that the plan has no journeys for.
    """
    book, inputs = load_policy(find_policy(desk.workspace, None)), plan.inputs
    all_shifts = expand_shifts(
        read_duty_units(desk.workspace, units),
        first=inputs.first_day,
        days=inputs.days,
        zone=inputs.zone,
        meals=book.meals,
    )
    known_units = {shift.unit for shift in inputs.shifts}
    shift_by_unit: dict[str, UnitShift] = {}
    for shift in sorted(all_shifts, key=lambda shift: shift.hours.start):
        if shift.unit not in known_units and replan_core.is_ahead(shift.hours, at):
            shift_by_unit.setdefault(shift.unit, shift)
    if not shift_by_unit:
        raise PlanError(
            f"{units} names no unit that is new to this plan and has a tour under way, or within 14 hours. "
            "Write the units that join, with their start, in a file of their own."
        )
    faults = [fault for shift in shift_by_unit.values() for fault in _find_faults(shift, plan)]
    if faults:
        raise PlanError("These units cannot join the plan; nothing was drawn", tuple(faults))
    return tuple(shift_by_unit.values())


def _find_faults(shift: UnitShift, plan: PlanDocument) -> Iterator[Fault]:
    inputs = plan.inputs
    areas = sorted({place.area for place in inputs.places})
    if shift.area not in areas:
        yield Fault(f"unit {shift.unit}", f"serves {shift.area!r}", suggest_word(shift.area, areas))
    table = inputs.travel.get(shift.mode)
    if table is None:
        modes_text = ", ".join(sorted(inputs.travel))
        yield Fault(
            f"unit {shift.unit}", f"travels by {shift.mode}", f"this plan has journeys by {modes_text}"
        )
    elif shift.base not in {base.base for base in inputs.bases}:
        bases = sorted(base.base for base in inputs.bases)
        yield Fault(
            f"unit {shift.unit}",
            f"starts from {shift.base!r}, from where this plan has no journeys",
            suggest_word(shift.base, bases),
        )
