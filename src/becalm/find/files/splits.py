"""The splits of places that a workspace keeps: splits.geojson, which any GIS can show."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

import numpy as np
import shapely
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from becalm.find.core.place_splits import REST_PART, Split
from becalm.methods.map_projection import WGS84, project_shapes
from becalm.terms import Fault, InputError, WorkspaceError
from becalm.workspace.config import Workspace
from becalm.workspace.layers import read_layers

FILE = "splits.geojson"
FORMAT = "becalm splits 1"
DECIMALS = 9  # of a degree: a tenth of a millimetre
LINES, AREAS = ("LineString",), ("Polygon", "MultiPolygon")
PART_NAME = r"^[A-Za-z0-9][A-Za-z0-9 _-]{0,39}$"


class SplitEntry(BaseModel):
    """The properties of one feature: a line that splits a place, or one drawn part of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    place: str = Field(min_length=1)
    kind: Literal["line", "part"]
    part: str | None = Field(default=None, pattern=PART_NAME)
    by: str = Field(min_length=1)
    on: date
    reason: str = Field(min_length=3)


def splits_path(workspace: Workspace) -> Path:
    """Where the workspace keeps its splits; there is no file before the first."""
    return workspace.path / FILE


def load_splits(workspace: Workspace) -> tuple[Split, ...]:
    """The splits that the workspace keeps, in the order in which they were made, in its metres.

    Raises WorkspaceError with every fault of the file.
    """
    splits_file = splits_path(workspace)
    if not splits_file.is_file():
        return ()
    try:
        splits_object = json.loads(splits_file.read_text("utf-8"))
        feature_list, file_format = splits_object["features"], splits_object.get("format")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WorkspaceError(
            f"{splits_file} cannot be read as GeoJSON ({error}). Fix it, or put back a copy."
        ) from error
    if file_format != FORMAT:
        raise WorkspaceError(
            f"{splits_file} says its format is {file_format!r}, not {FORMAT!r}. It was written by another "
            "becalm."
        )
    return _build_splits(feature_list, splits_file, workspace.city.crs)


def save_splits(workspace: Workspace, splits: Sequence[Split]) -> None:
    """Write all splits in one step; no file is left where there are none."""
    splits_file = splits_path(workspace)
    if not splits:
        splits_file.unlink(missing_ok=True)
        return
    new_file = splits_file.with_name(f".{FILE}.new")
    new_file.write_text(splits_text(splits, workspace.city.crs), "utf-8")
    new_file.replace(splits_file)


def splits_text(splits: Sequence[Split], crs: str) -> str:
    """The splits as GeoJSON in WGS84, one feature a line."""
    feature_lines = [
        json.dumps(f, ensure_ascii=False) for split in splits for f in _split_features(split, crs)
    ]
    feature_text = ",\n".join(feature_lines)
    return f'{{"type": "FeatureCollection", "format": "{FORMAT}", "features": [\n{feature_text}\n]}}\n'


def read_drawn_parts(
    path: Path, *, crs: str, name_column: str | None, file_crs: str | None
) -> tuple[tuple[str, BaseGeometry], ...]:
    """The areas that somebody drew, each with the name of its part (else 1, 2 …), in metres.

    Raises InputError with every area that cannot be used.
    """
    (area_layer, *other_layers) = read_layers(path, file_crs, crs_field="places_crs")
    if other_layers:
        raise InputError(f"{path.name} holds {1 + len(other_layers)} layers of areas. Give a file with one.")
    if name_column is not None and name_column not in area_layer.table.columns:
        raise InputError(
            f"{path.name} has no column {name_column!r}. Leave `part_column` out, or name another."
        )
    drawn_areas = list(area_layer.project(crs))
    part_names = list(area_layer.table[name_column]) if name_column else range(1, len(drawn_areas) + 1)
    return _check_parts(path.name, [str(part_name).strip() for part_name in part_names], drawn_areas)


def read_line(path: Path, *, crs: str) -> BaseGeometry:
    """The one line of this GeoJSON, in metres.

    Raises InputError where the file does not hold one line.
    """
    try:
        drawn_shape = shapely.from_geojson(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, shapely.errors.GEOSException) as error:
        raise InputError(
            f"{path} cannot be read as GeoJSON ({error}). Draw one line and save it as GeoJSON."
        ) from error
    shape_parts = [p for p in shapely.get_parts(shapely.get_parts(drawn_shape)) if not p.is_empty]
    if len(shape_parts) != 1 or shape_parts[0].geom_type not in LINES:
        kind_list = ", ".join(sorted({p.geom_type for p in shape_parts})) or "nothing"
        raise InputError(
            f"{path} holds {len(shape_parts)} shapes ({kind_list}), not one line. Draw one line across the "
            "place."
        )
    line: BaseGeometry = project_shapes(shape_parts, WGS84, crs)[0]
    if not np.isfinite(shapely.get_coordinates(line)).all():
        raise InputError(f"{path} lies outside {crs}. Save it in WGS84, as GeoJSON is.")
    return line


def _check_parts(
    file_name: str, names: Sequence[str], shapes: Sequence[BaseGeometry | None]
) -> tuple[tuple[str, BaseGeometry], ...]:
    faults, parts = [], []
    for number, (name, shape) in enumerate(zip(names, shapes, strict=True), start=1):
        place_text = f"{file_name}, area {number} ({name})"
        area_fault = _shape_fault(shape, AREAS, place_text)
        if names.index(name) != number - 1:
            area_fault = Fault(place_text, "has the name of another part", "give each part a name of its own")
        if not re.fullmatch(PART_NAME, name) or name == REST_PART:
            area_fault = Fault(
                place_text,
                "has no name of letters, digits, spaces, - and _",
                f"give it one, not {REST_PART!r}",
            )
        if area_fault is not None or shape is None:
            faults += [area_fault] if area_fault else []
        else:
            parts.append((name, shape))
    if faults:
        raise InputError(f"{file_name}: {len(faults)} parts cannot be used", tuple(faults))
    return tuple(parts)


def _build_splits(features: Sequence[Any], path: Path, crs: str) -> tuple[Split, ...]:
    faults: list[Fault] = []
    features_by_place: dict[str, list[tuple[SplitEntry, BaseGeometry]]] = {}
    for number, feature in enumerate(features, start=1):
        entry_and_shape = _read_feature(feature, f"feature {number}", faults)
        if entry_and_shape is not None:
            features_by_place.setdefault(entry_and_shape[0].place, []).append(entry_and_shape)
    splits = [
        _build_split(place_id, features, crs, faults) for place_id, features in features_by_place.items()
    ]
    if faults:
        fault_noun = "fault" if len(faults) == 1 else "faults"
        raise WorkspaceError(
            f"{path} has {len(faults)} {fault_noun}, and no split was honoured", tuple(faults)
        )
    return tuple(split for split in splits if split is not None)


def _read_feature(feature: Any, where: str, faults: list[Fault]) -> tuple[SplitEntry, BaseGeometry] | None:
    if not isinstance(feature, Mapping):
        faults.append(Fault(where, "is no feature", "remove it"))
        return None
    fault_count = len(faults)
    try:
        split_entry = SplitEntry.model_validate_json(json.dumps(feature.get("properties") or {}))
    except ValidationError as error:
        faults.extend(
            Fault(f"{where}, {'.'.join(map(str, e['loc'])) or 'properties'}", e["msg"], "correct this entry")
            for e in error.errors()
        )
        split_entry = None
    try:
        feature_shape = shapely.from_geojson(json.dumps(feature.get("geometry")))
    except shapely.errors.GEOSException:
        feature_shape = None
    if split_entry is not None:
        shape_fault = _shape_fault(
            feature_shape, LINES if split_entry.kind == "line" else AREAS, f"{where} ({split_entry.place})"
        )
        faults.extend([shape_fault] if shape_fault else [])
        if (split_entry.kind == "part") != (split_entry.part is not None) or split_entry.part == REST_PART:
            faults.append(
                Fault(where, f"a part has a name (not {REST_PART!r}), a line none", "correct `part`")
            )
    return (
        (split_entry, feature_shape)
        if len(faults) == fault_count and split_entry is not None and feature_shape is not None
        else None
    )


def _build_split(
    place_id: str, features: Sequence[tuple[SplitEntry, BaseGeometry]], crs: str, faults: list[Fault]
) -> Split | None:
    split_entries = [entry for entry, _ in features]
    first_entry = split_entries[0]
    part_names = [entry.part for entry in split_entries]
    if any(e.kind != first_entry.kind for e in split_entries) or (
        first_entry.kind == "line" and len(features) > 1
    ):
        faults.append(Fault(place_id, "is split twice", "keep one line, or the drawn parts"))
    elif len(set(part_names)) < len(part_names):
        faults.append(Fault(place_id, "has two parts of one name", "give each part a name of its own"))
    elif len({(e.by, e.on, e.reason) for e in split_entries}) > 1:
        faults.append(Fault(place_id, "its parts differ in by, on or reason", "let them agree"))
    else:
        split_shapes = project_shapes([shape for _, shape in features], WGS84, crs)
        if first_entry.kind == "line":
            return Split(place_id, first_entry.by, first_entry.on, first_entry.reason, line=split_shapes[0])
        named_parts = tuple((str(name), shape) for name, shape in zip(part_names, split_shapes, strict=True))
        return Split(place_id, first_entry.by, first_entry.on, first_entry.reason, parts=named_parts)
    return None


def _shape_fault(shape: BaseGeometry | None, kinds: Sequence[str], where: str) -> Fault | None:
    if shape is None or shape.is_empty:
        return Fault(where, "has no shape", "draw it, or remove it")
    if shape.geom_type not in kinds:
        return Fault(where, f"is a {shape.geom_type}, not a {kinds[0]}", "draw it again")
    if not np.isfinite(shapely.get_coordinates(shape)).all():
        return Fault(where, "has coordinates that are no numbers", "draw it again")
    if not shape.is_valid:
        return Fault(where, f"is not sound ({shapely.is_valid_reason(shape)})", "correct it in your GIS")
    return None


def _split_features(split: Split, crs: str) -> Iterator[dict[str, Any]]:
    shared_facts = {"by": split.by, "on": split.on.isoformat(), "reason": split.reason}
    if split.line is not None:
        yield _build_feature({"place": split.place_id, "kind": "line", **shared_facts}, split.line, crs)
    for name, shape in split.parts:
        yield _build_feature(
            {"place": split.place_id, "kind": "part", "part": name, **shared_facts}, shape, crs
        )


def _build_feature(properties: dict[str, Any], shape: BaseGeometry, crs: str) -> dict[str, Any]:
    (shape_in_degrees,) = project_shapes([shape], crs, WGS84)
    rounded_shape = shapely.transform(shape_in_degrees, lambda xy: np.round(xy, DECIMALS))
    return {"type": "Feature", "properties": properties, "geometry": mapping(rounded_shape)}
