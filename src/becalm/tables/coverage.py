"""Which months do the records not cover? Missing, cut short, far below their neighbours, loaded in part.

A real fall lasts; a fault is mostly a single month. So a month counts as low only against the lower of
its two sides, and the words say that it may be real. Thresholds stand here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import ibis
import numpy as np
from ibis import Table

from becalm.tables.archive import ArchiveFile
from becalm.tables.faults import CUT_OFF, REPEATED
from becalm.tables.tally import Floats, Ints, MonthlyTotals
from becalm.tables.totals import first_of, last_of
from becalm.terms import Gap

SIDE = 3  # months on either side that a month is compared with
LOW_SHARE = 0.6  # of what its neighbours lead one to expect
LOW_DEVIATIONS = 4.0  # and so many standard deviations below it
LEAST_UNSEEN = 10.0  # records that days without any would be expected to hold
LARGEST_REJECTED_SHARE = 0.02
DAYS_A_MONTH = 365.25 / 12


def find_gaps(
    totals: Sequence[MonthlyTotals],
    *,
    files: Iterable[ArchiveFile] = (),
    rejected: Mapping[str, int] | None = None,
    cut: Collection[tuple[str, str]] = (),
) -> tuple[Gap, ...]:
    """Which months of which source are missing, cut short, far below their neighbours or loaded in part?

    `files` are the archive's current files and `rejected` how many rows of each input file were
    refused (`rejected_by_file`); without them nothing is said of months loaded in part. `cut` are the
    input files, each with its intake, that end in the middle of a row (`cut_files`). Ordered by
    source and month; a month has one gap of a kind at most.
    """
    seen = [gap for source in totals for gap in (*_missing(source), *_cut_short(source), *_low(source))]
    files = tuple(files)
    gaps = (*seen, *_partial(files, rejected or {}), *_cut_off(files, cut, seen))
    return tuple(sorted(gaps, key=lambda gap: (gap.source, gap.month, gap.kind)))


def gaps_within(gaps: Iterable[Gap], months: Iterable[str], sources: Iterable[str]) -> tuple[Gap, ...]:
    """Those that touch these months of these sources, to be shown beside an answer that uses them."""
    asked, meant = set(months), set(sources)
    return tuple(gap for gap in gaps if gap.month in asked and gap.source in meant)


def rejected_by_file(row_faults: Table) -> dict[str, int]:
    """How many rows of each input file were rejected, apart from those that only repeat another?"""
    refused = row_faults.filter((row_faults.fate == "rejected") & (row_faults.reason != REPEATED))
    found = refused.group_by("file").agg(n=ibis._.row.nunique()).to_pyarrow()
    return dict(sorted(zip(found["file"].to_pylist(), found["n"].to_pylist(), strict=True)))


def cut_files(row_faults: Table) -> frozenset[tuple[str, str]]:
    """Which input files, of which intake, end in the middle of a row?"""
    found = row_faults.filter(row_faults.reason == CUT_OFF).select("file", "intake_id").distinct()
    names = found.to_pyarrow()
    return frozenset(zip(names["file"].to_pylist(), names["intake_id"].to_pylist(), strict=True))


def _missing(totals: MonthlyTotals) -> list[Gap]:
    """Months between the first and the last without a single record, where chance would not leave none."""
    expected = _expected(totals.counts)
    return [
        Gap(totals.source, month, "missing", f"no records; about {wanted:,.0f} would be expected")
        for month, count, wanted in zip(totals.months, totals.counts, expected, strict=True)
        if count == 0 and wanted >= LEAST_UNSEEN
    ]


def _low(totals: MonthlyTotals) -> list[Gap]:
    counts = totals.counts
    expected = _expected(counts)
    spread = _dispersion(counts)
    gaps = []
    for index, (month, count, wanted) in enumerate(zip(totals.months, counts, expected, strict=True)):
        deviations = 2 * (np.sqrt(wanted) - np.sqrt(count)) / np.sqrt(spread)
        if count and count < LOW_SHARE * wanted and deviations > LOW_DEVIATIONS:
            at_edge = index in (0, len(counts) - 1)
            doubt = "nothing beyond it can tell" if at_edge else "check that its file is whole"
            detail = f"{count:,} records, where the months around it lead one to expect about {wanted:,.0f}"
            gaps.append(Gap(totals.source, month, "low", f"{detail}; the fall may be real, {doubt}"))
    return gaps


def _expected(counts: Ints) -> Floats:
    """The lower of the medians of the nearest months with records before and after; NaN where there are none.

    At the ends, where one side is all there is, no more than the nearest month: a fall that goes on
    is then not a gap.
    """
    expected = np.full(counts.size, np.nan)
    for index in range(counts.size):
        before = [int(c) for c in counts[:index] if c][-SIDE:]
        after = [int(c) for c in counts[index + 1 :] if c][:SIDE]
        sides = [float(np.median(side)) for side in (before, after) if side]
        nearest = (
            [float(before[-1])] if before and not after else [float(after[0])] if after and not before else []
        )
        if sides:
            expected[index] = min(sides + nearest)
    return expected


def _dispersion(counts: Ints) -> float:
    """How many times its mean the variance from month to month is, robustly; at least 1.

    Successive square roots of Poisson counts differ with a variance of 1/2 each; the median of the
    squared differences is 0.455 of that.
    """
    held = np.sqrt(counts[counts > 0].astype(np.float64))
    if held.size < 4:
        return 1.0
    return max(1.0, float(np.median(np.diff(held) ** 2) / (0.5 * 0.455)))


def _cut_short(totals: MonthlyTotals) -> list[Gap]:
    """Months whose first or last days have no record, though so many would be expected there.

    Expected is the lower of what the month's other days and what the months around it hold, so that
    a few strays years before the records begin are not taken for a month.
    """
    gaps = []
    usual = np.nan_to_num(_expected(totals.counts), nan=np.inf) / DAYS_A_MONTH
    for index, month in enumerate(totals.months):
        first, last = totals.first_day[index], totals.last_day[index]
        if first is None or last is None:
            continue
        dated = int(totals.counts[index]) - int(totals.without_day[index])
        daily = min(dated / ((last - first).days + 1), float(usual[index]))
        before, after = (first - first_of(month)).days, (last_of(month) - last).days
        parts = [
            text
            for days, text in ((before, f"begins on {first}"), (after, f"ends on {last}"))
            if daily * days >= LEAST_UNSEEN
        ]
        if parts:
            told = " and ".join(parts)
            gaps.append(
                Gap(totals.source, month, "cut_short", f"{told}, with about {daily:,.0f} records a day")
            )
    return gaps


def _cut_off(
    files: Sequence[ArchiveFile], cut: Collection[tuple[str, str]], seen: Sequence[Gap]
) -> list[Gap]:
    """Months of files that end in the middle of a row, where nothing else says already that they are cut."""
    told = {(gap.source, gap.month) for gap in seen if gap.kind == "cut_short"}
    held = {
        (file.source, file.month): file.input_file
        for file in files
        if file.table in ("incidents", "published_counts") and (file.input_file, file.intake_id) in cut
    }
    return [
        Gap(source, month, "cut_short", f"{name} ends in the middle of a row: it was cut, nobody knows where")
        for (source, month), name in held.items()
        if (source, month) not in told
    ]


def _partial(files: Iterable[ArchiveFile], rejected: Mapping[str, int]) -> list[Gap]:
    """Months of files of which more than a small share of the rows was refused."""
    held = [file for file in files if file.table in ("incidents", "published_counts")]
    loaded: dict[str, int] = {}
    for file in held:
        loaded[file.input_file] = loaded.get(file.input_file, 0) + file.rows
    worst: dict[tuple[str, str], tuple[float, str]] = {}
    for file in held:
        refused = rejected.get(file.input_file, 0)
        share = refused / (refused + loaded[file.input_file]) if refused else 0.0
        if share > LARGEST_REJECTED_SHARE:
            rows = refused + loaded[file.input_file]
            text = f"{refused:,} of {rows:,} rows of {file.input_file} were rejected"
            worst[file.source, file.month] = max(
                worst.get((file.source, file.month), (0.0, "")), (share, text)
            )
    return [Gap(source, month, "partial_load", text) for (source, month), (_, text) in worst.items()]
