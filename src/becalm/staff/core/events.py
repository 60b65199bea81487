"""The events of staff: who is available, which roster was published, what was changed, and who was asked.

Why somebody is away is personal detail: it goes into the payload, which can be erased, never into a fact.
Released kinds are frozen: change one by adding a version.
"""

from collections.abc import Iterable

from becalm.ledger import Entry, Fold, Row, fold_corrected, occurrence
from becalm.ledger.event_kinds import EventKind, optional_fact, required_fact

AVAILABILITY, ROSTER, CHANGE = "availability_recorded", "roster_published", "tour_changed"
ANSWER, DEROGATION = "officer_asked", "derogation_made"
PURPOSES = ("duty planning", "welfare", "audit")

KINDS = (
    EventKind(
        AVAILABILITY,
        "An officer was recorded as available, or not, for some half-days.",
        (
            required_fact("available", "flag", "whether the officer may serve on the street"),
            required_fact("from", "instant", "the midnight or noon at which it begins"),
            required_fact("until", "instant", "the midnight or noon at which it ends"),
        ),
        about_person=True,
        purposes=PURPOSES,
        corrects="may",
    ),
    EventKind(
        ROSTER,
        "A roster was published.",
        (
            required_fact("roster_sha256", "hash", "of the roster"),
            required_fact("inputs_sha256", "hash", "of all that it was made from"),
            required_fact("rules_sha256", "hash", "of the rules"),
            required_fact("first_day", "day", "its first day"),
            required_fact("days", "whole", "how many days"),
            required_fact("officers", "whole", "how many officers"),
            required_fact("seed", "whole", "of the search"),
        ),
        purposes=PURPOSES,
        corrects="may",
    ),
    EventKind(
        CHANGE,
        "A published tour was changed.",
        (
            required_fact("day", "day", "the day of the tour"),
            required_fact("from", "text", "the tour before, or rest"),
            required_fact("to", "text", "the tour after, or rest"),
            required_fact("notice_class", "text", "the class of the change by its notice"),
            required_fact("reason_code", "text", "why, without a reason that is personal"),
        ),
        about_person=True,
        purposes=PURPOSES,
        corrects="may",
    ),
    EventKind(
        ANSWER,
        "An officer was asked to work, and answered.",
        (
            required_fact("day", "day", "the day"),
            required_fact("tour", "text", "the tour"),
            required_fact("answer", "text", "yes, no, or none"),
        ),
        about_person=True,
        purposes=PURPOSES,
    ),
    EventKind(
        DEROGATION,
        "A rule was set aside for one officer, with rest to make up for it.",
        (
            required_fact("rule", "text", "which rule"),
            required_fact("rest_until", "instant", "until when the compensatory rest lasts"),
            required_fact("by", "text", "who decided it"),
            optional_fact("day", "day", "the day of the tour"),
        ),
        about_person=True,
        purposes=PURPOSES,
    ),
)


def _owed_keys(entry: Entry) -> Iterable[str]:
    """A row for each rest day that was cancelled or given back."""
    facts = entry.event.facts
    return (f"{entry.event.subject} {facts['day']}",) if "rest" in (facts["from"], facts["to"]) else ()


def _owed_row(_key: str, _row: Row | None, entry: Entry) -> Row | None:
    facts = entry.event.facts
    if facts["from"] != "rest":
        return None  # the tour was dropped again: nothing is owed any more
    return {
        "subject": entry.event.subject,
        "day": facts["day"],
        "notice_class": facts["notice_class"],
        "seq": entry.seq,
        "at": occurrence(entry),
    }


FOLDS = (
    fold_corrected("availability", AVAILABILITY),
    fold_corrected("roster", ROSTER),
    Fold("rest_day_owed", 1, (CHANGE,), _owed_keys, _owed_row),
)
