"""The first pages of the briefing: one side for the commander, then places, plan, watch and what is due."""

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from becalm.brief.briefing import Briefing
from becalm.brief.briefing_page import draw_trends, inline_mark, render_page
from becalm.brief.part import BriefingPart
from becalm.find.files.map import hotspot_map
from becalm.measure.core.key_figures import KeyFigureRow
from becalm.measure.files import comparison as comparison_text
from becalm.measure.files import sentences
from becalm.measure.files.sparkline import describe_months, sparkline
from becalm.render import number_format, svg

FIGURES_SHOWN: Final = 5
DECISIONS_SHOWN: Final = 3
PLACES_SHOWN: Final = 12
CAVEATS_SHOWN: Final = 3
CAVEAT_LETTERS: Final = 110
NO_WATCH: Final = (
    "becalm does not know whether numbers are coming back: nobody has declared from which day they fell."
)
SECTION_OF_COMMAND: Final = {"sustain": "sustain", "patrol": "patrol", "staff": "staff", "ingest": "due"}


@dataclass(frozen=True, slots=True)
class FigureTile:
    """One key figure as it stands on the page."""

    label: str
    change: str
    counts: str
    interval: str
    verdict: str
    mark: Markup
    chart: Markup
    last_month: str


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing to decide this week, and the section of the page that says more."""

    text: str
    section: str


def front_page(briefing: Briefing) -> str:
    """The first pages as HTML."""
    hotspots = briefing.hotspots.hotspots if briefing.hotspots else ()
    part_by_job = {part.job: part for part in briefing.parts}
    return render_page(
        "front_page.html",
        briefing,
        title=f"Violence {briefing.place_phrase}, {number_format.period(briefing.comparison.period)}",
        tiles=_figure_tiles(briefing),
        return_sentence=_return_sentence(part_by_job.get("sustain")),
        map=_draw_thumbnail(briefing),
        decisions=_decisions(part_by_job.get("due")),
        caveats=[shorten(warning) for warning in briefing.warnings[:CAVEATS_SHOWN]],
        caveats_more=max(0, len(briefing.warnings) - CAVEATS_SHOWN),
        places=hotspots[:PLACES_SHOWN],
        trends=draw_trends(briefing, PLACES_SHOWN),
    )


def shorten(caveat: str) -> str:
    """The caveat in a line: its first sentence, cut at a word where that is long; the annex has it whole.

    >>> shorten("Late records: some are to come. On record by now: 83%.")
    'Late records: some are to come.'
    """
    first_sentence, is_cut, _ = caveat.partition(". ")
    sentence = f"{first_sentence}." if is_cut else caveat
    if len(sentence) <= CAVEAT_LETTERS:
        return sentence
    return f"{sentence[:CAVEAT_LETTERS].rpartition(' ')[0].rstrip(',;:')} …"


def _figure_tiles(briefing: Briefing) -> list[FigureTile]:
    report = briefing.key_figures
    return (
        [] if report is None else [_tile(figure, report.level) for figure in report.figures[:FIGURES_SHOWN]]
    )


def _tile(figure: KeyFigureRow, level: float) -> FigureTile:
    change, interval = comparison_text.change_cells(figure.row)
    return FigureTile(
        label=figure.label,
        change=change if figure.row.change_percent is not None else _count_words(figure.row.difference),
        counts=f"{sentences.old_count(figure.row.old)} → {number_format.whole(figure.row.new)}",
        interval=interval,
        verdict=sentences.verdict_words(figure.row, level),
        mark=inline_mark(svg.CHANGE_MARKS[figure.verdict](8, 8)),
        chart=sparkline(figure.months, key=f"spark-{figure.key}", title=f"{figure.label}, month by month"),
        last_month=describe_months(figure.months),
    )


def _count_words(difference: float) -> str:
    """A difference of counts that nobody can take for a percentage.

    >>> _count_words(-27.0), _count_words(5.0), _count_words(0.0)
    ('27 fewer', '5 more', 'as many')
    """
    if not round(difference):
        return "as many"
    return f"{number_format.whole(abs(difference))} {'more' if difference > 0 else 'fewer'}"


def _return_sentence(watch: BriefingPart | None) -> str:
    """Are numbers coming back?"""
    return watch.lead if watch and watch.lead else NO_WATCH


def _decisions(due: BriefingPart | None) -> list[Decision]:
    """What to decide this week, the oldest first."""
    rows = due.tables[0].rows[:DECISIONS_SHOWN] if due and due.tables else ()
    return [
        Decision(
            number_format.capital(f"{task}: {why}"), SECTION_OF_COMMAND.get(command.split(" ")[1], "due")
        )
        for task, why, _, command in rows
    ]


def _draw_thumbnail(briefing: Briefing) -> Markup | None:
    """The whole city, small; the annex has it large."""
    hotspots = briefing.hotspots.hotspots if briefing.hotspots else ()
    if not hotspots:
        return None
    title = f"Hotspots {briefing.place_phrase}"
    return hotspot_map(hotspots, briefing.areas, key="thumbnail", title=title, narrow=True)
