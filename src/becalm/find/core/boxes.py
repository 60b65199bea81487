"""Floating boxes: laid off the grid where they hold most, with the ground between them kept as places."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from becalm.find.core.place_kinds import build_land_places, clip_places, exclude_land
from becalm.find.core.targets import Targets
from becalm.methods.arrays import Floats, Shapes
from becalm.methods.boxes import float_boxes
from becalm.methods.lattices import LEAST_M2, land_of
from becalm.methods.place_set import PlaceSet
from becalm.tables.point_counts import PointCounts
from becalm.terms import QuestionError

AGAIN = 8  # times as many boxes as will be listed are laid: among these the order is decided
TWICE = 2.0  # as much land as a back-test searches
GAP_M = 0.001  # a point in the hair between a box and what was cut away from it belongs to the nearer


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
