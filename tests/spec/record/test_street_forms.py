"""What may stand in a form of the street, and when it happened by the server's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from becalm.record.core.street_forms import FORM_BY_KEY, PhoneTimes, place_in_time, read_fields
from becalm.terms import InputError

ARREST, CHECK_OUT = FORM_BY_KEY["arrest", "1"], FORM_BY_KEY["check_out", "1"]
NOON = datetime(2020, 5, 4, 12, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)


def faults_of(**fields: object) -> list[tuple[str, str]]:
    with pytest.raises(InputError) as refused:
        read_fields(ARREST, {"unit": "U1", "offence": "robbery", **fields})
    return [(fault.where, fault.what) for fault in refused.value.faults]


def test_a_form_becomes_facts_and_says_that_the_unit_was_on_its_duty() -> None:
    written = {"unit": " U1 ", "offence": "robbery", "hotspot": "", "easting": 530_000, "northing": None}
    assert read_fields(ARREST, written) == {
        "activity": "dedicated violence suppression",
        "unit": "U1",
        "offence": "robbery",
        "place_easting_m": 530_000,
    }


def test_a_time_is_kept_in_universal_time() -> None:
    times = {"starts_at": "2020-05-04T21:00:00+01:00", "ends_at": "2020-05-04T20:15:00+00:00"}
    facts = read_fields(CHECK_OUT, {"unit": "U1", "hotspot": "h1", **times})
    assert (str(facts["starts_at"])[:16], str(facts["ends_at"])[:16]) == (
        "2020-05-04T20:00",
        "2020-05-04T20:15",
    )


def test_a_text_may_have_200_characters_in_one_line() -> None:
    assert read_fields(ARREST, {"unit": "u" * 200, "offence": "x"})["unit"] == "u" * 200
    for spoilt in ("u" * 201, "two\nlines", "bell\a", 7, True, ["u"]):
        assert faults_of(unit=spoilt) == [("unit", "is not one line of at most 200 characters")]


@pytest.mark.parametrize("spoilt", ["530000", 1.5, True, [1]])
def test_a_whole_number_is_no_text_no_fraction_and_no_yes(spoilt: object) -> None:
    assert faults_of(easting=spoilt) == [("easting", "is not a whole number")]


def test_all_faults_are_named_together_and_a_time_needs_its_zone() -> None:
    with pytest.raises(InputError, match="'Check out' has 4 faults") as refused:
        read_fields(
            CHECK_OUT,
            {"unit": "", "starts_at": "2020-05-04T21:00", "ends_at": "soon", "who": "me"} | {"hotspot": "h"},
        )
    assert [fault.where for fault in refused.value.faults] == ["unit", "starts_at", "ends_at", "who"]
    assert refused.value.faults[0].what == "is empty"
    assert refused.value.faults[1].what == "is a time without its zone"
    assert refused.value.faults[3].what == "is no field of this form"


@pytest.mark.parametrize(
    ("written", "sent", "placed", "is_doubtful"),
    [
        # by hand: the clock is right, or wrong by no more than two minutes
        (-20 * MINUTE, 0 * MINUTE, -20 * MINUTE, False),
        (-20 * MINUTE, None, -20 * MINUTE, False),
        (-20 * MINUTE, 2 * MINUTE, -20 * MINUTE, False),
        (-20 * MINUTE, -2 * MINUTE, -20 * MINUTE, False),
        # wrong by more: the error is taken off
        (-20 * MINUTE, 2 * MINUTE + SECOND, -22 * MINUTE - SECOND, True),
        (-80 * MINUTE, -60 * MINUTE, -20 * MINUTE, True),
        (365 * DAY - 5 * MINUTE, 365 * DAY, -5 * MINUTE, True),
        # a little in the future is now, more is not believed
        (1 * MINUTE, None, 0 * MINUTE, False),
        (2 * MINUTE, None, 0 * MINUTE, False),
        (2 * MINUTE + SECOND, None, 0 * MINUTE, True),
        # thirty days are believed, more are not
        (-30 * DAY, None, -30 * DAY, False),
        (-30 * DAY - SECOND, None, 0 * MINUTE, True),
    ],
)  # fmt: skip
def test_a_record_is_placed_by_the_servers_clock(
    written: timedelta, sent: timedelta | None, placed: timedelta, is_doubtful: bool
) -> None:
    times = PhoneTimes(NOON + written, None if sent is None else NOON + sent, NOON)
    assert place_in_time(times) == (NOON + placed, is_doubtful)
