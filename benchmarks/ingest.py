"""Loading police.uk-shaped csv, against a bare DuckDB copy of the same files to Parquet.

    python benchmarks/ingest.py [ROWS]        # 10,000,000 unless stated

The peer only types the columns and writes Parquet. becalm, on the same files, also hashes them, checks every
row, projects every point, finds boroughs and repeated Crime IDs, and keeps all of it in one atomic step. Both
run as fresh processes, turn and turn about; times are medians and memory is the peak of the process.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from _measure import report
from numpy.typing import NDArray

ROWS, MONTHS, TURNS = 10_000_000, 24, 3
GOAL_RATIO, GOAL_MB = 2.5, 3_000
SNAP_POINTS, AREAS, STREETS = 60_000, 4_835, 9_000
TYPES = {
    "Anti-social behaviour": 0.25,
    "Bicycle theft": 0.02,
    "Burglary": 0.06,
    "Criminal damage and arson": 0.08,
    "Drugs": 0.04,
    "Other crime": 0.015,
    "Other theft": 0.09,
    "Possession of weapons": 0.005,
    "Public order": 0.07,
    "Robbery": 0.03,
    "Shoplifting": 0.05,
    "Theft from the person": 0.03,
    "Vehicle crime": 0.07,
    "Violence and sexual offences": 0.19,
}
OUTCOMES = (
    "Investigation complete; no suspect identified",
    "Unable to prosecute suspect",
    "Status update unavailable",
    "Under investigation",
)
BOROUGHS = ("Westminster", "Camden", "Hackney", "Croydon", "Ealing", "Barnet", "Lambeth", "Southwark")
BARE = "COPY (SELECT * FROM read_csv('{folder}/*/*.csv')) TO '{target}' (FORMAT parquet)"


def main(rows: int) -> int:
    """Write the files, time both, print the ratio."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        write_city(work / "csv", rows)
        size = sum(f.stat().st_size for f in (work / "csv").rglob("*.csv"))
        print(f"{rows:,} rows in {MONTHS} files, {size / 1e6:,.0f} MB")
        turns = [(bare(work), ingest(work, rows)) for _ in range(TURNS)]
    (bare_s, bare_mb), (ours_s, ours_mb) = (
        (statistics.median(t[who][0] for t in turns), max(t[who][1] for t in turns)) for who in (0, 1)
    )
    print(f"bare DuckDB copy  {bare_s:6.2f} s  peak {bare_mb:6,.0f} MB")
    print(f"becalm ingest     {ours_s:6.2f} s  peak {ours_mb:6,.0f} MB")
    print(f"ratio {ours_s / bare_s:.2f} (goal: at most {GOAL_RATIO}, and {GOAL_MB:,} MB)")
    report(
        f"ingest of {rows:,} police.uk rows",
        ours_s,
        f"DuckDB {duckdb.__version__} csv to Parquet",
        bare_s,
        most_mb=GOAL_MB,
        least_ratio=1 / GOAL_RATIO,
        peak_mb=ours_mb,
    )
    return 0


def bare(work: Path) -> tuple[float, float]:
    """Seconds and peak megabytes of the bare copy."""
    statement = BARE.format(folder=work / "csv", target=work / "bare.parquet")
    return timed([sys.executable, "-c", f"import duckdb; duckdb.sql({statement!r})"])


def ingest(work: Path, rows: int) -> tuple[float, float]:
    """Seconds and peak megabytes of a load into an empty workspace; all rows must have been loaded."""
    becalm, workspace = str(Path(sys.executable).with_name("becalm")), work / "workspace"
    shutil.rmtree(workspace, ignore_errors=True)
    subprocess.run([becalm, "init", str(workspace)], check=True, stdout=subprocess.DEVNULL)
    answer = work / "report.json"
    command = [becalm, "ingest", str(work / "csv"), "--workspace", str(workspace), "--format", "json"]
    took = timed(command, output=answer)
    loaded = sum(file["loaded"] for file in json.loads(answer.read_text("utf-8"))["files"])
    if loaded != rows:
        raise SystemExit(f"only {loaded:,} of {rows:,} rows were loaded")
    return took


def timed(command: list[str], *, output: Path | None = None) -> tuple[float, float]:
    """Run a fresh process to its end: seconds, and the peak of its memory in megabytes."""
    target = str(output) if output else os.devnull
    write = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    start = time.perf_counter()
    process = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)])
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - start
    os.close(write)
    if status:
        raise SystemExit(f"{command[:3]} ended with status {status}")
    return seconds, usage.ru_maxrss / 1_000


def write_city(folder: Path, rows: int) -> None:
    """Write monthly street files in the archive's layout, of a made-up city on London's ground."""
    rng = np.random.default_rng(1)
    longitude = np.char.mod("%.6f", rng.uniform(-0.5, 0.3, SNAP_POINTS))
    latitude = np.char.mod("%.6f", rng.uniform(51.30, 51.68, SNAP_POINTS))
    area = rng.integers(0, AREAS, SNAP_POINTS)
    codes = np.array([f"E0100{i:04d}" for i in range(AREAS)])[area]
    names = np.array([f"{BOROUGHS[i % 8]} {i % 40:03d}{'ABCDE'[i % 5]}" for i in range(AREAS)])[area]
    streets = np.array([f"On or near Street {i % STREETS}" for i in range(SNAP_POINTS)])
    share = np.array(list(TYPES.values())) / sum(TYPES.values())
    sizes = np.diff(np.linspace(0, rows, MONTHS + 1).astype(int))
    for index, size in enumerate(sizes):
        month = f"{2018 + index // 12}-{index % 12 + 1:02d}"
        spot, kind = rng.integers(0, SNAP_POINTS, size), rng.choice(len(TYPES), size, p=share)
        nowhere, outcome = rng.random(size) < 0.02, rng.integers(0, len(OUTCOMES), size)
        force = chosen(np.zeros(size, int), ["Metropolitan Police Service"])
        table = pa.table(
            {
                "Crime ID": crime_ids(rng, size, without=kind == 0),
                "Month": chosen(np.zeros(size, int), [month]),
                "Reported by": force,
                "Falls within": force,
                "Longitude": chosen(spot, longitude, without=nowhere),
                "Latitude": chosen(spot, latitude, without=nowhere),
                "Location": chosen(spot, streets, without=nowhere),
                "LSOA code": chosen(spot, codes, without=nowhere),
                "LSOA name": chosen(spot, names, without=nowhere),
                "Crime type": chosen(kind, list(TYPES)),
                "Last outcome category": chosen(outcome, list(OUTCOMES), without=kind == 0),
                "Context": pa.nulls(size, pa.string()),
            }
        )
        path = folder / month / f"{month}-metropolitan-street.csv"
        path.parent.mkdir(parents=True)
        pa_csv.write_csv(table, path, pa_csv.WriteOptions(quoting_style="none"))


def chosen(
    codes: NDArray[np.int64], words: list[str] | NDArray[np.str_], *, without: NDArray[np.bool_] | None = None
) -> pa.Array:
    """A column of words, empty where told."""
    indices = pa.array(codes.astype(np.int32), mask=without)
    return pa.DictionaryArray.from_arrays(indices, pa.array(words, type=pa.string())).dictionary_decode()


def crime_ids(rng: np.random.Generator, size: int, *, without: NDArray[np.bool_]) -> pa.Array:
    """Random ids of 64 hexadecimal digits."""
    digits = pa.py_buffer(rng.bytes(32 * size).hex().encode())
    offsets = pa.py_buffer(np.arange(0, 64 * size + 1, 64, dtype=np.int32))
    present = pa.array(~without).buffers()[1]
    return pa.StringArray.from_buffers(size, offsets, digits, present)


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS))
