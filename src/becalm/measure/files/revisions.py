"""Revisions as rows and as text."""

from collections.abc import Iterator
from typing import Final

from becalm.measure.core.revisions import RevisedCount, RevisionReport
from becalm.render import number_format

HEADINGS: Final = ("Series", "As of", "Count", "Change", "Why")


def revision_rows(report: RevisionReport) -> Iterator[dict[str, object]]:
    """Each series and version as a row of a csv."""
    for row in report.rows:
        yield {
            "group": row.group,
            "as_of": row.as_of,
            "count": row.count,
            "change": row.change,
            "reasons": _reasons_text(row),
        }


def revision_cells(report: RevisionReport) -> Iterator[tuple[str, ...]]:
    """Each series and version below HEADINGS; versions that changed nothing in a series are left out."""
    for row in report.rows:
        if row.change is None or row.change or row.reasons:
            change_text = "" if row.change is None else number_format.with_sign(row.change)
            yield (
                row.label,
                str(row.as_of),
                number_format.whole(row.count),
                change_text,
                _reasons_text(row),
            )


def revision_sentences(report: RevisionReport) -> Iterator[str]:
    """What stands under the table."""
    yield (
        f"Source {report.source}, {number_format.period(report.period)}, in {len(report.as_of_days)} "
        "versions of the records. late: written after the version before was made; moved: to another day; "
        "regrouped: counted as another offence."
    )
    yield from (f"Warning: {warning}" for warning in report.warnings)


def _reasons_text(row: RevisedCount) -> str:
    return ", ".join(f"{record_count:,} {kind}" for kind, record_count in row.reasons)
