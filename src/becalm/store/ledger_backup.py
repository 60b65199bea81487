"""Copies of a ledger in a file: made whole, read without touching them, and put in the ledger's place."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from becalm.tables.ledger import COLUMNS, StoredRow
from becalm.terms.errors import LedgerError

BESIDE = ("-wal", "-shm")
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class LedgerOnDisk:
    """A ledger in a file that nobody has opened: its identity, its bytes, and its rows as they are stored."""

    path: Path
    identity: str
    sha256: str

    def rows(self) -> Iterator[StoredRow]:
        """Every row by ascending number, unchecked."""
        with _read_only(self.path) as connection:
            yield from connection.execute(f"SELECT {', '.join(COLUMNS)} FROM event ORDER BY seq")

    def erased(self) -> tuple[int, ...]:
        """The entries whose personal details are destroyed."""
        with _read_only(self.path) as connection:
            asked = "SELECT seq FROM event WHERE commitment <> '' AND seq NOT IN (SELECT seq FROM payload)"
            return tuple(seq for (seq,) in connection.execute(asked))


def copy_ledger(ledger: Path, target: Path) -> LedgerOnDisk:
    """Copy a ledger while others write to it: whole, as it stood at one moment, without what was erased.

    Raises LedgerError where there is something at `target`, or the copy cannot be written.
    """
    if target.exists():
        raise LedgerError(f"{target} is there already. Name a new file with --out.")
    fresh = target.with_name(f".{target.name}.partly")
    try:
        fresh.unlink(missing_ok=True)
        os.close(os.open(fresh, os.O_CREAT | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(ledger)) as connection:
            connection.execute("VACUUM INTO ?", (str(fresh),))
        _sync(fresh)
        fresh.rename(target)
        _sync(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(
            f"No copy could be written to {target} ({error}). Name another with --out."
        ) from error
    finally:
        fresh.unlink(missing_ok=True)
    return read_copy(target)


def read_copy(path: Path) -> LedgerOnDisk:
    """The ledger in this file.

    Raises LedgerError where there is none.
    """
    if not path.is_file():
        raise LedgerError(f"{path} is no file. Name a copy that `becalm record backup` made.")
    with _read_only(path) as connection:
        found = connection.execute("SELECT identity FROM ledger").fetchone()
    if found is None:
        raise LedgerError(f"{path} holds no ledger. Name a copy that `becalm record backup` made.")
    return LedgerOnDisk(path, str(found[0]), _sha256(path))


def place_copy(copy: Path, ledger: Path) -> Path | None:
    """Put a copy of `copy` where the ledger is; what was there stands beside it from then on.

    Returns where it stands. Nobody else may have the ledger open.
    """
    fresh = ledger.with_name(f".{ledger.name}.new")
    try:
        shutil.copyfile(copy, fresh)
        fresh.chmod(0o600)
        _sync(fresh)
        aside = _set_aside(ledger)
        fresh.rename(ledger)
        _sync(ledger.parent)
    except OSError as error:
        raise LedgerError(f"{copy} could not be put in place ({error}). The ledger is as it was.") from error
    finally:
        fresh.unlink(missing_ok=True)
    return aside


def _set_aside(ledger: Path) -> Path | None:
    if not ledger.exists():
        return None
    number = 1
    while (aside := ledger.with_name(f"{ledger.name}.replaced-{number}")).exists():
        number += 1
    for ending in BESIDE:
        beside = ledger.with_name(ledger.name + ending)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + ending))
    ledger.rename(aside)
    return aside


@contextmanager
def _read_only(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise LedgerError(f"{path} cannot be read as a ledger ({error}). Name another copy.") from error


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
