"""`becalm init`: make a workspace, and say what to do next."""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from becalm.console.command import Session, command
from becalm.terms import BecalmError, City, FileName, Parameter, Request, UsageError

DEFAULT_CITY = "london"

if TYPE_CHECKING:
    from becalm.desk import Desk
    from becalm.workspace.boundaries import BoundaryCopy


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
        str | None, Parameter("The attribute of that file that holds the names, if becalm does not find it.")
    ] = None
    boundaries_crs: Annotated[
        str | None, Parameter("The coordinate system of that file, if the file states none or a wrong one.")
    ] = None
    outside: Annotated[
        FileName | None,
        Parameter(
            "A folder outside the workspace for the ledger's keys and signed heads: best another computer.",
            default_text="FOLDER-outside beside it",
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class WorkspaceMade:
    """A new workspace: where, for which city, with whose shapes, and what the user should know."""

    path: Path
    city: City
    is_chosen: bool
    boundaries: BoundaryCopy | None
    notes: tuple[str, ...]
    outside: Path  # where the keys and signed heads of its ledger are kept

    @property
    def next_steps(self) -> tuple[str, ...]:
        """The commands that come next."""
        workspace_option = f"--workspace {shlex.quote(str(self.path))}"
        return (
            f"becalm ingest {workspace_option} PATH...",
            f"becalm measure compare {workspace_option} --period 2020-04 --baseline 2019-04",
            f"becalm run {workspace_option}",
        )


def register(app: typer.Typer) -> None:
    """Hang the command on the app."""

    @command(app, "init", WorkspaceRequest, has_files=False)
    def init(session: Session, request: WorkspaceRequest) -> None:
        """Make a workspace: one folder for the city's facts, its records and its answers."""
        from becalm.console.emit import View

        folder, workspace_path = Path(request.folder) if request.folder else None, session.workspace
        if folder is not None and workspace_path is not None and folder != workspace_path:
            raise UsageError(f"Two folders are named, {folder} and {workspace_path}. Name only one.")
        init_folder = folder or workspace_path
        if init_folder is None:
            raise UsageError("No folder is named. Name the folder to make, e.g. `becalm init city`.")
        workspace = make_workspace(init_folder, request, cast("Callable[[Path], Desk]", session.context.obj))
        session.emit(
            workspace,
            View(
                lambda workspace: {
                    **_facts(workspace),
                    "notes": list(workspace.notes),
                    "next": list(workspace.next_steps),
                },
                rows=lambda workspace: [_facts(workspace)],
                lines=_lines,
            ),
        )


def make_workspace(path: Path, request: WorkspaceRequest, open_desk: Callable[[Path], Desk]) -> WorkspaceMade:
    """Make a workspace in this folder, whole or not at all; its ledger begins with it.

    The ledger's keys and signed heads are kept outside of it, by default in a folder beside it: who can write
    to the workspace alone cannot rewrite the ledger unseen then. Without `city` it is London until the first
    records say otherwise, or for good where boundaries of London are given.
    """
    from becalm.workspace.boundaries import copy_boundaries
    from becalm.workspace.config import Config, LedgerEntry, read_city
    from becalm.workspace.new_workspace import check_city, make_folder, patrol_files_beside

    city_entry = read_city(request.city or DEFAULT_CITY)
    check_city(city_entry, request.city or DEFAULT_CITY)
    is_city_chosen = request.city is not None or request.boundaries is not None
    # Where they stand side by side, by its way from the workspace, so that both can be moved together.
    anchor_folder_text = (
        str(Path(request.outside).resolve()) if request.outside else f"../{path.resolve().name}-outside"
    )
    city_entry = city_entry.model_copy(update={"chosen": is_city_chosen})
    config = Config(city=city_entry, ledger=LedgerEntry.kept_in(anchor_folder_text))
    shape_copy = (
        copy_boundaries(
            Path(request.boundaries),
            city_entry.city(),
            attribute=request.boundaries_name,
            crs=request.boundaries_crs,
        )
        if request.boundaries
        else None
    )
    patrol_files = patrol_files_beside(request.city) if request.city else {}
    entries_before = set(path.iterdir()) if path.is_dir() else set()
    workspace = make_folder(path, config, shape_copy.text if shape_copy else None, copies=patrol_files)
    copied_names = [str(file) for file in patrol_files.values()]
    head_notes = tuple(_sign_first_head(path, open_desk, entries_before))
    notes = (*_notes(is_city_chosen, shape_copy, copied_names, path), *head_notes)
    anchor_folder = (path / anchor_folder_text).resolve()
    return WorkspaceMade(path, workspace.city, is_city_chosen, shape_copy, notes, anchor_folder)


def _sign_first_head(
    path: Path, open_desk: Callable[[Path], Desk], entries_before: Collection[Path]
) -> Iterable[str]:
    """Begin the ledger, draw its key and send the first signed head outside; a note where that fails.

    Where no ledger can be begun, no workspace is left behind.
    """
    from becalm.desk import note_configuration
    from becalm.record.core.request import CheckpointRequest
    from becalm.record.desk import make_checkpoint

    try:
        desk = open_desk(path)
        note_configuration(desk)
    except BecalmError:
        for entry in set(path.iterdir()) - set(entries_before):
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        if not entries_before:
            path.rmdir()
        raise
    try:
        deliveries = make_checkpoint(desk, CheckpointRequest()).deliveries
        failure_texts = [
            f"{delivery.place}: {delivery.failure}" for delivery in deliveries if delivery.failure
        ]
    except BecalmError as error:
        failure_texts = [str(error)]
    if failure_texts:
        yield (
            "MISSING: no signed head of the ledger is kept outside the workspace "
            f"({'; '.join(failure_texts)}). "
            "Whoever can write to the workspace can rewrite the ledger unseen. Name places elsewhere under "
            "[ledger] key and anchors in becalm.toml, then run `becalm record checkpoint`."
        )


def _notes(
    is_city_chosen: bool, shape_copy: BoundaryCopy | None, copied_names: list[str], path: Path
) -> Iterable[str]:
    from becalm.render.number_format import join_words

    if not is_city_chosen:
        yield "No city was named. It is Greater London until the first records are of another known city."
    if shape_copy is not None:
        yield from shape_copy.notes
    else:
        yield (
            "No boundaries were given. Boroughs are taken from records that name them, and areas are measured"
            " over the cells that hold records. Give your own file with --boundaries."
        )
    if copied_names:  # they lay beside the city file
        was_or_were = "was" if len(copied_names) == 1 else "were"
        yield f"For patrol plans and maps, {join_words(copied_names)} {was_or_were} copied into {path}."


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
        "outside": str(workspace.outside),
    }


def _lines(workspace: WorkspaceMade) -> Iterable[str]:
    workspace_facts, city = _facts(workspace), workspace.city
    boundaries_origin_text = (
        f"named by {workspace_facts['boundaries_attribute']!r} of {workspace_facts['boundaries_file']}"
    )
    shapes_text = (
        f"{workspace_facts['boundaries']} shapes, {boundaries_origin_text}"
        if workspace.boundaries
        else "none"
    )
    return [
        f"Made a workspace in {workspace.path}",
        f"  city        {city.name} ({city.key}), {city.crs}, {city.time_zone}",
        f"  boroughs    {workspace_facts['boroughs']}, in {workspace_facts['command_units']} command units",
        f"  boundaries  {shapes_text}",
        f"  outside     {workspace.outside}: the ledger's keys and signed heads; keep a copy elsewhere",
        *(f"Note: {note}" for note in workspace.notes),
        "Next:",
        *(f"  {next_step}" for next_step in workspace.next_steps),
    ]
