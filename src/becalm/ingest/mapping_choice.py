"""Which mapping reads a file? The one that the user named, else the one with exactly its columns."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from becalm.formats.sheet import InputFile
from becalm.formats.sheet_reader import BOOK_SUFFIXES, TEXT_SUFFIXES, columns_of
from becalm.ingest.mapping import Mapping
from becalm.ingest.reader import ReadContext
from becalm.terms import Fault, InputError
from becalm.workspace.recipes import Source, check_recipe, recipe_files, suggest


@dataclass(frozen=True, slots=True)
class Chosen:
    """A mapping and the hash of the file that states it."""

    mapping: Mapping
    sha256: str
    where: str


def choose_mapping(file: InputFile, context: ReadContext) -> Chosen | None:
    """The mapping for this file, or None where no mapping has exactly its columns.

    The workspace's own mappings come before the shipped ones. Raises InputError where the named mapping or
    one of the workspace is faulty, or where two mappings of the same rank fit.
    """
    kind = _format(file.path)
    if kind is None:
        return None
    if context.mapping is not None:
        return _named(context.mapping, context.mappings)
    fits = fitting_mappings(file, context)
    if len(fits) > 1:
        raise _tie(file, fits)
    return fits[0] if fits else None


def fitting_mappings(file: InputFile, context: ReadContext) -> tuple[Chosen, ...]:
    """The mappings with exactly this file's columns: the workspace's own, else the shipped ones."""
    columns, kind = frozenset(columns_of(file)), _format(file.path)
    for rank in (own_mappings(context.mappings), shipped_mappings()):
        fits = [c for c in rank if columns == set(c.mapping.columns_exactly) and kind in c.mapping.formats]
        if fits:
            return tuple(fits)
    return ()


def shipped_mappings() -> tuple[Chosen, ...]:
    """The mappings that come with becalm."""
    return _shipped()


def own_mappings(folder: Path | None) -> tuple[Chosen, ...]:
    """The mappings in the workspace's folder; raises InputError with all faults of all of them."""
    if folder is None or not folder.is_dir():
        return ()
    return _checked(tuple(_state(path) for path in sorted(folder.glob("*.toml"))))


def _named(mapping: Path, folder: Path | None) -> Chosen:
    """The mapping in this file, or of this name among the workspace's own and the shipped ones."""
    if mapping.is_file():
        return _checked((_state(mapping),))[0]
    held = (*shipped_mappings(), *own_mappings(folder))
    by_name = {_stem(c): c for c in held} | {c.mapping.name: c for c in held}
    name = str(mapping).removesuffix(".toml")
    if name not in by_name:
        near = suggest(name, by_name)
        remedy = f"{near}give a TOML file, or one of: {', '.join(sorted(by_name))}"
        fault = Fault(str(mapping), "is neither a file nor the name of a mapping", remedy)
        raise InputError(f"The mapping {mapping} was not found; nothing was loaded", (fault,))
    return by_name[name]


@dataclass(frozen=True, slots=True)
class _State:
    """A file as it stands now, so that a change is noticed."""

    path: str
    changed: int
    size: int


def _state(path: Path) -> _State:
    try:
        facts = path.stat()
    except OSError as error:
        fault = Fault(str(path), f"cannot be read: {error.strerror}", "name a mapping that exists")
        raise InputError(f"{path} was refused", (fault,)) from error
    return _State(str(path), facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=32)
def _checked(states: tuple[_State, ...]) -> tuple[Chosen, ...]:
    return _read(tuple(Path(state.path) for state in states))


@lru_cache(maxsize=1)
def _shipped() -> tuple[Chosen, ...]:
    return _read(recipe_files("becalm.ingest", "mappings"))


def _read(sources: tuple[Source, ...]) -> tuple[Chosen, ...]:
    chosen: list[Chosen] = []
    faults: list[Fault] = []
    for source in sources:
        mapping, wrong = check_recipe(source, Mapping)
        faults += wrong
        if mapping is not None:
            chosen.append(Chosen(mapping, hashlib.sha256(source.read_bytes()).hexdigest(), source.name))
    if faults:
        raise InputError(f"The mappings have {len(faults)} faults; nothing was loaded", tuple(faults))
    return tuple(chosen)


def _format(path: Path) -> str | None:
    suffix = path.suffix.lower()
    if suffix in TEXT_SUFFIXES:
        return "csv"
    if suffix in BOOK_SUFFIXES:
        return "xlsx"
    return "parquet" if suffix == ".parquet" else None


def _stem(chosen: Chosen) -> str:
    return chosen.where.removesuffix(".toml")


def _tie(file: InputFile, fits: Sequence[Chosen]) -> InputError:
    names = [_stem(c) for c in fits]
    remedy = f"name one, e.g. --mapping {names[0]}"
    fault = Fault(file.name, f"fits {len(fits)} mappings: {', '.join(names)}", remedy)
    return InputError(f"{file.name} was refused", (fault,))
