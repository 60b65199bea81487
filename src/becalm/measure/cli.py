"""`becalm measure compare | key-figures | delay | expected | revisions`: counts, and how they compare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from becalm.console.command import Session, command
from becalm.console.emit import View
from becalm.measure.core.request import (
    CompareRequest,
    DelayRequest,
    ExpectedRequest,
    KeyFiguresRequest,
    RevisionsRequest,
)

if TYPE_CHECKING:
    from becalm.measure.core.comparison import Comparison
    from becalm.measure.core.delay import DelayReport
    from becalm.measure.core.expected import ExpectedReport
    from becalm.measure.core.key_figures import KeyFigureReport
    from becalm.measure.core.revisions import RevisionReport

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


@command(app, "key-figures", KeyFiguresRequest)
def key_figures(session: Session, request: KeyFiguresRequest) -> None:
    """How do the key figures of violence stand: beside a baseline, and beside what was to be expected?"""
    from becalm.measure.desk import compare_key_figures
    from becalm.measure.files.key_figures import figure_record, figure_rows

    view: View[KeyFigureReport] = View(figure_record, figure_rows, _figure_lines)
    session.emit(compare_key_figures(session.open_desk(), request), view)


def _figure_lines(report: KeyFigureReport) -> Iterable[object]:
    from becalm.measure.files import key_figures as text

    return _table_and_text(
        text.HEADINGS, text.figure_cells(report), text.figure_sentences(report), left=text.HEADINGS[:1]
    )


@command(app, "delay", DelayRequest)
def delay(session: Session, request: DelayRequest) -> None:
    """How complete are the newest weeks, and what will they hold in the end?"""
    from becalm.measure.desk import measure_delay
    from becalm.measure.files.delay import delay_rows

    view: View[DelayReport] = View(asdict, delay_rows, _delay_lines)
    session.emit(measure_delay(session.open_desk(), request), view)


def _delay_lines(report: DelayReport) -> Iterable[object]:
    from becalm.measure.files import delay as text

    return _table_and_text(
        text.HEADINGS, text.delay_cells(report), text.delay_sentences(report), left=text.HEADINGS[:2]
    )


@command(app, "expected", ExpectedRequest)
def expected(session: Session, request: ExpectedRequest) -> None:
    """What was each series expected to hold in a period, by the times before it alone?"""
    from becalm.measure.desk import expect
    from becalm.measure.files.expected import expected_rows

    view: View[ExpectedReport] = View(asdict, expected_rows, _expected_lines)
    session.emit(expect(session.open_desk(), request), view)


def _expected_lines(report: ExpectedReport) -> Iterable[object]:
    from becalm.measure.files import expected as text

    return _table_and_text(
        text.HEADINGS, text.expected_cells(report), text.expected_sentences(report), left=text.HEADINGS[:1]
    )


@command(app, "revisions", RevisionsRequest)
def revisions(session: Session, request: RevisionsRequest) -> None:
    """What was this figure on each as-of day, and why did it move?"""
    from becalm.measure.desk import trace_revisions
    from becalm.measure.files.revisions import revision_rows

    view: View[RevisionReport] = View(asdict, revision_rows, _revision_lines)
    session.emit(trace_revisions(session.open_desk(), request), view)


def _revision_lines(report: RevisionReport) -> Iterable[object]:
    from becalm.measure.files import revisions as text

    headings = text.HEADINGS
    return _table_and_text(
        headings,
        text.revision_cells(report),
        text.revision_sentences(report),
        left=(*headings[:2], headings[-1]),
    )


def _table_and_text(
    headings: Sequence[str], rows: Iterable[Sequence[str]], sentences: Iterable[str], *, left: Sequence[str]
) -> Iterable[object]:
    """A table, and what stands under it."""
    from rich.text import Text

    from becalm.console.screen import string_table

    yield string_table(headings, rows, left=left)
    yield ""
    yield from map(Text, sentences)
