"""What one transaction seals on PostgreSQL: linked and folded task by task, then written at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from becalm.ledger.chain import COLUMNS, StoredRow, draft_event, format_instant, link_row
from becalm.ledger.event import Entry
from becalm.ledger.merkle import append_leaves
from becalm.ledger.projection import FoldsByKind, Row
from becalm.ledger.store import payload as payloads
from becalm.ledger.store.cipher import Committed
from becalm.ledger.store.seal import CLOCK_TOLERANCE, Tail, peaks_text, time_of_recording
from becalm.ledger.store.states import Place, States, read_row, row_text
from becalm.terms import BecalmError, EventError

Outcome = tuple[Entry, ...] | BecalmError

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
    ), folded AS (
        INSERT INTO state (name, key, row) SELECT name, key, row
        FROM json_populate_recordset(NULL::state, CAST(:states AS json)) WHERE row IS NOT NULL
        ON CONFLICT (name, key) DO UPDATE SET row = excluded.row
    ), unfolded AS (
        DELETE FROM state USING json_populate_recordset(NULL::state, CAST(:states AS json)) AS gone
        WHERE gone.row IS NULL AND (state.name, state.key) = (gone.name, gone.key)
    ), cleared AS (
        DELETE FROM pending WHERE ticket = ANY(:cleared)
    )
    UPDATE ledger SET size = :size, tree = :tree, folds = :folds
    """
)


_STATES = text(
    "SELECT name, key, row FROM json_to_recordset(CAST(:places AS json)) AS asked (name text, key text) "
    "JOIN state USING (name, key)"
)


@dataclass(frozen=True, slots=True)
class Task:
    """What is written together, under a ticket by which it is found again."""

    ticket: str
    events: tuple[Committed, ...]
    erases: tuple[int, ...] = ()  # the entries whose payloads are destroyed
    is_named: bool = False  # the ticket is the caller's, who may have used it before


@dataclass(frozen=True, slots=True)
class Page:
    """Tasks that were linked and folded, and those that were refused; where the ledger ends with them."""

    tail: Tail
    outcomes: Mapping[str, Outcome]
    rows: Sequence[StoredRow]
    committed: Sequence[Committed]
    erased: Sequence[str]
    states: States

    def write(self, connection: Connection, cleared: Sequence[str], folds: str) -> None:
        """Write what was sealed with its receipts, and take what is cleared from what is pending."""
        keep_payloads(connection, self.committed)
        changed = [
            {"name": name, "key": key, "row": None if row is None else row_text(row)}
            for (name, key), row in self.states.changes().items()
        ]
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in self.rows]
        values = {
            "rows": json.dumps(rows, ensure_ascii=False),
            "receipts": json.dumps(self._receipts(set(cleared))),
            "cleared": list(cleared),
            "states": json.dumps(changed, ensure_ascii=False),
            "size": self.tail.size,
            "tree": peaks_text(self.tail.peaks),
            "folds": folds,
        }
        connection.execute(_SEAL, values)
        if self.erased:
            connection.execute(text("SELECT erase_payloads(:gone)"), {"gone": list(self.erased)})
            connection.execute(text("UPDATE ledger SET unscrubbed = 1"))

    def _receipts(self, cleared: Set[str]) -> list[dict[str, object]]:
        """What tells writers elsewhere what became of their tasks; whoever was refused here is told so."""
        receipts: list[dict[str, object]] = []
        for ticket, came in self.outcomes.items():
            if not isinstance(came, BecalmError):
                span = {"first": came[0].seq, "last": came[-1].seq}
                receipts.append({"ticket": ticket, **span, "refusal": ""})
            elif ticket in cleared:
                receipts.append({"ticket": ticket, "first": 0, "last": 0, "refusal": str(came)})
        return receipts


def fill_page(
    connection: Connection, tail: Tail, tasks: Sequence[Task], folds: FoldsByKind, now: datetime
) -> Page:
    """Link and fold these tasks behind the tail; one that is refused leaves no trace in the others."""
    refused: dict[str, Outcome] = {}
    while True:
        linked, after = _link_all(
            connection, tail, [t for t in tasks if t.ticket not in refused], now, refused
        )
        states = States(connection, folds)
        touched = states.places(entry for each in linked for entry in each.entries)
        states.know(_read_states(connection, touched))
        again = False
        for each in linked:
            try:
                states.fold(each.entries)
            except BecalmError as error:
                refused[each.task.ticket], again = error, True
        if not again:
            return Page(
                after,
                {**refused, **{each.task.ticket: each.entries for each in linked}},
                [row for each in linked for row in each.rows],
                [one for each in linked for one in each.task.events if one.key],
                [gone for each in linked for gone in each.erased],
                states,
            )


@dataclass(frozen=True, slots=True)
class _Linked:
    task: Task
    entries: tuple[Entry, ...]
    rows: tuple[StoredRow, ...]
    erased: tuple[str, ...]


def _read_states(connection: Connection, places: Set[Place]) -> dict[Place, Row | None]:
    """The rows at these places of the state tables, read with one question."""
    rows: dict[Place, Row | None] = dict.fromkeys(places)
    if places:
        asked = json.dumps([{"name": name, "key": key} for name, key in sorted(places)])
        for name, key, row in connection.execute(_STATES, {"places": asked}):
            rows[name, key] = read_row(row)
    return rows


def _link_all(
    connection: Connection, tail: Tail, tasks: Sequence[Task], now: datetime, refused: dict[str, Outcome]
) -> tuple[list[_Linked], Tail]:
    """Link task after task; notes those that are refused."""
    linked: list[_Linked] = []
    for task in tasks:
        try:
            erased = _erasable(connection, task)
            one, tail = _link(tail, task, now, erased)
        except BecalmError as error:
            refused[task.ticket] = error
        else:
            linked.append(one)
    return linked, tail


def _erasable(connection: Connection, task: Task) -> tuple[str, ...]:
    """The commitments of what a task erases."""
    if not task.erases:
        return ()
    payloads.require_named(task.events[0].event, task.erases)
    return tuple(payloads.commitments_of(connection, task.erases).values())


def _link(tail: Tail, task: Task, now: datetime, erased: tuple[str, ...]) -> tuple[_Linked, Tail]:
    """Link the events of one task.

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
    rows: list[StoredRow] = []
    last, noted = tail.last, format_instant(recorded_at)
    for seq, each in enumerate(task.events, start=tail.size + 1):
        row = link_row(draft_event(each.event), seq, noted, each.commitment, last)
        entries.append(Entry(seq, recorded_at, each.event, each.commitment, last, row[-1]))
        last = row[-1]
        rows.append(row)
    peaks = append_leaves(tail.peaks, (bytes.fromhex(entry.hash) for entry in entries))
    after = Tail(tail.size + len(entries), last, recorded_at, peaks)
    return _Linked(task, tuple(entries), tuple(rows), erased), after


def keep_payloads(connection: Connection, committed: Iterable[Committed]) -> None:
    """Keep enciphered payloads and their keys, each in its table."""
    rows = list(committed)
    if rows:
        connection.exec_driver_sql(_KEEP_PAYLOADS[0], [(each.commitment, each.sealed) for each in rows])
        connection.exec_driver_sql(_KEEP_PAYLOADS[1], [(each.commitment, each.key) for each in rows])
