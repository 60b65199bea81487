"""The parts that jobs add to the briefing: made once and pinned in the run, or made again from its pins."""

import json
from dataclasses import replace
from typing import Final

from becalm.brief.desk.due_tasks import DUE_HEADING, DUE_JOB, make_due_part
from becalm.brief.desk.evaluations import (
    EVALUATIONS_HEADING,
    find_evaluation_needs,
    make_evaluations_part,
)
from becalm.brief.desk.public_part import PUBLIC_HEADING, PUBLIC_JOB, make_public_part
from becalm.brief.desk.staff import HEADING, find_staff_needs, make_staff_part
from becalm.brief.desk.visits import (
    ARRESTS_HEADING,
    VISITS_HEADING,
    find_arrest_needs,
    find_visit_needs,
    make_arrests_part,
    make_visits_part,
)
from becalm.brief.desk.watch import find_watch_needs, make_watch_part
from becalm.brief.part import BriefingPart, PartMaker, Pins
from becalm.desk import Desk
from becalm.terms import CaseError, QuestionError, ReplayError, RunRecord, UsageError

MAKERS: Final = (
    PartMaker("staff", HEADING, make_staff_part, find_staff_needs),
    PartMaker("divert", VISITS_HEADING, make_visits_part, find_visit_needs),
    PartMaker("record", ARRESTS_HEADING, make_arrests_part, find_arrest_needs),
    PartMaker("sustain", "Watch: is it rising again?", make_watch_part, find_watch_needs),
    PartMaker("evaluate", EVALUATIONS_HEADING, make_evaluations_part, find_evaluation_needs),
    PartMaker(DUE_JOB, DUE_HEADING, make_due_part),
    PartMaker(PUBLIC_JOB, PUBLIC_HEADING, make_public_part),
)


def add_parts(desk: Desk, run: RunRecord) -> tuple[RunRecord, tuple[BriefingPart, ...]]:
    """The run with the pins of every part, and the parts; one that cannot be made says what it needs."""
    parts, pin_texts = [], []
    for maker in MAKERS:
        started_at = desk.now()
        try:
            part, pins = maker.make(desk, run, None)
        except (CaseError, QuestionError, UsageError) as error:
            pins = {"needs": " ".join(str(error).split())}
            part = BriefingPart(maker.job, maker.heading, needs=pins["needs"])
        parts.append(replace(part, seconds=(desk.now() - started_at).total_seconds()))
        pin_texts.append(json.dumps({"job": maker.job, **pins}, sort_keys=True, separators=(",", ":")))
    return replace(run, parameters={**run.parameters, "parts": pin_texts}), tuple(parts)


def repeat_parts(desk: Desk, run: RunRecord) -> tuple[BriefingPart, ...]:
    """The parts of this run again, from their pins alone."""
    pin_texts = run.parameters.get("parts") or []
    if not isinstance(pin_texts, list):
        raise ReplayError("The parts of this run cannot be read. Restore its run.json.")
    return tuple(_repeat_part(desk, run, str(text)) for text in pin_texts)


def _repeat_part(desk: Desk, run: RunRecord, text: str) -> BriefingPart:
    pins = _read_pins(text)
    maker = next((maker for maker in MAKERS if maker.job == pins.get("job")), None)
    if maker is None:
        raise ReplayError(f"This becalm has no part {pins.get('job')!r} of a briefing.")
    if "needs" in pins:
        return BriefingPart(maker.job, maker.heading, needs=str(pins["needs"]))
    try:
        return maker.make(desk, run, pins)[0]
    except (KeyError, TypeError, ValueError, AttributeError) as error:  # pins that no becalm wrote
        raise ReplayError(
            f"What the run keeps of the part {maker.job!r} was altered. Restore its run.json."
        ) from error


def _read_pins(text: str) -> Pins:
    try:
        pins = json.loads(text)
    except ValueError:
        pins = None
    if not isinstance(pins, dict):
        raise ReplayError("A part of this run cannot be read. Restore its run.json.")
    return pins
