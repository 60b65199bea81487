"""Is this the newest copy of the ledger? Its last head is kept in a small file beside it, and asked here.

Whoever puts a whole folder back puts back that file too: only checkpoints kept elsewhere tell then. They are
asked as well, where the ledger is opened with them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from sqlalchemy import Connection, select

from becalm.formats.durable_files import sync_path
from becalm.ledger import Event, Head, head_name
from becalm.ledger.chain import COLUMNS, read_entry
from becalm.ledger.store.new_entries import Tail
from becalm.ledger.store.tables import event_table
from becalm.terms import LedgerError, TamperError

RESTORED = "ledger_restored"
UNKNOWN = "unknown"  # stands for the last entry where the memo of it is gone
SQLITE_MAGIC = b"SQLite format 3\0"
MEMO_LENGTH = 120  # always: it is written over in one piece


class HeadMemo:
    """The last head that was on the disk, in a file of one line beside the ledger.

    It is written after the commit, so it never runs ahead of the ledger; after a crash it may lag behind.
    """

    def __init__(self, path: Path, *, is_needed: bool = True) -> None:
        self.path, self.is_needed = path, is_needed  # not needed where many hosts open one ledger
        self._descriptor = -1

    def read_head(self) -> Head | None:
        """The head that was kept last; None where the file is gone."""
        try:
            memo_words = self.path.read_text("ascii").split()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise self._unreadable() from error
        if len(memo_words) != 2 or not memo_words[0].isdigit():
            raise self._unreadable()
        return Head(int(memo_words[0]), "", memo_words[1])

    def _unreadable(self) -> LedgerError:
        return LedgerError(
            f"{self.path} cannot be read, so nobody can tell whether this is the newest copy of the ledger. "
            "Put the file back; nothing was written."
        )

    def write_head(self, head: Head) -> None:
        """Keep this head."""
        is_new = self._descriptor < 0 and not self.path.exists()
        if self._descriptor < 0:
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o666)
        # Written over in place and not synced: a rename and a sync for each commit would cost as much as the
        # commit itself. Less than one sector is written whole or not at all, and a memo that lags is sound.
        memo_line = f"{head.size} {head.last_hash}".ljust(MEMO_LENGTH - 1)
        os.pwrite(self._descriptor, memo_line.encode() + b"\n", 0)
        if is_new:
            # So that the file survives a power cut; from then on one sector of it is written over.
            os.fsync(self._descriptor)
            sync_path(self.path.parent)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def check_ledger_exists(ledger: Path, memo: HeadMemo) -> None:
    """Refuse to begin a ledger anew, or to read something else, where one is known to have stood.

    Raises TamperError where it is gone, or what stands in its place is no database.
    """
    if is_database(ledger) or (head := memo.read_head()) is None or not head.size:
        return
    reason = "is no ledger any more, but something else under its name" if ledger.exists() else "is gone"
    raise TamperError(
        f"The ledger {ledger} {reason}: {memo.path.name} beside it says that it had {head.size} entries. "
        "Entry 1 is the first that is missing. Put it back, or a copy: becalm record restore."
    )


def is_database(path: Path) -> bool:
    """Does it begin as every SQLite database does? A file that cannot be read is left to others to name."""
    try:
        with path.open("rb") as byte_stream:
            return byte_stream.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC
    except FileNotFoundError:
        return False
    except OSError:
        return True


def expected_heads(memo: HeadMemo | None, tail: Tail, anchors: Sequence[Head]) -> tuple[Head, ...]:
    """Which heads must the ledger hold? Where the memo is gone, one that nobody can name."""
    if memo is None:
        return tuple(anchors)
    memo_head = memo.read_head() or (Head(tail.size, "", UNKNOWN) if tail.size and memo.is_needed else None)
    return (*anchors, *([memo_head] if memo_head else []))


def find_lost_heads(connection: Connection, tail: Tail, heads: Iterable[Head]) -> tuple[Head, ...]:
    """Which of these heads does the ledger not hold, and did not two people say why?"""
    lost_by_name = {head_name(head): head for head in heads if not _has_head(connection, tail, head)}
    for confirmed_name in _confirmed_names(connection) if lost_by_name else ():
        lost_by_name.pop(confirmed_name, None)
    return tuple(sorted(lost_by_name.values(), key=lambda head: head.size))


def _has_head(connection: Connection, tail: Tail, head: Head) -> bool:
    if head.size == 0:
        return True
    if head.size == tail.size:
        return head.last_hash == tail.last_hash
    query = select(event_table.c.hash).where(event_table.c.seq == head.size)
    return bool(connection.execute(query).scalar() == head.last_hash)


def _confirmed_names(connection: Connection) -> Iterable[str]:
    """The names of the heads that two people gave up for lost."""
    query = select(*(event_table.c[name] for name in COLUMNS)).where(event_table.c.kind == RESTORED)
    for row in connection.execute(query).all():
        yield from _names_given_up(read_entry(tuple(row)).event)


def _names_given_up(restoration: Event) -> tuple[str, ...]:
    """The heads that an event gives up, if two people stand behind it."""
    actors = (restoration.facts.get("first_actor"), restoration.facts.get("second_actor"))
    actor_names = {str(actor or "").strip().casefold() for actor in actors}
    head_names = restoration.facts.get("anchors")
    return (
        tuple(map(str, head_names)) if len(actor_names - {""}) == 2 and isinstance(head_names, tuple) else ()
    )


def check_newest_copy(tail: Tail, lost_heads: Sequence[Head], events: Sequence[Event]) -> None:
    """Refuse to write into an older copy, unless two people confirm it with this very event.

    Raises LedgerError where it is an older copy.
    """
    if not lost_heads or (len(events) == 1 and _is_confirmation(events[0], tail, lost_heads)):
        return
    raise LedgerError(
        f"This ledger ends at entry {tail.size} and does not hold entry {lost_heads[-1].size} as it is "
        "known to have stood: an older copy was put in its place, or it was altered. Put the newer one back, "
        "or let two people confirm the loss (becalm record restore); nothing was written."
    )


def _is_confirmation(restoration: Event, tail: Tail, lost_heads: Sequence[Head]) -> bool:
    """Does this event name the copy as it stands, all that is lost, and two people?"""
    facts = restoration.facts
    return (
        restoration.kind == RESTORED
        and (facts.get("size"), facts.get("root")) == (tail.size, tail.head.root)
        and {head_name(head) for head in lost_heads} <= set(_names_given_up(restoration))
    )
