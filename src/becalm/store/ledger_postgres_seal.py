"""Sealing on PostgreSQL: what was handed in gets its number, its link and its place in the state tables.

Whoever finds the turn free seals: its own events and all that others handed in meanwhile, in one transaction.
Whoever does not find it free hands in (a row of `pending`, committed without waiting for the disk) and waits
for the end of a sealing; the commit of the one who seals carries that row to the disk with its own. A row is
sealed only once no older transaction runs that might still hand in before it, so numbers follow the order of
handing in; a transaction that hangs holds it up for HELD_S at most, and then comes later.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, text

from becalm.methods.merkle import grow
from becalm.record.chain import entry_of, first_link, link_entry, read_instant, row_of
from becalm.record.fold_shape import Fold, name_folds
from becalm.store import ledger_payload as payloads
from becalm.store.ledger_cipher import Committed
from becalm.store.ledger_seal import CLOCK_TOLERANCE, Tail, peaks_text, read_peaks, time_of_recording
from becalm.store.ledger_server import TRY_FOR_TURN, WAIT_FOR_SEALING, WAIT_FOR_TURN
from becalm.store.ledger_states import States
from becalm.tables.ledger import COLUMNS
from becalm.terms.errors import BecalmError, EventError, TamperError
from becalm.terms.event import Entry

HELD_S: Final = 0.5
MOST_PENDING: Final = 2_000  # appends that are sealed in one transaction
NEVER: Final = datetime(1, 1, 1, tzinfo=UTC)

Outcome = tuple[Entry, ...] | BecalmError

_STANDING = text(
    """
    SELECT l.size, l.tree, e.seq, e.hash, e.recorded_at, clock_timestamp() AS now,
        EXISTS (SELECT FROM pending) AS has_pending
    FROM ledger l LEFT JOIN LATERAL (
        SELECT seq, hash, recorded_at FROM event ORDER BY seq DESC LIMIT 1
    ) e ON true
    """
)
_PENDING = text(
    f"""
    SELECT ticket, events, r.ticket IS NOT NULL AS is_done,
        transaction < pg_snapshot_xmin(pg_current_snapshot())
        OR handed_in_at < clock_timestamp() - interval '{HELD_S} s' AS is_ready
    FROM pending LEFT JOIN receipt r USING (ticket) ORDER BY number LIMIT {MOST_PENDING}
    """
)
_RECEIPTS = text("SELECT ticket, first, last, refusal FROM receipt WHERE ticket = ANY(:tickets)")
_ENTRIES = text(f"SELECT {', '.join(COLUMNS)} FROM event WHERE seq BETWEEN :first AND :last ORDER BY seq")
_HAND_IN = text(
    """
    INSERT INTO pending (ticket, events) SELECT ticket, events
    FROM json_to_recordset(CAST(:rows AS json)) AS handed (ticket text, events text)
    RETURNING set_config('synchronous_commit', 'off', true)
    """
)
_KEEP_PAYLOADS = (
    "INSERT INTO payload (commitment, sealed) VALUES (%s, %s)",
    "INSERT INTO payload_key (commitment, key) VALUES (%s, %s)",
)
_SEAL = text(
    f"""
    WITH sealed AS (
        INSERT INTO event ({", ".join(COLUMNS)}) SELECT {", ".join(COLUMNS)}
        FROM json_populate_recordset(NULL::event, CAST(:rows AS json)) ORDER BY seq
    ), noted AS (
        INSERT INTO receipt (ticket, first, last, refusal) SELECT ticket, first, last, refusal
        FROM json_populate_recordset(NULL::receipt, CAST(:receipts AS json))
    ), cleared AS (
        DELETE FROM pending WHERE ticket = ANY(:cleared)
    )
    UPDATE ledger SET size = :size, tree = :tree, folds = :folds
    """
)


@dataclass(frozen=True, slots=True)
class Task:
    """What is written together, under a ticket by which it is found again."""

    ticket: str
    events: tuple[Committed, ...]
    erases: tuple[int, ...] = ()  # the entries whose payloads are destroyed
    is_named: bool = False  # the ticket is the caller's, who may have used it before


@dataclass(frozen=True, slots=True)
class Turn:
    """What happened at one turn: the tasks that are through with their outcome; all others were handed in."""

    outcomes: Mapping[str, Outcome]


class Sealer:
    """Takes turns at sealing. `now` is the clock of the recording; None means that of the server."""

    def __init__(
        self,
        identity: str,
        folds: Sequence[Fold],
        now: Callable[[], datetime] | None,
    ) -> None:
        self._identity, self._folds, self._now = identity, tuple(folds), now

    def take_turn(self, connection: Connection, tasks: Sequence[Task], *, again: bool, wait: bool) -> Turn:
        """Seal these tasks with all that is pending, or hand them in and wait for the one who seals.

        `again` where some of them may be written already or handed in; `wait` for the turn, for such tasks
        as cannot be handed in.
        """
        if connection.execute(text(WAIT_FOR_TURN if wait else TRY_FOR_TURN)).scalar() is not False:
            return Turn(self._seal(connection, tasks, again=again))
        if not again:
            hand_in(connection, tasks)
            return Turn({})
        connection.exec_driver_sql(WAIT_FOR_SEALING)
        return Turn(_settled(connection, tasks))

    def _seal(self, connection: Connection, tasks: Sequence[Task], *, again: bool) -> Mapping[str, Outcome]:
        outcomes = dict(_settled(connection, tasks)) if again else {}
        standing = connection.execute(_STANDING).one()
        pending = connection.execute(_PENDING).all() if standing.has_pending else ()
        waiting = {row.ticket for row in pending}
        ready = [row for row in pending if row.is_ready and not row.is_done]
        fresh = [task for task in tasks if task.ticket not in outcomes and task.ticket not in waiting]
        page = _Page(
            connection, self._tail(standing), self._folds, self._now() if self._now else standing.now
        )
        for row in ready:
            page.add_pending(Task(row.ticket, _read_events(row.events)))
        for task in fresh:
            page.add(task)
        if page.receipts or waiting:
            page.write([row.ticket for row in pending if row.is_ready or row.is_done])
        return outcomes | page.outcomes

    def _tail(self, standing: Any) -> Tail:
        stands = standing.seq or 0
        if stands != standing.size:
            raise TamperError(
                f"The ledger was written to entry {standing.size} and ends at entry {stands}: "
                f"entry {min(standing.size, stands) + 1} is the first that was altered. "
                "Run `becalm record verify`."
            )
        if not stands:
            return Tail(0, first_link(self._identity), None, ())
        return Tail(stands, standing.hash, read_instant(standing.recorded_at), read_peaks(standing.tree))


class _Page:
    """What one transaction seals: linked and folded task by task, then written at once."""

    def __init__(self, connection: Connection, tail: Tail, folds: Sequence[Fold], now: datetime) -> None:
        self.tail = tail
        self.outcomes: dict[str, Outcome] = {}
        self.receipts: list[dict[str, object]] = []
        self._connection, self._folds, self._now = connection, folds, now
        self._states = States(connection, folds)
        self._entries: list[Entry] = []
        self._payloads: list[Committed] = []
        self._erased: list[str] = []

    def add_pending(self, task: Task) -> None:
        """Seal a task that was handed in; a refusal is written down, for its writer may be elsewhere."""
        self.add(task)
        outcome = self.outcomes[task.ticket]
        if isinstance(outcome, BecalmError):
            refused: dict[str, object] = {"first": 0, "last": 0, "refusal": str(outcome)}
            self.receipts.append({"ticket": task.ticket, **refused})

    def add(self, task: Task) -> None:
        """Link and fold one task; nothing of it counts where it is refused."""
        try:
            entries, tail = _link(self.tail, task, self._now)
            erased = self._erasable(task)
            self._states.fold(entries)
        except BecalmError as error:
            self.outcomes[task.ticket] = error
            return
        self.tail = tail
        self._entries += entries
        self._payloads += [each for each in task.events if each.key]
        self._erased += erased
        self.outcomes[task.ticket] = entries
        span: dict[str, object] = {"first": entries[0].seq, "last": entries[-1].seq, "refusal": ""}
        self.receipts.append({"ticket": task.ticket, **span})

    def _erasable(self, task: Task) -> list[str]:
        if not task.erases:
            return []
        payloads.require_named(task.events[0].event, task.erases)
        return list(payloads.commitments_of(self._connection, task.erases).values())

    def write(self, cleared: Sequence[str]) -> None:
        """Write what was sealed, and take it from what is pending."""
        keep_payloads(self._connection, self._payloads)
        self._states.write()
        self._connection.execute(
            _SEAL,
            {
                "rows": _rows_json(self._entries),
                "receipts": json.dumps(self.receipts),
                "cleared": list(cleared),
                "size": self.tail.size,
                "tree": peaks_text(self.tail.peaks),
                "folds": name_folds(self._folds),
            },
        )
        if self._erased:
            self._connection.execute(text("SELECT erase_payloads(:gone)"), {"gone": self._erased})
            self._connection.execute(text("UPDATE ledger SET unscrubbed = 1"))


def hand_in(connection: Connection, tasks: Sequence[Task]) -> None:
    """Leave these tasks and their payloads to whoever seals next; that commit carries them to the disk."""
    rows = [{"ticket": task.ticket, "events": _events_text(task.events)} for task in tasks]
    connection.execute(_HAND_IN, {"rows": json.dumps(rows)})
    keep_payloads(connection, [each for task in tasks for each in task.events if each.key])


def keep_payloads(connection: Connection, committed: Iterable[Committed]) -> None:
    """Keep enciphered payloads and their keys, each in its table."""
    rows = list(committed)
    if rows:
        connection.exec_driver_sql(_KEEP_PAYLOADS[0], [(each.commitment, each.sealed) for each in rows])
        connection.exec_driver_sql(_KEEP_PAYLOADS[1], [(each.commitment, each.key) for each in rows])


def _settled(connection: Connection, tasks: Sequence[Task]) -> Mapping[str, Outcome]:
    """What became of these tasks, as far as somebody sealed or refused them."""
    found = connection.execute(_RECEIPTS, {"tickets": [task.ticket for task in tasks]}).all()
    outcomes: dict[str, Outcome] = {row.ticket: EventError(row.refusal) for row in found if row.refusal}
    spans = {row.ticket: (row.first, row.last) for row in found if not row.refusal}
    if spans:
        first, last = min(low for low, _ in spans.values()), max(high for _, high in spans.values())
        rows = connection.execute(_ENTRIES, {"first": first, "last": last})
        entries = {row[0]: entry_of(tuple(row)) for row in rows}
        for ticket, (low, high) in spans.items():
            outcomes[ticket] = tuple(entries[seq] for seq in range(low, high + 1))
    return outcomes


def _link(tail: Tail, task: Task, now: datetime) -> tuple[tuple[Entry, ...], Tail]:
    """Link the events of one task behind the tail.

    The clock of the writer may be ahead of that which records by CLOCK_TOLERANCE: an entry is then recorded
    at the time at which its event occurred.
    """
    latest = max(each.event.occurred_at for each in task.events)
    if latest > now + CLOCK_TOLERANCE:
        raise EventError(
            f"An event occurred at {latest.isoformat()}, and it is only {now.isoformat()} by the clock that "
            "records. Record it when it has happened, or correct the clock."
        )
    recorded_at = max(time_of_recording(tail.recorded_at, now), latest)
    entries: list[Entry] = []
    last = tail.last
    for seq, each in enumerate(task.events, start=tail.size + 1):
        entries.append(link_entry(each.event, seq, recorded_at, each.commitment, last))
        last = entries[-1].hash
    peaks = grow(tail.peaks, (bytes.fromhex(entry.hash) for entry in entries))
    return tuple(entries), Tail(tail.size + len(entries), last, recorded_at, peaks)


def _rows_json(entries: Iterable[Entry]) -> str:
    rows = [dict(zip(COLUMNS, row_of(entry), strict=True)) for entry in entries]
    return json.dumps(rows, ensure_ascii=False)


def _events_text(events: Iterable[Committed]) -> str:
    rows = [row_of(Entry(0, NEVER, each.event, each.commitment, "", "")) for each in events]
    return json.dumps(rows, ensure_ascii=False)


def _read_events(text_: str) -> tuple[Committed, ...]:
    entries = (entry_of(tuple(row)) for row in json.loads(text_))
    return tuple(Committed(entry.event, entry.commitment) for entry in entries)
