"""The declared schema of every table in the archive, and whether a table is what its schema declares.

The incidents table carries two columns beside those that a source states, both derived once, on
the way in, in the city's own time zone, so that no engine has to know about zones:
`occurred_on`, the civil day of `occurred_from`, and `hour_of_week`, 0 for Monday 00:00 to 167 for
Sunday 23:00. They are null where the record's precision does not reach so far.
"""

from typing import Final

import ibis
import pyarrow as pa

from becalm.terms import ArchiveError, Fault

Precision = ("minute", "hour", "day", "month")
FoundBy = ("victim", "police", "unknown")
Weapon = ("knife", "gun", "other", "none", "unknown")
LocationQuality = ("exact", "block", "snap", "none")
AreaKind = ("borough", "ward", "neighbourhood", "city", "lsoa")

INCIDENTS: Final = ibis.schema(
    {
        "incident_id": "string",  # the source's own, or made from the row where it has none
        "source": "string",  # e.g. "police_uk/city-of-london", "chicago"
        "file": "string",  # the input file (archive member) that the row came from
        "found_by": "string",  # FoundBy
        "occurred_from": "timestamp('UTC')",  # null where unknown
        "occurred_to": "timestamp('UTC')",  # excluded; equals occurred_from for a known instant
        "occurred_on": "date",  # the civil day of occurred_from
        "hour_of_week": "int16",  # 0 for Monday 00:00 to 167 for Sunday 23:00
        "precision": "string",  # Precision
        "month": "string",  # YYYY-MM in the city's zone; never null
        "recorded_on": "date",  # the day on which the police wrote it down; null where unknown
        "as_of": "date",  # the day on which the source published it so
        "offence": "string",  # the source's own words
        "offence_group": "string",  # a key of the offence table; what is counted together
        "weapon": "string",  # Weapon
        "injury": "boolean",  # null where unknown
        "victim_age_band": "string",  # as the source gives it; null where unknown
        "outcome": "string",  # null where none is known
        "easting_m": "float64",  # in the workspace's metric CRS; null exactly where location_quality is none
        "northing_m": "float64",
        "location_quality": "string",  # LocationQuality
        "borough": "string",  # from the user's boundaries, else as the source gives it
        "ward": "string",  # as the source gives it
        "lsoa": "string",  # as the source gives it
        "command_unit": "string",  # that of the borough
    }
)

PUBLISHED_COUNTS: Final = ibis.schema(
    {
        "source": "string",  # e.g. "mps_borough"
        "area_kind": "string",  # AreaKind
        "area_code": "string",  # the official code of the area
        "area_name": "string",  # its name
        "borough": "string",  # the borough that the area lies in (itself for a borough)
        "month": "string",  # YYYY-MM
        "offence": "string",  # the source's own words
        "offence_group": "string",  # a key of the offence table
        "measure": "string",  # what is counted: "offences", "victims", ...
        "count": "int64",  # how many
        "as_of": "date",  # the day on which the source published it so
    }
)

STOPS: Final = ibis.schema(
    {
        "stop_id": "string",
        "source": "string",
        "file": "string",
        "stopped_at": "timestamp('UTC')",
        "month": "string",
        "kind": "string",
        "legislation": "string",
        "object_of_search": "string",
        "outcome": "string",
        "easting_m": "float64",
        "northing_m": "float64",
        "location_quality": "string",
        "as_of": "date",
    }
)

OUTCOMES: Final = ibis.schema(
    {
        "incident_id": "string",
        "source": "string",  # the incidents' source
        "file": "string",
        "month": "string",  # the month in which the outcome was recorded
        "outcome": "string",
        "as_of": "date",
    }
)

ROW_FAULTS: Final = ibis.schema(
    {
        "file": "string",  # the input file (archive member) that the row stands in
        "row": "int64",  # as an editor numbers the lines: the header is line 1
        "column": "string",  # the column that is wrong
        "value": "string",  # what stands there
        "fate": "string",  # rejected | repaired
        "reason": "string",  # why that is wrong
        "remedy": "string",  # what to do about it
        "intake_id": "string",  # the commit it belongs to
    }
)

TABLES: Final = {
    "incidents": INCIDENTS,
    "published_counts": PUBLISHED_COUNTS,
    "stops": STOPS,
    "outcomes": OUTCOMES,
    "row_faults": ROW_FAULTS,
}


def arrow_schema(table: str) -> pa.Schema:
    """The declared schema as Arrow's: instants in microseconds, UTC."""
    return TABLES[table].to_pyarrow()


def check_schema(schema: pa.Schema, table: str, where: str) -> None:
    """Refuse a table whose columns are not those that are declared (dictionaries count as what they hold)."""
    declared_schema = arrow_schema(table)
    faults = (
        *(
            Fault(where, f"column {name!r} is missing", "add it, null where unknown")
            for name in declared_schema.names
            if name not in schema.names
        ),
        *(
            Fault(where, f"column {name!r} is not declared", "leave it out")
            for name in schema.names
            if name not in declared_schema.names
        ),
        *(
            Fault(where, f"column {field.name!r} is {schema.field(field.name).type}", f"make it {field.type}")
            for field in declared_schema
            if field.name in schema.names
            and _plain_type(schema.field(field.name).type) != _plain_type(field.type)
        ),
    )
    if faults:
        raise ArchiveError(f"{where} is not a table of {table}: {len(faults)} faults", faults)


def _plain_type(arrow_type: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(arrow_type):
        arrow_type = arrow_type.value_type
    return (
        pa.string()
        if pa.types.is_large_string(arrow_type) or pa.types.is_string_view(arrow_type)
        else arrow_type
    )
