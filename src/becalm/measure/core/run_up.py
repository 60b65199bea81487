"""How did the total run up to the period, beside the same months of the baseline year?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from becalm.tables import CountTable
from becalm.terms import Period, QuestionError, month_start


@dataclass(frozen=True, slots=True)
class RunUpMonth:
    """The total of one month and of its like in the baseline year; None where the records do not reach.

    `is_compared` is True for the months that the comparison itself is about.
    """

    start: date
    old_start: date
    new: int | None
    old: int | None
    is_compared: bool


@dataclass(frozen=True, slots=True)
class RunUp:
    """The total, month by month, up to and through the period.

    `left_out` are offence groups that are in no total.
    """

    months: tuple[RunUpMonth, ...]
    source: str
    as_of: date
    left_out: tuple[str, ...] = ()


MONTHS: Final = 13
"""So many months at least, so that the period's own months are seen a year before as well."""


def build_run_up(
    counts: CountTable, *, period: Period, baseline: Period, left_out: Sequence[str] = ()
) -> RunUp:
    """What were the totals of the months up to and through the period, and of those they are compared with?

    Month m of the run-up stands beside month m - s, where s is the number of months between the start
    of the baseline and that of the period. Months outside the records are None. `left_out` names the
    groups that `counts` do not hold because they are in no total.

    Raises QuestionError where the counts are not by month.
    """
    if counts.unit != "month":
        raise QuestionError("A run-up is drawn from months, and these counts are of days. Count by month.")
    month_shift = _month_number(period.start) - _month_number(baseline.start)
    last_month = date.fromisoformat(f"{period.months[-1]}-01")
    month_count = max(MONTHS, len(period.months) + 6)
    month_starts = [
        month_start(last_month.year, last_month.month - back) for back in reversed(range(month_count))
    ]
    count_by_month = dict(zip(counts.times, counts.counts.sum(axis=0).tolist(), strict=True))
    run_up_months = tuple(_build_month(start, month_shift, count_by_month, period) for start in month_starts)
    shown_month_indices = [
        i for i, month in enumerate(run_up_months) if month.new is not None or month.old is not None
    ]
    return RunUp(
        months=run_up_months[shown_month_indices[0] :] if shown_month_indices else (),
        source=counts.source,
        as_of=counts.as_of,
        left_out=tuple(left_out),
    )


def _build_month(start: date, shift: int, totals: dict[date, int], period: Period) -> RunUpMonth:
    old_start = month_start(start.year, start.month - shift)
    return RunUpMonth(
        start=start,
        old_start=old_start,
        new=totals.get(start),
        old=totals.get(old_start),
        is_compared=f"{start:%Y-%m}" in period.months,
    )


def _month_number(day: date) -> int:
    return day.year * 12 + day.month
