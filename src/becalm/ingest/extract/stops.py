"""An extract's rows as stop and search records."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from becalm.formats.cells import dictionary_encode, to_arrow
from becalm.formats.row_outcomes import RowOutcomes
from becalm.formats.sheet import Sheet
from becalm.ingest.extract.incidents import Columns, incident_ids, reject_repeats
from becalm.ingest.extract.places import coordinates
from becalm.ingest.extract.times import when
from becalm.ingest.mapping import Mapping, StopPart
from becalm.ingest.reader import ReadContext


def read_stops(
    sheet: Sheet, mapping: Mapping, row_outcomes: RowOutcomes, context: ReadContext
) -> tuple[Columns, tuple[str, ...]]:
    """Every column of the stops table but source, file and as-of."""
    reject_repeats(sheet, mapping, row_outcomes)
    nothing = np.full(sheet.data.num_rows, None, dtype=object)
    times = when(sheet, mapping.time, nothing, row_outcomes, city_zone=context.city.time_zone).columns()
    spots, _, notes = coordinates(sheet, mapping.place, row_outcomes, context.locator)
    stop = mapping.stop or StopPart()
    outcome = mapping.outcome if isinstance(mapping.outcome, str) else None
    texts = {
        "kind": stop.kind,
        "legislation": stop.legislation,
        "object_of_search": stop.object_of_search,
        "outcome": outcome,
    }
    columns = {
        "stop_id": incident_ids(sheet, mapping),
        "stopped_at": times["occurred_from"],
        "month": times["month"],
        **{
            ours: to_arrow(nothing if c is None else dictionary_encode(sheet.data[c]).map(str), pa.string())
            for ours, c in texts.items()
        },
        **spots,
    }
    return columns, notes
