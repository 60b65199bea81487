"""People in the ledger: who saw whom, and forgetting with a proof."""

from __future__ import annotations

from dataclasses import dataclass

from becalm.desk import Desk
from becalm.desk.audit import make_event
from becalm.ledger.event import Entry
from becalm.ledger.protocol import EventToAppend, Ledger
from becalm.record.desk.answers import LedgerSource, entry_at, source_of
from becalm.terms import QuestionError, UsageError

SEEN = ("record_accessed", "disclosure_made")


@dataclass(frozen=True, slots=True)
class AccessesFound:
    """Every time that somebody saw a record about somebody, oldest first."""

    subject: str | None
    actor: str | None
    entries: tuple[Entry, ...]
    source: LedgerSource


@dataclass(frozen=True, slots=True)
class Erasure:
    """Personal details that were destroyed: of which entries, and which entry records it."""

    erased: tuple[int, ...]
    without_details: tuple[int, ...]  # entries that had none to destroy, or none any more
    entry: Entry
    source: LedgerSource


def find_accesses(desk: Desk, *, subject: str | None, actor: str | None, purpose: str) -> AccessesFound:
    """Who saw this person, or whom did this actor see? The question is recorded before it is answered."""
    if not subject and not actor:
        raise UsageError("Say whose accesses: --subject PSEUDONYM, --actor NAME, or both.")
    ledger = desk.open_ledger()
    question, of = ("subject", subject) if subject else ("actor", actor)
    asked = make_event(desk, "access_log_read", purpose=purpose, facts={"question": question, "of": str(of)})
    ledger.append([EventToAppend(asked)])
    found = ledger.entries(kinds=SEEN, subject=subject or "", actor=actor or "")
    return AccessesFound(
        subject,
        actor,
        tuple(found),
        source_of(desk, ledger),
    )


def erase_details(
    desk: Desk, *, entries: tuple[int, ...], subject: str | None, reason: str, purpose: str
) -> Erasure:
    """Destroy the personal details of these entries, or of all that are about one person.

    Raises
    ------
    UsageError
        where neither is named, or no reason is given.
    QuestionError
        where there is nothing to destroy.
    """
    if bool(entries) == bool(subject):
        raise UsageError("Name what to erase: --entry N (may be given again), or --subject PSEUDONYM.")
    if not reason.strip():
        raise UsageError("Say by which rule or why, with --reason; name no person in it.")
    ledger = desk.open_ledger()
    named = _named(ledger, entries, subject)
    gone = {int(str(row["seq"])) for row in ledger.state_rows("erased")}
    there = tuple(e.seq for e in named if e.commitment and e.seq not in gone)
    if not there:
        raise QuestionError("None of these entries has personal details, or they were erased before.")
    erasure = make_event(
        desk,
        "payload_erased",
        purpose=purpose,
        facts={"entries": there, "reason": reason},
    )
    entry = ledger.erase(there, erasure=erasure)
    rest = tuple(e.seq for e in named if e.seq not in there)
    return Erasure(there, rest, entry, source_of(desk, ledger))


def _named(ledger: Ledger, entries: tuple[int, ...], subject: str | None) -> tuple[Entry, ...]:
    if subject:
        return tuple(ledger.entries(subject=subject))
    return tuple(entry_at(ledger, seq) for seq in dict.fromkeys(entries))
