"""Two records with their digits swapped do not stretch the ground; a town apart stays."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from becalm.find.core.stray_records import drop_strays, find_strays
from becalm.tables import PointCounts


def points(*groups: tuple[float, float, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """So many single records around each point (easting and northing in kilometres)."""
    rng = np.random.default_rng(1)
    places = [np.array([x, y]) * 1_000 + rng.uniform(-900, 900, (n, 2)) for x, y, n in groups]
    easting_m, northing_m = np.concatenate(places).T
    return easting_m, northing_m, np.ones(len(easting_m), dtype=np.int64)


@pytest.mark.parametrize(
    ("groups", "strays"),
    [
        (((530, 180, 800), (305, 18, 2)), 2),  # digits swapped
        (((530, 180, 800), (0, 0, 1), (530, 9_000, 1)), 2),  # no coordinates, and one far north
        (((530, 180, 800), (538, 188, 2)), 0),  # the edge of the city
        (((530, 180, 800), (560, 180, 40)), 0),  # a town of its own: a twentieth of the records
        (((530, 180, 400), (330, 180, 400)), 0),  # two halves
        (((530, 180, 3),), 0),
    ],
)
def test_few_records_far_from_all_others_are_stray(
    groups: tuple[tuple[float, float, int], ...], strays: int
) -> None:
    assert find_strays(*points(*groups)).sum() == strays


def test_what_is_left_out_is_said_and_the_rest_is_as_it_was() -> None:
    easting_m, northing_m, records = points((530, 180, 800), (305, 18, 2))
    counts = PointCounts(
        months=("2020-01",),
        month_index=np.zeros(802, dtype=np.int64),
        groups=("robbery",),
        group_index=np.zeros(802, dtype=np.int64),
        counts=records,
        without_location=0,
        location_quality=(("exact", 802),),
        source="drawn",
        as_of=date(2020, 2, 1),
        easting_m=easting_m,
        northing_m=northing_m,
    )
    kept, warnings = drop_strays(counts)
    assert kept.easting_m.tolist() == easting_m[:800].tolist()
    assert len(kept.month_index) == len(kept.group_index) == len(kept.counts) == 800
    assert warnings == (
        "Left out as stray: 2 records more than 10 km from all others. "
        "Correct their coordinates, or give the city's boundaries.",
    )
    assert drop_strays(kept) == (kept, ())


def test_where_no_record_has_a_place_there_is_none_to_leave_out() -> None:
    none, nowhere = np.zeros(0, dtype=np.int64), np.zeros(0)
    counts = PointCounts(
        months=("2020-01",),
        month_index=none,
        groups=("robbery",),
        group_index=none,
        counts=none,
        without_location=9,
        location_quality=(),
        source="drawn",
        as_of=date(2020, 2, 1),
        easting_m=nowhere,
        northing_m=nowhere,
    )
    assert drop_strays(counts) == (counts, ())
