"""The event of publishing a briefing. A released kind is frozen: change it by adding a version."""

from __future__ import annotations

from becalm.ledger.event_kinds import EventKind, may, need

KINDS = (
    EventKind(
        "briefing_published",
        "A briefing was written.",
        (
            need("run_sha256", "hash", "of its run record"),
            may("files", "pairs", "each file and its SHA-256"),
            may("as_of", "day", "the day on which its records were known"),
        ),
    ),
)
