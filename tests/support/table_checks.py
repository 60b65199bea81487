"""Is a table that a test draws what its schema declares, down to each value? All faults in one error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from becalm.tables import arrow_schema, check_schema
from becalm.tables.schema import AreaKind, FoundBy, LocationQuality, Precision, Weapon
from becalm.terms import ArchiveError, Fault

VOCABULARIES: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "incidents": {
        "found_by": FoundBy,
        "precision": Precision,
        "weapon": Weapon,
        "location_quality": LocationQuality,
    },
    "published_counts": {"area_kind": AreaKind},
    "stops": {"location_quality": LocationQuality},
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
MONTH_PATTERN: Final = r"^[0-9]{4}-(0[1-9]|1[0-2])$"


def check_table(rows: pa.Table, table: str, where: str = "table") -> pa.Table:
    """The same rows with exactly the declared columns, in order, checked once.

    Raises
    ------
    ArchiveError
        with every fault: columns that are missing, unknown or of another kind; nulls where a value
        must stand; words outside the vocabulary; months not written YYYY-MM; places without quality.
    """
    check_schema(rows.schema, table, where)
    schema = arrow_schema(table)
    rows = rows.select(schema.names).cast(schema)
    faults = (
        *_null_faults(rows, table, where),
        *_word_faults(rows, table, where),
        *_place_faults(rows, where),
    )
    if faults:
        raise ArchiveError(f"{where} is not a sound table of {table}: {len(faults)} faults", faults)
    return rows


def _null_faults(rows: pa.Table, table: str, where: str) -> tuple[Fault, ...]:
    return tuple(
        Fault(where, f"column {name!r} is null in {null_count} rows", "it must always have a value")
        for name in NEVER_NULL[table]
        if (null_count := rows[name].null_count)
    )


def _word_faults(rows: pa.Table, table: str, where: str) -> tuple[Fault, ...]:
    words = tuple(
        Fault(where, f"{name} {value!r} is not a word of ours", f"use {', '.join(vocabulary)}")
        for name, vocabulary in VOCABULARIES.get(table, {}).items()
        for value in _distinct_values(rows, name)
        if value not in vocabulary
    )
    months = tuple(
        Fault(where, f"month {value!r} is not a month", "write it YYYY-MM")
        for value in (_distinct_values(rows, "month") if "month" in rows.column_names else ())
        if not pc.match_substring_regex(pa.scalar(value), MONTH_PATTERN).as_py()
    )
    return words + months


def _distinct_values(rows: pa.Table, name: str) -> list[str]:
    return sorted(value for value in rows[name].unique().to_pylist() if value is not None)


def _place_faults(rows: pa.Table, where: str) -> tuple[Fault, ...]:
    if "location_quality" not in rows.column_names:
        return ()
    has_place = pc.and_(pc.is_valid(rows["easting_m"]), pc.is_valid(rows["northing_m"]))
    has_quality = pc.not_equal(rows["location_quality"], "none")
    wrong_rows = pc.sum(pc.not_equal(has_place, has_quality)).as_py() or 0
    problem = f"{wrong_rows} rows have a place without a quality, or the reverse"
    return (Fault(where, problem, "use none without a place"),) if wrong_rows else ()
