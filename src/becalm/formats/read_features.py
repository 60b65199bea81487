"""Records that carry their place as a geometry, and records as JSON: both become rows of plain columns.

GeoJSON, GeoPackage and zipped shapefiles, points as WKB or WKT in a column, JSON lists (as the interface of
data.police.uk gives them) and JSON lines. A point becomes two columns, `…_x` and `…_y`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from becalm.formats.sheet import Sheet, file_refusal
from becalm.formats.text_file import open_bytes
from becalm.terms import load_extra

JSON_SUFFIXES = (".json", ".jsonl", ".ndjson", ".geojson", ".geojsonl")
LAYER_SUFFIXES = (".gpkg", ".shp")
GEOMETRY = "geometry"
ROWS_TRIED = 50
POINT_TEXT = r"^\s*(SRID=\d+;)?\s*POINT\s*(Z|M|ZM)?\s*\("


def read_json(path: Path, file_name: str) -> Sheet:
    """A list of objects, one object to a line, or GeoJSON features; nested objects become `outer.inner`."""
    remedy = "give a list of objects, one object to a line, or GeoJSON"
    try:
        with open_bytes(path) as byte_stream:
            json_text = byte_stream.read().decode("utf-8-sig")
        try:
            json_records = json.loads(json_text)
        except json.JSONDecodeError:
            json_records = [json.loads(line) for line in json_text.splitlines() if line.strip()]
    except (ValueError, OSError, EOFError) as error:
        raise file_refusal(file_name, f"is not JSON ({error})", remedy) from error
    if isinstance(json_records, dict):
        record_lists = [value for value in json_records.values() if isinstance(value, list) and value]
        json_records = json_records.get("features") or (
            record_lists[0] if len(record_lists) == 1 else [json_records]
        )
    if (
        not isinstance(json_records, list)
        or not json_records
        or not all(isinstance(record, dict) for record in json_records)
    ):
        raise file_refusal(file_name, "holds no list of records", remedy)
    is_feature = [record.get("type") == "Feature" and "geometry" in record for record in json_records]
    geometries = None
    if all(is_feature):
        geometries = [record["geometry"] and json.dumps(record["geometry"]) for record in json_records]
        json_records = [record.get("properties") or {} for record in json_records]
    record_frame = pd.json_normalize(json_records)
    record_table = pa.table({str(name): _plain_array(record_frame[name]) for name in record_frame.columns})
    heads, lines = tuple(record_table.column_names), np.arange(1, len(json_records) + 1)
    if geometries is None and not heads:
        raise file_refusal(file_name, "holds records without a single entry", remedy)
    if geometries is None:
        return spread_points(Sheet(file_name, record_table, lambda: lines))
    geometry_shapes = shapely.from_geojson(np.array(geometries, dtype=object), on_invalid="ignore")
    record_table = _append_points(record_table, GEOMETRY, geometry_shapes)
    return Sheet(file_name, record_table, lambda: lines, crs="EPSG:4326", file_columns=(*heads, GEOMETRY))


def read_layer(path: Path, file_name: str, layer: str | None) -> Sheet:
    """The points of a GeoPackage or a shapefile, with their attributes."""
    pyogrio = load_extra("pyogrio", "geo", f"Reading {file_name}", "give it as GeoJSON or csv")
    try:
        layer_source = f"/vsizip/{path}" if path.suffix.lower() == ".zip" else str(path)
        layer_names = [str(name) for name, kind in pyogrio.list_layers(layer_source)]
        if layer is not None and layer not in layer_names:
            problem_text = f"has no layer {layer!r}; it has {', '.join(layer_names)}"
            raise file_refusal(file_name, problem_text, "correct sheet in the mapping")
        facts, table = pyogrio.read_arrow(layer_source, layer=layer or layer_names[0])
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, IndexError) as error:
        raise file_refusal(file_name, f"cannot be read ({error})", "export it again, or as csv") from error
    geometry_name, lines = facts["geometry_name"] or "wkb_geometry", np.arange(1, table.num_rows + 1)
    if geometry_name in table.column_names:
        geometry_shapes = shapely.from_wkb(table[geometry_name].to_numpy())
        table = _append_points(table.drop_columns([geometry_name]), GEOMETRY, geometry_shapes)
    column_heads = (*(str(field) for field in facts["fields"]), GEOMETRY)
    other_layers = ", ".join(name for name in layer_names if name != (layer or layer_names[0]))
    layer_notes = (f"other layers were not read: {other_layers}",) if other_layers else ()
    return keep_plain_columns(
        Sheet(file_name, table, lambda: lines, (), layer_notes, facts["crs"], column_heads)
    )


def keep_plain_columns(sheet: Sheet) -> Sheet:
    """Columns of texts, numbers and times, points spread over two; any other kind is passed over and said."""
    plain_columns, passed_over = {}, []
    for name in sheet.columns:
        column_cells = sheet.data[name]
        if _is_binary(column_cells.type) and _are_points(_from_wkb(column_cells.slice(0, ROWS_TRIED))):
            for axis, coordinates in zip("xy", _coordinates(_from_wkb(column_cells)), strict=True):
                plain_columns[f"{name}_{axis}"] = coordinates
        elif (plain_type := _plain_type(column_cells.type)) is None:
            passed_over.append(f"{name} ({str(column_cells.type)[:40]})")
        else:
            plain_columns[name] = (
                column_cells if plain_type == column_cells.type else column_cells.cast(plain_type)
            )
    all_notes = (*sheet.notes, *((f"columns passed over: {', '.join(passed_over)}",) if passed_over else ()))
    return spread_points(
        replace(sheet, data=pa.table(plain_columns), notes=all_notes, file_columns=sheet.heads)
    )


def spread_points(sheet: Sheet) -> Sheet:
    """Texts such as "POINT (-0.1 51.5)" beside their x and y."""
    point_table = sheet.data
    for name in sheet.columns:
        first_texts = point_table[name].slice(0, ROWS_TRIED)
        if not pa.types.is_string(first_texts.type) or first_texts.null_count == len(first_texts):
            continue
        if pc.all(pc.match_substring_regex(first_texts, POINT_TEXT, ignore_case=True)).as_py():
            plain_texts = pc.replace_substring_regex(point_table[name], r"^\s*SRID=\d+;", "")
            point_shapes = shapely.from_wkt(plain_texts.to_numpy(zero_copy_only=False), on_invalid="ignore")
            point_table = _append_points(point_table, name, point_shapes)
    return sheet if point_table is sheet.data else replace(sheet, data=point_table, file_columns=sheet.heads)


def _plain_array(cells: pd.Series[Any]) -> pa.Array:
    """A column of JSON values: numbers and truths keep their type, lists and what is mixed become text."""
    plain_values = [
        None if value is None or value != value else value for value in cells.tolist()
    ]  # NaN is not itself
    value_types = {type(value) for value in plain_values if value is not None}
    if value_types in ({int}, {float}, {int, float}, {bool}):
        return pa.array(plain_values, pa.float64() if float in value_types else None)
    cell_texts = [
        v if v is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in plain_values
    ]
    return pa.array([None if text is None or not text.strip() else text for text in cell_texts], pa.string())


def _plain_type(kind: pa.DataType) -> pa.DataType | None:
    """The type in which a column is read; None where it holds no texts, numbers or times."""
    if pa.types.is_dictionary(kind):
        inner_type = _plain_type(kind.value_type)
        return kind if inner_type == kind.value_type else inner_type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    if is_text or pa.types.is_null(kind) or pa.types.is_time(kind):
        return pa.string()
    if pa.types.is_decimal(kind) or pa.types.is_float16(kind):
        return pa.float64()
    is_kept = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return kind if is_kept or pa.types.is_timestamp(kind) or pa.types.is_date(kind) else None


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind))


def _from_wkb(cells: pa.ChunkedArray) -> Any:
    return shapely.from_wkb(cells.to_numpy(), on_invalid="ignore")


def _are_points(shapes: Any) -> bool:
    """Are these points, apart from places that are absent?"""
    is_point, is_absent = shapely.get_type_id(shapes) == 0, shapely.is_missing(shapes)
    return bool(np.any(is_point) and np.all(is_point | is_absent))


def _append_points(table: pa.Table, name: str, shapes: Any) -> pa.Table:
    array_by_column = dict(zip(table.column_names, table.columns, strict=True))
    array_by_column |= dict(zip((f"{name}_x", f"{name}_y"), _coordinates(shapes), strict=True))
    return pa.table(array_by_column)  # a table without columns would have no rows


def _coordinates(shapes: Any) -> tuple[pa.Array, pa.Array]:
    """The x and y of points; any other shape gives none."""
    is_point = shapely.get_type_id(shapes) == 0
    shapes = np.where(is_point, shapes, None)
    x, y = shapely.get_x(shapes), shapely.get_y(shapes)
    return pa.array(x, from_pandas=True), pa.array(y, from_pandas=True)
