"""Streets as lines in GeoJSON: they join where they share a point."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from typing import IO, Any

from becalm.terms import Fault, InputError
from becalm.workspace.streets_graphml import WGS84, Collected, RawStreets

DECIMALS = 7  # of a degree: points nearer than a centimetre are one
LINES = {"LineString": lambda c: [c], "MultiLineString": list}


def read_geojson(file: IO[bytes], name: str) -> RawStreets:
    """The streets of a GeoJSON FeatureCollection in WGS84: every point of a line may join another line.

    Lengths are measured, not read, for a line is cut at each of its points.
    """
    try:
        whole = json.loads(file.read().decode("utf-8"))
    except ValueError as error:
        raise InputError(f"{name} is not JSON: {error}. Give GeoJSON.") from error
    features = whole.get("features") if isinstance(whole, dict) else None
    if not isinstance(features, list):
        raise InputError(f"{name} is not a GeoJSON FeatureCollection. Give lines in WGS84.")
    made = Collected()
    for at, feature in enumerate(features, start=1):
        _feature(feature, f"{name}: feature {at}", made)
    return made.raw(WGS84, name)


def _feature(feature: Any, where: str, made: Collected) -> None:
    try:
        shape = feature["geometry"]
        lines = LINES[shape["type"]](shape["coordinates"])
        points = [[_point(xy, made) for xy in line] for line in lines]
    except (KeyError, TypeError, ValueError, IndexError):
        made.faults.append(Fault(where, "is no line", "give a LineString or MultiLineString in WGS84"))
        return
    facts = _texts(feature.get("properties") or {})
    for line in points:
        for a, b in pairwise(line):
            made.street(a, b, facts)


def _point(xy: Any, made: Collected) -> str:
    x, y = round(float(xy[0]), DECIMALS), round(float(xy[1]), DECIMALS)
    name = f"{x},{y}"
    if name not in made.at:
        made.at[name] = len(made.at)
        made.xy.append((x, y))
    return name


def _texts(facts: Mapping[str, Any]) -> dict[str, str]:
    return {k: str(v) for k, v in facts.items() if v is not None and k not in ("length", "length_m")}
