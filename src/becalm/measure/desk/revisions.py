"""What was this figure on each as-of day, and why did it move?"""

from itertools import pairwise

from becalm.desk import Desk
from becalm.measure.core.request import RevisionsRequest
from becalm.measure.core.revisions import RevisionReport, list_revisions
from becalm.measure.desk.series import count_series, read_series
from becalm.tables import TimeUnit, count_changes
from becalm.terms import QuestionError, needs_days, parse_period


def trace_revisions(desk: Desk, request: RevisionsRequest) -> RevisionReport:
    """What was the count of each group in this period in every version of the records, and why did it move?

    Raises QuestionError where no version holds records of the period.
    """
    newest = read_series(desk, request.series)
    as_of_days = sorted(
        {
            file.as_of
            for file in desk.archive.versions(newest.source.table)
            if file.source == newest.source.key
            and (request.series.as_of is None or file.as_of <= request.series.as_of)
        }
    )
    period = parse_period(request.period, last_day=as_of_days[-1]).period
    unit: TimeUnit = "day" if needs_days(request.period) else "month"
    versions = [read_series(desk, request.series, as_of=day) for day in as_of_days]
    counts = [count_series(desk, version, request.series, unit=unit, period=period) for version in versions]
    if not any(count.counts.sum() for count in counts):
        raise QuestionError(
            f"No version of {newest.source.key} holds records of {period}. Give another `period`."
        )
    has_records = newest.source.table == "incidents"  # published counts hold none that could tell why
    changes = [
        count_changes(
            former.counted_rows,
            newer.counted_rows,
            period=period,
            by=request.series.groupings,
            former_as_of=former_day,
        )
        for (former, newer), former_day in zip(pairwise(versions), as_of_days, strict=False)
        if has_records
    ]
    return list_revisions(
        counts,
        changes,
        by=request.series.by,
        period=period,
        groups=newest.groups,
    )
