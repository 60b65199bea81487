"""The page of sustain."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

from becalm.console.job_page import Act, JobPage
from becalm.sustain.core.events import ALARM_REVIEWED

if TYPE_CHECKING:
    from markupsafe import Markup

    from becalm.desk import Desk
    from becalm.sustain.desk.watch import WatchAnswer


def draw_watch(answer: WatchAnswer) -> Markup:
    """One panel for each series that is watched."""
    from becalm.render.svg import draw_twice
    from becalm.sustain.files.chart import watch_chart

    return draw_twice(partial(watch_chart, answer.watch), "watch")


STEP_KINDS: Final = ("step_declared", "step_ended")


def open_alarms(desk: Desk) -> Mapping[str, str]:
    """The alarms that nobody has reviewed, the newest first, each with its series and week."""
    from becalm.sustain.desk.watch import past_alarms

    alarms = [alarm for alarm in past_alarms(desk) if alarm.decision is None]
    return {alarm.alarm: f"{alarm.series}, {alarm.week} ({alarm.alarm})" for alarm in reversed(alarms)}


ACTS: Final = {
    "sustain review": Act(
        "Review an alarm", "Record what it was", choices={"alarm": open_alarms}, watched=(ALARM_REVIEWED,)
    ),
    "sustain step add": Act("Declare a step", watched=STEP_KINDS),
    "sustain step end": Act("End a step", watched=STEP_KINDS),
}
PAGE = JobPage(
    job="sustain",
    heading="Sustain",
    lead="Are numbers coming back, and how sure are we?",
    labels={
        "sustain watch": "Watch fallen series",
        "sustain clusters": "Weeks and places that rise together",
        "sustain history": "Alarms so far",
        "sustain step list": "Steps that were declared",
        "sustain backtest": "How the alarms would have done",
    },
    pictures={"sustain watch": draw_watch},
    acts=ACTS,
)
