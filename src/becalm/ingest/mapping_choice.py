"""Which mapping reads a file? The one that the user named, else the one with exactly its columns."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from becalm.formats.sheet import InputFile, file_refusal
from becalm.formats.sheet_reader import BOOK_SUFFIXES, TEXT_SUFFIXES, columns_of
from becalm.ingest.mapping import Mapping
from becalm.ingest.reader import ReadContext
from becalm.terms import Fault, InputError
from becalm.workspace.recipes import Source, check_recipe, recipe_files, suggest


@dataclass(frozen=True, slots=True)
class MappingFile:
    """A mapping, and the name and hash of the file that states it."""

    mapping: Mapping
    sha256: str
    file_name: str

    @property
    def stem(self) -> str:
        """What the user may call it."""
        return self.file_name.removesuffix(".toml")


def choose_mapping(file: InputFile, context: ReadContext) -> MappingFile | None:
    """The mapping for this file, or None where no mapping has exactly its columns.

    The workspace's own mappings come before the shipped ones. Raises InputError where the named mapping or
    one of the workspace is faulty, or where two mappings of the same rank fit.
    """
    if _format(file.path) is None:
        return None
    if context.mapping is not None:
        return _find_named(context.mapping, context.mappings)
    fits = fitting_mappings(file, context)
    if len(fits) > 1:
        names = [mapping_file.stem for mapping_file in fits]
        problem = f"fits {len(fits)} mappings: {', '.join(names)}"
        raise file_refusal(file.name, problem, f"name one, e.g. `mapping {names[0]}`")
    return fits[0] if fits else None


def fitting_mappings(file: InputFile, context: ReadContext) -> tuple[MappingFile, ...]:
    """The mappings with exactly this file's columns: the workspace's own, else the shipped ones."""
    columns, file_format = frozenset(columns_of(file)), _format(file.path)
    for mapping_files in (own_mappings(context.mappings), shipped_mappings()):
        fits = [
            mapping_file
            for mapping_file in mapping_files
            if columns == set(mapping_file.mapping.columns_exactly)
            and file_format in mapping_file.mapping.formats
        ]
        if fits:
            return tuple(fits)
    return ()


@lru_cache(maxsize=1)
def shipped_mappings() -> tuple[MappingFile, ...]:
    """The mappings that come with becalm."""
    return _read_sources(recipe_files("becalm.ingest", "mappings"))


def own_mappings(folder: Path | None) -> tuple[MappingFile, ...]:
    """The mappings in the workspace's folder; raises InputError with all faults of all of them."""
    if folder is None or not folder.is_dir():
        return ()
    return _read_stamped(tuple(map(_stamp, sorted(folder.glob("*.toml")))))


def _find_named(mapping: Path, folder: Path | None) -> MappingFile:
    """The mapping in this file, or of this name among the workspace's own and the shipped ones."""
    if mapping.is_file():
        return _read_stamped((_stamp(mapping),))[0]
    mapping_files = (*shipped_mappings(), *own_mappings(folder))
    by_name = {m.stem: m for m in mapping_files} | {m.mapping.name: m for m in mapping_files}
    name = str(mapping).removesuffix(".toml")
    if name not in by_name:
        remedy = f"{suggest(name, by_name)}give a TOML file, or one of: {', '.join(sorted(by_name))}"
        fault = Fault(str(mapping), "is neither a file nor the name of a mapping", remedy)
        raise InputError(f"The mapping {mapping} was not found; nothing was loaded", (fault,))
    return by_name[name]


Stamp = tuple[str, int, int]
"""A file's path, time of change and size, so that a change is noticed."""


def _stamp(path: Path) -> Stamp:
    try:
        facts = path.stat()
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise file_refusal(str(path), problem, "name a mapping that exists") from error
    return str(path), facts.st_mtime_ns, facts.st_size


@lru_cache(maxsize=32)
def _read_stamped(stamps: tuple[Stamp, ...]) -> tuple[MappingFile, ...]:
    return _read_sources(tuple(Path(path) for path, _, _ in stamps))


def _read_sources(sources: tuple[Source, ...]) -> tuple[MappingFile, ...]:
    mapping_files: list[MappingFile] = []
    faults: list[Fault] = []
    for source in sources:
        mapping, mapping_faults = check_recipe(source, Mapping)
        faults += mapping_faults
        if mapping is not None:
            sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
            mapping_files.append(MappingFile(mapping, sha256, source.name))
    if faults:
        raise InputError(f"The mappings have {len(faults)} faults; nothing was loaded", tuple(faults))
    return tuple(mapping_files)


def _format(path: Path) -> str | None:
    suffix = path.suffix.lower()
    if suffix in TEXT_SUFFIXES:
        return "csv"
    if suffix in BOOK_SUFFIXES:
        return "xlsx"
    return "parquet" if suffix == ".parquet" else None
