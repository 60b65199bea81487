"""Is this the newest copy of the ledger? Its last head is kept in a small file beside it, and asked here.

Whoever puts a whole folder back puts back that file too: only what is known outside tells then. It is asked
as well, where the ledger is opened with it. A ledger that lacks a known head can be read and not written,
until a new log begins on it and a signed statement beside the old head ends the old one.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from becalm.formats.durable_files import create_durably, write_durably
from becalm.ledger import Checkpoint, Entry, Event, Head, KnownOutside, LogEnding
from becalm.ledger.chain import COLUMNS, read_entry
from becalm.ledger.log_ending import ENDING_SUFFIX, LOG_BEGUN, ending_name, format_ending, parse_ending
from becalm.ledger.store.new_entries import Tail
from becalm.ledger.store.tables import event_table
from becalm.terms import LedgerError, TamperError, are_two_people

UNKNOWN = "unknown"  # stands for the last entry where the memo of it is gone
SQLITE_MAGIC = b"SQLite format 3\0"
MEMO_LENGTH = 120  # always: it is written over in one piece


@dataclass(frozen=True, slots=True)
class KnownHead:
    """A head that a log is known to have had; with the signature, where it came with one."""

    ledger: str  # the identity of the log; empty where it was not noted
    head: Head
    checkpoint: Checkpoint | None = None


class HeadMemo:
    """The last head that was on the disk, in a file of one line beside the ledger.

    It is written after the commit, so it never runs ahead of the ledger; after a crash it may lag behind.
    """

    def __init__(self, path: Path, *, is_needed: bool = True) -> None:
        self.path, self.is_needed = path, is_needed  # not needed where many hosts open one ledger
        self._descriptor = -1

    def read_head(self) -> Head | None:
        """The head that was kept last; None where the file is gone."""
        known_head = self.read()
        return known_head.head if known_head else None

    def read(self) -> KnownHead | None:
        """The head that was kept last, with its log; None where the file is gone."""
        try:
            memo_text = self.path.read_text("ascii")
            # Another program may be writing over it at this moment: two readings that agree were whole.
            while memo_text != (memo_text := self.path.read_text("ascii")):
                pass
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise self._unreadable() from error
        memo_words = memo_text.split()
        if len(memo_words) not in (2, 3) or not memo_words[0].isdigit():
            raise self._unreadable()
        return KnownHead("".join(memo_words[2:]), Head(int(memo_words[0]), "", memo_words[1]))

    def _unreadable(self) -> LedgerError:
        return LedgerError(
            f"{self.path} cannot be read, so nobody can tell whether this is the newest copy of the ledger. "
            "Put the file back; nothing was written."
        )

    def read_endings(self) -> tuple[LogEnding, ...]:
        """The statements on the end of a log that are kept beside it."""
        ending_paths = sorted(self.path.parent.glob(f"{self.path.stem}-*{ENDING_SUFFIX}"))
        endings = (parse_ending(path.read_text("utf-8"), str(path)) for path in ending_paths)
        return tuple(ending for ending in endings if ending is not None)

    def keep_ending(self, ending: LogEnding) -> None:
        """Keep a statement beside the head."""
        file_name = f"{self.path.stem}-{ending_name(ending)}"
        write_durably(self.path.with_name(file_name), format_ending(ending))

    def begin(self, head: Head, ledger: str) -> None:
        """Keep this head of the log with this identity, where none is kept yet."""
        # Never seen empty, which another program would take for spoilt; never over what that one has kept.
        create_durably(self.path, _memo_line(head, ledger))

    def write_head(self, head: Head, ledger: str) -> None:
        """Keep this head of the log with this identity."""
        if self._descriptor < 0:
            self.begin(head, ledger)
            self._descriptor = os.open(self.path, os.O_WRONLY)
        # Written over in place and not synced: a rename and a sync for each commit would cost as much as the
        # commit itself. Less than one sector is written whole or not at all, and a memo that lags is sound.
        os.pwrite(self._descriptor, _memo_line(head, ledger).encode(), 0)

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _memo_line(head: Head, ledger: str) -> str:
    return f"{head.size} {head.last_hash} {ledger}".ljust(MEMO_LENGTH - 1) + "\n"


def check_ledger_exists(ledger: Path, memo: HeadMemo, outside: KnownOutside) -> None:
    """Refuse to begin a ledger again, or to read something else, where one is known to have stood.

    Raises TamperError where it is gone, or what stands in its place is no database.
    """
    if is_database(ledger):
        return
    memo_head, outside_head = memo.read_head(), outside.head
    known_sizes = [head.size for head in (memo_head, outside_head) if head is not None and head.size]
    if not known_sizes and not outside.origin:
        return
    source_text = f"{memo.path.name} beside it" if memo_head and memo_head.size else "the workspace"
    reason_text = "is no ledger any more, but something else under its name" if ledger.exists() else "is gone"
    raise TamperError(
        f"The ledger {ledger} {reason_text}: {source_text} says that it had "
        f"{max(known_sizes, default=0)} entries. "
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


def expected_heads(memo: HeadMemo | None, tail: Tail, outside: KnownOutside) -> tuple[KnownHead, ...]:
    """Which heads must the ledger hold? Where the memo is gone, one that nobody can name."""
    known_heads = [KnownHead(point.ledger_id, point.head, point) for point in outside.anchors]
    if outside.head is not None:
        known_heads.append(KnownHead(outside.origin, outside.head))
    memo_head = memo.read() if memo is not None else None
    if memo_head is None and memo is not None and memo.is_needed and tail.size:
        memo_head = KnownHead("", Head(tail.size, "", UNKNOWN))
    return (*known_heads, *([memo_head] if memo_head else []))


def read_new_logs(connection: Connection) -> tuple[Entry, ...]:
    """The entries with which a new log begins, in their order."""
    log_query = select(*(event_table.c[name] for name in COLUMNS)).where(event_table.c.kind == LOG_BEGUN)
    log_rows = connection.execute(log_query.order_by(event_table.c.seq)).all()
    return tuple(read_entry(tuple(row)) for row in log_rows)


def find_lost_heads(
    connection: Connection, tail: Tail, known_heads: Iterable[KnownHead], endings: Sequence[LogEnding]
) -> tuple[Head, ...]:
    """Which of these heads does the ledger not hold, though no statement ends the log that had them?"""
    lost_heads = {
        known_head.head
        for known_head in known_heads
        if not _has_head(connection, tail, known_head.head)
        and not any(_is_ended(connection, known_head, ending) for ending in endings)
    }
    return tuple(sorted(lost_heads, key=lambda head: head.size))


def _has_head(connection: Connection, tail: Tail, head: Head) -> bool:
    if head.size == 0:
        return True
    if head.size == tail.size:
        return head.last_hash == tail.last_hash
    return read_hash(connection, head.size) == head.last_hash


def read_hash(connection: Connection, seq: int) -> str | None:
    """The hash of this entry; None where there is none."""
    hash_text: str | None = connection.execute(
        select(event_table.c.hash).where(event_table.c.seq == seq)
    ).scalar()
    return hash_text


def _is_ended(connection: Connection, known_head: KnownHead, ending: LogEnding) -> bool:
    if read_hash(connection, ending.new_head.size) != ending.new_head.last_hash:
        return False
    if known_head.checkpoint is not None:
        return ending.ends_head(known_head.checkpoint)
    return known_head.ledger in ("", ending.old_ledger) and ending.is_signed


def find_unended_log(new_logs: Sequence[Entry], endings: Sequence[LogEnding]) -> Entry | None:
    """The entry with which the last log began, where no statement ends the log before it."""
    if not new_logs:
        return None
    facts, last_entry = new_logs[-1].event.facts, new_logs[-1]
    log_names = (facts["old_ledger"], facts["old_last"], facts["new_ledger"], last_entry.seq, last_entry.hash)
    is_ended = any(
        log_names == (e.old_ledger, e.old_head.last_hash, e.new_ledger, e.new_head.size, e.new_head.last_hash)
        for e in endings
        if e.is_signed
    )
    return None if is_ended else last_entry


def check_new_log(event: Event, tail: Tail, identities: Sequence[str], lost_heads: Sequence[Head]) -> None:
    """Refuse a new log that begins elsewhere than behind the head that stands, or by one person on a loss.

    Raises LedgerError.
    """
    facts = event.facts
    named_head = tuple(facts.get(name) for name in ("old_ledger", "old_size", "old_root", "old_last"))
    if named_head != (identities[-1], tail.size, tail.head.root, tail.last_hash):
        raise LedgerError(
            f"The new log names another head than entry {tail.size}, behind which it would begin: somebody "
            "wrote in between. Ask again; nothing was written."
        )
    if facts.get("new_ledger") in {None, "", *identities}:
        raise LedgerError("The new log has no identity of its own. Draw one; nothing was written.")
    people = (str(facts.get("first_actor", "")), str(facts.get("second_actor", "")))
    if lost_heads and (not are_two_people(*people) or facts.get("lost_size") != lost_heads[-1].size):
        raise LedgerError(
            f"This is an older copy: entry {lost_heads[-1].size} is known to have stood. Two people must "
            "confirm what is lost, under names that cannot be taken for one; nothing was written."
        )


def check_newest_copy(tail: Tail, lost_heads: Sequence[Head], unended_log: Entry | None) -> None:
    """Refuse to write into an older copy, or into a new log whose beginning no statement confirms yet.

    Raises LedgerError.
    """
    if lost_heads:
        raise LedgerError(
            f"This ledger ends at entry {tail.size} and does not hold entry {lost_heads[-1].size} as it is "
            "known to have stood: an older copy was put in its place, or it was altered. Put the newer one "
            "back, or let two people begin a new log on it (becalm record restore); nothing was written."
        )
    if unended_log is not None:
        raise LedgerError(
            f"A new log begins at entry {unended_log.seq}, and no signed statement says that the old one "
            "ended there. Bring the statement that is kept beside the old head, or finish "
            "`becalm record restore`; nothing was written."
        )
