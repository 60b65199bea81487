"""How complete are the newest weeks, and what will they hold in the end?"""

from becalm.desk import Desk
from becalm.measure.core import delay as core
from becalm.measure.core.request import DelayRequest
from becalm.measure.desk.series import count_series, finest_unit, read_series
from becalm.tables import count_delays


def measure_delay(desk: Desk, request: DelayRequest) -> core.DelayReport:
    """How complete is each of the newest weeks of each series, and what will it hold in the end?

    Learned from the days on which records were written; where they do not say so, from former versions of
    the archive; else completeness is unknown. Records that carry only months are answered in months.

    Raises QuestionError where the history is shorter than the longest delay.
    """
    records = read_series(desk, request.series)
    unit = finest_unit(records)
    if unit == "week":
        delays = count_delays(
            records.rows,
            by=request.series.groupings,
            longest_delay=request.longest_delay,
            exclude_groups=records.excluded_keys,
        )
        if core.is_dated(delays):
            return core.report_recorded(delays, request, records.groups)
    counts = count_series(desk, records, request.series, unit=unit)
    former_days = {
        file.as_of
        for file in desk.archive.versions(records.source.table)
        if file.source == records.source.key and file.as_of < counts.as_of
    }
    former_counts = [
        count_series(desk, former_records, request.series, unit=unit)
        for former_records in (read_series(desk, request.series, as_of=day) for day in sorted(former_days))
    ]
    return core.report_versions(counts, former_counts, request, records.groups)
