"""Floating boxes: placed off the grid where they hold most, and how much of what they hold lasts.

Boxes lie where records are densest, so part of what they hold is luck. Whoever counts it as a forecast
promises too much (the winner's curse). Boxes placed without the months that judge them give the honest
measure: what is expected of all boxes is cut to it.
"""

from dataclasses import dataclass, replace
from math import ceil

import numpy as np
import shapely
from scipy.special import betaincinv
from shapely.geometry.base import BaseGeometry

from becalm.find.core.build_places import build_land_places, clip_places, exclude_land, group_mask
from becalm.find.core.expected_counts import Forecast, choose_half_lives, forecast_counts
from becalm.find.core.place_panel import PlacePanel, build_panel, listable_mask
from becalm.find.core.settings import FindSettings, Targets
from becalm.methods.arrays import Floats, Ints, Shapes
from becalm.methods.gamma_poisson import GammaPosterior, Scatter, fit_scatter
from becalm.methods.grid import CellGrid
from becalm.methods.place_set import LEAST_M2, PlaceSet, keep_areas
from becalm.methods.square_placement import place_squares
from becalm.tables import PointCounts
from becalm.terms import BoxTrial, Estimate, QuestionError

CONTENDERS = 8  # times as many boxes as will be listed are placed: among these the order is decided
SEARCHED_TWICE = 2.0  # as much land as a back-test searches
GAP_M = 0.001  # a point in the hair between a box and what was cut away from it belongs to the nearer
WATCHED_MONTHS = 12
LEVEL = 0.95
METHOD = "exact binomial"


@dataclass(frozen=True, slots=True)
class BoxLand:
    """Where boxes of `side_m` may be placed.

    `squares` hold all land that competes. A box is cut to the `region`, where there is one, and holds no
    `excluded_land`.
    """

    side_m: float
    squares: PlaceSet
    region: BaseGeometry | None = None
    excluded_land: BaseGeometry | None = None

    def count_boxes(self, count: int, *, area_share: float = 0.0) -> int:
        """How many boxes to place, so that those that will be listed (or searched) stand in competition."""
        searched_box_count = SEARCHED_TWICE * area_share * float(self.squares.amounts.sum()) / self.side_m**2
        return max(CONTENDERS * count, ceil(searched_box_count))


@dataclass(frozen=True, slots=True)
class BoxShrinkage:
    """The share of what boxes promise that lasts, how places scatter beyond it, and how both were measured.

    Without a `trial` the history was too short to measure it.
    """

    lasting_share: float = 1.0
    scatter: Scatter | None = None
    trial: BoxTrial | None = None

    def shrink(self, forecast: Forecast, places: CellGrid | PlaceSet) -> Forecast:
        """The forecast with boxes cut to what lasts; what they lose falls on the ground between them."""
        expected_counts, is_box = forecast.expected_counts, listable_mask(places)
        inside_count, total_count = float(expected_counts[is_box].sum()), float(expected_counts.sum())
        outside_incident_count = total_count - inside_count
        if outside_incident_count <= 0:  # no ground between them could take what they lose
            return forecast
        # The total stays: it is known well, only its share in the boxes was flattered by placing them.
        outside_factor = (total_count - self.lasting_share * inside_count) / outside_incident_count
        factor_of_place = np.where(is_box, self.lasting_share, outside_factor)
        posterior = forecast.posterior
        return replace(forecast, posterior=GammaPosterior(posterior.shape, posterior.rate / factor_of_place))


@dataclass(frozen=True, slots=True)
class PlacedBoxes:
    """Boxes placed for a list: the panel of them and of what lies between them, and what lasts.

    `squares` is the same land in squares, for all that must not depend on where boxes were placed.
    """

    panel: PlacePanel
    places: PlaceSet
    squares: PlacePanel
    shrinkage: BoxShrinkage


@dataclass(frozen=True, slots=True)
class BoxPlacement:
    """All that placing boxes needs, at any month."""

    land: BoxLand
    counts: PointCounts
    targets: Targets
    settings: FindSettings
    squares: PlacePanel
    box_count: int

    def place(self, before_month: int) -> tuple[PlacePanel, PlaceSet]:
        """The panel with boxes placed on the months before this one alone, and its places."""
        squares, _ = self.squares.known_before(before_month)
        half_life = choose_half_lives(squares, self.settings, [before_month])[before_month]
        box_places = place_boxes(
            self.land
            if not isinstance(squares.places, PlaceSet)
            else replace(self.land, squares=squares.places),
            self.counts,
            self.targets,
            before_month=before_month,
            half_life=half_life,
            box_count=self.box_count,
        )
        return build_panel(self.counts, self.targets, places=box_places, settings=self.settings), box_places


def place_list_boxes(
    land: BoxLand, counts: PointCounts, targets: Targets, settings: FindSettings
) -> PlacedBoxes:
    """Boxes placed on all months, and how much of what they hold will last.

    Raises QuestionError where there are too few months or incidents.
    """
    placement = prepare_placement(land, counts, targets, settings, area_share=0.0)
    month_count = len(counts.months)
    return PlacedBoxes(
        *placement.place(month_count), placement.squares, measure_shrinkage(placement, month_count)
    )


def prepare_placement(
    land: BoxLand, counts: PointCounts, targets: Targets, settings: FindSettings, *, area_share: float
) -> BoxPlacement:
    """What placing boxes on this land needs, at any month."""
    square_panel = build_panel(counts, targets, places=land.squares, settings=settings)
    box_count = land.count_boxes(settings.count, area_share=area_share)
    return BoxPlacement(land, counts, targets, settings, square_panel, box_count)


def measure_shrinkage(placement: BoxPlacement, last: int) -> BoxShrinkage:
    """Place boxes without the year before month `last`, and see what of their promise that year keeps."""
    settings, month_sums = placement.settings, placement.squares.target.totals
    cut_month = max(last - WATCHED_MONTHS, (last + 1) // 2, settings.least_months)
    if (
        cut_month >= last
        or min(month_sums[:cut_month].sum(), month_sums[cut_month:last].sum()) < settings.least_incidents
    ):
        return BoxShrinkage()
    panel, places = placement.place(cut_month)
    (forecast,) = forecast_counts(panel, settings, [cut_month])
    box_numbers = np.flatnonzero(listable_mask(places))
    boxes_best_first = box_numbers[np.argsort(-forecast.expected_counts[box_numbers], kind="stable")]
    best_index = boxes_best_first[: settings.count]
    later_counts = panel.target.window(cut_month, last)
    later_share = _estimate_share(later_counts, best_index)
    promised_share = float(forecast.expected_counts[best_index].sum() / forecast.expected_counts.sum())
    # Boxes that did better than promised were lucky once more: never lift what is expected.
    lasting_share = min(later_share.value / promised_share, 1.0)
    box_trial = BoxTrial(
        side_m=placement.land.side_m,
        count=len(best_index),
        laid_to=panel.months[cut_month - 1],
        first_month=panel.months[cut_month],
        last_month=panel.months[last - 1],
        held_share=_estimate_share(panel.target.window(0, cut_month), best_index).value,
        promised_share=promised_share,
        later_share=later_share,
        kept_share=lasting_share,
    )
    box_posterior = GammaPosterior(
        forecast.posterior.shape[boxes_best_first], forecast.posterior.rate[boxes_best_first]
    )
    box_scatter = fit_scatter(
        box_posterior, forecast.own_counts[boxes_best_first], later_counts[boxes_best_first]
    )
    return BoxShrinkage(lasting_share, box_scatter, box_trial)


def place_boxes(
    land: BoxLand,
    counts: PointCounts,
    targets: Targets,
    *,
    before_month: int,
    half_life: float,
    box_count: int,
) -> PlaceSet:
    """Which boxes, placed one after the other, hold most of the target before month number `before_month`?

    Records fade with `half_life` months. Boxes come first, in the order in which they were placed; after
    them, not to be listed, what of each square no box holds. Together they are all the land.

    Raises QuestionError where no record of the target lies on the land in those months.
    """
    x, y, faded_counts = _fade_points(counts, targets, before_month, half_life)
    is_on_land = land.squares.locate(x, y) >= 0
    if not is_on_land.any():
        raise QuestionError(
            f"No record of {' + '.join(targets.target)} before month {before_month + 1} lies on the land, so "
            "no box can be placed. Take a longer history with `since`, or another target."
        )
    box_corners = place_squares(
        x[is_on_land], y[is_on_land], faded_counts[is_on_land], side_m=land.side_m, count=box_count
    )
    left_m, bottom_m = box_corners.left_m, box_corners.bottom_m
    box_outlines = shapely.box(left_m, bottom_m, left_m + land.side_m, bottom_m + land.side_m)
    west, south = np.round(left_m, 6), np.round(bottom_m, 6)  # a name must not hang on the last digits
    box_ids = [f"box{land.side_m:g}m_{w:.0f}_{s:.0f}" for w, s in zip(west, south, strict=True)]
    boxes = build_land_places("box", box_ids, np.asarray(box_outlines, dtype=object), land.side_m, "")
    if land.region is not None:
        boxes = clip_places(boxes, land.region)
    if land.excluded_land is not None:
        boxes = exclude_land(boxes, land.excluded_land)
    return _add_remainder(boxes, land.squares)


def _fade_points(
    counts: PointCounts, targets: Targets, before_month: int, half_life: float
) -> tuple[Floats, Floats, Floats]:
    """The target's points before this month, each once, with its faded number of records."""
    is_used = (counts.month_index < before_month) & (counts.counts > 0) & group_mask(counts, targets.target)
    age_months = before_month - 1 - counts.month_index[is_used]
    faded_counts = counts.counts[is_used] * 0.5 ** (age_months / half_life)
    point_coordinates = np.stack([counts.easting_m[is_used], counts.northing_m[is_used]])
    (x, y), point_index = np.unique(point_coordinates, axis=1, return_inverse=True)
    return x, y, np.bincount(point_index.ravel(), faded_counts, len(x)).astype(np.float64)


def _add_remainder(boxes: PlaceSet, squares: PlaceSet) -> PlaceSet:
    """The boxes, and what they leave of each square."""
    remainder_outlines = _subtract_boxes(squares.outlines, boxes.outlines)
    remainder_areas_m2 = shapely.area(remainder_outlines)
    remaining_square_index = np.flatnonzero(remainder_areas_m2 > LEAST_M2)
    return replace(
        boxes,
        ids=(*boxes.ids, *(f"rest_{squares.ids[i]}" for i in remaining_square_index.tolist())),
        outlines=np.concatenate([boxes.outlines, remainder_outlines[remaining_square_index]]),
        amounts=np.concatenate([boxes.amounts, remainder_areas_m2[remaining_square_index]]),
        denominator=squares.denominator,
        snap_m=GAP_M,
        listable=np.arange(boxes.size + len(remaining_square_index)) < boxes.size,
        notes=squares.notes,
    )


def _subtract_boxes(square_outlines: Shapes, box_outlines: Shapes) -> Shapes:
    square_index, box_index = shapely.STRtree(box_outlines).query(square_outlines, predicate="intersects")
    square_order = np.argsort(square_index, kind="stable")
    cut_index, starts = np.unique(square_index[square_order], return_index=True)
    remainder_outlines = square_outlines.copy()
    for square, in_square in zip(
        cut_index.tolist(), np.split(box_index[square_order], starts[1:]), strict=True
    ):
        remainder_outlines[square] = shapely.difference(
            square_outlines[square], shapely.union_all(box_outlines[in_square])
        )
    remainder_outlines[cut_index] = keep_areas(remainder_outlines[cut_index])
    return remainder_outlines


def _estimate_share(counts: Floats, best_index: Ints) -> Estimate:
    """The share of all incidents that fell in these places, with its exact (Clopper-Pearson) interval."""
    inside_count, total, tail_p = float(counts[best_index].sum()), float(counts.sum()), (1.0 - LEVEL) / 2.0
    low_share = (
        float(betaincinv(inside_count, total - inside_count + 1.0, tail_p)) if inside_count > 0 else 0.0
    )
    high_share = (
        float(betaincinv(inside_count + 1.0, total - inside_count, 1.0 - tail_p))
        if inside_count < total
        else 1.0
    )
    return Estimate(inside_count / total, low_share, high_share, LEVEL, METHOD)


def warn_of_placement(trial: BoxTrial | None) -> tuple[str, ...]:
    """How much of what boxes hold will last?"""
    if trial is None:
        return (
            "The history is too short to see how much of what boxes hold will last: they lie where records "
            "are densest, so they will catch less than is expected here.",
        )
    later_share = trial.later_share
    return (
        f"Boxes lie where records are densest, so part of what they hold is luck. Placed on the months to "
        f"{trial.laid_to}, the best {trial.count} held {trial.held_share:.1%} of the target and were "
        f"expected to hold {trial.promised_share:.1%}; from {trial.first_month} to {trial.last_month} they "
        f"caught {later_share.value:.1%} ({later_share.level:.0%} interval {later_share.low:.1%} to "
        f"{later_share.high:.1%}). All that is expected of boxes here is cut to {trial.kept_share:.2f} of "
        "the score.",
    )
