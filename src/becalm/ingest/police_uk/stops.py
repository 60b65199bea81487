"""data.police.uk stop and search: times are UTC, while the files are cut by the local month.

Nothing about the person who was stopped is taken over.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from becalm.formats.csv_table import WORDS, read_csv_table
from becalm.formats.input_file import InputFile
from becalm.ingest.checks import Coded, Finding, constant, misnamed, month_findings, words
from becalm.ingest.publication import (
    Checked,
    Publication,
    in_columns,
    places_of,
    reading,
    source_of,
    synthetic_ids,
    words_in,
)
from becalm.ingest.reader import ReadContext, Reading
from becalm.tables import STOPS

STOP_COLUMNS = {
    "Type": WORDS,
    "Date": WORDS,
    "Latitude": WORDS,
    "Longitude": WORDS,
    "Legislation": WORDS,
    "Object of search": WORDS,
    "Outcome": WORDS,
}
LOCAL_ZONE = "Europe/London"  # the zone in which data.police.uk cuts its months


def read_stops(file: InputFile, context: ReadContext, about: Publication) -> Reading:
    """Read one force's stops of one local month."""
    table = read_csv_table(file, STOP_COLUMNS, kind="data.police.uk stop-and-search", staging=context.staging)
    dates = words_in(table, "Date")
    instants, months = _times(dates)
    places = places_of(words_in(table, "Longitude"), words_in(table, "Latitude"), context.locator)
    easting, northing = places.metres()
    source = source_of(file, about, None)
    rows = table.columns.num_rows
    columns = {
        "stop_id": synthetic_ids(f"{source}:{about.month or file.sha256[:12]}:stop", np.arange(1, rows + 1)),
        "source": constant(source, rows),
        "file": constant(file.name, rows),
        "stopped_at": instants,
        "month": months.mapped(lambda m: m),
        **{name: words_in(table, theirs).mapped(lambda v: v) for name, theirs in _AS_WRITTEN.items()},
        "easting_m": easting,
        "northing_m": northing,
        "location_quality": words((~places.known).astype(np.int32), ["snap", "none"]),
        "as_of": pa.repeat(pa.scalar(file.as_of, pa.date32()), rows),
    }
    timeless = np.flatnonzero(months.codes < 0)
    stray = (
        f for f in month_findings(months, column="Date", stated=about.month) if "another month" in f.reason
    )
    findings = (*_timeless(timeless, dates), *stray, *places.findings)
    checked = Checked(
        table="stops",
        source=source,
        columns=in_columns(columns, tuple(STOPS)),
        findings=findings,
        notes=misnamed(months, stated=about.month),
    )
    return reading(file, about, table, checked, context.staging)


_AS_WRITTEN = {
    "kind": "Type",
    "legislation": "Legislation",
    "object_of_search": "Object of search",
    "outcome": "Outcome",
}


def _times(dates: Coded) -> tuple[pa.Array, Coded]:
    """Each stop's instant, and the local month it falls in; null and -1 where the date is none."""
    stamps = pd.to_datetime(
        pd.Series(dates.values, dtype=object), format="ISO8601", utc=True, errors="coerce"
    )
    local = stamps.dt.tz_convert(LOCAL_ZONE).dt.strftime("%Y-%m")
    month_codes, month_names = pd.factorize(local)  # -1 where there is none
    all_codes = np.append(month_codes, -1)[dates.codes]
    seconds = np.append(stamps.astype("datetime64[us, UTC]").astype("int64").to_numpy(), 0)[dates.codes]
    instants = pa.array(seconds, mask=all_codes < 0).cast(pa.timestamp("us", "UTC"))
    return instants, Coded(all_codes.astype(np.intp), tuple(month_names))


def _timeless(rows: np.ndarray, dates: Coded) -> tuple[Finding, ...]:
    remedy = "write it as 2020-04-01T23:05:00+00:00"
    finding = Finding(rows, "Date", dates.value, "rejected", "the date is not an instant", remedy)
    return (finding,) if rows.size else ()
