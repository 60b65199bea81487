"""The pictures of a comparison: the change of each group, and the months that led up to the period."""

from dataclasses import dataclass

from markupsafe import Markup

from becalm.measure.core.comparison import Comparison, Verdict
from becalm.measure.files.sentences import old_count
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


def change_rows(comparison: Comparison) -> tuple[ChangeRow, ...]:
    """The rows of the picture: the total, then every group."""
    return tuple(
        ChangeRow(
            label=row.label,
            new=row.new,
            old=old_count(row.old),
            change=row.change_percent,
            low=row.change_low_percent,
            high=row.change_high_percent,
            verdict=row.verdict(comparison.level),
            by_police=row.found_by == "police",
            is_total=row is comparison.total,
        )
        for row in comparison.all_rows
    )


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
    row_layout = NARROW_ROWS if narrow else WIDE_ROWS
    percent_axis = _change_axis(rows, row_layout)
    chart_height = ROWS_TOP + row_layout.row * len(rows) + 30
    return svg.picture(
        _change_grid(percent_axis, row_layout, bottom=chart_height - 26),
        *(
            _draw_row(row, ROWS_TOP + row_layout.row * i, percent_axis, row_layout)
            for i, row in enumerate(rows)
        ),
        key=key,
        title=title,
        description=" ".join(map(_describe_row, rows)),
        width=row_layout.width,
        height=chart_height,
        class_="chart",
    )


def _change_axis(rows: tuple[ChangeRow, ...], layout: _RowLayout) -> Scale:
    percent_ends = [v for r in rows for v in (r.low, r.high, r.change) if v is not None]
    low_percent = max(min([*percent_ends, -10.0]), -100.0)
    high_percent = min(max([*percent_ends, 10.0]), MOST_PERCENT)
    tick_percents = round_ticks(low_percent, high_percent, about=4 if layout.is_stacked else 6)
    return Scale(max(tick_percents[0], -100.0), tick_percents[-1], layout.left_x, layout.right)


def _change_grid(axis: Scale, layout: _RowLayout, *, bottom: float) -> Markup:
    grid_marks: list[Markup] = []
    for tick in filter(axis.holds, round_ticks(axis.low, axis.high, about=4 if layout.is_stacked else 6)):
        x = axis(tick)
        grid_marks.append(svg.line(x, ROWS_TOP - 6, x, bottom, class_="zero" if tick == 0 else "grid"))
        tick_label = "no change" if tick == 0 else number_format.percent(tick, 0)
        grid_marks += [
            svg.text(x, y, tick_label, class_="tick", text_anchor="middle")
            for y in (ROWS_TOP - 14, bottom + 18)
        ]
    return svg.group(grid_marks)


def _draw_row(row: ChangeRow, top: float, axis: Scale, layout: _RowLayout) -> Markup:
    middle_y = top + (layout.row * 0.7 if layout.is_stacked else layout.row / 2)
    return svg.group([
        _row_background(row, top, layout),
        _row_label(row, top, layout),
        _draw_interval(row, middle_y, axis),
        _draw_change(row, middle_y, axis),
    ])  # fmt: skip


def _row_background(row: ChangeRow, top: float, layout: _RowLayout) -> Markup:
    if not row.is_total:
        return svg.line(0, top + layout.row, layout.width, top + layout.row, class_="rule")
    return svg.element("rect", x=0, y=top, width=layout.width, height=layout.row, class_="total")


def _row_label(row: ChangeRow, top: float, layout: _RowLayout) -> Markup:
    row_name = f"{row.label} †" if row.by_police else row.label
    counts_text = f"{row.old} → {number_format.whole(row.new)}"
    text_class = "label strong" if row.is_total else "label"
    y = top + (16 if layout.is_stacked else layout.row / 2 + 4)
    label_x, counts_x, letter_count = (
        (2, layout.width - 2, 30) if layout.is_stacked else (8, layout.left_x - 16, 32)
    )  # the counts end where the axis begins, or at the edge above it
    return svg.group([
        _label_ground(row, top, layout) if layout.is_stacked else None,
        svg.text(label_x, y, _shorten(row_name, letter_count), class_=text_class),
        svg.text(counts_x, y, counts_text, class_="counts", text_anchor="end"),
    ])  # fmt: skip


def _label_ground(row: ChangeRow, top: float, layout: _RowLayout) -> Markup:
    """Ground for words, so that no line of the grid runs through them."""
    fill_class = "total" if row.is_total else "blank"
    return svg.element("rect", x=0, y=top + 1, width=layout.width, height=20, class_=fill_class)


def _draw_interval(row: ChangeRow, y: float, axis: Scale) -> Markup | None:
    if row.low is None or row.high is None:
        return None
    start_x, end_x = axis(row.low), axis(row.high)
    interval_marks: list[Markup] = [svg.line(start_x, y, end_x, y, class_="bar")]
    for end_percent, x, direction_sign in ((row.low, start_x, -1), (row.high, end_x, 1)):
        if axis.holds(end_percent):
            interval_marks.append(svg.line(x, y - 4, x, y + 4, class_="bar"))
        else:
            arrow_points = [(x, y - 4), (x + 6 * direction_sign, y), (x, y + 4)]
            interval_marks.append(svg.element("path", d=svg.path(arrow_points, close=True), class_="arrow"))
    return svg.group(interval_marks)


def _draw_change(row: ChangeRow, y: float, axis: Scale) -> Markup:
    if row.change is None:
        return _too_few_note(row, y, axis)
    x = axis(row.change)
    if not axis.holds(row.change):
        change_label = number_format.percent(row.change)
        return svg.text(x - 10, y - 6, change_label, class_="note", text_anchor="end")
    return svg.CHANGE_MARKS[row.verdict](x, y)


def _too_few_note(row: ChangeRow, y: float, axis: Scale) -> Markup:
    """Words in place of a mark, on the side of the axis that has room."""
    note_text = {"fall": "fall, ", "rise": "rise, ", "unclear": ""}[row.verdict] + "too few for a percentage"
    if axis(0) < (axis.start + axis.end) / 2:
        return svg.text(axis(0) + 8, y + 4, note_text, class_="note")
    return svg.text(axis(0) - 8, y + 4, note_text, class_="note", text_anchor="end")


def _shorten(label: str, most: int) -> str:
    return label if len(label) <= most else f"{label[: most - 1].rstrip()}…"


def _describe_row(row: ChangeRow) -> str:
    if row.change is None:
        return f"{row.label}: {row.old} to {number_format.whole(row.new)}, too few for a percentage."
    low_text, high_text = number_format.percent(row.low), number_format.percent(row.high)
    interval_text = f", interval {low_text} to {high_text}" if row.low is not None else ""
    return f"{row.label}: {number_format.percent(row.change)}{interval_text}."


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
    series_frame = NARROW_SERIES if narrow else WIDE_SERIES
    largest_count = max((v for p in points for v in (p.new, p.old) if v is not None), default=1)
    tick_counts = round_ticks(0, largest_count, about=4)
    up = Scale(0, tick_counts[-1], series_frame.bottom, series_frame.top)
    month_axis = Scale(0, max(len(points) - 1, 1), series_frame.left_x + 18, series_frame.right - 18)
    return svg.picture(
        _shade_compared(points, month_axis, series_frame),
        _series_axes(points, tick_counts, month_axis, up, series_frame),
        _draw_series([p.old for p in points], month_axis, up, "old"),
        _draw_series([p.new for p in points], month_axis, up, "new"),
        _narrow_key(new_name, old_name)
        if narrow
        else _line_names(points, up, series_frame, new_name, old_name),
        key=key,
        title=title,
        description=_describe_series(points, new_name, old_name),
        width=series_frame.width,
        height=series_frame.height,
        class_="chart",
    )


def _shade_compared(points: tuple[SeriesPoint, ...], across: Scale, frame: _Frame) -> Markup | None:
    compared_indices = [i for i, p in enumerate(points) if p.is_compared]
    if not compared_indices:
        return None
    half_step = (across(1) - across(0)) / 2 if len(points) > 1 else 18
    left_x, right_x = (
        across(compared_indices[0]) - half_step,
        min(across(compared_indices[-1]) + half_step, frame.right),
    )
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
    axis_marks: list[Markup] = []
    for tick in ticks:
        y, tick_label = up(tick), number_format.whole(tick)
        axis_marks.append(svg.line(frame.left_x, y, frame.right, y, class_="zero" if tick == 0 else "grid"))
        axis_marks.append(svg.text(frame.left_x - 8, y + 4, tick_label, class_="tick", text_anchor="end"))
    # A label needs 44 units; the last month is always named, and every so many before it.
    months_per_label = max(1, round(len(points) * 44 / (frame.right - frame.left_x)))
    last_index = len(points) - 1
    axis_marks += [
        svg.text(across(i), frame.bottom + 20, p.label, class_="tick", text_anchor="middle")
        for i, p in enumerate(points)
        if (last_index - i) % months_per_label == 0
    ]
    return svg.group(axis_marks)


def _draw_series(values: list[int | None], across: Scale, up: Scale, name: str) -> Markup:
    """A line broken where a value is missing, with a mark on each value."""
    runs: list[list[tuple[float, float]]] = [[]]
    for i, month_count in enumerate(values):
        if month_count is None:
            runs.append([])
        else:
            runs[-1].append((across(i), up(month_count)))
    line_marks = [svg.element("path", d=svg.path(run), class_=f"line {name}") for run in runs if len(run) > 1]
    return svg.group([*line_marks, *(_draw_dot(x, y, name) for run in runs for x, y in run)])


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
        middle_y, half_gap = (new_y + old_y) / 2, 8 if new_y > old_y else -8
        new_y, old_y = middle_y + half_gap, middle_y - half_gap
    x = frame.right + 2
    return svg.group([
        svg.text(x, new_y + 4, new_name, class_="label strong"),
        svg.text(x, old_y + 4, old_name, class_="label"),
    ])  # fmt: skip


def _describe_series(points: tuple[SeriesPoint, ...], new_name: str, old_name: str) -> str:
    compared_points = [p for p in points if p.is_compared] or list(points[-1:])
    counts_text = "; ".join(
        f"{p.long_label}: {number_format.whole(p.new)} ({new_name}), "
        f"{number_format.whole(p.old)} ({old_name})"
        for p in compared_points
    )
    return f"{len(points)} points. {counts_text}. All values are in the table."
