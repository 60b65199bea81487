"""The panel of counts: which places compete, and what happened on each of them in each month."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from becalm.find.core import build_places
from becalm.find.core.settings import FindSettings, Targets
from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.concentration import concentration, even_null
from becalm.methods.faded_counts import CountSeries, build_series
from becalm.methods.grid import CellGrid, build_grid, clip_cells, to_cells
from becalm.methods.place_set import PlaceSet
from becalm.tables import PlaceCounts, PointCounts
from becalm.terms import EXPECTED_DAYS, Concentration, InputError, PlaceKind, QuestionError

Counts = PlaceCounts | PointCounts
Places = CellGrid | PlaceSet


@dataclass(frozen=True, slots=True)
class PlacePanel:
    """All places with their monthly counts of the target and of related offences.

    Exposure is in units of 30 days; a month without one record of any kind is missing and has none.
    `outside` target incidents fell on none of the places. `fresh` weighs the target by how late in its month
    it fell; None where the records carry no days. Without a boundary places are those that hold a record:
    `first_seen` is the month of each one's first record of any kind, before which nobody could know of it,
    and `first_other` that of the first that is not of the target.
    """

    places: Places
    months: tuple[str, ...]
    target: CountSeries
    related: CountSeries | None
    denominator: str
    outside: int
    fresh: CountSeries | None = None
    first_seen: Ints | None = None
    first_other: Ints | None = None

    @property
    def grid(self) -> CellGrid:
        """The places as cells of the grid, for questions that need cells."""
        if isinstance(self.places, CellGrid):
            return self.places
        raise QuestionError(f"This question needs square cells, not places of kind {self.places.kind!r}.")

    @property
    def kind(self) -> PlaceKind:
        """What kind of places compete."""
        return "cell" if isinstance(self.places, CellGrid) else self.places.kind

    @property
    def size(self) -> int:
        """How many places compete."""
        return self.target.size

    @property
    def even(self) -> Floats:
        """Each place's share of the area (or of the street): where incidents would fall by chance alone."""
        return share_evenly(self.places)

    @property
    def places_per_m2(self) -> float:
        """How densely the places lie."""
        if isinstance(self.places, PlaceSet) and self.places.by_length:
            return self.size / max(
                float(shapely.MultiPoint(np.stack(self.places.centres_m, axis=1)).convex_hull.area), 1.0
            )
        return self.size / float(self.places.amounts.sum())

    def known_events(self, month: int) -> tuple[Ints, Floats]:
        """Where incidents of the target fell in this month, and how many, at places known before it."""
        places, counts = self.target.places[month], self.target.counts[month]
        if self.first_seen is None:
            return places, counts
        is_known = self.first_seen[places] < month
        return places[is_known], counts[is_known]

    def places_known_before(self, month: int) -> tuple[Places, Ints]:
        """The places that were known before this month, and their numbers in this panel."""
        if self.first_seen is None:
            return self.places, np.arange(self.size)
        is_known = self.first_seen < month
        return self.places.select(is_known), np.flatnonzero(is_known)

    def known_before(self, month: int) -> tuple["PlacePanel", Ints]:
        """The panel of the places that were known before this month, and their numbers in this one.

        What fell elsewhere in later months is in no place of it. It holds a copy of all events: where the
        places alone are wanted, ask `places_known_before`.
        """
        if self.first_seen is None or self.first_other is None:
            return self, np.arange(self.size)
        is_known = self.first_seen < month
        known_places, known_index = self.places_known_before(month)

        def cut(series: CountSeries | None) -> CountSeries | None:
            return series and series.select(is_known)

        known_panel = replace(
            self,
            places=known_places,
            target=self.target.select(is_known),
            related=cut(self.related),
            fresh=cut(self.fresh),
            first_seen=self.first_seen[is_known],
            first_other=self.first_other[is_known],
        )
        return known_panel, known_index


def share_evenly(places: Places) -> Floats:
    """Each place's share of the area (or of the street) of these places."""
    place_amounts = places.amounts
    return np.asarray(place_amounts / place_amounts.sum())


def build_panel(
    counts: Counts,
    targets: Targets,
    *,
    boundary: BaseGeometry | None = None,
    places: PlaceSet | None = None,
    settings: FindSettings,
) -> PlacePanel:
    """Which places compete, and what happened on each of them?

    With a boundary every cell that touches it competes, with its exact area inside. Without one,
    the cells that hold at least one record of any offence (what police find left out) do. Counts by
    point need `places`: those compete, each with the records that lie in it.

    Raises QuestionError where there are too few months or incidents, or all incidents lie in one cell;
    InputError where the boundary has no area or a faulty outline.
    """
    months = counts.months
    if len(months) < settings.least_months:
        month_word = "month" if len(months) == 1 else "months"
        raise QuestionError(
            f"The records hold {len(months)} {month_word} ({', '.join(months) or 'none'}), "
            f"need {settings.least_months}. Ingest earlier months, or ask for a later one."
        )
    competing_places: CellGrid | PlaceSet
    if isinstance(counts, PointCounts):
        if places is None:
            raise ValueError("Counts by point need places to count them in.")
        competing_places, denominator = places, places.denominator
    else:
        competing_places, denominator = _build_grid(counts, targets, boundary)
    place_of_entry = _locate_counts(counts, competing_places)
    outside_record_count = int(
        counts.counts[build_places.group_mask(counts, targets.target) & (place_of_entry < 0)].sum()
    )
    target, related, fresh = _count_groups(
        counts, place_of_entry, competing_places.size, targets.target, targets.related
    )
    _check_elsewhere(target, targets, outside_record_count)
    _check_enough(target, targets, settings, "cell" if isinstance(competing_places, CellGrid) else "place")
    first_seen = first_other = None
    if boundary is None and (places is None or places.is_footprint):
        first_seen, first_other = _find_first_months(counts, place_of_entry, competing_places.size, targets)
    return PlacePanel(
        competing_places,
        months,
        target,
        related,
        denominator,
        outside_record_count,
        fresh,
        first_seen,
        first_other,
    )


def build_group_panel(panel: PlacePanel, counts: Counts, targets: Targets, group: str) -> PlacePanel:
    """The same places and months with one group of the target as target; the others lend to it."""
    lending_groups = [*(group_name for group_name in targets.target if group_name != group), *targets.related]
    place_of_entry = _locate_counts(counts, panel.places)
    target, related, fresh = _count_groups(counts, place_of_entry, panel.size, [group], lending_groups)
    first_other = panel.first_other
    if first_other is not None:
        _, first_other = _find_first_months(
            counts, place_of_entry, panel.size, replace(targets, target=(group,))
        )
    return replace(panel, target=target, related=related, fresh=fresh, first_other=first_other)


def _find_first_months(
    counts: Counts, number_of_entry: Ints, place_count: int, targets: Targets
) -> tuple[Ints, Ints]:
    """The months of each place's first record of any kind, and of its first that is not of the target."""
    is_counted = build_places.footprint_mask(counts, targets) & (number_of_entry >= 0)
    is_target = build_places.group_mask(counts, targets.target)
    first_months = []
    for mask in (is_counted, is_counted & ~is_target):
        first_month_of_place = np.full(place_count, len(counts.months), dtype=np.int64)
        np.minimum.at(first_month_of_place, number_of_entry[mask], counts.month_index[mask])
        first_months.append(first_month_of_place)
    return first_months[0], first_months[1]


def locate_points(places: CellGrid | PlaceSet, x_m: Floats, y_m: Floats) -> Ints:
    """The number of the place that holds each point, -1 for none."""
    if isinstance(places, CellGrid):
        return places.numbers(*to_cells(x_m, y_m, places.cell_m))
    return places.locate(x_m, y_m)


def name_places(places: CellGrid | PlaceSet, place_index: Ints) -> list[tuple[str, int, int]]:
    """What each of these places is called, with its column and row (of other places: its number and 0)."""
    if isinstance(places, PlaceSet):
        return [(places.ids[number], number, 0) for number in place_index.tolist()]
    column_row_pairs = zip(
        places.columns[place_index].tolist(), places.rows[place_index].tolist(), strict=True
    )
    return [(f"{places.cell_m:g}m_{column}_{row}", column, row) for column, row in column_row_pairs]


def listable_mask(places: CellGrid | PlaceSet) -> Bools:
    """Which places can be listed: all, but the ground between boxes."""
    if isinstance(places, CellGrid) or places.listable is None:
        return np.ones(places.size, dtype=bool)
    return places.listable


def measure_concentration(panel: PlacePanel, months: int = 12) -> Concentration:
    """How concentrated is the target in the last months, beside what chance alone gives?"""
    month_count = len(panel.months)
    place_counts = panel.target.window(month_count - months, month_count)
    concentration_measure = concentration(place_counts)
    even_share_25, even_share_50 = even_null(int(place_counts.sum()), panel.places.amounts)
    return Concentration(
        incidents=int(place_counts.sum()),
        places=int(listable_mask(panel.places).sum()),
        share_25=concentration_measure.share_25,
        share_50=concentration_measure.share_50,
        null_share_25=even_share_25,
        null_share_50=even_share_50,
        gini=concentration_measure.gini,
        gini_generalised=concentration_measure.gini_generalised,
    )


def days_in_month(month: str) -> int:
    """How many days does this month (YYYY-MM) have?"""
    return monthrange(int(month[:4]), int(month[5:]))[1]


def _count_groups(
    counts: Counts, place_number: Ints, place_count: int, target: Sequence[str], related: Sequence[str]
) -> tuple[CountSeries, CountSeries | None, CountSeries | None]:
    """Monthly counts of the target and of what lends to it, and the target weighed by how late it fell."""
    is_recorded = np.bincount(counts.month_index, counts.counts, len(counts.months)) > 0
    exposures = np.array([days_in_month(month) for month in counts.months]) / EXPECTED_DAYS * is_recorded

    def series(groups: Sequence[str], weights: Ints | Floats) -> CountSeries:
        is_in_groups = build_places.group_mask(counts, groups)
        return build_series(
            counts.month_index[is_in_groups],
            place_number[is_in_groups],
            weights[is_in_groups],
            exposure=exposures,
            size=place_count,
        )

    related_series = series(related, counts.counts)
    late_counts = counts.fresh if isinstance(counts, PlaceCounts) else None
    return (
        series(target, counts.counts),
        related_series if related_series.totals.sum() > 0 else None,
        series(target, late_counts) if late_counts is not None else None,
    )


def _locate_counts(counts: Counts, places: CellGrid | PlaceSet) -> Ints:
    """The number of the place of each entry of the counts, -1 for none."""
    if isinstance(counts, PointCounts) and isinstance(places, PlaceSet):
        return places.locate(counts.easting_m, counts.northing_m)
    if isinstance(counts, PointCounts) or isinstance(places, PlaceSet):
        raise TypeError("Counts by point are counted in places, counts by cell in the cells of a grid.")
    return places.numbers(counts.columns, counts.rows)


def _build_grid(counts: PlaceCounts, targets: Targets, boundary: BaseGeometry | None) -> tuple[CellGrid, str]:
    if boundary is not None:
        build_places.check_cell_count(boundary.bounds, counts.cell_m, max_cells=build_places.MOST_CELLS)
        try:
            cell_grid = clip_cells(boundary, counts.cell_m)
        except ValueError as error:
            raise InputError(f"The boundary cannot be used: {error}") from error
        return cell_grid, "the land inside the boundary"
    is_footprint = build_places.footprint_mask(counts, targets)
    columns, rows = counts.columns[is_footprint], counts.rows[is_footprint]
    _check_extent(columns, rows, counts.cell_m)
    cell_grid = build_grid(columns, rows, counts.cell_m)
    return cell_grid, "the records' footprint: cells with at least one recorded offence of any kind"


def _check_extent(columns: Ints, rows: Ints, cell_m: float) -> None:
    """Raise UsageError where cells lie too far apart for one raster."""
    edge_cells = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    west, south, east, north = (float(edge_cell) * cell_m for edge_cell in edge_cells)
    remedy_text = " Or correct records that lie far from all others, or give the city's boundaries."
    build_places.check_cell_count(
        (west, south, east, north), cell_m, max_cells=build_places.MOST_BETWEEN, hint=remedy_text
    )


def _check_elsewhere(target: CountSeries, targets: Targets, outside_count: int) -> None:
    if outside_count and not target.totals.sum():
        target_text = " + ".join(targets.target)
        raise QuestionError(
            f"None of the {outside_count} incidents of {target_text} lies on any of the places: they are "
            "elsewhere. Check the coordinates and coordinate systems of the records, of the boundary and of "
            "`places`."
        )


def _check_enough(target: CountSeries, targets: Targets, settings: FindSettings, place_noun: str) -> None:
    total_count, target_text = int(target.totals.sum()), " + ".join(targets.target)
    if total_count < settings.least_incidents:
        raise QuestionError(
            f"{total_count} incidents of {target_text} have a place, need {settings.least_incidents}. "
            "Take more months, or more offences with `target`."
        )
    if len(np.unique(np.concatenate(target.places))) < 2:
        raise QuestionError(
            f"All {total_count} incidents of {target_text} lie in one single {place_noun}. Their "
            "coordinates may be a default point (a police station, a town's centre): check them, or choose "
            f"smaller {place_noun}s."
        )
