"""The ledger on PostgreSQL: inserts by many, sealed in order by one."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, text

from becalm.ledger import (
    Entry,
    Event,
    EventKinds,
    EventToAppend,
    Finding,
    Fold,
    KnownOutside,
    ServerLogin,
    check_events,
)
from becalm.ledger.receipts import AppendReceipt, digest_events
from becalm.ledger.store.background_sealing import BackgroundSealing, SealingProcess
from becalm.ledger.store.copy_guard import HeadMemo
from becalm.ledger.store.database_ledger import NOTHING_OUTSIDE, Check, DatabaseLedger
from becalm.ledger.store.group_commit import GroupCommit, Request
from becalm.ledger.store.payloads import (
    CommittedEvent,
    decipher,
    encipher,
    read_commitments,
    recompute_commitment,
)
from becalm.ledger.store.postgres_append import Outcome, Sealer, read_outcomes
from becalm.ledger.store.postgres_pending import (
    AppendTask,
    audit_pending,
    event_text,
    format_events,
    submit_rows,
)
from becalm.ledger.store.postgres_rights import ROLE_GROUP, has_rights
from becalm.ledger.store.postgres_server import LedgerServer, LostConnectionError, mask_password
from becalm.terms import BecalmError, LedgerError

PATIENCE_S: Final = 10.0  # for a server that went away, and for others that seal
HASTY_TURNS: Final = 4  # that follow each other without a pause
PAUSE_S: Final = 0.002

_SELECT_PAYLOAD = text(
    "SELECT sealed, key FROM payload JOIN payload_key USING (commitment) WHERE commitment = :commitment"
)
_SELECT_PAYLOADS = text(
    "SELECT seq, commitment, sealed, key FROM event JOIN payload USING (commitment) "
    "JOIN payload_key USING (commitment) ORDER BY seq"
)
_SELECT_PAYLOAD_SEQS = text(
    "SELECT seq FROM event JOIN payload USING (commitment) JOIN payload_key USING (commitment)"
)
_SELECT_STRAY = text(
    """
    SELECT commitment FROM payload p FULL JOIN payload_key k USING (commitment)
    WHERE p.commitment IS NULL OR k.commitment IS NULL OR NOT EXISTS (
        SELECT FROM event WHERE event.commitment = coalesce(p.commitment, k.commitment)
    ) AND NOT EXISTS (
        SELECT FROM pending WHERE strpos(events, coalesce(p.commitment, k.commitment)) > 0
    ) LIMIT 20
    """
)
# The same where the server enforces rights: it refuses one detail, and an audit leaves out what is not open.
_SELECT_OPEN_PAYLOAD = text(
    "SELECT sealed, read_payload_key(commitment) AS key FROM payload JOIN payload_key USING (commitment) "
    "WHERE commitment = :commitment"
)
_SELECT_OPEN_PAYLOADS = text(
    "SELECT seq, commitment, sealed, read_payload_key(commitment) AS key FROM event "
    "JOIN payload USING (commitment) JOIN payload_key USING (commitment) "
    "WHERE may_open(kind, subject) ORDER BY seq"
)
_SELECT_ROLE_GROUPS = text(
    "SELECT rolname FROM pg_roles WHERE starts_with(rolname, 'becalm_role_') "
    "AND pg_has_role(session_user, oid, 'MEMBER') ORDER BY rolname"
)
_SELECT_WAITING = text(
    "SELECT FROM pending WHERE NOT EXISTS (SELECT FROM receipt r WHERE r.ticket = pending.ticket) LIMIT 1"
)
SubmitRequest = Request[AppendTask, datetime]
AppendRequest = Request[AppendTask, tuple[Entry, ...]]


class PostgresLedger(DatabaseLedger):
    """A ledger on a PostgreSQL server. Safe to use from many threads and from many processes at once.

    When `append` returns, its events are sealed and on the server's disk; threads that wait share a
    transaction, processes share the sealing. `draw_salt` gives 32 unguessable bytes for each payload. Entries
    are recorded by the server's clock, so that hosts need not agree; `now` puts another in its place.
    `memo` is a file that keeps the last head on this host, and `outside` is what is known of the ledger
    elsewhere: it must fit both to be written.
    """

    has_all_receipts = True
    refusal_column = "refusal"

    def __init__(
        self,
        url: str,
        *,
        draw_salt: Callable[[], bytes],
        now: Callable[[], datetime] | None = None,
        kinds: EventKinds,
        folds: Sequence[Fold],
        memo: Path | None = None,
        outside: KnownOutside = NOTHING_OUTSIDE,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._now, self._draw_salt, self._patience_s = now, draw_salt, patience_s
        self._server = LedgerServer(url)
        # A memo on one host knows nothing of what other hosts wrote: where it is gone, nothing is lost.
        head_memo = HeadMemo(memo, is_needed=False) if memo else None
        super().__init__(self._server, kinds, folds, memo=head_memo, outside=outside)
        self._sealer = Sealer(self.identities[0], kinds, self.folds, now, self.check_newest)
        with suppress(BecalmError):
            # What others handed in and did not live to see sealed is sealed, where nothing speaks against it.
            self.seal_pending("appends")
        self._queue: GroupCommit[AppendTask, tuple[Entry, ...]] = GroupCommit(self._write)
        self._submissions: GroupCommit[AppendTask, datetime] = GroupCommit(self._submit_rows)
        self._background: BackgroundSealing | None = None
        self._background_guard = threading.Lock()

    def append(self, events: Sequence[EventToAppend], *, ticket: str = "") -> tuple[Entry, ...]:
        """Append these events together, all or none.

        A `ticket` of the caller's own makes it safe to ask again: the same ticket is written once.
        """
        return self._submit(events, ticket=ticket) if events else ()

    def login(self) -> ServerLogin | None:
        """Who is logged in, and which groups of the programme the server counts them among."""
        with self._server.reading() as connection:
            name = str(connection.exec_driver_sql("SELECT session_user").scalar_one())
            groups = connection.execute(_SELECT_ROLE_GROUPS).scalars().all()
        return ServerLogin(name, tuple(group.removeprefix(ROLE_GROUP).replace("_", " ") for group in groups))

    def submit(self, events: Sequence[EventToAppend]) -> AppendReceipt:
        """Have these recorded together, and return when they are on the disk: they are sealed later."""
        committed_events, ticket = self._prepare(events), self._draw_salt().hex()
        event_texts = tuple([event_text(event) for event in committed_events])
        append_task = AppendTask(ticket, committed_events, is_promised=True, texts=event_texts)
        accepted_at = self._submissions.submit(append_task)
        digest = digest_events(event_texts)
        return AppendReceipt(self.identity, ticket, len(event_texts), digest, accepted_at)

    def _submit_rows(self, requests: Sequence[SubmitRequest]) -> None:
        """Hand in what waits by one statement; after a lost connection again, under the same tickets."""
        deadline = time.monotonic() + self._patience_s
        tasks = [request.task for request in requests]
        texts = [format_events(task.texts) for task in tasks]
        while True:
            try:
                background = self._begin_sealing()
                with self._server.handing_in() as driver:
                    submit_rows(driver, tasks, texts)
                break
            except LostConnectionError as error:
                if time.monotonic() > deadline:
                    for request in requests:
                        request.error = _doubt(request.task.ticket, request.task, error)
                    return
                time.sleep(PAUSE_S)
            except BecalmError as error:
                for request in requests:
                    request.error = error
                return
        accepted_at = self._now() if self._now else datetime.now(UTC)
        for request in requests:
            request.answer = accepted_at
        background.wake()

    def _begin_sealing(self) -> BackgroundSealing:
        """Refuse to promise anything to an older copy; then seal in the background what is promised."""
        with self._background_guard:
            if self._background is None:
                with self._server.writing() as connection:
                    self.check_newest(connection, self.tail(connection), ())
                self._background = BackgroundSealing(lambda: self.seal_pending("background"))
            return self._background

    def seal_pending(self, name: str) -> bool:
        """Seal what waits, unless somebody else does; whether something still waits then."""
        with self._server.sealing(name) as connection:
            if connection.execute(_SELECT_WAITING).first() is None:
                return False
            seal_turn = self._sealer.seal_or_hand_in(connection, (), may_be_written=True, must_wait=False)
        if seal_turn.tail:
            self.remember_tail(seal_turn.tail)
        return True

    def await_entries(self, receipt: AppendReceipt) -> tuple[Entry, ...]:
        """The entries that were handed in under this receipt, once they are sealed."""
        append_task = AppendTask(receipt.ticket, ())
        deadline = time.monotonic() + self._patience_s
        while True:
            with self._server.reading() as connection:
                outcome = read_outcomes(connection, [append_task]).get(receipt.ticket)
            if isinstance(outcome, BecalmError):
                raise outcome
            if outcome is not None:
                return outcome
            if time.monotonic() > deadline:
                raise LedgerError(
                    f"What was handed in under {receipt.ticket} is on the disk and not sealed yet. Ask "
                    "again, or run `becalm record serve`."
                )
            self._begin_sealing().wake(is_urgent=True)
            time.sleep(PAUSE_S)

    def close(self) -> None:
        """Seal what this program was promised, and close the connections."""
        if self._background is not None:
            self._background.stop()
        super().close()

    def payload(self, seq: int, *, access: Event) -> bytes | None:
        """The personal detail of one entry, None once erased; the access is on the disk before it is read."""
        with self._server.reading() as connection:
            commitment = read_commitments(connection, (seq,))[seq]
        self._submit((EventToAppend(access),))
        if commitment in self._register.read():  # a copy that was put back has revived it
            return None
        with self._server.reading() as connection:
            payload_query = _SELECT_OPEN_PAYLOAD if has_rights(connection) else _SELECT_PAYLOAD
            payload_row = connection.execute(payload_query, {"commitment": commitment}).first()
        return (
            None
            if payload_row is None
            else decipher(seq, commitment, bytes(payload_row.sealed), bytes(payload_row.key))
        )

    def payload_commitments(self) -> Iterator[tuple[int, str]]:
        """Of each payload that is there: its entry, and the commitment that it gives with its salt."""
        with self._server.reading() as connection:
            payload_query = _SELECT_OPEN_PAYLOADS if has_rights(connection) else _SELECT_PAYLOADS
            payload_rows = connection.execute(payload_query).all()
        return (
            (row.seq, recompute_commitment(row.commitment, bytes(row.sealed), bytes(row.key)))
            for row in payload_rows
        )

    def erase(self, seqs: Sequence[int], *, erasure: Event) -> Entry:
        """Destroy the payloads and salts of these entries for good, and record that it was done."""
        with self._server.reading() as connection:
            commitment_by_seq = read_commitments(connection, tuple(seqs))
        erased_seqs = tuple(sorted(set(seqs)))
        (entry,) = self.retry_rebuilt(
            lambda: self._submit((EventToAppend(erasure),), erased_seqs=erased_seqs)
        )
        self._register.add(commitment_by_seq.values())
        self.wipe()
        return entry

    def read_payload_seqs(self, connection: Connection) -> Iterable[int]:
        """The entries beside which details stand."""
        return connection.execute(_SELECT_PAYLOAD_SEQS).scalars()

    def read_stray_payloads(self, connection: Connection) -> Iterable[str]:
        """Details, or keys of some, that stand beside no entry and no event that was handed in."""
        return connection.execute(_SELECT_STRAY).scalars()

    @property
    def store_checks(self) -> tuple[Check, ...]:
        """What an audit asks of the store itself, and of what was promised and is not sealed yet."""
        return (*super().store_checks, self._audit_pending)

    def _audit_pending(self, connection: Connection) -> Iterable[Finding]:
        return audit_pending(connection, self.kinds, self._now() if self._now else datetime.now(UTC))

    def has_pending(self, ticket: str) -> bool:
        """Does what was handed in under this ticket wait to be sealed?"""
        with self._server.reading() as connection:
            query = text("SELECT FROM pending WHERE ticket = :ticket")
            return connection.execute(query, {"ticket": ticket}).first() is not None

    def open_writer(self) -> SealingProcess:
        """The process that seals what programs hand in, also where they do not live to do it."""
        return SealingProcess(self._server.name, self._begin_sealing)

    def wipe(self) -> bool:
        """Have the server drop the write-ahead log in which destroyed keys stand; False where it may not."""
        with self._server.reading() as connection:
            is_wipe_due = connection.execute(text("SELECT unscrubbed FROM ledger")).scalar_one()
            recycle_query = "SELECT current_setting('wal_recycle')::bool"
            recycles_log = bool(connection.exec_driver_sql(recycle_query).scalar_one())
        if not is_wipe_due:
            return True
        # A finished log file goes at a checkpoint only, and only where the server does not use it again.
        try:
            for statement in ("SELECT pg_switch_wal()", "CHECKPOINT"):
                self._server.execute_alone(statement)
        except LedgerError:
            return False
        if not recycles_log:
            with self._server.writing() as connection:
                connection.execute(text("UPDATE ledger SET unscrubbed = 0"))
        return not recycles_log

    def _submit(
        self, events: Sequence[EventToAppend], *, erased_seqs: tuple[int, ...] = (), ticket: str = ""
    ) -> tuple[Entry, ...]:
        append_task = AppendTask(
            ticket or self._draw_salt().hex(), self._prepare(events), erased_seqs, bool(ticket)
        )
        return self._queue.submit(append_task)

    def _prepare(self, events: Sequence[EventToAppend]) -> tuple[CommittedEvent, ...]:
        """Check and encipher in the thread that asks."""
        now = self._now() if self._now else datetime.now(UTC)
        check_events([to_append.event for to_append in events], self.kinds, now)
        return tuple([encipher(to_append, self._draw_salt) for to_append in events])

    def _write(self, requests: Sequence[AppendRequest]) -> None:
        """Write what waits: at once where the turn is free, else hand in and wait; again where lost."""
        append_submission = _Submission(requests, time.monotonic() + self._patience_s)
        while append_submission.requests:
            try:
                with self._server.sealing() as connection:
                    seal_turn = self._sealer.seal_or_hand_in(
                        connection,
                        append_submission.tasks,
                        may_be_written=append_submission.may_be_written,
                        must_wait=append_submission.must_wait,
                    )
            except LostConnectionError as error:
                append_submission.retry_after(error)
            except BecalmError as error:
                append_submission.give_up(error)
            else:
                if seal_turn.tail:
                    self.remember_tail(seal_turn.tail)
                append_submission.settle(seal_turn.outcomes)


class _Submission:
    """Some tasks on their way into the ledger: which are not settled, which may be written already."""

    # Where a connection is lost in a commit, nobody knows whether it was written. The ticket of a task stands
    # in the receipt of its entries: asking again with it finds them, and without it they would stand twice.

    def __init__(self, requests: Sequence[AppendRequest], deadline: float) -> None:
        self.requests = {request.task.ticket: request for request in requests}
        self.may_be_written = any(task.is_named for task in self.tasks)
        self.must_wait = self._has_erasure()
        self._deadline, self._turn_count, self._loss_count = deadline, 0, 0

    @property
    def tasks(self) -> list[AppendTask]:
        """What is not settled yet."""
        return [request.task for request in self.requests.values()]

    def _has_erasure(self) -> bool:
        # An erasure is never handed in: its keys are destroyed by whoever asked, in one transaction with the
        # entry that says so, and a row of `pending` names no keys.
        return any(task.erased_seqs for task in self.tasks)

    def settle(self, outcomes: Mapping[str, Outcome]) -> None:
        """Answer those whose outcome is known; the others are handed in."""
        for ticket, outcome in outcomes.items():
            if request := self.requests.pop(ticket, None):
                if isinstance(outcome, BecalmError):
                    request.error = outcome
                else:
                    request.answer = outcome
        self.may_be_written, self._turn_count = True, self._turn_count + 1
        self.must_wait = self._has_erasure()
        if self.requests and self._turn_count > HASTY_TURNS:
            time.sleep(PAUSE_S)
        if self.requests and time.monotonic() > self._deadline:
            self.give_up(LedgerError("Other processes are not done with sealing"))

    def retry_after(self, error: LostConnectionError) -> None:
        """The connection went away: look, once it is back, what was written, with the turn in hand."""
        self.may_be_written, self.must_wait = self.may_be_written or error.in_commit, True
        if time.monotonic() > self._deadline:
            self.give_up(error)
        time.sleep(min(1.0, PAUSE_S * 2**self._loss_count))
        self._loss_count += 1

    def give_up(self, error: BecalmError) -> None:
        """Answer all that are not settled with this error, and with what is known of them."""
        for ticket, request in self.requests.items():
            request.error = _doubt(ticket, request.task, error) if self.may_be_written else error
        self.requests = {}


def _doubt(ticket: str, task: AppendTask, error: BecalmError) -> LedgerError:
    events_text = f"{len(task.events)} event{'s' * (len(task.events) > 1)} ({task.events[0].event.kind!r} …)"
    return LedgerError(
        f"{error.message.removesuffix('; nothing was written.').rstrip('.')}. It is not known whether "
        f"{events_text} stand in the ledger: look at its last entries, or append again under the ticket "
        f"{ticket!r}, which is written once."
    )


def memo_name(url: str) -> str:
    """The name of the file that keeps the last head of this very database on a host."""
    return f"ledger-{sha256(mask_password(url).encode()).hexdigest()[:12]}.head"
