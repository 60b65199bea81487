"""Finding hotspots from a notebook: arrays or GeoDataFrames in, a list or a GeoDataFrame out."""

from __future__ import annotations

from datetime import date

import geopandas
import numpy as np
import pytest
import shapely
from made_places import true_rates

from becalm.find import FindSettings, Rules, Targets, counts_from_points, find_hotspots
from becalm.find.files.geodataframes import area_from_frame, counts_from_frame, hotspots_frame
from becalm.terms import InputError, PlaceDecision, QuestionError

SIDE_M = 150.0


def drawn(months: int = 24, seed: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Eastings, northings and months of robberies on 8 x 8 cells in London."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(true_rates(8, rng, mean=1.0), (months, 8, 8))
    month, row, column = np.repeat(np.argwhere(counts), counts[counts > 0], axis=0).T
    at = rng.random((2, len(month))) * SIDE_M
    when = np.datetime64("2019-01", "M") + month
    return 530_100 + SIDE_M * column + at[0], 180_000 + SIDE_M * row + at[1], when


def listed(counts, **options):
    settings = FindSettings(count=10)
    return find_hotspots(
        counts,
        Targets(("robbery",)),
        crs="EPSG:27700",
        settings=settings,
        rng=np.random.default_rng(1),
        **options,
    )


def frame_of(crs: str = "EPSG:27700") -> geopandas.GeoDataFrame:
    x, y, when = drawn()
    points = geopandas.points_from_xy(x, y)
    made = geopandas.GeoDataFrame({"month": when.astype("datetime64[s]"), "kind": "robbery"}, geometry=points)
    return made.set_crs("EPSG:27700").to_crs(crs)


def test_a_few_lines_from_arrays_to_a_list():
    x, y, when = drawn()
    counts = counts_from_points(x, y, when, group="robbery")
    found = listed(counts)
    assert len(found.hotspots) == 10
    assert found.incidents == len(x)
    assert (found.first_month, found.last_month, found.as_of) == ("2019-01", "2020-12", date(2021, 1, 1))


def test_text_dates_and_days_count_in_their_month():
    x, y, when = drawn()
    text = counts_from_points(x, y, [f"{m}-15" for m in when.astype(str)], group="robbery")
    plain = counts_from_points(x, y, when.astype("datetime64[D]"), group=np.full(len(x), "robbery"))
    for name in ("columns", "rows", "month_index", "counts"):
        assert np.array_equal(getattr(text, name), getattr(plain, name))


def test_a_frame_gives_the_list_that_its_arrays_give():
    x, y, when = drawn()
    by_array = listed(counts_from_points(x, y, when, group="robbery"))
    by_frame = listed(counts_from_frame(frame_of(), when="month", group="kind"))
    assert by_frame.hotspots == by_array.hotspots
    degrees = counts_from_frame(frame_of("EPSG:4326"), when="month", group="kind", crs="EPSG:27700")
    assert [h.place_id for h in listed(degrees).hotspots] == [h.place_id for h in by_array.hotspots]


def test_several_frames_count_together():
    whole = frame_of()
    halves = [whole.iloc[:100], whole.iloc[100:]]
    one, two = (counts_from_frame(f, when="month", group="kind") for f in (whole, halves))
    assert np.array_equal(one.counts, two.counts)


def test_rules_hold_from_a_notebook_too_and_the_list_leaves_as_a_frame():
    x, y, when = drawn()
    counts = counts_from_points(x, y, when, group="robbery")
    best = listed(counts).hotspots[0].place_id
    decision = PlaceDecision(best, include=False, reason="the station is closed", by="B. Commander")
    found = listed(counts, rules=Rules(count=5, separation_m=300.0, decisions=(decision,)))
    frame = hotspots_frame(found)
    assert len(frame) == 5
    assert best not in set(frame["place_id"])
    assert frame.crs == "EPSG:27700"
    assert found.selection is not None
    assert found.selection.decisions == (decision,)
    assert {price.kind for price in found.selection.prices} == {"count", "separation", "leave_out"}


def test_a_boundary_frame_cuts_the_places():
    area = geopandas.GeoDataFrame(
        geometry=[shapely.box(530_100, 180_000, 531_000, 180_800)], crs="EPSG:27700"
    )
    boundary = area_from_frame(area.to_crs("EPSG:4326"), crs="EPSG:27700")
    x, y, when = drawn()
    found = listed(counts_from_points(x, y, when, group="robbery"), boundary=boundary)
    assert found.area_m2 == pytest.approx(900 * 800, rel=1e-3)


def with_nan(values: np.ndarray) -> np.ndarray:
    values = values.copy()
    values[3] = np.nan
    return values


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda x, y, when: (with_nan(x), y, when), r"are missing \(NaN\), the first at index 3"),
        (lambda x, y, when: (x[:-1], y, when), "differ: easting_m has"),
        (lambda x, y, when: (x / 1e4, y / 1e4, when), "look like degrees"),
        (lambda x, y, when: (x, y, np.full(len(when), "soon")), "are no dates"),
        (lambda x, y, when: (x[:0], y[:0], when[:0]), "not one incident"),
    ],
)
def test_arrays_that_cannot_be_counted_are_refused_with_a_remedy(change, says):
    with pytest.raises(InputError) as caught:
        counts_from_points(*change(*drawn()))
    assert says.replace("\\", "") in str(caught.value)
    assert "->" in str(caught.value)


def test_incidents_on_one_point_and_too_few_incidents_are_refused():
    x, y, when = drawn()
    with pytest.raises(QuestionError, match="on one single point"):
        counts_from_points(np.full(len(x), 530_000.0), np.full(len(x), 180_000.0), when)
    with pytest.raises(QuestionError, match="need 100"):
        listed(counts_from_points(x[::20], y[::20], when[::20], group="robbery"))


def moved(frame: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    return frame.set_geometry(frame.geometry.buffer(10))


@pytest.mark.parametrize(
    ("frames", "says"),
    [
        (lambda: frame_of("EPSG:4326"), "not in metres"),
        (lambda: [frame_of(), frame_of("EPSG:4326")], "different coordinate systems"),
        (lambda: frame_of().set_crs(None, allow_override=True), "no coordinate system"),
        (lambda: frame_of().drop(columns="month"), "has no column 'month'"),
        (lambda: moved(frame_of()), "are no points"),
        (lambda: frame_of().set_geometry([None, *frame_of().geometry[1:]], crs="EPSG:27700"), "are missing"),
    ],
)
def test_frames_that_cannot_be_counted_are_refused_with_a_remedy(frames, says):
    with pytest.raises(InputError, match=says):
        counts_from_frame(frames(), when="month", group="kind")


def test_a_boundary_that_crosses_itself_or_is_empty_is_refused():
    bow = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    with pytest.raises(InputError, match="Self-intersection"):
        area_from_frame(geopandas.GeoDataFrame(geometry=[bow], crs="EPSG:27700"), crs="EPSG:27700")
    point = geopandas.GeoDataFrame(geometry=[shapely.Point(0, 0)], crs="EPSG:27700")
    with pytest.raises(InputError, match="no area"):
        area_from_frame(point, crs="EPSG:27700")
