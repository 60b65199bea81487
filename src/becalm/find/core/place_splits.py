"""Places split by hand: one square in two halves, or in the areas that somebody drew."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely.geometry.base import BaseGeometry
from shapely.ops import split as split_along

from becalm.find.core.location_uncertainty import LocationUncertainty
from becalm.methods.place_set import LEAST_M, LEAST_M2, PlaceSet, keep_areas
from becalm.terms import Fault, InputError, QuestionError, UsageError, suggest_word

AnyArray = NDArray[Any]
REST_PART = "rest"
GAP_M = 0.001  # a point in the hair between two parts belongs to the nearer
PART_MARK = "."  # between the name of a place and that of its part


@dataclass(frozen=True, slots=True)
class Split:
    """How one place is split, by whom, since when and why.

    Either along a `line` that crosses it, or in the `parts` that were drawn, each with its name (where two
    overlap, the first has the land); what no part holds is the rest. Metres of the workspace.
    """

    place_id: str
    by: str
    on: date
    reason: str
    line: BaseGeometry | None = None
    parts: tuple[tuple[str, BaseGeometry], ...] = ()

    def __post_init__(self) -> None:
        if (self.line is None) == (not self.parts):
            raise UsageError(f"{self.place_id} is split along a line or in drawn parts: give one of them.")


@dataclass(frozen=True, slots=True)
class SplitPlaces:
    """The places with all splits that apply, and those splits."""

    places: PlaceSet
    splits: tuple[Split, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader of a list must know of each split."""
        return tuple(f"{s.place_id} is split by hand, by {s.by} on {s.on}: {s.reason}." for s in self.splits)


def apply_splits(places: PlaceSet, splits: Sequence[Split]) -> SplitPlaces:
    """The same places, each split one replaced by its parts; a part may be split again by a later split.

    Splits of places that are not here change nothing. All land (or street) stays, once.

    Raises InputError with every split that does not divide its place.
    """
    faults, applied_splits = [], []
    for split in splits:
        if split.place_id not in places.ids:
            continue
        try:
            places = _apply_split(places, split)
            applied_splits.append(split)
        except InputError as error:
            faults.append(Fault(split.place_id, str(error), "draw it again, or undo it with `undo`"))
    if faults:
        fault_text = "a split does" if len(faults) == 1 else f"{len(faults)} splits do"
        raise InputError(f"{fault_text} not divide the place", tuple(faults))
    return SplitPlaces(places, tuple(applied_splits))


def cut_place(places: PlaceSet, split: Split) -> tuple[tuple[str, BaseGeometry], ...]:
    """The named parts in which the place is split, in their order.

    Raises UsageError where there is no such place; InputError where the line does not cross it, or no drawn
    part lies in it, or one part is all of it.
    """
    outline = find_outline(places, split.place_id)
    drawn_parts = (
        _cut_along(outline, split.line) if split.line is not None else _cut_out(outline, split.parts)
    )
    least_size = LEAST_M if places.by_length else LEAST_M2
    large_parts = tuple(
        (name, part) for name, part in drawn_parts if _measure_amount(part, places) > least_size
    )
    if len(large_parts) < 2:
        raise InputError("leaves it whole: the line or the areas do not divide it")
    return large_parts


def find_outline(places: PlaceSet, place_id: str) -> BaseGeometry:
    """The outline of this place; UsageError where none that competes is called so."""
    outline: BaseGeometry = places.outlines[_find_number(places, place_id)]
    return outline


def halving_line(outline: BaseGeometry, halves: str) -> BaseGeometry:
    """The line through the middle of the place's frame that parts `north-south` (or `east-west`) halves."""
    west, south, east, north = outline.bounds
    overhang_m = max(east - west, north - south)
    x, y = (west + east) / 2.0, (south + north) / 2.0
    if halves == "north-south":
        return shapely.LineString([(west - overhang_m, y), (east + overhang_m, y)])
    return shapely.LineString([(x, south - overhang_m), (x, north + overhang_m)])


def check_part_sizes(
    place_id: str, parts: Sequence[tuple[str, BaseGeometry]], location: LocationUncertainty | None
) -> None:
    """Raise QuestionError where a part would be finer than the records are placed."""
    if location is None:
        return
    size_faults = tuple(
        Fault(
            place_id + PART_MARK + part_name,
            f"is {width_m:.0f} m across, finer than these records are placed: the next point is "
            f"typically {location.spacing_m:.0f} m away",
            "draw larger parts",
        )
        for part_name, part in parts
        if (width_m := _narrowest_m(part)) < location.spacing_m
    )
    if size_faults:
        raise QuestionError(f"{place_id} was not split", size_faults)


def _narrowest_m(part: BaseGeometry) -> float:
    """The shorter side of the narrowest frame round it (of a street: its length)."""
    if shapely.get_dimensions(part) < 2:
        return float(part.length)
    rectangle_corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(part))
    return float(np.hypot(*np.diff(rectangle_corners[:3], axis=0).T).min())


def _apply_split(places: PlaceSet, split: Split) -> PlaceSet:
    part_names, part_shapes = zip(*cut_place(places, split), strict=True)
    split_index = _find_number(places, split.place_id)
    part_ids = [f"{split.place_id}{PART_MARK}{part_name}" for part_name in part_names]

    def insert(values: AnyArray, part_values: ArrayLike) -> AnyArray:
        """The values with those of the parts in the place of the whole one's."""
        return np.insert(np.delete(values, split_index), [split_index] * len(part_names), part_values)

    return replace(
        places,
        ids=(*places.ids[:split_index], *part_ids, *places.ids[split_index + 1 :]),
        outlines=insert(places.outlines, np.array(part_shapes, dtype=object)),
        amounts=insert(places.amounts, [_measure_amount(shape, places) for shape in part_shapes]),
        snap_m=places.snap_m if places.by_length else max(places.snap_m, GAP_M),
        listable=None if places.listable is None else insert(places.listable, places.listable[split_index]),
    )


def _find_number(places: PlaceSet, place_id: str) -> int:
    if place_id in places.ids:
        return places.ids.index(place_id)
    same_unit_remedy = "Name it as the list does, with the same `unit`."
    hint_text = suggest_word(place_id, places.ids[:20_000], otherwise=same_unit_remedy)
    raise UsageError(f"No place that competes is called {place_id!r}. {hint_text}")


def _cut_along(outline: BaseGeometry, line: BaseGeometry) -> tuple[tuple[str, BaseGeometry], ...]:
    """The pieces on either side of the line: two are named by the compass, more are numbered."""
    try:
        cut_shapes = [split_along(part, line) for part in shapely.get_parts(outline).tolist()]
    except ValueError as error:  # a line along a street is no cut
        raise InputError(f"cannot be cut along this line ({error})") from error
    cut_pieces = [piece for cut_shape in cut_shapes for piece in shapely.get_parts(cut_shape).tolist()]
    if len(cut_pieces) != 2:
        cut_pieces.sort(key=lambda piece: (-piece.centroid.y, piece.centroid.x))
        return tuple((str(piece_number), piece) for piece_number, piece in enumerate(cut_pieces, start=1))
    first_piece, second_piece = cut_pieces
    eastward_m, northward_m = (
        first_piece.centroid.x - second_piece.centroid.x,
        first_piece.centroid.y - second_piece.centroid.y,
    )
    upper_name, lower_name = ("north", "south") if abs(northward_m) >= abs(eastward_m) else ("east", "west")
    first_is_upper = northward_m > 0 if upper_name == "north" else eastward_m > 0
    return (
        ((upper_name, first_piece), (lower_name, second_piece))
        if first_is_upper
        else ((upper_name, second_piece), (lower_name, first_piece))
    )


def _cut_out(
    outline: BaseGeometry, areas: Sequence[tuple[str, BaseGeometry]]
) -> tuple[tuple[str, BaseGeometry], ...]:
    """The piece of the outline in each area, the first having the land where two overlap, and the rest."""
    rest_shape, parts = outline, []
    for part_name, area in areas:
        parts.append((part_name, _drop_strays(shapely.intersection(rest_shape, area), outline)))
        rest_shape = _drop_strays(shapely.difference(rest_shape, area), outline)
    return (*parts, (REST_PART, rest_shape))


def _drop_strays(cut: BaseGeometry, outline: BaseGeometry) -> BaseGeometry:
    """What of the cut is of the outline's own kind: stray points and lines of land are dropped."""
    if shapely.get_dimensions(outline) < 2:
        return shapely.line_merge(cut) if cut.geom_type == "MultiLineString" else cut
    land_shape: BaseGeometry = keep_areas(np.array([cut], dtype=object))[0]
    return land_shape


def _measure_amount(shape: BaseGeometry, places: PlaceSet) -> float:
    return float(shape.length if places.by_length else shape.area)
