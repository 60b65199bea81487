"""The event of loading records into the archive. A released kind is frozen: change it by adding a version."""

from __future__ import annotations

from becalm.ledger.event_kinds import EventKind, may, need
from becalm.ledger.events import FILES

KINDS = (
    EventKind(
        "records_loaded",
        "Files of records were loaded into the archive.",
        (
            need("intake", "text", "the archive's number of this load"),
            FILES,
            need("rows", "whole", "rows in the files"),
            need("loaded", "whole", "rows that were loaded"),
            need("rejected", "whole", "rows that were not"),
            may("sources", "texts", "which sources"),
        ),
    ),
)
