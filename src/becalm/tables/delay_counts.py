"""How late are records written? The reporting triangle: records by week and by weeks waited."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from ibis import Table

from becalm.methods.arrays import Ints
from becalm.tables import counts as counting
from becalm.tables.months_on_record import find_scope, first_day_of
from becalm.terms import Period, QuestionError


@dataclass(frozen=True, slots=True)
class DelayCounts:
    """The counts of every whole week up to the as-of day, and how late each of them became known.

    `new_counts[g, w, d]` are the records of group g and week w that were written d weeks after it; 0 holds
    all that were written before the weekday of the as-of day had come round once. `last_recorded_on` is the
    newest day on which anything was written, `undated_count` the records of these weeks that do not say when.
    """

    counts: counting.CountTable
    new_counts: Ints
    last_recorded_on: date | None
    undated_count: int


def count_delays(
    incidents: Table,
    *,
    by: counting.Groupings,
    longest_delay: int,
    exclude_groups: Sequence[str] = (),
) -> DelayCounts:
    """How many records of each group and week were written 0, 1 ... `longest_delay` weeks after it?

    Weeks run from the first on record to the last that had ended on the as-of day, though the newest may
    hold nothing. A wait is counted in whole weeks up to the as-of day, so that the newest week has waited 0.

    Raises QuestionError where records carry only a month, or there are no more weeks than `longest_delay`.
    """
    scope = find_scope(incidents, "incidents")
    mondays = counting.list_whole_weeks(first_day_of(scope.first_month), scope.as_of - counting.DAY)
    if len(mondays) <= longest_delay:
        raise QuestionError(
            f"A delay of up to {longest_delay} weeks cannot be seen in {len(mondays)} weeks of records. Give "
            "`longest_delay` a smaller number, or ingest earlier records."
        )
    week_counts = counting.count_incidents(
        incidents,
        by=by,
        unit="week",
        period=Period(mondays[0], mondays[-1] + timedelta(weeks=1)),
        exclude_groups=exclude_groups,
    )
    week_rows = _select_rows(incidents, by, week_counts.times, exclude_groups)
    (totals,) = week_rows.agg(
        last=ibis._.recorded_on.max(), undated=ibis._.count() - ibis._.recorded_on.count()
    ).to_pyarrow().to_pylist()  # fmt: skip
    # Stretches of seven days that end on the as-of weekday, as weeks that begin on a Monday.
    days_to_sunday = 6 - scope.as_of.weekday()
    recorded_day = week_rows.recorded_on + ibis.interval(days=days_to_sunday)
    cell_sums = (
        week_rows.filter(week_rows.recorded_on.notnull())
        .mutate(stretch=recorded_day.truncate("W").cast("date"))
        .group_by("group", "time", "stretch")
        .agg(n=ibis._.count())
        .to_pyarrow()
    )
    newest_stretch = scope.as_of + timedelta(days=days_to_sunday - 6)
    return DelayCounts(
        counts=week_counts,
        new_counts=_fill_triangle(cell_sums, week_counts, newest_stretch, longest_delay),
        last_recorded_on=totals["last"],
        undated_count=int(totals["undated"]),
    )


def _select_rows(
    incidents: Table, by: counting.Groupings, mondays: Sequence[date], exclude_groups: Sequence[str]
) -> Table:
    """The records of these weeks, each with its group and the Monday of its week."""
    last_day = mondays[-1] + timedelta(days=6)
    rows = incidents.filter(incidents.occurred_on.between(ibis.literal(mondays[0]), ibis.literal(last_day)))
    if exclude_groups:
        rows = rows.filter(~rows.offence_group.fill_null(counting.UNKNOWN).isin(list(exclude_groups)))
    return rows.mutate(
        group=counting.join_groups(rows[name].fill_null(counting.UNKNOWN) for name in counting.names_of(by)),
        time=counting.start_of_time(rows, "week"),
    )


def _fill_triangle(
    cell_sums: pa.Table, week_counts: counting.CountTable, newest_stretch: date, longest_delay: int
) -> Ints:
    week_count = len(week_counts.times)
    triangle = np.zeros((len(week_counts.groups), week_count, longest_delay + 1), dtype=np.int64)
    if not cell_sums.num_rows:
        return triangle
    joined_keys = [counting.KEY_SEPARATOR.join(key) for key in week_counts.keys]
    group_index = pc.index_in(cell_sums["group"], pa.array(joined_keys)).to_numpy()
    week_index = pc.index_in(
        cell_sums["time"].cast(pa.date32()), pa.array(week_counts.times, pa.date32())
    ).to_numpy()
    stretch_days = cell_sums["stretch"].cast(pa.date32()).cast(pa.int32()).to_numpy()
    weeks_ago = ((newest_stretch - date(1970, 1, 1)).days - stretch_days) // 7
    delay_weeks = np.maximum(week_count - 1 - week_index - weeks_ago, 0)
    is_waited_for = (delay_weeks <= longest_delay) & (weeks_ago >= 0)
    np.add.at(
        triangle,
        (group_index[is_waited_for], week_index[is_waited_for], delay_weeks[is_waited_for]),
        cell_sums["n"].to_numpy()[is_waited_for],
    )
    return triangle
