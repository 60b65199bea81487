"""Real robberies of London: the known answers, and the back-test that must be shown."""

from __future__ import annotations

from datetime import date

import ibis
import numpy as np
import pyarrow.parquet as pq
import pytest
from pyproj import Transformer

from becalm.find.core.backtest import backtest
from becalm.find.core.hotspots import find_hotspots
from becalm.find.core.settings import Targets
from becalm.tables import PlaceCounts, arrow_schema, count_places, count_points_per_cell

pytestmark = pytest.mark.data

ROBBERY = Targets(("robbery",), ("theft_from_the_person",), ("drugs", "possession_of_weapons"))


@pytest.fixture(scope="module")
def incidents(shared_data):
    """The street points as incidents; only what finding needs is filled in."""
    points = pq.read_table(shared_data / "london" / "street_points_2018-02_2020-05.parquet").to_pandas()
    to_metres = Transformer.from_crs("EPSG:4326", "EPSG:27700", always_xy=True)
    easting_m, northing_m = to_metres.transform(points["lon"].to_numpy(), points["lat"].to_numpy())
    columns = {
        "source": "london_street_points",
        "month": points["month"].astype(str),
        "as_of": date(2020, 7, 1),
        "offence_group": points["crime_type"].astype(str).str.lower().str.replace(" ", "_"),
        "easting_m": easting_m,
        "northing_m": northing_m,
        "location_quality": "snap",
    }
    frame = points[[]].assign(**columns)
    types = ibis.schema(arrow_schema("incidents"))
    return ibis.memtable(frame, schema=ibis.schema({name: types[name] for name in columns}))


@pytest.fixture(scope="module")
def counts(incidents) -> PlaceCounts:
    """All offences on cells of 150 m of the British National Grid."""
    return count_places(incidents, cell_m=150.0)


def test_the_250_fullest_cells_of_the_year_hold_17_point_4_per_cent_and_the_last_had_15(counts):
    year = [counts.months.index(month) for month in ("2019-04", "2020-03")]
    chosen = counts.group_index == counts.groups.index("robbery")
    chosen &= (counts.month_index >= year[0]) & (counts.month_index <= year[1])
    cells = np.stack([counts.columns[chosen], counts.rows[chosen]])
    _, cell = np.unique(cells, axis=1, return_inverse=True)
    falling = np.sort(np.bincount(cell.ravel(), counts.counts[chosen]))[::-1]
    assert falling[:250].sum() / falling.sum() == pytest.approx(0.174, abs=0.0005)
    assert falling[249] == 15


def test_the_blend_beats_twelve_months_of_counts_and_is_not_below_any_simple_method(counts):
    done = backtest(counts, ROBBERY, rng=np.random.default_rng(1))
    rows = {row.method: row for row in done.rows}
    blend = rows.pop("blend")
    assert done.months[0] == "2019-06"
    assert blend.difference_from_count_12.low > 0
    assert blend.pai.value > max(row.pai.value for row in rows.values()) - 0.3
    assert blend.log_score > max(row.log_score for row in rows.values())
    assert rows["count_12"].pai.value == pytest.approx(16.7, abs=0.1)


def test_the_list_says_how_sure_it_is_and_beside_what_chance_alone_gives(counts):
    found = find_hotspots(counts, ROBBERY, crs="EPSG:27700", rng=np.random.default_rng(1))
    assert len(found.hotspots) == 250
    assert 0.6 < found.mean_p_top < 0.95
    assert found.concentration.share_25 < found.concentration.null_share_25 / 3
    assert found.hotspots[0].expected_count.value > 4


def test_small_cells_rank_the_points_of_the_map(incidents):
    shares = {m: (p := count_points_per_cell(incidents, cell_m=m)).single / p.cells for m in (50.0, 150.0)}
    assert shares[50.0] > 0.9
    assert shares[150.0] < 0.5
