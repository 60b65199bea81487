"""The evaluations in the briefing: registered protocols whose days are complete, and what may be said."""

from typing import Final

from becalm.brief.part import BriefingPart, PartTable, Pins
from becalm.desk import Desk
from becalm.evaluate.desk.due import DueEvaluation, list_due_protocols, run_due
from becalm.terms import QuestionError, RunRecord

EVALUATIONS_HEADING: Final = "Evaluations that are due"
EVALUATION_COLUMNS: Final = ("Question", "State", "What may be said")
NO_PROTOCOLS: Final = (
    "No evaluation is due: no registered protocol in the folder `protocols` has all its days on record. "
    "Begin with `becalm evaluate draft`, and keep the protocol in that folder."
)


def find_evaluation_needs(desk: Desk) -> str:
    """What is missing before an evaluation can be run; "" where one is due."""
    return "" if list_due_protocols(desk, made_at=desk.now()) else NO_PROTOCOLS


def make_evaluations_part(desk: Desk, run: RunRecord, pins: Pins | None) -> tuple[BriefingPart, Pins]:
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
