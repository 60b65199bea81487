"""The state tables of a ledger: what stands now, folded from the events and from nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from becalm.ledger.active_entries import WITHDRAWN
from becalm.ledger.chain import instant_text
from becalm.ledger.event import Entry
from becalm.ledger.projection import Fold, Row

CONFIGURATION = "config"  # the one key of the table of that name


def _instant(entry: Entry) -> str:
    return instant_text(entry.event.occurred_at)


def key_of(seq: int) -> str:
    """The key of an entry's row: its number, padded so that keys sort as numbers do.

    >>> key_of(42)
    '000000000042'
    """
    return f"{seq:012d}"


def _first_entry(entry: Entry) -> Iterable[str]:
    return (key_of(entry.seq if entry.event.corrects is None else entry.event.corrects),)


def _standing(_key: str, row: Row | None, entry: Entry) -> Row | None:
    """The row of a first entry: the facts of the latest that corrects it, and whether it was withdrawn."""
    event = entry.event
    if event.corrects is None:
        return _facts_of(entry, first=entry.seq)
    if row is None:  # another table's entry, or none at all
        return None
    if event.kind == WITHDRAWN:
        return {**row, "withdrawn": True, "latest": entry.seq}
    if event.kind != row["kind"]:
        return row
    return {**_facts_of(entry, first=int(str(row["seq"]))), "withdrawn": row["withdrawn"]}


def _facts_of(entry: Entry, *, first: int) -> Row:
    event = entry.event
    return {
        **event.facts,
        "seq": first,
        "latest": entry.seq,
        "kind": event.kind,
        "occurred_at": _instant(entry),
        "actor": event.actor,
        "subject": event.subject,
        "withdrawn": False,
    }


def _one_row_each(table: str, *kinds: str) -> Fold:
    """A table with one row for each first entry of these kinds."""
    return Fold(table, 1, (*kinds, WITHDRAWN), _first_entry, _standing)


def _by_fact(name: str) -> Callable[[Entry], Iterable[str]]:
    return lambda entry: (str(entry.event.facts[name]),)


def _commitment(_key: str, row: Row | None, entry: Entry) -> Row | None:
    if entry.event.kind == "patrol_seed_committed":
        return row or {
            **entry.event.facts,
            "seq": entry.seq,
            "committed_at": _instant(entry),
            "revealed": None,
        }
    if row is None or row["revealed"] is not None:
        return row
    return {**row, "revealed": entry.seq, "revealed_at": _instant(entry)}


def _imported(entry: Entry) -> Iterable[str]:
    facts = entry.event.facts
    return (f"{facts['file_sha256']} {facts['imported']}",)


def _import(_key: str, row: Row | None, entry: Entry) -> Row:
    return row or {**entry.event.facts, "seq": entry.seq, "actor": entry.event.actor, "at": _instant(entry)}


def _configuration(_key: str, _row: Row | None, entry: Entry) -> Row:
    return {**entry.event.facts, "seq": entry.seq, "actor": entry.event.actor, "at": _instant(entry)}


def _erased_keys(entry: Entry) -> Iterable[str]:
    entries = entry.event.facts["entries"]
    assert isinstance(entries, tuple)
    return tuple(key_of(int(str(seq))) for seq in entries)


def _erased(_key: str, row: Row | None, entry: Entry) -> Row:
    return row or {
        "seq": int(_key),
        "erased_by": entry.seq,
        "at": _instant(entry),
        "reason": entry.event.facts["reason"],
    }


def _seen(entry: Entry) -> Iterable[str]:
    return (f"{entry.event.subject} {entry.event.actor}",)


def _access(_key: str, row: Row | None, entry: Entry) -> Row:
    """How often did this actor see this person, first and last?"""
    times = 0 if row is None else int(str(row["times"]))
    return {
        "subject": entry.event.subject,
        "actor": entry.event.actor,
        "times": times + 1,
        "first": entry.seq if row is None else row["first"],
        "last": entry.seq,
        "last_at": _instant(entry),
    }


FOLDS: tuple[Fold, ...] = (
    _one_row_each("arrest", "arrest_made"),
    _one_row_each("seizure", "seizure_made"),
    _one_row_each("stop", "stop_made"),
    _one_row_each("patrol_burst", "burst_done", "burst_cancelled"),
    _one_row_each("patrol_plan", "bursts_planned"),
    _one_row_each("visit", "visit_made", "visit_attempted"),
    Fold(
        "commitment",
        1,
        ("patrol_seed_committed", "patrol_seed_revealed"),
        _by_fact("commitment"),
        _commitment,
    ),
    Fold("import", 1, ("import_done",), _imported, _import),
    Fold("configuration", 1, ("configuration_changed",), lambda _: (CONFIGURATION,), _configuration),
    Fold("erased", 1, ("payload_erased",), _erased_keys, _erased),
    Fold("access", 1, ("record_accessed", "disclosure_made"), _seen, _access),
)
