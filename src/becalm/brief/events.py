"""The event of publishing a briefing. A released kind is frozen: change it by adding a version."""

from becalm.ledger import EventKind, optional_fact, required_fact

KINDS = (
    EventKind(
        "briefing_published",
        "A briefing was written.",
        (
            required_fact("run_sha256", "hash", "of its run record"),
            optional_fact("files", "pairs", "each file and its SHA-256"),
            optional_fact("as_of", "day", "the as-of date of its records"),
        ),
    ),
)
