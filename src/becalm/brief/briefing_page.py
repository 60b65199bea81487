"""What the pages of a briefing share: the values and marks that their templates read, and their frame."""

from markupsafe import Markup

from becalm.brief.briefing import Briefing
from becalm.find.files.rules_file import override_rows
from becalm.formats.json_text import data_digest
from becalm.measure.core.key_figures import MonthCount
from becalm.measure.files import sentences
from becalm.measure.files.sparkline import sparkline
from becalm.render import number_format, svg
from becalm.render.pages import self_contained
from becalm.tables import first_day_of
from becalm.terms import CertaintyBand, choose_band


def render_page(template: str, briefing: Briefing, *, title: str, **values: object) -> str:
    """A page of this briefing from one of our templates; `values` are what this template reads alone."""
    hotspots, run = briefing.hotspots.hotspots if briefing.hotspots else (), briefing.run
    override_texts = override_rows(briefing.hotspots.selection if briefing.hotspots else None)
    return self_contained(
        template,
        {
            "sentences": sentences,
            "band_of": choose_band,
            "bands": tuple(CertaintyBand),
            "band_mark": lambda band: inline_mark(svg.hotspot_mark(8, 8, band, 5.0)),
        },
        b=briefing,
        c=briefing.comparison,
        h=briefing.hotspots,
        run=run,
        core=sum(choose_band(hotspot.p_top) is CertaintyBand.core for hotspot in hotspots),
        overrides=override_texts,
        included={row.decision.place_id for row in override_texts if row.decision.include},
        data_digest=data_digest(run.data),
        title=title,
        subtitle=f"Briefing for {briefing.place}" if briefing.place else "Briefing",
        job="briefing",
        version=f"becalm {run.version}",
        colophon=_colophon(briefing),
        **values,
    )


def _colophon(briefing: Briefing) -> str:
    """By what, when and from which records the page was made."""
    source_names = [briefing.comparison.source]
    if briefing.hotspots and briefing.hotspots.source not in source_names:
        source_names.append(briefing.hotspots.source)
    return (
        f"Made by becalm {briefing.run.version} on {number_format.instant(briefing.run.made_at)} from "
        f"{' and '.join(source_names)}, as of {number_format.day(briefing.comparison.as_of)}."
    )


def draw_trends(briefing: Briefing, most: int) -> dict[str, Markup]:
    """A small picture of the months of each of the first places, by the place's name."""
    hotspots = briefing.hotspots.hotspots[:most] if briefing.hotspots else ()
    history = briefing.history
    if history is None:
        return {}
    starts = [first_day_of(month) for month in history.months]
    return {
        place.place_id: sparkline(
            [MonthCount(start, count) for start, count in zip(starts, counts, strict=True)],
            key=f"trend-{place.rank}",
            title=f"Place {place.rank}, month by month",
        )
        for place in hotspots
        if (counts := history.counts_by_place.get(place.place_id))
    }


def inline_mark(mark: Markup) -> Markup:
    """A mark beside the word that says the same; hidden from screen readers for that reason."""
    return Markup(
        '<svg class="inline" viewBox="0 0 16 16" aria-hidden="true" focusable="false">{}</svg>'
    ).format(mark)
