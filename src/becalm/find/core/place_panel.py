"""The ground on which hotspots compete: its cells, and what happened on each in each month."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from becalm.find.core.place_kinds import MOST_BETWEEN, MOST_CELLS, check_cell_count
from becalm.find.core.settings import FindSettings
from becalm.find.core.targets import Targets
from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.grid import CellGrid, cells_holding, clip_cells
from becalm.methods.place_set import PlaceSet
from becalm.methods.series import CountSeries, make_series
from becalm.tables import PlaceCounts, PointCounts
from becalm.terms import EXPECTED_DAYS, InputError, PlaceKind, QuestionError


@dataclass(frozen=True, slots=True)
class PlacePanel:
    """All places with their monthly counts of the target and of related offences.

    Exposure is in units of 30 days; a month without one record of any kind is missing and has none.
    `outside` target incidents fell beyond the ground. `fresh` weighs the target by how late in its month it
    fell; None where the records carry no days.
    """

    places: CellGrid | PlaceSet
    months: tuple[str, ...]
    target: CountSeries
    related: CountSeries | None
    denominator: str
    outside: int
    fresh: CountSeries | None = None

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
        amounts = self.places.amounts
        return np.asarray(amounts / amounts.sum())


def build_panel(
    counts: PlaceCounts | PointCounts,
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

    Raises
    ------
    QuestionError
        where there are too few months or incidents, or all incidents lie in one cell.
    InputError
        where the boundary has no area or a faulty outline.
    """
    months = counts.months
    if len(months) < settings.least_months:
        raise QuestionError(
            f"The records hold {len(months)} months ({', '.join(months) or 'none'}), "
            f"need {settings.least_months}. Ingest earlier months, or ask for a later one."
        )
    compete, numbers, denominator = _places(counts, targets, boundary, places)
    series = _series_of(counts, numbers, compete.size)
    chosen = _of(counts, targets.target)
    outside = int(counts.counts[chosen & (numbers < 0)].sum())
    target, related = series(targets.target), series(targets.related)
    _refuse_elsewhere(target, targets, outside)
    _refuse_too_few(target, targets, settings, "cell" if isinstance(compete, CellGrid) else "place")
    late = counts.fresh if isinstance(counts, PlaceCounts) else None
    fresh = series(targets.target, late) if late is not None else None
    lent = related if related.totals.sum() > 0 else None
    return PlacePanel(compete, months, target, lent, denominator, outside, fresh)


def build_group_panel(
    panel: PlacePanel, counts: PlaceCounts | PointCounts, targets: Targets, group: str
) -> PlacePanel:
    """The same places and months with one group of the target as target; the others lend to it."""
    if isinstance(panel.places, PlaceSet):
        _, numbers, _ = _places(counts, targets, None, panel.places)
    else:
        numbers = _numbers(panel.places, counts)
    series = _series_of(counts, numbers, panel.size)
    late = counts.fresh if isinstance(counts, PlaceCounts) else None
    related = series([*(g for g in targets.target if g != group), *targets.related])
    return replace(
        panel,
        target=series([group]),
        related=related if related.totals.sum() > 0 else None,
        fresh=series([group], late) if late is not None else None,
    )


class _Series(Protocol):
    def __call__(self, groups: Sequence[str], weights: NDArray[Any] | None = None) -> CountSeries: ...


def _series_of(counts: PlaceCounts | PointCounts, numbers: Ints, size: int) -> _Series:
    """What makes monthly counts of some groups; a month without one record of any kind has no exposure."""
    recorded = np.bincount(counts.month_index, counts.counts, len(counts.months)) > 0
    exposure = np.array([days_in_month(month) for month in counts.months]) / EXPECTED_DAYS * recorded

    def series(groups: Sequence[str], weights: NDArray[Any] | None = None) -> CountSeries:
        chosen = _of(counts, groups)
        return make_series(
            counts.month_index[chosen],
            numbers[chosen],
            (counts.counts if weights is None else weights)[chosen],
            exposure=exposure,
            size=size,
        )

    return series


def days_in_month(month: str) -> int:
    """How many days does this month (YYYY-MM) have?"""
    return monthrange(int(month[:4]), int(month[5:]))[1]


def _places(
    counts: PlaceCounts | PointCounts,
    targets: Targets,
    boundary: BaseGeometry | None,
    places: PlaceSet | None,
) -> tuple[CellGrid | PlaceSet, Ints, str]:
    """The places, the place of each entry of the counts (-1 for none), and which land they are."""
    if isinstance(counts, PointCounts):
        if places is None:
            raise ValueError("Counts by point need places to count them in.")
        return places, places.locate(counts.easting_m, counts.northing_m), places.denominator
    grid, denominator = _grid(counts, targets, boundary)
    return grid, _numbers(grid, counts), denominator


def _numbers(grid: CellGrid, counts: PlaceCounts | PointCounts) -> Ints:
    if isinstance(counts, PointCounts):
        raise TypeError("Counts by point need places to count them in.")
    return grid.numbers(counts.columns, counts.rows)


def _grid(counts: PlaceCounts, targets: Targets, boundary: BaseGeometry | None) -> tuple[CellGrid, str]:
    if boundary is not None:
        check_cell_count(boundary.bounds, counts.cell_m, most=MOST_CELLS)
        try:
            grid = clip_cells(boundary, counts.cell_m)
        except ValueError as error:
            raise InputError(f"The boundary cannot be used: {error}") from error
        return grid, "the land inside the boundary"
    held = ~_of(counts, targets.excluded) & (counts.counts > 0)
    if not held.any():
        raise QuestionError("Not one record has a location. Ingest records with coordinates.")
    _refuse_wide(counts.columns[held], counts.rows[held], counts.cell_m)
    grid = cells_holding(counts.columns[held], counts.rows[held], counts.cell_m)
    return grid, "the records' footprint: cells with at least one recorded offence of any kind"


def _refuse_wide(columns: Ints, rows: Ints, cell_m: float) -> None:
    """Refuse cells that lie too far apart for one raster."""
    ends = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    west, south, east, north = (float(end) * cell_m for end in ends)
    hint = " Or mend records that lie far from all others, or give the city's boundaries."
    check_cell_count((west, south, east, north), cell_m, most=MOST_BETWEEN, hint=hint)


def _of(counts: PlaceCounts | PointCounts, groups: Sequence[str]) -> Bools:
    wanted = np.array([name in set(groups) for name in counts.groups], dtype=bool)
    return wanted[counts.group_index] if len(wanted) else np.zeros(len(counts.counts), dtype=bool)


def _refuse_elsewhere(target: CountSeries, targets: Targets, outside: int) -> None:
    if outside and not target.totals.sum():
        names = " + ".join(targets.target)
        raise QuestionError(
            f"None of the {outside} incidents of {names} lies on any of the places: they are elsewhere. "
            "Check the coordinates and coordinate systems of the records, of the boundary and of --places."
        )


def _refuse_too_few(target: CountSeries, targets: Targets, settings: FindSettings, noun: str) -> None:
    total, names = int(target.totals.sum()), " + ".join(targets.target)
    if total < settings.least_incidents:
        raise QuestionError(
            f"{total} incidents of {names} have a place, need {settings.least_incidents}. "
            "Take more months, or more offences with --target."
        )
    if len(np.unique(np.concatenate(target.places))) < 2:
        raise QuestionError(
            f"All {total} incidents of {names} lie in one single {noun}. Their coordinates may be a default "
            f"point (a police station, a town's centre): check them, or choose smaller {noun}s."
        )
