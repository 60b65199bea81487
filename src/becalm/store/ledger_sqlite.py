"""The ledger on SQLite: one file, in which threads and processes write together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, func, insert, select, update

from becalm.record.chain import entry_of, first_link, read_instant, row_of
from becalm.record.fold_shape import Fold, name_folds
from becalm.record.folds import FOLDS
from becalm.record.kinds import check_events
from becalm.store import ledger_payload as payloads
from becalm.store import ledger_tables as tables
from becalm.store.ledger_file import LedgerFile
from becalm.store.ledger_queue import GroupCommit, Request
from becalm.store.ledger_read import read_checkpoints, read_rows, write_checkpoint
from becalm.store.ledger_seal import Sealed, Tail, peaks_text, read_peaks, seal
from becalm.store.ledger_states import States, fold_anew, read_states
from becalm.tables.ledger import COLUMNS, StoredRow, Written
from becalm.terms.errors import BecalmError, TamperError
from becalm.terms.event import Checkpoint, Entry, Event, Head

LAST = 2**62  # beyond any entry


@dataclass(frozen=True, slots=True)
class Task:
    """What is written together: events, and what is read or destroyed in the same transaction."""

    written: tuple[Written, ...]
    reads: int | None = None  # the entry whose payload is read
    erases: tuple[int, ...] = ()  # the entries whose payloads are destroyed


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a task."""

    entries: tuple[Entry, ...]
    payload: bytes | None = None


class SqliteLedger:
    """A ledger in one file. Safe to use from many threads and from many processes at once.

    `now` is the clock of the recording, `draw_salt` gives 32 unguessable bytes for each payload. When
    `append` returns, its events are on the disk (WAL, synchronous=FULL); threads that wait share a commit.
    """

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], datetime],
        draw_salt: Callable[[], bytes],
        folds: Sequence[Fold] = FOLDS,
    ) -> None:
        self._now, self._draw_salt, self._folds = now, draw_salt, tuple(folds)
        self._file = LedgerFile(Path(path), lambda: draw_salt().hex()[:32])
        with self._file.reading() as connection:
            asked = select(tables.ledger.c.identity, tables.ledger.c.folds)
            identity, folded_by = connection.execute(asked).one()
        self._identity = str(identity)
        if folded_by != name_folds(self._folds):
            self.rebuild()
        payloads.scrub(self._file)
        self._queue: GroupCommit[Task, Done] = GroupCommit(self._write)

    @property
    def identity(self) -> str:
        """The id that this ledger was given when it was made."""
        return self._identity

    def append(self, events: Sequence[Written]) -> tuple[Entry, ...]:
        """Append these events together, all or none."""
        return self._submit(Task(tuple(events))).entries if events else ()

    def payload(self, seq: int, *, access: Event) -> bytes | None:
        """The personal detail of one entry, None once erased; the access is written with the reading."""
        return self._submit(Task((Written(access),), reads=seq)).payload

    def erase(self, seqs: Sequence[int], *, erasure: Event) -> Entry:
        """Destroy the payloads and salts of these entries for good, and record that it was done."""
        done = self._submit(Task((Written(erasure),), erases=tuple(sorted(set(seqs)))))
        payloads.scrub(self._file)
        return done.entries[0]

    def _submit(self, task: Task) -> Done:
        check_events([each.event for each in task.written], self._now())
        return self._queue.submit(task)

    def _write(self, requests: Sequence[Request[Task, Done]]) -> None:
        """Write what waits in one transaction; a task that is not fit is refused alone."""
        done: list[tuple[Request[Task, Done], Done]] = []
        try:
            with self._file.writing() as connection:
                tail = self._tail(connection)
                states = States(connection, self._folds)
                rows: list[Sealed] = []
                for request in requests:
                    try:
                        came, tail = self._do(connection, tail, request.asked, states, rows)
                    except BecalmError as error:
                        request.error = error
                    else:
                        done.append((request, came))
                self._keep(connection, rows, tail, states)
        except BecalmError as error:
            for request in requests:
                request.error = request.error or error
        else:
            for request, came in done:
                request.answer = came

    def _do(
        self, connection: Connection, tail: Tail, task: Task, states: States, rows: list[Sealed]
    ) -> tuple[Done, Tail]:
        """Link, fold, read and destroy what one task asks; nothing of it counts where this raises."""
        sealed, after = seal(tail, task.written, now=self._now(), draw_salt=self._draw_salt)
        entries = tuple(each.entry for each in sealed)
        body = payloads.read_payload(connection, task.reads) if task.reads is not None else None
        if task.erases:
            payloads.require_named(task.written[0].event, task.erases)
        states.fold(entries)
        if task.erases:
            payloads.destroy_payloads(connection, task.erases)
        rows.extend(sealed)
        return Done(entries, body), after

    def _tail(self, connection: Connection) -> Tail:
        """Where the ledger ends now, whoever wrote last."""
        size, tree = connection.execute(select(tables.ledger.c.size, tables.ledger.c.tree)).one()
        asked = select(tables.event.c.seq, tables.event.c.hash, tables.event.c.recorded_at)
        last = connection.execute(asked.order_by(tables.event.c.seq.desc()).limit(1)).first()
        stands = last.seq if last else 0
        if stands != size:
            raise TamperError(
                f"The ledger {self._file.path} was written to entry {size} and ends at entry {stands}: "
                f"entry {min(size, stands) + 1} is the first that was altered. Run `becalm record verify`."
            )
        if last is None:
            return Tail(0, first_link(self._identity), None, ())
        return Tail(size, last.hash, read_instant(last.recorded_at), read_peaks(tree))

    def _keep(self, connection: Connection, rows: Sequence[Sealed], tail: Tail, states: States) -> None:
        """Write the entries, the state tables that came out and where the ledger ends."""
        if rows:
            values = [dict(zip(COLUMNS, row_of(each.entry), strict=True)) for each in rows]
            connection.execute(insert(tables.event), values)
            payloads.keep_payloads(connection, rows)
            states.write()
            ends = {"size": tail.size, "tree": peaks_text(tail.peaks), "folds": name_folds(self._folds)}
            connection.execute(update(tables.ledger).values(**ends))

    def entries(
        self, *, after: int = 0, until: int | None = None, kinds: Sequence[str] = (), subject: str = ""
    ) -> Iterator[Entry]:
        """The entries in their order, of those that stand now: `after` excluded, `until` included."""
        last = self._size() if until is None else until
        rows = read_rows(self._file.reading, after=after, until=last, kinds=kinds, subject=subject)
        return map(entry_of, rows)

    def rows(self, *, after: int = 0) -> Iterator[StoredRow]:
        """The rows as they are stored, unchecked, whatever they hold."""
        return read_rows(self._file.reading, after=after, until=LAST)

    def _size(self) -> int:
        with self._file.reading() as connection:
            return int(connection.execute(select(func.max(tables.event.c.seq))).scalar() or 0)

    def head(self) -> Head:
        """How long is the ledger, and what does it hold?"""
        with self._file.reading() as connection:
            return self._tail(connection).head

    def state(self, table: str) -> tuple[Mapping[str, object], ...]:
        """The rows of one state table, in the order of their key."""
        with self._file.reading() as connection:
            return tuple(row for _, row in read_states(connection, table))

    def rebuild(self) -> tuple[str, ...]:
        """Fold every state table anew from the entries; returns each difference that was found."""
        with self._file.writing() as connection:
            rows = read_rows(lambda: nullcontext(connection), after=0, until=LAST)
            found = fold_anew(connection, self._folds, map(entry_of, rows))
            connection.execute(update(tables.ledger).values(folds=name_folds(self._folds)))
        return found

    def keep_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep a signed head."""
        with self._file.writing() as connection:
            write_checkpoint(connection, checkpoint)

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Every signed head that was kept, oldest first."""
        with self._file.reading() as connection:
            return read_checkpoints(connection)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
