"""How finely the records are placed: what is too fine for them, and what their error does to the order."""

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from becalm.find.core.build_places import COARSEST, h3_width_m
from becalm.find.core.place_panel import locate_points
from becalm.find.core.request import UNITS_FROM_A_FILE, PlaceOptions
from becalm.methods.arrays import Floats, Ints
from becalm.methods.gamma_poisson import GammaPosterior
from becalm.methods.grid import CellGrid
from becalm.methods.place_set import PlaceSet
from becalm.methods.point_spacing import point_spacing, sums_when_displaced, weighted_median
from becalm.tables import MovedPoints, PlaceCounts, PointsPerCell
from becalm.terms import QuestionError, UsageError

LEAST_MOVED = 0.5  # share of the records that must have been moved for their points to be taken as fixed
LEAST_POINTS = 10
ROUNDS = 16
STEP_M = 10.0
BOX_M = (50.0, 150.0)  # a smaller box is a doorway, a larger one no micro-place
LARGEST_SINGLE_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class LocationUncertainty:
    """The fixed points of the records, how many target records lie on each, and how unsure each is.

    `spacing_m` is how far the typical record's point is from the next one, `spread_m[i]` the standard
    deviation in each direction of where the records of point i happened.
    """

    easting_m: Floats
    northing_m: Floats
    target: Ints
    spread_m: Floats
    spacing_m: float

    @property
    def typical_m(self) -> float:
        """The standard deviation of the typical target record."""
        has_target = self.target > 0
        if not has_target.any():
            return 0.0
        return weighted_median(self.spread_m[has_target], self.target[has_target].astype(np.float64))

    @property
    def least_width_m(self) -> float:
        """The smallest place that is not finer than the records, in tens of metres."""
        return math.ceil(self.spacing_m / STEP_M) * STEP_M


def measure_location(points: MovedPoints) -> LocationUncertainty | None:
    """How unsure are these records' places? None where most are placed exactly."""
    has_records = points.records > 0
    if points.moved_share < LEAST_MOVED or int(has_records.sum()) < LEAST_POINTS:
        return None
    x, y = points.easting_m[has_records], points.northing_m[has_records]
    spacing_of_point = point_spacing(x, y)
    return LocationUncertainty(
        easting_m=x,
        northing_m=y,
        target=points.target[has_records],
        spread_m=spacing_of_point.spread_m,
        spacing_m=weighted_median(spacing_of_point.nearest_m, points.records[has_records].astype(np.float64)),
    )


def has_moved_records(counts: PlaceCounts) -> bool:
    """Were so many of these records moved that their points must be looked at one by one?"""
    return counts.moved_share >= LEAST_MOVED


def fit_place_size(
    places: PlaceOptions, location: LocationUncertainty | None
) -> tuple[PlaceOptions, tuple[str, ...]]:
    """The places of a size that is not too fine for these records, and what must be said of it.

    Own areas and streets are taken as they are: their size is the user's own choice.

    Raises QuestionError where they are finer than the records are placed, and are not to be merged;
    UsageError where boxes are too small or too large to be micro-places.
    """
    if places.unit == "box" and not BOX_M[0] <= places.cell_m <= BOX_M[1]:
        raise UsageError(
            f"A box of {places.cell_m:g} m is not one of {BOX_M[0]:g} to {BOX_M[1]:g} m. Give `cell_m` "
            "between these, or take `unit square`."
        )
    is_h3 = places.unit == "h3"
    width_m = h3_width_m(places.h3_resolution) if is_h3 else places.cell_m
    if location is None or places.unit in UNITS_FROM_A_FILE or width_m >= location.spacing_m:
        return places, ()
    if is_h3:
        coarser_resolutions = range(places.h3_resolution, COARSEST - 1, -1)
        fitting_resolution = next(r for r in coarser_resolutions if h3_width_m(r) >= location.spacing_m)
        fitting_places, fitted_m = (
            replace(places, h3_resolution=fitting_resolution),
            h3_width_m(fitting_resolution),
        )
    else:
        fitted_m = location.least_width_m
        fitting_places = replace(places, cell_m=fitted_m)
    if not places.merge:
        size_text = f"`h3_resolution {fitting_places.h3_resolution}`" if is_h3 else f"`cell_m {fitted_m:g}`"
        raise QuestionError(
            f"Places of {width_m:g} m are finer than these records are placed: their source moved them to "
            f"fixed points, and the next point is typically {location.spacing_m:.0f} m away. A list of such "
            f"places would rank the points of a map. Take {size_text}, the smallest that will do, "
            "or add `merge` "
            "to have it done."
        )
    return fitting_places, (
        f"Places of {width_m:g} m are finer than these records are placed: merged into places of "
        f"{fitted_m:g} m, the smallest that will do.",
    )


def add_location_uncertainty(
    posterior: GammaPosterior,
    widened_posterior: GammaPosterior,
    own_counts: Floats,
    location: LocationUncertainty,
    places: CellGrid | PlaceSet,
    rng: np.random.Generator,
) -> GammaPosterior:
    """The widened posterior, with the doubt about where each record happened.

    Each record of a place is worth the same share of its `own_counts`. All are moved again and again by their
    spread. The mean stays, for places are chosen by it; the variance over the moves, and how far from it a
    place would then be on average, are added to its variance.
    """
    is_used = location.target > 0
    x, y, counts = location.easting_m[is_used], location.northing_m[is_used], location.target[is_used]
    home_number = locate_points(places, x, y)
    placed_counts = np.bincount(home_number[home_number >= 0], counts[home_number >= 0], places.size)
    worth_of_record = np.divide(own_counts, placed_counts, out=np.zeros(places.size), where=placed_counts > 0)
    mean_count, count_variance = sums_when_displaced(
        x,
        y,
        counts,
        np.where(home_number >= 0, worth_of_record[home_number], 0.0),
        location.spread_m[is_used],
        locate=partial(locate_points, places),
        size=places.size,
        rounds=ROUNDS,
        rng=rng,
    )
    unplaced_counts = np.where(placed_counts > 0, 0.0, own_counts)  # what no point's record stands for stays
    # A place that loses all its records in the moves keeps its forecast from all else, never less than 0.
    expected_counts = (
        np.maximum(posterior.shape - own_counts + mean_count + unplaced_counts, 1e-12) / posterior.rate
    )
    mean_of_place = widened_posterior.mean
    total_variance = (
        mean_of_place**2 / widened_posterior.shape
        + count_variance / posterior.rate**2
        + (expected_counts - mean_of_place) ** 2
    )
    return GammaPosterior.with_mean(mean_of_place, mean_of_place**2 / total_variance)


def warn_of_points(points: PointsPerCell) -> tuple[str, ...]:
    """Are the cells finer than the records are placed?"""
    if not points.cells or points.single <= LARGEST_SINGLE_SHARE * points.cells:
        return ()
    return (
        f"Cells of {points.cell_m:g} m are finer than these records are placed: {points.records:,} records "
        f"lie on {points.points:,} points, and {points.single:,} of the {points.cells:,} cells with at least "
        f"{points.least_records} of them ({points.single / points.cells:.0%}) hold one point only. "
        "Such a cell ranks a point of the source's map, not a place. "
        f"Take larger cells, of {2 * points.cell_m:g} m.",
    )


def warn_of_doubt(location: LocationUncertainty | None) -> tuple[str, ...]:
    """How far may each record have happened from its point?"""
    if location is None:
        return ()
    return (
        f"Each record may have happened some {location.typical_m:.0f} m in each direction from its point: "
        "P(top) and the rank intervals allow for it.",
    )


def warn_of_quality(counts: PlaceCounts) -> tuple[str, ...]:
    """Are the records moved to nearby points before they are published?"""
    record_count = sum(n for _, n in counts.location_quality)
    moved_record_count = sum(n for quality, n in counts.location_quality if quality in ("snap", "block"))
    if not record_count or not moved_record_count:
        return ()
    return (
        f"{moved_record_count / record_count:.0%} of the records were moved by their source to a nearby map "
        "point or block: a place on the list may stand for its neighbour.",
    )
