"""A load in progress: rows are put aside, and become visible all at once or never."""

import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import fields, replace
from datetime import date
from pathlib import Path
from typing import Unpack
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from becalm.archive import manifest as manifest_file
from becalm.formats.durable_files import OWNER_FILE, hold_lock, make_private_folder, sha256_of, sync_path
from becalm.tables import ArchiveFile, PartOrigin, Replacement, TablePart, arrow_schema, check_schema
from becalm.terms import ArchiveError, RowFault

STAGING = ".staging"
LOCK = ".lock"
FAULTS_AT_ONCE = 50_000


class ParquetIntake:
    """One load into the archive, made and ended by `open_intake`."""

    def __init__(self, root: Path, manifest: manifest_file.Manifest) -> None:
        self._root = root
        self._manifest = manifest
        self._number = manifest.last_intake + 1
        self._staged_files: list[manifest_file.StagedFile] = []
        self._inputs: dict[tuple[str, str, str, str, str], str] = {}
        self._faults: list[RowFault] = []
        self._fault_files = 0
        self._committed = False
        self._settled_files: tuple[manifest_file.StagedFile, ...] | None = None

    @property
    def id(self) -> str:
        """Its number, as files name it."""
        return f"{self._number:06d}"

    @property
    def staging(self) -> str:
        """A folder for Parquet files on their way in, on the archive's own file system."""
        return str(self._root / STAGING)

    def add(self, part: TablePart, **origin: Unpack[PartOrigin]) -> None:
        """Keep these rows aside. The same bytes under a second name count once."""
        part_key = (part.table, part.source, part.month)
        input_key = (*part_key, origin["input_sha256"], origin["recipe_sha256"])
        if self._inputs.setdefault(input_key, origin["input_file"]) != origin["input_file"]:
            return
        with _name_disk_errors(self._root):
            staged_path = self._stage(part)
        row_count = pq.read_metadata(staged_path).num_rows
        archive_file = ArchiveFile(
            "", *part_key, row_count, "", intake_id=self.id, whole=part.whole, **origin
        )
        self._staged_files.append(manifest_file.StagedFile(staged_path, archive_file))

    def add_faults(self, faults: Iterable[RowFault]) -> None:
        """Keep rows that were rejected or repaired, with the reason."""
        for fault in faults:
            self._faults.append(fault)
            if len(self._faults) >= FAULTS_AT_ONCE:
                with _name_disk_errors(self._root):
                    self._write_faults()

    def list_replacements(self) -> tuple[Replacement, ...]:
        """Which months of the archive will this load take the place of, and with how many rows?"""
        files_now = manifest_file.current_files(self._manifest)
        new_files: dict[manifest_file.PartKey, list[ArchiveFile]] = {}
        for staged_file in self._settle():
            new_files.setdefault(manifest_file.part_key_of(staged_file.entry), []).append(staged_file.entry)
        replacements = []
        for part_key, part_files in new_files.items():
            former_files = [file for file in files_now if manifest_file.part_key_of(file) == part_key]
            newest_as_of = max(file.as_of for file in part_files)
            is_kept = any(
                f.version in {s.version for s in part_files} or f.as_of > newest_as_of for f in former_files
            )
            if former_files and not is_kept:
                former_rows, new_rows = (sum(f.rows for f in files) for files in (former_files, part_files))
                replacements.append(Replacement(*part_key, part_files[0].input_file, former_rows, new_rows))
        return tuple(replacements)

    def _settle(self) -> tuple[manifest_file.StagedFile, ...]:
        """The files with the versions that they belong to; settled once, as settling drops rows."""
        if self._settled_files is None:
            self._settled_files = manifest_file.settle_versions(
                [file for file in self._staged_files if file.entry.table != "row_faults"],
                manifest_file.current_files(self._manifest),
                self._root,
            )
        return self._settled_files

    def commit(self) -> str:
        """Make all of it visible at once; returns the intake's id."""
        if self._committed:
            raise ArchiveError(f"Intake {self.id} was committed already. Start another one.")
        self._committed = True
        with _name_disk_errors(self._root):
            self._write_faults()
            if self._staged_files:
                former_manifest = self._manifest
                fault_files = (
                    replace(file, entry=replace(file.entry, version=self.id))
                    for file in self._staged_files
                    if file.entry.table == "row_faults"
                )
                settled_files = (*self._settle(), *fault_files)
                with ThreadPoolExecutor(2) as pool:
                    published_files = list(
                        pool.map(self._publish_file, range(len(settled_files)), settled_files)
                    )
                _sync_folders(self._root, {(self._root / entry.path).parent for entry in published_files})
                all_files = (*former_manifest.files, *published_files)
                manifest_file.write_manifest(
                    self._root, manifest_file.Manifest(self._number, all_files, former_manifest.withdrawn)
                )
        return self.id

    def _stage(self, part: TablePart) -> Path:
        part_label = f"{part.table} of {part.source} {part.month}"
        if isinstance(part.rows, str):
            rows_path = Path(part.rows)
            if Path(self.staging).resolve() not in rows_path.resolve().parents:
                raise ArchiveError(
                    f"{rows_path} ({part_label}) does not lie in the staging folder {self.staging}."
                )
            check_schema(pq.read_schema(rows_path), part.table, part_label)
        else:
            check_schema(part.rows.schema, part.table, part_label)
            rows_path = Path(self.staging) / f"kept-{len(self._staged_files):06d}.parquet"
            _write(part.rows.select(arrow_schema(part.table).names).cast(arrow_schema(part.table)), rows_path)
        _check_single_values(rows_path, {"source": part.source, "month": part.month}, part_label)
        return rows_path

    def _write_faults(self) -> None:
        if not self._faults:
            return
        row_faults, self._faults = self._faults, []
        cells_by_column = {f.name: [getattr(fault, f.name) for fault in row_faults] for f in fields(RowFault)}
        cells_by_column["intake_id"] = [self.id] * len(row_faults)
        faults_path = Path(self.staging) / f"faults-{self._fault_files:06d}.parquet"
        self._fault_files += 1
        _write(pa.table(cells_by_column, schema=arrow_schema("row_faults")), faults_path)
        newest_as_of = max((staged_file.entry.as_of for staged_file in self._staged_files), default=date.min)
        faults_file = ArchiveFile(
            "", "row_faults", "", "", len(row_faults), "", newest_as_of, self.id, "", "", "", ""
        )
        self._staged_files.append(manifest_file.StagedFile(faults_path, faults_file))

    def _publish_file(self, file_number: int, staged_file: manifest_file.StagedFile) -> ArchiveFile:
        """Move a file to where it stays, and say so once its bytes are safe."""
        file_sha256 = sha256_of(staged_file.path)
        file_entry = staged_file.entry
        relative_folder = Path(file_entry.table)
        if file_entry.source:
            relative_folder = (
                relative_folder
                / f"source={quote(file_entry.source, safe='')}"
                / f"month={file_entry.month or 'none'}"
            )
        relative_path = relative_folder / f"{self.id}-{file_number:05d}-{file_sha256[:16]}.parquet"
        with staged_file.path.open("rb") as byte_stream:
            os.fchmod(byte_stream.fileno(), OWNER_FILE)
            os.fsync(byte_stream.fileno())
        make_private_folder(self._root / relative_folder)
        staged_file.path.replace(self._root / relative_path)
        return replace(file_entry, path=relative_path.as_posix(), sha256=file_sha256)


@contextmanager
def open_intake(root: Path) -> Iterator[ParquetIntake]:
    """Hold the archive's lock, clear up after loads that were killed, and drop what is not committed.

    Raises ArchiveError at once where another load is under way.
    """
    staging_folder = root / STAGING
    with _hold_lock(root):
        manifest = manifest_file.read_manifest(root)
        # of a load or a purge that was killed, with files that no manifest lists
        if staging_folder.exists() or any(file.purged_on for file in manifest.files):
            listed_paths = {file.path for file in manifest.files if not file.purged_on}
            for path in root.glob("*/**/*.parquet"):
                if path.relative_to(root).as_posix() not in listed_paths:
                    path.unlink()
            shutil.rmtree(staging_folder, ignore_errors=True)
        make_private_folder(staging_folder)
        try:
            yield ParquetIntake(root, manifest)
        finally:
            shutil.rmtree(staging_folder, ignore_errors=True)


def withdraw_load(root: Path, load_id: str) -> None:
    """Take a load back: its rows count no more, what it had replaced counts again, its files stay.

    Raises ArchiveError where another writer holds the archive.
    """
    with _hold_lock(root), _name_disk_errors(root):
        manifest = manifest_file.read_manifest(root)
        manifest_file.write_manifest(root, replace(manifest, withdrawn=(*manifest.withdrawn, load_id)))


def purge_files(root: Path, paths: Collection[str], *, on: date) -> None:
    """Destroy these files for good; the manifest keeps their hashes and says when.

    Nothing reads them from the moment that the manifest is written; what a power cut leaves behind is
    destroyed by the next purge or load.
    """
    with _hold_lock(root), _name_disk_errors(root):
        manifest = manifest_file.read_manifest(root)
        marked_files = (
            replace(file, purged_on=on.isoformat()) if file.path in paths and not file.purged_on else file
            for file in manifest.files
        )
        manifest_file.write_manifest(root, replace(manifest, files=tuple(marked_files)))
        for file in manifest.files:
            if file.path in paths or file.purged_on:
                (root / file.path).unlink(missing_ok=True)
        _sync_folders(root, {(root / path).parent for path in paths})


@contextmanager
def _name_disk_errors(root: Path) -> Iterator[None]:
    """A full or forbidden disk becomes an ArchiveError that says so."""
    try:
        yield
    except OSError as error:
        raise ArchiveError(
            f"The archive {root} cannot be written ({error.strerror or error}). Make room or get the "
            "right to write there, then load again. Nothing was loaded."
        ) from error


@contextmanager
def _hold_lock(root: Path) -> Iterator[None]:
    def refuse(holder_text: str) -> ArchiveError:
        return ArchiveError(
            f"Another load into {root} is under way: {holder_text}. "
            "Wait until it has ended, then run this again. Nothing was loaded."
        )

    with ExitStack() as held_lock:
        with _name_disk_errors(root):
            make_private_folder(root)
            held_lock.enter_context(hold_lock(root / LOCK, refuse))
        yield


def _write(rows: pa.Table, path: Path) -> None:
    pq.write_table(rows, path, compression="zstd", coerce_timestamps="us", row_group_size=131_072)


def _check_single_values(path: Path, value_by_column: dict[str, str], part_label: str) -> None:
    """Refuse a file that holds other sources or months than it is kept under."""
    parquet_file = pq.ParquetFile(path)
    for column in [column for column in value_by_column if column in parquet_file.schema_arrow.names]:
        other_values = _read_distinct_values(parquet_file, column) - {value_by_column[column]}
        if other_values:
            raise ArchiveError(
                f"{part_label} holds rows whose {column} is {min(map(str, other_values))!r}. "
                "Split them into parts of their own."
            )


def _read_distinct_values(parquet: pq.ParquetFile, column_name: str) -> set[object]:
    """The values of a column: from the file's own statistics where it has them, else read."""
    column_index, group_numbers = parquet.schema_arrow.names.index(column_name), range(parquet.num_row_groups)
    value_statistics = [
        parquet.metadata.row_group(number).column(column_index).statistics for number in group_numbers
    ]
    if all(
        g is not None and g.has_min_max and g.has_null_count and not g.null_count for g in value_statistics
    ):
        return {value for g in value_statistics for value in (g.min, g.max)}
    return set(parquet.read(columns=[column_name])[column_name].unique().to_pylist())


def _sync_folders(root: Path, folders: set[Path]) -> None:
    """Make the names of new files survive a crash, up to the archive's own folder."""
    folders_to_sync = {ancestor for folder in folders for ancestor in (folder, *folder.parents)}
    for folder in sorted((f for f in folders_to_sync if root in (f, *f.parents)), reverse=True):
        sync_path(folder)
