"""The state tables: what stands now, folded from the events."""

from __future__ import annotations

from typing import Any

from entries import A_HASH, event, numbered

from becalm.app.events import EVENT_KINDS, FOLDS
from becalm.ledger import Event, Row, fold_entries


def table(name: str, *events: Event) -> list[Row]:
    fold = next(fold for fold in FOLDS if fold.table == name)
    return list(fold_entries(fold, numbered(*events)).values())


def access(actor: str, subject: str) -> Event:
    return event("record_accessed", {"what": "entry"}, actor=actor, subject=subject, purpose="audit")


def test_every_fold_looks_at_kinds_that_there_are() -> None:
    known = {kind.name for kind in EVENT_KINDS.kinds}
    assert [kind for fold in FOLDS for kind in fold.kinds if kind not in known] == []


def test_who_saw_whom_is_counted_for_each_pair() -> None:
    rows = table("access", access("ann", "p1"), access("bob", "p1"), access("ann", "p1"))
    assert [(r["subject"], r["actor"], r["times"], r["first"], r["last"]) for r in rows] == [
        ("p1", "ann", 2, 1, 3),
        ("p1", "bob", 1, 2, 2),
    ]


def test_a_commitment_is_open_until_it_is_revealed_and_stays_as_it_was_revealed_first() -> None:
    committed = event("patrol_seed_committed", {"commitment": A_HASH, "days": 14})
    revealed = event("patrol_seed_revealed", {"commitment": A_HASH, "seed": "00", "nonce": "11"})
    assert table("commitment", committed)[0]["revealed"] is None
    assert table("commitment", committed, revealed, revealed)[0]["revealed"] == 2
    assert table("commitment", revealed) == []


def test_the_configuration_is_the_last_one() -> None:
    rows = table("configuration", *(event("configuration_changed", facts(n)) for n in "ab"))
    assert [(row["seq"], row["config_sha256"]) for row in rows] == [(2, "b" * 64)]


def facts(sign: str) -> dict[str, Any]:
    return {"what": "becalm.toml was changed", "config_sha256": sign * 64}


def test_each_entry_whose_details_were_destroyed_has_its_row() -> None:
    erased = event("payload_erased", {"entries": (2, 11), "reason": "expired"}, purpose="retention")
    assert [(row["seq"], row["erased_by"]) for row in table("erased", erased)] == [(2, 1), (11, 1)]
