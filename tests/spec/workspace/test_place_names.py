"""What places are called: by streets, by landmarks, by the force itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import shapely

from becalm.terms import InputError
from becalm.workspace.place_names import (
    Gazetteer,
    NamedStreets,
    UnnamedPlace,
    clean_name,
    name_places,
    read_gazetteer,
    read_named_streets,
)

STREETS = NamedStreets(
    ("High Street", "Mill Lane", ""),
    shapely.linestrings([[[0, 0], [2_000, 0]], [[500, -500], [500, 500]], [[900, -9], [900, 9]]]),
)


def place(place_id: str, easting_m: float, northing_m: float = 10.0) -> UnnamedPlace:
    return UnnamedPlace(place_id, easting_m, northing_m, 85.0)


def named(*places: UnnamedPlace, gazetteer: Gazetteer | None = None) -> dict[str, str]:
    return dict(name_places(places, STREETS, gazetteer or Gazetteer()).name_of_place)


def test_a_place_is_called_by_the_two_nearest_named_streets() -> None:
    assert named(place("corner", 480), place("middle", 1_500)) == {
        "corner": "High Street and Mill Lane",
        "middle": "High Street",
    }


def test_places_that_would_be_called_alike_say_on_which_side_they_lie() -> None:
    assert named(place("a", 1_000), place("b", 1_500)) == {
        "a": "High Street (west)",
        "b": "High Street (east)",
    }
    names = named(*(place(str(east), east) for east in range(1_000, 2_000, 100)))
    assert len(set(names.values())) == len(names)


def test_the_force_s_own_name_comes_first_and_a_landmark_last() -> None:
    own = Gazetteer({"corner": "The Cross"}, (("Old Mill", 1_500.0, 900.0),))
    names = name_places(
        [place("corner", 480), place("up", 1_500, 960), place("far", 1_500, 3_000)], STREETS, own
    )
    assert names.name_of_place == {"corner": "The Cross", "up": "Old Mill"}
    assert names.nameless == ("far",)
    assert "far" in names.notes[0]


def test_a_gazetteer_with_faults_names_all_of_them(tmp_path: Path) -> None:
    path = tmp_path / "gazetteer.csv"
    path.write_text(
        "name,place_id,longitude,latitude\nThe Cross,a,,\nthe cross,b,,\n,c,,\nPark,,181,50\nQuay,a,,\n",
        "utf-8",
    )
    with pytest.raises(InputError) as error:
        read_gazetteer(path, crs="EPSG:27700")
    faults = [(fault.where, fault.what) for fault in error.value.faults]
    assert faults == [
        ("gazetteer.csv, row 2", "calls another place 'The Cross' as well"),
        ("gazetteer.csv, row 3", "calls another place 'the cross' as well"),
        ("gazetteer.csv, row 4", "has no name"),
        ("gazetteer.csv, row 5", "has no place_id and no position"),
        ("gazetteer.csv, row 6", "names a a second time"),
    ]


def test_names_of_a_street_file_are_read_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "streets.geojson"
    path.write_text(
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"name": "Mill Lane"}, '
        '"geometry": {"type": "LineString", "coordinates": [[-0.1, 51.5], [-0.1, 51.51]]}}]}',
        "utf-8",
    )
    streets = read_named_streets(path, crs="EPSG:27700")
    assert streets.names == ("Mill Lane",)
    assert shapely.length(streets.lines)[0] == pytest.approx(1_112, rel=0.01)


@pytest.mark.parametrize(("text", "name"), [('["A & B", "C"]', "A & B"), (" x \n y ", "x y"), ("[]", "[]")])
def test_a_name_is_one_line_of_one_street(text: str, name: str) -> None:
    assert clean_name(text) == name
