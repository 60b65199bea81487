"""From one or ten million archived incidents to 250 places with certainty, by pieces, against named peers.

No peer makes such a list, so the pieces are compared: counting against DuckDB and NumPy, smoothing
against the direct sum that defines it, the back-test against its own target. A city of 40 x 40 km
with 1,000,000 street offences of 36 months, three quarters of them in 4,000 clusters, on cells of 150 m.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import shapely
from _measure import report, seconds

from becalm.archive.parquet import ParquetArchive, connect
from becalm.desk import Desk
from becalm.find.core.backtest import backtest
from becalm.find.core.hotspots import find_hotspots as find_places
from becalm.find.core.settings import Targets
from becalm.find.desk.hotspots import HotspotRequest, PlaceOptions, RecordOptions, find_hotspots
from becalm.find.files.hotspots import hotspots_geojson
from becalm.methods.grid import clip_cells
from becalm.methods.neighbourhood import smooth_raster
from becalm.tables import PlaceCounts, TablePart, arrow_schema, count_places
from becalm.workspace.config import CityEntry, Config, Workspace

INCIDENTS, MONTHS, SIDE_M, CELL_M, CLUSTERS = 1_000_000, 36, 40_000.0, 150.0, 4_000
GROUPS = np.array(["robbery", "theft_from_the_person", "violence_and_sexual_offences"])
TARGETS = Targets(("robbery",), ("theft_from_the_person", "violence_and_sexual_offences"), ())
CITY = CityEntry(key="bench", name="Bench", crs="EPSG:27700", time_zone="Europe/London")


def draw_points(rng: np.random.Generator, incidents: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Eastings, northings and months of all incidents."""
    weight = rng.pareto(1.3, CLUSTERS) + 0.05
    cluster = rng.choice(CLUSTERS, incidents, p=weight / weight.sum())
    centre = rng.uniform(0, SIDE_M, (CLUSTERS, 2))
    spread = rng.uniform(40, 200, CLUSTERS)
    points = centre[cluster] + rng.normal(size=(incidents, 2)) * spread[cluster, None]
    even = rng.random(incidents) < 0.25
    points[even] = rng.uniform(0, SIDE_M, (int(even.sum()), 2))
    points = np.clip(points, 0, SIDE_M - 1)
    return 500_000 + points[:, 0], 160_000 + points[:, 1], rng.integers(0, MONTHS, incidents)


def fill(
    archive: ParquetArchive, rng: np.random.Generator, incidents: int = INCIDENTS
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keep the incidents in the archive, a part a month."""
    easting_m, northing_m, month = draw_points(rng, incidents)
    group = GROUPS[rng.choice(3, incidents, p=[0.3, 0.2, 0.5])]
    schema = arrow_schema("incidents")
    fixed = {"source": "bench", "file": "f", "found_by": "victim", "precision": "month", "offence": "o"}
    fixed |= {"weapon": "unknown", "location_quality": "exact", "as_of": date(2024, 1, 1)}
    with archive.intake() as intake:
        for m in range(MONTHS):
            at = np.flatnonzero(month == m)
            name = f"{2020 + m // 12}-{m % 12 + 1:02}"
            given = {
                "incident_id": pa.array(at.astype(str)),
                "offence_group": pa.array(group[at]),
                "easting_m": pa.array(easting_m[at]),
                "northing_m": pa.array(northing_m[at]),
            }
            given |= {k: pa.repeat(pa.scalar(v), len(at)) for k, v in {**fixed, "month": name}.items()}
            empty = {f.name: pa.nulls(len(at), f.type) for f in schema}
            rows = pa.table({**empty, **given}, schema=schema)
            intake.add(
                TablePart("incidents", "bench", name, rows),
                as_of=date(2024, 1, 1),
                input_file="bench",
                input_sha256=name,
                recipe="bench",
                recipe_sha256="1",
            )
        intake.commit()
    return easting_m, northing_m, month


def desk_on(folder: Path) -> Desk:
    """A desk on the archive in this folder, opened again."""
    workspace = Workspace(folder, Config(city=CITY))
    archive = ParquetArchive(folder / "archive", lambda: connect("duckdb"))
    return Desk(workspace, archive, "bench", lambda: datetime(2024, 1, 1, tzinfo=UTC), lambda: 1)


def list_as_geojson(folder: Path, request: HotspotRequest) -> str:
    """The written list, on a desk that is opened again."""
    answer = find_hotspots(desk_on(folder), request, override_entries=())
    return hotspots_geojson(answer.hotspots, run=answer.run, boundary=answer.boundary)


def time_list(folder: Path, what: str, repeats: int, most: float, most_mb: float | None = None) -> None:
    """How long is the way from an archive to the written list?"""
    request = HotspotRequest(records=RecordOptions(target=("robbery",)), places=PlaceOptions(cell_m=CELL_M))
    before = time.perf_counter()
    list_as_geojson(folder, request)
    first = time.perf_counter() - before
    spent = seconds(lambda: list_as_geojson(folder, request), repeats=repeats)
    name = f"find: archive of {what} incidents to 250 places with certainty and GeoJSON"
    report(f"{name} (the first time {first:.1f} s: it may compile)", spent, most=most, most_mb=most_mb)


def ten_million(folder: Path) -> None:
    """The whole way with ten million incidents; the archive is made by another process, for its memory."""
    subprocess.run([sys.executable, __file__, "fill", str(folder)], check=True)
    time_list(folder, "10 M", 3, most=10, most_mb=2_000)


def units(folder: Path) -> None:
    """The same million on hexagons: places of any shape are found by point, and smoothed on a fine raster."""
    fill(ParquetArchive(folder / "archive", lambda: connect("duckdb")), np.random.default_rng(1))
    request = HotspotRequest(
        records=RecordOptions(target=("robbery",)), places=PlaceOptions(cell_m=CELL_M, unit="hexagon")
    )
    places = find_hotspots(desk_on(folder), request, override_entries=()).hotspots.places
    spent = seconds(lambda: list_as_geojson(folder, request), repeats=1)
    report(f"find: archive of 1 M incidents to 250 of {places:,} hexagons with certainty", spent)


def pieces(folder: Path) -> None:
    """All pieces of the way with a million incidents."""
    root = folder / "archive"
    easting_m, northing_m, month = fill(
        ParquetArchive(root, lambda: connect("duckdb")), np.random.default_rng(1)
    )
    time_list(folder, "1 M", 5, most=3)
    archive = desk_on(folder).archive
    counts = count_places(archive.table("incidents"), cell_m=CELL_M)
    files = f"{root}/incidents/**/*.parquet"
    cell = f"floor(easting_m / {CELL_M}) c, floor(northing_m / {CELL_M}) r"
    query = f"""SELECT {cell}, month, offence_group, count(*)
        FROM read_parquet('{files}', hive_partitioning = false) GROUP BY ALL"""
    with duckdb.connect() as bare:
        counted = seconds(lambda: count_places(archive.table("incidents"), cell_m=CELL_M))
        theirs = seconds(lambda: bare.sql(query).to_arrow_table())
    report(
        "count 1 M archived incidents by cell, month and offence",
        counted,
        f"DuckDB {duckdb.__version__}",
        theirs,
    )

    def numpy_list() -> np.ndarray:
        width = int(SIDE_M / CELL_M) + 2
        last = month >= MONTHS - 12
        cell = (northing_m[last] // CELL_M - 1066).astype(np.int64) * width
        return np.argsort(-np.bincount(cell + (easting_m[last] // CELL_M - 3333).astype(np.int64)))[:250]

    listed = seconds(lambda: find_places(counts, TARGETS, crs="EPSG:27700", rng=np.random.default_rng(1)))
    report(
        "counts to 250 places with 1,000 rank draws",
        listed,
        f"NumPy {np.__version__} bincount of 12 months, no certainty",
        seconds(numpy_list),
    )
    methods = len(backtest(counts, TARGETS, rng=np.random.default_rng(1)).rows)
    tested = seconds(lambda: backtest(counts, TARGETS, rng=np.random.default_rng(1)), repeats=3)
    report(f"back-test: 12 origins x {methods} methods on {len(counts.counts):,} counts", tested)
    long_backtest()
    grid_pieces()


def long_backtest() -> None:
    """36 origins on 34,000 cells: the 12 methods that are always on (with count_36), of 100,000 incidents."""
    rng, side, months = np.random.default_rng(1), 184, 72
    weight = rng.gamma(0.15, 1.0, side * side)
    cell = rng.choice(side * side, 100_000, p=weight / weight.sum())
    month, group = rng.integers(0, months, len(cell)), rng.integers(0, 2, len(cell))
    every = np.arange(side * side) * months * 3 + 2  # one theft on every cell makes it compete
    entries, number = np.unique(
        np.concatenate([(cell * months + month) * 3 + group, every]), return_counts=True
    )
    place = entries // 3 // months
    counts = PlaceCounts(
        cell_m=CELL_M,
        columns=place % side,
        rows=place // side,
        months=tuple(str(np.datetime64("2018-01", "M") + m) for m in range(months)),
        month_index=entries // 3 % months,
        groups=("robbery", "theft_from_the_person", "zebra"),
        group_index=entries % 3,
        counts=number,
        without_location=0,
        location_quality=(),
        source="bench",
        as_of=date(2024, 1, 1),
    )
    done = backtest(counts, TARGETS, origins=36, rng=np.random.default_rng(1))
    took = seconds(lambda: backtest(counts, TARGETS, origins=36, rng=np.random.default_rng(1)), repeats=3)
    report(
        f"back-test: {done.origins} origins x {len(done.rows)} methods x {done.places:,} cells",
        took,
        most=15,
    )


def grid_pieces() -> None:
    """Clipping a boundary of 1,600 km2, and smoothing on it."""
    angle = np.linspace(0, 2 * np.pi, 20_001)[:-1]
    radius = 22_550 * (1 + 0.05 * np.sin(7 * angle) + 0.002 * np.sin(997 * angle))
    region = shapely.Polygon(
        np.column_stack([530_000 + radius * np.cos(angle), 180_000 + radius * np.sin(angle)])
    )
    grid = clip_cells(region, CELL_M)
    x, y = grid.columns * CELL_M, grid.rows * CELL_M
    squares = shapely.box(x, y, x + CELL_M, y + CELL_M)
    shapely.prepare(region)
    sample = np.random.default_rng(1).choice(len(squares), 2_000, replace=False)
    clipped = seconds(lambda: clip_cells(region, CELL_M))
    every = seconds(lambda: shapely.area(shapely.intersection(squares[sample], region)))
    peer = f"shapely {shapely.__version__}, every cell cut (2,000 timed, scaled)"
    report(
        f"clip {len(squares):,} cells to an outline of 20,000 points",
        clipped,
        peer,
        every * len(squares) / 2_000,
        most=2,
    )
    counts = np.random.default_rng(1).poisson(0.3, grid.area_m2.shape) * grid.inside
    smoothed = seconds(lambda: smooth_raster(counts.astype(float), grid.area_m2, sigma=2.0))
    report("edge-corrected smoothing of that grid, sigma 300 m", smoothed)


PARTS = {"pieces": pieces, "ten_million": ten_million, "units": units}

if __name__ == "__main__":
    if sys.argv[1:2] == ["fill"]:
        archive = ParquetArchive(Path(sys.argv[2]) / "archive", lambda: connect("duckdb"))
        fill(archive, np.random.default_rng(1), 10_000_000)
    elif len(sys.argv) > 1:
        with tempfile.TemporaryDirectory() as made:
            PARTS[sys.argv[1]](Path(made))
    else:  # each part in a process of its own, so that its peak memory is its own
        for part in PARTS:
            subprocess.run([sys.executable, __file__, part], check=True)
