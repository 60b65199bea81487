"""What was delivered: traces and check-ins read from CSV, and the visits that are kept of them.

A trace is read, reduced to visits by whoever asked, and forgotten; no position is written.

Traces: officer (any name of a device or person), at (ISO 8601 with its offset, as in ...Z), and longitude and
latitude or easting_m and northing_m; unit and accuracy_m where known. Check-ins: unit, hotspot, start, end;
officers where known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
from pyproj import Transformer

from becalm.formats.csv_rows import check_faultless, find_missing_columns, read_csv_rows
from becalm.methods.arrays import Floats, Ints
from becalm.patrol.core.delivery import CheckIn, DeliveredVisit, Traces
from becalm.patrol.core.plan_inputs import Span
from becalm.patrol.files.write_plan import instant
from becalm.render.spreadsheet import csv_text
from becalm.terms import Fault, InputError, PlanError

TRACE_COLUMNS = ("officer", "at", "longitude", "latitude", "easting_m", "northing_m", "unit", "accuracy_m")
DELIVERED_COLUMNS = ("unit", "hotspot", "start", "end", "officers", "officer_minutes", "source")
CHECK_IN_COLUMNS = ("unit", "hotspot", "start", "end")
NUMBER_COLUMNS = ("longitude", "latitude", "easting_m", "northing_m", "accuracy_m")


def read_traces(paths: Sequence[Path], *, crs: str) -> Traces:
    """The fixes of these files, in metres of `crs`. Names of officers become numbers and are dropped here.

    Fixes with no place, as devices send indoors, are left out and counted.

    Raises InputError with every fault of every file: columns that are missing, times without an offset.
    """
    fix_tables, faults = [], list[Fault]()
    for path in paths:
        try:
            fix_tables.append(_read_fixes(path))
        except InputError as error:
            faults += error.faults or (Fault(path.name, error.message, "correct the file"),)
    check_faultless("The log of traces", faults, most=None)
    if not fix_tables:
        raise InputError("No traces were given. Name a CSV file of fixes.")
    return _build_traces(pa.concat_tables(fix_tables, promote_options="default"), crs)


def read_check_ins(paths: Sequence[Path], *, hotspots: frozenset[str] = frozenset()) -> tuple[CheckIn, ...]:
    """The check-ins of these files; `hotspots` are those that there are (any, if empty).

    Raises InputError with every fault of every file.
    """
    check_ins: list[CheckIn] = []
    faults: list[Fault] = []
    for path in paths:
        for row_text, row in read_csv_rows(path, CHECK_IN_COLUMNS, faults):
            try:
                check_ins.append(_check_in(row, hotspots))
            except ValueError as error:
                faults.append(Fault(row_text, str(error), "correct or drop this row"))
    check_faultless("The log of check-ins", faults)
    return tuple(check_ins)


def read_delivered(paths: Sequence[Path]) -> tuple[DeliveredVisit, ...]:
    """The visits that `becalm patrol delivered` wrote, of all these files; one that comes twice counts once.

    Raises InputError with every fault of every file.
    """
    visits: dict[DeliveredVisit, None] = {}
    faults: list[Fault] = []
    for path in paths:
        for row_text, row in read_csv_rows(path, DELIVERED_COLUMNS, faults):
            try:
                visits[_delivered_visit(row)] = None
            except (ValueError, PlanError) as error:
                faults.append(Fault(row_text, str(error), "use it as `becalm patrol delivered` wrote it"))
    check_faultless("The delivered visits", faults)
    return tuple(sorted(visits, key=lambda visit: (visit.span.start, visit.hotspot, visit.unit)))


def _delivered_visit(row: Mapping[str, Any]) -> DeliveredVisit:
    source = row["source"]
    if source not in ("trace", "check-in"):
        raise ValueError(f"its source is {source!r}, neither trace nor check-in")
    return DeliveredVisit(
        unit=row["unit"] or "",
        hotspot=row["hotspot"] or "",
        span=Span(_instant(row["start"]), _instant(row["end"])),
        officers=int(row["officers"]),
        officer_minutes=float(row["officer_minutes"]),
        source="trace" if source == "trace" else "check-in",
        accuracy_m=None,
    )


def _read_fixes(path: Path) -> pa.Table:
    column_types = dict.fromkeys(NUMBER_COLUMNS, pa.float64()) | dict.fromkeys(
        ("officer", "unit"), pa.string()
    )
    column_types["at"] = pa.timestamp("ms", tz="UTC")
    try:
        fix_table = pv.read_csv(path, convert_options=pv.ConvertOptions(column_types=column_types))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}") from error
    except pa.ArrowInvalid as error:
        problem_text = f"cannot be read as fixes: {str(error).splitlines()[0]}"
        remedy_text = "write times as 2026-11-22T18:05:00Z, with their offset, and numbers as 51.5"
        raise InputError(problem_text, (Fault(path.name, problem_text, remedy_text),)) from error
    column_names = fix_table.column_names
    position_columns = (
        ("easting_m", "northing_m") if "easting_m" in column_names else ("longitude", "latitude")
    )
    check_faultless(
        path.name, [*find_missing_columns(path, column_names, ("officer", "at", *position_columns))]
    )
    return fix_table.select([name for name in TRACE_COLUMNS if name in fix_table.column_names])


def _build_traces(table: pa.Table, crs: str) -> Traces:
    column_names = set(table.column_names)
    if "easting_m" in column_names:
        x, y = _float_column(table, "easting_m"), _float_column(table, "northing_m")
    else:
        metre_transformer = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
        x, y = metre_transformer.transform(
            _float_column(table, "longitude"), _float_column(table, "latitude")
        )
    at_s = pc.cast(table["at"], pa.int64()).to_numpy(zero_copy_only=False).astype(np.float64) / 1000.0
    officer, _ = _number_names(table, "officer")
    unit_index, unit_names = (
        _number_names(table, "unit") if "unit" in column_names else (np.full(len(officer), -1), ())
    )
    accuracy_m = (
        _float_column(table, "accuracy_m") if "accuracy_m" in column_names else np.full(len(officer), np.nan)
    )
    is_placed = np.isfinite(x) & np.isfinite(y) & np.isfinite(at_s)
    return Traces(
        officer=officer[is_placed],
        unit=unit_index[is_placed],
        units=unit_names,
        at_s=at_s[is_placed],
        easting_m=np.asarray(x)[is_placed],
        northing_m=np.asarray(y)[is_placed],
        accuracy_m=accuracy_m[is_placed],
        left_out=(("without a position or a time", int((~is_placed).sum())),),
    )


def _float_column(table: pa.Table, name: str) -> Floats:
    return np.asarray(table[name].to_numpy(zero_copy_only=False), dtype=np.float64)


def _number_names(table: pa.Table, name: str) -> tuple[Ints, tuple[str, ...]]:
    """Names as numbers in their order; an empty name is -1."""
    name_codes = pc.dictionary_encode(table[name].combine_chunks())
    code_names = [str(word or "") for word in name_codes.dictionary.to_pylist()]
    codes_by_name = sorted(range(len(code_names)), key=code_names.__getitem__)
    rank_by_code = {old: new for new, old in enumerate(i for i in codes_by_name if code_names[i])}
    rank_array = np.array([rank_by_code.get(i, -1) for i in range(len(code_names))] or [-1], dtype=np.int64)
    code_of_row = pc.fill_null(name_codes.indices, -1).to_numpy(zero_copy_only=False)
    return np.where(code_of_row >= 0, rank_array[code_of_row], -1), tuple(
        code_names[i] for i in codes_by_name if code_names[i]
    )


def _check_in(row: Mapping[str, Any], hotspots: frozenset[str]) -> CheckIn:
    hotspot_name = row["hotspot"] or ""
    if not hotspot_name or (hotspots and hotspot_name not in hotspots):
        raise ValueError(f"{hotspot_name!r} is not a hotspot of the plan")
    start, end = _instant(row["start"]), _instant(row["end"])
    if end <= start:
        raise ValueError(f"ends at {row['end']}, not after its start {row['start']}")
    officer_text = row.get("officers") or "1"
    if not str(officer_text).isdigit() or int(officer_text) < 1:
        raise ValueError(f"has {officer_text!r} officers")
    return CheckIn(row["unit"] or "", hotspot_name, start, end, int(officer_text))


def _instant(text: str | None) -> datetime:
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        raise ValueError(f"{text!r} is not a time; write 2026-11-22T18:05:00Z") from None
    if at.utcoffset() is None:
        raise ValueError(f"{text!r} has no offset from UTC; write 2026-11-22T18:05:00Z")
    return at.astimezone(UTC)


VISIT_COLUMNS = (
    *("unit", "hotspot", "start", "end", "minutes"),
    *("officers", "officer_minutes", "source", "accuracy_m"),
)


def delivered_csv(visits: Sequence[DeliveredVisit]) -> str:
    """One row a visit, by start; `becalm patrol certificate` reads it as any visit log."""
    visit_rows = []
    for visit in visits:
        time_cells = (instant(visit.span.start), instant(visit.span.end), f"{visit.span.minutes:.1f}")
        accuracy_cell = "" if visit.accuracy_m is None else f"{visit.accuracy_m:.1f}"
        crew_cells = (visit.officers, f"{visit.officer_minutes:.1f}")
        visit_rows.append((visit.unit, visit.hotspot, *time_cells, *crew_cells, visit.source, accuracy_cell))
    return csv_text(VISIT_COLUMNS, visit_rows)


@dataclass(frozen=True, slots=True)
class WrittenVisit:
    """One row of what `delivered_csv` wrote, as far as an evaluation needs it."""

    hotspot: str
    start: datetime
    officer_minutes: float
    is_traced: bool


def read_visits(paths: Sequence[Path]) -> tuple[WrittenVisit, ...]:
    """The visits of these files that traces confirm; of a file of check-ins alone, these.

    Raises InputError with every fault of every file.
    """
    faults: list[Fault] = []
    visits: list[WrittenVisit] = []
    for path in paths:
        of_file = []
        for where, row in read_csv_rows(path, ("hotspot", "start", "officer_minutes", "source"), faults):
            try:
                minutes = float(row["officer_minutes"])
                of_file.append(
                    WrittenVisit(row["hotspot"], _instant(row["start"]), minutes, row["source"] == "trace")
                )
            except ValueError as error:
                faults.append(Fault(where, str(error), "use the file as `becalm patrol delivered` wrote it"))
        traced_visits = [visit for visit in of_file if visit.is_traced]
        visits += traced_visits or of_file
    check_faultless("The visits", faults)
    return tuple(visits)
