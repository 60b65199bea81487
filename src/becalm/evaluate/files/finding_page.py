"""A finding as one page: question, answer, displacement, checks, other choices, protocol."""

from markupsafe import Markup

from becalm import __version__
from becalm.evaluate.core.evaluation import Evaluation
from becalm.evaluate.core.finding import ChoiceRow
from becalm.evaluate.core.protocol import DESIGN_HELP
from becalm.evaluate.files.design_drawings import step_chart, timeline
from becalm.evaluate.files.finding_text import estimate_texts, total_texts
from becalm.render import number_format as words
from becalm.render import svg
from becalm.render.pages import self_contained
from becalm.render.svg import Scale, round_ticks

ROW, TOP, LEFT = 46.0, 34.0, 24.0
WIDTH, NARROW_WIDTH = 720.0, 340.0
MOST_PERCENT = 100.0  # the axis never reaches further


def finding_page(answer: Evaluation) -> str:
    """The finding as a self-contained page."""
    widths, finding = (False, True), answer.finding
    charts = [choice_chart(finding.choices, narrow=narrow) for narrow in widths]
    step_charts = [step_chart(finding.steps, narrow=narrow) for narrow in widths]
    timelines = [timeline(answer.protocol, narrow=narrow) for narrow in widths]
    return self_contained(
        "evaluation.html",
        {"estimate_texts": estimate_texts, "total_texts": total_texts},
        answer=answer,
        finding=answer.finding,
        design_help=DESIGN_HELP[answer.protocol.design],
        has_hours=any(arm.planned_hours or arm.delivered_hours for arm in answer.finding.totals),
        charts=[chart for chart in charts if chart is not None],
        step_charts=[chart for chart in step_charts if chart is not None],
        timelines=[drawing for drawing in timelines if drawing is not None],
        title="Evaluation",
        subtitle=f"Evaluation, {answer.state}" + (", for the public" if answer.is_public else ""),
        version=f"becalm {__version__}",
        colophon=f"Protocol {answer.protocol_sha256[:16]}, {answer.state}.",
    )


def choice_chart(rows: tuple[ChoiceRow, ...], *, narrow: bool) -> Markup | None:
    """Every choice's change with its interval, the registered one first and marked; None without others."""
    shown_rows = [row for row in rows if row.estimate is not None]
    if len(rows) < 2 or not shown_rows:
        return None
    changes = [_changes(row) for row in shown_rows]
    ticks = round_ticks(
        min(-10.0, *(c[0] for c in changes)), min(max(10.0, *(c[2] for c in changes)), MOST_PERCENT), about=5
    )
    width = NARROW_WIDTH if narrow else WIDTH
    axis, bottom = Scale(ticks[0], ticks[-1], LEFT, width - LEFT), TOP + ROW * len(shown_rows)
    return svg.picture(
        svg.group(svg.line(axis(t), TOP - 6, axis(t), bottom, class_="grid" if t else "zero") for t in ticks),
        svg.group(
            svg.text(
                axis(t),
                TOP - 14,
                words.percent(t, 0) if t else "no change",
                class_="tick",
                text_anchor="middle",
            )
            for t in ticks[:: 2 if narrow else 1]
        ),
        *(
            _draw_choice(row, change, TOP + ROW * number, axis, width)
            for number, (row, change) in enumerate(zip(shown_rows, changes, strict=True))
        ),
        key="choices-narrow" if narrow else "choices",
        title="The change under every choice that the protocol lists",
        description=" ".join(
            f"{row.choices}: {words.percent(value)}, from {words.percent(low)} to {words.percent(high)}."
            for row, (low, value, high) in zip(shown_rows, changes, strict=True)
        ),
        width=width,
        height=bottom + 8,
        class_="chart narrow" if narrow else "chart wide",
    )


def _changes(row: ChoiceRow) -> tuple[float, float, float]:
    """Low, value and high of a row that has an estimate, as changes in per cent."""
    estimate = row.estimate
    if estimate is None:
        raise ValueError(f"{row.choices} was refused: it has no change to draw.")
    return 100.0 * (estimate.low - 1.0), 100.0 * (estimate.value - 1.0), 100.0 * (estimate.high - 1.0)


def _draw_choice(
    row: ChoiceRow, change: tuple[float, float, float], y: float, axis: Scale, width: float
) -> Markup:
    low, value, high = change
    middle_y = y + ROW - 14
    mark = svg.fall_mark if high < 0 else svg.rise_mark if low > 0 else svg.unclear_mark
    label = f"Registered: {row.choices}" if row.is_registered else row.choices
    return svg.group(
        (
            svg.element("rect", x=0, y=y + 1, width=width, height=20, class_="blank"),
            svg.text(2, y + 15, label, class_="label strong" if row.is_registered else "label"),
            svg.line(axis(low), middle_y, axis(high), middle_y, class_="bar"),
            *(
                svg.line(axis(end), middle_y - 4, axis(end), middle_y + 4, class_="bar")
                for end in (low, high)
            ),
            mark(axis(value), middle_y),
        )
    )
