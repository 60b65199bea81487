"""How finely records are placed: what is refused, and what doubt does to the order."""

from __future__ import annotations

import numpy as np
import pytest
from made_places import ROBBERY
from shaped import CRS, clustered

from becalm.find.core.build_places import build_tiles
from becalm.find.core.hotspots import find_hotspots
from becalm.find.core.location_uncertainty import fit_place_size, measure_location
from becalm.find.core.request import PlaceOptions
from becalm.find.core.settings import FindSettings
from becalm.methods.place_set import Lattice
from becalm.methods.point_spacing import point_spacing, sums_when_displaced
from becalm.tables import MovedPoints
from becalm.terms import QuestionError, UsageError


def snapped(step: float = 120.0, *, moved: float = 1.0) -> MovedPoints:
    x, y = (np.ravel(axis) for axis in np.meshgrid(np.arange(8) * step, np.arange(8) * step))
    counts = np.full(64, 10, dtype=np.int64)
    return MovedPoints(x, y, counts, counts, moved)


def test_points_on_a_square_grid_are_its_step_apart_and_uniform_within():
    points = snapped()
    inner = (points.easting_m % 840 > 0) & (points.northing_m % 840 > 0)
    spacing = point_spacing(points.easting_m, points.northing_m)
    assert spacing.around_m[inner] == pytest.approx(120.0)
    assert spacing.spread_m[inner] == pytest.approx(120.0 / 12**0.5)
    assert measure_location(points).spacing_m == pytest.approx(120.0)


def test_records_that_are_mostly_exact_are_in_no_doubt():
    assert measure_location(snapped(moved=0.3)) is None


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        (PlaceOptions(cell_m=50.0), "`cell_m 130`"),
        (PlaceOptions(unit="hexagon", cell_m=50.0), "`cell_m 130`"),
        (PlaceOptions(unit="h3", h3_resolution=12), "`h3_resolution 9`"),
    ],
)
def test_places_finer_than_the_records_are_refused_with_the_smallest_that_will_do(choice, says):
    location = measure_location(snapped(125.0))
    with pytest.raises(QuestionError, match=f"next point is typically 125 m away.*Take {says}, the smallest"):
        fit_place_size(choice, location)


def test_or_they_are_merged_and_that_is_said():
    location = measure_location(snapped(125.0))
    merged, warnings = fit_place_size(PlaceOptions(unit="hexagon", cell_m=50.0, merge=True), location)
    assert (merged.unit, merged.cell_m) == ("hexagon", 130.0)
    assert "merged into places of 130 m" in warnings[0]
    wide = PlaceOptions(cell_m=130.0)
    assert fit_place_size(wide, location) == (wide, ())


def test_moved_records_keep_their_number_and_spread_to_the_neighbours():
    def locate(x, y):
        return np.clip(np.floor(x / 100.0), 0, 2).astype(np.int64)

    mean, variance = sums_when_displaced(
        np.array([150.0]), np.array([0.0]), np.array([400]), np.array([1.0]), np.array([50.0]),
        locate=locate, size=3, rounds=2_000, rng=np.random.default_rng(3),
    )  # fmt: skip
    assert mean.sum() == pytest.approx(400.0)
    assert mean / 400 == pytest.approx([0.159, 0.683, 0.159], abs=0.01)
    assert variance == pytest.approx(400 * np.array([0.159 * 0.841, 0.683 * 0.317, 0.159 * 0.841]), rel=0.25)


def test_doubt_about_places_makes_the_list_less_sure_and_leaves_its_order():
    counts = clustered(np.random.default_rng(6))
    x, y = np.round(counts.easting_m / 100) * 100, np.round(counts.northing_m / 100) * 100
    points, at = np.unique(np.column_stack([x, y]), axis=0, return_inverse=True)
    n = np.bincount(at)
    location = measure_location(MovedPoints(points[:, 0], points[:, 1], n, n, 1.0))
    places = build_tiles(Lattice("square", 100.0), counts, ROBBERY, None)

    def made(doubt):
        return find_hotspots(
            counts, ROBBERY, crs=CRS, places=places, settings=FindSettings(count=10),
            location=doubt, rng=np.random.default_rng(1),
        )  # fmt: skip

    sure, unsure = made(None), made(location)
    assert [h.place_id for h in sure.hotspots] == [h.place_id for h in unsure.hotspots]
    assert unsure.mean_p_top < sure.mean_p_top
    assert unsure.location_error_m == location.typical_m > 0.0


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"unit": "own"}, "needs `places"),
        ({"unit": "h3", "turn_deg": 10.0}, "`turn_deg` goes with"),
        ({"snap_m": 0.0}, "above 0"),
    ],
)
def test_choices_that_do_not_go_together_are_refused(wrong, says):
    with pytest.raises(UsageError, match=says):
        PlaceOptions(**wrong)
