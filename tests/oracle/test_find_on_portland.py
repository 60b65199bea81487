"""Portland's burglary and vehicle theft by the rules of the challenge that they were published for."""

from __future__ import annotations

import gzip
from datetime import date

import numpy as np
import pandas as pd
import pytest
import shapely
from pyogrio import read_dataframe
from pyproj import Transformer

from becalm.find.core.backtest import backtest
from becalm.find.core.settings import Targets
from becalm.tables import PlaceCounts

pytestmark = pytest.mark.data
SQUARE_MILE_M2, SQUARE_FOOT_M2 = 2_589_988.11, 0.09290304
CELL_M = 150.0


@pytest.fixture(scope="module")
def land(shared_data):
    """Portland's police districts in metres."""
    districts = read_dataframe(f"/vsizip/{shared_data}/portland/boundary.zip/boundary")
    return shapely.unary_union(
        districts.set_crs("EPSG:2913", allow_override=True).to_crs("EPSG:6339").geometry
    )


def counts_of(shared_data, name: str, group: str) -> PlaceCounts:
    """The monthly counts of one of the challenge's files on cells of 150 m."""
    with gzip.open(shared_data / "portland" / f"{name}_2012-03_2017-02.csv.gz", "rt") as file:
        rows = pd.read_csv(file)
    x, y = Transformer.from_crs("EPSG:2913", "EPSG:6339", always_xy=True).transform(
        rows["x_coordina"].to_numpy(), rows["y_coordina"].to_numpy()
    )
    month = pd.to_datetime(rows["occ_date"]).to_numpy().astype("datetime64[M]").astype(np.int64)
    first = int(month.min())
    cells = np.floor(np.column_stack([x, y]) / CELL_M).astype(np.int64)
    entries, number = np.unique(np.column_stack([cells, month - first]), axis=0, return_counts=True)
    return PlaceCounts(
        cell_m=CELL_M,
        columns=entries[:, 0],
        rows=entries[:, 1],
        months=tuple(str(np.datetime64(first + m, "M")) for m in range(int(month.max()) - first + 1)),
        month_index=entries[:, 2],
        groups=(group,),
        group_index=np.zeros(len(entries), dtype=np.int64),
        counts=number,
        without_location=0,
        location_quality=(("exact", len(rows)),),
        source=f"portland_{group}",
        as_of=date(2017, 3, 1),
    )


@pytest.mark.parametrize(("name", "group", "least"), [("bur", "burglary", 0.03), ("veh", "theft", 0.12)])
def test_by_the_challenges_rules_the_blend_keeps_up_with_the_best_simple_method(
    shared_data, land, name, group, least
):
    share = 0.5 * SQUARE_MILE_M2 / land.area
    assert 62_500 < CELL_M**2 / SQUARE_FOOT_M2 < 360_000
    done = backtest(
        counts_of(shared_data, name, group),
        Targets((group,), (), ()),
        area_share=share,
        boundary=land,
        rng=np.random.default_rng(1),
    )
    assert done.area_m2 * share / SQUARE_MILE_M2 == pytest.approx(0.5, abs=0.01)
    rows = {row.method: row for row in done.rows}
    best = max(row.pai.value for method, row in rows.items() if method != "blend")
    assert rows["blend"].pai.value > best - 0.5
    assert rows["blend"].pei > least


@pytest.mark.parametrize(("name", "group"), [("bur", "burglary"), ("veh", "theft")])
def test_on_one_per_cent_of_the_land_the_blend_is_above_counts_for_sure(shared_data, land, name, group):
    done = backtest(
        counts_of(shared_data, name, group),
        Targets((group,), (), ()),
        origins=24,
        boundary=land,
        rng=np.random.default_rng(1),
    )
    rows = {row.method: row for row in done.rows}
    best = max(row.pai.value for method, row in rows.items() if method != "blend")
    assert rows["blend"].pai.value > best - 0.3
    assert rows["blend"].difference_from_count_12.low > 0
