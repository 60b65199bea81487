"""Copies of a SQLite ledger: made while it is written, put back, and made to forget what was erased.

Beside the ledger stands `ledger.backups.json`, the register of the copies that were made and of what has
been erased since the first: an erasure reaches every copy that can be reached, and a copy that could not is
made to forget when it is put back. It names entries by their commitments, which tell nothing about anybody.
"""

import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO, cast

from becalm.formats import durable_files
from becalm.ledger.chain import format_instant, opening_hash
from becalm.ledger.merkle import root_of_peaks
from becalm.ledger.store.new_entries import parse_peaks
from becalm.ledger.store.payloads import REWRITE_STATEMENTS
from becalm.terms import LedgerError

FORMAT = "becalm-backup-1"
LOCK_WAIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Backup:
    """A copy of a ledger, as its manifest beside it and the register describe it."""

    path: str
    ledger: str  # the identity of the ledger
    size: int
    root: str
    last: str
    made_at: str
    file_sha256: str


def back_up(ledger: Path, copy: Path, *, now: datetime) -> Backup:
    """Copy the ledger as it stands into a new file, while others go on writing, with a manifest beside it.

    Raises LedgerError where there is no ledger, or the copy cannot be written or exists already.
    """
    if copy.exists():
        raise LedgerError(f"{copy} exists already. Name another file for the copy; nothing was written.")
    new_path = copy.with_name(f".{copy.name}.{os.getpid()}.new")
    try:
        with _open_register(ledger) as backup_register:
            durable_files.make_private_folder(copy.parent)
            _copy_database(ledger, new_path)
            made_at, digest = format_instant(now), durable_files.sha256_of(new_path)
            backup = Backup(str(copy.resolve()), *_read_head(new_path), made_at, digest)
            new_path.replace(copy)
            _write_json(_manifest_path(copy), {"format": FORMAT, **asdict(backup)})
            backup_register["backups"] = [*backup_register["backups"], asdict(backup)]
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(f"No copy of {ledger} was made: {error}. Look after {copy.parent}.") from error
    finally:
        new_path.unlink(missing_ok=True)
    return backup


def read_backup(copy: Path) -> Backup:
    """The copy that stands here, if it is whole and as its manifest says.

    Raises LedgerError where the manifest is missing, or the copy is not the one that it describes.
    """
    try:
        manifest = json.loads(_manifest_path(copy).read_text("utf-8"))
        backup = Backup(**{manifest_name: manifest[manifest_name] for manifest_name in Backup.__slots__})
        head_of_backup = (backup.ledger, backup.size, backup.root, backup.last)
        is_copy_intact = backup.file_sha256 == durable_files.sha256_of(copy) and head_of_backup == _read_head(
            copy
        )
    except (OSError, ValueError, KeyError, TypeError, sqlite3.Error) as error:
        raise LedgerError(f"{copy} cannot be read as a copy of a ledger: {error}. Name another.") from error
    if not is_copy_intact:
        manifest_name = _manifest_path(copy).name
        raise LedgerError(f"{copy} is not what {manifest_name} says: it was altered. Name another.")
    return replace(backup, path=str(copy.resolve()))


def restore(copy: Path, ledger: Path, *, now: datetime) -> Backup:
    """Put a copy in the place of the ledger, less what has been erased since it was made.

    All of it or nothing; what stood there is backed up beside it first, if it can be read. The ledger then
    is an older copy, and refuses to be written until two people confirm it (`ledger_restored`).

    Raises LedgerError where the copy is not whole or is one of another ledger, or somebody has the ledger
    open.
    """
    backup = read_backup(copy)
    if ledger.exists() and (ledger_identity := _read_identity(ledger)):
        if ledger_identity != backup.ledger:
            raise LedgerError(
                f"{copy} is a copy of ledger {backup.ledger}, and {ledger} is ledger {ledger_identity}. "
                "Name a copy of this one; nothing was changed."
            )
        back_up(ledger, ledger.with_name(f"{ledger.stem}-replaced-{now:%Y%m%dT%H%M%S%f}.sqlite"), now=now)
    with _open_register(ledger) as backup_register:
        new_path = ledger.with_name(f".{ledger.name}.{os.getpid()}.new")
        try:
            # What was erased before the first copy was made stands in the entries alone, not in the register.
            backup_register["erased"] = sorted({*backup_register["erased"], *_erased_commitments(ledger)})
            _copy_database(copy, new_path)
            _forget(new_path, backup_register["erased"])
            _put_in_place(new_path, ledger)
        except (OSError, sqlite3.Error) as error:
            raise LedgerError(f"{copy} was not put back: {error}. The ledger is as it was.") from error
        finally:
            new_path.unlink(missing_ok=True)
    return backup


def forget_in_backups(ledger: Path, commitments: Iterable[str]) -> None:
    """Destroy the payloads of these commitments in every copy that can be reached, and keep them in mind."""
    if not _register_path(ledger).exists():
        return
    with _open_register(ledger) as backup_register:
        backup_register["erased"] = sorted({*backup_register["erased"], *commitments})
        erased_commitments, backups = backup_register["erased"], backup_register["backups"]
        backup_register["backups"] = [
            _forget_in_backup(backup_fields, erased_commitments) for backup_fields in backups
        ]


def _forget_in_backup(backup_fields: dict[str, Any], erased_commitments: Sequence[str]) -> dict[str, Any]:
    """The register's line of a copy, after the copy has been made to forget (if it is still there)."""
    backup_path = Path(backup_fields["path"])
    try:
        if not backup_path.is_file() or not _forget(backup_path, erased_commitments):
            return backup_fields
        changed_fields = {**backup_fields, "file_sha256": durable_files.sha256_of(backup_path)}
        _write_json(_manifest_path(backup_path), {"format": FORMAT, **changed_fields})
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(
            f"The payloads are destroyed in the ledger, but not in its copy {backup_path}: {error}. "
            "Fix this and "
            "erase them again, or destroy the copy."
        ) from error
    return changed_fields


def _forget(file: Path, commitments: Sequence[str]) -> bool:
    """Destroy the payloads of these commitments in a copy; whether there were any."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("BEGIN IMMEDIATE")
        sql_condition = "seq IN (SELECT seq FROM event WHERE commitment IN (SELECT value FROM json_each(?)))"
        deletion_result = connection.execute(
            f"DELETE FROM payload WHERE {sql_condition}", (json.dumps(commitments),)
        )
        for statement in REWRITE_STATEMENTS if deletion_result.rowcount else ():
            connection.execute(statement)
        connection.execute("COMMIT")
    return deletion_result.rowcount > 0


def _copy_database(source: Path, copy: Path) -> None:
    """Copy a database with SQLite's own online backup, as one whole file that is on the disk."""
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as source_database,
        closing(sqlite3.connect(copy)) as copy_database,
    ):
        copy.chmod(0o600)
        source_database.backup(copy_database)
        # In WAL mode the newest pages would stand in a second file, which nobody copies along.
        copy_database.execute("PRAGMA journal_mode = DELETE")
    durable_files.sync_path(copy)


def _put_in_place(new_path: Path, ledger: Path) -> None:
    """Put this file in the ledger's place, in one step."""
    wal_path = ledger.with_name(ledger.name + "-wal")
    if ledger.exists() and _read_identity(ledger):
        with closing(sqlite3.connect(ledger)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if wal_path.exists():  # the last to close a ledger removes its log
            raise LedgerError(f"Somebody has {ledger} open. Let them close it; nothing was changed.")
    # A log that stayed would be replayed into the copy, and bring back what it lacks.
    for remnant_path in (wal_path, ledger.with_name(ledger.name + "-shm")):
        remnant_path.unlink(missing_ok=True)
    new_path.replace(ledger)
    durable_files.sync_path(ledger.parent)


def _read_head(file: Path) -> tuple[str, int, str, str]:
    """The identity, size, root and last hash of the ledger in this file."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        identity, size, tree = connection.execute("SELECT identity, size, tree FROM ledger").fetchone()
        last_hash = connection.execute("SELECT hash FROM event WHERE seq = ?", (size,)).fetchone()
    return (
        identity,
        size,
        root_of_peaks(parse_peaks(tree)).hex(),
        last_hash[0] if last_hash else opening_hash(identity),
    )


def _read_identity(ledger: Path) -> str:
    """The identity of the ledger in this file; empty where it is too damaged to say."""
    try:
        return _read_head(ledger)[0]
    except (sqlite3.Error, ValueError, TypeError):
        return ""


def _erased_commitments(ledger: Path) -> list[str]:
    """The commitments of what a ledger says was erased, as far as it can be read."""
    erasure_query = """
        SELECT event.commitment FROM event JOIN
        (SELECT json_each.value AS seq FROM event, json_each(event.facts, '$.entries')
         WHERE event.kind = 'payload_erased') AS gone USING (seq)
    """
    if not ledger.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{ledger.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return [commitment for (commitment,) in connection.execute(erasure_query)]
    except sqlite3.Error:
        return []


@contextmanager
def _open_register(ledger: Path) -> Iterator[dict[str, Any]]:
    """The register, alone among all processes; it is written when this ends without an error."""
    with open(ledger.with_suffix(".backups.lock"), "a+", opener=durable_files.open_private) as lock_file:
        _take_lock(lock_file, ledger)
        backup_register = _read_register(ledger)
        yield backup_register
        _write_json(_register_path(ledger), backup_register)


def _take_lock(lock_file: TextIO, ledger: Path) -> None:
    """Take the lock on the register, and write into it who holds it; refuse after LOCK_WAIT_SECONDS."""
    deadline_s = time.monotonic() + LOCK_WAIT_SECONDS
    while True:
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError as error:
            if time.monotonic() > deadline_s:
                lock_file.seek(0)
                holder_text = lock_file.read(100).strip() or "unknown"
                raise LedgerError(
                    f"The register of copies of {ledger} is held by another program (process "
                    f"{holder_text}) for "
                    "too long. Wait for it or end it, then try again."
                ) from error
            time.sleep(0.05)
    lock_file.truncate(0)
    lock_file.write(f"{os.getpid()}\n")
    lock_file.flush()


def _read_register(ledger: Path) -> dict[str, Any]:
    register_path = _register_path(ledger)
    if not register_path.exists():
        return {"backups": [], "erased": []}
    try:
        return cast("dict[str, Any]", json.loads(register_path.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise LedgerError(
            f"The register of copies {register_path} cannot be read: {error}. Fix it."
        ) from error


def _register_path(ledger: Path) -> Path:
    return ledger.with_suffix(".backups.json")


def _manifest_path(copy: Path) -> Path:
    return copy.with_name(copy.name + ".json")


def _write_json(path: Path, value: object) -> None:
    durable_files.write_durably(path, json.dumps(value, indent=2) + "\n")
