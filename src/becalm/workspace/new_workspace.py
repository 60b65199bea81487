"""Making the folder of a workspace, whole or not at all, for a city that is sound."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from holidays import list_supported_countries
from pyproj import CRS
from pyproj.exceptions import CRSError

from becalm.formats.durable_files import make_private_folder, write_durably
from becalm.methods.map_projection import is_in_metres
from becalm.terms import Fault, WorkspaceError
from becalm.workspace.config import (
    CONFIG,
    POLICY_FILE,
    STREET_FILES,
    UNITS_FILE,
    WATER_FILE,
    CityEntry,
    Config,
    Workspace,
    write_config,
)


def check_city(entry: CityEntry, where: str) -> None:
    """Refuse a city that is not in metres, has an unknown clock or calendar, or names a borough twice."""
    city_faults = tuple(_city_faults(entry))
    if city_faults:
        raise WorkspaceError(f"The city in {where} has {len(city_faults)} faults", city_faults)


def _city_faults(city_entry: CityEntry) -> Iterator[Fault]:
    yield from _crs_faults(city_entry.crs)
    try:
        ZoneInfo(city_entry.time_zone)
    except (ValueError, KeyError, OSError):
        problem_text = f"{city_entry.time_zone!r} is not a time zone"
        yield Fault("time_zone", problem_text, 'write it as e.g. "Europe/London"')
    country_code, _, subdivision = city_entry.holidays.partition("-")
    calendar_countries = list_supported_countries(include_aliases=True)
    has_calendar = country_code in calendar_countries and (
        not subdivision or subdivision in calendar_countries[country_code]
    )
    if city_entry.holidays and not has_calendar:
        problem_text = f"{city_entry.holidays!r} is not a known holiday calendar"
        yield Fault("holidays", problem_text, 'write it as e.g. "GB-ENG", or ""')
    borough_names = [borough.name for borough in city_entry.boroughs]
    for name in sorted({name for name in borough_names if borough_names.count(name) > 1}):
        yield Fault("boroughs", f"{name!r} is there twice", "remove one")
    if city_entry.extent_m:
        west_m, south_m, east_m, north_m = city_entry.extent_m
        if not (west_m < east_m and south_m < north_m):
            yield Fault("extent_m", f"{list(city_entry.extent_m)} is empty", "give west, south, east, north")


def _crs_faults(name: str) -> Iterator[Fault]:
    try:
        parsed_crs = CRS.from_user_input(name)
    except CRSError:
        yield Fault("crs", f"{name!r} is not a coordinate system", 'write it as e.g. "EPSG:27700"')
        return
    if not is_in_metres(parsed_crs):
        axis_units = {crs_axis.unit_name for crs_axis in parsed_crs.axis_info}
        yield Fault(
            "crs", f"{name!r} is in {', '.join(sorted(axis_units))}", "give a projected system in metres"
        )


def patrol_files_beside(city: str) -> dict[str, Path]:
    """Units, policy, water and streets that lie beside this city file (streets also in `streets/`), by name.

    A city that is named by its key brings none.
    """
    city_file = Path(city)
    if not city_file.is_file():
        return {}
    city_folder = city_file.parent
    street_files = [city_folder / subfolder / name for subfolder in (".", "streets") for name in STREET_FILES]
    own_names = (UNITS_FILE, POLICY_FILE, WATER_FILE)
    files_beside = [path for path in (city_folder / name for name in own_names) if path.is_file()]
    files_beside += [path for path in street_files if path.is_file()][:1]
    return {path.name: path for path in files_beside}


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
    copied_files = dict(copies or {})
    for part in (workspace.archive_path, workspace.boundaries_path, *(path / name for name in copied_files)):
        if part.exists():
            raise WorkspaceError(
                f"{path} is not a workspace, but contains {part.name}. Move it away, or name another folder."
            )
    try:
        make_private_folder(path)
        if boundaries is not None:
            write_durably(workspace.boundaries_path, boundaries)
        for name, source_path in copied_files.items():
            write_durably(path / name, source_path.read_bytes())
        write_config(path, config)
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be written ({error}). Name a folder of your own.") from error
    return workspace
