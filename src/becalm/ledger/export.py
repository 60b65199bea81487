"""The ledger as files that anybody can verify: entries, signed heads, and the verifier that reads them.

entries.jsonl holds one entry a line, an array of the columns that `ledger.json` names, as they are stored.
checkpoints.jsonl holds one signed head a line with its public key, each of them an anchor of its own.
receipts.jsonl holds one append a line: its ticket, its first and last entry, or why it was refused (first 0).

The proof of one entry is a file of its own (C2SP tlog-proof, c2sp.org/tlog-proof, v1): the entry itself
(`extra`: the array that is hashed into it), the RFC 6962 hashes from there up to the root, and the signed
head, with the signatures of its witnesses.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import takewhile
from pathlib import Path
from typing import Final

import orjson

from becalm.formats.durable_files import make_private_folder
from becalm.ledger import Checkpoint, Ledger
from becalm.ledger.canonical_json import JsonValue, canonical_json
from becalm.ledger.chain import COLUMNS, ENTRY_TAG, FACTS, HASH, KIND, SEQ, StoredRow
from becalm.ledger.merkle import inclusion_proofs
from becalm.ledger.signed_heads import format_json_anchor
from becalm.terms import LedgerError

VERIFIER: Final = "verify_ledger.py"
FORMAT: Final = "becalm.export.1"
PROOF_TAG: Final = "c2sp.org/tlog-proof@v1"
FIGURE_FORMAT: Final = "becalm.figure-proof.1"


@dataclass(frozen=True, slots=True)
class ExportWritten:
    """What was written: the folder, its files, and how many entries they hold."""

    folder: Path
    files: tuple[Path, ...]
    entries: int
    checkpoints: int


def write_export(
    folder: Path,
    ledger: Ledger,
    checkpoints: Sequence[Checkpoint],
    *,
    size: int,
) -> ExportWritten:
    """Write the first `size` entries, signed heads, receipts and the verifier into a new or empty folder.

    Raises LedgerError where the folder holds something already, or cannot be written.
    """
    try:
        make_private_folder(folder)
        if any(folder.iterdir()):
            raise LedgerError(f"{folder} is not empty. Name a new folder; nothing was written.")
        public_key_by_id: dict[str, str] = {}
        entry_count = _write_lines(
            folder / "entries.jsonl", _entry_lines(ledger.rows(), size, public_key_by_id)
        )
        anchor_lines = (
            format_json_anchor(checkpoint, public_key_by_id.get(checkpoint.key_id, ""))
            for checkpoint in checkpoints
        )
        checkpoint_count = _write_lines(folder / "checkpoints.jsonl", anchor_lines)
        receipts = [
            (r.ticket, r.first, r.last, r.refusal) for r in ledger.stored_receipts() if r.last <= size
        ]
        _write_lines(folder / "receipts.jsonl", (canonical_json(receipt) + "\n" for receipt in receipts))
        description: dict[str, JsonValue] = {
            "format": FORMAT,
            "ledger": ledger.identity,
            "columns": COLUMNS,
            "keys": public_key_by_id,
            "has_all_receipts": ledger.has_all_receipts,
        }
        (folder / "ledger.json").write_text(canonical_json(description) + "\n", "utf-8")
        (folder / VERIFIER).write_text(verifier_text(), "utf-8")
    except OSError as error:
        raise LedgerError(f"The export cannot be written into {folder} ({error}).") from error
    return ExportWritten(folder, tuple(sorted(folder.iterdir())), entry_count, checkpoint_count)


def verifier_text() -> str:
    """The stand-alone verifier: one file of the standard library, which anybody can read and run."""
    return (files("becalm.ledger") / "standalone" / VERIFIER).read_text("utf-8")


def _write_lines(path: Path, lines: Iterable[str]) -> int:
    line_count = 0
    with path.open("w", encoding="utf-8", newline="\n") as text_stream:
        for line in lines:
            text_stream.write(line)
            line_count += 1
    return line_count


def _entry_lines(rows: Iterable[StoredRow], size: int, key_by_id: dict[str, str]) -> Iterator[str]:
    """The rows as lines; the public keys that they name are noted in `key_by_id` on the way."""
    for row in takewhile(lambda row: row[SEQ] <= size, rows):
        if row[KIND] == "key_rotated":
            facts = json.loads(row[FACTS])
            key_by_id[facts["new_key"]] = facts.get("new_public_key", "")
        yield canonical_json(row) + "\n"


def format_proofs(rows: Sequence[StoredRow], leaves: Sequence[bytes], note: str) -> tuple[str, ...]:
    """The proof of each of these rows in the log with these leaves, whose head is that of the note."""
    proofs = inclusion_proofs(leaves, [row[SEQ] - 1 for row in rows])
    return tuple(_format_proof(row, hashes, note) for row, hashes in zip(rows, proofs, strict=True))


def _format_proof(row: StoredRow, hashes: Sequence[bytes], note: str) -> str:
    hashed_array = orjson.dumps((ENTRY_TAG, *row[:HASH]))
    lines = [PROOF_TAG, f"extra {_base64(hashed_array)}", f"index {row[SEQ] - 1}", *map(_base64, hashes)]
    return "\n".join(lines) + f"\n\n{note}"


def _base64(content: bytes) -> str:
    return b64encode(content).decode()
