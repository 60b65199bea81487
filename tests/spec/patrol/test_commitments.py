"""A seed is sealed before a plan is drawn, and the ledger tells what became of it."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from becalm.app.events import EVENT_KINDS
from becalm.ledger import Entry, Event, Fact, check_events
from becalm.patrol.core.seal import (
    SEED_EVENT_KINDS,
    Secret,
    SeedAudit,
    audit_seeds,
    check_share,
    compute_commitment,
    derive_sampling_key,
    hash_seed,
)
from becalm.terms import PlanError

INPUTS = "aa" * 32
NOW = datetime(2020, 5, 10, tzinfo=UTC)
SECRET = Secret(bytes(range(32)), bytes(32))
OTHER = Secret(bytes(32), bytes(range(32)))


def commitment(secret: Secret = SECRET) -> str:
    return compute_commitment(secret, inputs_sha256=INPUTS, version="0.1.0")


def test_anybody_can_take_the_commitment_again_from_one_line_of_json() -> None:
    seed, nonce = SECRET.seed.hex(), SECRET.nonce.hex()
    line = (
        f'{{"becalm":"patrol seed 1","inputs_sha256":"{INPUTS}","nonce":"{nonce}",'
        f'"seed":"{seed}","version":"0.1.0"}}'
    )
    assert commitment() == hashlib.sha256(line.encode()).hexdigest()


def test_a_commitment_changes_with_each_thing_that_it_binds() -> None:
    others = {
        commitment(OTHER),
        compute_commitment(Secret(SECRET.seed, OTHER.nonce), inputs_sha256=INPUTS, version="0.1.0"),
        compute_commitment(SECRET, inputs_sha256="bb" * 32, version="0.1.0"),
        compute_commitment(SECRET, inputs_sha256=INPUTS, version="0.1.1"),
    }
    assert len(others | {commitment()}) == 5


def test_the_key_is_that_of_rfc_5869() -> None:
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    share, info = b"s" * 32, b"becalm patrol key 1" + bytes.fromhex(commitment())
    theirs = HKDF(algorithm=SHA256(), length=32, salt=share, info=info).derive(SECRET.seed)
    assert derive_sampling_key(SECRET, commitment=commitment(), share=share) == theirs
    unsalted = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(SECRET.seed)
    assert derive_sampling_key(SECRET, commitment=commitment()) == unsalted


def test_a_seed_that_is_too_short_and_a_share_that_can_be_guessed_are_refused() -> None:
    with pytest.raises(PlanError, match="64"):
        Secret(b"12345678", bytes(32))
    with pytest.raises(PlanError, match="openssl rand"):
        check_share(b"2020")
    assert check_share(b"") == b""


_numbers = itertools.count(1)


def entry(kind: str, **facts: Fact) -> Entry:
    number = next(_numbers)
    at = datetime(2020, 5, 1, tzinfo=UTC) + timedelta(minutes=number)
    event = Event(kind, 1, at, "sergeant", "tasking", "patrol", facts={"commitment": commitment(), **facts})
    check_events([event], EVENT_KINDS, NOW)
    return Entry(number, at, event, "", "", "")


def committed(**more: Fact) -> Entry:
    facts = {
        "inputs_sha256": INPUTS,
        "program": "0.1.0",
        "first_day": "2020-05-04",
        "days": 14,
        "seed_mark": hash_seed(SECRET.seed),
    }
    return entry("patrol_seed_committed", **{**facts, **more})


def again(**more: Fact) -> Entry:
    return committed(commitment=commitment(OTHER), seed_mark=hash_seed(OTHER.seed), **more)


def planned(**more: Fact) -> Entry:
    return entry("bursts_planned", **{"plan_sha256": "cc" * 32, "visits_sha256": "dd" * 32, **more})


def revealed(**more: Fact) -> Entry:
    facts = {"seed": SECRET.seed.hex(), "nonce": SECRET.nonce.hex()}
    return entry("patrol_seed_revealed", **{**facts, **more})


def audit(*entries: Entry) -> SeedAudit:
    return audit_seeds(entries, now=NOW)


def grave(audited: SeedAudit) -> list[str]:
    return [finding.what for finding in audited.findings if finding.grave]


def test_a_seed_that_was_sealed_planned_and_opened_leaves_nothing_to_say() -> None:
    audited = audit(committed(), planned(), revealed())
    assert audited.findings == ()
    assert audited.histories[0].secret == SECRET
    assert audited.histories[0].plans[0].visits_sha256 == "dd" * 32


def test_a_seed_without_a_plan_is_told() -> None:
    audited = audit(committed())
    assert [(f.grave, f.what) for f in audited.findings] == [
        (False, "was sealed, but no plan was made from it")
    ]


def test_a_plan_of_no_sealed_seed_is_a_broken_rule() -> None:
    assert grave(audit(planned())) == ["a plan was made without a seed sealed before it"]
    assert len(grave(audit(planned(), committed()))) == 1  # sealed too late


def test_two_plans_of_one_seed_are_a_broken_rule_unless_they_are_the_same_plan() -> None:
    assert audit(committed(), planned(), planned()).findings == ()
    assert (
        "one seed makes one plan" in grave(audit(committed(), planned(), planned(plan_sha256="ee" * 32)))[0]
    )


def test_a_second_seed_for_the_same_days_is_a_re_roll() -> None:
    audited = audit(committed(), planned(), again(), planned(commitment=commitment(OTHER)))
    assert "is a re-roll" in grave(audited)[0]
    assert "no reason was given" in grave(audited)[0]


def test_a_re_roll_with_a_reason_is_told_and_is_no_broken_rule() -> None:
    audited = audit(committed(), again(reason="a hotspot was missing"), planned(commitment=commitment(OTHER)))
    declared = [f.what for f in audited.findings if not f.grave]
    assert grave(audited) == []
    assert any("the reason given: a hotspot was missing" in what for what in declared)


@pytest.mark.parametrize(
    ("first_day", "areas", "is_one"),
    [
        ("2020-05-17", ("", ""), True),
        ("2020-05-18", ("", ""), False),
        ("2020-04-21", ("", ""), True),
        ("2020-04-20", ("", ""), False),
        ("2020-05-04", ("North", "South"), False),
        ("2020-05-04", ("North", ""), True),
    ],
)
def test_a_re_roll_is_any_day_that_two_seeds_share_in_one_area(
    first_day: str, areas: tuple[str, str], is_one: bool
) -> None:
    audited = audit(committed(area=areas[0]), again(first_day=first_day, area=areas[1]))
    assert bool(grave(audited)) is is_one


def test_a_seed_that_is_used_twice_is_seen_before_it_is_opened() -> None:
    twice = again(first_day="2020-08-03")
    same = replace(twice.event, facts={**twice.event.facts, "seed_mark": hash_seed(SECRET.seed)})
    assert "a seed is used once" in grave(audit(committed(), replace(twice, event=same)))[0]


def test_a_seed_that_was_not_the_sealed_one_is_seen_when_it_is_opened() -> None:
    audited = grave(audit(committed(), planned(), revealed(seed=OTHER.seed.hex())))
    assert audited[0] == "the opened seed is not the one that was sealed"


def test_a_plan_after_the_seed_was_opened_is_a_broken_rule() -> None:
    assert grave(audit(committed(), revealed(), planned())) == ["a plan was made from it after it was opened"]


def test_a_seed_that_is_overdue_is_told() -> None:
    audited = audit(committed(reveal_after="2020-05-09T00:00:00Z"), planned())
    assert [(f.grave, f.what) for f in audited.findings] == [
        (False, "was to be opened after 2020-05-09 and is still sealed")
    ]


def test_a_re_plan_that_was_begun_and_thrown_away_is_seen() -> None:
    begun = entry("patrol_replan_begun", replan=1, reason="sick", units=("U1",))
    replanned = planned(replan=1, unit="U1", reason="sick", plan_sha256="ee" * 32)
    assert "re-plan 1 was begun and never kept" in grave(audit(committed(), planned(), begun))[0]
    assert grave(audit(committed(), planned(), begun, replanned)) == []
    assert "was not noted before" in grave(audit(committed(), planned(), replanned))[0]


def test_the_audit_reads_the_kinds_that_the_desk_writes() -> None:
    entries = (committed(), entry("patrol_replan_begun", replan=1, reason="x"), planned(), revealed())
    assert {e.event.kind for e in entries} == set(SEED_EVENT_KINDS)
