"""Pictures of a design: its windows on a line of days, its trends step by step, its arms place by place."""

from collections.abc import Iterator, Sequence
from datetime import date

from markupsafe import Markup

from becalm.evaluate.core.finding import StepEffect
from becalm.evaluate.core.protocol import Protocol
from becalm.render import number_format as words
from becalm.render import svg
from becalm.render.svg import Scale, round_ticks
from becalm.terms import Period

WIDTH, NARROW_WIDTH, LEFT = 720.0, 340.0, 24.0
ROW, BAR, TOP = 40.0, 12.0, 30.0
STEP_HEIGHT = 200.0
MOST_ROWS = 60  # of a picture of arms


def timeline(protocol: Protocol, *, narrow: bool) -> Markup | None:
    """The windows of the protocol on one line of days; None where it has no days of its own."""
    if protocol.design == "offer":
        return None
    rows = _window_rows(protocol)
    first = min(window.start for _, window in rows)
    last = max(window.end for _, window in rows)
    width = NARROW_WIDTH if narrow else WIDTH
    axis = Scale(0.0, float((last - first).days), LEFT, width - LEFT)
    start_x = axis(float((protocol.windows.after.start - first).days))
    height = TOP + ROW * len(rows) + 8
    bars = []
    for number, (label, window) in enumerate(rows):
        y = TOP + ROW * number
        left, right = (axis(float((day - first).days)) for day in (window.start, window.end))
        bars += [
            svg.text(LEFT, y + 12, f"{label}: {window}", class_="label"),
            svg.element(
                "rect", x=left, y=y + 18, width=max(right - left, 2.0), height=BAR, class_="bar-fill"
            ),
        ]
    return svg.picture(
        svg.line(start_x, TOP - 8, start_x, height - 6, class_="zero"),
        svg.text(min(start_x, width - 60), TOP - 14, "start", class_="tick", text_anchor="middle"),
        *bars,
        key="windows-narrow" if narrow else "windows",
        title="The days that are compared",
        description=" ".join(f"{label}: {window}." for label, window in rows),
        width=width,
        height=height,
        class_="chart narrow" if narrow else "chart wide",
    )


def _window_rows(protocol: Protocol) -> list[tuple[str, Period]]:
    windows, chosen_on = protocol.windows, protocol.places.chosen_on
    rows = [("Chosen on", chosen_on)] if chosen_on else []
    rows += [("Matching", window) for window in windows.matching]
    return [*rows, ("Before", windows.before), ("After", windows.after)]


def step_chart(steps: Sequence[StepEffect], *, narrow: bool) -> Markup | None:
    """Treated to control at each step before and after the start, with intervals; None without steps."""
    if not steps:
        return None
    changes = [tuple(100.0 * (x - 1.0) for x in (s.ratio.low, s.ratio.value, s.ratio.high)) for s in steps]
    ticks = round_ticks(
        max(min(-10.0, *(c[0] for c in changes)), -100.0),
        min(max(10.0, *(c[2] for c in changes)), 150.0),
        about=4,
    )
    width = NARROW_WIDTH if narrow else WIDTH
    across = Scale(float(steps[0].step) - 0.5, float(steps[-1].step) + 0.5, 64.0, width - 12.0)
    up = Scale(ticks[0], ticks[-1], STEP_HEIGHT - 30.0, 16.0)
    edge = across(-0.5)
    marks = []
    for step, (low, value, high) in zip(steps, changes, strict=True):
        x = across(float(step.step))
        mark = svg.fall_mark if high < 0 else svg.rise_mark if low > 0 else svg.unclear_mark
        marks += [
            svg.line(x, up(max(low, ticks[0])), x, up(min(high, ticks[-1])), class_="bar"),
            mark(x, up(value)),
        ]
    return svg.picture(
        svg.group(svg.line(64.0, up(t), width - 12.0, up(t), class_="grid" if t else "zero") for t in ticks),
        svg.group(
            svg.text(58.0, up(t) + 4, words.percent(t, 0) if t else "0%", class_="tick", text_anchor="end")
            for t in ticks
        ),
        svg.line(edge, 10.0, edge, STEP_HEIGHT - 26.0, class_="zero"),
        svg.text(edge, STEP_HEIGHT - 10.0, "start", class_="tick", text_anchor="middle"),
        *marks,
        key="steps-narrow" if narrow else "steps",
        title="Treated to control, time by time",
        description=_describe_steps(steps, changes),
        width=width,
        height=STEP_HEIGHT,
        class_="chart narrow" if narrow else "chart wide",
    )


def _describe_steps(steps: Sequence[StepEffect], changes: Sequence[tuple[float, ...]]) -> str:
    change_texts = ([words.percent(x) for x in change] for change in changes)
    return " ".join(
        f"Time {step.step}: {value}, from {low} to {high}."
        for step, (low, value, high) in zip(steps, change_texts, strict=True)
    )


def arms_picture(arms: Sequence[Sequence[int]], arm_names: Sequence[str], first_day: date) -> Markup:
    """Who is in which arm at which time: a row for each of the first places, a column for each time."""
    rows = arms[:: max(1, -(-len(arms) // MOST_ROWS))]  # evenly over all of them
    time_count = len(rows[0])
    cell = (WIDTH - 2 * LEFT) / time_count
    high = max(3.0, min(8.0, 480.0 / len(rows)))
    height = TOP + high * len(rows) + 26
    stretches = [
        svg.element(
            "rect",
            x=LEFT + cell * first,
            y=TOP + high * row_number,
            width=cell * (end - first),
            height=high,
            class_=f"arm-{min(arm, 2) if len(arm_names) > 2 else 2 * arm}",
        )
        for row_number, row in enumerate(rows)
        for first, end, arm in _stretches(row)
    ]
    shades = ("light", "middle", "dark") if len(arm_names) > 2 else ("light", "dark")
    legend = ", ".join(f"{shade}: {name}" for shade, name in zip(shades, arm_names, strict=False))
    left_out = f" of {len(arms)}" if len(arms) > len(rows) else ""
    label = f"{len(rows)}{left_out} places (rows), {time_count} times; the start is {first_day}"
    return svg.picture(
        svg.text(LEFT, TOP - 12, label, class_="label"),
        *stretches,
        svg.text(LEFT, height - 8, legend, class_="tick"),
        key="arms",
        title="Who is in which arm at which time",
        description=f"{label}; {legend}.",
        width=WIDTH,
        height=height,
        class_="chart",
    )


def _stretches(row: Sequence[int]) -> Iterator[tuple[int, int, int]]:
    """Times in a row with the same arm: first, the one after the last, and the arm."""
    first = 0
    for time in range(1, len(row) + 1):
        if time == len(row) or row[time] != row[first]:
            yield first, time, row[first]
            first = time
