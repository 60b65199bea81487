"""How explanations are shown. Imported only when a command has something to show."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from rich.console import Console

from becalm.console.options import Format
from becalm.console.screen import console as on_screen
from becalm.console.screen import say, show_table
from becalm.find.core.cluster_test import ClusterMap
from becalm.find.core.near_repeats import NearRepeats, RepeatBand
from becalm.find.core.outbreaks import Outbreaks
from becalm.terms import UsageError

SHOWN = 20


def edges_of(text: str, option: str) -> tuple[float, ...]:
    """Read "100,200,400" as rising edges."""
    try:
        edges = tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"{option} {text!r} holds no numbers. Write e.g. {option} 7,14,28.") from error
    if not all(math.isfinite(edge) and edge > 0 for edge in edges):
        raise UsageError(f"{option} {text!r} holds an edge that is none. Give numbers above 0.")
    if any(later <= earlier for earlier, later in pairwise(edges)):
        raise UsageError(f"{option} {text!r} does not rise. Write the smallest edge first.")
    return edges


def days_of(text: str, option: str) -> tuple[int, ...]:
    """Read "7,14,28" as rising numbers of whole days."""
    edges = edges_of(text, option)
    if any(edge != int(edge) for edge in edges):
        raise UsageError(f"{option} {text!r} holds part of a day. Give whole days, e.g. {option} 7,14,28.")
    return tuple(int(edge) for edge in edges)


def print_clusters(told: ClusterMap, format: Format) -> None:
    """Print the clusters, as asked."""
    if _plain(told, "clusters", format):
        return
    screen = on_screen()
    say(
        screen,
        f"Clusters of {', '.join(told.target)}, {told.first_month} to {told.last_month}: "
        f"{told.hot:,} of {told.places:,} places ({told.denominator}) with Gi* q <= {told.level:g}, "
        f"adjusted by {told.adjustment} over all places; source {told.source}, as of {told.as_of}.",
    )
    headings = (
        "rank",
        "place",
        "incidents",
        "Gi* z",
        "q",
        "with its neighbours",
        "q",
        "history",
        "periods hot",
    )
    rows = [
        (
            str(c.rank),
            c.place_id,
            str(c.count),
            f"{c.z:.2f}",
            _chance(c.q),
            c.quadrant,
            _chance(c.quadrant_q),
            c.history,
            f"{c.hot_periods} of {told.periods}",
        )
        for c in told.clusters[:SHOWN]
    ]
    show_table(screen, headings, rows, left=("distance",))
    classes = ", ".join(f"{number:,} {kind}" for kind, number in told.histories)
    say(screen, f"All places over {told.periods} periods of {told.period_months} months: {classes}.")
    _end(screen, told.warnings, "This explains the list and never chooses it; the whole list: --format csv")


def print_near_repeats(told: NearRepeats, format: Format) -> None:
    """Print the bands, as asked."""
    if _plain(told, "bands", format):
        return
    screen = on_screen()
    say(
        screen,
        f"{told.incidents:,} incidents of {', '.join(told.target)}, {told.first_day} to {told.last_day} "
        f"({told.left_out:,} left out without a place or a day); source {told.source}, as of {told.as_of}. "
        f"Observed over expected pairs, p against {told.orders} random orders of the days.",
    )
    delays = list(dict.fromkeys((b.from_days, b.until_days) for b in told.bands))
    distances = list(dict.fromkeys((b.from_m, b.until_m) for b in told.bands))
    by_place = {(b.from_m, b.until_m, b.from_days): b for b in told.bands}
    headings = ("distance", *(_span(*delay, "days") for delay in delays))
    rows = [
        (
            "the same place" if until == 0 else _span(start, until, "m"),
            *(_band(by_place[start, until, delay[0]]) for delay in delays),
        )
        for start, until in distances
    ]
    show_table(screen, headings, rows, left=("distance",))
    _end(
        screen,
        told.warnings,
        "A ratio of 2 means twice the pairs that chance alone gives. Points are paired, whatever the unit.",
    )


def print_outbreaks(told: Outbreaks, format: Format) -> None:
    """Print the circles, as asked."""
    if _plain(told, "outbreaks", format):
        return
    screen = on_screen()
    sure = [o for o in told.outbreaks if o.p <= told.level]
    say(
        screen,
        f"{told.incidents:,} incidents of {', '.join(told.target)}, {told.first} to {told.last}; "
        f"source {told.source}, as of {told.as_of}. Circles up to {told.radius_m:g} m and {told.longest} "
        f"{told.step}s: {len(sure)} beyond chance (p <= {told.level:g} against {told.orders} random orders, "
        "every circle and run looked at).",
    )
    headings = ("centre, m", "radius, m", f"{told.step}s", "observed", "expected", "p")
    rows = [
        (
            f"{o.easting_m:.0f} {o.northing_m:.0f}",
            f"{o.radius_m:.0f}",
            o.first if o.first == o.last else f"{o.first} to {o.last}",
            str(o.observed),
            f"{o.expected:.1f}",
            f"{o.p:.3f}",
        )
        for o in told.outbreaks[:SHOWN]
    ]
    show_table(screen, headings, rows, left=("distance",))
    _end(
        screen,
        told.warnings,
        f"A place that always carries much is no outbreak, nor a {told.step} with more everywhere.",
    )


def _plain(told: ClusterMap | NearRepeats | Outbreaks, part: str, format: Format) -> bool:
    """Print JSON or CSV where asked for."""
    held: Mapping[str, Any] = asdict(told)
    if format is Format.json:
        sys.stdout.write(json.dumps(held, ensure_ascii=False, indent=2, default=str) + "\n")
    elif format is Format.csv:
        from becalm.render.spreadsheet import csv_text

        entries = held[part]
        rows = (entry.values() for entry in entries)
        sys.stdout.write(csv_text(entries[0] if entries else ("none",), rows))
    return format is not Format.table


def _band(band: RepeatBand) -> str:
    ratio = "-" if band.ratio is None else f"{band.ratio:.2f}"
    return f"{ratio} (p {band.p:.3f}, {band.observed:,})"


def _span(start: float, until: float | None, unit: str) -> str:
    if until is None:
        return f"beyond, {unit}"
    return f"up to {until:g} {unit}" if start == 0 else f"{start:g} to {until:g} {unit}"


def _chance(q: float) -> str:
    return "< 0.001" if q < 0.001 else f"{q:.3f}"


def _end(screen: Console, warnings: Iterable[str], last: str) -> None:
    for warning in warnings:
        say(screen, f"warning: {warning}")
    say(screen, last)
