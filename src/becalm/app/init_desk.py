"""Making a workspace: the city's facts, the user's own boundaries, and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from becalm.desk import Desk, note_configuration
from becalm.render.number_format import join_words
from becalm.terms import City
from becalm.workspace.boundaries import BoundaryCopy, copy_boundaries
from becalm.workspace.config import Config, Workspace, read_city
from becalm.workspace.new_workspace import check_city, make_folder, patrol_files_beside

DEFAULT_CITY = "london"


@dataclass(frozen=True, slots=True)
class WorkspaceMade:
    """A new workspace: where, for which city, with whose shapes, and what the user should know."""

    path: Path
    city: City
    is_chosen: bool
    boundaries: BoundaryCopy | None
    notes: tuple[str, ...]
    next_steps: tuple[str, ...]


def make_workspace(
    path: Path,
    *,
    city: str | None = None,
    boundaries: Path | None = None,
    boundaries_name: str | None = None,
    boundaries_crs: str | None = None,
    open_desk: Callable[[Path], Desk] | None = None,
) -> WorkspaceMade:
    """Make a workspace in this folder, whole or not at all; with a desk on it, its ledger begins with it.

    Without `city` it is London until the first records say otherwise, or for good where boundaries
    of London are given.
    """
    city_entry = read_city(city or DEFAULT_CITY)
    check_city(city_entry, city or DEFAULT_CITY)
    is_city_chosen = city is not None or boundaries is not None
    config = Config(city=city_entry.model_copy(update={"chosen": is_city_chosen}))
    shape_copy = (
        copy_boundaries(boundaries, city_entry.city(), attribute=boundaries_name, crs=boundaries_crs)
        if boundaries is not None
        else None
    )
    patrol_files = patrol_files_beside(city) if city else {}
    workspace = make_folder(path, config, shape_copy.text if shape_copy else None, copies=patrol_files)
    if open_desk is not None:
        note_configuration(open_desk(path))
    notes = (*_notes(workspace, shape_copy), *_brought(patrol_files, path))
    return WorkspaceMade(workspace.path, workspace.city, is_city_chosen, shape_copy, notes, _next_steps(path))


def _notes(workspace: Workspace, shape_copy: BoundaryCopy | None) -> tuple[str, ...]:
    default_city_notes = (
        ()
        if workspace.config.city.chosen
        else (
            "No city was named: it is Greater London, unless the first records are of another shipped city.",
        )
    )
    if shape_copy is not None:
        return (*default_city_notes, *shape_copy.notes)
    return (
        *default_city_notes,
        "No boundaries were given: boroughs come from the records where they carry them, and areas are of "
        "the records' footprint. Give your own file with --boundaries.",
    )


def _brought(patrol_files: Mapping[str, Path], path: Path) -> tuple[str, ...]:
    """What lay beside the city file and was copied, for patrol plans."""
    if not patrol_files:
        return ()
    file_list = join_words([str(patrol_file) for patrol_file in patrol_files.values()])
    return (
        f"For patrol plans, {file_list} {'was' if len(patrol_files) == 1 else 'were'} copied into {path}.",
    )


def _next_steps(path: Path) -> tuple[str, ...]:
    at = f"--workspace {quote(str(path))}"
    return (
        f"becalm ingest {at} PATH...",
        f"becalm measure compare {at} --period 2020-04 --baseline 2019-04",
        f"becalm run {at}",
    )
