"""A watch as a picture: weeks of each series, the band to be expected, the reference, the step, alarms."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np
from markupsafe import Markup

from becalm.methods.arrays import Floats
from becalm.render import number_format, svg
from becalm.render.pages import picture_style
from becalm.render.svg import Scale, round_ticks
from becalm.sustain.core.series import week_name
from becalm.sustain.core.watch import Watch, WatchedSeries
from becalm.sustain.files.sentences import SHOWN_FIRST
from becalm.sustain.files.watch import key_words

WIDTH, PANEL, LEFT_X, RIGHT_X = 720.0, 170.0, 58.0, 700.0
MOST_PANELS: Final = 8
WEEKS_BEFORE: Final = 52
TITLE_ROOM, AXIS_ROOM = 34.0, 26.0


def watch_picture(watch: Watch) -> str:
    """The picture of a watch as a file that stands on its own."""
    chart = str(watch_chart(watch, key="watch", style=picture_style()))
    return chart.replace(
        "<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1
    )  # inside a page it is implied


def watch_chart(watch: Watch, *, key: str, style: str = "") -> Markup:
    """One panel for each series, the most pressing first; a year before the step and all weeks since."""
    shown_series = choose_panels(watch.series)
    panels = [_panel(series, watch, number * PANEL) for number, series in enumerate(shown_series)]
    return svg.picture(
        svg.element("style", Markup(style)) if style else None,  # our own sheet, no text of a record
        *panels,
        key=key,
        title=f"Weekly counts up to {week_name(watch.until)}",
        description=" ".join(map(_describe, shown_series)),
        width=WIDTH,
        height=PANEL * max(len(shown_series), 1),
        class_="chart",
    )


def choose_panels(series: Sequence[WatchedSeries]) -> tuple[WatchedSeries, ...]:
    """The series that are drawn: the force and the most pressing others."""
    ordered_series = sorted(
        series, key=lambda s: (s.key != ("", ""), SHOWN_FIRST.index(s.state), -s.relative_score)
    )
    return tuple(ordered_series[:MOST_PANELS])


def _panel(series: WatchedSeries, watch: Watch, top: float) -> Markup:
    counts, low, high = (
        _newest(values, watch) for values in (series.counts, series.expected_low, series.expected_high)
    )
    largest = float(np.nanmax(np.concatenate([counts, high]))) if len(counts) else 1.0
    ticks = round_ticks(0, largest, about=3)
    up = Scale(0, ticks[-1], top + PANEL - AXIS_ROOM, top + TITLE_ROOM)
    across = Scale(0, max(len(counts) - 1, 1), LEFT_X, RIGHT_X)
    mondays = watch.mondays[-len(counts) :]
    band = [(across(i), up(v)) for i, v in enumerate(high)] + [
        (across(i), up(v)) for i, v in reversed(list(enumerate(low)))
    ]
    words = f"{key_words(series.key)}: {series.state}"
    return svg.group(
        [
            svg.text(8, top + 18, words, class_="label strong"),
            *(_tick(tick, up) for tick in ticks),
            svg.element("path", d=svg.path(band, close=True), class_="compared"),
            _reference(series, up),
            *_steps(watch, mondays, across, up),
            *_runs(counts, across, up),
            *_alarms(series, mondays, across, up, counts),
            *(
                svg.text(across(i), top + PANEL - 8, f"{day:%b %Y}", class_="tick", text_anchor="middle")
                for i, day in enumerate(mondays)
                if day.day <= 7 and day.month in (1, 7)
            ),
        ]
    )


def _newest(values: Floats, watch: Watch) -> Floats:
    """The weeks from a year before the first step on."""
    first = min((step.start for step in watch.steps), default=watch.mondays[0])
    weeks_since = sum(monday >= first for monday in watch.mondays)
    return values[-(weeks_since + WEEKS_BEFORE) :]


def _tick(tick: float, up: Scale) -> Markup:
    y = up(tick)
    grid_line = svg.line(LEFT_X, y, RIGHT_X, y, class_="zero" if tick == 0 else "grid")
    label = svg.text(LEFT_X - 8, y + 4, number_format.whole(tick), class_="tick", text_anchor="end")
    return svg.group([grid_line, label])


def _reference(series: WatchedSeries, up: Scale) -> Markup | None:
    if series.levels.reference is None:
        return None
    y = up(series.levels.reference.value)
    return svg.line(LEFT_X, y, RIGHT_X, y, class_="line old")


def _steps(watch: Watch, mondays: Sequence[date], across: Scale, up: Scale) -> list[Markup]:
    marks = []
    for step in watch.steps:
        column = sum(monday < step.start for monday in mondays)
        marks.append(svg.line(across(column), up(up.low), across(column), up(up.high), class_="bar"))
    return marks


def _runs(counts: Floats, across: Scale, up: Scale) -> list[Markup]:
    """The counts as lines, broken where a week is missing."""
    is_known = ~np.isnan(counts)
    breaks = np.flatnonzero(np.diff(is_known.astype(int))) + 1
    runs = [run for run in np.split(np.arange(len(counts)), breaks) if len(run) > 1 and is_known[run[0]]]
    return [
        svg.element("path", d=svg.path((across(i), up(float(counts[i]))) for i in run), class_="line new")
        for run in runs
    ]


def _alarms(
    series: WatchedSeries, mondays: Sequence[date], across: Scale, up: Scale, counts: Floats
) -> list[Markup]:
    columns = [list(mondays).index(alarm.monday) for alarm in series.alarms if alarm.monday in mondays]
    return [svg.rise_mark(across(column), up(float(np.nan_to_num(counts[column])))) for column in columns]


def _describe(series: WatchedSeries) -> str:
    alarm_text = ", ".join(week_name(alarm.monday) for alarm in series.alarms)
    mean = series.levels.weekly_mean
    mean_text = f", {mean.value:.1f} a week" if mean else ""
    return (
        f"{key_words(series.key)}: {series.state}{mean_text}{f'; alarms {alarm_text}' if alarm_text else ''}."
    )
