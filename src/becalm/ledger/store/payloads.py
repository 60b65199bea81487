"""Personal detail beside the entries: kept, read, and destroyed so that no byte is left.

In a SQLite file payload and salt stand as they are, and are overwritten at an erasure. A server keeps copies
that nobody sees: log files, write-ahead log, free room in its files, replicas, backups. So it gets payloads
enciphered, each under a key of its own, and what has to be destroyed at an erasure is one key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, insert, select, update

from becalm.ledger import Event, EventToAppend
from becalm.ledger.chain import SALT_BYTES, payload_commitment
from becalm.ledger.store.new_entries import PreparedEvent, SealedEntry
from becalm.ledger.store.tables import event_table, ledger_table, payload_table
from becalm.terms import EventError, TamperError

NONCE: Final = bytes(12)  # every key enciphers one payload only, so one nonce does for all
# A page that is let go is overwritten whole; a page in use may keep what a row left behind.
REWRITE_STATEMENTS: Final = (
    "CREATE TABLE payload_anew "
    "(seq INTEGER NOT NULL PRIMARY KEY, salt BLOB NOT NULL, body BLOB NOT NULL) STRICT",
    "INSERT INTO payload_anew SELECT seq, salt, body FROM payload ORDER BY seq",
    "DROP TABLE payload",
    "ALTER TABLE payload_anew RENAME TO payload",
)


def insert_payloads(
    connection: Connection, sealed_entries: Sequence[SealedEntry], prepared_events: Sequence[PreparedEvent]
) -> None:
    """Keep the payloads of these entries with their salts."""
    payload_rows = [
        {"seq": sealed_entry.entry.seq, "salt": event.salt, "body": event.payload}
        for sealed_entry, event in zip(sealed_entries, prepared_events, strict=True)
        if event.payload is not None
    ]
    if payload_rows:
        connection.execute(insert(payload_table), payload_rows)


def read_payload(connection: Connection, seq: int) -> bytes | None:
    """The payload of this entry, None once erased.

    Raises EventError where there is no such entry, or it never had a payload; TamperError where it is not the
    payload that the entry commits to.
    """
    commitment = read_commitments(connection, (seq,))[seq]
    payload_row = connection.execute(select(payload_table).where(payload_table.c.seq == seq)).first()
    if payload_row is None:
        return None
    if payload_commitment(payload_row.salt, payload_row.body) != commitment:
        raise _altered_payload(seq)
    return bytes(payload_row.body)


def _altered_payload(seq: int) -> TamperError:
    return TamperError(
        f"The payload of entry {seq} is not the one that the entry commits to: it was altered."
    )


def recompute_commitments(connection: Connection) -> Iterator[tuple[int, str]]:
    """Of each payload that is there: its entry, and the commitment that it gives with its salt."""
    for row in connection.execute(select(payload_table).order_by(payload_table.c.seq)):
        is_salted = len(row.salt) == SALT_BYTES
        yield row.seq, payload_commitment(row.salt, row.body) if is_salted else "a salt of another length"


def destroy_payloads(connection: Connection, seqs: Sequence[int]) -> None:
    """Destroy the payloads and salts of these entries; those that are gone already stay so.

    Raises EventError where there is no such entry, or it never had a payload.
    """
    read_commitments(connection, seqs)
    connection.execute(delete(payload_table).where(payload_table.c.seq.in_(seqs)))
    for statement in REWRITE_STATEMENTS:
        connection.exec_driver_sql(statement)
    # Noted with the deletion: a program that is killed before `scrub` leaves it to whoever opens the ledger.
    connection.execute(update(ledger_table).values(unscrubbed=1))


def check_named(erasure: Event, seqs: Sequence[int]) -> None:
    """Refuse an erasure whose event names other entries than those that are erased."""
    named_seqs = erasure.facts.get("entries")
    if named_seqs != tuple(seqs):
        raise EventError(
            f"The event {erasure.kind!r} names the entries {named_seqs!r:.80}, and the erasure "
            f"is of {tuple(seqs)!r:.80}. "
            "Name these, each once and in their order; nothing was written."
        )


def read_commitments(connection: Connection, seqs: Sequence[int]) -> dict[int, str]:
    """The commitments of these entries; raises EventError where one has no payload, or does not exist."""
    query = select(event_table.c.seq, event_table.c.commitment).where(event_table.c.seq.in_(seqs))
    commitment_by_seq = {seq: commitment for seq, commitment in connection.execute(query) if commitment}
    missing_seqs = [seq for seq in seqs if seq not in commitment_by_seq]
    if missing_seqs:
        listing = ", ".join(map(str, missing_seqs[:10])) + (" …" if len(missing_seqs) > 10 else "")
        raise EventError(
            f"These entries have no payload, or do not exist: {listing}. Leave them out; nothing was written."
        )
    return commitment_by_seq


@dataclass(frozen=True, slots=True)
class CommittedEvent:
    """An event with the commitment to its payload, and the payload enciphered beside its key."""

    event: Event
    commitment: str = ""  # empty where there is no payload
    ciphertext: bytes = b""
    key: bytes = b""


def encipher(to_append: EventToAppend, draw_key: Callable[[], bytes]) -> CommittedEvent:
    """Commit to the payload and encipher it; `draw_key` gives 32 unguessable bytes: salt, then key."""
    if to_append.payload is None:
        return CommittedEvent(to_append.event)
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    commitment_salt, cipher_key = draw_key(), draw_key()
    commitment = payload_commitment(commitment_salt, to_append.payload)
    # The commitment is authenticated with it: the ciphertext of another entry cannot be put in its place.
    ciphertext = AESGCM(cipher_key).encrypt(NONCE, commitment_salt + to_append.payload, commitment.encode())
    return CommittedEvent(to_append.event, commitment, ciphertext, cipher_key)


def decipher(seq: int, commitment: str, ciphertext: bytes, key: bytes) -> bytes:
    """The payload in plain; raises TamperError where it is not the payload that the entry commits to."""
    salt, payload = _split_plaintext(commitment, ciphertext, key)
    if not salt or payload_commitment(salt, payload) != commitment:
        raise _altered_payload(seq)
    return payload


def recompute_commitment(commitment: str, ciphertext: bytes, key: bytes) -> str:
    """The commitment that an enciphered payload gives with its salt, whatever its entry says."""
    salt, payload = _split_plaintext(commitment, ciphertext, key)
    return payload_commitment(salt, payload) if salt else "what cannot be deciphered"


def _split_plaintext(commitment: str, ciphertext: bytes, key: bytes) -> tuple[bytes, bytes]:
    """Salt and payload; no salt where the two do not belong together."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        plaintext = AESGCM(key).decrypt(NONCE, ciphertext, commitment.encode())
    except (InvalidTag, ValueError):
        return b"", b""
    return plaintext[:SALT_BYTES], plaintext[SALT_BYTES:]
