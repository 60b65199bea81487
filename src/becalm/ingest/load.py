"""Reading many files at once: each is recognised, skipped if it was loaded before, read, and judged.

One command is all or nothing: where one file is refused, none of them is loaded, and every refusal is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from tempfile import mkdtemp

from becalm.formats.sheet import InputFile
from becalm.formats.sheet_reader import BOOK_SUFFIXES, columns_of, read_sheet
from becalm.ingest.inputs import Found, Skipped, opened
from becalm.ingest.reader import ReadContext, Reader, Reading
from becalm.tables import REPEATED_ROW
from becalm.terms import DependencyError, Fault, InputError, RowFault

READERS = "becalm.readers"
FILES_AT_ONCE = 2
LINE_LIMIT_BYTES = 1 << 20
MOST_REPAIRED = 0.5
ROWS_SHOWN = 10
EXPECTED = (
    "becalm reads data.police.uk street, outcomes and stop-and-search files, monthly tables of the London "
    "Datastore, and any extract for which there is a mapping (`becalm ingest map FILE` proposes one)"
)


@dataclass(frozen=True, slots=True)
class FileRead:
    """One file that a reader knew. `reading` is None where it was loaded before by the same recipe."""

    file: InputFile
    recipe: str
    recipe_sha256: str
    reading: Reading | None


def load_readers() -> tuple[Reader, ...]:
    """Every reader that is installed, found through the entry points `becalm.readers`."""
    return tuple(_reader(entry) for entry in sorted(entry_points(group=READERS), key=lambda e: e.name))


def _reader(entry: EntryPoint) -> Reader:
    try:
        reader: Reader = entry.load()()
    except ImportError as error:
        raise DependencyError(
            f"The reader {entry.name!r} ({entry.value}) cannot be imported: {error}. "
            "Install what it needs, or uninstall the package that brings it."
        ) from error
    return reader


def city_of(found: Sequence[Found], readers: Sequence[Reader], context: ReadContext) -> str | None:
    """Which shipped city does the first of these files that a reader knows belong to, if its recipe says so?

    A file that cannot be opened is passed over here: reading it will say what is wrong.
    """
    for entry in found:
        try:
            with opened(entry, context.staging, line_limit=LINE_LIMIT_BYTES) as file:
                if reader := _reader_of(file, readers, context):
                    return reader.city_key(file, context)
        except InputError:
            continue
    return None


def read_files(
    found: Sequence[Found],
    readers: Sequence[Reader],
    context: ReadContext,
    *,
    was_loaded: Callable[[str, str], bool],
    advance: Callable[[Found], None],
) -> tuple[tuple[FileRead, ...], tuple[Skipped, ...]]:
    """Read every file that a reader knows; the rest is passed over with its reason.

    Raises InputError with the faults of every file that is refused.
    """

    def read(entry: Found) -> FileRead | Skipped | InputError:
        try:
            return _read_one(entry, readers, context, was_loaded)
        except InputError as error:
            return error
        finally:
            advance(entry)

    with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        outcomes = list(pool.map(read, found))
    refused = [(f.name, o) for f, o in zip(found, outcomes, strict=True) if isinstance(o, InputError)]
    if refused:
        raise _refusal(refused)
    reads = _each_once([o for o in outcomes if isinstance(o, FileRead)])
    skipped = tuple(o for o in outcomes if isinstance(o, Skipped))
    if not reads:
        raise _nothing_to_read(skipped)
    return reads, skipped


def _each_once(reads: Sequence[FileRead]) -> tuple[FileRead, ...]:
    """Of files with the same bytes and recipe only the first counts."""
    first: dict[tuple[str, str], FileRead] = {}
    for read in reads:
        first.setdefault((read.file.sha256, read.recipe_sha256), read)
    return tuple(
        read if first[read.file.sha256, read.recipe_sha256] is read else replace(read, reading=None)
        for read in reads
    )


def require_sound(reads: Sequence[FileRead], *, max_reject_share: float) -> None:
    """Refuse files of which more than this share of rows was rejected, or most had to be repaired.

    A repaired row is loaded and loses little; but a file of which most rows need repair was read by the
    wrong recipe, or is another city's. Raises InputError with the reasons, their counts and the first rows
    of each such file; also where none of the files holds any row.
    """
    if not any(read.reading is None or read.reading.rows for read in reads):
        faults = tuple(Fault(r.file.name, "has no rows", "fetch or export it again") for r in reads)
        raise InputError(f"The {len(reads)} files hold a header and no rows; nothing was loaded", faults)
    faulty = [(read, r) for read in reads if (r := read.reading) and _is_faulty(r, max_reject_share)]
    if not faulty:
        return
    told = tuple(fault for read, reading in faulty for fault in _told(read.file.name, reading))
    raise InputError(
        f"{len(faulty)} of {len(reads)} files have more rejected rows than the {max_reject_share:.0%} that "
        f"[ingest] max_reject_share allows, or more than {MOST_REPAIRED:.0%} rows that need repair; nothing "
        "was loaded. Correct them, or allow more rejected rows with --max-reject-share.",
        told,
    )


def _is_faulty(reading: Reading, max_reject_share: float) -> bool:
    """Whole rows that repeat do not count: nothing is lost with them, and published files do hold some."""
    repeats = sum(fault.reason == REPEATED_ROW for fault in reading.faults)
    rows = max(reading.rows, 1)
    return (reading.rejected - repeats) / rows > max_reject_share or reading.repaired / rows > MOST_REPAIRED


def _told(name: str, reading: Reading) -> list[Fault]:
    by_reason: dict[str, list[RowFault]] = {}
    for fault in reading.faults:
        by_reason.setdefault(fault.reason, []).append(fault)
    told = []
    for reason, rows in by_reason.items():
        told.append(Fault(name, f"{len(rows)} of {reading.rows} rows: {reason}", rows[0].remedy))
        told += [
            Fault(f"  row {f.row}", f'{f.column or "line"} "{f.value[:80]}"', f.remedy)
            for f in rows[:ROWS_SHOWN]
        ]
    return told


def _read_one(
    entry: Found, readers: Sequence[Reader], context: ReadContext, was_loaded: Callable[[str, str], bool]
) -> FileRead | Skipped:
    with opened(entry, context.staging, line_limit=LINE_LIMIT_BYTES) as file:
        reader = _reader_of(file, readers, context)
        if reader is None:
            return _unknown(entry, file)
        recipe, recipe_sha256 = reader.recipe(file, context)
        if was_loaded(file.sha256, recipe_sha256):
            return FileRead(file, recipe, recipe_sha256, None)
        # two files may be the same, and read at once
        own = Path(mkdtemp(dir=context.staging, prefix="read-"))
        return FileRead(file, recipe, recipe_sha256, reader.read(file, replace(context, staging=own)))


def _reader_of(file: InputFile, readers: Sequence[Reader], context: ReadContext) -> Reader | None:
    knowing = [reader for reader in readers if reader.recognises(file, context)]
    if len(knowing) > 1:
        names = " and ".join(reader.key for reader in knowing)
        raise InputError(f"{file.name} fits the readers {names}. Say which is meant by naming its --mapping.")
    return knowing[0] if knowing else None


def _unknown(entry: Found, file: InputFile) -> Skipped:
    if damage := _damage_of(file):
        if entry.named:
            raise InputError(f"{entry.name} was refused; nothing was loaded", (damage,))
        return Skipped(entry.name, f"{damage.what}: {damage.remedy}")
    seen = _seen(file)
    if entry.named:
        raise InputError(f"{entry.name} was refused", (Fault(entry.name, seen, EXPECTED),))
    return Skipped(entry.name, seen)


def _damage_of(file: InputFile) -> Fault | None:
    """What is wrong with a Parquet or Excel file that cannot be opened as one; None where it can."""
    if columns_of(file) or file.path.suffix.lower() not in (".parquet", *BOOK_SUFFIXES):
        return None
    try:
        read_sheet(file)
    except InputError as error:
        return error.faults[0]
    return None


def _seen(file: InputFile) -> str:
    """What is there, in words that help to say why nobody knows it."""
    if not file.path.stat().st_size:
        return "the file is empty"
    columns = columns_of(file)
    fits = "no reader or mapping fits"
    return f"{fits} its columns: {', '.join(columns)[:200]}" if columns else f"{fits} it"


def _nothing_to_read(skipped: Sequence[Skipped]) -> InputError:
    kinds = Counter(s.name.rpartition(".")[2].lower() if "." in s.name else "no suffix" for s in skipped)
    found = ", ".join(f"{n} x {kind}" for kind, n in kinds.most_common(8)) or "no files at all"
    faults = tuple(Fault(s.name, s.reason, "skipped") for s in skipped[:ROWS_SHOWN])
    more = f" The first {ROWS_SHOWN} of {len(skipped)}:" if len(skipped) > ROWS_SHOWN else ""
    return InputError(f"Nothing to load was found ({found}). {EXPECTED}.{more}", faults)


def _refusal(refused: Sequence[tuple[str, InputError]]) -> InputError:
    if len(refused) == 1:
        return refused[0][1]
    faults = [
        Fault(f"{name}: {f.where}" if name not in f.where else f.where, f.what, f.remedy)
        for name, error in refused
        for f in (error.faults or (Fault(name, error.message, "see above"),))
    ]
    return InputError(f"{len(refused)} files were refused; nothing was loaded", tuple(faults))
