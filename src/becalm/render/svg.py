"""SVG, element by element: every text and attribute is escaped, every number written the same way."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

from becalm.terms import CertaintyBand

Child = str | Markup | None


def element(name: str, *children: Child, **attributes: str | float | None) -> Markup:
    """One element. `font_size` becomes `font-size`, `class_` becomes `class`; None leaves an attribute out.

    >>> element("circle", cx=1.0, cy=2.25, class_="fall")
    Markup('<circle cx="1" cy="2.25" class="fall"/>')
    """
    attribute_text = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value if isinstance(value, str) else number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner_markup = Markup("").join(escape(child) for child in children if child is not None)
    # Names are ours and values are escaped above.
    return Markup(
        f"<{name}{attribute_text}>{inner_markup}</{name}>" if inner_markup else f"<{name}{attribute_text}/>"
    )


def group(children: Iterable[Child], **attributes: str | float | None) -> Markup:
    """Several elements together."""
    return element("g", *children, **attributes)


def text(x: float, y: float, words: str, **attributes: str | float | None) -> Markup:
    """Words at a point."""
    return element("text", words, x=x, y=y, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, **attributes: str | float | None) -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, **attributes)


def path(points: Iterable[tuple[float, float]], *, close: bool = False) -> str:
    """The `d` of a line through the points."""
    points_text = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return f"M{points_text}Z" if close else f"M{points_text}"


def picture(
    *children: Child, key: str, title: str, description: str, width: float, height: float, class_: str
) -> Markup:
    """A whole picture with its accessible name and description. `key` must be unique in the page."""
    return element(
        "svg",
        element("title", title, id=f"{key}-title"),
        element("desc", description, id=f"{key}-desc"),
        *children,
        viewBox=f"0 0 {number(width)} {number(height)}",
        class_=class_,
        role="img",
        aria_labelledby=f"{key}-title {key}-desc",
    )


def draw_twice(chart: Callable[..., Markup], key: str) -> Markup:
    """The wide and the narrow drawing; the style sheet shows one and hides the other."""
    pair_markup = Markup('<div class="wide">{}</div>\n<div class="narrow">{}</div>')
    return pair_markup.format(chart(key=f"{key}-wide", narrow=False), chart(key=f"{key}-narrow", narrow=True))


def number(value: float) -> str:
    """A coordinate with at most two decimals, and never a negative zero.

    >>> number(3.0), number(-0.001), number(2.345)
    ('3', '0', '2.35')
    """
    digits_text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if digits_text in {"-0", ""} else digits_text


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight line from values to positions; `start` may lie right of or below `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where is this value, held inside the picture?"""
        clamped_value = min(max(value, self.low), self.high)
        return self.start + (clamped_value - self.low) / (self.high - self.low) * (self.end - self.start)

    def holds(self, value: float) -> bool:
        """Whether the value lies on the axis without being held back."""
        return self.low <= value <= self.high


def round_ticks(low: float, high: float, *, about: int = 5) -> tuple[float, ...]:
    """Round values from at or below `low` to at or above `high`, about so many of them.

    >>> round_ticks(0, 74_885, about=4)
    (0.0, 20000.0, 40000.0, 60000.0, 80000.0)
    """
    rough_step = max(high - low, 1e-9) / max(about, 1)
    power_of_ten = 10.0 ** math.floor(math.log10(rough_step))
    tick_step = next(
        m * power_of_ten for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * power_of_ten >= rough_step * 0.999_999
    )
    first_tick_number, last_tick_number = math.floor(low / tick_step), math.ceil(high / tick_step)
    return tuple(
        round(i * tick_step, 10)
        for i in range(first_tick_number, max(last_tick_number, first_tick_number + 1) + 1)
    )


# The marks differ from each other in shape, so that none needs its colour to be recognised.


def fall_mark(x: float, y: float, size: float = 6.0) -> Markup:
    """A fall that chance does not explain: a full triangle pointing down."""
    return _outline([(x - size, y - size * 0.8), (x + size, y - size * 0.8), (x, y + size)], "mark fall")


def rise_mark(x: float, y: float, size: float = 6.0) -> Markup:
    """A rise that chance does not explain: a full triangle pointing up."""
    return _outline([(x - size, y + size * 0.8), (x + size, y + size * 0.8), (x, y - size)], "mark rise")


def unclear_mark(x: float, y: float, size: float = 5.0) -> Markup:
    """A change that chance may explain: an empty circle."""
    return element("circle", cx=x, cy=y, r=size, class_="mark unclear")


CHANGE_MARKS: Final[Mapping[str, Callable[[float, float], Markup]]] = {
    "fall": fall_mark,
    "rise": rise_mark,
    "unclear": unclear_mark,
}


def hotspot_mark(x: float, y: float, band: CertaintyBand, size: float = 3.4) -> Markup:
    """A hotspot: a full square if core, an empty diamond if marginal, a small cross if only watched."""
    if band is CertaintyBand.core:
        return element("rect", x=x - size, y=y - size, width=2 * size, height=2 * size, class_="place core")
    if band is CertaintyBand.marginal:
        half_diagonal = min(size * 1.25, max(size, 5.0))
        return _outline(
            [(x, y - half_diagonal), (x + half_diagonal, y), (x, y + half_diagonal), (x - half_diagonal, y)],
            "place marginal",
        )
    half_arm_length = size * 0.85
    falling, rising = (
        [(x - half_arm_length, y - half_arm_length), (x + half_arm_length, y + half_arm_length)],
        [(x - half_arm_length, y + half_arm_length), (x + half_arm_length, y - half_arm_length)],
    )
    return element("path", d=path(falling) + path(rising), class_="place watch")


def _outline(corners: Iterable[tuple[float, float]], class_: str) -> Markup:
    return element("path", d=path(corners, close=True), class_=class_)
