"""What was handed in to a ledger on PostgreSQL and waits to be sealed.

A row of `pending` holds the events of one append. Some are promised: whoever handed them in was told that
they are on the disk, and did not wait for their numbers. Such a row is never refused for the state of the
ledger or the clock: it stays until it can be sealed. Nobody can take a row out before its events stand as
entries.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, text

from becalm import ledger
from becalm.ledger import StoredRow, receipts
from becalm.ledger.chain import COLUMNS, draft_event, read_entry
from becalm.ledger.chain_check import Finding
from becalm.ledger.store import new_entries
from becalm.ledger.store.payloads import CommittedEvent
from becalm.terms import BecalmError, EventError

HOLD_BACK_S: Final = 0.5
MOST_PENDING: Final = 2_000  # appends that are sealed in one transaction
LONGEST_WAIT_S: Final = 60  # that a promised row may wait; a second is usual
NOT_SEALED: Final = '0,"0001-01-01T00:00:00.000000Z"'  # in the place of number and time

_SELECT_KEPT = text(
    "SELECT commitment FROM payload JOIN payload_key USING (commitment) WHERE commitment = ANY(:asked)"
)
# What was refused stays, and is left out; what is sealed and not cleared yet is cleared.
_SELECT_PENDING = text(
    f"""
    SELECT ticket, events, promised, r.ticket IS NOT NULL AS is_done,
        transaction < pg_snapshot_xmin(pg_current_snapshot())
        OR handed_in_at < clock_timestamp() - interval '{HOLD_BACK_S} s' AS is_ready
    FROM pending LEFT JOIN receipt r USING (ticket) WHERE coalesce(r.first, 1) > 0
    ORDER BY number LIMIT {MOST_PENDING}
    """
)
# One journey, one wait for the disk. Whoever asks again after a lost connection brings the same tickets.
_SUBMIT: Final = (
    "INSERT INTO pending (ticket, events, promised) SELECT ticket, events, true "
    "FROM json_to_recordset(%s::json) AS handed (ticket text, events text) ON CONFLICT DO NOTHING"
)
_SUBMIT_WITH_PAYLOADS: Final = (
    "WITH kept AS (INSERT INTO payload (commitment, sealed) SELECT * FROM unnest(%s::text[], %s::bytea[]) "
    "ON CONFLICT DO NOTHING), keyed AS (INSERT INTO payload_key (commitment, key) "
    f"SELECT * FROM unnest(%s::text[], %s::bytea[]) ON CONFLICT DO NOTHING) {_SUBMIT}"
)
_SELECT_LATE: Final = text(
    """
    SELECT ticket, handed_in_at, extract(epoch FROM clock_timestamp() - handed_in_at)::bigint AS waited_s
    FROM pending WHERE NOT EXISTS (SELECT FROM receipt r WHERE r.ticket = pending.ticket)
    AND handed_in_at < clock_timestamp() - make_interval(secs => :longest_s) ORDER BY number LIMIT 20
    """
)
_SELECT_REFUSED: Final = text(
    "SELECT ticket, events, refusal FROM pending JOIN receipt USING (ticket) "
    "WHERE first = 0 AND promised ORDER BY number LIMIT 1000"
)
_COLUMN_ARRAYS: Final = ", ".join(f"array_agg(e.{name} ORDER BY e.seq) AS {name}" for name in COLUMNS)
_SELECT_SEALED: Final = text(
    f"SELECT ticket, events, {_COLUMN_ARRAYS} "
    "FROM pending JOIN receipt USING (ticket) JOIN event e ON e.seq BETWEEN first AND last "
    "WHERE first > 0 GROUP BY ticket, events LIMIT 20"
)


@dataclass(frozen=True, slots=True)
class AppendTask:
    """What is written together, under a ticket by which it is found again."""

    ticket: str
    events: tuple[CommittedEvent, ...]
    erased_seqs: tuple[int, ...] = ()  # the entries whose payloads are destroyed
    is_named: bool = False  # the ticket is the caller's, who may have used it before
    is_promised: bool = False  # whoever handed it in was told that it is on the disk
    texts: tuple[str, ...] = ()  # of its events, where they were made already


@dataclass(frozen=True, slots=True)
class PendingWork:
    """What waits to be sealed: as tasks, as rubbish with its refusal; and which rows are known."""

    tasks: tuple[AppendTask, ...]
    junk_by_ticket: Mapping[str, EventError]
    tickets: frozenset[str]
    done_tickets: tuple[str, ...]


def event_text(event: CommittedEvent) -> str:
    """An event as it is hashed for a receipt: what it says, and its commitment."""
    return f'{draft_event(event.event).hashed_text},"{event.commitment}"'


def format_events(event_texts: Iterable[str]) -> str:
    """Events that are not sealed yet, as a row of `pending` keeps them."""
    rows = [f'[{NOT_SEALED},{event_text},"",""]' for event_text in event_texts]
    return f"[{','.join(rows)}]"


def parse_events(rows_json: str) -> tuple[CommittedEvent, ...]:
    """The events of a row of `pending`; raises ValueError, TypeError or BecalmError where they are none."""
    entries = (read_entry(tuple(row)) for row in json.loads(rows_json))
    return tuple(CommittedEvent(entry.event, entry.commitment) for entry in entries)


def submit_rows(driver: Any, tasks: Sequence[AppendTask], texts: Sequence[str]) -> None:
    """Hand these in and wait for the disk, in one statement; `texts` are their events as rows keep them."""
    # One text for all: the driver takes longer to write an array, item by item, than the rest takes.
    rows = [{"ticket": task.ticket, "events": text} for task, text in zip(tasks, texts, strict=True)]
    rows_json = (orjson.dumps(rows).decode(),)
    payload_events = [event for task in tasks for event in task.events if event.key]
    if not payload_events:
        driver.execute(_SUBMIT, rows_json)
        return
    commitments = [event.commitment for event in payload_events]
    payload_columns = (commitments, [event.ciphertext for event in payload_events])
    keys = (commitments, [event.key for event in payload_events])
    driver.execute(_SUBMIT_WITH_PAYLOADS, (*payload_columns, *keys, *rows_json))


def read_pending(connection: Connection, kinds: ledger.EventKinds, now: datetime) -> PendingWork:
    """What was handed in and waits; and, refused, the rubbish that the program's role can put there."""
    rows = connection.execute(_SELECT_PENDING).all()
    tasks, junk_by_ticket = [], dict[str, EventError]()
    for row in rows:
        if row.is_done or not row.is_ready:
            continue
        try:
            events = parse_events(row.events)
            if not events:
                raise EventError("there is none in it")  # one report for all
            latest_instant = now + new_entries.CLOCK_TOLERANCE
            if row.promised:  # what lies ahead of this clock waits until it does not
                latest_instant = max([latest_instant, *(event.event.occurred_at for event in events)])
            ledger.check_events([event.event for event in events], kinds, latest_instant)
            tasks.append(AppendTask(row.ticket, events, is_promised=row.promised))
        except (BecalmError, ValueError, TypeError, KeyError, AttributeError) as error:
            junk_by_ticket[row.ticket] = EventError(f"What was handed in is no event: {error!s:.300}")
    tasks, lacking_tickets = _split_lacking(connection, tasks)
    missing_error = EventError("What was handed in is no event: the details are missing")
    return PendingWork(
        tuple(tasks),
        {**junk_by_ticket, **dict.fromkeys(lacking_tickets, missing_error)},
        frozenset(row.ticket for row in rows),
        tuple(row.ticket for row in rows if row.is_done),
    )


def _split_lacking(connection: Connection, tasks: list[AppendTask]) -> tuple[list[AppendTask], list[str]]:
    """The tasks whose details are all there, and the tickets of the others."""
    commitments_by_ticket = {
        task.ticket: {event.commitment for event in task.events} - {""} for task in tasks
    }
    asked_commitments = set().union(*commitments_by_ticket.values())
    if not asked_commitments:
        return tasks, []
    kept_commitments = set(connection.execute(_SELECT_KEPT, {"asked": [*asked_commitments]}).scalars())
    lacking_tickets = [
        t for t, commitments in commitments_by_ticket.items() if commitments - kept_commitments
    ]
    return [task for task in tasks if task.ticket not in lacking_tickets], lacking_tickets


def audit_pending(connection: Connection, kinds: ledger.EventKinds, now: datetime) -> Iterable[Finding]:
    """What was promised and is not sealed, was refused though nothing is wrong with it, or was altered."""
    for row in connection.execute(_SELECT_LATE, {"longest_s": LONGEST_WAIT_S}):
        description = (
            f"What was handed in under {row.ticket[:40]} at {row.handed_in_at:%Y-%m-%d %H:%M} has waited for "
            f"{row.waited_s} s to be sealed. Run `becalm record serve`, or any command that writes."
        )
        yield Finding("receipt", None, description)
    yield from _audit_refused(connection, kinds, now)
    # A row is cleared in the transaction that seals it; one that stays is not what was sealed for it.
    for row in connection.execute(_SELECT_SEALED):
        rows = zip(*row[2:], strict=True)
        if row.events != format_events(_event_texts(rows)):
            description = f"Entry {row.seq[0]} is not what was handed in under {row.ticket[:40]}."
            yield Finding("receipt", row.seq[0], description)


def _event_texts(rows: Iterable[StoredRow]) -> Iterable[str]:
    return (receipts.row_text(row) for row in rows)


def _audit_refused(connection: Connection, kinds: ledger.EventKinds, now: datetime) -> Iterable[Finding]:
    for row in connection.execute(_SELECT_REFUSED):
        try:
            ledger.check_events([event.event for event in parse_events(row.events)], kinds, now)
        except (BecalmError, ValueError, TypeError, KeyError, AttributeError):
            continue  # rubbish that was refused
        promise_text = f"What was promised under {row.ticket[:40]} was refused ({row.refusal:.100})"
        description = f"{promise_text}, and is fit to be sealed."
        yield Finding("receipt", None, description)
