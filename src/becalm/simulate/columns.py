"""The columns of the simulated files, and the words in them; the shipped mapping is written from here.

One row is one recorded crime. Times are local clock times of the city (Europe/London) without a zone,
`YYYY-MM-DD HH:MM`; `occurred_to` equals `occurred_from` where the instant is known, otherwise the
crime happened somewhere between the two. Eastings and northings are whole metres of EPSG:27700 and
empty where the place was not recorded. `weapon` is the one used or threatened with. There are no
personal data but the victim's age band (empty where there is no single victim).
"""

from __future__ import annotations

from typing import Final

TIME_ZONE: Final = "Europe/London"
CRS: Final = "EPSG:27700"

EXTRACT_COLUMNS: Final = (
    "crime_ref",  # unique, e.g. DGB-000000017
    "recorded_on",
    "occurred_from",
    "occurred_to",
    "offence",  # one of simulate.offences.OFFENCES (their group and police.uk type stand beside them)
    "found_by",  # victim | police
    "weapon",  # knife | gun | other | none | unknown
    "injury",  # Y | N | empty where not known
    "victim_age_band",  # one of AGE_BANDS or empty
    "outcome",  # empty where none is known
    "easting",
    "northing",
    "borough",
    "ward",  # name
    "lsoa",  # code
    "command_unit",
)

WEAPONS: Final = ("none", "knife", "gun", "other", "unknown")
AGE_BANDS: Final = ("0-9", "10-17", "18-24", "25-34", "35-44", "45-54", "55-64", "65+")

STREET_COLUMNS: Final = (
    "Crime ID",
    "Month",
    "Reported by",
    "Falls within",
    "Longitude",
    "Latitude",
    "Location",
    "LSOA code",
    "LSOA name",
    "Crime type",
    "Last outcome category",
    "Context",
)

OUTCOME_COLUMNS: Final = (
    "Crime ID",
    "Month",
    "Reported by",
    "Falls within",
    "Longitude",
    "Latitude",
    "Location",
    "LSOA code",
    "LSOA name",
    "Outcome type",
)

STOP_COLUMNS: Final = (
    "Type",
    "Date",
    "Part of a policing operation",
    "Policing operation",
    "Latitude",
    "Longitude",
    "Gender",
    "Age range",
    "Self-defined ethnicity",
    "Officer-defined ethnicity",
    "Legislation",
    "Object of search",
    "Outcome",
    "Outcome linked to object of search",
    "Removal of more than just outer clothing",
)
