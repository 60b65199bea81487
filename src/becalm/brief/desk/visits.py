"""Visits and arrests in the briefing: counts alone, and by the published definition; nobody is named."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from becalm.brief.desk import plan as plans
from becalm.brief.part import BriefingPart, PartTable, Pins
from becalm.desk import Desk
from becalm.divert.core.visits.request import FunnelRequest
from becalm.divert.desk.visits.funnel import has_cases, show_funnel
from becalm.divert.desk.visits.outcomes import count_due
from becalm.record.core.request import ArrestsRequest
from becalm.record.desk import count_dedicated_arrests
from becalm.render import number_format
from becalm.terms import Estimate, QuestionError, RunRecord

VISITS_HEADING: Final = "Help: visits due, and who was reached"
ARRESTS_HEADING: Final = "Arrests from dedicated activity"
FUNNEL_HEADINGS: Final = ("Stage", "People", "Of the selected")
NO_CASES: Final = (
    "Nobody has been selected for an offer of help in this workspace. Begin with `becalm divert list`."
)
NO_ARRESTS: Final = (
    "The ledger holds no arrest. Bring the force's log in with `becalm record import FILE --kind arrest`."
)


def find_visit_needs(desk: Desk) -> str:
    """What is missing before anything can be said of visits; "" where somebody has been selected."""
    return "" if has_cases(desk) else NO_CASES


def make_visits_part(desk: Desk, _run: RunRecord, pins: Pins | None) -> tuple[BriefingPart, Pins]:
    """How many were selected, reached and helped, and what is late; an earlier part from what it said."""
    if pins is None:
        if needs := find_visit_needs(desk):
            raise QuestionError(needs)
        funnel, late_counts = show_funnel(desk, FunnelRequest(purpose="audit")), count_due(desk)
        pins = {
            "as_of": funnel.as_of.isoformat(),
            "protocol": funnel.protocol,
            "stages": [[s.stage, str(s.count), _share_text(s.share)] for s in funnel.stages],
            "late": sorted(late_counts.items()),
        }
    late_texts = [f"{task}: {count}" for task, count in pins["late"]]
    lead = f"Late: {'; '.join(late_texts)}." if late_texts else "No visit and no step of help is late."
    note = f"as of {pins['as_of']}, by {pins['protocol']}"
    table = PartTable("From the selection to help", note, FUNNEL_HEADINGS, _rows(pins["stages"]))
    return BriefingPart("divert", VISITS_HEADING, lead=lead, tables=(table,)), pins


def _share_text(share: Estimate | None) -> str:
    if share is None:
        return number_format.NO_VALUE
    low, high = number_format.share(share.low), number_format.share(share.high)
    return f"{number_format.share(share.value)} ({low} to {high})"


def find_arrest_needs(desk: Desk) -> str:
    """What is missing before arrests can be counted; "" where the ledger holds one."""
    first_arrest = next(iter(desk.open_ledger().entries(kinds=("arrest_made",))), None)
    return NO_ARRESTS if first_arrest is None else ""


def make_arrests_part(desk: Desk, run: RunRecord, pins: Pins | None) -> tuple[BriefingPart, Pins]:
    """How many arrests came from dedicated activity in the period; an earlier part from what it said."""
    if pins is None:
        if needs := find_arrest_needs(desk):
            raise QuestionError(needs)
        period = plans.find_compared_period(desk, plans.read_plan(run))
        first_day, last_day = period.start, period.end - timedelta(days=1)
        answer = count_dedicated_arrests(desk, ArrestsRequest(since=first_day, until=last_day))
        figure = answer.figure
        pins = {
            "first_day": first_day.isoformat(),
            "last_day": last_day.isoformat(),
            "counted": len(figure.counted_arrests),
            "all": len(figure.counted_arrests) + len(figure.excluded_arrests),
            "definition": f"{figure.definition.title}, version {figure.definition.version}",
            "sha256": figure.definition.sha256,
            "root": answer.source.head.root,
        }
    lead = (
        f"{pins['counted']} of {pins['all']} arrests on record, {pins['first_day']} to {pins['last_day']}, "
        "came from dedicated activity."
    )
    paragraphs = (
        f"By the published definition: {pins['definition']} ({pins['sha256'][:16]}).",
        "`becalm record arrests --since DAY --until DAY --open` lists each one. Nobody is compared by this "
        "figure, and it is no target.",
    )
    return BriefingPart("record", ARRESTS_HEADING, lead=lead, paragraphs=paragraphs), pins


def _rows(stages: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], ...]:
    return tuple(map(tuple, stages))
