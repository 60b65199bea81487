"""Where were steps of the level declared?"""

from datetime import date, datetime

from becalm.desk import Desk, record_event
from becalm.ledger import Entry, Fact
from becalm.measure.core import events
from becalm.measure.core.request import StepEndRequest, StepRequest
from becalm.terms import QuestionError, Step


def active_steps(desk: Desk, *, known_at: datetime | None = None) -> tuple[Step, ...]:
    """Which declared steps are in force (or were, at an instant), by their first day?"""
    if desk.ledger_file is not None and not desk.ledger_file.exists():
        return ()
    step_entries = desk.open_ledger().entries(kinds=events.READ_KINDS)
    return events.read_steps(
        entry for entry in step_entries if known_at is None or entry.recorded_at <= known_at
    )


def declare_step(desk: Desk, request: StepRequest) -> Entry:
    """Record that from a day on some series stand at another level.

    Raises UsageError for a step without a reason, before the records, in the future or inside another one.
    """
    step = Step(request.start, request.kind, request.reason, groups=request.group, areas=request.area)
    first_month = min((file.month for file in desk.archive.files() if file.month), default="")
    if not first_month:
        raise QuestionError(
            "The archive holds no records, so no level can shift. Load some with `becalm ingest PATH`."
        )
    today = desk.today
    events.check_new_step(
        step, active_steps(desk), first_day=date.fromisoformat(f"{first_month}-01"), today=today
    )
    facts: dict[str, Fact] = {"starts_on": str(step.start), "kind": step.kind, "reason": step.reason}
    step_scope = {name: keys for name, keys in (("groups", step.groups), ("areas", step.areas)) if keys}
    return record_event(desk, events.STEP_DECLARED, purpose="measurement", facts={**facts, **step_scope})


def end_declared_step(desk: Desk, request: StepEndRequest) -> Entry:
    """Record that a step is over.

    Raises UsageError where there is no such step, it has ended already, or the end is not after its start.
    """
    step = events.end_step(request.step, request.on, active_steps(desk))
    facts: dict[str, Fact] = {"step": request.step, "ends_on": str(step.end), "reason": request.reason}
    return record_event(desk, events.STEP_ENDED, purpose="measurement", facts=facts)
