"""`becalm init`: make a workspace."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from becalm.console.command import Session, command
from becalm.terms import FileName, Parameter, Request, UsageError

if TYPE_CHECKING:
    from becalm.app.init_desk import WorkspaceMade
    from becalm.desk import Desk


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceRequest(Request):
    """Which workspace is made?"""

    folder: Annotated[
        FileName | None, Parameter("The folder to make it in (or --workspace).", is_argument=True)
    ] = None
    city: Annotated[
        str | None,
        Parameter("A shipped city (london, chicago, portland, toronto) or a TOML file of your own."),
    ] = None
    boundaries: Annotated[
        FileName | None,
        Parameter("Your file of borough shapes: GeoJSON, GeoPackage, shapefile or a zip of one."),
    ] = None
    boundaries_name: Annotated[
        str | None, Parameter("The attribute of that file that holds the names, if not found.")
    ] = None
    boundaries_crs: Annotated[
        str | None, Parameter("The coordinate system of that file, if it states none or a wrong one.")
    ] = None


def register(app: typer.Typer) -> None:
    """Hang the command on the app."""

    @command(app, "init", WorkspaceRequest, has_files=False)
    def init(session: Session, request: WorkspaceRequest) -> None:
        """Make a workspace: one folder for the city's facts, its records and its answers."""
        from becalm.app.init_desk import make_workspace
        from becalm.console.emit import View

        workspace = make_workspace(
            _one_of(Path(request.folder) if request.folder else None, session.workspace),
            city=request.city,
            boundaries=Path(request.boundaries) if request.boundaries else None,
            boundaries_name=request.boundaries_name,
            boundaries_crs=request.boundaries_crs,
            open_desk=cast("Callable[[Path], Desk]", session.context.obj),
        )
        session.emit(workspace, View(_data, rows=lambda workspace: [_facts(workspace)], lines=_lines))


def _one_of(folder: Path | None, workspace: Path | None) -> Path:
    """The folder that was named, once, in one of the two ways."""
    if folder is not None and workspace is not None and folder != workspace:
        raise UsageError(f"Two folders are named, {folder} and {workspace}. Name the one to make.")
    workspace_path = folder or workspace
    if workspace_path is None:
        raise UsageError("No folder is named. Say which to make, e.g. `becalm init city`.")
    return workspace_path


def _facts(workspace: WorkspaceMade) -> dict[str, object]:
    city, boundaries = workspace.city, workspace.boundaries
    return {
        "workspace": str(workspace.path),
        "city": city.key,
        "name": city.name,
        "chosen": workspace.is_chosen,
        "crs": city.crs,
        "time_zone": city.time_zone,
        "boroughs": len(city.boroughs),
        "command_units": len({b.command_unit for b in city.boroughs if b.command_unit}),
        "boundaries": len(boundaries.names) if boundaries else 0,
        "boundaries_file": boundaries.file if boundaries else None,
        "boundaries_attribute": boundaries.attribute if boundaries else None,
    }


def _data(workspace: WorkspaceMade) -> dict[str, object]:
    return {**_facts(workspace), "notes": list(workspace.notes), "next": list(workspace.next_steps)}


def _lines(workspace: WorkspaceMade) -> Iterable[str]:
    workspace_facts, city = _facts(workspace), workspace.city
    origin = f"named by {workspace_facts['boundaries_attribute']!r} of {workspace_facts['boundaries_file']}"
    shapes_text = f"{workspace_facts['boundaries']} shapes, {origin}" if workspace.boundaries else "none"
    return [
        f"Made a workspace in {workspace.path}",
        f"  city        {city.name} ({city.key}), {city.crs}, {city.time_zone}",
        f"  boroughs    {workspace_facts['boroughs']}, in {workspace_facts['command_units']} command units",
        f"  boundaries  {shapes_text}",
        *(f"Note: {note}" for note in workspace.notes),
        "Next:",
        *(f"  {next_step}" for next_step in workspace.next_steps),
    ]
