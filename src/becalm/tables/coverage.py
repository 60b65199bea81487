"""Which months do the records not cover? Missing, cut short, doubled, too low, without areas, loaded in part.

A real fall lasts; a fault is mostly a single month, or a few that go up and down. So months count as low
only against the lower of their two sides, and the words say that it may be real. Thresholds stand here and
nowhere else. Rows that were refused or repaired are counted here too.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import ibis
import numpy as np
from ibis import Table

from becalm.methods.arrays import Floats, Ints
from becalm.tables.archive_protocol import ArchiveFile
from becalm.tables.months_on_record import MonthlyTotals, first_day_of, last_day_of
from becalm.terms import Gap, RowFault

REPEATED_ROW = "the whole row repeats an earlier one"
"""Why a row is rejected that loses nothing: the earlier one was loaded."""

CUT_OFF_ROW = "the file ends in the middle of this row"
"""Why the last row is rejected of a file, where it is not known how much is missing."""


@dataclass(frozen=True, slots=True)
class FaultCount:
    """How many rows met this fate for this reason, in how many files."""

    fate: str
    reason: str
    rows: int
    files: int


def filter_faults(
    faults: Table, *, file: str | None = None, reason: str | None = None, fate: str | None = None
) -> Table:
    """The faults whose file and reason contain these words (without regard to case)."""
    for column_name, words_sought in (("file", file), ("reason", reason)):
        if words_sought:
            faults = faults.filter(faults[column_name].lower().contains(words_sought.lower()))
    return faults.filter(faults.fate == fate) if fate else faults


def count_faults(faults: Table) -> tuple[FaultCount, ...]:
    """How many rows for each reason? The most frequent first."""
    reason_counts = faults.group_by(["fate", "reason"]).agg(rows=faults.count(), files=faults.file.nunique())
    fault_counts = [
        FaultCount(count_row["fate"], count_row["reason"], int(count_row["rows"]), int(count_row["files"]))
        for count_row in reason_counts.to_pyarrow().to_pylist()
    ]
    return tuple(sorted(fault_counts, key=lambda count: (-count.rows, count.fate, count.reason)))


def list_faults(faults: Table, *, limit: int | None = None) -> tuple[RowFault, ...]:
    """The faults in the order of their files and rows."""
    ordered_rows = faults.order_by(["file", "row", "column", "reason"]).drop("intake_id")
    return tuple(RowFault(**fault_row) for fault_row in ordered_rows.limit(limit).to_pyarrow().to_pylist())


SIDE = 3  # months on either side that a month is compared with
LOW_SHARE = 0.6  # of what its neighbours make likely
LOW_DEVIATIONS = 4.0  # and so many standard deviations below it
LONGEST_RUN = 6  # months in a row that are looked at together
RUN_SHARE = 0.8  # of what is usual, which no month of a run reaches
RAGGED = 1.5  # largest over smallest month of a run: more than a level that stays goes up and down
DOUBLE_SHARE = 1.9  # records for each that differs
LEAST_AREA_SHARE = 0.005  # of a month: what is missing below that changes no answer
LEAST_UNSEEN = 10.0  # records that days without any would be expected to hold
LARGEST_REJECTED_SHARE = 0.02
DAYS_A_MONTH = 365.25 / 12


def find_gaps(
    totals: Sequence[MonthlyTotals],
    *,
    files: Iterable[ArchiveFile] = (),
    rejected_rows: Mapping[str, int] | None = None,
    cut_files: Collection[tuple[str, str]] = (),
) -> tuple[Gap, ...]:
    """Which months of which source are missing, cut short, far below their neighbours or loaded in part?

    `files` are the archive's current files and `rejected_rows` how many rows of each input file were
    refused (`count_rejected_rows`); without them nothing is said of months loaded in part. `cut_files` are
    the input files, each with its intake, that end in the middle of a row (`find_cut_files`). Ordered by
    source and month; a month has one gap of a kind at most.
    """
    all_gaps = [
        gap
        for source_totals in totals
        for gap in (
            *_missing_months(source_totals),
            *_short_months(source_totals),
            *_low_months(source_totals),
            *_low_runs(source_totals),
            *_absent_areas(source_totals),
            *_doubled_months(source_totals),
        )
    ]
    count_files = tuple(files)
    all_gaps += (
        *_partial_months(count_files, rejected_rows or {}),
        *_cut_months(count_files, cut_files, all_gaps),
    )
    return tuple(sorted(all_gaps, key=lambda gap: (gap.source, gap.month, gap.kind)))


def select_gaps(gaps: Iterable[Gap], months: Iterable[str], sources: Iterable[str]) -> tuple[Gap, ...]:
    """Those that touch these months of these sources, to be shown beside an answer that uses them."""
    month_set, source_set = set(months), set(sources)
    return tuple(gap for gap in gaps if gap.month in month_set and gap.source in source_set)


def count_rejected_rows(row_faults: Table) -> dict[str, int]:
    """How many rows of each input file were rejected, apart from those that only repeat another?"""
    rejected_faults = row_faults.filter((row_faults.fate == "rejected") & (row_faults.reason != REPEATED_ROW))
    file_counts = rejected_faults.group_by("file").agg(n=ibis._.row.nunique()).to_pyarrow()
    return dict(sorted(zip(file_counts["file"].to_pylist(), file_counts["n"].to_pylist(), strict=True)))


def find_cut_files(row_faults: Table) -> frozenset[tuple[str, str]]:
    """Which input files, of which intake, end in the middle of a row?"""
    cut_file_query = (
        row_faults.filter(row_faults.reason == CUT_OFF_ROW).select("file", "intake_id").distinct()
    )
    cut_file_table = cut_file_query.to_pyarrow()
    return frozenset(
        zip(cut_file_table["file"].to_pylist(), cut_file_table["intake_id"].to_pylist(), strict=True)
    )


def _missing_months(totals: MonthlyTotals) -> list[Gap]:
    """Months between the first and the last without a single record, where chance would not leave none."""
    return [
        Gap(totals.source, month, "missing", f"no records; about {expected_count:,.0f} would be expected")
        for month, record_count, expected_count in zip(
            totals.months, totals.counts, _expected_counts(totals.counts), strict=True
        )
        if record_count == 0 and expected_count >= LEAST_UNSEEN
    ]


def _low_months(totals: MonthlyTotals) -> list[Gap]:
    month_counts = totals.counts
    month_dispersion = _estimate_dispersion(month_counts)
    low_gaps = []
    for month_index, (record_count, expected_count) in enumerate(
        zip(month_counts, _expected_counts(month_counts), strict=True)
    ):
        deviation_count = 2 * (np.sqrt(expected_count) - np.sqrt(record_count)) / np.sqrt(month_dispersion)
        if record_count and record_count < LOW_SHARE * expected_count and deviation_count > LOW_DEVIATIONS:
            is_at_edge = month_index in (0, len(month_counts) - 1)
            doubt_text = "no other month can confirm it" if is_at_edge else "check that its file is whole"
            detail_text = (
                f"{record_count:,} records; about {expected_count:,.0f} would be expected from the months "
                f"around it. The fall may be real: {doubt_text}"
            )
            low_gaps.append(Gap(totals.source, totals.months[month_index], "low", detail_text))
    return low_gaps


def _low_runs(totals: MonthlyTotals) -> list[Gap]:
    """Months in a row that are low together, so that each hides the other's fall."""
    counts, detail_by_month = totals.counts, dict[str, str]()
    dispersion = _estimate_dispersion(counts)
    for length in range(LONGEST_RUN, 1, -1):
        for start in range(counts.size - length + 1):
            usual_count = _usual_around_run(counts, start, length, dispersion)
            if usual_count is None:
                continue
            low_share, high_share = np.sort(counts[start : start + length] / usual_count)[[0, -1]]
            detail_text = (
                f"one of {length} months in a row with {low_share:.0%} to {high_share:.0%} of the usual "
                f"{usual_count:,.0f} records. The fall may be real: check that their files are whole"
            )
            for month in totals.months[start : start + length]:
                detail_by_month.setdefault(month, detail_text)
    single_months = {gap.month for gap in _low_months(totals)}
    low_runs = (
        (month, detail_text) for month, detail_text in detail_by_month.items() if month not in single_months
    )
    return [Gap(totals.source, month, "low", detail_text) for month, detail_text in low_runs]


def _usual_around_run(counts: Ints, start: int, length: int, dispersion: float) -> float | None:
    """What a month around this run usually holds, where the run is low beside it; else None.

    At an end of the records a level that stays where it fell to may be a real one; only one that goes up and
    down is doubted. Nor is a run low that is as low in the years around it.
    """
    end, run = start + length, counts[start : start + length]
    side_counts = (counts[max(start - SIDE, 0) : start], counts[end : end + SIDE])
    usual_count = min((float(np.median(side[side > 0])) for side in side_counts if side.any()), default=0.0)
    if not run.min() or run.max() >= RUN_SHARE * usual_count or run.mean() >= LOW_SHARE * usual_count:
        return None
    settled_run = run[1:] if end == counts.size else run  # a real fall begins in a month between two levels
    if (start == 0 or end == counts.size) and settled_run.max() < RAGGED * settled_run.min():
        return None
    same_months_counts = [
        counts[t : t + length].sum() for t in (start - 12, start + 12) if 0 <= t <= counts.size - length
    ]
    if same_months_counts and run.sum() >= LOW_SHARE * min(same_months_counts):
        return None
    deviation_count = 2 * (np.sqrt(usual_count * length) - np.sqrt(run.sum())) / np.sqrt(dispersion)
    return usual_count if deviation_count > LOW_DEVIATIONS else None


def _absent_areas(totals: MonthlyTotals) -> list[Gap]:
    """Months in which an area has no record though some would be expected, once its records have begun."""
    absent_by_month: dict[str, list[tuple[str, float]]] = {}
    counts_of_area = () if totals.area_counts is None else totals.area_counts
    for area, counts in zip(totals.areas, counts_of_area, strict=True):
        expected_counts = np.nan_to_num(_expected_counts(counts))
        has_begun = np.cumsum(counts) > 0
        is_absent = has_begun & (counts == 0) & (totals.counts > 0) & (expected_counts >= LEAST_UNSEEN)
        for m in np.flatnonzero(is_absent):
            absent_by_month.setdefault(totals.months[m], []).append((area, float(expected_counts[m])))
    record_count_by_month = dict(zip(totals.months, totals.counts.tolist(), strict=True))
    return [
        Gap(
            totals.source,
            month,
            "area_missing",
            f"no records of {', '.join(area for area, _ in absent[:3])}"
            f"{f' and {len(absent) - 3} more areas' if len(absent) > 3 else ''}; about "
            f"{sum(expected for _, expected in absent):,.0f} would be expected",
        )
        for month, absent in absent_by_month.items()
        if sum(expected for _, expected in absent) >= LEAST_AREA_SHARE * record_count_by_month[month]
    ]


def _doubled_months(totals: MonthlyTotals) -> list[Gap]:
    """Months in which nearly every record stands twice."""
    distinct_counts = (
        totals.distinct if totals.distinct is not None else np.zeros(totals.counts.size, np.int64)
    )
    return [
        Gap(
            totals.source,
            month,
            "doubled",
            f"{record_count:,} records, of which only {distinct_count:,} differ",
        )
        for month, record_count, distinct_count in zip(
            totals.months, totals.counts, distinct_counts, strict=True
        )
        if distinct_count >= LEAST_UNSEEN and record_count >= DOUBLE_SHARE * distinct_count
    ]


def _expected_counts(counts: Ints) -> Floats:
    """The lower of the medians of the nearest months with records before and after; NaN where there are none.

    At the ends, where one side is all there is, no more than the nearest month: a fall that goes on
    is then not a gap.
    """
    expected_counts = np.full(counts.size, np.nan)
    for month_index in range(counts.size):
        counts_before = [float(c) for c in counts[:month_index] if c][-SIDE:]
        counts_after = [float(c) for c in counts[month_index + 1 :] if c][:SIDE]
        side_medians = [
            float(np.median(side_counts)) for side_counts in (counts_before, counts_after) if side_counts
        ]
        if len(side_medians) == 1:
            side_medians.append(counts_before[-1] if counts_before else counts_after[0])
        if side_medians:
            expected_counts[month_index] = min(side_medians)
    return expected_counts


def _estimate_dispersion(counts: Ints) -> float:
    """How many times its mean the variance from month to month is, robustly; at least 1.

    Successive square roots of Poisson counts differ with a variance of 1/2 each; the median of the
    squared differences is 0.455 of that.
    """
    count_roots = np.sqrt(counts[counts > 0].astype(np.float64))
    if count_roots.size < 4:
        return 1.0
    return max(1.0, float(np.median(np.diff(count_roots) ** 2) / (0.5 * 0.455)))


def _short_months(totals: MonthlyTotals) -> list[Gap]:
    """Months whose first or last days have no record, though so many would be expected there.

    Expected is the lower of what the month's other days and what the months around it hold, so that
    a few strays years before the records begin are not taken for a month.
    """
    short_gaps = []
    usual_daily_counts = np.nan_to_num(_expected_counts(totals.counts), nan=np.inf) / DAYS_A_MONTH
    for month_index, month in enumerate(totals.months):
        first_day, last_day = totals.first_day[month_index], totals.last_day[month_index]
        if first_day is None or last_day is None:
            continue
        dated_count = int(totals.counts[month_index]) - int(totals.without_day[month_index])
        daily_count = min(
            dated_count / ((last_day - first_day).days + 1), float(usual_daily_counts[month_index])
        )
        days_before, days_after = (first_day - first_day_of(month)).days, (last_day_of(month) - last_day).days
        reason_texts = [
            reason
            for unseen_days, reason in (
                (days_before, f"begins on {first_day}"),
                (days_after, f"ends on {last_day}"),
            )
            if daily_count * unseen_days >= LEAST_UNSEEN
        ]
        if reason_texts:
            detail_text = f"{' and '.join(reason_texts)}, with about {daily_count:,.0f} records a day"
            short_gaps.append(Gap(totals.source, month, "cut_short", detail_text))
    return short_gaps


def _cut_months(
    files: Sequence[ArchiveFile], cut_files: Collection[tuple[str, str]], gaps: Sequence[Gap]
) -> list[Gap]:
    """Months of files that end in the middle of a row, where nothing else says already that they are cut."""
    short_months = {(gap.source, gap.month) for gap in gaps if gap.kind == "cut_short"}
    file_by_source_month = {
        (file.source, file.month): file.input_file
        for file in files
        if (file.input_file, file.intake_id) in cut_files
    }
    return [
        Gap(
            source, month, "cut_short", f"{name} ends in the middle of a row: the rest of the file is missing"
        )
        for (source, month), name in file_by_source_month.items()
        if (source, month) not in short_months
    ]


def _partial_months(files: Sequence[ArchiveFile], rejected_rows: Mapping[str, int]) -> list[Gap]:
    """Months of files of which more than a small share of the rows was refused; of several the worst."""
    loaded_count_by_file: Counter[str] = Counter()
    for file in files:
        loaded_count_by_file[file.input_file] += file.rows
    worst_by_month: dict[tuple[str, str], tuple[float, str]] = {}
    for file in files:
        rejected_count = rejected_rows.get(file.input_file, 0)
        row_count = rejected_count + loaded_count_by_file[file.input_file]
        rejected_share = rejected_count / row_count if rejected_count else 0.0
        if rejected_share > LARGEST_REJECTED_SHARE:
            detail_text = f"{rejected_count:,} of {row_count:,} rows of {file.input_file} were rejected"
            source_month = (file.source, file.month)
            worst_by_month[source_month] = max(
                worst_by_month.get(source_month, (0.0, "")), (rejected_share, detail_text)
            )
    return [
        Gap(source, month, "partial_load", detail_text)
        for (source, month), (_, detail_text) in worst_by_month.items()
    ]
