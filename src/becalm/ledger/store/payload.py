"""Personal detail beside the entries of a SQLite ledger: kept, read, destroyed so that no byte is left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, delete, insert, select, update

from becalm.ledger.chain import SALT_BYTES, payload_commitment
from becalm.ledger.event import Event
from becalm.ledger.store import tables
from becalm.ledger.store.file import LedgerFile
from becalm.ledger.store.seal import Sealed
from becalm.terms import EventError, LedgerError, TamperError

ANEW = (  # a page that is let go is overwritten whole; a page in use may keep what a row left behind
    "CREATE TABLE payload_anew "
    "(seq INTEGER NOT NULL PRIMARY KEY, salt BLOB NOT NULL, body BLOB NOT NULL) STRICT",
    "INSERT INTO payload_anew SELECT seq, salt, body FROM payload ORDER BY seq",
    "DROP TABLE payload",
    "ALTER TABLE payload_anew RENAME TO payload",
)


def keep_payloads(connection: Connection, sealed: Iterable[Sealed]) -> None:
    """Keep the payloads of these entries with their salts."""
    rows = [
        {"seq": each.entry.seq, "salt": each.ready.salt, "body": each.ready.payload}
        for each in sealed
        if each.ready.payload is not None
    ]
    if rows:
        connection.execute(insert(tables.payload), rows)


def read_payload(connection: Connection, seq: int) -> bytes | None:
    """The payload of this entry, None once erased.

    Raises
    ------
    EventError
        where there is no such entry, or it never had a payload.
    TamperError
        where it is not the payload that the entry commits to.
    """
    commitment = commitments_of(connection, (seq,))[seq]
    kept = connection.execute(select(tables.payload).where(tables.payload.c.seq == seq)).first()
    if kept is None:
        return None
    if payload_commitment(kept.salt, kept.body) != commitment:
        raise TamperError(
            f"The payload of entry {seq} is not the one that the entry commits to: it was altered."
        )
    return bytes(kept.body)


def given_commitments(connection: Connection) -> Iterator[tuple[int, str]]:
    """Of each payload that is kept: its entry, and the commitment that it gives with its salt."""
    for row in connection.execute(select(tables.payload).order_by(tables.payload.c.seq)):
        fits = len(row.salt) == SALT_BYTES
        yield row.seq, payload_commitment(row.salt, row.body) if fits else "a salt of another length"


def destroy_payloads(connection: Connection, seqs: Sequence[int]) -> None:
    """Destroy the payloads and salts of these entries; those that are gone already stay so.

    Raises
    ------
    EventError
        where there is no such entry, or it never had a payload.
    """
    commitments_of(connection, seqs)
    connection.execute(delete(tables.payload).where(tables.payload.c.seq.in_(seqs)))
    for statement in ANEW:
        connection.exec_driver_sql(statement)
    connection.execute(update(tables.ledger).values(unscrubbed=1))


def require_named(erasure: Event, seqs: Sequence[int]) -> None:
    """Refuse an erasure whose event names other entries than those that are erased."""
    named = erasure.facts.get("entries")
    if named != tuple(seqs):
        raise EventError(
            f"The event {erasure.kind!r} names the entries {named!r:.80}, and the erasure "
            f"is of {tuple(seqs)!r:.80}. "
            "Name these, each once and in their order; nothing was written."
        )


def commitments_of(connection: Connection, seqs: Sequence[int]) -> dict[int, str]:
    """The commitments of these entries; raises EventError where one has no payload, or does not exist."""
    asked = select(tables.event.c.seq, tables.event.c.commitment).where(tables.event.c.seq.in_(seqs))
    found = {seq: commitment for seq, commitment in connection.execute(asked) if commitment}
    without = [seq for seq in seqs if seq not in found]
    if without:
        named = ", ".join(map(str, without[:10])) + (" …" if len(without) > 10 else "")
        raise EventError(
            f"These entries have no payload, or do not exist: {named}. Leave them out; nothing was written."
        )
    return found


def scrub(file: LedgerFile) -> None:
    """Empty the write-ahead log, in which pages stand as they were before the erasure.

    Raises
    ------
    LedgerError
        where another process holds on to it.
    """
    with file.reading() as connection:
        is_due = connection.execute(select(tables.ledger.c.unscrubbed)).scalar_one()
    if not is_due:
        return
    is_busy, *_ = file.execute_alone("PRAGMA wal_checkpoint(TRUNCATE)")
    if is_busy:
        raise LedgerError(
            f"The payloads are destroyed and this is recorded, but another process reads {file.path} "
            f"and keeps their last traces in {file.path.name}-wal. Close it; the next opening of the ledger "
            "wipes them."
        )
    with file.writing() as connection:
        connection.execute(update(tables.ledger).values(unscrubbed=0))
