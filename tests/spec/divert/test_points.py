"""The published rule on small drawn tables: who is selected, with which points, and what earns none."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from becalm.divert.core.crime_events import EventRow
from becalm.divert.core.explanation import Explanation, explain_person, explanation_data
from becalm.divert.core.score import NO_CUT
from becalm.divert.files.read_rule import read_rule

AS_OF = date(2020, 5, 31)
BORN = date(1995, 1, 1)
ROBBERY, ASSAULT = "34B", "8N"  # bands 4 and 3


def event(day: str, **changes: object) -> EventRow:
    row = EventRow(f"C-{day}", date.fromisoformat(day), ROBBERY, "suspect", "charged", "fact", "victim", "")
    return replace(row, **changes)


THREE = (event("2020-05-01"), event("2020-04-01"), event("2020-01-15", status="named"))


def explain(*rows: EventRow, born_on: date | None = BORN) -> Explanation:
    return explain_person("P-1", rows, born_on, read_rule(), as_of=AS_OF, cut=NO_CUT, other_cut=NO_CUT)


def test_three_reported_crimes_on_three_days_are_selected_and_add_up_by_hand() -> None:
    answer = explain(*THREE)
    assert answer.is_selected
    assert [line.points for line in answer.events] == [4 * 4 * 4, 4 * 4 * 4, 4 * 3 * 1]
    assert answer.points == 140


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"found_by": "police"}, "the police found it by looking"),
        ({"found_by": "programme"}, "a crew of the programme caused it"),
        ({"found_by": "unknown"}, "nobody reported it as far as is known"),
        ({"outcome": "no_crime"}, "the crime was cancelled"),
        ({"outcome": "transferred"}, "the crime was transferred"),
        ({"status": "eliminated"}, "the person was ruled out"),
        ({"basis": "assessment"}, "it is an assessment, not a fact"),
        ({"offence": "Possession of drugs"}, "the offence is not in the rule"),
        ({"role": "witness", "status": ""}, "it has another role"),
        ({"occurred_on": date(2019, 5, 31)}, "it is older than the window"),
        ({"occurred_on": date(2020, 6, 1)}, "it is after the day of the list"),
        ({"crime_ref": "C-2020-04-01"}, "another event of the same crime counts"),
    ],
)
def test_what_may_not_count_earns_nothing_and_is_told_so(changes: dict[str, object], why: str) -> None:
    answer = explain(THREE[0], THREE[1], replace(THREE[2], **changes))
    line = next(line for line in answer.events if line.why_not)
    assert (line.points, line.why_not) == (0, why)
    assert not answer.is_selected


def test_a_victim_of_three_crimes_is_not_selected_and_earns_points_apart() -> None:
    answer = explain(*(replace(row, role="victim", status="") for row in THREE))
    assert (answer.points, answer.is_selected) == (0, False)
    assert answer.victim_points == 4 * 4 + 4 * 4 + 4 * 3


def test_being_a_victim_too_adds_nothing_and_brings_support_first() -> None:
    victim = event("2020-05-20", role="victim", status="", crime_ref="V-1")
    answer = explain(*THREE, victim)
    assert answer.points == explain(*THREE).points
    assert answer.has_overlap


@pytest.mark.parametrize("born_on", [None, date(2002, 6, 1)])
def test_a_child_or_somebody_of_unknown_age_is_not_selected(born_on: date | None) -> None:
    assert explain(*THREE, born_on=date(2002, 5, 31)).is_selected
    assert not explain(*THREE, born_on=born_on).is_selected


def test_old_crimes_alone_are_not_selected() -> None:
    assert not explain(event("2019-11-01"), event("2019-10-01"), event("2019-09-01")).is_selected


def test_without_a_formal_outcome_nobody_is_selected() -> None:
    assert not explain(*(replace(row, status="interviewed") for row in THREE)).is_selected
    assert explain(*(replace(row, status="upheld") for row in THREE)).is_selected


def test_only_the_five_highest_events_count() -> None:
    answer = explain(*(event(f"2020-05-{day:02}") for day in range(1, 8)))
    assert answer.points == 5 * 64
    assert [line.why_not for line in answer.events if line.why_not] == ["only the highest ones count"] * 2


def test_the_answer_says_what_would_change_it() -> None:
    answer = explain(*THREE)
    assert dict(answer.near_miss) == {row.crime_ref: False for row in THREE}
    assert answer.is_marginal
    firm = explain(*THREE, event("2020-03-03"), event("2020-02-02"))
    assert dict(firm.near_miss) == {line.event.crime_ref: True for line in firm.events}
    assert not firm.is_marginal


def test_the_json_is_as_the_contract_says() -> None:
    data = explanation_data(explain(*THREE))
    assert list(data) == [
        "person", "rule", "as_of", "data_sha256", "gate", "events", "points", "victim_points", "selected",
        "near_miss", "stability", "marginal",
    ]  # fmt: skip
    assert list(data["rule"]) == ["key", "version", "sha256"]
    assert list(data["stability"]) == ["other_weights", "dropped", "window_shorter", "window_longer"]
    assert list(data["events"][0]) == [
        "crime_ref", "occurred_on", "role", "harm_band", "recency", "status", "points", "why_not",
    ]  # fmt: skip
