"""The manifest: the one list of what the archive holds, replaced whole or not at all.

A version of a (table, source, month) is mostly what one intake brought for it. The newest as-of date
wins, and of equals the later intake; `docs/decisions/0003-archive.md` says why.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from pathlib import Path

from becalm.tables.archive import ArchiveFile
from becalm.terms import ArchiveError

MANIFEST = "manifest.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """Every file of the archive in the order in which it came, and the number of the last intake."""

    last_intake: int = 0
    files: tuple[ArchiveFile, ...] = ()

    def with_intake(self, number: int, files: Iterable[ArchiveFile]) -> Manifest:
        """The manifest after one more intake."""
        return replace(self, last_intake=number, files=(*self.files, *files))


def read_manifest(root: Path) -> Manifest:
    """What does the archive in this folder hold? Nothing, where there is none yet."""
    path = root / MANIFEST
    try:
        held = json.loads(path.read_text("utf-8"))
        if held["format"] != FORMAT:
            raise ArchiveError(
                f"{path} has format {held['format']}, and this becalm reads {FORMAT}. "
                "Use the becalm that wrote it."
            )
        files = tuple(_from_json(entry) for entry in held["files"])
        return Manifest(last_intake=int(held["last_intake"]), files=files)
    except FileNotFoundError:
        return Manifest()
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveError(
            f"{path} cannot be read ({error}). Restore it from a backup, or delete the folder {root} "
            "and load the records again."
        ) from error


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Put this manifest in the place of the former in one step that survives a crash."""
    entries = ",\n".join(json.dumps(_to_json(f), ensure_ascii=False, sort_keys=True) for f in manifest.files)
    text = f'{{"format": {FORMAT}, "last_intake": {manifest.last_intake}, "files": [\n{entries}\n]}}\n'
    fresh = root / f".{MANIFEST}.new"
    with fresh.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(root / MANIFEST)
    sync_folder(root)


def current_files(
    manifest: Manifest, table: str | None = None, *, as_of: date | None = None, source: str | None = None
) -> tuple[ArchiveFile, ...]:
    """Which files hold the newest version of each table, source and month, or the newest at `as_of`?

    Row faults are not replaced by month: they are current as long as anything of their intake is.
    """
    held = [f for f in manifest.files if as_of is None or f.as_of <= as_of]
    winners = _winning_versions(f for f in held if f.table != "row_faults")
    alive = {f.intake_id for f in held if f.table != "row_faults" and winners[slot_of(f)] == f.version}
    spent = {f.intake_id for f in held if f.table != "row_faults"} - alive
    return tuple(
        f
        for f in held
        if table in (None, f.table)
        and source in (None, f.source)
        and (f.intake_id not in spent if f.table == "row_faults" else winners[slot_of(f)] == f.version)
    )


def _winning_versions(files: Iterable[ArchiveFile]) -> dict[tuple[str, str, str], str]:
    """The version of each slot with the newest as-of date; of equals, the one that came last."""
    newest: dict[tuple[str, str, str], dict[str, date]] = {}
    for file in files:
        versions = newest.setdefault(slot_of(file), {})
        as_of = max(file.as_of, versions.pop(file.version, file.as_of))
        versions[file.version] = as_of  # popped before: the last to come stands last
    return {slot: _newest(versions) for slot, versions in newest.items()}


def _newest(versions: dict[str, date]) -> str:
    order = {version: place for place, version in enumerate(versions)}
    return max(versions, key=lambda version: (versions[version], order[version]))


def slot_of(file: ArchiveFile) -> tuple[str, str, str]:
    """What a version is a version of: table, source and month."""
    return file.table, file.source, file.month


def sync_folder(folder: Path) -> None:
    """Make the names in this folder survive a crash."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _to_json(file: ArchiveFile) -> dict[str, object]:
    return {**asdict(file), "as_of": file.as_of.isoformat()}


def _from_json(entry: dict[str, object]) -> ArchiveFile:
    known = {field.name for field in fields(ArchiveFile)}
    values = {name: value for name, value in entry.items() if name in known}
    return ArchiveFile(**{**values, "as_of": date.fromisoformat(str(entry["as_of"]))})  # type: ignore[arg-type]  # as written
