"""The few figures of violence that are read first: what counts as each, and how each of them stands."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import ibis
from ibis import Table

from becalm.measure.core.baseline import Baseline
from becalm.measure.core.comparison import Comparison, ComparisonContext, ComparisonRow, Verdict
from becalm.measure.core.expected import expect_period
from becalm.measure.core.panel import ExpectedContext
from becalm.tables import CountTable
from becalm.terms import OffenceGroup, Period, QuestionError, month_start

UNKNOWN_WEAPON: Final = "unknown"
SERIES_MONTHS: Final = 24  # of each figure that are shown
ABSENT: Final = "none is on record in these periods"
BAND_MONTHS: Final = 12  # the newest of them, beside what the months before led to expect


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFigure:
    """What counts: offences of these groups (empty: all), with these weapons, an injury, a young victim.

    With `take_first_group` the first group that the records have is counted alone. Publishers count groups
    of their own (`published_groups`).
    """

    key: str
    label: str
    offence_groups: tuple[str, ...] = ()
    take_first_group: bool = False
    weapons: tuple[str, ...] = ()
    injured: bool | None = None
    victim_under: int | None = None
    published_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyFigureTable:
    """The key figures of a force, with the hash of the reviewed file that they stand in."""

    key: str
    version: str
    sha256: str
    figures: tuple[KeyFigure, ...]


@dataclass(frozen=True, slots=True)
class RecordContent:
    """What records say at all: which groups, weapons and age bands occur, and whether injury is known.

    Published counts name groups alone.
    """

    offence_groups: frozenset[str]
    weapons: frozenset[str] = frozenset()
    age_bands: frozenset[str] = frozenset()
    has_injury: bool = False
    is_published: bool = False


@dataclass(frozen=True, slots=True)
class MonthCount:
    """The count of one month, and the interval that the months before led to expect (None: unknown)."""

    start: date
    count: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class KeyFigureRow:
    """One figure in the period and in the baseline, and its last months beside what was to be expected."""

    key: str
    label: str
    row: ComparisonRow
    verdict: Verdict
    months: tuple[MonthCount, ...]


@dataclass(frozen=True, slots=True)
class KeyFigureReport:
    """All figures of one period; `left_out` holds the label of each other one and why it has no count."""

    table: KeyFigureTable
    period: Period
    baseline: Baseline
    source: str
    as_of: date
    level: float
    figures: tuple[KeyFigureRow, ...]
    left_out: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...] = ()


def describe_content(records: Table, table_name: str) -> RecordContent:
    """Which groups, weapons and age bands occur in these records, and is injury known?"""
    if table_name != "incidents":
        offences = records.filter(records.measure == "offences")
        return RecordContent(_values(offences, "offence_group"), is_published=True)
    return RecordContent(
        _values(records, "offence_group"),
        _values(records, "weapon") - {UNKNOWN_WEAPON},
        _values(records, "victim_age_band"),
        has_injury=bool(records.injury.notnull().any().to_pyarrow().as_py()),
    )


def _values(rows: Table, column: str) -> frozenset[str]:
    return frozenset(
        str(value) for value in rows.select(column).distinct()[column].to_pyarrow().to_pylist() if value
    )


def narrow_figure(figure: KeyFigure, content: RecordContent, groups: Mapping[str, OffenceGroup]) -> KeyFigure:
    """The figure as these records can give it: the first of its groups alone, or those of a publisher."""
    if content.is_published and figure.published_groups:
        return KeyFigure(key=figure.key, label=figure.label, offence_groups=figure.published_groups)
    present_groups = [key for key in figure.offence_groups if key in content.offence_groups]
    if not figure.take_first_group or not present_groups:
        return figure
    is_group_alone = not (figure.weapons or figure.injured is not None or figure.victim_under)
    has_group_label = is_group_alone and present_groups[0] in groups
    label = groups[present_groups[0]].label if has_group_label else figure.label
    return replace(figure, label=label, offence_groups=(present_groups[0],))


def explain_lack(figure: KeyFigure, content: RecordContent) -> str:
    """Why these records cannot give this figure; empty where they can."""
    if figure.offence_groups and not content.offence_groups.intersection(figure.offence_groups):
        return "the records have none of its offence groups"
    if figure.weapons and not content.weapons:
        return "the records do not say which weapon was used"
    if figure.injured is not None and not content.has_injury:
        return "the records do not say who was injured"
    if figure.victim_under and not young_bands(content.age_bands, figure.victim_under):
        return "the records do not give the age of victims in bands that fit"
    return ""


def young_bands(age_bands: frozenset[str], under: int) -> tuple[str, ...]:
    """The age bands that lie wholly under this age.

    >>> young_bands(frozenset({"18-24", "25-34", "<18", "65+", "unknown"}), 25)
    ('18-24', '<18')
    """
    return tuple(sorted(band for band in age_bands if _end_of_band(band) <= under))


def _end_of_band(band: str) -> float:
    """The first age above this band; infinite where it has no end, or is no band."""
    if open_band := re.fullmatch(r"\s*(?:<|under )\s*(\d+)\s*", band.casefold()):
        return float(open_band[1])
    closed_band = re.fullmatch(r"\s*\d+\s*(?:-|–|to)\s*(\d+)\s*", band.casefold())
    return int(closed_band[1]) + 1.0 if closed_band else float("inf")


def select_rows(records: Table, figures: Sequence[KeyFigure], content: RecordContent) -> Table:
    """The offences of each figure, with the figure's key in the place of their group.

    One offence may count for several figures, and is then there several times: no sum over figures means
    anything. What police find by looking counts for none.
    """
    selected_rows = [_select_one(records, figure, content) for figure in figures]
    return ibis.union(*selected_rows) if len(selected_rows) > 1 else selected_rows[0]


def has_rows(records: Table) -> bool:
    """Whether there is any record among these."""
    return bool(records.limit(1).to_pyarrow().num_rows)


def _select_one(records: Table, figure: KeyFigure, content: RecordContent) -> Table:
    figure_records = records
    if not content.is_published:
        figure_records = figure_records.filter(figure_records.found_by.fill_null("unknown") != "police")
    if figure.offence_groups:
        figure_records = figure_records.filter(figure_records.offence_group.isin(list(figure.offence_groups)))
    if figure.weapons:
        figure_records = figure_records.filter(figure_records.weapon.isin(list(figure.weapons)))
    if figure.injured is not None:
        figure_records = figure_records.filter(figure_records.injury == figure.injured)
    if figure.victim_under:
        figure_records = figure_records.filter(
            figure_records.victim_age_band.isin(young_bands(content.age_bands, figure.victim_under))
        )
    return figure_records.mutate(offence_group=ibis.literal(figure.key))


def list_months(
    counts: CountTable, period: Period, context: ComparisonContext, *, level: float
) -> dict[str, tuple[MonthCount, ...]]:
    """The last months of each figure up to the period's end, the newest beside what was to be expected.

    The interval is that of all these months by the months before the first of them. Without a year of such
    history there is none.
    """
    end = min(period.end, month_start(counts.times[-1].year, counts.times[-1].month + 1))
    band_start = month_start(end.year, end.month - BAND_MONTHS)
    try:
        expected = expect_period(
            counts,
            period=Period(band_start, month_start(end.year, end.month)),
            level=level,
            context=ExpectedContext(holidays=context.holidays, steps=context.steps, gaps=context.gaps),
        )
        times_by_key = {series.group: series.times for series in expected.series}
    except QuestionError:
        times_by_key = {}
    months: dict[str, tuple[MonthCount, ...]] = {}
    for key, row in zip(counts.groups, counts.counts.tolist(), strict=True):
        band_by_month = {
            time.start: (time.expected.low, time.expected.high) for time in times_by_key.get(key, ())
        }
        of_key = [
            MonthCount(start, count, *band_by_month.get(start, (None, None)))
            for start, count in zip(counts.times, row, strict=True)
            if start < end
        ]
        months[key] = tuple(of_key[-SERIES_MONTHS:])
    return months


def fill_report(
    report: KeyFigureReport, comparison: Comparison, months: Mapping[str, tuple[MonthCount, ...]]
) -> KeyFigureReport:
    """The report with its figures, in the order of their table."""
    row_by_key = {row.group: row for row in comparison.rows}
    figures = tuple(
        KeyFigureRow(
            figure.key,
            figure.label,
            row_by_key[figure.key],
            row_by_key[figure.key].verdict(comparison.level),
            months[figure.key],
        )
        for figure in report.table.figures
        if figure.key in row_by_key
    )
    absent_figures = tuple(
        (figure.label, ABSENT) for figure in report.table.figures if figure.key not in row_by_key
    )
    return replace(report, figures=figures, left_out=(*report.left_out, *absent_figures))
