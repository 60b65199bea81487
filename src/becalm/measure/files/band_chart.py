"""One figure month by month, over the band that the year before led to expect, with declared steps."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from markupsafe import Markup

from becalm.measure.core.key_figures import MonthCount
from becalm.measure.files.sparkline import describe_months
from becalm.render import number_format, svg
from becalm.render.svg import Scale, round_ticks
from becalm.terms import Step

LABEL_SPAN: Final = 62.0  # units that the name of a month needs


def band_chart(
    months: Sequence[MonthCount], steps: Sequence[Step], *, key: str, title: str, narrow: bool = False
) -> Markup:
    """The counts as a line over their band; a dashed line where somebody declared a step."""
    width, height = (340.0, 220.0) if narrow else (720.0, 240.0)
    left_x, right_x, top, bottom = 52.0, width - 14, 24.0, height - 30
    largest_count = max(max(month.count, month.high or 0.0) for month in months)
    tick_counts = round_ticks(0, largest_count or 1, about=3)
    across = Scale(0, max(len(months) - 1, 1), left_x + 6, right_x - 6)
    up = Scale(0, tick_counts[-1], bottom, top)
    upper = [(across(i), up(m.high)) for i, m in enumerate(months) if m.high is not None]
    lower = [(across(i), up(m.low)) for i, m in reversed(list(enumerate(months))) if m.low is not None]
    line = [(across(i), up(month.count)) for i, month in enumerate(months)]
    month_step = max(1, round(len(months) * LABEL_SPAN / (right_x - left_x)))
    return svg.picture(
        svg.element("path", d=svg.path(upper + lower, close=True), class_="compared") if upper else None,
        svg.group(
            mark
            for tick in tick_counts
            for mark in (
                svg.line(left_x, up(tick), right_x, up(tick), class_="grid" if tick else "zero"),
                svg.text(
                    left_x - 6, up(tick) + 4, number_format.whole(tick), class_="tick", text_anchor="end"
                ),
            )
        ),
        svg.group(
            svg.text(across(i), bottom + 20, f"{m.start:%b %Y}", class_="tick", text_anchor="middle")
            for i, m in enumerate(months)
            if (len(months) - 1 - i) % month_step == 0 and left_x + 20 < across(i) < right_x - 20
        ),
        svg.group(_draw_step(step, months, across, top, bottom) for step in steps),
        svg.element("path", d=svg.path(line), class_="line new"),
        svg.group(svg.element("circle", cx=x, cy=y, r=3, class_="dot new") for x, y in line),
        key=key,
        title=title,
        description=describe_months(months),
        width=width,
        height=height,
        class_="chart",
    )


def _draw_step(
    step: Step, months: Sequence[MonthCount], across: Scale, top: float, bottom: float
) -> Markup | None:
    position = _position(months, step.start)
    if position is None:
        return None
    x = across(position)
    is_right_half = position > len(months) / 2
    return svg.group(
        [
            svg.line(x, top, x, bottom, class_="line old"),
            svg.text(
                x + (-5 if is_right_half else 5),
                top - 8,
                f"step: {step.reason}"[:40],
                class_="tick",
                text_anchor="end" if is_right_half else "start",
            ),
        ]
    )


def _position(months: Sequence[MonthCount], day: date) -> float | None:
    """Where the day lies on the axis of months; None outside of it.

    >>> months = [MonthCount(date(2020, 3, 1), 1), MonthCount(date(2020, 4, 1), 1)]
    >>> _position(months, date(2020, 3, 16)), _position(months, date(2021, 1, 1))
    (0.5, None)
    """
    index = next(
        (i for i, m in enumerate(months) if (m.start.year, m.start.month) == (day.year, day.month)), None
    )
    return None if index is None else min(index + round((day.day - 1) / 30, 2), len(months) - 1.0)
