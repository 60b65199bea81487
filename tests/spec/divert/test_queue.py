"""The queue of a role: which cases wait for a step that it may take."""

from __future__ import annotations

from datetime import date

import pytest

from becalm.divert.core.access import ROLES
from becalm.divert.core.case_state import STATES
from becalm.divert.core.queue import find_waiting_cases
from becalm.ledger import Row

TODAY = date(2020, 5, 4)


def case(person: str, state: str, **facts: str | bool) -> Row:
    return {
        "subject": person,
        "state": state,
        "since": "2020-05-01T09:00:00Z",
        "is_restricted": False,
        **facts,
    }


ROWS = (
    case("P-6", "nominated"),
    case("P-5", "screened"),
    case("P-4", "screened", is_child=True),
    case("P-3", "approved", expires_on="2020-07-01"),
    case("P-2", "in_programme", expires_on="2020-05-10"),
    case("P-1", "approved", expires_on="2020-07-01", challenge="raised"),
    case("P-0", "screened", is_restricted=True),
    case("P-9", "declined"),
)


@pytest.mark.parametrize(
    ("role", "waiting"),
    [
        ("screener", {"P-6": "screen"}),
        ("approver", {"P-2": "renew or end", "P-5": "approve or decline"}),
        ("youth lead", {"P-4": "agree"}),
        ("child approver", {}),
        ("coordinator", {"P-2": "visit, refer or end", "P-3": "visit, refer or end"}),
        ("rights officer", {"P-1": "decide the challenge"}),
        ("analyst", {}),
    ],
)
def test_a_case_waits_for_those_who_can_take_its_next_step(role: str, waiting: dict[str, str]) -> None:
    cases = find_waiting_cases(ROWS, role, today=TODAY)
    assert {c.person: c.step for c in cases} == waiting
    assert [c.person for c in cases] == sorted(waiting)


def test_a_child_waits_for_its_approver_once_social_care_agreed() -> None:
    row = case("P-4", "screened", is_child=True, agreed_by="yara")
    assert [c.step for c in find_waiting_cases([row], "child approver", today=TODAY)] == [
        "approve or decline"
    ]
    assert find_waiting_cases([row], "youth lead", today=TODAY) == ()


@pytest.mark.parametrize("state", STATES)
def test_restricted_records_wait_for_nobody(state: str) -> None:
    row = case("P-1", state, is_restricted=True, expires_on="2020-05-05")
    assert all(not find_waiting_cases([row], role, today=TODAY) for role in ROLES)
