"""How many arrests came from dedicated activity: a published rule, corrections honoured, reasons told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from entries import EVENING, event, numbered

from becalm.app.events import FOLDS
from becalm.ledger import Event, fold_entries
from becalm.record.core.arrests import ArrestDefinition, ArrestFigure, count_arrests
from becalm.record.files.definitions import load_definition

SHIPPED = load_definition()
SINCE, UNTIL = datetime(2020, 2, 1, tzinfo=UTC), datetime(2020, 6, 1, tzinfo=UTC)


def arrest(unit: str = "VSU 1", activity: str = "hotspot patrol", **more: Any) -> Event:
    facts = {"unit": unit, "activity": activity, **more.pop("facts", {})}
    return event("arrest_made", facts, **more)


def figure(events: Sequence[Event], rule: ArrestDefinition = SHIPPED) -> ArrestFigure:
    return count_arrests(numbered(*events), rule, since=SINCE, until=UNTIL)


def counted(events: Sequence[Event], rule: ArrestDefinition = SHIPPED) -> list[int]:
    return [arrest.seq for arrest in figure(events, rule).counted_arrests]


def test_only_the_activities_that_the_definition_names_count() -> None:
    found = figure([arrest(), arrest(activity="Response"), arrest(activity="Morris dancing")])
    assert [a.seq for a in found.counted_arrests] == [1]
    assert [(left.arrest.seq, left.reason) for left in found.excluded_arrests] == [
        (2, "other activity"),
        (3, "unknown activity"),
    ]


@pytest.mark.parametrize(
    "activity", ["Hotspot Patrol", "hotspot_patrol", "HOTSPOT-PATROL", " hot spot patrol"]
)
def test_an_activity_is_known_however_it_is_written(activity: str) -> None:
    assert counted([arrest(activity=activity)]) == [1]


def test_the_period_includes_its_start_and_excludes_its_end() -> None:
    made = [arrest(occurred_at=at) for at in (SINCE - timedelta(seconds=1), SINCE, UNTIL)]
    assert counted(made) == [2]
    assert figure(made).outside == 2


def test_a_correction_takes_the_place_of_what_it_corrects_and_the_last_one_stands() -> None:
    events = [arrest(), arrest(activity="response", corrects=1), arrest("VSU 7", corrects=1)]
    (found,) = figure(events).counted_arrests
    assert (found.seq, found.latest, found.unit, found.is_corrected) == (1, 3, "VSU 7", True)


def test_a_correction_may_take_an_arrest_out_of_the_period() -> None:
    assert counted([arrest(), arrest(occurred_at=SINCE - timedelta(days=1), corrects=1)]) == []


def test_a_withdrawn_arrest_does_not_count_and_is_told_of() -> None:
    found = figure([arrest(), event("entry_withdrawn", {"reason": "written twice"}, corrects=1)])
    assert [left.reason for left in found.excluded_arrests] == ["withdrawn"]


@pytest.mark.parametrize(
    ("unit", "counts"),
    [("VSU", True), ("VSU 3", True), ("vsu-12", True), ("VSU3", True), ("VSUX 1", False), ("ERT 1", False)],
)
def test_a_definition_may_name_kinds_of_unit(unit: str, counts: bool) -> None:
    assert counted([arrest(unit)], replace(SHIPPED, unit_kinds=("VSU",))) == ([1] if counts else [])


def burst(**more: Any) -> Event:
    facts = {
        "unit": "VSU 1",
        "hotspot": "H1",
        "starts_at": "2020-04-30T21:00:00Z",
        "ends_at": "2020-04-30T21:15:00Z",
        "place_easting_m": 1000,
        "place_northing_m": 1000,
        "radius_m": 100,
    }
    return event("burst_done", {**facts, **more})


@pytest.mark.parametrize(
    ("metres", "minutes", "counts"),
    [
        *((0, 0, True), (150, 0, True), (151, 0, False), (0, 20, True), (0, 21, False), (None, 0, False)),
        *((0, -35, True), (0, -36, False)),  # in the hour before that in which it began
    ],
)
def test_a_definition_may_ask_for_the_place_and_time_of_a_burst(
    metres: int | None, minutes: int, counts: bool
) -> None:
    rule = replace(SHIPPED, within_burst=True, around_minutes=20, around_m=50)
    place = {} if metres is None else {"place_easting_m": 1000 + metres, "place_northing_m": 1000}
    made = arrest(facts=place, occurred_at=EVENING + timedelta(minutes=minutes))
    elsewhere = burst(place_easting_m=9_000)
    assert counted([elsewhere, burst(), elsewhere, made], rule) == ([4] if counts else [])
    assert counted([elsewhere, elsewhere, made], rule) == []


@pytest.mark.parametrize(("metres", "minutes", "counts"), [(100, 0, True), (101, 0, False), (0, 1, False)])
def test_a_definition_that_names_no_margins_ends_with_the_burst(
    metres: int, minutes: int, counts: bool
) -> None:
    bare = ArrestDefinition("k", "1", "t", "a", SINCE.date(), "e", "0" * 64, ("hotspot patrol",))
    place = {"place_easting_m": 1000 + metres, "place_northing_m": 1000}
    made = arrest(facts=place, occurred_at=EVENING + timedelta(minutes=minutes))
    assert counted([arrest("ERT 1")], bare) == [1]  # of any unit, anywhere
    assert counted([burst(), made], replace(bare, within_burst=True)) == ([2] if counts else [])
    to_the_hour = burst(ends_at="2020-04-30T22:00:00Z")
    last = arrest(facts=place, occurred_at=EVENING + timedelta(minutes=45))
    assert counted([to_the_hour, last], replace(bare, within_burst=True)) == ([2] if metres <= 100 else [])


def test_arrests_that_are_equal_in_all_that_is_known_are_told_of() -> None:
    assert figure([arrest(), arrest(), arrest("VSU 2")]).alike == 2


def test_the_state_table_of_arrests_says_the_same_as_the_entries() -> None:
    events = [
        arrest(),
        arrest("VSU 2"),
        arrest("VSU 3", corrects=1),
        event("entry_withdrawn", {"reason": "x"}, corrects=2),
        event("seizure_made", {"item": "knife", "unit": "VSU 1", "activity": "weapon sweep"}),
        event("seizure_made", {"item": "gun", "unit": "VSU 1", "activity": "weapon sweep"}, corrects=1),
    ]
    fold = next(fold for fold in FOLDS if fold.table == "arrest")
    rows = fold_entries(fold, numbered(*events)).values()
    assert [(r["seq"], r["latest"], r["unit"], r["withdrawn"]) for r in rows] == [
        (1, 3, "VSU 3", False),
        (2, 4, "VSU 2", True),
    ]
