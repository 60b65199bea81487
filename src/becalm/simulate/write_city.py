"""A simulated city as files: city, boundaries, streets, the force's extract, the public archive, the truth.

The same city gives the same bytes. Everything is written beside the folder first and moved into place
at the end, so that a city is there whole or not at all.
"""

import json
import os
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import shapely
from numpy.typing import NDArray

from becalm.simulate import names
from becalm.simulate.burden import draw_burden
from becalm.simulate.city import CityPlan, SimulatedCity
from becalm.simulate.doors import draw_doors
from becalm.simulate.force import draw_staff
from becalm.simulate.geography import Land
from becalm.simulate.names import CRS, TIME_ZONE
from becalm.simulate.people import draw_people
from becalm.simulate.places import to_wgs84
from becalm.simulate.records import PublicRecords, arrests_table, extract_table, publish_records
from becalm.simulate.streets import Streets
from becalm.simulate.truth import write_truth
from becalm.terms import InputError

THREADS: Final = 2
PLAIN_CSV: Final = pc.WriteOptions(include_header=False, quoting_style="none", batch_size=65_536)
ExtractFormat = Literal["csv", "parquet"]


@dataclass(frozen=True, slots=True)
class CitySummary:
    """What was written, and how much of it."""

    path: Path
    city: str
    boroughs: int
    command_units: int
    places: int
    segments: int
    incidents: int
    extract_rows: int
    street_rows: int
    outcome_rows: int
    stop_rows: int
    first_month: str
    last_month: str
    effect: str
    officers: int = 0
    people: int = 0


def write_city(
    city: SimulatedCity,
    folder: Path,
    rng: np.random.Generator,
    *,
    seed: int,
    staff_rng: np.random.Generator | None = None,
    people_rng: np.random.Generator | None = None,
    burden_rng: np.random.Generator | None = None,
    door_rng: np.random.Generator | None = None,
    extract: ExtractFormat = "csv",
) -> CitySummary:
    """Write all files of the city into a new (or empty) folder; `seed` is noted in the truth.

    Officers are drawn from `staff_rng`, suspects and victims from `people_rng`, what a visit finds at their
    doors from `door_rng`, counts for the burden of patrol from `burden_rng`; without it there are none.

    Raises InputError where the folder holds something already.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not empty. Name a new folder with `out`, or empty this one first.")
    staging_folder = folder.with_name(f".{folder.name}.partly")
    shutil.rmtree(staging_folder, ignore_errors=True)
    staging_folder.mkdir(parents=True)
    try:
        city_summary = _write_all(city, staging_folder, rng, seed, extract)
        if staff_rng is not None:
            city_summary = replace(city_summary, officers=_write_staff(city.plan, staging_folder, staff_rng))
        if people_rng is not None:
            people_count = _write_people(city, staging_folder, people_rng, door_rng)
            city_summary = replace(city_summary, people=people_count)
        if burden_rng is not None:
            _write_burden(city.plan, staging_folder, burden_rng)
        # A file is as old as the city: its day is the day on which its records were known.
        noon_timestamp = datetime.combine(city.as_of, time(12), UTC).timestamp()
        for file_path in staging_folder.rglob("*"):
            os.utime(file_path, (noon_timestamp, noon_timestamp))
        if folder.exists():
            folder.rmdir()
        staging_folder.rename(folder)
    finally:
        shutil.rmtree(staging_folder, ignore_errors=True)
    return replace(city_summary, path=folder)


def _write_all(
    city: SimulatedCity, folder: Path, rng: np.random.Generator, seed: int, extract: ExtractFormat
) -> CitySummary:
    with ThreadPoolExecutor(THREADS) as pool:
        row_count_task = pool.submit(_write_extract, city, folder / "extract", extract)
        published_records = publish_records(city, rng)
        month_tasks = [
            pool.submit(_write_month, published_records, m, folder / "police_uk")
            for m in range(len(published_records.months))
        ]
        land_task = pool.submit(write_land, city.plan, folder)
        arrests_task = pool.submit(write_csv, arrests_table(city), folder / "arrests.csv")
        truth_task = pool.submit(write_truth, city, folder / "truth", seed=seed)
        for write_task in (*month_tasks, land_task, arrests_task, truth_task):
            write_task.result()
        return _summarise(city, published_records, row_count_task.result(), folder)


def _summarise(city: SimulatedCity, records: PublicRecords, extract_rows: int, folder: Path) -> CitySummary:
    plan = city.plan
    return CitySummary(
        path=folder,
        city=names.CITY,
        boroughs=len(plan.land.borough_names),
        command_units=len(plan.land.unit_names),
        places=len(plan.places.kind),
        segments=len(plan.streets.length_m),
        incidents=len(city.incidents),
        extract_rows=extract_rows,
        street_rows=records.street.num_rows,
        outcome_rows=records.outcomes.num_rows,
        stop_rows=records.stops.num_rows,
        first_month=records.months[0],
        last_month=records.months[-1],
        effect=plan.settings.effect.kind,
    )


OFFICERS_PER_UNIT: Final = 640 / 12


def _write_staff(plan: CityPlan, folder: Path, rng: np.random.Generator) -> int:
    """The officers of the force, as many for each command unit as 640 are for twelve; how many there are."""
    unit_names = plan.land.unit_names
    count = round(OFFICERS_PER_UNIT * len(unit_names))
    staff = draw_staff(unit_names, rng, count=count, pivot=plan.settings.end)
    (folder / "staff").mkdir()
    for name in ("officers", "roster", "availability"):
        write_csv(getattr(staff, name), folder / "staff" / f"{name}.csv")
    (folder / "truth" / "staff.json").write_text(json.dumps(staff.truth, indent=2) + "\n", "utf-8")
    return count


def _write_people(
    city: SimulatedCity, folder: Path, rng: np.random.Generator, door_rng: np.random.Generator | None
) -> int:
    """Suspects and victims with their events, and their characteristics apart; how many records."""
    (folder / "divert").mkdir()
    people = draw_people(city, rng)
    for name in ("persons", "events", "characteristics", "residents"):
        write_csv(getattr(people, name), folder / "divert" / f"{name}.csv")
    (folder / "truth" / "people.json").write_text(json.dumps(people.truth, indent=2) + "\n", "utf-8")
    if door_rng is not None:
        numbers, boroughs = people.persons["person_number"].to_pylist(), people.persons["borough"].to_pylist()
        doors = draw_doors(numbers, boroughs, city.as_of, door_rng)
        pq.write_table(doors.doors, folder / "truth" / "doors.parquet", compression="zstd")
        (folder / "truth" / "doors.json").write_text(json.dumps(doors.truth, indent=2) + "\n", "utf-8")
        (folder / "divert" / "providers.toml").write_text(doors.providers_toml, "utf-8")
    return int(people.persons.num_rows)


def _write_extract(city: SimulatedCity, folder: Path, file_format: ExtractFormat) -> int:
    folder.mkdir()
    extract_rows = extract_table(city)
    if file_format == "csv":
        write_csv(extract_rows, folder / "incidents.csv")
    else:
        # words, not codes
        plain_types = [
            f.type.value_type if pa.types.is_dictionary(f.type) else f.type for f in extract_rows.schema
        ]
        plain_schema = pa.schema(list(zip(extract_rows.column_names, plain_types, strict=True)))
        pq.write_table(extract_rows.cast(plain_schema), folder / "incidents.parquet", compression="zstd")
    return int(extract_rows.num_rows)


def _write_burden(plan: CityPlan, folder: Path, rng: np.random.Generator) -> None:
    """Residents, victims, stops, arrests and complaints as aggregates, with the ratios that are true."""
    burden = draw_burden(plan.land, rng)
    (folder / "burden").mkdir()
    write_csv(burden.counts, folder / "burden" / "counts.csv")
    (folder / "truth" / "burden.json").write_text(json.dumps(burden.truth, indent=2) + "\n", "utf-8")


def _write_month(records: PublicRecords, month_index: int, folder: Path) -> None:
    month_name = records.months[month_index]
    month_folder = folder / month_name
    month_folder.mkdir(parents=True)
    tables_by_kind = {
        "street": (records.street, records.street_start),
        "outcomes": (records.outcomes, records.outcomes_start),
        "stop-and-search": (records.stops, records.stops_start),
    }
    for file_kind, (table, first_rows) in tables_by_kind.items():
        first, last = int(first_rows[month_index]), int(first_rows[month_index + 1])
        write_csv(
            table.slice(first, last - first), month_folder / f"{month_name}-{names.CITY_KEY}-{file_kind}.csv"
        )


def write_csv(table: pa.Table, path: Path) -> None:
    """Write a table as plain CSV with a header; no word in it needs quoting."""
    with path.open("wb") as csv_file:
        csv_file.write((",".join(table.column_names) + "\n").encode())
        pc.write_csv(table, csv_file, PLAIN_CSV)


HOLIDAYS: Final = "GB-ENG"


def write_land(plan: CityPlan, folder: Path) -> None:
    """Write city.toml, the boundary files, the water, the units and the streets."""
    land = plan.land
    (folder / "city.toml").write_text(city_toml(land), "utf-8")
    _write_areas(
        folder / "boundaries.geojson",
        land.boroughs(),
        name=land.borough_names,
        code=land.borough_codes,
        command_unit=[land.unit_names[unit] for unit in land.unit_of_borough],
    )
    _write_areas(
        folder / "wards.geojson",
        land.wards(),
        name=land.ward_names,
        code=land.ward_codes,
        borough=[land.borough_names[borough] for borough in land.borough_of_ward],
    )
    _write_areas(
        folder / "lsoas.geojson",
        land.cells,
        name=land.lsoa_names,
        code=land.lsoa_codes,
        ward=[land.ward_names[ward] for ward in land.ward_of_lsoa],
    )
    _write_areas(folder / "water.geojson", land.water(), name=["River"])
    (folder / "units.toml").write_text(units_toml(plan), "utf-8")
    (folder / "streets").mkdir()
    (folder / "streets" / "streets.graphml").write_text(graphml(plan.streets), "utf-8")


def city_toml(land: Land) -> str:
    """The city for `becalm init --city`."""
    west_m, south_m, east_m, north_m = (float(v) for v in shapely.total_bounds(land.cells))
    corner_m = [int(np.floor(west_m / 500) * 500), int(np.floor(south_m / 500) * 500)]
    corner_m += [int(np.ceil(east_m / 500) * 500), int(np.ceil(north_m / 500) * 500)]
    toml_lines = [
        f"# {names.CITY} does not exist: it was made by `becalm simulate` and lies in the North Sea.",
        f'key = "{names.CITY_KEY}"',
        f'name = "{names.CITY}"',
        f'crs = "{CRS}"',
        f'time_zone = "{TIME_ZONE}"',
        f'holidays = "{HOLIDAYS}"',
        f"extent_m = {corner_m}",
    ]
    for name, unit, code in zip(land.borough_names, land.unit_of_borough, land.borough_codes, strict=True):
        toml_lines += ["", "[[boroughs]]", f'name = "{name}"']
        toml_lines += [f'command_unit = "{land.unit_names[unit]}"', f'code = "{code}"']
    return "\n".join(toml_lines) + "\n"


def graphml(streets: Streets) -> str:
    """The street network; nodes carry x and y in metres, edges length_m, speed_kph and travel_minutes."""
    xml_lines = [
        "<?xml version='1.0' encoding='utf-8'?>",
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
        *(
            f'<key id="{key_name}" for="{element_kind}" attr.name="{key_name}" attr.type="{value_type}"/>'
            for element_kind, key_name, value_type in (
                ("graph", "crs", "string"),
                ("node", "x", "double"),
                ("node", "y", "double"),
                ("edge", "segment", "int"),
                ("edge", "name", "string"),
                ("edge", "highway", "string"),
                ("edge", "length_m", "double"),
                ("edge", "speed_kph", "double"),
                ("edge", "travel_minutes", "double"),
            )
        ),
        '<graph edgedefault="undirected">',
        f'<data key="crs">{CRS}</data>',
    ]
    xml_lines += [
        f'<node id="{i}"><data key="x">{x:.1f}</data><data key="y">{y:.1f}</data></node>'
        for i, (x, y) in enumerate(streets.nodes.tolist())
    ]
    xml_lines += _edge_lines(streets)
    return "\n".join([*xml_lines, "</graph>", "</graphml>", ""])


def _edge_lines(streets: Streets) -> Iterable[str]:
    street_names = streets.names()
    edge_columns_names = ["start", "end", "street", "is_main", "length_m", "speed_kph", "travel_minutes"]
    edge_columns = zip(*(getattr(streets, column).tolist() for column in edge_columns_names), strict=True)
    return [
        f'<edge source="{a}" target="{b}"><data key="segment">{i}</data>'
        f'<data key="name">{street_names[n]}</data>'
        f'<data key="highway">{"primary" if m else "residential"}</data><data key="length_m">{d:.1f}</data>'
        f'<data key="speed_kph">{v:.0f}</data><data key="travel_minutes">{t:.4f}</data></edge>'
        for i, (a, b, n, m, d, v, t) in enumerate(edge_columns)
    ]


def _write_areas(path: Path, area_shapes: NDArray[Any], **properties: Sequence[str]) -> None:
    """A GeoJSON FeatureCollection in WGS84; neighbours keep exactly the same corners."""
    shapes_wgs84 = shapely.transform(area_shapes, lambda xy: np.column_stack(to_wgs84(xy)).round(7))
    feature_rows = zip(*properties.values(), shapely.to_geojson(shapes_wgs84), strict=True)
    geojson_features = [
        {
            "type": "Feature",
            "properties": dict(zip(properties, feature_values, strict=True)),
            "geometry": json.loads(g),
        }
        for *feature_values, g in feature_rows
    ]
    geojson_text = json.dumps(
        {"type": "FeatureCollection", "features": geojson_features}, separators=(",", ":")
    )
    path.write_text(geojson_text + "\n", "utf-8")


TOURS: Final = (("late", 14), ("early", 6), ("night", 22))  # and the hour at which they begin
VISITS_A_DAY: Final = np.array(
    [5.0, 3.5, 3.5, 2.0, 2.0]
)  # by fifths of the list, as the shipped policy has it
CARS_A_UNIT: Final = 9
STARTS_OVER_MINUTES: Final = 120


def units_toml(plan: CityPlan) -> str:
    """The units for `becalm patrol`: as many cars as nine for each command unit, most where most is needed.

    Each has two officers, its base at the junction nearest to the middle of its command unit, and a
    start that is staggered. Every command unit has a car on each tour; the others follow the hotspots.
    """
    toml_lines = [
        f"# Units of {names.CITY}, which does not exist: it was made by `becalm simulate`.",
        f'note = "{names.FORCE}; two-officer cars, most of them where street violence is, staggered"',
        *_area_lines(plan),
        *_team_lines(plan),
    ]
    return "\n".join(toml_lines) + "\n"


def cars_per_unit(plan: CityPlan) -> list[int]:
    """How many cars a day has each command unit? One for each tour, and the rest as hotspots want."""
    land, centre_places = plan.land, plan.treatment.centre
    unit_of_hotspot = land.unit_of_borough[land.borough_of_lsoa][plan.places.lsoa[centre_places]]
    fifth_of_list = np.arange(len(centre_places)) * len(VISITS_A_DAY) // max(1, len(centre_places))
    visits_of_unit = np.bincount(unit_of_hotspot, VISITS_A_DAY[fifth_of_list], len(land.unit_names))
    total_car_count, least_car_count = CARS_A_UNIT * len(visits_of_unit), len(TOURS)
    cars_of_unit = np.full(len(visits_of_unit), least_car_count)
    for _ in range(total_car_count - least_car_count * len(visits_of_unit)):
        cars_of_unit[np.argmax(visits_of_unit / cars_of_unit)] += 1
    return [int(n) for n in cars_of_unit]


def _area_lines(plan: CityPlan) -> Iterable[str]:
    land = plan.land
    unit_of_lsoa = land.unit_of_borough[land.borough_of_lsoa]
    for unit, unit_name in enumerate(land.unit_names):
        borough_list = [b for b, u in zip(land.borough_names, land.unit_of_borough, strict=True) if u == unit]
        middle_m = land.seeds[: len(unit_of_lsoa)][unit_of_lsoa == unit].mean(axis=0)
        east_m, north_m = plan.streets.nodes[np.argmin(np.hypot(*(plan.streets.nodes - middle_m).T))].tolist()
        borough_list_text = ", ".join(f'"{b}"' for b in borough_list)
        yield from ("", "[[areas]]", f'area = "{unit_name}"', f"boroughs = [{borough_list_text}]")
        yield from ("", "[[bases]]", f'base = "base {unit_name}"')
        yield from (f"easting_m = {east_m:.1f}", f"northing_m = {north_m:.1f}")


def _team_lines(plan: CityPlan) -> Iterable[str]:
    for unit_name, unit_car_count in zip(plan.land.unit_names, cars_per_unit(plan), strict=True):
        for tour_number, (tour_name, start_hour) in enumerate(TOURS):
            car_count = len(range(tour_number, unit_car_count, len(TOURS)))
            start_times_text = ", ".join(f'"{clock}"' for clock in _start_times(start_hour, car_count))
            yield from ("", "[[teams]]", f'team = "{unit_name} {tour_name}"', f'area = "{unit_name}"')
            yield from (f'base = "base {unit_name}"', 'mode = "vehicle"', "crew = 2")
            yield from (f"starts = [{start_times_text}]", "hours = 8.0", "burst_share = 0.9")


def _start_times(first_hour: int, car_count: int) -> Iterable[str]:
    """Clock times for so many cars, spread over two hours in steps of five minutes."""
    for car_number in range(car_count):
        start_delay_minutes = 5 * (car_number * STARTS_OVER_MINUTES // (5 * car_count))
        yield f"{first_hour + start_delay_minutes // 60:02}:{start_delay_minutes % 60:02}:00"
