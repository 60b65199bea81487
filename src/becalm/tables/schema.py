"""The declared schema of every table in the archive.

The incidents table carries two columns beside those that a source states, both derived once, on
the way in, in the city's own time zone, so that no engine has to know about zones:
`occurred_on`, the civil day of `occurred_from`, and `hour_of_week`, 0 for Monday 00:00 to 167 for
Sunday 23:00. They are null where the record's precision does not reach so far.
"""

from __future__ import annotations

from typing import Final

import ibis

Precision = ("minute", "hour", "day", "month")
FoundBy = ("victim", "police", "unknown")
Weapon = ("knife", "gun", "other", "none", "unknown")
LocationQuality = ("exact", "block", "snap", "none")
AreaKind = ("borough", "ward", "neighbourhood", "city")

INCIDENTS: Final = ibis.schema(
    {
        "incident_id": "string",
        "source": "string",  # e.g. "police_uk/city-of-london", "chicago"
        "file": "string",  # the input file (archive member) that the row came from
        "found_by": "string",  # FoundBy
        "occurred_from": "timestamp('UTC')",  # null where unknown
        "occurred_to": "timestamp('UTC')",  # excluded; equals occurred_from for a known instant
        "occurred_on": "date",
        "hour_of_week": "int16",
        "precision": "string",  # Precision
        "month": "string",  # YYYY-MM in the city's zone; never null
        "recorded_on": "date",
        "as_of": "date",
        "offence": "string",  # the source's own words
        "offence_group": "string",
        "weapon": "string",  # Weapon
        "injury": "boolean",  # null where unknown
        "victim_age_band": "string",
        "outcome": "string",  # null where none is known
        "easting_m": "float64",  # in the workspace's metric CRS; null exactly where location_quality is none
        "northing_m": "float64",
        "location_quality": "string",  # LocationQuality
        "borough": "string",
        "ward": "string",
        "lsoa": "string",
        "command_unit": "string",
    }
)

PUBLISHED_COUNTS: Final = ibis.schema(
    {
        "source": "string",  # e.g. "mps_borough"
        "area_kind": "string",  # AreaKind
        "area_code": "string",
        "area_name": "string",
        "borough": "string",  # the borough that the area lies in (itself for a borough)
        "month": "string",
        "offence": "string",
        "offence_group": "string",
        "measure": "string",  # what is counted: "offences", "victims", ...
        "count": "int64",
        "as_of": "date",
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
        "file": "string",
        "row": "int64",
        "column": "string",
        "value": "string",
        "fate": "string",  # rejected | repaired
        "reason": "string",
        "remedy": "string",
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
