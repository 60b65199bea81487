"""`becalm init`: make a workspace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from becalm.console.options import Format, FormatOption, desk_of
from becalm.terms import UsageError

if TYPE_CHECKING:
    from becalm.app.init_desk import WorkspaceMade


def init(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(help="The folder to make it in (or --workspace).", show_default=False)
    ] = None,
    city: Annotated[
        str | None,
        typer.Option(help="A shipped city (london, chicago, portland, toronto) or a TOML file of your own."),
    ] = None,
    boundaries: Annotated[
        Path | None,
        typer.Option(help="Your file of borough shapes: GeoJSON, GeoPackage, shapefile or a zip of one."),
    ] = None,
    boundaries_name: Annotated[
        str | None, typer.Option(help="The attribute of that file that holds the names, if not found.")
    ] = None,
    boundaries_crs: Annotated[
        str | None, typer.Option(help="The coordinate system of that file, if it states none or a wrong one.")
    ] = None,
    workspace: Annotated[
        Path | None,
        typer.Option("--workspace", "-w", help="The same folder, as every other command names it."),
    ] = None,
    format: FormatOption = Format.table,
) -> None:
    """Make a workspace: one folder for the city's facts, its records and its answers."""
    from becalm.app.init_desk import make_workspace

    made = make_workspace(
        _one_of(folder, workspace),
        city=city,
        boundaries=boundaries,
        boundaries_name=boundaries_name,
        boundaries_crs=boundaries_crs,
        open_desk=lambda made_in: desk_of(context, made_in),
    )
    typer.echo(_RENDER[format](made), nl=False)


def _one_of(folder: Path | None, workspace: Path | None) -> Path:
    """The folder that was named, once, in one of the two ways."""
    if folder is not None and workspace is not None and folder != workspace:
        raise UsageError(f"Two folders are named, {folder} and {workspace}. Name the one to make.")
    named = folder or workspace
    if named is None:
        raise UsageError("No folder is named. Say which to make, e.g. `becalm init city`.")
    return named


def _facts(made: WorkspaceMade) -> dict[str, object]:
    city, shapes = made.city, made.boundaries
    return {
        "workspace": str(made.path),
        "city": city.key,
        "name": city.name,
        "chosen": made.chosen,
        "crs": city.crs,
        "time_zone": city.time_zone,
        "boroughs": len(city.boroughs),
        "command_units": len({b.command_unit for b in city.boroughs if b.command_unit}),
        "boundaries": len(shapes.names) if shapes else 0,
        "boundaries_file": shapes.file if shapes else None,
        "boundaries_attribute": shapes.attribute if shapes else None,
    }


def _as_json(made: WorkspaceMade) -> str:
    told = {**_facts(made), "notes": list(made.notes), "next": list(made.next_steps)}
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def _as_csv(made: WorkspaceMade) -> str:
    from becalm.render.spreadsheet import csv_text

    facts = _facts(made)
    return csv_text(facts, [facts.values()])


def _as_table(made: WorkspaceMade) -> str:
    facts = _facts(made)
    named = f"named by {facts['boundaries_attribute']!r} of {facts['boundaries_file']}"
    shapes = f"{facts['boundaries']} shapes, {named}" if made.boundaries else "none"
    lines = [
        f"Made a workspace in {made.path}",
        f"  city        {made.city.name} ({made.city.key}), {made.city.crs}, {made.city.time_zone}",
        f"  boroughs    {facts['boroughs']}, in {facts['command_units']} command units",
        f"  boundaries  {shapes}",
        *(f"Note: {note}" for note in made.notes),
        "Next:",
        *(f"  {step}" for step in made.next_steps),
    ]
    return "\n".join(lines) + "\n"


_RENDER = {Format.table: _as_table, Format.json: _as_json, Format.csv: _as_csv}
