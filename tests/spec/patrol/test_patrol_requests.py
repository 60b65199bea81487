"""A question to patrol is one frozen request: kept as plain values, read back, and checked at every door."""

from __future__ import annotations

from datetime import date

import pytest

from becalm.formats.json_text import read_request, request_schema
from becalm.patrol.core.request import InputsRequest, PlanRequest, SealRequest, TravelRequest
from becalm.terms import UsageError
from becalm.terms.request import fields_of, request_values

FIRST_DAY = date(2026, 3, 2)
REQUEST = PlanRequest(
    inputs=InputsRequest(
        first_day=FIRST_DAY,
        days=7,
        target=("robbery", "knife"),
        ways=TravelRequest(travel="travel.csv", close_triangles=True),
    ),
    seal=SealRequest(again="a unit was lent"),
    out="plan",
)


def test_a_request_that_was_kept_is_read_back_as_it_was() -> None:
    assert read_request(PlanRequest, request_values(REQUEST)) == REQUEST


def test_a_plan_of_more_than_a_quarter_is_refused_by_its_field() -> None:
    with pytest.raises(UsageError) as error:
        InputsRequest(first_day=FIRST_DAY, days=93)
    assert [fault.where for fault in error.value.faults] == ["days"]


def test_the_schema_of_a_plan_tells_each_field_with_its_help() -> None:
    parts = request_schema(PlanRequest)["$defs"]
    assert parts["InputsRequest"]["properties"]["days"]["description"] == "How many days."
    assert "again" in parts["SealRequest"]["properties"]


def test_no_two_fields_of_a_plan_have_one_name() -> None:
    names = [field.name for field in fields_of(PlanRequest)]
    assert len(set(names)) == len(names)
