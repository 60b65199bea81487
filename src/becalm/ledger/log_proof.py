"""The proof that an entry is in the ledger, as one file that anybody can check without the ledger.

It holds the entry itself (`extra`: the array that is hashed into it), the hashes from there up to the root,
and the signed head, with the signatures of its witnesses.

Source: C2SP tlog-proof (c2sp.org/tlog-proof, v1), with RFC 6962 proofs of inclusion.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Final

import orjson

from becalm.ledger.chain import ENTRY_TAG, HASH, SEQ, StoredRow
from becalm.ledger.merkle import inclusion_proofs

PROOF_TAG: Final = "c2sp.org/tlog-proof@v1"
FIGURE_FORMAT: Final = "becalm.figure-proof.1"


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
