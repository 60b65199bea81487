"""The ledger on SQLite: one file, in which threads and processes write together.

It is opened durably, written by one transaction at a time, and its failures are named.
"""

import gc
import multiprocessing
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from multiprocessing.connection import Connection as MultiprocessingConnection
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, select, update

from becalm.ledger import Entry, Event, EventKinds, EventToAppend, Finding, Fold, KnownOutside, check_events
from becalm.ledger.chain import COLUMNS, entry_row, read_entry
from becalm.ledger.receipts import AppendReceipt, digest_events, row_text
from becalm.ledger.store import new_entries, payloads
from becalm.ledger.store.backup import forget_in_backups
from becalm.ledger.store.copy_guard import HeadMemo, check_ledger_exists
from becalm.ledger.store.database_ledger import NOTHING_OUTSIDE, SELECT_END, DatabaseLedger
from becalm.ledger.store.group_commit import GroupCommit
from becalm.ledger.store.new_entries import CLOCK_CORRECTED, PreparedEvent, SealedEntry, Tail
from becalm.ledger.store.sqlite_file import LedgerFile, driver_of
from becalm.ledger.store.state_rows import StateRows, write_rows
from becalm.ledger.store.tables import ledger_table, payload_table
from becalm.ledger.store.writer_client import WriterClient, WriteRequest, WriteResult, WriteTask
from becalm.ledger.store.writer_process import WriterProcess
from becalm.ledger.store.writer_socket import agreement
from becalm.terms import BecalmError, EventError, LedgerError, TamperError

_INSERT_EVENT: Final = f"INSERT INTO event ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_INSERT_RECEIPT: Final = "INSERT INTO receipt (first, last, ticket) VALUES (?, ?, ?)"
_UPDATE_END: Final = "UPDATE ledger SET size = ?, tree = ?, folds = ?"
# Tickets have no index, which would cost every append a page: one is asked for after a kill alone, and only
# among those behind the last entry that whoever asks knows of.
_SELECT_RECEIPT: Final = "SELECT first, last FROM receipt WHERE first > ? AND ticket = ?"
_SELECT_SPAN: Final = f"SELECT {', '.join(COLUMNS)} FROM event WHERE seq BETWEEN ? AND ? ORDER BY seq"
LONG_LEDGER = 50_000  # entries, from which on an audit is worth a process of its own


LinkedRequest = tuple[WriteRequest, tuple[SealedEntry, ...]]


class SqliteLedger(DatabaseLedger):
    """A ledger in one file. Safe to use from many threads and from many processes at once.

    `now` is the clock of the recording, `draw_salt` gives 32 unguessable bytes for each payload. When
    `append` returns, its events are on the disk (WAL, synchronous=FULL); threads that wait share a commit.
    `outside` is what is known of the ledger elsewhere, and it must fit that to be written. `payload_key`
    gives the key under which details are enciphered (see `FileCipher`).
    """

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], datetime],
        draw_salt: Callable[[], bytes],
        kinds: EventKinds,
        folds: Sequence[Fold],
        outside: KnownOutside = NOTHING_OUTSIDE,
        payload_key: Callable[[bool], bytes] | None = None,
    ) -> None:
        self._now, self._draw_salt = now, draw_salt
        head_memo = HeadMemo(Path(path).with_suffix(".head"))
        check_ledger_exists(Path(path), head_memo, outside)
        self._file = LedgerFile(Path(path), lambda: draw_salt().hex()[:32])
        self._cipher = payloads.FileCipher(payload_key, draw_salt)
        super().__init__(self._file, kinds, folds, memo=head_memo, outside=outside)
        with suppress(LedgerError, TamperError):  # what does not hold is still opened, to be verified
            if (head := self.head()).size == 0 and head_memo.read_head() is None:
                # Before the first entry: without it nobody could tell that one is lost.
                head_memo.begin(head, self.identity)
            self._forget_revived()
        with suppress(LedgerError):  # another process may hold on to the log; the next erasure tries again
            scrub(self._file)
        self._agreement = agreement(self.identities[0], kinds, self._fold_names)
        self._writer = WriterClient(Path(path), self._agreement, self._check_once)
        self._queue: GroupCommit[WriteTask, WriteResult] = GroupCommit(self._write)

    def _check_once(self) -> None:
        """Refuse to have anything written into an older copy, as this program would refuse it by itself."""
        # Under the right to write: else the note of the last head could be newer than what is read here.
        with self._file.writing() as connection:
            self.check_newest(connection, self.tail(connection), ())

    def check_place(self) -> None:
        """Raise LedgerError where the file is no longer the one that was opened."""
        self._file.check_same_file()

    def open_writer(self) -> WriterProcess:
        """The process that writes this file for all programs of the computer."""
        return WriterProcess(self._file.path, self, self._agreement, lambda: self.head().size)

    def close(self) -> None:
        """Close the file, and the connection to the writer process."""
        self._writer.close()
        super().close()

    def append(self, events: Sequence[EventToAppend]) -> tuple[Entry, ...]:
        """Append these events together, all or none."""
        return self._submit(events).entries if events else ()

    def submit(self, events: Sequence[EventToAppend]) -> AppendReceipt:
        """Append these events together, and give a receipt for them: in a file they are sealed at once."""
        ticket = self._draw_salt().hex()
        entries = self._submit(events, ticket=ticket).entries
        digest = digest_events(row_text(entry_row(entry)) for entry in entries)
        return AppendReceipt(self.identity, ticket, len(entries), digest, entries[0].recorded_at)

    def await_entries(self, receipt: AppendReceipt) -> tuple[Entry, ...]:
        """The entries of this receipt."""
        stored_receipt = self.find_receipt(receipt.ticket)
        if stored_receipt is None:
            raise LedgerError(f"The ledger knows of no receipt {receipt.ticket}. Is it of another one?")
        return tuple(self.entries(after=stored_receipt.first - 1, until=stored_receipt.last))

    def payload(self, seq: int, *, access: Event) -> bytes | None:
        """The personal detail of one entry, None once erased; the access is written with the reading."""
        return self._submit((EventToAppend(access),), payload_seq=seq).payload

    def payload_commitments(self) -> Iterator[tuple[int, str]]:
        """Of each payload that is there: its entry, and the commitment that it gives with its salt."""
        with self._file.reading() as connection:
            return iter(tuple(payloads.recompute_commitments(connection, self._cipher)))

    def read_payload_seqs(self, connection: Connection) -> Iterable[int]:
        """The entries beside which details stand."""
        return connection.execute(select(payload_table.c.seq)).scalars()

    def start_audit(self) -> Callable[[], tuple[Finding, ...]]:
        """Fold the entries on another core where the ledger is long; the function waits for what it finds."""
        # Forked, for folds cannot be sent to a process that begins afresh; so only while there is one thread.
        with self._file.reading() as connection:
            entry_count = connection.exec_driver_sql("SELECT coalesce(max(seq), 0) FROM event").scalar_one()
        if threading.active_count() > 1 or not hasattr(os, "fork") or entry_count < LONG_LEDGER:
            return self.audit
        fork_context = multiprocessing.get_context("fork")
        receiver, sender = fork_context.Pipe(duplex=False)
        audit_process = fork_context.Process(target=self._audit_in_child, args=(sender,), daemon=True)
        audit_process.start()
        sender.close()

        def collect() -> tuple[Finding, ...]:
            # The store is asked here: reading the chain takes less time than folding it again.
            store_findings = self.run_checks(*self.store_checks)
            try:
                state_findings: tuple[Finding, ...] = receiver.recv()
            except EOFError:  # the process was ended
                state_findings = self.run_checks(self.audit_states)
            finally:
                audit_process.join()
            return (*store_findings, *state_findings)

        return collect

    def _audit_in_child(self, sender: MultiprocessingConnection) -> None:
        self._file.forget_connections()
        gc.disable()  # a row of each entry is kept until the end, and nothing of it goes round in circles
        sender.send(self.run_checks(self.audit_states))

    def read_stray_payloads(self, connection: Connection) -> Iterable[str]:
        """Details that stand beside no entry."""
        stray_query = "SELECT 'number ' || seq FROM payload WHERE seq NOT IN (SELECT seq FROM event) LIMIT 20"
        return connection.exec_driver_sql(stray_query).scalars()

    def encipher_payloads(self) -> int:
        """Encipher the details of a file of the older format, in which they stand as they are; how many."""
        with self._file.writing() as connection:
            payload_count = payloads.encipher_plain(connection, self._cipher)
        scrub(self._file)
        return payload_count

    def _forget_revived(self) -> None:
        """Destroy what a copy brought back though it was erased, before anybody is shown anything of it."""
        if revived_seqs := self.revived_seqs():
            with self._file.writing() as connection:
                payloads.destroy_payloads(connection, revived_seqs)

    def erase(self, seqs: Sequence[int], *, erasure: Event) -> Entry:
        """Destroy the payloads and salts of these entries for good, and record that it was done."""
        with self._file.reading() as connection:
            commitment_by_seq = payloads.read_commitments(connection, tuple(seqs))
        erased_seqs = tuple(sorted(set(seqs)))
        write_result = self.retry_rebuilt(
            lambda: self._submit((EventToAppend(erasure),), erased_seqs=erased_seqs)
        )
        self._register.add(commitment_by_seq.values())
        scrub(self._file)
        forget_in_backups(self._file.path, commitment_by_seq.values())
        return write_result.entries[0]

    def _submit(
        self,
        events: Sequence[EventToAppend],
        *,
        payload_seq: int | None = None,
        erased_seqs: tuple[int, ...] = (),
        ticket: str = "",
    ) -> WriteResult:
        """Check and prepare in the thread that asks, so that whoever writes for all is soon done."""
        check_events([to_append.event for to_append in events], self.kinds, self._now())
        prepared_events = tuple(
            [new_entries.prepare_event(to_append, self._draw_salt) for to_append in events]
        )
        return self._queue.submit(WriteTask(prepared_events, payload_seq, erased_seqs, ticket))

    def _write(self, requests: Sequence[WriteRequest]) -> None:
        """Write what waits: by the writer process where one serves this file, else here."""
        unsent_requests, lost_requests, known_size = self._writer.write(requests)
        if unsent_requests:
            self.write_batch(unsent_requests)
        if lost_requests:
            self.write_batch(lost_requests, sought_after=known_size)

    def write_batch(self, requests: Sequence[WriteRequest], *, sought_after: int | None = None) -> None:
        """Write these in one transaction; a task that is not fit is refused alone.

        `sought_after`: a writer process that was killed may have written them behind this entry, so each is
        looked for there first, under its ticket.
        """
        try:
            with self._file.writing() as connection:
                driver = driver_of(connection)
                # Read again each time, under the right to write: other processes write between two commits.
                tail = self.read_end(driver.execute(SELECT_END).fetchone())
                events = [prepared_event.draft.event for prepared_event in _prepared_events(requests)]
                self.check_newest(connection, tail, events)
                if sought_after is not None:
                    requests = _answer_written(driver, requests, sought_after)
                request_results, tail = self._write_fit(connection, tail, requests)
        except BecalmError as error:
            for request in requests:
                request.error = request.error or error
        else:
            self.remember_tail(tail)
            for request, write_result in request_results:
                request.answer = write_result

    def _write_fit(
        self, connection: Connection, tail: Tail, requests: Sequence[WriteRequest]
    ) -> tuple[list[tuple[WriteRequest, WriteResult]], Tail]:
        """Do all tasks but those that are refused; after a refusal, begin again without that one."""
        # Nothing is written before every task is through: entries behind a refused one would be linked to it.
        remaining_requests, correction = _take_correction(requests)
        recorded_at = new_entries.recording_time(tail.recorded_at, self._now(), correction=correction)
        while True:
            linked_requests = _link_requests(tail, remaining_requests, recorded_at)
            sealed_entries = [sealed_entry for _, entries in linked_requests for sealed_entry in entries]
            state_rows = StateRows(self._folds_by_kind)
            state_rows.prefetch(driver_of(connection).execute, sealed_entries)
            request_results = []
            for request, entries in linked_requests:
                try:
                    request_results.append(
                        (request, self._do_task(connection, request.task, entries, state_rows))
                    )
                except BecalmError as error:
                    request.error = error
                    break
            else:
                new_tail = new_entries.extend_tail(tail, sealed_entries)
                if sealed_entries:
                    self._store(connection, linked_requests, new_tail, state_rows)
                return request_results, new_tail
            remaining_requests = [request for request in remaining_requests if request.error is None]

    def _do_task(
        self,
        connection: Connection,
        task: WriteTask,
        sealed_entries: Sequence[SealedEntry],
        states: StateRows,
    ) -> WriteResult:
        """Fold, read and destroy what one task asks."""
        payload = None
        if task.payload_seq is not None:
            commitment = payloads.read_commitments(connection, (task.payload_seq,))[task.payload_seq]
            if commitment not in self._register.read():  # else a copy that was put back has revived it
                payload = payloads.read_payload(connection, task.payload_seq, self._cipher)
        if task.erased_seqs:
            payloads.check_named(sealed_entries[0].entry.event, task.erased_seqs)
        states.fold(sealed_entries)
        if task.erased_seqs:
            payloads.destroy_payloads(connection, task.erased_seqs)
        return WriteResult(tuple([sealed_entry.entry for sealed_entry in sealed_entries]), payload)

    def _store(
        self, connection: Connection, linked_requests: Sequence[LinkedRequest], tail: Tail, states: StateRows
    ) -> None:
        """Write the entries, what they left in the state tables, their details, and where the ledger ends."""
        driver = driver_of(connection)
        sealed_entries = [sealed_entry for _, entries in linked_requests for sealed_entry in entries]
        driver.executemany(_INSERT_EVENT, [sealed_entry.row for sealed_entry in sealed_entries])
        write_rows(driver.executemany, states.new_rows)
        receipts = [
            (entries[0].entry.seq, entries[-1].entry.seq, request.task.ticket)
            for request, entries in linked_requests
            if request.task.ticket
        ]
        if receipts:
            driver.executemany(_INSERT_RECEIPT, receipts)
        driver.execute(_UPDATE_END, (tail.size, new_entries.format_peaks(tail.peaks), self._fold_names))
        prepared_events = _prepared_events([request for request, _ in linked_requests])
        payloads.insert_payloads(connection, sealed_entries, prepared_events, self._cipher)


def _answer_written(
    driver: sqlite3.Connection, requests: Sequence[WriteRequest], known_size: int
) -> list[WriteRequest]:
    """Answer those that stand already behind this entry, under their tickets; the others."""
    other_requests = []
    for request in requests:
        span = driver.execute(_SELECT_RECEIPT, (known_size, request.task.ticket)).fetchone()
        if span is None:
            other_requests.append(request)
        else:
            request.answer = WriteResult(tuple(map(read_entry, driver.execute(_SELECT_SPAN, span))))
    return other_requests


def _prepared_events(requests: Sequence[WriteRequest]) -> list[PreparedEvent]:
    return [event for request in requests for event in request.task.prepared_events]


def _take_correction(requests: Sequence[WriteRequest]) -> tuple[list[WriteRequest], Event | None]:
    """The tasks that are written together; where one corrects the clock, that one alone."""
    for request in requests:
        first_event = next(iter(request.task.prepared_events)).draft.event
        if first_event.kind == CLOCK_CORRECTED and len(request.task.prepared_events) == 1:
            for other_request in (r for r in requests if r is not request):
                other_request.error = LedgerError(
                    "The clock is being set right. Try again; nothing was written."
                )
            return [request], first_event
    return list(requests), None


def _link_requests(
    tail: Tail, requests: Sequence[WriteRequest], recorded_at: datetime
) -> list[LinkedRequest]:
    """Link the events of these tasks one behind the other; notes those that are refused."""
    linked_requests = []
    last_seq, last_hash = tail.size, tail.last_hash
    for request in requests:
        try:
            for event in request.task.prepared_events:
                _check_occurrence(event.draft.event, recorded_at)
            drafts = [(event.draft, event.commitment) for event in request.task.prepared_events]
            sealed_entries = new_entries.link_events(last_seq, last_hash, drafts, recorded_at)
        except BecalmError as error:
            request.error = error
        else:
            last_seq, last_hash = sealed_entries[-1].entry.seq, sealed_entries[-1].entry.hash
            linked_requests.append((request, sealed_entries))
    return linked_requests


def _check_occurrence(event: Event, recorded_at: datetime) -> None:
    if event.occurred_at > recorded_at:
        raise EventError(
            f"The event {event.kind!r} occurred at {event.occurred_at.isoformat()}, and it "
            f"is only {recorded_at.isoformat()}. Record it when it has happened, or correct the clock."
        )


def scrub(file: LedgerFile) -> None:
    """Empty the write-ahead log, in which pages stand as they were before the erasure.

    Raises LedgerError where another process holds on to it.
    """
    with file.reading() as connection:
        is_scrub_due = connection.execute(select(ledger_table.c.unscrubbed)).scalar_one()
    if not is_scrub_due:
        return
    is_log_busy, *_ = file.execute_alone("PRAGMA wal_checkpoint(TRUNCATE)")
    if is_log_busy:
        raise LedgerError(
            f"The payloads are destroyed and this is recorded, but another process reads {file.path} "
            f"and keeps their last traces in {file.path.name}-wal. Close it; the next opening of the ledger "
            "wipes them."
        )
    with file.writing() as connection:
        connection.execute(update(ledger_table).values(unscrubbed=0))
