"""Places that are no cells: whose an incident is, what is left out, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from made_places import ROBBERY
from shaped import CRS, areas_file, clustered, point_counts

from becalm.find.core.build_places import build_own_places, build_street_places, build_tiles, exclude_land
from becalm.find.core.hotspots import find_hotspots
from becalm.find.core.place_panel import build_panel
from becalm.find.core.settings import FindSettings
from becalm.methods.place_set import Lattice
from becalm.terms import InputError, QuestionError
from becalm.workspace.shapes import read_land, read_own_areas, read_street_lines

SETTINGS = FindSettings(count=10)
TOWN = shapely.box(0, 0, 2_000, 2_000)
ENDS = [((0, 0), (100, 0)), ((100, 0), (200, 0)), ((100, -100), (100, 0)), ((100, 100), (100, 0))]
CROSS = np.array([shapely.LineString(ends) for ends in (*ENDS, ENDS[0][::-1])], dtype=object)


@pytest.fixture(scope="module")
def robberies():
    return clustered(np.random.default_rng(4))


@pytest.mark.parametrize(
    ("lattice", "kind"),
    [
        (Lattice("square", 100.0, 30.0), "square"),
        (Lattice("hexagon", 100.0), "hexagon"),
        (Lattice("hexagon", 100.0, 17.0), "hexagon"),
    ],
)
def test_a_list_of_tiles_has_their_kind_outline_and_exact_area(robberies, lattice, kind):
    places = build_tiles(lattice, robberies, ROBBERY, TOWN)
    found = find_hotspots(
        robberies, ROBBERY, crs=CRS, places=places, settings=SETTINGS, rng=np.random.default_rng(1)
    )
    assert found.kind == kind
    assert found.area_m2 == pytest.approx(4e6)
    for hotspot in found.hotspots:
        outline = shapely.from_wkt(hotspot.shape.outline)
        assert hotspot.kind == kind
        assert outline.area == pytest.approx(hotspot.area_m2, abs=1.0)
        assert outline.distance(shapely.Point(hotspot.centre_m)) == 0.0


def test_without_a_boundary_the_tiles_that_hold_a_record_compete(robberies):
    places = build_tiles(Lattice("hexagon", 100.0), robberies, ROBBERY, None)
    assert (places.locate(robberies.easting_m, robberies.northing_m) >= 0).all()
    assert "footprint" in places.denominator
    assert set(places.locate(robberies.easting_m, robberies.northing_m)) == set(range(places.size))


def test_an_incident_on_the_line_between_two_areas_belongs_to_the_first():
    halves = np.array([shapely.box(0, 0, 10, 10), shapely.box(10, 0, 20, 10)], dtype=object)
    places = build_own_places(["west", "east"], halves, None)
    assert places.locate(np.array([5.0, 10.0, 15.0, 25.0]), np.full(4, 5.0)).tolist() == [0, 0, 1, -1]


def test_own_areas_outside_the_boundary_are_left_out_and_counted():
    areas = np.array([shapely.box(0, 0, 10, 10), shapely.box(100, 0, 110, 10)], dtype=object)
    places = build_own_places(["in", "out"], areas, shapely.box(0, 0, 5, 10))
    assert places.ids == ("in",)
    assert places.amounts.tolist() == [50.0]
    assert places.notes == ("1 of the given areas lie outside the boundary and are left out.",)


def test_excluded_land_is_cut_from_places_and_a_place_wholly_on_it_is_gone(robberies):
    places = build_tiles(Lattice("square", 100.0), robberies, ROBBERY, TOWN)
    left = exclude_land(places, shapely.box(0, 0, 150, 100))
    assert left.size == places.size - 1
    assert left.amounts.sum() == pytest.approx(4e6 - 15_000)
    assert left.locate(np.array([50.0, 140.0, 160.0]), np.full(3, 50.0))[:2].tolist() == [-1, -1]
    assert "2 places lie on excluded land: 1 wholly" in left.notes[0]


def test_streets_are_measured_in_kilometres_and_junctions_take_their_arms():
    places = build_street_places(CROSS, None, junction_m=20.0, snap_m=30.0)
    assert places.amounts.sum() == pytest.approx(400.0)
    (junction,) = [i for i, name in enumerate(places.ids) if name.startswith("jun")]
    assert places.amounts[junction] == pytest.approx(80.0)
    assert places.denominator == "0.4 km of street"
    x, y = np.array([101.0, 150.0, 150.0, 150.0]), np.array([2.0, 5.0, 29.0, 31.0])
    at = places.locate(x, y)
    assert at[0] == junction
    assert at[1] == at[2] != junction
    assert at[3] == -1  # further than 30 m from any street


def test_incidents_further_from_any_street_than_allowed_are_counted_and_said():
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.uniform(0, 200, 480), np.full(24, 50.0)])
    y = np.concatenate([rng.normal(0, 3, 480), np.full(24, 90.0)])
    counts = point_counts(x, y, np.concatenate([np.arange(480) % 24, np.arange(24)]))
    places = build_street_places(CROSS, None, junction_m=0.0, snap_m=40.0)
    found = find_hotspots(
        counts, ROBBERY, crs=CRS, places=places, settings=FindSettings(count=3),
        rng=np.random.default_rng(1),
    )  # fmt: skip
    assert (
        "24 incidents of the target lie further than 40 m from any street and are left out." in found.warnings
    )
    assert all(h.area_m2 == 0.0 and h.shape.length_m > 0 for h in found.hotspots)


def test_questions_that_need_cells_refuse_other_places(robberies):
    places = build_tiles(Lattice("hexagon", 100.0), robberies, ROBBERY, TOWN)
    panel = build_panel(robberies, ROBBERY, places=places, settings=SETTINGS)
    with pytest.raises(QuestionError, match="needs square cells"):
        _ = panel.grid


class TestFilesOfAreas:
    square = shapely.box(530_000, 180_000, 530_100, 180_100)

    def test_areas_are_named_by_the_one_column_that_tells_them_apart(self, tmp_path):
        path = areas_file(
            tmp_path / "a.gpkg", [shapely.box(200, 0, 300, 100), shapely.box(0, 0, 100, 100)],
            beat=[12, 7], force=["x", "x"],
        )  # fmt: skip
        areas = read_own_areas(path, crs=CRS, id_column=None)
        assert areas.names == ("12", "7")
        assert shapely.area(areas.shapes).tolist() == [10_000.0, 10_000.0]

    def test_every_faulty_area_is_named_at_once(self, tmp_path):
        bow_tie = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
        path = areas_file(
            tmp_path / "a.gpkg",
            [shapely.Polygon([(530_000 + x, 180_000 + y) for x, y in bow_tie.exterior.coords]), None,
             shapely.box(-0.1, 51.5, -0.09, 51.6), self.square],
            beat=["a", "b", "c", "d"],
        )  # fmt: skip
        with pytest.raises(InputError) as refused:
            read_own_areas(path, crs=CRS, id_column="beat")
        said = str(refused.value)
        for words in (
            "has 3 faults",
            "Self-intersection",
            "has no shape",
            "degrees where the others have metres",
        ):
            assert words in said

    def test_areas_that_overlap_or_share_a_name_are_refused(self, tmp_path):
        shifted = shapely.box(530_050, 180_000, 530_150, 180_100)
        path = areas_file(tmp_path / "a.gpkg", [self.square, shifted], beat=["a", "b"])
        with pytest.raises(InputError, match="shares 5,000 m2 with"):
            read_own_areas(path, crs=CRS, id_column="beat")
        twice = areas_file(tmp_path / "b.gpkg", [self.square, shifted], beat=["a", "a"])
        with pytest.raises(InputError, match="is the name of several areas"):
            read_own_areas(twice, crs=CRS, id_column="beat")

    def test_a_column_that_is_not_there_or_not_clear_is_asked_for(self, tmp_path):
        path = areas_file(tmp_path / "a.gpkg", [self.square], beat=["a"], code=["b"])
        with pytest.raises(InputError, match="Name the right one with `id_column`"):
            read_own_areas(path, crs=CRS, id_column=None)
        with pytest.raises(InputError, match="has no column 'ward'"):
            read_own_areas(path, crs=CRS, id_column="ward")

    def test_degrees_become_metres_and_land_may_overlap(self, tmp_path):
        path = areas_file(
            tmp_path / "lake.geojson", [shapely.box(-0.1, 51.5, -0.09, 51.51)] * 2, crs="EPSG:4326", n=[1, 2]
        )
        assert read_land(path, crs=CRS).area == pytest.approx(695 * 1112, rel=0.01)


class TestFilesOfStreets:
    def test_lines_of_a_geopackage_are_cut_where_they_cross_and_points_refused(self, tmp_path):
        through = shapely.LineString([(0, 0), (200, 0)])
        path = areas_file(tmp_path / "s.gpkg", [through, *CROSS[2:4]], n=[1, 2, 3])
        lines = read_street_lines(path, crs=CRS)
        assert sorted(shapely.length(lines)) == pytest.approx([100.0] * 4)  # cut at the crossing
        wrong = areas_file(tmp_path / "p.gpkg", [shapely.Point(0, 0)], n=[1])
        with pytest.raises(InputError, match="is not a line"):
            read_street_lines(wrong, crs=CRS)

    def test_a_graph_gives_each_streets_own_course(self, tmp_path):
        path = tmp_path / "g.graphml"
        path.write_text(
            '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><key id="x" for="node" attr.name="x"/>'
            '<key id="y" for="node" attr.name="y"/><key id="g" for="edge" attr.name="geometry"/>'
            '<key id="c" for="graph" attr.name="crs"/><graph edgedefault="directed">'
            '<data key="c">EPSG:27700</data>'
            '<node id="a"><data key="x">0</data><data key="y">0</data></node>'
            '<node id="b"><data key="x">100</data><data key="y">0</data></node>'
            '<edge source="a" target="b"><data key="g">LINESTRING (0 0, 50 50, 100 0)</data></edge>'
            '<edge source="b" target="a"/></graph></graphml>'
        )
        lengths = shapely.length(read_street_lines(path, crs=CRS))
        assert lengths.tolist() == pytest.approx([2 * 50 * 2**0.5, 100.0])

    def test_a_file_of_another_kind_is_refused(self, tmp_path):
        (tmp_path / "s.txt").write_text("x")
        with pytest.raises(InputError, match="streets are read from"):
            read_street_lines(tmp_path / "s.txt", crs=CRS)
