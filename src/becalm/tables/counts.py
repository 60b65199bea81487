"""The one place where things are counted, so that no two pages can disagree.

Each function keeps an Ibis expression until it is a count; what comes out are small arrays, the
same on every engine and in the same order. Places are counted in
`place_counts`, months in `months_on_record`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import reduce
from typing import Literal

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from ibis import Table

from becalm.methods.arrays import Ints
from becalm.tables.months_on_record import RecordScope, find_scope, first_day_of, last_day_of
from becalm.terms import Period, QuestionError

UNKNOWN = "unknown"
LARGEST_SHARE_WITHOUT_DAY = 0.05
DAY = timedelta(days=1)
WIDEST_FIRST = ("city", "borough", "ward", "neighbourhood", "lsoa")
TimeUnit = Literal["day", "week", "month"]
Grouping = Literal["offence_group", "offence", "weapon", "victim_age_band", "borough", "ward", "command_unit"]
Groupings = Grouping | tuple[Grouping, ...]  # one, or several at once: each borough's each offence group
KEY_SEPARATOR = "\x1f"  # stands in no name, and sorts before every sign that does


@dataclass(frozen=True, slots=True)
class CountTable:
    """Counts of each group in each day, ISO week or month.

    `counts[g, t]` is the number in group `groups[g]` during the day, week or month that starts on
    `times[t]`; times are consecutive and hold zeros where nothing happened. `found_by[g]` is
    "victim", "police", "unknown" or "mixed". Groups stand in alphabetical order; what has no
    group is counted as "unknown". Of several groupings `keys[g]` holds one name each, in the order
    of `by`, and `groups[g]` joins them. `excluded_counts` names the offence groups that were left out on
    request and how many records of each fell in these times; `without_day` is the number of
    records of these months that could not be given to a day (always 0 for months).
    """

    by: Groupings
    unit: TimeUnit
    groups: tuple[str, ...]
    times: tuple[date, ...]
    counts: Ints
    found_by: tuple[str, ...]
    source: str
    as_of: date
    excluded_counts: tuple[tuple[str, int], ...] = ()
    without_day: int = 0
    keys: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        if not self.keys:
            object.__setattr__(self, "keys", tuple((group,) for group in self.groups))
        if self.counts.shape != (len(self.groups), len(self.times)):
            raise ValueError(
                f"counts are {self.counts.shape}, not {len(self.groups)} groups x {len(self.times)} times"
            )
        if len(self.keys) != len(self.groups):
            raise ValueError(f"{len(self.keys)} keys for {len(self.groups)} groups")


def count_incidents(
    incidents: Table,
    *,
    by: Groupings,
    unit: TimeUnit,
    period: Period | None = None,
    exclude_groups: Sequence[str] = (),
) -> CountTable:
    """How many incidents fell in each group in each day, ISO week or month?

    Without `period`, every month (or day) from the first to the last on record, or every whole week
    in these months that had ended by the as-of day. Records without a group are counted as "unknown".

    Raises QuestionError where there are no incidents at all; where days or weeks are asked of records that
    carry only a month; where weeks or months are asked of a period that does not hold whole ones.
    """
    record_scope = find_scope(incidents, "incidents")
    start_days = _list_times(record_scope, unit, period)
    month_rows = _filter_months(incidents, start_days, unit)
    dayless_count = 0
    if unit != "month":
        dayless_count = _check_days(month_rows, record_scope)
        last_day = _last_day_of(start_days[-1], unit)
        month_rows = month_rows.filter(
            month_rows.occurred_on.between(ibis.literal(start_days[0]), ibis.literal(last_day))
        )
    month_rows = month_rows.mutate(
        group=join_groups(month_rows[name].fill_null(UNKNOWN) for name in names_of(by)),
        time=start_of_time(month_rows, unit),
        n=ibis.literal(1, "int64"),
        finder=month_rows.found_by.fill_null(UNKNOWN),
    )
    return _count_groups(month_rows, by, unit, start_days, record_scope, exclude_groups, dayless_count)


def count_published(
    published: Table,
    *,
    by: Groupings,
    source: str,
    period: Period | None = None,
    exclude_groups: Sequence[str] = (),
    measure: str = "offences",
    area_kind: str | None = None,
    command_units: Mapping[str, str | None] | None = None,
    found_by: Mapping[str, str] | None = None,
) -> CountTable:
    """How many does this source's publisher count in each group in each month?

    One kind of area is counted, so that nothing is counted twice: wards for `by="ward"`, else the
    widest that the source has (city, borough, ward, neighbourhood, lsoa), unless `area_kind` names one.
    A ward is named with its code, since names repeat. `command_units` maps a borough to its unit;
    `found_by` an offence group to who finds it.

    Raises QuestionError where the published counts do not hold this source, measure, kind of area or
    grouping.
    """
    source_rows = published.filter(published.source == source)
    source_rows = _filter_first(source_rows, "measure", (measure,), source)
    source_rows = _filter_first(source_rows, "area_kind", _list_area_kinds(by, area_kind), source)
    record_scope = find_scope(source_rows, f"published counts of {source}")
    start_days = _list_times(record_scope, "month", period)
    source_rows = _filter_months(source_rows, start_days)
    source_rows = source_rows.mutate(
        group=join_groups(_published_group(source_rows, name, command_units or {}) for name in names_of(by)),
        time=(source_rows.month + "-01").cast("date"),
        n=source_rows["count"].fill_null(0),
        finder=_look_up(source_rows.offence_group, found_by or {}),
    )
    return _count_groups(source_rows, by, "month", start_days, record_scope, exclude_groups, without_day=0)


def count_matched(outcomes: Table, incidents: Table) -> tuple[int, int]:
    """How many incidents with an outcome are among these incidents, and how many have one at all?"""
    known_keys = outcomes.filter(outcomes.outcome.notnull()).select("source", "incident_id").distinct()
    matched_keys = known_keys.semi_join(incidents, ["source", "incident_id"])
    return int(matched_keys.count().to_pyarrow().as_py()), int(known_keys.count().to_pyarrow().as_py())


def count_moved(incidents: Table) -> int:
    """How many identifiers stand in more than one month?"""
    months_of_record = incidents.group_by("incident_id").agg(months=incidents.month.nunique())
    return int(months_of_record.filter(months_of_record.months > 1).count().to_pyarrow().as_py())


def _list_times(scope: RecordScope, unit: TimeUnit, period: Period | None) -> tuple[date, ...]:
    if unit == "month":
        if period is not None and not period.is_whole_months:
            raise QuestionError(
                f"{period.start} to {period.end} does not hold whole months, so it cannot be counted "
                "by month. Give a period that starts and ends on the first of a month."
            )
        return tuple(first_day_of(month) for month in (period.months if period else scope.months))
    if unit == "week" and period is not None and not period.is_whole_weeks:
        raise QuestionError(
            f"The period {period} does not hold whole weeks, so it cannot be counted by week. "
            "Give a period that starts on a Monday and ends on a Sunday, for example 2020-W14..2020-W19."
        )
    first_day = period.start if period else first_day_of(scope.first_month)
    last_day = period.last_day if period else last_day_of(scope.last_month)
    if unit == "week":
        return list_whole_weeks(first_day, last_day if period else min(last_day, scope.as_of - DAY))
    return tuple(first_day + timedelta(days=day) for day in range((last_day - first_day).days + 1))


def list_whole_weeks(first_day: date, last_day: date) -> tuple[date, ...]:
    """The Mondays of the ISO weeks that lie whole between these days, both included.

    >>> [str(monday) for monday in list_whole_weeks(date(2019, 12, 28), date(2020, 1, 13))]
    ['2019-12-30', '2020-01-06']

    Raises QuestionError where there is none.
    """
    first_monday = first_day + timedelta(days=-first_day.weekday() % 7)
    week_count = ((last_day - first_monday).days + 1) // 7
    if week_count < 1:
        raise QuestionError(
            f"No week lies whole between {first_day} and {last_day}. Give at least one from Monday to Sunday."
        )
    return tuple(first_monday + timedelta(weeks=week) for week in range(week_count))


def _filter_months(rows: Table, times: tuple[date, ...], unit: TimeUnit = "month") -> Table:
    return rows.filter(rows.month.between(f"{times[0]:%Y-%m}", f"{_last_day_of(times[-1], unit):%Y-%m}"))


def _last_day_of(start_day: date, unit: TimeUnit) -> date:
    """The last day of the week or day that starts here; a month keeps its first: months stay whole."""
    return start_day + timedelta(days=6) if unit == "week" else start_day


def start_of_time(rows: Table, unit: TimeUnit) -> ibis.Value:
    """The first day of the day, week or month that each record lies in."""
    if unit == "month":
        return (rows.month + "-01").cast("date")
    return rows.occurred_on.truncate("W").cast("date") if unit == "week" else rows.occurred_on


def names_of(by: Groupings) -> tuple[Grouping, ...]:
    """The groupings one by one."""
    return by if isinstance(by, tuple) else (by,)


def join_groups(columns: Iterable[ibis.Value]) -> ibis.Value:
    """The names of several groupings as one text, so that one query counts all of them."""
    return reduce(lambda joined_key, column: joined_key + KEY_SEPARATOR + column, columns)


def has_days(incidents: Table) -> bool:
    """Do nearly all of these records carry a day, so that days and weeks can be counted?"""
    record_count, dayless_count = _count_dayless(incidents)
    return dayless_count <= LARGEST_SHARE_WITHOUT_DAY * record_count


def _count_dayless(rows: Table) -> tuple[int, int]:
    (row_counts,) = rows.agg(n=rows.count(), dated=rows.occurred_on.count()).to_pyarrow().to_pylist()
    return int(row_counts["n"]), int(row_counts["n"] - row_counts["dated"])


def _check_days(rows: Table, scope: RecordScope) -> int:
    record_count, dayless_count = _count_dayless(rows)
    if dayless_count > LARGEST_SHARE_WITHOUT_DAY * record_count:
        raise QuestionError(
            f"{dayless_count:,} of {record_count:,} records of {scope.source} in this period carry a "
            "month but no day (data.police.uk never states the day), so days and weeks cannot be counted. "
            "Ask for whole months, or load an extract with dates."
        )
    return dayless_count


def _filter_first(rows: Table, column_name: str, wanted_values: tuple[str, ...], source: str) -> Table:
    """The rows of the first of these values that the source has."""
    distinct_cells = rows.select(column_name).distinct().to_pyarrow()[column_name].to_pylist()
    column_values = sorted(wanted_value for wanted_value in distinct_cells if wanted_value is not None)
    for wanted_value in wanted_values:
        if wanted_value in column_values:
            return rows.filter(rows[column_name] == wanted_value)
    if not column_values:
        raise QuestionError(
            f"The archive holds no published counts of {source}. Load some with `becalm ingest PATH`."
        )
    raise QuestionError(
        f"The published counts of {source} have no {column_name} {' or '.join(wanted_values)}; "
        f"they have {', '.join(column_values)}."
    )


def _list_area_kinds(by: Groupings, area_kind: str | None) -> tuple[str, ...]:
    if area_kind is not None:
        return (area_kind,)
    if "ward" in names_of(by):
        return ("ward",)
    return WIDEST_FIRST[1:] if {"borough", "command_unit"} & {*names_of(by)} else WIDEST_FIRST


def _published_group(rows: Table, by: Grouping, command_units: Mapping[str, str | None]) -> ibis.Value:
    if by in ("offence_group", "offence", "borough"):
        return rows[by].fill_null(UNKNOWN)
    if by == "ward":
        name_and_code = rows.area_name + " (" + rows.area_code + ")"
        return ibis.coalesce(name_and_code, rows.area_name, rows.area_code, UNKNOWN)
    if by == "command_unit":
        return _look_up(rows.borough, {b: unit for b, unit in command_units.items() if unit is not None})
    raise QuestionError(
        f"Published counts do not state the {by}. Ask by offence_group, offence, borough, ward or "
        "command_unit, or load incidents."
    )


def _look_up(key_column: ibis.Value, name_by_key: Mapping[str, str]) -> ibis.Value:
    if not name_by_key:
        return ibis.literal(UNKNOWN)
    return key_column.cases(*name_by_key.items(), else_=UNKNOWN)


def _count_groups(
    rows: Table,
    by: Groupings,
    unit: TimeUnit,
    times: tuple[date, ...],
    scope: RecordScope,
    exclude_groups: Sequence[str],
    without_day: int,
) -> CountTable:
    """Add up the rows, which carry a group, a time, a number and a finder."""
    excluded_counts: tuple[tuple[str, int], ...] = ()
    if exclude_groups:
        is_excluded = rows.offence_group.fill_null(UNKNOWN).isin(list(exclude_groups))
        excluded_rows = rows.filter(is_excluded).group_by("offence_group").agg(n=ibis._.n.sum())
        excluded_counts = tuple(
            sorted(
                (row["offence_group"] or UNKNOWN, int(row["n"]))
                for row in excluded_rows.to_pyarrow().to_pylist()
            )
        )
        rows = rows.filter(~is_excluded)
    group_sums = (
        rows.group_by("group", "time")
        .agg(n=ibis._.n.sum(), least=ibis._.finder.min(), most=ibis._.finder.max())
        .to_pyarrow()
    )
    group_names = tuple(sorted(group_sums["group"].unique().to_pylist()))
    group_keys = tuple(tuple(name.split(KEY_SEPARATOR)) for name in group_names)
    return CountTable(
        by=by,
        unit=unit,
        groups=tuple(", ".join(key) for key in group_keys),
        times=times,
        counts=_fill_counts(group_sums, group_names, times),
        found_by=_name_finders(group_sums, group_names),
        source=scope.source,
        as_of=scope.as_of,
        excluded_counts=excluded_counts,
        without_day=without_day,
        keys=group_keys,
    )


def _fill_counts(group_sums: pa.Table, groups: tuple[str, ...], times: tuple[date, ...]) -> Ints:
    counts_by_group = np.zeros((len(groups), len(times)), dtype=np.int64)
    if group_sums.num_rows:
        row_index = pc.index_in(group_sums["group"], pa.array(groups)).to_numpy()
        column_index = pc.index_in(
            group_sums["time"].cast(pa.date32()), pa.array(times, pa.date32())
        ).to_numpy()
        counts_by_group[row_index, column_index] = group_sums["n"].to_numpy()
    return counts_by_group


def _name_finders(group_sums: pa.Table, groups: tuple[str, ...]) -> tuple[str, ...]:
    finder_extremes = group_sums.group_by("group").aggregate([("least", "min"), ("most", "max")]).to_pylist()
    extremes_by_group = {row["group"]: (row["least_min"], row["most_max"]) for row in finder_extremes}
    return tuple(
        first_name if first_name == last_name else "mixed"
        for first_name, last_name in (extremes_by_group[group] for group in groups)
    )
