"""What stands: each first entry with the latest one that corrects it, and whether it was withdrawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from becalm.ledger.event import Entry

WITHDRAWN = "entry_withdrawn"


@dataclass(frozen=True, slots=True)
class Standing:
    """A first entry, the one whose facts stand now, and whether it was withdrawn."""

    first: Entry
    latest: Entry
    withdrawn: bool = False


def what_stands(entries: Iterable[Entry], *, kind: str) -> tuple[Standing, ...]:
    """Which entries of this kind stand, and in which words?

    A correction names the first entry, never another correction; the last one in the ledger's order
    stands. Corrections of entries that are not among these, or are of another kind, change nothing.
    """
    stand: dict[int, Standing] = {}
    for entry in entries:
        target = entry.event.corrects
        if target is None:
            if entry.event.kind == kind:
                stand[entry.seq] = Standing(entry, entry)
        elif target in stand and entry.event.kind == kind:
            stand[target] = replace(stand[target], latest=entry)
        elif target in stand and entry.event.kind == WITHDRAWN:
            stand[target] = replace(stand[target], withdrawn=True)
    return tuple(stand.values())
