"""State tables: how each comes out of the entries of a ledger, row by row, and from nothing else."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from becalm.ledger import Entry, Fact, StoredRow, format_instant
from becalm.ledger.chain import ACTOR, KIND, OCCURRED_AT, SEQ, SUBJECT

Row = Mapping[str, Fact]
WITHDRAWN = "entry_withdrawn"  # the kind of the event that takes an entry back


@dataclass(frozen=True, slots=True)
class Fold:
    """How one state table is folded from entries. Pure: the same entries give the same rows.

    `keys` names the rows that an entry touches (none: it passes by); `step` gives such a row again: from
    what stood there (None: nothing) to what stands there now (None: nothing any more). Rows come back in
    the order of their keys as text, so pad a number. Raise the version when rows come out otherwise than
    before: a ledger that was folded by another version is folded again.

    `first_row` gives the row of an entry that corrects nothing straight from what is stored and its facts, as
    `step` would: a verification folds every entry, and reading each into an `Entry` takes most of the time.
    """

    table: str
    version: int
    kinds: tuple[str, ...]  # the kinds of event that it looks at
    keys: Callable[[Entry], Iterable[str]]
    step: Callable[[str, Row | None, Entry], Row | None]
    first_row: Callable[[StoredRow, Row], Row] | None = None


FoldsByKind = Mapping[str, Sequence[Fold]]  # those that look at each kind of event


def fold_entries(fold: Fold, entries: Iterable[Entry]) -> dict[str, Row]:
    """What does the state table hold after these entries?

    >>> from becalm.ledger.projection import Fold, fold_entries
    >>> fold_entries(Fold("none", 1, (), lambda entry: (), lambda key, row, entry: None), [])
    {}
    """
    (row_by_key,) = fold_tables((fold,), entries).values()
    return dict(sorted(row_by_key.items()))


def fold_tables(folds: Sequence[Fold], entries: Iterable[Entry]) -> dict[str, dict[str, Row]]:
    """What do all state tables hold after these entries, which are read once?"""
    folds_of_kind = group_by_kind(folds)
    rows_by_table: dict[str, dict[str, Row]] = {fold.table: {} for fold in folds}
    for entry in entries:
        for fold in folds_of_kind.get(entry.event.kind, ()):
            row_by_key = rows_by_table[fold.table]
            for row_key in fold.keys(entry):
                new_row = fold.step(row_key, row_by_key.get(row_key), entry)
                row_by_key.pop(row_key, None) if new_row is None else row_by_key.update({row_key: new_row})
    return rows_by_table


def group_by_kind(folds: Sequence[Fold]) -> FoldsByKind:
    """Which folds look at each kind of event?"""
    kind_names = {kind_name for fold in folds for kind_name in fold.kinds}
    return {kind_name: tuple(fold for fold in folds if kind_name in fold.kinds) for kind_name in kind_names}


def name_folds(folds: Sequence[Fold]) -> str:
    """Which folds, in which versions? Two ledgers with the same answer hold comparable state tables."""
    return ",".join(sorted(f"{fold.table}:{fold.version}" for fold in folds))


@dataclass(frozen=True, slots=True)
class CorrectedEntry:
    """A first entry, the one whose facts are in force now, and whether it was withdrawn."""

    first_entry: Entry
    latest_entry: Entry
    is_withdrawn: bool = False


def apply_corrections(entries: Iterable[Entry], *, kind: str) -> tuple[CorrectedEntry, ...]:
    """Which first entries are there of this kind, and in which words are they in force?

    A correction names the first entry, never another correction; the last one in the ledger's order is in
    force. Corrections of entries that are not among these, or are of another kind, change nothing.
    """
    corrected_by_first_seq: dict[int, CorrectedEntry] = {}
    for entry in entries:
        first_seq = entry.event.corrects
        if first_seq is None:
            if entry.event.kind == kind:
                corrected_by_first_seq[entry.seq] = CorrectedEntry(entry, entry)
        elif first_seq in corrected_by_first_seq and entry.event.kind == kind:
            corrected_by_first_seq[first_seq] = replace(corrected_by_first_seq[first_seq], latest_entry=entry)
        elif first_seq in corrected_by_first_seq and entry.event.kind == WITHDRAWN:
            corrected_by_first_seq[first_seq] = replace(corrected_by_first_seq[first_seq], is_withdrawn=True)
    return tuple(corrected_by_first_seq.values())


def fold_corrected(table: str, *kinds: str) -> Fold:
    """A state table with one row for each first entry of these kinds, as its corrections leave it."""

    def first_entry_key(entry: Entry) -> Iterable[str]:
        return (format_key(entry.seq if entry.event.corrects is None else entry.event.corrects),)

    return Fold(table, 1, (*kinds, WITHDRAWN), first_entry_key, _correct_row, _first_row)


def format_key(seq: int) -> str:
    """The key of an entry's row: its number, padded so that keys sort as numbers do.

    >>> format_key(42)
    '000000000042'
    """
    return f"{seq:012d}"


def occurrence(entry: Entry) -> str:
    """When the event occurred, as a row says it."""
    return format_instant(entry.event.occurred_at)


def _correct_row(_key: str, row: Row | None, entry: Entry) -> Row | None:
    """The row of a first entry: the facts of the latest that corrects it, and whether it was withdrawn."""
    event = entry.event
    if event.corrects is None:
        return _row_of_facts(entry, first_seq=entry.seq)
    if row is None:  # another table's entry, or none at all
        return None
    if event.kind == WITHDRAWN:
        return {**row, "withdrawn": True, "latest": entry.seq}
    if event.kind != row["kind"]:
        return row
    return {**_row_of_facts(entry, first_seq=int(str(row["seq"]))), "withdrawn": row["withdrawn"]}


def _first_row(row: StoredRow, facts: Row) -> Row:
    """The same as `_row_of_facts` for a first entry, from its stored row."""
    return {
        **facts,
        "seq": row[SEQ],
        "latest": row[SEQ],
        "kind": row[KIND],
        "occurred_at": row[OCCURRED_AT],
        "actor": row[ACTOR],
        "subject": row[SUBJECT],
        "withdrawn": False,
    }


def _row_of_facts(entry: Entry, *, first_seq: int) -> Row:
    event = entry.event
    return {
        **event.facts,
        "seq": first_seq,
        "latest": entry.seq,
        "kind": event.kind,
        "occurred_at": occurrence(entry),
        "actor": event.actor,
        "subject": event.subject,
        "withdrawn": False,
    }
