"""A key figure as a small picture: its last months, and the band that was to be expected of the newest."""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from becalm.measure.core.key_figures import MonthCount
from becalm.render import number_format, svg
from becalm.render.svg import Scale

WIDTH, HEIGHT, EDGE = 210.0, 64.0, 5.0
LABEL_ROOM: Final = 16.0


def sparkline(months: Sequence[MonthCount], *, key: str, title: str) -> Markup:
    """The counts as a line over their band; the first and last month are named below, the last one marked."""
    largest_count = max((max(month.count, month.high or 0.0) for month in months), default=0.0)
    x_scale = Scale(0, max(len(months) - 1, 1), EDGE, WIDTH - EDGE)
    up = Scale(0, largest_count or 1.0, HEIGHT - LABEL_ROOM, EDGE)
    band_points = [(i, month.low, month.high) for i, month in enumerate(months)]
    upper_points = [(x_scale(i), up(high)) for i, _, high in band_points if high is not None]
    lower_points = [(x_scale(i), up(low)) for i, low, _ in reversed(band_points) if low is not None]
    line = [(x_scale(i), up(month.count)) for i, month in enumerate(months)]
    first, last = months[0], months[-1]
    return svg.picture(
        svg.element("path", d=svg.path(upper_points + lower_points, close=True), class_="compared")
        if upper_points
        else None,
        svg.line(EDGE, up(0), WIDTH - EDGE, up(0), class_="zero"),
        svg.element("path", d=svg.path(line), class_="line new"),
        svg.element("circle", cx=line[-1][0], cy=line[-1][1], r=3.5, class_="dot new"),
        svg.text(EDGE, HEIGHT - 3, f"{first.start:%b %Y}", class_="tick"),
        svg.text(WIDTH - EDGE, HEIGHT - 3, f"{last.start:%b %Y}", class_="tick", text_anchor="end"),
        key=key,
        title=title,
        description=describe_months(months),
        width=WIDTH,
        height=HEIGHT,
        class_="chart spark",
    )


def describe_months(months: Sequence[MonthCount]) -> str:
    """The newest month in words, with what was to be expected of it."""
    last_month = months[-1]
    expected_text = (
        f"; {number_format.whole(last_month.low)} to {number_format.whole(last_month.high)} "
        "were to be expected"
        if last_month.low is not None and last_month.high is not None
        else ""
    )
    return f"{number_format.month(last_month.start)}: {last_month.count:,}{expected_text}."
