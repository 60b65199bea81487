"""The event of loading records into the archive. A released kind is frozen: change it by adding a version."""

from __future__ import annotations

from becalm.ledger import EventKind, optional_fact, required_fact
from becalm.ledger.events import FILES

KINDS = (
    EventKind(
        "records_loaded",
        "Files of records were loaded into the archive.",
        (
            required_fact("intake", "text", "the archive's number of this load"),
            FILES,
            required_fact("rows", "whole", "rows in the files"),
            required_fact("loaded", "whole", "rows that were loaded"),
            required_fact("rejected", "whole", "rows that were not"),
            optional_fact("sources", "texts", "which sources"),
        ),
    ),
)
