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

from becalm.ledger.chain import COLUMNS, entry_row, opening_hash, parse_instant, read_entry
from becalm.ledger.event import Entry, Event
from becalm.ledger.projection import Fold, group_by_kind, name_folds
from becalm.ledger.store.batch import Outcome, Task, fill_page, keep_payloads
from becalm.ledger.store.cipher import Committed
from becalm.ledger.store.seal import Tail, read_peaks
from becalm.ledger.store.server import WAIT_FOR_SEALING, pipelined
from becalm.terms import EventError, TamperError

HELD_S: Final = 0.5
MOST_PENDING: Final = 2_000  # appends that are sealed in one transaction
NEVER: Final = datetime(1, 1, 1, tzinfo=UTC)

_TAKE_TURN = text("SELECT * FROM take_turn(:waits)")
_PENDING = text(
    f"""
    SELECT ticket, events, r.ticket IS NOT NULL AS is_done,
        transaction < pg_snapshot_xmin(pg_current_snapshot())
        OR handed_in_at < clock_timestamp() - interval '{HELD_S} s' AS is_ready
    FROM pending LEFT JOIN receipt r USING (ticket) ORDER BY number LIMIT {MOST_PENDING}
    """
)
_SETTLED = (
    f"SELECT r.ticket, r.refusal, {', '.join(f'e.{name}' for name in COLUMNS)} "
    "FROM receipt r LEFT JOIN event e ON e.seq BETWEEN r.first AND r.last "
    "WHERE r.ticket = ANY(%s) ORDER BY e.seq"
)
_HAND_IN = text(
    """
    INSERT INTO pending (ticket, events) SELECT ticket, events
    FROM json_to_recordset(CAST(:rows AS json)) AS handed (ticket text, events text)
    RETURNING set_config('synchronous_commit', 'off', true)
    """
)
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
class Turn:
    """What happened at one turn: who is through, with which outcome. All others were handed in."""

    outcomes: Mapping[str, Outcome]
    tail: Tail | None = None  # where the ledger ends, if this turn was one of sealing


class Sealer:
    """Takes turns at sealing.

    `now` is the clock of the recording; None means that of the server. `require_newest` refuses an older
    copy of the ledger.
    """

    def __init__(
        self,
        identity: str,
        folds: Sequence[Fold],
        now: Callable[[], datetime] | None,
        require_newest: Callable[[Connection, Tail, Sequence[Event]], None],
    ) -> None:
        self._identity, self._now = identity, now
        self._folds, self._folded_by = group_by_kind(folds), name_folds(folds)
        self._require_newest = require_newest

    def take_turn(self, connection: Connection, tasks: Sequence[Task], *, again: bool, wait: bool) -> Turn:
        """Seal these tasks with all that is pending, or hand them in and wait for the one who seals.

        `again` where some of them may be written already or handed in; `wait` for the turn, for such tasks
        as cannot be handed in.
        """
        if not (again or wait):
            standing = _turn_or_hand_in(connection, tasks)
            return Turn({}) if standing is None else self._seal(connection, tasks, standing, {})
        came = wait_for_sealing(connection, tasks) if tasks and not wait else {}
        if came:
            return Turn(came)
        standing = connection.execute(_TAKE_TURN, {"waits": wait}).first()
        if standing is None:
            return Turn({})
        return self._seal(connection, tasks, standing, settled(connection, tasks))

    def _seal(
        self, connection: Connection, tasks: Sequence[Task], standing: Any, known: Mapping[str, Outcome]
    ) -> Turn:
        pending = connection.execute(_PENDING).all() if standing.has_pending else ()
        waiting = {row.ticket for row in pending}
        handed = [
            Task(row.ticket, _read_events(row.events)) for row in pending if row.is_ready and not row.is_done
        ]
        fresh = [task for task in tasks if task.ticket not in known and task.ticket not in waiting]
        tail = self._tail(standing)
        self._require_newest(connection, tail, [each.event for task in fresh for each in task.events])
        page = fill_page(
            connection,
            tail,
            [*handed, *fresh],
            self._folds,
            (self._now() if self._now else standing.now).astimezone(UTC),
        )
        cleared = [row.ticket for row in pending if row.is_ready or row.is_done]
        if page.rows or cleared:
            page.write(connection, cleared, self._folded_by)
        return Turn({**known, **page.outcomes}, page.tail)

    def _tail(self, standing: Any) -> Tail:
        stands = standing.seq or 0
        if stands != standing.size:
            raise TamperError(
                f"The ledger was written to entry {standing.size} and ends at entry {stands}: "
                f"entry {min(standing.size, stands) + 1} is the first that was altered. "
                "Run `becalm record verify`."
            )
        if not stands:
            return Tail(0, opening_hash(self._identity), None, ())
        return Tail(stands, standing.hash, parse_instant(standing.recorded_at), read_peaks(standing.tree))


def hand_in(connection: Connection, tasks: Sequence[Task]) -> None:
    """Leave these tasks and their payloads to whoever seals next; that commit carries them to the disk."""
    connection.execute(_HAND_IN, {"rows": _rows_text(tasks)})
    keep_payloads(connection, _with_payload(tasks))


def _turn_or_hand_in(connection: Connection, tasks: Sequence[Task]) -> Any:
    """Take the turn at sealing where it is free, else hand in: one journey to the server for both."""
    standing = connection.execute(_TURN_OR_HAND_IN, {"rows": _rows_text(tasks)}).first()
    if standing is None:
        keep_payloads(connection, _with_payload(tasks))
    return standing


def _rows_text(tasks: Sequence[Task]) -> str:
    return json.dumps([{"ticket": task.ticket, "events": _events_text(task.events)} for task in tasks])


def _with_payload(tasks: Sequence[Task]) -> list[Committed]:
    return [each for task in tasks for each in task.events if each.key]


def settled(connection: Connection, tasks: Sequence[Task]) -> Mapping[str, Outcome]:
    """What became of these tasks, as far as somebody sealed or refused them."""
    return _outcomes(connection.exec_driver_sql(_SETTLED, ([task.ticket for task in tasks],)))


def wait_for_sealing(connection: Connection, tasks: Sequence[Task]) -> Mapping[str, Outcome]:
    """Wait for the end of a sealing, if there is one, and ask in the same journey what became of these.

    What is asked second sees what was written while the first waited.
    """
    with pipelined(connection) as driver:
        driver.execute(WAIT_FOR_SEALING)
        found = driver.execute(_SETTLED, ([task.ticket for task in tasks],))
    return _outcomes(found)


def _outcomes(found: Iterable[Any]) -> Mapping[str, Outcome]:
    """Of rows of ticket, refusal and entry: what became of each ticket."""
    outcomes: dict[str, Outcome] = {}
    entries: dict[str, list[Entry]] = {}
    for ticket, refusal, *row in found:
        if refusal:
            outcomes[ticket] = EventError(refusal)
        else:
            entries.setdefault(ticket, []).append(read_entry(tuple(row)))
    return {**outcomes, **{ticket: tuple(sealed) for ticket, sealed in entries.items()}}


def _events_text(events: Iterable[Committed]) -> str:
    rows = [entry_row(Entry(0, NEVER, each.event, each.commitment, "", "")) for each in events]
    return json.dumps(rows, ensure_ascii=False)


def _read_events(text_: str) -> tuple[Committed, ...]:
    entries = (read_entry(tuple(row)) for row in json.loads(text_))
    return tuple(Committed(entry.event, entry.commitment) for entry in entries)
