"""The events of what was done and what came of it: arrests, logs, and help to people; and their state tables.

Released kinds are frozen: change one by adding a version.
"""

from collections.abc import Iterable

from becalm.ledger import Entry, Fold, Row, fold_corrected, occurrence
from becalm.ledger.event_kinds import EventKind, optional_fact, required_fact
from becalm.ledger.events import ABOUT_PEOPLE, IMPORT_FACTS, PLACE_FACTS, REASON, SIGNATURE_FACTS

_OUTCOME_FACTS = (
    required_fact("unit", "text", "the unit or team that did it"),
    required_fact("activity", "text", "what the unit was on, as its log names it"),
    *PLACE_FACTS,
    optional_fact("offence", "text", "what it was for, in the words of the log"),
    optional_fact("hotspot", "text", "the hotspot, where one is named"),
    optional_fact("reference", "text", "the number under which the source keeps it"),
    *IMPORT_FACTS,
)

OUTCOMES = (
    EventKind("arrest_made", "Somebody was arrested.", _OUTCOME_FACTS, corrects="may", by_hand=True),
    EventKind(
        "seizure_made",
        "A weapon, drugs or other things were seized.",
        (required_fact("item", "text", "what kind of thing"), *_OUTCOME_FACTS),
        corrects="may",
        by_hand=True,
    ),
    EventKind(
        "stop_made",
        "Somebody was stopped and searched.",
        (optional_fact("outcome", "text", "what came of it, as the source codes it"), *_OUTCOME_FACTS),
        corrects="may",
        by_hand=True,
    ),
)

HELP = (
    EventKind(
        "visit_attempted",
        "A crew called on somebody and did not meet them.",
        (
            required_fact("attempt", "whole", "1, 2, 3 …"),
            required_fact("result", "text", "a code, e.g. no_answer"),
        ),
        about_person=True,
        purposes=ABOUT_PEOPLE,
        corrects="may",
        by_hand=True,
    ),
    EventKind(
        "visit_made",
        "A crew met somebody and spoke with them.",
        (
            required_fact("visit", "whole", "1 or 2"),
            required_fact("response", "text", "a code, e.g. interested"),
        ),
        about_person=True,
        purposes=ABOUT_PEOPLE,
        corrects="may",
        by_hand=True,
    ),
    *(
        EventKind(
            f"referral_{step}",
            meaning,
            (
                required_fact("referral", "text", "its number"),
                required_fact("provider", "text", "the organisation"),
                *facts,
            ),
            about_person=True,
            purposes=ABOUT_PEOPLE,
            corrects="may",
            by_hand=True,
        )
        for step, meaning, facts in (
            ("sent", "Somebody was referred to an organisation that helps, with consent.", ()),
            ("accepted", "The organisation took the referral on.", ()),
            ("rejected", "The organisation did not take the referral on.", (REASON,)),
            ("started", "The first session took place.", ()),
            ("ended", "The help came to an end.", (required_fact("end_code", "text", "e.g. completed"),)),
        )
    ),
    EventKind(
        "decision_made",
        "A human decided about a person, with reasons.",
        (
            required_fact("decision", "text", "a code, e.g. approved"),
            required_fact("rule_sha256", "hash", "the published rule"),
            REASON,
        ),
        about_person=True,
        purposes=ABOUT_PEOPLE,
        corrects="may",
        by_hand=True,
    ),
    EventKind(
        "decision_made",
        "A human decided about a person, with codes; the sentence is in the details, which can be erased.",
        (
            required_fact("decision", "text", "approved, declined or deferred"),
            required_fact("stage", "text", "at which step, e.g. nomination, renewal"),
            required_fact("rule_sha256", "hash", "the published rule"),
            required_fact("codes", "texts", "reason codes of the rule"),
            optional_fact("explanation_sha256", "hash", "the page of reasons that it rests on"),
            optional_fact("expires_on", "day", "when an approval ends by itself"),
            *SIGNATURE_FACTS,
        ),
        version=2,
        about_person=True,
        purposes=ABOUT_PEOPLE,
    ),
    EventKind(
        "referral_rejected",
        "The organisation did not take the referral on; its words are in the details.",
        (
            required_fact("referral", "text", "its number"),
            required_fact("provider", "text", "the organisation"),
            required_fact("code", "text", "why, as a code"),
        ),
        version=2,
        about_person=True,
        purposes=ABOUT_PEOPLE,
        corrects="may",
        by_hand=True,
    ),
    EventKind(
        "allocation_made",
        "A person or place was allocated to an arm or an order by chance.",
        (
            required_fact("unit", "text", "what was allocated: a pseudonym or a place"),
            required_fact("arm", "text", "to which arm"),
            optional_fact("commitment", "hash", "the sealed seed that it was drawn from"),
        ),
        by_hand=True,
    ),
)

IMPORT = EventKind(
    "import_done",
    "A log of a unit or a force was imported.",
    (
        required_fact("file", "text", "its name"),
        required_fact("file_sha256", "hash", "of its bytes"),
        required_fact("imported", "text", "the kind that its rows became"),
        required_fact("mapping", "text", "the mapping and its version"),
        required_fact("mapping_sha256", "hash", "of the mapping"),
        required_fact("rows", "whole", "how many rows"),
    ),
)

EXPORT = EventKind(
    "record_exported",
    "The entries were written into a folder, for somebody to read or check.",
    (
        required_fact("folder", "text", "its name"),
        required_fact("entries", "whole", "how many there were before this one"),
    ),
)

RECEIVED = EventKind(
    "record_received",
    "A record that an officer wrote on a phone was received.",
    (
        required_fact("id", "text", "the number that the phone gave it, by which it is taken once"),
        required_fact("kind", "text", "what it is, e.g. arrest"),
        required_fact("form", "text", "the version of the form"),
        required_fact("written_at", "instant", "when it was written, by the phone's clock"),
        required_fact("entries_before", "whole", "how many entries right before this one hold what it says"),
        optional_fact("since_start_ms", "whole", "the browser's own clock, in milliseconds"),
        optional_fact("time_in_doubt", "flag", "the phone's clock was wrong"),
        optional_fact("unit", "text", "the unit"),
        optional_fact("hotspot", "text", "the hotspot"),
        optional_fact("written_by", "text", "who wrote it, where somebody else sent it"),
        optional_fact("is_handed_in", "flag", "it came as a file or as QR codes, not from the phone"),
    ),
)

KINDS = (*OUTCOMES, *HELP, IMPORT, EXPORT, RECEIVED)


def _import_keys(entry: Entry) -> Iterable[str]:
    event_facts = entry.event.facts
    return (f"{event_facts['file_sha256']} {event_facts['imported']}",)


def _import_row(_key: str, row: Row | None, entry: Entry) -> Row:
    return row or {
        **entry.event.facts,
        "seq": entry.seq,
        "actor": entry.event.actor,
        "at": occurrence(entry),
    }


def _received_keys(entry: Entry) -> Iterable[str]:
    return (str(entry.event.facts["id"]),)


def _received_row(_key: str, row: Row | None, entry: Entry) -> Row:
    """The entry that holds what was written: right before this note, or the note itself."""
    if row is not None:
        return row
    before = int(str(entry.event.facts["entries_before"]))
    return {
        **entry.event.facts,
        "seq": entry.seq,
        "entry": entry.seq - before,
        "hash": entry.previous if before else entry.hash,
        "actor": entry.event.actor,
        "at": occurrence(entry),
    }


FOLDS = (
    fold_corrected("arrest", "arrest_made"),
    fold_corrected("seizure", "seizure_made"),
    fold_corrected("stop", "stop_made"),
    fold_corrected("visit", "visit_made", "visit_attempted"),
    Fold("street_record", 1, (RECEIVED.name,), _received_keys, _received_row),
    Fold("import", 1, (IMPORT.name,), _import_keys, _import_row),
)
