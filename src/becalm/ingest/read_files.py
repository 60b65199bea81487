"""Reading many files at once: each is recognised, skipped if it was loaded before, read, judged, told.

One command is all or nothing: where one file is refused, none of them is loaded, and every refusal is told.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from itertools import chain
from pathlib import Path
from tempfile import mkdtemp

from becalm.desk import one_line
from becalm.formats.sheet import InputFile, file_refusal
from becalm.formats.table_reader import columns_of, format_of, read_sheet
from becalm.ingest.input_files import InputEntry, SkippedFile, open_input
from becalm.ingest.reader import ReadContext, Reader, Reading
from becalm.ledger import Fact
from becalm.tables import REPEATED_ROW, ArchiveFile, Replacement
from becalm.terms import DependencyError, Fault, FileIntake, InputError, RowFault

READERS = "becalm.readers"
FILES_AT_ONCE = 2  # of which one waits for the disk while the other is parsed
LINE_LIMIT_BYTES = 1 << 20
MOST_REPAIRED = 0.5
SMALLER_SHARE, LEAST_LOST = 0.9, 10  # of the rows of a month, before a smaller file has to be meant
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
            with open_input(entry, context.staging, line_limit=LINE_LIMIT_BYTES) as input_file:
                if reader := _find_reader(input_file, readers, context):
                    return reader.city_key(input_file, context)
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

    with ThreadPoolExecutor(FILES_AT_ONCE) as thread_pool:
        readings_or_refusals = list(thread_pool.map(try_to_read, entries))
    input_refusals = [
        (e.name, r) for e, r in zip(entries, readings_or_refusals, strict=True) if isinstance(r, InputError)
    ]
    if input_refusals:
        raise _combine_refusals(input_refusals)
    file_readings = _keep_first_of_equals(
        [result for result in readings_or_refusals if isinstance(result, FileReading)]
    )
    skipped_files = tuple(result for result in readings_or_refusals if isinstance(result, SkippedFile))
    if not file_readings:
        raise _nothing_to_read(skipped_files)
    return file_readings, skipped_files


def _read_file(
    entry: InputEntry, readers: Sequence[Reader], context: ReadContext, was_loaded: Callable[[str, str], bool]
) -> FileReading | SkippedFile:
    with open_input(entry, context.staging, line_limit=LINE_LIMIT_BYTES) as file:
        reader = _find_reader(file, readers, context)
        if reader is None:
            return _skip_unknown(entry, file)
        recipe, recipe_sha256 = reader.recipe(file, context)
        if was_loaded(file.sha256, recipe_sha256):
            return FileReading(file, recipe, recipe_sha256, None)
        # two files may be the same, and read at once
        staging_folder = Path(mkdtemp(dir=context.staging, prefix="read-"))
        return FileReading(
            file, recipe, recipe_sha256, reader.read(file, replace(context, staging=staging_folder))
        )


def _find_reader(file: InputFile, readers: Sequence[Reader], context: ReadContext) -> Reader | None:
    fitting_readers = [reader for reader in readers if reader.recognises(file, context)]
    if len(fitting_readers) > 1:
        reader_names = " and ".join(reader.key for reader in fitting_readers)
        raise InputError(
            f"{file.name} fits the readers {reader_names}. Say which is meant by naming its `mapping`."
        )
    return fitting_readers[0] if fitting_readers else None


def _keep_first_of_equals(readings: Sequence[FileReading]) -> tuple[FileReading, ...]:
    """Of files with the same bytes and recipe only the first counts."""
    first_reading_by_content: dict[tuple[str, str], FileReading] = {}
    for reading in readings:
        first_reading_by_content.setdefault((reading.file.sha256, reading.recipe_sha256), reading)
    return tuple(
        reading
        if first_reading_by_content[reading.file.sha256, reading.recipe_sha256] is reading
        else replace(reading, reading=None)
        for reading in readings
    )


def _skip_unknown(entry: InputEntry, file: InputFile) -> SkippedFile:
    """Pass over a file that no reader knows; raises InputError where the user named this very file."""
    if damage_fault := _damage(file):
        if entry.is_named:
            raise InputError(f"{entry.name} was refused; nothing was loaded", (damage_fault,))
        return SkippedFile(entry.name, f"{damage_fault.what}: {damage_fault.remedy}")
    content_text = _describe_content(file)
    if entry.is_named:
        raise file_refusal(entry.name, content_text, EXPECTED)
    return SkippedFile(entry.name, content_text)


def _damage(file: InputFile) -> Fault | None:
    """What is wrong with a file that cannot be opened as what its ending says; None where it can be."""
    if columns_of(file) or format_of(file.path) in (None, "csv"):
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
    column_names = columns_of(file)
    skip_reason = "no reader or mapping fits"
    return (
        f"{skip_reason} its columns: {', '.join(column_names)[:200]}" if column_names else f"{skip_reason} it"
    )


def _nothing_to_read(skipped_files: Sequence[SkippedFile]) -> InputError:
    file_names = [file.name for file in skipped_files]
    count_by_suffix = Counter(
        name.rpartition(".")[2].lower() if "." in name else "no suffix" for name in file_names
    )
    suffix_counts_text = (
        ", ".join(f"{count} x {suffix}" for suffix, count in count_by_suffix.most_common(8))
        or "no files at all"
    )
    skip_faults = tuple(Fault(f.name, f.reason, "skipped") for f in skipped_files[:ROWS_SHOWN])
    omission_text = f" The first {ROWS_SHOWN} of {len(file_names)}:" if len(file_names) > ROWS_SHOWN else ""
    return InputError(
        f"Nothing to load was found ({suffix_counts_text}). {EXPECTED}.{omission_text}", skip_faults
    )


def _combine_refusals(refusals: Sequence[tuple[str, InputError]]) -> InputError:
    if len(refusals) == 1:
        return refusals[0][1]
    located_faults = [
        replace(fault, where=fault.where if file_name in fault.where else f"{file_name}: {fault.where}")
        for file_name, file_refusal in refusals
        for fault in (file_refusal.faults or (Fault(file_name, file_refusal.message, "see above"),))
    ]
    return InputError(f"{len(refusals)} files were refused; nothing was loaded", tuple(located_faults))


def check_readings(
    readings: Sequence[FileReading], *, max_reject_share: float, allow_outside: bool = False
) -> None:
    """Refuse files of which more than this share of rows was rejected, or most had to be repaired.

    A repaired row is loaded and loses little; but a file of which most rows need repair was read by the
    wrong recipe, or is another city's (unless that is allowed). Raises InputError with the reasons, their
    counts and the first rows of each such file; also where none of the files holds any row.
    """
    if not any(reading.reading is None or reading.reading.rows for reading in readings):
        faults = tuple(Fault(r.file.name, "has no rows", "fetch or export it again") for r in readings)
        raise InputError(f"The {len(readings)} files hold a header and no rows; nothing was loaded", faults)
    faulty_readings = [
        (reading.file.name, reading.reading)
        for reading in readings
        if reading.reading is not None and _is_faulty(reading.reading, max_reject_share, allow_outside)
    ]
    if not faulty_readings:
        return
    raise InputError(
        f"{len(faulty_readings)} of {len(readings)} files have more rejected rows than the "
        f"{max_reject_share:.0%} "
        "that [ingest] max_reject_share allows, or more than "
        f"{MOST_REPAIRED:.0%} rows that need repair; nothing was loaded. Correct them, or allow more "
        "rejected rows with `max_reject_share`.",
        tuple(fault for file_name, reading in faulty_readings for fault in _list_reasons(file_name, reading)),
    )


def check_replacements(replacements: Sequence[Replacement]) -> None:
    """Refuse files that would take the place of larger ones of the same months, as a part or a mistake would.

    A re-issue holds about as many rows as the former one.
    """
    smaller_replacements = [
        replacement
        for replacement in replacements
        if replacement.former_rows - replacement.new_rows >= LEAST_LOST
        and replacement.new_rows < SMALLER_SHARE * replacement.former_rows
    ]
    if smaller_replacements:
        raise InputError(
            f"{len(smaller_replacements)} months would be replaced by fewer rows than they have; "
            "nothing was loaded",
            tuple(
                Fault(
                    f"{r.input_file}: {r.source} {r.month}",
                    f"has {r.new_rows:,} rows, where {r.former_rows:,} are loaded",
                    "load the whole month; or give `replace` if the smaller file is right",
                )
                for r in smaller_replacements
            ),
        )


def _is_faulty(reading: Reading, max_reject_share: float, allow_outside: bool) -> bool:
    """Whole rows that repeat do not count: nothing is lost with them, and published files do hold some."""
    lost_count = reading.rejected - sum(row_fault.reason == REPEATED_ROW for row_fault in reading.faults)
    row_count = max(reading.rows, 1)
    is_misread = reading.repaired / row_count > MOST_REPAIRED and not allow_outside
    return lost_count / row_count > max_reject_share or is_misread


def _list_reasons(name: str, reading: Reading) -> list[Fault]:
    """Each reason with its count, and below it the first rows that met it."""
    faults_by_reason: dict[str, list[RowFault]] = {}
    for fault in reading.faults:
        faults_by_reason.setdefault(fault.reason, []).append(fault)
    reason_faults = []
    for reason, faults in faults_by_reason.items():
        reason_faults.append(Fault(name, f"{len(faults)} of {reading.rows} rows: {reason}", faults[0].remedy))
        reason_faults += [
            Fault(f"  row {f.row}", f'{f.column or "line"} "{f.value[:80]}"', f.remedy)
            for f in faults[:ROWS_SHOWN]
        ]
    return reason_faults


COUNT_NOTE = re.compile(r"(?P<rows>\d+) (?P<what>rows .*)")
NOTES_SHOWN = 3  # of one line of the summary
LINES_SHOWN = 12  # up to so many files are listed one by one
Slot = tuple[str, str, str]  # table, source and month


def describe_file(
    file_reading: FileReading, before: Sequence[ArchiveFile], after: Sequence[ArchiveFile]
) -> FileIntake:
    """What became of one file, from what was current before the load and what is after it."""
    reading, file = file_reading.reading, file_reading.file
    if reading is None:
        return _describe_known_file(file_reading, before)
    part_keys_of_reading = {(part.table, part.source, part.month) for part in reading.parts}
    current_paths = {entry.path for entry in after}
    own_part_keys = {_slot(entry) for entry in after if entry.input_sha256 == file.sha256}
    former_files = [entry for entry in before if _slot(entry) in part_keys_of_reading]
    replaced_files = [entry for entry in former_files if entry.path not in current_paths]
    newer_files = [entry for entry in former_files if _slot(entry) not in own_part_keys]
    return FileIntake(
        file=file.name,
        source=", ".join(sorted({part.source for part in reading.parts})),
        table=", ".join(sorted({part.table for part in reading.parts})),
        mapping=reading.recipe,
        months=tuple(sorted({part.month for part in reading.parts if part.month})),
        rows=reading.rows,
        loaded=reading.loaded,
        repaired=reading.repaired,
        rejected=reading.rejected,
        as_of=file.as_of,
        status="supersedes" if replaced_files else "loaded",
        notes=(
            *reading.notes,
            *(f"an edition as of {f.as_of} stays current for {f.month}" for f in newer_files[:NOTES_SHOWN]),
            *_replaced_note(file.name, replaced_files),
            *_not_counted_notes(file.name, part_keys_of_reading - own_part_keys, before, after),
        ),
    )


def _slot(file: ArchiveFile) -> Slot:
    return file.table, file.source, file.month


def _replaced_note(file_name: str, replaced_files: Iterable[ArchiveFile]) -> tuple[str, ...]:
    """Which other files does this one push aside? They may have been meant to count beside it."""
    other_files = sorted({file.input_file for file in replaced_files if file.input_file != file_name})
    if not other_files:
        return ()
    file_list_text = ", ".join(other_files[:3])
    file_list_text += f" and {len(other_files) - 3} more" if len(other_files) > 3 else ""
    return (f"replaces what {file_list_text} brought; files that count together are loaded by one command",)


def _not_counted_notes(
    name: str, lost_slots: set[Slot], former_files: Sequence[ArchiveFile], after: Sequence[ArchiveFile]
) -> tuple[str, ...]:
    """Which other file of this command counts in the place of this one?"""
    former_paths = {file.path for file in former_files}
    winning_files = [file for file in after if file.path not in former_paths and _slot(file) in lost_slots]
    return tuple(
        f"not counted for {file.month}: {file.input_file}, loaded by the same command, counts in its place"
        if file.input_file != name
        else f"not counted for {file.month}: a file of the same name counts in its place"
        for file in winning_files[:NOTES_SHOWN]
    )


def _describe_known_file(file_reading: FileReading, before: Sequence[ArchiveFile]) -> FileIntake:
    input_file, recipe_sha256 = file_reading.file, file_reading.recipe_sha256
    own_files = [f for f in before if (f.input_sha256, f.recipe_sha256) == (input_file.sha256, recipe_sha256)]
    return FileIntake(
        file=input_file.name,
        source=", ".join(sorted({f.source for f in own_files})),
        table=", ".join(sorted({f.table for f in own_files})),
        mapping=file_reading.recipe,
        months=tuple(sorted({f.month for f in own_files})),
        rows=0,
        loaded=0,
        repaired=0,
        rejected=0,
        as_of=max((f.as_of for f in own_files), default=input_file.as_of),
        status="already loaded",
        notes=() if own_files else ("the same bytes as another file of this command",),
    )


def load_facts(intake_id: str, file_readings: Sequence[FileReading]) -> Mapping[str, Fact]:
    """What the ledger keeps of a load; file names come from strangers and are kept to one line."""
    readings = [reading.reading for reading in file_readings if reading.reading is not None]
    source_names = {one_line(part.source) for reading in readings for part in reading.parts}
    return {
        "intake": intake_id,
        "files": tuple((one_line(reading.file.name), reading.file.sha256) for reading in file_readings),
        "sources": tuple(sorted(source_names)),
        "rows": sum(reading.rows for reading in readings),
        "loaded": sum(reading.loaded for reading in readings),
        "rejected": sum(reading.rejected for reading in readings),
    }


def summarise(files: Sequence[FileIntake]) -> tuple[FileIntake, ...]:
    """One line per file where they are few, else one per archive or folder, source, recipe and status."""
    if len(files) <= LINES_SHOWN:
        return tuple(files)
    files_by_kind: dict[tuple[str, ...], list[FileIntake]] = {}
    for file in files:
        summary_key = (
            _container(file.file),
            file.source,
            file.table,
            file.mapping,
            str(file.as_of),
            file.status,
        )
        files_by_kind.setdefault(summary_key, []).append(file)
    return tuple(_merge(alike_files) for alike_files in files_by_kind.values())


def _merge(alike_files: Sequence[FileIntake]) -> FileIntake:
    first_file = alike_files[0]
    if len(alike_files) == 1:
        return first_file
    return replace(
        first_file,
        file=f"{_container(first_file.file)}({len(alike_files)} files)".strip(),
        months=tuple(sorted(set(chain.from_iterable(file.months for file in alike_files)))),
        rows=sum(file.rows for file in alike_files),
        loaded=sum(file.loaded for file in alike_files),
        repaired=sum(file.repaired for file in alike_files),
        rejected=sum(file.rejected for file in alike_files),
        notes=_merge_notes(chain.from_iterable(file.notes for file in alike_files)),
    )


def _merge_notes(notes: Iterable[str]) -> tuple[str, ...]:
    """Every different note once; what they count ("6 rows carry ...") is added up."""
    count_by_note: dict[str, int] = {}
    other_notes: dict[str, None] = {}
    for note in notes:
        if count_match := COUNT_NOTE.fullmatch(note):
            count_by_note[count_match["what"]] = count_by_note.get(count_match["what"], 0) + int(
                count_match["rows"]
            )
        else:
            other_notes[note] = None
    hidden_count = len(other_notes) - NOTES_SHOWN
    omission_notes = [f"and {hidden_count} more: all stand in the answer as JSON"] if hidden_count > 0 else []
    return (
        *(f"{count} {text}" for text, count in count_by_note.items()),
        *list(other_notes)[:NOTES_SHOWN],
        *omission_notes,
    )


def _container(input_name: str) -> str:
    return f"{input_name.rpartition(': ')[0]}: " if ": " in input_name else ""
