"""What units and commanders see of a plan: two bursts, whole forecasts, and nothing that tells the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import patrol_plans
import pytest

from becalm.patrol.core.plan_result import forecast_dosage
from becalm.patrol.files.calendars import unit_calendar
from becalm.patrol.files.plan_files import (
    checksum_lines,
    dosage_geojson,
    plan_files,
    unit_files,
    update_checksums,
)
from becalm.patrol.files.sealed_box import SealedBox, SealedKey
from becalm.patrol.files.unit_sheets import sheet_file_names, tours_of
from becalm.terms import PlanError

PLAN = patrol_plans.document()


def test_a_calendar_escapes_and_folds_what_the_standard_says() -> None:
    long = "Café, Ecke; \\ " + "ä" * 60
    places = tuple(replace(p, name=long) for p in PLAN.inputs.places)
    plan = replace(PLAN, inputs=replace(PLAN.inputs, places=places))
    text = unit_calendar(plan, tours_of(plan)["Team 1"], burst_limit=None)
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    unfolded = text.replace("\r\n ", "")
    assert "SUMMARY:Patrol Café\\, Ecke\\; \\\\ " + "ä" * 60 in unfolded
    assert unfolded.count("BEGIN:VEVENT") == 4  # the tour, two bursts and the meal
    assert "GEO:51.503991;-0.128354" in unfolded


def test_a_calendar_of_a_unit_tells_its_first_bursts_and_its_meal() -> None:
    text = unit_calendar(PLAN, tours_of(PLAN)["Team 1"], burst_limit=1)
    assert text.count("SUMMARY:Patrol") == 1
    assert text.count("SUMMARY:Meal") == 1


def test_nobody_is_on_duty_on_another_day() -> None:
    assert set(unit_files(PLAN, date(2020, 5, 5))) == {"sheets.html"}
    assert set(unit_files(PLAN, patrol_plans.DAY, unit="Team 2")) == {
        "sheets.html",
        "team-2.html",
        "team-2.ics",
    }


def test_a_sheet_tells_the_time_of_the_city_and_the_name_of_the_place() -> None:
    text = unit_files(PLAN, patrol_plans.DAY)["team-1.html"]
    assert "18:10" in text  # 17:10 UTC in summer
    assert "Market Square" in text
    assert "19:40 to 20:10" in text  # the meal


def test_places_are_forecast_worst_served_first_and_areas_add_up() -> None:
    forecast = forecast_dosage(PLAN.inputs.places, PLAN.dosage)
    assert [p.hotspot for p in forecast.places] == ["market", "station"]
    assert [p.within_band for p in forecast.places] == [True, False]
    assert forecast.expected_error == pytest.approx((0.05 + 0.4) / 3.25)
    assert forecast.drawn_error == pytest.approx((0.25 + 1.0) / 3.25)
    assert forecast.areas[0].visits == 4
    assert forecast.areas[0].minutes_per_harm == pytest.approx(1.0)


def test_the_map_has_sums_and_a_warning_and_no_times() -> None:
    text = dosage_geojson(PLAN)
    assert "Do not publish" in text
    assert "2020-05-04T" not in text


def test_every_file_is_the_same_for_the_same_plan() -> None:
    assert plan_files(PLAN) == plan_files(patrol_plans.document())


def test_files_that_are_added_join_the_checksums(tmp_path: Path) -> None:
    (tmp_path / "visits.csv").write_text("old")
    (tmp_path / "sha256.txt").write_text(checksum_lines({"plan.json": "plan", "visits.csv": "before"}))
    update_checksums(tmp_path, ["visits.csv"])
    assert (tmp_path / "sha256.txt").read_text() == checksum_lines({"plan.json": "plan", "visits.csv": "old"})


def test_units_with_names_alike_have_files_of_their_own() -> None:
    names = sheet_file_names(("A 1", "a-1", "A/1", "…"))
    assert len(set(names.values())) == 4


def test_a_sealed_box_gives_back_what_was_put_in(tmp_path: Path) -> None:
    box, key = SealedBox(tmp_path), SealedKey(b"s" * 32, b"n" * 32, b"share")
    box.keep_key("ab" * 32, key)
    assert box.key("ab" * 32) == key
    for number, text in enumerate(("one", "two")):
        box.keep("ab" * 32, "plan.json" if number == 0 else "plan.1.json", text)
    assert box.plans("ab" * 32) == ("one", "two")
    with pytest.raises(PlanError, match="not in"):
        box.key("cd" * 32)
    (box.folder("ab" * 32) / "key.json").write_text("{}")
    with pytest.raises(PlanError, match="cannot be read"):
        box.key("ab" * 32)
