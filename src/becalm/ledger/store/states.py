"""State tables beside the events: read and written within the transaction that appends."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import cast

from sqlalchemy import Connection, bindparam, delete, select

from becalm.ledger.event import Entry, Fact
from becalm.ledger.projection import Fold, FoldsByKind, Row
from becalm.ledger.store.tables import state
from becalm.terms import TamperError

_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
_ALTERED = ": it was altered. Run `becalm record rebuild`, which folds them anew."
Place = tuple[str, str]  # a state table and the key of its row
ONE_ROW = select(state.c.row).where(state.c.name == bindparam("one"), state.c.key == bindparam("at"))
MANY_ROWS = (
    "SELECT key, row FROM state WHERE name = ? AND key IN (SELECT value FROM json_each(?))"  # SQLite's
)
MOST_ASKED = 5_000  # rows in one question
FRESH = "INSERT INTO state (name, key, row) VALUES (?, ?, ?)"
GONE = "DELETE FROM state WHERE name = ? AND key = ?"


class States:
    """The rows that the entries of one transaction touch, read once and written back together.

    `folds` are those that look at each kind of event (`projection.group_by_kind`).
    """

    def __init__(self, connection: Connection, folds: FoldsByKind) -> None:
        self._connection = connection
        self._folds = folds
        self._rows: dict[Place, Row | None] = {}
        self._read: dict[Place, Row | None] = {}
        self._touched: dict[int, list[tuple[Fold, Place]]] = {}

    def places(self, entries: Iterable[Entry]) -> set[Place]:
        """Which rows do these entries touch?"""
        return {place for entry in entries for _, place in self._touches(entry)}

    def _touches(self, entry: Entry) -> list[tuple[Fold, Place]]:
        """Which rows does this entry touch, and by which folds? Asked twice, found once."""
        found = self._touched.get(entry.seq)
        if found is None:
            folds = self._folds.get(entry.event.kind, ())
            found = [(fold, (fold.table, key)) for fold in folds for key in fold.keys(entry)]
            self._touched[entry.seq] = found
        return found

    def know(self, rows: Mapping[Place, Row | None]) -> None:
        """Take rows that were read already."""
        self._read |= rows

    def changes(self) -> Mapping[Place, Row | None]:
        """The rows that came out; None where one is no more."""
        return self._rows

    def foresee(self, entries: Iterable[Entry]) -> None:
        """Read every row that these entries touch with one question for each state table."""
        for name, group in groupby(sorted(self.places(entries) - self._read.keys()), key=itemgetter(0)):
            keys = [key for _, key in group]
            for start in range(0, len(keys), MOST_ASKED):
                self._read_rows(name, keys[start : start + MOST_ASKED])

    def _read_rows(self, name: str, keys: Sequence[str]) -> None:
        self._read |= {(name, key): None for key in keys}
        for key, row in self._connection.exec_driver_sql(MANY_ROWS, (name, json.dumps(keys))):
            self._read[name, key] = read_row(row)

    def fold(self, entries: Iterable[Entry]) -> None:
        """Fold these entries into the rows; if one cannot be folded, none of these are."""
        rows: dict[Place, Row | None] = {}
        for entry in entries:
            for fold, place in self._touches(entry):
                row = rows[place] if place in rows else self._row(place)
                rows[place] = _step(fold, place[1], row, entry)
        self._rows |= rows

    def _row(self, place: Place) -> Row | None:
        if place in self._rows:
            return self._rows[place]
        if place not in self._read:
            row = self._connection.execute(ONE_ROW, {"one": place[0], "at": place[1]}).scalar()
            self._read[place] = None if row is None else read_row(row)
        return self._read[place]

    def write(self) -> None:
        """Write the rows that came out."""
        write_rows(self._connection, self._rows, stood=self._read)


def write_rows(
    connection: Connection, rows: Mapping[Place, Row | None], *, stood: Mapping[Place, Row | None]
) -> None:
    """Put these rows in the place of those that stood there before."""
    gone = [place for place in rows if stood.get(place) is not None]
    fresh = [(*place, row_text(row)) for place, row in rows.items() if row is not None]
    sign = "?" if connection.dialect.paramstyle == "qmark" else "%s"
    if gone:
        connection.exec_driver_sql(GONE.replace("?", sign), gone)
    if fresh:
        connection.exec_driver_sql(FRESH.replace("?", sign), fresh)


def read_states(connection: Connection, table: str | None = None) -> Iterator[tuple[Place, Row]]:
    """The rows of one state table, or of all, in the order of their keys."""
    asked = select(state.c.name, state.c.key, state.c.row).order_by(state.c.name, state.c.key)
    if table is not None:
        asked = asked.where(state.c.name == table)
    for name, key, row in connection.execute(asked):
        yield (name, key), read_row(row)


def row_text(row: Row) -> str:
    """A row of a state table as JSON, always the same for the same row."""
    return _encode(dict(row))


def read_row(written: str) -> Row:
    """A row of a state table from its JSON; raises TamperError where it is none."""
    try:
        return {name: _fact(value) for name, value in json.loads(written).items()}
    except (ValueError, AttributeError) as error:
        raise TamperError(
            f"The row {written!r:.60} of a state table is none that becalm writes{_ALTERED}"
        ) from error


def _fact(value: object) -> Fact:
    return tuple(map(_fact, value)) if isinstance(value, list) else cast("Fact", value)


def differences(folded: Mapping[Place, Row], stood: Mapping[Place, Row]) -> tuple[str, ...]:
    """What a state table held, said against what its entries make of it, row by row."""
    found = []
    for name, key in sorted(folded.keys() | stood.keys()):
        new, old = folded.get((name, key)), stood.get((name, key))
        if new != old:
            said = "nothing" if new is None else row_text(new)
            held = "nothing" if old is None else row_text(old)
            found.append(f"{name} {key!r}: the entries say {said}, the table held {held}")
    return tuple(found)


def fold_anew(connection: Connection, folds: Sequence[Fold], entries: Iterable[Entry]) -> tuple[str, ...]:
    """Fold every state table from all entries, put that where the old one stood; say what differed."""
    folded: dict[Place, Row] = {}
    for entry in entries:
        for fold in folds:
            if entry.event.kind in fold.kinds:
                for key in fold.keys(entry):
                    row = fold.step(key, folded.get((fold.table, key)), entry)
                    folded.pop((fold.table, key), None)
                    folded |= {} if row is None else {(fold.table, key): row}
    stood = dict(read_states(connection))
    found = differences(folded, stood)
    if found:
        connection.execute(delete(state))
        write_rows(connection, folded, stood={})
    return found


def _step(fold: Fold, key: str, row: Row | None, entry: Entry) -> Row | None:
    """What this entry makes of the row; an altered row may lack what the fold looks for."""
    try:
        return fold.step(key, row, entry)
    except (KeyError, TypeError, ValueError) as error:
        raise TamperError(f"The row {key!r} of state table {fold.table!r} does not fit{_ALTERED}") from error
