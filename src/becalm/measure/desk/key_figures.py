"""How do the key figures of violence stand?"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from ibis import Table

from becalm import tables
from becalm.desk import Desk
from becalm.measure import compare_baselines
from becalm.measure.core import key_figures as core
from becalm.measure.core.request import CompareSettings, KeyFiguresRequest
from becalm.measure.desk.comparison_inputs import ComparisonInputs, learn_known_shares, load_comparison
from becalm.measure.files.key_figure_tables import load_key_figures
from becalm.tables import CountTable, Source, TimeUnit


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
    inputs = load_comparison(desk, request, only=only, known_at=known_at)
    source = inputs.source
    figure_table, rows, left_out = _select_figures(desk, inputs)
    report = core.KeyFigureReport(
        table=figure_table,
        period=inputs.period,
        baseline=inputs.baselines[0],
        source=source.key,
        as_of=inputs.totals.as_of,
        level=request.level,
        figures=(),
        left_out=left_out,
    )
    if rows is None:
        return report
    known_shares = learn_known_shares(inputs, rows, by="offence_group")
    context = replace(
        inputs.context, groups={}, known_shares=known_shares
    )  # rows have the keys of figures, not of offence groups
    comparison = compare_baselines(
        _count(rows, source, inputs.unit),
        period=inputs.period,
        baselines=inputs.baselines[:1],
        settings=CompareSettings(level=request.level),
        context=context,
    )
    month_counts = _count(rows, source, "month")
    months = core.list_months(month_counts, inputs.period, context, level=request.level)
    return core.fill_report(report, comparison, months)


def _select_figures(
    desk: Desk, inputs: ComparisonInputs
) -> tuple[core.KeyFigureTable, Table | None, tuple[tuple[str, str], ...]]:
    """The figures that these records can give, their rows, and why each other one is left out."""
    table = load_key_figures(desk.workspace.path)
    content = core.describe_content(inputs.records, inputs.source.table)
    figures = [core.narrow_figure(figure, content, inputs.context.groups) for figure in table.figures]
    lack_by_label = {figure.label: core.explain_lack(figure, content) for figure in figures}
    kept_figures = tuple(figure for figure in figures if not lack_by_label[figure.label])
    omitted_figures = tuple((label, lack) for label, lack in lack_by_label.items() if lack)
    rows = core.select_rows(inputs.records, kept_figures, content) if kept_figures else None
    if rows is not None and not core.has_rows(rows):
        absent_figures = tuple((figure.label, core.ABSENT) for figure in kept_figures)
        return replace(table, figures=()), None, (*omitted_figures, *absent_figures)
    return replace(table, figures=kept_figures), rows, omitted_figures


def _count(rows: Table, source: Source, unit: TimeUnit) -> CountTable:
    if source.table == "incidents":
        return tables.count_incidents(rows, by="offence_group", unit=unit)
    return tables.count_published(rows, by="offence_group", source=source.key)
