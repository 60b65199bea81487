"""Backups of the ledger, and putting one back: which two people must want, each for a reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from becalm.desk import Desk
from becalm.desk.audit import make_event, record_event
from becalm.ledger.chain import COLUMNS
from becalm.ledger.event import Fact, Head
from becalm.ledger.protocol import EventToAppend, Ledger, head_name
from becalm.ledger.store.backup import back_up, read_backup, restore
from becalm.record.desk.answers import LedgerSource, source_of
from becalm.terms import LedgerError, UsageError

Facts = Mapping[str, Fact]
REQUEST = "restore-request.json"


@dataclass(frozen=True, slots=True)
class BackupMade:
    """A copy of the ledger: where, its hash, and what it holds."""

    path: Path
    sha256: str
    head: Head
    entry: int  # that records it; not in the copy
    beside: tuple[Path, ...] = ()  # what the ledger holds only the hashes of: to be copied as well


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """What the first of two people asked for: which copy, why."""

    copy_sha256: str  # empty for the ledger as it stands
    size: int
    root: str
    actor: str
    reason: str
    asked_at: str


@dataclass(frozen=True, slots=True)
class Restored:
    """What the second of two people confirmed."""

    request: RestoreRequest
    entry: int
    lost_size: int
    source: LedgerSource


def make_backup(desk: Desk, out: Path) -> BackupMade:
    """Copy the ledger into a file, and record that it was done."""
    file = _ledger_file(desk)
    desk.open_ledger()
    made = back_up(file, out, now=desk.now())
    facts: Facts = {"size": made.size, "root": made.root, "file_sha256": made.file_sha256}
    entry = record_event(desk, "backup_made", purpose="backup", facts=facts)
    sealed = desk.workspace.path / "patrol" / "sealed"
    head = Head(made.size, made.root, made.last)
    return BackupMade(out, made.file_sha256, head, entry.seq, (sealed,) if sealed.is_dir() else ())


def ask_or_confirm_restore(desk: Desk, copy: Path | None, *, reason: str) -> RestoreRequest | Restored:
    """The first person asks for a copy (or the ledger as it stands) to be taken; the second confirms it.

    Raises
    ------
    UsageError
        where no reason is given, or the ledger as it stands lacks nothing.
    LedgerError
        where one person would do both, or the copy was altered or is of another ledger.
    """
    if not reason.strip():
        raise UsageError("Say why, with --reason; it is recorded with your name.")
    asked = _request_for(desk, copy, reason)
    path = desk.workspace.path / REQUEST
    first = _read_request(path)
    if first is None or _what(first) != _what(asked):
        path.write_text(json.dumps(asdict(asked), indent=2, ensure_ascii=False) + "\n", "utf-8")
        return asked
    if _same_person(first.actor, desk.actor):
        raise LedgerError(
            f"{first.actor} asked for this already. A second person must confirm it, under another name."
        )
    restored = _restore(desk, copy, first, reason)
    path.unlink()
    return restored


def _request_for(desk: Desk, copy: Path | None, reason: str) -> RestoreRequest:
    if copy is not None:
        _ledger_file(desk)
        found = read_backup(copy)
        sha256, size, root = found.file_sha256, found.size, found.root
    else:
        ledger = desk.open_ledger()
        if not ledger.lost_heads():
            raise UsageError(
                "This ledger lacks nothing that is known of. Name the copy that is to take its place."
            )
        sha256, size, root = "", ledger.head().size, ledger.head().root
    return RestoreRequest(sha256, size, root, desk.actor, reason, f"{desk.now():%Y-%m-%dT%H:%M:%SZ}")


def _what(request: RestoreRequest) -> tuple[str, int, str]:
    return request.copy_sha256, request.size, request.root


def _same_person(first: str, second: str) -> bool:
    return first.strip().casefold() == second.strip().casefold()


def _restore(desk: Desk, copy: Path | None, first: RestoreRequest, reason: str) -> Restored:
    """Put the copy in place before the ledger is opened, then record who wanted it, as the first entry."""
    if copy is not None:
        restore(copy, _ledger_file(desk), now=desk.now())
    ledger = desk.open_ledger()
    head, lost = ledger.head(), ledger.lost_heads()
    lost_size = max((known.size for known in lost), default=head.size)
    facts: Facts = {
        "size": head.size,
        "root": head.root,
        "lost_size": lost_size,
        "first_actor": first.actor,
        "first_reason": first.reason,
        "second_actor": desk.actor,
        "second_reason": reason,
        "anchors": tuple(map(head_name, lost)),
    }
    event = make_event(desk, "ledger_restored", purpose="restore", facts=facts)
    (entry,) = ledger.append([EventToAppend(event)])
    _note_forgotten(desk, ledger)
    return Restored(first, entry.seq, lost_size, source_of(desk, ledger))


def _note_forgotten(desk: Desk, ledger: Ledger) -> None:
    """Record again the erasures that came after the copy: their details stay gone, their entries are lost."""
    kept = {seq for seq, _ in ledger.payload_commitments()}
    erased = {row["seq"] for row in ledger.state_rows("erased")}
    promised = (row[0] for row in ledger.rows() if row[COLUMNS.index("commitment")])
    gone = tuple(seq for seq in promised if seq not in kept and seq not in erased)
    if gone:
        facts: Facts = {"entries": gone, "reason": "erased before, in entries that the copy does not have"}
        ledger.erase(gone, erasure=make_event(desk, "payload_erased", purpose="retention", facts=facts))


def _ledger_file(desk: Desk) -> Path:
    if desk.ledger_file is None:
        raise LedgerError(
            "A server keeps this ledger: copy and restore it with the server's own means (pg_dump, "
            "pg_restore). `becalm record restore` without a file then confirms what was lost."
        )
    return desk.ledger_file


def _read_request(path: Path) -> RestoreRequest | None:
    if not path.is_file():
        return None
    try:
        return RestoreRequest(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise LedgerError(f"{path} cannot be read ({error}). Remove it, and ask anew.") from error
