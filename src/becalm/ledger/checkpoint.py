"""What a signed head says, and who signed it: the bytes that are signed, and the keys of a ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from becalm.ledger.canonical import canonical_json
from becalm.ledger.chain import instant_text, read_instant
from becalm.ledger.event import Checkpoint, Head
from becalm.terms import InputError

CHECKPOINT_TAG: Final = "becalm.checkpoint.1"
KEY_TAG: Final = "becalm.key.1"
LEAST_FIELDS: Final = {"format", "ledger", "size", "root", "last", "made_at", "key", "signature"}


def signed_bytes(checkpoint: Checkpoint) -> bytes:
    """The bytes of a checkpoint that its signature is over: everything but the signature."""
    return canonical_json({"format": CHECKPOINT_TAG, **_unsigned(checkpoint)}).encode()


def handover_bytes(ledger: str, old_key: str, new_public_key: str) -> bytes:
    """The bytes that the old key signs to hand over to a new one (its public key in hex)."""
    return canonical_json((KEY_TAG, ledger, old_key, new_public_key)).encode()


def key_id(public_key: str) -> str:
    """What a public key is known by: the SHA-256 of its bytes, in hex."""
    return sha256(bytes.fromhex(public_key)).hexdigest()


def is_signed(message: bytes, *, signature: str, public_key: str) -> bool:
    """Is this the Ed25519 signature (RFC 8032) of the holder of this public key? Both in hex."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(
            bytes.fromhex(signature), message
        )
    except (InvalidSignature, ValueError):
        return False
    return True


def anchor_text(checkpoint: Checkpoint, public_key: str) -> str:
    """A checkpoint as it leaves the building: one line of canonical JSON, with the public key."""
    content = {"format": CHECKPOINT_TAG, **_unsigned(checkpoint)}
    return canonical_json({**content, "signature": checkpoint.signature, "public_key": public_key}) + "\n"


def read_anchor(text: str, place: str) -> Checkpoint:
    """The checkpoint that was kept outside, as `anchor_text` wrote it or as a QR code gave it back.

    Raises
    ------
    InputError
        where the text is not one.
    """
    try:
        found: Mapping[str, object] = json.loads(text)
        if not found.keys() >= LEAST_FIELDS or found["format"] != CHECKPOINT_TAG:
            raise ValueError("it lacks the fields of a checkpoint")  # noqa: TRY301 # one report for all
        if type(found["size"]) is not int:
            raise ValueError("its size is no whole number")  # noqa: TRY301 # one report for all
        head = Head(found["size"], str(found["root"]), str(found["last"]))
        made_at = read_instant(str(found["made_at"]))
        return Checkpoint(str(found["ledger"]), head, made_at, str(found["key"]), str(found["signature"]))
    except (ValueError, AttributeError) as error:
        raise InputError(
            f"{place} is no anchor of a ledger ({error}). Give a file that `becalm record checkpoint` wrote."
        ) from error


def _unsigned(checkpoint: Checkpoint) -> dict[str, str | int]:
    return {
        "ledger": checkpoint.ledger,
        "size": checkpoint.head.size,
        "root": checkpoint.head.root,
        "last": checkpoint.head.last,
        "made_at": instant_text(checkpoint.made_at),
        "key": checkpoint.key,
    }
