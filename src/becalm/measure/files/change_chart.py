"""The picture of a comparison: one row a group, a mark for the change, a bar for its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from becalm.render import marks, svg
from becalm.render import number_format as words
from becalm.render.scale import Scale, round_ticks

Verdict = Literal["fall", "rise", "unclear"]
MOST_PERCENT = 150.0
"""The axis never reaches further than this; what lies beyond ends in an arrow."""


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One row of the picture; `old` is already in words.

    Changes are in per cent, None where they are suppressed.
    """

    label: str
    new: int
    old: str
    change: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    by_police: bool = False
    is_total: bool = False


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where things go: labels beside the axis on a wide page, above it on a narrow one."""

    width: float
    row: float
    left: float
    right: float
    stacked: bool


WIDE = _Layout(width=720, row=30, left=330, right=700, stacked=False)
NARROW = _Layout(width=340, row=48, left=22, right=318, stacked=True)
_TOP = 40.0


def change_chart(rows: tuple[ChangeRow, ...], *, key: str, title: str, narrow: bool = False) -> Markup:
    """How has each group changed, and how sure is that?"""
    layout = NARROW if narrow else WIDE
    axis = _axis(rows, layout)
    height = _TOP + layout.row * len(rows) + 30
    return svg.picture(
        _grid(axis, layout, bottom=height - 26),
        *(_row(row, _TOP + layout.row * i, axis, layout) for i, row in enumerate(rows)),
        key=key,
        title=title,
        description=_describe(rows),
        width=layout.width,
        height=height,
        class_="chart",
    )


def _axis(rows: tuple[ChangeRow, ...], layout: _Layout) -> Scale:
    ends = [v for r in rows for v in (r.low, r.high, r.change) if v is not None]
    low = max(min([*ends, -10.0]), -100.0)
    high = min(max([*ends, 10.0]), MOST_PERCENT)
    ticks = round_ticks(low, high, about=4 if layout.stacked else 6)
    return Scale(max(ticks[0], -100.0), ticks[-1], layout.left, layout.right)


def _grid(axis: Scale, layout: _Layout, *, bottom: float) -> Markup:
    parts: list[Markup] = []
    for tick in round_ticks(axis.low, axis.high, about=4 if layout.stacked else 6):
        if not axis.holds(tick):
            continue
        x = axis(tick)
        parts.append(svg.line(x, _TOP - 6, x, bottom, class_="zero" if tick == 0 else "grid"))
        label = "no change" if tick == 0 else words.percent(tick, 0)
        parts += [
            svg.text(x, _TOP - 14, label, class_="tick", text_anchor="middle"),
            svg.text(x, bottom + 18, label, class_="tick", text_anchor="middle"),
        ]
    return svg.group(parts)


def _row(row: ChangeRow, top: float, axis: Scale, layout: _Layout) -> Markup:
    middle = top + (layout.row * 0.7 if layout.stacked else layout.row / 2)
    return svg.group([
        _band(row, top, layout),
        _label(row, top, layout),
        _interval(row, middle, axis),
        _mark(row, middle, axis),
    ])  # fmt: skip


def _band(row: ChangeRow, top: float, layout: _Layout) -> Markup | None:
    if not row.is_total:
        return svg.line(0, top + layout.row, layout.width, top + layout.row, class_="rule")
    return svg.element("rect", x=0, y=top, width=layout.width, height=layout.row, class_="total")


def _label(row: ChangeRow, top: float, layout: _Layout) -> Markup:
    name = f"{row.label} †" if row.by_police else row.label
    counts = f"{row.old} → {words.whole(row.new)}"
    weight = "label strong" if row.is_total else "label"
    if layout.stacked:
        y = top + 16
        return svg.group([
            _blank(row, top, layout),
            svg.text(2, y, _shortened(name, 30), class_=weight),
            svg.text(layout.width - 2, y, counts, class_="counts", text_anchor="end"),
        ])  # fmt: skip
    y = top + layout.row / 2 + 4
    return svg.group([
        svg.text(8, y, _shortened(name, 32), class_=weight),
        svg.text(layout.left - 16, y, counts, class_="counts", text_anchor="end"),
    ])  # fmt: skip


def _blank(row: ChangeRow, top: float, layout: _Layout) -> Markup:
    """Ground for words, so that no line of the grid runs through them."""
    fill = "total" if row.is_total else "blank"
    return svg.element("rect", x=0, y=top + 1, width=layout.width, height=20, class_=fill)


def _interval(row: ChangeRow, y: float, axis: Scale) -> Markup | None:
    if row.low is None or row.high is None:
        return None
    start, end = axis(row.low), axis(row.high)
    parts: list[Markup] = [svg.line(start, y, end, y, class_="bar")]
    for value, x, outward in ((row.low, start, -1), (row.high, end, 1)):
        if axis.holds(value):
            parts.append(svg.line(x, y - 4, x, y + 4, class_="bar"))
        else:
            arrow = [(x, y - 4), (x + 6 * outward, y), (x, y + 4)]
            parts.append(svg.element("path", d=svg.path(arrow, close=True), class_="arrow"))
    return svg.group(parts)


def _mark(row: ChangeRow, y: float, axis: Scale) -> Markup:
    if row.change is None:
        return _too_few(row, y, axis)
    if not axis.holds(row.change):
        return svg.text(
            axis(row.change) - 10, y - 6, words.percent(row.change), class_="note", text_anchor="end"
        )
    draw = {"fall": marks.fall, "rise": marks.rise, "unclear": marks.unclear}[row.verdict]
    return draw(axis(row.change), y)


def _too_few(row: ChangeRow, y: float, axis: Scale) -> Markup:
    """Words in place of a mark, on the side of the axis that has room."""
    said = {"fall": "fall, ", "rise": "rise, ", "unclear": ""}[row.verdict] + "too few for a percentage"
    if axis(0) < (axis.start + axis.end) / 2:
        return svg.text(axis(0) + 8, y + 4, said, class_="note")
    return svg.text(axis(0) - 8, y + 4, said, class_="note", text_anchor="end")


def _shortened(label: str, most: int) -> str:
    return label if len(label) <= most else f"{label[: most - 1].rstrip()}…"


def _describe(rows: tuple[ChangeRow, ...]) -> str:
    def say(row: ChangeRow) -> str:
        if row.change is None:
            return f"{row.label}: {row.old} to {words.whole(row.new)}, too few for a percentage."
        interval = (
            f", interval {words.percent(row.low)} to {words.percent(row.high)}" if row.low is not None else ""
        )
        return f"{row.label}: {words.percent(row.change)}{interval}."

    return " ".join(say(row) for row in rows)
