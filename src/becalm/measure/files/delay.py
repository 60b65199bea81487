"""A report of delays as rows and as text."""

from collections.abc import Iterator
from typing import Final

from becalm.measure.core.delay import DelayReport, DelayRow
from becalm.measure.files.estimates import estimate_cells, interval_text
from becalm.render import number_format

HEADINGS: Final = ("Series", "From", "Known", "Complete", "In the end", "Interval")
BASIS_TEXT: Final = {
    "recorded days": "learned from the days on which records were written",
    "former versions": "learned from former versions of the archive",
    "unknown": "unknown",
}


def delay_rows(report: DelayReport) -> Iterator[dict[str, object]]:
    """Each series and week as a row of a csv."""
    for row in report.rows:
        yield {
            "group": row.group,
            "start": row.start,
            "unit": report.unit,
            "known_count": row.known_count,
            **estimate_cells("completeness", row.completeness),
            **estimate_cells("final", row.final),
        }


def delay_cells(report: DelayReport) -> Iterator[tuple[str, ...]]:
    """The newest week of each series below HEADINGS, or all that are shown of a single one."""
    is_single = len({row.group for row in report.rows}) == 1
    newest_start = max((row.start for row in report.rows), default=None)
    for row in report.rows:
        if is_single or row.start == newest_start:
            yield _cells(row)


def delay_sentences(report: DelayReport) -> Iterator[str]:
    """What stands under the table."""
    yield (
        f"Source {report.source}, records as of {report.as_of}. Completeness: {BASIS_TEXT[report.basis]}; "
        f"what comes more than {report.longest_delay} {report.unit}s late is not waited for."
    )
    if report.past_held_share is not None:
        yield (
            f"Interval: {report.level:.3g}. Of {report.past_nowcast_count:,} past nowcasts of a newest "
            f"{report.unit}, {number_format.share(report.past_held_share)} held what came in the end."
        )
    yield from (f"Warning: {warning}" for warning in report.warnings)


def _cells(row: DelayRow) -> tuple[str, ...]:
    return (
        row.label,
        str(row.start),
        number_format.whole(row.known_count),
        number_format.share(row.completeness.value) if row.completeness else "unknown",
        number_format.decimal(row.final.value) if row.final else number_format.NO_VALUE,
        interval_text(row.final),
    )
