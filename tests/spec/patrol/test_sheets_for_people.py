"""What a sheet, a calendar and a card of a place say, and what is refused at their doors."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import patrol_plans
import pytest
import shapely
from icalendar import Calendar

from becalm.patrol.core.blackouts import Blackout, apply_blackouts
from becalm.patrol.core.instants import read_instant
from becalm.patrol.core.place_cards import (
    MapStreet,
    PlaceCard,
    PlaceTask,
    ReportedOffences,
    cut_maps,
    explain_places,
)
from becalm.patrol.core.plan_inputs import Span
from becalm.patrol.files.calendars import cancelled_calendar, unit_calendar
from becalm.patrol.files.place_cards import cards_json, read_cards, read_tasks
from becalm.patrol.files.read_blackouts import read_blackouts
from becalm.patrol.files.unit_sheets import (
    SheetNotes,
    Tour,
    build_sheet,
    build_unit_tours,
    local_clock,
    tour_files,
    tours_of,
    unit_sheets,
)
from becalm.patrol.files.unit_tours import read_unit_tours
from becalm.terms import InputError, PlanError, UsageError

PLAN = patrol_plans.document()
CARD = PlaceCard(
    "market", "Reported here: 3 robbery.", (MapStreet("High <b>", ((-200.0, 0.0), (200.0, 0.0))),)
)
NOTES = SheetNotes(
    {"market": CARD}, {"market": PlaceTask("Talk to <Joe's>.")}, PlaceTask("Be seen.", "the desk")
)


def tour(unit: str = "Team 1") -> Tour:
    return tours_of(PLAN)[unit][0]


def test_a_sheet_says_why_there_what_to_do_the_meal_who_else_and_whom_to_call() -> None:
    sheet = build_sheet(PLAN, tour(), notes=NOTES)
    first, second = sheet.stops
    assert (first.name, first.why, first.task) == ("Market Square", CARD.why, "Talk to <Joe's>.")
    assert (second.why, second.task, second.call) == ("", "Be seen.", "the desk")
    assert (sheet.meal, sheet.other_units, sheet.calls) == ("19:40 to 20:10", ("Team 2",), ("the desk",))
    assert first.map
    assert not second.map


def test_every_text_on_a_sheet_is_escaped() -> None:
    page = unit_sheets(PLAN, [tour()], notes=NOTES)
    assert "<Joe" not in page
    assert "High <b>" not in page
    assert "High &lt;b&gt;" in page


def test_a_redrawn_tour_replaces_its_bursts_in_a_calendar_and_cancels_those_that_are_no_more() -> None:
    before = Calendar.from_ical(unit_calendar(PLAN, [tour()], burst_limit=2))
    again = replace(tour(), bursts=tour().bursts[:1], replan=1)
    after = Calendar.from_ical(unit_calendar(PLAN, [again], burst_limit=2))
    cancelled = Calendar.from_ical(cancelled_calendar(PLAN, [again]))
    uids = [
        [str(event["UID"]) for event in calendar.walk("VEVENT")] for calendar in (before, after, cancelled)
    ]
    assert set(uids[1]) | set(uids[2]) == set(uids[0])
    assert len(uids[2]) == 1
    assert {int(event["SEQUENCE"]) for event in after.walk("VEVENT")} == {1}
    assert (before["METHOD"], cancelled["METHOD"]) == ("PUBLISH", "CANCEL")
    assert cancelled_calendar(PLAN, [tour()]) == ""


def test_times_carry_their_offset_in_the_nights_in_which_clocks_change() -> None:
    before, after = datetime(2020, 10, 25, 0, 55, tzinfo=UTC), datetime(2020, 10, 25, 1, 10, tzinfo=UTC)
    assert (local_clock(before, PLAN), local_clock(after, PLAN)) == ("01:55 BST", "01:10 GMT")
    assert local_clock(datetime(2020, 3, 29, 1, 5, tzinfo=UTC), PLAN) == "02:05 BST"
    assert local_clock(before - timedelta(days=7), PLAN) == "01:55"


def test_a_time_that_comes_twice_or_never_is_refused_with_what_to_write() -> None:
    with pytest.raises(
        UsageError, match=r"2020-10-25T01:30\+01:00 \(BST\) or 2020-10-25T01:30\+00:00 \(GMT\)"
    ):
        read_instant("2020-10-25T01:30", "Europe/London")
    with pytest.raises(UsageError, match="no single moment"):
        read_instant("2020-03-29T01:30", "Europe/London")
    assert read_instant("2020-10-25T01:30+01:00", "Europe/London") == datetime(
        2020, 10, 25, 0, 30, tzinfo=UTC
    )


def test_a_card_says_what_victims_reported_within_the_place_and_its_own_hours() -> None:
    evening = tuple(0.25 if hour // 24 == 4 and hour % 24 >= 20 else 0.0 for hour in range(168))
    places = (
        patrol_plans.place("market", 0.0, 1.0, profile=evening),
        patrol_plans.place("far", 9_000.0, 1.0),
    )
    x, y = np.array([10.0, 20.0, 400.0]), np.full(3, 180_000.0)
    reports = ReportedOffences(x, y, ("theft", "robbery", "robbery"), np.array([9, 2, 5]), 12, ("robbery",))
    reasons = explain_places(places, reports)
    assert reasons["market"] == (
        "Reported by victims here in 12 months: 2 robbery, 9 theft. "
        "Most of it from 20:00 to 00:00, above all on Friday."
    )
    assert reasons["far"] == ""


def test_a_map_holds_the_streets_around_a_place_in_metres_from_its_middle() -> None:
    lines = shapely.linestrings([[[-900, 180_000], [900, 180_000]], [[5_000, 0], [5_001, 9]]])
    maps = cut_maps([patrol_plans.place("market", 0.0, 1.0)], ("High Street", "Elsewhere"), lines)
    assert maps["market"] == (MapStreet("High Street", ((-260.0, 0.0), (260.0, 0.0))),)


def test_cards_and_tours_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    (tmp_path / "places.json").write_text(cards_json([CARD]), "utf-8")
    assert read_cards(tmp_path) == {"market": CARD}
    for name, text in tour_files(PLAN, NOTES).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    assert read_unit_tours(tmp_path, "Team 1") == build_unit_tours(PLAN, "Team 1", [tour()], NOTES)
    assert read_unit_tours(tmp_path, "Nobody") is None


def test_tasks_that_do_not_fit_or_come_twice_are_all_named(tmp_path: Path) -> None:
    path = tmp_path / "place_tasks.csv"
    path.write_text(f"place_id,task,call\na,Go,\na,Stay,\n,x,\nb,{'x' * 301},{'y' * 81}\n", "utf-8")
    with pytest.raises(InputError) as error:
        read_tasks(path)
    assert [fault.where[-5:] for fault in error.value.faults] == ["row 3", "row 4", "row 5", "row 5"]


def test_blackouts_are_read_with_every_fault_and_close_places_or_areas(tmp_path: Path) -> None:
    path = tmp_path / "blackouts.csv"
    path.write_text(
        "place_id,area,from,to,reason\n"
        "market,,2020-05-04T18:00,2020-05-04T19:00,a march\n"
        ",Old Town,2020-05-04T21:00,2020-05-04T22:00,a raid\n",
        "utf-8",
    )
    read = lambda text: read_instant(text, "Europe/London")  # noqa: E731  # shorter than a function of its own
    blackouts = read_blackouts(path, frozenset({"Old Town"}), read)
    places, notes = apply_blackouts(PLAN.inputs.places, PLAN.inputs.shifts, blackouts)
    assert [len(place.blackouts) for place in places] == [3, 1]
    assert notes[0].startswith("Market Square is closed from 2020-05-04 17:00")
    path.write_text(
        "place_id,area,from,to,reason\n,,2020-05-04,2020-05-03,\n,Nowhere,soon,2020-05-04,x\n", "utf-8"
    )
    with pytest.raises(InputError) as error:
        read_blackouts(path, frozenset({"Old Town"}), read)
    assert len(error.value.faults) == 5


def test_a_blackout_that_leaves_no_time_on_duty_is_refused() -> None:
    all_day = Span(patrol_plans.DUSK - timedelta(hours=1), patrol_plans.DUSK + timedelta(hours=5))
    with pytest.raises(PlanError, match="leave no time") as error:
        apply_blackouts(
            PLAN.inputs.places, PLAN.inputs.shifts, [Blackout(all_day, "a march", place="station")]
        )
    assert [fault.where for fault in error.value.faults] == ["hotspot station"]
