"""Offence codes that a spreadsheet took for dates."""

from __future__ import annotations

import pytest

from becalm.ingest.extract.code_columns import suggest_code

CODES = {"5/1", "8/26", "8/61", "34/1", "66/1", "8/1", "1/8", "49a"}


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("44682", "5/1"),  # 2022-05-01, month first
        ("44682.0", "5/1"),
        ("44566", "5/1"),  # 2022-01-05, day first
        ("44799", "8/26"),  # 2022-08-26
        ("2022-05-01", "5/1"),
        ("2022-05-01 00:00:00", "5/1"),
        ("2022-01-05 00:00:00.000000", "5/1"),
        ("05-Jan", "5/1"),
        ("01-May", "5/1"),
        ("May-01", "5/1"),
        ("26-Aug", "8/26"),
        ("Aug-61", "8/61"),  # no sixty-first day: a month of 1961
        ("1 May", "5/1"),
    ],
)
def test_a_code_is_mended_where_only_one_fits(cell: str, code: str) -> None:
    repair = suggest_code(cell, CODES - {"8/1", "1/8"})
    assert repair is not None
    assert repair.code == code
    assert code in repair.reason


def test_a_code_with_no_such_day_became_a_month_of_a_year() -> None:
    repair = suggest_code("22494", CODES - {"8/1", "1/8"})  # 1961-08-01
    assert repair is not None
    assert repair.code == "8/61"


@pytest.mark.parametrize("cell", ["08-Jan", "44774", "22494"])
def test_a_code_that_may_have_been_several_is_not_guessed(cell: str) -> None:
    repair = suggest_code(cell, CODES)
    assert repair is not None
    assert repair.code is None
    assert "8/1" in repair.reason
    assert " or " in repair.reason


@pytest.mark.parametrize("cell", ["5/1", " 5/1 ", "49A", "robbery", "", "12", "44683", "2022-05", "31/31"])
def test_what_is_whole_or_unknown_is_left_alone(cell: str) -> None:
    assert suggest_code(cell, CODES) is None
