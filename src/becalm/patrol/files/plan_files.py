"""All files of a plan: for the planner, the commander, the units and the auditor."""

import gzip
import hashlib
import io
import json
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
from pyproj import Transformer

from becalm.patrol.core.plan_result import Propensities, forecast_dosage
from becalm.patrol.files import sheets
from becalm.patrol.files.plan import PlanDocument, plan_json, visits_csv
from becalm.patrol.files.plan_view import forecast_csv, plan_page
from becalm.render.pages import FolderKind

PROPENSITY_DECIMALS = 6
CHECKSUMS = "sha256.txt"


def propensities_csv(propensities: Propensities) -> bytes:
    """The propensities as gzipped CSV: hotspot, cell_start (UTC), propensity; every cell of every place.

    The same bytes for the same propensities where the same zlib compresses them.
    """
    place_count, cell_count = len(propensities.hotspots), propensities.start_chances.shape[1]
    cell_duration = timedelta(minutes=propensities.cell_minutes)
    cell_start_texts = tuple(
        f"{propensities.first_cell + c * cell_duration:%Y-%m-%dT%H:%M:%SZ}" for c in range(cell_count)
    )
    rounded_chances = np.round(propensities.start_chances.reshape(-1), PROPENSITY_DECIMALS)
    cell_table = pa.table(
        {
            "hotspot": _repeat_names(propensities.hotspots, np.repeat(np.arange(place_count), cell_count)),
            "cell_start": _repeat_names(cell_start_texts, np.tile(np.arange(cell_count), place_count)),
            "propensity": rounded_chances + 0.0,  # never -0
        }
    )
    csv_stream = io.BytesIO()
    csv_stream.write(b"hotspot,cell_start,propensity\n")
    pc.write_csv(cell_table, csv_stream, pc.WriteOptions(include_header=False, quoting_style="needed"))
    return gzip.compress(csv_stream.getvalue(), compresslevel=6, mtime=0)


def checksum_lines(files: Mapping[str, str | bytes]) -> str:
    """The SHA-256 of every file, as `sha256sum -c` reads it."""
    return "".join(f"{sha256_of_text(content)}  {name}\n" for name, content in sorted(files.items()))


def sha256_of_text(content: str | bytes) -> str:
    """The SHA-256 of a text (in UTF-8) or of bytes."""
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


def _repeat_names(words: tuple[str, ...], index: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(index, pa.int32()), pa.array(words)).dictionary_decode()


PLAN_FOLDER: Final = FolderKind("an earlier plan", record="plan.json")
SHEETS_FOLDER: Final = FolderKind("an earlier folder of sheets", record="sheets.html")
PROPENSITIES_NAME: Final = "auditor/propensities.csv.gz"
PUBLISHING_WARNING: Final = (
    "Dosage of whole periods, without times. Do not publish it before the period is over, and never publish "
    "anything finer: it would show where and when patrols are."
)
PLAN_NAMES: Final = (
    *("plan.json", "visits.csv", "index.html", "forecast.csv", "hotspots.geojson", "units", "auditor"),
    CHECKSUMS,
)


def plan_files(plan: PlanDocument, propensities: Propensities | bytes) -> dict[str, str | bytes]:
    """Every file of a plan's folder by name; the same bytes for the same plan.

    `propensities` are those of the laws that held in the end, or their file as it stands.
    """
    propensities_file = propensities if isinstance(propensities, bytes) else propensities_csv(propensities)
    visits_text = visits_csv(plan.inputs, plan.bursts)
    content_of_file: dict[str, str | bytes] = {
        "plan.json": plan_json(plan, visits=visits_text),
        "visits.csv": visits_text,
        "index.html": plan_page(plan),
        "forecast.csv": forecast_csv(plan),
        "hotspots.geojson": dosage_geojson(plan),
        **{f"units/{name}": text for name, text in unit_files(plan, plan.inputs.first_day).items()},
        PROPENSITIES_NAME: propensities_file,
    }
    return {**content_of_file, CHECKSUMS: checksum_lines(content_of_file)}


def unit_files(plan: PlanDocument, day: date, *, is_sealed: bool = False, unit: str = "") -> dict[str, str]:
    """For each unit on duty on this day (or one): its sheet and its calendar, and all sheets as one page.

    Sheets and calendars tell the first two bursts of the day's tour; where `sealed`, every burst.
    """
    tours = {name: unit_tours for name, unit_tours in sheets.tours_of(plan).items() if unit in ("", name)}
    file_stem_of_unit = sheets.sheet_file_names(tuple(sorted({shift.unit for shift in plan.inputs.shifts})))
    content_of_file: dict[str, str] = {}
    tours_of_day = []
    for name, unit_tours in tours.items():
        later_tours = sheets.tours_from(unit_tours, day)
        todays_tours = [tour for tour in later_tours if tour.shift.day == day]
        if todays_tours:
            tours_of_day += todays_tours
            burst_limit = None if is_sealed else sheets.NEXT
            content_of_file[f"{file_stem_of_unit[name]}.html"] = sheets.unit_sheets(
                plan, todays_tours, is_sealed=is_sealed
            )
            content_of_file[f"{file_stem_of_unit[name]}.ics"] = sheets.unit_calendar(
                plan, later_tours, burst_limit=burst_limit
            )
    tours_of_day.sort(key=lambda tour: (tour.shift.hours.start, tour.shift.unit))
    return {"sheets.html": sheets.unit_sheets(plan, tours_of_day, is_sealed=is_sealed), **content_of_file}


def dosage_geojson(plan: PlanDocument) -> str:
    """The planned dosage of each place as GeoJSON in WGS84: sums over the whole period and no times."""
    to_wgs84 = Transformer.from_crs(plan.crs, "EPSG:4326", always_xy=True)
    position_m = {place.hotspot: (place.easting_m, place.northing_m) for place in plan.inputs.places}
    features = []
    dosage_forecast = forecast_dosage(plan.inputs.places, plan.dosage)
    for place in sorted(dosage_forecast.places, key=lambda place: place.hotspot):
        longitude, latitude = to_wgs84.transform(*position_m[place.hotspot])
        dosage_properties: dict[str, Any] = {
            "hotspot": place.hotspot,
            "name": place.name,
            "area": place.area,
            "target_visits": round(place.target_visits, 2),
            "expected_visits": round(place.expected_visits.value, 2),
            "expected_low": round(place.expected_visits.low, 2),
            "expected_high": round(place.expected_visits.high, 2),
            "expected_minutes": round(place.expected_minutes, 1),
        }
        lon_lat = {"type": "Point", "coordinates": [round(longitude, 7), round(latitude, 7)]}
        features.append({"type": "Feature", "properties": dosage_properties, "geometry": lon_lat})
    feature_collection = {
        "type": "FeatureCollection",
        "warning": PUBLISHING_WARNING,
        "from": plan.inputs.first_day.isoformat(),
        "days": plan.inputs.days,
        "features": features,
    }
    return json.dumps(feature_collection, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
