"""What every comparison reads: one source, its period and baselines, and what to know of its records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ibis import Table

from becalm import tables, terms
from becalm.desk import Desk, gaps_of, totals_in
from becalm.measure import ComparisonContext, days_covered
from becalm.measure.core.baseline import Baseline, choose_baselines
from becalm.measure.core.completeness import LEAST_WINDOWS, KnownShare, estimate_known_shares
from becalm.measure.core.request import CompareRequest, KeyFiguresRequest
from becalm.measure.desk.steps import active_steps
from becalm.workspace.read_offence_tables import load_offences


@dataclass(frozen=True, slots=True)
class ComparisonInputs:
    """The records of one source, counted by `unit`, the period and its baselines, the asked one first."""

    source: tables.Source
    records: Table
    unit: tables.TimeUnit
    totals: tables.MonthlyTotals
    period: terms.Period
    baselines: tuple[Baseline, ...]
    context: ComparisonContext


def load_comparison(
    desk: Desk,
    request: CompareRequest | KeyFiguresRequest,
    *,
    only: Mapping[str, str] | None,
    known_at: datetime | None,
) -> ComparisonInputs:
    """What is there to compare? `only` pins the archive files, `known_at` the steps declared by then."""
    source = tables.choose_source(desk.archive.files(as_of=request.as_of), request.source)
    records = desk.archive.table(source.table, as_of=request.as_of, source=source.key, only=only)
    # Publishers count months; what asks them for days is refused by the job, with its reason.
    unit: tables.TimeUnit = "day" if source.table == "incidents" and request.is_about_days else "month"
    totals = totals_in(records, source)
    covered = days_covered(totals, unit)
    gaps = gaps_of(desk, source, as_of=request.as_of, totals=totals)
    period_text = request.period or tables.find_newest_whole_month(totals, gaps)
    written_period = terms.parse_period(period_text, last_day=covered.last_day)
    years = range(covered.start.year, covered.end.year + 1)
    return ComparisonInputs(
        source=source,
        records=records,
        unit=unit,
        totals=totals,
        period=written_period.period,
        baselines=choose_baselines(request.baseline, written_period=written_period, covered=covered),
        context=ComparisonContext(
            groups=terms.groups_by_key(
                load_offences(desk.workspace.offences_path).values(), source=source.key
            ),
            holidays=tables.list_public_holidays(desk.workspace.city.holidays, years),
            gaps=gaps,
            covered=covered,
            steps=active_steps(desk, known_at=known_at),
        ),
    )


def learn_known_shares(
    inputs: ComparisonInputs, rows: Table, *, by: tables.Groupings, left_out: tuple[str, ...] = ()
) -> Mapping[str, KnownShare]:
    """How much of the period is on record by now, where the records say when they were written?

    `left_out` are groups of `by` that are in no total. Nothing is learned from counts that are published.
    """
    age_days = (inputs.totals.as_of - inputs.period.end).days
    if inputs.source.table != "incidents" or not 0 <= age_days < tables.SETTLED_DAYS:
        return {}
    first_day = tables.first_day_of(inputs.totals.months[0])
    windows = tables.list_former_periods(inputs.period, first_day=first_day, as_of=inputs.totals.as_of)
    if len(windows) < LEAST_WINDOWS:
        return {}
    if left_out and by != "offence_group":
        rows = rows.filter(~rows.offence_group.fill_null("").isin(list(left_out)))
    return estimate_known_shares(
        tables.count_known(rows, by=by, windows=windows, age_days=age_days), left_out=left_out
    )
