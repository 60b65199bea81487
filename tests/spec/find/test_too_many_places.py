"""Places that would be more than can be held are refused with the side that will do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from made_places import ROBBERY, drawn_places, true_rates
from shaped import clustered

from becalm.find.core.build_places import MOST_CELLS, build_tiles, check_cell_count
from becalm.find.core.place_panel import build_panel
from becalm.find.core.settings import FindSettings
from becalm.methods.place_set import Lattice
from becalm.terms import UsageError

TOWN = (400_000.0, 300_000.0, 410_000.0, 310_000.0)


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(4)
    return drawn_places(true_rates(10, rng), rng)


def test_the_side_that_is_named_will_do_and_one_metre_less_will_not():
    with pytest.raises(UsageError, match=r"10\.0 by 10\.0 km.*Take `cell_m 8` or more"):
        check_cell_count(TOWN, 0.5, max_cells=MOST_CELLS)
    check_cell_count(TOWN, 8.0, max_cells=MOST_CELLS)
    with pytest.raises(UsageError, match="`cell_m 8`"):
        check_cell_count(TOWN, 7.0, max_cells=MOST_CELLS)


def test_no_ground_at_all_is_left_to_better_words():
    check_cell_count((float("nan"),) * 4, 0.5, max_cells=MOST_CELLS)


def test_cells_inside_a_boundary_are_refused_before_they_are_made(counts):
    fine = replace(counts, cell_m=0.5)
    with pytest.raises(UsageError, match="`cell_m 8` or more"):
        build_panel(fine, ROBBERY, boundary=shapely.box(*TOWN), settings=FindSettings())


def test_records_far_from_all_others_are_named_as_a_cause_where_there_is_no_boundary(counts):
    columns = counts.columns.copy()
    columns[0] = 10_000_000
    with pytest.raises(UsageError, match="correct records that lie far from all others"):
        build_panel(replace(counts, columns=columns), ROBBERY, settings=FindSettings())


@pytest.mark.parametrize("lattice", [Lattice("hexagon", 0.5), Lattice("square", 0.5, 30.0)])
def test_tiles_are_refused_too(lattice):
    with pytest.raises(UsageError, match="`cell_m 2` or more"):
        build_tiles(lattice, clustered(np.random.default_rng(1)), ROBBERY, shapely.box(0, 0, 1900, 1900))
