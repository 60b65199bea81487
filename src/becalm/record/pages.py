"""The page of record."""

from becalm.console.job_page import JobPage

PAGE = JobPage(
    job="record",
    heading="Record",
    lead="What was done, what came of it, and can anyone prove that it was not altered?",
    labels={
        "record arrests": "Arrests, each counted once",
        "record head": "Where the ledger stands",
        "record verify": "Is the ledger as it was written?",
    },
    links={"/record/entries": "Search the entries", "/record/heads": "Signed heads of the ledger"},
    by_command="Entries are written and corrected with `becalm record add` and `becalm record correct`.",
)
