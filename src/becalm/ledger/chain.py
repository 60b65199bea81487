"""How is an event bound into the ledger, so that no entry can be altered without breaking every later one?

The hash of an entry is SHA-256 over the UTF-8 bytes of one JSON array, canonical in RFC 8785's sense:
a tag, then the row of the table `event` as it is stored, column by column, without its hash. Facts stand in
it as the text that is stored. Texts are quoted, so no two rows share an array; the tag keeps the
hash of an entry from being taken for that of anything else. The first entry follows the hash of the
ledger's identity.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from json import JSONEncoder
from json.encoder import encode_basestring as quoted
from typing import Final

from becalm.ledger.canonical import canonical_json
from becalm.ledger.event import Entry, Event, Fact
from becalm.ledger.protocol import StoredRow
from becalm.terms import EventError, TamperError

ENTRY_TAG: Final = "becalm.entry.1"
LEDGER_TAG: Final = "becalm.ledger.1"
SALT_BYTES: Final = 32
PLACES: Final = 6  # of a second

_encode: Final = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Draft:
    """An event as its columns will stand in the ledger, before its number, its time and its links."""

    event: Event
    occurred_at: str
    facts: str
    middle: str  # of the array that is hashed: the event's own columns, from occurred_at to corrects


def first_link(identity: str) -> str:
    """What the first entry of the ledger with this identity names as the one before it, in hex."""
    return sha256(canonical_json((LEDGER_TAG, identity)).encode()).hexdigest()


def link_entry(event: Event, seq: int, recorded_at: datetime, commitment: str, previous: str) -> Entry:
    """The entry that this event becomes as number `seq`, after the entry whose hash is `previous`.

    Raises
    ------
    EventError
        where a fact cannot be written in one way only: a decimal, too great a number, half a character.
    """
    moment = recorded_at.astimezone(UTC)
    row = link_row(draft_of(event), seq, instant_text(moment), commitment, previous)
    return Entry(seq, moment, event, commitment, previous, row[-1])


def draft_of(event: Event) -> Draft:
    """Write down all that an event itself gives to its entry; raises EventError as `link_entry` does."""
    occurred, facts = instant_text(event.occurred_at), canonical_json(event.facts)
    words = (event.actor, event.role, event.purpose, event.programme, event.subject, facts)
    corrects = "null" if event.corrects is None else int(event.corrects)
    middle = f'"{occurred}",{quoted(event.kind)},{event.version:d},{",".join(map(quoted, words))},{corrects}'
    return Draft(event, occurred, facts, middle)


def link_row(draft: Draft, seq: int, recorded_at: str, commitment: str, previous: str) -> StoredRow:
    """The row of this draft as number `seq`, with the hash that `row_hash` gives for it."""
    text = f'["{ENTRY_TAG}",{seq},"{recorded_at}",{draft.middle},"{commitment}","{previous}"]'
    hash_ = sha256(text.encode()).hexdigest()
    return _row(
        draft.event, seq, (recorded_at, draft.occurred_at, draft.facts), (commitment, previous, hash_)
    )


def commitment_of(salt: bytes, payload: bytes) -> str:
    """The promise of a payload that tells nothing about it: SHA-256 of salt and payload, in hex."""
    if len(salt) != SALT_BYTES:
        raise EventError(
            f"A salt of {len(salt)} bytes came with a payload. Draw {SALT_BYTES} bytes for each."
        )
    return sha256(salt + payload).hexdigest()


def row_of(entry: Entry) -> StoredRow:
    """The row of the table `event` that keeps this entry."""
    event = entry.event
    texts = (instant_text(entry.recorded_at), instant_text(event.occurred_at), canonical_json(event.facts))
    return _row(event, entry.seq, texts, (entry.commitment, entry.previous, entry.hash))


def _row(event: Event, seq: int, texts: tuple[str, str, str], links: tuple[str, str, str]) -> StoredRow:
    """The columns in their order; `texts` are recorded_at, occurred_at and facts as they are written down."""
    recorded_at, occurred_at, facts = texts
    return (
        seq,
        recorded_at,
        occurred_at,
        event.kind,
        event.version,
        event.actor,
        event.role,
        event.purpose,
        event.programme,
        event.subject,
        facts,
        event.corrects,
        *links,
    )


def entry_of(row: StoredRow) -> Entry:
    """The entry that this row keeps, read and not yet verified.

    Raises
    ------
    TamperError
        where the row was never one that a ledger wrote.
    """
    seq, recorded, occurred, kind, version, actor, role, purpose, programme, subject = row[:10]
    facts, corrects, commitment, previous, hash_ = row[10:]
    try:
        event = Event(
            kind,
            version,
            read_instant(occurred),
            actor,
            role,
            purpose,
            {name: _fact(value) for name, value in json.loads(facts).items()},
            programme,
            subject,
            corrects,
        )
        return Entry(seq, read_instant(recorded), event, commitment, previous, hash_)
    except (ValueError, TypeError, AttributeError, EventError) as error:
        raise TamperError(
            f"Entry {seq} cannot be read ({error}); no ledger writes such a row. Run `becalm record verify`."
        ) from error


def row_hash(row: StoredRow) -> str:
    """The hash that belongs to a stored row, whatever hash it bears, in hex."""
    return sha256(_encode((ENTRY_TAG, *row[:-1])).encode()).hexdigest()


def instant_text(moment: datetime) -> str:
    """An instant as the ledger writes it.

    >>> instant_text(datetime(2020, 4, 7, 21, 30, tzinfo=UTC))
    '2020-04-07T21:30:00.000000Z'
    """
    text = (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat(timespec="microseconds")
    return f"{text[:-6]}Z"  # in the place of +00:00


def read_instant(text: str) -> datetime:
    """The instant that the ledger wrote."""
    if text[-1:] != "Z":
        raise ValueError(f"{text!r} is no instant in UTC")
    return datetime.fromisoformat(text[:-1]).replace(tzinfo=UTC)


def _fact(value: object) -> Fact:
    if isinstance(value, list):
        return tuple(map(_fact, value))
    if value is None or isinstance(value, str | int):
        return value
    raise ValueError(f"{value!r:.60} is no fact")
