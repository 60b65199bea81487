"""The parts that jobs add to the briefing: made once and pinned in the run, or made again from its pins."""

import json
from dataclasses import replace
from typing import Final

from becalm.brief.desk.staff import HEADING, make_staff_part
from becalm.brief.desk.watch import make_watch_part
from becalm.brief.part import BriefingPart, PartMaker, PartTable, Pins
from becalm.desk import Desk
from becalm.evaluate.desk.due import DueEvaluation, run_due
from becalm.terms import QuestionError, ReplayError, RunRecord, UsageError

EVALUATIONS_HEADING: Final = "Evaluations that are due"
EVALUATION_COLUMNS: Final = ("Question", "State", "What may be said")
NO_PROTOCOLS: Final = (
    "No evaluation is due: no registered protocol in the folder `protocols` has all its days on record. "
    "Begin with `becalm evaluate draft`, and keep the protocol in that folder."
)


def _make_evaluations_part(desk: Desk, run: RunRecord, pins: Pins | None) -> tuple[BriefingPart, Pins]:
    """What each registered protocol answers once its days are complete; again, what it answered then."""
    if pins is None:
        due = run_due(desk, made_at=run.made_at)
        if not due:
            raise QuestionError(NO_PROTOCOLS)
        pins = {"evaluations": [[e.question, e.state, e.words, e.protocol_sha256] for e in due]}
    rows = [DueEvaluation(*row) for row in pins["evaluations"]]
    noun = "evaluation was" if len(rows) == 1 else "evaluations were"
    table = PartTable(
        "Registered protocols whose days are complete",
        "; ".join(f"protocol {e.protocol_sha256[:16]}" for e in rows),
        EVALUATION_COLUMNS,
        tuple((e.question, e.state, e.words) for e in rows),
        3,
    )
    lead = f"{len(rows)} {noun} due."
    return BriefingPart("evaluate", EVALUATIONS_HEADING, lead=lead, tables=(table,)), pins


MAKERS: Final = (
    PartMaker("staff", HEADING, make_staff_part),
    PartMaker("sustain", "Watch: is it rising again?", make_watch_part),
    PartMaker("evaluate", EVALUATIONS_HEADING, _make_evaluations_part),
)


def add_parts(desk: Desk, run: RunRecord) -> tuple[RunRecord, tuple[BriefingPart, ...]]:
    """The run with the pins of every part, and the parts; one that cannot be made says what it needs."""
    parts, pin_texts = [], []
    for maker in MAKERS:
        try:
            part, pins = maker.make(desk, run, None)
        except (QuestionError, UsageError) as error:
            pins = {"needs": " ".join(str(error).split())}
            part = BriefingPart(maker.job, maker.heading, needs=pins["needs"])
        parts.append(part)
        pin_texts.append(json.dumps({"job": maker.job, **pins}, sort_keys=True, separators=(",", ":")))
    return replace(run, parameters={**run.parameters, "parts": pin_texts}), tuple(parts)


def repeat_parts(desk: Desk, run: RunRecord) -> tuple[BriefingPart, ...]:
    """The parts of this run again, from their pins alone."""
    pin_texts = run.parameters.get("parts") or []
    if not isinstance(pin_texts, list):
        raise ReplayError("The parts of this run cannot be read. Restore its run.json.")
    return tuple(_repeat_part(desk, run, str(text)) for text in pin_texts)


def _repeat_part(desk: Desk, run: RunRecord, text: str) -> BriefingPart:
    pins = json.loads(text)
    maker = next((maker for maker in MAKERS if maker.job == pins.get("job")), None)
    if maker is None:
        raise ReplayError(f"This becalm has no part {pins.get('job')!r} of a briefing.")
    if "needs" in pins:
        return BriefingPart(maker.job, maker.heading, needs=str(pins["needs"]))
    return maker.make(desk, run, pins)[0]
