"""Making the folder of a workspace, whole or not at all, for a city that is sound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from holidays import list_supported_countries
from pyproj import CRS
from pyproj.exceptions import CRSError

from becalm.formats.durable import write_durably
from becalm.terms import Fault, WorkspaceError
from becalm.workspace.config import (
    CONFIG,
    POLICY_FILE,
    STREET_FILES,
    UNITS_FILE,
    CityEntry,
    Config,
    Workspace,
    write_config,
)


def check_city(entry: CityEntry, where: str) -> None:
    """Refuse a city that is not in metres, has an unknown clock or calendar, or names a borough twice."""
    faults = tuple(_city_faults(entry))
    if faults:
        raise WorkspaceError(f"The city in {where} has {len(faults)} faults", faults)


def _city_faults(entry: CityEntry) -> Iterator[Fault]:
    yield from _crs_faults(entry.crs)
    try:
        ZoneInfo(entry.time_zone)
    except (ValueError, KeyError, OSError):
        problem = f"{entry.time_zone!r} is not a time zone"
        yield Fault("time_zone", problem, 'write it as e.g. "Europe/London"')
    country, _, subdivision = entry.holidays.partition("-")
    calendars = list_supported_countries(include_aliases=True)
    has_calendar = country in calendars and (not subdivision or subdivision in calendars[country])
    if entry.holidays and not has_calendar:
        problem = f"{entry.holidays!r} is no holiday calendar"
        yield Fault("holidays", problem, 'write it as e.g. "GB-ENG", or ""')
    names = [borough.name for borough in entry.boroughs]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Fault("boroughs", f"{name!r} stands there twice", "remove one")
    if entry.extent_m:
        west, south, east, north = entry.extent_m
        if not (west < east and south < north):
            yield Fault("extent_m", f"{list(entry.extent_m)} is empty", "give west, south, east, north")


def _crs_faults(name: str) -> Iterator[Fault]:
    try:
        crs = CRS.from_user_input(name)
    except CRSError:
        yield Fault("crs", f"{name!r} is not a coordinate system", 'write it as e.g. "EPSG:27700"')
        return
    units = {axis.unit_name for axis in crs.axis_info}
    if not crs.is_projected or not units <= {"metre", "meter"}:
        yield Fault("crs", f"{name!r} is in {', '.join(sorted(units))}", "give a projected system in metres")


def patrol_files_beside(city: str) -> dict[str, Path]:
    """Units, policy and streets that lie beside this city file (streets also in `streets/`), by name.

    A city that is named by its key brings none.
    """
    file = Path(city)
    if not file.is_file():
        return {}
    folder = file.parent
    street_files = [folder / part / name for part in (".", "streets") for name in STREET_FILES]
    files = [path for path in (folder / UNITS_FILE, folder / POLICY_FILE) if path.is_file()]
    files += [path for path in street_files if path.is_file()][:1]
    return {path.name: path for path in files}


def make_folder(
    path: Path, config: Config, boundaries: str | None, *, copies: Mapping[str, Path] | None = None
) -> Workspace:
    """Make the workspace's folder with what stands in it from the first; becalm.toml comes last.

    `copies` are files that it begins with, by the name that each has there. Raises WorkspaceError where the
    folder is a workspace already, holds a part of one, or cannot be written.
    """
    workspace = Workspace(path, config)
    if (path / CONFIG).exists():
        raise WorkspaceError(f"{path} is a workspace already. Use it as it is, or name another folder.")
    files = dict(copies or {})
    for part in (workspace.archive_path, workspace.boundaries_path, *(path / name for name in files)):
        if part.exists():
            raise WorkspaceError(
                f"{path} is no workspace, but holds {part.name}. Move it away, or name another folder."
            )
    try:
        path.mkdir(parents=True, exist_ok=True)
        if boundaries is not None:
            write_durably(workspace.boundaries_path, boundaries)
        for name, file in files.items():
            write_durably(path / name, file.read_bytes())
        write_config(path, config)
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be written ({error}). Name a folder of your own.") from error
    return workspace
