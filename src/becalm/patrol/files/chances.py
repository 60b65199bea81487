"""The chances of a plan as files: of every place and quarter of an hour, and of every unit.

`auditor/chances.csv.gz` holds place_id, starts_at (UTC), the chance that a burst starts in the 15 minutes
from then on and its standard error, the chance that somebody is there at any moment of them and its
standard error, and of how many draws they are the mean (0: they are exact). `auditor/unit_chances.csv.gz`
holds the chance that one unit starts there, given the units that were drawn before it, and 1 where it did.
"""

import gzip
import io
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.csv as pc

from becalm.methods.arrays import Ints
from becalm.patrol.core.chances import Chances, UnitChances
from becalm.patrol.core.plan_result import CELL_MINUTES
from becalm.terms import Fault, InputError

CHANCES_NAME: Final = "auditor/chances.csv.gz"
UNIT_CHANCES_NAME: Final = "auditor/unit_chances.csv.gz"
DECIMALS: Final = 6
LEAST_CHANCE: Final = 0.5 * 10**-DECIMALS  # of a unit; smaller ones are written as none


def chances_csv(chances: Chances) -> bytes:
    """The chances as gzipped CSV; every cell of every place, and the same bytes for the same chances."""
    place_count, cell_count = chances.start.shape
    place_rows, cells = np.divmod(np.arange(place_count * cell_count), cell_count)
    values_by_column = {
        "place_id": _repeat_names(chances.hotspots, place_rows),
        "starts_at": _repeat_names(_name_cells(chances.first_cell, cell_count), cells),
    }
    for name in ("start", "start_se", "presence", "presence_se"):
        values_by_column[name] = pa.array(
            np.round(getattr(chances, name).reshape(-1), DECIMALS) + 0.0
        )  # never -0
    values_by_column["draws"] = pa.array(chances.draws.reshape(-1))
    return gzip.compress(_csv_bytes(values_by_column, with_header=True), compresslevel=6, mtime=0)


def unit_chances_csv(unit_chances: Iterable[UnitChances]) -> bytes:
    """The chances of all units as gzipped CSV, tour by tour as they come: all together would be too much."""
    file_stream = io.BytesIO()
    with gzip.GzipFile("", "wb", compresslevel=1, fileobj=file_stream, mtime=0) as stream:
        stream.write(b"unit,place_id,starts_at,chance,started\n")
        for tour in unit_chances:
            place_rows, cells = np.nonzero((tour.start >= LEAST_CHANCE) | tour.has_started)
            values_by_column = {
                "unit": _repeat_names((tour.unit,), np.zeros(len(cells), dtype=np.int64)),
                "place_id": _repeat_names(tour.hotspots, place_rows),
                "starts_at": _repeat_names(_name_cells(tour.first_cell, tour.start.shape[1]), cells),
                "chance": pa.array(np.round(tour.start[place_rows, cells], DECIMALS)),
                "started": pa.array(tour.has_started[place_rows, cells].astype(np.int8)),
            }
            stream.write(_csv_bytes(values_by_column, with_header=False))
    return file_stream.getvalue()


def _name_cells(first_cell: datetime, cell_count: int) -> tuple[str, ...]:
    cell_starts = (first_cell + timedelta(minutes=CELL_MINUTES * k) for k in range(cell_count))
    return tuple(f"{start:%Y-%m-%dT%H:%M:%SZ}" for start in cell_starts)


def _repeat_names(names: tuple[str, ...], name_indices: Ints) -> pa.Array:
    return pa.DictionaryArray.from_arrays(
        pa.array(name_indices, pa.int32()), pa.array(names)
    ).dictionary_decode()


def _csv_bytes(columns: dict[str, pa.Array], *, with_header: bool) -> bytes:
    csv_stream = io.BytesIO()
    if with_header:
        csv_stream.write((",".join(columns) + "\n").encode())
    write_options = pc.WriteOptions(include_header=False, quoting_style="needed")
    pc.write_csv(pa.table(columns), csv_stream, write_options)
    return csv_stream.getvalue()


def read_daily_starts(path: Path, *, zone: str) -> dict[tuple[str, date], float]:
    """How many starts were to be expected at each place on each civil day, by what `chances_csv` wrote?

    Raises InputError where there is no such file, or it is another.
    """
    try:
        table = pc.read_csv(pa.input_stream(str(path)))
        days = compute.local_timestamp(
            compute.assume_timezone(table["starts_at"].cast(pa.timestamp("s")), "UTC").cast(
                pa.timestamp("s", tz=zone)
            )
        ).cast(pa.date32())
        daily_table = pa.table({"place": table["place_id"], "day": days, "start": table["start"]})
    except (OSError, pa.ArrowInvalid, KeyError) as error:
        fault = Fault(
            path.name, f"cannot be read as chances: {error}", "run `becalm patrol chances` on the plan"
        )
        raise InputError(f"{path} cannot be read", (fault,)) from error
    start_sums = daily_table.group_by(["place", "day"]).aggregate([("start", "sum")])
    columns = (start_sums[name].to_pylist() for name in ("place", "day", "start_sum"))
    return {(place, day): start for place, day, start in zip(*columns, strict=True)}
