"""The cells of a log: times as instants, places in metres of the workspace's grid, whole numbers.

A cell that cannot be read for sure is refused with what is wrong and what to do, never guessed at.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from zoneinfo import ZoneInfo

from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from becalm.record.files.log_mapping import PlacePart, TimePart
from becalm.terms import City, Fault, InputError

FIRST_YEAR = 1970
FARTHEST_M = 50_000_000  # no grid on Earth reaches beyond
Problem = tuple[str, str]  # what is wrong, and what to do about it


def parse_instant(text: str, time_part: TimePart, zone: ZoneInfo, *, now: datetime) -> datetime | Problem:
    """The instant in this cell, or why it is none.

    An offset in the text is believed; else the time is of `zone`. A local time that the clocks skipped is
    refused, and so is one that happened twice, unless the mapping says which of the two it is.
    """
    parsed_instant = _parse_time(text, time_part.formats)
    if isinstance(parsed_instant, datetime) and parsed_instant.tzinfo is None:
        parsed_instant = _to_zone(parsed_instant, time_part, zone)
    if not isinstance(parsed_instant, datetime):
        return parsed_instant
    if parsed_instant > now:
        return "is in the future", "record it when it has happened, or correct the row"
    if parsed_instant.year < FIRST_YEAR:
        return f"is before {FIRST_YEAR}", "correct the year"
    return parsed_instant.astimezone(UTC)


def _parse_time(text: str, formats: Sequence[str]) -> datetime | Problem:
    for time_format in formats or ("ISO 8601",):
        with suppress(ValueError):
            if formats:
                return datetime.strptime(text, time_format)  # noqa: DTZ007 - its zone is added later
            parsed_time = datetime.fromisoformat(text)
            if ":" not in text and len(text) <= len("2020-04-30"):
                return "has a day but no time", "give the time too, e.g. 2020-04-30 22:15"
            return parsed_time
    shown_formats = ", ".join(formats) or "2020-04-30 22:15"
    return "is not a time", f"write it as {shown_formats}, or give formats in a mapping"


def _to_zone(moment: datetime, time_part: TimePart, zone: ZoneInfo) -> datetime | Problem:
    if time_part.zone == "UTC":
        return moment.replace(tzinfo=UTC)
    first, second = moment.replace(tzinfo=zone, fold=0), moment.replace(tzinfo=zone, fold=1)
    first_offset, second_offset = first.utcoffset(), second.utcoffset()
    if first_offset is None or second_offset is None or first_offset == second_offset:
        return first
    if first_offset < second_offset:
        return f"does not exist in {zone.key}: the clocks went forward over it", "correct the time"
    if time_part.twice == "refuse":
        return (
            f"happened twice in {zone.key}: the clocks went back",
            f"write the offset, {first.isoformat()} or {second.isoformat()}, or let the mapping say "
            'twice = "first" or "second"',
        )
    return first if time_part.twice == "first" else second


@dataclass(frozen=True, slots=True)
class PlaceProblem:
    """Which coordinate of a place is wrong, what is, and what to do about it."""

    coordinate: str  # "x", "y" or "both"
    problem: Problem


@dataclass(frozen=True, slots=True)
class GridProjection:
    """From the file's coordinates to the workspace's; `transformer` is None where they are the same."""

    transformer: Transformer | None
    is_in_degrees: bool

    def project(self, x_text: str, y_text: str) -> tuple[int, int] | PlaceProblem:
        """Where is this place, in whole metres of the workspace's grid?"""
        x, y = parse_number(x_text), parse_number(y_text)
        if x is None or y is None:
            place_problem = "is not a number", "write metres (or degrees) in figures"
            return PlaceProblem("x" if x is None else "y", place_problem)
        if self.is_in_degrees and not (-180 <= x <= 180 and -90 <= y <= 90):
            place_problem = "are not degrees", "give longitude and latitude, or another crs in a mapping"
            return PlaceProblem("both", place_problem)
        if self.transformer is not None:
            x, y = self.transformer.transform(x, y)
        if not (isfinite(x) and isfinite(y)) or max(abs(x), abs(y)) > FARTHEST_M:
            return PlaceProblem("both", ("are outside the grid", "correct them, or the crs of the mapping"))
        return round(x), round(y)


def build_projection(place_part: PlacePart | None, city: City) -> GridProjection | None:
    """How the places of this mapping come onto the city's grid.

    Raises InputError where the mapping names a coordinate system that nobody knows.
    """
    if place_part is None:
        return None
    if place_part.crs in ("", city.crs):
        return GridProjection(None, is_in_degrees=False)
    try:
        parsed_crs = CRS.from_user_input(place_part.crs)
    except CRSError as error:
        fault = Fault("place.crs", f"{place_part.crs!r} is unknown", 'write it as e.g. "EPSG:4326"')
        raise InputError("The mapping has 1 fault; nothing was imported", (fault,)) from error
    transformer = Transformer.from_crs(parsed_crs, city.crs, always_xy=True)
    return GridProjection(transformer, is_in_degrees=parsed_crs.is_geographic)


def parse_number(text: str) -> float | None:
    """The finite number in a cell, if there is one."""
    try:
        parsed_number = float(text.replace(",", "") if text.count(",") else text)
    except ValueError:
        return None
    return parsed_number if isfinite(parsed_number) else None


def parse_whole_number(text: str) -> int | Problem:
    """The whole number nearest to the one in a cell, or why there is none."""
    parsed_number = parse_number(text)
    if parsed_number is None or abs(parsed_number) > FARTHEST_M:
        return "is not a number", "write it in figures"
    return round(parsed_number)
