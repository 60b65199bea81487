"""State tables beside the events: read and written within the transaction that appends."""

import json
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from operator import itemgetter
from typing import cast

import orjson
from sqlalchemy import Connection, delete, select

from becalm.ledger.chain import CORRECTS, FACTS, KIND, SEQ, StoredRow, read_entry
from becalm.ledger.event import Entry, Fact
from becalm.ledger.projection import Fold, FoldsByKind, Row, fold_tables, format_key, group_by_kind
from becalm.ledger.store.new_entries import SealedEntry
from becalm.ledger.store.tables import state_table
from becalm.terms import TamperError

RowKey = tuple[str, str]  # a state table and the key of its row
Execute = Callable[[str, tuple[str, str]], Iterable[tuple[str, str]]]  # a driver's: a question, its values
ExecuteMany = Callable[[str, Sequence[tuple[str, ...]]], object]  # a driver's: once for each of these values
ROWS_AT_ONCE = 500  # whose texts are made and compared together
READ_LIMIT = 5_000  # rows in one question

_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
_ALTERED_ROW = ": it was altered. Run `becalm record rebuild`, which folds them again."
# SQLite's:
_SELECT_ROWS = "SELECT key, row FROM state WHERE name = ? AND key IN (SELECT value FROM json_each(?))"
_PUT_ROW = (
    "INSERT INTO state (name, key, row) VALUES (?, ?, ?) "
    "ON CONFLICT (name, key) DO UPDATE SET row = excluded.row"
)
_DELETE_ROW = "DELETE FROM state WHERE name = ? AND key = ?"


class StateRows:
    """The rows that the entries of one transaction touch, read once and written back together.

    `folds` are those that look at each kind of event (`projection.group_by_kind`). In `new_rows` stand the
    rows that came out, None where one is no more; in `old_rows` what was read.
    """

    def __init__(self, folds: FoldsByKind) -> None:
        self._folds = folds
        self.new_rows: dict[RowKey, Row | None] = {}
        self.old_rows: dict[RowKey, Row | None] = {}
        self._keys_by_seq: dict[int, list[tuple[Fold, RowKey]]] = {}

    def row_keys(self, sealed_entries: Iterable[SealedEntry]) -> set[RowKey]:
        """Which rows must be read before these entries are folded?"""
        return {key for sealed_entry in sealed_entries for _, key in self._touched_rows(sealed_entry.entry)}

    def _touched_rows(self, entry: Entry) -> list[tuple[Fold, RowKey]]:
        """Which rows does this entry alter, and by which folds? Asked twice, worked out once.

        Without those that it begins: nothing can stand there before.
        """
        folds_and_keys = self._keys_by_seq.get(entry.seq)
        if folds_and_keys is None:
            folds = [f for f in self._folds.get(entry.event.kind, ()) if not _begins_row(f, entry)]
            folds_and_keys = [(fold, (fold.table, key)) for fold in folds for key in fold.keys(entry)]
            self._keys_by_seq[entry.seq] = folds_and_keys
        return folds_and_keys

    def prefetch(self, execute: Execute, sealed_entries: Iterable[SealedEntry]) -> None:
        """Read every row that these entries alter with one question for each state table."""
        row_keys = sorted(self.row_keys(sealed_entries) - self.old_rows.keys())
        for table, table_row_keys in groupby(row_keys, key=itemgetter(0)):
            keys_of_table = [key for _, key in table_row_keys]
            for first_position in range(0, len(keys_of_table), READ_LIMIT):
                keys = keys_of_table[first_position : first_position + READ_LIMIT]
                self.old_rows |= {(table, key): None for key in keys}
                for key, row_json in execute(_SELECT_ROWS, (table, json.dumps(keys))):
                    self.old_rows[table, key] = parse_row(row_json)

    def fold(self, sealed_entries: Iterable[SealedEntry]) -> None:
        """Fold these entries into the rows; if one cannot be folded, none of these are."""
        row_by_key: dict[RowKey, Row | None] = {}
        current_rows = ChainMap(row_by_key, self.new_rows, self.old_rows)
        for sealed_entry in sealed_entries:
            entry = sealed_entry.entry
            for fold in self._folds.get(entry.event.kind, ()):
                if _begins_row(fold, entry) and fold.first_row is not None:
                    first_row = fold.first_row(sealed_entry.row, entry.event.facts)
                    row_by_key[fold.table, format_key(entry.seq)] = first_row
            for fold, row_key in self._touched_rows(entry):
                row_by_key[row_key] = _step(fold, row_key[1], current_rows[row_key], entry)
        self.new_rows |= row_by_key


def _begins_row(fold: Fold, entry: Entry) -> bool:
    """Is this a first entry, whose row the fold gives straight from what is stored?"""
    return fold.first_row is not None and entry.event.corrects is None


def write_rows(
    execute_many: ExecuteMany, rows: Mapping[RowKey, Row | None], *, placeholder: str = "?"
) -> None:
    """Put these rows in the place of those that stood there before."""
    # By the driver's own statements: a batch of many rows goes in as one executemany.
    gone_keys = [row_key for row_key, row in rows.items() if row is None]
    put_rows = [(*row_key, format_row(row)) for row_key, row in rows.items() if row is not None]
    if gone_keys:
        execute_many(_DELETE_ROW.replace("?", placeholder), gone_keys)
    if put_rows:
        execute_many(_PUT_ROW.replace("?", placeholder), put_rows)


def read_rows(connection: Connection, table: str | None = None) -> Iterator[tuple[RowKey, Row]]:
    """The rows of one state table, or of all, in the order of their keys."""
    return ((row_key, parse_row(row_json)) for row_key, row_json in _read_row_texts(connection, table))


def _read_row_texts(connection: Connection, table: str | None = None) -> Iterator[tuple[RowKey, str]]:
    state_columns = state_table.c
    rows_query = select(state_columns.name, state_columns.key, state_columns.row).order_by(
        state_columns.name, state_columns.key
    )
    if table is not None:
        rows_query = rows_query.where(state_columns.name == table)
    # The driver's own rows: making SQLAlchemy's of them takes longer than reading them.
    driver_rows = cast("Iterable[tuple[str, str, str]]", connection.execute(rows_query).cursor)
    return (((name, key), row_json) for name, key, row_json in driver_rows)


def format_row(row: Row) -> str:
    """A row of a state table as JSON, always the same for the same row."""
    try:
        return orjson.dumps(dict(row), option=orjson.OPT_SORT_KEYS).decode()  # the same bytes, in less time
    except TypeError:
        return _encode(dict(row))


def parse_row(text: str) -> Row:
    """A row of a state table from its JSON; raises TamperError where it is none."""
    try:
        return {name: _parse_fact(value) for name, value in json.loads(text).items()}
    except (ValueError, AttributeError) as error:
        row_label = f"The row {text!r:.60} of a state table"
        raise TamperError(f"{row_label} is none that becalm writes{_ALTERED_ROW}") from error


def _parse_fact(value: object) -> Fact:
    return tuple(map(_parse_fact, value)) if isinstance(value, list) else cast("Fact", value)


def list_differences(folded_rows: Mapping[RowKey, Row], stored_rows: Mapping[RowKey, Row]) -> tuple[str, ...]:
    """What a state table held, said against what its entries make of it, row by row."""
    difference_texts = []
    for table_name, row_key in sorted(folded_rows.keys() | stored_rows.keys()):
        new_row, old_row = folded_rows.get((table_name, row_key)), stored_rows.get((table_name, row_key))
        if new_row != old_row:
            new_text = "nothing" if new_row is None else format_row(new_row)
            old_text = "nothing" if old_row is None else format_row(old_row)
            difference_texts.append(
                f"{table_name} {row_key!r}: the entries say {new_text}, the table held {old_text}"
            )
    return tuple(difference_texts)


def compare_states(
    connection: Connection, folds: Sequence[Fold], event_rows: Iterable[StoredRow]
) -> tuple[str, ...]:
    """Where the state tables are not what all entries make of them, row by row."""
    folded_rows = _fold_stored(group_by_kind(folds), event_rows)
    stored_texts = dict(_read_row_texts(connection))
    differing_keys = [key for key in stored_texts if key not in folded_rows]
    folded_items = iter(folded_rows.items())
    # Texts are compared, many at once (orjson writes as `_encode` does); only those that differ are read.
    while items := list(islice(folded_items, ROWS_AT_ONCE)):
        row_texts = [stored_texts.get(key, "") for key, _ in items]
        folded_json = orjson.dumps([row for _, row in items], option=orjson.OPT_SORT_KEYS)
        if f"[{','.join(row_texts)}]".encode("utf-8", "surrogatepass") != folded_json:
            differing_keys += [key for key, row in items if stored_texts.get(key) != format_row(row)]
    new_rows = {key: folded_rows[key] for key in differing_keys if key in folded_rows}
    old_rows = {key: parse_row(stored_texts[key]) for key in differing_keys if key in stored_texts}
    # A row may say the same in other words, with a name twice: others would read it otherwise.
    loose_keys = [key for key in differing_keys if old_rows.get(key) == new_rows.get(key)]
    loose_texts = (f"{table} {key!r}: written as no ledger writes it" for table, key in loose_keys)
    return (*list_differences(new_rows, old_rows), *loose_texts)


def _fold_stored(folds_by_kind: FoldsByKind, event_rows: Iterable[StoredRow]) -> dict[RowKey, Row]:
    """What all state tables hold after these rows; only what corrects something is read into an entry."""
    row_by_key: dict[RowKey, Row] = {}
    relevant_rows = (row for row in event_rows if row[KIND] in folds_by_kind)
    while chunk := list(islice(relevant_rows, ROWS_AT_ONCE)):
        for row, facts in zip(chunk, orjson.loads(f"[{','.join(row[FACTS] for row in chunk)}]"), strict=True):
            for fold in folds_by_kind[row[KIND]]:
                if fold.first_row is not None and row[CORRECTS] is None:
                    row_by_key[fold.table, format_key(row[SEQ])] = fold.first_row(row, facts)
                else:
                    _fold_entry(fold, read_entry(row), row_by_key)
    return row_by_key


def _fold_entry(fold: Fold, entry: Entry, row_by_key: dict[RowKey, Row]) -> None:
    for key in fold.keys(entry):
        new_row = _step(fold, key, row_by_key.pop((fold.table, key), None), entry)
        if new_row is not None:
            row_by_key[fold.table, key] = new_row


def fold_anew(connection: Connection, folds: Sequence[Fold], entries: Iterable[Entry]) -> tuple[str, ...]:
    """Fold every state table from all entries, put that where the old one stood; say what differed."""
    folded_rows = _fold_rows(folds, entries)
    try:
        difference_texts = list_differences(folded_rows, dict(read_rows(connection)))
    except TamperError as error:  # a row that is none
        difference_texts = (error.message,)
    if difference_texts:
        connection.execute(delete(state_table))
        placeholder = "?" if connection.dialect.paramstyle == "qmark" else "%s"
        write_rows(connection.exec_driver_sql, folded_rows, placeholder=placeholder)
    return difference_texts


def _fold_rows(folds: Sequence[Fold], entries: Iterable[Entry]) -> dict[RowKey, Row]:
    rows_by_table = fold_tables(folds, entries)
    return {(table, key): row for table, rows in rows_by_table.items() for key, row in rows.items()}


def _step(fold: Fold, key: str, row: Row | None, entry: Entry) -> Row | None:
    """What this entry makes of the row; an altered row may lack what the fold looks for."""
    try:
        return fold.step(key, row, entry)
    except (KeyError, TypeError, ValueError) as error:
        row_label = f"The row {key!r} of state table {fold.table!r}"
        raise TamperError(f"{row_label} does not fit{_ALTERED_ROW}") from error
