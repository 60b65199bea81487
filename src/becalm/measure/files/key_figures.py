"""The key figures as rows and as text."""

from collections.abc import Iterator
from typing import Final

from becalm.measure.core.key_figures import KeyFigureReport, KeyFigureRow
from becalm.measure.files import comparison as comparison_text
from becalm.measure.files import sentences
from becalm.render import number_format

HEADINGS: Final = ("Figure", "Before", "Now", "Change", "Interval", "Verdict", "Last month expected")


def figure_record(report: KeyFigureReport) -> dict[str, object]:
    """The report as other programs read it."""
    return {
        "table": {"key": report.table.key, "version": report.table.version, "sha256": report.table.sha256},
        "period": {"start": report.period.start, "end": report.period.end},
        "baseline": report.baseline.label,
        "source": report.source,
        "as_of": report.as_of,
        "level": report.level,
        "figures": [
            {
                "key": figure.key,
                **figure.row.as_record(),
                "label": figure.label,
                "verdict": figure.verdict,
                "months": [
                    {"month": f"{m.start:%Y-%m}", "count": m.count, "low": m.low, "high": m.high}
                    for m in figure.months
                ],
            }
            for figure in report.figures
        ],
        "left_out": [{"label": label, "reason": reason} for label, reason in report.left_out],
        "warnings": list(report.warnings),
    }


def figure_rows(report: KeyFigureReport) -> Iterator[dict[str, object]]:
    """Each figure as a row of a csv."""
    for figure in report.figures:
        yield {**figure.row.as_record(), "key": figure.key, "label": figure.label, "verdict": figure.verdict}


def figure_cells(report: KeyFigureReport) -> Iterator[tuple[str, ...]]:
    """Each figure below HEADINGS."""
    for figure in report.figures:
        yield (
            figure.label,
            sentences.old_count(figure.row.old),
            number_format.whole(figure.row.new),
            *comparison_text.change_cells(figure.row),
            sentences.verdict_words(figure.row, report.level),
            band_text(figure),
        )


def band_text(figure: KeyFigureRow) -> str:
    """The last month's count and the interval that was expected of it."""
    month = figure.months[-1] if figure.months else None
    if month is None or month.low is None or month.high is None:
        return number_format.NO_VALUE
    low, high = number_format.whole(month.low), number_format.whole(month.high)
    return f"{month.count:,} of {low} to {high}"


def figure_sentences(report: KeyFigureReport) -> Iterator[str]:
    """What stands under the table."""
    baseline_name = sentences.baseline_name(report.baseline)
    yield (
        f"Source {report.source}, {number_format.period(report.period)} against {baseline_name}, as of "
        f"{number_format.day(report.as_of)}. What counts as each figure stands in {report.table.key} version "
        f"{report.table.version}. One offence may count for several figures, so they have no sum."
    )
    yield from (f"Left out: {label}, because {reason}." for label, reason in report.left_out)
    yield from (f"Warning: {warning}" for warning in report.warnings)
