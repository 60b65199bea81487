"""What a signature with a person's own key proves, step by step, and which ones are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from becalm.divert.core.key_state import KEY_FOLDS
from becalm.divert.core.signatures import holder_bytes, sign_step
from becalm.ledger import Entry, Event
from becalm.ledger.projection import fold_tables
from becalm.ledger.signing import SigningKey, draw_key
from becalm.terms import CaseError

START = datetime(2020, 5, 1, 12, tzinfo=UTC)
HASH = "0" * 64
LOG = "log"
ABE = draw_key()
DECISION = {"decision": "approved", "stage": "nomination", "rule_sha256": HASH, "codes": ("recent_harm",)}


def entries_of(*events: Event, recorded_after: timedelta = timedelta()) -> list[Entry]:
    rows = enumerate(events, start=1)
    return [Entry(n, event.occurred_at + recorded_after, event, "", "", "") for n, event in rows]


def key_event(stage: str, actor: str, minute: int, **changes: Any) -> Event:
    facts: dict[str, Any] = {
        "stage": stage,
        "key": ABE.id,
        "holder": "abe",
        "public_key": ABE.public_key,
        "proof": ABE.sign(holder_bytes(ABE.public_key, "abe")),
        "roles": ("approver",),
        "expires_on": "2020-07-01",
    } | changes
    at = START + timedelta(minutes=minute)
    return Event("key_published", 1, at, actor, "programme owner", "decision", facts)


def decision(minute: int, *, days: int = 0, key: SigningKey = ABE, actor: str = "abe") -> Event:
    at = START + timedelta(days=days, minutes=minute)
    event = Event("decision_made", 2, at, actor, "approver", "decision", DECISION, subject="P-01")
    return sign_step(event, key, LOG)


PUBLISHED = (key_event("proposed", "ola", 1), key_event("confirmed", "rita", 2))


def fold(*events: Event, **more: Any) -> dict[str, dict[str, Any]]:
    tables: Any = fold_tables(KEY_FOLDS, entries_of(*events, **more))
    return tables


def test_a_published_key_signs_for_its_holder() -> None:
    row = fold(*PUBLISHED, decision(3))["signing_key"][ABE.id]
    assert (row["state"], row["confirmed_by"], row["last_used_at"]) == (
        "confirmed",
        "rita",
        "2020-05-01T12:03:00.000000Z",
    )


def tampered(event: Event, **changes: Any) -> Event:
    return replace(event, facts={**event.facts, **changes})


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: decision(3, key=draw_key()), "the key is unknown"),
        (lambda: decision(3, days=70), "the key ended on 2020-07-01"),
        (lambda: decision(3, actor="bea"), "it is the key of abe"),
        (lambda: replace(decision(3), role="nominator"), "not for the role 'nominator'"),
        (lambda: replace(decision(3), subject="P-02"), "not over this step"),
        (lambda: tampered(decision(3), codes=("marginal_looked_at",)), "not over this step"),
        (lambda: tampered(decision(3), log="another"), "not over this step"),
        (lambda: tampered(decision(3), signature=""), "not over this step"),
        (lambda: replace(decision(3), occurred_at=START), "not over this step"),
    ],
)
def test_a_signature_that_proves_nothing_is_refused(make: Callable[[], Event], problem: str) -> None:
    with pytest.raises(CaseError, match=problem):
        fold(*PUBLISHED, make())


def test_a_key_that_has_ended_signs_nothing_of_the_past_either() -> None:
    with pytest.raises(CaseError, match="the key ended on"):
        fold(*PUBLISHED, decision(3), recorded_after=timedelta(days=70))


def test_a_signature_counts_once() -> None:
    with pytest.raises(CaseError, match="a later step was signed"):
        fold(*PUBLISHED, decision(3), decision(3))
    assert fold(*PUBLISHED, decision(3), decision(4))


def test_a_key_that_was_withdrawn_signs_nothing_and_never_comes_back() -> None:
    withdrawn = key_event("withdrawn", "ola", 3)
    with pytest.raises(CaseError, match="the key is withdrawn"):
        fold(*PUBLISHED, withdrawn, decision(4))
    with pytest.raises(CaseError, match="the key is withdrawn already"):
        fold(*PUBLISHED, withdrawn, key_event("proposed", "ola", 4))


@pytest.mark.parametrize(
    ("events", "problem"),
    [
        ((key_event("proposed", "ola", 1), key_event("confirmed", "Ola.", 2)), "Ola. proposed this key"),
        ((key_event("proposed", "ola", 1), key_event("confirmed", "abe", 2)), "it is the key of abe"),
        ((key_event("confirmed", "rita", 2),), "the key is unknown"),
        ((key_event("proposed", "ola", 1, holder="eve"),), "not that of a key of eve"),
        ((key_event("proposed", "ola", 1, public_key=HASH),), "not that of a key of abe"),
        ((key_event("proposed", "ola", 1, expires_on="2022-01-01"),), "would end in 610 days"),
        (
            (key_event("proposed", "ola", 1), key_event("confirmed", "rita", 2, roles=("nominator",))),
            "something else",
        ),
        ((key_event("lent", "ola", 1),), "unknown stage"),
        (
            (PUBLISHED[0], tampered(PUBLISHED[1], signing_key=ABE.id, signature="00")),
            "no key vouches for itself",
        ),
    ],
)
def test_one_person_alone_publishes_no_key(events: tuple[Event, ...], problem: str) -> None:
    with pytest.raises(CaseError, match=problem):
        fold(*events)
