"""What every store of a ledger does alike: read it, fold its state tables anew, keep its checkpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol

from sqlalchemy import Connection, func, select, update

from becalm.ledger.chain import StoredRow, opening_hash, parse_instant, read_entry
from becalm.ledger.event import Checkpoint, Entry, Event, Head
from becalm.ledger.event_kinds import EventKinds
from becalm.ledger.merkle import root_of_peaks
from becalm.ledger.projection import Fold, group_by_kind, name_folds
from becalm.ledger.store import tables
from becalm.ledger.store.guard import HeadMemo, known_heads, lost_heads, require_newest
from becalm.ledger.store.read import Choice, read_checkpoints, read_rows, write_checkpoint
from becalm.ledger.store.seal import Tail, read_peaks
from becalm.ledger.store.states import fold_anew, read_states
from becalm.terms import TamperError

LAST: Final = 2**62  # beyond any entry
_NOTED: Final = select(tables.ledger.c.size, tables.ledger.c.tree)
_END: Final = (
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


class StoredLedger:
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
        self._memo, self._ours = memo, ""
        with database.reading() as connection:
            asked = select(tables.ledger.c.identity, tables.ledger.c.folds)
            named = connection.execute(asked).first()
        if named is None:
            raise TamperError(
                f"The ledger {database.name} has lost the row that says which ledger it is. Keep it as "
                "evidence, and put a copy in its place."
            )
        identity, folded_by = named
        self._identity = str(identity)
        self._anchors = tuple(point.head for point in anchors if point.ledger == self._identity)
        self._folded_by, self._by_kind = name_folds(self.folds), group_by_kind(self.folds)
        if folded_by != self._folded_by:
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
        size, tree, seq, last, recorded_at = connection.exec_driver_sql(_END).one()
        stands = seq or 0
        if stands != size:
            raise TamperError(
                f"The ledger {self._database.name} was written to entry {size} and ends at entry {stands}: "
                f"entry {min(size, stands) + 1} is the first that was altered. Run `becalm record verify`."
            )
        if not stands:
            return Tail(0, opening_hash(self._identity), None, ())
        return Tail(size, last, parse_instant(recorded_at), read_peaks(tree))

    def noted_heads(self) -> tuple[Head, ...]:
        """The heads that are noted beside the entries, unchecked: in a row of their own and in the memo."""
        with self._database.reading() as connection:
            size, tree = connection.execute(_NOTED).one()
        memo = self._memo.read() if self._memo is not None else None
        return (*_noted(int(size), str(tree)), *([memo] if memo else []))

    def lost_heads(self) -> tuple[Head, ...]:
        """Heads that this ledger is known to have had, and does not hold: it is an older copy."""
        with self._database.reading() as connection:
            return self._lost(connection, self.tail(connection))

    def _lost(self, connection: Connection, tail: Tail) -> tuple[Head, ...]:
        return lost_heads(connection, tail, known_heads(self._memo, tail, self._anchors))

    def require_newest(self, connection: Connection, tail: Tail, events: Sequence[Event]) -> None:
        """Refuse to write these into an older copy; asked anew whenever somebody else wrote last."""
        if tail.last != self._ours:
            require_newest(tail, self._lost(connection, tail), events)

    def remember(self, tail: Tail) -> None:
        """Keep in mind where the ledger ends, once this is on the disk."""
        self._ours = tail.last
        if self._memo is not None:
            self._memo.write(Head(tail.size, "", tail.last))

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
        last = self._size() if until is None else until
        chosen = Choice(kinds, subject, actor)
        rows = read_rows(self._database.reading, after=after, until=last, choice=chosen)
        return map(read_entry, rows)

    def rows(self, *, after: int = 0) -> Iterator[StoredRow]:
        """The rows as they are stored, unchecked, whatever they hold."""
        return read_rows(self._database.reading, after=after, until=LAST)

    def _size(self) -> int:
        with self._database.reading() as connection:
            return int(connection.execute(select(func.max(tables.event.c.seq))).scalar() or 0)

    def head(self) -> Head:
        """How long is the ledger, and what does it hold?"""
        with self._database.reading() as connection:
            return self.tail(connection).head

    def state_rows(self, table: str) -> tuple[Mapping[str, object], ...]:
        """The rows of one state table, in the order of their key."""
        with self._database.reading() as connection:
            return tuple(row for _, row in read_states(connection, table))

    def rebuild(self) -> tuple[str, ...]:
        """Fold every state table anew from the entries; returns each difference that was found."""
        with self._database.writing() as connection:
            rows = read_rows(lambda: nullcontext(connection), after=0, until=LAST)
            found = fold_anew(connection, self.folds, map(read_entry, rows))
            connection.execute(update(tables.ledger).values(folds=self._folded_by))
        return found

    def keep_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a signed head."""
        with self._database.writing() as connection:
            write_checkpoint(connection, checkpoint)

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Every signed head that was kept, oldest first."""
        with self._database.reading() as connection:
            return read_checkpoints(connection)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()
        if self._memo is not None:
            self._memo.close()


def _noted(size: int, tree: str) -> tuple[Head, ...]:
    """The head that the row of the ledger notes; two where its size and its tree speak of different ones."""
    try:
        peaks = read_peaks(tree)
    except TamperError:
        return (Head(size, "unreadable", ""),)
    root, grown = root_of_peaks(peaks).hex(), sum(leaves for leaves, _ in peaks)
    return (Head(size, root, ""),) if grown == size else (Head(size, "", ""), Head(grown, root, ""))
