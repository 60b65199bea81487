"""Which of the archive's sources is meant, so that no two are ever silently mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from becalm.tables.archive import ArchiveFile
from becalm.terms import QuestionError, UsageError

COUNTED = ("incidents", "published_counts")


@dataclass(frozen=True, slots=True)
class Source:
    """A source and the table that its records lie in."""

    table: str
    key: str


def choose_source(
    files: Sequence[ArchiveFile], wanted: str | None, *, tables: Sequence[str] = COUNTED
) -> Source:
    """Which source answers: the one that was named, else the only one there is?

    Raises
    ------
    UsageError
        where several could answer and none was named, or the named one is not there.
    QuestionError
        where the archive holds nothing that could answer.
    """
    held = sorted({(f.table, f.source) for f in files if f.table in tables})
    if not held:
        raise QuestionError(
            f"The archive holds no {' or '.join(t.replace('_', ' ') for t in tables)}. "
            "Load some with `becalm ingest PATH`."
        )
    meant = held if wanted is None else [(table, key) for table, key in held if key == wanted]
    if len(meant) == 1:
        return Source(*meant[0])
    listed = "\n".join(f"  --source {key}  ({table.replace('_', ' ')})" for table, key in held)
    if wanted is None:
        raise UsageError(
            f"{len(held)} sources could answer, and counts of different sources are not mixed. "
            f"Name one:\n{listed}"
        )
    raise UsageError(f"There is no source {wanted!r} that could answer. There are:\n{listed}")
