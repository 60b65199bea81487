"""What no store takes, whoever sends it: two crews at one door, an outcome twice, a time moved twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from becalm.divert.core.visits.states import FOLDS
from becalm.ledger import Entry, Event
from becalm.ledger.projection import fold_tables
from becalm.terms import CaseError

NOON = datetime(2020, 5, 4, 12, tzinfo=UTC)
DAY = "2020-05-04"


def entries_of(*steps: tuple[str, dict[str, Any]], person: str = "p1") -> list[Entry]:
    entries = []
    for seq, (kind, facts) in enumerate(steps, start=1):
        version = 2 if kind in ("visit_made", "visit_attempted") else 1
        at = NOON + timedelta(minutes=seq)
        event = Event(kind, version, at, "a", "r", "visit", facts, "", facts.pop("person", person))
        entries.append(Entry(seq, at, event, "", "", f"{seq:064x}"))
    return entries


def check(result: str = "go", expires_at: str = "2020-05-05T12:00:00Z") -> tuple[str, dict[str, Any]]:
    return "visit_checked", {"day": DAY, "result": result, "approver": "ada", "expires_at": expires_at}


def pack(crew: str = "A") -> tuple[str, dict[str, Any]]:
    return "pack_opened", {"day": DAY, "crew": crew, "visit": 1, "expires_at": "2020-05-04T20:00:00Z"}


def missed(crew: str = "A", **facts: Any) -> tuple[str, dict[str, Any]]:
    door = {"visit": 1, "attempt": 1, "result": "no_answer", "day": DAY, "daypart": "d", "crew": crew}
    return "visit_attempted", {**door, **facts}


def time_agreed(number: str, **facts: Any) -> tuple[str, dict[str, Any]]:
    agreed = {"appointment": number, "visit": 1, "starts_at": "2020-05-04T13:00:00Z", "day": DAY}
    return "appointment_made", {**agreed, "daypart": "d", "asked_by": "person", "place": "home", **facts}


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ((pack(),), "no check of this visit was made"),
        ((check("no_go"), pack()), "the check says no-go"),
        ((check(expires_at="2020-05-04T12:01:00Z"), pack()), "the check ended"),
        ((check(), pack("A"), pack("B")), "which opened the pack"),
        ((check(), pack("A"), missed("B")), "which opened the pack"),
        ((check(), missed("A")), "the pack was not opened"),
        ((check(), pack(), missed(), missed()), "is there already"),
        ((check(), pack(), missed(), pack()), "is there already"),
        ((time_agreed("A-1"), time_agreed("A-1")), "is there already"),
        (
            (time_agreed("A-1"), time_agreed("A-2", moved_from="A-1"), time_agreed("A-3", moved_from="A-1")),
            "is moved already",
        ),
        (
            (time_agreed("A-1"), time_agreed("A-2", moved_from="A-1", person="p2")),
            "no appointment of this person",
        ),
        (
            (("session_held", {"referral": "R-1", "session": 1, "day": DAY, "attended": "yes"}),),
            "no referral",
        ),
    ],
)
def test_a_step_that_cannot_follow_is_refused_by_the_store(
    steps: tuple[tuple[str, dict[str, Any]], ...], why: str
) -> None:
    with pytest.raises(CaseError, match=why):
        fold_tables(FOLDS, entries_of(*((kind, dict(facts)) for kind, facts in steps)))


def test_a_call_is_checked_opened_and_told_once_and_a_moved_time_names_the_next() -> None:
    tables = fold_tables(
        FOLDS,
        entries_of(
            time_agreed("A-1"),
            time_agreed("A-2", moved_from="A-1"),
            check("conditions"),
            pack(),
            pack(),  # the same crew may look again
            missed(appointment="A-2"),
        ),
    )
    assert {key: row["state"] for key, row in tables["appointment"].items()} == {
        "A-1": "moved",
        "A-2": "missed",
    }
    assert tables["appointment"]["A-1"]["moved_to"] == "A-2"
    (row,) = tables["pack"].values()
    assert (row["crew"], row["outcome"]) == ("A", "no_answer")


def test_a_referral_that_moves_keeps_its_sessions_and_its_former_provider() -> None:
    tables = fold_tables(
        FOLDS,
        entries_of(
            ("referral_sent", {"referral": "R-1", "provider": "harbour"}),
            ("referral_accepted", {"referral": "R-1", "provider": "harbour"}),
            ("session_held", {"referral": "R-1", "session": 1, "day": DAY, "attended": "late"}),
            ("goal_judged", {"referral": "R-1", "goal": 1, "result": "set"}),
            ("goal_judged", {"referral": "R-1", "goal": 1, "result": "partly"}),
            ("referral_sent", {"referral": "R-1", "provider": "bridge"}),
        ),
    )
    row = tables["referral"]["R-1"]
    assert (row["providers"], row["provider"], row["state"]) == (("harbour", "bridge"), "bridge", "sent")
    assert (row["sessions"], row["attended"], row["goals"]) == (1, 1, (("1", "partly"),))
