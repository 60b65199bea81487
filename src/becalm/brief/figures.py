"""The pictures of a briefing, each drawn twice: for a wide page and for a narrow one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup

from becalm.brief.briefing import Briefing
from becalm.find.files.map import View, busiest_view, hotspot_map, whole_view
from becalm.find.files.week_chart import week_chart
from becalm.measure.core.comparison import ComparisonRow
from becalm.measure.core.run_up_result import RunUp
from becalm.measure.files import sentences
from becalm.measure.files.change_chart import ChangeRow, change_chart
from becalm.measure.files.series_chart import SeriesPoint, series_chart
from becalm.render import number_format as words


@dataclass(frozen=True, slots=True)
class Figures:
    """Every picture, or None where there is nothing to draw."""

    change: Markup
    run_up: Markup | None
    map: Markup | None
    inset: Markup | None
    week: Markup | None


def of(briefing: Briefing) -> Figures:
    """Draw all pictures of this briefing."""
    whole, inset = _maps(briefing)
    return Figures(
        change=_change(briefing), run_up=_run_up(briefing), map=whole, inset=inset, week=_week(briefing)
    )


def both(draw: Callable[[str, bool], Markup], key: str) -> Markup:
    """The wide and the narrow drawing; the style sheet shows one and hides the other."""
    pair = Markup('<div class="wide">{}</div>\n<div class="narrow">{}</div>')
    return pair.format(draw(f"{key}-wide", False), draw(f"{key}-narrow", True))


def _change(briefing: Briefing) -> Markup:
    comparison = briefing.comparison
    rows = (
        _change_row(comparison.total, comparison.level, is_total=True),
        *(_change_row(row, comparison.level) for row in comparison.rows),
    )
    title = f"Change by {comparison.by.replace('_', ' ')}, {words.period(comparison.period)}"
    return both(lambda key, narrow: change_chart(rows, key=key, title=title, narrow=narrow), "change")


def _change_row(row: ComparisonRow, level: float, *, is_total: bool = False) -> ChangeRow:
    return ChangeRow(
        label=row.label,
        new=row.new,
        old=sentences.old_count(row.old),
        change=row.change_percent,
        low=row.change_low_percent,
        high=row.change_high_percent,
        verdict=sentences.verdict_of(row, level),
        by_police=row.found_by == "police",
        is_total=is_total,
    )


def _run_up(briefing: Briefing) -> Markup | None:
    if briefing.run_up is None:
        return None
    points = tuple(
        SeriesPoint(f"{m.start:%b}", words.month(m.start), m.new, m.old, m.compared)
        for m in briefing.run_up.months
    )
    new_name, old_name = run_up_names(briefing.run_up)
    return both(
        lambda key, narrow: series_chart(
            points,
            new_name=new_name,
            old_name=old_name,
            key=key,
            title="Recorded offences in each month, beside the baseline year",
            narrow=narrow,
        ),
        "run-up",
    )


def run_up_names(run_up: RunUp) -> tuple[str, str]:
    """How the two lines are called: by their last months."""
    last = run_up.months[-1]
    return f"to {last.start:%b %Y}", f"to {last.old_start:%b %Y}"


def _maps(briefing: Briefing) -> tuple[Markup | None, Markup | None]:
    hotspots = briefing.hotspots.hotspots if briefing.hotspots else ()
    if not hotspots:
        return None, None
    whole = whole_view(hotspots, briefing.areas, width=720)
    crowd = busiest_view(hotspots, whole)

    def draw_whole(key: str, narrow: bool) -> Markup:
        return hotspot_map(
            hotspots,
            briefing.areas,
            key=key,
            title=f"Hotspots {briefing.of_place}",
            frame=crowd,
            narrow=narrow,
        )

    def draw_inset(key: str, narrow: bool) -> Markup:
        assert crowd is not None
        view = View(crowd.west, crowd.south, crowd.east, crowd.north, 340.0) if narrow else crowd
        return hotspot_map(
            hotspots,
            briefing.areas,
            key=key,
            title="The part with most hotspots, enlarged",
            view=view,
            narrow=narrow,
        )

    return both(draw_whole, "map"), both(draw_inset, "inset") if crowd else None


def _week(briefing: Briefing) -> Markup | None:
    shares = briefing.week
    if shares is None:
        return None
    return both(
        lambda key, narrow: week_chart(
            shares, key=key, title="The hotspots hour by hour through the week", narrow=narrow
        ),
        "week",
    )
