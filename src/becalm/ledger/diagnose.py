"""What was done to the ledger at the first row that does not hold, and which entry is the first bad one?"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from becalm.ledger.chain import first_link, row_hash
from becalm.ledger.protocol import StoredRow
from becalm.ledger.verdict import Finding
from becalm.ledger.walk import Walk

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
    stood = _stood_for(row, islice(rows, walk.sound), identity)
    if stood is not None and stood[0] < place and _own_hash((stood[0], *row[1:])) == row[14]:
        number, is_copy = stood
        said = (
            f"the row that stands there is a copy of entry {number}."
            if is_copy
            else f"the row numbered {place} was written as entry {number}."
        )
        first = place if is_copy else number
        return Finding("inserted", first, f"Entry {first} was put in: {said}")
    written = _written_as(row, walk.size + REACH) if row[13] != walk.last else None
    if written is not None:
        return Finding(
            "moved",
            place,
            f"Entry {place} is not what stood there: the row was written as entry {written}, so that entries "
            "were taken out or put in another order.",
        )
    return Finding("altered", place, f"Entry {place} was altered: what it says does not give its hash.")


def _stood_for(row: StoredRow, rows: Iterable[StoredRow], identity: str) -> tuple[int, bool] | None:
    """Under which number was a row with this link written, and does it still stand there as well?"""
    number: int | None = 1 if row[13] == first_link(identity) else None
    for other in rows:
        if other[0] == number:
            return number, other[14] == row[14]
        if other[14] == row[13]:
            number = other[0] + 1
    return None if number is None else (number, False)


def _written_as(row: StoredRow, most: int) -> int | None:
    """Under which number does this row hash to what it bears?"""
    return next((n for n in range(1, most + 1) if _own_hash((n, *row[1:])) == row[14]), None)


def _own_hash(row: StoredRow) -> str | None:
    try:
        return row_hash(row)
    except (TypeError, ValueError):
        return None
