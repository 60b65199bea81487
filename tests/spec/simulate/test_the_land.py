"""What the simulated city looks like."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from simulated import city, town

from becalm.simulate.city import SimulatedCity
from becalm.simulate.geography import crosses
from becalm.simulate.names import BOROUGHS
from becalm.simulate.places import build_map_points, to_wgs84
from becalm.simulate.settings import Effect, Settings
from becalm.terms import UsageError


def test_the_city_has_1600_square_kilometres_in_32_boroughs_of_12_command_units() -> None:
    land = city().plan.land
    assert shapely.area(land.boroughs()).sum() == pytest.approx(1_600e6, rel=1e-4)
    assert len(land.borough_names) == len(set(land.borough_names)) == 32
    assert len(set(land.unit_of_borough)) == 12
    assert np.bincount(land.unit_of_borough).max() <= 8


@pytest.mark.parametrize("make", [city, town], ids=["city", "town"])
def test_areas_nest_and_share_their_borders_without_gaps(make) -> None:
    land = make().plan.land
    for shapes in (land.cells, land.wards(), land.boroughs()):
        assert shapely.is_valid(shapes).all()
        assert shapely.coverage_is_valid(shapes)
        assert {s.geom_type for s in shapes} == {"Polygon"}
    assert not shapely.union_all(land.boroughs()).interiors
    assert len(set(land.ward_names)) == len(land.ward_names)
    assert len(set(land.lsoa_names)) == len(land.lsoa_names)


def test_no_area_can_be_mistaken_for_a_real_one() -> None:
    land = city().plan.land
    codes = (*land.lsoa_codes, *land.ward_codes, *land.borough_codes)
    assert not [c for c in codes if c[0] in "EWSN"]
    assert land.borough_names == BOROUGHS


def test_the_city_lies_in_the_sea_inside_the_area_of_its_coordinate_system() -> None:
    longitude, latitude = to_wgs84(np.array(shapely.union_all(city().plan.land.cells).exterior.coords))
    assert 0.6 < longitude.min() < longitude.max() < 2.0  # EPSG:27700 ends at 2.01 degrees east
    assert 53.3 < latitude.min() < latitude.max() < 54.1  # no land between Norfolk and Northumberland


def test_every_junction_can_be_reached_and_only_bridges_cross_the_river() -> None:
    plan = city().plan
    streets = plan.streets
    ones, shape = np.ones(len(streets.start)), (len(streets.nodes), len(streets.nodes))
    graph = coo_array((ones, (streets.start, streets.end)), shape=shape)
    assert connected_components(graph, directed=False)[0] == 1
    wet = crosses(streets.nodes[streets.start], streets.nodes[streets.end], plan.land.river)
    assert 5 <= wet.sum() <= 14


def test_streets_have_plausible_lengths_speeds_and_times() -> None:
    streets = city().plan.streets
    assert 120 < streets.length_m.mean() < 250
    assert streets.length_m.sum() / 1000 == pytest.approx(16_000, rel=0.3)  # kilometres
    assert set(streets.speed_kph) == {28.0, 40.0}
    assert 0.02 < streets.is_main.mean() < 0.12
    slow = 1000 / 28 * 60 / 1000
    assert streets.travel_minutes.max() <= streets.length_m.max() / 1000 * slow


def test_twenty_thousand_places_each_have_a_segment_of_their_own() -> None:
    places = city().plan.places
    assert len(places.kind) == len(set(places.segment)) == 20_000
    assert (places.lsoa >= 0).all()
    shares = np.bincount(places.address_place, places.address_share)
    assert np.allclose(shares, 1)


def test_a_published_map_point_stands_for_several_addresses() -> None:
    plan = city().plan
    points = build_map_points(plan.land, plan.streets, plan.places, np.random.default_rng(1))
    assert len(points.street) < 0.3 * len(plan.places.address_place)
    gap = points.position[points.of_address] - plan.places.address_position
    assert 20 < np.median(np.hypot(*gap.T)) < 200


def reach_of(made: SimulatedCity) -> float:
    return float(made.plan.land.radius_m)


def test_a_town_has_the_densities_of_the_city() -> None:
    small, large = town().plan, city().plan
    assert reach_of(town()) == pytest.approx(reach_of(city()) / 5, rel=0.01)
    assert small.streets.length_m.mean() == pytest.approx(large.streets.length_m.mean(), rel=0.1)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"incidents": -1}, "-1 incidents cannot happen"),
        ({"places": 90_000}, "90000 places do not fit"),
        ({"boroughs": 500}, "boroughs (500)"),
        ({"end": Settings().start}, "not after its start"),
    ],
)
def test_settings_that_make_no_city_are_refused(wrong, told) -> None:
    with pytest.raises(UsageError) as refused:
        Settings(**wrong)
    assert told in str(refused.value)


def test_an_effect_that_is_no_share_is_refused() -> None:
    with pytest.raises(UsageError, match="Give a number from 0 to 1"):
        Effect(size=25)
