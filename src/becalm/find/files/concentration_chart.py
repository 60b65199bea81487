"""How concentrated incidents are, as a curve beside that of chance."""

import math
from typing import Final

from markupsafe import Markup

from becalm.find.core.place_history import CurvePoints, PlaceHistory
from becalm.render import number_format, svg
from becalm.render.svg import Scale

LEFT_X: Final = 52.0
LEAST_SHARE: Final = 0.0005
SHARE_TICKS: Final = (0.001, 0.01, 0.1, 1.0)


def concentration_chart(history: PlaceHistory, *, key: str, title: str, narrow: bool = False) -> Markup:
    """The share of incidents in the fullest places; places on a logarithmic scale."""
    width, height = (340.0, 260.0) if narrow else (720.0, 300.0)
    right_x, top, bottom = width - 16, 14.0, height - 46
    log_axis, up = Scale(math.log10(LEAST_SHARE), 0.0, LEFT_X, right_x), Scale(0.0, 1.0, bottom, top)

    def draw(points: CurvePoints, name: str) -> Markup | None:
        line = [(log_axis(math.log10(x)), up(y)) for x, y in points if x >= LEAST_SHARE]
        return svg.element("path", d=svg.path(line), class_=f"line {name}") if len(line) > 1 else None

    return svg.picture(
        _draw_axes(log_axis, up, right_x, bottom),
        draw(history.random_curve, "old"),
        draw(history.curve, "new"),
        svg.text(
            right_x, bottom + 38, "share of places, the fullest first", class_="tick", text_anchor="end"
        ),
        key=key,
        title=title,
        description=describe_curve(history),
        width=width,
        height=height,
        class_="chart",
    )


def _draw_axes(log_axis: Scale, up: Scale, right_x: float, bottom: float) -> Markup:
    grid_marks = [
        mark
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
        for mark in (
            svg.line(LEFT_X, up(share), right_x, up(share), class_="grid" if share else "zero"),
            svg.text(
                LEFT_X - 6, up(share) + 4, number_format.share(share, 0), class_="tick", text_anchor="end"
            ),
        )
    ]
    tick_marks = [
        svg.text(
            log_axis(math.log10(share)),
            bottom + 18,
            number_format.share(share, 1 if share < 0.01 else 0),
            class_="tick",
            text_anchor="end" if share == 1.0 else "middle",
        )
        for share in SHARE_TICKS
    ]
    return svg.group([*grid_marks, *tick_marks])


def describe_curve(history: PlaceHistory) -> str:
    """What the curve says, at one place in a hundred."""
    ours, random = (share_at(points, 0.01) for points in (history.curve, history.random_curve))
    return (
        f"The fullest 1% of places hold {number_format.share(ours)} of incidents; if these were spread at "
        f"random, they would hold {number_format.share(random)}."
    )


def share_at(points: CurvePoints, place_share: float) -> float:
    """The share of incidents in the fullest places of this share, on the line between two points.

    >>> share_at(((0.0, 0.0), (0.5, 0.8), (1.0, 1.0)), 0.25)
    0.4
    """
    earlier = (0.0, 0.0)
    for x, y in points:
        if x >= place_share:
            span = x - earlier[0]
            return earlier[1] + (y - earlier[1]) * ((place_share - earlier[0]) / span if span else 1.0)
        earlier = (x, y)
    return earlier[1]
