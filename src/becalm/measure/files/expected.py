"""What was expected, as rows and as text."""

from collections.abc import Iterator
from typing import Final

from becalm.measure.core.expected import ExpectedReport, ExpectedSeries
from becalm.measure.files.estimates import estimate_cells, interval_text
from becalm.render import number_format

HEADINGS: Final = ("Series", "Counted", "Expected", "Interval", "Ratio", "q", "Held before")


def expected_rows(report: ExpectedReport) -> Iterator[dict[str, object]]:
    """Each series and time as a row of a csv; then all times together, with `start` of the period."""
    for series in report.series:
        for time in series.times:
            yield {
                "group": series.group,
                "start": time.start,
                "unit": report.unit,
                "count": time.count,
                **estimate_cells("expected", time.expected),
            }
        yield {
            "group": series.group,
            "start": report.period.start,
            "unit": "period",
            "count": series.count,
            **estimate_cells("expected", series.expected),
            **estimate_cells("ratio", series.ratio),
            "p": series.p_value,
            "q": series.q_value,
            "placebo_held_share": series.placebo_held_share,
            "placebo_count": series.placebo_count,
            "adjustment": report.adjustment,
        }


def expected_cells(report: ExpectedReport) -> Iterator[tuple[str, ...]]:
    """Every series below HEADINGS, all times together."""
    yield from map(_cells, report.series)


def expected_sentences(report: ExpectedReport) -> Iterator[str]:
    """What stands under the table."""
    yield (
        f"Source {report.source}, records as of {report.as_of}. {number_format.period(report.period)} as "
        f"expected by {number_format.period(report.history)} alone, {report.unit} by {report.unit}."
    )
    yield (
        f"Interval: {report.level:.3g} for the count, with doubt about level, season, drift and noise. "
        f"Held before: the share of past {report.unit}s whose count lay in the interval it would have had."
    )
    yield f"q: chance of a false call, allowing for {len(report.series)} series: {report.adjustment}."
    for step in report.steps:
        yield f"Declared step from {step.start}: {step.reason}."
    yield from (f"Warning: {warning}" for warning in report.warnings)


def _cells(series: ExpectedSeries) -> tuple[str, ...]:
    return (
        series.label,
        number_format.whole(series.count),
        number_format.decimal(series.expected.value),
        interval_text(series.expected),
        number_format.decimal(series.ratio.value, 2) if series.ratio else number_format.NO_VALUE,
        number_format.chance(series.q_value),
        number_format.share(series.placebo_held_share),
    )
