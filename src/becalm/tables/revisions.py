"""What changed between two versions of the same records: late, added, removed, moved and regrouped."""

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

import ibis
from ibis import Table

from becalm.tables import counts as counting
from becalm.terms import Period

ChangeKind = Literal["late", "added", "removed", "moved in", "moved out", "regrouped in", "regrouped out"]
ADDING: Final = ("late", "added", "moved in", "regrouped in")


@dataclass(frozen=True, slots=True)
class RecordChange:
    """So many records of a group changed in one way: those of ADDING raise its count, the others lower it."""

    group: str
    kind: ChangeKind
    record_count: int


def count_changes(
    former: Table, newer: Table, *, period: Period, by: counting.Groupings, former_as_of: date
) -> tuple[RecordChange, ...]:
    """Why do the counts of this period differ between two versions of the records of one source?

    "late" was written after the former version was made, "added" before it (or nobody says when); "moved"
    records are known to both, in the period in one of them alone; "regrouped" ones changed their group.
    """
    former_rows, newer_rows = (_in_period(rows, period, by) for rows in (former, newer))
    new_rows = newer_rows.anti_join(former_rows, "incident_id")
    gone_rows = former_rows.anti_join(newer_rows, "incident_id")
    new_only_rows = new_rows.anti_join(former.select("incident_id"), "incident_id")
    is_late = new_only_rows.recorded_on.fill_null(former_as_of) > ibis.literal(former_as_of)
    rows_in_both = former_rows.inner_join(newer_rows, "incident_id", rname="{name}_now")
    regrouped_rows = rows_in_both.filter(rows_in_both.group != rows_in_both.group_now)
    rows_by_kind = {
        "late": new_only_rows.filter(is_late),
        "added": new_only_rows.filter(~is_late),
        "moved in": new_rows.semi_join(former.select("incident_id"), "incident_id"),
        "removed": gone_rows.anti_join(newer.select("incident_id"), "incident_id"),
        "moved out": gone_rows.semi_join(newer.select("incident_id"), "incident_id"),
        "regrouped in": regrouped_rows.select(group=regrouped_rows.group_now),
        "regrouped out": regrouped_rows.select(group=regrouped_rows.group),
    }
    changed_rows = [rows.select("group", kind=ibis.literal(kind)) for kind, rows in rows_by_kind.items()]
    change_sums = (
        ibis.union(*changed_rows).group_by("group", "kind").agg(n=ibis._.count()).to_pyarrow().to_pylist()
    )
    changes = [
        RecordChange(row["group"].replace(counting.KEY_SEPARATOR, ", "), row["kind"], row["n"])
        for row in change_sums
    ]
    return tuple(sorted(changes, key=lambda change: (change.group, change.kind)))


def _in_period(rows: Table, period: Period, by: counting.Groupings) -> Table:
    """The records of the period with their group; of records without a day, those of its months."""
    last_day_value = ibis.literal(period.last_day)
    is_inside = rows.occurred_on.between(ibis.literal(period.start), last_day_value)
    if period.is_whole_months:
        is_inside = rows.month.isin(list(period.months))
    rows_inside = rows.filter(is_inside)
    group_column = counting.join_groups(
        rows_inside[name].fill_null(counting.UNKNOWN) for name in counting.names_of(by)
    )
    return rows_inside.select("incident_id", "recorded_on", group=group_column)
