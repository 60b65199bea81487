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
        run_starts, run_lengths = _find_runs(x_m, y_m)
        distinct_points = np.asarray(shapely.points(x_m[run_starts], y_m[run_starts]), dtype=object)
        outline_tree = shapely.STRtree(self.outlines)
        if self.by_length:
            return np.repeat(self._nearest(outline_tree, distinct_points), run_lengths)
        point_index, match_place = outline_tree.query(distinct_points, predicate="intersects")
        place_of_point = _first_match(point_index, match_place, len(distinct_points), self.size)
        if self.snap_m > 0.0 and (place_of_point < 0).any():
            place_of_point[place_of_point < 0] = self._nearest(
                outline_tree, distinct_points[place_of_point < 0]
            )
        return np.repeat(place_of_point, run_lengths)

    def _nearest(self, outline_tree: shapely.STRtree, points: NDArray[np.object_]) -> Ints:
        point_index, match_place = outline_tree.query_nearest(
            points, max_distance=self.snap_m, all_matches=True
        )
        return _first_match(point_index, match_place, len(points), self.size)

    def smooth(self, values: Floats, sigma_m: float, *, without_own: bool = False) -> Floats:
        """What each place would hold if its density were the kernel-weighted mean around it."""
        if sigma_m not in self._smoothers:  # made when first asked for, and the same ever after
            self._smoothers[sigma_m] = build_smoother(self.amounts, *self.centres_m, sigma_m=sigma_m)
        return self._smoothers[sigma_m].smooth(values, without_own=without_own) * self.amounts

    def neighbours(self) -> ListedNeighbours:
        """Which places touch each other?"""
        outline_tree = shapely.STRtree(self.outlines)
        place_index, neighbour_index = outline_tree.query(
            self.outlines, predicate="dwithin", distance=TOUCHING_M
        )
        is_other = place_index != neighbour_index
        place_index, neighbour_index = place_index[is_other], neighbour_index[is_other]
        pair_order = np.lexsort((neighbour_index, place_index))
        list_starts = np.concatenate([[0], np.cumsum(np.bincount(place_index, minlength=self.size))])
        return ListedNeighbours(list_starts.astype(np.int64), neighbour_index[pair_order].astype(np.int64))


def _find_runs(x: Floats, y: Floats) -> tuple[Ints, Ints]:
    """Where each run of equal points starts, and how long it is."""
    if not len(x):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    later_starts = np.flatnonzero((x[1:] != x[:-1]) | (y[1:] != y[:-1])) + 1
    run_starts = np.concatenate([[0], later_starts])
    return run_starts, np.diff(np.append(run_starts, len(x)))


def _first_match(point_index: Ints, match_place: Ints, point_count: int, place_count: int) -> Ints:
    """The first of the places found for each point, -1 where there is none."""
    first_place = np.full(point_count, place_count, dtype=np.int64)
    np.minimum.at(first_place, point_index, match_place)
    return np.where(first_place < place_count, first_place, -1)


def _centres(outlines: NDArray[np.object_]) -> tuple[Floats, Floats]:
    """The centroid of each piece of land, the point half way along each street."""
    middle_points = np.asarray(shapely.centroid(outlines), dtype=object)
    is_line = shapely.get_type_id(outlines) == shapely.GeometryType.LINESTRING
    middle_points[is_line] = shapely.line_interpolate_point(outlines[is_line], 0.5, normalized=True)
    return shapely.get_x(middle_points), shapely.get_y(middle_points)
