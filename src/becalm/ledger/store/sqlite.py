"""The ledger on SQLite: one file, in which threads and processes write together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from becalm.ledger import Checkpoint, Entry, Event, EventKinds, EventToAppend, Fold, check_events
from becalm.ledger.chain import COLUMNS
from becalm.ledger.store import payloads, sealing
from becalm.ledger.store.backup import forget_in_backups
from becalm.ledger.store.copy_guard import HeadMemo, check_ledger_exists
from becalm.ledger.store.database_ledger import DatabaseLedger
from becalm.ledger.store.group_commit import GroupCommit, Request
from becalm.ledger.store.sealing import PreparedEvent, SealedEntry, Tail
from becalm.ledger.store.sqlite_file import LedgerFile
from becalm.ledger.store.state_rows import StateRows
from becalm.terms import BecalmError, EventError, LedgerError, TamperError

_INSERT_EVENT: Final = f"INSERT INTO event ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"


@dataclass(frozen=True, slots=True)
class WriteTask:
    """What is written together: events, and what is read or destroyed in the same transaction."""

    prepared_events: tuple[PreparedEvent, ...]
    payload_seq: int | None = None  # the entry whose payload is read
    erased_seqs: tuple[int, ...] = ()  # the entries whose payloads are destroyed


@dataclass(frozen=True, slots=True)
class WriteResult:
    """What came of a task."""

    entries: tuple[Entry, ...]
    payload: bytes | None = None


WriteRequest = Request[WriteTask, WriteResult]


class SqliteLedger(DatabaseLedger):
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
        check_ledger_exists(Path(path), memo)
        self._file = LedgerFile(Path(path), lambda: draw_salt().hex()[:32])
        super().__init__(self._file, kinds, folds, memo=memo, anchors=anchors)
        with suppress(LedgerError, TamperError):  # what does not hold is still opened, to be verified
            if (head := self.head()).size == 0 and memo.read_head() is None:
                memo.write_head(head)  # before the first entry: without it nobody could tell that one is lost
        with suppress(LedgerError):  # another process may hold on to the log; the next erasure tries again
            payloads.scrub(self._file)
        self._queue: GroupCommit[WriteTask, WriteResult] = GroupCommit(self._write)

    def append(self, events: Sequence[EventToAppend]) -> tuple[Entry, ...]:
        """Append these events together, all or none."""
        return self._submit(events).entries if events else ()

    def payload(self, seq: int, *, access: Event) -> bytes | None:
        """The personal detail of one entry, None once erased; the access is written with the reading."""
        return self._submit((EventToAppend(access),), payload_seq=seq).payload

    def payload_commitments(self) -> Iterator[tuple[int, str]]:
        """Of each payload that is there: its entry, and the commitment that it gives with its salt."""
        with self._file.reading() as connection:
            return iter(tuple(payloads.recompute_commitments(connection)))

    def erase(self, seqs: Sequence[int], *, erasure: Event) -> Entry:
        """Destroy the payloads and salts of these entries for good, and record that it was done."""
        result = self._submit((EventToAppend(erasure),), erased_seqs=tuple(sorted(set(seqs))))
        payloads.scrub(self._file)
        with self._file.reading() as connection:
            commitments = payloads.read_commitments(connection, tuple(seqs))
        forget_in_backups(self._file.path, commitments.values())
        return result.entries[0]

    def _submit(
        self,
        events: Sequence[EventToAppend],
        *,
        payload_seq: int | None = None,
        erased_seqs: tuple[int, ...] = (),
    ) -> WriteResult:
        """Check and prepare in the thread that asks, so that whoever writes for all is soon done."""
        check_events([to_append.event for to_append in events], self.kinds, self._now())
        prepared_events = tuple([sealing.prepare_event(to_append, self._draw_salt) for to_append in events])
        return self._queue.submit(WriteTask(prepared_events, payload_seq, erased_seqs))

    def _write(self, requests: Sequence[WriteRequest]) -> None:
        """Write what waits in one transaction; a task that is not fit is refused alone."""
        try:
            with self._file.writing() as connection:
                # Read anew each time, under the right to write: other processes write between two commits.
                tail = self.tail(connection)
                events = [prepared_event.draft.event for prepared_event in _prepared_events(requests)]
                self.check_newest(connection, tail, events)
                answers, tail = self._write_fit(connection, tail, requests)
        except BecalmError as error:
            for request in requests:
                request.error = request.error or error
        else:
            self.remember_tail(tail)
            for request, answer in answers:
                request.answer = answer

    def _write_fit(
        self, connection: Connection, tail: Tail, requests: Sequence[WriteRequest]
    ) -> tuple[list[tuple[WriteRequest, WriteResult]], Tail]:
        """Do all tasks but those that are refused; after a refusal, begin again without that one."""
        # Nothing is written before every task is through: entries behind a refused one would be linked to it.
        remaining_requests = list(requests)
        recorded_at = sealing.recording_time(tail.recorded_at, self._now())
        while True:
            linked_requests = _link_requests(tail, remaining_requests, recorded_at)
            sealed_entries = [sealed_entry for _, entries in linked_requests for sealed_entry in entries]
            states = StateRows(connection, self._folds_by_kind)
            states.prefetch([sealed_entry.entry for sealed_entry in sealed_entries])
            answers = []
            for request, entries in linked_requests:
                try:
                    answers.append((request, _do_task(connection, request.task, entries, states)))
                except BecalmError as error:
                    request.error = error
                    break
            else:
                new_tail = sealing.extend_tail(tail, sealed_entries)
                prepared_events = _prepared_events([request for request, _ in linked_requests])
                self._store(connection, sealed_entries, prepared_events, new_tail, states)
                return answers, new_tail
            remaining_requests = [request for request in remaining_requests if request.error is None]

    def _store(
        self,
        connection: Connection,
        sealed_entries: Sequence[SealedEntry],
        prepared_events: Sequence[PreparedEvent],
        tail: Tail,
        states: StateRows,
    ) -> None:
        """Write the entries, the state tables that came out and where the ledger ends."""
        if sealed_entries:
            connection.exec_driver_sql(_INSERT_EVENT, [sealed_entry.row for sealed_entry in sealed_entries])
            payloads.insert_payloads(connection, sealed_entries, prepared_events)
            states.write()
            values = (tail.size, sealing.format_peaks(tail.peaks), self._fold_names)
            connection.exec_driver_sql("UPDATE ledger SET size = ?, tree = ?, folds = ?", values)


def _prepared_events(requests: Sequence[WriteRequest]) -> list[PreparedEvent]:
    return [event for request in requests for event in request.task.prepared_events]


def _link_requests(
    tail: Tail, requests: Sequence[WriteRequest], recorded_at: datetime
) -> list[tuple[WriteRequest, tuple[SealedEntry, ...]]]:
    """Link the events of these tasks one behind the other; notes those that are refused."""
    linked_requests = []
    seq, last_hash = tail.size, tail.last_hash
    for request in requests:
        try:
            for event in request.task.prepared_events:
                _check_occurrence(event.draft.event, recorded_at)
            drafts = [(event.draft, event.commitment) for event in request.task.prepared_events]
            sealed_entries = sealing.link_events(seq, last_hash, drafts, recorded_at)
        except BecalmError as error:
            request.error = error
        else:
            seq, last_hash = sealed_entries[-1].entry.seq, sealed_entries[-1].entry.hash
            linked_requests.append((request, sealed_entries))
    return linked_requests


def _check_occurrence(event: Event, recorded_at: datetime) -> None:
    if event.occurred_at > recorded_at:
        raise EventError(
            f"The event {event.kind!r} occurred at {event.occurred_at.isoformat()}, and it "
            f"is only {recorded_at.isoformat()}. Record it when it has happened, or correct the clock."
        )


def _do_task(
    connection: Connection, task: WriteTask, sealed_entries: Sequence[SealedEntry], states: StateRows
) -> WriteResult:
    """Fold, read and destroy what one task asks."""
    entries = tuple([sealed_entry.entry for sealed_entry in sealed_entries])
    payload = payloads.read_payload(connection, task.payload_seq) if task.payload_seq is not None else None
    if task.erased_seqs:
        payloads.check_named(entries[0].event, task.erased_seqs)
    states.fold(entries)
    if task.erased_seqs:
        payloads.destroy_payloads(connection, task.erased_seqs)
    return WriteResult(entries, payload)
