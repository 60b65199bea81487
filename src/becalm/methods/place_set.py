"""Places of any shape: pieces of land or stretches of street, each with its amount and its middle."""

from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.methods.neighbour_sums import ListedNeighbours
from becalm.methods.smoothing import Smoother, build_smoother
from becalm.terms import PlaceKind

TOUCHING_M = 0.01  # outlines nearer than a centimetre touch


@dataclass(frozen=True, slots=True)
class PlaceSet:
    """Places in metres, numbered as they stand: `ids[i]` names the place with `outlines[i]`.

    Land has polygons and `amounts` in square metres; streets have lines and `amounts` in metres.
    `width_m` is how large a place nominally is. A point belongs to the polygon that holds it (on
    a shared edge: to the first), or to the nearest line within `snap_m` (of land: where none holds it).
    Only `listable` places can be chosen; the others stand for the ground between.
    """

    kind: PlaceKind
    ids: tuple[str, ...]
    outlines: NDArray[np.object_]
    amounts: Floats
    width_m: float
    denominator: str
    snap_m: float = 0.0
    listable: Bools | None = None
    notes: tuple[str, ...] = ()
    centres_m: tuple[Floats, Floats] = field(init=False)
    _smoothers: dict[float, Smoother] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.ids) == len(self.outlines) == len(self.amounts):
            raise ValueError(f"{len(self.ids)} names, {len(self.outlines)} outlines and so many amounts")
        if not len(self.ids):
            raise ValueError("There is not one place.")
        object.__setattr__(self, "centres_m", _centres(self.outlines))

    @property
    def size(self) -> int:
        """How many places there are."""
        return len(self.ids)

    @property
    def by_length(self) -> bool:
        """Whether amounts are metres of street, not square metres of land."""
        return self.kind == "segment"

    def locate(self, x_m: Floats, y_m: Floats) -> Ints:
        """The number of the place to which each point belongs, or -1 where it belongs to none."""
        # Records of one point stand together, and are located once: most sources round to few points.
        starts, repeats = _find_runs(x_m, y_m)
        points = np.asarray(shapely.points(x_m[starts], y_m[starts]), dtype=object)
        tree = shapely.STRtree(self.outlines)
        if self.by_length:
            return np.repeat(self._nearest(tree, points), repeats)
        point_index, nearest_place = tree.query(points, predicate="intersects")
        place = _first_match(point_index, nearest_place, len(points), self.size)
        if self.snap_m > 0.0 and (place < 0).any():
            place[place < 0] = self._nearest(tree, points[place < 0])
        return np.repeat(place, repeats)

    def _nearest(self, tree: shapely.STRtree, points: NDArray[np.object_]) -> Ints:
        point_index, nearest_place = tree.query_nearest(points, max_distance=self.snap_m, all_matches=True)
        return _first_match(point_index, nearest_place, len(points), self.size)

    def smooth(self, values: Floats, sigma_m: float, *, without_own: bool = False) -> Floats:
        """What each place would hold if its density were the kernel-weighted mean around it."""
        if sigma_m not in self._smoothers:  # made when first asked for, and the same ever after
            self._smoothers[sigma_m] = build_smoother(self.amounts, *self.centres_m, sigma_m=sigma_m)
        return self._smoothers[sigma_m].smooth(values, without_own=without_own) * self.amounts

    def neighbours(self) -> ListedNeighbours:
        """Which places touch each other?"""
        tree = shapely.STRtree(self.outlines)
        own, other = tree.query(self.outlines, predicate="dwithin", distance=TOUCHING_M)
        is_other = own != other
        own, other = own[is_other], other[is_other]
        order = np.lexsort((other, own))
        starts = np.concatenate([[0], np.cumsum(np.bincount(own, minlength=self.size))])
        return ListedNeighbours(starts.astype(np.int64), other[order].astype(np.int64))


def _find_runs(x: Floats, y: Floats) -> tuple[Ints, Ints]:
    """Where each run of equal points starts, and how long it is."""
    if not len(x):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    run_starts = np.flatnonzero((x[1:] != x[:-1]) | (y[1:] != y[:-1])) + 1
    starts = np.concatenate([[0], run_starts])
    return starts, np.diff(np.append(starts, len(x)))


def _first_match(point_index: Ints, nearest_place: Ints, points: int, size: int) -> Ints:
    """The first of the places found for each point, -1 where there is none."""
    first = np.full(points, size, dtype=np.int64)
    np.minimum.at(first, point_index, nearest_place)
    return np.where(first < size, first, -1)


def _centres(outlines: NDArray[np.object_]) -> tuple[Floats, Floats]:
    """The centroid of each piece of land, the point half way along each street."""
    points = np.asarray(shapely.centroid(outlines), dtype=object)
    lines = shapely.get_type_id(outlines) == shapely.GeometryType.LINESTRING
    points[lines] = shapely.line_interpolate_point(outlines[lines], 0.5, normalized=True)
    return shapely.get_x(points), shapely.get_y(points)
