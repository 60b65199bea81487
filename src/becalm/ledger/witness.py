"""A witness: it keeps the newest head of each log, and signs a later one only where that continues it.

Whoever keeps a ledger could show one history to the overseer and another to a court. A witness that stands
elsewhere signs one history only. Its folder holds a file for each log; a head that was refused although the
log signed it is kept beside it, as evidence.

Source: C2SP tlog-witness (c2sp.org/tlog-witness), with RFC 6962 proofs of consistency.
"""

import fcntl
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from becalm.formats.durable_files import make_private_folder, write_durably
from becalm.ledger.merkle import EMPTY_ROOT, is_consistent
from becalm.ledger.signed_note import (
    COSIGNATURE_TYPE,
    TIME_BYTES,
    NotedHead,
    NoteKey,
    NoteSignature,
    SignedNote,
    cosigned_bytes,
    decode_base64,
    find_signature,
    parse_head_text,
    parse_note,
)
from becalm.ledger.signing import SigningKey
from becalm.terms import LedgerError

SIZE_TYPE: Final = "text/x.tlog.size"
MOST_PROOF_HASHES: Final = 63
LARGEST_REQUEST: Final = 65_536  # bytes


@dataclass(frozen=True, slots=True)
class WitnessReply:
    """What a witness answers over HTTP."""

    status: int
    body: str
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class HeadOffer:
    """A head that a log asks to have signed: since which size, with which proof, and the note of it."""

    old_size: int
    proof: tuple[bytes, ...]
    note: SignedNote
    head: NotedHead

    def __str__(self) -> str:
        return "".join(f"{line}\n" for line in (f"old {self.old_size}", *self.proof_lines, "")) + str(
            self.note
        )

    @property
    def proof_lines(self) -> tuple[str, ...]:
        """The hashes of the proof as they are sent."""
        from base64 import b64encode

        return tuple(b64encode(proof_hash).decode() for proof_hash in self.proof)


def parse_offer(text: str) -> HeadOffer:
    """What was sent to `add-checkpoint`; raises ValueError where it is not written as it should be."""
    preamble, separator, note_text = text.partition("\n\n")
    first_line, *proof_lines = preamble.split("\n")
    size_text = first_line.removeprefix("old ")
    if (
        not separator
        or first_line == size_text
        or not size_text.isdigit()
        or str(int(size_text)) != size_text
    ):
        raise ValueError("it does not begin with the size that is known")
    if len(proof_lines) > MOST_PROOF_HASHES:
        raise ValueError(f"its proof has more than {MOST_PROOF_HASHES} hashes")
    proof = tuple(map(decode_base64, proof_lines))
    if any(len(proof_hash) != 32 for proof_hash in proof):
        raise ValueError("a hash of its proof has another length than 32 bytes")
    note = parse_note(note_text)
    return HeadOffer(int(size_text), proof, note, parse_head_text(note.text))


@dataclass(slots=True)
class Witness:
    """Signs heads of these logs, each only where it continues the one before. For one process at a time."""

    folder: Path
    signing_key: SigningKey
    name: str
    log_keys: Sequence[NoteKey]  # the name of each is the origin of a log; a log may have several
    now: Callable[[], datetime]
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _lock_descriptor: int = -1

    @property
    def key(self) -> NoteKey:
        """The key of this witness, as logs and verifiers are given it."""
        return NoteKey(self.name, COSIGNATURE_TYPE, bytes.fromhex(self.signing_key.public_key))

    def open_folder(self) -> None:
        """Take the folder for this process; raises LedgerError where another witness works in it."""
        try:
            make_private_folder(self.folder)
            self._lock_descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._lock_descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LedgerError(f"Another witness works in {self.folder}. End it first.") from error
        except OSError as error:
            raise LedgerError(f"The folder {self.folder} of the witness cannot be used ({error}).") from error

    def add_checkpoint(self, text: str) -> WitnessReply:
        """Sign the head that is offered, if it continues the newest one; the status says why not."""
        try:
            offer = parse_offer(text)
        except ValueError as error:
            return WitnessReply(400, f"This is no offer of a head: {error}.\n")
        keys = [key for key in self.log_keys if key.name == offer.head.origin]
        if not keys:
            return WitnessReply(404, f"This witness does not know the log {offer.head.origin}.\n")
        if not _is_signed_by_any(offer.note, keys):
            return WitnessReply(403, "No key that this witness knows of the log signed the head.\n")
        if offer.old_size > offer.head.size:
            return WitnessReply(400, "The size that is known is beyond that of the head.\n")
        with self._guard:  # between the question and the writing nobody else may be answered
            return self._compare(offer)

    def _compare(self, offer: HeadOffer) -> WitnessReply:
        kept_note = self.read_newest(offer.head.origin)
        kept_head = (
            parse_head_text(kept_note.text) if kept_note else NotedHead(offer.head.origin, 0, EMPTY_ROOT)
        )
        conflict = WitnessReply(409, f"{kept_head.size}\n", SIZE_TYPE)
        if offer.old_size != kept_head.size:
            return conflict
        if offer.head.size == kept_head.size and offer.head.root != kept_head.root:
            self._keep_refused(offer)
            return conflict
        if not is_consistent(
            kept_head.size, kept_head.root, offer.head.size, offer.head.root, offer.proof
        ) or (offer.old_size == 0 and offer.proof):
            self._keep_refused(offer)
            return WitnessReply(422, "The head does not continue the one that this witness signed last.\n")
        signature = self._cosign(offer.note.text)
        signed_note = replace(offer.note, signatures=(*offer.note.signatures, signature))
        write_durably(self._path(offer.head.origin, "note"), str(signed_note))
        return WitnessReply(200, f"{signature.line}\n")

    def _cosign(self, text: str) -> NoteSignature:
        unix_time = int(self.now().timestamp())
        signature = bytes.fromhex(self.signing_key.sign(cosigned_bytes(text, unix_time)))
        return NoteSignature(self.name, self.key.id, unix_time.to_bytes(TIME_BYTES) + signature)

    def _keep_refused(self, offer: HeadOffer) -> None:
        write_durably(self._path(offer.head.origin, "refused"), str(offer))

    def read_newest(self, origin: str) -> SignedNote | None:
        """The newest head of this log that the witness signed; None where it signed none."""
        try:
            return parse_note(self._path(origin, "note").read_text("utf-8"))
        except FileNotFoundError:
            return None

    def _path(self, origin: str, suffix: str) -> Path:
        return self.folder / f"{sha256(origin.encode()).hexdigest()[:32]}.{suffix}"


def _is_signed_by_any(note: SignedNote, keys: Sequence[NoteKey]) -> bool:
    for key in keys:
        try:
            if find_signature(note, key) is not None:
                return True
        except ValueError:  # it bears the name of the key, and does not fit
            continue
    return False
