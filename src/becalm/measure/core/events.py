"""The events of steps: a level was declared to shift, a step was ended. Released kinds are frozen."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from typing import cast, get_args

from becalm.ledger import WITHDRAWN, Entry, EventKind, apply_corrections, optional_fact, required_fact
from becalm.ledger.events import REASON
from becalm.terms import Step, StepKind, UsageError

STEP_DECLARED, STEP_ENDED = "step_declared", "step_ended"
READ_KINDS = (STEP_DECLARED, STEP_ENDED, WITHDRAWN)

KINDS = (
    EventKind(
        STEP_DECLARED,
        "Somebody declared that from a day on some series stand at another level.",
        (
            required_fact("starts_on", "day", "the first day of the new level"),
            required_fact("kind", "text", f"one of {', '.join(get_args(StepKind))}"),
            REASON,
            optional_fact("groups", "texts", "the offence groups that it concerns; all where it is left out"),
            optional_fact("areas", "texts", "the areas that it concerns; all where it is left out"),
        ),
        purposes=("measurement",),
        corrects="may",
    ),
    EventKind(
        STEP_ENDED,
        "Somebody declared that a step is over: the level shifts again.",
        (
            required_fact("step", "whole", "the entry that declared it"),
            required_fact("ends_on", "day", "the first day after it"),
            REASON,
        ),
        purposes=("measurement",),
    ),
)


def read_steps(entries: Iterable[Entry]) -> tuple[Step, ...]:
    """Which steps are in force, by their first day? Withdrawn ones are not; the last end counts."""
    all_entries = tuple(entries)
    corrected_ends = apply_corrections(all_entries, kind=STEP_ENDED)
    end_facts = [c.latest_entry.event.facts for c in corrected_ends if not c.is_withdrawn]
    end_by_step = {facts["step"]: date.fromisoformat(str(facts["ends_on"])) for facts in end_facts}
    steps = [
        _read_step(c.first_entry, c.latest_entry, end_by_step.get(c.first_entry.seq))
        for c in apply_corrections(all_entries, kind=STEP_DECLARED)
        if not c.is_withdrawn
    ]
    return tuple(sorted(steps, key=lambda step: (step.start, step.entry or 0)))


def _read_step(first_entry: Entry, latest_entry: Entry, end: date | None) -> Step:
    facts = latest_entry.event.facts
    groups, areas = (cast(list[str], facts.get(name) or []) for name in ("groups", "areas"))
    return Step(
        start=date.fromisoformat(str(facts["starts_on"])),
        kind=cast(StepKind, facts["kind"]),
        reason=str(facts["reason"]),
        groups=tuple(groups),
        areas=tuple(areas),
        end=end,
        declared_on=first_entry.recorded_at.date(),
        entry=first_entry.seq,
    )


def check_new_step(step: Step, declared_steps: Sequence[Step], *, first_day: date, today: date) -> None:
    """Refuse a step outside the records, or one that begins inside another of the same series."""
    if step.start <= first_day:
        raise UsageError(
            f"The step from {step.start} lies before the records, which begin on {first_day}, so there is no "
            "level before it. Give a later day, or ingest older records."
        )
    if step.start > today:
        raise UsageError(
            f"The step from {step.start} lies in the future (today is {today}). Declare it then."
        )
    for earlier_step in declared_steps:
        if (
            _share_series(step, earlier_step)
            and earlier_step.start <= step.start
            and (earlier_step.end is None or step.start < earlier_step.end)
        ):
            raise UsageError(
                f"The step from {step.start} begins inside step {earlier_step.entry} of the same series "
                f"({earlier_step.reason}, from {earlier_step.start}). End that one first, or give a day "
                "outside it."
            )


def end_step(entry: int, end: date, declared_steps: Sequence[Step]) -> Step:
    """The declared step with its end; refused where there is no such step or it has ended already."""
    step = next((step for step in declared_steps if step.entry == entry), None)
    if step is None:
        entry_list = ", ".join(f"{step.entry} ({step.reason})" for step in declared_steps) or "none"
        raise UsageError(f"Entry {entry} declares no step. Steps in force: {entry_list}.")
    if step.end is not None:
        raise UsageError(
            f"Step {entry} ({step.reason}) has ended already, on {step.end}. Withdraw that entry first."
        )
    return replace(step, end=end)


def _share_series(step: Step, earlier_step: Step) -> bool:
    return all(
        not mine or not theirs or set(mine) & set(theirs)
        for mine, theirs in ((step.groups, earlier_step.groups), (step.areas, earlier_step.areas))
    )
