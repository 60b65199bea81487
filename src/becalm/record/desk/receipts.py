"""Receipts for events that were handed in, and the process that writes for all programs."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from becalm.desk import Desk
from becalm.formats.durable_files import write_durably
from becalm.ledger import Entry, EventToAppend, Finding, Ledger
from becalm.ledger.protocol import LedgerWriter
from becalm.ledger.receipts import AppendReceipt, check_held_receipt, format_receipt, parse_receipt
from becalm.record.core.request import ServeRequest
from becalm.terms import InputError, UsageError


def open_writer(desk: Desk, _request: ServeRequest) -> LedgerWriter:
    """What writes the ledger for all programs: of this computer where it is a file, else what seals it."""
    return desk.open_ledger().open_writer()


def append_with_receipt(ledger: Ledger, event: EventToAppend, path: Path) -> Entry:
    """Record this event and keep the receipt for it in a file, before its number is known.

    Raises UsageError where the file cannot be written, which is tried first.
    """
    try:
        write_durably(path, "")
        receipt = ledger.submit([event])
        write_durably(path, format_receipt(receipt))
    except OSError as error:
        raise UsageError(
            f"`receipt {path}` cannot be written ({error.strerror}). Name another file."
        ) from error
    return ledger.await_entries(receipt)[0]


def check_held_receipts(ledger: Ledger, files: Iterable[str]) -> Iterator[Finding]:
    """Does the ledger hold what these receipts promise?

    Raises InputError where a file is no receipt, or cannot be read.
    """
    for file in files:
        try:
            receipt = parse_receipt(Path(file).read_text("utf-8"), file)
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"The receipt {file} cannot be read ({error}). Name one that can.") from error
        if (finding := _check_held(ledger, receipt)) is not None:
            yield finding


def _check_held(ledger: Ledger, receipt: AppendReceipt) -> Finding | None:
    if receipt.ledger_id not in ledger.identities:
        receipt_text = f"The receipt {receipt.ticket[:40]} is of ledger {receipt.ledger_id[:16]}"
        description = f"{receipt_text}: another took its place."
        return Finding("receipt", None, description, is_contradiction=True)
    # What waits is asked for first: it may be sealed in between, and then stands under a receipt.
    is_pending, stored_receipt = ledger.has_pending(receipt.ticket), ledger.find_receipt(receipt.ticket)
    rows = []
    if stored_receipt is not None and stored_receipt.first > 0:
        entry_count = stored_receipt.last - stored_receipt.first + 1
        rows = list(islice(ledger.rows(after=stored_receipt.first - 1), entry_count))
    return check_held_receipt(receipt, stored_receipt, rows, is_pending=is_pending)
