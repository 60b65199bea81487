"""The marks of the pictures. Each differs from the others in shape, so that none needs its colour."""

from __future__ import annotations

from markupsafe import Markup

from becalm.render import svg
from becalm.terms import CertaintyBand


def fall(x: float, y: float, size: float = 6.0) -> Markup:
    """A fall that chance does not explain: a full triangle pointing down."""
    corners = [(x - size, y - size * 0.8), (x + size, y - size * 0.8), (x, y + size)]
    return svg.element("path", d=svg.path(corners, close=True), class_="mark fall")


def rise(x: float, y: float, size: float = 6.0) -> Markup:
    """A rise that chance does not explain: a full triangle pointing up."""
    corners = [(x - size, y + size * 0.8), (x + size, y + size * 0.8), (x, y - size)]
    return svg.element("path", d=svg.path(corners, close=True), class_="mark rise")


def unclear(x: float, y: float, size: float = 5.0) -> Markup:
    """A change that chance may explain: an empty circle."""
    return svg.element("circle", cx=x, cy=y, r=size, class_="mark unclear")


def place(x: float, y: float, band: CertaintyBand, size: float = 3.4) -> Markup:
    """A hotspot: a full square if core, an empty diamond if marginal, a small cross if only watched."""
    if band is CertaintyBand.core:
        return svg.element(
            "rect", x=x - size, y=y - size, width=2 * size, height=2 * size, class_="place core"
        )
    if band is CertaintyBand.marginal:
        reach = min(size * 1.25, max(size, 5.0))
        corners = [(x, y - reach), (x + reach, y), (x, y + reach), (x - reach, y)]
        return svg.element("path", d=svg.path(corners, close=True), class_="place marginal")
    arm = size * 0.85
    strokes = svg.path([(x - arm, y - arm), (x + arm, y + arm)]) + svg.path(
        [(x - arm, y + arm), (x + arm, y - arm)]
    )
    return svg.element("path", d=strokes, class_="place watch")
