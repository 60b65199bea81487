"""The answer of a rehearsed year: a table for each question, one picture, and the same as JSON."""

import math
from dataclasses import dataclass
from functools import partial
from typing import Final

from markupsafe import Markup

from becalm import __version__
from becalm.formats.durable_files import write_durably
from becalm.formats.json_text import json_text
from becalm.rehearse.judge import QUESTIONS, Row
from becalm.rehearse.year import Rehearsal
from becalm.render import number_format as words
from becalm.render import svg
from becalm.render.pages import picture_style, self_contained

ROW_HEIGHT: Final = 15.0
TOP: Final = 26.0
LOW_RATIO, HIGH_RATIO = 0.25, 4.0
LARGEST_PICTURE: Final = 120  # rows


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One question of the year: how many figures, and how many of them hold."""

    key: str
    question: str
    held: int
    count: int


def summary_rows(rehearsal: Rehearsal) -> tuple[SummaryRow, ...]:
    """One row for each question that the year asked."""
    return tuple(
        SummaryRow(key, QUESTIONS[key], sum(row.held for row in rows), len(rows))
        for key, rows in rows_by_question(rehearsal).items()
    )


def rows_by_question(rehearsal: Rehearsal) -> dict[str, list[Row]]:
    """The figures under their questions, in the order in which these are asked."""
    rows = {key: [row for row in rehearsal.rows if row.question == key] for key in QUESTIONS}
    return {key: of_key for key, of_key in rows.items() if of_key}


def write_report(rehearsal: Rehearsal) -> None:
    """Write rehearsal.json, rehearsal.html and, where there are intervals, rehearsal.svg."""
    folder = rehearsal.folder
    write_durably(folder / "rehearsal.json", json_text(rehearsal.as_object()))
    write_durably(folder / "rehearsal.html", rehearsal_page(rehearsal))
    if estimates := _estimates(rehearsal):
        picture = interval_picture(estimates, key="rehearsal", narrow=False)
        style = Markup("<style>{}</style>").format(Markup(picture_style()))  # our own style sheet
        text = str(picture).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        head, _, body = text.partition(">")
        write_durably(folder / "rehearsal.svg", f"{head}>{style}{body}\n")


def rehearsal_page(rehearsal: Rehearsal) -> str:
    """The year as a page."""
    estimates = _estimates(rehearsal)
    return self_contained(
        "rehearsal.html",
        rehearsal=rehearsal,
        title=rehearsal.title,
        subtitle="A rehearsed year",
        version=__version__,
        colophon=f"Made by becalm {__version__} on a simulated city; nobody in it exists.",
        summary=[
            (row.question, words.whole(row.count), words.whole(row.held)) for row in summary_rows(rehearsal)
        ],
        tables=[
            (QUESTIONS[key], [_cells(row) for row in rows if row.low != row.high or not row.held])
            for key, rows in rows_by_question(rehearsal).items()
        ],
        picture=svg.draw_twice(partial(interval_picture, estimates), "intervals") if estimates else "",
    )


def _estimates(rehearsal: Rehearsal) -> tuple[Row, ...]:
    """The figures with an interval, as far as a picture can show them."""
    rows = [row for row in rehearsal.rows if row.low != row.high and row.truth > 0 and row.said > 0]
    return tuple(rows[:LARGEST_PICTURE])


def _cells(row: Row) -> tuple[str, ...]:
    numbers = (words.decimal(value, 2) for value in (row.truth, row.said, row.low, row.high))
    return (row.asked, *numbers, "yes" if row.held else "no")


def interval_picture(rows: tuple[Row, ...], *, key: str, narrow: bool) -> Markup:
    """What becalm said, divided by the truth, one line for each figure: the truth is the line at 1."""
    width = 360.0 if narrow else 760.0
    left = 20.0 if narrow else 330.0
    scale = _LogScale(svg.Scale(0.0, 1.0, left, width - 12))
    height = TOP + ROW_HEIGHT * len(rows) + 24
    marks = [mark for index, row in enumerate(rows) for mark in _row_marks(row, index, scale, left, narrow)]
    ticks = [
        svg.text(scale(value), height - 6, label, class_="tick", text_anchor="middle")
        for value, label in ((0.5, "half"), (1.0, "the truth"), (2.0, "twice"))
    ]
    return svg.picture(
        svg.line(scale(1.0), TOP - 8, scale(1.0), height - 20, class_="zero"),
        *marks,
        *ticks,
        key=key,
        title="What becalm said, divided by the truth",
        description=(
            f"{len(rows)} figures with their intervals; the truth lies at 1. "
            f"{sum(not row.held for row in rows)} intervals do not hold it and are marked with a triangle."
        ),
        width=width,
        height=height,
        class_="chart",
    )


@dataclass(frozen=True, slots=True)
class _LogScale:
    """Positions of ratios, equal steps for equal factors."""

    scale: svg.Scale

    def __call__(self, ratio: float) -> float:
        span = math.log(HIGH_RATIO / LOW_RATIO)
        clipped = min(max(ratio, LOW_RATIO), HIGH_RATIO)
        return self.scale(math.log(clipped / LOW_RATIO) / span)


def _row_marks(row: Row, index: int, scale: _LogScale, left: float, narrow: bool) -> list[Markup]:
    y = TOP + ROW_HEIGHT * index
    low_x, said_x, high_x = (scale(value / row.truth) for value in (row.low, row.said, row.high))
    mark = svg.unclear_mark(said_x, y, 3.5) if row.held else svg.rise_mark(said_x, y, 4.5)
    label = [] if narrow else [svg.text(left - 8, y + 4, row.asked, class_="tick", text_anchor="end")]
    return [*label, svg.line(low_x, y, high_x, y, class_="bar"), mark]
