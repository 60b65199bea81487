"""`becalm find clusters | near-repeats | outbreaks`: why places are on the list. They never choose it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from becalm.console.command import Session, command
from becalm.console.emit import View
from becalm.find.cli.hotspots import ROWS_SHOWN, app
from becalm.find.core.request import ClusterRequest, NearRepeatRequest, OutbreakRequest

if TYPE_CHECKING:
    from becalm.find.core.cluster_test import ClusterMap
    from becalm.find.core.near_repeats import NearRepeats, RepeatBand
    from becalm.find.core.outbreaks import Outbreaks

CLUSTER_HEADINGS = (
    *("rank", "place", "incidents", "Gi* z", "q", "with its neighbours", "q", "history", "periods hot"),
)


@command(app, "clusters", ClusterRequest)
def clusters(session: Session, request: ClusterRequest) -> None:
    """Say which listed places stand out with their neighbours (Gi*, local Moran), and since when."""
    from becalm.find.desk.explanations import explain_list

    view: View[ClusterMap] = View(asdict, lambda answer: _part_rows(answer, "clusters"), _cluster_lines)
    session.emit(explain_list(session.open_desk(), request), view)


@command(app, "near-repeats", NearRepeatRequest)
def near_repeats(session: Session, request: NearRepeatRequest) -> None:
    """Say whether after one incident another one nearby soon is more likely than chance alone explains.

    Pairs of points are counted, so there is no --place-kind: which places compete does not matter.
    """
    from becalm.find.desk.explanations import measure_near_repeats

    session.emit(measure_near_repeats(session.open_desk(), request), near_repeat_view())


def near_repeat_view() -> View[NearRepeats]:
    """How near repeats are shown."""
    return View(asdict, lambda answer: _part_rows(answer, "bands"), _repeat_lines)


@command(app, "outbreaks", OutbreakRequest)
def outbreaks(session: Session, request: OutbreakRequest) -> None:
    """Say where and when there was suddenly more than that place and that time explain."""
    from becalm.find.desk.explanations import scan_outbreaks

    view: View[Outbreaks] = View(asdict, lambda answer: _part_rows(answer, "outbreaks"), _outbreak_lines)
    session.emit(scan_outbreaks(session.open_desk(), request), view)


def _part_rows(answer: ClusterMap | NearRepeats | Outbreaks, part: str) -> list[Mapping[str, Any]]:
    """The rows of the answer's list; a column without a row where it is empty."""
    part_rows: list[Mapping[str, Any]] = [asdict(part_row) for part_row in getattr(answer, part)]
    return part_rows


def _cluster_lines(answer: ClusterMap) -> Iterator[object]:
    from becalm.console.screen import figure_table

    yield (
        f"Clusters of {', '.join(answer.target)}, {answer.first_month} to {answer.last_month}: "
        f"{answer.hot:,} of {answer.places:,} places ({answer.denominator}) with Gi* q <= {answer.level:g}, "
        f"adjusted by {answer.adjustment} over all places; source {answer.source}, as of {answer.as_of}."
    )
    cluster_rows = [
        (
            *(str(c.rank), c.place_id, str(c.count), f"{c.z:.2f}", _chance(c.q)),
            *(c.quadrant, _chance(c.quadrant_q), c.history, f"{c.hot_periods} of {answer.periods}"),
        )
        for c in answer.clusters[:ROWS_SHOWN]
    ]
    yield figure_table(CLUSTER_HEADINGS, cluster_rows)
    history_counts_text = ", ".join(f"{number:,} {history_kind}" for history_kind, number in answer.histories)
    yield f"All places over {answer.periods} periods of {answer.period_months} months: {history_counts_text}."
    yield from (f"warning: {warning}" for warning in answer.warnings)
    yield "This explains the list and never chooses it; the whole list: --format csv"


def _repeat_lines(answer: NearRepeats) -> Iterator[object]:
    from becalm.console.screen import figure_table

    yield (
        f"{answer.incidents:,} incidents of {', '.join(answer.target)}, {answer.first_day} to "
        f"{answer.last_day} ({answer.left_out:,} left out without a place or a day); "
        f"source {answer.source}, as of {answer.as_of}. "
        f"Observed over expected pairs, p against {answer.orders} random orders of the days."
    )
    delay_ranges = list(dict.fromkeys((b.from_days, b.until_days) for b in answer.bands))
    distance_ranges = list(dict.fromkeys((b.from_m, b.until_m) for b in answer.bands))
    band_by_range = {(b.from_m, b.until_m, b.from_days): b for b in answer.bands}
    column_titles = ("distance", *(_span(*delay_range, "days") for delay_range in delay_ranges))
    band_rows = [
        (
            "the same place" if until_m == 0 else _span(from_m, until_m, "m"),
            *(_band(band_by_range[from_m, until_m, delay_range[0]]) for delay_range in delay_ranges),
        )
        for from_m, until_m in distance_ranges
    ]
    yield figure_table(column_titles, band_rows, left=("distance",))
    yield from (f"warning: {warning}" for warning in answer.warnings)
    yield ("A ratio of 2 means twice the pairs expected by chance. Points are paired, whatever the unit.")


def _outbreak_lines(answer: Outbreaks) -> Iterator[object]:
    from becalm.console.screen import figure_table

    significant_outbreaks = [outbreak for outbreak in answer.outbreaks if outbreak.p <= answer.level]
    yield (
        f"{answer.incidents:,} incidents of {', '.join(answer.target)}, {answer.first} to {answer.last}; "
        f"source {answer.source}, as of {answer.as_of}. Circles up to {answer.radius_m:g} m and "
        f"{answer.longest} {answer.step}s: {len(significant_outbreaks)} beyond chance (p <= "
        f"{answer.level:g} against "
        f"{answer.orders} random orders, every circle and run looked at)."
    )
    column_titles = ("centre, m", "radius, m", f"{answer.step}s", "observed", "expected", "p")
    outbreak_rows = [
        (
            f"{o.easting_m:.0f} {o.northing_m:.0f}",
            f"{o.radius_m:.0f}",
            o.first if o.first == o.last else f"{o.first} to {o.last}",
            *(str(o.observed), f"{o.expected:.1f}", f"{o.p:.3f}"),
        )
        for o in answer.outbreaks[:ROWS_SHOWN]
    ]
    yield figure_table(column_titles, outbreak_rows)
    yield from (f"warning: {warning}" for warning in answer.warnings)
    yield f"A place that always carries much is no outbreak, nor a {answer.step} with more everywhere."


def _band(band: RepeatBand) -> str:
    ratio_text = "-" if band.ratio is None else f"{band.ratio:.2f}"
    return f"{ratio_text} (p {band.p:.3f}, {band.observed:,})"


def _span(start: float, until: float | None, unit: str) -> str:
    if until is None:
        return f"beyond, {unit}"
    return f"up to {until:g} {unit}" if start == 0 else f"{start:g} to {until:g} {unit}"


def _chance(q: float) -> str:
    return "< 0.001" if q < 0.001 else f"{q:.3f}"
