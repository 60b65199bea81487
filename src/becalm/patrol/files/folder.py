"""All files of a plan: for the planner, the commander, the units and the auditor."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, Final

from pyproj import Transformer

from becalm.patrol.core.forecast import forecast_dosage
from becalm.patrol.core.request import Propensities
from becalm.patrol.files.auditor import SUMS, propensities_csv, sums_of
from becalm.patrol.files.calendar import unit_calendar
from becalm.patrol.files.page import forecast_csv, plan_page
from becalm.patrol.files.plan import PlanDocument, plan_json, visits_csv
from becalm.patrol.files.sheet import NEXT, unit_sheets
from becalm.patrol.files.units import file_names, tours_from, tours_of
from becalm.render.folder import FolderKind

PLAN: Final = FolderKind("an earlier plan", record="plan.json", mode=0o700)
SHEETS: Final = FolderKind("an earlier folder of sheets", record="sheets.html", mode=0o700)
PROPENSITIES: Final = "auditor/propensities.csv.gz"
WARNING: Final = (
    "Dosage of whole periods, without times. Do not publish it before the period is over, nor anything "
    "finer: where and when patrols stand is what somebody who means harm would learn from."
)
NAMES: Final = (
    *("plan.json", "visits.csv", "index.html", "forecast.csv", "hotspots.geojson", "units", "auditor"),
    SUMS,
)


def plan_files(plan: PlanDocument, propensities: Propensities | bytes) -> dict[str, str | bytes]:
    """Every file of a plan's folder by name; the same bytes for the same plan.

    `propensities` are those of the laws that held in the end, or their file as it stands.
    """
    chances = propensities if isinstance(propensities, bytes) else propensities_csv(propensities)
    visits = visits_csv(plan.request, plan.bursts)
    files: dict[str, str | bytes] = {
        "plan.json": plan_json(plan, visits=visits),
        "visits.csv": visits,
        "index.html": plan_page(plan),
        "forecast.csv": forecast_csv(plan),
        "hotspots.geojson": dosage_geojson(plan),
        **{f"units/{name}": text for name, text in unit_files(plan, plan.request.first_day).items()},
        PROPENSITIES: chances,
    }
    return {**files, SUMS: sums_of(files)}


def unit_files(plan: PlanDocument, day: date, *, sealed: bool = False, unit: str = "") -> dict[str, str]:
    """For each unit on duty on this day (or one): its sheet and its calendar, and all sheets as one page.

    Sheets and calendars tell the first two bursts of the day's tour; where `sealed`, every burst.
    """
    tours = {name: own for name, own in tours_of(plan).items() if unit in ("", name)}
    names = file_names(tuple(sorted({shift.unit for shift in plan.request.shifts})))
    files: dict[str, str] = {}
    todays = []
    for name, own in tours.items():
        onwards = tours_from(own, day)
        today = [tour for tour in onwards if tour.shift.day == day]
        if today:
            todays += today
            shown = None if sealed else NEXT
            files[f"{names[name]}.html"] = unit_sheets(plan, today, sealed=sealed)
            files[f"{names[name]}.ics"] = unit_calendar(plan, onwards, shown=shown)
    todays.sort(key=lambda tour: (tour.shift.hours.start, tour.shift.unit))
    return {"sheets.html": unit_sheets(plan, todays, sealed=sealed), **files}


def dosage_geojson(plan: PlanDocument) -> str:
    """The planned dosage of each place as GeoJSON in WGS84: sums over the whole period and no times."""
    move = Transformer.from_crs(plan.crs, "EPSG:4326", always_xy=True)
    at = {place.hotspot: (place.easting_m, place.northing_m) for place in plan.request.places}
    features = []
    for place in sorted(
        forecast_dosage(plan.request.places, plan.dosage).places, key=lambda place: place.hotspot
    ):
        longitude, latitude = move.transform(*at[place.hotspot])
        held: dict[str, Any] = {
            "hotspot": place.hotspot,
            "name": place.name,
            "area": place.area,
            "target_visits": round(place.target_visits, 2),
            "expected_visits": round(place.expected_visits.value, 2),
            "expected_low": round(place.expected_visits.low, 2),
            "expected_high": round(place.expected_visits.high, 2),
            "expected_minutes": round(place.expected_minutes, 1),
        }
        point = {"type": "Point", "coordinates": [round(longitude, 7), round(latitude, 7)]}
        features.append({"type": "Feature", "properties": held, "geometry": point})
    request = plan.request
    whole = {
        "type": "FeatureCollection",
        "warning": WARNING,
        "from": request.first_day.isoformat(),
        "days": request.days,
        "features": features,
    }
    return json.dumps(whole, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"
