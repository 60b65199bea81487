"""Signed notes: heads in the form that the witnesses and verifiers of the world read.

A note is a text, an empty line, and a line for each signature. That of a head has the origin of the log, its
size and its root in base64 in the first three lines; further lines say more. A witness signs the same text,
with the time before it.

Source: C2SP signed-note, tlog-checkpoint and tlog-cosignature (c2sp.org, v1), with Ed25519 (RFC 8032).
"""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from becalm.terms import InputError

PLAIN_TYPE: Final = 1  # an Ed25519 signature over the text
COSIGNATURE_TYPE: Final = 4  # one of a witness, over the time and the text
SIGNATURE_START: Final = "— "
MOST_SIGNATURES: Final = 64
KEY_ID_BYTES: Final = 4
TIME_BYTES: Final = 8
LATEST_TIME: Final = 253_402_300_799  # the last second of the year 9999


@dataclass(frozen=True, slots=True)
class NoteKey:
    """Whose signature a line of a note is: a name, the type of its signatures, and an Ed25519 key."""

    name: str
    type: int
    public_key: bytes

    @property
    def id(self) -> bytes:
        """Four bytes that stand before each of its signatures."""
        return sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.public_key).digest()[
            :KEY_ID_BYTES
        ]

    @property
    def text(self) -> str:
        """The key as people hand it on: name, id and key."""
        key_material = b64encode(bytes([self.type]) + self.public_key).decode()
        return f"{self.name}+{self.id.hex()}+{key_material}"


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One line below a note: by whom, by which key, and the signature (of a witness: the time before it)."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """The line, without its end."""
        return f"{SIGNATURE_START}{self.name} {b64encode(self.key_id + self.signature).decode()}"


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text that ends with a line end, and who signed it."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n" + "".join(f"{signature.line}\n" for signature in self.signatures)


@dataclass(frozen=True, slots=True)
class NotedHead:
    """What the text of a note says of a log: its origin, its size, its root, and lines beyond these."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text of the note."""
        lines = (self.origin, str(self.size), b64encode(self.root).decode(), *self.extensions)
        return "".join(f"{line}\n" for line in lines)


def parse_note_key(text: str) -> NoteKey:
    """The key that somebody handed on, as `NoteKey.text` writes it.

    Raises InputError where it is none, or its id is not that of the key.
    """
    try:
        name, key_id, key_material = text.strip().split("+", 2)
        key_bytes = b64decode(key_material, validate=True)
        note_key = NoteKey(name, key_bytes[0], key_bytes[1:])
        if len(note_key.public_key) != 32 or note_key.id.hex() != key_id or not _is_name(name):
            raise ValueError("its parts do not belong together")  # noqa: TRY301 # one report for all
    except (ValueError, IndexError) as error:
        raise InputError(
            f"{text!r:.100} is no key of a log or a witness ({error}). It is written NAME+ID+KEY, as "
            "`becalm record head` and `becalm record witness` print it."
        ) from error
    if note_key.type not in (PLAIN_TYPE, COSIGNATURE_TYPE):
        raise InputError(
            f"The key {name} is of type {note_key.type}; becalm reads Ed25519 keys (types 1 and 4)."
        )
    return note_key


def parse_note(text: str) -> SignedNote:
    """The note in this text; raises ValueError where it is none."""
    if any(character < " " and character != "\n" for character in text):
        raise ValueError("it holds a control character")
    body, separator, signature_text = text.rpartition("\n\n")
    if not separator or not signature_text.endswith("\n"):
        raise ValueError("it has no text with signatures below it")
    lines = signature_text.split("\n")[:-1]
    if len(lines) > MOST_SIGNATURES:
        raise ValueError(f"it has more than {MOST_SIGNATURES} signatures")
    return SignedNote(f"{body}\n", tuple(map(parse_signature_line, lines)))


def parse_signature_line(line: str) -> NoteSignature:
    """One signature of a note; raises ValueError where the line is none."""
    name, separator, encoded = line.removeprefix(SIGNATURE_START).partition(" ")
    if not line.startswith(SIGNATURE_START) or not separator or not _is_name(name):
        raise ValueError(f"{line!r:.60} is no signature")
    signature_bytes = decode_base64(encoded)
    if len(signature_bytes) <= KEY_ID_BYTES:
        raise ValueError(f"the signature of {name} is cut off")
    return NoteSignature(name, signature_bytes[:KEY_ID_BYTES], signature_bytes[KEY_ID_BYTES:])


def _is_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(map(str.isspace, name))


def parse_head_text(text: str) -> NotedHead:
    """What the text of a note says of a log; raises ValueError where it is not that of a head."""
    lines = text.split("\n")[:-1]
    if len(lines) < 3:
        raise ValueError("it has fewer than three lines")
    origin, size_text, encoded_root, *extensions = lines
    root = decode_base64(encoded_root)
    is_whole = size_text.isascii() and size_text.isdigit() and str(int(size_text)) == size_text
    if not origin or not is_whole or len(root) != 32 or not all(extensions):
        raise ValueError("it does not begin with origin, size and root of a log")
    return NotedHead(origin, int(size_text), root, tuple(extensions))


def decode_base64(text: str) -> bytes:
    """The bytes of a text in base64; raises ValueError where it is not the one text that stands for them."""
    decoded_bytes = b64decode(text, validate=True)
    if b64encode(decoded_bytes).decode() != text:
        raise ValueError(f"{text!r:.40} is not base64 as it is written")
    return decoded_bytes


def cosigned_bytes(text: str, unix_time: int) -> bytes:
    """The bytes that a witness signs: that it saw this text, at this time."""
    return f"cosignature/v1\ntime {unix_time}\n{text}".encode()


def find_signature(note: SignedNote, key: NoteKey) -> NoteSignature | None:
    """The signature of this key below the note; None where there is none.

    Raises ValueError where there is one, and it does not fit the text.
    """
    signature = next((s for s in note.signatures if (s.name, s.key_id) == (key.name, key.id)), None)
    if signature is None:
        return None
    message, signature_bytes = note.text.encode(), signature.signature
    if key.type == COSIGNATURE_TYPE:
        message = cosigned_bytes(note.text, int.from_bytes(signature_bytes[:TIME_BYTES]))
        signature_bytes = signature_bytes[TIME_BYTES:]
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(signature_bytes, message)
    except InvalidSignature as error:
        raise ValueError(f"the signature of {key.name} does not fit it") from error
    return signature


def read_cosignature_time(signature: NoteSignature) -> datetime:
    """When a witness signed; raises ValueError where that is no time."""
    unix_time = int.from_bytes(signature.signature[:TIME_BYTES])
    if unix_time > LATEST_TIME:
        raise ValueError(f"the signature of {signature.name} bears no time")
    return datetime.fromtimestamp(unix_time, UTC)


def list_cosigners(note: SignedNote, keys: Sequence[NoteKey]) -> dict[str, datetime]:
    """Which of these witnesses signed the note, and when; raises ValueError where one does not fit."""
    signatures = {key.name: find_signature(note, key) for key in keys if key.type == COSIGNATURE_TYPE}
    return {name: read_cosignature_time(s) for name, s in signatures.items() if s is not None}
