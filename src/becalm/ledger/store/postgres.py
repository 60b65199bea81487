"""The ledger on PostgreSQL: inserts by many, sealed in order by one."""

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
    Fold,
    KnownOutside,
    ServerLogin,
    check_events,
)
from becalm.ledger.store.copy_guard import HeadMemo
from becalm.ledger.store.database_ledger import NOTHING_OUTSIDE, DatabaseLedger
from becalm.ledger.store.group_commit import GroupCommit, Request
from becalm.ledger.store.payloads import decipher, encipher, read_commitments, recompute_commitment
from becalm.ledger.store.postgres_append import AppendTask, Outcome, Sealer
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
    SELECT commitment FROM payload FULL JOIN payload_key USING (commitment)
    WHERE sealed IS NULL OR key IS NULL OR NOT EXISTS (
        SELECT FROM event WHERE event.commitment = coalesce(payload.commitment, payload_key.commitment)
    ) AND NOT EXISTS (
        SELECT FROM pending WHERE strpos(events, coalesce(payload.commitment, payload_key.commitment)) > 0
    ) LIMIT 20
    """
)
ROLE_GROUP: Final = "becalm_role_"  # begins the name of a group whose members act in a role of the programme
_SELECT_ROLE_GROUPS = text(
    "SELECT rolname FROM pg_roles WHERE starts_with(rolname, 'becalm_role_') "
    "AND pg_has_role(session_user, oid, 'MEMBER') ORDER BY rolname"
)
AppendRequest = Request[AppendTask, tuple[Entry, ...]]


class PostgresLedger(DatabaseLedger):
    """A ledger on a PostgreSQL server. Safe to use from many threads and from many processes at once.

    When `append` returns, its events are sealed and on the server's disk; threads that wait share a
    transaction, processes share the sealing. `draw_salt` gives 32 unguessable bytes for each payload. Entries
    are recorded by the server's clock, so that hosts need not agree; `now` puts another in its place.
    `memo` is a file that keeps the last head on this host, and `outside` is what is known of the ledger
    elsewhere: it must fit both to be written.
    """

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
        # What others handed in and did not live to see sealed is sealed, where nothing speaks against it.
        with suppress(BecalmError), self._server.sealing() as connection:
            if connection.execute(text("SELECT FROM pending LIMIT 1")).first() is not None:
                self._sealer.seal_or_hand_in(connection, (), may_be_written=True, must_wait=False)
        self._queue: GroupCommit[AppendTask, tuple[Entry, ...]] = GroupCommit(self._write)

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

    def payload(self, seq: int, *, access: Event) -> bytes | None:
        """The personal detail of one entry, None once erased; the access is on the disk before it is read."""
        with self._server.reading() as connection:
            commitment = read_commitments(connection, (seq,))[seq]
        self._submit((EventToAppend(access),))
        if commitment in self._register.read():  # a copy that was put back has revived it
            return None
        with self._server.reading() as connection:
            payload_row = connection.execute(_SELECT_PAYLOAD, {"commitment": commitment}).first()
        return (
            None
            if payload_row is None
            else decipher(seq, commitment, bytes(payload_row.sealed), bytes(payload_row.key))
        )

    def payload_commitments(self) -> Iterator[tuple[int, str]]:
        """Of each payload that is there: its entry, and the commitment that it gives with its salt."""
        with self._server.reading() as connection:
            payload_rows = connection.execute(_SELECT_PAYLOADS).all()
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
        now = self._now() if self._now else datetime.now(UTC)
        check_events([to_append.event for to_append in events], self.kinds, now)
        committed_events = tuple(encipher(to_append, self._draw_salt) for to_append in events)
        append_task = AppendTask(
            ticket or self._draw_salt().hex(), committed_events, erased_seqs, bool(ticket)
        )
        return self._queue.submit(append_task)

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
