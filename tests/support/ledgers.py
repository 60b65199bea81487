"""Events of a made-up programme, and a clock that a test can set."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial

from becalm.app.events import EVENT_KINDS, FOLDS
from becalm.ledger import (
    Event,
    EventToAppend,
    Head,
    Ledger,
    LogEnding,
    SigningKey,
    draw_key,
    ending_of,
    entry_row,
    hash_row,
    log_begun_facts,
    opening_hash,
    sign_ending,
)
from becalm.ledger.merkle import merkle_root
from becalm.ledger.store.postgres import PostgresLedger
from becalm.ledger.store.sqlite import SqliteLedger

open_sqlite = partial(SqliteLedger, kinds=EVENT_KINDS, folds=FOLDS)
open_postgres = partial(PostgresLedger, kinds=EVENT_KINDS, folds=FOLDS)

NOON = datetime(2020, 4, 7, 12, tzinfo=UTC)


@dataclass
class SetClock:
    """A clock that runs on by itself, and that a test may set."""

    instant: datetime = NOON
    step: timedelta = field(default=timedelta(milliseconds=1))

    def __call__(self) -> datetime:
        self.instant += self.step
        return self.instant


def draw_salt() -> bytes:
    return secrets.token_bytes(32)


def visit(person: str = "p1", at: datetime = NOON, *, actor: str = "crew 7", visit: int = 1) -> Event:
    """Somebody was visited."""
    facts = {"visit": visit, "response": "interested"}
    return Event("visit_made", 1, at, actor, "visitor", "visit", facts, subject=person)


def arrest(unit: str = "U1", at: datetime = NOON, *, corrects: int | None = None) -> Event:
    """Somebody was arrested."""
    facts = {"unit": unit, "offence": "robbery", "activity": "dedicated patrol"}
    return Event("arrest_made", 1, at, unit, "officer", "patrol", facts, corrects=corrects)


def access(person: str = "p1", at: datetime = NOON, *, actor: str = "coordinator") -> Event:
    """Somebody looked at a person's record."""
    return Event("record_accessed", 1, at, actor, "coordinator", "visit", {"what": "payload"}, subject=person)


def erasure(seqs: Sequence[int], at: datetime = NOON) -> Event:
    """Personal details were destroyed."""
    facts = {"entries": tuple(seqs), "reason": "expired"}
    return Event("payload_erased", 1, at, "records", "records manager", "retention", facts)


def begun_log(ledger: Ledger, second: str = "inspector", at: datetime = NOON) -> Event:
    """Two people begin a new log on the copy that stands."""
    head, lost = ledger.head(), ledger.lost_heads()
    facts = log_begun_facts(
        ledger.identity,
        head,
        secrets.token_hex(16),
        reason="the disk failed",
        lost_size=max((each.size for each in lost), default=head.size),
        first_actor="sergeant",
        second_actor=second,
        second_reason="seen, and agreed",
    )
    return Event("log_begun", 1, at, "sergeant", "records manager", "restore", facts)


def go_on(ledger: Ledger, key: SigningKey | None = None) -> LogEnding:
    """Begin a new log, sign that the old one ended, and keep that: the ledger can be written again."""
    (entry,) = ledger.append(plain(begun_log(ledger)))
    lost_size = int(str(entry.event.facts["lost_size"]))
    unsigned = ending_of(entry, new_head=ledger.head(), lost_size=lost_size, made_at=NOON)
    ending = sign_ending(unsigned, key or draw_key())
    ledger.keep_ending(ending)
    return ending


def key_named(key: SigningKey, at: datetime = NOON) -> Event:
    """The ledger names the key that signs for it."""
    facts = {"old_key": "", "new_key": key.id, "new_public_key": key.public_key}
    return Event("key_rotated", 1, at, "records", "records manager", "proof", facts)


def plain(*events: Event) -> list[EventToAppend]:
    """These events, without personal detail."""
    return [EventToAppend(event) for event in events]


def require_chained(ledger: Ledger) -> Head:
    """Recompute every link from the entries alone, and the tree; the head that comes out."""
    last, seq, leaves = opening_hash(ledger.identities[0]), 0, []
    for entry in ledger.entries():
        seq += 1
        assert (entry.seq, entry.previous) == (seq, last)
        assert entry.hash == hash_row(entry_row(entry))
        last = entry.hash
        leaves.append(bytes.fromhex(last))
    return Head(seq, merkle_root(leaves).hex(), last)
