"""The page of sustain."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from becalm.console.job_page import JobPage

if TYPE_CHECKING:
    from markupsafe import Markup

    from becalm.sustain.desk.watch import WatchAnswer


def draw_watch(answer: WatchAnswer) -> Markup:
    """One panel for each series that is watched."""
    from becalm.render.svg import draw_twice
    from becalm.sustain.files.chart import watch_chart

    return draw_twice(partial(watch_chart, answer.watch), "watch")


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
    by_command="Alarms are reviewed with `becalm sustain review`; `becalm sustain step add` declares a step.",
)
