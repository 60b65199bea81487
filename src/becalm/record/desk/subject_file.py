"""Everything that the ledger holds about one person or officer: entries, details, and who saw them."""

from collections.abc import Mapping
from dataclasses import dataclass

from becalm.desk import Desk, read_payload
from becalm.ledger import Entry
from becalm.record.desk.personal_data import ACCESS_KINDS


@dataclass(frozen=True, slots=True)
class SubjectFile:
    """What is held about one subject; details that were erased are not there any more."""

    subject: str
    entries: tuple[Entry, ...]  # without the accesses
    details: Mapping[int, str]  # by the entry that they stand beside
    accesses: tuple[Entry, ...]


def gather_subject(desk: Desk, subject: str, *, purpose: str) -> SubjectFile:
    """All entries about a subject with their details; each detail that is read leaves `record_accessed`.

    Reading is part of the file, so the accesses end with those that it took to make it.
    """
    ledger = desk.open_ledger()
    entries = tuple(e for e in ledger.verified_entries(subject=subject) if e.event.kind not in ACCESS_KINDS)
    details: dict[int, str] = {}
    for entry in entries:
        if entry.commitment:
            payload = read_payload(desk, entry.seq, subject=subject, purpose=purpose, shown_text="payload")
            if payload is not None:
                details[entry.seq] = payload.decode("utf-8", "replace")
    accesses = ledger.verified_entries(kinds=ACCESS_KINDS, subject=subject)
    return SubjectFile(subject, entries, details, accesses)
