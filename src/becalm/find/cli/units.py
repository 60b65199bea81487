"""The options that say which places compete, shared by the list and the back-test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from becalm.find.cli.asked import Asked

if TYPE_CHECKING:
    from becalm.find.desk.hotspots import FindQuestion


class Unit(StrEnum):
    """The kinds of places that can compete."""

    square = "square"
    hexagon = "hexagon"
    h3 = "h3"
    own = "own"
    segment = "segment"
    box = "box"


UnitOption = Annotated[
    Unit,
    typer.Option(
        help="What a place is: a square or hexagon of --cell-m, an H3 cell, an area of your own, "
        "a street segment, or a box of --cell-m laid where it catches most."
    ),
]
Places = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Your own areas, or the streets, for --unit own or segment.", show_default=False
    ),
]
IdColumn = Annotated[
    str | None, typer.Option(help="The column of --places that names each area.", show_default=False)
]
PlacesCrs = Annotated[
    str | None,
    typer.Option(
        help="The coordinate system of --places and --exclude where they state none, e.g. EPSG:27700.",
        show_default=False,
    ),
]
Exclude = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Land that no place may hold (lakes, prisons): polygons.", show_default=False
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedOfPlaces(Asked):
    """The shared options of find, and which places compete."""

    unit: UnitOption = Unit.square
    turn_deg: Annotated[float, typer.Option(help="Turn squares and hexagons by so many degrees.")] = 0.0
    places: Places = None
    id_column: IdColumn = None
    places_crs: PlacesCrs = None
    h3_resolution: Annotated[int, typer.Option(help="The resolution of H3 cells.")] = 10
    junction_m: Annotated[
        float, typer.Option(help="So many metres of each street belong to its junction; 0 for no junctions.")
    ] = 20.0
    snap_m: Annotated[float, typer.Option(help="Records further from any street are left out.")] = 50.0
    exclude: Exclude = None
    merge: Annotated[
        bool,
        typer.Option(
            "--merge",
            help="Where places are finer than the records are placed, take the smallest that will do.",
        ),
    ] = False

    def question_of_places(self, *, separation_m: float = 0.0) -> FindQuestion:
        """What is asked, for the desk."""
        from becalm.find.desk.units import UnitChoice

        unit = UnitChoice(
            unit=self.unit.value,
            turn_deg=self.turn_deg,
            places=self.places,
            id_column=self.id_column,
            h3_resolution=self.h3_resolution,
            junction_m=self.junction_m,
            snap_m=self.snap_m,
            exclude=self.exclude,
            file_crs=self.places_crs,
            merge=self.merge,
        )
        return replace(self.question(separation_m=separation_m), unit=unit)
