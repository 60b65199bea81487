"""One call on a data frame gives the answer of the command, whatever kind of frame it is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import duckdb
import geopandas
import numpy as np
import pandas as pd
import polars
import pyarrow as pa
import pytest
import shapely

import becalm
from becalm.terms import BecalmError, InputError, QuestionError, UsageError

CRS = "EPSG:27700"


@pytest.fixture(scope="module")
def incidents() -> pd.DataFrame:
    """Two and a half years of a town whose robberies lie in one place, with times to the minute."""
    rng = np.random.default_rng(1)
    n = 3_000
    minutes = pd.to_timedelta(rng.integers(0, 880 * 1440, n), unit="min")
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "date": pd.Timestamp("2018-01-01") + minutes,
            "group": rng.choice(["robbery", "burglary", "drugs"], n, p=[0.5, 0.4, 0.1]),
            "easting_m": 530_000 + rng.normal(0, 600, n).round(),
            "northing_m": 180_000 + rng.normal(0, 600, n).round(),
        }
    )


def as_geodataframe(frame: pd.DataFrame) -> geopandas.GeoDataFrame:
    points = geopandas.points_from_xy(frame["easting_m"], frame["northing_m"])
    return geopandas.GeoDataFrame(frame.drop(columns=["easting_m", "northing_m"]), geometry=points, crs=CRS)


KINDS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "pandas": lambda frame: frame,
    "GeoPandas": as_geodataframe,
    "Arrow": lambda frame: pa.Table.from_pandas(frame),
    "Polars": lambda frame: polars.from_pandas(frame),
    "Polars, lazy": lambda frame: polars.from_pandas(frame).lazy(),
    "DuckDB": lambda frame: duckdb.from_arrow(pa.Table.from_pandas(frame)),
}


def test_a_period_is_compared_in_one_call(incidents: pd.DataFrame) -> None:
    april = becalm.compare(incidents, group="group", period="2020-04", baseline="2019-04")
    robberies = incidents[incidents["group"] == "robbery"]["date"].dt.strftime("%Y-%m").value_counts()
    row = next(row for row in april.rows if row.group == "robbery")
    assert (row.new, row.old) == (robberies["2020-04"], robberies["2019-04"])
    assert next(row for row in april.rows if row.group == "drugs").found_by == "police"
    frame = april.to_frame()
    assert frame[frame["group"] == "robbery"]["new"].iloc[0] == row.new
    assert "<table>" in april._repr_html_()
    assert april.plot().svg.startswith('<svg xmlns="http://www.w3.org/2000/svg"')


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_frame_gives_the_same_comparison(incidents: pd.DataFrame, kind: str) -> None:
    frame = incidents[["date", "group"]] if kind == "GeoPandas" else KINDS[kind](incidents[["date", "group"]])
    assert becalm.compare(frame, group="group") == becalm.compare(incidents, group="group")


@pytest.fixture(scope="module")
def listed(incidents: pd.DataFrame) -> Any:
    return becalm.hotspots(incidents, count=15, crs=CRS, seed=1)


@pytest.mark.parametrize("kind", ["GeoPandas", "Polars, lazy", "DuckDB"])
def test_every_kind_of_frame_gives_the_same_hotspots(incidents: pd.DataFrame, listed: Any, kind: str) -> None:
    crs = None if kind == "GeoPandas" else CRS
    assert becalm.hotspots(KINDS[kind](incidents), count=15, crs=crs, seed=1).hotspots == listed.hotspots


def test_a_list_is_a_frame_a_map_and_geojson(listed: Any) -> None:
    frame = listed.to_frame()
    assert (len(listed), len(frame), frame.crs.to_string()) == (15, 15, CRS)
    assert [place.place_id for place in listed] == list(frame["place_id"])
    assert frame.geometry.area.round().eq(150.0**2).all()
    longitude, latitude = shapely.from_geojson(listed.to_geojson()).geoms[0].centroid.coords[0]
    assert -0.2 < longitude < -0.1
    assert 51.4 < latitude < 51.6
    assert listed._repr_html_().count("<tr>") == 16
    assert 'class="map"' in listed.plot().svg


def test_an_answer_is_frozen(listed: Any) -> None:
    with pytest.raises(AttributeError, match="cannot assign"):
        listed.hotspots = None
    assert replace(listed).hotspots == listed.hotspots


def test_places_compete_inside_a_boundary(incidents: pd.DataFrame) -> None:
    land = shapely.box(529_801, 179_701, 530_399, 180_299)  # four cells by four
    inside = becalm.hotspots(incidents, count=5, crs=CRS, boundary=land, seed=1)
    assert all(land.covers(outline) for outline in inside.to_frame().geometry.buffer(-0.1))
    areas = geopandas.GeoDataFrame({"name": ["Centre"]}, geometry=[land], crs=CRS)
    assert becalm.hotspots(incidents, count=5, crs=CRS, boundary=areas, seed=1).hotspots.places == 16


def test_degrees_are_projected_where_they_are_said_to_be_degrees(
    incidents: pd.DataFrame, listed: Any
) -> None:
    degrees = as_geodataframe(incidents).to_crs("EPSG:4326")
    assert becalm.hotspots(degrees, count=15, crs=CRS, seed=1).hotspots.places == listed.hotspots.places
    plain = incidents.assign(lon=degrees.geometry.x, lat=degrees.geometry.y)
    same = becalm.hotspots(plain, count=15, x="lon", y="lat", from_crs="EPSG:4326", crs=CRS, seed=1)
    assert same.hotspots.places == listed.hotspots.places


def test_a_target_is_one_of_the_groups_and_never_what_police_find(incidents: pd.DataFrame) -> None:
    robbery = becalm.hotspots(incidents, count=5, crs=CRS, group="group", target="robbery", seed=1)
    assert robbery.hotspots.target == ("robbery",)
    with pytest.raises(QuestionError, match="found by the police"):
        becalm.hotspots(incidents, count=5, crs=CRS, group="group", target="drugs")


def test_methods_are_tested_and_near_repeats_counted(incidents: pd.DataFrame) -> None:
    tested = becalm.backtest(incidents, count=10, crs=CRS, origins=3, seed=1)
    assert set(tested.to_frame()["method"]) >= {"count_12", "blend", "ewma"}
    assert "blend" in tested.plot().svg
    pairs = becalm.near_repeats(incidents, crs=CRS, metres=[100, 200], days=[7, 14], orders=19, seed=1)
    assert len(pairs.to_frame()) == len(pairs.bands)
    assert pairs.plot().svg.count("<rect") == len(pairs.bands)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"date": "day"}, "date='day'  is not a column of the data frame -> name the column with date."),
        ({"group": "grup"}, "Did you mean 'group'?"),
        ({"x": "east"}, "x='east'  is not a column of the data frame"),
        ({"id": "easting_m"}, "id='easting_m'  "),
        ({"crs": None}, 'Name the coordinate system of the points in metres, e.g. crs="EPSG:27700"'),
        ({"crs": "EPSG:4326"}, "EPSG:4326 is not in metres, and places are measured in metres."),
        ({"crs": "EPSG:nothing"}, "is not a coordinate system"),
        ({"count": 0}, "count="),
        ({"count": "many"}, "count= 'many' is not a number. Give e.g. count=250."),
        ({"unit": "hexagons"}, "unit= cannot be 'hexagons'. Did you mean 'hexagon'?"),
        ({"cout": 3}, "hotspots has no parameter 'cout'. Did you mean 'count'?"),
        ({"when": "Fryday"}, "is not a weekday"),
        ({"time_zone": "London"}, "'London' is not a time zone"),
        ({"time_zone": None}, "time_zone= cannot be None. Give a text."),
        ({"date": None}, "date= cannot be None. Give a text."),
        ({"group": ["group"]}, "group= cannot be ['group']. Give a text."),
        ({"from_crs": "EPSG:0"}, "'EPSG:0' is not a coordinate system"),
        ({"from_crs": "EPSG:4326"}, "The coordinates are said to be in degrees (EPSG:4326), but reach to"),
        ({"crs": object()}, "is not a coordinate system"),
        ({"count": None}, "count= None is not a number"),
        ({"count": 2.5}, "count= 2.5 is not a whole number. Give e.g. count=250."),
        ({"seed": -1}, "seed="),
        ({"when": ["Fri"]}, "when= cannot be ['Fri']. Give a text."),
        ({"target": [3], "group": "group"}, "target= cannot be 3. Give a text."),
        ({"boundary": shapely.LineString([(0, 0), (1, 1)])}, "boundary, row 0  is no area -> give a polygon"),
        ({"boundary": [None]}, "boundary, row 0  is no area -> give a polygon"),
        ({"boundary": "Camden"}, "'Camden' is no boundary. Give a GeoDataFrame of areas, or polygons."),
        ({"boundary": [5]}, "The boundary holds what is no shape."),
    ],
)
def test_a_fault_names_its_parameter(incidents: pd.DataFrame, change: dict[str, object], fault: str) -> None:
    parameters: dict[str, Any] = {"count": 5, "crs": CRS, "seed": 1, **change}
    with pytest.raises(BecalmError) as caught:
        becalm.hotspots(incidents, **parameters)
    assert fault in str(caught.value)


def test_rows_that_cannot_be_counted_are_named(incidents: pd.DataFrame) -> None:
    holes = incidents.assign(date=incidents["date"].mask(incidents.index == 7))
    with pytest.raises(
        InputError, match=r"date='date'  1 of 3,000 are missing or no dates, the first in row 7"
    ):
        becalm.compare(holes)
    nowhere = incidents.assign(easting_m=incidents["easting_m"].mask(incidents.index == 9))
    with pytest.raises(
        InputError, match=r"x='easting_m'  1 of 3,000 are missing or no numbers, the first in row 9"
    ):
        becalm.hotspots(nowhere, crs=CRS)
    twice = pd.concat([incidents, incidents.tail(2)])
    with pytest.raises(InputError, match="id='id'  2 of 3,002 repeat an earlier one, the first in row 3000"):
        becalm.compare(twice, id="id")
    degrees = incidents.assign(easting_m=-0.1, northing_m=51.5)
    with pytest.raises(InputError, match='add from_crs="EPSG:4326"'):
        becalm.hotspots(degrees, crs=CRS)
    columns = pd.concat([incidents, incidents[["date"]]], axis=1)
    with pytest.raises(InputError, match="column 'date'  is there twice"):
        becalm.compare(columns)
    with pytest.raises(UsageError, match=r"A list is not a data frame\. Give a pandas"):
        becalm.compare([1, 2])
    with pytest.raises(InputError, match="has no rows"):
        becalm.compare(incidents.head(0))


def test_a_call_that_fits_no_question_is_a_fault_too(incidents: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match=r"hotspots: too many positional arguments"):
        becalm.hotspots(incidents, 3)
    with pytest.raises(UsageError, match=r"hotspots: missing a required argument: 'points'"):
        becalm.hotspots()
    with pytest.raises(UsageError, match=r"A Series is not a data frame"):
        becalm.compare(incidents["date"])
    with pytest.raises(UsageError, match=r"workspace= cannot be None"):
        becalm.open(None)
    with pytest.raises(InputError, match=r"A date is 9999-12-31: there is no day after it"):
        becalm.compare(incidents.assign(date="9999-12-31"))
    with pytest.raises(UsageError, match=r"metres= cannot be \['a'\]"):
        becalm.near_repeats(incidents, crs=CRS, metres=["a"], days=[7])


def test_a_coordinate_system_and_a_count_may_be_values_of_other_libraries(
    incidents: pd.DataFrame, listed: Any
) -> None:
    crs = as_geodataframe(incidents).crs
    assert becalm.hotspots(incidents, count=np.int64(15), crs=crs, seed=1).hotspots == listed.hotspots


def test_texts_are_dates_too(incidents: pd.DataFrame) -> None:
    months = incidents.assign(date=incidents["date"].dt.strftime("%Y-%m"))
    days = incidents.assign(date=incidents["date"].dt.strftime("%Y-%m-%d"))
    by_month, by_day, exact = (
        becalm.compare(frame, period="2020-04", baseline="2019-04") for frame in (months, days, incidents)
    )
    assert by_month.total.new == by_day.total.new == exact.total.new
    with pytest.raises(QuestionError, match="carry a month but no day"):
        becalm.compare(months, period="last 6 weeks")


def test_a_visit_log_is_tested_in_one_call() -> None:
    rng = np.random.default_rng(1)
    minutes = np.sort(rng.choice(28 * 96, 600, replace=False)) * 15
    log = pd.DataFrame({"hotspot": rng.choice(["H1", "H2", "H3"], 600)})
    log["start"] = pd.Timestamp("2026-01-05") + pd.to_timedelta(minutes, unit="min")
    log["end"] = log["start"] + pd.Timedelta(minutes=10)
    tested = becalm.certify(log, train_days=20, test_days=7)
    assert (tested.visits, tested.hotspots) == (int((log["start"] >= tested.first_day.isoformat()).sum()), 3)
    assert "gain" in set(tested.to_frame()["figure"])
    assert tested.plot().svg.count("<circle") == 2
    same = becalm.certify(
        log.rename(columns={"hotspot": "place"}), hotspot_column="place", train_days=20, test_days=7
    )
    assert same == tested
    with pytest.raises(UsageError, match=r"certify has no parameter 'train'\. Did you mean 'train_days'\?"):
        becalm.certify(log, train=20)


def test_the_package_is_light_and_shows_its_questions_alone() -> None:
    code = (
        "import time; t = time.perf_counter(); import becalm, sys; s = time.perf_counter() - t;"
        "print(*dir(becalm)); print(*dir(becalm.find)); print(*dir(becalm.measure));"
        "print('numpy' in sys.modules, 'pandas' in sys.modules, s < 0.3)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    package, find, measure, light = done.stdout.splitlines()
    assert package == "backtest certify compare hotspots near_repeats open"
    for module, names in ((becalm.find, find), (becalm.measure, measure)):
        listed = [line.split()[0] for line in (module.__doc__ or "").splitlines() if "  " in line.strip()]
        assert sorted(names.split()) == sorted(listed)
    assert light == "False False True"


def test_no_option_of_the_command_line_is_shown_in_a_notebook(listed: Any) -> None:
    assert "--" not in listed._repr_html_()
    assert "seed 1" in listed._repr_html_()
