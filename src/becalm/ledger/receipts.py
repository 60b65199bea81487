"""Receipts: which entries an append got, and what was promised to whoever did not wait for them.

A ledger keeps one row for each append: a ticket, the first and last of its entries, or why it was refused.
Who asked for an append may keep a receipt too, which names the ticket and the hash of what was handed in:
with it anybody can ask later whether that stands.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

from becalm.ledger.chain import OCCURRED_AT, PREVIOUS, StoredRow, format_instant, parse_instant
from becalm.ledger.chain_check import Finding
from becalm.terms import InputError

RECEIPT_FORMAT: Final = "becalm.receipt.1"
MOST_FAULTS: Final = 20  # that are named; more say nothing new
UNRECEIVED: Final = "they were sealed twice, or written around the program"


@dataclass(frozen=True, slots=True)
class AppendReceipt:
    """What whoever asked for an append may keep: it is on the disk, and will be sealed."""

    ledger_id: str  # of the log that was written then
    ticket: str
    event_count: int
    digest: str  # of the events, as `digest_events` gives it
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """What a ledger notes of one append: the entries that it got, or (first 0) why it was refused."""

    ticket: str
    first: int
    last: int
    refusal: str = ""


def digest_events(event_texts: Iterable[str]) -> str:
    """The hash of some events, in hex; each as `row_text` writes it."""
    return sha256("\n".join(event_texts).encode()).hexdigest()


def row_text(row: StoredRow) -> str:
    """What the event itself gave to its row, as one text: from its time to its commitment."""
    return json.dumps(row[OCCURRED_AT:PREVIOUS], ensure_ascii=False, separators=(",", ":"))[1:-1]


def format_receipt(receipt: AppendReceipt) -> str:
    """A receipt as a file keeps it."""
    receipt_fields = {
        "format": RECEIPT_FORMAT,
        "ledger": receipt.ledger_id,
        "ticket": receipt.ticket,
        "events": receipt.event_count,
        "digest": receipt.digest,
        "accepted_at": format_instant(receipt.accepted_at),
    }
    return json.dumps(receipt_fields, indent=2) + "\n"


def parse_receipt(text: str, place: str) -> AppendReceipt:
    """A receipt from its file; raises InputError where it is none."""
    try:
        fields = json.loads(text)
        receipt = AppendReceipt(
            str(fields["ledger"]),
            str(fields["ticket"]),
            int(fields["events"]),
            str(fields["digest"]),
            parse_instant(fields["accepted_at"]),
        )
        is_receipt = fields["format"] == RECEIPT_FORMAT
    except (ValueError, KeyError, TypeError):
        is_receipt = False
    if not is_receipt:
        raise InputError(f"{place} is no receipt of a ledger. Name one that is; nothing was done.")
    return receipt


def check_receipts(
    stored_receipts: Iterable[StoredReceipt], entry_count: int, *, has_all: bool
) -> Iterator[Finding]:
    """Does every receipt name entries that are there, and is no entry under two, nor (`has_all`) under none?

    They come in the order of their first entries. An entry under no receipt was sealed twice, or written
    around the program; one that is not there was promised, and is lost.
    """
    last_seq, fault_count = 0, 0
    for receipt in stored_receipts:
        if receipt.first > 0 and (fault := _find_fault(receipt, last_seq, entry_count, has_all=has_all)):
            yield Finding("receipt", fault[0], f"The receipt {receipt.ticket[:40]} {fault[1]}.")
            fault_count += 1
        if fault_count == MOST_FAULTS:
            return
        last_seq = max(last_seq, receipt.last)
    if has_all and last_seq < entry_count and not fault_count:
        description = f"Entries {last_seq + 1} to {entry_count} have no receipt: {UNRECEIVED}."
        yield Finding("receipt", last_seq + 1, description)


def _find_fault(
    receipt: StoredReceipt, last_seq: int, entry_count: int, *, has_all: bool
) -> tuple[int, str] | None:
    """What is wrong with a receipt that follows the one of entry `last_seq`, and from which entry on?"""
    if receipt.last < receipt.first or receipt.last > entry_count:
        fault_text = f"names entries {receipt.first} to {receipt.last}, and there are {entry_count}"
        return receipt.first, fault_text
    if receipt.first <= last_seq:
        fault_text = f"names entry {receipt.first}, which stands under another one too: it was sealed twice"
        return receipt.first, fault_text
    if has_all and receipt.first > last_seq + 1:
        gap_text = f"entries {last_seq + 1} to {receipt.first - 1}, which have none"
        return last_seq + 1, f"is the first after {gap_text}: {UNRECEIVED}"
    return None


def check_held_receipt(
    receipt: AppendReceipt,
    stored_receipt: StoredReceipt | None,
    rows: Sequence[StoredRow],
    *,
    is_pending: bool,
) -> Finding | None:
    """Does what this receipt promises stand? `rows` are those that the ledger's own receipt names."""
    accepted_text = f"{receipt.accepted_at:%Y-%m-%d %H:%M}"
    label = f"The receipt {receipt.ticket[:40]} for {receipt.event_count} events of {accepted_text}"
    if stored_receipt is None:
        if is_pending:
            return None
        description = f"{label} names events that the ledger does not hold: they are lost."
        return Finding("receipt", None, description, is_contradiction=True)
    if stored_receipt.refusal:
        return Finding("receipt", None, f"{label} was refused afterwards: {stored_receipt.refusal:.200}")
    if len(rows) != receipt.event_count or digest_events(map(row_text, rows)) != receipt.digest:
        span_text = f"entries {stored_receipt.first} to {stored_receipt.last}"
        description = f"{label} names {span_text}, which are not what was handed in."
        return Finding("receipt", stored_receipt.first, description, is_contradiction=True)
    return None
