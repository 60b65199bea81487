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
    unknown_before = new_rows.anti_join(former.select("incident_id"), "incident_id")
    is_late = unknown_before.recorded_on.fill_null(former_as_of) > ibis.literal(former_as_of)
    both = former_rows.inner_join(newer_rows, "incident_id", rname="{name}_now")
    regrouped = both.filter(both.group != both.group_now)
    parts = {
        "late": unknown_before.filter(is_late),
        "added": unknown_before.filter(~is_late),
        "moved in": new_rows.semi_join(former.select("incident_id"), "incident_id"),
        "removed": gone_rows.anti_join(newer.select("incident_id"), "incident_id"),
        "moved out": gone_rows.semi_join(newer.select("incident_id"), "incident_id"),
        "regrouped in": regrouped.select(group=regrouped.group_now),
        "regrouped out": regrouped.select(group=regrouped.group),
    }
    changed_rows = [rows.select("group", kind=ibis.literal(kind)) for kind, rows in parts.items()]
    sums = ibis.union(*changed_rows).group_by("group", "kind").agg(n=ibis._.count()).to_pyarrow().to_pylist()
    changes = [
        RecordChange(row["group"].replace(counting.KEY_SEPARATOR, ", "), row["kind"], row["n"])
        for row in sums
    ]
    return tuple(sorted(changes, key=lambda change: (change.group, change.kind)))


def _in_period(rows: Table, period: Period, by: counting.Groupings) -> Table:
    """The records of the period with their group; of records without a day, those of its months."""
    last_day = ibis.literal(period.last_day)
    is_inside = rows.occurred_on.between(ibis.literal(period.start), last_day)
    if period.is_whole_months:
        is_inside = rows.month.isin(list(period.months))
    inside = rows.filter(is_inside)
    group = counting.join_groups(inside[name].fill_null(counting.UNKNOWN) for name in counting.names_of(by))
    return inside.select("incident_id", "recorded_on", group=group)
