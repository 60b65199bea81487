"""The keys that sign for a ledger, and the bytes that their signatures are over (heads: `signed_heads`).

The key of a ledger is an Ed25519 private key (RFC 8032) in a file that only its owner may read: PEM (PKCS #8,
not encrypted). Who holds it can sign for the ledger: keep it on another disk than the ledger where you can
(`[ledger] key` in becalm.toml). A key that was replaced stays beside it under its own id.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from becalm.formats.durable_files import OWNER_FILE, make_private_folder, write_durably
from becalm.ledger import Entry, Fact, format_instant, parse_instant
from becalm.ledger.canonical_json import canonical_json
from becalm.terms import LedgerError

KEY_TAG: Final = "becalm.key.1"
CLOCK_TAG: Final = "becalm.clock.1"


def handover_bytes(ledger: str, old_key: str, new_public_key: str) -> bytes:
    """The bytes that the old key signs to hand over to a new one (its public key in hex)."""
    # The tag and the ledger stand in them, so that a signature cannot be used for another ledger or purpose.
    return canonical_json((KEY_TAG, ledger, old_key, new_public_key)).encode()


def key_id(public_key: str) -> str:
    """What a public key is known by: the SHA-256 of its bytes, in hex."""
    return sha256(bytes.fromhex(public_key)).hexdigest()


def is_signed(message: bytes, *, signature: str, public_key: str) -> bool:
    """Is this the Ed25519 signature (RFC 8032) of the holder of this public key? Both in hex."""
    try:
        ed25519_key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        signature_bytes = bytes.fromhex(signature)
        ed25519_key.verify(signature_bytes, message)
    except (InvalidSignature, ValueError):
        return False
    return signature_bytes.hex() == signature  # capitals and spaces would make many texts of one signature


def is_key(public_key: str, id: str) -> bool:
    """Is this (in hex) the public key that is known by this id?"""
    try:
        return key_id(public_key) == id
    except ValueError:
        return False


def parse_exact_instant(text: str) -> datetime:
    """The instant in a signed head, in the one way to write it: the signature is over another text else."""
    moment = parse_instant(text)
    if format_instant(moment) != text:
        raise ValueError(f"{text!r} is not written as a ledger writes it")
    return moment


def clock_bytes(ledger: str, last_hash: str, old_time: str, new_time: str) -> bytes:
    """The bytes that the key signs when the clock of a ledger was wrong: behind which entry, from and to."""
    return canonical_json((CLOCK_TAG, ledger, last_hash, old_time, new_time)).encode()


def clock_facts(
    entry: Entry, ledger: str, new_time: datetime, *, reason: str, signing_key: SigningKey | None
) -> dict[str, Fact]:
    """The facts of the event `clock_corrected` behind this entry, whose time was wrong.

    Without a key, where the ledger names none yet, it goes unsigned.
    """
    time_texts = (format_instant(entry.recorded_at), format_instant(new_time))
    facts: dict[str, Fact] = {"old_time": time_texts[0], "new_time": time_texts[1], "reason": reason}
    if signing_key is not None:
        facts["signature"] = signing_key.sign(clock_bytes(ledger, entry.hash, *time_texts))
    return facts


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its public half in hex and the id that the ledger knows it by."""

    private: Ed25519PrivateKey
    public_key: str
    id: str

    def sign(self, message: bytes) -> str:
        """The signature of this message, in hex."""
        return self.private.sign(message).hex()


def draw_key() -> SigningKey:
    """Draw a new key from the operating system."""
    return _make_signing_key(Ed25519PrivateKey.generate())


def read_key(path: Path) -> SigningKey | None:
    """The key in this file, None where there is no file.

    Raises LedgerError where the file can be read by others, or is no Ed25519 key.
    """
    try:
        pem_bytes = path.read_bytes()
        permission_bits = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LedgerError(f"The signing key {path} cannot be read ({error}). Fix that first.") from error
    if permission_bits & ~OWNER_FILE:
        raise LedgerError(
            f"The signing key {path} can be read by others (mode {permission_bits:o}), who could "
            "sign for the ledger. "
            f"Run `chmod 600 {path}`, and change the key if somebody may have copied it."
        )
    try:
        private_key = serialization.load_pem_private_key(pem_bytes, password=None)
    except (ValueError, TypeError) as error:
        raise LedgerError(f"{path} is no signing key ({error}). Put the key of the ledger back.") from error
    if not isinstance(private_key, Ed25519PrivateKey):
        raise LedgerError(f"{path} holds a key of another kind than Ed25519. Put the key of the ledger back.")
    return _make_signing_key(private_key)


def read_or_draw_keys(path: Path) -> tuple[SigningKey, ...]:
    """The key in this file and those that it replaced, beside it; one is drawn where there is none."""
    old_paths = sorted(path.parent.glob(f"{path.name}.*"))
    signing_keys = [key for key in map(read_key, (path, *old_paths)) if key is not None]
    if not signing_keys:
        signing_keys.append(draw_key())
        write_key(path, signing_keys[0])
    return tuple(signing_keys)


def write_key(path: Path, key: SigningKey) -> None:
    """Write the key into a file that only its owner may read; one that is there stays beside it.

    Raises LedgerError where the file cannot be written.
    """
    pem_bytes = key.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        make_private_folder(path.parent)
        old_key = read_key(path)
        if old_key is not None:
            old_key_path = path.with_name(f"{path.name}.{old_key.id[:16]}")
            write_durably(old_key_path, path.read_bytes(), mode=OWNER_FILE)
        write_durably(path, pem_bytes, mode=OWNER_FILE)
    except OSError as error:
        raise LedgerError(f"The signing key {path} cannot be written ({error}).") from error


def _make_signing_key(private_key: Ed25519PrivateKey) -> SigningKey:
    public_key = private_key.public_key().public_bytes_raw().hex()
    return SigningKey(private_key, public_key, key_id(public_key))
