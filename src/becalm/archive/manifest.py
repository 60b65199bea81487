"""The manifest: the one list of what the archive holds, replaced whole or not at all.

A version of a (table, source, month) is mostly what one intake brought for it. The newest as-of date
wins, and of equals the later intake. So a load mostly replaces the months that it brings. But an extract
also touches months of which it holds a few days only (its first and last, or a row that belongs elsewhere),
and those must not push a whole month aside: they are added to it. `docs/decisions/0003-archive.md` says why.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from becalm.formats.durable_files import write_durably
from becalm.methods.arrays import Bools
from becalm.tables import ArchiveFile
from becalm.terms import ArchiveError

MANIFEST = "manifest.json"
FORMAT = 1
KEY_COLUMNS = {"incidents": ("incident_id", "occurred_on"), "stops": ("stop_id", "stopped_at")}
EDGE_DAYS = 3  # days at either end of a month that a whole re-issue may lack
DATED_SHARE = 0.95
FRAGMENT_SHARE = 0.5
PartKey = tuple[str, str, str]  # what a version is a version of: table, source and month


@dataclass(frozen=True, slots=True)
class Manifest:
    """Every file of the archive in the order in which it came, and the number of the last intake."""

    last_intake: int = 0
    files: tuple[ArchiveFile, ...] = ()
    withdrawn: tuple[str, ...] = ()  # ids of loads that were taken back: their files are kept and not read

    def is_readable(self, file: ArchiveFile) -> bool:
        """Do this file's rows still count, or at least exist?"""
        return not file.purged_on and file.intake_id not in self.withdrawn


def read_manifest(root: Path) -> Manifest:
    """What does the archive in this folder hold? Nothing, where there is none yet."""
    manifest_path = root / MANIFEST
    try:
        manifest_json = json.loads(manifest_path.read_text("utf-8"))
        if manifest_json["format"] != FORMAT:
            raise ArchiveError(
                f"{manifest_path} has format {manifest_json['format']}, and this becalm reads {FORMAT}. "
                "Use the becalm that wrote it."
            )
        field_names = {field.name for field in fields(ArchiveFile)}
        listed_files = tuple(
            ArchiveFile(
                **{
                    **{name: value for name, value in file_entry.items() if name in field_names},
                    "as_of": date.fromisoformat(file_entry["as_of"]),
                }
            )
            for file_entry in manifest_json["files"]
        )
        withdrawn_intakes = tuple(manifest_json.get("withdrawn", ()))
        return Manifest(int(manifest_json["last_intake"]), listed_files, withdrawn_intakes)
    except FileNotFoundError:
        return Manifest()
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveError(
            f"{manifest_path} cannot be read ({error}). Restore it from a backup, or delete the "
            f"folder {root} "
            "and load the records again."
        ) from error


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Put this manifest in the place of the former in one step that survives a crash."""
    file_entries = ({**asdict(file), "as_of": file.as_of.isoformat()} for file in manifest.files)
    entry_lines = ",\n".join(json.dumps(entry, ensure_ascii=False, sort_keys=True) for entry in file_entries)
    withdrawn_entry_text = f'"withdrawn": {json.dumps(manifest.withdrawn)}, ' if manifest.withdrawn else ""
    header_text = f'"format": {FORMAT}, "last_intake": {manifest.last_intake}, {withdrawn_entry_text}'
    manifest_text = f'{{{header_text}"files": [\n{entry_lines}\n]}}\n'
    write_durably(root / MANIFEST, manifest_text)


def current_files(
    manifest: Manifest, table: str | None = None, *, as_of: date | None = None, source: str | None = None
) -> tuple[ArchiveFile, ...]:
    """Which files hold the newest version of each table, source and month, or the newest at `as_of`?

    Row faults are not replaced by month: they are current as long as anything of their intake is.
    """
    files_as_of = [
        f for f in manifest.files if manifest.is_readable(f) and (as_of is None or f.as_of <= as_of)
    ]
    record_files = [f for f in files_as_of if f.table != "row_faults"]
    as_by_by_part: dict[PartKey, dict[str, date]] = {}
    for f in record_files:
        as_of_by_version = as_by_by_part.setdefault(part_key_of(f), {})
        newest_as_of = max(f.as_of, as_of_by_version.pop(f.version, f.as_of))
        as_of_by_version[f.version] = newest_as_of  # popped before: the last to come stands last
    newest_version_by_part = {  # the version with the newest as-of date; of equals, the one that came last
        part_key: max(reversed(as_of_by_version), key=as_of_by_version.__getitem__)
        for part_key, as_of_by_version in as_by_by_part.items()
    }
    newest_files = [f for f in record_files if newest_version_by_part[part_key_of(f)] == f.version]
    current_paths = {f.path for f in newest_files}
    replaced_intakes = {f.intake_id for f in record_files} - {f.intake_id for f in newest_files}
    return tuple(
        f
        for f in files_as_of
        if table in (None, f.table)
        and source in (None, f.source)
        and (f.intake_id not in replaced_intakes if f.table == "row_faults" else f.path in current_paths)
    )


def part_key_of(file: ArchiveFile) -> PartKey:
    """What a version is a version of: table, source and month."""
    return file.table, file.source, file.month


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A Parquet file on its way in, and its entry in the manifest to be."""

    path: Path
    entry: ArchiveFile


@dataclass(frozen=True)
class Edition:
    """What one version of a table, source and month holds."""

    version: str
    as_of: date
    whole: bool
    inputs: frozenset[str]
    table: str
    paths: tuple[Path, ...]

    @cached_property
    def keys(self) -> pa.Table:
        """What tells its rows apart."""
        key_tables = [pq.ParquetFile(path).read(columns=list(KEY_COLUMNS[self.table])) for path in self.paths]
        return pa.concat_tables([_read_keys(file, self.table) for file in key_tables])

    @cached_property
    def days(self) -> tuple[date, date] | None:
        """From which to which day, where nearly all rows have one."""
        day_column = self.keys["day"]
        if len(day_column) == 0 or day_column.null_count > (1 - DATED_SHARE) * len(day_column):
            return None
        day_extremes = pc.min_max(day_column).as_py()
        return day_extremes["min"], day_extremes["max"]

    def joined_by(self, newer: Self) -> Self:
        """Both together, under this one's name."""
        as_of, is_whole = max(self.as_of, newer.as_of), self.whole or newer.whole
        input_hashes, all_paths = self.inputs | newer.inputs, (*self.paths, *newer.paths)
        return replace(self, as_of=as_of, whole=is_whole, inputs=input_hashes, paths=all_paths)


def settle_versions(
    staged_files: Sequence[StagedFile], present_files: Sequence[ArchiveFile], root: Path
) -> tuple[StagedFile, ...]:
    """The same files, each with the version that it belongs to, without rows that it has already."""
    current_by_part: dict[PartKey, list[ArchiveFile]] = {}
    for file in present_files:
        current_by_part.setdefault(part_key_of(file), []).append(file)
    files_by_part: dict[PartKey, dict[str, list[StagedFile]]] = {}
    for staged in staged_files:
        staged_entry = staged.entry
        # A whole file is a version of its own: of several in one intake only the newest may count.
        file_version = (
            f"{staged_entry.intake_id}/{staged_entry.input_sha256}"
            if staged_entry.whole
            else staged_entry.intake_id
        )
        files_by_part.setdefault(part_key_of(staged_entry), {}).setdefault(file_version, []).append(staged)
    settled_files: list[StagedFile] = []
    for part_key, files_by_version in files_by_part.items():
        current_edition = _read_current_edition(current_by_part.get(part_key, []), root)
        new_editions = [
            (_build_edition(file_version, files), files) for file_version, files in files_by_version.items()
        ]
        for new_edition, files in sorted(new_editions, key=lambda pair: (not pair[0].whole, pair[0].as_of)):
            file_version = new_edition.version
            home_version = _choose_version(new_edition, current_edition)
            for staged in files:
                new_file = (
                    _drop_present_rows(staged, current_edition) if home_version != file_version else staged
                )
                settled_files.append(replace(new_file, entry=replace(new_file.entry, version=home_version)))
            if current_edition is not None and home_version == current_edition.version:
                current_edition = current_edition.joined_by(new_edition)
            elif current_edition is None or new_edition.as_of >= current_edition.as_of:
                current_edition = new_edition
    return tuple(settled_files)


def _choose_version(new_edition: Edition, current_edition: Edition | None) -> str:
    """The version that the new files belong to."""
    if current_edition is None or new_edition.table not in KEY_COLUMNS:
        return new_edition.version
    if new_edition.inputs & current_edition.inputs:
        return new_edition.version
    newer, older = new_edition, current_edition
    if new_edition.as_of < current_edition.as_of:
        newer, older = older, newer
    return current_edition.version if not newer.whole and _is_fragment(newer, older) else new_edition.version


def _is_fragment(newer: Edition, older: Edition) -> bool:
    """Does the newer edition hold only a part of the month, so that it must not replace the older?

    Where days are known: it lacks days at either end that the older one has. Where they are not: it
    has less than half as many rows, and most of them are not among the older ones.
    """
    if newer.days and older.days:
        starts_late = (newer.days[0] - older.days[0]).days > EDGE_DAYS
        ends_early = (older.days[1] - newer.days[1]).days > EDGE_DAYS
        return starts_late or ends_early
    if newer.keys.num_rows >= FRAGMENT_SHARE * older.keys.num_rows:
        return False
    return bool(2 * np.count_nonzero(_are_present(newer.keys, older.keys)) < newer.keys.num_rows)


def _drop_present_rows(staged_file: StagedFile, current_edition: Edition | None) -> StagedFile:
    """Drop the rows that the version has already."""
    if current_edition is None:
        return staged_file
    staged_rows = pq.ParquetFile(staged_file.path).read()
    present_row_mask = _are_present(_read_keys(staged_rows, current_edition.table), current_edition.keys)
    if not present_row_mask.any():
        return staged_file
    new_rows = staged_rows.filter(pa.array(~present_row_mask))
    pq.write_table(new_rows, staged_file.path, compression="zstd")
    return replace(staged_file, entry=replace(staged_file.entry, rows=new_rows.num_rows))


def _are_present(keys: pa.Table, present_keys: pa.Table) -> Bools:
    """Which rows have the identity and the day of one that is there?"""
    present_pairs = set(zip(*present_keys.to_pydict().values(), strict=True))
    key_pairs = zip(*keys.to_pydict().values(), strict=True)
    return np.fromiter((pair in present_pairs for pair in key_pairs), dtype=np.bool_, count=keys.num_rows)


def _read_keys(rows: pa.Table, table: str) -> pa.Table:
    id_column, day_column = KEY_COLUMNS[table]
    return pa.table({"id": rows[id_column].cast(pa.string()), "day": rows[day_column].cast(pa.date32())})


def _build_edition(version: str, staged_files: Sequence[StagedFile]) -> Edition:
    file_entries = [staged_file.entry for staged_file in staged_files]
    return Edition(
        version,
        max(archive_file.as_of for archive_file in file_entries),
        any(archive_file.whole for archive_file in file_entries),
        frozenset(archive_file.input_sha256 for archive_file in file_entries),
        file_entries[0].table,
        tuple(staged_file.path for staged_file in staged_files),
    )


def _read_current_edition(files: Sequence[ArchiveFile], root: Path) -> Edition | None:
    if not files or not all((root / file.path).is_file() for file in files):
        return None  # damaged: reading says so
    return _build_edition(files[0].version, [StagedFile(root / file.path, file) for file in files])
