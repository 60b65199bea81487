"""All files of a plan: for the planner, the commander, the units and the auditor."""

import json
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from pyproj import Transformer

from becalm.formats.durable_files import sha256_of_text, write_durably
from becalm.patrol.core.plan_result import forecast_dosage
from becalm.patrol.files import unit_sheets
from becalm.patrol.files.calendars import cancelled_calendar, unit_calendar
from becalm.patrol.files.place_cards import CARDS_FILE, cards_json
from becalm.patrol.files.plan_view import forecast_csv, plan_page
from becalm.patrol.files.unit_sheets import SheetNotes, tour_files
from becalm.patrol.files.unit_tours import TOURS_FOLDER
from becalm.patrol.files.write_plan import PlanDocument, plan_json, visits_csv
from becalm.render.pages import FolderKind

CHECKSUMS = "sha256.txt"


def checksum_lines(files: Mapping[str, str | bytes]) -> str:
    """The SHA-256 of every file, as `sha256sum -c` reads it."""
    return "".join(f"{sha256_of_text(content)}  {name}\n" for name, content in sorted(files.items()))


def update_checksums(folder: Path, names: Iterable[str]) -> None:
    """Write the checksums of files that were added to a folder or replaced in it."""
    checksum_path = folder / CHECKSUMS
    checksum_lines = checksum_path.read_text("utf-8").splitlines() if checksum_path.is_file() else []
    digest_by_file = {name: digest for digest, name in (line.split("  ", 1) for line in checksum_lines)}
    digest_by_file |= {name: sha256_of_text((folder / name).read_bytes()) for name in names}
    checksum_text = "".join(f"{digest}  {name}\n" for name, digest in sorted(digest_by_file.items()))
    write_durably(checksum_path, checksum_text.encode())


PLAN_FOLDER: Final = FolderKind("an earlier plan", record="plan.json", later_names=frozenset({"auditor"}))
SHEETS_FOLDER: Final = FolderKind("an earlier folder of sheets", record="sheets.html")
PUBLISHING_WARNING: Final = (
    "Dosage of whole periods, without times. Do not publish it before the period is over, and never publish "
    "anything finer: it would show where and when patrols are."
)
PLAN_NAMES: Final = (
    *("plan.json", "visits.csv", "index.html", "forecast.csv", "hotspots.geojson", "units", "auditor"),
    *(CARDS_FILE, TOURS_FOLDER, CHECKSUMS),
)


def plan_files(plan: PlanDocument, notes: SheetNotes | None = None) -> dict[str, str | bytes]:
    """Every file of a plan's folder by name; the same bytes for the same plan and notes."""
    visits_text = visits_csv(plan.inputs, plan.bursts)
    content_by_file: dict[str, str | bytes] = {
        "plan.json": plan_json(plan, visits=visits_text),
        "visits.csv": visits_text,
        "index.html": plan_page(plan),
        "forecast.csv": forecast_csv(plan),
        "hotspots.geojson": dosage_geojson(plan),
        **tour_files(plan, notes),
        CARDS_FILE: cards_json((notes or SheetNotes()).cards.values()),
        **{
            f"units/{name}": text
            for name, text in unit_files(plan, plan.inputs.first_day, notes=notes).items()
        },
    }
    return {**content_by_file, CHECKSUMS: checksum_lines(content_by_file)}


def unit_files(
    plan: PlanDocument,
    day: date,
    *,
    is_sealed: bool = False,
    unit: str = "",
    notes: SheetNotes | None = None,
) -> dict[str, str]:
    """For each unit on duty on this day (or one): its sheet and its calendar, and all sheets as one page.

    Sheets and calendars tell the first two bursts of the day's tour; where `is_sealed`, every burst. Bursts
    that a re-plan took away are cancelled in a calendar of their own.
    """
    tours_by_unit = {
        name: unit_tours for name, unit_tours in unit_sheets.tours_of(plan).items() if unit in ("", name)
    }
    file_stem_of_unit = unit_sheets.sheet_file_names(
        tuple(sorted({shift.unit for shift in plan.inputs.shifts}))
    )
    content_by_file: dict[str, str] = {}
    tours_of_day = []
    for name, unit_tours in tours_by_unit.items():
        later_tours = unit_sheets.tours_from(unit_tours, day)
        todays_tours = [tour for tour in later_tours if tour.shift.day == day]
        if todays_tours:
            tours_of_day += todays_tours
            burst_limit = None if is_sealed else unit_sheets.NEXT
            content_by_file[f"{file_stem_of_unit[name]}.html"] = unit_sheets.unit_sheets(
                plan, todays_tours, is_sealed=is_sealed, notes=notes
            )
            content_by_file[f"{file_stem_of_unit[name]}.ics"] = unit_calendar(
                plan, later_tours, burst_limit=burst_limit, notes=notes
            )
            if cancelled_text := cancelled_calendar(plan, todays_tours):
                content_by_file[f"{file_stem_of_unit[name]}.cancelled.ics"] = cancelled_text
    tours_of_day.sort(key=lambda tour: (tour.shift.hours.start, tour.shift.unit))
    all_sheets = unit_sheets.unit_sheets(plan, tours_of_day, is_sealed=is_sealed, notes=notes)
    return {"sheets.html": all_sheets, **content_by_file}


def dosage_geojson(plan: PlanDocument) -> str:
    """The planned dosage of each place as GeoJSON in WGS84: sums over the whole period and no times."""
    to_wgs84 = Transformer.from_crs(plan.crs, "EPSG:4326", always_xy=True)
    position_m_by_hotspot = {
        place.hotspot: (place.easting_m, place.northing_m) for place in plan.inputs.places
    }
    geojson_features = []
    dosage_forecast = forecast_dosage(plan.inputs.places, plan.dosage)
    for place in sorted(dosage_forecast.places, key=lambda place: place.hotspot):
        longitude, latitude = to_wgs84.transform(*position_m_by_hotspot[place.hotspot])
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
        point_geometry = {"type": "Point", "coordinates": [round(longitude, 7), round(latitude, 7)]}
        geojson_features.append(
            {"type": "Feature", "properties": dosage_properties, "geometry": point_geometry}
        )
    feature_collection = {
        "type": "FeatureCollection",
        "warning": PUBLISHING_WARNING,
        "from": plan.inputs.first_day.isoformat(),
        "days": plan.inputs.days,
        "features": geojson_features,
    }
    return json.dumps(feature_collection, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
