"""What was each series expected to hold in a period, by the times before it alone?"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from becalm.desk import Desk, gaps_of
from becalm.measure.core import expected as core
from becalm.measure.core.panel import ExpectedContext, end_of
from becalm.measure.core.request import ExpectedRequest
from becalm.measure.desk.public import withhold_expected
from becalm.measure.desk.series import count_series, finest_unit, read_series
from becalm.measure.desk.steps import active_steps
from becalm.tables import CountTable, list_public_holidays
from becalm.terms import Period, parse_period


def expect(
    desk: Desk,
    request: ExpectedRequest,
    *,
    only: Mapping[str, str] | None = None,
    known_at: datetime | None = None,
) -> core.ExpectedReport:
    """What was each series expected to hold in this period, and would such an interval have held before?

    `only` pins the answer to exactly these archive files (path to SHA-256), `known_at` to the steps that were
    declared by then.

    Raises QuestionError where the records do not cover the period, carry no days where these were asked for,
    or hold less than a year before it.
    """
    records = read_series(desk, request.series, only=only)
    counts = count_series(desk, records, request.series, unit=request.time_unit or finest_unit(records))
    last_day = end_of(counts, -1) - timedelta(days=1)
    report = core.expect_period(
        counts,
        period=_period(request, counts, last_day),
        level=request.level,
        context=ExpectedContext(
            groups=records.groups,
            holidays=list_public_holidays(
                desk.workspace.city.holidays, range(counts.times[0].year, last_day.year + 1)
            ),
            steps=active_steps(desk, known_at=known_at),
            gaps=gaps_of(desk, records.source, as_of=request.series.as_of),
        ),
    )
    return withhold_expected(desk, report, counted_unit=request.series.counted) if request.public else report


def _period(request: ExpectedRequest, counts: CountTable, last_day: date) -> Period:
    usual_text = {"day": "last 28 days", "week": "last 8 weeks", "month": "last 2 months"}[counts.unit]
    return parse_period(request.period or usual_text, last_day=last_day).period
