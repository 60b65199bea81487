"""Sealing on PostgreSQL: what was handed in gets its number, its link and its place in the state tables.

A *turn* is the right to seal: two advisory locks, held to the end of one transaction. Whoever finds the turn
free seals: its own events and all that others handed in meanwhile. Whoever does not find it free hands in (a
row of `pending`, committed without waiting for the disk) and waits for the end of a sealing; the commit of
the one who seals carries that row to the disk with its own. A row is sealed only once no older transaction
runs that might still hand in before it, so numbers follow the order of handing in; a transaction that hangs
holds it up for HOLD_BACK_S at most, and then comes later.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, text

from becalm import ledger
from becalm.ledger.chain import COLUMNS, StoredRow, draft_event, read_entry
from becalm.ledger.store import new_entries
from becalm.ledger.store.new_entries import SealedEntry, Tail
from becalm.ledger.store.payloads import CommittedEvent, check_named, read_commitments
from becalm.ledger.store.postgres_pending import (
    AppendTask,
    PendingWork,
    event_text,
    format_events,
    read_pending,
)
from becalm.ledger.store.postgres_server import WAIT_FOR_SEALING, pipelined
from becalm.ledger.store.state_rows import RowKey, StateRows, format_row, parse_row
from becalm.terms import BecalmError, EventError

NOTHING_PENDING: Final = PendingWork((), {}, frozenset(), ())

Outcome = tuple[ledger.Entry, ...] | BecalmError

_INSERT_PAYLOAD = "INSERT INTO payload (commitment, sealed) VALUES (%s, %s)"
_INSERT_KEY = "INSERT INTO payload_key (commitment, key) VALUES (%s, %s)"
# One statement for all that a sealing writes: each journey to the server would hold the turn for longer.
_WRITE_BATCH = text(
    f"""
    WITH sealed AS (
        INSERT INTO event ({", ".join(COLUMNS)}) SELECT {", ".join(COLUMNS)}
        FROM json_populate_recordset(NULL::event, CAST(:rows AS json)) ORDER BY seq
    ), noted AS (
        INSERT INTO receipt (ticket, first, last, refusal) SELECT ticket, first, last, refusal
        FROM json_populate_recordset(NULL::receipt, CAST(:receipts AS json))
    ), folded AS (
        INSERT INTO state (name, key, row) SELECT name, key, row
        FROM json_populate_recordset(NULL::state, CAST(:states AS json)) WHERE row IS NOT NULL
        ON CONFLICT (name, key) DO UPDATE SET row = excluded.row
    ), unfolded AS (
        DELETE FROM state USING json_populate_recordset(NULL::state, CAST(:states AS json)) AS gone
        WHERE gone.row IS NULL AND (state.name, state.key) = (gone.name, gone.key)
    )
    UPDATE ledger SET size = :size, tree = :tree, folds = :folds
    """
)
_SELECT_STATES = text(
    "SELECT name, key, row FROM json_to_recordset(CAST(:row_keys AS json)) AS asked (name text, key text) "
    "JOIN state USING (name, key)"
)
_TAKE_TURN = text("SELECT * FROM take_turn(:waits)")
_CLEAR_SEALED = text("SELECT clear_sealed(:sealed)")
_SELECT_OUTCOMES = (
    f"SELECT r.ticket, r.refusal, {', '.join(f'e.{name}' for name in COLUMNS)} "
    "FROM receipt r LEFT JOIN event e ON e.seq BETWEEN r.first AND r.last "
    "WHERE r.ticket = ANY(%s) ORDER BY e.seq"
)
# Handing in need not wait for the disk: nothing is acknowledged before a sealing has committed, and a commit
# carries all earlier write-ahead log with it. A row that is lost with the power was never promised.
_TURN_OR_HAND_IN = text(
    """
    WITH turn AS MATERIALIZED (SELECT * FROM take_turn(false)), handed AS (
        INSERT INTO pending (ticket, events) SELECT ticket, events
        FROM json_to_recordset(CAST(:rows AS json)) AS handed (ticket text, events text)
        WHERE NOT EXISTS (SELECT FROM turn)
        RETURNING set_config('synchronous_commit', 'off', true)
    )
    SELECT * FROM turn
    """
)


@dataclass(frozen=True, slots=True)
class SealTurn:
    """What happened at one turn: who is through, with which outcome. All others were handed in."""

    outcomes: Mapping[str, Outcome]
    tail: Tail | None = None  # where the ledger ends, if this turn was one of sealing


class Sealer:
    """Seals what is handed in, turn by turn.

    `now` is the clock of the recording; None means that of the server. `check_newest` refuses an older
    copy of the ledger.
    """

    def __init__(
        self,
        identity: str,
        kinds: ledger.EventKinds,
        folds: Sequence[ledger.Fold],
        now: Callable[[], datetime] | None,
        check_newest: Callable[[Connection, Tail, Sequence[ledger.Event]], None],
    ) -> None:
        self._identity, self._kinds, self._now = identity, kinds, now
        self._folds_by_kind, self._fold_names = ledger.group_by_kind(folds), ledger.name_folds(folds)
        self._check_newest = check_newest

    def seal_or_hand_in(
        self, connection: Connection, tasks: Sequence[AppendTask], *, may_be_written: bool, must_wait: bool
    ) -> SealTurn:
        """Seal these tasks with all that is pending, or hand them in and wait for the one who seals.

        `may_be_written`: some of them may be written already or handed in. `must_wait`: for the turn, because
        some of them cannot be handed in.
        """
        if not (may_be_written or must_wait):
            end_row = _turn_or_hand_in(connection, tasks)
            return SealTurn({}) if end_row is None else self._seal(connection, tasks, end_row, {})
        outcome_by_ticket = wait_for_sealing(connection, tasks) if tasks and not must_wait else {}
        if outcome_by_ticket:
            return SealTurn(outcome_by_ticket)
        end_row = connection.execute(_TAKE_TURN, {"waits": must_wait}).first()
        if end_row is None:
            return SealTurn({})
        # Asked with the turn in hand: nobody can seal a task between this question and our own sealing, so
        # that what was lost with a connection and asked again under its ticket is written once.
        return self._seal(connection, tasks, end_row, read_outcomes(connection, tasks))

    def _seal(
        self,
        connection: Connection,
        tasks: Sequence[AppendTask],
        end: Any,
        known_outcomes: Mapping[str, Outcome],
    ) -> SealTurn:
        """Seal what is pending and ready, then these tasks; `end` is where the ledger ends now."""
        now = (self._now() if self._now else end.now).astimezone(UTC)
        pending = read_pending(connection, self._kinds, now) if end.has_pending else NOTHING_PENDING
        settled_tickets = {*known_outcomes, *pending.tickets}
        own_tasks = [task for task in tasks if task.ticket not in settled_tickets]
        tail = new_entries.read_tail(
            end.size, end.tree, end.seq, end.hash, end.recorded_at, identity=self._identity, name=""
        )
        self._check_newest(connection, tail, [event.event for task in own_tasks for event in task.events])
        sealed_batch = build_batch(connection, tail, [*pending.tasks, *own_tasks], self._folds_by_kind, now)
        outcomes = {**sealed_batch.outcomes, **pending.junk_by_ticket}
        for task in pending.tasks:  # what is promised is not refused: it waits until it can be sealed
            if task.is_promised and isinstance(outcomes[task.ticket], BecalmError):
                del outcomes[task.ticket]
        sealed_batch = replace(sealed_batch, outcomes=outcomes)
        if outcomes:
            sealed_batch.write(connection, pending.tickets, self._fold_names)
        if cleared_tickets := [*pending.done_tickets, *(pending.tickets & sealed_batch.sealed_tickets)]:
            connection.execute(_CLEAR_SEALED, {"sealed": cleared_tickets})
        return SealTurn({**known_outcomes, **sealed_batch.outcomes}, sealed_batch.tail)


def _turn_or_hand_in(connection: Connection, tasks: Sequence[AppendTask]) -> Any:
    """Take the turn at sealing where it is free, else hand in: one journey to the server for both."""
    pending_rows = [
        {"ticket": task.ticket, "events": format_events(map(event_text, task.events))} for task in tasks
    ]
    end_row = connection.execute(_TURN_OR_HAND_IN, {"rows": json.dumps(pending_rows)}).first()
    if end_row is None:
        insert_enciphered(connection, _with_payload(tasks))
    return end_row


def _with_payload(tasks: Sequence[AppendTask]) -> list[CommittedEvent]:
    return [event for task in tasks for event in task.events if event.key]


def insert_enciphered(connection: Connection, events: Sequence[CommittedEvent]) -> None:
    """Keep enciphered payloads and their keys, each in its table."""
    if events:
        payload_pairs = [(event.commitment, event.ciphertext) for event in events]
        connection.exec_driver_sql(_INSERT_PAYLOAD, payload_pairs)
        connection.exec_driver_sql(_INSERT_KEY, [(event.commitment, event.key) for event in events])


def read_outcomes(connection: Connection, tasks: Sequence[AppendTask]) -> Mapping[str, Outcome]:
    """What became of these tasks, as far as somebody sealed or refused them."""
    return _parse_outcomes(connection.exec_driver_sql(_SELECT_OUTCOMES, ([task.ticket for task in tasks],)))


def wait_for_sealing(connection: Connection, tasks: Sequence[AppendTask]) -> Mapping[str, Outcome]:
    """Wait for the end of a sealing, if there is one, and ask in the same journey what became of these.

    What is asked second sees what was written while the first waited.
    """
    with pipelined(connection) as driver_connection:
        driver_connection.execute(WAIT_FOR_SEALING)
        outcome_rows = driver_connection.execute(_SELECT_OUTCOMES, ([task.ticket for task in tasks],))
    return _parse_outcomes(outcome_rows)


def _parse_outcomes(outcome_rows: Iterable[Any]) -> Mapping[str, Outcome]:
    """Of rows of ticket, refusal and entry: what became of each ticket."""
    refusal_by_ticket: dict[str, Outcome] = {}
    entries_by_ticket: dict[str, list[ledger.Entry]] = {}
    for ticket, refusal, *outcome_row in outcome_rows:
        if refusal:
            refusal_by_ticket[ticket] = EventError(refusal)
        else:
            entries_by_ticket.setdefault(ticket, []).append(read_entry(tuple(outcome_row)))
    return {**refusal_by_ticket, **{ticket: tuple(entries) for ticket, entries in entries_by_ticket.items()}}


@dataclass(frozen=True, slots=True)
class Batch:
    """Tasks that were linked and folded, and those that were refused; where the ledger ends with them."""

    tail: Tail
    outcomes: Mapping[str, Outcome]
    rows: Sequence[StoredRow]
    with_payload: Sequence[CommittedEvent]
    erased_commitments: Sequence[str]
    states: StateRows

    @property
    def sealed_tickets(self) -> Set[str]:
        """Of those that were sealed."""
        return {ticket for ticket, outcome in self.outcomes.items() if not isinstance(outcome, BecalmError)}

    def write(self, connection: Connection, pending_tickets: Set[str], fold_names: str) -> None:
        """Write what was sealed, with its receipts."""
        insert_enciphered(connection, self.with_payload)
        state_records = [
            {"name": name, "key": key, "row": None if row is None else format_row(row)}
            for (name, key), row in self.states.new_rows.items()
        ]
        event_records = [dict(zip(COLUMNS, row, strict=True)) for row in self.rows]
        statement_values = {
            "rows": orjson.dumps(event_records).decode(),
            "receipts": orjson.dumps(self._receipts(pending_tickets)).decode(),
            "states": orjson.dumps(state_records).decode(),
            "size": self.tail.size,
            "tree": new_entries.format_peaks(self.tail.peaks),
            "folds": fold_names,
        }
        connection.execute(_WRITE_BATCH, statement_values)
        if self.erased_commitments:
            connection.execute(text("SELECT erase_payloads(:gone)"), {"gone": list(self.erased_commitments)})
            connection.execute(text("UPDATE ledger SET unscrubbed = 1"))

    def _receipts(self, pending_tickets: Set[str]) -> list[dict[str, object]]:
        """What tells writers elsewhere what became of their tasks; whoever was refused here is told so."""
        receipt_records: list[dict[str, object]] = []
        for ticket, outcome in self.outcomes.items():
            if not isinstance(outcome, BecalmError):
                seq_span = {"first": outcome[0].seq, "last": outcome[-1].seq}
                receipt_records.append({"ticket": ticket, **seq_span, "refusal": ""})
            elif ticket in pending_tickets:
                receipt_records.append({"ticket": ticket, "first": 0, "last": 0, "refusal": str(outcome)})
        return receipt_records


@dataclass(frozen=True, slots=True)
class _LinkedTask:
    task: AppendTask
    sealed_entries: tuple[SealedEntry, ...]
    erased_commitments: tuple[str, ...]

    @property
    def entries(self) -> tuple[ledger.Entry, ...]:
        return tuple(sealed_entry.entry for sealed_entry in self.sealed_entries)


def build_batch(
    connection: Connection, tail: Tail, tasks: Sequence[AppendTask], folds: ledger.FoldsByKind, now: datetime
) -> Batch:
    """Link and fold these tasks behind the tail; one that is refused leaves no trace in the others."""
    refusal_by_ticket: dict[str, Outcome] = {}
    while True:
        remaining_tasks = [task for task in tasks if task.ticket not in refusal_by_ticket]
        linked_tasks = _link_tasks(connection, tail, remaining_tasks, now, refusal_by_ticket)
        state_rows = StateRows(folds)
        row_keys = state_rows.row_keys(entry for task in linked_tasks for entry in task.sealed_entries)
        state_rows.old_rows |= _read_states(connection, row_keys)
        refusal_count = len(refusal_by_ticket)
        for linked_task in linked_tasks:
            try:
                state_rows.fold(linked_task.sealed_entries)
            except BecalmError as error:
                refusal_by_ticket[linked_task.task.ticket] = error
        if len(refusal_by_ticket) == refusal_count:
            sealed_entries = [entry for linked_task in linked_tasks for entry in linked_task.sealed_entries]
            entries_by_ticket = {linked_task.task.ticket: linked_task.entries for linked_task in linked_tasks}
            return Batch(
                new_entries.extend_tail(tail, sealed_entries),
                {**refusal_by_ticket, **entries_by_ticket},
                [entry.row for entry in sealed_entries],
                _with_payload([linked_task.task for linked_task in linked_tasks]),
                [commitment for linked_task in linked_tasks for commitment in linked_task.erased_commitments],
                state_rows,
            )


def _read_states(connection: Connection, row_keys: Set[RowKey]) -> dict[RowKey, ledger.Row | None]:
    """These rows of the state tables, read with one question."""
    row_by_key: dict[RowKey, ledger.Row | None] = dict.fromkeys(row_keys)
    if row_keys:
        keys_json = json.dumps([{"name": name, "key": row_key} for name, row_key in sorted(row_keys)])
        for name, row_key, row in connection.execute(_SELECT_STATES, {"row_keys": keys_json}):
            row_by_key[name, row_key] = parse_row(row)
    return row_by_key


def _link_tasks(
    connection: Connection,
    tail: Tail,
    tasks: Sequence[AppendTask],
    now: datetime,
    refusal_by_ticket: dict[str, Outcome],
) -> list[_LinkedTask]:
    """Link task after task; notes those that are refused."""
    linked_tasks: list[_LinkedTask] = []
    last_seq, last_hash, recorded_at = tail.size, tail.last_hash, tail.recorded_at
    for task in tasks:
        try:
            erased_commitments: tuple[str, ...] = ()
            if task.erased_seqs:
                check_named(task.events[0].event, task.erased_seqs)
                erased_commitments = tuple(read_commitments(connection, task.erased_seqs).values())
            task_time = _task_time(task, recorded_at, now)
            drafts_with_commitments = [(draft_event(event.event), event.commitment) for event in task.events]
            sealed_entries = new_entries.link_events(last_seq, last_hash, drafts_with_commitments, task_time)
        except BecalmError as error:
            refusal_by_ticket[task.ticket] = error
        else:
            last_entry = sealed_entries[-1].entry
            last_seq, last_hash, recorded_at = last_entry.seq, last_entry.hash, task_time
            linked_tasks.append(_LinkedTask(task, sealed_entries, erased_commitments))
    return linked_tasks


def _task_time(task: AppendTask, last_recorded_at: datetime | None, now: datetime) -> datetime:
    """When a task is recorded: at the time at which its last event occurred, where that is after `now`."""
    # The clock of the writer may be ahead of that which records by CLOCK_TOLERANCE.
    events = [event.event for event in task.events]
    if len(events) == 1 and events[0].kind == new_entries.CLOCK_CORRECTED:
        return new_entries.recording_time(last_recorded_at, now, correction=events[0])
    latest_occurred_at = max(event.occurred_at for event in events)
    if latest_occurred_at > now + new_entries.CLOCK_TOLERANCE:
        raise EventError(
            f"An event occurred at {latest_occurred_at.isoformat()}, and it is only {now.isoformat()} by the "
            "clock that records. Record it when it has happened, or correct the clock."
        )
    return max(new_entries.recording_time(last_recorded_at, now), latest_occurred_at)
