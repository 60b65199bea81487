"""The kinds of event that are about a person, and the purposes for which a record about one may be used."""

from __future__ import annotations

from becalm.ledger.event_schema import Kind, may, need

ABOUT_PEOPLE = (
    "offer of help",
    "decision",
    "visit",
    "referral",
    "challenge",
    "subject request",
    "correction",
    "erasure",
    "audit",
    "breach inquiry",
    "court order",
)
"""The purposes for which a record about a person may be made, read or passed on."""

REASON = need("reason", "text", "why, without names of people")

HELP = (
    Kind(
        "visit_attempted",
        "A crew called on somebody and did not meet them.",
        (need("attempt", "whole", "1, 2, 3 …"), need("result", "text", "a code, e.g. no_answer")),
        about_person=True,
        purposes=ABOUT_PEOPLE,
        corrects="may",
    ),
    Kind(
        "visit_made",
        "A crew met somebody and spoke with them.",
        (need("visit", "whole", "1 or 2"), need("response", "text", "a code, e.g. interested")),
        about_person=True,
        purposes=ABOUT_PEOPLE,
        corrects="may",
    ),
    *(
        Kind(
            f"referral_{step}",
            f"{meaning}",
            (
                need("referral", "text", "its number"),
                need("provider", "text", "the organisation"),
                *more,
            ),
            about_person=True,
            purposes=ABOUT_PEOPLE,
            corrects="may",
        )
        for step, meaning, more in (
            ("sent", "Somebody was referred to an organisation that helps, with consent.", ()),
            ("accepted", "The organisation took the referral on.", ()),
            ("rejected", "The organisation did not take the referral on.", (REASON,)),
            ("started", "The first session took place.", ()),
            ("ended", "The help came to an end.", (need("end_code", "text", "e.g. completed"),)),
        )
    ),
    Kind(
        "decision_made",
        "A human decided about a person, with reasons.",
        (
            need("decision", "text", "a code, e.g. approved"),
            need("rule_sha256", "hash", "the published rule"),
            REASON,
        ),
        about_person=True,
        purposes=ABOUT_PEOPLE,
        corrects="may",
    ),
    Kind(
        "allocation_made",
        "A person or place was allocated to an arm or an order by chance.",
        (
            need("unit", "text", "what was allocated: a pseudonym or a place"),
            need("arm", "text", "to which arm"),
            may("commitment", "hash", "the sealed seed that it was drawn from"),
        ),
        corrects="never",
    ),
    Kind(
        "disclosure_made",
        "Something about a person was passed on.",
        (
            need("recipient", "text", "the organisation"),
            need("agreement", "text", "the number of the sharing agreement"),
            need("what", "text", "which fields or document"),
            may("document_sha256", "hash", "of what was passed on"),
            may("expires_on", "day", "when it must be destroyed"),
        ),
        about_person=True,
        purposes=ABOUT_PEOPLE,
    ),
)
