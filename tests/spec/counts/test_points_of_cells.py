"""On how many points the records of a cell lie, and from when that is counted at all."""

from __future__ import annotations

import ibis
import pytest
from records import incidents

from becalm.tables import count_points_per_cell


def at(*points: tuple[float, float, int]):
    """So many records on each of these points."""
    rows = [{"easting_m": x, "northing_m": y} for x, y, records in points for _ in range(records)]
    return ibis.memtable(incidents(rows))


def test_where_most_cells_hold_one_point_their_points_are_counted():
    found = count_points_per_cell(at((10, 10, 6), (110, 10, 5), (210, 10, 3), (260, 10, 4)), cell_m=100)
    assert (found.cells, found.single, found.records, found.points) == (3, 2, 18, 4)


@pytest.mark.parametrize("second", [(60, 10, 5), (10, 60, 5)])
def test_a_point_beside_or_above_the_first_makes_a_cell_of_several(second):
    found = count_points_per_cell(at((10, 10, 5), second, (110, 10, 5)), cell_m=100)
    assert (found.cells, found.single) == (2, 1)
    assert found.points is None, "half of the cells are not most, so nobody asks"


def test_cells_of_few_records_are_not_looked_at():
    found = count_points_per_cell(at((10, 10, 4), (110, 10, 5)), cell_m=100)
    assert (found.cells, found.single, found.records, found.points) == (1, 1, 5, 1)
    looser = count_points_per_cell(at((10, 10, 4), (110, 10, 5)), cell_m=100, least_records=4)
    assert (looser.cells, looser.points) == (2, 2)


def test_records_without_a_place_or_no_cell_with_enough_give_nothing():
    nowhere = ibis.memtable(incidents([{}, {"easting_m": 1.0, "northing_m": 1.0}]))
    found = count_points_per_cell(nowhere, cell_m=100)
    assert (found.cells, found.single, found.records, found.points) == (0, 0, 0, None)
