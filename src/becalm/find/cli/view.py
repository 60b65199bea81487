"""How hotspots are shown. Imported only when a command has something to show."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from becalm.console.options import Format
from becalm.console.screen import console as on_screen
from becalm.console.screen import is_narrow, say, show_table
from becalm.find.cli.harm import HARM_HEADINGS, harm_cells, lines_of_harm
from becalm.find.cli.rules_view import lines_of_rules
from becalm.find.desk.hotspots import HotspotsFound
from becalm.terms import HOURS_OF_WEEK, CertaintyBand, Hotspot, HotspotList, PeakHours, PlaceKind, choose_band

SHOWN = 20
HARM_NEEDS = 155  # columns of the screen for a table with all that is said of harm
WEEK_HEADINGS = ("busiest hours", "of the week", "sure")
LIST_HEADINGS = (
    "rank",
    "place",
    "borough",
    "expected in 30 days",
    *HARM_HEADINGS,
    "P(top)",
    "rank interval",
    "tie group",
    *WEEK_HEADINGS,
)
WIDE_ONLY = ("tie group", "of the week", "PEI", "RRI", "Gini", "SER", "calibration")
NOUNS: dict[PlaceKind, str] = {
    "square": "squares",
    "hexagon": "hexagons",
    "h3": "H3 cells",
    "own": "own areas",
    "segment": "street segments and junctions",
    "box": "boxes",
}
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def print_hotspots(found: HotspotsFound, format: Format, written: Sequence[Path]) -> None:
    """Print the list, as asked."""
    if format is Format.json:
        sys.stdout.write(found.geojson)
    elif format is Format.csv:
        sys.stdout.write(found.csv)
    else:
        _print_list(found, written)


def _print_list(found: HotspotsFound, written: Sequence[Path]) -> None:
    console, listed = on_screen(), found.hotspots
    say(console, *_heading(listed))
    left_out = _left_out(listed, narrow=is_narrow(console), crowded=console.width < HARM_NEEDS)
    rows = [_cells(h) for h in listed.hotspots[:SHOWN]]
    show_table(console, LIST_HEADINGS, rows, left_out=left_out, folded=("borough",))
    say(console, *_summary(listed))
    say(console, *lines_of_harm(listed))
    say(console, *lines_of_rules(listed.selection, listed.finder, listed.places))
    say(console, _week(listed))
    say(console, *(f"warning: {w}" for w in listed.warnings))
    say(console, *(f"written: {path}" for path in written))
    say(console, f"seed {found.run.seed}; the whole list: --format csv, or --out FILE")


def _left_out(listed: HotspotList, *, narrow: bool, crowded: bool) -> tuple[str, ...]:
    """The columns that this list has nothing for, or this screen no room."""
    timed = any(h.peak for h in listed.hotspots)
    untimed, thin = () if timed else WEEK_HEADINGS, WIDE_ONLY if narrow else ()
    if not listed.harm:
        return (*HARM_HEADINGS, *untimed, *thin)
    room = ("borough", *HARM_HEADINGS[1:], *WEEK_HEADINGS) if crowded else WEEK_HEADINGS[1:2]
    return (*untimed, *thin, *room)


def _cells(h: Hotspot) -> tuple[str, ...]:
    e = h.expected
    return (
        str(h.rank),
        h.place_id,
        escape(h.borough or "-"),
        f"{e.value:.2f} ({e.low:.2f} to {e.high:.2f})",
        *harm_cells(h),
        f"{h.p_top:.2f}",
        f"{h.rank_low} to {h.rank_high}",
        str(h.tie_group),
        *_peak_cells(h.peak),
    )


def _heading(listed: HotspotList) -> tuple[str, ...]:
    level = f"{listed.level:.0%}"
    by_harm = ", by harm" if listed.rank == "harm" else ""
    return (
        f"{len(listed.hotspots)} {noun_of(listed.kind)} of {listed.cell_m:g} m "
        f"for {', '.join(listed.target)}{by_harm}: "
        f"{listed.incidents:,} incidents, {listed.first_month} to {listed.last_month}, "
        f"source {listed.source}, as of {listed.as_of}. Intervals hold {level}.",
    )


def _summary(listed: HotspotList) -> tuple[str, ...]:
    bands = Counter(choose_band(h.p_top) for h in listed.hotspots)
    c = listed.concentration
    parts = ", ".join(f"{p.name} {p.share:.0%}" for p in listed.blend)
    return (
        f"How sure: mean P(top {len(listed.hotspots)}) {listed.mean_p_top:.2f}; "
        + ", ".join(f"{bands[band]} {band}" for band in CertaintyBand)
        + f"; {listed.tied_below} places not listed cannot be told apart from the last one.",
        *_churn(listed),
        f"Score: {parts}; {_memory(listed.half_life_months)}.",
        f"Borrowed from: {', '.join(listed.related) or 'nothing'}. "
        f"Left out as found by police: {', '.join(listed.excluded) or 'nothing on record'}.",
        f"Concentration, last 12 months: 25% of {c.incidents:,} incidents in {c.share_25:.2%} of places "
        f"and 50% in {c.share_50:.2%}; chance alone would give {c.null_share_25:.2%} and "
        f"{c.null_share_50:.2%}. "
        f"Generalised Gini {c.gini_generalised:.2f}.",
        f"Places that compete: {listed.places:,} ({listed.denominator}{_land(listed.kind, listed.area_m2)}).",
    )


def _churn(listed: HotspotList) -> tuple[str, ...]:
    """How much the last month moved the list, beside how much of it is in doubt."""
    if listed.churn is None:
        return ()
    return (
        f"Churn: {listed.churn.came} of {len(listed.hotspots)} places were not on the list before "
        f"{listed.churn.month} came in; {listed.churn.doubtful:.0f} are to be expected outside the true top.",
    )


def noun_of(kind: PlaceKind) -> str:
    """What places of this kind are called."""
    return NOUNS.get(kind, "places")


def amount_of(kind: PlaceKind, amount: float) -> str:
    """How much there is of all places together: land, or street."""
    return f"{amount / 1e3:,.0f} km of street" if kind == "segment" else f"{amount / 1e6:,.1f} km2"


def _land(kind: PlaceKind, area_m2: float) -> str:
    """The area, where the denominator does not name the length already."""
    return "" if kind == "segment" else f", {amount_of(kind, area_m2)}"


def _memory(half_life_months: float) -> str:
    if math.isinf(half_life_months):
        return "no half-life: every record counts alike, old or new"
    return f"half-life {half_life_months:g} months"


def _week(listed: HotspotList) -> str:
    """What the columns about hours of the week mean, or why there are none."""
    peak = next((h.peak for h in listed.hotspots if h.peak), None)
    if peak is None:
        return "When in the week: not known, for these records carry no times."
    return (
        f"Busiest hours: the {peak.hours} in a row that hold most of the place's week; {peak.hours} average "
        f"ones hold {peak.hours / HOURS_OF_WEEK:.1%}. Sure: the least probability that they hold more."
    )


def _peak_cells(peak: PeakHours | None) -> tuple[str, ...]:
    """The busiest hours of a week, e.g. "Fri 22-02", their share, and how sure they are."""
    if peak is None:
        return ("no times", "", "")
    ends = (peak.start + peak.hours) % 24
    share = peak.share
    return (
        f"{DAYS[peak.start // 24]} {peak.start % 24:02d}-{ends:02d}",
        f"{share.value:.0%} ({share.low:.0%} to {share.high:.0%})",
        f"{peak.sure:.2f}",
    )
