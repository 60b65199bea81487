"""Floating boxes: laid off the grid where they hold most, with the ground between them kept as places."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

import numpy as np
import shapely
from scipy.special import betaincinv
from shapely.geometry.base import BaseGeometry

from becalm.find.core.expected_counts import Forecast, choose_half_lives, forecast_counts
from becalm.find.core.place_kinds import build_land_places, clip_places, exclude_land
from becalm.find.core.place_panel import PlacePanel, build_panel
from becalm.find.core.settings import FindSettings
from becalm.find.core.targets import Targets
from becalm.methods.arrays import Bools, Floats, Ints, Shapes
from becalm.methods.blend import GammaPosterior
from becalm.methods.boxes import float_boxes
from becalm.methods.drift import Scatter, fit_scatter
from becalm.methods.grid import CellGrid
from becalm.methods.lattices import LEAST_M2, land_of
from becalm.methods.place_set import PlaceSet
from becalm.tables import PointCounts
from becalm.terms import BoxTrial, Estimate, QuestionError

AGAIN = 8  # times as many boxes as will be listed are laid: among these the order is decided
TWICE = 2.0  # as much land as a back-test searches
GAP_M = 0.001  # a point in the hair between a box and what was cut away from it belongs to the nearer
WATCHED_MONTHS = 12
LEVEL = 0.95
METHOD = "exact binomial"


@dataclass(frozen=True, slots=True)
class BoxLand:
    """Where boxes of `side_m` may be laid.

    `squares` hold all land that competes. A box is cut to the `region`, where there is one, and holds no
    `excluded` land.
    """

    side_m: float
    squares: PlaceSet
    region: BaseGeometry | None = None
    excluded: BaseGeometry | None = None

    def enough(self, count: int, *, area_share: float = 0.0) -> int:
        """How many boxes to lay, so that those that will be listed (or searched) stand in competition."""
        searched = TWICE * area_share * float(self.squares.amounts.sum()) / self.side_m**2
        return max(AGAIN * count, ceil(searched))


def place_boxes(
    land: BoxLand, counts: PointCounts, targets: Targets, *, before: int, half_life: float, most: int
) -> PlaceSet:
    """Which boxes, laid one after the other, hold most of the target before month number `before`?

    Records fade with `half_life` months. Boxes come first, in the order in which they were laid; after them,
    not to be listed, what of each square no box holds. Together they are all the land.

    Raises
    ------
    QuestionError
        where no record of the target lies on the land in those months.
    """
    x, y, weights = _faded(counts, targets, before, half_life)
    held = land.squares.locate(x, y) >= 0
    if not held.any():
        raise QuestionError(
            f"No record of {' + '.join(targets.target)} before month {before + 1} lies on the land, so no "
            "box can be laid. Take a longer history with --since, or another target."
        )
    laid = float_boxes(x[held], y[held], weights[held], side_m=land.side_m, count=most)
    west, south = np.round(laid.left_m, 6), np.round(laid.bottom_m, 6)
    outlines = shapely.box(laid.left_m, laid.bottom_m, laid.left_m + land.side_m, laid.bottom_m + land.side_m)
    ids = [f"box{land.side_m:g}m_{w:.0f}_{s:.0f}" for w, s in zip(west, south, strict=True)]
    boxes = build_land_places("box", ids, np.asarray(outlines, dtype=object), land.side_m, "")
    if land.region is not None:
        boxes = clip_places(boxes, land.region)
    if land.excluded is not None:
        boxes = exclude_land(boxes, land.excluded)
    return _with_rest(boxes, land.squares)


def _faded(
    counts: PointCounts, targets: Targets, before: int, half_life: float
) -> tuple[Floats, Floats, Floats]:
    """The target's points before this month, each once, with its faded number of records."""
    sought = np.array([name in targets.target for name in counts.groups], dtype=bool)
    taken = (counts.month_index < before) & (counts.counts > 0)
    taken &= sought[counts.group_index] if len(sought) else False
    age = before - 1 - counts.month_index[taken]
    weights = counts.counts[taken] * 0.5 ** (age / half_life)
    points = np.stack([counts.easting_m[taken], counts.northing_m[taken]])
    (x, y), at = np.unique(points, axis=1, return_inverse=True)
    return x, y, np.bincount(at.ravel(), weights, len(x)).astype(np.float64)


def _with_rest(boxes: PlaceSet, squares: PlaceSet) -> PlaceSet:
    """The boxes, and what they leave of each square."""
    outlines = _rest(squares.outlines, boxes.outlines)
    areas = shapely.area(outlines)
    kept = np.flatnonzero(areas > LEAST_M2)
    return replace(
        boxes,
        ids=(*boxes.ids, *(f"rest_{squares.ids[i]}" for i in kept.tolist())),
        outlines=np.concatenate([boxes.outlines, outlines[kept]]),
        amounts=np.concatenate([boxes.amounts, areas[kept]]),
        denominator=squares.denominator,
        snap_m=GAP_M,
        listable=np.arange(boxes.size + len(kept)) < boxes.size,
        notes=squares.notes,
    )


def _rest(squares: Shapes, boxes: Shapes) -> Shapes:
    at, box = shapely.STRtree(boxes).query(squares, predicate="intersects")
    order = np.argsort(at, kind="stable")
    touched, starts = np.unique(at[order], return_index=True)
    out = squares.copy()
    for square, mine in zip(touched.tolist(), np.split(box[order], starts[1:]), strict=True):
        out[square] = shapely.difference(squares[square], shapely.union_all(boxes[mine]))
    out[touched] = land_of(out[touched])
    return out


@dataclass(frozen=True, slots=True)
class BoxShrinkage:
    """The share of the promise that boxes keep, how places scatter beyond it, and how both were measured.

    Without `told` the history was too short to measure it.
    """

    kept: float = 1.0
    scatter: Scatter | None = None
    told: BoxTrial | None = None

    def shrink(self, score: Forecast, places: CellGrid | PlaceSet) -> Forecast:
        """The score with boxes cut to what they keep; what they lose falls on the ground between them."""
        mean, boxes = score.expected, listable_mask(places)
        inside, total = float(mean[boxes].sum()), float(mean.sum())
        outside = total - inside
        lifted = (total - self.kept * inside) / outside if outside > 0 else 1.0
        factor = np.where(boxes, self.kept if outside > 0 else 1.0, lifted)
        return replace(score, posterior=_scaled(score.posterior, factor))


@dataclass(frozen=True, slots=True)
class PlacedBoxes:
    """Boxes laid for a list: the ground that they and what lies between them make, and what lasts.

    `squares` is the same land in squares, for all that must not depend on where boxes were laid.
    """

    panel: PlacePanel
    squares: PlacePanel
    lasting: BoxShrinkage

    @property
    def places(self) -> PlaceSet:
        """The boxes and the ground between them."""
        return _places(self.panel)


@dataclass(frozen=True, slots=True)
class BoxPlacement:
    """All that laying needs, at any month."""

    land: BoxLand
    counts: PointCounts
    targets: Targets
    settings: FindSettings
    squares: PlacePanel
    most: int

    def place(self, before: int) -> PlacePanel:
        """The ground with boxes laid on the months before this one alone."""
        half_life = choose_half_lives(self.squares, self.settings, [before])[before]
        places = place_boxes(
            self.land, self.counts, self.targets, before=before, half_life=half_life, most=self.most
        )
        return build_panel(self.counts, self.targets, places=places, settings=self.settings)


def place_list_boxes(
    land: BoxLand, counts: PointCounts, targets: Targets, settings: FindSettings
) -> PlacedBoxes:
    """Boxes laid on all months, and how much of what they hold will last.

    Raises
    ------
    QuestionError
        where there are too few months or incidents.
    """
    placement = prepare_placement(land, counts, targets, settings, area_share=0.0)
    last = len(counts.months)
    return PlacedBoxes(placement.place(last), placement.squares, measure_shrinkage(placement, last))


def prepare_placement(
    land: BoxLand, counts: PointCounts, targets: Targets, settings: FindSettings, *, area_share: float
) -> BoxPlacement:
    """What placing boxes on this land needs, at any month."""
    squares = build_panel(counts, targets, places=land.squares, settings=settings)
    most = land.enough(settings.count, area_share=area_share)
    return BoxPlacement(land, counts, targets, settings, squares, most)


def measure_shrinkage(placement: BoxPlacement, last: int) -> BoxShrinkage:
    """Lay boxes without the year before month `last`, and see what of their promise that year keeps."""
    settings, target = placement.settings, placement.squares.target
    origin = max(last - WATCHED_MONTHS, (last + 1) // 2, settings.least_months)
    if origin >= last or min(target.totals[:origin].sum(), target.totals[origin:last].sum()) < (
        settings.least_incidents
    ):
        return BoxShrinkage()
    panel = placement.place(origin)
    (score,) = forecast_counts(panel, settings, [origin])
    boxes = np.flatnonzero(listable_mask(_places(panel)))
    order = boxes[np.argsort(-score.expected[boxes], kind="stable")]
    best = order[: settings.count]
    seen = panel.target.window(origin, last)
    later = _share(seen, best)
    promised = float(score.expected[best].sum() / score.expected.sum())
    kept = min(later.value / promised, 1.0)
    told = BoxTrial(
        side_m=placement.land.side_m,
        count=len(best),
        laid_to=panel.months[origin - 1],
        first_month=panel.months[origin],
        last_month=panel.months[last - 1],
        held=_share(panel.target.window(0, origin), best).value,
        promised=promised,
        later=later,
        kept=kept,
    )
    among = GammaPosterior(score.posterior.shape[order], score.posterior.rate[order])
    return BoxShrinkage(kept, fit_scatter(among, score.own[order], seen[order]), told)


def _share(seen: Floats, best: Ints) -> Estimate:
    """The share of all incidents that fell in these places, with its interval."""
    caught, total, tail = float(seen[best].sum()), float(seen.sum()), (1.0 - LEVEL) / 2.0
    low = float(betaincinv(caught, total - caught + 1.0, tail)) if caught > 0 else 0.0
    high = float(betaincinv(caught + 1.0, total - caught, 1.0 - tail)) if caught < total else 1.0
    return Estimate(caught / total, low, high, LEVEL, METHOD)


def _scaled(posterior: GammaPosterior, factor: Floats) -> GammaPosterior:
    return GammaPosterior(posterior.shape, posterior.rate / factor)


def _places(panel: PlacePanel) -> PlaceSet:
    if isinstance(panel.places, PlaceSet):
        return panel.places
    raise ValueError("Boxes are laid as places of their own, never as cells of the grid.")


def listable_mask(places: CellGrid | PlaceSet) -> Bools:
    """Which places can be listed: all, but the ground between boxes."""
    if isinstance(places, CellGrid) or places.listable is None:
        return np.ones(places.size, dtype=bool)
    return places.listable


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
