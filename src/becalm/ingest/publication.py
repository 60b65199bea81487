"""What the three kinds of data.police.uk file have in common."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from becalm.formats.csv_table import CsvTable
from becalm.formats.input_file import InputFile
from becalm.ingest.checks import Coded, Finding, Rows, coded, row_faults, rows_with_fate
from becalm.ingest.locate import Located, Locator
from becalm.ingest.reader import Reading
from becalm.methods.arrays import Bools, Floats
from becalm.tables import REPEATED_ROW, TablePart
from becalm.terms import Fault, InputError

_RANK = re.compile(r"\b(police service|police|constabulary|heddlu)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Publication:
    """The month and force that a file's name states, and the recipe that reads it."""

    month: str | None
    force: str | None
    recipe: str = ""
    recipe_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """Rows in a table's schema, before those that were rejected are taken out."""

    table: str
    source: str
    columns: pa.Table
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


def source_of(file: InputFile, about: Publication, forces: Coded | None) -> str:
    """Which force's records are these? By the file's name, else by the one force that its rows name."""
    if about.force:
        return f"police_uk/{about.force}"
    named = sorted({slug for v in (forces.values if forces else ()) if (slug := _slug(v))})
    if len(named) == 1:
        return f"police_uk/{named[0]}"
    raise InputError(
        f"{file.name} was refused; nothing was loaded",
        (
            Fault(
                "file name",
                f"names no force, and the rows name {', '.join(named) or 'none'}",
                'name it as published, e.g. "2020-04-metropolitan-street.csv"',
            ),
        ),
    )


def _slug(force: str) -> str:
    plain = _RANK.sub(" ", force.replace("&", "and")).casefold()
    return "-".join(re.findall(r"[a-z0-9]+", plain.removeprefix(" of ")))


@dataclass(frozen=True, slots=True)
class Places:
    """Where each row happened, with the distinct points kept once each."""

    located: Located  # one entry per distinct point
    of_row: NDArray[np.intp]
    findings: tuple[Finding, ...]

    @property
    def known(self) -> Bools:
        """Which rows have a place?"""
        return self.located.known[self.of_row]

    def metres(self) -> tuple[pa.Array, pa.Array]:
        """Eastings and northings of the rows, null where there is no place."""
        unknown = ~self.known
        easting, northing = (
            pa.array(values[self.of_row], type=pa.float64(), mask=unknown)
            for values in (self.located.easting_m, self.located.northing_m)
        )
        return easting, northing


def places_of(longitude: Coded, latitude: Coded, locator: Locator) -> Places:
    """Where are these rows in the city's metres, and which have coordinates that cannot be meant?"""
    xs, ys, of_row = _distinct(longitude, latitude)
    located = locator.locate(xs, ys)
    silent = (longitude.codes < 0) & (latitude.codes < 0)
    lost = np.flatnonzero(~located.known[of_row] & ~silent)
    x, y = xs[of_row[lost]], ys[of_row[lost]]
    zero = (x == 0) & (y == 0)
    broken = ~zero & ~(np.isfinite(x) & np.isfinite(y))
    area = f"the point lies outside the area for which {locator.city.crs} is made"

    def written(row: int) -> str:
        return f"{longitude.value(row) or ''}, {latitude.value(row) or ''}"

    kinds = (
        (zero, "the point (0, 0) stands for no location", "none needed: loaded without a location"),
        (
            broken,
            "the coordinates are not two numbers",
            "loaded without a location; correct them in the source",
        ),
        (
            ~zero & ~broken,
            area,
            "loaded without a location; check the coordinates, or the city of this workspace",
        ),
    )
    findings = (
        Finding(lost[which], "Longitude, Latitude", written, "repaired", reason, remedy)
        for which, reason, remedy in kinds
    )
    return Places(located, of_row, tuple(f for f in findings if f.rows.size))


def _distinct(longitude: Coded, latitude: Coded) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """The distinct pairs as numbers, and for each row which of them it is (see `distinct_points`)."""
    width = len(latitude.values) + 1
    of_row, pairs = pd.factorize((longitude.codes + 1) * width + latitude.codes + 1)
    columns, lines = np.divmod(pairs, width)
    return _numbers(longitude)[columns - 1], _numbers(latitude)[lines - 1], of_row


def _numbers(column: Coded) -> Floats:
    """The values as numbers, NaN where they are none, and NaN at the end for code -1."""
    values = pd.to_numeric(pd.Series(column.values, dtype=object), errors="coerce").to_numpy(np.float64)
    return np.append(values, np.nan)


def repeated_rows(table: CsvTable, keys: pa.Array, *, column: str) -> tuple[tuple[Finding, ...], Rows]:
    """Which rows say the same as an earlier one, and which merely carry an earlier one's key?

    Two rows are the same where their lines are, to the letter. Rows without a key are never compared.
    """
    found = keys.drop_null()
    if pc.count_distinct(found).as_py() == len(found):
        return (), np.empty(0, dtype=np.intp)
    series = keys.to_pandas()
    suspects = np.flatnonzero(series.duplicated(keep=False) & series.notna())
    lines = table.lines_of(suspects.tolist())
    texts = pd.Series([lines[int(row)][1] for row in suspects], dtype=object)
    same = texts.duplicated().to_numpy()
    again = series.iloc[suspects[~same]].duplicated().to_numpy()

    def key_of(row: int) -> str | None:
        key: str | None = keys[row].as_py()
        return key

    remedy = "none needed: the earlier one was loaded"
    finding = Finding(suspects[same], column, key_of, "rejected", REPEATED_ROW, remedy)
    return ((finding,) if same.any() else ()), suspects[~same][again]


def reading(file: InputFile, about: Publication, table: CsvTable, checked: Checked, staging: Path) -> Reading:
    """Set the rejected rows aside, write the others as Parquet by month, and tally."""
    rejected = rows_with_fate(checked.findings, "rejected")
    repaired = np.setdiff1d(rows_with_fate(checked.findings, "repaired"), rejected)
    faults = row_faults(
        file.name, checked.findings, lambda rows: {r: line for r, (line, _) in table.lines_of(rows).items()}
    )
    rows = table.columns.num_rows
    kept = checked.columns
    if rejected.size:
        mask = np.ones(rows, dtype=np.bool_)
        mask[rejected] = False
        kept = kept.filter(pa.array(mask))
    broken = len(table.broken)
    return Reading(
        recipe=about.recipe,
        recipe_sha256=about.recipe_sha256,
        parts=tuple(_parts(checked, kept, staging / file.sha256, about.month)),
        faults=tuple(sorted([*table.broken, *faults], key=lambda f: f.row)),
        rows=rows + broken,
        loaded=kept.num_rows,
        repaired=repaired.size,
        rejected=rejected.size + broken,
        notes=(*table.notes, *checked.notes),
    )


def _parts(checked: Checked, rows: pa.Table, stem: Path, stated: str | None) -> Iterator[TablePart]:
    if not rows.num_rows:
        return
    months = sorted(pc.unique(rows["month"].combine_chunks().dictionary_decode()).to_pylist())
    for month in months:
        chosen = rows if len(months) == 1 else rows.filter(pc.equal(rows["month"], month))
        path = f"{stem}-{checked.table}-{month}.parquet"
        write_parquet(chosen, path)
        yield TablePart(checked.table, checked.source, month, path, whole=month == stated)


def write_parquet(rows: pa.Table, path: str) -> None:
    """Write rows so that every engine reads plain types: few-valued columns as Parquet dictionaries."""
    few = [f.name for f in rows.schema if pa.types.is_dictionary(f.type)]
    pq.write_table(
        rows, path, compression="zstd", use_dictionary=few, store_schema=False, row_group_size=1 << 18
    )


def in_columns(parts: dict[str, pa.Array], wanted: Sequence[str]) -> pa.Table:
    """The columns in the order of the table's schema; each must be there."""
    return pa.table({name: parts[name] for name in wanted})


def words_in(table: CsvTable, name: str) -> Coded:
    """A column of few distinct values."""
    return coded(table.columns[name])


def synthetic_ids(prefix: str, rows: NDArray[np.intp]) -> pa.Array:
    """Ids for rows that the source gave none: the file's month and force, and the row's number in it."""
    return pc.binary_join_element_wise(prefix, pc.cast(pa.array(rows), pa.string()), ":")
