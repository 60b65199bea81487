"""What all rooms may know of the city: its boroughs and streets, in metres, and its public holidays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from becalm.methods.arrays import Bools, Floats, Ints
from becalm.terms import WorkspaceError

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry


@dataclass(frozen=True, slots=True)
class Boundaries:
    """The boroughs as polygons in the city's metric coordinate system; `names[i]` is `polygons[i]`.

    Every polygon is valid and has an area; names are told apart. A point on the line between two
    boroughs belongs to the first of them in this order.
    """

    names: tuple[str, ...]
    polygons: tuple[BaseGeometry, ...]
    crs: str

    def __post_init__(self) -> None:
        if len(self.names) != len(self.polygons):
            raise ValueError(f"{len(self.names)} names for {len(self.polygons)} polygons")
        if not self.names:
            raise ValueError("There is no borough in these boundaries.")

    @property
    def outline(self) -> BaseGeometry:
        """The whole city as one shape."""
        import shapely  # not where the holidays alone are asked for

        return shapely.union_all(list(self.polygons))


@dataclass(frozen=True, slots=True)
class StreetNetwork:
    """Junctions in metres of the city, and links between them, each in one direction.

    `speed_kph[k]` is what the street states, not a number where it states nothing. `for_vehicles[k]` is
    false where a one-way rule forbids vehicles this direction; those on foot or a cycle may go.
    """

    junctions: Floats  # (n, 2)
    start: Ints
    end: Ints
    length_m: Floats
    speed_kph: Floats
    for_vehicles: Bools
    source: str


def list_public_holidays(calendar: str, years: Iterable[int]) -> Mapping[date, str]:
    """Which days of these years are holidays in this calendar ("GB-ENG", "US-IL"), and what are they called?

    A day in lieu keeps its own name ("Boxing Day (substitute day)"). An empty calendar has none.

    Raises WorkspaceError where the calendar is not known.

    >>> days = list_public_holidays("GB-ENG", [2019, 2020])
    >>> [str(day) for day, name in days.items() if name == "May Day"]
    ['2019-05-06', '2020-05-08']
    """
    if not calendar:
        return {}
    import holidays  # slow to load, and few commands ask

    country, _, part = calendar.partition("-")
    try:
        holiday_names = holidays.country_holidays(country, subdiv=part or None, years=years, language="en_US")
    except NotImplementedError as error:
        raise WorkspaceError(
            f"There is no holiday calendar {calendar!r}. In becalm.toml, set city.holidays to a country "
            'or a part of one, such as "GB-ENG" or "US-IL", or leave it empty.'
        ) from error
    return dict(sorted(holiday_names.items()))
