"""A simulated city as files: city, boundaries, streets, the force's extract, the public archive, the truth.

The same city gives the same bytes. Everything is written beside the folder first and moved into place
at the end, so that a city is there whole or not at all.
"""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from becalm.simulate import names
from becalm.simulate.arrests import arrests_table
from becalm.simulate.city import SimulatedCity
from becalm.simulate.extract import extract_table
from becalm.simulate.police_uk import PublicRecords, publish
from becalm.simulate.write_land import write_land
from becalm.simulate.write_truth import write_truth
from becalm.terms import InputError

THREADS: Final = 2
PLAIN: Final = pc.WriteOptions(include_header=False, quoting_style="none", batch_size=65_536)
ExtractFormat = Literal["csv", "parquet"]


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, and how much of it."""

    path: Path
    city: str
    boroughs: int
    command_units: int
    places: int
    segments: int
    incidents: int
    extract_rows: int
    street_rows: int
    outcome_rows: int
    stop_rows: int
    first_month: str
    last_month: str
    effect: str


def write_city(
    city: SimulatedCity,
    folder: Path,
    rng: np.random.Generator,
    *,
    seed: int,
    extract: ExtractFormat = "csv",
) -> Written:
    """Write all files of the city into a new (or empty) folder; `seed` is noted in the truth.

    Raises
    ------
    InputError
        where the folder holds something already.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is not empty. Name a new folder with --out, or empty this one first.")
    staging = folder.with_name(f".{folder.name}.partly")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        written = _write_all(city, staging, rng, seed, extract)
        _date_files(staging, city.as_of)
        if folder.exists():
            folder.rmdir()
        staging.rename(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return written(folder)


def _write_all(
    city: SimulatedCity, folder: Path, rng: np.random.Generator, seed: int, extract: ExtractFormat
) -> _Summary:
    with ThreadPoolExecutor(THREADS) as pool:
        rows = pool.submit(_write_extract, city, folder / "extract", extract)
        public = publish(city, rng)
        months = [
            pool.submit(_write_month, public, m, folder / "police_uk") for m in range(len(public.months))
        ]
        land = pool.submit(write_land, city.plan, folder)
        log = pool.submit(write_csv, arrests_table(city), folder / "arrests.csv")
        truth = pool.submit(write_truth, city, folder / "truth", seed=seed)
        for task in (*months, land, log, truth):
            task.result()
        return _Summary(city, public, rows.result())


@dataclass(frozen=True, slots=True)
class _Summary:
    city: SimulatedCity
    public: PublicRecords
    extract_rows: int

    def __call__(self, folder: Path) -> Written:
        plan = self.city.plan
        return Written(
            path=folder,
            city=names.CITY,
            boroughs=len(plan.land.borough_names),
            command_units=len(plan.land.unit_names),
            places=len(plan.places.kind),
            segments=len(plan.streets.length_m),
            incidents=len(self.city.incidents),
            extract_rows=self.extract_rows,
            street_rows=self.public.street.num_rows,
            outcome_rows=self.public.outcomes.num_rows,
            stop_rows=self.public.stops.num_rows,
            first_month=self.public.months[0],
            last_month=self.public.months[-1],
            effect=plan.settings.effect.kind,
        )


def _date_files(folder: Path, day: date) -> None:
    """Let the files be as old as the city: the day of a file is the day on which its records were known."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp()
    for path in folder.rglob("*"):
        os.utime(path, (noon, noon))


def _write_extract(city: SimulatedCity, folder: Path, kind: ExtractFormat) -> int:
    folder.mkdir()
    table = extract_table(city)
    if kind == "csv":
        write_csv(table, folder / "incidents.csv")
    else:
        pq.write_table(_plain(table), folder / "incidents.parquet", compression="zstd")
    return int(table.num_rows)


def _write_month(public: PublicRecords, month: int, folder: Path) -> None:
    name = public.months[month]
    home = folder / name
    home.mkdir(parents=True)
    parts = {
        "street": (public.street, public.street_start),
        "outcomes": (public.outcomes, public.outcomes_start),
        "stop-and-search": (public.stops, public.stops_start),
    }
    for kind, (table, start) in parts.items():
        first, last = int(start[month]), int(start[month + 1])
        write_csv(table.slice(first, last - first), home / f"{name}-{names.CITY_KEY}-{kind}.csv")


def write_csv(table: pa.Table, path: Path) -> None:
    """Write a table as plain CSV with a header; no word in it needs quoting."""
    with path.open("wb") as file:
        file.write((",".join(table.column_names) + "\n").encode())
        pc.write_csv(table, file, PLAIN)


def _plain(table: pa.Table) -> pa.Table:
    """The same table with words instead of codes."""
    fields = [
        pa.field(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in table.schema
    ]
    return table.cast(pa.schema(fields))
