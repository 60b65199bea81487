"""What places are called: by the force's own gazetteer, else by the streets that meet there.

A cell of a grid has a code and no name; nobody can be sent to a code. So every place is given one: from
`gazetteer.csv` where the place is named there, else the two nearest named streets, else a landmark of the
gazetteer near by. Where two places of one list would be called alike, each says on which side it lies.
"""

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import shapely
from pyproj import Transformer
from shapely.errors import ShapelyError

from becalm.methods.arrays import Shapes
from becalm.methods.map_projection import project_shapes
from becalm.terms import Fault, InputError
from becalm.workspace.config import GAZETTEER_FILE, STREET_FILES, Workspace
from becalm.workspace.streets import check_faults, read_raw_streets

WGS84: Final = "EPSG:4326"
STREET_M: Final = 60.0  # beyond the edge of a place: streets so near to it may name it
LANDMARK_M: Final = 150.0
LONGEST_NAME: Final = 80
SIDES: Final = ("east", "north-east", "north", "north-west", "west", "south-west", "south", "south-east")


@dataclass(frozen=True, slots=True)
class UnnamedPlace:
    """A place that needs a name: its code, its middle in metres, and how far it reaches."""

    place_id: str
    easting_m: float
    northing_m: float
    radius_m: float


@dataclass(frozen=True)
class NamedStreets:
    """The course of each street in metres of the city, and what it is called ("" where nobody says).

    `road_kinds` are the `highway` tags of OpenStreetMap.
    """

    names: tuple[str, ...]
    lines: Shapes
    road_kinds: tuple[str, ...] = ()

    @cached_property
    def tree(self) -> shapely.STRtree:
        """An index of the lines."""
        return shapely.STRtree(self.lines)

    def near(self, place: UnnamedPlace, distance_m: float) -> tuple[str, ...]:
        """The names of streets so near to the middle of a place, the nearest first."""
        middle = shapely.Point(place.easting_m, place.northing_m)
        indices = self.tree.query(middle, predicate="dwithin", distance=distance_m)
        distances_m = shapely.distance(self.lines[indices], middle).tolist()
        nearest_m: dict[str, float] = {}
        for index, away_m in zip(indices.tolist(), distances_m, strict=True):
            if name := self.names[index]:
                nearest_m[name] = min(away_m, nearest_m.get(name, away_m))
        return tuple(sorted(nearest_m, key=lambda name: (nearest_m[name], name)))


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """What the force calls its places: by code, and landmarks with where they are in metres."""

    name_of_place: Mapping[str, str] = field(default_factory=dict)
    landmarks: tuple[tuple[str, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class PlaceNames:
    """The name of each place, and those that nothing near by gives a name to."""

    name_of_place: Mapping[str, str]
    nameless: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of places without a name."""
        if not self.nameless:
            return ()
        shown_names, more_count = ", ".join(self.nameless[:5]), len(self.nameless) - 5
        more_text = f" and {more_count} more" if more_count > 0 else ""
        return (
            f"No named street lies near {shown_names}{more_text}: shown by code. "
            f"Name them in {GAZETTEER_FILE}.",
        )


def load_place_names(
    workspace: Workspace, places: Sequence[UnnamedPlace], *, street_file: Path | None = None
) -> PlaceNames:
    """What are these places called, by the streets and the gazetteer of this workspace?

    `street_file` is used instead of the workspace's own streets. A workspace with neither names no place, and
    that is no fault. Raises InputError with every fault of either file.
    """
    street_path = street_file or find_street_file(workspace)
    gazetteer_path, crs = workspace.path / GAZETTEER_FILE, workspace.city.crs
    if street_path is None and not gazetteer_path.is_file():
        return PlaceNames({})
    streets = read_named_streets(street_path, crs=crs) if street_path else None
    gazetteer = read_gazetteer(gazetteer_path, crs=crs) if gazetteer_path.is_file() else Gazetteer()
    return name_places(places, streets, gazetteer)


def find_street_file(workspace: Workspace) -> Path | None:
    """The street network that this workspace keeps, if there is one."""
    own_paths = (workspace.path / name for name in STREET_FILES)
    return next((path for path in own_paths if path.is_file()), None)


def name_places(
    places: Sequence[UnnamedPlace], streets: NamedStreets | None, gazetteer: Gazetteer
) -> PlaceNames:
    """The name of each of these places; no two are called alike.

    >>> corner = UnnamedPlace("150m_1_2", 75.0, 75.0, 84.6)
    >>> lines = shapely.linestrings([[[0, 70], [200, 70]], [[60, 0], [60, 200]]])
    >>> name_places([corner], NamedStreets(("Mill Lane", "High Street"), lines), Gazetteer()).name_of_place
    {'150m_1_2': 'Mill Lane and High Street'}
    """
    candidates: dict[str, str] = {}
    for place in places:
        own_name = gazetteer.name_of_place.get(place.place_id)
        street_names = streets.near(place, place.radius_m + STREET_M) if streets else ()
        name = own_name or " and ".join(street_names[:2]) or _nearest_landmark(place, gazetteer)
        if name:
            candidates[place.place_id] = name[:LONGEST_NAME]
    named_places = [place for place in places if place.place_id in candidates]
    nameless = tuple(place.place_id for place in places if place.place_id not in candidates)
    return PlaceNames(_tell_apart(named_places, candidates), nameless)


def _nearest_landmark(place: UnnamedPlace, gazetteer: Gazetteer) -> str:
    distances_m = {
        name: float(np.hypot(easting - place.easting_m, northing - place.northing_m))
        for name, easting, northing in gazetteer.landmarks
    }
    nearest = min(distances_m, key=lambda name: (distances_m[name], name), default="")
    return nearest if nearest and distances_m[nearest] <= place.radius_m + LANDMARK_M else ""


def _tell_apart(places: Sequence[UnnamedPlace], candidates: Mapping[str, str]) -> dict[str, str]:
    """The same names, with the side on which each place lies where several would be called alike."""
    places_of_name: dict[str, list[UnnamedPlace]] = defaultdict(list)
    for place in places:
        places_of_name[candidates[place.place_id]].append(place)
    name_of_place: dict[str, str] = {}
    for name, alike in places_of_name.items():
        middle = np.mean([(place.easting_m, place.northing_m) for place in alike], axis=0)
        sides = [_side(place, middle) for place in alike]
        for number, (place, side) in enumerate(zip(alike, sides, strict=True), start=1):
            mark = side if sides.count(side) == 1 else f"{side} {number}"
            name_of_place[place.place_id] = name if len(alike) == 1 else f"{name} ({mark})"
    return name_of_place


def _side(place: UnnamedPlace, middle_m: np.ndarray) -> str:
    angle = np.arctan2(place.northing_m - middle_m[1], place.easting_m - middle_m[0])
    return SIDES[int(np.rint(angle / (np.pi / 4))) % 8]


def read_named_streets(path: Path, *, crs: str) -> NamedStreets:
    """The streets of this file as lines in metres of `crs`, with their names."""
    raw = read_raw_streets(path)
    ends_xy = np.stack([raw.xy[raw.start], raw.xy[raw.end]], axis=1)
    lines = np.asarray(shapely.linestrings(ends_xy), dtype=object)
    for street, wkt_text in enumerate(raw.shapes):
        if wkt_text:
            try:
                lines[street] = shapely.from_wkt(wkt_text)
            except ShapelyError:
                continue  # the straight line serves as well: it is only looked at
    street_names = tuple(map(clean_name, raw.street_names))
    return NamedStreets(street_names, project_shapes(lines, raw.crs, crs), raw.road_kinds)


def clean_name(text: str) -> str:
    """One name of what a file calls a street, without brackets or control characters.

    >>> clean_name("['Oxford Street', 'A40']"), clean_name("Mill Lane" + chr(7))
    ('Oxford Street', 'Mill Lane')
    """
    first = re.findall(r"""(?:"([^"]*)"|'([^']*)')""", text) if text.startswith("[") else []
    name = "".join(first[0]) if first else text
    return " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())


def read_gazetteer(path: Path, *, crs: str) -> Gazetteer:
    """What the force calls its places: a csv with `name` and either `place_id` or `longitude` and `latitude`.

    Raises InputError with every fault: a row without a name or a place, a place that is named twice, two
    places that are called alike.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(enumerate(csv.DictReader(file, restval=""), start=2))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read: {error}. Give a csv in UTF-8.") from error
    to_metres = Transformer.from_crs(WGS84, crs, always_xy=True)
    name_of_place, landmarks, faults = dict[str, str](), list[tuple[str, float, float]](), list[Fault]()
    uses = Counter(clean_name(row.get("name") or "").casefold() for _, row in rows)
    for number, row in rows:
        name, place_id = clean_name(row.get("name") or ""), (row.get("place_id") or "").strip()
        faults += _row_faults(f"{path.name}, row {number}", name, place_id, row, uses, name_of_place)
        if place_id:
            name_of_place[place_id] = name
        elif not faults:
            easting, northing = to_metres.transform(float(row["longitude"]), float(row["latitude"]))
            landmarks.append((name, float(easting), float(northing)))
    check_faults(path.name, faults)
    return Gazetteer(name_of_place, tuple(landmarks))


def _row_faults(
    where: str,
    name: str,
    place_id: str,
    row: Mapping[str, str],
    uses: Counter[str],
    name_of_place: Mapping[str, str],
) -> Iterator[Fault]:
    if not name:
        yield Fault(where, "has no name", "give one, or drop the row")
    elif uses[name.casefold()] > 1:
        yield Fault(where, f"calls another place {name!r} as well", "give each place a name of its own")
    if place_id in name_of_place:
        yield Fault(where, f"names {place_id} a second time", "keep one row")
    if not place_id and not _is_position(row):
        yield Fault(where, "has no place_id and no position", "give place_id, or longitude and latitude")


def _is_position(row: Mapping[str, str]) -> bool:
    try:
        longitude, latitude = float(row.get("longitude") or "x"), float(row.get("latitude") or "x")
    except ValueError:
        return False
    return abs(longitude) <= 180 and abs(latitude) <= 90
