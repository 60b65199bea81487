"""The keys to which phones seal what officers write, and the opening of what was sealed.

A phone knows the public key alone: what is written on it can be read by nobody who takes it, and sending
it needs no unlocking. Each record is sealed with a key of its own: ECDH on P-256 with the server's key, HKDF
with SHA-256, AES-256 in GCM. Its id, kind, form and key number are bound to it.

Sources: NIST SP 800-56A revision 3 (2018); RFC 5869 (2010); NIST SP 800-38D (2007).
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDH,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from becalm.formats.durable_files import make_private_folder, write_durably
from becalm.terms import InputError, LedgerError

SEAL_TAG: Final = b"becalm.street.1"
POINT_BYTES: Final = 65  # of a public key, uncompressed
IV_BYTES: Final = 12
CURRENT_FOR: Final = timedelta(days=30)  # then the next key is drawn
KEPT_FOR: Final = timedelta(days=400)  # a record may lie on a phone for long
KEY_NAME: Final = "{}.json"


@dataclass(frozen=True, slots=True)
class StreetKey:
    """One key of the server: its number, when it was drawn, and the private part."""

    number: int
    made_at: datetime
    private: EllipticCurvePrivateKey

    @property
    def public_text(self) -> str:
        """The public part as a phone takes it: the point, in base64 for addresses."""
        point = self.private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return base64.urlsafe_b64encode(point).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class SealedRecord:
    """A record as it comes from a phone: what it says of itself, and what nobody but the server can read."""

    id: str
    kind: str
    form: str
    key: int
    sealed: str

    @property
    def bound_bytes(self) -> bytes:
        """What it says of itself, which the seal holds it to."""
        return json.dumps([self.id, self.kind, self.form, self.key], separators=(",", ":")).encode()


class StreetKeys:
    """The keys of one workspace, each in a file that only its owner can read; read once, when first asked."""

    def __init__(self, workspace: Path) -> None:
        self._folder = workspace / "street" / "keys"
        self._key_by_number: dict[int, StreetKey] | None = None

    def current(self, now: datetime) -> StreetKey:
        """The key to which phones seal now; a new one is drawn every 30 days.

        Raises LedgerError where no key can be kept.
        """
        keys = self._read_all()
        newest = max(keys.values(), key=lambda key: key.number, default=None)
        if newest is not None and now - newest.made_at < CURRENT_FOR:
            return newest
        for number, key in keys.items():
            if now - key.made_at > KEPT_FOR:
                (self._folder / KEY_NAME.format(number)).unlink(missing_ok=True)
        new_key = StreetKey(newest.number + 1 if newest else 1, now, generate_private_key(SECP256R1()))
        self._keep(new_key)
        self._key_by_number = None
        return new_key

    def find(self, number: int) -> StreetKey | None:
        """The key of this number, if it is still kept."""
        return self._read_all().get(number)

    def _keep(self, key: StreetKey) -> None:
        pem = key.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        content = {"made_at": key.made_at.isoformat(), "private": pem.decode()}
        try:
            make_private_folder(self._folder.parent)
            make_private_folder(self._folder)
            write_durably(self._folder / KEY_NAME.format(key.number), json.dumps(content, indent=1) + "\n")
        except OSError as error:
            raise LedgerError(
                f"The key for records of the street cannot be kept in {self._folder} ({error}). Make room, "
                "or make the folder writable; until then no shift can start offline."
            ) from error

    def _read_all(self) -> Mapping[int, StreetKey]:
        if self._key_by_number is None:
            self._key_by_number = self._read_files()
        return self._key_by_number

    def _read_files(self) -> dict[int, StreetKey]:
        keys = {}
        for path in sorted(self._folder.glob("*.json")) if self._folder.is_dir() else ():
            try:
                content = json.loads(path.read_text("utf-8"))
                private = serialization.load_pem_private_key(content["private"].encode(), password=None)
                made_at = datetime.fromisoformat(content["made_at"])
                number = int(path.stem)
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise LedgerError(
                    f"{path} cannot be read as a key for records of the street ({error}). Put it back from a "
                    "backup: what was sealed to it cannot be read without it."
                ) from error
            if isinstance(private, EllipticCurvePrivateKey):
                keys[number] = StreetKey(number, made_at, private)
        return keys


def open_record(record: SealedRecord, key: StreetKey) -> Mapping[str, Any]:
    """What was written on the phone. Raises InputError where the seal does not fit the record or the key."""
    try:
        seal_bytes = base64.urlsafe_b64decode(record.sealed + "=" * (-len(record.sealed) % 4))
        point, iv = seal_bytes[:POINT_BYTES], seal_bytes[POINT_BYTES : POINT_BYTES + IV_BYTES]
        phone_key = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
        secret = key.private.exchange(ECDH(), phone_key)
        cipher = AESGCM(_derive_key(secret, point, key))
        content = json.loads(cipher.decrypt(iv, seal_bytes[POINT_BYTES + IV_BYTES :], record.bound_bytes))
    except (InvalidTag, ValueError, binascii.Error) as error:
        raise InputError(
            f"The record {record.id[:40]} cannot be opened: it was damaged or altered on the way. It is kept "
            "aside as it came."
        ) from error
    if not isinstance(content, dict):
        raise InputError(f"The record {record.id[:40]} holds no form. It is kept aside as it came.")
    return content


def seal_record(
    content: Mapping[str, Any], *, id: str, kind: str, form: str, key: StreetKey, iv: bytes
) -> SealedRecord:
    """Seal a record as a phone does, which shows what a phone must do; `iv` are 12 random bytes."""
    own_key = generate_private_key(SECP256R1())
    point = own_key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    secret = own_key.exchange(ECDH(), key.private.public_key())
    unsealed = SealedRecord(id, kind, form, key.number, "")
    ciphertext = AESGCM(_derive_key(secret, point, key)).encrypt(
        iv, json.dumps(content).encode(), unsealed.bound_bytes
    )
    seal_text = base64.urlsafe_b64encode(point + iv + ciphertext).decode().rstrip("=")
    return SealedRecord(id, kind, form, key.number, seal_text)


def _derive_key(secret: bytes, phone_point: bytes, key: StreetKey) -> bytes:
    """The key of one record, bound to both public keys."""
    server_point = base64.urlsafe_b64decode(key.public_text + "=")
    return HKDF(SHA256(), length=32, salt=phone_point + server_point, info=SEAL_TAG).derive(secret)
