"""What was this figure on each as-of day, and why did it move?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from becalm.measure.core.group_series import TOTAL, group_label
from becalm.tables import CountTable, RecordChange
from becalm.terms import OffenceGroup, Period


@dataclass(frozen=True, slots=True)
class RevisedCount:
    """One group as one version of the records had it, and what changed since the version before.

    `change` is None for the first version; `reasons` names each kind of change with its number of records.
    """

    group: str
    label: str
    as_of: date
    count: int
    change: int | None
    reasons: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class RevisionReport:
    """The counts of a period in every version of the records of a source, the oldest version first."""

    by: str
    period: Period
    source: str
    as_of_days: tuple[date, ...]
    rows: tuple[RevisedCount, ...]
    warnings: tuple[str, ...] = ()


def list_revisions(
    versions: Sequence[CountTable],
    changes: Sequence[Sequence[RecordChange]],
    *,
    by: str,
    period: Period,
    groups: Mapping[str, OffenceGroup],
) -> RevisionReport:
    """The sum and every group, version by version. `changes[v]` are those from version v to the next.

    Published counts have no records that could tell why they moved: `changes` is empty then.
    """
    names = sorted({group for version in versions for group in version.groups})
    rows = [row for name in (TOTAL, *names) for row in _trace(name, versions, changes, groups)]
    warning_text = (
        "The archive holds one version of these records, so nothing can have been revised yet. Ingest the "
        "next extract over the same months to see what changes."
    )
    return RevisionReport(
        by=by,
        period=period,
        source=versions[-1].source,
        as_of_days=tuple(version.as_of for version in versions),
        rows=tuple(rows),
        warnings=(warning_text,) if len(versions) < 2 else (),
    )


def _trace(
    name: str,
    versions: Sequence[CountTable],
    changes: Sequence[Sequence[RecordChange]],
    groups: Mapping[str, OffenceGroup],
) -> Iterator[RevisedCount]:
    former_count = None
    label = "Total" if name == TOTAL else group_label(name, groups)
    for v, version in enumerate(versions):
        count = _count(name, version)
        yield RevisedCount(
            group=name,
            label=label,
            as_of=version.as_of,
            count=count,
            change=None if former_count is None else count - former_count,
            reasons=_sum_reasons(name, changes[v - 1]) if v and changes else (),
        )
        former_count = count


def _count(name: str, version: CountTable) -> int:
    if name == TOTAL:
        return int(version.counts.sum())
    return int(version.counts[version.groups.index(name)].sum()) if name in version.groups else 0


def _sum_reasons(name: str, changes: Sequence[RecordChange]) -> tuple[tuple[str, int], ...]:
    """How many records changed in each way; what changes from group to group leaves the sum as it is."""
    sums: dict[str, int] = {}
    for change in changes:
        if change.group == name or (name == TOTAL and not change.kind.startswith("regrouped")):
            sums[change.kind] = sums.get(change.kind, 0) + change.record_count
    return tuple(sorted(sums.items()))
