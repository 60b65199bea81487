"""How is an event bound into the ledger, so that no entry can be altered without breaking every later one?

The hash of an entry is SHA-256 over the UTF-8 bytes of one JSON array, canonical in RFC 8785's sense:
a tag, then the row of the table `event` as it is stored, column by column, without its hash. Facts stand in
it as the text that is stored. Texts are quoted, so no two rows share an array; the tag keeps the
hash of an entry from being taken for that of anything else. The first entry follows the hash of the
ledger's identity.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from json import JSONDecoder, JSONEncoder
from json.encoder import encode_basestring as quote
from typing import Final

from becalm.ledger.canonical_json import canonical_json
from becalm.ledger.event import Entry, Event, Fact
from becalm.terms import EventError, TamperError

ENTRY_TAG: Final = "becalm.entry.1"
LEDGER_TAG: Final = "becalm.ledger.1"
SALT_BYTES: Final = 32

COLUMNS: Final = (
    *("seq", "recorded_at"),  # the entry's place; then what its event says, and its links
    *("occurred_at", "kind", "version", "actor", "role", "purpose", "programme", "subject"),
    *("facts", "corrects"),
    *("commitment", "previous", "hash"),
)  # of the table `event`, in the order in which they are hashed
StoredRow = tuple[int, str, str, str, int, str, str, str, str, str, str, int | None, str, str, str]
SEQ: Final = 0  # where in a stored row the columns stand that a verifier looks at
RECORDED_AT: Final = 1
OCCURRED_AT: Final = 2
KIND: Final = 3
ACTOR: Final = 5
PURPOSE: Final = 7
SUBJECT: Final = 9
FACTS: Final = 10
CORRECTS: Final = 11
COMMITMENT: Final = 12
PREVIOUS: Final = 13
HASH: Final = 14

_encode: Final = JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_decode: Final = JSONDecoder(
    parse_float=lambda text: _refuse_decimal(text), parse_constant=lambda text: _refuse_decimal(text)
).decode


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event as its columns will stand in the ledger, before its number, its time and its links."""

    event: Event
    columns: tuple[str, str, int, str, str, str, str, str, str, int | None]  # from occurred_at to corrects
    hashed_text: str  # the same as they stand in the array that is hashed


def opening_hash(identity: str) -> str:
    """What the first entry of the ledger with this identity names as the one before it, in hex."""
    return sha256(canonical_json((LEDGER_TAG, identity)).encode()).hexdigest()


def draft_event(event: Event) -> EventDraft:
    """Write down all that an event itself gives to its entry.

    Raises EventError where a fact cannot be written in one way only: a decimal, too great a number, half a
    character.
    """
    occurred_at, facts_json = format_instant(event.occurred_at), canonical_json(event.facts)
    event_texts = (event.actor, event.role, event.purpose, event.programme, event.subject, facts_json)
    corrects_json = "null" if event.corrects is None else int(event.corrects)
    quoted_texts = ",".join(map(quote, event_texts))
    hashed_text = f'"{occurred_at}",{quote(event.kind)},{event.version:d},{quoted_texts},{corrects_json}'
    return EventDraft(
        event, (occurred_at, event.kind, event.version, *event_texts, event.corrects), hashed_text
    )


def link_row(draft: EventDraft, seq: int, recorded_at: str, commitment: str, previous: str) -> StoredRow:
    """The row of this draft as number `seq`, with the hash that `hash_row` gives for it."""
    # The same bytes as hash_row's, put together from the draft: appends wait in line for this to be done.
    array_json = f'["{ENTRY_TAG}",{seq},"{recorded_at}",{draft.hashed_text},"{commitment}","{previous}"]'
    return (seq, recorded_at, *draft.columns, commitment, previous, sha256(array_json.encode()).hexdigest())


def payload_commitment(salt: bytes, payload: bytes) -> str:
    """The promise of a payload that tells nothing about it: SHA-256 of salt and payload, in hex."""
    # Without 32 unguessable bytes a short payload (a name, a date of birth) could be guessed from its hash.
    if len(salt) != SALT_BYTES:
        raise EventError(
            f"A salt of {len(salt)} bytes came with a payload. Draw {SALT_BYTES} bytes for each."
        )
    return sha256(salt + payload).hexdigest()


def entry_row(entry: Entry) -> StoredRow:
    """The row of the table `event` that keeps this entry."""
    event_columns = draft_event(entry.event).columns
    chain_hashes = (entry.commitment, entry.previous, entry.hash)
    return (entry.seq, format_instant(entry.recorded_at), *event_columns, *chain_hashes)


def read_entry(row: StoredRow) -> Entry:
    """The entry that this row keeps, read and not yet verified.

    Raises TamperError where the row was never one that a ledger wrote.
    """
    seq, recorded_at, occurred_at, kind, version, actor, role, purpose, programme, subject = row[:FACTS]
    facts_json, corrected_seq, commitment, previous_hash, entry_hash = row[FACTS:]
    try:
        occurred_instant = parse_instant(occurred_at)
        fact_by_name = _decode(facts_json)
        if "[" in facts_json or facts_json.count("{") > 1:  # else every fact is a text, a number or a flag
            fact_by_name = {fact_name: _read_fact(value) for fact_name, value in fact_by_name.items()}
        event = Event(
            kind,
            version,
            occurred_instant,
            actor,
            role,
            purpose,
            fact_by_name,
            programme,
            subject,
            corrected_seq,
        )
        return Entry(seq, parse_instant(recorded_at), event, commitment, previous_hash, entry_hash)
    except (ValueError, TypeError, AttributeError, EventError) as error:
        raise TamperError(
            f"Entry {seq} cannot be read ({error}); no ledger writes such a row. Run `becalm record verify`."
        ) from error


def hash_row(row: StoredRow) -> str:
    """The hash that belongs to a stored row, whatever hash it bears, in hex."""
    return sha256(_encode((ENTRY_TAG, *row[:HASH])).encode()).hexdigest()


def format_instant(moment: datetime) -> str:
    """An instant as the ledger writes it.

    >>> format_instant(datetime(2020, 4, 7, 21, 30, tzinfo=UTC))
    '2020-04-07T21:30:00.000000Z'
    """
    iso_text = (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat(timespec="microseconds")
    return f"{iso_text[:-6]}Z"  # in the place of +00:00


def parse_instant(text: str) -> datetime:
    """The instant that the ledger wrote."""
    parsed_instant = datetime.fromisoformat(text)
    if text[-1:] != "Z" or parsed_instant.tzinfo is not UTC:
        raise ValueError(f"{text!r} is no instant in UTC")
    return parsed_instant


def _refuse_decimal(text: str) -> Fact:
    raise ValueError(f"{text} is no fact")


def _read_fact(value: object) -> Fact:
    if isinstance(value, list):
        return tuple(map(_read_fact, value))
    if value is None or isinstance(value, str | int):
        return value
    raise ValueError(f"{value!r:.60} is no fact")
