"""The places that compete, made from what the user asks: tiles, H3, own areas, streets or boxes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from becalm.archive.manifest import sha256_of
from becalm.find.core.floating_boxes import BoxLand
from becalm.find.core.location_uncertainty import LocationUncertainty, check_place_width, warn_of_merging
from becalm.find.core.place_kinds import (
    FOOTPRINT,
    INSIDE,
    MOST_TILES,
    build_land_places,
    build_own_places,
    build_street_places,
    build_tiles,
    check_region,
    clip_places,
    exclude_land,
    footprint_mask,
)
from becalm.find.core.targets import Targets
from becalm.methods.place_set import PlaceSet
from becalm.methods.place_shapes import Lattice
from becalm.tables import PointCounts
from becalm.terms import UsageError
from becalm.workspace.h3_cells import h3_over, h3_under, h3_width_m
from becalm.workspace.own_places import read_land, read_own_areas
from becalm.workspace.street_lines import read_street_lines

Unit = Literal["square", "hexagon", "h3", "own", "segment", "box"]
NEEDS_A_FILE = ("own", "segment")
BOX_M = (50.0, 150.0)  # a smaller box is a doorway, a larger one no micro-place
REST_M = 150.0  # the ground between boxes is kept in squares of at least so many metres


@dataclass(frozen=True, slots=True)
class UnitChoice:
    """Which places compete. The default is the grid's own square cells.

    `turn_deg` turns squares and hexagons anticlockwise; `places` is the file of own areas (named by
    `id_column`) or of streets; `junction_m` of each arm belong to a junction (0: no junctions apart)
    and records within `snap_m` of a street belong to it; `exclude` is a file of land left out. `file_crs`
    speaks for files that state no coordinate system. Boxes are laid where they hold most. `merge` takes the
    smallest size that the records' location quality allows where the asked one is too fine, instead of
    refusing it.
    """

    unit: Unit = "square"
    turn_deg: float = 0.0
    places: Path | None = None
    id_column: str | None = None
    h3_resolution: int = 10
    junction_m: float = 20.0
    snap_m: float = 50.0
    exclude: Path | None = None
    file_crs: str | None = None
    merge: bool = False

    def __post_init__(self) -> None:
        if (self.unit in NEEDS_A_FILE) != (self.places is not None):
            raise UsageError(
                f"--unit {self.unit} needs --places FILE."
                if self.places is None
                else f"--places goes with --unit own or --unit segment, not with {self.unit}."
            )
        if self.turn_deg and self.unit not in ("square", "hexagon"):
            raise UsageError(f"--turn-deg goes with squares and hexagons, not with {self.unit}.")
        if not (self.snap_m > 0 and self.junction_m >= 0):
            raise UsageError("--snap-m must be above 0 and --junction-m not below 0.")

    @property
    def is_grid(self) -> bool:
        """Whether the grid's own cells compete, all of them."""
        return self.unit == "square" and self.turn_deg == 0.0 and self.exclude is None

    @property
    def parameters(self) -> dict[str, Any]:
        """What the record of a run keeps of it: nothing for the grid's own cells."""
        if self.is_grid:
            return {}
        own = {
            "square": ("turn_deg",),
            "hexagon": ("turn_deg",),
            "h3": ("h3_resolution",),
            "own": ("id_column",),
            "box": (),
        }
        names = own.get(self.unit, ("junction_m", "snap_m"))
        files = {"places": self.places, "exclude": self.exclude}
        return {
            "unit": self.unit,
            **{name: getattr(self, name) for name in names},
            **{name: {"file": p.name, "sha256": sha256_of(p)} for name, p in files.items() if p is not None},
        }


def fit_unit(
    choice: UnitChoice, width_m: float, location: LocationUncertainty | None
) -> tuple[UnitChoice, float, tuple[str, ...]]:
    """Which places, how wide, are not too fine for these records, and what is to be said of it?

    Raises QuestionError where the asked ones are too fine and merging was not asked for. Own areas
    and streets are taken as they are: their size is the user's own choice.
    """
    if choice.unit == "box" and not BOX_M[0] <= width_m <= BOX_M[1]:
        raise UsageError(
            f"A box of {width_m:g} m is not one of {BOX_M[0]:g} to {BOX_M[1]:g} m. Give --cell-m between "
            "these, or take --unit square."
        )
    asked_m = h3_width_m(choice.h3_resolution) if choice.unit == "h3" else width_m
    if location is None or choice.unit in NEEDS_A_FILE or asked_m >= location.spacing_m:
        return choice, width_m, ()
    if choice.unit == "h3":
        fit = next(r for r in range(choice.h3_resolution, 4, -1) if h3_width_m(r) >= location.spacing_m)
        fitting, least_m, option = (
            replace(choice, h3_resolution=fit),
            h3_width_m(fit),
            f"--h3-resolution {fit}",
        )
    else:
        fitting, least_m = choice, location.least_width_m
        option = f"--cell-m {least_m:g}"
    if not choice.merge:
        check_place_width(asked_m, location, option=option)
    return fitting, width_m if choice.unit == "h3" else least_m, warn_of_merging(asked_m, least_m)


@dataclass(frozen=True, slots=True)
class PlacesAsked:
    """Of what places are made: the choice, their width, the records they hold, and the land in `crs`."""

    choice: UnitChoice
    counts: PointCounts
    targets: Targets
    width_m: float
    boundary: BaseGeometry | None
    crs: str

    @property
    def excluded(self) -> BaseGeometry | None:
        """The land left out, in metres of `crs`."""
        choice = self.choice
        return read_land(choice.exclude, crs=self.crs, file_crs=choice.file_crs) if choice.exclude else None

    def tiles(self, lattice: Lattice) -> PlaceSet:
        """The tiles of this lattice on the land."""
        return build_tiles(lattice, self.counts, self.targets, self.boundary)


def lay_places(asked: PlacesAsked) -> PlaceSet:
    """The places that compete, in metres of the `crs` asked for, without the excluded land."""
    places, excluded = _made(asked), asked.excluded
    return places if excluded is None else exclude_land(places, excluded)


def lay_box_land(asked: PlacesAsked) -> BoxLand:
    """The land on which boxes of this width may be laid, in metres of the `crs` asked for."""
    squares, excluded = asked.tiles(Lattice("square", max(asked.width_m, REST_M))), asked.excluded
    if excluded is not None:
        squares = exclude_land(squares, excluded)
    return BoxLand(asked.width_m, squares, asked.boundary, excluded)


def _made(asked: PlacesAsked) -> PlaceSet:
    choice, crs = asked.choice, asked.crs
    if choice.unit == "own":
        areas = read_own_areas(_file(choice), crs=crs, id_column=choice.id_column, file_crs=choice.file_crs)
        return build_own_places(areas.names, areas.shapes, asked.boundary)
    if choice.unit == "segment":
        lines = read_street_lines(_file(choice), crs=crs)
        return build_street_places(lines, asked.boundary, junction_m=choice.junction_m, snap_m=choice.snap_m)
    if choice.unit == "h3":
        return _h3(asked)
    shape: Literal["square", "hexagon"] = "hexagon" if choice.unit == "hexagon" else "square"
    return asked.tiles(Lattice(shape, asked.width_m, choice.turn_deg))


def _h3(asked: PlacesAsked) -> PlaceSet:
    counts, boundary, crs = asked.counts, asked.boundary, asked.crs
    resolution = asked.choice.h3_resolution
    if boundary is None:
        held = footprint_mask(counts, asked.targets)
        x, y = counts.easting_m[held], counts.northing_m[held]
        names, outlines = h3_under(x, y, resolution, crs=crs)
    else:
        _refuse_too_fine_h3(boundary, resolution)
        names, outlines = h3_over(check_region(boundary), resolution, crs=crs)
    across = round(float(np.mean(shapely.area(outlines))) ** 0.5, 1)
    if boundary is None:
        return build_land_places("h3", names, outlines, across, FOOTPRINT)
    return clip_places(build_land_places("h3", names, outlines, across, INSIDE), boundary)


def _refuse_too_fine_h3(boundary: BaseGeometry, resolution: int) -> None:
    cells = boundary.area / h3_width_m(resolution) ** 2
    if cells > MOST_TILES:
        fits = next(r for r in range(resolution, 4, -1) if boundary.area / h3_width_m(r) ** 2 <= MOST_TILES)
        raise UsageError(
            f"The ground holds some {cells:,.0f} H3 cells of resolution {resolution}, more than the "
            f"{MOST_TILES:,} that can be held. Take --h3-resolution {fits} or less."
        )


def _file(choice: UnitChoice) -> Path:
    if choice.places is None:  # refused when the choice was made
        raise UsageError(f"--unit {choice.unit} needs --places FILE.")
    return choice.places
