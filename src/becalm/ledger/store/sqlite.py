"""The ledger on SQLite: one file, in which threads and processes write together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from becalm.ledger.chain import COLUMNS
from becalm.ledger.event import Checkpoint, Entry, Event
from becalm.ledger.event_kinds import EventKinds, check_events
from becalm.ledger.projection import Fold
from becalm.ledger.protocol import EventToAppend
from becalm.ledger.store import payload as payloads
from becalm.ledger.store.backup import forget_in_backups
from becalm.ledger.store.file import LedgerFile
from becalm.ledger.store.guard import HeadMemo, require_there
from becalm.ledger.store.queue import GroupCommit, Request
from becalm.ledger.store.seal import (
    Ready,
    Sealed,
    Tail,
    make_ready,
    peaks_text,
    seal,
    tail_after,
    time_of_recording,
)
from becalm.ledger.store.states import States
from becalm.ledger.store.stored import StoredLedger
from becalm.terms import BecalmError, LedgerError, TamperError

_ADD: Final = f"INSERT INTO event ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"


@dataclass(frozen=True, slots=True)
class Task:
    """What is written together: events, and what is read or destroyed in the same transaction."""

    fresh: tuple[Ready, ...]
    reads: int | None = None  # the entry whose payload is read
    erases: tuple[int, ...] = ()  # the entries whose payloads are destroyed


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a task."""

    entries: tuple[Entry, ...]
    payload: bytes | None = None


class SqliteLedger(StoredLedger):
    """A ledger in one file. Safe to use from many threads and from many processes at once.

    `now` is the clock of the recording, `draw_salt` gives 32 unguessable bytes for each payload. When
    `append` returns, its events are on the disk (WAL, synchronous=FULL); threads that wait share a commit.
    `anchors` are heads that are known from elsewhere, and that the ledger must still hold to be written.
    """

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], datetime],
        draw_salt: Callable[[], bytes],
        kinds: EventKinds,
        folds: Sequence[Fold],
        anchors: Sequence[Checkpoint] = (),
    ) -> None:
        self._now, self._draw_salt = now, draw_salt
        memo = HeadMemo(Path(path).with_suffix(".head"))
        require_there(Path(path), memo)
        self._file = LedgerFile(Path(path), lambda: draw_salt().hex()[:32])
        super().__init__(self._file, kinds, folds, memo=memo, anchors=anchors)
        with suppress(
            LedgerError, TamperError
        ):  # a ledger that does not hold is still opened, to be verified
            if (head := self.head()).size == 0 and memo.read() is None:
                memo.write(head)  # before the first entry: without it nobody could tell that one is lost
        with suppress(LedgerError):  # another process may hold on to the log; the next erasure tries again
            payloads.scrub(self._file)
        self._queue: GroupCommit[Task, Done] = GroupCommit(self._write)

    def append(self, events: Sequence[EventToAppend]) -> tuple[Entry, ...]:
        """Append these events together, all or none."""
        return self._submit(events).entries if events else ()

    def payload(self, seq: int, *, access: Event) -> bytes | None:
        """The personal detail of one entry, None once erased; the access is written with the reading."""
        return self._submit((EventToAppend(access),), reads=seq).payload

    def payload_commitments(self) -> Iterator[tuple[int, str]]:
        """Of each payload that is kept: its entry, and the commitment that it gives with its salt."""
        with self._file.reading() as connection:
            return iter(tuple(payloads.given_commitments(connection)))

    def erase(self, seqs: Sequence[int], *, erasure: Event) -> Entry:
        """Destroy the payloads and salts of these entries for good, and record that it was done."""
        done = self._submit((EventToAppend(erasure),), erases=tuple(sorted(set(seqs))))
        payloads.scrub(self._file)
        with self._file.reading() as connection:
            commitments = payloads.commitments_of(connection, tuple(seqs))
        forget_in_backups(self._file.path, commitments.values())
        return done.entries[0]

    def _submit(
        self, written: Sequence[EventToAppend], *, reads: int | None = None, erases: tuple[int, ...] = ()
    ) -> Done:
        """Check and prepare in the thread that asks, so that whoever writes for all is soon done."""
        check_events([each.event for each in written], self.kinds, self._now())
        fresh = tuple([make_ready(each, self._draw_salt) for each in written])
        return self._queue.submit(Task(fresh, reads, erases))

    def _write(self, requests: Sequence[Request[Task, Done]]) -> None:
        """Write what waits in one transaction; a task that is not fit is refused alone."""
        try:
            with self._file.writing() as connection:
                tail = self.tail(connection)
                self.require_newest(connection, tail, events_of(requests))
                done, tail = self._do_fit(connection, tail, requests)
        except BecalmError as error:
            for request in requests:
                request.error = request.error or error
        else:
            self.remember(tail)
            for request, came in done:
                request.answer = came

    def _do_fit(
        self, connection: Connection, tail: Tail, requests: Sequence[Request[Task, Done]]
    ) -> tuple[list[tuple[Request[Task, Done], Done]], Tail]:
        """Do all tasks but those that are refused; after a refusal, begin again without that one."""
        fit = list(requests)
        recorded_at = time_of_recording(tail.recorded_at, self._now())
        while True:
            linked = _link(tail, fit, recorded_at)
            rows = [each for _, sealed in linked for each in sealed]
            states = States(connection, self._by_kind)
            states.foresee([each.entry for each in rows])
            done = []
            for request, sealed in linked:
                try:
                    done.append((request, self._do(connection, request.asked, sealed, states)))
                except BecalmError as error:
                    request.error = error
                    break
            else:
                end = tail_after(tail, rows, recorded_at)
                self._keep(connection, rows, end, states)
                return done, end
            fit = [request for request in fit if request.error is None]

    def _do(self, connection: Connection, task: Task, sealed: Sequence[Sealed], states: States) -> Done:
        """Fold, read and destroy what one task asks."""
        entries = tuple([each.entry for each in sealed])
        body = payloads.read_payload(connection, task.reads) if task.reads is not None else None
        if task.erases:
            payloads.require_named(entries[0].event, task.erases)
        states.fold(entries)
        if task.erases:
            payloads.destroy_payloads(connection, task.erases)
        return Done(entries, body)

    def _keep(self, connection: Connection, rows: Sequence[Sealed], tail: Tail, states: States) -> None:
        """Write the entries, the state tables that came out and where the ledger ends."""
        if rows:
            connection.exec_driver_sql(_ADD, [each.row for each in rows])
            payloads.keep_payloads(connection, rows)
            states.write()
            ends = (tail.size, peaks_text(tail.peaks), self._folded_by)
            connection.exec_driver_sql("UPDATE ledger SET size = ?, tree = ?, folds = ?", ends)


def _link(
    tail: Tail, requests: Sequence[Request[Task, Done]], recorded_at: datetime
) -> list[tuple[Request[Task, Done], tuple[Sealed, ...]]]:
    """Link the events of these tasks one behind the other; notes those that are refused."""
    linked = []
    seq, last = tail.size, tail.last
    for request in requests:
        try:
            sealed = seal(seq, last, request.asked.fresh, recorded_at)
        except BecalmError as error:
            request.error = error
        else:
            seq, last = sealed[-1].entry.seq, sealed[-1].entry.hash
            linked.append((request, sealed))
    return linked


def events_of(requests: Sequence[Request[Task, Done]]) -> list[Event]:
    """The events that wait to be written."""
    return [ready.draft.event for request in requests for ready in request.asked.fresh]
