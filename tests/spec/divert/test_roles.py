"""Fourteen roles and all acts: who may do what is one table, and these tests are made from it."""

from __future__ import annotations

import pytest

from becalm.divert.core import access
from becalm.terms import CaseError

ALL = [(role, act) for role in access.ROLES for act in access.ACTS]
APART = (  # acts that one role must never hold together
    ("nominate", "approve"),
    ("nominate", "approve_child"),
    ("agree", "approve_child"),
    ("approve", "approve_child"),
    ("publish_key", "approve"),
    ("publish_key", "nominate"),
    ("load", "approve"),
    ("decide_challenge", "approve"),
    ("publish_rule", "approve"),
    ("purge", "explain"),
    ("disparity", "nominate"),
)


@pytest.mark.parametrize(("role", "act"), ALL)
def test_a_role_may_do_what_the_table_says_and_nothing_else(role: str, act: str) -> None:
    if act in access.ROLES[role]:
        access.check_access(role, act)
        return
    with pytest.raises(CaseError, match=role) as refusal:
        access.check_access(role, act)
    assert refusal.value.exit_code == 14
    assert "ask somebody in the role" in str(refusal.value)


@pytest.mark.parametrize(("act", "other"), APART)
def test_what_two_people_must_do_no_role_does_alone(act: str, other: str) -> None:
    assert [role for role, acts in access.ROLES.items() if act in acts and other in acts] == []


def test_there_are_twelve_roles_two_for_children_and_every_act_is_somebodys() -> None:
    assert len(set(access.ROLES) - {"child approver", "youth lead"}) == 12
    assert all(any(act in acts for acts in access.ROLES.values()) for act in access.READS_PERSON)


def test_the_administrator_of_the_system_sees_nobody() -> None:
    assert set(access.ROLES["system administrator"]) == {"purge"}
