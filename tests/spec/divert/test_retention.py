"""When the time of details is over, drawn case by case; and how approvers are described."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from becalm.divert.core.approval_habits import describe_approvers
from becalm.divert.core.retention import find_due, is_expired
from becalm.divert.desk.rights import add_working_days
from becalm.divert.files.read_rule import read_rule
from becalm.ledger import Entry, Event

RETENTION = read_rule().retention
LONG_AGO = date(2019, 1, 1)


def case(state: str, since: str, **changes: object) -> dict[str, object]:
    return {"state": state, "since": f"{since}T12:00:00Z", "has_legal_hold": False, **changes}


@pytest.mark.parametrize(
    ("row", "day", "due"),
    [
        (case("declined", "2020-05-01"), "2020-05-30", "nothing"),
        (case("declined", "2020-05-01"), "2020-05-31", "case"),
        (case("expired", "2020-05-01", first_approved_on="2020-02-01"), "2021-04-30", "nothing"),
        (case("expired", "2020-05-01", first_approved_on="2020-02-01"), "2021-05-01", "everything"),
        (case("expired", "2020-05-01"), "2020-05-01", "case"),  # nobody ever approved it
        (case("graduated", "2020-05-01", is_child=True), "2020-10-29", "nothing"),
        (case("graduated", "2020-05-01", is_child=True), "2020-10-30", "everything"),
        (case("no_case", "2020-05-01"), "2029-05-01", "everything"),
        (case("no_case", "2020-05-01", has_legal_hold=True), "2029-05-01", "nothing"),
        (case("removed_error", "2020-05-01"), "2021-05-01", "everything"),
        (case("graduated", "2020-05-01", has_legal_hold=True), "2029-05-01", "nothing"),
        (case("approved", "2020-05-01"), "2029-05-01", "nothing"),
        (case("purged", "2020-05-01"), "2029-05-01", "everything"),  # of what a file brought in again
    ],
)
def test_each_state_has_its_clock(row: dict[str, object], day: str, due: str) -> None:
    on = date.fromisoformat(day)
    assert find_due(row, RETENTION, day=on, taken_in_on=LONG_AGO, is_current=True) == due


def test_details_of_somebody_without_a_case_go_with_the_files_and_after_a_year() -> None:
    day = date(2020, 6, 1)

    def due(taken_in_on: date, *, is_current: bool) -> str:
        return find_due(None, RETENTION, day=day, taken_in_on=taken_in_on, is_current=is_current)

    assert due(day, is_current=True) == "nothing"
    assert due(day, is_current=False) == "everything"
    assert due(day - timedelta(days=365), is_current=True) == "everything"


def test_an_approval_ends_on_its_day() -> None:
    row = case("approved", "2020-05-01", expires_on="2020-07-30")
    assert not is_expired(row, date(2020, 7, 29), RETENTION)
    assert is_expired(row, date(2020, 7, 30), RETENTION)
    assert not is_expired(row | {"state": "graduated"}, date(2020, 8, 1), RETENTION)


@pytest.mark.parametrize("state", ["nominated", "screened", "deferred"])
def test_what_nobody_decides_about_ends_after_thirty_days(state: str) -> None:
    row = case(state, "2020-05-01", first_approved_on=None)
    assert not is_expired(row, date(2020, 5, 30), RETENTION)
    assert is_expired(row, date(2020, 5, 31), RETENTION)
    assert is_expired(row | {"is_child": True}, date(2020, 5, 16), RETENTION)


def test_working_days_leave_out_the_weekend() -> None:
    assert add_working_days(date(2020, 5, 29), 10) == date(2020, 6, 12)


def test_an_approver_who_only_stamps_is_seen() -> None:
    entries = []

    def add(kind: str, minute: int, actor: str, person: str, version: int = 1, **facts: str) -> None:
        at = datetime(2020, 5, 1, 12, tzinfo=UTC) + timedelta(minutes=minute)
        event = Event(kind, version, at, actor, "approver", "decision", facts, subject=person)
        entries.append(Entry(len(entries) + 1, at, event, "", "", ""))

    for number in range(3):
        add("evidence_opened", number, "abe", f"P-{number}")
        add("decision_made", number + 1, "abe", f"P-{number}", version=2, decision="approved")
    add("decision_made", 9, "bea", "P-7", version=2, decision="declined")
    add("challenge_decided", 20, "rita", "P-1", outcome="upheld")
    abe, bea = describe_approvers(entries)
    assert (abe.decision_count, abe.approval_share, abe.median_seconds, abe.overturn_count) == (3, 1.0, 60, 1)
    assert (bea.approval_share, bea.median_seconds) == (0.0, None)


def test_every_kind_with_details_about_a_person_is_purged_and_shown_to_them() -> None:
    from becalm.divert.core.personal_fields import PERSONAL_FIELDS
    from becalm.divert.desk.purge import DETAIL_KINDS

    kept_apart = {"records", "protected", "allocation_made"}  # files of their own, and a seed
    assert {field.kind for field in PERSONAL_FIELDS} - kept_apart <= set(DETAIL_KINDS)
