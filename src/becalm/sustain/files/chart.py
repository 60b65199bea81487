"""A watch as a picture: weeks of each series, the band to be expected, the reference, the step, alarms."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from markupsafe import Markup

from becalm.methods.arrays import Floats
from becalm.render import number_format, svg
from becalm.render.pages import picture_style
from becalm.render.svg import Scale, round_ticks
from becalm.sustain.core.series import key_words, week_name
from becalm.sustain.core.watch import Effort, Watch, WatchedSeries
from becalm.sustain.files.sentences import SHOWN_FIRST

WIDTH, NARROW_WIDTH, PANEL, LEFT_X, RIGHT_ROOM = 720.0, 340.0, 170.0, 58.0, 20.0
EFFORT_ROOM: Final = 40.0
MOST_PANELS: Final = 8
WEEKS_BEFORE: Final = 52
TITLE_ROOM, AXIS_ROOM = 34.0, 26.0
WIDE_LABEL_MONTHS, NARROW_LABEL_MONTHS = (1, 7), (1,)


@dataclass(frozen=True, slots=True)
class _Panel:
    """Where one series is drawn: its weeks from left to right, its counts upwards."""

    top: float
    width: float
    mondays: tuple[date, ...]
    across: Scale
    up: Scale

    @property
    def right_x(self) -> float:
        """The right end of the weeks."""
        return self.width - RIGHT_ROOM


def watch_picture(watch: Watch) -> str:
    """The picture of a watch as a file that stands on its own."""
    chart = str(watch_chart(watch, key="watch", style=picture_style()))
    return chart.replace(
        "<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1
    )  # inside a page it is implied


def watch_chart(watch: Watch, *, key: str, narrow: bool = False, style: str = "") -> Markup:
    """One panel for each series, the most pressing first; a year before the step and all weeks since."""
    shown_series = choose_panels(watch.series)
    width = NARROW_WIDTH if narrow else WIDTH
    height = PANEL + EFFORT_ROOM * len(watch.efforts)
    panels = [
        _draw_panel(series, watch, number * height, width) for number, series in enumerate(shown_series)
    ]
    return svg.picture(
        svg.element("style", Markup(style)) if style else None,  # our own sheet, no text of a record
        *panels,
        key=key,
        title=f"Weekly counts up to {week_name(watch.until)}",
        description=" ".join([*map(_describe, shown_series), *(f"{e.words}." for e in watch.efforts)]),
        width=width,
        height=height * max(len(shown_series), 1),
        class_="chart",
    )


def choose_panels(series: Sequence[WatchedSeries]) -> tuple[WatchedSeries, ...]:
    """The series that are drawn: the force and the most pressing others."""
    ordered_series = sorted(
        (s for s in series if s.state != "withheld"),
        key=lambda s: (s.key != ("", ""), SHOWN_FIRST.index(s.state), -s.relative_score),
    )
    return tuple(ordered_series[:MOST_PANELS])


def _draw_panel(series: WatchedSeries, watch: Watch, top: float, width: float) -> Markup:
    counts, low, high = (
        _newest(values, watch) for values in (series.counts, series.expected_low, series.expected_high)
    )
    largest_count = float(np.nanmax(np.concatenate([counts, high]))) if len(counts) else 1.0
    ticks = round_ticks(0, largest_count, about=3)
    panel = _Panel(
        top,
        width,
        watch.mondays[-len(counts) :],
        Scale(0, max(len(counts) - 1, 1), LEFT_X, width - RIGHT_ROOM),
        Scale(0, ticks[-1], top + PANEL - AXIS_ROOM, top + TITLE_ROOM),
    )
    across, up = panel.across, panel.up
    band_points = [(across(i), up(v)) for i, v in enumerate(high)] + [
        (across(i), up(v)) for i, v in reversed(list(enumerate(low)))
    ]
    panel_text = f"{key_words(series.key)}: {series.state}"
    return svg.group(
        [
            svg.text(8, top + 18, panel_text, class_="label strong"),
            *(_tick(tick, panel) for tick in ticks),
            svg.element("path", d=svg.path(band_points, close=True), class_="compared"),
            _reference(series, panel),
            *_steps(watch, panel),
            *_runs(counts, panel, up),
            *_alarms(series, panel, counts),
            *_dates(panel),
            *(
                _draw_effort(effort, panel, top + PANEL + EFFORT_ROOM * number)
                for number, effort in enumerate(watch.efforts)
            ),
        ]
    )


def _dates(panel: _Panel) -> list[Markup]:
    months = NARROW_LABEL_MONTHS if panel.width < WIDTH else WIDE_LABEL_MONTHS
    return [
        svg.text(panel.across(i), panel.top + PANEL - 8, f"{day:%b %Y}", class_="tick", text_anchor="middle")
        for i, day in enumerate(panel.mondays)
        if day.day <= 7 and day.month in months
    ]


def _draw_effort(effort: Effort, panel: _Panel, top: float) -> Markup:
    """What was done in the same weeks, as a line on its own scale."""
    weekly_amounts = effort.weekly[-len(panel.mondays) :]
    up = Scale(0.0, max(float(np.nanmax(weekly_amounts)), 1.0), top + EFFORT_ROOM - 4, top + 18)
    label = svg.text(8, top + 12, f"{effort.name}, at most {up.high:,.0f} a week", class_="tick")
    return svg.group([label, *_runs(weekly_amounts, panel, up, class_="line old")])


def _newest(values: Floats, watch: Watch) -> Floats:
    """The weeks from a year before the first step on."""
    first_monday = min((step.start for step in watch.steps), default=watch.mondays[0])
    weeks_since = sum(monday >= first_monday for monday in watch.mondays)
    return values[-(weeks_since + WEEKS_BEFORE) :]


def _tick(tick: float, panel: _Panel) -> Markup:
    y = panel.up(tick)
    grid_line = svg.line(LEFT_X, y, panel.right_x, y, class_="zero" if tick == 0 else "grid")
    label = svg.text(LEFT_X - 8, y + 4, number_format.whole(tick), class_="tick", text_anchor="end")
    return svg.group([grid_line, label])


def _reference(series: WatchedSeries, panel: _Panel) -> Markup | None:
    if series.levels.reference is None:
        return None
    y = panel.up(series.levels.reference.value)
    return svg.line(LEFT_X, y, panel.right_x, y, class_="line old")


def _steps(watch: Watch, panel: _Panel) -> list[Markup]:
    marks = []
    for step in watch.steps:
        x = panel.across(sum(monday < step.start for monday in panel.mondays))
        marks.append(svg.line(x, panel.up(panel.up.low), x, panel.up(panel.up.high), class_="bar"))
    return marks


def _runs(counts: Floats, panel: _Panel, up: Scale, *, class_: str = "line new") -> list[Markup]:
    """The counts as lines, broken where a week is missing."""
    is_known = ~np.isnan(counts)
    break_positions = np.flatnonzero(np.diff(is_known.astype(int))) + 1
    runs = [
        run for run in np.split(np.arange(len(counts)), break_positions) if len(run) > 1 and is_known[run[0]]
    ]
    lines = ([(panel.across(i), up(float(counts[i]))) for i in run] for run in runs)
    return [svg.element("path", d=svg.path(line), class_=class_) for line in lines]


def _alarms(series: WatchedSeries, panel: _Panel, counts: Floats) -> list[Markup]:
    columns = [panel.mondays.index(alarm.monday) for alarm in series.alarms if alarm.monday in panel.mondays]
    heights = np.nan_to_num(counts)
    return [svg.rise_mark(panel.across(column), panel.up(float(heights[column]))) for column in columns]


def _describe(series: WatchedSeries) -> str:
    alarm_text = ", ".join(week_name(alarm.monday) for alarm in series.alarms)
    mean = series.levels.weekly_mean
    mean_text = f", {mean.value:.1f} a week" if mean else ""
    return (
        f"{key_words(series.key)}: {series.state}{mean_text}{f'; alarms {alarm_text}' if alarm_text else ''}."
    )
