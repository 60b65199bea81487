"""A million incidents from the archive to counts by cell, against reading the same files and using NumPy.

The peer reads the four columns with Arrow, codes months and groups, and counts cells with one sort of
packed numbers. Ours also checks the hash of every file.
"""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from _measure import report, seconds

from becalm.archive.parquet import ParquetArchive, connect
from becalm.tables import TablePart, arrow_schema, count_places, list_months

ROWS, SPOTS, CELL_M = 1_000_000, 60_000, 150.0
MONTHS = list_months("2018-01", "2019-12")
GROUPS = np.array(["robbery", "burglary", "drugs", "vehicle_crime", "other_theft", "public_order"])


def fill(root: Path) -> None:
    """An archive of 24 months on as many coordinates as London's street points have."""
    draw = np.random.default_rng(1)
    east, north = draw.uniform(503_500, 562_000, SPOTS), draw.uniform(155_500, 201_000, SPOTS)
    risk = draw.pareto(1.2, SPOTS)
    with ParquetArchive(root, lambda: connect("duckdb")).intake() as intake:
        for month in MONTHS:
            n = ROWS // len(MONTHS)
            spot = draw.choice(SPOTS, n, p=risk / risk.sum())
            fixed = {
                "source": "bench",
                "file": "f",
                "found_by": "victim",
                "precision": "month",
                "month": month,
            }
            known = {
                **{name: pa.repeat(pa.scalar(value), n) for name, value in fixed.items()},
                "incident_id": pa.array([f"{month}-{i}" for i in range(n)]),
                "offence_group": pa.array(GROUPS[draw.integers(0, GROUPS.size, n)]),
                "location_quality": pa.repeat(pa.scalar("snap"), n),
                "as_of": pa.repeat(pa.scalar(date(2020, 6, 1)), n),
                "easting_m": pa.array(east[spot]),
                "northing_m": pa.array(north[spot]),
            }
            columns = {f.name: known.get(f.name, pa.nulls(n, f.type)) for f in arrow_schema("incidents")}
            part = TablePart("incidents", "bench", month, pa.table(columns))
            intake.add(
                part,
                as_of=date(2020, 6, 1),
                input_file=month,
                input_sha256=month,
                recipe="",
                recipe_sha256="",
            )
        intake.commit()


def by_numpy(root: Path) -> int:
    """How many cells, months and groups have an incident, by hand?"""
    wanted = ["easting_m", "northing_m", "month", "offence_group"]
    rows = pa.concat_tables(
        [pq.ParquetFile(path).read(columns=wanted) for path in sorted(root.rglob("*.parquet"))]
    )
    coded = [rows[name].combine_chunks().dictionary_encode() for name in wanted[2:]]
    packed = np.zeros(rows.num_rows, np.int64)
    for name in wanted[:2]:
        packed = packed * 2**20 + np.floor(rows[name].to_numpy() / CELL_M).astype(np.int64)
    for code in coded:
        packed = packed * len(code.dictionary) + code.indices.to_numpy()
    return int(np.unique(packed, return_counts=True)[0].size)


def main() -> None:
    """Count by both, see that they agree, and print one line for the table."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "archive"
        fill(root)
        backend = connect("duckdb")

        def ours() -> int:
            archive = ParquetArchive(root, lambda: backend)
            return int(count_places(archive.table("incidents"), cell_m=CELL_M).counts.size)

        assert ours() == by_numpy(root)
        report(
            "count 1 M incidents by cell, month and group",
            seconds(ours),
            f"pyarrow {pa.__version__} + numpy {np.__version__}",
            seconds(lambda: by_numpy(root)),
            most=0.5,
        )


if __name__ == "__main__":
    main()
