"""The protocol of two visits on small histories: when a crew may knock, and what the funnel counts."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from becalm.divert.core.visits import events
from becalm.divert.core.visits.funnel import STAGES, count_funnel, funnel_data
from becalm.divert.core.visits.history import (
    VisitHistory,
    call_faults,
    read_history,
)
from becalm.divert.core.visits.protocol import MOST_ATTEMPTS
from becalm.divert.core.visits.providers import HelpProvider, deadline, referral_faults
from becalm.divert.core.visits.wishes import read_wishes
from becalm.divert.files.visits.read_protocol import SHIPPED, read_protocol
from becalm.ledger import Entry, Event
from becalm.terms import InputError

LONDON = ZoneInfo("Europe/London")
PROTOCOL = read_protocol()
MONDAY = date(2020, 5, 4)


def entry(seq: int, kind: str, at: datetime, person: str = "p1", **facts: Any) -> Entry:
    event = Event(
        kind, 2 if kind in (events.VISIT, events.ATTEMPT) else 1, at, "a", "r", "visit", facts, "", person
    )
    return Entry(seq, at, event, "", "", f"{seq:064x}")


def moment(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=LONDON)


def call(seq: int, day: date, hour: int, *, met: bool = False, visit: int = 1, person: str = "p1") -> Entry:
    at = moment(day, hour)
    daypart = PROTOCOL.daypart_at(at)
    assert daypart is not None
    door: dict[str, Any] = {"visit": visit, "day": day.isoformat(), "daypart": daypart.name, "crew": "A"}
    if met:
        return entry(seq, events.VISIT, at, person, response="thinking", **door)
    return entry(seq, events.ATTEMPT, at, person, attempt=1, result="no_answer", **door)


def faults(history: VisitHistory, at: datetime, **changes: Any) -> list[str]:
    listed = call_faults(history, PROTOCOL, at, **{"has_appointment": False, **changes})
    return [fault.where for fault in listed]


def test_the_shipped_protocol_is_five_attempts_two_days_apart_a_week_between_visits() -> None:
    assert (PROTOCOL.attempts, PROTOCOL.hours_between_attempts, PROTOCOL.second_after_days) == (5, 48, 7)
    assert tomllib.loads(SHIPPED.read_text("utf-8"))["key"] == PROTOCOL.key


@pytest.mark.parametrize(
    ("line", "changed", "problem"),
    [
        ("attempts = 5 ", f"attempts = {MOST_ATTEMPTS + 1} ", "attempts  is 9"),
        ("hours_between_attempts = 48", "hours_between_attempts = 24", "is 24"),
        ("end = 20:00:00", "end = 22:00:00", "visits are made between 09:00 and 20:00"),
        ("start = 13:00:00", "start = 12:00:00", "overlaps"),
        ("atempts", "atempts", ""),
        ('author = "becalm"', 'authr = "becalm"', "is not a known entry"),
    ],
)
def test_no_protocol_may_knock_more_often_or_later_however_it_is_signed(
    tmp_path: Path, line: str, changed: str, problem: str
) -> None:
    own_file = tmp_path / "visit_protocol.toml"
    own_file.write_text(SHIPPED.read_text("utf-8").replace(line, changed), "utf-8")
    if not problem:
        assert read_protocol(own_file) == PROTOCOL
        return
    with pytest.raises(InputError, match=problem):
        read_protocol(own_file)


def test_every_daypart_is_tried_before_one_is_tried_again() -> None:
    history = read_history([call(1, MONDAY, 10)])
    wednesday = MONDAY + timedelta(days=2)
    assert faults(history, moment(wednesday, 10)) == ["daypart"]
    assert faults(history, moment(wednesday, 14)) == []
    assert faults(history, moment(wednesday, 10), has_appointment=True) == []


def test_attempts_are_48_hours_apart_and_end_with_a_letter() -> None:
    history = read_history([call(1, MONDAY, 10)])
    assert faults(history, moment(MONDAY + timedelta(days=1), 14)) == ["spacing"]
    days = [MONDAY + timedelta(days=2 * n) for n in range(5)]
    used_up = read_history([call(n + 1, day, 10) for n, day in enumerate(days)])
    assert "attempts" in faults(used_up, moment(MONDAY + timedelta(days=30), 14))


def test_the_second_visit_comes_seven_to_twenty_eight_days_after_the_first_contact() -> None:
    history = read_history([call(1, MONDAY, 10, met=True)])
    assert history.due_visit == 2
    for days, expected in ((6, ["spacing"]), (7, []), (28, []), (29, ["spacing"])):
        day = MONDAY + timedelta(days=days)
        assert faults(history, moment(day, 10)) == expected
    both = read_history(
        [call(1, MONDAY, 10, met=True), call(2, MONDAY + timedelta(days=8), 10, met=True, visit=2)]
    )
    assert faults(both, moment(MONDAY + timedelta(days=20), 10)) == ["visit"]


def test_nobody_calls_outside_the_hours_or_when_they_asked_not_to() -> None:
    assert faults(VisitHistory(), moment(MONDAY, 8)) == ["hours"]
    assert faults(VisitHistory(), moment(MONDAY, 20)) == ["hours"]
    wishes = read_wishes({}, {"contact_wishes": "No mornings, please"}, PROTOCOL)
    assert faults(VisitHistory(), moment(MONDAY, 9), wishes=wishes) == ["wishes"]
    agreed = faults(VisitHistory(), moment(MONDAY, 9), wishes=wishes, has_appointment=True)
    assert agreed == ["wishes"]


def test_what_was_corrected_or_withdrawn_counts_as_corrected() -> None:
    first = call(1, MONDAY, 10)
    corrected = replace(
        call(2, MONDAY, 10, met=True), event=replace(call(2, MONDAY, 10, met=True).event, corrects=1)
    )
    assert read_history([first, corrected]).due_visit == 2
    withdrawn = entry(2, "entry_withdrawn", moment(MONDAY, 12))
    withdrawn = replace(withdrawn, event=replace(withdrawn.event, corrects=1))
    assert read_history([first, withdrawn]).calls == ()


HARBOUR = HelpProvider(
    *("harbour", "Harbour", ("family",), (), ("en",), 2, 7),
    *(date(2020, 1, 1), date(2020, 12, 31), "SA-1", date(2020, 6, 30)),
)


@pytest.mark.parametrize(
    ("day", "open_count", "has_consent", "expected"),
    [
        (MONDAY, 0, True, []),
        (MONDAY, 0, False, ["p1"]),
        (MONDAY, 2, True, ["harbour"]),
        (date(2020, 7, 1), 0, True, ["harbour"]),
        (date(2021, 1, 1), 2, False, ["p1", "harbour", "harbour", "harbour"]),
    ],
)
def test_a_referral_needs_consent_a_contract_an_agreement_and_a_place(
    day: date, open_count: int, has_consent: bool, expected: list[str]
) -> None:
    listed = referral_faults(HARBOUR, day=day, open_count=open_count, has_consent=has_consent, person="p1")
    assert [fault.where for fault in listed] == expected


def test_each_state_of_a_referral_has_its_deadline_which_is_derived() -> None:
    row = {"since": "2020-05-04T10:00:00Z", "state": "sent"}
    assert deadline(row, HARBOUR) == date(2020, 5, 9)
    assert deadline({**row, "state": "accepted"}, HARBOUR) == date(2020, 5, 21)
    assert deadline({**row, "state": "started"}, HARBOUR) == date(2020, 8, 2)
    assert deadline({**row, "state": "rejected"}, HARBOUR) == date(2020, 5, 9)
    ended = {**row, "state": "ended", "sessions": 2}
    assert deadline(ended, HARBOUR) == date(2020, 5, 14)
    assert deadline({**ended, "is_reported": True}, HARBOUR) is None
    assert deadline({**ended, "sessions": 0}, HARBOUR) is None


def test_whoever_was_offered_a_session_and_did_not_come_is_nobodys_task() -> None:
    row = {"since": "2020-05-04T10:00:00Z", "state": "accepted", "sessions": 1}
    assert deadline(row, HARBOUR) is None


def allocated(person: str, seq: int, wave: int = 1) -> Entry:
    return entry(seq, events.ALLOCATION, moment(MONDAY, 9), "", unit=person, arm=f"wave {wave}")


def count(entries: list[Entry], **changes: Any) -> Any:
    options = {"as_of": MONDAY + timedelta(days=60), "day_of": lambda at: at.date(), "protocol": "p"}
    return count_funnel(entries, **{**options, **changes})


def test_the_denominator_holds_everybody_who_was_allocated_whoever_left_since() -> None:
    entries = [allocated("p1", 1), allocated("p2", 2), allocated("p3", 3, wave=2)]
    entries += [
        call(4, MONDAY, 10, met=True),
        call(5, MONDAY, 12, person="p2"),
        entry(6, "programme_left", moment(MONDAY, 13), "p2", end="moved", codes=("x",)),
        call(7, MONDAY, 14, person="p9"),  # nobody drew a wave for them: they are not of this programme
    ]
    funnel = count(entries, by="wave")
    assert [stage.count for stage in funnel.stages] == [3, 3, 1, 0, 0, 0, 0, 0, 0]
    assert funnel.attempts == 2
    assert [(g.group, g.counts["selected"], g.counts["first_contact"]) for g in funnel.groups] == [
        ("wave 0001", 2, 1),
        ("wave 0002", 1, 0),
    ]
    data = funnel_data(funnel)
    assert tuple(data)[: len(STAGES)] == STAGES
    assert data["by_stage_days"] == {"first_contact": 0.0}
    assert count(entries, as_of=MONDAY - timedelta(days=1)).count("selected") == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 30), st.booleans()), max_size=25))
def test_no_stage_ever_holds_more_people_than_the_one_it_needs(calls: list[tuple[int, int, bool]]) -> None:
    entries = [allocated(f"p{n}", n + 1) for n in range(5)]
    entries += [
        call(10 + n, MONDAY + timedelta(days=day), 12, met=met, person=f"p{person}")
        for n, (person, day, met) in enumerate(calls)
    ]
    funnel = count(entries)
    assert 5 == funnel.count("selected") >= funnel.count("first_contact") >= funnel.count("second_contact")
    assert funnel.attempts == len(calls)
    assert all(s.share and s.share.low <= s.share.value <= s.share.high for s in funnel.stages)


def test_no_fact_of_a_visit_can_hold_a_name_or_a_word_about_health() -> None:
    health = ("hospital", "health", "illness", "drug", "dependency", "wellbeing", "deceased", "custody")
    text = " ".join(
        [*events.RESULTS.values(), *events.RESPONSES, *events.CHECK_RESULTS, *events.GOAL_RESULTS]
    )
    assert not [word for word in health if word in text]
    facts = {field.name for kind in events.KINDS for field in kind.fields}
    assert not facts & {"name", "address", "born_on", "phone", "needs", "note", "why", "conditions"}


def test_the_time_of_a_visit_is_the_citys_own_on_both_sides_of_a_change_of_clocks() -> None:
    winter = datetime(2020, 3, 28, 9, 30, tzinfo=UTC).astimezone(LONDON)
    summer = datetime(2020, 3, 29, 8, 30, tzinfo=UTC).astimezone(LONDON)
    assert PROTOCOL.daypart_at(winter) == PROTOCOL.daypart_at(summer)
