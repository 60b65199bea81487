"""The picture of a series through time beside that of the baseline year."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from becalm.render import number_format as words
from becalm.render import svg
from becalm.render.scale import Scale, round_ticks


@dataclass(frozen=True, slots=True)
class SeriesPoint:
    """One month or week of both series; None where the records do not reach.

    `compared` marks the points that the headline compares.
    """

    label: str
    long_label: str
    new: int | None
    old: int | None
    compared: bool = False


@dataclass(frozen=True, slots=True)
class _Frame:
    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float


WIDE = _Frame(width=720, height=320, left=64, right=606, top=22, bottom=276)
NARROW = _Frame(width=340, height=270, left=46, right=328, top=44, bottom=228)


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
    frame = NARROW if narrow else WIDE
    most = max((v for p in points for v in (p.new, p.old) if v is not None), default=1)
    ticks = round_ticks(0, most, about=4)
    up = Scale(0, ticks[-1], frame.bottom, frame.top)
    across = Scale(0, max(len(points) - 1, 1), frame.left + 18, frame.right - 18)
    return svg.picture(
        _compared(points, across, frame),
        _axes(points, ticks, across, up, frame),
        _line([p.old for p in points], across, up, "old"),
        _line([p.new for p in points], across, up, "new"),
        _names(points, up, frame, new_name=new_name, old_name=old_name, narrow=narrow),
        key=key,
        title=title,
        description=_describe(points, new_name, old_name),
        width=frame.width,
        height=frame.height,
        class_="chart",
    )


def _compared(points: tuple[SeriesPoint, ...], across: Scale, frame: _Frame) -> Markup | None:
    chosen = [i for i, p in enumerate(points) if p.compared]
    if not chosen:
        return None
    half = (across(1) - across(0)) / 2 if len(points) > 1 else 18
    left, right = across(chosen[0]) - half, across(chosen[-1]) + half
    right = min(right, frame.right)
    return svg.element(
        "rect", x=left, y=frame.top, width=right - left, height=frame.bottom - frame.top, class_="compared"
    )


def _axes(
    points: tuple[SeriesPoint, ...], ticks: tuple[float, ...], across: Scale, up: Scale, frame: _Frame
) -> Markup:
    parts: list[Markup] = []
    for tick in ticks:
        y = up(tick)
        parts.append(svg.line(frame.left, y, frame.right, y, class_="zero" if tick == 0 else "grid"))
        parts.append(svg.text(frame.left - 8, y + 4, words.whole(tick), class_="tick", text_anchor="end"))
    room = max(1, round(len(points) * 44 / (frame.right - frame.left)))
    last = len(points) - 1
    parts += [
        svg.text(across(i), frame.bottom + 20, p.label, class_="tick", text_anchor="middle")
        for i, p in enumerate(points)
        if (last - i) % room == 0
    ]
    return svg.group(parts)


def _line(values: list[int | None], across: Scale, up: Scale, name: str) -> Markup:
    """A line broken where a value is missing, with a mark on each value."""
    runs: list[list[tuple[float, float]]] = [[]]
    for i, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((across(i), up(value)))
    lines = [svg.element("path", d=svg.path(run), class_=f"line {name}") for run in runs if len(run) > 1]
    return svg.group([*lines, *(_dot(x, y, name) for run in runs for x, y in run)])


def _dot(x: float, y: float, name: str) -> Markup:
    if name == "new":
        return svg.element("circle", cx=x, cy=y, r=4, class_="dot new")
    return svg.element("rect", x=x - 3.4, y=y - 3.4, width=6.8, height=6.8, class_="dot old")


def _names(
    points: tuple[SeriesPoint, ...],
    up: Scale,
    frame: _Frame,
    *,
    new_name: str,
    old_name: str,
    narrow: bool,
) -> Markup:
    """Names at the ends of the lines on a wide page, as a key above on a narrow one."""
    if narrow:
        return svg.group([
            _dot(54, 16, "new"), svg.text(64, 20, new_name, class_="label"),
            _dot(54, 34, "old"), svg.text(64, 38, old_name, class_="label"),
        ])  # fmt: skip
    ends = {
        name: up(next((v for v in reversed(values) if v is not None), 0))
        for name, values in (("new", [p.new for p in points]), ("old", [p.old for p in points]))
    }
    if abs(ends["new"] - ends["old"]) < 16:
        middle = (ends["new"] + ends["old"]) / 2
        above = "new" if ends["new"] <= ends["old"] else "old"
        ends = {name: middle + (-8 if name == above else 8) for name in ends}
    x = frame.right + 2
    return svg.group([
        svg.text(x, ends["new"] + 4, new_name, class_="label strong"),
        svg.text(x, ends["old"] + 4, old_name, class_="label"),
    ])  # fmt: skip


def _describe(points: tuple[SeriesPoint, ...], new_name: str, old_name: str) -> str:
    chosen = [p for p in points if p.compared] or list(points[-1:])
    said = "; ".join(
        f"{p.long_label}: {words.whole(p.new)} ({new_name}), {words.whole(p.old)} ({old_name})"
        for p in chosen
    )
    return f"{len(points)} points. {said}. All values are in the table."
