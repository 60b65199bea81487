"""The summary of a load, short enough to be read: files of one kind from one archive become one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import chain

from becalm.terms import FileIntake

_COUNTED = re.compile(r"(?P<rows>\d+) (?P<what>rows .*)")
NOTES = 3  # of one line of the summary
LINES = 12  # up to so many files are listed one by one


def summarise(files: Sequence[FileIntake]) -> tuple[FileIntake, ...]:
    """One line per file where they are few, else one per archive or folder, source, recipe and status."""
    if len(files) <= LINES:
        return tuple(files)
    groups: dict[tuple[str, ...], list[FileIntake]] = {}
    for file in files:
        key = (_container(file.file), file.source, file.table, file.mapping, str(file.as_of), file.status)
        groups.setdefault(key, []).append(file)
    return tuple(_merged(members) for members in groups.values())


def _merged(files: Sequence[FileIntake]) -> FileIntake:
    first = files[0]
    if len(files) == 1:
        return first
    return FileIntake(
        file=f"{_container(first.file)}({len(files)} files)".strip(),
        source=first.source,
        table=first.table,
        mapping=first.mapping,
        months=tuple(sorted(set(chain.from_iterable(f.months for f in files)))),
        rows=sum(f.rows for f in files),
        loaded=sum(f.loaded for f in files),
        repaired=sum(f.repaired for f in files),
        rejected=sum(f.rejected for f in files),
        as_of=first.as_of,
        status=first.status,
        notes=_notes(files),
    )


def _notes(files: Iterable[FileIntake]) -> tuple[str, ...]:
    """Every different note once; what they count ("6 rows carry ...") is added up."""
    counted: dict[str, int] = {}
    told: dict[str, None] = {}
    for note in chain.from_iterable(f.notes for f in files):
        if match := _COUNTED.fullmatch(note):
            counted[match["what"]] = counted.get(match["what"], 0) + int(match["rows"])
        else:
            told[note] = None
    more = [f"and {len(told) - NOTES} more: see --format json"] if len(told) > NOTES else []
    return (*(f"{n} {what}" for what, n in counted.items()), *list(told)[:NOTES], *more)


def _container(name: str) -> str:
    return f"{name.rpartition(': ')[0]}: " if ": " in name else ""
