"""Payloads on a server: enciphered before they leave this process, each under a key of its own.

A server keeps copies that nobody sees: log files, write-ahead log, free room in its files, replicas, backups.
It never gets the plain payload or its salt, so what has to be destroyed at an erasure is one key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from becalm.ledger.chain import SALT_BYTES, payload_commitment
from becalm.ledger.event import Event
from becalm.ledger.protocol import EventToAppend
from becalm.terms import TamperError

NONCE: Final = bytes(12)  # every key enciphers one payload only, so one nonce does for all


@dataclass(frozen=True, slots=True)
class Committed:
    """An event with the commitment to its payload, and the payload enciphered beside its key."""

    event: Event
    commitment: str = ""  # empty where there is no payload
    sealed: bytes = b""
    key: bytes = b""


def commit(written: EventToAppend, draw: Callable[[], bytes]) -> Committed:
    """Commit to the payload and encipher it; `draw` gives 32 unguessable bytes: salt, then key."""
    if written.payload is None:
        return Committed(written.event)
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    salt, key = draw(), draw()
    commitment = payload_commitment(salt, written.payload)
    sealed = AESGCM(key).encrypt(NONCE, salt + written.payload, commitment.encode())
    return Committed(written.event, commitment, sealed, key)


def open_payload(seq: int, commitment: str, sealed: bytes, key: bytes) -> bytes:
    """The payload in plain.

    Raises
    ------
    TamperError
        where it is not the payload that the entry commits to.
    """
    salt, payload = _decipher(commitment, sealed, key)
    if not salt or payload_commitment(salt, payload) != commitment:
        raise TamperError(
            f"The payload of entry {seq} is not the one that the entry commits to: it was altered."
        )
    return payload


def given_commitment(commitment: str, sealed: bytes, key: bytes) -> str:
    """The commitment that a kept payload gives with its salt, whatever its entry says."""
    salt, payload = _decipher(commitment, sealed, key)
    return payload_commitment(salt, payload) if salt else "what cannot be deciphered"


def _decipher(commitment: str, sealed: bytes, key: bytes) -> tuple[bytes, bytes]:
    """Salt and payload; no salt where the two do not belong together."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        plain = AESGCM(key).decrypt(NONCE, sealed, commitment.encode())
    except (InvalidTag, ValueError):
        return b"", b""
    return plain[:SALT_BYTES], plain[SALT_BYTES:]
