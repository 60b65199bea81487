"""The watch in the briefing: levels, bands, reference and alarms of the force and its boroughs."""

import json
from functools import partial

import becalm.sustain.files.sentences as sentences
from becalm.brief.desk.plan import NO_SOURCE
from becalm.brief.part import BriefingPart, PartTable, Pins
from becalm.desk import Desk
from becalm.measure.desk import active_steps
from becalm.render import svg
from becalm.sustain.core.request import WatchRequest
from becalm.sustain.desk.watch import ask_watch, watch
from becalm.sustain.files.calibration import parse_calibration
from becalm.sustain.files.chart import watch_chart
from becalm.sustain.files.watch import watch_csv
from becalm.terms import QuestionError, RunRecord

MOST_QUIET_ROWS = 12
NO_STEP = (
    "No watch: no step is declared, so nothing is known to have fallen. Declare from which day the numbers "
    "stand at another level, and why: `becalm sustain step add`."
)


def find_watch_needs(desk: Desk) -> str:
    """What the watch needs before it can say anything; "" where nothing is missing."""
    return "" if active_steps(desk) else NO_STEP


def make_watch_part(desk: Desk, run: RunRecord, pins: Pins | None) -> tuple[BriefingPart, Pins]:
    """What the watch of this run says; new alarms are recorded where it is asked for the first time."""
    if not active_steps(desk, known_at=run.made_at):
        raise QuestionError(NO_STEP)
    if pins is None:
        answer = watch(desk, WatchRequest(source=_watched_source(run), seed=run.seed), known_at=run.made_at)
        pins = answer.run.parameters
    else:
        request_fields = ("by", "until", "detector", "source")
        request = WatchRequest(**{name: pins[name] for name in request_fields}, seed=run.seed)
        calibrations = [parse_calibration(json.loads(text)) for text in pins["calibrations"]]
        answer = ask_watch(desk, request, known_at=run.made_at, calibrations=calibrations)
    watched = answer.watch
    lead, *paragraphs = sentences.opening_sentences(watched)
    rows, hidden_count = sentences.shown_series(watched, MOST_QUIET_ROWS)
    note = (
        f"{hidden_count} more series are quiet or cannot be watched alone: see watch.csv"
        if hidden_count
        else ""
    )
    part = BriefingPart(
        "sustain",
        "Watch: is it rising again?",
        lead=lead,
        paragraphs=tuple(paragraphs),
        charts=(svg.draw_twice(partial(watch_chart, watched), "watch"),),
        tables=(
            PartTable(
                "Weekly levels since the step",
                note,
                sentences.BRIEFING_HEADINGS,
                sentences.briefing_rows(rows),
                3,
            ),
        ),
        files={"watch.csv": watch_csv(watched)},
        warnings=tuple(f"Watch: {warning}" for warning in watched.warnings),
    )
    return part, pins


def _watched_source(run: RunRecord) -> str:
    """The source with points, which knows days; else the compared one, which then says why it cannot."""
    points = str(run.parameters["hotspot_source"])
    return str(run.parameters["source"]) if points == NO_SOURCE else points
