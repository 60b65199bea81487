"""A seed is sealed before a plan is drawn, and the ledger tells what became of it."""

from __future__ import annotations

import hashlib
import itertools
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from becalm.app.events import EVENT_KINDS
from becalm.ledger import Entry, Event, Fact, check_events
from becalm.patrol.core.policy import SealRule
from becalm.patrol.core.seal import Secret, check_share, compute_commitment, derive_sampling_key, hash_seed
from becalm.patrol.core.seed_audit import SeedAudit, audit_seeds
from becalm.patrol.core.seed_history import SEED_EVENT_KINDS, Ground
from becalm.patrol.files.audit_page import audit_page
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
    with pytest.raises(PlanError, match="65 bytes"):
        check_share(bytes(65))
    assert check_share(b"") == b""


_numbers = itertools.count(1)


def entry(kind: str, **facts: Fact) -> Entry:
    number = next(_numbers)
    at = datetime(2020, 5, 1, tzinfo=UTC) + timedelta(minutes=number)
    facts = facts if kind == "patrol_share_committed" else {"commitment": commitment(), **facts}
    event = Event(kind, 1, at, "sergeant", "tasking", "patrol", facts=facts)
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


@pytest.mark.parametrize("opened", [{"seed": "00ff"}, {"nonce": "no nonce"}])
def test_what_is_opened_and_is_no_seed_is_said_and_nothing_else(opened: dict[str, Fact]) -> None:
    facts = {"seed": SECRET.seed.hex(), "nonce": SECRET.nonce.hex(), **opened}
    findings = audit(committed(), planned(), entry("patrol_seed_revealed", **facts)).findings
    assert [(f.grave, f.what) for f in findings] == [(True, "what was opened is not a seed")]


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
    entries += (share_committed(), trial())
    assert {e.event.kind for e in entries} == set(SEED_EVENT_KINDS)


SHARE = "ee" * 32
PLACES = ("530000,180000", "530400,180000", "531000,181000")


def share_committed(actor: str = "overseer", share_sha256: str = SHARE) -> Entry:
    made = entry("patrol_share_committed", share_sha256=share_sha256)
    return replace(made, event=replace(made.event, actor=actor))


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ({"units": ("U1", "U2"), "places": PLACES}, {"units": ("V1",), "places": PLACES}, True),
        ({"units": ("U1", "U2"), "places": PLACES[:1]}, {"units": ("U2",), "places": PLACES[2:]}, True),
        ({"units": ("U1",), "places": PLACES[:1]}, {"units": ("U2",), "places": ("530030,180020",)}, True),
        ({"units": ("U1",), "places": PLACES[:1]}, {"units": ("U2",), "places": ("530060,180000",)}, False),
        ({}, {}, False),
    ],
)
def test_an_area_by_another_name_is_the_same_area(
    first: dict[str, Fact], second: dict[str, Fact], is_one: bool
) -> None:
    audited = audit(committed(area="North", **first), again(area="Nord", **second))
    assert bool(grave(audited)) is is_one


def test_one_place_in_twenty_on_a_border_does_not_make_two_areas_one() -> None:
    own = tuple(f"{530_000 + 300 * k},180000" for k in range(20))
    other = ("530020,180000", *(f"{540_000 + 300 * k},180000" for k in range(19)))
    assert grave(audit(committed(area="a", places=own), again(area="b", places=other))) == []


def test_a_share_counts_if_its_maker_committed_to_it_first() -> None:
    assert grave(audit(share_committed(), committed(), planned(share_sha256=SHARE))) == []


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        (lambda: (committed(), planned(share_sha256=SHARE)), "nobody committed to it"),
        (lambda: (committed(), share_committed(), planned(share_sha256=SHARE)), "after the seed was sealed"),
        (lambda: (share_committed("sergeant"), committed(), planned(share_sha256=SHARE)), "sealed the seed"),
    ],
)
def test_a_share_that_was_shopped_for_does_not_count(entries, why: str) -> None:
    assert why in grave(audit(*entries()))[0]


def test_shares_that_were_committed_to_and_left_out_are_seen() -> None:
    entries = (share_committed(share_sha256="ab" * 32), share_committed(), committed())
    assert "used another share" in grave(audit(*entries, planned(share_sha256=SHARE)))[0]


def test_a_share_is_used_once() -> None:
    entries = [share_committed(), committed(), planned(share_sha256=SHARE), again(first_day="2020-08-03")]
    entries.append(planned(commitment=commitment(OTHER), share_sha256=SHARE))
    assert "was used before" in grave(audit(*entries))[0]


def trial(**more: Fact) -> Entry:
    facts: dict[str, Fact] = {
        "first_day": "2020-05-04",
        "days": 28,
        "places": PLACES,
        "inputs_sha256": INPUTS,
    }
    return entry("trial_committed", **{**facts, **more})


def test_a_trial_that_is_drawn_three_times_is_seen_each_time() -> None:
    assert len(grave(audit(trial(), trial(), trial()))) == 3  # each pair
    assert "arms were drawn again" in grave(audit(trial(), trial()))[0]
    assert grave(audit(trial(), trial(first_day="2020-06-01"))) == []
    assert grave(audit(trial(), trial(places=("100,100",)))) == []
    explained = audit(trial(), trial(reason="a place was closed"))
    assert grave(explained) == []
    assert "a place was closed" in explained.findings[0].what


def replans(count: int, **more: Fact) -> tuple[Entry, ...]:
    made: list[Entry] = [committed(), planned(bursts=100)]
    for index in range(1, count + 1):
        facts: dict[str, Fact] = {"reason": "an arrest", "units": ("U1",), **more}
        made.append(entry("patrol_replan_begun", replan=index, begins_at="2020-05-04T18:00:00Z", **facts))
        made.append(planned(replan=index, reason="an arrest", plan_sha256="ab" * 32, bursts=100, dropped=7))
    return tuple(made)


def test_a_shift_that_is_re_planned_four_times_by_one_person_is_seen() -> None:
    assert grave(audit(*replans(2))) == []
    finding = grave(audit(*replans(4)))[0]
    assert "re-planned 4 times" in finding
    assert "nobody agreed" in finding
    seconded = audit(*replans(4, second="inspector"))
    assert grave(seconded) == []
    assert "agreed by inspector" in seconded.findings[-1].what
    assert audit(*replans(2)).histories[0].changed_share(2) == 0.07


def test_the_policy_says_how_often_and_how_long() -> None:
    rule = SealRule(most_replans_per_shift=4, most_reveal_days=30)
    assert [f for f in audit_seeds(replans(4), now=NOW, rule=rule).findings if f.grave] == []
    sealed_for_long = committed(reveal_after="2047-09-20T00:00:00Z")
    assert "stays sealed until 2047" in grave(audit(sealed_for_long))[0]
    assert grave(audit(committed(reveal_after="2020-08-16T00:00:00Z"))) == []


def test_ground_is_kept_in_the_ledger_and_read_back() -> None:
    ground = Ground(("U1", "U2"), ((530_000, 180_000),))
    assert audit(committed(**ground.facts())).histories[0].ground == ground


def test_the_page_says_where_there_is_nothing_to_list() -> None:
    page = audit_page(audit(committed()))
    assert "No tour was planned again." in page
    assert "No share and no trial was recorded." in page
    assert not re.search(r"<ul>\s*</ul>", page)
    listed = audit_page(audit(*replans(2)))
    assert "No tour was planned again." not in listed
    assert "re-plan 2 of" in listed


def test_the_page_says_by_which_limits_it_judged() -> None:
    rule = SealRule(most_replans_per_shift=4, most_reveal_days=30)
    page = audit_page(audit_seeds(replans(4), now=NOW, rule=rule))
    assert "at most 30 days after its last day" in page
    assert "more than 4 re-plans of one shift ask for a second person" in page
    assert "policy allows" not in page
