"""Streets from files: GraphML as OSMnx writes it (also .gz), or lines as GeoJSON."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from pyproj import Transformer
from pyproj.exceptions import CRSError

from becalm.methods.arrays import Floats
from becalm.tables import StreetNetwork
from becalm.terms import Fault, InputError
from becalm.workspace.streets_geojson import read_geojson
from becalm.workspace.streets_graphml import RawStreets, read_graphml

KPH_PER_MPH = 1.609344


def read_streets(path: Path, *, crs: str) -> StreetNetwork:
    """The street network in this file, in metres of `crs`.

    GraphML: nodes with x and y in the graph's `crs` (WGS84 where it names none), edges with `length` in
    metres (or `length_m`), `maxspeed` (mph where it says so, else km/h; or `speed_kph`) and `oneway`; what
    has no length is as long as its straight line. GeoJSON: LineStrings in WGS84 with the same properties,
    which join where they share a point.

    Raises InputError with everything that is wrong with the file.
    """
    raw = read_raw(path)
    if not len(raw.start):
        raise InputError(f"{path.name} has no streets. Give a network with nodes and edges.")
    junctions = _in_metres(raw, crs, path)
    lost = np.flatnonzero(~np.isfinite(junctions).all(axis=1))
    faults = [_lost(raw.names[i], raw.crs, path) for i in lost[:20]]
    length = _lengths(raw, junctions)
    faults += _short(length, path)
    if faults:
        noun = "fault" if len(faults) == 1 else "faults"
        raise InputError(f"{path.name} has {len(faults)} {noun}", tuple(faults))
    return _both_ways(raw, junctions, length, path.name)


def speed_kph(text: str) -> float:
    """The speed in a `maxspeed` tag: the lowest of several; not a number where it states none.

    >>> speed_kph("20 mph"), speed_kph("50"), speed_kph("['40 mph', '20 mph']")
    (32.18688, 50.0, 32.18688)
    """
    parts = [part.strip(" '\"[]") for part in text.replace(";", ",").split(",")]
    speeds = [s for s in map(_one_speed, parts) if np.isfinite(s) and s > 0]
    return min(speeds, default=float("nan"))


def _one_speed(text: str) -> float:
    number, _, unit = text.partition(" ")
    try:
        return float(number) * (KPH_PER_MPH if unit.strip() == "mph" else 1.0)
    except ValueError:
        return float("nan")


def read_raw(path: Path) -> RawStreets:
    """The streets of a GraphML or GeoJSON file as they stand there."""
    ending = "".join(path.suffixes[-2:]).lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    readers = {".graphml": read_graphml, ".geojson": read_geojson, ".json": read_geojson}
    reader = readers.get(ending.removesuffix(".gz"))
    if reader is None:
        raise InputError(f"{path.name}: streets are read from .graphml, .graphml.gz or .geojson. Give one.")
    try:
        with _open(path) as file:
            return reader(file, path.name)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read: {error}. Name a readable file.") from error


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as file:
        yield cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if path.suffix.lower() == ".gz" else file


def _in_metres(raw: RawStreets, crs: str, path: Path) -> Floats:
    try:
        move = Transformer.from_crs(raw.crs, crs, always_xy=True)
    except CRSError as error:
        raise InputError(
            f"{path.name} names the coordinate system {raw.crs!r}, which is not known."
        ) from error
    return np.column_stack(move.transform(raw.xy[:, 0], raw.xy[:, 1]))


def _lengths(raw: RawStreets, junctions: Floats) -> Floats:
    straight = np.hypot(*(junctions[raw.end] - junctions[raw.start]).T)
    return np.where(np.isfinite(raw.length_m), raw.length_m, straight)


def _both_ways(raw: RawStreets, junctions: Floats, length: Floats, source: str) -> StreetNetwork:
    """Each street in its own direction and in the other one, which a one-way street grants no vehicle."""
    speeds = np.array([speed_kph(text) for text in raw.speed], dtype=np.float64)
    back = ~raw.oneway
    return StreetNetwork(
        junctions=junctions,
        start=np.concatenate([raw.start, raw.end]),
        end=np.concatenate([raw.end, raw.start]),
        length_m=np.tile(length, 2),
        speed_kph=np.tile(speeds, 2),
        for_vehicles=np.concatenate([np.ones(len(back), dtype=bool), back]),
        source=source,
    )


def _lost(name: str, crs: str, path: Path) -> Fault:
    return Fault(f"{path.name}: node {name}", f"lies nowhere in {crs}", "correct its x and y")


def _short(length: Floats, path: Path) -> Sequence[Fault]:
    bad: Any = np.flatnonzero(~(np.isfinite(length) & (length >= 0)))
    return [
        Fault(f"{path.name}: edge {k + 1}", f"is {length[k]} m long", "give a length of 0 or more")
        for k in bad[:20].tolist()
    ]
