"""Keeping the ledger: are its state tables what its events say?"""

from __future__ import annotations

from dataclasses import dataclass

from becalm.desk import Desk
from becalm.record.desk.answers import LedgerSource, source_of


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The state tables that were folded anew, and every difference that was found."""

    tables: tuple[str, ...]
    differences: tuple[str, ...]
    source: LedgerSource


def rebuild_states(desk: Desk) -> Rebuilt:
    """Do the state tables hold what the events say? They do now."""
    ledger = desk.open_ledger()
    differences = ledger.rebuild()
    return Rebuilt(tuple(fold.table for fold in ledger.folds), differences, source_of(desk, ledger))
