"""Which details were erased: a register outside of the store, so that no copy put back revives them.

One commitment a line, which tells nothing about anybody. It stands beside the ledger, and in every further
place that the ledger is opened with: a copy of a whole folder brings back the one beside it too.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from becalm.formats.durable_files import sync_path
from becalm.terms import LedgerError

OWNER_ONLY: Final = 0o600
COMMITMENT_LENGTH: Final = 64  # of a SHA-256 in hex


class ErasureRegister:
    """The commitments of all details that were erased, read from every file that can be read.

    `ledger_path` is a file beside which it stands under the same name with the ending `.erased`.
    """

    def __init__(self, ledger_path: Path | None, other_paths: Sequence[Path] = ()) -> None:
        own_paths = [ledger_path.with_suffix(".erased")] if ledger_path is not None else []
        self.paths: tuple[Path, ...] = (*own_paths, *other_paths)

    def read(self) -> frozenset[str]:
        """Every commitment that stands in one of the files. A line that is none is passed over."""
        commitments: set[str] = set()
        for path in self.paths:
            try:
                file_lines = path.read_text("ascii", errors="replace").splitlines()
            except OSError:
                continue  # a place that is away for now: what it lacks is written at the next erasure
            commitments.update(line for line in file_lines if len(line) == COMMITMENT_LENGTH)
        return frozenset(commitments)

    def add(self, commitments: Iterable[str]) -> None:
        """Note these in every file that can be reached, with all that the others know.

        Raises LedgerError where the first file, beside the ledger, cannot be written.
        """
        known_commitments = self.read() | set(commitments)
        for path in self.paths:
            try:
                _append_missing(path, known_commitments)
            except OSError as error:
                if path == self.paths[0]:
                    raise LedgerError(
                        f"{path} cannot be written ({error}): a copy put back would revive what was erased. "
                        "Fix this, then erase again."
                    ) from error


def _append_missing(path: Path, commitments: Iterable[str]) -> None:
    is_new = not path.exists()
    held_commitments = set() if is_new else set(path.read_text("ascii", errors="replace").splitlines())
    new_lines = [
        f"{commitment}\n" for commitment in sorted(commitments) if commitment not in held_commitments
    ]
    if not new_lines:
        return
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, OWNER_ONLY), "a") as register_file:
        register_file.write("".join(new_lines))
        register_file.flush()
        os.fsync(register_file.fileno())
    if is_new:
        sync_path(path.parent)
