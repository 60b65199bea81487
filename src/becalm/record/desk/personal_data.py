"""People in the ledger: who saw whom, and forgetting with a proof."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

from becalm.desk import Desk, make_event, record_event
from becalm.ledger import Entry, Ledger, entry_row, hash_row
from becalm.ledger.event_kinds import PSEUDONYM_REMEDY, is_pseudonym
from becalm.record.core.request import AccessRequest, EraseRequest
from becalm.record.desk.read import LedgerSource, describe_source, read_entry
from becalm.terms import QuestionError, TamperError, UsageError

ACCESS_KINDS = ("record_accessed", "disclosure_made")


@dataclass(frozen=True, slots=True)
class AccessLog:
    """Every time that somebody saw a record about somebody, oldest first."""

    subject: str | None
    actor: str | None
    entries: tuple[Entry, ...]
    source: LedgerSource
    is_verified: bool = True  # over the whole chain; else each of these entries by itself


@dataclass(frozen=True, slots=True)
class Erasure:
    """Personal details that were destroyed: of which entries, and which entry records it."""

    erased_entries: tuple[int, ...]
    without_details: tuple[int, ...]  # entries that had none to destroy, or none any more
    entry: Entry
    source: LedgerSource


def find_accesses(desk: Desk, request: AccessRequest) -> AccessLog:
    """Who saw this person, or whom did this actor see? The question is recorded before it is answered."""
    subject, actor = request.subject, request.actor
    if not subject and not actor:
        raise UsageError("Say whose accesses: `subject PSEUDONYM`, `actor NAME`, or both.")
    ledger = desk.open_ledger()
    if subject and not is_pseudonym(subject) and next(ledger.entries(subject=subject), None) is None:
        # The question is recorded: a name in it could never be erased again.
        raise UsageError(f"`subject {subject}` is not a pseudonym: {PSEUDONYM_REMEDY}. Nothing was recorded.")
    access_facts = {"question": "subject" if subject else "actor", "of": str(subject or actor)}
    record_event(desk, "access_log_read", purpose=request.purpose, facts=access_facts)
    find_entries = partial(_read_by_index, ledger) if request.quick else ledger.verified_entries
    entries = find_entries(kinds=ACCESS_KINDS, subject=subject or "", actor=actor or "")
    return AccessLog(subject, actor, entries, describe_source(desk, ledger), not request.quick)


def _read_by_index(ledger: Ledger, *, kinds: Sequence[str], subject: str, actor: str) -> tuple[Entry, ...]:
    """The entries that the indexes lead to, each checked by its own hash; others may be kept from us."""
    entries = tuple(ledger.entries(kinds=kinds, subject=subject, actor=actor))
    altered_seq = next((entry.seq for entry in entries if hash_row(entry_row(entry)) != entry.hash), None)
    if altered_seq is not None:
        raise TamperError(f"Entry {altered_seq} is not what was written. Run `becalm record verify`.")
    return entries


def erase_details(desk: Desk, request: EraseRequest) -> Erasure:
    """Destroy the personal details of the entries that are named, or of all that are about one person.

    Raises UsageError where neither is named, or no reason is given; QuestionError where there is nothing to
    destroy.
    """
    if bool(request.entry) == bool(request.subject):
        raise UsageError("Name what to erase: `entry N` (may be given again), or `subject PSEUDONYM`.")
    if not request.reason.strip():
        raise UsageError("Give the rule or the reason with `reason`; name no person in it.")
    ledger = desk.open_ledger()
    entries = (
        ledger.verified_entries(subject=request.subject)
        if request.subject
        else tuple(read_entry(ledger, seq) for seq in dict.fromkeys(request.entry))
    )
    # From the entries, not from the state table: a row forged there would keep details from being erased.
    erasures = ledger.verified_entries(kinds=("payload_erased",))
    erased_seqs = {seq for entry in erasures for seq in cast("tuple[int, ...]", entry.event.facts["entries"])}
    seqs_to_erase = tuple(entry.seq for entry in entries if entry.commitment and entry.seq not in erased_seqs)
    if not seqs_to_erase:
        raise QuestionError("None of these entries has personal details, or they were erased before.")
    erasure = make_event(
        desk,
        "payload_erased",
        purpose=request.purpose,
        facts={"entries": seqs_to_erase, "reason": request.reason},
    )
    entry = ledger.erase(seqs_to_erase, erasure=erasure)
    seqs_without_details = tuple(entry.seq for entry in entries if entry.seq not in seqs_to_erase)
    return Erasure(seqs_to_erase, seqs_without_details, entry, describe_source(desk, ledger))
