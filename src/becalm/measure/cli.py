"""`becalm measure compare | delay | expected`: what is counted, how it compares, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from becalm.console.command import Session, command
from becalm.console.emit import View
from becalm.measure.core.request import CompareRequest, DelayRequest, ExpectedRequest

if TYPE_CHECKING:
    from becalm.measure.core.comparison import Comparison
    from becalm.measure.core.delay import DelayReport
    from becalm.measure.core.expected import ExpectedReport

app = typer.Typer(no_args_is_help=True, help="Count, compare, and say how sure the answer is.")


@app.callback()
def measure() -> None:
    """Count, compare with other years and with what was to be expected, and say how sure the answer is."""


@command(app, "compare", CompareRequest)
def compare(session: Session, request: CompareRequest) -> None:
    """How does the period compare with the same period of other years, group by group?"""
    from becalm.measure.desk import compare as compare_periods

    session.emit(compare_periods(session.open_desk(), request), comparison_view())


def comparison_view() -> View[Comparison]:
    """How a comparison is shown."""
    from becalm.measure.files import comparison as text

    return View(text.comparison_record, text.comparison_rows, _lines, columns=text.CSV_COLUMNS)


def _lines(comparison: Comparison) -> Iterable[object]:
    from rich.text import Text

    from becalm.console.screen import string_table
    from becalm.measure.files import comparison as text

    text_columns = (text.TEXT_COLUMNS[0], text.TEXT_COLUMNS[-1])
    yield from map(Text, text.opening_sentences(comparison))  # folded between words, not cut
    yield ""
    yield string_table(text.TEXT_COLUMNS, text.comparison_lines(comparison), left=text_columns)
    if len(comparison.against) > 1:
        baseline_labels = [contrast.baseline.label for contrast in comparison.against]
        yield ""
        yield string_table(
            ("Change against", *baseline_labels), text.side_by_side(comparison), left=("Change against",)
        )
    yield ""
    yield from map(Text, text.small_print(comparison))


@command(app, "delay", DelayRequest)
def delay(session: Session, request: DelayRequest) -> None:
    """How complete are the newest weeks, and what will they hold in the end?"""
    from becalm.measure.desk import measure_delay
    from becalm.measure.files.delay import delay_rows

    view: View[DelayReport] = View(asdict, delay_rows, _delay_lines)
    session.emit(measure_delay(session.open_desk(), request), view)


def _delay_lines(report: DelayReport) -> Iterable[object]:
    from rich.text import Text

    from becalm.console.screen import string_table
    from becalm.measure.files import delay as text

    yield string_table(text.HEADINGS, text.delay_cells(report), left=text.HEADINGS[:2])
    yield ""
    yield from map(Text, text.delay_sentences(report))


@command(app, "expected", ExpectedRequest)
def expected(session: Session, request: ExpectedRequest) -> None:
    """What was each series expected to hold in a period, by the times before it alone?"""
    from becalm.measure.desk import expect
    from becalm.measure.files.expected import expected_rows

    view: View[ExpectedReport] = View(asdict, expected_rows, _expected_lines)
    session.emit(expect(session.open_desk(), request), view)


def _expected_lines(report: ExpectedReport) -> Iterable[object]:
    from rich.text import Text

    from becalm.console.screen import string_table
    from becalm.measure.files import expected as text

    yield string_table(text.HEADINGS, text.expected_cells(report), left=text.HEADINGS[:1])
    yield ""
    yield from map(Text, text.expected_sentences(report))
