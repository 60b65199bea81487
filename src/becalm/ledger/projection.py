"""The shape of a fold: how one state table comes out of the entries of a ledger, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from becalm.ledger.event import Entry, Fact

Row = Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class Fold:
    """How one state table is folded from entries. Pure: the same entries give the same rows.

    `keys` names the rows that an entry touches (none: it passes by); `step` gives such a row anew: from
    what stood there (None: nothing) to what stands there now (None: nothing any more). Rows come back in
    the order of their keys as text, so pad a number. Raise the version when rows come out otherwise than
    before: a ledger that was folded by another version is folded anew.
    """

    table: str
    version: int
    kinds: tuple[str, ...]  # the kinds of event that it looks at
    keys: Callable[[Entry], Iterable[str]]
    step: Callable[[str, Row | None, Entry], Row | None]


FoldsByKind = Mapping[str, Sequence[Fold]]  # those that look at each kind of event


def fold_entries(fold: Fold, entries: Iterable[Entry]) -> dict[str, Row]:
    """What does the state table hold after these entries?

    >>> from becalm.record.fold_shape import Fold, fold_entries
    >>> fold_entries(Fold("none", 1, (), lambda entry: (), lambda key, row, entry: None), [])
    {}
    """
    rows: dict[str, Row] = {}
    for entry in entries:
        if entry.event.kind not in fold.kinds:
            continue
        for key in fold.keys(entry):
            row = fold.step(key, rows.get(key), entry)
            rows.pop(key, None) if row is None else rows.update({key: row})
    return dict(sorted(rows.items()))


def by_kind(folds: Sequence[Fold]) -> FoldsByKind:
    """Which folds look at each kind of event?"""
    kinds = {kind for fold in folds for kind in fold.kinds}
    return {kind: tuple(fold for fold in folds if kind in fold.kinds) for kind in kinds}


def name_folds(folds: Sequence[Fold]) -> str:
    """Which folds, in which versions? Two ledgers with the same answer hold comparable state tables."""
    return ",".join(sorted(f"{fold.table}:{fold.version}" for fold in folds))
