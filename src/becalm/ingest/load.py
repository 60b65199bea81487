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

from becalm.formats.sheet import InputFile, file_refusal
from becalm.formats.sheet_reader import BOOK_SUFFIXES, columns_of, read_sheet
from becalm.ingest.inputs import InputEntry, SkippedFile, open_input
from becalm.ingest.reader import ReadContext, Reader, Reading
from becalm.tables import REPEATED_ROW
from becalm.terms import DependencyError, Fault, InputError, RowFault

READERS = "becalm.readers"
FILES_AT_ONCE = 2  # of which one waits for the disk while the other is parsed
LINE_LIMIT_BYTES = 1 << 20
MOST_REPAIRED = 0.5
ROWS_SHOWN = 10
EXPECTED = (
    "becalm reads data.police.uk street, outcomes and stop-and-search files, monthly tables of the London "
    "Datastore, and any extract for which there is a mapping (`becalm ingest map FILE` proposes one)"
)


@dataclass(frozen=True, slots=True)
class FileReading:
    """One file that a reader knew. `reading` is None where it was loaded before by the same recipe."""

    file: InputFile
    recipe: str
    recipe_sha256: str
    reading: Reading | None


def load_readers() -> tuple[Reader, ...]:
    """Every reader that is installed, found through the entry points `becalm.readers`."""
    return tuple(map(_load_reader, sorted(entry_points(group=READERS), key=lambda entry: entry.name)))


def _load_reader(entry: EntryPoint) -> Reader:
    try:
        reader: Reader = entry.load()()
    except ImportError as error:
        raise DependencyError(
            f"The reader {entry.name!r} ({entry.value}) cannot be imported: {error}. "
            "Install what it needs, or uninstall the package that brings it."
        ) from error
    return reader


def find_city_key(
    entries: Sequence[InputEntry], readers: Sequence[Reader], context: ReadContext
) -> str | None:
    """Which shipped city do these files belong to, if the recipe of the first that a reader knows says so?

    A file that cannot be opened is passed over here: reading it will say what is wrong.
    """
    for entry in entries:
        try:
            with open_input(entry, context.staging, line_limit=LINE_LIMIT_BYTES) as file:
                if reader := _find_reader(file, readers, context):
                    return reader.city_key(file, context)
        except InputError:
            continue
    return None


def read_files(
    entries: Sequence[InputEntry],
    readers: Sequence[Reader],
    context: ReadContext,
    *,
    was_loaded: Callable[[str, str], bool],
    advance: Callable[[float], None],
) -> tuple[tuple[FileReading, ...], tuple[SkippedFile, ...]]:
    """Read every file that a reader knows; the rest is passed over with its reason.

    Raises InputError with the faults of every file that is refused.
    """

    def try_to_read(entry: InputEntry) -> FileReading | SkippedFile | InputError:
        try:
            return _read_file(entry, readers, context, was_loaded)
        except InputError as error:
            return error
        finally:
            advance(entry.size_bytes)

    with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        results = list(pool.map(try_to_read, entries))
    refusals = [(e.name, r) for e, r in zip(entries, results, strict=True) if isinstance(r, InputError)]
    if refusals:
        raise _combine_refusals(refusals)
    readings = _keep_first_of_equals([result for result in results if isinstance(result, FileReading)])
    skipped_files = tuple(result for result in results if isinstance(result, SkippedFile))
    if not readings:
        raise _nothing_to_read(skipped_files)
    return readings, skipped_files


def _read_file(
    entry: InputEntry,
    readers: Sequence[Reader],
    context: ReadContext,
    was_loaded: Callable[[str, str], bool],
) -> FileReading | SkippedFile:
    with open_input(entry, context.staging, line_limit=LINE_LIMIT_BYTES) as file:
        reader = _find_reader(file, readers, context)
        if reader is None:
            return _skip_unknown(entry, file)
        recipe, recipe_sha256 = reader.recipe(file, context)
        if was_loaded(file.sha256, recipe_sha256):
            return FileReading(file, recipe, recipe_sha256, None)
        # two files may be the same, and read at once
        staging = Path(mkdtemp(dir=context.staging, prefix="read-"))
        return FileReading(file, recipe, recipe_sha256, reader.read(file, replace(context, staging=staging)))


def _find_reader(file: InputFile, readers: Sequence[Reader], context: ReadContext) -> Reader | None:
    fits = [reader for reader in readers if reader.recognises(file, context)]
    if len(fits) > 1:
        names = " and ".join(reader.key for reader in fits)
        raise InputError(f"{file.name} fits the readers {names}. Say which is meant by naming its `mapping`.")
    return fits[0] if fits else None


def _keep_first_of_equals(readings: Sequence[FileReading]) -> tuple[FileReading, ...]:
    """Of files with the same bytes and recipe only the first counts."""
    first: dict[tuple[str, str], FileReading] = {}
    for reading in readings:
        first.setdefault((reading.file.sha256, reading.recipe_sha256), reading)
    return tuple(
        reading
        if first[reading.file.sha256, reading.recipe_sha256] is reading
        else replace(reading, reading=None)
        for reading in readings
    )


def _skip_unknown(entry: InputEntry, file: InputFile) -> SkippedFile:
    """Pass over a file that no reader knows; raises InputError where the user named this very file."""
    if damage := _damage(file):
        if entry.is_named:
            raise InputError(f"{entry.name} was refused; nothing was loaded", (damage,))
        return SkippedFile(entry.name, f"{damage.what}: {damage.remedy}")
    content = _describe_content(file)
    if entry.is_named:
        raise file_refusal(entry.name, content, EXPECTED)
    return SkippedFile(entry.name, content)


def _damage(file: InputFile) -> Fault | None:
    """What is wrong with a Parquet or Excel file that cannot be opened as one; None where it can."""
    if columns_of(file) or file.path.suffix.lower() not in (".parquet", *BOOK_SUFFIXES):
        return None
    try:
        read_sheet(file)
    except InputError as error:
        return error.faults[0]
    return None


def _describe_content(file: InputFile) -> str:
    """What is there, in words that help to say why nobody knows it."""
    if not file.path.stat().st_size:
        return "the file is empty"
    columns = columns_of(file)
    reason = "no reader or mapping fits"
    return f"{reason} its columns: {', '.join(columns)[:200]}" if columns else f"{reason} it"


def _nothing_to_read(skipped_files: Sequence[SkippedFile]) -> InputError:
    names = [file.name for file in skipped_files]
    suffixes = Counter(name.rpartition(".")[2].lower() if "." in name else "no suffix" for name in names)
    content = (
        ", ".join(f"{count} x {suffix}" for suffix, count in suffixes.most_common(8)) or "no files at all"
    )
    faults = tuple(Fault(f.name, f.reason, "skipped") for f in skipped_files[:ROWS_SHOWN])
    ending = f" The first {ROWS_SHOWN} of {len(names)}:" if len(names) > ROWS_SHOWN else ""
    return InputError(f"Nothing to load was found ({content}). {EXPECTED}.{ending}", faults)


def _combine_refusals(refusals: Sequence[tuple[str, InputError]]) -> InputError:
    if len(refusals) == 1:
        return refusals[0][1]
    faults = [
        replace(fault, where=fault.where if name in fault.where else f"{name}: {fault.where}")
        for name, error in refusals
        for fault in (error.faults or (Fault(name, error.message, "see above"),))
    ]
    return InputError(f"{len(refusals)} files were refused; nothing was loaded", tuple(faults))


def check_readings(readings: Sequence[FileReading], *, max_reject_share: float) -> None:
    """Refuse files of which more than this share of rows was rejected, or most had to be repaired.

    A repaired row is loaded and loses little; but a file of which most rows need repair was read by the
    wrong recipe, or is another city's. Raises InputError with the reasons, their counts and the first rows
    of each such file; also where none of the files holds any row.
    """
    if not any(reading.reading is None or reading.reading.rows for reading in readings):
        faults = tuple(Fault(r.file.name, "has no rows", "fetch or export it again") for r in readings)
        raise InputError(f"The {len(readings)} files hold a header and no rows; nothing was loaded", faults)
    faulty = [
        (reading.file.name, reading.reading)
        for reading in readings
        if reading.reading is not None and _is_faulty(reading.reading, max_reject_share)
    ]
    if not faulty:
        return
    raise InputError(
        f"{len(faulty)} of {len(readings)} files have more rejected rows than the {max_reject_share:.0%} "
        "that [ingest] max_reject_share allows, or more than "
        f"{MOST_REPAIRED:.0%} rows that need repair; nothing was loaded. Correct them, or allow more "
        "rejected rows with `max_reject_share`.",
        tuple(fault for name, reading in faulty for fault in _list_reasons(name, reading)),
    )


def _is_faulty(reading: Reading, max_reject_share: float) -> bool:
    """Whole rows that repeat do not count: nothing is lost with them, and published files do hold some."""
    lost_count = reading.rejected - sum(fault.reason == REPEATED_ROW for fault in reading.faults)
    rows = max(reading.rows, 1)
    return lost_count / rows > max_reject_share or reading.repaired / rows > MOST_REPAIRED


def _list_reasons(name: str, reading: Reading) -> list[Fault]:
    """Each reason with its count, and below it the first rows that met it."""
    faults_by_reason: dict[str, list[RowFault]] = {}
    for fault in reading.faults:
        faults_by_reason.setdefault(fault.reason, []).append(fault)
    lines = []
    for reason, faults in faults_by_reason.items():
        lines.append(Fault(name, f"{len(faults)} of {reading.rows} rows: {reason}", faults[0].remedy))
        lines += [
            Fault(f"  row {f.row}", f'{f.column or "line"} "{f.value[:80]}"', f.remedy)
            for f in faults[:ROWS_SHOWN]
        ]
    return lines
