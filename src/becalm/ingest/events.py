"""The event of loading records into the archive. A released kind is frozen: change it by adding a version."""

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
    EventKind(
        "records_withdrawn",
        "A load was taken back: its records count no more, and its files are kept.",
        (
            required_fact("intake", "text", "the archive's number of the load"),
            required_fact("reason", "text", "why"),
            required_fact("rows", "whole", "rows that count no more"),
        ),
    ),
    EventKind(
        "records_purged",
        "Records past retention were destroyed for good; their hashes are kept.",
        (
            required_fact("before", "text", "the day before which the records lie"),
            required_fact("files", "whole", "files of the archive that were destroyed"),
            required_fact("rows", "whole", "rows that they held"),
        ),
    ),
)
