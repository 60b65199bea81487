"""How long a city with a million incidents takes, written in full, and how much memory.

There is no peer that makes such a city; the same run writes the extract and the street rows once more with a
bare DuckDB copy to CSV, as a measure of the machine.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from _measure import report

TARGET_SECONDS = 15
BECALM = Path(sys.executable).with_name("becalm")


def main() -> None:
    """Measure once, in a process of its own."""
    folder = Path(tempfile.mkdtemp(prefix="becalm-simulate-"))
    try:
        started = time.perf_counter()
        words = ["simulate", "--seed", "7", "--out", str(folder / "city"), "--format", "json"]
        done = subprocess.run([BECALM, *words], check=True, capture_output=True, text=True)
        seconds = time.perf_counter() - started
        peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        answer = json.loads(done.stdout)
        report(
            f"simulate {answer['incidents']:,} incidents, {answer['places']:,} places, all files",
            seconds,
            f"DuckDB {duckdb.__version__}, bare copy of its CSV files to CSV",
            copy_with_duckdb(folder),
            most=TARGET_SECONDS,
            peak_mb=peak_mb,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy_with_duckdb(folder: Path) -> float:
    """Read every CSV file that was made and write it again."""
    started = time.perf_counter()
    files = {
        "extract": "extract/*.csv",
        "street": "police_uk/*/*-street.csv",
        "outcomes": "police_uk/*/*-outcomes.csv",
    }
    for name, pattern in files.items():
        read = f"read_csv('{folder / 'city' / pattern}', all_varchar = true, header = true)"
        duckdb.sql(f"COPY (SELECT * FROM {read}) TO '{folder / name}.csv'")
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
