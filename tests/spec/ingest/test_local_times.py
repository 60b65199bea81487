"""Local times, instants and hours of the week."""

from __future__ import annotations

import numpy as np
import pytest

from becalm.formats.cells import hour_of_week, local_to_utc, parse_times, utc_to_local


def at(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="M8[s]")


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2020-01-15T12:00", "2020-01-15T12:00"),
        ("2020-07-15T12:00", "2020-07-15T11:00"),
        ("2020-03-29T00:59", "2020-03-29T00:59"),
        ("2020-03-29T02:00", "2020-03-29T01:00"),
        ("2020-10-25T00:59", "2020-10-24T23:59"),
        ("2020-10-25T02:00", "2020-10-25T02:00"),
    ],
)
def test_local_times_of_london_are_these_instants(local: str, utc: str) -> None:
    found, gap, twice = local_to_utc(at(local), "Europe/London")
    assert found == at(utc)
    assert not gap[0]
    assert not twice[0]


def test_the_hour_left_out_becomes_the_first_instant_after_it() -> None:
    found, gap, twice = local_to_utc(at("2020-03-29T01:00", "2020-03-29T01:59"), "Europe/London")
    assert (found == at("2020-03-29T01:00")).all()
    assert gap.all()
    assert not twice.any()


def test_the_hour_that_happens_twice_is_taken_the_first_time() -> None:
    found, gap, twice = local_to_utc(at("2020-10-25T01:00", "2020-10-25T01:59"), "Europe/London")
    assert (found == at("2020-10-25T00:00", "2020-10-25T00:59")).all()
    assert twice.all()
    assert not gap.any()


def test_unknown_times_stay_unknown() -> None:
    found, gap, twice = local_to_utc(at("NaT", "2020-01-01T00:00"), "America/Toronto")
    assert np.isnat(found[0])
    assert found[1] == at("2020-01-01T05:00")[0]
    assert not (gap | twice).any()
    assert np.isnat(utc_to_local(at("NaT"), "America/Toronto")).all()


def test_the_week_begins_on_monday_at_midnight() -> None:
    hours = hour_of_week(at("2020-04-06T00:00", "2020-04-06T23:59", "2020-04-12T23:30", "1969-12-29T05:00"))
    assert hours.tolist() == [0, 23, 167, 5]


def test_the_first_format_that_fits_is_taken() -> None:
    texts = ["2020-04-01", "01/04/2020", "spring"]
    read = parse_times(texts, ("%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y"))
    assert read[0] == read[1] == at("2020-04-01")[0]
    assert np.isnat(read[2])


@pytest.mark.parametrize(
    "text", ["2020/03/31 23:00:00+00", "2020/03/31 23:00:00+0000", "2020/04/01 00:00:00+01:00"]
)
def test_offsets_in_every_spelling_are_kept(text: str) -> None:
    assert parse_times([text], ("%Y/%m/%d %H:%M:%S%z",), offset=True) == at("2020-03-31T23:00")
