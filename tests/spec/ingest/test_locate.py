"""Where a point is put, and which borough it falls in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import shapely

from becalm.ingest.locate import Locator, distinct_points
from becalm.tables import Boundaries
from becalm.terms import City, InputError
from becalm.workspace.config import read_city

LONDON = read_city("london").city()
NOWHERE = City("x", "X", "EPSG:27700", "Europe/London", "")


def squares(crs: str = "EPSG:27700") -> Boundaries:
    west, east = shapely.box(0, 0, 100, 100), shapely.box(100, 0, 200, 100)
    return Boundaries(("East", "West"), (east, west), crs)


def test_the_survey_s_own_worked_example_comes_out() -> None:
    # Ordnance Survey, A guide to coordinate systems in Great Britain, appendix C: latitude 52°39'27.2531" N,
    # longitude 1°43'4.5177" E on the national datum is 651409.903 mE, 313177.270 mN.
    place = Locator(LONDON).locate(
        [1 + 43 / 60 + 4.5177 / 3600], [52 + 39 / 60 + 27.2531 / 3600], crs="EPSG:4277"
    )
    assert place.easting_m[0] == pytest.approx(651_409.903, abs=0.002)
    assert place.northing_m[0] == pytest.approx(313_177.270, abs=0.002)


def test_the_city_s_own_metres_are_left_as_they_are() -> None:
    place = Locator(LONDON).locate([530_000.0], [180_000.0], crs="EPSG:27700")
    assert (place.easting_m[0], place.northing_m[0]) == (530_000.0, 180_000.0)


def test_no_coordinates_zero_zero_and_far_off_points_are_not_known() -> None:
    nan = np.nan
    place = Locator(LONDON).locate([nan, 0, -87.6, nan, 181, -0.1], [nan, 0, 41.8, 51.5, 95, 51.5])
    assert place.is_known.tolist() == [False, False, False, False, False, True]
    assert place.is_absent.tolist() == [True, False, False, False, False, False]
    assert np.isnan(place.easting_m[~place.is_known]).all()
    assert np.isnan(place.northing_m[~place.is_known]).all()


def test_a_point_is_in_the_borough_whose_shape_holds_it_and_on_a_border_in_the_first() -> None:
    locator = Locator(NOWHERE, squares())
    place = locator.locate(
        [150.0, 50.0, 100.0, 300.0, np.nan], [50.0, 50.0, 50.0, 50.0, np.nan], crs="EPSG:27700"
    )
    assert locator.boroughs(place).tolist() == ["East", "West", "East", None, None]


def test_what_the_record_says_fills_only_what_no_shape_answers() -> None:
    locator = Locator(NOWHERE, squares())
    place = locator.locate([150.0, np.nan], [50.0, np.nan], crs="EPSG:27700")
    assert locator.boroughs(place, stated_boroughs=["Elsewhere", "West"]).tolist() == ["East", "West"]


def test_without_shapes_the_record_alone_says() -> None:
    locator = Locator(NOWHERE)
    place = locator.locate([150.0, 50.0], [50.0, 50.0], crs="EPSG:27700")
    assert locator.boroughs(place, stated_boroughs=["A", None]).tolist() == ["A", None]


@pytest.mark.parametrize(
    ("words", "borough"),
    [
        ("Westminster 013B", "Westminster"),
        ("Hammersmith & Fulham 002A", "Hammersmith and Fulham"),
        ("kingston upon thames", "Kingston upon Thames"),
        ("Barnsley 005C", "Barnsley"),
        ("somewhere else", None),
        ("", None),
        (None, None),
    ],
)
def test_a_small_area_s_name_states_the_borough(words: str | None, borough: str | None) -> None:
    assert Locator(LONDON).stated_borough(words) == borough


def test_in_a_city_without_a_list_of_boroughs_the_name_s_stem_is_the_borough() -> None:
    assert Locator(NOWHERE).stated_borough("Barnsley 005C") == "Barnsley"


def test_boroughs_lie_in_their_command_units() -> None:
    units = Locator(LONDON).command_units(["Camden", "City of London", None, "Leeds"])
    assert units.tolist() == ["Central North", None, None, None]


def test_points_in_the_country_but_not_in_the_city_are_known_and_told_apart() -> None:
    locator = Locator(LONDON)
    place = locator.locate([-1.55, -0.1], [53.8, 51.5])
    assert place.is_known.tolist() == [True, True]
    assert locator.is_outside_extent(place).tolist() == [True, False]


def test_a_coordinate_system_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InputError, match="EPSG code"):
        Locator(LONDON).locate([1.0], [2.0], crs="EPSG:99999999")


def test_threads_share_a_locator() -> None:
    locator = Locator(NOWHERE, squares("EPSG:27700"))
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-1, 1, 20_000), rng.uniform(51, 52, 20_000)
    alone = locator.locate(x, y)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: locator.locate(x, y), range(8)))
    assert all(np.array_equal(alone.easting_m, place.easting_m) for place in together)


def test_distinct_points_come_back_in_the_places_of_their_rows() -> None:
    x = np.array([1.0, 2.0, 1.0, np.nan, np.nan, 1.0])
    y = np.array([5.0, 5.0, 5.0, np.nan, np.nan, 6.0])
    xs, ys, of_row = distinct_points(x, y)
    assert len(xs) == 4
    np.testing.assert_array_equal(xs[of_row], x)
    np.testing.assert_array_equal(ys[of_row], y)


def test_shapes_and_facts_decide_the_key_of_a_recipe() -> None:
    keys = {Locator(NOWHERE).key, Locator(NOWHERE, squares()).key, Locator(LONDON).key}
    assert len(keys) == 3
    assert Locator(NOWHERE, squares()).key in keys
