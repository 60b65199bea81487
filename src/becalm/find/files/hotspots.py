"""The list of hotspots as GeoJSON, GeoPackage and CSV."""

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from becalm.find.files.rules_file import rules_object
from becalm.methods.arrays import Floats, Objects, Shapes
from becalm.methods.grid import clip_squares
from becalm.methods.map_projection import WGS84, project_shapes
from becalm.render.spreadsheet import csv_text
from becalm.terms import BoxTrial, HarmBasis, Hotspot, HotspotList, RunRecord, UsageError, load_extra

DEGREE_DECIMALS = 7  # about a centimetre
LAYER = "hotspots"
FILE_ENDINGS = (".geojson", ".csv", ".gpkg")
CSV_COLUMNS = (
    *("rank", "place_id", "easting_m", "northing_m", "longitude", "latitude", "area_m2"),
    *("expected", "expected_low", "expected_high", "p_top", "rank_low", "rank_high", "tie_group", "borough"),
)
SHAPE_COLUMNS = ("kind", "length_m")  # of places that are no cells
HARM_COLUMNS = ("harm", "harm_low", "harm_high", "harm_rank", "count_rank", "harm_events")
GROUP_SHARES = ("incident_share", "harm_share", "doubt_share")
LIST_FACTS = ("first_month", "last_month", "incidents", "cell_m", "crs", "kind")
LAYER_COLUMNS = (
    *("rank", "place_id", "area_m2", "expected", "p_top", "rank_low", "rank_high", "tie_group", "borough"),
)


def write_hotspots(
    path: Path, hotspots: HotspotList, *, run: RunRecord | None, boundary: BaseGeometry | None = None
) -> None:
    """Write the list in the format that the file's ending names, wholly or not at all."""
    check_file_ending(path)
    if not path.parent.is_dir():
        raise UsageError(f"{path}: the folder {path.parent} does not exist. Make it first.")
    writer_by_ending: dict[str, Callable[[], bytes]] = {
        ".geojson": lambda: hotspots_geojson(hotspots, run=run, boundary=boundary).encode(),
        ".csv": lambda: hotspots_csv(hotspots).encode(),
        ".gpkg": lambda: hotspots_geopackage(hotspots, run=run, boundary=boundary),
    }
    file_bytes = writer_by_ending[path.suffix.lower()]()
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".becalm-") as staging_folder:
        complete_file = Path(staging_folder) / path.name
        complete_file.write_bytes(file_bytes)
        complete_file.replace(path)


def check_file_ending(path: Path) -> None:
    """Raise UsageError unless the file's ending names a format that hotspots can be written in."""
    if path.suffix.lower() not in FILE_ENDINGS:
        raise UsageError(
            f"{path}: hotspots are written as .geojson, .gpkg or .csv. Give the file one of these."
        )


def hotspots_geojson(
    hotspots: HotspotList, *, run: RunRecord | None, boundary: BaseGeometry | None = None
) -> str:
    """The list as a GeoJSON FeatureCollection in WGS84, the same bytes for the same list."""
    feature_collection = hotspots_object(hotspots, run=run, boundary=boundary)
    return json.dumps(feature_collection, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def hotspots_object(
    hotspots: HotspotList, *, run: RunRecord | None, boundary: BaseGeometry | None = None
) -> dict[str, Any]:
    """The list as the object of a GeoJSON FeatureCollection in WGS84."""
    outlines_in_degrees = shapely.orient_polygons(
        _to_degrees(hotspot_outlines(hotspots, boundary), hotspots.crs)
    )
    geojson_features = [
        {"type": "Feature", "properties": _properties(h), "geometry": json.loads(shapely.to_geojson(outline))}
        for h, outline in zip(hotspots.hotspots, outlines_in_degrees, strict=True)
    ]
    return {"type": "FeatureCollection", "run": list_object(run, hotspots), "features": geojson_features}


def hotspots_csv(hotspots: HotspotList) -> str:
    """The list as CSV; text that a spreadsheet would take for a formula is quoted with an apostrophe."""
    return csv_text(hotspot_columns(hotspots), (row.values() for row in hotspot_rows(hotspots)))


def hotspot_columns(hotspots: HotspotList) -> tuple[str, ...]:
    """The columns of the list as a table."""
    shape_columns = () if hotspots.kind == "cell" else SHAPE_COLUMNS
    return (
        *CSV_COLUMNS,
        *shape_columns,
        *(HARM_COLUMNS if hotspots.harm else ()),
        *(("name",) if any(h.name for h in hotspots.hotspots) else ()),
    )


def hotspot_rows(hotspots: HotspotList) -> Iterator[dict[str, Any]]:
    """One row per listed place, figures with as many decimals as they deserve."""
    column_names = hotspot_columns(hotspots)
    x, y = np.array([h.centre_m for h in hotspots.hotspots]).T
    longitude, latitude = Transformer.from_crs(hotspots.crs, WGS84, always_xy=True).transform(x, y)
    for i, h in enumerate(hotspots.hotspots):
        row_cells = (
            *(h.rank, h.place_id, f"{x[i]:.1f}", f"{y[i]:.1f}"),
            *(f"{longitude[i]:.7f}", f"{latitude[i]:.7f}", f"{h.area_m2:.1f}"),
            *(f"{e:.4f}" for e in (h.expected_count.value, h.expected_count.low, h.expected_count.high)),
            *(f"{h.p_top:.4f}", h.rank_low, h.rank_high, h.tie_group, h.borough or ""),
            *((h.kind, f"{h.shape.length_m:.1f}") if h.shape else ()),
            *_harm_cells(h),
            *((h.name,) if column_names[-1] == "name" else ()),
        )
        yield dict(zip(column_names, row_cells, strict=True))


def list_object(run: RunRecord | None, hotspots: HotspotList) -> dict[str, Any]:
    """What the list rests on: how it was made, of what, and how sure it is."""
    return {
        **({**asdict(run), "made_at": run.made_at.isoformat()} if run else {}),
        **{name: list(getattr(hotspots, name)) for name in ("target", "related")},
        "excluded": list(hotspots.excluded_groups),
        "source": hotspots.source,
        "as_of": hotspots.as_of.isoformat(),
        **{name: getattr(hotspots, name) for name in LIST_FACTS},
        "location_error_m": round(hotspots.location_error_m, 1),
        "places": hotspots.places,
        "area_m2": round(hotspots.area_m2, 1),
        **{name: getattr(hotspots, name) for name in ("denominator", "separation_m", "level")},
        "expected_unit": "incidents in 30 days",
        "half_life_months": hotspots.half_life_months if np.isfinite(hotspots.half_life_months) else None,
        **{name: _round(getattr(hotspots, name), 4) for name in ("burst", "drift")},
        "blend": {part.name: round(part.share, 4) for part in hotspots.blend},
        "mean_p_top": round(hotspots.mean_p_top, 4),
        "tied_below": hotspots.tied_below,
        "concentration": {name: _round(value, 5) for name, value in asdict(hotspots.concentration).items()},
        "warnings": list(hotspots.warnings),
        "finder": hotspots.finder,
        "rank": hotspots.rank,
        **({"harm": _harm_object(hotspots.harm)} if hotspots.harm else {}),
        **({"laying": _box_trial_object(hotspots.box_trial)} if hotspots.box_trial else {}),
        **({"rules": rules_object(hotspots.selection)} if hotspots.selection else {}),
    }


def _round(value: object, digits: int) -> object:
    return round(value, digits) if isinstance(value, float) else value


def _harm_object(basis: HarmBasis) -> dict[str, Any]:
    """On which weights and groups the harm of a list rests."""
    group_weights = basis.weights
    return {
        "unit": group_weights.harm_unit,
        "weights": group_weights.key,
        "version": group_weights.version,
        "index": group_weights.index,
        "edition": group_weights.edition,
        "meaning": group_weights.unit,
        "author": group_weights.author,
        "reviewed_on": group_weights.reviewed_on.isoformat(),
        "origin": group_weights.origin,
        "shared_with_other_rank": basis.shared,
        "events": round(basis.events, 2),
        "groups": [
            {
                "group": g.group,
                "weight": round(g.weight, 4),
                **{name: getattr(g, name) for name in ("evidence", "records")},
                **{
                    name: round(getattr(g, name), 5)
                    for name in ("incident_share", "harm_share", "doubt_share")
                },
                "scored": g.scored,
            }
            for g in basis.groups
        ],
    }


def _box_trial_object(trial: BoxTrial) -> dict[str, Any]:
    """What boxes placed earlier held, promised and then caught: shares of the target's incidents."""
    return {
        "side_m": trial.side_m,
        "count": trial.count,
        "laid_to": trial.laid_to,
        "first_month": trial.first_month,
        "last_month": trial.last_month,
        "held": round(trial.held_share, 5),
        "promised": round(trial.promised_share, 5),
        "later": round(trial.later_share.value, 5),
        "later_low": round(trial.later_share.low, 5),
        "later_high": round(trial.later_share.high, 5),
        "level": trial.later_share.level,
        "kept": round(trial.kept_share, 5),
    }


def _properties(h: Hotspot) -> dict[str, Any]:
    length_m = round(h.shape.length_m, 1) if h.shape else 0.0
    return {
        "rank": h.rank,
        "place_id": h.place_id,
        **({"name": h.name} if h.name else {}),
        **({"kind": h.kind} if h.shape else {}),
        **({"length_m": length_m} if length_m else {}),
        "area_m2": round(h.area_m2, 1),
        "expected": round(h.expected_count.value, 4),
        "p_top": round(h.p_top, 4),
        "rank_low": h.rank_low,
        "rank_high": h.rank_high,
        "tie_group": h.tie_group,
        "borough": h.borough,
        **_harm_properties(h),
        "profile": None if h.profile is None else [round(share, 6) for share in h.profile],
        "peak": _peak_object(h),
    }


def _peak_object(h: Hotspot) -> dict[str, Any] | None:
    """The busiest hours of the place's week, with how sure they are; None where no times are known."""
    if h.peak is None:
        return None
    peak_share = h.peak.share
    return {
        "start_hour_of_week": h.peak.start,
        "hours": h.peak.hours,
        "share": round(peak_share.value, 4),
        "share_low": round(peak_share.low, 4),
        "share_high": round(peak_share.high, 4),
        "sure": round(h.peak.sure, 4),
    }


def _harm_properties(h: Hotspot) -> dict[str, Any]:
    """A place's harm, its ranks and what each group adds; nothing where no harm is computed."""
    if h.harm is None:
        return {}
    part_objects = [
        {"group": p.group, "expected": round(p.incidents, 4), "harm": round(p.harm, 4)} for p in h.harm.parts
    ]
    return {**dict(zip(HARM_COLUMNS, _harm_cells(h), strict=True)), "harm_parts": part_objects}


def _harm_cells(h: Hotspot) -> tuple[Any, ...]:
    """The harm of a place under HARM_COLUMNS; nothing where no harm is computed."""
    if h.harm is None:
        return ()
    place_harm, e = h.harm, h.harm.expected_harm
    harm_values = (round(value, 4) for value in (e.value, e.low, e.high))
    return (*harm_values, place_harm.harm_rank, place_harm.count_rank, round(place_harm.events, 2))


def hotspot_outlines(hotspots: HotspotList, boundary: BaseGeometry | None) -> Shapes:
    """The outline of each listed place, cut to the boundary where there is one, in metres."""
    if hotspots.kind != "cell":
        outlines_wkt = [h.shape.outline for h in hotspots.hotspots if h.shape]
        return np.asarray(shapely.from_wkt(outlines_wkt), dtype=object)
    cell_columns = np.array([h.column for h in hotspots.hotspots], dtype=np.int64)
    cell_rows = np.array([h.row for h in hotspots.hotspots], dtype=np.int64)
    return clip_squares(boundary, cell_columns, cell_rows, hotspots.cell_m)


def _to_degrees(outlines: Shapes, crs: str) -> Shapes:
    outlines_in_degrees = project_shapes(outlines, crs, WGS84)
    return np.asarray(
        shapely.transform(outlines_in_degrees, lambda xy: np.round(xy, DEGREE_DECIMALS)), dtype=object
    )


def hotspots_geopackage(
    hotspots: HotspotList, *, run: RunRecord | None, boundary: BaseGeometry | None = None
) -> bytes:
    """The list as a GeoPackage with one layer, in the metres of the list."""
    pyogrio = load_extra("pyogrio", "geo", "A GeoPackage", "write GeoJSON")
    made_at_text = run.made_at.strftime("%Y-%m-%dT%H:%M:%SZ") if run else "2000-01-01T00:00:00Z"
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": made_at_text})  # else the clock gets into the bytes
    try:
        with tempfile.TemporaryDirectory() as folder:
            geopackage_path = Path(folder) / "hotspots.gpkg"
            columns = _layer_columns(hotspots)
            outlines = hotspot_outlines(hotspots, boundary)
            pyogrio.raw.write(
                geopackage_path,
                shapely.to_wkb(outlines),
                list(columns.values()),
                list(columns),
                layer=LAYER,
                driver="GPKG",
                crs=hotspots.crs,
                geometry_type="MultiLineString" if hotspots.kind == "segment" else "MultiPolygon",
                promote_to_multi=True,
                layer_metadata={"run": json.dumps(list_object(run, hotspots), ensure_ascii=False)},
            )
            return geopackage_path.read_bytes()
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def _layer_columns(hotspots: HotspotList) -> dict[str, Objects | Floats]:
    """The attributes of the places in a GeoPackage by name; None where a place has none."""
    property_rows = [_properties(h) for h in hotspots.hotspots]
    harm_columns = HARM_COLUMNS if hotspots.harm else ()
    values_by_column: dict[str, list[Any]] = {
        name: [p[name] for p in property_rows] for name in LAYER_COLUMNS
    }
    if hotspots.kind != "cell":
        values_by_column["kind"] = [h.kind for h in hotspots.hotspots]
    if hotspots.kind == "segment":
        values_by_column["length_m"] = [p.get("length_m", 0.0) for p in property_rows]
    values_by_column |= {name: [p[name] for p in property_rows] for name in harm_columns}
    values_by_column["expected_low"] = [round(h.expected_count.low, 4) for h in hotspots.hotspots]
    values_by_column["expected_high"] = [round(h.expected_count.high, 4) for h in hotspots.hotspots]
    values_by_column["profile"] = [
        None if p["profile"] is None else json.dumps(p["profile"]) for p in property_rows
    ]
    array_by_column = {name: np.array(values) for name, values in values_by_column.items()}
    return {name: a.astype(object) if a.dtype.kind == "U" else a for name, a in array_by_column.items()}
