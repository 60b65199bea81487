"""Hotspots from the GeoJSON that `becalm find hotspots` writes, or a force's own in the same shape."""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer
from shapely.errors import ShapelyError
from shapely.geometry.base import BaseGeometry

from becalm.formats.csv_rows import check_faultless
from becalm.patrol.core.dose_places import ListedPlace, cell_radius_m
from becalm.tables.months_on_record import last_day_of
from becalm.terms import HOURS_OF_WEEK, Fault, InputError
from becalm.workspace.place_names import clean_name


def read_hotspots(path: Path, *, crs: str) -> tuple[ListedPlace, ...]:
    """The hotspots in this file, in metres of `crs`.

    A feature needs a geometry (a point or an outline) and a name in `place_id` (or `hotspot`). It may bring
    `rank`, `expected` (or `harm`), `p_top`, `borough`, `profile` (168 shares), `radius_m` and `name`.
    Without a rank, places rank by harm.

    Raises InputError with everything that is wrong with the file.
    """
    features = _features(path)
    faults = [
        fault
        for position, feature in enumerate(features)
        for fault in _find_faults(feature, f"{path.name}: feature {position + 1}")
    ]
    feature_names = [_name(feature) for feature in features]
    repeated_names = sorted({n for n in feature_names if n and feature_names.count(n) > 1})
    faults += [
        Fault(f"{path.name}: {n}", "is listed more than once", "list each place once") for n in repeated_names
    ]
    if not features:
        faults.append(Fault(path.name, "lists no hotspot", "make a list with `becalm find hotspots`"))
    check_faultless(path.name, faults, most=None)
    harm_of_feature = [_harm_of(feature) for feature in features]
    harm_order = sorted(range(len(features)), key=lambda i: (-harm_of_feature[i], feature_names[i]))
    rank_by_feature = {i: n + 1 for n, i in enumerate(harm_order)}
    to_metres = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    return tuple(_build_place(feature, rank_by_feature[i], to_metres) for i, feature in enumerate(features))


def read_record_end(path: Path) -> tuple[str, date | None]:
    """Whose records was the list in this file made of, and which day is the last that they cover?

    ("", None) where the file does not say: a force's own list, drawn by hand.
    """
    list_facts = json.loads(path.read_text("utf-8")).get("run")
    try:
        last_day = min(last_day_of(list_facts["last_month"]), date.fromisoformat(list_facts["as_of"]))
        return str(list_facts["source"]), last_day
    except (KeyError, TypeError, ValueError):
        return "", None


def read_outlines(path: Path, *, crs: str) -> dict[str, BaseGeometry]:
    """The outline of each hotspot in this file that has one (a point has none), in metres of `crs`."""
    read_hotspots(path, crs=crs)  # all its faults at once
    to_metres = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    shape_by_hotspot = {
        _name(feature): _project(_shape(feature) or shapely.Point(), to_metres) for feature in _features(path)
    }
    return {name: shape for name, shape in shape_by_hotspot.items() if shape.area > 0}


def _project(shape: BaseGeometry, to_metres: Transformer) -> BaseGeometry:
    return shapely.transform(shape, lambda xy: np.column_stack(to_metres.transform(xy[:, 0], xy[:, 1])))


def _features(path: Path) -> list[Mapping[str, Any]]:
    try:
        geojson = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}. Name a readable GeoJSON file.") from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}. Give GeoJSON.") from error
    if not isinstance(geojson, dict) or not isinstance(geojson.get("features"), list):
        raise InputError(f"{path} is not a GeoJSON FeatureCollection. Give one, in WGS84.")
    return [feature if isinstance(feature, dict) else {} for feature in geojson["features"]]


def _find_faults(feature: Mapping[str, Any], where: str) -> Iterator[Fault]:
    properties = _facts(feature)
    if not _name(feature):
        yield Fault(where, "has no name", "give it a place_id")
    if _shape(feature) is None:
        yield Fault(where, "has no usable geometry", "give a Point or an outline in WGS84")
    week_profile = properties.get("profile")
    if week_profile is not None and not _is_week(week_profile):
        yield Fault(where, "has a profile that is not a week", f"give {HOURS_OF_WEEK} shares that sum to 1")
    for fact_name in ("rank", "expected", "harm", "p_top", "radius_m"):
        fact_value = properties.get(fact_name)
        if fact_value is not None and not _is_amount(fact_value):
            yield Fault(where, f"{fact_name} is {fact_value!r:.40}", "give a number of 0 or more")


def _is_week(profile: Any) -> bool:
    is_profile = isinstance(profile, list) and len(profile) == HOURS_OF_WEEK and all(map(_is_amount, profile))
    return is_profile and math.isclose(sum(profile), 1.0, abs_tol=0.01)


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


def _facts(feature: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = feature.get("properties")
    return properties if isinstance(properties, dict) else {}


def _name(feature: Mapping[str, Any]) -> str:
    properties = _facts(feature)
    return str(properties.get("place_id") or properties.get("hotspot") or "")


def _harm_of(feature: Mapping[str, Any]) -> float:
    properties = _facts(feature)
    return float(properties.get("harm") or properties.get("expected") or 0.0)


def _shape(feature: Mapping[str, Any]) -> BaseGeometry | None:
    try:
        feature_shape = shapely.from_geojson(json.dumps(feature.get("geometry")))
    except (ShapelyError, ValueError):
        return None
    if (
        feature_shape is None
        or feature_shape.is_empty
        or not np.isfinite(shapely.get_coordinates(feature_shape)).all()
    ):
        return None
    return feature_shape


def _build_place(feature: Mapping[str, Any], harm_rank: int, to_metres: Transformer) -> ListedPlace:
    facts, shape = _facts(feature), _shape(feature) or shapely.Point()
    outline_in_metres = _project(shape, to_metres)
    centroid = outline_in_metres.centroid
    area_m2 = float(facts.get("area_m2") or outline_in_metres.area)
    radius_m = float(facts.get("radius_m") or cell_radius_m(math.sqrt(area_m2)) or 75.0)
    week_profile = facts.get("profile")
    return ListedPlace(
        hotspot=_name(feature),
        rank=int(facts.get("rank") or harm_rank),
        easting_m=round(float(centroid.x), 1),
        northing_m=round(float(centroid.y), 1),
        radius_m=radius_m,
        harm=_harm_of(feature),
        p_top=float(facts.get("p_top", 1.0)),
        borough=str(facts.get("borough") or ""),
        profile=tuple(p / sum(week_profile) for p in week_profile) if week_profile else None,
        name=clean_name(str(facts.get("name") or "")),
    )
