"""A long table of published counts: one row is one area, month and offence."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from becalm.formats.cells import dictionary_encode, numbers, to_arrow
from becalm.formats.row_outcomes import RowOutcomes
from becalm.formats.sheet import Sheet
from becalm.ingest.extract.code_columns import JOINT, answers, area_names, offences_of
from becalm.ingest.extract.incidents import Columns, reject_repeats
from becalm.ingest.extract.times import when
from becalm.ingest.mapping import Mapping
from becalm.ingest.reader import ReadContext
from becalm.methods.arrays import Objects


def read_counts(
    sheet: Sheet, mapping: Mapping, row_outcomes: RowOutcomes, context: ReadContext
) -> tuple[Columns, tuple[str, ...]]:
    """Every column of the published counts but source and as-of."""
    assert mapping.offence is not None
    assert mapping.counts is not None
    part = mapping.counts
    reject_repeats(sheet, mapping, row_outcomes)
    offence, group = offences_of(
        sheet, mapping.offence, context.offences[mapping.offence.table], row_outcomes
    )
    times = when(sheet, mapping.time, group, row_outcomes, city_zone=context.city.time_zone).columns()
    counts, bad = numbers(sheet.data[part.count])
    with np.errstate(invalid="ignore"):
        bad |= ~(counts >= 0) | (counts != np.floor(counts))
    row_outcomes.reject_remaining(bad, part.count, "is not a count", "give a whole number of 0 or more")
    kinds, _ = answers(sheet, part.area_kind)
    row_outcomes.reject_remaining(
        pd.isna(kinds),
        JOINT.join(part.area_kind.columns),
        "is no kind of area that the mapping knows",
        "add it there",
    )
    measures, _ = answers(sheet, part.measure)
    row_outcomes.reject_remaining(
        pd.isna(measures),
        JOINT.join(part.measure.columns),
        "is no measure that the mapping knows",
        "add it there",
    )
    columns = {
        "area_kind": to_arrow(kinds, pa.string()),
        "area_code": to_arrow(area_names(sheet, part.area_code), pa.string()),
        "area_name": to_arrow(area_names(sheet, part.area_name), pa.string()),
        "borough": to_arrow(_boroughs(sheet, mapping, context), pa.string()),
        "month": times["month"],
        "offence": to_arrow(offence, pa.string()),
        "offence_group": to_arrow(group, pa.string()),
        "measure": to_arrow(measures, pa.string()),
        "count": pa.array(np.where(bad, 0, np.nan_to_num(counts)).astype(np.int64)),
    }
    return columns, ()


def _boroughs(sheet: Sheet, mapping: Mapping, context: ReadContext) -> Objects:
    if mapping.place.borough is None:
        return np.full(sheet.data.num_rows, None, dtype=object)
    names = sorted((b.name for b in context.city.boroughs), key=len, reverse=True)

    def borough(words: str) -> str | None:
        """The borough itself, or the one that a neighbourhood's name begins with."""
        stated = context.locator.stated_borough(words)
        return stated or next((name for name in names if words.startswith(name)), None)

    return dictionary_encode(sheet.data[mapping.place.borough]).map(borough)
