"""Signed heads of a ledger, as the notes that leave the building, and as they were written before.

The text of the note has the origin of the log, its size and root, and three lines more: the hash of the last
entry, when the head was signed, and the key that signed it. The signature is over that text; witnesses add
theirs below it. Heads of an older format are signed over canonical JSON instead; they still count.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from becalm.ledger import Checkpoint, Head, format_instant, signed_note
from becalm.ledger.canonical_json import JsonValue, canonical_json
from becalm.ledger.signing import SigningKey, is_key, is_signed, key_id, parse_exact_instant
from becalm.terms import InputError

FIRST_FORMAT: Final = "becalm.checkpoint.1"  # signed over canonical JSON
NOTE_FORMAT: Final = "becalm.checkpoint.2"  # signed over the text of a note
ANCHOR_FIELDS: Final = {"format", "ledger", "size", "root", "last", "made_at", "key", "signature"}
ORIGIN_START: Final = "becalm.invalid/"  # a name that can be no host's, before the identity of the log


def sign_checkpoint(checkpoint: Checkpoint, signing_key: SigningKey) -> Checkpoint:
    """The same head, signed with this key."""
    unsigned_head = replace(
        checkpoint, key_id=signing_key.id, public_key=signing_key.public_key, cosignatures=()
    )
    return replace(unsigned_head, signature=signing_key.sign(head_text(unsigned_head).encode()))


def head_text(checkpoint: Checkpoint) -> str:
    """The text of the note that says this head, which its signature is over."""
    head = checkpoint.head
    made_at = format_instant(checkpoint.made_at)
    extensions = (f"last {head.last_hash}", f"made {made_at}", f"key {checkpoint.public_key}")
    return signed_note.NotedHead(
        f"{ORIGIN_START}{checkpoint.ledger_id}", head.size, bytes.fromhex(head.root), extensions
    ).text


def is_head_signed(checkpoint: Checkpoint, public_key: str) -> bool:
    """Did the holder of this public key (in hex) sign the head, in this format or the one before?"""
    try:
        message = head_text(replace(checkpoint, public_key=public_key)).encode()
    except ValueError:  # a root that is none
        return False
    former_message = canonical_json({"format": FIRST_FORMAT, **unsigned_fields(checkpoint)}).encode()
    return any(
        is_signed(signed_bytes, signature=checkpoint.signature, public_key=public_key)
        for signed_bytes in (message, former_message)
    )


def is_note_signed(checkpoint: Checkpoint, public_key: str) -> bool:
    """Did the holder of this public key (in hex) sign the head as a note?"""
    return bool(_note_text(checkpoint, public_key))


def is_self_signed(checkpoint: Checkpoint) -> bool:
    """Does the key that came with this head fit its id and its signature? Whose key it is, is not asked."""
    key = checkpoint.public_key
    return is_key(key, checkpoint.key_id) and is_head_signed(checkpoint, key)


def log_key(ledger: str, public_key: str) -> signed_note.NoteKey:
    """The key of this log as witnesses and verifiers are given it."""
    return signed_note.NoteKey(f"{ORIGIN_START}{ledger}", signed_note.PLAIN_TYPE, bytes.fromhex(public_key))


def make_note(checkpoint: Checkpoint, public_key: str = "") -> signed_note.SignedNote:
    """The note of this head, with the signatures of its key and of its witnesses."""
    signed_head = replace(checkpoint, public_key=public_key or checkpoint.public_key)
    key = log_key(signed_head.ledger_id, signed_head.public_key)
    signature = signed_note.NoteSignature(key.name, key.id, bytes.fromhex(signed_head.signature))
    return signed_note.SignedNote(head_text(signed_head), (signature, *checkpoint.cosignatures))


def format_anchor(checkpoint: Checkpoint, public_key: str) -> str:
    """A head as it leaves the building: its note; of the format before, one line of canonical JSON."""
    return _note_text(checkpoint, public_key) or format_json_anchor(checkpoint, public_key)


def format_json_anchor(checkpoint: Checkpoint, public_key: str) -> str:
    """A head for programs: one line of canonical JSON, with the note in it where it was signed as one."""
    note_text = _note_text(checkpoint, public_key)
    fields: dict[str, JsonValue] = {
        "format": NOTE_FORMAT if note_text else FIRST_FORMAT,
        **unsigned_fields(checkpoint),
        "signature": checkpoint.signature,
        "public_key": public_key,
    }
    return canonical_json({**fields, "note": note_text} if note_text else fields) + "\n"


def _note_text(checkpoint: Checkpoint, public_key: str) -> str:
    """The note of this head; empty where another text was signed."""
    try:
        note = make_note(checkpoint, public_key)
    except ValueError:  # a root, a key or a signature that is none
        return ""
    is_note = is_signed(note.text.encode(), signature=checkpoint.signature, public_key=public_key)
    return str(note) if is_note else ""


def parse_anchor(text: str, place: str) -> Checkpoint:
    """The head that was kept outside: a note, JSON that holds one, or JSON of the format before.

    Raises InputError where the text is none of these.
    """
    try:
        if not text.lstrip().startswith("{"):
            return _read_note(text)
        fields: Mapping[str, object] = json.loads(text)
        if fields.get("format") == NOTE_FORMAT:
            return _read_note(str(fields["note"]))
        if not fields.keys() >= ANCHOR_FIELDS or fields["format"] != FIRST_FORMAT:
            raise ValueError("it lacks the fields of a checkpoint")  # noqa: TRY301 # one report for all
        if type(fields["size"]) is not int:
            raise ValueError("its size is no whole number")  # noqa: TRY301 # one report for all
        signed_head = Head(fields["size"], str(fields["root"]), str(fields["last"]))
        made_at = parse_exact_instant(str(fields["made_at"]))
        key, signature = str(fields["key"]), str(fields["signature"])
        return Checkpoint(
            str(fields["ledger"]), signed_head, made_at, key, signature, str(fields.get("public_key", ""))
        )
    except (ValueError, AttributeError, KeyError) as error:
        raise InputError(
            f"{place} is no anchor of a ledger ({error}). Give a file that `becalm record checkpoint` wrote."
        ) from error


def _read_note(text: str) -> Checkpoint:
    note = signed_note.parse_note(text.strip() + "\n")
    noted_head = signed_note.parse_head_text(note.text)
    names = [extension.partition(" ")[0] for extension in noted_head.extensions]
    if not noted_head.origin.startswith(ORIGIN_START) or names != ["last", "made", "key"]:
        raise ValueError("it is the head of another kind of log")
    last_hash, made_text, public_key = (line.partition(" ")[2] for line in noted_head.extensions)
    head = Head(noted_head.size, noted_head.root.hex(), last_hash)
    ledger = noted_head.origin.removeprefix(ORIGIN_START)
    own_key = log_key(ledger, public_key)
    own_signatures = [s for s in note.signatures if (s.name, s.key_id) == (own_key.name, own_key.id)]
    signature = own_signatures[0].signature.hex() if own_signatures else ""
    cosignatures = tuple(s for s in note.signatures if s not in own_signatures)
    made_at: datetime = parse_exact_instant(made_text)
    return Checkpoint(ledger, head, made_at, key_id(public_key), signature, public_key, cosignatures)


def unsigned_fields(checkpoint: Checkpoint) -> dict[str, str | int]:
    """What a checkpoint says beside its signature, by the names that anchors and the ledger have for it."""
    return {
        "ledger": checkpoint.ledger_id,
        "size": checkpoint.head.size,
        "root": checkpoint.head.root,
        "last": checkpoint.head.last_hash,
        "made_at": format_instant(checkpoint.made_at),
        "key": checkpoint.key_id,
    }
