"""Whatever is planned may be done: the hours that a schedule uses are hours at which the pack opens."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from becalm.divert.core.visits.contact_chance import expected_chances, mix_households
from becalm.divert.core.visits.doors import DoorSettings, draw_doors
from becalm.divert.core.visits.history import DoorCall, VisitHistory, call_faults
from becalm.divert.core.visits.schedule import OpenPerson, visit_windows
from becalm.divert.core.visits.wishes import UnavailableTime, VisitWishes, parse_unavailable, visit_window
from becalm.divert.files.visits.read_protocol import read_protocol
from becalm.terms import Fault

LONDON = ZoneInfo("Europe/London")
PROTOCOL = read_protocol()
FIRST_DAY = date(2020, 3, 23)  # the clocks change on the 29th

moments = st.builds(
    lambda day, minute: datetime(2020, 3, 23, tzinfo=LONDON) + timedelta(days=day, minutes=minute),
    st.integers(0, 20),
    st.integers(9 * 60, 20 * 60 - 1),
)
unavailable_times = st.builds(
    lambda weekdays, start, length: UnavailableTime(
        frozenset(weekdays), None, None, start, min(start + length, 1440)
    ),
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 1300),
    st.integers(1, 700),
)


@st.composite
def histories(draw: st.DrawFn) -> VisitHistory:
    calls, visit = [], 1
    for moment in sorted(draw(st.lists(moments, max_size=7))):
        daypart = PROTOCOL.daypart_at(moment)
        if daypart is None:
            continue
        code = draw(st.sampled_from(["no_answer", "called_off", "met"]))
        calls.append(
            DoorCall(visit, code == "met", code, moment.date(), daypart.name, "A", moment.astimezone(LONDON))
        )
        visit = min(visit + (code == "met"), 2)
    return VisitHistory(calls=tuple(calls))


@settings(max_examples=300, deadline=None)
@given(histories(), st.lists(unavailable_times, max_size=3), st.integers(0, 40))
def test_no_hour_is_planned_at_which_the_pack_would_not_open(
    history: VisitHistory, unavailable: list[UnavailableTime], offset: int
) -> None:
    day = FIRST_DAY + timedelta(days=offset)
    wishes = VisitWishes(unavailable=tuple(unavailable))
    person = OpenPerson("P-1", (0.0, 0.0), history, 1, None, wishes)
    for window in visit_windows(person, PROTOCOL, day, PROTOCOL.dayparts_of(day), LONDON):
        for minute in window or ():
            moment = datetime(
                day.year, day.month, day.day, int(minute) // 60, int(minute) % 60, tzinfo=LONDON
            )
            faults = list(call_faults(history, PROTOCOL, moment, has_appointment=False, wishes=wishes))
            assert faults == [], (moment, faults)


@settings(max_examples=200, deadline=None)
@given(st.lists(unavailable_times, max_size=4), st.integers(0, 6))
def test_a_window_lies_between_the_times_in_which_somebody_wants_to_be_left_alone(
    unavailable: list[UnavailableTime], offset: int
) -> None:
    day = FIRST_DAY + timedelta(days=offset)
    wishes = VisitWishes(unavailable=tuple(unavailable))
    for number in PROTOCOL.dayparts_of(day):
        part = PROTOCOL.dayparts[number]
        window = visit_window(wishes, part, day, PROTOCOL.talk_minutes)
        free = [
            minute
            for minute in range(part.start_minute, part.end_minute)
            if not any(u.is_on(day) and u.start_minute <= minute < u.end_minute for u in unavailable)
        ]
        if window is None:
            assert not any(set(range(m, m + PROTOCOL.talk_minutes)) <= set(free) for m in free)
        else:
            low, high = int(window[0]), int(window[1])
            assert set(range(low, high + 1)) <= set(free)


@pytest.mark.parametrize(
    ("text", "when", "is_free"),
    [
        ("Tuesdays", "2020-05-05T10:00", False),
        ("tuesday 09:00-12:00", "2020-05-05T12:00", True),
        ("tuesday 09:00-12:00", "2020-05-06T10:00", True),
        ("weekends", "2020-05-09T15:00", False),
        ("every day 17:00 - 20:00", "2020-05-09T17:30", False),
        ("2020-05-10", "2020-05-10T10:00", False),
        ("2020-05-10 to 2020-05-14 09:00-12:00", "2020-05-12T11:59", False),
        ("2020-05-10 to 2020-05-14 09:00-12:00", "2020-05-15T10:00", True),
        ("Weekday mornings", "2020-05-05T10:00", False),
        ("Weekday mornings", "2020-05-09T10:00", True),
    ],
)
def test_a_time_to_be_left_alone_is_read_from_plain_words(text: str, when: str, is_free: bool) -> None:
    span = parse_unavailable(text, PROTOCOL)
    assert isinstance(span, UnavailableTime)
    moment = datetime.fromisoformat(when).replace(tzinfo=LONDON)
    assert VisitWishes(unavailable=(span,)).is_free(moment) is is_free


@pytest.mark.parametrize(
    "text",
    ["", "someday", "tuesday 12:00-09:00", "2020-05-10 to 2020-05-01", "2020-02-30", "monday 25:00-26:00"],
)
def test_a_time_that_cannot_be_read_is_a_fault_that_shows_how_it_is_written(text: str) -> None:
    fault = parse_unavailable(text, PROTOCOL)
    assert isinstance(fault, Fault)
    assert "tuesday" in fault.remedy


def test_what_is_expected_at_a_door_is_what_is_met_there_in_a_drawn_city() -> None:
    doors = DoorSettings(people=60_000, areas=300)
    mix = mix_households(doors, PROTOCOL)
    rng = np.random.default_rng(20)
    # only the chances are wanted here, and travel between so many doors would not fit into memory
    world_chance = np.concatenate(
        [draw_doors(DoorSettings(people=1500), PROTOCOL, rng).chance for _ in range(40)]
    )
    is_met = rng.random((len(world_chance), 2)) < world_chance[:, :1]
    nothing = np.zeros((1, len(PROTOCOL.dayparts)), np.int64)
    morning = nothing.copy()
    morning[0, 0] = 1
    two_mornings = 2 * morning
    expected = [
        expected_chances(mix, nothing, nothing)[0],
        expected_chances(mix, morning, nothing)[0],
        expected_chances(mix, two_mornings, nothing)[0],
        expected_chances(mix, nothing, morning)[0],
    ]
    missed, missed_twice, met = ~is_met[:, 0], ~is_met.any(axis=1), is_met[:, 0]
    measured = [world_chance[rows].mean(axis=0) for rows in (slice(None), missed, missed_twice, met)]
    assert np.allclose(expected, measured, atol=0.012)
    # a door that stayed closed in the morning opens likelier in the evening than in the afternoon
    assert expected[1][2] > expected[1][1] + 0.05
