"""How long ways take: over streets, by a table of the force's own, and as the crow flies."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from patrols import CRS, ZONE, first_day, place, policy, roster, team

from becalm.patrol.core.capacity import assess_capacity, fit_dosage
from becalm.patrol.core.plan_inputs import Base, TravelTable, UnitShift
from becalm.patrol.core.roster import expand_shifts
from becalm.patrol.core.travel import (
    build_street_table,
    close_triangles,
    find_broken_triangles,
    find_unreachable_places,
    locate_stops,
    straight_line_table,
)
from becalm.patrol.files.read_travel import read_travel
from becalm.tables import StreetNetwork
from becalm.terms import InputError, PlanError
from becalm.workspace.streets import read_streets

PACES = policy().paces
FOOT = replace(PACES["foot"], kph=6.0, detour=1.0, p80_factor=1.0)  # 100 m a minute
CAR = replace(
    PACES["vehicle"], kph=30.0, p80_factor=1.0, fixed_minutes=0.0, street_speed_share=1.0, detour=1.0
)

GRAPHML = """<?xml version='1.0' encoding='utf-8'?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="d0" for="graph" attr.name="crs"/><key id="d1" for="node" attr.name="x"/>
<key id="d2" for="node" attr.name="y"/><key id="d3" for="edge" attr.name="length"/>
<key id="d4" for="edge" attr.name="maxspeed"/><key id="d5" for="edge" attr.name="oneway"/>
<graph edgedefault="directed"><data key="d0">EPSG:27700</data>
<node id="a"><data key="d1">500000</data><data key="d2">200000</data></node>
<node id="b"><data key="d1">501000</data><data key="d2">200000</data></node>
<node id="c"><data key="d1">501000</data><data key="d2">201000</data></node>
<edge source="a" target="b"><data key="d3">1000</data><data key="d4">30</data>
<data key="d5">True</data></edge>
<edge source="b" target="c"><data key="d3">1000</data><data key="d4">['60', '30']</data></edge>
<edge source="c" target="a"><data key="d3">2000</data></edge>
</graph></graphml>
"""
CORNERS = {"a": (500_000.0, 200_000.0), "b": (501_000.0, 200_000.0), "c": (501_000.0, 201_000.0)}


def streets(folder: Path, text: str = GRAPHML, name: str = "streets.graphml") -> StreetNetwork:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return read_streets(path, crs=CRS)


def table(minutes: list[list[float]], stops: str = "abc") -> TravelTable:
    return TravelTable("foot", tuple(stops), np.array(minutes), 0.8, "given")


@pytest.mark.parametrize("name", ["streets.graphml", "streets.graphml.gz"])
def test_vehicles_keep_to_one_way_streets_and_walkers_do_not(tmp_path: Path, name: str) -> None:
    network = streets(tmp_path, name=name)
    car = build_street_table(network, CORNERS, "vehicle", CAR, quantile=0.8).table
    foot = build_street_table(network, CORNERS, "foot", FOOT, quantile=0.8).table
    assert car.minutes[0, 1] == pytest.approx(2.0)
    assert car.minutes[1, 0] == pytest.approx(2.0 + 4.0)  # by way of c
    assert foot.minutes[1, 0] == pytest.approx(10.0)
    assert car.source == foot.source == "streets"
    assert not find_broken_triangles(car)


def test_ways_take_the_cautious_time_and_the_time_to_set_off(tmp_path: Path) -> None:
    slow_pace = replace(CAR, p80_factor=1.5, fixed_minutes=1.0, street_speed_share=0.5)
    minutes = build_street_table(streets(tmp_path), CORNERS, "vehicle", slow_pace, quantile=0.8).table.minutes
    assert minutes[0, 1] == pytest.approx(1.0 + 1.5 * 4.0)
    assert minutes[0, 0] == 0.0


def test_a_stop_far_from_every_street_is_infinitely_far_and_named(tmp_path: Path) -> None:
    stops = {**CORNERS, "far": (500_000.0, 200_600.0)}
    streets_table = build_street_table(streets(tmp_path), stops, "foot", FOOT, quantile=0.8)
    assert np.isinf(streets_table.table.minutes[3, :3]).all()
    (fault,) = streets_table.out_of_reach
    assert fault.where == "far"
    assert "600 m away, over 400 m" in fault.what


def test_a_dead_end_of_one_way_streets_strands_nobody(tmp_path: Path) -> None:
    dead_end = GRAPHML.replace(
        "</graph>",
        '<node id="d"><data key="d1">501000</data><data key="d2">201100</data></node>'
        '<edge source="c" target="d"><data key="d3">100</data></edge></graph>',
    )
    stops = {**CORNERS, "d": (501_000.0, 201_100.0)}
    minutes = build_street_table(
        streets(tmp_path, dead_end), stops, "vehicle", CAR, quantile=0.8
    ).table.minutes
    assert np.isfinite(minutes).all()


def test_lines_of_geojson_join_where_they_share_a_point(tmp_path: Path) -> None:
    lines = [[[0.0, 51.5], [0.01, 51.5]], [[0.01, 51.5], [0.01, 51.51]]]
    features = [
        {"type": "Feature", "geometry": {"type": "LineString", "coordinates": line}, "properties": {}}
        for line in lines
    ]
    text = json.dumps({"type": "FeatureCollection", "features": features})
    network = streets(tmp_path, text, "streets.geojson")
    assert len(network.junctions) == 3
    assert network.length_m[:2] == pytest.approx([694, 1112], abs=5)
    assert network.for_vehicles.all()


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("s.graphml", GRAPHML.replace('target="c"', 'target="z"'), "'z', which the file does not have"),
        ("s.graphml", GRAPHML[:-30], "is not valid GraphML"),
        ("s.graphml", GRAPHML.replace("500000", "west"), "has no x and y"),
        ("s.graphml", GRAPHML.replace(">1000<", ">-5<"), "-5.0 m long"),
        ("s.graphml", GRAPHML.replace("EPSG:27700", "EPSG:0"), "is not known"),
        ("s.geojson", "{}", "not a GeoJSON FeatureCollection"),
        (
            "s.geojson",
            '{"features": [{"geometry": {"type": "Point", "coordinates": [0, 1]}}]}',
            "is not a line",
        ),
        ("s.geojson", '{"features": []}', "has no streets"),
        ("s.shp", "", "streets are read from"),
        ("s.graphml.gz.txt", "", "streets are read from"),
    ],
)
def test_broken_streets_are_refused_with_their_place(tmp_path: Path, name: str, text: str, told: str) -> None:
    with pytest.raises(InputError) as refused:
        streets(tmp_path, text, name)
    assert told in str(refused.value)


def test_a_street_file_that_is_cut_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "s.graphml.gz"
    path.write_bytes(gzip.compress(GRAPHML.encode())[:-20])
    with pytest.raises(InputError, match="cannot be read"):
        read_streets(path, crs=CRS)


def test_the_crow_says_that_it_is_one_and_keeps_its_triangles() -> None:
    table = straight_line_table(CORNERS, "foot", replace(FOOT, detour=1.3, p80_factor=1.1), quantile=0.8)
    assert table.source == "crow-fly"
    assert table.minutes[0, 1] == pytest.approx(10 * 1.3 * 1.1)
    assert not find_broken_triangles(table)


def test_a_table_that_breaks_the_triangle_names_the_pair_and_the_stop_on_the_way() -> None:
    broken = table([[0, 5, 30], [5, 0, 5], [30, 5, 0]])
    faults = find_broken_triangles(broken)
    assert [fault.where for fault in faults] == ["a to c", "c to a"]
    assert faults[0].what == "30.0 minutes by foot, but 10.0 over other stops (b on the way)"
    closed = close_triangles(broken)
    assert closed.minutes[0, 2] == 10.0
    assert not find_broken_triangles(closed)


def test_a_travel_file_is_read_and_its_faults_told_together(tmp_path: Path) -> None:
    path = tmp_path / "ways.csv"
    path.write_text("from,to,minutes,mode\na,b,5,\nb,a,6,foot\nb,a,9,vehicle\nx,y,1,\n", "utf-8")
    tables = read_travel(path, ("a", "b"), ("foot", "vehicle"), quantile=0.8)
    assert (tables["foot"].minutes[1, 0], tables["vehicle"].minutes[1, 0]) == (6, 9)
    assert tables["foot"].source == "given"
    path.write_text("from,to,minutes,mode\na,b,-1,\nb,a,6,boat\na,c,2,\na,c,3,\n", "utf-8")
    with pytest.raises(InputError) as refused:
        read_travel(path, ("a", "b", "c"), ("foot",), quantile=0.8)
    assert len(refused.value.faults) == 3


def shift_of(name: str = "N", **more: object) -> UnitShift:
    table = expand_shifts(
        roster(team(name, **more)), first=first_day(), days=1, zone=ZONE, meals=policy().meals
    )
    return table[0]


def test_out_of_reach_is_told_with_the_reason() -> None:
    places = [place("near", 500), place("far", 60_000), place("elsewhere", area="South")]
    bases = [Base("station", 500_000.0, 200_000.0)]
    walked = {"foot": straight_line_table(locate_stops(places, bases), "foot", FOOT, quantile=0.8)}
    faults = find_unreachable_places(places, [shift_of()], walked, shortest_burst_minutes=10)
    assert [fault.where for fault in faults] == ["far", "elsewhere"]
    assert "there and back with a visit takes 1210 minutes; the shift leaves 435" in faults[0].what
    assert "no unit serves its area 'South'" in faults[1].what


def test_a_base_may_not_be_called_like_a_hotspot() -> None:
    with pytest.raises(PlanError, match="names a base and a hotspot"):
        locate_stops([place("station")], [Base("station", 0.0, 0.0)])


def capacity(visits_per_day: float = 3.0, places: int = 4, days: int = 2):
    from becalm.patrol.core.plan_inputs import Dosage

    dosage = Dosage(visits_per_day, 15 * visits_per_day)
    doses = [place(f"h{i}", east=400.0 * i, dosage=dosage) for i in range(places)]
    shifts = expand_shifts(roster(), first=first_day(), days=days, zone=ZONE, meals=policy().meals)
    stops = locate_stops(doses, [Base("station", 500_000.0, 200_000.0)])
    tables = {"foot": straight_line_table(stops, "foot", FOOT, quantile=0.8)}
    return doses, assess_capacity(doses, shifts, tables, policy().planner, days=days)


def test_the_arithmetic_of_one_area_can_be_followed_by_hand() -> None:
    _, area_capacity = capacity()
    (area,) = area_capacity.areas
    assert area.unit_shifts_per_day == 2
    assert area.open_minutes_per_day == 2 * (480 - 45)
    assert area.wanted_per_day == 12
    ends = 2 * np.mean([0, 4, 8, 12])
    by_nearest = (435 - ends) / (15 + 6)  # 4 minutes and 2 to settle
    assert area.possible_per_day.high == pytest.approx(2 * by_nearest)
    assert area.possible_per_day.low <= area.possible_per_day.value <= area.possible_per_day.high
    assert area_capacity.short == ()
    assert area.remedies == ()


def test_more_dosage_than_minutes_is_scaled_or_refused_as_the_policy_says() -> None:
    places, area_capacity = capacity(visits_per_day=20.0)
    (area,) = area_capacity.short
    assert any("more unit-shifts a day" in way for way in area.remedies)
    fitted, told = fit_dosage(places, area_capacity, when_short="scale")
    visits = sum(p.dosage.visits_per_day for p in fitted)
    assert visits == pytest.approx(0.97 * area.possible_per_day.value)
    assert "every target there is scaled to" in told[0]
    with pytest.raises(PlanError, match="More dosage is wanted than there are minutes") as refused:
        fit_dosage(places, area_capacity, when_short="refuse")
    assert refused.value.faults[0].where == "North"


def test_hours_with_nobody_on_duty_are_told() -> None:
    _, area_capacity = capacity()
    assert area_capacity.uncovered
    assert "nobody is on duty" in area_capacity.uncovered[0]


@pytest.mark.data
def test_westminsters_streets_give_252_stops_in_two_seconds(shared_data: Path) -> None:
    network = read_streets(shared_data / "streets" / "westminster_drive.graphml.gz", crs=CRS)
    rng = np.random.default_rng(3)
    at = network.junctions[rng.integers(0, len(network.junctions), 252)] + rng.normal(0, 20, (252, 2))
    stops = {f"h{i}": (float(x), float(y)) for i, (x, y) in enumerate(at)}
    for mode, pace in PACES.items():
        table = build_street_table(network, stops, mode, pace, quantile=0.8)
        assert np.isfinite(table.table.minutes).all()
        assert not find_broken_triangles(table.table)
        crow = straight_line_table(
            stops, mode, replace(pace, detour=1.0, kph=60.0, p80_factor=1.0), quantile=0.8
        )
        assert (table.table.minutes >= crow.minutes - pace.fixed_minutes - 0.2).all()
