"""The key that signs the heads of a ledger: an Ed25519 private key in a file that only its owner may read.

A raw key of 32 bytes, in PEM (PKCS #8, not encrypted). Who holds it can sign for the ledger: keep it on
another disk than the ledger where you can (`[ledger] key` in becalm.toml). A key that was replaced stays
beside it under its own id.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from becalm.ledger.checkpoint import key_id
from becalm.terms import LedgerError

OWNER_ONLY: Final = 0o600


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its public half in hex and the id that the ledger knows it by."""

    private: Ed25519PrivateKey
    public_key: str
    id: str

    def sign(self, message: bytes) -> str:
        """The signature of this message, in hex."""
        return self.private.sign(message).hex()


def new_key() -> SigningKey:
    """Draw a new key from the operating system."""
    return _signing(Ed25519PrivateKey.generate())


def read_key(path: Path) -> SigningKey | None:
    """The key in this file, None where there is no file.

    Raises
    ------
    LedgerError
        where the file can be read by others, or is no Ed25519 key.
    """
    try:
        text = path.read_bytes()
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LedgerError(f"The signing key {path} cannot be read ({error}). Mend that first.") from error
    if mode & ~OWNER_ONLY:
        raise LedgerError(
            f"The signing key {path} can be read by others (mode {mode:o}), who could sign for the ledger. "
            f"Run `chmod 600 {path}`, and change the key if somebody may have copied it."
        )
    try:
        key = load_pem_private_key(text, password=None)
    except (ValueError, TypeError) as error:
        raise LedgerError(f"{path} is no signing key ({error}). Put the key of the ledger back.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise LedgerError(f"{path} holds a key of another kind than Ed25519. Put the key of the ledger back.")
    return _signing(key)


def write_key(path: Path, key: SigningKey) -> None:
    """Write the key into a file that only its owner may read; one that is there stays beside it.

    Raises
    ------
    LedgerError
        where the file cannot be written.
    """
    fresh = path.with_name(f".{path.name}.new")
    text = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        before = read_key(path)
        if before is not None:
            path.replace(path.with_name(f"{path.name}.{before.id[:16]}"))
        fresh.replace(path)
    except OSError as error:
        raise LedgerError(f"The signing key {path} cannot be written ({error}).") from error


def _signing(private: Ed25519PrivateKey) -> SigningKey:
    public = private.public_key().public_bytes_raw().hex()
    return SigningKey(private, public, key_id(public))
