"""data.police.uk outcomes: what came of a crime, joined to it by its Crime ID."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from becalm.formats.csv_table import TEXT, WORDS, read_csv_table
from becalm.formats.input_file import InputFile
from becalm.ingest.checks import Finding, constant, misnamed, month_findings
from becalm.ingest.publication import (
    Checked,
    Publication,
    in_columns,
    reading,
    repeated_rows,
    source_of,
    words_in,
)
from becalm.ingest.reader import ReadContext, Reading
from becalm.tables import OUTCOMES

OUTCOME_COLUMNS = {"Crime ID": TEXT, "Month": WORDS, "Reported by": WORDS, "Outcome type": WORDS}


def read_outcomes(file: InputFile, context: ReadContext, about: Publication) -> Reading:
    """Read the outcomes that one force recorded in one month. A crime may have several."""
    table = read_csv_table(file, OUTCOME_COLUMNS, kind="data.police.uk outcomes", staging=context.staging)
    ids = table.columns["Crime ID"].combine_chunks()
    months, outcomes = words_in(table, "Month"), words_in(table, "Outcome type")
    source = source_of(file, about, words_in(table, "Reported by"))
    repeats, _ = repeated_rows(table, ids, column="Crime ID")
    rows = table.columns.num_rows
    columns = {
        "incident_id": ids,
        "source": constant(source, rows),
        "file": constant(file.name, rows),
        "month": months.mapped(lambda m: m),
        "outcome": outcomes.mapped(lambda o: o),
        "as_of": pa.repeat(pa.scalar(file.as_of, pa.date32()), rows),
    }
    findings = (
        *month_findings(months, column="Month", stated=about.month),
        *_without("Crime ID", pc.is_null(ids), "the outcome belongs to no crime that could be found"),
        *_without("Outcome type", pa.array(outcomes.codes < 0), "the outcome says nothing"),
        *repeats,
    )
    checked = Checked(
        table="outcomes",
        source=source,
        columns=in_columns(columns, tuple(OUTCOMES)),
        findings=findings,
        notes=misnamed(months, stated=about.month),
    )
    return reading(file, about, table, checked, context.staging)


def _without(column: str, empty: pa.Array, remedy: str) -> tuple[Finding, ...]:
    rows = np.flatnonzero(empty.to_numpy(zero_copy_only=False))
    finding = Finding(rows, column, lambda _: None, "rejected", f"the {column} is empty", remedy)
    return (finding,) if rows.size else ()
