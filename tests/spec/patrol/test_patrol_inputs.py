"""Units, policy and hotspots: what a plan is made of, and what is refused before anything is planned."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, time
from pathlib import Path

import pytest
from patrols import CRS, ZONE, first_day, listed, policy, roster, team

from becalm.patrol.core.dose_places import dose_places
from becalm.patrol.core.plan_inputs import Base
from becalm.patrol.core.policy import DoseBand, meal_minutes, policy_week
from becalm.patrol.core.roster import Absence, expand_shifts, find_changed_nights, hour_of_week, tour_span
from becalm.patrol.files.read_hotspots import read_hotspots, read_outlines
from becalm.patrol.files.read_policy import load_policy
from becalm.patrol.files.read_units import read_units
from becalm.terms import InputError, PlanError

UNITS = """
[[areas]]
area = "North"
boroughs = ["Northam"]
[[bases]]
base = "station"
easting_m = 500000
northing_m = 200000
[[teams]]
team = "N"
area = "North"
base = "station"
mode = "foot"
starts = ["06:00:00", "06:40:00"]
hours = 8.0
"""

MEALS = policy().meals


def units_file(folder: Path, text: str) -> Path:
    path = folder / "units.toml"
    path.write_text(text, "utf-8")
    return path


def shifts(*teams, days: int = 1, first: date = date(2026, 3, 2), meals=MEALS):
    return expand_shifts(roster(*teams), first=first, days=days, zone=ZONE, meals=meals)


def test_each_start_is_a_unit_of_its_own(tmp_path: Path) -> None:
    unit_roster = read_units(units_file(tmp_path, UNITS), crs=CRS)
    assert unit_roster.units == ("N 1", "N 2")
    assert unit_roster.area_of_borough == {"Northam": "North"}


@pytest.mark.parametrize("name", ["london", "westminster"])
def test_the_shipped_rosters_hold(name: str) -> None:
    unit_roster = read_units(name, crs=CRS)
    unit_shifts = expand_shifts(
        unit_roster, first=date(2026, 3, 23), days=14, zone=ZONE, meals=policy().meals
    )
    assert len(unit_shifts) == 14 * len(unit_roster.units)
    assert all(500_000 < b.easting_m < 560_000 for b in unit_roster.bases)


def test_a_units_file_is_refused_with_all_its_faults_at_once(tmp_path: Path) -> None:
    faulty_text = UNITS.replace('area = "North"\nbase', 'area = "Nrth"\nbase').replace(
        'base = "station"\nmode', 'base = "x"\nmode'
    )
    faulty_text += '[[absences]]\nunit = "N 9"\nsince = 2026-03-05\nuntil = 2026-03-05\n'
    with pytest.raises(InputError) as refused:
        read_units(units_file(tmp_path, faulty_text), crs=CRS)
    whats = [fault.what for fault in refused.value.faults]
    assert len(whats) == 4
    assert "'Nrth' is not among the areas" in whats
    assert "did you mean" in refused.value.faults[0].remedy


def test_no_units_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there are no units"):
        read_units(units_file(tmp_path, UNITS[: UNITS.index("[[teams]]")]), crs=CRS)


def test_days_with_nobody_on_duty_are_refused() -> None:
    with pytest.raises(PlanError, match="no unit is on duty"):
        shifts(team(weekdays=(6,)))


def test_a_tour_over_the_night_that_loses_an_hour_is_an_hour_shorter() -> None:
    night = team(starts=(time(22),))
    lengths = [s.hours.minutes / 60 for s in shifts(night, first=date(2026, 3, 27), days=3)]
    assert lengths == [8, 7, 8]
    lengths = [s.hours.minutes / 60 for s in shifts(night, first=date(2026, 10, 23), days=3)]
    assert lengths == [8, 9, 8]
    assert find_changed_nights(first=date(2026, 3, 20), days=14, zone=ZONE) == ((date(2026, 3, 29), 23),)
    assert find_changed_nights(first=date(2026, 10, 20), days=14, zone=ZONE) == ((date(2026, 10, 25), 25),)


def test_a_start_that_the_clock_leaves_out_is_the_same_time_after_the_change() -> None:
    span = tour_span(date(2026, 3, 29), time(1, 30), 8.0, zone=ZONE)
    assert f"{span.start:%H:%M}" == "01:30"  # 02:30 by the clock of London
    assert hour_of_week(span.start, zone=ZONE) == 6 * 24 + 2


def test_meals_follow_the_length_of_the_tour() -> None:
    meals = policy().meals
    assert [meal_minutes(meals, h) for h in (3, 4, 6.5, 7.9, 8, 9, 10, 12)] == [0, 30, 35, 40, 45, 50, 60, 60]
    unit_shifts = shifts(team(starts=(time(22),)), first=date(2026, 10, 24))
    assert [s.meal_minutes for s in unit_shifts] == [50]  # nine hours, on the night that has 25


def test_a_shift_shorter_than_its_meal_is_refused_by_unit_and_day() -> None:
    meals = (replace(policy().meals[0], from_hours=1.0, minutes=60),)
    with pytest.raises(PlanError) as refused:
        shifts(team(hours=1.5, starts=(time(6),)), team("M", hours=1.0, starts=(time(7),)), meals=meals)
    assert [fault.where for fault in refused.value.faults] == ["N", "M"]
    assert "too few for its meal of 60" in refused.value.faults[0].what


def test_absent_units_have_no_shift() -> None:
    away = replace(roster(), absences=(Absence("N 1", first_day(), date(2026, 3, 4), "sick"),))
    unit_shifts = expand_shifts(away, first=first_day(), days=3, zone=ZONE, meals=())
    assert [s.unit for s in unit_shifts] == ["N 2", "N 2", "N 1", "N 2"]


def test_the_worst_places_are_owed_most() -> None:
    dosed = dose_places(
        [listed(f"h{i}", i + 1) for i in range(10)], policy(), area_of_borough={"Northam": "North"}
    )
    assert [p.dosage.visits_per_day for p in dosed.places] == [5.0] * 2 + [3.5] * 4 + [2.0] * 4
    assert dosed.places[0].dosage.minutes_per_day == 75.0


def test_dosage_by_certainty_and_by_harm() -> None:
    bands = (DoseBand(0.8, 6.0), DoseBand(0.0, 2.0))
    by_p = replace(policy(), dose=replace(policy().dose, by="certainty", bands=bands))
    places = [listed("sure", 1, p_top=0.9), listed("unsure", 2, p_top=0.3)]
    areas = {"Northam": "North"}
    assert [p.dosage.visits_per_day for p in dose_places(places, by_p, area_of_borough=areas).places] == [
        6.0,
        2.0,
    ]
    by_harm = replace(policy(), dose=replace(policy().dose, by="harm", visits_per_day=3.0, harm_power=1.0))
    places = [listed("a", 1, harm=3.0), listed("b", 2, harm=1.0), listed("c", 3, harm=0.0)]
    visits = [p.dosage.visits_per_day for p in dose_places(places, by_harm, area_of_borough=areas).places]
    assert visits == pytest.approx([6.75, 2.25, 1.0])  # the last one is lifted to the least


def test_places_without_hours_get_the_policys_week_and_the_notes_say_so() -> None:
    own_profile = tuple([0.0] * 167 + [1.0])
    dosed = dose_places(
        [listed("timed", 1, profile=own_profile), listed("untimed", 2)],
        policy(),
        area_of_borough={"Northam": "North"},
    )
    assert dosed.places[0].profile == own_profile
    assert dosed.places[1].profile == policy_week(policy())
    assert any(note.startswith("1 of 2 places have records without hours") for note in dosed.notes)


def test_places_outside_every_area_are_left_out_and_named() -> None:
    places = [listed("in", 1), listed("out", 2, borough="Southam"), listed("nowhere", 3, borough="")]
    station = (Base("station", 500_000.0, 200_000.0), "North")
    dosed = dose_places(places, policy(), area_of_borough={"Northam": "North"}, area_of_base=[station])
    assert [p.hotspot for p in dosed.places] == ["in", "nowhere"]
    assert any("Left out, in boroughs that belong to no area: Southam 1." in note for note in dosed.notes)
    assert any(
        "1 of 2 places name no borough: each belongs to the area of its nearest base" in note
        for note in dosed.notes
    )
    with pytest.raises(PlanError, match="1 of 2 hotspots name no borough"):
        dose_places(places, policy(), area_of_borough={"Northam": "North"})
    with pytest.raises(PlanError, match="All 1 hotspots lie in boroughs of no patrol area"):
        dose_places(places[1:2], policy(), area_of_borough={"Northam": "North"})


def test_the_policy_names_its_author_its_day_and_its_evidence() -> None:
    book = load_policy()
    assert book.author
    assert book.reviewed_on.year >= 2026
    assert len(book.evidence) >= 8
    assert all(e.reading for e in book.evidence)


def test_a_policy_is_refused_with_all_its_faults_at_once(tmp_path: Path) -> None:
    from importlib.resources import files

    shipped = (files("becalm.patrol.files") / "policies" / "policy_2020.toml").read_text("utf-8")
    faulty_text = shipped.replace("upto = 1.0", "upto = 0.9").replace(
        "slot_minutes = 1 ", "slot_minutes = 5 "
    )
    faulty_text = faulty_text.replace("burst_minutes = [10, 15, 20]", "burst_minutes = [10, 12]")
    path = tmp_path / "policy.toml"
    path.write_text(faulty_text.replace("kph = 4.8", "kph = -4.8"), "utf-8")
    with pytest.raises(InputError) as refused:
        load_policy(path)
    messages = " ".join(fault.what for fault in refused.value.faults)
    assert "the last one must end at 1.0" in messages
    assert "not whole slots of 5" in messages
    assert len(refused.value.faults) == 3


def feature(name: object = "h1", geometry: object = None, **facts: object) -> dict:
    square = [[[-0.13, 51.51], [-0.128, 51.51], [-0.128, 51.5115], [-0.13, 51.5115], [-0.13, 51.51]]]
    shape = geometry or {"type": "Polygon", "coordinates": square}
    return {"type": "Feature", "geometry": shape, "properties": {"place_id": name, **facts}}


def geojson(folder: Path, *features: dict) -> Path:
    path = folder / "hotspots.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}), "utf-8")
    return path


def test_hotspots_are_read_with_what_they_bring(tmp_path: Path) -> None:
    point = {"type": "Point", "coordinates": [-0.14, 51.515]}
    path = geojson(
        tmp_path, feature(expected=2.0, p_top=0.7, borough="Westminster"), feature("h2", point, expected=5)
    )
    one, two = read_hotspots(path, crs=CRS)
    assert (one.hotspot, one.rank, one.p_top, one.borough) == ("h1", 2, 0.7, "Westminster")
    assert 529_000 < one.easting_m < 531_000
    assert two.rank == 1
    assert two.radius_m == 75.0
    assert list(read_outlines(path, crs=CRS)) == ["h1"]


def test_a_hotspot_file_is_refused_with_all_its_faults_at_once(tmp_path: Path) -> None:
    path = geojson(
        tmp_path,
        feature(""),
        feature("h1", {"type": "Point", "coordinates": []}),
        feature("h2", profile=[1.0]),
        feature("h3", expected=-1),
        feature("h3"),
    )
    with pytest.raises(InputError) as refused:
        read_hotspots(path, crs=CRS)
    assert len(refused.value.faults) == 5


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"type": "FeatureCollection", "features": []}'])
def test_what_is_no_list_of_hotspots_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "hotspots.geojson"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError):
        read_hotspots(path, crs=CRS)
