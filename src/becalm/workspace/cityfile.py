"""Is a city file sound? Checked once, before a workspace is made from it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from holidays import list_supported_countries
from pyproj import CRS
from pyproj.exceptions import CRSError

from becalm.terms import Fault, WorkspaceError
from becalm.workspace.config import CityEntry


def check_city(entry: CityEntry, where: str) -> None:
    """Refuse a city that is not in metres, has an unknown clock or calendar, or names a borough twice."""
    faults = [fault for fault in (_crs_fault(entry.crs), _clock_fault(entry), _holiday_fault(entry)) if fault]
    names = [b.name for b in entry.boroughs]
    repeated = sorted({name for name in names if names.count(name) > 1})
    faults += [Fault("boroughs", f"{name!r} stands there twice", "remove one") for name in repeated]
    if entry.extent_m and not (
        entry.extent_m[0] < entry.extent_m[2] and entry.extent_m[1] < entry.extent_m[3]
    ):
        faults.append(Fault("extent_m", f"{list(entry.extent_m)} is empty", "give west, south, east, north"))
    if faults:
        raise WorkspaceError(f"The city in {where} has {len(faults)} faults", tuple(faults))


def _crs_fault(crs: str) -> Fault | None:
    try:
        found = CRS.from_user_input(crs)
    except CRSError:
        return Fault("crs", f"{crs!r} is not a coordinate system", 'write it as e.g. "EPSG:27700"')
    units = {axis.unit_name for axis in found.axis_info}
    if not found.is_projected or not units <= {"metre", "meter"}:
        return Fault("crs", f"{crs!r} is in {', '.join(sorted(units))}", "give a projected system in metres")
    return None


def _clock_fault(entry: CityEntry) -> Fault | None:
    try:
        ZoneInfo(entry.time_zone)
    except (ValueError, KeyError, OSError):
        return Fault(
            "time_zone", f"{entry.time_zone!r} is not a time zone", 'write it as e.g. "Europe/London"'
        )
    return None


def _holiday_fault(entry: CityEntry) -> Fault | None:
    country, _, part = entry.holidays.partition("-")
    known = list_supported_countries(include_aliases=True)
    if entry.holidays and (country not in known or (part and part not in known[country])):
        return Fault(
            "holidays", f"{entry.holidays!r} is no holiday calendar", 'write it as e.g. "GB-ENG", or ""'
        )
    return None
