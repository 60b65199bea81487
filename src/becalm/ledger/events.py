"""The ledger's own events: who saw and erased what, keys, copies, settings; and what kinds of jobs share.

The kinds of a job, and the state tables folded from them, stand in the `events.py` of that job.
"""

from collections.abc import Iterable

from becalm.ledger import Entry, EventKind, optional_fact, required_fact
from becalm.ledger.projection import WITHDRAWN, Fold, Row, format_key, occurrence

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

ABOUT_OFFICERS = ("duty planning", "welfare")
"""The purposes for which a record about an officer may be read, beside those."""

REASON = required_fact("reason", "text", "why, without names of people")
FILES = required_fact("files", "pairs", "each file and its SHA-256")
PLACE_FACTS = (
    optional_fact("place_easting_m", "whole", "where, in metres of the workspace's grid"),
    optional_fact("place_northing_m", "whole", "where, in metres of the workspace's grid"),
)
IMPORT_FACTS = (
    optional_fact("import_sha256", "hash", "the log file that this came from"),
    optional_fact("import_row", "whole", "its line in that file; the header is line 1"),
)
"""Where an event that came from a log stood in it."""
SIGNATURE_FACTS = (
    optional_fact("signing_key", "hash", "the id of the key that signs this step, where one does"),
    optional_fact("signature", "text", "of its holder (Ed25519), over the step without this fact"),
    optional_fact("log", "text", "the log that the step was signed for"),
)
"""Who signed a step with a key of their own, where no server says who is logged in."""

CONFIGURATION = "config"  # the one key of the table of that name

KINDS = (
    EventKind(
        "disclosure_made",
        "Something about a person was passed on.",
        (
            required_fact("recipient", "text", "the organisation"),
            required_fact("agreement", "text", "the number of the sharing agreement"),
            required_fact("what", "text", "which fields or document"),
            optional_fact("document_sha256", "hash", "of what was passed on"),
            optional_fact("expires_on", "day", "when it must be destroyed"),
        ),
        about_person=True,
        purposes=ABOUT_PEOPLE,
        by_hand=True,
    ),
    EventKind(
        "record_accessed",
        "Somebody saw a record about a person, or asked to.",
        (
            required_fact("what", "text", "what was shown, e.g. payload"),
            optional_fact("entries", "wholes", "which entries"),
            optional_fact("result", "text", "a code, where nothing was shown"),
        ),
        about_person=True,
        purposes=ABOUT_PEOPLE,
    ),
    EventKind(
        "record_accessed",
        "Somebody saw a record about a person, or asked to; officers' records too.",
        (
            required_fact("what", "text", "what was shown, e.g. payload"),
            optional_fact("entries", "wholes", "which entries"),
            optional_fact("result", "text", "a code, where nothing was shown"),
        ),
        version=2,
        about_person=True,
        purposes=(*ABOUT_PEOPLE, *ABOUT_OFFICERS),
    ),
    EventKind(
        "access_log_read",
        "Somebody looked up who saw whom.",
        (
            required_fact("question", "text", "subject (who saw this person) or actor (whom did they see)"),
            required_fact("of", "text", "the pseudonym or the actor"),
        ),
        purposes=ABOUT_PEOPLE,
    ),
    EventKind(
        "payload_erased",
        "Personal details and their salts were destroyed.",
        (
            required_fact("entries", "wholes", "the entries whose details were destroyed"),
            required_fact("reason", "text", "a code or the rule, without names of people"),
            optional_fact("rule", "text", "the retention rule"),
        ),
        purposes=(*ABOUT_PEOPLE, "retention"),
    ),
    EventKind(WITHDRAWN, "An entry was found to be wrong and has no successor.", (REASON,), corrects="must"),
    EventKind(
        "configuration_changed",
        "The workspace was made, or what it asks was changed.",
        (
            required_fact("what", "text", "e.g. workspace made"),
            required_fact("config_sha256", "hash", "of becalm.toml"),
            optional_fact("changed", "texts", "the entries that changed"),
        ),
    ),
    EventKind(
        "report_published",
        "A file with figures was written.",
        (required_fact("question", "text", "what it answers"), FILES),
    ),
    EventKind(
        "checkpoint_made",
        "A signed head left the building.",
        (
            required_fact("size", "whole", "entries that it covers"),
            required_fact("root", "hash", "of the tree over them"),
            optional_fact("anchors", "texts", "where it went"),
            optional_fact("key", "hash", "the public key that it was signed with"),
        ),
    ),
    EventKind(
        "key_rotated",
        "Another key signs from now on.",
        (
            required_fact("old_key", "text", "SHA-256 of the old public key; empty for the first"),
            required_fact("new_key", "hash", "SHA-256 of the new public key"),
            optional_fact("new_public_key", "text", "the new public key, in hex"),
            optional_fact("old_signature", "text", "the old key's signature over the new one, in hex"),
        ),
    ),
    EventKind(
        "backup_made",
        "A copy of the ledger was made.",
        (
            required_fact("size", "whole", "entries in the copy"),
            required_fact("root", "hash", "of the tree over them"),
            required_fact("file_sha256", "hash", "of the copy"),
        ),
    ),
    EventKind(
        "log_begun",
        "A new log goes on where an older one ended: after a copy was put back, or in a newer format.",
        (
            required_fact("old_ledger", "text", "the identity of the log that ended"),
            required_fact("old_size", "whole", "entries of it that stand before this one"),
            required_fact("old_root", "hash", "of the tree over them"),
            required_fact("old_last", "hash", "of the last of them"),
            required_fact("new_ledger", "text", "the identity of the log that begins"),
            required_fact("reason", "text", "why the first person asked for it"),
            optional_fact("lost_size", "whole", "entries that the old log is known to have had"),
            optional_fact("first_actor", "text", "who asked for it, where entries are lost"),
            optional_fact("second_actor", "text", "who confirmed it"),
            optional_fact("second_reason", "text", "why"),
        ),
    ),
    EventKind(
        "clock_corrected",
        "The clock was wrong when the entry before was recorded; time goes on from here.",
        (
            required_fact("old_time", "instant", "at which the entry before was recorded"),
            required_fact("new_time", "instant", "the right time now"),
            optional_fact("signature", "text", "of the ledger's key over both, in hex"),
            REASON,
        ),
    ),
    EventKind(
        "ledger_restored",
        "Two people put an older copy in the place of the ledger, each with a reason. No longer written: "
        "`log_begun` took its place.",
        (
            required_fact("size", "whole", "entries in the copy"),
            required_fact("root", "hash", "of the tree over them"),
            required_fact("lost_size", "whole", "entries that were known to exist beyond the copy"),
            required_fact("first_actor", "text", "who asked for it"),
            required_fact("first_reason", "text", "why"),
            required_fact("second_actor", "text", "who confirmed it"),
            required_fact("second_reason", "text", "why"),
            optional_fact("anchors", "texts", "the checkpoints that know of a longer ledger"),
        ),
    ),
)


def _configuration_row(_key: str, _row: Row | None, entry: Entry) -> Row:
    return {**entry.event.facts, "seq": entry.seq, "actor": entry.event.actor, "at": occurrence(entry)}


def _erased_keys(entry: Entry) -> Iterable[str]:
    erased_seqs = entry.event.facts["entries"]
    assert isinstance(erased_seqs, tuple)
    return tuple(format_key(int(str(erased_seq))) for erased_seq in erased_seqs)


def _erased_row(key: str, row: Row | None, entry: Entry) -> Row:
    erasure_reason = entry.event.facts["reason"]
    return row or {"seq": int(key), "erased_by": entry.seq, "at": occurrence(entry), "reason": erasure_reason}


def _access_row(_key: str, row: Row | None, entry: Entry) -> Row:
    """How often did this actor see this person, first and last?"""
    access_count = 0 if row is None else int(str(row["times"]))
    return {
        "subject": entry.event.subject,
        "actor": entry.event.actor,
        "times": access_count + 1,
        "first": entry.seq if row is None else row["first"],
        "last": entry.seq,
        "last_at": occurrence(entry),
    }


FOLDS = (
    Fold("configuration", 1, ("configuration_changed",), lambda _: (CONFIGURATION,), _configuration_row),
    Fold("erased", 1, ("payload_erased",), _erased_keys, _erased_row),
    Fold(
        "access",
        1,
        ("record_accessed", "disclosure_made"),
        lambda entry: (f"{entry.event.subject} {entry.event.actor}",),
        _access_row,
    ),
)
