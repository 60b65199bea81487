"""`becalm find hotspots`: the list, each place with how sure it is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from becalm import terms
from becalm.console.command import Session, command
from becalm.console.emit import View
from becalm.find.core.request import HotspotRequest

if TYPE_CHECKING:
    from becalm.find.desk.hotspots import HotspotAnswer

BLEND = "blend"
HARM_HEADINGS = ("harm in 30 days", "most of it", "rank by count")
ROWS_SHOWN = 20
HARM_NEEDS = 155  # columns of the screen for a table with all that is said of harm
WEEK_HEADINGS = ("busiest hours", "of the week", "sure")
LIST_HEADINGS = (
    "rank",
    "place",
    "name",
    "borough",
    "expected in 30 days",
    *HARM_HEADINGS,
    "P(top)",
    "rank interval",
    "tie group",
    *WEEK_HEADINGS,
)
WIDE_ONLY = ("tie group", "of the week", "PEI", "RRI", "Gini", "SER", "calibration")
NOUNS: dict[terms.PlaceKind, str] = {
    "square": "squares",
    "hexagon": "hexagons",
    "h3": "H3 cells",
    "own": "own areas",
    "segment": "street segments and junctions",
    "box": "boxes",
}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

app = typer.Typer(no_args_is_help=True, help="Find the micro-places that carry street violence.")


ENDINGS = (".json", ".csv", ".xlsx", ".geojson", ".gpkg")


@command(app, "hotspots", HotspotRequest, endings=ENDINGS)
def hotspots(session: Session, request: HotspotRequest) -> None:
    """List the places that will carry most of the target offences, each with how sure it is."""
    from becalm.find.desk.hotspots import find_hotspots

    session.emit(find_hotspots(session.open_desk(), request), hotspot_view(session.files))


def hotspot_view(files: tuple[Path, ...] = ()) -> View[HotspotAnswer]:
    """How a list is shown, and as what it is written; `files` are those that were written."""
    from becalm.find.files.hotspots import hotspot_rows, hotspots_csv, hotspots_geojson, hotspots_geopackage

    def write_geojson(answer: HotspotAnswer) -> str:
        return hotspots_geojson(answer.hotspots, run=answer.run, boundary=answer.boundary)

    return View(
        data=write_geojson,
        rows=lambda answer: hotspot_rows(answer.hotspots),
        lines=lambda answer: _hotspot_lines(answer, files),
        files={
            ".json": write_geojson,
            ".geojson": write_geojson,
            ".csv": lambda answer: hotspots_csv(answer.hotspots),
            ".gpkg": lambda answer: hotspots_geopackage(
                answer.hotspots, run=answer.run, boundary=answer.boundary
            ),
        },
    )


def _hotspot_lines(answer: HotspotAnswer, files: tuple[Path, ...]) -> Iterator[object]:
    from becalm.console.screen import console, figure_table, is_narrow

    hotspot_list = answer.hotspots
    yield _heading(hotspot_list)
    screen_console = console()
    hidden_columns = _hidden_columns(
        hotspot_list, narrow=is_narrow(screen_console), crowded=screen_console.width < HARM_NEEDS
    )
    hotspot_rows = [_cells(h) for h in hotspot_list.hotspots[:ROWS_SHOWN]]
    yield figure_table(LIST_HEADINGS, hotspot_rows, hidden=hidden_columns, folded=("name", "borough"))
    yield from _summary(hotspot_list)
    yield from _harm_lines(hotspot_list)
    yield from _rule_lines(hotspot_list)
    yield _week_line(hotspot_list)
    yield from (f"warning: {warning}" for warning in hotspot_list.warnings)
    yield from (f"written: {output_file}" for output_file in files)
    yield f"seed {answer.run.seed}"
    yield "The whole list: --format csv, or --out FILE"


def _hidden_columns(hotspots: terms.HotspotList, *, narrow: bool, crowded: bool) -> tuple[str, ...]:
    """The columns that this list has nothing for, or this screen no room."""
    has_peak_hours = any(h.peak for h in hotspots.hotspots)
    has_names = any(h.name for h in hotspots.hotspots)
    hidden_headings = (
        *(() if has_peak_hours else WEEK_HEADINGS),
        *(WIDE_ONLY if narrow else ()),
        *(("borough",) if narrow and has_names else () if has_names else ("name",)),
    )
    if not hotspots.harm:
        return (*HARM_HEADINGS, *hidden_headings)
    if crowded:
        return (*hidden_headings, "borough", *HARM_HEADINGS[1:], *WEEK_HEADINGS)
    return (*hidden_headings, WEEK_HEADINGS[1])


def _cells(h: terms.Hotspot) -> tuple[str, ...]:
    from rich.markup import escape

    e = h.expected_count
    return (
        str(h.rank),
        h.place_id,
        escape(h.name or "-"),
        escape(h.borough or "-"),
        f"{e.value:.2f} ({e.low:.2f} to {e.high:.2f})",
        *_harm_cells(h),
        f"{h.p_top:.2f}",
        f"{h.rank_low} to {h.rank_high}",
        str(h.tie_group),
        *_peak_cells(h.peak),
    )


def _heading(hotspots: terms.HotspotList) -> str:
    level_text = f"{hotspots.level:.0%}"
    harm_words = ", by harm" if hotspots.rank == "harm" else ""
    return (
        f"{len(hotspots.hotspots)} {place_noun(hotspots.kind)} of {hotspots.cell_m:g} m "
        f"for {', '.join(hotspots.target)}{harm_words}: "
        f"{hotspots.incidents:,} incidents, {hotspots.first_month} to {hotspots.last_month}, "
        f"source {hotspots.source}, as of {hotspots.as_of}. Intervals hold {level_text}."
    )


def _summary(hotspots: terms.HotspotList) -> tuple[str, ...]:
    band_counts = Counter(terms.choose_band(h.p_top) for h in hotspots.hotspots)
    c = hotspots.concentration
    blend_text = ", ".join(f"{p.name} {p.share:.0%}" for p in hotspots.blend)
    return (
        f"How sure: mean P(top {len(hotspots.hotspots)}) {hotspots.mean_p_top:.2f}; "
        + ", ".join(
            f"{band_counts[certainty_band]} {certainty_band}" for certainty_band in terms.CertaintyBand
        )
        + f"; {hotspots.tied_below} places that are not listed cannot be distinguished from the last one.",
        *_churn(hotspots),
        f"Score: {blend_text}; {_memory(hotspots.half_life_months)}.",
        f"Borrowed from: {', '.join(hotspots.related) or 'nothing'}. "
        f"Left out as found by police: {', '.join(hotspots.excluded_groups) or 'nothing on record'}.",
        f"Concentration, last 12 months: 25% of {c.incidents:,} incidents in {c.share_25:.2%} of places "
        f"and 50% in {c.share_50:.2%}; if spread at random: {c.null_share_25:.2%} and "
        f"{c.null_share_50:.2%}. "
        f"Generalised Gini {c.gini_generalised:.2f}.",
        f"Places that compete: {hotspots.places:,} "
        f"({hotspots.denominator}{_land(hotspots.kind, hotspots.area_m2)}).",
    )


def _churn(hotspots: terms.HotspotList) -> tuple[str, ...]:
    """How much the last month moved the list, beside how much of it is in doubt."""
    churn = hotspots.churn
    if churn is None:
        return ()
    return (
        f"Churn: {churn.came} of {len(hotspots.hotspots)} places were not on the list before "
        f"{churn.month} came in; {churn.doubtful:.0f} are to be expected outside the true top.",
    )


def place_noun(kind: terms.PlaceKind) -> str:
    """What places of this kind are called."""
    return NOUNS.get(kind, "places")


def land_amount(kind: terms.PlaceKind, amount: float) -> str:
    """How much there is of all places together: land, or street."""
    return f"{amount / 1e3:,.0f} km of street" if kind == "segment" else f"{amount / 1e6:,.1f} km2"


def _land(kind: terms.PlaceKind, area_m2: float) -> str:
    """The area, where the denominator does not name the length already."""
    return "" if kind == "segment" else f", {land_amount(kind, area_m2)}"


def _memory(half_life_months: float) -> str:
    if math.isinf(half_life_months):
        return "no half-life: every record counts alike, old or new"
    return f"half-life {half_life_months:g} months"


def _week_line(hotspots: terms.HotspotList) -> str:
    """What the columns about hours of the week mean, or why there are none."""
    peak_hours = next((h.peak for h in hotspots.hotspots if h.peak), None)
    if peak_hours is None:
        return "When in the week: not known, for these records carry no times."
    return (
        f"Busiest hours: the {peak_hours.hours} in a row that hold most of the place's week; "
        f"{peak_hours.hours} average "
        f"ones hold {peak_hours.hours / terms.HOURS_OF_WEEK:.1%}. Sure: the least probability that "
        "they hold more."
    )


def _peak_cells(peak: terms.PeakHours | None) -> tuple[str, ...]:
    """The busiest hours of a week, e.g. "Fri 22-02", their share, and how sure they are."""
    if peak is None:
        return ("no times", "", "")
    end_hour = (peak.start + peak.hours) % 24
    peak_share = peak.share
    return (
        f"{WEEKDAYS[peak.start // 24]} {peak.start % 24:02d}-{end_hour:02d}",
        f"{peak_share.value:.0%} ({peak_share.low:.0%} to {peak_share.high:.0%})",
        f"{peak.sure:.2f}",
    )


def _harm_cells(h: terms.Hotspot) -> tuple[str, ...]:
    """The harm of a place as the table shows it; nothing where none is computed."""
    if h.harm is None:
        return ("", "", "")
    e, leading_group = h.harm.expected_harm, h.harm.leading
    leading_share = leading_group.harm / e.value if e.value > 0 else 0.0
    interval_text = f"{e.value:,.0f} ({e.low:,.0f} to {e.high:,.0f})"
    return (interval_text, f"{leading_group.group} {leading_share:.0%}", str(h.harm.count_rank))


def _harm_lines(hotspots: terms.HotspotList) -> Iterator[str]:
    """By what the list is ranked, with which weights, and what its harm is made of."""
    if hotspots.harm is None:
        return
    harm_basis, weights = hotspots.harm, hotspots.harm.weights
    rank_word, other_rank = ("harm", "count") if hotspots.rank == "harm" else ("count", "harm")
    yield (
        f"Ranked by {rank_word}: P(top), rank intervals and churn are of that rank. {harm_basis.shared} of "
        f"{len(hotspots.hotspots)} places are on the list by {other_rank} too."
    )
    yield (
        f"Harm weights {weights.key} {weights.version}: {weights.index} {weights.edition} ({weights.unit}), "
        f"by {weights.author}, reviewed {weights.reviewed_on}."
    )
    for g in harm_basis.groups:
        few_records_note = "" if g.scored else "; too few records for a score of its own"
        yield (
            f"  {g.group}: weight {g.weight:,.1f}; {g.incident_share:.0%} of the incidents on the list, "
            f"{g.harm_share:.0%} of its harm, {g.doubt_share:.0%} of the doubt{few_records_note}"
        )


def _rule_lines(hotspots: terms.HotspotList) -> Iterator[str]:
    """The rules with their prices, how the list was chosen, and every decision that applied or did not."""
    from becalm.find.files.rules_file import override_lines

    finder, selection = hotspots.finder, hotspots.selection
    if finder != BLEND:
        yield f"Chosen by the finder {finder}; what is expected and how sure it is are becalm's own answers."
    if selection is None:
        return
    if selection.hours:
        yield f"For the hours {selection.hours} of every day: what is expected is expected in these hours."
    author_text = f" (rules by {selection.author}, {selection.written_on})" if selection.author else ""
    expected_text = f"{selection.expected_total:,.1f} {selection.unit} expected in 30 days on the list"
    yield f"Rules{author_text}: {expected_text}; {selection.how}."
    yield from (f"  {price_in_words(rule_price, selection.unit)}" for rule_price in selection.prices)
    yield from override_lines(selection, hotspots.places)


def price_in_words(price: terms.RulePrice, unit: str = "incidents") -> str:
    """What a rule costs, e.g. "at most 9 in Camden: one more would add 0.3 incidents"."""
    price_phrases = []
    if price.relaxation_gain is not None and price.unit != "the decision":
        price_phrases.append(f"{price.unit} would add {price.relaxation_gain:.2f} {unit}")
    if price.removal_gain is not None:
        price_phrases.append(
            f"without the rule {price.removal_gain:.2f} more{'' if price_phrases else ' ' + unit}"
        )
    return f"{price.rule}: {', '.join(price_phrases) or 'cannot be priced'}"
