"""What the reader of a list must know about the records behind it."""

from __future__ import annotations

from becalm.find.core.location import LocationUncertainty
from becalm.tables.spots import PointsPerCell
from becalm.tables.tally import PlaceCounts
from becalm.terms import BoxTrial

LARGEST_SINGLE_SHARE = 0.5


def warn_of_points(points: PointsPerCell) -> tuple[str, ...]:
    """Are the cells finer than the records are placed?"""
    if not points.cells or points.single <= LARGEST_SINGLE_SHARE * points.cells:
        return ()
    return (
        f"Cells of {points.cell_m:g} m are finer than these records are placed: {points.records:,} records "
        f"lie on {points.points:,} points, and {points.single:,} of the {points.cells:,} cells with at least "
        f"{points.least_records} of them ({points.single / points.cells:.0%}) hold one point only. "
        "Such a cell ranks a point of the source's map, not a place. "
        f"Take larger cells (--cell-m {2 * points.cell_m:g}).",
    )


def warn_of_doubt(location: LocationUncertainty | None) -> tuple[str, ...]:
    """How far may each record have happened from its point?"""
    if location is None:
        return ()
    return (
        f"Each record may have happened some {location.typical_m:.0f} m in each direction from its point: "
        "P(top) and the rank intervals allow for it.",
    )


def warn_of_merging(asked_m: float, taken_m: float) -> tuple[str, ...]:
    """Were places merged because they were finer than the records?"""
    return (
        f"Places of {asked_m:g} m are finer than these records are placed: merged into places of "
        f"{taken_m:g} m, the smallest that will do.",
    )


def warn_of_quality(counts: PlaceCounts) -> tuple[str, ...]:
    """Are the records moved to nearby points before they are published?"""
    placed = sum(n for _, n in counts.location_quality)
    moved = sum(n for quality, n in counts.location_quality if quality in ("snap", "block"))
    if not placed or not moved:
        return ()
    return (
        f"{moved / placed:.0%} of the records were moved by their source to a nearby map point or block: "
        "a place on the list may stand for its neighbour.",
    )


def warn_of_placement(trial: BoxTrial | None) -> tuple[str, ...]:
    """How much of what boxes hold will last?"""
    if trial is None:
        return (
            "The history is too short to see how much of what boxes hold will last: they lie where records "
            "are densest, so they will catch less than is expected here.",
        )
    later = trial.later
    return (
        f"Boxes lie where records are densest, so part of what they hold is luck. Laid on the months to "
        f"{trial.laid_to}, the best {trial.count} held {trial.held:.1%} of the target and were to hold "
        f"{trial.promised:.1%}; from {trial.first_month} to {trial.last_month} they caught "
        f"{later.value:.1%} ({later.level:.0%} interval {later.low:.1%} to {later.high:.1%}). All that is "
        f"expected of boxes here is cut to {trial.kept:.2f} of the score.",
    )


def warn_of_all_places(count: int, places: int) -> tuple[str, ...]:
    """Does the list that a back-test judges hold every place there is?"""
    if count < places:
        return ()
    return (
        f"The best {count} of {places} places are all of them, so every method's hit rate is 100 % and its "
        f"calibration 1: they tell nothing. Ask for fewer than {places} with --count.",
    )
