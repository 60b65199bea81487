"""The list of hotspots as GeoJSON, GeoPackage and CSV."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyogrio
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from becalm.find.files.harm_columns import HARM_COLUMNS, harm_cells, harm_object, harm_properties
from becalm.find.files.placement import laying_object
from becalm.find.files.rules_in_words import rules_object
from becalm.methods.arrays import Floats
from becalm.methods.grid import clipped_squares
from becalm.render.spreadsheet import harmless
from becalm.terms import Hotspot, HotspotList, RunRecord, UsageError

WGS84 = "EPSG:4326"
DEGREE_DECIMALS = 7  # about a centimetre
LAYER = "hotspots"
CSV_COLUMNS = (
    "rank",
    "place_id",
    "easting_m",
    "northing_m",
    "longitude",
    "latitude",
    "area_m2",
    "expected",
    "expected_low",
    "expected_high",
    "p_top",
    "rank_low",
    "rank_high",
    "tie_group",
    "borough",
)
SHAPE_COLUMNS = ("kind", "length_m")  # of places that are no cells


def write_hotspots(
    path: Path, found: HotspotList, *, run: RunRecord | None, boundary: BaseGeometry | None = None
) -> None:
    """Write the list in the format that the file's ending names, wholly or not at all."""
    writers: dict[str, Callable[[Path], None]] = {
        ".geojson": lambda to: _write_text(to, hotspots_geojson(found, run=run, boundary=boundary)),
        ".csv": lambda to: _write_text(to, hotspots_csv(found)),
        ".gpkg": lambda to: _write_geopackage(to, found, run, boundary),
    }
    require_known_ending(path)
    if not path.parent.is_dir():
        raise UsageError(f"{path}: the folder {path.parent} does not exist. Make it first.")
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".becalm-") as folder:
        made = Path(folder) / path.name
        writers[path.suffix.lower()](made)
        made.replace(path)


def require_known_ending(path: Path) -> None:
    """Raise UsageError unless the file's ending names a format that hotspots can be written in."""
    if path.suffix.lower() not in (".geojson", ".csv", ".gpkg"):
        raise UsageError(
            f"{path}: hotspots are written as .geojson, .gpkg or .csv. Give the file one of these."
        )


def hotspots_geojson(
    found: HotspotList, *, run: RunRecord | None, boundary: BaseGeometry | None = None
) -> str:
    """The list as a GeoJSON FeatureCollection in WGS84, the same bytes for the same list."""
    outlines = shapely.orient_polygons(_in_degrees(outlines_of(found, boundary), found.crs))
    features = [
        {"type": "Feature", "properties": _properties(h), "geometry": _geometry(outline)}
        for h, outline in zip(found.hotspots, outlines, strict=True)
    ]
    collection = {"type": "FeatureCollection", "run": run_object(run, found), "features": features}
    return json.dumps(collection, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def hotspots_csv(found: HotspotList) -> str:
    """The list as CSV; text that a spreadsheet would take for a formula is quoted with an apostrophe."""
    x, y = np.array([h.centre_m for h in found.hotspots]).T
    shaped = found.kind != "cell"
    longitude, latitude = _to_degrees(found.crs).transform(x, y)
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    harm = HARM_COLUMNS if found.harm else ()
    rows.writerow((*CSV_COLUMNS, *(SHAPE_COLUMNS if shaped else ()), *harm))
    for i, h in enumerate(found.hotspots):
        place = (
            f"{x[i]:.1f}",
            f"{y[i]:.1f}",
            f"{longitude[i]:.7f}",
            f"{latitude[i]:.7f}",
            f"{h.area_m2:.1f}",
        )
        expected = (f"{e:.4f}" for e in (h.expected.value, h.expected.low, h.expected.high))
        ranks = (f"{h.p_top:.4f}", h.rank_low, h.rank_high, h.tie_group)
        shape = (h.kind, f"{h.shape.length_m:.1f}") if h.shape else ()
        rows.writerow(
            [
                h.rank,
                harmless(h.place_id),
                *place,
                *expected,
                *ranks,
                harmless(h.borough or ""),
                *shape,
                *harm_cells(h),
            ]
        )
    return out.getvalue()


def run_object(run: RunRecord | None, found: HotspotList) -> dict[str, Any]:
    """What the list rests on: how it was made, of what, and how sure it is."""
    record: dict[str, Any] = {} if run is None else asdict(run)
    if run is not None:
        record["made_at"] = run.made_at.isoformat()
        record["as_of"] = run.as_of.isoformat() if run.as_of else None
    return {
        **record,
        "target": list(found.target),
        "related": list(found.related),
        "excluded": list(found.excluded),
        "source": found.source,
        "as_of": found.as_of.isoformat(),
        "first_month": found.first_month,
        "last_month": found.last_month,
        "incidents": found.incidents,
        "cell_m": found.cell_m,
        "crs": found.crs,
        "kind": found.kind,
        "location_error_m": round(found.location_error_m, 1),
        "places": found.places,
        "area_m2": round(found.area_m2, 1),
        "denominator": found.denominator,
        "separation_m": found.separation_m,
        "level": found.level,
        "draws": found.draws,
        "expected_unit": "incidents in 30 days",
        "half_life_months": found.half_life_months if np.isfinite(found.half_life_months) else None,
        "burst": None if found.burst is None else round(found.burst, 4),
        "drift": None if found.drift is None else round(found.drift, 4),
        "blend": {part.name: round(part.share, 4) for part in found.blend},
        "mean_p_top": round(found.mean_p_top, 4),
        "tied_below": found.tied_below,
        "concentration": {k: _rounded(v) for k, v in asdict(found.concentration).items()},
        "warnings": list(found.warnings),
        "finder": found.finder,
        "rank": found.rank,
        **({"harm": harm_object(found.harm)} if found.harm else {}),
        **({"laying": laying_object(found.box_trial)} if found.box_trial else {}),
        **({"rules": rules_object(found.selection)} if found.selection else {}),
    }


def _properties(h: Hotspot) -> dict[str, Any]:
    return {
        "rank": h.rank,
        "place_id": h.place_id,
        **_shape_properties(h),
        "area_m2": round(h.area_m2, 1),
        "expected": round(h.expected.value, 4),
        "p_top": round(h.p_top, 4),
        "rank_low": h.rank_low,
        "rank_high": h.rank_high,
        "tie_group": h.tie_group,
        "borough": h.borough,
        **harm_properties(h),
        "profile": None if h.profile is None else [round(share, 6) for share in h.profile],
        "peak": _peak(h),
    }


def _peak(h: Hotspot) -> dict[str, Any] | None:
    """The busiest hours of the place's week, with how sure they are; None where no times are known."""
    if h.peak is None:
        return None
    share = h.peak.share
    return {
        "start_hour_of_week": h.peak.start,
        "hours": h.peak.hours,
        "share": round(share.value, 4),
        "share_low": round(share.low, 4),
        "share_high": round(share.high, 4),
        "sure": round(h.peak.sure, 4),
    }


def _length_m(h: Hotspot) -> float:
    return round(h.shape.length_m, 1) if h.shape else 0.0


def _shape_properties(h: Hotspot) -> dict[str, Any]:
    """What is said of places that are no cells: their kind, and the length of streets."""
    if h.shape is None:
        return {}
    return {"kind": h.kind, **({"length_m": round(h.shape.length_m, 1)} if h.shape.length_m else {})}


def _rounded(value: float) -> float:
    return round(value, 5) if isinstance(value, float) else value


def outlines_of(found: HotspotList, boundary: BaseGeometry | None) -> NDArray[np.object_]:
    """The outline of each listed place, cut to the boundary where there is one, in metres."""
    if found.kind != "cell":
        return np.array([shapely.from_wkt(h.shape.outline) for h in found.hotspots if h.shape], dtype=object)
    columns = np.array([h.column for h in found.hotspots], dtype=np.int64)
    rows = np.array([h.row for h in found.hotspots], dtype=np.int64)
    return clipped_squares(boundary, columns, rows, found.cell_m)


def _to_degrees(crs: str) -> Transformer:
    return Transformer.from_crs(crs, WGS84, always_xy=True)


def _in_degrees(outlines: NDArray[np.object_], crs: str) -> NDArray[np.object_]:
    transformer = _to_degrees(crs)

    def move(points: Floats) -> Floats:
        return np.round(np.column_stack(transformer.transform(points[:, 0], points[:, 1])), DEGREE_DECIMALS)

    return np.asarray(shapely.transform(outlines, move), dtype=object)


def _geometry(outline: BaseGeometry) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(shapely.to_geojson(outline))
    return made


def _write_text(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text)


def _write_geopackage(
    path: Path, found: HotspotList, run: RunRecord | None, boundary: BaseGeometry | None
) -> None:
    frame = geopandas.GeoDataFrame(
        {
            **{name: [_properties(h)[name] for h in found.hotspots] for name in _COLUMNS},
            **({} if found.kind == "cell" else {"kind": [h.kind for h in found.hotspots]}),
            **({} if found.kind != "segment" else {"length_m": [_length_m(h) for h in found.hotspots]}),
            **{
                name: [harm_properties(h)[name] for h in found.hotspots]
                for name in HARM_COLUMNS
                if found.harm
            },
            "expected_low": [round(h.expected.low, 4) for h in found.hotspots],
            "expected_high": [round(h.expected.high, 4) for h in found.hotspots],
            "profile": [
                None if h.profile is None else json.dumps(_properties(h)["profile"]) for h in found.hotspots
            ],
        },
        geometry=outlines_of(found, boundary),
        crs=found.crs,
    )
    frame["borough"] = frame["borough"].astype("object")
    shape = "MultiLineString" if found.kind == "segment" else "MultiPolygon"
    made_at = run.made_at.strftime("%Y-%m-%dT%H:%M:%SZ") if run else "2000-01-01T00:00:00Z"
    about = {"run": json.dumps(run_object(run, found), ensure_ascii=False)}
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": made_at})
    try:
        pyogrio.write_dataframe(
            frame, path, layer=LAYER, driver="GPKG", geometry_type=shape, promote_to_multi=True,
            layer_metadata=about,
        )  # fmt: skip
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


_COLUMNS = (
    "rank",
    "place_id",
    "area_m2",
    "expected",
    "p_top",
    "rank_low",
    "rank_high",
    "tie_group",
    "borough",
)
