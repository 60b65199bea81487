"""The newest month that the records hold whole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from becalm.tables.tally import MonthlyTotals
from becalm.tables.totals import last_of
from becalm.terms import Gap, Period, QuestionError


def newest_whole_month(totals: MonthlyTotals, gaps: Sequence[Gap] = ()) -> str:
    """Which is the newest month, written YYYY-MM, that the records hold from its first day to its last?

    Not one without records, nor one that had not ended when the records were made, nor one that is
    cut short or loaded in part. A month that is merely low may be real, and counts.

    Raises
    ------
    QuestionError
        where there is no such month.
    """
    broken = {gap.month for gap in gaps if gap.source == totals.source and gap.kind != "low"}
    for month, count in zip(reversed(totals.months), reversed(totals.counts.tolist()), strict=True):
        if count and totals.as_of > last_of(month) and month not in broken:
            return month
    raise QuestionError(
        f"No month of {totals.source} is whole ({totals.months[0]} to {totals.months[-1]}, "
        f"as of {totals.as_of}). Name the period with --period."
    )


def last_whole_month(period: Period) -> str:
    """Which is the last month that ends within the period or before it?

    >>> last_whole_month(Period(date(2020, 4, 1), date(2020, 5, 13)))
    '2020-04'
    """
    before = date(period.end.year, period.end.month, 1) - timedelta(days=1)
    return f"{before:%Y-%m}"
