"""What became of each file of a load, and the same short enough to be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from becalm.desk import one_line
from becalm.ingest.load import FileReading
from becalm.ledger import Fact
from becalm.tables import ArchiveFile
from becalm.terms import FileIntake

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
    slots = {(part.table, part.source, part.month) for part in reading.parts}
    current_paths = {entry.path for entry in after}
    own_slots = {_slot(entry) for entry in after if entry.input_sha256 == file.sha256}
    former_files = [entry for entry in before if _slot(entry) in slots]
    replaced_files = [entry for entry in former_files if entry.path not in current_paths]
    newer_files = [entry for entry in former_files if _slot(entry) not in own_slots]
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
            *_not_counted_notes(file.name, slots - own_slots, before, after),
        ),
    )


def _slot(file: ArchiveFile) -> Slot:
    return file.table, file.source, file.month


def _replaced_note(name: str, replaced_files: Iterable[ArchiveFile]) -> tuple[str, ...]:
    """Which other files does this one push aside? They may have been meant to count beside it."""
    other_files = sorted({file.input_file for file in replaced_files if file.input_file != name})
    if not other_files:
        return ()
    file_list = ", ".join(other_files[:3])
    file_list += f" and {len(other_files) - 3} more" if len(other_files) > 3 else ""
    return (f"replaces what {file_list} brought; files that count together are loaded by one command",)


def _not_counted_notes(
    name: str, lost_slots: set[Slot], before: Sequence[ArchiveFile], after: Sequence[ArchiveFile]
) -> tuple[str, ...]:
    """Which other file of this command counts in the place of this one?"""
    former_paths = {file.path for file in before}
    winners = [file for file in after if file.path not in former_paths and _slot(file) in lost_slots]
    return tuple(
        f"not counted for {file.month}: {file.input_file}, loaded by the same command, counts in its place"
        if file.input_file != name
        else f"not counted for {file.month}: a file of the same name counts in its place"
        for file in winners[:NOTES_SHOWN]
    )


def _describe_known_file(file_reading: FileReading, before: Sequence[ArchiveFile]) -> FileIntake:
    file, recipe_sha256 = file_reading.file, file_reading.recipe_sha256
    own_files = [f for f in before if (f.input_sha256, f.recipe_sha256) == (file.sha256, recipe_sha256)]
    return FileIntake(
        file=file.name,
        source=", ".join(sorted({f.source for f in own_files})),
        table=", ".join(sorted({f.table for f in own_files})),
        mapping=file_reading.recipe,
        months=tuple(sorted({f.month for f in own_files})),
        rows=0,
        loaded=0,
        repaired=0,
        rejected=0,
        as_of=max((f.as_of for f in own_files), default=file.as_of),
        status="already loaded",
        notes=() if own_files else ("the same bytes as another file of this command",),
    )


def load_facts(intake_id: str, file_readings: Sequence[FileReading]) -> Mapping[str, Fact]:
    """What the ledger keeps of a load; file names come from strangers and are kept to one line."""
    readings = [reading.reading for reading in file_readings if reading.reading is not None]
    sources = {one_line(part.source) for reading in readings for part in reading.parts}
    return {
        "intake": intake_id,
        "files": tuple((one_line(reading.file.name), reading.file.sha256) for reading in file_readings),
        "sources": tuple(sorted(sources)),
        "rows": sum(reading.rows for reading in readings),
        "loaded": sum(reading.loaded for reading in readings),
        "rejected": sum(reading.rejected for reading in readings),
    }


def summarise(files: Sequence[FileIntake]) -> tuple[FileIntake, ...]:
    """One line per file where they are few, else one per archive or folder, source, recipe and status."""
    if len(files) <= LINES_SHOWN:
        return tuple(files)
    groups: dict[tuple[str, ...], list[FileIntake]] = {}
    for file in files:
        key = (_container(file.file), file.source, file.table, file.mapping, str(file.as_of), file.status)
        groups.setdefault(key, []).append(file)
    return tuple(_merge(members) for members in groups.values())


def _merge(files: Sequence[FileIntake]) -> FileIntake:
    first = files[0]
    if len(files) == 1:
        return first
    return replace(
        first,
        file=f"{_container(first.file)}({len(files)} files)".strip(),
        months=tuple(sorted(set(chain.from_iterable(file.months for file in files)))),
        rows=sum(file.rows for file in files),
        loaded=sum(file.loaded for file in files),
        repaired=sum(file.repaired for file in files),
        rejected=sum(file.rejected for file in files),
        notes=_merge_notes(chain.from_iterable(file.notes for file in files)),
    )


def _merge_notes(notes: Iterable[str]) -> tuple[str, ...]:
    """Every different note once; what they count ("6 rows carry ...") is added up."""
    counts: dict[str, int] = {}
    other_notes: dict[str, None] = {}
    for note in notes:
        if match := COUNT_NOTE.fullmatch(note):
            counts[match["what"]] = counts.get(match["what"], 0) + int(match["rows"])
        else:
            other_notes[note] = None
    hidden_count = len(other_notes) - NOTES_SHOWN
    ending = [f"and {hidden_count} more: all stand in the answer as JSON"] if hidden_count > 0 else []
    return (*(f"{count} {text}" for text, count in counts.items()), *list(other_notes)[:NOTES_SHOWN], *ending)


def _container(name: str) -> str:
    return f"{name.rpartition(': ')[0]}: " if ": " in name else ""
