"""What was done to the ledger at the first row that does not hold, and which entry is the first bad one?"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from becalm.record.chain import first_link, row_hash
from becalm.record.verdict import Finding
from becalm.record.walk import Walk
from becalm.tables.ledger import StoredRow

REACH = 1_000  # rows beyond the end that a moved entry may have had for its number


def diagnose(walk: Walk, rows: Iterable[StoredRow], *, identity: str, proven: int) -> Finding:
    """What happened at the first row that is not sound?

    `proven` is how many entries a signed head covers: they are what they were. Of an entry that was written
    anew with a hash of its own, only the entry after it tells: it follows another one.
    """
    row, place = walk.broken, walk.sound + 1
    assert row is not None, "only a broken ledger is diagnosed"
    if row[0] != place:
        return _gap(row, place)
    if _own_hash(row) != row[14]:
        return _foreign(row, walk, rows, identity)
    if place > 1 and proven < place - 1:
        return Finding(
            "altered",
            place - 1,
            f"Entry {place - 1} is not the one that entry {place} was written after: it was altered and "
            f"given a new hash{_or_before(proven + 1, place - 1)}.",
        )
    before = f"entry {place - 1}" if place > 1 else f"the opening of ledger {identity}"
    return Finding("altered", place, f"Entry {place} does not follow {before}: it was written anew.")


def _or_before(earliest: int, named: int) -> str:
    return (
        f" (or the rewriting began before it, at entry {earliest} the earliest)" if earliest < named else ""
    )


def _gap(row: StoredRow, place: int) -> Finding:
    if isinstance(row[0], int) and row[0] > place:
        gone = f"entry {place} is" if row[0] == place + 1 else f"entries {place} to {row[0] - 1} are"
        return Finding("missing", place, f"{gone[:1].upper()}{gone[1:]} missing: entry {row[0]} comes next.")
    return Finding("inserted", place, f"A row with the number {row[0]!r} stands where entry {place} belongs.")


def _foreign(row: StoredRow, walk: Walk, rows: Iterable[StoredRow], identity: str) -> Finding:
    """A row whose hash is not its own: edited, or an entry of another place that was given a new number."""
    place = walk.sound + 1
    if _own_hash((*row[:13], walk.last, row[14])) == row[14]:
        return Finding("altered", place, f"Entry {place} was altered: its link to the entry before it was.")
    before = _place_of(row[13], islice(rows, walk.sound), identity)
    if before is not None and before + 1 < place and _own_hash((before + 1, *row[1:])) == row[14]:
        return Finding(
            "inserted",
            before + 1,
            f"Entry {before + 1} was put in: the row numbered {place} was written as entry {before + 1}.",
        )
    written = _written_as(row, walk.size + REACH) if row[13] != walk.last else None
    if written is not None:
        return Finding(
            "moved",
            place,
            f"Entry {place} is not what stood there: the row was written as entry {written}, so that entries "
            "were taken out or put in another order.",
        )
    return Finding("altered", place, f"Entry {place} was altered: what it says does not give its hash.")


def _place_of(link: str, rows: Iterable[StoredRow], identity: str) -> int | None:
    """After which entry does a row with this link stand? 0 for the first of all."""
    if link == first_link(identity):
        return 0
    return next((row[0] for row in rows if row[14] == link), None)


def _written_as(row: StoredRow, most: int) -> int | None:
    """Under which number does this row hash to what it bears?"""
    return next((n for n in range(1, most + 1) if _own_hash((n, *row[1:])) == row[14]), None)


def _own_hash(row: StoredRow) -> str | None:
    try:
        return row_hash(row)
    except (TypeError, ValueError):
        return None
