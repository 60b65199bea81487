"""What a ledger is on every database: read page by page, folded anew, its checkpoints and its tail."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol, cast

from sqlalchemy import Connection, Select, func, insert, select, update
from sqlalchemy.exc import DBAPIError

from becalm.ledger import Checkpoint, Entry, Event, EventKinds, Fold, Head, group_by_kind, name_folds
from becalm.ledger.chain import COLUMNS, SEQ, StoredRow, parse_instant, read_entry
from becalm.ledger.merkle import root_of_peaks
from becalm.ledger.signing import unsigned_fields
from becalm.ledger.store import state_rows
from becalm.ledger.store.copy_guard import HeadMemo, check_newest_copy, expected_heads, find_lost_heads
from becalm.ledger.store.new_entries import Tail, parse_peaks, read_tail
from becalm.ledger.store.tables import checkpoint_table, event_table, ledger_table
from becalm.terms import TamperError

Query = Select[tuple[object, ...]]
PAGE_ROW_COUNT: Final = (
    5_000  # rows; between two pages nothing is held open, so a slow reader keeps no old page alive
)
SEQ_BEYOND_ALL: Final = 2**62  # the number of no entry

_SELECT_ROWS: Final[Query] = select(*(event_table.c[name] for name in COLUMNS)).order_by(event_table.c.seq)
_SELECT_NOTE: Final = select(ledger_table.c.size, ledger_table.c.tree)
_SELECT_END: Final = (
    "SELECT l.size, l.tree, e.seq, e.hash, e.recorded_at FROM ledger l "
    "LEFT JOIN (SELECT seq, hash, recorded_at FROM event ORDER BY seq DESC LIMIT 1) e ON true"
)


class Database(Protocol):
    """Where a ledger is kept. A transaction that fails leaves nothing behind."""

    @property
    def name(self) -> str:
        """How a message names it."""

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that sees the ledger as it stands at its first question."""

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that writes, alone among all processes."""

    def close(self) -> None:
        """Let go of it."""


class DatabaseLedger:
    """The part of a ledger that is the same on every database.

    `memo` keeps the last head beside the ledger, and `anchors` are heads that are known from elsewhere:
    both must stand in the ledger before it is written.
    """

    def __init__(
        self,
        database: Database,
        kinds: EventKinds,
        folds: Sequence[Fold],
        *,
        memo: HeadMemo | None = None,
        anchors: Sequence[Checkpoint] = (),
    ) -> None:
        self._database, self.kinds, self.folds = database, kinds, tuple(folds)
        self._memo, self._own_last_hash = memo, ""
        with database.reading() as connection:
            query = select(ledger_table.c.identity, ledger_table.c.folds)
            ledger_row = connection.execute(query).first()
        if ledger_row is None:
            raise TamperError(
                f"The ledger {database.name} has lost the row that says which ledger it is. Keep it as "
                "evidence, and put a copy in its place."
            )
        self._identity = str(ledger_row.identity)
        self._anchors = tuple(point.head for point in anchors if point.ledger_id == self._identity)
        self._fold_names, self._folds_by_kind = name_folds(self.folds), group_by_kind(self.folds)
        if ledger_row.folds != self._fold_names:
            self.rebuild()

    @property
    def identity(self) -> str:
        """The id that this ledger was given when it was made."""
        return self._identity

    @property
    def label(self) -> str:
        """What files of this ledger are named after."""
        return self._memo.path.stem if self._memo is not None else "ledger"

    def tail(self, connection: Connection) -> Tail:
        """Where the ledger ends now, whoever wrote last."""
        size, tree, seq, last_hash, recorded_at = connection.exec_driver_sql(_SELECT_END).one()
        return read_tail(
            size, tree, seq, last_hash, recorded_at, identity=self._identity, name=self._database.name
        )

    def noted_heads(self) -> tuple[Head, ...]:
        """The heads that are noted beside the entries, unchecked: in a row of their own and in the memo."""
        with self._database.reading() as connection:
            entry_count, tree_text = connection.execute(_SELECT_NOTE).one()
        memo_head = self._memo.read_head() if self._memo is not None else None
        return (*_heads_of_note(int(entry_count), str(tree_text)), *([memo_head] if memo_head else []))

    def lost_heads(self) -> tuple[Head, ...]:
        """Heads that this ledger is known to have had, and does not hold: it is an older copy."""
        with self._database.reading() as connection:
            return self._find_lost_heads(connection, self.tail(connection))

    def _find_lost_heads(self, connection: Connection, tail: Tail) -> tuple[Head, ...]:
        return find_lost_heads(connection, tail, expected_heads(self._memo, tail, self._anchors))

    def check_newest(self, connection: Connection, tail: Tail, events: Sequence[Event]) -> None:
        """Refuse to write these into an older copy; asked anew whenever somebody else wrote last."""
        if tail.last_hash != self._own_last_hash:
            check_newest_copy(tail, self._find_lost_heads(connection, tail), events)

    def remember_tail(self, tail: Tail) -> None:
        """Keep in mind where the ledger ends, once this is on the disk."""
        self._own_last_hash = tail.last_hash
        if self._memo is not None:
            self._memo.write_head(Head(tail.size, "", tail.last_hash))

    def entries(
        self,
        *,
        kinds: Sequence[str] = (),
        subject: str = "",
        actor: str = "",
        after: int = 0,
        until: int | None = None,
    ) -> Iterator[Entry]:
        """The entries in their order, of those that stand now: `after` excluded, `until` included."""
        if until is None:
            with self._database.reading() as connection:
                until = connection.execute(select(func.coalesce(func.max(event_table.c.seq), 0))).scalar_one()
        query = _SELECT_ROWS
        if kinds:
            query = query.where(event_table.c.kind.in_(kinds))
        if subject:
            # A database must see that the index, which leaves out what is about nobody, will do.
            query = query.where(event_table.c.subject == subject, event_table.c.subject != "")
        if actor:
            query = query.where(event_table.c.actor == actor)
        return map(read_entry, read_event_rows(self._database.reading, query, after=after, until=until))

    def rows(self, *, after: int = 0) -> Iterator[StoredRow]:
        """The rows as they are stored, unchecked, whatever they hold."""
        return read_event_rows(self._database.reading, after=after)

    def head(self) -> Head:
        """How long is the ledger, and what does it hold?"""
        with self._database.reading() as connection:
            return self.tail(connection).head

    def state_rows(self, table: str) -> tuple[Mapping[str, object], ...]:
        """The rows of one state table, in the order of their key."""
        with self._database.reading() as connection:
            return tuple(row for _, row in state_rows.read_rows(connection, table))

    def rebuild(self) -> tuple[str, ...]:
        """Fold every state table anew from the entries; returns each difference from what stood there."""
        with self._database.writing() as connection:
            event_rows = read_event_rows(lambda: nullcontext(connection))
            difference_texts = state_rows.fold_anew(connection, self.folds, map(read_entry, event_rows))
            connection.execute(update(ledger_table).values(folds=self._fold_names))
        return difference_texts

    def keep_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a signed head."""
        checkpoint_values = {**unsigned_fields(checkpoint), "signature": checkpoint.signature}
        with self._database.writing() as connection:
            connection.execute(insert(checkpoint_table).values(checkpoint_values))

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Every signed head that was kept, oldest first."""
        with self._database.reading() as connection:
            return read_checkpoints(connection)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()
        if self._memo is not None:
            self._memo.close()


def _heads_of_note(size: int, tree_text: str) -> tuple[Head, ...]:
    """The head that the row of the ledger notes; two where its size and its tree speak of different ones."""
    try:
        peaks = parse_peaks(tree_text)
    except TamperError:
        return (Head(size, "unreadable", ""),)
    root, tree_size = root_of_peaks(peaks).hex(), sum(leaf_count for leaf_count, _ in peaks)
    return (Head(size, root, ""),) if tree_size == size else (Head(size, "", ""), Head(tree_size, root, ""))


def read_event_rows(
    reading: Callable[[], AbstractContextManager[Connection]],
    query: Query = _SELECT_ROWS,
    *,
    after: int = 0,
    until: int = SEQ_BEYOND_ALL,
) -> Iterator[StoredRow]:
    """The rows of table `event` in their order, as they are stored."""
    while True:
        page_query = query.where(event_table.c.seq > after, event_table.c.seq <= until).limit(PAGE_ROW_COUNT)
        with reading() as connection:
            page_rows = _read_page(connection, page_query)
        yield from page_rows
        if len(page_rows) < PAGE_ROW_COUNT:
            return
        after = page_rows[-1][SEQ]


def _read_page(connection: Connection, query: Query) -> list[StoredRow]:
    """The rows of a page as the driver gives them; a text that is none comes back with marks, to be found."""
    # The driver's own tuples: making SQLAlchemy's rows of them costs more than verifying them.
    try:
        return cast("list[StoredRow]", connection.execute(query).cursor.fetchall())
    except (DBAPIError, sqlite3.OperationalError) as error:
        if "decode" not in str(error).lower() or connection.dialect.name != "sqlite":
            raise
    driver_connection = cast("sqlite3.Connection", connection.connection.driver_connection)
    driver_connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
    try:
        return cast("list[StoredRow]", connection.execute(query).cursor.fetchall())
    finally:
        driver_connection.text_factory = str


def read_checkpoints(connection: Connection) -> tuple[Checkpoint, ...]:
    """Every checkpoint that was kept, oldest first.

    Raises TamperError where one was altered so that it cannot be read.
    """
    checkpoint_rows = connection.execute(select(checkpoint_table).order_by(checkpoint_table.c.number)).all()
    try:
        return tuple(
            Checkpoint(r.ledger, Head(r.size, r.root, r.last), parse_instant(r.made_at), r.key, r.signature)
            for r in checkpoint_rows
        )
    except ValueError as error:
        raise TamperError(f"A signed head in the ledger was altered: {error}.") from error
