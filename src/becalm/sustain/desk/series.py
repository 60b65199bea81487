"""The weekly series of a workspace: counted, with what their records do not cover, and the steps declared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import get_args

from ibis import Table

from becalm import terms
from becalm.desk import Desk, gaps_of
from becalm.measure import outside_total
from becalm.measure.core.request import DelayRequest, SeriesRequest
from becalm.measure.desk import active_steps, measure_delay
from becalm.sustain.core.request import BacktestRequest, ClustersRequest, WatchBy, WatchRequest
from becalm.sustain.core.series import WeeklySeries, key_of, last_week, lay_series, with_known_shares
from becalm.tables import ArchiveFile, CountTable, Grouping, Source, choose_source, count_incidents
from becalm.workspace.read_offence_tables import load_offences

DELAY_WEEKS = 26
GROUPING: Mapping[WatchBy, tuple[Grouping, ...]] = {
    "borough,offence_group": ("borough", "offence_group"),
    "borough": ("borough",),
    "offence_group": ("offence_group",),
}


@dataclass(frozen=True, slots=True)
class LoadedSeries:
    """The series of one source, what its records do not cover, the steps in force, and the files read."""

    source: Source
    series: WeeklySeries
    by: WatchBy
    gaps: tuple[terms.Gap, ...]
    steps: tuple[terms.Step, ...]
    as_of: date
    files: Mapping[str, str]  # path to SHA-256


def load_series(
    desk: Desk, request: WatchRequest | BacktestRequest, *, known_at: datetime | None = None
) -> LoadedSeries:
    """Count the weeks that the request asks for.

    Raises QuestionError where the records carry months alone, UsageError where an offence group or a week is
    asked for that they do not hold.
    """
    files = desk.archive.files(as_of=request.as_of)
    source = choose_source(files, request.source)
    steps = active_steps(desk, known_at=known_at)
    if source.table != "incidents":
        raise terms.QuestionError(_too_coarse(source, steps, files))
    records = desk.archive.table(source.table, as_of=request.as_of, source=source.key)
    by = request.by or _usual_by(records)
    group_by_key = terms.groups_by_key(
        load_offences(desk.workspace.offences_path).values(), source=source.key
    )
    counts = count_incidents(records, by=GROUPING[by], unit="week")
    gaps = gaps_of(desk, source, as_of=request.as_of)
    series = lay_series(
        counts,
        by=GROUPING[by],
        excluded_groups=exclude_groups(counts, by, group_by_key, request.offence_group),
        gaps=gaps,
        last_monday=choose_last_monday(request, counts),
        last_day=records.occurred_on.max().to_pyarrow().as_py(),
    )
    series = _add_delays(desk, request, by, source, series, counts)
    hashes = {f.path: f.sha256 for f in files if f.table == source.table and f.source == source.key}
    return LoadedSeries(source, series, by, gaps, steps, counts.as_of, hashes)


def _add_delays(
    desk: Desk,
    request: WatchRequest | BacktestRequest,
    by: WatchBy,
    source: Source,
    series: WeeklySeries,
    counts: CountTable,
) -> WeeklySeries:
    """The series with the share of their newest weeks that is known by now, where the records tell it."""
    scope = SeriesRequest(by=by, source=source.key, as_of=request.as_of)
    try:
        report = measure_delay(desk, DelayRequest(weeks=DELAY_WEEKS, series=scope))
    except terms.QuestionError:  # the history is shorter than the longest delay
        return series
    names_by_group = dict(zip(counts.groups, counts.keys, strict=True))
    share_by_week = {
        (key_of(names_by_group[row.group], GROUPING[by]), row.start): row.completeness.value
        for row in report.rows
        if row.completeness is not None and row.group in names_by_group
    }
    return with_known_shares(series, share_by_week) if share_by_week else series


def _usual_by(records: Table) -> WatchBy:
    has_boroughs = bool(records.borough.notnull().any().to_pyarrow().as_py())
    return get_args(WatchBy)[0] if has_boroughs else "offence_group"


def exclude_groups(
    counts: CountTable,
    by: WatchBy,
    group_by_key: Mapping[str, terms.OffenceGroup],
    wanted_groups: Sequence[str],
) -> tuple[str, ...]:
    """The offence groups that are not watched: those outside the total, and those that were not asked for."""
    if by == "borough":
        if wanted_groups:
            raise terms.UsageError(
                "Boroughs alone know no offence groups. Leave out `offence_group`, or `by`."
            )
        return ()
    on_record = sorted({key[-1] for key in counts.keys})
    for group in wanted_groups:
        if group not in on_record:
            raise terms.UsageError(
                f"{counts.source} has no offence group {group!r}. {terms.suggest_group(group, on_record)}"
            )
    if wanted_groups:
        return tuple(group for group in on_record if group not in wanted_groups)
    return tuple(outside_total(on_record, group_by_key))


def choose_last_monday(request: WatchRequest | BacktestRequest | ClustersRequest, counts: CountTable) -> date:
    """The Monday of the last week that is asked for, else of the newest whole one."""
    until = getattr(request, "until", None)
    if until is None:
        return counts.times[-1]
    return last_week(terms.parse_period(until, last_day=counts.as_of).period, counts.times)


def _too_coarse(source: Source, steps: Sequence[terms.Step], files: Sequence[ArchiveFile]) -> str:
    """Why counts of months cannot be watched, and how far they are from it."""
    message = f"{source.key} publishes months, and a watch needs weeks."
    months = sorted({f.month for f in files if f.source == source.key and f.month})
    if steps and months:
        months_since = [month for month in months if month > f"{steps[-1].start:%Y-%m}"]
        message += (
            f" Too few months since the step, too: {len(months_since)} whole months lie after "
            f"{steps[-1].start} ({steps[-1].reason}), and even eight weeks would only show the new level."
        )
    return f"{message} Load an extract with dates (`becalm ingest map FILE`), or name it with `source`."
