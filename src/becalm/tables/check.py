"""Is this table what its schema declares? All faults in one error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from becalm.tables import schema as declared
from becalm.terms import ArchiveError, Fault

VOCABULARIES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "incidents": {
        "found_by": declared.FoundBy,
        "precision": declared.Precision,
        "weapon": declared.Weapon,
        "location_quality": declared.LocationQuality,
    },
    "published_counts": {"area_kind": declared.AreaKind},
    "stops": {"location_quality": declared.LocationQuality},
    "row_faults": {"fate": ("rejected", "repaired")},
}
NEVER_NULL: Final[Mapping[str, tuple[str, ...]]] = {
    "incidents": (
        "incident_id",
        "source",
        "file",
        "found_by",
        "precision",
        "month",
        "as_of",
        "location_quality",
    ),
    "published_counts": ("source", "area_kind", "month", "measure", "count", "as_of"),
    "stops": ("stop_id", "source", "file", "month", "as_of", "location_quality"),
    "outcomes": ("incident_id", "source", "file", "month", "outcome", "as_of"),
    "row_faults": ("file", "row", "fate", "reason", "intake_id"),
}
MONTH = r"^[0-9]{4}-(0[1-9]|1[0-2])$"


def arrow_schema(table: str) -> pa.Schema:
    """The declared schema as Arrow's: instants in microseconds, UTC."""
    return declared.TABLES[table].to_pyarrow()


def require_schema(held: pa.Schema, table: str, where: str) -> None:
    """Refuse a table whose columns are not those that are declared (dictionaries count as what they hold)."""
    faults = _schema_faults(held, table, where)
    if faults:
        raise ArchiveError(f"{where} is not a table of {table}: {len(faults)} faults", faults)


def check_table(rows: pa.Table, table: str, where: str = "table") -> pa.Table:
    """The same rows with exactly the declared columns, in order, checked once.

    Raises
    ------
    ArchiveError
        with every fault: columns that are missing, unknown or of another kind; nulls where a value
        must stand; words outside the vocabulary; months not written YYYY-MM; places without quality.
    """
    require_schema(rows.schema, table, where)
    wanted = arrow_schema(table)
    rows = rows.select(wanted.names).cast(wanted)
    faults = (
        *_null_faults(rows, table, where),
        *_word_faults(rows, table, where),
        *_place_faults(rows, where),
    )
    if faults:
        raise ArchiveError(f"{where} is not a sound table of {table}: {len(faults)} faults", faults)
    return rows


def _schema_faults(held: pa.Schema, table: str, where: str) -> tuple[Fault, ...]:
    wanted = arrow_schema(table)
    missing = [
        Fault(where, f"column {n!r} is missing", "add it, null where unknown")
        for n in wanted.names
        if n not in held.names
    ]
    unknown = [
        Fault(where, f"column {n!r} is not declared", "leave it out")
        for n in held.names
        if n not in wanted.names
    ]
    other = [
        Fault(where, f"column {n!r} is {held.field(n).type}", f"make it {wanted.field(n).type}")
        for n in wanted.names
        if n in held.names and _plain(held.field(n).type) != _plain(wanted.field(n).type)
    ]
    return (*missing, *unknown, *other)


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return pa.string() if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) else kind


def _null_faults(rows: pa.Table, table: str, where: str) -> tuple[Fault, ...]:
    return tuple(
        Fault(
            where, f"column {name!r} is null in {rows[name].null_count} rows", "it must always have a value"
        )
        for name in NEVER_NULL[table]
        if rows[name].null_count
    )


def _word_faults(rows: pa.Table, table: str, where: str) -> tuple[Fault, ...]:
    words = tuple(
        Fault(where, f"{name} {value!r} is not a word of ours", f"use {', '.join(allowed)}")
        for name, allowed in VOCABULARIES.get(table, {}).items()
        for value in _values(rows, name)
        if value not in allowed
    )
    months = tuple(
        Fault(where, f"month {value!r} is not a month", "write it YYYY-MM")
        for value in (_values(rows, "month") if "month" in rows.column_names else ())
        if not pc.match_substring_regex(pa.scalar(value), MONTH).as_py()
    )
    return words + months


def _values(rows: pa.Table, name: str) -> list[str]:
    return sorted(value for value in rows[name].unique().to_pylist() if value is not None)


def _place_faults(rows: pa.Table, where: str) -> tuple[Fault, ...]:
    if "location_quality" not in rows.column_names:
        return ()
    placed = pc.and_(pc.is_valid(rows["easting_m"]), pc.is_valid(rows["northing_m"]))
    says = pc.not_equal(rows["location_quality"], "none")
    wrong = pc.sum(pc.not_equal(placed, says)).as_py() or 0
    if not wrong:
        return ()
    return (
        Fault(
            where, f"{wrong} rows have a place without a quality, or the reverse", "use none without a place"
        ),
    )
