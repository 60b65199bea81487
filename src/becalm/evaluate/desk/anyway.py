"""Would it have fallen anyway? Asked of the records, of other offences, and of the user's own mobility."""

from datetime import date
from pathlib import Path

from becalm.desk import Desk
from becalm.evaluate.core.anyway import AnywayReport, Mobility, attribute_change, join_report
from becalm.evaluate.core.request import AnywayRequest
from becalm.evaluate.files.own_counts import read_mobility
from becalm.measure import desk as measure
from becalm.measure.core.request import ExpectedRequest, SeriesRequest
from becalm.terms import QuestionError, parse_period


def ask_anyway(desk: Desk, request: AnywayRequest) -> AnywayReport:
    """What else explains the change of these offences, and what may be left?

    Raises QuestionError where the records do not cover the period, or an expected level has no interval.
    """
    period = parse_period(request.period, last_day=date.max).period
    report = measure.expect(desk, _expected(request, request.offence_group))
    total = report.series[0]
    if total.ratio is None or total.count is None:
        raise QuestionError("So little is expected that its interval reaches 0. Ask for more groups or days.")
    control = None
    if request.control_group:
        control = measure.expect(desk, _expected(request, request.control_group)).series[0].ratio
    mobility = None
    if request.mobility is not None:
        share = read_mobility(Path(request.mobility), period)
        mobility = Mobility(share, request.elasticity_low, request.elasticity_high)
    return join_report(
        period=report.period,
        offence_groups=request.offence_group,
        count=total.count,
        expected=total.expected,
        ratio=total.ratio,
        reasons=attribute_change(total.ratio, control, mobility),
        source=report.source,
        as_of=str(report.as_of),
    )


def _expected(request: AnywayRequest, groups: tuple[str, ...]) -> ExpectedRequest:
    series = SeriesRequest(offence_group=groups, source=request.records.source, as_of=request.records.as_of)
    is_of_months = parse_period(request.period, last_day=date.max).period.is_whole_months
    return ExpectedRequest(
        period=request.period,
        time_unit="month" if is_of_months else None,
        level=request.level,
        series=series,
    )
