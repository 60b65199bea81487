"""The commands that split a place by hand, undo that, and list what is split."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from becalm.console.options import Format, FormatOption, WorkspaceOption, desk_of
from becalm.console.shared_options import with_options
from becalm.find.cli.units import AskedOfPlaces
from becalm.terms import UsageError


class Halves(StrEnum):
    """Which two halves a place is split in."""

    north_south = "north-south"
    east_west = "east-west"


HalvesOption = Annotated[
    Halves | None, typer.Option(help="Two halves, cut through its middle.", show_default=False)
]
Line = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A GeoJSON with one line across the place.", show_default=False),
]
Parts = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Areas that you drew: one part each.", show_default=False),
]
PartColumn = Annotated[
    str | None, typer.Option(help="The column of --parts that names each part.", show_default=False)
]


@with_options(AskedOfPlaces, "asked", without=("count", "seed"))
def split(
    context: typer.Context,
    asked: AskedOfPlaces,
    place: Annotated[str, typer.Argument(metavar="PLACE", help="The place, as the list names it.")],
    reason: Annotated[str, typer.Option(help="Why, without names of people.")],
    halves: HalvesOption = None,
    line: Line = None,
    parts: Parts = None,
    part_column: PartColumn = None,
    undo: Annotated[bool, typer.Option("--undo", help="Make it whole again.")] = False,
) -> None:
    """Split a place by hand, from now on in every list. Recorded with name and reason, and always shown."""
    from becalm.find.cli.split_view import print_split, print_undone
    from becalm.find.desk.split import Cut, split_place, undo_split

    desk = desk_of(context, asked.workspace)
    if undo:
        if halves or line or parts:
            raise UsageError("--undo makes the place whole; leave --halves, --line and --parts out.")
        print_undone(undo_split(desk, place, reason=reason), asked.format)
        return
    cut = Cut(halves.value if halves else None, line, parts, part_column, asked.places_crs)
    made = split_place(desk, asked.question_of_places(), place, cut, reason=reason)
    print_split(made, asked.format)


def splits(
    context: typer.Context, workspace: WorkspaceOption = None, format: FormatOption = Format.table
) -> None:
    """List the places that are split by hand: how, by whom, when and why."""
    from becalm.find.cli.split_view import print_splits
    from becalm.find.desk.split import standing_splits

    print_splits(standing_splits(desk_of(context, workspace)), format)


def register(app: typer.Typer) -> None:
    """Hang the commands about splits on `becalm find`."""
    app.command("split")(split)
    app.command("splits")(splits)
