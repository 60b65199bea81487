"""The pictures of a comparison: the change of each group, and the months that led up to the period."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from becalm.measure.core.comparison import Verdict
from becalm.render import number_format, svg
from becalm.render.svg import Scale, round_ticks

MOST_PERCENT = 150.0
"""The axis of changes never reaches further than this; what lies beyond ends in an arrow."""
ROWS_TOP = 40.0


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One row of the picture of changes; `old` is already in words.

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
class _RowLayout:
    """Where things go: labels beside the axis on a wide page, above it on a narrow one."""

    width: float
    row: float
    left_x: float
    right: float
    is_stacked: bool


WIDE_ROWS = _RowLayout(width=720, row=30, left_x=330, right=700, is_stacked=False)
NARROW_ROWS = _RowLayout(width=340, row=48, left_x=22, right=318, is_stacked=True)


def change_chart(rows: tuple[ChangeRow, ...], *, key: str, title: str, narrow: bool = False) -> Markup:
    """How has each group changed, and how sure is that?"""
    layout = NARROW_ROWS if narrow else WIDE_ROWS
    axis = _change_axis(rows, layout)
    height = ROWS_TOP + layout.row * len(rows) + 30
    return svg.picture(
        _change_grid(axis, layout, bottom=height - 26),
        *(_draw_row(row, ROWS_TOP + layout.row * i, axis, layout) for i, row in enumerate(rows)),
        key=key,
        title=title,
        description=" ".join(map(_describe_row, rows)),
        width=layout.width,
        height=height,
        class_="chart",
    )


def _change_axis(rows: tuple[ChangeRow, ...], layout: _RowLayout) -> Scale:
    ends = [v for r in rows for v in (r.low, r.high, r.change) if v is not None]
    low = max(min([*ends, -10.0]), -100.0)
    high = min(max([*ends, 10.0]), MOST_PERCENT)
    ticks = round_ticks(low, high, about=4 if layout.is_stacked else 6)
    return Scale(max(ticks[0], -100.0), ticks[-1], layout.left_x, layout.right)


def _change_grid(axis: Scale, layout: _RowLayout, *, bottom: float) -> Markup:
    parts: list[Markup] = []
    for tick in filter(axis.holds, round_ticks(axis.low, axis.high, about=4 if layout.is_stacked else 6)):
        x = axis(tick)
        parts.append(svg.line(x, ROWS_TOP - 6, x, bottom, class_="zero" if tick == 0 else "grid"))
        label = "no change" if tick == 0 else number_format.percent(tick, 0)
        parts += [
            svg.text(x, y, label, class_="tick", text_anchor="middle") for y in (ROWS_TOP - 14, bottom + 18)
        ]
    return svg.group(parts)


def _draw_row(row: ChangeRow, top: float, axis: Scale, layout: _RowLayout) -> Markup:
    middle = top + (layout.row * 0.7 if layout.is_stacked else layout.row / 2)
    return svg.group([
        _row_background(row, top, layout),
        _row_label(row, top, layout),
        _draw_interval(row, middle, axis),
        _draw_change(row, middle, axis),
    ])  # fmt: skip


def _row_background(row: ChangeRow, top: float, layout: _RowLayout) -> Markup:
    if not row.is_total:
        return svg.line(0, top + layout.row, layout.width, top + layout.row, class_="rule")
    return svg.element("rect", x=0, y=top, width=layout.width, height=layout.row, class_="total")


def _row_label(row: ChangeRow, top: float, layout: _RowLayout) -> Markup:
    name = f"{row.label} †" if row.by_police else row.label
    counts = f"{row.old} → {number_format.whole(row.new)}"
    weight = "label strong" if row.is_total else "label"
    y = top + (16 if layout.is_stacked else layout.row / 2 + 4)
    label_x, counts_x, letters = (
        (2, layout.width - 2, 30) if layout.is_stacked else (8, layout.left_x - 16, 32)
    )  # the counts end where the axis begins, or at the edge above it
    return svg.group([
        _label_ground(row, top, layout) if layout.is_stacked else None,
        svg.text(label_x, y, _shorten(name, letters), class_=weight),
        svg.text(counts_x, y, counts, class_="counts", text_anchor="end"),
    ])  # fmt: skip


def _label_ground(row: ChangeRow, top: float, layout: _RowLayout) -> Markup:
    """Ground for words, so that no line of the grid runs through them."""
    fill = "total" if row.is_total else "blank"
    return svg.element("rect", x=0, y=top + 1, width=layout.width, height=20, class_=fill)


def _draw_interval(row: ChangeRow, y: float, axis: Scale) -> Markup | None:
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


def _draw_change(row: ChangeRow, y: float, axis: Scale) -> Markup:
    if row.change is None:
        return _too_few_note(row, y, axis)
    x = axis(row.change)
    if not axis.holds(row.change):
        label = number_format.percent(row.change)
        return svg.text(x - 10, y - 6, label, class_="note", text_anchor="end")
    return svg.CHANGE_MARKS[row.verdict](x, y)


def _too_few_note(row: ChangeRow, y: float, axis: Scale) -> Markup:
    """Words in place of a mark, on the side of the axis that has room."""
    note = {"fall": "fall, ", "rise": "rise, ", "unclear": ""}[row.verdict] + "too few for a percentage"
    if axis(0) < (axis.start + axis.end) / 2:
        return svg.text(axis(0) + 8, y + 4, note, class_="note")
    return svg.text(axis(0) - 8, y + 4, note, class_="note", text_anchor="end")


def _shorten(label: str, most: int) -> str:
    return label if len(label) <= most else f"{label[: most - 1].rstrip()}…"


def _describe_row(row: ChangeRow) -> str:
    if row.change is None:
        return f"{row.label}: {row.old} to {number_format.whole(row.new)}, too few for a percentage."
    low, high = number_format.percent(row.low), number_format.percent(row.high)
    interval = f", interval {low} to {high}" if row.low is not None else ""
    return f"{row.label}: {number_format.percent(row.change)}{interval}."


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """One month or week of both series; None where the records do not reach.

    `is_compared` marks the points that the headline compares.
    """

    label: str
    long_label: str
    new: int | None
    old: int | None
    is_compared: bool = False


@dataclass(frozen=True, slots=True)
class _Frame:
    width: float
    height: float
    left_x: float
    right: float
    top: float
    bottom: float


WIDE_SERIES = _Frame(width=720, height=320, left_x=64, right=606, top=22, bottom=276)
NARROW_SERIES = _Frame(width=340, height=270, left_x=46, right=328, top=44, bottom=228)


def series_chart(
    points: tuple[SeriesPoint, ...],
    *,
    new_name: str,
    old_name: str,
    key: str,
    title: str,
    narrow: bool = False,
) -> Markup:
    """How did the total run up to and through the period, beside the baseline year?"""
    frame = NARROW_SERIES if narrow else WIDE_SERIES
    most = max((v for p in points for v in (p.new, p.old) if v is not None), default=1)
    ticks = round_ticks(0, most, about=4)
    up = Scale(0, ticks[-1], frame.bottom, frame.top)
    across = Scale(0, max(len(points) - 1, 1), frame.left_x + 18, frame.right - 18)
    return svg.picture(
        _shade_compared(points, across, frame),
        _series_axes(points, ticks, across, up, frame),
        _draw_series([p.old for p in points], across, up, "old"),
        _draw_series([p.new for p in points], across, up, "new"),
        _narrow_key(new_name, old_name) if narrow else _line_names(points, up, frame, new_name, old_name),
        key=key,
        title=title,
        description=_describe_series(points, new_name, old_name),
        width=frame.width,
        height=frame.height,
        class_="chart",
    )


def _shade_compared(points: tuple[SeriesPoint, ...], across: Scale, frame: _Frame) -> Markup | None:
    compared = [i for i, p in enumerate(points) if p.is_compared]
    if not compared:
        return None
    half = (across(1) - across(0)) / 2 if len(points) > 1 else 18
    left_x, right_x = across(compared[0]) - half, min(across(compared[-1]) + half, frame.right)
    return svg.element(
        "rect",
        x=left_x,
        y=frame.top,
        width=right_x - left_x,
        height=frame.bottom - frame.top,
        class_="compared",
    )


def _series_axes(
    points: tuple[SeriesPoint, ...], ticks: tuple[float, ...], across: Scale, up: Scale, frame: _Frame
) -> Markup:
    parts: list[Markup] = []
    for tick in ticks:
        y, label = up(tick), number_format.whole(tick)
        parts.append(svg.line(frame.left_x, y, frame.right, y, class_="zero" if tick == 0 else "grid"))
        parts.append(svg.text(frame.left_x - 8, y + 4, label, class_="tick", text_anchor="end"))
    # A label needs 44 units; the last month is always named, and every so many before it.
    months_per_label = max(1, round(len(points) * 44 / (frame.right - frame.left_x)))
    last = len(points) - 1
    parts += [
        svg.text(across(i), frame.bottom + 20, p.label, class_="tick", text_anchor="middle")
        for i, p in enumerate(points)
        if (last - i) % months_per_label == 0
    ]
    return svg.group(parts)


def _draw_series(values: list[int | None], across: Scale, up: Scale, name: str) -> Markup:
    """A line broken where a value is missing, with a mark on each value."""
    runs: list[list[tuple[float, float]]] = [[]]
    for i, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((across(i), up(value)))
    lines = [svg.element("path", d=svg.path(run), class_=f"line {name}") for run in runs if len(run) > 1]
    return svg.group([*lines, *(_draw_dot(x, y, name) for run in runs for x, y in run)])


def _draw_dot(x: float, y: float, name: str) -> Markup:
    if name == "new":
        return svg.element("circle", cx=x, cy=y, r=4, class_="dot new")
    return svg.element("rect", x=x - 3.4, y=y - 3.4, width=6.8, height=6.8, class_="dot old")


def _narrow_key(new_name: str, old_name: str) -> Markup:
    return svg.group([
        _draw_dot(54, 16, "new"), svg.text(64, 20, new_name, class_="label"),
        _draw_dot(54, 34, "old"), svg.text(64, 38, old_name, class_="label"),
    ])  # fmt: skip


def _line_names(
    points: tuple[SeriesPoint, ...], up: Scale, frame: _Frame, new_name: str, old_name: str
) -> Markup:
    """Names at the ends of the lines, moved apart where the lines end close to each other."""
    new_y = up(next((p.new for p in reversed(points) if p.new is not None), 0))
    old_y = up(next((p.old for p in reversed(points) if p.old is not None), 0))
    if abs(new_y - old_y) < 16:
        middle, half = (new_y + old_y) / 2, 8 if new_y > old_y else -8
        new_y, old_y = middle + half, middle - half
    x = frame.right + 2
    return svg.group([
        svg.text(x, new_y + 4, new_name, class_="label strong"),
        svg.text(x, old_y + 4, old_name, class_="label"),
    ])  # fmt: skip


def _describe_series(points: tuple[SeriesPoint, ...], new_name: str, old_name: str) -> str:
    compared = [p for p in points if p.is_compared] or list(points[-1:])
    counts = "; ".join(
        f"{p.long_label}: {number_format.whole(p.new)} ({new_name}), "
        f"{number_format.whole(p.old)} ({old_name})"
        for p in compared
    )
    return f"{len(points)} points. {counts}. All values are in the table."
