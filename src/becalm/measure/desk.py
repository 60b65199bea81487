"""How does a period compare with its baselines? Reads the counts and asks `measure`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches

from ibis import Table

from becalm.desk import Desk
from becalm.desk.coverage import gaps_of, totals_in
from becalm.measure import Background, compare_baselines, days_covered, outside_total, pick_groups
from becalm.measure.core.baseline import choose_baselines
from becalm.measure.core.comparison import CompareSettings, Comparison
from becalm.tables import (
    CountTable,
    Grouping,
    Source,
    TimeUnit,
    choose_source,
    count_incidents,
    count_published,
    list_public_holidays,
)
from becalm.terms import OffenceGroup, Period, UsageError, groups_by_key, needs_days, parse_period
from becalm.workspace.offences import load_offences


@dataclass(frozen=True, slots=True)
class CompareQuestion:
    """What is compared with what, in the words of the one who asks.

    `baselines` empty means the year before. `source` and `as_of` None mean the only source there is
    and the newest records. `counted` is what a publisher counts ("offences", "victims").
    """

    period: str
    baselines: tuple[str, ...] = ()
    by: Grouping = "offence_group"
    source: str | None = None
    as_of: date | None = None
    offence_groups: tuple[str, ...] = ()
    counted: str = "offences"
    settings: CompareSettings = field(default_factory=CompareSettings)

    @property
    def unit(self) -> TimeUnit:
        """Days where the question is about days, else months."""
        about_days = any(needs_days(text) for text in (self.period, *self.baselines))
        return "day" if about_days or self.settings.align != "windows" else "month"


def compare(desk: Desk, question: CompareQuestion, *, only: Mapping[str, str] | None = None) -> Comparison:
    """How does the period compare with its baselines, group by group, and how sure is that?

    `only` pins the answer to exactly these archive files (path to SHA-256).
    """
    source = choose_source(desk.archive.files(as_of=question.as_of), question.source)
    records = desk.archive.table(source.table, as_of=question.as_of, source=source.key, only=only)
    groups = groups_by_key(load_offences(desk.workspace.offences_path).values(), source=source.key)
    unit = _unit(source, question)
    totals = totals_in(records, source)
    covered = days_covered(totals, unit)
    asked = parse_period(question.period, last_day=covered.last_day)
    baselines = choose_baselines(question.baselines, asked=asked, covered=covered)
    all_groups = _count(desk, records, source, question, groups, by="offence_group")
    rows = _named(records, question.offence_groups, all_groups)
    out = outside_total(all_groups.groups, groups, named=question.offence_groups)
    return compare_baselines(
        _count(desk, rows, source, question, groups, by=question.by, exclude=out),
        period=asked.period,
        baselines=baselines,
        settings=question.settings,
        background=Background(
            groups=groups,
            holidays=list_public_holidays(desk.workspace.city.holidays, _years(covered)),
            left_out=pick_groups(all_groups, out),
            gaps=gaps_of(desk, source, as_of=question.as_of, totals=totals),
            covered=covered,
            only=question.offence_groups,
        ),
    )


def _unit(source: Source, question: CompareQuestion) -> TimeUnit:
    """Publishers count months; what asks them for days is refused by the job, with its reason."""
    return "month" if source.table == "published_counts" else question.unit


def _years(covered: Period) -> range:
    return range(covered.start.year, covered.end.year + 1)


def _named(records: Table, keys: Sequence[str], held: CountTable) -> Table:
    """The records of the offence groups that were asked for, or all."""
    for key in keys:
        if key not in held.groups:
            near = get_close_matches(key, held.groups, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(held.groups)}."
            raise UsageError(
                f"{held.source} has no offence group {key!r}. {hint} "
                "(Publishers may count others under --counted victims.)"
            )
    return records.filter(records.offence_group.isin(list(keys))) if keys else records


def _count(
    desk: Desk,
    rows: Table,
    source: Source,
    question: CompareQuestion,
    groups: Mapping[str, OffenceGroup],
    *,
    by: Grouping,
    exclude: Sequence[str] = (),
) -> CountTable:
    if source.table == "incidents":
        return count_incidents(rows, by=by, unit=_unit(source, question), exclude_groups=exclude)
    return count_published(
        rows,
        by=by,
        source=source.key,
        exclude_groups=exclude,
        measure=question.counted,
        command_units={b.name: b.command_unit for b in desk.workspace.city.boroughs},
        found_by={key: group.found_by for key, group in groups.items()},
    )
