"""What a load, its rejects and a proposal may be asked with."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated

from becalm.terms import FileName, Parameter, Request, RowOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRequest(Request):
    """What do these files hold that the archive does not have yet?"""

    paths: Annotated[
        tuple[FileName, ...], Parameter("Files, folders or zips.", metavar="PATH", is_argument=True)
    ]
    as_of: Annotated[
        date | None,
        Parameter(
            "The day on which the records were published. Without it: the newest date in a zip, "
            "or the day on which a file was last changed."
        ),
    ] = None
    mapping: Annotated[
        FileName | None, Parameter("The mapping to read an extract with (see `becalm ingest map`).")
    ] = None
    max_reject_share: Annotated[
        float | None,
        Parameter("Refuse a file with a greater share of faulty rows (else becalm.toml's).", low=0, high=1),
    ] = None
    replace: Annotated[bool, Parameter("Let a file take the place of a larger one of the same months.")] = (
        False
    )
    allow_outside: Annotated[bool, Parameter("Load records that mostly lie outside the city as well.")] = (
        False
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectsRequest(Request):
    """Which rows were rejected or repaired, and why?"""

    file: Annotated[str | None, Parameter("Only files whose name contains this.")] = None
    source: Annotated[str | None, Parameter("Only files of this source.")] = None
    reason: Annotated[str | None, Parameter("Only reasons that contain this.")] = None
    fate: Annotated[RowOutcome | None, Parameter("Only rows that met this fate.")] = None
    limit: Annotated[
        int | None,
        Parameter("Show so many rows (else 50 in a table, and all as csv or json).", unit="rows", low=1),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingRequest(Request):
    """Which mapping would read this file?"""

    file: Annotated[
        FileName,
        Parameter(
            "A csv, tsv, xlsx, xls, ods, parquet, JSON or GeoJSON file, a GeoPackage or a zipped shapefile.",
            metavar="FILE",
            is_argument=True,
        ),
    ]
    out: Annotated[
        FileName | None, Parameter("Where to write the mapping. Without it: the workspace's mappings folder.")
    ] = None
    name: Annotated[
        str | None, Parameter("What to call the mapping and its source. Without it: the file's name.")
    ] = None
    sheet: Annotated[
        str | None,
        Parameter("The sheet of a workbook. Without it: the first that holds a table."),
    ] = None
    header_row: Annotated[
        int | None, Parameter("The row of the column names, counted from 1. Without it: it is found.", low=1)
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadsRequest(Request):
    """Which loads are there, and what became of them?"""

    source: Annotated[str | None, Parameter("Only loads of this source.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawRequest(Request):
    """Which load is taken back, and why?"""

    load: Annotated[
        str, Parameter("The number of the load (see `becalm ingest list`).", metavar="LOAD", is_argument=True)
    ]
    reason: Annotated[str, Parameter("Why it is taken back. The ledger keeps it.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PurgeRequest(Request):
    """Which records are destroyed for good?"""

    before: Annotated[date, Parameter("Destroy the records of months that ended before this day.")]
