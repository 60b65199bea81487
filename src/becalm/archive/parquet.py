"""The archive of crime records: immutable Parquet files, one manifest, read through Ibis."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import date
from pathlib import Path

from ibis import Table
from ibis.backends import BaseBackend

from becalm.archive.engines import read_parquet
from becalm.archive.intake import open_intake
from becalm.archive.manifest import MANIFEST, Manifest, current_files, read_manifest, sha256_of
from becalm.tables import TABLES, ArchiveFile, Intake
from becalm.terms import ArchiveError, BecalmError, ReplayError


class ParquetArchive:
    """An archive in one folder, read by the engine that `connect` opens (once, when first needed)."""

    def __init__(self, path: Path, connect: Callable[[], BaseBackend]) -> None:
        self._root = Path(path)
        self._connect = connect
        self._backend: BaseBackend | None = None
        self._manifest = Manifest()
        self._manifest_stamp: tuple[int, ...] = ()
        self._inputs: frozenset[tuple[str, str]] = frozenset()
        self._verified: dict[tuple[str, int, int, int], str] = {}

    def intake(self) -> AbstractContextManager[Intake]:
        """Start a load. Raises ArchiveError at once where another one is under way."""
        return open_intake(self._root)

    def files(self, table: str | None = None, *, as_of: date | None = None) -> tuple[ArchiveFile, ...]:
        """Which files are current, or were current at `as_of`?"""
        return current_files(self._read_manifest(), table, as_of=as_of)

    def versions(self, table: str | None = None) -> tuple[ArchiveFile, ...]:
        """Every file ever kept, superseded ones too, in the order in which they came."""
        return tuple(f for f in self._read_manifest().files if table in (None, f.table))

    def table(
        self,
        name: str,
        *,
        as_of: date | None = None,
        source: str | None = None,
        only: Mapping[str, str] | None = None,
    ) -> Table:
        """The named table as an Ibis expression with its declared schema; every file read is checked first.

        Raises ArchiveError where a file is gone or altered, or there is no such table; ReplayError where a
        file of `only` is gone or altered.
        """
        if name not in TABLES:
            raise ArchiveError(f"There is no table {name!r}. The archive has {', '.join(TABLES)}.")
        manifest = self._read_manifest()
        if only is None:
            files = current_files(manifest, name, as_of=as_of, source=source)
            error_kind: type[BecalmError] = ArchiveError
        else:
            files = tuple(
                f for f in _select_pinned(manifest, only) if f.table == name and source in (None, f.source)
            )
            error_kind = ReplayError
        self._check_intact(files, error_kind)
        return read_parquet(self._engine(), [self._root / file.path for file in files], TABLES[name])

    def has_input(self, input_sha256: str, recipe_sha256: str) -> bool:
        """Was this very input already loaded with this very recipe?"""
        self._read_manifest()
        return (input_sha256, recipe_sha256) in self._inputs

    def _engine(self) -> BaseBackend:
        if self._backend is None:
            self._backend = self._connect()
        return self._backend

    def _read_manifest(self) -> Manifest:
        """The manifest as it stands now, read again only when it was replaced."""
        try:
            file_status = (self._root / MANIFEST).stat()
        except FileNotFoundError:
            return Manifest()
        file_stamp = (file_status.st_ino, file_status.st_mtime_ns, file_status.st_size)
        if file_stamp != self._manifest_stamp:
            self._manifest = read_manifest(self._root)
            self._manifest_stamp = file_stamp
            self._inputs = frozenset((f.input_sha256, f.recipe_sha256) for f in self._manifest.files)
        return self._manifest

    def _check_intact(self, files: Iterable[ArchiveFile], error_kind: type[BecalmError]) -> None:
        damages = [damage for file in files if (damage := self._describe_damage(file))]
        if damages:
            raise error_kind(
                f"{len(damages)} archive files are not as the manifest lists them: {'; '.join(damages[:5])}. "
                f"Restore them in {self._root} from a backup, or load their records into a new workspace."
            )

    def _describe_damage(self, file: ArchiveFile) -> str | None:
        path = self._root / file.path
        try:
            file_status = path.stat()
        except FileNotFoundError:
            return f"{file.path} is gone"
        file_stamp = (file.path, file_status.st_ino, file_status.st_mtime_ns, file_status.st_size)
        if file_stamp not in self._verified:
            self._verified[file_stamp] = sha256_of(path)
        return None if self._verified[file_stamp] == file.sha256 else f"{file.path} was altered"


def _select_pinned(manifest: Manifest, only: Mapping[str, str]) -> tuple[ArchiveFile, ...]:
    """The files that a run names, exactly as it names them."""
    listed_files = {file.path: file for file in manifest.files}
    missing_paths = [
        path for path in only if path not in listed_files or listed_files[path].sha256 != only[path]
    ]
    if missing_paths:
        raise ReplayError(
            f"{len(missing_paths)} of the {len(only)} files of that run are not in this archive: "
            f"{', '.join(missing_paths[:5])}. Repeat it in the workspace in which it was made."
        )
    return tuple(listed_files[path] for path in only)
