"""How strong will the force be, and what would change it?"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from becalm.desk import Desk
from becalm.methods.arrays import seed_generator
from becalm.staff.core import roster_problem, scenarios
from becalm.staff.core.allocate import allocate_roster
from becalm.staff.core.force import Force
from becalm.staff.core.forecast import Strength, forecast_strength
from becalm.staff.core.request import ForecastRequest, WhatIfRequest, read_instant
from becalm.staff.core.scenarios import Change, Outlook
from becalm.staff.desk.people import StaffInputs, check_days, read_inputs
from becalm.staff.desk.roster import load_need
from becalm.staff.desk.solver import open_engine
from becalm.terms import UsageError


@dataclass(frozen=True, slots=True)
class ForecastAnswer:
    """Strength by tour, and as known when."""

    rows: tuple[Strength, ...]
    known_at: datetime
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WhatIfAnswer:
    """Outlooks side by side: the force as it is first, then each change, then all together."""

    days: tuple[date, ...]
    outlooks: tuple[Outlook, ...]
    notes: tuple[str, ...]


def forecast(desk: Desk, request: ForecastRequest) -> ForecastAnswer:
    """Officers who will be there on each tour, with p10, p50 and p90, learnt from past absences.

    Raises UsageError where an event cannot be read or the days lie beyond the roster; QuestionError where
    the roster goes back too little.
    """
    events = scenarios.parse_changes((), (), request.event, ())
    zone = desk.workspace.city.time_zone
    known_at = (
        read_instant(request.known_at)
        if request.known_at
        else min(desk.now(), datetime.combine(request.first_day, time(), ZoneInfo(zone)))
    )
    inputs = read_inputs(desk, request.rules, known_at)
    check_days(inputs, request.first_day, request.days)
    event_officers = {event.day: int(event.count) for event in events if event.day}
    today = known_at.astimezone(ZoneInfo(zone)).date()
    rows = forecast_strength(
        inputs.force, inputs.spans, inputs.rules, today=min(today, request.first_day),
        first_day=request.first_day, days=request.days, zone=zone, event_officers=event_officers,
    )  # fmt: skip
    notes = tuple(f"{event.label} are taken from all tours of that day alike." for event in events)
    return ForecastAnswer(rows, known_at.astimezone(UTC), notes)


def what_if(desk: Desk, request: WhatIfRequest) -> WhatIfAnswer:
    """Strength, tours short and bursts of each day, as it is and under each change, side by side.

    Raises UsageError where no change is named, or one cannot be read or lies outside the days.
    """
    changes = scenarios.parse_changes(request.free, request.isolating, request.event, request.recruits)
    days = scenarios.list_days(request.period.first_day, request.period.days)
    outside = [change.label for change in changes if change.day and change.day not in days]
    if not changes or outside:
        raise UsageError(
            f"{outside[0]} lies outside the days that are asked for. Name a day within them."
            if outside
            else "No change is named. Give `free airport=20`, `isolating 10%`, `event` or `recruits`."
        )
    inputs = read_inputs(desk, request.period.rules, request.period.known_instant)
    check_days(inputs, request.period.first_day, request.period.days)
    needs, _ = load_need(desk, request.period, inputs)
    question = roster_problem.RosterQuestion(
        first_day=request.period.first_day,
        days=request.period.days,
        today=desk.today,
        zone=desk.workspace.city.time_zone,
        needs=needs,
    )
    cases: list[tuple[str, tuple[Change, ...]]] = [("as it is", ())]
    cases += [(change.label, (change,)) for change in changes]
    cases += [("all together", changes)] if len(changes) > 1 else []
    outlooks = []
    with desk.progress("what if", total=len(cases), unit="cases") as report_progress:
        for label, case_changes in cases:
            outlooks.append(_outlook(inputs, question, request, label, case_changes))
            report_progress(1)
    return WhatIfAnswer(days, tuple(outlooks), _what_if_notes(request))


def _outlook(
    inputs: StaffInputs,
    question: roster_problem.RosterQuestion,
    request: WhatIfRequest,
    label: str,
    changes: tuple[Change, ...],
) -> Outlook:
    """One case: the changed force, and the lawful roster that it would have at once."""
    rng = seed_generator(request.seed)
    force: Force = scenarios.apply_changes(
        inputs.force, changes, rng, first_day=question.first_day, days=question.days
    )
    problem = roster_problem.build_problem(force, inputs.rules, replace(question))
    allocation = allocate_roster(problem, seed_generator(request.seed), work=0, open_engine=open_engine)
    return scenarios.describe_outlook(
        label,
        problem,
        allocation.lines,
        tour_hours=[kind.hours for kind in inputs.rules.tours],
        minutes_per_burst=request.minutes_per_burst,
    )


def _what_if_notes(request: WhatIfRequest) -> tuple[str, ...]:
    return (
        f"Whom a change meets is drawn (seed {request.seed}). Bursts: crews of two, their hours less meals, "
        f"nine tenths of them on patrol, one burst every {request.minutes_per_burst:g} minutes.",
    )
