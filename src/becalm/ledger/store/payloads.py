"""Personal detail beside the entries: kept, read, and destroyed so that no byte is left.

In a SQLite file payload and salt stand enciphered under one key that is kept elsewhere, and are overwritten
at an erasure; a file of an older format holds them as they are. A server keeps copies that nobody sees: log
files, write-ahead log, free room in its files, replicas, backups. So it gets payloads enciphered, each under
a key of its own, and what has to be destroyed at an erasure is one key.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, delete, func, insert, select, update

from becalm.formats.durable_files import OWNER_FILE, make_private_folder, write_durably
from becalm.ledger import Event, EventToAppend
from becalm.ledger.chain import SALT_BYTES, payload_commitment
from becalm.ledger.store.new_entries import PreparedEvent, SealedEntry
from becalm.ledger.store.tables import event_table, ledger_table, payload_table
from becalm.terms import EventError, LedgerError, TamperError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PayloadRow = Mapping[str, object]  # of the table `payload`
NONCE: Final = bytes(12)  # of a server: every key enciphers one payload only, so one nonce does for all
NONCE_BYTES: Final = 12  # in a file: in the place of the salt, which is enciphered with the payload
KEY_BYTES: Final = 32
# A page that is let go is overwritten whole; a page in use may keep what a row left behind.
REWRITE_STATEMENTS: Final = (
    "CREATE TABLE payload_anew "
    "(seq INTEGER NOT NULL PRIMARY KEY, salt BLOB NOT NULL, body BLOB NOT NULL) STRICT",
    "INSERT INTO payload_anew SELECT seq, salt, body FROM payload ORDER BY seq",
    "DROP TABLE payload",
    "ALTER TABLE payload_anew RENAME TO payload",
)
_SELECT_SEALED = select(payload_table.c.seq).where(func.length(payload_table.c.salt) == NONCE_BYTES).limit(1)


class FileCipher:
    """Enciphers the payloads of a file (AES-256-GCM) under one key, which is asked for when it is needed.

    `get_key` gives 32 bytes; it is told whether a new key may be drawn: not where payloads are there already
    that only the old one opens. None: payloads stand as they are.
    """

    def __init__(self, get_key: Callable[[bool], bytes] | None, draw_nonce: Callable[[], bytes]) -> None:
        self._get_key, self._draw_nonce = get_key, draw_nonce
        self._key = b""

    def seal(self, connection: Connection, seq: int, commitment: str, salt: bytes, body: bytes) -> PayloadRow:
        """The row that keeps this payload."""
        if self._get_key is None:
            return {"seq": seq, "salt": salt, "body": body}
        has_sealed = None if self._key else connection.execute(_SELECT_SEALED).first()
        nonce = self._draw_nonce()[:NONCE_BYTES]
        # The commitment is authenticated with it: the row of another entry cannot be put in its place.
        ciphertext = self._aead(may_draw=has_sealed is None).encrypt(nonce, salt + body, commitment.encode())
        return {"seq": seq, "salt": nonce, "body": ciphertext}

    def open(self, commitment: str, salt: bytes, body: bytes) -> tuple[bytes, bytes]:
        """Salt and payload of a row; both empty where it is not what the commitment was given with."""
        from cryptography.exceptions import InvalidTag

        if len(salt) != NONCE_BYTES:
            return salt, body
        try:
            plaintext = self._aead(may_draw=False).decrypt(salt, body, commitment.encode())
        except InvalidTag:
            return b"", b""
        return plaintext[:SALT_BYTES], plaintext[SALT_BYTES:]

    def _aead(self, *, may_draw: bool) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if not self._key:
            if self._get_key is None:
                raise LedgerError(
                    "The details are enciphered, and no key was given. Put the key of the details back: "
                    "without it nobody can ever read them."
                )
            self._key = self._get_key(may_draw)
            if len(self._key) != KEY_BYTES:
                raise LedgerError(f"The key of the details has {len(self._key)} bytes. Give {KEY_BYTES}.")
        return AESGCM(self._key)


def read_payload_key(path: Path, draw_key: Callable[[], bytes], *, may_draw: bool) -> bytes:
    """The key of the details in this file, in hex; drawn and written where there is none and one may be.

    Raises LedgerError where it is lost, cannot be read, or can be read by others.
    """
    try:
        if not path.exists():
            if not may_draw:
                raise LedgerError(
                    f"The key of the details is not in {path}. Put it back, from where you keep it besides: "
                    "without it nobody can ever read the details of this ledger. The entries are not touched."
                )
            make_private_folder(path.parent)
            write_durably(path, draw_key()[:KEY_BYTES].hex() + "\n", mode=OWNER_FILE)
        if (mode := stat.S_IMODE(path.stat().st_mode)) & ~OWNER_FILE:
            raise LedgerError(f"{path} can be read by others (mode {mode:o}). Run `chmod 600 {path}`.")
        return bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError) as error:
        raise LedgerError(f"The key of the details {path} cannot be read ({error}). Put it back.") from error


def encipher_plain(connection: Connection, cipher: FileCipher) -> int:
    """Encipher every payload that stands as it is; how many there were. The rows are rewritten."""
    payload_query = select(payload_table, event_table.c.commitment).join(
        event_table, event_table.c.seq == payload_table.c.seq
    )
    plain_rows = [row for row in connection.execute(payload_query) if len(row.salt) != NONCE_BYTES]
    for row in plain_rows:
        sealed_row = cipher.seal(connection, row.seq, row.commitment, row.salt, row.body)
        connection.execute(update(payload_table).where(payload_table.c.seq == row.seq).values(**sealed_row))
    _rewrite_payloads(connection)
    return len(plain_rows)


def insert_payloads(
    connection: Connection,
    sealed_entries: Sequence[SealedEntry],
    prepared_events: Sequence[PreparedEvent],
    cipher: FileCipher,
) -> None:
    """Keep the payloads of these entries with their salts."""
    payload_rows = [
        cipher.seal(connection, sealed_entry.entry.seq, event.commitment, event.salt, event.payload)
        for sealed_entry, event in zip(sealed_entries, prepared_events, strict=True)
        if event.payload is not None
    ]
    if payload_rows:
        connection.execute(insert(payload_table), payload_rows)


def read_payload(connection: Connection, seq: int, cipher: FileCipher) -> bytes | None:
    """The payload of this entry, None once erased.

    Raises EventError where there is no such entry, or it never had a payload; TamperError where it is not the
    payload that the entry commits to.
    """
    commitment = read_commitments(connection, (seq,))[seq]
    payload_row = connection.execute(select(payload_table).where(payload_table.c.seq == seq)).first()
    if payload_row is None:
        return None
    salt, payload = cipher.open(commitment, payload_row.salt, payload_row.body)
    if len(salt) != SALT_BYTES or payload_commitment(salt, payload) != commitment:
        raise _altered_payload(seq)
    return payload


def _altered_payload(seq: int) -> TamperError:
    return TamperError(
        f"The payload of entry {seq} is not the one that the entry commits to: it was altered."
    )


def recompute_commitments(connection: Connection, cipher: FileCipher) -> Iterator[tuple[int, str]]:
    """Of each payload that is there: its entry, and the commitment that it gives with its salt."""
    payload_query = select(payload_table, event_table.c.commitment).outerjoin(
        event_table, event_table.c.seq == payload_table.c.seq
    )
    for row in connection.execute(payload_query.order_by(payload_table.c.seq)):
        salt, payload = cipher.open(row.commitment or "", row.salt, row.body)
        is_salted = len(salt) == SALT_BYTES
        yield row.seq, payload_commitment(salt, payload) if is_salted else "what cannot be deciphered"


def destroy_payloads(connection: Connection, seqs: Sequence[int]) -> None:
    """Destroy the payloads and salts of these entries; those that are gone already stay so.

    Raises EventError where there is no such entry, or it never had a payload.
    """
    read_commitments(connection, seqs)
    connection.execute(delete(payload_table).where(payload_table.c.seq.in_(seqs)))
    _rewrite_payloads(connection)


def _rewrite_payloads(connection: Connection) -> None:
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
    commitment_query = select(event_table.c.seq, event_table.c.commitment).where(event_table.c.seq.in_(seqs))
    commitment_by_seq = {
        seq: commitment for seq, commitment in connection.execute(commitment_query) if commitment
    }
    missing_seqs = [seq for seq in seqs if seq not in commitment_by_seq]
    if missing_seqs:
        seq_list_text = ", ".join(map(str, missing_seqs[:10])) + (" …" if len(missing_seqs) > 10 else "")
        raise EventError(
            f"These entries have no payload, or do not exist: {seq_list_text}. Leave them out; "
            "nothing was written."
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
