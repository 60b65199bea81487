"""The briefing as one self-contained page: no request, no script, one style sheet named by its hash."""

from __future__ import annotations

from markupsafe import Markup

from becalm.brief import figures
from becalm.brief.briefing import Briefing
from becalm.find.files.rules_in_words import override_rows
from becalm.find.files.week_chart import DAYS
from becalm.formats.run_record import data_digest
from becalm.measure.core.comparison import ComparisonRow
from becalm.measure.files import sentences
from becalm.measure.files.change_chart import Verdict
from becalm.render import marks
from becalm.render.shell import self_contained
from becalm.terms import CertaintyBand, choose_band

SHOWN = 25  # hotspots in the body of the page; all of them are in the annex


def briefing_page(briefing: Briefing) -> str:
    """The whole page as HTML."""
    return self_contained(
        "briefing.html",
        {
            "sentences": sentences,
            "band_of": choose_band,
            "bands": tuple(CertaintyBand),
            "days": DAYS,
            "band_mark": _band_mark,
            "verdict_mark": _verdict_mark,
        },
        b=briefing,
        c=briefing.comparison,
        h=briefing.hotspots,
        run=briefing.run,
        warnings=briefing.warnings,
        figures=figures.of(briefing),
        shown=SHOWN,
        verdicts=_sorted_by_verdict(briefing),
        side_by_side=_side_by_side(briefing),
        core=_cores(briefing),
        overrides=(decided := override_rows(briefing.hotspots.selection if briefing.hotspots else None)),
        included={row.decision.place_id for row in decided if row.decision.include},
        notes=sentences.notes_to(briefing.comparison),
        data_digest=data_digest(briefing.run.data),
    )


def _sorted_by_verdict(briefing: Briefing) -> dict[Verdict, list[ComparisonRow]]:
    comparison = briefing.comparison
    rows: dict[Verdict, list[ComparisonRow]] = {"fall": [], "rise": [], "unclear": []}
    for row in comparison.rows:
        rows[sentences.verdict_of(row, comparison.level)].append(row)
    return rows


def _side_by_side(briefing: Briefing) -> list[tuple[ComparisonRow, list[ComparisonRow | None]]]:
    """Each line of table 2: the row it is about, and that row against every baseline."""
    against = briefing.comparison.against
    lines: list[tuple[ComparisonRow, list[ComparisonRow | None]]] = [
        (briefing.comparison.total, [contrast.total for contrast in against])
    ]
    by_group = [{row.group: row for row in contrast.rows} for contrast in against]
    lines += [(row, [rows.get(row.group) for rows in by_group]) for row in briefing.comparison.rows]
    return lines


def _cores(briefing: Briefing) -> int:
    places = briefing.hotspots.hotspots if briefing.hotspots else ()
    return sum(choose_band(place.p_top) is CertaintyBand.core for place in places)


def _band_mark(band: CertaintyBand) -> Markup:
    return _inline(marks.place(8, 8, band, 5.0))


def _verdict_mark(verdict: str) -> Markup:
    draw = {"fall": marks.fall, "rise": marks.rise, "unclear": marks.unclear}[verdict]
    return _inline(draw(8, 8))


def _inline(mark: Markup) -> Markup:
    """A mark beside the word that says the same; hidden from screen readers for that reason."""
    return Markup(
        '<svg class="inline" viewBox="0 0 16 16" aria-hidden="true" focusable="false">{}</svg>'
    ).format(mark)
