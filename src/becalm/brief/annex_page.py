"""The annex of the briefing as one self-contained page: every answer, with its pictures and tables."""

from dataclasses import dataclass
from datetime import date
from functools import partial

from markupsafe import Markup

from becalm.brief.borough_map import borough_map
from becalm.brief.briefing import Briefing
from becalm.brief.briefing_page import draw_trends, inline_mark, render_page
from becalm.find.files.concentration_chart import concentration_chart, describe_curve
from becalm.find.files.map import View, busiest_view, hotspot_map, whole_view
from becalm.find.files.week_chart import DAYS, week_chart
from becalm.measure.core.comparison import ComparisonRow, Verdict
from becalm.measure.core.run_up import RunUp
from becalm.measure.files import comparison as comparison_text
from becalm.measure.files import sentences
from becalm.measure.files.band_chart import band_chart
from becalm.measure.files.charts import SeriesPoint, change_chart, change_rows, series_chart
from becalm.render import number_format, svg

HOTSPOTS_SHOWN = 25  # hotspots in the body of the page; all of them are in the annex


def annex_page(briefing: Briefing) -> str:
    """The whole annex as HTML."""
    comparison = briefing.comparison
    period_text = number_format.period(comparison.period)
    baseline_text = sentences.baseline_name(comparison.baseline)
    return render_page(
        "annex_page.html",
        briefing,
        title=f"Annex: {briefing.place or comparison.source}, {period_text} against {baseline_text}",
        days=DAYS,
        verdict_mark=lambda verdict: inline_mark(svg.CHANGE_MARKS[verdict](8, 8)),
        warnings=briefing.warnings,
        figures=draw_figures(briefing),
        shown=HOTSPOTS_SHOWN,
        verdicts=_sort_by_verdict(briefing),
        side_by_side=_side_by_side(briefing),
        notes=sentences.comparison_notes(comparison),
        trends=draw_trends(briefing, HOTSPOTS_SHOWN),
        borough_headings=comparison_text.TEXT_COLUMNS,
        borough_rows=tuple(comparison_text.comparison_lines(briefing.boroughs)) if briefing.boroughs else (),
        figure_row=_row_of_month(briefing),
        curve_words=describe_curve(briefing.history) if briefing.history else "",
    )


def _row_of_month(briefing: Briefing) -> dict[date, int]:
    """Where a month stands in the series of the key figures: all have the same months."""
    figures = briefing.key_figures.figures if briefing.key_figures else ()
    return {month.start: i for i, month in enumerate(figures[0].months)} if figures else {}


def _sort_by_verdict(briefing: Briefing) -> dict[Verdict, list[ComparisonRow]]:
    comparison = briefing.comparison
    rows_by_verdict: dict[Verdict, list[ComparisonRow]] = {"fall": [], "rise": [], "unclear": []}
    for row in comparison.rows:
        rows_by_verdict[row.verdict(comparison.level)].append(row)
    return rows_by_verdict


def _side_by_side(briefing: Briefing) -> list[tuple[ComparisonRow, list[ComparisonRow | None]]]:
    """Each line of table 2: the row it is about, and that row against every baseline."""
    baseline_contrasts = briefing.comparison.against
    rows_by_group_of_contrast = [
        {row.group: row for row in contrast.all_rows} for contrast in baseline_contrasts
    ]
    return [
        (row, [rows.get(row.group) for rows in rows_by_group_of_contrast])
        for row in briefing.comparison.all_rows
    ]


@dataclass(frozen=True, slots=True)
class Figures:
    """Every picture, or None where there is nothing to draw."""

    change: Markup
    run_up: Markup | None
    map: Markup | None
    inset: Markup | None
    week: Markup | None
    concentration: Markup | None
    boroughs: Markup | None
    series: tuple[tuple[str, Markup], ...]  # the label of each key figure, and its months


def draw_figures(briefing: Briefing) -> Figures:
    """Draw all pictures of this briefing, each for a wide page and for a narrow one."""
    full_map, inset_map = _draw_maps(briefing)
    week_figure = None
    if briefing.week is not None:
        week_title = "The hotspots hour by hour through the week"
        week_figure = svg.draw_twice(partial(week_chart, briefing.week, title=week_title), "week")
    return Figures(
        _draw_changes(briefing),
        _draw_run_up(briefing),
        full_map,
        inset_map,
        week_figure,
        _draw_concentration(briefing),
        _draw_boroughs(briefing),
        _draw_series(briefing),
    )


def _draw_concentration(briefing: Briefing) -> Markup | None:
    history = briefing.history
    if history is None or not history.curve:
        return None
    title = "The share of incidents in the fullest places"
    return svg.draw_twice(partial(concentration_chart, history, title=title), "concentration")


def _draw_boroughs(briefing: Briefing) -> Markup | None:
    """The map, where the outlines are those of the boroughs that were compared."""
    boroughs = briefing.boroughs
    names = {area.name.casefold() for area in briefing.areas if area.name}
    if boroughs is None or not names & {row.label.casefold() for row in boroughs.rows}:
        return None
    title = f"Change by borough, {number_format.period(boroughs.period)}"
    return svg.draw_twice(partial(borough_map, boroughs, briefing.areas, title=title), "boroughs")


def _draw_series(briefing: Briefing) -> tuple[tuple[str, Markup], ...]:
    figures = briefing.key_figures.figures if briefing.key_figures else ()
    return tuple(
        (
            figure.label,
            svg.draw_twice(
                partial(band_chart, figure.months, briefing.steps, title=f"{figure.label}, by month"),
                f"series-{figure.key}",
            ),
        )
        for figure in figures
        if figure.months
    )


def _draw_changes(briefing: Briefing) -> Markup:
    comparison = briefing.comparison
    chart_title = f"Change by {comparison.by.replace('_', ' ')}, {number_format.period(comparison.period)}"
    return svg.draw_twice(partial(change_chart, change_rows(comparison), title=chart_title), "change")


def _draw_run_up(briefing: Briefing) -> Markup | None:
    run_up: RunUp | None = briefing.run_up
    if run_up is None:
        return None
    series_points = tuple(
        SeriesPoint(f"{m.start:%b}", number_format.month(m.start), m.new, m.old, m.is_compared)
        for m in run_up.months
    )
    last_month = run_up.months[-1]
    draw_chart = partial(
        series_chart,
        series_points,
        new_name=f"to {last_month.start:%b %Y}",
        old_name=f"to {last_month.old_start:%b %Y}",
        title="Recorded offences in each month, beside the baseline year",
    )
    return svg.draw_twice(draw_chart, "run-up")


def _draw_maps(briefing: Briefing) -> tuple[Markup | None, Markup | None]:
    """The whole ground, and its busiest part again, larger."""
    hotspots = briefing.hotspots.hotspots if briefing.hotspots else ()
    if not hotspots:
        return None, None
    enlarged_view = busiest_view(hotspots, whole_view(hotspots, briefing.areas, width=720))
    map_title = f"Hotspots {briefing.place_phrase}"
    whole_map = svg.draw_twice(
        partial(hotspot_map, hotspots, briefing.areas, title=map_title, frame=enlarged_view), "map"
    )
    if enlarged_view is None:
        return whole_map, None

    def draw_inset(key: str, narrow: bool) -> Markup:
        inset_view = (
            View(enlarged_view.west, enlarged_view.south, enlarged_view.east, enlarged_view.north, 340.0)
            if narrow
            else enlarged_view
        )
        map_title = "The part with most hotspots, enlarged"
        return hotspot_map(hotspots, briefing.areas, key=key, title=map_title, view=inset_view, narrow=narrow)

    return whole_map, svg.draw_twice(draw_inset, "inset")
