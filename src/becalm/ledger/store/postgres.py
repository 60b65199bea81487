"""The ledger on PostgreSQL: inserts by many, sealed in order by one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from sqlalchemy import text

from becalm.ledger.event import Checkpoint, Entry, Event
from becalm.ledger.event_kinds import EventKinds, check_events
from becalm.ledger.projection import Fold
from becalm.ledger.protocol import EventToAppend
from becalm.ledger.store.batch import Outcome, Task
from becalm.ledger.store.cipher import commit, given_commitment, open_payload
from becalm.ledger.store.guard import HeadMemo
from becalm.ledger.store.payload import commitments_of
from becalm.ledger.store.postgres_seal import Sealer
from becalm.ledger.store.queue import GroupCommit, Request
from becalm.ledger.store.server import LedgerServer, LostConnectionError, shown
from becalm.ledger.store.stored import StoredLedger
from becalm.terms import BecalmError, LedgerError

PATIENCE_S: Final = 10.0  # for a server that went away, and for others that seal
HASTY_TURNS: Final = 4  # that follow each other without a pause
PAUSE_S: Final = 0.002

_PAYLOAD = text(
    "SELECT sealed, key FROM payload JOIN payload_key USING (commitment) WHERE commitment = :commitment"
)
_KEPT = text(
    "SELECT seq, commitment, sealed, key FROM event JOIN payload USING (commitment) "
    "JOIN payload_key USING (commitment) ORDER BY seq"
)
Asked = Request[Task, tuple[Entry, ...]]


class PostgresLedger(StoredLedger):
    """A ledger on a PostgreSQL server. Safe to use from many threads and from many processes at once.

    When `append` returns, its events are sealed and on the server's disk; threads that wait share a
    transaction, processes share the sealing. `draw_salt` gives 32 unguessable bytes for each payload. Entries
    are recorded by the server's clock, so that hosts need not agree; `now` puts another in its place.
    `memo` is a file that keeps the last head on this host, and `anchors` are heads known from elsewhere: the
    ledger must hold them to be written.
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
        anchors: Sequence[Checkpoint] = (),
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._now, self._draw_salt, self._patience_s = now, draw_salt, patience_s
        self._server = LedgerServer(url)
        kept = HeadMemo(memo, is_needed=False) if memo else None
        super().__init__(self._server, kinds, folds, memo=kept, anchors=anchors)
        self._sealer = Sealer(self.identity, self.folds, now, self.require_newest)
        self._seal_what_was_left()
        self._queue: GroupCommit[Task, tuple[Entry, ...]] = GroupCommit(self._write)

    def append(self, events: Sequence[EventToAppend], *, ticket: str = "") -> tuple[Entry, ...]:
        """Append these events together, all or none.

        A `ticket` of the caller's own makes it safe to ask again: the same ticket is written once.
        """
        return self._submit(events, ticket=ticket) if events else ()

    def payload(self, seq: int, *, access: Event) -> bytes | None:
        """The personal detail of one entry, None once erased; the access is on the disk before it is read."""
        with self._server.reading() as connection:
            commitment = commitments_of(connection, (seq,))[seq]
        self._submit((EventToAppend(access),))
        with self._server.reading() as connection:
            kept = connection.execute(_PAYLOAD, {"commitment": commitment}).first()
        return None if kept is None else open_payload(seq, commitment, bytes(kept.sealed), bytes(kept.key))

    def payload_commitments(self) -> Iterator[tuple[int, str]]:
        """Of each payload that is kept: its entry, and the commitment that it gives with its salt."""
        with self._server.reading() as connection:
            rows = connection.execute(_KEPT).all()
        return (
            (row.seq, given_commitment(row.commitment, bytes(row.sealed), bytes(row.key))) for row in rows
        )

    def erase(self, seqs: Sequence[int], *, erasure: Event) -> Entry:
        """Destroy the payloads and salts of these entries for good, and record that it was done."""
        entry = self._submit((EventToAppend(erasure),), erases=tuple(sorted(set(seqs))))[0]
        self.wipe()
        return entry

    def _seal_what_was_left(self) -> None:
        """Seal what others handed in and did not live to see sealed, where nothing speaks against it."""
        with suppress(BecalmError), self._server.taking_turns() as connection:
            if connection.execute(text("SELECT FROM pending LIMIT 1")).first() is not None:
                self._sealer.take_turn(connection, (), again=True, wait=False)

    def wipe(self) -> bool:
        """Have the server let go of write-ahead log in which destroyed keys stand; False where it may not."""
        with self._server.reading() as connection:
            is_due = connection.execute(text("SELECT unscrubbed FROM ledger")).scalar_one()
            asked = "SELECT current_setting('wal_recycle')::bool"
            recycles = bool(connection.exec_driver_sql(asked).scalar_one())
        if not is_due:
            return True
        try:
            for statement in ("SELECT pg_switch_wal()", "CHECKPOINT"):
                self._server.execute_alone(statement)
        except LedgerError:
            return False
        if not recycles:
            with self._server.writing() as connection:
                connection.execute(text("UPDATE ledger SET unscrubbed = 0"))
        return not recycles

    def _submit(
        self, written: Sequence[EventToAppend], *, erases: tuple[int, ...] = (), ticket: str = ""
    ) -> tuple[Entry, ...]:
        check_events([each.event for each in written], self.kinds, (self._now or _clock)())
        events = tuple(commit(each, self._draw_salt) for each in written)
        return self._queue.submit(Task(ticket or self._draw_salt().hex(), events, erases, bool(ticket)))

    def _write(self, requests: Sequence[Asked]) -> None:
        """Write what waits: at once where the turn is free, else hand in and wait; anew where it was lost."""
        trial = _Trial(requests, time.monotonic() + self._patience_s)
        while trial.waiting:
            try:
                with self._server.taking_turns() as connection:
                    turn = self._sealer.take_turn(
                        connection, trial.tasks, again=trial.is_open, wait=trial.must_wait
                    )
            except LostConnectionError as error:
                trial.lost(error)
            except BecalmError as error:
                trial.give_up(error)
            else:
                if turn.tail:
                    self.remember(turn.tail)
                trial.settle(turn.outcomes)


class _Trial:
    """Some tasks on their way into the ledger: which are settled, which may be written already."""

    def __init__(self, requests: Sequence[Asked], until: float) -> None:
        self.waiting = {request.asked.ticket: request for request in requests}
        self.is_open = any(task.is_named for task in self.tasks)  # may some be handed in or written already?
        self.must_wait = any(task.erases for task in self.tasks)  # for the turn, instead of handing in
        self._until, self._turns, self._losses = until, 0, 0

    @property
    def tasks(self) -> list[Task]:
        """What is not settled yet."""
        return [request.asked for request in self.waiting.values()]

    def settle(self, outcomes: Mapping[str, Outcome]) -> None:
        """Answer those whose outcome is known; the others are handed in."""
        for ticket, outcome in outcomes.items():
            if request := self.waiting.pop(ticket, None):
                if isinstance(outcome, BecalmError):
                    request.error = outcome
                else:
                    request.answer = outcome
        self.is_open, self._turns = True, self._turns + 1
        self.must_wait = any(task.erases for task in self.tasks)
        if self.waiting and self._turns > HASTY_TURNS:
            time.sleep(PAUSE_S)
        if self.waiting and time.monotonic() > self._until:
            self.give_up(LedgerError("Other processes are not done with sealing"))

    def lost(self, error: LostConnectionError) -> None:
        """The connection went away: look, once it is back, what was written, with the turn in hand."""
        self.is_open, self.must_wait = self.is_open or error.in_commit, True
        if time.monotonic() > self._until:
            self.give_up(error)
        time.sleep(min(1.0, PAUSE_S * 2**self._losses))
        self._losses += 1

    def give_up(self, error: BecalmError) -> None:
        """Answer all that are not settled with this error, and with what is known of them."""
        for ticket, request in self.waiting.items():
            request.error = self._doubt(ticket, request.asked, error) if self.is_open else error
        self.waiting = {}

    @staticmethod
    def _doubt(ticket: str, task: Task, error: BecalmError) -> LedgerError:
        many = f"{len(task.events)} event{'s' * (len(task.events) > 1)} ({task.events[0].event.kind!r} …)"
        return LedgerError(
            f"{error.message.removesuffix('; nothing was written.').rstrip('.')}. It is not known whether "
            f"{many} stand in the ledger: look at its last entries, or append again under the ticket "
            f"{ticket!r}, which is written once."
        )


def memo_name(url: str) -> str:
    """The name of the file that keeps the last head of this very database on a host."""
    return f"ledger-{sha256(shown(url).encode()).hexdigest()[:12]}.head"


def _clock() -> datetime:
    return datetime.now(UTC)
