"""How do the key figures of violence stand?"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from ibis import Table

from becalm import tables, terms
from becalm.desk import Desk, gaps_of, totals_in
from becalm.measure import ComparisonContext, compare_baselines, days_covered
from becalm.measure.core import key_figures as core
from becalm.measure.core.baseline import choose_baselines
from becalm.measure.core.request import CompareSettings, KeyFiguresRequest
from becalm.measure.desk.steps import active_steps
from becalm.measure.files.key_figure_tables import load_key_figures
from becalm.tables import CountTable, Source, TimeUnit
from becalm.workspace.read_offence_tables import load_offences


def compare_key_figures(
    desk: Desk,
    request: KeyFiguresRequest,
    *,
    only: Mapping[str, str] | None = None,
    known_at: datetime | None = None,
) -> core.KeyFigureReport:
    """How does each key figure stand beside its baseline, and beside what its past led to expect?

    `only` pins the answer to exactly these archive files (path to SHA-256), `known_at` to the steps that were
    declared by then. A figure that the records cannot give is left out, with the reason.
    """
    source = tables.choose_source(desk.archive.files(as_of=request.as_of), request.source)
    records = desk.archive.table(source.table, as_of=request.as_of, source=source.key, only=only)
    figure_table, rows, left_out = _select_figures(desk, source, records)
    unit: TimeUnit = "day" if source.table == "incidents" and request.is_about_days else "month"
    monthly_totals = totals_in(records, source)
    covered = days_covered(monthly_totals, unit)
    gaps = gaps_of(desk, source, as_of=request.as_of, totals=monthly_totals)
    period_text = request.period or tables.find_newest_whole_month(monthly_totals, gaps)
    written_period = terms.parse_period(period_text, last_day=covered.last_day)
    baselines = choose_baselines(request.baseline, written_period=written_period, covered=covered)
    report = core.KeyFigureReport(
        table=figure_table,
        period=written_period.period,
        baseline=baselines[0],
        source=source.key,
        as_of=monthly_totals.as_of,
        level=request.level,
        figures=(),
        left_out=left_out,
    )
    if rows is None:
        return report
    years = range(covered.start.year, covered.end.year + 1)
    context = ComparisonContext(
        holidays=tables.list_public_holidays(desk.workspace.city.holidays, years),
        gaps=gaps,
        covered=covered,
        steps=active_steps(desk, known_at=known_at),
    )
    comparison = compare_baselines(
        _count(rows, source, unit),
        period=written_period.period,
        baselines=baselines[:1],
        settings=CompareSettings(level=request.level),
        context=context,
    )
    months = core.list_months(
        _count(rows, source, "month"), written_period.period, context, level=request.level
    )
    return core.fill_report(report, comparison, months)


def _select_figures(
    desk: Desk, source: Source, records: Table
) -> tuple[core.KeyFigureTable, Table | None, tuple[tuple[str, str], ...]]:
    """The figures that these records can give, their rows, and why each other one is left out."""
    table = load_key_figures(desk.workspace.path)
    groups = terms.groups_by_key(load_offences(desk.workspace.offences_path).values(), source=source.key)
    content = core.describe_content(records, source.table)
    figures = [core.narrow_figure(figure, content, groups) for figure in table.figures]
    lack_by_label = {figure.label: core.explain_lack(figure, content) for figure in figures}
    kept_figures = tuple(figure for figure in figures if not lack_by_label[figure.label])
    left_out = tuple((label, lack) for label, lack in lack_by_label.items() if lack)
    rows = core.select_rows(records, kept_figures, content) if kept_figures else None
    if rows is not None and not core.has_rows(rows):
        absent = tuple((figure.label, core.ABSENT) for figure in kept_figures)
        return replace(table, figures=()), None, (*left_out, *absent)
    return replace(table, figures=kept_figures), rows, left_out


def _count(rows: Table, source: Source, unit: TimeUnit) -> CountTable:
    if source.table == "incidents":
        return tables.count_incidents(rows, by="offence_group", unit=unit)
    return tables.count_published(rows, by="offence_group", source=source.key)
