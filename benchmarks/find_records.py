"""The blend less each simple method on public records: PAI at 1 % of the footprint, month by month.

Parts and beliefs of the score were chosen on the records marked "tuned". The simple method that was best in
the mean over those is the one that the blend is judged by on all others. Printed as Markdown; skipped where
the public data are absent. `python find_records.py chicago` takes the records of one city.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from pyproj import Transformer

from becalm.find.core.backtest import backtest
from becalm.find.core.counts_from_arrays import counts_from_points
from becalm.find.core.settings import FindSettings, Targets
from becalm.tables import PlaceCounts
from becalm.terms import Backtest

JUDGED_BY = "ewma"  # best of the simple methods in the mean over the tuned records
Record = tuple[str, PlaceCounts, Targets, int]


def counts_of(table: pd.DataFrame, epsg: int) -> PlaceCounts:
    """Counts on cells of 150 m from columns `lon`, `lat`, `month` and `group`."""
    to_metres = Transformer.from_crs("EPSG:4326", f"EPSG:{epsg}", always_xy=True)
    x, y = to_metres.transform(table["lon"].to_numpy(), table["lat"].to_numpy())
    group = table["group"].str.lower().str.replace(" ", "_").to_numpy(str)
    return counts_from_points(x, y, table["month"].to_numpy(str), group=group)


def thin(table: pd.DataFrame, group: str, share: float) -> pd.DataFrame:
    """The same records, of one group a random share."""
    is_kept = (table["group"] != group) | (np.random.default_rng(1).random(len(table)) < share)
    return table[is_kept]


def chicago(data: Path) -> Iterator[Record]:
    """Tuned on: violent offences of 2012 to 2015."""
    rows = pd.read_parquet(data / "chicago" / "violent_2012_2015.parquet").dropna(subset=["lat", "lon"])
    rows = rows[rows["lat"].between(41.6, 42.1)]
    table = rows.assign(month=rows["dt"].astype(str).str[:7], group=rows["primary_type"])
    groups = sorted(table["group"].str.lower().str.replace(" ", "_").unique())
    counts = counts_of(table, 26971)
    for group in groups:
        targets = Targets((group,), tuple(g for g in groups if g != group))
        yield f"*tuned:* Chicago {group}", counts, targets, 24
    tenth = counts_of(thin(table, "ROBBERY", 0.1), 26971)
    yield (
        "*tuned:* Chicago robbery, a tenth",
        tenth,
        Targets(("robbery",), tuple(g for g in groups if g != "robbery")),
        24,
    )


def toronto(data: Path) -> Iterator[Record]:
    """Judged on: major crime of 2014 to 2021."""
    rows = pd.read_parquet(data / "toronto" / "mci_2014_2021.parquet").drop_duplicates()
    month = rows["occurrencedate"].str[:7].str.replace("/", "-")
    rows = rows.assign(month=month, lon=rows["Long"], lat=rows["Lat"], group=rows["MCI"])
    rows = rows[(month >= "2014-01") & (rows["lat"] > 40)]
    counts = counts_of(rows, 26917)
    for group in ("robbery", "assault", "break_and_enter", "auto_theft"):
        related = () if group == "auto_theft" else tuple({"robbery", "assault"} - {group})
        yield f"*judged:* Toronto {group}", counts, Targets((group,), related), 48
    quarter = counts_of(thin(rows, "Robbery", 0.25), 26917)
    yield "*judged:* Toronto robbery, a quarter", quarter, Targets(("robbery",), ("assault",)), 48


def london(data: Path) -> Iterator[Record]:
    """Judged on: points of 2018-02 to 2020-05."""
    points = pd.read_parquet(data / "london" / "street_points_2018-02_2020-05.parquet")
    table = points.assign(month=points["month"].astype(str), group=points["crime_type"])
    counts = counts_of(table, 27700)
    yield "*judged:* London robbery", counts, Targets(("robbery",), ("theft_from_the_person",)), 12


def line(name: str, result: Backtest, seconds: float) -> str:
    """One row of the table."""
    rows = {row.method: row for row in result.rows}
    simple_methods = [method for method in rows if method != "blend"]
    best = max(simple_methods, key=lambda method: rows[method].pai.value)
    is_best_log = rows["blend"].log_score >= max(rows[m].log_score for m in simple_methods)
    gain = rows[JUDGED_BY].blend_gain
    blend, best_row = rows["blend"], rows[best]
    return (
        f"| {name} | {len(result.months)} | {blend.pai.value:.2f} "
        f"| {gain.value:+.2f} ({gain.low:+.2f} to {gain.high:+.2f}) "
        f"| {best} {best_row.pai.value:.2f} | {blend.log_score:.3f} {'best' if is_best_log else 'not best'} "
        f"| {blend.calibration:.2f} | {seconds:.1f} |"
    )


def main() -> None:
    """Print the table."""
    data = Path(os.environ.get("BECALM_SHARED_DATA", "../shared/data"))
    if not data.exists():
        print("The public data are absent: nothing to judge.")
        return
    heads = f"record | months | blend | less `{JUDGED_BY}` | best simple | log score | calibration"
    print(f"| {heads} | processor-s |\n{'|---' * 8}|")
    cities = {"chicago": chicago, "toronto": toronto, "london": london}
    for city in sys.argv[1:] or cities:
        for name, counts, targets, origins in cities[city](data):
            start = time.process_time()
            result = backtest(
                counts, targets, origins=origins, settings=FindSettings(), rng=np.random.default_rng(1)
            )
            print(line(name, result, time.process_time() - start), flush=True)


if __name__ == "__main__":
    main()
