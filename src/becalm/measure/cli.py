"""`becalm measure compare`: how does a period compare with the same period of other years?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from becalm.console.command import Session, command
from becalm.console.emit import View
from becalm.measure.core.request import CompareRequest

if TYPE_CHECKING:
    from becalm.measure.core.comparison import Comparison

app = typer.Typer(no_args_is_help=True, help="Compare a period with the same period of other years.")


@app.callback()
def measure() -> None:
    """Compare a period with the same period of other years, and say how sure the answer is."""


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
